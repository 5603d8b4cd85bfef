#include "server/endpoint.c"
#include "test/unit/server/modules.h"

static void which_exports_are_endpoints(void **state)
{
    (void)state;
    static const char *const paths[] = {"/%3C%2Fscript%3E", "/a%2Fb%20c",     "/add", "/dot",
                                        "/malloc2",         "/x%0Arm%1B%5B2J"};
    struct served served;
    serve(&served, 1);
    assert_int_equal(served.table.count, COUNT_OF(paths));
    for (u32 i = 0; i < served.table.count; i++)
        assert_string_equal(served.table.endpoints[i].path, paths[i]);
    arena_fini(&served.arena);
}

static void paths_are_found(void **state)
{
    (void)state;
    static const struct {
        u32 modules;
        const char *path, *found; /* path of the endpoint, NULL: none */
    } cases[] = {
        {1, "/add", "/add"},
        {1, "/math/add", "/add"},
        {1, "/%61d%64", "/add"},
        {1, "/m%61th/dot", "/dot"},
        {1, "/a%2Fb%20c", "/a%2Fb%20c"},
        {1, "/a%2fb%20c", "/a%2Fb%20c"},
        {1, "/a/b%20c", NULL},
        {1, "/other/add", NULL},
        {1, "/", NULL},
        {1, "", NULL},
        {1, "add", NULL},
        {1, "/add/", NULL},
        {1, "//add", NULL},
        {1, "/math/add/", NULL},
        {1, "/ad", NULL},
        {1, "/addd", NULL},
        {1, "/ADD", NULL},
        {1, "/add%00", NULL},
        {1, "/memory", NULL},
        {1, "/_start", NULL},
        {1, "/math/malloc", NULL},
        {1, "/callback", NULL},
        {2, "/math/add", "/math/add"},
        {2, "/other/add", "/other/add"},
        {2, "/add", NULL},
        {2, "/other/dot", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct served served;
        serve(&served, cases[i].modules);
        struct http_text path = {cases[i].path, strlen(cases[i].path)};
        const struct endpoint *found = server_endpoint_find(&served.table, path);
        if ((found == NULL) != (cases[i].found == NULL))
            print_error("case: %s\n", cases[i].path);
        assert_int_equal(found == NULL, cases[i].found == NULL);
        if (found != NULL)
            assert_string_equal(found->path, cases[i].found);
        arena_fini(&served.arena);
    }
}

static void long_paths_are_not_found(void **state)
{
    (void)state;
    static char path[HTTP_MAX_REQUEST_LINE];
    struct served served;
    serve(&served, 2);
    memset(path, 'a', sizeof path);
    path[0] = '/';
    for (size_t len = NAME_MAX_BYTES - 2; len < NAME_MAX_BYTES + 4; len++)
        assert_null(server_endpoint_find(&served.table, (struct http_text){path, len}));
    assert_null(server_endpoint_find(&served.table, (struct http_text){path, sizeof path}));
    const struct endpoint *nearest[3];
    assert_int_equal(
        server_endpoint_nearest(&served.table, (struct http_text){path, sizeof path}, nearest, 3),
        0);
    arena_fini(&served.arena);
}

static struct http_text text(const char *bytes)
{
    return (struct http_text){bytes, strlen(bytes)};
}

static u32 distance(struct http_text a, const char *b)
{
    return text_distance(a.bytes, a.len, b, strlen(b));
}

static void nearest_paths(void **state)
{
    (void)state;
    static const struct {
        const char *path, *best; /* NULL: nothing is near */
    } cases[] = {
        {"/ad", "/add"},         {"/dto", "/dot"},          {"/DOT", "/dot"},
        {"/maloc2", "/malloc2"}, {"/xyzzy-and-more", NULL}, {"/math/dto", "/dot"},
    };
    struct served served;
    serve(&served, 1);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct endpoint *got[3] = {NULL};
        struct http_text path = text(cases[i].path);
        u32 count = server_endpoint_nearest(&served.table, path, got, 3);
        assert_int_equal(count == 0, cases[i].best == NULL);
        if (count > 0)
            assert_string_equal(got[0]->path, cases[i].best);
        for (u32 k = 1; k < count; k++)
            assert_true(distance(path, got[k - 1]->path) <= distance(path, got[k]->path));
        /* with less room the best ones stay */
        const struct endpoint *one[1] = {NULL};
        assert_int_equal(server_endpoint_nearest(&served.table, path, one, 1), count > 0);
        assert_ptr_equal(one[0], got[0]);
    }
    arena_fini(&served.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(which_exports_are_endpoints),
        cmocka_unit_test(paths_are_found),
        cmocka_unit_test(long_paths_are_not_found),
        cmocka_unit_test(nearest_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
