/*
 * typed/float_write.c -- floats as the shortest decimal text that reads back as the same value.
 *
 * A float c 2^q owns the numbers up to half way to its neighbours. Among the decimals in that
 * interval, those with the fewest digits are multiples of a power of ten, 10^k, about as wide as
 * the interval; one or two multiples have to be looked at. Scaled by 10^-k (a product with 128 bits
 * of the power, of which the lost part is kept as one sticky bit) all comparisons are of integers.
 * The method is R. Giulietti's "The Schubfach way to render doubles" (2020).
 */
#include "base/check.h"
#include "typed/internal.h"
#include <math.h>
#include <string.h>

#define POW10_FIRST (-292)
#define F64_BIAS    1075 /* of the exponent, for a mantissa that is an integer */
#define F32_BIAS    150
#define PLAIN_MAX   21   /* digits before the point, and */
#define PLAIN_MIN   (-6) /* zeros behind it, of a number without an exponent */

static const struct {
    u64 high, low;
} powers[] = {
#define POW10(power, high, low) [power - POW10_FIRST] = {high, low},
#include "typed/pow10.def"
#undef POW10
};

/* digits 10^exponent */
struct decimal {
    u64 digits;
    i32 exponent;
};

/* floor(log10(2^e)), and of 3/4 2^e; floor(log2(10^e)). Exact for the exponents of doubles. */
static i32 log10_pow2(i32 e)
{
    return (e * 1262611) >> 22;
}

static i32 log10_pow2_three_quarters(i32 e)
{
    return (e * 1262611 - 524031) >> 22;
}

static i32 log2_pow10(i32 e)
{
    return (e * 1741647) >> 19;
}

/* The product with a power of ten without its lower 128 bits; bit 0 also says that they were not
 * all zero (beyond the error of the power). */
static u64 scale(u64 value, i32 power)
{
    u64 high = powers[power - POW10_FIRST].high, low = powers[power - POW10_FIRST].low;
    typed_u128 lower = (typed_u128)low * value;
    typed_u128 sum = (typed_u128)high * value + (u64)(lower >> 64);
    return (u64)(sum >> 64) | ((u64)sum > 1);
}

/* is_closer: the lower neighbour is half as far as the upper one. */
static struct decimal shortest(u64 c, i32 q, bool is_closer)
{
    u64 odd = c & 1;
    i32 k = is_closer ? log10_pow2_three_quarters(q) : log10_pow2(q);
    i32 shift = q + log2_pow10(-k) + 1;
    u64 low = scale((4 * c - 2 + is_closer) << shift, -k) + odd;
    u64 value = scale((4 * c) << shift, -k);
    u64 high = scale((4 * c + 2) << shift, -k) - odd;
    u64 s = value / 4;
    if (s >= 10) {
        u64 tens = s / 10;
        bool is_down_in = low <= 40 * tens, is_up_in = 40 * tens + 40 <= high;
        if (is_down_in != is_up_in)
            return (struct decimal){tens + is_up_in, k + 1};
    }
    bool is_down_in = low <= 4 * s, is_up_in = 4 * s + 4 <= high;
    if (is_down_in != is_up_in)
        return (struct decimal){s + is_up_in, k};
    u64 middle = 4 * s + 2;
    bool rounds_up = value > middle || (value == middle && (s & 1) != 0);
    return (struct decimal){s + rounds_up, k};
}

static struct decimal shortest_f64(u64 bits)
{
    u64 fraction = bits & (((u64)1 << 52) - 1);
    i32 exponent = (i32)(bits >> 52 & 0x7ff);
    u64 c = exponent == 0 ? fraction : fraction | (u64)1 << 52;
    return shortest(c, (exponent == 0 ? 1 : exponent) - F64_BIAS, fraction == 0 && exponent > 1);
}

static struct decimal shortest_f32(u32 bits)
{
    u32 fraction = bits & ((1u << 23) - 1);
    i32 exponent = (i32)(bits >> 23 & 0xff);
    u32 c = exponent == 0 ? fraction : fraction | 1u << 23;
    return shortest(c, (exponent == 0 ? 1 : exponent) - F32_BIAS, fraction == 0 && exponent > 1);
}

static char *put(char *out, const void *bytes, size_t len)
{
    memcpy(out, bytes, len);
    return out + len;
}

static char *put_zeros(char *out, i32 count)
{
    memset(out, '0', (size_t)count);
    return out + count;
}

/* "d.ddde+xx": point is the place of the decimal point, counted from the first digit. */
static char *put_exponent(char *out, const char *digits, i32 len, i32 point)
{
    char text[TYPED_DIGITS_MAX];
    i32 exponent = point - 1;
    *out++ = digits[0];
    if (len > 1) {
        *out++ = '.';
        out = put(out, digits + 1, (size_t)len - 1);
    }
    *out++ = 'e';
    *out++ = exponent < 0 ? '-' : '+';
    return put(out, text, typed_digits_put((u64)(exponent < 0 ? -exponent : exponent), text));
}

static char *put_decimal(char *out, struct decimal d)
{
    char digits[TYPED_NUMBER_MAX];
    while (d.digits % 10 == 0) {
        d.digits /= 10;
        d.exponent++;
    }
    i32 len = (i32)typed_digits_put(d.digits, digits), point = len + d.exponent;
    if (point > PLAIN_MAX || point < PLAIN_MIN + 1)
        return put_exponent(out, digits, len, point);
    if (point >= len)
        return put_zeros(put(out, digits, (size_t)len), point - len);
    if (point > 0) {
        out = put(out, digits, (size_t)point);
        *out++ = '.';
        return put(out, digits + point, (size_t)(len - point));
    }
    return put(put_zeros(put(out, "0.", 2), -point), digits, (size_t)len);
}

static size_t put_special(bool is_nan, bool is_negative, char *out)
{
    const char *text = is_nan ? "\"NaN\"" : is_negative ? "\"-Infinity\"" : "\"Infinity\"";
    size_t len = strlen(text);
    memcpy(out, text, len);
    return len;
}

size_t typed_f64_put(f64 value, char *out)
{
    u64 bits;
    char *at = out;
    memcpy(&bits, &value, sizeof bits);
    if (!isfinite(value))
        return put_special(isnan(value), (bits >> 63) != 0, out);
    if (bits >> 63 != 0)
        *at++ = '-';
    bits &= UINT64_MAX >> 1;
    if (bits == 0)
        *at++ = '0';
    else
        at = put_decimal(at, shortest_f64(bits));
    return (size_t)(at - out);
}

size_t typed_f32_put(f32 value, char *out)
{
    u32 bits;
    char *at = out;
    memcpy(&bits, &value, sizeof bits);
    if (!isfinite(value))
        return put_special(isnan(value), (bits >> 31) != 0, out);
    if (bits >> 31 != 0)
        *at++ = '-';
    bits &= UINT32_MAX >> 1;
    if (bits == 0)
        *at++ = '0';
    else
        at = put_decimal(at, shortest_f32(bits));
    return (size_t)(at - out);
}
