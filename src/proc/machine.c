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

/* Of one group; where it has none, "max". */
static u64 limit_of(const char *root, const char *group)
{
    char path[2 * PATH_MAX], text[32];
    u64 bytes;
    snprintf(path, sizeof path, "%s/sys/fs/cgroup%s/memory.max", root, group);
    if (!read_text(path, text, sizeof text))
        return BYTES_MAX;
    text[strcspn(text, "\n")] = 0;
    return text_whole_number(text, BYTES_MAX, &bytes) ? bytes : BYTES_MAX;
}

/* The group's path, "" for the topmost one: of the line "0::/PATH". */
static void find_group(const char *root, char out[PATH_MAX])
{
    char path[2 * PATH_MAX], text[2 * PATH_MAX];
    out[0] = 0;
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    if (!read_text(path, text, sizeof text))
        return;
    const char *line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
    line = line == NULL ? NULL : strchr(line, '/');
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
    find_group(root, group);
    for (char *end; (end = strrchr(group, '/')) != NULL; *end = 0)
        bytes = min_u64(bytes, limit_of(root, group));
    return min_u64(bytes, limit_of(root, ""));
}
