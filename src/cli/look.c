#include "cli/internal.h"
#include "wasi/wasi.h"
#include <string.h>

#define ARENA_BYTES (256 * MIB)

bool cli_look_init(struct cli_look *look, const struct cli_options *options, const char *path,
                   struct err *err)
{
    const struct rt_options engine = {.memory_max_bytes = options->limits.memory_bytes,
                                      .instances_max = 1};
    *look = (struct cli_look){.options = options};
    arena_init(&look->arena, ARENA_BYTES);
    if (!typed_sidecar_read(path, &look->arena, &look->signature, err) ||
        !proc_cache_open(&look->cache, options->cache_path, err) ||
        !cli_compile(&look->cache, path, options, &look->artifact, err) ||
        !rt_engine_create(&look->engine, &engine, err) || !loop_create(&look->loop, err) ||
        !sched_create(&look->sched, look->engine, look->loop, NULL, err))
        return false;
    wasi_host_add(look->engine);
    return rt_module_load(&look->module, look->engine, look->artifact.code_path,
                          look->artifact.module_path, &look->cache.mac_key, err);
}

void cli_look_fini(struct cli_look *look)
{
    rt_module_release(&look->module);
    sched_destroy(&look->sched);
    loop_destroy(&look->loop);
    rt_engine_destroy(&look->engine);
    proc_cache_close(&look->cache);
    arena_fini(&look->arena);
}

enum cli_kind cli_look_kind(const struct cli_look *look)
{
    if (rt_module_entry_find(look->module, "_start") != NULL)
        return CLI_KIND_PROGRAM;
    return rt_module_entry_find(look->module, "_initialize") != NULL ? CLI_KIND_REACTOR
                                                                     : CLI_KIND_LIBRARY;
}

const char *cli_kind_text(enum cli_kind kind)
{
    static const char *const texts[] = {[CLI_KIND_LIBRARY] = "function library",
                                        [CLI_KIND_REACTOR] = "reactor",
                                        [CLI_KIND_PROGRAM] = "program"};
    return texts[kind];
}

bool cli_look_initialise(struct cli_look *look, struct server_initialisation *out, struct err *err)
{
    const struct server_initialise_options options = {.mode = look->options->snapshot,
                                                      .log_fd = -1};
    struct server_module module = {.name = "",
                                   .code_path = look->artifact.code_path,
                                   .module_path = look->artifact.module_path};
    const struct server_plan plan = {.modules = &module,
                                     .module_count = 1,
                                     .limits = look->options->limits,
                                     .mac_key = look->cache.mac_key};
    *out = (struct server_initialisation){.when = SERVER_INITIALISED_NEVER};
    return !rt_module_has_start(look->module) ||
           server_initialise(&options, &plan, &module, out, NULL, err);
}
