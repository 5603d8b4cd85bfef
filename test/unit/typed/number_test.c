#include "test/unit/typed/fake.h"
#include "test/test.h"
#include <math.h>
#include <stdio.h>

/* xorshift64 */
static u64 next_random(u64 *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Reads text that must be a number to its end. */
static struct typed_decimal scan(const char *text)
{
    struct typed_decimal decimal;
    /* an exact copy, so that the sanitizer sees every byte read beyond it */
    size_t len = strlen(text);
    char *copy = malloc(len);
    memcpy(copy, text, len);
    if (typed_decimal_scan(copy, copy + len, &decimal) != len)
        fail_msg("%s is no number", text);
    free(copy);
    return decimal;
}

static void check_f64(f64 value)
{
    char text[TYPED_NUMBER_MAX + 1];
    size_t len = typed_f64_put(value, text);
    f64 back;
    assert_true(len <= TYPED_NUMBER_MAX);
    text[len] = 0;
    struct typed_decimal decimal = scan(text);
    f64 libc = strtod(text, NULL);
    if (memcmp(&libc, &value, sizeof value) != 0)
        fail_msg("%s is not %.17g", text, value);
    if (!typed_decimal_f64(&decimal, text, &back) || memcmp(&back, &value, sizeof value) != 0)
        fail_msg("%s is read as %.17g", text, back);
}

static void check_f32(f32 value)
{
    char text[TYPED_NUMBER_MAX + 1];
    size_t len = typed_f32_put(value, text);
    f32 back;
    assert_true(len <= TYPED_NUMBER_MAX);
    text[len] = 0;
    struct typed_decimal decimal = scan(text);
    f32 libc = strtof(text, NULL);
    if (memcmp(&libc, &value, sizeof value) != 0)
        fail_msg("%s is not %.9g", text, (f64)value);
    if (!typed_decimal_f32(&decimal, text, &back) || memcmp(&back, &value, sizeof value) != 0)
        fail_msg("%s is read as %.9g", text, (f64)back);
}

static void floats_read_back(void **state)
{
    (void)state;
    u64 seed = 88172645463325252u;
    for (int i = 0; i < 200000; i++) {
        u64 bits = next_random(&seed);
        u32 half = (u32)next_random(&seed);
        f64 wide;
        f32 single;
        memcpy(&wide, &bits, sizeof wide);
        memcpy(&single, &half, sizeof single);
        if (isfinite(wide))
            check_f64(wide);
        if (isfinite(single))
            check_f32(single);
        check_f64((f64)(bits >> 11) / 9007199254740992.0);
        check_f64((f64)(i64)(bits % 1000000) / 100);
        check_f32((f32)(bits >> 40) / 16777216.0f);
    }
}

static void edges_read_back(void **state)
{
    (void)state;
    for (i32 exponent = -1074; exponent < 1024; exponent++) {
        f64 power = ldexp(1, exponent);
        check_f64(power);
        check_f64(nextafter(power, 0));
        check_f64(-nextafter(power, (f64)INFINITY));
        if (exponent >= -149 && exponent < 128) {
            check_f32((f32)power);
            check_f32(nextafterf((f32)power, 0));
            check_f32(nextafterf((f32)power, (f32)INFINITY) > 3.4e38f
                          ? 1
                          : nextafterf((f32)power, (f32)INFINITY));
        }
    }
}

/* No text with fewer digits reads back as the value. */
static void floats_are_shortest(void **state)
{
    (void)state;
    u64 seed = 1234567891234567u;
    for (int i = 0; i < 20000; i++) {
        u64 bits = next_random(&seed);
        f64 value = (f64)(bits >> 11) / 9007199254740992.0 * (f64)(bits % 1000);
        char text[TYPED_NUMBER_MAX + 1], least[64];
        int digits = 0;
        size_t len = typed_f64_put(value, text);
        text[len] = 0;
        do
            snprintf(least, sizeof least, "%.*e", digits, value);
        while (strtod(least, NULL) != value && digits++ < 17);
        struct typed_decimal ours = scan(text), theirs = scan(least);
        while (ours.digits > 0 && ours.digits % 10 == 0)
            ours.digits /= 10;
        while (theirs.digits > 0 && theirs.digits % 10 == 0)
            theirs.digits /= 10;
        if (ours.digits != theirs.digits)
            fail_msg("%s, but %s does too", text, least);
    }
}

static void any_decimal_is_rounded_once(void **state)
{
    (void)state;
    u64 seed = 987654321987u;
    for (int i = 0; i < 200000; i++) {
        char text[80];
        u32 digits = 1 + (u32)(next_random(&seed) % 24), at = 0;
        for (u32 k = 0; k < digits; k++) {
            text[at++] = (char)('1' + next_random(&seed) % 9);
            if (k == 0 && digits > 1)
                text[at++] = '.';
        }
        snprintf(text + at, sizeof text - at, "e%d", (int)(next_random(&seed) % 90) - 45);
        struct typed_decimal decimal = scan(text);
        f64 wide, want = strtod(text, NULL);
        f32 single, want_single = strtof(text, NULL);
        assert_true(typed_decimal_f64(&decimal, text, &wide));
        if (wide != want)
            fail_msg("%s: %.17g, not %.17g", text, wide, want);
        if (typed_decimal_f32(&decimal, text, &single) != (bool)isfinite(want_single) ||
            (isfinite(want_single) && single != want_single))
            fail_msg("%s: %.9g, not %.9g", text, (f64)single, (f64)want_single);
    }
}

/* Half way between two floats: to the even one, unless any digit behind says otherwise. */
static void ties_are_even(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        f64 wide;
        f32 single;
    } cases[] = {
        {"9007199254740993", 9007199254740992.0, 9007199254740992.0f},
        {"9007199254740995", 9007199254740996.0, 9007199254740992.0f},
        {"9007199254740993.0000000000000000001", 9007199254740994.0, 9007199254740992.0f},
        {"16777217", 16777217.0, 16777216.0f},
        {"16777219", 16777219.0, 16777220.0f},
        {"16777217.000000000000000000001", 16777217.0, 16777218.0f},
        {"1.00000005960464477539062500", 1.0000000596046448, 1.0f},
        {"1.00000005960464477539062501", 1.0000000596046448, 1.0000001f},
        {"0.000000000000000000000000000001", 1e-30, 1e-30f},
        {"5e-324", 5e-324, 0},
        {"2.4703282292062327e-324", 0, 0},
        {"2.4703282292062328e-324", 5e-324, 0},
        {"1e-400", 0, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct typed_decimal decimal = scan(cases[i].text);
        f64 wide;
        f32 single;
        assert_true(typed_decimal_f64(&decimal, cases[i].text, &wide));
        assert_true(typed_decimal_f32(&decimal, cases[i].text, &single));
        if (wide != cases[i].wide || single != cases[i].single)
            fail_msg("%s: %.17g %.9g", cases[i].text, wide, (f64)single);
    }
}

static void too_large_or_long(void **state)
{
    (void)state;
    char zeros[1200];
    f64 wide;
    f32 single;
    struct typed_decimal decimal = scan("1e309");
    assert_false(typed_decimal_f64(&decimal, "1e309", &wide));
    decimal = scan("1e39");
    assert_false(typed_decimal_f32(&decimal, "1e39", &single));
    memset(zeros, '0', sizeof zeros - 1);
    zeros[1] = '.';
    zeros[sizeof zeros - 1] = 0;
    decimal = scan(zeros);
    assert_false(typed_decimal_f64(&decimal, zeros, &wide));
    assert_false(typed_decimal_f32(&decimal, zeros, &single));
}

static void floats_as_text(void **state)
{
    (void)state;
    static const struct {
        f64 value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-0.0, "-0"},
        {0.1, "0.1"},
        {100, "100"},
        {1e20, "100000000000000000000"},
        {1e21, "1e+21"},
        {5e+299, "5e+299"},
        {1e-6, "0.000001"},
        {1e-7, "1e-7"},
        {1.5e-10, "1.5e-10"},
        {123456.789, "123456.789"},
        {5e-324, "5e-324"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {(f64)NAN, "\"NaN\""},
        {(f64)INFINITY, "\"Infinity\""},
        {-(f64)INFINITY, "\"-Infinity\""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[TYPED_NUMBER_MAX + 1];
        text[typed_f64_put(cases[i].value, text)] = 0;
        assert_string_equal(text, cases[i].text);
    }
    char text[TYPED_NUMBER_MAX + 1];
    text[typed_f32_put(0.1f, text)] = 0;
    assert_string_equal(text, "0.1");
    text[typed_f32_put((f32)NAN, text)] = 0;
    assert_string_equal(text, "\"NaN\"");
}

static void what_is_no_number(void **state)
{
    (void)state;
    static const char *const texts[] = {"",   "-",    "01", "-01", ".5", "+1", "e1",
                                        "1.", "1.e1", "1e", "1e+", "x1", "-e"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct typed_decimal decimal;
        assert_int_equal(typed_decimal_scan(texts[i], texts[i] + strlen(texts[i]), &decimal), 0);
    }
}

static void digits_are_put(void **state)
{
    (void)state;
    char text[TYPED_DIGITS_MAX + 1];
    static const u64 values[] = {0, 9, 10, 99, 100, 101, 12345, UINT64_MAX, 10000000000000000000u};
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        char want[32];
        text[typed_digits_put(values[i], text)] = 0;
        snprintf(want, sizeof want, "%llu", (unsigned long long)values[i]);
        assert_string_equal(text, want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floats_read_back),    cmocka_unit_test(edges_read_back),
        cmocka_unit_test(floats_are_shortest), cmocka_unit_test(any_decimal_is_rounded_once),
        cmocka_unit_test(ties_are_even),       cmocka_unit_test(too_large_or_long),
        cmocka_unit_test(floats_as_text),      cmocka_unit_test(what_is_no_number),
        cmocka_unit_test(digits_are_put),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
