/* When breakers open, and for whom: with a board of three workers, and a time that is told. */
#include "server/internal.h"
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

static u64 told_ns;
#define loop_now_ns(loop) ((void)(loop), told_ns)
#include "server/breaker.c"
#include "test/test.h"

#define S       ((u64)1000000000)
#define NOW     (1000 * S)
#define WORKERS 3
#define ROUTES  2

struct fixture {
    struct scoreboard *board;
    struct server_route plans[ROUTES];
    struct server_plan plan;
    struct server_worker_config configs[WORKERS];
    struct worker *workers[WORKERS];
    struct served_route routes[WORKERS][ROUTES];
};

static const char *const clients[] = {"192.0.2.1", "192.0.2.2", "192.0.2.3"};

static struct worker *make_worker(struct fixture *f, u32 index)
{
    struct worker *w = calloc(1, sizeof *w);
    assert_non_null(w);
    f->configs[index] = (struct server_worker_config){
        .index = index, .board = f->board, .worker_count = WORKERS, .plan = f->plan};
    w->config = &f->configs[index];
    w->plan = &f->plan;
    w->table.routes = f->routes[index];
    w->table.route_count = ROUTES;
    for (u32 i = 0; i < ROUTES; i++) {
        struct served_route *route = &f->routes[index][i];
        route->plan = &f->plans[i];
        route->board = scoreboard_route(f->board, ROUTES, index, i);
        for (u32 k = 0; k < SERVER_VERSIONS; k++) {
            route->versions[k].breaker = scoreboard_breaker(f->board, i, k);
            route->versions[k].window = route->board->windows[k];
        }
    }
    return w;
}

static void begin(struct fixture *f)
{
    size_t len = round_up(scoreboard_size(WORKERS, ROUTES), 64);
    *f = (struct fixture){.board = aligned_alloc(64, len)};
    assert_non_null(f->board);
    memset(f->board, 0, len);
    told_ns = NOW;
    for (u32 i = 0; i < ROUTES; i++)
        f->plans[i].limits = (struct config_limits){.breaker_failures = 10,
                                                    .breaker_window_ns = 10 * S,
                                                    .breaker_open_ns = 5 * S,
                                                    .wall_ns = 2 * S};
    f->plan = (struct server_plan){.routes = f->plans, .route_count = ROUTES};
    for (u32 i = 0; i < WORKERS; i++)
        f->workers[i] = make_worker(f, i);
}

static void end(struct fixture *f)
{
    for (u32 i = 0; i < WORKERS; i++)
        free(f->workers[i]);
    free(f->board);
}

static struct server_attempt attempt_of(struct fixture *f, u32 worker, u32 route, u32 version)
{
    struct served_route *served = &f->routes[worker][route];
    return (struct server_attempt){.route = served, .version = &served->versions[version]};
}

/* Calls of a version of the first route that come to the same; workers take turns, and clients. */
static void tell(struct fixture *f, u32 version, enum breaker_outcome outcome, u32 count,
                 u32 client_count)
{
    for (u32 i = 0; i < count; i++) {
        struct server_attempt attempt = attempt_of(f, i % WORKERS, 0, version);
        server_breaker_tell(f->workers[i % WORKERS], &attempt, outcome, clients[i % client_count]);
    }
}

/* All workers say the same. */
static bool is_open(struct fixture *f, u32 route, u32 version)
{
    u32 count = 0;
    for (u32 i = 0; i < WORKERS; i++)
        count += server_breaker_is_open(&f->routes[i][route].versions[version], told_ns);
    assert_true(count == 0 || count == WORKERS);
    return count > 0;
}

static void versions_have_breakers_of_their_own(void **state)
{
    (void)state;
    for (u32 version = 0; version < SERVER_VERSIONS; version++) {
        struct fixture f;
        begin(&f);
        tell(&f, version, BREAKER_OTHER, 10, 1);
        assert_true(is_open(&f, 0, version));
        assert_false(is_open(&f, 0, 1 - version));
        assert_false(is_open(&f, 1, version));
        struct server_attempt other = attempt_of(&f, 2, 0, 1 - version);
        assert_true(server_breaker_admit(&other, told_ns));
        assert_false(other.is_probe);
        tell(&f, 1 - version, BREAKER_OTHER, 10, 1);
        assert_true(is_open(&f, 0, 1 - version));
        end(&f);
    }
}

static void what_opens_it(void **state)
{
    (void)state;
    static const struct {
        u32 good, others, inputs, client_count;
        bool opens;
    } rows[] = {
        {0, 9, 0, 1, false},    {0, 10, 0, 1, true}, /* the count */
        {10, 10, 0, 1, true},   {11, 10, 0, 1, false}, {11, 11, 0, 1, true},
        {100, 99, 0, 1, false},                        /* half of all calls */
        {0, 0, 100, 1, false},  {0, 0, 100, 2, false}, /* of clients enough */
        {0, 0, 9, 3, false},    {0, 0, 10, 3, true},   {10, 0, 10, 3, true},
        {11, 0, 10, 3, false},  {0, 5, 5, 3, true},    {0, 5, 5, 2, false},
        {11, 5, 5, 3, false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct fixture f;
        begin(&f);
        tell(&f, 0, BREAKER_GOOD, rows[i].good, 3);
        tell(&f, 0, BREAKER_NEUTRAL, 100, 3);
        tell(&f, 0, BREAKER_OTHER, rows[i].others, rows[i].client_count);
        tell(&f, 0, BREAKER_INPUT, rows[i].inputs, rows[i].client_count);
        if (is_open(&f, 0, 0) != rows[i].opens)
            fail_msg("row %zu", i);
        end(&f);
    }
}

static void what_is_older_than_the_window_is_forgotten(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    tell(&f, 0, BREAKER_OTHER, 5, 1);
    told_ns += 10 * S;
    tell(&f, 0, BREAKER_OTHER, 9, 1);
    assert_false(is_open(&f, 0, 0));
    told_ns += 9 * S;
    tell(&f, 0, BREAKER_OTHER, 1, 1);
    assert_true(is_open(&f, 0, 0));
    end(&f);
}

/* How many of so many requests, of all workers, may start; the last that may is in *probe. */
static u32 admitted(struct fixture *f, u32 count, struct server_attempt *probe)
{
    u32 admitted = 0;
    for (u32 i = 0; i < count; i++) {
        struct server_attempt attempt = attempt_of(f, i % WORKERS, 0, 0);
        if (server_breaker_admit(&attempt, told_ns)) {
            admitted++;
            *probe = attempt;
        }
    }
    return admitted;
}

static void one_probe_at_a_time(void **state)
{
    (void)state;
    struct fixture f;
    struct server_attempt probe;
    begin(&f);
    tell(&f, 0, BREAKER_OTHER, 10, 1);
    told_ns += 5 * S - 1;
    assert_int_equal(admitted(&f, 20, &probe), 0);
    told_ns += 1;
    assert_int_equal(admitted(&f, 20, &probe), 1);
    assert_true(probe.is_probe && is_open(&f, 0, 0));
    server_breaker_tell(f.workers[0], &probe, BREAKER_NEUTRAL, NULL); /* it says nothing */
    assert_int_equal(admitted(&f, 20, &probe), 1);
    server_breaker_tell(f.workers[0], &probe, BREAKER_OTHER, clients[0]);
    told_ns += 10 * S - 1; /* twice as long */
    assert_int_equal(admitted(&f, 20, &probe), 0);
    told_ns += 1;
    assert_int_equal(admitted(&f, 20, &probe), 1);
    told_ns += f.plans[0].limits.wall_ns + PROBE_LATE_NS - 1; /* its worker is late */
    assert_int_equal(admitted(&f, 20, &probe), 0);
    told_ns += 1; /* or has died */
    assert_int_equal(admitted(&f, 20, &probe), 1);
    server_breaker_tell(f.workers[0], &probe, BREAKER_GOOD, NULL);
    assert_false(is_open(&f, 0, 0));
    assert_int_equal(admitted(&f, 20, &probe), 20);
    assert_false(probe.is_probe);
    told_ns += S; /* what failed before has been forgotten */
    tell(&f, 0, BREAKER_OTHER, 9, 1);
    assert_false(is_open(&f, 0, 0));
    end(&f);
}

#define ROUNDS 100000u

struct race {
    struct fixture f;
    _Atomic u32 ready[2], done[2]; /* the round that each of the two has come to, and through */
    _Atomic u32 admitted;          /* in all of them */
};

/* At first without the system, which takes longer than what is to meet here. */
static void wait_for(const _Atomic u32 *at, u32 round)
{
    for (u32 i = 0; atomic_load(at) < round; i++)
        if (i > 1000)
            sched_yield();
}

/* As two workers do, which have the board in common. */
static void race(struct race *race, u32 index)
{
    for (u32 round = 1; round <= ROUNDS; round++) {
        struct server_attempt attempt = attempt_of(&race->f, index, 0, 0);
        if (index == 0)
            board_set(&attempt.version->breaker->probe_until_ns, 0);
        atomic_store(&race->ready[index], round);
        wait_for(&race->ready[1 - index], round);
        atomic_fetch_add(&race->admitted, server_breaker_admit(&attempt, told_ns));
        atomic_store(&race->done[index], round);
        wait_for(&race->done[1 - index], round);
    }
}

static void *race_other(void *arg)
{
    race(arg, 1);
    return NULL;
}

static void one_probe_of_those_at_the_same_time(void **state)
{
    (void)state;
    static struct race r;
    pthread_t thread;
    begin(&r.f);
    tell(&r.f, 0, BREAKER_OTHER, 10, 1);
    told_ns += 5 * S;
    assert_int_equal(pthread_create(&thread, NULL, race_other, &r), 0);
    race(&r, 0);
    pthread_join(thread, NULL);
    assert_int_equal(r.admitted, ROUNDS);
    end(&r.f);
}

static void clients_of_one_network_are_one(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool is_same;
    } rows[] = {
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"192.0.2.1", NULL, false},
        {NULL, NULL, true},
        {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6", true},
        {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2:ffff:4:5:6", true},
        {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::1", true},
        {"2001:db8:1:2:3:4:5:6", "2001:db8:1:3:3:4:5:6", false},
        {"2001:db8:1:2:3:4:5:6", "2001:db8:1::2:3:4", false},
        /* networks that end with zeros */
        {"2001:db8:1:0:3:4:5:6", "2001:db8:1::4", true},
        {"2001:db8::1", "2001:db8::2", true},
        {"2001:db8::1", "2001:db8::3:4:5:6", true},
        {"2001:db8::1", "2001:db8:1::1", false},
        {"::1", "::2", true},
        {"::1", "2001:db8::1", false},
        /* IPv4 on a socket of both */
        {"::ffff:192.0.2.1", "::ffff:192.0.2.1", true},
        {"::ffff:192.0.2.1", "::ffff:192.0.2.2", false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        u32 a = client_hash(rows[i].a), b = client_hash(rows[i].b);
        assert_int_not_equal(a, 0);
        if ((a == b) != rows[i].is_same)
            fail_msg("%s and %s", rows[i].a, rows[i].b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_have_breakers_of_their_own),
        cmocka_unit_test(what_opens_it),
        cmocka_unit_test(what_is_older_than_the_window_is_forgotten),
        cmocka_unit_test(one_probe_at_a_time),
        cmocka_unit_test(one_probe_of_those_at_the_same_time),
        cmocka_unit_test(clients_of_one_network_are_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
