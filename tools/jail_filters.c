/*
 * tools/jail_filters.c -- a step of the build: makes of the tables src/proc/jail_*.def the programs
 * that the kernel runs for each system call of a jailed process, and prints them as C.
 *
 *     jail_filters > proc/jail_filters.h
 *
 * By libseccomp, whose work is done here and not in the process that goes to jail: there it takes
 * hundreds of allocations, and is not safe when one of them fails.
 */
#include "base/sanitize.h"
#include "base/types.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAGEMAP_SCAN 0xc0606610u /* of Linux 6.7; runtime/reset.c */
#define OWN_PID      0x5e1f0123u /* stands for the number of the process that goes to jail */
#define FILTER_MAX   1024        /* instructions of one; the kernel takes four times as many */

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

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "jail_filters: %s\n", what);
    exit(1);
}

static void add_rules(scmp_filter_ctx filter, const struct rule *rules, size_t count)
{
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
                (struct scmp_arg_cmp){0, SCMP_CMP_MASKED_EQ, UINT32_MAX, OWN_PID};
        must(seccomp_rule_add_array(filter, rules[i].action, rules[i].call, used, compares) == 0,
             "a row that libseccomp refuses");
    }
}

/* Any other call, or one of another architecture's numbers, kills the process. The tree lets the
 * filter find a call's row in a few steps, not in as many as there are rows. */
static size_t make_filter(const struct rules *tables, size_t count, struct sock_filter *out)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    must(filter != NULL &&
             seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) == 0 &&
             seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2) == 0,
         "libseccomp makes no filter");
    for (size_t i = 0; i < count; i++)
        add_rules(filter, tables[i].rows, tables[i].count);
    int fd = memfd_create("filter", MFD_CLOEXEC);
    must(fd >= 0 && seccomp_export_bpf(filter, fd) == 0, "libseccomp writes no filter");
    ssize_t len = pread(fd, out, FILTER_MAX * sizeof *out, 0);
    must(len > 0 && lseek(fd, 0, SEEK_END) == len, "a filter that is too long");
    close(fd);
    seccomp_release(filter);
    return (size_t)len / sizeof *out;
}

static void print_filter(const char *name, const struct rules *tables, size_t count)
{
    static struct sock_filter filter[FILTER_MAX];
    size_t len = make_filter(tables, count, filter);
    printf("static const struct sock_filter %s_filter[] = {\n", name);
    for (size_t i = 0; i < len; i++) {
        must(filter[i].k != OWN_PID || filter[i].code == (BPF_JMP | BPF_JEQ | BPF_K),
             "an instruction that looks like the number of the process");
        printf("    {0x%04x, %u, %u, 0x%08x},\n", filter[i].code, filter[i].jt, filter[i].jf,
               filter[i].k);
    }
    puts("};");
}

int main(void)
{
    const struct rules compiler[] = {{compiler_rules, COUNT_OF(compiler_rules)}};
    const struct rules worker[] = {{worker_rules, COUNT_OF(worker_rules)},
                                   {sanitizer_rules, COUNT_OF(sanitizer_rules)}};
    const struct rules helper[] = {{helper_rules, COUNT_OF(helper_rules)}};
    puts("/* Made by tools/jail_filters.c of proc/jail_*.def. */\n#include <linux/filter.h>\n");
    printf("#define JAIL_OWN_PID    0x%xu\n", OWN_PID);
    printf("#define JAIL_FILTER_MAX %u\n", FILTER_MAX);
    print_filter("compiler", compiler, 1);
    print_filter("worker", worker, SANITIZED ? 2 : 1);
    print_filter("helper", helper, 1);
    must(fflush(stdout) == 0, "cannot write");
    return 0;
}
