/*
 * server/memory.c -- a worker takes no more memory than it may.
 *
 * What guests may have together is more than any machine has; most of them write little of it. So
 * the kernel is asked, now and then, what the process really takes. When that comes near what it
 * may, idle instances give theirs back, and routes whose calls take much start no more of them:
 * the others need not notice. When it is more, the call that holds most is ended, until it is less.
 */
#include "base/check.h"
#include "base/file.h"
#include "proc/machine.h"
#include "server/conn.h"
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define LOOK_NS     ((u64)2000000)   /* a look takes about 1 us */
#define REST_NS     ((u64)100000000) /* after a search for a call to end that found none */
#define NEAR_PART   8                /* near: less than one of so many parts is left */
#define LEAST_BYTES (15 * MIB)       /* less than that is no limit but a mistake */
#define LARGE_BYTES MIB              /* calls that hold less stand in nobody's way */

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
    memory->max_bytes = w->limits->worker_memory_bytes;
    memory->fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (memory->fd < 0)
        return err_sys(err, "cannot open /proc/self/statm, which says how much memory is in use");
    u64 least = max_u64(LEAST_BYTES, 2 * taken_bytes(memory));
    board_set(&w->board->memory_max_bytes, memory->max_bytes);
    if (memory->max_bytes < least)
        return err_set(err, ERR_LIMIT, ERR_NO_AT,
                       "a worker may take %llu MiB of memory and needs %llu to serve this: say "
                       "--worker-memory-mib, or start fewer --workers",
                       (unsigned long long)(memory->max_bytes / MIB),
                       (unsigned long long)(least / MIB + 1));
    return true;
}

static u64 near_bytes(const struct worker_memory *memory)
{
    return memory->max_bytes - memory->max_bytes / NEAR_PART;
}

bool server_memory_keeps_waiting(const struct worker *w, const struct served_route *route)
{
    u64 call_bytes = rt_pool_call_bytes(route->versions[0].pool);
    if (call_bytes < LARGE_BYTES || sched_task_count(w->sched) == 0)
        return false;
    u64 running = board_get(&route->board->running); /* some may not have written much yet */
    return w->memory.is_near || (running + 1) * call_bytes > near_bytes(&w->memory);
}

/* The request whose call holds most; NULL: none is large. */
static struct server_request *find_largest(struct worker *w)
{
    struct server_request *largest = NULL;
    u64 most = LARGE_BYTES;
    for (struct conn *conn = w->open_conns.first; conn != NULL; conn = conn->next) {
        struct server_request *r = &conn->request;
        u64 held = r->task == NULL ? 0 : rt_instance_held_bytes(r->instance, most);
        if (held <= most)
            continue;
        most = held;
        largest = r;
    }
    return largest;
}

void server_memory_look(struct worker *w)
{
    struct worker_memory *memory = &w->memory;
    u64 now = loop_now_ns(w->loop);
    if (now < memory->next_look_ns)
        return;
    memory->next_look_ns = now + LOOK_NS;
    u64 bytes = taken_bytes(memory);
    if (bytes >= near_bytes(memory)) {
        rt_engine_trim(w->engine);
        bytes = taken_bytes(memory);
    }
    memory->is_near = bytes >= near_bytes(memory);
    board_set(&w->board->memory_bytes, bytes);
    if (bytes <= memory->max_bytes)
        return;
    struct server_request *largest = find_largest(w);
    if (largest == NULL) {
        memory->next_look_ns = now + REST_NS;
        return;
    }
    board_add(&w->board->memory_ended, 1);
    sched_cancel(largest->task, ABI_TRAP_MEMORY_SHARE);
}
