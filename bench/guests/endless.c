/* endless.c -- endless work of kinds that are hard to interrupt, for bench/fair.py. */
#define EXPORT(name) __attribute__((export_name(#name)))

enum { PAGE = 65536, FILLED_PAGES = 1920 }; /* 120 MiB; with the rest within 128 MiB */

static volatile unsigned tally;

EXPORT(loop) void loop(void)
{
    for (;;) {
    }
}

/* memory.fill of 120 MiB, again and again. */
EXPORT(fill) void fill(void)
{
    unsigned at = (unsigned)__builtin_wasm_memory_grow(0, FILLED_PAGES) * PAGE;
    for (unsigned i = 0;; i++)
        __builtin_memset((void *)at, (int)i, FILLED_PAGES * PAGE);
}

static unsigned fib(unsigned n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

EXPORT(recurse) void recurse(void)
{
    for (;;)
        tally += fib(80);
}
