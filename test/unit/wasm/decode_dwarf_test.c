/* Parameter names from the debug information of modules that real compilers made (test/guests). */
#include "test/unit/wasm/make.h"
#include "base/file.h"
#include <stdio.h>
#include <stdlib.h>

struct guest {
    u8 *bytes; /* a copy that tests may damage */
    size_t len;
    struct arena arena;
    struct wasm_module *module;
};

static void guest_open(struct guest *guest, const char *name)
{
    char path[4096];
    struct file_view view;
    struct err err = {0};
    snprintf(path, sizeof path, "%s/../guests/%s.wasm", getenv("WEIR_BIN"), name);
    if (!file_map(path, MAKE_MODULE_MAX, "guest", &view, &err))
        fail_msg("%s: %s", path, err.text);
    guest->len = view.len;
    guest->bytes = malloc(view.len);
    memcpy(guest->bytes, view.bytes, view.len);
    file_unmap(&view);
    arena_init(&guest->arena, MAKE_ARENA_MAX);
    guest->module = NULL;
}

static void guest_decode(struct guest *guest)
{
    struct err err = {0};
    arena_reset(&guest->arena);
    if (!wasm_module_decode(guest->bytes, guest->len, &guest->arena, &guest->module, &err))
        fail_msg("%s", err.text);
}

static void guest_close(struct guest *guest)
{
    arena_fini(&guest->arena);
    free(guest->bytes);
}

/* The names of an exported function's parameters, separated by spaces. */
static void names_of(const struct wasm_module *m, const char *export, char *out, size_t len)
{
    out[0] = 0;
    for (u32 i = 0; i < m->export_count; i++) {
        struct wasm_text name = m->exports[i].name;
        if (name.len != strlen(export) || memcmp(name.bytes, export, name.len) != 0)
            continue;
        for (u32 k = 0; k < m->local_name_count; k++) {
            const struct wasm_local_name *local = &m->local_names[k];
            size_t used = strlen(out);
            if (local->func == m->exports[i].index)
                snprintf(out + used, len - used, "%s%.*s", used == 0 ? "" : " ",
                         (int)local->name.len, local->name.bytes);
        }
        return;
    }
    fail_msg("no export %s", export);
}

static void names_in_order(void **state)
{
    (void)state;
    static const struct {
        const char *guest, *export, *want;
    } cases[] = {
        {"vec", "dot", "count a b"},
        {"vec", "saxpy", "count a"},
        {"vec", "norm", "count step"},
        {"vec_emscripten", "dot", "count a b"},
        {"vec_emscripten", "norm", "count step"},
        {"vec_emscripten", "stackAlloc", ""}, /* assembly, no debug information */
        {"names", "inlined", "left right"},   /* names in an abstract entry */
        {"names", "caller", "value"},
        {"names", "hidden", ""},   /* one name less than parameters */
        {"names", "nameless", ""}, /* one of two has a name */
        {"names_dwarf_5", "inlined", "left right"},
        {"names_dwarf_5", "caller", "value"},
        {"names_dwarf_5", "hidden", ""},
        {"names_dwarf_5", "nameless", ""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct guest guest;
        char names[256];
        guest_open(&guest, cases[i].guest);
        guest_decode(&guest);
        names_of(guest.module, cases[i].export, names, sizeof names);
        assert_string_equal(names, cases[i].want);
        guest_close(&guest);
    }
}

/* Whatever byte of the debug information is wrong, the module is accepted, and what is found are
 * ordered names of existing parameters. */
static void damage_is_harmless(void **state)
{
    (void)state;
    static const char *const guests[] = {"names", "names_dwarf_5"};
    static const u8 flips[] = {0x01, 0x80, 0xff};
    for (size_t i = 0; i < COUNT_OF(guests); i++) {
        struct guest guest;
        guest_open(&guest, guests[i]);
        guest_decode(&guest);
        size_t first = guest.len, last = 0;
        for (u32 k = 0; k < guest.module->section_count; k++) {
            const struct wasm_section *section = &guest.module->sections[k];
            if (section->name.len < 7 || memcmp(section->name.bytes, ".debug_", 7) != 0)
                continue;
            size_t begin = (size_t)((const u8 *)section->name.bytes - guest.bytes);
            for (size_t at = begin + section->name.len; at < section->offset + section->len; at++) {
                for (size_t f = 0; f < COUNT_OF(flips); f++) {
                    guest.bytes[at] ^= flips[f];
                    guest_decode(&guest);
                    const struct wasm_module *m = guest.module;
                    for (u32 n = 0; n < m->local_name_count; n++) {
                        const struct wasm_local_name *name = &m->local_names[n];
                        assert_true(name->func < m->func_count);
                        assert_true(name->local < m->types[m->funcs[name->func].type].param_count);
                        assert_true(n == 0 || name[-1].func < name->func ||
                                    (name[-1].func == name->func && name[-1].local < name->local));
                    }
                    guest.bytes[at] ^= flips[f];
                }
                first = min_u64(first, at);
                last = max_u64(last, at);
                section = &guest.module->sections[k]; /* of the last decoding */
            }
            guest_decode(&guest);
        }
        assert_true(last > first); /* there was debug information to damage */
        guest_close(&guest);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_in_order),
        cmocka_unit_test(damage_is_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
