/*
 * runtime/types.c -- names of value types, canonical ids of function types. A call_indirect
 * compares two ids, whichever modules caller and callee come from. spec: core/valid/types, function
 * types
 */
#include "runtime/internal.h"
#include "base/check.h"
#include <stdlib.h>
#include <string.h>

#define TYPES_MAX 1000000u /* all modules of an engine, ever: types are not given back */

struct rt_type_row {
    u8 *bytes; /* owned: parameters, then results */
    u32 param_count, result_count;
    u64 hash;
};

const char *rt_valtype_text(u8 type)
{
    switch ((enum rt_valtype)type) {
    case RT_I32: return "i32";
    case RT_I64: return "i64";
    case RT_F32: return "f32";
    case RT_F64: return "f64";
    case RT_FUNCREF: return "funcref";
    case RT_EXTERNREF: return "externref";
    }
    return "?";
}

static u64 hash_bytes(u64 hash, const u8 *bytes, u32 len)
{
    for (u32 i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u; /* FNV-1a */
    return (hash ^ len) * 0x100000001b3u;
}

static bool row_is(const struct rt_type_row *row, u64 hash, const struct rt_func_type *type)
{
    return row->hash == hash && row->param_count == type->param_count &&
           row->result_count == type->result_count &&
           memcmp(row->bytes, type->params, type->param_count) == 0 &&
           memcmp(row->bytes + type->param_count, type->results, type->result_count) == 0;
}

/* The bucket that holds the type's id, or the empty one where it belongs. type NULL: always the
 * empty one. */
static u32 *find(const struct rt_types *types, u64 hash, const struct rt_func_type *type)
{
    u32 mask = types->bucket_count - 1;
    u32 at = (u32)(hash ^ (hash >> 32)) & mask;
    while (types->buckets[at] != 0) {
        if (type != NULL && row_is(&types->rows[types->buckets[at] - 1], hash, type))
            break;
        at = (at + 1) & mask;
    }
    return &types->buckets[at];
}

/* Room for one more row and a table that stays at most half full. */
static void make_room(struct rt_types *types)
{
    if (types->count == types->cap) {
        types->cap = types->cap == 0 ? 64 : 2 * types->cap;
        types->rows = realloc(types->rows, types->cap * sizeof *types->rows);
        CHECK_MEMORY(types->rows != NULL);
    }
    if (2 * (types->count + 1) <= types->bucket_count)
        return;
    free(types->buckets);
    types->bucket_count = 4 * types->cap;
    types->buckets = check_alloc(types->bucket_count * sizeof *types->buckets);
    for (u32 i = 0; i < types->count; i++)
        *find(types, types->rows[i].hash, NULL) = i + 1;
}

bool rt_type_id(struct rt_types *types, const struct rt_func_type *type, u64 *id, struct err *err)
{
    u64 hash = hash_bytes(0xcbf29ce484222325u, type->params, type->param_count);
    hash = hash_bytes(hash, type->results, type->result_count);
    make_room(types);
    u32 *bucket = find(types, hash, type);
    if (*bucket == 0) {
        if (types->count == TYPES_MAX)
            return err_set(err, ERR_LIMIT, ERR_NO_AT, "more than %u different function types",
                           TYPES_MAX);
        struct rt_type_row row = {
            .param_count = type->param_count, .result_count = type->result_count, .hash = hash};
        row.bytes = check_alloc(type->param_count + type->result_count + 1);
        memcpy(row.bytes, type->params, type->param_count);
        memcpy(row.bytes + type->param_count, type->results, type->result_count);
        types->rows[types->count] = row;
        *bucket = ++types->count;
    }
    *id = *bucket;
    return true;
}

void rt_types_fini(struct rt_types *types)
{
    for (u32 i = 0; i < types->count; i++)
        free(types->rows[i].bytes);
    free(types->rows);
    free(types->buckets);
    *types = (struct rt_types){0};
}
