/*
 * test/spec/verdict.c -- decode and validate every module named on standard input, one path a
 * line; prints "CODE OFFSET PATH TEXT" for each, CODE being the stable text of base/err.def.
 */
#include "base/file.h"
#include "wasm/wasm.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define JOB_BYTES ((size_t)1 << 30)

static void judge(const char *path, struct arena *arena)
{
    struct err err = {0};
    struct file_view file;
    struct wasm_module *module;
    if (!file_map(path, WASM_MAX_MODULE_BYTES, "module", &file, &err)) {
        printf("%s - %s %s\n", err_code_text(err.code), path, err.text);
        return;
    }
    if (wasm_module_decode(file.bytes, file.len, arena, &module, &err))
        (void)!wasm_module_validate(module, arena, &err);
    printf("%s %" PRIi64 " %s %s\n", err_code_text(err.code),
           err.code == ERR_NONE ? -1 : (i64)err.at, path, err.text);
    file_unmap(&file);
}

int main(void)
{
    struct arena arena;
    char path[4096];
    arena_init(&arena, JOB_BYTES);
    while (fgets(path, sizeof path, stdin) != NULL) {
        path[strcspn(path, "\n")] = 0;
        judge(path, &arena);
        arena_reset(&arena);
    }
    arena_fini(&arena);
    return 0;
}
