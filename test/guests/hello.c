/* hello.c -- the least a function can do: what is left of a request's cost is the server's. */
#define EXPORT(name) __attribute__((export_name(#name)))

EXPORT(answer) int answer(void)
{
    return 42;
}

EXPORT(add) int add(int a, int b)
{
    return (int)((unsigned)a + (unsigned)b);
}

EXPORT(add64) long long add64(long long a, long long b)
{
    return (long long)((unsigned long long)a + (unsigned long long)b);
}

EXPORT(half) double half(double value)
{
    return value / 2;
}

EXPORT(half32) float half32(float value)
{
    return value / 2;
}

EXPORT(nothing) void nothing(int ignored)
{
    (void)ignored;
}

/* Counts its calls in static memory: an instance that is not fresh answers more than 1. */
static int calls;

EXPORT(count_calls) int count_calls(void)
{
    return ++calls;
}
