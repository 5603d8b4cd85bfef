/* Files, directories, rights, the descriptor table, arguments, clocks: each function's contract, in
 * this process and by the helper. */
#include "test/unit/wasi/guest_run.h"

#define RW (WASI_RIGHT_OF(FD_READ) | WASI_RIGHT_OF(FD_WRITE) | WASI_RIGHT_OF(FD_SEEK))
enum { ROOT = 3 };

static struct guest_run *begin(bool has_helper)
{
    struct guest_run *run = guest_run_begin();
    struct err err = {0};
    if (has_helper)
        guest_run_must(wasi_helper_create(&run->helper, run->loop, guest_helper_start, NULL, &err),
                       &err);
    guest_new(run, NULL);
    guest_run_must(wasi_guest_add_dir(run->guest, run->folder, "/", &err), &err);
    return run;
}

static void write_seek_read(struct guest_run *run, struct rt_instance *i)
{
    (void)run;
    u32 fd, len;
    assert_int_equal(guest_open(i, ROOT, "file", WASI_OFLAG_CREAT, RW, &fd), WASI_SUCCESS);
    assert_int_equal(fd, 4);
    assert_int_equal(guest_write(i, fd, "hello, file"), WASI_SUCCESS);
    assert_int_equal(guest_load_u32(i, AT_RESULT), 11);
    assert_int_equal(wasi_p1_fd_seek(i, fd, (u64)-4, WASI_WHENCE_END, AT_RESULT), WASI_SUCCESS);
    assert_int_equal(guest_load_u64(i, AT_RESULT), 7);
    assert_int_equal(guest_read(i, fd, 100, &len), WASI_SUCCESS);
    assert_int_equal(len, 4);
    assert_true(guest_has(i, AT_DATA, "file"));
    assert_int_equal(guest_read(i, fd, 100, &len), WASI_SUCCESS);
    assert_int_equal(len, 0);
    assert_int_equal(wasi_p1_fd_pread(i, fd, AT_IOVS, 1, 7, AT_RESULT), WASI_SUCCESS);
    assert_int_equal(guest_load_u32(i, AT_RESULT), 4);
    assert_int_equal(wasi_p1_fd_seek(i, fd, 0, 3, AT_RESULT), WASI_INVAL);
    assert_int_equal(wasi_p1_fd_sync(i, fd), WASI_NOTCAPABLE);
    assert_int_equal(wasi_p1_fd_close(i, fd), WASI_SUCCESS);
    assert_int_equal(wasi_p1_fd_close(i, fd), WASI_BADF);
    assert_int_equal(guest_open(i, ROOT, "file/", 0, RW, &fd), WASI_NOTDIR);
    assert_int_equal(guest_open(i, ROOT, "none", 0, RW, &fd), WASI_NOENT);
}

static void files(void **state)
{
    (void)state;
    for (u32 with = 0; with < 2; with++) {
        struct guest_run *run = begin(with == 1);
        guest_do(run, write_seek_read);
        assert_int_equal(run->kind, ABI_TRAP_NONE);
        assert_int_equal(wasi_guest_fd_count(run->guest), 1);
        guest_run_end(run);
    }
}

#define BIG ((u32)150000) /* more than one message of the helper */

static void big_transfer(struct guest_run *run, struct rt_instance *i)
{
    (void)run;
    u32 fd, len, total = 0;
    u8 *data = wasi_bytes(i, AT_DATA, BIG);
    for (u32 k = 0; k < BIG; k++)
        data[k] = (u8)(k * 7 + k / 251);
    assert_int_equal(guest_open(i, ROOT, "big", WASI_OFLAG_CREAT, RW, &fd), WASI_SUCCESS);
    const u32 iovs[] = {AT_DATA, 0, AT_DATA, 3, AT_DATA + 3, BIG - 3};
    guest_put(i, AT_IOVS, iovs, sizeof iovs);
    assert_int_equal(wasi_p1_fd_write(i, fd, AT_IOVS, 3, AT_RESULT), WASI_SUCCESS);
    assert_int_equal(guest_load_u32(i, AT_RESULT), BIG);
    assert_int_equal(wasi_p1_fd_seek(i, fd, 0, WASI_WHENCE_SET, AT_RESULT), WASI_SUCCESS);
    memset(data, 0, BIG);
    while (total < BIG) {
        guest_iov(i, AT_DATA + total, BIG - total);
        assert_int_equal(wasi_p1_fd_read(i, fd, AT_IOVS, 1, AT_RESULT), WASI_SUCCESS);
        len = guest_load_u32(i, AT_RESULT);
        assert_true(len > 0 && len <= BIG - total);
        total += len;
    }
    for (u32 k = 0; k < BIG; k++)
        assert_int_equal(data[k], (u8)(k * 7 + k / 251));
}

static void big_files(void **state)
{
    (void)state;
    for (u32 with = 0; with < 2; with++) {
        struct guest_run *run = begin(with == 1);
        guest_do(run, big_transfer);
        assert_int_equal(run->kind, ABI_TRAP_NONE);
        guest_run_end(run);
    }
}

/* Names of a directory read with a buffer of this size; they must come once each. */
static u32 list_names(struct rt_instance *i, u32 fd, u32 room, bool *seen, u32 names)
{
    u64 cookie = 0;
    u32 others = 0, used;
    do {
        assert_int_equal(wasi_p1_fd_readdir(i, fd, AT_DATA, room, cookie, AT_RESULT), WASI_SUCCESS);
        used = guest_load_u32(i, AT_RESULT);
        for (u32 at = 0; at + WASI_DIRENT_BYTES <= used;) {
            u32 len = guest_load_u32(i, AT_DATA + at + 16);
            if (at + WASI_DIRENT_BYTES + len > used)
                break;
            const char *name = (const char *)wasi_bytes(i, AT_DATA + at + WASI_DIRENT_BYTES, len);
            u32 number = name[0] == 'n' ? (u32)strtoul(name + 1, NULL, 10) : names;
            if (number < names) {
                assert_false(seen[number]);
                seen[number] = true;
            } else {
                others++;
            }
            cookie = guest_load_u64(i, AT_DATA + at);
            at += WASI_DIRENT_BYTES + len;
        }
    } while (used == room);
    return others;
}

static void directories(struct guest_run *run, struct rt_instance *i)
{
    (void)run;
    enum { NAMES = 300 };
    static const u32 rooms[] = {300, 1000, 4096, 131072};
    char name[16];
    u32 fd;
    for (u32 k = 0; k < NAMES; k++) {
        snprintf(name, sizeof name, "n%03u-name", k);
        u32 len = guest_put(i, AT_PATH, name, strlen(name));
        assert_int_equal(wasi_p1_path_create_directory(i, ROOT, AT_PATH, len), WASI_SUCCESS);
    }
    assert_int_equal(guest_open(i, ROOT, ".", WASI_OFLAG_DIRECTORY, WASI_RIGHT_OF(FD_READDIR), &fd),
                     WASI_SUCCESS);
    for (size_t k = 0; k < COUNT_OF(rooms); k++) {
        bool seen[NAMES] = {false};
        assert_int_equal(list_names(i, fd, rooms[k], seen, NAMES), 2); /* "." and ".." */
        for (u32 n = 0; n < NAMES; n++)
            assert_true(seen[n]);
    }
}

static void directory_lists(void **state)
{
    (void)state;
    for (u32 with = 0; with < 2; with++) {
        struct guest_run *run = begin(with == 1);
        guest_do(run, directories);
        assert_int_equal(run->kind, ABI_TRAP_NONE);
        guest_run_end(run);
    }
}

/* Every pointer just beyond memory is refused before anything happens. */
static void bad_pointers(struct guest_run *run, struct rt_instance *i)
{
    const u32 end = GUEST_PAGES * 65536;
    u32 fd;
    u64 all = wasi_rights_inherited();
    assert_int_equal(guest_open(i, ROOT, "file", WASI_OFLAG_CREAT, all, &fd), WASI_SUCCESS);
    u32 fds = wasi_guest_fd_count(run->guest);
    guest_iov(i, AT_DATA, 1);
    assert_int_equal(wasi_p1_fd_write(i, fd, AT_IOVS, 1, end - 3), WASI_FAULT);
    assert_int_equal(wasi_p1_fd_write(i, fd, end - 7, 1, AT_RESULT), WASI_FAULT);
    assert_int_equal(wasi_p1_fd_write(i, fd, UINT32_MAX, 1, AT_RESULT), WASI_FAULT);
    assert_int_equal(wasi_p1_fd_write(i, fd, AT_IOVS, UINT32_MAX, AT_RESULT), WASI_INVAL);
    assert_int_equal(wasi_p1_fd_write(i, fd, AT_IOVS, WASI_IOVS_MAX + 1, AT_RESULT), WASI_INVAL);
    guest_iov(i, end - 1, 2);
    assert_int_equal(wasi_p1_fd_write(i, fd, AT_IOVS, 1, AT_RESULT), WASI_FAULT);
    guest_iov(i, 1, UINT32_MAX);
    assert_int_equal(wasi_p1_fd_read(i, fd, AT_IOVS, 1, AT_RESULT), WASI_FAULT);
    u32 len = guest_put(i, AT_PATH, "new", 3);
    assert_int_equal(
        wasi_p1_path_open(i, ROOT, 0, AT_PATH, len, WASI_OFLAG_CREAT, RW, RW, 0, end - 3),
        WASI_FAULT);
    assert_int_equal(
        wasi_p1_path_open(i, ROOT, 0, end - 2, 3, WASI_OFLAG_CREAT, all, all, 0, AT_RESULT),
        WASI_FAULT);
    assert_int_equal(wasi_p1_path_filestat_get(i, ROOT, 0, AT_PATH, len, AT_STAT), WASI_NOENT);
    assert_int_equal(wasi_p1_fd_fdstat_get(i, fd, end - 23), WASI_FAULT);
    assert_int_equal(wasi_p1_fd_fdstat_get(i, fd, end - 24), WASI_SUCCESS);
    assert_int_equal(wasi_p1_fd_filestat_get(i, fd, end - 63), WASI_FAULT);
    assert_int_equal(wasi_p1_fd_prestat_get(i, ROOT, end - 7), WASI_FAULT);
    assert_int_equal(wasi_p1_fd_prestat_dir_name(i, ROOT, end, 1), WASI_FAULT);
    assert_int_equal(wasi_p1_fd_readdir(i, ROOT, end - 10, 11, 0, AT_RESULT), WASI_FAULT);
    assert_int_equal(wasi_p1_random_get(i, end - 1, 2), WASI_FAULT);
    assert_int_equal(wasi_p1_clock_time_get(i, 0, 0, end - 7), WASI_FAULT);
    assert_int_equal(wasi_p1_clock_time_get(i, 4, 0, AT_RESULT), WASI_INVAL);
    assert_int_equal(wasi_p1_poll_oneoff(i, end - 47, AT_DATA, 1, AT_RESULT), WASI_FAULT);
    assert_int_equal(wasi_p1_poll_oneoff(i, AT_DATA, end - 31, 1, AT_RESULT), WASI_FAULT);
    assert_int_equal(wasi_p1_poll_oneoff(i, AT_DATA, AT_DATA, 0, AT_RESULT), WASI_INVAL);
    assert_int_equal(wasi_p1_poll_oneoff(i, 0, 0, WASI_SUBS_MAX + 1, AT_RESULT), WASI_INVAL);
    assert_int_equal(wasi_p1_poll_oneoff(i, 0, 0, UINT32_MAX, AT_RESULT), WASI_INVAL);
    assert_int_equal(wasi_guest_fd_count(run->guest), fds);
}

static void pointers_are_checked(void **state)
{
    (void)state;
    struct guest_run *run = begin(false);
    guest_do(run, bad_pointers);
    assert_int_equal(run->kind, ABI_TRAP_NONE);
    guest_run_end(run);
}

/* A right that was given up or never inherited does not come back. */
static void rights(struct guest_run *run, struct rt_instance *i)
{
    (void)run;
    const u64 dir = WASI_RIGHT_OF(PATH_OPEN) | WASI_RIGHT_OF(PATH_CREATE_FILE) |
                    WASI_RIGHT_OF(PATH_LINK_SOURCE) | WASI_RIGHT_OF(PATH_RENAME_SOURCE);
    u32 sub, fd;
    u32 len = guest_put(i, AT_PATH, "sub", 3);
    assert_int_equal(wasi_p1_path_create_directory(i, ROOT, AT_PATH, len), WASI_SUCCESS);
    assert_int_equal(wasi_p1_path_open(i, ROOT, 0, AT_PATH, len, WASI_OFLAG_DIRECTORY, dir,
                                       WASI_RIGHT_OF(FD_READ), 0, AT_RESULT),
                     WASI_SUCCESS);
    sub = guest_load_u32(i, AT_RESULT);
    assert_int_equal(guest_open(i, sub, "a", WASI_OFLAG_CREAT, RW, &fd), WASI_NOTCAPABLE);
    assert_int_equal(guest_open(i, sub, "a", WASI_OFLAG_CREAT, WASI_RIGHT_OF(FD_READ), &fd),
                     WASI_SUCCESS);
    assert_int_equal(guest_write(i, fd, "x"), WASI_NOTCAPABLE);
    assert_int_equal(guest_open(i, sub, "a", WASI_OFLAG_TRUNC, 0, &fd), WASI_NOTCAPABLE);
    assert_int_equal(wasi_p1_fd_fdstat_set_rights(i, sub, ~(u64)0, 0), WASI_NOTCAPABLE);
    /* Links and renames need a right at both ends. */
    len = guest_put(i, AT_PATH, "a", 1);
    assert_int_equal(wasi_p1_path_link(i, sub, 0, AT_PATH, len, sub, AT_PATH, len),
                     WASI_NOTCAPABLE);
    assert_int_equal(wasi_p1_path_rename(i, sub, AT_PATH, len, sub, AT_PATH, len), WASI_NOTCAPABLE);
    assert_int_equal(wasi_p1_path_unlink_file(i, sub, AT_PATH, len), WASI_NOTCAPABLE);
    assert_int_equal(wasi_p1_path_symlink(i, AT_PATH, len, sub, AT_PATH, len), WASI_NOTCAPABLE);
    assert_int_equal(wasi_p1_fd_readdir(i, sub, AT_DATA, 100, 0, AT_RESULT), WASI_NOTCAPABLE);
}

static void rights_only_shrink(void **state)
{
    (void)state;
    struct guest_run *run = begin(false);
    guest_do(run, rights);
    assert_int_equal(run->kind, ABI_TRAP_NONE);
    guest_run_end(run);
}

static void fill_table(struct guest_run *run, struct rt_instance *i)
{
    u32 fd, count = 0, error;
    while ((error = guest_open(i, ROOT, ".", 0, 0, &fd)) == WASI_SUCCESS)
        count++;
    assert_int_equal(error, WASI_MFILE);
    assert_int_equal(wasi_guest_fd_count(run->guest), 1 + count);
    assert_int_equal(count, 6); /* 10 places, of which 0 to 2 stay free and 3 is the root */
    assert_int_equal(wasi_p1_fd_renumber(i, 4, 1000000), WASI_BADF);
    assert_int_equal(wasi_p1_fd_renumber(i, 1000000, 4), WASI_BADF);
    assert_int_equal(wasi_p1_fd_renumber(i, 4, 4), WASI_SUCCESS);
    assert_int_equal(wasi_p1_fd_renumber(i, 4, ROOT), WASI_SUCCESS); /* the preopen is gone */
    assert_int_equal(wasi_p1_fd_prestat_get(i, ROOT, AT_RESULT), WASI_BADF);
    assert_int_equal(wasi_p1_fd_fdstat_get(i, 4, AT_STAT), WASI_BADF);
}

static void the_table_is_bounded(void **state)
{
    (void)state;
    struct guest_run *run = begin(false);
    struct err err = {0};
    wasi_guest_destroy(&run->guest);
    guest_new(run, &(struct wasi_options){.fds_max = 10});
    guest_run_must(wasi_guest_add_dir(run->guest, run->folder, "/", &err), &err);
    u32 before = count_host_fds(getpid());
    guest_do(run, fill_table);
    assert_int_equal(run->kind, ABI_TRAP_NONE);
    assert_int_equal(count_host_fds(getpid()), before + 5);
    wasi_guest_destroy(&run->guest);
    assert_int_equal(count_host_fds(getpid()), before - 1);
    guest_run_end(run);
}

static void environment(struct guest_run *run, struct rt_instance *i)
{
    (void)run;
    assert_int_equal(wasi_p1_args_sizes_get(i, AT_RESULT, AT_RESULT + 4), WASI_SUCCESS);
    assert_int_equal(guest_load_u32(i, AT_RESULT), 2);
    assert_int_equal(guest_load_u32(i, AT_RESULT + 4), 5 + 1);
    assert_int_equal(wasi_p1_args_get(i, AT_IOVS, AT_DATA), WASI_SUCCESS);
    assert_int_equal(guest_load_u32(i, AT_IOVS + 4), AT_DATA + 5);
    assert_memory_equal(wasi_bytes(i, AT_DATA, 6), "name\0", 6);
    assert_int_equal(wasi_p1_args_get(i, AT_IOVS, GUEST_PAGES * 65536 - 5), WASI_FAULT);
    assert_int_equal(wasi_p1_environ_sizes_get(i, AT_RESULT, AT_RESULT + 4), WASI_SUCCESS);
    assert_int_equal(guest_load_u32(i, AT_RESULT), 1);
    assert_int_equal(wasi_p1_environ_get(i, AT_IOVS, AT_DATA), WASI_SUCCESS);
    assert_memory_equal(wasi_bytes(i, AT_DATA, 4), "A=b", 4);
    for (u32 id = 0; id < 4; id++) {
        assert_int_equal(wasi_p1_clock_time_get(i, id, 0, AT_RESULT), WASI_SUCCESS);
        u64 first = guest_load_u64(i, AT_RESULT);
        assert_int_equal(wasi_p1_clock_time_get(i, id, 0, AT_RESULT), WASI_SUCCESS);
        assert_true(guest_load_u64(i, AT_RESULT) >= first);
        assert_int_equal(wasi_p1_clock_res_get(i, id, AT_RESULT), WASI_SUCCESS);
    }
    assert_int_equal(wasi_p1_random_get(i, AT_DATA, 100000), WASI_SUCCESS);
    u32 ones = 0;
    for (u32 k = 0; k < 100000; k++)
        ones += wasi_bytes(i, AT_DATA + k, 1)[0] & 1;
    assert_in_range(ones, 45000, 55000); /* 31 standard deviations */
    assert_int_equal(wasi_p1_proc_raise(i, 17), WASI_SUCCESS);
    assert_int_equal(wasi_p1_proc_raise(i, 31), WASI_INVAL);
    wasi_p1_proc_exit(i, 300);
}

static void arguments_clocks_and_exit(void **state)
{
    (void)state;
    static const char *const args[] = {"name", ""}, *const env[] = {"A=b"};
    struct guest_run *run = begin(false);
    u32 code;
    wasi_guest_destroy(&run->guest);
    guest_new(run,
              &(struct wasi_options){.args = args, .arg_count = 2, .env = env, .env_count = 1});
    assert_false(wasi_guest_has_exited(run->guest, &code));
    guest_do(run, environment);
    assert_int_equal(run->kind, ABI_TRAP_EXIT);
    assert_true(wasi_guest_has_exited(run->guest, &code));
    assert_int_equal(code, 300);
    guest_run_end(run);
}

/* The older module's way to say the same. */
static void unstable(struct guest_run *run, struct rt_instance *i)
{
    (void)run;
    u32 fd;
    u64 all = wasi_rights_inherited(), now;
    assert_int_equal(guest_open(i, ROOT, "old", WASI_OFLAG_CREAT, all, &fd), WASI_SUCCESS);
    assert_int_equal(guest_write(i, fd, "0123456789"), WASI_SUCCESS);
    static const struct {
        i64 offset;
        u32 whence;
        u64 want;
    } seeks[] = {{0, 0, 10}, {-3, 1, 7}, {2, 2, 2}, {1, 0, 3}};
    for (size_t k = 0; k < COUNT_OF(seeks); k++) {
        assert_int_equal(
            wasi_unstable_fd_seek(i, fd, (u64)seeks[k].offset, seeks[k].whence, AT_RESULT),
            WASI_SUCCESS);
        assert_int_equal(guest_load_u64(i, AT_RESULT), seeks[k].want);
    }
    assert_int_equal(wasi_unstable_fd_seek(i, fd, 0, 3, AT_RESULT), WASI_INVAL);
    for (u32 k = 0; k < 2; k++) {
        u32 len = guest_put(i, AT_PATH, "old", 3);
        memset(wasi_bytes(i, AT_STAT, 64), 0xaa, 64);
        assert_int_equal(k == 0
                             ? wasi_unstable_fd_filestat_get(i, fd, AT_STAT)
                             : wasi_unstable_path_filestat_get(i, ROOT, 0, AT_PATH, len, AT_STAT),
                         WASI_SUCCESS);
        assert_int_equal(wasi_bytes(i, AT_STAT + 16, 1)[0], WASI_FILETYPE_REGULAR);
        assert_int_equal(guest_load_u32(i, AT_STAT + 20), 1);
        assert_int_equal(guest_load_u64(i, AT_STAT + 24), 10);
        assert_int_equal(guest_load_u64(i, AT_STAT + 56), 0xaaaaaaaaaaaaaaaau);
    }
    assert_int_equal(wasi_p1_clock_time_get(i, WASI_CLOCK_MONOTONIC, 0, AT_RESULT), WASI_SUCCESS);
    now = guest_load_u64(i, AT_RESULT);
    const u64 subs[] = {7, 0, 0, 1, now + 1000, 0, 1, 8, 1, fd, 0, 0, 0, 0};
    guest_put(i, AT_PATH, subs, sizeof subs);
    assert_int_equal(wasi_unstable_poll_oneoff(i, AT_PATH, AT_DATA, 1, AT_RESULT), WASI_SUCCESS);
    assert_int_equal(guest_load_u32(i, AT_RESULT), 1);
    assert_int_equal(guest_load_u64(i, AT_DATA), 7);
    assert_int_equal(wasi_unstable_poll_oneoff(i, AT_PATH, AT_DATA, 2, AT_RESULT), WASI_SUCCESS);
    assert_int_equal(guest_load_u32(i, AT_RESULT), 2);
    assert_int_equal(guest_load_u64(i, AT_DATA + WASI_EVENT_BYTES), 8);
}

static void the_older_module_works(void **state)
{
    (void)state;
    struct guest_run *run = begin(false);
    guest_do(run, unstable);
    assert_int_equal(run->kind, ABI_TRAP_NONE);
    guest_run_end(run);
}

static void nothing(struct guest_run *run, struct rt_instance *i)
{
    (void)run;
    u32 fd;
    assert_int_equal(wasi_p1_args_sizes_get(i, AT_RESULT, AT_RESULT), WASI_SUCCESS);
    assert_int_equal(guest_load_u32(i, AT_RESULT), 0);
    for (fd = 0; fd < 8; fd++) {
        assert_int_equal(guest_write(i, fd, "x"), WASI_BADF);
        assert_int_equal(wasi_p1_fd_prestat_get(i, fd, AT_RESULT), WASI_BADF);
        assert_int_equal(wasi_p1_sock_shutdown(i, fd, 1), WASI_BADF);
    }
    assert_int_equal(wasi_p1_random_get(i, AT_DATA, 10), WASI_SUCCESS);
    wasi_p1_proc_exit(i, 1);
}

static void a_call_without_a_guest_has_nothing(void **state)
{
    (void)state;
    struct guest_run *run = guest_run_begin();
    guest_do(run, nothing);
    assert_int_equal(run->kind, ABI_TRAP_EXIT);
    guest_run_end(run);
}

static void too_long_arguments_are_refused(void **state)
{
    (void)state;
    struct wasi_guest *guest;
    struct err err = {0};
    char *text = malloc(WASI_TEXTS_MAX);
    assert_non_null(text);
    memset(text, 'a', WASI_TEXTS_MAX);
    text[WASI_TEXTS_MAX - 1] = 0;
    const char *const args[] = {text};
    assert_false(
        wasi_guest_create(&guest, &(struct wasi_options){.args = args, .arg_count = 1}, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files),
        cmocka_unit_test(big_files),
        cmocka_unit_test(directory_lists),
        cmocka_unit_test(pointers_are_checked),
        cmocka_unit_test(rights_only_shrink),
        cmocka_unit_test(the_table_is_bounded),
        cmocka_unit_test(arguments_clocks_and_exit),
        cmocka_unit_test(the_older_module_works),
        cmocka_unit_test(a_call_without_a_guest_has_nothing),
        cmocka_unit_test(too_long_arguments_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
