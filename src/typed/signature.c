/*
 * typed/signature.c -- the text of FILE.sig: lines of WIT.
 *
 *   record point { x: f64, y: f64 }
 *   enum color { red, green, blue }
 *   type path = list<point>;
 *   length: func(path: path, closed: option<bool>) -> f64;
 *
 * Spec: Component Model, WIT (items of an interface; of its types those that typed/kind.def has).
 * Types are declared before they are used, so that none can contain itself.
 */
#include "base/check.h"
#include "typed/internal.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NESTING_MAX 32 /* of type expressions, before TYPED_DEPTH_MAX is looked at */

struct token {
    char kind; /* 'a': a name or word, '>': also of "->", 0: the end, else the character itself */
    bool is_arrow;
    bool is_escaped; /* "%type": no keyword */
    struct rt_text text;
};

struct parser {
    const char *at, *end, *file;
    u32 line;       /* of `at` */
    u32 token_line; /* of the next token, and */
    u32 shown_line; /* of what a message is about */
    u32 nesting;
    struct token token; /* the next one */
    struct arena *arena;
    struct err *err;
    struct typed_signature *out;
};

static bool fail(struct parser *p, const char *format, ...) PRINTF_LIKE(2, 3);

static bool fail(struct parser *p, const char *format, ...)
{
    char text[ERR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return err_set(p->err, ERR_SIGNATURE, ERR_NO_AT, "%s:%u: %s", p->file, p->shown_line, text);
}

/* ---- tokens ---- */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_name_byte(char c)
{
    return is_letter(c) || c == '-' || (c >= '0' && c <= '9');
}

/* Past white space and comments. */
static bool skip_blank(struct parser *p)
{
    while (p->at < p->end) {
        bool is_comment = p->end - p->at >= 2 && p->at[0] == '/';
        if (is_comment && p->at[1] == '/') {
            while (p->at < p->end && *p->at != '\n')
                p->at++;
        } else if (is_comment && p->at[1] == '*') {
            for (p->at += 2; p->end - p->at >= 2 && memcmp(p->at, "*/", 2) != 0; p->at++)
                p->line += *p->at == '\n';
            if (p->end - p->at < 2)
                return fail(p, "this comment does not end");
            p->at += 2;
        } else if (memchr(" \t\r\n", *p->at, 4) != NULL) {
            p->line += *p->at == '\n';
            p->at++;
        } else {
            return true;
        }
    }
    return true;
}

static bool next(struct parser *p)
{
    u32 former_line = p->token_line;
    p->shown_line = p->line;
    if (!skip_blank(p))
        return false;
    p->token_line = p->shown_line = p->line;
    p->token = (struct token){.text = {p->at, 0}};
    if (p->at == p->end) {
        p->shown_line = former_line;
        return true;
    }
    const char *from = p->at;
    p->token.is_escaped = *from == '%';
    from += p->token.is_escaped;
    const char *to = from;
    if (to < p->end && is_letter(*to)) {
        while (to < p->end && is_name_byte(*to))
            to++;
        p->token.kind = 'a';
    } else if (p->end - from >= 2 && memcmp(from, "->", 2) == 0) {
        to += 2;
        p->token.kind = '>';
        p->token.is_arrow = true;
    } else if (memchr(":;,(){}<>=", *p->at, 10) != NULL) {
        to++;
        p->token.kind = *p->at;
    } else {
        return fail(p, "a signature has no such character: 0x%02x", (u8)*p->at);
    }
    p->token.text = (struct rt_text){from, (u32)(to - from)};
    p->at = to;
    if (to - from > TYPED_NAME_MAX)
        return fail(p, "a name of more than %d bytes", TYPED_NAME_MAX);
    p->shown_line = former_line;
    return true;
}

static bool is_punctuation(const struct parser *p, char c)
{
    return p->token.kind == c && !p->token.is_arrow;
}

static bool is_word(const struct parser *p, const char *word)
{
    return p->token.kind == 'a' && !p->token.is_escaped && typed_text_equal(p->token.text, word);
}

static bool fail_expected(struct parser *p, const char *what)
{
    p->shown_line = p->token_line;
    if (p->token.kind == 0)
        return fail(p, "expected %s, the file ends", what);
    return fail(p, "expected %s, got %.*s", what, (int)p->token.text.len, p->token.text.bytes);
}

static bool expect(struct parser *p, char c)
{
    char what[] = {'"', c, '"', 0};
    return is_punctuation(p, c) ? next(p) : fail_expected(p, what);
}

static bool expect_name(struct parser *p, struct rt_text *out, const char *what)
{
    if (p->token.kind != 'a')
        return fail_expected(p, what);
    *out = p->token.text;
    return next(p);
}

/* ---- types ---- */

static struct typed_type *new_type(struct parser *p, enum typed_kind kind)
{
    struct typed_type *type = arena_array(p->arena, struct typed_type, 1);
    if (type == NULL)
        fail(p, "the signature is too large");
    else
        type->kind = kind;
    return type;
}

static bool parse_type(struct parser *p, const struct typed_type **out);

static bool check_type(struct parser *p, const struct typed_type *type)
{
    if (type->size > TYPED_CELL_MAX)
        return fail(p, "a type of %u bytes; the limit is %d (lists count 8)", type->size,
                    TYPED_CELL_MAX);
    if (type->depth > TYPED_DEPTH_MAX)
        return fail(p, "types are nested more than %d deep", TYPED_DEPTH_MAX);
    return true;
}

static bool parse_fields(struct parser *p, char end, bool has_names, struct typed_field **out,
                         u32 *count);

static bool parse_tuple(struct parser *p, const struct typed_type **out)
{
    struct typed_field *fields;
    u32 count;
    if (!expect(p, '<') || !parse_fields(p, '>', false, &fields, &count))
        return false;
    struct typed_type *type = new_type(p, TYPED_TUPLE);
    if (type == NULL)
        return false;
    if (count == 0)
        return fail(p, "a tuple needs a type in it");
    typed_record_lay_out(type, fields, count);
    *out = type;
    return true;
}

/* An option is laid out as a record of a byte and the value. */
static bool lay_out_option(struct parser *p, struct typed_type *type,
                           const struct typed_type *element)
{
    struct typed_field *fields = arena_array(p->arena, struct typed_field, 2);
    if (element->kind == TYPED_OPTION)
        return fail(p, "an option of an option: null would mean two things");
    if (fields == NULL)
        return fail(p, "the signature is too large");
    fields[0].type = typed_type_simple(TYPED_BOOL);
    fields[1].type = element;
    typed_record_lay_out(type, fields, 2);
    type->element = element;
    return true;
}

static bool parse_list_or_option(struct parser *p, enum typed_kind kind,
                                 const struct typed_type **out)
{
    const struct typed_type *element;
    if (!expect(p, '<') || !parse_type(p, &element) || !expect(p, '>'))
        return false;
    struct typed_type *type = new_type(p, kind);
    if (type == NULL)
        return false;
    *out = type;
    if (kind == TYPED_OPTION)
        return lay_out_option(p, type, element);
    typed_list_lay_out(type, element);
    return true;
}

static bool find_declared(struct parser *p, struct rt_text name, const struct typed_type **out)
{
    static const char *const others[] = {"result", "variant", "flags",  "resource", "own",
                                         "borrow", "stream",  "future", "map",      "i32",
                                         "i64",    "float",   "double", "int"};
    for (u32 i = 0; i < p->out->type_count; i++) {
        *out = p->out->types[i];
        if (typed_texts_equal(p->out->type_names[i], name))
            return true;
    }
    for (size_t i = 0; i < COUNT_OF(others); i++)
        if (typed_text_equal(name, others[i]))
            return fail(p,
                        "%s is no type here; there are bool, s8 to s64, u8 to u64, f32, f64, "
                        "char, string, list<T>, option<T>, tuple<T, ...>, record and enum",
                        others[i]);
    return fail(p, "there is no type %.*s (types are declared before they are used)", (int)name.len,
                name.bytes);
}

static bool parse_type_inner(struct parser *p, const struct typed_type **out)
{
    struct token token = p->token;
    if (token.kind != 'a')
        return fail_expected(p, "a type");
    if (!next(p))
        return false;
    if (!token.is_escaped && typed_text_equal(token.text, "list"))
        return parse_list_or_option(p, TYPED_LIST, out);
    if (!token.is_escaped && typed_text_equal(token.text, "option"))
        return parse_list_or_option(p, TYPED_OPTION, out);
    if (!token.is_escaped && typed_text_equal(token.text, "tuple"))
        return parse_tuple(p, out);
    *out = token.is_escaped ? NULL : typed_type_find_simple(token.text);
    return *out != NULL || find_declared(p, token.text, out);
}

static bool parse_type(struct parser *p, const struct typed_type **out)
{
    if (p->nesting >= NESTING_MAX)
        return fail(p, "types are nested more than %d deep", TYPED_DEPTH_MAX);
    p->nesting++;
    bool ok = parse_type_inner(p, out) && check_type(p, *out);
    p->nesting--;
    return ok;
}

/* ---- fields ---- */

static bool check_twice(struct parser *p, const struct typed_field *fields, u32 count)
{
    for (u32 i = 0; i < count; i++)
        if (typed_texts_equal(fields[i].name, fields[count].name))
            return fail(p, "%.*s is there twice", (int)fields[i].name.len, fields[i].name.bytes);
    return true;
}

static bool parse_field(struct parser *p, bool has_name, struct typed_field *field)
{
    *field = (struct typed_field){.name = {"", 0}};
    if (has_name && (!expect_name(p, &field->name, "a name") || !expect(p, ':')))
        return false;
    return parse_type(p, &field->type);
}

/* "a: f32, b: f32" up to the closing character; a comma may follow the last one. */
static bool parse_fields(struct parser *p, char end, bool has_names, struct typed_field **out,
                         u32 *count)
{
    struct typed_field fields[TYPED_FIELDS_MAX];
    u32 n = 0;
    while (!is_punctuation(p, end)) {
        if (n == TYPED_FIELDS_MAX)
            return fail(p, "more than %d of them", TYPED_FIELDS_MAX);
        if (!parse_field(p, has_names, &fields[n]) || (has_names && !check_twice(p, fields, n)))
            return false;
        n++;
        if (!is_punctuation(p, end) && !expect(p, ','))
            return false;
    }
    *out = arena_array(p->arena, struct typed_field, max_u64(n, 1));
    if (*out == NULL)
        return fail(p, "the signature is too large");
    if (n > 0)
        memcpy(*out, fields, n * sizeof *fields);
    *count = n;
    return next(p);
}

/* ---- declarations ---- */

static bool declare(struct parser *p, struct rt_text name, const struct typed_type *type)
{
    struct typed_signature *out = p->out;
    if (typed_type_find_simple(name) != NULL)
        return fail(p, "%.*s is a type already", (int)name.len, name.bytes);
    for (u32 i = 0; i < out->type_count; i++)
        if (typed_texts_equal(out->type_names[i], name))
            return fail(p, "%.*s is declared twice", (int)name.len, name.bytes);
    if (out->type_count == TYPED_TYPES_MAX)
        return fail(p, "more than %d types", TYPED_TYPES_MAX);
    out->types[out->type_count] = type;
    out->type_names[out->type_count++] = name;
    return true;
}

static bool parse_record(struct parser *p)
{
    struct rt_text name;
    struct typed_field *fields;
    u32 count;
    if (!expect_name(p, &name, "the record's name") || !expect(p, '{') ||
        !parse_fields(p, '}', true, &fields, &count))
        return false;
    struct typed_type *type = new_type(p, TYPED_RECORD);
    if (type == NULL)
        return false;
    if (count == 0)
        return fail(p, "record %.*s needs a field", (int)name.len, name.bytes);
    type->name = name;
    typed_record_lay_out(type, fields, count);
    return check_type(p, type) && declare(p, name, type);
}

static bool parse_cases(struct parser *p, struct typed_type *type)
{
    struct rt_text cases[TYPED_CASES_MAX];
    u32 n = 0;
    while (!is_punctuation(p, '}')) {
        if (n == TYPED_CASES_MAX)
            return fail(p, "more than %d cases", TYPED_CASES_MAX);
        if (!expect_name(p, &cases[n], "a case"))
            return false;
        for (u32 i = 0; i < n; i++)
            if (typed_texts_equal(cases[i], cases[n]))
                return fail(p, "%.*s is there twice", (int)cases[n].len, cases[n].bytes);
        n++;
        if (!is_punctuation(p, '}') && !expect(p, ','))
            return false;
    }
    struct rt_text *kept = arena_array(p->arena, struct rt_text, max_u64(n, 1));
    if (kept == NULL)
        return fail(p, "the signature is too large");
    if (n == 0)
        return fail(p, "enum %.*s needs a case", (int)type->name.len, type->name.bytes);
    memcpy(kept, cases, n * sizeof *cases);
    type->cases = kept;
    type->case_count = n;
    typed_enum_lay_out(type);
    return next(p);
}

static bool parse_enum(struct parser *p)
{
    struct typed_type *type = new_type(p, TYPED_ENUM);
    return type != NULL && expect_name(p, &type->name, "the enum's name") && expect(p, '{') &&
           parse_cases(p, type) && declare(p, type->name, type);
}

/* "type a = list<f32>;" names it anew; messages show what it is. */
static bool parse_alias(struct parser *p)
{
    struct rt_text name;
    const struct typed_type *type;
    return expect_name(p, &name, "the type's name") && expect(p, '=') && parse_type(p, &type) &&
           expect(p, ';') && declare(p, name, type);
}

/* ---- functions ---- */

static bool parse_result(struct parser *p, struct typed_signature_func *func)
{
    if (!p->token.is_arrow)
        return true;
    return next(p) && parse_type(p, &func->result);
}

static bool parse_func(struct parser *p)
{
    struct typed_signature *out = p->out;
    if (out->func_count == TYPED_FUNCS_MAX)
        return fail(p, "more than %d functions", TYPED_FUNCS_MAX);
    struct typed_signature_func *func = &out->funcs[out->func_count];
    *func = (struct typed_signature_func){.line = p->token_line};
    if (!expect_name(p, &func->name, "a function's name") || !expect(p, ':'))
        return false;
    if (!is_word(p, "func"))
        return fail_expected(p, "\"func\"");
    if (!next(p) || !expect(p, '(') ||
        !parse_fields(p, ')', true, &func->params, &func->param_count) || !parse_result(p, func) ||
        !expect(p, ';'))
        return false;
    for (u32 i = 0; i < out->func_count; i++)
        if (typed_texts_equal(out->funcs[i].name, func->name))
            return fail(p, "%.*s is declared twice", (int)func->name.len, func->name.bytes);
    out->func_count++;
    return true;
}

static bool parse_item(struct parser *p)
{
    static const struct {
        const char *word;
        bool (*parse)(struct parser *p);
    } items[] = {{"record", parse_record}, {"enum", parse_enum}, {"type", parse_alias}};
    for (size_t i = 0; i < COUNT_OF(items); i++)
        if (is_word(p, items[i].word))
            return next(p) && items[i].parse(p);
    if (is_word(p, "export") && !next(p))
        return false;
    return parse_func(p);
}

bool typed_signature_parse(struct typed_signature *out, struct rt_text text, const char *file,
                           struct arena *arena, struct err *err)
{
    struct parser p = {.at = text.bytes,
                       .end = text.bytes + text.len,
                       .file = file,
                       .line = 1,
                       .token_line = 1,
                       .shown_line = 1,
                       .arena = arena,
                       .err = err,
                       .out = out};
    *out = (struct typed_signature){0};
    out->funcs = arena_array(arena, struct typed_signature_func, TYPED_FUNCS_MAX);
    out->types = arena_array(arena, const struct typed_type *, TYPED_TYPES_MAX);
    out->type_names = arena_array(arena, struct rt_text, TYPED_TYPES_MAX);
    if (out->funcs == NULL || out->types == NULL || out->type_names == NULL)
        return fail(&p, "no memory for the signature");
    if (text.len > TYPED_SIGNATURE_MAX)
        return fail(&p, "the file has %u bytes; the limit is %d", text.len, TYPED_SIGNATURE_MAX);
    if (!next(&p))
        return false;
    while (p.token.kind != 0)
        if (!parse_item(&p))
            return false;
    return true;
}
