#include "bench/load.h"
#include "test/test.h"
#include <arpa/inet.h>
#include <string.h>

enum { WORDS_MAX = 16 };

/* Reads a command line whose words are separated by spaces. */
static bool read_words(struct load_plan *plan, char *line)
{
    char *words[WORDS_MAX] = {"weir-load"}, *rest = line, *word;
    int count = 1;
    while ((word = strsep(&rest, " ")) != NULL && count < WORDS_MAX)
        words[count++] = word;
    return load_plan_read(plan, count, words);
}

static void a_command_line_becomes_a_plan(void **state)
{
    (void)state;
    struct load_plan plan;
    char line[] =
        "127.0.0.2:80 --class a,3,/x,[1,{\"b\":2}] --phases 2.5:1.5,c4:2 --class b,1,/y?z "
        "--connections 7 --seed 9 --slice-ms 20 --timeout-ms 300";
    assert_true(read_words(&plan, line));
    assert_int_equal(ntohl(plan.server.sin_addr.s_addr), 0x7f000002);
    assert_int_equal(ntohs(plan.server.sin_port), 80);
    assert_int_equal(plan.class_count, 2);
    assert_int_equal(plan.classes[0].weight, 3);
    assert_memory_equal(plan.classes[0].name, "a", plan.classes[0].name_len);
    assert_string_equal(plan.classes[0].request,
                        "POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                        "Content-Length: 11\r\n\r\n[1,{\"b\":2}]");
    assert_string_equal(plan.classes[1].request, "GET /y?z HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_int_equal(plan.classes[1].request_len, strlen(plan.classes[1].request));
    assert_int_equal(plan.phase_count, 2);
    assert_true(plan.phases[0].rate == 2.5 && plan.phases[0].clients == 0);
    assert_int_equal(plan.phases[0].length_ns, 1500000000);
    assert_true(plan.phases[1].rate == 0 && plan.phases[1].clients == 4);
    assert_int_equal(plan.connections_max, 7);
    assert_int_equal(plan.seed, 9);
    assert_int_equal(plan.slice_ns, 20000000);
    assert_int_equal(plan.timeout_ns, 300000000);
    load_plan_fini(&plan);
}

static void what_is_no_plan(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "localhost:80 --class a,1,/ --phases 1:1",
        "127.0.0.1 --class a,1,/ --phases 1:1",
        "127.0.0.1:0 --class a,1,/ --phases 1:1",
        "127.0.0.1:65536 --class a,1,/ --phases 1:1",
        "127.0.0.1:80 --phases 1:1",
        "127.0.0.1:80 --class a,1,/",
        "127.0.0.1:80 --class a,0,/ --phases 1:1",
        "127.0.0.1:80 --class a,-1,/ --phases 1:1",
        "127.0.0.1:80 --class a,1 --phases 1:1",
        "127.0.0.1:80 --class a,1,x --phases 1:1",
        "127.0.0.1:80 --class a,1,/ --phases 1",
        "127.0.0.1:80 --class a,1,/ --phases 0:1",
        "127.0.0.1:80 --class a,1,/ --phases nan:1",
        "127.0.0.1:80 --class a,1,/ --phases 1:-1",
        "127.0.0.1:80 --class a,1,/ --phases 1:1,",
        "127.0.0.1:80 --class a,1,/ --phases c0.5:1",
        "127.0.0.1:80 --class a,1,/ --phases 1:1 --seed",
        "127.0.0.1:80 --class a,1,/ --phases 1:1 --seed x",
        "127.0.0.1:80 --class a,1,/ --phases 1:1 --speed 1",
    };
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        struct load_plan plan;
        char line[100];
        snprintf(line, sizeof line, "%s", lines[i]);
        assert_false(read_words(&plan, line));
        load_plan_fini(&plan);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_line_becomes_a_plan),
        cmocka_unit_test(what_is_no_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
