/* A compiler process that is kept: what ends it, and what does not. */
#include "proc/compile.h"
#include "base/file.h"
#include "base/sanitize.h"
#include "proc/internal.h"
#include "test/test.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* (module (func (export "f") (result i32) i32.const N)) */
static const u8 good[] = {0, 'a', 's', 'm', 1, 0, 0,   0, 1, 5,  1, 0x60, 0, 1, 0x7f, 3,  2,
                          1, 0,   7,   5,   1, 1, 'f', 0, 0, 10, 6, 1,    4, 0, 0x41, 42, 0x0b};
#define AT_N (sizeof good - 2)

struct fixture {
    struct proc_cache cache;
    struct proc_compile_options options;
    char module[64];
    proc_progress_fn *progress;
    u8 next; /* every module is another one */
};

static int set_up(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);
    struct err err = {0};
    snprintf(f->module, sizeof f->module, "/tmp/weir-compile-XXXXXX");
    int fd = mkstemp(f->module);
    fd_close(&fd);
    *state = f;
    if (!proc_cache_open_temporary(&f->cache, &err))
        return -1;
    proc_compiler_create(&f->options.compiler, &f->cache);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    char folder[PROC_PATH_MAX];
    snprintf(folder, sizeof folder, "%s", f->cache.path);
    proc_compiler_destroy(&f->options.compiler);
    assert_null(f->options.compiler);
    proc_cache_close(&f->cache);
    assert_int_equal(access(folder, F_OK), -1); /* no folder of a compiler was left in it */
    unlink(f->module);
    test_free(f);
    return 0;
}

static bool compile_bytes(struct fixture *f, const void *bytes, size_t len, struct err *err)
{
    struct proc_artifact artifact;
    int fd = open(f->module, O_WRONLY | O_TRUNC);
    assert_true(fd >= 0 && fd_write_all(fd, bytes, len));
    fd_close(&fd);
    *err = (struct err){0};
    bool ok = proc_compile_file(&f->cache, f->module, &f->options, f->progress, f, &artifact, err);
    assert_true(!ok || (proc_cache_has(&f->cache, artifact.code_path) &&
                        proc_cache_has(&f->cache, artifact.module_path) && !artifact.was_cached));
    return ok;
}

static void expect_compiled(struct fixture *f)
{
    struct err err;
    u8 bytes[sizeof good];
    memcpy(bytes, good, sizeof good);
    bytes[AT_N] = ++f->next;
    if (!compile_bytes(f, bytes, sizeof bytes, &err))
        fail_msg("%s", err.text);
}

static void expect_refused(struct fixture *f, const char *bytes, size_t len, const char *want)
{
    struct err err;
    assert_false(compile_bytes(f, bytes, len, &err));
    if (strstr(err.text, want) == NULL || strstr(err.text, f->module) != err.text)
        fail_msg("%s", err.text);
}

static void one_process_serves_many_modules(void **state)
{
    struct fixture *f = *state;
    expect_compiled(f);
    pid_t process = f->options.compiler->process;
    assert_true(process > 0);
    expect_refused(f, "\0asm\2\0\0\0", 8, "version"); /* a module's fault is not the process's */
    expect_refused(f, "", 0, "");
    expect_compiled(f);
    f->options.strict_traps = true;
    expect_compiled(f);
    f->options.tier = PROC_TIER_BEST;
    expect_compiled(f);
    assert_int_equal(f->options.compiler->process, process);
    assert_int_equal(f->options.compiler->jobs, 6);
}

static void a_process_that_died_is_replaced(void **state)
{
    struct fixture *f = *state;
    expect_compiled(f);
    for (u32 i = 0; i < 3; i++) {
        pid_t process = f->options.compiler->process;
        kill(process, SIGKILL);
        expect_compiled(f);
        assert_int_not_equal(f->options.compiler->process, process);
        assert_int_equal(f->options.compiler->jobs, 1);
    }
}

static void kill_compiler(void *user, const struct proc_progress *progress)
{
    struct fixture *f = user;
    assert_string_equal(progress->module_path, f->module);
    kill(f->options.compiler->process, SIGKILL);
}

/* What earlier modules did to a process is no fault of the one it dies on. */
static void a_job_lost_in_a_used_process_is_done_again(void **state)
{
    struct fixture *f = *state;
    expect_compiled(f);
    pid_t process = f->options.compiler->process;
    kill(process, SIGSTOP); /* it takes the job and does nothing, until it is killed */
    f->progress = kill_compiler;
    expect_compiled(f);
    assert_int_not_equal(f->options.compiler->process, process);
}

static void a_module_that_ends_it_gets_the_error_and_the_next_one_none(void **state)
{
    struct fixture *f = *state;
    struct err err;
    if (SANITIZED)
        skip(); /* such a compiler has no limit on memory */
    expect_compiled(f);
    pid_t process = f->options.compiler->process;
    f->options.memory_bytes = 1 << 20; /* with so little nothing can be compiled */
    assert_false(compile_bytes(f, good, sizeof good, &err)); /* it says so, or dies */
    f->options.memory_bytes = 0;
    expect_compiled(f);
    assert_int_not_equal(f->options.compiler->process, process);
}

static void other_limits_need_another_process(void **state)
{
    struct fixture *f = *state;
    expect_compiled(f);
    pid_t process = f->options.compiler->process;
    f->options.cpu_s = 100;
    expect_compiled(f);
    assert_int_not_equal(f->options.compiler->process, process);
    assert_int_equal(kill(process, 0), -1); /* and the old one is gone */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_process_serves_many_modules, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_process_that_died_is_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_job_lost_in_a_used_process_is_done_again, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_module_that_ends_it_gets_the_error_and_the_next_one_none,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_limits_need_another_process, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
