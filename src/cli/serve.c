#include "base/arena.h"
#include "base/file.h"
#include "cli/internal.h"
#include "server/listener.h"
#include "server/supervisor.h"

/* The address is taken before modules are compiled: who waits for that does not learn at its end
 * that the port is in use. */
static bool serve_plan(const struct cli_options *options, const struct config *config,
                       struct proc_cache *cache, struct arena *arena, struct err *err)
{
    struct server_plan plan;
    struct server_options server = {.plan = &plan,
                                    .address = config->address,
                                    .workers = (u32)config->workers,
                                    .log_path = config->log_path,
                                    .control = config->control};
    if (!server_snapshot_mode_read(&config->snapshot, &server.snapshot, err) ||
        !server_listener_bind(&config->address, &server.listener, err))
        return false;
    cli_modules_idle(config, server_warn_print, NULL);
    if (!cli_plan_make(options, config, cache, arena, &plan, err)) {
        fd_close(&server.listener);
        return false;
    }
    return server_supervise(&server, err);
}

static bool serve(const struct cli_options *options, struct err *err)
{
    struct proc_cache cache;
    struct arena arena;
    struct config config;
    arena_init(&arena, 512 * MIB);
    bool ok = cli_config_read(options, &arena, &config, err) &&
              proc_cache_open(&cache, options->cache_path, err);
    if (ok) {
        ok = serve_plan(options, &config, &cache, &arena, err);
        proc_cache_close(&cache);
    }
    arena_fini(&arena);
    return ok;
}

int cli_serve(const struct cli_options *options)
{
    struct err err = {0};
    return serve(options, &err) ? 0 : cli_fail(&err);
}
