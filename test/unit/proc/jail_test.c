/* A jailed compiler tries to leave: each attempt runs in a child of its own, which reports by its
 * exit status (0: contained, 1: escaped) or is killed by the filter (SIGSYS: contained). */
#include "proc/jail.h"
#include "base/file.h"
#include "base/sanitize.h"
#include "test/test.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/weir-jail-XXXXXX";
static int (*volatile never_inlined)(void);

static int read_outside(void)
{
    return open("/etc/passwd", O_RDONLY) >= 0;
}

static int write_outside(void)
{
    return open("/tmp/weir-jail-escape", O_WRONLY | O_CREAT, 0600) >= 0;
}

static int leave_by_dots(void)
{
    char path[64];
    snprintf(path, sizeof path, "%s/../../etc/passwd", folder);
    return open(path, O_RDONLY) >= 0;
}

static int leave_by_rename(void)
{
    char path[64];
    snprintf(path, sizeof path, "%s/inside", folder);
    return rename(path, "/tmp/weir-jail-moved") == 0;
}

static int make_symlink(void)
{
    char path[64];
    snprintf(path, sizeof path, "%s/link", folder);
    return symlink("/etc/passwd", path) == 0;
}

static int open_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) >= 0;
}

static int open_unix_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM, 0) >= 0;
}

static int start_process(void)
{
    return fork() >= 0;
}

static int run_program(void)
{
    return execl("/bin/true", "true", (char *)NULL) == 0;
}

static int map_executable(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
           MAP_FAILED;
}

static int make_executable(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page != MAP_FAILED && mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0;
}

static int raise_limit(void)
{
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

static int signal_parent(void)
{
    return kill(getppid(), SIGTERM) == 0;
}

static int map_beyond_memory_limit(void)
{
    return !SANITIZED &&
           mmap(NULL, GIB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}

static int spin(void)
{
    for (volatile u64 i = 0; i != UINT64_MAX; i = i + 1)
        ;
    return 1;
}

static int work_inside(void)
{
    char path[64], other[64], byte = 0;
    snprintf(path, sizeof path, "%s/work", folder);
    snprintf(other, sizeof other, "%s/done", folder);
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    return !(fd >= 0 && fd_write_all(fd, "x", 1) && pread(fd, &byte, 1, 0) == 1 && byte == 'x' &&
             rename(path, other) == 0 && unlink(other) == 0 &&
             mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
                 MAP_FAILED);
}

/* Status of a child that jails itself and then tries; 99 when the jail could not be set up. */
static int try_jailed(int (*attempt)(void), u64 cpu_s)
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        never_inlined = attempt;
        struct err err = {0};
        if (!proc_jail_compiler(folder, cpu_s, 512 * MIB, &err))
            _exit(99);
        _exit(never_inlined());
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void attempts_are_contained(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int (*attempt)(void);
    } cases[] = {
        {"read a file outside", read_outside},
        {"write a file outside", write_outside},
        {"leave by ..", leave_by_dots},
        {"rename out of the folder", leave_by_rename},
        {"make a symbolic link", make_symlink},
        {"open a TCP socket", open_socket},
        {"open a Unix socket", open_unix_socket},
        {"start a process", start_process},
        {"run a program", run_program},
        {"map executable memory", map_executable},
        {"make memory executable", make_executable},
        {"raise a limit", raise_limit},
        {"signal the parent", signal_parent},
        {"map beyond the memory limit", map_beyond_memory_limit},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int status = try_jailed(cases[i].attempt, 10);
        bool contained = (WIFEXITED(status) && WEXITSTATUS(status) == 0) ||
                         (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
        if (!contained)
            fail_msg("%s: status 0x%x", cases[i].name, (unsigned)status);
    }
}

static void attempts_succeed_without_the_jail(void **state)
{
    (void)state;
    assert_true(read_outside());
    assert_true(leave_by_dots());
    assert_true(open_socket());
    assert_true(map_executable());
}

static void cpu_time_ends(void **state)
{
    (void)state;
    int status = try_jailed(spin, 1);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU);
}

static void honest_work_goes_on(void **state)
{
    (void)state;
    int status = try_jailed(work_inside, 10);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* Looked at while it runs, until it has used up its processor time. */
static void who_serves_goes_first(void **state)
{
    (void)state;
    int own = getpriority(PRIO_PROCESS, 0), least = own > 10 ? own : 10, status = 0;
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct err err = {0};
        never_inlined = spin;
        if (!proc_jail_compiler(folder, 1, 512 * MIB, &err))
            _exit(99);
        _exit(never_inlined());
    }
    bool gives_way = false, has_ended = false;
    while (!gives_way && !has_ended) {
        gives_way = getpriority(PRIO_PROCESS, (id_t)child) == least;
        has_ended = waitpid(child, &status, WNOHANG) == child;
        usleep(1000);
    }
    if (!has_ended) {
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &status, 0), child);
    }
    assert_true(gives_way);
}

static int make_folder(void **state)
{
    (void)state;
    char path[64];
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/inside", folder);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    fd_close(&fd);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    char path[64];
    snprintf(path, sizeof path, "%s/inside", folder);
    unlink(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attempts_are_contained),
        cmocka_unit_test(attempts_succeed_without_the_jail),
        cmocka_unit_test(cpu_time_ends),
        cmocka_unit_test(honest_work_goes_on),
        cmocka_unit_test(who_serves_goes_first),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
