/*
 * base/buf.h -- a growing byte buffer with a limit and a latched failure.
 *
 * Writers append without checking; the reader of the result asks buf_ok once. After a failure
 * (limit passed, memory short) appends do nothing.
 */
#pragma once
#include "base/types.h"
#include <string.h>

struct buf {
    u8 *bytes;                    /* owned; NULL while empty */
    size_t len, cap, limit_bytes; /* each at most the next */
    bool failed;
};

void buf_init(struct buf *buf, size_t limit_bytes);
void buf_fini(struct buf *buf);
void buf_clear(struct buf *buf); /* empty again and not failed; keeps the memory */
/* Another limit, for a buffer that is empty. */
void buf_set_limit(struct buf *buf, size_t limit_bytes);

static inline bool buf_ok(const struct buf *buf)
{
    return !buf->failed;
}

void buf_add_growing(struct buf *buf, const void *bytes, size_t len); /* what buf_add leaves */

/* Heads and JSON are made of many small pieces: where there is room, one is a copy and no call. */
static inline void buf_add(struct buf *buf, const void *bytes, size_t len)
{
    if (buf->failed || len == 0 || len > buf->cap - buf->len) {
        buf_add_growing(buf, bytes, len);
        return;
    }
    memcpy(buf->bytes + buf->len, bytes, len);
    buf->len += len;
}

static inline void buf_add_byte(struct buf *buf, u8 byte)
{
    buf_add(buf, &byte, 1);
}

static inline void buf_add_text(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text)); /* a literal's length is known when it is compiled */
}
void buf_add_u64(struct buf *buf, u64 number); /* decimal; much cheaper than buf_add_format */
void buf_add_format(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);

/* The item with this index of a list for people, "a, b, c", and behind the last of them how many
 * were left out for being too many. */
void buf_add_item(struct buf *buf, u32 index, const char *text, size_t len);
void buf_end_items(struct buf *buf, u32 count);

/* The text between quotes as a JSON string: quotes, escapes, and bytes that are no UTF-8 as
 * U+FFFD. spec: RFC 8259 section 7 */
void buf_add_json_string(struct buf *buf, const void *text, size_t len);

/* Room for len more bytes at bytes + buf->len, to be claimed with buf_commit; NULL on failure. */
u8 *buf_reserve(struct buf *buf, size_t len);
void buf_commit(struct buf *buf, size_t len);

/* Drops the first len bytes. */
void buf_consume(struct buf *buf, size_t len);
