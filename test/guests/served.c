/*
 * served.c -- a program that is run for HTTP requests: the query says what it does with one. It
 * speaks WASI preview 1 directly, so that nothing but clang is needed to build it.
 */
#include "wasi.h"

static char *env[256], texts[65536];
static u8 buffer[16384];
static u32 env_count;

static u32 read_from(u32 fd)
{
    u32 done;
    struct part part = {buffer, sizeof buffer};
    if (fd_read(fd, &part, 1, &done) != 0)
        proc_exit(100);
    return done;
}

static u32 read_some(void)
{
    return read_from(0);
}

/* All of it; a refusal ends the program. */
static void put_bytes(u32 fd, const void *bytes, u32 len)
{
    while (len > 0) {
        u32 done;
        struct part part = {bytes, len};
        if (fd_write(fd, &part, 1, &done) != 0)
            proc_exit(101);
        bytes = (const u8 *)bytes + done;
        len -= done;
    }
}

static void put(const char *text)
{
    put_bytes(1, text, text_len(text));
}

static const char *variable(const char *name)
{
    u32 len = text_len(name);
    for (u32 i = 0; i < env_count; i++) {
        u32 k = 0;
        while (k < len && env[i][k] == name[k])
            k++;
        if (k == len && env[i][k] == '=')
            return env[i] + len + 1;
    }
    return "";
}

static void upper(void)
{
    for (u32 len; (len = read_some()) > 0; put_bytes(1, buffer, len))
        for (u32 i = 0; i < len; i++)
            if (buffer[i] >= 'a' && buffer[i] <= 'z')
                buffer[i] -= 'a' - 'A';
}

static void tell_env(void)
{
    put("Content-Type: text/plain\n\n");
    for (u32 i = 0; i < env_count; i++) {
        put(env[i]);
        put("\n");
    }
}

/* 1 MiB of lines. */
static void much(void)
{
    for (u32 i = 0; i < 65536; i++)
        put("0123456789abcde\n");
}

static void fields(void)
{
    put("Status: 200\n");
    for (u32 i = 0; i < 100000; i++)
        put("a: b\n");
    put("\n");
}

static void spin(void)
{
    for (volatile u32 i = 0;; i++) {
    }
}

/* What is read is thrown away, and then something is said. */
static void late_reply(void)
{
    while (read_some() > 0) {
    }
    put("done");
}

/* Some milliseconds of work, before it reads. */
static void work(void)
{
    u32 state = 1;
    for (u32 i = 0; i < 4000000; i++)
        state = state * 1664525 + 1013904223 + (state >> 7);
    buffer[0] = (u8)state;
    late_reply();
}

/* The file that PATH_INFO names, below the first folder that was granted. */
static void file(void)
{
    const char *path = variable("PATH_INFO") + 1;
    u32 fd, error = path_open(3, 1, path, text_len(path), 0, 2, 0, 0, &fd);
    if (error != 0)
        proc_exit(error);
    for (u32 len; (len = read_from(fd)) > 0;)
        put_bytes(1, buffer, len);
}

static void complain(void)
{
    static const char text[] = "first line\nsecond \x1b[31mline\nunfinished";
    put_bytes(2, text, sizeof text - 1);
    put("ok");
}

static void much_and_trap(void)
{
    much();
    __builtin_trap();
}

static void much_and_exit(void)
{
    much();
    proc_exit(3);
}

static void long_head(void)
{
    put("Content-Type: a/b\nContent-Length: 1048576\n\n");
    much();
}

static void short_body(void)
{
    put("Content-Type: a/b\nContent-Length: 2000000\n\n");
    much();
}

static void long_body(void)
{
    put("Content-Type: a/b\nContent-Length: 100000\n\n");
    much();
}

static void trap(void)
{
    put("something");
    __builtin_trap();
}

static void exit_7(void)
{
    put("something");
    proc_exit(7);
}

static int is(const char *a, const char *b)
{
    u32 i = 0;
    while (a[i] != 0 && a[i] == b[i])
        i++;
    return a[i] == b[i];
}

/* "COUNT-END": so many bytes, a head among them, and then an end: trap, exit or spin. */
static void some_and_end(const char *query)
{
    static const char head[] = "Content-Type: text/plain\n\n";
    u32 count = 0;
    for (; *query >= '0' && *query <= '9'; query++)
        count = count * 10 + (u32)(*query - '0');
    put(head);
    for (u32 i = 0; i < sizeof buffer; i++)
        buffer[i] = (u8)('x' + i % 3); /* not all the same: that would need a memset */
    for (u32 left = count - (sizeof head - 1), len; left > 0; left -= len) {
        len = left < sizeof buffer ? left : sizeof buffer;
        put_bytes(1, buffer, len);
    }
    if (is(query, "-trap"))
        __builtin_trap();
    if (is(query, "-spin"))
        spin();
    proc_exit(5);
}

static const struct {
    const char *query;
    void (*run)(void);
    const char *output; /* where there is nothing to run */
} cases[] = {
    {"upper", upper, 0},
    {"env", tell_env, 0},
    {"much", much, 0},
    {"fields", fields, 0},
    {"spin", spin, 0},
    {"late", late_reply, 0},
    {"work", work, 0},
    {"file", file, 0},
    {"complain", complain, 0},
    {"much-and-trap", much_and_trap, 0},
    {"much-and-exit", much_and_exit, 0},
    {"length", long_head, 0},
    {"short", short_body, 0},
    {"long", long_body, 0},
    {"trap", trap, 0},
    {"exit", exit_7, 0},
    {"nothing", 0, ""},
    {"plain", 0, "hello\n"},
    {"status", 0, "Status: 404 Gone Fishing\r\nX-Name: value\r\n\r\nnot here"},
    {"location", 0, "Location: /there\n\n"},
    {"no-content", 0, "Status: 204\n\nignored"},
    {"mismatch", 0, "Content-Type: a/b\nContent-Length: 4\n\nabc"},
    {"inject", 0, "Content-Type: a/b\nX: y\rSet-Cookie: z\n\nabc"},
    {"chunked", 0, "Content-Type: a/b\nTransfer-Encoding: chunked\n\n0\r\n\r\n"},
    {"two-lengths", 0, "Content-Type: a/b\nContent-Length: 3\nContent-Length: 3\n\nabc"},
    {"early", 0, "Status: 100\n\n"},
};

EXPORT(_start) void start(void)
{
    u32 len;
    if (environ_sizes_get(&env_count, &len) != 0 || env_count > 256 || len > sizeof texts ||
        environ_get(env, texts) != 0)
        proc_exit(102);
    const char *query = variable("QUERY_STRING");
    if (*query >= '0' && *query <= '9')
        some_and_end(query);
    for (u32 i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (!is(cases[i].query, query))
            continue;
        if (cases[i].run != 0)
            cases[i].run();
        else
            put(cases[i].output);
        return;
    }
    proc_exit(103);
}
