/*
 * codegen/func.c -- one Wasm function as LLVM IR, in one pass over its instructions.
 *
 * Locals are stack slots, which mem2reg turns into values; operands are a stack of LLVM values at
 * compile time; the values of a label are phis. Blocks nest on an explicit stack, never by
 * recursion. Requires a validated body: what the validator guarantees is not checked again.
 * spec: core/exec/instructions
 */
#include "codegen/internal.h"
#include "base/check.h"
#include <stdlib.h>

#define FUNC_ARENA_MAX (64 * MIB)
#define STRAIGHT_MAX   4000u /* instructions until a block is cut */

/* ---- the operand stack ---- */

/* Room for one more element of size bytes in an array that doubles. */
static void *array_grow(void *array, u32 count, u32 *cap, size_t size)
{
    if (count < *cap)
        return array;
    *cap = *cap == 0 ? 64 : *cap * 2;
    array = realloc(array, *cap * size);
    CHECK(array != NULL);
    return array;
}

void cg_push(struct cg_func *f, LLVMValueRef value)
{
    f->stack = array_grow(f->stack, f->height, &f->stack_cap, sizeof *f->stack);
    f->stack[f->height++] = value;
}

LLVMValueRef cg_pop(struct cg_func *f)
{
    CHECK(f->height > 0);
    return f->stack[--f->height];
}

struct cg_frame *cg_frame_push(struct cg_func *f)
{
    f->frames = array_grow(f->frames, f->frame_count, &f->frame_cap, sizeof *f->frames);
    return &f->frames[f->frame_count++];
}

/* ---- blocks and traps ---- */

LLVMBasicBlockRef cg_block_new(struct cg_func *f, const char *name)
{
    f->cost.blocks++;
    f->cost.loop_blocks += f->loops_open;
    if (f->first_cold != NULL)
        return LLVMInsertBasicBlockInContext(f->m->llvm, f->first_cold, name);
    return LLVMAppendBasicBlockInContext(f->m->llvm, f->fn, name);
}

LLVMBasicBlockRef cg_block_new_cold(struct cg_func *f, const char *name)
{
    LLVMBasicBlockRef block = LLVMAppendBasicBlockInContext(f->m->llvm, f->fn, name);
    f->cost.blocks++;
    if (f->first_cold == NULL)
        f->first_cold = block;
    return block;
}

void cg_trap(struct cg_func *f, enum abi_trap trap)
{
    cg_call_trap(f->m, f->m->traps[trap], &f->ctx, 1);
}

void cg_trap_if(struct cg_func *f, LLVMValueRef condition, enum abi_trap trap)
{
    LLVMBasicBlockRef good = cg_block_new(f, "good");
    LLVMBasicBlockRef bad = cg_block_new_cold(f, "bad");
    LLVMBuildCondBr(f->m->builder, condition, bad, good);
    LLVMPositionBuilderAtEnd(f->m->builder, bad);
    cg_trap(f, trap);
    LLVMPositionBuilderAtEnd(f->m->builder, good);
}

/* ---- values that are loaded once, at the entry ---- */

/* Moves the builder to the end of the entry block; returns where it was. */
static LLVMBasicBlockRef at_entry(struct cg_func *f)
{
    LLVMBasicBlockRef here = LLVMGetInsertBlock(f->m->builder);
    LLVMPositionBuilderAtEnd(f->m->builder, f->entry);
    return here;
}

LLVMValueRef cg_func_values(struct cg_func *f)
{
    if (f->values == NULL) {
        struct cg_module *m = f->m;
        LLVMBasicBlockRef here = at_entry(f);
        LLVMValueRef exec = cg_field_load_invariant(m, m->type.ptr, f->ctx,
                                                    offsetof(struct abi_vmctx, exec), "exec");
        f->values = cg_field_load_invariant(m, m->type.ptr, exec, offsetof(struct abi_exec, values),
                                            "values");
        LLVMPositionBuilderAtEnd(m->builder, here);
    }
    return f->values;
}

LLVMValueRef cg_func_memory_base(struct cg_func *f, u32 memory)
{
    CHECK(memory == 0); /* the validator refuses others: limits.def, MEMORIES */
    if (f->memory_base == NULL) {
        LLVMBasicBlockRef here = at_entry(f);
        f->memory_base = cg_field_load_invariant(
            f->m, f->m->type.ptr, f->ctx,
            f->m->layout.memories + offsetof(struct abi_memory_ref, base), "memory");
        LLVMPositionBuilderAtEnd(f->m->builder, here);
    }
    return f->memory_base;
}

/* ---- prologue and epilogue ---- */

static void add_local(struct cg_func *f, u8 type, LLVMValueRef value)
{
    LLVMTypeRef llvm_type = cg_type_of(f->m, type);
    LLVMValueRef slot = LLVMBuildAlloca(f->m->builder, llvm_type, "local");
    LLVMBuildStore(f->m->builder, value == NULL ? LLVMConstNull(llvm_type) : value, slot);
    f->locals[f->local_count] = slot;
    f->local_types[f->local_count++] = type;
}

static void add_params(struct cg_func *f)
{
    struct cg_module *m = f->m;
    struct cg_placer placer = {0};
    u32 param = 1;
    for (u32 i = 0; i < f->type->param_count; i++) {
        u8 type = f->type->params[i];
        LLVMValueRef value;
        if (cg_placer_next(&placer, type))
            value = LLVMGetParam(f->fn, param++);
        else
            value = cg_field_load(m, cg_type_of(m, type), cg_func_values(f), cg_value_offset(i),
                                  CG_SCOPE_VALUES, "");
        add_local(f, type, value);
    }
}

static bool begin(struct cg_func *f, struct arena *arena, struct err *err)
{
    struct wasm_local_run *runs;
    u32 run_count, count = f->type->param_count;
    if (!wasm_func_locals(f->m->wasm, f->wasm, arena, &runs, &run_count, &f->code, err))
        return false;
    for (u32 i = 0; i < run_count; i++)
        count += runs[i].count;
    f->locals = arena_array(arena, LLVMValueRef, count);
    f->local_types = arena_array(arena, u8, count);
    if (f->locals == NULL || f->local_types == NULL)
        return err_set(err, ERR_LIMIT, f->wasm->body_offset, "too many locals");

    f->entry = LLVMAppendBasicBlockInContext(f->m->llvm, f->fn, "entry");
    LLVMPositionBuilderAtEnd(f->m->builder, f->entry);
    add_params(f);
    for (u32 i = 0; i < run_count; i++)
        for (u32 k = 0; k < runs[i].count; k++)
            add_local(f, runs[i].type, NULL);

    cg_frame_open(f, CG_FRAME_FUNC,
                  (struct wasm_func_type){.results = f->type->results,
                                          .result_count = f->type->result_count});
    LLVMPositionBuilderAtEnd(f->m->builder, cg_block_new(f, "body"));
    return true;
}

/* The results, which are on the operand stack, to the caller. */
static void emit_ret(struct cg_func *f)
{
    struct cg_module *m = f->m;
    u32 count = f->type->result_count;
    LLVMValueRef *results = f->stack + (f->height - count);
    for (u32 i = ABI_REG_RESULTS; i < count; i++)
        cg_field_store(m, results[i], cg_func_values(f), cg_value_offset(i), CG_SCOPE_VALUES);
    if (count == 0)
        LLVMBuildRetVoid(m->builder);
    else if (count == 1)
        LLVMBuildRet(m->builder, results[0]);
    else
        LLVMBuildAggregateRet(m->builder, results, ABI_REG_RESULTS);
    f->height -= count;
}

/* What a few bytes of code can make out of proportion. */
static bool check_cost(const struct cg_func *f, u64 offset, struct err *err)
{
    if (f->cost.blocks > WASM_MAX_BLOCKS)
        return err_set(err, ERR_LIMIT, offset, "more than %u basic blocks of a function",
                       WASM_MAX_BLOCKS);
    if (f->cost.carried > WASM_MAX_CARRIED)
        return err_set(err, ERR_LIMIT, offset,
                       "more than %u values carried by branches and calls of a function",
                       WASM_MAX_CARRIED);
    return f->m->carried + f->cost.carried <= WASM_MAX_MODULE_CARRIED ||
           err_set(err, ERR_LIMIT, offset,
                   "more than %u values carried by branches and calls of a module",
                   WASM_MAX_MODULE_CARRIED);
}

/* The quick register allocator takes quadratic time in the length of a block. */
static void cut_block(struct cg_func *f)
{
    LLVMBasicBlockRef next = cg_block_new(f, "next");
    LLVMBuildBr(f->m->builder, next);
    LLVMPositionBuilderAtEnd(f->m->builder, next);
}

static bool emit_body(struct cg_func *f, struct err *err)
{
    u64 blocks = 0;
    u32 straight = 0; /* instructions since the last new block */
    while (f->frame_count > 0) {
        struct wasm_instr instr;
        if (!wasm_instr_read(&f->code, &instr))
            return err_context(err, "reading a validated body");
        if (f->is_dead) {
            cg_emit_dead(f, &instr);
        } else {
            const struct cg_row *row = cg_row_of(instr.op);
            row->emit(f, &instr, row);
        }
        if (!check_cost(f, instr.offset, err))
            return false;
        straight = f->cost.blocks == blocks ? straight + 1 : 0;
        if (straight > 0 && straight % STRAIGHT_MAX == 0 && !f->is_dead && f->frame_count > 0)
            cut_block(f);
        blocks = f->cost.blocks;
        f->cost.straight = max_u64(f->cost.straight, straight);
        f->cost.height = max_u64(f->cost.height, f->height);
    }
    return true;
}

static bool emit_func(struct cg_func *f, struct arena *arena, struct err *err)
{
    if (!begin(f, arena, err) || !emit_body(f, err))
        return false;
    if (!f->is_dead)
        emit_ret(f);
    /* The entry was open for late loads until now; the body is the second block. */
    LLVMPositionBuilderAtEnd(f->m->builder, f->entry);
    LLVMBuildBr(f->m->builder, LLVMGetNextBasicBlock(f->entry));
    CHECK(f->height == 0);
    return true;
}

bool cg_funcs_emit(struct cg_module *m, struct err *err)
{
    struct arena arena;
    arena_init(&arena, FUNC_ARENA_MAX);
    struct cg_func scratch = {0};
    bool ok = true;
    for (u32 i = m->part.first; ok && i < m->part.end; i++) {
        u32 index = m->wasm->func_import_count + i;
        const struct wasm_func *wasm = &m->wasm->funcs[index];
        struct cg_func f = {.m = m,
                            .wasm = wasm,
                            .type = &m->wasm->types[wasm->type],
                            .fn = m->funcs[i],
                            .stack = scratch.stack,
                            .stack_cap = scratch.stack_cap,
                            .frames = scratch.frames,
                            .frame_cap = scratch.frame_cap};
        f.ctx = LLVMGetParam(f.fn, 0);
        ok = emit_func(&f, &arena, err) || err_context(err, "function %u", index);
        f.cost.locals = f.local_count;
        m->carried += f.cost.carried;
        m->costs[i] = f.cost;
        scratch = f;
        arena_reset(&arena);
    }
    free(scratch.stack);
    free(scratch.frames);
    arena_fini(&arena);
    return ok;
}
