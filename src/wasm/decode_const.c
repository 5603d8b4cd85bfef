/*
 * wasm/decode_const.c -- constant expressions: one instruction that yields a value, and end.
 * spec: core/valid/instructions, constant expressions
 */
#include "wasm/internal.h"

enum { OP_REF_NULL = 0xd0, OP_REF_FUNC = 0xd2 };

/* The reference instructions of element segments, which functions may not use in this version. */
static bool decode_ref(struct reader *r, struct wasm_const *out)
{
    u8 byte = read_peek(r);
    if (byte == OP_REF_FUNC) {
        read_byte(r);
        out->kind = WASM_CONST_REF_FUNC;
        out->index = read_leb_u32(r);
    } else if (byte == OP_REF_NULL) {
        read_byte(r);
        out->kind = WASM_CONST_REF_NULL;
        wasm_reftype_decode(r);
    } else {
        return false;
    }
    out->type = WASM_FUNCREF;
    return true;
}

static bool is_extended(enum wasm_op op)
{
    return op == WASM_OP_I32_ADD || op == WASM_OP_I32_SUB || op == WASM_OP_I32_MUL ||
           op == WASM_OP_I64_ADD || op == WASM_OP_I64_SUB || op == WASM_OP_I64_MUL;
}

/* Takes a constant instruction; false if this one is none. */
static bool take_instr(const struct wasm_module *m, const struct wasm_instr *instr,
                       struct wasm_const *out)
{
    enum wasm_imm imm = wasm_op_info(instr->op)->imm;
    if (instr->op == WASM_OP_GLOBAL_GET) {
        out->kind = WASM_CONST_GLOBAL;
        out->index = instr->index;
        if (instr->index < m->global_count)
            out->type = m->globals[instr->index].type;
        return true;
    }
    if (imm != WASM_IMM_I32 && imm != WASM_IMM_I64 && imm != WASM_IMM_F32 && imm != WASM_IMM_F64)
        return false;
    out->kind = WASM_CONST_VALUE;
    out->bits = instr->bits;
    out->type = imm == WASM_IMM_I32   ? WASM_I32
                : imm == WASM_IMM_I64 ? WASM_I64
                : imm == WASM_IMM_F32 ? WASM_F32
                                      : WASM_F64;
    return true;
}

struct wasm_const wasm_const_decode(const struct wasm_module *m, struct reader *r,
                                    bool refs_allowed)
{
    struct wasm_const out = {.offset = reader_offset(r)};
    u32 value_count = 0;
    u64 extended_at = 0; /* offset of the first extended constant instruction, 0: none */
    while (reader_ok(r)) {
        if (refs_allowed && decode_ref(r, &out)) {
            value_count++;
            continue;
        }
        struct wasm_instr instr;
        if (!wasm_instr_read(r, &instr) || instr.op == WASM_OP_END)
            break;
        if (is_extended(instr.op))
            extended_at = extended_at == 0 ? instr.offset : extended_at;
        else if (take_instr(m, &instr, &out))
            value_count++;
        else
            reader_fail_at(r, instr.offset, ERR_INVALID, "constant expression required, found %s",
                           wasm_op_info(instr.op)->text);
    }
    if (extended_at != 0)
        wasm_refuse(r, extended_at, WASM_FEATURE_EXT_CONST, "arithmetic in a constant expression");
    else if (value_count != 1)
        reader_fail_at(r, out.offset, ERR_INVALID,
                       "type mismatch: a constant expression of %u values", value_count);
    return out;
}
