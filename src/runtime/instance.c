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

struct abi_host *rt_ctx_hosts(const struct rt_instance *instance)
{
    return ctx_at(instance, instance->module->layout.hosts);
}

static struct abi_entry make_entry(const struct rt_instance *instance, u32 defined)
{
    const struct rt_module *module = instance->module;
    return (struct abi_entry){
        .code = rt_code_at(module->code, module->code->funcs[defined]),
        .ctx = instance->ctx,
        .type_id = module->file.type_ids[module->file.funcs[defined].type],
    };
}

struct abi_entry rt_instance_entry(const struct rt_instance *instance, u32 func)
{
    const struct rt_module *module = instance->module;
    u32 imports = rt_import_count(module, RT_EXTERN_FUNC);
    if (func < imports)
        return rt_ctx_func_imports(instance)[func];
    u32 place = module->file.places[func - imports];
    return place != UINT32_MAX ? instance->entries[place] : make_entry(instance, func - imports);
}

/* The entries of functions that may become references, and where code finds them. */
static void fill_entries(struct rt_instance *instance)
{
    const struct rt_module *module = instance->module;
    const struct rt_module_file *file = &module->file;
    for (u32 i = 0; i < file->func_count; i++) {
        if (file->places[i] == UINT32_MAX)
            continue;
        struct abi_entry *entry = &instance->entries[file->places[i]];
        *entry = make_entry(instance, i);
        entry->ref = (u64)(uintptr_t)entry;
    }
    u64 *refs = ctx_at(instance, module->layout.refs);
    for (u32 i = 0; i < file->ref_count; i++)
        refs[i] = rt_instance_entry(instance, file->refs[i]).ref;
}

union abi_value *rt_instance_global(const struct rt_instance *instance, u32 index)
{
    union abi_value *slot = &rt_ctx_globals(instance)[index];
    if (index >= rt_import_count(instance->module, RT_EXTERN_GLOBAL))
        return slot;
    return (union abi_value *)(uintptr_t)slot->u64;
}

static u64 ref_of(const struct rt_instance *instance, u32 func)
{
    return rt_instance_entry(instance, func).ref;
}

/* Terms in postfix order: the decoder has made sure that operands are there. */
static union abi_value evaluate_terms(const struct rt_instance *instance,
                                      const struct rt_expr *expr)
{
    union abi_value stack[ABI_EXPR_MAX];
    u32 height = 0;
    for (u32 i = 0; i < expr->index; i++) {
        const struct rt_expr *term = &expr->terms[i];
        if (term->kind < RT_EXPR_I32_ADD) {
            stack[height++] = rt_instance_evaluate(instance, term);
            continue;
        }
        height--;
        CHECK(height > 0);
        u64 left = stack[height - 1].u64, right = stack[height].u64;
        bool is_add = term->kind == RT_EXPR_I32_ADD || term->kind == RT_EXPR_I64_ADD;
        bool is_sub = term->kind == RT_EXPR_I32_SUB || term->kind == RT_EXPR_I64_SUB;
        u64 value = is_add ? left + right : is_sub ? left - right : left * right;
        bool is_32 = term->kind <= RT_EXPR_I32_MUL;
        stack[height - 1] = (union abi_value){.u64 = is_32 ? (u32)value : value};
    }
    CHECK(height == 1);
    return stack[0];
}

union abi_value rt_instance_evaluate(const struct rt_instance *instance, const struct rt_expr *expr)
{
    if (expr->kind == RT_EXPR_GLOBAL)
        return *rt_instance_global(instance, expr->index);
    if (expr->kind == RT_EXPR_FUNC)
        return (union abi_value){.ref = ref_of(instance, expr->index)};
    if (expr->kind == RT_EXPR_TERMS)
        return evaluate_terms(instance, expr);
    return expr->value;
}

void rt_instance_copy_elems(const struct rt_instance *instance, struct rt_table *table, u64 to,
                            const struct rt_elem *elem, u64 from, u64 count)
{
    for (u64 i = 0; i < count; i++) {
        u64 ref = rt_instance_evaluate(instance, &elem->items[from + i]).ref;
        table->abi.entries[to + i] = rt_ref_entry(elem->reftype, ref);
    }
}

static bool fill_elem(struct rt_instance *instance, u32 index, struct err *err)
{
    const struct rt_elem *elem = &instance->module->file.elems[index];
    struct rt_table *table = (struct rt_table *)rt_ctx_tables(instance)[elem->table];
    u64 at = rt_instance_evaluate(instance, &elem->at).u32;
    if (at > table->abi.len || elem->item_count > table->abi.len - at)
        return err_set(err, ERR_TRAP, ERR_NO_AT, "element segment %u: out of bounds table access",
                       index);
    rt_instance_copy_elems(instance, table, at, elem, 0, elem->item_count);
    return true;
}

static bool fill_data(struct rt_instance *instance, u32 index, struct err *err)
{
    const struct rt_data *data = &instance->module->file.data[index];
    const struct abi_memory *memory = rt_ctx_memories(instance)[data->memory].memory;
    u64 at = rt_instance_evaluate(instance, &data->at).u32;
    if (at > memory->size_bytes || data->len > memory->size_bytes - at)
        return err_set(err, ERR_TRAP, ERR_NO_AT, "data segment %u: out of bounds memory access",
                       index);
    if (data->len > 0)
        memcpy(memory->base + at, data->bytes, data->len);
    return true;
}

/* ---- from a snapshot ---- */

static u64 ref_said(const struct rt_instance *instance, u32 func)
{
    return func == RT_FUNC_NONE ? 0 : ref_of(instance, func);
}

static void restore_globals(struct rt_instance *instance)
{
    const struct rt_module_file *file = &instance->module->file;
    const struct rt_snapshot *snapshot = instance->module->snapshot;
    union abi_value *globals = rt_ctx_globals(instance);
    for (u32 i = 0; i < file->global_count; i++) {
        u8 type = file->globals[i].type.valtype;
        globals[i] = snapshot->globals[i];
        if (type == RT_FUNCREF || type == RT_EXTERNREF)
            globals[i] = (union abi_value){.ref = ref_said(instance, globals[i].u32)};
    }
}

/* Their elements are null; lengths are those of the snapshot from here on. */
static void restore_tables(struct rt_instance *instance)
{
    for (u32 i = 0; i < instance->module->file.table_count; i++) {
        const struct rt_snapshot_table *from = &instance->module->snapshot->tables[i];
        struct rt_table *table = &instance->tables[i];
        table->abi.len = from->len;
        for (u32 k = 0; k < from->count; k++)
            table->abi.entries[k] = rt_ref_entry(RT_FUNCREF, ref_said(instance, from->funcs[k]));
    }
}

/* ---- from either ---- */

static void fill_globals(struct rt_instance *instance)
{
    const struct rt_module_file *file = &instance->module->file;
    union abi_value *globals = rt_ctx_globals(instance);
    u32 imported = rt_import_count(instance->module, RT_EXTERN_GLOBAL);
    if (instance->module->snapshot != NULL) {
        restore_globals(instance);
        return;
    }
    for (u32 i = 0; i < file->global_count; i++)
        globals[imported + i] = rt_instance_evaluate(instance, &file->globals[i].init);
}

static bool fill_tables(struct rt_instance *instance, struct err *err)
{
    const struct rt_module_file *file = &instance->module->file;
    if (instance->module->snapshot != NULL) {
        restore_tables(instance);
        return true;
    }
    for (u32 i = 0; i < file->elem_count; i++)
        if (file->elems[i].mode == RT_SEGMENT_ACTIVE && !fill_elem(instance, i, err))
            return false;
    return true;
}

/* The segments that are not in an image. */
static bool fill_memories(struct rt_instance *instance, struct err *err)
{
    const struct rt_module_file *file = &instance->module->file;
    if (instance->module->snapshot != NULL)
        return true;
    for (u32 i = 0; i < file->data_count; i++)
        if (file->data[i].mode == RT_SEGMENT_ACTIVE && !fill_data(instance, i, err))
            return false;
    return true;
}

static void fill_dropped(struct rt_instance *instance)
{
    const struct rt_module *module = instance->module;
    size_t data_len = module->file.data_count * sizeof(bool);
    size_t elem_len = module->file.elem_count * sizeof(bool);
    instance->any_dropped = false;
    memset(instance->data_dropped, 0, data_len);
    memset(instance->elem_dropped, 0, elem_len);
    if (module->snapshot == NULL)
        return;
    if (data_len > 0)
        memcpy(instance->data_dropped, module->snapshot->data_dropped, data_len);
    if (elem_len > 0)
        memcpy(instance->elem_dropped, module->snapshot->elem_dropped, elem_len);
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
    for (u32 i = 0; i < file->table_count; i++)
        rt_ctx_tables(instance)[imported + i] = &instance->tables[i].abi;
    return rt_tables_create(instance->tables, file->tables, file->table_count, err);
}

static bool allocate(struct rt_instance *instance, struct err *err)
{
    const struct rt_module *module = instance->module;
    instance->ctx = aligned_alloc(CTX_ALIGN, module->layout.size_bytes);
    instance->memories = calloc(module->file.memory_count + 1u, sizeof *instance->memories);
    instance->tables = calloc(module->file.table_count + 1u, sizeof *instance->tables);
    instance->entries = calloc(module->file.entry_count + 1u, sizeof *instance->entries);
    instance->data_dropped = calloc(module->file.data_count + 1u, sizeof(bool));
    instance->elem_dropped = calloc(module->file.elem_count + 1u, sizeof(bool));
    if (instance->ctx == NULL || instance->memories == NULL || instance->tables == NULL ||
        instance->entries == NULL || instance->data_dropped == NULL ||
        instance->elem_dropped == NULL)
        return err_set(err, ERR_LIMIT, ERR_NO_AT, "no memory for an instance");
    memset(instance->ctx, 0, module->layout.size_bytes);
    instance->ctx->builtins = &rt_builtins;
    instance->ctx->instance = instance;
    u64 *type_ids = ctx_at(instance, module->layout.type_ids);
    for (u32 i = 0; i < module->file.type_count; i++)
        type_ids[i] = module->file.type_ids[i];
    return true;
}

/* A segment did not fit. What earlier ones wrote into imported tables stays and may be called: the
 * instance then lives as long as one that it is linked to. */
static void give_up(struct rt_instance *instance)
{
    struct rt_instance *other = instance->group_next;
    if (other == instance) {
        rt_instance_destroy(&instance);
        return;
    }
    instance->kept_next = other->kept;
    other->kept = instance;
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
    fill_entries(instance);
    fill_globals(instance);
    fill_dropped(instance);
    if (!fill_tables(instance, err) || !fill_memories(instance, err)) {
        give_up(instance);
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
    if (old->tables != NULL)
        rt_tables_destroy(old->tables, old->module->file.table_count);
    while (old->kept != NULL) {
        struct rt_instance *kept = old->kept;
        old->kept = kept->kept_next;
        rt_instance_destroy(&kept);
    }
    free(old->memories);
    free(old->tables);
    free(old->entries);
    free(old->data_dropped);
    free(old->elem_dropped);
    free(old->ctx);
    old->module->engine->instance_count--;
    rt_module_release(&old->module);
    free(old);
}

/* Tables that the guest changed are filled anew; so are those it left alone, if there is one. */
static bool reset_tables(struct rt_instance *instance)
{
    const struct rt_module_file *file = &instance->module->file;
    bool changed = false;
    for (u32 i = 0; i < file->table_count; i++)
        changed |= instance->tables[i].changed;
    if (!changed)
        return true;
    for (u32 i = 0; i < file->table_count; i++)
        rt_table_reset(&instance->tables[i]);
    return fill_tables(instance, NULL);
}

bool rt_instance_reset(struct rt_instance *instance)
{
    struct rt_module *module = instance->module;
    CHECK(instance->fiber == NULL && instance->group_next == instance);
    for (u32 i = 0; i < module->file.memory_count; i++)
        if (!rt_memory_reset(module->engine, &instance->memories[i]))
            return false;
    instance->started = !rt_module_has_start(module);
    fill_globals(instance);
    if (instance->any_dropped)
        fill_dropped(instance);
    return reset_tables(instance) && fill_memories(instance, NULL);
}

u64 rt_instance_held_bytes(const struct rt_instance *instance, u64 least)
{
    u64 size = 0, held = 0;
    const struct rt_module_file *file = &instance->module->file;
    for (u32 i = 0; i < file->table_count; i++)
        held += instance->tables[i].abi.len * sizeof(struct abi_entry);
    for (u32 i = 0; i < file->memory_count; i++)
        size += instance->memories[i].abi.size_bytes;
    if (held + size <= least)
        return 0;
    for (u32 i = 0; i < file->memory_count; i++)
        held += rt_memory_held_bytes(instance->module->engine, &instance->memories[i]);
    return held;
}

bool rt_global_read(const struct rt_instance *instance, const char *name, union abi_value *out)
{
    const struct rt_export *export = rt_module_export_find(instance->module, name, strlen(name));
    if (export == NULL || export->kind != RT_EXTERN_GLOBAL)
        return false;
    *out = *rt_instance_global(instance, export->index);
    return true;
}
