#include "base/reader.h"
#include "base/check.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct reader reader_make(const void *bytes, size_t len, struct err *err)
{
    return (struct reader){.bytes = bytes, .end = len, .err = err};
}

struct reader reader_sub(struct reader *r, size_t len)
{
    struct reader sub = *r;
    if (read_bytes(r, len) == NULL) {
        sub.failed = true;
        return sub;
    }
    sub.end = sub.at + len;
    return sub;
}

static void fail_formatted(struct reader *r, u64 offset, enum err_code code, const char *format,
                           va_list args)
{
    if (r->failed)
        return;
    r->failed = true;
    char text[ERR_TEXT_MAX];
    vsnprintf(text, sizeof text, format, args);
    err_set(r->err, code, offset, "%s", text);
}

bool reader_fail(struct reader *r, enum err_code code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fail_formatted(r, reader_offset(r), code, format, args);
    va_end(args);
    return false;
}

bool reader_fail_at(struct reader *r, u64 offset, enum err_code code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fail_formatted(r, offset, code, format, args);
    va_end(args);
    return false;
}

const u8 *read_bytes(struct reader *r, size_t len)
{
    if (r->failed)
        return NULL;
    if (r->end - r->at < len) {
        reader_fail(r, ERR_MALFORMED, "unexpected end: %zu bytes wanted, %zu left", len,
                    r->end - r->at);
        return NULL;
    }
    const u8 *view = r->bytes + r->at;
    r->at += len;
    return view;
}

u8 read_byte(struct reader *r)
{
    if (r->failed || r->at == r->end) {
        reader_fail(r, ERR_MALFORMED, "unexpected end");
        return 0;
    }
    return r->bytes[r->at++];
}

u8 read_peek(const struct reader *r)
{
    return r->failed || r->at == r->end ? 0 : r->bytes[r->at];
}

u32 read_u32_le(struct reader *r)
{
    u32 value = 0;
    const u8 *view = read_bytes(r, sizeof value);
    if (view != NULL)
        memcpy(&value, view, sizeof value);
    return value;
}

u64 read_u64_le(struct reader *r)
{
    u64 value = 0;
    const u8 *view = read_bytes(r, sizeof value);
    if (view != NULL)
        memcpy(&value, view, sizeof value);
    return value;
}

/* Unsigned LEB128 of at most `bits` bits; the last byte may not carry bits beyond them. */
static u64 read_leb_unsigned(struct reader *r, unsigned bits)
{
    u64 value = 0;
    for (unsigned shift = 0;; shift += 7) {
        u8 byte = read_byte(r);
        if (r->failed)
            return 0;
        if (shift + 7 > bits && (byte & 0x7f) >> (bits - shift) != 0) {
            r->at--;
            reader_fail(r, ERR_MALFORMED, "integer too large for %u bits", bits);
            return 0;
        }
        value |= (u64)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return value;
        if (shift + 7 >= bits) {
            r->at--;
            reader_fail(r, ERR_MALFORMED, "integer representation too long");
            return 0;
        }
    }
}

/* Signed LEB128 of `bits` bits; unused bits of the last byte must repeat the sign. */
static i64 read_leb_signed(struct reader *r, unsigned bits)
{
    u64 value = 0;
    for (unsigned shift = 0;; shift += 7) {
        u8 byte = read_byte(r);
        if (r->failed)
            return 0;
        bool last_possible = shift + 7 >= bits;
        if (last_possible) {
            unsigned used = bits - shift;
            u8 mask = (u8)(0x7f & ~((1u << (used - 1)) - 1));
            u8 high = byte & mask;
            if ((byte & 0x80) != 0 || (high != 0 && high != mask)) {
                r->at--;
                reader_fail(r, ERR_MALFORMED,
                            (byte & 0x80) != 0 ? "integer representation too long"
                                               : "integer too large for its type");
                return 0;
            }
        }
        value |= (u64)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            unsigned width = shift + 7;
            if (width < 64 && (byte & 0x40) != 0)
                value |= ~(u64)0 << width;
            return (i64)value;
        }
    }
}

u32 read_leb_u32(struct reader *r)
{
    return (u32)read_leb_unsigned(r, 32);
}

u64 read_leb_u64(struct reader *r)
{
    return read_leb_unsigned(r, 64);
}

i32 read_leb_i32(struct reader *r)
{
    return (i32)read_leb_signed(r, 32);
}

i64 read_leb_i33(struct reader *r)
{
    return read_leb_signed(r, 33);
}

i64 read_leb_i64(struct reader *r)
{
    return read_leb_signed(r, 64);
}

u32 read_count(struct reader *r, u32 max, const char *what)
{
    u64 offset = reader_offset(r);
    u32 count = read_leb_u32(r);
    if (r->failed)
        return 0;
    if (count > max) {
        reader_fail_at(r, offset, ERR_LIMIT, "more than %u %s", max, what);
        return 0;
    }
    if (count > r->end - r->at) {
        reader_fail_at(r, offset, ERR_MALFORMED, "unexpected end: %u %s in %zu bytes", count, what,
                       r->end - r->at);
        return 0;
    }
    return count;
}

const char *read_name(struct reader *r, u32 *len)
{
    *len = 0;
    u32 name_len = read_leb_u32(r);
    u64 offset = reader_offset(r);
    const u8 *view = read_bytes(r, name_len);
    if (view == NULL)
        return NULL;
    if (!utf8_valid(view, name_len)) {
        reader_fail_at(r, offset, ERR_MALFORMED, "malformed UTF-8 encoding");
        return NULL;
    }
    *len = name_len;
    return (const char *)view;
}

static bool utf8_continues(const u8 *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if ((bytes[i] & 0xc0) != 0x80)
            return false;
    return true;
}

bool utf8_valid(const void *bytes, size_t len)
{
    const u8 *c = bytes;
    const u8 *end = c + len;
    while (c < end) {
        size_t left = (size_t)(end - c);
        if (c[0] < 0x80) {
            c += 1;
        } else if (c[0] >= 0xc2 && c[0] <= 0xdf && left >= 2 && utf8_continues(c + 1, 1)) {
            c += 2;
        } else if ((c[0] & 0xf0) == 0xe0 && left >= 3 && utf8_continues(c + 1, 2)) {
            u32 point = (u32)(c[0] & 0x0f) << 12 | (u32)(c[1] & 0x3f) << 6 | (c[2] & 0x3fu);
            if (point < 0x800 || (point >= 0xd800 && point <= 0xdfff))
                return false;
            c += 3;
        } else if (c[0] >= 0xf0 && c[0] <= 0xf4 && left >= 4 && utf8_continues(c + 1, 3)) {
            u32 point = (u32)(c[0] & 0x07) << 18 | (u32)(c[1] & 0x3f) << 12 |
                        (u32)(c[2] & 0x3f) << 6 | (c[3] & 0x3fu);
            if (point < 0x10000 || point > 0x10ffff)
                return false;
            c += 4;
        } else {
            return false;
        }
    }
    return true;
}
