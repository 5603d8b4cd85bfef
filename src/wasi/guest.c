#include "base/check.h"
#include "base/file.h"
#include "wasi/internal.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* A standard stream that is not there is not replaced by the next file: prints would go into it. */
#define NUMBERS_FROM 3u

static const struct rt_host_func host_funcs[] = {
#define HOST(field, signature, params, flags, unstable)                                            \
    {"wasi_snapshot_preview1", #field, #signature, params, flags, (rt_host_code *)wasi_p1_##field},
#include "wasi/p1.def"
#undef HOST
};

/* The older module has most functions as they are; its programs find them under its name. */
static const struct rt_host_func unstable_funcs[] = {
#define UNSTABLE_SAME(field, signature, params, flags)                                             \
    {"wasi_unstable", #field, #signature, params, flags, (rt_host_code *)wasi_p1_##field},
#define UNSTABLE_OTHER(field, signature, params, flags)                                            \
    {"wasi_unstable", #field, #signature, params, flags, (rt_host_code *)wasi_unstable_##field},
#define UNSTABLE_NONE(field, signature, params, flags)
#define HOST(field, signature, params, flags, unstable)                                            \
    UNSTABLE_##unstable(field, signature, params, flags)
#include "wasi/p1.def"
#undef HOST
};

void wasi_host_add(struct rt_engine *engine)
{
    rt_engine_add_host(engine, host_funcs, COUNT_OF(host_funcs));
    rt_engine_add_host(engine, unstable_funcs, COUNT_OF(unstable_funcs));
}

/* ---- rights ---- */

/* A number by the time this is compiled: a program has three streams, and a server many programs a
 * second. */
static inline __attribute__((always_inline)) u64 rights_of_kind(char kind)
{
    return 0
#define WASI_RIGHT(name, kinds) | (strchr(#kinds, kind) != NULL ? WASI_RIGHT_OF(name) : 0)
#include "wasi/right.def"
#undef WASI_RIGHT
        ;
}

u64 wasi_rights_of(const struct wasi_fd *fd)
{
    switch (fd->kind) {
    case WASI_FD_FILE: return rights_of_kind('F');
    case WASI_FD_DIR: return rights_of_kind('D');
    case WASI_FD_STREAM: return rights_of_kind(fd->is_socket ? 'K' : 'S');
    case WASI_FD_CALLER: return rights_of_kind('S');
    case WASI_FD_FREE: break;
    }
    return 0;
}

u64 wasi_rights_inherited(void)
{
    return rights_of_kind('F') | rights_of_kind('D');
}

/* ---- the table ---- */

struct wasi_guest *wasi_guest_of(const struct rt_instance *instance)
{
    return sched_task_guest(sched_task_of(instance));
}

u32 wasi_guest_fd_count(const struct wasi_guest *guest)
{
    return guest->fd_count;
}

bool wasi_guest_had_effect(const struct wasi_guest *guest)
{
    return guest->had_effect;
}

bool wasi_guest_has_exited(const struct wasi_guest *guest, u32 *code)
{
    *code = guest->exit_code;
    return guest->has_exited;
}

enum wasi_errno wasi_fd_get(struct wasi_guest *guest, u32 number, u64 rights, struct wasi_fd **out)
{
    if (guest == NULL || number >= guest->fd_cap || guest->fds[number].kind == WASI_FD_FREE)
        return WASI_BADF;
    *out = &guest->fds[number];
    return ((*out)->base & rights) == rights ? WASI_SUCCESS : WASI_NOTCAPABLE;
}

/* Makes places up to `count` exist. */
static bool table_grow(struct wasi_guest *guest, u32 count)
{
    u32 cap = guest->fd_cap;
    if (count <= cap)
        return true;
    if (count > guest->options.fds_max)
        return false;
    cap = (u32)min_u64(guest->options.fds_max, max_u64(count, max_u64(8, (u64)cap * 2)));
    struct wasi_fd *fds = realloc(guest->fds, cap * sizeof *fds);
    if (fds == NULL)
        return false;
    memset(fds + guest->fd_cap, 0, (cap - guest->fd_cap) * sizeof *fds);
    guest->fds = fds;
    guest->fd_cap = cap;
    return true;
}

enum wasi_errno wasi_fd_put(struct wasi_guest *guest, const struct wasi_fd *fd, u32 *number)
{
    u32 at = NUMBERS_FROM;
    while (at < guest->fd_cap && guest->fds[at].kind != WASI_FD_FREE)
        at++;
    if (!table_grow(guest, at + 1))
        return WASI_MFILE;
    guest->fds[at] = *fd;
    guest->fd_count++;
    *number = at;
    return WASI_SUCCESS;
}

void wasi_fd_close(struct wasi_guest *guest, struct wasi_fd *fd)
{
    struct wasi_fd old = *fd;
    *fd = (struct wasi_fd){0};
    guest->fd_count--;
    free(old.preopen);
    if (old.is_owned && old.host >= 0)
        close(old.host);
    if (old.kind == WASI_FD_CALLER && old.stream->ops->close != NULL)
        old.stream->ops->close(old.stream);
}

/* ---- descriptors of the host ---- */

static u64 access_rights(int status)
{
    u64 rights = WASI_RIGHTS_ALL;
    if ((status & O_ACCMODE) == O_WRONLY)
        rights &= ~WASI_RIGHT_OF(FD_READ);
    if ((status & O_ACCMODE) == O_RDONLY)
        rights &= ~(WASI_RIGHT_OF(FD_WRITE) | WASI_RIGHT_OF(FD_ALLOCATE) |
                    WASI_RIGHT_OF(FD_FILESTAT_SET_SIZE));
    return rights;
}

static u32 flags_of_status(int status)
{
    return ((status & O_APPEND) != 0 ? WASI_FDFLAG_APPEND : 0u) |
           ((status & O_SYNC) == O_SYNC ? WASI_FDFLAG_SYNC : 0u) |
           ((status & O_DSYNC) != 0 && (status & O_SYNC) != O_SYNC ? WASI_FDFLAG_DSYNC : 0u);
}

static u32 socket_filetype(int fd)
{
    int type = 0;
    socklen_t len = sizeof type;
    bool is_dgram = getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_DGRAM;
    return is_dgram ? WASI_FILETYPE_SOCKET_DGRAM : WASI_FILETYPE_SOCKET_STREAM;
}

bool wasi_fd_make(struct wasi_fd *out, int host)
{
    struct stat st;
    int status = fcntl(host, F_GETFL);
    if (status < 0 || !fd_stat(host, &st))
        return false;
    bool is_device = S_ISCHR(st.st_mode) && !isatty(host);
    *out = (struct wasi_fd){.host = host, .filetype = wasi_filetype_of(st.st_mode)};
    if (S_ISDIR(st.st_mode))
        out->kind = WASI_FD_DIR;
    else if (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode) || is_device)
        out->kind = WASI_FD_FILE;
    else
        out->kind = WASI_FD_STREAM;
    out->is_socket = S_ISSOCK(st.st_mode);
    if (out->is_socket)
        out->filetype = socket_filetype(host);
    out->is_nonblock = out->is_socket || (status & O_NONBLOCK) != 0;
    out->flags = flags_of_status(status);
    out->base = wasi_rights_of(out) & access_rights(status);
    out->inheriting = out->kind == WASI_FD_DIR ? wasi_rights_inherited() : 0;
    return true;
}

/* The descriptor may be shared with other programs: O_NONBLOCK on it would be theirs too. */
static void open_anew(struct wasi_fd *fd)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd->host);
    int status = fcntl(fd->host, F_GETFL);
    int host = open(path, (status & O_ACCMODE) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (host < 0)
        return; /* it is asked before every use instead, see stream.c */
    fd->host = host;
    fd->is_owned = true;
    fd->is_nonblock = true;
}

static bool add_at(struct wasi_guest *guest, u32 number, struct wasi_fd *fd, struct err *err)
{
    bool ok = table_grow(guest, number + 1);
    if (ok) {
        CHECK(guest->fds[number].kind == WASI_FD_FREE);
        guest->fds[number] = *fd;
        guest->fd_count++;
        return true;
    }
    if (fd->is_owned)
        close(fd->host);
    return err_set(err, ERR_LIMIT, ERR_NO_AT, "a guest has at most %u descriptors",
                   guest->options.fds_max);
}

bool wasi_guest_add_host(struct wasi_guest *guest, u32 number, int host, struct err *err)
{
    struct wasi_fd fd;
    if (!wasi_fd_make(&fd, host))
        return err_sys(err, "descriptor %d", host);
    if (fd.kind == WASI_FD_STREAM && !fd.is_nonblock)
        open_anew(&fd);
    return add_at(guest, number, &fd, err);
}

bool wasi_guest_add_stream(struct wasi_guest *guest, u32 number, struct wasi_stream *stream,
                           struct err *err)
{
    struct wasi_fd fd = {
        .kind = WASI_FD_CALLER, .host = -1, .stream = stream, .filetype = WASI_FILETYPE_UNKNOWN};
    fd.base = wasi_rights_of(&fd);
    if (stream->ops->read == NULL)
        fd.base &= ~WASI_RIGHT_OF(FD_READ);
    if (stream->ops->write == NULL)
        fd.base &= ~WASI_RIGHT_OF(FD_WRITE);
    stream->wait = NULL;
    return add_at(guest, number, &fd, err);
}

static bool preopen(struct wasi_guest *guest, int host, bool is_owned, const char *name,
                    struct err *err)
{
    struct wasi_fd fd;
    u32 number;
    if (!wasi_fd_make(&fd, host))
        return err_sys(err, "directory %s", name);
    fd.is_owned = is_owned;
    fd.preopen = strdup(name);
    if (fd.preopen != NULL && wasi_fd_put(guest, &fd, &number) == WASI_SUCCESS)
        return true;
    free(fd.preopen);
    return err_set(err, ERR_LIMIT, ERR_NO_AT, "directory %s: no descriptor or memory is left",
                   name);
}

bool wasi_guest_lend_dir(struct wasi_guest *guest, int fd, const char *name, struct err *err)
{
    return preopen(guest, fd, false, name, err);
}

bool wasi_guest_add_dir(struct wasi_guest *guest, const char *host_path, const char *name,
                        struct err *err)
{
    int host = open(host_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (host < 0)
        return err_sys(err, "directory %s", host_path);
    if (preopen(guest, host, true, name, err))
        return true;
    fd_close(&host);
    return false;
}

/* ---- the life of a guest ---- */

static u64 texts_bytes(const char *const *texts, u32 count)
{
    u64 total = 0;
    for (u32 i = 0; i < count; i++)
        total += strlen(texts[i]) + 1 + sizeof(u32);
    return total;
}

static void close_all(struct wasi_guest *guest)
{
    for (u32 i = 0; i < guest->fd_cap; i++)
        if (guest->fds[i].kind != WASI_FD_FREE)
            wasi_fd_close(guest, &guest->fds[i]);
    CHECK(guest->fd_count == 0);
}

bool wasi_guest_renew(struct wasi_guest *guest, const struct wasi_options *options, struct err *err)
{
    static const struct wasi_options none = {0};
    if (options == NULL)
        options = &none;
    close_all(guest);
    *guest = (struct wasi_guest){
        .options = *options, .fds = guest->fds, .fd_cap = guest->fd_cap}; /* all of them free */
    if (guest->options.fds_max == 0)
        guest->options.fds_max = WASI_FDS_MAX;
    return texts_bytes(options->args, options->arg_count) +
                   texts_bytes(options->env, options->env_count) <=
               WASI_TEXTS_MAX ||
           err_set(err, ERR_LIMIT, ERR_NO_AT, "arguments and environment take more than %llu bytes",
                   (unsigned long long)WASI_TEXTS_MAX);
}

bool wasi_guest_create(struct wasi_guest **out, const struct wasi_options *options, struct err *err)
{
    struct wasi_guest *guest = check_alloc(sizeof *guest);
    if (!wasi_guest_renew(guest, options, err)) {
        wasi_guest_destroy(&guest);
        return false;
    }
    *out = guest;
    return true;
}

void wasi_guest_destroy(struct wasi_guest **guest)
{
    struct wasi_guest *old = *guest;
    *guest = NULL;
    if (old == NULL)
        return;
    close_all(old);
    free(old->fds);
    free(old);
}
