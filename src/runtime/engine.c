/*
 * runtime/engine.c -- what the process shares: options and limits, host functions, save areas.
 */
#include "runtime/internal.h"
#include "base/check.h"
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STACK_DEFAULT       MIB
#define STACK_MIN           (256 * KIB)
#define STACK_MAX           (256 * MIB)
#define KEEP_DEFAULT        (4 * MIB)
#define MAPPINGS_SPARE      2000u            /* for everything that is no slot */
#define ADDRESS_SPACE_BYTES ((u64)120 << 40) /* of 128 TiB */
#define XSAVE_STATE_MASK    0xe7u            /* x87, SSE, AVX, AVX-512: what guest code may use */
#define XSAVE_ALIGN         64u
#define SHSTK_STATUS        0x5005 /* arch_prctl(ARCH_SHSTK_STATUS) */

/* The largest number of instances that mappings and address space allow. */
static u64 instances_possible(const struct rt_options *options, u64 mappings)
{
    struct rlimit limit;
    u64 space = ADDRESS_SPACE_BYTES;
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        space = min_u64(space, limit.rlim_cur);
    u64 slot = RT_RESERVED_BYTES + options->stack_bytes + RT_STACK_GUARD;
    u64 by_mappings = mappings < MAPPINGS_SPARE ? 0 : (mappings - MAPPINGS_SPARE);
    return min_u64(by_mappings / RT_SLOT_MAPPINGS, space / slot);
}

static u64 read_max_map_count(void)
{
    u64 count = 65530; /* the kernel's default, should /proc be absent */
    FILE *file = fopen("/proc/sys/vm/max_map_count", "re");
    if (file == NULL)
        return count;
    if (fscanf(file, "%lu", &count) != 1)
        count = 65530;
    fclose(file);
    return count;
}

static bool fill_options(struct rt_options *to, const struct rt_options *from, struct err *err)
{
    *to = from == NULL ? (struct rt_options){0} : *from;
    if (to->stack_bytes == 0)
        to->stack_bytes = STACK_DEFAULT;
    to->stack_bytes =
        round_up(min_u64(max_u64(to->stack_bytes, STACK_MIN), STACK_MAX), RT_PAGE_BYTES);
    if (to->memory_max_bytes == 0)
        to->memory_max_bytes = 4 * GIB;
    if (to->memory_keep_bytes == 0)
        to->memory_keep_bytes = KEEP_DEFAULT;
    u64 possible = instances_possible(to, read_max_map_count());
    if (possible == 0)
        return err_set(err, ERR_LIMIT, ERR_NO_AT,
                       "this process may not map one instance (%lu MiB of address space): raise "
                       "ulimit -v and the sysctl vm.max_map_count",
                       (unsigned long)(RT_RESERVED_BYTES / MIB));
    if (to->instances_max == 0 || to->instances_max > possible)
        to->instances_max = (u32)possible;
    return true;
}

/* What a preempted guest's vector state needs. */
static bool measure_save(struct rt_engine *engine, struct err *err)
{
    u32 a, b = 0, c, d, low, high;
    bool ok = __get_cpuid_count(1, 0, &a, &b, &c, &d) && (c & bit_OSXSAVE) != 0 &&
              __get_cpuid_count(0xd, 1, &a, &b, &c, &d) && (a & 2) != 0;
    if (!ok)
        return err_set(err, ERR_UNSUPPORTED, ERR_NO_AT, "the processor has no xsavec");
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    __get_cpuid_count(0xd, 0, &a, &b, &c, &d);
    engine->save_mask = low & XSAVE_STATE_MASK;
    engine->save_bytes = round_up(b, XSAVE_ALIGN);
    u64 shadow = 0;
    if (syscall(SYS_arch_prctl, SHSTK_STATUS, &shadow) == 0 && shadow != 0)
        return err_set(err, ERR_UNSUPPORTED, ERR_NO_AT,
                       "user shadow stacks are on: start with GLIBC_TUNABLES="
                       "glibc.cpu.x86_shstk=off");
    return true;
}

bool rt_engine_create(struct rt_engine **out, const struct rt_options *options, struct err *err)
{
    struct rt_engine *engine = check_alloc(sizeof *engine);
    engine->pagemap_fd = -1;
    if (!fill_options(&engine->options, options, err) || !measure_save(engine, err))
        goto fail;
    /* Without it every page counts as written: slower, and still right. */
    engine->pagemap_fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    engine->scan_works = !engine->options.scan_by_read && rt_dirty_scan_works(engine->pagemap_fd);
    engine->faults_work = rt_faults_are_counted();
    if (!rt_signals_install(engine, err))
        goto fail;
    *out = engine;
    return true;
fail:
    fd_close(&engine->pagemap_fd);
    free(engine);
    return false;
}

void rt_engine_destroy(struct rt_engine **engine)
{
    struct rt_engine *old = *engine;
    *engine = NULL;
    if (old == NULL)
        return;
    CHECK(old->module_count == 0 && old->instance_count == 0 && old->running == NULL);
    rt_fibers_free(old);
    CHECK(old->fiber_count == 0);
    rt_signals_remove(old);
    rt_types_fini(&old->types);
    fd_close(&old->pagemap_fd);
    free(old->hosts);
    free(old);
}

u32 rt_engine_instances_max(const struct rt_engine *engine)
{
    return engine->options.instances_max;
}

void rt_engine_on_tick(struct rt_engine *engine, rt_tick_fn *fn, void *arg)
{
    engine->tick = NULL; /* the handler may come between the two stores */
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    engine->tick_arg = arg;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    engine->tick = fn;
}

void rt_engine_add_host(struct rt_engine *engine, const struct rt_host_func *funcs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (engine->host_count == engine->host_cap) {
            engine->host_cap = engine->host_cap == 0 ? 64 : 2 * engine->host_cap;
            engine->hosts = realloc(engine->hosts, engine->host_cap * sizeof(engine->hosts[0]));
            CHECK_MEMORY(engine->hosts != NULL);
        }
        engine->hosts[engine->host_count++] = &funcs[i];
    }
}
