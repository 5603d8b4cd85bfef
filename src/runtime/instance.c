/*
 * runtime/instance.c -- instantiation: a context with its arrays, memories, tables and globals, and
 * their first contents. spec: core/exec/modules, instantiation
 */
#include "base/check.h"
#include "runtime/internal.h"
#include <stdlib.h>
#include <string.h>

#define CTX_ALIGN 64u

static void *ctx_at(const struct rt_instance *instance, u64 offset)
{
    return (u8 *)instance->ctx + offset;
}

struct abi_memory_ref *rt_ctx_memories(const struct rt_instance *instance)
{
    return ctx_at(instance, instance->module->layout.memories);
}

struct abi_table **rt_ctx_tables(const struct rt_instance *instance)
{
    return ctx_at(instance, instance->module->layout.tables);
}

union abi_value *rt_ctx_globals(const struct rt_instance *instance)
{
    return ctx_at(instance, instance->module->layout.globals);
}

struct abi_entry *rt_ctx_func_imports(const struct rt_instance *instance)
{
    return ctx_at(instance, instance->module->layout.func_imports);
}

struct abi_entry rt_instance_entry(const struct rt_instance *instance, u32 func)
{
    const struct rt_module *module = instance->module;
    u32 imports = rt_import_count(module, RT_EXTERN_FUNC);
    if (func < imports)
        return rt_ctx_func_imports(instance)[func];
    return (struct abi_entry){
        .code = rt_code_at(module->code, module->code->funcs[func - imports]),
        .ctx = instance->ctx,
        .type_id = module->file.type_ids[rt_module_func_type(module, func)],
    };
}

union abi_value *rt_instance_global(const struct rt_instance *instance, u32 index)
{
    union abi_value *slot = &rt_ctx_globals(instance)[index];
    if (index >= rt_import_count(instance->module, RT_EXTERN_GLOBAL))
        return slot;
    return (union abi_value *)(uintptr_t)slot->u64;
}

static union abi_value evaluate(const struct rt_instance *instance, const struct rt_expr *expr)
{
    if (expr->kind == RT_EXPR_GLOBAL)
        return *rt_instance_global(instance, expr->index);
    return expr->value;
}

static bool fill_elem(struct rt_instance *instance, u32 index, struct err *err)
{
    const struct rt_elem *elem = &instance->module->file.elems[index];
    struct abi_table *table = rt_ctx_tables(instance)[elem->table];
    u64 at = evaluate(instance, &elem->at).u32;
    if (at > table->len || elem->item_count > table->len - at)
        return err_set(err, ERR_TRAP, ERR_NO_AT, "element segment %u: out of bounds table access",
                       index);
    for (u32 i = 0; i < elem->item_count; i++)
        table->entries[at + i] = elem->items[i].kind == RT_EXPR_FUNC
                                     ? rt_instance_entry(instance, elem->items[i].index)
                                     : (struct abi_entry){0};
    return true;
}

static bool fill_data(struct rt_instance *instance, u32 index, struct err *err)
{
    const struct rt_data *data = &instance->module->file.data[index];
    const struct abi_memory *memory = rt_ctx_memories(instance)[data->memory].memory;
    u64 at = evaluate(instance, &data->at).u32;
    if (at > memory->size_bytes || data->len > memory->size_bytes - at)
        return err_set(err, ERR_TRAP, ERR_NO_AT, "data segment %u: out of bounds memory access",
                       index);
    if (data->len > 0)
        memcpy(memory->base + at, data->bytes, data->len);
    return true;
}

static void fill_globals(struct rt_instance *instance)
{
    const struct rt_module_file *file = &instance->module->file;
    union abi_value *globals = rt_ctx_globals(instance);
    u32 imported = rt_import_count(instance->module, RT_EXTERN_GLOBAL);
    for (u32 i = 0; i < file->global_count; i++)
        globals[imported + i] = evaluate(instance, &file->globals[i].init);
}

static bool fill_tables(struct rt_instance *instance, struct err *err)
{
    const struct rt_module_file *file = &instance->module->file;
    for (u32 i = 0; i < file->elem_count; i++)
        if (file->elems[i].mode == RT_SEGMENT_ACTIVE && !fill_elem(instance, i, err))
            return false;
    for (u32 i = 0; i < file->table_count; i++) {
        struct rt_table *table = &instance->tables[i];
        memcpy(table->entries + table->abi.len + 1, table->entries,
               table->abi.len * sizeof *table->entries);
    }
    return true;
}

/* The segments that are not in the image. */
static bool fill_memories(struct rt_instance *instance, struct err *err)
{
    const struct rt_module_file *file = &instance->module->file;
    for (u32 i = 0; i < file->data_count; i++)
        if (file->data[i].mode == RT_SEGMENT_ACTIVE && !fill_data(instance, i, err))
            return false;
    return true;
}

/* entries[len] stays null: see struct abi_table. */
static bool table_create(struct rt_table *table, const struct rt_table_type *type, struct err *err)
{
    u64 len = type->limits.min;
    table->entries = calloc(2 * (len + 1), sizeof *table->entries);
    if (table->entries == NULL)
        return err_set(err, ERR_LIMIT, ERR_NO_AT, "no memory for a table of %llu elements",
                       (unsigned long long)len);
    table->declared_max = type->limits.max;
    table->abi = (struct abi_table){
        .entries = table->entries, .len = len, .max = min_u64(type->limits.max, RT_TABLE_LEN_MAX)};
    return true;
}

/* The module's own memories and tables, put into the context behind the imported ones. */
static bool create_parts(struct rt_instance *instance, struct err *err)
{
    const struct rt_module *module = instance->module;
    const struct rt_module_file *file = &module->file;
    u32 imported = rt_import_count(module, RT_EXTERN_MEMORY);
    for (u32 i = 0; i < file->memory_count; i++) {
        struct rt_memory *memory = &instance->memories[i];
        if (!rt_memory_create(memory, module, i, err))
            return false;
        rt_ctx_memories(instance)[imported + i] =
            (struct abi_memory_ref){.base = memory->abi.base, .memory = &memory->abi};
    }
    imported = rt_import_count(module, RT_EXTERN_TABLE);
    for (u32 i = 0; i < file->table_count; i++) {
        if (!table_create(&instance->tables[i], &file->tables[i], err))
            return false;
        rt_ctx_tables(instance)[imported + i] = &instance->tables[i].abi;
    }
    return true;
}

static bool allocate(struct rt_instance *instance, struct err *err)
{
    const struct rt_module *module = instance->module;
    instance->ctx = aligned_alloc(CTX_ALIGN, module->layout.size_bytes);
    instance->memories = calloc(module->file.memory_count + 1u, sizeof *instance->memories);
    instance->tables = calloc(module->file.table_count + 1u, sizeof *instance->tables);
    instance->hosts = calloc(rt_import_count(module, RT_EXTERN_FUNC) + 1u, sizeof *instance->hosts);
    if (instance->ctx == NULL || instance->memories == NULL || instance->tables == NULL ||
        instance->hosts == NULL)
        return err_set(err, ERR_LIMIT, ERR_NO_AT, "no memory for an instance");
    memset(instance->ctx, 0, module->layout.size_bytes);
    instance->ctx->builtins = &rt_builtins;
    u64 *type_ids = ctx_at(instance, module->layout.type_ids);
    for (u32 i = 0; i < module->file.type_count; i++)
        type_ids[i] = module->file.type_ids[i];
    return true;
}

bool rt_instance_create(struct rt_instance **out, struct rt_module *module,
                        const struct rt_provider *providers, size_t provider_count, struct err *err)
{
    struct rt_engine *engine = module->engine;
    if (engine->instance_count >= engine->options.instances_max)
        return err_set(err, ERR_LIMIT, ERR_NO_AT, "more than %u instances",
                       engine->options.instances_max);
    struct rt_instance *instance = calloc(1, sizeof *instance);
    if (instance == NULL)
        return err_set(err, ERR_LIMIT, ERR_NO_AT, "no memory for an instance");
    engine->instance_count++;
    instance->module = rt_module_retain(module);
    instance->group_next = instance->group_before = instance;
    instance->started = !rt_module_has_start(module);
    if (!allocate(instance, err) || !rt_instance_link(instance, providers, provider_count, err) ||
        !create_parts(instance, err)) {
        rt_instance_destroy(&instance);
        return false;
    }
    fill_globals(instance);
    if (!fill_tables(instance, err) || !fill_memories(instance, err)) {
        rt_instance_destroy(&instance);
        return false;
    }
    *out = instance;
    return true;
}

void rt_instance_destroy(struct rt_instance **instance)
{
    struct rt_instance *old = *instance;
    *instance = NULL;
    if (old == NULL)
        return;
    CHECK(old->fiber == NULL);
    old->group_next->group_before = old->group_before;
    old->group_before->group_next = old->group_next;
    for (u32 i = 0; old->memories != NULL && i < old->module->file.memory_count; i++)
        rt_memory_destroy(&old->memories[i]);
    for (u32 i = 0; old->tables != NULL && i < old->module->file.table_count; i++)
        free(old->tables[i].entries);
    free(old->memories);
    free(old->tables);
    free(old->hosts);
    free(old->ctx);
    old->module->engine->instance_count--;
    rt_module_release(&old->module);
    free(old);
}

bool rt_instance_reset(struct rt_instance *instance)
{
    struct rt_module *module = instance->module;
    CHECK(instance->fiber == NULL && instance->group_next == instance);
    for (u32 i = 0; i < module->file.memory_count; i++)
        if (!rt_memory_reset(module->engine, &instance->memories[i]))
            return false;
    for (u32 i = 0; i < module->file.table_count; i++) {
        struct rt_table *table = &instance->tables[i];
        u64 entries = table->abi.len + 1;
        memcpy(table->entries, table->entries + entries, entries * sizeof *table->entries);
    }
    instance->started = !rt_module_has_start(module);
    fill_globals(instance);
    return fill_memories(instance, NULL);
}

bool rt_global_read(const struct rt_instance *instance, const char *name, union abi_value *out)
{
    const struct rt_export *export = rt_module_export_find(instance->module, name, strlen(name));
    if (export == NULL || export->kind != RT_EXTERN_GLOBAL)
        return false;
    *out = *rt_instance_global(instance, export->index);
    return true;
}
