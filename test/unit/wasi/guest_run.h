/*
 * test/unit/wasi/guest_run.h -- host functions called as a guest calls them, on its fiber and with
 * its memory, but from C: the module made by hand (runtime/guest.h) imports a function that runs
 * whatever the test wants.
 */
#pragma once
#include "test/test.h"
#include "base/check.h"
#include "base/file.h"
#include "proc/spawn.h"
#include "test/unit/runtime/guest.h"
#include "wasi/internal.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where things lie in the guest's memory of GUEST_PAGES pages. */
#define GUEST_PAGES 4u
enum {
    AT_RESULT = 8,
    AT_IOVS = 64,
    AT_STAT = 512,
    AT_PATH = 4096,
    AT_PATH_2 = 8192,
    AT_DATA = 65536
};

struct guest_run;
typedef void guest_body_fn(struct guest_run *run, struct rt_instance *instance);

struct guest_run {
    struct guest_files files;
    struct rt_engine *engine;
    struct rt_module *module;
    struct rt_pool *pool;
    struct loop *loop;
    struct sched *sched;
    struct wasi_guest *guest;
    struct wasi_helper *helper; /* for guests made from now on; NULL: none */
    struct rt_instance *instance;
    struct sched_task *task;
    guest_body_fn *body;
    bool is_done;
    enum abi_trap kind; /* how it ended; NONE: it returned */
    char folder[64];    /* an empty one, removed at the end */
};

static struct guest_run the_run; /* one test at a time */

static inline u32 guest_run_host(struct rt_instance *instance, u32 a, u32 b)
{
    (void)a;
    (void)b;
    the_run.body(&the_run, instance);
    return 0;
}

static const struct rt_host_func guest_run_hosts[] = {
    {"env", "host", "ii_i", "a b", RT_HOST_MAY_SUSPEND, (rt_host_code *)guest_run_host},
};

static inline void guest_run_must(bool ok, const struct err *err)
{
    if (!ok)
        fail_msg("%s", err->text);
}

static inline void guest_new(struct guest_run *run, const struct wasi_options *options)
{
    struct wasi_options all = options == NULL ? (struct wasi_options){0} : *options;
    struct err err = {0};
    all.helper = run->helper;
    guest_run_must(wasi_guest_create(&run->guest, &all, &err), &err);
}

static inline struct guest_run *guest_run_begin(void)
{
    struct guest_run *run = &the_run;
    const struct guest_module m = {.memory_pages = GUEST_PAGES, .memory_max = GUEST_PAGES};
    struct err err = {0};
    *run = (struct guest_run){.folder = "/tmp/weir-test-XXXXXX"};
    assert_non_null(mkdtemp(run->folder));
    guest_files_init(&run->files);
    guest_module_write(&run->files, &m);
    guest_run_must(rt_engine_create(&run->engine, NULL, &err), &err);
    guest_run_must(loop_create(&run->loop, &err), &err);
    guest_run_must(sched_create(&run->sched, run->engine, run->loop, NULL, &err), &err);
    wasi_host_add(run->engine);
    rt_engine_add_host(run->engine, guest_run_hosts, 1);
    guest_run_must(rt_module_load(&run->module, run->engine, run->files.code, run->files.module,
                                  &guest_key, &err),
                   &err);
    guest_run_must(rt_pool_create(&run->pool, run->module, 0, &err), &err);
    return run;
}

static inline int guest_run_remove(const char *path, const struct stat *st, int type,
                                   struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline void guest_run_end(struct guest_run *run)
{
    wasi_guest_destroy(&run->guest);
    sched_destroy(&run->sched);
    wasi_helper_destroy(&run->helper);
    rt_pool_destroy(&run->pool);
    rt_module_release(&run->module);
    loop_destroy(&run->loop);
    rt_engine_destroy(&run->engine);
    guest_files_remove(&run->files);
    nftw(run->folder, guest_run_remove, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void guest_run_note(void *arg, const struct sched_result *result)
{
    struct guest_run *run = arg;
    run->is_done = true;
    run->kind = result->trap == NULL ? ABI_TRAP_NONE : result->trap->kind;
    rt_pool_release(run->pool, &run->instance);
}

/* Starts body as the guest; it runs in later turns. */
static inline void guest_start(struct guest_run *run, guest_body_fn *body)
{
    union abi_value args[2] = {{0}};
    struct err err = {0};
    guest_run_must(rt_pool_take(run->pool, &run->instance, &err), &err);
    run->body = body;
    run->is_done = false;
    const struct sched_call call = {.instance = run->instance,
                                    .func = GUEST_CALL_HOST,
                                    .args = args,
                                    .done = guest_run_note,
                                    .arg = run,
                                    .guest = run->guest};
    guest_run_must(sched_start(run->sched, &call, &run->task, &err), &err);
}

static inline void guest_finish(struct guest_run *run)
{
    while (!run->is_done)
        sched_turn(run->sched, UINT64_MAX);
}

static inline void guest_do(struct guest_run *run, guest_body_fn *body)
{
    guest_start(run, body);
    guest_finish(run);
}

/* ---- for bodies ---- */

static inline u32 guest_put(struct rt_instance *instance, u32 addr, const void *bytes, size_t len)
{
    assert_true(wasi_store(instance, addr, bytes, len));
    return (u32)len;
}

/* One buffer at AT_IOVS. */
static inline void guest_iov(struct rt_instance *instance, u32 addr, u32 len)
{
    const u32 iov[] = {addr, len};
    guest_put(instance, AT_IOVS, iov, sizeof iov);
}

static inline u32 guest_load_u32(struct rt_instance *instance, u32 addr)
{
    return wasi_load_u32(wasi_bytes(instance, addr, 4));
}

static inline u64 guest_load_u64(struct rt_instance *instance, u32 addr)
{
    return wasi_load_u64(wasi_bytes(instance, addr, 8));
}

static inline u32 guest_open(struct rt_instance *instance, u32 dir, const char *path, u32 oflags,
                             u64 rights, u32 *fd)
{
    u32 len = guest_put(instance, AT_PATH, path, strlen(path));
    u32 error = wasi_p1_path_open(instance, dir, WASI_LOOKUP_FOLLOW, AT_PATH, len, oflags, rights,
                                  rights, 0, AT_RESULT);
    *fd = error == WASI_SUCCESS ? guest_load_u32(instance, AT_RESULT) : UINT32_MAX;
    return error;
}

static inline u32 guest_write(struct rt_instance *instance, u32 fd, const char *text)
{
    guest_iov(instance, AT_DATA, guest_put(instance, AT_DATA, text, strlen(text)));
    return wasi_p1_fd_write(instance, fd, AT_IOVS, 1, AT_RESULT);
}

/* Reads into AT_DATA; *len: how much. */
static inline u32 guest_read(struct rt_instance *instance, u32 fd, u32 room, u32 *len)
{
    guest_iov(instance, AT_DATA, room);
    u32 error = wasi_p1_fd_read(instance, fd, AT_IOVS, 1, AT_RESULT);
    *len = error == WASI_SUCCESS ? guest_load_u32(instance, AT_RESULT) : 0;
    return error;
}

static inline bool guest_has(struct rt_instance *instance, u32 addr, const char *text)
{
    return memcmp(wasi_bytes(instance, addr, strlen(text)), text, strlen(text)) == 0;
}

/* Open descriptors of this process, or of another. */
static inline u32 count_host_fds(pid_t pid)
{
    char path[40];
    u32 count = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count;
}

/* A helper whose program is weir, not this test. */
static inline bool guest_helper_start(void *arg, int *fd, pid_t *pid, struct err *err)
{
    char path[512];
    char *const argv[] = {path, "helper", NULL};
    int pair[2];
    (void)arg;
    snprintf(path, sizeof path, "%s/weir", getenv("WEIR_BIN"));
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return err_sys(err, "socketpair");
    bool ok = proc_spawn(path, argv, &pair[1], 1, pid, err);
    close(pair[1]);
    if (ok)
        *fd = pair[0];
    else
        close(pair[0]);
    return ok;
}
