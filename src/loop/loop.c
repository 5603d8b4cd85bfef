#include "loop/loop.h"
#include "base/check.h"
#include "base/file.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define EVENTS_MAX 64
#define NS_PER_MS  1000000u

struct loop {
    int epoll_fd, wake_fd;
    u64 now_ns;
    struct loop_timer **timers; /* binary heap: the earliest first, places from 1 */
    u32 timer_count, timer_cap;
    struct epoll_event events[EVENTS_MAX]; /* to dispatch; data.ptr NULL: removed since */
    int event_at, event_count;
    bool is_dispatching;
};

/* ---- timers ---- */

static void put_timer(struct loop *loop, u32 place, struct loop_timer *timer)
{
    loop->timers[place - 1] = timer;
    timer->place = place;
}

static void sift_up(struct loop *loop, struct loop_timer *timer, u32 place)
{
    while (place > 1 && loop->timers[place / 2 - 1]->at_ns > timer->at_ns) {
        put_timer(loop, place, loop->timers[place / 2 - 1]);
        place /= 2;
    }
    put_timer(loop, place, timer);
}

static void sift_down(struct loop *loop, struct loop_timer *timer, u32 place)
{
    while (2 * place <= loop->timer_count) {
        u32 child = 2 * place;
        if (child < loop->timer_count &&
            loop->timers[child]->at_ns < loop->timers[child - 1]->at_ns)
            child++;
        if (loop->timers[child - 1]->at_ns >= timer->at_ns)
            break;
        put_timer(loop, place, loop->timers[child - 1]);
        place = child;
    }
    put_timer(loop, place, timer);
}

void loop_timer_stop(struct loop *loop, struct loop_timer *timer)
{
    u32 place = timer->place;
    if (place == 0)
        return;
    CHECK(place <= loop->timer_count && loop->timers[place - 1] == timer);
    struct loop_timer *last = loop->timers[--loop->timer_count];
    timer->place = 0;
    if (last == timer)
        return;
    if (place > 1 && loop->timers[place / 2 - 1]->at_ns > last->at_ns)
        sift_up(loop, last, place);
    else
        sift_down(loop, last, place);
}

void loop_timer_start(struct loop *loop, struct loop_timer *timer, u64 at_ns)
{
    loop_timer_stop(loop, timer);
    if (loop->timer_count == loop->timer_cap) {
        loop->timer_cap = loop->timer_cap == 0 ? 256 : 2 * loop->timer_cap;
        loop->timers = realloc(loop->timers, loop->timer_cap * sizeof *loop->timers);
        CHECK_MEMORY(loop->timers != NULL);
    }
    timer->at_ns = at_ns;
    loop->timer_count++;
    sift_up(loop, timer, loop->timer_count);
}

/* At most as many as there are now: timers that restart themselves cannot hold the loop. */
static void run_timers(struct loop *loop)
{
    for (u32 left = loop->timer_count;
         left > 0 && loop->timer_count > 0 && loop->timers[0]->at_ns <= loop->now_ns; left--) {
        struct loop_timer *timer = loop->timers[0];
        loop_timer_stop(loop, timer);
        timer->fn(timer);
    }
}

/* ---- descriptors ---- */

static u32 to_epoll(u32 events)
{
    return ((events & LOOP_READ) != 0 ? (u32)EPOLLIN | (u32)EPOLLRDHUP : 0) |
           ((events & LOOP_WRITE) != 0 ? (u32)EPOLLOUT : 0) |
           ((events & LOOP_EXCLUSIVE) != 0 ? (u32)EPOLLEXCLUSIVE : 0);
}

static u32 from_epoll(u32 events)
{
    return ((events & ((u32)EPOLLIN | (u32)EPOLLRDHUP)) != 0 ? LOOP_READ : 0u) |
           ((events & (u32)EPOLLOUT) != 0 ? LOOP_WRITE : 0u) |
           ((events & ((u32)EPOLLHUP | (u32)EPOLLERR)) != 0 ? LOOP_HANGUP : 0u);
}

bool loop_add(struct loop *loop, struct loop_watch *watch, u32 events, struct err *err)
{
    struct epoll_event event = {.events = to_epoll(events), .data.ptr = watch};
    if ((events & LOOP_EXCLUSIVE) != 0)
        event.events &= ~(u32)EPOLLRDHUP; /* the kernel refuses the two together */
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, watch->fd, &event) != 0)
        return err_sys(err, "cannot watch descriptor %d", watch->fd);
    return true;
}

void loop_change(struct loop *loop, struct loop_watch *watch, u32 events)
{
    struct epoll_event event = {.events = to_epoll(events), .data.ptr = watch};
    CHECK(epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event) == 0);
}

void loop_remove(struct loop *loop, struct loop_watch *watch)
{
    CHECK(epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL) == 0);
    for (int i = loop->event_at; i < loop->event_count; i++)
        if (loop->events[i].data.ptr == watch)
            loop->events[i].data.ptr = NULL;
}

static void run_watch(struct loop *loop)
{
    const struct epoll_event *event = &loop->events[loop->event_at++];
    struct loop_watch *watch = event->data.ptr;
    if (watch == (void *)loop) {
        u64 count;
        ssize_t done = read(loop->wake_fd, &count, sizeof count);
        (void)done; /* it is empty now, whatever it said */
    } else if (watch != NULL) {
        watch->fn(watch, from_epoll(event->events));
    }
}

/* ---- the loop ---- */

bool loop_create(struct loop **out, struct err *err)
{
    struct loop *loop = check_alloc(sizeof *loop);
    loop->wake_fd = -1;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd >= 0)
        loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = loop};
    if (loop->wake_fd < 0 || epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &event) != 0) {
        err_sys(err, "cannot make an event loop");
        loop_destroy(&loop);
        return false;
    }
    loop->now_ns = clock_monotonic_ns();
    *out = loop;
    return true;
}

void loop_destroy(struct loop **loop)
{
    struct loop *old = *loop;
    *loop = NULL;
    if (old == NULL)
        return;
    fd_close(&old->epoll_fd);
    fd_close(&old->wake_fd);
    free(old->timers);
    free(old);
}

static struct timespec wait_time(const struct loop *loop, u64 wait_ns)
{
    u64 limit = (u64)INT32_MAX * NS_PER_MS;
    if (loop->timer_count > 0) {
        u64 at = loop->timers[0]->at_ns, now = clock_monotonic_ns();
        wait_ns = min_u64(wait_ns, at > now ? at - now : 0);
    }
    wait_ns = min_u64(wait_ns, limit);
    return (struct timespec){.tv_sec = (time_t)(wait_ns / 1000000000u),
                             .tv_nsec = (long)(wait_ns % 1000000000u)};
}

bool loop_has_events(const struct loop *loop)
{
    return loop->event_at < loop->event_count;
}

static void fetch_events(struct loop *loop, u64 wait_ns)
{
    struct timespec wait = {0};
    if (wait_ns > 0)
        wait = wait_time(loop, wait_ns);
    int count = epoll_pwait2(loop->epoll_fd, loop->events, EVENTS_MAX, &wait, NULL);
    CHECK(count >= 0 || errno == EINTR);
    loop->event_at = 0;
    loop->event_count = count < 0 ? 0 : count;
    loop->now_ns = clock_monotonic_ns();
}

bool loop_poll_one(struct loop *loop, u64 wait_ns)
{
    CHECK(!loop->is_dispatching); /* not from inside a callback */
    if (!loop_has_events(loop))
        fetch_events(loop, wait_ns);
    loop->is_dispatching = true;
    if (loop_has_events(loop))
        run_watch(loop);
    run_timers(loop);
    loop->is_dispatching = false;
    return loop_has_events(loop);
}

void loop_poll(struct loop *loop, u64 wait_ns)
{
    while (loop_poll_one(loop, wait_ns))
        continue;
}

void loop_wake(struct loop *loop)
{
    int keep = errno;
    u64 one = 1;
    ssize_t done = write(loop->wake_fd, &one, sizeof one);
    (void)done; /* full: it will wake anyway */
    errno = keep;
}

u64 loop_now_ns(const struct loop *loop)
{
    return loop->now_ns;
}

void loop_tell_now(struct loop *loop, u64 now_ns)
{
    loop->now_ns = now_ns;
}
