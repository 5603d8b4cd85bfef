#include "server/activation.h"
#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */

static u64 number_of(const char *variable)
{
    const char *text = getenv(variable);
    return text == NULL ? 0 : strtoull(text, NULL, 10);
}

static bool listens(int fd)
{
    int type = 0, is_listening = 0;
    socklen_t len = sizeof type;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM &&
           getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &len) == 0 && is_listening != 0;
}

bool server_activation_listener(int *out, struct err *err)
{
    u64 count = number_of("LISTEN_FDS");
    bool is_ours = number_of("LISTEN_PID") == (u64)getpid();
    *out = -1;
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDNAMES");
    if (!is_ours || count == 0)
        return true;
    if (count != 1)
        return err_set(err, ERR_USAGE, ERR_NO_AT,
                       "started with %llu sockets; weir serves one: use a socket unit with one "
                       "ListenStream=",
                       (unsigned long long)count);
    if (!listens(FIRST_FD))
        return err_set(err, ERR_USAGE, ERR_NO_AT,
                       "started with a socket that does not listen: use ListenStream= and "
                       "Accept=no");
    int flags = fcntl(FIRST_FD, F_GETFL);
    if (flags < 0 || fcntl(FIRST_FD, F_SETFL, flags | O_NONBLOCK) != 0 ||
        fcntl(FIRST_FD, F_SETFD, FD_CLOEXEC) != 0)
        return err_sys(err, "cannot use the socket it was started with");
    *out = FIRST_FD;
    return true;
}

void server_activation_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (path == NULL || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof to.sun_path)
        return;
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    memcpy(to.sun_path, path, strlen(path));
    if (path[0] == '@')
        to.sun_path[0] = 0; /* an abstract name */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ssize_t sent =
        fd < 0 ? -1 : sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to, len);
    (void)sent;
    fd_close(&fd);
}
