/*
 * server/status_text.c -- the status for people: plain lines, narrow enough for any terminal where
 * names allow it.
 */
#include "base/text.h"
#include "server/status.h"
#include <inttypes.h>

#define NS_PER_S 1000000000u

/* "45 s", "12 min", "3 h 5 min", "2 d 4 h" */
static void add_duration(struct buf *out, u64 ns)
{
    u64 s = ns / NS_PER_S;
    if (s < 60)
        buf_add_format(out, "%" PRIu64 " s", s);
    else if (s < 3600)
        buf_add_format(out, "%" PRIu64 " min", s / 60);
    else if (s < 86400)
        buf_add_format(out, "%" PRIu64 " h %" PRIu64 " min", s / 3600, s / 60 % 60);
    else
        buf_add_format(out, "%" PRIu64 " d %" PRIu64 " h", s / 86400, s / 3600 % 24);
}

/* A text from outside, made plain. */
static void add_plain(struct buf *out, const char *text)
{
    size_t from = out->len;
    buf_add_text(out, text);
    if (buf_ok(out))
        text_make_plain(out->bytes + from, out->len - from);
}

static void add_worker(const struct server_status *s, u32 i, struct buf *out)
{
#define VALUE(key) server_status_value(s, STATUS_WORKER_##key, i, 0)
    size_t len = 0;
    const char *state = server_status_state(s, STATUS_WORKER_state, i, 0, &len);
    buf_add_format(out, "%6u  %-8.*s %7" PRIu64, i, (int)len, state, VALUE(pid));
    buf_add_format(out, " %6" PRIu64 " %7" PRIu64, VALUE(connections), VALUE(in_flight));
    buf_add_format(out, " %10" PRIu64 " %7" PRIu64, VALUE(requests), VALUE(traps));
    buf_add_format(out, " %9" PRIu64 " %7" PRIu64 "  ", VALUE(deadlines), VALUE(refused));
    add_duration(out, VALUE(age_s));
    if (VALUE(starts) > 1)
        buf_add_format(out, ", start %" PRIu64, VALUE(starts));
    buf_add_byte(out, '\n');
#undef VALUE
}

/* "closed", "open, tries in 4 s", and of the version before the same. */
static void add_breaker(const struct server_status *s, u32 i, u32 version, struct buf *out)
{
    size_t len = 0;
    const char *state = server_status_state(s, STATUS_VERSION_breaker, i, version, &len);
    u64 retry_ns = server_status_value(s, STATUS_VERSION_retry_s, i, version);
    buf_add_format(out, "%s breaker %.*s", version == 0 ? "" : "; version before:", (int)len,
                   state);
    if (retry_ns > 0)
        buf_add_format(out, ", tries in %" PRIu64 " s", (retry_ns + NS_PER_S - 1) / NS_PER_S);
}

static void add_route(const struct server_status *s, u32 i, struct buf *out)
{
#define VALUE(key) server_status_value(s, STATUS_ROUTE_##key, i, 0)
    const struct server_route *route = &s->plan->routes[i];
    u64 fallbacks = VALUE(answers_previous) + VALUE(answers_route) + VALUE(answers_stale) +
                    VALUE(answers_static);
    buf_add_format(out, "%10" PRIu64 " %7" PRIu64 " %9" PRIu64, VALUE(requests), VALUE(traps),
                   VALUE(deadlines));
    buf_add_format(out, " %9" PRIu64 " %7" PRIu64 " %7" PRIu64, fallbacks, VALUE(answers_built_in),
                   VALUE(refused));
    buf_add_format(out, " %7" PRIu64 "  ", VALUE(waiting));
    add_plain(out, route->name);
    buf_add_byte(out, ' ');
    add_plain(out, route->path);
    buf_add_byte(out, ',');
    add_breaker(s, i, 0, out);
    if (route->previous != SERVER_NO_MODULE)
        add_breaker(s, i, 1, out);
    buf_add_byte(out, '\n');
#undef VALUE
}

void server_status_text(const struct server_status *s, struct buf *out)
{
    add_plain(out, s->plan->name == NULL ? "weir" : s->plan->name);
    buf_add_text(out, " at ");
    add_plain(out, s->url);
    buf_add_format(out, ", weir " WEIR_VERSION ", process %" PRIu64 ", for ",
                   s->board->supervisor_pid);
    add_duration(out, server_status_value(s, STATUS_SERVER_uptime_s, 0, 0));
    buf_add_text(out, "\n\nworker  state    process   open running   requests   traps deadlines "
                      "refused  for\n");
    for (u32 i = 0; i < s->worker_count; i++)
        add_worker(s, i, out);
    buf_add_text(out, "\n  requests   traps deadlines fallbacks  errors refused waiting  route\n");
    for (u32 i = 0; i < s->plan->route_count && buf_ok(out); i++)
        add_route(s, i, out);
}
