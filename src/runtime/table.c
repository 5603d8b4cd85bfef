/*
 * runtime/table.c -- tables: their memory, which never moves, and growth.
 *
 * Behind its elements a table is null, for one entry at least: see struct abi_table. Those
 * that can grow are mapped with room for their greatest length, all in one mapping; the kernel
 * gives memory only for what is touched.
 */
#include "base/check.h"
#include "runtime/internal.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static bool refuse(u64 len, struct err *err)
{
    return err_set(err, ERR_LIMIT, ERR_NO_AT, "no memory for a table of %llu elements",
                   (unsigned long long)len);
}

u64 rt_table_len_max(const struct rt_table_type *type)
{
    return max_u64(type->limits.min, min_u64(type->limits.max, RT_TABLE_LEN_MAX));
}

/* For its greatest length and one more; 0 for a table that cannot grow. */
static u64 room_bytes(const struct rt_table_type *type)
{
    u64 max = rt_table_len_max(type);
    if (max == type->limits.min)
        return 0;
    return round_up((max + 1) * sizeof(struct abi_entry), RT_PAGE_BYTES);
}

static u64 all_room_bytes(const struct rt_table_type *types, u32 count)
{
    u64 bytes = 0;
    for (u32 i = 0; i < count; i++)
        bytes += room_bytes(&types[i]);
    return bytes;
}

bool rt_tables_create(struct rt_table *tables, const struct rt_table_type *types, u32 count,
                      struct err *err)
{
    u64 elements = 0, bytes = all_room_bytes(types, count);
    for (u32 i = 0; i < count; i++)
        elements += types[i].limits.min;
    if (elements > RT_TABLE_LEN_MAX)
        return err_set(err, ERR_LIMIT, ERR_NO_AT, "tables of more than %u elements",
                       (unsigned)RT_TABLE_LEN_MAX);
    u8 *room = NULL;
    if (bytes > 0) {
        room = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (room == MAP_FAILED)
            return refuse(elements, err);
    }
    bool ok = true;
    u64 at = 0;
    for (u32 i = 0; i < count; i++) {
        struct rt_table *table = &tables[i];
        table->type = &types[i];
        table->mapped_bytes = room_bytes(&types[i]);
        table->abi.len = types[i].limits.min;
        table->abi.max = rt_table_len_max(&types[i]);
        if (table->mapped_bytes == 0) {
            table->abi.entries = calloc(table->abi.len + 1, sizeof *table->abi.entries);
            ok &= table->abi.entries != NULL;
        } else {
            table->abi.entries = (struct abi_entry *)(room + at);
            at += table->mapped_bytes;
        }
    }
    return ok || refuse(elements, err);
}

void rt_tables_destroy(struct rt_table *tables, u32 count)
{
    u8 *room = NULL;
    u64 bytes = 0;
    for (u32 i = 0; i < count; i++) {
        if (tables[i].mapped_bytes == 0)
            free(tables[i].abi.entries);
        else if (room == NULL) /* the first one has the lowest address */
            room = (u8 *)tables[i].abi.entries;
        bytes += tables[i].mapped_bytes;
        tables[i] = (struct rt_table){0};
    }
    if (room != NULL)
        munmap(room, bytes);
}

u64 rt_table_grow(struct rt_table *table, u64 delta)
{
    u64 old = table->abi.len;
    if (delta > table->abi.max - old)
        return UINT64_MAX;
    table->abi.len = old + delta;
    table->changed = true;
    return old;
}

void rt_table_reset(struct rt_table *table)
{
    u64 first = table->type->limits.min, bytes = table->abi.len * sizeof *table->abi.entries;
    u64 keep = round_up(first * sizeof *table->abi.entries, RT_PAGE_BYTES);
    if (table->mapped_bytes > 0 && bytes > keep &&
        madvise((u8 *)table->abi.entries + keep, bytes - keep, MADV_DONTNEED) == 0)
        bytes = keep;
    memset(table->abi.entries, 0, bytes);
    table->abi.len = first;
    table->changed = false;
}

struct abi_entry rt_ref_entry(u8 reftype, u64 ref)
{
    if (ref == 0)
        return (struct abi_entry){0};
    if (reftype == RT_FUNCREF)
        return *(const struct abi_entry *)(uintptr_t)ref;
    return (struct abi_entry){.ref = ref};
}
