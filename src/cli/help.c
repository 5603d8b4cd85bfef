/*
 * cli/help.c -- the tables of commands and options, and what `weir help` prints of them.
 */
#include "base/text.h"
#include "cli/internal.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COLUMNS      79
#define LEFT_COLUMNS 26 /* of a list: the word, then its text */
#define HELP_BYTES   (256 * KIB)

const struct cli_command_row cli_command_rows[] = {
#define COMMAND(name, arguments, summary, text) {#name, arguments, summary, text, cli_##name},
#include "cli/command.def"
#undef COMMAND
};
const u32 cli_command_count = COUNT_OF(cli_command_rows);

const struct cli_option_row cli_option_rows[] = {
#define OPTION(commands, name, argument, text) {commands, name, argument, text},
#include "cli/option.def"
#undef OPTION
#define UNIT_MS    ", milliseconds"
#define UNIT_KIB   ", KiB"
#define UNIT_MIB   ", MiB"
#define UNIT_COUNT ""
#define NUMBER(field, where, key, option, unit, value, max, commands, text)                        \
    {commands, option, "N", text UNIT_##unit " (" #value ")"},
#define OTHER(field, where, key, shape, example, text)
#include "config/key.def"
#undef NUMBER
#undef OTHER
};
const u32 cli_option_count = COUNT_OF(cli_option_rows);

const struct cli_exit_row cli_exit_rows[] = {
#define EXIT(status, text) {status, text},
#include "cli/exit.def"
#undef EXIT
};
const u32 cli_exit_count = COUNT_OF(cli_exit_rows);

/* ---- looking up ---- */

const struct cli_command_row *cli_command_find(const char *name)
{
    for (u32 i = 0; i < cli_command_count; i++)
        if (strcmp(cli_command_rows[i].name, name) == 0)
            return &cli_command_rows[i];
    return NULL;
}

/* No command's name is a part of another's. */
bool cli_option_is_of(const struct cli_option_row *row, const char *command)
{
    return strstr(row->commands, command) != NULL;
}

bool cli_command_refuse(const char *name, struct err *err)
{
    struct text_guess guess = {.word = name, .len = strlen(name)};
    for (u32 i = 0; i < cli_command_count; i++)
        text_guess_consider(&guess, cli_command_rows[i].name, strlen(cli_command_rows[i].name));
    if (guess.known != NULL)
        return err_set(err, ERR_USAGE, ERR_NO_AT,
                       "there is no command \"%.60s\"; did you mean %s? `weir help` lists them all",
                       name, guess.known);
    return err_set(err, ERR_USAGE, ERR_NO_AT,
                   "there is no command \"%.60s\"; `weir help` lists them", name);
}

bool cli_option_refuse(const char *command, const char *option, struct err *err)
{
    const char *name = option + strspn(option, "-");
    struct text_guess guess = {.word = name, .len = strcspn(name, "=")};
    for (u32 i = 0; i < cli_option_count; i++)
        if (cli_option_is_of(&cli_option_rows[i], command))
            text_guess_consider(&guess, cli_option_rows[i].name, strlen(cli_option_rows[i].name));
    if (guess.known != NULL)
        return err_set(err, ERR_USAGE, ERR_NO_AT,
                       "weir %s has no option %.60s; did you mean --%s? See `weir help %s`",
                       command, option, guess.known, command);
    return err_set(err, ERR_USAGE, ERR_NO_AT, "weir %s has no option %.60s; see `weir help %s`",
                   command, option, command);
}

void cli_exit_codes_write(int status, struct buf *out)
{
    bool is_first = true;
    for (u32 code = ERR_NONE + 1; code < ERR_COUNT; code++) {
        if (err_code_exit((enum err_code)code) != status)
            continue;
        buf_add_format(out, "%s%s", is_first ? "" : ", ", err_code_text((enum err_code)code));
        is_first = false;
    }
}

/* ---- printing ---- */

int cli_print(const struct buf *text)
{
    struct err err = {0};
    if (!buf_ok(text))
        err_set(&err, ERR_LIMIT, ERR_NO_AT, "the text is too long");
    else if (fwrite(text->bytes, 1, text->len, stdout) != text->len || fflush(stdout) != 0)
        err_sys(&err, "cannot write to standard output");
    return err.code == ERR_NONE ? 0 : cli_fail(&err);
}

/* Appends text from column `at` on, in lines of at most COLUMNS that begin at column `indent`; an
 * empty line of the text stays one. */
static void add_wrapped(struct buf *out, u32 at, u32 indent, const char *text)
{
    while (*text != 0) {
        size_t len = strcspn(text, " \n");
        if (at > indent && at + 1 + len > COLUMNS) {
            buf_add_format(out, "\n%*s", (int)indent, "");
            at = indent;
        } else if (at > indent) {
            buf_add_byte(out, ' ');
            at++;
        }
        buf_add(out, text, len);
        at += (u32)len;
        text += len;
        if (strncmp(text, "\n\n", 2) == 0) {
            buf_add_format(out, "\n\n%*s", (int)indent, "");
            at = indent;
        }
        text += strspn(text, " \n");
    }
    buf_add_byte(out, '\n');
}

/* "  --log text|json|none     the access log, ..." */
static void add_row(struct buf *out, const char *left, const char *text)
{
    buf_add_format(out, "  %-*s", LEFT_COLUMNS - 2, left);
    if (strlen(left) + 2 >= LEFT_COLUMNS)
        buf_add_format(out, "\n%*s", LEFT_COLUMNS, "");
    add_wrapped(out, LEFT_COLUMNS, LEFT_COLUMNS, text);
}

static void add_overview(struct buf *out)
{
    buf_add_format(out,
                   "weir %s -- WebAssembly functions behind HTTP, native speed, a fresh instance "
                   "for every\nrequest\n\nusage: weir COMMAND ...\n\n",
                   WEIR_VERSION);
    for (u32 i = 0; i < cli_command_count; i++)
        buf_add_format(out, "  %-8s %s\n", cli_command_rows[i].name, cli_command_rows[i].summary);
    buf_add_text(out, "\n`weir help COMMAND` explains one, `weir help " CLI_CONFIG_NAME
                      "` the configuration. Exit statuses:\n\n");
    for (u32 i = 0; i < cli_exit_count; i++) {
        buf_add_format(out, "  %d  ", cli_exit_rows[i].status);
        add_wrapped(out, 5, 5, cli_exit_rows[i].text);
    }
}

static void add_command(const struct cli_command_row *command, struct buf *out)
{
    bool is_first = true;
    buf_add_format(out, "usage: weir %s%s%s\n\n", command->name,
                   command->arguments[0] == 0 ? "" : " ", command->arguments);
    add_wrapped(out, 0, 0, command->text);
    for (u32 i = 0; i < cli_option_count; i++) {
        const struct cli_option_row *row = &cli_option_rows[i];
        char left[64];
        if (!cli_option_is_of(row, command->name))
            continue;
        snprintf(left, sizeof left, "--%s %s", row->name, row->argument);
        buf_add_text(out, is_first ? "\noptions (an option's default is in brackets):\n" : "");
        add_row(out, left, row->text);
        is_first = false;
    }
}

/* ---- weir.toml ---- */

const struct cli_config_section cli_config_sections[] = {
#define SECTION(section, is_shared, title, text) {section, is_shared, title, text},
#include "cli/config.def"
#undef SECTION
};
const u32 cli_config_section_count = COUNT_OF(cli_config_sections);

bool cli_config_key_is_of(const struct config_key *key, const struct cli_config_section *section)
{
    return strcmp(key->section, section->section) == 0 && key->is_shared == section->is_shared;
}

static void add_config(struct buf *out)
{
    buf_add_text(out, CLI_CONFIG_NAME " -- " CLI_CONFIG_SUMMARY "\n\n");
    add_wrapped(out, 0, 0, CLI_CONFIG_TEXT);
    buf_add_text(out, "\n" CLI_CONFIG_EXAMPLE);
    for (u32 i = 0; i < cli_config_section_count; i++) {
        const struct cli_config_section *section = &cli_config_sections[i];
        buf_add_byte(out, '\n');
        add_wrapped(out, 0, 0, section->text);
        for (u32 k = 0; k < config_key_count(); k++) {
            struct config_key key = config_key_describe(k);
            char left[160];
            if (!cli_config_key_is_of(&key, section))
                continue;
            snprintf(left, sizeof left, "%s = %s", key.key, key.value);
            add_row(out, left, key.text);
        }
    }
}

/* What `weir help WORD` explains: a command, weir itself for NULL, or the configuration. */
static void add_topic(const char *topic, struct buf *out)
{
    if (topic == NULL)
        add_overview(out);
    else if (strcmp(topic, CLI_CONFIG_NAME) == 0)
        add_config(out);
    else
        add_command(cli_command_find(topic), out);
}

int cli_help_print(const char *command)
{
    struct buf out;
    buf_init(&out, HELP_BYTES);
    add_topic(command, &out);
    int status = cli_print(&out);
    buf_fini(&out);
    return status;
}

static bool check_words(const struct cli_options *options, struct err *err)
{
    if (options->rest_count > 1)
        return err_set(err, ERR_USAGE, ERR_NO_AT, "weir help explains one command at a time");
    if (options->rest_count == 1 && strcmp(options->rest[0], CLI_CONFIG_NAME) != 0 &&
        cli_command_find(options->rest[0]) == NULL)
        return cli_command_refuse(options->rest[0], err);
    return true;
}

int cli_help(const struct cli_options *options)
{
    struct err err = {0};
    if (!check_words(options, &err))
        return cli_fail(&err);
    const char *command = options->rest_count == 1 ? options->rest[0] : NULL;
    struct buf out;
    buf_init(&out, HELP_BYTES);
    if (options->man)
        cli_manual_write(command, &out);
    else if (options->completion)
        cli_completion_write(&out);
    else
        add_topic(command, &out);
    int status = cli_print(&out);
    buf_fini(&out);
    return status;
}
