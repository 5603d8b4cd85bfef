/*
 * codegen/emit_variable.c -- locals, globals, constants, drop and select.
 * spec: core/exec/instructions, variable and parametric instructions
 */
#include "codegen/internal.h"
#include "base/check.h"

LLVMValueRef cg_condition(struct cg_func *f, LLVMValueRef value)
{
    /* A comparison that was widened to i32 a moment ago. */
    if (LLVMIsAZExtInst(value) != NULL) {
        LLVMValueRef bit = LLVMGetOperand(value, 0);
        if (LLVMTypeOf(bit) == f->m->type.i1)
            return bit;
    }
    return LLVMBuildICmp(f->m->builder, LLVMIntNE, value, cg_const_i32(f->m, 0), "");
}

void cg_emit_drop(struct cg_func *f, const struct wasm_instr *instr, const struct cg_row *row)
{
    (void)instr;
    (void)row;
    cg_pop(f);
}

void cg_emit_select(struct cg_func *f, const struct wasm_instr *instr, const struct cg_row *row)
{
    (void)instr;
    (void)row;
    LLVMValueRef condition = cg_condition(f, cg_pop(f));
    LLVMValueRef otherwise = cg_pop(f);
    LLVMValueRef then = cg_pop(f);
    cg_push(f, LLVMBuildSelect(f->m->builder, condition, then, otherwise, ""));
}

void cg_emit_const(struct cg_func *f, const struct wasm_instr *instr, const struct cg_row *row)
{
    (void)row;
    LLVMTypeRef type = cg_result_type(f, instr);
    bool is_32 = type == f->m->type.i32 || type == f->m->type.f32;
    LLVMValueRef bits =
        is_32 ? cg_const_i32(f->m, (u32)instr->bits) : cg_const_i64(f->m, instr->bits);
    cg_push(f, LLVMConstBitCast(bits, type)); /* keeps every NaN as it is */
}

/* ---- locals ---- */

void cg_emit_local_get(struct cg_func *f, const struct wasm_instr *instr, const struct cg_row *row)
{
    (void)row;
    CHECK(instr->index < f->local_count);
    LLVMTypeRef type = cg_type_of(f->m, f->local_types[instr->index]);
    cg_push(f, LLVMBuildLoad2(f->m->builder, type, f->locals[instr->index], ""));
}

void cg_emit_local_set(struct cg_func *f, const struct wasm_instr *instr, const struct cg_row *row)
{
    (void)row;
    CHECK(instr->index < f->local_count);
    LLVMBuildStore(f->m->builder, cg_pop(f), f->locals[instr->index]);
}

void cg_emit_local_tee(struct cg_func *f, const struct wasm_instr *instr, const struct cg_row *row)
{
    (void)row;
    CHECK(instr->index < f->local_count);
    LLVMBuildStore(f->m->builder, f->stack[f->height - 1], f->locals[instr->index]);
}

/* ---- globals ---- */

/* Where a global lies: in its slot of the context, or, imported, where the slot points to. */
static LLVMValueRef global_address(struct cg_func *f, u32 index)
{
    struct cg_module *m = f->m;
    u64 slot = m->layout.globals + (u64)index * sizeof(union abi_value);
    if (index < m->wasm->global_import_count)
        return cg_field_load_invariant(m, m->type.ptr, f->ctx, slot, "global");
    return cg_field_address(m, f->ctx, slot);
}

void cg_emit_global_get(struct cg_func *f, const struct wasm_instr *instr, const struct cg_row *row)
{
    (void)row;
    const struct wasm_global *global = &f->m->wasm->globals[instr->index];
    LLVMTypeRef type = cg_type_of(f->m, global->type);
    LLVMValueRef address = global_address(f, instr->index);
    cg_push(f, global->is_mutable ? cg_field_load(f->m, type, address, 0, CG_SCOPE_CONTEXT, "")
                                  : cg_field_load_invariant(f->m, type, address, 0, ""));
}

void cg_emit_global_set(struct cg_func *f, const struct wasm_instr *instr, const struct cg_row *row)
{
    (void)row;
    LLVMValueRef value = cg_pop(f);
    cg_field_store(f->m, value, global_address(f, instr->index), 0, CG_SCOPE_CONTEXT);
}
