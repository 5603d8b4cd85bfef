/*
 * sched/host.c -- the host functions of host.def.
 */
#include "base/file.h"
#include "sched/internal.h"

/* A body whose C type differs from its row's signature does not compile. */
typedef void host_i_(struct rt_instance *, u32);
typedef f64 host__F(struct rt_instance *);
#define HOST(module, field, signature, params, flags) static host_##signature host_##field;
#include "sched/host.def"
#undef HOST

static const struct rt_host_func host_funcs[] = {
#define HOST(module, field, signature, params, flags)                                              \
    {#module, #field, #signature, params, flags, (rt_host_code *)host_##field},
#include "sched/host.def"
#undef HOST
};

void sched_host_add(struct rt_engine *engine)
{
    rt_engine_add_host(engine, host_funcs, COUNT_OF(host_funcs));
}

/* Told after memory.grow; our views never outlive a host call, so there is nothing to do. */
static void host_emscripten_notify_memory_growth(struct rt_instance *instance, u32 memory)
{
    (void)instance;
    (void)memory;
}

/* Milliseconds from some start, never going back. */
static f64 host_emscripten_get_now(struct rt_instance *instance)
{
    (void)instance;
    return (f64)clock_monotonic_ns() / 1e6;
}

struct sleep {
    struct loop_timer timer;
    struct sched_task *task;
};

static void sleep_over(struct loop_timer *timer)
{
    sched_wake(CONTAINER_OF(timer, struct sleep, timer)->task, 0);
}

static void sleep_cancel(void *arg)
{
    struct sleep *sleep = arg;
    loop_timer_stop(sched_task_loop(sleep->task), &sleep->timer);
}

static void host_emscripten_sleep(struct rt_instance *instance, u32 milliseconds)
{
    struct sleep sleep = {.timer.fn = sleep_over, .task = sched_task_of(instance)};
    loop_timer_start(sched_task_loop(sleep.task), &sleep.timer,
                     clock_monotonic_ns() + (u64)milliseconds * 1000000u);
    sched_suspend(sleep.task, sleep_cancel, &sleep);
}
