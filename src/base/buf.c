#include "base/buf.h"
#include "base/check.h"
#include "base/reader.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAP_MIN   256u
#define ITEMS_MAX 8u

void buf_init(struct buf *buf, size_t limit_bytes)
{
    *buf = (struct buf){.limit_bytes = limit_bytes};
}

void buf_fini(struct buf *buf)
{
    free(buf->bytes);
    *buf = (struct buf){.limit_bytes = buf->limit_bytes};
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
    buf->failed = false;
}

void buf_set_limit(struct buf *buf, size_t limit_bytes)
{
    CHECK(buf->len == 0);
    buf->limit_bytes = limit_bytes;
    if (buf->cap > limit_bytes)
        buf_fini(buf);
}

u8 *buf_reserve(struct buf *buf, size_t len)
{
    if (buf->failed || len > buf->limit_bytes || buf->len > buf->limit_bytes - len) {
        buf->failed = true;
        return NULL;
    }
    if (buf->cap - buf->len < len) {
        size_t cap = (size_t)max_u64(max_u64(buf->cap * 2, buf->len + len), CAP_MIN);
        cap = (size_t)min_u64(cap, max_u64(buf->limit_bytes, buf->len + len));
        u8 *bytes = realloc(buf->bytes, cap);
        if (bytes == NULL) {
            buf->failed = true;
            return NULL;
        }
        buf->bytes = bytes;
        buf->cap = cap;
    }
    return buf->bytes + buf->len;
}

void buf_commit(struct buf *buf, size_t len)
{
    CHECK(len <= buf->cap - buf->len);
    buf->len += len;
}

void buf_add_growing(struct buf *buf, const void *bytes, size_t len)
{
    u8 *to = buf_reserve(buf, len);
    if (to == NULL || len == 0)
        return;
    memcpy(to, bytes, len);
    buf->len += len;
}

void buf_add_item(struct buf *buf, u32 index, const char *text, size_t len)
{
    if (index >= ITEMS_MAX)
        return;
    buf_add_text(buf, index == 0 ? "" : ", ");
    buf_add(buf, text, len);
}

void buf_end_items(struct buf *buf, u32 count)
{
    if (count > ITEMS_MAX)
        buf_add_format(buf, " and %u more", count - ITEMS_MAX);
}

void buf_add_u64(struct buf *buf, u64 number)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    buf_add(buf, digits + at, sizeof digits - at);
}

void buf_add_format(struct buf *buf, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    CHECK(len >= 0);
    u8 *to = buf_reserve(buf, (size_t)len + 1);
    if (to != NULL) {
        vsnprintf((char *)to, (size_t)len + 1, format, again);
        buf->len += (size_t)len;
    }
    va_end(again);
    va_end(args);
}

/* Length of the well-formed UTF-8 sequence at text, or 0. */
static size_t utf8_sequence_len(const u8 *text, size_t left)
{
    size_t len = text[0] < 0x80 ? 1 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
    return len <= left && utf8_valid(text, len) ? len : 0;
}

void buf_add_json_string(struct buf *buf, const void *text, size_t len)
{
    const u8 *c = text;
    buf_add_byte(buf, '"');
    for (size_t i = 0; i < len;) {
        size_t sequence = utf8_sequence_len(c + i, len - i);
        if (sequence == 0) {
            buf_add_text(buf, "\xef\xbf\xbd");
            i += 1;
            continue;
        }
        if (c[i] == '"' || c[i] == '\\') {
            buf_add_byte(buf, '\\');
            buf_add_byte(buf, c[i]);
        } else if (c[i] < 0x20 || c[i] == 0x7f) {
            buf_add_format(buf, "\\u%04x", c[i]);
        } else {
            buf_add(buf, c + i, sequence);
        }
        i += sequence;
    }
    buf_add_byte(buf, '"');
}

void buf_consume(struct buf *buf, size_t len)
{
    CHECK(len <= buf->len);
    if (len == 0)
        return;
    memmove(buf->bytes, buf->bytes + len, buf->len - len);
    buf->len -= len;
}
