#include "bench/histogram.h"
#include <math.h>
#include <string.h>

enum { STEPS = 1 << HISTOGRAM_STEPS_LOG2 };

/* Values below STEPS have a step each; above, the leading bit selects a row of STEPS of them. */
static u32 step_of(u64 value)
{
    if (value < STEPS)
        return (u32)value;
    if (value >> HISTOGRAM_MAX_LOG2 != 0)
        return HISTOGRAM_COUNTS - 1;
    u32 shift = 63 - (u32)__builtin_clzll(value) - HISTOGRAM_STEPS_LOG2;
    return (shift << HISTOGRAM_STEPS_LOG2) + (u32)(value >> shift);
}

/* The middle of the values that a step counts. */
static f64 value_of(u32 step)
{
    if (step < 2 * STEPS)
        return step;
    u32 shift = (step >> HISTOGRAM_STEPS_LOG2) - 1;
    u64 first = (u64)(step - (shift << HISTOGRAM_STEPS_LOG2)) << shift;
    return (f64)first + ((f64)((u64)1 << shift) - 1) / 2;
}

void histogram_add(struct histogram *h, u64 value)
{
    h->counts[step_of(value)] += 1;
    h->total += 1;
    h->sum += (f64)value;
    h->max = max_u64(h->max, value);
}

f64 histogram_quantile(const struct histogram *h, f64 q)
{
    u64 rank = max_u64((u64)ceil(q * (f64)h->total), 1), seen = 0;
    for (u32 step = 0; step < HISTOGRAM_COUNTS; step++) {
        seen += h->counts[step];
        if (seen >= rank)
            return rank == h->total ? (f64)h->max : fmin(value_of(step), (f64)h->max);
    }
    return 0;
}

f64 histogram_mean(const struct histogram *h)
{
    return h->total == 0 ? 0 : h->sum / (f64)h->total;
}

void histogram_clear(struct histogram *h)
{
    memset(h, 0, sizeof *h);
}
