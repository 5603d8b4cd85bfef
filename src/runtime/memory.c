/*
 * runtime/memory.c -- linear memories: address space, image, growth, checked access.
 *
 *   reservation          base                  size_bytes            4 GiB
 *   | guard, 2 GiB ...... | image | zeroed rest | grows into here ... | guard, 32 MiB |
 *
 * Nothing but [base, base + size_bytes) is accessible, and base never moves: an access out of
 * bounds faults, whatever 32-bit index and offset below ABI_GUARD_AFTER made it.
 */
#include "base/check.h"
#include "runtime/internal.h"
#include <string.h>
#include <sys/mman.h>

/* Maps whole pages of the image copy-on-write; copies what is left. */
static bool place_image(struct rt_memory *memory, const struct rt_image *image, struct err *err)
{
    u64 mapped = memory->image_len & ~(RT_PAGE_BYTES - 1);
    if (mapped > 0 &&
        mmap(memory->abi.base, mapped, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, image->fd, (off_t)image->at) == MAP_FAILED)
        return err_sys(err, "cannot map the image of a memory");
    memory->mapped_len = mapped;
    if (memory->image_len > mapped)
        memcpy(memory->abi.base + mapped, memory->image + mapped, memory->image_len - mapped);
    return true;
}

/* Address space for one memory; directly below the one before if it is free, so that the kernel
 * makes one mapping of their guards. */
static u8 *reserve(struct rt_engine *engine, struct err *err)
{
    u8 *reservation = mmap((void *)(uintptr_t)engine->reserve_below, RT_RESERVED_BYTES, PROT_NONE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (reservation == MAP_FAILED) {
        err_sys(err, "cannot reserve %llu MiB of address space for a memory",
                (unsigned long long)(RT_RESERVED_BYTES / MIB));
        return NULL;
    }
    madvise(reservation, RT_RESERVED_BYTES, MADV_NOHUGEPAGE); /* refusal costs memory only */
    engine->reserve_below = (u64)(uintptr_t)reservation - RT_RESERVED_BYTES;
    return reservation;
}

bool rt_memory_limit(struct rt_memory *memory, u64 max_bytes, struct err *err)
{
    if (memory->initial_bytes > max_bytes)
        return err_set(err, ERR_LIMIT, ERR_NO_AT,
                       "a memory starts with %llu bytes, the limit is %llu (--memory-mib)",
                       (unsigned long long)memory->initial_bytes, (unsigned long long)max_bytes);
    memory->abi.max_pages =
        min_u64(memory->declared_max, min_u64(max_bytes, 4 * GIB) / ABI_PAGE_BYTES);
    return true;
}

/* What a fresh memory has, by the module or by its snapshot. */
static struct rt_image first_image(const struct rt_module *module, u32 defined)
{
    if (module->snapshot != NULL)
        return module->snapshot->memories[defined];
    const struct rt_module_file *file = &module->file;
    struct rt_image image = {.size_bytes = file->memories[defined].limits.min * ABI_PAGE_BYTES,
                             .fd = module->fd,
                             .at = file->image_at};
    if (defined == 0 && file->image_len > 0) {
        image.bytes = module->view.bytes + file->image_at;
        image.len = file->image_len;
    }
    return image;
}

bool rt_memory_create(struct rt_memory *memory, const struct rt_module *module, u32 defined,
                      struct err *err)
{
    const struct rt_memory_type *type = &module->file.memories[defined];
    struct rt_image image = first_image(module, defined);
    u64 initial = image.size_bytes;
    struct rt_memory limited = {.initial_bytes = initial, .declared_max = type->limits.max};
    if (!rt_memory_limit(&limited, module->engine->options.memory_max_bytes, err))
        return false;
    u8 *reservation = reserve(module->engine, err);
    if (reservation == NULL)
        return false;
    *memory = (struct rt_memory){
        .abi = {.base = reservation + ABI_GUARD_BEFORE,
                .size_bytes = initial,
                .max_pages = limited.abi.max_pages,
                .page_log2 = 16},
        .reservation = reservation,
        .initial_bytes = initial,
        .largest_bytes = initial,
        .declared_max = type->limits.max,
        .image = image.bytes,
        .image_len = image.len,
    };
    if (initial > 0 && mprotect(memory->abi.base, initial, PROT_READ | PROT_WRITE) != 0) {
        err_sys(err, "cannot make a memory of %llu bytes", (unsigned long long)initial);
        rt_memory_destroy(memory);
        return false;
    }
    if (!place_image(memory, &image, err)) {
        rt_memory_destroy(memory);
        return false;
    }
    return true;
}

void rt_memory_destroy(struct rt_memory *memory)
{
    if (memory->reservation != NULL)
        munmap(memory->reservation, RT_RESERVED_BYTES);
    *memory = (struct rt_memory){0};
}

u64 rt_memory_grow(struct rt_memory *memory, u64 delta_pages)
{
    u64 old = memory->abi.size_bytes;
    u64 pages = old / ABI_PAGE_BYTES;
    if (pages > memory->abi.max_pages || delta_pages > memory->abi.max_pages - pages)
        return UINT64_MAX;
    u64 delta = delta_pages * ABI_PAGE_BYTES;
    if (delta > 0 && mprotect(memory->abi.base + old, delta, PROT_READ | PROT_WRITE) != 0)
        return UINT64_MAX;
    memory->abi.size_bytes = old + delta;
    return pages;
}

static const struct abi_memory *memory_0(const struct rt_instance *instance)
{
    u32 count =
        instance->module->file.memory_count + rt_import_count(instance->module, RT_EXTERN_MEMORY);
    return count == 0 ? NULL : rt_ctx_memories(instance)[0].memory;
}

u8 *rt_memory_view(struct rt_instance *instance, u64 addr, u64 len)
{
    const struct abi_memory *memory = memory_0(instance);
    if (memory == NULL || addr > memory->size_bytes || len > memory->size_bytes - addr)
        return NULL;
    return memory->base + addr;
}

u64 rt_memory_size_bytes(const struct rt_instance *instance)
{
    const struct abi_memory *memory = memory_0(instance);
    return memory == NULL ? 0 : memory->size_bytes;
}
