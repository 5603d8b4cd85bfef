/*
 * server/stale.c -- good answers of programs, kept for the fallback stale; nothing else is ever
 * answered from here.
 *
 * Spec: RFC 9111: what may be stored (section 3), when it is fresh (4.2.1), when it must not be
 * served stale (4.2.4), which request it answers (4.1), and what makes it invalid (4.4); Age (5.1);
 * RFC 9211: Cache-Status. As a shared cache, and stricter: requests with credentials or cookies,
 * and answers that set cookies, stay outside.
 *
 * Workers share no answers, only generations: counters on the scoreboard, found by a hash of the
 * target. An entry counts while the one of its target is what it was before the program began that
 * answered. Targets of the same hash are forgotten together.
 */
#include "base/check.h"
#include "base/file.h"
#include "base/text.h"
#include "server/internal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BUCKETS         1024u
#define BODY_BYTES_MAX  MIB
#define ENTRY_BYTES_MAX (2 * MIB)
#define VARY_BYTES_MAX  (128 * KIB) /* of key and fields that Vary names */

/* One stored answer: key, values that Vary names, head and body stand behind each other. */
struct stale_entry {
    struct stale_entry *next;          /* in its bucket */
    struct stale_entry *older, *newer; /* by the last use */
    u64 hash;
    size_t size;
    u64 stored_ns; /* when; monotonic, so that no jump of the date makes it old or young */
    i64 fresh_s;   /* how long it is fresh; below 0: it has never been */
    const _Atomic u64 *generation;
    u64 generation_seen;
    bool stale_is_forbidden;
    int status;
    char date[HTTP_DATE_BYTES];
    u32 field_count;
    struct http_field *fields; /* spans of head */
    struct buf bytes;          /* key, vary, head, body */
    size_t key_len, vary_at, head_at, body_at;
};

struct stale_store {
    struct stale_entry *buckets[BUCKETS];
    struct stale_entry *oldest, *newest;
    size_t bytes, limit_bytes;
};

struct stale_draft {
    struct stale_entry *entry;
    bool failed;
};

/* ---- entries and their list ---- */

static void entry_free(struct stale_entry *entry)
{
    buf_fini(&entry->bytes);
    free(entry->fields);
    free(entry);
}

static void list_remove(struct stale_store *store, struct stale_entry *entry)
{
    if (entry->older != NULL)
        entry->older->newer = entry->newer;
    else
        store->oldest = entry->newer;
    if (entry->newer != NULL)
        entry->newer->older = entry->older;
    else
        store->newest = entry->older;
    entry->older = entry->newer = NULL;
}

static void list_add(struct stale_store *store, struct stale_entry *entry)
{
    entry->older = store->newest;
    if (store->newest != NULL)
        store->newest->newer = entry;
    else
        store->oldest = entry;
    store->newest = entry;
}

static void store_remove(struct stale_store *store, struct stale_entry *entry)
{
    struct stale_entry **at = &store->buckets[entry->hash % BUCKETS];
    while (*at != entry)
        at = &(*at)->next;
    *at = entry->next;
    list_remove(store, entry);
    store->bytes -= entry->size;
    entry_free(entry);
}

struct stale_store *server_stale_create(size_t limit_bytes)
{
    struct stale_store *store = check_alloc(sizeof *store);
    store->limit_bytes = limit_bytes;
    return store;
}

void server_stale_destroy(struct stale_store **store)
{
    struct stale_store *old = *store;
    *store = NULL;
    while (old != NULL && old->oldest != NULL)
        store_remove(old, old->oldest);
    free(old);
}

/* ---- keys ---- */

/* The route, and host, path and query as they came: programs see all of them. */
static void add_key(const struct server_request *r, struct buf *out)
{
    struct http_text path = http_span_text(r->head.bytes, r->parsed->path);
    struct http_text query = http_span_text(r->head.bytes, r->parsed->query);
    struct http_text host = http_request_field(r->parsed, r->head.bytes, HTTP_FIELD_HOST);
    buf_add_text(out, r->route->plan->name);
    buf_add_byte(out, 0);
    buf_add(out, host.bytes, host.len);
    buf_add_byte(out, 0);
    buf_add(out, path.bytes, path.len);
    buf_add_byte(out, '?');
    buf_add(out, query.bytes, query.len);
}

/* All values of a field of the request, in their order. spec: RFC 9111 section 4.1 */
static void add_values(const struct server_request *r, struct http_text name, struct buf *out)
{
    for (u32 i = 0; i < r->parsed->field_count; i++) {
        struct http_text field = http_span_text(r->head.bytes, r->parsed->fields[i].name);
        struct http_text value = http_span_text(r->head.bytes, r->parsed->fields[i].value);
        if (field.len != name.len || strncasecmp(field.bytes, name.bytes, name.len) != 0)
            continue;
        buf_add(out, value.bytes, value.len);
        buf_add_byte(out, ',');
    }
    buf_add_byte(out, 0);
}

/* ---- what makes entries invalid ---- */

/* The path and query name the route too. */
void server_stale_watch(struct server_request *r, const void *head)
{
    if (!r->route->keeps_answers)
        return;
    struct http_text path = http_span_text(head, r->parsed->path);
    struct http_text query = http_span_text(head, r->parsed->query);
    u64 hash = text_hash(path.bytes, path.len) + 3 * text_hash(query.bytes, query.len);
    r->generation = &r->worker->config->board->generations[hash % SCOREBOARD_GENERATIONS];
    r->generation_seen = atomic_load(r->generation);
}

static bool is_safe(enum http_method method)
{
    return method == HTTP_GET || method == HTTP_HEAD || method == HTTP_OPTIONS ||
           method == HTTP_TRACE;
}

void server_stale_forget(struct server_request *r, int status)
{
    if (r->generation != NULL && status < 400 && !is_safe(r->parsed->method))
        atomic_fetch_add(r->generation, 1);
}

static bool is_outdated(const struct stale_entry *entry)
{
    return atomic_load(entry->generation) != entry->generation_seen;
}

/* ---- what may be stored ---- */

struct control {
    bool no_store, no_cache, is_private, must_revalidate, has_max_age, has_shared_age, has_expires;
    i64 max_age_s, shared_age_s, expires_s; /* from now on; of each the first counts */
};

/* What is no number is no time at all. spec: RFC 9111 section 4.2.1 */
static i64 seconds_of(const char *digits, size_t len)
{
    i64 value = 0;
    for (size_t i = 0; i < len; i++) {
        if (digits[i] < '0' || digits[i] > '9')
            return 0;
        value = value > INT32_MAX ? value : 10 * value + (digits[i] - '0');
    }
    return value;
}

static bool word_is(const char *word, size_t len, const char *name)
{
    return len == strlen(name) && strncasecmp(word, name, len) == 0;
}

static void read_directive(struct control *control, const char *word, size_t len)
{
    const char *equals = memchr(word, '=', len);
    size_t name_len = equals == NULL ? len : (size_t)(equals - word);
    const char *value = equals == NULL ? word + len : equals + 1;
    size_t value_len = (size_t)(word + len - value);
    if (value_len >= 2 && value[0] == '"' && value[value_len - 1] == '"') {
        value++;
        value_len -= 2;
    }
    control->no_store |= word_is(word, name_len, "no-store");
    control->no_cache |= word_is(word, name_len, "no-cache");
    control->is_private |= word_is(word, name_len, "private");
    control->must_revalidate |=
        word_is(word, name_len, "must-revalidate") || word_is(word, name_len, "proxy-revalidate");
    if (!control->has_max_age && word_is(word, name_len, "max-age")) {
        control->has_max_age = true;
        control->max_age_s = seconds_of(value, value_len);
    }
    if (!control->has_shared_age && word_is(word, name_len, "s-maxage")) {
        control->has_shared_age = true;
        control->shared_age_s = seconds_of(value, value_len);
    }
}

/* Adds the directives of one Cache-Control field. spec: RFC 9111 section 5.2 */
static void read_control(struct control *control, struct http_text value)
{
    const char *at = value.bytes, *end = at + value.len;
    while (at < end) {
        while (at < end && (*at == ' ' || *at == '\t' || *at == ','))
            at++;
        const char *from = at;
        bool is_quoted = false;
        for (; at < end && (is_quoted || *at != ','); at++)
            is_quoted ^= *at == '"';
        size_t len = (size_t)(at - from);
        while (len > 0 && (from[len - 1] == ' ' || from[len - 1] == '\t'))
            len--;
        read_directive(control, from, len);
    }
}

/* What is no date has expired, at the latest now. spec: RFC 9111 section 5.3 */
static void read_expires(struct control *control, struct http_text value, i64 now)
{
    i64 date;
    if (control->has_expires)
        return;
    control->has_expires = true;
    control->expires_s = http_date_parse(value, now, &date) ? date - now : 0;
}

/* spec: RFC 9111 section 4.2.1 */
static i64 fresh_for(const struct control *control)
{
    return control->has_shared_age ? control->shared_age_s
           : control->has_max_age  ? control->max_age_s
           : control->has_expires  ? control->expires_s
                                   : 0;
}

static bool name_is(struct http_text name, const char *word)
{
    return word_is(name.bytes, name.len, word);
}

/* Could a shared cache keep what answers this request? */
static bool request_allows(const struct server_request *r, bool is_use)
{
    struct control control = {0};
    const struct http_request *request = r->parsed;
    if (request->method != HTTP_GET && !(is_use && request->method == HTTP_HEAD))
        return false;
    if (request->is_chunked || request->content_length > 0) /* what it sends is in no key */
        return false;
    for (u32 i = 0; i < r->parsed->field_count; i++) {
        struct http_text name = http_span_text(r->head.bytes, r->parsed->fields[i].name);
        if (name_is(name, "authorization") || name_is(name, "cookie"))
            return false;
        if (name_is(name, "cache-control"))
            read_control(&control, http_span_text(r->head.bytes, r->parsed->fields[i].value));
    }
    return !control.no_store && !(is_use && control.no_cache);
}

/* Statuses that say what there is, or that there is nothing. */
static bool status_is_storable(int status)
{
    return status == 200 || status == 203 || status == 301 || status == 308 || status == 404 ||
           status == 410;
}

/* Adds the fields that one Vary field names, and their values in the request. */
static bool add_vary(const struct server_request *r, struct http_text value, struct buf *vary)
{
    for (size_t at = 0, len; at < value.len; at += len + 1) {
        for (len = 0; at + len < value.len && strchr(", \t", value.bytes[at + len]) == NULL;)
            len++;
        struct http_text field = {value.bytes + at, len};
        if (name_is(field, "*") || vary->len > VARY_BYTES_MAX)
            return false;
        if (len == 0)
            continue;
        buf_add(vary, field.bytes, len);
        buf_add_byte(vary, 0);
        add_values(r, field, vary);
    }
    return true;
}

/* What the fields of an answer say of storing it; vary gets the values that chose it. */
static bool response_allows(const struct server_request *r, const struct http_cgi *cgi,
                            const void *head, struct control *control, struct buf *vary)
{
    for (u32 i = 0; i < cgi->field_count; i++) {
        struct http_text name = http_span_text(head, cgi->fields[i].name);
        struct http_text value = http_span_text(head, cgi->fields[i].value);
        if (name_is(name, "set-cookie") || (name_is(name, "vary") && !add_vary(r, value, vary)))
            return false;
        if (name_is(name, "cache-control"))
            read_control(control, value);
        if (name_is(name, "expires"))
            read_expires(control, value, r->worker->date_second);
    }
    return !control->no_store && !control->no_cache && !control->is_private;
}

/* ---- storing ---- */

static bool fill_entry(struct stale_entry *entry, const struct server_request *r,
                       const struct http_cgi *cgi, const void *head)
{
    struct control control = {0};
    memcpy(entry->date, server_worker_date(r->worker), sizeof entry->date);
    add_key(r, &entry->bytes);
    entry->key_len = entry->vary_at = entry->bytes.len;
    if (!response_allows(r, cgi, head, &control, &entry->bytes))
        return false;
    entry->hash = text_hash(entry->bytes.bytes, entry->key_len);
    entry->head_at = entry->bytes.len;
    buf_add(&entry->bytes, head, cgi->head_len);
    entry->body_at = entry->bytes.len;
    entry->fields = calloc(cgi->field_count + 1u, sizeof *entry->fields);
    if (entry->fields == NULL)
        return false;
    memcpy(entry->fields, cgi->fields, cgi->field_count * sizeof *entry->fields);
    entry->field_count = cgi->field_count;
    entry->status = cgi->status;
    entry->generation = r->generation;
    entry->generation_seen = r->generation_seen;
    entry->stored_ns = clock_monotonic_ns();
    entry->fresh_s = fresh_for(&control);
    entry->stale_is_forbidden = control.must_revalidate || control.has_shared_age;
    return buf_ok(&entry->bytes);
}

struct stale_draft *server_stale_begin(struct server_request *r, const struct http_cgi *cgi,
                                       const void *head)
{
    if (r->generation == NULL || r->reason != NULL || !status_is_storable(cgi->status) ||
        !request_allows(r, false))
        return NULL;
    struct stale_draft *draft = calloc(1, sizeof *draft);
    struct stale_entry *entry = calloc(1, sizeof *entry);
    if (draft != NULL && entry != NULL) {
        draft->entry = entry;
        buf_init(&entry->bytes, ENTRY_BYTES_MAX);
        if (fill_entry(entry, r, cgi, head))
            return draft;
        buf_fini(&entry->bytes);
        free(entry->fields);
    }
    free(entry);
    free(draft);
    return NULL;
}

void server_stale_add(struct stale_draft *draft, const void *bytes, size_t len)
{
    if (draft == NULL || draft->failed)
        return;
    draft->failed = draft->entry->bytes.len - draft->entry->body_at + len > BODY_BYTES_MAX;
    if (!draft->failed)
        buf_add(&draft->entry->bytes, bytes, len);
}

void server_stale_drop(struct stale_draft **draft)
{
    if (*draft != NULL)
        entry_free((*draft)->entry);
    free(*draft);
    *draft = NULL;
}

static bool is_same(const struct stale_entry *a, const struct stale_entry *b)
{
    return a->hash == b->hash && a->head_at == b->head_at && a->key_len == b->key_len &&
           memcmp(a->bytes.bytes, b->bytes.bytes, a->head_at) == 0;
}

void server_stale_end(struct stale_draft **at, struct stale_store *store)
{
    struct stale_draft *draft = *at;
    if (draft == NULL)
        return;
    struct stale_entry *entry = draft->entry;
    entry->size = sizeof *entry + entry->bytes.cap + entry->field_count * sizeof *entry->fields;
    if (draft->failed || !buf_ok(&entry->bytes) || entry->size > store->limit_bytes ||
        is_outdated(entry)) {
        server_stale_drop(at);
        return;
    }
    free(draft);
    *at = NULL;
    struct stale_entry **bucket = &store->buckets[entry->hash % BUCKETS];
    for (struct stale_entry *old = *bucket; old != NULL; old = old->next)
        if (is_same(old, entry)) {
            store_remove(store, old);
            break;
        }
    while (store->bytes + entry->size > store->limit_bytes)
        store_remove(store, store->oldest);
    entry->next = *bucket;
    *bucket = entry;
    list_add(store, entry);
    store->bytes += entry->size;
}

/* ---- answering ---- */

/* Was the stored answer chosen by the values that this request has? */
static bool vary_matches(const struct server_request *r, const struct stale_entry *entry,
                         struct buf *scratch)
{
    const char *bytes = (const char *)entry->bytes.bytes;
    for (size_t at = entry->vary_at; at < entry->head_at;) {
        struct http_text name = {bytes + at, strlen(bytes + at)};
        at += name.len + 1;
        buf_clear(scratch);
        add_values(r, name, scratch);
        size_t len = strlen(bytes + at) + 1;
        if (scratch->len != len || memcmp(scratch->bytes, bytes + at, len) != 0)
            return false;
        at += len;
    }
    return true;
}

static struct stale_entry *find(struct stale_store *store, const struct server_request *r)
{
    struct buf *scratch = &r->worker->payload;
    buf_clear(scratch);
    add_key(r, scratch);
    u64 hash = text_hash(scratch->bytes, scratch->len);
    for (struct stale_entry *entry = store->buckets[hash % BUCKETS], *next; entry != NULL;
         entry = next) {
        next = entry->next;
        if (is_outdated(entry)) {
            store_remove(store, entry);
            continue;
        }
        buf_clear(scratch);
        add_key(r, scratch);
        if (entry->hash == hash && entry->key_len == scratch->len &&
            memcmp(entry->bytes.bytes, scratch->bytes, scratch->len) == 0 &&
            vary_matches(r, entry, scratch))
            return entry;
    }
    return NULL;
}

/* A fresh entry was bypassed: the store handles no request before its call has failed. Without
 * fwd-status the call would have given the status of this answer. spec: RFC 9211 section 2 */
static void describe(const struct server_request *r, i64 ttl_s, char *out, size_t size)
{
    char forwarded[32] = "hit";
    if (r->record.cpu_ns > 0)
        snprintf(forwarded, sizeof forwarded, "fwd=%s; fwd-status=%d",
                 ttl_s > 0 ? "bypass" : "stale", r->reason_status);
    snprintf(out, size, "weir; %s; ttl=%lld; detail=%s", forwarded, (long long)ttl_s, r->reason);
}

bool server_stale_answer(struct server_request *r)
{
    struct worker *w = r->worker;
    if (r->target != REQUEST_PROGRAM || !request_allows(r, true))
        return false;
    struct stale_entry *entry = find(w->stale, r);
    if (entry == NULL)
        return false;
    i64 age_s = (i64)((clock_monotonic_ns() - entry->stored_ns) / 1000000000);
    i64 ttl_s = entry->fresh_s - age_s;
    if (ttl_s <= 0 && entry->stale_is_forbidden)
        return false;
    char status[128];
    describe(r, ttl_s, status, sizeof status);
    struct buf *out = &w->payload;
    buf_clear(out);
    buf_add(out, entry->bytes.bytes + entry->body_at, entry->bytes.len - entry->body_at);
    list_remove(w->stale, entry);
    list_add(w->stale, entry);
    server_answer(r, (struct http_response){.status = entry->status,
                                            .date = entry->date,
                                            .content_type = entry->body_at == entry->head_at
                                                                ? "application/octet-stream"
                                                                : NULL,
                                            .head = entry->bytes.bytes + entry->head_at,
                                            .fields = entry->fields,
                                            .field_count = entry->field_count,
                                            .has_age = true,
                                            .age_s = (u64)age_s,
                                            .cache_status = status});
    return true;
}
