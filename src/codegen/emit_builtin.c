/*
 * codegen/emit_builtin.c -- instructions that the runtime carries out: growth, bulk memory and
 * tables. Each is a call of the stub of its row in abi/builtin.def with what its immediates name,
 * then its operands. spec: core/exec/instructions, memory and table instructions
 */
#include "codegen/internal.h"
#include "base/check.h"
#include <string.h>

/* Memories, tables and segments that the immediates name: one or two indices. */
static bool has_two_indices(enum wasm_imm imm)
{
    return imm == WASM_IMM_MEMORY_COPY || imm == WASM_IMM_MEMORY_INIT ||
           imm == WASM_IMM_TABLE_COPY || imm == WASM_IMM_TABLE_INIT;
}

/* References have 64 bits, all other operands 32. */
static LLVMValueRef widen(struct cg_module *m, LLVMValueRef operand)
{
    return LLVMTypeOf(operand) == m->type.i64 ? operand
                                              : LLVMBuildZExt(m->builder, operand, m->type.i64, "");
}

/* row->a: enum cg_builtin */
void cg_emit_builtin(struct cg_func *f, const struct wasm_instr *instr, const struct cg_row *row)
{
    struct cg_module *m = f->m;
    const struct wasm_op_info *info = wasm_op_info(instr->op);
    u32 operands = (u32)(strchr(info->sig, '_') - info->sig), count = 1;
    LLVMValueRef args[1 + ABI_BUILTIN_PARAMS] = {f->ctx};
    args[count++] = cg_const_i64(m, instr->index);
    if (has_two_indices(info->imm))
        args[count++] = cg_const_i64(m, instr->index2);
    CHECK(count + operands <= COUNT_OF(args) && f->height >= operands);
    f->height -= operands;
    for (u32 i = 0; i < operands; i++)
        args[count++] = widen(m, f->stack[f->height + i]);
    LLVMValueRef stub = m->builtins[row->a];
    LLVMValueRef result = cg_call(m, LLVMGlobalGetValueType(stub), stub, CG_CALL_C, args, count);
    char letter = info->sig[operands + 1];
    if (letter == 'r')
        cg_push(f, result);
    else if (letter != 0)
        cg_push(f, LLVMBuildTrunc(m->builder, result, m->type.i32, "")); /* refused: -1 */
}
