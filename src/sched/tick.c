/*
 * sched/tick.c -- the clock that takes guests off the processor.
 *
 * It is started at the first slice after idle and runs free; nothing is armed per request. The tick
 * that finds no slice since the one before stops it.
 */
#include "base/check.h"
#include "base/file.h"
#include "sched/internal.h"
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CALM_TICKS 2u /* so many fast ticks without an overstayer end the fast period */

/* Async-signal-safe. */
static void set_period(struct sched_tick *tick, u64 period_ns)
{
    struct itimerspec spec = {.it_interval.tv_nsec = (long)period_ns,
                              .it_value.tv_nsec = (long)period_ns};
    timer_settime(tick->timer, 0, &spec, NULL);
}

bool sched_tick_init(struct sched_tick *tick, u64 period_ns, struct err *err)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGURG};
    event._sigev_un._tid = (pid_t)syscall(SYS_gettid); /* glibc 2.36 has no other name for it */
    *tick = (struct sched_tick){.period_ns = period_ns};
    if (timer_create(CLOCK_MONOTONIC, &event, &tick->timer) != 0)
        return err_sys(err, "cannot make a timer");
    return true;
}

void sched_tick_fini(struct sched_tick *tick)
{
    timer_delete(tick->timer);
}

void sched_tick_begin(struct sched_tick *tick)
{
    tick->slice++;
    tick->in_slice = true; /* from here on the handler does not stop the timer */
    if (tick->ticking)
        return;
    tick->ticking = true;
    tick->fast = false;
    set_period(tick, tick->period_ns);
}

void sched_tick_end(struct sched_tick *tick)
{
    tick->in_slice = false;
}

static void tick_calm(struct sched_tick *tick)
{
    if (!tick->fast || ++tick->calm < CALM_TICKS)
        return;
    tick->fast = false;
    set_period(tick, tick->period_ns);
}

/* Ticks go on while somebody else has the processor: only who had it itself has overstayed. */
static bool has_run(const struct sched_tick *tick, u64 cpu_ns)
{
    u64 period_ns = tick->fast ? tick->period_ns / 2 : tick->period_ns;
    return cpu_ns - tick->cpu_ns >= period_ns / 2;
}

bool sched_tick_fire(void *arg)
{
    struct sched_tick *tick = arg;
    u64 cpu_ns = clock_thread_cpu_ns();
    if (tick->seen != tick->slice) {
        tick->seen = tick->slice;
        tick->cpu_ns = cpu_ns;
        tick_calm(tick);
        return false;
    }
    if (!tick->in_slice) {
        tick->ticking = false;
        set_period(tick, 0);
        return false;
    }
    if (!has_run(tick, cpu_ns))
        return false;
    tick->seen = tick->slice + 1; /* the next one has one fast tick, not two */
    tick->cpu_ns = cpu_ns;
    tick->calm = 0;
    if (!tick->fast) {
        tick->fast = true;
        set_period(tick, tick->period_ns / 2);
    }
    return true;
}
