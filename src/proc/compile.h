/*
 * proc/compile.h -- turn a .wasm file into artifacts, through the cache and a jailed weirc.
 *
 * The module is never decoded here: its bytes go into a sealed memory file and to the compiler. A
 * compiler that is killed, hangs, crashes or babbles ends in a clear error within its limits.
 */
#pragma once
#include "proc/cache.h"

/* A compiler process that is kept between modules: the start of weirc is paid once. For modules of
 * one origin, since who takes the process over through one module chooses the code of the next. A
 * module that kills it gets its error, and the next one a new process. */
struct proc_compiler;

/* Starts nothing yet. borrows: the cache, for its life. returns owned: proc_compiler_destroy. */
void proc_compiler_create(struct proc_compiler **out, struct proc_cache *cache);
void proc_compiler_destroy(struct proc_compiler **compiler); /* NULL is allowed */

enum proc_tier { PROC_TIER_QUICK, PROC_TIER_BEST };

struct proc_compile_options {
    enum proc_tier tier;
    bool strict_traps;
    u32 cpu_s; /* limit on the compiler's CPU time, 0: the default; it may last 4 times that */
    u64 memory_bytes;               /* limit on its address space, 0: the default */
    struct proc_compiler *compiler; /* one that is kept, or NULL: a process for this module alone */
};

struct proc_artifact {
    char code_path[PROC_PATH_MAX], module_path[PROC_PATH_MAX];
    bool was_cached;
};

/* Called twice a second while a compiler works. */
struct proc_progress {
    const char *module_path;
    u64 elapsed_ms;
    u32 done, total; /* functions, as the compiler says; total 0: it has said nothing yet */
};
typedef void proc_progress_fn(void *user, const struct proc_progress *progress);

/* Compiles the module at path, or finds it in the cache.
 * errors: those of the module (ERR_MALFORMED, ERR_INVALID, ERR_UNSUPPORTED, ERR_LIMIT, with the
 * offset), ERR_COMPILE (the compiler failed), ERR_SYSTEM. The text names the file. */
MUST_CHECK bool proc_compile_file(struct proc_cache *cache, const char *path,
                                  const struct proc_compile_options *options,
                                  proc_progress_fn *progress, void *user, struct proc_artifact *out,
                                  struct err *err);
