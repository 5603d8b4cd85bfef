/* No path leads out of its directory: every function that takes one, with every way out known,
 * while somebody else renames, too. */
#include "test/unit/wasi/guest_run.h"
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/*
 * folder/root    what the guest has: in/, in/deep/, file, and links that lead out:
 *                up -> .., abs -> folder/outside, chain -> chain2 -> in/deep/far, loop -> loop,
 *                in/deep/far -> ../../../outside, secret -> ../outside/secret, proc ->
 * /proc/self/cwd folder/outside secret, dir/
 */
enum { ROOT = 3, IN = 4 };

static void make_text(const char *folder, const char *name, const char *text)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    assert_true(fd >= 0 && fd_write_all(fd, text, strlen(text)));
    close(fd);
}

static void make_dir(const char *folder, const char *name)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(mkdir(path, 0755), 0);
}

static void make_link(const char *folder, const char *name, const char *target)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(symlink(target, path), 0);
}

static void make_tree(const char *folder)
{
    char outside[80];
    snprintf(outside, sizeof outside, "%s/outside", folder);
    make_dir(folder, "root");
    make_dir(folder, "root/in");
    make_dir(folder, "root/in/deep");
    make_text(folder, "root/file", "mine");
    make_dir(folder, "outside");
    make_dir(folder, "outside/dir");
    make_text(folder, "outside/secret", "secret");
    make_link(folder, "root/up", "..");
    make_link(folder, "root/abs", outside);
    make_link(folder, "root/in/deep/far", "../../../outside");
    make_link(folder, "root/chain2", "in/deep/far");
    make_link(folder, "root/chain", "chain2");
    make_link(folder, "root/loop", "loop");
    make_link(folder, "root/secret", "../outside/secret");
    make_link(folder, "root/proc", "/proc/self/cwd");
    make_link(folder, "root/self", "/proc/self/root");
}

static struct guest_run *begin(void)
{
    struct guest_run *run = guest_run_begin();
    struct err err = {0};
    char path[160];
    make_tree(run->folder);
    guest_new(run, NULL);
    snprintf(path, sizeof path, "%s/root", run->folder);
    guest_run_must(wasi_guest_add_dir(run->guest, path, "/", &err), &err);
    snprintf(path, sizeof path, "%s/root/in", run->folder);
    guest_run_must(wasi_guest_add_dir(run->guest, path, "in", &err), &err);
    return run;
}

/* What is outside, as one text: it must never change. */
static void describe_outside(const char *folder, char *out, size_t len)
{
    static const char *const names[] = {"", "/secret", "/dir"};
    size_t at = 0;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char path[160];
        struct stat st;
        snprintf(path, sizeof path, "%s/outside%s", folder, names[i]);
        assert_int_equal(stat(path, &st), 0);
        int part = snprintf(out + at, len - at, "%s %ld %ld %ld.%ld %ld.%ld;", names[i],
                            (long)st.st_size, (long)st.st_nlink, (long)st.st_mtim.tv_sec,
                            st.st_mtim.tv_nsec, (long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
        at += (size_t)part;
    }
    assert_true(at < len);
}

/* ---- the ways out, and what is tried with them ---- */

struct way {
    u32 dir;
    const char *path; /* of something outside */
};
static const struct way ways[] = {
    {ROOT, "../outside/secret"},
    {ROOT, "../outside/dir"},
    {ROOT, "./../outside/secret"},
    {ROOT, "in/../../outside/secret"},
    {ROOT, "in/deep/../../../outside/secret"},
    {ROOT, "in//deep//..//..//..//outside//secret"},
    {ROOT, "../root/../outside/dir"},
    {ROOT, "../root/file"},
    {ROOT, "up/outside/secret"},
    {ROOT, "up/root/file"},
    {ROOT, "in/deep/far/secret"},
    {ROOT, "in/deep/far/dir/"},
    {ROOT, "chain/secret"},
    {ROOT, "chain/dir"},
    {ROOT, "chain2/./dir//"},
    {ROOT, "abs/secret"},
    {ROOT, "abs/dir/"},
    {ROOT, "self/etc/passwd"},
    {ROOT, "proc/secret"},
    {ROOT, "loop/x"},
    {ROOT, "/etc/passwd"},
    {ROOT, "//etc/passwd"},
    {ROOT, "/"},
    {IN, "../file"},
    {IN, "../../outside/secret"},
    {IN, "deep/far/secret"},
    {IN, "deep/../../secret"},
};

typedef u32 try_fn(struct rt_instance *i, u32 dir, u32 len);

static u32 try_open(struct rt_instance *i, u32 dir, u32 len)
{
    return wasi_p1_path_open(i, dir, 1, AT_PATH, len, 0, 0, 0, 0, AT_RESULT);
}
static u32 try_open_without_follow(struct rt_instance *i, u32 dir, u32 len)
{
    return wasi_p1_path_open(i, dir, 0, AT_PATH, len, 0, 0, 0, 0, AT_RESULT);
}
static u32 try_create(struct rt_instance *i, u32 dir, u32 len)
{
    return wasi_p1_path_open(i, dir, 1, AT_PATH, len, WASI_OFLAG_CREAT | WASI_OFLAG_TRUNC,
                             WASI_RIGHT_OF(FD_WRITE), 0, 0, AT_RESULT);
}
static u32 try_stat(struct rt_instance *i, u32 dir, u32 len)
{
    return wasi_p1_path_filestat_get(i, dir, 1, AT_PATH, len, AT_STAT);
}
static u32 try_stat_without_follow(struct rt_instance *i, u32 dir, u32 len)
{
    return wasi_p1_path_filestat_get(i, dir, 0, AT_PATH, len, AT_STAT);
}
static u32 try_times(struct rt_instance *i, u32 dir, u32 len)
{
    return wasi_p1_path_filestat_set_times(i, dir, 1, AT_PATH, len, 1, 1,
                                           WASI_FSTFLAG_ATIM | WASI_FSTFLAG_MTIM);
}
static u32 try_readlink(struct rt_instance *i, u32 dir, u32 len)
{
    return wasi_p1_path_readlink(i, dir, AT_PATH, len, AT_DATA, 100, AT_RESULT);
}
static u32 try_mkdir(struct rt_instance *i, u32 dir, u32 len)
{
    return wasi_p1_path_create_directory(i, dir, AT_PATH, len);
}
static u32 try_rmdir(struct rt_instance *i, u32 dir, u32 len)
{
    return wasi_p1_path_remove_directory(i, dir, AT_PATH, len);
}
static u32 try_unlink(struct rt_instance *i, u32 dir, u32 len)
{
    return wasi_p1_path_unlink_file(i, dir, AT_PATH, len);
}
static u32 try_symlink(struct rt_instance *i, u32 dir, u32 len)
{
    u32 text = guest_put(i, AT_PATH_2, "file", 4);
    return wasi_p1_path_symlink(i, AT_PATH_2, text, dir, AT_PATH, len);
}
static u32 try_link_from(struct rt_instance *i, u32 dir, u32 len)
{
    u32 to = guest_put(i, AT_PATH_2, "stolen", 6);
    return wasi_p1_path_link(i, dir, 0, AT_PATH, len, ROOT, AT_PATH_2, to);
}
static u32 try_link_to(struct rt_instance *i, u32 dir, u32 len)
{
    u32 from = guest_put(i, AT_PATH_2, "file", 4);
    return wasi_p1_path_link(i, ROOT, 0, AT_PATH_2, from, dir, AT_PATH, len);
}
static u32 try_rename_from(struct rt_instance *i, u32 dir, u32 len)
{
    u32 to = guest_put(i, AT_PATH_2, "stolen", 6);
    return wasi_p1_path_rename(i, dir, AT_PATH, len, ROOT, AT_PATH_2, to);
}
static u32 try_rename_to(struct rt_instance *i, u32 dir, u32 len)
{
    u32 from = guest_put(i, AT_PATH_2, "file", 4);
    return wasi_p1_path_rename(i, ROOT, AT_PATH_2, from, dir, AT_PATH, len);
}

static try_fn *const tries[] = {
    try_open,
    try_open_without_follow,
    try_create,
    try_stat,
    try_stat_without_follow,
    try_times,
    try_readlink,
    try_mkdir,
    try_rmdir,
    try_unlink,
    try_symlink,
    try_link_from,
    try_link_to,
    try_rename_from,
    try_rename_to,
};

static void try_all(struct guest_run *run, struct rt_instance *i)
{
    u32 fds = wasi_guest_fd_count(run->guest), cases = 0;
    for (size_t t = 0; t < COUNT_OF(tries); t++)
        for (size_t w = 0; w < COUNT_OF(ways); w++, cases++) {
            u32 len = guest_put(i, AT_PATH, ways[w].path, strlen(ways[w].path));
            u32 error = tries[t](i, ways[w].dir, len);
            if (error == WASI_SUCCESS)
                fail_msg("case %zu got out by %s", t, ways[w].path);
        }
    assert_true(cases >= 200);
    assert_int_equal(wasi_guest_fd_count(run->guest), fds);
}

static void no_path_leads_out(void **state)
{
    (void)state;
    struct guest_run *run = begin();
    char before[512], after[512];
    describe_outside(run->folder, before, sizeof before);
    guest_do(run, try_all);
    describe_outside(run->folder, after, sizeof after);
    assert_string_equal(before, after);
    assert_int_equal(run->kind, ABI_TRAP_NONE);
    guest_run_end(run);
}

/* A link that leads out, followed at the very end of the path: by calls that follow, or because of
 * the slash behind it. */
static void try_last_parts(struct guest_run *run, struct rt_instance *i)
{
    static const char *const links[] = {"up", "abs", "chain", "secret", "self", "in/deep/far"};
    static try_fn *const following[] = {try_open, try_create, try_stat, try_times};
    static try_fn *const others[] = {try_mkdir,     try_rmdir,       try_symlink, try_link_to,
                                     try_link_from, try_rename_from, try_unlink,  try_readlink};
    char path[64];
    (void)run;
    for (size_t k = 0; k < COUNT_OF(links); k++) {
        u32 len = guest_put(i, AT_PATH, links[k], strlen(links[k]));
        for (size_t t = 0; t < COUNT_OF(following); t++)
            assert_int_not_equal(following[t](i, ROOT, len), WASI_SUCCESS);
        for (u32 slashes = 1; slashes < 3; slashes++) {
            snprintf(path, sizeof path, "%s%s", links[k], slashes == 1 ? "/" : "//");
            len = guest_put(i, AT_PATH, path, strlen(path));
            for (size_t t = 0; t < COUNT_OF(following); t++)
                assert_int_not_equal(following[t](i, ROOT, len), WASI_SUCCESS);
            for (size_t t = 0; t < COUNT_OF(others); t++)
                assert_int_not_equal(others[t](i, ROOT, len), WASI_SUCCESS);
            /* Not even whether there is something at its end. */
            assert_int_equal(try_link_from(i, ROOT, len), WASI_NOTDIR);
        }
    }
    /* The link itself may be looked at and removed. */
    u32 len = guest_put(i, AT_PATH, "up", 2);
    assert_int_equal(try_readlink(i, ROOT, len), WASI_SUCCESS);
    assert_int_equal(try_stat_without_follow(i, ROOT, len), WASI_SUCCESS);
    assert_int_equal(try_unlink(i, ROOT, len), WASI_SUCCESS);
}

static void no_last_part_leads_out(void **state)
{
    (void)state;
    struct guest_run *run = begin();
    char before[512], after[512];
    describe_outside(run->folder, before, sizeof before);
    guest_do(run, try_last_parts);
    describe_outside(run->folder, after, sizeof after);
    assert_string_equal(before, after);
    assert_int_equal(run->kind, ABI_TRAP_NONE);
    guest_run_end(run);
}

/* Links whose text leads out may be made, unless it is absolute; nobody can follow them. */
static void make_own_links(struct guest_run *run, struct rt_instance *i)
{
    static const char *const texts[] = {"..", "../outside/secret", "in/../../outside", "own0/.."};
    char name[16];
    (void)run;
    for (u32 k = 0; k < COUNT_OF(texts); k++) {
        snprintf(name, sizeof name, "own%u", k);
        u32 text = guest_put(i, AT_PATH_2, texts[k], strlen(texts[k]));
        u32 len = guest_put(i, AT_PATH, name, strlen(name));
        assert_int_equal(wasi_p1_path_symlink(i, AT_PATH_2, text, ROOT, AT_PATH, len),
                         WASI_SUCCESS);
        assert_int_equal(try_open(i, ROOT, len), WASI_PERM);
        assert_int_equal(try_stat(i, ROOT, len), WASI_PERM);
    }
    u32 text = guest_put(i, AT_PATH_2, "/etc", 4), len = guest_put(i, AT_PATH, "own", 3);
    assert_int_equal(wasi_p1_path_symlink(i, AT_PATH_2, text, ROOT, AT_PATH, len), WASI_PERM);
    /* A hard link would carry what it is made of: its source is not followed either. */
    len = guest_put(i, AT_PATH, "secret", 6);
    text = guest_put(i, AT_PATH_2, "copy", 4);
    assert_int_equal(wasi_p1_path_link(i, ROOT, 1, AT_PATH, len, ROOT, AT_PATH_2, text),
                     WASI_INVAL);
    assert_int_equal(wasi_p1_path_link(i, ROOT, 0, AT_PATH, len, ROOT, AT_PATH_2, text),
                     WASI_SUCCESS);
    len = guest_put(i, AT_PATH, "copy", 4);
    assert_int_equal(try_stat_without_follow(i, ROOT, len), WASI_SUCCESS);
    assert_int_equal(wasi_bytes(i, AT_STAT + 16, 1)[0], WASI_FILETYPE_SYMLINK);
    assert_int_equal(try_open(i, ROOT, len), WASI_PERM);
}

static void own_links_lead_nowhere(void **state)
{
    (void)state;
    struct guest_run *run = begin();
    guest_do(run, make_own_links);
    assert_int_equal(run->kind, ABI_TRAP_NONE);
    guest_run_end(run);
}

/* ---- somebody renames meanwhile ---- */

/* How often: WEIR_RACES, which `script/test --full` sets to what takes a minute. */
static u32 races(void)
{
    const char *text = getenv("WEIR_RACES");
    return text == NULL ? 20000 : (u32)strtoul(text, NULL, 10);
}

/* Exchanges root/in/swap, a directory, with a link to the outside until it is killed. */
static NO_RETURN void exchange_for_ever(const char *folder)
{
    char a[160], b[160];
    snprintf(a, sizeof a, "%s/root/in/swap", folder);
    snprintf(b, sizeof b, "%s/root/other", folder);
    for (;;)
        syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, 2 /* RENAME_EXCHANGE */);
}

static void race(struct guest_run *run, struct rt_instance *i)
{
    static const char *const paths[] = {"in/swap/secret", "in/swap/../deep/../swap/secret"};
    struct stat outside;
    char path[160];
    u32 reached = 0, count = races();
    snprintf(path, sizeof path, "%s/outside/secret", run->folder);
    assert_int_equal(stat(path, &outside), 0);
    for (u32 k = 0; k < count; k++) {
        const char *text = paths[k % COUNT_OF(paths)];
        u32 len = guest_put(i, AT_PATH, text, strlen(text));
        if (try_stat(i, ROOT, len) == WASI_SUCCESS) {
            assert_int_not_equal(guest_load_u64(i, AT_STAT + 8), outside.st_ino);
            reached++;
        }
        if (try_open(i, ROOT, len) == WASI_SUCCESS) {
            u32 fd = guest_load_u32(i, AT_RESULT);
            struct stat st;
            assert_int_equal(fstat(run->guest->fds[fd].host, &st), 0);
            assert_int_not_equal(st.st_ino, outside.st_ino);
            assert_int_equal(wasi_p1_fd_close(i, fd), WASI_SUCCESS);
        }
        len = guest_put(i, AT_PATH, "in/swap/new", 11);
        if (try_create(i, ROOT, len) == WASI_SUCCESS)
            assert_int_equal(wasi_p1_fd_close(i, guest_load_u32(i, AT_RESULT)), WASI_SUCCESS);
        try_unlink(i, ROOT, len);
    }
    assert_true(reached > 0); /* the inner one was there now and then */
}

static void a_racing_renamer_does_not_help(void **state)
{
    (void)state;
    struct guest_run *run = begin();
    char before[512], after[512], target[160];
    make_dir(run->folder, "root/in/swap");
    make_text(run->folder, "root/in/swap/secret", "inner");
    snprintf(target, sizeof target, "%s/outside", run->folder);
    make_link(run->folder, "root/other", target);
    describe_outside(run->folder, before, sizeof before);
    pid_t renamer = fork();
    assert_true(renamer >= 0);
    if (renamer == 0)
        exchange_for_ever(run->folder);
    guest_do(run, race);
    assert_int_equal(kill(renamer, SIGKILL), 0);
    assert_int_equal(waitpid(renamer, NULL, 0), renamer);
    describe_outside(run->folder, after, sizeof after);
    assert_string_equal(before, after);
    assert_int_equal(run->kind, ABI_TRAP_NONE);
    guest_run_end(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_path_leads_out),
        cmocka_unit_test(no_last_part_leads_out),
        cmocka_unit_test(own_links_lead_nowhere),
        cmocka_unit_test(a_racing_renamer_does_not_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
