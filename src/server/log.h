/*
 * server/log.h -- the access log: one line a request, and never in a request's way.
 *
 * Lines gather in memory and leave in batches: when LOG_BATCH bytes have come together, else after
 * half a second, and at the end of the worker. Where they go (a pipe, a file, a terminal, a socket)
 * may be slow, full or gone: writing never waits. What finds no room is dropped and counted, and
 * the log says how many lines are missing once it can. A worker that is killed takes its last half
 * second along. The lines of several workers do not mix within a line.
 *
 * Fields, in this order: time of the answer (RFC 3339, UTC), request id, client, method, path
 * (without the query, which may hold secrets; cut at SERVER_LOG_PATH_MAX bytes), status, bytes of
 * the body in and out, wall and processor time in milliseconds, outcome: "ok", the code of an error
 * (base/err.def) or the kind of a trap (abi/trap.def); "cancelled" when the client has gone. What
 * is not known is "-", in JSON null. A text line has fields between single spaces, everything but
 * printable ASCII in the path as %XX; a JSON line is one object.
 */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "config/config.h"
#include "loop/loop.h"
#include "server/scoreboard.h"

/* So that a line is written in one piece, however it is escaped. */
#define SERVER_LOG_PATH_MAX 256
#define SERVER_LOG_TEXT_MAX 600

enum server_log_format { SERVER_LOG_NONE, SERVER_LOG_TEXT, SERVER_LOG_JSON };

/* "text", "json", "none": as --log takes them. errors: ERR_USAGE. */
MUST_CHECK bool server_log_format_read(const struct config_text *from, enum server_log_format *out,
                                       struct err *err);
const char *server_log_format_text(enum server_log_format format);

/* Opens where lines go: the file at path, which is appended to and made if need be, or standard
 * output where path is NULL. It is opened anew, so that not waiting for it is our affair alone.
 * returns owned: a descriptor, or -1. errors: ERR_SYSTEM. */
int server_log_open(const char *path, struct err *err);

/* Could the file at path be opened? It is neither opened nor made. errors: as server_log_open. */
MUST_CHECK bool server_log_check(const struct config_text *path, struct err *err);

/* Texts are borrowed for the call; NULL and status 0 are not known. */
struct server_log_line {
    const char *request, *client, *method, *outcome;
    const char *path; /* path_len bytes; is_cut: there was more */
    size_t path_len;
    bool is_cut;
    int status;
    u64 in_bytes, out_bytes, wall_ns, cpu_ns;
};

/* Appends the line of a request that was answered at this time of the real-time clock. */
void server_log_write_line(enum server_log_format format, const struct server_log_line *line,
                           u64 unix_ns, struct buf *out);

struct server_log;

/* fd: of server_log_open, borrowed. Dropped lines are counted on the board.
 * returns owned: server_log_destroy. */
struct server_log *server_log_create(enum server_log_format format, int fd, struct loop *loop,
                                     struct scoreboard_worker *board);
/* Writes what is left, waiting at most a second in all. NULL is allowed. */
void server_log_destroy(struct server_log **log);

/* Adds a line that a program wrote to its standard error while it ran for this request: time,
 * request id, "stderr", the text, at most SERVER_LOG_TEXT_MAX bytes. NULL is allowed: there is no
 * log. */
void server_log_add_text(struct server_log *log, const char *request, const char *text, size_t len);

/* Forgets the lines that have not been written. NULL is allowed. */
void server_log_discard(struct server_log *log);

/* Adds a line. NULL is allowed: there is no log. */
void server_log_add(struct server_log *log, const struct server_log_line *line);
