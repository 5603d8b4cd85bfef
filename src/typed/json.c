/*
 * typed/json.c -- tokens of JSON, read in place.
 *
 * Spec: RFC 8259.
 */
#include "base/check.h"
#include "base/reader.h"
#include "typed/internal.h"
#include <string.h>

bool typed_json_fail(struct typed_json *json, const char *expected)
{
    if (json->at >= json->len)
        return err_set(json->err, ERR_JSON, json->at, "the body ends early: expected %s", expected);
    return err_set(json->err, ERR_JSON, json->at, "at byte %zu of the body: expected %s", json->at,
                   expected);
}

bool typed_json_take_word(struct typed_json *json, const char *word)
{
    size_t len = strlen(word);
    typed_json_peek(json);
    if (json->len - json->at < len || memcmp(json->bytes + json->at, word, len) != 0)
        return false;
    json->at += len;
    return true;
}

bool typed_json_take_number(struct typed_json *json, struct typed_text *out)
{
    struct typed_decimal decimal;
    const char *at = json->bytes + json->at;
    if (typed_decimal_scan(at, json->bytes + json->len, &decimal) == 0)
        return typed_json_fail(json, "a number");
    *out = (struct typed_text){at, decimal.len};
    json->at += decimal.len;
    return true;
}

/* ---- strings ---- */

static bool read_hex4(const struct typed_json *json, size_t at, u32 *out)
{
    *out = 0;
    if (json->len < at || json->len - at < 4)
        return false;
    for (size_t i = 0; i < 4; i++) {
        char c = json->bytes[at + i];
        u32 digit = c >= '0' && c <= '9'   ? (u32)(c - '0')
                    : c >= 'a' && c <= 'f' ? (u32)(c - 'a') + 10
                    : c >= 'A' && c <= 'F' ? (u32)(c - 'A') + 10
                                           : 16;
        if (digit > 15)
            return false;
        *out = *out << 4 | digit;
    }
    return true;
}

size_t typed_utf8_encode(u32 point, char out[4])
{
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    size_t len = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const u8 lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = len; i-- > 1; point >>= 6)
        out[i] = (char)(0x80 | (point & 0x3f));
    out[0] = (char)(lead[len] | point);
    return len;
}

/* The escape after a backslash at json->at; surrogates must come in pairs. */
static bool take_escape(struct typed_json *json, char out[4], size_t *out_len)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = json->at < json->len ? json->bytes[json->at] : 0;
    const char *simple = c == 0 ? NULL : strchr(from, c);
    *out_len = 1;
    if (simple != NULL) {
        out[0] = to[simple - from];
        json->at++;
        return true;
    }
    u32 point, low;
    if (c != 'u' || !read_hex4(json, json->at + 1, &point) || (point >= 0xdc00 && point <= 0xdfff))
        return typed_json_fail(json, "an escape sequence");
    json->at += 5;
    if (point >= 0xd800 && point <= 0xdbff) {
        if (json->len - json->at < 6 || memcmp(json->bytes + json->at, "\\u", 2) != 0 ||
            !read_hex4(json, json->at + 2, &low) || low < 0xdc00 || low > 0xdfff)
            return typed_json_fail(json, "the second half of a surrogate pair");
        point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
        json->at += 6;
    }
    *out_len = typed_utf8_encode(point, out);
    return true;
}

/* Bytes up to a quote, a backslash or a control character. */
static size_t plain_run(const struct typed_json *json)
{
    size_t at = json->at;
    while (at < json->len && (u8)json->bytes[at] >= 0x20 && json->bytes[at] != '"' &&
           json->bytes[at] != '\\')
        at++;
    return at - json->at;
}

/* Decodes a string at the opening quote, as far as it fits, into out; NULL: only counts. */
static bool take_string(struct typed_json *json, char *out, size_t room, size_t *len)
{
    *len = 0;
    json->at++;
    for (;;) {
        char piece[4];
        size_t run = plain_run(json);
        const char *bytes = json->bytes + json->at;
        if (!utf8_valid(bytes, run))
            return typed_json_fail(json, "text in UTF-8");
        json->at += run;
        if (run == 0) {
            if (json->at >= json->len || (u8)json->bytes[json->at] < 0x20)
                return typed_json_fail(json, "the end of a string");
            if (json->bytes[json->at++] == '"')
                return true;
            if (!take_escape(json, piece, &run))
                return false;
            bytes = piece;
        }
        if (out != NULL && *len + run <= room)
            memcpy(out + *len, bytes, run);
        else if (out != NULL)
            room = *len; /* nothing fits behind what did not */
        *len += run;
    }
}

bool typed_json_measure_string(struct typed_json *json, size_t *len)
{
    struct typed_json ahead = *json;
    return take_string(&ahead, NULL, 0, len);
}

void typed_json_decode_string(struct typed_json *json, char *out)
{
    size_t len;
    CHECK(take_string(json, out, SIZE_MAX, &len));
}

bool typed_json_take_short(struct typed_json *json, char *out, size_t room, size_t *len)
{
    if (!take_string(json, out, room, len))
        return false;
    if (*len > room)
        *len = room + 1;
    return true;
}

/* ---- arrays ---- */

/* How many of eight bytes are commas: of them alone, now 0, the highest bit is set in the end. */
static u64 commas_in(u64 bytes)
{
    u64 low = 0x7f7f7f7f7f7f7f7f;
    bytes ^= 0x2c2c2c2c2c2c2c2c;
    u64 zeros = ~(((bytes & low) + low) | bytes | low);
    return (zeros >> 7) * 0x0101010101010101 >> 56;
}

/* Elements without strings, arrays and objects in them: commas before the first "]". */
static u64 count_plain(const struct typed_json *json)
{
    const char *from = json->bytes + json->at;
    const char *end = memchr(from, ']', json->len - json->at);
    size_t len = end == NULL ? json->len - json->at : (size_t)(end - from), i = 0;
    u64 commas = 0, bytes;
    for (; len - i >= sizeof bytes; i += sizeof bytes) {
        memcpy(&bytes, from + i, sizeof bytes);
        commas += commas_in(bytes);
    }
    for (; i < len; i++)
        commas += from[i] == ',';
    return commas + 1;
}

u64 typed_json_count_elements(const struct typed_json *json, bool are_plain)
{
    struct typed_json ahead = *json;
    u64 commas = 0, nesting = 0;
    if (typed_json_peek(&ahead) == ']')
        return 0;
    if (are_plain)
        return count_plain(&ahead);
    for (size_t i = ahead.at; i < ahead.len; i++) {
        char c = ahead.bytes[i];
        if (c == '"') {
            for (i++; i < ahead.len && ahead.bytes[i] != '"'; i++)
                i += ahead.bytes[i] == '\\';
        } else if (c == '[' || c == '{') {
            nesting++;
        } else if (c == ']' || c == '}') {
            if (nesting == 0)
                break;
            nesting--;
        } else if (c == ',' && nesting == 0) {
            commas++;
        }
    }
    return commas + 1;
}
