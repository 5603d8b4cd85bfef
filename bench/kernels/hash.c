/* hash.c -- additions, rotations and exclusive ors over blocks, the shape of cryptographic code. */
#include "kernel.h"

enum { WORDS = 16, ROUNDS = 20 };

static unsigned rotate(unsigned value, unsigned bits)
{
    return value << bits | value >> (32 - bits);
}

static void quarter(unsigned *s, int a, int b, int c, int d)
{
    s[a] += s[b];
    s[d] = rotate(s[d] ^ s[a], 16);
    s[c] += s[d];
    s[b] = rotate(s[b] ^ s[c], 12);
    s[a] += s[b];
    s[d] = rotate(s[d] ^ s[a], 8);
    s[c] += s[d];
    s[b] = rotate(s[b] ^ s[c], 7);
}

static void scramble(unsigned *s)
{
    for (int round = 0; round < ROUNDS; round += 2) {
        for (int i = 0; i < 4; i++)
            quarter(s, i, 4 + i, 8 + i, 12 + i);
        for (int i = 0; i < 4; i++)
            quarter(s, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4);
    }
}

unsigned run(unsigned n)
{
    static unsigned state[WORDS];
    for (unsigned i = 0; i < WORDS; i++)
        state[i] = i * 0x9e3779b9u + 1;
    for (unsigned round = 0; round < n; round++) {
        state[round % WORDS] ^= round;
        scramble(state);
    }
    unsigned sum = 1;
    for (int i = 0; i < WORDS; i++)
        sum = mix(sum, state[i]);
    return sum;
}
