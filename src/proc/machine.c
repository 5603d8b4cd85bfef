#include "proc/machine.h"
#include "base/file.h"
#include "base/text.h"
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BYTES_MAX ((u64)1 << 59)

/* The beginning of a file as text; false: there is none. */
static bool read_text(const char *path, char *out, size_t out_len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, out, out_len - 1);
    fd_close(&fd);
    out[len > 0 ? len : 0] = 0;
    return len > 0;
}

/* Control groups of version 2, and those of memory in version 1. */
static const struct {
    const char *line; /* how the line of /proc/self/cgroup goes on behind its number */
    const char *mount, *file;
} versions[] = {
    {"::/", "/sys/fs/cgroup", "memory.max"},
    {":memory:/", "/sys/fs/cgroup/memory", "memory.limit_in_bytes"},
};

/* Of one group; BYTES_MAX: it has none, or a number that means none. */
static u64 limit_of(const char *root, u32 version, const char *group)
{
    char path[2 * PATH_MAX], text[32];
    u64 bytes;
    snprintf(path, sizeof path, "%s%s%s/%s", root, versions[version].mount, group,
             versions[version].file);
    if (!read_text(path, text, sizeof text))
        return BYTES_MAX;
    text[strcspn(text, "\n")] = 0;
    return text_whole_number(text, BYTES_MAX, &bytes) ? bytes : BYTES_MAX;
}

/* The path of the process's group, "" for the topmost one. */
static void find_group(const char *root, u32 version, char out[PATH_MAX])
{
    char path[2 * PATH_MAX], text[2 * PATH_MAX];
    out[0] = 0;
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    if (!read_text(path, text, sizeof text))
        return;
    const char *line = strstr(text, versions[version].line);
    line = line == NULL ? NULL : line + strlen(versions[version].line) - 1;
    size_t len = line == NULL ? 0 : strcspn(line, "\n");
    if (len <= 1 || len >= PATH_MAX)
        return;
    memcpy(out, line, len);
    out[len] = 0;
}

u64 proc_memory_bytes(const char *root)
{
    char group[PATH_MAX];
    u64 bytes = (u64)sysconf(_SC_PHYS_PAGES) * (u64)sysconf(_SC_PAGESIZE);
    for (u32 version = 0; version < COUNT_OF(versions); version++) {
        find_group(root, version, group);
        for (char *end; (end = strrchr(group, '/')) != NULL; *end = 0)
            bytes = min_u64(bytes, limit_of(root, version, group));
        bytes = min_u64(bytes, limit_of(root, version, ""));
    }
    return bytes;
}
