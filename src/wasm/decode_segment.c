/*
 * wasm/decode_segment.c -- element and data segments, in all their encodings.
 * spec: core/binary/modules, element section, data section
 */
#include "wasm/internal.h"

enum { /* flags in front of an element segment */
       ELEM_NOT_ACTIVE = 1,
       ELEM_EXPLICIT = 2, /* active: has a table index; else: declarative. Has a type. */
       ELEM_EXPRESSIONS = 4,
       ELEM_KNOWN = 7,
};
#define ELEM_KIND_FUNC 0x00

enum { DATA_ACTIVE, DATA_PASSIVE, DATA_ACTIVE_EXPLICIT };

static void decode_elem_type(struct reader *r, u32 flags, struct wasm_elem *elem)
{
    elem->type = WASM_FUNCREF;
    if ((flags & (ELEM_EXPLICIT | ELEM_NOT_ACTIVE)) == 0)
        return;
    u64 offset = reader_offset(r);
    if (flags & ELEM_EXPRESSIONS)
        elem->type = wasm_reftype_decode(r);
    else if (read_byte(r) != ELEM_KIND_FUNC)
        reader_fail_at(r, offset, ERR_MALFORMED, "malformed element kind");
}

static void decode_elem(const struct wasm_module *m, struct reader *r, struct arena *arena,
                        struct wasm_elem *elem)
{
    elem->offset = reader_offset(r);
    u32 flags = read_leb_u32(r);
    if (flags > ELEM_KNOWN)
        reader_fail_at(r, elem->offset, ERR_MALFORMED, "malformed element segment kind %u", flags);
    if (flags & ELEM_NOT_ACTIVE) {
        elem->mode = (flags & ELEM_EXPLICIT) ? WASM_SEGMENT_DECLARATIVE : WASM_SEGMENT_PASSIVE;
    } else {
        elem->mode = WASM_SEGMENT_ACTIVE;
        elem->table = (flags & ELEM_EXPLICIT) ? read_leb_u32(r) : 0;
        elem->at = wasm_const_decode(m, r, arena);
    }
    decode_elem_type(r, flags, elem);
    elem->item_count = read_count(r, WASM_MAX_ELEM_ITEMS, "items in an element segment");
    elem->items = WASM_ARRAY(r, arena, struct wasm_const, elem->item_count);
    for (u32 i = 0; i < elem->item_count && reader_ok(r); i++) {
        if (flags & ELEM_EXPRESSIONS)
            elem->items[i] = wasm_const_decode(m, r, arena);
        else
            elem->items[i] = (struct wasm_const){.kind = WASM_CONST_REF_FUNC,
                                                 .type = WASM_FUNCREF,
                                                 .offset = reader_offset(r),
                                                 .index = read_leb_u32(r)};
    }
}

bool wasm_elems_decode(struct wasm_module *m, struct reader *r, struct arena *arena)
{
    u32 count = read_count(r, WASM_MAX_ELEMS, "element segments");
    m->elems = WASM_ARRAY(r, arena, struct wasm_elem, count);
    for (u32 i = 0; i < count && reader_ok(r); i++)
        decode_elem(m, r, arena, &m->elems[i]);
    m->elem_count = count;
    return reader_ok(r);
}

static void decode_data_segment(const struct wasm_module *m, struct reader *r, struct arena *arena,
                                struct wasm_data *data)
{
    data->offset = reader_offset(r);
    u32 flags = read_leb_u32(r);
    if (flags > DATA_ACTIVE_EXPLICIT)
        reader_fail_at(r, data->offset, ERR_MALFORMED, "malformed data segment kind %u", flags);
    data->mode = WASM_SEGMENT_PASSIVE;
    if (flags != DATA_PASSIVE) {
        data->mode = WASM_SEGMENT_ACTIVE;
        data->memory = flags == DATA_ACTIVE_EXPLICIT ? read_leb_u32(r) : 0;
        data->at = wasm_const_decode(m, r, arena);
    }
    data->len = read_leb_u32(r);
    data->bytes = read_bytes(r, data->len);
}

bool wasm_data_decode(struct wasm_module *m, struct reader *r, struct arena *arena)
{
    u32 count = read_count(r, WASM_MAX_DATA, "data segments");
    m->data = WASM_ARRAY(r, arena, struct wasm_data, count);
    for (u32 i = 0; i < count && reader_ok(r); i++)
        decode_data_segment(m, r, arena, &m->data[i]);
    m->data_count = count;
    return reader_ok(r);
}
