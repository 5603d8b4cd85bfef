/*
 * sched/sched.c -- tasks and their queues.
 *
 * A task is in one of four places: in a queue (it can run), running, suspended (a host function
 * waits, sched_wake puts it into the first queue), or ended (its done callback is being called).
 */
#include "sched/sched.h"
#include "base/check.h"
#include "base/file.h"
#include "sched/internal.h"
#include <stdlib.h>

static const u64 level_ends_ns[] = {
    [SCHED_1_MS] = 1000000, [SCHED_10_MS] = 10000000, [SCHED_100_MS] = 100000000};

#define AGED_NS       ((u64)20000000)           /* see next_task */
#define RESUME_NS     ((u64)1000)               /* what another slice costs beside itself */
#define POLL_NS       ((u64)100000)             /* see sched_turn */
#define POLL_ALL_NS   ((u64)500000)             /* see dispatch */
#define EXACT_FROM_NS level_ends_ns[SCHED_1_MS] /* see slice_run */
#define SLICE_MAX_NS  ((u64)8000000)            /* see is_exact */

enum task_state { TASK_QUEUED, TASK_RUNNING, TASK_SUSPENDED, TASK_ENDED };

struct sched_task {
    struct sched *sched;
    enum task_state state;
    struct rt_fiber *fiber;
    struct sched_call call;
    u64 cpu_ns, queued_ns, slice_start_ns;
    u32 slices;
    u32 level;                        /* its queue, when queued */
    struct sched_task *next, *before; /* in the queue; next also in the free list */
    struct sched_task *all_next, *all_before;
    struct loop_timer wall;
    sched_cancel_fn *cancel; /* of the pending host operation */
    void *cancel_arg;
    u64 wake_value;
};

struct queue {
    struct sched_task *first, *last;
    u32 count;
};

struct sched {
    struct rt_engine *engine;
    struct loop *loop;
    struct sched_options options;
    struct queue queues[SCHED_LEVELS];
    u32 queued;    /* in all of them */
    u64 asked_ns;  /* when events were last asked for */
    u64 polled_ns; /* when all of them were last dispatched */
    struct sched_task *all, *free;
    u32 task_count;
    struct sched_task *running;
    u64 aged_ns; /* when a task ran out of turn because it had waited so long */
    struct sched_tick tick;
};

/* ---- queues ---- */

static void queue_put(struct sched_task *task, u32 level)
{
    struct queue *queue = &task->sched->queues[level];
    task->state = TASK_QUEUED;
    task->level = level;
    task->queued_ns = loop_now_ns(task->sched->loop);
    task->next = NULL;
    task->before = queue->last;
    if (queue->last != NULL)
        queue->last->next = task;
    else
        queue->first = task;
    queue->last = task;
    queue->count++;
    task->sched->queued++;
}

static void queue_remove(struct sched_task *task)
{
    struct queue *queue = &task->sched->queues[task->level];
    if (task->before != NULL)
        task->before->next = task->next;
    else
        queue->first = task->next;
    if (task->next != NULL)
        task->next->before = task->before;
    else
        queue->last = task->before;
    queue->count--;
    task->sched->queued--;
}

enum sched_level sched_level_of(u64 cpu_ns)
{
    for (u32 level = SCHED_1_MS; level < SCHED_REST; level++)
        if (cpu_ns < level_ends_ns[level])
            return (enum sched_level)level;
    return SCHED_REST;
}

/* ---- the end of a task ---- */

static void task_free(struct sched_task *task)
{
    struct sched *sched = task->sched;
    rt_fiber_release(&task->fiber);
    task->next = sched->free;
    sched->free = task;
}

/* trap NULL: the function returned. */
static void task_end(struct sched_task *task, const struct rt_trap *trap, bool was_suspended)
{
    struct sched *sched = task->sched;
    loop_timer_stop(sched->loop, &task->wall);
    task->state = TASK_ENDED;
    if (task->all_before != NULL)
        task->all_before->all_next = task->all_next;
    else
        sched->all = task->all_next;
    if (task->all_next != NULL)
        task->all_next->all_before = task->all_before;
    sched->task_count--;
    struct sched_result result = {
        .trap = trap,
        .results = trap == NULL ? rt_fiber_results(task->fiber) : NULL,
        .cpu_ns = task->cpu_ns,
        .slices = task->slices,
        .was_suspended = was_suspended,
    };
    task->call.done(task->call.arg, &result);
    task_free(task);
}

/* Of a task that is not running: nothing of it runs again. */
static void task_kill(struct sched_task *task, enum abi_trap kind)
{
    bool was_suspended = task->state == TASK_SUSPENDED;
    CHECK(was_suspended || task->state == TASK_QUEUED);
    if (!was_suspended)
        queue_remove(task);
    else if (task->cancel != NULL)
        task->cancel(task->cancel_arg);
    rt_fiber_kill(task->fiber, kind);
    task_end(task, rt_fiber_trap(task->fiber), was_suspended);
}

void sched_cancel(struct sched_task *task, enum abi_trap kind)
{
    task_kill(task, kind);
}

static void wall_over(struct loop_timer *timer)
{
    task_kill(CONTAINER_OF(timer, struct sched_task, wall), ABI_TRAP_WALL_LIMIT);
}

/* ---- the start of a task ---- */

static struct sched_task *task_take(struct sched *sched)
{
    struct sched_task *task = sched->free;
    if (task == NULL)
        return check_alloc(sizeof *task);
    sched->free = task->next;
    *task = (struct sched_task){0};
    return task;
}

bool sched_start(struct sched *sched, const struct sched_call *call, struct sched_task **out,
                 struct err *err)
{
    if (sched->task_count >= sched->options.tasks_max)
        return err_set(err, ERR_BUSY, ERR_NO_AT, "%u requests are running",
                       sched->options.tasks_max);
    struct rt_fiber *fiber;
    if (!rt_fiber_take(&fiber, sched->engine, err))
        return false;
    struct sched_task *task = task_take(sched);
    task->sched = sched;
    task->fiber = fiber;
    task->call = *call;
    task->call.args = NULL; /* copied */
    task->wall.fn = wall_over;
    task->all_next = sched->all;
    if (sched->all != NULL)
        sched->all->all_before = task;
    sched->all = task;
    sched->task_count++;
    if (call->driver != NULL)
        rt_fiber_begin_driver(fiber, call->instance, call->driver, call->driver_arg, task);
    else
        rt_fiber_begin(fiber, call->instance, call->func, call->args, task);
    if (call->wall_end_ns != 0 && !sched->options.no_deadlines)
        loop_timer_start(sched->loop, &task->wall, call->wall_end_ns);
    queue_put(task, SCHED_FIRST);
    *out = task;
    return true;
}

/* ---- slices ---- */

/* Short tasks are measured by the cheap wall clock, of which a slice counts at most two ticks, 4 ms
 * each in a usual kernel: time in which the whole process had to wait is not theirs. Long ones are
 * worth a system call. */
static bool is_exact(const struct sched_task *task)
{
    return task->cpu_ns >= EXACT_FROM_NS;
}

/* now_ns: the monotonic clock now. */
static u64 slice_clock_ns(const struct sched_task *task, u64 now_ns)
{
    return is_exact(task) ? clock_thread_cpu_ns() : now_ns;
}

static u64 slice_used_ns(const struct sched_task *task, u64 now_ns)
{
    u64 used_ns = slice_clock_ns(task, now_ns) - task->slice_start_ns;
    return is_exact(task) ? used_ns : min_u64(used_ns, SLICE_MAX_NS);
}

static enum rt_exit slice_run(struct sched_task *task)
{
    struct sched *sched = task->sched;
    task->slice_start_ns = slice_clock_ns(task, clock_monotonic_ns());
    task->state = TASK_RUNNING;
    task->slices++;
    sched->running = task;
    sched_tick_begin(&sched->tick);
    enum rt_exit exit = rt_fiber_run(task->fiber);
    sched_tick_end(&sched->tick);
    sched->running = NULL;
    u64 now = clock_monotonic_ns();
    loop_tell_now(sched->loop, now);
    task->cpu_ns += slice_used_ns(task, now) + (task->slices > 1 ? RESUME_NS : 0);
    return exit;
}

static bool cpu_over(const struct sched_task *task)
{
    return task->call.cpu_ns != 0 && task->cpu_ns >= task->call.cpu_ns &&
           !task->sched->options.no_deadlines;
}

static void task_slice(struct sched_task *task)
{
    switch (slice_run(task)) {
    case RT_EXIT_DONE: task_end(task, NULL, false); return;
    case RT_EXIT_TRAP: task_end(task, rt_fiber_trap(task->fiber), false); return;
    case RT_EXIT_PREEMPTED: queue_put(task, sched_level_of(task->cpu_ns)); break;
    case RT_EXIT_SUSPENDED: task->state = TASK_SUSPENDED; break;
    }
    if (cpu_over(task))
        task_kill(task, ABI_TRAP_CPU_LIMIT);
}

/* Whoever has used least; but once in AGED_NS whoever has waited longest, if that is as long: short
 * requests may fill the processor, long ones still get a slice now and then. */
static struct sched_task *next_task(struct sched *sched)
{
    struct sched_task *first = NULL, *oldest = NULL;
    for (u32 level = SCHED_FIRST; level < SCHED_LEVELS; level++) {
        struct sched_task *task = sched->queues[level].first;
        if (first == NULL)
            first = task;
        if (task != NULL && (oldest == NULL || task->queued_ns < oldest->queued_ns))
            oldest = task;
    }
    u64 now = loop_now_ns(sched->loop);
    if (first == oldest || now - sched->aged_ns < AGED_NS || now - oldest->queued_ns < AGED_NS)
        return first;
    sched->aged_ns = now;
    return oldest;
}

/* Dispatches events until one has started a task, or once in a while all of them. */
static void dispatch(struct sched *sched, u64 wait_ns)
{
    bool more, all = loop_now_ns(sched->loop) - sched->polled_ns >= POLL_ALL_NS;
    if (all && loop_has_events(sched->loop)) { /* these have waited: others have come since */
        while (loop_poll_one(sched->loop, 0)) {
        }
        wait_ns = 0;
    }
    bool asks = !loop_has_events(sched->loop);
    do
        more = loop_poll_one(sched->loop, sched->queued > 0 ? 0 : wait_ns);
    while (more && (all || sched->queues[SCHED_FIRST].count == 0));
    if (asks)
        sched->asked_ns = loop_now_ns(sched->loop);
    if (all)
        sched->polled_ns = loop_now_ns(sched->loop);
}

void sched_turn(struct sched *sched, u64 wait_ns)
{
    CHECK(sched->running == NULL);
    u64 since_asked_ns = loop_now_ns(sched->loop) - sched->asked_ns;
    if (sched->queues[SCHED_FIRST].count == 0 || loop_has_events(sched->loop) ||
        since_asked_ns >= POLL_NS)
        dispatch(sched, wait_ns);
    struct sched_task *task = next_task(sched);
    if (task == NULL)
        return;
    queue_remove(task);
    task_slice(task);
}

bool sched_task_has_run(const struct sched_task *task)
{
    return task->slices > 0;
}

u32 sched_task_count(const struct sched *sched)
{
    return sched->task_count;
}

u32 sched_ready_count(const struct sched *sched, enum sched_level up_to)
{
    u32 count = 0;
    for (u32 level = SCHED_FIRST; level <= (u32)up_to; level++)
        count += sched->queues[level].count;
    return count;
}

u32 sched_idle_levels(const struct sched *sched)
{
    u32 level = SCHED_FIRST;
    while (level < SCHED_LEVELS && sched->queues[level].count == 0)
        level++;
    return level;
}

/* ---- the scheduler ---- */

bool sched_create(struct sched **out, struct rt_engine *engine, struct loop *loop,
                  const struct sched_options *options, struct err *err)
{
    struct sched *sched = check_alloc(sizeof *sched);
    sched->engine = engine;
    sched->loop = loop;
    if (options != NULL)
        sched->options = *options;
    if (sched->options.tasks_max == 0)
        sched->options.tasks_max = rt_engine_instances_max(engine);
    u64 tick_ns = sched->options.tick_ns > 0 ? sched->options.tick_ns : SCHED_TICK_NS;
    if (!sched_tick_init(&sched->tick, tick_ns, err)) {
        free(sched);
        return false;
    }
    rt_engine_on_tick(engine, sched_tick_fire, &sched->tick);
    sched_host_add(engine);
    *out = sched;
    return true;
}

void sched_destroy(struct sched **sched)
{
    struct sched *old = *sched;
    *sched = NULL;
    if (old == NULL)
        return;
    while (old->all != NULL)
        task_kill(old->all, ABI_TRAP_CANCELLED);
    sched_tick_fini(&old->tick);
    rt_engine_on_tick(old->engine, NULL, NULL);
    while (old->free != NULL) {
        struct sched_task *next = old->free->next;
        free(old->free);
        old->free = next;
    }
    free(old);
}

/* ---- for host functions ---- */

struct sched_task *sched_task_of(const struct rt_instance *instance)
{
    return rt_instance_user(instance);
}

struct loop *sched_task_loop(const struct sched_task *task)
{
    return task->sched->loop;
}

void *sched_task_guest(const struct sched_task *task)
{
    return task->call.guest;
}

u64 sched_task_cpu_ns(const struct sched_task *task)
{
    return task->cpu_ns +
           (task->state == TASK_RUNNING ? slice_used_ns(task, clock_monotonic_ns()) : 0);
}

u64 sched_suspend(struct sched_task *task, sched_cancel_fn *cancel, void *arg)
{
    CHECK(task->sched->running == task);
    task->cancel = cancel;
    task->cancel_arg = arg;
    rt_fiber_suspend(task->call.instance);
    task->cancel = NULL;
    return task->wake_value;
}

void sched_wake(struct sched_task *task, u64 value)
{
    CHECK(task->state == TASK_SUSPENDED);
    task->wake_value = value;
    queue_put(task, SCHED_FIRST);
}
