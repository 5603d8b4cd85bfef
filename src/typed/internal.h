/*
 * typed/internal.h -- numbers as text, shared by the JSON reader and the argument reader.
 */
#pragma once
#include "typed/typed.h"

/* A piece of input, not zero-terminated. */
struct typed_text {
    const char *bytes;
    size_t len;
};

/* The whole text as an integer, "-" and decimal digits, of 32 or 64 bits; false: it is none, or
 * beyond -2^(bits-1) .. 2^bits - 1. */
bool typed_integer_parse(struct typed_text text, unsigned bits, u64 *out);

/* The whole text, a finite decimal number by JSON's grammar, rounded once to the type (RT_F32 or
 * RT_F64); false if it is too long or too large. */
bool typed_float_parse(struct typed_text text, u8 type, union abi_value *out);

/* "NaN", "Infinity", "-Infinity". */
bool typed_special_parse(struct typed_text text, u8 type, union abi_value *out);
