/*
 * codegen/emit_numeric.c -- arithmetic and comparisons. spec: core/exec/numerics
 *
 * Guest arithmetic wraps: no nsw, nuw or fast-math flag ever appears. What LLVM leaves undefined
 * (division, shift counts) is made defined here. What it would simplify although Wasm does not
 * allow it (operations on NaN) is hidden from it in prepare.c.
 */
#include "codegen/internal.h"
#include "base/check.h"
#include <string.h>

LLVMTypeRef cg_result_type(const struct cg_func *f, const struct wasm_instr *instr)
{
    const char *sig = wasm_op_info(instr->op)->sig;
    switch (sig[strlen(sig) - 1]) {
    case 'i': return f->m->type.i32;
    case 'I': return f->m->type.i64;
    case 'f': return f->m->type.f32;
    case 'F': return f->m->type.f64;
    default: UNREACHABLE();
    }
}

static LLVMValueRef constant(LLVMValueRef like, i64 value)
{
    return LLVMConstInt(LLVMTypeOf(like), (u64)value, true);
}

static void push_bit(struct cg_func *f, LLVMValueRef bit)
{
    cg_push(f, LLVMBuildZExt(f->m->builder, bit, f->m->type.i32, ""));
}

/* The intrinsic of the row for values of this type. */
static LLVMValueRef intrinsic_of(struct cg_func *f, const struct wasm_instr *instr,
                                 const struct cg_row *row, LLVMTypeRef type)
{
    LLVMValueRef *cached = &f->m->intrinsics[instr->op];
    if (*cached == NULL)
        *cached = cg_intrinsic(f->m, row->intrinsic, &type, 1);
    return *cached;
}

static void call_intrinsic(struct cg_func *f, LLVMValueRef intrinsic, LLVMValueRef *args, u32 count)
{
    cg_push(f, cg_call(f->m, LLVMGlobalGetValueType(intrinsic), intrinsic, CG_CALL_C, args, count));
}

/* ---- comparisons ---- */

void cg_emit_eqz(struct cg_func *f, const struct wasm_instr *instr, const struct cg_row *row)
{
    (void)instr;
    (void)row;
    LLVMValueRef value = cg_pop(f);
    push_bit(f, LLVMBuildICmp(f->m->builder, LLVMIntEQ, value, constant(value, 0), ""));
}

/* row->a: LLVMIntPredicate */
void cg_emit_compare_int(struct cg_func *f, const struct wasm_instr *instr,
                         const struct cg_row *row)
{
    (void)instr;
    LLVMValueRef right = cg_pop(f), left = cg_pop(f);
    push_bit(f, LLVMBuildICmp(f->m->builder, (LLVMIntPredicate)row->a, left, right, ""));
}

/* row->a: LLVMRealPredicate */
void cg_emit_compare_float(struct cg_func *f, const struct wasm_instr *instr,
                           const struct cg_row *row)
{
    (void)instr;
    LLVMValueRef right = cg_pop(f), left = cg_pop(f);
    push_bit(f, LLVMBuildFCmp(f->m->builder, (LLVMRealPredicate)row->a, left, right, ""));
}

/* ---- operations that are one LLVM instruction or intrinsic ---- */

/* row->a: LLVMOpcode */
void cg_emit_binary(struct cg_func *f, const struct wasm_instr *instr, const struct cg_row *row)
{
    (void)instr;
    LLVMValueRef right = cg_pop(f), left = cg_pop(f);
    cg_push(f, LLVMBuildBinOp(f->m->builder, (LLVMOpcode)row->a, left, right, ""));
}

/* One or two operands of one type, as the signature of the opcode says. */
void cg_emit_intrinsic(struct cg_func *f, const struct wasm_instr *instr, const struct cg_row *row)
{
    u32 count = (u32)(strchr(wasm_op_info(instr->op)->sig, '_') - wasm_op_info(instr->op)->sig);
    CHECK(count == 1 || count == 2);
    LLVMValueRef args[2];
    for (u32 i = count; i-- > 0;)
        args[i] = cg_pop(f);
    call_intrinsic(f, intrinsic_of(f, instr, row, LLVMTypeOf(args[0])), args, count);
}

void cg_emit_count_zeros(struct cg_func *f, const struct wasm_instr *instr,
                         const struct cg_row *row)
{
    LLVMValueRef args[] = {cg_pop(f), LLVMConstInt(f->m->type.i1, 0, false)}; /* zero is defined */
    call_intrinsic(f, intrinsic_of(f, instr, row, LLVMTypeOf(args[0])), args, 2);
}

void cg_emit_negate(struct cg_func *f, const struct wasm_instr *instr, const struct cg_row *row)
{
    (void)instr;
    (void)row;
    cg_push(f, LLVMBuildFNeg(f->m->builder, cg_pop(f), ""));
}

/* ---- shifts: the count is taken modulo the width ---- */

/* row->a: LLVMOpcode */
void cg_emit_shift(struct cg_func *f, const struct wasm_instr *instr, const struct cg_row *row)
{
    (void)instr;
    LLVMValueRef count = cg_pop(f), value = cg_pop(f);
    i64 mask = LLVMTypeOf(value) == f->m->type.i32 ? 31 : 63;
    count = LLVMBuildAnd(f->m->builder, count, constant(count, mask), "");
    cg_push(f, LLVMBuildBinOp(f->m->builder, (LLVMOpcode)row->a, value, count, ""));
}

/* row->intrinsic: a funnel shift, which takes its count modulo the width */
void cg_emit_rotate(struct cg_func *f, const struct wasm_instr *instr, const struct cg_row *row)
{
    LLVMValueRef count = cg_pop(f), value = cg_pop(f);
    LLVMValueRef args[] = {value, value, count};
    call_intrinsic(f, intrinsic_of(f, instr, row, LLVMTypeOf(value)), args, 3);
}

/* ---- division ---- */

static void trap_if_equal(struct cg_func *f, LLVMValueRef value, i64 bad, enum abi_trap trap)
{
    cg_trap_if(f, LLVMBuildICmp(f->m->builder, LLVMIntEQ, value, constant(value, bad), ""), trap);
}

/* row->a: LLVMSDiv or LLVMUDiv */
void cg_emit_divide(struct cg_func *f, const struct wasm_instr *instr, const struct cg_row *row)
{
    (void)instr;
    LLVMBuilderRef b = f->m->builder;
    LLVMValueRef right = cg_pop(f), left = cg_pop(f);
    trap_if_equal(f, right, 0, ABI_TRAP_DIVIDE_BY_ZERO);
    if (row->a == LLVMSDiv) {
        i64 least = LLVMTypeOf(left) == f->m->type.i32 ? INT32_MIN : INT64_MIN;
        LLVMValueRef is_least = LLVMBuildICmp(b, LLVMIntEQ, left, constant(left, least), "");
        LLVMValueRef is_minus_one = LLVMBuildICmp(b, LLVMIntEQ, right, constant(right, -1), "");
        cg_trap_if(f, LLVMBuildAnd(b, is_least, is_minus_one, ""), ABI_TRAP_INTEGER_OVERFLOW);
    }
    cg_push(f, LLVMBuildBinOp(b, (LLVMOpcode)row->a, left, right, ""));
}

/* row->a: LLVMSRem or LLVMURem. The remainder by -1 is 0, as by 1, which does not overflow. */
void cg_emit_remainder(struct cg_func *f, const struct wasm_instr *instr, const struct cg_row *row)
{
    (void)instr;
    LLVMBuilderRef b = f->m->builder;
    LLVMValueRef right = cg_pop(f), left = cg_pop(f);
    trap_if_equal(f, right, 0, ABI_TRAP_DIVIDE_BY_ZERO);
    if (row->a == LLVMSRem) {
        LLVMValueRef is_minus_one = LLVMBuildICmp(b, LLVMIntEQ, right, constant(right, -1), "");
        right = LLVMBuildSelect(b, is_minus_one, constant(right, 1), right, "");
    }
    cg_push(f, LLVMBuildBinOp(b, (LLVMOpcode)row->a, left, right, ""));
}
