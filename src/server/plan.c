#include "server/plan.h"
#include "base/buf.h"
#include "base/check.h"
#include "base/file.h"
#include "base/reader.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FILE_BYTES_MAX (256 * MIB)

void server_warn_print(void *user, const char *at, const char *code, const char *text)
{
    (void)user;
    (void)code;
    fprintf(stderr, "weir: warning: %s%s%s\n", at == NULL ? "" : at, at == NULL ? "" : ": ", text);
}

int server_dir_open(const struct server_dir *dir, struct err *err)
{
    int fd = open(dir->host, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        return fd;
    err_sys(err, "%s %s", dir->said.key, dir->host);
    config_fail_at(dir->said.at, err);
    return -1;
}

/* ---- writing ---- */

static void put_number(struct buf *out, u64 number)
{
    buf_add(out, &number, sizeof number);
}

/* Its length and one, or 0 for NULL; its bytes; a zero. */
static void put_bytes(struct buf *out, const char *bytes, size_t len)
{
    put_number(out, bytes == NULL ? 0 : len + 1);
    if (bytes == NULL)
        return;
    buf_add(out, bytes, len);
    buf_add_byte(out, 0);
}

static void put_text(struct buf *out, const char *text)
{
    put_bytes(out, text, text == NULL ? 0 : strlen(text));
}

static void put_said(struct buf *out, const struct config_text *said)
{
    put_text(out, said->text);
    put_text(out, said->key);
    put_text(out, said->at);
}

static void put_module(struct buf *out, const struct server_module *module)
{
    put_text(out, module->name);
    put_text(out, module->code_path);
    put_text(out, module->module_path);
    put_bytes(out, module->signature.bytes, module->signature.len);
    put_number(out, module->snapshot_at);
    put_number(out, module->snapshot_len);
}

static void put_route(struct buf *out, const struct server_route *route)
{
    put_text(out, route->name);
    put_text(out, route->path);
    put_text(out, route->also);
    put_said(out, &route->function);
    put_number(out, route->module);
    put_number(out, route->previous);
    buf_add(out, &route->limits, sizeof route->limits);
    put_number(out, route->fallback_count);
    for (u32 i = 0; i < route->fallback_count; i++) {
        const struct server_fallback *fallback = &route->fallbacks[i];
        put_number(out, fallback->kind);
        put_number(out, fallback->route);
        put_number(out, (u64)fallback->status);
        put_text(out, fallback->media_type);
        put_bytes(out, fallback->content.bytes, fallback->content.len);
        put_text(out, fallback->at);
    }
}

static void put_grants(struct buf *out, const struct server_grants *grants)
{
    put_number(out, grants->dir_count);
    for (u32 i = 0; i < grants->dir_count; i++) {
        put_text(out, grants->dirs[i].host);
        put_text(out, grants->dirs[i].guest);
        put_said(out, &grants->dirs[i].said);
    }
    put_number(out, grants->env_count);
    for (u32 i = 0; i < grants->env_count; i++)
        put_text(out, grants->env[i]);
}

int server_plan_file(const struct server_plan *plan, struct err *err)
{
    struct buf out;
    buf_init(&out, FILE_BYTES_MAX);
    put_text(&out, plan->name);
    put_number(&out, plan->module_count);
    for (u32 i = 0; i < plan->module_count; i++)
        put_module(&out, &plan->modules[i]);
    put_number(&out, plan->route_count);
    for (u32 i = 0; i < plan->route_count; i++)
        put_route(&out, &plan->routes[i]);
    buf_add(&out, &plan->limits, sizeof plan->limits);
    put_grants(&out, &plan->grants);
    put_number(&out, plan->log_format);
    buf_add(&out, &plan->mac_key, sizeof plan->mac_key);
    int fd = -1;
    if (!buf_ok(&out)) {
        err_set(err, ERR_LIMIT, ERR_NO_AT,
                "routes, signatures and files of fallbacks take more "
                "than %llu MiB together",
                (unsigned long long)(FILE_BYTES_MAX / MIB));
    } else {
        fd = memfd_create("weir-plan", MFD_CLOEXEC);
        if (fd < 0 || !fd_write_all(fd, out.bytes, out.len)) {
            err_sys(err, "cannot pass the routes to workers");
            fd_close(&fd);
        }
    }
    buf_fini(&out);
    return fd;
}

/* ---- reading ---- */

static u32 get_count(struct reader *from)
{
    u64 count = read_u64_le(from);
    CHECK(count <= reader_left(from)); /* each takes more than a byte */
    return (u32)count;
}

static struct rt_text get_bytes(struct reader *from)
{
    u64 size = read_u64_le(from);
    if (size == 0)
        return (struct rt_text){NULL, 0};
    const u8 *bytes = read_bytes(from, size);
    CHECK(bytes != NULL);
    return (struct rt_text){(const char *)bytes, (u32)size - 1};
}

static const char *get_text(struct reader *from)
{
    return get_bytes(from).bytes;
}

static struct config_text get_said(struct reader *from)
{
    struct config_text said = {.text = get_text(from)};
    said.key = get_text(from);
    said.at = get_text(from);
    return said;
}

static void get_raw(struct reader *from, void *out, size_t len)
{
    const u8 *bytes = read_bytes(from, len);
    CHECK(bytes != NULL);
    memcpy(out, bytes, len);
}

static void get_modules(struct reader *from, struct arena *arena, struct server_plan *out)
{
    out->module_count = get_count(from);
    struct server_module *modules = arena_array(arena, struct server_module, out->module_count + 1);
    CHECK_MEMORY(modules != NULL);
    for (u32 i = 0; i < out->module_count; i++) {
        modules[i].name = get_text(from);
        modules[i].code_path = get_text(from);
        modules[i].module_path = get_text(from);
        modules[i].signature = get_bytes(from);
        modules[i].snapshot_at = read_u64_le(from);
        modules[i].snapshot_len = read_u64_le(from);
    }
    out->modules = modules;
}

static void get_route(struct reader *from, struct server_route *route)
{
    route->name = get_text(from);
    route->path = get_text(from);
    route->also = get_text(from);
    route->function = get_said(from);
    route->module = (u32)read_u64_le(from);
    route->previous = (u32)read_u64_le(from);
    get_raw(from, &route->limits, sizeof route->limits);
    route->fallback_count = get_count(from);
    CHECK(route->fallback_count <= CONFIG_FALLBACKS_MAX);
    for (u32 i = 0; i < route->fallback_count; i++) {
        struct server_fallback *fallback = &route->fallbacks[i];
        fallback->kind = (enum config_fallback_kind)read_u64_le(from);
        fallback->route = (u32)read_u64_le(from);
        fallback->status = (int)read_u64_le(from);
        fallback->media_type = get_text(from);
        fallback->content = get_bytes(from);
        fallback->at = get_text(from);
    }
}

static void get_routes(struct reader *from, struct arena *arena, struct server_plan *out)
{
    out->route_count = get_count(from);
    struct server_route *routes = arena_array(arena, struct server_route, out->route_count + 1);
    CHECK_MEMORY(routes != NULL);
    for (u32 i = 0; i < out->route_count; i++)
        get_route(from, &routes[i]);
    out->routes = routes;
}

static void get_grants(struct reader *from, struct arena *arena, struct server_grants *out)
{
    out->dir_count = get_count(from);
    struct server_dir *dirs = arena_array(arena, struct server_dir, out->dir_count + 1);
    CHECK_MEMORY(dirs != NULL);
    for (u32 i = 0; i < out->dir_count; i++) {
        dirs[i].host = get_text(from);
        dirs[i].guest = get_text(from);
        dirs[i].said = get_said(from);
    }
    out->env_count = get_count(from);
    const char **env = (const char **)arena_array(arena, const char *, out->env_count + 1);
    CHECK_MEMORY(env != NULL);
    for (u32 i = 0; i < out->env_count; i++)
        env[i] = get_text(from);
    out->dirs = dirs;
    out->env = env;
}

bool server_plan_read(int fd, struct arena *arena, struct server_plan *out, struct err *err)
{
    struct file_view view;
    if (!file_map_fd(fd, FILE_BYTES_MAX, "plan", &view, err))
        return false;
    void *copy = arena_text(arena, view.bytes, view.len);
    struct reader from = reader_make(copy, view.len, NULL);
    file_unmap(&view);
    out->name = get_text(&from);
    get_modules(&from, arena, out);
    get_routes(&from, arena, out);
    get_raw(&from, &out->limits, sizeof out->limits);
    get_grants(&from, arena, &out->grants);
    out->log_format = (enum server_log_format)read_u64_le(&from);
    get_raw(&from, &out->mac_key, sizeof out->mac_key);
    CHECK(reader_ok(&from) && reader_left(&from) == 0);
    return true;
}
