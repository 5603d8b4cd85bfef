/*
 * sched/tick.c -- the clock that takes guests off the processor.
 *
 * The slow one counts the thread's own processor time: it fires in a tick that the kernel has
 * anyway, which is too coarse for sharing but costs next to nothing, and never when the worker is
 * idle. (A period below the default is kept to the letter, by a clock that never rests.) While
 * somebody overstays the fast one runs instead, an interrupt of its own each time. Nothing is armed
 * per request.
 */
#include "base/check.h"
#include "base/file.h"
#include "sched/internal.h"
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CALM_TICKS 8u /* so many ticks in a row without an overstayer end the fast period */

/* Async-signal-safe. 0: stops it. */
static void set_period(timer_t timer, u64 period_ns)
{
    struct timespec period = {.tv_sec = (time_t)(period_ns / 1000000000),
                              .tv_nsec = (long)(period_ns % 1000000000)};
    struct itimerspec spec = {.it_interval = period, .it_value = period};
    timer_settime(timer, 0, &spec, NULL);
}

static bool make_timer(timer_t *timer, clockid_t clock, struct err *err)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGURG};
    event._sigev_un._tid = (pid_t)syscall(SYS_gettid); /* glibc 2.36 has no other name for it */
    return timer_create(clock, &event, timer) == 0 || err_sys(err, "cannot make a timer");
}

bool sched_tick_init(struct sched_tick *tick, u64 period_ns, struct err *err)
{
    clockid_t clock = period_ns < SCHED_TICK_NS ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID;
    *tick = (struct sched_tick){.period_ns = period_ns};
    if (!make_timer(&tick->slow, clock, err))
        return false;
    if (!make_timer(&tick->fast, CLOCK_MONOTONIC, err)) {
        timer_delete(tick->slow);
        return false;
    }
    set_period(tick->slow, period_ns);
    return true;
}

void sched_tick_fini(struct sched_tick *tick)
{
    timer_delete(tick->slow);
    timer_delete(tick->fast);
}

void sched_tick_begin(struct sched_tick *tick)
{
    tick->slice++;
    tick->in_slice = true;
}

void sched_tick_end(struct sched_tick *tick)
{
    tick->in_slice = false;
}

static void set_fast(struct sched_tick *tick, bool is_fast)
{
    if (tick->is_fast == is_fast)
        return;
    tick->is_fast = is_fast;
    set_period(tick->slow, is_fast ? 0 : tick->period_ns);
    set_period(tick->fast, is_fast ? tick->period_ns / 2 : 0);
}

/* The fast one ticks while another process has the processor: only who had it has overstayed. */
static bool has_run(const struct sched_tick *tick, u64 cpu_ns)
{
    return cpu_ns - tick->cpu_ns >= tick->period_ns / 4;
}

/* Nobody has overstayed: a new slice runs, or none does. */
static void calm_down(struct sched_tick *tick, u64 cpu_ns)
{
    bool is_over = ++tick->calm >= CALM_TICKS;
    if (tick->in_slice || is_over) {
        tick->seen = tick->slice;
        tick->cpu_ns = cpu_ns;
    }
    if (is_over)
        set_fast(tick, false);
}

bool sched_tick_fire(void *arg)
{
    struct sched_tick *tick = arg;
    u64 cpu_ns = clock_thread_cpu_ns();
    if (!tick->in_slice || tick->seen != tick->slice) {
        calm_down(tick, cpu_ns);
        return false;
    }
    if (!has_run(tick, cpu_ns))
        return false;
    tick->seen = tick->slice + 1; /* the next one has one fast tick, not two */
    tick->cpu_ns = cpu_ns;
    tick->calm = 0;
    set_fast(tick, true);
    return true;
}
