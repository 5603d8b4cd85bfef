/* search.c -- binary search in a sorted array, a thousand keys a round. */
#include "kernel.h"

enum { LEN = 65536, KEYS = 1000 };

static unsigned values[LEN];

static unsigned lower_bound(unsigned key)
{
    unsigned low = 0, high = LEN;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (values[middle] < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

unsigned run(unsigned n)
{
    unsigned state = 31337, sum = 1;
    for (unsigned i = 0; i < LEN; i++)
        values[i] = i * 65536 + i % 97;
    for (unsigned round = 0; round < n; round++) {
        for (int i = 0; i < KEYS; i++)
            sum = mix(sum, lower_bound(random_next(&state)));
    }
    return sum;
}
