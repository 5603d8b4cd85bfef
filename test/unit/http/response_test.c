#include "http/http.h"
#include "test/test.h"
#include <string.h>

static void dates(void **state)
{
    (void)state;
    static const struct {
        i64 seconds;
        const char *want;
    } cases[] = {
        {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
        {784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},
        {951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
        {951868800, "Wed, 01 Mar 2000 00:00:00 GMT"},
        {1709164800, "Thu, 29 Feb 2024 00:00:00 GMT"},
        {1767225599, "Wed, 31 Dec 2025 23:59:59 GMT"},
        {4107542400, "Mon, 01 Mar 2100 00:00:00 GMT"}, /* 2100 is no leap year */
        {253402300799, "Fri, 31 Dec 9999 23:59:59 GMT"},
        {INT64_MAX, "Fri, 31 Dec 9999 23:59:59 GMT"},
        {-1, "Thu, 01 Jan 1970 00:00:00 GMT"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[HTTP_DATE_BYTES];
        http_date_format(cases[i].seconds, text);
        assert_string_equal(text, cases[i].want);
    }
}

static void times(void **state)
{
    (void)state;
    static const struct {
        i64 seconds;
        const char *want;
    } cases[] = {
        {0, "1970-01-01T00:00:00"},          {784111777, "1994-11-06T08:49:37"},
        {1709164800, "2024-02-29T00:00:00"}, {INT64_MAX, "9999-12-31T23:59:59"},
        {-1, "1970-01-01T00:00:00"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[HTTP_TIME_BYTES];
        http_time_format(cases[i].seconds, text);
        assert_string_equal(text, cases[i].want);
    }
}

static void heads(void **state)
{
    (void)state;
    static const struct {
        struct http_response response;
        const char *want;
    } cases[] = {
        {{.status = 200,
          .date = "D",
          .content_type = "application/json",
          .content_length = 12,
          .request_id = "abc",
          .keep_alive = true,
          .minor = 1},
         "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Type: application/json\r\nContent-Length: 12\r\n"
         "weir-request-id: abc\r\n\r\n"},
        {{.status = 405, .allow = "POST", .keep_alive = true, .minor = 0},
         "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\nAllow: POST\r\n"
         "Connection: keep-alive\r\n\r\n"},
        {{.status = 503, .content_length = UINT64_MAX, .retry_after_s = 1, .minor = 1},
         "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 18446744073709551615\r\n"
         "Retry-After: 1\r\nConnection: close\r\n\r\n"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf out;
        buf_init(&out, 4096);
        http_response_add(&out, &cases[i].response);
        buf_add_byte(&out, 0);
        assert_true(buf_ok(&out));
        assert_string_equal((const char *)out.bytes, cases[i].want);
        buf_fini(&out);
    }
}

static void every_error_has_a_named_status(void **state)
{
    (void)state;
    for (int code = 0; code < ERR_COUNT; code++)
        assert_string_not_equal(http_status_text(err_code_http((enum err_code)code)), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates),
        cmocka_unit_test(times),
        cmocka_unit_test(heads),
        cmocka_unit_test(every_error_has_a_named_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
