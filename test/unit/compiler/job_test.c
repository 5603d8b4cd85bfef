/* The job server from the parent's side: proc/message.h, in a child that jails itself. */
#include "compiler/compiler.h"
#include "proc/message.h"
#include "test/test.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMEOUT_MS 60000

struct server {
    pid_t child;
    int socket;
    char folder[64], text[PROC_MESSAGE_MAX];
};

static void start(struct server *s, bool many)
{
    int pair[2];
    memcpy(s->folder, "/tmp/weir-job-XXXXXX", sizeof "/tmp/weir-job-XXXXXX");
    assert_non_null(mkdtemp(s->folder));
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    s->child = fork();
    if (s->child == 0) {
        close(pair[0]);
        _exit(compiler_serve(pair[1], many));
    }
    close(pair[1]);
    s->socket = pair[0];
}

/* Ends the conversation; returns the exit status. */
static int stop(struct server *s)
{
    int status;
    close(s->socket);
    assert_int_equal(waitpid(s->child, &status, 0), s->child);
    assert_int_equal(rmdir(s->folder), 0); /* nothing was left behind */
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* A memory file with these bytes. */
static int module_of(const void *bytes, size_t len)
{
    int fd = memfd_create("module", MFD_CLOEXEC);
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
    return fd;
}

static void send_job(struct server *s, u32 number, const void *bytes, size_t len)
{
    int fd = module_of(bytes, len);
    assert_true(proc_message_send(s->socket, fd, "job %u quick lax 60 0\n%s", number, s->folder));
    close(fd);
}

static const char *receive(struct server *s)
{
    int fd;
    assert_true(proc_message_receive(s->socket, s->text, &fd, TIMEOUT_MS) > 0);
    assert_int_equal(fd, -1);
    return s->text;
}

static void expect_prefix(struct server *s, const char *prefix)
{
    assert_memory_equal(receive(s), prefix, strlen(prefix));
}

static void expect_file(struct server *s, u32 number, const char *suffix, bool want)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%u.%s", s->folder, number, suffix);
    assert_int_equal(access(path, F_OK) == 0, want);
    unlink(path);
}

/* After what it has to say of its progress. */
static void expect_done(struct server *s)
{
    while (strncmp(receive(s), "progress ", 9) == 0) {
    }
    assert_string_equal(s->text, "done");
}

/* (module (func (export "f") (result i32) i32.const 42)) */
static const u8 good[] = {0, 'a', 's', 'm', 1, 0, 0,   0, 1, 5,  1, 0x60, 0, 1, 0x7f, 3,  2,
                          1, 0,   7,   5,   1, 1, 'f', 0, 0, 10, 6, 1,    4, 0, 0x41, 42, 0x0b};

static void a_job_is_compiled_into_two_files(void **state)
{
    (void)state;
    struct server s;
    start(&s, false);
    send_job(&s, 7, good, sizeof good);
    expect_prefix(&s, "key ");
    assert_int_equal(strlen(s.text), 4 + 64);
    assert_true(proc_message_send(s.socket, -1, "need"));
    assert_string_equal(receive(&s), "progress 0 1");
    expect_done(&s);
    expect_file(&s, 7, "code", true);
    expect_file(&s, 7, "module", true);
    assert_int_equal(stop(&s), 0);
}

static void errors_end_a_job_not_the_server(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        const char *want;
    } cases[] = {
        {"", 0, "error malformed-module"},
        {"\0asm\2\0\0\0", 8, "error malformed-module 4 "},
        /* a body that leaves nothing for its result */
        {"\0asm\1\0\0\0\1\5\1\x60\0\1\x7f\3\2\1\0\x0a\4\1\2\0\x0b", 25, "error invalid-module "},
    };
    struct server s;
    start(&s, true);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        send_job(&s, 0, cases[i].bytes, cases[i].len);
        expect_prefix(&s, cases[i].want);
    }
    send_job(&s, 1, good, sizeof good); /* and the next is served; its code is known already */
    expect_prefix(&s, "key ");
    assert_true(proc_message_send(s.socket, -1, "have"));
    assert_string_equal(receive(&s), "done");
    expect_file(&s, 1, "code", false);
    expect_file(&s, 1, "module", true);
    assert_int_equal(stop(&s), 3); /* of the last error */
}

static void what_is_no_job_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "job",
        "job 1 fast lax 60 0\n/tmp",
        "job 1 quick lax 60 0",
        "job 1 quick lax 60 0\nrelative",
        "job 1 quick lax 60 0\n/tmp", /* but no module */
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct server s;
        start(&s, false);
        assert_true(proc_message_send(s.socket, -1, "%s", texts[i]));
        expect_prefix(&s, "error usage - ");
        assert_int_equal(stop(&s), 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_is_compiled_into_two_files),
        cmocka_unit_test(errors_end_a_job_not_the_server),
        cmocka_unit_test(what_is_no_job_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
