/*
 * server/status.h -- what a server does just now and has done since its start, written from the
 * scoreboard: server/metric.def says what there is.
 */
#pragma once
#include "base/buf.h"
#include "server/plan.h"
#include "server/scoreboard.h"

/* Whose status. All of it is borrowed; the scoreboard is only read. */
struct server_status {
    const struct server_plan *plan;
    struct scoreboard *board;
    u32 worker_count;
    const char *url; /* where it listens */
    u64 now_ns;      /* of the monotonic clock */
};

/* One JSON object, one line: facts and numbers of the server, lists of "workers" and of "routes"
 * with their "versions", and "totals" over workers. */
void server_status_json(const struct server_status *status, struct buf *out);

/* The text format of Prometheus, version 0.0.4. */
void server_status_metrics(const struct server_status *status, struct buf *out);
#define SERVER_METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Plain lines for people: one for each worker and each route. */
void server_status_text(const struct server_status *status, struct buf *out);

/* ---- single values, for status_text.c ---- */

enum server_metric {
#define FACT(scope, key, value, text)
#define METRIC(scope, key, name, label, type, unit, sum, value, text) STATUS_##scope##_##key,
#include "server/metric.def"
#undef FACT
#undef METRIC
    STATUS_METRICS
};

/* index: of the worker or route; version: of a route's module. Otherwise 0. */
u64 server_status_value(const struct server_status *status, enum server_metric metric, u32 index,
                        u32 version);
/* The same of a STATE, as text. */
const char *server_status_state(const struct server_status *status, enum server_metric metric,
                                u32 index, u32 version, size_t *len);
