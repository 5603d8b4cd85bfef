/*
 * server/listener.h -- the socket that clients connect to: of a service manager, else at an
 * address, "HOST:PORT", "[V6]:PORT" or ":PORT" (all addresses).
 */
#pragma once
#include "config/config.h"

#define SERVER_HOST_MAX 256
#define SERVER_URL_MAX  (SERVER_HOST_MAX + 32)

/* Could it be listened on, as far as that is known without binding it?
 * errors: ERR_USAGE (it is none, or nobody knows it). */
MUST_CHECK bool server_listener_check(const struct config_text *address, struct err *err);

/* Takes the address, so that nobody else can, but not a client yet: they are refused. A socket of a
 * service manager goes before the address; its clients wait.
 * returns owned: *out. errors: ERR_USAGE, ERR_SYSTEM. */
MUST_CHECK bool server_listener_bind(const struct config_text *address, int *out, struct err *err);

/* From here on clients are let in; url: as they write it. errors: ERR_SYSTEM. */
MUST_CHECK bool server_listener_open(const struct config_text *address, int fd,
                                     char url[SERVER_URL_MAX], struct err *err);
