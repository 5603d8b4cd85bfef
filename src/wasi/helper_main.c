/*
 * wasi/helper_main.c -- the helper process: threads that take operations from one socket, run them
 * and answer. It keeps nothing between two operations; whoever asks owns all descriptors.
 */
#include "base/check.h"
#include "base/file.h"
#include "proc/jail.h"
#include "proc/spawn.h"
#include "wasi/message.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define THREADS 4u

struct job {
    u8 request[WASI_REQUEST_MAX];
    u8 reply[WASI_REPLY_MAX];
    int fds[WASI_HELPER_FDS_MAX];
    u32 fd_count;
    struct wasi_request_head head;
    struct wasi_op op;
};

/* A path of the message: not empty, ended by its only zero. Moves *at behind it. */
static bool read_path(const struct job *job, size_t len, u32 path_len, size_t *at, const char **out)
{
    if (path_len == 0 || path_len >= WASI_PATH_MAX || len - *at < (size_t)path_len + 1)
        return false;
    const u8 *bytes = job->request + *at;
    *out = (const char *)bytes;
    *at += (size_t)path_len + 1;
    return memchr(bytes, 0, (size_t)path_len + 1) == bytes + path_len;
}

/* Makes the operation of a message; false: it is none of ours. */
static bool read_job(struct job *job, size_t len)
{
    if (len < sizeof job->head)
        return false;
    memcpy(&job->head, job->request, sizeof job->head);
    const struct wasi_request_head *head = &job->head;
    size_t at = sizeof *head;
    if (head->op.kind >= WASI_OP_COUNT || head->byte_count > WASI_MESSAGE_MAX)
        return false;
    const struct wasi_op_row *row = &wasi_op_rows[head->op.kind];
    job->op = (struct wasi_op){.request = head->op, .fds = {job->fds[0], job->fds[1]}};
    if (job->fd_count != row->fds)
        return false;
    for (u32 i = 0; i < row->paths; i++)
        if (!read_path(job, len, head->path_len[i], &at, &job->op.paths[i]))
            return false;
    if (row->bytes == WASI_BYTES_OUT)
        job->op.iov[0] = (struct iovec){job->request + at, head->byte_count};
    else if (row->bytes == WASI_BYTES_IN)
        job->op.iov[0] =
            (struct iovec){job->reply + sizeof(struct wasi_reply_head), head->byte_count};
    job->op.iov_count = row->bytes == WASI_BYTES_NO ? 0 : 1;
    return len - at == (row->bytes == WASI_BYTES_OUT ? head->byte_count : 0);
}

static void answer(int sock, struct job *job)
{
    const struct wasi_op *op = &job->op;
    bool is_read =
        op->reply.error == WASI_SUCCESS && wasi_op_rows[job->head.op.kind].bytes == WASI_BYTES_IN;
    struct wasi_reply_head head = {
        .id = job->head.id, .op = op->reply, .byte_count = is_read ? (u32)op->reply.value : 0};
    memcpy(job->reply, &head, sizeof head);
    const struct iovec iov = {job->reply, sizeof head + head.byte_count};
    ssize_t sent;
    do
        sent = wasi_message_send(sock, &iov, 1, &op->opened, op->opened >= 0 ? 1 : 0, 0);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        _exit(0); /* nobody is there any more */
}

/* What the threads share. */
struct crew {
    int sock;
    sem_t started;        /* posted by each thread that runs */
    pthread_mutex_t work; /* held until the process is jailed */
};

static void *serve(void *arg)
{
    struct crew *crew = arg;
    struct job *job = check_alloc(sizeof *job);
    sem_post(&crew->started);
    pthread_mutex_lock(&crew->work);
    pthread_mutex_unlock(&crew->work);
    for (;;) {
        ssize_t len = wasi_message_receive(crew->sock, job->request, sizeof job->request, job->fds,
                                           &job->fd_count, 0);
        if (len < 0 && errno == EINTR)
            continue;
        if (len <= 0)
            _exit(0); /* the worker is gone */
        if (read_job(job, (size_t)len)) {
            wasi_op_run(&job->op);
            answer(crew->sock, job);
            fd_close(&job->op.opened);
        }
        for (u32 i = 0; i < WASI_HELPER_FDS_MAX; i++)
            fd_close(&job->fds[i]);
    }
    return NULL;
}

/* Threads first, since the jail lets nobody start any. One is enough to work. */
static bool start_crew(struct crew *crew, struct err *err)
{
    u32 count = 0;
    pthread_t thread;
    CHECK(sem_init(&crew->started, 0, 0) == 0 && pthread_mutex_init(&crew->work, NULL) == 0);
    pthread_mutex_lock(&crew->work);
    while (count < THREADS && pthread_create(&thread, NULL, serve, crew) == 0)
        count++;
    for (u32 i = 0; i < count; i++)
        while (sem_wait(&crew->started) != 0)
            continue;
    if (count == 0)
        return err_set(err, ERR_SYSTEM, ERR_NO_AT, "cannot start a thread");
    return proc_jail_helper(err) && pthread_mutex_unlock(&crew->work) == 0;
}

int wasi_helper_main(int argc, char **argv)
{
    struct crew crew = {.sock = PROC_FD_FIRST};
    struct err err = {0};
    int type = 0;
    socklen_t len = sizeof type;
    (void)argc;
    (void)argv;
    if (getsockopt(crew.sock, SOL_SOCKET, SO_TYPE, &type, &len) != 0 || type != SOCK_SEQPACKET) {
        fprintf(stderr, "weir: helper processes are started by weir itself\n");
        return 2;
    }
    proc_leave_terminal();
    if (!start_crew(&crew, &err)) {
        fprintf(stderr, "weir: helper: %s\n", err.text);
        return err_code_exit(err.code);
    }
    /* All threads may be stuck on a disk that never answers: this one sees the worker go. */
    struct pollfd watched = {.fd = crew.sock};
    while (poll(&watched, 1, -1) <= 0)
        continue;
    _exit(0);
}
