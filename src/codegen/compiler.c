/* codegen/compiler.c -- the public functions: set LLVM up, and run a module through all stages. */
#include "codegen/internal.h"
#include "base/check.h"
#include <llvm-c/Support.h>
#include <llvm-c/Target.h>
#include <llvm/Config/llvm-config.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PART_BYTES (MIB) /* of function bodies: LLVM takes about a hundred times as much */

const char *cg_llvm_version(void)
{
    return LLVM_VERSION_STRING;
}

/* LLVM's own options are global: set once, with the first compiler. */
static void set_llvm_options(void)
{
    static const char *const args[] = {
        "weirc",
        /* Two loads of 32 bits joined to one of 64 wait for the stores in front of them. */
        "-slp-min-reg-size=128",
        /* Every instruction that may fault has its function's frame around it: backtraces. */
        "-enable-shrink-wrap=false",
        /* Addresses wrap at 32 bits; a counter widened to 64 hides from the vectoriser that they
         * do not (loops that count up to 0 from below). */
        "-indvars-widen-indvars=false",
        /* A load that was folded into a conditional move would become a branch around it: lost are
         * traps, those of strict mode too. */
        "-x86-cmov-converter-force-mem-operand=false",
        /* The scheduler joins every load of a block with every store: for so many at a time. */
        "-dag-maps-huge-region=300",
    };
    LLVMParseCommandLineOptions(COUNT_OF(args), args, NULL);
}

/* Rounding must be an instruction: SSE 4.1, hence x86-64-v2. Generic names stand for less. */
static bool cpu_is_enough(const char *cpu)
{
    static const char *const too_old[] = {"generic", "x86-64",   "i386",    "i486",
                                          "i586",    "i686",     "pentium", "k8",
                                          "opteron", "athlon64", "nocona"};
    for (size_t i = 0; i < COUNT_OF(too_old); i++)
        if (strcmp(cpu, too_old[i]) == 0)
            return false;
    return true;
}

bool cg_create(struct cg **out, const char *cpu, struct err *err)
{
    if (cpu != NULL && !cpu_is_enough(cpu))
        return err_set(err, ERR_USAGE, ERR_NO_AT, "%s is less than x86-64-v2", cpu);
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    if (cpu != NULL && !cg_cpu_is_known(CG_TRIPLE, cpu))
        return err_set(err, ERR_USAGE, ERR_NO_AT,
                       "LLVM knows no processor %s; it knows x86-64-v2, -v3, -v4 and what "
                       "`llc -mcpu=help` lists",
                       cpu);
    set_llvm_options();
    LLVMTargetRef target;
    char *text = NULL;
    if (LLVMGetTargetFromTriple(CG_TRIPLE, &target, &text)) {
        err_set(err, ERR_COMPILE, ERR_NO_AT, "LLVM: %s", text);
        LLVMDisposeMessage(text);
        return false;
    }
    struct cg *cg = check_alloc(sizeof *cg);
    cg->target = target;
    cg->cpu = cpu != NULL ? LLVMCreateMessage(cpu) : LLVMGetHostCPUName();
    cg->features = cpu != NULL ? LLVMCreateMessage("") : LLVMGetHostCPUFeatures();
    *out = cg;
    return true;
}

void cg_on_progress(struct cg *cg, cg_progress_fn *fn, void *arg)
{
    cg->progress = fn;
    cg->progress_arg = arg;
}

void cg_destroy(struct cg **cg)
{
    if (*cg == NULL)
        return;
    LLVMDisposeMessage((*cg)->cpu);
    LLVMDisposeMessage((*cg)->features);
    free(*cg);
    *cg = NULL;
}

/* The functions behind a part that make the next: PART_BYTES of bodies, one function at least. */
static struct cg_part next_part(const struct wasm_module *wasm, struct cg_part before)
{
    struct cg_part part = {.first = before.end, .end = before.end, .carried = before.carried};
    u64 bytes = 0;
    for (; part.end < cg_defined_count(wasm); part.end++) {
        bytes += wasm->funcs[wasm->func_import_count + part.end].body_len;
        if (bytes > PART_BYTES && part.end > part.first)
            break;
    }
    return part;
}

static bool write_part(struct cg *cg, const struct wasm_module *wasm, struct cg_part *part,
                       struct cg_options options, const char *path, struct err *err)
{
    struct cg_module m;
    bool ok = cg_module_emit(&m, cg, wasm, *part, options, false, err) &&
              cg_module_optimize(&m, err) && cg_object_write(&m, path, err);
    part->carried = m.carried;
    cg_module_fini(&m);
    return ok && err->code == ERR_NONE; /* LLVM may have reported an error and gone on */
}

static void report_progress(const struct cg *cg, const struct wasm_module *wasm, u32 done)
{
    if (cg->progress != NULL)
        cg->progress(cg->progress_arg, done, cg_defined_count(wasm));
}

bool cg_code_write(struct cg *cg, const struct wasm_module *wasm, struct cg_options options,
                   const char *path, struct err *err)
{
    char object_path[CG_PATH_BYTES];
    struct cg_part part = {0};
    u32 count = 0;
    bool ok = true;
    report_progress(cg, wasm, 0);
    do { /* once at least: a module without functions has a table of none */
        part = next_part(wasm, part);
        ok = cg_object_path(path, count, object_path, sizeof object_path, err) &&
             write_part(cg, wasm, &part, options, object_path, err);
        count++;
        report_progress(cg, wasm, part.end);
    } while (ok && part.end < cg_defined_count(wasm));
    ok = ok && cg_objects_link(path, count, err);
    for (u32 i = 0; i < count; i++)
        if (cg_object_path(path, i, object_path, sizeof object_path, NULL))
            unlink(object_path);
    return ok;
}

static bool add_asm(struct cg_module *m, struct buf *out, struct err *err)
{
    char *text = NULL;
    LLVMMemoryBufferRef assembly = NULL;
    LLVMSetTargetMachineAsmVerbosity(m->machine, false);
    if (LLVMTargetMachineEmitToMemoryBuffer(m->machine, m->module, LLVMAssemblyFile, &text,
                                            &assembly)) {
        err_set(err, ERR_COMPILE, ERR_NO_AT, "LLVM: %s", text);
        LLVMDisposeMessage(text);
        return false;
    }
    buf_add(out, LLVMGetBufferStart(assembly), LLVMGetBufferSize(assembly));
    LLVMDisposeMemoryBuffer(assembly);
    return true;
}

static void add_ir(struct cg_module *m, struct buf *out)
{
    char *text = LLVMPrintModuleToString(m->module);
    buf_add_text(out, text);
    LLVMDisposeMessage(text);
}

bool cg_dump(struct cg *cg, const struct wasm_module *wasm, struct cg_options options,
             enum cg_stage stage, struct buf *out, struct err *err)
{
    struct cg_module m;
    struct cg_part all = {.end = cg_defined_count(wasm)};
    bool ok = cg_module_emit(&m, cg, wasm, all, options, true, err) &&
              (stage == CG_STAGE_IR || cg_module_optimize(&m, err));
    if (ok && stage == CG_STAGE_ASM)
        ok = add_asm(&m, out, err);
    else if (ok)
        add_ir(&m, out);
    cg_module_fini(&m);
    return ok && err->code == ERR_NONE;
}
