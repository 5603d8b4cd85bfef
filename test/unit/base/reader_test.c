#include "base/reader.c"
#include "test/test.h"

static void leb_u32(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        u32 want;
        enum err_code code;
    } cases[] = {
        {"\x00", 1, 0, ERR_NONE},
        {"\xe5\x8e\x26", 3, 624485, ERR_NONE},
        {"\xff\xff\xff\xff\x0f", 5, UINT32_MAX, ERR_NONE},
        {"\x80\x80\x80\x80\x00", 5, 0, ERR_NONE},
        {"\xff\xff\xff\xff\x1f", 5, 0, ERR_MALFORMED},     /* bits beyond 32 */
        {"\x80\x80\x80\x80\x80\x00", 6, 0, ERR_MALFORMED}, /* too long */
        {"\x80", 1, 0, ERR_MALFORMED},                     /* cut short */
        {"", 0, 0, ERR_MALFORMED},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {0};
        struct reader r = reader_make(cases[i].bytes, cases[i].len, &err);
        assert_int_equal(read_leb_u32(&r), cases[i].want);
        assert_int_equal(err.code, cases[i].code);
    }
}

static void leb_signed(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        int bits;
        i64 want;
        enum err_code code;
    } cases[] = {
        {"\x7f", 1, 32, -1, ERR_NONE},
        {"\x40", 1, 32, -64, ERR_NONE},
        {"\xc0\xbb\x78", 3, 32, -123456, ERR_NONE},
        {"\x80\x80\x80\x80\x78", 5, 32, INT32_MIN, ERR_NONE},
        {"\xff\xff\xff\xff\x07", 5, 32, INT32_MAX, ERR_NONE},
        {"\xff\xff\xff\xff\x0f", 5, 32, 0, ERR_MALFORMED}, /* sign bits disagree */
        {"\xff\xff\xff\xff\x4f", 5, 32, 0, ERR_MALFORMED},
        {"\x80\x80\x80\x80\x80\x00", 6, 32, 0, ERR_MALFORMED},
        {"\x80\x80\x80\x80\x70", 5, 33, -4294967296, ERR_NONE},
        {"\xff\xff\xff\xff\x0f", 5, 33, 4294967295, ERR_NONE},
        {"\xff\xff\xff\xff\x2f", 5, 33, 0, ERR_MALFORMED},
        {"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x7f", 10, 64, INT64_MIN, ERR_NONE},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00", 10, 64, INT64_MAX, ERR_NONE},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, 64, 0, ERR_MALFORMED},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {0};
        struct reader r = reader_make(cases[i].bytes, cases[i].len, &err);
        i64 got = cases[i].bits == 32   ? read_leb_i32(&r)
                  : cases[i].bits == 33 ? read_leb_i33(&r)
                                        : read_leb_i64(&r);
        assert_true(got == cases[i].want);
        assert_int_equal(err.code, cases[i].code);
    }
}

static void latches_the_first_failure(void **state)
{
    (void)state;
    struct err err = {0};
    struct reader r = reader_make("\x01\x02\x03", 3, &err);
    read_byte(&r);
    reader_fail(&r, ERR_INVALID, "first");
    reader_fail(&r, ERR_LIMIT, "second");
    assert_int_equal(read_byte(&r), 0);
    assert_int_equal(reader_left(&r), 0);
    assert_null(read_bytes(&r, 0));
    assert_int_equal(err.code, ERR_INVALID);
    assert_string_equal(err.text, "first");
    assert_int_equal(err.at, 1);
}

static void sub_readers_keep_offsets(void **state)
{
    (void)state;
    struct err err = {0};
    struct reader r = reader_make("\xaa\xbb\xcc\xdd", 4, &err);
    read_byte(&r);
    struct reader sub = reader_sub(&r, 2);
    assert_int_equal(read_byte(&sub), 0xbb);
    assert_int_equal(read_byte(&sub), 0xcc);
    assert_int_equal(read_byte(&sub), 0);
    assert_int_equal(err.at, 3);
    assert_true(reader_ok(&r));
    assert_int_equal(read_byte(&r), 0xdd);
    struct reader past = reader_sub(&r, 1);
    assert_false(reader_ok(&past));
}

static void counts_are_bounded(void **state)
{
    (void)state;
    struct err err = {0};
    struct reader r = reader_make("\x05"
                                  "abc",
                                  4, &err);
    assert_int_equal(read_count(&r, 10, "letters"), 0);
    assert_int_equal(err.code, ERR_MALFORMED);
    err = (struct err){0};
    r = reader_make("\x03"
                    "abc",
                    4, &err);
    assert_int_equal(read_count(&r, 2, "letters"), 0);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_string_equal(err.text, "more than 2 letters");
    err = (struct err){0};
    r = reader_make("\x03"
                    "abc",
                    4, &err);
    assert_int_equal(read_count(&r, 3, "letters"), 3);
}

static void utf8(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        bool valid;
    } cases[] = {
        {"", true},
        {"abc", true},
        {"\xc3\xa9", true},
        {"\xe2\x82\xac", true},
        {"\xf0\x9f\x98\x80", true},
        {"\xf4\x8f\xbf\xbf", true},
        {"\xc0\x80", false}, /* overlong */
        {"\xe0\x80\x80", false},
        {"\xf0\x80\x80\x80", false},
        {"\xed\xa0\x80", false},     /* surrogate */
        {"\xf4\x90\x80\x80", false}, /* beyond U+10FFFF */
        {"\x80", false},
        {"\xc3", false},
        {"\xff", false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(utf8_valid(cases[i].bytes, strlen(cases[i].bytes)), cases[i].valid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leb_u32),
        cmocka_unit_test(leb_signed),
        cmocka_unit_test(latches_the_first_failure),
        cmocka_unit_test(sub_readers_keep_offsets),
        cmocka_unit_test(counts_are_bounded),
        cmocka_unit_test(utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
