/* spin.c -- guests that do not end: only preemption and limits get the core back. */
#define EXPORT(name) __attribute__((export_name(#name)))

static volatile unsigned tally;

/* The tightest loop there is: nothing in it can be interrupted from inside. */
EXPORT(spin) void spin(void)
{
    for (;;) {
    }
}

EXPORT(spin_in_memory) void spin_in_memory(void)
{
    for (;;)
        tally++;
}

/* Ends after rounds steps of a generator the compiler cannot shorten. */
EXPORT(work) unsigned work(unsigned rounds)
{
    unsigned state = 1;
    for (unsigned i = 0; i < rounds; i++)
        state = state * 1664525u + 1013904223u + (state >> 7);
    return state;
}
