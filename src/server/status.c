#include "server/status.h"
#include "base/check.h"
#include "server/internal.h"
#include <string.h>

#define NS_PER_S  1000000000u
#define NS_PER_US 1000u

enum scope { SERVER, WORKER, ROUTE, VERSION };
enum unit { COUNT, NS, STATE };
enum sum { OWN, SUM, MEAN };

struct metric_row {
    enum scope scope;
    const char *key, *name, *label, *type;
    enum unit unit;
    enum sum sum;
    const char *text;
};

static const struct metric_row rows[] = {
#define FACT(scope, key, value, text)
#define METRIC(scope, key, name, label, type, unit, sum, value, text)                              \
    {scope, #key, name, label, #type, unit, sum, text},
#include "server/metric.def"
#undef FACT
#undef METRIC
};
static_assert(COUNT_OF(rows) == STATUS_METRICS, "every metric has a row");

enum fact {
#define FACT(scope, key, value, text) FACT_##scope##_##key,
#define METRIC(scope, key, name, label, type, unit, sum, value, text)
#include "server/metric.def"
#undef FACT
#undef METRIC
    FACTS
};

static const struct {
    enum scope scope;
    const char *key;
} facts[] = {
#define FACT(scope, key, value, text) {scope, #key},
#define METRIC(scope, key, name, label, type, unit, sum, value, text)
#include "server/metric.def"
#undef FACT
#undef METRIC
};

/* ---- where a value is found ---- */

/* What an expression of metric.def may look at; beyond the first line, what is of its scope. */
struct place {
    const struct server_plan *plan;
    struct scoreboard *board;
    const char *url;
    u64 now_ns;
    u32 worker_count;
    const struct scoreboard_worker *worker;
    const struct server_route *route_plan;
    const struct scoreboard_route *route; /* of one worker */
    const struct scoreboard_breaker *breaker;
    u32 route_index, version;
};

static u64 since(const struct place *at, u64 time_ns)
{
    return time_ns == 0 || time_ns > at->now_ns ? 0 : at->now_ns - time_ns;
}

static u64 until(const struct place *at, u64 time_ns)
{
    return time_ns > at->now_ns ? time_ns - at->now_ns : 0;
}

static u64 worker_state(const struct scoreboard_worker *worker)
{
    return board_get(&worker->pid) == 0 ? 0 : board_get(&worker->started_ns) == 0 ? 1 : 2;
}

static u64 breaker_state(const struct place *at)
{
    u64 open_until = board_get(&at->breaker->open_until_ns);
    return open_until == 0 ? 0 : at->now_ns < open_until ? 1 : 2;
}

static struct breaker_tally tally(const struct place *at)
{
    struct breaker_tally tally;
    const struct breaker_view view = {.board = at->board,
                                      .plan = at->plan,
                                      .worker_count = at->worker_count,
                                      .route = at->route_index,
                                      .version = at->version};
    server_breaker_tally(&view, at->now_ns, &tally);
    return tally;
}

static u64 find_value(enum server_metric metric, const struct place *at)
{
    switch (metric) {
#define FACT(scope, key, value, text)
#define METRIC(scope, key, name, label, type, unit, sum, value, text)                              \
    case STATUS_##scope##_##key: return value;
#include "server/metric.def"
#undef FACT
#undef METRIC
    case STATUS_METRICS: break;
    }
    UNREACHABLE();
}

static const char *find_fact(enum fact fact, const struct place *at)
{
    switch (fact) {
#define FACT(scope, key, value, text)                                                              \
    case FACT_##scope##_##key: return value;
#define METRIC(scope, key, name, label, type, unit, sum, value, text)
#include "server/metric.def"
#undef FACT
#undef METRIC
    case FACTS: break;
    }
    UNREACHABLE();
}

static struct place place_of(const struct server_status *s, enum scope scope, u32 index,
                             u32 version)
{
    struct place at = {.plan = s->plan,
                       .board = s->board,
                       .url = s->url,
                       .now_ns = s->now_ns,
                       .worker_count = s->worker_count};
    if (scope == WORKER)
        at.worker = &s->board->workers[index];
    if (scope == ROUTE || scope == VERSION) {
        at.route_plan = &s->plan->routes[index];
        at.route_index = index;
        at.version = version;
        at.breaker = scoreboard_breaker(s->board, index, version);
    }
    return at;
}

/* Every worker has counters of its own for a route. */
static u64 route_value(const struct server_status *s, enum server_metric metric, struct place *at)
{
    u64 sum = 0, count = 0;
    for (u32 i = 0; i < s->worker_count; i++) {
        at->route = scoreboard_route(s->board, s->plan->route_count, i, at->route_index);
        u64 value = find_value(metric, at);
        sum += value;
        count += value != 0;
    }
    return rows[metric].sum == MEAN && count > 0 ? sum / count : sum;
}

u64 server_status_value(const struct server_status *s, enum server_metric metric, u32 index,
                        u32 version)
{
    struct place at = place_of(s, rows[metric].scope, index, version);
    return rows[metric].scope == ROUTE ? route_value(s, metric, &at) : find_value(metric, &at);
}

/* The name at this place of "closed|open|half-open"; NULL behind the last. */
static const char *state_name(const char *names, u64 state, size_t *len)
{
    for (; state > 0 && names != NULL; state--) {
        names = strchr(names, '|');
        names += names != NULL;
    }
    if (names != NULL)
        *len = strcspn(names, "|");
    return names;
}

const char *server_status_state(const struct server_status *s, enum server_metric metric, u32 index,
                                u32 version, size_t *len)
{
    CHECK(rows[metric].unit == STATE);
    return state_name(rows[metric].label, server_status_value(s, metric, index, version), len);
}

static bool has_version(const struct server_status *s, u32 route, u32 version)
{
    return version == 0 || s->plan->routes[route].previous != SERVER_NO_MODULE;
}

/* ---- JSON ---- */

/* Seconds, to the microsecond. */
static void add_seconds(struct buf *out, u64 ns)
{
    char digits[6];
    u64 us = ns % NS_PER_S / NS_PER_US;
    for (size_t i = sizeof digits; i > 0; i--, us /= 10)
        digits[i - 1] = (char)('0' + us % 10);
    buf_add_u64(out, ns / NS_PER_S);
    buf_add_byte(out, '.');
    buf_add(out, digits, sizeof digits);
}

static void add_number(struct buf *out, enum unit unit, u64 value)
{
    if (unit == NS)
        add_seconds(out, value);
    else
        buf_add_u64(out, value);
}

static void add_key(struct buf *out, const char *key)
{
    if (out->len > 0 && out->bytes[out->len - 1] != '{')
        buf_add_byte(out, ',');
    buf_add_byte(out, '"');
    buf_add_text(out, key);
    buf_add_text(out, "\":");
}

/* All rows of a scope, as members of an object. */
static void add_members(const struct server_status *s, enum scope scope, u32 index, u32 version,
                        struct buf *out)
{
    for (u32 i = 0; i < FACTS; i++) {
        struct place at = place_of(s, scope, index, version);
        if (facts[i].scope != scope)
            continue;
        const char *text = find_fact((enum fact)i, &at);
        add_key(out, facts[i].key);
        buf_add_json_string(out, text, strlen(text));
    }
    for (u32 i = 0; i < STATUS_METRICS; i++) {
        if (rows[i].scope != scope)
            continue;
        size_t len = 0;
        u64 value = server_status_value(s, (enum server_metric)i, index, version);
        add_key(out, rows[i].key);
        if (rows[i].unit == STATE) {
            const char *name = state_name(rows[i].label, value, &len);
            buf_add_json_string(out, name, len);
        } else {
            add_number(out, rows[i].unit, value);
        }
    }
}

static void add_route(const struct server_status *s, u32 route, struct buf *out)
{
    buf_add_text(out, route == 0 ? "{" : ",{");
    add_members(s, ROUTE, route, 0, out);
    add_key(out, "versions");
    buf_add_byte(out, '[');
    for (u32 version = 0; version < SERVER_VERSIONS; version++) {
        if (!has_version(s, route, version))
            continue;
        buf_add_text(out, version == 0 ? "{" : ",{");
        add_members(s, VERSION, route, version, out);
        buf_add_byte(out, '}');
    }
    buf_add_text(out, "]}");
}

static void add_totals(const struct server_status *s, struct buf *out)
{
    add_key(out, "totals");
    buf_add_byte(out, '{');
    for (u32 i = 0; i < STATUS_METRICS; i++) {
        u64 sum = 0;
        if (rows[i].scope != WORKER || rows[i].sum != SUM)
            continue;
        for (u32 worker = 0; worker < s->worker_count; worker++)
            sum += server_status_value(s, (enum server_metric)i, worker, 0);
        add_key(out, rows[i].key);
        add_number(out, rows[i].unit, sum);
    }
    buf_add_byte(out, '}');
}

void server_status_json(const struct server_status *s, struct buf *out)
{
    buf_add_byte(out, '{');
    add_members(s, SERVER, 0, 0, out);
    add_totals(s, out);
    add_key(out, "workers");
    buf_add_byte(out, '[');
    for (u32 i = 0; i < s->worker_count; i++) {
        buf_add_format(out, "%s{\"worker\":%u", i == 0 ? "" : ",", i);
        add_members(s, WORKER, i, 0, out);
        buf_add_byte(out, '}');
    }
    buf_add_byte(out, ']');
    add_key(out, "routes");
    buf_add_byte(out, '[');
    for (u32 i = 0; i < s->plan->route_count && buf_ok(out); i++)
        add_route(s, i, out);
    buf_add_text(out, "]}\n");
}

/* ---- Prometheus ---- */

static void add_label(struct buf *out, const char *name, const char *value)
{
    bool is_first = out->len > 0 && out->bytes[out->len - 1] == '{';
    buf_add_format(out, "%s%s=\"", is_first ? "" : ",", name);
    for (const char *c = value; *c != 0; c++) {
        if (*c == '\\' || *c == '"')
            buf_add_byte(out, '\\');
        if (*c == '\n')
            buf_add_text(out, "\\n");
        else
            buf_add_byte(out, (u8)*c);
    }
    buf_add_byte(out, '"');
}

static void add_name(struct buf *out, const char *name)
{
    buf_add_text(out, "weir_");
    buf_add_text(out, name);
}

/* "weir_NAME{" and the labels that say what it is a number of. */
static void begin_sample(const struct server_status *s, const struct metric_row *row, u32 index,
                         u32 version, struct buf *out)
{
    add_name(out, row->name);
    buf_add_byte(out, '{');
    if (row->scope == WORKER)
        buf_add_format(out, "worker=\"%u\"", index);
    if (row->scope == ROUTE || row->scope == VERSION)
        add_label(out, "route", s->plan->routes[index].name);
    if (row->scope == VERSION)
        add_label(out, "version", version == 0 ? "current" : "previous");
}

static void end_sample(const struct metric_row *row, u64 value, struct buf *out)
{
    if (out->len > 0 && out->bytes[out->len - 1] == '{')
        out->len -= 1; /* it has no labels */
    else
        buf_add_byte(out, '}');
    buf_add_byte(out, ' ');
    add_number(out, row->unit, value);
    buf_add_byte(out, '\n');
}

/* A state is a line for each of its values: 1 for the one it has. */
static void add_sample(const struct server_status *s, enum server_metric metric, u32 index,
                       u32 version, struct buf *out)
{
    const struct metric_row *row = &rows[metric];
    u64 value = server_status_value(s, metric, index, version);
    if (row->unit != STATE) {
        begin_sample(s, row, index, version, out);
        if (row->label[0] != 0)
            buf_add_format(out, ",%s", row->label);
        end_sample(row, value, out);
        return;
    }
    size_t len = 0;
    const char *name;
    for (u64 i = 0; (name = state_name(row->label, i, &len)) != NULL; i++) {
        begin_sample(s, row, index, version, out);
        buf_add_format(out, ",state=\"%.*s\"", (int)len, name);
        end_sample(row, i == value, out);
    }
}

static void add_samples(const struct server_status *s, enum server_metric metric, struct buf *out)
{
    enum scope scope = rows[metric].scope;
    u64 count = scope == SERVER ? 1 : scope == WORKER ? s->worker_count : s->plan->route_count;
    for (u32 i = 0; i < count && buf_ok(out); i++)
        for (u32 version = 0; version < (scope == VERSION ? SERVER_VERSIONS : 1); version++)
            if (scope != VERSION || has_version(s, i, version))
                add_sample(s, metric, i, version, out);
}

static void add_head(struct buf *out, const char *name, const char *type, const char *text)
{
    buf_add_format(out, "# HELP weir_%s %s\n# TYPE weir_%s %s\n", name, text, name, type);
}

void server_status_metrics(const struct server_status *s, struct buf *out)
{
    add_head(out, "info", "gauge", "what runs here, in the labels");
    add_name(out, "info{");
    for (u32 i = 0; i < FACTS; i++) {
        struct place at = place_of(s, SERVER, 0, 0);
        if (facts[i].scope == SERVER)
            add_label(out, facts[i].key, find_fact((enum fact)i, &at));
    }
    buf_add_text(out, "} 1\n");
    for (u32 i = 0; i < STATUS_METRICS; i++) {
        if (rows[i].name[0] == 0)
            continue;
        if (i == 0 || strcmp(rows[i].name, rows[i - 1].name) != 0)
            add_head(out, rows[i].name, rows[i].type, rows[i].text);
        add_samples(s, (enum server_metric)i, out);
    }
}
