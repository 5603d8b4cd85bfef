/*
 * fickle.c -- a program whose mood changes from outside: the first line of the file NAME.mood in
 * its folder, NAME being what it is served as, says how it answers; further lines are fields of its
 * head. Without the file it is well. What is in the file NAME.text is added to its answer. It
 * speaks WASI preview 1 directly.
 */
#include "wasi.h"

enum { O_CREATE = 1, RIGHT_READ = 2, RIGHT_WRITE = 64 };

static char *args[4], texts[4096], path[256], mood[4096];
static u8 body[1 << 20];
static u32 body_len;

static u32 read_all(u32 fd, void *bytes, u32 len)
{
    u32 at = 0, done;
    do {
        struct part part = {(u8 *)bytes + at, len - at};
        if (fd_read(fd, &part, 1, &done) != 0)
            proc_exit(100);
        at += done;
    } while (done > 0 && at < len);
    return at;
}

static void put_bytes(const void *bytes, u32 len)
{
    while (len > 0) {
        u32 done;
        struct part part = {bytes, len};
        if (fd_write(1, &part, 1, &done) != 0)
            proc_exit(101);
        bytes = (const u8 *)bytes + done;
        len -= done;
    }
}

static void put(const char *text)
{
    put_bytes(text, text_len(text));
}

/* Of a file of its own, NAME and the ending; 0 without it. */
static u32 read_file(const char *ending, void *bytes, u32 size)
{
    u32 len = 0, fd;
    for (const char *from = args[0]; *from != 0 && len < 200; len++)
        path[len] = *from++;
    for (const char *from = ending; *from != 0; len++)
        path[len] = *from++;
    return path_open(3, 1, path, len, 0, RIGHT_READ, 0, 0, &fd) == 0 ? read_all(fd, bytes, size)
                                                                     : 0;
}

static int mood_is(const char *word)
{
    u32 i = 0;
    while (word[i] != 0 && mood[i] == word[i])
        i++;
    return word[i] == 0 && (mood[i] == 0 || mood[i] == '\n');
}

/* Changes something outside. */
static void leave_trace(void)
{
    u32 fd, done;
    struct part part = {"x", 1};
    if (path_open(3, 0, "trace", 5, O_CREATE, RIGHT_WRITE, 0, 0, &fd) != 0 ||
        fd_write(fd, &part, 1, &done) != 0)
        proc_exit(104);
}

static void answer(void)
{
    u32 line = 0;
    while (mood[line] != 0 && mood[line] != '\n')
        line++;
    put("Content-Type: text/plain\n");
    put(mood[line] == '\n' ? mood + line + 1 : "");
    put("\n");
    put(args[0]);
    put(": ");
    put_bytes(body, body_len);
    put_bytes(body, read_file(".text", body, sizeof body));
}

EXPORT(_start) void start(void)
{
    u32 count, len;
    if (args_sizes_get(&count, &len) != 0 || count > 4 || len > sizeof texts ||
        args_get(args, texts) != 0)
        proc_exit(102);
    read_file(".mood", mood, sizeof mood - 1);
    if (mood_is("sleep"))
        sleep_ms(3600000);
    if (mood_is("wait")) { /* for a file, once it has said so */
        leave_trace();
        while (read_file(".go", body, 1) == 0)
            sleep_ms(5);
    }
    if (mood_is("flood"))
        for (;;)
            put("0123456789abcde\n");
    if (mood_is("spin"))
        for (volatile u32 i = 0;; i++) {
        }
    body_len = read_all(0, body, sizeof body);
    if (mood_is("trace"))
        leave_trace();
    if (mood_is("short"))
        put("Content-Type: text/plain\nContent-Length: 1000000\n\n");
    if (mood_is("much") || mood_is("short"))
        for (u32 i = 0; i < 8192; i++)
            put("0123456789abcde\n");
    if (mood_is("trap") || mood_is("trace") || mood_is("much"))
        __builtin_trap();
    if (mood_is("exit"))
        proc_exit(9);
    if (mood_is("short"))
        return;
    answer();
}
