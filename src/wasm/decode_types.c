/*
 * wasm/decode_types.c -- value types, limits, the types of tables, memories and globals, and the
 * type section. spec: core/binary/types; core/binary/modules, type section
 */
#include "base/check.h"
#include "wasm/internal.h"

#define FORM_FUNC       0x60
#define FORM_TABLE_INIT 0x40

enum { /* flags of limits; those beyond LIMITS_HAS_MAX come from later proposals */
       LIMITS_HAS_MAX = 1,
       LIMITS_SHARED = 2,
       LIMITS_64BIT = 4,
       LIMITS_PAGE_SIZE = 8,
       LIMITS_KNOWN = 15,
};

static bool is_number(u8 type)
{
    return type >= WASM_F64 && type <= WASM_I32;
}

bool wasm_valtype_is_ref(u8 type)
{
    return type == WASM_FUNCREF || type == WASM_EXTERNREF;
}

bool wasm_valtype_is_known(u8 type)
{
    return is_number(type) || wasm_valtype_is_ref(type);
}

u8 wasm_valtype_decode(struct reader *r)
{
    u64 offset = reader_offset(r);
    u8 byte = read_byte(r);
    if (reader_ok(r) && !wasm_valtype_is_known(byte))
        wasm_refuse_type(r, offset, byte, "value type");
    return byte;
}

u8 wasm_reftype_decode(struct reader *r)
{
    u64 offset = reader_offset(r);
    u8 byte = read_byte(r);
    if (!reader_ok(r) || wasm_valtype_is_ref(byte))
        return byte;
    if (is_number(byte) || byte == 0x7b)
        reader_fail_at(r, offset, ERR_MALFORMED, "malformed reference type 0x%02x", byte);
    else
        wasm_refuse_type(r, offset, byte, "reference type");
    return byte;
}

static struct wasm_limits decode_limits(struct reader *r, bool of_memory)
{
    u64 offset = reader_offset(r);
    u8 flags = read_byte(r);
    if (flags > LIMITS_KNOWN || (!of_memory && (flags & LIMITS_PAGE_SIZE) != 0))
        reader_fail_at(r, offset, ERR_MALFORMED, "malformed limits flags 0x%02x", flags);
    if (flags & LIMITS_PAGE_SIZE)
        wasm_refuse(r, offset, WASM_FEATURE_PAGE_SIZES, "page size of a memory");
    if (flags & LIMITS_64BIT)
        wasm_refuse(r, offset, WASM_FEATURE_MEMORY64,
                    of_memory ? "memory with 64-bit addresses" : "table with 64-bit indices");
    if (flags & LIMITS_SHARED)
        wasm_refuse(r, offset, WASM_FEATURE_THREADS, of_memory ? "shared memory" : "shared table");
    struct wasm_limits limits = {.min = read_leb_u32(r), .max = WASM_NO_MAX};
    if (flags & LIMITS_HAS_MAX)
        limits.max = read_leb_u32(r);
    return limits;
}

struct wasm_table wasm_table_decode(struct reader *r)
{
    if (read_peek(r) == FORM_TABLE_INIT)
        wasm_refuse(r, reader_offset(r), WASM_FEATURE_FUNC_REFS, "table with an initial element");
    struct wasm_table table = {.import = WASM_NONE, .type = wasm_reftype_decode(r)};
    table.limits = decode_limits(r, false);
    return table;
}

struct wasm_memory wasm_memory_decode(struct reader *r)
{
    return (struct wasm_memory){.import = WASM_NONE, .limits = decode_limits(r, true)};
}

struct wasm_global wasm_global_decode(struct reader *r)
{
    struct wasm_global global = {.import = WASM_NONE, .type = wasm_valtype_decode(r)};
    u64 offset = reader_offset(r);
    u8 mutability = read_byte(r);
    if (mutability == 2 || mutability == 3)
        wasm_refuse(r, offset, WASM_FEATURE_THREADS, "shared global");
    else if (mutability > 3)
        reader_fail_at(r, offset, ERR_MALFORMED, "malformed mutability 0x%02x", mutability);
    global.is_mutable = mutability == 1;
    return global;
}

/* A vector of value types: a view into the module, since each is one byte. */
static const u8 *decode_result_type(struct reader *r, u32 max, const char *what, u32 *count)
{
    *count = read_count(r, max, what);
    const u8 *types = r->bytes + r->at;
    for (u32 i = 0; i < *count && reader_ok(r); i++)
        wasm_valtype_decode(r);
    return types;
}

bool wasm_types_decode(struct wasm_module *m, struct reader *r, struct arena *arena)
{
    u32 count = read_count(r, WASM_MAX_TYPES, "types");
    m->types = WASM_ARRAY(r, arena, struct wasm_func_type, count);
    for (u32 i = 0; i < count && reader_ok(r); i++) {
        struct wasm_func_type *type = &m->types[i];
        u64 offset = reader_offset(r);
        u8 form = read_byte(r);
        if (reader_ok(r) && form != FORM_FUNC)
            wasm_refuse_form(r, offset, form);
        type->params = decode_result_type(r, WASM_MAX_PARAMS, "parameters", &type->param_count);
        type->results = decode_result_type(r, WASM_MAX_RESULTS, "results", &type->result_count);
    }
    m->type_count = count;
    return reader_ok(r);
}

const char *wasm_valtype_text(u8 type)
{
    switch (type) {
    case WASM_I32: return "i32";
    case WASM_I64: return "i64";
    case WASM_F32: return "f32";
    case WASM_F64: return "f64";
    case WASM_FUNCREF: return "funcref";
    case WASM_EXTERNREF: return "externref";
    default: return "unknown";
    }
}

const char *wasm_extern_text(enum wasm_extern kind)
{
    static const char *const texts[] = {
        [WASM_EXTERN_FUNC] = "function",
        [WASM_EXTERN_TABLE] = "table",
        [WASM_EXTERN_MEMORY] = "memory",
        [WASM_EXTERN_GLOBAL] = "global",
    };
    CHECK(kind < COUNT_OF(texts));
    return texts[kind];
}

struct wasm_func_type wasm_block_type(const struct wasm_module *m, i64 block_type, u8 *one_result)
{
    if (block_type >= 0) {
        CHECK(block_type < m->type_count);
        return m->types[block_type];
    }
    if (block_type == WASM_BLOCK_EMPTY)
        return (struct wasm_func_type){0};
    *one_result = (u8)(block_type + 128);
    return (struct wasm_func_type){.results = one_result, .result_count = 1};
}
