/*
 * proc/machine.h -- what there is of the machine for this process.
 */
#pragma once
#include "base/types.h"

/* Bytes of memory that this process and its relatives may use: the machine's, or the least of the
 * limits of the control groups it is in. root: "", or the folder that holds the proc
 * and sys to look at. */
u64 proc_memory_bytes(const char *root);
