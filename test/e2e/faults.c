/*
 * test/e2e/faults.c -- a library that is loaded before all others (LD_PRELOAD) into a server's
 * processes and makes what a machine does rarely happen when a test wants it. faults.py builds it.
 *
 * The environment's WEIR_FAULTS names a file, which holds a struct faults and is mapped before a
 * worker is jailed: the test changes it at any time, and nothing here makes a system call that a
 * worker may not make.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct faults {
    _Atomic uint64_t role;        /* whose allocations are meant: index in roles[] below */
    _Atomic uint64_t fail_at;     /* the one that fails, then 0; 0: none */
    _Atomic uint64_t count;       /* those of the process of that role that was started last */
    _Atomic uint64_t failed;      /* how many allocations were made to fail */
    _Atomic int64_t shift_s;      /* how much the clock on the wall is wrong */
    _Atomic uint64_t abort_index; /* 1 + the number of a worker that dies at its start; 0: none */
    _Atomic uint64_t stop_index;  /* the same of one that stops there, */
    _Atomic uint64_t stop_at;     /* or of the allocation at which such a process stops */
};

/* The first words of the server's processes. */
static const char *const roles[] = {"worker", "serve", "initialise", "helper", "control"};
#define ROLES (sizeof roles / sizeof roles[0])

extern void *__libc_malloc(size_t len);
extern void *__libc_calloc(size_t count, size_t len);
extern void *__libc_realloc(void *old, size_t len);
extern void *__libc_memalign(size_t align, size_t len);

static struct faults *faults; /* NULL: not one of the server's processes, or too early */
static int is_meant;

__attribute__((constructor)) static void begin(int argc, char **argv)
{
    const char *path = getenv("WEIR_FAULTS");
    size_t role = 0;
    while (argc >= 2 && role < ROLES && strcmp(argv[1], roles[role]) != 0)
        role++;
    if (path == NULL || argc < 2 || role == ROLES)
        return;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    void *at =
        (void *)syscall(SYS_mmap, NULL, sizeof *faults, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0L);
    close(fd);
    if (at == MAP_FAILED)
        abort();
    faults = at;
    is_meant = role == faults->role;
    if (is_meant)
        faults->count = 0;
    if (role != 0 || argc < 3)
        return;
    if (faults->abort_index == (uint64_t)atoi(argv[2]) + 1)
        abort();
    if (faults->stop_index == (uint64_t)atoi(argv[2]) + 1)
        raise(SIGSTOP);
}

/* Is this the allocation that fails? */
static int fails(void)
{
    if (!is_meant)
        return 0;
    uint64_t number = ++faults->count;
    if (number == faults->stop_at)
        raise(SIGSTOP);
    if (faults->fail_at == 0 || number < faults->fail_at)
        return 0;
    faults->fail_at = 0;
    faults->failed++;
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t len)
{
    return fails() ? NULL : __libc_malloc(len);
}

void *calloc(size_t count, size_t len)
{
    return fails() ? NULL : __libc_calloc(count, len);
}

void *realloc(void *old, size_t len)
{
    return fails() ? NULL : __libc_realloc(old, len);
}

void *aligned_alloc(size_t align, size_t len)
{
    return fails() ? NULL : __libc_memalign(align, len);
}

void *mmap(void *at, size_t len, int protection, int flags, int fd, off_t offset)
{
    if (fails())
        return MAP_FAILED;
    return (void *)syscall(SYS_mmap, at, len, protection, flags, fd, offset);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = (int)syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) &&
        faults != NULL)
        now->tv_sec += faults->shift_s;
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec precise;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &precise) != 0)
        return -1;
    *now = (struct timeval){precise.tv_sec, precise.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *out)
{
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        return -1;
    if (out != NULL)
        *out = now.tv_sec;
    return now.tv_sec;
}
