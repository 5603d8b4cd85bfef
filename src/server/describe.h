/*
 * server/describe.h -- what a server would offer of a module, for who looks before serving it.
 */
#pragma once
#include "base/arena.h"
#include "runtime/runtime.h"

struct server_offer {
    const char *path;      /* "/dot": as in a server of this module alone */
    const char *signature; /* "dot(n: i32) -> f64", one plain line */
};

/* Lists the endpoints of a loaded module in the order of their names; memory: arena.
 * Returns how many. */
u32 server_describe(struct rt_module *module, struct arena *arena, const struct server_offer **out);
