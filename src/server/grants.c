#include "server/grants.h"
#include "base/buf.h"
#include "base/check.h"
#include "base/file.h"
#include <string.h>
#include <sys/mman.h>

#define FILE_BYTES_MAX (4 * MIB)

/* The file: HOST and GUEST of every folder, an empty text, every variable; all zero-terminated. */
static void add(struct buf *out, const char *text)
{
    buf_add(out, text, strlen(text) + 1);
}

int server_grants_file(const struct server_grants *grants, struct err *err)
{
    struct buf out;
    buf_init(&out, FILE_BYTES_MAX);
    for (u32 i = 0; i < grants->dir_count; i++) {
        add(&out, grants->dirs[i].host);
        add(&out, grants->dirs[i].guest);
    }
    add(&out, "");
    for (u32 i = 0; i < grants->env_count; i++)
        add(&out, grants->env[i]);
    int fd = memfd_create("weir-grants", MFD_CLOEXEC);
    if (fd < 0 || !buf_ok(&out) || !fd_write_all(fd, out.bytes, out.len)) {
        err_sys(err, "cannot pass folders and variables to workers");
        fd_close(&fd);
    }
    buf_fini(&out);
    return fd;
}

static u32 count_texts(const char *bytes, size_t len)
{
    u32 count = 0;
    for (size_t i = 0; i < len; i++)
        count += bytes[i] == 0;
    return count;
}

bool server_grants_read(int fd, struct arena *arena, struct server_grants *out, struct err *err)
{
    struct file_view view;
    if (!file_map_fd(fd, FILE_BYTES_MAX, "grants", &view, err))
        return false;
    CHECK(view.len > 0 && view.bytes[view.len - 1] == 0);
    const char *at = arena_text(arena, view.bytes, view.len), *end = at + view.len;
    u32 room = count_texts(at, view.len);
    file_unmap(&view);
    struct server_dir *dirs = arena_array(arena, struct server_dir, room);
    const char **env = (const char **)arena_array(arena, const char *, room);
    CHECK(dirs != NULL && env != NULL);
    *out = (struct server_grants){.dirs = dirs, .env = env};
    for (; *at != 0; at += strlen(at) + 1) {
        dirs[out->dir_count].host = at;
        at += strlen(at) + 1;
        dirs[out->dir_count++].guest = at;
    }
    for (at++; at < end; at += strlen(at) + 1)
        env[out->env_count++] = at;
    return true;
}
