/*
 * codegen/object.c -- machine code into a file: LLVM's object, linked by lld in this process.
 *
 * The result depends on nothing: the linker is told to fail on any undefined symbol, so that a
 * guest's fault never happens in a library and the loader has nothing to resolve.
 */
#include "codegen/internal.h"
#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATH_BYTES 4096

static bool write_file(const char *path, const void *bytes, size_t len, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(err, "cannot create %s", path);
    bool ok = fd_write_all(fd, bytes, len) || err_sys(err, "cannot write %s", path);
    fd_close(&fd);
    return ok;
}

static bool emit_object(struct cg_module *m, const char *path, struct err *err)
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

static bool link_object(const char *object_path, const char *path, struct err *err)
{
    const char *args[] = {"ld.lld",
                          "--threads=1",
                          "-shared",
                          "-nostdlib",
                          "-Bsymbolic",
                          "--no-undefined",
                          "-z",
                          "now",
                          "-z",
                          "relro",
                          "-z",
                          "noexecstack",
                          "-z",
                          "text",
                          "--hash-style=gnu",
                          "--eh-frame-hdr",
                          "--build-id=none",
                          "--color-diagnostics=never",
                          "-o",
                          path,
                          object_path};
    char words[ERR_TEXT_MAX];
    if (cg_lld_link(args, COUNT_OF(args), words, sizeof words))
        return true;
    return err_set(err, ERR_COMPILE, ERR_NO_AT, "%s", words);
}

bool cg_module_link(struct cg_module *m, const char *path, struct err *err)
{
    char object_path[PATH_BYTES];
    int need = snprintf(object_path, sizeof object_path, "%s.o", path);
    if (need < 0 || need >= PATH_BYTES)
        return err_set(err, ERR_LIMIT, ERR_NO_AT, "the path %s is too long", path);
    bool ok = emit_object(m, object_path, err) && link_object(object_path, path, err);
    if (unlink(object_path) != 0 && errno != ENOENT && ok)
        ok = err_sys(err, "cannot remove %s", object_path);
    return ok;
}
