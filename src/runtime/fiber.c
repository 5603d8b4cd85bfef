/*
 * runtime/fiber.c -- guest calls on stacks of their own.
 *
 * One mapping a fiber, from low to high:
 *   | guard, 1 MiB | stack ... | arguments and results | exec->values | vector state |
 * The first arguments share the stack's first page, and what is above is touched only by pages that
 * are used: a suspended call keeps few. A fiber that is given back keeps its mapping for the next.
 */
#include "base/check.h"
#include "base/sanitize.h"
#include "runtime/internal.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define VALUES_BYTES   (ABI_VALUES_MAX * sizeof(union abi_value))
#define FREE_FIBERS    256u /* kept for reuse */
#define NEAR_ARGS      16u  /* in the stack's first page */
#define KEPT_REGISTERS 6    /* pushed by rt_switch_out */

static u64 above_stack_bytes(const struct rt_engine *engine)
{
    return round_up(engine->save_bytes + 2 * VALUES_BYTES, RT_PAGE_BYTES);
}

static u64 mapping_bytes(const struct rt_engine *engine)
{
    return RT_STACK_GUARD + engine->options.stack_bytes + above_stack_bytes(engine);
}

static bool fiber_map(struct rt_fiber *fiber, struct err *err)
{
    const struct rt_engine *engine = fiber->engine;
    u64 len = mapping_bytes(engine);
    u8 *mapping = mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping == MAP_FAILED)
        return err_sys(err, "cannot map a stack");
    madvise(mapping, len, MADV_NOHUGEPAGE);
    if (mprotect(mapping + RT_STACK_GUARD, len - RT_STACK_GUARD, PROT_READ | PROT_WRITE) != 0) {
        err_sys(err, "cannot map a stack");
        munmap(mapping, len);
        return false;
    }
    fiber->mapping = mapping;
    fiber->stack_low = (u64)(uintptr_t)mapping + RT_STACK_GUARD;
    fiber->save = mapping + len - engine->save_bytes;
    fiber->save_mask = engine->save_mask;
    u8 *stack_end = mapping + RT_STACK_GUARD + engine->options.stack_bytes;
    fiber->args = (union abi_value *)(void *)stack_end - NEAR_ARGS;
    fiber->stack_top = (u64)(uintptr_t)fiber->args;
    fiber->exec.values = fiber->args + ABI_VALUES_MAX;
    fiber->exec.stack_limit = fiber->stack_low;
    return true;
}

bool rt_fiber_take(struct rt_fiber **out, struct rt_engine *engine, struct err *err)
{
    struct rt_fiber *fiber = engine->free_fibers;
    if (fiber != NULL) {
        engine->free_fibers = fiber->next_free;
        engine->free_fiber_count--;
        *out = fiber;
        return true;
    }
    fiber = calloc(1, sizeof *fiber);
    if (fiber == NULL)
        return err_set(err, ERR_LIMIT, ERR_NO_AT, "no memory for a fiber");
    fiber->engine = engine;
    if (!fiber_map(fiber, err)) {
        free(fiber);
        return false;
    }
    engine->fiber_count++;
    *out = fiber;
    return true;
}

/* The instances of the fiber's group are, or are no longer, on it. */
static void group_attach(struct rt_instance *instance, struct rt_fiber *fiber)
{
    struct rt_instance *i = instance;
    do {
        CHECK(fiber == NULL || i->fiber == NULL);
        i->fiber = fiber;
        i->ctx->exec = fiber == NULL ? NULL : &fiber->exec;
        i = i->group_next;
    } while (i != instance);
}

/* The call is over, whatever way: the instance is free, the stack is dead. */
static void fiber_end(struct rt_fiber *fiber)
{
    fiber->state = RT_FIBER_ENDED;
    sanitize_unpoison((const void *)(uintptr_t)fiber->stack_low,
                      fiber->stack_top - fiber->stack_low);
    group_attach(fiber->instance, NULL);
    fiber->instance = NULL;
}

static void fiber_unmap(struct rt_fiber *fiber)
{
    munmap(fiber->mapping, mapping_bytes(fiber->engine));
    fiber->engine->fiber_count--;
    free(fiber);
}

void rt_fiber_release(struct rt_fiber **fiber)
{
    struct rt_fiber *old = *fiber;
    *fiber = NULL;
    if (old == NULL)
        return;
    CHECK(old->state != RT_FIBER_RUNNING);
    if (old->instance != NULL)
        fiber_end(old);
    old->state = RT_FIBER_IDLE;
    struct rt_engine *engine = old->engine;
    if (engine->free_fiber_count == FREE_FIBERS) {
        fiber_unmap(old);
        return;
    }
    if (old->deep)
        madvise((void *)(uintptr_t)old->stack_low, engine->options.stack_bytes, MADV_DONTNEED);
    old->deep = false;
    old->next_free = engine->free_fibers;
    engine->free_fibers = old;
    engine->free_fiber_count++;
}

void rt_fibers_free(struct rt_engine *engine)
{
    while (engine->free_fibers != NULL) {
        struct rt_fiber *next = engine->free_fibers->next_free;
        fiber_unmap(engine->free_fibers);
        engine->free_fibers = next;
    }
    engine->free_fiber_count = 0;
}

/* Makes the fiber start in rt_fiber_main, which runs func or driver. */
static void prepare(struct rt_fiber *fiber, struct rt_instance *instance, u32 func, void *user)
{
    CHECK(fiber->state == RT_FIBER_IDLE || fiber->state == RT_FIBER_ENDED);
    CHECK(instance->module->engine == fiber->engine);
    group_attach(instance, fiber);
    fiber->instance = instance;
    fiber->func = func;
    fiber->driver = NULL;
    fiber->user = user;
    fiber->asan_fake = NULL;
    u64 *stack = (u64 *)(uintptr_t)fiber->stack_top;
    *--stack = 0; /* alignment: the called function finds rsp + 8 on a multiple of 16 */
    *--stack = 0;
    *--stack = (u64)(uintptr_t)rt_fiber_start;
    for (u32 i = 0; i < KEPT_REGISTERS; i++)
        *--stack = 0;
    stack[KEPT_REGISTERS - 2] = (u64)(uintptr_t)fiber; /* rbx */
    fiber->sp = (u64)(uintptr_t)stack;
    fiber->state = RT_FIBER_READY;
}

void rt_fiber_begin(struct rt_fiber *fiber, struct rt_instance *instance, u32 func,
                    const union abi_value *args, void *user)
{
    const struct rt_module *module = instance->module;
    u32 params = func == RT_FUNC_NONE
                     ? 0
                     : module->file.types[rt_module_func_type(module, func)].param_count;
    prepare(fiber, instance, func, user);
    if (params > 0)
        memcpy(fiber->args, args, params * sizeof *args);
}

void rt_fiber_begin_driver(struct rt_fiber *fiber, struct rt_instance *instance,
                           rt_driver_fn *driver, void *arg, void *user)
{
    prepare(fiber, instance, RT_FUNC_NONE, user);
    fiber->driver = driver;
    fiber->driver_arg = arg;
}

/* Calls one function of the fiber's instance; its results take the arguments' place. */
static void call_guest(const struct rt_instance *instance, u32 func, union abi_value *values)
{
    const struct rt_module *module = instance->module;
    struct abi_entry entry = rt_instance_entry(instance, func);
    i32 offset = module->code->entries[rt_module_func_type(module, func)];
    abi_entry_fn *enter = (abi_entry_fn *)rt_code_at(module->code, offset);
    enter(entry.code, entry.ctx, values);
}

/* What must run before anything else in a new instance. spec: core/exec/modules, start function */
static void start_instance(struct rt_instance *instance)
{
    const struct rt_module_file *file = &instance->module->file;
    union abi_value none;
    if (file->start != UINT32_MAX)
        call_guest(instance, file->start, &none);
    if (file->initialize != UINT32_MAX)
        call_guest(instance, file->initialize, &none);
    instance->started = true;
}

NO_RETURN void rt_fiber_main(struct rt_fiber *fiber)
{
    struct rt_engine *engine = fiber->engine;
    struct rt_instance *instance = fiber->instance;
    sanitize_switch_finish(NULL, &engine->host_stack, &engine->host_stack_bytes);
    if (!instance->started)
        start_instance(instance);
    if (fiber->driver != NULL)
        fiber->driver(instance, fiber->driver_arg);
    else if (fiber->func != RT_FUNC_NONE)
        call_guest(instance, fiber->func, fiber->args);
    fiber->exit = RT_EXIT_DONE;
    sanitize_switch_start(NULL, engine->host_stack, engine->host_stack_bytes);
    rt_switch_out(fiber);
    UNREACHABLE();
}

/* Leaves the running fiber; comes back when it is run again. */
static void leave(struct rt_fiber *fiber, enum rt_exit how)
{
    struct rt_engine *engine = fiber->engine;
    fiber->exit = how;
    sanitize_switch_start(&fiber->asan_fake, engine->host_stack, engine->host_stack_bytes);
    rt_switch_out(fiber);
    sanitize_switch_finish(fiber->asan_fake, &engine->host_stack, &engine->host_stack_bytes);
}

/* What the guest did last: into the fiber's own words. */
static enum rt_exit after_run(struct rt_fiber *fiber)
{
    if (fiber->trap_kind != ABI_TRAP_NONE) {
        rt_trap_record(fiber, (enum abi_trap)fiber->trap_kind);
        fiber->deep |= fiber->trap_kind == ABI_TRAP_STACK_EXHAUSTED;
        fiber_end(fiber);
        return RT_EXIT_TRAP;
    }
    if (fiber->redirected) {
        fiber->state = RT_FIBER_REDIRECTED;
        return RT_EXIT_PREEMPTED;
    }
    if (fiber->exit == RT_EXIT_DONE)
        fiber_end(fiber);
    else
        fiber->state = RT_FIBER_SUSPENDED;
    return fiber->exit;
}

enum rt_exit rt_fiber_run(struct rt_fiber *fiber)
{
    struct rt_engine *engine = fiber->engine;
    bool resume = fiber->state == RT_FIBER_REDIRECTED;
    void *fake;
    CHECK(engine->running == NULL);
    CHECK(resume || fiber->state == RT_FIBER_READY || fiber->state == RT_FIBER_SUSPENDED);
    fiber->state = RT_FIBER_RUNNING;
    fiber->exec.pending = 0;
    fiber->trap_kind = ABI_TRAP_NONE;
    fiber->redirected = false;
    fiber->faulted = false;
    engine->running = fiber;
    sanitize_switch_start(&fake, (const void *)(uintptr_t)fiber->stack_low,
                          engine->options.stack_bytes);
    if (resume) {
        sanitize_switch_finish(fiber->asan_fake, &engine->host_stack, &engine->host_stack_bytes);
        rt_switch_resume(fiber);
    } else {
        rt_switch_in(fiber);
    }
    if (fiber->redirected || fiber->trap_kind != ABI_TRAP_NONE) /* nobody announced the way back */
        sanitize_switch_start(fiber->redirected ? &fiber->asan_fake : NULL, engine->host_stack,
                              engine->host_stack_bytes);
    sanitize_switch_finish(fake, NULL, NULL);
    engine->running = NULL;
    return after_run(fiber);
}

const union abi_value *rt_fiber_results(const struct rt_fiber *fiber)
{
    CHECK(fiber->state == RT_FIBER_ENDED);
    return fiber->args;
}

const struct rt_trap *rt_fiber_trap(const struct rt_fiber *fiber)
{
    CHECK(fiber->state == RT_FIBER_ENDED);
    return &fiber->trap;
}

void rt_fiber_kill(struct rt_fiber *fiber, enum abi_trap kind)
{
    CHECK(fiber->state == RT_FIBER_READY || fiber->state == RT_FIBER_SUSPENDED ||
          fiber->state == RT_FIBER_REDIRECTED);
    rt_trap_record(fiber, kind);
    fiber_end(fiber);
}

void *rt_instance_user(const struct rt_instance *instance)
{
    CHECK(instance->fiber != NULL);
    return instance->fiber->user;
}

void rt_fiber_suspend(struct rt_instance *instance)
{
    CHECK(instance->fiber != NULL && instance->fiber->state == RT_FIBER_RUNNING);
    leave(instance->fiber, RT_EXIT_SUSPENDED);
}

void rt_driver_call(struct rt_instance *instance, u32 func, union abi_value *values)
{
    CHECK(instance->fiber != NULL && instance->fiber->driver != NULL);
    call_guest(instance, func, values);
}

void rt_driver_poll(struct rt_instance *instance)
{
    struct rt_fiber *fiber = instance->fiber;
    if (fiber->exec.pending != 0)
        leave(fiber, RT_EXIT_PREEMPTED);
}

NO_RETURN void rt_host_trap(struct rt_instance *instance, const char *message)
{
    struct rt_fiber *fiber = instance->fiber;
    CHECK(fiber != NULL && fiber->state == RT_FIBER_RUNNING);
    fiber->host_message = message;
    rt_builtin_trap(&fiber->exec, ABI_TRAP_HOST);
    UNREACHABLE();
}

NO_RETURN void rt_host_end(struct rt_instance *instance, enum abi_trap kind)
{
    struct rt_fiber *fiber = instance->fiber;
    CHECK(fiber != NULL && fiber->state == RT_FIBER_RUNNING);
    rt_builtin_trap(&fiber->exec, kind);
    UNREACHABLE();
}

void rt_builtin_yield(struct abi_exec *exec)
{
    leave((struct rt_fiber *)exec, RT_EXIT_PREEMPTED);
}
