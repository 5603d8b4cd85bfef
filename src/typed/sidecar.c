/*
 * typed/sidecar.c -- FILE.sig beside FILE.wasm.
 */
#include "base/check.h"
#include "base/file.h"
#include "typed/internal.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define PATH_BYTES_MAX 4096

bool typed_sidecar_read(const char *module_path, struct arena *arena, struct typed_sidecar *out,
                        struct err *err)
{
    char path[PATH_BYTES_MAX + 8];
    struct file_view view;
    size_t len = strlen(module_path);
    if (len > PATH_BYTES_MAX)
        return err_set(err, ERR_USAGE, ERR_NO_AT, "a path of %zu bytes", len);
    memcpy(path, module_path, len + 1);
    if (len > 5 && strcmp(path + len - 5, ".wasm") == 0)
        len -= 5;
    memcpy(path + len, ".sig", 5);
    *out = (struct typed_sidecar){.file = arena_text(arena, path, len + 4)};
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return true;
    if (!file_map(path, TYPED_SIGNATURE_MAX, "signature", &view, err))
        return false;
    out->text = (struct rt_text){arena_text(arena, view.bytes, view.len), (u32)view.len};
    file_unmap(&view);
    return true;
}
