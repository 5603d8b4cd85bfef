#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

bool fd_write_all(int fd, const void *bytes, size_t len)
{
    const u8 *from = bytes;
    while (len > 0) {
        ssize_t done = write(fd, from, len);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return false;
        from += done;
        len -= (size_t)done;
    }
    return true;
}

bool fd_read_all(int fd, void *bytes, size_t len)
{
    u8 *to = bytes;
    while (len > 0) {
        ssize_t done = read(fd, to, len);
        if (done < 0 && errno == EINTR)
            continue;
        if (done == 0)
            errno = 0;
        if (done <= 0)
            return false;
        to += done;
        len -= (size_t)done;
    }
    return true;
}

bool fd_stat(int fd, struct stat *out)
{
    return syscall(SYS_fstat, fd, out) == 0;
}

void fd_close(int *fd)
{
    if (*fd < 0)
        return;
    int keep = errno;
    close(*fd);
    *fd = -1;
    errno = keep;
}

bool file_map_fd(int fd, u64 max_bytes, const char *what, struct file_view *out, struct err *err)
{
    struct stat st;
    if (!fd_stat(fd, &st))
        return err_sys(err, "cannot look at the %s", what);
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_LIMIT, ERR_NO_AT, "the %s is not a regular file", what);
    if ((u64)st.st_size > max_bytes)
        return err_set(err, ERR_LIMIT, ERR_NO_AT, "the %s has %llu bytes, the limit is %llu", what,
                       (unsigned long long)st.st_size, (unsigned long long)max_bytes);
    *out = (struct file_view){0};
    if (st.st_size == 0)
        return true;
    void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return err_sys(err, "cannot map the %s", what);
    *out = (struct file_view){.bytes = bytes, .len = (size_t)st.st_size};
    return true;
}

bool file_map(const char *path, u64 max_bytes, const char *what, struct file_view *out,
              struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return err_sys(err, "cannot open %s %s", what, path);
    bool ok = file_map_fd(fd, max_bytes, what, out, err);
    if (!ok)
        err_context(err, "%s", path);
    fd_close(&fd);
    return ok;
}

void file_unmap(struct file_view *view)
{
    if (view->bytes != NULL)
        munmap((void *)(uintptr_t)view->bytes, view->len);
    *view = (struct file_view){0};
}

static u64 read_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (u64)now.tv_sec * 1000000000u + (u64)now.tv_nsec;
}

void file_folder(const char *path, char *out, size_t out_len)
{
    const char *slash = strrchr(path, '/');
    int len = slash == NULL ? 1 : (int)max_u64((u64)(slash - path), 1);
    snprintf(out, out_len, "%.*s", len, slash == NULL ? "." : path);
}

bool file_folder_is_writable(const char *folder)
{
    return faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0;
}

u64 clock_monotonic_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

u64 clock_unix_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

u64 clock_thread_cpu_ns(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}
