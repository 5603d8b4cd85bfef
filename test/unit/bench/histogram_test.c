#include "bench/histogram.h"
#include "test/test.h"
#include <math.h>
#include <stdlib.h>

static struct histogram *empty(void)
{
    struct histogram *h = calloc(1, sizeof *h);
    assert_non_null(h);
    return h;
}

static void a_value_comes_back_within_a_percent(void **state)
{
    (void)state;
    struct histogram *h = empty();
    for (f64 value = 1; value < 1e12; value *= 1.0037) {
        histogram_clear(h);
        histogram_add(h, (u64)value);
        histogram_add(h, UINT32_MAX * (u64)1000); /* so that the maximum is another */
        f64 found = histogram_quantile(h, 0.5), wanted = floor(value);
        assert_true(fabs(found - wanted) <= wanted * 0.01);
    }
    free(h);
}

static void quantiles_of_a_row_of_numbers(void **state)
{
    (void)state;
    static const f64 parts[] = {0.001, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999};
    struct histogram *h = empty();
    for (u64 i = 100000; i > 0; i--)
        histogram_add(h, i * 17);
    for (u32 i = 0; i < COUNT_OF(parts); i++) {
        f64 wanted = parts[i] * 100000 * 17;
        assert_true(fabs(histogram_quantile(h, parts[i]) - wanted) <= wanted * 0.01);
    }
    assert_true(histogram_quantile(h, 1) == 1700000);
    assert_true(fabs(histogram_mean(h) - 850008.5) < 1e-6);
    free(h);
}

static void no_quantile_is_above_the_maximum(void **state)
{
    (void)state;
    struct histogram *h = empty();
    for (u32 i = 0; i < 1000; i++)
        histogram_add(h, (u64)1 << 30); /* the least of its step */
    assert_true(histogram_quantile(h, 0.5) == (f64)((u64)1 << 30));
    free(h);
}

static void nothing_and_too_much(void **state)
{
    (void)state;
    struct histogram *h = empty();
    assert_true(histogram_quantile(h, 0.99) == 0);
    assert_true(histogram_mean(h) == 0);
    histogram_add(h, 0);
    assert_true(histogram_quantile(h, 0.5) == 0);
    histogram_add(h, UINT64_MAX / 2);
    assert_true(histogram_quantile(h, 1) == (f64)(UINT64_MAX / 2));
    assert_int_equal(h->total, 2);
    free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_comes_back_within_a_percent),
        cmocka_unit_test(quantiles_of_a_row_of_numbers),
        cmocka_unit_test(no_quantile_is_above_the_maximum),
        cmocka_unit_test(nothing_and_too_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
