#include "typed/internal.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLOAT_TEXT_MAX 1100             /* no finite double needs more digits to be exact */
#define EXACT_INTEGER  9007199254740992 /* 2^53: beyond it a double skips integers */

bool typed_integer_parse(struct typed_text text, unsigned bits, u64 *out)
{
    bool negative = text.len > 0 && text.bytes[0] == '-';
    u64 max = negative ? (u64)1 << (bits - 1) : bits == 64 ? UINT64_MAX : ((u64)1 << bits) - 1;
    u64 value = 0;
    if (text.len == (size_t)negative)
        return false;
    for (size_t i = negative; i < text.len; i++) {
        u64 digit = (u64)(text.bytes[i] - '0');
        if (digit > 9 || value > (max - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = negative ? 0 - value : value;
    return true;
}

bool typed_float_parse(struct typed_text text, u8 type, union abi_value *out)
{
    char copy[FLOAT_TEXT_MAX + 1];
    if (text.len > FLOAT_TEXT_MAX)
        return false;
    memcpy(copy, text.bytes, text.len);
    copy[text.len] = 0;
    if (type == RT_F32)
        out->f32 = strtof(copy, NULL); /* not through f64: that would round twice */
    else
        out->f64 = strtod(copy, NULL);
    return type == RT_F32 ? isfinite(out->f32) : isfinite(out->f64);
}

bool typed_special_parse(struct typed_text text, u8 type, union abi_value *out)
{
    static const struct {
        const char *text;
        f64 value;
    } specials[] = {{"NaN", (f64)NAN}, {"Infinity", (f64)INFINITY}, {"-Infinity", -(f64)INFINITY}};
    for (size_t i = 0; i < COUNT_OF(specials); i++) {
        if (strlen(specials[i].text) != text.len ||
            memcmp(specials[i].text, text.bytes, text.len) != 0)
            continue;
        if (type == RT_F32)
            out->f32 = (f32)specials[i].value;
        else
            out->f64 = specials[i].value;
        return true;
    }
    return false;
}

/* ---- writing ---- */

static void integer_write(i64 value, struct buf *out)
{
    const char *quote = value >= -EXACT_INTEGER && value <= EXACT_INTEGER ? "" : "\"";
    buf_add_text(out, quote);
    buf_add_i64(out, value);
    buf_add_text(out, quote);
}

static bool reads_back(const char *text, f64 value, bool single)
{
    return single ? strtof(text, NULL) == (f32)value : strtod(text, NULL) == value;
}

/* The fewest digits that read back as the same value: if some number of digits does, more do. */
static void float_write(f64 value, bool single, struct buf *out)
{
    if (isnan(value) || isinf(value)) {
        buf_add_text(out, isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
        return;
    }
    char text[400]; /* the compiler reckons with all digits a double can have */
    int low = 1, high = single ? 9 : 17;
    while (low < high) {
        int middle = (low + high) / 2;
        snprintf(text, sizeof text, "%.*g", middle, value);
        if (reads_back(text, value, single))
            high = middle;
        else
            low = middle + 1;
    }
    /* 100 has one digit, but "1e+02" is nothing people want to read. */
    bool plain = fabs(value) < 1e15 && value == floor(value);
    if (plain)
        snprintf(text, sizeof text, "%.0f", value);
    else
        snprintf(text, sizeof text, "%.*g", low, value);
    buf_add_text(out, text);
}

void typed_value_write(u8 type, const union abi_value *value, struct buf *out)
{
    if (type == RT_I32)
        integer_write(value->i32, out);
    else if (type == RT_I64)
        integer_write(value->i64, out);
    else if (type == RT_F32)
        float_write((f64)value->f32, true, out);
    else
        float_write(value->f64, false, out);
}
