/*
 * cli/main.c -- weir: find the command, run it.
 */
#include "cli/internal.h"
#include "server/worker.h"
#include "wasi/wasi.h"
#include <string.h>

static const struct {
    const char *name;
    cli_command *run;
} commands[] = {
#define COMMAND(name, arguments, summary, text) {#name, cli_##name},
#include "cli/command.def"
#undef COMMAND
    {"worker", server_worker_main}, /* started by the supervisor only */
    {"helper", wasi_helper_main},   /* started by workers only */
};

int main(int argc, char **argv)
{
    const char *name = argc < 2 ? "help" : argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    if (strcmp(name, "--version") == 0)
        name = "version";
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        if (strcmp(commands[i].name, name) != 0)
            continue;
        /* A worker reads the whole command line, the others their own words. */
        bool is_worker = commands[i].run == server_worker_main;
        int skip = is_worker || argc < 2 ? 0 : 1;
        return commands[i].run(argc - skip, argv + skip);
    }
    struct err err = {0};
    cli_command_refuse(name, &err);
    return cli_fail(&err);
}
