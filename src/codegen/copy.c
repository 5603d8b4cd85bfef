/*
 * codegen/copy.c -- copies of structures that were written a moment ago, field by field.
 *
 * C toolchains pass small structures by value through the guest's stack and copy eight bytes at a
 * time. A load that covers two fields just stored by two instructions cannot take its value from
 * the processor's store buffer; it waits until both have reached the cache, some 15 cycles. Such a
 * copy is done in two halves. One half is a float only to keep the code generator from joining
 * them again.
 */
#include "codegen/internal.h"

#define HALF_BYTES 4

/* True for an i32 that a global holds, or a constant distance from it: the guest's stack pointer
 * is a global. */
static bool is_near_global(const struct cg_module *m, LLVMValueRef value)
{
    while (LLVMIsABinaryOperator(value) != NULL &&
           LLVMIsAConstantInt(LLVMGetOperand(value, 1)) != NULL)
        value = LLVMGetOperand(value, 0);
    return LLVMIsALoadInst(value) != NULL &&
           LLVMGetMetadata(value, m->scope_kind) == m->scope_list[CG_SCOPE_CONTEXT];
}

/* True for an address in the frame that the function has on the guest's stack. */
static bool is_in_frame(const struct cg_module *m, LLVMValueRef address)
{
    while (LLVMIsAGetElementPtrInst(address) != NULL &&
           LLVMIsAConstantInt(LLVMGetOperand(address, 1)) != NULL)
        address = LLVMGetOperand(address, 0);
    if (LLVMIsAGetElementPtrInst(address) == NULL)
        return false;
    LLVMValueRef index = LLVMGetOperand(address, 1);
    return LLVMIsAZExtInst(index) != NULL && is_near_global(m, LLVMGetOperand(index, 0));
}

static bool is_guest_access(const struct cg_module *m, LLVMValueRef access)
{
    return LLVMGetMetadata(access, m->scope_kind) == m->scope_list[CG_SCOPE_MEMORY] &&
           !LLVMGetVolatile(access);
}

/* The store that a load of eight bytes is for, if for nothing else; NULL: it is no such copy. */
static LLVMValueRef find_copy(const struct cg_module *m, LLVMValueRef load)
{
    if (LLVMIsALoadInst(load) == NULL || LLVMTypeOf(load) != m->type.i64 ||
        !is_guest_access(m, load) || !is_in_frame(m, LLVMGetOperand(load, 0)))
        return NULL;
    LLVMUseRef use = LLVMGetFirstUse(load);
    if (use == NULL || LLVMGetNextUse(use) != NULL)
        return NULL;
    LLVMValueRef store = LLVMGetUser(use);
    bool is_copy = LLVMIsAStoreInst(store) != NULL && LLVMGetOperand(store, 0) == load &&
                   is_guest_access(m, store);
    return is_copy ? store : NULL;
}

static void mark_half(struct cg_module *m, LLVMValueRef access)
{
    LLVMSetAlignment(access, 1);
    cg_access_mark(m, access, CG_SCOPE_MEMORY);
}

/* Replaces both; whatever lies between them stays between. */
static void split(struct cg_module *m, LLVMValueRef load, LLVMValueRef store)
{
    const LLVMTypeRef types[] = {m->type.i32, m->type.f32};
    for (u32 i = 0; i < COUNT_OF(types); i++) {
        LLVMPositionBuilderBefore(m->builder, load);
        LLVMValueRef from = cg_field_address(m, LLVMGetOperand(load, 0), i * HALF_BYTES);
        LLVMValueRef half = LLVMBuildLoad2(m->builder, types[i], from, "");
        mark_half(m, half);
        LLVMPositionBuilderBefore(m->builder, store);
        LLVMValueRef to = cg_field_address(m, LLVMGetOperand(store, 1), i * HALF_BYTES);
        mark_half(m, LLVMBuildStore(m->builder, half, to));
    }
    LLVMInstructionEraseFromParent(store);
    LLVMInstructionEraseFromParent(load);
}

void cg_module_split_copies(struct cg_module *m)
{
    for (LLVMValueRef fn = LLVMGetFirstFunction(m->module); fn != NULL;
         fn = LLVMGetNextFunction(fn))
        for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(fn); b != NULL;
             b = LLVMGetNextBasicBlock(b))
            /* Backwards: a load's store is behind it, never what comes next. */
            for (LLVMValueRef i = LLVMGetLastInstruction(b), next; i != NULL; i = next) {
                next = LLVMGetPreviousInstruction(i);
                LLVMValueRef store = find_copy(m, i);
                if (store != NULL)
                    split(m, i, store);
            }
}
