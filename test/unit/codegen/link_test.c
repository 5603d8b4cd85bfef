/* What LLVM or the linker cannot do ends the job with a clear error and leaves nothing behind. */
#include "codegen/internal.h"
#include "machine.h"

/* A call of a C library function, as a pass might make it of a guest's loop. */
static void add_library_call(struct cg_module *m, const char *name)
{
    LLVMTypeRef type = LLVMFunctionType(m->type.none, NULL, 0, false);
    LLVMValueRef callee = LLVMAddFunction(m->module, name, type);
    LLVMValueRef caller = cg_function_add(m, "caller", type, CG_CALL_C);
    LLVMPositionBuilderAtEnd(m->builder, LLVMAppendBasicBlockInContext(m->llvm, caller, ""));
    cg_call(m, type, callee, CG_CALL_C, NULL, 0);
    LLVMBuildRetVoid(m->builder);
}

static void an_undefined_symbol_fails_the_job_by_name(void **state)
{
    (void)state;
    static const char *const names[] = {"memset", "floor", "_Unwind_Resume"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct machine m;
        struct cg_module module;
        char path[128], object_path[CG_PATH_BYTES];
        machine_init(&m, "(module (func (export \"f\")))");
        machine_path(&m, "m.code", path);
        assert_true(cg_object_path(path, 0, object_path, sizeof object_path, &m.err));
        assert_true(cg_module_emit(&module, machine_cg(), m.module, (struct cg_part){.end = 1},
                                   (struct cg_options){0}, false, &m.err));
        add_library_call(&module, names[i]);
        assert_true(cg_object_write(&module, object_path, &m.err));
        assert_false(cg_objects_link(path, 1, &m.err));
        assert_int_equal(m.err.code, ERR_COMPILE);
        assert_non_null(strstr(m.err.text, names[i]));
        assert_null(strchr(m.err.text, '\n'));
        assert_int_not_equal(access(path, F_OK), 0);
        assert_int_equal(unlink(object_path), 0);
        cg_module_fini(&module);
        machine_fini(&m);
    }
}

/* The linker can be asked again after it failed. */
static void a_failure_spoils_nothing(void **state)
{
    (void)state;
    struct machine m;
    machine_init(&m, "(module (func (export \"f\") (result i32) (i32.const 42)))");
    assert_false(cg_code_write(machine_cg(), m.module, (struct cg_options){0},
                               "/nonexistent/folder/m.code", &m.err));
    assert_int_equal(m.err.code, ERR_SYSTEM);
    m.err = (struct err){0};
    machine_load(&m, (struct cg_options){0});
    union abi_value slot = {0};
    machine_call(&m, "f", &slot);
    assert_int_equal(slot.u32, 42);
    machine_fini(&m);
}

static void too_old_processors_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"generic", "x86-64", "k8"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct cg *cg = NULL;
        struct err err = {0};
        assert_false(cg_create(&cg, names[i], &err));
        assert_int_equal(err.code, ERR_USAGE);
        assert_null(cg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_undefined_symbol_fails_the_job_by_name),
        cmocka_unit_test(a_failure_spoils_nothing),
        cmocka_unit_test(too_old_processors_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
