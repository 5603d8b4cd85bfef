/*
 * http/http.h -- HTTP/1.1 on buffers: a strict request parser and a response writer. No sockets,
 * no allocation: the parser works on bytes the caller holds and keeps its state in itself.
 *
 * Spec:     RFC 9110 (semantics), RFC 9112 (HTTP/1.1 messages). HTTP/1.0 requests are accepted.
 * Strict:   where the RFCs let a recipient be lenient, this one refuses: bare CR or LF, folded
 *           lines, whitespace before a colon, Content-Length beside Transfer-Encoding or twice,
 *           codings other than chunked, a missing or second Host, bytes outside the grammar.
 * Splits:   the outcome depends on the bytes alone, never on how they arrived in pieces.
 * Use:      http_parser_init; http_head_parse until HTTP_DONE; http_body_begin; http_body_parse
 *           until HTTP_DONE; init again for the next request on the connection. A parser that
 *           said HTTP_FAILED must be initialised before it is used again, and the connection
 *           it read cannot carry another request.
 */
#pragma once
#include "base/buf.h"
#include "base/err.h"

enum {
#define LIMIT(name, value, what) HTTP_MAX_##name = (value),
#include "http/limits.def"
#undef LIMIT
};

enum http_method {
#define METHOD(name) HTTP_##name,
#include "http/method.def"
#undef METHOD
    HTTP_METHOD_COUNT
};

/* The word on the wire. */
const char *http_method_text(enum http_method method);

/* A text view, not zero-terminated. */
struct http_text {
    const char *bytes;
    size_t len;
};

/* A piece of the head, by offset: the head may move while it grows. */
struct http_span {
    u16 at, len;
};
static_assert(HTTP_MAX_HEAD <= UINT16_MAX, "offsets of the head fit a span");

struct http_field {
    struct http_span name, value; /* value without surrounding whitespace */
};

/* Fields that the server itself looks at. */
enum http_known_field {
#define FIELD(name, text, rule) HTTP_FIELD_##name,
#include "http/field.def"
#undef FIELD
    HTTP_FIELD_COUNT
};

struct http_request {
    enum http_method method;
    int minor;                    /* 0 or 1: HTTP/1.minor */
    struct http_span path, query; /* as sent, percent-encoded; query without "?" */
    bool is_asterisk;             /* OPTIONS *; path is empty then */
    bool keep_alive;              /* the client would send another request */
    bool expects_continue;        /* it waits for 100 Continue before sending its body */
    bool has_length, is_chunked;  /* at most one of them; none: no body */
    u64 content_length;
    u8 known[HTTP_FIELD_COUNT]; /* number of the first such field, from 1; 0: there is none */
    u32 field_count;
    struct http_field fields[HTTP_MAX_FIELDS];
};

/* View of a piece of the head: head is the first byte ever given to http_head_parse. */
static inline struct http_text http_span_text(const void *head, struct http_span span)
{
    return (struct http_text){(const char *)head + span.at, span.len};
}

/* The value of the first such field, NULL and 0 if there is none. */
struct http_text http_request_field(const struct http_request *request, const void *head,
                                    enum http_known_field field);

/* True if the comma-separated list has this member (lower case), parameters after ";" ignored. */
bool http_list_has(struct http_text list, const char *member);

enum http_result {
    HTTP_MORE,  /* all bytes were fine; the next ones are needed */
    HTTP_DATA,  /* body only: a piece of the body was found */
    HTTP_DONE,  /* the head, or the body, has ended */
    HTTP_FAILED /* err says why */
};

struct http_parser {
    struct http_request request; /* complete once http_head_parse said HTTP_DONE */
    size_t head_len;             /* bytes of the head, empty lines before it included */
    /* private from here on */
    size_t line_at, scan_at; /* start of the current line; next byte to look at */
    bool has_request_line, failed;
    u32 blank_lines, host_count;
    bool has_transfer_coding, ends_chunked, has_other_coding;
    bool says_close, says_keep_alive;
    u8 chunk_state, chunk_digits;
    u64 body_left, body_total, body_limit; /* bytes of this length or chunk; so far; allowed */
    u32 extension_bytes, trailer_bytes;
};

void http_parser_init(struct http_parser *parser);

/* Reads the request head at bytes, which must start where it started at the first call (the bytes
 * may have moved) and hold all bytes received since. HTTP_DONE: parser->request is complete and
 * the body starts at parser->head_len.
 * errors: ERR_HTTP_* ; the reply is their status, and the connection must be closed after it. */
MUST_CHECK enum http_result http_head_parse(struct http_parser *parser, const void *bytes,
                                            size_t len, struct err *err);

/* Decides how many bytes of body may follow. errors: ERR_TOO_LARGE (an announced length). */
MUST_CHECK bool http_body_begin(struct http_parser *parser, u64 limit_bytes, struct err *err);

/* Reads body bytes from the front of bytes and says in *used how many it took; call it again with
 * the rest. HTTP_DATA: *data is a piece of the decoded body, a view into bytes; HTTP_DONE: the
 * next message starts at bytes + *used. Trailer fields are checked and dropped.
 * errors: ERR_HTTP_MALFORMED, ERR_HTTP_HEAD (trailers, extensions), ERR_TOO_LARGE. */
MUST_CHECK enum http_result http_body_parse(struct http_parser *parser, const void *bytes,
                                            size_t len, size_t *used, struct http_text *data,
                                            struct err *err);

/* Percent-decodes text, which came out of a request target, into out (at least text.len bytes).
 * Returns the length of the result. */
size_t http_percent_decode(struct http_text text, char *out);

/* The current Date value; format once a second. */
#define HTTP_DATE_BYTES 30 /* "Sun, 06 Nov 1994 08:49:37 GMT" and a final zero */
void http_date_format(i64 unix_seconds, char out[HTTP_DATE_BYTES]);
/* Reads a date in any of its three forms; the year of the one with two digits is the one that is
 * near now, in Unix seconds too. False: it is none. spec: RFC 9110 section 5.6.7 */
MUST_CHECK bool http_date_parse(struct http_text text, i64 now, i64 *unix_seconds);
/* The same as programs read it, without zone. */
#define HTTP_TIME_BYTES 20 /* "1994-11-06T08:49:37" and a final zero */
void http_time_format(i64 unix_seconds, char out[HTTP_TIME_BYTES]);

const char *http_status_text(int status); /* "Not Found"; "" for a status without a name */

/* What the output of a program begins with: a head, whose first field is Status, Content-Type or
 * Location and which an empty line ends within HTTP_MAX_PROGRAM_HEAD bytes; else all of it is the
 * body. spec: RFC 3875 section 6 */
struct http_cgi {
    int status;      /* 200 if it says none, 302 with a Location */
    size_t head_len; /* bytes in front of the body; 0: no head */
    bool has_length, has_location;
    u64 content_length;
    u32 field_count; /* those to be sent on: without what the server writes itself */
    struct http_field fields[HTTP_MAX_FIELDS];
};
/* Reads the output so far, from its first byte; has_ended: there is no more of it. HTTP_MORE: this
 * does not decide it yet. errors: ERR_RESPONSE: malformed fields, those of the connection, two
 * lengths, too many. */
MUST_CHECK enum http_result http_cgi_parse(struct http_cgi *cgi, const void *bytes, size_t len,
                                           bool has_ended, struct err *err);

/* How the end of a response's body is told. spec: RFC 9112 section 6 */
enum http_framing {
    HTTP_LENGTH,      /* by content_length */
    HTTP_CHUNKED,     /* http_chunk_add, HTTP_LAST_CHUNK; not for a 1.0 client */
    HTTP_UNTIL_CLOSE, /* by the end of the connection */
    HTTP_NO_BODY      /* by the status: 204, 304 */
};

/* A response head. Texts are borrowed for the call; NULL ones are left out. */
struct http_response {
    int status;
    const char *date;         /* of http_date_format */
    const char *content_type; /* NULL: no body */
    enum http_framing framing;
    u64 content_length;
    const char *request_id;   /* weir-request-id */
    const char *allow;        /* with 405: methods, comma-separated */
    const char *vary;         /* fields of the request that chose the content */
    u32 retry_after_s;        /* not 0: Retry-After */
    const char *fallback;     /* weir-fallback: what answers instead, and why */
    const char *cache_status; /* of a stored answer. spec: RFC 9211 */
    bool has_age;
    u64 age_s;        /* of a stored answer. spec: RFC 9111 section 5.1 */
    const void *head; /* of the program that answers, NULL: none; and its fields, checked */
    const struct http_field *fields;
    u32 field_count;
    bool keep_alive;
    int minor; /* of the request; a 1.0 client is told about keep-alive */
};

/* Appends status line, fields and the empty line. Failure is latched in out.
 * spec: RFC 9112 section 4, RFC 9110 sections 6.6.1, 8.6 */
void http_response_add(struct buf *out, const struct http_response *response);

/* Appends a piece of a chunked body; len 0 adds nothing. */
void http_chunk_add(struct buf *out, const void *bytes, size_t len);
#define HTTP_LAST_CHUNK "0\r\n\r\n"

/* The interim response that an expectant client waits for. spec: RFC 9110 section 10.1.1 */
#define HTTP_CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"
