/*
 * loop/loop.h -- the event loop: descriptors by epoll, timers, a wake-up from signal handlers.
 *
 * Watches and timers are members of the caller's structures; the loop never allocates per event.
 * Callbacks run inside loop_poll, one at a time, and may add, change and remove anything,
 * themselves included: after loop_remove or loop_timer_stop returns, that callback does not come.
 * Threads: one; only loop_wake may be called from a signal handler.
 */
#pragma once
#include "base/err.h"

struct loop;

enum loop_event {                /* bits */
                  LOOP_READ = 1, /* readable, or the peer has shut down its side */
                  LOOP_WRITE = 2,
                  LOOP_HANGUP = 4, /* error or both directions closed; always reported */
                  LOOP_EXCLUSIVE =
                      8 /* for a listener shared by processes: wake few (EPOLLEXCLUSIVE) */
};

struct loop_watch;
typedef void loop_watch_fn(struct loop_watch *watch, u32 events);
struct loop_watch {
    int fd; /* borrowed; remove the watch before closing it */
    loop_watch_fn *fn;
};

struct loop_timer;
typedef void loop_timer_fn(struct loop_timer *timer);
struct loop_timer {
    loop_timer_fn *fn; /* set by the owner; the rest, zeroed at first, belongs to the loop */
    u64 at_ns;
    u32 place; /* in the heap + 1; 0: not running */
};

/* errors: ERR_SYSTEM. returns owned: loop_destroy. */
MUST_CHECK bool loop_create(struct loop **out, struct err *err);
void loop_destroy(struct loop **loop); /* watches and timers left are forgotten */

/* Starts watching watch->fd, level-triggered. errors: ERR_SYSTEM. */
MUST_CHECK bool loop_add(struct loop *loop, struct loop_watch *watch, u32 events, struct err *err);
void loop_change(struct loop *loop, struct loop_watch *watch, u32 events); /* not EXCLUSIVE ones */
void loop_remove(struct loop *loop, struct loop_watch *watch);

/* (Re)starts a timer: fn is called once, at or soon after at_ns (monotonic clock, loop_now_ns). */
void loop_timer_start(struct loop *loop, struct loop_timer *timer, u64 at_ns);
void loop_timer_stop(struct loop *loop, struct loop_timer *timer); /* a stopped one is allowed */

/* Dispatches what is due: waits for it at most wait_ns (0: not at all, UINT64_MAX: for ever),
 * and not at all if a callback is due. */
void loop_poll(struct loop *loop, u64 wait_ns);

/* The same, but for one descriptor at most (and the timers); true if more are known to be due. What
 * it starts can run at once, while all it needs is in the cache; the others wait meanwhile. */
bool loop_poll_one(struct loop *loop, u64 wait_ns);

bool loop_has_events(const struct loop *loop); /* known ones: the system need not be asked */

/* Makes a waiting or the next loop_poll return. Async-signal-safe. */
void loop_wake(struct loop *loop);

/* The monotonic clock as read when events were last asked for, or as told by whoever has read it
 * since: cheap, and old by the callbacks of one turn. */
u64 loop_now_ns(const struct loop *loop);
void loop_tell_now(struct loop *loop, u64 now_ns);
