/*
 * typed/path.c -- messages that say where in a value something is wrong.
 */
#include "typed/internal.h"
#include <stdio.h>

static void write_path(const struct typed_path *path, struct buf *out)
{
    for (u32 i = 0; i < path->depth; i++) {
        struct rt_text name = path->steps[i].name;
        if (name.len == 0) {
            buf_add_format(out, "[%llu]", (unsigned long long)path->steps[i].index);
            continue;
        }
        buf_add_text(out, i == 0 ? "" : ".");
        buf_add(out, name.bytes, name.len);
    }
}

bool typed_path_fail(const struct typed_path *path, struct err *err, enum err_code code, u64 at,
                     const char *format, va_list args)
{
    char text[ERR_TEXT_MAX];
    struct buf where;
    vsnprintf(text, sizeof text, format, args);
    buf_init(&where, ERR_TEXT_MAX);
    write_path(path, &where);
    err_set(err, code, at, "%.*s%s", (int)where.len, where.bytes, text);
    buf_fini(&where);
    return false;
}
