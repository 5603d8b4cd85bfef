/*
 * runtime/signal.c -- ticks and faults.
 *
 * A handler never switches, jumps or takes a lock: it looks where the guest was, keeps the general
 * registers in the fiber, edits the saved program counter, stack pointer and first argument, and
 * returns; the kernel then continues in fiber_x86_64.S on the host's stack. A second signal there
 * finds the program counter outside guest code and changes nothing.
 */
#include "base/check.h"
#include "base/sanitize.h"
#include "runtime/internal.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define STACK_BYTES     (64 * KIB) /* beside what the kernel needs for a frame */
#define FLAGS_STATUS    0x8d5u     /* carry, parity, adjust, zero, sign, overflow */
#define FLAGS_ALWAYS    0x202u     /* reserved bit, interrupts */
#define FLAGS_DIRECTION 0x400

static const int signals[] = {SIGURG, SIGSEGV, SIGBUS};

/* What a handler can reach: the process has one engine. */
static struct {
    struct rt_engine *engine;
    struct sigaction old[COUNT_OF(signals)];
    stack_t old_stack;
} process;

static const int reg_numbers[RT_REG_COUNT] = {
    [RT_REG_RAX] = REG_RAX, [RT_REG_RBX] = REG_RBX, [RT_REG_RCX] = REG_RCX,
    [RT_REG_RDX] = REG_RDX, [RT_REG_RSI] = REG_RSI, [RT_REG_RDI] = REG_RDI,
    [RT_REG_RBP] = REG_RBP, [RT_REG_R8] = REG_R8,   [RT_REG_R9] = REG_R9,
    [RT_REG_R10] = REG_R10, [RT_REG_R11] = REG_R11, [RT_REG_R12] = REG_R12,
    [RT_REG_R13] = REG_R13, [RT_REG_R14] = REG_R14, [RT_REG_R15] = REG_R15,
    [RT_REG_RSP] = REG_RSP, [RT_REG_RIP] = REG_RIP, [RT_REG_RFLAGS] = REG_EFL,
};

/* Makes the interrupted guest continue at `stub`, on the host's stack. */
static void redirect(struct rt_fiber *fiber, ucontext_t *context, const char *stub)
{
    greg_t *regs = context->uc_mcontext.gregs;
    for (u32 i = 0; i < RT_REG_COUNT; i++)
        fiber->regs[i] = (u64)regs[reg_numbers[i]];
    fiber->regs[RT_REG_RFLAGS] = (fiber->regs[RT_REG_RFLAGS] & FLAGS_STATUS) | FLAGS_ALWAYS;
    regs[REG_RIP] = (greg_t)(uintptr_t)stub;
    regs[REG_RSP] = (greg_t)fiber->host_sp;
    regs[REG_RDI] = (greg_t)(uintptr_t)fiber;
    regs[REG_EFL] &= ~FLAGS_DIRECTION;
}

static bool in_guest_code(const struct rt_engine *engine, const ucontext_t *context)
{
    return rt_code_find(engine, (u64)context->uc_mcontext.gregs[REG_RIP]) != NULL;
}

static void on_tick(int number, siginfo_t *info, void *arg)
{
    (void)number;
    (void)info;
    struct rt_engine *engine = process.engine;
    int keep = errno;
    if (engine == NULL || engine->tick == NULL || !engine->tick(engine->tick_arg) ||
        engine->running == NULL) {
        errno = keep;
        return;
    }
    errno = keep;
    struct rt_fiber *fiber = engine->running;
    if (!in_guest_code(engine, arg)) {
        fiber->exec.pending = 1;
        return;
    }
    fiber->redirected = true;
    redirect(fiber, arg, rt_redirect_save);
}

/* The trap that an access to addr is, or ABI_TRAP_NONE: then the fault is not the guest's. */
static enum abi_trap judge(const struct rt_fiber *fiber, u64 addr)
{
    if (addr < fiber->stack_low && addr >= fiber->stack_low - RT_STACK_GUARD)
        return ABI_TRAP_STACK_EXHAUSTED;
    const struct rt_instance *instance = fiber->instance;
    do {
        for (u32 i = 0; i < instance->module->file.memory_count; i++) {
            u64 start = (u64)(uintptr_t)instance->memories[i].reservation;
            if (addr >= start && addr - start < RT_RESERVED_BYTES)
                return ABI_TRAP_MEMORY_BOUNDS;
        }
        instance = instance->group_next;
    } while (instance != fiber->instance);
    return ABI_TRAP_NONE;
}

static char *put_text(char *out, const char *text)
{
    size_t len = strlen(text);
    memcpy(out, text, len);
    return out + len;
}

static char *put_hex(char *out, u64 value)
{
    for (u32 shift = 64; shift > 0; shift -= 4)
        *out++ = "0123456789abcdef"[(value >> (shift - 4)) & 15];
    return out;
}

/* A fault of the host's own: says so, and lets the signal's default action end the process. */
static void report(int number, const siginfo_t *info, const ucontext_t *context)
{
    char text[160];
    char *out = put_text(text, "weir: bug: signal 0x");
    out = put_hex(out, (u64)number);
    out = put_text(out, " at pc 0x");
    out = put_hex(out, (u64)context->uc_mcontext.gregs[REG_RIP]);
    out = put_text(out, ", address 0x");
    out = put_hex(out, (u64)(uintptr_t)info->si_addr);
    out = put_text(out, "; this is a bug in weir\n");
    ssize_t done = write(STDERR_FILENO, text, (size_t)(out - text));
    (void)done;
    signal(number, SIG_DFL);
    raise(number); /* delivered when the handler returns, should the fault not come again */
}

static void on_fault(int number, siginfo_t *info, void *arg)
{
    struct rt_engine *engine = process.engine;
    struct rt_fiber *fiber = engine == NULL ? NULL : engine->running;
    u64 addr = (u64)(uintptr_t)info->si_addr;
    enum abi_trap trap = ABI_TRAP_NONE;
    if (fiber != NULL && info->si_code > 0 && in_guest_code(engine, arg))
        trap = judge(fiber, addr);
    if (trap == ABI_TRAP_NONE) {
        report(number, info, arg);
        return;
    }
    fiber->trap_kind = trap;
    fiber->faulted = true;
    fiber->fault_addr = addr;
    redirect(fiber, arg, rt_redirect_drop);
}

bool rt_signals_install(struct rt_engine *engine, struct err *err)
{
    CHECK(process.engine == NULL);
    u64 len = round_up(getauxval(AT_MINSIGSTKSZ) + STACK_BYTES, RT_PAGE_BYTES);
    void *stack = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED)
        return err_sys(err, "cannot map the signal stack");
    stack_t alternate = {.ss_sp = stack, .ss_size = len};
    engine->signal_stack = stack;
    engine->signal_stack_bytes = len;
    process.engine = engine;
    sigset_t set;
    sigemptyset(&set);
    CHECK(sigaltstack(&alternate, &process.old_stack) == 0);
    for (u32 i = 0; i < COUNT_OF(signals); i++) {
        struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
        action.sa_sigaction = signals[i] == SIGURG ? on_tick : on_fault;
        sigemptyset(&action.sa_mask);
        sigaddset(&action.sa_mask, SIGURG);
        CHECK(sigaction(signals[i], &action, &process.old[i]) == 0);
        sigaddset(&set, signals[i]);
    }
    CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0); /* whoever started us may have blocked them */
    return true;
}

void rt_signals_remove(struct rt_engine *engine)
{
    CHECK(process.engine == engine);
    for (u32 i = 0; i < COUNT_OF(signals); i++)
        CHECK(sigaction(signals[i], &process.old[i], NULL) == 0);
    CHECK(sigaltstack(&process.old_stack, NULL) == 0);
    process.engine = NULL;
    munmap(engine->signal_stack, engine->signal_stack_bytes);
}
