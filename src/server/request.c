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
    struct worker *w = r->worker;
    u32 id = ++w->id_count;
    memcpy(r->id, w->id_start, sizeof w->id_start);
    for (u32 i = REQUEST_ID_BYTES - 1; i-- > sizeof w->id_start; id >>= 4)
        r->id[i] = "0123456789abcdef"[id & 15];
    r->err.code = ERR_NONE;
    r->record.start_ns = loop_now_ns(w->loop);
    r->record.cpu_ns = 0;
    r->record.method = NULL;
    r->record.outcome = err_code_text(ERR_NONE);
    r->record.path_len = 0;
    r->record.is_cut = false;
    r->endpoint = NULL;
    r->generation = NULL;
    r->route = NULL;
    r->body_bytes = 0;
    r->body_taken = 0;
    r->body_is_kept = true;
    r->allow = NULL;
    r->minor = 1;
    r->is_head = r->keep_alive = r->wants_html = r->wants_raw = r->is_raw = false;
    r->has_effect = r->is_held = false;
    r->fallback_at = 0;
    r->reason = NULL;
    r->fallback_field[0] = 0;
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

/* Sets is_raw if the body holds the bytes of a list. */
static bool check_body_type(struct server_request *r, const struct http_request *request,
                            const void *head)
{
    struct http_text coding = http_request_field(request, head, HTTP_FIELD_CONTENT_ENCODING);
    struct http_text type = http_request_field(request, head, HTTP_FIELD_CONTENT_TYPE);
    bool takes_raw = typed_takes_raw(r->endpoint->func);
    if (coding.bytes != NULL && !http_list_has(coding, "identity"))
        return err_set(&r->err, ERR_MEDIA_TYPE, ERR_NO_AT, "the body is compressed; send it plain");
    r->is_raw = takes_raw && type.bytes != NULL && http_list_has(type, TYPED_RAW_TYPE);
    if (!r->is_raw && !takes_type(type))
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

static bool is_idempotent(enum http_method method)
{
    return method != HTTP_POST && method != HTTP_PATCH;
}

/* What a fallback of the route may need of the head outlives the buffer it came in. */
static bool keep_head(struct server_request *r, const struct http_parser *parser, const void *head)
{
    buf_clear(&r->head);
    if (r->route->may_retry || r->route->keeps_answers)
        buf_add(&r->head, head, parser->head_len);
    return buf_ok(&r->head) ||
           err_set(&r->err, ERR_LIMIT, ERR_NO_AT, "no memory for the request's head");
}

static void route_program(struct server_request *r, const void *head)
{
    r->target = REQUEST_PROGRAM;
    server_stale_watch(r, head);
    if (!server_call_make_command(r, head, &r->err))
        refuse(r);
}

static void route_call(struct server_request *r, const struct http_request *request,
                       const void *head)
{
    r->target = REQUEST_CALL;
    if (request->method != HTTP_POST) {
        r->allow = "POST";
        err_set(&r->err, ERR_METHOD, ERR_NO_AT, "%s takes POST, not %s", r->endpoint->path,
                http_method_text(request->method));
        refuse(r);
    } else if (!check_body_type(r, request, head)) {
        refuse(r);
    } else {
        r->wants_raw =
            typed_returns_raw(r->endpoint->func) &&
            http_list_has(http_request_field(request, head, HTTP_FIELD_ACCEPT), TYPED_RAW_TYPE);
    }
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
    r->parsed = request;
    record_head(&r->record, request->method, path);
    r->minor = request->minor;
    r->is_head = request->method == HTTP_HEAD;
    r->keep_alive = request->keep_alive;
    r->wants_html =
        http_list_has(http_request_field(request, head, HTTP_FIELD_ACCEPT), "text/html");
    if (request->is_asterisk) {
        r->target = REQUEST_OPTIONS;
        return;
    }
    struct server_match match;
    bool is_found = server_endpoint_find(&r->worker->table, path, &match);
    if (is_found) {
        r->route = match.route;
        r->endpoint = match.endpoint;
        r->script_len = match.script_len;
        r->attempt = (struct server_attempt){
            .route = match.route,
            .version = &match.route->versions[0],
            .func = match.endpoint == NULL ? NULL : match.endpoint->func,
        };
        r->is_idempotent = is_idempotent(request->method);
    }
    if (is_found && !keep_head(r, parser, head))
        refuse(r);
    else if (is_found && match.endpoint == NULL)
        route_program(r, head);
    else if (is_found)
        route_call(r, request, head);
    else if (path.len == 0 || (path.len == 1 && path.bytes[0] == '/'))
        route_document(r, REQUEST_INDEX, request->method);
    else if (path.len == strlen(OPENAPI_PATH) && memcmp(path.bytes, OPENAPI_PATH, path.len) == 0)
        route_document(r, REQUEST_OPENAPI, request->method);
    else
        refuse_path(r, path);
}

/* ---- answers ---- */

void server_answer(struct server_request *r, struct http_response response)
{
    struct worker *w = r->worker;
    if (!buf_ok(&w->payload)) {
        buf_clear(&w->payload);
        response = (struct http_response){.status = 503, .retry_after_s = RETRY_AFTER_S};
    }
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

/* Whoever is refused for lack of room is told when it is worth coming back. */
static u32 retry_after(const struct server_request *r, enum err_code code)
{
    int status = err_code_http(code);
    if (status != 503 && status != 429)
        return 0;
    if (code == ERR_BREAKER)
        return server_breaker_retry_after(&r->route->versions[0], loop_now_ns(r->worker->loop));
    return r->route == NULL ? RETRY_AFTER_S : server_admit_retry_after(r->route);
}

void server_answer_error(struct server_request *r, const struct err *err,
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
    server_answer(r, (struct http_response){.status = status,
                                            .content_type = JSON,
                                            .allow = r->allow,
                                            .retry_after_s = retry_after(r, err->code)});
}

static void answer_index(struct server_request *r)
{
    const struct buf *page = r->wants_html ? &r->worker->index_html : &r->worker->index_json;
    struct buf *out = &r->worker->payload;
    buf_clear(out);
    buf_add(out, page->bytes, page->len);
    server_answer(r, (struct http_response){.status = 200,
                                            .content_type = r->wants_html ? HTML : JSON,
                                            .vary = "Accept"});
}

static void answer_openapi(struct server_request *r)
{
    struct buf *page = &r->worker->openapi, *out = &r->worker->payload;
    if (page->len == 0)
        server_openapi_write(&r->worker->table, page);
    buf_clear(out);
    out->failed = !buf_ok(page);
    buf_add(out, page->bytes, page->len);
    server_answer(r, (struct http_response){.status = 200, .content_type = JSON});
}

void server_request_refuse(struct server_request *r)
{
    refuse(r);
    r->keep_alive = false;
    server_answer_error(r, &r->err, NULL);
}

/* ---- life ---- */

void server_request_run(struct server_request *r)
{
    switch (r->target) {
    case REQUEST_CALL:
    case REQUEST_PROGRAM: server_call_run(r); return;
    case REQUEST_INDEX: answer_index(r); return;
    case REQUEST_OPENAPI: answer_openapi(r); return;
    case REQUEST_OPTIONS:
        buf_clear(&r->worker->payload);
        server_answer(r,
                      (struct http_response){.status = 200, .allow = "GET, HEAD, POST, OPTIONS"});
        return;
    case REQUEST_REFUSED: server_answer_error(r, &r->err, NULL); return;
    }
    UNREACHABLE();
}

void server_request_body_came(struct server_request *r, bool has_ended)
{
    if (r->command != NULL)
        server_command_body_came(r->command, has_ended);
}

void server_request_drop_taken(struct server_request *r)
{
    if (r->route->may_retry && r->body.len <= r->route->plan->limits.keep_bytes)
        return;
    buf_consume(&r->body, r->body_taken);
    r->body_taken = 0;
    r->body_is_kept = false;
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
