#include "base/check.h"
#include "typed/internal.h"
#include <stdio.h>
#include <string.h>

#define NAME_MAX_BYTES 256 /* of an object key; longer ones match no parameter */
#define SHOWN_BYTES    40  /* of an offending value, in messages */

/* A cursor over the body. One JSON value is looked at a time; nothing nests. */
struct json {
    const char *bytes;
    size_t at, len;
    struct err *err;
};

static bool fail_json(struct json *j, const char *expected)
{
    if (j->at >= j->len)
        return err_set(j->err, ERR_JSON, j->at, "the body ends early: expected %s", expected);
    return err_set(j->err, ERR_JSON, j->at, "at byte %zu of the body: expected %s", j->at,
                   expected);
}

static void skip_space(struct json *j)
{
    while (j->at < j->len && memchr(" \t\r\n", j->bytes[j->at], 4) != NULL)
        j->at++;
}

static char peek(struct json *j)
{
    skip_space(j);
    return j->at < j->len ? j->bytes[j->at] : 0;
}

static bool take(struct json *j, char c)
{
    if (peek(j) != c)
        return false;
    j->at++;
    return true;
}

/* ---- tokens ---- */

static size_t count_digits(const struct json *j, size_t at)
{
    size_t start = at;
    while (at < j->len && j->bytes[at] >= '0' && j->bytes[at] <= '9')
        at++;
    return at - start;
}

/* spec: RFC 8259 section 6. The view has no leading zeros, and digits around every point. */
static bool take_number(struct json *j, struct typed_text *out)
{
    size_t at = j->at + (j->bytes[j->at] == '-');
    size_t digits = count_digits(j, at);
    if (digits == 0 || (digits > 1 && j->bytes[at] == '0'))
        return fail_json(j, "a number");
    at += digits;
    if (at < j->len && j->bytes[at] == '.') {
        digits = count_digits(j, ++at);
        if (digits == 0)
            return fail_json(j, "a number");
        at += digits;
    }
    if (at < j->len && (j->bytes[at] == 'e' || j->bytes[at] == 'E')) {
        at++;
        at += at < j->len && (j->bytes[at] == '+' || j->bytes[at] == '-');
        digits = count_digits(j, at);
        if (digits == 0)
            return fail_json(j, "a number");
        at += digits;
    }
    *out = (struct typed_text){j->bytes + j->at, at - j->at};
    j->at = at;
    return true;
}

static bool read_hex4(const struct json *j, size_t at, u32 *out)
{
    *out = 0;
    if (j->len - at < 4)
        return false;
    for (size_t i = 0; i < 4; i++) {
        char c = j->bytes[at + i];
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

static size_t utf8_encode(u32 point, char out[4])
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

/* The escape after a backslash at j->at; surrogates must come in pairs. */
static bool take_escape(struct json *j, char out[4], size_t *out_len)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = j->at < j->len ? j->bytes[j->at] : 0;
    const char *simple = c == 0 ? NULL : strchr(from, c);
    *out_len = 1;
    if (simple != NULL) {
        out[0] = to[simple - from];
        j->at++;
        return true;
    }
    u32 point, low;
    if (c != 'u' || !read_hex4(j, j->at + 1, &point) || (point >= 0xdc00 && point <= 0xdfff))
        return fail_json(j, "an escape sequence");
    j->at += 5;
    if (point >= 0xd800 && point <= 0xdbff) {
        if (j->len - j->at < 6 || memcmp(j->bytes + j->at, "\\u", 2) != 0 ||
            !read_hex4(j, j->at + 2, &low) || low < 0xdc00 || low > 0xdfff)
            return fail_json(j, "the second half of a surrogate pair");
        point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
        j->at += 6;
    }
    *out_len = utf8_encode(point, out);
    return true;
}

/* A string, unescaped into store; what does not fit is dropped, so that it equals no name. */
static bool take_string(struct json *j, char store[NAME_MAX_BYTES], struct typed_text *out)
{
    size_t len = 0;
    j->at++;
    for (;;) {
        char piece[4];
        size_t piece_len = 1;
        if (j->at >= j->len || (u8)j->bytes[j->at] < 0x20)
            return fail_json(j, "the end of a string");
        if (j->bytes[j->at] == '"')
            break;
        piece[0] = j->bytes[j->at++];
        if (piece[0] == '\\' && !take_escape(j, piece, &piece_len))
            return false;
        if (piece_len <= NAME_MAX_BYTES - len) {
            memcpy(store + len, piece, piece_len);
            len += piece_len;
        }
    }
    j->at++;
    *out = (struct typed_text){store, len};
    return true;
}

/* ---- values ---- */

static bool value_convert(struct typed_text text, bool is_string, u8 type, union abi_value *out)
{
    u64 bits;
    switch ((enum rt_valtype)type) {
    case RT_I32:
        if (is_string || !typed_integer_parse(text, 32, &bits))
            return false;
        out->u64 = (u32)bits;
        return true;
    case RT_I64: return typed_integer_parse(text, 64, &out->u64);
    case RT_F32:
    case RT_F64:
        return is_string ? typed_special_parse(text, type, out)
                         : typed_float_parse(text, type, out);
    case RT_FUNCREF:
    case RT_EXTERNREF: break;
    }
    UNREACHABLE();
}

static bool fail_argument(const struct rt_export *func, u32 index, struct json *j, size_t at)
{
    struct buf name;
    size_t shown = (size_t)min_u64(j->at - at, SHOWN_BYTES);
    buf_init(&name, ERR_TEXT_MAX);
    typed_param_name(func, index, &name);
    err_set(j->err, ERR_ARGUMENT, at, "parameter %.*s (number %u): expected %s, got %.*s%s",
            (int)name.len, name.bytes, index + 1, rt_valtype_text(func->type->params[index]),
            (int)shown, j->bytes + at, shown < j->at - at ? "..." : "");
    buf_fini(&name);
    return false;
}

/* Past one value of a kind no parameter takes, as far as a message shows it. */
static void skip_other(struct json *j)
{
    while (j->at < j->len && memchr(",]} \t\r\n", j->bytes[j->at], 7) == NULL)
        j->at++;
}

static bool take_value(const struct rt_export *func, u32 index, struct json *j,
                       union abi_value *out)
{
    char store[NAME_MAX_BYTES];
    struct typed_text text;
    char first = peek(j);
    size_t at = j->at;
    bool is_string = first == '"';
    if (is_string ? !take_string(j, store, &text) : false)
        return false;
    if (!is_string && (first == '-' || (first >= '0' && first <= '9'))) {
        if (!take_number(j, &text))
            return false;
    } else if (!is_string) {
        if (first == 0)
            return fail_json(j, "a number");
        j->at++;
        skip_other(j);
        return fail_argument(func, index, j, at);
    }
    return value_convert(text, is_string, func->type->params[index], out) ||
           fail_argument(func, index, j, at);
}

/* ---- array and object ---- */

static bool fail_count(const struct rt_export *func, struct err *err)
{
    struct buf signature;
    buf_init(&signature, ERR_TEXT_MAX);
    typed_signature_write(func, &signature);
    err_set(err, ERR_ARGUMENT, ERR_NO_AT, "expected %u argument%s: %.*s", func->type->param_count,
            func->type->param_count == 1 ? "" : "s", (int)signature.len, signature.bytes);
    buf_fini(&signature);
    return false;
}

static bool read_array(const struct rt_export *func, struct json *j, union abi_value *out)
{
    u32 count = 0;
    if (!take(j, ']')) {
        do {
            if (peek(j) == 0 || peek(j) == ']')
                return count == 0 ? fail_json(j, "a number or \"]\"") : fail_json(j, "a number");
            if (count == func->type->param_count)
                return fail_count(func, j->err);
            if (!take_value(func, count, j, &out[count]))
                return false;
            count++;
        } while (take(j, ','));
        if (!take(j, ']'))
            return fail_json(j, "\",\" or \"]\"");
    }
    return count == func->type->param_count || fail_count(func, j->err);
}

static bool is_param_name(const struct rt_export *func, u32 index, struct typed_text name)
{
    char made_up[16];
    struct typed_text own = {made_up, 0};
    if (index < func->param_name_count && func->param_names[index].len > 0)
        own = (struct typed_text){func->param_names[index].bytes, func->param_names[index].len};
    else
        own.len = (size_t)snprintf(made_up, sizeof made_up, "p%u", index);
    return own.len == name.len && memcmp(own.bytes, name.bytes, name.len) == 0;
}

static bool find_param(const struct rt_export *func, struct typed_text name, u32 *out)
{
    for (*out = 0; *out < func->type->param_count; (*out)++)
        if (is_param_name(func, *out, name))
            return true;
    return false;
}

static bool take_member(const struct rt_export *func, struct json *j, union abi_value *out,
                        bool *seen)
{
    char store[NAME_MAX_BYTES];
    struct typed_text name;
    u32 index;
    if (peek(j) != '"')
        return fail_json(j, "a parameter name in quotes");
    size_t at = j->at;
    if (!take_string(j, store, &name))
        return false;
    if (!find_param(func, name, &index)) {
        err_set(j->err, ERR_ARGUMENT, at, "there is no parameter \"%.*s\"",
                (int)min_u64(name.len, SHOWN_BYTES), name.bytes);
        return false;
    }
    if (seen[index])
        return err_set(j->err, ERR_ARGUMENT, at, "parameter %.*s is given twice", (int)name.len,
                       name.bytes);
    seen[index] = true;
    if (!take(j, ':'))
        return fail_json(j, "\":\"");
    return take_value(func, index, j, &out[index]);
}

static bool read_object(const struct rt_export *func, struct json *j, union abi_value *out)
{
    bool seen[ABI_VALUES_MAX] = {false};
    if (!take(j, '}')) {
        do
            if (!take_member(func, j, out, seen))
                return false;
        while (take(j, ','));
        if (!take(j, '}'))
            return fail_json(j, "\",\" or \"}\"");
    }
    for (u32 i = 0; i < func->type->param_count; i++)
        if (!seen[i])
            return fail_count(func, j->err);
    return true;
}

bool typed_body_read(const struct rt_export *func, const void *json, size_t len,
                     union abi_value *out, struct err *err)
{
    struct json j = {.bytes = json, .len = len, .err = err};
    CHECK(func->type->param_count <= ABI_VALUES_MAX && typed_is_callable(func->type));
    bool ok;
    if (take(&j, '['))
        ok = read_array(func, &j, out);
    else if (take(&j, '{'))
        ok = read_object(func, &j, out);
    else if (j.at == j.len)
        ok = func->type->param_count == 0 || fail_count(func, err);
    else
        ok = fail_json(&j, "an array or an object of arguments");
    if (!ok)
        return false;
    skip_space(&j);
    return j.at == j.len || fail_json(&j, "nothing after the arguments");
}
