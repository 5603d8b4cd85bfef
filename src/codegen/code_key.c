/*
 * codegen/code_key.c -- the key of a code file: a digest of all that its bytes depend on.
 *
 * Whatever an emitter looks at must be here; data, limits, initial values and exports are not, and
 * no emitter may look at them.
 */
#include "codegen/internal.h"
#include <string.h>

static void add_text(struct digest_state *state, const char *text)
{
    digest_add_piece(state, text, strlen(text));
}

static void add_number(struct digest_state *state, u64 number)
{
    digest_add(state, &number, sizeof number);
}

static void add_types(struct digest_state *state, const struct wasm_module *m)
{
    add_number(state, m->type_count);
    for (u32 i = 0; i < m->type_count; i++) {
        digest_add_piece(state, m->types[i].params, m->types[i].param_count);
        digest_add_piece(state, m->types[i].results, m->types[i].result_count);
    }
}

static void add_funcs(struct digest_state *state, const struct wasm_module *m)
{
    add_number(state, m->func_count);
    add_number(state, m->func_import_count);
    for (u32 i = 0; i < m->func_count; i++) {
        add_number(state, m->funcs[i].type);
        digest_add_piece(state, m->funcs[i].body, m->funcs[i].body_len);
        digest_add_piece(state, m->funcs[i].name.bytes, m->funcs[i].name.len);
    }
}

static void add_globals(struct digest_state *state, const struct wasm_module *m)
{
    add_number(state, m->global_count);
    add_number(state, m->global_import_count);
    for (u32 i = 0; i < m->global_count; i++)
        add_number(state, (u64)m->globals[i].type << 1 | m->globals[i].is_mutable);
}

void cg_code_key(const struct cg *cg, const struct wasm_module *m, struct cg_options options,
                 struct digest *out)
{
    struct digest_state state;
    digest_init(&state, NULL);
    add_text(&state, "weir code");
    add_text(&state, WEIR_VERSION);
    add_number(&state, ABI_VERSION);
    add_text(&state, cg_llvm_version());
    add_text(&state, cg->cpu);
    add_text(&state, cg->features);
    add_number(&state, options.opt);
    add_number(&state, options.strict_traps);
    add_types(&state, m);
    add_funcs(&state, m);
    add_globals(&state, m);
    add_number(&state, m->table_count);
    add_number(&state, m->memory_count);
    add_number(&state, m->memory_import_count);
    digest_end(&state, out);
}
