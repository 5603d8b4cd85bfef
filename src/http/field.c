#include "http/internal.h"
#include <string.h>

/* One rule per field that the message itself depends on; every other field is only checked for
 * form and kept. */
typedef bool field_rule(struct http_parser *p, struct http_text value, struct err *err);

static bool is_digits(struct http_text text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!http_in_set((u8)text.bytes[i], HTTP_SET_D))
            return false;
    return text.len > 0;
}

/* The characters between the brackets are only bounded, not parsed: the server does not connect to
 * the address. spec: RFC 3986 section 3.2.2 */
static size_t ip_literal_len(struct http_text host)
{
    if (host.len == 0 || host.bytes[0] != '[')
        return 0;
    for (size_t i = 1; i < host.len; i++) {
        u8 c = (u8)host.bytes[i];
        if (c == ']')
            return i > 1 ? i + 1 : 0;
        if (!http_in_set(c, HTTP_SET_H) && c != ':')
            return 0;
    }
    return 0;
}

static size_t reg_name_len(struct http_text host)
{
    size_t at = 0;
    while (at < host.len) {
        const u8 *c = (const u8 *)host.bytes + at;
        if (http_in_set(*c, HTTP_SET_H))
            at++;
        else if (*c == '%' && host.len - at > 2 && http_in_set(c[1], HTTP_SET_X) &&
                 http_in_set(c[2], HTTP_SET_X))
            at += 3;
        else
            break;
    }
    return at;
}

bool http_host_valid(struct http_text host)
{
    size_t at = ip_literal_len(host);
    if (at == 0)
        at = reg_name_len(host);
    if (at == host.len)
        return true;
    struct http_text port = {host.bytes + at + 1, host.len - at - 1};
    return host.bytes[at] == ':' && (port.len == 0 || is_digits(port)) && port.len <= 5;
}

static bool rule_host(struct http_parser *p, struct http_text value, struct err *err)
{
    if (++p->host_count > 1)
        return err_set(err, ERR_HTTP_MALFORMED, ERR_NO_AT, "more than one Host field");
    if (!http_host_valid(value))
        return err_set(err, ERR_HTTP_MALFORMED, ERR_NO_AT, "malformed Host field");
    return true;
}

bool http_number_read(struct http_text text, u64 *out)
{
    u64 number = 0;
    for (size_t i = 0; i < text.len; i++) {
        u64 digit = (u64)(text.bytes[i] - '0');
        if (!http_in_set((u8)text.bytes[i], HTTP_SET_D) ||
            __builtin_mul_overflow(number, 10u, &number) ||
            __builtin_add_overflow(number, digit, &number))
            return false;
    }
    *out = number;
    return text.len > 0;
}

static bool rule_content_length(struct http_parser *p, struct http_text value, struct err *err)
{
    if (p->request.has_length)
        return err_set(err, ERR_HTTP_MALFORMED, ERR_NO_AT, "more than one Content-Length field");
    if (!http_number_read(value, &p->request.content_length))
        return err_set(err, ERR_HTTP_MALFORMED, ERR_NO_AT,
                       is_digits(value) ? "Content-Length is too large"
                                        : "Content-Length is not a number");
    p->request.has_length = true;
    return true;
}

/* chunked must be the last coding, and named once. spec: RFC 9112 section 6.1 */
static bool rule_transfer_encoding(struct http_parser *p, struct http_text value, struct err *err)
{
    struct http_text coding;
    p->has_transfer_coding = true;
    while (http_list_next(&value, &coding)) {
        if (coding.len == 0)
            return err_set(err, ERR_HTTP_MALFORMED, ERR_NO_AT, "an empty transfer coding");
        if (p->ends_chunked)
            return err_set(err, ERR_HTTP_MALFORMED, ERR_NO_AT, "a transfer coding behind chunked");
        if (http_text_is(coding, "chunked"))
            p->ends_chunked = true;
        else
            p->has_other_coding = true;
    }
    return true;
}

static bool rule_connection(struct http_parser *p, struct http_text value, struct err *err)
{
    struct http_text option;
    while (http_list_next(&value, &option)) {
        for (size_t i = 0; i < option.len; i++)
            if (!http_in_set((u8)option.bytes[i], HTTP_SET_T))
                return err_set(err, ERR_HTTP_MALFORMED, ERR_NO_AT, "malformed Connection field");
        p->says_close |= http_text_is(option, "close");
        p->says_keep_alive |= http_text_is(option, "keep-alive");
    }
    return true;
}

static bool rule_expect(struct http_parser *p, struct http_text value, struct err *err)
{
    if (!http_text_is(value, "100-continue"))
        return err_set(err, ERR_HTTP_EXPECT, ERR_NO_AT, "an expectation other than 100-continue");
    p->request.expects_continue = true;
    return true;
}

static const struct {
    const char *name;
    size_t name_len;
    field_rule *rule; /* or NULL */
} known[] = {
#define FIELD(name, text, rule) [HTTP_FIELD_##name] = {text, sizeof text - 1, rule},
#include "http/field.def"
#undef FIELD
};
static_assert(HTTP_MAX_FIELDS <= UINT8_MAX, "a field's number fits request.known");

/* Takes note of the field that was read last, if it is a known one. */
static bool note_field(struct http_parser *p, struct http_text name, struct http_text value,
                       struct err *err)
{
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (!http_text_equals(name, known[i].name, known[i].name_len))
            continue;
        if (p->request.known[i] == 0)
            p->request.known[i] = (u8)p->request.field_count;
        return known[i].rule == NULL || known[i].rule(p, value, err);
    }
    return true;
}

/* spec: RFC 9112 section 5; a line that starts with whitespace (folding) has no token there */
bool http_field_line_read(struct http_parser *p, const u8 *head, struct http_span line,
                          struct err *err)
{
    const u8 *bytes = head + line.at;
    size_t name_len = 0;
    while (name_len < line.len && http_in_set(bytes[name_len], HTTP_SET_T))
        name_len++;
    if (name_len == 0 || name_len == line.len || bytes[name_len] != ':')
        return err_set(err, ERR_HTTP_MALFORMED, line.at + name_len, "malformed header field name");
    if (p->request.field_count == HTTP_MAX_FIELDS)
        return err_set(err, ERR_HTTP_HEAD, line.at, "more than %d header fields", HTTP_MAX_FIELDS);
    const char *text = (const char *)bytes;
    struct http_text value = http_text_trim(text + name_len + 1, text + line.len);
    struct http_field *field = &p->request.fields[p->request.field_count++];
    field->name = (struct http_span){line.at, (u16)name_len};
    field->value = (struct http_span){(u16)(line.at + (value.bytes - text)), (u16)value.len};
    return note_field(p, http_span_text(head, field->name), value, err);
}

bool http_fields_finish(struct http_parser *p, struct err *err)
{
    struct http_request *r = &p->request;
    if (r->minor == 1 && p->host_count == 0)
        return err_set(err, ERR_HTTP_MALFORMED, ERR_NO_AT, "no Host field");
    if (p->has_transfer_coding) {
        if (r->minor == 0)
            return err_set(err, ERR_HTTP_MALFORMED, ERR_NO_AT, "Transfer-Encoding in HTTP/1.0");
        if (r->has_length)
            return err_set(err, ERR_HTTP_MALFORMED, ERR_NO_AT,
                           "both Content-Length and Transfer-Encoding");
        if (!p->ends_chunked)
            return err_set(err, ERR_HTTP_MALFORMED, ERR_NO_AT,
                           "the last transfer coding is not chunked");
        if (p->has_other_coding)
            return err_set(err, ERR_HTTP_CODING, ERR_NO_AT, "a transfer coding other than chunked");
        r->is_chunked = true;
    }
    r->keep_alive = !p->says_close && (r->minor == 1 || p->says_keep_alive);
    r->expects_continue &= r->minor == 1 && (r->is_chunked || r->content_length > 0);
    return true;
}

struct http_text http_request_field(const struct http_request *request, const void *head,
                                    enum http_known_field field)
{
    u8 number = request->known[field];
    return number == 0 ? (struct http_text){NULL, 0}
                       : http_span_text(head, request->fields[number - 1].value);
}
