/* Configurations: what is refused is refused with a place in the file, and within bounds. */
#include "base/check.h"
#include "config/config.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t len);

static void check_routes(const struct config *config)
{
    for (u32 i = 0; i < config->route_count; i++) {
        const struct config_route *route = &config->routes[i];
        CHECK(route->module < config->module_count && route->path.text[0] == '/');
        CHECK(route->limits.wall_ns > 0 && route->fallback_count <= CONFIG_FALLBACKS_MAX);
        for (u32 k = 0; k < route->fallback_count; k++)
            CHECK(route->fallbacks[k].kind != CONFIG_FALLBACK_ROUTE ||
                  route->fallbacks[k].route < config->route_count);
    }
}

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t len)
{
    static const struct config_limits nothing_given;
    struct config config;
    struct arena arena;
    struct err err = {0};
    arena_init(&arena, 64 * MIB);
    if (config_parse(&config, (const char *)bytes, len, "f/weir.toml", &nothing_given, &arena,
                     &err)) {
        CHECK(config.module_count > 0);
        check_routes(&config);
    } else {
        CHECK(err.code == ERR_USAGE || err.code == ERR_LIMIT);
        CHECK(strncmp(err.text, "f/weir.toml:", 12) == 0);
    }
    arena_fini(&arena);
    return 0;
}
