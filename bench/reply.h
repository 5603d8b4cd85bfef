/*
 * bench/reply.h -- reads replies of HTTP/1.1 as they arrive, keeping nothing but the status and
 * where one ends. spec: RFC 9112 sections 4, 6, 7
 */
#pragma once
#include "base/types.h"

enum reply_state {
    REPLY_HEAD,      /* status line and headers */
    REPLY_BODY,      /* left bytes of it are missing */
    REPLY_CHUNK,     /* the line with a chunk's size */
    REPLY_CHUNK_END, /* the line after a chunk */
    REPLY_TRAILER,
    REPLY_TO_END, /* a body that the end of the connection ends */
    REPLY_DONE,
    REPLY_BAD,
};

#define REPLY_LINE_MAX 256 /* bytes of a line that are looked at */

/* All zero: nothing of it has been read. */
struct reply {
    enum reply_state state;
    u32 status;
    u64 left;
    bool has_length, is_chunked, will_close;
    bool has_status_line;
    u32 line_len;
    char line[REPLY_LINE_MAX];
};

/* Takes bytes up to the end of the reply; returns how many. The reply is complete at REPLY_DONE and
 * no longer one at REPLY_BAD. */
size_t reply_read(struct reply *reply, const u8 *bytes, size_t len);

/* The connection ended: complete if it may end there. */
bool reply_end(struct reply *reply);

/* The next one. */
void reply_clear(struct reply *reply);
