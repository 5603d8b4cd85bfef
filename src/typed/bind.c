/*
 * typed/bind.c -- what a module's functions take: the signature held against their core types.
 *
 * The core type tells the convention. Each of the (at most) nine ways to pass the parameters and to
 * return the result has its own core type, so at most one fits; docs/typed.md lists them.
 */
#include "base/check.h"
#include "typed/internal.h"
#include <stdio.h>
#include <string.h>

#define FLAT_PARAMS_MAX 16 /* CanonicalABI, MAX_FLAT_PARAMS */

/* A core type that a signature may have. */
struct shape {
    u8 params[ABI_VALUES_MAX + 1], results[ABI_VALUES_MAX];
    u32 param_count, result_count;
};

bool typed_is_by_pointer(const struct typed_type *type)
{
    bool is_struct =
        type->kind == TYPED_RECORD || type->kind == TYPED_TUPLE || type->kind == TYPED_OPTION;
    return is_struct && type->flat_count > 1;
}

/* The parameters' part of a shape. False: this way is not open to them. */
static bool add_params(struct shape *shape, const struct typed_func *func, enum typed_pass pass)
{
    bool has_struct = false;
    u32 flat_count = func->params.flat_count;
    if (pass == TYPED_PASS_SPILLED && flat_count <= FLAT_PARAMS_MAX)
        return false;
    if (pass == TYPED_PASS_FLAT && flat_count > ABI_VALUES_MAX)
        return false;
    if (pass == TYPED_PASS_SPILLED) {
        shape->params[shape->param_count++] = RT_I32;
        return true;
    }
    for (u32 i = 0; i < func->params.field_count; i++) {
        const struct typed_type *type = func->params.fields[i].type;
        bool is_pointer = pass == TYPED_PASS_POINTER && typed_is_by_pointer(type);
        has_struct |= is_pointer;
        if (is_pointer)
            shape->params[shape->param_count++] = RT_I32;
        else
            shape->param_count += typed_flat_types(type, shape->params + shape->param_count);
    }
    return pass == TYPED_PASS_FLAT || has_struct;
}

static bool shape_make(struct shape *shape, const struct typed_func *func, enum typed_pass pass,
                       enum typed_return returns)
{
    const struct typed_type *result = func->result;
    shape->param_count = shape->result_count = 0;
    if (returns == TYPED_RETURN_VALUES) {
        if (result != NULL && result->flat_count > ABI_VALUES_MAX)
            return false;
        if (result != NULL)
            shape->result_count = typed_flat_types(result, shape->results);
        return add_params(shape, func, pass);
    }
    if (result == NULL || result->flat_count == 1)
        return false;
    if (returns == TYPED_RETURN_HIDDEN)
        shape->params[shape->param_count++] = RT_I32;
    else
        shape->results[shape->result_count++] = RT_I32;
    return add_params(shape, func, pass);
}

static bool types_equal(const u8 *a, const u8 *b, u32 count)
{
    return count == 0 || memcmp(a, b, count) == 0;
}

static bool shape_fits(const struct shape *shape, const struct rt_func_type *type)
{
    return shape->param_count == type->param_count && shape->result_count == type->result_count &&
           types_equal(shape->params, type->params, type->param_count) &&
           types_equal(shape->results, type->results, type->result_count);
}

/* ---- messages ---- */

static void write_types(const u8 *types, u32 count, struct buf *out)
{
    for (u32 i = 0; i < count; i++)
        buf_add_format(out, "%s%s", i == 0 ? "" : ", ", rt_valtype_text(types[i]));
}

static void write_core(const u8 *params, u32 param_count, const u8 *results, u32 result_count,
                       struct buf *out)
{
    buf_add_byte(out, '(');
    write_types(params, param_count, out);
    buf_add_byte(out, ')');
    if (result_count > 0)
        buf_add_text(out, " -> ");
    write_types(results, result_count, out);
}

/* "list<f32>, s32" would be read from any of these: the C ABI's come first. */
static bool fail_shape(const struct typed_func *func, const char *file, u32 line,
                       struct shape *shape, struct err *err)
{
    static const enum typed_pass passes[] = {TYPED_PASS_POINTER, TYPED_PASS_FLAT,
                                             TYPED_PASS_SPILLED};
    const struct rt_func_type *core = func->exported->type;
    struct buf text;
    buf_init(&text, ERR_TEXT_MAX);
    typed_func_write(func, &text);
    for (u32 i = 0, count = 0; i < COUNT_OF(passes); i++) {
        for (u32 k = TYPED_RETURN_VALUES; k <= TYPED_RETURN_POINTER; k++) {
            bool is_usual =
                func->result == NULL || func->result->flat_count == 1 || k != TYPED_RETURN_VALUES;
            if (!is_usual || !shape_make(shape, func, passes[i], (enum typed_return)k))
                continue;
            buf_add_text(&text, count++ == 0 ? " is compiled to " : " or ");
            write_core(shape->params, shape->param_count, shape->results, shape->result_count,
                       &text);
        }
    }
    buf_add_text(&text, "; the module has ");
    write_core(core->params, core->param_count, core->results, core->result_count, &text);
    err_set(err, ERR_SIGNATURE, ERR_NO_AT, "%s:%u: %.*s", file, line, (int)text.len, text.bytes);
    buf_fini(&text);
    return false;
}

/* ---- one function ---- */

static bool find_allocator(const struct rt_module *module, struct typed_func *func)
{
    static const struct {
        const char *name;
        u32 param_count;
    } allocators[] = {{"malloc", 1}, {"cabi_realloc", 4}};
    for (u32 i = 0; i < COUNT_OF(allocators); i++) {
        const struct rt_export *found =
            rt_module_export_find(module, allocators[i].name, strlen(allocators[i].name));
        if (found == NULL || found->kind != RT_EXTERN_FUNC ||
            found->type->param_count != allocators[i].param_count ||
            found->type->result_count != 1 || found->type->results[0] != RT_I32)
            continue;
        u32 whole = 0;
        while (whole < found->type->param_count && found->type->params[whole] == RT_I32)
            whole++;
        if (whole < found->type->param_count)
            continue;
        func->allocator = found->index;
        func->uses_realloc = i == 1;
        return true;
    }
    return false;
}

static bool allocates(const struct typed_func *func)
{
    bool has_struct = func->pass == TYPED_PASS_SPILLED;
    for (u32 i = 0; i < func->params.field_count; i++)
        has_struct |=
            func->pass == TYPED_PASS_POINTER && typed_is_by_pointer(func->params.fields[i].type);
    return has_struct || func->params.has_pointers || func->returns == TYPED_RETURN_HIDDEN;
}

static bool find_shape(struct typed_func *func, struct shape *shape)
{
    for (u32 pass = TYPED_PASS_FLAT; pass <= TYPED_PASS_SPILLED; pass++) {
        for (u32 returns = TYPED_RETURN_VALUES; returns <= TYPED_RETURN_POINTER; returns++) {
            func->pass = (enum typed_pass)pass;
            func->returns = (enum typed_return)returns;
            if (shape_make(shape, func, func->pass, func->returns) &&
                shape_fits(shape, func->exported->type))
                return true;
        }
    }
    return false;
}

static bool bind(struct typed_func *func, const struct rt_module *module,
                 const struct typed_signature_func *from, const char *file, struct err *err)
{
    struct shape shape;
    func->has_signature = true;
    func->result = from->result;
    func->params = (struct typed_type){.kind = TYPED_RECORD};
    typed_record_lay_out(&func->params, from->params, from->param_count);
    if (func->params.size > TYPED_PARAMS_MAX)
        return err_set(err, ERR_SIGNATURE, ERR_NO_AT,
                       "%s:%u: the parameters have %u bytes; the limit is %d", file, from->line,
                       func->params.size, TYPED_PARAMS_MAX);
    if (!find_shape(func, &shape))
        return fail_shape(func, file, from->line, &shape, err);
    bool needs_memory = allocates(func);
    func->needs_driver = needs_memory || func->returns != TYPED_RETURN_VALUES ||
                         (func->result != NULL && func->result->has_pointers);
    if (!needs_memory || find_allocator(module, func))
        return true;
    return err_set(err, ERR_SIGNATURE, ERR_NO_AT,
                   "%s:%u: %.*s needs memory in the module: export malloc (clang: "
                   "-Wl,--export=malloc, emcc: -sEXPORTED_FUNCTIONS=_malloc) or cabi_realloc",
                   file, from->line, (int)from->name.len, from->name.bytes);
}

/* ---- functions of numbers ---- */

static struct rt_text param_name(const struct rt_export *exported, u32 index, struct arena *arena)
{
    char made_up[16];
    if (index < exported->param_name_count && exported->param_names[index].len > 0)
        return exported->param_names[index];
    int len = snprintf(made_up, sizeof made_up, "p%u", index);
    return (struct rt_text){arena_text(arena, made_up, (size_t)len), (u32)len};
}

/* Fields of a record of core types; NULL: one is a reference, or *has_memory is false. */
static struct typed_field *core_fields(const u8 *types, u32 count, struct arena *arena,
                                       bool *has_memory)
{
    struct typed_field *fields = arena_array(arena, struct typed_field, max_u64(count, 1));
    *has_memory = fields != NULL;
    for (u32 i = 0; fields != NULL && i < count; i++) {
        fields[i] = (struct typed_field){.name = {"", 0}, .type = typed_type_core(types[i])};
        if (fields[i].type == NULL)
            return NULL;
    }
    return fields;
}

/* The function as its core type says. *is_callable false: it takes or returns references. */
static bool make_plain(struct typed_func *func, struct arena *arena, bool *is_callable)
{
    const struct rt_func_type *core = func->exported->type;
    bool has_memory;
    struct typed_field *results =
        core_fields(core->results, core->result_count, arena, &has_memory);
    struct typed_field *params =
        results == NULL ? NULL : core_fields(core->params, core->param_count, arena, &has_memory);
    *is_callable = params != NULL;
    if (params == NULL)
        return has_memory;
    for (u32 i = 0; i < core->param_count; i++)
        params[i].name = param_name(func->exported, i, arena);
    func->params.kind = TYPED_RECORD;
    typed_record_lay_out(&func->params, params, core->param_count);
    if (core->result_count == 1)
        func->result = results[0].type;
    if (core->result_count < 2)
        return true;
    struct typed_type *tuple = arena_array(arena, struct typed_type, 1);
    if (tuple == NULL)
        return false;
    tuple->kind = TYPED_TUPLE;
    typed_record_lay_out(tuple, results, core->result_count);
    func->result = tuple;
    return true;
}

/* ---- the module ---- */

/* WIT has "-" in names where C has "_". */
static bool names_fit(struct rt_text wit, struct rt_text exported)
{
    if (wit.len != exported.len)
        return false;
    for (u32 i = 0; i < wit.len; i++)
        if (wit.bytes[i] != exported.bytes[i] && (wit.bytes[i] != '-' || exported.bytes[i] != '_'))
            return false;
    return true;
}

static const struct typed_signature_func *find_signature(const struct typed_signature *signature,
                                                         struct rt_text name)
{
    for (u32 i = 0; i < signature->func_count; i++)
        if (names_fit(signature->funcs[i].name, name))
            return &signature->funcs[i];
    return NULL;
}

/* Every function of the signature is one of the module's. */
static bool check_exported(const struct typed_signature *signature, const struct rt_export *exports,
                           u32 export_count, const char *file, struct err *err)
{
    for (u32 i = 0; i < signature->func_count; i++) {
        const struct typed_signature_func *func = &signature->funcs[i];
        u32 k = 0;
        while (k < export_count &&
               (exports[k].kind != RT_EXTERN_FUNC || !names_fit(func->name, exports[k].name)))
            k++;
        if (k == export_count)
            return err_set(err, ERR_SIGNATURE, ERR_NO_AT,
                           "%s:%u: the module exports no function %.*s", file, func->line,
                           (int)func->name.len, func->name.bytes);
    }
    return true;
}

static bool add_export(struct typed_module *out, const struct rt_module *module,
                       const struct rt_export *exported, const struct typed_signature *signature,
                       const char *file, struct arena *arena, struct err *err)
{
    struct typed_func *func = &out->funcs[out->count];
    const struct typed_signature_func *from =
        signature == NULL ? NULL : find_signature(signature, exported->name);
    bool is_callable = true;
    *func = (struct typed_func){.exported = exported};
    if (from != NULL && !bind(func, module, from, file, err))
        return false;
    if (from == NULL && !make_plain(func, arena, &is_callable))
        return err_set(err, ERR_LIMIT, ERR_NO_AT, "the module exports too much");
    out->count += is_callable;
    return true;
}

bool typed_module_make(struct typed_module *out, const struct rt_module *module,
                       struct rt_text text, const char *file, struct arena *arena, struct err *err)
{
    struct typed_signature signature = {0};
    struct typed_module made = {0};
    u32 export_count;
    const struct rt_export *exports = rt_module_exports(module, &export_count);
    if (text.bytes != NULL && (!typed_signature_parse(&signature, text, file, arena, err) ||
                               !check_exported(&signature, exports, export_count, file, err)))
        return false;
    made.types = signature.types;
    made.type_count = signature.type_count;
    made.funcs = arena_array(arena, struct typed_func, max_u64(export_count, 1));
    if (made.funcs == NULL)
        return err_set(err, ERR_LIMIT, ERR_NO_AT, "the module exports too much");
    for (u32 i = 0; i < export_count; i++)
        if (exports[i].kind == RT_EXTERN_FUNC &&
            !add_export(&made, module, &exports[i], text.bytes == NULL ? NULL : &signature, file,
                        arena, err))
            return false;
    *out = made;
    return true;
}

const struct typed_func *typed_func_find(const struct typed_module *module, const char *name,
                                         size_t name_len)
{
    for (u32 i = 0; i < module->count; i++) {
        struct rt_text own = module->funcs[i].exported->name;
        if (own.len == name_len && memcmp(own.bytes, name, name_len) == 0)
            return &module->funcs[i];
    }
    return NULL;
}
