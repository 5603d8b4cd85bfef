/*
 * codegen/emit_control.c -- blocks and branches. spec: core/exec/instructions, control instructions
 *
 * The values of a label are phis at the start of its block: `target` for branches, `end` for what
 * falls out. A block whose end nothing reaches is removed again, and what follows it is dead.
 */
#include "codegen/internal.h"
#include "base/check.h"

#define TABLE_WHOLE_MAX 1024u /* labels of a br_table that is one switch */
#define TABLE_PART_LOG2 8
#define TABLE_PART      (1u << TABLE_PART_LOG2)

/* ---- labels ---- */

static struct cg_frame *frame_at(struct cg_func *f, u32 depth)
{
    CHECK(depth < f->frame_count);
    return &f->frames[f->frame_count - 1 - depth];
}

/* What a branch to the frame's label carries: a loop's parameters, any other's results. */
static u32 label_arity(const struct cg_frame *frame)
{
    return frame->kind == CG_FRAME_LOOP ? frame->param_count : frame->result_count;
}

/* A phi of each type in the block, which is still empty. */
static void add_phis(struct cg_func *f, LLVMBasicBlockRef block, const u8 *types, u32 count)
{
    LLVMBasicBlockRef here = LLVMGetInsertBlock(f->m->builder);
    LLVMPositionBuilderAtEnd(f->m->builder, block);
    f->cost.carried += count;
    for (u32 i = 0; i < count; i++)
        LLVMBuildPhi(f->m->builder, cg_type_of(f->m, types[i]), "");
    if (here != NULL)
        LLVMPositionBuilderAtEnd(f->m->builder, here);
}

/* One more edge into the block, from `from`, with the topmost `count` operands. */
static void add_incoming(struct cg_func *f, LLVMBasicBlockRef from, LLVMBasicBlockRef block,
                         u32 count)
{
    LLVMValueRef phi = LLVMGetFirstInstruction(block);
    f->cost.carried += count;
    if (f->cost.carried > WASM_MAX_CARRIED)
        return; /* it will be refused, maybe before this instruction's next million values */
    for (u32 i = 0; i < count; i++) {
        LLVMAddIncoming(phi, &f->stack[f->height - count + i], &from, 1);
        phi = LLVMGetNextInstruction(phi);
    }
}

/* The edge from the current block to a label; the caller builds the branch. */
static LLVMBasicBlockRef edge_to(struct cg_func *f, struct cg_frame *frame)
{
    if (frame->target == frame->end)
        frame->end_incoming++;
    add_incoming(f, LLVMGetInsertBlock(f->m->builder), frame->target, label_arity(frame));
    return frame->target;
}

static void mark_dead(struct cg_func *f)
{
    f->is_dead = true;
    f->dead_depth = 0;
    f->height = frame_at(f, 0)->height;
}

/* ---- entering ---- */

void cg_frame_open(struct cg_func *f, enum cg_frame_kind kind, struct wasm_func_type type)
{
    struct cg_frame *frame = cg_frame_push(f);
    *frame = (struct cg_frame){.kind = kind,
                               .param_count = type.param_count,
                               .result_count = type.result_count,
                               .height = f->height - type.param_count,
                               .end = cg_block_new(f, "end")};
    add_phis(f, frame->end, type.results, type.result_count);
    frame->target = frame->end;
}

static struct cg_frame *enter(struct cg_func *f, enum cg_frame_kind kind,
                              const struct wasm_instr *instr)
{
    u8 one_result;
    cg_frame_open(f, kind, wasm_block_type(f->m->wasm, instr->block_type, &one_result));
    return frame_at(f, 0);
}

void cg_emit_block(struct cg_func *f, const struct wasm_instr *instr, const struct cg_row *row)
{
    (void)row;
    enter(f, CG_FRAME_BLOCK, instr);
}

void cg_emit_loop(struct cg_func *f, const struct wasm_instr *instr, const struct cg_row *row)
{
    (void)row;
    struct cg_frame *frame = enter(f, CG_FRAME_LOOP, instr);
    u32 count = frame->param_count;
    f->loops_open++;
    LLVMBasicBlockRef head = cg_block_new(f, "loop");
    u8 one_result;
    add_phis(f, head, wasm_block_type(f->m->wasm, instr->block_type, &one_result).params, count);
    frame->target = head;
    add_incoming(f, LLVMGetInsertBlock(f->m->builder), head, count);
    LLVMBuildBr(f->m->builder, head);
    LLVMPositionBuilderAtEnd(f->m->builder, head);
    f->height = frame->height;
    LLVMValueRef phi = LLVMGetFirstInstruction(head);
    for (u32 i = 0; i < count; i++) {
        cg_push(f, phi);
        phi = LLVMGetNextInstruction(phi);
    }
}

/* The parameters stay below the frame for the else branch, which gets them again. */
static void push_params_again(struct cg_func *f, const struct cg_frame *frame)
{
    for (u32 i = 0; i < frame->param_count; i++)
        cg_push(f, f->stack[frame->height - frame->param_count + i]);
}

void cg_emit_if(struct cg_func *f, const struct wasm_instr *instr, const struct cg_row *row)
{
    (void)row;
    LLVMValueRef condition = cg_condition(f, cg_pop(f));
    struct cg_frame *frame = enter(f, CG_FRAME_IF, instr);
    LLVMBasicBlockRef then = cg_block_new(f, "then");
    frame->otherwise = cg_block_new(f, "else");
    LLVMBuildCondBr(f->m->builder, condition, then, frame->otherwise);
    LLVMPositionBuilderAtEnd(f->m->builder, then);
    frame->height += frame->param_count;
    push_params_again(f, frame);
}

/* ---- leaving ---- */

/* Falls out of the current block into the end of the frame. */
static void fall_to_end(struct cg_func *f, struct cg_frame *frame)
{
    frame->end_incoming++;
    add_incoming(f, LLVMGetInsertBlock(f->m->builder), frame->end, frame->result_count);
    LLVMBuildBr(f->m->builder, frame->end);
}

static void place_block(struct cg_func *f, LLVMBasicBlockRef block)
{
    LLVMBasicBlockRef here = LLVMGetInsertBlock(f->m->builder);
    if (block != here)
        LLVMMoveBasicBlockAfter(block, here);
    LLVMPositionBuilderAtEnd(f->m->builder, block);
}

void cg_emit_else(struct cg_func *f, const struct wasm_instr *instr, const struct cg_row *row)
{
    (void)instr;
    (void)row;
    struct cg_frame *frame = frame_at(f, 0);
    if (!f->is_dead)
        fall_to_end(f, frame);
    f->is_dead = false;
    frame->kind = CG_FRAME_ELSE;
    place_block(f, frame->otherwise);
    f->height = frame->height;
    push_params_again(f, frame);
}

void cg_emit_end(struct cg_func *f, const struct wasm_instr *instr, const struct cg_row *row)
{
    struct cg_frame *frame = frame_at(f, 0);
    if (frame->kind == CG_FRAME_IF) { /* no else: its parameters are its results */
        cg_emit_else(f, instr, row);
        frame = frame_at(f, 0);
    }
    if (!f->is_dead)
        fall_to_end(f, frame);
    f->height = frame->height;
    if (frame->kind == CG_FRAME_ELSE)
        f->height -= frame->param_count;
    f->is_dead = frame->end_incoming == 0;
    f->dead_depth = 0;
    if (f->is_dead) {
        LLVMDeleteBasicBlock(frame->end);
    } else {
        place_block(f, frame->end);
        LLVMValueRef phi = LLVMGetFirstInstruction(frame->end);
        for (u32 i = 0; i < frame->result_count; i++) {
            cg_push(f, phi);
            phi = LLVMGetNextInstruction(phi);
        }
    }
    if (frame->kind == CG_FRAME_LOOP)
        f->loops_open--;
    f->frame_count--;
    if (f->is_dead && f->frame_count > 0)
        f->height = frame_at(f, 0)->height;
}

void cg_emit_dead(struct cg_func *f, const struct wasm_instr *instr)
{
    if (wasm_op_info(instr->op)->imm == WASM_IMM_BLOCKTYPE)
        f->dead_depth++;
    else if (instr->op == WASM_OP_END && f->dead_depth > 0)
        f->dead_depth--;
    else if (instr->op == WASM_OP_END)
        cg_emit_end(f, instr, NULL);
    else if (instr->op == WASM_OP_ELSE && f->dead_depth == 0)
        cg_emit_else(f, instr, NULL);
}

/* ---- branches ---- */

void cg_emit_nop(struct cg_func *f, const struct wasm_instr *instr, const struct cg_row *row)
{
    (void)f;
    (void)instr;
    (void)row;
}

void cg_emit_unreachable(struct cg_func *f, const struct wasm_instr *instr,
                         const struct cg_row *row)
{
    (void)instr;
    (void)row;
    cg_trap(f, ABI_TRAP_UNREACHABLE);
    mark_dead(f);
}

static void branch(struct cg_func *f, u32 depth)
{
    LLVMBuildBr(f->m->builder, edge_to(f, frame_at(f, depth)));
    mark_dead(f);
}

void cg_emit_br(struct cg_func *f, const struct wasm_instr *instr, const struct cg_row *row)
{
    (void)row;
    branch(f, instr->index);
}

void cg_emit_return(struct cg_func *f, const struct wasm_instr *instr, const struct cg_row *row)
{
    (void)instr;
    (void)row;
    branch(f, f->frame_count - 1);
}

void cg_emit_br_if(struct cg_func *f, const struct wasm_instr *instr, const struct cg_row *row)
{
    (void)row;
    LLVMValueRef condition = cg_condition(f, cg_pop(f));
    LLVMBasicBlockRef taken = edge_to(f, frame_at(f, instr->index));
    LLVMBasicBlockRef next = cg_block_new(f, "next");
    LLVMBuildCondBr(f->m->builder, condition, taken, next);
    LLVMPositionBuilderAtEnd(f->m->builder, next);
}

/* Where a table's edge to this label goes. With values it is a block of its own, shared by equal
 * depths of the same table, so that each phi gets one entry for it. */
static LLVMBasicBlockRef table_edge(struct cg_func *f, u32 depth)
{
    struct cg_frame *frame = frame_at(f, depth);
    if (label_arity(frame) == 0)
        return edge_to(f, frame);
    if (frame->table_stamp == f->table_stamp)
        return frame->table_block;
    LLVMBasicBlockRef here = LLVMGetInsertBlock(f->m->builder);
    frame->table_stamp = f->table_stamp;
    frame->table_block = cg_block_new(f, "case");
    LLVMPositionBuilderAtEnd(f->m->builder, frame->table_block);
    LLVMBuildBr(f->m->builder, edge_to(f, frame));
    LLVMPositionBuilderAtEnd(f->m->builder, here);
    return frame->table_block;
}

/* A switch over the next `count` labels, from case 0, at the end of the current block. */
static void emit_switch(struct cg_func *f, LLVMValueRef index, LLVMBasicBlockRef otherwise,
                        struct reader *depths, u32 count)
{
    LLVMValueRef table = LLVMBuildSwitch(f->m->builder, index, otherwise, count);
    for (u32 i = 0; i < count; i++) {
        LLVMBasicBlockRef target = table_edge(f, read_leb_u32(depths));
        LLVMAddCase(table, cg_const_i32(f->m, i), target);
    }
}

/* A large table in parts: LLVM walks all edges of a switch for each block it leads to. */
static void emit_parts(struct cg_func *f, LLVMValueRef index, LLVMBasicBlockRef otherwise,
                       struct reader *depths, u32 count)
{
    struct cg_module *m = f->m;
    LLVMValueRef part = LLVMBuildLShr(m->builder, index, cg_const_i32(m, TABLE_PART_LOG2), "");
    LLVMValueRef rest = LLVMBuildAnd(m->builder, index, cg_const_i32(m, TABLE_PART - 1), "");
    u32 parts = (count + TABLE_PART - 1) / TABLE_PART;
    LLVMValueRef table = LLVMBuildSwitch(m->builder, part, otherwise, parts);
    for (u32 i = 0; i < parts; i++) {
        LLVMBasicBlockRef block = cg_block_new(f, "part");
        LLVMAddCase(table, cg_const_i32(m, i), block);
        LLVMPositionBuilderAtEnd(m->builder, block);
        u32 left = count - i * TABLE_PART;
        emit_switch(f, rest, otherwise, depths, left < TABLE_PART ? left : TABLE_PART);
    }
}

void cg_emit_br_table(struct cg_func *f, const struct wasm_instr *instr, const struct cg_row *row)
{
    (void)row;
    f->table_stamp++;
    f->cost.table_edges += instr->table_count;
    LLVMValueRef index = cg_pop(f);
    LLVMBasicBlockRef otherwise = table_edge(f, instr->index);
    struct reader depths = instr->table;
    if (instr->table_count <= TABLE_WHOLE_MAX)
        emit_switch(f, index, otherwise, &depths, instr->table_count);
    else
        emit_parts(f, index, otherwise, &depths, instr->table_count);
    mark_dead(f);
}
