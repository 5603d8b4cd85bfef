/*
 * test/fuzz/fuzz_wasm.c -- libFuzzer target: decode, print, validate. Seeds: test/fuzz/corpus/wasm.
 *
 * Beside not crashing: a verdict always has a sentence, the same bytes give the same verdict, and
 * what validates once has block types and locals that can be asked for.
 */
#include "base/check.h"
#include "wasm/wasm.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t len);

#define ARENA_BYTES ((size_t)256 << 20)
#define TEXT_BYTES  ((size_t)1 << 20)

static void print_all(const struct wasm_module *m)
{
    struct buf out;
    buf_init(&out, TEXT_BYTES);
    wasm_print_sections(m, &out);
    wasm_print_types(m, &out);
    wasm_print_code(m, &out);
    buf_fini(&out);
}

/* What a compiler asks about every instruction of a valid module. */
static void walk_valid(const struct wasm_module *m, struct arena *arena)
{
    for (u32 i = m->func_import_count; i < m->func_count; i++) {
        struct wasm_local_run *runs;
        u32 run_count;
        struct reader code;
        struct wasm_instr instr;
        struct err err = {0};
        if (!wasm_func_locals(m, &m->funcs[i], arena, &runs, &run_count, &code, &err)) {
            CHECK(err.code == ERR_LIMIT);
            return;
        }
        while (reader_left(&code) > 0) {
            u8 one_result;
            bool ok = wasm_instr_read(&code, &instr);
            CHECK(ok);
            if (wasm_op_info(instr.op)->imm == WASM_IMM_BLOCKTYPE)
                wasm_block_type(m, instr.block_type, &one_result);
        }
    }
}

static enum err_code judge(const u8 *bytes, size_t len)
{
    struct arena arena;
    struct wasm_module *m;
    struct err err = {0};
    arena_init(&arena, ARENA_BYTES);
    if (wasm_module_decode(bytes, len, &arena, &m, &err)) {
        print_all(m);
        if (wasm_module_validate(m, &arena, &err))
            walk_valid(m, &arena);
    }
    CHECK(err.code == ERR_NONE || (err.text[0] != 0 && strchr(err.text, '\n') == NULL));
    arena_fini(&arena);
    return err.code;
}

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t len)
{
    CHECK(judge(bytes, len) == judge(bytes, len));
    return 0;
}
