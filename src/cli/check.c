/*
 * cli/check.c -- `weir check`: whatever would keep modules, or a weir.toml, from being served, a
 * line each.
 */
#include "base/check.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/internal.h"
#include "server/control.h"
#include "server/describe.h"
#include "server/listener.h"
#include "server/worker.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define OUTPUT_BYTES   (16 * MIB)
#define STATUS_REFUSED 3 /* a module cannot be served */
#define STATUS_UNKNOWN 1 /* it could not be told */

struct check {
    const struct cli_options *options;
    const char *path;          /* of the module being checked, */
    char shown[PROC_PATH_MAX]; /* and as lines show it */
    u32 errors;                /* of it */
    struct server_initialisation initialised;
    int status;
    struct buf out;
};

/* ---- findings ---- */

/* Takes "FILE: " or "FILE:LINE:COLUMN: " off the front of a text that stands behind the file's name
 * anyway. */
static const char *take_place(const struct check *check, const char *text, u32 *line, u32 *column)
{
    size_t len = strlen(check->shown);
    int used = 0;
    *line = *column = 0;
    if (strncmp(text, check->shown, len) != 0 || text[len] != ':')
        return text;
    if (text[len + 1] == ' ')
        return text + len + 2;
    if (sscanf(text + len, ":%u:%u: %n", line, column, &used) == 2 && used > 0)
        return text + len + used;
    *line = *column = 0;
    return text;
}

static void add_finding(struct check *check, const char *level, const char *code, u64 at,
                        const char *whole)
{
    struct buf *out = &check->out;
    u32 line, column;
    const char *text = take_place(check, whole, &line, &column);
    if (!check->options->json) {
        buf_add_text(out, check->shown);
        if (line > 0)
            buf_add_format(out, ":%u:%u", line, column);
        buf_add_format(out, ": %s: %s", level, text);
        if (at != ERR_NO_AT)
            buf_add_format(out, " (at offset 0x%" PRIx64 ")", at);
        buf_add_byte(out, '\n');
        return;
    }
    buf_add_text(out, "{\"file\":");
    buf_add_json_string(out, check->path, strlen(check->path));
    buf_add_format(out, ",\"level\":\"%s\",\"code\":\"%s\",\"message\":", level, code);
    buf_add_json_string(out, text, strlen(text));
    if (at != ERR_NO_AT)
        buf_add_format(out, ",\"offset\":%" PRIu64, at);
    if (line > 0)
        buf_add_format(out, ",\"line\":%u,\"column\":%u", line, column);
    buf_add_text(out, "}\n");
}

static void add_error(struct check *check, const struct err *err)
{
    bool is_unknown = err->code == ERR_SYSTEM || err->code == ERR_COMPILE;
    check->errors += 1;
    if (check->status != STATUS_REFUSED)
        check->status = is_unknown ? STATUS_UNKNOWN : STATUS_REFUSED;
    add_finding(check, "error", err_code_text(err->code), err->at, err->text);
}

static void add_warning(struct check *check, const char *code, const char *text)
{
    add_finding(check, "warning", code, ERR_NO_AT, text);
}

/* ---- checks ---- */

static void check_imports(struct check *check, struct rt_module *module)
{
    for (u32 i = 0; i < rt_module_import_count(module); i++) {
        struct err err = {0};
        if (!rt_module_check_import(module, i, &err))
            add_error(check, &err);
    }
}

static void check_endpoints(struct check *check, struct cli_look *look)
{
    struct server_offers offers;
    struct err err = {0};
    if (!server_describe(look->module, look->signature.text, look->signature.file, &look->arena,
                         &offers, &err)) {
        add_error(check, &err);
        return;
    }
    if (offers.count == 0 && !offers.is_program)
        add_warning(check, "no-endpoints",
                    "it has no endpoints: no exported function takes and returns what can be said "
                    "in JSON");
}

/* Makes an instance, and runs what runs before a first call. */
static void check_start(struct check *check, struct cli_look *look)
{
    struct rt_pool *pool;
    struct server_initialisation *done = &check->initialised;
    struct err err = {0};
    struct buf text;
    if (!rt_pool_create(&pool, look->module, 1, &err)) {
        add_error(check, &err);
        return;
    }
    rt_pool_destroy(&pool);
    if (!cli_look_initialise(look, done, &err)) {
        add_error(check, &err);
        return;
    }
    bool is_once = done->when == SERVER_INITIALISED_ONCE;
    if (done->reason[0] == 0 || (!is_once && look->options->snapshot == SERVER_SNAPSHOT_NEVER))
        return;
    buf_init(&text, 2 * ERR_TEXT_MAX);
    buf_add_text(&text, "it is initialised ");
    server_initialisation_write(done, &text);
    if (!is_once && look->options->snapshot == SERVER_SNAPSHOT_AUTO)
        buf_add_text(&text, "; --snapshot always would do it once, and the same for all");
    buf_add_byte(&text, 0);
    add_warning(check, is_once ? "shared-state" : "initialised-often", (const char *)text.bytes);
    buf_fini(&text);
}

/* "it can be served", and what is to be known of its initialisation. */
static void add_ok(struct check *check)
{
    const struct server_initialisation *done = &check->initialised;
    char text[128] = "it can be served";
    if (done->when == SERVER_INITIALISED_ONCE)
        snprintf(text, sizeof text,
                 "it can be served; initialised once, at the start: snapshot of %" PRIu64 " bytes",
                 done->bytes);
    else if (done->when == SERVER_INITIALISED_REQUEST)
        snprintf(text, sizeof text, "it can be served; initialised for every request");
    add_finding(check, "ok", "ok", ERR_NO_AT, text);
}

/* ---- modules ---- */

static void check_name(struct check *check, int index, struct arena *arena)
{
    struct err err = {0};
    char **paths = check->options->rest;
    const char *name = cli_module_name(arena, check->path);
    if (!cli_module_name_check(name, check->path, &err))
        add_error(check, &err);
    for (int i = 0; i < index && err.code == ERR_NONE; i++)
        if (strcmp(cli_module_name(arena, paths[i]), name) == 0) {
            err_set(&err, ERR_USAGE, ERR_NO_AT, "%s would be served under /%s/ too; rename one",
                    paths[i], name);
            add_error(check, &err);
        }
}

static void begin(struct check *check, const char *path)
{
    check->path = path;
    snprintf(check->shown, sizeof check->shown, "%s", path);
    text_make_plain(check->shown, strlen(check->shown));
    check->errors = 0;
    check->initialised = (struct server_initialisation){.when = SERVER_INITIALISED_NEVER};
}

/* index: among the files of the command line, or -1: the name comes from a weir.toml. */
static void check_module(struct check *check, const char *path, int index)
{
    struct cli_look look;
    struct err err = {0};
    begin(check, path);
    if (cli_look_init(&look, check->options, check->path, &err)) {
        if (index >= 0)
            check_name(check, index, &look.arena);
        check_imports(check, look.module);
        check_endpoints(check, &look);
        if (check->errors == 0)
            check_start(check, &look);
    } else {
        add_error(check, &err);
    }
    if (check->errors == 0)
        add_ok(check);
    cli_look_fini(&look);
}

/* ---- a weir.toml ---- */

/* What a warning of a plan says of its place is the beginning of its line. */
static void hear_warning(void *user, const char *at, const char *code, const char *text)
{
    struct buf whole;
    buf_init(&whole, OUTPUT_BYTES);
    buf_add_format(&whole, "%s%s%s", at == NULL ? "" : at, at == NULL ? "" : ": ", text);
    buf_add_byte(&whole, 0);
    if (buf_ok(&whole))
        add_warning(user, code, (const char *)whole.bytes);
    buf_fini(&whole);
}

/* After the wall clock no second call may be made. */
static bool has_answer(const struct server_route *route, u32 idle, bool is_wall)
{
    for (u32 i = 0; i < route->fallback_count; i++) {
        enum config_fallback_kind kind = route->fallbacks[i].kind;
        bool calls = kind == CONFIG_FALLBACK_PREVIOUS || kind == CONFIG_FALLBACK_ROUTE;
        if ((idle >> i & 1) == 0 && !(calls && is_wall))
            return true;
    }
    return false;
}

/* The limits of a route that only the built-in error answers, a bit for each key. */
static u64 limits_without_answer(const struct server_route *route, u32 idle)
{
    u64 found = 0;
    CHECK(config_key_count() <= 64);
    for (u32 i = 0; i < config_key_count(); i++) {
        struct config_key key = config_key_describe(i);
        if (key.is_reached && !has_answer(route, idle, strcmp(key.key, "wall") == 0))
            found |= (u64)1 << i;
    }
    return found;
}

static void add_limits(u64 limits, struct buf *out)
{
    u32 count = 0;
    buf_add_text(out, (limits & (limits - 1)) == 0 ? "the limit " : "any of the limits ");
    for (u32 i = 0; i < config_key_count(); i++)
        if ((limits >> i & 1) != 0) {
            const char *key = config_key_describe(i).key;
            buf_add_item(out, count++, key, strlen(key));
        }
    buf_end_items(out, count);
}

/* One line for all routes that lack an answer for the same limits as this one; they are told by
 * it. at: of this one, NULL without routes. */
static void warn_of_limits(struct check *check, const struct server_plan *plan, u64 *limits,
                           u32 first, const char *at)
{
    u64 wanted = limits[first];
    u32 count = 0;
    struct buf names, text;
    buf_init(&names, OUTPUT_BYTES);
    buf_init(&text, OUTPUT_BYTES);
    for (u32 i = first; i < plan->route_count; i++) {
        const char *name = plan->routes[i].name;
        if (limits[i] != wanted)
            continue;
        buf_add_item(&names, count++, name, strlen(name));
        limits[i] = 0;
    }
    buf_end_items(&names, count);
    buf_add_format(&text, "route%s %.*s: when ", count == 1 ? "" : "s", (int)names.len,
                   names.bytes);
    add_limits(wanted, &text);
    buf_add_text(&text, " is reached, only the built-in error answers; ");
    if (at != NULL)
        buf_add_format(&text, "fallback = [\"static:FILE\"] in [routes.%s] would",
                       plan->routes[first].name);
    else
        buf_add_text(&text, "a route with fallback = [\"static:FILE\"] would");
    buf_add_byte(&text, 0);
    if (buf_ok(&text))
        hear_warning(check, at, "no-fallback", (const char *)text.bytes);
    buf_fini(&names);
    buf_fini(&text);
}

static void check_limits(struct check *check, const struct config *config,
                         const struct server_plan *plan, const u32 *idle, struct arena *arena)
{
    u64 *limits = arena_array(arena, u64, plan->route_count);
    CHECK_MEMORY(limits != NULL);
    for (u32 i = 0; i < plan->route_count; i++)
        limits[i] = limits_without_answer(&plan->routes[i], idle[i]);
    for (u32 i = 0; i < plan->route_count; i++)
        if (limits[i] != 0)
            warn_of_limits(check, plan, limits, i,
                           i < config->route_count ? config->routes[i].at : NULL);
}

static void add_result(struct check *check, bool ok, struct err *err)
{
    if (!ok)
        add_error(check, err);
    err_begin(err);
}

static void check_dirs(struct check *check, const struct server_grants *grants)
{
    for (u32 i = 0; i < grants->dir_count; i++) {
        struct err err = {0};
        int fd = server_dir_open(&grants->dirs[i], &err);
        add_result(check, fd >= 0, &err);
        fd_close(&fd);
    }
}

/* What a server makes or opens when it starts, and nothing of it. False: no plan can be made of
 * them either. */
static bool check_settings(struct check *check, const struct config *config, struct arena *arena)
{
    struct server_grants grants = {0};
    enum server_log_format log = SERVER_LOG_NONE;
    struct err err = {0};
    const struct config_text *control = &config->control;
    bool has_control = control->text != NULL && strcmp(control->text, SERVER_CONTROL_NONE) != 0;
    add_result(check, server_listener_check(&config->address, &err), &err);
    bool has_format = server_log_format_read(&config->log, &log, &err);
    add_result(check, has_format, &err);
    if (log != SERVER_LOG_NONE && config->log_path.text != NULL)
        add_result(check, server_log_check(&config->log_path, &err), &err);
    if (has_control)
        add_result(check, server_control_check(control, &err), &err);
    bool has_grants = cli_grants_read(check->options, config, arena, &grants, &err);
    add_result(check, has_grants, &err);
    check_dirs(check, &grants);
    return has_format && has_grants;
}

/* Whatever a worker would find wrong when it starts. */
static void check_plan(struct check *check, const struct config *config, struct arena *arena)
{
    struct proc_cache cache;
    struct server_plan plan;
    struct err err = {0};
    u32 *idle = arena_array(arena, u32, config->module_count + config->route_count);
    CHECK_MEMORY(idle != NULL);
    if (!proc_cache_open(&cache, check->options->cache_path, &err)) {
        add_error(check, &err);
        return;
    }
    cli_modules_idle(config, hear_warning, check);
    if (cli_plan_make(check->options, config, &cache, arena, &plan, &err) &&
        server_plan_check(&plan, idle, hear_warning, check, &err))
        check_limits(check, config, &plan, idle, arena);
    else
        add_error(check, &err);
    proc_cache_close(&cache);
}

/* What weir serve would initialise a module within, or the version before it. */
static struct config_limits limits_of(const struct config *config, u32 module, bool is_previous)
{
    struct config_limits limits = config->limits;
    bool is_first = true;
    for (u32 i = 0; i < config->route_count; i++) {
        const struct config_route *route = &config->routes[i];
        if (route->module != module ||
            (is_previous && !config_route_has(route, CONFIG_FALLBACK_PREVIOUS)))
            continue;
        config_limits_join(&limits, &route->limits, is_first);
        is_first = false;
    }
    return limits;
}

/* Returns how many errors a module and the version before it have. options: those of the check. */
static u32 check_versions(struct check *check, struct cli_options *options,
                          const struct config *config, u32 module)
{
    const struct config_module *from = &config->modules[module];
    const char *const paths[] = {from->path.text, from->previous_path.text};
    u32 errors = 0;
    for (u32 i = 0; i < COUNT_OF(paths) && paths[i] != NULL; i++) {
        options->limits = limits_of(config, module, i > 0);
        check_module(check, paths[i], -1);
        errors += check->errors;
    }
    return errors;
}

static void check_config(struct check *check, const char *path)
{
    struct arena arena;
    struct config config;
    struct err err = {0};
    u32 errors = 0;
    const struct cli_options *given = check->options;
    struct cli_options options = *given;
    arena_init(&arena, 512 * MIB);
    begin(check, path);
    if (!cli_config_read(given, &arena, &config, &err) ||
        !server_snapshot_mode_read(&config.snapshot, &options.snapshot, &err)) {
        add_error(check, &err);
        arena_fini(&arena);
        return;
    }
    check->options = &options;
    for (u32 i = 0; i < config.module_count; i++)
        errors += check_versions(check, &options, &config, i);
    begin(check, path);
    bool has_plan = check_settings(check, &config, &arena);
    if (errors == 0 && has_plan)
        check_plan(check, &config, &arena);
    if (errors == 0 && check->errors == 0)
        add_finding(check, "ok", "ok", ERR_NO_AT, "it can be served");
    check->options = given;
    arena_fini(&arena);
}

int cli_check(const struct cli_options *options)
{
    struct err err = {0};
    bool has_default = options->rest_count == 0 && access(CLI_CONFIG_NAME, F_OK) == 0;
    if (options->rest_count == 0 && !has_default) {
        err_set(&err, ERR_USAGE, ERR_NO_AT, "check what? give a file: weir check FILE.wasm");
        return cli_fail(&err);
    }
    struct check check = {.options = options};
    buf_init(&check.out, OUTPUT_BYTES);
    if (has_default || cli_is_config(options->rest[0]))
        check_config(&check, has_default ? CLI_CONFIG_NAME : options->rest[0]);
    else
        for (int i = 0; i < options->rest_count; i++)
            check_module(&check, options->rest[i], i);
    int printed = cli_print(&check.out);
    buf_fini(&check.out);
    return check.status != 0 ? check.status : printed;
}
