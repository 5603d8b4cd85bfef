/*
 * cli/status.c -- `weir status`: asks a running server on its control socket.
 */
#include "base/file.h"
#include "base/text.h"
#include "cli/internal.h"
#include "server/control.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define ANSWER_BYTES_MAX (65 * MIB)
#define PIECE_BYTES      (64 * KIB)
#define PATIENCE_S       5

/* ---- which server ---- */

/* Paths of sockets that a server listens on. */
struct found {
    char paths[CLI_LIST_MAX][SERVER_CONTROL_PATH_MAX];
    u32 count;
};

static bool is_alive(const char *path)
{
    int fd = server_control_connect(path, NULL);
    bool ok = fd >= 0;
    fd_close(&fd);
    return ok;
}

static void consider(struct found *found, const char *folder, const char *name)
{
    char *path = found->paths[found->count];
    size_t len = strlen(name), suffix_len = strlen(SERVER_CONTROL_SUFFIX);
    bool is_socket =
        len > suffix_len && strcmp(name + len - suffix_len, SERVER_CONTROL_SUFFIX) == 0;
    int need = snprintf(path, SERVER_CONTROL_PATH_MAX, "%s/%s", folder, name);
    if (is_socket && need > 0 && need < (int)SERVER_CONTROL_PATH_MAX)
        found->count += is_alive(path);
}

static int by_path(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* The servers whose sockets are in the usual folder; a folder that is not there has none. */
static bool find_servers(struct found *found, char folder[SERVER_CONTROL_PATH_MAX], struct err *err)
{
    found->count = 0;
    if (!server_control_folder(folder, err))
        return false;
    if (access(folder, F_OK) != 0)
        return true;
    int fd = server_control_folder_open(folder, false, err);
    if (fd < 0)
        return false;
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        fd_close(&fd);
        return err_sys(err, "cannot read the folder %s", folder);
    }
    struct dirent *entry;
    while (found->count < CLI_LIST_MAX && (entry = readdir(dir)) != NULL)
        consider(found, folder, entry->d_name);
    closedir(dir);
    qsort(found->paths, found->count, sizeof found->paths[0], by_path);
    return true;
}

/* The only one that is running, into path. */
static bool choose(char path[SERVER_CONTROL_PATH_MAX], struct err *err)
{
    struct found found;
    char folder[SERVER_CONTROL_PATH_MAX];
    if (!find_servers(&found, folder, err))
        return false;
    if (found.count == 0)
        return err_set(err, ERR_NOT_FOUND, ERR_NO_AT,
                       "no server is running that has its control socket in %s; --control PATH "
                       "names another",
                       folder);
    if (found.count == 1) {
        memcpy(path, found.paths[0], sizeof found.paths[0]);
        return true;
    }
    for (u32 i = 0; i < found.count; i++) {
        text_make_plain(found.paths[i], strlen(found.paths[i]));
        fprintf(stderr, "  weir status --control %s\n", found.paths[i]);
    }
    return err_set(err, ERR_USAGE, ERR_NO_AT, "%u servers are running: say which, as above",
                   found.count);
}

/* ---- what it answers ---- */

/* To the end of the connection. */
static bool receive_all(int fd, struct buf *out)
{
    for (;;) {
        u8 *room = buf_reserve(out, PIECE_BYTES);
        if (room == NULL) {
            errno = ENOMEM;
            return false;
        }
        ssize_t got = recv(fd, room, PIECE_BYTES, 0);
        if (got == 0)
            return true;
        if (got < 0 && errno != EINTR)
            return false;
        if (got > 0)
            buf_commit(out, (size_t)got);
    }
}

static bool wait_for(int fd)
{
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0;
}

/* Asks for a page and leaves its body in out. */
static bool ask(const char *path, const char *page, struct buf *out, struct err *err)
{
    char request[128];
    int len = snprintf(request, sizeof request,
                       "GET %s HTTP/1.1\r\nHost: weir\r\nConnection: close\r\n\r\n", page);
    int fd = server_control_connect(path, err);
    if (fd < 0)
        return false;
    int flags = fcntl(fd, F_GETFL);
    bool ok = fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == 0 && wait_for(fd) &&
              send(fd, request, (size_t)len, MSG_NOSIGNAL) == len && receive_all(fd, out);
    if (!ok && errno == EAGAIN)
        err_set(err, ERR_SYSTEM, ERR_NO_AT, "the server at %s does not answer", path);
    else if (!ok)
        err_sys(err, "cannot ask the server at %s", path);
    fd_close(&fd);
    if (!ok)
        return false;
    const char *ok_line = "HTTP/1.1 200 ";
    const u8 *body = memmem(out->bytes, out->len, "\r\n\r\n", 4);
    if (body == NULL || out->len < strlen(ok_line) ||
        memcmp(out->bytes, ok_line, strlen(ok_line)) != 0)
        return err_set(err, ERR_SYSTEM, ERR_NO_AT, "%s is no control socket of weir", path);
    buf_consume(out, (size_t)(body + 4 - out->bytes));
    return true;
}

/* Whatever answers there: line by line, nothing of it commands a terminal. */
static void make_lines_plain(struct buf *text)
{
    for (size_t at = 0; at < text->len;) {
        const u8 *end = memchr(text->bytes + at, '\n', text->len - at);
        size_t len = end == NULL ? text->len - at : (size_t)(end - text->bytes) - at;
        text_make_plain(text->bytes + at, len);
        at += len + 1;
    }
}

/* ---- the command ---- */

static bool status(const struct cli_options *options, struct buf *out, struct err *err)
{
    char path[SERVER_CONTROL_PATH_MAX];
    const char *given = options->control_path;
    if (options->rest_count > 0)
        return err_set(err, ERR_USAGE, ERR_NO_AT,
                       "weir status takes no arguments; --control PATH names a server");
    if (given == NULL && !choose(path, err))
        return false;
    return ask(given != NULL ? given : path, options->json ? "/status" : "/status.txt", out, err);
}

int cli_status(const struct cli_options *options)
{
    struct err err = {0};
    struct buf out;
    buf_init(&out, ANSWER_BYTES_MAX);
    bool ok = status(options, &out, &err);
    if (ok && !options->json)
        make_lines_plain(&out);
    int exit_status = ok ? cli_print(&out) : cli_fail(&err);
    buf_fini(&out);
    return exit_status;
}
