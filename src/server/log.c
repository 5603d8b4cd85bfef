#include "server/log.h"
#include "base/check.h"
#include "base/file.h"
#include "base/text.h"
#include "http/http.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOG_BYTES    (256 * KIB) /* lines that wait, at most */
#define LOG_BATCH    (32 * KIB)
#define LOG_WAIT_NS  ((u64)500000000)  /* a line waits at most so long for others */
#define LAST_WAIT_NS ((u64)1000000000) /* for all that is left at the end */
#define FILE_PIECE   (64 * KIB)

struct server_log {
    enum server_log_format format;
    int fd; /* -1: it has gone */
    bool is_socket;
    size_t piece; /* bytes written at once: as many as nobody else's bytes come between */
    struct loop *loop;
    struct scoreboard_worker *board;
    struct loop_timer timer;
    bool is_blocked; /* only the timer tries again */
    u64 dropped;     /* since the log last said so */
    struct buf lines;
};

/* ---- where lines go ---- */

static const char *const format_texts[] = {
    [SERVER_LOG_NONE] = "none", [SERVER_LOG_TEXT] = "text", [SERVER_LOG_JSON] = "json"};

bool server_log_format_read(const struct config_text *from, enum server_log_format *out,
                            struct err *err)
{
    for (size_t i = 0; i < COUNT_OF(format_texts); i++)
        if (strcmp(format_texts[i], from->text) == 0) {
            *out = (enum server_log_format)i;
            return true;
        }
    err_set(err, ERR_USAGE, ERR_NO_AT, "%s takes text, json or none, not \"%s\"", from->key,
            from->text);
    return config_fail_at(from->at, err);
}

const char *server_log_format_text(enum server_log_format format)
{
    return format_texts[format];
}

static int open_output(struct err *err)
{
    struct stat st;
    int mode = fcntl(STDOUT_FILENO, F_GETFL);
    if (mode < 0 || (mode & O_ACCMODE) == O_RDONLY || fstat(STDOUT_FILENO, &st) != 0) {
        err_set(err, ERR_SYSTEM, ERR_NO_AT, "standard output is closed");
        return -1;
    }
    int fd = S_ISSOCK(st.st_mode)
                 ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)
                 : open("/proc/self/fd/1", O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        err_sys(err, "cannot open standard output anew");
    return fd;
}

#define CANNOT_OPEN "cannot open the log file %s"

int server_log_open(const char *path, struct err *err)
{
    if (path == NULL)
        return open_output(err);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0640);
    if (fd < 0)
        err_sys(err, CANNOT_OPEN, path);
    return fd;
}

/* False: errno. */
static bool is_writable(const char *path)
{
    struct stat info;
    char folder[PATH_MAX];
    if (stat(path, &info) == 0) {
        errno = EISDIR;
        return !S_ISDIR(info.st_mode) && faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0;
    }
    if (errno != ENOENT)
        return false;
    file_folder(path, folder, sizeof folder);
    return file_folder_is_writable(folder);
}

bool server_log_check(const struct config_text *path, struct err *err)
{
    if (is_writable(path->text))
        return true;
    err_sys(err, CANNOT_OPEN, path->text);
    return config_fail_at(path->at, err);
}

/* ---- lines ---- */

/* "2026-11-23T02:05:05.123Z" */
static void add_time(struct buf *out, u64 unix_ns)
{
    char second[HTTP_TIME_BYTES];
    http_time_format((i64)(unix_ns / 1000000000), second);
    buf_add_text(out, second);
    u32 ms = (u32)(unix_ns / 1000000 % 1000);
    char fraction[] = {'.', (char)('0' + ms / 100), (char)('0' + ms / 10 % 10),
                       (char)('0' + ms % 10), 'Z'};
    buf_add(out, fraction, sizeof fraction);
}

/* Nanoseconds as "12.345" milliseconds. */
static void add_ms(struct buf *out, u64 ns)
{
    u64 us = ns / 1000;
    buf_add_u64(out, us / 1000);
    u32 rest = (u32)(us % 1000);
    char fraction[] = {'.', (char)('0' + rest / 100), (char)('0' + rest / 10 % 10),
                       (char)('0' + rest % 10)};
    buf_add(out, fraction, sizeof fraction);
}

static void add_word(struct buf *out, const char *word)
{
    buf_add_byte(out, ' ');
    buf_add_text(out, word == NULL ? "-" : word);
}

static void add_path(struct buf *out, const struct server_log_line *line)
{
    static const char digits[] = "0123456789ABCDEF";
    buf_add_byte(out, ' ');
    for (size_t i = 0; i < line->path_len; i++) {
        u8 c = (u8)line->path[i];
        if (c > 0x20 && c < 0x7f) {
            buf_add_byte(out, c);
        } else {
            char escape[] = {'%', digits[c >> 4], digits[c & 15]};
            buf_add(out, escape, sizeof escape);
        }
    }
    buf_add_text(out, line->path_len == 0 ? "-" : line->is_cut ? "..." : "");
}

static void write_text(const struct server_log_line *line, u64 unix_ns, struct buf *out)
{
    add_time(out, unix_ns);
    add_word(out, line->request);
    add_word(out, line->client);
    add_word(out, line->method);
    add_path(out, line);
    buf_add_byte(out, ' ');
    if (line->status == 0)
        buf_add_byte(out, '-');
    else
        buf_add_u64(out, (u64)line->status);
    buf_add_byte(out, ' ');
    buf_add_u64(out, line->in_bytes);
    buf_add_byte(out, ' ');
    buf_add_u64(out, line->out_bytes);
    buf_add_byte(out, ' ');
    add_ms(out, line->wall_ns);
    buf_add_byte(out, ' ');
    add_ms(out, line->cpu_ns);
    add_word(out, line->outcome);
    buf_add_byte(out, '\n');
}

/* NULL is null. */
static void add_member(struct buf *out, const char *start, const char *text, size_t len)
{
    buf_add_text(out, start);
    if (text == NULL)
        buf_add_text(out, "null");
    else
        buf_add_json_string(out, text, len);
}

static void add_text_member(struct buf *out, const char *start, const char *text)
{
    add_member(out, start, text, text == NULL ? 0 : strlen(text));
}

static void write_json(const struct server_log_line *line, u64 unix_ns, struct buf *out)
{
    buf_add_text(out, "{\"time\":\"");
    add_time(out, unix_ns);
    add_text_member(out, "\",\"request\":", line->request);
    add_text_member(out, ",\"client\":", line->client);
    add_text_member(out, ",\"method\":", line->method);
    add_member(out, ",\"path\":", line->path_len == 0 ? NULL : line->path, line->path_len);
    buf_add_text(out, line->is_cut ? ",\"path_cut\":true,\"status\":" : ",\"status\":");
    if (line->status == 0)
        buf_add_text(out, "null");
    else
        buf_add_u64(out, (u64)line->status);
    buf_add_text(out, ",\"in\":");
    buf_add_u64(out, line->in_bytes);
    buf_add_text(out, ",\"out\":");
    buf_add_u64(out, line->out_bytes);
    buf_add_text(out, ",\"wall_ms\":");
    add_ms(out, line->wall_ns);
    buf_add_text(out, ",\"cpu_ms\":");
    add_ms(out, line->cpu_ns);
    add_text_member(out, ",\"outcome\":", line->outcome);
    buf_add_text(out, "}\n");
}

void server_log_write_line(enum server_log_format format, const struct server_log_line *line,
                           u64 unix_ns, struct buf *out)
{
    if (format == SERVER_LOG_JSON)
        write_json(line, unix_ns, out);
    else if (format == SERVER_LOG_TEXT)
        write_text(line, unix_ns, out);
}

/* ---- writing, which never waits ---- */

static u64 clock_real_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (u64)now.tv_sec * 1000000000 + (u64)now.tv_nsec;
}

/* Lines that were dropped leave a line that says so, once there is room. */
static void say_dropped(struct server_log *log)
{
    size_t before = log->lines.len;
    if (log->dropped == 0)
        return;
    buf_add_text(&log->lines, log->format == SERVER_LOG_JSON ? "{\"time\":\"" : "");
    add_time(&log->lines, clock_real_ns());
    buf_add_format(&log->lines,
                   log->format == SERVER_LOG_JSON ? "\",\"dropped\":%llu}\n"
                                                  : " dropped %llu lines\n",
                   (unsigned long long)log->dropped);
    if (buf_ok(&log->lines)) {
        log->dropped = 0;
        return;
    }
    log->lines.len = before;
    log->lines.failed = false;
}

/* Nobody reads it any more, or it cannot be written: there is no log from here on. */
static void give_up(struct server_log *log)
{
    fprintf(stderr, "weir: worker: the access log ends here: %s\n", strerror(errno));
    log->fd = -1;
    buf_fini(&log->lines);
}

/* As many whole lines as are written in one piece; the rest of a line that was begun. */
static size_t next_piece(const struct server_log *log)
{
    if (log->lines.len <= log->piece)
        return log->lines.len;
    const u8 *end = memrchr(log->lines.bytes, '\n', log->piece);
    return end == NULL ? log->piece : (size_t)(end - log->lines.bytes) + 1;
}

/* Writes one piece. False: it takes no more at present, or is gone. */
static bool write_piece(struct server_log *log)
{
    size_t len = next_piece(log);
    ssize_t done = log->is_socket
                       ? send(log->fd, log->lines.bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL)
                       : write(log->fd, log->lines.bytes, len);
    if (done >= 0) {
        buf_consume(&log->lines, (size_t)done);
        return done > 0;
    }
    if (errno == EINTR)
        return true;
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS && errno != ENOSPC &&
        errno != EDQUOT)
        give_up(log);
    return false;
}

static void flush(struct server_log *log)
{
    log->is_blocked = false;
    while (log->lines.len > 0 && !log->is_blocked)
        log->is_blocked = !write_piece(log);
    if (log->fd < 0)
        return;
    if (!log->is_blocked)
        say_dropped(log);
    if (log->lines.len > 0)
        loop_timer_start(log->loop, &log->timer, clock_monotonic_ns() + LOG_WAIT_NS);
    else
        loop_timer_stop(log->loop, &log->timer);
}

static void take_timer(struct loop_timer *timer)
{
    flush(CONTAINER_OF(timer, struct server_log, timer));
}

/* What has been added from `before` on is a line: it stays if there was room for it. */
static void keep_line(struct server_log *log, size_t before)
{
    if (!buf_ok(&log->lines)) {
        log->lines.len = before;
        log->lines.failed = false;
        log->dropped += 1;
        board_add(&log->board->log_dropped, 1);
        return;
    }
    if (before == 0)
        loop_timer_start(log->loop, &log->timer, clock_monotonic_ns() + LOG_WAIT_NS);
}

void server_log_add_text(struct server_log *log, const char *request, const char *text, size_t len)
{
    CHECK(len <= SERVER_LOG_TEXT_MAX);
    if (log == NULL || log->fd < 0)
        return;
    struct buf *out = &log->lines;
    size_t before = out->len;
    bool is_json = log->format == SERVER_LOG_JSON;
    buf_add_text(out, is_json ? "{\"time\":\"" : "");
    add_time(out, clock_real_ns());
    buf_add_format(out, is_json ? "\",\"request\":\"%s\",\"stderr\":" : " %s stderr ", request);
    if (is_json) {
        buf_add_json_string(out, text, len);
        buf_add_byte(out, '}');
    } else {
        size_t from = out->len;
        buf_add(out, text, len);
        if (buf_ok(out))
            text_make_plain(out->bytes + from, out->len - from);
    }
    buf_add_byte(out, '\n');
    keep_line(log, before);
}

void server_log_discard(struct server_log *log)
{
    if (log == NULL)
        return;
    buf_clear(&log->lines);
    loop_timer_stop(log->loop, &log->timer);
}

void server_log_add(struct server_log *log, const struct server_log_line *line)
{
    if (log == NULL)
        return;
    if (log->fd < 0) {
        board_add(&log->board->log_dropped, 1);
        return;
    }
    size_t before = log->lines.len;
    server_log_write_line(log->format, line, clock_real_ns(), &log->lines);
    keep_line(log, before);
    if (log->lines.len >= LOG_BATCH && !log->is_blocked)
        flush(log);
}

/* ---- life ---- */

struct server_log *server_log_create(enum server_log_format format, int fd, struct loop *loop,
                                     struct scoreboard_worker *board)
{
    struct stat st;
    struct server_log *log = check_alloc(sizeof *log);
    bool is_known = fstat(fd, &st) == 0;
    *log = (struct server_log){
        .format = format,
        .fd = fd,
        .loop = loop,
        .board = board,
        .timer = {.fn = take_timer},
        .is_socket = is_known && S_ISSOCK(st.st_mode),
        .piece = is_known && S_ISREG(st.st_mode) ? FILE_PIECE : PIPE_BUF,
    };
    buf_init(&log->lines, LOG_BYTES);
    return log;
}

/* For as long as it takes something, and a second at most. */
static void flush_last(struct server_log *log)
{
    u64 end_ns = clock_monotonic_ns() + LAST_WAIT_NS, now;
    flush(log);
    while (log->fd >= 0 && log->lines.len > 0 && (now = clock_monotonic_ns()) < end_ns) {
        struct pollfd watched = {.fd = log->fd, .events = POLLOUT};
        size_t before = log->lines.len;
        if (poll(&watched, 1, (int)((end_ns - now) / 1000000) + 1) <= 0)
            return;
        flush(log);
        if (log->is_blocked && log->lines.len == before) /* a full disk, not a slow reader */
            return;
    }
}

void server_log_destroy(struct server_log **at)
{
    struct server_log *log = *at;
    if (log == NULL)
        return;
    if (log->lines.len > 0)
        flush_last(log);
    loop_timer_stop(log->loop, &log->timer);
    buf_fini(&log->lines);
    free(log);
    *at = NULL;
}
