/*
 * server/memory.c -- a worker takes no more memory than it may.
 *
 * What guests may have together is more than any machine has; most of them write little of it. So
 * the kernel is asked, now and then, what the process really takes. When that comes near what it
 * may, idle instances are given up, and routes whose calls take much start no more of them: the
 * others need not notice. When it is more, or they have waited for long, whoever holds most is
 * ended, call or connection, until it is less.
 */
#include "base/check.h"
#include "base/file.h"
#include "proc/machine.h"
#include "server/conn.h"
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define LOOK_NS     ((u64)2000000)   /* a look takes about 1 us */
#define STUCK_NS    ((u64)100000000) /* so long may large calls wait for one another */
#define NEAR_PART   8                /* near: less than one of so many parts is left */
#define TRIM_COUNT  8                /* idle instances that are given up at a time */
#define LEAST_BYTES (15 * MIB)       /* less than that is no limit but a mistake */
#define LARGE_BYTES (8 * MIB)        /* more than idle instances keep, so it is a call's own */

u64 server_memory_fit(u64 bytes, u32 worker_count)
{
    return min_u64(bytes, proc_memory_bytes("") / 4 * 3 / worker_count);
}

/* What the process has written, 0 if nobody says: pages of files, and those shared with others, are
 * not counted. */
static u64 taken_bytes(const struct worker_memory *memory)
{
    char text[128];
    ssize_t len = pread(memory->fd, text, sizeof text - 1, 0);
    if (len <= 0)
        return 0;
    text[len] = 0;
    char *at = text;
    strtoull(at, &at, 10); /* of address space */
    u64 resident = strtoull(at, &at, 10), shared = strtoull(at, &at, 10);
    return resident > shared ? (resident - shared) * (u64)sysconf(_SC_PAGESIZE) : 0;
}

bool server_memory_open(struct worker *w, struct err *err)
{
    struct worker_memory *memory = &w->memory;
    u64 asked_bytes = w->plan->limits.worker_memory_bytes;
    memory->fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (memory->fd < 0)
        return err_sys(err, "cannot open /proc/self/statm, which says how much memory is in use");
    /* However little the machine has, it is served what there is. */
    u64 least = max_u64(LEAST_BYTES, 2 * taken_bytes(memory));
    memory->max_bytes = max_u64(w->limits->worker_memory_bytes, min_u64(least, asked_bytes));
    board_set(&w->board->memory_max_bytes, memory->max_bytes);
    if (memory->max_bytes < least)
        return err_set(
            err, ERR_LIMIT, ERR_NO_AT,
            "a worker may take %llu MiB of memory and needs %llu to serve this: say more "
            "with --worker-memory-mib",
            (unsigned long long)(memory->max_bytes / MIB), (unsigned long long)(least / MIB + 1));
    return true;
}

static u64 near_bytes(const struct worker_memory *memory)
{
    return memory->max_bytes - memory->max_bytes / NEAR_PART;
}

/* ---- who has to wait ---- */

/* What its calls take, by whichever version. */
static u64 call_bytes(const struct served_route *route)
{
    u64 most = 0;
    for (u32 i = 0; i < SERVER_VERSIONS; i++)
        if (route->versions[i].module != NULL)
            most = max_u64(most, rt_pool_call_bytes(route->versions[i].pool));
    return most;
}

bool server_memory_keeps_waiting(const struct worker *w, const struct served_route *route)
{
    u64 bytes = call_bytes(route);
    if (bytes < LARGE_BYTES || sched_task_count(w->sched) == 0)
        return false;
    u64 running = board_get(&route->board->running); /* some may not have written much yet */
    return w->memory.is_near || (running > 0 && (running + 1) * bytes > near_bytes(&w->memory));
}

/* ---- who has to go ---- */

/* What a connection takes: its request, its answer, and its call if that can be more than least. */
static u64 held_bytes(const struct conn *conn, u64 least)
{
    const struct server_request *r = &conn->request;
    u64 bytes =
        conn->in.cap + conn->out.cap + conn->chunk.cap + r->head.cap + r->body.cap + r->reply.cap;
    if (r->task != NULL)
        bytes += rt_instance_held_bytes(r->instance, least > bytes ? least - bytes : 0);
    return bytes;
}

/* The one that takes most, if that is more than `most`. */
static struct conn *find_largest(const struct worker *w, u64 most)
{
    struct conn *largest = NULL;
    for (struct conn *conn = w->open_conns.first; conn != NULL; conn = conn->next) {
        u64 held = held_bytes(conn, most);
        if (held <= most)
            continue;
        most = held;
        largest = conn;
    }
    return largest;
}

static void end_largest(struct worker *w)
{
    u64 begun = clock_monotonic_ns();
    struct conn *largest = find_largest(w, LARGE_BYTES);
    if (largest == NULL)
        largest = find_largest(w, 0); /* then there are many */
    if (largest != NULL) {
        board_add(&w->board->memory_ended, 1);
        if (largest->request.task != NULL)
            sched_cancel(largest->request.task, ABI_TRAP_MEMORY_SHARE);
        else
            server_conn_cut(largest);
    }
    u64 now = clock_monotonic_ns();
    w->memory.next_look_ns = now + max_u64(LOOK_NS, now - begun);
}

/* Since when have requests waited because of what others have? 0: they have not. */
static u64 kept_since(const struct worker *w, u64 now)
{
    if (!w->memory.is_near || w->waiting == server_admit_waiting(w))
        return 0;
    return w->memory.kept_since_ns == 0 ? now : w->memory.kept_since_ns;
}

void server_memory_look(struct worker *w)
{
    struct worker_memory *memory = &w->memory;
    u64 now = loop_now_ns(w->loop);
    if (now < memory->next_look_ns)
        return;
    memory->next_look_ns = now + LOOK_NS;
    u64 bytes = taken_bytes(memory);
    while (bytes >= near_bytes(memory) && rt_engine_trim(w->engine, TRIM_COUNT))
        bytes = taken_bytes(memory);
    memory->is_near = bytes >= near_bytes(memory);
    memory->kept_since_ns = kept_since(w, now);
    board_set(&w->board->memory_bytes, bytes);
    bool is_stuck = memory->kept_since_ns != 0 && now - memory->kept_since_ns >= STUCK_NS;
    if (bytes > memory->max_bytes || is_stuck) {
        memory->kept_since_ns = 0;
        end_largest(w);
    }
}
