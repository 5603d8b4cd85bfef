#include "server/log.h"
#include "base/file.h"
#include "test/test.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TIME_NS ((u64)1798857845 * 1000000000 + 123456789) /* 2027-01-02T02:44:05.123Z */
#define MANY    10000
#define ALL_MAX (8 * MIB)

static const struct server_log_line plain = {
    .request = "00000000000000ff",
    .client = "127.0.0.1",
    .method = "POST",
    .outcome = "ok",
    .path = "/dot",
    .path_len = 4,
    .status = 200,
    .in_bytes = 12,
    .out_bytes = 3,
    .wall_ns = 12345678,
    .cpu_ns = 999,
};

static void expect(enum server_log_format format, const struct server_log_line *line,
                   const char *want)
{
    struct buf out;
    buf_init(&out, 64 * KIB);
    server_log_write_line(format, line, TIME_NS, &out);
    buf_add_byte(&out, 0);
    assert_true(buf_ok(&out));
    assert_string_equal((char *)out.bytes, want);
    buf_fini(&out);
}

static void a_line_has_all_fields(void **state)
{
    (void)state;
    expect(SERVER_LOG_TEXT, &plain,
           "2027-01-02T02:44:05.123Z 00000000000000ff 127.0.0.1 POST /dot 200 12 3 12.345 0.000 "
           "ok\n");
    expect(SERVER_LOG_JSON, &plain,
           "{\"time\":\"2027-01-02T02:44:05.123Z\",\"request\":\"00000000000000ff\",\"client\":"
           "\"127.0.0.1\",\"method\":\"POST\",\"path\":\"/dot\",\"status\":200,\"in\":12,\"out\":3,"
           "\"wall_ms\":12.345,\"cpu_ms\":0.000,\"outcome\":\"ok\"}\n");
    expect(SERVER_LOG_NONE, &plain, "");
}

static void what_is_not_known_is_a_dash_or_null(void **state)
{
    (void)state;
    struct server_log_line line = {.request = "1", .outcome = "cancelled"};
    expect(SERVER_LOG_TEXT, &line,
           "2027-01-02T02:44:05.123Z 1 - - - - 0 0 0.000 0.000 cancelled\n");
    expect(SERVER_LOG_JSON, &line,
           "{\"time\":\"2027-01-02T02:44:05.123Z\",\"request\":\"1\",\"client\":null,\"method\":"
           "null,\"path\":null,\"status\":null,\"in\":0,\"out\":0,\"wall_ms\":0.000,"
           "\"cpu_ms\":0.000,\"outcome\":\"cancelled\"}\n");
}

/* A path breaks out of neither its field nor its line. */
static void a_hostile_path_stays_in_its_field(void **state)
{
    (void)state;
    struct server_log_line line = plain;
    line.path = "/a b\n\"\\\x1b\xff\xc2\x9b";
    line.path_len = strlen(line.path);
    line.is_cut = true;
    expect(SERVER_LOG_TEXT, &line,
           "2027-01-02T02:44:05.123Z 00000000000000ff 127.0.0.1 POST /a%20b%0A\"\\%1B%FF%C2%9B... "
           "200 12 3 12.345 0.000 ok\n");
    expect(SERVER_LOG_JSON, &line,
           "{\"time\":\"2027-01-02T02:44:05.123Z\",\"request\":\"00000000000000ff\",\"client\":"
           "\"127.0.0.1\",\"method\":\"POST\",\"path\":\"/a b\\u000a\\\"\\\\\\u001b\xef\xbf\xbd"
           "\xc2\x9b\",\"path_cut\":true,\"status\":200,\"in\":12,\"out\":3,\"wall_ms\":12.345,"
           "\"cpu_ms\":0.000,\"outcome\":\"ok\"}\n");
}

static void what_a_program_complains_of_is_a_line(void **state)
{
    (void)state;
    static const enum server_log_format formats[] = {SERVER_LOG_TEXT, SERVER_LOG_JSON};
    static const char *const wants[] = {
        " 2a stderr odd? \"x\"\n", "\",\"request\":\"2a\",\"stderr\":\"odd\\u0007 \\\"x\\\"\"}\n"};
    for (size_t i = 0; i < COUNT_OF(formats); i++) {
        int fds[2];
        char got[PIPE_BUF + 1] = {0}, most[SERVER_LOG_TEXT_MAX];
        struct scoreboard_worker board = {0};
        struct loop *loop;
        assert_true(loop_create(&loop, NULL));
        assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
        struct server_log *log = server_log_create(formats[i], fds[1], loop, &board);
        server_log_add_text(log, "2a", "odd\a \"x\"", 8);
        loop_poll(loop, UINT64_MAX);
        size_t start = strlen(i == 0 ? "" : "{\"time\":\"") + strlen("2027-01-02T02:44:05.123Z");
        assert_true(read(fds[0], got, sizeof got) > 0);
        assert_string_equal(got + start, wants[i]);
        memset(most, 1, sizeof most); /* the longest escapes */
        server_log_add_text(log, "0123456789abcdef", most, sizeof most);
        loop_poll(loop, UINT64_MAX);
        ssize_t len = read(fds[0], got, sizeof got);
        assert_in_range(len, sizeof most, PIPE_BUF);
        server_log_destroy(&log);
        close(fds[0]);
        close(fds[1]);
        loop_destroy(&loop);
    }
}

static void formats_have_names(void **state)
{
    (void)state;
    static const char *const names[] = {"none", "text", "json"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        enum server_log_format format;
        assert_true(server_log_format_read(&(struct config_text){.text = names[i]}, &format, NULL));
        assert_string_equal(server_log_format_text(format), names[i]);
    }
    enum server_log_format format = SERVER_LOG_NONE;
    struct err err = {0};
    const struct config_text wrong = {.text = "Text", .key = "--log"};
    assert_false(server_log_format_read(&wrong, &format, &err));
    assert_int_equal(err.code, ERR_USAGE);
    assert_string_equal(err.text, "--log takes text, json or none, not \"Text\"");
}

/* ---- a log that writes into a pipe ---- */

struct fixture {
    struct loop *loop;
    struct scoreboard_worker board;
    struct server_log *log;
    int reader, writer;
};

static void begin(struct fixture *f)
{
    int fds[2];
    *f = (struct fixture){0};
    assert_true(loop_create(&f->loop, NULL));
    assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
    f->reader = fds[0];
    f->writer = fds[1];
    f->log = server_log_create(SERVER_LOG_TEXT, f->writer, f->loop, &f->board);
}

static void end(struct fixture *f)
{
    server_log_destroy(&f->log);
    assert_null(f->log);
    fd_close(&f->reader);
    fd_close(&f->writer);
    loop_destroy(&f->loop);
}

static bool has_bytes(const struct fixture *f)
{
    char byte;
    return read(f->reader, &byte, 1) == 1;
}

static void lines_wait_for_others_but_not_for_ever(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    server_log_add(f.log, &plain);
    assert_false(has_bytes(&f));
    loop_poll(f.loop, UINT64_MAX); /* the only thing that can happen is its timer */
    assert_true(has_bytes(&f));
    end(&f);
}

static void a_batch_leaves_at_once_and_the_rest_at_the_end(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    u32 count = 0;
    while (!has_bytes(&f) && ++count < MANY)
        server_log_add(f.log, &plain);
    assert_in_range(count, 100, 1000);
    char bytes[64 * KIB];
    while (read(f.reader, bytes, sizeof bytes) > 0) {
    }
    server_log_add(f.log, &plain);
    server_log_destroy(&f.log);
    assert_true(has_bytes(&f));
    assert_int_equal(board_get(&f.board.log_dropped), 0);
    end(&f);
}

struct all {
    int fd;
    char *bytes;
    size_t len;
};

static void *read_all(void *arg)
{
    struct all *all = arg;
    ssize_t got;
    while ((got = read(all->fd, all->bytes + all->len, ALL_MAX - all->len - 1)) > 0)
        all->len += (size_t)got;
    return NULL;
}

/* Nobody reads: adding never waits, and in the end every line is there whole or counted. */
static void a_full_pipe_costs_lines_and_no_time(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    for (u32 i = 0; i < MANY; i++)
        server_log_add(f.log, &plain);
    u64 dropped = board_get(&f.board.log_dropped);
    assert_in_range(dropped, 1, MANY - 1000);
    assert_int_equal(fcntl(f.reader, F_SETFL, 0), 0);
    pthread_t thread;
    struct all all = {.fd = f.reader, .bytes = calloc(1, ALL_MAX)};
    assert_int_equal(pthread_create(&thread, NULL, read_all, &all), 0);
    server_log_destroy(&f.log);
    fd_close(&f.writer);
    pthread_join(thread, NULL);
    u32 lines = 0;
    u64 said = 0;
    for (char *line = all.bytes; *line != 0;) {
        char *newline = strchr(line, '\n');
        assert_non_null(newline);
        *newline = 0;
        unsigned long long number;
        if (sscanf(line + strlen("2027-01-02T02:44:05.123Z"), " dropped %llu lines", &number) == 1)
            said += number;
        else
            assert_string_equal(line + strlen("2027-01-02T02:44:05.123Z"),
                                " 00000000000000ff 127.0.0.1 POST /dot 200 12 3 12.345 0.000 ok");
        lines += strstr(line, " dropped ") == NULL;
        line = newline + 1;
    }
    assert_int_equal(said, dropped);
    assert_int_equal(lines + dropped, MANY);
    free(all.bytes);
    end(&f);
}

static void a_reader_that_has_gone_ends_the_log_and_nothing_else(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    signal(SIGPIPE, SIG_IGN);
    fd_close(&f.reader);
    for (u32 i = 0; i < MANY; i++)
        server_log_add(f.log, &plain);
    assert_true(board_get(&f.board.log_dropped) > 0);
    end(&f);
}

static void no_log_takes_lines_too(void **state)
{
    (void)state;
    struct server_log *none = NULL;
    server_log_add(none, &plain);
    server_log_destroy(&none);
}

static void a_file_is_appended_to(void **state)
{
    (void)state;
    char folder[] = "/tmp/weir-log-XXXXXX", path[64], bytes[16] = {0};
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/log", folder);
    for (u32 i = 0; i < 2; i++) {
        int fd = server_log_open(path, NULL);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, i == 0 ? "one\n" : "two\n", 4), 4);
        assert_int_not_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
        assert_int_not_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
        fd_close(&fd);
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, bytes, sizeof bytes), 8);
    assert_string_equal(bytes, "one\ntwo\n");
    fd_close(&fd);
    unlink(path);
    rmdir(folder);
    struct err err = {0};
    assert_int_equal(server_log_open(path, &err), -1);
    assert_int_equal(err.code, ERR_SYSTEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_all_fields),
        cmocka_unit_test(what_is_not_known_is_a_dash_or_null),
        cmocka_unit_test(a_hostile_path_stays_in_its_field),
        cmocka_unit_test(what_a_program_complains_of_is_a_line),
        cmocka_unit_test(formats_have_names),
        cmocka_unit_test(lines_wait_for_others_but_not_for_ever),
        cmocka_unit_test(a_batch_leaves_at_once_and_the_rest_at_the_end),
        cmocka_unit_test(a_full_pipe_costs_lines_and_no_time),
        cmocka_unit_test(a_reader_that_has_gone_ends_the_log_and_nothing_else),
        cmocka_unit_test(no_log_takes_lines_too),
        cmocka_unit_test(a_file_is_appended_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
