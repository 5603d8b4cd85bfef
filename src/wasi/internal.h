/*
 * wasi/internal.h -- what the files of this folder share. No other folder includes it.
 */
#pragma once
#include "wasi/wasi.h"
#include <sys/uio.h>

/* ---- numbers and layouts of preview 1 ---- */

enum {
#define WASI_RIGHT(name, kinds) WASI_RIGHT_BIT_##name,
#include "wasi/right.def"
#undef WASI_RIGHT
    WASI_RIGHT_COUNT
};
#define WASI_RIGHT_OF(name) ((u64)1 << WASI_RIGHT_BIT_##name)
#define WASI_RIGHTS_ALL     (((u64)1 << WASI_RIGHT_COUNT) - 1)
#define WASI_RIGHTS_SOCKET  (WASI_RIGHT_OF(SOCK_SHUTDOWN) | WASI_RIGHT_OF(SOCK_ACCEPT))

enum wasi_filetype {
    WASI_FILETYPE_UNKNOWN,
    WASI_FILETYPE_BLOCK,
    WASI_FILETYPE_CHARACTER,
    WASI_FILETYPE_DIRECTORY,
    WASI_FILETYPE_REGULAR,
    WASI_FILETYPE_SOCKET_DGRAM,
    WASI_FILETYPE_SOCKET_STREAM,
    WASI_FILETYPE_SYMLINK
};
/* Bits. */
enum wasi_fdflag {
    WASI_FDFLAG_APPEND = 1,
    WASI_FDFLAG_DSYNC = 2,
    WASI_FDFLAG_NONBLOCK = 4,
    WASI_FDFLAG_RSYNC = 8,
    WASI_FDFLAG_SYNC = 16,
    WASI_FDFLAGS_ALL = 31
};
/* Bits. */
enum wasi_oflag {
    WASI_OFLAG_CREAT = 1,
    WASI_OFLAG_DIRECTORY = 2,
    WASI_OFLAG_EXCL = 4,
    WASI_OFLAG_TRUNC = 8,
    WASI_OFLAGS_ALL = 15
};
/* Bits. */
enum wasi_fstflag {
    WASI_FSTFLAG_ATIM = 1,
    WASI_FSTFLAG_ATIM_NOW = 2,
    WASI_FSTFLAG_MTIM = 4,
    WASI_FSTFLAG_MTIM_NOW = 8,
    WASI_FSTFLAGS_ALL = 15
};
#define WASI_LOOKUP_FOLLOW 1u
enum wasi_whence { WASI_WHENCE_SET, WASI_WHENCE_CUR, WASI_WHENCE_END };
enum wasi_clock {
    WASI_CLOCK_REALTIME,
    WASI_CLOCK_MONOTONIC,
    WASI_CLOCK_PROCESS,
    WASI_CLOCK_THREAD
};

#define WASI_IOVEC_BYTES    8u
#define WASI_FDSTAT_BYTES   24u
#define WASI_FILESTAT_BYTES 64u
#define WASI_DIRENT_BYTES   24u
#define WASI_SUB_BYTES      48u
#define WASI_SUB_MAX        56u /* of wasi_unstable */
#define WASI_EVENT_BYTES    32u

/* ---- bounds ---- */

#define WASI_PATH_MAX  4096u               /* with the final zero */
#define WASI_IOVS_MAX  1024u               /* of one call */
#define WASI_IOV_PART  32u                 /* handed to the system at once; none of them empty */
#define WASI_PIECE_MAX ((size_t)256 << 10) /* bytes moved at once; then others may run */
#define WASI_SUBS_MAX  256u                /* of one poll */
#define WASI_TEXTS_MAX MIB                 /* arguments and environment */

/* ---- fs.c: everything on files that may block, as one request and one function ---- */

enum wasi_op_kind {
#define WASI_OP(name, field, fds, paths, bytes, changes) WASI_OP_##name,
#include "wasi/op.def"
#undef WASI_OP
    WASI_OP_COUNT
};
struct wasi_op_request { /* plain numbers; what they mean depends on kind, see fs.c */
    u32 kind;
    u32 flags;
    u64 a, b;
};
struct wasi_stat {
    u64 dev, ino, nlink, size, atim, mtim, ctim; /* times in ns */
    u32 filetype;                                /* enum wasi_filetype */
    u32 mode;                                    /* of the host */
};
struct wasi_op_reply {
    u32 error;  /* enum wasi_errno */
    u32 at_end; /* 1: a directory has no more entries */
    u64 value;  /* bytes moved, new offset */
    u64 cookie; /* of the next entry */
    struct wasi_stat stat;
};
struct wasi_op {
    struct wasi_op_request request;
    int fds[2];                      /* borrowed; -1: none */
    const char *paths[2];            /* zero-terminated, below WASI_PATH_MAX; NULL: none */
    struct iovec iov[WASI_IOV_PART]; /* bytes to write, or room for those read */
    u32 iov_count;
    struct wasi_op_reply reply;
    int opened; /* of OPEN, on success: owned by the caller */
};
#define WASI_OP_PARTIAL 1u            /* flag of READDIR: the last entry may be cut off */
void wasi_op_run(struct wasi_op *op); /* in this process, and this is what the helper does */
bool wasi_op_changes(const struct wasi_op *op); /* files or folders */
size_t wasi_iov_bytes(const struct iovec *iov, u32 count);
enum wasi_errno wasi_errno_of(int host);
u32 wasi_filetype_of(u32 mode);

/* ---- guest.c: descriptors ---- */

enum wasi_fd_kind {
    WASI_FD_FREE,
    WASI_FD_FILE, /* regular file, device */
    WASI_FD_DIR,
    WASI_FD_STREAM, /* pipe, terminal, socket: waits through the loop */
    WASI_FD_CALLER, /* struct wasi_stream */
};
struct wasi_fd {
    enum wasi_fd_kind kind;
    int host;         /* -1: none */
    bool is_owned;    /* host is closed with it */
    bool is_nonblock; /* host answers EAGAIN */
    bool is_socket;
    u32 filetype;
    u32 flags; /* enum wasi_fdflag */
    u64 base, inheriting;
    char *preopen; /* owned; NULL: not preopened */
    struct wasi_stream *stream;
};
/* Always ready, and moved by operations of fs.c. */
static inline bool wasi_fd_is_file(const struct wasi_fd *fd)
{
    return fd->kind == WASI_FD_FILE || fd->kind == WASI_FD_DIR;
}
struct wasi_guest {
    struct wasi_options options;
    struct wasi_fd *fds;
    u32 fd_cap, fd_count; /* places; open ones */
    u32 exit_code;
    bool has_exited, had_effect;
};
struct wasi_guest *wasi_guest_of(const struct rt_instance *instance); /* may be NULL */
/* The open descriptor with these rights, or the error. */
enum wasi_errno wasi_fd_get(struct wasi_guest *guest, u32 number, u64 rights, struct wasi_fd **out);
/* The lowest free place from 3; fills *fd into it. WASI_MFILE: no place. Takes fd->host on success.
 */
enum wasi_errno wasi_fd_put(struct wasi_guest *guest, const struct wasi_fd *fd, u32 *number);
void wasi_fd_close(struct wasi_guest *guest, struct wasi_fd *fd);
/* Makes a descriptor of a host one by what it is; rights: all that apply. errno on failure. */
MUST_CHECK bool wasi_fd_make(struct wasi_fd *out, int host);
u64 wasi_rights_of(const struct wasi_fd *fd); /* that apply to its kind */
u64 wasi_rights_inherited(void);              /* those of a preopened directory */

/* Runs op here or in the guest's helper, suspending the fiber; its iov must then be one part that
 * is guest memory. */
void wasi_op_call(struct rt_instance *instance, struct wasi_op *op);

/* --- helper.c
 * ------------------------------------------------------------------------------------- */

#define WASI_MESSAGE_MAX ((size_t)64 << 10) /* bytes that an operation of the helper moves */
void wasi_helper_call(struct wasi_helper *helper, struct sched_task *task, struct wasi_op *op);

/* --- wait.c: suspension
 * ---------------------------------------------------------------------------- */

struct wasi_interest { /* fd and events are the caller's */
    struct wasi_fd *fd;
    u32 events; /* enum loop_event */
    struct loop_watch watch;
    struct wasi_wait *wait;
    bool is_watched;
};
/* Suspends until something may have happened on one of the interests, or deadline_ns (monotonic;
 * UINT64_MAX: none) is over. Ends every view of guest memory. WASI_IO: cannot watch. */
enum wasi_errno wasi_wait(struct rt_instance *instance, struct wasi_interest *items, u32 count,
                          u64 deadline_ns);
enum wasi_errno wasi_wait_fd(struct rt_instance *instance, struct wasi_fd *fd, u32 events);
/* Lets the others run: between the pieces of a long host call. */
void wasi_yield(struct rt_instance *instance);

/* --- stream.c: descriptors that may have to wait
 * ----------------------------------------------------- */

/* One attempt; WASI_AGAIN: it would block. *done: bytes moved, 0 when reading: the end. */
enum wasi_errno wasi_stream_read(struct wasi_fd *fd, const struct iovec *iov, u32 count, u64 *done);
enum wasi_errno wasi_stream_write(struct wasi_fd *fd, const struct iovec *iov, u32 count,
                                  u64 *done);
bool wasi_stream_is_ready(struct wasi_fd *fd, u32 event, bool *hangup, u64 *bytes);

/* --- p1_*.c: the functions
 * ------------------------------------------------------------------------------ */

/* The only way from a guest's pointer to its bytes, as rt_memory_view. */
static inline u8 *wasi_bytes(struct rt_instance *instance, u32 addr, u64 len)
{
    return rt_memory_view(instance, addr, len);
}
MUST_CHECK bool wasi_store(struct rt_instance *instance, u32 addr, const void *value, size_t len);
MUST_CHECK bool wasi_store_u32(struct rt_instance *instance, u32 addr, u32 value);
MUST_CHECK bool wasi_store_u64(struct rt_instance *instance, u32 addr, u64 value);
MUST_CHECK bool wasi_store_filestat(struct rt_instance *instance, u32 addr,
                                    const struct wasi_stat *stat);
bool wasi_are_fstflags(u32 flags); /* known ones, none both to a time and to now */
u32 wasi_load_u32(const u8 *bytes);
u64 wasi_load_u64(const u8 *bytes);

typedef u32 host__i(struct rt_instance *);
typedef void host_i_(struct rt_instance *, u32);
typedef u32 host_i_i(struct rt_instance *, u32);
typedef u32 host_ii_i(struct rt_instance *, u32, u32);
typedef u32 host_iii_i(struct rt_instance *, u32, u32, u32);
typedef u32 host_iiii_i(struct rt_instance *, u32, u32, u32, u32);
typedef u32 host_iiiii_i(struct rt_instance *, u32, u32, u32, u32, u32);
typedef u32 host_iiiiii_i(struct rt_instance *, u32, u32, u32, u32, u32, u32);
typedef u32 host_iiiiiii_i(struct rt_instance *, u32, u32, u32, u32, u32, u32, u32);
typedef u32 host_iI_i(struct rt_instance *, u32, u64);
typedef u32 host_iII_i(struct rt_instance *, u32, u64, u64);
typedef u32 host_iIi_i(struct rt_instance *, u32, u64, u32);
typedef u32 host_iIii_i(struct rt_instance *, u32, u64, u32, u32);
typedef u32 host_iIIi_i(struct rt_instance *, u32, u64, u64, u32);
typedef u32 host_iiiIi_i(struct rt_instance *, u32, u32, u32, u64, u32);
typedef u32 host_iiiiIIi_i(struct rt_instance *, u32, u32, u32, u32, u64, u64, u32);
typedef u32 host_iiiiiIIii_i(struct rt_instance *, u32, u32, u32, u32, u32, u64, u64, u32, u32);
#define HOST(field, signature, params, flags, unstable) host_##signature wasi_p1_##field;
#include "wasi/p1.def"
#undef HOST

/* ---- unstable.c: those that the older module had otherwise ---- */

host_iIii_i wasi_unstable_fd_seek;
host_ii_i wasi_unstable_fd_filestat_get;
host_iiiii_i wasi_unstable_path_filestat_get;
host_iiii_i wasi_unstable_poll_oneoff;
/* What they share with their successors. */
u32 wasi_fd_stat(struct rt_instance *instance, u32 number, struct wasi_stat *out);
u32 wasi_path_stat(struct rt_instance *instance, u32 fd, u32 lookup, u32 path, u32 path_len,
                   struct wasi_stat *out);
struct wasi_poll_layout { /* of a subscription, in bytes */
    u32 size;
    u32 clock; /* where the clock's id is; its timeout is 8 behind it, its flags 24 */
};
u32 wasi_poll(struct rt_instance *instance, u32 in, u32 out, u32 count, u32 nevents,
              const struct wasi_poll_layout *layout);
