/* structs.c -- small structures by value through functions that are not inlined. */
#include "kernel.h"

struct vector {
    float x, y, z;
};

__attribute__((noinline)) static struct vector add(struct vector a, struct vector b)
{
    return (struct vector){a.x + b.x, a.y + b.y, a.z + b.z};
}

__attribute__((noinline)) static struct vector cross(struct vector a, struct vector b)
{
    return (struct vector){a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}

__attribute__((noinline)) static struct vector scale(struct vector a, float factor)
{
    return (struct vector){a.x * factor, a.y * factor, a.z * factor};
}

unsigned run(unsigned n)
{
    struct vector a = {1, 0, 0}, b = {0, 1, 0};
    for (unsigned round = 0; round < n * 256; round++) {
        struct vector c = cross(a, b);
        a = add(scale(a, 0.5f), scale(c, 0.5f));
        b = add(scale(b, 0.5f), (struct vector){0.5f, 0.25f, (float)(round % 3)});
    }
    return mix_float(mix_float(mix_float(1, a.x + b.x), a.y + b.y), a.z + b.z);
}
