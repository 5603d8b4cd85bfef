/*
 * test/fuzz/differ.c -- one side of the differential fuzzing: modules compiled and run by Weir.
 *
 *     weir-differ CACHE VALUES          (started by test/fuzz/differ.py, as test/fuzz/node.js is)
 *
 * Reads lines "quick|best lax|strict PATH" and answers each with what the module did: every
 * exported function is called once, in order, in one instance; after a trap the next one has a new
 * instance. An answer ends with the line ".". VALUES are the arguments, 64-bit numbers in
 * hexadecimal with commas between: call c gets number c + p (modulo their count) for parameter p,
 * shortened to 32 bits for an i32 and divided by 256 for floats.
 */
#include "base/check.h"
#include "test/harness.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CALL_CPU_NS ((u64)10000000000)
#define VALUES_MAX  64
#define INITIALIZER "hangLimitInitializer" /* refills the counter that ends the guest's loops */

struct differ {
    struct harness harness;
    u64 values[VALUES_MAX];
    u32 value_count;
    struct rt_module *module;
    struct rt_pool *pool;
    struct rt_instance *instance; /* NULL: the next call needs a fresh one */
};

/* ---- what is printed ---- */

static void print_value(u8 type, union abi_value value)
{
    bool is_nan = (type == RT_F32 && isnan(value.f32)) || (type == RT_F64 && isnan(value.f64));
    if (is_nan)
        printf(" %s:nan", rt_valtype_text(type));
    else if (type == RT_I32 || type == RT_F32)
        printf(" %s:%" PRIx32, rt_valtype_text(type), value.u32);
    else if (type == RT_I64 || type == RT_F64)
        printf(" %s:%" PRIx64, rt_valtype_text(type), value.u64);
    else
        printf(" reference");
}

static void log_value(u8 type, union abi_value value)
{
    printf("log");
    print_value(type, value);
    printf("\n");
}

static void log_i32(struct rt_instance *instance, u32 value)
{
    (void)instance;
    log_value(RT_I32, (union abi_value){.u32 = value});
}

static void log_i64(struct rt_instance *instance, u64 value)
{
    (void)instance;
    log_value(RT_I64, (union abi_value){.u64 = value});
}

static void log_f32(struct rt_instance *instance, f32 value)
{
    (void)instance;
    log_value(RT_F32, (union abi_value){.f32 = value});
}

static void log_f64(struct rt_instance *instance, f64 value)
{
    (void)instance;
    log_value(RT_F64, (union abi_value){.f64 = value});
}

#define LOG(field, signature, function)                                                            \
    {"fuzzing-support", field, signature, "value", 0, (rt_host_code *)function}
static const struct rt_host_func hosts[] = {
    LOG("log-i32", "i_", log_i32),
    LOG("log-i64", "I_", log_i64),
    LOG("log-f32", "f_", log_f32),
    LOG("log-f64", "F_", log_f64),
};
#undef LOG

/* Four sums over every fourth word: pages, then the sums. */
static void print_memory(struct rt_instance *instance)
{
    u32 sums[4] = {0};
    u64 len = rt_memory_size_bytes(instance);
    const u8 *bytes = rt_memory_view(instance, 0, len);
    for (u64 at = 0; at < len; at += sizeof sums) {
        u32 words[4];
        memcpy(words, bytes + at, sizeof words);
        for (u32 i = 0; i < 4; i++)
            sums[i] = (sums[i] ^ words[i]) * 16777619u;
    }
    printf("memory %" PRIu64 " %x %x %x %x\n", len / ABI_PAGE_BYTES, sums[0], sums[1], sums[2],
           sums[3]);
}

/* ---- calls ---- */

struct call {
    struct differ *d;
    const struct rt_func_type *type;
    bool is_done, is_silent;
    bool has_trapped;
};

static void finish(void *arg, const struct sched_result *result)
{
    struct call *call = arg;
    call->is_done = true;
    call->has_trapped = result->trap != NULL;
    if (result->trap != NULL) {
        printf("trap %s\n", result->trap->code);
        return;
    }
    if (call->is_silent)
        return;
    printf("return");
    for (u32 i = 0; i < call->type->result_count; i++)
        print_value(call->type->results[i], result->results[i]);
    printf("\n");
}

static bool call_func(struct differ *d, const struct rt_export *export, const union abi_value *args,
                      bool is_silent, struct err *err)
{
    struct sched_task *task;
    if (d->instance == NULL && !rt_pool_take(d->pool, &d->instance, err))
        return false;
    struct call call = {.d = d, .type = export->type, .is_silent = is_silent};
    const struct sched_call start = {.instance = d->instance,
                                     .func = export->index,
                                     .args = args,
                                     .cpu_ns = CALL_CPU_NS,
                                     .done = finish,
                                     .arg = &call};
    if (!sched_start(d->harness.sched, &start, &task, err))
        return false;
    while (!call.is_done)
        sched_turn(d->harness.sched, UINT64_MAX);
    if (call.has_trapped)
        rt_pool_release(d->pool, &d->instance);
    else if (!is_silent)
        print_memory(d->instance);
    return true;
}

/* References are null. */
static void make_args(const struct differ *d, const struct rt_func_type *type, u32 number,
                      union abi_value *args)
{
    for (u32 i = 0; i < type->param_count; i++) {
        u64 value = d->values[(number + i) % d->value_count];
        u8 kind = type->params[i];
        args[i] = (union abi_value){0};
        if (kind == RT_I32)
            args[i].u32 = (u32)value;
        else if (kind == RT_I64)
            args[i].u64 = value;
        else if (kind == RT_F32)
            args[i].f32 = (f32)((f64)(i64)value / 256);
        else if (kind == RT_F64)
            args[i].f64 = (f64)(i64)value / 256;
    }
}

static bool call_all(struct differ *d, struct err *err)
{
    union abi_value args[ABI_VALUES_MAX];
    u32 count, number = 0;
    const struct rt_export *exports = rt_module_exports(d->module, &count);
    const struct rt_export *initializer =
        rt_module_export_find(d->module, INITIALIZER, strlen(INITIALIZER));
    for (u32 i = 0; i < count; i++) {
        const struct rt_export *export = &exports[i];
        if (export->kind != RT_EXTERN_FUNC || export == initializer)
            continue;
        if (initializer != NULL && !call_func(d, initializer, args, true, err))
            return false;
        printf("call %.*s\n", (int)export->name.len, export->name.bytes);
        make_args(d, export->type, number++, args);
        if (!call_func(d, export, args, false, err))
            return false;
    }
    return true;
}

/* ---- modules ---- */

static bool run_module(struct differ *d, const char *path,
                       const struct proc_compile_options *options, struct err *err)
{
    struct harness *h = &d->harness;
    h->artifact = (struct proc_artifact){0};
    bool ok = harness_load(h, path, options, &d->module, err) &&
              rt_pool_create(&d->pool, d->module, 1, err) && call_all(d, err);
    if (d->instance != NULL)
        rt_pool_release(d->pool, &d->instance);
    rt_pool_destroy(&d->pool);
    rt_module_release(&d->module);
    unlink(h->artifact.code_path); /* nothing is compiled twice here */
    unlink(h->artifact.module_path);
    return ok;
}

static void answer(struct differ *d, char *line)
{
    char tier[8], traps[8];
    int used = 0;
    struct err err = {0};
    if (sscanf(line, "%7s %7s %n", tier, traps, &used) != 2 || line[used] == 0) {
        printf("error usage\n.\n");
        return;
    }
    const struct proc_compile_options options = {
        .tier = strcmp(tier, "best") == 0 ? PROC_TIER_BEST : PROC_TIER_QUICK,
        .strict_traps = strcmp(traps, "strict") == 0};
    if (!run_module(d, line + used, &options, &err))
        printf("error %s %s\n", err_code_text(err.code), err.text);
    printf(".\n");
}

static void read_values(struct differ *d, const char *text)
{
    char *end;
    do {
        CHECK(d->value_count < VALUES_MAX);
        d->values[d->value_count++] = strtoull(text, &end, 16);
        text = end + 1;
    } while (*end == ',');
}

int main(int argc, char **argv)
{
    struct differ d = {0};
    struct err err = {0};
    char line[PROC_PATH_MAX + 32];
    if (argc != 3) {
        fprintf(stderr, "usage: weir-differ CACHE VALUES\n");
        return 2;
    }
    read_values(&d, argv[2]);
    if (!harness_open(&d.harness, argv[1], NULL, NULL, &err)) {
        fprintf(stderr, "weir-differ: %s\n", err.text);
        return 1;
    }
    rt_engine_add_host(d.harness.engine, hosts, COUNT_OF(hosts));
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = 0;
        answer(&d, line);
        fflush(stdout);
    }
    harness_close(&d.harness);
    return 0;
}
