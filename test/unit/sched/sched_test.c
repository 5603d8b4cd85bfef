/* Tasks, slices, limits, suspension: with the module of test/unit/runtime/guest.h. */
#include "base/file.h"
#include "sched/sched.h"
#include "test/test.h"
#include "test/unit/runtime/guest.h"
#include "test/unit/sched/stage.h"

#define TASKS_MAX 64

struct fixture;
struct request { /* what a task's callback notes */
    struct fixture *f;
    struct rt_instance *instance;
    struct sched_task *task;
    bool done;
    enum abi_trap kind; /* NONE: it returned */
    u32 result, slices, order;
    u64 cpu_ns;
};

struct fixture {
    struct guest_files files;
    struct stage stage;
    struct request requests[TASKS_MAX];
    u32 done_count, cancelled;
    struct sched_task *waiting; /* in host_wait */
};

static void cancelled(void *arg)
{
    struct fixture *f = arg;
    f->cancelled++;
}

/* Waits until the test wakes it. */
static u32 host_wait(struct rt_instance *instance, u32 a, u32 b);

static const struct rt_host_func hosts[] = {
    {"env", "host", "ii_i", "a b", RT_HOST_MAY_SUSPEND, (rt_host_code *)host_wait},
};

static struct fixture fixture; /* cmocka's state would do; one test at a time is simpler */

static u32 host_wait(struct rt_instance *instance, u32 a, u32 b)
{
    fixture.waiting = sched_task_of(instance);
    return (u32)sched_suspend(fixture.waiting, cancelled, &fixture) + a + b;
}

static struct fixture *begin(const struct sched_options *options)
{
    struct fixture *f = &fixture;
    const struct guest_module m = {.memory_pages = 1, .memory_max = 4};
    *f = (struct fixture){0};
    guest_files_init(&f->files);
    guest_module_write(&f->files, &m);
    const struct stage_module module = {f->files.code, f->files.module, &guest_key, hosts, 1};
    stage_begin(&f->stage, &module, options);
    return f;
}

static void end(struct fixture *f)
{
    stage_end(&f->stage);
    guest_files_remove(&f->files);
}

static void note(void *arg, const struct sched_result *result)
{
    struct request *request = arg;
    assert_false(request->done);
    request->done = true;
    request->order = request->f->done_count++;
    request->kind = result->trap == NULL ? ABI_TRAP_NONE : result->trap->kind;
    request->result = result->trap == NULL ? result->results[0].u32 : 0;
    request->slices = result->slices;
    request->cpu_ns = result->cpu_ns;
    rt_pool_release(request->f->stage.pool, &request->instance);
}

static struct request *start(struct fixture *f, u32 index, u32 func, u32 a, u32 b, u64 cpu_ns,
                             u64 wall_ns)
{
    struct request *request = &f->requests[index];
    union abi_value args[2] = {{.u32 = a}, {.u32 = b}};
    *request = (struct request){.f = f};
    assert_true(rt_pool_take(f->stage.pool, &request->instance, NULL));
    struct sched_call call = {.instance = request->instance,
                              .func = func,
                              .args = args,
                              .cpu_ns = cpu_ns,
                              .wall_end_ns = wall_ns == 0 ? 0 : clock_monotonic_ns() + wall_ns,
                              .done = note,
                              .arg = request};
    assert_true(sched_start(f->stage.sched, &call, &request->task, NULL));
    assert_false(request->done);
    return request;
}

static void tasks_end_with_results(void **state)
{
    (void)state;
    struct fixture *f = begin(NULL);
    for (u32 i = 0; i < TASKS_MAX; i++)
        start(f, i, GUEST_ADD, i, 1, 0, 0);
    assert_int_equal(sched_task_count(f->stage.sched), TASKS_MAX);
    while (sched_task_count(f->stage.sched) > 0)
        sched_turn(f->stage.sched, UINT64_MAX);
    for (u32 i = 0; i < TASKS_MAX; i++) {
        assert_int_equal(f->requests[i].result, i + 1);
        assert_int_equal(f->requests[i].order, i);
        assert_int_equal(f->requests[i].slices, 1);
    }
    start(f, 0, GUEST_TRAP, ABI_TRAP_UNREACHABLE, 0, 0, 0);
    sched_turn(f->stage.sched, 0);
    assert_int_equal(f->requests[0].kind, ABI_TRAP_UNREACHABLE);
    end(f);
}

static void too_many_tasks_are_refused(void **state)
{
    (void)state;
    struct fixture *f = begin(&(struct sched_options){.tasks_max = 2});
    struct sched_call call = {.func = GUEST_ADD, .done = note};
    struct sched_task *task;
    struct err err = {0};
    start(f, 0, GUEST_ADD, 1, 1, 0, 0);
    start(f, 1, GUEST_ADD, 1, 1, 0, 0);
    assert_false(sched_start(f->stage.sched, &call, &task, &err));
    assert_int_equal(err.code, ERR_BUSY);
    end(f); /* ends the two that never ran */
    assert_int_equal(f->requests[0].kind, ABI_TRAP_CANCELLED);
    assert_int_equal(f->requests[1].kind, ABI_TRAP_CANCELLED);
}

static void endless_loops_are_killed_while_others_go_on(void **state)
{
    (void)state;
    enum { SPINNERS = 3, CPU_NS = 20000000 }; /* longer than a slice can be */
    struct fixture *f = begin(NULL);
    for (u32 i = 0; i < SPINNERS; i++)
        start(f, i, GUEST_SPIN, 0, i, CPU_NS, 0);
    u32 answered = 0;
    while (!f->requests[0].done || !f->requests[1].done || !f->requests[2].done) {
        struct request *quick = &f->requests[SPINNERS];
        if (quick->task == NULL || quick->done) {
            answered += quick->done;
            start(f, SPINNERS, GUEST_ADD, answered, 1, 0, 0);
        }
        sched_turn(f->stage.sched, 0);
    }
    while (sched_task_count(f->stage.sched) > 0)
        sched_turn(f->stage.sched, 0);
    assert_true(answered > 10);
    for (u32 i = 0; i < SPINNERS; i++) {
        assert_int_equal(f->requests[i].kind, ABI_TRAP_CPU_LIMIT);
        assert_true(f->requests[i].slices >= 2);
        assert_true(f->requests[i].cpu_ns >= CPU_NS);
    }
    end(f);
}

static void a_newcomer_goes_before_the_spinners(void **state)
{
    (void)state;
    enum { SPINNERS = 20 };
    struct fixture *f = begin(NULL);
    for (u32 i = 0; i < SPINNERS; i++)
        start(f, i, GUEST_SPIN, 0, i, 0, 0);
    for (u32 turn = 0; turn < 2 * SPINNERS; turn++)
        sched_turn(f->stage.sched, 0);
    struct request *late = start(f, SPINNERS, GUEST_ADD, 1, 2, 0, 0);
    u32 turns = 0;
    for (; !late->done; turns++)
        sched_turn(f->stage.sched, 0);
    assert_true(turns < SPINNERS / 2); /* at most one slice is given out of turn in 20 ms */
    end(f);
    for (u32 i = 0; i < SPINNERS; i++)
        assert_int_equal(f->requests[i].kind, ABI_TRAP_CANCELLED);
}

static void the_wall_limit_ends_loops_and_waits(void **state)
{
    (void)state;
    struct fixture *f = begin(NULL);
    start(f, 1, GUEST_CALL_HOST, 0, 0, 0, 200000000);
    sched_turn(f->stage.sched, 0); /* it waits from here on */
    start(f, 0, GUEST_SPIN, 0, 1, 0, 10000000);
    while (sched_task_count(f->stage.sched) > 0)
        sched_turn(f->stage.sched, UINT64_MAX);
    assert_int_equal(f->requests[0].kind, ABI_TRAP_WALL_LIMIT);
    assert_int_equal(f->requests[1].kind, ABI_TRAP_WALL_LIMIT);
    assert_int_equal(f->cancelled, 1);
    end(f);
}

static void the_wall_limit_of_an_ended_task_is_over(void **state)
{
    (void)state;
    struct fixture *f = begin(NULL);
    start(f, 0, GUEST_ADD, 1, 1, 0, 100000000);
    sched_turn(f->stage.sched, 0);
    assert_true(f->requests[0].done);
    struct request *next = start(f, 1, GUEST_CALL_HOST, 1, 1, 0, 0);
    sched_turn(f->stage.sched, 0);
    for (u64 over = clock_monotonic_ns() + 110000000; clock_monotonic_ns() < over;)
        sched_turn(f->stage.sched, 20000000);
    assert_false(next->done);
    end(f);
}

static void a_suspended_task_waits_and_wakes(void **state)
{
    (void)state;
    struct fixture *f = begin(NULL);
    struct request *waits = start(f, 0, GUEST_CALL_HOST, 30, 4, 0, 0);
    struct request *other = start(f, 1, GUEST_ADD, 1, 1, 0, 0);
    for (u32 i = 0; i < 10; i++)
        sched_turn(f->stage.sched, 0);
    assert_true(other->done && !waits->done);
    sched_wake(f->waiting, 200);
    sched_turn(f->stage.sched, 0);
    assert_true(waits->done);
    assert_int_equal(waits->result, 1234);
    assert_int_equal(f->cancelled, 0);
    end(f);
}

static void a_cancelled_task_is_gone_at_once(void **state)
{
    (void)state;
    struct fixture *f = begin(NULL);
    struct request *suspended = start(f, 0, GUEST_CALL_HOST, 0, 0, 0, 0);
    sched_turn(f->stage.sched, 0);
    struct request *never_ran = start(f, 1, GUEST_ADD, 1, 1, 0, 1000000000);
    struct request *spins = start(f, 2, GUEST_SPIN, 0, 1, 0, 0);
    sched_cancel(never_ran->task, ABI_TRAP_CANCELLED);
    sched_turn(f->stage.sched, 0);
    assert_false(suspended->done || spins->done);
    sched_cancel(suspended->task, ABI_TRAP_CANCELLED);
    sched_cancel(spins->task, ABI_TRAP_CANCELLED);
    for (u32 i = 0; i < 3; i++)
        assert_int_equal(f->requests[i].kind, ABI_TRAP_CANCELLED);
    assert_int_equal(f->cancelled, 1);
    assert_int_equal(sched_task_count(f->stage.sched), 0);
    end(f);
}

static void no_deadlines_for_debuggers(void **state)
{
    (void)state;
    struct fixture *f = begin(&(struct sched_options){.no_deadlines = true});
    struct request *spins = start(f, 0, GUEST_SPIN, 0, 1, 1000000, 1000000);
    for (u32 i = 0; i < 5; i++)
        sched_turn(f->stage.sched, 0);
    assert_false(spins->done);
    end(f);
}

/* ---- drivers ---- */

struct plan { /* what a driver does, and how far it came */
    u32 func, calls, polls;
    u32 sum, done_calls, done_polls;
    bool ended;
};

static void drive(struct rt_instance *instance, void *arg)
{
    struct plan *plan = arg;
    for (; plan->done_calls < plan->calls; plan->done_calls++) {
        union abi_value values[2] = {{.u32 = plan->sum}, {.u32 = 1}};
        rt_driver_call(instance, plan->func, values);
        plan->sum = values[0].u32;
    }
    for (; plan->done_polls < plan->polls; plan->done_polls++) {
        u64 end_ns = clock_monotonic_ns() + 100000;
        while (clock_monotonic_ns() < end_ns) {
        }
        rt_driver_poll(instance);
    }
    plan->ended = true;
}

static void note_driver(void *arg, const struct sched_result *result)
{
    struct request *request = arg;
    request->done = true;
    request->order = request->f->done_count++;
    request->kind = result->trap == NULL ? ABI_TRAP_NONE : result->trap->kind;
    request->slices = result->slices;
    rt_pool_release(request->f->stage.pool, &request->instance);
}

static struct request *start_driver(struct fixture *f, u32 index, struct plan *plan, u64 cpu_ns)
{
    struct request *request = &f->requests[index];
    *request = (struct request){.f = f};
    assert_true(rt_pool_take(f->stage.pool, &request->instance, NULL));
    struct sched_call call = {.instance = request->instance,
                              .driver = drive,
                              .driver_arg = plan,
                              .cpu_ns = cpu_ns,
                              .done = note_driver,
                              .arg = request};
    assert_true(sched_start(f->stage.sched, &call, &request->task, NULL));
    return request;
}

static void a_driver_calls_several_functions(void **state)
{
    (void)state;
    struct fixture *f = begin(NULL);
    struct plan plan = {.func = GUEST_ADD, .calls = 1000};
    struct request *request = start_driver(f, 0, &plan, 0);
    sched_turn(f->stage.sched, 0);
    assert_true(request->done && plan.ended);
    assert_int_equal(request->kind, ABI_TRAP_NONE);
    assert_int_equal(plan.sum, 1000);
    end(f);
}

/* What stands behind a trap, or a kill, never runs. */
static void a_driver_ends_where_its_guest_does(void **state)
{
    (void)state;
    struct fixture *f = begin(NULL);
    struct plan traps = {.func = GUEST_TRAP, .calls = 1, .sum = ABI_TRAP_UNREACHABLE};
    struct plan spins = {.func = GUEST_SPIN, .calls = 1};
    struct plan waits = {.func = GUEST_CALL_HOST, .calls = 1};
    struct request *first = start_driver(f, 0, &traps, 0);
    struct request *second = start_driver(f, 1, &spins, 20000000);
    struct request *third = start_driver(f, 2, &waits, 0);
    while (!first->done || !second->done)
        sched_turn(f->stage.sched, 0);
    sched_cancel(third->task, ABI_TRAP_CANCELLED);
    assert_int_equal(first->kind, ABI_TRAP_UNREACHABLE);
    assert_int_equal(second->kind, ABI_TRAP_CPU_LIMIT);
    assert_int_equal(third->kind, ABI_TRAP_CANCELLED);
    assert_int_equal(f->cancelled, 1);
    assert_false(traps.ended || spins.ended || waits.ended);
    assert_int_equal(traps.done_calls + spins.done_calls + waits.done_calls, 0);
    end(f);
}

static void a_driver_gives_others_their_turn_when_it_polls(void **state)
{
    (void)state;
    struct fixture *f = begin(NULL);
    struct plan plan = {.polls = UINT32_MAX};
    struct request *request = start_driver(f, 0, &plan, 0);
    sched_turn(f->stage.sched, 0);
    assert_false(request->done);
    assert_true(plan.done_polls > 0);
    struct request *other = start(f, 1, GUEST_ADD, 1, 2, 0, 0);
    sched_turn(f->stage.sched, 0);
    assert_int_equal(other->result, 3);
    plan.polls = plan.done_polls + 2;
    while (!request->done)
        sched_turn(f->stage.sched, 0);
    assert_true(plan.ended && request->slices > 1);
    struct plan endless = {.polls = UINT32_MAX};
    struct request *killed = start_driver(f, 2, &endless, 20000000);
    while (!killed->done)
        sched_turn(f->stage.sched, 0);
    assert_int_equal(killed->kind, ABI_TRAP_CPU_LIMIT);
    end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_end_with_results),
        cmocka_unit_test(too_many_tasks_are_refused),
        cmocka_unit_test(endless_loops_are_killed_while_others_go_on),
        cmocka_unit_test(a_newcomer_goes_before_the_spinners),
        cmocka_unit_test(the_wall_limit_ends_loops_and_waits),
        cmocka_unit_test(the_wall_limit_of_an_ended_task_is_over),
        cmocka_unit_test(a_suspended_task_waits_and_wakes),
        cmocka_unit_test(a_cancelled_task_is_gone_at_once),
        cmocka_unit_test(no_deadlines_for_debuggers),
        cmocka_unit_test(a_driver_calls_several_functions),
        cmocka_unit_test(a_driver_ends_where_its_guest_does),
        cmocka_unit_test(a_driver_gives_others_their_turn_when_it_polls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
