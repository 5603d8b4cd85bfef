/*
 * sched/sched.h -- guest calls as tasks: started, run in slices, preempted, suspended, limited.
 *
 * The worker's main loop is  while (!stop) sched_turn(sched);  and everything else happens in
 * callbacks: descriptors and timers from the event loop, and `done` when a task has ended. A turn
 * dispatches events until one has started a task (waiting only if no task can run), then runs one
 * task for one slice: a short request is answered before the next one is read. While new tasks can
 * run the system is asked for events once in 100 us at most: that costs nearly as much as a short
 * call. Twice in a millisecond all there are are dispatched, so that whoever starts tasks knows
 * what is waiting.
 *
 * Order:    least attained service: tasks that never ran and those woken from a host call first,
 *           then by processor time used (up to 1, 10, 100 ms, more), round-robin within a level.
 *           Once in 20 ms the one that has waited longest, so that nothing starves.
 * Slices:   a tick in 2 ms of the thread's processor time, or the kernel's own where that is longer
 *           (4 ms if HZ is 250). A task found running by two ticks is preempted, and there is one
 *           in 1 ms until nobody has overstayed for 8 of them. No tick while idle.
 * Threads:  one. Lifetime: the scheduler outlives its tasks; engine and loop outlive it.
 */
#pragma once
#include "loop/loop.h"
#include "runtime/runtime.h"

struct sched;
struct sched_task; /* a guest call; gone when its done callback has returned */

struct sched_options { /* 0 asks for the default in brackets */
    u32 tasks_max;     /* at the same time [instances the engine allows] */
    u64 tick_ns;       /* period of the tick [2 ms]; half of it while somebody overstays. Less than
                          the default: to the letter, whatever it costs, for storms of ticks */
    bool no_deadlines; /* tasks are never killed for their limits: for debuggers */
};

/* Takes the engine's tick and offers the host functions of sched/host.def to its modules.
 * options NULL: all defaults. errors: ERR_SYSTEM. returns owned: sched_destroy. */
MUST_CHECK bool sched_create(struct sched **out, struct rt_engine *engine, struct loop *loop,
                             const struct sched_options *options, struct err *err);
void sched_destroy(struct sched **sched); /* cancels what still runs, callbacks included */

/* How a task ended. views: until the done callback returns. */
struct sched_result {
    const struct rt_trap *trap;     /* NULL: it returned */
    const union abi_value *results; /* as many as the function has results */
    u64 cpu_ns;
    u32 slices;
    bool was_suspended; /* when it was killed: a host function waited */
};

/* Called from sched_turn or sched_cancel, never inside sched_start. The instance is on no fiber
 * any more; its owner gives it back to its pool after the response has left. May start tasks. */
typedef void sched_done_fn(void *arg, const struct sched_result *result);

struct sched_call {
    struct rt_instance *instance; /* borrowed until done; on no other task */
    u32 func;                     /* index in the function index space, or RT_FUNC_NONE */
    const union abi_value *args;  /* as many as the function has parameters; copied */
    rt_driver_fn *driver;         /* not NULL: runs instead of func, and there are no results */
    void *driver_arg;
    u64 cpu_ns;      /* limit; 0: none */
    u64 wall_end_ns; /* when it ends at the latest, of the monotonic clock; 0: never */
    sched_done_fn *done;
    void *arg;
    void *guest; /* for host functions, sched_task_guest; NULL is allowed */
};

/* Starts a task; it runs in a later turn. *out may be used for sched_cancel until done is called.
 * errors: ERR_BUSY (tasks_max), ERR_SYSTEM (no stack). */
MUST_CHECK bool sched_start(struct sched *sched, const struct sched_call *call,
                            struct sched_task **out, struct err *err);

/* Ends a task now, wherever it is: cancels its pending host operation, calls done with this kind
 * (ABI_TRAP_CANCELLED when the client has gone) before it returns. Not for the running task. */
void sched_cancel(struct sched_task *task, enum abi_trap kind);

/* One turn, see above. wait_ns: how long it may wait if no task can run (as for loop_poll). */
void sched_turn(struct sched *sched, u64 wait_ns);

bool sched_task_has_run(const struct sched_task *task); /* for a slice, at least in part */
u32 sched_task_count(const struct sched *sched);        /* started and not yet done */

/* Levels of least attained service: tasks that never ran and those woken from a host call; those
 * that have used up to 1, 10, 100 ms of processor time; and more. */
enum sched_level { SCHED_FIRST, SCHED_1_MS, SCHED_10_MS, SCHED_100_MS, SCHED_REST, SCHED_LEVELS };
/* Where a preempted task of so much processor time is. */
enum sched_level sched_level_of(u64 cpu_ns);
/* Tasks that can run, of this level and those before it. */
u32 sched_ready_count(const struct sched *sched, enum sched_level up_to);
/* How many levels, from the first on, have no task that can run. */
u32 sched_idle_levels(const struct sched *sched);

/* --- for host functions ----------------------------------------------------------------------- */

/* The task the instance runs in. */
struct sched_task *sched_task_of(const struct rt_instance *instance);
struct loop *sched_task_loop(const struct sched_task *task);
void *sched_task_guest(const struct sched_task *task); /* as its call says */
u64 sched_task_cpu_ns(const struct sched_task *task);  /* processor time so far */

/* Suspends the running task, whose host function calls this, until sched_wake; returns the value
 * given there. If the task is killed meanwhile, cancel(arg) is called and this never returns:
 * everything the host function owns must be released by cancel or stand elsewhere. */
typedef void sched_cancel_fn(void *arg);
u64 sched_suspend(struct sched_task *task, sched_cancel_fn *cancel, void *arg);
void sched_wake(struct sched_task *task, u64 value); /* of a suspended task */
