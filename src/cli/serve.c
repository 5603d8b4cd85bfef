#include "base/arena.h"
#include "base/check.h"
#include "cli/internal.h"
#include "server/supervisor.h"
#include "typed/typed.h"
#include <stdio.h>
#include <string.h>

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
    size_t plain =
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
    if (name[0] == 0 || name[plain] != 0 || strspn(name, ".") == strlen(name))
        return err_set(err, ERR_USAGE, ERR_NO_AT,
                       "%s: the file's name becomes part of the URL; use letters, digits and ._-",
                       path);
    return true;
}

static bool compile_all(struct arena *arena, struct proc_cache *cache,
                        const struct cli_options *options, struct server_module *modules,
                        struct err *err)
{
    for (int i = 0; i < options->rest_count; i++) {
        struct proc_artifact artifact;
        const char *path = options->rest[i], *name = cli_module_name(arena, path);
        if (!cli_module_name_check(name, path, err))
            return false;
        for (int k = 0; k < i; k++)
            if (strcmp(modules[k].name, name) == 0)
                return err_set(err, ERR_USAGE, ERR_NO_AT,
                               "%s and %s would both serve under /%s/; rename one",
                               options->rest[k], path, name);
        struct typed_sidecar signature;
        if (!cli_compile(cache, path, options, &artifact, err) ||
            !typed_sidecar_read(path, arena, &signature, err))
            return false;
        modules[i] = (struct server_module){
            .name = name,
            .code_path = arena_text(arena, artifact.code_path, strlen(artifact.code_path)),
            .module_path = arena_text(arena, artifact.module_path, strlen(artifact.module_path)),
            .signature = signature.text,
        };
    }
    return true;
}

static bool serve(const struct cli_options *options, struct err *err)
{
    struct proc_cache cache;
    struct arena arena;
    if (options->rest_count == 0)
        return err_set(err, ERR_USAGE, ERR_NO_AT, "serve what? give a file: weir serve FILE.wasm");
    if (!proc_cache_open(&cache, options->cache_path, err))
        return false;
    arena_init(&arena, 256 * MIB);
    struct server_module *modules =
        arena_array(&arena, struct server_module, (size_t)options->rest_count);
    CHECK(modules != NULL);
    struct server_options server = {
        .address = options->address,
        .workers = options->workers,
        .limits = options->limits,
        .log_format = options->log_format,
        .log_path = options->log_path,
        .modules = modules,
        .module_count = (u32)options->rest_count,
        .mac_key = &cache.mac_key,
    };
    bool ok = cli_grants_read(options, &arena, &server.grants, err) &&
              compile_all(&arena, &cache, options, modules, err) && server_supervise(&server, err);
    arena_fini(&arena);
    proc_cache_close(&cache);
    return ok;
}

int cli_serve(const struct cli_options *options)
{
    struct err err = {0};
    return serve(options, &err) ? 0 : cli_fail(&err);
}
