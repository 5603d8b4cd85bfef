/*
 * typed/typed.h -- functions as people and programs call them: typed parameters and results, as
 * JSON, raw lists or words of a command line, to and from core Wasm values and guest memory.
 *
 * Spec:     RFC 8259 (JSON); Component Model, WIT and CanonicalABI (types, layout, flattening).
 * Types:    a function without a signature takes and returns numbers, as its core type says. A
 *           signature (lines of WIT in FILE.sig beside FILE.wasm) gives it lists, strings, records
 *           and so on. docs/typed.md has the rules for guests.
 * JSON:     integers beyond 2^53 are strings of digits, both ways; floats that are not finite are
 *           "NaN", "Infinity", "-Infinity"; floats have the fewest digits that read back. i32
 *           without a sign takes -2^31 to 2^32 - 1 and is written with a sign.
 * Lifetime: functions live in the arena given to typed_module_make and view the module and the
 *           signature's text. Bodies are read in place; no document tree is made.
 */
#pragma once
#include "base/arena.h"
#include "runtime/runtime.h"

/* ---- types ---- */

enum typed_kind {
#define KIND(name, text, bytes, core) TYPED_##name,
#include "typed/kind.def"
#undef KIND
    TYPED_KIND_COUNT
};

struct typed_type;

struct typed_field {
    struct rt_text name; /* of a tuple: "" */
    const struct typed_type *type;
    u32 at; /* bytes from the start of the record */
};

/* In memory: numbers as they are, little-endian; bool and enum one byte; a char
 * is a u32; a record or tuple is laid out as a C struct; an option is a struct of a byte (0: none)
 * and the value; a list or string is a struct of two u32, address and length, where the elements
 * lie elsewhere, one after the other. */
struct typed_type {
    enum typed_kind kind;
    u32 size, align;                  /* bytes */
    bool has_pointers;                /* there is a list or string in it */
    u32 flat_count;                   /* core values it is passed as, by the canonical ABI */
    u32 depth;                        /* types nested in it, itself included */
    struct rt_text name;              /* as declared; "" for a type without a name */
    const struct typed_type *element; /* of a list or option */
    const struct typed_field *fields; /* of a record or tuple; an option's: a bool, the value */
    u32 field_count;
    const struct rt_text *cases; /* of an enum */
    u32 case_count;
};

/* Appends the type as a signature spells it: its name, or "list<f32>". */
void typed_type_write(const struct typed_type *type, struct buf *out);

/* True for integers, floats and nothing else: what raw lists may hold. */
bool typed_is_number(const struct typed_type *type);

/* ---- functions ---- */

/* How the parameters travel, told by the core signature. */
enum typed_pass {
    TYPED_PASS_FLAT,    /* each value by itself (canonical ABI) */
    TYPED_PASS_POINTER, /* records, tuples, options as a pointer to them (C ABI) */
    TYPED_PASS_SPILLED  /* one pointer to all of them, as a record (canonical ABI, more than 16) */
};

/* How the result travels. */
enum typed_return {
    TYPED_RETURN_VALUES, /* as core values, or none */
    TYPED_RETURN_HIDDEN, /* to memory named by a first, hidden parameter (C ABI) */
    TYPED_RETURN_POINTER /* the function returns a pointer to it (canonical ABI) */
};

struct typed_func {
    const struct rt_export *exported;
    struct typed_type params;        /* a record of them */
    const struct typed_type *result; /* NULL: none */
    enum typed_pass pass;
    enum typed_return returns;
    bool needs_driver;  /* lists, strings or results in memory: typed_call_run */
    bool has_signature; /* in FILE.sig */
    bool uses_realloc;  /* `allocator` is cabi_realloc, else malloc */
    u32 allocator;      /* function index; meaningless where nothing is allocated */
};

struct typed_module {
    struct typed_func *funcs; /* in the order of the exports */
    u32 count;
    const struct typed_type *const *types; /* those the signature declares, in its order */
    u32 type_count;
};

/* FILE.sig beside FILE.wasm: its name, and its text; text.bytes NULL: there is none. */
struct typed_sidecar {
    const char *file;
    struct rt_text text;
};

/* memory: arena. errors: ERR_SYSTEM, ERR_LIMIT (more than 64 KiB). */
MUST_CHECK bool typed_sidecar_read(const char *module_path, struct arena *arena,
                                   struct typed_sidecar *out, struct err *err);

/* Lists the callable functions of a module: those the signature names, and of the others those of
 * numbers only. signature: text of FILE.sig (view, as long as the result) or NULL; file: its name,
 * for messages.
 * errors: ERR_SIGNATURE, "FILE:LINE: ..."; ERR_LIMIT. */
MUST_CHECK bool typed_module_make(struct typed_module *out, const struct rt_module *module,
                                  struct rt_text signature, const char *file, struct arena *arena,
                                  struct err *err);

/* The function exported under this name, or NULL. */
const struct typed_func *typed_func_find(const struct typed_module *module, const char *name,
                                         size_t name_len);

/* Appends "dot(a: list<f32>, b: list<f32>) -> f64". */
void typed_func_write(const struct typed_func *func, struct buf *out);

/* Appends a body that the function takes, such as [1,2.5]. */
void typed_example_write(const struct typed_func *func, struct buf *out);

/* Appends an example of one value; number makes those of several parameters differ. */
void typed_type_example_write(const struct typed_type *type, u32 number, struct buf *out);

/* ---- calls of numbers: nothing of them is in guest memory, needs_driver is false ---- */

/* Reads a request body: an array of the arguments in order, or an object by their names; nothing
 * at all (or white space) is right for a function without parameters.
 * out: room for ABI_VALUES_MAX values. errors: ERR_JSON (no JSON; at = byte offset), ERR_ARGUMENT
 * (what is wrong with which: "a.x[3]: expected f32, got true"). */
MUST_CHECK bool typed_values_read(const struct typed_func *func, const void *json, size_t len,
                                  union abi_value *out, struct err *err);

/* Appends the result as JSON; null if there is none. errors: ERR_RESULT (a char or enum that is
 * none). */
MUST_CHECK bool typed_values_write(const struct typed_func *func, const union abi_value *results,
                                   struct buf *out, struct err *err);

/* ---- all calls ---- */

#define TYPED_RAW_TYPE "application/octet-stream"

/* One parameter, a list of numbers: its elements may come as bytes, little-endian. */
bool typed_takes_raw(const struct typed_func *func);
bool typed_returns_raw(const struct typed_func *func); /* the same of the result */

/* A call on a fiber. It allocates in the guest, calls, and writes the result while it is there. */
struct typed_call {
    const struct typed_func *func;
    const void *body; /* borrowed until the call has ended */
    size_t body_len;
    bool is_raw, wants_raw; /* body, result: bytes of a list */
    struct buf *out;        /* borrowed; the result is appended. Its limit is the result's */
    struct err err;         /* ERR_NONE: the result is complete. Else as of the functions above,
                             * ERR_RESULT (the guest returned what is no value of the type),
                             * ERR_LIMIT (no memory in the guest, result beyond the limit) */
};

/* An rt_driver_fn for any function; arg is the struct typed_call. */
void typed_call_run(struct rt_instance *instance, void *call);

/* Words of a command line into a body: each is JSON, or for numbers also 0x1f, inf, nan, and for
 * text and enum the bare word.
 * errors: ERR_ARGUMENT. Appends to json. */
MUST_CHECK bool typed_words_read(const struct typed_func *func, const char *const *words, u32 count,
                                 struct buf *json, struct err *err);

/* ---- description ---- */

/* Appends a JSON Schema of the type. Declared types are references: prefix + their name. */
void typed_schema_write(const struct typed_type *type, const char *prefix, struct buf *out);
/* The schema a reference leads to: that of a declared type itself. */
void typed_schema_write_declared(const struct typed_type *type, const char *prefix,
                                 struct buf *out);
/* The schema of a function's body: the arguments as an array or as an object. */
void typed_schema_write_body(const struct typed_func *func, const char *prefix, struct buf *out);
