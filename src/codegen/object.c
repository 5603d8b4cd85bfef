/*
 * codegen/object.c -- machine code into a file: LLVM's object, linked by lld in this process.
 *
 * The result depends on nothing: the linker is told to fail on any undefined symbol, so that a
 * guest's fault never happens in a library and the loader has nothing to resolve.
 */
#include "codegen/internal.h"
#include "base/file.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define OBJECT_PATHS_MAX (64 * MIB)

static bool write_file(const char *path, const void *bytes, size_t len, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(err, "cannot create %s", path);
    bool ok = fd_write_all(fd, bytes, len) || err_sys(err, "cannot write %s", path);
    fd_close(&fd);
    return ok;
}

bool cg_object_path(const char *path, u32 number, char *out, size_t out_len, struct err *err)
{
    int need = snprintf(out, out_len, "%s.%u.o", path, number);
    if (need < 0 || (size_t)need >= out_len)
        return err_set(err, ERR_LIMIT, ERR_NO_AT, "the path %s is too long", path);
    return true;
}

bool cg_object_write(struct cg_module *m, const char *path, struct err *err)
{
    char *text = NULL;
    LLVMMemoryBufferRef object = NULL;
    if (LLVMTargetMachineEmitToMemoryBuffer(m->machine, m->module, LLVMObjectFile, &text,
                                            &object)) {
        err_set(err, ERR_COMPILE, ERR_NO_AT, "LLVM: %s", text);
        LLVMDisposeMessage(text);
        return false;
    }
    bool ok = write_file(path, LLVMGetBufferStart(object), LLVMGetBufferSize(object), err);
    LLVMDisposeMemoryBuffer(object);
    return ok;
}

static const char *const link_args[] = {
    "ld.lld",
    "--threads=1",
    "--no-mmap-output-file",
    "-shared",
    "-nostdlib",
    "-Bsymbolic",
    "--no-undefined",
    "-z",
    "rodynamic",
    "-z",
    "norelro",
    "-z",
    "noexecstack",
    "-z",
    "text",
    "--hash-style=gnu",
    "--eh-frame-hdr",
    "--build-id=none",
    "--color-diagnostics=never",
    "-e",
    ABI_CODE_SYMBOL,
    "-o",
};

bool cg_objects_link(const char *path, u32 count, struct err *err)
{
    struct arena arena;
    char object_path[CG_PATH_BYTES], words[ERR_TEXT_MAX];
    size_t arg_count = COUNT_OF(link_args);
    arena_init(&arena, OBJECT_PATHS_MAX);
    const char **args = arena_array(&arena, const char *, arg_count + 1 + count);
    bool ok = args != NULL || err_set(err, ERR_LIMIT, ERR_NO_AT, "no memory for %u parts", count);
    if (ok) {
        memcpy(args, link_args, sizeof link_args);
        args[arg_count++] = path;
    }
    for (u32 i = 0; ok && i < count; i++) {
        ok = cg_object_path(path, i, object_path, sizeof object_path, err);
        args[arg_count++] = ok ? arena_text(&arena, object_path, strlen(object_path)) : NULL;
    }
    if (ok && !cg_lld_link(args, arg_count, words, sizeof words))
        ok = err_set(err, ERR_COMPILE, ERR_NO_AT, "%s", words);
    arena_fini(&arena);
    return ok;
}
