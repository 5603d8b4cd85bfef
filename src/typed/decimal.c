/*
 * typed/decimal.c -- decimal text into integers and floats, rounded once.
 *
 * Nearly all numbers have at most 19 digits and a small power of ten. Those are exact fractions of
 * integers (their digits times or over 5^k, and a power of two), which 128-bit arithmetic rounds
 * without an error. What is longer or farther from 1 goes to strtod.
 */
#include "base/check.h"
#include "typed/internal.h"
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_MAX     19 /* any so many fit into 64 bits */
#define EXACT_POWER    22 /* 10^22 is a double, and */
#define EXACT_INTEGER  ((u64)1 << 53)
#define FIVES_MAX      27   /* 5^27 < 2^63 */
#define EXPONENT_MAX   9999 /* larger ones count as this */
#define FLOAT_TEXT_MAX 1100 /* no finite double needs more digits to be exact */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits from `at` on into d; how many stood there. Those beyond DIGITS_MAX are dropped. */
static size_t take_digits(const char *at, const char *end, struct typed_decimal *d, i32 *dropped)
{
    const char *from = at;
    for (; at < end && is_digit(*at); at++) {
        if (d->digit_count < DIGITS_MAX) {
            d->digits = d->digits * 10 + (u64)(*at - '0');
            d->digit_count += d->digits != 0;
        } else {
            d->is_exact &= *at == '0';
            *dropped += *dropped < EXPONENT_MAX;
        }
    }
    return (size_t)(at - from);
}

/* The exponent behind "e"; false: there is none. */
static bool take_exponent(const char **at, const char *end, i32 *exponent)
{
    i32 value = 0;
    bool is_negative = *at < end && **at == '-';
    *at += *at < end && (**at == '+' || **at == '-');
    const char *from = *at;
    for (; *at < end && is_digit(**at); (*at)++)
        value = value > EXPONENT_MAX ? value : value * 10 + (**at - '0');
    *exponent = is_negative ? -value : value;
    return *at > from;
}

/* The slow way, for any length. */
static size_t scan_long(const char *text, const char *end, struct typed_decimal *d)
{
    const char *at = text;
    i32 dropped = 0, ignored = 0, exponent = 0;
    *d = (struct typed_decimal){.is_exact = true, .is_integer = true};
    d->is_negative = at < end && *at == '-';
    at += d->is_negative;
    bool is_zero = at < end && *at == '0';
    size_t count = take_digits(at, end, d, &dropped);
    at += count;
    if (count == 0 || (is_zero && count > 1))
        return 0;
    if (at < end && *at == '.') {
        size_t fraction = take_digits(at + 1, end, d, &ignored);
        if (fraction == 0)
            return 0;
        at += 1 + fraction;
        d->is_integer = false;
        dropped -= (i32)min_u64(fraction, EXPONENT_MAX) - ignored;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        d->is_integer = false;
        if (!take_exponent(&at, end, &exponent))
            return 0;
    }
    d->exponent = exponent + dropped;
    d->len = (size_t)(at - text);
    return d->len;
}

/* Eight digits as a number: first pairs of them, then fours, then all. */
static u64 eight_digits(u64 bytes)
{
    bytes -= 0x3030303030303030;
    u64 pairs = (bytes * 10 + (bytes >> 8)) & 0x00ff00ff00ff00ff;
    u64 fours = (pairs * 100 + (pairs >> 16)) & 0x0000ffff0000ffff;
    return (fours * 10000 + (fours >> 32)) & 0xffffffff;
}

static bool are_eight_digits(u64 bytes)
{
    u64 high = 0xf0f0f0f0f0f0f0f0;
    return (bytes & high) == 0x3030303030303030 &&
           ((bytes + 0x0606060606060606) & high) == 0x3030303030303030;
}

/* Past digits, whose number is added behind *value; it wraps if they are too many. */
static inline const char *run_digits(const char *at, const char *end, u64 *value)
{
    u64 bytes, sum = *value;
    while (end - at >= 8) {
        memcpy(&bytes, at, sizeof bytes);
        if (!are_eight_digits(bytes))
            break;
        sum = sum * 100000000 + eight_digits(bytes);
        at += 8;
    }
    for (; at < end && is_digit(*at); at++)
        sum = sum * 10 + (u64)(*at - '0');
    *value = sum;
    return at;
}

size_t typed_decimal_scan(const char *text, const char *end, struct typed_decimal *d)
{
    u64 digits = 0;
    bool is_negative = text < end && *text == '-';
    const char *from = text + is_negative, *at = run_digits(from, end, &digits), *point = at;
    ptrdiff_t count = at - from;
    if (count == 0 || (*from == '0' && count > 1))
        return 0;
    if (at < end && *at == '.') {
        at = run_digits(at + 1, end, &digits);
        if (at == point + 1)
            return 0;
        count += at - point - 1;
    }
    bool has_exponent = at < end && (*at == 'e' || *at == 'E');
    if (count > DIGITS_MAX || has_exponent)
        return scan_long(text, end, d);
    d->digits = digits;
    d->digit_count = (u32)count;
    d->exponent = at == point ? 0 : (i32)(point + 1 - at);
    d->len = (size_t)(at - text);
    d->is_negative = is_negative;
    d->is_integer = at == point;
    d->is_exact = true;
    return d->len;
}

/* ---- floats ---- */

static u64 power_of_5(u32 k)
{
    static const u64 fives[FIVES_MAX + 1] = {
        1u,
        5u,
        25u,
        125u,
        625u,
        3125u,
        15625u,
        78125u,
        390625u,
        1953125u,
        9765625u,
        48828125u,
        244140625u,
        1220703125u,
        6103515625u,
        30517578125u,
        152587890625u,
        762939453125u,
        3814697265625u,
        19073486328125u,
        95367431640625u,
        476837158203125u,
        2384185791015625u,
        11920928955078125u,
        59604644775390625u,
        298023223876953125u,
        1490116119384765625u,
        7450580596923828125u,
    };
    return fives[k];
}

static i32 bit_length(typed_u128 value)
{
    u64 high = (u64)(value >> 64), low = (u64)value;
    return high != 0 ? 128 - __builtin_clzll(high) : 64 - __builtin_clzll(low);
}

static f64 power_of_2(i32 exponent)
{
    u64 bits = (u64)(exponent + 1023) << 52;
    f64 value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* value 2^exponent with so many bits, ties to even. Bit 0 of value may stand for all below it. */
static f64 round_to_bits(typed_u128 value, i32 exponent, i32 bits)
{
    i32 extra = bit_length(value) - bits;
    if (extra > 0) {
        typed_u128 half = (typed_u128)1 << (extra - 1), rest = value & ((half << 1) - 1);
        value >>= extra;
        value += rest > half || (rest == half && ((u64)value & 1) != 0);
        exponent += extra;
    }
    return (f64)(u64)value * power_of_2(exponent);
}

/* digits 10^exponent; digits not 0, |exponent| at most FIVES_MAX: the result is a normal number. */
static f64 round_decimal(u64 digits, i32 exponent, i32 bits)
{
    if (exponent >= 0)
        return round_to_bits((typed_u128)digits * power_of_5((u32)exponent), exponent, bits);
    u64 divisor = power_of_5((u32)-exponent);
    i32 shift = __builtin_clzll(digits), divisor_shift = __builtin_clzll(divisor);
    typed_u128 dividend = (typed_u128)(digits << shift) << 63;
    divisor <<= divisor_shift;
    u64 quotient = (u64)(dividend / divisor);
    bool has_rest = dividend != (typed_u128)quotient * divisor;
    return round_to_bits((typed_u128)quotient << 1 | has_rest,
                         exponent - 64 - shift + divisor_shift, bits);
}

static f64 exact_power_of_10(u32 k)
{
    static const f64 tens[EXACT_POWER + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                              1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                              1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    return tens[k];
}

/* strtod reads by the locale's decimal point; nobody here ever sets another than "C". */
static void copy_text(const char *text, size_t len, char out[FLOAT_TEXT_MAX + 1])
{
    CHECK(len <= FLOAT_TEXT_MAX && localeconv()->decimal_point[0] == '.');
    memcpy(out, text, len);
    out[len] = 0;
}

/* Two doubles without an error: one operation on them rounds once. */
static bool is_simple(const struct typed_decimal *d)
{
    return d->is_exact && d->digits <= EXACT_INTEGER && d->exponent >= -EXACT_POWER &&
           d->exponent <= EXACT_POWER;
}

static f64 simple_value(const struct typed_decimal *d)
{
    return d->exponent < 0 ? (f64)d->digits / exact_power_of_10((u32)-d->exponent)
                           : (f64)d->digits * exact_power_of_10((u32)d->exponent);
}

static bool is_near(const struct typed_decimal *d)
{
    return d->is_exact && d->exponent >= -FIVES_MAX && d->exponent <= FIVES_MAX;
}

bool typed_decimal_f64(const struct typed_decimal *d, const char *text, f64 *out)
{
    char copy[FLOAT_TEXT_MAX + 1];
    f64 value = 0;
    if (d->len > FLOAT_TEXT_MAX)
        return false;
    if (is_simple(d)) {
        value = simple_value(d);
    } else if (d->digits == 0 && d->is_exact) {
        value = 0;
    } else if (is_near(d)) {
        value = round_decimal(d->digits, d->exponent, 53);
    } else {
        copy_text(text, d->len, copy);
        *out = strtod(copy, NULL);
        return isfinite(*out);
    }
    *out = d->is_negative ? -value : value;
    return true;
}

/* Half way between two floats: a double rounded to this may come from either side. */
static bool is_between_floats(f64 value)
{
    u64 bits;
    memcpy(&bits, &value, sizeof bits);
    return (bits & 0x1fffffff) == 0x10000000;
}

bool typed_decimal_f32(const struct typed_decimal *d, const char *text, f32 *out)
{
    char copy[FLOAT_TEXT_MAX + 1];
    f64 value = 0;
    if (d->len > FLOAT_TEXT_MAX)
        return false;
    if (is_simple(d) && (value = simple_value(d), !is_between_floats(value))) {
        *out = (f32)(d->is_negative ? -value : value);
        return true;
    }
    if (is_near(d) && d->digits != 0) {
        value = round_decimal(d->digits, d->exponent, 24);
    } else if (d->digits != 0 || !d->is_exact) {
        copy_text(text, d->len, copy);
        *out = strtof(copy, NULL); /* not through f64: that would round twice */
        return isfinite(*out);
    }
    *out = (f32)(d->is_negative ? -value : value);
    return isfinite(*out);
}

/* ---- integers ---- */

bool typed_whole_parse(struct typed_text text, u64 min_magnitude, u64 max, u64 *out)
{
    bool is_negative = text.len > 0 && text.bytes[0] == '-';
    u64 limit = is_negative ? min_magnitude : max, value = 0;
    if (text.len == (size_t)is_negative)
        return false;
    for (size_t i = is_negative; i < text.len; i++) {
        u64 digit = (u64)(text.bytes[i] - '0');
        if (digit > 9 || digit > limit || value > (limit - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = is_negative ? 0 - value : value;
    return true;
}

bool typed_special_f64(struct typed_text text, f64 *out)
{
    static const struct {
        const char *text;
        f64 value;
    } specials[] = {{"NaN", (f64)NAN}, {"Infinity", (f64)INFINITY}, {"-Infinity", -(f64)INFINITY}};
    for (size_t i = 0; i < COUNT_OF(specials); i++) {
        if (strlen(specials[i].text) != text.len ||
            memcmp(specials[i].text, text.bytes, text.len) != 0)
            continue;
        *out = specials[i].value;
        return true;
    }
    return false;
}

size_t typed_digits_put(u64 value, char *out)
{
    char digits[2 * TYPED_DIGITS_MAX];
    size_t at = TYPED_DIGITS_MAX;
    while (value >= 100) {
        u64 pair = value % 100;
        value /= 100;
        digits[--at] = (char)('0' + pair % 10);
        digits[--at] = (char)('0' + pair / 10);
    }
    digits[--at] = (char)('0' + value % 10);
    if (value >= 10)
        digits[--at] = (char)('0' + value / 10);
    memcpy(out, digits + at, TYPED_DIGITS_MAX); /* of a fixed length: two moves */
    return TYPED_DIGITS_MAX - at;
}
