/*
 * server/worker.h -- one process, one thread: an event loop that serves HTTP and runs guests on
 * fibers.
 *
 * The supervisor starts it as `weir worker ...`; everything it needs comes in its arguments and
 * descriptors (server/worker_args.c). It ends with status 0 after a drain, with err_code_exit of
 * the reason when it cannot start.
 */
#pragma once
#include "base/digest.h"
#include "base/err.h"
#include "server/scoreboard.h"

/* Limits of one worker and of each request in it. 0 never means "none" here. */
struct server_limits {
    u64 cpu_ns;          /* processor time of a guest call */
    u64 wall_ns;         /* time from the parsed request to the result */
    u64 memory_bytes;    /* of one instance's linear memory */
    u64 body_bytes;      /* of a request */
    u64 drain_ns;        /* after SIGTERM: how long requests in flight may take */
    u32 instances;       /* of one module at the same time */
    u32 queue;           /* requests waiting for an instance, per worker */
    u32 connections;     /* open at the same time */
    u32 head_timeout_ms; /* a slow client: whole request head, then silence within a body */
    u32 body_timeout_ms;
    u32 idle_timeout_ms; /* keep-alive without a request */
};

/* The defaults: CPU 1 s, wall 10 s, memory 128 MiB, ... */
struct server_limits server_limits_default(void);

struct server_module {
    const char *name; /* path segment of its endpoints; unique */
    const char *code_path, *module_path;
};

struct server_worker_config {
    int listener_fd; /* non-blocking */
    int ready_fd;    /* one byte is written when it serves, then it is closed; -1: none */
    const struct server_module *modules;
    u32 module_count;
    struct digest mac_key;
    struct server_limits limits;
    struct scoreboard_worker *board; /* this worker's own block */
    const char *announce;            /* base URL: print each endpoint with a curl line; or NULL */
};

/* Serves until SIGTERM, then drains. Ignores SIGINT and SIGPIPE. Returns true after a clean drain.
 * errors: why it could not start (ERR_ARTIFACT, ERR_LINK, ERR_LIMIT, ERR_SYSTEM, ERR_TRAP). */
MUST_CHECK bool server_worker_run(const struct server_worker_config *config, struct err *err);

/* Becomes a worker: reads the arguments that server_supervise made. Returns an exit status. */
int server_worker_main(int argc, char **argv);
