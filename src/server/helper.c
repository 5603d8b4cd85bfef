/*
 * server/helper.c -- a worker's end of its lifeline (server/lifeline.h): asks the supervisor for a
 * helper and takes its socket when it comes, which nothing waits for but the calls that need it.
 */
#include "base/file.h"
#include "proc/message.h"
#include "server/internal.h"

static bool ask(void *arg, int *fd, pid_t *pid, struct err *err)
{
    const struct worker *w = arg;
    *fd = -1; /* it comes later */
    *pid = 0; /* the supervisor's child */
    return proc_message_send(w->lifeline.fd, -1, "helper") ||
           err_sys(err, "cannot ask for a helper");
}

static void take_answer(struct loop_watch *watch, u32 events)
{
    struct worker *w = CONTAINER_OF(watch, struct worker, lifeline);
    char text[PROC_MESSAGE_MAX];
    int fd;
    (void)events;
    long len = proc_message_receive(watch->fd, text, &fd, 0);
    if (len == -2)
        return;
    if (len <= 0) { /* the supervisor has gone */
        loop_remove(w->loop, watch);
        fd_close(&watch->fd);
    }
    wasi_helper_started(w->helper, fd);
}

bool server_helper_open(struct worker *w, struct err *err)
{
    w->lifeline = (struct loop_watch){.fd = w->config->lifeline_fd, .fn = take_answer};
    return loop_add(w->loop, &w->lifeline, LOOP_READ, err) &&
           wasi_helper_create(&w->helper, w->loop, ask, w, err);
}

void server_helper_close(struct worker *w)
{
    wasi_helper_destroy(&w->helper);
    fd_close(&w->lifeline.fd);
}
