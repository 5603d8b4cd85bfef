/*
 * server/internal.h -- the parts of a worker and how they call each other:
 *
 *   worker.c    start, listening socket, drain      -> conn
 *   conn.c      one client's bytes in               -> request
 *   conn_send.c and out (server/conn.h)
 *   request.c   one request: route, instance, call  -> endpoint, page, sched; answers through conn
 *   command.c   a program run for a request: body, response, log     -> cgi, wasi
 *   helper.c    the helper that runs the files of programs: asked for, and taken       -> wasi
 *   cgi.c       what a program is told of its request
 *   printer.c   what guests print, as lines of the log
 *   endpoint.c  which exports are served where
 *   page.c      GET / as JSON and as a page for people
 *   openapi.c   GET /openapi.json
 *   log.c       one line a request (server/log.h)
 */
#pragma once
#include "base/arena.h"
#include "http/http.h"
#include "sched/sched.h"
#include "server/log.h"
#include "server/worker.h"
#include "typed/typed.h"
#include "wasi/wasi.h"
#include <sys/socket.h>

/* ---- endpoint.c ---- */

struct server_request;

/* A loaded module, its ready instances and the requests that wait for one. */
struct served_module {
    const char *name;
    struct rt_module *module;
    struct typed_module typed;       /* its callable functions */
    const struct rt_export *program; /* `_start`: it is a command, run for every request */
    bool prints;                     /* imports fd_write: its functions get standard streams */
    struct rt_pool *pool;
    struct server_request *first_waiting, *last_waiting;
    u32 endpoint_at, endpoint_count; /* in the table below */
};

struct endpoint {
    struct served_module *module;
    const struct typed_func *func;
    const char *path; /* "/name" or "/module/name", percent-encoded */
};

struct endpoint_table {
    struct served_module *modules;
    struct endpoint *endpoints; /* by module, in the order of their names */
    u32 module_count, count;
};

/* Lists the endpoints of modules that are loaded and typed. views: the modules; memory: arena. */
void server_endpoints_make(struct endpoint_table *table, struct served_module *modules,
                           u32 module_count, struct arena *arena);

/* The endpoint under a path as it came, or NULL. "/name" finds it in a server of one module only,
 * "/module/name" always. */
const struct endpoint *server_endpoint_find(const struct endpoint_table *table,
                                            struct http_text path);

/* The program that a path belongs to, or NULL: in a server of one module all of them, else those
 * that begin with its name. *script_len: bytes of the path that name the program. */
struct served_module *server_program_find(const struct endpoint_table *table, struct http_text path,
                                          size_t *script_len);

/* Paths that a person may have meant, best first; returns how many (at most max). */
u32 server_endpoint_nearest(const struct endpoint_table *table, struct http_text path,
                            const struct endpoint **out, u32 max);

/* ---- page.c ---- */

/* The list of endpoints for programs, for people, and as lines to paste into a shell. */
void server_index_json(const struct endpoint_table *table, struct buf *out);
void server_index_html(const struct endpoint_table *table, struct buf *out);
void server_index_curl(const struct endpoint_table *table, const char *url, struct buf *out);

/* ---- openapi.c ---- */

/* The endpoints as an OpenAPI document. spec: OpenAPI 3.1.0 */
void server_openapi_write(const struct endpoint_table *table, struct buf *out);

/* ---- request.c ---- */

struct worker;
struct conn;

#define REQUEST_ID_BYTES 17 /* hexadecimal digits and a final zero */

enum request_target {
    REQUEST_CALL,    /* a function */
    REQUEST_PROGRAM, /* a command */
    REQUEST_INDEX,   /* GET / */
    REQUEST_OPENAPI, /* GET /openapi.json */
    REQUEST_OPTIONS, /* OPTIONS * */
    REQUEST_REFUSED  /* err says why */
};

/* What the access log will say of a request. */
struct request_record {
    u64 start_ns, cpu_ns;
    const char *method;  /* NULL: no head was read */
    const char *outcome; /* static text */
    size_t path_len;
    bool is_cut;
    char path[SERVER_LOG_PATH_MAX]; /* as it came */
};

/* One request, from its head until it is answered. It lives in its connection. */
struct server_request {
    struct worker *worker;
    struct conn *conn;
    enum request_target target;
    struct served_module *module;    /* CALL, PROGRAM */
    const struct endpoint *endpoint; /* CALL */
    struct server_command *command;  /* PROGRAM: owned */
    struct server_voice *voice;      /* CALL of a module that prints: owned */
    struct err err;                  /* REFUSED */
    const char *allow;               /* with ERR_METHOD */
    int minor;
    bool is_head, keep_alive, wants_html, wants_raw;
    struct typed_call call; /* of a function that needs a driver; is_raw from the head on */
    struct buf reply;       /* its result */
    char id[REQUEST_ID_BYTES];
    struct request_record record;
    struct buf body;
    u64 body_bytes;  /* that have come */
    u64 wall_end_ns; /* when the answer is due */
    struct rt_instance *instance;
    struct sched_task *task;
    bool is_waiting; /* for an instance, in its module's list */
    struct server_request *next_waiting, *prev_waiting;
};

/* Starts a request whose bytes have begun to arrive: gives it a name, forgets the former one. */
void server_request_begin(struct server_request *r);

/* The head is complete: decides what the request is. What is refused may still have a body. */
void server_request_route(struct server_request *r, const struct http_parser *parser,
                          const void *head);

/* The head or the body was refused: err says why. The connection cannot go on after the answer. */
void server_request_refuse(struct server_request *r);

/* The body is complete: answers at once, or starts a call that answers later. */
void server_request_run(struct server_request *r);

/* The client has gone: ends the call, frees what it holds, answers nothing. */
void server_request_cancel(struct server_request *r);

/* The wall clock of a waiting request has run out. */
void server_request_expire(struct server_request *r);

/* A program's body: more of it is in `body`, or it has ended; or its client takes more answer. */
void server_request_body_came(struct server_request *r, bool has_ended);
void server_request_room_made(struct server_request *r);

/* Frees what a request that has ended, or was never begun, still holds. */
void server_request_release(struct server_request *r);

/* Gives the access log its line. status 0: it was never answered. */
void server_request_log(const struct server_request *r, int status, u64 out_bytes);

/* ---- cgi.c ---- */

struct server_cgi_request {
    const struct http_request *request;
    const void *head;
    struct http_text script_name; /* the part of the path that names the program, as it came */
    struct http_text path;        /* the rest of it, as it came */
    const char *client, *id;
};
/* Appends "NAME=VALUE", each zero-terminated. errors: ERR_HTTP_MALFORMED (a NUL in the path),
 * ERR_LIMIT. spec: RFC 3875 section 4.1 */
MUST_CHECK bool server_cgi_variables(struct buf *out, const struct server_cgi_request *from,
                                     struct err *err);

/* ---- printer.c ---- */

/* A stream for a guest's output whose lines go to the log. borrows: log (NULL: nowhere), request.
 */
struct server_printer {
    struct wasi_stream stream;
    struct server_log *log;
    const char *request; /* id */
    struct buf line;     /* not ended yet */
};
void server_printer_init(struct server_printer *printer, struct server_log *log,
                         const char *request);
void server_printer_fini(struct server_printer *printer); /* after its guest has gone */

/* The guest of a function that may print. returns owned: server_voice_destroy. errors: ERR_LIMIT.
 */
struct server_voice;
MUST_CHECK bool server_voice_create(struct server_voice **out, struct server_log *log,
                                    const char *request, struct err *err);
void server_voice_destroy(struct server_voice **voice); /* not while it runs; NULL is allowed */
struct wasi_guest *server_voice_guest(const struct server_voice *voice);

/* ---- command.c ---- */

/* A program's run for a request. name: its first argument. returns owned: server_command_destroy.
 * errors: those of server_cgi_variables, ERR_LIMIT. */
MUST_CHECK bool server_command_create(struct server_command **out, struct server_request *r,
                                      const char *name, const struct server_cgi_request *from,
                                      struct err *err);
void server_command_destroy(
    struct server_command **command); /* not while it runs; NULL is allowed */

struct wasi_guest *server_command_guest(const struct server_command *command);
bool server_command_exit(const struct server_command *command, u32 *code); /* proc_exit's */

/* See server_request_body_came and server_request_room_made. */
void server_command_body_came(struct server_command *command, bool has_ended);
void server_command_room_made(struct server_command *command);

/* The run has ended; failure NULL: well. Sends the response, or what is left of it; cuts the
 * connection where a part of it has left and the rest must not. False: nothing has left, err says
 * what to answer. */
MUST_CHECK bool server_command_end(struct server_command *command, const struct err *failure,
                                   struct err *err);

/* ---- helper.c ---- */

/* Asks for the helper of this worker, without waiting for it. errors: ERR_SYSTEM. */
MUST_CHECK bool server_helper_open(struct worker *w, struct err *err);
void server_helper_close(struct worker *w); /* no call may be pending; accepts one not opened */

/* ---- conn.c ---- */

/* Takes over an accepted socket of the client at `address`. False: no memory; the socket is closed.
 */
bool server_conn_open(struct worker *worker, int fd, const struct sockaddr_storage *address);

/* "127.0.0.1" */
const char *server_conn_client(const struct conn *conn);

/* Makes room for another client: ends the connection that has been idle longest. False: none has
 * been idle for long enough. */
bool server_conn_evict(struct worker *worker);

/* Puts the answer on its way. Payload is borrowed; of a HEAD request it is only counted. */
void server_conn_respond(struct conn *conn, struct http_response *response, const void *payload,
                         size_t len);

/* A program's answer, piece by piece; all but the last two may be called on its fiber. How much may
 * be added now; the head; bytes of the body, at most as many as there is room for; its end. */
size_t server_conn_room(const struct conn *conn);
void server_conn_stream_begin(struct conn *conn, struct http_response *response);
void server_conn_stream_add(struct conn *conn, const void *bytes, size_t len, bool is_chunked);
void server_conn_body_taken(struct conn *conn); /* there is room in the request's body again */
void server_conn_stream_end(struct conn *conn, bool is_chunked);
void server_conn_cut(struct conn *conn); /* the client sees a reset, never a mixed response */

/* After an answer that came later than server_request_run: goes on to the next request. */
void server_conn_continue(struct conn *conn);

/* When a request waits without running, the connection watches its wall clock. */
void server_conn_watch_wall(struct conn *conn);

/* Stop: connections between requests end unless a request comes at once, the others after their
 * answer. */
void server_conns_drain(struct worker *worker);
void server_conns_destroy(struct worker *worker);

/* ---- worker.c ---- */

struct conn_list {
    struct conn *first, *last;
};

#define SERVER_RECEIVE_BYTES (16 * KIB)
#define SERVER_PAGE_BYTES    (63 * MIB) /* of what describes the endpoints */

struct worker {
    const struct server_worker_config *config;
    const struct server_limits *limits;
    struct scoreboard_worker *board;
    struct arena arena; /* as long as the worker: modules, endpoints */
    struct loop *loop;
    struct rt_engine *engine;
    struct sched *sched;
    struct server_log *log;     /* NULL: none */
    int *dirs;                  /* descriptors of the folders that programs are granted */
    struct wasi_helper *helper; /* of their file operations; NULL: they have no folders */
    struct loop_watch lifeline; /* the supervisor, which starts it; fd -1: none */
    struct served_module *modules;
    struct endpoint_table table;
    struct buf index_json, index_html;
    struct buf openapi;                     /* made when it is first asked for */
    struct buf payload;                     /* of the answer being made */
    u8 receive[SERVER_RECEIVE_BYTES];       /* bytes of the connection being read */
    union abi_value values[ABI_VALUES_MAX]; /* arguments of the call being started */
    struct loop_watch listener, signals;
    struct loop_timer accept_timer; /* ends a pause */
    bool listening, draining, stopped;
    struct loop_timer drain_timer;
    struct buf spare_body; /* memory of a large body that was answered */
    int spare_fd;          /* given up to refuse a client when no descriptor is free */
    u32 connections, waiting;
    struct conn_list open_conns, free_conns;
    u64 id_high;
    u32 id_count;
    i64 date_second;
    char date[HTTP_DATE_BYTES];
};

/* A place for a connection is free again. */
void server_worker_conn_closed(struct worker *worker);

const char *server_worker_date(struct worker *worker); /* now, for the Date field */
