#include "config/config.h"
#include "test/test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct file {
    char folder[64], path[80];
    struct arena arena;
};

static void file_write(struct file *f, const char *text, size_t len)
{
    snprintf(f->folder, sizeof f->folder, "/tmp/weir-config-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->path, sizeof f->path, "%s/weir.toml", f->folder);
    FILE *out = fopen(f->path, "w");
    assert_non_null(out);
    assert_int_equal(fwrite(text, 1, len, out), len);
    assert_int_equal(fclose(out), 0);
    arena_init(&f->arena, 64 * MIB);
}

static void file_remove(struct file *f)
{
    unlink(f->path);
    rmdir(f->folder);
    arena_fini(&f->arena);
}

static const struct config_limits nothing_given;

static const char whole[] = "name = \"shop\"\n"
                            "listen = \"0.0.0.0:80\"\n"
                            "workers = 3\n"
                            "log = \"json\"\n"
                            "log-file = \"access.log\"\n"
                            "dirs = [\"data::/data\", \"/abs::/abs\", \"both\"]\n"
                            "env = { MODE = \"live\", EMPTY = \"\" }\n"
                            "wall = \"2 s\"\n"
                            "memory = \"1 GiB\"\n"
                            "queue = 7\n"
                            "[modules.vec]\n"
                            "path = \"vec.wasm\"\n"
                            "previous = \"/old/vec.wasm\"\n"
                            "[modules.other]\n"
                            "path = \"other.wasm\"\n"
                            "[routes.vec]\n"
                            "wall = \"250 ms\"\n"
                            "fallback = [\"previous\", \"route:slow\", \"stale\", "
                            "\"static:a/b.json\", \"static:503:c.html\"]\n"
                            "[routes.slow]\n"
                            "path = \"/a/b\"\n"
                            "module = \"other\"\n"
                            "function = \"f\"\n"
                            "cpu = \"1 min\"\n";

static void a_whole_file(void **state)
{
    (void)state;
    struct file f;
    struct config c;
    struct err err = {0};
    struct config_limits given = {.queue = 9};
    file_write(&f, whole, sizeof whole - 1);
    assert_true(config_read(&c, f.path, &given, &f.arena, &err));
    assert_string_equal(c.name.text, "shop");
    assert_string_equal(c.address.text, "0.0.0.0:80");
    assert_int_equal(c.workers, 3);
    assert_string_equal(c.log.text, "json");
    assert_true(strncmp(c.log_path.text, f.folder, strlen(f.folder)) == 0);
    assert_int_equal(c.dirs.count, 3);
    assert_true(strncmp(c.dirs.items[0].text, f.folder, strlen(f.folder)) == 0);
    assert_non_null(strstr(c.dirs.items[0].text, "/data::/data"));
    assert_string_equal(c.dirs.items[1].text, "/abs::/abs");
    assert_non_null(strstr(c.dirs.items[2].text, "/both::both"));
    assert_int_equal(c.env.count, 2);
    assert_string_equal(c.env.items[0].text, "MODE=live");
    assert_string_equal(c.env.items[1].text, "EMPTY=");
    assert_int_equal(c.module_count, 2);
    assert_string_equal(c.modules[0].previous_path.text, "/old/vec.wasm");
    assert_null(c.modules[1].previous_path.text);

    const struct config_route *vec = &c.routes[0], *slow = &c.routes[1];
    assert_int_equal(c.route_count, 2);
    assert_string_equal(vec->path.text, "/vec");
    assert_int_equal(vec->module, 0);
    assert_null(vec->function.text);
    assert_int_equal(vec->limits.wall_ns, 250000000);
    assert_int_equal(vec->limits.cpu_ns, 1000000000); /* the default */
    assert_int_equal(vec->limits.queue, 9);           /* the command line */
    assert_int_equal(vec->limits.memory_bytes, GIB);  /* the top */
    assert_int_equal(vec->fallback_count, 5);
    assert_int_equal(vec->fallbacks[0].kind, CONFIG_FALLBACK_PREVIOUS);
    assert_int_equal(vec->fallbacks[1].kind, CONFIG_FALLBACK_ROUTE);
    assert_int_equal(vec->fallbacks[1].route, 1);
    assert_int_equal(vec->fallbacks[2].kind, CONFIG_FALLBACK_STALE);
    assert_int_equal(vec->fallbacks[3].status, 200);
    assert_non_null(strstr(vec->fallbacks[3].path, "/a/b.json"));
    assert_int_equal(vec->fallbacks[4].status, 503);
    assert_string_equal(slow->path.text, "/a/b");
    assert_int_equal(slow->module, 1);
    assert_string_equal(slow->function.text, "f");
    assert_int_equal(slow->limits.cpu_ns, 60000000000);
    assert_int_equal(slow->limits.wall_ns, 2000000000);
    file_remove(&f);
}

/* What is only found out later is told with its place too. */
static void texts_know_their_places(void **state)
{
    (void)state;
    struct file f;
    struct config c;
    struct err err = {0};
    file_write(&f, whole, sizeof whole - 1);
    assert_true(config_read(&c, f.path, &nothing_given, &f.arena, &err));
    const struct config_route *vec = &c.routes[0], *slow = &c.routes[1];
    const struct {
        const char *at, *place; /* behind the path of the file; NULL: none */
    } cases[] = {
        {c.address.at, ":2:10"},
        {c.log_path.at, ":5:12"},
        {c.snapshot.at, NULL},
        {c.control.at, NULL},
        {c.dirs.items[1].at, ":6:24"},
        {c.modules[0].at, ":11:10"},
        {c.modules[0].previous_path.at, ":13:12"},
        {vec->at, ":16:9"},
        {vec->fallbacks[0].at, ":18:13"},
        {vec->fallbacks[4].at, ":18:67"},
        {slow->function.at, ":22:12"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char want[128];
        snprintf(want, sizeof want, "%s%s", f.path, cases[i].place == NULL ? "" : cases[i].place);
        assert_int_equal(cases[i].at == NULL, cases[i].place == NULL);
        if (cases[i].at != NULL)
            assert_string_equal(cases[i].at, want);
    }
    assert_string_equal(c.address.key, "listen");
    assert_string_equal(c.dirs.items[1].key, "dirs");
    assert_string_equal(c.snapshot.key, "--snapshot");
    config_fail_at(c.snapshot.at, &err); /* puts nothing in front */
    assert_string_equal(err.text, "");
    file_remove(&f);
}

#define M "[modules.m]\npath = \"m.wasm\"\n"

static const struct {
    const char *text, *says; /* behind the path of the file */
} wrong[] = {
    {"", ":1:1: there is no module"},
    {"walls = \"1 s\"\n" M, ":1:1: there is no key \"walls\" at the top of the file; did you "
                            "mean \"wall\"?"},
    {"xyzzyplugh = 1\n" M, ":1:1: there is no key \"xyzzyplugh\" at the top of the file; see "},
    {"[module.m]\npath = \"m\"\n", ":1:2: there is no key \"module\" at the top of the file; did "
                                   "you mean \"modules\"?"},
    {M "wal = \"1 s\"\n", ":3:1: there is no key \"wal\" in a module"},
    {M "[routes.m]\n  fallbacks = []\n",
     ":4:3: there is no key \"fallbacks\" in a route; did you mean \"fallback\"?"},
    {"wall = 10\n" M, ":1:8: wall takes a whole number of ms, s, min or h up to \"1 h\", such as "
                      "\"10 s\""},
    {"wall = \"10\"\n" M, ":1:8: wall takes"},
    {"wall = \"0 s\"\n" M, ":1:8: wall takes"},
    {"wall = \"2 h\"\n" M, ":1:8: wall takes"},
    {"wall = \"-1 s\"\n" M, ":1:8: wall takes"},
    {"wall = \"1.5 s\"\n" M, ":1:8: wall takes"},
    {"wall = \"99999999999999999999 s\"\n" M, ":1:8: wall takes"},
    {"wall = \"1 KiB\"\n" M, ":1:8: wall takes"},
    {"memory = \"1 MB\"\n" M, ":1:10: memory takes a whole number of MiB or GiB up to \"4 GiB\", "},
    {"memory = \"1 KiB\"\n" M, ":1:10: memory takes"}, /* no whole MiB */
    {"queue = \"7\"\n" M, ":1:9: queue takes a whole number from 1 to 100000"},
    {"queue = 0\n" M, ":1:9: queue takes"},
    {"queue = -1\n" M, ":1:9: queue takes"},
    {"workers = 257\n" M, ":1:11: workers takes a whole number from 1 to 256"},
    {"name = 5\n" M, ":1:8: name takes a text in quotes"},
    {"name = \"\"\n" M, ":1:8: name takes a text in quotes"},
    {"dirs = \"a\"\n" M, ":1:8: dirs takes a list"},
    {"dirs = [1]\n" M, ":1:9: dirs takes a text"},
    {"env = { \"A=B\" = \"c\" }\n" M, ":1:9: \"A=B\" is no name of a variable"},
    {"[modules.\"a b\"]\npath = \"m\"\n", ":1:10: \"a b\" is no name"},
    {"[modules]\nm = \"m.wasm\"\n", ":2:5: m takes keys of its own"},
    {"[modules.m]\n", ":1:10: module m needs a path: path = \"m.wasm\""},
    {M "[modules.n]\npath = \"n\"\n[routes.x]\n", ":5:9: route x must say its module"},
    {M "[routes.x]\nmodule = \"n\"\n", ":4:1: there is no module \"n\""},
    {M "[routes.x]\npath = \"x\"\n", ":4:1: a path begins with /"},
    {M "[routes.x]\npath = \"/x/\"\n", ":4:1: a path begins with /"},
    {M "[routes.x]\npath = \"/x//y\"\n", ":4:1: a path begins with /"},
    {M "[routes.x]\npath = \"/x%20\"\n", ":4:1: a path begins with /"},
    {M "[routes.x]\n[routes.y]\npath = \"/x\"\n", ":5:1: the routes x and y both have the path /x"},
    {M "[routes.x]\nfallback = [\"previous\"]\n", ":4:13: module m has no version before"},
    {M "[routes.x]\nfallback = [\"stale\", \"route:y\"]\n", ":4:22: there is no route \"y\""},
    {M "[routes.x]\nfallback = [\"route:x\"]\n", ":4:13: route x cannot be its own fallback"},
    {M "[routes.x]\nfallback = [\"static:\"]\n", ":4:13: a fallback is previous"},
    {M "[routes.x]\nfallback = [\"none\"]\n",
     ":4:13: a fallback is previous, route:NAME, stale, static:FILE or static:STATUS:FILE, not "
     "\"none\""},
    {M "[routes.x]\nfallback = [\"stale\", \"previos\"]\n",
     ":4:22: a fallback is previous, route:NAME, stale, static:FILE or static:STATUS:FILE, not "
     "\"previos\"; did you mean \"previous\"?"},
    {M "[routes.x]\nfallback = [\"statc:404:f\"]\n",
     ":4:13: a fallback is previous, route:NAME, stale, static:FILE or static:STATUS:FILE, not "
     "\"statc:404:f\"; did you mean \"static\"?"},
    {M "[routes.x]\nfallback = [\"static:900:f\"]\n",
     ":4:13: static:STATUS:FILE takes a status from 200 to 599 and a file, not \"900:f\""},
    {M "[routes.x]\nfallback = [\"static:100:f\"]\n", ":4:13: static:STATUS:FILE takes"},
    {M "[routes.x]\nfallback = [\"static:20:f\"]\n", ":4:13: static:STATUS:FILE takes"},
    {M "[routes.x]\nfallback = [\"static:2000:f\"]\n", ":4:13: static:STATUS:FILE takes"},
    {M "[routes.x]\nfallback = [\"static:503:\"]\n", ":4:13: static:STATUS:FILE takes"},
    {M "[routes.slow]\n[routes.x]\nfallback = [\"route:slwo\"]\n",
     ":5:13: there is no route \"slwo\"; did you mean \"slow\"?"},
    {M "[routes.x]\nfallback = \"stale\"\n", ":4:12: fallback takes a list"},
    {M "[routes.x]\nfallback = [\"stale\",\"stale\",\"stale\",\"stale\",\"stale\",\"stale\","
       "\"stale\",\"stale\",\"stale\"]\n",
     ":4:1: more than 8 fallbacks"},
    {"name = \"a\nb\"\n" M, ":1:10: "},
    {"name = \"a\"\nname = \"b\"\n" M, ":2:8: "},
    {"name = \"\\u0000\"\n" M, ":1:8: a text must not contain the character U+0000"},
    {"= 1\n", ":1:1: "},
    {M "# comment \xc3\xa9\n[\xc3\xa9]\n", ":4:2: this character must not stand here"},
    {"name = \"\xc3\xa9\" \xc3\xa9\n" M, ":1:12: this character must not stand here"},
    {M "[ \x05x]\n", ":3:3: this character must not stand here"},
    {"name = \"\x7f\"\n" M, ":1:9: this character must not stand here"},
    {M "[!]\n", ":3:1: there is a character in this line"},
};

static void what_is_wrong_is_said_where(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct file f;
        struct config c;
        struct err err = {0};
        file_write(&f, wrong[i].text, strlen(wrong[i].text));
        bool ok = config_read(&c, f.path, &nothing_given, &f.arena, &err);
        size_t path_len = strlen(f.path);
        bool says = strncmp(err.text, f.path, path_len) == 0 &&
                    strncmp(err.text + path_len, wrong[i].says, strlen(wrong[i].says)) == 0;
        if (ok || !says)
            print_error("%s\nsays %s\n", wrong[i].text, err.text);
        assert_false(ok);
        assert_true(says);
        assert_int_equal(err.code, ERR_USAGE);
        file_remove(&f);
    }
}

/* Whatever is cut off or overwritten: an error with a place, or a configuration. */
static void damaged_files(void **state)
{
    (void)state;
    char text[sizeof whole];
    for (size_t i = 0; i < 3 * (sizeof whole - 1); i++) {
        struct file f;
        struct config c;
        struct err err = {0};
        size_t at = i / 3, len = sizeof whole - 1;
        memcpy(text, whole, sizeof text);
        if (i % 3 == 0)
            len = at;
        else
            text[at] = i % 3 == 1 ? '\xff' : '[';
        file_write(&f, text, len);
        if (!config_read(&c, f.path, &nothing_given, &f.arena, &err))
            assert_true(err.code == ERR_USAGE && strncmp(err.text, f.path, strlen(f.path)) == 0);
        file_remove(&f);
    }
}

static void deep_and_large_files(void **state)
{
    (void)state;
    static char text[MIB + 2];
    const size_t lens[] = {1000, 100000, MIB, MIB + 1};
    for (size_t i = 0; i < COUNT_OF(lens); i++) {
        struct file f;
        struct config c;
        struct err err = {0};
        memset(text, '[', lens[i]);
        memcpy(text, "dirs=", 5);
        file_write(&f, text, lens[i]);
        assert_false(config_read(&c, f.path, &nothing_given, &f.arena, &err));
        assert_true(err.text[0] != 0);
        file_remove(&f);
    }
}

static void every_key_is_described(void **state)
{
    (void)state;
    for (u32 i = 0; i < config_key_count(); i++) {
        struct config_key key = config_key_describe(i);
        assert_true(key.key[0] != 0 && key.text[0] != 0 && key.value[0] != 0);
    }
}

/* What the help shows as an example or default can be written in a file. */
static void examples_are_right(void **state)
{
    (void)state;
    for (u32 i = 0; i < config_key_count(); i++) {
        struct config_key key = config_key_describe(i);
        char text[1024];
        struct file f;
        struct config c;
        struct err err = {0};
        bool is_top = key.section[0] == 0, is_module = strncmp(key.section, "modules", 7) == 0;
        bool is_path = strcmp(key.section, "modules.NAME") == 0 && strcmp(key.key, "path") == 0;
        snprintf(text, sizeof text,
                 "%s%s%s%s\n[modules.vec]\n%s%s%s%s\n%s[routes.slow]\npath = \"/slow\"\n"
                 "[routes.r]\nmodule = \"vec\"\n%s%s%s%s\n",
                 is_top ? key.key : "", is_top ? " = " : "", is_top ? key.value : "", "",
                 is_module ? key.key : "", is_module ? " = " : "", is_module ? key.value : "",
                 is_path ? "" : "\npath = \"vec.wasm\"",
                 is_module && strcmp(key.key, "previous") == 0 ? "" : "previous = \"p.wasm\"\n",
                 !is_top && !is_module && strcmp(key.key, "module") != 0 ? key.key : "",
                 !is_top && !is_module && strcmp(key.key, "module") != 0 ? " = " : "",
                 !is_top && !is_module && strcmp(key.key, "module") != 0 ? key.value : "", "");
        file_write(&f, text, strlen(text));
        if (!config_read(&c, f.path, &nothing_given, &f.arena, &err))
            print_error("%s\n%s\n", text, err.text);
        assert_int_equal(err.code, ERR_NONE);
        file_remove(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_file),
        cmocka_unit_test(what_is_wrong_is_said_where),
        cmocka_unit_test(damaged_files),
        cmocka_unit_test(deep_and_large_files),
        cmocka_unit_test(every_key_is_described),
        cmocka_unit_test(examples_are_right),
        cmocka_unit_test(texts_know_their_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
