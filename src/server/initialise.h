/*
 * server/initialise.h -- start functions and `_initialize` run once, before workers start, in
 * processes of their own; what they leave is the snapshot that every instance begins with.
 *
 * A module whose initialisation calls a host function that is not the same for every request
 * (randomness, clocks, descriptors; for programs also arguments and environment) is initialised for
 * each of them instead, unless told otherwise.
 *
 * `weir initialise` is the process: it runs guest code with nothing but a memory file, a pipe and
 * the log, and ends. What it says and writes is not believed: the worst that code which has taken
 * it over can do is to choose what instances of its module, and of those behind it in the plan,
 * begin with; workers, which all modules share, would let it do as much.
 */
#pragma once
#include "base/buf.h"
#include "server/plan.h"

enum server_snapshot_mode { SERVER_SNAPSHOT_AUTO, SERVER_SNAPSHOT_ALWAYS, SERVER_SNAPSHOT_NEVER };

/* "auto", "always", "never": as --snapshot takes them. errors: ERR_USAGE. */
MUST_CHECK bool server_snapshot_mode_read(const struct config_text *from,
                                          enum server_snapshot_mode *out, struct err *err);

enum server_initialised {
    SERVER_INITIALISED_NEVER,   /* there is nothing to run */
    SERVER_INITIALISED_ONCE,    /* instances begin with a snapshot */
    SERVER_INITIALISED_REQUEST, /* each of them runs it */
};
struct server_initialisation {
    enum server_initialised when;
    u64 bytes;                 /* ONCE: that the snapshot takes */
    char reason[ERR_TEXT_MAX]; /* REQUEST: why; ONCE: why it had better not be, or empty */
};

struct server_initialise_options {
    enum server_snapshot_mode mode;
    int log_fd; /* for what it prints; -1: nowhere */
};

/* Initialises the modules of a plan one after the other, within the limits of their routes: the
 * longest time, the least memory; those of the plan for one without a route. modules: a copy of the
 * plan's, out: one for each. snapshots NULL: they are taken, but not kept; else *snapshots is a
 * sealed memory file of all of them, and modules say where theirs is.
 * returns owned: *snapshots. errors: ERR_TRAP (it trapped or used up a limit), ERR_SYSTEM (its
 * process died), and whatever making an instance says. */
MUST_CHECK bool server_initialise(const struct server_initialise_options *options,
                                  const struct server_plan *plan, struct server_module *modules,
                                  struct server_initialisation *out, int *snapshots,
                                  struct err *err);

/* "once, at the start: snapshot of 8192 bytes" */
void server_initialisation_write(const struct server_initialisation *initialisation,
                                 struct buf *out);

/* Becomes such a process. Returns an exit status. */
int server_initialiser_main(int argc, char **argv);
