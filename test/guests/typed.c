/* typed.c -- a function for every way a value can travel, and some that return what is no value. */
#include <stddef.h>
#include <stdint.h>

#define EXPORT(name) __attribute__((export_name(#name)))

struct span {
    void *ptr;
    size_t len;
};
struct point {
    double x, y;
};
struct mixed {
    uint8_t color;
    uint8_t on;
    struct span name;
    struct point at;
    struct span tags;
    struct {
        uint8_t is_some, value;
    } o;
};
struct counts {
    uint32_t ones, twos;
};

static char heap[1 << 20];
static size_t used;

/* What the size asks for: 8 * 101 bytes are refused, and so on; everything else is given. */
EXPORT(malloc) void *malloc(size_t len)
{
    switch (len) {
    case 8 * 101: return NULL;
    case 8 * 102: return (void *)0x101;
    case 8 * 103: return (void *)0xfffffff8;
    case 8 * 104: __builtin_trap();
    case 8 * 105:
        for (volatile int i = 0;; i++) {
        }
    case 8 * 106: __builtin_wasm_memory_grow(0, 1); break;
    }
    size_t at = (used + 15) & ~(size_t)15;
    if (len > sizeof heap - at)
        return NULL;
    used = at + len;
    return heap + at;
}

/* ---- there and back, by the C ABI ---- */

EXPORT(echo_bytes) struct span echo_bytes(void *ptr, size_t len)
{
    return (struct span){ptr, len};
}

EXPORT(echo_longs) struct span echo_longs(void *ptr, size_t len)
{
    return (struct span){ptr, len};
}

EXPORT(echo_floats) struct span echo_floats(void *ptr, size_t len)
{
    return (struct span){ptr, len};
}

EXPORT(echo_text) struct span echo_text(void *ptr, size_t len)
{
    return (struct span){ptr, len};
}

EXPORT(echo_texts) struct span echo_texts(void *ptr, size_t len)
{
    return (struct span){ptr, len};
}

EXPORT(echo_mixed) struct mixed echo_mixed(struct mixed value)
{
    return value;
}

EXPORT(echo_mixeds) struct span echo_mixeds(void *ptr, size_t len)
{
    return (struct span){ptr, len};
}

EXPORT(echo_char) uint32_t echo_char(uint32_t value)
{
    return value;
}

EXPORT(echo_color) uint32_t echo_color(uint32_t value)
{
    return value;
}

EXPORT(not) int32_t not(int32_t value)
{
    return !value;
}

EXPORT(add_u32) uint32_t add_u32(uint32_t a, uint32_t b)
{
    return a + b;
}

/* ---- by the canonical ABI ---- */

EXPORT(reverse) struct span *reverse(const uint16_t *list, size_t len)
{
    struct span *result = malloc(sizeof *result);
    uint16_t *items = malloc(len * sizeof *items);
    for (size_t i = 0; i < len; i++)
        items[i] = list[len - 1 - i];
    *result = (struct span){items, len};
    return result;
}

EXPORT(mirror) struct point *mirror(double x, double y)
{
    struct point *result = malloc(sizeof *result);
    *result = (struct point){-x, -y};
    return result;
}

/* Eighteen parameters travel as one pointer. */
EXPORT(sum_many) int64_t sum_many(const int32_t *values)
{
    int64_t sum = 0;
    for (int i = 0; i < 18; i++)
        sum += values[i];
    return sum;
}

/* ---- what takes long, and what is wrong ---- */

EXPORT(sum_longs) int64_t sum_longs(const int64_t *list, size_t len)
{
    int64_t sum = 0;
    for (size_t i = 0; i < len; i++)
        sum += list[i];
    return sum;
}

EXPORT(spin_list) void spin_list(const void *list, size_t len)
{
    (void)list;
    for (volatile size_t i = len;; i++) {
    }
}

EXPORT(trap_list) void trap_list(const void *list, size_t len)
{
    (void)list;
    (void)len;
    __builtin_trap();
}

EXPORT(bad_list) struct span bad_list(void)
{
    return (struct span){heap, 1u << 30};
}

EXPORT(bad_text) struct span bad_text(void)
{
    return (struct span){"a\xff", 2};
}

EXPORT(bad_color) uint32_t bad_color(void)
{
    return 3;
}

EXPORT(bad_pointer) struct span *bad_pointer(void)
{
    return (struct span *)0xfffffffc;
}

/* Lists that share their bytes: a small memory, a large answer. */
EXPORT(much) struct span much(void)
{
    static struct span lists[1024];
    for (size_t i = 0; i < 1024; i++)
        lists[i] = (struct span){heap, sizeof heap};
    return (struct span){lists, 1024};
}

/* Without a line in typed.sig. */
EXPORT(plain) int plain(int value)
{
    return value + 1;
}
