#include "http/internal.h"
#include "test/http1/drive.h"
#include "test/test.h"

#define GET_LINE "GET / HTTP/1.1\r\n"
#define HOST     "Host: a\r\n"

/* Every case runs whole, byte by byte and in two uneven rhythms: the outcome must be the same. */
static struct drive_outcome drive_all_ways(const char *text, size_t len)
{
    static const u8 rhythms[][3] = {{1, 1, 1}, {2, 3, 7}, {5, 1, 31}};
    struct drive_outcome whole = drive_stream((const u8 *)text, len, NULL, 0);
    for (size_t i = 0; i < COUNT_OF(rhythms); i++) {
        struct drive_outcome cut = drive_stream((const u8 *)text, len, rhythms[i], 3);
        assert_true(drive_equal(&whole, &cut));
    }
    for (size_t at = 1; at < len; at++) {
        struct drive_outcome cut = drive_stream_split((const u8 *)text, len, at);
        assert_true(drive_equal(&whole, &cut));
    }
    return whole;
}

static const struct {
    const char *text;
    enum err_code code;
    u32 messages;
} cases[] = {
    /* what is fine */
    {GET_LINE HOST "\r\n", ERR_NONE, 1},
    {"\r\n" GET_LINE HOST "\r\n", ERR_NONE, 1},
    {GET_LINE "Host:\r\n\r\n", ERR_NONE, 1},
    {GET_LINE "hOsT: [::1]:8080\r\n\r\n", ERR_NONE, 1},
    {GET_LINE HOST "A:\t b c \t\r\nB: \xff\r\n\r\n", ERR_NONE, 1},
    {"GET / HTTP/1.0\r\n\r\n", ERR_NONE, 1},
    {"GET /a%20b;c=d?e=f?g HTTP/1.1\r\n" HOST "\r\n", ERR_NONE, 1},
    {"GET http://a:80 HTTP/1.1\r\n" HOST "\r\n", ERR_NONE, 1},
    {"GET HTTP://a?b HTTP/1.1\r\n" HOST "\r\n", ERR_NONE, 1},
    {"OPTIONS * HTTP/1.1\r\n" HOST "\r\n", ERR_NONE, 1},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 003\r\n\r\nabc", ERR_NONE, 1},
    {GET_LINE HOST "\r\n" GET_LINE HOST "\r\n", ERR_NONE, 2},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\na" GET_LINE HOST "\r\n", ERR_NONE, 2},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\na\r\n" GET_LINE HOST "\r\n", ERR_NONE, 2},
    /* lines */
    {"\r\n\r\n" GET_LINE HOST "\r\n", ERR_HTTP_MALFORMED, 0},
    {"GET / HTTP/1.1\nHost: a\n\n", ERR_HTTP_MALFORMED, 0},
    {"GET / HTTP/1.1\rHost: a\r\n\r\n", ERR_HTTP_MALFORMED, 0},
    {GET_LINE "Host: a\n\r\n", ERR_HTTP_MALFORMED, 0},
    {GET_LINE "Host: a\r\n\n", ERR_HTTP_MALFORMED, 0},
    {GET_LINE HOST "A: b\rC: d\r\n\r\n", ERR_HTTP_MALFORMED, 0},
    {GET_LINE HOST "A: b\x01\r\n\r\n", ERR_HTTP_MALFORMED, 0},
    {GET_LINE HOST "A: b\x7f\r\n\r\n", ERR_HTTP_MALFORMED, 0},
    {GET_LINE HOST "A: b\r\n c\r\n\r\n", ERR_HTTP_MALFORMED, 0},
    {GET_LINE " " HOST "\r\n", ERR_HTTP_MALFORMED, 0},
    /* request line */
    {"GET  / HTTP/1.1\r\n" HOST "\r\n", ERR_HTTP_MALFORMED, 0},
    {"GET /  HTTP/1.1\r\n" HOST "\r\n", ERR_HTTP_MALFORMED, 0},
    {"GET / HTTP/1.1 \r\n" HOST "\r\n", ERR_HTTP_MALFORMED, 0},
    {"GET\t/ HTTP/1.1\r\n" HOST "\r\n", ERR_HTTP_MALFORMED, 0},
    {" GET / HTTP/1.1\r\n" HOST "\r\n", ERR_HTTP_MALFORMED, 0},
    {"GET /\r\n" HOST "\r\n", ERR_HTTP_MALFORMED, 0},
    {"GET\r\n" HOST "\r\n", ERR_HTTP_MALFORMED, 0},
    {"get / HTTP/1.1\r\n" HOST "\r\n", ERR_HTTP_METHOD, 0},
    {"BREW / HTTP/1.1\r\n" HOST "\r\n", ERR_HTTP_METHOD, 0},
    {"CONNECT a:80 HTTP/1.1\r\n" HOST "\r\n", ERR_HTTP_METHOD, 0},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ERR_HTTP_METHOD, 0},
    {"GET / HTTP/2.0\r\n\r\n", ERR_HTTP_VERSION, 0},
    {"GET / HTTP/1.2\r\n\r\n", ERR_HTTP_VERSION, 0},
    {"GET / HTTP/0.9\r\n\r\n", ERR_HTTP_VERSION, 0},
    {"GET / HTTP/1.10\r\n\r\n", ERR_HTTP_MALFORMED, 0},
    {"GET / http/1.1\r\n\r\n", ERR_HTTP_MALFORMED, 0},
    {"GET / ICE/1.0\r\n\r\n", ERR_HTTP_MALFORMED, 0},
    /* target */
    {"GET * HTTP/1.1\r\n" HOST "\r\n", ERR_HTTP_MALFORMED, 0},
    {"GET a HTTP/1.1\r\n" HOST "\r\n", ERR_HTTP_MALFORMED, 0},
    {"GET ?a HTTP/1.1\r\n" HOST "\r\n", ERR_HTTP_MALFORMED, 0},
    {"GET /a#b HTTP/1.1\r\n" HOST "\r\n", ERR_HTTP_MALFORMED, 0},
    {"GET /a% HTTP/1.1\r\n" HOST "\r\n", ERR_HTTP_MALFORMED, 0},
    {"GET /a%0g HTTP/1.1\r\n" HOST "\r\n", ERR_HTTP_MALFORMED, 0},
    {"GET /\xce\xb4 HTTP/1.1\r\n" HOST "\r\n", ERR_HTTP_MALFORMED, 0},
    {"GET /a\"b HTTP/1.1\r\n" HOST "\r\n", ERR_HTTP_MALFORMED, 0},
    {"GET http:/// HTTP/1.1\r\n" HOST "\r\n", ERR_HTTP_MALFORMED, 0},
    {"GET http://u@a/ HTTP/1.1\r\n" HOST "\r\n", ERR_HTTP_MALFORMED, 0},
    {"GET ftp://a/ HTTP/1.1\r\n" HOST "\r\n", ERR_HTTP_MALFORMED, 0},
    /* fields */
    {GET_LINE HOST ": a\r\n\r\n", ERR_HTTP_MALFORMED, 0},
    {GET_LINE HOST "A : b\r\n\r\n", ERR_HTTP_MALFORMED, 0},
    {GET_LINE HOST "A\r\n\r\n", ERR_HTTP_MALFORMED, 0},
    {GET_LINE HOST "A@: b\r\n\r\n", ERR_HTTP_MALFORMED, 0},
    {GET_LINE "\r\n", ERR_HTTP_MALFORMED, 0},
    {GET_LINE HOST HOST "\r\n", ERR_HTTP_MALFORMED, 0},
    {"GET / HTTP/1.0\r\n" HOST HOST "\r\n", ERR_HTTP_MALFORMED, 0},
    {GET_LINE "Host: a b\r\n\r\n", ERR_HTTP_MALFORMED, 0},
    {GET_LINE "Host: a/b\r\n\r\n", ERR_HTTP_MALFORMED, 0},
    {GET_LINE "Host: u@a\r\n\r\n", ERR_HTTP_MALFORMED, 0},
    {GET_LINE "Host: a:b\r\n\r\n", ERR_HTTP_MALFORMED, 0},
    {GET_LINE "Host: a:808080\r\n\r\n", ERR_HTTP_MALFORMED, 0},
    {GET_LINE "Host: [::1\r\n\r\n", ERR_HTTP_MALFORMED, 0},
    {GET_LINE "Host: []\r\n\r\n", ERR_HTTP_MALFORMED, 0},
    {GET_LINE HOST "Connection: keep\talive\r\n\r\n", ERR_HTTP_MALFORMED, 0},
    {GET_LINE HOST "Expect: 200-ok\r\n\r\n", ERR_HTTP_EXPECT, 0},
    /* framing */
    {GET_LINE HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\na", ERR_HTTP_MALFORMED, 0},
    {GET_LINE HOST "Content-Length: 1, 1\r\n\r\na", ERR_HTTP_MALFORMED, 0},
    {GET_LINE HOST "Content-Length:\r\n\r\n", ERR_HTTP_MALFORMED, 0},
    {GET_LINE HOST "Content-Length: +1\r\n\r\na", ERR_HTTP_MALFORMED, 0},
    {GET_LINE HOST "Content-Length: -1\r\n\r\na", ERR_HTTP_MALFORMED, 0},
    {GET_LINE HOST "Content-Length: 0x1\r\n\r\na", ERR_HTTP_MALFORMED, 0},
    {GET_LINE HOST "Content-Length: 1 2\r\n\r\na", ERR_HTTP_MALFORMED, 0},
    {GET_LINE HOST "Content-Length: 18446744073709551616\r\n\r\n", ERR_HTTP_MALFORMED, 0},
    {GET_LINE HOST "Content-Length: 18446744073709551615\r\n\r\n", ERR_TOO_LARGE, 0},
    {GET_LINE HOST "Content-Length: 65537\r\n\r\n", ERR_TOO_LARGE, 0},
    {GET_LINE HOST "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     ERR_HTTP_MALFORMED, 0},
    {GET_LINE HOST "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n",
     ERR_HTTP_MALFORMED, 0},
    {GET_LINE HOST "Transfer-Encoding: identity\r\n\r\n", ERR_HTTP_MALFORMED, 0},
    {GET_LINE HOST "Transfer-Encoding:\r\n\r\n", ERR_HTTP_MALFORMED, 0},
    {GET_LINE HOST "Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n", ERR_HTTP_MALFORMED, 0},
    {GET_LINE HOST "Transfer-Encoding: chunked, chunked\r\n\r\n", ERR_HTTP_MALFORMED, 0},
    {GET_LINE HOST "Transfer-Encoding: chunked, gzip\r\n\r\n", ERR_HTTP_MALFORMED, 0},
    {GET_LINE HOST "Transfer-Encoding: chunked;q=1\r\n\r\n", ERR_HTTP_MALFORMED, 0},
    {GET_LINE HOST "Transfer-Encoding: xchunked\r\n\r\n", ERR_HTTP_MALFORMED, 0},
    {GET_LINE HOST "Transfer-Encoding: \"chunked\"\r\n\r\n", ERR_HTTP_MALFORMED, 0},
    {GET_LINE HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n", ERR_HTTP_MALFORMED,
     0},
    {GET_LINE HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", ERR_HTTP_CODING, 0},
    {"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ERR_HTTP_MALFORMED, 0},
    {GET_LINE HOST "Content_Length: 5\r\n\r\nhello", ERR_NONE, 1}, /* an unknown field */
};

static void verdicts(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct drive_outcome got = drive_all_ways(cases[i].text, strlen(cases[i].text));
        if (got.code != cases[i].code || got.messages != cases[i].messages)
            print_error("case: %s\n", cases[i].text);
        assert_string_equal(err_code_text(got.code), err_code_text(cases[i].code));
        assert_int_equal(got.messages, cases[i].messages);
    }
}

/* A zero byte cannot stand in the table's texts. */
static void zero_bytes_are_refused(void **state)
{
    (void)state;
    char text[] = GET_LINE "Host: a?\r\nA: b\r\n\r\n";
    for (size_t at = 0; at < sizeof text - 1; at++) {
        char copy[sizeof text];
        memcpy(copy, text, sizeof text);
        copy[at] = 0;
        struct drive_outcome got = drive_all_ways(copy, sizeof text - 1);
        assert_int_not_equal(got.code, ERR_NONE);
        assert_int_equal(got.messages, 0);
    }
}

/* No proper prefix of a request is a request, and none is an error. */
static void prefixes_want_more(void **state)
{
    (void)state;
    static const char text[] =
        "\r\nPOST /a?b HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
        "3;a=b;c=\"d\\\"e\"\r\nabc\r\n0\r\nT: v\r\n\r\n";
    for (size_t len = 0; len < sizeof text - 1; len++) {
        struct drive_outcome got = drive_stream((const u8 *)text, len, NULL, 0);
        assert_int_equal(got.code, ERR_NONE);
        assert_int_equal(got.messages, 0);
    }
    assert_int_equal(drive_stream((const u8 *)text, sizeof text - 1, NULL, 0).messages, 1);
}

/* A request of `fill` letters at one place between two texts. */
static enum err_code code_of_filled(const char *before, size_t fill, const char *after)
{
    size_t before_len = strlen(before), after_len = strlen(after);
    size_t len = before_len + fill + after_len;
    char *text = malloc(len);
    assert_non_null(text);
    memcpy(text, before, before_len);
    memset(text + before_len, 'x', fill);
    memcpy(text + before_len + fill, after, after_len);
    struct drive_outcome whole = drive_stream((const u8 *)text, len, NULL, 0);
    struct drive_outcome cut = drive_stream((const u8 *)text, len, (const u8[]){251}, 1);
    assert_true(drive_equal(&whole, &cut));
    free(text);
    return whole.code;
}

static void long_things_are_refused(void **state)
{
    (void)state;
    const char *line_end = " HTTP/1.1\r\n" HOST "\r\n";
    size_t fits = HTTP_MAX_REQUEST_LINE - strlen("GET / HTTP/1.1");
    assert_int_equal(code_of_filled("GET /", fits, line_end), ERR_NONE);
    assert_int_equal(code_of_filled("GET /", fits + 1, line_end), ERR_HTTP_URI);
    assert_int_equal(code_of_filled("GET /", HTTP_MAX_HEAD, line_end), ERR_HTTP_URI);
    fits = HTTP_MAX_HEAD - strlen(GET_LINE HOST "A: \r\n\r\n");
    assert_int_equal(code_of_filled(GET_LINE HOST "A: ", fits, "\r\n\r\n"), ERR_NONE);
    assert_int_equal(code_of_filled(GET_LINE HOST "A: ", fits + 1, "\r\n\r\n"), ERR_HTTP_HEAD);
    assert_int_equal(code_of_filled(GET_LINE HOST "A: ", 100000, ""), ERR_HTTP_HEAD);
}

static void fields_are_counted(void **state)
{
    (void)state;
    static const char field[] = "A: b\r\n";
    for (u32 extra = 0; extra < 2; extra++) {
        char text[2048];
        size_t len = strlen(GET_LINE HOST);
        memcpy(text, GET_LINE HOST, len);
        for (u32 i = 1; i < HTTP_MAX_FIELDS + extra; i++, len += sizeof field - 1)
            memcpy(text + len, field, sizeof field - 1);
        memcpy(text + len, "\r\n", 2);
        struct drive_outcome got = drive_all_ways(text, len + 2);
        assert_int_equal(got.code, extra == 0 ? ERR_NONE : ERR_HTTP_HEAD);
    }
}

static void keep_alive(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        bool keeps;
    } heads[] = {
        {GET_LINE HOST "\r\n", true},
        {GET_LINE HOST "Connection: close\r\n\r\n", false},
        {GET_LINE HOST "Connection: x, CLOSE ,y\r\n\r\n", false},
        {GET_LINE HOST "Connection: keep-alive, close\r\n\r\n", false},
        {GET_LINE HOST "Connection: keep-alive\r\nConnection: close\r\n\r\n", false},
        {GET_LINE HOST "Connection: closed\r\n\r\n", true},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
    };
    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        struct drive_outcome got = drive_all_ways(heads[i].head, strlen(heads[i].head));
        assert_int_equal(got.messages, 1);
        assert_int_equal(got.is_closed, !heads[i].keeps);
    }
}

static void assert_text(struct http_text got, const char *want)
{
    assert_int_equal(got.len, strlen(want));
    assert_memory_equal(got.bytes, want, got.len);
}

static void the_request_is_understood(void **state)
{
    (void)state;
    static const char head[] =
        "POST http://h:1/a%2Fb?c=d HTTP/1.1\r\nHost: h\r\nAccept: \t one \r\n"
        "accept: two\r\nExpect: 100-Continue\r\nContent-Length: 7\r\n\r\n";
    struct http_parser p;
    struct err err = {0};
    http_parser_init(&p);
    assert_int_equal(http_head_parse(&p, head, sizeof head - 1, &err), HTTP_DONE);
    assert_int_equal(p.head_len, sizeof head - 1);
    assert_int_equal(p.request.method, HTTP_POST);
    assert_int_equal(p.request.minor, 1);
    assert_text(http_span_text(head, p.request.path), "/a%2Fb");
    assert_text(http_span_text(head, p.request.query), "c=d");
    assert_text(http_request_field(&p.request, head, HTTP_FIELD_ACCEPT), "one");
    assert_null(http_request_field(&p.request, head, HTTP_FIELD_CONTENT_TYPE).bytes);
    assert_true(p.request.expects_continue && p.request.has_length && p.request.keep_alive);
    assert_int_equal(p.request.content_length, 7);
    char decoded[8];
    size_t len = http_percent_decode(http_span_text(head, p.request.path), decoded);
    assert_text((struct http_text){decoded, len}, "/a/b");
}

static void lists(void **state)
{
    (void)state;
    static const struct {
        const char *list, *member;
        bool has;
    } members[] = {
        {"text/html, application/json", "application/json", true},
        {"text/html;q=0.9,*/*", "text/html", true},
        {"Text/HTML ; q=1", "text/html", true},
        {"text/html5", "text/html", false},
        {"", "text/html", false},
        {",,", "text/html", false},
    };
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        struct http_text list = {members[i].list, strlen(members[i].list)};
        assert_int_equal(http_list_has(list, members[i].member), members[i].has);
    }
}

/* Sixteen bytes at a time, against the table, byte by byte. */
static void lines_end_where_the_table_says(void **state)
{
    (void)state;
    u8 line[40];
    for (u32 c = 0; c < 256; c++)
        for (size_t len = 0; len <= sizeof line; len++)
            for (size_t at = 0; at <= len; at++) {
                memset(line, 'x', sizeof line);
                if (at < len)
                    line[at] = (u8)c;
                size_t expected = at < len && !http_in_set((u8)c, HTTP_SET_V) ? at : len;
                assert_int_equal(http_value_len(line, len), expected);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_end_where_the_table_says),
        cmocka_unit_test(verdicts),
        cmocka_unit_test(zero_bytes_are_refused),
        cmocka_unit_test(prefixes_want_more),
        cmocka_unit_test(long_things_are_refused),
        cmocka_unit_test(fields_are_counted),
        cmocka_unit_test(keep_alive),
        cmocka_unit_test(the_request_is_understood),
        cmocka_unit_test(lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
