#include "wasi/message.h"
#include "base/check.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

const struct wasi_op_row wasi_op_rows[WASI_OP_COUNT] = {
#define WASI_OP(name, field, fds, paths, bytes, changes) {fds, paths, WASI_BYTES_##bytes},
#include "wasi/op.def"
#undef WASI_OP
};

union control {
    struct cmsghdr align;
    u8 bytes[CMSG_SPACE(WASI_HELPER_FDS_MAX * sizeof(int))];
};

ssize_t wasi_message_send(int sock, const struct iovec *iov, size_t iov_count, const int *fds,
                          u32 fd_count, int flags)
{
    union control control = {0};
    struct msghdr message = {.msg_iov = (struct iovec *)iov, .msg_iovlen = iov_count};
    CHECK(fd_count <= WASI_HELPER_FDS_MAX);
    if (fd_count > 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
        memcpy(CMSG_DATA(head), fds, fd_count * sizeof(int));
    }
    return sendmsg(sock, &message, flags | MSG_NOSIGNAL);
}

ssize_t wasi_message_receive(int sock, void *bytes, size_t len, int *fds, u32 *fd_count, int flags)
{
    union control control = {0};
    struct iovec iov = {bytes, len};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    *fd_count = 0;
    for (u32 i = 0; i < WASI_HELPER_FDS_MAX; i++)
        fds[i] = -1;
    ssize_t got = recvmsg(sock, &message, flags | MSG_CMSG_CLOEXEC);
    if (got < 0)
        return got;
    for (struct cmsghdr *head = CMSG_FIRSTHDR(&message); head != NULL;
         head = CMSG_NXTHDR(&message, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
            continue;
        u32 count = (u32)((head->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        CHECK(count <= WASI_HELPER_FDS_MAX); /* the room that the kernel was given */
        memcpy(fds, CMSG_DATA(head), count * sizeof(int));
        *fd_count = count;
    }
    return got;
}
