/*
 * cli/manual.c -- the tables of commands and options as manual pages (man(7)) and as a completion
 * script for bash.
 */
#include "cli/internal.h"
#include <stdio.h>
#include <string.h>

/* Text of the tables in roff: no backslash or hyphen of ours has a meaning there, and no line of
 * it begins a request. */
static void add_roff(struct buf *out, const char *text)
{
    bool begins_line = true;
    for (; *text != 0; text++) {
        if (begins_line && (*text == '.' || *text == '\''))
            buf_add_text(out, "\\&");
        begins_line = false;
        if (strncmp(text, "\n\n", 2) == 0) {
            buf_add_text(out, "\n.PP\n");
            text++;
            begins_line = true;
        } else if (*text == '\\') {
            buf_add_text(out, "\\e");
        } else if (*text == '-') {
            buf_add_text(out, "\\-");
        } else if (*text == '~') {
            buf_add_text(out, "\\(ti");
        } else if (*text == '`') {
            buf_add_text(out, "\\(ga");
        } else if (*text == '\'') {
            buf_add_text(out, "\\(aq");
        } else {
            buf_add_byte(out, (u8)*text);
        }
    }
    buf_add_byte(out, '\n');
}

/* A tagged paragraph: a word in bold, what follows it in italics, and its text. */
static void add_tagged(struct buf *out, const char *dashes, const char *word, const char *argument,
                       const char *text)
{
    struct buf tag;
    buf_init(&tag, 4 * KIB);
    buf_add_format(&tag, "\\fB%s%s\\fP%s", dashes, word, argument[0] == 0 ? "" : " ");
    buf_add_text(out, ".TP\n");
    for (size_t i = 0; i < tag.len; i++)
        if (tag.bytes[i] == '-')
            buf_add_text(out, "\\-");
        else
            buf_add_byte(out, tag.bytes[i]);
    buf_fini(&tag);
    if (argument[0] == 0) {
        buf_add_byte(out, '\n');
    } else {
        buf_add_text(out, "\\fI");
        add_roff(out, argument);
        out->len -= 1; /* the line goes on */
        buf_add_text(out, "\\fP\n");
    }
    add_roff(out, text);
}

static void add_options(const struct cli_command_row *command, struct buf *out)
{
    bool is_first = true;
    for (u32 i = 0; i < cli_option_count; i++) {
        const struct cli_option_row *row = &cli_option_rows[i];
        if (!cli_option_is_of(row, command->name))
            continue;
        buf_add_text(out, is_first ? ".SH OPTIONS\nThe default is in brackets.\n" : "");
        add_tagged(out, "--", row->name, row->argument, row->text);
        is_first = false;
    }
}

static void add_exits(struct buf *out)
{
    struct buf codes;
    buf_init(&codes, 4 * KIB);
    buf_add_text(out, ".SH EXIT STATUS\n");
    for (u32 i = 0; i < cli_exit_count; i++) {
        char number[16];
        snprintf(number, sizeof number, "%d", cli_exit_rows[i].status);
        add_tagged(out, "", number, "", cli_exit_rows[i].text);
        buf_clear(&codes);
        cli_exit_codes_write(cli_exit_rows[i].status, &codes);
        buf_add_byte(&codes, 0);
        if (cli_exit_rows[i].status > 1) {
            buf_add_text(out, "Codes:\n");
            add_roff(out, (const char *)codes.bytes);
        }
    }
    buf_fini(&codes);
}

static void add_environment(struct buf *out)
{
    buf_add_text(out, ".SH ENVIRONMENT\n");
#define ENVIRONMENT(name, text) add_tagged(out, "", name, "", text);
#include "cli/environment.def"
#undef ENVIRONMENT
}

/* "weir(1), weir-serve(1), ..." without the page itself. */
static void add_others(const char *command, struct buf *out)
{
    bool is_first = command == NULL;
    buf_add_text(out, ".SH SEE ALSO\n");
    if (command != NULL)
        buf_add_text(out, ".BR weir (1)");
    for (u32 i = 0; i < cli_command_count; i++) {
        const char *name = cli_command_rows[i].name;
        if (command != NULL && strcmp(name, command) == 0)
            continue;
        buf_add_format(out, "%s.BR weir\\-%s (1)", is_first ? "" : ",\n", name);
        is_first = false;
    }
    buf_add_byte(out, '\n');
}

static void add_overview(struct buf *out)
{
    buf_add_text(out, ".SH NAME\nweir \\- WebAssembly functions behind HTTP\n"
                      ".SH SYNOPSIS\n.B weir\n.I COMMAND\n.RI [ arguments ]\n"
                      ".SH DESCRIPTION\n");
    add_roff(out, "Give it a WebAssembly module, and every exported function is an HTTP endpoint: "
                  "each request runs in a fresh, sandboxed instance, compiled to native code.");
    buf_add_text(out, ".SH COMMANDS\n");
    for (u32 i = 0; i < cli_command_count; i++)
        add_tagged(out, "", cli_command_rows[i].name, cli_command_rows[i].arguments,
                   cli_command_rows[i].summary);
}

static void add_command(const struct cli_command_row *command, struct buf *out)
{
    buf_add_format(out, ".SH NAME\nweir\\-%s \\- ", command->name);
    add_roff(out, command->summary);
    buf_add_format(out, ".SH SYNOPSIS\n.B weir %s\n", command->name);
    if (command->arguments[0] != 0)
        add_roff(out, command->arguments);
    buf_add_text(out, ".SH DESCRIPTION\n");
    add_roff(out, command->text);
    add_options(command, out);
}

/* weir.toml(5) */
static void write_config(struct buf *out)
{
    buf_add_format(out,
                   ".TH WEIR.TOML 5 \"\" \"weir %s\" \"Weir\"\n"
                   ".SH NAME\nweir.toml \\- " CLI_CONFIG_SUMMARY "\n.SH DESCRIPTION\n",
                   WEIR_VERSION);
    add_roff(out, CLI_CONFIG_TEXT);
    buf_add_text(out, ".SH EXAMPLE\n.nf\n");
    add_roff(out, CLI_CONFIG_EXAMPLE);
    buf_add_text(out, ".fi\n");
    for (u32 i = 0; i < cli_config_section_count; i++) {
        const struct cli_config_section *section = &cli_config_sections[i];
        buf_add_format(out, ".SH %s\n", section->title);
        add_roff(out, section->text);
        for (u32 k = 0; k < config_key_count(); k++) {
            struct config_key key = config_key_describe(k);
            char value[100];
            snprintf(value, sizeof value, "= %s", key.value);
            if (cli_config_key_is_of(&key, section))
                add_tagged(out, "", key.key, value, key.text);
        }
    }
    buf_add_text(out, ".SH SEE ALSO\n.BR weir\\-serve (1),\n.BR weir\\-check (1)\n");
}

void cli_manual_write(const char *command, struct buf *out)
{
    if (command != NULL && strcmp(command, CLI_CONFIG_NAME) == 0) {
        write_config(out);
        return;
    }
    const struct cli_command_row *row = command == NULL ? NULL : cli_command_find(command);
    buf_add_text(out, ".TH WEIR");
    for (const char *c = row == NULL ? "" : row->name; *c != 0; c++)
        buf_add_format(out, "%s%c", c == row->name ? "\\-" : "", *c & ~0x20);
    buf_add_format(out, " 1 \"\" \"weir %s\" \"Weir\"\n", WEIR_VERSION);
    if (row == NULL)
        add_overview(out);
    else
        add_command(row, out);
    add_exits(out);
    add_environment(out);
    add_others(row == NULL ? NULL : row->name, out);
}

/* ---- completion ---- */

/* The words an option takes, if its argument lists them: "text|json|none". */
static void add_choices(struct buf *out)
{
    for (u32 i = 0; i < cli_option_count; i++) {
        const struct cli_option_row *row = &cli_option_rows[i];
        if (strchr(row->argument, '|') == NULL)
            continue;
        buf_add_format(out, "    --%s) words='", row->name);
        for (const char *c = row->argument; *c != 0; c++)
            buf_add_byte(out, *c == '|' ? ' ' : (u8)*c);
        buf_add_text(out, "' ;;\n");
    }
}

void cli_completion_write(struct buf *out)
{
    buf_add_text(out, "# completion of weir's command line for bash; made by "
                      "`weir help --completion`\n"
                      "_weir() {\n"
                      "    local word=${COMP_WORDS[COMP_CWORD]} words=''\n"
                      "    local before=${COMP_WORDS[COMP_CWORD-1]}\n"
                      "    case $before in\n");
    add_choices(out);
    buf_add_text(out, "    *)\n        case $COMP_CWORD:${COMP_WORDS[1]} in\n        1:*) words='");
    for (u32 i = 0; i < cli_command_count; i++)
        buf_add_format(out, "%s%s", i == 0 ? "" : " ", cli_command_rows[i].name);
    buf_add_text(out, "' ;;\n");
    for (u32 i = 0; i < cli_command_count; i++) {
        buf_add_format(out, "        *:%s) words='", cli_command_rows[i].name);
        for (u32 k = 0; k < cli_option_count; k++)
            if (cli_option_is_of(&cli_option_rows[k], cli_command_rows[i].name))
                buf_add_format(out, "--%s ", cli_option_rows[k].name);
        for (u32 k = 0; strcmp(cli_command_rows[i].name, "help") == 0 && k < cli_command_count; k++)
            buf_add_format(out, "%s ", cli_command_rows[k].name);
        if (strcmp(cli_command_rows[i].name, "help") == 0)
            buf_add_text(out, CLI_CONFIG_NAME " ");
        buf_add_text(out, "--help' ;;\n");
    }
    buf_add_text(out, "        esac ;;\n    esac\n"
                      "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
                      "}\n"
                      "complete -o default -F _weir weir\n");
}
