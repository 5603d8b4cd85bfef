#include "base/err.h"
#include "base/text.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct err_info {
    const char *code;
    int http, exit;
};

static const struct err_info infos[] = {
#define ERR(name, code, http, exit, meaning) [ERR_##name] = {code, http, exit},
#include "base/err.def"
#undef ERR
};
static_assert(COUNT_OF(infos) == ERR_COUNT, "every error has a row");

static bool set_formatted(struct err *err, enum err_code code, u64 at, const char *format,
                          va_list args, const char *suffix)
{
    if (err == NULL || err->code != ERR_NONE)
        return false;
    err->code = code;
    err->at = at;
    int len = vsnprintf(err->text, sizeof err->text, format, args);
    if (suffix != NULL && len >= 0 && (size_t)len < sizeof err->text)
        snprintf(err->text + len, sizeof err->text - (size_t)len, ": %s", suffix);
    text_make_plain(err->text, strlen(err->text));
    return false;
}

bool err_set(struct err *err, enum err_code code, u64 at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set_formatted(err, code, at, format, args, NULL);
    va_end(args);
    return false;
}

bool err_sys(struct err *err, const char *format, ...)
{
    const char *reason = strerror(errno);
    va_list args;
    va_start(args, format);
    set_formatted(err, ERR_SYSTEM, ERR_NO_AT, format, args, reason);
    va_end(args);
    return false;
}

bool err_context(struct err *err, const char *format, ...)
{
    if (err == NULL)
        return false;
    char context[ERR_TEXT_MAX / 2];
    va_list args;
    va_start(args, format);
    vsnprintf(context, sizeof context, format, args);
    va_end(args);
    size_t len = strlen(context);
    size_t keep = (size_t)min_u64(strlen(err->text), sizeof err->text - len - 3);
    memmove(err->text + len + 2, err->text, keep);
    err->text[len + 2 + keep] = 0;
    memcpy(err->text, context, len);
    memcpy(err->text + len, ": ", 2);
    text_make_plain(err->text, strlen(err->text));
    return false;
}

const char *err_code_text(enum err_code code)
{
    return infos[code].code;
}

int err_code_http(enum err_code code)
{
    return infos[code].http;
}

int err_code_exit(enum err_code code)
{
    return infos[code].exit;
}

enum err_code err_code_from_text(const char *text)
{
    for (size_t i = 0; i < COUNT_OF(infos); i++)
        if (strcmp(infos[i].code, text) == 0)
            return (enum err_code)i;
    return ERR_INTERNAL;
}
