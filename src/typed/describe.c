/*
 * typed/describe.c -- types for people and tools: examples, and JSON Schema.
 *
 * Spec: JSON Schema 2020-12, which OpenAPI 3.1 uses.
 */
#include "base/check.h"
#include "typed/internal.h"
#include <string.h>

#define EXAMPLE_BYTES 512 /* longer examples have no more elements in their lists */
#define EXACT_INTEGER "9007199254740992"

/* ---- examples ---- */

static void add_number_example(const struct typed_type *type, u32 number, struct buf *out)
{
    bool is_float = type->kind == TYPED_F32 || type->kind == TYPED_F64;
    buf_add_format(out, is_float ? "%u.5" : "%u", number);
}

static void add_list_example(const struct typed_type *type, u32 number, u32 count, size_t from,
                             struct buf *out);
static void add_fields_example(const struct typed_type *type, u32 number, size_t from,
                               struct buf *out);

/* from: where the whole example starts. number: makes them differ. */
static void add_example(const struct typed_type *type, u32 number, size_t from, struct buf *out)
{
    bool is_long = out->len - from > EXAMPLE_BYTES;
    if (typed_is_number(type)) {
        add_number_example(type, number, out);
        return;
    }
    if (type->kind == TYPED_OPTION && is_long)
        buf_add_text(out, "null");
    else if (type->kind == TYPED_OPTION)
        add_example(type->element, number, from, out);
    else if (type->kind == TYPED_LIST)
        add_list_example(type, number, is_long ? 0 : 2, from, out);
    else if (type->kind == TYPED_RECORD || type->kind == TYPED_TUPLE)
        add_fields_example(type, number, from, out);
    else if (type->kind == TYPED_ENUM)
        buf_add_json_string(out, type->cases[0].bytes, type->cases[0].len);
    else
        buf_add_text(out, type->kind == TYPED_BOOL   ? "true"
                          : type->kind == TYPED_CHAR ? "\"a\""
                                                     : "\"text\"");
}

static void add_list_example(const struct typed_type *type, u32 number, u32 count, size_t from,
                             struct buf *out)
{
    buf_add_byte(out, '[');
    for (u32 i = 0; i < count; i++) {
        buf_add_text(out, i == 0 ? "" : ",");
        add_example(type->element, number + i, from, out);
    }
    buf_add_byte(out, ']');
}

static void add_fields_example(const struct typed_type *type, u32 number, size_t from,
                               struct buf *out)
{
    bool is_record = type->kind == TYPED_RECORD;
    buf_add_byte(out, is_record ? '{' : '[');
    for (u32 i = 0; i < type->field_count; i++) {
        struct rt_text name = type->fields[i].name;
        buf_add_text(out, i == 0 ? "" : ",");
        if (is_record) {
            buf_add_json_string(out, name.bytes, name.len);
            buf_add_byte(out, ':');
        }
        add_example(type->fields[i].type, number + i, from, out);
    }
    buf_add_byte(out, is_record ? '}' : ']');
}

void typed_type_example_write(const struct typed_type *type, u32 number, struct buf *out)
{
    add_example(type, number, out->len, out);
}

void typed_example_write(const struct typed_func *func, struct buf *out)
{
    size_t from = out->len;
    buf_add_byte(out, '[');
    for (u32 i = 0; i < func->params.field_count; i++) {
        buf_add_text(out, i == 0 ? "" : ",");
        add_example(func->params.fields[i].type, i + 1, from, out);
    }
    buf_add_byte(out, ']');
}

/* ---- schemas ---- */

static void add_integer_schema(const char *min, const char *max, struct buf *out)
{
    buf_add_format(out, "{\"type\":\"integer\",\"minimum\":%s,\"maximum\":%s}", min, max);
}

static void add_long_schema(bool is_unsigned, struct buf *out)
{
    buf_add_text(out, "{\"anyOf\":[");
    add_integer_schema(is_unsigned ? "0" : "-" EXACT_INTEGER, EXACT_INTEGER, out);
    buf_add_format(out, ",{\"type\":\"string\",\"pattern\":\"^%s[0-9]{1,20}$\"}]}",
                   is_unsigned ? "" : "-?");
}

static void add_fields_schema(const struct typed_type *type, const char *prefix, struct buf *out)
{
    u32 required = 0;
    buf_add_text(out, "{\"type\":\"object\",\"properties\":{");
    for (u32 i = 0; i < type->field_count; i++) {
        struct rt_text name = type->fields[i].name;
        buf_add_text(out, i == 0 ? "" : ",");
        buf_add_json_string(out, name.bytes, name.len);
        buf_add_byte(out, ':');
        typed_schema_write(type->fields[i].type, prefix, out);
    }
    buf_add_text(out, "},\"required\":[");
    for (u32 i = 0; i < type->field_count; i++) {
        struct rt_text name = type->fields[i].name;
        if (type->fields[i].type->kind == TYPED_OPTION)
            continue;
        buf_add_text(out, required++ == 0 ? "" : ",");
        buf_add_json_string(out, name.bytes, name.len);
    }
    buf_add_text(out, "],\"additionalProperties\":false}");
}

/* An array of exactly these. */
static void add_items_schema(const struct typed_type *type, const char *prefix, struct buf *out)
{
    buf_add_text(out, "{\"type\":\"array\",");
    for (u32 i = 0; i < type->field_count; i++) {
        buf_add_text(out, i == 0 ? "\"prefixItems\":[" : ",");
        typed_schema_write(type->fields[i].type, prefix, out);
    }
    buf_add_format(out, "%s\"items\":false,\"minItems\":%u}", type->field_count > 0 ? "]," : "",
                   type->field_count);
}

static void add_enum_schema(const struct typed_type *type, struct buf *out)
{
    buf_add_text(out, "{\"type\":\"string\",\"enum\":");
    for (u32 i = 0; i < type->case_count; i++) {
        buf_add_byte(out, i == 0 ? '[' : ',');
        buf_add_json_string(out, type->cases[i].bytes, type->cases[i].len);
    }
    buf_add_text(out, "]}");
}

void typed_schema_write_declared(const struct typed_type *type, const char *prefix, struct buf *out)
{
    switch (type->kind) {
    case TYPED_BOOL: buf_add_text(out, "{\"type\":\"boolean\"}"); return;
    case TYPED_S8: add_integer_schema("-128", "127", out); return;
    case TYPED_U8: add_integer_schema("0", "255", out); return;
    case TYPED_S16: add_integer_schema("-32768", "32767", out); return;
    case TYPED_U16: add_integer_schema("0", "65535", out); return;
    case TYPED_S32: add_integer_schema("-2147483648", "2147483647", out); return;
    case TYPED_U32: add_integer_schema("0", "4294967295", out); return;
    case TYPED_I32: add_integer_schema("-2147483648", "4294967295", out); return;
    case TYPED_S64:
    case TYPED_I64: add_long_schema(false, out); return;
    case TYPED_U64: add_long_schema(true, out); return;
    case TYPED_F32:
    case TYPED_F64:
        buf_add_text(out, "{\"anyOf\":[{\"type\":\"number\"},{\"enum\":[\"NaN\",\"Infinity\","
                          "\"-Infinity\"]}]}");
        return;
    case TYPED_CHAR:
        buf_add_text(out, "{\"type\":\"string\",\"minLength\":1,\"maxLength\":1}");
        return;
    case TYPED_STRING: buf_add_text(out, "{\"type\":\"string\"}"); return;
    case TYPED_LIST:
        buf_add_text(out, "{\"type\":\"array\",\"items\":");
        typed_schema_write(type->element, prefix, out);
        buf_add_byte(out, '}');
        return;
    case TYPED_RECORD: add_fields_schema(type, prefix, out); return;
    case TYPED_TUPLE: add_items_schema(type, prefix, out); return;
    case TYPED_OPTION:
        buf_add_text(out, "{\"anyOf\":[{\"type\":\"null\"},");
        typed_schema_write(type->element, prefix, out);
        buf_add_text(out, "]}");
        return;
    case TYPED_ENUM: add_enum_schema(type, out); return;
    case TYPED_KIND_COUNT: break;
    }
    UNREACHABLE();
}

void typed_schema_write(const struct typed_type *type, const char *prefix, struct buf *out)
{
    if (type->name.len > 0)
        buf_add_format(out, "{\"$ref\":\"%s%.*s\"}", prefix, (int)type->name.len, type->name.bytes);
    else
        typed_schema_write_declared(type, prefix, out);
}

void typed_schema_write_body(const struct typed_func *func, const char *prefix, struct buf *out)
{
    buf_add_text(out, "{\"anyOf\":[");
    add_items_schema(&func->params, prefix, out);
    buf_add_byte(out, ',');
    add_fields_schema(&func->params, prefix, out);
    buf_add_text(out, "]}");
}
