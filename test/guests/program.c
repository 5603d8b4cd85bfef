/*
 * program.c -- a program of many small ones: the first argument says which. It speaks WASI preview
 * 1 directly, so that nothing but clang is needed to build it.
 */
#include "wasi.h"

#define NOINLINE __attribute__((noinline))

static char *args[64], *env[64], texts[65536];
static u8 buffer[65536];
static volatile u32 sink;

static int is(const char *a, const char *b)
{
    u32 i = 0;
    while (a[i] != 0 && a[i] == b[i])
        i++;
    return a[i] == b[i];
}

static void must(u32 error)
{
    if (error != 0)
        proc_exit(100 + error);
}

static u32 write_all(u32 fd, const void *bytes, u32 len)
{
    u32 done = 0, error = 0;
    for (u32 at = 0; at < len && error == 0; at += done) {
        const struct part part = {(u8 *)bytes + at, len - at};
        error = fd_write(fd, &part, 1, &done);
    }
    return error;
}

static void print(const char *text)
{
    must(write_all(1, text, text_len(text)));
    must(write_all(1, "\n", 1));
}

static u32 number(const char *text)
{
    u32 value = 0;
    for (; *text != 0; text++)
        value = value * 10 + (u32)(*text - '0');
    return value;
}

static void copy(u32 from, u32 to)
{
    const struct part part = {buffer, sizeof buffer};
    for (u32 done = 1; done > 0;) {
        must(fd_read(from, &part, 1, &done));
        must(write_all(to, buffer, done));
    }
}

static u32 open_file(const char *path, u32 oflags, u64 rights)
{
    u32 fd;
    must(path_open(3, 1, path, text_len(path), oflags, rights, 0, 0, &fd));
    return fd;
}

NOINLINE static void inner(u32 a)
{
    sink = a;
    __builtin_trap();
}

EXPORT(_start) void start(void)
{
    u32 count, env_count, len;
    must(args_sizes_get(&count, &len));
    must(args_get(args, texts));
    must(environ_sizes_get(&env_count, &len));
    must(environ_get(env, texts + 32768));
    const char *what = count > 1 ? args[1] : "";
    if (is(what, "echo")) {
        for (u32 i = 2; i < count; i++)
            print(args[i]);
        for (u32 i = 0; i < env_count; i++)
            print(env[i]);
    } else if (is(what, "copy")) {
        copy(0, 1);
    } else if (is(what, "exit")) {
        proc_exit(number(args[2]));
    } else if (is(what, "trap")) {
        print("before");
        inner(count);
    } else if (is(what, "sleep")) {
        print("sleeps");
        must(sleep_ms(number(args[2])));
        print("woke");
    } else if (is(what, "read")) {
        copy(open_file(args[2], 0, 2), 1);
    } else if (is(what, "write")) {
        copy(0, open_file(args[2], 1 | 8, 64));
    } else if (is(what, "flood")) {
        for (;;)
            if (write_all(1, buffer, sizeof buffer) != 0)
                proc_exit(64);
    } else if (is(what, "spin")) {
        print("spins");
        for (;;)
            sink = count;
    } else {
        print("what?");
    }
}

EXPORT(say) u32 say(u32 times)
{
    for (u32 i = 0; i < times; i++)
        print("said");
    return times;
}

EXPORT(leave) u32 leave(u32 code)
{
    proc_exit(code);
}
