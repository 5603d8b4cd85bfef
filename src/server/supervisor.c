#include "server/supervisor.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/check.h"
#include "base/file.h"
#include "proc/jail.h"
#include "proc/spawn.h"
#include "server/activation.h"
#include "server/artifacts.h"
#include "server/control.h"
#include "server/lifeline.h"
#include "server/listener.h"
#include "server/worker_args.h"
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAILED_START_NS                                                                            \
    ((u64)5000000000) /* before a worker that could not be started is tried again */
#define DRAIN_MARGIN_NS ((u64)1000000000) /* for a worker to end itself before it is killed */
#define SAID_MAX        (64 * MIB) /* by a first worker of its start: a line for each endpoint */
#define SAID_PIECE      4096
#define START_HUNG      6 /* a start may take so many times what a worker may be silent for */
#define SUSPECT_PART    4 /* of that time a suspect has to show that it lives */

struct child {
    pid_t pid; /* 0: not running */
    u64 started_ns;
    u64 start_at_ns; /* when not running: the time for the next attempt */
    u64 backoff_ns;
    u64 suspect_ns; /* since when it seems to hang or to be stopped; 0: it does not */
    bool is_hung;   /* and killed for it, which has been said */
    struct server_lifeline lifeline;
};

struct supervisor {
    const struct server_options *options;
    struct server_plan plan;       /* that of options, with files that are kept */
    struct server_module *modules; /* with their snapshots; owned */
    struct server_artifacts *artifacts;
    struct arena arena;
    struct child *children;
    u32 child_count;
    int listener, signals, board_fd, log_fd, plan_fd, snapshots_fd;
    struct scoreboard *board;
    size_t board_len;
    struct child control; /* kept alive while it has a socket */
    struct server_control_socket control_socket;
    int control_board_fd, control_plan_fd;
    bool control_was_told; /* to end */
    char url[SERVER_URL_MAX];
    bool wants_stop; /* asked to stop before the first worker was ready */
    bool draining;
    bool was_cut;   /* a drain, by us */
    u64 kill_at_ns; /* while draining */
};

/* ---- workers ---- */

/* What a worker says of now ends with it; what it counted stays. */
static void clear_gauges(struct supervisor *s, u32 index)
{
    struct scoreboard_worker *block = &s->board->workers[index];
    board_set(&block->pid, 0);
    board_set(&block->started_ns, 0);
    board_set(&block->heartbeat_ns, 0);
    board_set(&block->connections, 0);
    board_set(&block->in_flight, 0);
    board_set(&block->memory_bytes, 0);
    for (u32 i = 0; i < s->plan.route_count; i++) {
        struct scoreboard_route *route = scoreboard_route(s->board, s->plan.route_count, index, i);
        board_set(&route->running, 0);
        board_set(&route->waiting, 0);
    }
}

/* Compiled modules that somebody has removed are put back elsewhere. */
static bool ensure_artifacts(struct supervisor *s, struct err *err)
{
    bool changed;
    if (!server_artifacts_restore(s->artifacts, &changed, err))
        return false;
    if (!changed)
        return true;
    fprintf(stderr, "weir: warning: compiled modules have gone from the cache; copies serve on\n");
    int fd = server_plan_file(&s->plan, err);
    if (fd < 0)
        return false;
    fd_close(&s->plan_fd);
    s->plan_fd = fd;
    return true;
}

static_assert(WORKER_FDS <= PROC_FDS_MAX, "what proc_spawn passes on");

static bool start_worker(struct supervisor *s, u32 index, int ready_fd, struct err *err)
{
    struct child *child = &s->children[index];
    int lifeline_fd = -1;
    if (!ensure_artifacts(s, err))
        return false;
    if (s->plan.grants.dir_count > 0 && !server_lifeline_open(&child->lifeline, &lifeline_fd, err))
        return false;
    int fds[WORKER_FDS] = {
        [WORKER_FD_LISTENER] = s->listener,
        [WORKER_FD_BOARD] = s->board_fd,
        [WORKER_FD_READY] = ready_fd,
        [WORKER_FD_LOG] = s->log_fd,
        [WORKER_FD_PLAN] = s->plan_fd,
        [WORKER_FD_LIFELINE] = lifeline_fd,
        [WORKER_FD_SNAPSHOTS] = s->snapshots_fd,
    };
    arena_reset(&s->arena);
    char **argv = worker_args_make(&s->arena, index, ready_fd >= 0 ? s->url : NULL);
    child->is_hung = false;
    child->suspect_ns = 0;
    child->started_ns = clock_monotonic_ns();
    bool ok = proc_spawn(NULL, argv, fds, WORKER_FDS, &child->pid, err);
    fd_close(&lifeline_fd);
    if (!ok)
        server_lifeline_close(&child->lifeline);
    return ok;
}

/* A worker that dies young is not started again at once. */
static void plan_restart(struct child *child)
{
    u64 now = clock_monotonic_ns();
    child->pid = 0;
    child->start_at_ns = now + server_backoff(&child->backoff_ns, now - child->started_ns);
    server_lifeline_close(&child->lifeline);
}

/* Drained, told to end before it was able to, or killed by us. */
static bool ended_as_asked(const struct supervisor *s, int status)
{
    if (!s->draining)
        return false;
    if (WIFEXITED(status))
        return WEXITSTATUS(status) == 0;
    return WTERMSIG(status) == SIGTERM || (s->was_cut && WTERMSIG(status) == SIGKILL);
}

/* A process that was paused finds others late that were paused with it: suspects get a moment. */
static u64 suspected_until(const struct supervisor *s, const struct child *child)
{
    return child->suspect_ns == 0 ? 0 : child->suspect_ns + s->plan.limits.hung_ns / SUSPECT_PART;
}

/* Nobody counts the turns of the control process. It keeps nothing: another takes its place. */
static void notice_stop(struct supervisor *s, pid_t pid, int status)
{
    if (s->control.pid == pid)
        s->control.suspect_ns = WIFSTOPPED(status) ? clock_monotonic_ns() : 0;
}

static u64 stopped_at_ns(const struct supervisor *s)
{
    bool is_suspect = s->control.pid > 0 && s->control.suspect_ns != 0;
    return is_suspect ? suspected_until(s, &s->control) : UINT64_MAX;
}

static void end_stopped(struct supervisor *s)
{
    if (stopped_at_ns(s) > clock_monotonic_ns())
        return;
    fprintf(stderr, "weir: control (process %d) was stopped\n", (int)s->control.pid);
    kill(s->control.pid, SIGKILL);
    s->control.suspect_ns = 0;
}

static void reap_control(struct supervisor *s, pid_t pid, int status)
{
    char text[64];
    if (s->control.pid != pid)
        return;
    plan_restart(&s->control);
    if (ended_as_asked(s, status))
        return;
    proc_status_text(status, text, sizeof text);
    fprintf(stderr, "weir: control (process %d) ended: %s%s\n", (int)pid, text,
            s->draining ? "" : "; starting another");
}

static void reap(struct supervisor *s)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED)) > 0;) {
        if (WIFSTOPPED(status) || WIFCONTINUED(status)) {
            notice_stop(s, pid, status);
            continue;
        }
        reap_control(s, pid, status);
        for (u32 i = 0; i < s->child_count; i++) {
            struct child *child = &s->children[i];
            if (server_lifeline_reap(&child->lifeline, i, pid, status))
                break;
            if (child->pid != pid)
                continue;
            plan_restart(child);
            clear_gauges(s, i);
            if (ended_as_asked(s, status))
                continue;
            char text[64];
            proc_status_text(status, text, sizeof text);
            fprintf(stderr, "weir: worker %u (process %d) ended: %s%s\n", i, (int)pid, text,
                    s->draining ? "" : "; starting another");
        }
    }
}

/* When the control process is to be started; UINT64_MAX: it runs, or is not wanted. */
static u64 control_start_ns(const struct supervisor *s)
{
    bool is_wanted = s->control_socket.fd >= 0 && s->control.pid == 0;
    return is_wanted ? s->control.start_at_ns : UINT64_MAX;
}

static void start_control(struct supervisor *s)
{
    struct err err = {0};
    int fds[CONTROL_FDS] = {
        [CONTROL_FD_LISTENER] = s->control_socket.fd,
        [CONTROL_FD_BOARD] = s->control_board_fd,
        [CONTROL_FD_PLAN] = s->control_plan_fd,
    };
    char *argv[] = {"weir", "control", s->url, NULL};
    s->control.started_ns = clock_monotonic_ns();
    s->control.suspect_ns = 0;
    if (proc_spawn(NULL, argv, fds, CONTROL_FDS, &s->control.pid, &err))
        return;
    fprintf(stderr, "weir: control: %s\n", err.text);
    s->control.pid = 0;
    s->control.start_at_ns = s->control.started_ns + FAILED_START_NS;
}

static void restart_due(struct supervisor *s)
{
    u64 now = clock_monotonic_ns();
    if (control_start_ns(s) <= now)
        start_control(s);
    for (u32 i = 0; i < s->child_count; i++) {
        struct err err = {0};
        struct child *child = &s->children[i];
        if (child->pid != 0 || child->start_at_ns > now)
            continue;
        if (!start_worker(s, i, -1, &err)) {
            fprintf(stderr, "weir: worker %u: %s\n", i, err.text);
            child->pid = 0;
            child->start_at_ns = now + FAILED_START_NS;
        }
    }
}

static void signal_all(const struct supervisor *s, int number)
{
    for (u32 i = 0; i < s->child_count; i++)
        if (s->children[i].pid > 0)
            kill(s->children[i].pid, number);
    if (number == SIGKILL && s->control.pid > 0) /* otherwise it ends last */
        kill(s->control.pid, number);
}

/* ---- workers that hang ---- */

/* When a worker is late unless it turns until then, or serves; UINT64_MAX: never. */
static u64 late_at_ns(const struct supervisor *s, u32 index)
{
    const struct scoreboard_worker *block = &s->board->workers[index];
    const struct child *child = &s->children[index];
    u64 serves_ns = board_get(&block->started_ns), limit_ns = s->plan.limits.hung_ns;
    if (child->pid <= 0 || child->is_hung)
        return UINT64_MAX;
    return serves_ns == 0 ? child->started_ns + START_HUNG * limit_ns
                          : max_u64(board_get(&block->heartbeat_ns), serves_ns) + limit_ns;
}

/* When there is something to decide about a worker that does not turn. */
static u64 hung_at_ns(const struct supervisor *s, u32 index)
{
    return max_u64(late_at_ns(s, index), suspected_until(s, &s->children[index]));
}

/* Ends workers that do not turn any more: stopped, or waiting for a disk that never answers. */
static void end_hung(struct supervisor *s)
{
    u64 now = clock_monotonic_ns();
    for (u32 i = 0; i < s->child_count; i++) {
        struct child *child = &s->children[i];
        if (late_at_ns(s, i) > now) {
            child->suspect_ns = 0;
            continue;
        }
        if (child->suspect_ns == 0)
            child->suspect_ns = now;
        if (suspected_until(s, child) > now)
            continue;
        fprintf(stderr, "weir: worker %u (process %d) hangs\n", i, (int)child->pid);
        kill(child->pid, SIGKILL);
        child->is_hung = true; /* it is reaped soon */
    }
}

/* Milliseconds until that time; 0: it has passed; -1: it never comes. */
static int wait_ms(u64 at)
{
    u64 now = clock_monotonic_ns();
    if (at == UINT64_MAX)
        return -1;
    return at <= now ? 0 : (int)min_u64((at - now) / 1000000 + 1, 60000);
}

/* ---- the first worker ---- */

/* Reads all that worker 0 says of its start. A signal to stop is passed on: it ends a worker that
 * is starting, and drains one that serves by now. */
static void listen_to_first(struct supervisor *s, int ready_fd, struct buf *said)
{
    for (;;) {
        struct pollfd watched[] = {{.fd = ready_fd, .events = POLLIN},
                                   {.fd = s->signals, .events = POLLIN}};
        end_hung(s);
        if (poll(watched, COUNT_OF(watched), wait_ms(hung_at_ns(s, 0))) < 0)
            continue;
        struct signalfd_siginfo info;
        while (read(s->signals, &info, sizeof info) == (ssize_t)sizeof info)
            if (info.ssi_signo != SIGCHLD) {
                s->wants_stop = true;
                kill(s->children[0].pid, SIGTERM);
            }
        if (watched[0].revents == 0)
            continue;
        u8 *to = buf_reserve(said, SAID_PIECE);
        if (to == NULL) /* it may serve, but nobody would hear of it */
            kill(s->children[0].pid, SIGKILL);
        ssize_t got = to == NULL ? 0 : read(ready_fd, to, SAID_PIECE);
        if (got <= 0)
            return;
        buf_commit(said, (size_t)got);
    }
}

/* Why worker 0 has not served: what it said, "CODE TEXT", or how it ended. */
static bool explain_first(struct supervisor *s, struct buf *said, struct err *err)
{
    int status, used = 0;
    char code[64], how[64];
    waitpid(s->children[0].pid, &status, 0);
    s->children[0].pid = 0;
    if (s->wants_stop)
        return true;
    buf_add_byte(said, 0);
    if (!buf_ok(said))
        return err_set(err, ERR_LIMIT, ERR_NO_AT, "no memory for what the first worker says");
    const char *text = (const char *)said->bytes;
    if (sscanf(text, "%63s %n", code, &used) == 1 && used > 0)
        return err_set(err, err_code_from_text(code), ERR_NO_AT, "%s", text + used);
    proc_status_text(status, how, sizeof how);
    return err_set(err, ERR_INTERNAL, ERR_NO_AT, "the first worker ended at its start: %s", how);
}

/* Waits for worker 0 to serve, and tells people: what keeps it from starting would keep all of
 * them. One that has said all has served, even if it has died since. */
static bool start_first(struct supervisor *s, struct err *err)
{
    int ready[2];
    struct buf said;
    if (pipe2(ready, O_CLOEXEC) != 0)
        return err_sys(err, "cannot make a pipe");
    buf_init(&said, SAID_MAX);
    bool ok = start_worker(s, 0, ready[1], err);
    fd_close(&ready[1]);
    if (ok) {
        listen_to_first(s, ready[0], &said);
        if (buf_ok(&said) && said.len >= 2 && said.bytes[0] == '\n' &&
            said.bytes[said.len - 1] == 0)
            (void)!fd_write_all(STDERR_FILENO, said.bytes + 1, said.len - 2); /* if it is open */
        else
            ok = explain_first(s, &said, err);
    }
    fd_close(&ready[0]);
    buf_fini(&said);
    return ok;
}

/* ---- life ---- */

static u32 core_count(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    return (u32)max_u64((u64)CPU_COUNT(&set), 1);
}

static bool open_board(struct supervisor *s, struct err *err)
{
    s->board_len = scoreboard_size(s->child_count, s->plan.route_count);
    s->board_fd = memfd_create("weir-scoreboard", MFD_CLOEXEC);
    if (s->board_fd < 0 || ftruncate(s->board_fd, (off_t)s->board_len) != 0)
        return err_sys(err, "cannot make the scoreboard");
    void *at = mmap(NULL, s->board_len, PROT_READ | PROT_WRITE, MAP_SHARED, s->board_fd, 0);
    if (at == MAP_FAILED)
        return err_sys(err, "cannot map the scoreboard");
    s->board = at;
    s->board->supervisor_pid = (u64)getpid();
    s->board->started_ns = clock_monotonic_ns();
    s->board->started_unix_ns = clock_unix_ns();
    s->board->worker_count = s->child_count;
    return true;
}

/* A control socket that was asked for is an error if it cannot be made, the usual one a warning. */
static bool open_control(struct supervisor *s, struct err *err)
{
    const struct config_text *given = &s->options->control;
    const char *path = given->text;
    struct err why = {0};
    char name[16]; /* of a server without a port */
    if (path != NULL && strcmp(path, SERVER_CONTROL_NONE) == 0)
        return true;
    const char *colon = strrchr(s->url, ':');
    snprintf(name, sizeof name, "%d", (int)getpid());
    if (!server_control_listen(&s->control_socket, path, colon != NULL ? colon + 1 : name,
                               path != NULL ? err : &why)) {
        if (path != NULL)
            return config_fail_at(given->at, err);
        fprintf(stderr, "weir: warning: no status: %s; --control PATH makes it elsewhere\n",
                why.text);
        return true;
    }
    s->control_board_fd = server_control_board(s->board_fd, err);
    s->control_plan_fd = s->control_board_fd < 0 ? -1 : server_control_plan(&s->plan, err);
    return s->control_plan_fd >= 0;
}

/* A log file that cannot be opened is an error, a standard output that cannot a warning. */
static bool open_log(struct supervisor *s, struct err *err)
{
    const struct config_text *given = &s->options->log_path;
    struct err why = {0};
    if (s->plan.log_format == SERVER_LOG_NONE)
        return true;
    s->log_fd = server_log_open(given->text, given->text != NULL ? err : &why);
    if (s->log_fd < 0 && given->text != NULL)
        return config_fail_at(given->at, err);
    if (s->log_fd < 0)
        fprintf(stderr, "weir: warning: no access log: %s; --log-file FILE takes one\n", why.text);
    return true;
}

/* Says of modules what their owner may want to know. */
static void say_initialised(const struct server_module *module,
                            const struct server_initialisation *initialised)
{
    struct buf text;
    if (initialised->reason[0] == 0)
        return;
    buf_init(&text, 2 * ERR_TEXT_MAX);
    server_initialisation_write(initialised, &text);
    fprintf(stderr, "weir: %s is initialised %.*s\n", module->name, (int)text.len,
            (const char *)text.bytes);
    buf_fini(&text);
}

/* Runs once what instances begin with, and completes the plan of the workers: it says where they
 * find that. */
static bool initialise(struct supervisor *s, struct err *err)
{
    u32 count = s->plan.module_count;
    struct server_initialisation *done = calloc(count + 1u, sizeof *done);
    const struct server_initialise_options how = {.mode = s->options->snapshot,
                                                  .log_fd = s->log_fd};
    s->modules = calloc(count + 1u, sizeof *s->modules);
    bool ok = s->modules != NULL && done != NULL;
    if (!ok)
        err_set(err, ERR_LIMIT, ERR_NO_AT, "too many modules");
    for (u32 i = 0; i < count && ok; i++)
        s->modules[i] = s->plan.modules[i];
    ok = ok && (how.mode == SERVER_SNAPSHOT_NEVER ||
                server_initialise(&how, &s->plan, s->modules, done, &s->snapshots_fd, err));
    for (u32 i = 0; i < count && ok; i++)
        say_initialised(&s->modules[i], &done[i]);
    free(done);
    if (!ok)
        return false;
    s->plan.modules = s->modules;
    server_artifacts_create(&s->artifacts, s->modules, count);
    s->plan_fd = server_plan_file(&s->plan, err);
    return s->plan_fd >= 0;
}

/* The terminal has gone; nohup says not to care. */
static bool ignores_hangup(void)
{
    struct sigaction action;
    return sigaction(SIGHUP, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static bool open_signals(struct supervisor *s, struct err *err)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (!ignores_hangup())
        sigaddset(&set, SIGHUP);
    s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s->signals < 0 || sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return err_sys(err, "cannot watch signals");
    return true;
}

static void cut(struct supervisor *s, const char *why)
{
    if (!s->was_cut)
        fprintf(stderr, "weir: %s: what still runs is ended\n", why);
    s->was_cut = true;
    signal_all(s, SIGKILL);
}

static void begin_drain(struct supervisor *s)
{
    if (s->draining) {
        cut(s, "a second signal");
        return;
    }
    s->draining = true;
    s->kill_at_ns = clock_monotonic_ns() + s->plan.limits.drain_ns + DRAIN_MARGIN_NS;
    fd_close(&s->listener);
    server_activation_notify("STOPPING=1");
    signal_all(s, SIGTERM);
}

/* The workers have ended. */
static void end_control(struct supervisor *s)
{
    if (s->control_was_told || s->control.pid == 0)
        return;
    s->control_was_told = true;
    s->kill_at_ns = clock_monotonic_ns() + DRAIN_MARGIN_NS;
    kill(s->control.pid, SIGTERM);
}

static void take_signals(struct supervisor *s)
{
    struct signalfd_siginfo info;
    while (read(s->signals, &info, sizeof info) == (ssize_t)sizeof info)
        if (info.ssi_signo != SIGCHLD)
            begin_drain(s);
    reap(s);
}

static bool any_running(const struct supervisor *s)
{
    for (u32 i = 0; i < s->child_count; i++)
        if (s->children[i].pid > 0 || s->children[i].lifeline.pid > 0)
            return true;
    return false;
}

/* Milliseconds until the next planned start or kill; -1: nothing is planned. */
static int next_wait_ms(const struct supervisor *s)
{
    u64 at = min_u64(s->draining ? s->kill_at_ns : control_start_ns(s), stopped_at_ns(s));
    for (u32 i = 0; i < s->child_count; i++) {
        at = min_u64(at, server_lifeline_due_ns(&s->children[i].lifeline));
        if (s->draining)
            continue;
        at = min_u64(at, s->children[i].pid == 0 ? s->children[i].start_at_ns : hung_at_ns(s, i));
    }
    return wait_ms(at);
}

/* Waits for signals, what workers ask for, or what is planned. */
static void wait_for_news(struct supervisor *s)
{
    struct pollfd watched[SCOREBOARD_WORKERS_MAX + 1];
    for (u32 i = 0; i < s->child_count; i++)
        watched[i] = (struct pollfd){.fd = server_lifeline_watched(&s->children[i].lifeline),
                                     .events = POLLIN};
    watched[s->child_count] = (struct pollfd){.fd = s->signals, .events = POLLIN};
    if (poll(watched, s->child_count + 1, next_wait_ms(s)) <= 0)
        return;
    for (u32 i = 0; i < s->child_count; i++)
        if (watched[i].revents != 0)
            server_lifeline_hear(&s->children[i].lifeline);
    if (watched[s->child_count].revents != 0)
        take_signals(s);
}

static void watch_over(struct supervisor *s)
{
    reap(s); /* the first worker may have ended while its start was watched */
    while (!s->draining || any_running(s) || s->control.pid > 0) {
        if (s->draining && !any_running(s))
            end_control(s);
        end_stopped(s);
        if (!s->draining) {
            end_hung(s);
            restart_due(s);
        }
        for (u32 i = 0; i < s->child_count; i++)
            server_lifeline_serve(&s->children[i].lifeline, i);
        wait_for_news(s);
        if (s->draining && clock_monotonic_ns() >= s->kill_at_ns)
            cut(s, "the time to drain is over");
    }
}

bool server_supervise(const struct server_options *options, struct err *err)
{
    struct supervisor s = {.options = options,
                           .listener = options->listener,
                           .signals = -1,
                           .board_fd = -1,
                           .log_fd = -1,
                           .plan_fd = -1,
                           .snapshots_fd = -1,
                           .control = {.lifeline = {.sock = -1}},
                           .control_socket = {.fd = -1},
                           .control_board_fd = -1,
                           .control_plan_fd = -1};
    proc_forbid_new_code();
    arena_init(&s.arena, 64 * MIB);
    s.child_count = options->workers > 0 ? options->workers : core_count();
    s.child_count = (u32)min_u64(s.child_count, SCOREBOARD_WORKERS_MAX);
    s.children = check_alloc(SCOREBOARD_WORKERS_MAX * sizeof *s.children);
    for (u32 i = 0; i < SCOREBOARD_WORKERS_MAX; i++)
        s.children[i].lifeline.sock = -1;
    s.plan = *options->plan;
    bool ok = open_log(&s, err) && initialise(&s, err) &&
              server_listener_open(&options->address, s.listener, s.url, err) &&
              open_board(&s, err) && open_control(&s, err) && open_signals(&s, err) &&
              start_first(&s, err);
    if (ok)
        server_activation_notify("READY=1");
    if (ok && s.wants_stop)
        begin_drain(&s);
    if (ok)
        watch_over(&s);
    for (u32 i = 0; i < s.child_count; i++)
        server_lifeline_close(&s.children[i].lifeline);
    server_control_unlisten(&s.control_socket);
    fd_close(&s.control_board_fd);
    fd_close(&s.control_plan_fd);
    fd_close(&s.listener);
    fd_close(&s.signals);
    fd_close(&s.board_fd);
    fd_close(&s.log_fd);
    fd_close(&s.plan_fd);
    fd_close(&s.snapshots_fd);
    server_artifacts_destroy(&s.artifacts);
    free(s.modules);
    if (s.board != NULL)
        munmap(s.board, s.board_len);
    free(s.children);
    arena_fini(&s.arena);
    return ok;
}
