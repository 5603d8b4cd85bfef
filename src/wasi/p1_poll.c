/*
 * wasi/p1_poll.c -- poll_oneoff: several descriptors and clocks at once.
 *
 * The subscriptions are read from guest memory on every look: nobody else writes there while the
 * guest is suspended, and nothing has to be kept.
 */
#include "base/check.h"
#include "base/file.h"
#include "wasi/internal.h"
#include <string.h>
#include <time.h>

enum event_type { EVENT_CLOCK, EVENT_FD_READ, EVENT_FD_WRITE };
#define CLOCK_FLAG_ABSOLUTE 1u
#define EVENT_FLAG_HANGUP   1u

struct poll {
    struct rt_instance *instance;
    const struct wasi_poll_layout *layout;
    u32 in, out, count;
    u64 start_ns;    /* monotonic */
    u32 event_count; /* written */
    u64 deadline_ns; /* the earliest of the clocks */
    struct wasi_interest interests[WASI_SUBS_MAX];
    u32 interest_count;
};

static void add_event(struct poll *p, const u8 *sub, u32 error, u64 bytes, bool hangup)
{
    u8 event[WASI_EVENT_BYTES] = {0};
    u16 code = (u16)error, flags = hangup ? EVENT_FLAG_HANGUP : 0;
    memcpy(event, sub, 8); /* userdata */
    memcpy(event + 8, &code, sizeof code);
    event[10] = sub[8];
    memcpy(event + 16, &bytes, sizeof bytes);
    memcpy(event + 24, &flags, sizeof flags);
    /* The list of events was checked as a whole. */
    if (wasi_store(p->instance, p->out + p->event_count * WASI_EVENT_BYTES, event, sizeof event))
        p->event_count++;
}

static u64 add_saturated(u64 a, u64 b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static u64 realtime_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (u64)now.tv_sec * 1000000000u + (u64)now.tv_nsec;
}

static void look_clock(struct poll *p, const u8 *sub)
{
    const u8 *clock = sub + p->layout->clock;
    u32 id = wasi_load_u32(clock);
    u64 timeout = wasi_load_u64(clock + 8), deadline = add_saturated(p->start_ns, timeout);
    bool is_absolute = (wasi_load_u32(clock + 24) & CLOCK_FLAG_ABSOLUTE) != 0;
    if (id != WASI_CLOCK_REALTIME && id != WASI_CLOCK_MONOTONIC) {
        add_event(p, sub, id > WASI_CLOCK_THREAD ? WASI_INVAL : WASI_NOTSUP, 0, false);
        return;
    }
    u64 now = clock_monotonic_ns();
    if (is_absolute && id == WASI_CLOCK_MONOTONIC)
        deadline = timeout;
    if (is_absolute && id == WASI_CLOCK_REALTIME) {
        u64 real = realtime_ns();
        deadline = timeout <= real ? now : add_saturated(now, timeout - real);
    }
    if (deadline <= now)
        add_event(p, sub, WASI_SUCCESS, 0, false);
    else if (deadline < p->deadline_ns)
        p->deadline_ns = deadline;
}

static void look_fd(struct poll *p, const u8 *sub)
{
    u32 event = sub[8] == EVENT_FD_READ ? LOOP_READ : LOOP_WRITE;
    u64 right = event == LOOP_READ ? WASI_RIGHT_OF(FD_READ) : WASI_RIGHT_OF(FD_WRITE);
    struct wasi_fd *fd;
    bool hangup;
    u64 bytes;
    enum wasi_errno error =
        wasi_fd_get(wasi_guest_of(p->instance), wasi_load_u32(sub + 16), 0, &fd);
    /* Either the right to poll or the right to do what is polled for. */
    if (error == WASI_SUCCESS && (fd->base & (WASI_RIGHT_OF(POLL_FD_READWRITE) | right)) == 0)
        error = WASI_NOTCAPABLE;
    if (error != WASI_SUCCESS)
        add_event(p, sub, error, 0, false);
    else if (wasi_stream_is_ready(fd, event, &hangup, &bytes))
        add_event(p, sub, WASI_SUCCESS, bytes, hangup);
    else
        p->interests[p->interest_count++] = (struct wasi_interest){.fd = fd, .events = event};
}

static void look(struct poll *p)
{
    p->event_count = 0;
    p->interest_count = 0;
    p->deadline_ns = UINT64_MAX;
    for (u32 i = 0; i < p->count; i++) {
        u8 sub[WASI_SUB_MAX]; /* the events may be written over the subscriptions */
        const u8 *from = wasi_bytes(p->instance, p->in + i * p->layout->size, p->layout->size);
        CHECK(from != NULL && p->layout->size <= sizeof sub);
        memcpy(sub, from, p->layout->size);
        if (sub[8] == EVENT_CLOCK)
            look_clock(p, sub);
        else if (sub[8] == EVENT_FD_READ || sub[8] == EVENT_FD_WRITE)
            look_fd(p, sub);
        else
            add_event(p, sub, WASI_INVAL, 0, false);
    }
}

u32 wasi_poll(struct rt_instance *instance, u32 in, u32 out, u32 count, u32 nevents,
              const struct wasi_poll_layout *layout)
{
    if (count == 0 || count > WASI_SUBS_MAX)
        return WASI_INVAL;
    if (wasi_bytes(instance, in, (u64)count * layout->size) == NULL ||
        wasi_bytes(instance, out, (u64)count * WASI_EVENT_BYTES) == NULL ||
        wasi_bytes(instance, nevents, sizeof(u32)) == NULL)
        return WASI_FAULT;
    struct poll p = {.instance = instance,
                     .layout = layout,
                     .in = in,
                     .out = out,
                     .count = count,
                     .start_ns = clock_monotonic_ns()};
    for (look(&p); p.event_count == 0; look(&p)) {
        enum wasi_errno error = wasi_wait(instance, p.interests, p.interest_count, p.deadline_ns);
        if (error != WASI_SUCCESS)
            return error;
    }
    return wasi_store_u32(instance, nevents, p.event_count) ? WASI_SUCCESS : WASI_FAULT;
}

u32 wasi_p1_poll_oneoff(struct rt_instance *instance, u32 in, u32 out, u32 count, u32 nevents)
{
    static const struct wasi_poll_layout layout = {.size = WASI_SUB_BYTES, .clock = 16};
    return wasi_poll(instance, in, out, count, nevents, &layout);
}
