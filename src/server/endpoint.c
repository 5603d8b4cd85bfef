#include "base/check.h"
#include "base/text.h"
#include "server/internal.h"
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES     512 /* of a path segment that can name anything */
#define NEAREST_CHECKS_MAX 100 /* endpoints compared for them */

static bool is_hidden(struct rt_text name)
{
    enum { NAME, PREFIX };
    static const struct {
        int rule;
        const char *text;
    } rules[] = {
#define HIDDEN(rule, text) {rule, text},
#include "server/hidden.def"
#undef HIDDEN
    };
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        size_t len = strlen(rules[i].text);
        bool fits = rules[i].rule == PREFIX ? name.len >= len : name.len == len;
        if (fits && memcmp(name.bytes, rules[i].text, len) == 0)
            return true;
    }
    return false;
}

/* A signature says that a function is meant to be called, whatever its name. */
static bool is_endpoint(const struct typed_func *func)
{
    struct rt_text name = func->exported->name;
    return name.len > 0 && name.len <= NAME_MAX_BYTES && (func->has_signature || !is_hidden(name));
}

static int text_compare(struct rt_text a, struct rt_text b)
{
    int order = memcmp(a.bytes, b.bytes, (size_t)min_u64(a.len, b.len));
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int endpoint_compare(const void *a, const void *b)
{
    const struct endpoint *left = a, *right = b;
    return text_compare(left->func->exported->name, right->func->exported->name);
}

static void add_segment(struct buf *out, const char *bytes, size_t len)
{
    buf_add_byte(out, '/');
    for (size_t i = 0; i < len; i++) {
        bool is_plain = (bytes[i] >= 'a' && bytes[i] <= 'z') ||
                        (bytes[i] >= 'A' && bytes[i] <= 'Z') ||
                        (bytes[i] >= '0' && bytes[i] <= '9') ||
                        (bytes[i] != 0 && strchr("-._~", bytes[i]) != NULL);
        buf_add_format(out, is_plain ? "%c" : "%%%02X", (u8)bytes[i]);
    }
}

static const char *endpoint_path(const struct served_module *module, struct rt_text name,
                                 bool is_alone, struct arena *arena)
{
    struct buf path;
    buf_init(&path, 8 * NAME_MAX_BYTES);
    if (!is_alone)
        add_segment(&path, module->name, strlen(module->name));
    add_segment(&path, name.bytes, name.len);
    CHECK(buf_ok(&path));
    const char *text = arena_text(arena, path.bytes, path.len);
    buf_fini(&path);
    return text;
}

void server_endpoints_make(struct endpoint_table *table, struct served_module *modules,
                           u32 module_count, struct arena *arena)
{
    u32 room = 0;
    for (u32 i = 0; i < module_count; i++)
        room += modules[i].typed.count;
    *table = (struct endpoint_table){.modules = modules, .module_count = module_count};
    table->endpoints = arena_array(arena, struct endpoint, room);
    CHECK(table->endpoints != NULL);
    for (u32 i = 0; i < module_count; i++) {
        struct served_module *module = &modules[i];
        module->endpoint_at = table->count;
        for (u32 k = 0; module->program == NULL && k < module->typed.count; k++) {
            const struct typed_func *func = &module->typed.funcs[k];
            if (!is_endpoint(func))
                continue;
            const char *path =
                endpoint_path(module, func->exported->name, module_count == 1, arena);
            table->endpoints[table->count++] = (struct endpoint){module, func, path};
        }
        module->endpoint_count = table->count - module->endpoint_at;
        qsort(table->endpoints + module->endpoint_at, module->endpoint_count,
              sizeof *table->endpoints, endpoint_compare);
    }
}

/* Takes "/segment" off the front of path and decodes it. */
static bool take_segment(struct http_text *path, char out[NAME_MAX_BYTES], struct rt_text *segment)
{
    if (path->len == 0 || path->bytes[0] != '/')
        return false;
    const char *from = path->bytes + 1, *end = path->bytes + path->len;
    const char *slash = memchr(from, '/', (size_t)(end - from));
    struct http_text raw = {from, (size_t)((slash != NULL ? slash : end) - from)};
    if (raw.len > NAME_MAX_BYTES)
        return false;
    *segment = (struct rt_text){out, (u32)http_percent_decode(raw, out)};
    *path = (struct http_text){raw.bytes + raw.len, (size_t)(end - raw.bytes) - raw.len};
    return true;
}

static bool is_named(const struct served_module *module, struct rt_text name)
{
    return text_compare((struct rt_text){module->name, (u32)strlen(module->name)}, name) == 0;
}

static const struct endpoint *find_in(const struct endpoint_table *table,
                                      const struct served_module *module, struct rt_text name)
{
    struct rt_export wanted = {.name = name};
    struct typed_func func = {.exported = &wanted};
    struct endpoint key = {.func = &func};
    if (module->endpoint_count == 0)
        return NULL;
    return bsearch(&key, table->endpoints + module->endpoint_at, module->endpoint_count, sizeof key,
                   endpoint_compare);
}

const struct endpoint *server_endpoint_find(const struct endpoint_table *table,
                                            struct http_text path)
{
    char first_bytes[NAME_MAX_BYTES], second_bytes[NAME_MAX_BYTES];
    struct rt_text first, second;
    if (!take_segment(&path, first_bytes, &first))
        return NULL;
    if (path.len == 0)
        return table->module_count == 1 ? find_in(table, &table->modules[0], first) : NULL;
    if (!take_segment(&path, second_bytes, &second) || path.len > 0)
        return NULL;
    for (u32 i = 0; i < table->module_count; i++)
        if (is_named(&table->modules[i], first))
            return find_in(table, &table->modules[i], second);
    return NULL;
}

struct served_module *server_program_find(const struct endpoint_table *table, struct http_text path,
                                          size_t *script_len)
{
    char name_bytes[NAME_MAX_BYTES];
    struct rt_text name;
    struct http_text rest = path;
    *script_len = 0;
    if (table->module_count == 1)
        return table->modules[0].program == NULL ? NULL : &table->modules[0];
    if (!take_segment(&rest, name_bytes, &name))
        return NULL;
    *script_len = path.len - rest.len;
    for (u32 i = 0; i < table->module_count; i++)
        if (table->modules[i].program != NULL && is_named(&table->modules[i], name))
            return &table->modules[i];
    return NULL;
}

u32 server_endpoint_nearest(const struct endpoint_table *table, struct http_text path,
                            const struct endpoint **out, u32 max)
{
    u32 count = 0, distances[8];
    char name_bytes[NAME_MAX_BYTES];
    struct rt_text name;
    struct http_text rest = path;
    CHECK(max <= COUNT_OF(distances));
    if (table->module_count == 1 && take_segment(&rest, name_bytes, &name) && rest.len > 0 &&
        is_named(&table->modules[0], name))
        path = rest; /* a single module's paths are listed without its name */
    u32 farthest = (u32)max_u64(2, path.len / 3);
    for (u32 i = 0; i < table->count && i < NEAREST_CHECKS_MAX; i++) {
        const char *candidate = table->endpoints[i].path;
        u32 distance = text_distance(path.bytes, path.len, candidate, strlen(candidate));
        u32 at = count;
        if (distance > farthest)
            continue;
        while (at > 0 && distances[at - 1] > distance)
            at--;
        if (at == max)
            continue;
        count += count < max;
        for (u32 k = count - 1; k > at; k--) {
            distances[k] = distances[k - 1];
            out[k] = out[k - 1];
        }
        distances[at] = distance;
        out[at] = &table->endpoints[i];
    }
    return count;
}
