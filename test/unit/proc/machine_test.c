/* What there is of memory, by folders made to look like the kernel's. */
#include "proc/machine.h"
#include "test/test.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char root[] = "/tmp/weir-machine-XXXXXX";

static void write_file(const char *folder, const char *name, const char *text)
{
    char line[PATH_MAX];
    snprintf(line, sizeof line, "mkdir -p '%s/%s'", root, folder);
    assert_int_equal(system(line), 0);
    snprintf(line, sizeof line, "%s/%s/%s", root, folder, name);
    FILE *file = fopen(line, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int begin(void **state)
{
    (void)state;
    memcpy(strrchr(root, '-'), "-XXXXXX", sizeof "-XXXXXX");
    return mkdtemp(root) == NULL;
}

static int end(void **state)
{
    (void)state;
    char line[PATH_MAX];
    snprintf(line, sizeof line, "rm -r '%s'", root);
    return system(line);
}

static u64 machine(void)
{
    return (u64)sysconf(_SC_PHYS_PAGES) * (u64)sysconf(_SC_PAGESIZE);
}

static void no_groups(void **state)
{
    (void)state;
    assert_int_equal(proc_memory_bytes(root), machine());
    assert_true(proc_memory_bytes("") > 0 && proc_memory_bytes("") <= machine());
}

static void the_least_of_all_groups_counts(void **state)
{
    (void)state;
    write_file("proc/self", "cgroup", "1:name=old:/other\n0::/a.slice/b.service\n");
    write_file("sys/fs/cgroup/other", "memory.max", "1\n");
    write_file("sys/fs/cgroup/a.slice/b.service", "memory.max", "max\n");
    assert_int_equal(proc_memory_bytes(root), machine());
    write_file("sys/fs/cgroup/a.slice", "memory.max", "8388608\n");
    assert_int_equal(proc_memory_bytes(root), 8388608);
    write_file("sys/fs/cgroup/a.slice/b.service", "memory.max", "4194304\n");
    assert_int_equal(proc_memory_bytes(root), 4194304);
    write_file("sys/fs/cgroup", "memory.max", "2097152\n");
    assert_int_equal(proc_memory_bytes(root), 2097152);
}

static void a_container_is_the_topmost_group(void **state)
{
    (void)state;
    write_file("proc/self", "cgroup", "0::/\n");
    write_file("sys/fs/cgroup", "memory.max", "4194304\n");
    assert_int_equal(proc_memory_bytes(root), 4194304);
}

static void groups_of_version_1(void **state)
{
    (void)state;
    write_file("proc/self", "cgroup", "9:cpu,cpuacct:/x\n4:memory:/a/b\n0::/\n");
    write_file("sys/fs/cgroup/memory/a/b", "memory.limit_in_bytes", "9223372036854771712\n");
    assert_int_equal(proc_memory_bytes(root), machine());
    write_file("sys/fs/cgroup/memory/a", "memory.limit_in_bytes", "4194304\n");
    assert_int_equal(proc_memory_bytes(root), 4194304);
}

static void nonsense_is_no_limit(void **state)
{
    (void)state;
    static const char *const groups[] = {"", "0::", "0::x\n", "0:/a\n", "\n\n", "0::/../..\n"};
    static const char *const limits[] = {"", "-1\n", "0\n", "12x\n", "99999999999999999999\n"};
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        write_file("proc/self", "cgroup", groups[i]);
        for (size_t k = 0; k < sizeof limits / sizeof limits[0]; k++) {
            write_file("sys/fs/cgroup", "memory.max", limits[k]);
            assert_int_equal(proc_memory_bytes(root), machine());
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_groups, begin, end),
        cmocka_unit_test_setup_teardown(the_least_of_all_groups_counts, begin, end),
        cmocka_unit_test_setup_teardown(a_container_is_the_topmost_group, begin, end),
        cmocka_unit_test_setup_teardown(groups_of_version_1, begin, end),
        cmocka_unit_test_setup_teardown(nonsense_is_no_limit, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
