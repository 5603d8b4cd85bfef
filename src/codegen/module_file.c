/*
 * codegen/module_file.c -- writes the module file of abi/artifact.h: what instances are made from.
 *
 * The image of memory 0 is written at the file's end, segment by segment into a hole, so that a
 * segment at a high address costs address space and not disk.
 */
#include "codegen/internal.h"
#include "base/check.h"
#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define FILE_ALIGN        4096u
#define HEAD_BYTES_MAX    (GIB)
#define MODE_IN_IMAGE     2 /* of a data segment: active and already in the image */
#define EXPR_VALUE        0
#define EXPR_GLOBAL       1
#define EXPR_REF_FUNC     2
#define EXPR_REF_NULL     3
#define EXPR_TERMS        4
#define EXPR_I32_ADD      5 /* and what follows it in term_kind */
#define MEMORY_KIND_PLAIN 0u

static void add_u32(struct buf *buf, u32 value)
{
    buf_add(buf, &value, sizeof value);
}

static void add_u64(struct buf *buf, u64 value)
{
    buf_add(buf, &value, sizeof value);
}

static void add_text(struct buf *buf, struct wasm_text text)
{
    add_u32(buf, text.len);
    buf_add(buf, text.bytes, text.len);
}

static void add_types(struct buf *buf, const u8 *types, u32 count)
{
    add_u32(buf, count);
    buf_add(buf, types, count);
}

static void add_limits(struct buf *buf, struct wasm_limits limits)
{
    static_assert(WASM_NO_MAX == UINT64_MAX, "how the file says that there is no maximum");
    add_u64(buf, limits.min);
    add_u64(buf, limits.max);
}

static u8 term_kind(enum wasm_op op)
{
    static const enum wasm_op ops[] = {WASM_OP_I32_ADD, WASM_OP_I32_SUB, WASM_OP_I32_MUL,
                                       WASM_OP_I64_ADD, WASM_OP_I64_SUB, WASM_OP_I64_MUL};
    for (u32 i = 0; i < COUNT_OF(ops); i++)
        if (ops[i] == op)
            return (u8)(EXPR_I32_ADD + i);
    UNREACHABLE();
}

static_assert((int)WASM_MAX_CONST_TERMS <= ABI_EXPR_MAX, "as many as the runtime takes");
static void add_expr(struct buf *buf, const struct wasm_const *expr)
{
    switch (expr->kind) {
    case WASM_CONST_VALUE:
        buf_add_byte(buf, EXPR_VALUE);
        add_u64(buf, expr->bits);
        add_u64(buf, 0);
        break;
    case WASM_CONST_GLOBAL:
        buf_add_byte(buf, EXPR_GLOBAL);
        add_u32(buf, expr->index);
        break;
    case WASM_CONST_REF_FUNC:
        buf_add_byte(buf, EXPR_REF_FUNC);
        add_u32(buf, expr->index);
        break;
    case WASM_CONST_REF_NULL: buf_add_byte(buf, EXPR_REF_NULL); break;
    case WASM_CONST_TERMS:
        buf_add_byte(buf, EXPR_TERMS);
        add_u32(buf, expr->index);
        for (u32 i = 0; i < expr->index; i++)
            add_expr(buf, &expr->terms[i]);
        break;
    case WASM_CONST_OP: buf_add_byte(buf, term_kind(expr->op)); break;
    }
}

/* ---- imports and definitions ---- */

static void add_import_names(struct buf *buf, const struct wasm_module *m, u32 import)
{
    add_text(buf, m->imports[import].module);
    add_text(buf, m->imports[import].field);
}

static void add_imports(struct buf *buf, const struct wasm_module *m)
{
    add_u32(buf, m->func_import_count);
    for (u32 i = 0; i < m->func_import_count; i++) {
        add_import_names(buf, m, m->funcs[i].import);
        add_u32(buf, m->funcs[i].type);
        add_u32(buf, m->funcs[i].caller);
    }
    add_u32(buf, m->table_import_count);
    for (u32 i = 0; i < m->table_import_count; i++) {
        add_import_names(buf, m, m->tables[i].import);
        buf_add_byte(buf, m->tables[i].type);
        add_limits(buf, m->tables[i].limits);
    }
    add_u32(buf, m->memory_import_count);
    for (u32 i = 0; i < m->memory_import_count; i++) {
        add_import_names(buf, m, m->memories[i].import);
        add_limits(buf, m->memories[i].limits);
        add_u32(buf, MEMORY_KIND_PLAIN);
    }
    add_u32(buf, m->global_import_count);
    for (u32 i = 0; i < m->global_import_count; i++) {
        add_import_names(buf, m, m->globals[i].import);
        buf_add_byte(buf, m->globals[i].type);
        buf_add_byte(buf, m->globals[i].is_mutable);
    }
}

static void add_definitions(struct buf *buf, const struct wasm_module *m)
{
    add_u32(buf, m->func_count - m->func_import_count);
    for (u32 i = m->func_import_count; i < m->func_count; i++) {
        add_u32(buf, m->funcs[i].type);
        add_text(buf, m->funcs[i].name);
    }
    add_u32(buf, m->ref_count);
    for (u32 i = 0; i < m->ref_count; i++)
        add_u32(buf, m->refs[i]);
    add_u32(buf, m->table_count - m->table_import_count);
    for (u32 i = m->table_import_count; i < m->table_count; i++) {
        buf_add_byte(buf, m->tables[i].type);
        add_limits(buf, m->tables[i].limits);
    }
    add_u32(buf, m->memory_count - m->memory_import_count);
    for (u32 i = m->memory_import_count; i < m->memory_count; i++) {
        add_limits(buf, m->memories[i].limits);
        add_u32(buf, MEMORY_KIND_PLAIN);
    }
    add_u32(buf, m->global_count - m->global_import_count);
    for (u32 i = m->global_import_count; i < m->global_count; i++) {
        buf_add_byte(buf, m->globals[i].type);
        buf_add_byte(buf, m->globals[i].is_mutable);
        add_expr(buf, &m->globals[i].init);
    }
}

/* ---- exports, with the names of parameters ---- */

/* The first local name of the function or a later one; the names ascend by (function, local). */
static u32 first_local_name(const struct wasm_module *m, u32 func)
{
    u32 low = 0, high = m->local_name_count;
    while (low < high) {
        u32 middle = low + (high - low) / 2;
        if (m->local_names[middle].func < func)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* One text per parameter, empty where it has no name; an empty list if none has. */
static void add_param_names(struct buf *buf, const struct wasm_module *m, u32 func)
{
    u32 count = m->types[m->funcs[func].type].param_count;
    u32 at = first_local_name(m, func);
    const struct wasm_local_name *names = m->local_names;
    if (at == m->local_name_count || names[at].func != func || names[at].local >= count)
        count = 0;
    add_u32(buf, count);
    for (u32 i = 0; i < count; i++) {
        bool has_name = at < m->local_name_count && names[at].func == func && names[at].local == i;
        add_text(buf, has_name ? names[at++].name : (struct wasm_text){0});
    }
}

static void add_exports(struct buf *buf, const struct wasm_module *m)
{
    add_u32(buf, m->export_count);
    for (u32 i = 0; i < m->export_count; i++) {
        const struct wasm_export *export = &m->exports[i];
        add_text(buf, export->name);
        buf_add_byte(buf, (u8) export->kind);
        add_u32(buf, export->index);
        if (export->kind == WASM_EXTERN_FUNC)
            add_param_names(buf, m, export->index);
        else
            add_u32(buf, 0);
    }
    add_u32(buf, m->start == WASM_NONE ? UINT32_MAX : m->start);
}

/* ---- segments and the image ---- */

static void add_elems(struct buf *buf, const struct wasm_module *m)
{
    add_u32(buf, m->elem_count);
    for (u32 i = 0; i < m->elem_count; i++) {
        const struct wasm_elem *elem = &m->elems[i];
        buf_add_byte(buf, (u8)elem->mode);
        add_u32(buf, elem->table);
        add_expr(buf, &elem->at);
        buf_add_byte(buf, elem->type);
        add_u32(buf, elem->item_count);
        for (u32 k = 0; k < elem->item_count; k++)
            add_expr(buf, &elem->items[k]);
    }
}

/* The length of the image, a multiple of a host page; 0 if memory 0 cannot start from one. */
static u64 image_len(const struct wasm_module *m)
{
    if (m->memory_count == 0 || m->memories[0].import != WASM_NONE)
        return 0;
    u64 len = 0, room = m->memories[0].limits.min * ABI_PAGE_BYTES;
    for (u32 i = 0; i < m->data_count; i++) {
        const struct wasm_data *data = &m->data[i];
        if (data->mode != WASM_SEGMENT_ACTIVE)
            continue;
        if (data->memory != 0 || data->at.kind != WASM_CONST_VALUE)
            return 0;
        u64 end = (u64)(u32)data->at.bits + data->len;
        if (end > room || end > ABI_IMAGE_MAX)
            return 0; /* traps, or is too far: the runtime copies the segments one by one */
        if (data->len > 0)
            len = max_u64(len, end);
    }
    return round_up(len, FILE_ALIGN);
}

static void add_data(struct buf *buf, const struct wasm_module *m, bool has_image)
{
    add_u32(buf, m->data_count);
    for (u32 i = 0; i < m->data_count; i++) {
        const struct wasm_data *data = &m->data[i];
        bool in_image = has_image && data->mode == WASM_SEGMENT_ACTIVE;
        buf_add_byte(buf, in_image ? MODE_IN_IMAGE : (u8)data->mode);
        add_u32(buf, data->memory);
        add_expr(buf, &data->at);
        add_u64(buf, in_image ? 0 : data->len);
        if (!in_image)
            buf_add(buf, data->bytes, data->len);
    }
}

static bool write_at(int fd, const u8 *bytes, u64 len, u64 at)
{
    while (len > 0) {
        ssize_t written = pwrite(fd, bytes, len, (off_t)at);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        bytes += written;
        len -= (u64)written;
        at += (u64)written;
    }
    return true;
}

static bool write_image(int fd, const struct wasm_module *m, u64 at)
{
    for (u32 i = 0; i < m->data_count; i++) {
        const struct wasm_data *data = &m->data[i];
        if (data->mode == WASM_SEGMENT_ACTIVE &&
            !write_at(fd, data->bytes, data->len, at + (u32)data->at.bits))
            return false;
    }
    return true;
}

static void add_digest(struct buf *buf, const struct wasm_module *m)
{
    struct digest_state state;
    struct digest digest;
    digest_init(&state, NULL);
    digest_add(&state, m->bytes, m->len);
    digest_end(&state, &digest);
    buf_add(buf, digest.bytes, sizeof digest.bytes);
}

static void add_all(struct buf *buf, const struct wasm_module *m, const struct digest *code_key,
                    u64 image)
{
    add_u64(buf, ABI_MODULE_MAGIC);
    add_u32(buf, ABI_VERSION);
    buf_add(buf, code_key->bytes, sizeof code_key->bytes);
    add_digest(buf, m);
    add_u32(buf, m->type_count);
    for (u32 i = 0; i < m->type_count; i++) {
        add_types(buf, m->types[i].params, m->types[i].param_count);
        add_types(buf, m->types[i].results, m->types[i].result_count);
    }
    add_imports(buf, m);
    add_definitions(buf, m);
    add_exports(buf, m);
    add_elems(buf, m);
    add_data(buf, m, image > 0);
}

bool cg_module_write(const struct wasm_module *m, const struct digest *code_key, const char *path,
                     struct err *err)
{
    struct buf head;
    buf_init(&head, HEAD_BYTES_MAX);
    u64 image = image_len(m);
    add_all(&head, m, code_key, image);
    u64 image_at = round_up(head.len + 2 * sizeof(u64), FILE_ALIGN);
    add_u64(&head, image > 0 ? image_at : 0);
    add_u64(&head, image);
    if (!buf_ok(&head)) {
        buf_fini(&head);
        return err_set(err, ERR_LIMIT, ERR_NO_AT, "the module file would be too large");
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && fd_write_all(fd, head.bytes, head.len);
    if (ok && image > 0)
        ok = ftruncate(fd, (off_t)(image_at + image)) == 0 && write_image(fd, m, image_at);
    if (!ok)
        err_sys(err, "cannot write %s", path);
    fd_close(&fd);
    buf_fini(&head);
    return ok;
}
