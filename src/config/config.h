/*
 * config/config.h -- what a server is asked to do: read from weir.toml, or said by options.
 *
 * Every key is a row of config/key.def; help, defaults, validation and the options of the command
 * line follow from it.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

/* The numbers of key.def. Those of one route are a copy of those at the top but for what the route
 * says itself. Times in nanoseconds, sizes in bytes. */
struct config_limits {
#define NUMBER(field, where, key, option, unit, value, max, commands, text) u64 field;
#define OTHER(field, where, key, shape, example, text)
#include "config/key.def"
#undef NUMBER
#undef OTHER
};

struct config_limits config_limits_default(void);

/* Sets the number with this option name from text, a whole number of its units.
 * errors: ERR_USAGE (no such option, no number, 0 or too large). */
MUST_CHECK bool config_limits_set(struct config_limits *limits, const char *option,
                                  const char *text, struct err *err);

/* Sets in `limits` what is not 0 in `given`. */
void config_limits_override(struct config_limits *limits, const struct config_limits *given);

/* Into the limits of what several routes use those of one more: the longest time, the least memory
 * holds. */
void config_limits_join(struct config_limits *limits, const struct config_limits *said,
                        bool is_first);

/* A text, and who said it. */
struct config_text {
    const char *text; /* NULL: nobody */
    const char *key;  /* as messages call it: "listen", "--addr" */
    const char *at;   /* where, "weir.toml:3:10"; NULL: not in a file */
};

/* Puts the place, if there is one, in front of what is wrong there. Always returns false. */
bool config_fail_at(const char *at, struct err *err);

/* A list of texts; an empty one is {NULL, 0}. */
struct config_texts {
    struct config_text *items;
    u32 count;
};

struct config_module {
    const char *name;
    const char *at;                   /* of its section, as that of a config_text */
    struct config_text path;          /* of the .wasm file */
    struct config_text previous_path; /* of the version before */
};

enum config_fallback_kind {
    CONFIG_FALLBACK_PREVIOUS, /* the version before of the same module */
    CONFIG_FALLBACK_ROUTE,    /* another route */
    CONFIG_FALLBACK_STALE,    /* the last good answer to the same request */
    CONFIG_FALLBACK_STATIC,   /* a file */
    CONFIG_FALLBACK_KINDS
};
const char *config_fallback_text(enum config_fallback_kind kind);

#define CONFIG_FALLBACKS_MAX 8

struct config_fallback {
    enum config_fallback_kind kind;
    u32 route;        /* ROUTE: index */
    int status;       /* STATIC: of the answer */
    const char *path; /* STATIC: of the file */
    const char *at;   /* as that of a config_text */
};

struct config_route {
    const char *name;
    const char *at;                 /* of its section, as that of a config_text */
    struct config_text path;        /* "/", or begins with "/" and does not end with one */
    struct config_text module_name; /* as written */
    u32 module;                     /* its index */
    struct config_text function;    /* NULL: all that are exported */
    struct config_limits limits;
    struct config_texts fallback; /* as written */
    struct config_fallback fallbacks[CONFIG_FALLBACKS_MAX];
    u32 fallback_count;
};

bool config_route_has(const struct config_route *route, enum config_fallback_kind kind);

struct config {
    struct config_text name;
    struct config_text address;
    u64 workers; /* 0: one per core */
    struct config_text log, log_path;
    struct config_text snapshot;   /* auto, always or never */
    struct config_text control;    /* path of its socket, "none", or NULL */
    struct config_texts dirs, env; /* "HOST::GUEST", "NAME=VALUE" */
    struct config_limits limits;
    struct config_module *modules;
    struct config_route *routes; /* none: every module at its own name */
    u32 module_count, route_count;
};

#define CONFIG_MODULES_MAX 10000
#define CONFIG_ROUTES_MAX  10000

/* Can this name a module or route, and be a plain segment of a path: letters, digits and ._-, not
 * dots alone? */
bool config_name_is_plain(const char *name);

/* What holds where nothing is said. */
struct config config_default(void);

/* Reads a weir.toml. Relative paths in it are made paths from its folder. given: numbers that the
 * command line says, which hold in place of those at the top of the file; 0: it does not.
 * Memory: arena. errors: ERR_SYSTEM (the file), ERR_USAGE: "FILE:LINE:COLUMN: ...", naming the key
 * that was probably meant. */
MUST_CHECK bool config_read(struct config *out, const char *path, const struct config_limits *given,
                            struct arena *arena, struct err *err);

/* The same for the text of one. path: of the file, for messages and relative paths. */
MUST_CHECK bool config_parse(struct config *out, const char *text, size_t len, const char *path,
                             const struct config_limits *given, struct arena *arena,
                             struct err *err);

/* One row of key.def, for help. */
struct config_key {
    const char *section; /* where it stands: "", "modules.NAME", "routes.NAME" */
    bool is_shared;      /* of a route, and at the top for all routes that do not say it */
    const char *key, *text;
    char value[96]; /* its default, or if it has none an example, as it stands in weir.toml */
    bool is_default;
    bool is_reached; /* a limit of a route: when it is reached, something else must answer */
};
u32 config_key_count(void);
struct config_key config_key_describe(u32 index);
