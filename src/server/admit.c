/*
 * server/admit.c -- which requests start, which wait and which are refused.
 *
 * Requests of a route wait in its own list, and the routes take turns: one that is flooded delays
 * itself. A few calls that have never run are enough to keep the processor busy, so no more are
 * handed to the scheduler; what has used its first slices already gives way there.
 *
 * A request that would wait too long is refused at once, which is cheaper than to let it wait and
 * miss its deadline. While the queue empties now and then, it is a burst, and may last as long as
 * the deadline allows. A queue that has not been empty for STANDING_NS only adds delay: then
 * requests wait no longer than a few calls take. A client that sends its next request as soon as it
 * has been answered is more patient: it paces itself by us, and lengthens no queue. A refusal is
 * held for a moment: clients that come back at once would keep us busy with refusing them.
 */
#include "base/check.h"
#include "server/internal.h"

#define WINDOW        4                /* calls that have never run, in the scheduler */
#define STANDING_NS   ((u64)100000000) /* a queue that lasts so long is no burst */
#define WAIT_CALLS    8                /* what it may cost then: so many calls' time, */
#define WAIT_MIN_NS   ((u64)5000000)   /* and at least this, */
#define WAIT_PACED_NS ((u64)50000000)  /* or this, for a client that paces itself */
#define SLICE_NS      ((u64)4000000)   /* after which a call gives way to new ones */
#define OVERHEAD_NS   ((u64)15000)     /* of a request, beside its call */
#define SERVICE_PART  8                /* weight of the past against a new call's time */
#define ROUTES_LOOKED 64               /* at in the ring, for an estimate */
#define RETRY_MAX_S   60

/* ---- the ring of routes with waiting requests: worker->turn is its last, next_turn the first */

static void ring_add(struct worker *w, struct served_route *route)
{
    struct route_load *load = &route->load;
    if (load->in_ring)
        return;
    load->in_ring = true;
    if (w->turn == NULL) {
        load->next_turn = route;
    } else {
        load->next_turn = w->turn->load.next_turn;
        w->turn->load.next_turn = route;
    }
    w->turn = route;
}

/* Takes the first out. */
static struct served_route *ring_take(struct worker *w)
{
    struct served_route *first = w->turn->load.next_turn;
    if (first == w->turn)
        w->turn = NULL;
    else
        w->turn->load.next_turn = first->load.next_turn;
    first->load.in_ring = false;
    return first;
}

/* ---- waiting ---- */

static void count_waiting(const struct worker *w, const struct served_route *route)
{
    board_set(&route->board->waiting, route->load.waiting);
    board_set(&w->board->in_flight, sched_task_count(w->sched) + w->waiting);
}

void server_admit_wait(struct server_request *r)
{
    struct worker *w = r->worker;
    struct route_load *load = &r->route->load;
    r->is_waiting = true;
    r->next_waiting = NULL;
    r->prev_waiting = load->last_waiting;
    if (load->last_waiting != NULL)
        load->last_waiting->next_waiting = r;
    else
        load->first_waiting = r;
    load->last_waiting = r;
    load->waiting += 1;
    w->waiting += 1;
    count_waiting(w, r->route);
    ring_add(w, r->route);
    server_conn_watch_wall(r->conn);
}

void server_admit_leave(struct server_request *r)
{
    struct route_load *load = &r->route->load;
    if (r->prev_waiting != NULL)
        r->prev_waiting->next_waiting = r->next_waiting;
    else
        load->first_waiting = r->next_waiting;
    if (r->next_waiting != NULL)
        r->next_waiting->prev_waiting = r->prev_waiting;
    else
        load->last_waiting = r->prev_waiting;
    r->is_waiting = false;
    load->waiting -= 1;
    r->worker->waiting -= 1;
    count_waiting(r->worker, r->route);
}

/* ---- turns ---- */

/* Starts a request of the route whose turn it is. A route that has no instance for it comes back
 * when one of its calls has ended. False: nothing more can be started now. */
static bool take_turn(struct worker *w, struct served_route *route)
{
    struct route_load *load = &route->load;
    if (load->first_waiting == NULL)
        return true;
    bool has_started = server_call_start_waiting(load->first_waiting);
    bool is_alone = board_get(&route->board->running) == 0; /* then the server is full, not it */
    if (load->first_waiting != NULL && (has_started || is_alone))
        ring_add(w, route);
    return has_started || !is_alone;
}

void server_admit_turn(struct worker *w)
{
    bool goes_on = true;
    while (goes_on && w->turn != NULL && sched_ready_count(w->sched).first < WINDOW)
        goes_on = take_turn(w, ring_take(w));
    if (w->waiting == 0 && sched_ready_count(w->sched).first == 0 &&
        sched_ready_count(w->sched).rest == 0)
        w->idle_ns = loop_now_ns(w->loop);
}

void server_admit_done(struct served_route *route, u64 cpu_ns, struct worker *w)
{
    struct route_load *load = &route->load;
    load->service_ns = load->service_ns == 0
                           ? cpu_ns
                           : (load->service_ns * (SERVICE_PART - 1) + cpu_ns) / SERVICE_PART;
    board_set(&route->board->service_ns, load->service_ns);
    board_add(&route->board->cpu_ns, cpu_ns);
    board_add(&route->board->running, (u64)-1);
    if (load->waiting > 0)
        ring_add(w, route);
}

/* ---- estimates ---- */

/* Of a call's time, what it takes before it gives way to those that have not run. */
static u64 first_part(const struct served_route *route)
{
    return min_u64(route->load.service_ns, SLICE_NS) + OVERHEAD_NS;
}

/* How long a new request of the route would wait until its call has run, beyond the call's own
 * time: for the calls that are about to run, for the other routes' turns, and for its own route's
 * queue; a long call also shares the processor with the other long ones. */
static u64 estimate_wait(const struct worker *w, const struct served_route *route)
{
    struct sched_ready ready = sched_ready_count(w->sched);
    u64 mine = route->load.waiting;
    u64 wait_ns = ready.first * first_part(route) + mine * first_part(route);
    const struct served_route *at = w->turn;
    for (u32 i = 0; at != NULL && i < ROUTES_LOOKED; i++) {
        at = at->load.next_turn;
        if (at != route)
            wait_ns += min_u64(at->load.waiting, mine + 1) * first_part(at);
        if (at == w->turn)
            break;
    }
    if (route->load.service_ns > SLICE_NS)
        wait_ns += ready.rest * (route->load.service_ns - SLICE_NS);
    return wait_ns;
}

static u64 allowed_wait(const struct server_request *r, u64 now)
{
    const struct worker *w = r->worker;
    u64 service_ns = r->route->load.service_ns + OVERHEAD_NS;
    u64 left_ns = r->wall_end_ns - now;
    u64 by_deadline = left_ns > service_ns ? left_ns - service_ns : 0;
    if (now < w->idle_ns + STANDING_NS)
        return by_deadline;
    u64 least_ns = server_conn_is_paced(r->conn) ? WAIT_PACED_NS : WAIT_MIN_NS;
    return min_u64(by_deadline, max_u64(least_ns, WAIT_CALLS * service_ns));
}

u32 server_admit_retry_after(const struct served_route *route)
{
    u64 wait_ns = route->load.waiting * first_part(route);
    return (u32)min_u64(1 + wait_ns / 1000000000, RETRY_MAX_S);
}

/* ---- the decision ---- */

static enum admission refuse(struct server_request *r, _Atomic u64 *counter)
{
    board_add(&r->worker->board->refused, 1);
    board_add(counter, 1);
    return ADMIT_REFUSE;
}

enum admission server_admit(struct server_request *r, u64 now, struct err *err)
{
    struct worker *w = r->worker;
    struct served_route *route = r->route;
    struct scoreboard_route *board = route->board;
    const struct config_limits *limits = &route->plan->limits;
    if (server_breaker_is_open(r->attempt.version, now)) {
        err_set(err, ERR_BREAKER, ERR_NO_AT,
                "this has failed too often of late; it is tried again in a moment");
        return refuse(r, &board->shorted);
    }
    u64 running = board_get(&board->running);
    if (w->waiting == 0 && running < limits->concurrency &&
        sched_ready_count(w->sched).first < WINDOW && route->load.service_ns <= SLICE_NS)
        return ADMIT_START;
    if (running + route->load.waiting >= limits->concurrency + limits->queue) {
        err_set(err, ERR_ROUTE_BUSY, ERR_NO_AT,
                "%llu requests of this route are running and %u waiting",
                (unsigned long long)running, route->load.waiting);
        return refuse(r, &board->refused);
    }
    if (w->waiting >= w->limits->waiting) {
        err_set(err, ERR_BUSY, ERR_NO_AT, "%u requests are waiting", w->waiting);
        return refuse(r, &board->shed);
    }
    u64 wait_ns = estimate_wait(w, route);
    if (wait_ns > allowed_wait(r, now)) {
        err_set(err, ERR_BUSY, ERR_NO_AT, "it would have to wait for about %llu ms",
                (unsigned long long)(wait_ns / 1000000 + 1));
        refuse(r, &board->shed);
        return ADMIT_HOLD;
    }
    return w->waiting == 0 && sched_ready_count(w->sched).first < WINDOW ? ADMIT_START : ADMIT_WAIT;
}
