#include "test/unit/typed/fake.h"
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

/* The function of an export, as a module without a signature has it. Lives as long as the program.
 */
static const struct typed_func *plain(const struct rt_export *export)
{
    static struct arena arena;
    struct rt_module fake = {export, 1};
    struct typed_module module;
    struct err err = {0};
    if (arena.limit_bytes == 0)
        arena_init(&arena, 64 * MIB);
    assert_true(
        typed_module_make(&module, &fake, (struct rt_text){NULL, 0}, "m.sig", &arena, &err));
    assert_int_equal(module.count, 1);
    return module.funcs;
}

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
    char *copy = malloc(len == 0 ? 1 : len);
    memcpy(copy, json, len);
    bool ok = typed_values_read(plain(export), copy, len, out, err);
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
        {RT_I64, "[9007199254740992]", true, 9007199254740992u},
        {RT_I64, "[-9007199254740992]", true, 0u - 9007199254740992u},
        {RT_I64, "[9007199254740993]", false, 0},
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
        {"{\"n\":1,\"n\":2}", "n is given twice"},
        {"{\"m\":1}", "there is no parameter \"m\""},
        {"[\"abc\"]", "n: expected i32, got \"abc\""},
        {"[1,2,[3]]", "p2: expected f32, got [3"},
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

static void words_are_read(void **state)
{
    (void)state;
    static const struct {
        u8 type;
        const char *word;
        const char *text; /* of the error; NULL: none */
        u64 bits;
    } cases[] = {
        {RT_I32, "-1", NULL, 0xffffffff},
        {RT_I32, "0xff", NULL, 255},
        {RT_I32, "0x1ffffffff", "n: expected i32, got \"0x1ffffffff\"", 0},
        {RT_I32, "1x", "n: expected i32, got \"1x\"", 0},
        {RT_I32, "", "n: expected i32, got \"\"", 0},
        {RT_I32, "1,2", "n: expected i32, got \"1,2\"", 0},
        {RT_I64, "-1", NULL, UINT64_MAX},
        {RT_I64, "9223372036854775807", NULL, INT64_MAX},
        {RT_I64, "0xffffffffffffffff", NULL, UINT64_MAX},
        {RT_F64, "1.5", NULL, 0x3ff8000000000000u},
        {RT_F64, ".5", NULL, 0x3fe0000000000000u},
        {RT_F64, "inf", NULL, 0x7ff0000000000000u},
        {RT_F64, "1.5x", "n: expected f64, got \"1.5x\"", 0},
        {RT_F32, "-0", NULL, 0x80000000},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        static const struct rt_text name = {"n", 1};
        struct rt_export export = *unary(cases[i].type);
        struct buf json;
        struct err err = {0};
        union abi_value out[ABI_VALUES_MAX];
        export.param_names = &name;
        export.param_name_count = 1;
        buf_init(&json, KIB);
        const struct typed_func *function = plain(&export);
        bool ok = typed_words_read(function, &cases[i].word, 1, &json, &err) &&
                  typed_values_read(function, json.bytes, json.len, out, &err);
        u64 bits = cases[i].type == RT_I64 || cases[i].type == RT_F64 ? out[0].u64 : out[0].u32;
        if (ok != (cases[i].text == NULL) || (ok && bits != cases[i].bits))
            fail_msg("%s: %d", cases[i].word, ok);
        if (!ok)
            assert_string_equal(err.text, cases[i].text);
        buf_fini(&json);
    }
}

static void words_are_counted(void **state)
{
    (void)state;
    static const char *const words[] = {"1", "2"};
    struct buf json;
    struct err err = {0};
    buf_init(&json, KIB);
    assert_false(typed_words_read(plain(unary(RT_I32)), words, 2, &json, &err));
    assert_string_equal(err.text, "expected 1 argument, got 2: g(p0: i32)");
    buf_fini(&json);
}

static void results_are_written(void **state)
{
    (void)state;
    static const u8 two[] = {RT_I64, RT_F64};
    static const struct {
        u32 count;
        union abi_value values[2];
        const char *text;
    } cases[] = {
        {0, {{0}}, "null"},
        {1, {{.i64 = 7}}, "7"},
        {1, {{.i64 = 9007199254740993}}, "\"9007199254740993\""},
        {1, {{.i64 = INT64_MIN}}, "\"-9223372036854775808\""},
        {2, {{.i64 = -7}, {.f64 = 0.5}}, "[-7,0.5]"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct rt_func_type core = {.results = two, .result_count = cases[i].count};
        const struct rt_export export = {.name = {"h", 1}, .type = &core};
        struct buf out;
        struct err err = {0};
        buf_init(&out, KIB);
        assert_true(typed_values_write(plain(&export), cases[i].values, &out, &err));
        buf_add_byte(&out, 0);
        assert_string_equal((char *)out.bytes, cases[i].text);
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
        cmocka_unit_test(words_are_read),
        cmocka_unit_test(words_are_counted),
        cmocka_unit_test(results_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
