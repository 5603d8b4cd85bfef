/*
 * runtime/elf.c -- a code file is judged here before the dynamic linker sees it.
 *
 * Everything is refused that is not on the lists below: what remains cannot run at load time, name
 * another object, need a symbol, or be writable and executable. spec: System V ABI, ELF-64 object
 * files, and its AMD64 supplement.
 */
#include "runtime/internal.h"
#include <elf.h>
#include <string.h>

#define SEGMENTS_MAX 64u

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
        head->e_phnum > SEGMENTS_MAX || head->e_shentsize != sizeof(Elf64_Shdr))
        return fail(elf, 0, "odd headers");
    return true;
}

static bool take_segment(const struct elf *elf, u32 index, Elf64_Phdr *out)
{
    u64 at = elf->head.e_phoff;
    if (at > elf->len)
        return fail(elf, 0, "cut short");
    return take(elf, at + (u64)index * sizeof *out, out, sizeof *out);
}

static bool check_load(const struct elf *elf, u64 at, const Elf64_Phdr *seg, struct rt_elf *out)
{
    if (seg->p_filesz > seg->p_memsz || seg->p_memsz > RT_CODE_BYTES ||
        seg->p_vaddr > RT_CODE_BYTES || seg->p_offset > elf->len ||
        seg->p_filesz > elf->len - seg->p_offset)
        return fail(elf, at, "segment out of bounds");
    if ((seg->p_flags & PF_X) == 0)
        return true;
    if ((seg->p_flags & PF_W) != 0)
        return fail(elf, at, "segment writable and executable");
    if (out->text_len != 0 || seg->p_memsz == 0)
        return fail(elf, at, "not exactly one executable segment");
    *out = (struct rt_elf){.text_addr = seg->p_vaddr, .text_len = seg->p_memsz};
    return true;
}

static bool check_segments(const struct elf *elf, struct rt_elf *out, Elf64_Phdr *dynamic)
{
    *out = (struct rt_elf){0};
    *dynamic = (Elf64_Phdr){0};
    for (u32 i = 0; i < elf->head.e_phnum; i++) {
        Elf64_Phdr seg;
        if (!take_segment(elf, i, &seg))
            return false;
        u64 at = elf->head.e_phoff + i * sizeof seg;
        switch (seg.p_type) {
        case PT_LOAD:
            if (!check_load(elf, at, &seg, out))
                return false;
            break;
        case PT_DYNAMIC:
            if (dynamic->p_type != PT_NULL)
                return fail(elf, at, "two dynamic sections");
            *dynamic = seg;
            break;
        case PT_GNU_STACK:
            if ((seg.p_flags & PF_X) != 0)
                return fail(elf, at, "wants an executable stack");
            break;
        case PT_NULL:
        case PT_PHDR:
        case PT_NOTE:
        case PT_GNU_EH_FRAME:
        case PT_GNU_RELRO: break;
        default: return fail(elf, at, "segment of a kind that does not belong here");
        }
    }
    if (dynamic->p_type == PT_NULL)
        return fail(elf, 0, "no dynamic section");
    return true;
}

/* The file offset of len bytes at virtual address addr, or false if no segment holds them. */
static bool file_offset(const struct elf *elf, u64 addr, u64 len, u64 *out)
{
    for (u32 i = 0; i < elf->head.e_phnum; i++) {
        Elf64_Phdr seg;
        if (!take_segment(elf, i, &seg))
            return false;
        if (seg.p_type == PT_LOAD && addr >= seg.p_vaddr && addr - seg.p_vaddr <= seg.p_filesz &&
            len <= seg.p_filesz - (addr - seg.p_vaddr)) {
            *out = seg.p_offset + (addr - seg.p_vaddr);
            return true;
        }
    }
    return fail(elf, ERR_NO_AT, "a table lies outside the segments");
}

/* One entry of the dynamic section: known ones are noted, harmless ones skipped, all others
 * (NEEDED, INIT, FINI, their arrays, every kind of relocation, AUDIT, FILTER, ...) refused. */
static bool check_tag(const struct elf *elf, u64 at, const Elf64_Dyn *dyn, u64 *symtab)
{
    u64 value = dyn->d_un.d_val;
    switch (dyn->d_tag) {
    case DT_SYMTAB: *symtab = value; return true;
    case DT_SONAME:
    case DT_HASH:
    case DT_GNU_HASH:
    case DT_STRTAB:
    case DT_STRSZ:
    case DT_SYMENT:
    case DT_SYMBOLIC:
    case DT_BIND_NOW: return true;
    case DT_FLAGS:
        if ((value & ~(u64)(DF_SYMBOLIC | DF_BIND_NOW)) != 0)
            return fail(elf, at, "dynamic flags that do not belong here");
        return true;
    case DT_FLAGS_1:
        if ((value & ~(u64)DF_1_NOW) != 0)
            return fail(elf, at, "dynamic flags that do not belong here");
        return true;
    default: return fail(elf, at, "dynamic entry that does not belong here");
    }
}

static bool check_dynamic(const struct elf *elf, const Elf64_Phdr *segment, u64 *symtab)
{
    *symtab = 0;
    u64 at;
    if (!file_offset(elf, segment->p_vaddr, segment->p_memsz, &at))
        return false;
    if (at != segment->p_offset)
        return fail(elf, at, "dynamic section in two places");
    for (u64 done = 0; done + sizeof(Elf64_Dyn) <= segment->p_memsz; done += sizeof(Elf64_Dyn)) {
        Elf64_Dyn dyn;
        if (!take(elf, at + done, &dyn, sizeof dyn))
            return false;
        if (dyn.d_tag == DT_NULL)
            return true;
        if (!check_tag(elf, at + done, &dyn, symtab))
            return false;
    }
    return fail(elf, at, "dynamic section without an end");
}

/* Every symbol the dynamic linker can find is defined and no indirect function. */
static bool check_symbols(const struct elf *elf, u64 symtab)
{
    Elf64_Shdr table = {0};
    for (u32 i = 0; i < elf->head.e_shnum && table.sh_type != SHT_DYNSYM; i++) {
        u64 at = elf->head.e_shoff;
        if (at > elf->len || !take(elf, at + (u64)i * sizeof table, &table, sizeof table))
            return fail(elf, at, "section headers out of bounds");
    }
    if (table.sh_type != SHT_DYNSYM)
        return fail(elf, ERR_NO_AT, "no dynamic symbols");
    u64 at;
    if (!file_offset(elf, symtab, table.sh_size, &at))
        return false;
    if (at != table.sh_offset || table.sh_addr != symtab)
        return fail(elf, at, "dynamic symbols in two places");
    for (u64 done = sizeof(Elf64_Sym); done + sizeof(Elf64_Sym) <= table.sh_size;
         done += sizeof(Elf64_Sym)) {
        Elf64_Sym symbol;
        if (!take(elf, at + done, &symbol, sizeof symbol))
            return false;
        if (symbol.st_shndx == SHN_UNDEF)
            return fail(elf, at + done, "undefined symbol");
        if (ELF64_ST_TYPE(symbol.st_info) != STT_OBJECT &&
            ELF64_ST_TYPE(symbol.st_info) != STT_FUNC &&
            ELF64_ST_TYPE(symbol.st_info) != STT_NOTYPE)
            return fail(elf, at + done, "symbol of a kind that does not belong here");
    }
    return true;
}

bool rt_elf_check(const u8 *bytes, size_t len, struct rt_elf *out, struct err *err)
{
    struct elf elf = {.bytes = bytes, .len = len, .err = err};
    struct rt_elf found;
    Elf64_Phdr segment;
    u64 symtab;
    if (!check_head(&elf) || !check_segments(&elf, &found, &segment) ||
        !check_dynamic(&elf, &segment, &symtab) || !check_symbols(&elf, symtab))
        return false;
    *out = found;
    return true;
}
