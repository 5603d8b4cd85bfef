/*
 * runtime/code.c -- code files: checked, opened by the dynamic linker, shared, found by address.
 */
#include "runtime/internal.h"
#include "base/check.h"
#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

bool rt_trailer_check(const struct file_view *file, const char *path, const struct digest *mac_key,
                      const char *what, size_t *body_len, struct err *err)
{
    struct abi_trailer trailer;
    if (file->len < sizeof trailer)
        return err_set(err, ERR_ARTIFACT, 0, "%s: too short", what);
    size_t len = file->len - sizeof trailer;
    memcpy(&trailer, file->bytes + len, sizeof trailer);
    if (trailer.magic != ABI_TRAILER_MAGIC)
        return err_set(err, ERR_ARTIFACT, len, "%s: no trailer", what);
    struct digest mac;
    digest_file(mac_key, path, file->bytes, len, &mac);
    if (!digest_equal(&mac, &trailer.mac))
        return err_set(err, ERR_ARTIFACT, len, "%s: not made here, damaged, or under another name",
                       what);
    *body_len = len;
    return true;
}

/* Is [start, start + len) within one segment of the opened object? */
struct extent {
    u64 base, start, len;
    bool inside;
};
static int extent_check(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size;
    struct extent *extent = arg;
    if (info->dlpi_addr != extent->base)
        return 0;
    for (u32 i = 0; i < info->dlpi_phnum; i++) {
        u64 start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        u64 len = info->dlpi_phdr[i].p_memsz;
        if (info->dlpi_phdr[i].p_type == PT_LOAD && extent->start >= start &&
            extent->start - start <= len && extent->len <= len - (extent->start - start))
            extent->inside = true;
    }
    return 1;
}

static bool header_inside(u64 base, const void *start, u64 len)
{
    struct extent extent = {.base = base, .start = (u64)(uintptr_t)start, .len = len};
    dl_iterate_phdr(extent_check, &extent);
    return extent.inside;
}

static bool offset_in_text(const struct rt_code *code, i32 offset)
{
    u64 addr = (u64)(uintptr_t)code->header + (u64)(i64)offset;
    return addr >= code->text_start && addr < code->text_end;
}

/* The table of offsets behind the header: in the text, functions ascending, stubs below them. */
static bool check_offsets(struct rt_code *code, struct err *err)
{
    const struct abi_code *head = code->header;
    code->funcs = (const i32 *)(head + 1);
    code->entries = code->funcs + head->func_count;
    code->host_calls = code->entries + head->type_count;
    for (u32 i = 0; i < head->func_count; i++)
        if (!offset_in_text(code, code->funcs[i]) ||
            (i > 0 && code->funcs[i] <= code->funcs[i - 1]))
            return err_set(err, ERR_ARTIFACT, i, "code file: function %u out of place", i);
    for (u32 i = 0; i < 2 * head->type_count; i++) { /* entries, then host calls */
        i32 stub = code->entries[i];
        if (stub != 0 &&
            (!offset_in_text(code, stub) || (head->func_count > 0 && stub >= code->funcs[0])))
            return err_set(err, ERR_ARTIFACT, i, "code file: call stub %u out of place", i);
    }
    return true;
}

static bool check_header(struct rt_code *code, u64 base, const struct rt_elf *elf, struct err *err)
{
    const struct abi_code *head = dlsym(code->handle, ABI_CODE_SYMBOL);
    if (head == NULL || (uintptr_t)head % _Alignof(struct abi_code) != 0 ||
        !header_inside(base, head, sizeof *head) || head->magic != ABI_CODE_MAGIC)
        return err_set(err, ERR_ARTIFACT, ERR_NO_AT, "code file: no %s", ABI_CODE_SYMBOL);
    if (head->abi_version != ABI_VERSION)
        return err_set(err, ERR_ARTIFACT, ERR_NO_AT,
                       "code file: ABI version %u, this program has %d", head->abi_version,
                       ABI_VERSION);
    u64 offsets = (u64)head->func_count + 2 * (u64)head->type_count;
    if (!header_inside(base, head, sizeof *head + offsets * sizeof(i32)))
        return err_set(err, ERR_ARTIFACT, ERR_NO_AT, "code file: offsets out of bounds");
    code->header = head;
    code->text_start = base + elf->text_addr;
    code->text_end = code->text_start + elf->text_len;
    return check_offsets(code, err);
}

static bool code_open(struct rt_code *code, const struct rt_elf *elf, struct err *err)
{
    code->handle = dlopen(code->path, RTLD_NOW | RTLD_LOCAL);
    if (code->handle == NULL)
        return err_set(err, ERR_ARTIFACT, ERR_NO_AT, "code file: %s", dlerror());
    struct link_map *map;
    if (dlinfo(code->handle, RTLD_DI_LINKMAP, &map) != 0)
        return err_set(err, ERR_ARTIFACT, ERR_NO_AT, "code file: %s", dlerror());
    return check_header(code, map->l_addr, elf, err);
}

static void code_destroy(struct rt_code *code)
{
    if (code->handle != NULL)
        dlclose(code->handle);
    free(code->path);
    free(code);
}

bool rt_code_load(struct rt_code **out, struct rt_engine *engine, const char *path,
                  const struct digest *mac_key, struct err *err)
{
    for (struct rt_code *code = engine->codes; code != NULL; code = code->next) {
        if (strcmp(code->path, path) == 0) {
            code->refs++;
            *out = code;
            return true;
        }
    }
    struct rt_code *code = check_alloc(sizeof *code);
    struct file_view file = {0};
    struct rt_elf elf;
    size_t body_len;
    bool ok = false;
    code->refs = 1;
    code->path = strdup(path);
    CHECK(code->path != NULL);
    if (!file_map(path, RT_CODE_BYTES, "code file", &file, err) ||
        !rt_trailer_check(&file, path, mac_key, "code file", &body_len, err) ||
        !rt_elf_check(file.bytes, body_len, &elf, err) || !code_open(code, &elf, err))
        goto out;
    code->next = engine->codes;
    engine->codes = code;
    *out = code;
    ok = true;
out:
    file_unmap(&file);
    if (!ok) {
        err_context(err, "%s", path);
        code_destroy(code);
    }
    return ok;
}

void rt_code_release(struct rt_engine *engine, struct rt_code **code)
{
    struct rt_code *old = *code;
    *code = NULL;
    if (old == NULL || --old->refs > 0)
        return;
    struct rt_code **link = &engine->codes;
    while (*link != old)
        link = &(*link)->next;
    *link = old->next;
    code_destroy(old);
}

const struct rt_code *rt_code_find(const struct rt_engine *engine, u64 pc)
{
    for (const struct rt_code *code = engine->codes; code != NULL; code = code->next)
        if (pc >= code->text_start && pc < code->text_end)
            return code;
    return NULL;
}

bool rt_code_func_at(const struct rt_code *code, u64 pc, u32 *defined, u64 *offset)
{
    i64 at = (i64)(pc - (u64)(uintptr_t)code->header);
    u32 low = 0, high = code->header->func_count; /* of the first function behind pc */
    while (low < high) {
        u32 middle = low + (high - low) / 2;
        if (code->funcs[middle] <= at)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return false;
    *defined = low - 1;
    *offset = (u64)(at - code->funcs[low - 1]);
    return true;
}
