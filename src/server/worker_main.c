#include "base/arena.h"
#include "base/file.h"
#include "proc/spawn.h"
#include "server/worker_args.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

/* The supervisor shows the reason of the first worker as its own; later ones speak themselves. */
static void report(const struct server_worker_config *config, const struct err *err)
{
    if (config->ready_fd >= 0)
        dprintf(config->ready_fd, "%s %s", err_code_text(err->code), err->text);
    else
        fprintf(stderr, "weir: worker: %s\n", err->text);
}

int server_worker_main(int argc, char **argv)
{
    struct server_worker_config config;
    struct arena arena;
    struct err err = {0};
    arena_init(&arena, 64 * MIB);
    proc_leave_terminal();
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* until it has loaded: that may hang */
    bool ok = worker_args_read(argc, argv, &arena, &config, &err);
    if (ok) {
        struct scoreboard_worker *block = &config.board->workers[config.index];
        board_set(&block->pid, (u64)getpid());
        board_add(&block->starts, 1);
        ok = server_worker_run(&config, &err);
    }
    if (!ok)
        report(&config, &err);
    arena_fini(&arena);
    return ok ? 0 : err_code_exit(err.code);
}
