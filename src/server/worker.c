#include "base/check.h"
#include "base/file.h"
#include "proc/jail.h"
#include "server/internal.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ACCEPT_BATCH    16                /* clients taken per wake-up: siblings take the rest */
#define ACCEPT_PAUSE_NS ((u64)100000000)  /* after the process ran out of descriptors */
#define HEARTBEAT_NS    ((u64)1000000000) /* an idle worker still turns so often */
#define TURN_NS         ((u64)1000000)    /* requests wait, and not for each other */
#define OWN_FDS         64                /* that are no connections */
#define INDEX_MAX_BYTES SERVER_PAGE_BYTES
#define PAYLOAD_BYTES   SERVER_PAGE_BYTES
#define ARENA_BYTES     (256 * MIB)

/* ---- accepting ---- */

static void listen_start(struct worker *w)
{
    if (w->listening || w->draining)
        return;
    loop_timer_stop(w->loop, &w->accept_timer);
    w->listening = loop_add(w->loop, &w->listener, LOOP_READ | LOOP_EXCLUSIVE, NULL);
}

static void listen_stop(struct worker *w)
{
    if (w->listening)
        loop_remove(w->loop, &w->listener);
    w->listening = false;
}

/* Nobody is taken for a moment, or until a connection ends; siblings and the queue have them. */
static void listen_pause(struct worker *w)
{
    listen_stop(w);
    loop_timer_start(w->loop, &w->accept_timer, clock_monotonic_ns() + ACCEPT_PAUSE_NS);
}

static void accept_pause_over(struct loop_timer *timer)
{
    struct worker *w = CONTAINER_OF(timer, struct worker, accept_timer);
    listen_start(w);
}

/* Another number for standard input, which is /dev/null. */
static int spare_descriptor(void)
{
    return fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
}

/* No descriptor is free: the spare one is given up to take the client and hang up on it, else it
 * would wake us for ever. */
static void refuse_client(struct worker *w)
{
    fd_close(&w->spare_fd);
    int fd = accept4(w->listener.fd, NULL, NULL, SOCK_CLOEXEC);
    fd_close(&fd);
    w->spare_fd = spare_descriptor();
    listen_pause(w);
}

/* Who has to go for a new client goes when that one is here. NULL: there is room. */
static bool accept_client(struct worker *w, struct conn *victim)
{
    struct sockaddr_storage client = {0};
    socklen_t len = sizeof client;
    int fd =
        accept4(w->listener.fd, (struct sockaddr *)&client, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return false;
    if (victim != NULL)
        server_conn_evict(victim);
    board_add(&w->board->accepted, 1);
    server_conn_open(w, fd, &client);
    board_set(&w->board->connections, w->connections);
    return true;
}

static void accept_clients(struct loop_watch *watch, u32 events)
{
    (void)events;
    struct worker *w = CONTAINER_OF(watch, struct worker, listener);
    for (u32 i = 0; i < ACCEPT_BATCH && w->listening; i++) {
        bool is_full = w->connections >= w->limits->connections;
        if (is_full && i > 0)
            return;
        struct conn *victim = is_full ? server_conn_find_victim(w) : NULL;
        if (is_full && victim == NULL) {
            listen_pause(w);
            return;
        }
        if (!accept_client(w, victim)) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
                refuse_client(w);
            return;
        }
    }
}

void server_worker_conn_closed(struct worker *w)
{
    w->connections -= 1;
    board_set(&w->board->connections, w->connections);
    listen_start(w);
}

/* ---- draining ---- */

/* Who is connected by now is still served, who comes later refused: a queue that nobody reads
 * would keep clients waiting, and reset them in the end. */
static void listen_end(struct worker *w)
{
    while (w->connections < w->limits->connections && accept_client(w, NULL)) {
    }
    listen_stop(w);
    fd_close(&w->listener.fd);
}

static void drain_over(struct loop_timer *timer)
{
    struct worker *w = CONTAINER_OF(timer, struct worker, drain_timer);
    w->stopped = true;
}

static void take_signal(struct loop_watch *watch, u32 events)
{
    (void)events;
    struct worker *w = CONTAINER_OF(watch, struct worker, signals);
    struct signalfd_siginfo info;
    if (read(watch->fd, &info, sizeof info) != (ssize_t)sizeof info || w->draining)
        return;
    listen_end(w);
    w->draining = true;
    server_conns_drain(w);
    loop_timer_start(w->loop, &w->drain_timer, clock_monotonic_ns() + w->limits->drain_ns);
}

static bool watch_signals(struct worker *w, struct err *err)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return err_sys(err, "cannot block SIGTERM");
    w->signals.fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (w->signals.fd < 0)
        return err_sys(err, "cannot watch for SIGTERM");
    w->signals.fn = take_signal;
    return loop_add(w->loop, &w->signals, LOOP_READ, err);
}

/* ---- starting ---- */

/* Opened once, for all programs that will run. */
static bool open_dirs(struct worker *w, struct err *err)
{
    const struct server_grants *grants = &w->plan->grants;
    w->dirs = arena_array(&w->arena, int, grants->dir_count);
    CHECK_MEMORY(w->dirs != NULL || grants->dir_count == 0);
    for (u32 i = 0; i < grants->dir_count; i++)
        w->dirs[i] = -1;
    for (u32 i = 0; i < grants->dir_count; i++) {
        w->dirs[i] = server_dir_open(&grants->dirs[i], err);
        if (w->dirs[i] < 0)
            return false;
    }
    return grants->dir_count == 0 || server_helper_open(w, err);
}

static void close_dirs(struct worker *w)
{
    server_helper_close(w);
    for (u32 i = 0; w->dirs != NULL && i < w->plan->grants.dir_count; i++)
        fd_close(&w->dirs[i]);
}

/* As many descriptors as the connections need; where the system allows fewer, fewer connections. */
static void fit_descriptors(struct config_limits *limits)
{
    struct rlimit fds;
    if (getrlimit(RLIMIT_NOFILE, &fds) != 0)
        return;
    u64 want = limits->connections + OWN_FDS;
    if (fds.rlim_cur < want) {
        fds.rlim_cur = (rlim_t)min_u64(want, fds.rlim_max);
        setrlimit(RLIMIT_NOFILE, &fds);
    }
    if (fds.rlim_cur >= want)
        return;
    limits->connections = fds.rlim_cur > OWN_FDS ? fds.rlim_cur - OWN_FDS : 1;
}

/* Limits that depend on the machine. */
static void fit_limits(struct config_limits *limits, u32 worker_count)
{
    fit_descriptors(limits);
    limits->worker_memory_bytes = server_memory_fit(limits->worker_memory_bytes, worker_count);
}

static void make_index(struct worker *w)
{
    server_index_json(&w->table, &w->index_json);
    server_index_html(&w->table, &w->index_html);
}

static void draw_id_start(struct worker *w)
{
    u32 number;
    char text[sizeof w->id_start + 1];
    random_bytes(&number, sizeof number);
    snprintf(text, sizeof text, "%08x", number);
    memcpy(w->id_start, text, sizeof w->id_start);
}

static bool start(struct worker *w, struct err *err)
{
    struct rt_options engine = {0};
    struct sched_options sched = {0};
    w->spare_fd = spare_descriptor();
    if (w->spare_fd < 0)
        return err_sys(err, "cannot keep a descriptor to spare");
    if (!rt_engine_create(&w->engine, &engine, err) || !loop_create(&w->loop, err) ||
        !sched_create(&w->sched, w->engine, w->loop, &sched, err) || !watch_signals(w, err))
        return false;
    wasi_host_add(w->engine);
    if (!server_load(w, err) || !open_dirs(w, err))
        return false;
    make_index(w);
    for (u32 i = 0; i < w->table.route_count && w->config->announce != NULL; i++)
        (void)server_fallbacks_idle(&w->table, &w->table.routes[i], server_warn_print, NULL);
    w->stale = server_stale_create((size_t)w->limits->stale_bytes);
    draw_id_start(w);
    if (w->plan->log_format != SERVER_LOG_NONE && w->config->log_fd >= 0)
        w->log = server_log_create(w->plan->log_format, w->config->log_fd, w->loop, w->board);
    w->listener = (struct loop_watch){.fd = w->config->listener_fd, .fn = accept_clients};
    w->accept_timer.fn = accept_pause_over;
    w->drain_timer.fn = drain_over;
    listen_start(w);
    return (w->listening || err_sys(err, "cannot watch the listening socket")) &&
           server_memory_open(w, err);
}

/* Of all routes and versions, if each runs as much as it may. */
static u64 wanted_instances(const struct worker *w)
{
    u64 count = 0;
    for (u32 i = 0; i < w->table.route_count; i++)
        for (u32 k = 0; k < SERVER_VERSIONS; k++)
            if (w->table.routes[i].versions[k].module != NULL)
                count += w->plan->routes[i].limits.concurrency;
    return count;
}

/* What people read once the server serves. */
static void add_announcement(struct worker *w, struct buf *out)
{
    buf_add_format(out, "listening on %s\n", w->config->announce);
    server_index_curl(&w->table, w->config->announce, out);
    if (w->limits->connections < w->plan->limits.connections)
        buf_add_format(out, "  %llu connections per worker: the limit of open files is low\n",
                       (unsigned long long)w->limits->connections);
    if (w->limits->worker_memory_bytes < w->plan->limits.worker_memory_bytes)
        buf_add_format(out,
                       "  %llu MiB of memory per worker: its part of three quarters of the "
                       "machine's\n",
                       (unsigned long long)(w->limits->worker_memory_bytes / MIB));
    u32 instances = rt_engine_instances_max(w->engine);
    if (instances < wanted_instances(w))
        buf_add_format(out,
                       "  %u instances per worker: more requests at a time wait; the sysctl "
                       "vm.max_map_count and ulimit -v allow more\n",
                       instances);
}

/* Tells the supervisor that it serves, and what to tell people. */
static bool announce(struct worker *w, struct err *err)
{
    struct buf *out = &w->payload;
    int fd = w->config->ready_fd;
    board_set(&w->board->started_ns, clock_monotonic_ns());
    if (fd < 0)
        return true;
    buf_clear(out);
    buf_add_byte(out, '\n');
    add_announcement(w, out);
    buf_add_byte(out, 0);
    if (!buf_ok(out))
        return err_set(err, ERR_LIMIT, ERR_NO_AT, "no memory to say where it listens");
    if (!fd_write_all(fd, out->bytes, out->len))
        return err_sys(err, "the supervisor does not listen");
    fd_close(&fd);
    return true;
}

static void stop(struct worker *w)
{
    server_conns_destroy(w);
    sched_destroy(&w->sched);
    close_dirs(w);
    server_unload(w);
    server_stale_destroy(&w->stale);
    rt_engine_destroy(&w->engine);
    server_log_destroy(&w->log);
    loop_destroy(&w->loop);
    fd_close(&w->signals.fd);
    fd_close(&w->spare_fd);
    fd_close(&w->memory.fd);
    buf_fini(&w->index_json);
    buf_fini(&w->index_html);
    buf_fini(&w->openapi);
    buf_fini(&w->spare_body);
    server_command_free(&w->spare_command);
    buf_fini(&w->payload);
    arena_fini(&w->arena);
}

const char *server_worker_date(struct worker *w)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec != w->date_second || w->date[0] == 0) {
        w->date_second = now.tv_sec;
        http_date_format(now.tv_sec, w->date);
    }
    return w->date;
}

bool server_worker_run(const struct server_worker_config *config, struct err *err)
{
    struct config_limits limits = config->plan.limits;
    struct worker *w = check_alloc(sizeof *w);
    w->config = config;
    w->plan = &config->plan;
    w->limits = &limits;
    w->board = &config->board->workers[config->index];
    w->spare_fd = w->signals.fd = w->lifeline.fd = w->memory.fd = -1;
    arena_init(&w->arena, ARENA_BYTES);
    buf_init(&w->index_json, INDEX_MAX_BYTES);
    buf_init(&w->index_html, INDEX_MAX_BYTES);
    buf_init(&w->openapi, INDEX_MAX_BYTES);
    buf_init(&w->spare_body, SIZE_MAX);
    buf_init(&w->payload, PAYLOAD_BYTES);
    fit_limits(&limits, config->worker_count);
    bool ok = start(w, err);
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* which it hears from now on */
    ok = ok && proc_jail_worker(err) /* before the first byte of a client */ && announce(w, err);
    while (ok && !w->stopped && !(w->draining && w->connections == 0)) {
        u64 wait_ns = w->turn != NULL ? TURN_NS : min_u64(HEARTBEAT_NS, limits.hung_ns / 4);
        if (sched_idle_levels(w->sched) == SCHED_LEVELS && !loop_has_events(w->loop))
            rt_engine_settle(w->engine); /* it will wait */
        sched_turn(w->sched, wait_ns);
        server_memory_look(w);
        server_admit_turn(w);
        board_set(&w->board->heartbeat_ns, loop_now_ns(w->loop));
    }
    stop(w);
    free(w);
    return ok;
}
