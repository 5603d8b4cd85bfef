/*
 * base/text.h -- text from outside: made safe for a terminal or a log line, read as a number.
 */
#pragma once
#include "base/types.h"

/* Replaces every control character by question marks, in place: C0, DEL, and C1 in UTF-8 (c2 80 to
 * c2 9f), which terminals obey too. The text stays one line of the same length. */
void text_make_plain(void *text, size_t len);

/* The whole text as a decimal number from 1 to max (below 10^18): digits only, no sign, no space.
 */
MUST_CHECK bool text_whole_number(const char *text, u64 max, u64 *out);

/* Insertions, deletions and replacements that turn a into b, letters of either case alike: how far
 * a word is from one that may have been meant. UINT32_MAX if either has more than TEXT_DISTANCE_MAX
 * bytes. */
#define TEXT_DISTANCE_MAX 40
u32 text_distance(const char *a, size_t a_len, const char *b, size_t b_len);

/* The known word that a misspelt one may have meant: one that it is the beginning of, or else the
 * nearest of those that differ in at most three letters, not in all, and in half of their own.
 * Begin with {.word = ..., .len = ...}; views. */
struct text_guess {
    const char *word;
    size_t len;
    const char *known; /* NULL: none is near */
    size_t known_len;
    u32 distance;
};
void text_guess_consider(struct text_guess *guess, const char *known, size_t known_len);

/* "; did you mean "WORD"?", or nothing. */
#define TEXT_GUESS_BYTES (TEXT_DISTANCE_MAX + 24)
void text_guess_write(const struct text_guess *guess, char out[TEXT_GUESS_BYTES]);

/* A number of the bytes that is likely to differ where they do; not for what an enemy may choose to
 * make equal. (FNV-1a) */
u64 text_hash(const void *bytes, size_t len);
