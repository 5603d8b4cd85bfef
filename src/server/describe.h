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

struct server_offers {
    const struct server_offer *items; /* in the order of their names */
    u32 count;
    bool is_program; /* it runs once for every request, whatever the path; there are no items */
};

/* Lists the endpoints of a loaded module. signature: the text of the file FILE.sig beside it, whose
 * name messages use; bytes NULL: there is none. memory: arena.
 * errors: ERR_SIGNATURE, ERR_LIMIT. */
MUST_CHECK bool server_describe(struct rt_module *module, struct rt_text signature,
                                const char *file, struct arena *arena, struct server_offers *out,
                                struct err *err);
