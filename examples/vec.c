/*
 * vec.c -- arithmetic over arrays in static memory; each exported function becomes an endpoint.
 * The results have closed forms: with S = 0 + 1 + 4 + ... + (count - 1)^2,
 *   dot(count, a, b) = a b S,   norm(count, step) = |step| sqrt(S).
 */
#define EXPORT(name) __attribute__((export_name(#name)))

enum { MAX = 4096 };

static float x[MAX], y[MAX];

/* array[i] = step * i for the first count elements; returns how many fit. */
static int fill(float *array, int count, double step)
{
    int len = count < 0 ? 0 : count < MAX ? count : MAX;
    for (int i = 0; i < len; i++)
        array[i] = (float)(step * i);
    return len;
}

/* The dot product of (0, a, 2a, ...) and (0, b, 2b, ...), count elements each (at most 4096). */
EXPORT(dot) double dot(int count, double a, double b)
{
    int len = fill(x, count, a);
    fill(y, len, b);
    double sum = 0;
    for (int i = 0; i < len; i++)
        sum += (double)x[i] * (double)y[i];
    return sum;
}

/* y = a x + y with x = y = (0, 1, 2, ...); returns the last element, (a + 1)(count - 1). */
EXPORT(saxpy) float saxpy(int count, float a)
{
    int len = fill(x, count, 1);
    fill(y, len, 1);
    for (int i = 0; i < len; i++)
        y[i] += a * x[i];
    return len == 0 ? 0 : y[len - 1];
}

/* The Euclidean length of (0, step, 2 step, ...). */
EXPORT(norm) double norm(int count, double step)
{
    int len = fill(x, count, step);
    double sum = 0;
    for (int i = 0; i < len; i++)
        sum += (double)x[i] * (double)x[i];
    return __builtin_sqrt(sum);
}
