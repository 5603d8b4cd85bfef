#include "typed/internal.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
