#include "typed/typed.h"
#include "test/test.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* f(n: i32, k: i64, x: f32, y: f64), the third name missing. */
static const u8 params[] = {RT_I32, RT_I64, RT_F32, RT_F64};
static const struct rt_func_type type = {.params = params, .param_count = 4};
static const struct rt_text names[] = {{"n", 1}, {"k", 1}, {"", 0}, {"y\xc3\xa9", 3}};
static const struct rt_export func = {
    .name = {"f", 1}, .type = &type, .param_names = names, .param_name_count = 4};

static const struct rt_export *unary(u8 param)
{
    static const u8 all[] = {RT_I32, RT_I64, RT_F32, RT_F64};
    static const struct rt_func_type types[] = {
        {.params = &all[0], .param_count = 1},
        {.params = &all[1], .param_count = 1},
        {.params = &all[2], .param_count = 1},
        {.params = &all[3], .param_count = 1},
    };
    static struct rt_export export = {.name = {"g", 1}};
    export.type = &types[RT_I32 - param];
    return &export;
}

static bool read_body(const struct rt_export *export, const char *json, union abi_value *out,
                      struct err *err)
{
    *err = (struct err){0};
    memset(out, 0, ABI_VALUES_MAX * sizeof *out);
    /* an exact copy, so that the sanitizer sees every byte read beyond it */
    size_t len = strlen(json);
    char *copy = malloc(len + 1);
    memcpy(copy, json, len);
    bool ok = typed_body_read(export, copy, len, out, err);
    free(copy);
    return ok;
}

static void bodies_are_read(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "[1,-2,3.5,4e2]",
        " [ 1 , -2 , 3.5 , 4e2 ] \r\n\t",
        "{\"n\":1,\"k\":-2,\"p2\":3.5,\"y\xc3\xa9\":400}",
        "{\"y\\u00e9\":400.0,\"p2\":35e-1,\"\\u006b\":\"-2\",\"n\":1}",
    };
    union abi_value out[ABI_VALUES_MAX];
    struct err err;
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        if (!read_body(&func, bodies[i], out, &err))
            fail_msg("%s: %s", bodies[i], err.text);
        assert_int_equal(out[0].i32, 1);
        assert_true(out[1].i64 == -2);
        assert_true(out[2].f32 == 3.5f);
        assert_true(out[3].f64 == 400.0);
    }
}

static void values_keep_their_limits(void **state)
{
    (void)state;
    static const struct {
        u8 type;
        const char *json;
        bool ok;
        u64 bits;
    } cases[] = {
        {RT_I32, "[-2147483648]", true, 0x80000000},
        {RT_I32, "[4294967295]", true, 0xffffffff},
        {RT_I32, "[4294967296]", false, 0},
        {RT_I32, "[-2147483649]", false, 0},
        {RT_I32, "[1.0]", false, 0},
        {RT_I32, "[\"1\"]", false, 0},
        {RT_I32, "[-0]", true, 0},
        {RT_I64, "[9007199254740993]", true, 9007199254740993u},
        {RT_I64, "[\"18446744073709551615\"]", true, UINT64_MAX},
        {RT_I64, "[\"18446744073709551616\"]", false, 0},
        {RT_I64, "[\"-9223372036854775808\"]", true, 0x8000000000000000u},
        {RT_I64, "[\"-9223372036854775809\"]", false, 0},
        {RT_I64, "[\"\"]", false, 0},
        {RT_I64, "[\"-\"]", false, 0},
        {RT_I64, "[\" 1\"]", false, 0},
        {RT_F32, "[16777217]", true, 0x4b800000},
        {RT_F32, "[\"Infinity\"]", true, 0x7f800000},
        {RT_F32, "[\"-Infinity\"]", true, 0xff800000},
        {RT_F32, "[1e39]", false, 0},
        {RT_F32, "[\"1\"]", false, 0},
        {RT_F64, "[-0]", true, 0x8000000000000000u},
        {RT_F64, "[5e-324]", true, 1},
        {RT_F64, "[1e-400]", true, 0},
        {RT_F64, "[1e400]", false, 0},
        {RT_F64, "[\"nan\"]", false, 0},
        {RT_F64, "[true]", false, 0},
        {RT_F64, "[null]", false, 0},
        {RT_F64, "[[1]]", false, 0},
        {RT_F64, "[{}]", false, 0},
        {RT_F64, "[.5]", false, 0},
        {RT_F64, "[+1]", false, 0},
    };
    union abi_value out[ABI_VALUES_MAX];
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err;
        bool ok = read_body(unary(cases[i].type), cases[i].json, out, &err);
        u64 bits = cases[i].type == RT_F32 ? out[0].u32 : out[0].u64;
        if (ok != cases[i].ok || (ok && bits != cases[i].bits))
            fail_msg("%s as %s: %d %llx", cases[i].json, rt_valtype_text(cases[i].type), ok,
                     (unsigned long long)bits);
        if (!ok)
            assert_int_equal(err.code, ERR_ARGUMENT);
    }
}

static void nan_is_read(void **state)
{
    (void)state;
    union abi_value out[ABI_VALUES_MAX];
    struct err err;
    assert_true(read_body(unary(RT_F32), "[\"NaN\"]", out, &err) && isnan(out[0].f32));
    assert_true(read_body(unary(RT_F64), "[\"NaN\"]", out, &err) && isnan(out[0].f64));
}

static void what_is_no_json_is_refused(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[1 2]",
        "[01]",
        "[1.]",

        "[1e]",
        "[1e+]",
        "[-]",

        "[0x1]",
        "1",
        "\"a\"",
        "null",
        "[1]]",
        "[1]x",
        "{",
        "{\"p0\"",
        "{\"p0\":",
        "{\"p0\":1",
        "{\"p0\":1,}",
        "{p0:1}",
        "{\"p0\" 1}",
        "{\"\\x\":1}",
        "{\"\\ud800\":1}",
        "{\"\\udc00\":1}",
        "{\"\\u00g0\":1}",
        "{\"p0:1}",
        "[\"abc]",
        "[\"\n\"]",
        "{\"\\ud800\\u0041\":1}",
    };
    union abi_value out[ABI_VALUES_MAX];
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        struct err err;
        if (read_body(unary(RT_F64), bodies[i], out, &err) || err.code != ERR_JSON)
            fail_msg("%s: %s %s", bodies[i], err_code_text(err.code), err.text);
    }
}

static void counts_and_names_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *json, *text;
    } cases[] = {
        {"[1,2,3]", "expected 4 arguments: f(n: i32, k: i64, p2: f32, y\xc3\xa9: f64)"},
        {"[1,2,3,4,5]", "expected 4 arguments: f(n: i32, k: i64, p2: f32, y\xc3\xa9: f64)"},
        {"", "expected 4 arguments: f(n: i32, k: i64, p2: f32, y\xc3\xa9: f64)"},
        {"{\"n\":1}", "expected 4 arguments: f(n: i32, k: i64, p2: f32, y\xc3\xa9: f64)"},
        {"{\"n\":1,\"n\":2}", "parameter n is given twice"},
        {"{\"m\":1}", "there is no parameter \"m\""},
        {"[\"abc\"]", "parameter n (number 1): expected i32, got \"abc\""},
        {"[1,2,[3]]", "parameter p2 (number 3): expected f32, got [3"},
    };
    union abi_value out[ABI_VALUES_MAX];
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err;
        assert_false(read_body(&func, cases[i].json, out, &err));
        assert_int_equal(err.code, ERR_ARGUMENT);
        assert_string_equal(err.text, cases[i].text);
    }
}

static void no_parameters_need_no_body(void **state)
{
    (void)state;
    static const struct rt_func_type none = {0};
    static const struct rt_export export = {.name = {"h", 1}, .type = &none};
    union abi_value out[ABI_VALUES_MAX];
    struct err err;
    assert_true(read_body(&export, "", out, &err));
    assert_true(read_body(&export, " \n", out, &err));
    assert_true(read_body(&export, "[]", out, &err));
    assert_true(read_body(&export, "{}", out, &err));
    assert_false(read_body(&export, "[1]", out, &err));
}

static void arguments_are_read(void **state)
{
    (void)state;
    static const struct {
        u8 type;
        const char *text;
        bool ok;
        u64 bits;
    } cases[] = {
        {RT_I32, "-1", true, 0xffffffff},
        {RT_I32, "0xff", true, 255},
        {RT_I32, "0x1ffffffff", false, 0},
        {RT_I32, "1x", false, 0},
        {RT_I32, "", false, 0},
        {RT_I64, "-1", true, UINT64_MAX},
        {RT_F64, "1.5", true, 0x3ff8000000000000u},
        {RT_F64, "inf", true, 0x7ff0000000000000u},
        {RT_F64, "1.5x", false, 0},
        {RT_F32, "-0", true, 0x80000000},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {0};
        union abi_value out;
        bool ok = typed_argument_read(unary(cases[i].type), 0, cases[i].text, &out, &err);
        u64 bits = cases[i].type == RT_I64 || cases[i].type == RT_F64 ? out.u64 : out.u32;
        if (ok != cases[i].ok || (ok && bits != cases[i].bits))
            fail_msg("%s: %d", cases[i].text, ok);
    }
}

static void check_written(u8 value_type, union abi_value value, const char *want)
{
    struct buf out;
    buf_init(&out, KIB);
    typed_value_write(value_type, &value, &out);
    buf_add_byte(&out, 0);
    assert_string_equal((char *)out.bytes, want);
    buf_fini(&out);
}

static void values_are_written(void **state)
{
    (void)state;
    check_written(RT_I32, (union abi_value){.i32 = INT32_MIN}, "-2147483648");
    check_written(RT_I64, (union abi_value){.i64 = 9007199254740992}, "9007199254740992");
    check_written(RT_I64, (union abi_value){.i64 = 9007199254740993}, "\"9007199254740993\"");
    check_written(RT_I64, (union abi_value){.i64 = INT64_MIN}, "\"-9223372036854775808\"");
    check_written(RT_F32, (union abi_value){.f32 = 0.1f}, "0.1");
    check_written(RT_F32, (union abi_value){.f32 = (f32)NAN}, "\"NaN\"");
    check_written(RT_F64, (union abi_value){.f64 = 0.1}, "0.1");
    check_written(RT_F64, (union abi_value){.f64 = 100}, "100");
    check_written(RT_F64, (union abi_value){.f64 = -0.0}, "-0");
    check_written(RT_F64, (union abi_value){.f64 = 5e-324}, "5e-324");
    check_written(RT_F64, (union abi_value){.f64 = 1.7976931348623157e308},
                  "1.7976931348623157e+308");
    check_written(RT_F64, (union abi_value){.f64 = (f64)-INFINITY}, "\"-Infinity\"");
}

static void random_floats_read_back(void **state)
{
    (void)state;
    u64 seed = 88172645463325252u;
    for (int i = 0; i < 20000; i++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        union abi_value value = {.u64 = seed}, back;
        struct buf out;
        struct err err;
        union abi_value values[ABI_VALUES_MAX];
        if (isnan(value.f64) || isinf(value.f64) || isnan(value.f32) || isinf(value.f32))
            continue;
        buf_init(&out, KIB);
        buf_add_byte(&out, '[');
        typed_value_write(i % 2 == 0 ? RT_F64 : RT_F32, &value, &out);
        buf_add(&out, "]", 2);
        assert_true(
            read_body(unary(i % 2 == 0 ? RT_F64 : RT_F32), (char *)out.bytes, values, &err));
        back = values[0];
        if (i % 2 == 0)
            assert_true(back.u64 == value.u64);
        else
            assert_true(back.u32 == value.u32);
        buf_fini(&out);
    }
}

static void results_are_written(void **state)
{
    (void)state;
    static const u8 two[] = {RT_I32, RT_F64};
    const struct rt_func_type none = {0}, one = {.results = two, .result_count = 1},
                              both = {.results = two, .result_count = 2};
    const union abi_value values[] = {{.i32 = 7}, {.f64 = 0.5}};
    static const char *const want[] = {"null", "7", "[7,0.5]"};
    const struct rt_func_type *const types[] = {&none, &one, &both};
    for (size_t i = 0; i < COUNT_OF(want); i++) {
        struct buf out;
        buf_init(&out, KIB);
        typed_results_write(types[i], values, &out);
        buf_add_byte(&out, 0);
        assert_string_equal((char *)out.bytes, want[i]);
        buf_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_are_read),
        cmocka_unit_test(values_keep_their_limits),
        cmocka_unit_test(nan_is_read),
        cmocka_unit_test(what_is_no_json_is_refused),
        cmocka_unit_test(counts_and_names_are_checked),
        cmocka_unit_test(no_parameters_need_no_body),
        cmocka_unit_test(arguments_are_read),
        cmocka_unit_test(values_are_written),
        cmocka_unit_test(random_floats_read_back),
        cmocka_unit_test(results_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
