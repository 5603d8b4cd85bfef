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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(controls_become_question_marks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
