/*
 * wasm/validate_module.c -- indices, limits, constants and names of a module; then every function.
 * spec: core/valid/modules, core/valid/types
 */
#include "wasm/internal.h"
#include <stdlib.h>
#include <string.h>

#define PAGES_MAX 65536u /* of a memory with 32-bit addresses: 4 GiB */

static bool check_limits(const struct wasm_limits *limits, u64 at, const char *what,
                         struct err *err)
{
    if (limits->max != WASM_NO_MAX && limits->min > limits->max)
        return err_set(err, ERR_INVALID, at,
                       "%s: size minimum %llu must not be greater than maximum %llu", what,
                       (unsigned long long)limits->min, (unsigned long long)limits->max);
    return true;
}

static u64 import_offset(const struct wasm_module *m, u32 import)
{
    return import == WASM_NONE ? ERR_NO_AT : m->imports[import].offset;
}

static bool check_funcs(const struct wasm_module *m, struct err *err)
{
    for (u32 i = 0; i < m->func_count; i++)
        if (m->funcs[i].type >= m->type_count)
            return err_set(err, ERR_INVALID, import_offset(m, m->funcs[i].import),
                           "unknown type %u of function %u", m->funcs[i].type, i);
    return true;
}

static bool check_tables(const struct wasm_module *m, struct err *err)
{
    for (u32 i = 0; i < m->table_count; i++) {
        u64 at = import_offset(m, m->tables[i].import);
        if (!check_limits(&m->tables[i].limits, at, "table", err))
            return false;
    }
    return true;
}

static bool check_memories(const struct wasm_module *m, struct err *err)
{
    for (u32 i = 0; i < m->memory_count; i++) {
        const struct wasm_limits *limits = &m->memories[i].limits;
        u64 at = import_offset(m, m->memories[i].import);
        if (limits->min > PAGES_MAX || (limits->max != WASM_NO_MAX && limits->max > PAGES_MAX))
            return err_set(err, ERR_INVALID, at, "memory size must be at most %u pages (4 GiB)",
                           PAGES_MAX);
        if (!check_limits(limits, at, "memory", err))
            return false;
    }
    return true;
}

/* What one term of a constant names. It may read imported globals that never change; those of the
 * module itself came with a later proposal. visible_globals: those defined before it. */
static bool check_term(const struct wasm_module *m, const struct wasm_const *c, u32 visible_globals,
                       struct err *err)
{
    if (c->kind == WASM_CONST_REF_FUNC && c->index >= m->func_count)
        return err_set(err, ERR_INVALID, c->offset, "unknown function %u", c->index);
    if (c->kind == WASM_CONST_GLOBAL) {
        if (c->index >= visible_globals)
            return err_set(err, ERR_INVALID, c->offset, "unknown global %u in a constant",
                           c->index);
        if (m->globals[c->index].is_mutable)
            return err_set(err, ERR_INVALID, c->offset,
                           "constant expression required, but global %u is mutable", c->index);
        if (c->index >= m->global_import_count)
            return wasm_unsupported(err, c->offset, WASM_FEATURE_GC,
                                    "constant that reads a global of the module itself");
    }
    return true;
}

static bool check_const(const struct wasm_module *m, const struct wasm_const *c, u8 want,
                        u32 visible_globals, struct err *err)
{
    if (!check_term(m, c, visible_globals, err))
        return false;
    for (u32 i = 0; c->kind == WASM_CONST_TERMS && i < c->index; i++)
        if (!check_term(m, &c->terms[i], visible_globals, err))
            return false;
    if (c->type != want)
        return err_set(err, ERR_INVALID, c->offset,
                       "type mismatch in a constant: expected %s, found %s",
                       wasm_valtype_text(want), wasm_valtype_text(c->type));
    return true;
}

static bool check_globals(const struct wasm_module *m, struct err *err)
{
    for (u32 i = m->global_import_count; i < m->global_count; i++)
        if (!check_const(m, &m->globals[i].init, m->globals[i].type, i, err))
            return err_context(err, "global %u", i);
    return true;
}

static u32 space_count(const struct wasm_module *m, enum wasm_extern kind)
{
    switch (kind) {
    case WASM_EXTERN_FUNC: return m->func_count;
    case WASM_EXTERN_TABLE: return m->table_count;
    case WASM_EXTERN_MEMORY: return m->memory_count;
    case WASM_EXTERN_GLOBAL: return m->global_count;
    }
    return 0;
}

static int compare_export_names(const void *left, const void *right)
{
    const struct wasm_export *a = *(const struct wasm_export *const *)left;
    const struct wasm_export *b = *(const struct wasm_export *const *)right;
    size_t common = (size_t)min_u64(a->name.len, b->name.len);
    int order = common == 0 ? 0 : memcmp(a->name.bytes, b->name.bytes, common);
    return order != 0 ? order : (a->name.len > b->name.len) - (a->name.len < b->name.len);
}

/* Sorted, equal names are neighbours; unlike a hash, no choice of names makes this slow. */
static bool check_export_names(const struct wasm_module *m, struct arena *arena, struct err *err)
{
    const struct wasm_export **sorted =
        arena_array(arena, const struct wasm_export *, m->export_count);
    if (sorted == NULL)
        return err_set(err, ERR_LIMIT, ERR_NO_AT, "out of memory for %u exports", m->export_count);
    for (u32 i = 0; i < m->export_count; i++)
        sorted[i] = &m->exports[i];
    qsort(sorted, m->export_count, sizeof *sorted, compare_export_names);
    for (u32 i = 1; i < m->export_count; i++)
        if (compare_export_names(&sorted[i - 1], &sorted[i]) == 0)
            return err_set(err, ERR_INVALID, max_u64(sorted[i - 1]->offset, sorted[i]->offset),
                           "duplicate export name \"%.*s\"", (int)min_u64(sorted[i]->name.len, 64),
                           sorted[i]->name.bytes);
    return true;
}

static bool check_exports(const struct wasm_module *m, struct arena *arena, struct err *err)
{
    for (u32 i = 0; i < m->export_count; i++)
        if (m->exports[i].index >= space_count(m, m->exports[i].kind))
            return err_set(err, ERR_INVALID, m->exports[i].offset, "unknown %s %u in an export",
                           wasm_extern_text(m->exports[i].kind), m->exports[i].index);
    return check_export_names(m, arena, err);
}

static bool check_start(const struct wasm_module *m, struct err *err)
{
    if (m->start == WASM_NONE)
        return true;
    if (m->start >= m->func_count)
        return err_set(err, ERR_INVALID, ERR_NO_AT, "unknown function %u as start function",
                       m->start);
    const struct wasm_func_type *type = &m->types[m->funcs[m->start].type];
    if (type->param_count != 0 || type->result_count != 0)
        return err_set(err, ERR_INVALID, ERR_NO_AT,
                       "start function %u must have no parameters and no results", m->start);
    return true;
}

static bool check_elem(const struct wasm_module *m, const struct wasm_elem *elem, struct err *err)
{
    if (elem->mode == WASM_SEGMENT_ACTIVE) {
        if (elem->table >= m->table_count)
            return err_set(err, ERR_INVALID, elem->offset, "unknown table %u", elem->table);
        if (m->tables[elem->table].type != elem->type)
            return err_set(err, ERR_INVALID, elem->offset,
                           "type mismatch: elements are %s, those of table %u %s",
                           wasm_valtype_text(elem->type), elem->table,
                           wasm_valtype_text(m->tables[elem->table].type));
        if (!check_const(m, &elem->at, WASM_I32, m->global_count, err))
            return false;
    }
    for (u32 i = 0; i < elem->item_count; i++)
        if (!check_const(m, &elem->items[i], elem->type, m->global_count, err))
            return false;
    return true;
}

static bool check_segments(const struct wasm_module *m, struct err *err)
{
    for (u32 i = 0; i < m->elem_count; i++)
        if (!check_elem(m, &m->elems[i], err))
            return err_context(err, "element segment %u", i);
    for (u32 i = 0; i < m->data_count; i++) {
        const struct wasm_data *data = &m->data[i];
        if (data->mode != WASM_SEGMENT_ACTIVE)
            continue;
        if (data->memory >= m->memory_count)
            return err_set(err, ERR_INVALID, data->offset, "data segment %u: unknown memory %u", i,
                           data->memory);
        if (!check_const(m, &data->at, WASM_I32, m->global_count, err))
            return err_context(err, "data segment %u", i);
    }
    return true;
}

static bool check_code(const struct wasm_module *m, struct err *err)
{
    struct wasm_code_validator *v = wasm_code_validator_create(m);
    bool ok = true;
    for (u32 i = m->func_import_count; ok && i < m->func_count; i++) {
        const struct wasm_text *name = &m->funcs[i].name;
        ok = wasm_func_validate(v, i, err);
        if (!ok && name->len > 0)
            err_context(err, "function %u \"%.*s\"", i, (int)min_u64(name->len, 64), name->bytes);
        else if (!ok)
            err_context(err, "function %u", i);
    }
    wasm_code_validator_destroy(&v);
    return ok;
}

bool wasm_module_validate(const struct wasm_module *m, struct arena *arena, struct err *err)
{
    return check_funcs(m, err) && check_tables(m, err) && check_memories(m, err) &&
           check_globals(m, err) && check_exports(m, arena, err) && check_start(m, err) &&
           check_segments(m, err) && check_code(m, err);
}
