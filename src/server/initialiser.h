/*
 * server/initialiser.h -- how a process that initialises modules is told which, and what it says.
 *
 *   weir initialise MODE
 *
 * and a plan that has, for each of its modules, the route of its index, whose limits hold. It
 * writes a report for each module in their order, up to the first one that has something to run.
 * Both ends are always the same program, so neither needs a version.
 */
#pragma once
#include "base/err.h"

/* Its descriptors, in the order they are passed. */
enum initialiser_fd {
    INITIALISER_FD_PLAN,
    INITIALISER_FD_SNAPSHOT, /* a file of RT_SNAPSHOT_MAX zeroes */
    INITIALISER_FD_REPORT,
    INITIALISER_FD_LOG,
    INITIALISER_FDS
};

enum initialiser_outcome {
    INITIALISER_NONE,     /* nothing to run */
    INITIALISER_SNAPSHOT, /* written; text: what it called nevertheless, or empty */
    INITIALISER_REQUEST,  /* it is to run for every request; text: why */
    INITIALISER_FAILED,   /* code and text say why */
};
struct initialiser_report {
    u32 outcome, code;
    u64 len; /* SNAPSHOT: of it, from the start of the file */
    char text[ERR_TEXT_MAX];
};
