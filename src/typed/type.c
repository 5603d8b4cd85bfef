#include "base/check.h"
#include "typed/internal.h"
#include <string.h>

static const struct {
    const char *text;
    u32 bytes;
    u8 core;
} kinds[] = {
#define KIND(name, text, bytes, core) {text, bytes, core},
#include "typed/kind.def"
#undef KIND
};
static_assert(COUNT_OF(kinds) == TYPED_KIND_COUNT, "every kind has a row");

/* Numbers, bool, char: whole types by themselves. */
static const struct typed_type simple_types[] = {
#define KIND(word, text, bytes, core)                                                              \
    [TYPED_##word] = {                                                                             \
        .kind = TYPED_##word, .size = bytes, .align = bytes, .flat_count = 1, .depth = 1},
#include "typed/kind.def"
#undef KIND
};

static const struct typed_type string_type = {
    .kind = TYPED_STRING, .size = 8, .align = 4, .has_pointers = true, .flat_count = 2, .depth = 1};

const struct typed_type *typed_type_simple(enum typed_kind kind)
{
    CHECK(kinds[kind].core != 0 || kind == TYPED_STRING);
    return kind == TYPED_STRING ? &string_type : &simple_types[kind];
}

const struct typed_type *typed_type_find_simple(struct rt_text name)
{
    for (u32 i = 0; i <= TYPED_STRING; i++)
        if (i != TYPED_I32 && i != TYPED_I64 && typed_text_equal(name, kinds[i].text))
            return typed_type_simple((enum typed_kind)i);
    return NULL;
}

const struct typed_type *typed_type_core(u8 valtype)
{
    static const enum typed_kind numbers[] = {TYPED_I32, TYPED_I64, TYPED_F32, TYPED_F64};
    for (u32 i = 0; i < COUNT_OF(numbers); i++)
        if (kinds[numbers[i]].core == valtype)
            return &simple_types[numbers[i]];
    return NULL; /* a reference */
}

bool typed_text_equal(struct rt_text a, const char *b)
{
    return a.len == strlen(b) && memcmp(a.bytes, b, a.len) == 0;
}

bool typed_texts_equal(struct rt_text a, struct rt_text b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.bytes, b.bytes, a.len) == 0);
}

bool typed_is_number(const struct typed_type *type)
{
    return type->kind >= TYPED_S8 && type->kind <= TYPED_F64;
}

u8 typed_kind_core(const struct typed_type *type)
{
    return type->kind == TYPED_ENUM ? RT_I32 : kinds[type->kind].core;
}

const char *typed_kind_text(const struct typed_type *type)
{
    return kinds[type->kind].text;
}

void typed_record_lay_out(struct typed_type *type, struct typed_field *fields, u32 count)
{
    type->fields = fields;
    type->field_count = count;
    type->align = 1;
    type->depth = 1;
    for (u32 i = 0; i < count; i++) {
        const struct typed_type *part = fields[i].type;
        fields[i].at = (u32)round_up(type->size, part->align);
        type->size = fields[i].at + part->size;
        type->align = (u32)max_u64(type->align, part->align);
        type->flat_count += part->flat_count;
        type->depth = (u32)max_u64(type->depth, part->depth + 1);
        type->has_pointers |= part->has_pointers;
    }
    type->size = (u32)round_up(type->size, type->align);
}

void typed_list_lay_out(struct typed_type *type, const struct typed_type *element)
{
    type->element = element;
    type->size = 8;
    type->align = 4;
    type->flat_count = 2;
    type->depth = element->depth + 1;
    type->has_pointers = true;
}

void typed_enum_lay_out(struct typed_type *type)
{
    type->size = type->align = type->flat_count = type->depth = 1;
}

/* ---- text ---- */

void typed_type_write(const struct typed_type *type, struct buf *out)
{
    if (type->name.len > 0) {
        buf_add(out, type->name.bytes, type->name.len);
        return;
    }
    buf_add_text(out, kinds[type->kind].text);
    if (type->element != NULL) {
        buf_add_byte(out, '<');
        typed_type_write(type->element, out);
        buf_add_byte(out, '>');
    } else if (type->kind == TYPED_TUPLE) {
        for (u32 i = 0; i < type->field_count; i++) {
            buf_add_text(out, i == 0 ? "<" : ", ");
            typed_type_write(type->fields[i].type, out);
        }
        buf_add_byte(out, '>');
    }
}

void typed_func_write(const struct typed_func *func, struct buf *out)
{
    buf_add(out, func->exported->name.bytes, func->exported->name.len);
    buf_add_byte(out, '(');
    for (u32 i = 0; i < func->params.field_count; i++) {
        const struct typed_field *param = &func->params.fields[i];
        buf_add_text(out, i == 0 ? "" : ", ");
        buf_add(out, param->name.bytes, param->name.len);
        buf_add_text(out, ": ");
        typed_type_write(param->type, out);
    }
    buf_add_byte(out, ')');
    if (func->result != NULL) {
        buf_add_text(out, " -> ");
        typed_type_write(func->result, out);
    }
}
