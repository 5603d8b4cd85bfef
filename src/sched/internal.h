/*
 * sched/internal.h -- what the files of this folder share. No other folder includes it.
 */
#pragma once
#include "sched/sched.h"
#include <time.h>

/* --- tick.c ---------------------------------------------------------------------------------- */

#define SCHED_TICK_NS ((u64)2000000)

/* Written by the signal handler and the scheduler, which it interrupts. */
struct sched_tick {
    timer_t slow, fast;
    u64 period_ns;          /* of the slow one; the fast one has half of it */
    volatile bool is_fast;  /* somebody has overstayed: the fast one runs */
    volatile bool in_slice; /* guest code, or host code called by it, is running */
    volatile u64 slice;     /* number of the current or latest slice */
    volatile u64 seen;      /* the slice that overstays if the next tick finds it running, */
    volatile u64 cpu_ns;    /* and processor time of the thread at that tick */
    volatile u32 calm;      /* ticks without an overstayer, in a row */
};
MUST_CHECK bool sched_tick_init(struct sched_tick *tick, u64 period_ns, struct err *err);
void sched_tick_fini(struct sched_tick *tick);
void sched_tick_begin(struct sched_tick *tick); /* around every slice */
void sched_tick_end(struct sched_tick *tick);
bool sched_tick_fire(void *tick); /* an rt_tick_fn */

/* --- host.c ---------------------------------------------------------------------------------- */

void sched_host_add(struct rt_engine *engine);
