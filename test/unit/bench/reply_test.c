#include "bench/reply.h"
#include "test/test.h"
#include <string.h>

#define OK "HTTP/1.1 200 OK\r\n"

static const struct {
    const char *text;
    u32 status;
    size_t taken; /* 0: all */
    bool will_close;
} whole[] = {
    {OK "Content-Length: 2\r\n\r\n42", 200, 0, false},
    {OK "content-LENGTH:2\r\n\r\n42", 200, 0, false},
    {OK "Content-Length: 0\r\n\r\n", 200, 0, false},
    {OK "Content-Length: 2\r\n\r\n42HTTP/1.1", 200, 40, false},
    {OK "Content-Length: 2\r\nConnection: close\r\n\r\n42", 200, 0, true},
    {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n42", 200, 0, true},
    {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n42", 200, 0, false},
    {"HTTP/1.1 204 No Content\r\n\r\n", 204, 0, false},
    {"HTTP/1.1 503\r\nContent-Length: 3\r\nRetry-After: 1\r\n\r\nno\n", 503, 0, false},
    {"HTTP/1.1 100 Continue\r\n\r\n" OK "Content-Length: 1\r\n\r\n4", 200, 0, false},
    {OK "Transfer-Encoding: chunked\r\n\r\n1\r\n4\r\n1\r\n2\r\n0\r\n\r\n", 200, 0, false},
    {OK "Transfer-Encoding: chunked\r\n\r\n1;x=y\r\n4\r\n0\r\nA: b\r\n\r\nrest", 200, 68, false},
};

static void replies_in_every_cut(void **state)
{
    (void)state;
    for (u32 i = 0; i < COUNT_OF(whole); i++) {
        const u8 *bytes = (const u8 *)whole[i].text;
        size_t len = strlen(whole[i].text);
        size_t wanted = whole[i].taken != 0 ? whole[i].taken : len;
        for (size_t cut = 0; cut <= len; cut++) {
            struct reply reply = {0};
            size_t taken = reply_read(&reply, bytes, cut);
            assert_true(reply.state != REPLY_BAD);
            assert_int_equal(reply.state == REPLY_DONE, cut >= wanted);
            taken += reply_read(&reply, bytes + taken, len - taken);
            assert_int_equal(reply.state, REPLY_DONE);
            assert_int_equal(taken, wanted);
            assert_int_equal(reply.status, whole[i].status);
            assert_int_equal(reply.will_close, whole[i].will_close);
        }
    }
}

static void what_is_no_reply(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "HTTP/2 200 OK\r\n\r\n",
        "SSH-2.0\r\n",
        "\r\n",
        "HTTP/1.1 2x0 OK\r\n\r\n",
        "HTTP/1.1 700 \r\n\r\n",
        OK "Content-Length: -1\r\n\r\n",
        OK "Content-Length: 99999999999999999999\r\n\r\n",
        OK "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        OK "Transfer-Encoding: chunked\r\n\r\n1\r\n42\r\n",
    };
    for (u32 i = 0; i < COUNT_OF(cases); i++) {
        struct reply reply = {0};
        reply_read(&reply, (const u8 *)cases[i], strlen(cases[i]));
        assert_int_equal(reply.state, REPLY_BAD);
    }
}

static void bodies_without_a_length(void **state)
{
    (void)state;
    static const char text[] = OK "\r\nall of it";
    struct reply reply = {0};
    assert_int_equal(reply_read(&reply, (const u8 *)text, strlen(text)), strlen(text));
    assert_true(reply.will_close);
    assert_true(reply_end(&reply));
    reply_clear(&reply);
    reply_read(&reply, (const u8 *)text, 10);
    assert_false(reply_end(&reply));
}

static void long_lines_are_passed_over(void **state)
{
    (void)state;
    char name[4000];
    struct reply reply = {0};
    memset(name, 'x', sizeof name);
    reply_read(&reply, (const u8 *)OK, strlen(OK));
    reply_read(&reply, (const u8 *)name, sizeof name);
    static const char rest[] = ": 1\r\nContent-Length: 1\r\n\r\n4";
    reply_read(&reply, (const u8 *)rest, strlen(rest));
    assert_int_equal(reply.state, REPLY_DONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_in_every_cut),
        cmocka_unit_test(what_is_no_reply),
        cmocka_unit_test(bodies_without_a_length),
        cmocka_unit_test(long_lines_are_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
