/*
 * wasi/p1_path.c -- the functions that take a path. They check rights and bring the path; fs.c
 * keeps it below its directory.
 */
#include "base/file.h"
#include "wasi/internal.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* A copy, zero-terminated, since the guest's bytes are not. */
static enum wasi_errno path_load(struct rt_instance *instance, u32 addr, u32 len, char *out)
{
    const u8 *bytes = wasi_bytes(instance, addr, len);
    if (bytes == NULL)
        return WASI_FAULT;
    if (len >= WASI_PATH_MAX)
        return WASI_NAMETOOLONG;
    if (memchr(bytes, 0, len) != NULL)
        return WASI_INVAL;
    memcpy(out, bytes, len);
    out[len] = 0;
    return len == 0 ? WASI_NOENT : WASI_SUCCESS;
}

static enum wasi_errno dir_get(struct rt_instance *instance, u32 number, u64 rights,
                               struct wasi_fd **out)
{
    enum wasi_errno error = wasi_fd_get(wasi_guest_of(instance), number, 0, out);
    if (error != WASI_SUCCESS)
        return error;
    if ((*out)->kind != WASI_FD_DIR)
        return WASI_NOTDIR;
    return ((*out)->base & rights) == rights ? WASI_SUCCESS : WASI_NOTCAPABLE;
}

/* Runs op with one directory and one path. */
static u32 path_op(struct rt_instance *instance, u32 number, u64 rights, u32 path, u32 path_len,
                   struct wasi_op *op)
{
    char text[WASI_PATH_MAX];
    struct wasi_fd *dir;
    enum wasi_errno error = dir_get(instance, number, rights, &dir);
    if (error == WASI_SUCCESS)
        error = path_load(instance, path, path_len, text);
    if (error != WASI_SUCCESS)
        return error;
    op->fds[0] = dir->host;
    op->fds[1] = -1;
    op->paths[0] = text;
    wasi_op_call(instance, op);
    op->paths[0] = NULL;
    return op->reply.error;
}

/* ---- opening ---- */

struct opening {
    u32 lookup, oflags, fdflags;
    u64 base, inheriting;
};

static u32 open_flags(const struct opening *o)
{
    const u64 reading = WASI_RIGHT_OF(FD_READ) | WASI_RIGHT_OF(FD_READDIR);
    const u64 writing =
        WASI_RIGHT_OF(FD_WRITE) | WASI_RIGHT_OF(FD_ALLOCATE) | WASI_RIGHT_OF(FD_FILESTAT_SET_SIZE);
    bool is_write = (o->base & writing) != 0;
    u32 flags = !is_write ? O_RDONLY : (o->base & reading) != 0 ? O_RDWR : O_WRONLY;
    if ((o->oflags & WASI_OFLAG_CREAT) != 0)
        flags |= O_CREAT | ((o->oflags & WASI_OFLAG_EXCL) != 0 ? (u32)O_EXCL : 0);
    if ((o->oflags & WASI_OFLAG_DIRECTORY) != 0)
        flags |= O_DIRECTORY;
    if ((o->oflags & WASI_OFLAG_TRUNC) != 0)
        flags |= O_TRUNC;
    if ((o->lookup & WASI_LOOKUP_FOLLOW) == 0)
        flags |= O_NOFOLLOW;
    if ((o->fdflags & WASI_FDFLAG_APPEND) != 0)
        flags |= O_APPEND;
    if ((o->fdflags & WASI_FDFLAG_DSYNC) != 0)
        flags |= O_DSYNC;
    if ((o->fdflags & (WASI_FDFLAG_SYNC | WASI_FDFLAG_RSYNC)) != 0)
        flags |= O_SYNC;
    return flags;
}

/* Rights that files never have are not asked for by anybody who means it. */
static enum wasi_errno opening_check(const struct opening *o, const struct wasi_fd *dir)
{
    u64 asked = (o->base | o->inheriting) & WASI_RIGHTS_ALL & ~WASI_RIGHTS_SOCKET;
    u64 needed = WASI_RIGHT_OF(PATH_OPEN);
    if ((o->oflags & ~(u32)WASI_OFLAGS_ALL) != 0 || (o->fdflags & ~(u32)WASI_FDFLAGS_ALL) != 0 ||
        (o->oflags & (WASI_OFLAG_CREAT | WASI_OFLAG_DIRECTORY)) ==
            (WASI_OFLAG_CREAT | WASI_OFLAG_DIRECTORY))
        return WASI_INVAL;
    if ((o->oflags & WASI_OFLAG_CREAT) != 0)
        needed |= WASI_RIGHT_OF(PATH_CREATE_FILE);
    if ((o->oflags & WASI_OFLAG_TRUNC) != 0)
        needed |= WASI_RIGHT_OF(PATH_FILESTAT_SET_SIZE);
    if ((dir->base & needed) != needed || (asked & ~dir->inheriting) != 0)
        return WASI_NOTCAPABLE;
    return WASI_SUCCESS;
}

/* Makes the guest's descriptor of what was opened; closes it if there is no place. */
static enum wasi_errno opening_finish(struct rt_instance *instance, const struct opening *o,
                                      u64 inherited, int host, u32 *number)
{
    struct wasi_fd fd;
    if (!wasi_fd_make(&fd, host)) {
        fd_close(&host);
        return WASI_IO;
    }
    fd.is_owned = true;
    fd.flags = o->fdflags;
    fd.base = wasi_rights_of(&fd) & o->base & inherited;
    fd.inheriting = fd.kind == WASI_FD_DIR ? o->inheriting & inherited : 0;
    enum wasi_errno error = wasi_fd_put(wasi_guest_of(instance), &fd, number);
    if (error != WASI_SUCCESS)
        fd_close(&host);
    return error;
}

u32 wasi_p1_path_open(struct rt_instance *instance, u32 number, u32 lookup, u32 path, u32 path_len,
                      u32 oflags, u64 base, u64 inheriting, u32 fdflags, u32 opened)
{
    const struct opening o = {lookup, oflags, fdflags, base, inheriting};
    struct wasi_op op = {.request = {.kind = WASI_OP_OPEN, .flags = open_flags(&o)}};
    struct wasi_fd *dir;
    u32 made;
    enum wasi_errno error = dir_get(instance, number, 0, &dir);
    if (error == WASI_SUCCESS)
        error = opening_check(&o, dir);
    if (error == WASI_SUCCESS && wasi_bytes(instance, opened, sizeof(u32)) == NULL)
        error = WASI_FAULT;
    if (error != WASI_SUCCESS)
        return error;
    u64 inherited = dir->inheriting;
    u32 failed = path_op(instance, number, 0, path, path_len, &op);
    if (failed != WASI_SUCCESS)
        return failed;
    error = opening_finish(instance, &o, inherited, op.opened, &made);
    if (error != WASI_SUCCESS)
        return error;
    return wasi_store_u32(instance, opened, made) ? WASI_SUCCESS : WASI_FAULT;
}

/* ---- asking and setting ---- */

u32 wasi_path_stat(struct rt_instance *instance, u32 fd, u32 lookup, u32 path, u32 path_len,
                   struct wasi_stat *out)
{
    struct wasi_op op = {.request = {.kind = WASI_OP_STAT_PATH, .flags = lookup}};
    u32 error = path_op(instance, fd, WASI_RIGHT_OF(PATH_FILESTAT_GET), path, path_len, &op);
    if (error == WASI_SUCCESS)
        *out = op.reply.stat;
    return error;
}

u32 wasi_p1_path_filestat_get(struct rt_instance *instance, u32 fd, u32 lookup, u32 path,
                              u32 path_len, u32 stat)
{
    struct wasi_stat found;
    u32 error = wasi_path_stat(instance, fd, lookup, path, path_len, &found);
    if (error != WASI_SUCCESS)
        return error;
    return wasi_store_filestat(instance, stat, &found) ? WASI_SUCCESS : WASI_FAULT;
}

u32 wasi_p1_path_filestat_set_times(struct rt_instance *instance, u32 fd, u32 lookup, u32 path,
                                    u32 path_len, u64 atim, u64 mtim, u32 flags)
{
    struct wasi_op op = {.request = {.kind = WASI_OP_SET_TIMES_PATH,
                                     .flags = flags | (lookup & WASI_LOOKUP_FOLLOW) << 8,
                                     .a = atim,
                                     .b = mtim}};
    if (!wasi_are_fstflags(flags))
        return WASI_INVAL;
    return path_op(instance, fd, WASI_RIGHT_OF(PATH_FILESTAT_SET_TIMES), path, path_len, &op);
}

u32 wasi_p1_path_readlink(struct rt_instance *instance, u32 fd, u32 path, u32 path_len, u32 buf,
                          u32 buf_len, u32 used)
{
    u8 *bytes = wasi_bytes(instance, buf, buf_len);
    struct wasi_op op = {.request.kind = WASI_OP_READLINK,
                         .iov = {{bytes, min_u64(buf_len, WASI_PATH_MAX)}},
                         .iov_count = 1};
    if (bytes == NULL || wasi_bytes(instance, used, sizeof(u32)) == NULL)
        return WASI_FAULT;
    u32 error = path_op(instance, fd, WASI_RIGHT_OF(PATH_READLINK), path, path_len, &op);
    if (error != WASI_SUCCESS)
        return error;
    return wasi_store_u32(instance, used, (u32)op.reply.value) ? WASI_SUCCESS : WASI_FAULT;
}

/* ---- making and removing ---- */

u32 wasi_p1_path_create_directory(struct rt_instance *instance, u32 fd, u32 path, u32 path_len)
{
    struct wasi_op op = {.request.kind = WASI_OP_MKDIR};
    return path_op(instance, fd, WASI_RIGHT_OF(PATH_CREATE_DIRECTORY), path, path_len, &op);
}

u32 wasi_p1_path_remove_directory(struct rt_instance *instance, u32 fd, u32 path, u32 path_len)
{
    struct wasi_op op = {.request.kind = WASI_OP_RMDIR};
    return path_op(instance, fd, WASI_RIGHT_OF(PATH_REMOVE_DIRECTORY), path, path_len, &op);
}

u32 wasi_p1_path_unlink_file(struct rt_instance *instance, u32 fd, u32 path, u32 path_len)
{
    struct wasi_op op = {.request.kind = WASI_OP_UNLINK};
    return path_op(instance, fd, WASI_RIGHT_OF(PATH_UNLINK_FILE), path, path_len, &op);
}

u32 wasi_p1_path_symlink(struct rt_instance *instance, u32 target, u32 target_len, u32 fd, u32 path,
                         u32 path_len)
{
    char text[WASI_PATH_MAX], name[WASI_PATH_MAX];
    struct wasi_fd *dir;
    enum wasi_errno error = dir_get(instance, fd, WASI_RIGHT_OF(PATH_SYMLINK), &dir);
    if (error == WASI_SUCCESS)
        error = path_load(instance, target, target_len, text);
    if (error == WASI_SUCCESS)
        error = path_load(instance, path, path_len, name);
    if (error != WASI_SUCCESS)
        return error;
    struct wasi_op op = {
        .request.kind = WASI_OP_SYMLINK, .fds = {dir->host, -1}, .paths = {text, name}};
    wasi_op_call(instance, &op);
    return op.reply.error;
}

struct guest_path {
    u32 fd, path, path_len;
    u64 rights;
};

/* LINK and RENAME: a path below one directory, and one below another. */
static u32 two_paths_op(struct rt_instance *instance, enum wasi_op_kind kind,
                        struct guest_path from, struct guest_path to)
{
    char old_text[WASI_PATH_MAX], new_text[WASI_PATH_MAX];
    struct wasi_fd *old_dir, *new_dir;
    enum wasi_errno error = dir_get(instance, from.fd, from.rights, &old_dir);
    if (error == WASI_SUCCESS)
        error = dir_get(instance, to.fd, to.rights, &new_dir);
    if (error == WASI_SUCCESS)
        error = path_load(instance, from.path, from.path_len, old_text);
    if (error == WASI_SUCCESS)
        error = path_load(instance, to.path, to.path_len, new_text);
    if (error != WASI_SUCCESS)
        return error;
    struct wasi_op op = {
        .request.kind = kind, .fds = {old_dir->host, new_dir->host}, .paths = {old_text, new_text}};
    wasi_op_call(instance, &op);
    return op.reply.error;
}

u32 wasi_p1_path_link(struct rt_instance *instance, u32 old_fd, u32 lookup, u32 old_path,
                      u32 old_len, u32 new_fd, u32 new_path, u32 new_len)
{
    const struct guest_path from = {old_fd, old_path, old_len, WASI_RIGHT_OF(PATH_LINK_SOURCE)};
    const struct guest_path to = {new_fd, new_path, new_len, WASI_RIGHT_OF(PATH_LINK_TARGET)};
    if ((lookup & WASI_LOOKUP_FOLLOW) != 0)
        return WASI_INVAL; /* a link to what a link points to could lead out */
    return two_paths_op(instance, WASI_OP_LINK, from, to);
}

u32 wasi_p1_path_rename(struct rt_instance *instance, u32 old_fd, u32 old_path, u32 old_len,
                        u32 new_fd, u32 new_path, u32 new_len)
{
    const struct guest_path from = {old_fd, old_path, old_len, WASI_RIGHT_OF(PATH_RENAME_SOURCE)};
    const struct guest_path to = {new_fd, new_path, new_len, WASI_RIGHT_OF(PATH_RENAME_TARGET)};
    return two_paths_op(instance, WASI_OP_RENAME, from, to);
}
