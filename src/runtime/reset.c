/*
 * runtime/reset.c -- a used memory becomes a fresh one again, in place.
 *
 * Only pages that were ever written differ from the image: such a page is private to the process
 * and stays resident, so the kernel's page map tells which. They are copied back from the image, or
 * zeroed; what exceeds the bytes an idle instance may keep is given back to the kernel instead.
 * Where there is no page map, all of the memory is taken for written.
 *
 * A page becomes private by a page fault, and the kernel counts a thread's faults. While the count
 * stands still, the pages are those of the reset before, and nobody has to ask the page map: a
 * warm instance is reset without a look at it. Asking for the count costs more than such a reset:
 * the pool lets instances wait, and asks once for all of them.
 */
#include "base/check.h"
#include "runtime/internal.h"
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

/* The PAGEMAP_SCAN ioctl of Linux 6.7, defined here because older headers lack it. */
struct scan_arg {
    u64 size, flags;
    u64 start, end, walk_end;
    u64 vec, vec_len, max_pages;
    u64 category_inverted, category_mask, category_anyof_mask, return_mask;
};
struct scan_region {
    u64 start, end, categories;
};
#define SCAN_IOCTL   _IOWR('f', 16, struct scan_arg)
#define SCAN_FILE    4u
#define SCAN_PRESENT 8u
#define SCAN_SWAPPED 16u
#define SCAN_ZERO    32u /* the shared zero page: read, never written */
static_assert(sizeof(struct scan_arg) == 96, "the kernel's layout");

#define MAP_FILE_BIT      ((u64)1 << 61) /* /proc/self/pagemap, an entry of 8 bytes a page */
#define MAP_RESIDENT_BITS ((u64)3 << 62) /* present or swapped */
#define READ_PAGES        512u
#define WAIT_BYTES        (64 * KIB) /* written ones: see rt_memory_may_wait */

static int scan_ioctl(int fd, u64 start, u64 end, struct scan_region *regions, u32 max,
                      u64 *walk_end)
{
    struct scan_arg arg = {
        .size = sizeof arg,
        .start = start,
        .end = end,
        .vec = (u64)(uintptr_t)regions,
        .vec_len = max,
        .category_inverted = SCAN_FILE | SCAN_ZERO,
        .category_mask = SCAN_FILE | SCAN_ZERO,
        .category_anyof_mask = SCAN_PRESENT | SCAN_SWAPPED,
        .return_mask = SCAN_PRESENT,
    };
    int count;
    do
        count = ioctl(fd, SCAN_IOCTL, &arg);
    while (count < 0 && errno == EINTR);
    *walk_end = arg.walk_end;
    return count;
}

bool rt_dirty_scan_works(int pagemap_fd)
{
    struct scan_region region;
    u64 page = (u64)(uintptr_t)&region & ~(RT_PAGE_BYTES - 1);
    u64 walk_end;
    return scan_ioctl(pagemap_fd, page, page + RT_PAGE_BYTES, &region, 1, &walk_end) == 1;
}

static u32 scan_fast(const struct rt_engine *engine, u64 *at, u64 end, struct rt_run *runs, u32 max)
{
    struct scan_region regions[RT_RUNS_MAX];
    u64 walk_end;
    int count = scan_ioctl(engine->pagemap_fd, *at, end, regions, max, &walk_end);
    if (count < 0) { /* then everything may have been written */
        runs[0] = (struct rt_run){.start = *at, .end = end};
        *at = end;
        return 1;
    }
    for (int i = 0; i < count; i++)
        runs[i] = (struct rt_run){.start = regions[i].start, .end = regions[i].end};
    *at = walk_end;
    return (u32)count;
}

static u32 scan_by_read(const struct rt_engine *engine, u64 *at, u64 end, struct rt_run *runs,
                        u32 max)
{
    u64 entries[READ_PAGES];
    u32 count = 0;
    u64 pages = min_u64((end - *at) / RT_PAGE_BYTES, READ_PAGES);
    ssize_t len = pread(engine->pagemap_fd, entries, pages * sizeof(u64),
                        (off_t)(*at / RT_PAGE_BYTES * sizeof(u64)));
    bool known = len == (ssize_t)(pages * sizeof(u64));
    for (u64 i = 0; i < pages; i++, *at += RT_PAGE_BYTES) {
        if (known && ((entries[i] & MAP_RESIDENT_BITS) == 0 || (entries[i] & MAP_FILE_BIT) != 0))
            continue;
        if (count > 0 && runs[count - 1].end == *at) {
            runs[count - 1].end += RT_PAGE_BYTES;
            continue;
        }
        if (count == max)
            break;
        runs[count++] = (struct rt_run){.start = *at, .end = *at + RT_PAGE_BYTES};
    }
    return count;
}

u32 rt_dirty_scan(const struct rt_engine *engine, u64 *at, u64 end, struct rt_run *runs, u32 max)
{
    CHECK(max > 0 && max <= RT_RUNS_MAX);
    return engine->scan_works ? scan_fast(engine, at, end, runs, max)
                              : scan_by_read(engine, at, end, runs, max);
}

u64 rt_memory_held_bytes(const struct rt_engine *engine, const struct rt_memory *memory)
{
    struct rt_run runs[RT_RUNS_MAX];
    u64 at = (u64)(uintptr_t)memory->abi.base, end = at + memory->abi.size_bytes, bytes = 0;
    while (at < end) {
        u32 count = rt_dirty_scan(engine, &at, end, runs, RT_RUNS_MAX);
        for (u32 i = 0; i < count; i++)
            bytes += runs[i].end - runs[i].start;
    }
    return bytes;
}

/* Bytes [start, end) of the memory become the image's, and zero behind it. */
static void copy_back(struct rt_memory *memory, u64 start, u64 end)
{
    u64 image_end = max_u64(start, min_u64(end, memory->image_len));
    if (image_end > start)
        memcpy(memory->abi.base + start, memory->image + start, image_end - start);
    memset(memory->abi.base + image_end, 0, end - image_end);
}

/* ---- the pages that were ever written ---- */

/* Page faults of this thread, which is all of the process that touches guests' memory. */
static u64 fault_count(void)
{
    struct rusage usage;
    CHECK(getrusage(RUSAGE_THREAD, &usage) == 0);
    return (u64)usage.ru_minflt + (u64)usage.ru_majflt;
}

bool rt_faults_are_counted(void)
{
    u8 *page =
        mmap(NULL, RT_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return false;
    u64 before = fault_count();
    *(volatile u8 *)page = 1;
    bool ok = fault_count() > before;
    munmap(page, RT_PAGE_BYTES);
    return ok;
}

void rt_faults_look(struct rt_engine *engine)
{
    if (engine->faults_work)
        engine->faults = fault_count();
}

static void add_run(struct rt_written *written, u64 start, u64 end)
{
    written->bytes += end - start;
    if (written->run_count > 0 && written->runs[written->run_count - 1].end == start) {
        written->runs[written->run_count - 1].end = end;
    } else if (written->run_count < RT_RUNS_MAX) {
        written->runs[written->run_count++] = (struct rt_run){start, end};
    } else {
        written->is_known = false;
    }
}

/* The same, giving the pages back; falls back to copying. */
static void drop(struct rt_memory *memory, u64 start, u64 end)
{
    if (madvise(memory->abi.base + start, end - start, MADV_DONTNEED) != 0) {
        copy_back(memory, start, end);
        add_run(&memory->written, start, end);
        return;
    }
    /* Pages mapped from the file are the image's again; the others are zero now. */
    u64 from = max_u64(start, memory->mapped_len), to = min_u64(end, memory->image_len);
    if (from >= to)
        return;
    memcpy(memory->abi.base + from, memory->image + from, to - from);
    add_run(&memory->written, from & ~(RT_PAGE_BYTES - 1), round_up(to, RT_PAGE_BYTES));
}

/* Those of a reset before lie partly behind the end of a memory that has shrunk since. */
static void reset_known(struct rt_memory *memory)
{
    memory->written.found = memory->written.bytes;
    for (u32 i = 0; i < memory->written.run_count; i++) {
        const struct rt_run *run = &memory->written.runs[i];
        if (run->start < memory->abi.size_bytes)
            copy_back(memory, run->start, min_u64(run->end, memory->abi.size_bytes));
    }
}

/* Resets what the page map says, and learns it. */
static void reset_scanned(struct rt_engine *engine, struct rt_memory *memory)
{
    struct rt_run runs[RT_RUNS_MAX];
    struct rt_written before = memory->written;
    u64 base = (u64)(uintptr_t)memory->abi.base, size = memory->abi.size_bytes;
    u64 at = base, end = base + size;
    u64 keep = engine->options.memory_keep_bytes;
    memory->written.run_count = 0;
    memory->written.bytes = memory->written.found = 0;
    memory->written.is_known = engine->faults_work;
    while (at < end) {
        u32 count = rt_dirty_scan(engine, &at, end, runs, RT_RUNS_MAX);
        for (u32 i = 0; i < count; i++) {
            u64 start = runs[i].start - base, kept = min_u64(runs[i].end - runs[i].start, keep);
            memory->written.found += runs[i].end - runs[i].start;
            copy_back(memory, start, start + kept);
            keep -= kept;
            if (kept > 0)
                add_run(&memory->written, start, start + kept);
            if (start + kept < runs[i].end - base)
                drop(memory, start + kept, runs[i].end - base);
        }
    }
    /* What a larger memory had written, for when this one grows again. */
    for (u32 i = 0; i < before.run_count; i++)
        if (before.runs[i].end > size)
            add_run(&memory->written, max_u64(before.runs[i].start, size), before.runs[i].end);
    memory->written.is_known &= before.is_known || size >= memory->largest_bytes;
    rt_faults_look(engine);
    memory->written.faults = engine->faults;
}

static void reset_written(struct rt_engine *engine, struct rt_memory *memory)
{
    if (memory->written.is_known && memory->written.faults == engine->faults)
        reset_known(memory);
    else
        reset_scanned(engine, memory);
}

bool rt_memory_may_wait(const struct rt_memory *memory)
{
    return memory->abi.size_bytes == memory->initial_bytes && memory->written.is_known &&
           memory->written.bytes <= WAIT_BYTES;
}

bool rt_memory_reset(struct rt_engine *engine, struct rt_memory *memory)
{
    memory->largest_bytes = max_u64(memory->largest_bytes, memory->abi.size_bytes);
    reset_written(engine, memory);
    u64 grown = memory->abi.size_bytes - memory->initial_bytes;
    if (grown == 0)
        return true;
    /* The pages stay, zeroed, for the next one that grows. */
    memory->abi.size_bytes = memory->initial_bytes;
    return mprotect(memory->abi.base + memory->initial_bytes, grown, PROT_NONE) == 0;
}
