/*
 * test/harness.h -- what test programs need to compile modules and call their functions one after
 * the other: cache, engine, loop and scheduler in one.
 */
#pragma once
#include "proc/compile.h"
#include "sched/sched.h"

struct harness {
    struct proc_cache cache;
    struct rt_engine *engine;
    struct loop *loop;
    struct sched *sched;
    struct proc_artifact artifact; /* of the module loaded last */
};

/* cache: a folder, or NULL for a temporary one. engine and sched options: NULL for the defaults.
 * finish with harness_close, also after a failure. */
MUST_CHECK bool harness_open(struct harness *h, const char *cache, const struct rt_options *engine,
                             const struct sched_options *sched, struct err *err);
void harness_close(struct harness *h);

/* Compiles, or finds in the cache, and loads. returns owned: rt_module_release. */
MUST_CHECK bool harness_load(struct harness *h, const char *path,
                             const struct proc_compile_options *options, struct rt_module **out,
                             struct err *err);

/* How a call ended: is_trap, trap and message; or values, as many as the function has results. */
struct harness_result {
    bool is_done, is_trap;
    enum abi_trap trap;
    u64 fault_addr;
    char message[ERR_TEXT_MAX];
    union abi_value values[ABI_VALUES_MAX];
    u32 count, slices;
};

/* Calls a function (RT_FUNC_NONE: only start functions) and waits for its end. cpu_ns: limit on its
 * processor time. False: it could not be started. */
MUST_CHECK bool harness_call(struct harness *h, struct rt_instance *instance, u32 func,
                             u32 result_count, const union abi_value *args, u64 cpu_ns,
                             struct harness_result *out, struct err *err);
