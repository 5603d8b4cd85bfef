/*
 * wasi/wasi.h -- WASI preview 1: what a program gets from its host, files, streams, clocks, random
 * numbers, arguments; and the guest that holds them during one run.
 *
 * Spec:     wasi_snapshot_preview1 (witx), all 46 functions; the rows are in wasi/p1.def.
 * Grants:   a guest can reach only what was added to it. Clocks and random numbers are for all.
 *           Paths are resolved by the kernel below their directory (openat2, RESOLVE_BENEATH).
 * Blocking: a call that must wait suspends its fiber; a killed one releases what it held. File
 *           operations run in this process, or in a helper process if the guest has one.
 * Lifetime: a guest outlives the task it is given to (sched_call.guest) and belongs to one task at
 *           a time. A call without a guest has no descriptors, arguments or environment.
 * Threads:  one.
 */
#pragma once
#include "sched/sched.h"
#include <sys/types.h>

struct wasi_guest;
struct wasi_helper;

/* Offers the functions to all modules of an engine. */
void wasi_host_add(struct rt_engine *engine);

enum wasi_errno {
#define WASI_ERRNO(name, host) WASI_##name,
#include "wasi/errno.def"
#undef WASI_ERRNO
    WASI_ERRNO_COUNT
};

/* --- a guest ---------------------------------------------------------------------------------- */

#define WASI_FDS_MAX 1024 /* the default of wasi_options.fds_max */

struct wasi_options {                     /* borrowed until wasi_guest_destroy */
    const char *const *args, *const *env; /* zero-terminated texts; "NAME=VALUE" */
    u32 arg_count, env_count;
    u32 fds_max;                /* descriptors at the same time; 0: WASI_FDS_MAX */
    struct wasi_helper *helper; /* runs its file operations; NULL: they run in this process */
};

/* options NULL: nothing. returns owned: wasi_guest_destroy. errors: ERR_LIMIT (arguments and
 * environment together above 1 MiB). */
MUST_CHECK bool wasi_guest_create(struct wasi_guest **out, const struct wasi_options *options,
                                  struct err *err);
/* What a guest has is closed, and it becomes as a new one with these options: what it had allocated
 * is used again. Not while it runs. errors: as above; it is empty then. */
MUST_CHECK bool wasi_guest_renew(struct wasi_guest *guest, const struct wasi_options *options,
                                 struct err *err);
void wasi_guest_destroy(struct wasi_guest **guest); /* closes what is its own; not while it runs */

/* Adds a directory under this name at the lowest free descriptor from 3.
 * errors: ERR_SYSTEM (it cannot be opened), ERR_LIMIT. */
MUST_CHECK bool wasi_guest_add_dir(struct wasi_guest *guest, const char *host_path,
                                   const char *name, struct err *err);

/* The same for a directory that the caller has open; so one open serves many guests. borrows: fd,
 * until the guest is destroyed. errors: ERR_SYSTEM, ERR_LIMIT. */
MUST_CHECK bool wasi_guest_lend_dir(struct wasi_guest *guest, int fd, const char *name,
                                    struct err *err);

/* Gives host descriptor fd to the guest as its `number`, which must be free: a file, pipe, terminal
 * or socket; what may be done follows from how it was opened. borrows: fd, until the guest is
 * destroyed; its status flags are not changed (a pipe or terminal is opened anew for waiting).
 * errors: ERR_SYSTEM (fd is not open), ERR_LIMIT. */
MUST_CHECK bool wasi_guest_add_host(struct wasi_guest *guest, u32 number, int fd, struct err *err);

/* A stream whose bytes the caller makes or takes, such as a request's body or a response. */
enum wasi_direction { WASI_IN = 1, WASI_OUT = 2 }; /* bits */
struct wasi_wait;
struct wasi_stream;
struct wasi_stream_ops {
    /* Moves at most len bytes. Returns WASI_SUCCESS and how many in *done (for read 0: the end), an
     * error, or WASI_AGAIN: nothing can move, wasi_stream_wake will say when. NULL: no such
     * direction. Called on the guest's fiber; the bytes are its memory. */
    enum wasi_errno (*read)(struct wasi_stream *stream, void *bytes, size_t len, size_t *done);
    enum wasi_errno (*write)(struct wasi_stream *stream, const void *bytes, size_t len,
                             size_t *done);
    /* Would read or write answer anything but WASI_AGAIN? */
    bool (*is_ready)(struct wasi_stream *stream, enum wasi_direction direction);
    void (*close)(
        struct wasi_stream *stream); /* the guest has closed it, or is gone; may be NULL */
};
struct wasi_stream { /* a member of the caller's structure */
    const struct wasi_stream_ops *ops;
    struct wasi_wait *wait; /* NULL at first; the rest of its life belongs to this library */
};
/* borrows: stream, until its close is called. errors: ERR_LIMIT. */
MUST_CHECK bool wasi_guest_add_stream(struct wasi_guest *guest, u32 number,
                                      struct wasi_stream *stream, struct err *err);
/* Lets a guest that waits for the stream look again. Any time but on a fiber. */
void wasi_stream_wake(struct wasi_stream *stream);
bool wasi_stream_is_awaited(const struct wasi_stream *stream); /* does one? */

/* Has the guest called proc_exit (its task ended with ABI_TRAP_EXIT), and with what code? */
bool wasi_guest_has_exited(const struct wasi_guest *guest, u32 *code);

/* Has it changed files, so that running it again elsewhere would change them twice? */
bool wasi_guest_had_effect(const struct wasi_guest *guest);

u32 wasi_guest_fd_count(const struct wasi_guest *guest); /* open descriptors */

/* ---- the helper process ---- */

/* Makes a connected SOCK_SEQPACKET descriptor with a new helper at its other end.
 * returns owned: *fd, or -1: it comes later, by wasi_helper_started; *pid, which is the process, or
 * 0 if somebody else waits for it. */
typedef bool wasi_helper_start_fn(void *arg, int *fd, pid_t *pid, struct err *err);

/* One helper for all guests of a worker: the running program, started again as `weir helper`. When
 * it dies the calls it was running fail with EIO, and the next one starts it again.
 * start NULL: wasi_helper_spawn. errors: ERR_SYSTEM. returns owned: wasi_helper_destroy. */
MUST_CHECK bool wasi_helper_create(struct wasi_helper **out, struct loop *loop,
                                   wasi_helper_start_fn *start, void *arg, struct err *err);
/* The end of a start that was not over when it returned. Takes fd; -1: there is no helper, and the
 * calls that waited for it fail. Nothing but fd's end happens if none was awaited. */
void wasi_helper_started(struct wasi_helper *helper, int fd);
void wasi_helper_destroy(
    struct wasi_helper **helper); /* ends the process; no call may be pending */
MUST_CHECK bool wasi_helper_spawn(void *arg, int *fd, pid_t *pid, struct err *err);
pid_t wasi_helper_pid(const struct wasi_helper *helper); /* 0: none runs */

/* main of the helper process, with its socket as descriptor 3. */
int wasi_helper_main(int argc, char **argv);
