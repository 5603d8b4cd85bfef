/*
 * server/worker_args.h -- how the supervisor tells a worker what to serve: program arguments for
 * plain facts, inherited descriptors for what must not be visible or named.
 *
 *   weir worker INDEX URL-or-"-" LOG-FORMAT OPTION=VALUE... -- NAME CODE_PATH MODULE_PATH
 * SIGNATURE_LEN-or-"-" ...
 *
 * Both ends are always the same program, so the arguments need no version.
 */
#pragma once
#include "base/arena.h"
#include "server/worker.h"

/* Descriptors of a worker, in the order they are passed. */
enum worker_fd {
    WORKER_FD_LISTENER,
    WORKER_FD_BOARD,
    WORKER_FD_READY,
    WORKER_FD_KEY,
    WORKER_FD_LOG,
    WORKER_FD_SIGNATURES,
    WORKER_FD_GRANTS,
    WORKER_FD_LIFELINE,
    WORKER_FDS
};

/* The arguments for worker `index`, in arena memory, NULL-terminated. */
char **worker_args_make(struct arena *arena, u32 index, const char *announce,
                        enum server_log_format log_format, const struct server_limits *limits,
                        const struct server_module *modules, u32 module_count);

/* Reads arguments and descriptors of this process into config; memory from arena; the scoreboard is
 * mapped. errors: ERR_USAGE, ERR_SYSTEM. */
MUST_CHECK bool worker_args_read(int argc, char **argv, struct arena *arena,
                                 struct server_worker_config *config, struct err *err);

/* The secret travels in a memory file. returns owned: a descriptor, -1 for ERR_SYSTEM. */
int worker_key_file(const struct digest *key, struct err *err);

/* The texts of all signatures, one after the other. returns owned: a descriptor, -1 for ERR_SYSTEM.
 */
int worker_signatures_file(const struct server_module *modules, u32 module_count, struct err *err);
