/* collatz.c -- lengths of 3 x + 1 chains: 64-bit integers and unpredictable branches. */
#include "kernel.h"

static unsigned chain_length(unsigned long long value)
{
    unsigned length = 0;
    for (; value != 1; length++)
        value = value % 2 == 0 ? value / 2 : value * 3 + 1;
    return length;
}

unsigned run(unsigned n)
{
    unsigned sum = 1;
    for (unsigned round = 1; round <= n; round++)
        sum = mix(sum, chain_length(round * 64ull + 1));
    return sum;
}
