#include "base/buf.h"
#include "test/test.h"
#include <string.h>

static void assert_buf(struct buf *buf, const char *want)
{
    buf_add_byte(buf, 0);
    assert_true(buf_ok(buf));
    assert_string_equal((const char *)buf->bytes, want);
    buf_clear(buf);
}

static void numbers(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 100);
    buf_add_u64(&buf, 0);
    assert_buf(&buf, "0");
    buf_add_u64(&buf, 1234567890);
    assert_buf(&buf, "1234567890");
    buf_add_u64(&buf, UINT64_MAX);
    assert_buf(&buf, "18446744073709551615");
    buf_fini(&buf);
}

static void json_strings(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"", "\"\""},
        {"a\"b\\c/", "\"a\\\"b\\\\c/\""},
        {"\n\x1b\x7f", "\"\\u000a\\u001b\\u007f\""},
        {"\xc3\xa9\xf0\x9f\x98\x80", "\"\xc3\xa9\xf0\x9f\x98\x80\""},
        {"\xc3", "\"\xef\xbf\xbd\""}, /* cut short */
        {"\xc3(\xff", "\"\xef\xbf\xbd(\xef\xbf\xbd\""},
    };
    struct buf buf;
    buf_init(&buf, 100);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        buf_add_json_string(&buf, cases[i].text, strlen(cases[i].text));
        assert_buf(&buf, cases[i].want);
    }
    buf_fini(&buf);
}

static void the_limit_latches(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 4);
    buf_add(&buf, "abcd", 4);
    assert_true(buf_ok(&buf));
    buf_add_byte(&buf, 'e');
    assert_false(buf_ok(&buf));
    buf_consume(&buf, 3);
    buf_add_byte(&buf, 'f'); /* there would be room now */
    assert_false(buf_ok(&buf));
    assert_int_equal(buf.len, 1);
    buf_clear(&buf);
    buf_add_format(&buf, "%d", 123);
    assert_buf(&buf, "123");
    assert_null(buf_reserve(&buf, SIZE_MAX));
    buf_fini(&buf);
}

/* Memory that it has already does not make it larger than its limit. */
static void another_limit_counts(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 100);
    buf_add(&buf, "abcdefgh", 8);
    buf_clear(&buf);
    buf_set_limit(&buf, 4);
    buf_add(&buf, "abcd", 4);
    assert_true(buf_ok(&buf));
    buf_add_byte(&buf, 'e');
    assert_false(buf_ok(&buf));
    buf_clear(&buf);
    buf_set_limit(&buf, 5);
    buf_add(&buf, "abcde", 5);
    assert_true(buf_ok(&buf));
    buf_fini(&buf);
}

static void items_of_a_list(void **state)
{
    (void)state;
    static const struct {
        u32 count;
        const char *says;
    } cases[] = {{0, ""},
                 {1, "a"},
                 {3, "a, b, c"},
                 {8, "a, b, c, d, e, f, g, h"},
                 {10, "a, b, c, d, e, f, g, h and 2 more"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf buf;
        buf_init(&buf, 100);
        for (u32 k = 0; k < cases[i].count; k++)
            buf_add_item(&buf, k, &"abcdefghij"[k], 1);
        buf_end_items(&buf, cases[i].count);
        assert_int_equal(buf.len, strlen(cases[i].says));
        assert_memory_equal(buf.bytes, cases[i].says, buf.len);
        buf_fini(&buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_of_a_list),      cmocka_unit_test(numbers),
        cmocka_unit_test(json_strings),         cmocka_unit_test(the_limit_latches),
        cmocka_unit_test(another_limit_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
