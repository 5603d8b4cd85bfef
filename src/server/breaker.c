/*
 * server/breaker.c -- circuit breakers: a version of a route's module that keeps failing is not
 * called for a while, and then by one request at a time until one succeeds.
 *
 * Every worker counts what came of its calls in the last tenths of a window. Whoever meets a
 * failure adds up the counts of all workers and opens the breaker, which all of them see. A trap,
 * and whatever else a request may cause by what is in it, counts only if at least CLIENTS_MIN
 * clients have met one: a single client with a poisonous input closes a route for nobody else.
 */
#include "base/check.h"
#include "base/text.h"
#include "server/internal.h"
#include <arpa/inet.h>
#include <string.h>

#define CLIENTS_MIN   3
#define BACKOFF_MAX   5                 /* doublings of the time that a breaker stays open */
#define PROBE_LATE_NS ((u64)1000000000) /* beyond its wall clock, a probe is given up */

bool server_breaker_is_open(const struct served_version *version, u64 now)
{
    const struct scoreboard_breaker *breaker = version->breaker;
    u64 until = board_get(&breaker->open_until_ns);
    return until != 0 && (now < until || now < board_get(&breaker->probe_until_ns));
}

u32 server_breaker_retry_after(const struct served_version *version, u64 now)
{
    u64 until = board_get(&version->breaker->open_until_ns);
    return until > now ? (u32)((until - now) / 1000000000 + 1) : 1;
}

bool server_breaker_admit(struct server_attempt *attempt, u64 now)
{
    struct scoreboard_breaker *breaker = attempt->version->breaker;
    attempt->is_probe = false;
    if (board_get(&breaker->open_until_ns) == 0)
        return true;
    u64 until = board_get(&breaker->probe_until_ns);
    if (server_breaker_is_open(attempt->version, now))
        return false;
    u64 late = now + attempt->route->plan->limits.wall_ns + PROBE_LATE_NS;
    attempt->is_probe = atomic_compare_exchange_strong(&breaker->probe_until_ns, &until, late);
    return attempt->is_probe;
}

/* ---- counting ---- */

static u64 bucket_ns(const struct config_limits *limits)
{
    return max_u64(limits->breaker_window_ns / SCOREBOARD_BUCKETS, 1);
}

static u32 get(const _Atomic u32 *count)
{
    return atomic_load_explicit((_Atomic u32 *)(uintptr_t)count, memory_order_relaxed);
}

static void add(_Atomic u32 *count)
{
    atomic_store_explicit(count, get(count) + 1, memory_order_relaxed);
}

static struct scoreboard_bucket *bucket_now(const struct served_version *version, u64 index)
{
    struct scoreboard_bucket *bucket = &version->window[index % SCOREBOARD_BUCKETS];
    if (board_get(&bucket->index) == index)
        return bucket;
    atomic_store_explicit(&bucket->good, 0, memory_order_relaxed);
    atomic_store_explicit(&bucket->input, 0, memory_order_relaxed);
    atomic_store_explicit(&bucket->other, 0, memory_order_relaxed);
    for (u32 i = 0; i < SCOREBOARD_BUCKET_CLIENTS; i++)
        atomic_store_explicit(&bucket->clients[i], 0, memory_order_relaxed);
    board_set(&bucket->index, index);
    return bucket;
}

static void remember_client(struct scoreboard_bucket *bucket, u32 client)
{
    for (u32 i = 0; i < SCOREBOARD_BUCKET_CLIENTS; i++) {
        u32 known = get(&bucket->clients[i]);
        if (known == client)
            return;
        if (known == 0) {
            atomic_store_explicit(&bucket->clients[i], client, memory_order_relaxed);
            return;
        }
    }
}

/* A client is an address, of IPv6 the network of 64 bits, in which it may choose its own. */
static u32 client_hash(const char *client)
{
    struct in6_addr v6;
    const char *bytes = client;
    size_t len = client == NULL ? 0 : strlen(client);
    if (client != NULL && inet_pton(AF_INET6, client, &v6) == 1 && !IN6_IS_ADDR_V4MAPPED(&v6)) {
        bytes = (const char *)&v6;
        len = 8;
    }
    return (u32)(text_hash(bytes, len) >> 32) | 1;
}

/* ---- deciding ---- */

static void tally_client(struct breaker_tally *tally, u32 client)
{
    for (u32 i = 0; i < tally->client_count; i++)
        if (tally->clients[i] == client)
            return;
    if (client != 0 && tally->client_count < BREAKER_CLIENTS_SEEN)
        tally->clients[tally->client_count++] = client;
}

static void tally_window(struct breaker_tally *tally, const struct scoreboard_bucket *window,
                         u64 from, u64 to)
{
    for (u32 i = 0; i < SCOREBOARD_BUCKETS; i++) {
        const struct scoreboard_bucket *bucket = &window[i];
        u64 index = board_get(&bucket->index);
        if (index < from || index > to)
            continue;
        tally->good += get(&bucket->good);
        tally->input += get(&bucket->input);
        tally->other += get(&bucket->other);
        for (u32 k = 0; k < SCOREBOARD_BUCKET_CLIENTS; k++)
            tally_client(tally, get(&bucket->clients[k]));
    }
}

void server_breaker_tally(const struct breaker_view *view, u64 now, struct breaker_tally *out)
{
    const struct config_limits *limits = &view->plan->routes[view->route].limits;
    u32 route_count = view->plan->route_count;
    u64 index = now / bucket_ns(limits);
    u64 closed_ns =
        board_get(&scoreboard_breaker(view->board, view->route, view->version)->closed_at_ns);
    u64 from = index < SCOREBOARD_BUCKETS ? 0 : index - SCOREBOARD_BUCKETS + 1;
    if (closed_ns > 0)
        from = max_u64(from, closed_ns / bucket_ns(limits) + 1);
    *out = (struct breaker_tally){0};
    for (u32 i = 0; i < view->worker_count; i++)
        tally_window(
            out, scoreboard_route(view->board, route_count, i, view->route)->windows[view->version],
            from, index);
}

static bool should_open(const struct worker *w, const struct server_attempt *attempt, u64 now)
{
    struct breaker_tally tally;
    const struct config_limits *limits = &attempt->route->plan->limits;
    const struct breaker_view view = {
        .board = w->config->board,
        .plan = w->plan,
        .worker_count = w->config->worker_count,
        .route = (u32)(attempt->route - w->table.routes),
        .version = (u32)(attempt->version - attempt->route->versions),
    };
    server_breaker_tally(&view, now, &tally);
    u64 failures = tally.other + (tally.client_count >= CLIENTS_MIN ? tally.input : 0);
    return failures >= limits->breaker_failures &&
           failures >= tally.good + tally.input + tally.other - failures;
}

static void open_for(struct scoreboard_breaker *breaker, u64 now, u64 for_ns)
{
    board_set(&breaker->open_until_ns, now + for_ns);
    board_set(&breaker->probe_until_ns, 0);
    board_add(&breaker->opened, 1);
}

/* What came of the one request that was let through. */
static void end_probe(struct server_attempt *attempt, enum breaker_outcome outcome, u64 now)
{
    struct scoreboard_breaker *breaker = attempt->version->breaker;
    attempt->is_probe = false;
    if (outcome == BREAKER_GOOD) {
        board_set(&breaker->closed_at_ns, now);
        board_set(&breaker->streak, 0);
        board_set(&breaker->probe_until_ns, 0);
        board_set(&breaker->open_until_ns, 0);
    } else if (outcome == BREAKER_NEUTRAL) {
        board_set(&breaker->probe_until_ns, 0); /* the next one is the probe */
    } else {
        /* One client's input does not keep the others waiting for longer and longer. */
        u64 streak = board_get(&breaker->streak) + (outcome == BREAKER_OTHER);
        board_set(&breaker->streak, streak);
        open_for(breaker, now,
                 attempt->route->plan->limits.breaker_open_ns << min_u64(streak, BACKOFF_MAX));
    }
}

void server_breaker_tell(struct worker *w, struct server_attempt *attempt,
                         enum breaker_outcome outcome, const char *client)
{
    u64 now = loop_now_ns(w->loop);
    if (attempt->is_probe) {
        end_probe(attempt, outcome, now);
        return;
    }
    if (outcome == BREAKER_NEUTRAL)
        return;
    struct scoreboard_bucket *bucket =
        bucket_now(attempt->version, now / bucket_ns(&attempt->route->plan->limits));
    if (outcome == BREAKER_GOOD) {
        add(&bucket->good);
        return;
    }
    if (outcome == BREAKER_INPUT)
        remember_client(bucket, client_hash(client));
    add(outcome == BREAKER_INPUT ? &bucket->input : &bucket->other);
    struct scoreboard_breaker *breaker = attempt->version->breaker;
    if (board_get(&breaker->open_until_ns) == 0 && should_open(w, attempt, now))
        open_for(breaker, now, attempt->route->plan->limits.breaker_open_ns);
}
