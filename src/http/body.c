#include "http/internal.h"
#include "base/check.h"

enum chunk_state { /* those of chunked.def */
                   SIZE_FIRST,
                   SIZE,
                   SIZE_LF,
                   SIZE_END,
                   EXT_FIRST,
                   EXT_NAME,
                   EXT_VALUE_FIRST,
                   EXT_VALUE,
                   EXT_QUOTED,
                   EXT_ESCAPE,
                   EXT_QUOTED_END,
                   DATA,
                   DATA_CR,
                   DATA_LF,
                   LINE,
                   LINE_NAME,
                   LINE_VALUE,
                   LINE_LF,
                   LAST_LF,
                   END,
};

static const struct edge {
    u8 from, byte, set, to; /* byte, if set is 0 */
} edges[] = {
#define BYTE(c)               (c), 0
#define SET(letter)           0, HTTP_SET_##letter
#define EDGE(from, takes, to) {from, takes, to},
#include "http/chunked.def"
#undef EDGE
#undef SET
#undef BYTE
};

bool http_body_begin(struct http_parser *p, u64 limit_bytes, struct err *err)
{
    CHECK(!p->failed && p->head_len > 0);
    p->body_limit = limit_bytes;
    p->body_total = 0;
    p->body_left = p->request.content_length;
    p->chunk_state = SIZE_FIRST;
    if (p->body_left > limit_bytes)
        return err_set(err, ERR_TOO_LARGE, ERR_NO_AT,
                       "a request body of %llu bytes; the limit is %llu",
                       (unsigned long long)p->body_left, (unsigned long long)limit_bytes);
    return true;
}

/* Takes up to body_left bytes as a piece of the body. */
static struct http_text take_data(struct http_parser *p, const u8 *bytes, size_t len)
{
    size_t count = (size_t)min_u64(len, p->body_left);
    p->body_left -= count;
    return (struct http_text){(const char *)bytes, count};
}

static enum http_result length_parse(struct http_parser *p, const u8 *bytes, size_t len,
                                     size_t *used, struct http_text *data)
{
    if (p->body_left == 0)
        return HTTP_DONE;
    *data = take_data(p, bytes, len);
    *used = data->len;
    return data->len > 0 ? HTTP_DATA : HTTP_MORE;
}

static bool add_size_digit(struct http_parser *p, u8 c, struct err *err)
{
    if (p->chunk_state == SIZE_FIRST) {
        p->body_left = 0;
        p->chunk_digits = 0;
    }
    if (++p->chunk_digits > HTTP_MAX_CHUNK_DIGITS)
        return err_set(err, ERR_HTTP_MALFORMED, ERR_NO_AT, "a chunk size of more than %d digits",
                       HTTP_MAX_CHUNK_DIGITS);
    p->body_left = p->body_left << 4 | http_hex(c);
    return true;
}

static bool count_overhead(struct http_parser *p, enum chunk_state to, struct err *err)
{
    if (to >= EXT_FIRST && to <= EXT_QUOTED_END && ++p->extension_bytes > HTTP_MAX_CHUNK_EXTENSION)
        return err_set(err, ERR_HTTP_HEAD, ERR_NO_AT, "more than %d bytes of chunk extensions",
                       HTTP_MAX_CHUNK_EXTENSION);
    if (to >= LINE_NAME && to <= LINE_LF && ++p->trailer_bytes > HTTP_MAX_TRAILER)
        return err_set(err, ERR_HTTP_HEAD, ERR_NO_AT, "more than %d bytes in the trailer section",
                       HTTP_MAX_TRAILER);
    return true;
}

/* A chunk size is complete: data follows, or after the last chunk the trailer section. */
static bool end_size(struct http_parser *p, struct err *err)
{
    p->chunk_state = p->body_left > 0 ? DATA : LINE;
    if (p->body_left > p->body_limit - p->body_total)
        return err_set(err, ERR_TOO_LARGE, ERR_NO_AT, "a request body of more than %llu bytes",
                       (unsigned long long)p->body_limit);
    p->body_total += p->body_left;
    return true;
}

/* Takes one byte that is not chunk data. */
static bool chunk_step(struct http_parser *p, u8 c, struct err *err)
{
    for (size_t i = 0; i < COUNT_OF(edges); i++) {
        const struct edge *edge = &edges[i];
        bool takes = edge->set == 0 ? c == edge->byte : http_in_set(c, edge->set);
        if (edge->from != p->chunk_state || !takes)
            continue;
        if (edge->to == SIZE && !add_size_digit(p, c, err))
            return false;
        if (!count_overhead(p, edge->to, err))
            return false;
        p->chunk_state = edge->to;
        return edge->to != SIZE_END || end_size(p, err);
    }
    return err_set(err, ERR_HTTP_MALFORMED, ERR_NO_AT, "byte 0x%02x in the chunked coding", c);
}

static enum http_result chunked_parse(struct http_parser *p, const u8 *bytes, size_t len,
                                      size_t *used, struct http_text *data, struct err *err)
{
    while (p->chunk_state != END) {
        if (*used == len)
            return HTTP_MORE;
        if (p->chunk_state == DATA) {
            *data = take_data(p, bytes + *used, len - *used);
            *used += data->len;
            if (p->body_left == 0)
                p->chunk_state = DATA_CR;
            return HTTP_DATA;
        }
        if (!chunk_step(p, bytes[*used], err)) {
            p->failed = true;
            return HTTP_FAILED;
        }
        *used += 1;
    }
    return HTTP_DONE;
}

enum http_result http_body_parse(struct http_parser *p, const void *bytes, size_t len, size_t *used,
                                 struct http_text *data, struct err *err)
{
    CHECK(!p->failed && p->head_len > 0);
    *used = 0;
    if (p->request.is_chunked)
        return chunked_parse(p, bytes, len, used, data, err);
    return length_parse(p, bytes, len, used, data);
}
