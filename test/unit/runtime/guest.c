/*
 * test/unit/runtime/guest.c -- a code file made by hand: guest functions in C and assembly that
 * keep the calling convention of abi/abi.h, so that the runtime is tested without the compiler.
 * Built into a shared object; test/unit/runtime/guest.h makes the module files for it.
 */
#include "abi/abi.h"
#define GUEST_COUNTS                                                                               \
    ((struct abi_counts){.memories = 1, .tables = 1, .globals = 2, .func_imports = 1, .types = 2})

/* The layout of every guest module: the counts of guest.h. */
static inline u8 *ctx_at(struct abi_vmctx *ctx, u64 offset)
{
    return (u8 *)ctx + offset;
}
#define LAYOUT        abi_layout_make(GUEST_COUNTS)
#define MEMORY(ctx)   (*(struct abi_memory_ref *)(void *)ctx_at(ctx, LAYOUT.memories))
#define TABLE(ctx)    (*(struct abi_table **)(void *)ctx_at(ctx, LAYOUT.tables))
#define GLOBALS(ctx)  ((union abi_value *)(void *)ctx_at(ctx, LAYOUT.globals))
#define HOST(ctx, i)  (((struct abi_host *)(void *)ctx_at(ctx, LAYOUT.hosts))[i])
#define TYPE_IDS(ctx) ((u64 *)(void *)ctx_at(ctx, LAYOUT.type_ids))

typedef u32 guest_ii_i(void *, u32, u32);

/* Guest functions have a frame even where C would leave it out. */
#define HAVE_FRAME __asm__ volatile("" ::"r"(__builtin_frame_address(0)))

#define GUEST __attribute__((visibility("hidden"), noinline, used))

/* Not static: those stand where they are used first, and stubs stand below the functions. */
__attribute__((visibility("hidden"), noinline)) void trap(struct abi_vmctx *ctx, u64 kind)
{
    ctx->builtins->trap(ctx->exec, kind);
    __builtin_unreachable();
}

/* What compiled code does around a host function. */
static inline u32 call_host(struct abi_vmctx *ctx, const struct abi_host *host, u32 a, u32 b)
{
    struct abi_exec *exec = ctx->exec;
    if ((u64)(uintptr_t)__builtin_frame_address(0) < exec->stack_limit + ABI_HOST_STACK)
        trap(ctx, ABI_TRAP_STACK_EXHAUSTED);
    u32 result = ((guest_ii_i *)host->fn)(host->instance, a, b);
    if (exec->pending != 0)
        ctx->builtins->yield(exec);
    return result;
}

/* ---- stubs: below the functions ---- */

__attribute__((visibility("hidden"), used)) void entry_ii_i(guest_ii_i *code, void *ctx,
                                                            union abi_value *values)
{
    values[0].u32 = code(ctx, values[0].u32, values[1].u32);
}

__attribute__((visibility("hidden"), used)) void entry_none(void (*code)(void *), void *ctx,
                                                            union abi_value *values)
{
    (void)values;
    code(ctx);
}

__attribute__((visibility("hidden"), used)) u32 host_ii_i(struct abi_host *host, u32 a, u32 b)
{
    return call_host(host->vmctx, host, a, b);
}

/* ---- functions, in the order of enum guest_func ---- */

GUEST u32 g_add(struct abi_vmctx *ctx, u32 a, u32 b)
{
    (void)ctx;
    return a + b;
}

/* A load at a + b, with the offset that guard pages must catch. */
GUEST u32 g_load(struct abi_vmctx *ctx, u32 a, u32 b)
{
    HAVE_FRAME;
    return *(volatile u8 *)(MEMORY(ctx).base + (u64)a + b);
}

GUEST u32 g_store(struct abi_vmctx *ctx, u32 a, u32 b)
{
    HAVE_FRAME;
    *(volatile u8 *)(MEMORY(ctx).base + (u64)a) = (u8)b;
    return 0;
}

GUEST u32 g_trap(struct abi_vmctx *ctx, u32 a, u32 b)
{
    if (a != 0) /* a function that always traps is cold, and would stand elsewhere */
        trap(ctx, a);
    return b;
}

/* Without end when b is 0, else a calls deep. */
GUEST u32 g_recurse(struct abi_vmctx *ctx, u32 a, u32 b)
{
    volatile u32 keep = a;
    if (b != 0 && a == 0)
        return 0;
    u32 deeper = g_recurse(ctx, a - 1, b);
    return deeper + (keep == a);
}

/* Loops a times (for ever if 0) with a pattern made of b in every kind of register, in the flags
 * and below the stack pointer; returns how often the pattern was broken, plus 1 for a loop that
 * ended. */
GUEST u32 g_spin(struct abi_vmctx *ctx, u32 a, u32 b)
{
    (void)ctx;
    u64 bad = 0, left = a == 0 ? UINT64_MAX : a, pattern = (u64)b * 0x9e3779b97f4a7c15u;
    __asm__ volatile("movq %[pattern], %%r12\n"
                     "movq %%r12, %%xmm3\n"
                     "movq %%r12, %%xmm15\n"
                     "movq %%r12, %%r8\n"
                     "movq %%r12, %%r15\n"
                     "1: movq %%r12, -64(%%rsp)\n"
                     "movl $200, %%ecx\n"
                     "cmpq %%rcx, %%rcx\n" /* sets the zero flag */
                     "2: jne 9f\n"
                     "leaq -1(%%rcx), %%rcx\n" /* no flags touched */
                     "jrcxz 3f\n"
                     "jmp 2b\n"
                     "9: incq %[bad]\n"
                     "3: cmpq %%r12, -64(%%rsp)\n"
                     "jne 8f\n"
                     "movq %%xmm3, %%rax\n"
                     "cmpq %%r12, %%rax\n"
                     "jne 8f\n"
                     "movq %%xmm15, %%rax\n"
                     "cmpq %%r12, %%rax\n"
                     "jne 8f\n"
                     "cmpq %%r12, %%r8\n"
                     "jne 8f\n"
                     "cmpq %%r12, %%r15\n"
                     "je 7f\n"
                     "8: incq %[bad]\n"
                     "7: decq %[left]\n"
                     "jnz 1b\n"
                     : [bad] "+r"(bad), [left] "+r"(left)
                     : [pattern] "r"(pattern)
                     : "rax", "rcx", "r8", "r12", "r15", "xmm3", "xmm15", "memory", "cc");
    return (u32)(bad << 1) + 1;
}

/* Calls the imported function of type (i32, i32) -> i32. */
GUEST u32 g_call_host(struct abi_vmctx *ctx, u32 a, u32 b)
{
    return call_host(ctx, &HOST(ctx, 0), a, b) + 1000;
}

GUEST u32 g_grow(struct abi_vmctx *ctx, u32 a, u32 b)
{
    (void)b;
    return (u32)ctx->builtins->memory_grow(ctx, 0, a);
}

/* Writes b to every a-th byte of the memory, and to the second global. */
GUEST u32 g_dirty(struct abi_vmctx *ctx, u32 a, u32 b)
{
    struct abi_memory_ref ref = MEMORY(ctx);
    for (u64 at = 0; at < ref.memory->size_bytes; at += a)
        *(volatile u8 *)(ref.base + at) = (u8)b;
    GLOBALS(ctx)[0].u32 = b;
    return (u32)(ref.memory->size_bytes / ABI_PAGE_BYTES);
}

/* call_indirect of element a with (b, b). */
GUEST u32 g_call_table(struct abi_vmctx *ctx, u32 a, u32 b)
{
    struct abi_table *table = TABLE(ctx);
    struct abi_entry *entry = &table->entries[a < table->len ? a : table->len];
    if (entry->type_id != TYPE_IDS(ctx)[0])
        trap(ctx, a >= table->len       ? ABI_TRAP_TABLE_BOUNDS
                  : entry->type_id == 0 ? ABI_TRAP_NULL_ELEMENT
                                        : ABI_TRAP_CALL_TYPE);
    return ((guest_ii_i *)entry->code)(entry->ctx, b, b) + 0;
}

/* Recurses until the stack is nearly gone, then calls the host. */
GUEST u32 g_host_at_edge(struct abi_vmctx *ctx, u32 a, u32 b)
{
    volatile u32 keep = a;
    if ((u64)(uintptr_t)__builtin_frame_address(0) < ctx->exec->stack_limit + b)
        return g_call_host(ctx, a, 0);
    return g_host_at_edge(ctx, a + 1, b) + (keep != a);
}

GUEST void g_start(struct abi_vmctx *ctx)
{
    GLOBALS(ctx)[1].u32 += 1;
}

/* Sends itself SIGURG a times; b is the process. */
GUEST u32 g_signal(struct abi_vmctx *ctx, u32 a, u32 b)
{
    (void)ctx;
    for (u32 i = 0; i < a; i++) {
        u64 number = 234; /* tgkill(b, b, SIGURG) */
        __asm__ volatile("syscall"
                         : "+a"(number)
                         : "D"((u64)b), "S"((u64)b), "d"((u64)23)
                         : "rcx", "r11", "memory");
    }
    return a;
}

/* Calls the imported function a times. */
GUEST u32 g_host_loop(struct abi_vmctx *ctx, u32 a, u32 b)
{
    const struct abi_host *host = &HOST(ctx, 0);
    for (u32 i = 0; i < a; i++)
        b = call_host(ctx, host, 1, b);
    return b;
}

#define TEXT_OF(x)   #x
#define TEXT(x)      TEXT_OF(x)
#define VERSION_TEXT TEXT(ABI_VERSION)

__asm__(".section .rodata\n"
        ".globl weir_code\n"
        ".type weir_code, @object\n"
        ".p2align 4\n"
        "weir_code:\n"
        ".quad 0x31444f4352494557\n"         /* ABI_CODE_MAGIC */
        ".long " VERSION_TEXT ", 14, 2, 0\n" /* functions, types */
        ".long g_add - weir_code, g_load - weir_code, g_store - weir_code, g_trap - weir_code\n"
        ".long g_recurse - weir_code, g_spin - weir_code, g_call_host - weir_code\n"
        ".long g_grow - weir_code, g_dirty - weir_code, g_call_table - weir_code\n"
        ".long g_host_at_edge - weir_code, g_start - weir_code\n"
        ".long g_signal - weir_code, g_host_loop - weir_code\n"
        ".long entry_ii_i - weir_code, entry_none - weir_code\n"
        ".long host_ii_i - weir_code, 0\n"
        ".size weir_code, . - weir_code\n"
        ".previous\n");
