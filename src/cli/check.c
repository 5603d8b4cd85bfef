/*
 * cli/check.c -- `weir check`: whatever would keep modules from being served, a line each.
 */
#include "base/text.h"
#include "cli/internal.h"
#include "server/describe.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define OUTPUT_BYTES   (16 * MIB)
#define STATUS_REFUSED 3 /* a module cannot be served */
#define STATUS_UNKNOWN 1 /* it could not be told */

struct check {
    const struct cli_options *options;
    const char *path;          /* of the module being checked, */
    char shown[PROC_PATH_MAX]; /* and as lines show it */
    u32 errors;                /* of it */
    int status;
    struct buf out;
};

/* ---- findings ---- */

static void add_finding(struct check *check, const char *level, const char *code, u64 at,
                        const char *text)
{
    struct buf *out = &check->out;
    if (!check->options->json) {
        buf_add_format(out, "%s: %s: %s", check->shown, level, text);
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
    buf_add_text(out, "}\n");
}

static void add_error(struct check *check, const struct err *err)
{
    bool is_unknown = err->code == ERR_SYSTEM || err->code == ERR_COMPILE;
    const char *text = err->text;
    size_t shown_len = strlen(check->shown);
    if (strncmp(text, check->shown, shown_len) == 0 && strncmp(text + shown_len, ": ", 2) == 0)
        text += shown_len + 2; /* the line begins with it anyway */
    check->errors += 1;
    if (check->status != STATUS_REFUSED)
        check->status = is_unknown ? STATUS_UNKNOWN : STATUS_REFUSED;
    add_finding(check, "error", err_code_text(err->code), err->at, text);
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

struct first_call {
    struct err *err;
    bool is_done;
};

static void take_first(void *arg, const struct sched_result *result)
{
    struct first_call *first = arg;
    first->is_done = true;
    if (result->trap != NULL)
        err_set(first->err, ERR_TRAP, ERR_NO_AT, "its initialisation ends with a trap: %s",
                result->trap->message);
}

/* Makes an instance, and runs what runs before a first call. */
static bool start_instance(struct cli_look *look, struct err *err)
{
    struct rt_pool *pool;
    struct rt_instance *instance;
    struct sched_task *task;
    struct first_call first = {.err = err};
    if (!rt_pool_create(&pool, look->module, 1, err))
        return false;
    if (rt_pool_take(pool, &instance, err)) {
        struct sched_call call = {.instance = instance,
                                  .func = RT_FUNC_NONE,
                                  .cpu_ns = look->options->limits.cpu_ns,
                                  .wall_ns = look->options->limits.wall_ns,
                                  .done = take_first,
                                  .arg = &first};
        bool ok = sched_start(look->sched, &call, &task, err);
        while (ok && !first.is_done)
            sched_turn(look->sched, UINT64_MAX);
        rt_pool_release(pool, &instance);
    }
    rt_pool_destroy(&pool);
    return err->code == ERR_NONE;
}

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

static void check_file(struct check *check, int index)
{
    struct cli_look look;
    struct err err = {0};
    check->path = check->options->rest[index];
    snprintf(check->shown, sizeof check->shown, "%s", check->path);
    text_make_plain(check->shown, strlen(check->shown));
    check->errors = 0;
    if (cli_look_init(&look, check->options, check->path, &err)) {
        check_name(check, index, &look.arena);
        check_imports(check, look.module);
        check_endpoints(check, &look);
        if (check->errors == 0 && !start_instance(&look, &err))
            add_error(check, &err);
    } else {
        add_error(check, &err);
    }
    if (check->errors == 0)
        add_finding(check, "ok", "ok", ERR_NO_AT, "it can be served");
    cli_look_fini(&look);
}

int cli_check(const struct cli_options *options)
{
    struct err err = {0};
    if (options->rest_count == 0) {
        err_set(&err, ERR_USAGE, ERR_NO_AT, "check what? give a file: weir check FILE.wasm");
        return cli_fail(&err);
    }
    struct check check = {.options = options};
    buf_init(&check.out, OUTPUT_BYTES);
    for (int i = 0; i < options->rest_count; i++)
        check_file(&check, i);
    int printed = cli_print(&check.out);
    buf_fini(&check.out);
    return check.status != 0 ? check.status : printed;
}
