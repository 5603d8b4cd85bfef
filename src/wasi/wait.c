/*
 * wasi/wait.c -- a guest's call waits: for descriptors, for streams of the caller, for a time.
 *
 * What it waits for stands on its fiber's stack, which stays as it is while the fiber is suspended;
 * when the guest is killed, the cancel hook takes everything back.
 */
#include "base/file.h"
#include "wasi/internal.h"

struct wasi_wait {
    struct sched_task *task;
    struct loop *loop;
    struct wasi_interest *items;
    u32 count;
    struct loop_timer timer;
    bool is_woken;
};

/* More than one thing may happen before the fiber runs again. */
static void wake(struct wasi_wait *wait)
{
    if (wait->is_woken)
        return;
    wait->is_woken = true;
    sched_wake(wait->task, 0);
}

static void on_event(struct loop_watch *watch, u32 events)
{
    (void)events;
    wake(CONTAINER_OF(watch, struct wasi_interest, watch)->wait);
}

static void on_time(struct loop_timer *timer)
{
    wake(CONTAINER_OF(timer, struct wasi_wait, timer));
}

void wasi_stream_wake(struct wasi_stream *stream)
{
    if (stream->wait != NULL)
        wake(stream->wait);
}

bool wasi_stream_is_awaited(const struct wasi_stream *stream)
{
    return stream->wait != NULL;
}

static void wait_end(void *arg)
{
    struct wasi_wait *wait = arg;
    loop_timer_stop(wait->loop, &wait->timer);
    for (u32 i = 0; i < wait->count; i++) {
        struct wasi_interest *item = &wait->items[i];
        if (item->is_watched)
            loop_remove(wait->loop, &item->watch);
        item->is_watched = false;
        if (item->fd->kind == WASI_FD_CALLER)
            item->fd->stream->wait = NULL;
    }
}

/* The kernel watches a descriptor once: another interest in it joins the first. */
static struct wasi_interest *find_watched(struct wasi_wait *wait, const struct wasi_interest *item)
{
    for (struct wasi_interest *other = wait->items; other < item; other++)
        if (other->is_watched && other->fd->host == item->fd->host)
            return other;
    return NULL;
}

static bool wait_begin_one(struct wasi_wait *wait, struct wasi_interest *item)
{
    item->wait = wait;
    if (item->fd->kind == WASI_FD_CALLER) {
        item->fd->stream->wait = wait;
        return true;
    }
    struct wasi_interest *other = find_watched(wait, item);
    if (other != NULL) {
        other->events |= item->events;
        loop_change(wait->loop, &other->watch, other->events);
        return true;
    }
    item->watch = (struct loop_watch){.fd = item->fd->host, .fn = on_event};
    item->is_watched = loop_add(wait->loop, &item->watch, item->events, NULL);
    return item->is_watched;
}

enum wasi_errno wasi_wait(struct rt_instance *instance, struct wasi_interest *items, u32 count,
                          u64 deadline_ns)
{
    struct sched_task *task = sched_task_of(instance);
    struct wasi_wait wait = {.task = task,
                             .loop = sched_task_loop(task),
                             .items = items,
                             .count = count,
                             .timer.fn = on_time};
    bool ok = true;
    for (u32 i = 0; i < count; i++)
        items[i].is_watched = false;
    for (u32 i = 0; ok && i < count; i++)
        ok = wait_begin_one(&wait, &items[i]);
    if (ok) {
        if (deadline_ns != UINT64_MAX)
            loop_timer_start(wait.loop, &wait.timer, deadline_ns);
        sched_suspend(task, wait_end, &wait);
    }
    wait_end(&wait);
    return ok ? WASI_SUCCESS : WASI_IO;
}

enum wasi_errno wasi_wait_fd(struct rt_instance *instance, struct wasi_fd *fd, u32 events)
{
    struct wasi_interest item = {.fd = fd, .events = events};
    return wasi_wait(instance, &item, 1, UINT64_MAX);
}

void wasi_yield(struct rt_instance *instance)
{
    (void)wasi_wait(instance, NULL, 0, clock_monotonic_ns());
}
