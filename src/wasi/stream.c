/*
 * wasi/stream.c -- one attempt to move bytes through a pipe, terminal, socket or a stream of the
 * caller, and the question whether one would succeed.
 */
#include "wasi/internal.h"
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* What a descriptor that may block takes at once without doing so, when it is ready. */
#define BLOCKING_WRITE_MAX ((size_t)PIPE_BUF)

static short poll_host(int fd, short events)
{
    struct pollfd poll_fd = {.fd = fd, .events = events};
    return poll(&poll_fd, 1, 0) > 0 ? poll_fd.revents : 0;
}

static enum wasi_errno moved(ssize_t len, u64 *done)
{
    if (len < 0)
        return errno == EINTR ? WASI_AGAIN : wasi_errno_of(errno);
    *done = (u64)len;
    return WASI_SUCCESS;
}

static enum wasi_errno host_read(struct wasi_fd *fd, const struct iovec *iov, u32 count, u64 *done)
{
    if (fd->is_socket) {
        struct msghdr message = {.msg_iov = (struct iovec *)iov, .msg_iovlen = count};
        return moved(recvmsg(fd->host, &message, MSG_DONTWAIT), done);
    }
    if (!fd->is_nonblock && poll_host(fd->host, POLLIN) == 0)
        return WASI_AGAIN;
    return moved(readv(fd->host, iov, (int)count), done);
}

/* A socket's peer that has gone is an error of this call; a pipe's raises SIGPIPE as in any other
 * program, unless the process ignores it. */
static enum wasi_errno host_write(struct wasi_fd *fd, const struct iovec *iov, u32 count, u64 *done)
{
    if (fd->is_socket) {
        const struct msghdr message = {.msg_iov = (struct iovec *)iov, .msg_iovlen = count};
        return moved(sendmsg(fd->host, &message, MSG_DONTWAIT | MSG_NOSIGNAL), done);
    }
    if (fd->is_nonblock)
        return moved(writev(fd->host, iov, (int)count), done);
    if (poll_host(fd->host, POLLOUT) == 0)
        return WASI_AGAIN;
    struct iovec part = {iov[0].iov_base, (size_t)min_u64(iov[0].iov_len, BLOCKING_WRITE_MAX)};
    return moved(writev(fd->host, &part, 1), done);
}

/* Runs over the parts until one is not moved as a whole. */
static enum wasi_errno caller_move(struct wasi_stream *stream, enum wasi_direction direction,
                                   const struct iovec *iov, u32 count, u64 *done)
{
    *done = 0;
    for (u32 i = 0; i < count; i++) {
        size_t part = 0;
        enum wasi_errno error =
            direction == WASI_IN
                ? stream->ops->read(stream, iov[i].iov_base, iov[i].iov_len, &part)
                : stream->ops->write(stream, iov[i].iov_base, iov[i].iov_len, &part);
        if (error != WASI_SUCCESS)
            return *done > 0 ? WASI_SUCCESS : error;
        *done += part;
        if (part < iov[i].iov_len)
            break;
    }
    return WASI_SUCCESS;
}

enum wasi_errno wasi_stream_read(struct wasi_fd *fd, const struct iovec *iov, u32 count, u64 *done)
{
    *done = 0;
    if (count == 0)
        return WASI_SUCCESS;
    if (fd->kind == WASI_FD_CALLER)
        return caller_move(fd->stream, WASI_IN, iov, count, done);
    return host_read(fd, iov, count, done);
}

enum wasi_errno wasi_stream_write(struct wasi_fd *fd, const struct iovec *iov, u32 count, u64 *done)
{
    *done = 0;
    if (count == 0)
        return WASI_SUCCESS;
    if (fd->kind == WASI_FD_CALLER)
        return caller_move(fd->stream, WASI_OUT, iov, count, done);
    return host_write(fd, iov, count, done);
}

bool wasi_stream_is_ready(struct wasi_fd *fd, u32 event, bool *hangup, u64 *bytes)
{
    *hangup = false;
    *bytes = 0;
    if (wasi_fd_is_file(fd))
        return true;
    if (fd->kind == WASI_FD_CALLER)
        return fd->stream->ops->is_ready(fd->stream, event == LOOP_READ ? WASI_IN : WASI_OUT);
    int waiting = 0;
    short found = poll_host(fd->host, event == LOOP_READ ? POLLIN : POLLOUT);
    *hangup = (found & POLLHUP) != 0;
    if (event == LOOP_READ && ioctl(fd->host, FIONREAD, &waiting) == 0 && waiting > 0)
        *bytes = (u64)waiting;
    return found != 0;
}
