/*
 * wasi/helper.c -- the worker's side of its helper process: operations on their way, and what
 * becomes of them when the helper dies.
 */
#include "base/check.h"
#include "base/file.h"
#include "proc/spawn.h"
#include "wasi/message.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define BUCKETS 64u

/* An operation whose fiber waits; it stands on that fiber's stack. */
struct pending {
    u64 id;
    struct wasi_helper *helper;
    struct sched_task *task;
    struct wasi_op *op;
    struct pending *next;   /* in its bucket */
    struct pending *unsent; /* in the queue of those the socket had no room for */
    bool is_unsent;
};

struct wasi_helper {
    struct loop *loop;
    wasi_helper_start_fn *start;
    void *start_arg;
    int sock;         /* -1: no process */
    bool is_starting; /* wasi_helper_started will give it */
    pid_t pid, dead_pid;
    struct loop_watch watch;
    u64 last_id;
    struct pending *buckets[BUCKETS];
    struct pending *unsent, *unsent_last;
    u8 reply[WASI_REPLY_MAX];
};

/* ---- the list of pending operations ---- */

static struct pending **find_pending(struct wasi_helper *helper, u64 id)
{
    struct pending **at = &helper->buckets[id % BUCKETS];
    while (*at != NULL && (*at)->id != id)
        at = &(*at)->next;
    return at;
}

static void queue_remove(struct wasi_helper *helper, struct pending *pending)
{
    struct pending **at = &helper->unsent, *before = NULL;
    if (!pending->is_unsent)
        return;
    for (; *at != pending; at = &(*at)->unsent)
        before = *at;
    *at = pending->unsent;
    if (helper->unsent_last == pending)
        helper->unsent_last = before;
    pending->is_unsent = false;
}

static void pending_remove(struct pending *pending)
{
    struct pending **at = find_pending(pending->helper, pending->id);
    CHECK(*at == pending);
    *at = pending->next;
    queue_remove(pending->helper, pending);
}

static void cancel(void *arg)
{
    pending_remove(arg); /* the answer, if one comes, finds nobody */
}

static void finish(struct pending *pending)
{
    pending_remove(pending);
    sched_wake(pending->task, 0);
}

/* ---- life and death of the process ---- */

static void reap(struct wasi_helper *helper, int flags)
{
    if (helper->dead_pid > 0 && waitpid(helper->dead_pid, NULL, flags) != 0)
        helper->dead_pid = 0;
}

/* All that were on their way have failed. */
static void fail_all(struct wasi_helper *helper)
{
    for (u32 i = 0; i < BUCKETS; i++)
        while (helper->buckets[i] != NULL) {
            helper->buckets[i]->op->reply.error = WASI_IO;
            finish(helper->buckets[i]);
        }
}

static void lose(struct wasi_helper *helper)
{
    loop_remove(helper->loop, &helper->watch);
    fd_close(&helper->sock);
    reap(helper, 0);
    if (helper->pid > 0)
        kill(helper->pid, SIGKILL);
    helper->dead_pid = helper->pid;
    helper->pid = 0;
    reap(helper, WNOHANG);
    fail_all(helper);
}

static void on_event(struct loop_watch *watch, u32 events);

/* Takes sock; what waits for it is sent by the loop. */
static bool connect_to(struct wasi_helper *helper, int sock, pid_t pid, struct err *err)
{
    u32 events = helper->unsent == NULL ? LOOP_READ : LOOP_READ | LOOP_WRITE;
    helper->watch = (struct loop_watch){.fd = sock, .fn = on_event};
    if (!loop_add(helper->loop, &helper->watch, events, err)) {
        close(sock); /* which ends it */
        helper->dead_pid = pid;
        return false;
    }
    helper->sock = sock;
    helper->pid = pid;
    return true;
}

static bool ensure_started(struct wasi_helper *helper, struct err *err)
{
    if (helper->sock >= 0 || helper->is_starting)
        return true;
    reap(helper, WNOHANG);
    int sock = -1;
    pid_t pid = 0;
    if (!helper->start(helper->start_arg, &sock, &pid, err))
        return false;
    helper->is_starting = sock < 0;
    return helper->is_starting || connect_to(helper, sock, pid, err);
}

void wasi_helper_started(struct wasi_helper *helper, int fd)
{
    bool is_awaited = helper->is_starting;
    helper->is_starting = false;
    if (!is_awaited)
        fd_close(&fd);
    else if (fd < 0 || !connect_to(helper, fd, 0, NULL))
        fail_all(helper);
}

bool wasi_helper_spawn(void *arg, int *fd, pid_t *pid, struct err *err)
{
    char *const argv[] = {"weir", "helper", NULL};
    int pair[2];
    (void)arg;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return err_sys(err, "cannot make a socket for the helper");
    bool ok = proc_spawn(NULL, argv, &pair[1], 1, pid, err);
    close(pair[1]);
    if (ok)
        *fd = pair[0];
    else
        close(pair[0]);
    return ok;
}

bool wasi_helper_create(struct wasi_helper **out, struct loop *loop, wasi_helper_start_fn *start,
                        void *arg, struct err *err)
{
    struct wasi_helper *helper = check_alloc(sizeof *helper);
    helper->loop = loop;
    helper->start = start == NULL ? wasi_helper_spawn : start;
    helper->start_arg = arg;
    helper->sock = -1;
    if (!ensure_started(helper, err)) {
        wasi_helper_destroy(&helper);
        return false;
    }
    *out = helper;
    return true;
}

void wasi_helper_destroy(struct wasi_helper **helper)
{
    struct wasi_helper *old = *helper;
    *helper = NULL;
    if (old == NULL)
        return;
    for (u32 i = 0; i < BUCKETS; i++)
        CHECK(old->buckets[i] == NULL);
    if (old->sock >= 0)
        lose(old);
    reap(old, 0);
    free(old);
}

pid_t wasi_helper_pid(const struct wasi_helper *helper)
{
    return helper->pid;
}

/* ---- requests ---- */

/* The parts of an operation that carry bytes, as far as they fit into one message. */
static u32 add_bytes(const struct wasi_op *op, struct iovec *iov, size_t *count)
{
    size_t room = WASI_MESSAGE_MAX;
    for (u32 i = 0; i < op->iov_count && room > 0; i++) {
        size_t part = min_u64(op->iov[i].iov_len, room);
        iov[(*count)++] = (struct iovec){op->iov[i].iov_base, part};
        room -= part;
    }
    return (u32)(WASI_MESSAGE_MAX - room);
}

/* false: errno, EAGAIN if the socket has no room. */
static bool send_request(struct wasi_helper *helper, const struct pending *pending)
{
    const struct wasi_op *op = pending->op;
    const struct wasi_op_row *row = &wasi_op_rows[op->request.kind];
    struct wasi_request_head head = {.id = pending->id, .op = op->request};
    struct iovec iov[3 + WASI_IOV_PART] = {{&head, sizeof head}};
    size_t count = 1;
    for (u32 i = 0; i < row->paths; i++) {
        head.path_len[i] = (u32)strlen(op->paths[i]);
        iov[count++] = (struct iovec){(void *)(uintptr_t)op->paths[i], head.path_len[i] + 1u};
    }
    if (row->bytes == WASI_BYTES_OUT)
        head.byte_count = add_bytes(op, iov, &count);
    else if (row->bytes == WASI_BYTES_IN)
        head.byte_count = (u32)min_u64(wasi_iov_bytes(op->iov, op->iov_count), WASI_MESSAGE_MAX);
    return wasi_message_send(helper->sock, iov, count, op->fds, row->fds, MSG_DONTWAIT) >= 0;
}

static void send_unsent(struct wasi_helper *helper)
{
    while (helper->unsent != NULL) {
        if (!send_request(helper, helper->unsent)) {
            if (errno != EAGAIN && errno != EINTR)
                lose(helper);
            return;
        }
        queue_remove(helper, helper->unsent);
    }
    loop_change(helper->loop, &helper->watch, LOOP_READ);
}

static void queue_put(struct wasi_helper *helper, struct pending *pending)
{
    pending->is_unsent = true;
    pending->unsent = NULL;
    if (helper->unsent == NULL)
        helper->unsent = pending;
    else
        helper->unsent_last->unsent = pending;
    helper->unsent_last = pending;
    if (helper->sock >= 0)
        loop_change(helper->loop, &helper->watch, LOOP_READ | LOOP_WRITE);
}

/* ---- replies ---- */

/* Spreads the bytes of a reply over the operation's room. */
static void take_bytes(struct wasi_op *op, const u8 *bytes, size_t len)
{
    for (u32 i = 0; i < op->iov_count && len > 0; i++) {
        size_t part = min_u64(len, op->iov[i].iov_len);
        memcpy(op->iov[i].iov_base, bytes, part);
        bytes += part;
        len -= part;
    }
}

/* Is it an answer to this operation? The helper may have been made to say anything. */
static bool check_reply(const struct wasi_op *op, const struct wasi_reply_head *head, size_t len,
                        u32 fd_count)
{
    const struct wasi_op_row *row = &wasi_op_rows[op->request.kind];
    bool is_ok = head->op.error == WASI_SUCCESS;
    bool is_opened = is_ok && op->request.kind == WASI_OP_OPEN;
    size_t limit = min_u64(wasi_iov_bytes(op->iov, op->iov_count), WASI_MESSAGE_MAX);
    if (head->op.error >= WASI_ERRNO_COUNT || len != sizeof *head + head->byte_count ||
        fd_count != (is_opened ? 1u : 0u))
        return false;
    if (row->bytes == WASI_BYTES_IN && is_ok)
        return head->op.value == head->byte_count && head->byte_count <= limit;
    return head->byte_count == 0 && (row->bytes != WASI_BYTES_OUT || head->op.value <= limit);
}

/* One reply, if there is one; false: the helper is lost. */
static bool take_reply(struct wasi_helper *helper)
{
    int fds[WASI_HELPER_FDS_MAX];
    u32 fd_count;
    struct wasi_reply_head head;
    ssize_t len = wasi_message_receive(helper->sock, helper->reply, sizeof helper->reply, fds,
                                       &fd_count, MSG_DONTWAIT);
    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return true; /* the loop will say so again, if there is anything */
    bool is_whole = len >= (ssize_t)sizeof head;
    if (is_whole)
        memcpy(&head, helper->reply, sizeof head);
    struct pending *pending = is_whole ? *find_pending(helper, head.id) : NULL;
    bool is_bad =
        !is_whole || (pending != NULL && !check_reply(pending->op, &head, (size_t)len, fd_count));
    if (pending != NULL && !is_bad) {
        pending->op->reply = head.op;
        pending->op->opened = fds[0];
        fds[0] = -1;
        take_bytes(pending->op, helper->reply + sizeof head, head.byte_count);
        finish(pending);
    }
    for (u32 i = 0; i < WASI_HELPER_FDS_MAX; i++)
        fd_close(&fds[i]);
    if (is_bad)
        lose(helper);
    return !is_bad;
}

static void on_event(struct loop_watch *watch, u32 events)
{
    struct wasi_helper *helper = CONTAINER_OF(watch, struct wasi_helper, watch);
    if ((events & (LOOP_READ | LOOP_HANGUP)) != 0 && !take_reply(helper))
        return;
    if ((events & LOOP_WRITE) != 0)
        send_unsent(helper);
}

/* ---- calls ---- */

void wasi_helper_call(struct wasi_helper *helper, struct sched_task *task, struct wasi_op *op)
{
    struct pending pending = {.helper = helper, .task = task, .op = op, .id = ++helper->last_id};
    op->reply = (struct wasi_op_reply){.error = WASI_IO};
    op->opened = -1;
    if (!ensure_started(helper, NULL))
        return;
    struct pending **bucket = find_pending(helper, pending.id);
    *bucket = &pending;
    if (helper->unsent != NULL || helper->is_starting) {
        queue_put(helper, &pending);
    } else if (!send_request(helper, &pending)) {
        if (errno != EAGAIN && errno != EINTR) {
            pending_remove(&pending);
            lose(helper);
            return;
        }
        queue_put(helper, &pending);
    }
    sched_suspend(task, cancel, &pending);
}

void wasi_op_call(struct rt_instance *instance, struct wasi_op *op)
{
    struct wasi_guest *guest = wasi_guest_of(instance);
    guest->had_effect |= wasi_op_changes(op);
    if (guest->options.helper == NULL)
        wasi_op_run(op);
    else
        wasi_helper_call(guest->options.helper, sched_task_of(instance), op);
}
