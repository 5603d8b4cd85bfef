/*
 * test/http1/drive.h -- reads a whole connection with the parser, in any pieces, and sums up what
 * it saw. Two runs over the same bytes must give equal outcomes, however the bytes were cut.
 */
#pragma once
#include "http/http.h"
#include <stdlib.h>
#include <string.h>

#define DRIVE_BODY_LIMIT 65536

struct drive_outcome {
    u32 heads, messages; /* complete ones */
    enum err_code code;  /* of the error that ended it, or ERR_NONE */
    bool is_closed;      /* a message asked for the connection's end; what follows is not read */
    bool is_cut;         /* bytes were left over: of an unfinished message, or after the end */
    u64 digest;          /* of everything that was understood */
};

struct drive {
    struct http_parser parser;
    struct drive_outcome outcome;
    bool in_body;
    struct err err;
};

static inline void drive_mix(struct drive *d, const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        d->outcome.digest = (d->outcome.digest ^ ((const u8 *)bytes)[i]) * 0x100000001b3u;
}

static inline void drive_mix_text(struct drive *d, struct http_text text)
{
    u64 len = text.len;
    drive_mix(d, &len, sizeof len);
    drive_mix(d, text.bytes, text.len);
}

static inline void drive_mix_head(struct drive *d, const void *head)
{
    const struct http_request *r = &d->parser.request;
    u64 numbers[] = {r->method,           (u64)r->minor,  r->keep_alive,
                     r->expects_continue, r->has_length,  r->content_length,
                     r->is_chunked,       r->is_asterisk, r->field_count};
    drive_mix(d, numbers, sizeof numbers);
    drive_mix_text(d, http_span_text(head, r->path));
    drive_mix_text(d, http_span_text(head, r->query));
    for (u32 i = 0; i < r->field_count; i++) {
        drive_mix_text(d, http_span_text(head, r->fields[i].name));
        drive_mix_text(d, http_span_text(head, r->fields[i].value));
    }
}

static inline void drive_end_message(struct drive *d)
{
    d->outcome.messages += 1;
    d->outcome.is_closed = !d->parser.request.keep_alive;
    d->in_body = false;
    http_parser_init(&d->parser);
}

/* One call of the parser over what was received and not taken yet. Returns the bytes it took. */
static inline size_t drive_step(struct drive *d, const u8 *bytes, size_t len, bool *wants_more)
{
    if (!d->in_body) {
        enum http_result result = http_head_parse(&d->parser, bytes, len, &d->err);
        *wants_more = result != HTTP_DONE;
        if (result != HTTP_DONE)
            return 0;
        d->outcome.heads += 1;
        drive_mix_head(d, bytes);
        d->in_body = http_body_begin(&d->parser, DRIVE_BODY_LIMIT, &d->err);
        return d->parser.head_len;
    }
    size_t used;
    struct http_text data = {NULL, 0};
    enum http_result result = http_body_parse(&d->parser, bytes, len, &used, &data, &d->err);
    if (result == HTTP_DATA)
        drive_mix(d, data.bytes, data.len);
    if (result == HTTP_DONE)
        drive_end_message(d);
    *wants_more = result == HTTP_MORE;
    return used;
}

/* Reads all that has been received: bytes[*taken, received). */
static inline void drive_received(struct drive *d, const u8 *bytes, size_t received, size_t *taken)
{
    bool wants_more = false;
    while (!wants_more && !d->outcome.is_closed && d->err.code == ERR_NONE) {
        /* A copy of exactly these bytes: a read past them is a finding. */
        size_t left = received - *taken;
        u8 *copy = malloc(left + 1);
        if (copy == NULL)
            abort();
        memcpy(copy + 1, bytes + *taken, left);
        *taken += drive_step(d, copy + 1, left, &wants_more);
        free(copy);
    }
}

static inline struct drive_outcome drive_end(struct drive *d, size_t rest)
{
    d->outcome.code = d->err.code;
    d->outcome.is_cut = d->err.code == ERR_NONE && (rest > 0 || d->in_body);
    return d->outcome;
}

/* The connection's bytes arrive in pieces of cuts[0], cuts[1], ... bytes, over and over; a cut of
 * 0, or no cuts at all, is everything that is left. */
static inline struct drive_outcome drive_stream(const u8 *bytes, size_t len, const u8 *cuts,
                                                size_t cut_count)
{
    struct drive d = {.outcome.digest = 0xcbf29ce484222325u};
    size_t taken = 0, received = 0, cut = 0;
    http_parser_init(&d.parser);
    while (received < len && !d.outcome.is_closed && d.err.code == ERR_NONE) {
        size_t piece = cut_count == 0 ? 0 : cuts[cut++ % cut_count];
        received += piece == 0 || piece > len - received ? len - received : piece;
        drive_received(&d, bytes, received, &taken);
    }
    return drive_end(&d, len - taken);
}

/* The bytes arrive in two pieces. */
static inline struct drive_outcome drive_stream_split(const u8 *bytes, size_t len, size_t at)
{
    struct drive d = {.outcome.digest = 0xcbf29ce484222325u};
    size_t taken = 0;
    http_parser_init(&d.parser);
    drive_received(&d, bytes, at, &taken);
    drive_received(&d, bytes, len, &taken);
    return drive_end(&d, len - taken);
}

static inline bool drive_equal(const struct drive_outcome *a, const struct drive_outcome *b)
{
    return a->heads == b->heads && a->messages == b->messages && a->code == b->code &&
           a->is_closed == b->is_closed && a->is_cut == b->is_cut && a->digest == b->digest;
}
