/*
 * bench/bare_http.c -- the least an HTTP server can do: one process, epoll, one read and one write
 * a request. It does not look at what it read; every read is answered with the same response. The
 * CPU time it needs for a request is the machine's floor, against which Weir is measured.
 *
 * bare_http PORT   serves on 127.0.0.1:PORT until it is killed; "listening" on standard error.
 */
#include "base/types.h"
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS_MAX = 128, READ_MAX = 16384 };

/* As many bytes as Weir sends for the same endpoint. */
static const char response[] = "HTTP/1.1 200 OK\r\n"
                               "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
                               "Content-Type: application/json\r\n"
                               "Content-Length: 2\r\n"
                               "weir-request-id: 0123456789abcdef\r\n"
                               "\r\n"
                               "42";

static int listen_at(u16 port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(listener, (const struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener, 1024) != 0)
        return -1;
    return listener;
}

static void accept_all(int poll, int listener)
{
    for (;;) {
        int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client < 0)
            return;
        int on = 1;
        struct epoll_event event = {.events = EPOLLIN, .data.fd = client};
        if (setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
            epoll_ctl(poll, EPOLL_CTL_ADD, client, &event) != 0)
            close(client);
    }
}

static void answer(int client)
{
    char request[READ_MAX];
    ssize_t len = read(client, request, sizeof request);
    ssize_t want = sizeof response - 1;
    if (len <= 0 || write(client, response, (size_t)want) != want)
        close(client);
}

int main(int argc, char **argv)
{
    int listener = argc == 2 ? listen_at((u16)strtoul(argv[1], NULL, 10)) : -1;
    int poll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    if (listener < 0 || poll < 0 || epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event) != 0) {
        perror("bare_http");
        return 1;
    }
    fprintf(stderr, "listening on http://127.0.0.1:%s\n", argv[1]);
    for (;;) {
        struct epoll_event events[EVENTS_MAX];
        int count = epoll_wait(poll, events, EVENTS_MAX, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == listener)
                accept_all(poll, listener);
            else
                answer(events[i].data.fd);
        }
    }
}
