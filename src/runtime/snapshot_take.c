/*
 * runtime/snapshot_take.c -- a snapshot written (layout: internal.h).
 */
#include "base/check.h"
#include "runtime/internal.h"
#include <stdlib.h>
#include <string.h>

struct writer {
    const struct rt_instance *instance;
    const struct rt_module_file *file;
    u32 *funcs; /* by place of an instance's entries */
    struct buf head;
    u64 body_len; /* bytes of memories so far */
};

static void add_u32(struct writer *w, u32 value)
{
    buf_add(&w->head, &value, sizeof value);
}

static void add_u64(struct writer *w, u64 value)
{
    buf_add(&w->head, &value, sizeof value);
}

/* ---- references ---- */

/* The number of an entry in an array of them; false: ref is no address of one. */
static bool entry_index(const struct abi_entry *entries, u32 count, u64 ref, u32 *index)
{
    u64 start = (u64)(uintptr_t)entries;
    if (ref < start || (ref - start) / sizeof *entries >= count)
        return false;
    *index = (u32)((ref - start) / sizeof *entries);
    return true;
}

static bool add_ref(struct writer *w, u8 type, u64 ref, struct err *err)
{
    const struct rt_instance *instance = w->instance;
    u32 index = RT_FUNC_NONE;
    if (ref != 0 && type == RT_EXTERNREF)
        return err_set(err, ERR_UNSUPPORTED, ERR_NO_AT, "it keeps a reference of the host");
    if (ref != 0 && entry_index(instance->entries, w->file->entry_count, ref, &index))
        index = w->funcs[index];
    else if (ref != 0 &&
             !entry_index(rt_ctx_func_imports(instance),
                          rt_import_count(instance->module, RT_EXTERN_FUNC), ref, &index))
        return err_set(err, ERR_UNSUPPORTED, ERR_NO_AT, "it keeps a function of another module");
    add_u32(w, index);
    return true;
}

static bool make_funcs(struct writer *w, struct err *err)
{
    u32 imported = rt_import_count(w->instance->module, RT_EXTERN_FUNC);
    w->funcs = calloc((size_t)w->file->entry_count + 1, sizeof *w->funcs);
    if (w->funcs == NULL)
        return err_set(err, ERR_LIMIT, ERR_NO_AT, "no memory for a snapshot");
    for (u32 i = 0; i < w->file->func_count; i++)
        if (w->file->places[i] != UINT32_MAX)
            w->funcs[w->file->places[i]] = imported + i;
    return true;
}

/* ---- memories ---- */

static bool is_zero(const u8 *page)
{
    static const u8 zeroes[8];
    return memcmp(page, zeroes, sizeof zeroes) == 0 &&
           memcmp(page, page + sizeof zeroes, RT_PAGE_BYTES - sizeof zeroes) == 0;
}

/* Up to the last page that is not zero. */
static u64 content_len(const struct abi_memory *memory)
{
    u64 len = memory->size_bytes;
    while (len > 0 && is_zero(memory->base + len - RT_PAGE_BYTES))
        len -= RT_PAGE_BYTES;
    return len;
}

static void add_memories(struct writer *w)
{
    add_u32(w, w->file->memory_count);
    for (u32 i = 0; i < w->file->memory_count; i++) {
        const struct abi_memory *memory = &w->instance->memories[i].abi;
        u64 len = content_len(memory);
        add_u64(w, memory->size_bytes);
        add_u64(w, w->body_len);
        add_u64(w, len);
        w->body_len += len;
    }
}

/* Pages that are not zero. */
static void copy_memory(u8 *room, const struct abi_memory *memory)
{
    u64 len = content_len(memory);
    for (u64 at = 0; at < len; at += RT_PAGE_BYTES)
        if (!is_zero(memory->base + at))
            memcpy(room + at, memory->base + at, RT_PAGE_BYTES);
}

/* ---- all of it ---- */

static bool add_tables(struct writer *w, struct err *err)
{
    add_u32(w, w->file->table_count);
    for (u32 i = 0; i < w->file->table_count; i++) {
        const struct rt_table *table = &w->instance->tables[i];
        u64 count = table->abi.len;
        while (count > 0 && table->abi.entries[count - 1].ref == 0)
            count--;
        add_u64(w, table->abi.len);
        add_u32(w, (u32)count);
        for (u64 k = 0; k < count; k++)
            if (!add_ref(w, table->type->reftype, table->abi.entries[k].ref, err))
                return false;
    }
    return true;
}

static bool add_globals(struct writer *w, struct err *err)
{
    static const u8 zeroes[sizeof(union abi_value)];
    const union abi_value *globals = rt_ctx_globals(w->instance);
    add_u32(w, w->file->global_count);
    for (u32 i = 0; i < w->file->global_count; i++) {
        u8 type = w->file->globals[i].type.valtype;
        u32 len = type == RT_I64 || type == RT_F64 ? 8 : 4;
        if (type != RT_FUNCREF && type != RT_EXTERNREF)
            buf_add(&w->head, globals[i].v128, len);
        else if (!add_ref(w, type, globals[i].ref, err))
            return false;
        buf_add(&w->head, zeroes, sizeof zeroes - len);
    }
    return true;
}

static void add_dropped(struct writer *w, const bool *dropped, u32 count)
{
    add_u32(w, count);
    for (u32 i = 0; i < count; i++)
        buf_add_byte(&w->head, dropped[i]);
}

static bool make_head(struct writer *w, size_t *len_at, struct err *err)
{
    add_u64(w, RT_SNAPSHOT_MAGIC);
    add_u32(w, ABI_VERSION);
    buf_add(&w->head, w->file->digest.bytes, DIGEST_BYTES);
    *len_at = w->head.len;
    add_u64(w, 0);
    add_memories(w);
    if (!add_tables(w, err) || !add_globals(w, err))
        return false;
    add_dropped(w, w->instance->data_dropped, w->file->data_count);
    add_dropped(w, w->instance->elem_dropped, w->file->elem_count);
    return true;
}

static bool copy_all(struct writer *w, u8 *room, size_t len_at, u64 *len, struct err *err)
{
    u64 at = round_up(w->head.len, RT_PAGE_BYTES), all = at + w->body_len;
    if (!buf_ok(&w->head) || all > RT_SNAPSHOT_MAX)
        return err_set(err, ERR_LIMIT, ERR_NO_AT, "its memory is used over more than %llu MiB",
                       (unsigned long long)(RT_SNAPSHOT_MAX / MIB));
    memcpy(w->head.bytes + len_at, &all, sizeof all);
    memcpy(room, w->head.bytes, w->head.len);
    for (u32 i = 0; i < w->file->memory_count; i++) {
        copy_memory(room + at, &w->instance->memories[i].abi);
        at += content_len(&w->instance->memories[i].abi);
    }
    *len = all;
    return true;
}

bool rt_snapshot_take(const struct rt_instance *instance, u8 *room, u64 *len, struct err *err)
{
    CHECK(instance->started && instance->fiber == NULL);
    for (u32 kind = RT_EXTERN_TABLE; kind <= RT_EXTERN_GLOBAL; kind++)
        if (rt_import_count(instance->module, (enum rt_extern)kind) > 0)
            return err_set(err, ERR_UNSUPPORTED, ERR_NO_AT, "it shares state with other modules");
    struct writer w = {.instance = instance, .file = &instance->module->file};
    size_t len_at;
    buf_init(&w.head, RT_SNAPSHOT_MAX);
    bool ok =
        make_funcs(&w, err) && make_head(&w, &len_at, err) && copy_all(&w, room, len_at, len, err);
    buf_fini(&w.head);
    free(w.funcs);
    return ok;
}
