/*
 * server/artifacts.h -- the artifacts of a running server, kept open by its supervisor: a worker
 * can be started again even when somebody has emptied the cache, or filled it anew.
 */
#pragma once
#include "server/plan.h"

struct server_artifacts;

/* Opens the files of modules. Those that cannot be opened (descriptors may run out) are left to
 * their luck. borrows: the modules, whose paths server_artifacts_restore changes.
 * returns owned: server_artifacts_destroy, when the modules are not used any more. */
void server_artifacts_create(struct server_artifacts **out, struct server_module *modules,
                             u32 count);
void server_artifacts_destroy(struct server_artifacts **artifacts); /* NULL is allowed */

/* Are they where their paths say? Those that are not are written into a private temporary folder,
 * and their paths say so. *changed: some do. errors: ERR_SYSTEM; ERR_LIMIT. */
MUST_CHECK bool server_artifacts_restore(struct server_artifacts *artifacts, bool *changed,
                                         struct err *err);
