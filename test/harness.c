#include "test/harness.h"
#include <stdio.h>
#include <string.h>

bool harness_open(struct harness *h, const char *cache, const struct rt_options *engine,
                  const struct sched_options *sched, struct err *err)
{
    *h = (struct harness){0};
    bool ok = cache != NULL ? proc_cache_open(&h->cache, cache, err)
                            : proc_cache_open_temporary(&h->cache, err);
    return ok && rt_engine_create(&h->engine, engine, err) && loop_create(&h->loop, err) &&
           sched_create(&h->sched, h->engine, h->loop, sched, err);
}

void harness_close(struct harness *h)
{
    sched_destroy(&h->sched);
    loop_destroy(&h->loop);
    rt_engine_destroy(&h->engine);
    proc_cache_close(&h->cache);
}

bool harness_load(struct harness *h, const char *path, const struct proc_compile_options *options,
                  struct rt_module **out, struct err *err)
{
    return proc_compile_file(&h->cache, path, options, NULL, NULL, &h->artifact, err) &&
           rt_module_load(out, h->engine, h->artifact.code_path, h->artifact.module_path,
                          &h->cache.mac_key, err);
}

static void take_result(void *arg, const struct sched_result *ended)
{
    struct harness_result *result = arg;
    result->is_done = true;
    result->slices = ended->slices;
    if (ended->trap != NULL) {
        result->is_trap = true;
        result->trap = ended->trap->kind;
        result->fault_addr = ended->trap->fault_addr;
        snprintf(result->message, sizeof result->message, "%s", ended->trap->message);
    } else if (result->count > 0) {
        memcpy(result->values, ended->results, result->count * sizeof result->values[0]);
    }
}

bool harness_call(struct harness *h, struct rt_instance *instance, u32 func, u32 result_count,
                  const union abi_value *args, u64 cpu_ns, struct harness_result *out,
                  struct err *err)
{
    struct sched_task *task;
    out->is_done = out->is_trap = false;
    out->count = result_count;
    const struct sched_call call = {.instance = instance,
                                    .func = func,
                                    .args = args,
                                    .cpu_ns = cpu_ns,
                                    .done = take_result,
                                    .arg = out};
    if (!sched_start(h->sched, &call, &task, err))
        return false;
    while (!out->is_done)
        sched_turn(h->sched, UINT64_MAX);
    return true;
}
