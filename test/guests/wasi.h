/*
 * wasi.h -- what guests here use of WASI preview 1, declared by hand, so that nothing but clang is
 * needed to build them. A function that is not called is not imported.
 */
#pragma once
#define WASI(name)   __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name)))
#define EXPORT(name) __attribute__((export_name(#name)))

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned u32;
typedef unsigned long long u64;

struct part {
    const void *bytes;
    u32 len;
};

WASI(args_sizes_get) u32 args_sizes_get(u32 *count, u32 *len);
WASI(args_get) u32 args_get(char **args, char *texts);
WASI(environ_sizes_get) u32 environ_sizes_get(u32 *count, u32 *len);
WASI(environ_get) u32 environ_get(char **env, char *texts);
WASI(fd_read) u32 fd_read(u32 fd, const struct part *parts, u32 count, u32 *done);
WASI(fd_write) u32 fd_write(u32 fd, const struct part *parts, u32 count, u32 *done);
WASI(path_open)
u32 path_open(u32 dir, u32 lookup, const char *path, u32 len, u32 oflags, u64 base, u64 inheriting,
              u32 flags, u32 *opened);
/* One subscription, to a clock, of 48 bytes. */
struct subscription {
    u64 user, tag; /* tag 0: a clock */
    u64 clock, timeout_ns, precision_ns, flags;
};
WASI(poll_oneoff)
u32 poll_oneoff(const struct subscription *in, void *out, u32 count, u32 *events);
WASI(proc_exit) __attribute__((noreturn)) void proc_exit(u32 code);

/* Returns what poll_oneoff does. */
static inline u32 sleep_ms(u32 ms)
{
    const struct subscription clock = {.clock = 1, .timeout_ns = 1000000ull * ms};
    u8 event[32];
    u32 count;
    return poll_oneoff(&clock, event, 1, &count);
}

static inline u32 text_len(const char *text)
{
    u32 len = 0;
    for (; text[len] != 0; len++)
        __asm__ volatile(""); /* no strlen is made of it: there is none */
    return len;
}
