/*
 * cli/run.c -- `weir run`: a worker without the server, for one program or call.
 *
 * Signals are not touched: one that ends a native program ends this one as well.
 */
#include "base/arena.h"
#include "base/check.h"
#include "base/file.h"
#include "cli/internal.h"
#include "sched/sched.h"
#include "typed/typed.h"
#include "wasi/wasi.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM_STACK_BYTES (8 * MIB) /* as native programs have */

/* What one `weir run` holds, and how its current call ended. */
struct run {
    const struct cli_options *options;
    struct rt_engine *engine;
    struct loop *loop;
    struct sched *sched;
    struct rt_module *module;
    struct rt_pool *pool;
    struct wasi_guest *guest;
    struct arena arena; /* texts of the guest */
    const struct rt_export *func;
    bool is_program;
    struct typed_module typed;       /* of --invoke: */
    const struct typed_func *callee; /* the function, */
    struct buf body;                 /* its arguments as JSON */
    struct typed_call call;          /* if it needs a driver, else */
    union abi_value args[ABI_VALUES_MAX];
    struct buf output; /* of the last call: the result as JSON, or the trap's report */
    struct err err;    /* of the last call: why it has no result, though it did not trap */
    bool is_done, has_trapped;
    u32 exit_code; /* of a program */
};

/* A driver has left the result in the output already. */
static void take_values(struct run *run, const union abi_value *values)
{
    if (run->callee->needs_driver)
        run->err = run->call.err;
    else if (!typed_values_write(run->callee, values, &run->output, &run->err))
        CHECK(run->err.code != ERR_NONE);
}

static void take_result(void *arg, const struct sched_result *result)
{
    struct run *run = arg;
    bool has_exited = result->trap != NULL && result->trap->kind == ABI_TRAP_EXIT &&
                      wasi_guest_has_exited(run->guest, &run->exit_code);
    run->is_done = true;
    run->has_trapped = result->trap != NULL && !has_exited;
    if (result->trap != NULL)
        buf_clear(&run->output); /* of what a driver may have written */
    if (run->has_trapped)
        rt_trap_print(result->trap, &run->output);
    else if (!run->is_program && !has_exited)
        take_values(run, result->results);
}

/* One call in a fresh instance. A trap is no error here: run->has_trapped. */
static bool call_once(struct run *run, struct err *err)
{
    struct rt_instance *instance;
    struct sched_task *task;
    if (!rt_pool_take(run->pool, &instance, err))
        return false;
    const struct config_limits *limits =
        run->is_program ? &run->options->given : &run->options->limits;
    struct sched_call call = {
        .instance = instance,
        .func = run->func->index,
        .args = run->args,
        .cpu_ns = limits->cpu_ns,
        .wall_end_ns = limits->wall_ns == 0 ? 0 : clock_monotonic_ns() + limits->wall_ns,
        .done = take_result,
        .arg = run,
        .guest = run->guest,
    };
    buf_clear(&run->output);
    if (run->callee != NULL && run->callee->needs_driver) {
        run->call = (struct typed_call){.func = run->callee,
                                        .body = run->body.bytes,
                                        .body_len = run->body.len,
                                        .out = &run->output};
        call.driver = typed_call_run;
        call.driver_arg = &run->call;
    }
    run->is_done = false;
    bool ok = sched_start(run->sched, &call, &task, err);
    while (ok && !run->is_done)
        sched_turn(run->sched, UINT64_MAX);
    rt_pool_release(run->pool, &instance);
    if (ok && run->err.code != ERR_NONE) {
        run->err.at = ERR_NO_AT; /* of the words made into JSON, which nobody has seen */
        *err = run->err;
        return false;
    }
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

static bool find_start(struct run *run, struct err *err)
{
    run->func = rt_module_entry_find(run->module, "_start");
    return run->func != NULL ||
           err_set(err, ERR_USAGE, ERR_NO_AT,
                   "%s is no program, it exports no _start; name a function: --invoke EXPORT",
                   run->options->rest[0]);
}

/* The types of FILE.sig, where there is one. */
static bool read_signature(struct run *run, struct err *err)
{
    struct typed_sidecar signature;
    return typed_sidecar_read(run->options->rest[0], &run->arena, &signature, err) &&
           typed_module_make(&run->typed, run->module, signature.text, signature.file, &run->arena,
                             err);
}

static bool read_call(struct run *run, struct err *err)
{
    const char *name = run->options->invoke;
    const char *const *words = (const char *const *)run->options->rest + 1;
    u32 word_count = (u32)run->options->rest_count - 1;
    run->func = rt_module_export_find(run->module, name, strlen(name));
    if (run->func == NULL || run->func->kind != RT_EXTERN_FUNC)
        return fail_export(run, name, err);
    if (!read_signature(run, err))
        return false;
    run->callee = typed_func_find(&run->typed, name, strlen(name));
    if (run->callee == NULL)
        return err_set(err, ERR_ARGUMENT, ERR_NO_AT, "%s takes or returns references", name);
    if (!typed_words_read(run->callee, words, word_count, &run->body, err))
        return false;
    if (run->callee->needs_driver ||
        typed_values_read(run->callee, run->body.bytes, run->body.len, run->args, err))
        return true;
    err->at = ERR_NO_AT;
    return false;
}

/* ---- what a guest gets ---- */

/* Standard streams, as far as they are open; arguments; and what the options grant. */
static bool make_guest(struct run *run, struct err *err)
{
    const struct cli_options *options = run->options;
    struct server_grants grants;
    if (!cli_grants_read(options, NULL, &run->arena, &grants, err))
        return false;
    const struct wasi_options wasi = {
        .args = (const char *const *)options->rest,
        .arg_count = run->is_program ? (u32)options->rest_count : 1,
        .env = grants.env,
        .env_count = grants.env_count,
    };
    if (!wasi_guest_create(&run->guest, &wasi, err))
        return false;
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) >= 0 && !wasi_guest_add_host(run->guest, (u32)fd, fd, err))
            return false;
    for (u32 i = 0; i < grants.dir_count; i++)
        if (!wasi_guest_add_dir(run->guest, grants.dirs[i].host, grants.dirs[i].guest, err))
            return false;
    return true;
}

/* ---- all of it ---- */

/* Everything after the compile; leaves the output of the last call in run->output. */
static bool load_and_call(struct run *run, const struct proc_artifact *artifact,
                          const struct digest *mac_key, struct err *err)
{
    const struct rt_options engine = {.memory_max_bytes = run->is_program
                                                              ? run->options->given.memory_bytes
                                                              : run->options->limits.memory_bytes,
                                      .stack_bytes = run->is_program ? PROGRAM_STACK_BYTES : 0,
                                      .instances_max = 1};
    const struct sched_options sched = {.tick_ns = (u64)run->options->tick_us * 1000};
    u32 count = run->options->repeat > 0 ? run->options->repeat : 1;
    if (!rt_engine_create(&run->engine, &engine, err) || !loop_create(&run->loop, err) ||
        !sched_create(&run->sched, run->engine, run->loop, &sched, err))
        return false;
    wasi_host_add(run->engine);
    return rt_module_load(&run->module, run->engine, artifact->code_path, artifact->module_path,
                          mac_key, err) &&
           (run->is_program ? find_start(run, err) : read_call(run, err)) &&
           rt_pool_create(&run->pool, run->module, 1, err) && make_guest(run, err) &&
           call_repeatedly(run, count, err);
}

static void run_fini(struct run *run)
{
    rt_pool_destroy(&run->pool);
    rt_module_release(&run->module);
    sched_destroy(&run->sched);
    loop_destroy(&run->loop);
    rt_engine_destroy(&run->engine);
    wasi_guest_destroy(&run->guest);
    arena_fini(&run->arena);
    buf_fini(&run->body);
    buf_fini(&run->output);
}

/* *status: the exit status of a program or call that has ended. */
static bool run_file(const struct cli_options *options, int *status, struct err *err)
{
    struct proc_cache cache;
    struct proc_artifact artifact;
    if (options->rest_count == 0)
        return err_set(err, ERR_USAGE, ERR_NO_AT, "run what? give a file: weir run FILE.wasm ARGS");
    if (!proc_cache_open(&cache, options->cache_path, err))
        return false;
    struct run *run = check_alloc(sizeof *run);
    run->options = options;
    run->is_program = options->invoke == NULL;
    arena_init(&run->arena, 64 * MIB);
    buf_init(&run->body, 64 * MIB);
    buf_init(&run->output, 64 * MIB);
    bool ok = cli_compile(&cache, options->rest[0], options, &artifact, err) &&
              load_and_call(run, &artifact, &cache.mac_key, err);
    *status = run->has_trapped ? err_code_exit(ERR_TRAP) : (int)(run->exit_code & 0xff);
    if (ok && run->output.len > 0) {
        if (run->has_trapped) {
            fwrite(run->output.bytes, 1, run->output.len, stderr);
        } else {
            buf_add_byte(&run->output, '\n');
            *status = cli_print(&run->output);
        }
    }
    run_fini(run);
    free(run);
    proc_cache_close(&cache);
    return ok;
}

int cli_run(const struct cli_options *options)
{
    struct err err = {0};
    int status = 0;
    return run_file(options, &status, &err) ? status : cli_fail(&err);
}
