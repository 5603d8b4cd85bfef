/*
 * wasm/decode_name.c -- the name section: names of the module, of functions and of locals.
 * spec: core/appendix/custom, name section
 *
 * It is read after everything else, with an error record of its own: whatever is wrong in it, the
 * module is as good without it.
 */
#include "wasm/internal.h"

enum { SUBSECTION_MODULE, SUBSECTION_FUNCS, SUBSECTION_LOCALS };

static void decode_func_names(struct wasm_module *m, struct reader *r)
{
    u32 count = read_count(r, WASM_MAX_FUNCS, "function names");
    u64 least = 0; /* indices ascend */
    for (u32 i = 0; i < count && reader_ok(r); i++) {
        u32 index = read_leb_u32(r);
        struct wasm_text name = wasm_text_decode(r);
        if (index < least)
            reader_fail(r, ERR_MALFORMED, "function names out of order");
        least = (u64)index + 1;
        if (index < m->func_count)
            m->funcs[index].name = name;
    }
}

/* The local names in order; names NULL: only counts them. */
static u32 decode_local_names(struct reader *r, struct wasm_local_name *names)
{
    u32 total = 0;
    u64 least_func = 0;
    u32 func_count = read_count(r, WASM_MAX_FUNCS, "functions with local names");
    for (u32 i = 0; i < func_count && reader_ok(r); i++) {
        u32 func = read_leb_u32(r);
        if (func < least_func)
            reader_fail(r, ERR_MALFORMED, "local names out of order");
        least_func = (u64)func + 1;
        u64 least_local = 0;
        u32 count = read_count(r, WASM_MAX_LOCALS, "local names of a function");
        for (u32 k = 0; k < count && reader_ok(r); k++) {
            u32 local = read_leb_u32(r);
            struct wasm_text name = wasm_text_decode(r);
            if (local < least_local)
                reader_fail(r, ERR_MALFORMED, "local names out of order");
            least_local = (u64)local + 1;
            if (names != NULL && reader_ok(r))
                names[total] = (struct wasm_local_name){func, local, name};
            total++;
        }
    }
    return reader_ok(r) ? total : 0;
}

static void decode_locals(struct wasm_module *m, struct reader *r, struct arena *arena)
{
    struct reader counted = *r;
    u32 count = decode_local_names(&counted, NULL);
    m->local_names = WASM_ARRAY(&counted, arena, struct wasm_local_name, count);
    if (!reader_ok(&counted)) {
        r->failed = true;
        return;
    }
    m->local_name_count = decode_local_names(r, m->local_names);
}

static bool decode_subsections(struct wasm_module *m, struct reader *r, struct arena *arena)
{
    u32 least = 0;
    while (reader_left(r) > 0) {
        u8 id = read_byte(r);
        u32 len = read_leb_u32(r);
        struct reader sub = reader_sub(r, len);
        if (id < least || !reader_ok(&sub))
            return false;
        least = id + 1u;
        if (id > SUBSECTION_LOCALS)
            continue; /* labels, types, fields ...: of no use here */
        if (id == SUBSECTION_MODULE)
            m->name = wasm_text_decode(&sub);
        else if (id == SUBSECTION_FUNCS)
            decode_func_names(m, &sub);
        else
            decode_locals(m, &sub, arena);
        if (!reader_ok(&sub) || reader_left(&sub) != 0)
            return false;
    }
    return reader_ok(r);
}

bool wasm_names_decode(struct wasm_module *m, struct reader *r, struct arena *arena)
{
    if (decode_subsections(m, r, arena))
        return true;
    m->name = (struct wasm_text){0};
    m->local_names = NULL;
    m->local_name_count = 0;
    for (u32 i = 0; i < m->func_count; i++)
        m->funcs[i].name = (struct wasm_text){0};
    return false;
}
