#include "base/check.h"
#include "base/file.h"
#include "base/text.h"
#include "config/internal.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FILE_BYTES_MAX MIB
#define PATH_BYTES_MAX 4096
#define LIST_MAX       256
#define ROUTE_PREFIX   "route:"
#define STATIC_PREFIX  "static:"

struct reading {
    const char *file;   /* as messages call it */
    const char *folder; /* of relative paths: "" or ends with a slash */
    struct arena *arena;
    struct config *out;
    struct err *err;
};

PRINTF_LIKE(4, 5)
static bool fail(struct reading *r, u32 line, u32 column, const char *format, ...)
{
    char text[ERR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return err_set(r->err, ERR_USAGE, ERR_NO_AT, "%s:%u:%u: %s", r->file, line, column, text);
}

static bool fail_value(struct reading *r, const struct toml_entry *at, const char *what)
{
    return fail(r, at->value.line, at->value.column, "%s takes %s", at->key, what);
}

/* ---- single values ---- */

static bool read_number(struct reading *r, const struct toml_entry *at,
                        const struct config_row *row, u64 *out)
{
    char largest[32], example[32], units[32], what[160];
    u64 value = 0;
    bool is_count = row->shape == CONFIG_COUNT;
    bool ok = is_count ? at->value.kind == TOML_INTEGER && at->value.integer > 0
                       : at->value.kind == TOML_TEXT &&
                             config_value_read(at->value.text, row->shape, &value);
    if (is_count && ok)
        value = (u64)at->value.integer;
    if (ok && value > 0 && value <= row->max) {
        *out = value * config_scale(row->shape);
        return true;
    }
    config_value_write(row->max, row->shape, largest, sizeof largest);
    config_value_write(row->value, row->shape, example, sizeof example);
    config_units_write(row->shape, units, sizeof units);
    if (is_count)
        snprintf(what, sizeof what, "a whole number from 1 to %s", largest);
    else
        snprintf(what, sizeof what, "a whole number of %s up to %s, such as %s", units, largest,
                 example);
    return fail_value(r, at, what);
}

static const char *place(struct reading *r, u32 line, u32 column)
{
    size_t len = strlen(r->file) + sizeof ":4294967295:4294967295";
    char *text = arena_alloc(r->arena, len);
    snprintf(text, len, "%s:%u:%u", r->file, line, column);
    return text;
}

static struct config_text text_at(struct reading *r, const struct toml_entry *at, const char *text)
{
    return (struct config_text){text, at->key, place(r, at->value.line, at->value.column)};
}

static bool read_text(struct reading *r, const struct toml_entry *at, struct config_text *out)
{
    if (at->value.kind != TOML_TEXT || at->value.text[0] == 0)
        return fail_value(r, at, "a text in quotes");
    *out = text_at(r, at, at->value.text);
    return true;
}

static const char *resolve(struct reading *r, const char *path)
{
    size_t len = strlen(r->folder) + strlen(path) + 1;
    if (path[0] == '/' || r->folder[0] == 0)
        return path;
    char *both = arena_alloc(r->arena, len);
    snprintf(both, len, "%s%s", r->folder, path);
    return both;
}

static bool read_file_name(struct reading *r, const struct toml_entry *at, struct config_text *out)
{
    if (!read_text(r, at, out))
        return false;
    if (strlen(out->text) > PATH_BYTES_MAX)
        return fail_value(r, at, "a shorter path");
    out->text = resolve(r, out->text);
    return true;
}

static bool read_file_or_none(struct reading *r, const struct toml_entry *at,
                              struct config_text *out)
{
    bool is_none = at->value.kind == TOML_TEXT && strcmp(at->value.text, "none") == 0;
    return is_none ? read_text(r, at, out) : read_file_name(r, at, out);
}

static bool read_texts(struct reading *r, const struct toml_entry *at, struct config_texts *out)
{
    if (at->value.kind != TOML_ARRAY || at->value.count > LIST_MAX)
        return fail_value(r, at, "a list of at most 256 texts");
    out->items = arena_array(r->arena, struct config_text, at->value.count + 1);
    CHECK_MEMORY(out->items != NULL);
    for (u32 i = 0; i < at->value.count; i++) {
        struct toml_entry item = {.key = at->key, .value = at->value.items[i]};
        if (!read_text(r, &item, &out->items[i]))
            return false;
    }
    out->count = at->value.count;
    return true;
}

/* "HOST::GUEST", or one path for both. */
static bool read_dirs(struct reading *r, const struct toml_entry *at, struct config_texts *out)
{
    if (!read_texts(r, at, out))
        return false;
    for (u32 i = 0; i < out->count; i++) {
        const char *text = out->items[i].text;
        bool has_host = strncmp(text, "::", 2) != 0; /* without one it is refused, not the folder */
        const char *both = has_host ? resolve(r, text) : text;
        if (strstr(text, "::") == NULL) {
            size_t len = strlen(both) + strlen(text) + 3;
            char *pair = arena_alloc(r->arena, len);
            snprintf(pair, len, "%s::%s", both, text);
            both = pair;
        }
        out->items[i].text = both;
    }
    return true;
}

/* { NAME = "VALUE" } as "NAME=VALUE". */
static bool read_variables(struct reading *r, const struct toml_entry *at, struct config_texts *out)
{
    if (at->value.kind != TOML_TABLE || at->value.count > LIST_MAX)
        return fail_value(r, at, "a table of at most 256 texts");
    out->items = arena_array(r->arena, struct config_text, at->value.count + 1);
    CHECK_MEMORY(out->items != NULL);
    for (u32 i = 0; i < at->value.count; i++) {
        const struct toml_entry *entry = &at->value.entries[i];
        if (entry->value.kind != TOML_TEXT)
            return fail_value(r, entry, "a text in quotes");
        if (entry->key[0] == 0 || strchr(entry->key, '=') != NULL)
            return fail(r, entry->line, entry->column, "\"%s\" is no name of a variable",
                        entry->key);
        size_t len = strlen(entry->key) + strlen(entry->value.text) + 2;
        char *both = arena_alloc(r->arena, len);
        snprintf(both, len, "%s=%s", entry->key, entry->value.text);
        out->items[out->count++] = text_at(r, entry, both);
    }
    return true;
}

/* ---- keys of a section ---- */

/* Keys of a section: its own, those that routes share with the top, and the tables of the top. */
static bool is_key_of(const struct config_row *row, enum config_where where)
{
    bool is_shared = row->is_number && row->where != CONFIG_TOP;
    return row->where == where || (is_shared && (where == CONFIG_TOP || where == CONFIG_ROUTE));
}

static const struct config_row *find_key(const char *key, enum config_where where)
{
    for (u32 i = 0; i < config_row_count; i++)
        if (is_key_of(&config_rows[i], where) && strcmp(config_rows[i].key, key) == 0)
            return &config_rows[i];
    return NULL;
}

static struct text_guess guess_at(const char *word)
{
    return (struct text_guess){.word = word, .len = strlen(word)};
}

static void consider(struct text_guess *guess, const char *known)
{
    text_guess_consider(guess, known, strlen(known));
}

static bool refuse_key(struct reading *r, const struct toml_entry *entry, enum config_where where)
{
    static const char *const places[] = {[CONFIG_TOP] = "at the top of the file",
                                         [CONFIG_MODULE] = "in a module",
                                         [CONFIG_ROUTE] = "in a route"};
    struct text_guess guess = guess_at(entry->key);
    char meant[TEXT_GUESS_BYTES];
    for (u32 i = 0; i < config_row_count; i++)
        if (is_key_of(&config_rows[i], where))
            consider(&guess, config_rows[i].key);
    if (where == CONFIG_TOP) {
        consider(&guess, "modules");
        consider(&guess, "routes");
    }
    text_guess_write(&guess, meant);
    return fail(r, entry->line, entry->column, "there is no key \"%.60s\" %s%s", entry->key,
                places[where], guess.known == NULL ? "; see `weir help weir.toml`" : meant);
}

/* One key into the structure of its section. limits: of the section, or NULL. */
static bool read_key(struct reading *r, const struct toml_entry *entry, enum config_where where,
                     void *section, struct config_limits *limits)
{
    const struct config_row *row = find_key(entry->key, where);
    if (row == NULL)
        return refuse_key(r, entry, where);
    if (row->is_number)
        return read_number(r, entry, row, config_number_at(limits, row));
    void *field = (u8 *)section + row->offset;
    switch (row->shape) {
    case CONFIG_COUNT: return read_number(r, entry, row, field);
    case CONFIG_TEXT: return read_text(r, entry, field);
    case CONFIG_FILE: return read_file_name(r, entry, field);
    case CONFIG_FILE_OR_NONE: return read_file_or_none(r, entry, field);
    case CONFIG_TEXTS: return read_texts(r, entry, field);
    case CONFIG_DIRS: return read_dirs(r, entry, field);
    case CONFIG_VARIABLES: return read_variables(r, entry, field);
    case CONFIG_MS:
    case CONFIG_KIB:
    case CONFIG_MIB: break;
    }
    UNREACHABLE();
}

/* ---- modules ---- */

bool config_name_is_plain(const char *name)
{
    size_t plain =
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
    return name[0] != 0 && name[plain] == 0 && strspn(name, ".") < strlen(name);
}

static bool check_name(struct reading *r, const struct toml_entry *entry)
{
    if (!config_name_is_plain(entry->key) || strlen(entry->key) > 100)
        return fail(r, entry->line, entry->column,
                    "\"%.100s\" is no name: use letters, digits and ._-", entry->key);
    if (entry->value.kind != TOML_TABLE)
        return fail_value(r, entry, "keys of its own: write it as a [section]");
    return true;
}

static bool read_module(struct reading *r, const struct toml_entry *entry,
                        struct config_module *out)
{
    out->name = entry->key;
    out->at = place(r, entry->line, entry->column);
    if (!check_name(r, entry))
        return false;
    for (u32 i = 0; i < entry->value.count; i++)
        if (!read_key(r, &entry->value.entries[i], CONFIG_MODULE, out, NULL))
            return false;
    if (out->path.text == NULL)
        return fail(r, entry->line, entry->column, "module %s needs a path: path = \"%s.wasm\"",
                    out->name, out->name);
    return true;
}

static bool read_modules(struct reading *r, const struct toml_value *table)
{
    struct config *out = r->out;
    if (table == NULL || table->kind != TOML_TABLE || table->count == 0)
        return fail(r, table == NULL ? 1 : table->line, table == NULL ? 1 : table->column,
                    "there is no module to serve: write [modules.NAME] and path = \"FILE.wasm\"");
    if (table->count > CONFIG_MODULES_MAX)
        return fail(r, table->line, table->column, "more than %u modules", CONFIG_MODULES_MAX);
    out->modules = arena_array(r->arena, struct config_module, table->count);
    CHECK_MEMORY(out->modules != NULL);
    for (u32 i = 0; i < table->count; i++)
        if (!read_module(r, &table->entries[i], &out->modules[i]))
            return false;
    out->module_count = table->count;
    return true;
}

/* ---- routes ---- */

/* The entry of a key, or NULL. */
static const struct toml_entry *entry_of(const struct toml_value *table, const char *key)
{
    for (u32 i = 0; i < table->count; i++)
        if (strcmp(table->entries[i].key, key) == 0)
            return &table->entries[i];
    return NULL;
}

/* Where to point when something about a key is wrong: at it, or at the section without it. */
static const struct toml_entry *place_of(const struct toml_entry *section, const char *key)
{
    const struct toml_entry *entry = entry_of(&section->value, key);
    return entry == NULL ? section : entry;
}

static bool find_module(struct reading *r, const struct toml_entry *section, const char *named,
                        u32 *out)
{
    const struct config *config = r->out;
    const struct toml_entry *at = place_of(section, "module");
    const char *name = named != NULL ? named : section->key;
    struct text_guess guess = guess_at(name);
    char meant[TEXT_GUESS_BYTES];
    for (u32 i = 0; i < config->module_count; i++)
        if (strcmp(config->modules[i].name, name) == 0) {
            *out = i;
            return true;
        }
    if (named == NULL && config->module_count == 1) {
        *out = 0;
        return true;
    }
    if (named == NULL)
        return fail(r, at->line, at->column, "route %s must say its module: module = \"%s\"",
                    section->key, config->modules[0].name);
    for (u32 i = 0; i < config->module_count; i++)
        consider(&guess, config->modules[i].name);
    text_guess_write(&guess, meant);
    return fail(r, at->line, at->column, "there is no module \"%.60s\"%s", name, meant);
}

static bool check_path(struct reading *r, const struct toml_entry *section, const char *path)
{
    const struct toml_entry *at = place_of(section, "path");
    size_t len = strlen(path), plain = strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRST"
                                                    "UVWXYZ0123456789._~/-");
    if (path[0] == '/' && path[plain] == 0 && len <= 512 && strstr(path, "//") == NULL &&
        (len == 1 || path[len - 1] != '/'))
        return true;
    return fail(r, at->line, at->column,
                "a path begins with / and has letters, digits and ._~- between single slashes, not "
                "\"%.100s\"",
                path);
}

static bool check_paths_differ(struct reading *r, const struct toml_value *table, u32 index)
{
    const struct config_route *routes = r->out->routes;
    for (u32 i = 0; i < index; i++)
        if (strcmp(routes[i].path.text, routes[index].path.text) == 0) {
            const struct toml_entry *at = place_of(&table->entries[index], "path");
            return fail(r, at->line, at->column, "the routes %s and %s both have the path %s",
                        routes[i].name, routes[index].name, routes[i].path.text);
        }
    return true;
}

/* "static:FILE" or "static:STATUS:FILE" */
static bool read_static(struct reading *r, const struct toml_value *at, struct config_fallback *out)
{
    const char *text = at->text + strlen(STATIC_PREFIX);
    size_t digits = strspn(text, "0123456789");
    out->kind = CONFIG_FALLBACK_STATIC;
    out->status = 200;
    if (digits > 0 && text[digits] == ':') {
        if (digits != 3 || text[0] < '2' || text[0] > '5' || text[4] == 0)
            return fail(r, at->line, at->column,
                        "static:STATUS:FILE takes a status from 200 to 599 and a file, not "
                        "\"%.60s\"",
                        text);
        out->status = (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0');
        text += 4;
    }
    out->path = resolve(r, text);
    return true;
}

static bool read_previous(struct reading *r, const struct config_module *module,
                          const struct toml_value *at, struct config_fallback *out)
{
    out->kind = CONFIG_FALLBACK_PREVIOUS;
    return module->previous_path.text != NULL ||
           fail(r, at->line, at->column,
                "module %s has no version before: say previous = \"FILE.wasm\" in [modules.%s]",
                module->name, module->name);
}

static bool read_other_route(struct reading *r, const struct toml_value *table, const char *own,
                             const struct toml_value *at, struct config_fallback *out)
{
    const char *name = at->text + strlen(ROUTE_PREFIX);
    struct text_guess guess = guess_at(name);
    char meant[TEXT_GUESS_BYTES];
    out->kind = CONFIG_FALLBACK_ROUTE;
    for (out->route = 0; out->route < table->count; out->route++)
        if (strcmp(table->entries[out->route].key, name) == 0)
            return strcmp(name, own) != 0 ||
                   fail(r, at->line, at->column, "route %s cannot be its own fallback", name);
    for (u32 i = 0; i < table->count; i++)
        if (strcmp(table->entries[i].key, own) != 0)
            consider(&guess, table->entries[i].key);
    text_guess_write(&guess, meant);
    return fail(r, at->line, at->column, "there is no route \"%.60s\"%s", name, meant);
}

/* The kind stands before a colon, where there is one; it may be what is behind it that is wrong. */
static bool refuse_fallback(struct reading *r, const struct toml_value *at)
{
    struct text_guess guess = {.word = at->text, .len = strcspn(at->text, ":")};
    char meant[TEXT_GUESS_BYTES];
    for (u32 i = 0; i < CONFIG_FALLBACK_KINDS; i++)
        consider(&guess, config_fallback_text((enum config_fallback_kind)i));
    if (guess.known != NULL && strncmp(guess.known, guess.word, guess.known_len) == 0)
        guess.known = NULL;
    text_guess_write(&guess, meant);
    return fail(r, at->line, at->column,
                "a fallback is previous, route:NAME, stale, static:FILE or static:STATUS:FILE, not "
                "\"%.60s\"%s",
                at->text, meant);
}

static bool has_prefix(const char *text, const char *prefix)
{
    size_t len = strlen(prefix);
    return strncmp(text, prefix, len) == 0 && text[len] != 0;
}

static bool read_fallback(struct reading *r, const struct toml_value *table,
                          const struct config_route *route, const struct toml_value *at,
                          struct config_fallback *out)
{
    if (strcmp(at->text, "previous") == 0)
        return read_previous(r, &r->out->modules[route->module], at, out);
    if (strcmp(at->text, "stale") == 0) {
        out->kind = CONFIG_FALLBACK_STALE;
        return true;
    }
    if (has_prefix(at->text, STATIC_PREFIX))
        return read_static(r, at, out);
    if (has_prefix(at->text, ROUTE_PREFIX))
        return read_other_route(r, table, route->name, at, out);
    return refuse_fallback(r, at);
}

static bool read_fallbacks(struct reading *r, const struct toml_value *table,
                           const struct toml_entry *section, struct config_route *route)
{
    const struct toml_entry *at = place_of(section, "fallback");
    if (route->fallback.count > CONFIG_FALLBACKS_MAX)
        return fail(r, at->line, at->column, "more than %u fallbacks", CONFIG_FALLBACKS_MAX);
    for (u32 i = 0; i < route->fallback.count; i++) {
        route->fallbacks[i].at = route->fallback.items[i].at;
        if (!read_fallback(r, table, route, &at->value.items[i], &route->fallbacks[i]))
            return false;
    }
    route->fallback_count = route->fallback.count;
    return true;
}

static bool read_route(struct reading *r, const struct toml_value *table, u32 index)
{
    const struct toml_entry *section = &table->entries[index];
    struct config_route *route = &r->out->routes[index];
    if (!check_name(r, section))
        return false;
    route->name = section->key;
    route->at = place(r, section->line, section->column);
    route->limits = r->out->limits;
    for (u32 i = 0; i < section->value.count; i++)
        if (!read_key(r, &section->value.entries[i], CONFIG_ROUTE, route, &route->limits))
            return false;
    if (route->path.text == NULL) {
        size_t len = strlen(route->name) + 2;
        char *path = arena_alloc(r->arena, len);
        snprintf(path, len, "/%s", route->name);
        route->path.text = path;
    }
    return check_path(r, section, route->path.text) && check_paths_differ(r, table, index) &&
           find_module(r, section, route->module_name.text, &route->module) &&
           read_fallbacks(r, table, section, route);
}

static bool read_routes(struct reading *r, const struct toml_value *table)
{
    struct config *out = r->out;
    if (table == NULL)
        return true;
    if (table->kind != TOML_TABLE || table->count > CONFIG_ROUTES_MAX)
        return fail(r, table->line, table->column, "routes are at most %u sections [routes.NAME]",
                    CONFIG_ROUTES_MAX);
    out->routes = arena_array(r->arena, struct config_route, table->count + 1);
    CHECK_MEMORY(out->routes != NULL);
    out->route_count = table->count;
    for (u32 i = 0; i < table->count; i++)
        if (!read_route(r, table, i))
            return false;
    return true;
}

/* ---- the file ---- */

struct config config_default(void)
{
    return (struct config){.address = {.text = "127.0.0.1:8080", .key = "--addr"},
                           .log = {.text = "text", .key = "--log"},
                           .snapshot = {.text = "auto", .key = "--snapshot"},
                           .limits = config_limits_default()};
}

static bool read_top(struct reading *r, const struct toml_value *top,
                     const struct config_limits *given)
{
    const struct toml_value *modules = NULL, *routes = NULL;
    for (u32 i = 0; i < top->count; i++) {
        const struct toml_entry *entry = &top->entries[i];
        if (strcmp(entry->key, "modules") == 0)
            modules = &entry->value;
        else if (strcmp(entry->key, "routes") == 0)
            routes = &entry->value;
        else if (!read_key(r, entry, CONFIG_TOP, r->out, &r->out->limits))
            return false;
    }
    config_limits_override(&r->out->limits, given);
    return read_modules(r, modules) && read_routes(r, routes);
}

bool config_parse(struct config *out, const char *text, size_t len, const char *path,
                  const struct config_limits *given, struct arena *arena, struct err *err)
{
    struct toml_value top;
    struct config config = config_default();
    const char *slash = strrchr(path, '/');
    struct reading r = {.file = path, .arena = arena, .out = &config, .err = err};
    r.folder = arena_text(arena, path, slash == NULL ? 0 : (size_t)(slash + 1 - path));
    u32 line, column;
    if (!config_scan(text, len, &line, &column))
        return fail(&r, line, column, "this character must not stand here");
    if (!toml_parse(text, len, path, arena, &top, err) || !read_top(&r, &top, given))
        return false;
    *out = config;
    return true;
}

bool config_read(struct config *out, const char *path, const struct config_limits *given,
                 struct arena *arena, struct err *err)
{
    struct file_view view;
    if (!file_map(path, FILE_BYTES_MAX, "configuration", &view, err))
        return false;
    bool ok = config_parse(out, (const char *)view.bytes, view.len, path, given, arena, err);
    file_unmap(&view);
    return ok;
}
