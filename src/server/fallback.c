/*
 * server/fallback.c -- what answers when a call has failed: what the route says, in its order, and
 * last the error itself. Nothing of an answer has left when this begins.
 *
 * A second call may be made only inside the wall time that is left, with the whole body, and if the
 * first one has changed nothing outside or the method may be repeated. spec: RFC 9110 section 9.2.2
 */
#include "base/check.h"
#include "base/file.h"
#include "base/text.h"
#include "server/internal.h"
#include <stdio.h>

#define WARNING_BYTES (16 * KIB) /* some names of functions */
#define LOOKS_MAX 10000000 /* functions of a route times those of another, compared at a start */

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

/* The function that answers for an endpoint in another version of its route, or in another route;
 * NULL: there is none. */
static const struct typed_func *func_for(const struct endpoint *endpoint,
                                         const struct served_route *route,
                                         const struct served_module *module)
{
    return route != endpoint->route && route->plan->function.text != NULL
               ? route->endpoints[0].func
               : server_func_like(module, endpoint->func);
}

/* The same for a request. */
static const struct typed_func *func_of(const struct server_request *r,
                                        const struct served_route *route,
                                        const struct served_module *module)
{
    const struct typed_func *func = func_for(r->endpoint, route, module);
    return func == NULL || (r->is_raw && !typed_takes_raw(func)) ? NULL : func;
}

/* Calls a version of a route. False: it could not be started. */
static bool call_again(struct server_request *r, struct served_route *route, u32 version)
{
    struct err err = {0};
    u64 now = clock_monotonic_ns();
    struct served_module *module = route->versions[version].module;
    bool is_full = route == r->route && r->reason_status == err_code_http(ERR_ROUTE_BUSY);
    if (is_full || !may_call_again(r, now) || server_memory_keeps_waiting(r->worker, route))
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
    if (r->reason == NULL) {
        r->reason =
            trap != NULL && err->code != ERR_DEADLINE ? trap->code : err_code_text(err->code);
        r->reason_status = err_code_http(err->code);
    }
    while (r->fallback_at < plan->fallback_count) {
        const struct server_fallback *fallback = &plan->fallbacks[r->fallback_at++];
        if (try_fallback(r, fallback))
            return;
    }
    name_fallback(r, "built-in");
    board_add(&board->outcomes[SCOREBOARD_BUILT_IN], 1);
    server_answer_error(r, err, trap);
}

/* ---- which of them can never answer ---- */

/* One fallback that is looked at. */
struct look {
    const struct endpoint_table *table;
    const struct served_route *route;
    const struct server_fallback *fallback;
    server_warn *warn;
    void *user;
};

static void warn_of(const struct look *look, const char *what)
{
    const struct server_fallback *fallback = look->fallback;
    bool is_route = fallback->kind == CONFIG_FALLBACK_ROUTE;
    struct buf text;
    buf_init(&text, WARNING_BYTES);
    buf_add_format(&text, "route %s: the fallback %s%s%s %s", look->route->plan->name,
                   config_fallback_text(fallback->kind), is_route ? ":" : "",
                   is_route ? look->table->routes[fallback->route].plan->name : "", what);
    text_make_plain(text.bytes, text.len);
    buf_add_byte(&text, 0);
    if (buf_ok(&text))
        look->warn(look->user, fallback->at, "idle-fallback", (const char *)text.bytes);
    buf_fini(&text);
}

static bool has_options(const struct typed_func *func)
{
    for (u32 i = 0; i < func->params.field_count; i++)
        if (func->params.fields[i].type->kind == TYPED_OPTION)
            return true;
    return false;
}

/* Is there a body that both take? Arguments that may be left out are not told apart. */
static bool may_take_the_same(const struct typed_func *a, const struct typed_func *b)
{
    return a->params.field_count == b->params.field_count || has_options(a) || has_options(b);
}

/* The functions of a route that another route or version has no answer for. Returns whether these
 * are all. Too many to be looked at while a server starts are not told. */
static bool is_idle_call(const struct look *look)
{
    const struct served_route *route = look->route;
    bool is_route = look->fallback->kind == CONFIG_FALLBACK_ROUTE;
    const struct served_route *other =
        is_route ? &look->table->routes[look->fallback->route] : route;
    const struct served_module *module = other->versions[is_route ? 0 : 1].module;
    u32 count = 0;
    struct buf text;
    if ((u64)route->endpoint_count * module->typed.count > LOOKS_MAX)
        return false;
    buf_init(&text, WARNING_BYTES / 2);
    buf_add_text(&text, "can never answer for ");
    for (u32 i = 0; i < route->endpoint_count; i++) {
        const struct endpoint *endpoint = &route->endpoints[i];
        const struct typed_func *func = func_for(endpoint, other, module);
        struct rt_text name = endpoint->func->exported->name;
        if (func == NULL || !may_take_the_same(endpoint->func, func))
            buf_add_item(&text, count++, name.bytes, name.len);
    }
    buf_end_items(&text, count);
    if (is_route && other->plan->function.text != NULL)
        buf_add_format(&text, ": %s takes another number of arguments", other->plan->function.text);
    else
        buf_add_format(&text, ": %s%s has no function of that name with as many arguments",
                       is_route ? "" : "the version before of ", module->name);
    buf_add_byte(&text, 0);
    if (count > 0 && buf_ok(&text))
        warn_of(look, (const char *)text.bytes);
    buf_fini(&text);
    return count > 0 && count == route->endpoint_count;
}

static bool is_idle(const struct look *look)
{
    bool is_program = look->route->module->program != NULL;
    switch (look->fallback->kind) {
    case CONFIG_FALLBACK_PREVIOUS:
    case CONFIG_FALLBACK_ROUTE: return !is_program && is_idle_call(look);
    case CONFIG_FALLBACK_STALE:
        if (!is_program)
            warn_of(look, "can never answer: only answers of programs are kept, not of functions");
        return !is_program;
    case CONFIG_FALLBACK_STATIC: return false;
    case CONFIG_FALLBACK_KINDS: break;
    }
    UNREACHABLE();
}

u32 server_fallbacks_idle(const struct endpoint_table *table, const struct served_route *route,
                          server_warn *warn, void *user)
{
    u32 idle = 0;
    bool has_answered = false; /* one that always does */
    for (u32 i = 0; i < route->plan->fallback_count; i++) {
        const struct server_fallback *fallback = &route->plan->fallbacks[i];
        const struct look look = {table, route, fallback, warn, user};
        if (has_answered)
            warn_of(&look, "can never answer: it stands behind a file, which always does");
        if (has_answered || is_idle(&look))
            idle |= 1u << i;
        has_answered |= fallback->kind == CONFIG_FALLBACK_STATIC;
    }
    return idle;
}
