#include "server/listener.h"
#include "base/file.h"
#include "server/activation.h"
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BACKLOG 4096

static bool split(const struct config_text *address, char host[SERVER_HOST_MAX], const char **port,
                  struct err *err)
{
    const char *text = address->text, *colon = strrchr(text, ':');
    size_t len = colon == NULL ? 0 : (size_t)(colon - text);
    bool is_v6 = len >= 2 && text[0] == '[' && text[len - 1] == ']';
    size_t digits = colon == NULL ? 0 : strspn(colon + 1, "0123456789");
    if (digits == 0 || digits > 5 || colon[1 + digits] != 0 || atoi(colon + 1) > UINT16_MAX ||
        len >= SERVER_HOST_MAX || (!is_v6 && memchr(text, ':', len) != NULL))
        return err_set(err, ERR_USAGE, ERR_NO_AT,
                       "%s takes HOST:PORT, for example 127.0.0.1:8080, not \"%s\"", address->key,
                       text);
    memcpy(host, text + is_v6, len - 2 * is_v6);
    host[len - 2 * is_v6] = 0;
    *port = colon + 1;
    return true;
}

/* returns owned: freeaddrinfo */
static bool resolve(const struct config_text *address, struct addrinfo **out, struct err *err)
{
    char host[SERVER_HOST_MAX];
    const char *port = NULL;
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    if (!split(address, host, &port, err))
        return false;
    int bad = getaddrinfo(host[0] == 0 ? NULL : host, port, &hints, out);
    return bad == 0 || err_set(err, ERR_USAGE, ERR_NO_AT, "%s %s: %s", address->key, address->text,
                               gai_strerror(bad));
}

bool server_listener_check(const struct config_text *address, struct err *err)
{
    struct addrinfo *found;
    if (!resolve(address, &found, err))
        return config_fail_at(address->at, err);
    freeaddrinfo(found);
    return true;
}

static bool fail(const struct config_text *address, struct err *err)
{
    int why = errno;
    const char *advice = why == EADDRINUSE ? "choose another port with "
                         : why == EACCES   ? "ports below 1024 need more rights"
                                           : "is it an address of this machine?";
    err_set(err, ERR_SYSTEM, ERR_NO_AT, "cannot listen on %s: %s; %s%s", address->text,
            strerror(why), advice, why == EADDRINUSE ? address->key : "");
    return config_fail_at(address->at, err);
}

static bool bind_to(const struct config_text *address, const struct addrinfo *at, int *out,
                    struct err *err)
{
    int one = 1;
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_sys(err, "cannot make a socket for %s", address->text);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, at->ai_addr, at->ai_addrlen) == 0) {
        *out = fd;
        return true;
    }
    fail(address, err);
    fd_close(&fd);
    return false;
}

bool server_listener_bind(const struct config_text *address, int *out, struct err *err)
{
    if (!server_activation_listener(out, err))
        return false;
    if (*out >= 0)
        return true;
    struct addrinfo *found = NULL;
    if (!resolve(address, &found, err))
        return config_fail_at(address->at, err);
    bool ok = bind_to(address, found, out, err);
    freeaddrinfo(found);
    return ok;
}

static bool name_socket(int fd, char url[SERVER_URL_MAX], struct err *err)
{
    struct sockaddr_storage at;
    socklen_t len = sizeof at;
    char host[SERVER_HOST_MAX], port[16];
    if (getsockname(fd, (struct sockaddr *)&at, &len) != 0)
        return err_sys(err, "cannot tell the address of the listening socket");
    if (at.ss_family == AF_UNIX) {
        snprintf(url, SERVER_URL_MAX, "a Unix socket");
        return true;
    }
    if (getnameinfo((struct sockaddr *)&at, len, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return err_sys(err, "cannot tell the address of the listening socket");
    bool is_v6 = strchr(host, ':') != NULL;
    snprintf(url, SERVER_URL_MAX, "http://%s%s%s:%s", is_v6 ? "[" : "", host, is_v6 ? "]" : "",
             port);
    return true;
}

bool server_listener_open(const struct config_text *address, int fd, char url[SERVER_URL_MAX],
                          struct err *err)
{
    int is_open = 0;
    socklen_t len = sizeof is_open;
    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_open, &len);
    if (!is_open && listen(fd, BACKLOG) != 0)
        return fail(address, err);
    return name_socket(fd, url, err);
}
