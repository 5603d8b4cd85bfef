/* calm.c -- what spin.c and trap.c export, by functions that end well. */
#define EXPORT(name) __attribute__((export_name(#name)))

EXPORT(spin) void spin(void)
{
}

EXPORT(work) unsigned work(unsigned rounds)
{
    return rounds;
}

EXPORT(trap_unreachable) void trap_unreachable(void)
{
}

EXPORT(trap_memory) int trap_memory(unsigned address)
{
    return (int)address;
}
