/*
 * bench/load.h -- what the parts of weir-load share: what shall be sent, and what came of it.
 *
 * Times are of the monotonic clock, in nanoseconds.
 */
#pragma once
#include "bench/histogram.h"
#include <netinet/in.h>
#include <stdio.h>

#define LOAD_CLASSES_MAX 8
#define LOAD_PHASES_MAX  32
#define LOAD_STATUSES    600

/* Requests that are all alike. */
struct load_class {
    const char *name; /* not terminated: name_len bytes */
    size_t name_len;
    u64 weight;
    char *request; /* owned */
    size_t request_len;
};

/* A time of one kind of load: arrivals at random at a rate, or a number of clients of which each
 * sends its next request when it has its answer. */
struct load_phase {
    f64 rate;    /* arrivals a second; 0: closed */
    u64 clients; /* 0: open */
    u64 length_ns;
};

struct load_plan {
    struct sockaddr_in server;
    struct load_class classes[LOAD_CLASSES_MAX];
    u32 class_count;
    struct load_phase phases[LOAD_PHASES_MAX];
    u32 phase_count;
    u64 connections_max, seed, slice_ns, timeout_ns, late_ns;
};

/* Reads the command line; false: standard error says what is wrong with it. */
MUST_CHECK bool load_plan_read(struct load_plan *plan, int argc, char **argv);
void load_plan_fini(struct load_plan *plan);

/* What came of one class's requests that arrived in one phase. */
struct load_tally {
    u64 offered, sent, good, refused, failed, timed_out;
    u64 statuses[LOAD_STATUSES];
    struct histogram latency;  /* of good ones, from the time they should have been sent */
    struct histogram service;  /* of good ones, from the time they were */
    struct histogram refusals; /* of refused ones, from the time they should have been sent */
};

/* What happened in a short time. */
struct load_slice {
    u64 offered, sent, good, refused, failed;
    f64 p50_ns, p99_ns; /* of what was answered well in it, from the intended time */
};

struct load_result {
    struct load_tally *tallies[LOAD_PHASES_MAX][LOAD_CLASSES_MAX];
    struct histogram late; /* by how much the generator missed its own schedule */
    struct load_slice *slices;
    u32 slice_count;
    u64 connections; /* the most that were open */
};

/* Was the generator in time? Figures of one that was not are about the generator. */
bool load_result_is_valid(const struct load_plan *plan, const struct load_result *result);

/* Writes the result as one JSON object. */
void load_result_print(const struct load_plan *plan, const struct load_result *result, FILE *file);
