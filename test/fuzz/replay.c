/*
 * test/fuzz/replay.c -- runs a fuzz target over every file of a folder, in builds without
 * libFuzzer: what was found once stays fixed. Fails if the folder has no files.
 */
#include "base/file.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

static bool replay(int folder_fd, const char *name, struct err *err)
{
    struct file_view file;
    int fd = openat(folder_fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, "open");
    bool ok = file_map_fd(fd, MIB, "input", &file, err);
    fd_close(&fd);
    if (!ok)
        return false;
    u8 *copy = malloc(file.len + 1); /* of its own, so that a read past it is seen */
    if (copy == NULL)
        abort();
    if (file.len > 0)
        memcpy(copy + 1, file.bytes, file.len);
    LLVMFuzzerTestOneInput(copy + 1, file.len);
    free(copy);
    file_unmap(&file);
    return true;
}

int main(int argc, char **argv)
{
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    if (folder == NULL) {
        fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]);
        return 2;
    }
    u32 count = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        struct err err = {0};
        if (entry->d_name[0] == '.')
            continue;
        if (!replay(dirfd(folder), entry->d_name, &err)) {
            fprintf(stderr, "%s: %s\n", entry->d_name, err.text);
            return 1;
        }
        count += 1;
    }
    closedir(folder);
    printf("%u inputs\n", count);
    return count > 0 ? 0 : 1;
}
