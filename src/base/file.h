/*
 * base/file.h -- whole files, whole writes and clocks over the system calls.
 */
#pragma once
#include "base/err.h"

/* Writes all of it, through partial writes and EINTR. False: errno says why. */
MUST_CHECK bool fd_write_all(int fd, const void *bytes, size_t len);

/* Reads exactly len bytes, through partial reads and EINTR. False: errno, or 0 for an early end. */
MUST_CHECK bool fd_read_all(int fd, void *bytes, size_t len);

/* fstat, by a system call that takes no path: the C library's takes one, and is refused in a jail.
 */
struct stat;
MUST_CHECK bool fd_stat(int fd, struct stat *out);

/* Closes *fd unless it is -1, and makes it -1. Keeps errno. */
void fd_close(int *fd);

/* A whole regular file, mapped read-only and private. len 0: bytes is NULL.
 * returns owned: release with file_unmap. errors: ERR_SYSTEM, ERR_LIMIT (larger than max_bytes,
 * or not a regular file). what: how messages call it ("module", "artifact"). */
struct file_view {
    const u8 *bytes;
    size_t len;
};
MUST_CHECK bool file_map(const char *path, u64 max_bytes, const char *what, struct file_view *out,
                         struct err *err);
MUST_CHECK bool file_map_fd(int fd, u64 max_bytes, const char *what, struct file_view *out,
                            struct err *err);
void file_unmap(struct file_view *view); /* accepts the empty view */

/* The folder in which the file at path is: "." for a bare name. Cut off where it does not fit. */
void file_folder(const char *path, char *out, size_t out_len);

/* Might this user make and remove files in the folder? False: errno says why not. */
MUST_CHECK bool file_folder_is_writable(const char *folder);

u64 clock_monotonic_ns(void);
u64 clock_unix_ns(void);       /* real-time clock */
u64 clock_thread_cpu_ns(void); /* processor time of this thread; a system call */
