/*
 * test/unit/server/modules.h -- modules that are only a list of exports: what the endpoint table
 * needs of a module. Defines the runtime's functions for them, so the runtime is not linked.
 */
#pragma once
#include "server/internal.h"
#include "test/test.h"
#include <string.h>

#define TEXT(literal) {literal, sizeof(literal) - 1}

struct rt_module {
    const struct rt_export *exports;
    u32 count;
};

const struct rt_export *rt_module_exports(const struct rt_module *module, u32 *count)
{
    *count = module->count;
    return module->exports;
}

const struct rt_export *rt_module_export_find(const struct rt_module *module, const char *name,
                                              size_t name_len)
{
    for (u32 i = 0; i < module->count; i++)
        if (module->exports[i].name.len == name_len &&
            memcmp(module->exports[i].name.bytes, name, name_len) == 0)
            return &module->exports[i];
    return NULL;
}

static const u8 numbers[] = {RT_I32, RT_I64, RT_F32, RT_F64};
static const u8 references[] = {RT_FUNCREF};
static const struct rt_func_type nullary = {.result_count = 0};
static const struct rt_func_type binary = {
    .params = numbers, .results = numbers + 3, .param_count = 2, .result_count = 1};
static const struct rt_func_type takes_reference = {.params = references, .param_count = 1};
static const struct rt_text names[] = {TEXT("x\"<y>"), TEXT("z")};

static const struct rt_export math_exports[] = {
    {.name = TEXT("dot"), .type = &binary, .param_names = names, .param_name_count = 2},
    {.name = TEXT("memory"), .kind = RT_EXTERN_MEMORY},
    {.name = TEXT("add"), .type = &binary},
    {.name = TEXT("_start"), .type = &nullary},
    {.name = TEXT("_initialize"), .type = &nullary},
    {.name = TEXT("malloc"), .type = &binary},
    {.name = TEXT("malloc2"), .type = &binary},
    {.name = TEXT("cabi_realloc"), .type = &binary},
    {.name = TEXT("free"), .type = &nullary},
    {.name = TEXT("__indirect_function_table"), .kind = RT_EXTERN_TABLE},
    {.name = TEXT("callback"), .type = &takes_reference},
    {.name = TEXT(""), .type = &nullary},
    {.name = TEXT("a/b c"), .type = &nullary},
    {.name = TEXT("</script>"), .type = &nullary},
    {.name = TEXT("x\nrm\x1b[2J"), .type = &nullary},
};
static const struct rt_export other_exports[] = {
    {.name = TEXT("add"), .type = &nullary},
};

static struct rt_module math = {math_exports, COUNT_OF(math_exports)};
static struct rt_module other = {other_exports, COUNT_OF(other_exports)};

struct served {
    struct arena arena;
    struct served_module modules[2];
    struct server_route plans[2];
    struct served_route routes[2];
    struct endpoint_table table;
};

/* The first `count` of the two modules above, as a worker serves them without a weir.toml. */
static inline void serve(struct served *served, u32 count)
{
    static const char *const own[] = {"math", "other"}, *const paths[] = {"/math", "/other"};
    arena_init(&served->arena, MIB);
    served->modules[0] = (struct served_module){.name = "math", .module = &math};
    served->modules[1] = (struct served_module){.name = "other", .module = &other};
    for (u32 i = 0; i < count; i++) {
        struct served_module *module = &served->modules[i];
        assert_true(typed_module_make(&module->typed, module->module, (struct rt_text){NULL, 0}, "",
                                      &served->arena, NULL));
        served->plans[i] = (struct server_route){.name = own[i], .path = paths[i], .module = i};
        if (count == 1) {
            served->plans[i].path = "/";
            served->plans[i].also = paths[i];
        }
        served->routes[i] = (struct served_route){.plan = &served->plans[i], .module = module};
    }
    assert_true(server_endpoints_make(&served->table, served->routes, count, &served->arena, NULL));
}
