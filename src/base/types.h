/*
 * base/types.h -- the integer aliases and the few macros every file may use.
 */
#pragma once
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t i8;
typedef int16_t i16;
typedef int32_t i32;
typedef int64_t i64;
typedef float f32;
typedef double f64;

#define MUST_CHECK           __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, at) __attribute__((format(printf, fmt, at)))
#define NO_RETURN            __attribute__((noreturn))

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* The struct of this type whose member `member` the pointer points to. */
#define CONTAINER_OF(pointer, type, member)                                                        \
    ((type *)(void *)((u8 *)(pointer) - offsetof(type, member)))

#define KIB ((u64)1 << 10)
#define MIB ((u64)1 << 20)
#define GIB ((u64)1 << 30)

static inline u64 min_u64(u64 a, u64 b)
{
    return a < b ? a : b;
}

static inline u64 max_u64(u64 a, u64 b)
{
    return a > b ? a : b;
}

/* Rounds value up to a multiple of unit, a power of two. The caller excludes overflow. */
static inline u64 round_up(u64 value, u64 unit)
{
    return (value + unit - 1) & ~(unit - 1);
}
