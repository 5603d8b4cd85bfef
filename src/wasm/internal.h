/*
 * wasm/internal.h -- what the files of this folder share; no other folder includes it.
 *
 * Decoders take a reader over the payload of their section, fill their part of the module and
 * latch their failure in the reader. Arrays live in the arena of the module.
 */
#pragma once
#include "wasm/wasm.h"

/* count zeroed objects in the arena; NULL after failing r with ERR_LIMIT. */
void *wasm_array(struct reader *r, struct arena *arena, size_t count, size_t size);
#define WASM_ARRAY(r, arena, type, count) ((type *)wasm_array((r), (arena), (count), sizeof(type)))

/* refused.c: "needs FEATURE (WHAT)", ERR_UNSUPPORTED. Always false. */
bool wasm_unsupported(struct err *err, u64 offset, enum wasm_feature feature, const char *what);
bool wasm_refuse(struct reader *r, u64 offset, enum wasm_feature feature, const char *what);

/* Fail r at offset: as above if wasm/refused.def has a row, else ERR_MALFORMED. Always false. */
bool wasm_refuse_op(struct reader *r, u64 offset, u8 prefix, u32 code);
bool wasm_refuse_type(struct reader *r, u64 offset, u8 byte, const char *what);
bool wasm_refuse_form(struct reader *r, u64 offset, u8 byte);

/* decode_types.c. spec: core/binary/types */
bool wasm_valtype_is_known(u8 type); /* a number or a reference */
bool wasm_valtype_is_ref(u8 type);
u8 wasm_valtype_decode(struct reader *r);
u8 wasm_reftype_decode(struct reader *r);
struct wasm_table wasm_table_decode(struct reader *r);
struct wasm_memory wasm_memory_decode(struct reader *r);
struct wasm_global wasm_global_decode(struct reader *r); /* type only */
bool wasm_types_decode(struct wasm_module *m, struct reader *r, struct arena *arena);

/* decode_space.c: imports, the index spaces they begin, exports, start. */
struct wasm_text wasm_text_decode(struct reader *r);
bool wasm_imports_decode(struct wasm_module *m, struct reader *r, struct arena *arena);
bool wasm_funcs_decode(struct wasm_module *m, struct reader *r, struct arena *arena);
bool wasm_tables_decode(struct wasm_module *m, struct reader *r, struct arena *arena);
bool wasm_memories_decode(struct wasm_module *m, struct reader *r, struct arena *arena);
bool wasm_globals_decode(struct wasm_module *m, struct reader *r, struct arena *arena);
bool wasm_exports_decode(struct wasm_module *m, struct reader *r, struct arena *arena);
bool wasm_start_decode(struct wasm_module *m, struct reader *r, struct arena *arena);

/* decode_const.c */
struct wasm_const wasm_const_decode(const struct wasm_module *m, struct reader *r,
                                    struct arena *arena);

/* decode_segment.c */
bool wasm_elems_decode(struct wasm_module *m, struct reader *r, struct arena *arena);
bool wasm_data_decode(struct wasm_module *m, struct reader *r, struct arena *arena);

/* decode_code.c */
bool wasm_code_decode(struct wasm_module *m, struct reader *r, struct arena *arena);

/* decode_name.c: r over the name section behind its own name. False: nothing was taken from it. */
bool wasm_names_decode(struct wasm_module *m, struct reader *r, struct arena *arena);

/* decode_dwarf.c: fills m->local_names from debug information, where there is any. Requires a
 * module without local names, its sections decoded. */
void wasm_dwarf_decode(struct wasm_module *m, struct arena *arena);

/* validate_code.c: one defined function at a time of a module that is otherwise valid. */
struct wasm_code_validator;
struct wasm_code_validator *wasm_code_validator_create(const struct wasm_module *m); /* owned */
void wasm_code_validator_destroy(struct wasm_code_validator **v);
MUST_CHECK bool wasm_func_validate(struct wasm_code_validator *v, u32 func_index, struct err *err);
