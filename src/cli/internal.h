/*
 * cli/internal.h -- the tables of commands and options as the files of this folder use them.
 *
 *   options.c   reads a command line by them
 *   help.c      prints them for people: weir help, and what was probably meant
 *   manual.c    prints them as manual pages and as a completion script
 *   look.c      loads a module to look at it: inspect.c, check.c
 *   grants.c    what --dir and --env say
 *   plan.c      what a command line or a weir.toml asks to serve
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "cli/cli.h"
#include "config/config.h"
#include "sched/sched.h"
#include "server/plan.h"
#include "typed/typed.h"

struct cli_command_row {
    const char *name, *arguments, *summary;
    const char *text; /* paragraphs, separated by empty lines */
    cli_command *run;
};
extern const struct cli_command_row cli_command_rows[];
extern const u32 cli_command_count;

/* Options and limits; argument "": it takes none. */
struct cli_option_row {
    const char *commands, *name, *argument, *text;
};
extern const struct cli_option_row cli_option_rows[];
extern const u32 cli_option_count;

const struct cli_command_row *cli_command_find(const char *name); /* or NULL */
bool cli_option_is_of(const struct cli_option_row *row, const char *command);

/* ERR_USAGE: "there is no command ...; did you mean ...?" Always false. */
bool cli_command_refuse(const char *name, struct err *err);
/* The same for an option as it was written, "--adr=x". */
bool cli_option_refuse(const char *command, const char *option, struct err *err);

/* What an exit status means, and which errors end with it. */
struct cli_exit_row {
    int status;
    const char *text;
};
extern const struct cli_exit_row cli_exit_rows[];
extern const u32 cli_exit_count;
/* Appends the codes of base/err.def that end with this status, comma-separated. */
void cli_exit_codes_write(int status, struct buf *out);

/* weir.toml, as its help and its manual page explain it. */
#define CLI_CONFIG_NAME    "weir.toml"
#define CLI_CONFIG_SUMMARY "what weir serves, and how"
#define CLI_CONFIG_TEXT                                                                            \
    "A TOML file that says which modules are served, at which paths, within which limits, and "    \
    "what answers when a call fails. `weir serve " CLI_CONFIG_NAME "` serves it; so does `weir "   \
    "serve` alone in its folder. `weir check` tells what is wrong in it. Files are named "         \
    "relative to its folder. Options of the command line hold in place of what stands at the top " \
    "of the file."
#define CLI_CONFIG_EXAMPLE                                                                         \
    "  [modules.vec]\n"                                                                            \
    "  path = \"vec.wasm\"\n"                                                                      \
    "\n"                                                                                           \
    "  [routes.dot]\n"                                                                             \
    "  path = \"/api/dot\"\n"                                                                      \
    "  function = \"dot\"\n"                                                                       \
    "  wall = \"250 ms\"\n"                                                                        \
    "  fallback = [\"static:busy.json\"]\n"
struct cli_config_section {
    const char *section;
    bool is_shared;
    const char *title, *text;
};
extern const struct cli_config_section cli_config_sections[];
extern const u32 cli_config_section_count;
bool cli_config_key_is_of(const struct config_key *key, const struct cli_config_section *section);

/* The manual page of a command, of weir itself for NULL, or of weir.toml, in the language of
 * man(7). */
void cli_manual_write(const char *command, struct buf *out);

/* A script for bash that completes commands, options and their words. */
void cli_completion_write(struct buf *out);

/* Writes all of it to standard output; returns the exit status. */
int cli_print(const struct buf *text);

/* ---- look.c: a module, compiled and loaded as a worker would, but serving nothing ---- */

struct cli_look {
    const struct cli_options *options;
    struct proc_cache cache;
    struct proc_artifact artifact;
    struct rt_engine *engine; /* offers what workers offer */
    struct loop *loop;
    struct sched *sched;
    struct rt_module *module;
    struct typed_sidecar signature;
    struct arena arena; /* as long as the look */
};

/* returns initialised, also on failure: finish with cli_look_fini. */
MUST_CHECK bool cli_look_init(struct cli_look *look, const struct cli_options *options,
                              const char *path, struct err *err);
void cli_look_fini(struct cli_look *look);

/* Initialises the module as weir serve would. errors: as server_initialise. */
MUST_CHECK bool cli_look_initialise(struct cli_look *look, struct server_initialisation *out,
                                    struct err *err);

enum cli_kind {
    CLI_KIND_LIBRARY, /* functions to call */
    CLI_KIND_REACTOR, /* the same, initialised by `_initialize` */
    CLI_KIND_PROGRAM, /* `_start`: weir run */
};
enum cli_kind cli_look_kind(const struct cli_look *look);
const char *cli_kind_text(enum cli_kind kind);

/* ---- plan.c ---- */

/* A weir.toml by its name. */
bool cli_is_config(const char *path);

/* What a command line asks to serve: the files it names, its weir.toml, or that of the current
 * folder. errors: ERR_USAGE, ERR_SYSTEM. */
MUST_CHECK bool cli_config_read(const struct cli_options *options, struct arena *arena,
                                struct config *out, struct err *err);

/* Compiles the modules and reads the files that a configuration names; memory: arena.
 * errors: those of cli_compile; ERR_SIGNATURE, ERR_SYSTEM, ERR_USAGE. */
MUST_CHECK bool cli_plan_make(const struct cli_options *options, const struct config *config,
                              struct proc_cache *cache, struct arena *arena,
                              struct server_plan *out, struct err *err);

/* warn hears of modules that no route serves, and of versions before that are no fallback. */
void cli_modules_idle(const struct config *config, server_warn *warn, void *user);

/* The path segment a file is served under; memory: arena. */
const char *cli_module_name(struct arena *arena, const char *path);
/* errors: ERR_USAGE, it is no plain part of a URL. */
MUST_CHECK bool cli_module_name_check(const char *name, const char *path, struct err *err);

/* ---- grants.c ---- */

/* What --dir and --env say, behind what the configuration does (NULL: there is none); memory: arena
 * and the command line. errors: ERR_USAGE. */
MUST_CHECK bool cli_grants_read(const struct cli_options *options, const struct config *config,
                                struct arena *arena, struct server_grants *out, struct err *err);
