/*
 * hoard.c -- a program that takes all it can get of what the query says, "memory" or "files", keeps
 * it until the request's body ends, and then says how much it was. It speaks WASI preview 1.
 */
#include "wasi.h"

#define PAGE      65536u
#define FILES_MAX 100000u

static char *env[256], texts[65536];
static u8 buffer[256];

static u32 take_memory(void)
{
    u32 pages;
    while ((pages = (u32)__builtin_wasm_memory_grow(0, 1)) != ~0u)
        for (u32 at = 0; at < PAGE; at += 4096)
            *(volatile u8 *)(pages * PAGE + at) = 1;
    return (u32)__builtin_wasm_memory_size(0);
}

/* Opens the first folder's "some.txt" as often as it can. */
static u32 take_files(void)
{
    u32 count = 0, fd;
    while (count < FILES_MAX && path_open(3, 1, "some.txt", 8, 0, 2, 0, 0, &fd) == 0)
        count++;
    return count;
}

static void put_number(u32 number)
{
    u32 at = sizeof buffer, done;
    buffer[--at] = '\n';
    do
        buffer[--at] = (u8)('0' + number % 10);
    while ((number /= 10) > 0);
    struct part part = {buffer + at, sizeof buffer - at};
    fd_write(1, &part, 1, &done);
}

EXPORT(_start) void start(void)
{
    u32 count, len, taken = 0, done;
    if (environ_sizes_get(&count, &len) != 0 || count > 256 || len > sizeof texts ||
        environ_get(env, texts) != 0)
        proc_exit(102);
    for (u32 i = 0; i < count; i++) {
        const char *name = "QUERY_STRING=";
        u32 k = 0;
        while (name[k] != 0 && env[i][k] == name[k])
            k++;
        if (name[k] == 0)
            taken = env[i][k] == 'm' ? take_memory() : take_files();
    }
    do {
        struct part part = {buffer, sizeof buffer};
        if (fd_read(0, &part, 1, &done) != 0)
            proc_exit(100);
    } while (done > 0);
    put_number(taken);
}
