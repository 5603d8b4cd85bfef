/* sieve.c -- primes below 32768 by crossing out; a round stamps its own number. */
#include "kernel.h"

enum { LEN = 32768 };

static unsigned char stamps[LEN];

static unsigned count_primes(unsigned char stamp)
{
    unsigned count = 0;
    for (unsigned i = 2; i < LEN; i++) {
        if (stamps[i] == stamp)
            continue;
        count++;
        for (unsigned j = i * 2; j < LEN; j += i)
            stamps[j] = stamp;
    }
    return count;
}

unsigned run(unsigned n)
{
    unsigned sum = 1;
    for (unsigned round = 0; round < n; round++)
        sum = mix(sum, count_primes((unsigned char)(round % 255 + 1)));
    return sum;
}
