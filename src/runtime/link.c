/*
 * runtime/link.c -- imports: answered by host functions or by exports of other instances.
 * spec: core/exec/modules, external typing (matching of limits and types)
 */
#include "base/check.h"
#include "runtime/internal.h"
#include <stdio.h>
#include <string.h>

#define CALLER_TEXT_MAX 120

/* Appends to a text of len bytes in all; what does not fit is dropped. */
static void append(char *out, size_t len, const char *text)
{
    size_t at = strlen(out);
    snprintf(out + at, len - at, "%s", text);
}

/* "(i32, f64) -> (i32)" into out, cut off at len. */
static void type_text(const struct rt_func_type *type, char *out, size_t len)
{
    snprintf(out, len, "(");
    for (u32 i = 0; i < type->param_count; i++) {
        append(out, len, i == 0 ? "" : ", ");
        append(out, len, rt_valtype_text(type->params[i]));
    }
    append(out, len, ") -> (");
    for (u32 i = 0; i < type->result_count; i++) {
        append(out, len, i == 0 ? "" : ", ");
        append(out, len, rt_valtype_text(type->results[i]));
    }
    append(out, len, ")");
}

static bool text_is(struct rt_text text, const char *with)
{
    return strlen(with) == text.len && memcmp(text.bytes, with, text.len) == 0;
}

static bool text_starts(struct rt_text text, const char *with)
{
    return text.len >= strlen(with) && memcmp(text.bytes, with, strlen(with)) == 0;
}

static const char *remedy(const struct rt_import *import)
{
    if (text_starts(import->module, "wasi_"))
        return "it is no function of WASI preview 1";
    if (text_is(import->module, "env") && text_starts(import->field, "emscripten_asm_"))
        return "EM_ASM is JavaScript, which nothing here runs: write that part in C";
    if (text_is(import->module, "env"))
        return "rebuild with -sSTANDALONE_WASM, or define it in the module";
    return "no other module is linked to this one: define it in the module";
}

static void describe(const struct rt_module *module, enum rt_extern kind,
                     const struct rt_import *import, char *out, size_t len)
{
    switch (kind) {
    case RT_EXTERN_FUNC: type_text(&module->file.types[import->type], out, len); break;
    case RT_EXTERN_TABLE:
        snprintf(out, len, "table of at least %llu %s",
                 (unsigned long long)import->table.limits.min,
                 rt_valtype_text(import->table.reftype));
        break;
    case RT_EXTERN_MEMORY:
        snprintf(out, len, "memory of at least %llu pages",
                 (unsigned long long)import->memory.limits.min);
        break;
    case RT_EXTERN_GLOBAL:
        snprintf(out, len, "%s global %s", import->global.is_mutable ? "mutable" : "constant",
                 rt_valtype_text(import->global.valtype));
        break;
    }
}

/* ERR_LINK: "MODULE.FIELD, a TYPE: WHY". */
static bool refuse(const struct rt_module *module, enum rt_extern kind,
                   const struct rt_import *import, const char *why, struct err *err)
{
    char type[RT_TYPE_TEXT_MAX];
    describe(module, kind, import, type, sizeof type);
    return err_set(err, ERR_LINK, ERR_NO_AT, "import %.*s.%.*s %s: %s",
                   (int)min_u64(import->module.len, 100), import->module.bytes,
                   (int)min_u64(import->field.len, 120), import->field.bytes, type, why);
}

/* Its name, or in a module without names the one it is exported under; may be empty. */
static struct rt_text caller_name(const struct rt_module *module, u32 caller)
{
    struct rt_text name = module->file.funcs[caller - rt_import_count(module, RT_EXTERN_FUNC)].name;
    for (u32 i = 0; i < module->file.export_count && name.len == 0; i++) {
        const struct rt_export *export = &module->file.exports[i];
        if (export->kind == RT_EXTERN_FUNC && export->index == caller)
            name = export->name;
    }
    return name;
}

/* ", and NAME (func INDEX) calls it", as far as that is known. */
static void caller_text(const struct rt_module *module, enum rt_extern kind,
                        const struct rt_import *import, char *out, size_t len)
{
    out[0] = 0;
    if (kind != RT_EXTERN_FUNC || import->caller == 0)
        return;
    struct rt_text name = caller_name(module, import->caller);
    if (name.len > 0)
        snprintf(out, len, ", and %.*s (func %u) calls it", (int)min_u64(name.len, 60), name.bytes,
                 import->caller);
    else
        snprintf(out, len, ", and func[%u] calls it", import->caller);
}

static bool missing(const struct rt_module *module, enum rt_extern kind,
                    const struct rt_import *import, struct err *err)
{
    char why[CALLER_TEXT_MAX + 160], caller[CALLER_TEXT_MAX];
    caller_text(module, kind, import, caller, sizeof caller);
    snprintf(why, sizeof why, "nothing offers it%s; %s", caller, remedy(import));
    return refuse(module, kind, import, why, err);
}

/* Has the function the type its row's signature spells? */
static bool signature_fits(const char *signature, const struct rt_func_type *type)
{
    static const char letters[] = "FfIi"; /* from RT_F64 = 0x7c up */
    for (u32 i = 0; i < type->param_count; i++)
        if (type->params[i] < RT_F64 || *signature++ != letters[type->params[i] - RT_F64])
            return false;
    if (*signature++ != '_')
        return false;
    for (u32 i = 0; i < type->result_count; i++)
        if (type->results[i] < RT_F64 || *signature++ != letters[type->results[i] - RT_F64])
            return false;
    return *signature == '\0';
}

/* Finds the host function for every function import, as far as they are offered by now. */
static void bind_hosts(struct rt_module *module)
{
    const struct rt_engine *engine = module->engine;
    const struct rt_imports *imports = &module->file.imports[RT_EXTERN_FUNC];
    for (u32 i = 0; i < imports->count; i++) {
        module->hosts[i] = NULL;
        for (u32 row = engine->host_count; row-- > 0 && module->hosts[i] == NULL;)
            if (text_is(imports->items[i].module, engine->hosts[row]->module) &&
                text_is(imports->items[i].field, engine->hosts[row]->field))
                module->hosts[i] = engine->hosts[row];
    }
}

static bool check_host(const struct rt_module *module, u32 index, struct err *err)
{
    const struct rt_import *import = &module->file.imports[RT_EXTERN_FUNC].items[index];
    const struct rt_host_func *host = module->hosts[index];
    if (host == NULL)
        return missing(module, RT_EXTERN_FUNC, import, err);
    if (!signature_fits(host->signature, &module->file.types[import->type])) {
        char why[120];
        snprintf(why, sizeof why, "the host's has the signature %s", host->signature);
        return refuse(module, RT_EXTERN_FUNC, import, why, err);
    }
    return true;
}

/* The import of this number among those of all kinds. */
static const struct rt_import *import_at(const struct rt_module *module, u32 index,
                                         enum rt_extern *kind, u32 *of_kind)
{
    for (u32 k = RT_EXTERN_FUNC; k <= RT_EXTERN_GLOBAL; k++) {
        const struct rt_imports *imports = &module->file.imports[k];
        if (index < imports->count) {
            *kind = (enum rt_extern)k;
            *of_kind = index;
            return &imports->items[index];
        }
        index -= imports->count;
    }
    UNREACHABLE();
}

u32 rt_module_import_count(const struct rt_module *module)
{
    u32 count = 0;
    for (u32 kind = RT_EXTERN_FUNC; kind <= RT_EXTERN_GLOBAL; kind++)
        count += module->file.imports[kind].count;
    return count;
}

void rt_module_import_describe(const struct rt_module *module, u32 index,
                               struct rt_import_info *out)
{
    u32 of_kind;
    *out = (struct rt_import_info){.caller = RT_FUNC_NONE};
    const struct rt_import *import = import_at(module, index, &out->kind, &of_kind);
    out->module = import->module;
    out->field = import->field;
    describe(module, out->kind, import, out->type, sizeof out->type);
    if (out->kind == RT_EXTERN_FUNC && import->caller != 0) {
        out->caller = import->caller;
        out->caller_name = caller_name(module, import->caller);
    }
}

/* Host functions are bound. */
static bool check_import(const struct rt_module *module, u32 index, struct err *err)
{
    enum rt_extern kind;
    u32 of_kind;
    const struct rt_import *import = import_at(module, index, &kind, &of_kind);
    return kind == RT_EXTERN_FUNC ? check_host(module, of_kind, err)
                                  : missing(module, kind, import, err);
}

bool rt_module_check_import(struct rt_module *module, u32 index, struct err *err)
{
    bind_hosts(module);
    return check_import(module, index, err);
}

bool rt_module_check_imports(struct rt_module *module, struct err *err)
{
    bind_hosts(module);
    for (u32 i = 0; i < rt_module_import_count(module); i++)
        if (!check_import(module, i, err))
            return false;
    return true;
}

/* References to an imported function are to this entry. */
static void set_func_import(struct rt_instance *instance, u32 index, struct abi_entry entry)
{
    struct abi_entry *import = &rt_ctx_func_imports(instance)[index];
    *import = entry;
    import->ref = (u64)(uintptr_t)import;
}

static void link_host(struct rt_instance *instance, u32 index)
{
    const struct rt_module *module = instance->module;
    u32 type = rt_module_func_type(module, index);
    struct abi_host *host = &rt_ctx_hosts(instance)[index];
    *host = (struct abi_host){
        .vmctx = instance->ctx,
        .fn = (void *)module->hosts[index]->code,
        .instance = instance,
        .index = index,
    };
    set_func_import(instance, index,
                    (struct abi_entry){
                        .code = rt_code_at(module->code, module->code->host_calls[type]),
                        .ctx = host,
                        .type_id = module->file.type_ids[type],
                    });
}

/* In the place of a watched host function; host is what that would have for its instance. */
NO_RETURN static void end_watched(const struct abi_host *host)
{
    struct rt_instance *instance = host->vmctx->instance;
    instance->caught = instance->module->hosts[host->index];
    rt_host_trap(instance, "a host function was called that is watched");
}

void rt_instance_watch(struct rt_instance *instance, u32 flags)
{
    const struct rt_module *module = instance->module;
    CHECK(instance->fiber == NULL);
    for (u32 i = 0; i < rt_import_count(module, RT_EXTERN_FUNC); i++) {
        struct abi_host *host = &rt_ctx_hosts(instance)[i];
        if (host->instance != instance || (module->hosts[i]->flags & flags) == 0)
            continue; /* another instance's function, or none of these */
        host->fn = (void *)end_watched;
        host->instance = host;
    }
}

const struct rt_host_func *rt_instance_caught(const struct rt_instance *instance)
{
    return instance->caught;
}

static bool limits_fit(u64 size, u64 max, struct rt_limits wanted)
{
    return size >= wanted.min && (wanted.max == UINT64_MAX || max <= wanted.max);
}

/* Sets import `index` from a provider's export; false: it does not fit. */
static bool link_export(struct rt_instance *instance, enum rt_extern kind, u32 index,
                        const struct rt_instance *from, const struct rt_export *export)
{
    const struct rt_module *module = instance->module;
    const struct rt_import *import = &module->file.imports[kind].items[index];
    if (export->kind != kind)
        return false;
    switch (kind) {
    case RT_EXTERN_FUNC: {
        struct abi_entry entry = rt_instance_entry(from, export->index);
        set_func_import(instance, index, entry);
        rt_ctx_hosts(instance)[index] = (struct abi_host){
            .vmctx = instance->ctx, .fn = entry.code, .instance = entry.ctx, .index = index};
        return entry.type_id == module->file.type_ids[import->type];
    }
    case RT_EXTERN_TABLE: {
        struct abi_table *table = rt_ctx_tables(from)[export->index];
        rt_ctx_tables(instance)[index] = table;
        const struct rt_table_type *type = ((struct rt_table *)table)->type;
        return type->reftype == import->table.reftype &&
               limits_fit(table->len, type->limits.max, import->table.limits);
    }
    case RT_EXTERN_MEMORY: {
        struct abi_memory *memory = rt_ctx_memories(from)[export->index].memory;
        rt_ctx_memories(instance)[index] =
            (struct abi_memory_ref){.base = memory->base, .memory = memory};
        return limits_fit(memory->size_bytes / ABI_PAGE_BYTES,
                          ((struct rt_memory *)memory)->declared_max, import->memory.limits);
    }
    case RT_EXTERN_GLOBAL: {
        struct rt_global_type type = rt_module_global_type(from->module, export->index);
        rt_ctx_globals(instance)[index].u64 =
            (u64)(uintptr_t)rt_instance_global(from, export->index);
        return type.valtype == import->global.valtype &&
               type.is_mutable == import->global.is_mutable;
    }
    }
    UNREACHABLE();
}

/* Makes one ring of the groups of a and b, unless they are one already. */
static void join_groups(struct rt_instance *a, struct rt_instance *b)
{
    for (struct rt_instance *i = a->group_next; i != a; i = i->group_next)
        if (i == b)
            return;
    struct rt_instance *a_next = a->group_next, *b_next = b->group_next;
    a->group_next = b_next;
    b_next->group_before = a;
    b->group_next = a_next;
    a_next->group_before = b;
}

/* The instance and export that answer an import, or NULL: a host function may. */
static const struct rt_export *find_export(const struct rt_import *import,
                                           const struct rt_provider *providers, size_t count,
                                           struct rt_instance **from)
{
    for (size_t i = 0; i < count; i++) {
        if (!text_is(import->module, providers[i].module))
            continue;
        *from = providers[i].instance;
        const struct rt_export *export =
            rt_module_export_find((*from)->module, import->field.bytes, import->field.len);
        if (export != NULL)
            return export;
    }
    return NULL;
}

bool rt_instance_link(struct rt_instance *instance, const struct rt_provider *providers,
                      size_t provider_count, struct err *err)
{
    struct rt_module *module = instance->module;
    bind_hosts(module);
    for (u32 kind = RT_EXTERN_FUNC; kind <= RT_EXTERN_GLOBAL; kind++) {
        for (u32 i = 0; i < module->file.imports[kind].count; i++) {
            const struct rt_import *import = &module->file.imports[kind].items[i];
            struct rt_instance *from;
            const struct rt_export *export = find_export(import, providers, provider_count, &from);
            if (export == NULL && kind == RT_EXTERN_FUNC) {
                if (!check_host(module, i, err))
                    return false;
                link_host(instance, i);
                continue;
            }
            if (export == NULL)
                return missing(module, (enum rt_extern)kind, import, err);
            if (!link_export(instance, (enum rt_extern)kind, i, from, export))
                return refuse(module, (enum rt_extern)kind, import,
                              "what is offered under this name has another type", err);
            join_groups(instance, from);
        }
    }
    return true;
}
