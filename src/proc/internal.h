/*
 * proc/internal.h -- what the files of this folder share. No other folder includes it.
 */
#pragma once
#include "proc/compile.h"
#include <sys/types.h>

/* --- compiler.c ------------------------------------------------------------------------------ */

/* One compiler process at a time, jailed in a folder of its own. */
struct proc_compiler {
    struct proc_cache *cache;
    bool is_batch; /* it takes more than one job */
    pid_t process; /* 0: none runs */
    int socket;
    u32 jobs;                   /* that this process was given */
    u64 cpu_s, memory_bytes;    /* its limits */
    char folder[PROC_PATH_MAX]; /* "" without a process */
};

/* For one job; nothing is started. */
void proc_compiler_init(struct proc_compiler *compiler, struct proc_cache *cache);

/* Starts the program, unless it runs with these limits already. */
MUST_CHECK bool proc_compiler_start(struct proc_compiler *compiler, char *program, u64 cpu_s,
                                    u64 memory_bytes, struct err *err);

/* Ends the process, with no more than wait_ms for doing so itself, and removes its folder. returns
 * its status; 0 if none ran. */
int proc_compiler_stop(struct proc_compiler *compiler, int wait_ms);
