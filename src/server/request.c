#include "base/check.h"
#include "base/file.h"
#include "server/internal.h"
#include <string.h>

#define JSON          "application/json"
#define HTML          "text/html; charset=utf-8"
#define NEAREST_MAX   3
#define RETRY_AFTER_S 1
#define OPENAPI_PATH  "/openapi.json"

/* ---- routing ---- */

void server_request_begin(struct server_request *r)
{
    static const char digits[] = "0123456789abcdef";
    struct worker *w = r->worker;
    u64 id = w->id_high << 32 | ++w->id_count;
    for (u32 i = 0; i < REQUEST_ID_BYTES - 1; i++)
        r->id[i] = digits[id >> (60 - 4 * i) & 15];
    r->err.code = ERR_NONE;
    r->record.start_ns = loop_now_ns(w->loop);
    r->record.cpu_ns = 0;
    r->record.method = NULL;
    r->record.outcome = err_code_text(ERR_NONE);
    r->record.path_len = 0;
    r->record.is_cut = false;
    r->endpoint = NULL;
    r->module = NULL;
    r->body_bytes = 0;
    r->allow = NULL;
    r->minor = 1;
    r->is_head = r->keep_alive = r->wants_html = r->wants_raw = false;
    r->call.is_raw = false;
    buf_clear(&r->body);
}

static void refuse(struct server_request *r)
{
    r->target = REQUEST_REFUSED;
}

/* JSON, or what clients send when nobody told them a type: curl's -d and plain text. */
static bool takes_type(struct http_text type)
{
    static const char *const types[] = {"application/json", "text/plain", "text/json",
                                        "application/x-www-form-urlencoded"};
    if (type.bytes == NULL)
        return true;
    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (http_list_has(type, types[i]))
            return true;
    return false;
}

/* Sets call.is_raw if the body holds the bytes of a list. */
static bool check_body_type(struct server_request *r, const struct http_request *request,
                            const void *head)
{
    struct http_text coding = http_request_field(request, head, "content-encoding");
    struct http_text type = http_request_field(request, head, "content-type");
    bool takes_raw = typed_takes_raw(r->endpoint->func);
    if (coding.bytes != NULL && !http_list_has(coding, "identity"))
        return err_set(&r->err, ERR_MEDIA_TYPE, ERR_NO_AT, "the body is compressed; send it plain");
    r->call.is_raw = takes_raw && type.bytes != NULL && http_list_has(type, TYPED_RAW_TYPE);
    if (!r->call.is_raw && !takes_type(type))
        return err_set(&r->err, ERR_MEDIA_TYPE, ERR_NO_AT,
                       "the body has type %.*s; this endpoint takes application/json%s",
                       (int)min_u64(type.len, 100), type.bytes,
                       takes_raw ? " or " TYPED_RAW_TYPE : "");
    return true;
}

/* GET / and GET /openapi.json */
static void route_document(struct server_request *r, enum request_target target,
                           enum http_method method)
{
    if (method == HTTP_GET || method == HTTP_HEAD) {
        r->target = target;
        return;
    }
    r->allow = "GET, HEAD";
    err_set(&r->err, ERR_METHOD, ERR_NO_AT, "%s the endpoints; it takes GET, not %s",
            target == REQUEST_INDEX ? "/ lists" : OPENAPI_PATH " describes",
            http_method_text(method));
    refuse(r);
}

/* "no endpoint /dto; did you mean /dot?" */
static void refuse_path(struct server_request *r, struct http_text path)
{
    const struct endpoint *nearest[NEAREST_MAX];
    u32 count = server_endpoint_nearest(&r->worker->table, path, nearest, NEAREST_MAX);
    struct buf advice;
    buf_init(&advice, ERR_TEXT_MAX);
    for (u32 i = 0; i < count; i++)
        buf_add_format(&advice, "%s%s",
                       i == 0          ? "did you mean "
                       : i + 1 < count ? ", "
                                       : " or ",
                       nearest[i]->path);
    buf_add_text(&advice, count > 0 ? "?" : "GET / lists all");
    err_set(&r->err, ERR_NOT_FOUND, ERR_NO_AT, "no endpoint %.*s; %.*s",
            (int)min_u64(path.len, 100), path.bytes, (int)advice.len, advice.bytes);
    buf_fini(&advice);
    refuse(r);
}

/* False: no program serves this path. */
static bool route_program(struct server_request *r, const struct http_request *request,
                          const void *head, struct http_text path)
{
    size_t script_len;
    r->module = server_program_find(&r->worker->table, path, &script_len);
    if (r->module == NULL)
        return false;
    const struct server_cgi_request from = {
        .request = request,
        .head = head,
        .script_name = {path.bytes, script_len},
        .path = {path.bytes + script_len, path.len - script_len},
        .client = server_conn_client(r->conn),
        .id = r->id,
    };
    r->target = REQUEST_PROGRAM;
    if (!server_command_create(&r->command, r, r->module->name, &from, &r->err))
        refuse(r);
    return true;
}

static void record_head(struct request_record *record, enum http_method method,
                        struct http_text path)
{
    record->method = http_method_text(method);
    record->path_len = (size_t)min_u64(path.len, sizeof record->path);
    record->is_cut = record->path_len < path.len;
    memcpy(record->path, path.bytes, record->path_len);
}

void server_request_route(struct server_request *r, const struct http_parser *parser,
                          const void *head)
{
    const struct http_request *request = &parser->request;
    struct http_text path = http_span_text(head, request->path);
    record_head(&r->record, request->method, path);
    r->minor = request->minor;
    r->is_head = request->method == HTTP_HEAD;
    r->keep_alive = request->keep_alive;
    r->wants_html = http_list_has(http_request_field(request, head, "accept"), "text/html");
    if (request->is_asterisk) {
        r->target = REQUEST_OPTIONS;
        return;
    }
    if (route_program(r, request, head, path))
        return;
    if (path.len == 0 || (path.len == 1 && path.bytes[0] == '/')) {
        route_document(r, REQUEST_INDEX, request->method);
        return;
    }
    if (path.len == strlen(OPENAPI_PATH) && memcmp(path.bytes, OPENAPI_PATH, path.len) == 0) {
        route_document(r, REQUEST_OPENAPI, request->method);
        return;
    }
    r->target = REQUEST_CALL;
    r->endpoint = server_endpoint_find(&r->worker->table, path);
    if (r->endpoint == NULL) {
        refuse_path(r, path);
    } else if (request->method != HTTP_POST) {
        r->allow = "POST";
        err_set(&r->err, ERR_METHOD, ERR_NO_AT, "%s takes POST, not %s", r->endpoint->path,
                http_method_text(request->method));
        refuse(r);
    } else if (!check_body_type(r, request, head)) {
        refuse(r);
    } else {
        r->module = r->endpoint->module;
        r->wants_raw = typed_returns_raw(r->endpoint->func) &&
                       http_list_has(http_request_field(request, head, "accept"), TYPED_RAW_TYPE);
    }
}

/* ---- answers ---- */

static void count_response(struct scoreboard_worker *board, int status)
{
    if (status < 400)
        board_add(&board->responses_2xx, 1);
    else if (status < 500)
        board_add(&board->responses_4xx, 1);
    else
        board_add(&board->responses_5xx, 1);
}

/* Sends worker->payload, or where it could not be made an empty 503. */
static void answer(struct server_request *r, struct http_response response)
{
    struct worker *w = r->worker;
    if (!buf_ok(&w->payload)) {
        buf_clear(&w->payload);
        response = (struct http_response){.status = 503, .retry_after_s = RETRY_AFTER_S};
    }
    response.request_id = r->id;
    count_response(w->board, response.status);
    server_conn_respond(r->conn, &response, w->payload.bytes, w->payload.len);
}

static void add_backtrace(struct buf *out, const struct rt_trap *trap)
{
    struct buf name;
    buf_init(&name, 4096);
    buf_add_format(out, ",\"kind\":\"%s\",\"backtrace\":[", trap->code);
    for (u32 i = 0; i < trap->frame_count; i++) {
        buf_clear(&name);
        rt_frame_print(&trap->frames[i], &name);
        buf_add_text(out, i == 0 ? "" : ",");
        buf_add_json_string(out, name.bytes, name.len);
    }
    buf_add_byte(out, ']');
    buf_fini(&name);
}

/* {"error":{"code":...,"message":...,"request":...}}; a trap adds its kind and its backtrace. */
static void answer_error(struct server_request *r, const struct err *err,
                         const struct rt_trap *trap)
{
    struct buf *out = &r->worker->payload;
    int status = err_code_http(err->code);
    r->record.outcome = trap != NULL ? trap->code : err_code_text(err->code);
    buf_clear(out);
    buf_add_format(out, "{\"error\":{\"code\":\"%s\",\"message\":", err_code_text(err->code));
    buf_add_json_string(out, err->text, strlen(err->text));
    buf_add_format(out, ",\"request\":\"%s\"", r->id);
    if (trap != NULL)
        add_backtrace(out, trap);
    buf_add_text(out, "}}\n");
    answer(r, (struct http_response){.status = status,
                                     .content_type = JSON,
                                     .allow = r->allow,
                                     .retry_after_s = status == 503 ? RETRY_AFTER_S : 0});
}

static void answer_index(struct server_request *r)
{
    const struct buf *page = r->wants_html ? &r->worker->index_html : &r->worker->index_json;
    struct buf *out = &r->worker->payload;
    buf_clear(out);
    buf_add(out, page->bytes, page->len);
    answer(r, (struct http_response){
                  .status = 200, .content_type = r->wants_html ? HTML : JSON, .vary = "Accept"});
}

static void answer_openapi(struct server_request *r)
{
    struct buf *page = &r->worker->openapi, *out = &r->worker->payload;
    if (page->len == 0)
        server_openapi_write(&r->worker->table, page);
    buf_clear(out);
    out->failed = !buf_ok(page);
    buf_add(out, page->bytes, page->len);
    answer(r, (struct http_response){.status = 200, .content_type = JSON});
}

/* The result of a function of numbers. */
static void answer_values(struct server_request *r, const union abi_value *results)
{
    struct buf *out = &r->worker->payload;
    struct err err = {0};
    buf_clear(out);
    if (!typed_values_write(r->endpoint->func, results, out, &err)) {
        answer_error(r, &err, NULL);
        return;
    }
    buf_add_byte(out, '\n');
    answer(r, (struct http_response){.status = 200, .content_type = JSON});
}

/* The result that a driver has left in r->reply, or its error. */
static void answer_call(struct server_request *r)
{
    if (r->call.err.code != ERR_NONE) {
        answer_error(r, &r->call.err, NULL);
        return;
    }
    struct http_response response = {
        .status = 200,
        .content_type = r->wants_raw ? TYPED_RAW_TYPE : JSON,
        .vary = typed_returns_raw(r->endpoint->func) ? "Accept" : NULL,
        .request_id = r->id,
    };
    if (!r->wants_raw)
        buf_add_byte(&r->reply, '\n');
    count_response(r->worker->board, response.status);
    server_conn_respond(r->conn, &response, r->reply.bytes, r->reply.len);
}

static void answer_results(struct server_request *r, const union abi_value *results)
{
    if (r->endpoint->func->needs_driver)
        answer_call(r);
    else
        answer_values(r, results);
}

static void take_trap(struct server_request *r, const struct rt_trap *trap, struct err *err)
{
    struct scoreboard_worker *board = r->worker->board;
    bool is_deadline = trap->kind == ABI_TRAP_CPU_LIMIT || trap->kind == ABI_TRAP_WALL_LIMIT;
    board_add(is_deadline ? &board->deadlines : &board->traps, 1);
    r->record.outcome = trap->code;
    err_set(err, is_deadline ? ERR_DEADLINE : ERR_TRAP, ERR_NO_AT, "%s", trap->message);
}

static void answer_trap(struct server_request *r, const struct rt_trap *trap)
{
    struct err err = {0};
    take_trap(r, trap, &err);
    answer_error(r, &err, trap);
}

/* A program's end: by returning, by proc_exit (a trap of that kind), or by a real trap. */
static void answer_program(struct server_request *r, const struct rt_trap *trap)
{
    struct err failure = {0}, err = {0};
    u32 code;
    if (trap != NULL && trap->kind == ABI_TRAP_EXIT)
        trap = NULL;
    if (trap != NULL) {
        take_trap(r, trap, &failure);
    } else if (server_command_exit(r->command, &code) && code != 0) {
        err_set(&failure, ERR_EXIT_CODE, ERR_NO_AT, "the program ended with exit code %u", code);
        r->record.outcome = err_code_text(ERR_EXIT_CODE);
    }
    if (!server_command_end(r->command, failure.code == ERR_NONE ? NULL : &failure, &err))
        answer_error(r, &err, trap);
}

void server_request_refuse(struct server_request *r)
{
    refuse(r);
    r->keep_alive = false;
    answer_error(r, &r->err, NULL);
}

/* ---- calls ---- */

static void wait_add(struct server_request *r)
{
    struct served_module *module = r->module;
    r->is_waiting = true;
    r->next_waiting = NULL;
    r->prev_waiting = module->last_waiting;
    if (module->last_waiting != NULL)
        module->last_waiting->next_waiting = r;
    else
        module->first_waiting = r;
    module->last_waiting = r;
    r->worker->waiting += 1;
    server_conn_watch_wall(r->conn);
}

static void wait_remove(struct server_request *r)
{
    struct served_module *module = r->module;
    if (r->prev_waiting != NULL)
        r->prev_waiting->next_waiting = r->next_waiting;
    else
        module->first_waiting = r->next_waiting;
    if (r->next_waiting != NULL)
        r->next_waiting->prev_waiting = r->prev_waiting;
    else
        module->last_waiting = r->prev_waiting;
    r->is_waiting = false;
    r->worker->waiting -= 1;
}

static void count_in_flight(const struct worker *w)
{
    board_set(&w->board->in_flight, sched_task_count(w->sched) + w->waiting);
}

static void call_done(void *arg, const struct sched_result *result);

/* What a driver will need: it reads the body and leaves the result. */
static void prepare_driver(struct server_request *r, struct sched_call *call)
{
    buf_clear(&r->reply);
    r->call = (struct typed_call){.func = r->endpoint->func,
                                  .body = r->body.bytes,
                                  .body_len = r->body.len,
                                  .is_raw = r->call.is_raw,
                                  .wants_raw = r->wants_raw,
                                  .out = &r->reply};
    call->driver = typed_call_run;
    call->driver_arg = &r->call;
}

/* What to call; a function of numbers gets its arguments now. */
static bool prepare_call(struct server_request *r, struct sched_call *call, struct err *err)
{
    if (r->target == REQUEST_PROGRAM) {
        call->func = r->module->program->index;
        call->guest = server_command_guest(r->command);
        return true;
    }
    if (r->module->prints && r->voice == NULL &&
        !server_voice_create(&r->voice, r->worker->log, r->id, err))
        return false;
    if (r->voice != NULL)
        call->guest = server_voice_guest(r->voice);
    call->func = r->endpoint->func->exported->index;
    if (r->endpoint->func->needs_driver) {
        prepare_driver(r, call);
        return true;
    }
    call->args = r->worker->values;
    return typed_values_read(r->endpoint->func, r->body.bytes, r->body.len, r->worker->values, err);
}

/* Takes an instance and starts the call. ERR_BUSY: there is none; nothing was started. */
static bool call_start(struct server_request *r, u64 now, struct err *err)
{
    struct worker *w = r->worker;
    CHECK(now < r->wall_end_ns);
    struct sched_call call = {
        .cpu_ns = w->limits->cpu_ns, .wall_ns = r->wall_end_ns - now, .done = call_done, .arg = r};
    if (!prepare_call(r, &call, err) || !rt_pool_take(r->module->pool, &r->instance, err))
        return false;
    call.instance = r->instance;
    if (!sched_start(w->sched, &call, &r->task, err)) {
        rt_pool_release(r->module->pool, &r->instance);
        return false;
    }
    return true;
}

/* Starts a module's waiting calls for as long as there are instances. What cannot start otherwise
 * is answered here, and its connection goes on. */
static void serve_waiting_of(struct served_module *module)
{
    while (module->first_waiting != NULL) {
        struct server_request *r = module->first_waiting;
        struct err err = {0};
        u64 now = clock_monotonic_ns();
        bool started = now < r->wall_end_ns && call_start(r, now, &err);
        if (!started && err.code == ERR_BUSY)
            return;
        if (started) {
            wait_remove(r);
            continue;
        }
        if (err.code == ERR_NONE) {
            server_request_expire(r);
        } else {
            wait_remove(r);
            answer_error(r, &err, NULL);
        }
        server_conn_continue(r->conn);
    }
}

/* An instance, and with it a place among all tasks, is free again. */
static void serve_waiting(struct worker *w)
{
    for (u32 i = 0; i < w->table.module_count && w->waiting > 0; i++)
        serve_waiting_of(&w->modules[i]);
}

/* The call has ended: the answer leaves first, then the instance is made fresh for the next. */
static void call_done(void *arg, const struct sched_result *result)
{
    struct server_request *r = arg;
    struct worker *w = r->worker;
    struct conn *conn = r->conn;
    struct served_module *module = r->module;
    struct rt_instance *instance = r->instance;
    bool is_cancelled = result->trap != NULL && result->trap->kind == ABI_TRAP_CANCELLED;
    r->task = NULL;
    r->instance = NULL;
    r->record.cpu_ns = result->cpu_ns;
    board_add(&w->board->guest_cpu_ns, result->cpu_ns);
    if (r->command != NULL && !is_cancelled)
        answer_program(r, result->trap);
    else if (result->trap == NULL)
        answer_results(r, result->results);
    else if (!is_cancelled)
        answer_trap(r, result->trap);
    rt_pool_release(module->pool, &instance);
    serve_waiting(w);
    count_in_flight(w);
    if (!is_cancelled)
        server_conn_continue(conn);
}

static void run_call(struct server_request *r)
{
    struct worker *w = r->worker;
    struct err err = {0};
    u64 now = clock_monotonic_ns();
    r->wall_end_ns = now + w->limits->wall_ns;
    if (!buf_ok(&r->body)) {
        err_set(&err, ERR_LIMIT, ERR_NO_AT, "no memory for the request body");
    } else if (r->module->first_waiting == NULL && call_start(r, now, &err)) {
        count_in_flight(w);
        return;
    }
    bool may_wait = err.code == ERR_BUSY || err.code == ERR_NONE;
    if (may_wait && w->waiting < w->limits->queue) {
        wait_add(r);
        count_in_flight(w);
        return;
    }
    if (may_wait) {
        board_add(&w->board->refused, 1);
        err = (struct err){0};
        err_set(&err, ERR_BUSY, ERR_NO_AT, "all instances are busy and the queue is full");
    }
    answer_error(r, &err, NULL);
}

void server_request_run(struct server_request *r)
{
    switch (r->target) {
    case REQUEST_CALL:
    case REQUEST_PROGRAM: run_call(r); return;
    case REQUEST_INDEX: answer_index(r); return;
    case REQUEST_OPENAPI: answer_openapi(r); return;
    case REQUEST_OPTIONS:
        buf_clear(&r->worker->payload);
        answer(r, (struct http_response){.status = 200, .allow = "GET, HEAD, POST, OPTIONS"});
        return;
    case REQUEST_REFUSED: answer_error(r, &r->err, NULL); return;
    }
    UNREACHABLE();
}

void server_request_cancel(struct server_request *r)
{
    if (r->is_waiting)
        wait_remove(r);
    if (r->task != NULL)
        sched_cancel(r->task, ABI_TRAP_CANCELLED);
    count_in_flight(r->worker);
}

void server_request_body_came(struct server_request *r, bool has_ended)
{
    if (r->command != NULL)
        server_command_body_came(r->command, has_ended);
}

void server_request_room_made(struct server_request *r)
{
    if (r->command != NULL)
        server_command_room_made(r->command);
}

void server_request_release(struct server_request *r)
{
    CHECK(r->task == NULL);
    server_command_destroy(&r->command);
    server_voice_destroy(&r->voice);
}

void server_request_expire(struct server_request *r)
{
    struct err err = {0};
    CHECK(r->is_waiting);
    wait_remove(r);
    board_add(&r->worker->board->refused, 1);
    err_set(&err, ERR_BUSY, ERR_NO_AT, "no instance became free in time");
    answer_error(r, &err, NULL);
}

void server_request_log(const struct server_request *r, int status, u64 out_bytes)
{
    const struct request_record *record = &r->record;
    struct server_log_line line = {
        .request = r->id,
        .client = server_conn_client(r->conn),
        .method = record->method,
        .outcome = status == 0 ? "cancelled" : record->outcome,
        .path = record->path,
        .path_len = record->path_len,
        .is_cut = record->is_cut,
        .status = status,
        .in_bytes = r->body_bytes,
        .out_bytes = out_bytes,
        .cpu_ns = record->cpu_ns,
    };
    if (r->worker->log == NULL)
        return;
    line.wall_ns = clock_monotonic_ns() - record->start_ns;
    server_log_add(r->worker->log, &line);
}
