#include "http/internal.h"
#include "base/check.h"
#include <string.h>

static const char *const methods[] = {
#define METHOD(name) [HTTP_##name] = #name,
#include "http/method.def"
#undef METHOD
};
static_assert(COUNT_OF(methods) == HTTP_METHOD_COUNT, "every method has a word");

const char *http_method_text(enum http_method method)
{
    return methods[method];
}

void http_parser_init(struct http_parser *p)
{
    /* The fields are written before they are counted: only what precedes them is cleared. */
    memset(&p->request, 0, offsetof(struct http_request, fields));
    memset((u8 *)p + offsetof(struct http_parser, head_len), 0,
           sizeof *p - offsetof(struct http_parser, head_len));
}

/* Reads the method at *at and the space behind it. */
static bool read_method(struct http_parser *p, const u8 *line, size_t len, size_t *at,
                        struct err *err)
{
    size_t end = 0;
    while (end < len && http_in_set(line[end], HTTP_SET_T))
        end++;
    if (end == 0 || end == len || line[end] != ' ')
        return err_set(err, ERR_HTTP_MALFORMED, end, "malformed method in the request line");
    *at = end + 1;
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        if (methods[i][0] != (char)line[0] || strlen(methods[i]) != end ||
            memcmp(methods[i], line, end) != 0)
            continue;
        p->request.method = (enum http_method)i;
        return true;
    }
    return err_set(err, ERR_HTTP_METHOD, 0, "unknown method %.*s", (int)min_u64(end, 32),
                   (const char *)line);
}

/* One past the last character of a path (or query) that starts at `at`; percent signs must be
 * followed by two digits. */
static size_t target_part_end(const u8 *line, size_t at, size_t end, bool is_query)
{
    while (at < end) {
        if (http_in_set(line[at], HTTP_SET_P) || (is_query && line[at] == '?'))
            at++;
        else if (line[at] == '%' && end - at > 2 && http_in_set(line[at + 1], HTTP_SET_X) &&
                 http_in_set(line[at + 2], HTTP_SET_X))
            at += 3;
        else
            break;
    }
    return at;
}

/* Skips "http://authority" of the absolute form. Returns `at` if it is none, or if it is wrong:
 * then no "/" stands there and the target is refused. spec: RFC 9112 section 3.2.2 */
static size_t skip_authority(const u8 *line, size_t at, size_t end)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < COUNT_OF(schemes); i++) {
        size_t len = strlen(schemes[i]);
        if (end - at < len ||
            !http_text_is((struct http_text){(const char *)line + at, len}, schemes[i]))
            continue;
        size_t from = at + len, to = from;
        while (to < end && line[to] != '/' && line[to] != '?')
            to++;
        struct http_text authority = {(const char *)line + from, to - from};
        return authority.len > 0 && http_host_valid(authority) ? to : at;
    }
    return at;
}

/* Reads the target in [at, end) of the line, which starts line_at bytes into the head. */
static bool read_target(struct http_parser *p, const u8 *line, size_t line_at, size_t at,
                        size_t end, struct err *err)
{
    struct http_request *r = &p->request;
    if (end - at == 1 && line[at] == '*' && r->method == HTTP_OPTIONS) {
        r->is_asterisk = true;
        return true;
    }
    size_t path = skip_authority(line, at, end);
    bool is_absolute = path > at;
    size_t path_end = target_part_end(line, path, end, false);
    bool has_path = path_end > path && line[path] == '/';
    if (!has_path && !(is_absolute && path_end == path))
        return err_set(err, ERR_HTTP_MALFORMED, line_at + at,
                       "the request target is no path and no http URL");
    r->path = (struct http_span){(u16)(line_at + path), (u16)(path_end - path)};
    size_t stop = path_end;
    if (stop < end && line[stop] == '?') {
        stop = target_part_end(line, path_end + 1, end, true);
        r->query = (struct http_span){(u16)(line_at + path_end + 1), (u16)(stop - path_end - 1)};
    }
    if (stop < end)
        return err_set(err, ERR_HTTP_MALFORMED, line_at + stop,
                       "a character that is not allowed in a request target");
    return true;
}

/* spec: RFC 9112 section 2.3 */
static bool read_version(struct http_parser *p, const u8 *text, size_t len, struct err *err)
{
    bool has_form = len == 8 && memcmp(text, "HTTP/", 5) == 0 && http_in_set(text[5], HTTP_SET_D) &&
                    text[6] == '.' && http_in_set(text[7], HTTP_SET_D);
    if (!has_form)
        return err_set(err, ERR_HTTP_MALFORMED, ERR_NO_AT,
                       "the request line does not end in an HTTP version");
    if (text[5] != '1' || text[7] > '1')
        return err_set(err, ERR_HTTP_VERSION, ERR_NO_AT, "version %.8s is not offered",
                       (const char *)text);
    p->request.minor = text[7] - '0';
    return true;
}

bool http_request_line_read(struct http_parser *p, const u8 *head, struct http_span span,
                            struct err *err)
{
    const u8 *line = head + span.at;
    size_t at = 0;
    if (!read_method(p, line, span.len, &at, err))
        return false;
    const u8 *space = memchr(line + at, ' ', span.len - at);
    if (space == NULL)
        return err_set(err, ERR_HTTP_MALFORMED, span.at, "the request line has no version");
    size_t end = (size_t)(space - line);
    return read_version(p, space + 1, span.len - end - 1, err) &&
           read_target(p, line, span.at, at, end, err);
}

/* Looks for the CRLF that ends the current line. Every byte is judged once: a line ends in CRLF,
 * and holds no other control character than HTAB. */
static enum http_result line_scan(struct http_parser *p, const u8 *bytes, size_t len,
                                  struct err *err)
{
    size_t at = p->scan_at + http_value_len(bytes + p->scan_at, len - p->scan_at);
    p->scan_at = at;
    if (at == len)
        return HTTP_MORE;
    if (bytes[at] != '\r') {
        err_set(err, ERR_HTTP_MALFORMED, at, "byte 0x%02x in the request head", bytes[at]);
        return HTTP_FAILED;
    }
    if (at + 1 == len)
        return HTTP_MORE;
    if (bytes[at + 1] != '\n') {
        err_set(err, ERR_HTTP_MALFORMED, at, "a CR without its LF in the request head");
        return HTTP_FAILED;
    }
    return HTTP_DONE;
}

/* The bytes the parser may look at: never more than the limits of head and request line allow, so
 * that the verdict does not depend on how much has arrived. */
static size_t scan_limit(const struct http_parser *p, size_t len)
{
    size_t limit = p->has_request_line ? HTTP_MAX_HEAD : p->line_at + HTTP_MAX_REQUEST_LINE + 2;
    return (size_t)min_u64(len, limit);
}

static bool over_limit(const struct http_parser *p, struct err *err)
{
    if (!p->has_request_line)
        return err_set(err, ERR_HTTP_URI, ERR_NO_AT, "more than %d bytes in the request line",
                       HTTP_MAX_REQUEST_LINE);
    return err_set(err, ERR_HTTP_HEAD, ERR_NO_AT, "more than %d bytes in the request head",
                   HTTP_MAX_HEAD);
}

/* Reads one complete line. *is_end: it was the empty line behind the fields. */
static bool line_read(struct http_parser *p, const u8 *bytes, struct http_span line, bool *is_end,
                      struct err *err)
{
    if (line.len == 0 && !p->has_request_line) {
        if (p->blank_lines == HTTP_MAX_BLANK_LINES)
            return err_set(err, ERR_HTTP_MALFORMED, line.at, "empty lines before the request");
        p->blank_lines += 1;
        return true;
    }
    if (line.len == 0) {
        *is_end = true;
        return http_fields_finish(p, err);
    }
    if (p->has_request_line)
        return http_field_line_read(p, bytes, line, err);
    p->has_request_line = true;
    return http_request_line_read(p, bytes, line, err);
}

static enum http_result fail(struct http_parser *p)
{
    p->failed = true;
    return HTTP_FAILED;
}

enum http_result http_head_parse(struct http_parser *p, const void *bytes, size_t len,
                                 struct err *err)
{
    CHECK(!p->failed && p->head_len == 0 && p->scan_at <= len);
    for (;;) {
        size_t seen = scan_limit(p, len);
        switch (line_scan(p, bytes, seen, err)) {
        case HTTP_MORE:
            if (seen == len)
                return HTTP_MORE;
            over_limit(p, err);
            return fail(p);
        case HTTP_DONE: break;
        case HTTP_DATA:
        case HTTP_FAILED:
        default: return fail(p);
        }
        struct http_span line = {(u16)p->line_at, (u16)(p->scan_at - p->line_at)};
        bool is_end = false;
        if (!line_read(p, bytes, line, &is_end, err))
            return fail(p);
        p->scan_at += 2;
        p->line_at = p->scan_at;
        if (is_end) {
            p->head_len = p->scan_at;
            return HTTP_DONE;
        }
    }
}
