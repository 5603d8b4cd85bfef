/*
 * trap.c -- one way into every trap. The functions that trap are called by others of known names,
 * so that a backtrace has something to show.
 */
#define EXPORT(name) __attribute__((export_name(#name)))
#define NOINLINE     __attribute__((noinline))

static volatile int sink;

NOINLINE static void inner_unreachable(void)
{
    sink = 1;
    __builtin_trap();
}

EXPORT(trap_unreachable) void trap_unreachable(void)
{
    inner_unreachable();
    sink = 2;
}

/* Reads the four bytes at address; the memory has a few pages. */
NOINLINE static int inner_load(unsigned address)
{
    return *(volatile int *)address;
}

EXPORT(trap_memory) int trap_memory(unsigned address)
{
    return inner_load(address) + 1;
}

/* divisor 0: integer divide by zero; INT_MIN / -1: integer overflow */
NOINLINE static int inner_divide(int dividend, int divisor)
{
    return dividend / divisor;
}

EXPORT(trap_divide) int trap_divide(int dividend, int divisor)
{
    return inner_divide(dividend, divisor) + 1;
}

EXPORT(trap_convert) int trap_convert(double value)
{
    return __builtin_wasm_trunc_s_i32_f64(value);
}

static int no_arguments(void)
{
    return 7;
}

static int one_argument(int value)
{
    return value + 7;
}

static void *volatile functions[] = {(void *)no_arguments, (void *)one_argument};

/* Calls table element index as int (void): 0 is null, the index of one_argument has another
 * type, large ones are out of bounds. */
EXPORT(trap_indirect) int trap_indirect(unsigned index)
{
    return ((int (*)(void))(void *)index)() + 1;
}

/* The table index of no_arguments (which 0) or one_argument (which 1). */
EXPORT(function_index) unsigned function_index(unsigned which)
{
    return (unsigned)functions[which & 1];
}

NOINLINE static int recurse(int depth)
{
    sink = depth;
    return depth == 0 ? 0 : recurse(depth - 1) + sink;
}

/* Overflows the stack for any depth the stack cannot hold. */
EXPORT(trap_stack) int trap_stack(int depth)
{
    return recurse(depth) + 1;
}

/* Grows memory; the old size in pages, or -1. */
EXPORT(grow) int grow(int pages)
{
    return (int)__builtin_wasm_memory_grow(0, (unsigned long)pages);
}
