#include "http/internal.h"
#include "test/test.h"
#include <string.h>

/* Every byte at every place of names of all lengths, against the rule byte by byte. */
static void text_is_without_regard_to_case(void **state)
{
    (void)state;
    static const char whole[] = "x-content-encoding-2@[`{~";
    for (size_t len = 1; len < sizeof whole; len++) {
        char name[sizeof whole] = {0}, bytes[sizeof whole];
        memcpy(name, whole, len);
        for (size_t at = 0; at < len; at++)
            for (u32 c = 0; c < 256; c++) {
                memcpy(bytes, name, len);
                bytes[at] = (char)c;
                bool same = http_lower((u8)c) == (u8)name[at];
                assert_int_equal(http_text_is((struct http_text){bytes, len}, name), same);
            }
        assert_int_equal(http_text_is((struct http_text){whole, len}, whole), whole[len] == 0);
        assert_false(http_text_is((struct http_text){name, len - 1}, name));
    }
    assert_true(http_text_is((struct http_text){"CONTENT-Encoding", 16}, "content-encoding"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_without_regard_to_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
