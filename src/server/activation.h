/*
 * server/activation.h -- the protocol between a service manager and a service: sockets that it has
 * opened, and news that it wants. All of it is environment; without it nothing happens.
 * spec: sd_listen_fds(3), sd_notify(3)
 */
#pragma once
#include "base/err.h"

/* The listening socket that this process was started with; out -1: none was. It does not wait and
 * is not passed on; nor are the variables. errors: ERR_USAGE (several sockets, or no stream that
 * listens). returns owned. */
MUST_CHECK bool server_activation_listener(int *out, struct err *err);

/* Tells the manager "READY=1" or the like; who there is none, or it does not listen, is nothing. */
void server_activation_notify(const char *state);
