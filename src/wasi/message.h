/*
 * wasi/message.h -- what a worker and its helper say to each other: one SOCK_SEQPACKET message each
 * way for an operation of fs.c. Both sides are the same program; both check what they are sent.
 */
#pragma once
#include "wasi/internal.h"

#define WASI_HELPER_FDS_MAX 2

/* Behind the head of a request: the paths with their zeros, then the bytes to write. Descriptors
 * come along as SCM_RIGHTS, as many as the operation takes. */
struct wasi_request_head {
    u64 id; /* comes back in the reply */
    struct wasi_op_request op;
    u32 path_len[2]; /* without the zero; 0: no path */
    u32 byte_count;  /* written, or the room for those read */
    u32 spare;
};
/* Behind the head of a reply: the bytes read. OPEN sends the descriptor along. */
struct wasi_reply_head {
    u64 id;
    struct wasi_op_reply op;
    u32 byte_count;
    u32 spare;
};
#define WASI_REQUEST_MAX (sizeof(struct wasi_request_head) + 2 * WASI_PATH_MAX + WASI_MESSAGE_MAX)
#define WASI_REPLY_MAX   (sizeof(struct wasi_reply_head) + WASI_MESSAGE_MAX)

enum wasi_op_bytes { WASI_BYTES_NO, WASI_BYTES_OUT, WASI_BYTES_IN };
struct wasi_op_row {
    u8 fds, paths, bytes;
};
extern const struct wasi_op_row wasi_op_rows[WASI_OP_COUNT];

/* sendmsg and recvmsg with descriptors; MSG_NOSIGNAL and MSG_CMSG_CLOEXEC are set. */
ssize_t wasi_message_send(int sock, const struct iovec *iov, size_t iov_count, const int *fds,
                          u32 fd_count, int flags);
/* fds: room for WASI_HELPER_FDS_MAX, filled up with -1; owned by the caller. */
ssize_t wasi_message_receive(int sock, void *bytes, size_t len, int *fds, u32 *fd_count, int flags);
