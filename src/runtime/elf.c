/*
 * runtime/elf.c -- a code file is judged here before any of it is mapped.
 *
 * Of the ELF file the loader uses its segments and its entry, nothing else: there is no dynamic
 * linker, so whatever an object may ask of one (constructors, relocations, other objects) is never
 * read. spec: System V ABI, ELF-64 object files, and its AMD64 supplement.
 */
#include "runtime/internal.h"
#include <elf.h>
#include <string.h>

#define HEADERS_MAX 64u

struct elf {
    const u8 *bytes;
    size_t len;
    Elf64_Ehdr head;
    struct err *err;
};

static bool fail(const struct elf *elf, u64 at, const char *text)
{
    return err_set(elf->err, ERR_ARTIFACT, at, "code file: %s", text);
}

/* Copies len bytes at offset `at`; false when they are not all in the file. */
static bool take(const struct elf *elf, u64 at, void *out, size_t len)
{
    if (at > elf->len || len > elf->len - at)
        return fail(elf, at, "cut short");
    memcpy(out, elf->bytes + at, len);
    return true;
}

static bool check_head(struct elf *elf)
{
    const Elf64_Ehdr *head = &elf->head;
    if (!take(elf, 0, &elf->head, sizeof elf->head))
        return false;
    if (memcmp(head->e_ident, ELFMAG, SELFMAG) != 0 || head->e_ident[EI_CLASS] != ELFCLASS64 ||
        head->e_ident[EI_DATA] != ELFDATA2LSB || head->e_type != ET_DYN ||
        head->e_machine != EM_X86_64)
        return fail(elf, 0, "not an x86-64 shared object");
    if (head->e_phentsize != sizeof(Elf64_Phdr) || head->e_phnum == 0 ||
        head->e_phnum > HEADERS_MAX || head->e_phoff > elf->len)
        return fail(elf, 0, "odd headers");
    return true;
}

static bool is_page_multiple(u64 value)
{
    return value % RT_PAGE_BYTES == 0;
}

/* The pages of one segment, behind those of the one before. Whole pages are mapped, so they hold
 * what else the file has there, as with every loader. */
static bool add_segment(const struct elf *elf, u64 at, const Elf64_Phdr *header, struct rt_elf *out)
{
    if (header->p_filesz != header->p_memsz || header->p_offset > elf->len ||
        header->p_filesz > elf->len - header->p_offset || header->p_vaddr > RT_CODE_BYTES ||
        header->p_filesz == 0 || !is_page_multiple(header->p_vaddr - header->p_offset))
        return fail(elf, at, "segment out of bounds");
    if ((header->p_flags & PF_W) != 0)
        return fail(elf, at, "a writable segment");
    bool is_text = (header->p_flags & PF_X) != 0;
    if (is_text && out->text_len != 0)
        return fail(elf, at, "two executable segments");
    if (out->segment_count == RT_SEGMENTS_MAX)
        return fail(elf, at, "too many segments");
    struct rt_segment segment = {
        .addr = header->p_vaddr - header->p_vaddr % RT_PAGE_BYTES,
        .end = header->p_vaddr + header->p_filesz,
        .offset = header->p_offset - header->p_vaddr % RT_PAGE_BYTES,
        .is_text = is_text,
    };
    if (segment.addr < out->span)
        return fail(elf, at, "segments overlap");
    if (is_text) {
        out->text_addr = header->p_vaddr;
        out->text_len = header->p_filesz;
    }
    out->segments[out->segment_count++] = segment;
    out->span = round_up(segment.end, RT_PAGE_BYTES);
    return true;
}

bool rt_elf_holds(const struct rt_elf *elf, u64 addr, u64 len)
{
    for (u32 i = 0; i < elf->segment_count; i++) {
        const struct rt_segment *segment = &elf->segments[i];
        if (addr >= segment->addr && addr <= segment->end && len <= segment->end - addr)
            return true;
    }
    return false;
}

bool rt_elf_check(const u8 *bytes, size_t len, struct rt_elf *out, struct err *err)
{
    struct elf elf = {.bytes = bytes, .len = len, .err = err};
    *out = (struct rt_elf){0};
    if (!check_head(&elf))
        return false;
    for (u32 i = 0; i < elf.head.e_phnum; i++) {
        Elf64_Phdr header;
        u64 at = elf.head.e_phoff + i * sizeof header;
        if (!take(&elf, at, &header, sizeof header))
            return false;
        if (header.p_type != PT_LOAD)
            continue;
        if (!add_segment(&elf, at, &header, out))
            return false;
    }
    out->header_addr = elf.head.e_entry;
    if (out->header_addr % _Alignof(struct abi_code) != 0 ||
        !rt_elf_holds(out, out->header_addr, sizeof(struct abi_code)))
        return fail(&elf, 0, "its entry is no " ABI_CODE_SYMBOL);
    return true;
}
