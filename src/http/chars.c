#include "http/internal.h"
#include <emmintrin.h>
#include <string.h>

/* The letters of chars.def are short names for this file only. */
enum {
    T = HTTP_SET_T,
    V = HTTP_SET_V,
    P = HTTP_SET_P,
    H = HTTP_SET_H,
    D = HTTP_SET_D,
    X = HTTP_SET_X,
};

const u8 http_char_sets[256] = {
#define CHARS(first, last, sets) [(first)...(last)] = (sets),
#include "http/chars.def"
#undef CHARS
};

/* Every byte of every head goes through here: by sixteen. */
size_t http_value_len(const u8 *bytes, size_t len)
{
    const __m128i space = _mm_set1_epi8(' '), tab = _mm_set1_epi8('\t'), del = _mm_set1_epi8(0x7f);
    size_t at = 0;
    for (; len - at >= sizeof space; at += sizeof space) {
        __m128i c = _mm_loadu_si128((const void *)(bytes + at));
        __m128i above = _mm_cmpeq_epi8(_mm_max_epu8(c, space), c);
        __m128i good = _mm_andnot_si128(_mm_cmpeq_epi8(c, del), above);
        good = _mm_or_si128(good, _mm_cmpeq_epi8(c, tab));
        u32 bad = ~(u32)_mm_movemask_epi8(good) & 0xffff;
        if (bad != 0)
            return at + (size_t)__builtin_ctz(bad);
    }
    while (at < len && http_in_set(bytes[at], HTTP_SET_V))
        at++;
    return at;
}

static u64 load_8(const char *bytes)
{
    u64 eight;
    memcpy(&eight, bytes, sizeof eight);
    return eight;
}

/* http_lower of eight bytes: in one that is an ASCII letter from A to Z, bit 7 of exactly one of
 * the two sums is set. */
static u64 lower_8(u64 bytes)
{
    const u64 each = 0x0101010101010101;
    u64 low = bytes & 0x7f * each;
    u64 from_a = low + (0x80 - 'A') * each, above_z = low + (0x7f - 'Z') * each;
    return bytes | ((from_a ^ above_z) & ~bytes & 0x80 * each) >> 2;
}

bool http_text_equals(struct http_text text, const char *name, size_t len)
{
    size_t at = 0;
    if (text.len != len)
        return false;
    while (len - at >= 8) {
        if (lower_8(load_8(text.bytes + at)) != load_8(name + at))
            return false;
        at += 8;
        if (at < len && len - at < 8)
            at = len - 8; /* some of them again */
    }
    for (; at < len; at++)
        if (http_lower((u8)text.bytes[at]) != (u8)name[at])
            return false;
    return true;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

struct http_text http_text_trim(const char *from, const char *to)
{
    while (from < to && is_space(*from))
        from++;
    while (to > from && is_space(to[-1]))
        to--;
    return (struct http_text){from, (size_t)(to - from)};
}

bool http_list_next(struct http_text *list, struct http_text *member)
{
    if (list->bytes == NULL)
        return false;
    const char *end = list->bytes + list->len;
    const char *comma = memchr(list->bytes, ',', list->len);
    *member = http_text_trim(list->bytes, comma != NULL ? comma : end);
    if (comma == NULL)
        *list = (struct http_text){NULL, 0};
    else
        *list = (struct http_text){comma + 1, (size_t)(end - comma - 1)};
    return true;
}

bool http_list_has(struct http_text list, const char *member)
{
    struct http_text item;
    while (http_list_next(&list, &item)) {
        const char *end = item.len == 0 ? NULL : memchr(item.bytes, ';', item.len);
        if (end != NULL)
            item = http_text_trim(item.bytes, end);
        if (http_text_is(item, member))
            return true;
    }
    return false;
}

size_t http_percent_decode(struct http_text text, char *out)
{
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        u8 c = (u8)text.bytes[i];
        if (c == '%' && text.len - i > 2) {
            c = (u8)(http_hex((u8)text.bytes[i + 1]) << 4 | http_hex((u8)text.bytes[i + 2]));
            i += 2;
        }
        out[len++] = (char)c;
    }
    return len;
}
