/*
 * server/worker_args.h -- how the supervisor tells a worker what to serve: two program arguments,
 *
 *   weir worker INDEX URL-or-"-"
 *
 * and inherited descriptors.
 */
#pragma once
#include "base/arena.h"
#include "server/worker.h"

/* Descriptors of a worker, in the order they are passed. */
enum worker_fd {
    WORKER_FD_LISTENER,
    WORKER_FD_BOARD,
    WORKER_FD_READY,
    WORKER_FD_LOG,
    WORKER_FD_PLAN,
    WORKER_FD_LIFELINE,
    WORKER_FD_SNAPSHOTS,
    WORKER_FDS
};

/* The arguments for worker `index`, in arena memory, NULL-terminated. */
char **worker_args_make(struct arena *arena, u32 index, const char *announce);

/* Reads arguments and descriptors of this process into config; memory from arena; the scoreboard is
 * mapped. errors: ERR_USAGE, ERR_SYSTEM. */
MUST_CHECK bool worker_args_read(int argc, char **argv, struct arena *arena,
                                 struct server_worker_config *config, struct err *err);
