/*
 * wasm/wasm.h -- a WebAssembly module: decode, validate, print.
 *
 * Spec:     core/binary/modules, core/valid/modules.
 * Lifetime: a struct wasm_module and all it points to live in the arena given to
 *           wasm_module_decode; names, bodies and segment bytes are views into the module bytes,
 *           which must outlive it. Plain data, read-only after decoding.
 * Errors:   code (ERR_MALFORMED, ERR_INVALID, ERR_UNSUPPORTED, ERR_LIMIT), byte offset in `at`,
 *           and a text that names the function where one is known.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "wasm/op.h"

enum {
#define LIMIT(name, value, what) WASM_MAX_##name = (value),
#include "wasm/limits.def"
#undef LIMIT
};

enum wasm_valtype { /* the specification's bytes */
                    WASM_I32 = 0x7f,
                    WASM_I64 = 0x7e,
                    WASM_F32 = 0x7d,
                    WASM_F64 = 0x7c,
                    WASM_FUNCREF = 0x70,
                    WASM_EXTERNREF = 0x6f,
};

enum wasm_extern { WASM_EXTERN_FUNC, WASM_EXTERN_TABLE, WASM_EXTERN_MEMORY, WASM_EXTERN_GLOBAL };

#define WASM_NONE   UINT32_MAX
#define WASM_NO_MAX UINT64_MAX

/* A text view, not zero-terminated. */
struct wasm_text {
    const char *bytes;
    u32 len;
};

struct wasm_func_type {
    const u8 *params, *results; /* value type bytes */
    u32 param_count, result_count;
};

struct wasm_limits {
    u64 min, max; /* max WASM_NO_MAX: none */
};

/* A constant expression: one value, or several terms in postfix order (extended constants). */
enum wasm_const_kind {
    WASM_CONST_VALUE,
    WASM_CONST_GLOBAL,
    WASM_CONST_REF_FUNC,
    WASM_CONST_REF_NULL,
    WASM_CONST_TERMS,
    WASM_CONST_OP, /* only as a term: of the two values before it */
};
struct wasm_const {
    enum wasm_const_kind kind;
    u8 type;         /* its value type, known after decoding except of a global not yet decoded */
    enum wasm_op op; /* OP: i32 or i64 add, sub, mul */
    u32 index;       /* GLOBAL, REF_FUNC; TERMS: how many */
    u64 bits;        /* VALUE */
    const struct wasm_const *terms; /* TERMS */
    u64 offset;
};

/* Functions, tables, memories, globals: imported ones first, as in the index spaces. import:
 * index into module->imports, or WASM_NONE for a defined one. */
struct wasm_import {
    struct wasm_text module, field;
    enum wasm_extern kind;
    u32 index; /* in the index space of its kind */
    u64 offset;
};
struct wasm_func {
    u32 type, import;
    const u8 *body; /* locals and code, NULL when imported */
    u32 body_len;
    u64 body_offset; /* of body in the module */
    u32 caller; /* of an imported one: the first function that calls it by its index, 0: none */
    struct wasm_text name; /* from the name section; len 0: none */
};
struct wasm_table {
    u8 type;
    struct wasm_limits limits;
    u32 import;
};
struct wasm_memory {
    struct wasm_limits limits; /* pages */
    u32 import;
};
struct wasm_global {
    u8 type;
    bool is_mutable;
    u32 import;
    struct wasm_const init; /* when defined */
};
struct wasm_export {
    struct wasm_text name;
    enum wasm_extern kind;
    u32 index;
    u64 offset;
};
enum wasm_segment_mode { WASM_SEGMENT_ACTIVE, WASM_SEGMENT_PASSIVE, WASM_SEGMENT_DECLARATIVE };
struct wasm_elem {
    enum wasm_segment_mode mode;
    u8 type;
    u32 table;
    struct wasm_const at;
    struct wasm_const *items;
    u32 item_count;
    u64 offset;
};
struct wasm_data {
    enum wasm_segment_mode mode;
    u32 memory;
    struct wasm_const at;
    const u8 *bytes;
    u32 len;
    u64 offset;
};
struct wasm_section { /* every section, in file order, for dumps */
    u8 id;
    u64 offset, len;       /* payload */
    struct wasm_text name; /* custom sections */
};
/* Local names of the name section or, where it has none, parameter names of exported functions from
 * DWARF debug information. */
struct wasm_local_name {
    u32 func, local;
    struct wasm_text name;
};

struct wasm_module {
    const u8 *bytes;
    size_t len;
    struct wasm_func_type *types;
    struct wasm_import *imports;
    struct wasm_func *funcs;
    struct wasm_table *tables;
    struct wasm_memory *memories;
    struct wasm_global *globals;
    struct wasm_export *exports;
    struct wasm_elem *elems;
    struct wasm_data *data;
    struct wasm_section *sections;
    struct wasm_local_name *local_names; /* ascending by (func, local) */
    u32 *refs;                           /* functions that ref.func names in code, ascending */
    struct wasm_text name;
    u32 type_count, import_count, func_count, table_count, memory_count, global_count;
    u32 export_count, elem_count, data_count, section_count, local_name_count, ref_count;
    u32 func_import_count, table_import_count, memory_import_count, global_import_count;
    u32 start;               /* function index, or WASM_NONE */
    u32 declared_data_count; /* of the data count section, or WASM_NONE */
};

/* Decodes every section, and every function's locals and instructions as far as needed to refuse
 * what is malformed. A malformed name section is ignored, as the specification asks.
 * borrows: bytes until the module's end. *out is written only on success. */
MUST_CHECK bool wasm_module_decode(const void *bytes, size_t len, struct arena *arena,
                                   struct wasm_module **out, struct err *err);

/* Validates a decoded module and every function body. spec: core/valid. */
MUST_CHECK bool wasm_module_validate(const struct wasm_module *m, struct arena *arena,
                                     struct err *err);

/* Locals of a defined function: calls back for each run of equal types in order (parameters are
 * not among them), then leaves *code at the first instruction. Requires a decoded module. */
struct wasm_local_run {
    u32 count;
    u8 type;
};
MUST_CHECK bool wasm_func_locals(const struct wasm_module *m, const struct wasm_func *func,
                                 struct arena *arena, struct wasm_local_run **runs, u32 *run_count,
                                 struct reader *code, struct err *err);

/* The parameters and results of a block type of an instruction; one_result is scratch for the
 * single-result form. Requires a valid type index. */
struct wasm_func_type wasm_block_type(const struct wasm_module *m, i64 block_type, u8 *one_result);

const char *wasm_valtype_text(u8 type);              /* "i32" */
const char *wasm_extern_text(enum wasm_extern kind); /* "function" */
const char *wasm_section_text(u8 id);                /* "type"; "custom" for id 0 */

/* Deterministic dumps for people and golden tests, as text lines appended to out. */
void wasm_print_sections(const struct wasm_module *m, struct buf *out);
void wasm_print_types(const struct wasm_module *m, struct buf *out);
void wasm_print_code(const struct wasm_module *m, struct buf *out);
