#include "test/unit/typed/fake.h"
#include "test/test.h"
#include <stdio.h>

static const char declarations[] = "enum color { red, green, blue }\n"
                                   "record point { x: f64, y: f64 }\n"
                                   "record mixed { c: color, on: bool, name: string, at: point, "
                                   "tags: list<string>, o: option<u8> }\n";

enum { MALLOC, ECHO, REALLOC, FUNCS };

/* A call of echo(a: TYPE) -> TYPE in a fake guest. */
struct echo {
    struct arena arena;
    struct rt_export exported;
    struct rt_func_type core;
    struct typed_func func;
    struct typed_field param;
    struct rt_instance instance;
    struct buf out;
    struct err err;
};

static void echo_init(struct echo *e, const char *type, fake_fn *const *funcs)
{
    static fake_fn *const usual[FUNCS] = {fake_malloc, fake_echo, fake_realloc};
    struct typed_signature signature;
    char text[600];
    *e = (struct echo){.exported = {.name = TEXT("echo"), .index = ECHO}};
    arena_init(&e->arena, MIB);
    buf_init(&e->out, 64 * KIB);
    int len = snprintf(text, sizeof text, "%sf: func(a: %s) -> %s;", declarations, type, type);
    char *kept = arena_text(&e->arena, text, (size_t)len);
    if (!typed_signature_parse(&signature, (struct rt_text){kept, (u32)len}, "m.sig", &e->arena,
                               &e->err))
        fail_msg("%s", e->err.text);
    e->func = (struct typed_func){.exported = &e->exported,
                                  .params = {.kind = TYPED_RECORD},
                                  .result = signature.funcs[0].result,
                                  .needs_driver = true,
                                  .allocator = MALLOC};
    typed_record_lay_out(&e->func.params, signature.funcs[0].params, 1);
    fake_init(&e->instance, funcs != NULL ? funcs : usual);
    e->instance.func = &e->func;
}

static void echo_fini(struct echo *e)
{
    fake_fini(&e->instance);
    buf_fini(&e->out);
    arena_fini(&e->arena);
}

/* Body in, answer or error out, as text that lives as long as e. */
static const char *echo_call(struct echo *e, const void *body, size_t len, bool is_raw,
                             bool wants_raw)
{
    char *copy = malloc(len + 1); /* exact, for the sanitizer */
    memcpy(copy, body, len);
    struct typed_call call = {.func = &e->func,
                              .body = copy,
                              .body_len = len,
                              .is_raw = is_raw,
                              .wants_raw = wants_raw,
                              .out = &e->out};
    char *exact = realloc(copy, len == 0 ? 1 : len);
    call.body = exact;
    buf_clear(&e->out);
    typed_call_run(&e->instance, &call);
    free(exact);
    e->err = call.err;
    buf_add_byte(&e->out, 0);
    return call.err.code == ERR_NONE ? (const char *)e->out.bytes : e->err.text;
}

static const struct {
    const char *type, *body, *answer; /* answer NULL: as the body, without the brackets */
} round_trips[] = {
    {"bool", "[true]", NULL},
    {"bool", "{\"a\":false}", "false"},
    {"s8", "[-128]", NULL},
    {"u8", "[255]", NULL},
    {"s16", "[-32768]", NULL},
    {"u16", "[65535]", NULL},
    {"s32", "[-2147483648]", NULL},
    {"u32", "[4294967295]", NULL},
    {"s64", "[9007199254740992]", NULL},
    {"s64", "[\"9007199254740993\"]", NULL},
    {"s64", "[\"-9223372036854775808\"]", NULL},
    {"u64", "[\"18446744073709551615\"]", NULL},
    {"u64", "[\"5\"]", "5"},
    {"f32", "[0.1]", NULL},
    {"f32", "[\"NaN\"]", NULL},
    {"f64", "[0.1]", NULL},
    {"f64", "[\"-Infinity\"]", NULL},
    {"char", "[\"a\"]", NULL},
    {"char", "[\"\xf0\x9f\x98\x80\"]", NULL},
    {"char", "[\"\\ud83d\\ude00\"]", "\"\xf0\x9f\x98\x80\""},
    {"char", "[\"\\u0000\"]", NULL},
    {"string", "[\"\"]", NULL},
    {"string", "[\"a\\n\\\"b\\u0001\xc3\xa9\\\\\"]", NULL},
    {"string", "[\"\\u00e9\\/\"]", "\"\xc3\xa9/\""},
    {"color", "[\"blue\"]", NULL},
    {"point", "[{\"x\":1,\"y\":-2.5}]", NULL},
    {"point", "[ { \"y\" : 2 , \"x\" : 1 } ] ", "{\"x\":1,\"y\":2}"},
    {"tuple<u8,string,point>", "[[1,\"b\",{\"x\":0,\"y\":0}]]", NULL},
    {"option<f64>", "[null]", NULL},
    {"option<f64>", "[1.5]", NULL},
    {"option<string>", "[\"x\"]", NULL},
    {"list<u8>", "[[]]", NULL},
    {"list<u8>", "[[ ]]", "[]"},
    {"list<u8>", "[[0,1,255]]", NULL},
    {"list<f32>", "[[0.5,1e10,-3]]", "[0.5,10000000000,-3]"},
    {"list<f64>", "[[ 1 , \"NaN\" , 3 ]]", "[1,\"NaN\",3]"},
    {"list<s64>", "[[1,\"-9223372036854775808\"]]", NULL},
    {"list<bool>", "[[true,false]]", NULL},
    {"list<char>", "[[\"a\",\"]\",\",\"]]", NULL},
    {"list<string>", "[[\"a\",\"\",\"],[\",\"\\\"\"]]", NULL},
    {"list<list<u16>>", "[[[1,2],[],[3]]]", NULL},
    {"list<point>", "[[{\"x\":1,\"y\":2},{\"x\":3,\"y\":4}]]", NULL},
    {"list<tuple<color,option<u32>>>", "[[[\"red\",null],[\"green\",7]]]", NULL},
    {"list<option<string>>", "[[null,\"a\"]]", NULL},
    {"list<color>", "[[\"red\",\"blue\"]]", NULL},
    {"mixed",
     "[{\"c\":\"green\",\"on\":true,\"name\":\"n\",\"at\":{\"x\":1,\"y\":2},"
     "\"tags\":[\"a\",\"b\"],\"o\":5}]",
     NULL},
    {"mixed", "[{\"c\":\"red\",\"on\":false,\"name\":\"\",\"at\":{\"x\":1,\"y\":2},\"tags\":[]}]",
     "{\"c\":\"red\",\"on\":false,\"name\":\"\",\"at\":{\"x\":1,\"y\":2},\"tags\":[],"
     "\"o\":null}"},
    {"list<list<list<string>>>", "[[[],[[]],[[\"x\"],[\"y\",\"z\"]]]]", NULL},
};

static void values_come_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(round_trips); i++) {
        for (u32 way = 0; way < 18; way++) {
            struct echo e;
            echo_init(&e, round_trips[i].type, NULL);
            const struct typed_type *type = e.func.result;
            e.func.pass = (enum typed_pass)(way % 3);
            e.func.returns = (enum typed_return)(way / 3 % 3);
            e.func.uses_realloc = way >= 9;
            e.func.allocator = way >= 9 ? REALLOC : MALLOC;
            const char *got =
                echo_call(&e, round_trips[i].body, strlen(round_trips[i].body), false, false);
            size_t len = strlen(round_trips[i].body);
            char same[300];
            snprintf(same, sizeof same, "%.*s", (int)len - 2, round_trips[i].body + 1);
            const char *want = round_trips[i].answer != NULL ? round_trips[i].answer : same;
            if (strcmp(got, want) != 0)
                fail_msg("%s, way %u of %u: %s, not %s", round_trips[i].type, way, type->flat_count,
                         got, want);
            echo_fini(&e);
        }
    }
}

static const struct {
    const char *type, *body;
    enum err_code code;
    const char *text;
} refusals[] = {
    {"list<f32>", "[[1,2,3,\"abc\"]]", ERR_ARGUMENT, "a[3]: expected f32, got \"abc\""},
    {"list<f32>", "[[1,null]]", ERR_ARGUMENT, "a[1]: expected f32, got null"},
    {"list<f32>", "[[1,[2]]]", ERR_ARGUMENT, "a[1]: expected f32, got [2"},
    {"list<f32>", "[[1e39]]", ERR_ARGUMENT, "a[0]: expected f32, got 1e39"},
    {"list<f32>", "[[1 2]]", ERR_JSON, "at byte 4 of the body: expected \",\" or \"]\""},
    {"list<f32>", "[[1,]]", ERR_ARGUMENT, "a[1]: expected f32, got ]"},
    {"list<f32>", "[[01]]", ERR_JSON, "at byte 2 of the body: expected a number"},
    {"list<f32>", "[[1,2", ERR_JSON, "the body ends early: expected \",\" or \"]\""},
    {"list<f32>", "[[", ERR_JSON, "the body ends early: expected a value"},
    {"list<f32>", "[1]", ERR_ARGUMENT, "a: expected list<f32>, got 1"},
    {"list<u8>", "[[256]]", ERR_ARGUMENT, "a[0]: expected u8, got 256"},
    {"list<u8>", "[[-1]]", ERR_ARGUMENT, "a[0]: expected u8, got -1"},
    {"list<u8>", "[[1.0]]", ERR_ARGUMENT, "a[0]: expected u8, got 1.0"},
    {"list<u8>", "[[\"1\"]]", ERR_ARGUMENT, "a[0]: expected u8, got \"1\""},
    {"s8", "[128]", ERR_ARGUMENT, "a: expected s8, got 128"},
    {"s64", "[9007199254740993]", ERR_ARGUMENT,
     "a: expected s64, got 9007199254740993; integers beyond 2^53 are written as strings"},
    {"u64", "[18446744073709551616]", ERR_ARGUMENT,
     "a: expected u64, got 18446744073709551616; integers beyond 2^53 are written as strings"},
    {"u64", "[\"18446744073709551616\"]", ERR_ARGUMENT,
     "a: expected u64, got \"18446744073709551616\""},
    {"u64", "[\"-1\"]", ERR_ARGUMENT, "a: expected u64, got \"-1\""},
    {"bool", "[1]", ERR_ARGUMENT, "a: expected bool, got 1"},
    {"char", "[\"ab\"]", ERR_ARGUMENT, "a: expected char, got \"ab\""},
    {"char", "[\"\"]", ERR_ARGUMENT, "a: expected char, got \"\""},
    {"string", "[7]", ERR_ARGUMENT, "a: expected string, got 7"},
    {"string", "[\"a]", ERR_JSON, "the body ends early: expected the end of a string"},
    {"string", "[\"\xff\"]", ERR_JSON, "at byte 2 of the body: expected text in UTF-8"},
    {"string", "[\"\\x\"]", ERR_JSON, "at byte 3 of the body: expected an escape sequence"},
    {"string", "[\"\\ud800\"]", ERR_JSON,
     "at byte 8 of the body: expected the second half of a surrogate pair"},
    {"color", "[\"pink\"]", ERR_ARGUMENT, "a: expected color (red, green, blue), got \"pink\""},
    {"color", "[0]", ERR_ARGUMENT, "a: expected color (red, green, blue), got 0"},
    {"point", "[{\"x\":1}]", ERR_ARGUMENT, "a.y is missing"},
    {"point", "[{\"x\":1,\"z\":2}]", ERR_ARGUMENT, "a: there is no field \"z\""},
    {"point", "[{\"x\":1,\"x\":2}]", ERR_ARGUMENT, "a.x is given twice"},
    {"point", "[{\"x\":true}]", ERR_ARGUMENT, "a.x: expected f64, got true"},
    {"point", "[{x:1}]", ERR_JSON, "at byte 2 of the body: expected a field name in quotes"},
    {"point", "[[1,2]]", ERR_ARGUMENT, "a: expected point, got [1"},
    {"point", "[{\"x\" 1}]", ERR_JSON, "at byte 6 of the body: expected \":\""},
    {"tuple<u8,u8>", "[[1]]", ERR_ARGUMENT, "a[1] is missing"},
    {"tuple<u8,u8>", "[[1,2,3]]", ERR_ARGUMENT, "a: there are more elements than the tuple has"},
    {"list<point>", "[[{\"x\":1,\"y\":2},{\"x\":3,\"y\":\"q\"}]]", ERR_ARGUMENT,
     "a[1].y: expected f64, got \"q\""},
    {"list<list<u8>>", "[[[1],[2,-3]]]", ERR_ARGUMENT, "a[1][1]: expected u8, got -3"},
    {"mixed", "[{\"tags\":[\"a\",5]}]", ERR_ARGUMENT, "a.tags[1]: expected string, got 5"},
    {"u8", "{\"b\":1}", ERR_ARGUMENT, "there is no parameter \"b\""},
    {"u8", "{b:1}", ERR_JSON, "at byte 1 of the body: expected a parameter name in quotes"},
    {"u8", "[]", ERR_ARGUMENT, "expected 1 argument: echo(a: u8) -> u8"},
    {"u8", "[1,2]", ERR_ARGUMENT, "expected 1 argument: echo(a: u8) -> u8"},
    {"u8", "{}", ERR_ARGUMENT, "expected 1 argument: echo(a: u8) -> u8"},
    {"u8", "", ERR_ARGUMENT, "expected 1 argument: echo(a: u8) -> u8"},
    {"u8", "[1] 2", ERR_JSON, "at byte 4 of the body: expected nothing after the arguments"},
    {"u8", "3", ERR_JSON, "at byte 0 of the body: expected an array or an object of arguments"},
};

static void what_is_wrong_is_said_with_its_path(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(refusals); i++) {
        struct echo e;
        echo_init(&e, refusals[i].type, NULL);
        if (e.func.result->flat_count > 1)
            e.func.returns = TYPED_RETURN_HIDDEN;
        const char *got = echo_call(&e, refusals[i].body, strlen(refusals[i].body), false, false);
        assert_string_equal(got, refusals[i].text);
        assert_int_equal(e.err.code, refusals[i].code);
        echo_fini(&e);
    }
}

/* ---- raw bytes ---- */

static void raw_lists(void **state)
{
    (void)state;
    static const u8 body[] = {0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0};
    struct echo e;
    echo_init(&e, "list<f32>", NULL);
    e.func.returns = TYPED_RETURN_HIDDEN;
    assert_true(typed_takes_raw(&e.func) && typed_returns_raw(&e.func));
    assert_string_equal(echo_call(&e, body, sizeof body, true, false), "[1,-2]");
    echo_call(&e, "[[1,-2]]", 8, false, true);
    assert_int_equal(e.out.len, sizeof body + 1);
    assert_memory_equal(e.out.bytes, body, sizeof body);
    assert_string_equal(echo_call(&e, body, 0, true, false), "[]");
    assert_string_equal(echo_call(&e, body, 7, true, true),
                        "a: the body has 7 bytes, no whole number of f32 (4 bytes each)");
    assert_int_equal(e.err.code, ERR_ARGUMENT);
    echo_fini(&e);
    echo_init(&e, "list<bool>", NULL);
    assert_false(typed_takes_raw(&e.func) || typed_returns_raw(&e.func));
    echo_fini(&e);
}

static void long_lists_give_others_their_turn(void **state)
{
    (void)state;
    struct echo e;
    struct buf body;
    buf_init(&body, MIB);
    echo_init(&e, "list<u8>", NULL);
    e.func.returns = TYPED_RETURN_HIDDEN;
    buf_add_text(&body, "[[0");
    for (u32 i = 1; i < 10000; i++)
        buf_add_format(&body, ",%u", i % 256);
    buf_add_text(&body, "]]");
    const char *got = echo_call(&e, body.bytes, body.len, false, false);
    assert_int_equal(strlen(got), body.len - 2);
    assert_memory_equal(got, body.bytes + 1, body.len - 2);
    assert_true(e.instance.polls >= 10 + 20);
    buf_fini(&body);
    echo_fini(&e);
}

/* ---- allocators and results that lie ---- */

static void malloc_gives_nothing(struct rt_instance *instance, union abi_value *values)
{
    (void)instance;
    values[0].u64 = 0;
}

static void malloc_gives_odd(struct rt_instance *instance, union abi_value *values)
{
    (void)instance;
    values[0].u64 = 0x101;
}

static void malloc_gives_beyond(struct rt_instance *instance, union abi_value *values)
{
    (void)instance;
    values[0].u64 = 0xfffffff8;
}

static void malloc_gives_the_last_bytes(struct rt_instance *instance, union abi_value *values)
{
    values[0].u64 = instance->size - 8;
}

static void lying_allocators(void **state)
{
    (void)state;
    static const struct {
        fake_fn *malloc;
        enum err_code code;
        const char *text;
    } cases[] = {
        {malloc_gives_nothing, ERR_LIMIT, "a: the module's malloc has no memory for 16 bytes"},
        {malloc_gives_odd, ERR_RESULT, "a: the module's malloc gave 0x101, not aligned to 8"},
        {malloc_gives_beyond, ERR_RESULT,
         "a: the module's malloc gave 16 bytes at 0xfffffff8, beyond its memory"},
        {malloc_gives_the_last_bytes, ERR_RESULT,
         "a: the module's malloc gave 16 bytes at 0xfff8, beyond its memory"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        fake_fn *const funcs[FUNCS] = {cases[i].malloc, fake_echo, fake_realloc};
        struct echo e;
        echo_init(&e, "list<f64>", funcs);
        e.func.returns = TYPED_RETURN_POINTER;
        assert_string_equal(echo_call(&e, "[[1,2]]", 7, false, false), cases[i].text);
        assert_int_equal(e.err.code, cases[i].code);
        echo_fini(&e);
    }
}

/* What the next result is: 16 bytes, written to where the function returns it. */
static void return_bytes(struct rt_instance *instance, union abi_value *values)
{
    memcpy(instance->memory + 32, instance->memory, 16);
    values[0].u64 = 32;
}

static void return_beyond(struct rt_instance *instance, union abi_value *values)
{
    values[0].u64 = instance->size - 4;
}

static void return_odd(struct rt_instance *instance, union abi_value *values)
{
    (void)instance;
    values[0].u64 = 33;
}

static void lying_results(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        u32 words[4];
        const char *text;
    } cases[] = {
        {"list<f32>",
         {64, 1000000},
         "result: a list of 1000000 elements at 0x40 is beyond the memory"},
        {"list<f32>",
         {0xfffffffc, 0xffffffff},
         "result: a list of 4294967295 elements at 0xfffffffc is beyond the memory"},
        {"list<f32>", {66, 1}, "result: a list of 1 elements has the misaligned address 0x42"},
        {"string", {65536, 1}, "result: a string of 1 bytes at 0x10000 is beyond the memory"},
        {"string", {100, 10}, "result: a string of 10 bytes at 0x64 is not UTF-8"},
        {"tuple<color,u8>", {3}, "result[0]: 3 is no case; there are 3"},
        {"tuple<char,u8>", {0xd800}, "result[0]: 0xd800 is no character"},
        {"tuple<char,u8>", {0x110000}, "result[0]: 0x110000 is no character"},
        {"tuple<u32,option<u32>>",
         {0, 2},
         "result[1]: an option says 2, neither none (0) nor some (1)"},
        {"list<string>",
         {0, 2},
         "result[1]: a string of 2779096485 bytes at 0xa5a5a5a5 is beyond the memory"},
    };
    static fake_fn *const funcs[FUNCS] = {fake_malloc, return_bytes, fake_realloc};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct echo e;
        echo_init(&e, cases[i].type, funcs);
        e.func.returns = TYPED_RETURN_POINTER;
        e.func.params = (struct typed_type){.kind = TYPED_RECORD};
        typed_record_lay_out(&e.func.params, NULL, 0);
        memcpy(e.instance.memory, cases[i].words, sizeof cases[i].words);
        if (i == 9)
            memset(e.instance.memory + 8, 0xa5, 8);
        assert_string_equal(echo_call(&e, "", 0, false, false), cases[i].text);
        assert_int_equal(e.err.code, ERR_RESULT);
        echo_fini(&e);
    }
}

static void lying_result_addresses(void **state)
{
    (void)state;
    static const struct {
        fake_fn *func;
        const char *text;
    } cases[] = {
        {return_beyond,
         "result: the function returned the address 0xfffc, which is beyond its memory"},
        {return_odd, "result: the function returned the address 0x21, which is misaligned"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        fake_fn *const funcs[FUNCS] = {fake_malloc, cases[i].func, fake_realloc};
        struct echo e;
        echo_init(&e, "string", funcs);
        e.func.returns = TYPED_RETURN_POINTER;
        assert_string_equal(echo_call(&e, "[\"\"]", 4, false, false), cases[i].text);
        assert_int_equal(e.err.code, ERR_RESULT);
        echo_fini(&e);
    }
}

/* Lists that all point to the same bytes make a small memory a large answer. */
static void return_much(struct rt_instance *instance, union abi_value *values)
{
    const u32 list[] = {8, 1000}, inner[] = {16384, 16384};
    memcpy(instance->memory, list, sizeof list);
    for (u32 i = 0; i < 1000; i++)
        memcpy(instance->memory + 8 + 8 * i, inner, sizeof inner);
    values[0].u64 = 0;
}

static void large_answers_are_refused(void **state)
{
    (void)state;
    static fake_fn *const funcs[FUNCS] = {fake_malloc, return_much, fake_realloc};
    struct echo e;
    echo_init(&e, "list<list<u8>>", funcs);
    e.func.returns = TYPED_RETURN_POINTER;
    assert_string_equal(echo_call(&e, "[[]]", 4, false, false),
                        "the result does not fit into 65536 bytes");
    assert_int_equal(e.err.code, ERR_LIMIT);
    echo_fini(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_back),
        cmocka_unit_test(what_is_wrong_is_said_with_its_path),
        cmocka_unit_test(raw_lists),
        cmocka_unit_test(long_lists_give_others_their_turn),
        cmocka_unit_test(lying_allocators),
        cmocka_unit_test(lying_results),
        cmocka_unit_test(lying_result_addresses),
        cmocka_unit_test(large_answers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
