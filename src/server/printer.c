/*
 * server/printer.c -- what guests print becomes lines of the log: the standard error of programs,
 * and all that functions write to their standard streams.
 */
#include "base/check.h"
#include "server/internal.h"
#include <stdlib.h>
#include <string.h>

/* ---- a stream ---- */

static void say(struct server_printer *printer)
{
    if (printer->line.len > 0)
        server_log_add_text(printer->log, printer->request, (const char *)printer->line.bytes,
                            printer->line.len);
    buf_clear(&printer->line);
}

static enum wasi_errno printer_write(struct wasi_stream *stream, const void *bytes, size_t len,
                                     size_t *done)
{
    struct server_printer *printer = CONTAINER_OF(stream, struct server_printer, stream);
    const u8 *text = bytes;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n' || printer->line.len == SERVER_LOG_TEXT_MAX)
            say(printer);
        if (text[i] != '\n')
            buf_add_byte(&printer->line, text[i]);
    }
    *done = len;
    return WASI_SUCCESS;
}

static bool printer_is_ready(struct wasi_stream *stream, enum wasi_direction direction)
{
    (void)stream;
    (void)direction;
    return true;
}

static const struct wasi_stream_ops printer_ops = {.write = printer_write,
                                                   .is_ready = printer_is_ready};

void server_printer_init(struct server_printer *printer, struct server_log *log,
                         const char *request)
{
    *printer = (struct server_printer){.stream.ops = &printer_ops, .log = log, .request = request};
    buf_init(&printer->line, SERVER_LOG_TEXT_MAX);
}

void server_printer_fini(struct server_printer *printer)
{
    say(printer);
    buf_fini(&printer->line);
}

/* ---- those of a function ---- */

struct server_voice {
    struct wasi_guest *guest;
    struct server_printer out, error;
};

bool server_voice_create(struct server_voice **out, struct server_log *log, const char *request,
                         struct err *err)
{
    struct server_voice *voice = calloc(1, sizeof *voice);
    if (voice == NULL)
        return err_set(err, ERR_LIMIT, ERR_NO_AT, "no memory for a call");
    server_printer_init(&voice->out, log, request);
    server_printer_init(&voice->error, log, request);
    if (!wasi_guest_create(&voice->guest, NULL, err) ||
        !wasi_guest_add_stream(voice->guest, 1, &voice->out.stream, err) ||
        !wasi_guest_add_stream(voice->guest, 2, &voice->error.stream, err)) {
        server_voice_destroy(&voice);
        return false;
    }
    *out = voice;
    return true;
}

void server_voice_destroy(struct server_voice **at)
{
    struct server_voice *voice = *at;
    *at = NULL;
    if (voice == NULL)
        return;
    wasi_guest_destroy(&voice->guest);
    server_printer_fini(&voice->out);
    server_printer_fini(&voice->error);
    free(voice);
}

struct wasi_guest *server_voice_guest(const struct server_voice *voice)
{
    return voice->guest;
}

bool server_module_prints(const struct rt_module *module)
{
    static const char name[] = "fd_write";
    for (u32 i = 0; i < rt_module_import_count(module); i++) {
        struct rt_import_info import;
        rt_module_import_describe(module, i, &import);
        if (import.kind == RT_EXTERN_FUNC && import.module.len > 5 &&
            memcmp(import.module.bytes, "wasi_", 5) == 0 && import.field.len == sizeof name - 1 &&
            memcmp(import.field.bytes, name, sizeof name - 1) == 0)
            return true;
    }
    return false;
}
