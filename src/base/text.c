#include "base/text.h"
#include <stdio.h>

#define GUESS_MAX 3 /* letters that differ */

void text_make_plain(void *text, size_t len)
{
    u8 *c = text;
    for (size_t i = 0; i < len; i++) {
        bool is_c1 = c[i] == 0xc2 && i + 1 < len && c[i + 1] >= 0x80 && c[i + 1] <= 0x9f;
        if (is_c1)
            c[i + 1] = '?';
        if (is_c1 || c[i] < 0x20 || c[i] == 0x7f)
            c[i] = '?';
    }
}

bool text_whole_number(const char *text, u64 max, u64 *out)
{
    u64 value = 0;
    for (const char *c = text; *c != 0; c++) {
        if (*c < '0' || *c > '9' || value > max)
            return false;
        value = value * 10 + (u64)(*c - '0');
    }
    if (value < 1 || value > max)
        return false;
    *out = value;
    return true;
}

static u32 least_of(u32 a, u32 b, u32 c)
{
    u32 least = a < b ? a : b;
    return least < c ? least : c;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* One row of the table of distances at a time: row[i] is that of the first i letters of a. */
u32 text_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    u32 row[TEXT_DISTANCE_MAX + 1];
    if (a_len > TEXT_DISTANCE_MAX || b_len > TEXT_DISTANCE_MAX)
        return UINT32_MAX;
    for (u32 i = 0; i <= a_len; i++)
        row[i] = i;
    for (u32 k = 0; k < b_len; k++) {
        u32 diagonal = row[0];
        row[0] = k + 1;
        for (u32 i = 0; i < a_len; i++) {
            u32 replaced = diagonal + (lower(a[i]) != lower(b[k]));
            diagonal = row[i + 1];
            row[i + 1] = least_of(replaced, row[i] + 1, diagonal + 1);
        }
    }
    return row[a_len];
}

void text_guess_consider(struct text_guess *guess, const char *known, size_t known_len)
{
    bool begins = guess->len > 0 && guess->len < known_len &&
                  text_distance(guess->word, guess->len, known, guess->len) == 0;
    u32 distance = begins ? 0 : text_distance(guess->word, guess->len, known, known_len);
    if (distance >= guess->len || distance > min_u64(GUESS_MAX, max_u64(1, known_len / 2)) ||
        (guess->known != NULL && distance >= guess->distance))
        return;
    guess->known = known;
    guess->known_len = known_len;
    guess->distance = distance;
}

void text_guess_write(const struct text_guess *guess, char out[TEXT_GUESS_BYTES])
{
    out[0] = 0;
    if (guess->known != NULL)
        snprintf(out, TEXT_GUESS_BYTES, "; did you mean \"%.*s\"?", (int)guess->known_len,
                 guess->known);
}

u64 text_hash(const void *bytes, size_t len)
{
    u64 hash = 14695981039346656037u;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ ((const u8 *)bytes)[i]) * 1099511628211u;
    return hash;
}
