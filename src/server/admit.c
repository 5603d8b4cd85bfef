/*
 * server/admit.c -- which requests start, which wait and which are refused.
 *
 * Requests of a route wait in its own list, and the routes take turns: one that is flooded delays
 * itself. A few short calls keep the processor busy, or one of middling length of each route, so no
 * more of a kind are handed to the scheduler: newcomers would only overtake those that have begun.
 *
 * A request that would wait too long is refused at once, which is cheaper than to let it wait and
 * miss its deadline. While the queue empties now and then, it is a burst, and may last as long as
 * the deadline allows. A queue that has not been empty for STANDING_NS only adds delay: then
 * requests wait no longer than a few calls take. A client that sends its next request as soon as it
 * has been answered is more patient: it paces itself by us, and lengthens no queue. In an overload
 * all clients look like that, and a queue that happens to be empty is filled at once: neither
 * counts while many of the route's requests are refused. And whoever has waited there longer than
 * was foreseen is refused when his turn comes: he is late, and would make those behind him late.
 *
 * Routes whose calls take much memory wait apart while there is little (memory.c): they have no
 * turn, and the others' queues are as long as they would be without them.
 *
 * A refusal is held for a moment: clients that come back at once would keep us busy with refusing
 * them.
 */
#include "base/check.h"
#include "server/internal.h"

#define WINDOW        4               /* calls at a time that have never run */
#define SHORT_NS      ((u64)1000000)  /* calls that are done before they are preempted */
#define STANDING_NS   ((u64)50000000) /* a queue that lasts so long is no burst */
#define WAIT_CALLS    5               /* what it may cost then: so many calls' time, */
#define WAIT_MIN_NS   ((u64)5000000)  /* and at least this, */
#define WAIT_PACED_NS ((u64)50000000) /* or this, for a client that paces itself; */
#define FLOOD_CALLS   3               /* in an overload so many calls' time, */
#define FLOOD_MIN_NS  ((u64)2000000)  /* and at least this */
#define FLOOD_NS      ((u64)50000000) /* a window in which at least */
#define FLOOD_PART    10              /* one of so many was refused: an overload in the next */
#define OVERHEAD_NS   ((u64)15000)    /* of a request, beside its call */
#define SERVICE_PART  8               /* weight of the past against a new call's time, */
#define SERVICE_JUMP  4  /* of which an odd one counts for so many times the past at most */
#define ROUTES_LOOKED 64 /* at in the ring, for an estimate */
#define RETRY_MAX_S   60

/* ---- what is ahead of a route's calls ---- */

/* Calls of a route compete with those that have not used more than it takes itself: what needs
 * less overtakes it, what has had more gives way to it. */
static enum sched_level level_of(const struct served_route *route)
{
    u64 typical_ns = route->load.typical_ns;
    return typical_ns <= SHORT_NS ? SCHED_FIRST : sched_level_of(typical_ns);
}

/* Newcomers would only slow down, and overtake, those that are begun. Short calls come a few at a
 * time, and long ones share. Those between take turns, from their route's first slice on: if they
 * began together, all of them would end as late as the last. */
static bool is_crowded(const struct worker *w, const struct served_route *route)
{
    enum sched_level level = level_of(route);
    u32 fresh = sched_ready_count(w->sched, SCHED_FIRST);
    if (fresh >= WINDOW || server_memory_keeps_waiting(w, route))
        return true;
    if (level == SCHED_FIRST || level == SCHED_REST)
        return false;
    const struct sched_task *newest = route->load.newest;
    bool has_fresh = newest != NULL && !sched_task_has_run(newest);
    return has_fresh || sched_ready_count(w->sched, level) > fresh;
}

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
    w->waiting_routes += load->waiting == 0;
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
    r->worker->waiting_routes -= load->waiting == 0;
    count_waiting(r->worker, r->route);
}

u32 server_admit_waiting(const struct worker *w)
{
    u32 count = w->waiting;
    const struct served_route *at = w->turn;
    for (u32 i = 0; count > 0 && at != NULL && i < ROUTES_LOOKED; i++) {
        at = at->load.next_turn;
        if (server_memory_keeps_waiting(w, at))
            count -= at->load.waiting;
        if (at == w->turn)
            break;
    }
    return count;
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

/* Notes up to which level there is nothing to do: a queue that begins now is a burst. */
static void note_idle(struct worker *w, bool nobody_waits)
{
    u32 idle = nobody_waits ? sched_idle_levels(w->sched) : 0;
    for (u32 level = SCHED_FIRST; level < idle; level++)
        w->idle_ns[level] = loop_now_ns(w->loop);
}

/* One that is crowded out has no turn, and keeps nobody else from his. */
void server_admit_turn(struct worker *w)
{
    struct served_route *last = w->turn;
    bool goes_on = true;
    for (u32 i = 0; goes_on && w->turn != NULL && i < ROUTES_LOOKED; i++) {
        struct served_route *route = ring_take(w);
        if (!is_crowded(w, route)) {
            goes_on = take_turn(w, route);
            last = w->turn;
        } else {
            ring_add(w, route);
            goes_on = route != last;
        }
    }
    note_idle(w, server_admit_waiting(w) == 0);
}

/* Moves towards a new call's time, by a step of the same size whatever that is: to the median. */
static u64 median_step(u64 median_ns, u64 cpu_ns)
{
    if (median_ns == 0)
        return cpu_ns;
    u64 step_ns = max_u64(median_ns / SERVICE_PART, 1);
    return cpu_ns > median_ns ? median_ns + step_ns : median_ns - step_ns;
}

void server_admit_done(struct served_route *route, const struct sched_result *result,
                       struct worker *w)
{
    struct route_load *load = &route->load;
    u64 past_ns = load->service_ns, cpu_ns = result->cpu_ns;
    /* One slice is measured by the clock on the wall: the system may have kept it waiting. */
    if (past_ns > 0 && result->slices <= 1)
        cpu_ns = min_u64(cpu_ns, SERVICE_JUMP * past_ns + OVERHEAD_NS);
    load->service_ns =
        past_ns == 0 ? cpu_ns : (past_ns * (SERVICE_PART - 1) + cpu_ns) / SERVICE_PART;
    load->typical_ns = median_step(load->typical_ns, cpu_ns);
    board_set(&route->board->service_ns, load->service_ns);
    board_add(&route->board->cpu_ns, result->cpu_ns);
    board_add(&route->board->running, (u64)-1);
    if (load->waiting > 0)
        ring_add(w, route);
}

/* ---- estimates ---- */

/* What a call of another route costs one of this: no more than it takes itself. */
static u64 cost_of(const struct served_route *other, const struct served_route *route)
{
    return min_u64(other->load.service_ns, max_u64(route->load.service_ns, SHORT_NS)) + OVERHEAD_NS;
}

/* How long a new request of the route would wait, beyond its own call's time: for the calls that
 * are begun, for its route's queue, and for the other routes' turns. */
static u64 estimate_wait(const struct worker *w, const struct served_route *route)
{
    u64 begun = sched_ready_count(w->sched, level_of(route)), mine = route->load.waiting;
    u64 wait_ns = (begun + mine) * cost_of(route, route);
    const struct served_route *at = w->turn;
    for (u32 i = 0; at != NULL && i < ROUTES_LOOKED; i++) {
        at = at->load.next_turn;
        if (at != route && !server_memory_keeps_waiting(w, at))
            wait_ns += min_u64(at->load.waiting, mine + 1) * cost_of(at, route);
        if (at == w->turn)
            break;
    }
    return wait_ns;
}

/* What a queue may cost in an overload. */
static u64 flood_wait(u64 service_ns)
{
    return max_u64(FLOOD_MIN_NS, FLOOD_CALLS * service_ns);
}

static u64 allowed_wait(const struct server_request *r, u64 now)
{
    const struct worker *w = r->worker;
    u64 service_ns = r->route->load.service_ns + OVERHEAD_NS;
    u64 left_ns = r->wall_end_ns - now;
    u64 by_deadline = left_ns > service_ns ? left_ns - service_ns : 0;
    if (r->route->load.flood.is_on)
        return min_u64(by_deadline, flood_wait(service_ns));
    if (now < w->idle_ns[level_of(r->route)] + STANDING_NS)
        return by_deadline;
    u64 least_ns = server_conn_is_paced(r->conn) ? WAIT_PACED_NS : WAIT_MIN_NS;
    return min_u64(by_deadline, max_u64(least_ns, WAIT_CALLS * service_ns));
}

bool server_admit_is_late(const struct server_request *r, u64 now)
{
    const struct route_load *load = &r->route->load;
    u64 service_ns = load->service_ns + OVERHEAD_NS;
    u64 late_ns = flood_wait(service_ns) + max_u64(WAIT_MIN_NS, service_ns);
    u64 since_ns = r->wall_end_ns - r->route->plan->limits.wall_ns;
    return now >= r->wall_end_ns || (load->flood.is_on && now - since_ns > late_ns);
}

u32 server_admit_retry_after(const struct served_route *route)
{
    u64 wait_ns = route->load.waiting * cost_of(route, route);
    return (u32)min_u64(1 + wait_ns / 1000000000, RETRY_MAX_S);
}

/* ---- the decision ---- */

static void flood_count(struct route_flood *flood, u64 now)
{
    if (now - flood->since_ns >= FLOOD_NS) {
        flood->is_on = flood->refused > 0 && flood->refused * FLOOD_PART >= flood->asked;
        flood->since_ns = now;
        flood->asked = flood->refused = 0;
    }
    flood->asked++;
}

/* Of the places to wait; who has fewer still finds one when others have taken all of them. */
static bool has_its_share(const struct worker *w, const struct served_route *route)
{
    bool is_new = route->load.waiting == 0;
    return (u64)route->load.waiting * (w->waiting_routes + is_new) >= w->limits->waiting;
}

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
    bool nobody_waits = server_admit_waiting(w) == 0;
    note_idle(w, nobody_waits);
    flood_count(&route->load.flood, now);
    u64 running = board_get(&board->running);
    bool is_free = nobody_waits && !is_crowded(w, route);
    if (is_free && running < limits->concurrency && route->load.service_ns <= SHORT_NS)
        return ADMIT_START;
    if (running + route->load.waiting >= limits->concurrency + limits->queue) {
        err_set(err, ERR_ROUTE_BUSY, ERR_NO_AT,
                "%llu requests of this route are running and %u waiting",
                (unsigned long long)running, route->load.waiting);
        return refuse(r, &board->refused);
    }
    if (w->waiting >= w->limits->waiting && has_its_share(w, route)) {
        err_set(err, ERR_BUSY, ERR_NO_AT, "%u requests are waiting", w->waiting);
        return refuse(r, &board->shed);
    }
    u64 wait_ns = estimate_wait(w, route);
    if (wait_ns > allowed_wait(r, now)) {
        err_set(err, ERR_BUSY, ERR_NO_AT, "it would have to wait for about %llu ms",
                (unsigned long long)(wait_ns / 1000000 + 1));
        route->load.flood.refused++;
        refuse(r, &board->shed);
        return ADMIT_HOLD;
    }
    return is_free ? ADMIT_START : ADMIT_WAIT;
}
