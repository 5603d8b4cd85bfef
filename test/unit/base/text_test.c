#include "base/text.h"
#include "test/test.h"
#include <string.h>

static void controls_become_question_marks(void **state)
{
    (void)state;
    static const struct {
        const char *text, *plain;
    } cases[] = {
        {"", ""},
        {"plain text", "plain text"},
        {"a\nb\tc\x7f", "a?b?c?"},
        {"\x1b[2J", "?[2J"},
        {"\xc2\x9b"
         "2J",
         "??2J"},                                 /* CSI as one character */
        {"\xc2\x80\xc2\x9f", "????"},             /* the first and the last of C1 */
        {"\xc2\xa0\xc3\x9b", "\xc2\xa0\xc3\x9b"}, /* their neighbours stay */
        {"cut \xc2", "cut \xc2"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[32];
        strncpy(text, cases[i].text, sizeof text - 1);
        text[sizeof text - 1] = 0;
        text_make_plain(text, strlen(text));
        assert_string_equal(text, cases[i].plain);
    }
}

static void whole_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        u64 max, want; /* 0: refused */
    } cases[] = {
        {"1", 10, 1},
        {"10", 10, 10},
        {"007", 10, 7},
        {"11", 10, 0},
        {"0", 10, 0},
        {"", 10, 0},
        {"-1", 10, 0},
        {"+1", 10, 0},
        {" 1", 10, 0},
        {"1 ", 10, 0},
        {"1x", 10, 0},
        {"0x1", 10, 0},
        {"18446744073709551617", 10, 0}, /* 2^64 + 1 */
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        u64 value = 0;
        bool ok = text_whole_number(cases[i].text, cases[i].max, &value);
        assert_int_equal(ok, cases[i].want != 0);
        assert_true(value == cases[i].want);
    }
}

static void distances(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        u32 want;
    } cases[] = {
        {"", "", 0},           {"", "abc", 3},           {"abc", "", 3},
        {"serve", "serve", 0}, {"srve", "serve", 1},     {"serrve", "serve", 1},
        {"sarve", "serve", 1}, {"SERVE", "serve", 0},    {"run", "serve", 4},
        {"ab", "ba", 2},       {"kitten", "sitting", 3},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(
            text_distance(cases[i].a, strlen(cases[i].a), cases[i].b, strlen(cases[i].b)),
            cases[i].want);
    char longest[TEXT_DISTANCE_MAX + 1] = {0};
    assert_int_equal(text_distance(longest, TEXT_DISTANCE_MAX, longest, TEXT_DISTANCE_MAX), 0);
    assert_int_equal(text_distance(longest, TEXT_DISTANCE_MAX + 1, "", 0), UINT32_MAX);
    assert_int_equal(text_distance("", 0, longest, TEXT_DISTANCE_MAX + 1), UINT32_MAX);
}

static void guesses(void **state)
{
    (void)state;
    static const char *const known[] = {"wall", "walls", "memory", "a"};
    static const struct {
        const char *word, *says;
    } cases[] = {
        {"wal", "; did you mean \"wall\"?"},
        {"wallss", "; did you mean \"walls\"?"},
        {"wall", "; did you mean \"wall\"?"},
        {"mem", "; did you mean \"memory\"?"}, /* its beginning */
        {"ory", ""},                           /* all its letters would have to be added */
        {"b", ""},                             /* as far from everything */
        {"", ""},
        {"mmeroy", "; did you mean \"memory\"?"},
        {"xemxxy", "; did you mean \"memory\"?"},
        {"xxmxxy", ""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct text_guess guess = {.word = cases[i].word, .len = strlen(cases[i].word)};
        char says[TEXT_GUESS_BYTES];
        for (size_t k = 0; k < COUNT_OF(known); k++)
            text_guess_consider(&guess, known[k], strlen(known[k]));
        text_guess_write(&guess, says);
        assert_string_equal(says, cases[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(controls_become_question_marks),
        cmocka_unit_test(whole_numbers),
        cmocka_unit_test(distances),
        cmocka_unit_test(guesses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
