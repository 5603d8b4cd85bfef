/*
 * lists.c -- functions over lists, strings and records. lists.sig beside the module says what they
 * take; a list or string comes as pointer and length, in memory from the module's own malloc.
 */
#include <stddef.h>

#define EXPORT(name) __attribute__((export_name(#name)))

struct point {
    double x, y;
};
struct doubles {
    double *ptr;
    size_t len;
};
struct text {
    char *ptr;
    size_t len;
};

/* The least malloc there is: everything is freed with the instance, after the request. A program
 * with a C library has one already and leaves this out. */
extern char __heap_base;

EXPORT(malloc) void *malloc(size_t len)
{
    static size_t next;
    if (next == 0)
        next = (size_t)&__heap_base;
    size_t at = (next + 15) & ~(size_t)15, page = 65536;
    size_t have = __builtin_wasm_memory_size(0) * page;
    if (len > 0x7fffffff || at > 0x7fffffff)
        return NULL;
    if (at + len > have &&
        __builtin_wasm_memory_grow(0, (at + len - have + page - 1) / page) == (size_t)-1)
        return NULL;
    next = at + len;
    return (void *)at;
}

/* The dot product; of the longer list the end counts nothing. */
EXPORT(dot) double dot(const float *a, size_t a_len, const float *b, size_t b_len)
{
    size_t len = a_len < b_len ? a_len : b_len;
    double sum = 0;
    for (size_t i = 0; i < len; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

/* Each value times `by`. The list is ours: it may be changed, and returned. */
EXPORT(scale) struct doubles scale(double *values, size_t len, double by)
{
    for (size_t i = 0; i < len; i++)
        values[i] *= by;
    return (struct doubles){values, len};
}

/* ASCII letters in capitals. */
EXPORT(upper) struct text upper(char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] >= 'a' && text[i] <= 'z')
            text[i] -= 'a' - 'A';
    return (struct text){text, len};
}

EXPORT(center) struct point center(const struct point *points, size_t count)
{
    struct point sum = {0, 0};
    for (size_t i = 0; i < count; i++) {
        sum.x += points[i].x;
        sum.y += points[i].y;
    }
    return (struct point){sum.x / (double)count, sum.y / (double)count};
}

EXPORT(distance) double distance(struct point from, struct point to)
{
    double x = to.x - from.x, y = to.y - from.y;
    return __builtin_sqrt(x * x + y * y);
}
