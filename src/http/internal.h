/*
 * http/internal.h -- character sets shared by the parser's files.
 */
#pragma once
#include "http/http.h"
#include <string.h>

enum http_set {
    HTTP_SET_T = 1,
    HTTP_SET_V = 2,
    HTTP_SET_P = 4,
    HTTP_SET_H = 8,
    HTTP_SET_D = 16,
    HTTP_SET_X = 32,
};

extern const u8 http_char_sets[256];

static inline bool http_in_set(u8 c, enum http_set set)
{
    return (http_char_sets[c] & set) != 0;
}

static inline u8 http_lower(u8 c)
{
    return c >= 'A' && c <= 'Z' ? (u8)(c | 0x20) : c;
}

/* Value of a hexadecimal digit. */
static inline u8 http_hex(u8 c)
{
    return c <= '9' ? (u8)(c - '0') : (u8)(http_lower(c) - 'a' + 10);
}

/* How many of the first bytes may stand in a line of a head: HTTP_SET_V. */
size_t http_value_len(const u8 *bytes, size_t len);

/* [from, to) without spaces and tabs at its ends. spec: RFC 9110 section 5.6.3, OWS */
struct http_text http_text_trim(const char *from, const char *to);

/* All of text as a decimal number. False: it is none, or too large. */
MUST_CHECK bool http_number_read(struct http_text text, u64 *out);

/* Is it the name, which is in lower case, without regard to case? */
bool http_text_equals(struct http_text text, const char *name, size_t name_len);
static inline bool http_text_is(struct http_text text, const char *name)
{
    return http_text_equals(text, name, strlen(name));
}

/* Takes the next member off a comma-separated list, without whitespace around it; an empty member
 * has length 0. False at the end of the list. spec: RFC 9110 section 5.6.1 */
bool http_list_next(struct http_text *list, struct http_text *member);

/* Reads one request line or field line [at, at + len) of head, without its CRLF. */
MUST_CHECK bool http_request_line_read(struct http_parser *p, const u8 *head, struct http_span line,
                                       struct err *err);
MUST_CHECK bool http_field_line_read(struct http_parser *p, const u8 *head, struct http_span line,
                                     struct err *err);

/* What can only be judged once all fields are known: Host, framing, keep-alive. */
MUST_CHECK bool http_fields_finish(struct http_parser *p, struct err *err);

/* True for host [":" port], the form of a Host field and of an authority without user. */
bool http_host_valid(struct http_text host);
