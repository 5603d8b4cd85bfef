#include "server/initialise.h"
#include "base/check.h"
#include "base/file.h"
#include "base/text.h"
#include "proc/spawn.h"
#include "server/initialiser.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MARGIN_NS  ((u64)10000000000) /* for loading modules, beside the limits of two runs */
#define END_NS     ((u64)2000000000)  /* to end, and write its last lines, behind a report */
#define PIECE      ((u64)64 * KIB)
#define PAGE_BYTES ((u64)4096)
#define SEALS      (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

struct round {
    const struct server_initialise_options *options;
    const struct server_plan *plan;
    struct server_module *modules;
    struct server_route *routes; /* one for the limits of each module */
    struct server_initialisation *out;
    int kept; /* all snapshots; -1: they are not kept */
    u64 kept_len;
    /* of the current process */
    pid_t pid;
    int file, pipe;
    u64 end_ns;
};

static const char *const mode_texts[] = {[SERVER_SNAPSHOT_AUTO] = "auto",
                                         [SERVER_SNAPSHOT_ALWAYS] = "always",
                                         [SERVER_SNAPSHOT_NEVER] = "never"};

bool server_snapshot_mode_read(const struct config_text *from, enum server_snapshot_mode *out,
                               struct err *err)
{
    for (u32 i = 0; i < COUNT_OF(mode_texts); i++)
        if (strcmp(from->text, mode_texts[i]) == 0) {
            *out = (enum server_snapshot_mode)i;
            return true;
        }
    err_set(err, ERR_USAGE, ERR_NO_AT, "%s takes auto, always or never, not \"%s\"", from->key,
            from->text);
    return config_fail_at(from->at, err);
}

void server_initialisation_write(const struct server_initialisation *initialisation,
                                 struct buf *out)
{
    switch (initialisation->when) {
    case SERVER_INITIALISED_NEVER:
        buf_add_text(out, "never: it has no start function and no _initialize");
        return;
    case SERVER_INITIALISED_ONCE:
        buf_add_format(out, "once, at the start: snapshot of %llu bytes",
                       (unsigned long long)initialisation->bytes);
        if (initialisation->reason[0] != 0)
            buf_add_format(out, ", though %s: all instances share what that said, secrets too",
                           initialisation->reason);
        return;
    case SERVER_INITIALISED_REQUEST:
        buf_add_format(out, "for every request: %s", initialisation->reason);
        return;
    }
}

/* ---- one process ---- */

/* A process is told no more than it needs: the modules from `from` on, and their limits. */
static int plan_file(const struct round *r, u32 from, struct err *err)
{
    u32 count = r->plan->module_count - from;
    for (u32 i = 0; i < count; i++)
        r->routes[from + i].module = i;
    const struct server_plan plan = {.modules = r->modules + from,
                                     .module_count = count,
                                     .routes = r->routes + from,
                                     .route_count = count,
                                     .limits = r->plan->limits,
                                     .log_format = r->plan->log_format,
                                     .mac_key = r->plan->mac_key};
    return server_plan_file(&plan, err);
}

/* For the modules from `from` on: it does as many as it can do before it has run guest code. */
static bool start(struct round *r, u32 from, struct err *err)
{
    int ends[2];
    r->pipe = -1;
    r->file = memfd_create("weir-snapshot", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (r->file < 0 || ftruncate(r->file, (off_t)RT_SNAPSHOT_MAX) != 0 ||
        fcntl(r->file, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0)
        return err_sys(err, "cannot make a file for a snapshot");
    if (pipe2(ends, O_CLOEXEC) != 0)
        return err_sys(err, "cannot make a pipe");
    r->pipe = ends[0];
    int plan = plan_file(r, from, err);
    const int fds[INITIALISER_FDS] = {
        [INITIALISER_FD_PLAN] = plan,
        [INITIALISER_FD_SNAPSHOT] = r->file,
        [INITIALISER_FD_REPORT] = ends[1],
        [INITIALISER_FD_LOG] = r->options->log_fd,
    };
    char mode[16];
    snprintf(mode, sizeof mode, "%s", mode_texts[r->options->mode]);
    char *const argv[] = {"weir", "initialise", mode, NULL};
    bool ok = plan >= 0 && proc_spawn(NULL, argv, fds, INITIALISER_FDS, &r->pid, err);
    fd_close(&plan);
    fd_close(&ends[1]);
    u64 wall_ns = 0;
    for (u32 i = from; i < r->plan->module_count; i++)
        wall_ns = max_u64(wall_ns, r->routes[i].limits.wall_ns);
    r->end_ns = clock_monotonic_ns() + 2 * wall_ns + MARGIN_NS;
    return ok;
}

static bool read_report(struct round *r, struct initialiser_report *report)
{
    size_t len = 0;
    while (len < sizeof *report) {
        u64 now = clock_monotonic_ns();
        struct pollfd watched = {.fd = r->pipe, .events = POLLIN};
        if (now >= r->end_ns)
            return false;
        int count = poll(&watched, 1, (int)min_u64((r->end_ns - now) / 1000000 + 1, 60000));
        if (count < 0 && errno != EINTR)
            return false;
        if (count <= 0)
            continue;
        ssize_t got = read(r->pipe, (u8 *)report + len, sizeof *report - len);
        if (got <= 0)
            return false;
        len += (size_t)got;
    }
    report->text[sizeof report->text - 1] = 0;
    text_make_plain(report->text, strlen(report->text));
    return true;
}

/* Lets it end in its time, or ends it: nothing of it is left when this returns. */
static int end(struct round *r)
{
    int status = 0;
    if (r->pid > 0) {
        u64 now = clock_monotonic_ns(), end_ns = min_u64(r->end_ns, now + END_NS);
        struct pollfd watched = {.fd = pidfd_open(r->pid, 0), .events = POLLIN};
        int ms = now >= end_ns ? 0 : (int)((end_ns - now) / 1000000);
        if (watched.fd < 0 || poll(&watched, 1, ms) <= 0)
            kill(r->pid, SIGKILL);
        fd_close(&watched.fd);
        while (waitpid(r->pid, &status, 0) < 0 && errno == EINTR) {
        }
    }
    r->pid = 0;
    fd_close(&r->pipe);
    return status;
}

/* ---- snapshots ---- */

static bool copy_piece(int from, int to, u64 at, u64 len, u64 to_at)
{
    u8 bytes[PIECE];
    while (len > 0) {
        ssize_t got = pread(from, bytes, min_u64(len, sizeof bytes), (off_t)at);
        if (got <= 0 || pwrite(to, bytes, (size_t)got, (off_t)to_at) != got)
            return false;
        at += (u64)got;
        to_at += (u64)got;
        len -= (u64)got;
    }
    return true;
}

/* Appends the first bytes of the file, holes as holes. */
static bool keep(struct round *r, struct server_module *module, u64 len, struct err *err)
{
    bool ok = ftruncate(r->kept, (off_t)(r->kept_len + len)) == 0;
    off_t at = 0, hole = 0;
    while (ok && (at = lseek(r->file, hole, SEEK_DATA)) >= 0 && (u64)at < len) {
        hole = (off_t)min_u64((u64)lseek(r->file, at, SEEK_HOLE), len);
        ok = copy_piece(r->file, r->kept, (u64)at, (u64)(hole - at), r->kept_len + (u64)at);
    }
    if (!ok || (at < 0 && errno != ENXIO)) /* that says: no more data */
        return err_sys(err, "cannot keep a snapshot");
    module->snapshot_at = r->kept_len;
    module->snapshot_len = len;
    r->kept_len += len;
    return true;
}

static bool take_snapshot(struct round *r, u32 index, const struct initialiser_report *report,
                          struct err *err)
{
    struct stat st;
    if (fstat(r->file, &st) != 0)
        return err_sys(err, "cannot look at a snapshot");
    u64 len = report->len;
    if (len == 0 || len > RT_SNAPSHOT_MAX || len % PAGE_BYTES != 0)
        return err_set(err, ERR_SYSTEM, ERR_NO_AT,
                       "the process that initialises it wrote nonsense");
    r->out[index] = (struct server_initialisation){.when = SERVER_INITIALISED_ONCE,
                                                   .bytes = (u64)st.st_blocks * 512};
    memcpy(r->out[index].reason, report->text, sizeof report->text);
    return r->kept < 0 || keep(r, &r->modules[index], len, err);
}

/* ---- all of them ---- */

static bool take_report(struct round *r, u32 index, const struct initialiser_report *report,
                        struct err *err)
{
    struct server_initialisation *out = &r->out[index];
    switch (report->outcome) {
    case INITIALISER_NONE: *out = (struct server_initialisation){0}; return true;
    case INITIALISER_SNAPSHOT: return take_snapshot(r, index, report, err);
    case INITIALISER_REQUEST:
        *out = (struct server_initialisation){.when = SERVER_INITIALISED_REQUEST};
        memcpy(out->reason, report->text, sizeof report->text);
        return true;
    default: break;
    }
    bool is_known = report->code > ERR_NONE && report->code < ERR_COUNT;
    return err_set(err, is_known ? (enum err_code)report->code : ERR_INTERNAL, ERR_NO_AT, "%s",
                   report->text);
}

/* Puts its name, where it has one, in front of what went wrong. Always false. */
static bool name_module(const struct round *r, u32 index, struct err *err)
{
    const char *name = r->modules[index].name;
    return name[0] != 0 && err_context(err, "%s", name);
}

/* Modules from *next on, in one process, and moves *next behind them. */
static bool run(struct round *r, u32 *next, struct err *err)
{
    u32 first = *next, count = 0;
    static const struct initialiser_report empty = {0};
    struct initialiser_report report = empty, last = empty;
    if (!start(r, first, err)) {
        end(r);
        return false;
    }
    while (first + count < r->plan->module_count && last.outcome == INITIALISER_NONE &&
           read_report(r, &report)) {
        last = report;
        if (last.outcome == INITIALISER_NONE && !take_report(r, first + count, &last, err))
            break;
        count++;
    }
    *next = first + count;
    int status = end(r);
    if (count > 0 && last.outcome != INITIALISER_NONE)
        return take_report(r, first + count - 1, &last, err) || name_module(r, *next - 1, err);
    if (*next == r->plan->module_count)
        return true;
    char text[128];
    proc_status_text(status, text, sizeof text);
    err_set(err, ERR_SYSTEM, ERR_NO_AT, "the process that initialises it ended: %s", text);
    return name_module(r, *next, err);
}

/* What holds for a module: the longest time of its routes, the least memory. */
static void set_limits(struct server_route *route, const struct server_plan *plan, u32 module)
{
    bool is_first = true;
    *route = (struct server_route){.name = "", .path = "/", .previous = SERVER_NO_MODULE};
    route->limits = plan->limits;
    for (u32 i = 0; i < plan->route_count; i++) {
        if (plan->routes[i].module != module && plan->routes[i].previous != module)
            continue;
        config_limits_join(&route->limits, &plan->routes[i].limits, is_first);
        is_first = false;
    }
}

static bool run_all(struct round *r, struct err *err)
{
    bool ok = true;
    for (u32 next = 0; ok && next < r->plan->module_count;) {
        r->file = -1;
        ok = run(r, &next, err);
        fd_close(&r->file);
    }
    return ok && (r->kept < 0 || fcntl(r->kept, F_ADD_SEALS, SEALS) == 0 ||
                  err_sys(err, "cannot seal the snapshots"));
}

bool server_initialise(const struct server_initialise_options *options,
                       const struct server_plan *plan, struct server_module *modules,
                       struct server_initialisation *out, int *snapshots, struct err *err)
{
    struct round r = {.options = options, .plan = plan, .modules = modules, .out = out, .kept = -1};
    r.routes = calloc(plan->module_count + 1u, sizeof *r.routes);
    if (r.routes == NULL)
        return err_set(err, ERR_LIMIT, ERR_NO_AT, "too many modules");
    for (u32 i = 0; i < plan->module_count; i++)
        set_limits(&r.routes[i], plan, i);
    if (snapshots != NULL)
        r.kept = memfd_create("weir-snapshots", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    bool ok = snapshots == NULL || r.kept >= 0 || err_sys(err, "cannot make a file for snapshots");
    ok = ok && run_all(&r, err);
    free(r.routes);
    if (!ok)
        fd_close(&r.kept);
    else if (snapshots != NULL)
        *snapshots = r.kept;
    return ok;
}
