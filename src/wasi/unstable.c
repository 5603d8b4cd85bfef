/*
 * wasi/unstable.c -- what programs of 2019 import from wasi_unstable and preview 1 has otherwise:
 * the order of whences, a shorter filestat, a longer subscription. The rest is as it was.
 */
#include "wasi/internal.h"
#include <string.h>

#define FILESTAT_BYTES 56u

u32 wasi_unstable_fd_seek(struct rt_instance *instance, u32 fd, u64 offset, u32 whence,
                          u32 new_offset)
{
    static const u32 whences[] = {WASI_WHENCE_CUR, WASI_WHENCE_END, WASI_WHENCE_SET};
    if (whence >= COUNT_OF(whences))
        return WASI_INVAL;
    return wasi_p1_fd_seek(instance, fd, offset, whences[whence], new_offset);
}

/* dev, ino, filetype in a byte, links in four, size, times */
static u32 store(struct rt_instance *instance, u32 addr, const struct wasi_stat *stat)
{
    u8 out[FILESTAT_BYTES] = {0};
    const u64 first[] = {stat->dev, stat->ino};
    const u64 last[] = {stat->size, stat->atim, stat->mtim, stat->ctim};
    u32 links = (u32)min_u64(stat->nlink, UINT32_MAX);
    memcpy(out, first, sizeof first);
    out[16] = (u8)stat->filetype;
    memcpy(out + 20, &links, sizeof links);
    memcpy(out + 24, last, sizeof last);
    return wasi_store(instance, addr, out, sizeof out) ? WASI_SUCCESS : WASI_FAULT;
}

u32 wasi_unstable_fd_filestat_get(struct rt_instance *instance, u32 fd, u32 stat)
{
    struct wasi_stat found;
    u32 error = wasi_fd_stat(instance, fd, &found);
    return error == WASI_SUCCESS ? store(instance, stat, &found) : error;
}

u32 wasi_unstable_path_filestat_get(struct rt_instance *instance, u32 fd, u32 lookup, u32 path,
                                    u32 path_len, u32 stat)
{
    struct wasi_stat found;
    u32 error = wasi_path_stat(instance, fd, lookup, path, path_len, &found);
    return error == WASI_SUCCESS ? store(instance, stat, &found) : error;
}

/* A clock has a number of its own before its id. */
u32 wasi_unstable_poll_oneoff(struct rt_instance *instance, u32 in, u32 out, u32 count, u32 nevents)
{
    static const struct wasi_poll_layout layout = {.size = WASI_SUB_MAX, .clock = 24};
    return wasi_poll(instance, in, out, count, nevents, &layout);
}
