#include "base/text.h"
#include "cli/internal.h"
#include "server/scoreboard.h"
#include <stdio.h>
#include <string.h>

static const struct cli_option_row *find_row(const char *command, const char *name, size_t name_len)
{
    for (u32 i = 0; i < cli_option_count; i++) {
        const struct cli_option_row *row = &cli_option_rows[i];
        if (cli_option_is_of(row, command) && strlen(row->name) == name_len &&
            memcmp(row->name, name, name_len) == 0)
            return row;
    }
    return NULL;
}

static bool read_count(const char *name, const char *text, u32 max, u32 *out, struct err *err)
{
    u64 value;
    if (!text_whole_number(text, max, &value))
        return err_set(err, ERR_USAGE, ERR_NO_AT,
                       "--%s takes a whole number from 1 to %u, not \"%s\"", name, max, text);
    *out = (u32)value;
    return true;
}

static bool read_tier(const char *text, enum proc_tier *out, struct err *err)
{
    bool is_quick = strcmp(text, "quick") == 0;
    if (!is_quick && strcmp(text, "best") != 0)
        return err_set(err, ERR_USAGE, ERR_NO_AT, "--opt takes quick or best, not \"%s\"", text);
    *out = is_quick ? PROC_TIER_QUICK : PROC_TIER_BEST;
    return true;
}

static bool read_log(const char *text, const char **out, struct err *err)
{
    enum server_log_format format;
    *out = text;
    return server_log_format_read(&(struct config_text){.text = text, .key = "--log"}, &format,
                                  err);
}

static bool read_snapshot(const char *text, struct cli_options *out, struct err *err)
{
    out->snapshot_text = text;
    return server_snapshot_mode_read(&(struct config_text){.text = text, .key = "--snapshot"},
                                     &out->snapshot, err);
}

static bool list_add(struct cli_list *list, const char *name, const char *value, struct err *err)
{
    if (list->count == CLI_LIST_MAX)
        return err_set(err, ERR_USAGE, ERR_NO_AT, "at most %d times --%s", CLI_LIST_MAX, name);
    list->items[list->count++] = value;
    return true;
}

static bool take_option(struct cli_options *o, const char *name, const char *value, struct err *err)
{
    if (strcmp(name, "addr") == 0)
        o->address = value;
    else if (strcmp(name, "invoke") == 0)
        o->invoke = value;
    else if (strcmp(name, "cache") == 0)
        o->cache_path = value;
    else if (strcmp(name, "log-file") == 0)
        o->log_path = value;
    else if (strcmp(name, "log") == 0)
        return read_log(value, &o->log, err);
    else if (strcmp(name, "snapshot") == 0)
        return read_snapshot(value, o, err);
    else if (strcmp(name, "control") == 0)
        o->control_path = value;
    else if (strcmp(name, "strict-traps") == 0)
        o->compile.strict_traps = true;
    else if (strcmp(name, "json") == 0)
        o->json = true;
    else if (strcmp(name, "man") == 0)
        o->man = true;
    else if (strcmp(name, "completion") == 0)
        o->completion = true;
    else if (strcmp(name, "workers") == 0)
        return read_count(name, value, SCOREBOARD_WORKERS_MAX, &o->workers, err);
    else if (strcmp(name, "repeat") == 0)
        return read_count(name, value, 10000000, &o->repeat, err);
    else if (strcmp(name, "tick-us") == 0)
        return read_count(name, value, 1000000, &o->tick_us, err);
    else if (strcmp(name, "compile-s") == 0)
        return read_count(name, value, 86400, &o->compile.cpu_s, err);
    else if (strcmp(name, "opt") == 0)
        return read_tier(value, &o->compile.tier, err);
    else if (strcmp(name, "dir") == 0)
        return list_add(&o->dirs, name, value, err);
    else if (strcmp(name, "env") == 0)
        return list_add(&o->env, name, value, err);
    else
        return config_limits_set(&o->given, name, value, err) &&
               config_limits_set(&o->limits, name, value, err);
    return true;
}

/* One "--name", "--name=value" or "--name value" at argv[*at]; leaves *at at its last word. */
static bool read_option(struct cli_options *o, const char *command, int argc, char **argv, int *at,
                        struct err *err)
{
    const char *name = argv[*at] + 2, *equals = strchr(name, '=');
    size_t name_len = equals == NULL ? strlen(name) : (size_t)(equals - name);
    const struct cli_option_row *row = find_row(command, name, name_len);
    if (argv[*at][1] != '-' || row == NULL)
        return cli_option_refuse(command, argv[*at], err);
    const char *value = equals == NULL ? NULL : equals + 1;
    if (row->argument[0] == 0 && value != NULL)
        return err_set(err, ERR_USAGE, ERR_NO_AT, "--%s takes no value", row->name);
    if (row->argument[0] != 0 && value == NULL) {
        if (*at + 1 >= argc)
            return err_set(err, ERR_USAGE, ERR_NO_AT, "--%s needs %s", row->name, row->argument);
        value = argv[++*at];
    }
    return take_option(o, row->name, value, err);
}

bool cli_options_read(struct cli_options *out, const char *command, int argc, char **argv,
                      bool *wants_help, struct err *err)
{
    const bool is_run = strcmp(command, "run") == 0;
    *wants_help = false;
    *out = (struct cli_options){
        .compile = {.tier = PROC_TIER_BEST},
        .limits = config_limits_default(),
        .rest = argv, /* the words that are no options move to the front */
    };
    for (int at = 1; at < argc; at++) {
        /* After the file come the arguments of the program or call: "-1" is no option. */
        bool is_rest = is_run && out->rest_count > 0 && argv[at][0] == '-' &&
                       (argv[at][1] != '-' ||
                        find_row(command, argv[at] + 2, strcspn(argv[at] + 2, "=")) == NULL);
        bool is_help = strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "-h") == 0;
        if (is_help && !(is_rest && out->invoke == NULL)) {
            *wants_help = true;
            return true;
        }
        if (strcmp(argv[at], "--") == 0) {
            for (at++; at < argc; at++)
                out->rest[out->rest_count++] = argv[at];
        } else if (argv[at][0] == '-' && argv[at][1] != 0 && !is_rest) {
            if (!read_option(out, command, argc, argv, &at, err))
                return false;
        } else {
            out->rest[out->rest_count++] = argv[at];
        }
    }
    return true;
}
