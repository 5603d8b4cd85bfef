/*
 * cli/cli.h -- the commands of weir. One row in command.def, its options in option.def, one
 * function here; usage, help, manual pages and completion follow the tables.
 */
#pragma once
#include "base/err.h"
#include "config/config.h"
#include "proc/compile.h"
#include "server/initialise.h"

#define CLI_LIST_MAX 256

struct cli_list { /* the values of an option that may be given more than once */
    const char *items[CLI_LIST_MAX];
    u32 count;
};
/* What a command line says; each command knows its own part. */
struct cli_options {
    const char *address; /* NULL: nothing is said */
    const char *invoke, *cache_path;
    u32 workers, repeat, tick_us;
    struct cli_list dirs, env; /* --dir, --env */
    struct proc_compile_options compile;
    struct config_limits limits, given; /* given: 0 where the command line says nothing */
    const char *log, *log_path;         /* NULL: nothing is said */
    const char *snapshot_text;          /* likewise */
    enum server_snapshot_mode snapshot;
    const char *control_path;
    char **rest; /* arguments that are no options, in order */
    int rest_count;
    bool json;            /* facts for programs */
    bool man, completion; /* of help */
};

/* Every command. Returns an exit status; errors have been printed. */
typedef int cli_command(const struct cli_options *options);
#define COMMAND(name, arguments, summary, text) cli_command cli_##name;
#include "cli/command.def"
#undef COMMAND

/* Reads the options of `command` from argv; `--` ends them. Behind the file of run, a word that
 * begins like an option and is none of weir's is an argument of the program or call.
 * errors: ERR_USAGE. *wants_help: --help was there. */
MUST_CHECK bool cli_options_read(struct cli_options *out, const char *command, int argc,
                                 char **argv, bool *wants_help, struct err *err);

/* Usage, options and limits of a command, to standard output. Returns the exit status, as cli_print
 * does. */
int cli_help_print(const char *command);

/* "weir: TEXT (at offset 0x..)" to standard error; returns the exit status of the error. */
int cli_fail(const struct err *err);

/* Compiles one file. A compile of more than a second says so on standard error: on an able terminal
 * with a line that is drawn over, elsewhere with one at its start; and with one at its end. */
MUST_CHECK bool cli_compile(struct proc_cache *cache, const char *path,
                            const struct cli_options *options, struct proc_artifact *out,
                            struct err *err);
