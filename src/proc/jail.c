#include "proc/jail.h"
#include "base/file.h"
#include "base/sanitize.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Rights newer than the system's header, by their fixed numbers. */
#define LANDLOCK_REFER     ((u64)1 << 13) /* ABI 2 */
#define LANDLOCK_TRUNCATE  ((u64)1 << 14) /* ABI 3 */
#define LANDLOCK_IOCTL_DEV ((u64)1 << 15) /* ABI 5 */
#define LANDLOCK_NET       ((u64)3)       /* ABI 4: bind and connect over TCP */

#define FILE_BYTES_MAX ((u64)4 << 30)
#define FILES_MAX      64

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

/* A kernel without Landlock is accepted: seccomp and the limits still hold, and the files are
 * protected by ordinary permissions. */
static bool confine_files(const char *dir_path, struct err *err)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1)
        return true;
    struct {
        u64 handled_fs, handled_net;
    } attr = {landlock_file_rights(abi), abi >= 4 ? LANDLOCK_NET : 0};
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr,
                               abi >= 4 ? sizeof attr : sizeof attr.handled_fs, 0);
    if (ruleset < 0)
        return err_sys(err, "cannot create a Landlock ruleset");
    bool ok = false;
    int dir = open(dir_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct landlock_path_beneath_attr rule = {
        .allowed_access =
            attr.handled_fs & (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                               LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                               LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_TRUNCATE),
        .parent_fd = dir,
    };
    if (dir < 0)
        err_sys(err, "cannot open the job folder %s", dir_path);
    else if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0 ||
             syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
        err_sys(err, "cannot confine the compiler to its job folder");
    else
        ok = true;
    fd_close(&dir);
    fd_close(&ruleset);
    return ok;
}

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

static bool add_rules(scmp_filter_ctx filter)
{
    static const int allowed[] = {
#define ALLOW(name) SCMP_SYS(name),
#include "proc/jail_compiler.def"
#undef ALLOW
    };
    int bad = 0;
    for (size_t i = 0; i < COUNT_OF(allowed); i++)
        bad |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
    static const int maps[] = {SCMP_SYS(mmap), SCMP_SYS(mprotect)};
    for (size_t i = 0; i < COUNT_OF(maps); i++) {
        bad |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, maps[i], 1,
                                SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
        bad |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), maps[i], 1,
                                SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC));
    }
    bad |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOTTY), SCMP_SYS(ioctl), 0);
    /* Limits may be read, not set. */
    bad |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1,
                            SCMP_A2(SCMP_CMP_EQ, 0, 0));
    return bad == 0;
}

static bool filter_system_calls(struct err *err)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (filter == NULL)
        return err_set(err, ERR_SYSTEM, ERR_NO_AT, "cannot create a seccomp filter");
    bool ok = add_rules(filter) && seccomp_load(filter) == 0;
    seccomp_release(filter);
    return ok || err_set(err, ERR_SYSTEM, ERR_NO_AT, "cannot load the seccomp filter");
}

bool proc_jail_compiler(const char *dir_path, u64 cpu_s, u64 memory_bytes, struct err *err)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return err_sys(err, "cannot give up privileges");
    return confine_files(dir_path, err) && limit_resources(cpu_s, memory_bytes, err) &&
           filter_system_calls(err);
}
