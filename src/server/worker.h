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
#include "runtime/runtime.h"
#include "server/grants.h"
#include "server/log.h"
#include "server/scoreboard.h"

/* Limits of one worker and of each request in it; server/limits.def says what each is. */
struct server_limits {
#define LIMIT(field, option, scale, value, max, commands, text) u64 field;
#include "server/limits.def"
#undef LIMIT
};

#define SERVER_LIMITS (sizeof(struct server_limits) / sizeof(u64)) /* rows */

struct server_limits server_limits_default(void);

/* Sets the limit with this option name from text, a whole number of its units.
 * errors: ERR_USAGE (no such limit, no number, 0 or too large). */
MUST_CHECK bool server_limits_set(struct server_limits *limits, const char *option,
                                  const char *text, struct err *err);

/* Writes the limit of row `index` as "OPTION=VALUE", both as server_limits_set takes them. */
void server_limits_write(const struct server_limits *limits, u32 index, char *out, size_t len);

struct server_module {
    const char *name; /* path segment of its endpoints; unique */
    const char *code_path, *module_path;
    struct rt_text signature; /* text of FILE.sig; bytes NULL: there is none */
};

struct server_worker_config {
    int listener_fd; /* non-blocking */
    int lifeline_fd; /* to the supervisor, non-blocking; -1: there are no folders to help with */
    int ready_fd;    /* "\n" is written when it serves, then it is closed; -1: none */
    const struct server_module *modules;
    u32 module_count;
    struct server_grants grants;
    struct digest mac_key;
    struct server_limits limits;
    struct scoreboard_worker *board; /* this worker's own block */
    enum server_log_format log_format;
    int log_fd; /* of server_log_open; -1: no log */
    /* Base URL or NULL: when it serves, prints "listening on URL" as one line to standard error,
     * and after it each endpoint as a curl line to paste, all in one write. */
    const char *announce;
};

/* Jails the process once everything is loaded, serves until SIGTERM, then drains. Ignores SIGINT
 * and SIGPIPE. Returns true after a clean drain. errors: why it could not start (ERR_ARTIFACT,
 * ERR_LINK, ERR_LIMIT, ERR_SYSTEM, ERR_TRAP). */
MUST_CHECK bool server_worker_run(const struct server_worker_config *config, struct err *err);

/* Becomes a worker: reads the arguments that server_supervise made. Returns an exit status. */
int server_worker_main(int argc, char **argv);
