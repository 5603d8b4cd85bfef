/*
 * cli/main.c -- weir: find the command, run it.
 */
#include "cli/internal.h"
#include "server/worker.h"
#include "wasi/wasi.h"
#include <fcntl.h>
#include <stdlib.h>
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

/* What is closed is opened as what cannot be used, so that no file of ours comes to stand for it;
 * errors alone vanish. */
static void fill_standard_streams(void)
{
    static const int modes[] = {O_WRONLY, O_RDONLY, O_WRONLY};
    for (int fd = 0; fd < (int)COUNT_OF(modes); fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", modes[fd]) != fd)
            abort();
}

int main(int argc, char **argv)
{
    fill_standard_streams();
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
