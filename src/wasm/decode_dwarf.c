/*
 * wasm/decode_dwarf.c -- parameter names of exported functions from DWARF debug information, which
 * is where C and C++ compilers put them (they write no names of locals into the name section).
 * spec: DWARF 4 and 5; addresses are offsets in the code section (WebAssembly tool conventions).
 *
 * All of it is advice, read with readers that report nowhere: where it is damaged, of another
 * format or does not fit the function's type, there are no names. Work is bounded by the sections'
 * length.
 */
#include "wasm/internal.h"
#include <stdlib.h>
#include <string.h>

enum {
    TAG_FORMAL_PARAMETER = 0x05,
    TAG_SUBPROGRAM = 0x2e,
    AT_NAME = 0x03,
    AT_LOW_PC = 0x11,
    AT_ABSTRACT_ORIGIN = 0x31,
    AT_SPECIFICATION = 0x47,
    AT_STR_OFFSETS_BASE = 0x72,
    AT_ADDR_BASE = 0x73,
    UNIT_COMPILE = 0x01,
    FORM_IMPLICIT_CONST = 0x21, /* its value stands in the abbreviation */
    SECTION_CODE = 10,
    NAME_MAX_BYTES = 256, /* longer ones are of no use to anybody */
    ORIGIN_HOPS = 3,
    NO_DEPTH = -1,
};

/* What a stored number means; the column `what` of dwarf_form.def. */
enum what {
    DWARF_SKIP,
    DWARF_ADDRESS,
    DWARF_ADDRESS_INDEX,
    DWARF_TEXT,
    DWARF_STR,
    DWARF_STR_INDEX,
    DWARF_LINE_STR,
    DWARF_UNIT_REF,
    DWARF_INFO_REF,
    DWARF_SECTION,
};

enum { SIZE_ULEB = 16, SIZE_SLEB, SIZE_TEXT, SIZE_BLOCK1, SIZE_BLOCK2, SIZE_BLOCK4, SIZE_BLOCKN };

struct form {
    u8 code, size;
    enum what what;
};
static const struct form forms[] = {
#define ULEB                         SIZE_ULEB
#define SLEB                         SIZE_SLEB
#define TEXT                         SIZE_TEXT
#define BLOCK1                       SIZE_BLOCK1
#define BLOCK2                       SIZE_BLOCK2
#define BLOCK4                       SIZE_BLOCK4
#define BLOCKN                       SIZE_BLOCKN
#define DWARF_FORM(code, size, what) {code, size, DWARF_##what},
#include "wasm/dwarf_form.def"
#undef DWARF_FORM
};

struct bytes {
    const u8 *at;
    size_t len;
};

/* A value as stored: a number, or for DWARF_TEXT the text itself. */
struct value {
    enum what what;
    u64 number;
    struct wasm_text text;
};

/* The attributes of an entry that matter here. */
struct entry {
    u64 tag;
    bool has_children;
    struct value name, low_pc, origin, str_offsets_base, addr_base;
};

struct unit {
    struct reader reader; /* of the whole unit; positions are offsets in .debug_info */
    size_t begin;
    u64 str_offsets_base, addr_base;
    u32 abbrev_count;
};

struct dwarf {
    struct wasm_module *m;
    struct bytes info, abbrev, str, line_str, str_offsets, addr;
    u64 code_offset; /* of the code section's payload in the module */
    u64 budget;      /* what may still be read, in attributes; see spend */
    u32 *abbrevs;    /* of the current unit: abbreviation code - 1 -> offset in .debug_abbrev */
    u32 abbrev_max;
    bool *wanted; /* by function index: exported, and no names found so far */
    u32 name_max; /* places in m->local_names */
};

/* Pays for an attribute or abbreviation of len bytes: entries may be read more than once, and one
 * long text must not be searched for its end again and again. */
static bool spend(struct dwarf *d, size_t len)
{
    u64 price = 1 + len / 64;
    if (d->budget < price)
        return false;
    d->budget -= price;
    return true;
}

static u64 read_fixed(struct reader *r, u32 size)
{
    const u8 *bytes = read_bytes(r, size);
    u64 value = 0;
    for (u32 i = 0; bytes != NULL && i < size; i++)
        value |= (u64)bytes[i] << (8 * i);
    return value;
}

/* The number of count bytes at offset of a section; 0 outside it. */
static u64 number_at(struct bytes section, u64 offset, u32 size)
{
    struct reader r = reader_make(section.at, section.len, NULL);
    if (offset > section.len || read_bytes(&r, (size_t)offset) == NULL)
        return 0;
    return read_fixed(&r, size);
}

static struct wasm_text text_at(struct bytes section, u64 offset)
{
    if (offset >= section.len)
        return (struct wasm_text){0};
    const u8 *text = section.at + offset;
    size_t left = min_u64(section.len - offset, NAME_MAX_BYTES + 1);
    const u8 *end = memchr(text, 0, left);
    if (end == NULL || !utf8_valid(text, (size_t)(end - text)))
        return (struct wasm_text){0};
    return (struct wasm_text){(const char *)text, (u32)(end - text)};
}

static const struct form *form_find(u64 code)
{
    for (size_t i = 0; i < COUNT_OF(forms); i++)
        if (forms[i].code == code)
            return &forms[i];
    return NULL;
}

static struct wasm_text read_text(struct reader *r)
{
    struct bytes rest = {r->bytes + r->at, reader_left(r)};
    const u8 *end = rest.len == 0 ? NULL : memchr(rest.at, 0, rest.len);
    if (end == NULL) {
        reader_fail(r, ERR_MALFORMED, "text without an end");
        return (struct wasm_text){0};
    }
    struct wasm_text text = text_at(rest, 0);
    (void)read_bytes(r, (size_t)(end - rest.at) + 1);
    return text;
}

static struct value read_value(struct reader *r, const struct form *form)
{
    struct value value = {.what = form->what};
    u64 block_len = 0;
    switch (form->size) {
    case SIZE_ULEB: value.number = read_leb_u64(r); break;
    case SIZE_SLEB: value.number = (u64)read_leb_i64(r); break;
    case SIZE_TEXT: value.text = read_text(r); break;
    case SIZE_BLOCK1: block_len = read_fixed(r, 1); break;
    case SIZE_BLOCK2: block_len = read_fixed(r, 2); break;
    case SIZE_BLOCK4: block_len = read_fixed(r, 4); break;
    case SIZE_BLOCKN: block_len = read_leb_u64(r); break;
    default: value.number = read_fixed(r, form->size); break;
    }
    if (block_len > reader_left(r))
        reader_fail(r, ERR_MALFORMED, "block without an end");
    (void)read_bytes(r, (size_t)block_len);
    return value;
}

/* Finds the abbreviations of a unit, which compilers number 1, 2, ... False: not of that kind. */
static bool abbrevs_read(struct dwarf *d, struct unit *unit, u64 offset)
{
    struct reader r = reader_make(d->abbrev.at, d->abbrev.len, NULL);
    if (offset > d->abbrev.len || read_bytes(&r, (size_t)offset) == NULL)
        return false;
    for (unit->abbrev_count = 0;; unit->abbrev_count++) {
        u64 code = read_leb_u64(&r);
        if (code == 0 || !reader_ok(&r))
            return reader_ok(&r);
        if (code != unit->abbrev_count + 1u || unit->abbrev_count == d->abbrev_max)
            return false;
        d->abbrevs[unit->abbrev_count] = (u32)r.at;
        (void)read_leb_u64(&r); /* tag */
        (void)read_byte(&r);    /* has children */
        for (u64 attribute = 1, form = 0; attribute != 0 || form != 0;) {
            attribute = read_leb_u64(&r);
            form = read_leb_u64(&r);
            if (form == FORM_IMPLICIT_CONST)
                (void)read_leb_i64(&r);
            if (!reader_ok(&r) || !spend(d, 0))
                return false;
        }
    }
}

static void entry_take(struct entry *entry, u64 attribute, struct value value)
{
    switch (attribute) {
    case AT_NAME: entry->name = value; break;
    case AT_LOW_PC: entry->low_pc = value; break;
    case AT_ABSTRACT_ORIGIN:
    case AT_SPECIFICATION: entry->origin = value; break;
    case AT_STR_OFFSETS_BASE: entry->str_offsets_base = value; break;
    case AT_ADDR_BASE: entry->addr_base = value; break;
    default: break;
    }
}

/* Reads the entry at r; tag 0 is the end of a list of children. */
static bool entry_read(struct dwarf *d, const struct unit *unit, struct reader *r,
                       struct entry *entry)
{
    *entry = (struct entry){0};
    u64 code = read_leb_u64(r);
    if (code == 0 || code > unit->abbrev_count)
        return code == 0 && reader_ok(r);
    struct reader abbrev = reader_make(d->abbrev.at, d->abbrev.len, NULL);
    abbrev.at = d->abbrevs[code - 1];
    entry->tag = read_leb_u64(&abbrev);
    entry->has_children = read_byte(&abbrev) != 0;
    for (;;) {
        u64 attribute = read_leb_u64(&abbrev), form_code = read_leb_u64(&abbrev);
        if (attribute == 0 && form_code == 0)
            return reader_ok(r) && reader_ok(&abbrev);
        const struct form *form = form_find(form_code);
        if (form == NULL)
            return false;
        if (form_code == FORM_IMPLICIT_CONST)
            (void)read_leb_i64(&abbrev);
        size_t begin = r->at;
        entry_take(entry, attribute, read_value(r, form));
        if (!reader_ok(r) || !reader_ok(&abbrev) || !spend(d, r->at - begin))
            return false;
    }
}

static struct wasm_text value_text(const struct dwarf *d, const struct unit *unit,
                                   const struct value *value)
{
    if (value->what == DWARF_STR)
        return text_at(d->str, value->number);
    if (value->what == DWARF_LINE_STR)
        return text_at(d->line_str, value->number);
    if (value->what != DWARF_STR_INDEX)
        return value->text;
    u64 at = unit->str_offsets_base + min_u64(value->number, UINT32_MAX) * 4;
    return text_at(d->str, number_at(d->str_offsets, at, 4));
}

/* The name of an entry, or of the entry it was made from. */
static struct wasm_text entry_name(struct dwarf *d, const struct unit *unit, struct entry entry)
{
    for (int hop = 0;; hop++) {
        struct wasm_text name = value_text(d, unit, &entry.name);
        u64 at = entry.origin.number;
        if (entry.origin.what == DWARF_UNIT_REF)
            at += unit->begin;
        else if (entry.origin.what != DWARF_INFO_REF)
            return name;
        struct reader r = unit->reader;
        if (name.len > 0 || hop == ORIGIN_HOPS || at < unit->begin || at >= r.end)
            return name;
        r.at = (size_t)at;
        if (!entry_read(d, unit, &r, &entry))
            return name;
    }
}

/* The wanted function whose code begins at an entry's address, or WASM_NONE. */
static u32 entry_func(const struct dwarf *d, const struct unit *unit, const struct value *low_pc)
{
    u64 address = low_pc->number;
    if (low_pc->what == DWARF_ADDRESS_INDEX)
        address = number_at(d->addr, unit->addr_base + min_u64(address, UINT32_MAX) * 4, 4);
    else if (low_pc->what != DWARF_ADDRESS)
        return WASM_NONE;
    u32 low = d->m->func_import_count, high = d->m->func_count;
    while (low < high) {
        u32 middle = low + (high - low) / 2;
        if (d->m->funcs[middle].body_offset < d->code_offset + address)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < d->m->func_count && d->wanted[low] &&
                 d->m->funcs[low].body_offset == d->code_offset + address;
    return found ? low : WASM_NONE;
}

/* The parameters found so far of the function that is being read. */
struct current {
    u32 func;
    int depth; /* of its entry, or NO_DEPTH */
    u32 found; /* names behind the m->local_name_count finished ones */
};

static void current_take(struct dwarf *d, struct current *current, struct wasm_text name)
{
    u32 at = d->m->local_name_count + current->found;
    if (name.len > 0 && at < d->name_max)
        d->m->local_names[at] = (struct wasm_local_name){current->func, current->found, name};
    else
        current->func = WASM_NONE;
    current->found++;
}

/* Keeps the names if there is one for each parameter of the function's type. */
static void current_end(struct dwarf *d, struct current *current)
{
    if (current->func != WASM_NONE) {
        const struct wasm_func *func = &d->m->funcs[current->func];
        if (current->found == d->m->types[func->type].param_count) {
            d->m->local_name_count += current->found;
            d->wanted[current->func] = false;
        }
    }
    current->depth = NO_DEPTH;
}

/* Walks the entries of a unit in order. */
static void unit_walk(struct dwarf *d, struct unit *unit)
{
    struct current current = {.depth = NO_DEPTH};
    int depth = 0;
    struct reader *r = &unit->reader;
    struct entry entry;
    while (depth >= 0 && reader_left(r) > 0 && entry_read(d, unit, r, &entry)) {
        if (depth == 0) { /* the unit's own entry */
            unit->str_offsets_base = entry.str_offsets_base.number;
            unit->addr_base = entry.addr_base.number;
        }
        if (entry.tag == 0) {
            depth--;
            if (depth >= 0 && depth == current.depth)
                current_end(d, &current);
            continue;
        }
        if (entry.tag == TAG_FORMAL_PARAMETER && current.depth != NO_DEPTH &&
            depth == current.depth + 1 && current.func != WASM_NONE)
            current_take(d, &current, entry_name(d, unit, entry));
        if (entry.tag == TAG_SUBPROGRAM && current.depth == NO_DEPTH && entry.has_children)
            current = (struct current){entry_func(d, unit, &entry.low_pc), depth, 0};
        if (entry.has_children)
            depth++;
    }
}

/* Reads a unit's header. False: a kind of unit that has no functions, or another format. */
static bool unit_begin(struct dwarf *d, struct unit *unit)
{
    struct reader *r = &unit->reader;
    u64 version = read_fixed(r, 2), abbrev_offset, address_size;
    if (version == 5) {
        u8 type = read_byte(r);
        address_size = read_byte(r);
        abbrev_offset = read_fixed(r, 4);
        if (type != UNIT_COMPILE)
            return false;
    } else {
        abbrev_offset = read_fixed(r, 4);
        address_size = read_byte(r);
    }
    return version >= 2 && version <= 5 && address_size == 4 && reader_ok(r) &&
           abbrevs_read(d, unit, abbrev_offset);
}

static void units_read(struct dwarf *d)
{
    struct reader info = reader_make(d->info.at, d->info.len, NULL);
    while (reader_left(&info) > 0 && spend(d, 0)) {
        struct unit unit = {.begin = info.at};
        u64 len = read_fixed(&info, 4);
        if (len > reader_left(&info)) /* cut short, or 64-bit DWARF */
            return;
        unit.reader = reader_sub(&info, (size_t)len);
        if (unit_begin(d, &unit))
            unit_walk(d, &unit);
    }
}

static struct bytes section_find(const struct wasm_module *m, const char *name)
{
    for (u32 i = 0; i < m->section_count; i++) {
        const struct wasm_section *section = &m->sections[i];
        if (section->id != 0 || section->name.len != strlen(name) ||
            memcmp(section->name.bytes, name, section->name.len) != 0)
            continue;
        const u8 *at = (const u8 *)section->name.bytes + section->name.len;
        return (struct bytes){at, (size_t)(m->bytes + section->offset + section->len - at)};
    }
    return (struct bytes){0};
}

/* Marks the exported functions with parameters, and counts those. */
static void wanted_mark(struct dwarf *d)
{
    const struct wasm_module *m = d->m;
    for (u32 i = 0; i < m->export_count; i++) {
        u32 index = m->exports[i].index;
        if (m->exports[i].kind != WASM_EXTERN_FUNC || index < m->func_import_count ||
            index >= m->func_count || d->wanted[index] || m->funcs[index].type >= m->type_count)
            continue;
        d->wanted[index] = true;
        d->name_max += m->types[m->funcs[index].type].param_count;
    }
}

static int compare_names(const void *a, const void *b)
{
    const struct wasm_local_name *left = a, *right = b;
    if (left->func != right->func)
        return left->func < right->func ? -1 : 1;
    return left->local < right->local ? -1 : left->local > right->local;
}

void wasm_dwarf_decode(struct wasm_module *m, struct arena *arena)
{
    struct dwarf d = {
        .m = m,
        .info = section_find(m, ".debug_info"),
        .abbrev = section_find(m, ".debug_abbrev"),
        .str = section_find(m, ".debug_str"),
        .line_str = section_find(m, ".debug_line_str"),
        .str_offsets = section_find(m, ".debug_str_offsets"),
        .addr = section_find(m, ".debug_addr"),
    };
    if (d.info.len == 0 || d.abbrev.len == 0 || m->func_count == 0)
        return;
    for (u32 i = 0; i < m->section_count; i++)
        if (m->sections[i].id == SECTION_CODE)
            d.code_offset = m->sections[i].offset;
    struct reader r = reader_make(NULL, 0, NULL);
    d.budget = 8 * ((u64)d.info.len + d.abbrev.len);
    d.abbrev_max = (u32)(d.abbrev.len / 5 + 1); /* code, tag, children, two zeros */
    d.abbrevs = WASM_ARRAY(&r, arena, u32, d.abbrev_max);
    d.wanted = WASM_ARRAY(&r, arena, bool, m->func_count);
    if (!reader_ok(&r))
        return;
    wanted_mark(&d);
    m->local_names = WASM_ARRAY(&r, arena, struct wasm_local_name, d.name_max);
    if (d.name_max == 0 || !reader_ok(&r))
        return;
    units_read(&d);
    qsort(m->local_names, m->local_name_count, sizeof *m->local_names, compare_names);
}
