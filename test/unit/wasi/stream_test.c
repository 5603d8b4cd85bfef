/* Pipes, sockets, streams of the caller and clocks: a guest that waits is suspended, woken by what
 * it waits for, and leaves nothing behind when it is killed. */
#include "test/unit/wasi/guest_run.h"
#include <netinet/in.h>

enum { IN = 0, OUT = 1, SOCK = 5 };

static struct guest_run *begin(void)
{
    struct guest_run *run = guest_run_begin();
    guest_new(run, NULL);
    return run;
}

static void add(struct guest_run *run, u32 number, int fd)
{
    struct err err = {0};
    guest_run_must(wasi_guest_add_host(run->guest, number, fd, &err), &err);
}

/* As if the descriptor could not have been opened anew: it blocks. */
static void make_blocking(struct guest_run *run, u32 number, int fd)
{
    struct wasi_fd *own = &run->guest->fds[number];
    assert_true(own->is_owned && own->is_nonblock);
    close(own->host);
    own->host = fd;
    own->is_owned = own->is_nonblock = false;
}

/* Turns until the guest has come to rest: it waits for something only the test can do. */
static void let_it_wait(struct guest_run *run)
{
    for (u32 i = 0; i < 4 && !run->is_done; i++)
        sched_turn(run->sched, 0);
    assert_false(run->is_done);
    assert_int_equal(sched_task_count(run->sched), 1);
}

/* ---- pipes ---- */

static void read_twice(struct guest_run *run, struct rt_instance *i)
{
    (void)run;
    u32 len;
    assert_int_equal(guest_read(i, IN, 100, &len), WASI_SUCCESS);
    assert_int_equal(len, 5);
    assert_true(guest_has(i, AT_DATA, "first"));
    assert_int_equal(guest_read(i, IN, 100, &len), WASI_SUCCESS);
    assert_int_equal(len, 0);
}

static void read_pipe(bool is_blocking)
{
    int fds[2];
    struct guest_run *run = begin();
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    add(run, IN, fds[0]);
    assert_int_equal(fcntl(fds[0], F_GETFL) & O_NONBLOCK, 0); /* it may belong to others too */
    if (is_blocking)
        make_blocking(run, IN, fds[0]);
    guest_start(run, read_twice);
    let_it_wait(run);
    assert_true(fd_write_all(fds[1], "first", 5));
    sched_turn(run->sched, UINT64_MAX);
    let_it_wait(run);
    close(fds[1]);
    guest_finish(run);
    assert_int_equal(run->kind, ABI_TRAP_NONE);
    close(fds[0]);
    guest_run_end(run);
}

static void a_pipe_is_waited_for(void **state)
{
    (void)state;
    read_pipe(false);
    read_pipe(true);
}

#define MUCH 200000u /* more than a pipe holds */

static void write_much(struct guest_run *run, struct rt_instance *i)
{
    (void)run;
    memset(wasi_bytes(i, 0, MUCH), 'x', MUCH);
    guest_iov(i, AT_DATA, MUCH - AT_DATA);
    assert_int_equal(wasi_p1_fd_write(i, OUT, AT_IOVS, 1, AT_RESULT), WASI_SUCCESS);
    assert_int_equal(guest_load_u32(i, AT_RESULT), MUCH - AT_DATA);
}

static void fill_pipe(bool is_blocking)
{
    int fds[2];
    u8 *bytes = malloc(MUCH);
    size_t total = 0;
    struct guest_run *run = begin();
    assert_non_null(bytes);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_true(fcntl(fds[1], F_SETPIPE_SZ, 4096) >= 4096);
    add(run, OUT, fds[1]);
    if (is_blocking)
        make_blocking(run, OUT, fds[1]);
    guest_start(run, write_much);
    let_it_wait(run);
    while (total < MUCH - AT_DATA) {
        ssize_t len = read(fds[0], bytes, MUCH);
        assert_true(len > 0);
        total += (size_t)len;
        for (u32 i = 0; i < 4 && !run->is_done; i++)
            sched_turn(run->sched, 0);
    }
    guest_finish(run);
    assert_int_equal(total, MUCH - AT_DATA);
    assert_int_equal(run->kind, ABI_TRAP_NONE);
    close(fds[0]);
    close(fds[1]);
    free(bytes);
    guest_run_end(run);
}

static void a_full_pipe_is_waited_for(void **state)
{
    (void)state;
    fill_pipe(false);
    fill_pipe(true);
}

static void read_nonblock(struct guest_run *run, struct rt_instance *i)
{
    (void)run;
    u32 len;
    assert_int_equal(wasi_p1_fd_fdstat_set_flags(i, IN, WASI_FDFLAG_NONBLOCK), WASI_SUCCESS);
    assert_int_equal(guest_read(i, IN, 10, &len), WASI_AGAIN);
    assert_int_equal(wasi_p1_fd_fdstat_set_flags(i, IN, WASI_FDFLAG_SYNC), WASI_NOTSUP);
    assert_int_equal(wasi_p1_fd_fdstat_set_flags(i, IN, 64), WASI_INVAL);
    assert_int_equal(wasi_p1_fd_seek(i, IN, 0, WASI_WHENCE_SET, AT_RESULT), WASI_SPIPE);
    assert_int_equal(guest_write(i, IN, "x"), WASI_NOTCAPABLE);
    assert_int_equal(wasi_p1_sock_shutdown(i, IN, 1), WASI_NOTSOCK);
}

static void a_guest_may_refuse_to_wait(void **state)
{
    (void)state;
    int fds[2];
    struct guest_run *run = begin();
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    add(run, IN, fds[0]);
    guest_do(run, read_nonblock);
    assert_int_equal(run->kind, ABI_TRAP_NONE);
    close(fds[0]);
    close(fds[1]);
    guest_run_end(run);
}

static void read_for_ever(struct guest_run *run, struct rt_instance *i)
{
    (void)run;
    u32 len;
    guest_read(i, IN, 10, &len);
}

static void a_killed_reader_leaves_nothing(void **state)
{
    (void)state;
    int fds[2];
    u32 before = count_host_fds(getpid());
    struct guest_run *run = begin();
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    add(run, IN, fds[0]);
    for (u32 k = 0; k < 3; k++) { /* a watch left behind would be in the way of the next */
        guest_start(run, read_for_ever);
        let_it_wait(run);
        sched_cancel(run->task, ABI_TRAP_CANCELLED);
        assert_true(run->is_done);
        assert_int_equal(run->kind, ABI_TRAP_CANCELLED);
    }
    close(fds[0]);
    close(fds[1]);
    guest_run_end(run);
    assert_int_equal(count_host_fds(getpid()), before);
}

/* ---- terminals ---- */

static void look_at_terminal(struct guest_run *run, struct rt_instance *i)
{
    (void)run;
    u32 len;
    assert_int_equal(wasi_p1_fd_fdstat_get(i, IN, AT_STAT), WASI_SUCCESS);
    assert_int_equal(wasi_bytes(i, AT_STAT, 1)[0], WASI_FILETYPE_CHARACTER);
    /* By these a C library tells a terminal from another device. */
    assert_int_equal(
        guest_load_u64(i, AT_STAT + 8) & (WASI_RIGHT_OF(FD_SEEK) | WASI_RIGHT_OF(FD_TELL)), 0);
    assert_int_equal(guest_write(i, IN, ""), WASI_SUCCESS); /* nothing is soon written */
    assert_int_equal(guest_read(i, IN, 0, &len), WASI_SUCCESS);
    assert_int_equal(guest_read(i, IN, 100, &len), WASI_SUCCESS);
    assert_int_equal(len, 5);
    assert_true(guest_has(i, AT_DATA, "line\n"));
}

static void a_terminal_is_waited_for(void **state)
{
    (void)state;
    struct guest_run *run = begin();
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    int terminal = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(terminal >= 0);
    add(run, IN, terminal);
    guest_start(run, look_at_terminal);
    let_it_wait(run);
    assert_true(fd_write_all(master, "li", 2));
    let_it_wait(run);
    assert_true(fd_write_all(master, "ne\n", 3));
    guest_finish(run);
    assert_int_equal(run->kind, ABI_TRAP_NONE);
    assert_int_equal(fcntl(terminal, F_GETFL) & O_NONBLOCK, 0);
    close(terminal);
    close(master);
    guest_run_end(run);
}

/* ---- streams of the caller ---- */

struct echo { /* gives what it was given, a little at a time */
    struct wasi_stream stream;
    u8 bytes[16];
    size_t len, limit;
    bool is_ended, is_closed;
};

static enum wasi_errno echo_read(struct wasi_stream *stream, void *bytes, size_t len, size_t *done)
{
    struct echo *echo = CONTAINER_OF(stream, struct echo, stream);
    if (echo->len == 0 && !echo->is_ended)
        return WASI_AGAIN;
    *done = min_u64(len, echo->len);
    memcpy(bytes, echo->bytes, *done);
    memmove(echo->bytes, echo->bytes + *done, echo->len - *done);
    echo->len -= *done;
    return WASI_SUCCESS;
}

static enum wasi_errno echo_write(struct wasi_stream *stream, const void *bytes, size_t len,
                                  size_t *done)
{
    struct echo *echo = CONTAINER_OF(stream, struct echo, stream);
    *done = min_u64(len, echo->limit - echo->len);
    if (*done == 0 && len > 0)
        return WASI_AGAIN;
    memcpy(echo->bytes + echo->len, bytes, *done);
    echo->len += *done;
    return WASI_SUCCESS;
}

static bool echo_is_ready(struct wasi_stream *stream, enum wasi_direction direction)
{
    struct echo *echo = CONTAINER_OF(stream, struct echo, stream);
    return direction == WASI_IN ? echo->len > 0 || echo->is_ended : echo->len < echo->limit;
}

static void echo_close(struct wasi_stream *stream)
{
    CONTAINER_OF(stream, struct echo, stream)->is_closed = true;
}

static const struct wasi_stream_ops echo_ops = {echo_read, echo_write, echo_is_ready, echo_close};

static void write_30(struct guest_run *run, struct rt_instance *i)
{
    (void)run;
    assert_int_equal(guest_write(i, OUT, "abcdefghijklmnopqrstuvwxyz0123"), WASI_SUCCESS);
    assert_int_equal(guest_load_u32(i, AT_RESULT), 30);
    assert_int_equal(wasi_p1_fd_close(i, OUT), WASI_SUCCESS);
}

static void a_writer_waits_for_the_callers_stream(void **state)
{
    (void)state;
    struct guest_run *run = begin();
    struct echo echo = {.stream.ops = &echo_ops, .limit = 8};
    char all[64] = "";
    assert_true(wasi_guest_add_stream(run->guest, OUT, &echo.stream, NULL));
    guest_start(run, write_30);
    for (u32 k = 0; k < 3; k++) {
        let_it_wait(run);
        wasi_stream_wake(&echo.stream); /* for nothing */
        let_it_wait(run);
        strncat(all, (const char *)echo.bytes, echo.len);
        echo.len = 0;
        wasi_stream_wake(&echo.stream);
        wasi_stream_wake(&echo.stream); /* twice before it runs */
    }
    guest_finish(run);
    assert_int_equal(run->kind, ABI_TRAP_NONE);
    assert_string_equal(all, "abcdefghijklmnopqrstuvwx");
    assert_int_equal(echo.len, 6);
    assert_true(echo.is_closed);
    wasi_stream_wake(&echo.stream); /* nobody waits */
    guest_run_end(run);
}

static void a_reader_waits_for_the_callers_stream(void **state)
{
    (void)state;
    struct guest_run *run = begin();
    struct echo echo = {.stream.ops = &echo_ops, .bytes = "first", .limit = 8};
    assert_true(wasi_guest_add_stream(run->guest, IN, &echo.stream, NULL));
    guest_start(run, read_twice);
    let_it_wait(run);
    echo.len = 5;
    wasi_stream_wake(&echo.stream);
    let_it_wait(run);
    echo.is_ended = true;
    wasi_stream_wake(&echo.stream);
    guest_finish(run);
    assert_int_equal(run->kind, ABI_TRAP_NONE);
    assert_false(echo.is_closed);
    guest_start(run, read_for_ever);
    echo.is_ended = false;
    let_it_wait(run);
    sched_cancel(run->task, ABI_TRAP_CANCELLED);
    wasi_stream_wake(&echo.stream); /* the waiting one is gone */
    wasi_guest_destroy(&run->guest);
    assert_true(echo.is_closed);
    guest_run_end(run);
}

/* ---- poll ---- */

struct sub {
    u64 userdata;
    u8 tag, pad[7];
    u64 fd_or_clock; /* a u32 */
    u64 timeout, precision, flags;
};
static_assert(sizeof(struct sub) == WASI_SUB_BYTES, "sub");

static u32 poll_all(struct rt_instance *i, const struct sub *subs, u32 count)
{
    guest_put(i, AT_PATH, subs, count * sizeof *subs);
    assert_int_equal(wasi_p1_poll_oneoff(i, AT_PATH, AT_DATA, count, AT_RESULT), WASI_SUCCESS);
    return guest_load_u32(i, AT_RESULT);
}

static void poll_things(struct guest_run *run, struct rt_instance *i)
{
    (void)run;
    const struct sub bad[] = {{.userdata = 7, .tag = 1, .fd_or_clock = 99},
                              {.userdata = 8, .tag = 0, .fd_or_clock = 3},
                              {.userdata = 9, .tag = 0, .fd_or_clock = 9},
                              {.userdata = 10, .tag = 5}};
    static const u16 errors[] = {WASI_BADF, WASI_NOTSUP, WASI_INVAL, WASI_INVAL};
    assert_int_equal(poll_all(i, bad, 4), 4);
    for (u32 k = 0; k < 4; k++) {
        const u8 *event = wasi_bytes(i, AT_DATA + k * WASI_EVENT_BYTES, WASI_EVENT_BYTES);
        assert_int_equal(event[0], 7 + k);
        assert_int_equal(event[8], errors[k]);
    }
    /* The pipe both ways and a far clock: it can be written, and later read. */
    const struct sub both[] = {{.userdata = 1, .tag = 1, .fd_or_clock = IN},
                               {.userdata = 2, .tag = 2, .fd_or_clock = OUT},
                               {.userdata = 3, .fd_or_clock = 1, .timeout = UINT64_MAX}};
    assert_int_equal(poll_all(i, both, 3), 1);
    assert_int_equal(wasi_bytes(i, AT_DATA, 1)[0], 2);
    assert_int_equal(guest_write(i, OUT, "abc"), WASI_SUCCESS);
    assert_int_equal(poll_all(i, both, 3), 2);
    assert_int_equal(wasi_bytes(i, AT_DATA, 1)[0], 1);
    assert_int_equal(guest_load_u64(i, AT_DATA + 16), 3); /* bytes to read */
    u32 len;
    assert_int_equal(guest_read(i, IN, 10, &len), WASI_SUCCESS);
    /* A time that is over, in each of the ways to say it. */
    const struct sub now[] = {{.fd_or_clock = 0, .timeout = 0},
                              {.fd_or_clock = 1, .timeout = 1},
                              {.fd_or_clock = 0, .timeout = 5, .flags = 1},
                              {.fd_or_clock = 1, .timeout = 5, .flags = 1}};
    for (u32 k = 0; k < 4; k++)
        assert_int_equal(poll_all(i, &now[k], 1), 1);
    /* And one that comes while nothing can be read; twice the same descriptor. */
    const struct sub soon[] = {{.userdata = 1, .tag = 1, .fd_or_clock = IN},
                               {.userdata = 1, .tag = 1, .fd_or_clock = IN},
                               {.userdata = 4, .fd_or_clock = 1, .timeout = 1000000}};
    assert_int_equal(poll_all(i, soon, 3), 1);
    assert_int_equal(wasi_bytes(i, AT_DATA, 1)[0], 4);
}

static void poll_pipe(struct guest_run *run, struct rt_instance *i)
{
    (void)run;
    const struct sub subs[] = {{.userdata = 1, .tag = 1, .fd_or_clock = IN},
                               {.userdata = 2, .fd_or_clock = 1, .timeout = UINT64_MAX}};
    assert_int_equal(poll_all(i, subs, 2), 1);
    assert_int_equal(wasi_bytes(i, AT_DATA, 1)[0], 1);
}

static void many_things_are_polled(void **state)
{
    (void)state;
    int fds[2];
    struct guest_run *run = begin();
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    add(run, IN, fds[0]);
    add(run, OUT, fds[1]);
    guest_do(run, poll_things);
    assert_int_equal(run->kind, ABI_TRAP_NONE);
    guest_start(run, poll_pipe);
    let_it_wait(run);
    assert_true(fd_write_all(fds[1], "z", 1));
    guest_finish(run);
    assert_int_equal(run->kind, ABI_TRAP_NONE);
    close(fds[0]);
    close(fds[1]);
    guest_run_end(run);
}

/* A stream of the caller and a pipe at once. */
static void poll_both(struct guest_run *run, struct rt_instance *i)
{
    struct echo *echo = CONTAINER_OF(run->guest->fds[OUT].stream, struct echo, stream);
    const struct sub subs[] = {{.userdata = 1, .tag = 1, .fd_or_clock = IN},
                               {.userdata = 2, .tag = 2, .fd_or_clock = OUT},
                               {.userdata = 3, .tag = 1, .fd_or_clock = OUT},
                               {.userdata = 4, .fd_or_clock = 1, .timeout = UINT64_MAX}};
    assert_int_equal(poll_all(i, subs, 4), 1);
    assert_int_equal(wasi_bytes(i, AT_DATA, 1)[0], 2); /* it takes something */
    echo->limit = 0;
    assert_int_equal(poll_all(i, subs, 4), 1);
    assert_int_equal(wasi_bytes(i, AT_DATA, 1)[0], 1); /* the pipe has something */
}

static void a_callers_stream_is_polled(void **state)
{
    (void)state;
    int fds[2];
    struct guest_run *run = begin();
    struct echo echo = {.stream.ops = &echo_ops};
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    add(run, IN, fds[0]);
    assert_true(wasi_guest_add_stream(run->guest, OUT, &echo.stream, NULL));
    guest_start(run, poll_both);
    let_it_wait(run);
    wasi_stream_wake(&echo.stream);
    let_it_wait(run);
    echo.limit = 1;
    wasi_stream_wake(&echo.stream);
    let_it_wait(run); /* for the pipe */
    assert_true(fd_write_all(fds[1], "x", 1));
    guest_finish(run);
    assert_int_equal(run->kind, ABI_TRAP_NONE);
    guest_start(run, poll_both); /* killed while it waits for all of them */
    u8 byte;
    assert_true(fd_read_all(fds[0], &byte, 1));
    let_it_wait(run);
    sched_cancel(run->task, ABI_TRAP_CANCELLED);
    wasi_stream_wake(&echo.stream);
    assert_null(echo.stream.wait);
    close(fds[0]);
    close(fds[1]);
    guest_run_end(run);
}

static void sleep_for_ever(struct guest_run *run, struct rt_instance *i)
{
    (void)run;
    const struct sub sub = {.fd_or_clock = 1, .timeout = UINT64_MAX - 5};
    poll_all(i, &sub, 1);
}

static void a_sleeper_uses_no_processor_and_can_be_killed(void **state)
{
    (void)state;
    struct guest_run *run = begin();
    guest_start(run, sleep_for_ever);
    let_it_wait(run);
    u64 cpu = sched_task_cpu_ns(run->task);
    for (u32 k = 0; k < 100; k++)
        sched_turn(run->sched, 0);
    assert_int_equal(sched_task_cpu_ns(run->task), cpu);
    sched_cancel(run->task, ABI_TRAP_WALL_LIMIT);
    assert_int_equal(run->kind, ABI_TRAP_WALL_LIMIT);
    guest_run_end(run);
}

/* ---- sockets ---- */

static void serve_one(struct guest_run *run, struct rt_instance *i)
{
    (void)run;
    u32 conn;
    assert_int_equal(wasi_p1_sock_accept(i, SOCK, 0, AT_RESULT), WASI_SUCCESS);
    conn = guest_load_u32(i, AT_RESULT);
    guest_iov(i, AT_DATA, 3);
    assert_int_equal(wasi_p1_sock_recv(i, conn, AT_IOVS, 1, 1 /* peek */, AT_RESULT, AT_STAT),
                     WASI_SUCCESS);
    assert_int_equal(guest_load_u32(i, AT_RESULT), 3);
    guest_iov(i, AT_DATA, 6);
    assert_int_equal(wasi_p1_sock_recv(i, conn, AT_IOVS, 1, 2 /* all */, AT_RESULT, AT_STAT),
                     WASI_SUCCESS);
    assert_int_equal(guest_load_u32(i, AT_RESULT), 6);
    assert_true(guest_has(i, AT_DATA, "abcdef"));
    assert_int_equal(wasi_p1_sock_recv(i, conn, AT_IOVS, 1, 4, AT_RESULT, AT_STAT), WASI_INVAL);
    assert_int_equal(wasi_p1_sock_send(i, conn, AT_IOVS, 1, 1, AT_RESULT), WASI_INVAL);
    assert_int_equal(wasi_p1_sock_send(i, conn, AT_IOVS, 1, 0, AT_RESULT), WASI_SUCCESS);
    assert_int_equal(wasi_p1_sock_shutdown(i, conn, 4), WASI_INVAL);
    assert_int_equal(wasi_p1_sock_shutdown(i, conn, 0), WASI_INVAL);
    assert_int_equal(wasi_p1_sock_shutdown(i, conn, 2), WASI_SUCCESS);
    /* The peer has gone: an error, not a signal. */
    assert_int_equal(wasi_p1_sock_send(i, conn, AT_IOVS, 1, 0, AT_RESULT), WASI_PIPE);
}

static void sockets(void **state)
{
    (void)state;
    struct guest_run *run = begin();
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    char reply[16];
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(bind(listener, (struct sockaddr *)&address, len) == 0 && listen(listener, 1) == 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    add(run, SOCK, listener);
    guest_start(run, serve_one);
    let_it_wait(run);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&address, len), 0);
    let_it_wait(run);
    assert_true(fd_write_all(client, "abc", 3));
    let_it_wait(run);
    assert_true(fd_write_all(client, "def", 3));
    guest_finish(run);
    assert_int_equal(run->kind, ABI_TRAP_NONE);
    assert_true(fd_read_all(client, reply, 6));
    assert_memory_equal(reply, "abcdef", 6);
    close(client);
    close(listener);
    guest_run_end(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pipe_is_waited_for),
        cmocka_unit_test(a_full_pipe_is_waited_for),
        cmocka_unit_test(a_guest_may_refuse_to_wait),
        cmocka_unit_test(a_killed_reader_leaves_nothing),
        cmocka_unit_test(a_terminal_is_waited_for),
        cmocka_unit_test(a_writer_waits_for_the_callers_stream),
        cmocka_unit_test(a_reader_waits_for_the_callers_stream),
        cmocka_unit_test(many_things_are_polled),
        cmocka_unit_test(a_callers_stream_is_polled),
        cmocka_unit_test(a_sleeper_uses_no_processor_and_can_be_killed),
        cmocka_unit_test(sockets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
