/* The supervisor's end of a lifeline against workers that behave and that do not. This program is
 * its own helper: it is started again as `... helper`. */
#include "server/lifeline.h"
#include "base/file.h"
#include "proc/message.h"
#include "test/test.h"
#include "wasi/wasi.h"
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static u32 count_fds(void)
{
    u32 count = 0;
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count;
}

static void must(bool ok)
{
    assert_true(ok);
}

/* The worker's packet, heard. */
static void ask(struct server_lifeline *line, int worker, int fd)
{
    must(proc_message_send(worker, fd, "helper"));
    server_lifeline_hear(line);
}

/* The socket that the worker is sent; -1: there is no answer yet. */
static int answer(int worker)
{
    char text[PROC_MESSAGE_MAX];
    int fd = -1;
    long len = proc_message_receive(worker, text, &fd, 0);
    assert_true(len == -2 || (len > 0 && fd >= 0));
    return fd;
}

static void reap(struct server_lifeline *line)
{
    int status;
    pid_t pid = line->pid;
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    must(server_lifeline_reap(line, 0, pid, status));
    assert_int_equal(line->pid, 0);
}

static void serve(struct server_lifeline *line)
{
    line->start_at_ns = 0; /* whatever pause there is: it is over */
    server_lifeline_serve(line, 0);
}

static void pauses_grow_for_those_that_die_young(void **state)
{
    (void)state;
    static const u64 want_ms[] = {0, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5000, 5000};
    u64 backoff_ns = 0;
    for (size_t i = 0; i < COUNT_OF(want_ms); i++)
        assert_int_equal(server_backoff(&backoff_ns, 999999999) / 1000000, want_ms[i]);
    assert_int_equal(server_backoff(&backoff_ns, 1000000000), 0);
    assert_int_equal(server_backoff(&backoff_ns, 0), 10000000);
}

static void a_worker_gets_one_helper_at_a_time(void **state)
{
    (void)state;
    struct server_lifeline line = {.sock = -1};
    int worker = -1;
    u32 before = count_fds();
    must(server_lifeline_open(&line, &worker, NULL));
    for (u32 k = 0; k < 3; k++) {
        ask(&line, worker, -1);
        if (line.pid > 0) {
            assert_int_equal(server_lifeline_due_ns(&line), UINT64_MAX); /* until it is reaped */
            server_lifeline_serve(&line, 0);
            assert_int_equal(answer(worker), -1);
            reap(&line);
        }
        assert_int_equal(server_lifeline_watched(&line), -1);
        serve(&line);
        assert_int_equal(server_lifeline_watched(&line), line.sock);
        int helper = answer(worker);
        assert_true(helper >= 0);
        close(helper);
    }
    reap(&line);
    server_lifeline_close(&line);
    close(worker);
    assert_int_equal(count_fds(), before);
}

/* Packets of any kind and number are one question; what is in them goes nowhere. */
static void a_worker_that_floods_is_not_heard(void **state)
{
    (void)state;
    struct server_lifeline line = {.sock = -1};
    int worker = -1;
    char noise[4096];
    u32 before = count_fds(), sent = 0;
    memset(noise, 'x', sizeof noise);
    must(server_lifeline_open(&line, &worker, NULL));
    while (proc_message_send(worker, worker, "%.*s", (int)(sizeof noise >> sent % 12), noise))
        sent++;
    assert_true(errno == EAGAIN && sent > 8);
    u32 open = count_fds();
    for (u32 k = 0; k < 5; k++) {
        for (u32 i = 0; i < 100; i++)
            server_lifeline_hear(&line);
        if (line.pid > 0)
            reap(&line);
        u64 pause_ns = line.start_at_ns;
        if (k > 1) /* the second start is at once */
            assert_true(pause_ns > line.started_ns + 10000000);
        serve(&line);
        assert_true(line.pid > 0);
        assert_true(count_fds() == open);
    }
    server_lifeline_close(&line); /* the answers on their way go with it */
    reap(&line);
    close(worker);
    assert_int_equal(count_fds(), before);
}

static void a_worker_that_has_gone_takes_its_helper_along(void **state)
{
    (void)state;
    struct server_lifeline line = {.sock = -1};
    int worker = -1;
    must(server_lifeline_open(&line, &worker, NULL));
    ask(&line, worker, -1);
    serve(&line);
    int helper = answer(worker);
    kill(line.pid, SIGSTOP); /* it cannot see it itself */
    close(worker);
    server_lifeline_hear(&line);
    assert_int_equal(line.sock, -1);
    server_lifeline_close(&line);
    reap(&line);
    close(helper);
    assert_int_equal(server_lifeline_due_ns(&line), UINT64_MAX);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pauses_grow_for_those_that_die_young),
        cmocka_unit_test(a_worker_gets_one_helper_at_a_time),
        cmocka_unit_test(a_worker_that_floods_is_not_heard),
        cmocka_unit_test(a_worker_that_has_gone_takes_its_helper_along),
    };
    if (argc > 1 && strcmp(argv[1], "helper") == 0)
        return wasi_helper_main(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
