#include "proc/jail.h"
#include "base/file.h"
#include "base/sanitize.h"
#include "proc/jail_filters.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Rights newer than the system's header, by their fixed numbers. */
#define LANDLOCK_REFER     ((u64)1 << 13) /* ABI 2 */
#define LANDLOCK_TRUNCATE  ((u64)1 << 14) /* ABI 3 */
#define LANDLOCK_IOCTL_DEV ((u64)1 << 15) /* ABI 5 */
#define LANDLOCK_NET       ((u64)3)       /* ABI 4: bind and connect over TCP */
#define LANDLOCK_SCOPES    ((u64)3)       /* ABI 6: abstract Unix sockets and signals of others */

#define MDWE_SET              65 /* prctl of Linux 6.3 */
#define MDWE_REFUSE_EXEC_GAIN 1

#define FILE_BYTES_MAX ((u64)4 << 30)
#define COMPILER_NICE  10
#define FILES_MAX      64

/* ---- files: Landlock ---- */

struct ruleset {
    int fd; /* -1: this kernel has no Landlock */
    u64 file_rights;
};

static u64 landlock_file_rights(long abi)
{
    u64 rights = ((u64)LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
    if (abi >= 2)
        rights |= LANDLOCK_REFER;
    if (abi >= 3)
        rights |= LANDLOCK_TRUNCATE;
    if (abi >= 5)
        rights |= LANDLOCK_IOCTL_DEV;
    return rights;
}

/* A ruleset that takes away all that this kernel's Landlock knows. A kernel without it is accepted:
 * seccomp and the limits still hold, and the files are protected by ordinary permissions. */
static bool ruleset_open(struct ruleset *set, struct err *err)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    *set = (struct ruleset){.fd = -1};
    if (abi < 1)
        return true;
    struct {
        u64 handled_fs, handled_net, scoped;
    } attr = {landlock_file_rights(abi), LANDLOCK_NET, LANDLOCK_SCOPES};
    size_t known = abi >= 6 ? 3 : abi >= 4 ? 2 : 1;
    set->file_rights = attr.handled_fs;
    set->fd = (int)syscall(SYS_landlock_create_ruleset, &attr, known * sizeof(u64), 0);
    return set->fd >= 0 || err_sys(err, "cannot create a Landlock ruleset");
}

static bool ruleset_grant(const struct ruleset *set, const char *dir_path, u64 rights,
                          struct err *err)
{
    if (set->fd < 0)
        return true;
    int dir = open(dir_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct landlock_path_beneath_attr rule = {.allowed_access = set->file_rights & rights,
                                              .parent_fd = dir};
    bool ok = dir >= 0 &&
              syscall(SYS_landlock_add_rule, set->fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
    if (!ok)
        err_sys(err, "cannot grant a jailed process the folder %s", dir_path);
    fd_close(&dir);
    return ok;
}

/* For good. Closes the ruleset in any case. */
static bool ruleset_enforce(struct ruleset *set, struct err *err)
{
    bool ok = set->fd < 0 || syscall(SYS_landlock_restrict_self, set->fd, 0) == 0 ||
              err_sys(err, "cannot give up access to files");
    fd_close(&set->fd);
    return ok;
}

static bool confine_to_folder(const char *dir_path, struct err *err)
{
    const u64 rights = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                       LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                       LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_TRUNCATE;
    struct ruleset set;
    if (!ruleset_open(&set, err))
        return false;
    if (ruleset_grant(&set, dir_path, rights, err))
        return ruleset_enforce(&set, err);
    fd_close(&set.fd);
    return false;
}

/* The leak checker of sanitizers looks at the process from outside when it ends; see
 * jail_sanitizer.def. */
static bool give_up_files(struct err *err)
{
    const u64 rights = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
    struct ruleset set;
    if (!ruleset_open(&set, err))
        return false;
    if (!SANITIZED || ruleset_grant(&set, "/proc", rights, err))
        return ruleset_enforce(&set, err);
    fd_close(&set.fd);
    return false;
}

/* ---- limits ---- */

static bool limit_one(int resource, u64 soft, u64 hard, struct err *err)
{
    struct rlimit old;
    if (getrlimit((__rlimit_resource_t)resource, &old) != 0)
        return err_sys(err, "cannot read a resource limit");
    struct rlimit limit = {.rlim_cur = min_u64(soft, old.rlim_max),
                           .rlim_max = min_u64(hard, old.rlim_max)};
    if (setrlimit((__rlimit_resource_t)resource, &limit) != 0)
        return err_sys(err, "cannot set a resource limit");
    return true;
}

static bool limit_resources(u64 cpu_s, u64 memory_bytes, struct err *err)
{
    if (cpu_s > 0 && !limit_one(RLIMIT_CPU, cpu_s, cpu_s + 1, err))
        return false;
    /* The sanitizer's shadow memory alone passes any sensible limit on address space. */
    if (memory_bytes > 0 && !SANITIZED && !limit_one(RLIMIT_AS, memory_bytes, memory_bytes, err))
        return false;
    return limit_one(RLIMIT_CORE, 0, 0, err) &&
           limit_one(RLIMIT_FSIZE, FILE_BYTES_MAX, FILE_BYTES_MAX, err) &&
           limit_one(RLIMIT_NOFILE, FILES_MAX, FILES_MAX, err);
}

/* ---- system calls: seccomp ---- */

/* Loads what tools/jail_filters.c has made of a table, for all threads. Nothing is allocated. */
static bool filter_system_calls(const struct sock_filter *filter, size_t len, struct err *err)
{
    struct sock_filter own[JAIL_FILTER_MAX];
    struct sock_fprog program = {.len = (unsigned short)len, .filter = own};
    for (size_t i = 0; i < len; i++) {
        own[i] = filter[i];
        if (own[i].k == JAIL_OWN_PID)
            own[i].k = (u32)getpid();
    }
    long result =
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
    if (result > 0)
        errno = EBUSY; /* a thread of that number has a filter of its own */
    return result == 0 || err_sys(err, "cannot load the seccomp filter");
}

static bool give_up_privileges(struct err *err)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 || err_sys(err, "cannot give up privileges");
}

/* ---- the three jails ---- */

bool proc_jail_compiler(const char *dir_path, u64 cpu_s, u64 memory_bytes, struct err *err)
{
    setpriority(PRIO_PROCESS, 0, COMPILER_NICE); /* who serves goes first */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return err_sys(err, "cannot give up privileges");
    return give_up_privileges(err) && confine_to_folder(dir_path, err) &&
           limit_resources(cpu_s, memory_bytes, err) &&
           filter_system_calls(compiler_filter, COUNT_OF(compiler_filter), err);
}

void proc_forbid_new_code(void)
{
    int done = prctl(MDWE_SET, MDWE_REFUSE_EXEC_GAIN, 0, 0, 0);
    (void)done;
}

bool proc_jail_worker(struct err *err)
{
    return give_up_privileges(err) && give_up_files(err) &&
           filter_system_calls(worker_filter, COUNT_OF(worker_filter), err);
}

bool proc_jail_helper(struct err *err)
{
    return give_up_privileges(err) &&
           filter_system_calls(helper_filter, COUNT_OF(helper_filter), err);
}
