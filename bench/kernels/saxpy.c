/* saxpy.c -- y = a x + y over arrays that fit the first-level cache. */
#include "kernel.h"

enum { LEN = 2048 };

static float x[LEN], y[LEN];

unsigned run(unsigned n)
{
    for (int i = 0; i < LEN; i++) {
        x[i] = (float)i / (float)LEN;
        y[i] = 1.0f - x[i];
    }
    for (unsigned round = 0; round < n; round++) {
        float a = round % 2 == 0 ? 0.5f : -0.5f;
        for (int i = 0; i < LEN; i++)
            y[i] += a * x[i];
    }
    unsigned sum = 1;
    for (int i = 0; i < LEN; i++)
        sum = mix_float(sum, y[i]);
    return sum;
}
