/*
 * wasi/p1_io.c -- reading and writing: fd_read, fd_write, fd_pread, fd_pwrite, fd_readdir, sock_*.
 */
#include "base/check.h"
#include "base/file.h"
#include "wasi/internal.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECV_PEEK    1u
#define RECV_WAITALL 2u
#define RECV_CUT     1u /* in out_flags: a datagram did not fit */
#define SHUT_READ    1u
#define SHUT_WRITE   2u

bool wasi_store(struct rt_instance *instance, u32 addr, const void *value, size_t len)
{
    u8 *to = wasi_bytes(instance, addr, len);
    if (to != NULL)
        memcpy(to, value, len);
    return to != NULL;
}

bool wasi_store_u32(struct rt_instance *instance, u32 addr, u32 value)
{
    return wasi_store(instance, addr, &value, sizeof value);
}

bool wasi_store_u64(struct rt_instance *instance, u32 addr, u64 value)
{
    return wasi_store(instance, addr, &value, sizeof value);
}

u32 wasi_load_u32(const u8 *bytes)
{
    u32 value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

u64 wasi_load_u64(const u8 *bytes)
{
    u64 value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

/* ---- lists of buffers ---- */

/* A guest's list of buffers, and how much of it has been moved. */
struct buffers {
    struct rt_instance *instance;
    u32 addr, count; /* of the list */
    u32 at;          /* the next buffer */
    u32 at_bytes;    /* of it are done */
};

/* Is every buffer within memory, and the list of them too? */
static enum wasi_errno buffers_check(const struct buffers *b)
{
    if (b->count > WASI_IOVS_MAX)
        return WASI_INVAL;
    const u8 *list = wasi_bytes(b->instance, b->addr, (u64)b->count * WASI_IOVEC_BYTES);
    if (list == NULL)
        return WASI_FAULT;
    for (u32 i = 0; i < b->count; i++, list += WASI_IOVEC_BYTES)
        if (wasi_bytes(b->instance, wasi_load_u32(list), wasi_load_u32(list + 4)) == NULL)
            return WASI_FAULT;
    return WASI_SUCCESS;
}

/* What is left, as far as it goes into one system call. The list is read anew every time: what was
 * read may be the list itself. false: a buffer is out of bounds by now. */
static bool buffers_view(const struct buffers *b, struct iovec *iov, u32 *count)
{
    u64 room = WASI_PIECE_MAX;
    u32 skip = b->at_bytes;
    const u8 *list = wasi_bytes(b->instance, b->addr, (u64)b->count * WASI_IOVEC_BYTES);
    *count = 0;
    for (u32 i = b->at; i < b->count && *count < WASI_IOV_PART && room > 0; i++, skip = 0) {
        u32 addr = wasi_load_u32(list + (size_t)i * WASI_IOVEC_BYTES);
        u32 len = wasi_load_u32(list + (size_t)i * WASI_IOVEC_BYTES + 4);
        u8 *bytes = wasi_bytes(b->instance, addr, len);
        if (bytes == NULL || skip > len)
            return false;
        size_t part = (size_t)min_u64(len - skip, room);
        if (part == 0)
            continue;
        iov[(*count)++] = (struct iovec){bytes + skip, part};
        room -= part;
    }
    return true;
}

static void buffers_advance(struct buffers *b, u64 done)
{
    const u8 *list = wasi_bytes(b->instance, b->addr, (u64)b->count * WASI_IOVEC_BYTES);
    while (b->at < b->count) {
        u64 left = wasi_load_u32(list + (size_t)b->at * WASI_IOVEC_BYTES + 4) - (u64)b->at_bytes;
        if (done < left) {
            b->at_bytes += (u32)done;
            return;
        }
        done -= left;
        b->at++;
        b->at_bytes = 0;
    }
}

/* ---- one piece ---- */

struct transfer {
    struct buffers buffers;
    struct wasi_fd *fd;
    bool is_write;
    u64 offset; /* UINT64_MAX: the file's own */
    u64 total;
    u64 since_yield;
};

static enum wasi_errno move_file(struct transfer *t, const struct iovec *iov, u32 count, u64 *done)
{
    struct wasi_op op = {
        .request = {.kind = t->is_write ? WASI_OP_WRITE : WASI_OP_READ,
                    .a = t->offset == UINT64_MAX ? UINT64_MAX : t->offset + t->total},
        .fds = {t->fd->host, -1},
        .iov_count = count};
    memcpy(op.iov, iov, count * sizeof *iov);
    wasi_op_call(t->buffers.instance, &op);
    *done = op.reply.value;
    return (enum wasi_errno)op.reply.error;
}

/* Waits as often as the stream says it must, unless the guest wants to be told. */
static enum wasi_errno move_stream(struct transfer *t, u64 *done)
{
    for (;;) {
        struct iovec iov[WASI_IOV_PART];
        u32 count;
        if (!buffers_view(&t->buffers, iov, &count))
            return WASI_FAULT;
        enum wasi_errno error = t->is_write ? wasi_stream_write(t->fd, iov, count, done)
                                            : wasi_stream_read(t->fd, iov, count, done);
        if (error != WASI_AGAIN || (t->fd->flags & WASI_FDFLAG_NONBLOCK) != 0)
            return error;
        error = wasi_wait_fd(t->buffers.instance, t->fd, t->is_write ? LOOP_WRITE : LOOP_READ);
        if (error != WASI_SUCCESS)
            return error;
    }
}

static enum wasi_errno move_piece(struct transfer *t, u64 *done, bool *is_whole)
{
    struct iovec iov[WASI_IOV_PART];
    u32 count;
    *done = 0;
    *is_whole = true;
    if (!buffers_view(&t->buffers, iov, &count))
        return WASI_FAULT;
    size_t asked = wasi_iov_bytes(iov, count);
    enum wasi_errno error =
        wasi_fd_is_file(t->fd) ? move_file(t, iov, count, done) : move_stream(t, done);
    *is_whole = *done == asked;
    return error;
}

/* A file, and a stream that is written, is moved as a whole like by a native blocking call; of a
 * stream that is read, what is there. */
static enum wasi_errno transfer_run(struct transfer *t)
{
    bool is_file = wasi_fd_is_file(t->fd);
    bool is_partial = !is_file && (!t->is_write || (t->fd->flags & WASI_FDFLAG_NONBLOCK) != 0);
    enum wasi_errno error = buffers_check(&t->buffers);
    if (error != WASI_SUCCESS)
        return error;
    for (;;) {
        u64 done;
        bool is_whole;
        error = move_piece(t, &done, &is_whole);
        if (error != WASI_SUCCESS)
            return t->total > 0 ? WASI_SUCCESS : error;
        t->total += done;
        buffers_advance(&t->buffers, done);
        bool is_end = t->buffers.at == t->buffers.count || done == 0 || t->total > INT32_MAX;
        if (is_end || is_partial || (is_file && !is_whole && !t->is_write))
            return WASI_SUCCESS;
        t->since_yield += done;
        if (t->since_yield >= WASI_PIECE_MAX) {
            t->since_yield = 0;
            wasi_yield(t->buffers.instance);
        }
    }
}

static u32 transfer(struct rt_instance *instance, u32 fd, u64 right, struct transfer t, u32 out)
{
    t.buffers.instance = instance;
    enum wasi_errno error = wasi_fd_get(wasi_guest_of(instance), fd, right, &t.fd);
    if (error == WASI_SUCCESS && wasi_bytes(instance, out, sizeof(u32)) == NULL)
        error = WASI_FAULT;
    if (error == WASI_SUCCESS && t.offset != UINT64_MAX && t.fd->kind != WASI_FD_FILE)
        error = WASI_SPIPE;
    if (error == WASI_SUCCESS)
        error = transfer_run(&t);
    if (error != WASI_SUCCESS)
        return error;
    return wasi_store_u32(instance, out, (u32)t.total) ? WASI_SUCCESS : WASI_FAULT;
}

u32 wasi_p1_fd_read(struct rt_instance *instance, u32 fd, u32 iovs, u32 iovs_len, u32 nread)
{
    struct transfer t = {.buffers = {.addr = iovs, .count = iovs_len}, .offset = UINT64_MAX};
    return transfer(instance, fd, WASI_RIGHT_OF(FD_READ), t, nread);
}

u32 wasi_p1_fd_write(struct rt_instance *instance, u32 fd, u32 iovs, u32 iovs_len, u32 nwritten)
{
    struct transfer t = {
        .buffers = {.addr = iovs, .count = iovs_len}, .is_write = true, .offset = UINT64_MAX};
    return transfer(instance, fd, WASI_RIGHT_OF(FD_WRITE), t, nwritten);
}

u32 wasi_p1_fd_pread(struct rt_instance *instance, u32 fd, u32 iovs, u32 iovs_len, u64 offset,
                     u32 nread)
{
    struct transfer t = {.buffers = {.addr = iovs, .count = iovs_len}, .offset = offset};
    if (offset > INT64_MAX)
        return WASI_INVAL;
    return transfer(instance, fd, WASI_RIGHT_OF(FD_READ), t, nread);
}

u32 wasi_p1_fd_pwrite(struct rt_instance *instance, u32 fd, u32 iovs, u32 iovs_len, u64 offset,
                      u32 nwritten)
{
    struct transfer t = {
        .buffers = {.addr = iovs, .count = iovs_len}, .is_write = true, .offset = offset};
    if (offset > INT64_MAX)
        return WASI_INVAL;
    return transfer(instance, fd, WASI_RIGHT_OF(FD_WRITE), t, nwritten);
}

/* ---- directories ---- */

/* Full entries as long as there is more room than one operation fills; the last one may be cut off,
 * which is how a guest sees that there is more. */
u32 wasi_p1_fd_readdir(struct rt_instance *instance, u32 fd, u32 buf, u32 buf_len, u64 cookie,
                       u32 used)
{
    struct wasi_fd *dir;
    u32 total = 0;
    enum wasi_errno error =
        wasi_fd_get(wasi_guest_of(instance), fd, WASI_RIGHT_OF(FD_READDIR), &dir);
    if (error == WASI_SUCCESS && (wasi_bytes(instance, buf, buf_len) == NULL ||
                                  wasi_bytes(instance, used, sizeof(u32)) == NULL))
        error = WASI_FAULT;
    for (bool at_end = false; error == WASI_SUCCESS && !at_end && total < buf_len;) {
        size_t room = min_u64(buf_len - total, WASI_MESSAGE_MAX);
        bool is_last = room == buf_len - total;
        struct wasi_op op = {.request = {.kind = WASI_OP_READDIR,
                                         .flags = is_last ? WASI_OP_PARTIAL : 0,
                                         .a = cookie},
                             .fds = {dir->host, -1},
                             .iov = {{wasi_bytes(instance, buf + total, room), room}},
                             .iov_count = 1};
        wasi_op_call(instance, &op);
        error = (enum wasi_errno)op.reply.error;
        total += (u32)op.reply.value;
        cookie = op.reply.cookie;
        at_end = op.reply.at_end != 0 || is_last;
        if (!at_end)
            wasi_yield(instance);
    }
    if (error != WASI_SUCCESS)
        return error;
    return wasi_store_u32(instance, used, total) ? WASI_SUCCESS : WASI_FAULT;
}

/* ---- sockets ---- */

/* No socket is worth another error than a missing right. */
static enum wasi_errno socket_get(struct rt_instance *instance, u32 fd, u64 rights,
                                  struct wasi_fd **out)
{
    enum wasi_errno error = wasi_fd_get(wasi_guest_of(instance), fd, 0, out);
    if (error != WASI_SUCCESS)
        return error;
    if (!(*out)->is_socket)
        return WASI_NOTSOCK;
    return ((*out)->base & rights) == rights ? WASI_SUCCESS : WASI_NOTCAPABLE;
}

u32 wasi_p1_sock_accept(struct rt_instance *instance, u32 fd, u32 flags, u32 opened)
{
    struct wasi_fd *listener, made;
    u32 number;
    enum wasi_errno error = socket_get(instance, fd, WASI_RIGHT_OF(SOCK_ACCEPT), &listener);
    if (error != WASI_SUCCESS)
        return error;
    if ((flags & ~(u32)WASI_FDFLAG_NONBLOCK) != 0)
        return WASI_INVAL;
    if (wasi_bytes(instance, opened, sizeof(u32)) == NULL)
        return WASI_FAULT;
    for (;;) {
        /* The listener itself may block: ask before. */
        bool hangup;
        u64 bytes;
        bool is_ready = wasi_stream_is_ready(listener, LOOP_READ, &hangup, &bytes);
        int host =
            is_ready ? accept4(listener->host, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK) : -1;
        if (host >= 0) {
            CHECK(wasi_fd_make(&made, host));
            made.is_owned = true;
            made.flags = flags;
            error = wasi_fd_put(wasi_guest_of(instance), &made, &number);
            if (error != WASI_SUCCESS)
                fd_close(&host);
            else if (!wasi_store_u32(instance, opened, number))
                return WASI_FAULT;
            return error;
        }
        if (is_ready && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
            return wasi_errno_of(errno);
        if ((listener->flags & WASI_FDFLAG_NONBLOCK) != 0)
            return WASI_AGAIN;
        error = wasi_wait_fd(instance, listener, LOOP_READ);
        if (error != WASI_SUCCESS)
            return error;
    }
}

u32 wasi_p1_sock_recv(struct rt_instance *instance, u32 fd, u32 iovs, u32 iovs_len, u32 flags,
                      u32 nread, u32 out_flags)
{
    struct wasi_fd *sock;
    struct buffers buffers = {.instance = instance, .addr = iovs, .count = iovs_len};
    enum wasi_errno error = socket_get(instance, fd, WASI_RIGHT_OF(FD_READ), &sock);
    if (error == WASI_SUCCESS && (flags & ~(RECV_PEEK | RECV_WAITALL)) != 0)
        error = WASI_INVAL;
    if (error == WASI_SUCCESS)
        error = buffers_check(&buffers);
    if (error == WASI_SUCCESS && (wasi_bytes(instance, nread, sizeof(u32)) == NULL ||
                                  wasi_bytes(instance, out_flags, sizeof(u16)) == NULL))
        error = WASI_FAULT;
    u64 total = 0;
    u16 cut = 0;
    while (error == WASI_SUCCESS) {
        struct iovec iov[WASI_IOV_PART];
        u32 count;
        if (!buffers_view(&buffers, iov, &count))
            return WASI_FAULT;
        struct msghdr message = {.msg_iov = iov, .msg_iovlen = count};
        ssize_t len =
            recvmsg(sock->host, &message, MSG_DONTWAIT | ((flags & RECV_PEEK) != 0 ? MSG_PEEK : 0));
        if (len >= 0) {
            total += (u64)len;
            cut = (message.msg_flags & MSG_TRUNC) != 0 ? RECV_CUT : 0;
            buffers_advance(&buffers, (u64)len);
            bool is_more = (flags & RECV_WAITALL) != 0 && (flags & RECV_PEEK) == 0 && len > 0;
            if (!is_more || buffers.at == buffers.count)
                break;
        } else if (errno != EAGAIN && errno != EINTR) {
            error = total > 0 ? WASI_SUCCESS : wasi_errno_of(errno);
            break;
        } else if ((sock->flags & WASI_FDFLAG_NONBLOCK) != 0) {
            error = total > 0 ? WASI_SUCCESS : WASI_AGAIN;
            break;
        } else {
            error = wasi_wait_fd(instance, sock, LOOP_READ);
        }
    }
    if (error != WASI_SUCCESS)
        return error;
    bool ok = wasi_store_u32(instance, nread, (u32)total) &&
              wasi_store(instance, out_flags, &cut, sizeof cut);
    return ok ? WASI_SUCCESS : WASI_FAULT;
}

u32 wasi_p1_sock_send(struct rt_instance *instance, u32 fd, u32 iovs, u32 iovs_len, u32 flags,
                      u32 nwritten)
{
    struct wasi_fd *sock;
    struct transfer t = {
        .buffers = {.addr = iovs, .count = iovs_len}, .is_write = true, .offset = UINT64_MAX};
    enum wasi_errno error = socket_get(instance, fd, WASI_RIGHT_OF(FD_WRITE), &sock);
    if (error == WASI_SUCCESS && flags != 0)
        error = WASI_INVAL;
    if (error != WASI_SUCCESS)
        return error;
    return transfer(instance, fd, WASI_RIGHT_OF(FD_WRITE), t, nwritten);
}

u32 wasi_p1_sock_shutdown(struct rt_instance *instance, u32 fd, u32 how)
{
    struct wasi_fd *sock;
    static const int hows[] = {0, SHUT_RD, SHUT_WR, SHUT_RDWR};
    enum wasi_errno error = socket_get(instance, fd, WASI_RIGHT_OF(SOCK_SHUTDOWN), &sock);
    if (error != WASI_SUCCESS)
        return error;
    if (how == 0 || how > (SHUT_READ | SHUT_WRITE))
        return WASI_INVAL;
    return shutdown(sock->host, hows[how]) == 0 ? (u32)WASI_SUCCESS : (u32)wasi_errno_of(errno);
}
