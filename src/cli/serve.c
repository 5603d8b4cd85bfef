#include "base/arena.h"
#include "cli/internal.h"
#include "server/supervisor.h"

static bool serve(const struct cli_options *options, struct err *err)
{
    struct proc_cache cache;
    struct arena arena;
    struct config config;
    struct server_plan plan;
    arena_init(&arena, 512 * MIB);
    bool ok = cli_config_read(options, &arena, &config, err);
    if (ok && proc_cache_open(&cache, options->cache_path, err)) {
        struct server_options server = {.plan = &plan};
        cli_modules_idle(&config, server_warn_print, NULL);
        ok = cli_plan_make(options, &config, &cache, &arena, &plan, err);
        server.address = config.address;
        server.workers = (u32)config.workers;
        server.log_path = config.log_path;
        server.control = config.control;
        ok = ok && server_snapshot_mode_read(&config.snapshot, &server.snapshot, err) &&
             server_supervise(&server, err);
        proc_cache_close(&cache);
    } else {
        ok = false;
    }
    arena_fini(&arena);
    return ok;
}

int cli_serve(const struct cli_options *options)
{
    struct err err = {0};
    return serve(options, &err) ? 0 : cli_fail(&err);
}
