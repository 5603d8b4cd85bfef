/*
 * server/control.c -- HTTP on the control socket: a few connections, one request at a time on each,
 * GET and HEAD of a handful of paths.
 *
 * A connection has WAIT_NS for each request, and for the client to take its answer. When there is
 * no place for another, the one that has been silent longest ends: whoever asks is heard.
 */
#include "server/control.h"
#include "base/check.h"
#include "base/file.h"
#include "http/http.h"
#include "proc/jail.h"
#include "server/status.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS_MAX   64
#define WAIT_NS       ((u64)30 * 1000000000)
#define LINGER_NS     ((u64)1000000000)
#define STOP_NS       ((u64)500000000) /* for answers that are on their way at the end */
#define PAUSE_NS      ((u64)100000000) /* in accepting, when that fails */
#define RECEIVE_BYTES (4 * KIB)
#define IN_BYTES      (HTTP_MAX_HEAD + RECEIVE_BYTES)
#define OUT_BYTES     (64 * MIB)

enum client_state {
    CLIENT_NONE,  /* the place is free */
    CLIENT_READ,  /* a request is awaited, or a part of it has come */
    CLIENT_SEND,  /* the answer is on its way */
    CLIENT_LINGER /* answered and shut; what still comes is thrown away */
};

struct control;

struct client {
    struct loop_watch watch;
    struct loop_timer timer;
    struct control *control;
    enum client_state state;
    u64 since_ns;             /* of that state */
    bool keep_alive, is_rude; /* rude: what it sent was not read to its end */
    struct http_parser parser;
    struct buf in, out;
    size_t out_at; /* sent of out */
};

struct control {
    const struct server_control_config *config;
    struct loop *loop;
    struct loop_watch listener, signals;
    struct loop_timer pause, stop;
    bool is_listening, is_stopping, has_stopped;
    struct client clients[CLIENTS_MAX];
};

/* ---- what is answered ---- */

typedef void write_page(const struct server_status *status, struct buf *out);

static void write_index(const struct server_status *status, struct buf *out);

static const struct page {
    const char *path, *media_type, *text;
    write_page *write;
} pages[] = {
    {"/", "application/json", "this list", write_index},
    {"/status", "application/json", "what the server does and has done", server_status_json},
    {"/status.txt", "text/plain; charset=utf-8", "the same for people", server_status_text},
    {"/metrics", SERVER_METRICS_TYPE, "the same for Prometheus", server_status_metrics},
};

static void write_index(const struct server_status *status, struct buf *out)
{
    (void)status;
    for (size_t i = 0; i < COUNT_OF(pages); i++)
        buf_add_format(out, "%s\"%s\":\"%s\"", i == 0 ? "{" : ",", pages[i].path, pages[i].text);
    buf_add_text(out, "}\n");
}

static void write_error(struct buf *out, const struct err *err)
{
    buf_add_format(out, "{\"error\":{\"code\":\"%s\",\"message\":", err_code_text(err->code));
    buf_add_json_string(out, err->text, strlen(err->text));
    buf_add_text(out, "}}\n");
}

static bool has_body(const struct http_request *request)
{
    return request->is_chunked || request->content_length > 0;
}

/* The page that is asked for, or NULL and why there is none. */
static const struct page *find_page(const struct http_request *request, const void *head,
                                    struct err *err)
{
    struct http_text path = http_span_text(head, request->path);
    for (size_t i = 0; i < COUNT_OF(pages); i++) {
        if (strlen(pages[i].path) != path.len || memcmp(pages[i].path, path.bytes, path.len) != 0)
            continue;
        if (request->method != HTTP_GET && request->method != HTTP_HEAD)
            err_set(err, ERR_METHOD, ERR_NO_AT, "it can be read only: GET or HEAD");
        else if (has_body(request))
            err_set(err, ERR_TOO_LARGE, ERR_NO_AT, "no request has a body here");
        return err->code == ERR_NONE ? &pages[i] : NULL;
    }
    err_set(err, ERR_NOT_FOUND, ERR_NO_AT, "there is nothing of this name; GET / lists what is");
    return NULL;
}

/* ---- a connection ---- */

static void set_state(struct client *c, enum client_state state, u32 events, u64 wait_ns)
{
    struct loop *loop = c->control->loop;
    c->state = state;
    c->since_ns = loop_now_ns(loop);
    loop_change(loop, &c->watch, events);
    loop_timer_start(loop, &c->timer, c->since_ns + wait_ns);
}

static void end(struct client *c)
{
    loop_timer_stop(c->control->loop, &c->timer);
    loop_remove(c->control->loop, &c->watch);
    close(c->watch.fd);
    buf_fini(&c->in);
    buf_fini(&c->out);
    c->state = CLIENT_NONE;
}

/* The answer has left. */
static void await_next(struct client *c)
{
    buf_fini(&c->out);
    c->out_at = 0;
    if (c->keep_alive) {
        set_state(c, CLIENT_READ, LOOP_READ, WAIT_NS);
    } else if (c->is_rude) {
        shutdown(c->watch.fd, SHUT_WR);
        set_state(c, CLIENT_LINGER, LOOP_READ, LINGER_NS);
    } else {
        end(c);
    }
}

static void send_more(struct client *c)
{
    while (c->out_at < c->out.len) {
        ssize_t sent =
            send(c->watch.fd, c->out.bytes + c->out_at, c->out.len - c->out_at, MSG_NOSIGNAL);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR))
            return; /* the loop comes again */
        if (sent < 0) {
            end(c);
            return;
        }
        c->out_at += (size_t)sent;
    }
    await_next(c);
}

static void respond(struct client *c, struct http_response *response, const struct buf *body,
                    bool is_head)
{
    char date[HTTP_DATE_BYTES];
    http_date_format((i64)(clock_unix_ns() / 1000000000), date);
    response->date = date;
    response->content_length = body->len;
    response->keep_alive = c->keep_alive;
    response->minor = c->parser.request.minor;
    http_response_add(&c->out, response);
    if (!is_head)
        buf_add(&c->out, body->bytes, body->len);
    if (!buf_ok(&c->out)) {
        end(c);
        return;
    }
    set_state(c, CLIENT_SEND, LOOP_WRITE, WAIT_NS);
    send_more(c);
}

static void refuse(struct client *c, const struct err *err, bool is_head)
{
    struct buf body;
    struct http_response response = {.status = err_code_http(err->code),
                                     .content_type = "application/json",
                                     .allow = err->code == ERR_METHOD ? "GET, HEAD" : NULL};
    buf_init(&body, RECEIVE_BYTES);
    write_error(&body, err);
    respond(c, &response, &body, is_head);
    buf_fini(&body);
}

static void answer(struct client *c, const struct page *page, bool is_head)
{
    const struct server_control_config *config = c->control->config;
    const struct server_status status = {.plan = &config->plan,
                                         .board = config->board,
                                         .worker_count = config->worker_count,
                                         .url = config->url,
                                         .now_ns = clock_monotonic_ns()};
    struct buf body;
    struct http_response response = {.status = 200, .content_type = page->media_type};
    buf_init(&body, OUT_BYTES);
    page->write(&status, &body);
    if (buf_ok(&body)) {
        respond(c, &response, &body, is_head);
    } else {
        struct err err = {0};
        err_set(&err, ERR_LIMIT, ERR_NO_AT, "the answer takes more than %llu MiB, or memory",
                (unsigned long long)(OUT_BYTES / MIB));
        refuse(c, &err, is_head);
    }
    buf_fini(&body);
}

/* What has come cannot be read on, or not in time: answers why, and nothing after it. */
static void give_up(struct client *c, const struct err *err)
{
    c->keep_alive = false;
    c->is_rude = true;
    refuse(c, err, false);
}

/* Answers a request that has come as a whole. False: more of it is needed. */
static bool take_request(struct client *c)
{
    struct err err = {0};
    const struct http_request *request = &c->parser.request;
    enum http_result result = http_head_parse(&c->parser, c->in.bytes, c->in.len, &err);
    if (result == HTTP_MORE)
        return false;
    if (result == HTTP_FAILED) {
        give_up(c, &err);
        return true;
    }
    bool is_head = request->method == HTTP_HEAD;
    const struct page *page = find_page(request, c->in.bytes, &err);
    c->keep_alive = request->keep_alive && !has_body(request);
    buf_consume(&c->in, c->parser.head_len);
    c->is_rude = has_body(request) || c->in.len > 0;
    if (page != NULL)
        answer(c, page, is_head);
    else
        refuse(c, &err, is_head);
    http_parser_init(&c->parser);
    return true;
}

static void receive(struct client *c)
{
    u8 *room = buf_reserve(&c->in, RECEIVE_BYTES);
    ssize_t got = room == NULL ? 0 : recv(c->watch.fd, room, RECEIVE_BYTES, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        end(c);
        return;
    }
    buf_commit(&c->in, (size_t)got);
}

/* Requests that have come together are answered one after the other. */
static void advance(struct client *c)
{
    while (c->state == CLIENT_READ && c->in.len > 0 && take_request(c))
        continue;
}

static void discard(struct client *c)
{
    u8 bytes[RECEIVE_BYTES];
    ssize_t got = recv(c->watch.fd, bytes, sizeof bytes, 0);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        end(c);
}

static void client_event(struct loop_watch *watch, u32 events)
{
    struct client *c = CONTAINER_OF(watch, struct client, watch);
    if ((events & LOOP_HANGUP) != 0 && (events & LOOP_READ) == 0) {
        end(c);
        return;
    }
    if (c->state == CLIENT_SEND)
        send_more(c);
    else if (c->state == CLIENT_READ)
        receive(c);
    else if (c->state == CLIENT_LINGER)
        discard(c);
    advance(c);
}

static void client_timeout(struct loop_timer *timer)
{
    struct client *c = CONTAINER_OF(timer, struct client, timer);
    struct err err = {0};
    if (c->state != CLIENT_READ || c->in.len == 0) {
        end(c);
        return;
    }
    err_set(&err, ERR_HTTP_TIMEOUT, ERR_NO_AT, "the request head did not arrive in time");
    give_up(c, &err);
}

/* ---- the socket ---- */

static void set_listening(struct control *control, bool wanted)
{
    if (control->is_listening == wanted)
        return;
    if (!wanted)
        loop_remove(control->loop, &control->listener);
    control->is_listening = wanted && loop_add(control->loop, &control->listener, LOOP_READ, NULL);
}

/* A free place, for which the client that has been silent longest may have to go. */
static struct client *take_place(struct control *control)
{
    struct client *oldest = &control->clients[0];
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        struct client *c = &control->clients[i];
        if (c->state == CLIENT_NONE)
            return c;
        if (c->since_ns < oldest->since_ns)
            oldest = c;
    }
    end(oldest);
    return oldest;
}

/* One at a time: those that are open have their turn in between. */
static void accept_event(struct loop_watch *watch, u32 events)
{
    struct control *control = CONTAINER_OF(watch, struct control, listener);
    (void)events;
    int fd = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED))
        return;
    if (fd < 0) {
        set_listening(control, false);
        loop_timer_start(control->loop, &control->pause, loop_now_ns(control->loop) + PAUSE_NS);
        return;
    }
    struct client *c = take_place(control);
    *c = (struct client){.watch = {.fd = fd, .fn = client_event},
                         .timer = {.fn = client_timeout},
                         .control = control};
    if (!loop_add(control->loop, &c->watch, LOOP_READ, NULL)) {
        close(fd);
        return;
    }
    buf_init(&c->in, IN_BYTES);
    buf_init(&c->out, OUT_BYTES + RECEIVE_BYTES);
    http_parser_init(&c->parser);
    set_state(c, CLIENT_READ, LOOP_READ, WAIT_NS);
}

static void end_pause(struct loop_timer *timer)
{
    set_listening(CONTAINER_OF(timer, struct control, pause), true);
}

/* ---- life ---- */

static void begin_stop(struct loop_watch *watch, u32 events)
{
    struct control *control = CONTAINER_OF(watch, struct control, signals);
    (void)events;
    control->is_stopping = true;
    loop_remove(control->loop, watch);
    loop_timer_stop(control->loop, &control->pause);
    set_listening(control, false);
    loop_timer_start(control->loop, &control->stop, loop_now_ns(control->loop) + STOP_NS);
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        control->clients[i].keep_alive = false;
        if (control->clients[i].state == CLIENT_READ)
            end(&control->clients[i]);
    }
}

static void end_stop(struct loop_timer *timer)
{
    CONTAINER_OF(timer, struct control, stop)->has_stopped = true;
}

static bool any_open(const struct control *control)
{
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (control->clients[i].state != CLIENT_NONE)
            return true;
    return false;
}

static bool start(struct control *control, struct err *err)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    if (!loop_create(&control->loop, err))
        return false;
    control->listener = (struct loop_watch){.fd = control->config->listener_fd, .fn = accept_event};
    control->signals =
        (struct loop_watch){.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), .fn = begin_stop};
    control->pause.fn = end_pause;
    control->stop.fn = end_stop;
    if (control->signals.fd < 0 || sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return err_sys(err, "cannot watch signals");
    if (!loop_add(control->loop, &control->signals, LOOP_READ, err) ||
        !loop_add(control->loop, &control->listener, LOOP_READ, err))
        return false;
    control->is_listening = true;
    return true;
}

bool server_control_run(const struct server_control_config *config, struct err *err)
{
    struct control *control = check_alloc(sizeof *control);
    control->config = config;
    control->signals.fd = -1;
    bool ok = start(control, err) && proc_jail_worker(err); /* before the first byte of a client */
    while (ok && !control->has_stopped && !(control->is_stopping && !any_open(control)))
        loop_poll_one(control->loop, UINT64_MAX);
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (control->clients[i].state != CLIENT_NONE)
            end(&control->clients[i]);
    fd_close(&control->signals.fd);
    loop_destroy(&control->loop);
    free(control);
    return ok;
}
