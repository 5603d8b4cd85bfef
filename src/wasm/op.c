#include "wasm/op.h"
#include "base/check.h"
#include "wasm/internal.h"

static const struct wasm_op_info infos[] = {
#define OP(name, text, code, imm, sig, feature)                                                    \
    [WASM_OP_##name] = {text, #sig, code, WASM_IMM_##imm, WASM_FEATURE_##feature},
#include "wasm/op.def"
#undef OP
};
static_assert(COUNT_OF(infos) == WASM_OP_COUNT, "every opcode has a row");

/* Opcode to enum wasm_op + 1; 0 where there is no row. Single bytes come first, then the 0xfc page
 * up to the last sub-opcode that has a row. */
#define PREFIX_FIRST 0xfb
#define PREFIX_MISC  0xfc
#define PREFIX_LAST  0xfe
#define SLOT(code)   ((code) <= 0xff ? (code) : 0x100 + ((code) & 0xff))
static const u16 op_of_slot[] = {
#define OP(name, text, code, imm, sig, feature) [SLOT(code)] = WASM_OP_##name + 1,
#include "wasm/op.def"
#undef OP
};

const struct wasm_op_info *wasm_op_info(enum wasm_op op)
{
    CHECK(op < WASM_OP_COUNT);
    return &infos[op];
}

u32 wasm_op_access_log2(enum wasm_op op)
{
    static const u8 log2_of_op[WASM_OP_COUNT] = {
        [WASM_OP_I32_LOAD] = 2,     [WASM_OP_I64_LOAD] = 3,     [WASM_OP_F32_LOAD] = 2,
        [WASM_OP_F64_LOAD] = 3,     [WASM_OP_I32_LOAD16_S] = 1, [WASM_OP_I32_LOAD16_U] = 1,
        [WASM_OP_I64_LOAD16_S] = 1, [WASM_OP_I64_LOAD16_U] = 1, [WASM_OP_I64_LOAD32_S] = 2,
        [WASM_OP_I64_LOAD32_U] = 2, [WASM_OP_I32_STORE] = 2,    [WASM_OP_I64_STORE] = 3,
        [WASM_OP_F32_STORE] = 2,    [WASM_OP_F64_STORE] = 3,    [WASM_OP_I32_STORE16] = 1,
        [WASM_OP_I64_STORE16] = 1,  [WASM_OP_I64_STORE32] = 2,
    };
    CHECK(op < WASM_OP_COUNT);
    return log2_of_op[op];
}

/* prefix 0: an opcode of one byte. False: no row has it. */
static bool op_find(u8 prefix, u32 code, enum wasm_op *out)
{
    if (prefix != 0 && (prefix != PREFIX_MISC || code > 0xff))
        return false;
    u32 slot = prefix == 0 ? code : 0x100 + code;
    if (slot >= COUNT_OF(op_of_slot) || op_of_slot[slot] == 0)
        return false;
    *out = (enum wasm_op)(op_of_slot[slot] - 1);
    return true;
}

/* spec: core/binary/instructions, blocktype: 0x40, a value type in one byte, or a type index as a
 * non-negative 33-bit integer. */
static i64 read_block_type(struct reader *r)
{
    u64 offset = reader_offset(r);
    u8 byte = read_peek(r);
    if ((byte & 0xc0) == 0x40) {
        read_byte(r);
        if (byte != 0x40 && !wasm_valtype_is_known(byte))
            wasm_refuse_type(r, offset, byte, "block type");
        return (i64)byte - 128;
    }
    i64 index = read_leb_i33(r);
    if (index < 0)
        reader_fail_at(r, offset, ERR_MALFORMED, "malformed block type");
    return index;
}

static void read_br_table(struct reader *r, struct wasm_instr *out)
{
    out->table_count = read_count(r, WASM_MAX_BR_TABLE, "labels in a br_table");
    out->table = *r;
    for (u32 i = 0; i < out->table_count && reader_ok(r); i++)
        read_leb_u32(r);
    out->table.end = r->at;
    out->index = read_leb_u32(r);
}

/* Bit 6 of the first number says that a memory index follows (multiple memories); from bit 7 on it
 * means nothing. spec: core/binary/instructions, memarg */
static void read_memarg(struct reader *r, struct wasm_instr *out)
{
    u64 offset = reader_offset(r);
    u32 flags = read_leb_u32(r);
    if (flags >= 0x80)
        reader_fail_at(r, offset, ERR_MALFORMED, "malformed memop flags 0x%x", flags);
    else if (flags >= 0x40)
        wasm_refuse(r, offset, WASM_FEATURE_MULTI_MEMORY, "memory index of an instruction");
    out->align_log2 = flags;
    out->offset_imm = read_leb_u32(r);
}

/* The operand type of a select: exactly one. spec: core/binary/instructions, select t* */
static void read_select_type(struct reader *r, struct wasm_instr *out)
{
    u64 offset = reader_offset(r);
    u32 count = read_leb_u32(r);
    if (reader_ok(r) && count != 1)
        reader_fail_at(r, offset, ERR_INVALID, "invalid result arity: select of %u types", count);
    out->select_type = wasm_valtype_decode(r);
}

static void read_two_indices(struct reader *r, u32 *first, u32 *second)
{
    *first = read_leb_u32(r);
    *second = read_leb_u32(r);
}

static void read_immediates(struct reader *r, enum wasm_imm imm, struct wasm_instr *out)
{
    switch (imm) {
    case WASM_IMM_NONE: break;
    case WASM_IMM_BLOCKTYPE: out->block_type = read_block_type(r); break;
    case WASM_IMM_BR_TABLE: read_br_table(r, out); break;
    case WASM_IMM_LABEL:
    case WASM_IMM_FUNC:
    case WASM_IMM_LOCAL:
    case WASM_IMM_GLOBAL:
    case WASM_IMM_MEMORY:
    case WASM_IMM_DATA:
    case WASM_IMM_TABLE:
    case WASM_IMM_ELEM: out->index = read_leb_u32(r); break;
    case WASM_IMM_CALL_INDIRECT:
    case WASM_IMM_MEMORY_COPY:
    case WASM_IMM_TABLE_COPY: read_two_indices(r, &out->index, &out->index2); break;
    case WASM_IMM_MEMORY_INIT:
    case WASM_IMM_TABLE_INIT: read_two_indices(r, &out->index2, &out->index); break;
    case WASM_IMM_SELECT: read_select_type(r, out); break;
    case WASM_IMM_REF_TYPE: out->select_type = wasm_reftype_decode(r); break;
    case WASM_IMM_MEMARG: read_memarg(r, out); break;
    case WASM_IMM_I32: out->bits = (u32)read_leb_i32(r); break;
    case WASM_IMM_I64: out->bits = (u64)read_leb_i64(r); break;
    case WASM_IMM_F32: out->bits = read_u32_le(r); break;
    case WASM_IMM_F64: out->bits = read_u64_le(r); break;
    }
}

bool wasm_instr_read(struct reader *r, struct wasm_instr *out)
{
    u64 offset = reader_offset(r);
    u8 byte = read_byte(r);
    bool has_prefix = byte >= PREFIX_FIRST && byte <= PREFIX_LAST;
    u8 prefix = has_prefix ? byte : 0;
    u32 code = has_prefix ? read_leb_u32(r) : byte;
    enum wasm_op op;
    if (!reader_ok(r))
        return false;
    if (!op_find(prefix, code, &op))
        return wasm_refuse_op(r, offset, prefix, code);
    *out = (struct wasm_instr){.op = op, .offset = offset};
    read_immediates(r, infos[op].imm, out);
    return reader_ok(r);
}
