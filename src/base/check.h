/*
 * base/check.h -- checks for our own bugs. They stay on in release builds: a broken invariant
 * prints its place and aborts the process; the supervisor starts another one.
 * Input, the operating system and guests are never judged by CHECK: see base/err.h.
 */
#pragma once
#include "base/types.h"

#define CHECK(cond)   ((cond) ? (void)0 : check_failed(__FILE__, __LINE__, #cond))
#define UNREACHABLE() check_failed(__FILE__, __LINE__, "unreachable")

/* Prints "FILE:LINE: check failed: TEXT" to standard error and aborts. */
NO_RETURN void check_failed(const char *file, int line, const char *text);

/* For what was allocated with a constant or bounded size: where there is no memory for it the
 * process says so and ends, with status 1. Sizes that a guest, a request or a file chooses are
 * refused instead. */
#define CHECK_MEMORY(found) ((found) ? (void)0 : check_no_memory())
NO_RETURN void check_no_memory(void);

/* Zeroed memory of constant size; see CHECK_MEMORY. */
void *check_alloc(size_t len);
