/*
 * runtime/table.c -- tables: their memory, which never moves, and growth.
 *
 * Behind its elements a table is null, for one entry at least: see struct abi_table. One that can
 * grow is mapped with room for its greatest length; the kernel gives memory only for what is
 * touched.
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

bool rt_table_create(struct rt_table *table, const struct rt_table_type *type, struct err *err)
{
    u64 len = type->limits.min, max = min_u64(type->limits.max, RT_TABLE_LEN_MAX);
    *table = (struct rt_table){.abi = {.len = len, .max = max_u64(len, max)}, .type = type};
    if (table->abi.max == len) {
        table->abi.entries = calloc(len + 1, sizeof *table->abi.entries);
        return table->abi.entries != NULL || refuse(len, err);
    }
    u64 bytes = round_up((max + 1) * sizeof *table->abi.entries, RT_PAGE_BYTES);
    void *entries = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (entries == MAP_FAILED)
        return refuse(len, err);
    table->abi.entries = entries;
    table->mapped_bytes = bytes;
    return true;
}

void rt_table_destroy(struct rt_table *table)
{
    if (table->mapped_bytes > 0)
        munmap(table->abi.entries, table->mapped_bytes);
    else
        free(table->abi.entries);
    *table = (struct rt_table){0};
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
