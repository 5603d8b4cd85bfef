/*
 * wasi/p1_fd.c -- descriptors: what they are, what they may do, closing, renumbering, and the
 * operations on open files that move no bytes.
 */
#include "wasi/internal.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* ---- of the table ---- */

u32 wasi_p1_fd_close(struct rt_instance *instance, u32 number)
{
    struct wasi_guest *guest = wasi_guest_of(instance);
    struct wasi_fd *fd;
    enum wasi_errno error = wasi_fd_get(guest, number, 0, &fd);
    if (error == WASI_SUCCESS)
        wasi_fd_close(guest, fd);
    return error;
}

u32 wasi_p1_fd_renumber(struct rt_instance *instance, u32 from, u32 to)
{
    struct wasi_guest *guest = wasi_guest_of(instance);
    struct wasi_fd *source, *target;
    enum wasi_errno error = wasi_fd_get(guest, from, 0, &source);
    if (error == WASI_SUCCESS)
        error = wasi_fd_get(guest, to, 0, &target);
    if (error != WASI_SUCCESS || from == to)
        return error;
    wasi_fd_close(guest, target);
    *target = *source;
    *source = (struct wasi_fd){0};
    return WASI_SUCCESS;
}

u32 wasi_p1_fd_prestat_get(struct rt_instance *instance, u32 number, u32 prestat)
{
    struct wasi_fd *fd;
    u32 out[2] = {0}; /* tag: directory; length of the name */
    enum wasi_errno error = wasi_fd_get(wasi_guest_of(instance), number, 0, &fd);
    if (error != WASI_SUCCESS)
        return error;
    if (fd->preopen == NULL)
        return WASI_BADF;
    out[1] = (u32)strlen(fd->preopen);
    return wasi_store(instance, prestat, out, sizeof out) ? WASI_SUCCESS : WASI_FAULT;
}

u32 wasi_p1_fd_prestat_dir_name(struct rt_instance *instance, u32 number, u32 path, u32 path_len)
{
    struct wasi_fd *fd;
    enum wasi_errno error = wasi_fd_get(wasi_guest_of(instance), number, 0, &fd);
    if (error != WASI_SUCCESS)
        return error;
    if (fd->preopen == NULL)
        return WASI_BADF;
    size_t len = strlen(fd->preopen);
    if (path_len < len)
        return WASI_NAMETOOLONG;
    return wasi_store(instance, path, fd->preopen, len) ? WASI_SUCCESS : WASI_FAULT;
}

/* ---- flags and rights ---- */

u32 wasi_p1_fd_fdstat_get(struct rt_instance *instance, u32 number, u32 stat)
{
    struct wasi_fd *fd;
    u8 out[WASI_FDSTAT_BYTES] = {0};
    enum wasi_errno error = wasi_fd_get(wasi_guest_of(instance), number, 0, &fd);
    if (error != WASI_SUCCESS)
        return error;
    u16 flags = (u16)fd->flags;
    out[0] = (u8)fd->filetype;
    memcpy(out + 2, &flags, sizeof flags);
    memcpy(out + 8, &fd->base, sizeof fd->base);
    memcpy(out + 16, &fd->inheriting, sizeof fd->inheriting);
    return wasi_store(instance, stat, out, sizeof out) ? WASI_SUCCESS : WASI_FAULT;
}

/* Linux changes O_APPEND of an open file, but not whether it is synchronous. */
u32 wasi_p1_fd_fdstat_set_flags(struct rt_instance *instance, u32 number, u32 flags)
{
    const u32 changeable = WASI_FDFLAG_APPEND | WASI_FDFLAG_NONBLOCK;
    struct wasi_fd *fd;
    enum wasi_errno error =
        wasi_fd_get(wasi_guest_of(instance), number, WASI_RIGHT_OF(FD_FDSTAT_SET_FLAGS), &fd);
    if (error != WASI_SUCCESS)
        return error;
    u32 changes = flags ^ fd->flags;
    if ((flags & ~(u32)WASI_FDFLAGS_ALL) != 0)
        return WASI_INVAL;
    if ((changes & ~changeable) != 0)
        return WASI_NOTSUP;
    if ((changes & WASI_FDFLAG_APPEND) != 0 && fd->kind != WASI_FD_CALLER) {
        int status = fcntl(fd->host, F_GETFL);
        if (status < 0 || fcntl(fd->host, F_SETFL, status ^ O_APPEND) != 0)
            return wasi_errno_of(errno);
    }
    fd->flags = flags;
    return WASI_SUCCESS;
}

u32 wasi_p1_fd_fdstat_set_rights(struct rt_instance *instance, u32 number, u64 base, u64 inheriting)
{
    struct wasi_fd *fd;
    enum wasi_errno error = wasi_fd_get(wasi_guest_of(instance), number, 0, &fd);
    if (error != WASI_SUCCESS)
        return error;
    if ((base & ~fd->base) != 0 || (inheriting & ~fd->inheriting) != 0)
        return WASI_NOTCAPABLE;
    fd->base = base;
    fd->inheriting = inheriting;
    return WASI_SUCCESS;
}

/* ---- operations on open files ---- */

/* One of fs.c on a descriptor that has this right. */
static u32 file_op(struct rt_instance *instance, u32 number, u64 right, struct wasi_op *op)
{
    struct wasi_fd *fd;
    enum wasi_errno error = wasi_fd_get(wasi_guest_of(instance), number, right, &fd);
    if (error != WASI_SUCCESS)
        return error;
    if (fd->kind == WASI_FD_CALLER)
        return WASI_INVAL; /* what a pipe of the host answers */
    op->fds[0] = fd->host;
    op->fds[1] = -1;
    wasi_op_call(instance, op);
    return op->reply.error;
}

/* Offsets and lengths are signed in the host. */
static bool is_range(u64 offset, u64 len)
{
    return offset <= INT64_MAX && len <= INT64_MAX - offset;
}

u32 wasi_p1_fd_advise(struct rt_instance *instance, u32 fd, u64 offset, u64 len, u32 advice)
{
    struct wasi_op op = {
        .request = {.kind = WASI_OP_ADVISE, .flags = advice, .a = offset, .b = len}};
    if (!is_range(offset, len))
        return WASI_INVAL;
    return file_op(instance, fd, WASI_RIGHT_OF(FD_ADVISE), &op);
}

u32 wasi_p1_fd_allocate(struct rt_instance *instance, u32 fd, u64 offset, u64 len)
{
    struct wasi_op op = {.request = {.kind = WASI_OP_ALLOCATE, .a = offset, .b = len}};
    if (!is_range(offset, len))
        return WASI_INVAL;
    return file_op(instance, fd, WASI_RIGHT_OF(FD_ALLOCATE), &op);
}

u32 wasi_p1_fd_datasync(struct rt_instance *instance, u32 fd)
{
    struct wasi_op op = {.request.kind = WASI_OP_DATASYNC};
    return file_op(instance, fd, WASI_RIGHT_OF(FD_DATASYNC), &op);
}

u32 wasi_p1_fd_sync(struct rt_instance *instance, u32 fd)
{
    struct wasi_op op = {.request.kind = WASI_OP_SYNC};
    return file_op(instance, fd, WASI_RIGHT_OF(FD_SYNC), &op);
}

bool wasi_store_filestat(struct rt_instance *instance, u32 addr, const struct wasi_stat *stat)
{
    const u64 out[] = {stat->dev,  stat->ino,  stat->filetype, stat->nlink,
                       stat->size, stat->atim, stat->mtim,     stat->ctim};
    static_assert(sizeof out == WASI_FILESTAT_BYTES, "filestat");
    return wasi_store(instance, addr, out, sizeof out);
}

u32 wasi_fd_stat(struct rt_instance *instance, u32 number, struct wasi_stat *out)
{
    struct wasi_op op = {.request.kind = WASI_OP_STAT};
    struct wasi_fd *fd;
    enum wasi_errno found =
        wasi_fd_get(wasi_guest_of(instance), number, WASI_RIGHT_OF(FD_FILESTAT_GET), &fd);
    if (found != WASI_SUCCESS)
        return found;
    if (fd->kind != WASI_FD_CALLER) {
        u32 error = file_op(instance, number, WASI_RIGHT_OF(FD_FILESTAT_GET), &op);
        if (error != WASI_SUCCESS)
            return error;
        op.reply.stat.filetype = fd->filetype; /* kinds of socket are told apart */
    }
    *out = op.reply.stat;
    return WASI_SUCCESS;
}

u32 wasi_p1_fd_filestat_get(struct rt_instance *instance, u32 number, u32 stat)
{
    struct wasi_stat found;
    u32 error = wasi_fd_stat(instance, number, &found);
    if (error != WASI_SUCCESS)
        return error;
    return wasi_store_filestat(instance, stat, &found) ? WASI_SUCCESS : WASI_FAULT;
}

u32 wasi_p1_fd_filestat_set_size(struct rt_instance *instance, u32 fd, u64 size)
{
    struct wasi_op op = {.request = {.kind = WASI_OP_SET_SIZE, .a = size}};
    if (size > INT64_MAX)
        return WASI_INVAL;
    return file_op(instance, fd, WASI_RIGHT_OF(FD_FILESTAT_SET_SIZE), &op);
}

bool wasi_are_fstflags(u32 flags)
{
    const u32 atim = WASI_FSTFLAG_ATIM | WASI_FSTFLAG_ATIM_NOW;
    const u32 mtim = WASI_FSTFLAG_MTIM | WASI_FSTFLAG_MTIM_NOW;
    return (flags & ~(u32)WASI_FSTFLAGS_ALL) == 0 && (flags & atim) != atim &&
           (flags & mtim) != mtim;
}

u32 wasi_p1_fd_filestat_set_times(struct rt_instance *instance, u32 fd, u64 atim, u64 mtim,
                                  u32 flags)
{
    struct wasi_op op = {
        .request = {.kind = WASI_OP_SET_TIMES, .flags = flags, .a = atim, .b = mtim}};
    if (!wasi_are_fstflags(flags))
        return WASI_INVAL;
    return file_op(instance, fd, WASI_RIGHT_OF(FD_FILESTAT_SET_TIMES), &op);
}

static u32 seek(struct rt_instance *instance, u32 number, u64 rights, u64 offset, u32 whence,
                u32 out)
{
    struct wasi_op op = {.request = {.kind = WASI_OP_SEEK, .flags = whence, .a = offset}};
    struct wasi_fd *fd;
    enum wasi_errno found = wasi_fd_get(wasi_guest_of(instance), number, 0, &fd);
    if (found != WASI_SUCCESS)
        return found;
    if (fd->kind == WASI_FD_STREAM || fd->kind == WASI_FD_CALLER)
        return WASI_SPIPE;
    if (wasi_bytes(instance, out, sizeof(u64)) == NULL)
        return WASI_FAULT;
    u32 error = file_op(instance, number, rights, &op);
    if (error != WASI_SUCCESS)
        return error;
    return wasi_store_u64(instance, out, op.reply.value) ? WASI_SUCCESS : WASI_FAULT;
}

/* Asking where one is needs no right to move. */
u32 wasi_p1_fd_seek(struct rt_instance *instance, u32 fd, u64 offset, u32 whence, u32 new_offset)
{
    bool is_tell = whence == WASI_WHENCE_CUR && offset == 0;
    struct wasi_fd *found;
    u64 right = WASI_RIGHT_OF(FD_SEEK);
    if (is_tell && wasi_fd_get(wasi_guest_of(instance), fd, right, &found) == WASI_NOTCAPABLE)
        right = WASI_RIGHT_OF(FD_TELL);
    return seek(instance, fd, right, offset, whence, new_offset);
}

u32 wasi_p1_fd_tell(struct rt_instance *instance, u32 fd, u32 offset)
{
    struct wasi_fd *found;
    u64 right = WASI_RIGHT_OF(FD_TELL);
    if (wasi_fd_get(wasi_guest_of(instance), fd, right, &found) == WASI_NOTCAPABLE)
        right = WASI_RIGHT_OF(FD_SEEK);
    return seek(instance, fd, right, 0, WASI_WHENCE_CUR, offset);
}
