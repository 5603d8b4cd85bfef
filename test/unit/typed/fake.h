/*
 * test/unit/typed/fake.h -- a guest without a machine: memory, an allocator and functions in C. It
 * takes the place of the runtime, which is not linked. Every call and every poll moves the memory,
 * so that the sanitizer sees a view that was kept.
 */
#pragma once
#include "typed/internal.h"
#include <stdlib.h>
#include <string.h>

#define FAKE_MEMORY   65536u
#define TEXT(literal) {literal, sizeof(literal) - 1}

typedef void fake_fn(struct rt_instance *instance, union abi_value *values);

struct rt_instance {
    u8 *memory;
    u32 size, next; /* next: free from here on */
    u32 polls, allocations;
    fake_fn *const *funcs;
    const struct typed_func *func; /* being called */
};

struct rt_module {
    const struct rt_export *exports;
    u32 count;
};

static void fake_move(struct rt_instance *instance)
{
    u8 *copy = malloc(instance->size);
    memcpy(copy, instance->memory, instance->size);
    free(instance->memory);
    instance->memory = copy;
}

u8 *rt_memory_view(struct rt_instance *instance, u64 addr, u64 len)
{
    return addr > instance->size || len > instance->size - addr ? NULL : instance->memory + addr;
}

void rt_driver_call(struct rt_instance *instance, u32 func, union abi_value *values)
{
    fake_move(instance);
    instance->funcs[func](instance, values);
}

void rt_driver_poll(struct rt_instance *instance)
{
    instance->polls++;
    fake_move(instance);
}

const struct rt_export *rt_module_exports(const struct rt_module *module, u32 *count)
{
    *count = module->count;
    return module->exports;
}

const struct rt_export *rt_module_export_find(const struct rt_module *module, const char *name,
                                              size_t name_len)
{
    for (u32 i = 0; i < module->count; i++)
        if (module->exports[i].name.len == name_len &&
            memcmp(module->exports[i].name.bytes, name, name_len) == 0)
            return &module->exports[i];
    return NULL;
}

const char *rt_valtype_text(u8 type)
{
    return type == RT_I32   ? "i32"
           : type == RT_I64 ? "i64"
           : type == RT_F32 ? "f32"
           : type == RT_F64 ? "f64"
                            : "?";
}

static inline void fake_init(struct rt_instance *instance, fake_fn *const *funcs)
{
    *instance = (struct rt_instance){.size = FAKE_MEMORY, .next = 64, .funcs = funcs};
    instance->memory = malloc(FAKE_MEMORY);
    memset(instance->memory, 0xa5, FAKE_MEMORY);
}

static inline void fake_fini(struct rt_instance *instance)
{
    free(instance->memory);
}

static inline u32 fake_alloc(struct rt_instance *instance, u32 len, u32 align)
{
    u32 addr = (u32)round_up(instance->next, align);
    instance->allocations++;
    if (addr > instance->size || len > instance->size - addr)
        return 0;
    instance->next = addr + len;
    return addr;
}

static inline void fake_malloc(struct rt_instance *instance, union abi_value *values)
{
    values[0].u64 = fake_alloc(instance, values[0].u32, 8);
}

static inline void fake_realloc(struct rt_instance *instance, union abi_value *values)
{
    values[0].u64 =
        values[3].u32 == 0 ? values[2].u32 : fake_alloc(instance, values[3].u32, values[2].u32);
}

/* A function with one parameter: hands it back by the convention it is called by. */
static inline void fake_echo(struct rt_instance *instance, union abi_value *values)
{
    const struct typed_func *func = instance->func;
    const struct typed_type *type = func->result;
    u8 cell[TYPED_CELL_MAX] = {0};
    bool is_hidden = func->returns == TYPED_RETURN_HIDDEN;
    const union abi_value *args = values + is_hidden;
    bool is_pointer = func->pass == TYPED_PASS_SPILLED ||
                      (func->pass == TYPED_PASS_POINTER && typed_is_by_pointer(type));
    if (is_pointer)
        memcpy(cell, instance->memory + args[0].u32, type->size);
    else
        typed_unflatten(type, args, cell);
    u32 addr = is_hidden                               ? values[0].u32
               : func->returns == TYPED_RETURN_POINTER ? fake_alloc(instance, type->size, 8)
                                                       : 0;
    if (func->returns == TYPED_RETURN_VALUES) {
        typed_flatten(type, cell, values);
        return;
    }
    memcpy(instance->memory + addr, cell, type->size);
    values[0].u64 = addr;
}
