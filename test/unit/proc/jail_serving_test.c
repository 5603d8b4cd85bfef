/* What a jailed worker and a jailed helper can do: each attempt runs in a child of its own, which
 * prepares what it needs, jails itself and tries. The same without a jail shows that it is the jail
 * that stops it. */
#include "base/file.h"
#include "base/sanitize.h"
#include "proc/jail.h"
#include "test/test.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096u

/* What an attempt works on, made before the jail. */
static struct {
    int dir, file, program, pipe[2], pair[2], tcp;
    u8 *data; /* a page to read and write */
    u8 *code; /* a page to run: a return */
    pid_t parent;
    timer_t timer;
    struct sockaddr_in address;
} at;

static void prepare(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_NONE};
    at.parent = getppid();
    at.dir = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    at.file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    at.program = open("/bin/true", O_RDONLY | O_CLOEXEC);
    at.tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    at.data = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    at.code = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    at.address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (at.dir < 0 || at.file < 0 || at.program < 0 || at.tcp < 0 || at.data == MAP_FAILED ||
        at.code == MAP_FAILED || pipe2(at.pipe, O_CLOEXEC) != 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, at.pair) != 0 ||
        timer_create(CLOCK_MONOTONIC, &event, &at.timer) != 0)
        _exit(98);
    memset(at.code, 0xc3, PAGE);
    if (mprotect(at.code, PAGE, PROT_READ | PROT_EXEC) != 0)
        _exit(98);
}

/* ---- attempts: the result of a system call ---- */

#define CALL(name, call)                                                                           \
    static long name(void)                                                                         \
    {                                                                                              \
        return call;                                                                               \
    }

static struct open_how how = {.flags = O_RDONLY};
static char *const no_args[] = {(char[]){"true"}, NULL};
static const struct rlimit no_limit = {RLIM_INFINITY, RLIM_INFINITY};
static struct stat st;
static char bytes[256];

CALL(try_open, syscall(SYS_open, "/etc/passwd", O_RDONLY))
CALL(try_openat, openat(AT_FDCWD, "/etc/passwd", O_RDONLY))
CALL(try_openat_dir, openat(at.dir, ".", O_RDONLY))
CALL(try_openat_mem, openat(AT_FDCWD, "/proc/self/mem", O_RDWR))
CALL(try_openat2, syscall(SYS_openat2, at.dir, ".", &how, sizeof how))
CALL(try_stat, stat("/etc/passwd", &st))
CALL(try_fstatat, syscall(SYS_newfstatat, AT_FDCWD, "/etc/passwd", &st, AT_EMPTY_PATH))
CALL(try_statx, syscall(SYS_statx, AT_FDCWD, "/etc/passwd", 0, 0, bytes))
CALL(try_access, access("/etc/passwd", R_OK))
CALL(try_readlink, readlink("/proc/self/exe", bytes, sizeof bytes))
CALL(try_creat, syscall(SYS_creat, "/missing/weir", 0600))
CALL(try_open_by_handle, syscall(SYS_open_by_handle_at, at.dir, bytes, O_RDONLY))
CALL(try_unlink, syscall(SYS_unlink, "/missing/weir"))
CALL(try_unlinkat, unlinkat(at.dir, "missing/weir", 0))
CALL(try_rename, syscall(SYS_rename, "/missing/weir", "/missing/other"))
CALL(try_renameat, renameat(at.dir, "missing/weir", at.dir, "missing/other"))
CALL(try_mkdir, syscall(SYS_mkdir, "/missing/weir", 0700))
CALL(try_mkdirat, mkdirat(at.dir, "missing/weir", 0700))
CALL(try_symlink, syscall(SYS_symlink, "x", "/missing/weir"))
CALL(try_link, syscall(SYS_link, "/missing/weir", "/missing/other"))
CALL(try_mknodat, mknodat(at.dir, "missing/weir", S_IFIFO | 0600, 0))
CALL(try_chmod, syscall(SYS_chmod, "/missing/weir", 0600))
CALL(try_fchmod, fchmod(at.pipe[0], 0600))
CALL(try_fchown, fchown(at.pipe[0], (uid_t)-1, (gid_t)-1))
CALL(try_truncate, truncate("/missing/weir", 0))
CALL(try_ftruncate, ftruncate(at.file, 0))
CALL(try_chdir, chdir("/"))
CALL(try_fchdir, fchdir(at.dir))
CALL(try_chroot, chroot("/missing"))
CALL(try_mount, syscall(SYS_mount, "/missing", "/missing", NULL, 0, NULL))
CALL(try_getdents, syscall(SYS_getdents64, at.dir, bytes, sizeof bytes))
CALL(try_name_to_handle, syscall(SYS_name_to_handle_at, at.dir, ".", bytes, bytes, 0))
CALL(try_inotify, syscall(SYS_inotify_init1, 0))

CALL(try_execve, execv("/bin/true", no_args))
CALL(try_execveat, syscall(SYS_execveat, at.program, "", no_args, NULL, AT_EMPTY_PATH))
CALL(try_fork, syscall(SYS_fork))
CALL(try_clone_process, syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL))
CALL(try_clone3, syscall(SYS_clone3, NULL, (size_t)0))
CALL(try_unshare, unshare(0))
CALL(try_setns, setns(at.file, 0))

CALL(try_mmap_rwx,
     (long)mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
CALL(try_mmap_exec, (long)mmap(NULL, PAGE, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
CALL(try_mmap_code, (long)mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, at.file, 0))
CALL(try_mprotect_rx, mprotect(at.data, PAGE, PROT_READ | PROT_EXEC))
CALL(try_mprotect_rwx, mprotect(at.data, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC))
CALL(try_mprotect_code_rwx, mprotect(at.code, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC))
CALL(try_pkey_mprotect, syscall(SYS_pkey_mprotect, at.data, PAGE, PROT_EXEC, -1))
CALL(try_remap_file_pages, syscall(SYS_remap_file_pages, at.code, PAGE, 0, 0, 0))
CALL(try_mremap_fixed, (long)mremap(at.code, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at.data))
CALL(try_personality, syscall(SYS_personality, 0xffffffff))
CALL(try_memfd, memfd_create("weir", 0))
CALL(try_shm, syscall(SYS_shmget, 0, PAGE, 0600))

CALL(try_socket, socket(AF_INET, SOCK_STREAM, 0))
CALL(try_unix_socket, socket(AF_UNIX, SOCK_STREAM, 0))
CALL(try_socketpair, socketpair(AF_UNIX, SOCK_STREAM, 0, at.pipe))
CALL(try_connect, connect(at.tcp, (struct sockaddr *)&at.address, sizeof at.address))
CALL(try_bind, bind(at.tcp, (struct sockaddr *)&at.address, sizeof at.address))
CALL(try_listen, listen(at.tcp, 1))
CALL(try_socket_filter, setsockopt(at.tcp, SOL_SOCKET, SO_ATTACH_FILTER, bytes, 16))
CALL(try_socket_owner, ioctl(at.tcp, SIOCGPGRP, bytes))

CALL(try_ptrace, syscall(SYS_ptrace, 12345, 0, NULL, NULL))
CALL(try_vm_read, syscall(SYS_process_vm_readv, at.parent, NULL, 0, NULL, 0, 0))
CALL(try_vm_write, syscall(SYS_process_vm_writev, at.parent, NULL, 0, NULL, 0, 0))
CALL(try_kill, kill(at.parent, 0))
CALL(try_tgkill, syscall(SYS_tgkill, at.parent, at.parent, 0))
CALL(try_tkill, syscall(SYS_tkill, at.parent, 0))
CALL(try_sigqueue, syscall(SYS_rt_sigqueueinfo, at.parent, 0, bytes))
CALL(try_pidfd, syscall(SYS_pidfd_open, at.parent, 0))
CALL(try_pidfd_getfd, syscall(SYS_pidfd_getfd, at.dir, 0, 0))
CALL(try_pidfd_signal, syscall(SYS_pidfd_send_signal, at.dir, 0, NULL, 0))
CALL(try_owner, fcntl(at.pipe[0], F_SETOWN, at.parent))
CALL(try_signal_of_owner, fcntl(at.pipe[0], F_SETSIG, SIGUSR1))

CALL(try_prlimit, syscall(SYS_prlimit64, 0, RLIMIT_CORE, &no_limit, NULL))
CALL(try_prlimit_other, syscall(SYS_prlimit64, at.parent, RLIMIT_CORE, &no_limit, NULL))
CALL(try_setuid, setuid(getuid()))
CALL(try_capset, syscall(SYS_capset, NULL, NULL))
CALL(try_prctl, prctl(PR_GET_DUMPABLE))
CALL(try_seccomp, syscall(SYS_seccomp, 99, 0, NULL))
CALL(try_userfaultfd, syscall(SYS_userfaultfd, 0))
CALL(try_io_uring, syscall(SYS_io_uring_setup, 0, NULL))
CALL(try_bpf, syscall(SYS_bpf, 99, NULL, 0))
CALL(try_keyctl, syscall(SYS_keyctl, 99))
CALL(try_perf, syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0))
CALL(try_module, syscall(SYS_finit_module, -1, "", 0))
CALL(try_terminal_input, ioctl(at.pipe[0], TIOCSTI, "x"))

static long try_vfork(void)
{
    long child = syscall(SYS_clone, CLONE_VFORK | SIGCHLD, NULL, NULL, NULL, NULL);
    if (child == 0)
        _exit(0);
    return child;
}

/* Code may be made data, but what is written there never runs. */
static long try_write_code(void)
{
    if (mprotect(at.code, PAGE, PROT_READ | PROT_WRITE) == 0)
        at.code[0] = 0x90;
    return mprotect(at.code, PAGE, PROT_READ | PROT_EXEC);
}

/* The numbers of other architectures, whose meaning differs. */
static long try_x32(void)
{
    return syscall(0x40000000 | SYS_getpid);
}

static long try_i386(void)
{
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20) : "memory", "r8", "r9", "r10", "r11");
    return result;
}

enum outcome { KILLED, REFUSED, ALLOWED };
struct attempt {
    const char *name;
    long (*attempt)(void);
    enum outcome worker, helper, sanitized_worker; /* the last by jail_sanitizer.def */
};
#define FORBIDDEN(name)               {#name, try_##name, KILLED, KILLED, KILLED}
#define DIFFERS(name, worker, helper) {#name, try_##name, worker, helper, worker}
static const struct attempt attempts[] = {
    DIFFERS(open, REFUSED, REFUSED),
    DIFFERS(openat, REFUSED, REFUSED),
    DIFFERS(openat_dir, REFUSED, REFUSED),
    DIFFERS(openat_mem, REFUSED, REFUSED),
    DIFFERS(openat2, REFUSED, ALLOWED),
    DIFFERS(stat, REFUSED, ALLOWED),
    DIFFERS(fstatat, REFUSED, ALLOWED),
    DIFFERS(statx, REFUSED, KILLED),
    DIFFERS(access, REFUSED, KILLED),
    DIFFERS(readlink, REFUSED, KILLED),
    DIFFERS(unlinkat, KILLED, ALLOWED),
    DIFFERS(renameat, KILLED, ALLOWED),
    DIFFERS(mkdirat, KILLED, ALLOWED),
    DIFFERS(ftruncate, KILLED, ALLOWED),
    {"getdents", try_getdents, KILLED, ALLOWED, ALLOWED},
    {"ptrace", try_ptrace, KILLED, KILLED, ALLOWED},
    {"prctl", try_prctl, KILLED, KILLED, ALLOWED},
    FORBIDDEN(creat),
    FORBIDDEN(open_by_handle),
    FORBIDDEN(name_to_handle),
    FORBIDDEN(unlink),
    FORBIDDEN(rename),
    FORBIDDEN(mkdir),
    FORBIDDEN(symlink),
    FORBIDDEN(link),
    FORBIDDEN(mknodat),
    FORBIDDEN(chmod),
    FORBIDDEN(fchmod),
    FORBIDDEN(fchown),
    FORBIDDEN(truncate),
    FORBIDDEN(chdir),
    FORBIDDEN(fchdir),
    FORBIDDEN(chroot),
    FORBIDDEN(mount),
    FORBIDDEN(inotify),
    FORBIDDEN(execve),
    FORBIDDEN(execveat),
    FORBIDDEN(fork),
    {"vfork", try_vfork, KILLED, KILLED, REFUSED},
    {"clone_process", try_clone_process, KILLED, KILLED, REFUSED},
    FORBIDDEN(clone3),
    FORBIDDEN(unshare),
    FORBIDDEN(setns),
    FORBIDDEN(mmap_rwx),
    FORBIDDEN(mmap_exec),
    FORBIDDEN(mmap_code),
    FORBIDDEN(mprotect_rx),
    FORBIDDEN(mprotect_rwx),
    FORBIDDEN(mprotect_code_rwx),
    FORBIDDEN(write_code),
    FORBIDDEN(pkey_mprotect),
    FORBIDDEN(remap_file_pages),
    FORBIDDEN(mremap_fixed),
    FORBIDDEN(personality),
    FORBIDDEN(memfd),
    FORBIDDEN(shm),
    FORBIDDEN(socket),
    FORBIDDEN(unix_socket),
    FORBIDDEN(socketpair),
    FORBIDDEN(connect),
    FORBIDDEN(bind),
    FORBIDDEN(listen),
    FORBIDDEN(socket_filter),
    DIFFERS(socket_owner, KILLED, ALLOWED), /* there ENOTTY, as all ioctls */
    FORBIDDEN(vm_read),
    FORBIDDEN(vm_write),
    FORBIDDEN(kill),
    FORBIDDEN(tgkill),
    FORBIDDEN(tkill),
    FORBIDDEN(sigqueue),
    FORBIDDEN(pidfd),
    FORBIDDEN(pidfd_getfd),
    FORBIDDEN(pidfd_signal),
    FORBIDDEN(owner),
    FORBIDDEN(signal_of_owner),
    FORBIDDEN(prlimit),
    FORBIDDEN(prlimit_other),
    FORBIDDEN(setuid),
    FORBIDDEN(capset),
    FORBIDDEN(seccomp),
    FORBIDDEN(userfaultfd),
    FORBIDDEN(io_uring),
    FORBIDDEN(bpf),
    FORBIDDEN(keyctl),
    FORBIDDEN(perf),
    FORBIDDEN(module),
    DIFFERS(terminal_input, KILLED, ALLOWED),
    FORBIDDEN(x32),
    FORBIDDEN(i386),
};

/* ---- trying ---- */

typedef bool jail_fn(struct err *err);

static bool no_jail(struct err *err)
{
    (void)err;
    return true;
}

/* Status of a child: exit code 0, 1 if the attempt failed with EACCES. */
static int try_in(jail_fn *jail, long (*attempt)(void))
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct err err = {0};
        prepare();
        if (!jail(&err)) {
            fprintf(stderr, "%s\n", err.text);
            _exit(99);
        }
        errno = 0;
        _exit(attempt() == -1 && errno == EACCES ? 1 : 0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static enum outcome outcome_of(int status, const char *name)
{
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
        return KILLED;
    if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
        fail_msg("%s: status 0x%x", name, (unsigned)status);
    return WEXITSTATUS(status) == 1 ? REFUSED : ALLOWED;
}

static void all_in(jail_fn *jail, bool is_worker)
{
    for (size_t i = 0; i < COUNT_OF(attempts); i++) {
        const struct attempt *row = &attempts[i];
        enum outcome got = outcome_of(try_in(jail, row->attempt), row->name);
        enum outcome want = !is_worker  ? row->helper
                            : SANITIZED ? row->sanitized_worker
                                        : row->worker;
        if (got != want)
            fail_msg("%s: outcome %d, not %d", row->name, (int)got, (int)want);
    }
}

static void a_worker_can_do_none_of_it(void **state)
{
    (void)state;
    all_in(proc_jail_worker, true);
}

static void a_helper_can_work_on_files_only(void **state)
{
    (void)state;
    all_in(proc_jail_helper, false);
}

static void without_a_jail_none_is_stopped(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(attempts); i++) {
        enum outcome got = outcome_of(try_in(no_jail, attempts[i].attempt), attempts[i].name);
        if (got == KILLED || (got == REFUSED && attempts[i].worker == REFUSED))
            fail_msg("%s: outcome %d", attempts[i].name, (int)got);
    }
}

static bool forbid_new_code(struct err *err)
{
    (void)err;
    proc_forbid_new_code();
    return prctl(66, 0, 0, 0, 0) == 1 || errno == EINVAL; /* PR_GET_MDWE */
}

/* All is as before, but for what would be new code. */
static void new_code_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        long (*attempt)(void);
        enum outcome want;
    } cases[] = {
        {"mmap_rwx", try_mmap_rwx, REFUSED},         {"mprotect_rx", try_mprotect_rx, REFUSED},
        {"mprotect_rwx", try_mprotect_rwx, REFUSED}, {"write_code", try_write_code, REFUSED},
        {"mmap_code", try_mmap_code, ALLOWED},
    };
    if (prctl(66, 0, 0, 0, 0) < 0)
        skip(); /* a kernel before 6.3 */
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(outcome_of(try_in(forbid_new_code, cases[i].attempt), cases[i].name),
                         cases[i].want);
}

/* ---- what must go on ---- */

static volatile sig_atomic_t caught;

static void catch (int number)
{
    caught = number;
}

static bool memory_works(void)
{
    u8 *page = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    u8 *file = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, at.file, 0);
    u8 *heap = malloc(40 * MIB);
    if (page == MAP_FAILED || file == MAP_FAILED || heap == NULL || file[1] != 'E')
        return false;
    heap[40 * MIB - 1] = 7;
    heap = realloc(heap, 80 * MIB);
    bool ok = heap != NULL && heap[40 * MIB - 1] == 7 &&
              mprotect(page, PAGE, PROT_READ | PROT_WRITE) == 0 && (page[0] = 1) == 1 &&
              madvise(page, PAGE, MADV_DONTNEED) == 0 && page[0] == 0 && munmap(page, PAGE) == 0;
    free(heap);
    ((void (*)(void))(uintptr_t)(at.code + PAGE / 2))(); /* code that was there still runs */
    return ok;
}

/* Descriptors pass in both directions, as between a worker and its helper. */
static bool sockets_work(void)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.bytes = {0}};
    struct iovec iov = {(char[]){"x"}, 1};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(head), &at.dir, sizeof at.dir);
    return sendmsg(at.pair[0], &message, MSG_NOSIGNAL) == 1 &&
           recvmsg(at.pair[1], &message, MSG_CMSG_CLOEXEC) == 1 &&
           write(at.pipe[1], "abc", 3) == 3 && read(at.pipe[0], bytes, 3) == 3 &&
           fd_stat(at.file, &st) && S_ISREG(st.st_mode);
}

static bool serving_works(void)
{
    const int one = 1;
    const struct linger now = {.l_onoff = 1};
    const struct itimerspec spec = {.it_value.tv_sec = 100};
    struct epoll_event event = {.events = EPOLLIN};
    struct pollfd watched = {.fd = at.pipe[1], .events = POLLOUT};
    const struct timespec none = {0};
    return setsockopt(at.tcp, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0 &&
           setsockopt(at.tcp, SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0 &&
           send(at.pair[0], "y", 1, MSG_NOSIGNAL) == 1 && recv(at.pair[1], bytes, 1, 0) == 1 &&
           (shutdown(at.tcp, SHUT_WR) == 0 || errno == ENOTCONN) &&
           (accept4(at.tcp, NULL, NULL, SOCK_CLOEXEC) >= 0 || errno == EINVAL) &&
           (epoll_ctl(at.dir, EPOLL_CTL_ADD, at.tcp, &event) == 0 || errno == EINVAL) &&
           (epoll_pwait2(at.dir, &event, 1, &none, NULL) >= 0 || errno == EINVAL) &&
           poll(&watched, 1, 0) == 1 && timer_settime(at.timer, 0, &spec, NULL) == 0 &&
           fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) > 0 && !isatty(at.pipe[0]) && errno == ENOTTY &&
           (ioctl(at.file, 0xc0606610, bytes) == 0 || errno == ENOTTY) && /* PAGEMAP_SCAN */
           pread(at.file, bytes, 4, 0) == 4 && dprintf(at.pipe[1], "x%d", 1) == 2 &&
           getrandom(bytes, 8, 0) == 8;
}

static long work_as_worker(void)
{
    signal(SIGURG, catch);
    bool ok = clock_monotonic_ns() > 0 && clock_thread_cpu_ns() > 0 && raise(SIGURG) == 0 &&
              caught == SIGURG && memory_works() && sockets_work() && serving_works();
    errno = EACCES;
    return ok ? 0 : -1;
}

static long work_as_helper(void)
{
    int fd = (int)syscall(SYS_openat2, at.dir, ".", &how, sizeof how);
    bool ok = fd >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) && close(fd) == 0 &&
              memory_works() && sockets_work() &&
              preadv(at.file, &(struct iovec){bytes, 4}, 1, 0) == 4;
    errno = EACCES;
    return ok ? 0 : -1;
}

static void honest_work_goes_on(void **state)
{
    (void)state;
    assert_int_equal(try_in(proc_jail_worker, work_as_worker), 0);
    assert_int_equal(try_in(proc_jail_helper, work_as_helper), 0);
}

/* A failed check ends a jailed process as it ends another. */
static long end_by_abort(void)
{
    signal(SIGABRT, SIG_DFL);
    abort();
}

static void a_bug_still_aborts(void **state)
{
    (void)state;
    jail_fn *const jails[] = {proc_jail_worker, proc_jail_helper};
    for (size_t i = 0; i < COUNT_OF(jails); i++) {
        int status = try_in(jails[i], end_by_abort);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGABRT);
    }
}

int main(void)
{
    const struct rlimit no_core = {0, 0};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_can_do_none_of_it),
        cmocka_unit_test(a_helper_can_work_on_files_only),
        cmocka_unit_test(without_a_jail_none_is_stopped),
        cmocka_unit_test(new_code_is_refused),
        cmocka_unit_test(honest_work_goes_on),
        cmocka_unit_test(a_bug_still_aborts),
    };
    setrlimit(RLIMIT_CORE, &no_core);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
