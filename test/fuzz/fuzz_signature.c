/* Signature files, for a module with some exports: what is accepted can be described. */
#include "base/check.h"
#include "test/unit/typed/fake.h"

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t len);

static const u8 words[] = {RT_I32, RT_I32, RT_I32, RT_I32};
static const u8 floats[] = {RT_F64, RT_F64};
static const struct rt_func_type types[] = {
    {.params = words, .param_count = 1, .results = words, .result_count = 1},
    {.params = words, .param_count = 2, .results = floats, .result_count = 1},
    {.params = words, .param_count = 3},
    {.params = floats, .param_count = 2, .results = words, .result_count = 1},
};
static const struct rt_export exports[] = {
    {.name = TEXT("malloc"), .type = &types[0]},
    {.name = TEXT("f"), .type = &types[1]},
    {.name = TEXT("g"), .type = &types[2]},
    {.name = TEXT("h"), .type = &types[3]},
    {.name = TEXT("memory"), .kind = RT_EXTERN_MEMORY},
};

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t len)
{
    static const struct rt_module module = {exports, COUNT_OF(exports)};
    struct typed_module typed;
    struct arena arena;
    struct buf out;
    struct err err = {0};
    struct rt_text text = {(const char *)bytes, (u32)len};
    if (len == 0)
        return 0;
    arena_init(&arena, 8 * MIB);
    buf_init(&out, MIB);
    if (typed_module_make(&typed, &module, text, "m.sig", &arena, &err)) {
        for (u32 i = 0; i < typed.count; i++) {
            typed_func_write(&typed.funcs[i], &out);
            typed_example_write(&typed.funcs[i], &out);
            typed_schema_write_body(&typed.funcs[i], "#/", &out);
        }
        for (u32 i = 0; i < typed.type_count; i++)
            typed_schema_write_declared(typed.types[i], "#/", &out);
    } else {
        CHECK(err.code == ERR_SIGNATURE);
    }
    buf_fini(&out);
    arena_fini(&arena);
    return 0;
}
