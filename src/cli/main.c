/*
 * cli/main.c -- weir: find the command, run it.
 */
#include "cli/internal.h"
#include "server/control.h"
#include "server/worker.h"
#include "wasi/wasi.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* What is closed is opened as what cannot be used, so that no file of ours comes to stand for it;
 * errors alone vanish. */
static void fill_standard_streams(void)
{
    static const int modes[] = {O_WRONLY, O_RDONLY, O_WRONLY};
    for (int fd = 0; fd < (int)COUNT_OF(modes); fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", modes[fd]) != fd)
            abort();
}

static int run_command(const struct cli_command_row *command, int argc, char **argv)
{
    struct cli_options options;
    struct err err = {0};
    bool wants_help;
    if (!cli_options_read(&options, command->name, argc, argv, &wants_help, &err))
        return cli_fail(&err);
    if (wants_help)
        return cli_help_print(command->name);
    return command->run(&options);
}

int main(int argc, char **argv)
{
    fill_standard_streams();
    const char *name = argc < 2 ? "help" : argv[1];
    int skip = argc < 2 ? 0 : 1;
    if (strcmp(name, "worker") == 0) /* started by the supervisor only */
        return server_worker_main(argc, argv);
    if (strcmp(name, "control") == 0) /* likewise */
        return server_control_main(argc, argv);
    if (strcmp(name, "initialise") == 0) /* started by serve, inspect and check only */
        return server_initialiser_main(argc, argv);
    if (strcmp(name, "helper") == 0) /* started by the supervisor or `weir run` only */
        return wasi_helper_main(argc - skip, argv + skip);
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    if (strcmp(name, "--version") == 0)
        name = "version";
    const struct cli_command_row *command = cli_command_find(name);
    if (command != NULL)
        return run_command(command, argc - skip, argv + skip);
    struct err err = {0};
    cli_command_refuse(name, &err);
    return cli_fail(&err);
}
