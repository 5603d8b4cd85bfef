/* Sequences of random calls with random and hostile arguments: nothing crashes, no descriptor is
 * left, whatever order they come in and whenever the guest is killed.
 * WEIR_ROUNDS sets how many (2,000); a million take a quarter of an hour with sanitizers. */
#include "test/unit/wasi/guest_run.h"
#include <signal.h>
#include <sys/resource.h>

#define CALLS_MAX  24u /* of one sequence */
#define FILE_BYTES 65536u

static u64 seed;

static u32 next_random(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (u32)(seed >> 33);
}

/* A number that is likely to be special. */
static u32 some_u32(void)
{
    static const u32 specials[] = {0,          1,          2,       3,      4,
                                   8,          64,         4096,    65535,  65536,
                                   AT_PATH,    AT_DATA,    262143,  262144, 262137,
                                   0x7fffffff, 0xffffffff, AT_IOVS, 262080, AT_RESULT};
    return next_random() % 4 == 0 ? next_random() : specials[next_random() % COUNT_OF(specials)];
}

static u32 some_fd(void)
{
    return next_random() % 8 == 0 ? some_u32() : next_random() % 12;
}

static u32 some_addr(void)
{
    return next_random() % 3 == 0 ? some_u32() : AT_RESULT + next_random() % 60000;
}

static u64 some_u64(void)
{
    return next_random() % 2 == 0 ? next_random() % 1000
                                  : (u64)some_u32() << (next_random() % 40) | next_random() % 3;
}

static u32 some_path(struct rt_instance *i, u32 addr)
{
    static const char *const paths[] = {
        "a", "b",  "a/b", "..",  ".",     "a/../b",           "/",
        "",  "b/", "l",   "l/a", "a//b/", "../../etc/passwd", "\xff\xfe"};
    const char *path = paths[next_random() % COUNT_OF(paths)];
    return next_random() % 16 == 0 ? some_u32() : guest_put(i, addr, path, strlen(path));
}

static void some_iovs(struct rt_instance *i)
{
    for (u32 k = 0; k < 4; k++) {
        const u32 iov[] = {next_random() % 8 == 0 ? some_u32() : AT_DATA + next_random() % 10000,
                           next_random() % 8 == 0 ? some_u32() : next_random() % 10000};
        guest_put(i, AT_IOVS + k * 8, iov, sizeof iov);
    }
}

static void some_subscriptions(struct rt_instance *i)
{
    for (u32 k = 0; k < 4; k++) {
        u8 sub[WASI_SUB_BYTES] = {0};
        u32 fd = some_fd();
        u64 timeout = next_random() % 2 == 0 ? 0 : some_u64();
        sub[8] = (u8)(next_random() % 4);
        memcpy(sub + 16, &fd, sizeof fd);
        memcpy(sub + 24, &timeout, sizeof timeout);
        sub[40] = next_random() % 2;
        guest_put(i, AT_STAT + k * WASI_SUB_BYTES, sub, sizeof sub);
    }
}

/* One case a function, in the order of p1.def, so that each is called. */
static void call_args(struct rt_instance *i, u32 which)
{
    switch (which) {
    case 0: wasi_p1_args_get(i, some_addr(), some_addr()); break;
    case 1: wasi_p1_args_sizes_get(i, some_addr(), some_addr()); break;
    case 2: wasi_p1_environ_get(i, some_addr(), some_addr()); break;
    case 3: wasi_p1_environ_sizes_get(i, some_addr(), some_addr()); break;
    case 4: wasi_p1_clock_res_get(i, next_random() % 6, some_addr()); break;
    case 5: wasi_p1_clock_time_get(i, next_random() % 6, some_u64(), some_addr()); break;
    case 6: wasi_p1_random_get(i, some_addr(), some_u32()); break;
    case 7: wasi_p1_sched_yield(i); break;
    case 8: wasi_p1_proc_raise(i, 16 + next_random() % 2); break;
    default: break;
    }
}

static void call_fd(struct rt_instance *i, u32 which)
{
    u32 fd = some_fd(), iovs = next_random() % 8 == 0 ? some_u32() : AT_IOVS;
    switch (which) {
    case 0: wasi_p1_fd_advise(i, fd, some_u64(), some_u64(), next_random() % 8); break;
    case 1: wasi_p1_fd_allocate(i, fd, some_u64(), some_u64()); break;
    case 2: wasi_p1_fd_close(i, fd); break;
    case 3: wasi_p1_fd_datasync(i, fd); break;
    case 4: wasi_p1_fd_fdstat_get(i, fd, some_addr()); break;
    case 5: wasi_p1_fd_fdstat_set_flags(i, fd, next_random() % 40); break;
    case 6: wasi_p1_fd_fdstat_set_rights(i, fd, some_u64(), some_u64()); break;
    case 7: wasi_p1_fd_filestat_get(i, fd, some_addr()); break;
    case 8: wasi_p1_fd_filestat_set_size(i, fd, some_u64()); break;
    case 9: wasi_p1_fd_filestat_set_times(i, fd, some_u64(), some_u64(), next_random() % 20); break;
    case 10: wasi_p1_fd_pread(i, fd, iovs, next_random() % 6, some_u64(), some_addr()); break;
    case 11: wasi_p1_fd_prestat_get(i, fd, some_addr()); break;
    case 12: wasi_p1_fd_prestat_dir_name(i, fd, some_addr(), some_u32()); break;
    case 13: wasi_p1_fd_pwrite(i, fd, iovs, next_random() % 6, some_u64(), some_addr()); break;
    case 14: wasi_p1_fd_read(i, fd, iovs, some_u32() % 2000, some_addr()); break;
    case 15: wasi_p1_fd_readdir(i, fd, some_addr(), some_u32(), some_u64(), some_addr()); break;
    case 16: wasi_p1_fd_renumber(i, fd, some_fd()); break;
    case 17: wasi_p1_fd_seek(i, fd, some_u64(), next_random() % 4, some_addr()); break;
    case 18: wasi_p1_fd_sync(i, fd); break;
    case 19: wasi_p1_fd_tell(i, fd, some_addr()); break;
    case 20: wasi_p1_fd_write(i, fd, iovs, next_random() % 6, some_addr()); break;
    case 21: wasi_p1_sock_accept(i, fd, next_random() % 8, some_addr()); break;
    case 22: wasi_p1_sock_recv(i, fd, iovs, 2, next_random() % 4, some_addr(), some_addr()); break;
    case 23: wasi_p1_sock_send(i, fd, iovs, 2, next_random() % 2, some_addr()); break;
    case 24: wasi_p1_sock_shutdown(i, fd, next_random() % 5); break;
    case 25: wasi_p1_poll_oneoff(i, AT_STAT, some_addr(), some_u32() % 5, some_addr()); break;
    default: break;
    }
}

static void call_path(struct rt_instance *i, u32 which)
{
    u32 fd = some_fd(), len = some_path(i, AT_PATH), len_2 = some_path(i, AT_PATH_2);
    u64 all = wasi_rights_inherited(), base = next_random() % 2 == 0 ? all : some_u64();
    switch (which) {
    case 0: wasi_p1_path_create_directory(i, fd, AT_PATH, len); break;
    case 1: wasi_p1_path_filestat_get(i, fd, next_random() % 2, AT_PATH, len, some_addr()); break;
    case 2:
        wasi_p1_path_filestat_set_times(i, fd, next_random() % 2, AT_PATH, len, some_u64(),
                                        some_u64(), next_random() % 20);
        break;
    case 3: wasi_p1_path_link(i, fd, 0, AT_PATH, len, some_fd(), AT_PATH_2, len_2); break;
    case 4: wasi_p1_path_readlink(i, fd, AT_PATH, len, AT_DATA, some_u32(), some_addr()); break;
    case 5: wasi_p1_path_remove_directory(i, fd, AT_PATH, len); break;
    case 6: wasi_p1_path_rename(i, fd, AT_PATH, len, some_fd(), AT_PATH_2, len_2); break;
    case 7: wasi_p1_path_symlink(i, AT_PATH, len, fd, AT_PATH_2, len_2); break;
    case 8: wasi_p1_path_unlink_file(i, fd, AT_PATH, len); break;
    default: /* the others need open files */
        wasi_p1_path_open(i, fd, next_random() % 2, AT_PATH, len, next_random() % 17, base, all,
                          next_random() % 33, some_addr());
        break;
    }
}

static void random_calls(struct guest_run *run, struct rt_instance *i)
{
    (void)run;
    for (u32 calls = 1 + next_random() % CALLS_MAX; calls > 0; calls--) {
        some_iovs(i);
        some_subscriptions(i);
        u32 kind = next_random() % 8;
        if (kind == 0)
            call_args(i, next_random() % 9);
        else if (kind < 5)
            call_fd(i, next_random() % 26);
        else
            call_path(i, next_random() % 14);
    }
    if (next_random() % 4 == 0)
        wasi_p1_proc_exit(i, next_random());
}

/* Everything a guest may have: a file system, both ends of a pipe, a listener. */
static void give_all(struct guest_run *run, const int *fds)
{
    struct err err = {0};
    guest_new(run, &(struct wasi_options){.fds_max = 12});
    for (u32 k = 0; k < 3; k++)
        guest_run_must(wasi_guest_add_host(run->guest, k, fds[k], &err), &err);
    guest_run_must(wasi_guest_add_dir(run->guest, run->folder, "/", &err), &err);
}

static void run_sequence(struct guest_run *run, u64 number)
{
    seed = number * 0x9e3779b97f4a7c15u + 12345;
    guest_start(run, random_calls);
    for (u32 turns = 0; turns < 3 + CALLS_MAX && !run->is_done; turns++)
        sched_turn(run->sched, 0);
    if (!run->is_done)
        sched_cancel(run->task, ABI_TRAP_CANCELLED);
    assert_true(run->is_done);
    assert_in_range(wasi_guest_fd_count(run->guest), 0, 12);
}

static u64 rounds(u64 by_default)
{
    const char *text = getenv("WEIR_ROUNDS");
    return text == NULL ? by_default : strtoull(text, NULL, 10);
}

static void sequences(bool has_helper, u64 count)
{
    int fds[3];
    struct guest_run *run = guest_run_begin();
    struct err err = {0};
    if (has_helper)
        guest_run_must(wasi_helper_create(&run->helper, run->loop, guest_helper_start, NULL, &err),
                       &err);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    fds[2] = open("/dev/null", O_RDWR | O_CLOEXEC);
    u32 before = count_host_fds(getpid());
    for (u64 k = 0; k < count; k++) {
        give_all(run, fds);
        run_sequence(run, k);
        wasi_guest_destroy(&run->guest);
        if (k % 256 == 0)
            assert_int_equal(count_host_fds(getpid()), before);
    }
    assert_int_equal(count_host_fds(getpid()), before);
    for (u32 k = 0; k < 3; k++)
        close(fds[k]);
    guest_run_end(run);
}

static void random_sequences(void **state)
{
    (void)state;
    sequences(false, rounds(2000));
}

static void random_sequences_with_a_helper(void **state)
{
    (void)state;
    sequences(true, rounds(2000) / 4);
}

int main(void)
{
    /* A guest may ask for files of any size; the test need not have them. */
    const struct rlimit limit = {FILE_BYTES, FILE_BYTES};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_sequences),
        cmocka_unit_test(random_sequences_with_a_helper),
    };
    signal(SIGXFSZ, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
