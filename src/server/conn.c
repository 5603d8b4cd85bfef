#include "server/conn.h"
#include "base/check.h"
#include "base/file.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define IN_MAX_BYTES       (HTTP_MAX_HEAD + SERVER_RECEIVE_BYTES)
#define HEAD_OUT_BYTES     MIB       /* of a response's head, and more than it ever needs */
#define KEEP_BYTES         (8 * KIB) /* larger buffers are given back between requests */
#define BODY_RECEIVE_BYTES (256 * KIB)
#define SPARE_BYTES        (16 * MIB)  /* and of bodies, one of at most so many is kept */
#define DISCARD_BYTES      (64 * KIB)  /* body read only to keep the connection; or lingering */
#define DRAIN_NS     ((u64)100000000)  /* for a request that is on its way when the drain begins */
#define EVICT_NS     ((u64)1000000000) /* silence after which a connection may have to go */
#define PACED_NS     ((u64)10000000)   /* between an answer and the client's next request */
#define BODY_BYTE_NS ((u64)1000000)    /* time that a byte of a body wins: 1 KB/s is too slow */

/* ---- opening and closing ---- */

static void list_add(struct conn_list *list, struct conn *c)
{
    c->next = NULL;
    c->prev = list->last;
    if (list->last != NULL)
        list->last->next = c;
    else
        list->first = c;
    list->last = c;
}

static void list_remove(struct conn_list *list, struct conn *c)
{
    if (c->prev != NULL)
        c->prev->next = c->next;
    else
        list->first = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    else
        list->last = c->prev;
}

void server_conn_watch(struct conn *c, u32 events)
{
    if (c->events == events)
        return;
    c->events = events;
    loop_change(c->worker->loop, &c->watch, events);
}

/* A deadline moves with every request, the timer only when it would come too late: when it comes
 * too early, it is set again. */
static void set_deadline(struct conn *c, u64 at_ns)
{
    if (c->gone_ns != 0)
        at_ns = min_u64(at_ns, c->gone_ns);
    c->deadline_ns = at_ns;
    if (c->timer_ns != 0 && c->timer_ns <= at_ns)
        return;
    c->timer_ns = at_ns;
    loop_timer_start(c->worker->loop, &c->timer, at_ns);
}

void server_conn_set_timeout(struct conn *c, u64 delay_ns)
{
    set_deadline(c, loop_now_ns(c->worker->loop) + delay_ns);
}

static void set_received(struct conn *c, const u8 *bytes, size_t len)
{
    c->bytes = bytes;
    c->at = 0;
    c->len = len;
}

void server_conn_release_large(struct buf *buf)
{
    if (buf->cap > KEEP_BYTES)
        buf_fini(buf);
    else
        buf_clear(buf);
}

/* One large body's memory is kept for the next: the kernel would clear its pages each time. */
void server_conn_release_body(struct conn *c)
{
    struct buf *body = &c->request.body, *spare = &c->worker->spare_body;
    if (body->cap > KEEP_BYTES && body->cap <= SPARE_BYTES && body->cap > spare->cap) {
        struct buf old = *spare;
        *spare = *body;
        *body = (struct buf){.limit_bytes = spare->limit_bytes};
        buf_fini(&old);
    } else {
        server_conn_release_large(body);
    }
}

static void take_spare(struct conn *c)
{
    struct buf *body = &c->request.body, *spare = &c->worker->spare_body;
    u64 len = c->parser.request.content_length;
    if (len <= KEEP_BYTES || spare->cap < len || body->cap >= len)
        return;
    struct buf own = *body;
    *body = *spare;
    buf_clear(body);
    *spare = own;
    buf_clear(spare);
}

/* The memory stays, in the free list: callers up the stack may still look at the state. */
void server_conn_close(struct conn *c)
{
    struct worker *w = c->worker;
    if (c->state == CONN_CLOSED)
        return;
    bool has_call = c->state == CONN_CALL || c->state == CONN_STREAM;
    int status = c->state == CONN_STREAM ? c->stream_status : 0;
    c->state = CONN_CLOSED;
    loop_timer_stop(w->loop, &c->timer);
    loop_remove(w->loop, &c->watch);
    close(c->watch.fd);
    if (has_call) {
        server_request_cancel(&c->request);
        server_request_log(&c->request, status, c->stream_bytes);
    }
    server_request_release(&c->request);
    server_conn_release_large(&c->in);
    server_conn_release_large(&c->out);
    server_conn_release_large(&c->chunk);
    server_conn_release_body(c);
    server_conn_release_large(&c->request.reply);
    server_conn_release_large(&c->request.head);
    list_remove(&w->open_conns, c);
    list_add(&w->free_conns, c);
    server_worker_conn_closed(w);
}

static void conn_event(struct loop_watch *w, u32 events);
static void conn_timeout(struct loop_timer *timer);

static struct conn *conn_take(struct worker *w)
{
    struct conn *c = w->free_conns.last; /* the one used last: it is still in the cache */
    if (c != NULL) {
        list_remove(&w->free_conns, c);
        return c;
    }
    c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    c->state = CONN_CLOSED;
    c->worker = w;
    c->watch.fn = conn_event;
    c->timer.fn = conn_timeout;
    c->request.worker = w;
    c->request.conn = c;
    buf_init(&c->in, IN_MAX_BYTES);
    size_t out_bytes = (size_t)max_u64(SERVER_PAGE_BYTES, w->reply_bytes_max) + HEAD_OUT_BYTES;
    buf_init(&c->out, out_bytes);
    buf_init(&c->chunk, out_bytes);
    buf_init(&c->request.body, w->body_bytes_max + 2 * SERVER_STREAM_BYTES + IN_MAX_BYTES);
    buf_init(&c->request.reply, w->reply_bytes_max);
    buf_init(&c->request.head, HTTP_MAX_HEAD);
    return c;
}

/* The open connections are in the order in which they became idle. */
void server_conn_begin_idle(struct conn *c)
{
    struct worker *w = c->worker;
    c->state = CONN_IDLE;
    c->since_ns = loop_now_ns(w->loop);
    http_parser_init(&c->parser);
    list_remove(&w->open_conns, c);
    list_add(&w->open_conns, c);
}

static void write_client(struct conn *c, const struct sockaddr_storage *address)
{
    const struct sockaddr_in *v4 = (const void *)address;
    const struct sockaddr_in6 *v6 = (const void *)address;
    bool is_v6 = address->ss_family == AF_INET6;
    const void *number = is_v6 ? (const void *)&v6->sin6_addr : (const void *)&v4->sin_addr;
    if (inet_ntop(address->ss_family, number, c->client, sizeof c->client) == NULL)
        c->client[0] = 0;
}

const char *server_conn_client(const struct conn *c)
{
    return c->client[0] == 0 ? NULL : c->client;
}

bool server_conn_open(struct worker *w, int fd, const struct sockaddr_storage *address)
{
    int one = 1;
    struct conn *c = conn_take(w);
    if (c == NULL) {
        close(fd);
        return false;
    }
    c->watch.fd = fd;
    if (!loop_add(w->loop, &c->watch, LOOP_READ, NULL)) {
        list_add(&w->free_conns, c);
        close(fd);
        return false;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    c->events = LOOP_READ;
    c->is_rude = c->was_served = false;
    write_client(c, address);
    c->out_at = 0;
    c->gone_ns = 0; /* the client before may have left in the middle of a call */
    c->timer_ns = 0;
    set_received(c, NULL, 0);
    list_add(&w->open_conns, c);
    w->connections += 1;
    server_conn_begin_idle(c);
    server_conn_set_timeout(c, w->limits->head_ns);
    return true;
}

bool server_conn_is_paced(const struct conn *c)
{
    return c->is_paced;
}

/* The one that has been idle longest, if that is long enough. */
static struct conn *find_idle(const struct worker *w)
{
    struct conn *c = w->open_conns.first;
    while (c != NULL && c->state != CONN_IDLE)
        c = c->next;
    bool is_enough = c != NULL && loop_now_ns(w->loop) - c->since_ns >= EVICT_NS;
    return is_enough ? c : NULL;
}

/* For how long its client has owed a step: of its time for a head, or for silence in a body or an
 * answer, so much is gone. 0: it owes none. */
static u64 owed_ns(const struct conn *c, u64 now)
{
    const struct config_limits *limits = c->worker->limits;
    const struct server_command *command = c->request.command;
    switch (c->state) {
    case CONN_HEAD: return now - min_u64(now, c->deadline_ns - limits->head_ns);
    case CONN_BODY:
    case CONN_SEND: return now - min_u64(now, c->deadline_ns - limits->body_idle_ns);
    case CONN_STREAM:
        return command != NULL && server_command_is_waiting(command) ? now - c->since_ns : 0;
    case CONN_IDLE:
    case CONN_CALL:
    case CONN_LINGER:
    case CONN_CLOSED: return 0;
    }
    UNREACHABLE();
}

/* One whose client has owed a step for so long. */
static struct conn *find_slow(const struct worker *w)
{
    u64 now = loop_now_ns(w->loop);
    struct conn *c = w->open_conns.first;
    while (c != NULL && owed_ns(c, now) < EVICT_NS)
        c = c->next;
    return c;
}

struct conn *server_conn_find_victim(const struct worker *w)
{
    struct conn *c = find_idle(w);
    return c != NULL ? c : find_slow(w);
}

void server_conn_evict(struct conn *c)
{
    bool has_begun = c->state == CONN_SEND || (c->state == CONN_STREAM && c->stream_status != 0);
    board_add(&c->worker->board->evicted, 1);
    if (has_begun)
        server_conn_cut(c);
    else
        server_conn_close(c);
}

/* ---- reading ---- */

/* The request ends here without having been read to its end. */
static void refuse(struct conn *c)
{
    c->is_rude = true;
    c->state = CONN_CALL;
    server_request_refuse(&c->request);
}

/* A refused request keeps its connection if what is left of its body is short. */
static bool begin_refused_body(struct conn *c)
{
    if (!c->parser.request.expects_continue && http_body_begin(&c->parser, DISCARD_BYTES, NULL))
        return true;
    refuse(c);
    return false;
}

static bool begin_body(struct conn *c)
{
    struct server_request *r = &c->request;
    u64 limit = r->target == REQUEST_CALL      ? r->route->plan->limits.body_bytes
                : r->target == REQUEST_PROGRAM ? UINT64_MAX /* it reads as it goes */
                                               : DISCARD_BYTES;
    if (r->target == REQUEST_REFUSED)
        return begin_refused_body(c);
    if (!http_body_begin(&c->parser, limit, &r->err)) {
        refuse(c);
        return false;
    }
    if (r->target == REQUEST_CALL)
        take_spare(c);
    if (c->parser.request.expects_continue && c->at == c->len) {
        buf_add_text(&c->out, HTTP_CONTINUE);
        server_conn_flush(c);
    }
    return c->state != CONN_CLOSED;
}

/* Each step reads what it can and returns true if the next one should be taken at once. */
static bool read_head(struct conn *c)
{
    struct worker *w = c->worker;
    struct server_request *r = &c->request;
    if (c->at == c->len)
        return false;
    bool is_first = c->state == CONN_IDLE;
    if (is_first) {
        server_request_begin(r);
        c->gone_ns = 0;
        c->next_came = false;
        c->is_paced = c->was_served && loop_now_ns(w->loop) - c->since_ns < PACED_NS;
    }
    c->state = CONN_HEAD;
    const u8 *head = c->bytes + c->at;
    enum http_result result = http_head_parse(&c->parser, head, c->len - c->at, &r->err);
    if (result == HTTP_MORE) {
        if (is_first)
            server_conn_set_timeout(c, w->limits->head_ns);
        return false;
    }
    board_add(&w->board->requests, 1);
    if (result == HTTP_FAILED) {
        refuse(c);
        return false;
    }
    server_request_route(r, &c->parser, head);
    c->at += c->parser.head_len;
    c->state = CONN_BODY;
    c->since_ns = loop_now_ns(w->loop);
    if (!begin_body(c))
        return false;
    if (r->target == REQUEST_PROGRAM) {
        c->state = CONN_STREAM;
        c->body_done = false;
        c->stream_bytes = 0;
        c->stream_status = 0;
        server_conn_set_timeout(c, w->limits->body_idle_ns);
        server_request_run(r);
    }
    return c->state == CONN_BODY || c->state == CONN_STREAM;
}

/* A body must not fall silent, nor drip: what has come of it wins it more time, byte by byte. */
static void await_body(struct conn *c)
{
    u64 idle_ns = c->worker->limits->body_idle_ns;
    u64 earned_ns = c->request.body.len * BODY_BYTE_NS;
    u64 silent_ns = loop_now_ns(c->worker->loop) + idle_ns;
    set_deadline(c, min_u64(silent_ns, c->since_ns + idle_ns + earned_ns));
}

/* The client has broken its request off, or been too slow: err of the request says how. */
static void fail_stream(struct conn *c)
{
    server_request_cancel(&c->request);
    if (c->stream_status != 0)
        server_conn_cut(c);
    else
        refuse(c);
}

/* A program's body, as it comes. */
static bool read_stream(struct conn *c)
{
    struct server_request *r = &c->request;
    size_t used;
    struct http_text data;
    enum http_result result =
        http_body_parse(&c->parser, c->bytes + c->at, c->len - c->at, &used, &data, &r->err);
    c->at += used;
    switch (result) {
    case HTTP_MORE: server_conn_set_timeout(c, c->worker->limits->body_idle_ns); return false;
    case HTTP_DATA:
        c->since_ns = min_u64(loop_now_ns(c->worker->loop), c->since_ns + data.len * BODY_BYTE_NS);
        r->body_bytes += data.len;
        if (r->body_taken >= SERVER_STREAM_BYTES / 2) /* worth moving the rest */
            server_request_drop_taken(r);
        buf_add(&r->body, data.bytes, data.len);
        if (!buf_ok(&r->body)) {
            err_set(&r->err, ERR_LIMIT, ERR_NO_AT, "no memory for the request body");
            fail_stream(c);
            return false;
        }
        server_request_body_came(r, false);
        return true;
    case HTTP_DONE:
        c->body_done = true;
        server_request_body_came(r, true);
        return false;
    case HTTP_FAILED: fail_stream(c); return false;
    }
    UNREACHABLE();
}

/* What receive_body has received stands in its place already. */
static void add_body(struct buf *body, struct http_text data)
{
    if (body->bytes != NULL && data.bytes == (const char *)body->bytes + body->len)
        buf_commit(body, data.len);
    else
        buf_add(body, data.bytes, data.len);
}

static bool read_body(struct conn *c)
{
    struct server_request *r = &c->request;
    bool is_refused = r->target == REQUEST_REFUSED;
    size_t used;
    struct http_text data;
    enum http_result result = http_body_parse(&c->parser, c->bytes + c->at, c->len - c->at, &used,
                                              &data, is_refused ? NULL : &r->err);
    c->at += used;
    switch (result) {
    case HTTP_MORE: await_body(c); return false;
    case HTTP_DATA:
        r->body_bytes += data.len;
        if (r->target == REQUEST_CALL)
            add_body(&r->body, data);
        return true;
    case HTTP_DONE:
        c->state = CONN_CALL;
        c->deadline_ns = UINT64_MAX;
        server_request_run(r);
        return c->state == CONN_IDLE;
    case HTTP_FAILED: refuse(c); return false;
    }
    UNREACHABLE();
}

/* Goes on for as long as the bytes at hand say what to do. */
static void advance(struct conn *c)
{
    bool goes_on = true;
    while (goes_on) {
        if (c->state == CONN_IDLE || c->state == CONN_HEAD)
            goes_on = read_head(c);
        else if (c->state == CONN_STREAM)
            goes_on = !c->body_done && read_stream(c);
        else
            goes_on = c->state == CONN_BODY && read_body(c);
    }
    if (c->state == CONN_STREAM)
        server_conn_watch_stream(c);
    if (c->state == CONN_IDLE || c->state == CONN_HEAD || c->state == CONN_BODY)
        server_conn_watch(c, LOOP_READ);
    if (c->state == CONN_IDLE && c->worker->draining)
        server_conn_close(c);
}

void server_conn_continue(struct conn *c)
{
    if (c->state == CONN_IDLE)
        advance(c);
}

bool server_conn_body_ended(const struct conn *c)
{
    return c->state == CONN_STREAM && c->body_done;
}

void server_conn_watch_wall(struct conn *c)
{
    set_deadline(c, c->request.wall_end_ns);
}

/* How much of the body is so far from its end that it is worth being received in its place. */
static size_t long_body_left(const struct conn *c)
{
    const struct server_request *r = &c->request;
    if (c->state != CONN_BODY || r->target != REQUEST_CALL || c->parser.request.is_chunked ||
        c->at < c->len || !buf_ok(&r->body))
        return 0;
    u64 left = c->parser.request.content_length - r->body.len;
    return left < SERVER_RECEIVE_BYTES ? 0 : (size_t)min_u64(left, BODY_RECEIVE_BYTES);
}

/* Bytes of the body only, and where they are to stay: nobody copies them. */
static ssize_t receive_body(struct conn *c, size_t len)
{
    u8 *room = buf_reserve(&c->request.body, len);
    if (room == NULL)
        return 0;
    ssize_t got = recv(c->watch.fd, room, len, 0);
    if (got > 0)
        set_received(c, room, (size_t)got);
    return got;
}

/* Receives behind what is left of `in`, or if nothing is, into the worker's buffer. */
static ssize_t receive_more(struct conn *c)
{
    struct worker *w = c->worker;
    size_t body_len = long_body_left(c);
    if (body_len > 0)
        return receive_body(c, body_len);
    if (c->at == c->len) {
        ssize_t got = recv(c->watch.fd, w->receive, sizeof w->receive, 0);
        if (got > 0)
            set_received(c, w->receive, (size_t)got);
        return got;
    }
    buf_consume(&c->in, c->at);
    set_received(c, c->in.bytes, c->in.len);
    u8 *room = buf_reserve(&c->in, SERVER_RECEIVE_BYTES);
    if (room == NULL)
        return 0;
    ssize_t got = recv(c->watch.fd, room, SERVER_RECEIVE_BYTES, 0);
    if (got > 0)
        buf_commit(&c->in, (size_t)got);
    set_received(c, c->in.bytes, c->in.len);
    return got;
}

/* Moves what is left in the worker's buffer to the connection's own. */
static void keep_rest(struct conn *c)
{
    if (c->bytes == c->worker->receive && c->at < c->len) {
        buf_clear(&c->in);
        buf_add(&c->in, c->bytes + c->at, c->len - c->at);
        set_received(c, c->in.bytes, c->in.len);
    }
    if (c->at == c->len) {
        set_received(c, NULL, 0);
        buf_fini(&c->in);
    }
}

/* True if there is likely to be more at once. */
static bool receive(struct conn *c)
{
    ssize_t got = receive_more(c);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (got <= 0) {
        server_conn_close(c);
        return false;
    }
    advance(c);
    if (c->state != CONN_CLOSED)
        keep_rest(c);
    if (!buf_ok(&c->in))
        server_conn_close(c);
    return got == SERVER_RECEIVE_BYTES;
}

static void discard(struct conn *c)
{
    struct worker *w = c->worker;
    ssize_t got = recv(c->watch.fd, w->receive, sizeof w->receive, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got > 0)
        c->discarded += (u64)got;
    if (got <= 0 || c->discarded > DISCARD_BYTES)
        server_conn_close(c);
}

/* A client that closes its side while its answer is being made has gone, most likely: it could also
 * just have nothing more to say. It gets as long as a person would wait; then its call ends. */
static void notice_end(struct conn *c)
{
    u8 byte;
    ssize_t got = recv(c->watch.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    server_conn_watch(c, c->events & ~(u32)LOOP_READ); /* the next request waits for the answer */
    c->next_came = true;
    if (got > 0)
        return;
    c->gone_ns = loop_now_ns(c->worker->loop) + SERVER_GONE_NS;
    set_deadline(c, c->deadline_ns);
}

/* ---- events ---- */

static void conn_readable(struct conn *c)
{
    switch (c->state) {
    case CONN_IDLE:
    case CONN_HEAD:
    case CONN_BODY: receive(c); return;
    case CONN_STREAM: /* in few large pieces: the program is woken for each */
        if (c->body_done) {
            notice_end(c);
            return;
        }
        while (c->state == CONN_STREAM && server_conn_wants_body(c) && receive(c)) {
        }
        if (c->state == CONN_STREAM)
            server_conn_watch_stream(c);
        return;
    case CONN_CALL: notice_end(c); return;
    case CONN_SEND:
        server_conn_watch(c, c->events & ~(u32)LOOP_READ);
        return; /* not before the answer has left */
    case CONN_LINGER: discard(c); return;
    case CONN_CLOSED: return;
    }
}

static void conn_event(struct loop_watch *w, u32 events)
{
    struct conn *c = CONTAINER_OF(w, struct conn, watch);
    bool reads = c->state == CONN_IDLE || c->state == CONN_HEAD || c->state == CONN_BODY ||
                 c->state == CONN_STREAM;
    if ((events & LOOP_HANGUP) != 0 && !(reads && (events & LOOP_READ) != 0)) {
        server_conn_close(c);
        return;
    }
    if ((events & LOOP_WRITE) != 0 && c->state == CONN_SEND) {
        server_conn_send_answer(c);
        server_conn_continue(c);
    }
    if ((events & LOOP_WRITE) != 0 && c->state == CONN_STREAM)
        server_conn_send_stream(c);
    if ((events & LOOP_READ) != 0)
        conn_readable(c);
}

static void call_timeout(struct conn *c)
{
    struct server_request *r = &c->request;
    if (c->gone_ns != 0 && loop_now_ns(c->worker->loop) >= c->gone_ns) {
        server_conn_close(c);
        return;
    }
    if ((r->is_waiting || r->is_held) && loop_now_ns(c->worker->loop) >= r->wall_end_ns) {
        c->deadline_ns = UINT64_MAX;
        server_call_expire(r);
        server_conn_continue(c);
    } else if (c->state == CONN_STREAM &&
               (server_conn_wants_body(c) || server_conn_waiting_bytes(c) > 0)) {
        c->request.err = (struct err){0};
        err_set(&c->request.err, ERR_HTTP_TIMEOUT, ERR_NO_AT,
                "the client sends its body, or takes the answer, too slowly");
        fail_stream(c);
    } else if (c->state == CONN_STREAM) { /* the program has all it needs: its own clocks run */
        server_conn_set_timeout(c, c->worker->limits->body_idle_ns);
    }
}

static void conn_timeout(struct loop_timer *timer)
{
    struct conn *c = CONTAINER_OF(timer, struct conn, timer);
    c->timer_ns = 0;
    if (c->deadline_ns > loop_now_ns(c->worker->loop)) {
        if (c->deadline_ns != UINT64_MAX)
            set_deadline(c, c->deadline_ns);
        return;
    }
    switch (c->state) {
    case CONN_HEAD:
    case CONN_BODY:
        c->request.err = (struct err){0};
        err_set(&c->request.err, ERR_HTTP_TIMEOUT, ERR_NO_AT,
                c->state == CONN_HEAD ? "the request head did not arrive in time"
                                      : "the request body arrives too slowly");
        refuse(c);
        return;
    case CONN_STREAM:
    case CONN_CALL: call_timeout(c); return;
    case CONN_IDLE:
    case CONN_SEND:
    case CONN_LINGER: server_conn_close(c); return;
    case CONN_CLOSED: return;
    }
}

void server_conns_drain(struct worker *w)
{
    for (struct conn *c = w->open_conns.first; c != NULL; c = c->next)
        if (c->state == CONN_IDLE)
            server_conn_set_timeout(c, DRAIN_NS);
}

void server_conns_destroy(struct worker *w)
{
    struct conn *c;
    while ((c = w->open_conns.first) != NULL)
        server_conn_close(c);
    while ((c = w->free_conns.first) != NULL) {
        list_remove(&w->free_conns, c);
        buf_fini(&c->in);
        buf_fini(&c->out);
        buf_fini(&c->chunk);
        buf_fini(&c->request.body);
        buf_fini(&c->request.reply);
        buf_fini(&c->request.head);
        free(c);
    }
}
