/*
 * server/scoreboard.h -- what workers tell each other and the supervisor: one block per worker in a
 * shared memory file. Every field has one writer (the worker itself); all accesses are relaxed
 * atomics; readers add up. The layout is fixed: SCOREBOARD_VERSION changes with it.
 */
#pragma once
#include "base/types.h"
#include <stdatomic.h>

#define SCOREBOARD_VERSION     2
#define SCOREBOARD_WORKERS_MAX 256

struct scoreboard_worker {
    _Alignas(64) _Atomic u64 pid;
    _Atomic u64 started_ns;   /* monotonic; 0: not serving yet */
    _Atomic u64 heartbeat_ns; /* monotonic: last turn of its loop */
    _Atomic u64 connections;  /* open now */
    _Atomic u64 accepted;     /* connections since start; likewise all below */
    _Atomic u64 requests;     /* heads parsed */
    _Atomic u64 in_flight;    /* guest calls running or waiting, now */
    _Atomic u64 responses_2xx, responses_4xx, responses_5xx;
    _Atomic u64 traps, deadlines, refused; /* refused: queue full */
    _Atomic u64 guest_cpu_ns;
    _Atomic u64 log_dropped; /* lines of the access log */
    u64 spare[1];
};
static_assert(sizeof(struct scoreboard_worker) == 128, "a block fills two cache lines");

struct scoreboard {
    u64 version;
    u64 supervisor_pid;
    u64 spare[14];
    struct scoreboard_worker workers[SCOREBOARD_WORKERS_MAX];
};

static inline void board_add(_Atomic u64 *counter, u64 delta)
{
    u64 value = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, value + delta, memory_order_relaxed);
}

static inline void board_set(_Atomic u64 *field, u64 value)
{
    atomic_store_explicit(field, value, memory_order_relaxed);
}

static inline u64 board_get(const _Atomic u64 *field)
{
    return atomic_load_explicit((_Atomic u64 *)(uintptr_t)field, memory_order_relaxed);
}
