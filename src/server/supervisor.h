/*
 * server/supervisor.h -- the process that owns the listening socket and keeps workers alive.
 *
 * It reads nothing untrusted: snapshots pass through it as bytes. Workers are started by executing
 * this program again, never by a bare fork, so that each has addresses and secrets of its own. A
 * worker that dies is started again at once; one that keeps dying waits longer each time, while the
 * others serve. The control process is kept alive the same way; it ends last. SIGTERM and SIGINT
 * drain: no new connections, requests in flight finish. A second one ends all.
 */
#pragma once
#include "proc/cache.h"
#include "server/initialise.h"
#include "server/worker.h"

/* What `weir serve` was asked for. */
struct server_options {
    int listener;                /* of server_listener_bind; owned from the call on */
    struct config_text address;  /* what it is bound to, for messages */
    u32 workers;                 /* 0: one per core */
    struct config_text log_path; /* NULL: standard output */
    struct config_text control;  /* path of the control socket; NULL: the usual one; or "none" */
    enum server_snapshot_mode snapshot;
    const struct server_plan *plan; /* borrowed */
};

/* Initialises modules, then serves until told to stop. Modules that are initialised for every
 * request have a line each on standard error; then comes "listening on http://ADDR:PORT", once a
 * worker is ready. Returns true after a clean stop.
 * errors: ERR_USAGE (address), ERR_SYSTEM, ERR_LIMIT (cannot listen, there or on the control socket
 * that was asked for), or why the first worker could not
 * start; then nothing was served. */
MUST_CHECK bool server_supervise(const struct server_options *options, struct err *err);
