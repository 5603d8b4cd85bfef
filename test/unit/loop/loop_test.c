#include "loop/loop.h"
#include "test/test.h"
#include "base/file.h"
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct peer {
    struct loop_watch watch; /* first */
    struct loop *loop;
    struct peer *remove; /* by the callback */
    u32 calls, events;
};

static void note(struct loop_watch *watch, u32 events)
{
    struct peer *peer = (struct peer *)watch;
    peer->calls++;
    peer->events = events;
    if (peer->remove != NULL)
        loop_remove(peer->loop, &peer->remove->watch);
}

static struct loop *make(void)
{
    struct loop *loop;
    assert_true(loop_create(&loop, NULL));
    return loop;
}

static void events_of_a_descriptor(void **state)
{
    (void)state;
    int pair[2];
    struct loop *loop = make();
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    struct peer peer = {.watch = {.fd = pair[0], .fn = note}, .loop = loop};
    assert_true(loop_add(loop, &peer.watch, LOOP_READ, NULL));
    loop_poll(loop, 0);
    assert_int_equal(peer.calls, 0);
    assert_int_equal(write(pair[1], "x", 1), 1);
    loop_poll(loop, UINT64_MAX);
    loop_poll(loop, UINT64_MAX); /* level-triggered: still unread */
    assert_int_equal(peer.calls, 2);
    assert_int_equal(peer.events, LOOP_READ);
    loop_change(loop, &peer.watch, LOOP_WRITE);
    loop_poll(loop, UINT64_MAX);
    assert_int_equal(peer.events, LOOP_WRITE);
    loop_change(loop, &peer.watch, 0);
    loop_poll(loop, 0);
    assert_int_equal(peer.calls, 3);
    close(pair[1]);
    loop_poll(loop, UINT64_MAX);
    assert_int_equal(peer.events, LOOP_HANGUP);
    loop_remove(loop, &peer.watch);
    loop_poll(loop, 0);
    assert_int_equal(peer.calls, 4);
    struct err err = {0};
    peer.watch.fd = -1;
    assert_false(loop_add(loop, &peer.watch, LOOP_READ, &err));
    assert_int_equal(err.code, ERR_SYSTEM);
    close(pair[0]);
    loop_destroy(&loop);
}

static void a_removed_watch_is_not_called(void **state)
{
    (void)state;
    int pair[2];
    struct loop *loop = make();
    struct peer peers[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    for (u32 i = 0; i < 2; i++) {
        peers[i] = (struct peer){.watch = {.fd = pair[i], .fn = note}, .loop = loop};
        peers[i].remove = &peers[1 - i]; /* whichever comes first removes the other */
        assert_true(loop_add(loop, &peers[i].watch, LOOP_WRITE, NULL));
    }
    loop_poll(loop, UINT64_MAX);
    assert_int_equal(peers[0].calls + peers[1].calls, 1);
    close(pair[0]);
    close(pair[1]);
    loop_destroy(&loop);
}

struct alarm {
    struct loop_timer timer; /* first */
    struct loop *loop;
    u32 *order, number;
    bool again;
};

static void ring(struct loop_timer *timer)
{
    struct alarm *alarm = (struct alarm *)timer;
    alarm->order[alarm->order[0]++ + 1] = alarm->number;
    if (alarm->again)
        loop_timer_start(alarm->loop, timer, 1);
}

static void timers_ring_in_order(void **state)
{
    (void)state;
    enum { COUNT = 500 };
    static struct alarm alarms[COUNT];
    static u32 order[COUNT + 1];
    struct loop *loop = make();
    u32 seed = 1, stopped = 0;
    for (u32 i = 0; i < COUNT; i++) {
        seed = seed * 1664525 + 1013904223;
        alarms[i] = (struct alarm){.timer.fn = ring, .loop = loop, .order = order, .number = i};
        loop_timer_start(loop, &alarms[i].timer, 1 + seed % 1000);
        if (i % 3 == 0)
            loop_timer_start(loop, &alarms[i].timer, 1 + seed % 777); /* moved */
    }
    for (u32 i = 0; i < COUNT; i += 7, stopped++)
        loop_timer_stop(loop, &alarms[i].timer);
    loop_poll(loop, UINT64_MAX);
    assert_int_equal(order[0], COUNT - stopped);
    for (u32 i = 1; i <= order[0]; i++) {
        assert_int_not_equal(order[i] % 7, 0);
        assert_true(i == 1 || alarms[order[i - 1]].timer.at_ns <= alarms[order[i]].timer.at_ns);
    }
    loop_destroy(&loop);
}

static void a_timer_that_restarts_does_not_hold_the_loop(void **state)
{
    (void)state;
    u32 order[8] = {0};
    struct loop *loop = make();
    struct alarm alarm = {.timer.fn = ring, .loop = loop, .order = order, .again = true};
    loop_timer_start(loop, &alarm.timer, 1);
    loop_poll(loop, 0);
    loop_poll(loop, 0);
    assert_int_equal(order[0], 2);
    loop_timer_stop(loop, &alarm.timer);
    loop_timer_stop(loop, &alarm.timer);
    loop_destroy(&loop);
}

static void a_wait_ends_at_the_next_timer(void **state)
{
    (void)state;
    u32 order[4] = {0};
    struct loop *loop = make();
    struct alarm alarm = {.timer.fn = ring, .loop = loop, .order = order};
    u64 at = clock_monotonic_ns() + 3000000;
    loop_timer_start(loop, &alarm.timer, at);
    loop_poll(loop, UINT64_MAX);
    while (order[0] == 0)
        loop_poll(loop, UINT64_MAX);
    assert_true(loop_now_ns(loop) >= at);
    loop_destroy(&loop);
}

static struct loop *woken;
static void on_signal(int number)
{
    (void)number;
    loop_wake(woken);
}

static void a_wake_up_ends_a_wait(void **state)
{
    (void)state;
    struct loop *loop = make();
    woken = loop;
    signal(SIGUSR1, on_signal);
    raise(SIGUSR1);
    raise(SIGUSR1);
    loop_poll(loop, UINT64_MAX); /* would wait for ever without it */
    loop_poll(loop, 0);
    signal(SIGUSR1, SIG_DFL);
    loop_destroy(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_of_a_descriptor),
        cmocka_unit_test(a_removed_watch_is_not_called),
        cmocka_unit_test(timers_ring_in_order),
        cmocka_unit_test(a_timer_that_restarts_does_not_hold_the_loop),
        cmocka_unit_test(a_wait_ends_at_the_next_timer),
        cmocka_unit_test(a_wake_up_ends_a_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
