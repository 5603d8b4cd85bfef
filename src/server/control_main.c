#include "base/arena.h"
#include "base/check.h"
#include "base/file.h"
#include "proc/spawn.h"
#include "server/control.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define ARENA_BYTES (256 * MIB)

/* ---- what the supervisor passes ---- */

int server_control_board(int board_fd, struct err *err)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", board_fd);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        err_sys(err, "cannot open the scoreboard for reading");
    return fd;
}

int server_control_plan(const struct server_plan *plan, struct err *err)
{
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    struct server_route *routes = arena_array(&arena, struct server_route, plan->route_count + 1);
    struct server_module *modules =
        arena_array(&arena, struct server_module, plan->module_count + 1);
    CHECK_MEMORY(routes != NULL && modules != NULL);
    for (u32 i = 0; i < plan->route_count; i++) {
        routes[i] = plan->routes[i];
        routes[i].fallback_count = 0;
    }
    for (u32 i = 0; i < plan->module_count; i++)
        modules[i].name = plan->modules[i].name;
    const struct server_plan shown = {.name = plan->name,
                                      .modules = modules,
                                      .routes = routes,
                                      .module_count = plan->module_count,
                                      .route_count = plan->route_count};
    int fd = server_plan_file(&shown, err);
    arena_fini(&arena);
    return fd;
}

/* ---- and the process takes ---- */

static bool read_args(int argc, char **argv, struct arena *arena,
                      struct server_control_config *config, struct err *err)
{
    int board_fd = proc_fd_inherited(CONTROL_FD_BOARD);
    int plan_fd = proc_fd_inherited(CONTROL_FD_PLAN);
    *config = (struct server_control_config){.listener_fd = proc_fd_inherited(CONTROL_FD_LISTENER)};
    if (argc < 3 || config->listener_fd < 0 || board_fd < 0 || plan_fd < 0)
        return err_set(err, ERR_USAGE, ERR_NO_AT,
                       "control is started by `weir serve`, not by hand");
    config->url = argv[2];
    if (server_plan_read(plan_fd, arena, &config->plan, err))
        config->board =
            scoreboard_map(board_fd, false, config->plan.route_count, &config->worker_count, err);
    fd_close(&plan_fd);
    fd_close(&board_fd);
    return config->board != NULL;
}

int server_control_main(int argc, char **argv)
{
    struct server_control_config config;
    struct arena arena;
    struct err err = {0};
    arena_init(&arena, ARENA_BYTES);
    proc_leave_terminal();
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    bool ok = read_args(argc, argv, &arena, &config, &err) && server_control_run(&config, &err);
    if (!ok)
        fprintf(stderr, "weir: control: %s\n", err.text);
    arena_fini(&arena);
    return ok ? 0 : err_code_exit(err.code);
}
