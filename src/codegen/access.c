/* codegen/access.c -- loads, stores and calls that generated code makes on the host's structures.
 */
#include "codegen/internal.h"
#include "base/check.h"
#include <string.h>

LLVMValueRef cg_const_i32(const struct cg_module *m, u32 value)
{
    return LLVMConstInt(m->type.i32, value, false);
}

LLVMValueRef cg_const_i64(const struct cg_module *m, u64 value)
{
    return LLVMConstInt(m->type.i64, value, false);
}

void cg_access_mark(struct cg_module *m, LLVMValueRef access, enum cg_scope scope)
{
    LLVMSetMetadata(access, m->scope_kind, m->scope_list[scope]);
    LLVMSetMetadata(access, m->noalias_kind, m->noalias_list[scope]);
}

LLVMValueRef cg_field_address(struct cg_module *m, LLVMValueRef base, u64 offset)
{
    if (offset == 0)
        return base;
    LLVMValueRef index = cg_const_i64(m, offset);
    return LLVMBuildGEPWithNoWrapFlags(m->builder, m->type.i8, base, &index, 1, "", LLVMGEPFlagNUW);
}

/* The structures of the ABI are aligned to their largest field; so are their fields. */
static u32 natural_alignment(const struct cg_module *m, LLVMTypeRef type)
{
    return type == m->type.i32 || type == m->type.f32 ? 4 : 8;
}

LLVMValueRef cg_field_load(struct cg_module *m, LLVMTypeRef type, LLVMValueRef base, u64 offset,
                           enum cg_scope scope, const char *name)
{
    LLVMValueRef load = LLVMBuildLoad2(m->builder, type, cg_field_address(m, base, offset), name);
    LLVMSetAlignment(load, natural_alignment(m, type));
    cg_access_mark(m, load, scope);
    return load;
}

LLVMValueRef cg_field_load_invariant(struct cg_module *m, LLVMTypeRef type, LLVMValueRef base,
                                     u64 offset, const char *name)
{
    LLVMValueRef load = cg_field_load(m, type, base, offset, CG_SCOPE_CONTEXT, name);
    LLVMSetMetadata(load, m->invariant_kind, m->empty_node);
    return load;
}

void cg_field_store(struct cg_module *m, LLVMValueRef value, LLVMValueRef base, u64 offset,
                    enum cg_scope scope)
{
    LLVMValueRef store = LLVMBuildStore(m->builder, value, cg_field_address(m, base, offset));
    LLVMSetAlignment(store, natural_alignment(m, LLVMTypeOf(value)));
    cg_access_mark(m, store, scope);
}

LLVMValueRef cg_call(struct cg_module *m, LLVMTypeRef type, LLVMValueRef callee,
                     unsigned convention, LLVMValueRef *args, u32 arg_count)
{
    LLVMValueRef call = LLVMBuildCall2(m->builder, type, callee, args, arg_count, "");
    LLVMSetInstructionCallConv(call, convention);
    return call;
}

void cg_call_trap(struct cg_module *m, LLVMValueRef stub, LLVMValueRef *args, u32 arg_count)
{
    LLVMValueRef call = cg_call(m, LLVMGlobalGetValueType(stub), stub, CG_CALL_C, args, arg_count);
    LLVMAddCallSiteAttribute(call, CG_ON_FUNCTION, m->nomerge);
    LLVMBuildUnreachable(m->builder);
}

/* rsp itself: a frame may be large. */
static LLVMValueRef stack_pointer(struct cg_module *m)
{
    static const char name[] = "rsp";
    LLVMMetadataRef text = LLVMMDStringInContext2(m->llvm, name, sizeof name - 1);
    LLVMValueRef which = LLVMMetadataAsValue(m->llvm, LLVMMDNodeInContext2(m->llvm, &text, 1));
    LLVMValueRef intrinsic = cg_intrinsic(m, "llvm.read_register", &m->type.i64, 1);
    return cg_call(m, LLVMGlobalGetValueType(intrinsic), intrinsic, CG_CALL_C, &which, 1);
}

LLVMValueRef cg_stack_is_short(struct cg_module *m, LLVMValueRef exec)
{
    LLVMValueRef limit = cg_field_load_invariant(m, m->type.i64, exec,
                                                 offsetof(struct abi_exec, stack_limit), "limit");
    LLVMValueRef least = LLVMBuildAdd(m->builder, limit, cg_const_i64(m, ABI_HOST_STACK), "least");
    return LLVMBuildICmp(m->builder, LLVMIntULT, stack_pointer(m), least, "short");
}

LLVMValueRef cg_is_pending(struct cg_module *m, LLVMValueRef exec)
{
    LLVMValueRef pending = cg_field_load(m, m->type.i64, exec, offsetof(struct abi_exec, pending),
                                         CG_SCOPE_CONTEXT, "pending");
    return LLVMBuildICmp(m->builder, LLVMIntNE, pending, cg_const_i64(m, 0), "");
}

LLVMValueRef cg_intrinsic(struct cg_module *m, const char *name, LLVMTypeRef *overloads, u32 count)
{
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    CHECK(id != 0);
    return LLVMGetIntrinsicDeclaration(m->module, id, overloads, count);
}
