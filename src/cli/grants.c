/*
 * cli/grants.c -- what --dir and --env say.
 */
#include "cli/internal.h"
#include "base/check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "HOST::GUEST", or one path for both. */
static bool read_dir(const struct config_text *said, struct arena *arena, struct server_dir *out,
                     struct err *err)
{
    const char *text = said->text;
    const char *colons = strstr(text, "::");
    size_t host_len = colons == NULL ? strlen(text) : (size_t)(colons - text);
    out->host = arena_text(arena, text, host_len);
    out->guest = colons == NULL ? text : colons + 2;
    out->said = *said;
    if (host_len > 0 && out->guest[0] != 0)
        return true;
    err_set(err, ERR_USAGE, ERR_NO_AT, "%s takes HOST::GUEST, not \"%s\"", said->key, text);
    return config_fail_at(said->at, err);
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

bool cli_grants_read(const struct cli_options *options, const struct config *config,
                     struct arena *arena, struct server_grants *out, struct err *err)
{
    struct config_texts none = {NULL, 0};
    const struct config_texts *own_dirs = config == NULL ? &none : &config->dirs;
    const struct config_texts *own_env = config == NULL ? &none : &config->env;
    u32 dir_count = own_dirs->count + options->dirs.count;
    u32 env_count = own_env->count + options->env.count;
    struct server_dir *dirs = arena_array(arena, struct server_dir, dir_count + 1);
    const char **env = (const char **)arena_array(arena, const char *, env_count + 1);
    CHECK_MEMORY(dirs != NULL && env != NULL);
    *out = (struct server_grants){.dirs = dirs, .env = env};
    for (u32 i = 0; i < dir_count; i++) {
        struct config_text said = {.key = "--dir"};
        if (i < own_dirs->count)
            said = own_dirs->items[i];
        else
            said.text = options->dirs.items[i - own_dirs->count];
        if (!read_dir(&said, arena, &dirs[i], err))
            return false;
        out->dir_count++;
    }
    for (u32 i = 0; i < own_env->count; i++)
        env[out->env_count++] = own_env->items[i].text;
    for (u32 i = 0; i < options->env.count; i++) {
        const char *variable = read_env(options->env.items[i], arena);
        if (variable != NULL)
            env[out->env_count++] = variable;
    }
    return true;
}
