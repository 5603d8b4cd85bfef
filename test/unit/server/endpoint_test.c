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

static const struct endpoint *find(const struct served *served, struct http_text path)
{
    struct server_match match;
    return server_endpoint_find(&served->table, path, &match) ? match.endpoint : NULL;
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
        const struct endpoint *found = find(&served, path);
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
        assert_null(find(&served, (struct http_text){path, len}));
    assert_null(find(&served, (struct http_text){path, sizeof path}));
    const struct endpoint *nearest[3];
    assert_int_equal(
        server_endpoint_nearest(&served.table, (struct http_text){path, sizeof path}, nearest, 3),
        0);
    arena_fini(&served.arena);
}

/* Routes at paths of their own: one function, all functions, a program. */
static void routes_by_their_paths(void **state)
{
    (void)state;
    static const struct rt_export start = {.name = TEXT("_start"), .type = &nullary};
    static const struct server_route plans[] = {
        {.name = "one", .path = "/api/dot", .function = {.text = "dot"}},
        {.name = "all", .path = "/api/v2"},
        {.name = "program", .path = "/api"},
        {.name = "other", .path = "/"},
    };
    static const struct {
        const char *path, *route, *endpoint;
        size_t script_len;
    } cases[] = {
        {"/api/dot", "one", "/api/dot", 8},   {"/api/%64ot", "one", "/api/dot", 10},
        {"/api/dot/x", "program", NULL, 4},   {"/api/v2/add", "all", "/api/v2/add", 7},
        {"/api/v2/nope", "program", NULL, 4}, {"/api/v2", "program", NULL, 4},
        {"/api", "program", NULL, 4},         {"/api/", "program", NULL, 4},
        {"/api%2Fdot", NULL, NULL, 0},        {"/apis", NULL, NULL, 0},
        {"/add", "other", "/add", 0},         {"/", NULL, NULL, 0},
    };
    struct served served;
    serve(&served, 2);
    struct served_module program = {.name = "program", .module = &math, .program = &start};
    struct served_route routes[] = {
        {.plan = &plans[0], .module = &served.modules[0]},
        {.plan = &plans[1], .module = &served.modules[0]},
        {.plan = &plans[2], .module = &program},
        {.plan = &plans[3], .module = &served.modules[1]},
    };
    assert_true(server_endpoints_make(&served.table, routes, 4, &served.arena, NULL));
    for (size_t k = 0; k < 3 * COUNT_OF(cases); k++) { /* what was found is remembered */
        size_t i = k % COUNT_OF(cases);
        struct server_match match;
        struct http_text path = {cases[i].path, strlen(cases[i].path)};
        bool found = server_endpoint_find(&served.table, path, &match);
        assert_int_equal(found, cases[i].route != NULL);
        if (!found)
            continue;
        assert_string_equal(match.route->plan->name, cases[i].route);
        assert_int_equal(match.script_len, cases[i].script_len);
        assert_int_equal(match.endpoint == NULL, cases[i].endpoint == NULL);
        if (match.endpoint != NULL)
            assert_string_equal(match.endpoint->path, cases[i].endpoint);
    }
    struct err err = {0};
    static const struct server_route wrong = {
        .name = "w", .path = "/w", .function = {.text = "nothing"}};
    routes[0].plan = &wrong;
    assert_false(server_endpoints_make(&served.table, routes, 1, &served.arena, &err));
    assert_int_equal(err.code, ERR_USAGE);
    arena_fini(&served.arena);
}

/* Adds the text with the letters whose bits are set percent-encoded. */
static void spell(struct buf *out, const char *text, u32 bits)
{
    for (; *text != 0; text++, bits >>= *text != '/')
        buf_add_format(out, (bits & 1) != 0 && *text != '/' ? "%%%02x" : "%c", *text);
}

/* Many spellings share a place in the memory of recent paths, and some are too long for it. */
static void recent_paths_do_not_mix(void **state)
{
    (void)state;
    static const char *const called[] = {"add", "dot", "none"};
    struct served served;
    struct buf path;
    serve(&served, 1);
    buf_init(&path, 64);
    for (u32 i = 0; i < 10000; i++) {
        u32 bits = i * 2654435761u >> 24;
        const char *name = called[i % COUNT_OF(called)];
        buf_clear(&path);
        spell(&path, "/math/", bits);
        spell(&path, name, bits >> 4);
        const struct endpoint *found =
            find(&served, (struct http_text){(const char *)path.bytes, path.len});
        assert_int_equal(found != NULL, name != called[2]);
        if (found != NULL)
            assert_string_equal(found->path + 1, name);
    }
    buf_fini(&path);
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
        cmocka_unit_test(which_exports_are_endpoints), cmocka_unit_test(paths_are_found),
        cmocka_unit_test(recent_paths_do_not_mix),     cmocka_unit_test(routes_by_their_paths),
        cmocka_unit_test(long_paths_are_not_found),    cmocka_unit_test(nearest_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
