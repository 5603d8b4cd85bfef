#include "wasm/type_stack.c"
#include "test/test.h"

static void matches_against_a_floor(void **state)
{
    (void)state;
    /* Types by letter; '?' is unknown. bad: index of the topmost type that does not fit. */
    static const struct {
        const char *stack;
        u32 floor;
        bool bottomless;
        const char *want;
        bool fits;
        u32 bad;
    } cases[] = {
        {"", 0, false, "", true, 0},      {"i", 0, false, "i", true, 0},
        {"iI", 0, false, "I", true, 0},   {"iI", 0, false, "iI", true, 0},
        {"iI", 0, false, "i", false, 0},  {"iI", 0, false, "II", false, 0},
        {"iI", 0, false, "if", false, 1}, {"i", 1, false, "i", false, 0},
        {"", 0, false, "i", false, 0},    {"I", 0, false, "iI", false, 0},
        {"iIf", 1, false, "If", true, 0}, {"iIf", 1, false, "iIf", false, 0},
        {"", 0, true, "iIfF", true, 0},   {"F", 0, true, "iIfF", true, 0},
        {"F", 0, true, "iIff", false, 3}, {"?", 0, false, "i", true, 0},
        {"?", 0, false, "ii", false, 0},  {"i?", 0, false, "if", true, 0},
        {"I?", 0, false, "if", false, 0}, {"I?", 2, true, "if", true, 0},
    };
    static const u8 types[128] = {['i'] = WASM_I32,
                                  ['I'] = WASM_I64,
                                  ['f'] = WASM_F32,
                                  ['F'] = WASM_F64,
                                  ['?'] = WASM_UNKNOWN};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct type_stack stack = {0};
        u8 want[8];
        u32 bad = UINT32_MAX;
        u32 want_count = (u32)strlen(cases[i].want);
        for (const char *c = cases[i].stack; *c != 0; c++)
            assert_true(type_stack_push(&stack, &types[(u8)*c], 1));
        for (u32 k = 0; k < want_count; k++)
            want[k] = types[(u8)cases[i].want[k]];
        bool fits =
            type_stack_matches(&stack, cases[i].floor, cases[i].bottomless, want, want_count, &bad);
        assert_int_equal(fits, cases[i].fits);
        if (!fits)
            assert_int_equal(bad, cases[i].bad);
        assert_int_equal(stack.count, strlen(cases[i].stack)); /* nothing was removed */
        type_stack_fini(&stack);
    }
}

static void drop_stops_at_the_floor(void **state)
{
    (void)state;
    static const struct {
        u32 count, floor, drop, left;
    } cases[] = {{5, 0, 2, 3}, {5, 4, 2, 4}, {5, 5, 9, 5}, {5, 0, 5, 0}, {5, 0, 0, 5}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct type_stack stack = {0};
        static const u8 types[5] = {WASM_I32};
        assert_true(type_stack_push(&stack, types, cases[i].count));
        type_stack_drop(&stack, cases[i].floor, cases[i].drop);
        assert_int_equal(stack.count, cases[i].left);
        type_stack_fini(&stack);
    }
}

static void the_limit_holds(void **state)
{
    (void)state;
    static const u8 types[1000] = {WASM_I32};
    struct type_stack stack = {0};
    for (u32 i = 0; i < WASM_MAX_STACK / 1000; i++)
        assert_true(type_stack_push(&stack, types, 1000));
    assert_int_equal(stack.count, WASM_MAX_STACK);
    assert_false(type_stack_push(&stack, types, 1));
    assert_true(type_stack_push(&stack, types, 0));
    assert_int_equal(stack.count, WASM_MAX_STACK);
    type_stack_fini(&stack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_against_a_floor),
        cmocka_unit_test(drop_stops_at_the_floor),
        cmocka_unit_test(the_limit_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
