/* names.c -- functions whose parameter names are harder to find in the debug information. */
#define EXPORT(name) __attribute__((export_name(#name)))

struct pair {
    double first, second;
};

/* Is inlined below: its entry points to an abstract one that has the names. */
EXPORT(inlined) int inlined(int left, int right)
{
    return left * 31 + right;
}

EXPORT(caller) int caller(int value)
{
    return inlined(inlined(value, 1), 2);
}

/* The result is a hidden first parameter: the names do not fit the Wasm type. */
EXPORT(hidden) struct pair hidden(double first, double second)
{
    return (struct pair){first, second};
}

EXPORT(nameless) int nameless(int, int value)
{
    return value;
}
