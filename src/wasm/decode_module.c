/*
 * wasm/decode_module.c -- the preamble and the sections. spec: core/binary/modules
 */
#include "base/check.h"
#include "wasm/internal.h"
#include <string.h>

#define MAGIC             0x6d736100u /* "\0asm" */
#define VERSION_MODULE    1u
#define VERSION_COMPONENT 0x1000du
#define SECTION_CUSTOM    0
#define SECTION_TAG       13

static bool decode_data_count(struct wasm_module *m, struct reader *r, struct arena *arena);

/* One row per section: its place in the file is that of its row. Tags are refused by name. */
struct section_info {
    u8 id;
    const char *text;
    bool (*decode)(struct wasm_module *m, struct reader *r, struct arena *arena);
};
static const struct section_info section_infos[] = {
    {1, "type", wasm_types_decode},        {2, "import", wasm_imports_decode},
    {3, "function", wasm_funcs_decode},    {4, "table", wasm_tables_decode},
    {5, "memory", wasm_memories_decode},   {SECTION_TAG, "tag", NULL},
    {6, "global", wasm_globals_decode},    {7, "export", wasm_exports_decode},
    {8, "start", wasm_start_decode},       {9, "element", wasm_elems_decode},
    {12, "data count", decode_data_count}, {10, "code", wasm_code_decode},
    {11, "data", wasm_data_decode},
};

/* A module being decoded: what is known beside the module itself. */
struct decoder {
    struct wasm_module *m;
    struct arena *arena;
    size_t place;        /* section_infos before this place are over */
    struct reader names; /* payload of the name section */
    bool has_names;
};

void *wasm_array(struct reader *r, struct arena *arena, size_t count, size_t size)
{
    if (!reader_ok(r))
        return NULL;
    void *array = arena_array_try(arena, count, size);
    if (array == NULL)
        reader_fail(r, ERR_LIMIT, "out of memory for the module: %zu entries of %zu bytes", count,
                    size);
    return array;
}

const char *wasm_section_text(u8 id)
{
    for (size_t i = 0; i < COUNT_OF(section_infos); i++)
        if (section_infos[i].id == id)
            return section_infos[i].text;
    return "custom";
}

static bool decode_data_count(struct wasm_module *m, struct reader *r, struct arena *arena)
{
    (void)arena;
    m->declared_data_count = read_leb_u32(r);
    return reader_ok(r);
}

static bool decode_preamble(struct reader *r)
{
    if (reader_left(r) == 0)
        return reader_fail(r, ERR_MALFORMED, "no WebAssembly module: it is empty");
    u32 magic = read_u32_le(r);
    if (reader_ok(r) && magic != MAGIC)
        return reader_fail_at(r, 0, ERR_MALFORMED, "no WebAssembly module: magic header not found");
    u32 version = read_u32_le(r);
    if (version == VERSION_COMPONENT)
        return wasm_refuse(r, 4, WASM_FEATURE_COMPONENT, "component");
    if (reader_ok(r) && version != VERSION_MODULE)
        return reader_fail_at(r, 4, ERR_MALFORMED, "unknown binary version 0x%x", version);
    return reader_ok(r);
}

/* How many sections there are, for the table of them; malformed ones are found later. */
static u32 count_sections(struct reader r)
{
    r.err = NULL;
    u32 count = 0;
    while (reader_left(&r) > 0 && count <= WASM_MAX_SECTIONS) {
        read_byte(&r);
        read_bytes(&r, read_leb_u32(&r));
        count++;
    }
    return count;
}

static bool decode_custom(struct decoder *d, struct reader *r, struct wasm_section *section)
{
    section->name = wasm_text_decode(r);
    if (!reader_ok(r))
        return false;
    if (!d->has_names && section->name.len == 4 && memcmp(section->name.bytes, "name", 4) == 0) {
        d->names = *r;
        d->has_names = true;
    }
    return true;
}

static bool decode_known(struct decoder *d, struct reader *r, const struct wasm_section *section,
                         u64 offset)
{
    size_t place = 0;
    while (place < COUNT_OF(section_infos) && section_infos[place].id != section->id)
        place++;
    if (place == COUNT_OF(section_infos))
        return reader_fail_at(r, offset, ERR_MALFORMED, "malformed section id %u", section->id);
    const struct section_info *info = &section_infos[place];
    if (info->decode == NULL)
        return wasm_refuse(r, offset, WASM_FEATURE_EXCEPTIONS, "tag section");
    if (place < d->place)
        return reader_fail_at(r, offset, ERR_MALFORMED,
                              "unexpected %s section: out of order or there twice", info->text);
    d->place = place + 1;
    if (!info->decode(d->m, r, d->arena))
        return false;
    if (reader_left(r) != 0)
        return reader_fail(r, ERR_MALFORMED,
                           "section size mismatch: %zu bytes after the %s section", reader_left(r),
                           info->text);
    return true;
}

static bool decode_section(struct decoder *d, struct reader *r)
{
    u64 offset = reader_offset(r);
    u8 id = read_byte(r);
    u32 len = read_leb_u32(r);
    struct reader payload = reader_sub(r, len);
    if (!reader_ok(&payload))
        return false;
    struct wasm_section *section = &d->m->sections[d->m->section_count++];
    *section = (struct wasm_section){.id = id, .offset = reader_offset(&payload), .len = len};
    return id == SECTION_CUSTOM ? decode_custom(d, &payload, section)
                                : decode_known(d, &payload, section, offset);
}

/* What no single section can see. */
static bool check_counts(const struct wasm_module *m, struct reader *r)
{
    if (m->func_count > m->func_import_count && m->funcs[m->func_import_count].body == NULL)
        return reader_fail(r, ERR_MALFORMED, "function section without a code section");
    if (m->declared_data_count != WASM_NONE && m->declared_data_count != m->data_count)
        return reader_fail(r, ERR_MALFORMED,
                           "data count and data section have inconsistent lengths: %u and %u",
                           m->declared_data_count, m->data_count);
    return true;
}

bool wasm_module_decode(const void *bytes, size_t len, struct arena *arena,
                        struct wasm_module **out, struct err *err)
{
    if (len > WASM_MAX_MODULE_BYTES)
        return err_set(err, ERR_LIMIT, ERR_NO_AT, "more than %u bytes in a module",
                       WASM_MAX_MODULE_BYTES);
    struct reader r = reader_make(bytes, len, err);
    if (!decode_preamble(&r))
        return false;
    u32 section_count = count_sections(r);
    if (section_count > WASM_MAX_SECTIONS)
        return err_set(err, ERR_LIMIT, ERR_NO_AT, "more than %u sections", WASM_MAX_SECTIONS);
    struct wasm_module *m = WASM_ARRAY(&r, arena, struct wasm_module, 1);
    struct wasm_section *sections = WASM_ARRAY(&r, arena, struct wasm_section, section_count);
    if (!reader_ok(&r))
        return false;
    *m = (struct wasm_module){.bytes = bytes,
                              .len = len,
                              .sections = sections,
                              .start = WASM_NONE,
                              .declared_data_count = WASM_NONE};
    struct decoder d = {.m = m, .arena = arena};
    while (reader_left(&r) > 0)
        if (!decode_section(&d, &r))
            return false;
    if (!check_counts(m, &r))
        return false;
    if (d.has_names) {
        d.names.err = NULL;
        (void)!wasm_names_decode(m, &d.names, arena);
    }
    if (m->local_name_count == 0)
        wasm_dwarf_decode(m, arena);
    *out = m;
    return true;
}
