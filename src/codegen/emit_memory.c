/*
 * codegen/emit_memory.c -- loads, stores and memory.size.
 * spec: core/exec/instructions, memory instructions
 *
 * The reservation around a memory catches what lies outside: an index of 32 bits plus an offset
 * below ABI_GUARD_AFTER never leaves it. Only larger constant offsets are checked by code. The
 * address is base + index + offset in two unsigned steps, a form that LLVM vectorises.
 */
#include "codegen/internal.h"
#include "base/check.h"

#define ACCESS_BYTES_MAX 16 /* of one access; v128 */

static LLVMValueRef memory_field(struct cg_func *f, u32 memory, LLVMTypeRef type, u64 offset)
{
    struct cg_module *m = f->m;
    u64 ref = m->layout.memories + (u64)memory * sizeof(struct abi_memory_ref);
    LLVMValueRef object = cg_field_load_invariant(
        m, m->type.ptr, f->ctx, ref + offsetof(struct abi_memory_ref, memory), "");
    return cg_field_load(m, type, object, offset, CG_SCOPE_CONTEXT, "");
}

/* index is a 64-bit value below 2^32. */
static void check_bounds(struct cg_func *f, const struct wasm_instr *instr, LLVMValueRef index,
                         u32 access_bytes)
{
    struct cg_module *m = f->m;
    LLVMValueRef size =
        memory_field(f, instr->index, m->type.i64, offsetof(struct abi_memory, size_bytes));
    LLVMValueRef end =
        LLVMBuildAdd(m->builder, index, cg_const_i64(m, instr->offset_imm + access_bytes), "");
    cg_trap_if(f, LLVMBuildICmp(m->builder, LLVMIntUGT, end, size, ""), ABI_TRAP_MEMORY_BOUNDS);
}

/* Pops the index; returns the host address of the access. */
static LLVMValueRef access_address(struct cg_func *f, const struct wasm_instr *instr,
                                   u32 access_bytes)
{
    struct cg_module *m = f->m;
    LLVMValueRef index = LLVMBuildZExt(m->builder, cg_pop(f), m->type.i64, "");
    if (instr->offset_imm > ABI_GUARD_AFTER - ACCESS_BYTES_MAX)
        check_bounds(f, instr, index, access_bytes);
    LLVMValueRef base = cg_func_memory_base(f, instr->index);
    LLVMValueRef address =
        LLVMBuildGEPWithNoWrapFlags(m->builder, m->type.i8, base, &index, 1, "", LLVMGEPFlagNUW);
    return cg_field_address(m, address, instr->offset_imm);
}

/* Guest alignment is a hint that may lie. */
static void mark_guest_access(struct cg_func *f, LLVMValueRef access)
{
    LLVMSetAlignment(access, 1);
    cg_access_mark(f->m, access, CG_SCOPE_MEMORY);
    LLVMSetVolatile(access, f->m->strict);
}

static u32 type_bits(const struct cg_module *m, LLVMTypeRef type)
{
    return type == m->type.i32 || type == m->type.f32 ? 32 : 64;
}

/* bits: how many are in memory, 0 for all of the type. */
static void emit_load(struct cg_func *f, const struct wasm_instr *instr, u32 bits, bool is_signed)
{
    struct cg_module *m = f->m;
    LLVMTypeRef type = cg_result_type(f, instr);
    LLVMTypeRef narrow = bits == 0 ? type : LLVMIntTypeInContext(m->llvm, bits);
    u32 bytes = (bits == 0 ? type_bits(m, type) : bits) / 8;
    LLVMValueRef value = LLVMBuildLoad2(m->builder, narrow, access_address(f, instr, bytes), "");
    mark_guest_access(f, value);
    if (bits != 0)
        value = LLVMBuildIntCast2(m->builder, value, type, is_signed, "");
    cg_push(f, value);
}

/* row->a: bits in memory, 0 for all of the type; a wider result is extended with zeros */
void cg_emit_load(struct cg_func *f, const struct wasm_instr *instr, const struct cg_row *row)
{
    emit_load(f, instr, row->a, false);
}

void cg_emit_load_signed(struct cg_func *f, const struct wasm_instr *instr,
                         const struct cg_row *row)
{
    emit_load(f, instr, row->a, true);
}

/* row->a: bits in memory, 0 for all of the type. */
void cg_emit_store(struct cg_func *f, const struct wasm_instr *instr, const struct cg_row *row)
{
    struct cg_module *m = f->m;
    LLVMValueRef value = cg_pop(f);
    u32 bytes = (row->a == 0 ? type_bits(m, LLVMTypeOf(value)) : row->a) / 8;
    LLVMValueRef address = access_address(f, instr, bytes);
    if (row->a != 0)
        value = LLVMBuildTrunc(m->builder, value, LLVMIntTypeInContext(m->llvm, row->a), "");
    mark_guest_access(f, LLVMBuildStore(m->builder, value, address));
}

void cg_emit_memory_size(struct cg_func *f, const struct wasm_instr *instr,
                         const struct cg_row *row)
{
    (void)row;
    struct cg_module *m = f->m;
    LLVMValueRef bytes =
        memory_field(f, instr->index, m->type.i64, offsetof(struct abi_memory, size_bytes));
    LLVMValueRef page_log2 = cg_const_i64(m, (u64)__builtin_ctz(ABI_PAGE_BYTES));
    LLVMValueRef pages = LLVMBuildLShr(m->builder, bytes, page_log2, "");
    cg_push(f, LLVMBuildTrunc(m->builder, pages, m->type.i32, ""));
}
