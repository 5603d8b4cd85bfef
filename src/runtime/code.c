/*
 * runtime/code.c -- code files: checked, mapped, shared, found by address.
 */
#include "runtime/internal.h"
#include "base/check.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

extern const u8 __executable_start[]; /* the linker's */

#define NEAR_BYTES GIB /* below the program: code files lie there, as long as they fit */

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

static bool check_header(struct rt_code *code, const struct rt_elf *elf, struct err *err)
{
    const struct abi_code *head = code->header;
    if (head->magic != ABI_CODE_MAGIC)
        return err_set(err, ERR_ARTIFACT, ERR_NO_AT, "code file: no %s", ABI_CODE_SYMBOL);
    if (head->abi_version != ABI_VERSION)
        return err_set(err, ERR_ARTIFACT, ERR_NO_AT,
                       "code file: ABI version %u, this program has %d", head->abi_version,
                       ABI_VERSION);
    u64 offsets = (u64)head->func_count + 2 * (u64)head->type_count;
    if (!rt_elf_holds(elf, elf->header_addr, sizeof *head + offsets * sizeof(i32)))
        return err_set(err, ERR_ARTIFACT, ERR_NO_AT, "code file: offsets out of bounds");
    return check_offsets(code, err);
}

/* Address space for a code file, just below the one before or the program: far calls cost more
 * (RATIONALE.md). Where that space is taken or there is none, the kernel chooses. */
static u8 *reserve(struct rt_engine *engine, u64 span)
{
    u64 program = (u64)(uintptr_t)__executable_start, hint = 0;
    if (program > 2 * NEAR_BYTES + span) {
        if (engine->code_below < program - NEAR_BYTES)
            engine->code_below = program - RT_PAGE_BYTES;
        hint = engine->code_below -= span;
    }
    return mmap((void *)(uintptr_t)hint, span, PROT_NONE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

static bool code_map(struct rt_code *code, struct rt_engine *engine, int fd,
                     const struct rt_elf *elf, struct err *err)
{
    u8 *base = reserve(engine, elf->span);
    if (base == MAP_FAILED)
        return err_sys(err, "cannot reserve address space for a code file");
    code->base = base;
    code->span = elf->span;
    for (u32 i = 0; i < elf->segment_count; i++) {
        const struct rt_segment *segment = &elf->segments[i];
        if (mmap(base + segment->addr, segment->end - segment->addr,
                 segment->is_text ? PROT_READ | PROT_EXEC : PROT_READ, MAP_PRIVATE | MAP_FIXED, fd,
                 (off_t)segment->offset) == MAP_FAILED)
            return err_sys(err, "cannot map a code file");
    }
    code->header = (const struct abi_code *)(const void *)(base + elf->header_addr);
    code->text_start = (u64)(uintptr_t)base + elf->text_addr;
    code->text_end = code->text_start + elf->text_len;
    return true;
}

static void code_destroy(struct rt_code *code)
{
    if (code->base != NULL)
        munmap(code->base, code->span);
    free(code->path);
    free(code);
}

/* What is mapped is the file that was judged, whoever has its name by then. */
static bool code_open(struct rt_code *code, struct rt_engine *engine, const struct digest *mac_key,
                      struct err *err)
{
    struct file_view file = {0};
    struct rt_elf elf;
    size_t body_len;
    int fd = open(code->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return err_sys(err, "cannot open code file");
    bool ok = file_map_fd(fd, RT_CODE_BYTES, "code file", &file, err) &&
              rt_trailer_check(&file, code->path, mac_key, "code file", &body_len, err) &&
              rt_elf_check(file.bytes, body_len, &elf, err) &&
              code_map(code, engine, fd, &elf, err) && check_header(code, &elf, err);
    file_unmap(&file);
    fd_close(&fd);
    return ok;
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
    code->refs = 1;
    code->path = strdup(path);
    CHECK_MEMORY(code->path != NULL);
    if (!code_open(code, engine, mac_key, err)) {
        err_context(err, "%s", path);
        code_destroy(code);
        return false;
    }
    code->next = engine->codes;
    engine->codes = code;
    *out = code;
    return true;
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
