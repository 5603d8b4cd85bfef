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

#define NOW ((i64)1795392000) /* 2026-11-23 */

static bool parse(const char *text, i64 *out)
{
    return http_date_parse((struct http_text){text, strlen(text)}, NOW, out);
}

static void dates_that_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        i64 want;
    } cases[] = {
        {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
        {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
        {"Sun Nov  6 08:49:37 1994", 784111777},
        {"Wed Nov 16 08:49:37 1994", 784975777},
        {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
        {"Wed, 31 Dec 1969 23:59:59 GMT", -1},
        {"Mon, 01 Jan 1900 00:00:00 GMT", -2208988800},
        {"Tue, 29 Feb 2000 00:00:00 GMT", 951782400},
        {"Mon, 01 Mar 2100 00:00:00 GMT", 4107542400},
        {"Fri, 31 Dec 9999 23:59:60 GMT", 253402300800},  /* a leap second */
        {"Saturday, 01-Feb-76 00:00:00 GMT", 3347740800}, /* 50 years ahead */
        {"Saturday, 01-Jan-77 00:00:00 GMT", 220924800},  /* 51 */
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        i64 got = 0;
        assert_true(parse(cases[i].text, &got));
        assert_int_equal(got, cases[i].want);
    }
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    for (i64 seconds = 0; seconds < 253402300799; seconds += 86400 * 997 + 12345) {
        char text[HTTP_DATE_BYTES];
        i64 got = 0;
        http_date_format(seconds, text);
        assert_true(parse(text, &got));
        assert_int_equal(got, seconds);
    }
}

static void no_dates(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "0",
        "-1",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        " Sun, 06 Nov 1994 08:49:37 GMT",
        "sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 29 Feb 2100 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, -6 Nov 1994 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 1994 GMT",
        "1994-11-06T08:49:37Z",
        "784111777",
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        i64 got = 7;
        assert_false(parse(cases[i], &got));
        assert_int_equal(got, 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates),
        cmocka_unit_test(times),
        cmocka_unit_test(dates_that_are_read),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(no_dates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
