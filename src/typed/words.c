/*
 * typed/words.c -- words of a command line as arguments: JSON, with what a shell makes awkward made
 * easy.
 */
#include "base/check.h"
#include "typed/internal.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_json_number(const char *word)
{
    struct typed_decimal decimal;
    size_t len = strlen(word);
    return typed_decimal_scan(word, word + len, &decimal) == len && len > 0;
}

/* "0x1f"; false: not hexadecimal. */
static bool parse_hex(const char *word, u32 size, u64 *out)
{
    size_t digits = strspn(word + 2, "0123456789abcdefABCDEF");
    if (digits == 0 || digits > 2 * size || word[2 + digits] != 0)
        return false;
    *out = strtoull(word + 2, NULL, 16);
    return true;
}

/* Decimal, or 0x1f; integers of 64 bits in quotes, because they may be large. */
static bool add_integer(const struct typed_type *type, const char *word, struct buf *json)
{
    u64 value;
    const char *quote = type->size == 8 && word[0] != '"' ? "\"" : "";
    if (word[0] == '0' && (word[1] == 'x' || word[1] == 'X')) {
        if (!parse_hex(word, type->size, &value))
            return false;
        buf_add_format(json, "%s%llu%s", quote, (unsigned long long)value, quote);
        return true;
    }
    if (word[0] != '"' && !is_json_number(word))
        return false;
    buf_add_format(json, "%s%s%s", quote, word, quote);
    return true;
}

/* Whatever strtod takes: .5, 0x1p-3, inf, nan. */
static bool add_float(const struct typed_type *type, const char *word, struct buf *json)
{
    char text[TYPED_NUMBER_MAX];
    char *end;
    bool is_single = type->kind == TYPED_F32;
    if (is_json_number(word) || word[0] == '"') {
        buf_add_text(json, word);
        return true;
    }
    size_t len = is_single ? typed_f32_put(strtof(word, &end), text)
                           : typed_f64_put(strtod(word, &end), text);
    if (end == word || *end != 0)
        return false;
    buf_add(json, text, len);
    return true;
}

static bool is_text(const struct typed_type *type)
{
    return type->kind == TYPED_STRING || type->kind == TYPED_CHAR || type->kind == TYPED_ENUM;
}

static bool add_word(const struct typed_type *type, const char *word, struct buf *json)
{
    bool is_null = type->kind == TYPED_OPTION && strcmp(word, "null") == 0;
    if (type->kind == TYPED_OPTION && !is_null)
        return add_word(type->element, word, json);
    if (type->kind == TYPED_F32 || type->kind == TYPED_F64)
        return add_float(type, word, json);
    if (typed_is_number(type))
        return add_integer(type, word, json);
    if (is_text(type) && word[0] != '"')
        buf_add_json_string(json, word, strlen(word));
    else
        buf_add_text(json, word);
    return true;
}

bool typed_words_read(const struct typed_func *func, const char *const *words, u32 count,
                      struct buf *json, struct err *err)
{
    u32 wanted = func->params.field_count;
    if (count != wanted) {
        struct buf signature;
        buf_init(&signature, ERR_TEXT_MAX);
        typed_func_write(func, &signature);
        err_set(err, ERR_ARGUMENT, ERR_NO_AT, "expected %u argument%s, got %u: %.*s", wanted,
                wanted == 1 ? "" : "s", count, (int)signature.len, signature.bytes);
        buf_fini(&signature);
        return false;
    }
    buf_add_byte(json, '[');
    for (u32 i = 0; i < count; i++) {
        const struct typed_field *param = &func->params.fields[i];
        if (i > 0)
            buf_add_byte(json, ',');
        if (!add_word(param->type, words[i], json))
            return err_set(err, ERR_ARGUMENT, ERR_NO_AT, "%.*s: expected %s, got \"%s\"",
                           (int)param->name.len, param->name.bytes, typed_kind_text(param->type),
                           words[i]);
    }
    buf_add_byte(json, ']');
    return buf_ok(json) || err_set(err, ERR_LIMIT, ERR_NO_AT, "the arguments are too long");
}
