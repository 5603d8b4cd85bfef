/*
 * server/grants.h -- what the programs of a server get beside their request: folders and variables.
 * They travel from the supervisor to its workers in a memory file, because variables may be secret.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"

struct server_dir {
    const char *host, *guest; /* the folder HOST is GUEST to the program */
};
struct server_grants {
    const struct server_dir *dirs;
    const char *const *env; /* "NAME=VALUE" */
    u32 dir_count, env_count;
};

/* returns owned: a descriptor, -1 for ERR_SYSTEM. */
int server_grants_file(const struct server_grants *grants, struct err *err);

/* Reads what server_grants_file wrote; memory from arena. errors: ERR_SYSTEM. */
MUST_CHECK bool server_grants_read(int fd, struct arena *arena, struct server_grants *out,
                                   struct err *err);
