/*
 * typed/typed.h -- core Wasm values to and from what people and programs write: JSON bodies and
 * command-line arguments.
 *
 * Spec:     RFC 8259 (JSON). Numbers become i32, i64, f32, f64 as the core signature says.
 *           i32 takes -2^31 to 2^32 - 1, i64 -2^63 to 2^64 - 1, also as a string of digits; f32 and
 *           f64 also take "NaN", "Infinity" and "-Infinity". On the way out i64 beyond 2^53 and
 *           what is not finite are strings, and floats have the fewest digits that read back.
 * Lifetime: nothing is kept; texts are read in place, no document tree is made.
 */
#pragma once
#include "runtime/runtime.h"

/* Reads a request body: an array of the parameters in order, or an object by their names; nothing
 * at all (or white space) is right for a function without parameters.
 * out: room for the function's parameters, written in any order even on failure.
 * errors: ERR_JSON (no JSON; at = byte offset), ERR_ARGUMENT (naming the parameter). */
MUST_CHECK bool typed_body_read(const struct rt_export *func, const void *json, size_t len,
                                union abi_value *out, struct err *err);

/* Reads one argument of a command line: decimal or 0x numbers, what strtod takes for floats.
 * errors: ERR_ARGUMENT. */
MUST_CHECK bool typed_argument_read(const struct rt_export *func, u32 index, const char *text,
                                    union abi_value *out, struct err *err);

/* Appends the results as JSON: null, one value, or an array of several. */
void typed_results_write(const struct rt_func_type *type, const union abi_value *values,
                         struct buf *out);

/* Appends one value as JSON. type: enum rt_valtype, a number. */
void typed_value_write(u8 type, const union abi_value *value, struct buf *out);

/* True if every parameter and result is a number: only such functions are callable from outside. */
bool typed_is_callable(const struct rt_func_type *type);

/* Appends the name of a parameter: from the module, else p0, p1, ... */
void typed_param_name(const struct rt_export *func, u32 index, struct buf *out);

/* Appends "dot(n: i32) -> f64". */
void typed_signature_write(const struct rt_export *func, struct buf *out);

/* Appends a body that the function takes, such as [1,2.5]. */
void typed_example_write(const struct rt_func_type *type, struct buf *out);
