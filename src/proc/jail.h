/*
 * proc/jail.h -- what a process gives up before it touches untrusted bytes.
 */
#pragma once
#include "base/err.h"

/* Confines the calling compiler process for good:
 *   - Landlock: no file outside dir_path, and there only regular files;
 *   - seccomp: no network, no new process or thread, no program execution, no executable memory,
 *     no change of limits; any other system call kills the process;
 *   - it ends with the process that started it;
 *   - limits: cpu_s seconds of CPU time (SIGXCPU), memory_bytes of address space, no core file.
 * cpu_s 0 and memory_bytes 0 leave that limit as it is. Descriptors already open stay usable.
 * errors: ERR_SYSTEM; the caller must not go on then. */
MUST_CHECK bool proc_jail_compiler(const char *dir_path, u64 cpu_s, u64 memory_bytes,
                                   struct err *err);

/* From here on the kernel gives no page of this process, or of those it starts, both rights, to
 * write and to execute, and makes none executable that was not (PR_SET_MDWE). A kernel before 6.3
 * has no such thing: then the jails alone say so. */
void proc_forbid_new_code(void);

/* Confines the calling worker for good, once everything it serves is loaded and open:
 *   - Landlock: no file may be opened, nothing bound or connected over TCP, nobody signalled;
 *   - seccomp: no new process, thread, program or socket, no executable memory;
 * proc/jail_worker.def. What library code may try is refused with EACCES, what only an attacker
 * would kills the process. Descriptors already open stay usable. errors: ERR_SYSTEM; the caller
 * must not go on then. */
MUST_CHECK bool proc_jail_worker(struct err *err);

/* The same for the helper, with all its threads: it works on files, through the descriptors that
 * are sent to it, and does nothing else; proc/jail_helper.def. errors: as before. */
MUST_CHECK bool proc_jail_helper(struct err *err);
