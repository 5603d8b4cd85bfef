#include "http/http.h"
#include "base/buf.h"
#include "test/test.h"
#include <string.h>

#define CHUNKED "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
#define LIMIT   20

/* Reads a body in pieces of `piece` bytes. Returns the error, ERR_NONE for a complete body, and
 * ERR_COUNT for one that wants more. */
static enum err_code read_body(const char *text, size_t piece, struct buf *body, size_t *used)
{
    struct http_parser p;
    struct err err = {0};
    http_parser_init(&p);
    assert_int_equal(http_head_parse(&p, text, strlen(text), &err), HTTP_DONE);
    const char *bytes = text + p.head_len;
    size_t len = strlen(bytes), at = 0, received = 0;
    if (!http_body_begin(&p, LIMIT, &err))
        return err.code;
    for (;;) {
        size_t took;
        struct http_text data;
        enum http_result result =
            http_body_parse(&p, bytes + at, received - at, &took, &data, &err);
        at += took;
        assert_true(at <= received);
        if (result == HTTP_DATA)
            buf_add(body, data.bytes, data.len);
        if (result == HTTP_DONE) {
            *used = p.head_len + at;
            return ERR_NONE;
        }
        if (result == HTTP_FAILED)
            return err.code;
        if (result == HTTP_MORE && received == len)
            return ERR_COUNT;
        if (result == HTTP_MORE)
            received = (size_t)min_u64(len, received + piece);
    }
}

static const struct {
    const char *text;
    const char *body; /* NULL: refused */
    enum err_code code;
    size_t rest; /* bytes that belong to the next request */
} cases[] = {
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET", "hello", ERR_NONE, 3},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\nGET", "", ERR_NONE, 3},
    {"POST / HTTP/1.1\r\nHost: a\r\n\r\nGET", "", ERR_NONE, 3},
    {CHUNKED "5\r\nhello\r\n0\r\n\r\nGET", "hello", ERR_NONE, 3},
    {CHUNKED "2\r\nhe\r\n03\r\nllo\r\n000\r\n\r\n", "hello", ERR_NONE, 0},
    {CHUNKED "A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789", ERR_NONE,
     0},
    {CHUNKED "1;a\r\nx\r\n0;b=c;d=\"e;\\\"\t f\"\r\n\r\n", "x", ERR_NONE, 0},
    {CHUNKED "1\r\nx\r\n0\r\nA: b\r\nC:\td \r\n\r\n", "x", ERR_NONE, 0},
    {CHUNKED "15\r\n", NULL, ERR_TOO_LARGE, 0},
    {CHUNKED "A\r\n0123456789\r\nB\r\n", NULL, ERR_TOO_LARGE, 0},
    {CHUNKED "ffffffffffffffff\r\n", NULL, ERR_TOO_LARGE, 0},
    {CHUNKED "1\r\nx\r\nffffffffffffffff\r\n", NULL, ERR_TOO_LARGE, 0},
    {CHUNKED "10000000000000000\r\n", NULL, ERR_HTTP_MALFORMED, 0},
    {CHUNKED "00000000000000000\r\n", NULL, ERR_HTTP_MALFORMED, 0},
    {CHUNKED "\r\n", NULL, ERR_HTTP_MALFORMED, 0},
    {CHUNKED "g\r\n", NULL, ERR_HTTP_MALFORMED, 0},
    {CHUNKED "0x1\r\n", NULL, ERR_HTTP_MALFORMED, 0},
    {CHUNKED "-1\r\n", NULL, ERR_HTTP_MALFORMED, 0},
    {CHUNKED " 1\r\nx\r\n", NULL, ERR_HTTP_MALFORMED, 0},
    {CHUNKED "1 \r\nx\r\n", NULL, ERR_HTTP_MALFORMED, 0},
    {CHUNKED "1\nx\n", NULL, ERR_HTTP_MALFORMED, 0},
    {CHUNKED "1\r\r\nx\r\n", NULL, ERR_HTTP_MALFORMED, 0},
    {CHUNKED "1\r\nxy\r\n", NULL, ERR_HTTP_MALFORMED, 0},
    {CHUNKED "1\r\nx\n0\r\n\r\n", NULL, ERR_HTTP_MALFORMED, 0},
    {CHUNKED "1\r\nx\r\n\r\n", NULL, ERR_HTTP_MALFORMED, 0},
    {CHUNKED "1;\r\nx\r\n", NULL, ERR_HTTP_MALFORMED, 0},
    {CHUNKED "1;a=\r\nx\r\n", NULL, ERR_HTTP_MALFORMED, 0},
    {CHUNKED "1;a=\"b\r\nx\r\n", NULL, ERR_HTTP_MALFORMED, 0},
    {CHUNKED "1;a=\"b\"c\r\nx\r\n", NULL, ERR_HTTP_MALFORMED, 0},
    {CHUNKED "1;a b\r\nx\r\n", NULL, ERR_HTTP_MALFORMED, 0},
    {CHUNKED "1;a\nx\r\n", NULL, ERR_HTTP_MALFORMED, 0},
    {CHUNKED "0\r\nA : b\r\n\r\n", NULL, ERR_HTTP_MALFORMED, 0},
    {CHUNKED "0\r\nA\r\n\r\n", NULL, ERR_HTTP_MALFORMED, 0},
    {CHUNKED "0\r\n A: b\r\n\r\n", NULL, ERR_HTTP_MALFORMED, 0},
    {CHUNKED "0\r\nA: b\n\r\n", NULL, ERR_HTTP_MALFORMED, 0},
    {CHUNKED "0\r\nA: b\rc\r\n\r\n", NULL, ERR_HTTP_MALFORMED, 0},
    {CHUNKED "0\r\nGET / HTTP/1.1\r\n", NULL, ERR_HTTP_MALFORMED, 0},
    {CHUNKED "0\r\n", NULL, ERR_COUNT, 0},
    {CHUNKED "5\r\nhell", NULL, ERR_COUNT, 0},
};

static void bodies(void **state)
{
    (void)state;
    struct buf body;
    buf_init(&body, 4096);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (size_t piece = 1; piece <= 64; piece = piece * 2 + 1) {
            size_t used = 0;
            buf_clear(&body);
            enum err_code code = read_body(cases[i].text, piece, &body, &used);
            if (code != cases[i].code)
                print_error("case: %s\n", cases[i].text);
            assert_int_equal(code, cases[i].code);
            if (cases[i].body == NULL)
                continue;
            assert_int_equal(body.len, strlen(cases[i].body));
            if (body.len > 0)
                assert_memory_equal(body.bytes, cases[i].body, body.len);
            assert_int_equal(strlen(cases[i].text) - used, cases[i].rest);
        }
    }
    buf_fini(&body);
}

/* unit, `count` times over behind head: the code it ends with. */
static enum err_code code_of_repeated(const char *head, const char *unit, size_t count)
{
    struct buf text, body;
    buf_init(&text, 1 << 20);
    buf_init(&body, 4096);
    buf_add_text(&text, head);
    for (size_t i = 0; i < count; i++)
        buf_add_text(&text, unit);
    buf_add_byte(&text, 0);
    assert_true(buf_ok(&text));
    size_t used;
    enum err_code code = read_body((const char *)text.bytes, 1000, &body, &used);
    buf_fini(&text);
    buf_fini(&body);
    return code;
}

static void overhead_is_bounded(void **state)
{
    (void)state;
    assert_int_equal(code_of_repeated(CHUNKED "1;a=", "x", HTTP_MAX_CHUNK_EXTENSION - 3),
                     ERR_COUNT);
    assert_int_equal(code_of_repeated(CHUNKED "1;a=", "x", HTTP_MAX_CHUNK_EXTENSION),
                     ERR_HTTP_HEAD);
    assert_int_equal(code_of_repeated(CHUNKED "0\r\nA:", "x", HTTP_MAX_TRAILER - 2), ERR_COUNT);
    assert_int_equal(code_of_repeated(CHUNKED "0\r\nA:", "x", HTTP_MAX_TRAILER), ERR_HTTP_HEAD);
    assert_int_equal(code_of_repeated(CHUNKED "0\r\n", "A:\r\n", HTTP_MAX_TRAILER), ERR_HTTP_HEAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies),
        cmocka_unit_test(overhead_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
