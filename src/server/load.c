/*
 * server/load.c -- a plan becomes modules, routes and endpoints of a worker.
 */
#include "base/check.h"
#include "server/internal.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES (256 * MIB)

/* ---- modules ---- */

/* Holds the functions of a loaded module against FILE.sig, where there is one. */
static bool type_module(struct worker *w, struct served_module *module,
                        const struct server_module *from, struct err *err)
{
    char file[NAME_MAX + 8];
    snprintf(file, sizeof file, "%s.sig", from->name);
    return typed_module_make(&module->typed, module->module, from->signature, file, &w->arena, err);
}

/* Loads a module, with its snapshot if it has one. */
static bool load_module(struct worker *w, struct served_module *module,
                        const struct server_module *from, struct err *err)
{
    return rt_module_load(&module->module, w->engine, from->code_path, from->module_path,
                          &w->plan->mac_key, err) &&
           (from->snapshot_len == 0 ||
            rt_module_use_snapshot(module->module, w->config->snapshots_fd, from->snapshot_at,
                                   from->snapshot_len, err));
}

static bool load_modules(struct worker *w, struct err *err)
{
    const struct server_plan *plan = w->plan;
    w->modules = arena_array(&w->arena, struct served_module, plan->module_count);
    if (w->modules == NULL)
        return err_set(err, ERR_LIMIT, ERR_NO_AT, "too many modules");
    for (u32 i = 0; i < plan->module_count; i++) {
        const struct server_module *from = &plan->modules[i];
        struct served_module *module = &w->modules[i];
        module->name = from->name;
        if (!load_module(w, module, from, err) || !type_module(w, module, from, err))
            return err_context(err, "%s", from->name);
        module->program = rt_module_entry_find(module->module, "_start");
        module->prints = server_module_prints(module->module);
    }
    return true;
}

/* ---- routes ---- */

static bool make_version(struct worker *w, struct served_route *route, u32 version, u32 module,
                         struct err *err)
{
    struct served_version *out = &route->versions[version];
    const struct config_limits *limits = &route->plan->limits;
    u32 index = (u32)(route - w->table.routes);
    out->breaker = scoreboard_breaker(w->config->board, index, version);
    out->window = route->board->windows[version];
    if (module == SERVER_NO_MODULE)
        return true;
    out->module = &w->modules[module];
    return (rt_pool_create(&out->pool, out->module->module, (u32)limits->concurrency, err) &&
            rt_pool_limit_memory(out->pool, limits->memory_bytes, err)) ||
           err_context(err, "%s", out->module->name);
}

static bool make_route(struct worker *w, u32 index, struct err *err)
{
    struct served_route *route = &w->table.routes[index];
    const struct server_route *plan = route->plan = &w->plan->routes[index];
    route->board =
        scoreboard_route(w->config->board, w->plan->route_count, w->config->index, index);
    route->module = &w->modules[plan->module];
    for (u32 i = 0; i < plan->fallback_count; i++) {
        enum config_fallback_kind kind = plan->fallbacks[i].kind;
        route->may_retry |= kind == CONFIG_FALLBACK_PREVIOUS || kind == CONFIG_FALLBACK_ROUTE;
        route->keeps_answers |= kind == CONFIG_FALLBACK_STALE;
    }
    w->body_bytes_max = (size_t)max_u64(w->body_bytes_max, plan->limits.body_bytes);
    w->body_bytes_max = (size_t)max_u64(w->body_bytes_max, plan->limits.keep_bytes);
    w->reply_bytes_max = (size_t)max_u64(w->reply_bytes_max, plan->limits.reply_bytes);
    return make_version(w, route, 0, plan->module, err) &&
           make_version(w, route, 1, plan->previous, err);
}

/* A request cannot turn from one of a program into one of a function. */
static bool check_fallbacks(const struct worker *w, const struct served_route *route,
                            struct err *err)
{
    bool is_program = route->module->program != NULL;
    for (u32 i = 0; i < route->plan->fallback_count; i++) {
        const struct server_fallback *fallback = &route->plan->fallbacks[i];
        const struct served_module *other = NULL;
        if (fallback->kind == CONFIG_FALLBACK_PREVIOUS)
            other = route->versions[1].module;
        if (fallback->kind == CONFIG_FALLBACK_ROUTE)
            other = w->table.routes[fallback->route].module;
        if (other == NULL || (other->program != NULL) == is_program)
            continue;
        err_set(err, ERR_USAGE, ERR_NO_AT,
                "route %s: the fallback %s needs another %s, but %s is %s", route->plan->name,
                config_fallback_text(fallback->kind),
                is_program ? "program" : "module of functions", other->name,
                is_program ? "none" : "a program");
        return config_fail_at(fallback->at, err);
    }
    return true;
}

static bool make_routes(struct worker *w, struct err *err)
{
    const struct server_plan *plan = w->plan;
    w->table.routes = arena_array(&w->arena, struct served_route, plan->route_count);
    if (w->table.routes == NULL)
        return err_set(err, ERR_LIMIT, ERR_NO_AT, "too many routes");
    w->table.route_count = plan->route_count;
    for (u32 i = 0; i < plan->route_count; i++)
        if (!make_route(w, i, err))
            return false;
    for (u32 i = 0; i < plan->route_count; i++)
        if (!check_fallbacks(w, &w->table.routes[i], err))
            return false;
    return server_endpoints_make(&w->table, w->table.routes, plan->route_count, &w->arena, err);
}

bool server_load(struct worker *w, struct err *err)
{
    return load_modules(w, err) && make_routes(w, err);
}

void server_unload(struct worker *w)
{
    for (u32 i = 0; i < w->table.route_count; i++)
        for (u32 k = 0; k < SERVER_VERSIONS; k++)
            rt_pool_destroy(&w->table.routes[i].versions[k].pool);
    for (u32 i = 0; w->modules != NULL && i < w->plan->module_count; i++)
        rt_module_release(&w->modules[i].module);
}

/* ---- for who looks before serving ---- */

/* A scoreboard that nobody else sees. */
static struct scoreboard *make_board(const struct server_plan *plan, struct err *err)
{
    size_t len = round_up(scoreboard_size(1, plan->route_count), 64);
    struct scoreboard *board = aligned_alloc(64, len);
    if (board == NULL) {
        err_set(err, ERR_LIMIT, ERR_NO_AT, "too many routes");
        return NULL;
    }
    memset(board, 0, len);
    return board;
}

bool server_plan_check(const struct server_plan *plan, u32 *idle, server_warn *warn, void *user,
                       struct err *err)
{
    const struct rt_options engine = {0};
    struct server_worker_config config = {
        .plan = *plan, .board = make_board(plan, err), .worker_count = 1};
    struct worker *w = check_alloc(sizeof *w);
    w->config = &config;
    w->plan = plan;
    w->limits = &plan->limits;
    arena_init(&w->arena, ARENA_BYTES);
    bool ok = config.board != NULL && rt_engine_create(&w->engine, &engine, err) &&
              loop_create(&w->loop, err) && sched_create(&w->sched, w->engine, w->loop, NULL, err);
    if (ok) {
        wasi_host_add(w->engine);
        ok = server_load(w, err);
    }
    for (u32 i = 0; ok && i < plan->route_count; i++)
        idle[i] = server_fallbacks_idle(&w->table, &w->table.routes[i], warn, user);
    server_unload(w);
    sched_destroy(&w->sched);
    loop_destroy(&w->loop);
    rt_engine_destroy(&w->engine);
    arena_fini(&w->arena);
    free(config.board);
    free(w);
    return ok;
}
