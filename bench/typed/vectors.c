/* vectors.c -- a dot product for bench/typed.py: of two lists, or of the halves of one. */
#include <stddef.h>

#define EXPORT(name) __attribute__((export_name(#name)))

extern char __heap_base;

EXPORT(malloc) void *malloc(size_t len)
{
    static size_t next;
    if (next == 0)
        next = (size_t)&__heap_base;
    size_t at = (next + 63) & ~(size_t)63, page = 65536;
    size_t have = __builtin_wasm_memory_size(0) * page;
    if (len > 0x7fffffff || at > 0x7fffffff)
        return NULL;
    if (at + len > have &&
        __builtin_wasm_memory_grow(0, (at + len - have + page - 1) / page) == (size_t)-1)
        return NULL;
    next = at + len;
    return (void *)at;
}

EXPORT(dot) double dot(const float *a, size_t a_len, const float *b, size_t b_len)
{
    size_t len = a_len < b_len ? a_len : b_len;
    float sums[16] = {0};
    double sum = 0;
    for (size_t i = 0; i + 16 <= len; i += 16)
        for (size_t k = 0; k < 16; k++)
            sums[k] += a[i + k] * b[i + k];
    for (size_t k = 0; k < 16; k++)
        sum += (double)sums[k];
    return sum;
}

EXPORT(dot_halves) double dot_halves(const float *both, size_t len)
{
    return dot(both, len / 2, both + len / 2, len / 2);
}
