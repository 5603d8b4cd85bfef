/*
 * bomb.c -- functions that take all they can get: processor time in every form of loop that has no
 * call, and memory. Built with bulk memory, so that a fill is one instruction.
 */
#define EXPORT(name) __attribute__((export_name(#name)))

#define PAGE 65536u

extern char __heap_base;
static volatile unsigned tally;

/* All memory there is to have, each page of it written; its size in pages. */
static unsigned swell_all(void)
{
    unsigned pages;
    while ((pages = (unsigned)__builtin_wasm_memory_grow(0, 1)) != ~0u)
        *(volatile unsigned *)(pages * PAGE) = pages;
    return (unsigned)__builtin_wasm_memory_size(0);
}

EXPORT(swell) unsigned swell(void)
{
    return swell_all();
}

/* Endless fills and copies of all memory, each of which takes longer than a slice. */
EXPORT(spin_fill) void spin_fill(void)
{
    unsigned len = swell_all() * PAGE - (unsigned)(unsigned long)&__heap_base;
    for (unsigned i = 0;; i++)
        __builtin_memset(&__heap_base, (int)(i + tally), len);
}

EXPORT(spin_copy) void spin_copy(void)
{
    unsigned len = (swell_all() * PAGE - (unsigned)(unsigned long)&__heap_base) / 2;
    for (unsigned i = 0;; i++)
        __builtin_memmove(&__heap_base, &__heap_base + len / 2 + (i + tally) % 8, len);
}

/* A loop of jumps by a table. */
EXPORT(spin_table) unsigned spin_table(unsigned state)
{
    for (;;) {
        switch (state % 8) {
        case 0: state = state * 5 + 1; break;
        case 1: state ^= state >> 3; break;
        case 2: state += 0x9e3779b9u; break;
        case 3: state = state * 7 + 3; break;
        case 4: state -= tally; break;
        case 5: state = ~state; break;
        case 6: state = state << 1 | state >> 31; break;
        default: tally = state; break;
        }
    }
}

__attribute__((noinline)) static unsigned step(unsigned state)
{
    return state * 1664525u + 1013904223u + tally;
}

EXPORT(spin_calls) unsigned spin_calls(unsigned state)
{
    for (;;)
        state = step(state);
}
