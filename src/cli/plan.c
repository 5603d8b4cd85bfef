/*
 * cli/plan.c -- from a command line or a weir.toml to what a server serves: the modules compiled,
 * routes, fallback files read.
 */
#include "base/check.h"
#include "base/file.h"
#include "cli/internal.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define STATIC_BYTES_MAX (4 * MIB)
#define DEFAULT_FILE     "weir.toml"

/* "dir/vec.wasm" serves under "vec". */
const char *cli_module_name(struct arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/'), *base = slash == NULL ? path : slash + 1;
    size_t len = strlen(base);
    if (len > 5 && strcmp(base + len - 5, ".wasm") == 0)
        len -= 5;
    return arena_text(arena, base, len);
}

/* The name becomes a path segment: only what needs no escaping there. */
bool cli_module_name_check(const char *name, const char *path, struct err *err)
{
    if (!config_name_is_plain(name))
        return err_set(err, ERR_USAGE, ERR_NO_AT,
                       "%s: the file's name becomes part of the URL; use letters, digits and ._-",
                       path);
    return true;
}

bool cli_is_config(const char *path)
{
    size_t len = strlen(path);
    return len > 5 && strcmp(path + len - 5, ".toml") == 0;
}

/* ---- the configuration ---- */

/* One module for every file of the command line. */
static bool config_of_files(const struct cli_options *options, struct arena *arena,
                            struct config *out, struct err *err)
{
    *out = config_default();
    config_limits_override(&out->limits, &options->given);
    out->module_count = (u32)options->rest_count;
    out->modules = arena_array(arena, struct config_module, out->module_count);
    CHECK_MEMORY(out->modules != NULL);
    for (u32 i = 0; i < out->module_count; i++) {
        const char *path = options->rest[i], *name = cli_module_name(arena, path);
        if (!cli_module_name_check(name, path, err))
            return false;
        for (u32 k = 0; k < i; k++)
            if (strcmp(out->modules[k].name, name) == 0)
                return err_set(err, ERR_USAGE, ERR_NO_AT,
                               "%s and %s would both serve under /%s/; rename one",
                               out->modules[k].path.text, path, name);
        out->modules[i] = (struct config_module){.name = name, .path = {.text = path}};
    }
    return true;
}

static void override_text(struct config_text *out, const char *said, const char *option)
{
    if (said != NULL)
        *out = (struct config_text){.text = said, .key = option};
}

bool cli_config_read(const struct cli_options *options, struct arena *arena, struct config *out,
                     struct err *err)
{
    bool has_default = options->rest_count == 0 && access(DEFAULT_FILE, F_OK) == 0;
    const char *file = has_default ? DEFAULT_FILE : NULL;
    for (int i = 0; i < options->rest_count; i++)
        if (cli_is_config(options->rest[i]))
            file = options->rest[i];
    if (file == NULL && options->rest_count == 0)
        return err_set(err, ERR_USAGE, ERR_NO_AT,
                       "serve what? give a file, weir serve FILE.wasm, or write a " DEFAULT_FILE);
    if (file != NULL && options->rest_count > 1)
        return err_set(err, ERR_USAGE, ERR_NO_AT,
                       "%s says which modules to serve: give it alone, or the modules without it",
                       file);
    bool ok = file == NULL ? config_of_files(options, arena, out, err)
                           : config_read(out, file, &options->given, arena, err);
    if (!ok)
        return false;
    if (options->workers > 0)
        out->workers = options->workers;
    override_text(&out->address, options->address, "--addr");
    override_text(&out->log, options->log, "--log");
    override_text(&out->log_path, options->log_path, "--log-file");
    override_text(&out->snapshot, options->snapshot_text, "--snapshot");
    override_text(&out->control, options->control_path, "--control");
    return true;
}

/* ---- what is never served ---- */

static void look_for_routes(const struct config *config, u32 module, bool *is_served,
                            bool *has_previous)
{
    *is_served = config->route_count == 0;
    *has_previous = false;
    for (u32 i = 0; i < config->route_count; i++) {
        const struct config_route *route = &config->routes[i];
        *is_served |= route->module == module;
        *has_previous |=
            route->module == module && config_route_has(route, CONFIG_FALLBACK_PREVIOUS);
    }
}

void cli_modules_idle(const struct config *config, server_warn *warn, void *user)
{
    char text[ERR_TEXT_MAX];
    for (u32 i = 0; i < config->module_count; i++) {
        const struct config_module *module = &config->modules[i];
        bool is_served, has_previous;
        look_for_routes(config, i, &is_served, &has_previous);
        snprintf(text, sizeof text,
                 "no route serves module %s; [routes.NAME] with module = \"%s\" would",
                 module->name, module->name);
        if (!is_served)
            warn(user, module->at, "idle-module", text);
        snprintf(text, sizeof text,
                 "the version before of module %s never answers; fallback = [\"previous\"] in a "
                 "route of it would",
                 module->name);
        if (is_served && module->previous_path.text != NULL && !has_previous)
            warn(user, module->previous_path.at, "idle-module", text);
    }
}

/* ---- modules ---- */

static bool compile_module(const struct cli_options *options, struct proc_cache *cache,
                           struct arena *arena, const char *name, const char *path,
                           struct server_module *out, struct err *err)
{
    struct proc_artifact artifact;
    struct typed_sidecar signature;
    if (!cli_compile(cache, path, options, &artifact, err) ||
        !typed_sidecar_read(path, arena, &signature, err))
        return false;
    *out = (struct server_module){
        .name = name,
        .code_path = arena_text(arena, artifact.code_path, strlen(artifact.code_path)),
        .module_path = arena_text(arena, artifact.module_path, strlen(artifact.module_path)),
        .signature = signature.text,
    };
    return true;
}

/* Modules stand in the plan at their index, versions before them behind all of these. */
static bool compile_modules(const struct cli_options *options, const struct config *config,
                            struct proc_cache *cache, struct arena *arena, struct server_plan *plan,
                            u32 *previous, struct err *err)
{
    struct server_module *modules =
        arena_array(arena, struct server_module, 2 * (size_t)config->module_count + 1);
    CHECK_MEMORY(modules != NULL);
    plan->modules = modules;
    plan->module_count = config->module_count;
    for (u32 i = 0; i < config->module_count; i++) {
        const struct config_module *from = &config->modules[i];
        previous[i] = SERVER_NO_MODULE;
        if (!compile_module(options, cache, arena, from->name, from->path.text, &modules[i], err))
            return false;
        if (from->previous_path.text == NULL)
            continue;
        previous[i] = plan->module_count++;
        if (!compile_module(options, cache, arena, from->name, from->previous_path.text,
                            &modules[previous[i]], err))
            return false;
    }
    return true;
}

/* ---- routes ---- */

static const char *media_type(const char *path)
{
    static const struct {
        const char *suffix, *type;
    } types[] = {
#define MEDIA(suffix, type) {suffix, type},
#include "cli/media.def"
#undef MEDIA
    };
    size_t len = strlen(path);
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        size_t suffix_len = strlen(types[i].suffix);
        if (len > suffix_len && strcmp(path + len - suffix_len, types[i].suffix) == 0)
            return types[i].type;
    }
    return "application/octet-stream";
}

static bool read_static(const struct config_fallback *from, struct arena *arena,
                        struct server_fallback *out, struct err *err)
{
    struct file_view view;
    if (!file_map(from->path, STATIC_BYTES_MAX, "fallback", &view, err))
        return false;
    const char *bytes = arena_text(arena, view.len == 0 ? (const void *)"" : view.bytes, view.len);
    out->content = (struct rt_text){bytes, (u32)view.len};
    out->media_type = media_type(from->path);
    file_unmap(&view);
    return true;
}

static bool make_route(const struct config_route *from, const u32 *previous, struct arena *arena,
                       struct server_route *out, struct err *err)
{
    *out = (struct server_route){.name = from->name,
                                 .path = from->path.text,
                                 .function = from->function,
                                 .module = from->module,
                                 .previous = SERVER_NO_MODULE,
                                 .limits = from->limits,
                                 .fallback_count = from->fallback_count};
    for (u32 i = 0; i < from->fallback_count; i++) {
        const struct config_fallback *fallback = &from->fallbacks[i];
        out->fallbacks[i] = (struct server_fallback){.kind = fallback->kind,
                                                     .route = fallback->route,
                                                     .status = fallback->status,
                                                     .at = fallback->at};
        if (fallback->kind == CONFIG_FALLBACK_PREVIOUS)
            out->previous = previous[from->module];
        if (fallback->kind == CONFIG_FALLBACK_STATIC &&
            !read_static(fallback, arena, &out->fallbacks[i], err)) {
            err_context(err, "route %s", from->name);
            return config_fail_at(fallback->at, err);
        }
    }
    return true;
}

/* Every module at its own name; a single one at the root too. */
static void make_default_routes(const struct config *config, struct arena *arena,
                                struct server_route *routes)
{
    for (u32 i = 0; i < config->module_count; i++) {
        const char *name = config->modules[i].name;
        size_t len = strlen(name) + 2;
        char *path = arena_alloc(arena, len);
        snprintf(path, len, "/%s", name);
        routes[i] = (struct server_route){.name = name,
                                          .path = path,
                                          .module = i,
                                          .previous = SERVER_NO_MODULE,
                                          .limits = config->limits};
    }
    if (config->module_count == 1) {
        routes[0].also = routes[0].path;
        routes[0].path = "/";
    }
}

bool cli_plan_make(const struct cli_options *options, const struct config *config,
                   struct proc_cache *cache, struct arena *arena, struct server_plan *out,
                   struct err *err)
{
    u32 count = config->route_count > 0 ? config->route_count : config->module_count;
    struct server_route *routes = arena_array(arena, struct server_route, count);
    u32 *previous = arena_array(arena, u32, config->module_count);
    CHECK_MEMORY(routes != NULL && previous != NULL);
    *out = (struct server_plan){.name = config->name.text,
                                .routes = routes,
                                .route_count = count,
                                .limits = config->limits,
                                .mac_key = cache->mac_key};
    if (!server_log_format_read(&config->log, &out->log_format, err) ||
        !cli_grants_read(options, config, arena, &out->grants, err) ||
        !compile_modules(options, config, cache, arena, out, previous, err))
        return false;
    if (config->route_count == 0)
        make_default_routes(config, arena, routes);
    for (u32 i = 0; i < config->route_count; i++)
        if (!make_route(&config->routes[i], previous, arena, &routes[i], err))
            return false;
    return true;
}
