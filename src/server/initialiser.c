#include "server/initialiser.h"
#include "base/check.h"
#include "base/file.h"
#include "proc/jail.h"
#include "proc/spawn.h"
#include "server/initialise.h"
#include "server/internal.h"
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define FRAMES_SAID 4u
#define ID_MAX      (NAME_MAX + 16)

/* One process: its first module that has something to run is its last. */
struct initialiser {
    enum server_snapshot_mode mode;
    struct arena arena; /* of the plan */
    struct server_plan plan;
    const struct config_limits *limits; /* of the current module */
    int file, report, log_fd;
    u8 *room; /* the file, mapped */
    u64 len;  /* of the snapshot in it */
    struct rt_engine *engine;
    struct loop *loop;
    struct loop *log_loop; /* never turned: lines wait until they are kept or dropped */
    struct sched *sched;
    struct server_log *log;
    struct scoreboard_worker board; /* for the log */
    struct rt_module *module;
    const char *name;
    bool is_done;
};

/* ---- arguments ---- */

static bool read_args(struct initialiser *init, int argc, char **argv, struct err *err)
{
    int plan = proc_fd_inherited(INITIALISER_FD_PLAN);
    init->file = proc_fd_inherited(INITIALISER_FD_SNAPSHOT);
    init->report = proc_fd_inherited(INITIALISER_FD_REPORT);
    init->log_fd = proc_fd_inherited(INITIALISER_FD_LOG);
    if (argc != 3 || plan < 0)
        return err_set(err, ERR_USAGE, ERR_NO_AT,
                       "modules are initialised by `weir serve`, not by hand");
    const struct config_text mode = {.text = argv[2], .key = "--snapshot"};
    bool ok = server_snapshot_mode_read(&mode, &init->mode, err) &&
              server_plan_read(plan, &init->arena, &init->plan, err);
    fd_close(&plan);
    return ok;
}

/* ---- what it runs with ---- */

static bool open_engine(struct initialiser *init, struct err *err)
{
    const struct rt_options engine = {.instances_max = 1};
    if (!rt_engine_create(&init->engine, &engine, err) || !loop_create(&init->loop, err) ||
        !loop_create(&init->log_loop, err) ||
        !sched_create(&init->sched, init->engine, init->loop, NULL, err))
        return false;
    wasi_host_add(init->engine);
    if (init->plan.log_format != SERVER_LOG_NONE && init->log_fd >= 0)
        init->log =
            server_log_create(init->plan.log_format, init->log_fd, init->log_loop, &init->board);
    return true;
}

static void close_engine(struct initialiser *init)
{
    rt_module_release(&init->module);
    sched_destroy(&init->sched);
    rt_engine_destroy(&init->engine);
    server_log_destroy(&init->log);
    loop_destroy(&init->loop);
    loop_destroy(&init->log_loop);
}

/* Before guest code runs: the file is mapped, so that writing it takes no system call, and
 * everything else is given up. */
static bool confine(struct initialiser *init, struct err *err)
{
    const struct rlimit none = {0};
    void *room = mmap(NULL, RT_SNAPSHOT_MAX, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
                      init->file, 0);
    if (room == MAP_FAILED)
        return err_sys(err, "cannot map the file of a snapshot");
    init->room = room;
    return (setrlimit(RLIMIT_CORE, &none) == 0 || err_sys(err, "cannot limit a process")) &&
           proc_jail_worker(err);
}

/* ---- one run ---- */

struct run {
    struct initialiser *init;
    struct err *err; /* what it ended with, unless it was a watched function */
    bool is_watched;
};

static void say_trap(const struct rt_trap *trap, struct err *err)
{
    struct buf frames;
    buf_init(&frames, ERR_TEXT_MAX);
    for (u32 i = 0; i < trap->frame_count && i < FRAMES_SAID; i++) {
        buf_add_text(&frames, i == 0 ? " (at " : ", at ");
        rt_frame_print(&trap->frames[i], &frames);
    }
    if (trap->frame_count > 0)
        buf_add_byte(&frames, ')');
    err_set(err, ERR_TRAP, ERR_NO_AT, "its initialisation ends with a trap: %s%.*s", trap->message,
            (int)frames.len, frames.len == 0 ? "" : (const char *)frames.bytes);
    buf_fini(&frames);
}

static void take_end(void *arg, const struct sched_result *result)
{
    const struct run *run = arg;
    run->init->is_done = true;
    if (result->trap != NULL && !(run->is_watched && result->trap->kind == ABI_TRAP_HOST))
        say_trap(result->trap, run->err);
}

/* Runs what an instance begins with, with what the functions of a request have. */
static bool run_start(struct initialiser *init, struct rt_instance *instance, bool is_watched,
                      struct server_log *log, struct err *err)
{
    struct server_voice *voice = NULL;
    struct sched_task *task;
    char id[ID_MAX];
    struct run run = {.init = init, .err = err, .is_watched = is_watched};
    struct sched_call call = {.instance = instance,
                              .func = RT_FUNC_NONE,
                              .cpu_ns = init->limits->cpu_ns,
                              .wall_end_ns = clock_monotonic_ns() + init->limits->wall_ns,
                              .done = take_end,
                              .arg = &run};
    snprintf(id, sizeof id, "initialise:%s", init->name);
    if (server_module_prints(init->module)) {
        if (!server_voice_create(&voice, log, id, err))
            return false;
        call.guest = server_voice_guest(voice);
    }
    init->is_done = false;
    bool ok = sched_start(init->sched, &call, &task, err);
    while (ok && !init->is_done)
        sched_turn(init->sched, UINT64_MAX);
    server_voice_destroy(&voice);
    return ok && err->code == ERR_NONE;
}

/* Runs it in a new instance. watch: ends at the first function of these; *caught: at which, or
 * NULL. unfit not NULL: writes the snapshot, or says why there cannot be one. */
static bool run_once(struct initialiser *init, u32 watch, struct server_log *log,
                     const struct rt_host_func **caught, struct err *unfit, struct err *err)
{
    struct rt_pool *pool;
    struct rt_instance *instance;
    *caught = NULL;
    if (!rt_pool_create(&pool, init->module, 1, err))
        return false;
    bool ok = rt_pool_limit_memory(pool, init->limits->memory_bytes, err) &&
              rt_pool_take(pool, &instance, err);
    if (ok) {
        rt_instance_watch(instance, watch);
        ok = run_start(init, instance, watch != 0, log, err);
        *caught = rt_instance_caught(instance);
        if (ok && *caught == NULL && unfit != NULL &&
            !rt_snapshot_take(instance, init->room, &init->len, unfit))
            CHECK(unfit->code != ERR_NONE);
        rt_pool_release(pool, &instance);
    }
    rt_pool_destroy(&pool);
    return ok;
}

/* ---- one module ---- */

static void say_caught(const struct rt_host_func *caught, char *out, size_t len)
{
    snprintf(out, len, "its initialisation calls %s", caught->field);
}

/* It was not, or could not be, initialised once: what it printed, each request will print. */
static void decide_request(struct initialiser *init, struct initialiser_report *report)
{
    report->outcome = INITIALISER_REQUEST;
    server_log_discard(init->log);
}

/* A module with something to run. False: err says what is wrong with that. */
static bool initialise(struct initialiser *init, struct initialiser_report *report, struct err *err)
{
    bool is_program = rt_module_entry_find(init->module, "_start") != NULL;
    u32 watch = RT_HOST_IMPURE | (is_program ? RT_HOST_OF_CALL : 0);
    const struct rt_host_func *caught, *none;
    struct err unfit = {0};
    report->outcome = INITIALISER_SNAPSHOT;
    if (init->mode == SERVER_SNAPSHOT_NEVER) {
        decide_request(init, report);
        snprintf(report->text, sizeof report->text, "so --snapshot never wants it");
        return run_once(init, 0, NULL, &none, NULL, err);
    }
    bool ok = run_once(init, watch, init->log, &caught, &unfit, err);
    if (caught != NULL) {
        bool is_taken = init->mode == SERVER_SNAPSHOT_ALWAYS;
        server_log_discard(init->log);
        if (!is_taken)
            decide_request(init, report);
        say_caught(caught, report->text, sizeof report->text);
        ok = run_once(init, 0, is_taken ? init->log : NULL, &none, is_taken ? &unfit : NULL, err);
    }
    if (ok && unfit.code != ERR_NONE) {
        decide_request(init, report);
        snprintf(report->text, sizeof report->text, "%s", unfit.text);
    }
    return ok;
}

static bool send_report(const struct initialiser *init, struct initialiser_report *report, bool ok,
                        const struct err *err)
{
    if (!ok) {
        *report = (struct initialiser_report){.outcome = INITIALISER_FAILED, .code = err->code};
        memcpy(report->text, err->text, sizeof report->text);
    }
    return fd_write_all(init->report, report, sizeof *report);
}

/* *is_last: guest code has run in this process, or nothing more can be done. */
static bool do_module(struct initialiser *init, u32 index, bool *is_last)
{
    const struct server_module *from = &init->plan.modules[index];
    struct initialiser_report report = {.outcome = INITIALISER_NONE};
    struct err err = {0};
    init->name = from->name;
    init->limits = &init->plan.routes[index].limits;
    bool ok = rt_module_load(&init->module, init->engine, from->code_path, from->module_path,
                             &init->plan.mac_key, &err);
    *is_last = !ok || rt_module_has_start(init->module);
    if (ok && *is_last)
        ok = confine(init, &err) && initialise(init, &report, &err);
    if (!ok)
        server_log_discard(init->log);
    report.len = init->len;
    bool is_sent = send_report(init, &report, ok, &err);
    rt_module_release(&init->module);
    return is_sent;
}

int server_initialiser_main(int argc, char **argv)
{
    struct initialiser *init = check_alloc(sizeof *init);
    struct err err = {0};
    proc_leave_terminal();
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    arena_init(&init->arena, 512 * MIB);
    bool ok = read_args(init, argc, argv, &err) && open_engine(init, &err);
    bool is_last = false;
    for (u32 i = 0; ok && i < init->plan.module_count && !is_last; i++)
        ok = do_module(init, i, &is_last);
    if (!ok && err.code != ERR_NONE)
        fprintf(stderr, "weir: %s\n", err.text);
    close_engine(init);
    arena_fini(&init->arena);
    free(init);
    _exit(ok ? 0 : err_code_exit(err.code)); /* what libraries do at an exit, the jail forbids */
}
