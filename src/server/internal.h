/*
 * server/internal.h -- the parts of a worker and how they call each other:
 *
 *   worker.c    start, listening socket, drain      -> load, conn
 *   load.c      modules, routes, endpoints
 *   conn.c      one client's bytes in               -> request
 *   conn_send.c and out (server/conn.h)
 *   request.c   one request: what it asks for, and answers      -> endpoint, page, call; conn
 *   call.c      a call of a guest for it                        -> admit, breaker, sched, fallback
 *   admit.c     whether it may start, must wait or is refused
 *   memory.c    how much memory the worker takes, and whose call is ended when it is too much
 *   breaker.c   circuit breakers
 *   fallback.c  what answers when a call has failed             -> call, stale
 *   stale.c     good answers, kept for bad times
 *   command.c   a program run for a request: body, response, log     -> cgi, wasi
 *   helper.c    the helper that runs the files of programs: asked for, and taken       -> wasi
 *   cgi.c       what a program is told of its request
 *   printer.c   what guests print, as lines of the log
 *   endpoint.c  which exports are served where
 *   page.c      GET / as JSON and as a page for people
 *   openapi.c   GET /openapi.json
 *   log.c       one line a request (server/log.h)
 *
 * and initialiser.c, a process for modules before workers start (server/initialise.h).
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
struct served_route;

/* A loaded module: one version of it. */
struct served_module {
    const char *name;
    struct rt_module *module;
    struct typed_module typed;       /* its callable functions */
    const struct rt_export *program; /* `_start`: it is a command, run for every request */
    bool prints;                     /* imports fd_write: its functions get standard streams */
    const struct served_route *first_route; /* that serves it, not as a fallback; may be NULL */
};

/* A module and its ready instances under one route's limits. */
struct served_version {
    struct served_module *module;
    struct rt_pool *pool;
    struct scoreboard_breaker *breaker; /* all workers' */
    struct scoreboard_bucket *window;   /* this worker's part of what it looks at */
};

/* How many of a route's requests came in a window of time, and were refused for having to wait too
 * long. */
struct route_flood {
    u64 since_ns;
    u32 asked, refused;
    bool is_on; /* many were refused in the window before */
};

/* What admit.c knows of a route. */
struct route_load {
    struct server_request *first_waiting, *last_waiting;
    u32 waiting;
    u64 service_ns; /* mean processor time of a call, lately, */
    u64 typical_ns; /* and its median: some calls may take much longer */
    struct route_flood flood;
    const struct sched_task *newest; /* of its calls; NULL: it has ended */
    struct served_route *next_turn;  /* in the ring of those whose turn comes */
    bool in_ring;
};

/* Paths, the module that answers there, and the requests that wait for it. */
struct served_route {
    const struct server_route *plan;
    struct served_module *module;
    struct served_version versions[SERVER_VERSIONS]; /* module NULL: there is none */
    struct endpoint *endpoints; /* in the table below, in the order of their names */
    u32 endpoint_count;
    struct route_load load;
    struct scoreboard_route *board; /* this worker's own counters */
    bool may_retry;                 /* a fallback may call again: head and body are kept */
    bool keeps_answers;             /* for the fallback stale */
};

struct endpoint {
    struct served_route *route;
    const struct typed_func *func;
    const char *path; /* "/name" or "/module/name", percent-encoded */
};

struct route_path {
    const char *path;
    struct served_route *route;
};

struct endpoint_table {
    struct served_route *routes;
    struct endpoint *endpoints;
    struct route_path *paths;     /* sorted */
    struct recent_match *recents; /* what was looked up of late */
    u32 route_count, count, path_count;
};

/* Lists the endpoints of routes whose modules are loaded and typed. views: the routes; memory:
 * arena. errors: ERR_USAGE (a route's function is not there), ERR_LIMIT. */
MUST_CHECK bool server_endpoints_make(struct endpoint_table *table, struct served_route *routes,
                                      u32 route_count, struct arena *arena, struct err *err);

struct server_match {
    struct served_route *route;
    const struct endpoint *endpoint; /* NULL: the route's program */
    size_t script_len;               /* bytes of the path that name the route */
};

/* Finds what a path as it came belongs to: of the routes whose path it begins with, the longest one
 * that serves the rest. Remembers it: the table is one thread's. */
bool server_endpoint_find(const struct endpoint_table *table, struct http_text path,
                          struct server_match *out);

/* The function of the same name in another module or version, or NULL. */
const struct typed_func *server_func_like(const struct served_module *module,
                                          const struct typed_func *func);

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

/* A call for a request: of its own route, or of a fallback's. */
struct server_attempt {
    struct served_route *route;
    struct served_version *version; /* of it */
    const struct typed_func *func;  /* NULL: the program */
    bool is_probe;                  /* whether its half-open breaker closes again depends on it */
};

/* One request, from its head until it is answered. It lives in its connection. */
struct server_request {
    struct worker *worker;
    struct conn *conn;
    enum request_target target;
    struct served_route *route;      /* CALL, PROGRAM */
    const struct endpoint *endpoint; /* CALL */
    struct server_attempt attempt;
    struct server_command *command; /* PROGRAM: owned */
    struct server_voice *voice;     /* CALL of a module that prints: owned */
    struct err err;                 /* REFUSED */
    const char *allow;              /* with ERR_METHOD */
    int minor;
    bool is_head, keep_alive, wants_html, wants_raw;
    bool is_raw;            /* the body holds the bytes of a list */
    bool is_idempotent;     /* by its method. spec: RFC 9110 section 9.2.2 */
    bool has_effect;        /* an attempt that failed has changed something outside */
    struct typed_call call; /* of a function that needs a driver */
    struct buf reply;       /* its result */
    char id[REQUEST_ID_BYTES];
    struct request_record record;
    const struct http_request *parsed; /* the head; spans of: */
    struct buf head;                   /* kept where a fallback may need it, else empty */
    size_t script_len;                 /* bytes of the path that name the program */
    _Atomic u64 *generation;           /* PROGRAM: of answers kept for its target; NULL: none are */
    u64 generation_seen;               /* before the program began */
    struct buf body;
    size_t body_taken; /* by the program */
    bool body_is_kept; /* body holds it from its beginning */
    u64 body_bytes;    /* that have come */
    u64 wall_end_ns;   /* when the answer is due */
    struct rt_instance *instance;
    struct sched_task *task;
    bool is_waiting; /* for its turn, in its route's list */
    bool is_held;    /* its refusal, which err is, until wall_end_ns */
    struct server_request *next_waiting, *prev_waiting;
    u32 fallback_at;           /* the next one to try */
    const char *reason;        /* code of the failure that fallbacks answer for; NULL: none */
    int reason_status;         /* of the answer that such a failure gets */
    char fallback_field[64];   /* "stale; reason=deadline", of the answer; "" for none */
    char fallback_outcome[64]; /* the same for the log */
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

/* A program's body: more of it is in `body`, or it has ended; or its client takes more answer. */
void server_request_body_came(struct server_request *r, bool has_ended);
void server_request_room_made(struct server_request *r);

/* Gives up what the program has taken of the body, unless a second attempt may need it. */
void server_request_drop_taken(struct server_request *r);

/* Frees what a request that has ended, or was never begun, still holds. */
void server_request_release(struct server_request *r);

/* Gives the access log its line. status 0: it was never answered. */
void server_request_log(const struct server_request *r, int status, u64 out_bytes);

/* Sends worker->payload, or where it could not be made an empty 503. */
void server_answer(struct server_request *r, struct http_response response);

/* {"error":{"code":...,"message":...,"request":...}}; a trap adds its kind and its backtrace. */
void server_answer_error(struct server_request *r, const struct err *err,
                         const struct rt_trap *trap);

/* ---- call.c ---- */

/* Starts the call that the request asks for, lets it wait, or answers that it cannot be. */
void server_call_run(struct server_request *r);

/* Starts r->attempt. ERR_BUSY: no instance is free. Nothing was started if false. */
MUST_CHECK bool server_call_start(struct server_request *r, u64 now, struct err *err);

/* Starts a request whose turn has come, or answers why not. False: no instance is free. */
MUST_CHECK bool server_call_start_waiting(struct server_request *r);

/* The wall clock of a waiting request has run out; or the time for which a refusal was held. */
void server_call_expire(struct server_request *r);

/* What the request needs to run the attempt's program: a new server_command. */
MUST_CHECK bool server_call_make_command(struct server_request *r, const void *head,
                                         struct err *err);

/* ---- admit.c ---- */

enum admission {
    ADMIT_START,
    ADMIT_WAIT,
    ADMIT_REFUSE,
    ADMIT_HOLD, /* refuse it, but not at once */
};

/* err: why it is refused. */
enum admission server_admit(struct server_request *r, u64 now, struct err *err);
void server_admit_wait(struct server_request *r);  /* joins its route's list */
void server_admit_leave(struct server_request *r); /* and leaves it */

/* A call has left the processor for good: how much of it it took; an instance is free again. */
void server_admit_done(struct served_route *route, const struct sched_result *result,
                       struct worker *worker);

/* After every turn of the scheduler: starts waiting requests, route by route, as many as keep the
 * processor busy. */
void server_admit_turn(struct worker *worker);

/* Requests that wait for the processor, not for memory. */
u32 server_admit_waiting(const struct worker *worker);

/* Has a waiting request missed its deadline, or in an overload its time? */
bool server_admit_is_late(const struct server_request *r, u64 now);

/* Seconds after which it is worth trying again. */
u32 server_admit_retry_after(const struct served_route *route);

/* ---- memory.c ---- */

struct worker_memory {
    int fd; /* /proc/self/statm */
    u64 max_bytes;
    u64 next_look_ns;
    bool is_near;      /* little of it is left */
    u64 kept_since_ns; /* then: since when requests wait because of that; 0: none does */
};

/* So many bytes, but no more than each of these workers can have of this machine. */
u64 server_memory_fit(u64 bytes, u32 worker_count);

/* Before the jail. errors: ERR_LIMIT (there is too little to begin with), ERR_SYSTEM. */
MUST_CHECK bool server_memory_open(struct worker *worker, struct err *err);

/* Should a call of the route wait until there is more memory? */
bool server_memory_keeps_waiting(const struct worker *worker, const struct served_route *route);

/* After every turn of the scheduler: now and then, finds out how much is in use, and ends a call or
 * a connection if it is too much. */
void server_memory_look(struct worker *worker);

/* ---- breaker.c ---- */

enum breaker_outcome {
    BREAKER_GOOD,
    BREAKER_INPUT,  /* a failure that the request itself may have caused */
    BREAKER_OTHER,  /* any other failure */
    BREAKER_NEUTRAL /* it says nothing of the module */
};

bool server_breaker_is_open(const struct served_version *version, u64 now);

/* Seconds after which an open one lets a request try. */
u32 server_breaker_retry_after(const struct served_version *version, u64 now);

/* May a call start? Of those that come when an open breaker has waited long enough, one: it is the
 * probe. */
bool server_breaker_admit(struct server_attempt *attempt, u64 now);

/* What came of a call that was admitted. */
void server_breaker_tell(struct worker *worker, struct server_attempt *attempt,
                         enum breaker_outcome outcome, const char *client);

/* What all workers have met of a version in the breaker's window that ends now. */
#define BREAKER_CLIENTS_SEEN 16 /* different ones that are told apart */
struct breaker_tally {
    u64 good, input, other;
    u32 clients[BREAKER_CLIENTS_SEEN], client_count;
};
/* Of which version, and where. */
struct breaker_view {
    struct scoreboard *board;
    const struct server_plan *plan;
    u32 worker_count, route, version;
};
void server_breaker_tally(const struct breaker_view *view, u64 now, struct breaker_tally *out);

/* ---- fallback.c ---- */

/* An attempt has failed, or could not be made, and nothing of an answer has left: does what the
 * route says instead, at last the error itself. trap: NULL or why. */
void server_request_fail(struct server_request *r, const struct err *err,
                         const struct rt_trap *trap);

/* Which fallbacks of a loaded route can never answer, a bit for each; warn hears why, and of those
 * that cannot answer for some of its functions. */
u32 server_fallbacks_idle(const struct endpoint_table *table, const struct served_route *route,
                          server_warn *warn, void *user);

/* ---- stale.c ---- */

struct stale_store;
struct stale_store *server_stale_create(size_t limit_bytes);
void server_stale_destroy(struct stale_store **store);

/* The head of a request for a program has come: remembers the generation of what is kept for its
 * target. */
void server_stale_watch(struct server_request *r, const void *head);

/* A program's answer to the request has begun, or all of it has come: what is kept for the target
 * is forgotten by all workers if it may be true no more. spec: RFC 9111 section 4.4 */
void server_stale_forget(struct server_request *r, int status);

/* An answer on its way into the store; NULL members: it is not storable. */
struct stale_draft;
/* A program's answer has begun: keeps it if it may be. spec: RFC 9111 section 3 */
struct stale_draft *server_stale_begin(struct server_request *r, const struct http_cgi *cgi,
                                       const void *head);
void server_stale_add(struct stale_draft *draft, const void *bytes, size_t len);
/* All of it has come. Sets *draft to NULL. */
void server_stale_end(struct stale_draft **draft, struct stale_store *store);
void server_stale_drop(struct stale_draft **draft); /* NULL is allowed */

/* Answers with what was stored for the same request. False: there is nothing that may be used. */
bool server_stale_answer(struct server_request *r);

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

/* Do its functions need a voice: does it import fd_write? */
bool server_module_prints(const struct rt_module *module);

/* ---- command.c ---- */

/* A program's run for a request. name: its first argument. What of the body has come is read from
 * its beginning. returns owned: server_command_destroy.
 * errors: those of server_cgi_variables, ERR_LIMIT. */
MUST_CHECK bool server_command_create(struct server_command **out, struct server_request *r,
                                      const char *name, const struct server_cgi_request *from,
                                      struct err *err);
/* Not while it runs. Its memory is kept for the worker's next one. NULL is allowed. */
void server_command_destroy(struct server_command **command);
/* What a worker has kept. NULL is allowed. */
void server_command_free(struct server_command **command);

struct wasi_guest *server_command_guest(const struct server_command *command);
bool server_command_exit(const struct server_command *command, u32 *code); /* proc_exit's */
bool server_command_is_committed(const struct server_command *command);    /* some of it has left */
/* Has the client more to send, or to take, before the program can read or write? */
bool server_command_awaits_client(struct server_command *command);
/* Is the program suspended until it has? */
bool server_command_is_waiting(const struct server_command *command);

/* See server_request_body_came and server_request_room_made. */
void server_command_body_came(struct server_command *command, bool has_ended);
void server_command_room_made(struct server_command *command);

/* The run has ended, err says how (ERR_NONE: well). If its output is no response, err becomes that
 * error. Nothing leaves yet.
 * errors: ERR_RESPONSE. */
void server_command_judge(struct server_command *command, struct err *err);

/* Sends the response, or what is left of it. Not good: some of it has left, and the rest must not,
 * so the connection is cut. */
void server_command_end(struct server_command *command, bool is_good);

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

/* Did its request follow the answer to the one before at once? */
bool server_conn_is_paced(const struct conn *conn);

/* Which connection may have to make room for another client: the one that has been idle longest, or
 * else one whose client has owed a step of its request, or of taking the answer, for a second.
 * NULL: there is none. */
struct conn *server_conn_find_victim(const struct worker *worker);
void server_conn_evict(struct conn *conn); /* ends it; one in the middle of its answer is cut */

/* Puts the answer on its way. Payload is borrowed; of a HEAD request it is only counted. */
void server_conn_respond(struct conn *conn, struct http_response *response, const void *payload,
                         size_t len);

/* A program's answer, piece by piece; all but the last two may be called on its fiber. How much may
 * be added now; the head; bytes of the body, at most as many as there is room for; its end. */
size_t server_conn_room(const struct conn *conn);
void server_conn_stream_begin(struct conn *conn, struct http_response *response);
void server_conn_stream_add(struct conn *conn, const void *bytes, size_t len, bool is_chunked);
void server_conn_body_taken(struct conn *conn); /* there is room in the request's body again */
bool server_conn_body_ended(const struct conn *conn); /* all of a program's has come */
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
    const struct server_plan *plan;
    const struct config_limits *limits;
    struct scoreboard_worker *board;
    struct arena arena; /* as long as the worker: modules, endpoints */
    struct loop *loop;
    struct rt_engine *engine;
    struct sched *sched;
    struct worker_memory memory;
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
    struct buf spare_body;                  /* memory of a large body that was answered */
    struct server_command *spare_command;   /* memory of a program's run that has ended */
    size_t body_bytes_max, reply_bytes_max; /* of any route */
    int spare_fd; /* given up to refuse a client when no descriptor is free */
    u32 connections;
    u32 waiting;               /* requests, of all routes */
    u32 waiting_routes;        /* that have any */
    struct served_route *turn; /* the last of the ring of routes with waiting requests */
    u64 idle_ns[SCHED_LEVELS]; /* when there was last nothing to do, up to this level */
    struct stale_store *stale;
    struct conn_list open_conns, free_conns;
    char id_start[8]; /* of all requests' identifiers: drawn when the worker starts */
    u32 id_count;
    i64 date_second;
    char date[HTTP_DATE_BYTES];
};

/* A place for a connection is free again. */
void server_worker_conn_closed(struct worker *worker);

const char *server_worker_date(struct worker *worker); /* now, for the Date field */

/* ---- load.c ---- */

/* Loads the modules of w->plan and makes its routes and endpoints. errors: ERR_ARTIFACT, ERR_LINK,
 * ERR_LIMIT, ERR_SIGNATURE, ERR_SYSTEM, ERR_TRAP, ERR_USAGE. Also after it has failed:
 * server_unload. */
MUST_CHECK bool server_load(struct worker *worker, struct err *err);
void server_unload(struct worker *worker);
