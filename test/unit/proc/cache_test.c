#include "proc/cache.h"
#include "base/file.h"
#include "test/test.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[] = "/tmp/weir-cache-XXXXXX";

static void path_in_root(char *out, const char *name)
{
    snprintf(out, PROC_PATH_MAX, "%s/%s", root, name);
}

static void write_file(const char *path, const void *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0 && fd_write_all(fd, bytes, len));
    fd_close(&fd);
}

static void publish(struct proc_cache *cache, const char *path)
{
    char job[PROC_PATH_MAX], from[PROC_PATH_MAX + 8];
    struct err err = {0};
    assert_true(proc_cache_job_create(cache, job, &err));
    snprintf(from, sizeof from, "%s/0.code", job);
    write_file(from, "artifact bytes", 14);
    assert_true(proc_cache_publish(cache, from, path, &err));
    assert_int_equal(rmdir(job), 0); /* the file is gone from it */
}

static void published_files_are_found(void **state)
{
    (void)state;
    struct proc_cache cache, again;
    struct err err = {0};
    char path[PROC_PATH_MAX];
    struct digest key = {{1}};
    assert_true(proc_cache_open(&cache, root, &err));
    assert_true(proc_cache_file_path(&cache, &key, "code", path, &err));
    assert_false(proc_cache_has(&cache, path));
    publish(&cache, path);
    assert_true(proc_cache_has(&cache, path));
    assert_true(proc_cache_open(&again, root, &err)); /* the same secret */
    assert_true(proc_cache_has(&again, path));
    unlink(path);
}

static void any_flipped_bit_is_refused(void **state)
{
    (void)state;
    struct proc_cache cache;
    struct err err = {0};
    char path[PROC_PATH_MAX];
    u8 good[256], bad[256];
    assert_true(proc_cache_open(&cache, root, &err));
    path_in_root(path, "flip.code");
    publish(&cache, path);
    int fd = open(path, O_RDONLY);
    ssize_t len = read(fd, good, sizeof good);
    fd_close(&fd);
    assert_int_equal(len, 14 + (ssize_t)sizeof(struct abi_trailer));
    for (ssize_t cut = 0; cut < len; cut++) {
        unlink(path);
        write_file(path, good, (size_t)cut);
        assert_false(proc_cache_has(&cache, path));
    }
    for (ssize_t bit = 0; bit < len * 8; bit++) {
        memcpy(bad, good, sizeof bad);
        bad[bit / 8] ^= (u8)(1u << (bit % 8));
        write_file(path, bad, (size_t)len);
        assert_false(proc_cache_has(&cache, path));
        assert_int_equal(access(path, F_OK), -1); /* and removed */
    }
    write_file(path, good, (size_t)len);
    assert_true(proc_cache_has(&cache, path));
    unlink(path);
}

static void another_name_is_refused(void **state)
{
    (void)state;
    struct proc_cache cache;
    struct err err = {0};
    char path[PROC_PATH_MAX], other[PROC_PATH_MAX];
    assert_true(proc_cache_open(&cache, root, &err));
    path_in_root(path, "one.module");
    path_in_root(other, "two.module");
    publish(&cache, path);
    assert_int_equal(rename(path, other), 0);
    assert_false(proc_cache_has(&cache, other));
    assert_int_equal(access(other, F_OK), -1);
}

static void what_killed_processes_left_is_swept(void **state)
{
    (void)state;
    struct proc_cache cache;
    struct err err = {0};
    char old[PROC_PATH_MAX], fresh[PROC_PATH_MAX], file[PROC_PATH_MAX + 8];
    char old_file[PROC_PATH_MAX], fresh_file[PROC_PATH_MAX];
    assert_true(proc_cache_open(&cache, root, &err));
    assert_true(proc_cache_job_create(&cache, old, &err));
    assert_true(proc_cache_job_create(&cache, fresh, &err));
    snprintf(file, sizeof file, "%s/0.code", old);
    write_file(file, "x", 1);
    const struct timespec times[] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    assert_int_equal(utimensat(AT_FDCWD, old, times, 0), 0);
    path_in_root(old_file, "new-aaaaaa");
    path_in_root(fresh_file, "new-bbbbbb");
    write_file(old_file, "x", 1);
    write_file(fresh_file, "x", 1);
    assert_int_equal(utimensat(AT_FDCWD, old_file, times, 0), 0);
    assert_true(proc_cache_open(&cache, root, &err));
    assert_int_equal(access(old_file, F_OK), -1);
    assert_int_equal(unlink(fresh_file), 0);
    assert_int_equal(access(old, F_OK), -1);
    assert_int_equal(access(fresh, F_OK), 0);
    proc_cache_job_remove(fresh);
}

static void a_foreign_folder_is_refused(void **state)
{
    (void)state;
    struct proc_cache cache;
    struct err err = {0};
    char path[PROC_PATH_MAX];
    path_in_root(path, "open");
    assert_int_equal(mkdir(path, 0777), 0);
    assert_int_equal(chmod(path, 0777), 0);
    assert_false(proc_cache_open(&cache, path, &err));
    assert_non_null(strstr(err.text, "written by others"));
    rmdir(path);
    err = (struct err){0};
    path_in_root(path, "file");
    write_file(path, "x", 1);
    assert_false(proc_cache_open(&cache, path, &err));
    unlink(path);
}

static void a_full_disk_is_left_with_the_key(void **state)
{
    (void)state;
    struct proc_cache cache;
    struct err err = {0};
    char path[PROC_PATH_MAX], temporary[PROC_PATH_MAX];
    path_in_root(path, "left");
    setenv("TMPDIR", root, 1);
    assert_true(proc_cache_open(&cache, path, &err));
    struct digest key = cache.mac_key;
    assert_true(proc_cache_has_room(&cache, KIB));
    assert_false(proc_cache_has_room(&cache, (u64)1 << 62));
    assert_true(proc_cache_leave(&cache, "a test", &err));
    assert_true(cache.is_temporary);
    assert_string_not_equal(cache.path, path);
    assert_memory_equal(&cache.mac_key, &key, sizeof key);
    assert_true(proc_cache_has_room(&cache, (u64)1 << 62)); /* there is nowhere else to go */
    snprintf(temporary, sizeof temporary, "%s", cache.path);
    proc_cache_close(&cache);
    assert_int_not_equal(access(temporary, F_OK), 0);
    assert_int_equal(access(path, F_OK), 0);
    path_in_root(temporary, "left/mac.key");
    unlink(temporary);
    assert_int_equal(rmdir(path), 0);
}

static void without_a_home_a_temporary_folder_serves(void **state)
{
    (void)state;
    struct proc_cache cache;
    struct err err = {0};
    char path[PROC_PATH_MAX];
    setenv("WEIR_CACHE", "/proc/weir", 1);
    setenv("TMPDIR", root, 1);
    assert_true(proc_cache_open(&cache, NULL, &err));
    assert_true(cache.is_temporary);
    snprintf(path, sizeof path, "%s", cache.path);
    assert_int_equal(access(path, F_OK), 0);
    proc_cache_close(&cache);
    assert_int_equal(access(path, F_OK), -1);
}

static void a_pipe_is_no_key(void **state)
{
    (void)state;
    struct proc_cache cache;
    struct err err = {0};
    char folder[PROC_PATH_MAX], path[PROC_PATH_MAX];
    path_in_root(folder, "pipe");
    path_in_root(path, "pipe/mac.key");
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_false(proc_cache_open(&cache, folder, &err)); /* nobody waits for a writer */
    assert_string_equal(strstr(err.text, "mac.key"), "mac.key is damaged; remove it and try again");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

static int make_root(void **state)
{
    (void)state;
    return mkdtemp(root) == NULL ? -1 : 0;
}

static int remove_root(void **state)
{
    (void)state;
    char path[PROC_PATH_MAX];
    path_in_root(path, "mac.key");
    unlink(path);
    return rmdir(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_files_are_found),
        cmocka_unit_test(any_flipped_bit_is_refused),
        cmocka_unit_test(another_name_is_refused),
        cmocka_unit_test(what_killed_processes_left_is_swept),
        cmocka_unit_test(a_foreign_folder_is_refused),
        cmocka_unit_test(a_full_disk_is_left_with_the_key),
        cmocka_unit_test(without_a_home_a_temporary_folder_serves),
        cmocka_unit_test(a_pipe_is_no_key),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
