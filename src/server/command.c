/*
 * server/command.c -- a program run once for a request: the body is its standard input as it
 * arrives, its standard output becomes the response, its standard error goes to the log.
 *
 * The response is held back until the program has ended or has written HELD_MAX bytes: until then
 * any failure becomes a clean error. From then on it is streamed, and a failure cuts the
 * connection. Streams are called on the guest's fiber: nothing there may end the request.
 */
#include "base/check.h"
#include "server/internal.h"
#include <stdlib.h>
#include <string.h>

#define HELD_MAX      (32 * KIB) /* a head of HTTP_MAX_PROGRAM_HEAD and as much again */
#define VARIABLES_MAX (64 * KIB) /* of the head of a request, which HTTP_MAX_HEAD bounds */
#define ENV_MAX       256        /* variables that all programs of a server get */
#define OCTETS        "application/octet-stream"

enum { FD_IN, FD_OUT, FD_ERROR };

struct server_command {
    struct buf variables; /* "NAME=VALUE", zero-terminated, one after the other */
    struct buf held;      /* output before the commit point */
    struct wasi_guest *guest;
    /* From here on all is zero at first. */
    struct server_request *request;
    struct wasi_stream in, out;
    bool body_ended; /* nothing will be added to the request's body buffer */
    bool is_committed, is_broken;
    struct err err; /* is_broken: why */
    enum http_framing framing;
    u64 left;                  /* bytes of a body of HTTP_LENGTH that are missing */
    struct stale_draft *draft; /* of the answer, if it is to be stored */
    struct server_printer error;
    const char *args[1];
    u32 env_count;
    /* From here on nothing is. */
    const char *env[HTTP_MAX_FIELDS + 16 + ENV_MAX]; /* env_count of them */
    struct http_cgi cgi;
};

/* ---- standard input ---- */

static enum wasi_errno in_read(struct wasi_stream *stream, void *bytes, size_t len, size_t *done)
{
    struct server_command *command = CONTAINER_OF(stream, struct server_command, in);
    struct server_request *r = command->request;
    struct buf *body = &r->body;
    size_t there = body->len - r->body_taken;
    *done = 0;
    if (there == 0)
        return command->body_ended ? WASI_SUCCESS : WASI_AGAIN;
    *done = (size_t)min_u64(len, there);
    memcpy(bytes, body->bytes + r->body_taken, *done);
    r->body_taken += *done;
    if (r->body_taken < body->len)
        return WASI_SUCCESS;
    server_request_drop_taken(r);
    server_conn_body_taken(r->conn);
    return WASI_SUCCESS;
}

static bool in_is_ready(struct wasi_stream *stream, enum wasi_direction direction)
{
    const struct server_command *command = CONTAINER_OF(stream, struct server_command, in);
    (void)direction;
    return command->body_ended || command->request->body.len > command->request->body_taken;
}

/* ---- standard output ---- */

static bool break_off(struct server_command *command, const char *text)
{
    command->is_broken = true;
    return err_set(&command->err, ERR_RESPONSE, ERR_NO_AT, "%s", text);
}

/* What of the body leaves: none of a response without one. */
static bool add_body(struct server_command *command, const u8 *bytes, size_t len)
{
    struct conn *conn = command->request->conn;
    if (command->framing == HTTP_LENGTH) {
        if (len > command->left)
            return break_off(command, "the program wrote more than its Content-Length says");
        command->left -= len;
    }
    server_stale_add(command->draft, bytes, len);
    if (!command->request->is_head && command->framing != HTTP_NO_BODY)
        server_conn_stream_add(conn, bytes, len, command->framing == HTTP_CHUNKED);
    return true;
}

static struct http_response make_response(const struct server_command *command)
{
    return (struct http_response){
        .status = command->cgi.status,
        .content_type = command->cgi.head_len == 0 ? OCTETS : NULL,
        .framing = command->framing,
        .content_length = command->cgi.content_length,
        .head = command->held.bytes,
        .fields = command->cgi.fields,
        .field_count = command->cgi.field_count,
    };
}

static bool has_no_body(int status)
{
    return status == 204 || status == 304;
}

/* The commit point: the head leaves, and what was held back. */
static bool commit(struct server_command *command)
{
    struct server_request *r = command->request;
    enum http_result result =
        http_cgi_parse(&command->cgi, command->held.bytes, command->held.len, true, &command->err);
    if (result == HTTP_FAILED) {
        command->is_broken = true;
        return false;
    }
    command->left = command->cgi.content_length;
    command->framing = has_no_body(command->cgi.status) ? HTTP_NO_BODY
                       : command->cgi.has_length        ? HTTP_LENGTH
                       : r->minor == 1                  ? HTTP_CHUNKED
                                                        : HTTP_UNTIL_CLOSE;
    size_t head_len = command->cgi.head_len;
    if (command->framing == HTTP_LENGTH && command->held.len - head_len > command->left)
        return break_off(command, "the program wrote more than its Content-Length says");
    struct http_response response = make_response(command);
    command->is_committed = true;
    server_stale_forget(r, command->cgi.status);
    command->draft = server_stale_begin(r, &command->cgi, command->held.bytes);
    server_conn_stream_begin(r->conn, &response);
    bool ok = add_body(command, command->held.bytes + head_len, command->held.len - head_len);
    buf_fini(&command->held);
    return ok;
}

static enum wasi_errno out_write(struct wasi_stream *stream, const void *bytes, size_t len,
                                 size_t *done)
{
    struct server_command *command = CONTAINER_OF(stream, struct server_command, out);
    *done = 0;
    if (command->is_broken)
        return WASI_IO;
    if (command->is_committed) {
        size_t room = server_conn_room(command->request->conn);
        if (room == 0)
            return WASI_AGAIN;
        *done = (size_t)min_u64(len, room);
        return add_body(command, bytes, *done) ? WASI_SUCCESS : WASI_IO;
    }
    *done = (size_t)min_u64(len, HELD_MAX - command->held.len);
    buf_add(&command->held, bytes, *done);
    if (!buf_ok(&command->held))
        return WASI_NOMEM;
    bool is_full = command->held.len == HELD_MAX;
    return !is_full || commit(command) ? WASI_SUCCESS : WASI_IO;
}

static bool out_is_ready(struct wasi_stream *stream, enum wasi_direction direction)
{
    const struct server_command *command = CONTAINER_OF(stream, struct server_command, out);
    (void)direction;
    return !command->is_committed || command->is_broken ||
           server_conn_room(command->request->conn) > 0;
}

bool server_command_awaits_client(struct server_command *command)
{
    return !in_is_ready(&command->in, WASI_IN) || !out_is_ready(&command->out, WASI_OUT);
}

bool server_command_is_waiting(const struct server_command *command)
{
    return wasi_stream_is_awaited(&command->in) || wasi_stream_is_awaited(&command->out);
}

/* ---- a run ---- */

static const struct wasi_stream_ops in_ops = {.read = in_read, .is_ready = in_is_ready};
static const struct wasi_stream_ops out_ops = {.write = out_write, .is_ready = out_is_ready};

/* What every program of this server is granted. */
static bool add_grants(struct server_command *command, struct err *err)
{
    const struct worker *w = command->request->worker;
    const struct server_grants *grants = &w->plan->grants;
    for (u32 i = 0; i < grants->dir_count; i++)
        if (!wasi_guest_lend_dir(command->guest, w->dirs[i], grants->dirs[i].guest, err))
            return false;
    return true;
}

static bool make_guest(struct server_command *command, const char *name, struct err *err)
{
    const struct server_grants *grants = &command->request->worker->plan->grants;
    command->args[0] = name;
    for (size_t at = 0; at < command->variables.len && command->env_count < COUNT_OF(command->env);
         at += strlen((const char *)command->variables.bytes + at) + 1)
        command->env[command->env_count++] = (const char *)command->variables.bytes + at;
    for (u32 i = 0; i < grants->env_count && command->env_count < COUNT_OF(command->env); i++)
        command->env[command->env_count++] = grants->env[i];
    const struct wasi_options options = {.args = command->args,
                                         .arg_count = 1,
                                         .env = command->env,
                                         .env_count = command->env_count,
                                         .helper = command->request->worker->helper};
    bool ok = command->guest == NULL ? wasi_guest_create(&command->guest, &options, err)
                                     : wasi_guest_renew(command->guest, &options, err);
    return ok && wasi_guest_add_stream(command->guest, FD_IN, &command->in, err) &&
           wasi_guest_add_stream(command->guest, FD_OUT, &command->out, err) &&
           wasi_guest_add_stream(command->guest, FD_ERROR, &command->error.stream, err) &&
           add_grants(command, err);
}

/* The one that ended last, with its guest and buffers, or a new one; NULL: no memory. */
static struct server_command *take(struct worker *w)
{
    struct server_command *command = w->spare_command;
    w->spare_command = NULL;
    if (command == NULL)
        command = calloc(1, sizeof *command);
    else
        memset(&command->request, 0,
               offsetof(struct server_command, env) - offsetof(struct server_command, request));
    return command;
}

bool server_command_create(struct server_command **out, struct server_request *r, const char *name,
                           const struct server_cgi_request *from, struct err *err)
{
    struct server_command *command = take(r->worker);
    if (command == NULL)
        return err_set(err, ERR_LIMIT, ERR_NO_AT, "no memory for a program");
    command->request = r;
    r->body_taken = 0;
    command->body_ended = server_conn_body_ended(r->conn);
    command->in.ops = &in_ops;
    command->out.ops = &out_ops;
    server_printer_init(&command->error, r->worker->log, r->id);
    buf_set_limit(&command->variables, VARIABLES_MAX);
    buf_set_limit(&command->held, HELD_MAX);
    if (!server_cgi_variables(&command->variables, from, err) || !make_guest(command, name, err)) {
        server_command_destroy(&command);
        return false;
    }
    *out = command;
    return true;
}

void server_command_free(struct server_command **at)
{
    struct server_command *command = *at;
    *at = NULL;
    if (command == NULL)
        return;
    wasi_guest_destroy(&command->guest);
    buf_fini(&command->variables);
    buf_fini(&command->held);
    free(command);
}

void server_command_destroy(struct server_command **at)
{
    struct server_command *command = *at;
    *at = NULL;
    if (command == NULL)
        return;
    struct worker *w = command->request->worker;
    if (command->guest != NULL)
        CHECK(wasi_guest_renew(command->guest, NULL, NULL)); /* its descriptors are closed now */
    server_stale_drop(&command->draft);
    server_printer_fini(&command->error);
    buf_clear(&command->variables);
    buf_clear(&command->held);
    server_command_free(&w->spare_command);
    w->spare_command = command;
}

struct wasi_guest *server_command_guest(const struct server_command *command)
{
    return command->guest;
}

void server_command_body_came(struct server_command *command, bool has_ended)
{
    command->body_ended |= has_ended;
    wasi_stream_wake(&command->in);
}

void server_command_room_made(struct server_command *command)
{
    wasi_stream_wake(&command->out);
}

/* Of a body whose length is told: whether as much came. */
static bool is_whole(const struct server_command *command, u64 len, struct err *err)
{
    return len == command->cgi.content_length ||
           err_set(err, ERR_RESPONSE, ERR_NO_AT,
                   "the program's Content-Length is %llu, its body has %llu bytes",
                   (unsigned long long)command->cgi.content_length, (unsigned long long)len);
}

/* All of the output is there and none has left. */
static bool check_held(struct server_command *command, struct err *err)
{
    if (http_cgi_parse(&command->cgi, command->held.bytes, command->held.len, true, err) ==
        HTTP_FAILED)
        return false;
    return !command->cgi.has_length || command->request->is_head ||
           is_whole(command, command->held.len - command->cgi.head_len, err);
}

void server_command_judge(struct server_command *command, struct err *err)
{
    if (command->is_broken)
        *err = command->err;
    else if (err->code != ERR_NONE)
        return;
    else if (!command->is_committed)
        (void)check_held(command, err);
    else if (command->framing == HTTP_LENGTH && !command->request->is_head)
        (void)is_whole(command, command->cgi.content_length - command->left, err);
}

/* What is held is a response: it tells its length. */
static void answer_held(struct server_command *command)
{
    const struct server_request *r = command->request;
    const u8 *body = command->held.bytes + command->cgi.head_len;
    size_t len = command->held.len - command->cgi.head_len;
    command->framing = has_no_body(command->cgi.status) ? HTTP_NO_BODY : HTTP_LENGTH;
    if (command->framing == HTTP_NO_BODY)
        len = 0;
    else if (command->cgi.has_length && r->is_head)
        len = (size_t)command->cgi.content_length;
    struct http_response response = make_response(command);
    command->draft = server_stale_begin(command->request, &command->cgi, command->held.bytes);
    server_stale_add(command->draft, body, len);
    server_stale_end(&command->draft, r->worker->stale);
    server_conn_respond(r->conn, &response, body, len);
}

void server_command_end(struct server_command *command, bool is_good)
{
    struct server_request *r = command->request;
    /* Again: it may have changed more since its answer began. */
    server_stale_forget(r, command->cgi.status);
    if (!command->is_committed) {
        answer_held(command);
    } else if (!is_good) {
        server_conn_cut(r->conn);
    } else {
        server_stale_end(&command->draft, r->worker->stale);
        server_conn_stream_end(r->conn, command->framing == HTTP_CHUNKED && !r->is_head);
    }
}

bool server_command_is_committed(const struct server_command *command)
{
    return command->is_committed;
}

bool server_command_exit(const struct server_command *command, u32 *code)
{
    return wasi_guest_has_exited(command->guest, code);
}
