/*
 * wasm/validate_code.c -- types of function bodies. spec: core/valid/instructions;
 * core/appendix/algorithm
 *
 * One pass over the instructions with a stack of operand types and a stack of control frames; no
 * recursion. Opcodes with a fixed signature are typed by their row in wasm/op.def, the others by
 * a function of their own.
 */
#include "base/check.h"
#include "wasm/internal.h"
#include "wasm/type_stack.h"
#include <stdlib.h>
#include <string.h>

/* A block, loop, if, else, or the function itself: op NOP. */
struct frame {
    enum wasm_op op;
    bool unreachable; /* below height there are operands of any type */
    u32 height;       /* operands that belong to the outer frames */
    struct wasm_func_type type;
};

struct wasm_code_validator {
    const struct wasm_module *m;
    struct arena runs_arena; /* reset for every function */
    struct type_stack stack;
    struct frame *frames; /* owned */
    u32 frame_count, frame_cap;

    u8 *declared; /* owned; by function index: 1 if it is named outside of bodies */

    /* The function at work. */
    const struct wasm_func_type *type;
    struct wasm_local_run *runs; /* count: sum up to and with this one, parameters included */
    u32 run_count;
    struct wasm_instr instr;
    struct err *err;
};

static const u8 value_types[] = {WASM_EXTERNREF, WASM_FUNCREF, WASM_F64,
                                 WASM_F32,       WASM_I64,     WASM_I32};

/* The one-element list of a value type; lives for ever. */
static const u8 *type_list(u8 type)
{
    CHECK(wasm_valtype_is_known(type));
    return wasm_valtype_is_ref(type) ? &value_types[type - WASM_EXTERNREF]
                                     : &value_types[2 + type - WASM_F64];
}

static const char *op_text(const struct wasm_code_validator *v)
{
    return wasm_op_info(v->instr.op)->text;
}

static bool fail(struct wasm_code_validator *v, const char *text)
{
    return err_set(v->err, ERR_INVALID, v->instr.offset, "%s in %s", text, op_text(v));
}

static bool fail_index(struct wasm_code_validator *v, const char *what, u32 index)
{
    return err_set(v->err, ERR_INVALID, v->instr.offset, "unknown %s %u in %s", what, index,
                   op_text(v));
}

static struct frame *top_frame(struct wasm_code_validator *v)
{
    CHECK(v->frame_count > 0);
    return &v->frames[v->frame_count - 1];
}

static bool push(struct wasm_code_validator *v, const u8 *types, u32 count)
{
    if (!type_stack_push(&v->stack, types, count))
        return err_set(v->err, ERR_LIMIT, v->instr.offset,
                       "more than %u values on the operand stack", WASM_MAX_STACK);
    return true;
}

/* Whether the operands on top have these types; nothing is removed. */
static bool expect(struct wasm_code_validator *v, const u8 *types, u32 count)
{
    const struct frame *frame = top_frame(v);
    u32 bad;
    if (type_stack_matches(&v->stack, frame->height, frame->unreachable, types, count, &bad))
        return true;
    u32 from_top = count - 1 - bad;
    u32 have = v->stack.count - frame->height;
    const char *found = from_top < have
                            ? wasm_valtype_text(v->stack.types[v->stack.count - 1 - from_top])
                            : "nothing";
    return err_set(v->err, ERR_INVALID, v->instr.offset,
                   "type mismatch in %s: expected %s, found %s", op_text(v),
                   wasm_valtype_text(types[bad]), found);
}

static bool pop(struct wasm_code_validator *v, const u8 *types, u32 count)
{
    if (!expect(v, types, count))
        return false;
    type_stack_drop(&v->stack, top_frame(v)->height, count);
    return true;
}

static bool pop_one(struct wasm_code_validator *v, u8 type)
{
    return pop(v, type_list(type), 1);
}

/* Pops an operand of any type into *type. */
static bool pop_any(struct wasm_code_validator *v, u8 *type)
{
    const struct frame *frame = top_frame(v);
    if (v->stack.count > frame->height) {
        *type = v->stack.types[--v->stack.count];
        return true;
    }
    *type = WASM_UNKNOWN;
    return frame->unreachable || fail(v, "type mismatch: nothing on the operand stack");
}

static bool apply(struct wasm_code_validator *v, const struct wasm_func_type *type)
{
    return pop(v, type->params, type->param_count) && push(v, type->results, type->result_count);
}

/* The rest of the block is never reached: its operands may be anything. */
static bool mark_unreachable(struct wasm_code_validator *v)
{
    struct frame *frame = top_frame(v);
    v->stack.count = frame->height;
    frame->unreachable = true;
    return true;
}

static bool push_frame(struct wasm_code_validator *v, enum wasm_op op, struct wasm_func_type type)
{
    if (v->frame_count == v->frame_cap) {
        u32 cap = v->frame_cap == 0 ? 64 : v->frame_cap * 2;
        struct frame *larger = realloc(v->frames, cap * sizeof *larger);
        CHECK(larger != NULL); /* WASM_MAX_NESTING bounds it */
        v->frames = larger;
        v->frame_cap = cap;
    }
    v->frames[v->frame_count++] = (struct frame){.op = op, .height = v->stack.count, .type = type};
    return true;
}

static bool block_type(struct wasm_code_validator *v, struct wasm_func_type *out)
{
    i64 block_type_index = v->instr.block_type;
    *out = (struct wasm_func_type){0};
    if (block_type_index >= 0) {
        if (block_type_index >= v->m->type_count)
            return fail_index(v, "type", (u32)block_type_index);
        *out = v->m->types[block_type_index];
    } else if (block_type_index != WASM_BLOCK_EMPTY) {
        *out = (struct wasm_func_type){.results = type_list((u8)(block_type_index + 128)),
                                       .result_count = 1};
    }
    return true;
}

static bool begin_block(struct wasm_code_validator *v)
{
    struct wasm_func_type type;
    return block_type(v, &type) && pop(v, type.params, type.param_count) &&
           push_frame(v, v->instr.op, type) && push(v, type.params, type.param_count);
}

static bool begin_if(struct wasm_code_validator *v)
{
    return pop_one(v, WASM_I32) && begin_block(v);
}

/* The results lie on the stack and nothing else of this frame: they are removed. */
static bool close_frame(struct wasm_code_validator *v)
{
    const struct frame *frame = top_frame(v);
    if (!pop(v, frame->type.results, frame->type.result_count))
        return false;
    return v->stack.count == frame->height || fail(v, "type mismatch: values left over");
}

static bool end_if_begin_else(struct wasm_code_validator *v)
{
    struct frame *frame = top_frame(v);
    if (frame->op != WASM_OP_IF)
        return err_set(v->err, ERR_MALFORMED, v->instr.offset, "else without if");
    if (!close_frame(v))
        return false;
    frame->op = WASM_OP_ELSE;
    frame->unreachable = false;
    return push(v, frame->type.params, frame->type.param_count);
}

static bool end_block(struct wasm_code_validator *v)
{
    struct wasm_func_type type = top_frame(v)->type;
    if (!close_frame(v))
        return false;
    if (top_frame(v)->op == WASM_OP_IF &&
        (type.param_count != type.result_count ||
         (type.param_count > 0 && memcmp(type.params, type.results, type.param_count) != 0)))
        return fail(v, "type mismatch: if without else must not change the operands");
    v->frame_count--;
    return push(v, type.results, type.result_count);
}

/* What a branch to this label takes along: the parameters of a loop, else the results. */
static bool label_types(struct wasm_code_validator *v, u32 depth, const u8 **types, u32 *count)
{
    if (depth >= v->frame_count)
        return fail_index(v, "label", depth);
    const struct frame *frame = &v->frames[v->frame_count - 1 - depth];
    bool is_loop = frame->op == WASM_OP_LOOP;
    *types = is_loop ? frame->type.params : frame->type.results;
    *count = is_loop ? frame->type.param_count : frame->type.result_count;
    return true;
}

static bool branch(struct wasm_code_validator *v)
{
    const u8 *types = NULL;
    u32 count = 0;
    return label_types(v, v->instr.index, &types, &count) && pop(v, types, count) &&
           mark_unreachable(v);
}

static bool branch_if(struct wasm_code_validator *v)
{
    const u8 *types = NULL;
    u32 count = 0;
    return pop_one(v, WASM_I32) && label_types(v, v->instr.index, &types, &count) &&
           pop(v, types, count) && push(v, types, count);
}

static bool branch_table(struct wasm_code_validator *v)
{
    const u8 *types = NULL, *last_types = NULL;
    u32 count = 0, arity = 0;
    if (!pop_one(v, WASM_I32) || !label_types(v, v->instr.index, &types, &arity) ||
        !expect(v, types, arity))
        return false;
    struct reader table = v->instr.table;
    last_types = types;
    for (u32 i = 0; i < v->instr.table_count; i++) {
        if (!label_types(v, read_leb_u32(&table), &types, &count))
            return false;
        if (count != arity)
            return fail(v, "type mismatch: labels that take different numbers of values");
        if (types != last_types && !expect(v, types, count))
            return false;
        last_types = types;
    }
    return mark_unreachable(v);
}

static bool return_results(struct wasm_code_validator *v)
{
    return pop(v, v->type->results, v->type->result_count) && mark_unreachable(v);
}

static bool call(struct wasm_code_validator *v)
{
    if (v->instr.index >= v->m->func_count)
        return fail_index(v, "function", v->instr.index);
    return apply(v, &v->m->types[v->m->funcs[v->instr.index].type]);
}

static bool call_indirect(struct wasm_code_validator *v)
{
    if (v->instr.index2 >= v->m->table_count)
        return fail_index(v, "table", v->instr.index2);
    if (v->instr.index >= v->m->type_count)
        return fail_index(v, "type", v->instr.index);
    if (v->m->tables[v->instr.index2].type != WASM_FUNCREF)
        return fail(v, "type mismatch: the table holds no functions");
    return pop_one(v, WASM_I32) && apply(v, &v->m->types[v->instr.index]);
}

static bool drop(struct wasm_code_validator *v)
{
    u8 type;
    return pop_any(v, &type);
}

static bool select_one(struct wasm_code_validator *v)
{
    u8 second, first;
    if (!pop_one(v, WASM_I32) || !pop_any(v, &second) || !pop_any(v, &first))
        return false;
    if (first != second && first != WASM_UNKNOWN && second != WASM_UNKNOWN)
        return fail(v, "type mismatch: operands of different types");
    if (wasm_valtype_is_ref(first) || wasm_valtype_is_ref(second))
        return fail(v, "type mismatch: references need a select with a type");
    u8 type = first == WASM_UNKNOWN ? second : first;
    return push(v, &type, 1);
}

static bool select_typed(struct wasm_code_validator *v)
{
    return pop_one(v, WASM_I32) && pop_one(v, v->instr.select_type) &&
           pop_one(v, v->instr.select_type) && push(v, type_list(v->instr.select_type), 1);
}

static bool ref_null(struct wasm_code_validator *v)
{
    return push(v, type_list(v->instr.select_type), 1);
}

static bool ref_is_null(struct wasm_code_validator *v)
{
    u8 type;
    if (!pop_any(v, &type))
        return false;
    if (type != WASM_UNKNOWN && !wasm_valtype_is_ref(type))
        return fail(v, "type mismatch: the operand is no reference");
    return push(v, type_list(WASM_I32), 1);
}

static bool ref_func(struct wasm_code_validator *v)
{
    if (v->instr.index >= v->m->func_count)
        return fail_index(v, "function", v->instr.index);
    if (v->declared[v->instr.index] == 0)
        return err_set(v->err, ERR_INVALID, v->instr.offset,
                       "undeclared function reference %u in ref.func", v->instr.index);
    return push(v, type_list(WASM_FUNCREF), 1);
}

/* The type of a parameter or local. The runs are bisected: a function of a few bytes may have
 * fifty thousand locals, and writing them out would cost more than reading the module. */
static bool local_type(struct wasm_code_validator *v, u8 *type)
{
    u32 index = v->instr.index;
    if (index < v->type->param_count) {
        *type = v->type->params[index];
        return true;
    }
    u32 low = 0, high = v->run_count;
    while (low < high) {
        u32 middle = low + (high - low) / 2;
        if (index < v->runs[middle].count)
            high = middle;
        else
            low = middle + 1;
    }
    if (low == v->run_count)
        return fail_index(v, "local", index);
    *type = v->runs[low].type;
    return true;
}

static bool local_get(struct wasm_code_validator *v)
{
    u8 type;
    return local_type(v, &type) && push(v, &type, 1);
}

static bool local_set(struct wasm_code_validator *v)
{
    u8 type;
    return local_type(v, &type) && pop_one(v, type);
}

static bool local_tee(struct wasm_code_validator *v)
{
    u8 type;
    return local_type(v, &type) && pop_one(v, type) && push(v, &type, 1);
}

static bool global_get(struct wasm_code_validator *v)
{
    if (v->instr.index >= v->m->global_count)
        return fail_index(v, "global", v->instr.index);
    return push(v, &v->m->globals[v->instr.index].type, 1);
}

static bool global_set(struct wasm_code_validator *v)
{
    if (v->instr.index >= v->m->global_count)
        return fail_index(v, "global", v->instr.index);
    const struct wasm_global *global = &v->m->globals[v->instr.index];
    if (!global->is_mutable)
        return fail(v, "global is immutable");
    return pop_one(v, global->type);
}

static bool (*const rules[WASM_OP_COUNT])(struct wasm_code_validator *v) = {
    [WASM_OP_UNREACHABLE] = mark_unreachable,
    [WASM_OP_BLOCK] = begin_block,
    [WASM_OP_LOOP] = begin_block,
    [WASM_OP_IF] = begin_if,
    [WASM_OP_ELSE] = end_if_begin_else,
    [WASM_OP_END] = end_block,
    [WASM_OP_BR] = branch,
    [WASM_OP_BR_IF] = branch_if,
    [WASM_OP_BR_TABLE] = branch_table,
    [WASM_OP_RETURN] = return_results,
    [WASM_OP_CALL] = call,
    [WASM_OP_CALL_INDIRECT] = call_indirect,
    [WASM_OP_DROP] = drop,
    [WASM_OP_SELECT] = select_one,
    [WASM_OP_SELECT_TYPED] = select_typed,
    [WASM_OP_REF_NULL] = ref_null,
    [WASM_OP_REF_IS_NULL] = ref_is_null,
    [WASM_OP_REF_FUNC] = ref_func,
    [WASM_OP_LOCAL_GET] = local_get,
    [WASM_OP_LOCAL_SET] = local_set,
    [WASM_OP_LOCAL_TEE] = local_tee,
    [WASM_OP_GLOBAL_GET] = global_get,
    [WASM_OP_GLOBAL_SET] = global_set,
};

static bool check_memory(struct wasm_code_validator *v)
{
    if (v->instr.index >= v->m->memory_count)
        return fail_index(v, "memory", v->instr.index);
    if (v->instr.align_log2 > wasm_op_access_log2(v->instr.op))
        return fail(v, "alignment must not be larger than natural");
    return true;
}

static bool check_data(struct wasm_code_validator *v, u32 data)
{
    return data < v->m->declared_data_count || fail_index(v, "data segment", data);
}

static bool check_elem(struct wasm_code_validator *v, u32 elem)
{
    return elem < v->m->elem_count || fail_index(v, "element segment", elem);
}

static bool check_table(struct wasm_code_validator *v, u32 table)
{
    return table < v->m->table_count || fail_index(v, "table", table);
}

/* What a table gets must be of its type. */
static bool check_table_source(struct wasm_code_validator *v, u8 type)
{
    return v->m->tables[v->instr.index].type == type ||
           fail(v, "type mismatch: elements of another type than the table's");
}

/* The things that the immediates of an opcode with a fixed signature name. */
static bool check_immediates(struct wasm_code_validator *v, enum wasm_imm imm)
{
    const struct wasm_module *m = v->m;
    u32 first = v->instr.index, second = v->instr.index2;
    if (imm == WASM_IMM_MEMARG || imm == WASM_IMM_MEMORY)
        return check_memory(v);
    if (imm == WASM_IMM_MEMORY_COPY)
        return check_memory(v) && (second < m->memory_count || fail_index(v, "memory", second));
    if (imm == WASM_IMM_MEMORY_INIT)
        return check_memory(v) && check_data(v, second);
    if (imm == WASM_IMM_DATA)
        return check_data(v, first);
    if (imm == WASM_IMM_ELEM)
        return check_elem(v, first);
    if (imm == WASM_IMM_TABLE)
        return check_table(v, first);
    if (imm == WASM_IMM_TABLE_COPY)
        return check_table(v, first) && check_table(v, second) &&
               check_table_source(v, m->tables[second].type);
    if (imm == WASM_IMM_TABLE_INIT)
        return check_table(v, first) && check_elem(v, second) &&
               check_table_source(v, m->elems[second].type);
    return true;
}

static u8 type_of_letter(const struct wasm_code_validator *v, char letter)
{
    switch (letter) {
    case 'r': return v->m->tables[v->instr.index].type;
    case 'a':
    case 't':
    case 'i': return WASM_I32;
    case 'I': return WASM_I64;
    case 'f': return WASM_F32;
    case 'F': return WASM_F64;
    default: UNREACHABLE();
    }
}

/* operands_results of the opcode's row: pops the one from right to left, pushes the other. */
static bool apply_row(struct wasm_code_validator *v, const struct wasm_op_info *info)
{
    const char *results = strchr(info->sig, '_') + 1;
    for (const char *letter = results - 1; letter-- > info->sig;)
        if (!pop_one(v, type_of_letter(v, *letter)))
            return false;
    for (const char *letter = results; *letter != 0; letter++)
        if (!push(v, type_list(type_of_letter(v, *letter)), 1))
            return false;
    return true;
}

static bool validate_instr(struct wasm_code_validator *v)
{
    const struct wasm_op_info *info = wasm_op_info(v->instr.op);
    if (rules[v->instr.op] != NULL)
        return rules[v->instr.op](v);
    return check_immediates(v, info->imm) && apply_row(v, info);
}

static void declare(struct wasm_code_validator *v, const struct wasm_const *c)
{
    if (c->kind == WASM_CONST_REF_FUNC && c->index < v->m->func_count)
        v->declared[c->index] = 1;
}

/* Functions named by element segments, globals and exports: only they have references.
 * spec: core/valid/modules, C.refs */
static void declare_all(struct wasm_code_validator *v)
{
    const struct wasm_module *m = v->m;
    v->declared = check_alloc(m->func_count + 1u);
    for (u32 i = m->global_import_count; i < m->global_count; i++)
        declare(v, &m->globals[i].init);
    for (u32 i = 0; i < m->elem_count; i++)
        for (u32 k = 0; k < m->elems[i].item_count; k++)
            declare(v, &m->elems[i].items[k]);
    for (u32 i = 0; i < m->export_count; i++)
        if (m->exports[i].kind == WASM_EXTERN_FUNC)
            v->declared[m->exports[i].index] = 1;
}

struct wasm_code_validator *wasm_code_validator_create(const struct wasm_module *m)
{
    struct wasm_code_validator *v = check_alloc(sizeof *v);
    v->m = m;
    declare_all(v);
    arena_init(&v->runs_arena, 2 * sizeof(struct wasm_local_run) * WASM_MAX_LOCALS);
    return v;
}

void wasm_code_validator_destroy(struct wasm_code_validator **v)
{
    if (*v == NULL)
        return;
    arena_fini(&(*v)->runs_arena);
    type_stack_fini(&(*v)->stack);
    free((*v)->frames);
    free((*v)->declared);
    free(*v);
    *v = NULL;
}

bool wasm_func_validate(struct wasm_code_validator *v, u32 func_index, struct err *err)
{
    const struct wasm_func *func = &v->m->funcs[func_index];
    struct reader code;
    v->err = err;
    v->type = &v->m->types[func->type];
    v->stack.count = 0;
    v->frame_count = 0;
    arena_reset(&v->runs_arena);
    if (!wasm_func_locals(v->m, func, &v->runs_arena, &v->runs, &v->run_count, &code, err))
        return false;
    u32 sum = v->type->param_count;
    for (u32 i = 0; i < v->run_count; i++)
        v->runs[i].count = sum += v->runs[i].count;
    struct wasm_func_type frame_type = *v->type;
    frame_type.param_count = 0; /* they are locals, not operands */
    bool ok = push_frame(v, WASM_OP_NOP, frame_type);
    while (ok && v->frame_count > 0)
        ok = wasm_instr_read(&code, &v->instr) && validate_instr(v);
    return ok;
}
