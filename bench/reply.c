#include "bench/reply.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { SIZE_DIGITS_MAX = 15 };

static bool is_final(u32 status)
{
    return status >= 200;
}

static void read_status_line(struct reply *reply)
{
    const char *line = reply->line;
    if (reply->line_len < 12 || strncmp(line, "HTTP/1.", 7) != 0 || line[8] != ' ') {
        reply->state = REPLY_BAD;
        return;
    }
    reply->status = 0;
    for (u32 i = 9; i < 12; i++) {
        if (line[i] < '0' || line[i] > '9')
            reply->state = REPLY_BAD;
        reply->status = reply->status * 10 + (u32)(line[i] - '0');
    }
    if (reply->status < 100 || reply->status > 599)
        reply->state = REPLY_BAD;
    reply->has_status_line = true;
    reply->will_close = line[7] == '0';
}

/* The value, if the line is a header of this name; NULL otherwise. */
static const char *header_value(const char *line, const char *name)
{
    size_t len = strlen(name);
    if (strncasecmp(line, name, len) != 0 || line[len] != ':')
        return NULL;
    line += len + 1;
    return line + strspn(line, " \t");
}

static void read_header(struct reply *reply)
{
    const char *value = header_value(reply->line, "content-length");
    if (value != NULL) {
        size_t digits = strspn(value, "0123456789");
        if (digits == 0 || digits > SIZE_DIGITS_MAX)
            reply->state = REPLY_BAD;
        reply->left = strtoull(value, NULL, 10);
        reply->has_length = true;
    }
    value = header_value(reply->line, "transfer-encoding");
    if (value != NULL)
        reply->is_chunked = strcasecmp(value, "chunked") == 0;
    value = header_value(reply->line, "connection");
    if (value != NULL)
        reply->will_close = strcasecmp(value, "close") == 0;
}

static void end_head(struct reply *reply)
{
    if (!is_final(reply->status)) {
        reply_clear(reply);
    } else if (reply->status == 204 || reply->status == 304) {
        reply->state = REPLY_DONE;
    } else if (reply->is_chunked) {
        reply->state = REPLY_CHUNK;
    } else if (!reply->has_length) {
        reply->state = REPLY_TO_END;
        reply->will_close = true;
    } else {
        reply->state = reply->left > 0 ? REPLY_BODY : REPLY_DONE;
    }
}

static void read_chunk_size(struct reply *reply)
{
    size_t digits = strspn(reply->line, "0123456789abcdefABCDEF");
    if (digits == 0 || digits > SIZE_DIGITS_MAX) {
        reply->state = REPLY_BAD;
        return;
    }
    reply->left = strtoull(reply->line, NULL, 16);
    reply->state = reply->left > 0 ? REPLY_BODY : REPLY_TRAILER;
}

static void end_line(struct reply *reply)
{
    if (reply->line_len > 0 && reply->line[reply->line_len - 1] == '\r')
        reply->line_len -= 1;
    reply->line[reply->line_len] = 0;
    switch (reply->state) {
    case REPLY_HEAD:
        if (!reply->has_status_line)
            read_status_line(reply);
        else if (reply->line_len > 0)
            read_header(reply);
        else
            end_head(reply);
        break;
    case REPLY_CHUNK: read_chunk_size(reply); break;
    case REPLY_CHUNK_END: reply->state = reply->line_len == 0 ? REPLY_CHUNK : REPLY_BAD; break;
    case REPLY_TRAILER:
        if (reply->line_len == 0)
            reply->state = REPLY_DONE;
        break;
    case REPLY_BODY:
    case REPLY_TO_END:
    case REPLY_DONE:
    case REPLY_BAD: break;
    }
    reply->line_len = 0;
}

/* Takes bytes up to the end of a line; returns how many. */
static size_t read_line(struct reply *reply, const u8 *bytes, size_t len)
{
    const u8 *end = memchr(bytes, '\n', len);
    size_t taken = end == NULL ? len : (size_t)(end - bytes);
    size_t kept = min_u64(taken, REPLY_LINE_MAX - 1 - reply->line_len);
    memcpy(reply->line + reply->line_len, bytes, kept);
    reply->line_len += (u32)kept;
    if (end == NULL)
        return len;
    end_line(reply);
    return taken + 1;
}

static size_t read_body(struct reply *reply, size_t len)
{
    size_t taken = min_u64(len, reply->left);
    reply->left -= taken;
    if (reply->left == 0)
        reply->state = reply->is_chunked ? REPLY_CHUNK_END : REPLY_DONE;
    return taken;
}

size_t reply_read(struct reply *reply, const u8 *bytes, size_t len)
{
    size_t at = 0;
    while (at < len && reply->state != REPLY_DONE && reply->state != REPLY_BAD) {
        if (reply->state == REPLY_BODY)
            at += read_body(reply, len - at);
        else if (reply->state == REPLY_TO_END)
            at = len;
        else
            at += read_line(reply, bytes + at, len - at);
    }
    return at;
}

bool reply_end(struct reply *reply)
{
    if (reply->state == REPLY_TO_END)
        reply->state = REPLY_DONE;
    return reply->state == REPLY_DONE;
}

void reply_clear(struct reply *reply)
{
    reply->state = REPLY_HEAD;
    reply->status = 0;
    reply->left = 0;
    reply->has_length = reply->is_chunked = reply->will_close = reply->has_status_line = false;
    reply->line_len = 0;
}
