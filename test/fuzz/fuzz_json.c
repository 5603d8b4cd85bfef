/* Bodies for a function of every number type: what is read must be written and read back equal. */
#include "base/check.h"
#include "typed/typed.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t len);

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t len)
{
    static const u8 types[] = {RT_I32, RT_I64, RT_F32, RT_F64};
    static const struct rt_func_type type = {
        .params = types, .results = types, .param_count = 4, .result_count = 4};
    static const struct rt_text names[] = {{"n", 1}, {"", 0}, {"x\"y", 3}};
    static const struct rt_export func = {
        .name = {"f", 1}, .type = &type, .param_names = names, .param_name_count = 3};
    union abi_value first[4], second[4];
    struct err err = {0};
    struct buf text, again;
    memset(first, 0, sizeof first);
    memset(second, 0, sizeof second);
    if (!typed_body_read(&func, bytes, len, first, &err)) {
        CHECK(err.code == ERR_JSON || err.code == ERR_ARGUMENT);
        return 0;
    }
    buf_init(&text, 64 * KIB);
    buf_init(&again, 64 * KIB);
    typed_results_write(&type, first, &text);
    CHECK(typed_body_read(&func, text.bytes, text.len, second, &err));
    typed_results_write(&type, second, &again);
    CHECK(text.len == again.len && memcmp(text.bytes, again.bytes, text.len) == 0);
    buf_fini(&text);
    buf_fini(&again);
    return 0;
}
