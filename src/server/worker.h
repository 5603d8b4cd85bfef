/*
 * server/worker.h -- one process, one thread: an event loop that serves HTTP and runs guests on
 * fibers.
 *
 * The supervisor starts it as `weir worker ...`; everything it needs comes in its arguments and
 * descriptors (server/worker_args.c). It ends with status 0 after a drain, with err_code_exit of
 * the reason when it cannot start.
 */
#pragma once
#include "base/err.h"
#include "runtime/runtime.h"
#include "server/plan.h"
#include "server/scoreboard.h"

struct server_worker_config {
    int listener_fd; /* non-blocking */
    int lifeline_fd; /* to the supervisor, non-blocking; -1: there are no folders to help with */
    int ready_fd;    /* "\n", what to tell people and "\0" are written when it serves; -1: none */
    u32 index;       /* of this worker */
    struct server_plan plan;
    struct scoreboard *board;
    u32 worker_count; /* all of the server's */
    int log_fd;       /* of server_log_open; -1: no log */
    int snapshots_fd; /* sealed; -1: there are none */
    /* Base URL, with a ready_fd: people are told "listening on URL" in a line, and after it each
     * endpoint as a curl line to paste. */
    const char *announce;
};

/* Jails the process once everything is loaded, serves until SIGTERM, then drains. Ignores SIGINT
 * and SIGPIPE. Returns true after a clean drain. errors: why it could not start (ERR_ARTIFACT,
 * ERR_LINK, ERR_LIMIT, ERR_SYSTEM, ERR_TRAP). */
MUST_CHECK bool server_worker_run(const struct server_worker_config *config, struct err *err);

/* Becomes a worker: reads the arguments that server_supervise made. Returns an exit status. */
int server_worker_main(int argc, char **argv);

/* Would a worker start with this plan? Loads its modules and makes its routes, and serves nothing.
 * idle: of every route a bit for each of its fallbacks that can never answer; warn hears why.
 * errors: those of server_worker_run. */
MUST_CHECK bool server_plan_check(const struct server_plan *plan, u32 *idle, server_warn *warn,
                                  void *user, struct err *err);
