/*
 * codegen/optimize.c -- the passes of both pipelines.
 *
 * No inlining and nothing else across functions: the toolchain that made the module has inlined,
 * and a backtrace names every function. No inference of function attributes: a guest function may
 * trap or never return, whatever its body looks like.
 */
#include "codegen/internal.h"
#include <llvm-c/Transforms/PassBuilder.h>

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

bool cg_module_optimize(struct cg_module *m, struct err *err)
{
    if (!run(m, promote_locals, err))
        return false;
    cg_module_prepare(m);
    return m->options.opt == CG_OPT_QUICK || run(m, best_passes, err);
}
