#include "server/lifeline.h"
#include "base/file.h"
#include "proc/message.h"
#include "proc/spawn.h"
#include "wasi/wasi.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define YOUNG_NS         ((u64)1000000000) /* a child dead before this age is "failing" */
#define BACKOFF_FIRST_NS ((u64)10000000)
#define BACKOFF_MAX_NS   ((u64)5000000000)

u64 server_backoff(u64 *backoff_ns, u64 lived_ns)
{
    bool is_young = lived_ns < YOUNG_NS;
    u64 delay = is_young ? *backoff_ns : 0;
    *backoff_ns = !is_young ? BACKOFF_FIRST_NS
                            : min_u64(max_u64(2 * *backoff_ns, BACKOFF_FIRST_NS), BACKOFF_MAX_NS);
    return delay;
}

bool server_lifeline_open(struct server_lifeline *line, int *worker_end, struct err *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
        return err_sys(err, "cannot make a socket for a worker");
    line->sock = pair[0];
    *worker_end = pair[1];
    return true;
}

/* It is reaped later, and starts nothing anew before that. */
static void end_helper(struct server_lifeline *line)
{
    if (line->pid > 0)
        kill(line->pid, SIGKILL);
    line->is_killed = true;
}

void server_lifeline_close(struct server_lifeline *line)
{
    fd_close(&line->sock);
    line->is_asked = false;
    end_helper(line);
}

int server_lifeline_watched(const struct server_lifeline *line)
{
    return line->is_asked ? -1 : line->sock;
}

void server_lifeline_hear(struct server_lifeline *line)
{
    char byte;
    if (line->sock < 0 || line->is_asked)
        return;
    ssize_t len = recv(line->sock, &byte, sizeof byte, MSG_DONTWAIT);
    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (len <= 0) { /* it can ask no more */
        fd_close(&line->sock);
        return;
    }
    line->is_asked = true;
    end_helper(line);
}

u64 server_lifeline_due_ns(const struct server_lifeline *line)
{
    return line->is_asked && line->pid == 0 ? line->start_at_ns : UINT64_MAX;
}

/* A packet that nobody takes closes its descriptor, and the helper ends. */
static void answer(const struct server_lifeline *line, int fd)
{
    bool is_sent = proc_message_send(line->sock, fd, fd < 0 ? "none" : "helper");
    (void)is_sent;
    fd_close(&fd);
}

void server_lifeline_serve(struct server_lifeline *line, u32 worker)
{
    struct err err = {0};
    int fd = -1;
    u64 now = clock_monotonic_ns();
    if (server_lifeline_due_ns(line) > now)
        return;
    line->is_asked = line->is_killed = false;
    line->started_ns = now;
    if (!wasi_helper_spawn(NULL, &fd, &line->pid, &err)) {
        fprintf(stderr, "weir: helper of worker %u: %s\n", worker, err.text);
        line->pid = 0;
        line->start_at_ns = now + server_backoff(&line->backoff_ns, 0);
    }
    answer(line, fd);
}

bool server_lifeline_reap(struct server_lifeline *line, u32 worker, pid_t pid, int status)
{
    if (line->pid == 0 || line->pid != pid)
        return false;
    u64 now = clock_monotonic_ns();
    if (!line->is_killed && status != 0) {
        char text[64];
        proc_status_text(status, text, sizeof text);
        fprintf(stderr, "weir: helper of worker %u (process %d) ended: %s\n", worker, (int)pid,
                text);
    }
    line->pid = 0;
    line->start_at_ns = now + server_backoff(&line->backoff_ns, now - line->started_ns);
    return true;
}
