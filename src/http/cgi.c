/*
 * http/cgi.c -- the head that a program writes in front of its output, if it writes one.
 * spec: RFC 3875 section 6; fields as in RFC 9110 section 5
 */
#include "http/internal.h"
#include <string.h>

/* A head begins with one of these fields; other output is a body. */
static const char *const first_names[] = {"status", "content-type", "location"};

/* Fields that belong to this connection: a program that names them is refused. */
static const char *const forbidden_names[] = {
    "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
};

/* Fields that the server writes itself: the program's are left out. */
static const char *const own_names[] = {"status", "content-length", "date", "weir-request-id",
                                        "weir-fallback"};

enum guess { GUESS_HEAD, GUESS_BODY, GUESS_UNKNOWN };

static bool is_one_of(struct http_text name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (http_text_is(name, names[i]))
            return true;
    return false;
}

/* Does the output begin with "NAME:"? */
static enum guess guess_name(const u8 *bytes, size_t len, const char *name)
{
    size_t name_len = strlen(name);
    for (size_t i = 0; i < name_len && i < len; i++)
        if (http_lower(bytes[i]) != (u8)name[i])
            return GUESS_BODY;
    if (len <= name_len)
        return GUESS_UNKNOWN;
    return bytes[name_len] == ':' ? GUESS_HEAD : GUESS_BODY;
}

static enum guess guess_first(const u8 *bytes, size_t len)
{
    enum guess best = GUESS_BODY;
    for (size_t i = 0; i < COUNT_OF(first_names); i++) {
        enum guess guess = guess_name(bytes, len, first_names[i]);
        if (guess == GUESS_HEAD)
            return GUESS_HEAD;
        if (guess == GUESS_UNKNOWN)
            best = GUESS_UNKNOWN;
    }
    return best;
}

/* The line at `at`, without its end (LF or CRLF); *next: behind it. False: it has not ended. */
static bool take_line(const u8 *bytes, size_t len, size_t at, struct http_span *line, size_t *next)
{
    const u8 *end = memchr(bytes + at, '\n', len - at);
    if (end == NULL)
        return false;
    size_t line_len = (size_t)(end - bytes) - at;
    *next = at + line_len + 1;
    if (line_len > 0 && bytes[at + line_len - 1] == '\r')
        line_len--;
    *line = (struct http_span){(u16)at, (u16)line_len};
    return true;
}

/* Length of the head with the empty line that ends it; 0: it has no end within len. */
static size_t find_head_len(const u8 *bytes, size_t len)
{
    struct http_span line;
    for (size_t at = 0, next; take_line(bytes, len, at, &line, &next); at = next)
        if (line.len == 0)
            return next;
    return 0;
}

static bool read_status(struct http_cgi *cgi, struct http_text value, struct err *err)
{
    bool has_digits = value.len >= 3 && (value.len == 3 || value.bytes[3] == ' ');
    int status = 0;
    for (size_t i = 0; has_digits && i < 3; i++) {
        has_digits = http_in_set((u8)value.bytes[i], HTTP_SET_D);
        status = status * 10 + (value.bytes[i] - '0');
    }
    if (cgi->status != 0 || !has_digits || status < 200 || status > 599)
        return err_set(
            err, ERR_RESPONSE, ERR_NO_AT,
            "the program wrote a Status field that is no status from 200 to 599, or two");
    cgi->status = status;
    return true;
}

static bool read_length(struct http_cgi *cgi, struct http_text value, struct err *err)
{
    if (cgi->has_length || !http_number_read(value, &cgi->content_length))
        return err_set(err, ERR_RESPONSE, ERR_NO_AT,
                       "the program wrote a Content-Length that is no number, or two");
    cgi->has_length = true;
    return true;
}

static bool take_field(struct http_cgi *cgi, const u8 *head, struct http_field field,
                       struct err *err)
{
    struct http_text name = http_span_text(head, field.name);
    struct http_text value = http_span_text(head, field.value);
    if (is_one_of(name, forbidden_names, COUNT_OF(forbidden_names)))
        return err_set(err, ERR_RESPONSE, ERR_NO_AT,
                       "the program wrote a %.*s field, which is the server's affair",
                       (int)name.len, name.bytes);
    if (http_text_is(name, "status"))
        return read_status(cgi, value, err);
    if (http_text_is(name, "content-length"))
        return read_length(cgi, value, err);
    if (is_one_of(name, own_names, COUNT_OF(own_names)))
        return true;
    if (cgi->field_count == HTTP_MAX_FIELDS)
        return err_set(err, ERR_RESPONSE, ERR_NO_AT, "the program wrote more than %d header fields",
                       HTTP_MAX_FIELDS);
    cgi->has_location |= http_text_is(name, "location");
    cgi->fields[cgi->field_count++] = field;
    return true;
}

/* "NAME: VALUE" within the line; nothing that would end it, or be read as two. */
static bool read_line(const u8 *head, struct http_span line, struct http_field *field,
                      struct err *err)
{
    const u8 *bytes = head + line.at;
    size_t name_len = 0;
    while (name_len < line.len && http_in_set(bytes[name_len], HTTP_SET_T))
        name_len++;
    bool is_good = name_len > 0 && name_len < line.len && bytes[name_len] == ':';
    for (size_t i = name_len + 1; is_good && i < line.len; i++)
        is_good = http_in_set(bytes[i], HTTP_SET_V);
    if (!is_good)
        return err_set(err, ERR_RESPONSE, line.at, "the program wrote a malformed header field");
    const char *text = (const char *)bytes;
    struct http_text value = http_text_trim(text + name_len + 1, text + line.len);
    field->name = (struct http_span){line.at, (u16)name_len};
    field->value = (struct http_span){(u16)(line.at + (value.bytes - text)), (u16)value.len};
    return true;
}

static bool read_head(struct http_cgi *cgi, const u8 *head, struct err *err)
{
    struct http_span line;
    for (size_t at = 0, next; take_line(head, cgi->head_len, at, &line, &next); at = next) {
        struct http_field field = {0};
        if (line.len == 0)
            break;
        if (!read_line(head, line, &field, err) || !take_field(cgi, head, field, err))
            return false;
    }
    if (cgi->status == 0)
        cgi->status = cgi->has_location ? 302 : 200;
    return true;
}

enum http_result http_cgi_parse(struct http_cgi *cgi, const void *bytes, size_t len, bool has_ended,
                                struct err *err)
{
    static_assert(HTTP_MAX_PROGRAM_HEAD <= UINT16_MAX, "offsets of the head fit a span");
    cgi->status = 0;
    cgi->head_len = 0;
    cgi->content_length = 0;
    cgi->field_count = 0;
    cgi->has_length = cgi->has_location = false;
    enum guess guess = guess_first(bytes, len);
    if (guess == GUESS_HEAD)
        cgi->head_len = find_head_len(bytes, (size_t)min_u64(len, HTTP_MAX_PROGRAM_HEAD));
    if (cgi->head_len > 0)
        return read_head(cgi, bytes, err) ? HTTP_DONE : HTTP_FAILED;
    if (guess != GUESS_BODY && !has_ended && len < HTTP_MAX_PROGRAM_HEAD)
        return HTTP_MORE;
    cgi->status = 200; /* all of it is the body */
    return HTTP_DONE;
}
