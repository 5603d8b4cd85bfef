/*
 * base/reader.h -- a cursor over untrusted bytes that latches its first failure.
 *
 * After a failure every read yields zero and moves nothing; check reader_ok at loops and once at
 * the end. The bytes are borrowed and must outlive the reader and every view taken from it.
 * spec: core/binary/values (LEB128 integers, names).
 */
#pragma once
#include "base/err.h"

struct reader {
    const u8 *bytes;
    size_t at, end; /* next byte; one past the last readable byte. Offsets are into bytes */
    struct err *err;
    bool failed;
};

struct reader reader_make(const void *bytes, size_t len, struct err *err);

/* A reader over the next len bytes, which are consumed here. Offsets it reports stay those of
 * the whole input; failing in it sets the same err but does not fail r: check both. */
struct reader reader_sub(struct reader *r, size_t len);

static inline bool reader_ok(const struct reader *r)
{
    return !r->failed;
}

static inline size_t reader_left(const struct reader *r)
{
    return r->failed ? 0 : r->end - r->at;
}

/* The offset of the next byte in the whole input, for messages. */
static inline u64 reader_offset(const struct reader *r)
{
    return r->at;
}

/* Latches a failure at the current offset. Always returns false. */
bool reader_fail(struct reader *r, enum err_code code, const char *format, ...) PRINTF_LIKE(3, 4);
bool reader_fail_at(struct reader *r, u64 offset, enum err_code code, const char *format, ...)
    PRINTF_LIKE(4, 5);

u8 read_byte(struct reader *r);
u8 read_peek(const struct reader *r); /* the next byte, 0 at the end; never fails */
u32 read_u32_le(struct reader *r);
u64 read_u64_le(struct reader *r);
u32 read_leb_u32(struct reader *r);
u64 read_leb_u64(struct reader *r);
i32 read_leb_i32(struct reader *r);
i64 read_leb_i33(struct reader *r);
i64 read_leb_i64(struct reader *r);

/* A view of the next len bytes, or NULL after failing. */
const u8 *read_bytes(struct reader *r, size_t len);

/* A LEB128 count of things that take at least one byte each: refused beyond max (ERR_LIMIT, text
 * "more than MAX WHAT") and beyond the bytes left (ERR_MALFORMED). what: plural noun. */
u32 read_count(struct reader *r, u32 max, const char *what);

/* A length-prefixed UTF-8 name; the view is not zero-terminated. Refuses malformed UTF-8. */
const char *read_name(struct reader *r, u32 *len);

/* True for well-formed UTF-8 (no surrogates, no overlong forms, at most U+10FFFF). */
bool utf8_valid(const void *bytes, size_t len);
