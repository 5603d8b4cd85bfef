/*
 * codegen/call.c -- call and call_indirect under the convention of abi/abi.h.
 * spec: core/exec/instructions, call, call_indirect
 */
#include "codegen/internal.h"
#include "base/check.h"

static u32 stacked_results(const struct wasm_func_type *type)
{
    return type->result_count > ABI_REG_RESULTS ? type->result_count - ABI_REG_RESULTS : 0;
}

/* Pushes the results of a call: the value or struct it returned, and the slots behind. */
static void push_results(struct cg_func *f, const struct wasm_func_type *type, LLVMValueRef result)
{
    struct cg_module *m = f->m;
    for (u32 i = 0; i < type->result_count; i++) {
        LLVMValueRef value = result;
        if (i >= ABI_REG_RESULTS)
            value = cg_field_load(m, cg_type_of(m, type->results[i]), cg_func_values(f),
                                  cg_value_offset(i), CG_SCOPE_VALUES, "");
        else if (type->result_count > 1)
            value = LLVMBuildExtractValue(m->builder, result, i, "");
        cg_push(f, value);
    }
}

/* Calls code of the module's type number `type_index` in the context ctx: every guest call goes
 * through here. */
static void emit_call(struct cg_func *f, u32 type_index, LLVMValueRef code, LLVMValueRef ctx)
{
    struct cg_module *m = f->m;
    const struct wasm_func_type *type = &m->wasm->types[type_index];
    CHECK(f->height >= type->param_count);
    LLVMValueRef *operands = f->stack + (f->height - type->param_count);
    LLVMValueRef args[1 + ABI_INT_PARAMS + ABI_FLOAT_PARAMS] = {ctx};
    u32 count = 1;
    struct cg_placer placer = {0};
    for (u32 i = 0; i < type->param_count; i++) {
        if (cg_placer_next(&placer, type->params[i]))
            args[count++] = operands[i];
        else
            cg_field_store(m, operands[i], cg_func_values(f), cg_value_offset(i), CG_SCOPE_VALUES);
    }
    f->cost.carried += type->param_count + 1 - count + stacked_results(type);
    LLVMValueRef result =
        cg_call(m, m->signatures[type_index].type, code, CG_CALL_GUEST, args, count);
    f->height -= type->param_count;
    push_results(f, type, result);
}

/* A host function, nearly always: what its stub would do is done here, so that it costs what a call
 * through a pointer costs. */
static void emit_call_host(struct cg_func *f, u32 index)
{
    struct cg_module *m = f->m;
    u64 at = m->layout.hosts + (u64)index * sizeof(struct abi_host);
    LLVMValueRef exec =
        cg_field_load_invariant(m, m->type.ptr, f->ctx, offsetof(struct abi_vmctx, exec), "exec");
    cg_trap_if(f, cg_stack_is_short(m, exec), ABI_TRAP_STACK_EXHAUSTED);
    LLVMValueRef fn =
        cg_field_load_invariant(m, m->type.ptr, f->ctx, at + offsetof(struct abi_host, fn), "fn");
    LLVMValueRef instance = cg_field_load_invariant(
        m, m->type.ptr, f->ctx, at + offsetof(struct abi_host, instance), "instance");
    emit_call(f, m->wasm->funcs[index].type, fn, instance);
    LLVMBasicBlockRef stay = cg_block_new(f, "stay");
    LLVMBasicBlockRef leave = cg_block_new_cold(f, "leave");
    LLVMBuildCondBr(m->builder, cg_is_pending(m, exec), leave, stay);
    LLVMPositionBuilderAtEnd(m->builder, leave);
    cg_call(m, LLVMGlobalGetValueType(m->yield), m->yield, CG_CALL_C, &f->ctx, 1);
    LLVMBuildBr(m->builder, stay);
    LLVMPositionBuilderAtEnd(m->builder, stay);
}

/* Through the stub of its type, or straight to another instance's function. */
static void emit_call_entry(struct cg_func *f, u32 index)
{
    struct cg_module *m = f->m;
    u64 at = m->layout.func_imports + (u64)index * sizeof(struct abi_entry);
    LLVMValueRef code = cg_field_load_invariant(m, m->type.ptr, f->ctx,
                                                at + offsetof(struct abi_entry, code), "code");
    LLVMValueRef ctx = cg_field_load_invariant(m, m->type.ptr, f->ctx,
                                               at + offsetof(struct abi_entry, ctx), "callee");
    emit_call(f, m->wasm->funcs[index].type, code, ctx);
}

void cg_emit_call(struct cg_func *f, const struct wasm_instr *instr, const struct cg_row *row)
{
    (void)row;
    struct cg_module *m = f->m;
    u32 imports = m->wasm->func_import_count, index = instr->index;
    const struct wasm_func_type *type = &m->wasm->types[m->wasm->funcs[index].type];
    if (index >= imports)
        emit_call(f, m->wasm->funcs[index].type, cg_func_of(m, index - imports), f->ctx);
    else if (type->result_count <= 1 && !cg_type_has_stacked_params(type))
        emit_call_host(f, index);
    else
        emit_call_entry(f, index);
}

/* Goes on only if the entry's type id is the expected one; the cold path says why not. */
static void check_entry(struct cg_func *f, LLVMValueRef id, LLVMValueRef expected,
                        LLVMValueRef index, LLVMValueRef len)
{
    struct cg_module *m = f->m;
    LLVMBasicBlockRef good = cg_block_new(f, "good");
    LLVMBasicBlockRef bad = cg_block_new_cold(f, "bad");
    LLVMValueRef wrong = LLVMBuildICmp(m->builder, LLVMIntNE, id, expected, "");
    LLVMBuildCondBr(m->builder, wrong, bad, good);
    LLVMPositionBuilderAtEnd(m->builder, bad);
    LLVMValueRef args[] = {f->ctx, index, len, id};
    cg_call_trap(m, m->trap_call_indirect, args, COUNT_OF(args));
    LLVMPositionBuilderAtEnd(m->builder, good);
}

/* The context that goes with an entry: nearly always the caller's own. A branch that bets on it
 * lets the callee start with a context that is there, not one that comes from memory at the end of
 * a chain of loads. Without its weights LLVM would make a select of it, which waits. */
static LLVMValueRef guess_own_context(struct cg_func *f, LLVMValueRef callee)
{
    struct cg_module *m = f->m;
    LLVMBasicBlockRef here = LLVMGetInsertBlock(m->builder);
    LLVMBasicBlockRef own = cg_block_new(f, "own");
    LLVMBasicBlockRef foreign = cg_block_new_cold(f, "foreign");
    LLVMValueRef is_own = LLVMBuildICmp(m->builder, LLVMIntEQ, callee, f->ctx, "");
    LLVMValueRef branch = LLVMBuildCondBr(m->builder, is_own, own, foreign);
    LLVMSetMetadata(branch, m->weights_kind, m->likely);
    LLVMPositionBuilderAtEnd(m->builder, foreign);
    LLVMBuildBr(m->builder, own);
    LLVMPositionBuilderAtEnd(m->builder, own);
    LLVMValueRef ctx = LLVMBuildPhi(m->builder, m->type.ptr, "");
    LLVMAddIncoming(ctx, (LLVMValueRef[]){f->ctx, callee}, (LLVMBasicBlockRef[]){here, foreign}, 2);
    return ctx;
}

/* The index is clamped to the table's length, where a null entry lies: one comparison covers
 * bounds, null and type, also when the processor guesses. */
void cg_emit_call_indirect(struct cg_func *f, const struct wasm_instr *instr,
                           const struct cg_row *row)
{
    (void)row;
    struct cg_module *m = f->m;
    LLVMValueRef index = LLVMBuildZExt(m->builder, cg_pop(f), m->type.i64, "index");
    LLVMValueRef table = cg_field_load_invariant(
        m, m->type.ptr, f->ctx, m->layout.tables + (u64)instr->index2 * sizeof(void *), "table");
    LLVMValueRef len = cg_field_load(m, m->type.i64, table, offsetof(struct abi_table, len),
                                     CG_SCOPE_TABLE, "len");
    LLVMValueRef entries = cg_field_load_invariant(m, m->type.ptr, table,
                                                   offsetof(struct abi_table, entries), "entries");
    LLVMValueRef inside = LLVMBuildICmp(m->builder, LLVMIntULT, index, len, "");
    LLVMValueRef clamped = LLVMBuildSelect(m->builder, inside, index, len, "clamped");
    LLVMTypeRef entry_type = LLVMArrayType2(m->type.i8, sizeof(struct abi_entry));
    LLVMValueRef entry = LLVMBuildGEPWithNoWrapFlags(m->builder, entry_type, entries, &clamped, 1,
                                                     "entry", LLVMGEPFlagNUW);
    LLVMValueRef id = cg_field_load(m, m->type.i64, entry, offsetof(struct abi_entry, type_id),
                                    CG_SCOPE_TABLE, "id");
    LLVMValueRef expected = cg_field_load_invariant(
        m, m->type.i64, f->ctx, m->layout.type_ids + (u64)instr->index * sizeof(u64), "expected");
    check_entry(f, id, expected, index, len);
    LLVMValueRef code = cg_field_load(m, m->type.ptr, entry, offsetof(struct abi_entry, code),
                                      CG_SCOPE_TABLE, "code");
    LLVMValueRef ctx = cg_field_load(m, m->type.ptr, entry, offsetof(struct abi_entry, ctx),
                                     CG_SCOPE_TABLE, "callee");
    if (m->options.opt == CG_OPT_BEST)
        ctx = guess_own_context(f, ctx);
    emit_call(f, instr->index, code, ctx);
}
