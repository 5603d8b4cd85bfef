/*
 * cli/grants.c -- what --dir and --env say.
 */
#include "cli/internal.h"
#include "base/check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "HOST::GUEST", or one path for both. */
static bool read_dir(const char *text, struct arena *arena, struct server_dir *out, struct err *err)
{
    const char *colons = strstr(text, "::");
    size_t host_len = colons == NULL ? strlen(text) : (size_t)(colons - text);
    out->host = arena_text(arena, text, host_len);
    out->guest = colons == NULL ? text : colons + 2;
    if (host_len == 0 || out->guest[0] == 0)
        return err_set(err, ERR_USAGE, ERR_NO_AT, "--dir takes HOST::GUEST, not \"%s\"", text);
    return true;
}

/* "NAME=VALUE"; of a bare NAME the value here, and NULL if it has none. */
static const char *read_env(const char *text, struct arena *arena)
{
    if (strchr(text, '=') != NULL)
        return text;
    const char *value = getenv(text);
    if (value == NULL)
        return NULL;
    size_t len = strlen(text) + 1 + strlen(value) + 1;
    char *both = arena_alloc(arena, len);
    snprintf(both, len, "%s=%s", text, value);
    return both;
}

bool cli_grants_read(const struct cli_options *options, struct arena *arena,
                     struct server_grants *out, struct err *err)
{
    struct server_dir *dirs = arena_array(arena, struct server_dir, CLI_LIST_MAX);
    const char **env = (const char **)arena_array(arena, const char *, CLI_LIST_MAX);
    CHECK(dirs != NULL && env != NULL);
    *out = (struct server_grants){.dirs = dirs, .env = env, .dir_count = options->dirs.count};
    for (u32 i = 0; i < options->dirs.count; i++)
        if (!read_dir(options->dirs.items[i], arena, &dirs[i], err))
            return false;
    for (u32 i = 0; i < options->env.count; i++) {
        const char *variable = read_env(options->env.items[i], arena);
        if (variable != NULL)
            env[out->env_count++] = variable;
    }
    return true;
}
