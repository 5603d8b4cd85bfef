/*
 * server/fallback.c -- what answers when a call has failed: what the route says, in its order, and
 * last the error itself. Nothing of an answer has left when this begins.
 *
 * A second call may be made only inside the wall time that is left, with the whole body, and if the
 * first one has changed nothing outside or the method may be repeated. spec: RFC 9110 section 9.2.2
 */
#include "base/check.h"
#include "base/file.h"
#include "server/internal.h"
#include <stdio.h>

static bool may_call_again(const struct server_request *r, u64 now)
{
    return now < r->wall_end_ns && r->body_is_kept && (!r->has_effect || r->is_idempotent);
}

static void name_fallback(struct server_request *r, const char *kind)
{
    snprintf(r->fallback_field, sizeof r->fallback_field, "%s; reason=%s", kind, r->reason);
    snprintf(r->fallback_outcome, sizeof r->fallback_outcome, "%s:%s", kind, r->reason);
    r->record.outcome = r->fallback_outcome;
}

/* The function that answers in another version or route, or NULL. */
static const struct typed_func *func_of(const struct server_request *r,
                                        const struct served_route *route,
                                        const struct served_module *module)
{
    const struct typed_func *func = route != r->route && route->plan->function.text != NULL
                                        ? route->endpoints[0].func
                                        : server_func_like(module, r->endpoint->func);
    return func == NULL || (r->is_raw && !typed_takes_raw(func)) ? NULL : func;
}

/* Calls a version of a route. False: it could not be started. */
static bool call_again(struct server_request *r, struct served_route *route, u32 version)
{
    struct err err = {0};
    u64 now = clock_monotonic_ns();
    struct served_module *module = route->versions[version].module;
    if (!may_call_again(r, now))
        return false;
    r->attempt = (struct server_attempt){.route = route, .version = &route->versions[version]};
    if (r->target == REQUEST_PROGRAM)
        return server_call_make_command(r, r->head.bytes, &err) && server_call_start(r, now, &err);
    r->attempt.func = func_of(r, route, module);
    if (r->attempt.func == NULL)
        return false;
    r->wants_raw &= typed_returns_raw(r->attempt.func);
    return server_call_start(r, now, &err);
}

static bool answer_static(struct server_request *r, const struct server_fallback *fallback)
{
    struct buf *out = &r->worker->payload;
    buf_clear(out);
    buf_add(out, fallback->content.bytes, fallback->content.len);
    server_answer(r, (struct http_response){.status = fallback->status,
                                            .content_type = fallback->media_type});
    return true;
}

/* An answer that needs no call. */
static bool count(const struct server_request *r, const struct server_fallback *fallback,
                  bool has_answered)
{
    board_add(&r->route->board->outcomes[fallback->kind], has_answered);
    return has_answered;
}

/* False: it cannot answer. */
static bool try_fallback(struct server_request *r, const struct server_fallback *fallback)
{
    name_fallback(r, config_fallback_text(fallback->kind));
    switch (fallback->kind) {
    case CONFIG_FALLBACK_PREVIOUS: return call_again(r, r->route, 1);
    case CONFIG_FALLBACK_ROUTE: return call_again(r, &r->worker->table.routes[fallback->route], 0);
    case CONFIG_FALLBACK_STALE: return count(r, fallback, server_stale_answer(r));
    case CONFIG_FALLBACK_STATIC: return count(r, fallback, answer_static(r, fallback));
    case CONFIG_FALLBACK_KINDS: break;
    }
    UNREACHABLE();
}

void server_request_fail(struct server_request *r, const struct err *err,
                         const struct rt_trap *trap)
{
    const struct server_route *plan = r->route->plan;
    struct scoreboard_route *board = r->route->board;
    if (r->reason == NULL)
        r->reason =
            trap != NULL && err->code != ERR_DEADLINE ? trap->code : err_code_text(err->code);
    while (r->fallback_at < plan->fallback_count) {
        const struct server_fallback *fallback = &plan->fallbacks[r->fallback_at++];
        if (try_fallback(r, fallback))
            return;
    }
    name_fallback(r, "built-in");
    board_add(&board->outcomes[SCOREBOARD_BUILT_IN], 1);
    server_answer_error(r, err, trap);
}
