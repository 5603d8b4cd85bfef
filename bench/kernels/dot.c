/* dot.c -- a dot product in the plain loop everybody writes: one chain of additions. */
#include "kernel.h"

enum { LEN = 2048 };

static float x[LEN], y[LEN];

unsigned run(unsigned n)
{
    for (int i = 0; i < LEN; i++) {
        x[i] = (float)i / (float)LEN;
        y[i] = 1.0f - x[i];
    }
    unsigned sum = 1;
    for (unsigned round = 0; round < n; round++) {
        float product = 0;
        for (int i = 0; i < LEN; i++)
            product += x[i] * y[i];
        sum = mix_float(sum, product);
        x[round % LEN] += 0.25f;
    }
    return sum;
}
