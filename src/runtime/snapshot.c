/*
 * runtime/snapshot.c -- a snapshot read (layout: internal.h).
 *
 * Nothing in it is believed: whatever wrote it had run guest code. What follows from a wrong one is
 * at most what the guest itself could have done to its instance.
 */
#include "base/check.h"
#include "base/reader.h"
#include "runtime/internal.h"
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS_NEEDED (F_SEAL_WRITE | F_SEAL_SHRINK)

struct decoder {
    struct reader r;
    struct rt_module *module;
    struct rt_snapshot *snapshot;
};

static void refuse(struct decoder *d, const char *what)
{
    reader_fail(&d->r, ERR_ARTIFACT, "snapshot: %s", what);
}

/* Memory of the module's arena for a list whose length has been bounded by the bytes there are. */
static void *items(struct decoder *d, u64 count, size_t size)
{
    void *list = arena_array_try(&d->module->arena, count, size);
    if (list == NULL && count > 0)
        reader_fail(&d->r, ERR_LIMIT, "snapshot: no memory for it");
    return list;
}

/* A list of which the module says how long it is. */
static u32 read_list(struct decoder *d, u32 count, const char *what)
{
    if (read_u32_le(&d->r) != count)
        refuse(d, what);
    return reader_ok(&d->r) ? count : 0;
}

static void read_head(struct decoder *d)
{
    if (read_u64_le(&d->r) != RT_SNAPSHOT_MAGIC || read_u32_le(&d->r) != ABI_VERSION)
        refuse(d, "it is none of this version");
    const u8 *digest = read_bytes(&d->r, DIGEST_BYTES);
    if (digest != NULL && memcmp(digest, d->module->file.digest.bytes, DIGEST_BYTES) != 0)
        refuse(d, "it is of another module");
    if (read_u64_le(&d->r) != d->r.end)
        refuse(d, "it is not as long as it says");
}

/* Where its bytes lie is checked when the length of the head is known. */
static void read_memory(struct decoder *d, u32 index, struct rt_image *image)
{
    const struct rt_limits *pages = &d->module->file.memories[index].limits;
    u64 limit = min_u64(d->module->engine->options.memory_max_bytes, 4 * GIB);
    u64 max = min_u64(pages->max, limit / ABI_PAGE_BYTES);
    image->size_bytes = read_u64_le(&d->r);
    image->at = read_u64_le(&d->r);
    image->len = read_u64_le(&d->r);
    if (image->size_bytes % ABI_PAGE_BYTES != 0 || image->size_bytes / ABI_PAGE_BYTES > max ||
        image->size_bytes / ABI_PAGE_BYTES < pages->min)
        refuse(d, "a memory of the wrong size");
    if (image->len % RT_PAGE_BYTES != 0 || image->at % RT_PAGE_BYTES != 0 ||
        image->len > image->size_bytes)
        refuse(d, "a memory's bytes are out of bounds");
}

static void read_memories(struct decoder *d)
{
    u32 count = read_list(d, d->module->file.memory_count, "other memories");
    d->snapshot->memories = items(d, count, sizeof *d->snapshot->memories);
    for (u32 i = 0; i < count && reader_ok(&d->r); i++)
        read_memory(d, i, &d->snapshot->memories[i]);
}

/* A function that a reference can be made to, or RT_FUNC_NONE. */
static u32 read_func(struct decoder *d)
{
    const struct rt_module *module = d->module;
    u32 func = read_u32_le(&d->r), imported = rt_import_count(module, RT_EXTERN_FUNC);
    if (func == RT_FUNC_NONE || func < imported)
        return func;
    if (func - imported >= module->file.func_count ||
        module->file.places[func - imported] == UINT32_MAX)
        refuse(d, "a reference to no function");
    return reader_ok(&d->r) ? func : RT_FUNC_NONE;
}

static void read_table(struct decoder *d, const struct rt_table_type *type,
                       struct rt_snapshot_table *table)
{
    table->len = read_u64_le(&d->r);
    table->count = read_u32_le(&d->r);
    if (table->len < type->limits.min || table->len > rt_table_len_max(type) ||
        table->count > table->len || table->count > reader_left(&d->r) / sizeof(u32))
        refuse(d, "a table of the wrong length");
    if (type->reftype != RT_FUNCREF && table->count > 0)
        refuse(d, "a table with references of the host");
    if (!reader_ok(&d->r))
        return;
    table->funcs = items(d, table->count, sizeof *table->funcs);
    for (u32 i = 0; i < table->count && reader_ok(&d->r); i++)
        table->funcs[i] = read_func(d);
}

static void read_tables(struct decoder *d)
{
    u64 elements = 0;
    u32 count = read_list(d, d->module->file.table_count, "other tables");
    d->snapshot->tables = items(d, count, sizeof *d->snapshot->tables);
    for (u32 i = 0; i < count && reader_ok(&d->r); i++) {
        read_table(d, &d->module->file.tables[i], &d->snapshot->tables[i]);
        elements += d->snapshot->tables[i].len;
        if (elements > RT_TABLE_LEN_MAX)
            refuse(d, "tables too long");
    }
}

static void read_global(struct decoder *d, u8 type, union abi_value *value)
{
    u32 len = type == RT_I32 || type == RT_F32 ? 4 : 8;
    if (type == RT_FUNCREF || type == RT_EXTERNREF) {
        value->u32 = read_func(d);
        if (type != RT_FUNCREF && value->u32 != RT_FUNC_NONE)
            refuse(d, "a global with a reference of the host");
        len = 4;
    } else {
        const u8 *bytes = read_bytes(&d->r, len);
        if (bytes != NULL)
            memcpy(value->v128, bytes, len);
    }
    read_bytes(&d->r, sizeof *value - len);
}

static void read_globals(struct decoder *d)
{
    u32 count = read_list(d, d->module->file.global_count, "other globals");
    d->snapshot->globals = items(d, count, sizeof *d->snapshot->globals);
    for (u32 i = 0; i < count && reader_ok(&d->r); i++)
        read_global(d, d->module->file.globals[i].type.valtype, &d->snapshot->globals[i]);
}

static bool *read_dropped(struct decoder *d, u32 want)
{
    u32 count = read_list(d, want, "other segments");
    bool *dropped = items(d, count, sizeof *dropped);
    for (u32 i = 0; i < count && reader_ok(&d->r); i++)
        dropped[i] = read_byte(&d->r) != 0;
    return dropped;
}

/* The bytes of memories, behind the head. */
static void place_memories(struct decoder *d)
{
    struct rt_snapshot *snapshot = d->snapshot;
    u64 body = round_up(reader_offset(&d->r), RT_PAGE_BYTES), all = d->r.end;
    for (u32 i = 0; i < d->module->file.memory_count && reader_ok(&d->r); i++) {
        struct rt_image *image = &snapshot->memories[i];
        if (body > all || image->at > all - body || image->len > all - body - image->at) {
            refuse(d, "a memory's bytes are out of bounds");
            return;
        }
        image->fd = snapshot->fd;
        image->bytes = snapshot->view.bytes + body + image->at;
        image->at += body;
    }
}

static bool decode(struct rt_module *module, struct rt_snapshot *snapshot, struct err *err)
{
    struct err why = {0};
    struct decoder d = {.r = reader_make(snapshot->view.bytes, snapshot->view.len, &why),
                        .module = module,
                        .snapshot = snapshot};
    read_head(&d);
    read_memories(&d);
    read_tables(&d);
    read_globals(&d);
    snapshot->data_dropped = read_dropped(&d, module->file.data_count);
    snapshot->elem_dropped = read_dropped(&d, module->file.elem_count);
    place_memories(&d);
    if (reader_ok(&d.r))
        return true;
    if (why.code == ERR_MALFORMED) /* the reader's word for an early end */
        return err_set(err, ERR_ARTIFACT, ERR_NO_AT, "snapshot: %s", why.text);
    return err_set(err, why.code, ERR_NO_AT, "%s", why.text);
}

/* Bytes that nobody can change or take away any more. */
static bool map(struct rt_snapshot *snapshot, int fd, u64 at, u64 len, struct err *err)
{
    struct stat st;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & SEALS_NEEDED) != SEALS_NEEDED)
        return err_set(err, ERR_ARTIFACT, ERR_NO_AT, "snapshot: its file is not sealed");
    if (fstat(fd, &st) != 0)
        return err_sys(err, "cannot look at a snapshot");
    if (len == 0 || len > RT_SNAPSHOT_MAX || at % RT_PAGE_BYTES != 0 || at > (u64)st.st_size ||
        len > (u64)st.st_size - at)
        return err_set(err, ERR_ARTIFACT, ERR_NO_AT, "snapshot: it is not in its file");
    snapshot->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (snapshot->fd < 0)
        return err_sys(err, "cannot keep a snapshot");
    void *bytes = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, (off_t)at);
    if (bytes == MAP_FAILED)
        return err_sys(err, "cannot map a snapshot");
    snapshot->view = (struct file_view){.bytes = bytes, .len = len};
    return true;
}

bool rt_module_use_snapshot(struct rt_module *module, int fd, u64 at, u64 len, struct err *err)
{
    CHECK(module->snapshot == NULL);
    struct rt_snapshot *snapshot = arena_alloc(&module->arena, sizeof *snapshot);
    snapshot->fd = -1;
    if (!map(snapshot, fd, at, len, err) || !decode(module, snapshot, err)) {
        rt_snapshot_fini(snapshot);
        return false;
    }
    for (u32 i = 0; i < module->file.memory_count; i++)
        snapshot->memories[i].at += at;
    module->snapshot = snapshot;
    return true;
}

void rt_snapshot_fini(struct rt_snapshot *snapshot)
{
    if (snapshot == NULL)
        return;
    file_unmap(&snapshot->view);
    fd_close(&snapshot->fd);
}
