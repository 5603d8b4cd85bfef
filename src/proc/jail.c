#include "proc/jail.h"
#include "base/file.h"
#include "base/sanitize.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
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

#define PAGEMAP_SCAN 0xc0606610u /* of Linux 6.7; runtime/reset.c */

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

/* The bits of an argument under a mask have this value. mask 0: no condition. */
struct condition {
    u32 arg;
    u64 mask, value;
};
struct rule { /* a row of a table */
    int call;
    u32 action;
    bool is_own; /* its first argument is this process */
    struct condition conditions[2];
};
struct rules {
    const struct rule *rows;
    size_t count;
};

/* The columns of the tables. Integers are compared as the kernel takes them, by 32 bits. */
#define ALLOW(name)                 {SCMP_SYS(name), SCMP_ACT_ALLOW, false, {{0, 0, 0}}},
#define ALLOW_OWN(name)             {SCMP_SYS(name), SCMP_ACT_ALLOW, true, {{0, 0, 0}}},
#define ALLOW_IF(name, ...)         {SCMP_SYS(name), SCMP_ACT_ALLOW, false, {__VA_ARGS__}},
#define REFUSE(name, error)         {SCMP_SYS(name), SCMP_ACT_ERRNO(error), false, {{0, 0, 0}}},
#define REFUSE_IF(name, error, ...) {SCMP_SYS(name), SCMP_ACT_ERRNO(error), false, {__VA_ARGS__}},
#define REFUSE_OPEN(name)                                                                          \
    {SCMP_SYS(name), SANITIZED ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EACCES), false, {{0, 0, 0}}},
#define IS(arg, value)  {arg, UINT32_MAX, value}
#define IS_NULL(arg)    {arg, UINT64_MAX, 0}
#define HAS(arg, bit)   {arg, bit, bit}
#define LACKS(arg, bit) {arg, bit, 0}

static const struct rule compiler_rules[] = {
#include "proc/jail_compiler.def"
};
static const struct rule worker_rules[] = {
#include "proc/jail_worker.def"
};
static const struct rule helper_rules[] = {
#include "proc/jail_helper.def"
};
static const struct rule sanitizer_rules[] = {
#include "proc/jail_sanitizer.def"
};

static bool add_rules(scmp_filter_ctx filter, const struct rule *rules, size_t count)
{
    int bad = 0;
    for (size_t i = 0; i < count; i++) {
        struct scmp_arg_cmp compares[3];
        u32 used = 0;
        for (u32 k = 0; k < COUNT_OF(rules[i].conditions); k++) {
            const struct condition *condition = &rules[i].conditions[k];
            if (condition->mask != 0)
                compares[used++] = (struct scmp_arg_cmp){condition->arg, SCMP_CMP_MASKED_EQ,
                                                         condition->mask, condition->value};
        }
        if (rules[i].is_own)
            compares[used++] =
                (struct scmp_arg_cmp){0, SCMP_CMP_MASKED_EQ, UINT32_MAX, (u64)getpid()};
        bad |= seccomp_rule_add_array(filter, rules[i].action, rules[i].call, used, compares);
    }
    return bad == 0;
}

/* Any other call, or one of another architecture's numbers, kills the process. The tree lets the
 * filter find a call's row in a few steps, not in as many as there are rows. */
static bool filter_system_calls(const struct rules *tables, size_t count, struct err *err)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (filter == NULL)
        return err_set(err, ERR_SYSTEM, ERR_NO_AT, "cannot create a seccomp filter");
    bool ok = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) == 0 &&
              seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1) == 0 &&
              seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2) == 0;
    for (size_t i = 0; ok && i < count; i++)
        ok = add_rules(filter, tables[i].rows, tables[i].count);
    ok = ok && seccomp_load(filter) == 0;
    seccomp_release(filter);
    return ok || err_set(err, ERR_SYSTEM, ERR_NO_AT, "cannot load the seccomp filter");
}

static bool give_up_privileges(struct err *err)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 || err_sys(err, "cannot give up privileges");
}

/* ---- the three jails ---- */

bool proc_jail_compiler(const char *dir_path, u64 cpu_s, u64 memory_bytes, struct err *err)
{
    const struct rules tables[] = {{compiler_rules, COUNT_OF(compiler_rules)}};
    setpriority(PRIO_PROCESS, 0, COMPILER_NICE); /* who serves goes first */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return err_sys(err, "cannot give up privileges");
    return give_up_privileges(err) && confine_to_folder(dir_path, err) &&
           limit_resources(cpu_s, memory_bytes, err) && filter_system_calls(tables, 1, err);
}

void proc_forbid_new_code(void)
{
    int done = prctl(MDWE_SET, MDWE_REFUSE_EXEC_GAIN, 0, 0, 0);
    (void)done;
}

bool proc_jail_worker(struct err *err)
{
    const struct rules tables[] = {{worker_rules, COUNT_OF(worker_rules)},
                                   {sanitizer_rules, COUNT_OF(sanitizer_rules)}};
    return give_up_privileges(err) && give_up_files(err) &&
           filter_system_calls(tables, SANITIZED ? 2 : 1, err);
}

bool proc_jail_helper(struct err *err)
{
    const struct rules tables[] = {{helper_rules, COUNT_OF(helper_rules)}};
    return give_up_privileges(err) && filter_system_calls(tables, 1, err);
}
