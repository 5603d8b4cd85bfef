#include "proc/message.h"
#include "base/file.h"
#include "test/test.h"
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void text_and_descriptor_arrive(void **state)
{
    (void)state;
    int pair[2], fd, null = open("/dev/null", O_RDWR);
    char text[PROC_MESSAGE_MAX];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    assert_true(proc_message_send(pair[0], -1, "key %s", "abc"));
    assert_true(proc_message_send(pair[0], null, "job %d", 7));
    assert_int_equal(proc_message_receive(pair[1], text, &fd, 1000), 7);
    assert_string_equal(text, "key abc");
    assert_int_equal(fd, -1);
    assert_int_equal(proc_message_receive(pair[1], text, &fd, 1000), 5);
    assert_string_equal(text, "job 7");
    assert_true(fd >= 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    fd_close(&fd);
    fd_close(&null);
    fd_close(&pair[0]);
    assert_int_equal(proc_message_receive(pair[1], text, &fd, 1000), 0);
    fd_close(&pair[1]);
}

static void what_is_no_message_is_refused(void **state)
{
    (void)state;
    int pair[2], fd;
    static char text[PROC_MESSAGE_MAX], large[PROC_MESSAGE_MAX + 1];
    memset(large, 'x', sizeof large);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    assert_int_equal(proc_message_receive(pair[1], text, &fd, 0), -2);
    assert_true(send(pair[0], large, sizeof large, 0) > 0);
    assert_int_equal(proc_message_receive(pair[1], text, &fd, 1000), -1);
    assert_true(send(pair[0], "a\0b", 3, 0) == 3);
    assert_int_equal(proc_message_receive(pair[1], text, &fd, 1000), -1);
    large[PROC_MESSAGE_MAX] = 0;
    assert_false(proc_message_send(pair[0], -1, "%s", large));
    fd_close(&pair[0]);
    fd_close(&pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_descriptor_arrive),
        cmocka_unit_test(what_is_no_message_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
