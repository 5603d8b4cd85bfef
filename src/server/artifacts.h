/*
 * server/artifacts.h -- the artifacts of a running server, kept open by its supervisor: a worker
 * can be started again even when somebody has emptied the cache, or filled it anew.
 */
#pragma once
#include "server/plan.h"

struct server_artifacts;

/* Opens the files of the plan's modules, and makes *plan a copy whose modules are these. Files that
 * cannot be opened (descriptors may run out) are left to their luck.
 * returns owned: server_artifacts_destroy, when the plan is not used any more. */
void server_artifacts_create(struct server_artifacts **out, struct server_plan *plan);
void server_artifacts_destroy(struct server_artifacts **artifacts); /* NULL is allowed */

/* Are they where the plan says? Those that are not are written into a private temporary folder, and
 * the plan says so. *changed: it does. errors: ERR_SYSTEM; ERR_LIMIT. */
MUST_CHECK bool server_artifacts_restore(struct server_artifacts *artifacts, bool *changed,
                                         struct err *err);
