#include "typed/typed.h"
#include "base/check.h"
#include "typed/internal.h"
#include <stdlib.h>
#include <string.h>

static bool are_numbers(const u8 *types, u32 count)
{
    for (u32 i = 0; i < count; i++)
        if (types[i] != RT_I32 && types[i] != RT_I64 && types[i] != RT_F32 && types[i] != RT_F64)
            return false;
    return true;
}

bool typed_is_callable(const struct rt_func_type *type)
{
    return are_numbers(type->params, type->param_count) &&
           are_numbers(type->results, type->result_count);
}

static void typed_param_name(const struct rt_export *func, u32 index, struct buf *out)
{
    if (index < func->param_name_count && func->param_names[index].len > 0)
        buf_add(out, func->param_names[index].bytes, func->param_names[index].len);
    else
        buf_add_format(out, "p%u", index);
}

void typed_signature_write(const struct rt_export *func, struct buf *out)
{
    const struct rt_func_type *type = func->type;
    buf_add(out, func->name.bytes, func->name.len);
    buf_add_byte(out, '(');
    for (u32 i = 0; i < type->param_count; i++) {
        buf_add_text(out, i == 0 ? "" : ", ");
        typed_param_name(func, i, out);
        buf_add_format(out, ": %s", rt_valtype_text(type->params[i]));
    }
    buf_add_byte(out, ')');
    for (u32 i = 0; i < type->result_count; i++)
        buf_add_format(out, "%s%s", i == 0 ? " -> " : ", ", rt_valtype_text(type->results[i]));
}

static void typed_value_write(u8 type, const union abi_value *value, struct buf *out)
{
    char text[TYPED_NUMBER_MAX];
    const char *quote =
        type == RT_I64 && (value->i64 > ((i64)1 << 53) || value->i64 < -((i64)1 << 53)) ? "\"" : "";
    if (type == RT_F32)
        buf_add(out, text, typed_f32_put(value->f32, text));
    else if (type == RT_F64)
        buf_add(out, text, typed_f64_put(value->f64, text));
    else {
        buf_add_text(out, quote);
        buf_add_i64(out, type == RT_I32 ? value->i32 : value->i64);
        buf_add_text(out, quote);
    }
}

void typed_results_write(const struct rt_func_type *type, const union abi_value *values,
                         struct buf *out)
{
    if (type->result_count == 0)
        buf_add_text(out, "null");
    if (type->result_count > 1)
        buf_add_byte(out, '[');
    for (u32 i = 0; i < type->result_count; i++) {
        buf_add_text(out, i == 0 ? "" : ",");
        typed_value_write(type->results[i], &values[i], out);
    }
    if (type->result_count > 1)
        buf_add_byte(out, ']');
}

/* "0x1f" besides decimal. */
static bool parse_integer(const char *text, unsigned bits, u64 *out)
{
    if (text[0] != '0' || (text[1] != 'x' && text[1] != 'X'))
        return typed_integer_parse((struct typed_text){text, strlen(text)}, bits, out);
    size_t digits = strspn(text + 2, "0123456789abcdefABCDEF");
    if (digits == 0 || digits > bits / 4 || text[2 + digits] != 0)
        return false;
    *out = strtoull(text + 2, NULL, 16);
    return true;
}

static bool parse_argument(u8 type, const char *text, union abi_value *out)
{
    char *end;
    switch ((enum rt_valtype)type) {
    case RT_I32:
    case RT_I64: return parse_integer(text, type == RT_I32 ? 32 : 64, &out->u64);
    case RT_F32: out->f32 = strtof(text, &end); break;
    case RT_F64: out->f64 = strtod(text, &end); break;
    case RT_FUNCREF:
    case RT_EXTERNREF:
    default: UNREACHABLE();
    }
    return end != text && *end == 0;
}

bool typed_argument_read(const struct rt_export *func, u32 index, const char *text,
                         union abi_value *out, struct err *err)
{
    CHECK(index < func->type->param_count);
    *out = (union abi_value){0};
    if (parse_argument(func->type->params[index], text, out))
        return true;
    struct buf name;
    buf_init(&name, ERR_TEXT_MAX);
    typed_param_name(func, index, &name);
    err_set(err, ERR_ARGUMENT, ERR_NO_AT, "parameter %.*s (number %u): expected %s, got \"%s\"",
            (int)name.len, name.bytes, index + 1, rt_valtype_text(func->type->params[index]), text);
    buf_fini(&name);
    return false;
}
