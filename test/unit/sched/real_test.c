/* Compiled modules under the scheduler: vector code preempted, sleeping, trapping, fresh. */
#include "proc/compile.h"
#include "sched/sched.h"
#include "test/test.h"
#include "test/unit/sched/stage.h"
#include "base/check.h"
#include "base/file.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TASKS_MAX 200

/* blend: b[i] = b[i] / 2 + a[i], `rounds` times over 4096 floats that start from `seed`; returns
 * the bits of a sum that notices any wrong element. */
static const char source[] =
    "(module\n"
    "  (import \"env\" \"emscripten_sleep\" (func $sleep (param i32)))\n"
    "  (import \"env\" \"emscripten_get_now\" (func $now (result f64)))\n"
    "  (memory 8)\n"
    "  (global $count (mut i32) (i32.const 0))\n"
    "  (func $fill (param $seed i32) (local $i i32)\n"
    "    (loop $l\n"
    "      (f32.store (i32.shl (local.get $i) (i32.const 2))\n"
    "        (f32.convert_i32_s (i32.add (local.get $i) (local.get $seed))))\n"
    "      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1)))\n"
    "                          (i32.const 4096)))))\n"
    "  (func $step (local $i i32)\n"
    "    (loop $l\n"
    "      (f32.store offset=16384 (i32.shl (local.get $i) (i32.const 2))\n"
    "        (f32.add (f32.load (i32.shl (local.get $i) (i32.const 2)))\n"
    "          (f32.mul (f32.const 0.5)\n"
    "            (f32.load offset=16384 (i32.shl (local.get $i) (i32.const 2))))))\n"
    "      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1)))\n"
    "                          (i32.const 4096)))))\n"
    "  (func (export \"blend\") (param $rounds i32) (param $seed i32) (result i32)\n"
    "    (local $i i32) (local $sum f32)\n"
    "    (call $fill (local.get $seed))\n"
    "    (loop $r (call $step)\n"
    "      (br_if $r (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1)))))\n"
    "    (loop $l\n"
    "      (local.set $sum (f32.add (f32.mul (local.get $sum) (f32.const 0.99))\n"
    "        (f32.load offset=16384 (i32.shl (local.get $i) (i32.const 2)))))\n"
    "      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1)))\n"
    "                          (i32.const 4096))))\n"
    "    (i32.reinterpret_f32 (local.get $sum)))\n"
    "  (func $spin (export \"spin\") (loop $l (br $l)))\n"
    "  (func (export \"sleep\") (param i32 i32) (result i32)\n"
    "    (call $sleep (local.get 0)) (i32.add (local.get 0) (local.get 1)))\n"
    "  (func (export \"count\") (result i32)\n"
    "    (i32.store (i32.const 300000) (i32.add (i32.load (i32.const 300000)) (i32.const 1)))\n"
    "    (drop (memory.grow (i32.const 1)))\n"
    "    (global.set $count (i32.add (global.get $count) (i32.const 1)))\n"
    "    (i32.add (i32.add (global.get $count) (i32.load (i32.const 300000)))\n"
    "             (i32.mul (memory.size) (i32.const 100))))\n"
    "  (func $deep (export \"deep\") (param i32) (result i32)\n"
    "    (i32.add (call $deep (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))\n"
    "  (func $host (export \"host\") (drop (call $now)) (call $host) (drop (call $now)))\n"
    "  (func $grow (export \"grow\")\n"
    "    (drop (memory.grow (i32.const 0))) (call $grow) (drop (memory.grow (i32.const 0))))\n"
    "  (func $inner (param i32) (result i32) (i32.load (local.get 0)))\n"
    "  (func $outer (export \"outer\") (param i32) (result i32)\n"
    "    (i32.add (call $inner (local.get 0)) (i32.const 1))))\n";

struct request {
    struct fixture *f;
    struct rt_instance *instance;
    bool done;
    u32 result, slices;
    struct rt_trap trap; /* kind NONE: it returned */
};

struct fixture {
    char folder[64], module_file[80];
    struct proc_cache cache;
    struct proc_artifact artifact;
    struct stage stage;
    struct request requests[TASKS_MAX];
};

static struct fixture fixture;

static void compile(struct fixture *f)
{
    char text[80], command[256];
    snprintf(f->folder, sizeof f->folder, "/tmp/weir-test-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(text, sizeof text, "%s/m.wat", f->folder);
    snprintf(f->module_file, sizeof f->module_file, "%s/m.wasm", f->folder);
    FILE *file = fopen(text, "we");
    assert_true(file != NULL && fputs(source, file) >= 0 && fclose(file) == 0);
    snprintf(command, sizeof command, "wat2wasm --debug-names -o %s %s", f->module_file, text);
    assert_int_equal(system(command), 0);
    unlink(text);
}

static int compile_all(void **state)
{
    (void)state;
    struct fixture *f = &fixture;
    struct err err = {0};
    char cache[80];
    compile(f);
    snprintf(cache, sizeof cache, "%.63s/cache", f->folder);
    const struct proc_compile_options options = {.tier = PROC_TIER_BEST};
    if (proc_cache_open(&f->cache, cache, &err) &&
        proc_compile_file(&f->cache, f->module_file, &options, NULL, NULL, &f->artifact, &err))
        return 0;
    fprintf(stderr, "%s\n", err.text);
    return 1;
}

static int remove_all(void **state)
{
    (void)state;
    char command[128];
    proc_cache_close(&fixture.cache);
    snprintf(command, sizeof command, "rm -r %.63s", fixture.folder);
    return system(command);
}

/* In every test: cmocka has signal handlers of its own between them. */
static void begin(void)
{
    struct fixture *f = &fixture;
    const struct stage_module module = {.code = f->artifact.code_path,
                                        .module = f->artifact.module_path,
                                        .mac_key = &f->cache.mac_key};
    stage_begin(&f->stage, &module, NULL);
}

static void end(void)
{
    struct fixture *f = &fixture;
    stage_end(&f->stage);
}

static void note(void *arg, const struct sched_result *result)
{
    struct request *request = arg;
    request->done = true;
    request->slices = result->slices;
    if (result->trap == NULL)
        request->result = result->results[0].u32;
    else
        request->trap = *result->trap;
    rt_pool_release(request->f->stage.pool, &request->instance);
}

static struct request *start(u32 index, const char *name, u32 a, u32 b, u64 cpu_ns)
{
    struct fixture *f = &fixture;
    struct request *request = &f->requests[index];
    union abi_value args[2] = {{.u32 = a}, {.u32 = b}};
    const struct rt_export *export = rt_module_export_find(f->stage.module, name, strlen(name));
    struct sched_task *task;
    assert_non_null(export);
    *request = (struct request){.f = f};
    assert_true(rt_pool_take(f->stage.pool, &request->instance, NULL));
    struct sched_call call = {.instance = request->instance,
                              .func = export->index,
                              .args = args,
                              .cpu_ns = cpu_ns,
                              .done = note,
                              .arg = request};
    assert_true(sched_start(f->stage.sched, &call, &task, NULL));
    return request;
}

static void run_all(void)
{
    while (sched_task_count(fixture.stage.sched) > 0)
        sched_turn(fixture.stage.sched, UINT64_MAX);
}

/* The same sums, alone and taken off the processor again and again beside an endless loop. */
static void preempted_vector_code_computes_the_same(void **state)
{
    (void)state;
    enum { GUESTS = 3, ROUNDS = 60000 };
    u32 want[GUESTS], slices = 0;
    begin();
    for (u32 i = 0; i < GUESTS; i++) {
        struct request *alone = start(0, "blend", ROUNDS, i, 0);
        run_all();
        assert_int_equal(alone->trap.kind, ABI_TRAP_NONE);
        want[i] = alone->result;
        assert_true(i == 0 || want[i] != want[i - 1]);
    }
    struct request *spins = start(GUESTS, "spin", 0, 0, 10000000);
    for (u32 i = 0; i < GUESTS; i++)
        start(i, "blend", ROUNDS, i, 0);
    run_all();
    for (u32 i = 0; i < GUESTS; i++) {
        assert_int_equal(fixture.requests[i].result, want[i]);
        slices += fixture.requests[i].slices;
    }
    assert_true(slices >= 2 * GUESTS);
    assert_int_equal(spins->trap.kind, ABI_TRAP_CPU_LIMIT);
    assert_int_equal(spins->trap.frame_count, 1);
    assert_memory_equal(spins->trap.frames[0].name.bytes, "spin", 4);
    end();
}

static void sleepers_share_the_worker(void **state)
{
    (void)state;
    begin();
    for (u32 i = 0; i < TASKS_MAX; i++)
        start(i, "sleep", 5, i, 0);
    run_all();
    for (u32 i = 0; i < TASKS_MAX; i++) {
        assert_int_equal(fixture.requests[i].result, 5 + i);
        assert_int_equal(fixture.requests[i].slices, 2);
    }
    end();
}

static void every_request_finds_a_fresh_instance(void **state)
{
    (void)state;
    begin();
    for (u32 i = 0; i < 500; i++) {
        struct request *request = start(0, "count", 0, 0, 0);
        run_all();
        assert_int_equal(request->result, 902); /* 9 pages, both counters at 1 */
        if (i % 50 == 0) {
            start(0, "deep", 0, 0, 0);
            start(1, "outer", 0x7fffffff, 0, 0);
            run_all();
            assert_int_equal(fixture.requests[0].trap.kind, ABI_TRAP_STACK_EXHAUSTED);
            assert_int_equal(fixture.requests[1].trap.kind, ABI_TRAP_MEMORY_BOUNDS);
        }
    }
    end();
}

/* A host call from every frame down to the last: one of them finds too little stack. */
static void host_calls_at_the_stack_end(void **state)
{
    (void)state;
    static const char *const names[] = {"host", "grow"};
    begin();
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct request *request = start(0, names[i], 0, 0, 0);
        run_all();
        assert_int_equal(request->trap.kind, ABI_TRAP_STACK_EXHAUSTED);
        assert_memory_equal(request->trap.frames[0].name.bytes, names[i], 4);
    }
    end();
}

static void a_trap_says_where(void **state)
{
    (void)state;
    begin();
    struct request *request = start(0, "outer", 0xfffffff0, 0, 0);
    run_all();
    assert_int_equal(request->trap.kind, ABI_TRAP_MEMORY_BOUNDS);
    assert_int_equal(request->trap.fault_addr, 0xfffffff0);
    assert_int_equal(request->trap.frame_count, 2);
    assert_memory_equal(request->trap.frames[0].name.bytes, "inner", 5);
    assert_memory_equal(request->trap.frames[1].name.bytes, "outer", 5);
    start(0, "deep", 0, 0, 0);
    run_all();
    assert_int_equal(request->trap.frame_count, RT_FRAMES_MAX);
    assert_true(request->trap.frames_omitted > 1000);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(preempted_vector_code_computes_the_same),
        cmocka_unit_test(sleepers_share_the_worker),
        cmocka_unit_test(every_request_finds_a_fresh_instance),
        cmocka_unit_test(host_calls_at_the_stack_end),
        cmocka_unit_test(a_trap_says_where),
    };
    return cmocka_run_group_tests(tests, compile_all, remove_all);
}
