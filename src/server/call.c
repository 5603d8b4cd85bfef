/*
 * server/call.c -- a call of a guest for a request: it starts, waits for its turn, ends.
 *
 * A request may need several calls, one after the other: when one has failed before anything was
 * sent, a fallback may try another version or route (fallback.c). r->attempt says which it is now.
 */
#include "base/check.h"
#include "base/file.h"
#include "server/internal.h"

#define JSON      "application/json"
#define HOLD_NS   ((u64)100000000) /* see ADMIT_HOLD */
#define SETTLE_NS ((u64)100000)    /* a call that took so long may have written much */

static void count_in_flight(const struct worker *w)
{
    board_set(&w->board->in_flight, sched_task_count(w->sched) + w->waiting);
}

/* ---- answers ---- */

/* The result of a function of numbers. */
static void answer_values(struct server_request *r, const union abi_value *results)
{
    struct buf *out = &r->worker->payload;
    struct err err;
    err_begin(&err);
    buf_clear(out);
    if (!typed_values_write(r->attempt.func, results, out, &err)) {
        server_request_fail(r, &err, NULL);
        return;
    }
    buf_add_byte(out, '\n');
    server_answer(r, (struct http_response){.status = 200, .content_type = JSON});
}

/* The result that a driver has left in r->reply. */
static void answer_reply(struct server_request *r)
{
    struct http_response response = {
        .status = 200,
        .content_type = r->wants_raw ? TYPED_RAW_TYPE : JSON,
        .vary = typed_returns_raw(r->attempt.func) ? "Accept" : NULL,
    };
    if (!r->wants_raw)
        buf_add_byte(&r->reply, '\n');
    server_conn_respond(r->conn, &response, r->reply.bytes, r->reply.len);
}

/* Whose fault an error is: the request's is answered, all others are failures; that its route is
 * full, too. */
static bool is_of_request(enum err_code code)
{
    return err_code_http(code) < 500 && code != ERR_ROUTE_BUSY;
}

static void answer_error_or_fail(struct server_request *r, const struct err *err)
{
    if (is_of_request(err->code))
        server_answer_error(r, err, NULL);
    else
        server_request_fail(r, err, NULL);
}

/* ---- what came of a call ---- */

static enum err_code trap_error(enum abi_trap kind)
{
    switch ((int)kind) {
    case ABI_TRAP_CPU_LIMIT:
    case ABI_TRAP_WALL_LIMIT: return ERR_DEADLINE;
    case ABI_TRAP_MEMORY_SHARE: return ERR_LIMIT;
    default: return ERR_TRAP;
    }
}

static void take_trap(struct server_request *r, const struct rt_trap *trap, struct err *err)
{
    enum err_code code = trap_error(trap->kind);
    struct scoreboard_worker *worker = r->worker->board;
    struct scoreboard_route *route = r->attempt.route->board;
    if (code == ERR_DEADLINE) {
        board_add(&worker->deadlines, 1);
        board_add(&route->deadlines, 1);
    } else if (code == ERR_TRAP) {
        board_add(&worker->traps, 1);
        board_add(&route->traps, 1);
    }
    err_set(err, code, ERR_NO_AT, "%s", trap->message);
}

/* How a program ended: by returning, by proc_exit (a trap of that kind), or by a real trap.
 * ERR_NONE: well. */
static void judge_program(struct server_request *r, const struct rt_trap *trap, struct err *err)
{
    u32 code;
    if (trap != NULL && trap->kind != ABI_TRAP_EXIT)
        take_trap(r, trap, err);
    else if (server_command_exit(r->command, &code) && code != 0)
        err_set(err, ERR_EXIT_CODE, ERR_NO_AT, "the program ended with exit code %u", code);
}

/* Whose fault it is that time ran out. Who computes does so for this input, or beside others who
 * do; who waits for something else may wait in every request. */
static enum breaker_outcome deadline_outcome(const struct server_request *r,
                                             const struct sched_result *result)
{
    if (result->trap->kind == ABI_TRAP_CPU_LIMIT || !result->was_suspended)
        return BREAKER_INPUT;
    bool awaits_client = r->command != NULL && server_command_awaits_client(r->command);
    return awaits_client ? BREAKER_NEUTRAL : BREAKER_OTHER;
}

static enum breaker_outcome breaker_outcome(const struct server_request *r, const struct err *err,
                                            const struct sched_result *result)
{
    const struct rt_trap *trap = result->trap;
    bool is_memory_share = trap != NULL && trap->kind == ABI_TRAP_MEMORY_SHARE;
    switch ((int)err->code) {
    case ERR_NONE: return BREAKER_GOOD;
    case ERR_TRAP:
    case ERR_EXIT_CODE:
    case ERR_RESPONSE:
    case ERR_RESULT: return BREAKER_INPUT;
    case ERR_DEADLINE: return deadline_outcome(r, result);
    case ERR_LIMIT: return is_memory_share ? BREAKER_INPUT : BREAKER_NEUTRAL;
    default: return BREAKER_NEUTRAL;
    }
}

static void tell_breaker(struct server_request *r, const struct err *err,
                         const struct sched_result *result)
{
    server_breaker_tell(r->worker, &r->attempt, breaker_outcome(r, err, result),
                        server_conn_client(r->conn));
}

/* The call has answered: for its own route, or as a fallback. */
static void count_outcome(const struct server_request *r)
{
    u32 outcome = r->reason == NULL ? SCOREBOARD_OWN
                                    : (u32)r->route->plan->fallbacks[r->fallback_at - 1].kind;
    board_add(&r->route->board->outcomes[outcome], 1);
}

/* The breaker hears of it first: whoever has the answer may ask again, of another worker. */
static void end_program(struct server_request *r, const struct sched_result *result)
{
    const struct rt_trap *trap = result->trap;
    struct err failure;
    err_begin(&failure);
    judge_program(r, trap, &failure);
    server_command_judge(r->command, &failure);
    bool is_good = failure.code == ERR_NONE;
    bool has_trapped = trap != NULL && failure.code == trap_error(trap->kind);
    r->has_effect |= wasi_guest_had_effect(server_command_guest(r->command));
    tell_breaker(r, &failure, result);
    if (is_good)
        count_outcome(r);
    else
        r->record.outcome = has_trapped ? trap->code : err_code_text(failure.code);
    if (is_good || server_command_is_committed(r->command))
        server_command_end(r->command, is_good);
    else
        server_request_fail(r, &failure, has_trapped ? trap : NULL);
}

static void end_function(struct server_request *r, const struct sched_result *result)
{
    struct err trapped;
    const struct err *err = r->attempt.func->needs_driver ? &r->call.err : &trapped;
    err_begin(&trapped);
    if (result->trap != NULL) {
        take_trap(r, result->trap, &trapped);
        tell_breaker(r, &trapped, result);
        server_request_fail(r, &trapped, result->trap);
        return;
    }
    tell_breaker(r, err, result);
    if (err->code != ERR_NONE) {
        struct err failed = *err; /* the next attempt begins with r->call anew */
        answer_error_or_fail(r, &failed);
        return;
    }
    count_outcome(r);
    if (r->attempt.func->needs_driver)
        answer_reply(r);
    else
        answer_values(r, result->results);
}

/* The call has ended: the answer leaves first, then the instance is made fresh for the next. */
static void call_done(void *arg, const struct sched_result *result)
{
    struct server_request *r = arg;
    struct worker *w = r->worker;
    struct conn *conn = r->conn;
    struct served_route *route = r->attempt.route;
    struct rt_pool *pool = r->attempt.version->pool;
    struct rt_instance *instance = r->instance;
    bool is_cancelled = result->trap != NULL && result->trap->kind == ABI_TRAP_CANCELLED;
    if (route->load.newest == r->task)
        route->load.newest = NULL;
    r->task = NULL;
    r->instance = NULL;
    r->record.cpu_ns += result->cpu_ns;
    board_add(&w->board->guest_cpu_ns, result->cpu_ns);
    if (is_cancelled)
        server_breaker_tell(w, &r->attempt, BREAKER_NEUTRAL, NULL);
    else if (r->command != NULL)
        end_program(r, result);
    else
        end_function(r, result);
    rt_pool_release(pool, &instance);
    if (result->cpu_ns >= SETTLE_NS)
        rt_engine_settle(w->engine);
    server_admit_done(route, result, w);
    count_in_flight(w);
    if (!is_cancelled)
        server_conn_continue(conn);
}

/* ---- starting ---- */

/* What a driver will need: it reads the body and leaves the result. */
static void prepare_driver(struct server_request *r, struct sched_call *call)
{
    buf_clear(&r->reply);
    buf_set_limit(&r->reply, (size_t)r->attempt.route->plan->limits.reply_bytes);
    r->call = (struct typed_call){.func = r->attempt.func,
                                  .body = r->body.bytes,
                                  .body_len = r->body.len,
                                  .is_raw = r->is_raw,
                                  .wants_raw = r->wants_raw,
                                  .out = &r->reply};
    call->driver = typed_call_run;
    call->driver_arg = &r->call;
}

/* What to call; a function of numbers gets its arguments now. */
static bool prepare_call(struct server_request *r, struct sched_call *call, struct err *err)
{
    const struct served_module *module = r->attempt.version->module;
    const struct typed_func *func = r->attempt.func;
    if (r->target == REQUEST_PROGRAM) {
        call->func = module->program->index;
        call->guest = server_command_guest(r->command);
        return true;
    }
    if (module->prints && r->voice == NULL &&
        !server_voice_create(&r->voice, r->worker->log, r->id, err))
        return false;
    if (r->voice != NULL)
        call->guest = server_voice_guest(r->voice);
    call->func = func->exported->index;
    if (func->needs_driver) {
        prepare_driver(r, call);
        return true;
    }
    call->args = r->worker->values;
    return typed_values_read(func, r->body.bytes, r->body.len, r->worker->values, err);
}

bool server_call_start(struct server_request *r, u64 now, struct err *err)
{
    struct worker *w = r->worker;
    struct rt_pool *pool = r->attempt.version->pool;
    const struct config_limits *limits = &r->attempt.route->plan->limits;
    CHECK(now < r->wall_end_ns);
    struct sched_call call = {
        .cpu_ns = limits->cpu_ns, .wall_end_ns = r->wall_end_ns, .done = call_done, .arg = r};
    if (!prepare_call(r, &call, err) || !rt_pool_take(pool, &r->instance, err))
        return false;
    if (!server_breaker_admit(&r->attempt, now)) {
        rt_pool_release(pool, &r->instance);
        return err_set(err, ERR_BREAKER, ERR_NO_AT,
                       "this has failed too often of late; it is tried again in a moment");
    }
    call.instance = r->instance;
    if (!sched_start(w->sched, &call, &r->task, err)) {
        rt_pool_release(pool, &r->instance);
        server_breaker_tell(w, &r->attempt, BREAKER_NEUTRAL, NULL);
        return false;
    }
    r->attempt.route->load.newest = r->task;
    board_add(&r->attempt.route->board->running, 1);
    count_in_flight(w);
    return true;
}

bool server_call_start_waiting(struct server_request *r)
{
    struct err err;
    u64 now = loop_now_ns(r->worker->loop);
    err_begin(&err);
    bool started = !server_admit_is_late(r, now) && server_call_start(r, now, &err);
    if (!started && err.code == ERR_BUSY)
        return false;
    if (started) {
        server_admit_leave(r);
        return true;
    }
    if (err.code == ERR_NONE) {
        server_call_expire(r);
    } else {
        server_admit_leave(r);
        answer_error_or_fail(r, &err);
    }
    server_conn_continue(r->conn);
    return true;
}

bool server_call_make_command(struct server_request *r, const void *head, struct err *err)
{
    struct http_text path = http_span_text(head, r->parsed->path);
    const struct server_cgi_request from = {
        .request = r->parsed,
        .head = head,
        .script_name = {path.bytes, r->script_len},
        .path = {path.bytes + r->script_len, path.len - r->script_len},
        .client = server_conn_client(r->conn),
        .id = r->id,
    };
    server_command_destroy(&r->command);
    return server_command_create(&r->command, r, r->attempt.version->module->name, &from, err);
}

void server_call_run(struct server_request *r)
{
    struct err err;
    u64 now = loop_now_ns(r->worker->loop);
    err_begin(&err);
    r->wall_end_ns = now + r->route->plan->limits.wall_ns;
    r->body_is_kept = buf_ok(&r->body) && r->body.len <= r->route->plan->limits.keep_bytes;
    board_add(&r->route->board->requests, 1);
    if (!buf_ok(&r->body)) {
        err_set(&err, ERR_LIMIT, ERR_NO_AT, "no memory for the request body");
        server_request_fail(r, &err, NULL);
        return;
    }
    enum admission admission = server_admit(r, now, &err);
    if (admission == ADMIT_START) {
        if (server_call_start(r, now, &err))
            return;
        if (err.code == ERR_BUSY) {
            err_begin(&err);
            admission = ADMIT_WAIT;
        }
    }
    if (admission == ADMIT_WAIT) {
        server_admit_wait(r);
        return;
    }
    if (admission == ADMIT_HOLD && r->route->plan->fallback_count == 0) {
        r->is_held = true;
        r->err = err;
        r->wall_end_ns = now + HOLD_NS;
        server_conn_watch_wall(r->conn);
        return;
    }
    answer_error_or_fail(r, &err);
}

void server_request_cancel(struct server_request *r)
{
    if (r->is_waiting)
        server_admit_leave(r);
    if (r->task != NULL)
        sched_cancel(r->task, ABI_TRAP_CANCELLED);
    count_in_flight(r->worker);
}

void server_call_expire(struct server_request *r)
{
    struct err err = {0};
    if (r->is_held) {
        r->is_held = false;
        server_request_fail(r, &r->err, NULL);
        return;
    }
    CHECK(r->is_waiting);
    server_admit_leave(r);
    board_add(&r->worker->board->refused, 1);
    board_add(&r->route->board->shed, 1);
    err_set(&err, ERR_BUSY, ERR_NO_AT, "its turn did not come in time");
    server_request_fail(r, &err, NULL);
}
