/*
 * typed/flat.c -- cells to and from core values, by the canonical ABI's flattening.
 *
 * Spec: CanonicalABI, Flattening. A record is its fields one after the other; an option is 0 or 1
 * and its value (zeros for none); a list or string is its address and its length.
 */
#include "base/check.h"
#include "typed/internal.h"
#include <string.h>

static u32 flat_parts(const struct typed_type *type)
{
    return type->kind == TYPED_RECORD || type->kind == TYPED_TUPLE || type->kind == TYPED_OPTION
               ? type->field_count
               : 0;
}

u32 typed_flat_types(const struct typed_type *type, u8 *out)
{
    u32 count = 0;
    if (type->kind == TYPED_LIST || type->kind == TYPED_STRING) {
        out[0] = out[1] = RT_I32;
        return 2;
    }
    if (typed_kind_core(type) != 0) {
        out[0] = typed_kind_core(type);
        return 1;
    }
    for (u32 i = 0; i < flat_parts(type); i++)
        count += typed_flat_types(type->fields[i].type, out + count);
    return count;
}

/* A number in memory, as the core value that carries it: small ones are widened by their sign. */
static void load(const struct typed_type *type, const u8 *cell, union abi_value *out)
{
    i8 small;
    i16 medium;
    *out = (union abi_value){0};
    if (type->kind == TYPED_S8) {
        memcpy(&small, cell, sizeof small);
        out->i32 = small;
    } else if (type->kind == TYPED_S16) {
        memcpy(&medium, cell, sizeof medium);
        out->i32 = medium;
    } else {
        memcpy(out, cell, type->size);
    }
}

u32 typed_flatten(const struct typed_type *type, const u8 *cell, union abi_value *out)
{
    u32 count = 0;
    if (type->kind == TYPED_LIST || type->kind == TYPED_STRING) {
        out[0] = out[1] = (union abi_value){0};
        memcpy(&out[0].u32, cell, 4);
        memcpy(&out[1].u32, cell + 4, 4);
        return 2;
    }
    if (typed_kind_core(type) != 0) {
        load(type, cell, out);
        return 1;
    }
    for (u32 i = 0; i < flat_parts(type); i++)
        count += typed_flatten(type->fields[i].type, cell + type->fields[i].at, out + count);
    return count;
}

u32 typed_unflatten(const struct typed_type *type, const union abi_value *values, u8 *cell)
{
    u32 count = 0;
    if (type->kind == TYPED_LIST || type->kind == TYPED_STRING) {
        memcpy(cell, &values[0].u32, 4);
        memcpy(cell + 4, &values[1].u32, 4);
        return 2;
    }
    if (type->kind == TYPED_BOOL) { /* any i32 that is not 0 */
        cell[0] = values[0].u32 != 0;
        return 1;
    }
    if (type->kind == TYPED_ENUM) { /* what is no case stays none */
        cell[0] = (u8)min_u64(values[0].u32, TYPED_CASES_MAX);
        return 1;
    }
    if (typed_kind_core(type) != 0) {
        memcpy(cell, &values[0], type->size);
        return 1;
    }
    for (u32 i = 0; i < flat_parts(type); i++)
        count += typed_unflatten(type->fields[i].type, values + count, cell + type->fields[i].at);
    return count;
}
