/*
 * server/scoreboard.h -- what workers tell each other, the supervisor and the control process, in a
 * shared memory file:
 *
 *   struct scoreboard                 the header, a block per worker, and the generations of kept
 *                                     answers; any worker writes these
 *   struct scoreboard_breaker         per route and version; any worker writes
 *   struct scoreboard_route           per worker and route; that worker writes
 *
 * A worker that was taken over may write all of it, so nobody takes from it where to look or how
 * far: how many workers and routes there are is known otherwise, and the header read once.
 *
 * All accesses are relaxed atomics; readers add up. Counters go on when a worker is started again,
 * so that sums never fall. Processes of one server are always the same program: no version.
 */
#pragma once
#include "base/err.h"
#include "config/config.h"
#include <stdatomic.h>

#define SCOREBOARD_WORKERS_MAX 256
#define SERVER_VERSIONS        2 /* of a module that a route has at hand: its own, the one before */

struct scoreboard_worker {
    _Alignas(64) _Atomic u64 pid;
    _Atomic u64 started_ns;   /* monotonic; 0: not serving yet */
    _Atomic u64 heartbeat_ns; /* monotonic: last turn of its loop */
    _Atomic u64 connections;  /* open now */
    _Atomic u64 in_flight;    /* requests running or waiting, now */
    _Atomic u64 starts;       /* of this worker; counters, likewise all below */
    _Atomic u64 accepted;     /* connections */
    _Atomic u64 requests;     /* heads parsed */
    _Atomic u64 responses_2xx, responses_4xx, responses_5xx;
    _Atomic u64 traps, deadlines, refused;
    _Atomic u64 guest_cpu_ns;
    _Atomic u64 log_dropped;                    /* lines of the access log */
    _Atomic u64 memory_bytes, memory_max_bytes; /* that it takes now; that it may */
    _Atomic u64 memory_ended;                   /* for want of it */
    _Atomic u64 evicted;                        /* connections, for want of places */
};
static_assert(sizeof(struct scoreboard_worker) == 192, "a block fills three cache lines");

/* A circuit breaker. Closed while open_until_ns is 0; open until then; half-open after it, when one
 * request at a time may try: until probe_until_ns, should its worker die. */
struct scoreboard_breaker {
    _Alignas(64) _Atomic u64 open_until_ns, probe_until_ns;
    _Atomic u64 closed_at_ns; /* what happened before it does not count any more */
    _Atomic u64 streak;       /* probes in a row that failed */
    _Atomic u64 opened;       /* how often, since start */
    u64 spare[3];
};

/* What came of requests in one tenth of a breaker's window. */
#define SCOREBOARD_BUCKETS        10
#define SCOREBOARD_BUCKET_CLIENTS 4
struct scoreboard_bucket {
    _Atomic u64 index; /* monotonic time, in tenths of the window */
    _Atomic u32 good;
    _Atomic u32 input; /* failures that the request itself may have caused: traps and the like */
    _Atomic u32 other; /* failures */
    _Atomic u32 clients[SCOREBOARD_BUCKET_CLIENTS]; /* some that met the former; hashes, 0: none */
    u32 spare;
};

enum scoreboard_outcome {
    SCOREBOARD_OWN = CONFIG_FALLBACK_KINDS, /* its module has answered; below: which fallback did */
    SCOREBOARD_BUILT_IN,                    /* none did: an error */
    SCOREBOARD_OUTCOMES
};

struct scoreboard_route {
    _Alignas(64) _Atomic u64 requests;
    _Atomic u64 running, waiting; /* now */
    _Atomic u64 traps, deadlines;
    _Atomic u64 refused;                       /* too many at a time: 429 */
    _Atomic u64 shed;                          /* would have waited too long: 503 */
    _Atomic u64 shorted;                       /* its breaker was open */
    _Atomic u64 outcomes[SCOREBOARD_OUTCOMES]; /* of answers from calls */
    _Atomic u64 cpu_ns;
    _Atomic u64 service_ns; /* processor time of a call, lately */
    struct scoreboard_bucket windows[SERVER_VERSIONS][SCOREBOARD_BUCKETS];
};

/* Of answers kept for the fallback stale: counters, one for all targets of a hash. */
#define SCOREBOARD_GENERATIONS 8192

struct scoreboard {
    u64 supervisor_pid, started_ns;
    u64 started_unix_ns; /* the same moment on the real-time clock */
    u64 worker_count;
    u64 spare[12];
    struct scoreboard_worker workers[SCOREBOARD_WORKERS_MAX];
    _Atomic u64 generations[SCOREBOARD_GENERATIONS];
};

static inline size_t scoreboard_breakers_at(void)
{
    return round_up(sizeof(struct scoreboard), 4096);
}

static inline size_t scoreboard_routes_at(u64 route_count)
{
    return scoreboard_breakers_at() +
           round_up(route_count * SERVER_VERSIONS * sizeof(struct scoreboard_breaker), 4096);
}

static inline size_t scoreboard_size(u64 worker_count, u64 route_count)
{
    return scoreboard_routes_at(route_count) +
           worker_count * route_count * sizeof(struct scoreboard_route);
}

static inline struct scoreboard_breaker *scoreboard_breaker(struct scoreboard *board, u32 route,
                                                            u32 version)
{
    u8 *at = (u8 *)board + scoreboard_breakers_at();
    return (struct scoreboard_breaker *)(void *)at + (size_t)route * SERVER_VERSIONS + version;
}

static inline struct scoreboard_route *scoreboard_route(struct scoreboard *board, u64 route_count,
                                                        u32 worker, u32 route)
{
    u8 *at = (u8 *)board + scoreboard_routes_at(route_count);
    return (struct scoreboard_route *)(void *)at + worker * route_count + route;
}

/* Maps the supervisor's, for as long as the process lives, and reads once how many workers there
 * are. NULL: ERR_SYSTEM (it cannot be mapped; the supervisor has gone). */
struct scoreboard *scoreboard_map(int fd, bool is_writable, u64 route_count, u32 *worker_count,
                                  struct err *err);

static inline void board_add(_Atomic u64 *counter, u64 delta)
{
    u64 value = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, value + delta, memory_order_relaxed);
}

static inline void board_set(_Atomic u64 *field, u64 value)
{
    atomic_store_explicit(field, value, memory_order_relaxed);
}

static inline u64 board_get(const _Atomic u64 *field)
{
    return atomic_load_explicit((_Atomic u64 *)(uintptr_t)field, memory_order_relaxed);
}
