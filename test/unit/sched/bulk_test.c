/* Endless bulk work meets its limit: the guest is never in its own code when the tick comes. */
#include "test/test.h"
#include "test/harness.c"
#include <stdlib.h>
#include <unistd.h>

static const char source[] =
    "(module\n"
    "  (memory 2048)\n"
    "  (table 1000000 externref)\n"
    "  (func (export \"memory.fill\")\n"
    "    (loop $l (memory.fill (i32.const 0) (i32.const 1) (i32.const 0x8000000)) (br $l)))\n"
    "  (func (export \"memory.copy\")\n"
    "    (loop $l (memory.copy (i32.const 1) (i32.const 0) (i32.const 0x7ffffff)) (br $l)))\n"
    "  (func (export \"table.fill\")\n"
    "    (loop $l (table.fill 0 (i32.const 0) (ref.null extern) (i32.const 1000000)) (br $l)))\n"
    "  (func (export \"table.copy\")\n"
    "    (loop $l (table.copy 0 0 (i32.const 0) (i32.const 1) (i32.const 999999)) (br $l)))\n"
    "  (func (export \"after\") (result i32) (i32.load8_u (i32.const 0))))\n";

static void compile(const char *folder, char *out, size_t out_len)
{
    char text[128], command[400];
    snprintf(text, sizeof text, "%s/m.wat", folder);
    snprintf(out, out_len, "%s/m.wasm", folder);
    FILE *file = fopen(text, "we");
    assert_true(file != NULL && fputs(source, file) >= 0 && fclose(file) == 0);
    snprintf(command, sizeof command, "wat2wasm -o %s %s", out, text);
    assert_int_equal(system(command), 0);
}

static void endless_bulk_work_meets_its_limit(void **state)
{
    (void)state;
    static const char *const names[] = {"memory.fill", "memory.copy", "table.fill", "table.copy"};
    static struct harness_result result;
    char folder[] = "/tmp/weir-test-XXXXXX", module_file[128], command[64];
    const struct proc_compile_options options = {.tier = PROC_TIER_QUICK};
    struct harness h;
    struct rt_module *module;
    struct rt_pool *pool;
    struct rt_instance *instance;
    struct err err = {0};
    assert_non_null(mkdtemp(folder));
    compile(folder, module_file, sizeof module_file);
    if (!harness_open(&h, folder, NULL, NULL, &err) ||
        !harness_load(&h, module_file, &options, &module, &err) ||
        !rt_pool_create(&pool, module, 1, &err))
        fail_msg("%s", err.text);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const struct rt_export *export = rt_module_export_find(module, names[i], strlen(names[i]));
        assert_true(rt_pool_take(pool, &instance, &err));
        assert_true(harness_call(&h, instance, export->index, 0, NULL, 10000000, &result, &err));
        assert_true(result.is_trap && result.trap == ABI_TRAP_CPU_LIMIT);
        rt_pool_release(pool, &instance);
        assert_true(rt_pool_take(pool, &instance, &err));
        export = rt_module_export_find(module, "after", 5);
        assert_true(harness_call(&h, instance, export->index, 1, NULL, 0, &result, &err));
        assert_true(!result.is_trap && result.values[0].u32 == 0);
        rt_pool_release(pool, &instance);
    }
    rt_pool_destroy(&pool);
    rt_module_release(&module);
    harness_close(&h);
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(endless_bulk_work_meets_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
