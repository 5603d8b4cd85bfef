/*
 * codegen/prepare.c -- one walk over all functions between mem2reg and the optimiser.
 *
 * Loads. LLVM deletes a load nobody uses, but in Wasm it may trap: such loads are made volatile.
 * A load whose value dies later, by optimisation, may lose its trap (documented; --strict-traps
 * keeps them all).
 *
 * NaN. LLVM replaces x * 1.0, x - 0.0, x + -0.0, x / 1.0, minimum(x, inf) and demote(promote(x)) by
 * x, and products with -1.0 by a flipped sign; then a signalling NaN stays one, which Wasm forbids.
 * The constant operand is hidden behind a load from a constant that LLVM may not look into, since
 * its linkage is weak; the operation stays.
 *
 * The walk looks at what is written, not at every way a value may come about: a constant that is
 * discovered by later passes may still make a signalling NaN survive an operation.
 */
#include "codegen/internal.h"
#include "base/check.h"
#include <stdio.h>
#include <string.h>

/* The operands to hide, as bits of f32 and f64. */
static const struct {
    u32 f32;
    u64 f64;
} hidden_bits[CG_HIDDEN_COUNT] = {
    {0x00000000, 0x0000000000000000}, {0x80000000, 0x8000000000000000}, /* 0, -0 */
    {0x3f800000, 0x3ff0000000000000}, {0xbf800000, 0xbff0000000000000}, /* 1, -1 */
    {0x7f800000, 0x7ff0000000000000}, {0xff800000, 0xfff0000000000000}, /* infinities */
};
#define HIDDEN_MINUS_ZERO 1

static LLVMValueRef hidden_constant(struct cg_module *m, LLVMTypeRef type, u32 which)
{
    bool is_wide = type == m->type.f64;
    LLVMValueRef bits =
        is_wide ? cg_const_i64(m, hidden_bits[which].f64) : cg_const_i32(m, hidden_bits[which].f32);
    return LLVMConstBitCast(bits, type);
}

/* A load of the hidden constant, in front of the instruction. */
static LLVMValueRef hidden_load(struct cg_module *m, LLVMTypeRef type, u32 which,
                                LLVMValueRef before)
{
    bool is_wide = type == m->type.f64;
    LLVMValueRef *global = &m->hidden[is_wide][which];
    if (*global == NULL) {
        char name[32];
        snprintf(name, sizeof name, "hidden_f%u_%u", is_wide ? 64u : 32u, which);
        *global = LLVMAddGlobal(m->module, type, name);
        LLVMSetInitializer(*global, hidden_constant(m, type, which));
        LLVMSetGlobalConstant(*global, true);
        LLVMSetLinkage(*global, LLVMWeakAnyLinkage);
        LLVMSetVisibility(*global, LLVMHiddenVisibility);
    }
    LLVMPositionBuilderBefore(m->builder, before);
    return cg_field_load_invariant(m, type, *global, 0, "");
}

static void hide_operand(struct cg_module *m, LLVMValueRef instr, u32 operand)
{
    LLVMValueRef value = LLVMGetOperand(instr, operand);
    if (LLVMIsAConstantFP(value) == NULL)
        return;
    LLVMTypeRef type = LLVMTypeOf(value);
    for (u32 i = 0; i < CG_HIDDEN_COUNT; i++) {
        if (hidden_constant(m, type, i) == value) {
            LLVMSetOperand(instr, operand, hidden_load(m, type, i, instr));
            return;
        }
    }
}

/* demote(promote(x)) is x, quiet: x + -0.0 says the same and stays. */
static void keep_demotion(struct cg_module *m, LLVMValueRef instr)
{
    LLVMValueRef promoted = LLVMGetOperand(instr, 0);
    if (LLVMIsAFPExtInst(promoted) == NULL)
        return;
    LLVMValueRef value = LLVMGetOperand(promoted, 0);
    LLVMValueRef zero = hidden_load(m, LLVMTypeOf(value), HIDDEN_MINUS_ZERO, instr);
    LLVMReplaceAllUsesWith(instr, LLVMBuildFAdd(m->builder, value, zero, ""));
}

/* True for a call of one of the intrinsics. */
static bool calls_one_of(LLVMValueRef value, const char *const *names, size_t count)
{
    LLVMValueRef callee = LLVMIsACallInst(value) != NULL ? LLVMGetCalledValue(value) : NULL;
    unsigned id = callee != NULL && LLVMIsAFunction(callee) ? LLVMGetIntrinsicID(callee) : 0;
    for (size_t i = 0; id != 0 && i < count; i++)
        if (id == LLVMLookupIntrinsicID(names[i], strlen(names[i])))
            return true;
    return false;
}

static const char *const min_max[] = {"llvm.minimum", "llvm.maximum"};
static const char *const rounding[] = {"llvm.ceil", "llvm.floor", "llvm.trunc", "llvm.roundeven",
                                       "llvm.sqrt"};

static bool is_float_arithmetic(LLVMValueRef value)
{
    if (LLVMIsAInstruction(value) == NULL)
        return false;
    switch ((int)LLVMGetInstructionOpcode(value)) {
    case LLVMFAdd:
    case LLVMFSub:
    case LLVMFMul:
    case LLVMFDiv:
    case LLVMFPTrunc:
    case LLVMFPExt:
    case LLVMSIToFP:
    case LLVMUIToFP: return true;
    default:
        return calls_one_of(value, min_max, COUNT_OF(min_max)) ||
               calls_one_of(value, rounding, COUNT_OF(rounding));
    }
}

/* True if the value is surely no signalling NaN. Looks through the phi of a reduction. */
static bool is_quiet(LLVMValueRef value)
{
    if (LLVMIsAConstantFP(value) != NULL) {
        LLVMBool loses_info;
        f64 number = LLVMConstRealGetDouble(value, &loses_info);
        return number == number;
    }
    if (LLVMIsAPHINode(value) == NULL)
        return is_float_arithmetic(value);
    u32 count = LLVMCountIncoming(value);
    for (u32 i = 0; i < count; i++) {
        LLVMValueRef incoming = LLVMGetIncomingValue(value, i);
        if (incoming != value && (LLVMIsAPHINode(incoming) != NULL || !is_quiet(incoming)))
            return false;
    }
    return true;
}

/* On x86, minimum and maximum hand on a signalling NaN as it is: they get quiet operands. */
static void quieten_operand(struct cg_module *m, LLVMValueRef instr, u32 operand)
{
    LLVMValueRef value = LLVMGetOperand(instr, operand);
    if (is_quiet(value))
        return;
    LLVMValueRef zero = hidden_load(m, LLVMTypeOf(value), HIDDEN_MINUS_ZERO, instr);
    LLVMSetOperand(instr, operand, LLVMBuildFAdd(m->builder, value, zero, ""));
}

static bool is_guest_load(struct cg_module *m, LLVMValueRef instr)
{
    return LLVMGetInstructionOpcode(instr) == LLVMLoad &&
           LLVMGetMetadata(instr, m->scope_kind) == m->scope_list[CG_SCOPE_MEMORY];
}

/* True for what computes a value and does nothing else. */
static bool is_pure(LLVMValueRef instr)
{
    if (LLVMIsABinaryOperator(instr) != NULL || LLVMIsACastInst(instr) != NULL ||
        LLVMIsACmpInst(instr) != NULL || LLVMIsASelectInst(instr) != NULL ||
        LLVMIsAGetElementPtrInst(instr) != NULL || LLVMIsAPHINode(instr) != NULL ||
        LLVMIsAUnaryInstruction(instr) != NULL)
        return LLVMIsALoadInst(instr) == NULL && LLVMIsAAllocaInst(instr) == NULL;
    return LLVMIsACallInst(instr) != NULL && LLVMIsAFunction(LLVMGetCalledValue(instr)) != NULL &&
           LLVMGetIntrinsicID(LLVMGetCalledValue(instr)) != 0;
}

static void prepare_instr(struct cg_module *m, LLVMValueRef instr)
{
    LLVMOpcode opcode = LLVMGetInstructionOpcode(instr);
    if (LLVMGetFirstUse(instr) == NULL && is_guest_load(m, instr)) {
        LLVMSetVolatile(instr, true);
    } else if (LLVMGetFirstUse(instr) == NULL && is_pure(instr)) {
        LLVMInstructionEraseFromParent(instr);
    } else if (opcode == LLVMFAdd || opcode == LLVMFSub || opcode == LLVMFMul ||
               opcode == LLVMFDiv) {
        hide_operand(m, instr, 0);
        hide_operand(m, instr, 1);
    } else if (calls_one_of(instr, min_max, COUNT_OF(min_max))) {
        for (u32 i = 0; i < 2; i++) {
            hide_operand(m, instr, i);
            quieten_operand(m, instr, i);
        }
    } else if (opcode == LLVMFPTrunc) {
        keep_demotion(m, instr);
    }
}

void cg_module_prepare(struct cg_module *m)
{
    for (LLVMValueRef fn = LLVMGetFirstFunction(m->module); fn != NULL;
         fn = LLVMGetNextFunction(fn))
        /* Backwards: users before what they use, so that erasing uncovers further unused values. */
        for (LLVMBasicBlockRef b = LLVMGetLastBasicBlock(fn); b != NULL;
             b = LLVMGetPreviousBasicBlock(b))
            for (LLVMValueRef i = LLVMGetLastInstruction(b), next; i != NULL; i = next) {
                next = LLVMGetPreviousInstruction(i);
                prepare_instr(m, i);
            }
}
