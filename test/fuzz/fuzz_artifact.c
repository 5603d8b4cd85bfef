/* fuzz_artifact -- both files of an artifact, as if they had no MAC: an even first byte means a
 * module file follows, an odd one a code file. */
#include "runtime/internal.h"

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t len);

/* What evaluation counts on: operands are there, one value is left, globals exist. */
static void check_expr(const struct rt_module_file *file, const struct rt_expr *expr)
{
    u64 globals = (u64)file->imports[RT_EXTERN_GLOBAL].count + file->global_count;
    u64 funcs = (u64)file->imports[RT_EXTERN_FUNC].count + file->func_count;
    u32 height = 0;
    if ((expr->kind == RT_EXPR_GLOBAL && expr->index >= globals) ||
        (expr->kind == RT_EXPR_FUNC && expr->index >= funcs) || expr->kind > RT_EXPR_TERMS ||
        (expr->kind == RT_EXPR_TERMS && expr->index > ABI_EXPR_MAX))
        __builtin_trap();
    if (expr->kind != RT_EXPR_TERMS)
        return;
    for (u32 i = 0; i < expr->index; i++) {
        const struct rt_expr *term = &expr->terms[i];
        if (term->kind == RT_EXPR_GLOBAL && term->index >= globals)
            __builtin_trap();
        if (term->kind == RT_EXPR_VALUE || term->kind == RT_EXPR_GLOBAL)
            height++;
        else if (term->kind < RT_EXPR_I32_ADD || height-- < 2)
            __builtin_trap();
    }
    if (height != 1)
        __builtin_trap();
}

static void check_exprs(const struct rt_module_file *file)
{
    for (u32 i = 0; i < file->global_count; i++)
        check_expr(file, &file->globals[i].init);
    for (u32 i = 0; i < file->elem_count; i++) {
        check_expr(file, &file->elems[i].at);
        for (u32 k = 0; k < file->elems[i].item_count; k++)
            check_expr(file, &file->elems[i].items[k]);
    }
    for (u32 i = 0; i < file->data_count; i++)
        check_expr(file, &file->data[i].at);
}

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t len)
{
    if (len == 0)
        return 0;
    if (bytes[0] % 2 != 0) {
        struct rt_elf elf;
        if (rt_elf_check(bytes + 1, len - 1, &elf, NULL) && elf.text_len > RT_CODE_BYTES)
            __builtin_trap();
        return 0;
    }
    struct rt_module_file file;
    struct arena arena;
    struct err err = {0};
    arena_init(&arena, 16 * MIB);
    bool ok = rt_module_file_decode(&file, &arena, bytes + 1, len - 1, &err);
    if (ok != (err.code == ERR_NONE))
        __builtin_trap();
    if (ok)
        check_exprs(&file);
    for (u32 i = 0; ok && i < file.export_count; i++)
        if (file.exports[i].kind == RT_EXTERN_FUNC && file.exports[i].type == NULL)
            __builtin_trap();
    arena_fini(&arena);
    return 0;
}
