/*
 * server/control.h -- the control process, which answers on a Unix socket what a server does, and
 * that socket.
 *
 * The supervisor makes the socket, so that it survives the process, and starts the process as
 * `weir control URL` with inherited descriptors. The process holds the scoreboard for reading and
 * the names of routes and modules: no key, no variables. It keeps nothing; whoever kills it loses
 * the answer that was on its way.
 *
 * It is jailed as a worker is before it reads anything.
 *
 * Who may open the socket may ask: it has mode 0600, in a folder of mode 0700 unless a path was
 * given.
 */
#pragma once
#include "loop/loop.h"
#include "server/plan.h"
#include "server/scoreboard.h"
#include <sys/types.h>
#include <sys/un.h>

/* ---- the socket: control_socket.c ---- */

#define SERVER_CONTROL_NONE     "none" /* in place of a path */
#define SERVER_CONTROL_SUFFIX   ".sock"
#define SERVER_CONTROL_PATH_MAX sizeof(((struct sockaddr_un *)0)->sun_path)

struct server_control_socket {
    int fd; /* listening, non-blocking; -1: none */
    char path[SERVER_CONTROL_PATH_MAX];
    dev_t device; /* of the file, to know it again */
    ino_t inode;
};

/* The folder of sockets without a given path: $XDG_RUNTIME_DIR/weir if that is ours, else
 * /tmp/weir-UID. errors: ERR_LIMIT (it is too long). */
MUST_CHECK bool server_control_folder(char out[SERVER_CONTROL_PATH_MAX], struct err *err);

/* Opens that folder, which must be the user's own and closed to all others. is_new: makes it if
 * need be. returns owned: a descriptor, or -1. errors: ERR_SYSTEM. */
int server_control_folder_open(const char *folder, bool is_new, struct err *err);

/* Makes the socket at path, or at NAME.sock in that folder if path is NULL. What a dead server has
 * left there is replaced. errors: ERR_SYSTEM, ERR_LIMIT (the path is too long). */
MUST_CHECK bool server_control_listen(struct server_control_socket *out, const char *path,
                                      const char *name, struct err *err);

/* Could it be made at this path? Nothing is; a server that runs there already is no reason against
 * it. errors: as server_control_listen. */
MUST_CHECK bool server_control_check(const struct config_text *path, struct err *err);

/* Closes the socket and removes its file, unless another has taken its place. */
void server_control_unlisten(struct server_control_socket *control);

/* returns owned: a connected descriptor, or -1. errors: ERR_NOT_FOUND (no server is there),
 * ERR_LIMIT, ERR_SYSTEM. */
int server_control_connect(const char *path, struct err *err);

/* ---- the process: control_main.c, control.c ---- */

/* Its descriptors, in the order they are passed. */
enum control_fd { CONTROL_FD_LISTENER, CONTROL_FD_BOARD, CONTROL_FD_PLAN, CONTROL_FDS };

/* The descriptors of the scoreboard and the plan for it: the first cannot be made writable, the
 * second has no secrets. returns owned: -1 for an error. errors: ERR_SYSTEM, ERR_LIMIT. */
int server_control_board(int board_fd, struct err *err);
int server_control_plan(const struct server_plan *plan, struct err *err);

struct server_control_config {
    int listener_fd;
    const char *url; /* where the server listens */
    struct server_plan plan;
    struct scoreboard *board; /* mapped for reading */
    u32 worker_count;
};

/* Jails itself, and serves until SIGTERM. errors: ERR_SYSTEM: why it could not start. */
MUST_CHECK bool server_control_run(const struct server_control_config *config, struct err *err);

/* Becomes the control process. Returns an exit status. */
int server_control_main(int argc, char **argv);
