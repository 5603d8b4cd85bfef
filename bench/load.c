/*
 * bench/load.c -- weir-load: requests over HTTP/1.1 at a rate that does not wait for the answers.
 *
 * Arrivals are at random (Poisson) and keep their times: a slow server does not slow them down, and
 * a request's latency begins when it should have been sent, whether or not a connection was free.
 * Connections are kept alive and opened as they are needed, up to a bound; beyond it arrivals queue
 * here. The one that has been idle longest is taken: to the server these are many clients, each of
 * which comes now and then. What has no answer in time is given up and its connection closed. One
 * thread, epoll.
 */
#include "bench/load.h"
#include "bench/reply.h"
#include <errno.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS_MAX = 256, READ_BYTES = 65536, ARRIVALS_AT_ONCE = 32 };

/* A request that has arrived. */
struct arrival {
    u64 intended_ns;
    u32 phase, class;
};

struct conn {
    int fd; /* -1: closed */
    bool is_busy;
    struct arrival arrival; /* of the request that is under way, if it is busy */
    u64 sent_ns;
    size_t written;
    struct reply reply;
    struct conn *prev_idle, *next_idle; /* next_idle also links closed ones */
};

/* Arrivals that wait for a connection, in order: a ring of a power of two. */
struct backlog {
    struct arrival *arrivals; /* owned */
    u64 first, count, cap;
};

struct load {
    const struct load_plan *plan;
    struct load_result result;
    struct conn *conns;                  /* owned; plan->connections_max */
    struct conn *first_idle, *last_idle; /* the last has been idle longest */
    struct conn *closed;
    u64 open, busy;
    int poll;
    struct backlog backlog;
    u64 random, weights;
    u32 phase; /* the phase of the next arrival */
    u64 start_ns, phase_end_ns, next_ns;
    u64 owed; /* requests that clients of a closed phase will send now */
    struct histogram slice_latency;
    u64 slice_end_ns;
    u32 slices_cap;
    u8 bytes[READ_BYTES];
};

static u64 now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (u64)now.tv_sec * 1000000000 + (u64)now.tv_nsec;
}

static void must(bool ok, const char *what)
{
    if (!ok) {
        perror(what);
        exit(1);
    }
}

/* Weyl sequence and a mix of its bits. */
static u64 next_random(struct load *l)
{
    u64 x = l->random += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 31)) * 0xd6e8feb86659fd93;
    x = (x ^ (x >> 29)) * 0xd6e8feb86659fd93;
    return x ^ (x >> 32);
}

static u64 next_gap_ns(struct load *l)
{
    f64 uniform = ((f64)(next_random(l) >> 11) + 1) / (f64)((u64)1 << 53); /* in (0, 1] */
    return (u64)(-log(uniform) * 1e9 / l->plan->phases[l->phase].rate);
}

static u32 next_class(struct load *l)
{
    u64 at = next_random(l) % l->weights;
    u32 class = 0;
    while (at >= l->plan->classes[class].weight)
        at -= l->plan->classes[class ++].weight;
    return class;
}

static struct load_tally *tally_of(struct load *l, const struct arrival *arrival)
{
    return l->result.tallies[arrival->phase][arrival->class];
}

static struct load_slice *slice(struct load *l)
{
    return &l->result.slices[l->result.slice_count - 1];
}

/* ---- slices of time ---- */

static void begin_slice(struct load *l)
{
    if (l->result.slice_count == l->slices_cap) {
        l->slices_cap = l->slices_cap * 2 + 64;
        l->result.slices = realloc(l->result.slices, l->slices_cap * sizeof *l->result.slices);
        must(l->result.slices != NULL, "weir-load: memory");
    }
    l->result.slice_count++;
    *slice(l) = (struct load_slice){0};
    l->slice_end_ns += l->plan->slice_ns;
}

static void end_slice(struct load *l)
{
    slice(l)->p50_ns = histogram_quantile(&l->slice_latency, 0.5);
    slice(l)->p99_ns = histogram_quantile(&l->slice_latency, 0.99);
    histogram_clear(&l->slice_latency);
}

/* ---- connections ---- */

static void add_idle(struct load *l, struct conn *conn)
{
    conn->prev_idle = NULL;
    conn->next_idle = l->first_idle;
    if (l->first_idle != NULL)
        l->first_idle->prev_idle = conn;
    else
        l->last_idle = conn;
    l->first_idle = conn;
}

static void remove_idle(struct load *l, struct conn *conn)
{
    if (conn->next_idle != NULL)
        conn->next_idle->prev_idle = conn->prev_idle;
    else
        l->last_idle = conn->prev_idle;
    if (conn->prev_idle != NULL)
        conn->prev_idle->next_idle = conn->next_idle;
    else
        l->first_idle = conn->next_idle;
}

static void add_closed(struct load *l, struct conn *conn)
{
    conn->fd = -1;
    conn->next_idle = l->closed;
    l->closed = conn;
}

/* The connection is no longer busy. A client of a closed phase goes on. */
static void end_request(struct load *l, struct conn *conn)
{
    conn->is_busy = false;
    l->busy--;
    if (conn->arrival.phase == l->phase && l->plan->phases[l->phase].clients > 0)
        l->owed++;
}

static void fail(struct load *l, struct conn *conn, bool is_late)
{
    if (conn->is_busy) {
        struct load_tally *tally = tally_of(l, &conn->arrival);
        tally->failed++;
        tally->timed_out += is_late;
        slice(l)->failed++;
        end_request(l, conn);
    } else {
        remove_idle(l, conn);
    }
    close(conn->fd);
    l->open--;
    add_closed(l, conn);
}

static void count_answer(struct load *l, struct conn *conn)
{
    struct load_tally *tally = tally_of(l, &conn->arrival);
    u32 status = conn->reply.status;
    u64 now = now_ns();
    tally->statuses[status]++;
    if (status >= 200 && status < 300) {
        tally->good++;
        slice(l)->good++;
        histogram_add(&tally->latency, now - conn->arrival.intended_ns);
        histogram_add(&tally->service, now - conn->sent_ns);
        histogram_add(&l->slice_latency, now - conn->arrival.intended_ns);
    } else if (status == 503 || status == 429) {
        tally->refused++;
        slice(l)->refused++;
        histogram_add(&tally->refusals, now - conn->arrival.intended_ns);
    } else {
        tally->failed++;
        slice(l)->failed++;
    }
}

static void end_answer(struct load *l, struct conn *conn)
{
    count_answer(l, conn);
    end_request(l, conn);
    add_idle(l, conn);
    if (conn->reply.will_close)
        fail(l, conn, false);
    else
        reply_clear(&conn->reply);
}

/* Sends what is left of the request; what does not fit goes when the connection takes it. */
static void send_rest(struct load *l, struct conn *conn)
{
    const struct load_class *class = &l->plan->classes[conn->arrival.class];
    if (conn->written == class->request_len)
        return;
    ssize_t len = send(conn->fd, class->request + conn->written, class->request_len - conn->written,
                       MSG_NOSIGNAL);
    if (len < 0 && errno != EAGAIN) {
        fail(l, conn, false);
    } else if (len > 0) {
        if (conn->written == 0) {
            conn->sent_ns = now_ns();
            tally_of(l, &conn->arrival)->sent++;
            slice(l)->sent++;
        }
        conn->written += (size_t)len;
    }
}

/* Reads once. True: there is more to read, or the end; edge-triggered, it would not be told again.
 */
static bool receive(struct load *l, struct conn *conn, bool may_end)
{
    ssize_t len = recv(conn->fd, l->bytes, sizeof l->bytes, 0);
    if (len < 0 && errno == EAGAIN)
        return false;
    if (len <= 0 || !conn->is_busy) {
        if (len == 0 && conn->is_busy && reply_end(&conn->reply))
            end_answer(l, conn);
        else
            fail(l, conn, false);
        return false;
    }
    size_t taken = reply_read(&conn->reply, l->bytes, (size_t)len);
    if (conn->reply.state == REPLY_BAD || taken < (size_t)len)
        fail(l, conn, false);
    else if (conn->reply.state == REPLY_DONE)
        end_answer(l, conn);
    return conn->fd >= 0 && (may_end || len == READ_BYTES);
}

/* An event may be one of an earlier connection in this place: what happens depends only on what can
 * be read and written. */
static void on_event(struct load *l, struct conn *conn, u32 events)
{
    if (conn->fd >= 0 && conn->is_busy)
        send_rest(l, conn);
    bool may_end = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    while (conn->fd >= 0 && receive(l, conn, may_end)) {
    }
}

/* NULL: no more can be opened. */
static struct conn *open_conn(struct load *l)
{
    struct conn *conn = l->closed;
    int on = 1;
    if (conn == NULL)
        return NULL;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    must(fd >= 0, "weir-load: socket");
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.ptr = conn};
    const struct sockaddr *server = (const struct sockaddr *)&l->plan->server;
    must(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
             (connect(fd, server, sizeof l->plan->server) == 0 || errno == EINPROGRESS) &&
             epoll_ctl(l->poll, EPOLL_CTL_ADD, fd, &event) == 0,
         "weir-load: connect");
    l->closed = conn->next_idle;
    *conn = (struct conn){.fd = fd};
    l->open++;
    l->result.connections = max_u64(l->result.connections, l->open);
    return conn;
}

/* False: every connection is busy, and no more may be opened. */
static bool begin_request(struct load *l, const struct arrival *arrival)
{
    struct conn *conn = l->last_idle;
    if (conn != NULL)
        remove_idle(l, conn);
    else if ((conn = open_conn(l)) == NULL)
        return false;
    conn->is_busy = true;
    conn->arrival = *arrival;
    conn->sent_ns = arrival->intended_ns;
    conn->written = 0;
    l->busy++;
    send_rest(l, conn);
    return true;
}

static void give_up_late(struct load *l, u64 now)
{
    for (u64 i = 0; i < l->plan->connections_max && l->busy > 0; i++) {
        struct conn *conn = &l->conns[i];
        if (conn->fd >= 0 && conn->is_busy && now > conn->arrival.intended_ns + l->plan->timeout_ns)
            fail(l, conn, true);
    }
}

/* ---- arrivals ---- */

static void backlog_add(struct backlog *b, const struct arrival *arrival)
{
    if (b->count == b->cap) {
        u64 cap = b->cap == 0 ? 256 : b->cap * 2;
        struct arrival *arrivals = malloc(cap * sizeof *arrivals);
        must(arrivals != NULL, "weir-load: memory");
        for (u64 i = 0; i < b->count; i++)
            arrivals[i] = b->arrivals[(b->first + i) & (b->cap - 1)];
        free(b->arrivals);
        *b = (struct backlog){.arrivals = arrivals, .count = b->count, .cap = cap};
    }
    b->arrivals[(b->first + b->count++) & (b->cap - 1)] = *arrival;
}

static void empty_backlog(struct load *l, u64 now)
{
    struct backlog *b = &l->backlog;
    while (b->count > 0) {
        const struct arrival *first = &b->arrivals[b->first & (b->cap - 1)];
        if (now > first->intended_ns + l->plan->timeout_ns) {
            tally_of(l, first)->failed++;
            tally_of(l, first)->timed_out++;
            slice(l)->failed++;
        } else if (!begin_request(l, first)) {
            return;
        }
        b->first++;
        b->count--;
    }
}

static void arrive(struct load *l, u64 intended_ns)
{
    struct arrival arrival = {
        .intended_ns = intended_ns, .phase = l->phase, .class = next_class(l)};
    tally_of(l, &arrival)->offered++;
    slice(l)->offered++;
    if (l->backlog.count > 0 || !begin_request(l, &arrival))
        backlog_add(&l->backlog, &arrival);
}

static bool is_over(const struct load *l)
{
    return l->phase == l->plan->phase_count;
}

static void begin_phase(struct load *l)
{
    if (is_over(l))
        return;
    const struct load_phase *phase = &l->plan->phases[l->phase];
    u64 start = l->phase_end_ns;
    l->phase_end_ns += phase->length_ns;
    l->owed = phase->clients;
    l->next_ns = phase->clients > 0 ? l->phase_end_ns : start + next_gap_ns(l);
}

/* The requests that should have been sent by now; only some of them at once, so that answers are
 * read in between. */
static void send_due(struct load *l)
{
    for (u32 i = 0; i < ARRIVALS_AT_ONCE && !is_over(l); i++) {
        u64 now = now_ns();
        if (l->next_ns >= l->phase_end_ns && now >= l->phase_end_ns) {
            l->phase++;
            begin_phase(l);
        } else if (l->owed > 0) {
            l->owed--;
            arrive(l, now);
        } else if (l->next_ns <= now) {
            histogram_add(&l->result.late, now - l->next_ns);
            arrive(l, l->next_ns);
            l->next_ns += next_gap_ns(l);
        } else {
            return;
        }
    }
}

static void wait_for_events(struct load *l)
{
    struct epoll_event events[EVENTS_MAX];
    u64 now = now_ns(), until = l->slice_end_ns;
    if (!is_over(l))
        until = l->owed > 0 ? now : min_u64(until, min_u64(l->next_ns, l->phase_end_ns));
    u64 wait_ns = until > now ? until - now : 0;
    struct timespec timeout = {.tv_sec = (time_t)(wait_ns / 1000000000),
                               .tv_nsec = (long)(wait_ns % 1000000000)};
    int count = epoll_pwait2(l->poll, events, EVENTS_MAX, &timeout, NULL);
    must(count >= 0 || errno == EINTR, "weir-load: epoll");
    for (int i = 0; i < count; i++)
        on_event(l, events[i].data.ptr, events[i].events);
}

static void run(struct load *l)
{
    l->start_ns = l->phase_end_ns = l->slice_end_ns = now_ns();
    begin_slice(l);
    begin_phase(l);
    while (!is_over(l) || l->busy > 0 || l->backlog.count > 0) {
        send_due(l);
        wait_for_events(l);
        u64 now = now_ns();
        empty_backlog(l, now);
        if (now >= l->slice_end_ns)
            give_up_late(l, now);
        while (now >= l->slice_end_ns) {
            end_slice(l);
            begin_slice(l);
        }
    }
    end_slice(l);
}

/* ---- the program ---- */

/* Ends the program where nobody listens. */
static void try_server(const struct load_plan *plan)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(fd >= 0 && connect(fd, (const struct sockaddr *)&plan->server, sizeof plan->server) == 0,
         "weir-load: connect");
    close(fd);
}

static void init(struct load *l, const struct load_plan *plan)
{
    struct rlimit files;
    l->plan = plan;
    l->random = plan->seed;
    must(getrlimit(RLIMIT_NOFILE, &files) == 0, "weir-load: descriptors");
    files.rlim_cur = files.rlim_max;
    must(setrlimit(RLIMIT_NOFILE, &files) == 0, "weir-load: descriptors");
    prctl(PR_SET_TIMERSLACK, 1);
    l->poll = epoll_create1(EPOLL_CLOEXEC);
    l->conns = calloc(plan->connections_max, sizeof *l->conns);
    must(l->poll >= 0 && l->conns != NULL, "weir-load: memory");
    for (u64 i = plan->connections_max; i > 0; i--)
        add_closed(l, &l->conns[i - 1]);
    for (u32 i = 0; i < plan->class_count; i++)
        l->weights += plan->classes[i].weight;
    for (u32 i = 0; i < plan->phase_count; i++) {
        for (u32 j = 0; j < plan->class_count; j++) {
            l->result.tallies[i][j] = calloc(1, sizeof *l->result.tallies[i][j]);
            must(l->result.tallies[i][j] != NULL, "weir-load: memory");
        }
    }
}

static void fini(struct load *l)
{
    for (u64 i = 0; i < l->plan->connections_max; i++)
        if (l->conns[i].fd >= 0)
            close(l->conns[i].fd);
    for (u32 i = 0; i < l->plan->phase_count; i++)
        for (u32 j = 0; j < l->plan->class_count; j++)
            free(l->result.tallies[i][j]);
    free(l->result.slices);
    free(l->backlog.arrivals);
    free(l->conns);
    close(l->poll);
}

int main(int argc, char **argv)
{
    struct load_plan plan;
    bool ok = load_plan_read(&plan, argc, argv);
    if (!ok) {
        load_plan_fini(&plan);
        return 2;
    }
    try_server(&plan);
    struct load *l = calloc(1, sizeof *l);
    must(l != NULL, "weir-load: memory");
    init(l, &plan);
    run(l);
    load_result_print(&plan, &l->result, stdout);
    ok = load_result_is_valid(&plan, &l->result);
    if (!ok)
        fprintf(stderr,
                "weir-load: late by %.1f ms (99 %% of the requests by less): it was "
                "itself too slow, these figures are not the server's\n",
                histogram_quantile(&l->result.late, 0.99) / 1e6);
    fini(l);
    free(l);
    load_plan_fini(&plan);
    return ok ? 0 : 3;
}
