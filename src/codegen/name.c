/*
 * codegen/name.c -- readable names of functions, for perf, gdb and objdump.
 *
 * They are second, local symbols of the functions: escaped, cut, and ended by ".f<index>", so that
 * none means anything to LLVM, the linker or a C library.
 */
#include "codegen/internal.h"
#include <stdio.h>
#include <string.h>

#define NAME_BYTES_MAX 80

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == ':';
}

static void add_name(struct cg_module *m, struct wasm_text name, u32 index, LLVMValueRef function)
{
    char text[NAME_BYTES_MAX + 16];
    u32 len = (u32)min_u64(name.len, NAME_BYTES_MAX);
    for (u32 i = 0; i < len; i++)
        text[i] = is_plain(name.bytes[i]) ? name.bytes[i] : '_';
    snprintf(text + len, sizeof text - len, ".f%u", index);
    LLVMTypeRef type = LLVMGlobalGetValueType(function);
    LLVMSetLinkage(LLVMAddAlias2(m->module, type, 0, function, text), LLVMInternalLinkage);
}

void cg_names_add(struct cg_module *m)
{
    u32 imports = m->wasm->func_import_count;
    for (u32 i = m->part.first; i < m->part.end; i++)
        if (m->wasm->funcs[imports + i].name.len > 0)
            add_name(m, m->wasm->funcs[imports + i].name, imports + i, m->funcs[i]);
}
