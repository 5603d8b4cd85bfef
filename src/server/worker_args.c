#include "server/worker_args.h"
#include "base/check.h"
#include "base/file.h"
#include "proc/spawn.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char **worker_args_make(struct arena *arena, u32 index, const char *announce)
{
    char number[16];
    char **argv = arena_array(arena, char *, 5);
    CHECK_MEMORY(argv != NULL);
    snprintf(number, sizeof number, "%u", index);
    argv[0] = "weir";
    argv[1] = "worker";
    argv[2] = arena_text(arena, number, strlen(number));
    argv[3] = announce == NULL ? "-" : arena_text(arena, announce, strlen(announce));
    return argv;
}

bool worker_args_read(int argc, char **argv, struct arena *arena,
                      struct server_worker_config *config, struct err *err)
{
    *config = (struct server_worker_config){.listener_fd = proc_fd_inherited(WORKER_FD_LISTENER),
                                            .ready_fd = proc_fd_inherited(WORKER_FD_READY),
                                            .log_fd = proc_fd_inherited(WORKER_FD_LOG),
                                            .lifeline_fd = proc_fd_inherited(WORKER_FD_LIFELINE),
                                            .snapshots_fd = proc_fd_inherited(WORKER_FD_SNAPSHOTS)};
    int plan_fd = proc_fd_inherited(WORKER_FD_PLAN);
    int board_fd = proc_fd_inherited(WORKER_FD_BOARD);
    if (argc < 4 || plan_fd < 0 || board_fd < 0)
        return err_set(err, ERR_USAGE, ERR_NO_AT,
                       "a worker is started by `weir serve`, not by hand");
    config->index = (u32)strtoul(argv[2], NULL, 10);
    config->announce = strcmp(argv[3], "-") == 0 ? NULL : argv[3];
    if (server_plan_read(plan_fd, arena, &config->plan, err))
        config->board =
            scoreboard_map(board_fd, true, config->plan.route_count, &config->worker_count, err);
    fd_close(&plan_fd);
    fd_close(&board_fd);
    CHECK(config->board == NULL || config->index < config->worker_count);
    return config->board != NULL;
}
