/*
 * codegen/optimize.c -- the passes of both pipelines.
 *
 * No inlining and nothing else across functions: the toolchain that made the module has inlined,
 * and a backtrace names every function. No inference of function attributes: a guest function may
 * trap or never return, whatever its body looks like.
 */
#include "codegen/internal.h"
#include <llvm-c/Transforms/PassBuilder.h>

#define GIANT_BODY_BYTES  (128u * 1024)
#define GIANT_TABLE_EDGES 20000u
#define GIANT_CARRIED     100000u
#define GIANT_SIGNATURE   200u /* parameters and results */
#define GIANT_STRAIGHT    20000u
#define WIDE_PRODUCT_MAX  4000000u /* locals times blocks */

static const char promote_locals[] = "function(mem2reg)";

static const char best_passes[] =
    "function<eager-inv>("
    /* Clean up what the emitter repeats. */
    "early-cse<memssa>,simplifycfg,instcombine<no-verify-fixpoint>,jump-threading,"
    "correlated-propagation,simplifycfg,instcombine<no-verify-fixpoint>,reassociate,"
    /* Loops: hoist, rotate, unswitch, simple induction variables. */
    "loop-mssa(loop-instsimplify,loop-simplifycfg,licm<no-allowspeculation>,loop-rotate,licm,"
    "simple-loop-unswitch),"
    "simplifycfg,instcombine<no-verify-fixpoint>,"
    "loop(indvars,loop-unroll-full),"
    /* Redundancies, dead code and stores. */
    "gvn,sccp,bdce,instcombine<no-verify-fixpoint>,jump-threading,correlated-propagation,adce,"
    "dse,loop-mssa(licm),simplifycfg,instcombine<no-verify-fixpoint>,"
    /* Vectors. */
    "loop(loop-rotate),loop-vectorize,infer-alignment,loop-load-elim,"
    "instcombine<no-verify-fixpoint>,"
    "simplifycfg<forward-switch-cond;switch-range-to-icmp;switch-to-lookup;hoist-common-insts;"
    "sink-common-insts>,"
    "slp-vectorizer,vector-combine,instcombine<no-verify-fixpoint>,"
    "loop-unroll,instcombine<no-verify-fixpoint>,loop-mssa(licm),"
    /* Shape for the code generator. */
    "div-rem-pairs,simplifycfg)";

static bool run(struct cg_module *m, const char *passes, struct err *err)
{
    LLVMPassBuilderOptionsRef options = LLVMCreatePassBuilderOptions();
    LLVMErrorRef failure = LLVMRunPasses(m->module, passes, m->machine, options);
    LLVMDisposePassBuilderOptions(options);
    if (failure == NULL)
        return true;
    char *text = LLVMGetErrorMessage(failure);
    err_set(err, ERR_COMPILE, ERR_NO_AT, "LLVM: %s", text);
    LLVMDisposeErrorMessage(text);
    return false;
}

/* A function that every pass leaves alone. */
static void leave_alone(struct cg_module *m, LLVMValueRef function)
{
    cg_function_set_flag(m, function, "optnone");
    cg_function_set_flag(m, function, "noinline");
}

/* Locals that stay in memory: as values alive in every block they would cost their product. */
static void keep_wide_functions_in_memory(struct cg_module *m)
{
    for (u32 i = m->part.first; i < m->part.end; i++)
        if ((u64)m->costs[i].locals * LLVMCountBasicBlocks(m->funcs[i]) > WIDE_PRODUCT_MAX)
            leave_alone(m, m->funcs[i]);
}

/* Some passes take more than linear time: giants are compiled as by the quick pipeline. */
static bool is_giant_type(const struct wasm_func_type *type)
{
    return type->param_count + type->result_count > GIANT_SIGNATURE;
}

static bool is_giant(const struct cg_module *m, const struct wasm_func *func,
                     const struct cg_cost *cost)
{
    return is_giant_type(&m->wasm->types[func->type]) || func->body_len > GIANT_BODY_BYTES ||
           cost->table_edges > GIANT_TABLE_EDGES || cost->carried > GIANT_CARRIED ||
           cost->straight > GIANT_STRAIGHT;
}

static void keep_giants_quick(struct cg_module *m)
{
    u32 imports = m->wasm->func_import_count;
    for (u32 i = m->part.first; i < m->part.end; i++)
        if (is_giant(m, &m->wasm->funcs[imports + i], &m->costs[i]))
            leave_alone(m, m->funcs[i]);
    for (u32 i = 0; i < m->wasm->type_count; i++) {
        if (!is_giant_type(&m->wasm->types[i]))
            continue;
        if (m->entries[i] != NULL)
            leave_alone(m, m->entries[i]);
        if (m->host_calls[i] != NULL)
            leave_alone(m, m->host_calls[i]);
    }
}

bool cg_module_optimize(struct cg_module *m, struct err *err)
{
    keep_wide_functions_in_memory(m);
    if (!run(m, promote_locals, err))
        return false;
    cg_module_prepare(m);
    if (m->options.opt == CG_OPT_QUICK)
        return true;
    keep_giants_quick(m);
    if (!run(m, best_passes, err))
        return false;
    cg_module_split_copies(m);
    return true;
}
