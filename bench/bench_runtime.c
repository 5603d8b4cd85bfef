/*
 * bench/bench_runtime.c -- what the runtime's own steps cost, one line each: "name value unit".
 * `bench_runtime tick`: only what a guest loses to the scheduler's tick.
 * `bench_runtime calls CALLS.wasm`: only a host call of bench/guests/calls.c, as weirc compiles it.
 *
 * The guest of the others is the hand-made code file of the runtime's tests. Every figure is the
 * median of rounds.
 */
#include "proc/compile.h"
#include "runtime/runtime.h"
#include "sched/sched.h"
#include "test/unit/runtime/guest.h"
#include <math.h>
#include <sys/mman.h>

#define ROUNDS       9
#define TICK_ROUNDS  500
#define MEMORY_PAGES 16u /* of 64 KiB: what a small C program has */
#define PAGE         4096u

struct bench {
    struct guest_files files;
    struct rt_engine *engine;
    struct rt_module *module;
    struct rt_pool *pool;
    struct loop *loop;
    struct sched *sched;
    u32 dirty_pages; /* of take_reset */
    u32 calls_func;  /* of host_calls */
};

static u32 host_next(struct rt_instance *instance, u32 a, u32 b)
{
    (void)instance;
    return a + b;
}

static u32 host_suspend(struct rt_instance *instance, u32 a, u32 b)
{
    for (u32 i = 0; i < a; i++)
        rt_fiber_suspend(instance);
    return b;
}

static const struct rt_host_func hosts[] = {
    {"env", "next", "ii_i", "a b", 0, (rt_host_code *)host_next},
    {"env", "suspend", "ii_i", "a b", RT_HOST_MAY_SUSPEND, (rt_host_code *)host_suspend},
};

static void must(bool ok, const struct err *err)
{
    if (!ok) {
        fprintf(stderr, "bench_runtime: %s\n", err->text);
        exit(1);
    }
}

/* Instances begin where a first one is by now. */
static void use_snapshot(struct bench *b)
{
    struct err err = {0};
    struct rt_instance *instance;
    u64 len;
    int fd = memfd_create("snapshot", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    must(rt_instance_create(&instance, b->module, NULL, 0, &err), &err);
    CHECK(ftruncate(fd, (off_t)RT_SNAPSHOT_MAX) == 0);
    u8 *room = mmap(NULL, RT_SNAPSHOT_MAX, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(room != MAP_FAILED);
    must(rt_snapshot_take(instance, room, &len, &err), &err);
    rt_instance_destroy(&instance);
    munmap(room, RT_SNAPSHOT_MAX);
    CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK) == 0);
    must(rt_module_use_snapshot(b->module, fd, 0, len, &err), &err);
    fd_close(&fd);
}

enum { BY_READ = 1, FROM_SNAPSHOT = 2 };

static void begin(struct bench *b, const char *import, u32 how)
{
    static u8 image[MEMORY_PAGES * ABI_PAGE_BYTES / 2];
    struct err err = {0};
    const struct guest_module m = {.memory_pages = MEMORY_PAGES,
                                   .memory_max = 64,
                                   .image = image,
                                   .image_len = sizeof image,
                                   .import_field = import};
    memset(image, 7, sizeof image);
    guest_files_init(&b->files);
    guest_module_write(&b->files, &m);
    must(rt_engine_create(&b->engine, &(struct rt_options){.scan_by_read = how == BY_READ}, &err),
         &err);
    must(loop_create(&b->loop, &err), &err);
    must(sched_create(&b->sched, b->engine, b->loop, NULL, &err), &err);
    rt_engine_add_host(b->engine, hosts, COUNT_OF(hosts));
    must(rt_module_load(&b->module, b->engine, b->files.code, b->files.module, &guest_key, &err),
         &err);
    if (how == FROM_SNAPSHOT)
        use_snapshot(b);
    must(rt_pool_create(&b->pool, b->module, 0, &err), &err);
    b->calls_func = GUEST_HOST_LOOP;
}

static void end(struct bench *b)
{
    sched_destroy(&b->sched);
    rt_pool_destroy(&b->pool);
    rt_module_release(&b->module);
    loop_destroy(&b->loop);
    rt_engine_destroy(&b->engine);
    guest_files_remove(&b->files);
}

static int compare(const void *a, const void *b)
{
    f64 x = *(const f64 *)a, y = *(const f64 *)b;
    return (x > y) - (x < y);
}

/* Nanoseconds that `count` repetitions of fn take, each; the median of rounds. */
static f64 measure(u32 (*fn)(struct bench *, u32 count), struct bench *b, u32 count)
{
    f64 rounds[ROUNDS];
    for (u32 i = 0; i < ROUNDS; i++) {
        u64 start = clock_monotonic_ns();
        fn(b, count);
        rounds[i] = (f64)(clock_monotonic_ns() - start) / count;
    }
    qsort(rounds, ROUNDS, sizeof rounds[0], compare);
    return rounds[ROUNDS / 2];
}

/* ---- what is measured ---- */

static u32 take_reset(struct bench *b, u32 count)
{
    struct err err = {0};
    for (u32 i = 0; i < count; i++) {
        struct rt_instance *instance;
        must(rt_pool_take(b->pool, &instance, &err), &err);
        u8 *bytes = rt_memory_view(instance, 0, (u64)MEMORY_PAGES * ABI_PAGE_BYTES);
        for (u32 page = 0; page < b->dirty_pages; page++)
            bytes[page * 13 * PAGE] = 9;
        rt_pool_release(b->pool, &instance);
    }
    return count;
}

/* One call of func(a, x), as often run as it wants. */
static u32 run_to_end(struct bench *b, u32 func, u32 a, u32 x)
{
    struct err err = {0};
    struct rt_instance *instance;
    struct rt_fiber *fiber;
    union abi_value args[2] = {{.u32 = a}, {.u32 = x}};
    must(rt_pool_take(b->pool, &instance, &err), &err);
    must(rt_fiber_take(&fiber, b->engine, &err), &err);
    rt_fiber_begin(fiber, instance, func, args, NULL);
    u32 runs = 1;
    while (rt_fiber_run(fiber) != RT_EXIT_DONE)
        runs++;
    rt_fiber_release(&fiber);
    rt_pool_release(b->pool, &instance);
    return runs;
}

static u32 calls(struct bench *b, u32 count)
{
    struct err err = {0};
    struct rt_instance *instance;
    must(rt_pool_take(b->pool, &instance, &err), &err);
    for (u32 i = 0; i < count; i++) {
        struct rt_fiber *fiber;
        union abi_value args[2] = {{.u32 = i}, {.u32 = 1}};
        must(rt_fiber_take(&fiber, b->engine, &err), &err);
        rt_fiber_begin(fiber, instance, GUEST_ADD, args, NULL);
        rt_fiber_run(fiber);
        rt_fiber_release(&fiber);
    }
    rt_pool_release(b->pool, &instance);
    return count;
}

static u32 host_calls(struct bench *b, u32 count)
{
    return run_to_end(b, b->calls_func, count, 1);
}

/* What host_calls is compared with: the same function, called through a pointer by C. */
static u32 c_calls(struct bench *b, u32 count)
{
    u32 (*volatile next)(struct rt_instance *, u32, u32) = host_next;
    u32 sum = 1;
    (void)b;
    for (u32 i = 0; i < count; i++)
        sum = next(NULL, 1, sum);
    return sum;
}

static u32 suspensions(struct bench *b, u32 count)
{
    return run_to_end(b, GUEST_CALL_HOST, count, 1);
}

static u32 forced_switches(struct bench *b, u32 count)
{
    u32 runs = run_to_end(b, GUEST_SIGNAL, count, (u32)getpid());
    CHECK(runs >= count);
    return runs;
}

static void count_end(void *arg, const struct sched_result *result)
{
    ++*(u32 *)arg;
    CHECK(result->trap == NULL || result->trap->kind == ABI_TRAP_CANCELLED);
}

static u32 tasks(struct bench *b, u32 count)
{
    struct err err = {0};
    u32 ended = 0;
    for (u32 i = 0; i < count; i++) {
        union abi_value args[2] = {{.u32 = i}, {.u32 = 1}};
        struct sched_call call = {.func = GUEST_ADD,
                                  .args = args,
                                  .cpu_ns = GIB,
                                  .wall_end_ns = UINT64_MAX,
                                  .done = count_end};
        struct sched_task *task;
        call.arg = &ended;
        must(rt_pool_take(b->pool, &call.instance, &err), &err);
        must(sched_start(b->sched, &call, &task, &err), &err);
        while (ended <= i)
            sched_turn(b->sched, 0);
        rt_pool_release(b->pool, &call.instance);
    }
    return count;
}

static u32 ignored_signals(struct bench *b, u32 count)
{
    return run_to_end(b, GUEST_SIGNAL, count, (u32)getpid());
}

static bool always(void *arg)
{
    (void)arg;
    return true;
}

static u64 resident_bytes(void)
{
    unsigned long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    CHECK(file != NULL && fscanf(file, "%lu %lu", &pages, &resident) == 2);
    fclose(file);
    return resident * PAGE;
}

/* What one call waiting in a host function keeps beside its instance. */
static f64 suspended_bytes(struct bench *b)
{
    enum { COUNT = 1000 };
    static struct rt_instance *instances[COUNT];
    static struct rt_fiber *fibers[COUNT];
    struct err err = {0};
    union abi_value args[2] = {{.u32 = 1}, {.u32 = 1}};
    for (u32 i = 0; i < COUNT; i++)
        must(rt_pool_take(b->pool, &instances[i], &err), &err);
    u64 before = resident_bytes();
    for (u32 i = 0; i < COUNT; i++) {
        must(rt_fiber_take(&fibers[i], b->engine, &err), &err);
        rt_fiber_begin(fibers[i], instances[i], GUEST_CALL_HOST, args, NULL);
        CHECK(rt_fiber_run(fibers[i]) == RT_EXIT_SUSPENDED);
    }
    u64 used = resident_bytes() - before;
    for (u32 i = 0; i < COUNT; i++) {
        rt_fiber_release(&fibers[i]);
        rt_pool_release(b->pool, &instances[i]);
    }
    return (f64)used / (f64)COUNT;
}

static void start_task(struct bench *b, u32 func, struct rt_instance **instance, u32 *ended)
{
    struct err err = {0};
    struct sched_task *task;
    union abi_value args[2] = {{.u32 = 0}, {.u32 = 1}};
    must(rt_pool_take(b->pool, instance, &err), &err);
    struct sched_call call = {
        .instance = *instance, .func = func, .args = args, .done = count_end, .arg = ended};
    must(sched_start(b->sched, &call, &task, &err), &err);
}

/* How long a short call waits beside SPINNERS endless loops: nanoseconds, 99th percentile. */
static f64 newcomer_wait(struct bench *b)
{
    enum { SPINNERS = 1000, SAMPLES = 200 };
    static struct rt_instance *spinners[SPINNERS];
    f64 waits[SAMPLES];
    u32 ended = 0;
    for (u32 i = 0; i < SPINNERS; i++)
        start_task(b, GUEST_SPIN, &spinners[i], &ended);
    for (u32 i = 0; i < 50; i++)
        sched_turn(b->sched, 0);
    for (u32 i = 0; i < SAMPLES; i++) {
        struct rt_instance *instance;
        u64 start = clock_monotonic_ns();
        start_task(b, GUEST_ADD, &instance, &ended);
        while (ended <= i)
            sched_turn(b->sched, 0);
        waits[i] = (f64)(clock_monotonic_ns() - start);
        rt_pool_release(b->pool, &instance);
        sched_turn(b->sched, 0);
    }
    sched_destroy(&b->sched); /* ends the loops */
    for (u32 i = 0; i < SPINNERS; i++)
        rt_pool_release(b->pool, &spinners[i]);
    qsort(waits, SAMPLES, sizeof waits[0], compare);
    return waits[SAMPLES * 99 / 100];
}

/* ---- what the tick takes ---- */

/* Processor time of so many calls of so many steps each, one after the other. */
static u64 calls_cpu_ns(struct bench *b, u64 tick_ns, u32 call_count, u32 steps)
{
    struct err err = {0};
    const struct sched_options options = {.tick_ns = tick_ns};
    u32 ended = 0;
    sched_destroy(&b->sched);
    must(sched_create(&b->sched, b->engine, b->loop, &options, &err), &err);
    u64 start_ns = clock_thread_cpu_ns();
    for (u32 i = 0; i < call_count; i++) {
        struct sched_task *task;
        union abi_value args[2] = {{.u32 = steps}, {.u32 = 1}};
        struct sched_call call = {
            .func = GUEST_HOST_LOOP, .args = args, .done = count_end, .arg = &ended};
        must(rt_pool_take(b->pool, &call.instance, &err), &err);
        must(sched_start(b->sched, &call, &task, &err), &err);
        while (ended <= i)
            sched_turn(b->sched, 0);
        rt_pool_release(b->pool, &call.instance);
    }
    return clock_thread_cpu_ns() - start_ns;
}

/* Percent of its time that a lone guest loses to the tick when each of its calls takes so long.
 * Short rounds, one without, two with, one without, are compared with each other, so that what else
 * the machine does meets both kinds; the median of those, and where it lies with 95 % certainty. */
static void tick_loss(struct bench *b, const char *name, u64 call_ns, u32 count)
{
    const u64 none_ns = (u64)3600 * 1000000000, round_ns = max_u64(20000000, call_ns);
    f64 lost[TICK_ROUNDS], step_ns = measure(host_calls, b, 1000000);
    u32 steps = (u32)((f64)call_ns / step_ns), call_count = (u32)(round_ns / call_ns);
    for (u32 i = 0; i < count; i++) {
        u64 without = calls_cpu_ns(b, none_ns, call_count, steps);
        u64 with = calls_cpu_ns(b, 0, call_count, steps);
        with += calls_cpu_ns(b, 0, call_count, steps);
        without += calls_cpu_ns(b, none_ns, call_count, steps);
        lost[i] = 100 * ((f64)with / (f64)without - 1);
    }
    qsort(lost, count, sizeof lost[0], compare);
    u32 off = (u32)(0.98 * sqrt(count)); /* 1.96 deviations of the sign test */
    printf("lost_by_calls_of_%s %.2f %% (%.2f to %.2f)\n", name, lost[count / 2],
           lost[count / 2 - off], lost[count / 2 + off]);
}

static void tick(void)
{
    struct bench b;
    begin(&b, "next", false);
    tick_loss(&b, "100_us", 100000, TICK_ROUNDS);
    tick_loss(&b, "1_ms", 1000000, TICK_ROUNDS);
    tick_loss(&b, "100_ms_that_overstay", 100000000, TICK_ROUNDS / 10);
    end(&b);
}

/* Host calls of compiled code and C's by turns, so that a busy machine slows both alike. */
static void compiled_calls(const char *wasm)
{
    const struct proc_compile_options best = {.tier = PROC_TIER_BEST};
    struct bench b = {0};
    struct err err = {0};
    struct proc_cache cache;
    struct proc_artifact artifact;
    must(proc_cache_open_temporary(&cache, &err), &err);
    must(proc_compile_file(&cache, wasm, &best, NULL, NULL, &artifact, &err), &err);
    must(rt_engine_create(&b.engine, NULL, &err), &err);
    rt_engine_add_host(b.engine, hosts, COUNT_OF(hosts));
    must(rt_module_load(&b.module, b.engine, artifact.code_path, artifact.module_path,
                        &cache.mac_key, &err),
         &err);
    must(rt_pool_create(&b.pool, b.module, 0, &err), &err);
    b.calls_func = rt_module_export_find(b.module, "calls", strlen("calls"))->index;
    printf("call_through_a_pointer_in_C %.2f ns\n", measure(c_calls, &b, 5000000));
    printf("host_call %.2f ns\n", measure(host_calls, &b, 5000000));
    rt_pool_destroy(&b.pool);
    rt_module_release(&b.module);
    rt_engine_destroy(&b.engine);
    proc_cache_close(&cache);
}

int main(int argc, char **argv)
{
    struct bench b;
    if (argc == 3 && strcmp(argv[1], "calls") == 0) {
        compiled_calls(argv[2]);
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "tick") == 0) {
        tick();
        return 0;
    }
    static const u32 pages[] = {0, 1, 4, 16};
    static const char *const hows[] = {"", "_by_read", "_from_snapshot"};
    for (u32 how = 0; how < COUNT_OF(hows); how++) {
        begin(&b, "next", how);
        for (u32 i = 0; i < COUNT_OF(pages); i++) {
            b.dirty_pages = pages[i];
            printf("take_reset_%u_pages%s %.2f us\n", pages[i], hows[how],
                   measure(take_reset, &b, 5000) / 1000);
        }
        end(&b);
    }
    begin(&b, "next", 0);
    printf("call_on_fiber %.1f ns\n", measure(calls, &b, 100000));
    printf("task_with_fresh_instance %.2f us\n", measure(tasks, &b, 5000) / 1000);
    rt_engine_on_tick(b.engine, always, NULL);
    printf("forced_switch_with_signal %.2f us\n", measure(forced_switches, &b, 5000) / 1000);
    rt_engine_on_tick(b.engine, NULL, NULL);
    printf("signal_ignored %.2f us\n", measure(ignored_signals, &b, 5000) / 1000);
    end(&b);
    begin(&b, "suspend", 0);
    printf("suspend_and_resume %.1f ns\n", measure(suspensions, &b, 1000000));
    printf("suspended_call_resident %.1f KiB\n", suspended_bytes(&b) / 1024);
    end(&b);
    begin(&b, "next", 0);
    printf("newcomer_beside_1000_loops_p99 %.2f ms\n", newcomer_wait(&b) / 1e6);
    end(&b);
    return 0;
}
