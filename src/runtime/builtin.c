/*
 * runtime/builtin.c -- what compiled code has the runtime do: growth, bulk memory and tables.
 * spec: core/exec/instructions, memory and table instructions
 *
 * They run as host code on the guest's fiber. Bounds are checked before the first byte is written.
 * Long work is done in pieces, with a look at the pending flag between them: a tick or a kill takes
 * the guest off there. Nothing here owns anything, and indices come from validated code.
 */
#include "base/check.h"
#include "runtime/internal.h"
#include <string.h>

#define PIECE_BYTES   ((u64)256 * KIB)
#define PIECE_ENTRIES (PIECE_BYTES / sizeof(struct abi_entry))

static struct rt_instance *instance_of(const struct abi_vmctx *ctx)
{
    return ctx->instance;
}

static struct abi_memory *memory_at(const struct abi_vmctx *ctx, u64 memory)
{
    return rt_ctx_memories(instance_of(ctx))[memory].memory;
}

static struct rt_table *table_at(const struct abi_vmctx *ctx, u64 table)
{
    return (struct rt_table *)rt_ctx_tables(instance_of(ctx))[table];
}

NO_RETURN static void trap(struct abi_vmctx *ctx, enum abi_trap kind)
{
    rt_builtin_trap(ctx->exec, kind);
    UNREACHABLE();
}

/* Traps unless [at, at + len) lies within size. */
static void check_range(struct abi_vmctx *ctx, u64 at, u64 len, u64 size, enum abi_trap kind)
{
    if (at > size || len > size - at)
        trap(ctx, kind);
}

/* Between two pieces of work. */
static void yield_if_pending(struct abi_vmctx *ctx)
{
    if (ctx->exec->pending != 0)
        rt_builtin_yield(ctx->exec);
}

/* The next piece of a copy that may overlap itself: forwards, or from the end backwards. Returns
 * its place from the start; done: how much lies behind us. */
static u64 next_piece(u64 to, u64 from, u64 done, u64 len, u64 max, u64 *piece)
{
    *piece = min_u64(len - done, max);
    return to <= from ? done : len - done - *piece;
}

/* ---- memories ---- */

static u64 memory_grow(struct abi_vmctx *ctx, u64 memory, u64 delta)
{
    return rt_memory_grow((struct rt_memory *)memory_at(ctx, memory), delta);
}

static u64 memory_fill(struct abi_vmctx *ctx, u64 memory, u64 to, u64 value, u64 len)
{
    const struct abi_memory *target = memory_at(ctx, memory);
    check_range(ctx, to, len, target->size_bytes, ABI_TRAP_MEMORY_BOUNDS);
    for (u64 done = 0; done < len;) {
        u64 piece = min_u64(len - done, PIECE_BYTES);
        memset(target->base + to + done, (u8)value, piece);
        done += piece;
        yield_if_pending(ctx);
    }
    return 0;
}

static u64 memory_copy(struct abi_vmctx *ctx, u64 to_memory, u64 from_memory, u64 to, u64 from,
                       u64 len)
{
    const struct abi_memory *target = memory_at(ctx, to_memory);
    const struct abi_memory *source = memory_at(ctx, from_memory);
    check_range(ctx, from, len, source->size_bytes, ABI_TRAP_MEMORY_BOUNDS);
    check_range(ctx, to, len, target->size_bytes, ABI_TRAP_MEMORY_BOUNDS);
    for (u64 done = 0, piece; done < len; done += piece) {
        u64 at = next_piece(to, from, done, len, PIECE_BYTES, &piece);
        memmove(target->base + to + at, source->base + from + at, piece);
        yield_if_pending(ctx);
    }
    return 0;
}

/* Active segments count as dropped once they have been copied. */
static u64 data_len(const struct rt_instance *instance, u64 data)
{
    const struct rt_data *segment = &instance->module->file.data[data];
    bool is_there = segment->mode == RT_SEGMENT_PASSIVE && !instance->data_dropped[data];
    return is_there ? segment->len : 0;
}

static u64 memory_init(struct abi_vmctx *ctx, u64 memory, u64 data, u64 to, u64 from, u64 len)
{
    const struct rt_instance *instance = instance_of(ctx);
    const struct abi_memory *target = memory_at(ctx, memory);
    check_range(ctx, from, len, data_len(instance, data), ABI_TRAP_MEMORY_BOUNDS);
    check_range(ctx, to, len, target->size_bytes, ABI_TRAP_MEMORY_BOUNDS);
    const u8 *bytes = instance->module->file.data[data].bytes;
    for (u64 done = 0; done < len;) {
        u64 piece = min_u64(len - done, PIECE_BYTES);
        memcpy(target->base + to + done, bytes + from + done, piece);
        done += piece;
        yield_if_pending(ctx);
    }
    return 0;
}

static u64 data_drop(struct abi_vmctx *ctx, u64 data)
{
    struct rt_instance *instance = instance_of(ctx);
    instance->data_dropped[data] = true;
    instance->any_dropped = true;
    return 0;
}

/* ---- tables ---- */

static u64 table_get(struct abi_vmctx *ctx, u64 table, u64 index)
{
    const struct abi_table *source = &table_at(ctx, table)->abi;
    check_range(ctx, index, 1, source->len, ABI_TRAP_TABLE_BOUNDS);
    return source->entries[index].ref;
}

static u64 table_set(struct abi_vmctx *ctx, u64 table, u64 index, u64 ref)
{
    struct rt_table *target = table_at(ctx, table);
    check_range(ctx, index, 1, target->abi.len, ABI_TRAP_TABLE_BOUNDS);
    target->abi.entries[index] = rt_ref_entry(target->type->reftype, ref);
    target->changed = true;
    return 0;
}

static void fill(struct abi_vmctx *ctx, struct rt_table *table, u64 to, u64 ref, u64 len)
{
    struct abi_entry entry = rt_ref_entry(table->type->reftype, ref);
    table->changed = true;
    for (u64 done = 0; done < len;) {
        u64 piece = min_u64(len - done, PIECE_ENTRIES);
        for (u64 i = 0; i < piece; i++)
            table->abi.entries[to + done + i] = entry;
        done += piece;
        yield_if_pending(ctx);
    }
}

/* Elements of all tables of an instance are bounded together. */
static u64 table_grow(struct abi_vmctx *ctx, u64 table, u64 ref, u64 delta)
{
    const struct rt_instance *instance = instance_of(ctx);
    struct rt_table *target = table_at(ctx, table);
    u64 elements = 0;
    for (u32 i = 0; i < instance->module->file.table_count; i++)
        elements += instance->tables[i].abi.len;
    if (elements > RT_TABLE_LEN_MAX || delta > RT_TABLE_LEN_MAX - elements)
        return UINT64_MAX;
    u64 old = rt_table_grow(target, delta);
    if (old != UINT64_MAX && ref != 0)
        fill(ctx, target, old, ref, delta);
    return old;
}

static u64 table_fill(struct abi_vmctx *ctx, u64 table, u64 to, u64 ref, u64 len)
{
    struct rt_table *target = table_at(ctx, table);
    check_range(ctx, to, len, target->abi.len, ABI_TRAP_TABLE_BOUNDS);
    fill(ctx, target, to, ref, len);
    return 0;
}

static u64 table_copy(struct abi_vmctx *ctx, u64 to_table, u64 from_table, u64 to, u64 from,
                      u64 len)
{
    struct rt_table *target = table_at(ctx, to_table);
    const struct abi_table *source = &table_at(ctx, from_table)->abi;
    check_range(ctx, from, len, source->len, ABI_TRAP_TABLE_BOUNDS);
    check_range(ctx, to, len, target->abi.len, ABI_TRAP_TABLE_BOUNDS);
    target->changed = true;
    for (u64 done = 0, piece; done < len; done += piece) {
        u64 at = next_piece(to, from, done, len, PIECE_ENTRIES, &piece);
        memmove(target->abi.entries + to + at, source->entries + from + at,
                piece * sizeof *source->entries);
        yield_if_pending(ctx);
    }
    return 0;
}

static u64 table_init(struct abi_vmctx *ctx, u64 table, u64 elem, u64 to, u64 from, u64 len)
{
    const struct rt_instance *instance = instance_of(ctx);
    const struct rt_elem *segment = &instance->module->file.elems[elem];
    struct rt_table *target = table_at(ctx, table);
    bool is_there = segment->mode == RT_SEGMENT_PASSIVE && !instance->elem_dropped[elem];
    check_range(ctx, from, len, is_there ? segment->item_count : 0, ABI_TRAP_TABLE_BOUNDS);
    check_range(ctx, to, len, target->abi.len, ABI_TRAP_TABLE_BOUNDS);
    target->changed = true;
    for (u64 done = 0; done < len;) {
        u64 piece = min_u64(len - done, PIECE_ENTRIES);
        rt_instance_copy_elems(instance, target, to + done, segment, from + done, piece);
        done += piece;
        yield_if_pending(ctx);
    }
    return 0;
}

static u64 elem_drop(struct abi_vmctx *ctx, u64 elem)
{
    struct rt_instance *instance = instance_of(ctx);
    instance->elem_dropped[elem] = true;
    instance->any_dropped = true;
    return 0;
}

const struct abi_builtins rt_builtins = {
    .trap = rt_builtin_trap,
    .yield = rt_builtin_yield,
#define BUILTIN(name, count, params) .name = name,
#include "abi/builtin.def"
#undef BUILTIN
};
