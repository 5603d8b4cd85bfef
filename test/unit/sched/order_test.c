/* Who runs next: levels, the order within one, and the turn of who has waited longest. Nothing here
 * depends on a clock: the scheduler is told the time, and what its tasks have used. */
#include "loop/loop.h"
#include "sched/internal.h"

static u64 told_ns;
#define loop_now_ns(loop) ((void)(loop), told_ns)
#include "sched/sched.c"
#include "test/test.h"
#include "test/unit/runtime/guest.h"
#include "test/unit/sched/stage.h"

#define TASKS_MAX 64
#define MS        ((u64)1000000)

struct fixture;
struct request {
    struct fixture *f;
    struct rt_instance *instance;
    struct sched_task *task;
    u32 order; /* in which they ended, from 1 on; 0: not yet */
};

struct fixture {
    struct guest_files files;
    struct stage stage;
    struct request requests[TASKS_MAX];
    u32 done_count;
};

static void cancelled(void *arg)
{
    (void)arg;
}

/* Waits until the test wakes it. */
static u32 host_wait(struct rt_instance *instance, u32 a, u32 b)
{
    (void)a;
    return (u32)sched_suspend(sched_task_of(instance), cancelled, NULL) + b;
}

static const struct rt_host_func hosts[] = {
    {"env", "host", "ii_i", "a b", RT_HOST_MAY_SUSPEND, (rt_host_code *)host_wait},
};

static void begin(struct fixture *f)
{
    const struct guest_module m = {.memory_pages = 1, .memory_max = 4};
    *f = (struct fixture){0};
    told_ns = 1000 * MS;
    guest_files_init(&f->files);
    guest_module_write(&f->files, &m);
    const struct stage_module module = {f->files.code, f->files.module, &guest_key, hosts, 1};
    stage_begin(&f->stage, &module, NULL);
}

static void end(struct fixture *f)
{
    stage_end(&f->stage);
    guest_files_remove(&f->files);
}

static void note(void *arg, const struct sched_result *result)
{
    struct request *request = arg;
    (void)result;
    request->order = ++request->f->done_count;
    rt_pool_release(request->f->stage.pool, &request->instance);
}

static struct request *start(struct fixture *f, u32 index, u32 func)
{
    struct request *request = &f->requests[index];
    const union abi_value args[2] = {{.u32 = 0}, {.u32 = 1}};
    *request = (struct request){.f = f};
    assert_true(rt_pool_take(f->stage.pool, &request->instance, NULL));
    const struct sched_call call = {
        .instance = request->instance, .func = func, .args = args, .done = note, .arg = request};
    assert_true(sched_start(f->stage.sched, &call, &request->task, NULL));
    return request;
}

/* As if it had used so much and were preempted now. */
static void use(struct sched_task *task, u64 cpu_ns)
{
    queue_remove(task);
    task->cpu_ns = cpu_ns;
    queue_put(task, sched_level_of(cpu_ns));
}

/* One that spins, and has used so much. */
static struct sched_task *start_long(struct fixture *f, u32 index, u64 cpu_ns)
{
    struct sched_task *task = start(f, index, GUEST_SPIN)->task;
    use(task, cpu_ns);
    return task;
}

static void levels_are_of_processor_time(void **state)
{
    (void)state;
    static const struct {
        u64 cpu_ns;
        enum sched_level level;
    } rows[] = {
        {0, SCHED_1_MS},         {MS - 1, SCHED_1_MS},
        {MS, SCHED_10_MS},       {10 * MS - 1, SCHED_10_MS},
        {10 * MS, SCHED_100_MS}, {100 * MS - 1, SCHED_100_MS},
        {100 * MS, SCHED_REST},  {UINT64_MAX, SCHED_REST},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_int_equal(sched_level_of(rows[i].cpu_ns), rows[i].level);
}

/* Three of each level, begun in a mixed order: from the least used to the most, and those of one
 * level in the order in which they came to it. */
static void who_has_used_least_is_first(void **state)
{
    (void)state;
    static const u64 used_ns[SCHED_LEVELS] = {[SCHED_1_MS] = MS / 2,
                                              [SCHED_10_MS] = 2 * MS,
                                              [SCHED_100_MS] = 20 * MS,
                                              [SCHED_REST] = 200 * MS};
    enum { EACH = 3, COUNT = EACH * SCHED_LEVELS };
    struct fixture f;
    begin(&f);
    for (u32 i = 0; i < COUNT; i++) {
        u32 level = (SCHED_LEVELS - 1 - i * 2 % SCHED_LEVELS);
        struct sched_task *task = start(&f, i, GUEST_ADD)->task;
        if (level != SCHED_FIRST)
            use(task, used_ns[level]);
        assert_int_equal(task->level, level);
    }
    for (u32 i = 0; i < SCHED_LEVELS; i++)
        assert_int_equal(sched_ready_count(f.stage.sched, (enum sched_level)i), EACH * (i + 1));
    for (u32 turn = 0; turn < COUNT; turn++)
        sched_turn(f.stage.sched, 0);
    for (u32 i = 0; i < COUNT; i++) {
        u32 level = (SCHED_LEVELS - 1 - i * 2 % SCHED_LEVELS);
        assert_int_equal(f.requests[i].order, level * EACH + i / SCHED_LEVELS + 1);
    }
    end(&f);
}

/* Its real slice is far shorter than these levels are wide. */
static void who_is_preempted_goes_to_the_end_of_its_level(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    struct sched_task *a = start_long(&f, 0, 20 * MS), *b = start_long(&f, 1, 20 * MS);
    struct sched_task *c = start_long(&f, 2, 100 * MS - 1);
    struct queue *queue = &f.stage.sched->queues[SCHED_100_MS];
    static const u32 slices[][3] = {{1, 0, 0}, {1, 1, 0}, {1, 1, 1}, {2, 1, 1}, {2, 2, 1}};
    for (u32 turn = 0; turn < COUNT_OF(slices); turn++) {
        sched_turn(f.stage.sched, 0);
        assert_int_equal(a->slices, slices[turn][0]);
        assert_int_equal(b->slices, slices[turn][1]);
        assert_int_equal(c->slices, slices[turn][2]);
    }
    assert_int_equal(c->level, SCHED_REST); /* and has no more turns */
    assert_ptr_equal(queue->first, a);
    assert_ptr_equal(queue->last, b);
    end(&f);
}

/* However much it has used: among the newcomers, in the order of coming. */
static void who_is_woken_is_first(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    struct request *waits = start(&f, 0, GUEST_CALL_HOST);
    sched_turn(f.stage.sched, 0);
    assert_int_equal(waits->task->state, TASK_SUSPENDED);
    waits->task->cpu_ns = 200 * MS;
    struct request *short_one = start(&f, 1, GUEST_ADD), *before = start(&f, 2, GUEST_ADD);
    use(short_one->task, MS / 2);
    sched_wake(waits->task, 0);
    struct request *after = start(&f, 3, GUEST_ADD);
    for (u32 turn = 0; turn < 4; turn++)
        sched_turn(f.stage.sched, 0);
    assert_int_equal(before->order, 1);
    assert_int_equal(waits->order, 2);
    assert_int_equal(after->order, 3);
    assert_int_equal(short_one->order, 4);
    end(&f);
}

/* A stream of newcomers, one in each turn of 1 ms: in 20 of them one is not theirs. */
static void a_long_task_has_its_share_beside_newcomers(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    struct sched_task *task = start_long(&f, 0, 200 * MS);
    start(&f, 1, GUEST_ADD);
    for (u32 turn = 0; turn <= 100; turn++) {
        u32 index = 1 + turn % 2, slices = task->slices;
        sched_turn(f.stage.sched, 0);
        bool ages = turn > 0 && turn % (AGED_NS / MS) == 0;
        assert_int_equal(task->slices - slices, ages);
        assert_int_equal(f.requests[index].order == 0, ages);
        if (ages) /* the newcomer is next */
            sched_turn(f.stage.sched, 0);
        assert_int_not_equal(f.requests[index].order, 0);
        start(&f, 1 + (turn + 1) % 2, GUEST_ADD);
        told_ns += MS;
    }
    assert_int_equal(task->slices, 5);
    end(&f);
}

/* The turn is that of who has waited longest, of whatever level; and it is one at a time. */
static void who_has_waited_longest_ages_first(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    struct sched_task *first = start_long(&f, 0, 200 * MS);
    told_ns += MS;
    struct sched_task *second = start_long(&f, 1, 20 * MS);
    told_ns += MS;
    struct sched_task *third = start_long(&f, 2, 500 * MS);
    struct sched_task *const order[] = {first, second, third, first};
    told_ns += AGED_NS;
    for (u32 i = 0; i < COUNT_OF(order); i++) {
        struct request *newcomer = start(&f, 3, GUEST_ADD);
        u32 slices = order[i]->slices;
        sched_turn(f.stage.sched, 0);
        assert_int_equal(order[i]->slices, slices + 1);
        assert_int_equal(newcomer->order, 0);
        told_ns += AGED_NS - 1; /* too early for another one */
        sched_turn(f.stage.sched, 0);
        assert_int_not_equal(newcomer->order, 0);
        told_ns += 1;
    }
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_are_of_processor_time),
        cmocka_unit_test(who_has_used_least_is_first),
        cmocka_unit_test(who_is_preempted_goes_to_the_end_of_its_level),
        cmocka_unit_test(who_is_woken_is_first),
        cmocka_unit_test(a_long_task_has_its_share_beside_newcomers),
        cmocka_unit_test(who_has_waited_longest_ages_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
