/* fuzz_artifact -- both files of an artifact, as if they had no MAC: an even first byte means a
 * module file follows, an odd one a code file. */
#include "runtime/internal.h"

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t len);

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
    for (u32 i = 0; ok && i < file.export_count; i++)
        if (file.exports[i].kind == RT_EXTERN_FUNC && file.exports[i].type == NULL)
            __builtin_trap();
    arena_fini(&arena);
    return 0;
}
