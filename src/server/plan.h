/*
 * server/plan.h -- what a server serves, decided before it starts: compiled modules, routes to
 * them, limits, folders and variables. It travels from the supervisor to its workers in a memory
 * file, because variables and the key of the artifacts are secret. Both ends are always the same
 * program, so the file needs no version.
 */
#pragma once
#include "base/arena.h"
#include "base/digest.h"
#include "config/config.h"
#include "runtime/runtime.h"
#include "server/log.h"

/* A compiled module. Two versions of one are two of these. */
struct server_module {
    const char *name;
    const char *code_path, *module_path;
    struct rt_text signature;      /* text of FILE.sig; bytes NULL: there is none */
    u64 snapshot_at, snapshot_len; /* in the file of snapshots; length 0: there is none */
};

struct server_fallback {
    enum config_fallback_kind kind;
    u32 route;              /* ROUTE: index */
    int status;             /* STATIC: the answer, */
    const char *media_type; /* its type */
    struct rt_text content; /* and body */
    const char *at;         /* where it was said, as that of a config_text */
};

#define SERVER_NO_MODULE UINT32_MAX

struct server_route {
    const char *name;
    const char *path;            /* it and what is below belong to the route */
    const char *also;            /* another path, or NULL */
    struct config_text function; /* the only one, at the path itself; NULL: all, below it */
    u32 module, previous;        /* indices; previous: SERVER_NO_MODULE if there is none */
    struct config_limits limits;
    struct server_fallback fallbacks[CONFIG_FALLBACKS_MAX];
    u32 fallback_count;
};

struct server_dir {
    const char *host, *guest; /* the folder HOST is GUEST to the program */
    struct config_text said;
};

/* What programs get beside their request. */
struct server_grants {
    const struct server_dir *dirs;
    const char *const *env; /* "NAME=VALUE" */
    u32 dir_count, env_count;
};

struct server_plan {
    const char *name; /* of the service */
    const struct server_module *modules;
    const struct server_route *routes;
    u32 module_count, route_count;
    struct config_limits limits; /* of the worker; those of requests are in their routes */
    struct server_grants grants;
    enum server_log_format log_format;
    struct digest mac_key; /* of the artifacts */
};

/* Hears of what can be served, but hardly as it was meant. at: as that of a config_text; code:
 * stable, for programs; text: a plain line. All are borrowed. */
typedef void server_warn(void *user, const char *at, const char *code, const char *text);

/* The one that prints "weir: warning: AT: TEXT" to standard error. user: NULL. */
server_warn server_warn_print;

/* Opens the folder HOST. returns owned: a descriptor, or -1. errors: ERR_SYSTEM. */
int server_dir_open(const struct server_dir *dir, struct err *err);

/* returns owned: a descriptor, -1 for ERR_LIMIT or ERR_SYSTEM. */
int server_plan_file(const struct server_plan *plan, struct err *err);

/* Reads what server_plan_file wrote; memory from arena. errors: ERR_SYSTEM. */
MUST_CHECK bool server_plan_read(int fd, struct arena *arena, struct server_plan *out,
                                 struct err *err);
