#include "server/conn.h"
#include "base/check.h"
#include <errno.h>
#include <sys/socket.h>

#define LINGER_NS ((u64)2000000000)

/* ---- whole answers ---- */

/* The answer has left, or the connection must end without one. */
static void end_connection(struct conn *c)
{
    bool has_unread = c->is_rude || c->at < c->len;
    if (!has_unread) {
        server_conn_close(c);
        return;
    }
    shutdown(c->watch.fd, SHUT_WR);
    c->state = CONN_LINGER;
    c->discarded = 0;
    server_conn_watch(c, LOOP_READ);
    server_conn_set_timeout(c, LINGER_NS);
}

static void await_next(struct conn *c)
{
    server_conn_release_large(&c->out);
    server_request_release(&c->request);
    c->out_at = 0;
    if (!c->request.keep_alive) {
        end_connection(c);
        return;
    }
    server_conn_release_body(c);
    server_conn_release_large(&c->request.reply);
    server_conn_release_large(&c->request.head);
    server_conn_begin_idle(c);
    server_conn_set_timeout(c, c->worker->limits->idle_ns);
}

/* Sends what the socket takes. True: all of it has left. */
bool server_conn_flush(struct conn *c)
{
    while (c->out_at < c->out.len) {
        ssize_t sent =
            send(c->watch.fd, c->out.bytes + c->out_at, c->out.len - c->out_at, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno == EAGAIN)
            return false;
        if (sent < 0) {
            server_conn_close(c);
            return false;
        }
        c->out_at += (size_t)sent;
    }
    return true;
}

void server_conn_send_answer(struct conn *c)
{
    c->gone_ns = 0; /* it is told by what it takes of the answer */
    bool is_done = server_conn_flush(c);
    if (c->state == CONN_CLOSED)
        return;
    if (is_done) {
        await_next(c);
        return;
    }
    server_conn_watch(c, LOOP_WRITE);
    server_conn_set_timeout(c, c->worker->limits->body_idle_ns);
}

/* The answer is there before all of the body is: what is left of it is nobody's any more. */
static void leave_body(struct conn *c)
{
    if (c->body_done)
        return;
    c->is_rude = true;
    c->request.keep_alive = false;
}

static void count_response(struct scoreboard_worker *board, int status)
{
    if (status < 400)
        board_add(&board->responses_2xx, 1);
    else if (status < 500)
        board_add(&board->responses_4xx, 1);
    else
        board_add(&board->responses_5xx, 1);
}

/* The head of an answer, with what all of them say. */
static void add_head(struct conn *c, struct http_response *response)
{
    struct server_request *r = &c->request;
    r->keep_alive &= !c->worker->draining && response->framing != HTTP_UNTIL_CLOSE;
    if (response->date == NULL) /* a stored answer has its own */
        response->date = server_worker_date(c->worker);
    response->keep_alive = r->keep_alive;
    response->minor = r->minor;
    response->request_id = r->id;
    response->fallback = r->fallback_field[0] == 0 ? NULL : r->fallback_field;
    http_response_add(&c->out, response);
}

void server_conn_respond(struct conn *c, struct http_response *response, const void *payload,
                         size_t len)
{
    if (c->state == CONN_CLOSED)
        return;
    CHECK(c->state == CONN_CALL || c->state == CONN_STREAM);
    if (c->state == CONN_STREAM)
        leave_body(c);
    response->content_length = len;
    add_head(c, response);
    if (!c->request.is_head)
        buf_add(&c->out, payload, len);
    if (!buf_ok(&c->out)) {
        server_conn_close(c);
        return;
    }
    c->state = CONN_SEND;
    c->was_served = response->status != 503 && response->status != 429;
    count_response(c->worker->board, response->status);
    server_request_log(&c->request, response->status, c->request.is_head ? 0 : len);
    server_conn_send_answer(c);
}

/* ---- a program's answer, streamed ---- */

bool server_conn_wants_body(const struct conn *c)
{
    return !c->body_done && c->request.body.len - c->request.body_taken < SERVER_STREAM_BYTES;
}

size_t server_conn_waiting_bytes(const struct conn *c)
{
    return c->out.len - c->out_at + c->chunk.len;
}

void server_conn_watch_stream(struct conn *c)
{
    u32 events = server_conn_wants_body(c) || (c->body_done && !c->next_came) ? LOOP_READ : 0;
    server_conn_watch(c, server_conn_waiting_bytes(c) > 0 ? events | LOOP_WRITE : events);
}

size_t server_conn_room(const struct conn *c)
{
    size_t waiting = server_conn_waiting_bytes(c);
    return waiting < SERVER_STREAM_BYTES ? SERVER_STREAM_BYTES - waiting : 0;
}

void server_conn_body_taken(struct conn *c)
{
    if (c->state != CONN_STREAM)
        return;
    c->since_ns = loop_now_ns(c->worker->loop);
    server_conn_watch_stream(c);
}

void server_conn_stream_begin(struct conn *c, struct http_response *response)
{
    CHECK(c->state == CONN_STREAM && c->stream_status == 0);
    add_head(c, response);
    c->stream_status = response->status;
    c->was_served = true;
    count_response(c->worker->board, response->status);
    c->stream_bytes = 0;
    server_conn_watch_stream(c);
}

/* What a program wrote in many pieces leaves as one. */
static void close_chunk(struct conn *c)
{
    http_chunk_add(&c->out, c->chunk.bytes, c->chunk.len);
    c->out.failed |= c->chunk.failed;
    buf_clear(&c->chunk);
}

void server_conn_stream_add(struct conn *c, const void *bytes, size_t len, bool is_chunked)
{
    CHECK(c->state == CONN_STREAM && c->stream_status != 0);
    c->since_ns = loop_now_ns(c->worker->loop);
    c->stream_bytes += len;
    buf_add(is_chunked ? &c->chunk : &c->out, bytes, len);
    server_conn_watch_stream(c);
}

void server_conn_cut(struct conn *c)
{
    struct linger now = {.l_onoff = 1};
    if (c->state == CONN_CLOSED)
        return;
    setsockopt(c->watch.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    server_conn_close(c);
}

void server_conn_stream_end(struct conn *c, bool is_chunked)
{
    if (c->state == CONN_CLOSED)
        return;
    CHECK(c->state == CONN_STREAM);
    leave_body(c);
    close_chunk(c);
    if (is_chunked)
        buf_add_text(&c->out, HTTP_LAST_CHUNK);
    if (!buf_ok(&c->out)) {
        server_conn_cut(c);
        return;
    }
    c->state = CONN_SEND;
    server_request_log(&c->request, c->stream_status, c->stream_bytes);
    server_conn_send_answer(c);
}

/* What the client took makes room for more. */
void server_conn_send_stream(struct conn *c)
{
    size_t before = server_conn_waiting_bytes(c);
    close_chunk(c);
    bool is_done = server_conn_flush(c);
    if (c->state == CONN_CLOSED)
        return;
    buf_consume(&c->out, c->out_at);
    c->out_at = 0;
    if (is_done || server_conn_waiting_bytes(c) < before) {
        c->since_ns = loop_now_ns(c->worker->loop);
        if (c->gone_ns != 0) /* it still listens */
            c->gone_ns = c->since_ns + SERVER_GONE_NS;
        server_conn_set_timeout(c, c->worker->limits->body_idle_ns);
    }
    server_conn_watch_stream(c);
    if (server_conn_room(c) > 0)
        server_request_room_made(&c->request);
}
