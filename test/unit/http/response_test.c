#include "http/http.h"
#include "test/test.h"
#include <string.h>

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
        cmocka_unit_test(heads),
        cmocka_unit_test(every_error_has_a_named_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
