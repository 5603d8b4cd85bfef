#include "base/check.h"
#include "base/text.h"
#include "server/internal.h"
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES     512 /* of a path segment that can name anything */
#define NEAREST_CHECKS_MAX 100 /* endpoints compared for them */
#define CUTS_MAX           64
#define RECENTS            64 /* a power of two */
#define RECENT_BYTES       39 /* of a path; longer ones are not remembered */

/* A path as it came, and what it belongs to: most requests are for a few paths. */
struct recent_match {
    struct server_match match;
    u8 len; /* 0: none yet */
    char path[RECENT_BYTES];
};

static bool is_hidden(struct rt_text name)
{
    enum { NAME, PREFIX };
    static const struct {
        int rule;
        const char *text;
    } rules[] = {
#define HIDDEN(rule, text) {rule, text},
#include "server/hidden.def"
#undef HIDDEN
    };
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        size_t len = strlen(rules[i].text);
        bool fits = rules[i].rule == PREFIX ? name.len >= len : name.len == len;
        if (fits && memcmp(name.bytes, rules[i].text, len) == 0)
            return true;
    }
    return false;
}

/* A signature says that a function is meant to be called, whatever its name. */
static bool is_endpoint(const struct typed_func *func)
{
    struct rt_text name = func->exported->name;
    return name.len > 0 && name.len <= NAME_MAX_BYTES && (func->has_signature || !is_hidden(name));
}

static int text_compare(struct rt_text a, struct rt_text b)
{
    int order = memcmp(a.bytes, b.bytes, (size_t)min_u64(a.len, b.len));
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int endpoint_compare(const void *a, const void *b)
{
    const struct endpoint *left = a, *right = b;
    return text_compare(left->func->exported->name, right->func->exported->name);
}

static void add_segment(struct buf *out, const char *bytes, size_t len)
{
    buf_add_byte(out, '/');
    for (size_t i = 0; i < len; i++) {
        bool is_plain = (bytes[i] >= 'a' && bytes[i] <= 'z') ||
                        (bytes[i] >= 'A' && bytes[i] <= 'Z') ||
                        (bytes[i] >= '0' && bytes[i] <= '9') ||
                        (bytes[i] != 0 && strchr("-._~", bytes[i]) != NULL);
        buf_add_format(out, is_plain ? "%c" : "%%%02X", (u8)bytes[i]);
    }
}

/* "/vec" and "dot" are "/vec/dot"; function NULL: the route has one only, at its path. */
static const char *endpoint_path(const char *route_path, const struct rt_text *name,
                                 struct arena *arena)
{
    struct buf path;
    buf_init(&path, 8 * NAME_MAX_BYTES);
    if (route_path[1] != 0 || name == NULL)
        buf_add_text(&path, route_path);
    if (name != NULL)
        add_segment(&path, name->bytes, name->len);
    CHECK(buf_ok(&path));
    const char *text = arena_text(arena, path.bytes, path.len);
    buf_fini(&path);
    return text;
}

static const struct typed_func *find_func(const struct served_module *module, struct rt_text name)
{
    for (u32 i = 0; i < module->typed.count; i++)
        if (text_compare(module->typed.funcs[i].exported->name, name) == 0)
            return &module->typed.funcs[i];
    return NULL;
}

/* Every function of the module that may be called. */
static void list_all(struct endpoint_table *table, struct served_route *route, struct arena *arena)
{
    const struct typed_module *typed = &route->module->typed;
    for (u32 k = 0; k < typed->count; k++) {
        const struct typed_func *func = &typed->funcs[k];
        if (is_endpoint(func))
            table->endpoints[table->count++] = (struct endpoint){
                route, func, endpoint_path(route->plan->path, &func->exported->name, arena)};
    }
}

static struct rt_text text_of(const char *text)
{
    return (struct rt_text){text, (u32)strlen(text)};
}

static bool refuse_function(const struct served_route *route, const struct config_text *name,
                            struct err *err)
{
    const struct typed_module *typed = &route->module->typed;
    struct text_guess guess = {.word = name->text, .len = strlen(name->text)};
    char meant[TEXT_GUESS_BYTES];
    for (u32 i = 0; i < typed->count; i++) {
        struct rt_text known = typed->funcs[i].exported->name;
        if (is_endpoint(&typed->funcs[i]))
            text_guess_consider(&guess, known.bytes, known.len);
    }
    text_guess_write(&guess, meant);
    err_set(err, ERR_USAGE, ERR_NO_AT,
            "route %s: the module %s has no function \"%.100s\" that can be called%s",
            route->plan->name, route->module->name, name->text,
            guess.known == NULL ? "; `weir inspect` lists them" : meant);
    return config_fail_at(name->at, err);
}

static bool list_one(struct endpoint_table *table, struct served_route *route, struct arena *arena,
                     struct err *err)
{
    const struct config_text *name = &route->plan->function;
    const struct typed_func *func = find_func(route->module, text_of(name->text));
    if (func == NULL)
        return refuse_function(route, name, err);
    table->endpoints[table->count++] =
        (struct endpoint){route, func, endpoint_path(route->plan->path, NULL, arena)};
    return true;
}

static bool list_route(struct endpoint_table *table, struct served_route *route,
                       struct arena *arena, struct err *err)
{
    bool is_program = route->module->program != NULL;
    route->endpoints = table->endpoints + table->count;
    if (route->module->first_route == NULL)
        route->module->first_route = route;
    table->paths[table->path_count++] = (struct route_path){route->plan->path, route};
    if (route->plan->also != NULL && !is_program)
        table->paths[table->path_count++] = (struct route_path){route->plan->also, route};
    const struct config_text *function = &route->plan->function;
    if (is_program && function->text != NULL) {
        err_set(err, ERR_USAGE, ERR_NO_AT,
                "route %s: %s is a program, which has no functions to choose from",
                route->plan->name, route->module->name);
        return config_fail_at(function->at, err);
    }
    if (!is_program && function->text != NULL && !list_one(table, route, arena, err))
        return false;
    if (!is_program && function->text == NULL)
        list_all(table, route, arena);
    route->endpoint_count = (u32)(table->endpoints + table->count - route->endpoints);
    qsort(route->endpoints, route->endpoint_count, sizeof *route->endpoints, endpoint_compare);
    return true;
}

static int path_compare(const void *a, const void *b)
{
    const struct route_path *left = a, *right = b;
    return strcmp(left->path, right->path);
}

bool server_endpoints_make(struct endpoint_table *table, struct served_route *routes,
                           u32 route_count, struct arena *arena, struct err *err)
{
    u64 room = 0;
    for (u32 i = 0; i < route_count; i++)
        room += routes[i].plan->function.text != NULL ? 1 : routes[i].module->typed.count;
    *table = (struct endpoint_table){.routes = routes, .route_count = route_count};
    table->endpoints = arena_array(arena, struct endpoint, room + 1);
    table->paths = arena_array(arena, struct route_path, 2 * (size_t)route_count + 1);
    table->recents = arena_array(arena, struct recent_match, RECENTS);
    if (table->endpoints == NULL || table->paths == NULL || table->recents == NULL)
        return err_set(err, ERR_LIMIT, ERR_NO_AT, "too many endpoints");
    for (u32 i = 0; i < route_count; i++)
        if (!list_route(table, &routes[i], arena, err))
            return false;
    qsort(table->paths, table->path_count, sizeof *table->paths, path_compare);
    return true;
}

/* ---- looking up ---- */

/* Takes "/segment" off the front of path and decodes it. */
static bool take_segment(struct http_text *path, char out[NAME_MAX_BYTES], struct rt_text *segment)
{
    if (path->len == 0 || path->bytes[0] != '/')
        return false;
    const char *from = path->bytes + 1, *end = path->bytes + path->len;
    const char *slash = memchr(from, '/', (size_t)(end - from));
    struct http_text raw = {from, (size_t)((slash != NULL ? slash : end) - from)};
    if (raw.len > NAME_MAX_BYTES)
        return false;
    *segment = (struct rt_text){out, (u32)http_percent_decode(raw, out)};
    *path = (struct http_text){raw.bytes + raw.len, (size_t)(end - raw.bytes) - raw.len};
    return true;
}

/* Places at which a request's path may be cut into a route's and the rest. */
struct cuts {
    char decoded[NAME_MAX_BYTES + 1]; /* the path so far, zero-terminated where it is cut */
    size_t decoded_len[CUTS_MAX], raw_len[CUTS_MAX];
    u32 count;
};

/* A route's path is plain: it ends where a segment holds something else. */
static void find_cuts(struct cuts *cuts, struct http_text path)
{
    struct http_text rest = path;
    char bytes[NAME_MAX_BYTES];
    struct rt_text segment;
    size_t len = 0;
    cuts->count = 0;
    while (cuts->count < CUTS_MAX && take_segment(&rest, bytes, &segment)) {
        if (segment.len == 0 || memchr(bytes, '/', segment.len) != NULL ||
            memchr(bytes, 0, segment.len) != NULL || len + 1 + segment.len > NAME_MAX_BYTES)
            return;
        cuts->decoded[len] = '/';
        memcpy(cuts->decoded + len + 1, bytes, segment.len);
        len += 1 + segment.len;
        cuts->decoded_len[cuts->count] = len;
        cuts->raw_len[cuts->count++] = path.len - rest.len;
    }
}

static struct served_route *route_at(const struct endpoint_table *table, const char *path)
{
    const struct route_path key = {.path = path};
    const struct route_path *found =
        bsearch(&key, table->paths, table->path_count, sizeof key, path_compare);
    return found == NULL ? NULL : found->route;
}

static const struct endpoint *find_in(const struct served_route *route, struct rt_text name)
{
    struct rt_export wanted = {.name = name};
    struct typed_func func = {.exported = &wanted};
    struct endpoint key = {.func = &func};
    if (route->endpoint_count == 0)
        return NULL;
    return bsearch(&key, route->endpoints, route->endpoint_count, sizeof key, endpoint_compare);
}

/* Does the route serve what is left of the path behind its own? */
static bool serves(struct served_route *route, struct http_text rest, struct server_match *out)
{
    char bytes[NAME_MAX_BYTES];
    struct rt_text name;
    if (route == NULL)
        return false;
    *out = (struct server_match){.route = route};
    if (route->module->program != NULL)
        return true;
    if (route->plan->function.text != NULL)
        out->endpoint = rest.len == 0 ? &route->endpoints[0] : NULL;
    else if (take_segment(&rest, bytes, &name) && rest.len == 0)
        out->endpoint = find_in(route, name);
    return out->endpoint != NULL;
}

static bool look_up(const struct endpoint_table *table, struct http_text path,
                    struct server_match *out)
{
    struct cuts cuts;
    find_cuts(&cuts, path);
    for (u32 i = cuts.count; i > 0; i--) {
        size_t raw_len = cuts.raw_len[i - 1];
        cuts.decoded[cuts.decoded_len[i - 1]] = 0;
        struct http_text rest = {path.bytes + raw_len, path.len - raw_len};
        if (serves(route_at(table, cuts.decoded), rest, out)) {
            out->script_len = raw_len;
            return true;
        }
    }
    return serves(route_at(table, "/"), path, out);
}

bool server_endpoint_find(const struct endpoint_table *table, struct http_text path,
                          struct server_match *out)
{
    if (path.len == 0 || path.len > RECENT_BYTES)
        return look_up(table, path, out);
    struct recent_match *recent = &table->recents[text_hash(path.bytes, path.len) % RECENTS];
    if (recent->len == path.len && memcmp(recent->path, path.bytes, path.len) == 0) {
        *out = recent->match;
        return true;
    }
    if (!look_up(table, path, out))
        return false;
    recent->match = *out;
    recent->len = (u8)path.len;
    memcpy(recent->path, path.bytes, path.len);
    return true;
}

const struct typed_func *server_func_like(const struct served_module *module,
                                          const struct typed_func *func)
{
    return find_func(module, func->exported->name);
}

u32 server_endpoint_nearest(const struct endpoint_table *table, struct http_text path,
                            const struct endpoint **out, u32 max)
{
    u32 count = 0, distances[8];
    char name_bytes[NAME_MAX_BYTES];
    struct rt_text name;
    struct http_text rest = path;
    CHECK(max <= COUNT_OF(distances));
    /* A single module's paths are listed without its name. */
    const char *also = table->route_count == 1 ? table->routes[0].plan->also : NULL;
    if (also != NULL && take_segment(&rest, name_bytes, &name) && rest.len > 0 &&
        text_compare(name, text_of(also + 1)) == 0)
        path = rest;
    u32 farthest = (u32)max_u64(2, path.len / 3);
    for (u32 i = 0; i < table->count && i < NEAREST_CHECKS_MAX; i++) {
        const char *candidate = table->endpoints[i].path;
        u32 distance = text_distance(path.bytes, path.len, candidate, strlen(candidate));
        u32 at = count;
        if (distance > farthest)
            continue;
        while (at > 0 && distances[at - 1] > distance)
            at--;
        if (at == max)
            continue;
        count += count < max;
        for (u32 k = count - 1; k > at; k--) {
            distances[k] = distances[k - 1];
            out[k] = out[k - 1];
        }
        distances[at] = distance;
        out[at] = &table->endpoints[i];
    }
    return count;
}
