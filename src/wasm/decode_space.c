/*
 * wasm/decode_space.c -- imports, the index spaces that they begin, exports and the start
 * function. spec: core/binary/modules, import section to start section
 *
 * Imports come first in the file and in every index space. The import section makes each space as
 * large as the imports need; a later section makes it anew with room for its own definitions.
 */
#include "wasm/internal.h"
#include <string.h>

enum { KIND_TAG = 4, KIND_EXACT_FUNC = 0x20 };

struct wasm_text wasm_text_decode(struct reader *r)
{
    struct wasm_text text = {0};
    u64 offset = reader_offset(r);
    text.bytes = read_name(r, &text.len);
    if (text.len > WASM_MAX_NAME_BYTES)
        reader_fail_at(r, offset, ERR_LIMIT, "more than %u bytes in a name", WASM_MAX_NAME_BYTES);
    return text;
}

static enum wasm_extern decode_kind(struct reader *r)
{
    u64 offset = reader_offset(r);
    u8 kind = read_byte(r);
    if (kind <= WASM_EXTERN_GLOBAL)
        return (enum wasm_extern)kind;
    if (kind == KIND_TAG)
        wasm_refuse(r, offset, WASM_FEATURE_EXCEPTIONS, "tag");
    else if (kind == KIND_EXACT_FUNC)
        wasm_refuse(r, offset, WASM_FEATURE_DESCRIPTORS, "exact function import");
    else
        reader_fail_at(r, offset, ERR_MALFORMED, "malformed import or export kind 0x%02x", kind);
    return WASM_EXTERN_FUNC;
}

/* A copy of the used first part of an index space with room for count more. */
static void *space_extend(struct reader *r, struct arena *arena, const void *items, u32 used,
                          u32 count, size_t size)
{
    void *larger = wasm_array(r, arena, (size_t)used + count, size);
    if (larger != NULL && used > 0)
        memcpy(larger, items, used * size);
    return larger;
}

static void decode_import(struct wasm_module *m, struct reader *r, u32 i)
{
    struct wasm_import *import = &m->imports[i];
    import->offset = reader_offset(r);
    import->module = wasm_text_decode(r);
    import->field = wasm_text_decode(r);
    import->kind = decode_kind(r);
    switch (import->kind) {
    case WASM_EXTERN_FUNC:
        import->index = m->func_count++;
        m->funcs[import->index] = (struct wasm_func){.type = read_leb_u32(r), .import = i};
        break;
    case WASM_EXTERN_TABLE:
        import->index = m->table_count++;
        m->tables[import->index] = wasm_table_decode(r);
        m->tables[import->index].import = i;
        break;
    case WASM_EXTERN_MEMORY:
        import->index = m->memory_count++;
        m->memories[import->index] = wasm_memory_decode(r);
        m->memories[import->index].import = i;
        break;
    case WASM_EXTERN_GLOBAL:
        import->index = m->global_count++;
        m->globals[import->index] = wasm_global_decode(r);
        m->globals[import->index].import = i;
        break;
    }
}

static bool table_count_ok(struct reader *r, u64 count)
{
    return count <= WASM_MAX_TABLES ||
           reader_fail(r, ERR_LIMIT, "more than %u tables", WASM_MAX_TABLES);
}

/* One memory is what this version runs; more have a proposal to be named after. */
static bool memory_count_ok(struct reader *r, u64 count)
{
    return count <= WASM_MAX_MEMORIES ||
           wasm_refuse(r, reader_offset(r), WASM_FEATURE_MULTI_MEMORY, "a second memory");
}

bool wasm_imports_decode(struct wasm_module *m, struct reader *r, struct arena *arena)
{
    u32 count = read_count(r, WASM_MAX_IMPORTS, "imports");
    m->imports = WASM_ARRAY(r, arena, struct wasm_import, count);
    m->funcs = WASM_ARRAY(r, arena, struct wasm_func, count);
    m->tables = WASM_ARRAY(r, arena, struct wasm_table, count);
    m->memories = WASM_ARRAY(r, arena, struct wasm_memory, count);
    m->globals = WASM_ARRAY(r, arena, struct wasm_global, count);
    for (u32 i = 0; i < count && reader_ok(r); i++)
        decode_import(m, r, i);
    m->import_count = count;
    m->func_import_count = m->func_count;
    m->table_import_count = m->table_count;
    m->memory_import_count = m->memory_count;
    m->global_import_count = m->global_count;
    return reader_ok(r) && table_count_ok(r, m->table_count) && memory_count_ok(r, m->memory_count);
}

bool wasm_funcs_decode(struct wasm_module *m, struct reader *r, struct arena *arena)
{
    u32 count = read_count(r, WASM_MAX_FUNCS, "functions");
    m->funcs = space_extend(r, arena, m->funcs, m->func_count, count, sizeof *m->funcs);
    for (u32 i = 0; i < count && reader_ok(r); i++)
        m->funcs[m->func_count++] =
            (struct wasm_func){.type = read_leb_u32(r), .import = WASM_NONE};
    return reader_ok(r);
}

bool wasm_tables_decode(struct wasm_module *m, struct reader *r, struct arena *arena)
{
    u32 count = read_leb_u32(r);
    if (!reader_ok(r) || !table_count_ok(r, (u64)m->table_count + count))
        return false;
    m->tables = space_extend(r, arena, m->tables, m->table_count, count, sizeof *m->tables);
    for (u32 i = 0; i < count && reader_ok(r); i++)
        m->tables[m->table_count++] = wasm_table_decode(r);
    return reader_ok(r);
}

bool wasm_memories_decode(struct wasm_module *m, struct reader *r, struct arena *arena)
{
    u32 count = read_leb_u32(r);
    if (!reader_ok(r) || !memory_count_ok(r, (u64)m->memory_count + count))
        return false;
    m->memories = space_extend(r, arena, m->memories, m->memory_count, count, sizeof *m->memories);
    for (u32 i = 0; i < count && reader_ok(r); i++)
        m->memories[m->memory_count++] = wasm_memory_decode(r);
    return reader_ok(r);
}

bool wasm_globals_decode(struct wasm_module *m, struct reader *r, struct arena *arena)
{
    u32 count = read_count(r, WASM_MAX_GLOBALS, "globals");
    m->globals = space_extend(r, arena, m->globals, m->global_count, count, sizeof *m->globals);
    for (u32 i = 0; i < count && reader_ok(r); i++) {
        struct wasm_global global = wasm_global_decode(r);
        global.init = wasm_const_decode(m, r, arena);
        m->globals[m->global_count++] = global;
    }
    return reader_ok(r);
}

bool wasm_exports_decode(struct wasm_module *m, struct reader *r, struct arena *arena)
{
    u32 count = read_count(r, WASM_MAX_EXPORTS, "exports");
    m->exports = WASM_ARRAY(r, arena, struct wasm_export, count);
    for (u32 i = 0; i < count && reader_ok(r); i++) {
        struct wasm_export *export = &m->exports[i];
        export->offset = reader_offset(r);
        export->name = wasm_text_decode(r);
        export->kind = decode_kind(r);
        export->index = read_leb_u32(r);
    }
    m->export_count = count;
    return reader_ok(r);
}

bool wasm_start_decode(struct wasm_module *m, struct reader *r, struct arena *arena)
{
    (void)arena;
    m->start = read_leb_u32(r);
    return reader_ok(r);
}
