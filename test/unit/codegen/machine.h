/*
 * test/unit/codegen/machine.h -- compiles a module written as text and runs its functions in this
 * process, with a context made by hand: what the runtime does, in its simplest form.
 */
#pragma once
#include "abi/artifact.h"
#include "base/check.h"
#include "codegen/codegen.h"
#include "test/test.h"
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MACHINE_SIGNAL 100 /* + signal: what machine_trap returns for a fault */

struct machine {
    struct arena arena;
    char folder[64];
    u8 *wasm;
    size_t wasm_len;
    struct wasm_module *module;
    struct err err;
    void *library;
    const struct abi_code *code;
    struct abi_layout layout;
    u8 *reservation;
    struct abi_memory memory;
    struct abi_table table;
    struct abi_exec exec;
    union abi_value values[ABI_VALUES_MAX];
    struct abi_vmctx *ctx;
};

/* One compiler for all tests of a program: LLVM's options are set once. cpu counts the first time.
 */
static inline struct cg *machine_cg_for(const char *cpu)
{
    static struct cg *cg;
    struct err err = {0};
    if (cg == NULL && !cg_create(&cg, cpu, &err))
        fail_msg("%s", err.text);
    return cg;
}

static inline struct cg *machine_cg(void)
{
    return machine_cg_for(NULL);
}

static inline void machine_builtin_trap(struct abi_exec *exec, u64 trap)
{
    (void)exec;
    _exit((int)trap);
}

static inline void machine_builtin_yield(struct abi_exec *exec)
{
    exec->pending = 0;
}

/* Reports what it got: memory << 32 | delta. */
static inline u64 machine_builtin_grow(struct abi_vmctx *ctx, u64 memory, u64 delta)
{
    (void)ctx;
    return delta == 0xffffffff ? UINT64_MAX : memory << 32 | delta;
}

static const struct abi_builtins machine_builtins = {
    .trap = machine_builtin_trap,
    .yield = machine_builtin_yield,
    .memory_grow = machine_builtin_grow,
};

static inline void machine_path(const struct machine *m, const char *name, char out[128])
{
    snprintf(out, 128, "%s/%s", m->folder, name);
}

static inline void machine_write(const char *path, const void *bytes, size_t len)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

/* Reads a whole file; free it. */
static inline u8 *machine_read(const char *path, size_t *len)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    *len = (size_t)ftell(file);
    rewind(file);
    u8 *bytes = malloc(*len + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *len, file), *len);
    fclose(file);
    return bytes;
}

static inline void machine_decode(struct machine *m)
{
    bool ok = wasm_module_decode(m->wasm, m->wasm_len, &m->arena, &m->module, &m->err) &&
              wasm_module_validate(m->module, &m->arena, &m->err);
    if (!ok)
        fail_msg("%s", m->err.text);
}

static inline void machine_init_empty(struct machine *m)
{
    *m = (struct machine){0};
    arena_init(&m->arena, GIB);
    memcpy(m->folder, "/tmp/weir-codegen-XXXXXX", sizeof "/tmp/weir-codegen-XXXXXX");
    assert_non_null(mkdtemp(m->folder));
}

/* Text to a validated module, in a folder of its own. */
static inline void machine_init(struct machine *m, const char *wat)
{
    machine_init_empty(m);
    char text[128], binary[128], command[400];
    machine_path(m, "m.wat", text);
    machine_path(m, "m.wasm", binary);
    machine_write(text, wat, strlen(wat));
    snprintf(command, sizeof command, "wat2wasm --debug-names %s -o %s", text, binary);
    assert_int_equal(system(command), 0);
    m->wasm = machine_read(binary, &m->wasm_len);
    machine_decode(m);
}

static inline void machine_fini(struct machine *m)
{
    static const char *const names[] = {"m.wat", "m.wasm", "m.code", "m.module"};
    char path[128];
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        machine_path(m, names[i], path);
        unlink(path);
    }
    rmdir(m->folder); /* fails if the compiler left something: the next test sees it */
    assert_int_not_equal(access(m->folder, F_OK), 0);
    if (m->library != NULL)
        dlclose(m->library);
    if (m->reservation != NULL)
        munmap(m->reservation, ABI_GUARD_BEFORE + 4 * GIB + ABI_GUARD_AFTER);
    free(m->table.entries);
    free(m->ctx);
    free(m->wasm);
    arena_fini(&m->arena);
}

static inline void machine_make_memory(struct machine *m)
{
    size_t len = ABI_GUARD_BEFORE + 4 * GIB + ABI_GUARD_AFTER;
    m->reservation = mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_not_equal(m->reservation, MAP_FAILED);
    m->memory.base = m->reservation + ABI_GUARD_BEFORE;
    m->memory.size_bytes = m->module->memories[0].limits.min * ABI_PAGE_BYTES;
    assert_int_equal(mprotect(m->memory.base, m->memory.size_bytes, PROT_READ | PROT_WRITE), 0);
    struct abi_memory_ref *refs = (void *)((u8 *)m->ctx + m->layout.memories);
    refs[0] = (struct abi_memory_ref){.base = m->memory.base, .memory = &m->memory};
}

static inline void *machine_func(const struct machine *m, u32 index)
{
    const i32 *offsets = (const i32 *)(m->code + 1);
    return (u8 *)(uintptr_t)m->code + offsets[index - m->module->func_import_count];
}

static inline void machine_make_table(struct machine *m)
{
    m->table.len = m->module->tables[0].limits.min;
    m->table.entries = calloc(m->table.len + 1, sizeof *m->table.entries);
    assert_non_null(m->table.entries);
    ((struct abi_table **)(void *)((u8 *)m->ctx + m->layout.tables))[0] = &m->table;
    for (u32 i = 0; i < m->module->elem_count; i++) {
        const struct wasm_elem *elem = &m->module->elems[i];
        for (u32 k = 0; k < elem->item_count; k++) {
            u32 func = elem->items[k].index;
            m->table.entries[elem->at.bits + k] = (struct abi_entry){
                .code = machine_func(m, func),
                .ctx = m->ctx,
                .type_id = m->module->funcs[func].type + 1,
            };
        }
    }
}

static inline union abi_value *machine_global(struct machine *m, u32 index)
{
    return (union abi_value *)(void *)((u8 *)m->ctx + m->layout.globals) + index;
}

static inline struct abi_entry *machine_import(struct machine *m, u32 index)
{
    return (struct abi_entry *)(void *)((u8 *)m->ctx + m->layout.func_imports) + index;
}

static inline struct abi_host *machine_host(struct machine *m, u32 index)
{
    return (struct abi_host *)(void *)((u8 *)m->ctx + m->layout.hosts) + index;
}

static inline void machine_make_context(struct machine *m)
{
    const struct wasm_module *w = m->module;
    m->layout = abi_layout_make((struct abi_counts){.memories = w->memory_count,
                                                    .tables = w->table_count,
                                                    .globals = w->global_count,
                                                    .func_imports = w->func_import_count,
                                                    .types = w->type_count});
    m->ctx = calloc(1, m->layout.size_bytes);
    assert_non_null(m->ctx);
    m->exec.values = m->values;
    m->ctx->exec = &m->exec;
    m->ctx->builtins = &machine_builtins;
    u64 *type_ids = (u64 *)(void *)((u8 *)m->ctx + m->layout.type_ids);
    for (u32 i = 0; i < w->type_count; i++)
        type_ids[i] = i + 1;
    for (u32 i = w->global_import_count; i < w->global_count; i++)
        machine_global(m, i)->u64 = w->globals[i].init.bits;
    if (w->memory_count > 0)
        machine_make_memory(m);
    if (w->table_count > 0)
        machine_make_table(m);
}

/* Compiles and loads a module that machine_init has read. */
static inline void machine_load(struct machine *m, struct cg_options options)
{
    char path[128];
    machine_path(m, "m.code", path);
    if (!cg_code_write(machine_cg(), m->module, options, path, &m->err))
        fail_msg("%s", m->err.text);
    m->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (m->library == NULL)
        fail_msg("%s", dlerror());
    m->code = dlsym(m->library, ABI_CODE_SYMBOL);
    assert_non_null(m->code);
    assert_int_equal(m->code->magic, ABI_CODE_MAGIC);
    machine_make_context(m);
}

static inline u32 machine_export(const struct machine *m, const char *name)
{
    for (u32 i = 0; i < m->module->export_count; i++) {
        const struct wasm_export *export = &m->module->exports[i];
        if (export->name.len == strlen(name) &&
            memcmp(export->name.bytes, name, export->name.len) == 0)
            return export->index;
    }
    fail_msg("no export %s", name);
    return 0;
}

/* Calls an exported function; arguments and results are in slots. */
static inline void machine_call(struct machine *m, const char *name, union abi_value *slots)
{
    u32 index = machine_export(m, name), type = m->module->funcs[index].type;
    const i32 *entries = (const i32 *)(m->code + 1) + m->code->func_count;
    abi_entry_fn *entry = (abi_entry_fn *)((u8 *)(uintptr_t)m->code + entries[type]);
    entry(machine_func(m, index), m->ctx, slots);
}

/* The same in a child process: returns the trap, MACHINE_SIGNAL + a signal, or 0 for none. */
static inline int machine_trap(struct machine *m, const char *name, union abi_value *slots)
{
    pid_t child = fork();
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL); /* the test framework has handlers */
        machine_call(m, name, slots);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? MACHINE_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Runs a test body once per pipeline and per trap mode. */
#define MACHINE_MODES(options)                                                                     \
    for (u32 mode_ = 0; mode_ < 4; mode_++)                                                        \
        for (struct cg_options options = {.opt = mode_ & 1 ? CG_OPT_BEST : CG_OPT_QUICK,           \
                                          .strict_traps = (mode_ & 2) != 0},                       \
                               *once_ = &options;                                                  \
             once_ != NULL; once_ = NULL)
