/* stuck.c -- its constructors never end. */
#define EXPORT(name) __attribute__((export_name(#name)))

EXPORT(_initialize) void initialise(void)
{
    for (volatile unsigned i = 0;; i++) {
    }
}

EXPORT(add) int add(int a, int b)
{
    return a + b;
}
