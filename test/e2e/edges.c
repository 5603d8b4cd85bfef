/*
 * test/e2e/edges.c -- calls functions of a module for edges_test.py, at the edges of its sandbox.
 *
 *     weir-edges CACHE quick|best lax|strict FILE.wasm
 *
 * Reads commands, a line each, and prints an answer, a line each. Calls run on stacks of 256 KiB.
 *   new                  a fresh instance from here on         "new"
 *   call NAME ARG...     a call, arguments are numbers         "return BITS" or
 *                                                              "trap KIND GUEST-ADDRESS"
 *   times N NAME ARG...  N calls, each in a fresh instance: the last one's answer, and how many of
 *                        them ended otherwise                  "trap KIND GUEST-ADDRESS, OTHERS"
 *   drive NAME ARG...    the same call made by host code on the fiber; then guests may import
 *                        edge.call_back(i32) -> i32, which calls their export `bounce`
 *   global NAME          of the instance of the last call      "global BITS"
 *   canaries             of the pages around memory 0          "canaries COUNT, DAMAGED"
 *   process              what the process holds                "process KIB MAPPINGS DESCRIPTORS"
 * The addresses are those of the access's first inaccessible byte, in hexadecimal; - for none.
 */
#include "base/check.h"
#include "test/harness.h"
#include "wasi/wasi.h"
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define STACK_BYTES    (256 * KIB)
#define CANARY_BYTES   (64 * KIB)
#define ARGS_MAX       8
#define RESERVED_AFTER (4 * GIB + ABI_GUARD_AFTER) /* from the base of a memory */

struct edges {
    struct harness harness;
    struct rt_module *module;
    struct rt_pool *pool;
    struct rt_instance *instance;
    u8 *canaries[2]; /* NULL: the place was taken */
    bool has_looked;
};

struct call {
    u32 func;
    union abi_value args[ARGS_MAX];
    bool is_driven, is_done, has_trapped;
    char answer[128];
};

/* ---- canaries ---- */

static u8 canary_byte(u64 at)
{
    return (u8)(at * 37 + 11);
}

static u8 *plant(u8 *at)
{
    u8 *page = mmap(at, CANARY_BYTES, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (page == MAP_FAILED)
        return NULL;
    for (u64 i = 0; i < CANARY_BYTES; i++)
        page[i] = canary_byte(i);
    return page;
}

/* Next to the first instance's reservation, the only one of this process. */
static void plant_canaries(struct edges *e)
{
    u8 *base = rt_memory_view(e->instance, 0, 0);
    if (e->has_looked || base == NULL)
        return;
    e->has_looked = true;
    e->canaries[0] = plant(base - ABI_GUARD_BEFORE - CANARY_BYTES);
    e->canaries[1] = plant(base + RESERVED_AFTER);
}

static void print_canaries(const struct edges *e)
{
    u32 count = 0, damaged = 0;
    for (u32 k = 0; k < 2; k++) {
        count += e->canaries[k] != NULL;
        for (u64 i = 0; e->canaries[k] != NULL && i < CANARY_BYTES; i++)
            damaged += e->canaries[k][i] != canary_byte(i);
    }
    printf("canaries %u, %u\n", count, damaged);
}

/* ---- what the process holds ---- */

static void print_process(void)
{
    char line[256];
    long kib = 0, mappings = 0, fds = 0;
    FILE *file = fopen("/proc/self/status", "re");
    CHECK(file != NULL);
    while (fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "VmRSS:", 6) == 0)
            kib = strtol(line + 6, NULL, 10);
    fclose(file);
    file = fopen("/proc/self/maps", "re");
    CHECK(file != NULL);
    for (int c; (c = fgetc(file)) != EOF;)
        mappings += c == '\n';
    fclose(file);
    DIR *folder = opendir("/proc/self/fd");
    CHECK(folder != NULL);
    while (readdir(folder) != NULL)
        fds++;
    closedir(folder);
    printf("process %ld %ld %ld\n", kib, mappings, fds);
}

/* ---- calls ---- */

static void finish(void *arg, const struct sched_result *result)
{
    struct call *call = arg;
    call->is_done = true;
    call->has_trapped = result->trap != NULL;
    if (result->trap == NULL)
        snprintf(call->answer, sizeof call->answer, "return %" PRIx64, call->args[0].u64);
    else if (result->trap->fault_addr == UINT64_MAX)
        snprintf(call->answer, sizeof call->answer, "trap %s -", result->trap->code);
    else
        snprintf(call->answer, sizeof call->answer, "trap %s %" PRIx64, result->trap->code,
                 result->trap->fault_addr);
    if (result->trap == NULL && !call->is_driven)
        snprintf(call->answer, sizeof call->answer, "return %" PRIx64, result->results[0].u64);
}

static void drive(struct rt_instance *instance, void *arg)
{
    struct call *call = arg;
    rt_driver_call(instance, call->func, call->args);
}

/* A host function that calls the guest again, on the same stack. */
static u32 call_back(struct rt_instance *instance, u32 value)
{
    const struct edges *e = sched_task_guest(sched_task_of(instance));
    const struct rt_export *bounce = rt_module_export_find(e->module, "bounce", strlen("bounce"));
    union abi_value values[1] = {{.u32 = value}};
    rt_driver_call(instance, bounce->index, values);
    return values[0].u32;
}

static const struct rt_host_func hosts[] = {
    {"edge", "call_back", "i_i", "value", 0, (rt_host_code *)call_back}};

static bool make_instance(struct edges *e, bool is_fresh, struct err *err)
{
    if (is_fresh && e->instance != NULL)
        rt_pool_release(e->pool, &e->instance);
    if (e->instance == NULL && !rt_pool_take(e->pool, &e->instance, err))
        return false;
    plant_canaries(e);
    return true;
}

static bool run_call(struct edges *e, struct call *call, bool is_fresh, bool is_driven,
                     struct err *err)
{
    struct sched_task *task;
    union abi_value args[ARGS_MAX];
    memcpy(args, call->args, sizeof args);
    if (!make_instance(e, is_fresh, err))
        return false;
    const struct sched_call start = {.instance = e->instance,
                                     .func = call->func,
                                     .args = args,
                                     .driver = is_driven ? drive : NULL,
                                     .driver_arg = call,
                                     .guest = is_driven ? e : NULL,
                                     .done = finish,
                                     .arg = call};
    call->is_done = false;
    call->is_driven = is_driven;
    if (!sched_start(e->harness.sched, &start, &task, err))
        return false;
    while (!call->is_done)
        sched_turn(e->harness.sched, UINT64_MAX);
    return true;
}

static bool parse_call(const struct edges *e, char *text, struct call *out, struct err *err)
{
    char *state, *name = strtok_r(text, " ", &state), *arg;
    const struct rt_export *export =
        name == NULL ? NULL : rt_module_export_find(e->module, name, strlen(name));
    *out = (struct call){0};
    if (export == NULL || export->type == NULL)
        return err_set(err, ERR_NOT_FOUND, ERR_NO_AT, "no function %s", name);
    out->func = export->index;
    for (u32 i = 0; i < ARGS_MAX && (arg = strtok_r(NULL, " ", &state)) != NULL; i++)
        out->args[i].u64 = strtoull(arg, NULL, 0);
    return true;
}

static bool call_often(struct edges *e, char *text, struct err *err)
{
    char *rest;
    struct call call;
    char first[sizeof call.answer];
    u64 others = 0, count = strtoull(text, &rest, 10);
    if (!parse_call(e, rest, &call, err))
        return false;
    for (u64 i = 0; i < count; i++) {
        if (!run_call(e, &call, true, false, err))
            return false;
        if (i == 0)
            memcpy(first, call.answer, sizeof first);
        others += strcmp(first, call.answer) != 0;
    }
    printf("%s, %" PRIu64 "\n", call.answer, others);
    return true;
}

static bool call_once(struct edges *e, char *text, bool is_driven, struct err *err)
{
    struct call call;
    if (!parse_call(e, text, &call, err) || !run_call(e, &call, false, is_driven, err))
        return false;
    printf("%s\n", call.answer);
    return true;
}

/* ---- the program ---- */

static bool obey(struct edges *e, char *line, struct err *err)
{
    union abi_value value;
    if (strcmp(line, "new") == 0)
        return printf("new\n") > 0 && make_instance(e, true, err);
    if (strncmp(line, "call ", 5) == 0)
        return call_once(e, line + 5, false, err);
    if (strncmp(line, "drive ", 6) == 0)
        return call_once(e, line + 6, true, err);
    if (strncmp(line, "times ", 6) == 0)
        return call_often(e, line + 6, err);
    if (strcmp(line, "canaries") == 0)
        print_canaries(e);
    else if (strcmp(line, "process") == 0)
        print_process();
    else if (strncmp(line, "global ", 7) == 0 && rt_global_read(e->instance, line + 7, &value))
        printf("global %" PRIx64 "\n", value.u64);
    else
        return err_set(err, ERR_USAGE, ERR_NO_AT, "not a command: %s", line);
    return true;
}

static bool begin(struct edges *e, char **argv, struct err *err)
{
    const struct rt_options engine = {.stack_bytes = STACK_BYTES};
    const struct proc_compile_options options = {
        .tier = strcmp(argv[2], "best") == 0 ? PROC_TIER_BEST : PROC_TIER_QUICK,
        .strict_traps = strcmp(argv[3], "strict") == 0};
    if (!harness_open(&e->harness, argv[1], &engine, NULL, err))
        return false;
    wasi_host_add(e->harness.engine);
    rt_engine_add_host(e->harness.engine, hosts, COUNT_OF(hosts));
    return harness_load(&e->harness, argv[4], &options, &e->module, err) &&
           rt_pool_create(&e->pool, e->module, 1, err);
}

static void end(struct edges *e)
{
    if (e->instance != NULL)
        rt_pool_release(e->pool, &e->instance);
    rt_pool_destroy(&e->pool);
    rt_module_release(&e->module);
    harness_close(&e->harness);
}

int main(int argc, char **argv)
{
    struct edges e = {0};
    struct err err = {0};
    char line[256];
    if (argc != 5) {
        fprintf(stderr, "usage: weir-edges CACHE quick|best lax|strict FILE.wasm\n");
        return 2;
    }
    bool ok = begin(&e, argv, &err);
    while (ok && fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = 0;
        ok = obey(&e, line, &err);
    }
    if (!ok)
        fprintf(stderr, "weir-edges: %s\n", err.text);
    end(&e);
    return ok ? 0 : 1;
}
