#include "server/status.h"
#include "test/test.h"
#include <stdlib.h>
#include <string.h>

#define S       ((u64)1000000000)
#define NOW     (1000 * S)
#define WORKERS 3
#define ROUTES  3
#define OUT_MAX MIB

/* A board filled by hand: a serving worker, a starting one, one that has gone; the breakers of
 * three routes closed, open and half-open. */
struct shown {
    struct scoreboard *board;
    struct server_plan plan;
    struct server_route routes[ROUTES];
    struct server_status status;
    struct buf out;
};

static const struct server_module modules[] = {{.name = "vec"}, {.name = "old"}};

static void fill_workers(struct scoreboard *board)
{
    struct scoreboard_worker *serving = &board->workers[0], *gone = &board->workers[2];
    board_set(&serving->pid, 501);
    board_set(&serving->started_ns, NOW - 61 * S);
    board_set(&serving->heartbeat_ns, NOW - S / 4);
    board_set(&board->workers[1].pid, 502);
    board_set(&gone->starts, 1);
    board_set(&gone->requests, 1000);
    _Atomic u64 *counters[] = {
        &serving->connections,   &serving->in_flight,     &serving->starts,
        &serving->accepted,      &serving->requests,      &serving->responses_2xx,
        &serving->responses_4xx, &serving->responses_5xx, &serving->traps,
        &serving->deadlines,     &serving->refused,       &serving->guest_cpu_ns,
        &serving->log_dropped,   &serving->memory_bytes,  &serving->memory_max_bytes,
        &serving->memory_ended,  &serving->evicted,
    };
    for (u64 i = 0; i < COUNT_OF(counters); i++)
        board_set(counters[i], 11 + i);
    board_set(&serving->guest_cpu_ns, 3 * S + 1999);
}

static void fill_route(struct scoreboard_route *route, u64 first)
{
    _Atomic u64 *counters[] = {&route->requests, &route->running,   &route->waiting,
                               &route->traps,    &route->deadlines, &route->refused,
                               &route->shed,     &route->shorted};
    for (u64 i = 0; i < COUNT_OF(counters); i++)
        board_set(counters[i], first + i);
    for (u64 i = 0; i < SCOREBOARD_OUTCOMES; i++)
        board_set(&route->outcomes[i], first + 20 + i);
    board_set(&route->cpu_ns, 2 * S);
}

static void fill_window(struct scoreboard_bucket *bucket, u64 index, u32 good, u32 input, u32 other,
                        u32 client)
{
    board_set(&bucket->index, index);
    atomic_store(&bucket->good, good);
    atomic_store(&bucket->input, input);
    atomic_store(&bucket->other, other);
    atomic_store(&bucket->clients[0], client);
}

static void fill_breakers(struct scoreboard *board)
{
    struct scoreboard_breaker *open = scoreboard_breaker(board, 0, 1);
    struct scoreboard_breaker *half_open = scoreboard_breaker(board, 1, 0);
    board_set(&open->open_until_ns, NOW + 4 * S + S / 2);
    board_set(&open->opened, 7);
    board_set(&half_open->open_until_ns, NOW - 1);
    board_set(&half_open->opened, 1);
    /* Buckets of one second: the window is (990, 1000]. */
    fill_window(&scoreboard_route(board, ROUTES, 0, 0)->windows[0][0], 1000, 5, 1, 2, 77);
    fill_window(&scoreboard_route(board, ROUTES, 1, 0)->windows[0][1], 991, 3, 1, 0, 78);
    fill_window(&scoreboard_route(board, ROUTES, 2, 0)->windows[0][2], 990, 100, 100, 100, 79);
}

static int set_up(void **state)
{
    struct shown *t = calloc(1, sizeof *t);
    size_t len = round_up(scoreboard_size(WORKERS, ROUTES), 64);
    t->board = aligned_alloc(64, len);
    memset(t->board, 0, len);
    t->board->supervisor_pid = 500;
    t->board->started_ns = NOW - 370 * S;
    t->board->started_unix_ns = 1799999630 * S;
    for (u32 i = 0; i < ROUTES; i++)
        t->routes[i] = (struct server_route){
            .name = i == 0   ? "a"
                    : i == 1 ? "b"
                             : "c",
            .path = i == 0   ? "/a"
                    : i == 1 ? "/b"
                             : "/c",
            .previous = i == 0 ? 1 : SERVER_NO_MODULE,
            .limits = config_limits_default(),
        };
    t->plan = (struct server_plan){
        .modules = modules, .module_count = 2, .routes = t->routes, .route_count = ROUTES};
    t->status = (struct server_status){.plan = &t->plan,
                                       .board = t->board,
                                       .worker_count = WORKERS,
                                       .url = "http://127.0.0.1:8080",
                                       .now_ns = NOW};
    fill_workers(t->board);
    fill_route(scoreboard_route(t->board, ROUTES, 0, 0), 1);
    fill_route(scoreboard_route(t->board, ROUTES, 2, 0), 100);
    board_set(&scoreboard_route(t->board, ROUTES, 0, 0)->service_ns, 2000);
    board_set(&scoreboard_route(t->board, ROUTES, 2, 0)->service_ns, 4000);
    fill_breakers(t->board);
    buf_init(&t->out, OUT_MAX);
    *state = t;
    return 0;
}

static int tear_down(void **state)
{
    struct shown *t = *state;
    buf_fini(&t->out);
    free(t->board);
    free(t);
    return 0;
}

static const char *text_of(struct buf *out)
{
    buf_add_byte(out, 0);
    assert_true(buf_ok(out));
    return (const char *)out->bytes;
}

static void expect_within(const char *text, const char *want)
{
    if (strstr(text, want) == NULL)
        fail_msg("no %s\nin %s", want, text);
}

static void json(void **state)
{
    struct shown *t = *state;
    server_status_json(&t->status, &t->out);
    const char *text = text_of(&t->out);
    static const char *const wanted[] = {
        "{\"service\":\"weir\",\"version\":\"" WEIR_VERSION
        "\",\"address\":\"http://127.0.0.1:8080\",\"pid\":500,"
        "\"started_unix_s\":1799999630.000000,\"uptime_s\":370.000000,\"totals\":{",
        "\"totals\":{\"connections\":11,\"in_flight\":12,\"starts\":14,\"accepted\":14,"
        "\"evicted\":27,\"requests\":1015,\"responses_2xx\":16,\"responses_4xx\":17,\"responses_"
        "5xx\":18,"
        "\"traps\":19,\"deadlines\":20,\"refused\":21,\"guest_cpu_s\":3.000001,"
        "\"memory_bytes\":24,\"memory_max_bytes\":25,\"memory_ended\":26,"
        "\"log_dropped\":23},\"workers\":[",
        "{\"worker\":0,\"state\":\"serving\",\"pid\":501,\"age_s\":61.000000,"
        "\"heartbeat_age_s\":0.250000,\"connections\":11,\"in_flight\":12,\"starts\":13,"
        "\"accepted\":14,\"evicted\":27,\"requests\":15,\"responses_2xx\":16,\"responses_4xx\":17,"
        "\"responses_5xx\":18,\"traps\":19,\"deadlines\":20,\"refused\":21,"
        "\"guest_cpu_s\":3.000001,\"memory_bytes\":24,\"memory_max_bytes\":25,"
        "\"memory_ended\":26,\"log_dropped\":23},",
        "{\"worker\":1,\"state\":\"starting\",\"pid\":502,\"age_s\":0.000000,"
        "\"heartbeat_age_s\":0.000000,",
        "{\"worker\":2,\"state\":\"gone\",\"pid\":0,\"age_s\":0.000000,"
        "\"heartbeat_age_s\":0.000000,\"connections\":0,\"in_flight\":0,\"starts\":1,"
        "\"accepted\":0,\"evicted\":0,\"requests\":1000,",
        "\"routes\":[{\"route\":\"a\",\"path\":\"/a\",\"module\":\"vec\",\"requests\":101,"
        "\"running\":103,\"waiting\":105,\"answers_own\":149,\"answers_previous\":141,"
        "\"answers_route\":143,\"answers_stale\":145,\"answers_static\":147,"
        "\"answers_built_in\":151,\"traps\":107,\"deadlines\":109,\"refused\":111,\"shed\":113,"
        "\"shorted\":115,\"cpu_s\":4.000000,\"service_s\":0.000003,\"versions\":["
        "{\"version\":\"current\",\"breaker\":\"closed\",\"retry_s\":0.000000,\"opened\":0,"
        "\"window_good\":8,\"window_failures\":4,\"window_clients\":2},"
        "{\"version\":\"previous\",\"breaker\":\"open\",\"retry_s\":4.500000,\"opened\":7,"
        "\"window_good\":0,\"window_failures\":0,\"window_clients\":0}]},",
        "{\"route\":\"b\",\"path\":\"/b\",\"module\":\"vec\",\"requests\":0,",
        "\"versions\":[{\"version\":\"current\",\"breaker\":\"half-open\",\"retry_s\":0.000000,"
        "\"opened\":1,\"window_good\":0,\"window_failures\":0,\"window_clients\":0}]},"
        "{\"route\":\"c\",",
    };
    for (size_t i = 0; i < COUNT_OF(wanted); i++)
        expect_within(text, wanted[i]);
    assert_string_equal(text + strlen(text) - 5, "]}]}\n");
}

static void what_closed_a_breaker_begins_its_window_anew(void **state)
{
    struct shown *t = *state;
    assert_int_equal(server_status_value(&t->status, STATUS_VERSION_window_good, 0, 0), 8);
    board_set(&scoreboard_breaker(t->board, 0, 0)->closed_at_ns, NOW - 5 * S);
    assert_int_equal(server_status_value(&t->status, STATUS_VERSION_window_good, 0, 0), 5);
    assert_int_equal(server_status_value(&t->status, STATUS_VERSION_window_failures, 0, 0), 3);
    assert_int_equal(server_status_value(&t->status, STATUS_VERSION_window_clients, 0, 0), 1);
}

static void metrics(void **state)
{
    struct shown *t = *state;
    t->plan.name = "a \"shop\"\\\n";
    server_status_metrics(&t->status, &t->out);
    const char *text = text_of(&t->out);
    static const char *const wanted[] = {
        "weir_info{service=\"a \\\"shop\\\"\\\\\\n\",version=\"" WEIR_VERSION
        "\",address=\"http://127.0.0.1:8080\"} 1\n",
        "# HELP weir_start_time_seconds when the server was started, since 1970\n"
        "# TYPE weir_start_time_seconds gauge\nweir_start_time_seconds 1799999630.000000\n",
        "# TYPE weir_worker_state gauge\nweir_worker_state{worker=\"0\",state=\"gone\"} 0\n"
        "weir_worker_state{worker=\"0\",state=\"starting\"} 0\n"
        "weir_worker_state{worker=\"0\",state=\"serving\"} 1\n"
        "weir_worker_state{worker=\"1\",state=\"gone\"} 0\n"
        "weir_worker_state{worker=\"1\",state=\"starting\"} 1\n",
        "# TYPE weir_worker_responses_total counter\n"
        "weir_worker_responses_total{worker=\"0\",class=\"2xx\"} 16\n"
        "weir_worker_responses_total{worker=\"1\",class=\"2xx\"} 0\n"
        "weir_worker_responses_total{worker=\"2\",class=\"2xx\"} 0\n"
        "weir_worker_responses_total{worker=\"0\",class=\"4xx\"} 17\n",
        "weir_worker_guest_cpu_seconds_total{worker=\"0\"} 3.000001\n",
        "weir_route_requests_total{route=\"a\"} 101\n",
        "weir_route_answers_total{route=\"a\",by=\"built-in\"} 151\n",
        "weir_breaker_state{route=\"a\",version=\"previous\",state=\"open\"} 1\n"
        "weir_breaker_state{route=\"a\",version=\"previous\",state=\"half-open\"} 0\n"
        "weir_breaker_state{route=\"b\",version=\"current\",state=\"closed\"} 0\n"
        "weir_breaker_state{route=\"b\",version=\"current\",state=\"open\"} 0\n"
        "weir_breaker_state{route=\"b\",version=\"current\",state=\"half-open\"} 1\n"
        "weir_breaker_state{route=\"c\",version=\"current\",state=\"closed\"} 1\n",
        "weir_breaker_retry_seconds{route=\"a\",version=\"previous\"} 4.500000\n",
    };
    for (size_t i = 0; i < COUNT_OF(wanted); i++)
        expect_within(text, wanted[i]);
    assert_null(strstr(text, "weir_ "));
    assert_null(strstr(text, "route=\"b\",version=\"previous\""));
}

/* Names come from files and modules: nothing of them reaches a terminal as it is. */
static void lines_for_people(void **state)
{
    struct shown *t = *state;
    t->plan.name = "shop\x1b[2J\n";
    t->routes[2].name = "c\r\xc2\x9b";
    server_status_text(&t->status, &t->out);
    const char *text = text_of(&t->out);
    static const char *const wanted[] = {
        "shop?[2J? at http://127.0.0.1:8080, weir " WEIR_VERSION ", process 500, for 6 min\n\n",
        "     0  serving      501     11      12         15      19        20      21  1 min, "
        "start 13\n",
        "     1  starting     502      0       0          0       0         0       0  0 s\n",
        "     2  gone           0      0       0       1000       0         0       0  0 s\n",
        "       101     107       109       576     151     111     105  a /a, breaker closed; "
        "version before: breaker open, tries in 5 s\n",
        "b /b, breaker half-open\n",
        "c??? /c, breaker closed\n",
    };
    for (size_t i = 0; i < COUNT_OF(wanted); i++)
        expect_within(text, wanted[i]);
    for (const char *c = text; *c != 0; c++)
        assert_true(*c == '\n' || (u8)*c >= 0x20);
}

/* What does not fit is said to have failed, and nothing is written beyond it. */
static void a_small_buffer(void **state)
{
    struct shown *t = *state;
    for (size_t limit = 0; limit < 3000; limit += 7) {
        struct buf out;
        buf_init(&out, limit);
        server_status_metrics(&t->status, &out);
        assert_false(buf_ok(&out));
        assert_true(out.len <= limit);
        buf_clear(&out);
        out.limit_bytes = limit / 4;
        server_status_json(&t->status, &out);
        assert_false(buf_ok(&out));
        buf_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(json, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_closed_a_breaker_begins_its_window_anew, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(metrics, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lines_for_people, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_small_buffer, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
