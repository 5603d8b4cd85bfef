#include "server/supervisor.h"
#include "base/arena.h"
#include "base/check.h"
#include "base/file.h"
#include "proc/jail.h"
#include "proc/spawn.h"
#include "server/lifeline.h"
#include "server/worker_args.h"
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define BACKLOG  4096
#define HOST_MAX 256
#define FAILED_START_NS                                                                            \
    ((u64)5000000000) /* before a worker that could not be started is tried again */
#define DRAIN_MARGIN_NS ((u64)1000000000) /* for a worker to end itself before it is killed */

struct child {
    pid_t pid; /* 0: not running */
    u64 started_ns;
    u64 start_at_ns; /* when not running: the time for the next attempt */
    u64 backoff_ns;
    struct server_lifeline lifeline;
};

struct supervisor {
    const struct server_options *options;
    struct arena arena;
    struct child *children;
    u32 child_count;
    int listener, signals, board_fd, key_fd, log_fd, signatures_fd, grants_fd;
    struct scoreboard *board;
    char url[HOST_MAX + 32];
    bool wants_stop; /* asked to stop before the first worker was ready */
    bool draining;
    u64 kill_at_ns; /* while draining */
};

/* ---- the listening socket ---- */

/* "HOST:PORT", "[V6]:PORT", ":PORT" (all addresses). */
static bool split_address(const char *address, char host[HOST_MAX], const char **port,
                          struct err *err)
{
    const char *colon = strrchr(address, ':');
    size_t len = colon == NULL ? 0 : (size_t)(colon - address);
    bool is_v6 = len >= 2 && address[0] == '[' && address[len - 1] == ']';
    size_t digits = colon == NULL ? 0 : strspn(colon + 1, "0123456789");
    if (digits == 0 || digits > 5 || colon[1 + digits] != 0 || atoi(colon + 1) > UINT16_MAX ||
        len >= HOST_MAX || (!is_v6 && memchr(address, ':', len) != NULL))
        return err_set(err, ERR_USAGE, ERR_NO_AT,
                       "--addr takes HOST:PORT, for example 127.0.0.1:8080, not \"%s\"", address);
    memcpy(host, address + is_v6, len - 2 * is_v6);
    host[len - 2 * is_v6] = 0;
    *port = colon + 1;
    return true;
}

static bool bind_listener(struct supervisor *s, const struct addrinfo *at, struct err *err)
{
    const char *address = s->options->address;
    int one = 1;
    s->listener = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->listener < 0)
        return err_sys(err, "cannot make a socket for %s", address);
    setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(s->listener, at->ai_addr, at->ai_addrlen) == 0 && listen(s->listener, BACKLOG) == 0)
        return true;
    const char *advice = errno == EADDRINUSE ? "choose another port with --addr"
                         : errno == EACCES   ? "ports below 1024 need more rights"
                                             : "is it an address of this machine?";
    err_set(err, ERR_SYSTEM, ERR_NO_AT, "cannot listen on %s: %s; %s", address, strerror(errno),
            advice);
    fd_close(&s->listener);
    return false;
}

static bool name_listener(struct supervisor *s, struct err *err)
{
    struct sockaddr_storage at;
    socklen_t len = sizeof at;
    char host[HOST_MAX], port[16];
    if (getsockname(s->listener, (struct sockaddr *)&at, &len) != 0 ||
        getnameinfo((struct sockaddr *)&at, len, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return err_sys(err, "cannot tell the address of the listening socket");
    bool is_v6 = strchr(host, ':') != NULL;
    snprintf(s->url, sizeof s->url, "http://%s%s%s:%s", is_v6 ? "[" : "", host, is_v6 ? "]" : "",
             port);
    return true;
}

static bool open_listener(struct supervisor *s, struct err *err)
{
    char host[HOST_MAX];
    const char *port = NULL;
    if (!split_address(s->options->address, host, &port, err))
        return false;
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int bad = getaddrinfo(host[0] == 0 ? NULL : host, port, &hints, &found);
    if (bad != 0)
        return err_set(err, ERR_USAGE, ERR_NO_AT, "--addr %s: %s", s->options->address,
                       gai_strerror(bad));
    bool ok = bind_listener(s, found, err) && name_listener(s, err);
    freeaddrinfo(found);
    return ok;
}

/* ---- workers ---- */

static_assert(WORKER_FDS <= PROC_FDS_MAX, "what proc_spawn passes on");

static bool start_worker(struct supervisor *s, u32 index, int ready_fd, struct err *err)
{
    struct child *child = &s->children[index];
    int lifeline_fd = -1;
    if (s->options->grants.dir_count > 0 &&
        !server_lifeline_open(&child->lifeline, &lifeline_fd, err))
        return false;
    int fds[WORKER_FDS] = {
        [WORKER_FD_LISTENER] = s->listener, [WORKER_FD_BOARD] = s->board_fd,
        [WORKER_FD_READY] = ready_fd,       [WORKER_FD_KEY] = s->key_fd,
        [WORKER_FD_LOG] = s->log_fd,        [WORKER_FD_SIGNATURES] = s->signatures_fd,
        [WORKER_FD_GRANTS] = s->grants_fd,  [WORKER_FD_LIFELINE] = lifeline_fd,
    };
    arena_reset(&s->arena);
    char **argv =
        worker_args_make(&s->arena, index, ready_fd >= 0 ? s->url : NULL, s->options->log_format,
                         &s->options->limits, s->options->modules, s->options->module_count);
    struct scoreboard_worker *block = &s->board->workers[index];
    memset(block, 0, sizeof *block);
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

/* Drained, or told to end before it was able to. */
static bool ended_as_asked(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) == 0 : WTERMSIG(status) == SIGTERM;
}

static void reap(struct supervisor *s)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        for (u32 i = 0; i < s->child_count; i++) {
            struct child *child = &s->children[i];
            if (server_lifeline_reap(&child->lifeline, i, pid, status))
                break;
            if (child->pid != pid)
                continue;
            plan_restart(child);
            if (s->draining && ended_as_asked(status))
                continue;
            char text[64];
            proc_status_text(status, text, sizeof text);
            fprintf(stderr, "weir: worker %u (process %d) ended: %s%s\n", i, (int)pid, text,
                    s->draining ? "" : "; starting another");
        }
    }
}

static void restart_due(struct supervisor *s)
{
    u64 now = clock_monotonic_ns();
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
}

/* ---- the first worker ---- */

/* Reads what worker 0 says of its start into why, up to its end. A signal to stop is passed on: it
 * ends a worker that is starting, and drains one that serves by now. */
static size_t listen_to_first(struct supervisor *s, int ready_fd, char *why, size_t why_len)
{
    size_t len = 0;
    while (len < why_len) {
        struct pollfd watched[] = {{.fd = ready_fd, .events = POLLIN},
                                   {.fd = s->signals, .events = POLLIN}};
        if (poll(watched, COUNT_OF(watched), -1) < 0)
            continue;
        struct signalfd_siginfo info;
        while (read(s->signals, &info, sizeof info) == (ssize_t)sizeof info)
            if (info.ssi_signo != SIGCHLD) {
                s->wants_stop = true;
                kill(s->children[0].pid, SIGTERM);
            }
        if (watched[0].revents == 0)
            continue;
        ssize_t got = read(ready_fd, why + len, why_len - len);
        if (got <= 0)
            break;
        len += (size_t)got;
    }
    return len;
}

/* Waits for worker 0 to serve: what keeps it from starting would keep all of them. It says "\n"
 * when it serves, else "CODE TEXT". */
static bool start_first(struct supervisor *s, struct err *err)
{
    int ready[2];
    if (pipe2(ready, O_CLOEXEC) != 0)
        return err_sys(err, "cannot make a pipe");
    char why[ERR_TEXT_MAX + 64], code[64];
    bool ok = start_worker(s, 0, ready[1], err);
    fd_close(&ready[1]);
    size_t len = ok ? listen_to_first(s, ready[0], why, sizeof why - 1) : 0;
    fd_close(&ready[0]);
    if (!ok || (len == 1 && why[0] == '\n'))
        return ok;
    int status, used = 0;
    waitpid(s->children[0].pid, &status, 0);
    s->children[0].pid = 0;
    if (s->wants_stop)
        return true;
    why[len] = 0;
    if (sscanf(why, "%63s %n", code, &used) == 1 && used > 0)
        return err_set(err, err_code_from_text(code), ERR_NO_AT, "%s", why + used);
    proc_status_text(status, why, sizeof why);
    return err_set(err, ERR_INTERNAL, ERR_NO_AT, "the first worker ended at its start: %s", why);
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
    s->board_fd = memfd_create("weir-scoreboard", MFD_CLOEXEC);
    if (s->board_fd < 0 || ftruncate(s->board_fd, (off_t)sizeof *s->board) != 0)
        return err_sys(err, "cannot make the scoreboard");
    void *at = mmap(NULL, sizeof *s->board, PROT_READ | PROT_WRITE, MAP_SHARED, s->board_fd, 0);
    if (at == MAP_FAILED)
        return err_sys(err, "cannot map the scoreboard");
    s->board = at;
    s->board->version = SCOREBOARD_VERSION;
    s->board->supervisor_pid = (u64)getpid();
    return true;
}

/* A log file that cannot be opened is an error, a standard output that cannot a warning. */
static bool open_log(struct supervisor *s, struct err *err)
{
    const struct server_options *options = s->options;
    struct err why = {0};
    if (options->log_format == SERVER_LOG_NONE)
        return true;
    s->log_fd = server_log_open(options->log_path, options->log_path != NULL ? err : &why);
    if (why.code != ERR_NONE)
        fprintf(stderr, "weir: warning: no access log: %s; --log-file FILE takes one\n", why.text);
    return s->log_fd >= 0 || options->log_path == NULL;
}

static bool open_signals(struct supervisor *s, struct err *err)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s->signals < 0 || sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return err_sys(err, "cannot watch signals");
    return true;
}

static void begin_drain(struct supervisor *s)
{
    if (s->draining) {
        signal_all(s, SIGKILL);
        return;
    }
    s->draining = true;
    s->kill_at_ns = clock_monotonic_ns() + s->options->limits.drain_ns + DRAIN_MARGIN_NS;
    fd_close(&s->listener);
    signal_all(s, SIGTERM);
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

/* When a worker counts as hung unless it turns until then; UINT64_MAX: it does not serve yet. */
static u64 hung_at_ns(const struct supervisor *s, u32 index)
{
    const struct scoreboard_worker *block = &s->board->workers[index];
    u64 turned = max_u64(board_get(&block->heartbeat_ns), board_get(&block->started_ns));
    bool serves = s->children[index].pid > 0 && board_get(&block->started_ns) != 0;
    return serves ? turned + s->options->limits.hung_ns : UINT64_MAX;
}

/* Ends workers that do not turn any more: stopped, or waiting for a disk that never answers. */
static void end_hung(struct supervisor *s)
{
    u64 now = clock_monotonic_ns();
    for (u32 i = 0; i < s->child_count; i++) {
        if (hung_at_ns(s, i) > now)
            continue;
        fprintf(stderr, "weir: worker %u (process %d) hangs\n", i, (int)s->children[i].pid);
        kill(s->children[i].pid, SIGKILL);
        board_set(&s->board->workers[i].started_ns, 0); /* said once; it is reaped soon */
    }
}

/* Milliseconds until the next planned start or kill; -1: nothing is planned. */
static int next_wait_ms(const struct supervisor *s)
{
    u64 at = s->draining ? s->kill_at_ns : UINT64_MAX, now = clock_monotonic_ns();
    for (u32 i = 0; i < s->child_count; i++) {
        at = min_u64(at, server_lifeline_due_ns(&s->children[i].lifeline));
        if (s->draining)
            continue;
        at = min_u64(at, s->children[i].pid == 0 ? s->children[i].start_at_ns : hung_at_ns(s, i));
    }
    if (at == UINT64_MAX)
        return -1;
    return at <= now ? 0 : (int)min_u64((at - now) / 1000000 + 1, 60000);
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
    while (!s->draining || any_running(s)) {
        if (!s->draining) {
            end_hung(s);
            restart_due(s);
        }
        for (u32 i = 0; i < s->child_count; i++)
            server_lifeline_serve(&s->children[i].lifeline, i);
        wait_for_news(s);
        if (s->draining && clock_monotonic_ns() >= s->kill_at_ns)
            signal_all(s, SIGKILL);
    }
}

bool server_supervise(const struct server_options *options, struct err *err)
{
    struct supervisor s = {.options = options,
                           .listener = -1,
                           .signals = -1,
                           .board_fd = -1,
                           .key_fd = -1,
                           .log_fd = -1,
                           .signatures_fd = -1,
                           .grants_fd = -1};
    proc_forbid_new_code();
    arena_init(&s.arena, 64 * MIB);
    s.child_count = options->workers > 0 ? options->workers : core_count();
    s.child_count = (u32)min_u64(s.child_count, SCOREBOARD_WORKERS_MAX);
    s.children = check_alloc(SCOREBOARD_WORKERS_MAX * sizeof *s.children);
    for (u32 i = 0; i < SCOREBOARD_WORKERS_MAX; i++)
        s.children[i].lifeline.sock = -1;
    s.key_fd = worker_key_file(options->mac_key, err);
    s.signatures_fd = worker_signatures_file(options->modules, options->module_count, err);
    s.grants_fd = server_grants_file(&options->grants, err);
    bool ok = s.key_fd >= 0 && s.signatures_fd >= 0 && s.grants_fd >= 0 && open_log(&s, err) &&
              open_listener(&s, err) && open_board(&s, err) && open_signals(&s, err) &&
              start_first(&s, err);
    if (ok && s.wants_stop)
        begin_drain(&s);
    if (ok)
        watch_over(&s);
    for (u32 i = 0; i < s.child_count; i++)
        server_lifeline_close(&s.children[i].lifeline);
    fd_close(&s.listener);
    fd_close(&s.signals);
    fd_close(&s.board_fd);
    fd_close(&s.key_fd);
    fd_close(&s.log_fd);
    fd_close(&s.signatures_fd);
    fd_close(&s.grants_fd);
    if (s.board != NULL)
        munmap(s.board, sizeof *s.board);
    free(s.children);
    arena_fini(&s.arena);
    return ok;
}
