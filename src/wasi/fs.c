/*
 * wasi/fs.c -- operations on files, one request and one function: run in the process that serves
 * the guest, or by the helper.
 *
 * Paths never leave their directory: the kernel resolves them (openat2 with RESOLVE_BENEATH), never
 * string comparison. What acts on a name rather than on a file (make, remove, rename, link) opens
 * the directory part that way and leaves the last part to a system call that does not follow it.
 */
#include "base/check.h"
#include "wasi/internal.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RACES_MAX     64    /* retries when somebody renames while a path is resolved */
#define DIRENTS_BYTES 16384 /* read from the system at once */

static const u16 errno_hosts[] = {
#define WASI_ERRNO(name, host) host,
#include "wasi/errno.def"
#undef WASI_ERRNO
};

enum wasi_errno wasi_errno_of(int host)
{
    for (u32 i = 1; i < WASI_ERRNO_COUNT; i++)
        if (errno_hosts[i] == host && host != 0)
            return (enum wasi_errno)i;
    return WASI_IO;
}

u32 wasi_filetype_of(u32 mode)
{
    switch (mode & S_IFMT) {
    case S_IFBLK: return WASI_FILETYPE_BLOCK;
    case S_IFCHR: return WASI_FILETYPE_CHARACTER;
    case S_IFDIR: return WASI_FILETYPE_DIRECTORY;
    case S_IFREG: return WASI_FILETYPE_REGULAR;
    case S_IFLNK: return WASI_FILETYPE_SYMLINK;
    case S_IFSOCK: return WASI_FILETYPE_SOCKET_STREAM;
    default: return WASI_FILETYPE_UNKNOWN;
    }
}

size_t wasi_iov_bytes(const struct iovec *iov, u32 count)
{
    size_t total = 0;
    for (u32 i = 0; i < count; i++)
        total += iov[i].iov_len;
    return total;
}

/* The result of a system call as an error. */
static u32 result(long value)
{
    return value < 0 ? (u32)wasi_errno_of(errno) : (u32)WASI_SUCCESS;
}

/* ---- paths ---- */

/* Opens path below dir. -1 and errno: EPERM if it leads out of it. */
static int open_beneath(int dir, const char *path, u64 flags, u64 mode)
{
    struct open_how how = {.flags = flags | O_CLOEXEC,
                           .mode = mode,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    int fd = -1;
    for (u32 i = 0; i < RACES_MAX; i++) {
        fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
            break;
        sched_yield();
    }
    if (fd < 0 && errno == EXDEV)
        errno = EPERM;
    return fd;
}

/* A descriptor of the file itself that permits nothing but to ask about it. */
static int open_node(int dir, const char *path, bool follow)
{
    return open_beneath(dir, path, (u64)O_PATH | (follow ? 0 : (u64)O_NOFOLLOW), 0);
}

/* The directory of a path, and the name in it: the last part with the slashes behind it, which the
 * calls that make, remove and rename names do not follow. */
struct place {
    int dir;
    bool is_own; /* dir is to be closed */
    const char *name;
};

static bool place_open(struct place *out, int dir, const char *path)
{
    char folder[WASI_PATH_MAX];
    size_t end = strlen(path), start;
    while (end > 0 && path[end - 1] == '/')
        end--;
    for (start = end; start > 0 && path[start - 1] != '/'; start--)
        continue;
    *out = (struct place){.dir = dir, .name = path + start};
    if (path[0] == '/' || end == 0) {
        errno = path[0] == '/' ? EPERM : ENOENT;
        return false;
    }
    if (start == 0)
        return true;
    memcpy(folder, path, start);
    folder[start] = 0;
    out->dir = open_beneath(dir, folder, (u64)O_PATH | (u64)O_DIRECTORY, 0);
    out->is_own = true;
    return out->dir >= 0;
}

/* Keeps errno. */
static void place_close(const struct place *place)
{
    int keep = errno;
    if (place->is_own && place->dir >= 0)
        close(place->dir);
    errno = keep;
}

static bool has_slash_behind(const char *name)
{
    return name[strlen(name) - 1] == '/';
}

static void close_keeping_errno(int fd)
{
    int keep = errno;
    close(fd);
    errno = keep;
}

/* ---- what is known about a file ---- */

static u64 to_ns(struct timespec time)
{
    return (u64)time.tv_sec * 1000000000u + (u64)time.tv_nsec;
}

static bool stat_fd(int fd, struct wasi_stat *out)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return false;
    *out = (struct wasi_stat){
        .dev = st.st_dev,
        .ino = st.st_ino,
        .nlink = st.st_nlink,
        .size = (u64)st.st_size,
        .atim = to_ns(st.st_atim),
        .mtim = to_ns(st.st_mtim),
        .ctim = to_ns(st.st_ctim),
        .filetype = wasi_filetype_of(st.st_mode),
        .mode = st.st_mode,
    };
    return true;
}

static u32 run_stat(struct wasi_op *op)
{
    return result(stat_fd(op->fds[0], &op->reply.stat) ? 0 : -1);
}

/* flags: WASI_LOOKUP_FOLLOW */
static u32 run_stat_path(struct wasi_op *op)
{
    int node = open_node(op->fds[0], op->paths[0], (op->request.flags & WASI_LOOKUP_FOLLOW) != 0);
    if (node < 0)
        return result(-1);
    bool ok = stat_fd(node, &op->reply.stat);
    close_keeping_errno(node);
    return result(ok ? 0 : -1);
}

static struct timespec time_to_set(u64 ns, u32 flags, u32 set, u32 now)
{
    if ((flags & now) != 0)
        return (struct timespec){.tv_nsec = UTIME_NOW};
    if ((flags & set) == 0)
        return (struct timespec){.tv_nsec = UTIME_OMIT};
    return (struct timespec){.tv_sec = (time_t)(ns / 1000000000u),
                             .tv_nsec = (long)(ns % 1000000000u)};
}

/* a, b: access and change time in ns; flags: enum wasi_fstflag, above them WASI_LOOKUP_FOLLOW << 8
 */
static u32 set_times(int fd, const struct wasi_op_request *request)
{
    const struct timespec times[] = {
        time_to_set(request->a, request->flags, WASI_FSTFLAG_ATIM, WASI_FSTFLAG_ATIM_NOW),
        time_to_set(request->b, request->flags, WASI_FSTFLAG_MTIM, WASI_FSTFLAG_MTIM_NOW)};
    return result(utimensat(fd, "", times, AT_EMPTY_PATH));
}

static u32 run_set_times(struct wasi_op *op)
{
    return set_times(op->fds[0], &op->request);
}

static u32 run_set_times_path(struct wasi_op *op)
{
    int node =
        open_node(op->fds[0], op->paths[0], (op->request.flags >> 8 & WASI_LOOKUP_FOLLOW) != 0);
    if (node < 0)
        return result(-1);
    u32 error = set_times(node, &op->request);
    close(node);
    return error;
}

/* ---- open files ---- */

/* flags: of open(2). Without waiting: a fifo or device would block here. */
static u32 run_open(struct wasi_op *op)
{
    u64 flags = op->request.flags;
    int fd = open_beneath(op->fds[0], op->paths[0], flags | O_NONBLOCK | O_NOCTTY,
                          (flags & O_CREAT) != 0 ? 0666 : 0);
    if (fd < 0)
        return result(-1);
    if (!stat_fd(fd, &op->reply.stat)) {
        close_keeping_errno(fd);
        return result(-1);
    }
    op->opened = fd;
    return WASI_SUCCESS;
}

static u32 moved(struct wasi_op *op, ssize_t len)
{
    if (len < 0)
        return result(-1);
    op->reply.value = (u64)len;
    return WASI_SUCCESS;
}

/* a: offset, or UINT64_MAX for the current one */
static u32 run_read(struct wasi_op *op)
{
    u64 at = op->request.a;
    return moved(op, at == UINT64_MAX ? readv(op->fds[0], op->iov, (int)op->iov_count)
                                      : preadv(op->fds[0], op->iov, (int)op->iov_count, (off_t)at));
}

static u32 run_write(struct wasi_op *op)
{
    u64 at = op->request.a;
    return moved(op, at == UINT64_MAX
                         ? writev(op->fds[0], op->iov, (int)op->iov_count)
                         : pwritev(op->fds[0], op->iov, (int)op->iov_count, (off_t)at));
}

/* a: distance, flags: enum wasi_whence */
static u32 run_seek(struct wasi_op *op)
{
    static const int whences[] = {SEEK_SET, SEEK_CUR, SEEK_END};
    if (op->request.flags >= COUNT_OF(whences))
        return WASI_INVAL;
    off_t at = lseek(op->fds[0], (off_t)op->request.a, whences[op->request.flags]);
    if (at < 0)
        return result(-1);
    op->reply.value = (u64)at;
    return WASI_SUCCESS;
}

/* a: size */
static u32 run_set_size(struct wasi_op *op)
{
    return result(ftruncate(op->fds[0], (off_t)op->request.a));
}

/* a: offset, b: length */
static u32 run_allocate(struct wasi_op *op)
{
    return result(fallocate(op->fds[0], 0, (off_t)op->request.a, (off_t)op->request.b));
}

/* a: offset, b: length, flags: kind of use in the order of preview 1 */
static u32 run_advise(struct wasi_op *op)
{
    static const int kinds[] = {POSIX_FADV_NORMAL,   POSIX_FADV_SEQUENTIAL, POSIX_FADV_RANDOM,
                                POSIX_FADV_WILLNEED, POSIX_FADV_DONTNEED,   POSIX_FADV_NOREUSE};
    if (op->request.flags >= COUNT_OF(kinds))
        return WASI_INVAL;
    int host = posix_fadvise(op->fds[0], (off_t)op->request.a, (off_t)op->request.b,
                             kinds[op->request.flags]);
    return host == 0 ? WASI_SUCCESS : (u32)wasi_errno_of(host);
}

static u32 run_sync(struct wasi_op *op)
{
    return result(fsync(op->fds[0]));
}

static u32 run_datasync(struct wasi_op *op)
{
    return result(fdatasync(op->fds[0]));
}

/* ---- directories ---- */

struct host_dirent { /* of getdents64 */
    u64 ino;
    i64 next;
    u16 len;
    u8 type;
    char name[];
};

/* Appends one entry at used; false: only a part of it fits, and is written if partial. */
static bool add_dirent(struct wasi_op *op, const struct host_dirent *entry, size_t *used)
{
    u8 head[WASI_DIRENT_BYTES] = {0};
    u32 name_len = (u32)strlen(entry->name);
    size_t room = op->iov[0].iov_len - *used, need = sizeof head + name_len;
    u8 *out = (u8 *)op->iov[0].iov_base + *used;
    memcpy(head, &entry->next, sizeof entry->next);
    memcpy(head + 8, &entry->ino, sizeof entry->ino);
    memcpy(head + 16, &name_len, sizeof name_len);
    head[20] = (u8)wasi_filetype_of((u32)DTTOIF(entry->type));
    if (need > room && (op->request.flags & WASI_OP_PARTIAL) == 0)
        return false;
    memcpy(out, head, min_u64(room, sizeof head));
    if (room > sizeof head)
        memcpy(out + sizeof head, entry->name, min_u64(room - sizeof head, name_len));
    *used += min_u64(room, need);
    op->reply.cookie = (u64)entry->next;
    return need <= room;
}

/* a: cookie; flags: WASI_OP_PARTIAL. Fills iov[0] with entries as preview 1 has them. */
static u32 run_readdir(struct wasi_op *op)
{
    _Alignas(8) u8 entries[DIRENTS_BYTES];
    size_t used = 0;
    op->reply.cookie = op->request.a;
    if (lseek(op->fds[0], (off_t)op->request.a, SEEK_SET) < 0)
        return result(-1);
    while (used < op->iov[0].iov_len) {
        long len = syscall(SYS_getdents64, op->fds[0], entries, sizeof entries);
        if (len < 0)
            return result(-1);
        if (len == 0) {
            op->reply.at_end = 1;
            break;
        }
        for (long at = 0; at < len;) {
            const struct host_dirent *entry = (const void *)(entries + at);
            if (!add_dirent(op, entry, &used))
                goto out;
            at += entry->len;
        }
    }
out:
    op->reply.value = used;
    return WASI_SUCCESS;
}

static u32 run_mkdir(struct wasi_op *op)
{
    struct place at;
    bool ok = place_open(&at, op->fds[0], op->paths[0]) && mkdirat(at.dir, at.name, 0777) == 0;
    place_close(&at);
    return result(ok ? 0 : -1);
}

static u32 run_rmdir(struct wasi_op *op)
{
    struct place at;
    bool ok =
        place_open(&at, op->fds[0], op->paths[0]) && unlinkat(at.dir, at.name, AT_REMOVEDIR) == 0;
    place_close(&at);
    return result(ok ? 0 : -1);
}

static u32 run_unlink(struct wasi_op *op)
{
    struct place at;
    bool ok = place_open(&at, op->fds[0], op->paths[0]) && unlinkat(at.dir, at.name, 0) == 0;
    place_close(&at);
    return result(ok ? 0 : -1);
}

/* ---- links ---- */

/* paths: the text of the link, its place. An absolute one could only lead out. */
static u32 run_symlink(struct wasi_op *op)
{
    struct place at;
    if (op->paths[0][0] == '/')
        return WASI_PERM;
    bool ok =
        place_open(&at, op->fds[0], op->paths[1]) && symlinkat(op->paths[0], at.dir, at.name) == 0;
    place_close(&at);
    return result(ok ? 0 : -1);
}

static u32 run_readlink(struct wasi_op *op)
{
    char text[WASI_PATH_MAX];
    int node = open_node(op->fds[0], op->paths[0], false);
    if (node < 0)
        return result(-1);
    ssize_t len = readlinkat(node, "", text, sizeof text);
    if (len < 0 && errno == ENOENT)
        errno = EINVAL; /* what an empty path gets if the node is no link */
    close_keeping_errno(node);
    if (len < 0)
        return result(-1);
    size_t fits = min_u64((u64)len, op->iov[0].iov_len);
    memcpy(op->iov[0].iov_base, text, fits);
    op->reply.value = fits;
    return WASI_SUCCESS;
}

/* Unlike the others, linkat follows a source with a slash behind it. Such a thing is a directory or
 * an error, and neither can be linked. */
static bool check_source(const struct place *from)
{
    char name[NAME_MAX + 1];
    struct stat st;
    if (!has_slash_behind(from->name))
        return true;
    size_t len = strcspn(from->name, "/");
    if (len >= sizeof name) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(name, from->name, len);
    name[len] = 0;
    if (fstatat(from->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        errno = S_ISDIR(st.st_mode) ? EPERM : ENOTDIR;
    return false;
}

static u32 run_link(struct wasi_op *op)
{
    struct place from, to = {.dir = -1};
    bool ok = place_open(&from, op->fds[0], op->paths[0]) && check_source(&from) &&
              place_open(&to, op->fds[1], op->paths[1]) &&
              linkat(from.dir, from.name, to.dir, to.name, 0) == 0;
    place_close(&from);
    place_close(&to);
    return result(ok ? 0 : -1);
}

static u32 run_rename(struct wasi_op *op)
{
    struct place from, to = {.dir = -1};
    bool ok = place_open(&from, op->fds[0], op->paths[0]) &&
              place_open(&to, op->fds[1], op->paths[1]) &&
              renameat(from.dir, from.name, to.dir, to.name) == 0;
    place_close(&from);
    place_close(&to);
    return result(ok ? 0 : -1);
}

/* ---- all of them ---- */

static u32 (*const runs[])(struct wasi_op *) = {
#define WASI_OP(name, field, fds, paths, bytes, changes) run_##field,
#include "wasi/op.def"
#undef WASI_OP
};

void wasi_op_run(struct wasi_op *op)
{
    CHECK(op->request.kind < WASI_OP_COUNT);
    op->reply = (struct wasi_op_reply){0};
    op->opened = -1;
    op->reply.error = runs[op->request.kind](op);
}

bool wasi_op_changes(const struct wasi_op *op)
{
    enum { NO, YES };
    static const bool may_change[] = {
#define WASI_OP(name, field, fds, paths, bytes, changes) changes,
#include "wasi/op.def"
#undef WASI_OP
    };
    if (op->request.kind == WASI_OP_OPEN)
        return (op->request.flags & (O_CREAT | O_TRUNC)) != 0;
    return may_change[op->request.kind];
}
