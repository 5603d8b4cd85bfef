/*
 * wasm/op.h -- opcodes as facts: the enum and one row of information each, from wasm/op.def.
 *
 * spec: core/binary/instructions
 */
#pragma once
#include "base/reader.h"

enum wasm_feature {
#define FEATURE(name, text, runs) WASM_FEATURE_##name,
#include "wasm/feature.def"
#undef FEATURE
    WASM_FEATURE_COUNT
};

enum wasm_op {
#define OP(name, text, code, imm, sig, feature) WASM_OP_##name,
#include "wasm/op.def"
#undef OP
    WASM_OP_COUNT
};

/* How the immediates of an opcode are read into struct wasm_instr. */
enum wasm_imm {
    WASM_IMM_NONE,
    WASM_IMM_BLOCKTYPE,     /* block_type */
    WASM_IMM_LABEL,         /* index: relative depth */
    WASM_IMM_BR_TABLE,      /* index: default depth, table_count, table */
    WASM_IMM_FUNC,          /* index */
    WASM_IMM_CALL_INDIRECT, /* index: type, index2: table */
    WASM_IMM_LOCAL,         /* index */
    WASM_IMM_GLOBAL,        /* index */
    WASM_IMM_MEMARG,        /* index: memory, offset, align_log2 */
    WASM_IMM_MEMORY,        /* index: memory */
    WASM_IMM_MEMORY_COPY,   /* index: memory written, index2: memory read */
    WASM_IMM_MEMORY_INIT,   /* index: memory, index2: data segment */
    WASM_IMM_DATA,          /* index: data segment */
    WASM_IMM_TABLE,         /* index: table */
    WASM_IMM_TABLE_COPY,    /* index: table written, index2: table read */
    WASM_IMM_TABLE_INIT,    /* index: table, index2: element segment */
    WASM_IMM_ELEM,          /* index: element segment */
    WASM_IMM_SELECT,        /* select_type: of the operands */
    WASM_IMM_REF_TYPE,      /* select_type: of the null */
    WASM_IMM_I32,           /* bits */
    WASM_IMM_I64,
    WASM_IMM_F32,
    WASM_IMM_F64,
};

struct wasm_op_info {
    const char *text; /* "i32.add" */
    const char *sig;  /* "ii_i", or "CUSTOM" */
    u32 code;         /* byte, or prefix << 8 | sub-opcode */
    enum wasm_imm imm;
    enum wasm_feature feature;
};

/* Facts of an opcode; never NULL for op < WASM_OP_COUNT. */
const struct wasm_op_info *wasm_op_info(enum wasm_op op);

/* log2 of the bytes that a load or store touches: 2 for i32.load, 0 for i64.store8; for any other
 * opcode 0. */
u32 wasm_op_access_log2(enum wasm_op op);

/* A block type: -64 (0x40) means no results, another negative number one result of that value
 * type (its byte minus 128), else the index of a function type. spec: binary, blocktype */
#define WASM_BLOCK_EMPTY (-64)

/* One decoded instruction. */
struct wasm_instr {
    enum wasm_op op;
    u64 offset; /* of its first byte, in the module */
    u32 index, index2;
    u32 align_log2;
    u64 offset_imm; /* memarg offset */
    u64 bits;       /* constant, as bits */
    i64 block_type;
    u8 select_type;
    u32 table_count; /* br_table: LEB128 depths at table, without the default */
    struct reader table;
};

/* Reads one instruction. False: the reader failed (malformed, or an opcode that this version does
 * not run: ERR_UNSUPPORTED naming proposal, instruction and offset). Indices are not checked. */
MUST_CHECK bool wasm_instr_read(struct reader *r, struct wasm_instr *out);
