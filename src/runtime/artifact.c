/*
 * runtime/artifact.c -- loaded modules: both files of an artifact together, exports, and the host
 * functions that answer the imports.
 */
#include "runtime/internal.h"
#include "base/check.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARENA_BYTES (512 * MIB)

u32 rt_module_func_type(const struct rt_module *module, u32 func)
{
    const struct rt_imports *imports = &module->file.imports[RT_EXTERN_FUNC];
    return func < imports->count ? imports->items[func].type
                                 : module->file.funcs[func - imports->count].type;
}

struct rt_global_type rt_module_global_type(const struct rt_module *module, u32 global)
{
    const struct rt_imports *imports = &module->file.imports[RT_EXTERN_GLOBAL];
    return global < imports->count ? imports->items[global].global
                                   : module->file.globals[global - imports->count].type;
}

/* A store names code files after their key; a file so named must be the one meant. */
static bool name_fits(const char *path, const struct digest *key)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    size_t len = strspn(name, "0123456789abcdef");
    char hex[DIGEST_HEX];
    digest_hex(key, hex);
    return len != DIGEST_HEX - 1 || memcmp(name, hex, len) == 0;
}

/* Do the two files belong together, and is there a stub for every call across the border? */
static bool check_agreement(const struct rt_module *module, struct err *err)
{
    const struct rt_module_file *file = &module->file;
    const struct rt_code *code = module->code;
    if (code->header->func_count != file->func_count ||
        code->header->type_count != file->type_count || !name_fits(code->path, &file->code_key))
        return err_set(err, ERR_ARTIFACT, ERR_NO_AT, "code and module file are not of one module");
    for (u32 i = 0; i < file->export_count; i++) {
        const struct rt_export *export = &file->exports[i];
        if (export->kind == RT_EXTERN_FUNC &&
            code->entries[rt_module_func_type(module, export->index)] == 0)
            return err_set(err, ERR_ARTIFACT, ERR_NO_AT, "code file: no entry for export %u", i);
    }
    if (file->start != UINT32_MAX && code->entries[rt_module_func_type(module, file->start)] == 0)
        return err_set(err, ERR_ARTIFACT, ERR_NO_AT, "code file: no entry for the start function");
    for (u32 i = 0; i < rt_import_count(module, RT_EXTERN_FUNC); i++)
        if (file->types[rt_module_func_type(module, i)].result_count <= 1 &&
            code->host_calls[rt_module_func_type(module, i)] == 0)
            return err_set(err, ERR_ARTIFACT, ERR_NO_AT, "code file: no stub for import %u", i);
    return true;
}

static bool name_types(struct rt_module *module, struct err *err)
{
    for (u32 i = 0; i < module->file.type_count; i++)
        if (!rt_type_id(&module->engine->types, &module->file.types[i], &module->file.type_ids[i],
                        err))
            return false;
    return true;
}

bool rt_module_has_start(const struct rt_module *module)
{
    return module->snapshot == NULL &&
           (module->file.start != UINT32_MAX || module->file.initialize != UINT32_MAX);
}

static void module_destroy(struct rt_module *module)
{
    rt_snapshot_fini(module->snapshot);
    rt_code_release(module->engine, &module->code);
    file_unmap(&module->view);
    fd_close(&module->fd);
    arena_fini(&module->arena);
    free(module->hosts);
    free(module);
}

static bool module_open(struct rt_module *module, const char *path, const struct digest *mac_key,
                        struct err *err)
{
    size_t body_len;
    module->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (module->fd < 0)
        return err_sys(err, "cannot open module file %s", path);
    if (!file_map_fd(module->fd, RT_MODULE_BYTES, "module file", &module->view, err) ||
        !rt_trailer_check(&module->view, path, mac_key, "module file", &body_len, err) ||
        !rt_module_file_decode(&module->file, &module->arena, module->view.bytes, body_len, err))
        return err_context(err, "%s", path);
    return true;
}

bool rt_module_load(struct rt_module **out, struct rt_engine *engine, const char *code_path,
                    const char *module_path, const struct digest *mac_key, struct err *err)
{
    if (code_path[0] != '/' || module_path[0] != '/')
        return err_set(err, ERR_ARTIFACT, ERR_NO_AT, "%s: not an absolute path",
                       code_path[0] != '/' ? code_path : module_path);
    struct rt_module *module = check_alloc(sizeof *module);
    module->engine = engine;
    module->refs = 1;
    module->fd = -1;
    arena_init(&module->arena, ARENA_BYTES);
    bool ok = module_open(module, module_path, mac_key, err) &&
              rt_code_load(&module->code, engine, code_path, mac_key, err) &&
              check_agreement(module, err) && name_types(module, err);
    u32 imports = rt_import_count(module, RT_EXTERN_FUNC);
    if (ok) {
        module->hosts = calloc((size_t)imports + 1, sizeof *module->hosts);
        ok = module->hosts != NULL ||
             err_set(err, ERR_LIMIT, ERR_NO_AT, "no memory for %u imports", imports);
    }
    if (!ok) {
        module_destroy(module);
        return false;
    }
    const struct rt_module_file *file = &module->file;
    module->layout = abi_layout_make((struct abi_counts){
        .memories = file->memory_count + rt_import_count(module, RT_EXTERN_MEMORY),
        .tables = file->table_count + rt_import_count(module, RT_EXTERN_TABLE),
        .globals = file->global_count + rt_import_count(module, RT_EXTERN_GLOBAL),
        .func_imports = imports,
        .types = file->type_count,
        .refs = file->ref_count,
    });
    engine->module_count++;
    *out = module;
    return true;
}

struct rt_module *rt_module_retain(struct rt_module *module)
{
    module->refs++;
    return module;
}

void rt_module_release(struct rt_module **module)
{
    struct rt_module *old = *module;
    *module = NULL;
    if (old == NULL || --old->refs > 0)
        return;
    old->engine->module_count--;
    module_destroy(old);
}

const struct rt_export *rt_module_exports(const struct rt_module *module, u32 *count)
{
    *count = module->file.export_count;
    return module->file.exports;
}

const struct rt_export *rt_module_export_find(const struct rt_module *module, const char *name,
                                              size_t name_len)
{
    for (u32 i = 0; i < module->file.export_count; i++) {
        const struct rt_export *export = &module->file.exports[i];
        if (export->name.len == name_len && memcmp(export->name.bytes, name, name_len) == 0)
            return export;
    }
    return NULL;
}

void rt_module_describe(const struct rt_module *module, struct rt_module_info *out)
{
    const struct rt_module_file *f = &module->file;
    const struct rt_imports *memories = &f->imports[RT_EXTERN_MEMORY];
    const struct rt_imports *tables = &f->imports[RT_EXTERN_TABLE];
    *out = (struct rt_module_info){
        .code_key = f->code_key,
        .func_count = f->func_count,
        .memory_count = memories->count + f->memory_count,
        .table_count = tables->count + f->table_count,
        .global_count = f->imports[RT_EXTERN_GLOBAL].count + f->global_count,
        .text_bytes = module->code->text_end - module->code->text_start,
        .image_bytes = f->image_len,
        .has_start = f->start != UINT32_MAX,
        .has_initialize = f->initialize != UINT32_MAX,
        .imports_memory = memories->count > 0,
    };
    if (out->memory_count > 0) {
        struct rt_limits pages =
            memories->count > 0 ? memories->items[0].memory.limits : f->memories[0].limits;
        out->memory_min = pages.min;
        out->memory_max = pages.max;
    }
    if (out->table_count > 0) {
        struct rt_limits elements =
            tables->count > 0 ? tables->items[0].table.limits : f->tables[0].limits;
        out->table_min = elements.min;
        out->table_max = elements.max;
    }
}

const struct rt_export *rt_module_entry_find(const struct rt_module *module, const char *name)
{
    const struct rt_export *found = rt_module_export_find(module, name, strlen(name));
    bool fits = found != NULL && found->kind == RT_EXTERN_FUNC && found->type->param_count == 0 &&
                found->type->result_count == 0;
    return fits ? found : NULL;
}
