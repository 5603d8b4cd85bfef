/*
 * test/e2e/storm.c -- guests taken off the processor as often as possible compute the same.
 *
 *     weir-storm CACHE TICK_US REDIRECTS FILE.wasm...
 *
 * Every module exports run(n). Each is compiled by both pipelines and runs alone and undisturbed
 * first, with an n that takes some milliseconds. Then all of them run beside each other again and
 * again, with the given tick, until guests have been preempted REDIRECTS times; each result must be
 * that of the calm run. preempt_test.py and script/test --full start it.
 */
#include "base/check.h"
#include "base/file.h"
#include "test/harness.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALM_NS    ((u64)5000000) /* at least so long does a calm run take */
#define N_MAX      (1u << 24)
#define GUESTS_MAX 128

struct guest {
    struct storm *storm;
    const char *path;
    enum proc_tier tier;
    struct rt_module *module;
    struct rt_pool *pool;
    struct rt_instance *instance;
    u32 func, n;
    u32 want;
    bool is_done;
    struct sched_result ended; /* results and trap are views: not used later */
    u32 got;
    enum abi_trap trap;
};

struct storm {
    struct harness harness;
    struct guest guests[GUESTS_MAX];
    u32 guest_count;
    u64 redirects, calls, wrong;
};

static void finish(void *arg, const struct sched_result *result)
{
    struct guest *guest = arg;
    guest->is_done = true;
    guest->ended = *result;
    guest->trap = result->trap == NULL ? ABI_TRAP_NONE : result->trap->kind;
    guest->got = result->trap == NULL ? result->results[0].u32 : 0;
    rt_pool_release(guest->pool, &guest->instance);
}

static bool start(struct guest *guest, struct err *err)
{
    struct sched_task *task;
    const union abi_value arg = {.u32 = guest->n};
    guest->is_done = false;
    if (!rt_pool_take(guest->pool, &guest->instance, err))
        return false;
    const struct sched_call call = {.instance = guest->instance,
                                    .func = guest->func,
                                    .args = &arg,
                                    .done = finish,
                                    .arg = guest};
    return sched_start(guest->storm->harness.sched, &call, &task, err);
}

static bool load(struct guest *guest, struct err *err)
{
    struct storm *storm = guest->storm;
    const struct proc_compile_options options = {.tier = guest->tier};
    if (!harness_load(&storm->harness, guest->path, &options, &guest->module, err) ||
        !rt_pool_create(&guest->pool, guest->module, 1, err))
        return false;
    const struct rt_export *run = rt_module_export_find(guest->module, "run", 3);
    if (run == NULL || run->type == NULL || run->type->param_count != 1 ||
        run->type->result_count != 1)
        return err_set(err, ERR_NOT_FOUND, ERR_NO_AT, "%s does not export run(n)", guest->path);
    guest->func = run->index;
    return true;
}

/* Finds n and the result. */
static bool run_calm(struct guest *guest, struct err *err)
{
    for (guest->n = 1; guest->n < N_MAX; guest->n *= 2) {
        if (!start(guest, err))
            return false;
        while (!guest->is_done)
            sched_turn(guest->storm->harness.sched, UINT64_MAX);
        if (guest->trap != ABI_TRAP_NONE)
            return err_set(err, ERR_TRAP, ERR_NO_AT, "%s traps", guest->path);
        guest->want = guest->got;
        if (guest->ended.cpu_ns >= CALM_NS)
            break;
    }
    return true;
}

static void judge(struct guest *guest)
{
    struct storm *storm = guest->storm;
    storm->calls++;
    storm->redirects += guest->ended.slices - 1;
    if (guest->trap == ABI_TRAP_NONE && guest->got == guest->want)
        return;
    storm->wrong++;
    printf("%s, %s: run(%u) gave %u (trap %d) instead of %u\n", guest->path,
           guest->tier == PROC_TIER_BEST ? "best" : "quick", guest->n, guest->got, (int)guest->trap,
           guest->want);
}

/* All guests again and again until enough have been taken off the processor. */
static bool run_storm(struct storm *storm, u64 redirects, struct err *err)
{
    for (u32 i = 0; i < storm->guest_count; i++)
        if (!start(&storm->guests[i], err))
            return false;
    while (sched_task_count(storm->harness.sched) > 0) {
        sched_turn(storm->harness.sched, UINT64_MAX);
        for (u32 i = 0; i < storm->guest_count; i++) {
            struct guest *guest = &storm->guests[i];
            if (!guest->is_done)
                continue;
            guest->is_done = false;
            judge(guest);
            if (storm->redirects < redirects && !start(guest, err))
                return false;
        }
    }
    return true;
}

static bool open_storm(struct storm *storm, const char *cache, char **files, int count,
                       struct err *err)
{
    if (!harness_open(&storm->harness, cache, NULL, NULL, err))
        return false;
    for (int i = 0; i < 2 * count && storm->guest_count < GUESTS_MAX; i++) {
        struct guest *guest = &storm->guests[storm->guest_count++];
        *guest = (struct guest){.storm = storm,
                                .path = files[i / 2],
                                .tier = i % 2 == 0 ? PROC_TIER_QUICK : PROC_TIER_BEST};
        if (!load(guest, err) || !run_calm(guest, err))
            return false;
        guest->is_done = false;
    }
    return true;
}

static void close_storm(struct storm *storm)
{
    sched_destroy(&storm->harness.sched);
    for (u32 i = 0; i < storm->guest_count; i++) {
        rt_pool_destroy(&storm->guests[i].pool);
        rt_module_release(&storm->guests[i].module);
    }
    harness_close(&storm->harness);
}

int main(int argc, char **argv)
{
    struct err err = {0};
    if (argc < 5) {
        fprintf(stderr, "usage: weir-storm CACHE TICK_US REDIRECTS FILE.wasm...\n");
        return 2;
    }
    struct storm *storm = check_alloc(sizeof *storm);
    const struct sched_options fast = {.tick_ns = strtoull(argv[2], NULL, 10) * 1000};
    bool ok = open_storm(storm, argv[1], argv + 4, argc - 4, &err);
    if (ok) {
        struct harness *h = &storm->harness;
        sched_destroy(&h->sched);
        u64 begun_ns = clock_monotonic_ns();
        ok = sched_create(&h->sched, h->engine, h->loop, &fast, &err) &&
             run_storm(storm, strtoull(argv[3], NULL, 10), &err);
        printf("%" PRIu64 " redirects in %" PRIu64 " calls, %" PRIu64 " ms, %" PRIu64 " wrong\n",
               storm->redirects, storm->calls, (clock_monotonic_ns() - begun_ns) / 1000000,
               storm->wrong);
        ok = ok && storm->wrong == 0;
    }
    if (err.code != ERR_NONE)
        fprintf(stderr, "weir-storm: %s\n", err.text);
    close_storm(storm);
    free(storm);
    return ok ? 0 : 1;
}
