/* codegen/emit_convert.c -- conversions. spec: core/exec/numerics, conversions */
#include "codegen/internal.h"
#include "base/check.h"

/* row->a: LLVMOpcode */
void cg_emit_cast(struct cg_func *f, const struct wasm_instr *instr, const struct cg_row *row)
{
    LLVMTypeRef type = cg_result_type(f, instr);
    cg_push(f, LLVMBuildCast(f->m->builder, (LLVMOpcode)row->a, cg_pop(f), type, ""));
}

/* row->a: bits of the part whose sign is extended */
void cg_emit_extend(struct cg_func *f, const struct wasm_instr *instr, const struct cg_row *row)
{
    (void)instr;
    LLVMValueRef value = cg_pop(f);
    LLVMTypeRef part_type = LLVMIntTypeInContext(f->m->llvm, row->a);
    LLVMValueRef part = LLVMBuildTrunc(f->m->builder, value, part_type, "");
    cg_push(f, LLVMBuildSExt(f->m->builder, part, LLVMTypeOf(value), ""));
}

/* 2^exponent; exact in both formats. */
static LLVMValueRef power(LLVMTypeRef type, u32 exponent, f64 sign)
{
    f64 value = sign;
    for (u32 i = 0; i < exponent; i++)
        value *= 2;
    return LLVMConstReal(type, value);
}

/* True if the value, truncated, is one of the integers of this many bits. False for a NaN. */
static LLVMValueRef in_range(struct cg_func *f, LLVMValueRef value, u32 bits, bool is_signed)
{
    LLVMBuilderRef b = f->m->builder;
    LLVMTypeRef type = LLVMTypeOf(value);
    LLVMValueRef below =
        LLVMBuildFCmp(b, LLVMRealOLT, value, power(type, is_signed ? bits - 1 : bits, 1), "");
    LLVMValueRef above;
    if (!is_signed)
        above = LLVMBuildFCmp(b, LLVMRealOGT, value, LLVMConstReal(type, -1), "");
    else if (bits == 32 && type == f->m->type.f64) /* the only case where the least - 1 is exact */
        above = LLVMBuildFCmp(b, LLVMRealOGT, value, LLVMConstReal(type, -2147483649.0), "");
    else
        above = LLVMBuildFCmp(b, LLVMRealOGE, value, power(type, bits - 1, -1), "");
    return LLVMBuildAnd(b, below, above, "");
}

/* row->a: LLVMFPToSI or LLVMFPToUI */
void cg_emit_truncate(struct cg_func *f, const struct wasm_instr *instr, const struct cg_row *row)
{
    LLVMBuilderRef b = f->m->builder;
    LLVMTypeRef type = cg_result_type(f, instr);
    u32 bits = type == f->m->type.i32 ? 32 : 64;
    LLVMValueRef value = cg_pop(f);
    LLVMBasicBlockRef good = cg_block_new(f, "good");
    LLVMBasicBlockRef bad = cg_block_new_cold(f, "bad");
    LLVMBuildCondBr(b, in_range(f, value, bits, row->a == LLVMFPToSI), good, bad);
    LLVMPositionBuilderAtEnd(b, bad);
    LLVMValueRef is_nan = LLVMBuildFCmp(b, LLVMRealUNO, value, value, "");
    LLVMBasicBlockRef nan = cg_block_new_cold(f, "nan");
    LLVMBasicBlockRef outside = cg_block_new_cold(f, "outside");
    LLVMBuildCondBr(b, is_nan, nan, outside);
    LLVMPositionBuilderAtEnd(b, nan);
    cg_trap(f, ABI_TRAP_INVALID_CONVERSION);
    LLVMPositionBuilderAtEnd(b, outside);
    cg_trap(f, ABI_TRAP_INTEGER_OVERFLOW);
    LLVMPositionBuilderAtEnd(b, good);
    cg_push(f, LLVMBuildCast(b, (LLVMOpcode)row->a, value, type, ""));
}

/* row->intrinsic: llvm.fptosi.sat or llvm.fptoui.sat */
void cg_emit_truncate_sat(struct cg_func *f, const struct wasm_instr *instr,
                          const struct cg_row *row)
{
    struct cg_module *m = f->m;
    LLVMValueRef value = cg_pop(f);
    LLVMValueRef *intrinsic = &m->intrinsics[instr->op];
    if (*intrinsic == NULL)
        *intrinsic = cg_intrinsic(m, row->intrinsic,
                                  (LLVMTypeRef[]){cg_result_type(f, instr), LLVMTypeOf(value)}, 2);
    cg_push(f, cg_call(m, LLVMGlobalGetValueType(*intrinsic), *intrinsic, CG_CALL_C, &value, 1));
}
