#include "http/http.h"
#include "test/test.h"
#include <string.h>

static struct http_cgi parse(const char *output, bool has_ended, enum http_result want,
                             struct err *err)
{
    struct http_cgi cgi;
    *err = (struct err){0};
    assert_int_equal(http_cgi_parse(&cgi, output, strlen(output), has_ended, err), want);
    return cgi;
}

/* Output that is all body. */
static void plain_output(void **state)
{
    (void)state;
    static const char *const cases[] = {"",
                                        "hello\n",
                                        "Content-Typ",
                                        "Content-Typf: a\n\n",
                                        "Set-Cookie: a\n\n",
                                        "Status",
                                        "Status: 200\n",
                                        "Content-Type: text",
                                        "status :200\n\n",
                                        "\nStatus: 200\n\n",
                                        "Location"};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err;
        struct http_cgi cgi = parse(cases[i], true, HTTP_DONE, &err);
        assert_int_equal(cgi.head_len, 0);
        assert_int_equal(cgi.status, 200);
        assert_int_equal(cgi.field_count, 0);
    }
}

static void heads(void **state)
{
    (void)state;
    static const struct {
        const char *output;
        int status;
        size_t head_len;
        u32 field_count;
        bool has_length;
        u64 length;
    } cases[] = {
        {"Content-Type: a/b\n\nbody", 200, 19, 1, false, 0},
        {"content-type:a/b\r\n\r\nbody", 200, 20, 1, false, 0},
        {"Status: 404 Not Found\nContent-Type: a\n\n", 404, 39, 1, false, 0},
        {"Status: 204\n\n", 204, 13, 0, false, 0},
        {"Location: /there\n\n", 302, 18, 1, false, 0},
        {"Location: /there\nStatus: 303\n\n", 303, 30, 1, false, 0},
        {"Content-Type: a\nContent-Length: 12\nX-A:\tb \n\n", 200, 44, 2, true, 12},
        {"Status: 200\nDate: now\nweir-request-id: 1\n\n", 200, 42, 0, false, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err;
        struct http_cgi cgi = parse(cases[i].output, false, HTTP_DONE, &err);
        assert_int_equal(cgi.status, cases[i].status);
        assert_int_equal(cgi.head_len, cases[i].head_len);
        assert_int_equal(cgi.field_count, cases[i].field_count);
        assert_int_equal(cgi.has_length, cases[i].has_length);
        if (cgi.has_length)
            assert_int_equal(cgi.content_length, cases[i].length);
    }
}

/* Every first part of a head asks for more, or is no head. */
static void pieces(void **state)
{
    (void)state;
    static const char output[] = "Status: 201\r\nX: y\r\n\r\n";
    for (size_t len = 0; len < sizeof output - 1; len++) {
        struct http_cgi cgi;
        struct err err = {0};
        assert_int_equal(http_cgi_parse(&cgi, output, len, false, &err), HTTP_MORE);
    }
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *output, *text;
    } cases[] = {
        {"Status: 100\n\n",
         "the program wrote a Status field that is no status from 200 to 599, or two"},
        {"Status: 2000\n\n",
         "the program wrote a Status field that is no status from 200 to 599, or two"},
        {"Status: 20\n\n",
         "the program wrote a Status field that is no status from 200 to 599, or two"},
        {"Status: 200\nStatus: 200\n\n",
         "the program wrote a Status field that is no status from 200 to 599, or two"},
        {"Status: 200\nContent-Length: -1\n\n",
         "the program wrote a Content-Length that is no number, or two"},
        {"Status: 200\nContent-Length: 99999999999999999999\n\n",
         "the program wrote a Content-Length that is no number, or two"},
        {"Status: 200\nContent-Length: 1\nContent-Length: 1\n\n",
         "the program wrote a Content-Length that is no number, or two"},
        {"Status: 200\nTransfer-Encoding: chunked\n\n",
         "the program wrote a Transfer-Encoding field, which is the server's affair"},
        {"Status: 200\nCONNECTION: close\n\n",
         "the program wrote a CONNECTION field, which is the server's affair"},
        {"Status: 200\nno field\n\n", "the program wrote a malformed header field"},
        {"Status: 200\n folded\n\n", "the program wrote a malformed header field"},
        {"Status: 200\nX: a\rb\n\n", "the program wrote a malformed header field"},
        {"Status: 200\nX: a\x01\n\n", "the program wrote a malformed header field"},
        {"Status: 200\n: a\n\n", "the program wrote a malformed header field"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err;
        parse(cases[i].output, false, HTTP_FAILED, &err);
        assert_int_equal(err.code, ERR_RESPONSE);
        assert_string_equal(err.text, cases[i].text);
    }
}

static void bounds(void **state)
{
    (void)state;
    struct buf buf;
    struct http_cgi cgi;
    struct err err = {0};
    buf_init(&buf, MIB);
    buf_add_text(&buf, "Status: 200\n");
    for (u32 i = 0; i < HTTP_MAX_FIELDS; i++)
        buf_add_text(&buf, "a: b\n");
    size_t len = buf.len;
    buf_add_byte(&buf, '\n');
    assert_int_equal(http_cgi_parse(&cgi, buf.bytes, buf.len, false, &err), HTTP_DONE);
    assert_int_equal(cgi.field_count, HTTP_MAX_FIELDS);
    buf.len = len;
    buf_add_text(&buf, "c: d\n\n");
    assert_int_equal(http_cgi_parse(&cgi, buf.bytes, buf.len, false, &err), HTTP_FAILED);
    assert_string_equal(err.text, "the program wrote more than 100 header fields");
    /* A head without an end is a body once it has had room to end. */
    buf_clear(&buf);
    buf_add_text(&buf, "Status: 200\nX: ");
    while (buf.len < HTTP_MAX_PROGRAM_HEAD - 1)
        buf_add_byte(&buf, 'x');
    assert_int_equal(http_cgi_parse(&cgi, buf.bytes, buf.len, false, &err), HTTP_MORE);
    buf_add_text(&buf, "\n\n");
    assert_int_equal(http_cgi_parse(&cgi, buf.bytes, buf.len, false, &err), HTTP_DONE);
    assert_int_equal(cgi.head_len, 0);
    buf_fini(&buf);
}

static void responses(void **state)
{
    (void)state;
    struct buf out;
    struct err err;
    static const char head[] = "Status: 201\nX-Name: value\nContent-Type: a/b\n\n";
    struct http_cgi cgi = parse(head, false, HTTP_DONE, &err);
    buf_init(&out, MIB);
    struct http_response response = {.status = cgi.status,
                                     .framing = HTTP_CHUNKED,
                                     .head = head,
                                     .fields = cgi.fields,
                                     .field_count = cgi.field_count,
                                     .keep_alive = true,
                                     .minor = 1};
    http_response_add(&out, &response);
    http_chunk_add(&out, "0123456789abcdefX", 17);
    http_chunk_add(&out, NULL, 0);
    buf_add_text(&out, HTTP_LAST_CHUNK);
    buf_add_byte(&out, 0);
    assert_string_equal((char *)out.bytes, "HTTP/1.1 201 Created\r\n"
                                           "Transfer-Encoding: chunked\r\n"
                                           "X-Name: value\r\n"
                                           "Content-Type: a/b\r\n\r\n"
                                           "11\r\n0123456789abcdefX\r\n0\r\n\r\n");
    buf_clear(&out);
    response.framing = HTTP_NO_BODY;
    response.field_count = 0;
    http_response_add(&out, &response);
    buf_add_byte(&out, 0);
    assert_string_equal((char *)out.bytes, "HTTP/1.1 201 Created\r\n\r\n");
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_output), cmocka_unit_test(heads),  cmocka_unit_test(pieces),
        cmocka_unit_test(refused),      cmocka_unit_test(bounds), cmocka_unit_test(responses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
