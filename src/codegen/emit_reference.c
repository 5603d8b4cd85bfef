/*
 * codegen/emit_reference.c -- references, and what is known of a table without the runtime.
 * spec: core/exec/instructions, reference instructions
 */
#include "codegen/internal.h"
#include "base/check.h"

void cg_emit_ref_null(struct cg_func *f, const struct wasm_instr *instr, const struct cg_row *row)
{
    (void)instr;
    (void)row;
    cg_push(f, cg_const_i64(f->m, 0));
}

void cg_emit_ref_is_null(struct cg_func *f, const struct wasm_instr *instr,
                         const struct cg_row *row)
{
    (void)instr;
    (void)row;
    struct cg_module *m = f->m;
    LLVMValueRef is_null = LLVMBuildICmp(m->builder, LLVMIntEQ, cg_pop(f), cg_const_i64(m, 0), "");
    cg_push(f, LLVMBuildZExt(m->builder, is_null, m->type.i32, ""));
}

/* The place of a function in the module's ascending list of those that code refers to. */
static u32 ref_place(const struct wasm_module *wasm, u32 func)
{
    u32 low = 0, high = wasm->ref_count;
    while (low < high) {
        u32 middle = low + (high - low) / 2;
        if (wasm->refs[middle] < func)
            low = middle + 1;
        else
            high = middle;
    }
    CHECK(low < wasm->ref_count && wasm->refs[low] == func);
    return low;
}

void cg_emit_ref_func(struct cg_func *f, const struct wasm_instr *instr, const struct cg_row *row)
{
    (void)row;
    struct cg_module *m = f->m;
    u64 at = m->layout.refs + (u64)ref_place(m->wasm, instr->index) * sizeof(u64);
    cg_push(f, cg_field_load_invariant(m, m->type.i64, f->ctx, at, "ref"));
}

void cg_emit_table_size(struct cg_func *f, const struct wasm_instr *instr, const struct cg_row *row)
{
    (void)row;
    struct cg_module *m = f->m;
    LLVMValueRef table = cg_field_load_invariant(
        m, m->type.ptr, f->ctx, m->layout.tables + (u64)instr->index * sizeof(void *), "table");
    LLVMValueRef len = cg_field_load(m, m->type.i64, table, offsetof(struct abi_table, len),
                                     CG_SCOPE_TABLE, "len");
    cg_push(f, LLVMBuildTrunc(m->builder, len, m->type.i32, ""));
}
