/*
 * server/lifeline.h -- the supervisor's end of the socket between it and a worker: a jailed worker
 * starts nothing, so it asks for its helper here and is sent the helper's socket.
 *
 * A worker is not trusted: a packet says nothing but "once more", whatever is in it, and
 * descriptors in it are dropped. It has one helper at a time, the former one is killed first, and
 * starts are slowed down as those of workers are; its next packet is not read before that.
 */
#pragma once
#include "base/err.h"
#include <sys/types.h>

struct server_lifeline {
    int sock; /* -1: none */
    bool is_asked;
    bool is_killed; /* the helper, by us: that is no news */
    pid_t pid;      /* of the helper; 0: none runs */
    u64 started_ns, start_at_ns, backoff_ns;
};

/* The pause before the next start of a child that lived so long: none unless it died young, then
 * 0, 10 ms, 20 ms, ... 5 s. *backoff_ns is kept for it, 0 at first. */
u64 server_backoff(u64 *backoff_ns, u64 lived_ns);

/* For a worker to be started. *worker_end is owned by the caller; errors: ERR_SYSTEM. */
MUST_CHECK bool server_lifeline_open(struct server_lifeline *line, int *worker_end,
                                     struct err *err);
/* The worker has gone: so does its helper. */
void server_lifeline_close(struct server_lifeline *line);

int server_lifeline_watched(const struct server_lifeline *line); /* to poll for reading; -1: none */
void server_lifeline_hear(struct server_lifeline *line); /* there may be something to read */

/* When server_lifeline_serve will have something to do; UINT64_MAX: nothing is planned. */
u64 server_lifeline_due_ns(const struct server_lifeline *line);
/* Starts what was asked for and is due; name: of the worker, for messages. */
void server_lifeline_serve(struct server_lifeline *line, u32 worker);

/* A child with this status was reaped. False: it was not this helper. */
bool server_lifeline_reap(struct server_lifeline *line, u32 worker, pid_t pid, int status);
