#include "server/worker.h"
#include "base/text.h"
#include "base/check.h"
#include <stdio.h>
#include <string.h>

struct limit_info {
    const char *option;
    u64 scale, value, max;
    size_t offset;
};

static const struct limit_info infos[] = {
#define LIMIT(field, option, scale, value, max, commands, text)                                    \
    {option, scale, value, max, offsetof(struct server_limits, field)},
#include "server/limits.def"
#undef LIMIT
};

static_assert(COUNT_OF(infos) == SERVER_LIMITS, "every limit has a row");

static u64 *field_of(struct server_limits *limits, const struct limit_info *info)
{
    return (u64 *)(void *)((u8 *)limits + info->offset);
}

struct server_limits server_limits_default(void)
{
    struct server_limits limits;
    for (size_t i = 0; i < COUNT_OF(infos); i++)
        *field_of(&limits, &infos[i]) = infos[i].value * infos[i].scale;
    return limits;
}

bool server_limits_set(struct server_limits *limits, const char *option, const char *text,
                       struct err *err)
{
    for (size_t i = 0; i < COUNT_OF(infos); i++) {
        u64 value;
        if (strcmp(infos[i].option, option) != 0)
            continue;
        if (!text_whole_number(text, infos[i].max, &value))
            return err_set(err, ERR_USAGE, ERR_NO_AT,
                           "--%s takes a whole number from 1 to %llu, not \"%s\"", option,
                           (unsigned long long)infos[i].max, text);
        *field_of(limits, &infos[i]) = value * infos[i].scale;
        return true;
    }
    return err_set(err, ERR_USAGE, ERR_NO_AT, "there is no limit --%s", option);
}

void server_limits_write(const struct server_limits *limits, u32 index, char *out, size_t len)
{
    CHECK(index < COUNT_OF(infos));
    const struct limit_info *info = &infos[index];
    u64 value = *(const u64 *)(const void *)((const u8 *)limits + info->offset);
    snprintf(out, len, "%s=%llu", info->option, (unsigned long long)(value / info->scale));
}
