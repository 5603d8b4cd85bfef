/*
 * runtime/module_file.c -- the module file of an artifact, decoded (layout: abi/artifact.h).
 *
 * The bytes have a right MAC, so they come from our compiler; they are read as if they did not.
 */
#include "runtime/internal.h"
#include <string.h>
#include "base/reader.h"

#define TEXT_MAX 100000u

struct decoder {
    struct reader r;
    struct arena *arena;
    struct rt_module_file *file;
    size_t len;
};

/* count zeroed items in the arena; a failed reader yields NULL and no items are read. */
static void *items(struct decoder *d, u32 *count, size_t size, size_t min_bytes, const char *what)
{
    *count = read_u32_le(&d->r);
    if (*count > reader_left(&d->r) / min_bytes) {
        reader_fail(&d->r, ERR_ARTIFACT, "module file: more %s than bytes", what);
        *count = 0;
        return NULL;
    }
    void *list = arena_array_try(d->arena, *count, size);
    if (list == NULL && *count > 0) {
        reader_fail(&d->r, ERR_LIMIT, "module file: too many %s", what);
        *count = 0;
    }
    return list;
}

static struct rt_text read_text(struct decoder *d)
{
    u32 len = read_u32_le(&d->r);
    if (len > TEXT_MAX) {
        reader_fail(&d->r, ERR_ARTIFACT, "module file: text too long");
        return (struct rt_text){0};
    }
    const u8 *bytes = read_bytes(&d->r, len);
    return (struct rt_text){.bytes = (const char *)bytes, .len = bytes == NULL ? 0 : len};
}

/* A u32 below limit. */
static u32 read_index(struct decoder *d, u64 limit, const char *what)
{
    u32 index = read_u32_le(&d->r);
    if (index < limit)
        return index;
    reader_fail(&d->r, ERR_ARTIFACT, "module file: no %s %u", what, index);
    return 0;
}

static bool is_ref(u8 type)
{
    return type == RT_FUNCREF || type == RT_EXTERNREF;
}

static u8 read_valtype(struct decoder *d)
{
    u8 type = read_byte(&d->r);
    if ((type < RT_F64 || type > RT_I32) && !is_ref(type))
        reader_fail(&d->r, ERR_ARTIFACT, "module file: no value type 0x%02x", type);
    return type;
}

static const u8 *read_valtypes(struct decoder *d, u32 *count)
{
    *count = read_u32_le(&d->r);
    if (*count > ABI_VALUES_MAX || *count > reader_left(&d->r)) {
        reader_fail(&d->r, ERR_ARTIFACT, "module file: too many values");
        *count = 0;
    }
    const u8 *types = d->r.bytes + d->r.at;
    for (u32 i = 0; i < *count && reader_ok(&d->r); i++)
        read_valtype(d);
    return types;
}

static struct rt_limits read_limits(struct decoder *d)
{
    struct rt_limits limits = {.min = read_u64_le(&d->r), .max = read_u64_le(&d->r)};
    if (limits.min > limits.max)
        reader_fail(&d->r, ERR_ARTIFACT, "module file: limits the wrong way round");
    return limits;
}

static struct rt_table_type read_table(struct decoder *d)
{
    struct rt_table_type table = {.reftype = read_byte(&d->r)};
    table.limits = read_limits(d);
    if (!is_ref(table.reftype))
        reader_fail(&d->r, ERR_ARTIFACT, "module file: table of no reference type");
    if (table.limits.min > UINT32_MAX)
        reader_fail(&d->r, ERR_ARTIFACT, "module file: table of more than 2^32 - 1 elements");
    return table;
}

static struct rt_memory_type read_memory(struct decoder *d)
{
    struct rt_memory_type memory = {.limits = read_limits(d)};
    memory.kind = read_u32_le(&d->r);
    if (memory.kind != 0 || memory.limits.min > 4 * GIB / ABI_PAGE_BYTES)
        reader_fail(&d->r, ERR_ARTIFACT, "module file: memory of an unknown kind or size");
    return memory;
}

static struct rt_global_type read_global_type(struct decoder *d)
{
    struct rt_global_type type = {.valtype = read_valtype(d)};
    type.is_mutable = read_byte(&d->r) != 0;
    return type;
}

/* Index spaces: imported things first. Complete once the lists before `exports` are read. */
static u64 space(const struct decoder *d, enum rt_extern kind)
{
    const struct rt_module_file *f = d->file;
    const u32 defined[] = {f->func_count, f->table_count, f->memory_count, f->global_count};
    return (u64)f->imports[kind].count + defined[kind];
}

static struct rt_global_type global_type(const struct decoder *d, u32 global)
{
    const struct rt_imports *imports = &d->file->imports[RT_EXTERN_GLOBAL];
    return global < imports->count ? imports->items[global].global
                                   : d->file->globals[global - imports->count].type;
}

/* A constant, or a global's value: what a term may be, too. global_limit: globals it may read. */
static void read_operand(struct decoder *d, u8 type, u64 global_limit, struct rt_expr *expr)
{
    if (expr->kind == RT_EXPR_GLOBAL) {
        expr->index = read_index(d, global_limit, "global");
        if (reader_ok(&d->r) && global_type(d, expr->index).valtype != type)
            reader_fail(&d->r, ERR_ARTIFACT, "module file: global of the wrong type");
        return;
    }
    expr->value.u64 = read_u64_le(&d->r);
    for (u32 i = 8; i < sizeof expr->value; i++)
        expr->value.v128[i] = read_byte(&d->r);
    if (expr->kind != RT_EXPR_VALUE || is_ref(type))
        reader_fail(&d->r, ERR_ARTIFACT, "module file: unknown expression");
}

/* Arithmetic of one type, in postfix order. */
static void read_terms(struct decoder *d, u8 type, u64 global_limit, struct rt_expr *expr)
{
    struct rt_expr *terms = items(d, &expr->index, sizeof *terms, 1, "terms");
    u32 height = 0;
    if (expr->index > ABI_EXPR_MAX || (type != RT_I32 && type != RT_I64))
        reader_fail(&d->r, ERR_ARTIFACT, "module file: unknown expression");
    for (u32 i = 0; i < expr->index && reader_ok(&d->r); i++) {
        terms[i].kind = (enum rt_expr_kind)read_byte(&d->r);
        if (terms[i].kind < RT_EXPR_I32_ADD) {
            read_operand(d, type, global_limit, &terms[i]);
            height++;
        } else if (terms[i].kind > RT_EXPR_I64_MUL || height < 2 ||
                   (type == RT_I32) != (terms[i].kind <= RT_EXPR_I32_MUL)) {
            reader_fail(&d->r, ERR_ARTIFACT, "module file: unknown expression");
        } else {
            height--;
        }
    }
    if (reader_ok(&d->r) && height != 1)
        reader_fail(&d->r, ERR_ARTIFACT, "module file: expression of %u values", height);
    expr->terms = terms;
}

/* An expression of this type: its value will be used as one, a reference as an address. */
static struct rt_expr read_expr(struct decoder *d, u8 type, u64 global_limit)
{
    struct rt_expr expr = {.kind = (enum rt_expr_kind)read_byte(&d->r)};
    if (expr.kind == RT_EXPR_FUNC && type == RT_FUNCREF)
        expr.index = read_index(d, space(d, RT_EXTERN_FUNC), "function");
    else if (expr.kind == RT_EXPR_TERMS)
        read_terms(d, type, global_limit, &expr);
    else if (expr.kind != RT_EXPR_NULL || !is_ref(type))
        read_operand(d, type, global_limit, &expr);
    return expr;
}

static void read_types(struct decoder *d)
{
    struct rt_module_file *f = d->file;
    f->types = items(d, &f->type_count, sizeof *f->types, 8, "types");
    for (u32 i = 0; i < f->type_count && reader_ok(&d->r); i++) {
        f->types[i].params = read_valtypes(d, &f->types[i].param_count);
        f->types[i].results = read_valtypes(d, &f->types[i].result_count);
    }
    f->type_ids = arena_array(d->arena, u64, f->type_count);
    if (f->type_ids == NULL && f->type_count > 0)
        reader_fail(&d->r, ERR_LIMIT, "module file: too many types");
}

static void read_imports(struct decoder *d, enum rt_extern kind)
{
    struct rt_imports *imports = &d->file->imports[kind];
    imports->items = items(d, &imports->count, sizeof *imports->items, 10, "imports");
    for (u32 i = 0; i < imports->count && reader_ok(&d->r); i++) {
        struct rt_import *import = &imports->items[i];
        import->module = read_text(d);
        import->field = read_text(d);
        switch (kind) {
        case RT_EXTERN_FUNC:
            import->type = read_index(d, d->file->type_count, "type");
            import->caller = read_u32_le(&d->r);
            break;
        case RT_EXTERN_TABLE: import->table = read_table(d); break;
        case RT_EXTERN_MEMORY: import->memory = read_memory(d); break;
        case RT_EXTERN_GLOBAL: import->global = read_global_type(d); break;
        }
    }
}

static void read_definitions(struct decoder *d)
{
    struct rt_module_file *f = d->file;
    f->funcs = items(d, &f->func_count, sizeof *f->funcs, 8, "functions");
    for (u32 i = 0; i < f->func_count && reader_ok(&d->r); i++) {
        f->funcs[i].type = read_index(d, f->type_count, "type");
        f->funcs[i].name = read_text(d);
    }
    for (u32 i = 0; i < f->imports[RT_EXTERN_FUNC].count && reader_ok(&d->r); i++)
        if (f->imports[RT_EXTERN_FUNC].items[i].caller >= space(d, RT_EXTERN_FUNC))
            reader_fail(&d->r, ERR_ARTIFACT, "module file: no caller of import %u", i);
    f->refs = items(d, &f->ref_count, sizeof *f->refs, 4, "references");
    for (u32 i = 0; i < f->ref_count && reader_ok(&d->r); i++)
        f->refs[i] = read_index(d, space(d, RT_EXTERN_FUNC), "function");
    f->tables = items(d, &f->table_count, sizeof *f->tables, 17, "tables");
    for (u32 i = 0; i < f->table_count && reader_ok(&d->r); i++)
        f->tables[i] = read_table(d);
    f->memories = items(d, &f->memory_count, sizeof *f->memories, 20, "memories");
    for (u32 i = 0; i < f->memory_count && reader_ok(&d->r); i++)
        f->memories[i] = read_memory(d);
    u32 imported = f->imports[RT_EXTERN_GLOBAL].count;
    f->globals = items(d, &f->global_count, sizeof *f->globals, 3, "globals");
    for (u32 i = 0; i < f->global_count && reader_ok(&d->r); i++) {
        f->globals[i].type = read_global_type(d);
        f->globals[i].init = read_expr(d, f->globals[i].type.valtype, imported + i);
    }
}

/* Toolchains give a library without a main an exported `_initialize` that runs its constructors; it
 * must be called before any other export. */
static u32 find_initialize(const struct rt_module_file *f)
{
    static const char name[] = "_initialize";
    for (u32 i = 0; i < f->export_count; i++) {
        const struct rt_export *export = &f->exports[i];
        if (export->kind == RT_EXTERN_FUNC && export->type != NULL &&
            export->type->param_count == 0 && export->type->result_count == 0 &&
            export->name.len == sizeof name - 1 &&
            memcmp(export->name.bytes, name, sizeof name - 1) == 0)
            return export->index;
    }
    return UINT32_MAX;
}

static void read_exports(struct decoder *d)
{
    struct rt_module_file *f = d->file;
    f->exports = items(d, &f->export_count, sizeof *f->exports, 13, "exports");
    for (u32 i = 0; i < f->export_count && reader_ok(&d->r); i++) {
        struct rt_export *export = &f->exports[i];
        export->name = read_text(d);
        u8 kind = read_byte(&d->r);
        if (kind > RT_EXTERN_GLOBAL) {
            reader_fail(&d->r, ERR_ARTIFACT, "module file: export of unknown kind");
            return;
        }
        export->kind = (enum rt_extern)kind;
        export->index = read_index(d, space(d, export->kind), "exported thing");
        struct rt_text *names =
            items(d, &export->param_name_count, sizeof *names, 4, "parameter names");
        for (u32 k = 0; k < export->param_name_count && reader_ok(&d->r); k++)
            names[k] = read_text(d);
        export->param_names = names;
        if (export->kind != RT_EXTERN_FUNC || !reader_ok(&d->r))
            continue;
        u32 imported = f->imports[RT_EXTERN_FUNC].count;
        u32 type = export->index < imported ? f->imports[RT_EXTERN_FUNC].items[export->index].type
                                            : f->funcs[export->index - imported].type;
        export->type = &f->types[type];
        if (export->param_name_count > export->type->param_count)
            reader_fail(&d->r, ERR_ARTIFACT, "module file: more names than parameters");
    }
    f->initialize = find_initialize(f);
    f->start = read_u32_le(&d->r);
    if (f->start != UINT32_MAX && f->start >= space(d, RT_EXTERN_FUNC))
        reader_fail(&d->r, ERR_ARTIFACT, "module file: no start function %u", f->start);
}

static void read_elem(struct decoder *d, struct rt_elem *elem)
{
    u64 globals = space(d, RT_EXTERN_GLOBAL);
    elem->mode = (enum rt_segment_mode)read_byte(&d->r);
    elem->table = read_u32_le(&d->r);
    elem->at = read_expr(d, RT_I32, globals);
    elem->reftype = read_byte(&d->r);
    if (!is_ref(elem->reftype))
        reader_fail(&d->r, ERR_ARTIFACT, "module file: elements of no reference type");
    if (reader_ok(&d->r) && elem->mode == RT_SEGMENT_ACTIVE) {
        u32 imported = d->file->imports[RT_EXTERN_TABLE].count;
        if (elem->table >= space(d, RT_EXTERN_TABLE)) {
            reader_fail(&d->r, ERR_ARTIFACT, "module file: no table %u", elem->table);
            return;
        }
        const struct rt_table_type *type =
            elem->table < imported ? &d->file->imports[RT_EXTERN_TABLE].items[elem->table].table
                                   : &d->file->tables[elem->table - imported];
        if (type->reftype != elem->reftype)
            reader_fail(&d->r, ERR_ARTIFACT, "module file: elements of another type");
    }
    elem->items = items(d, &elem->item_count, sizeof *elem->items, 1, "elements");
    for (u32 k = 0; k < elem->item_count && reader_ok(&d->r); k++)
        elem->items[k] = read_expr(d, elem->reftype, globals);
}

static void read_segments(struct decoder *d)
{
    struct rt_module_file *f = d->file;
    u64 globals = space(d, RT_EXTERN_GLOBAL);
    f->elems = items(d, &f->elem_count, sizeof *f->elems, 11, "element segments");
    for (u32 i = 0; i < f->elem_count && reader_ok(&d->r); i++)
        read_elem(d, &f->elems[i]);
    f->data = items(d, &f->data_count, sizeof *f->data, 14, "data segments");
    for (u32 i = 0; i < f->data_count && reader_ok(&d->r); i++) {
        struct rt_data *data = &f->data[i];
        data->mode = (enum rt_segment_mode)read_byte(&d->r);
        data->memory = read_u32_le(&d->r);
        if (data->mode == RT_SEGMENT_ACTIVE && data->memory >= space(d, RT_EXTERN_MEMORY))
            reader_fail(&d->r, ERR_ARTIFACT, "module file: no memory %u", data->memory);
        data->at = read_expr(d, RT_I32, globals);
        data->len = read_u64_le(&d->r);
        data->bytes = read_bytes(&d->r, data->len);
    }
}

static void read_image(struct decoder *d)
{
    struct rt_module_file *f = d->file;
    f->image_at = read_u64_le(&d->r);
    f->image_len = read_u64_le(&d->r);
    if (f->image_len == 0 || !reader_ok(&d->r))
        return;
    if (f->image_at % RT_PAGE_BYTES != 0 || f->image_at > d->len ||
        f->image_len > d->len - f->image_at || f->image_len > ABI_IMAGE_MAX ||
        f->memory_count == 0 || f->imports[RT_EXTERN_MEMORY].count != 0 ||
        f->image_len > f->memories[0].limits.min * ABI_PAGE_BYTES)
        reader_fail(&d->r, ERR_ARTIFACT, "module file: image out of bounds");
}

/* Numbers the functions that a reference can be made to. */
static void place_expr(struct decoder *d, const struct rt_expr *expr)
{
    u32 imported = d->file->imports[RT_EXTERN_FUNC].count;
    if (expr->kind == RT_EXPR_FUNC && expr->index >= imported &&
        d->file->places[expr->index - imported] == UINT32_MAX)
        d->file->places[expr->index - imported] = d->file->entry_count++;
}

static void place_entries(struct decoder *d)
{
    struct rt_module_file *f = d->file;
    f->places = arena_array(d->arena, u32, f->func_count);
    if (f->places == NULL && f->func_count > 0) {
        reader_fail(&d->r, ERR_LIMIT, "module file: too many functions");
        return;
    }
    for (u32 i = 0; i < f->func_count; i++)
        f->places[i] = UINT32_MAX;
    for (u32 i = 0; i < f->ref_count; i++)
        place_expr(d, &(struct rt_expr){.kind = RT_EXPR_FUNC, .index = f->refs[i]});
    for (u32 i = 0; i < f->global_count; i++)
        place_expr(d, &f->globals[i].init);
    for (u32 i = 0; i < f->elem_count; i++)
        for (u32 k = 0; k < f->elems[i].item_count; k++)
            place_expr(d, &f->elems[i].items[k]);
}

static void read_digest(struct decoder *d, struct digest *out)
{
    const u8 *bytes = read_bytes(&d->r, DIGEST_BYTES);
    if (bytes != NULL)
        memcpy(out->bytes, bytes, DIGEST_BYTES);
}

bool rt_module_file_decode(struct rt_module_file *out, struct arena *arena, const u8 *bytes,
                           size_t len, struct err *err)
{
    *out = (struct rt_module_file){0};
    struct decoder d = {.r = reader_make(bytes, len, err), .arena = arena, .file = out, .len = len};
    if (read_u64_le(&d.r) != ABI_MODULE_MAGIC)
        return reader_fail(&d.r, ERR_ARTIFACT, "not a module file");
    u32 version = read_u32_le(&d.r);
    if (version != ABI_VERSION)
        return reader_fail(&d.r, ERR_ARTIFACT, "module file: ABI version %u, this program has %d",
                           version, ABI_VERSION);
    read_digest(&d, &out->code_key);
    read_digest(&d, &out->digest);
    read_types(&d);
    for (u32 kind = RT_EXTERN_FUNC; kind <= RT_EXTERN_GLOBAL && reader_ok(&d.r); kind++)
        read_imports(&d, (enum rt_extern)kind);
    if (reader_ok(&d.r))
        read_definitions(&d);
    if (reader_ok(&d.r))
        read_exports(&d);
    if (reader_ok(&d.r))
        read_segments(&d);
    if (reader_ok(&d.r))
        read_image(&d);
    if (reader_ok(&d.r))
        place_entries(&d);
    return reader_ok(&d.r);
}
