/*
 * wasm/decode_const.c -- constant expressions: instructions that yield one value, and end. They are
 * typed here, so that what comes out has a value of one type and arithmetic that fits.
 * spec: core/valid/instructions, constant expressions
 */
#include "wasm/internal.h"
#include <string.h>

/* The terms of the expression at work, and the types of the values they leave. */
struct terms {
    struct wasm_const list[WASM_MAX_CONST_TERMS];
    u8 types[WASM_MAX_CONST_TERMS];
    u32 count, height;
};

static bool is_arithmetic(enum wasm_op op)
{
    return op == WASM_OP_I32_ADD || op == WASM_OP_I32_SUB || op == WASM_OP_I32_MUL ||
           op == WASM_OP_I64_ADD || op == WASM_OP_I64_SUB || op == WASM_OP_I64_MUL;
}

/* The type of a plain constant, 0 for any other instruction. */
static u8 constant_type(enum wasm_op op)
{
    return op == WASM_OP_I32_CONST   ? WASM_I32
           : op == WASM_OP_I64_CONST ? WASM_I64
           : op == WASM_OP_F32_CONST ? WASM_F32
           : op == WASM_OP_F64_CONST ? WASM_F64
                                     : 0;
}

/* A constant instruction without operands; false if this one is none. */
static bool make_value(const struct wasm_module *m, const struct wasm_instr *instr,
                       struct wasm_const *out)
{
    *out = (struct wasm_const){.offset = instr->offset, .index = instr->index};
    if (instr->op == WASM_OP_GLOBAL_GET) {
        out->kind = WASM_CONST_GLOBAL;
        out->type = instr->index < m->global_count ? m->globals[instr->index].type : 0;
    } else if (instr->op == WASM_OP_REF_FUNC) {
        out->kind = WASM_CONST_REF_FUNC;
        out->type = WASM_FUNCREF;
    } else if (instr->op == WASM_OP_REF_NULL) {
        out->kind = WASM_CONST_REF_NULL;
        out->type = instr->select_type;
    } else {
        out->kind = WASM_CONST_VALUE;
        out->type = constant_type(instr->op);
        out->bits = instr->bits;
        return out->type != 0;
    }
    return true;
}

/* Two values of the operation's type become one. */
static bool take_arithmetic(struct terms *terms, struct reader *r, const struct wasm_instr *instr)
{
    bool is_32 = instr->op == WASM_OP_I32_ADD || instr->op == WASM_OP_I32_SUB ||
                 instr->op == WASM_OP_I32_MUL;
    u8 type = is_32 ? WASM_I32 : WASM_I64;
    if (terms->height < 2 || terms->types[terms->height - 1] != type ||
        terms->types[terms->height - 2] != type)
        return reader_fail_at(r, instr->offset, ERR_INVALID,
                              "type mismatch in a constant expression: %s needs two %s",
                              wasm_op_info(instr->op)->text, wasm_valtype_text(type));
    terms->height--;
    terms->list[terms->count++] = (struct wasm_const){
        .kind = WASM_CONST_OP, .type = type, .op = instr->op, .offset = instr->offset};
    return true;
}

static bool take_instr(struct terms *terms, const struct wasm_module *m, struct reader *r,
                       const struct wasm_instr *instr)
{
    if (terms->count == WASM_MAX_CONST_TERMS)
        return reader_fail_at(r, instr->offset, ERR_LIMIT,
                              "more than %u terms of a constant expression", WASM_MAX_CONST_TERMS);
    if (is_arithmetic(instr->op))
        return take_arithmetic(terms, r, instr);
    struct wasm_const *term = &terms->list[terms->count];
    if (!make_value(m, instr, term))
        return reader_fail_at(r, instr->offset, ERR_INVALID,
                              "constant expression required, found %s",
                              wasm_op_info(instr->op)->text);
    terms->types[terms->height++] = term->type;
    terms->count++;
    return true;
}

struct wasm_const wasm_const_decode(const struct wasm_module *m, struct reader *r,
                                    struct arena *arena)
{
    struct terms terms;
    struct wasm_instr instr;
    u64 offset = reader_offset(r);
    terms.count = terms.height = 0;
    while (wasm_instr_read(r, &instr) && instr.op != WASM_OP_END)
        if (!take_instr(&terms, m, r, &instr))
            break;
    if (reader_ok(r) && terms.height != 1)
        reader_fail_at(r, offset, ERR_INVALID, "type mismatch: a constant expression of %u values",
                       terms.height);
    if (!reader_ok(r))
        return (struct wasm_const){.offset = offset};
    if (terms.count == 1)
        return terms.list[0];
    struct wasm_const *copy = WASM_ARRAY(r, arena, struct wasm_const, terms.count);
    if (copy != NULL)
        memcpy(copy, terms.list, terms.count * sizeof *copy);
    return (struct wasm_const){.kind = WASM_CONST_TERMS,
                               .type = terms.types[0],
                               .index = copy == NULL ? 0 : terms.count,
                               .terms = copy,
                               .offset = offset};
}
