/* Traps, backtraces, stack ends, preemption: with the module of guest.h. */
#include "runtime/internal.h"
#include "test/test.h"
#include "test/unit/runtime/guest.h"
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

struct fixture {
    struct guest_files files;
    struct rt_engine *engine;
    struct rt_module *module;
    struct rt_instance *instance;
    struct rt_fiber *fiber;
};

static u32 host_add(struct rt_instance *instance, u32 a, u32 b)
{
    (void)instance;
    return a + b;
}

static void begin(struct fixture *f, rt_host_code *host)
{
    static struct rt_host_func row = {"env", "host", "ii_i", "a b", 0, NULL};
    const struct guest_module m = {.memory_pages = 1, .memory_max = 4};
    struct err err = {0};
    row.code = host;
    guest_files_init(&f->files);
    guest_module_write(&f->files, &m);
    if (!rt_engine_create(&f->engine, &(struct rt_options){.stack_bytes = 256 * KIB}, &err))
        fail_msg("%s", err.text);
    rt_engine_add_host(f->engine, &row, 1);
    if (!rt_module_load(&f->module, f->engine, f->files.code, f->files.module, &guest_key, &err))
        fail_msg("%s", err.text);
    assert_true(rt_instance_create(&f->instance, f->module, NULL, 0, NULL));
    assert_true(rt_fiber_take(&f->fiber, f->engine, NULL));
}

static void end(struct fixture *f)
{
    rt_fiber_release(&f->fiber);
    rt_instance_destroy(&f->instance);
    rt_module_release(&f->module);
    rt_engine_destroy(&f->engine);
    guest_files_remove(&f->files);
}

static enum rt_exit call(struct fixture *f, u32 func, u32 a, u32 b)
{
    union abi_value args[2] = {{.u32 = a}, {.u32 = b}};
    rt_fiber_begin(f->fiber, f->instance, func, args, f);
    return rt_fiber_run(f->fiber);
}

/* Calls, expects a trap, and that the instance still answers. */
static const struct rt_trap *expect_trap(struct fixture *f, u32 func, u32 a, u32 b,
                                         enum abi_trap kind)
{
    assert_int_equal(call(f, func, a, b), RT_EXIT_TRAP);
    const struct rt_trap *trap = rt_fiber_trap(f->fiber);
    assert_int_equal(trap->kind, kind);
    return trap;
}

static void every_kind_of_trap(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, (rt_host_code *)host_add);
    for (u32 kind = ABI_TRAP_UNREACHABLE; kind < ABI_TRAP_COUNT; kind++) {
        const struct rt_trap *trap = expect_trap(&f, GUEST_TRAP, kind, 0, (enum abi_trap)kind);
        assert_non_null(trap->message);
        assert_int_equal(trap->fault_addr, UINT64_MAX);
        assert_int_equal(call(&f, GUEST_ADD, kind, 1), RT_EXIT_DONE);
        assert_int_equal(rt_fiber_results(f.fiber)[0].u32, kind + 1);
    }
    static const struct {
        u32 index;
        enum abi_trap kind;
    } calls[] = {{4, ABI_TRAP_TABLE_BOUNDS},
                 {1, ABI_TRAP_NULL_ELEMENT},
                 {UINT32_MAX, ABI_TRAP_TABLE_BOUNDS}};
    for (size_t i = 0; i < COUNT_OF(calls); i++)
        expect_trap(&f, GUEST_CALL_TABLE, calls[i].index, 1, calls[i].kind);
    end(&f);
}

static void accesses_out_of_bounds(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, (rt_host_code *)host_add);
    static const struct {
        u32 a, b;
    } cases[] = {{65536, 0}, {65535, 1}, {0xffffffff, 0}, {0xffffffff, 0x1ffffff}, {0x7fffffff, 1}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct rt_trap *trap =
            expect_trap(&f, GUEST_LOAD, cases[i].a, cases[i].b, ABI_TRAP_MEMORY_BOUNDS);
        assert_int_equal(trap->fault_addr, (u64)cases[i].a + cases[i].b);
        assert_int_equal(trap->frame_count, 1);
        assert_int_equal(trap->frames[0].func, GUEST_LOAD);
        assert_memory_equal(trap->frames[0].name.bytes, "load", 4);
    }
    expect_trap(&f, GUEST_STORE, 65536, 1, ABI_TRAP_MEMORY_BOUNDS);
    end(&f);
}

static void a_backtrace_names_every_frame(void **state)
{
    (void)state;
    struct fixture f;
    struct buf text;
    begin(&f, (rt_host_code *)host_add);
    buf_init(&text, 4096);
    const struct rt_trap *trap = expect_trap(&f, GUEST_RECURSE, 0, 0, ABI_TRAP_STACK_EXHAUSTED);
    assert_int_equal(trap->frame_count, RT_FRAMES_MAX);
    assert_true(trap->frames_omitted > 1000);
    for (u32 i = 0; i < trap->frame_count; i++)
        assert_int_equal(trap->frames[i].func, GUEST_RECURSE);
    expect_trap(&f, GUEST_TRAP, ABI_TRAP_UNREACHABLE, 0, ABI_TRAP_UNREACHABLE);
    rt_trap_print(rt_fiber_trap(f.fiber), &text);
    buf_add_byte(&text, 0);
    assert_string_equal((char *)text.bytes, "unreachable executed\n  at trap (func 4)\n");
    buf_fini(&text);
    end(&f);
}

static void stack_exhaustion_leaks_nothing(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, (rt_host_code *)host_add);
    for (u32 i = 0; i < 10000; i++) {
        expect_trap(&f, GUEST_RECURSE, 0, 0, ABI_TRAP_STACK_EXHAUSTED);
        rt_fiber_release(&f.fiber);
        assert_true(rt_fiber_take(&f.fiber, f.engine, NULL));
    }
    assert_int_equal(f.engine->fiber_count, 1);
    assert_int_equal(call(&f, GUEST_RECURSE, 100, 1), RT_EXIT_DONE);
    end(&f);
}

/* A host function that uses the stack it was promised. */
static u32 host_deep(struct rt_instance *instance, u32 a, u32 b)
{
    (void)instance;
    volatile u8 frame[40 * KIB];
    for (size_t i = 0; i < sizeof frame; i += 512)
        frame[i] = (u8)a;
    return frame[1024] + b;
}

static void host_calls_at_the_stack_end(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, (rt_host_code *)host_deep);
    static const struct {
        u32 left;
        bool ok;
    } cases[] = {{1024, false}, {32 * 1024, false}, {66 * 1024, true}, {128 * 1024, true}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        enum rt_exit exit = call(&f, GUEST_HOST_AT_EDGE, 0, cases[i].left);
        assert_int_equal(exit, cases[i].ok ? RT_EXIT_DONE : RT_EXIT_TRAP);
        if (!cases[i].ok)
            assert_int_equal(rt_fiber_trap(f.fiber)->kind, ABI_TRAP_STACK_EXHAUSTED);
    }
    end(&f);
}

static u32 host_refuses(struct rt_instance *instance, u32 a, u32 b)
{
    if (a == b)
        rt_host_trap(instance, "equal is refused");
    return 1;
}

static void host_traps_carry_their_message(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, (rt_host_code *)host_refuses);
    const struct rt_trap *trap = expect_trap(&f, GUEST_CALL_HOST, 4, 4, ABI_TRAP_HOST);
    assert_string_equal(trap->message, "equal is refused");
    assert_int_equal(trap->frame_count, 1);
    assert_int_equal(trap->frames[0].func, GUEST_CALL_HOST);
    assert_int_equal(call(&f, GUEST_CALL_HOST, 4, 5), RT_EXIT_DONE);
    end(&f);
}

/* ---- suspension and preemption ---- */

static u32 host_suspends(struct rt_instance *instance, u32 a, u32 b)
{
    struct fixture *f = rt_instance_user(instance);
    assert_ptr_equal(f->instance, instance);
    for (u32 i = 0; i < a; i++)
        rt_fiber_suspend(instance);
    return b;
}

static void suspension_keeps_the_call(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, (rt_host_code *)host_suspends);
    enum rt_exit exit = call(&f, GUEST_CALL_HOST, 3, 50);
    for (u32 i = 0; i < 3; i++) {
        assert_int_equal(exit, RT_EXIT_SUSPENDED);
        exit = rt_fiber_run(f.fiber);
    }
    assert_int_equal(exit, RT_EXIT_DONE);
    assert_int_equal(rt_fiber_results(f.fiber)[0].u32, 1050);
    assert_int_equal(call(&f, GUEST_CALL_HOST, 1, 1), RT_EXIT_SUSPENDED);
    rt_fiber_kill(f.fiber, ABI_TRAP_CANCELLED);
    const struct rt_trap *trap = rt_fiber_trap(f.fiber);
    assert_int_equal(trap->kind, ABI_TRAP_CANCELLED);
    assert_int_equal(trap->frame_count, 1);
    assert_int_equal(trap->frames[0].func, GUEST_CALL_HOST);
    end(&f);
}

static bool always(void *arg)
{
    ++*(u32 *)arg;
    return true;
}

/* A timer as the scheduler's, but much faster. */
static timer_t start_ticks(u32 period_us)
{
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGURG};
    struct itimerspec spec = {.it_interval.tv_nsec = (long)period_us * 1000,
                              .it_value.tv_nsec = (long)period_us * 1000};
    assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    assert_int_equal(timer_settime(timer, 0, &spec, NULL), 0);
    return timer;
}

static void preempted_guests_keep_their_registers(void **state)
{
    (void)state;
    enum { GUESTS = 3, SWITCHES = 300 };
    struct fixture f;
    struct rt_instance *instances[GUESTS];
    struct rt_fiber *fibers[GUESTS];
    u32 ticks = 0, loops = 20000;
    begin(&f, (rt_host_code *)host_add);
    rt_engine_on_tick(f.engine, always, &ticks);
    for (u32 i = 0; i < GUESTS; i++) {
        union abi_value args[2] = {{.u32 = i == 0 ? loops : 0}, {.u32 = i + 1}};
        assert_true(rt_instance_create(&instances[i], f.module, NULL, 0, NULL));
        assert_true(rt_fiber_take(&fibers[i], f.engine, NULL));
        rt_fiber_begin(fibers[i], instances[i], GUEST_SPIN, args, NULL);
    }
    timer_t timer = start_ticks(200);
    bool done = false;
    for (u32 i = 0; !done || i < SWITCHES; i++) {
        if (done && i % GUESTS == 0)
            continue;
        enum rt_exit exit = rt_fiber_run(fibers[i % GUESTS]);
        done = done || exit == RT_EXIT_DONE;
        assert_true(exit == RT_EXIT_PREEMPTED || (exit == RT_EXIT_DONE && i % GUESTS == 0));
    }
    timer_delete(timer);
    assert_true(ticks >= SWITCHES / 2);
    assert_int_equal(rt_fiber_results(fibers[0])[0].u32, 1); /* no pattern was ever broken */
    for (u32 i = 1; i < GUESTS; i++) {
        rt_fiber_kill(fibers[i], ABI_TRAP_CPU_LIMIT);
        assert_int_equal(rt_fiber_trap(fibers[i])->frames[0].func, GUEST_SPIN);
    }
    for (u32 i = 0; i < GUESTS; i++) {
        rt_fiber_release(&fibers[i]);
        rt_instance_destroy(&instances[i]);
    }
    end(&f);
}

static u32 host_slow(struct rt_instance *instance, u32 a, u32 b)
{
    struct fixture *f = rt_instance_user(instance);
    for (u32 i = 0; i < a; i++) {
        raise(SIGURG);
        assert_int_equal(f->fiber->exec.pending, 1);
    }
    return b;
}

static void a_tick_in_host_code_waits_for_its_exit(void **state)
{
    (void)state;
    struct fixture f;
    u32 ticks = 0;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGURG);
    sigprocmask(SIG_BLOCK, &set, NULL); /* as whoever starts us may have done */
    begin(&f, (rt_host_code *)host_slow);
    rt_engine_on_tick(f.engine, always, &ticks);
    assert_int_equal(call(&f, GUEST_CALL_HOST, 2, 7), RT_EXIT_PREEMPTED);
    assert_int_equal(ticks, 2);
    assert_int_equal(rt_fiber_run(f.fiber), RT_EXIT_DONE);
    assert_int_equal(rt_fiber_results(f.fiber)[0].u32, 1007);
    raise(SIGURG); /* nobody runs: nothing happens */
    assert_int_equal(ticks, 3);
    end(&f);
}

/* ---- what is no trap ---- */

static u8 *elsewhere; /* not in an address space of guests, or not the running one's */

static u32 host_reads_a_guard(struct rt_instance *instance, u32 a, u32 b)
{
    u8 *outside = rt_memory_view(instance, 0, 1) + ABI_PAGE_BYTES;
    return *(volatile u8 *)(outside + a) + b;
}

static u32 host_reads_elsewhere(struct rt_instance *instance, u32 a, u32 b)
{
    (void)instance;
    return *(volatile u8 *)(elsewhere + a) + b;
}

static u32 host_jumps_elsewhere(struct rt_instance *instance, u32 a, u32 b)
{
    rt_host_code *code;
    memcpy(&code, &elsewhere, sizeof code);
    return ((u32 (*)(struct rt_instance *, u32, u32))code)(instance, a, b);
}

static u32 host_is_sent_one(struct rt_instance *instance, u32 a, u32 b)
{
    (void)instance;
    raise(SIGSEGV);
    return a + b;
}

/* As if a bug of ours had changed it. */
static void move_memory(struct fixture *f, u8 *base)
{
    struct abi_memory_ref *ref = rt_ctx_memories(f->instance);
    ref->memory->base = base;
    ref->base = base;
}

static void nobody_runs(struct fixture *f)
{
    (void)f;
    host_reads_elsewhere(NULL, 0, 0);
}

static void guest_reads_elsewhere(struct fixture *f)
{
    move_memory(f, elsewhere);
    call(f, GUEST_LOAD, 0, 0);
}

/* In a guard, but of another instance. */
static void guest_reads_another_guard(struct fixture *f)
{
    struct rt_instance *other;
    CHECK(rt_instance_create(&other, f->module, NULL, 0, NULL));
    move_memory(f, rt_memory_view(other, 0, 1) + ABI_PAGE_BYTES);
    call(f, GUEST_LOAD, 0, 0);
}

static void guest_calls_host(struct fixture *f)
{
    call(f, GUEST_CALL_HOST, 0, 0);
}

/* Runs a child that is to die by a signal; returns the signal. What it says comes into `said`. */
static int death_of(rt_host_code *host, void (*does)(struct fixture *f), char *said, size_t size)
{
    struct fixture f;
    int ends[2];
    begin(&f, host); /* here, so that somebody is left to take its files away */
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        does(&f);
        _exit(0);
    }
    close(ends[1]);
    ssize_t len = read(ends[0], said, size - 1);
    said[len > 0 ? len : 0] = 0;
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    end(&f);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void a_fault_that_is_no_guests_ends_the_process(void **state)
{
    (void)state;
    static const struct {
        u32 (*host)(struct rt_instance *instance, u32 a, u32 b);
        void (*does)(struct fixture *f);
    } cases[] = {
        {host_reads_a_guard, guest_calls_host},
        {host_reads_elsewhere, guest_calls_host},
        {host_jumps_elsewhere, guest_calls_host},
        {host_is_sent_one, guest_calls_host},
        {host_add, guest_reads_elsewhere},
        {host_add, guest_reads_another_guard},
        {host_add, nobody_runs},
    };
    char said[200];
    elsewhere = mmap(NULL, ABI_PAGE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(elsewhere, MAP_FAILED);
    for (u32 i = 0; i < COUNT_OF(cases); i++) {
        rt_host_code *host = (rt_host_code *)cases[i].host;
        assert_int_equal(death_of(host, cases[i].does, said, sizeof said), SIGSEGV);
        assert_non_null(strstr(said, "weir: bug: signal 0x000000000000000b at pc 0x"));
    }
    assert_int_equal(death_of((rt_host_code *)host_add, guest_calls_host, said, sizeof said), 0);
    assert_string_equal(said, "");
    assert_int_equal(munmap(elsewhere, ABI_PAGE_BYTES), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_trap),
        cmocka_unit_test(accesses_out_of_bounds),
        cmocka_unit_test(a_backtrace_names_every_frame),
        cmocka_unit_test(stack_exhaustion_leaks_nothing),
        cmocka_unit_test(host_calls_at_the_stack_end),
        cmocka_unit_test(host_traps_carry_their_message),
        cmocka_unit_test(suspension_keeps_the_call),
        cmocka_unit_test(preempted_guests_keep_their_registers),
        cmocka_unit_test(a_tick_in_host_code_waits_for_its_exit),
        cmocka_unit_test(a_fault_that_is_no_guests_ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
