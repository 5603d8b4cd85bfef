#include "server/artifacts.h"
#include "base/check.h"
#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

/* One file: where it is said to be, and open; -1: it is not. */
struct held {
    const char **path; /* of a module */
    int fd;
    char *restored; /* its path in the temporary folder, owned; NULL: it was never needed */
};

struct server_artifacts {
    struct held *files; /* two a module */
    u32 file_count;
    char folder[64]; /* "": none was needed */
};

void server_artifacts_create(struct server_artifacts **out, struct server_module *modules,
                             u32 count)
{
    struct server_artifacts *artifacts = check_alloc(sizeof *artifacts);
    artifacts->files = check_alloc((2 * count + 1u) * sizeof *artifacts->files);
    artifacts->file_count = 2 * count;
    for (u32 i = 0; i < count; i++) {
        artifacts->files[2 * i].path = &modules[i].code_path;
        artifacts->files[2 * i + 1].path = &modules[i].module_path;
    }
    for (u32 i = 0; i < artifacts->file_count; i++)
        artifacts->files[i].fd = open(*artifacts->files[i].path, O_RDONLY | O_CLOEXEC);
    *out = artifacts;
}

void server_artifacts_destroy(struct server_artifacts **artifacts)
{
    struct server_artifacts *old = *artifacts;
    *artifacts = NULL;
    if (old == NULL)
        return;
    for (u32 i = 0; i < old->file_count; i++) {
        fd_close(&old->files[i].fd);
        if (old->files[i].restored != NULL)
            unlink(old->files[i].restored);
        free(old->files[i].restored);
    }
    if (old->folder[0] != 0)
        rmdir(old->folder);
    free(old->files);
    free(old);
}

static bool is_in_place(const struct held *file)
{
    struct stat open_one, there;
    return file->fd < 0 || fstat(file->fd, &open_one) != 0 ||
           (stat(*file->path, &there) == 0 && there.st_ino == open_one.st_ino &&
            there.st_dev == open_one.st_dev);
}

static bool copy(int from, int to)
{
    off_t at = 0;
    ssize_t moved;
    while ((moved = sendfile(to, from, &at, INT_MAX & ~4095)) > 0) {
    }
    return moved == 0;
}

/* The name stays: it is part of what the file's MAC covers. */
static bool restore(struct server_artifacts *artifacts, struct held *file, struct err *err)
{
    char path[PATH_MAX];
    const char *slash = strrchr(*file->path, '/');
    CHECK(slash != NULL);
    if (artifacts->folder[0] == 0) {
        snprintf(artifacts->folder, sizeof artifacts->folder, "/tmp/weir-kept-XXXXXX");
        if (mkdtemp(artifacts->folder) == NULL) {
            artifacts->folder[0] = 0;
            return err_sys(err, "cannot make a folder for compiled modules that have gone");
        }
    }
    snprintf(path, sizeof path, "%s%s", artifacts->folder, slash);
    bool is_there = access(path, F_OK) == 0; /* two modules may share their code */
    int fd = is_there ? -1 : open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
    bool ok = is_there || (fd >= 0 && copy(file->fd, fd));
    if (!ok) {
        err_sys(err, "%s has gone, and cannot be put into %s", *file->path, artifacts->folder);
    } else if (file->restored == NULL && (file->restored = strdup(path)) == NULL) {
        ok = err_set(err, ERR_LIMIT, ERR_NO_AT, "no memory for a path");
    } else {
        fd_close(&file->fd);
        file->fd = open(path, O_RDONLY | O_CLOEXEC);
        *file->path = file->restored;
    }
    fd_close(&fd);
    return ok;
}

bool server_artifacts_restore(struct server_artifacts *artifacts, bool *changed, struct err *err)
{
    *changed = false;
    for (u32 i = 0; i < artifacts->file_count; i++) {
        struct held *file = &artifacts->files[i];
        if (is_in_place(file))
            continue;
        if (!restore(artifacts, file, err))
            return false;
        *changed = true;
    }
    return true;
}
