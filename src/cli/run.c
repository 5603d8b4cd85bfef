/*
 * cli/run.c -- `weir run`: a worker without the server, for one call.
 */
#include "base/check.h"
#include "base/file.h"
#include "cli/cli.h"
#include "sched/sched.h"
#include "typed/typed.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What one `weir run` holds, and how its current call ended. */
struct run {
    const struct cli_options *options;
    struct rt_engine *engine;
    struct loop *loop;
    struct sched *sched;
    struct rt_module *module;
    struct rt_pool *pool;
    const struct rt_export *func;
    union abi_value args[ABI_VALUES_MAX];
    struct buf output; /* of the last call: the result as JSON, or the trap's report */
    bool is_done, has_trapped;
    u64 cpu_ns;
};

static void take_result(void *arg, const struct sched_result *result)
{
    struct run *run = arg;
    run->is_done = true;
    run->has_trapped = result->trap != NULL;
    run->cpu_ns = result->cpu_ns;
    buf_clear(&run->output);
    if (result->trap != NULL)
        rt_trap_print(result->trap, &run->output);
    else
        typed_results_write(run->func->type, result->results, &run->output);
}

/* One call in a fresh instance. A trap is no error here: run->has_trapped. */
static bool call_once(struct run *run, struct err *err)
{
    struct rt_instance *instance;
    struct sched_task *task;
    if (!rt_pool_take(run->pool, &instance, err))
        return false;
    struct sched_call call = {
        .instance = instance,
        .func = run->func->index,
        .args = run->args,
        .cpu_ns = run->options->limits.cpu_ns,
        .wall_ns = run->options->limits.wall_ns,
        .done = take_result,
        .arg = run,
    };
    run->is_done = false;
    bool ok = sched_start(run->sched, &call, &task, err);
    while (ok && !run->is_done)
        sched_turn(run->sched, UINT64_MAX);
    rt_pool_release(run->pool, &instance);
    return ok;
}

static int compare_u64(const void *a, const void *b)
{
    u64 x = *(const u64 *)a, y = *(const u64 *)b;
    return (x > y) - (x < y);
}

static bool call_repeatedly(struct run *run, u32 count, struct err *err)
{
    u64 *times_ns = calloc(count, sizeof *times_ns);
    if (times_ns == NULL)
        return err_sys(err, "--repeat %u", count);
    bool ok = true;
    run->has_trapped = false;
    for (u32 i = 0; ok && i < count && !run->has_trapped; i++) {
        u64 start = clock_monotonic_ns();
        ok = call_once(run, err);
        times_ns[i] = clock_monotonic_ns() - start;
    }
    if (ok && !run->has_trapped && run->options->repeat > 0) {
        qsort(times_ns, count, sizeof *times_ns, compare_u64);
        fprintf(stderr, "%u calls, median %.3f us, least %.3f us\n", count,
                (double)times_ns[count / 2] / 1000, (double)times_ns[0] / 1000);
    }
    free(times_ns);
    return ok;
}

static bool fail_export(const struct run *run, const char *name, struct err *err)
{
    struct buf list;
    u32 count;
    const struct rt_export *exports = rt_module_exports(run->module, &count);
    buf_init(&list, ERR_TEXT_MAX);
    for (u32 i = 0; i < count; i++)
        if (exports[i].kind == RT_EXTERN_FUNC && buf_ok(&list))
            buf_add_format(&list, "%s%.*s", list.len == 0 ? "" : ", ", (int)exports[i].name.len,
                           exports[i].name.bytes);
    err_set(err, ERR_NOT_FOUND, ERR_NO_AT, "there is no exported function \"%s\"; there is: %.*s",
            name, (int)list.len, list.bytes == NULL ? (u8 *)"" : list.bytes);
    buf_fini(&list);
    return false;
}

static bool read_call(struct run *run, struct err *err)
{
    const char *name = run->options->invoke;
    int given = run->options->rest_count - 1;
    run->func = rt_module_export_find(run->module, name, strlen(name));
    if (run->func == NULL || run->func->kind != RT_EXTERN_FUNC)
        return fail_export(run, name, err);
    if (!typed_is_callable(run->func->type))
        return err_set(err, ERR_ARGUMENT, ERR_NO_AT, "%s takes or returns references", name);
    if ((u32)given != run->func->type->param_count) {
        struct buf signature;
        buf_init(&signature, ERR_TEXT_MAX);
        typed_signature_write(run->func, &signature);
        err_set(err, ERR_ARGUMENT, ERR_NO_AT, "%d argument%s given: %.*s", given,
                given == 1 ? "" : "s", (int)signature.len, signature.bytes);
        buf_fini(&signature);
        return false;
    }
    for (u32 i = 0; i < run->func->type->param_count; i++)
        if (!typed_argument_read(run->func, i, run->options->rest[i + 1], &run->args[i], err))
            return false;
    return true;
}

/* Everything after the compile; leaves the output of the last call in run->output. */
static bool load_and_call(struct run *run, const struct proc_artifact *artifact,
                          const struct digest *mac_key, struct err *err)
{
    const struct rt_options engine = {.memory_max_bytes = run->options->limits.memory_bytes,
                                      .instances_max = 1};
    const struct sched_options sched = {0};
    u32 count = run->options->repeat > 0 ? run->options->repeat : 1;
    return rt_engine_create(&run->engine, &engine, err) && loop_create(&run->loop, err) &&
           sched_create(&run->sched, run->engine, run->loop, &sched, err) &&
           rt_module_load(&run->module, run->engine, artifact->code_path, artifact->module_path,
                          mac_key, err) &&
           read_call(run, err) && rt_pool_create(&run->pool, run->module, 1, err) &&
           call_repeatedly(run, count, err);
}

static void run_fini(struct run *run)
{
    rt_pool_destroy(&run->pool);
    rt_module_release(&run->module);
    sched_destroy(&run->sched);
    loop_destroy(&run->loop);
    rt_engine_destroy(&run->engine);
    buf_fini(&run->output);
}

static bool run_file(const struct cli_options *options, bool *has_trapped, struct err *err)
{
    struct proc_cache cache;
    struct proc_artifact artifact;
    if (options->rest_count == 0)
        return err_set(err, ERR_USAGE, ERR_NO_AT,
                       "run what? give a file: weir run FILE.wasm --invoke EXPORT ARGS");
    if (options->invoke == NULL)
        return err_set(err, ERR_USAGE, ERR_NO_AT,
                       "which function? say --invoke EXPORT (programs with a main are not run by "
                       "this version)");
    if (!proc_cache_open(&cache, options->cache_path, err))
        return false;
    struct run *run = check_alloc(sizeof *run);
    run->options = options;
    buf_init(&run->output, MIB);
    bool ok = cli_compile(&cache, options->rest[0], options, &artifact, err) &&
              load_and_call(run, &artifact, &cache.mac_key, err);
    *has_trapped = ok && run->has_trapped;
    if (ok) {
        buf_add_byte(&run->output, '\n');
        fwrite(run->output.bytes, 1, run->output.len, run->has_trapped ? stderr : stdout);
    }
    run_fini(run);
    free(run);
    proc_cache_close(&cache);
    return ok;
}

int cli_run(int argc, char **argv)
{
    struct cli_options options;
    struct err err = {0};
    bool wants_help, has_trapped;
    if (!cli_options_read(&options, "run", argc, argv, &wants_help, &err))
        return cli_fail(&err);
    if (wants_help) {
        cli_help_print("run");
        return 0;
    }
    if (!run_file(&options, &has_trapped, &err))
        return cli_fail(&err);
    return has_trapped ? err_code_exit(ERR_TRAP) : 0;
}
