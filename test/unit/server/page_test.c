#include "server/endpoint.c"
#include "server/page.c"
#include "test/unit/server/modules.h"

typedef void print_fn(const struct endpoint_table *table, struct buf *out);

static void print_curl(const struct endpoint_table *table, struct buf *out)
{
    server_index_curl(table, "http://h:1", out);
}

static void pages(void **state)
{
    (void)state;
    static const struct {
        print_fn *print;
        const char *words;
        bool are_there;
    } cases[] = {
        {server_index_json,
         "{\"path\":\"/dot\",\"method\":\"POST\",\"params\":[{\"name\":\"x\\\"<y>\",\"type\":"
         "\"i32\"},{\"name\":\"z\",\"type\":\"i64\"}],\"results\":[\"f64\"],\"example\":[1,2]}",
         true},
        {server_index_json, "{\"name\":\"p1\",\"type\":\"i64\"}", true},
        {server_index_json, "_start", false},
        {server_index_html, "<form data-path=\"/%3C%2Fscript%3E\">", true},
        {server_index_html, "x&quot;&lt;y&gt;<input data-type=\"i32\"", true},
        {server_index_html, "<y>", false},
        {server_index_html, "<h2></script>", false},
        {server_index_html, "src=", false},
        {print_curl, "  curl -d '[1,2]' http://h:1/add   # add(p0: i32, p1: i64) -> f64\n", true},
        {print_curl, "http://h:1/x%0Arm%1B%5B2J   # x?rm?[2J()\n", true},
        {print_curl, "  curl -d '[]' http://h:1/a%2Fb%20c   # a/b c()\n", true},
    };
    struct served served;
    serve(&served, 1);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf out;
        buf_init(&out, MIB);
        cases[i].print(&served.table, &out);
        buf_add_byte(&out, 0);
        assert_true(buf_ok(&out));
        bool found = strstr((const char *)out.bytes, cases[i].words) != NULL;
        if (found != cases[i].are_there)
            print_error("%s\nin\n%s\n", cases[i].words, (const char *)out.bytes);
        assert_int_equal(found, cases[i].are_there);
        buf_fini(&out);
    }
    arena_fini(&served.arena);
}

static void a_module_without_endpoints(void **state)
{
    (void)state;
    struct endpoint_table none = {.count = 0};
    struct buf out;
    buf_init(&out, MIB);
    server_index_json(&none, &out);
    buf_add_byte(&out, 0);
    assert_string_equal((const char *)out.bytes, "{\"endpoints\":[]}\n");
    buf_clear(&out);
    print_curl(&none, &out);
    assert_true(out.len > 0);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages),
        cmocka_unit_test(a_module_without_endpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
