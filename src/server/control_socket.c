#include "base/file.h"
#include "server/control.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKLOG       256
#define LOCK_TRIES    100 /* so often, after a pause of */
#define LOCK_PAUSE_MS 10
#define CANNOT_MAKE   "cannot make the control socket %s"

/* ---- the folder ---- */

static bool is_ours(const struct stat *info)
{
    return S_ISDIR(info->st_mode) && info->st_uid == geteuid() && (info->st_mode & 0077) == 0;
}

bool server_control_folder(char out[SERVER_CONTROL_PATH_MAX], struct err *err)
{
    struct stat info;
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    bool has_runtime = runtime != NULL && runtime[0] == '/' && stat(runtime, &info) == 0 &&
                       is_ours(&info); /* not that of whoever became this user by su */
    int len = has_runtime
                  ? snprintf(out, SERVER_CONTROL_PATH_MAX, "%s/weir", runtime)
                  : snprintf(out, SERVER_CONTROL_PATH_MAX, "/tmp/weir-%u", (unsigned)geteuid());
    if (len < 0 || (size_t)len >= SERVER_CONTROL_PATH_MAX)
        return err_set(err, ERR_LIMIT, ERR_NO_AT, "$XDG_RUNTIME_DIR is too long for a socket");
    return true;
}

int server_control_folder_open(const char *folder, bool is_new, struct err *err)
{
    struct stat info;
    if (is_new && mkdir(folder, 0700) != 0 && errno != EEXIST) {
        err_sys(err, "cannot make the folder %s", folder);
        return -1;
    }
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        err_sys(err, "cannot open the folder %s", folder);
        return -1;
    }
    if (fstat(fd, &info) != 0 || !is_ours(&info)) {
        err_set(err, ERR_SYSTEM, ERR_NO_AT,
                "%s is not a folder of this user alone (owner, mode 0700)", folder);
        fd_close(&fd);
    }
    return fd;
}

/* The folder of a path that was given. */
static int open_parent(const char *path, struct err *err)
{
    char folder[SERVER_CONTROL_PATH_MAX];
    file_folder(path, folder, sizeof folder);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        err_sys(err, "cannot open its folder %s", folder);
    return fd;
}

/* ---- connecting ---- */

static bool set_address(struct sockaddr_un *out, const char *path, struct err *err)
{
    size_t len = strlen(path);
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (len == 0 || len >= sizeof out->sun_path)
        return err_set(err, ERR_LIMIT, ERR_NO_AT,
                       "the path of a control socket has 1 to %zu bytes, not %zu",
                       sizeof out->sun_path - 1, len);
    memcpy(out->sun_path, path, len);
    return true;
}

/* A connected descriptor or -1, with errno. It does not wait: a full queue is EAGAIN. */
static int try_connect(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) != 0)
        fd_close(&fd);
    return fd;
}

int server_control_connect(const char *path, struct err *err)
{
    struct sockaddr_un address;
    if (!set_address(&address, path, err))
        return -1;
    int fd = try_connect(&address);
    if (fd >= 0)
        return fd;
    if (errno == ENOENT || errno == ECONNREFUSED)
        err_set(err, ERR_NOT_FOUND, ERR_NO_AT, "no server is running at %s", path);
    else
        err_sys(err, "cannot connect to %s", path);
    return -1;
}

/* ---- listening ---- */

/* Two servers that start together must not take each other's new socket for an old one. */
static bool lock(int folder_fd, struct err *err)
{
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (flock(folder_fd, LOCK_EX | LOCK_NB) == 0)
            return true;
        poll(NULL, 0, LOCK_PAUSE_MS);
    }
    return err_set(err, ERR_SYSTEM, ERR_NO_AT, "somebody keeps its folder locked");
}

/* Nothing may stand in its place but a socket. */
static bool look(const struct sockaddr_un *address, bool *is_there, struct err *err)
{
    struct stat info;
    *is_there = lstat(address->sun_path, &info) == 0;
    if (!*is_there)
        return errno == ENOENT || err_sys(err, "cannot look at it");
    return S_ISSOCK(info.st_mode) ||
           err_set(err, ERR_SYSTEM, ERR_NO_AT, "there is a file that is no socket");
}

/* Removes what a dead server has left. */
static bool make_room(const struct sockaddr_un *address, struct err *err)
{
    bool is_there;
    if (!look(address, &is_there, err))
        return false;
    if (!is_there)
        return true;
    int fd = try_connect(address);
    if (fd >= 0 || errno == EAGAIN) {
        fd_close(&fd);
        return err_set(err, ERR_SYSTEM, ERR_NO_AT, "another server is already running there");
    }
    if (errno != ECONNREFUSED)
        return err_sys(err, "cannot tell whether a server is running there");
    if (unlink(address->sun_path) != 0)
        return err_sys(err, "cannot remove what a former server has left");
    return true;
}

/* Nobody else may connect, not even between bind and a chmod. */
static bool bind_private(int fd, const struct sockaddr_un *address)
{
    mode_t before = umask(0177);
    bool ok = bind(fd, (const struct sockaddr *)address, sizeof *address) == 0;
    int keep = errno;
    umask(before);
    errno = keep;
    return ok;
}

static bool make_socket(struct server_control_socket *control, const struct sockaddr_un *address,
                        struct err *err)
{
    struct stat info;
    if (!make_room(address, err))
        return false;
    control->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (control->fd < 0 || !bind_private(control->fd, address))
        return err_sys(err, "cannot bind it");
    if (lstat(address->sun_path, &info) != 0)
        return err_sys(err, "cannot look at it");
    memcpy(control->path, address->sun_path, sizeof control->path);
    control->device = info.st_dev;
    control->inode = info.st_ino;
    if (listen(control->fd, BACKLOG) != 0)
        return err_sys(err, "cannot listen on it");
    return true;
}

static bool is_bindable(const struct sockaddr_un *address, struct err *err)
{
    bool is_there;
    char folder[SERVER_CONTROL_PATH_MAX];
    file_folder(address->sun_path, folder, sizeof folder);
    return look(address, &is_there, err) &&
           (file_folder_is_writable(folder) || err_sys(err, "cannot bind it"));
}

bool server_control_check(const struct config_text *path, struct err *err)
{
    struct sockaddr_un address;
    int folder_fd = set_address(&address, path->text, err) ? open_parent(path->text, err) : -1;
    bool ok = folder_fd >= 0 && is_bindable(&address, err);
    fd_close(&folder_fd);
    if (ok)
        return true;
    err_context(err, CANNOT_MAKE, path->text);
    return config_fail_at(path->at, err);
}

bool server_control_listen(struct server_control_socket *out, const char *path, const char *name,
                           struct err *err)
{
    struct server_control_socket control = {.fd = -1};
    struct sockaddr_un address;
    char folder[SERVER_CONTROL_PATH_MAX], own[SERVER_CONTROL_PATH_MAX + 16];
    bool is_given = path != NULL;
    if (!is_given) {
        if (!server_control_folder(folder, err))
            return err_context(err, "cannot make the control socket");
        snprintf(own, sizeof own, "%s/%s" SERVER_CONTROL_SUFFIX, folder, name);
        path = own;
    }
    int folder_fd = -1;
    if (set_address(&address, path, err)) {
        folder_fd =
            is_given ? open_parent(path, err) : server_control_folder_open(folder, true, err);
    }
    bool ok = folder_fd >= 0 && lock(folder_fd, err) && make_socket(&control, &address, err);
    fd_close(&folder_fd); /* and with it the lock */
    if (!ok) {
        server_control_unlisten(&control);
        return err_context(err, CANNOT_MAKE, path);
    }
    *out = control;
    return true;
}

void server_control_unlisten(struct server_control_socket *control)
{
    struct stat info;
    if (control->path[0] != 0 && lstat(control->path, &info) == 0 &&
        info.st_dev == control->device && info.st_ino == control->inode)
        unlink(control->path);
    control->path[0] = 0;
    fd_close(&control->fd);
}
