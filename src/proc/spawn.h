/*
 * proc/spawn.h -- start another program of ours, with exactly the descriptors it is given.
 */
#pragma once
#include "base/err.h"
#include <sys/types.h>

/* Descriptors the child gets: fds[i] becomes PROC_FD_FIRST + i, closed if fds[i] is -1. Standard
 * input is /dev/null, output and error are inherited; everything else closes. */
#define PROC_FD_FIRST 3
#define PROC_FDS_MAX  12

/* Starts the program at path (or the running program itself when path is NULL) with argv, default
 * signal dispositions and an empty signal mask. Never a bare fork: the child is a fresh process
 * image with addresses and secrets of its own.
 * errors: ERR_SYSTEM. */
MUST_CHECK bool proc_spawn(const char *path, char *const argv[], const int *fds, size_t fd_count,
                           pid_t *out, struct err *err);

/* In the child: the terminal's Ctrl-C and its end are for who started it. */
void proc_leave_terminal(void);

/* In the child: descriptor fds[index] of its parent, or -1 if it was not given. */
int proc_fd_inherited(size_t index);

/* The path of a program that is installed beside the running one ("weirc"). */
MUST_CHECK bool proc_sibling_path(const char *name, char *out, size_t out_len, struct err *err);

/* "exit status 3", "signal 9 (Killed)" for a status of waitpid. */
void proc_status_text(int status, char *out, size_t out_len);
