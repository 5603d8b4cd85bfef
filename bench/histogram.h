/*
 * bench/histogram.h -- many durations in little room: counts on a scale of which each step is less
 * than 1 % wide. Quantiles are off by at most half a step; mean and maximum are exact.
 */
#pragma once
#include "base/types.h"

#define HISTOGRAM_STEPS_LOG2 7 /* 128 steps between a power of two and the next */
#define HISTOGRAM_MAX_LOG2   40
#define HISTOGRAM_COUNTS ((HISTOGRAM_MAX_LOG2 - HISTOGRAM_STEPS_LOG2 + 1) << HISTOGRAM_STEPS_LOG2)

/* All zero: empty. */
struct histogram {
    u64 total, max;
    f64 sum;
    u32 counts[HISTOGRAM_COUNTS]; /* the last one also counts what is longer */
};

void histogram_add(struct histogram *h, u64 value);

/* The value that part q of all do not exceed, 0 <= q <= 1; 0 of an empty histogram. */
f64 histogram_quantile(const struct histogram *h, f64 q);

f64 histogram_mean(const struct histogram *h);
void histogram_clear(struct histogram *h);
