/*
 * codegen/codegen.h -- a validated module in, machine code out: the code file and the module file
 * of abi/artifact.h, through LLVM and lld.
 *
 * Lifetime: a struct cg is one compiler, made once a process (LLVM's own options are global) and
 *           used for any number of modules, one after the other.
 * Requires: every module given here has passed wasm_module_validate.
 * Errors:   ERR_COMPILE with LLVM's or the linker's words, ERR_SYSTEM for files.
 */
#pragma once
#include "base/digest.h"
#include "wasm/wasm.h"

struct cg;

enum cg_opt {
    CG_OPT_QUICK, /* few passes and fast instruction selection: compiles about ten times faster */
    CG_OPT_BEST,  /* vectorised, optimised code */
};

struct cg_options {
    enum cg_opt opt;
    bool strict_traps; /* every access to guest memory happens exactly as written */
};

/* Sets LLVM up. cpu: an LLVM name such as "x86-64-v3", or NULL for this machine's processor with
 * its features. At least x86-64-v2 is required (ERR_USAGE).
 * returns owned: destroy with cg_destroy. */
MUST_CHECK bool cg_create(struct cg **out, const char *cpu, struct err *err);
void cg_destroy(struct cg **cg); /* sets *cg to NULL; NULL is allowed */

/* Called from cg_code_write with the number of functions that are compiled so far, and of all.
 * fn NULL: nobody is. */
typedef void cg_progress_fn(void *arg, u32 done, u32 total);
void cg_on_progress(struct cg *cg, cg_progress_fn *fn, void *arg);

/* Calls fn, which must end the process, when LLVM or lld get no more memory. Otherwise they end it
 * themselves, with a signal. */
void cg_on_out_of_memory(void (*fn)(void));

/* The key of the code file: a digest of everything its bytes depend on. Modules that differ only in
 * data, limits, initial values or exports have the same key. */
void cg_code_key(const struct cg *cg, const struct wasm_module *m, struct cg_options options,
                 struct digest *out);

/* Compiles all functions into the file at path, which is replaced. Temporary files, path + ".0.o"
 * and so on, lie beside it meanwhile. Memory depends on the largest function, not on the module. */
MUST_CHECK bool cg_code_write(struct cg *cg, const struct wasm_module *m, struct cg_options options,
                              const char *path, struct err *err);

/* Writes the module file at path, which is replaced. Does not use LLVM. */
MUST_CHECK bool cg_module_write(const struct wasm_module *m, const struct digest *code_key,
                                const char *path, struct err *err);

/* What a compile looks like after a stage, as text for people and golden tests. */
enum cg_stage {
    CG_STAGE_IR,        /* as emitted */
    CG_STAGE_OPTIMIZED, /* after the passes of options.opt */
    CG_STAGE_ASM,       /* machine code, as the assembler would read it */
};
MUST_CHECK bool cg_dump(struct cg *cg, const struct wasm_module *m, struct cg_options options,
                        enum cg_stage stage, struct buf *out, struct err *err);

/* "22.1.8" */
const char *cg_llvm_version(void);
