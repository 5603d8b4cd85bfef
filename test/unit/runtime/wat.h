/*
 * test/unit/runtime/wat.h -- modules that tests have as text.
 */
#pragma once
#include "proc/compile.h"
#include "test/test.h"
#include <stdio.h>
#include <stdlib.h>

/* Compiles the text of a module, by way of files in a folder, into a cache. */
static inline void compile_wat_tier(const char *folder, struct proc_cache *cache,
                                    const char *source, enum proc_tier tier,
                                    struct proc_artifact *out)
{
    char text[96], wasm[96], command[256];
    struct err err = {0};
    const struct proc_compile_options options = {.tier = tier};
    assert_true(snprintf(text, sizeof text, "%s/m.wat", folder) < (int)sizeof text);
    assert_true(snprintf(wasm, sizeof wasm, "%s/m.wasm", folder) < (int)sizeof wasm);
    FILE *file = fopen(text, "we");
    assert_true(file != NULL && fputs(source, file) >= 0 && fclose(file) == 0);
    snprintf(command, sizeof command, "wat2wasm -o %s %s", wasm, text);
    assert_int_equal(system(command), 0);
    if (!proc_compile_file(cache, wasm, &options, NULL, NULL, out, &err))
        fail_msg("%s", err.text);
}

static inline void compile_wat(const char *folder, struct proc_cache *cache, const char *source,
                               struct proc_artifact *out)
{
    compile_wat_tier(folder, cache, source, PROC_TIER_QUICK, out);
}
