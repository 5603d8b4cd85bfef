/*
 * kernel.h -- what every kernel offers. A kernel is one C file without a library: static memory,
 * n rounds of work, and a checksum of all it computed, equal in every build.
 */
#pragma once

/* Does n rounds of work from a fresh state; returns the checksum. */
unsigned run(unsigned n);

/* Mixes a value into a checksum. */
static inline unsigned mix(unsigned sum, unsigned value)
{
    return (sum ^ value) * 16777619u + (sum >> 15);
}

static inline unsigned mix_float(unsigned sum, float value)
{
    union {
        float value;
        unsigned bits;
    } both = {.value = value};
    return mix(sum, both.bits);
}

/* A pseudo-random sequence; state must not be 0. */
static inline unsigned random_next(unsigned *state)
{
    unsigned value = *state;
    value ^= value << 13;
    value ^= value >> 17;
    value ^= value << 5;
    return *state = value;
}
