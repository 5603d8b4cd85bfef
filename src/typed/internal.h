/*
 * typed/internal.h -- what the files of this folder share. No other folder includes it.
 *
 *   type.c         types, their layout and their text
 *   signature.c    FILE.sig -> struct typed_signature
 *   bind.c         signature + core types -> struct typed_func
 *   decimal.c, float_write.c   numbers as text
 *   json.c         tokens of JSON
 *   read.c         JSON or raw bytes -> cells and guest memory
 *   write.c        cells and guest memory -> JSON or raw bytes
 *   flat.c         cells <-> core values
 *   call.c         the order of things in one call
 *   words.c        words of a command line -> JSON
 *   describe.c     what a function takes, for documents: examples, schemas
 *   sidecar.c      FILE.sig beside FILE.wasm
 *   path.c         where in a value something is wrong
 *
 * A cell is the memory of one value by the layout of typed.h, in the host or in a guest.
 */
#pragma once
#include "typed/typed.h"
#include <stdarg.h>
#include <string.h>

#define TYPED_SIGNATURE_MAX (64 * 1024)          /* bytes of FILE.sig */
#define TYPED_TYPES_MAX     256                  /* declarations, */
#define TYPED_FUNCS_MAX     1000                 /* functions, */
#define TYPED_FIELDS_MAX    256                  /* fields or parameters, */
#define TYPED_CASES_MAX     255                  /* cases of an enum: a byte, and 255 is none */
#define TYPED_NAME_MAX      128                  /* bytes of a name in it */
#define TYPED_CELL_MAX      2048                 /* bytes of a type */
#define TYPED_DEPTH_MAX     16                   /* types inside each other */
#define TYPED_PARAMS_MAX    (ABI_VALUES_MAX * 8) /* bytes of all parameters, or of a result */
#define TYPED_DIGITS_MAX    20                   /* of a u64 */
#define TYPED_NUMBER_MAX    32                   /* bytes of any number's text */

__extension__ typedef unsigned __int128 typed_u128;

/* A piece of input, not zero-terminated. */
struct typed_text {
    const char *bytes;
    size_t len;
};

/* ---- type.c ---- */

const struct typed_type *typed_type_simple(enum typed_kind kind); /* number, bool, char, string */
const struct typed_type *typed_type_find_simple(struct rt_text name); /* NULL: no such name */
const struct typed_type *typed_type_core(u8 valtype);                 /* NULL: a reference */
u8 typed_kind_core(const struct typed_type *type); /* of a type that is one core value */
const char *typed_kind_text(const struct typed_type *type);
bool typed_text_equal(struct rt_text a, const char *b);
bool typed_texts_equal(struct rt_text a, struct rt_text b);
/* Set size, align and the rest of a type whose kind is set and which is all zero otherwise. */
void typed_record_lay_out(struct typed_type *type, struct typed_field *fields, u32 count);
void typed_list_lay_out(struct typed_type *type, const struct typed_type *element);
void typed_enum_lay_out(struct typed_type *type);

/* ---- signature.c ---- */

struct typed_signature_func {
    struct rt_text name;
    u32 line;
    struct typed_field *params;
    u32 param_count;
    const struct typed_type *result;
};
struct typed_signature {
    struct typed_signature_func *funcs;
    const struct typed_type **types; /* declared, under */
    struct rt_text *type_names;
    u32 func_count, type_count;
};
/* errors: ERR_SIGNATURE "FILE:LINE: ...". Names view the text. */
MUST_CHECK bool typed_signature_parse(struct typed_signature *out, struct rt_text text,
                                      const char *file, struct arena *arena, struct err *err);

/* ---- decimal.c ---- */

struct typed_decimal {
    u64 digits; /* the first 19 significant ones */
    i32 exponent;
    u32 digit_count;
    size_t len;
    bool is_negative, is_integer; /* no point, no exponent */
    bool is_exact;                /* digits are all there are */
};
/* Reads a number by JSON's grammar at text; returns its length, 0 if there is none.
 * spec: RFC 8259 section 6 */
size_t typed_decimal_scan(const char *text, const char *end, struct typed_decimal *out);
/* Correctly rounded; false: too large, or too long a text. text: where the number stands. */
bool typed_decimal_f64(const struct typed_decimal *decimal, const char *text, f64 *out);
bool typed_decimal_f32(const struct typed_decimal *decimal, const char *text, f32 *out);
/* The whole text as decimal digits with or without "-", -min_magnitude to max; two's complement. */
bool typed_whole_parse(struct typed_text text, u64 min_magnitude, u64 max, u64 *out);
/* "NaN", "Infinity", "-Infinity". */
bool typed_special_f64(struct typed_text text, f64 *out);
/* Decimal digits; returns how many, and writes TYPED_DIGITS_MAX bytes whatever they are. */
size_t typed_digits_put(u64 value, char *out);

/* ---- float_write.c: at most TYPED_NUMBER_MAX bytes; return how many ---- */

size_t typed_f64_put(f64 value, char *out);
size_t typed_f32_put(f32 value, char *out);

/* ---- json.c ---- */

/* A cursor over JSON text. */
struct typed_json {
    const char *bytes;
    size_t at, len;
    struct err *err;
};
bool typed_json_fail(struct typed_json *json, const char *expected); /* ERR_JSON; false */
/* Past white space; 0 at the end. */
static inline char typed_json_peek(struct typed_json *json)
{
    const char *at = json->bytes + json->at, *end = json->bytes + json->len;
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'))
        at++;
    json->at = (size_t)(at - json->bytes);
    return at < end ? *at : 0;
}
/* c is not 0. */
static inline bool typed_json_take(struct typed_json *json, char c)
{
    bool is_there = typed_json_peek(json) == c;
    json->at += is_there;
    return is_there;
}
bool typed_json_take_word(struct typed_json *json, const char *word);
/* Past one number; *out views it. */
bool typed_json_take_number(struct typed_json *json, struct typed_text *out);
/* How long the string at the cursor is when decoded; the cursor stays. False: it is none. */
bool typed_json_measure_string(struct typed_json *json, size_t *len);
/* Past a string that has been measured; decodes it into out, room for its length. */
void typed_json_decode_string(struct typed_json *json, char *out);
/* Past a string of at most `room` bytes; a longer one is cut, and *len is room + 1. */
bool typed_json_take_short(struct typed_json *json, char *out, size_t room, size_t *len);
/* How many elements the array has whose "[" was just taken, if it is well-formed; if it is not,
 * reading that many elements meets the error. The cursor stays. */
u64 typed_json_count_elements(const struct typed_json *json, bool are_plain);

size_t typed_utf8_encode(u32 point, char out[4]); /* of a character; returns the length */

/* ---- bind.c ---- */

/* Does the C ABI pass it as a pointer? */
bool typed_is_by_pointer(const struct typed_type *type);

/* ---- numbers in cells: of 1, 2, 4 or 8 bytes, without a call of memcpy ---- */

static inline void typed_cell_store(u8 *cell, u64 bits, u32 size)
{
    switch (size) {
    case 1: cell[0] = (u8)bits; return;
    case 2: memcpy(cell, &bits, 2); return;
    case 4: memcpy(cell, &bits, 4); return;
    default: memcpy(cell, &bits, 8); return;
    }
}
static inline u64 typed_cell_load(const u8 *cell, u32 size)
{
    u64 bits = 0;
    switch (size) {
    case 1: return cell[0];
    case 2: memcpy(&bits, cell, 2); return bits;
    case 4: memcpy(&bits, cell, 4); return bits;
    default: memcpy(&bits, cell, 8); return bits;
    }
}

/* ---- where in a value we are, for messages: "a[3].x" ---- */

struct typed_path {
    u32 depth;
    struct {
        struct rt_text name; /* "": an index */
        u64 index;
    } steps[2 * TYPED_DEPTH_MAX + 2];
};
static inline void typed_path_push(struct typed_path *path, struct rt_text name, u64 index)
{
    path->steps[path->depth].name = name;
    path->steps[path->depth++].index = index;
}
/* The path, and right behind it what is wrong there. Always false. */
bool typed_path_fail(const struct typed_path *path, struct err *err, enum err_code code, u64 at,
                     const char *format, va_list args) PRINTF_LIKE(5, 0);

/* ---- read.c, write.c ---- */

struct typed_reader {
    struct typed_json json;
    struct rt_instance *instance; /* NULL: no lists */
    const struct typed_func *func;
    struct typed_path path;
};
/* The arguments into a cell of func->params, which is all zero. */
bool typed_read_arguments(struct typed_reader *r, u8 *cell);
/* Bytes of a list into a cell of func->params. */
bool typed_read_raw(struct typed_reader *r, u8 *cell);
/* Memory in the guest. errors: ERR_LIMIT (it gives none), ERR_RESULT (what it gives is none). */
bool typed_guest_alloc(struct typed_reader *r, u64 len, u32 align, u32 *addr);

struct typed_writer {
    struct rt_instance *instance;
    struct buf *out;
    struct err *err;
    struct typed_path path;
};
/* Appends a value as JSON. */
bool typed_write_value(struct typed_writer *w, const struct typed_type *type, const u8 *cell);
/* Appends the elements of a list of numbers as they are. */
bool typed_write_raw(struct typed_writer *w, const struct typed_type *type, const u8 *cell);

/* ---- flat.c ---- */

/* Core values of a cell by the canonical ABI's flattening; returns how many (type->flat_count). */
u32 typed_flatten(const struct typed_type *type, const u8 *cell, union abi_value *out);
u32 typed_flat_types(const struct typed_type *type, u8 *out); /* their types, as many */
/* A cell from core values. */
u32 typed_unflatten(const struct typed_type *type, const union abi_value *values, u8 *cell);
