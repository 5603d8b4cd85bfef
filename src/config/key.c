#include "base/check.h"
#include "base/text.h"
#include "config/internal.h"
#include <stdio.h>
#include <string.h>

#define STRUCT_TOP    struct config
#define STRUCT_MODULE struct config_module
#define STRUCT_ROUTE  struct config_route

const struct config_row config_rows[] = {
#define NUMBER(field, where, key, option, unit, value, max, commands, text)                        \
    {CONFIG_##where, key, option, CONFIG_##unit, true, offsetof(struct config_limits, field),      \
     value,          max, NULL,   text},
#define OTHER(field, where, key, shape, example, text)                                             \
    {CONFIG_##where, key, NULL, CONFIG_##shape, false, offsetof(STRUCT_##where, field), 0, 256,    \
     example,        text},
#include "config/key.def"
#undef NUMBER
#undef OTHER
};
const u32 config_row_count = COUNT_OF(config_rows);

u64 config_scale(enum config_shape shape)
{
    static const u64 scales[] = {
        [CONFIG_MS] = 1000000, [CONFIG_KIB] = KIB, [CONFIG_MIB] = MIB, [CONFIG_COUNT] = 1};
    CHECK(shape <= CONFIG_COUNT);
    return scales[shape];
}

struct config_limits config_limits_default(void)
{
    struct config_limits limits = {0};
    for (u32 i = 0; i < config_row_count; i++)
        if (config_rows[i].is_number)
            *config_number_at(&limits, &config_rows[i]) =
                config_rows[i].value * config_scale(config_rows[i].shape);
    return limits;
}

bool config_limits_set(struct config_limits *limits, const char *option, const char *text,
                       struct err *err)
{
    for (u32 i = 0; i < config_row_count; i++) {
        const struct config_row *row = &config_rows[i];
        u64 value;
        if (!row->is_number || strcmp(row->option, option) != 0)
            continue;
        if (!text_whole_number(text, row->max, &value))
            return err_set(err, ERR_USAGE, ERR_NO_AT,
                           "--%s takes a whole number from 1 to %llu, not \"%s\"", option,
                           (unsigned long long)row->max, text);
        *config_number_at(limits, row) = value * config_scale(row->shape);
        return true;
    }
    return err_set(err, ERR_USAGE, ERR_NO_AT, "there is no limit --%s", option);
}

void config_limits_override(struct config_limits *limits, const struct config_limits *given)
{
    struct config_limits said = *given;
    for (u32 i = 0; i < config_row_count; i++) {
        const struct config_row *row = &config_rows[i];
        if (row->is_number && *config_number_at(&said, row) != 0)
            *config_number_at(limits, row) = *config_number_at(&said, row);
    }
}

void config_limits_join(struct config_limits *limits, const struct config_limits *said,
                        bool is_first)
{
    limits->cpu_ns = is_first ? said->cpu_ns : max_u64(limits->cpu_ns, said->cpu_ns);
    limits->wall_ns = is_first ? said->wall_ns : max_u64(limits->wall_ns, said->wall_ns);
    limits->memory_bytes =
        is_first ? said->memory_bytes : min_u64(limits->memory_bytes, said->memory_bytes);
}

bool config_route_has(const struct config_route *route, enum config_fallback_kind kind)
{
    for (u32 i = 0; i < route->fallback_count; i++)
        if (route->fallbacks[i].kind == kind)
            return true;
    return false;
}

bool config_fail_at(const char *at, struct err *err)
{
    return at == NULL ? false : err_context(err, "%s", at);
}

const char *config_fallback_text(enum config_fallback_kind kind)
{
    static const char *const texts[] = {[CONFIG_FALLBACK_PREVIOUS] = "previous",
                                        [CONFIG_FALLBACK_ROUTE] = "route",
                                        [CONFIG_FALLBACK_STALE] = "stale",
                                        [CONFIG_FALLBACK_STATIC] = "static"};
    return texts[kind];
}

u32 config_key_count(void)
{
    return config_row_count;
}

struct config_key config_key_describe(u32 index)
{
    static const char *const sections[] = {[CONFIG_TOP] = "",
                                           [CONFIG_MODULE] = "modules.NAME",
                                           [CONFIG_ROUTE] = "routes.NAME",
                                           [CONFIG_LIMIT] = "routes.NAME"};
    CHECK(index < config_row_count);
    const struct config_row *row = &config_rows[index];
    struct config_key key = {.key = row->key, .text = row->text, .is_default = row->is_number};
    key.is_shared = row->is_number && row->where != CONFIG_TOP;
    key.is_reached = row->where == CONFIG_LIMIT;
    key.section = sections[row->where];
    if (row->is_number)
        config_value_write(row->value, row->shape, key.value, sizeof key.value);
    else
        snprintf(key.value, sizeof key.value, "%s", row->value_text);
    return key;
}
