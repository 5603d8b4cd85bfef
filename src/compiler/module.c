/* compiler/module.c -- bytes to a validated module. */
#include "compiler/compiler.h"

#define ARENA_MAX_BYTES (4 * GIB) /* the jail's limit on memory is met first */

bool compiler_module_init(struct compiler_module *m, int fd, bool validate, struct err *err)
{
    *m = (struct compiler_module){0};
    arena_init(&m->arena, ARENA_MAX_BYTES);
    return file_map_fd(fd, WASM_MAX_MODULE_BYTES, "module", &m->file, err) &&
           wasm_module_decode(m->file.bytes, m->file.len, &m->arena, &m->wasm, err) &&
           (!validate || wasm_module_validate(m->wasm, &m->arena, err));
}

void compiler_module_fini(struct compiler_module *m)
{
    arena_fini(&m->arena);
    file_unmap(&m->file);
}
