/*
 * test/unit/runtime/guest.h -- the module that test/unit/runtime/guest.c is the code of, and files
 * for it: one imported function, one table of GUEST_TABLE, one memory, two globals.
 */
#pragma once
#include "abi/artifact.h"
#include "base/buf.h"
#include "base/check.h"
#include "base/file.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GUEST_TABLE 4u

/* Function indices; 0 is the import. */
enum guest_func {
    GUEST_IMPORT,
    GUEST_ADD,
    GUEST_LOAD,
    GUEST_STORE,
    GUEST_TRAP,
    GUEST_RECURSE,
    GUEST_SPIN,
    GUEST_CALL_HOST,
    GUEST_GROW,
    GUEST_DIRTY,
    GUEST_CALL_TABLE,
    GUEST_HOST_AT_EDGE,
    GUEST_START,
    GUEST_SIGNAL,
    GUEST_HOST_LOOP,
    GUEST_FUNC_END
};
static const char *const guest_names[] = {
    [GUEST_IMPORT] = "",
    [GUEST_ADD] = "add",
    [GUEST_LOAD] = "load",
    [GUEST_STORE] = "store",
    [GUEST_TRAP] = "trap",
    [GUEST_RECURSE] = "recurse",
    [GUEST_SPIN] = "spin",
    [GUEST_CALL_HOST] = "call_host",
    [GUEST_GROW] = "grow",
    [GUEST_DIRTY] = "dirty",
    [GUEST_CALL_TABLE] = "call_table",
    [GUEST_HOST_AT_EDGE] = "host_at_edge",
    [GUEST_START] = "start",
    [GUEST_SIGNAL] = "signal",
    [GUEST_HOST_LOOP] = "host_loop",
};

/* What a test may vary. */
struct guest_module {
    u64 memory_pages, memory_max;
    const u8 *image;
    u64 image_len;
    bool start;                         /* has the start function */
    bool imports_table, imports_memory; /* from "other": exports of the same names */
    const char *import_module, *import_field;
    u64 data_at; /* where the one active data segment of three bytes goes */
};

static inline void put_u8(struct buf *out, u8 value)
{
    buf_add_byte(out, value);
}
static inline void put_u32(struct buf *out, u32 value)
{
    buf_add(out, &value, sizeof value);
}
static inline void put_u64(struct buf *out, u64 value)
{
    buf_add(out, &value, sizeof value);
}
static inline void put_text(struct buf *out, const char *text)
{
    put_u32(out, (u32)strlen(text));
    buf_add_text(out, text);
}
static inline void put_value(struct buf *out, u32 value)
{
    put_u8(out, 0);
    put_u64(out, value);
    put_u64(out, 0);
}

static inline void put_imports(struct buf *out, const struct guest_module *m)
{
    put_u32(out, 1);
    put_text(out, m->import_module == NULL ? "env" : m->import_module);
    put_text(out, m->import_field == NULL ? "host" : m->import_field);
    put_u32(out, 0);
    put_u32(out, GUEST_CALL_HOST); /* its first caller */
    put_u32(out, m->imports_table);
    if (m->imports_table) {
        put_text(out, "other");
        put_text(out, "table");
        put_u8(out, 0x70);
        put_u64(out, GUEST_TABLE);
        put_u64(out, UINT64_MAX);
    }
    put_u32(out, m->imports_memory);
    if (m->imports_memory) {
        put_text(out, "other");
        put_text(out, "memory");
        put_u64(out, 1);
        put_u64(out, UINT64_MAX);
        put_u32(out, 0);
    }
    put_u32(out, 0);
}

static inline void put_definitions(struct buf *out, const struct guest_module *m)
{
    put_u32(out, GUEST_FUNC_END - 1);
    for (u32 i = GUEST_ADD; i < GUEST_FUNC_END; i++) {
        put_u32(out, i == GUEST_START);
        put_text(out, guest_names[i]);
    }
    put_u32(out, 0); /* references */
    put_u32(out, !m->imports_table);
    if (!m->imports_table) {
        put_u8(out, 0x70);
        put_u64(out, GUEST_TABLE);
        put_u64(out, UINT64_MAX);
    }
    put_u32(out, !m->imports_memory);
    if (!m->imports_memory) {
        put_u64(out, m->memory_pages);
        put_u64(out, m->memory_max);
        put_u32(out, 0);
    }
    put_u32(out, 2);
    for (u32 i = 0; i < 2; i++) {
        put_u8(out, 0x7f);
        put_u8(out, 1);
        put_value(out, 7 + i);
    }
}

static inline void put_export(struct buf *out, const char *name, u8 kind, u32 index)
{
    put_text(out, name);
    put_u8(out, kind);
    put_u32(out, index);
    put_u32(out, 0);
}

static inline void put_exports(struct buf *out, const struct guest_module *m)
{
    put_u32(out, 6);
    put_export(out, "add", 0, GUEST_ADD);
    put_export(out, "call_table", 0, GUEST_CALL_TABLE);
    put_export(out, "table", 1, 0);
    put_export(out, "memory", 2, 0);
    put_export(out, "first", 3, 0);
    put_export(out, "second", 3, 1);
    put_u32(out, m->start ? GUEST_START : UINT32_MAX);
}

/* Elements: add at 0 of an own table, load at 1 of an imported one. Data: "abc". */
static inline void put_segments(struct buf *out, const struct guest_module *m)
{
    put_u32(out, 1);
    put_u8(out, 0);
    put_u32(out, 0);
    put_value(out, m->imports_table ? 1 : 0);
    put_u8(out, 0x70);
    put_u32(out, 1);
    put_u8(out, 2);
    put_u32(out, m->imports_table ? GUEST_LOAD : GUEST_ADD);
    put_u32(out, 1);
    put_u8(out, 0);
    put_u32(out, 0);
    put_value(out, (u32)m->data_at);
    put_u64(out, 3);
    buf_add_text(out, "abc");
}

/* The bytes before the trailer. */
static inline void guest_module_make(struct buf *out, const struct guest_module *m)
{
    static const u8 key[DIGEST_BYTES];
    put_u64(out, ABI_MODULE_MAGIC);
    put_u32(out, ABI_VERSION);
    buf_add(out, key, sizeof key);
    buf_add(out, key, sizeof key);
    put_u32(out, 2);
    put_u32(out, 2);
    buf_add(out, "\x7f\x7f", 2);
    put_u32(out, 1);
    buf_add(out, "\x7f", 1);
    put_u64(out, 0); /* no parameters, no results */
    put_imports(out, m);
    put_definitions(out, m);
    put_exports(out, m);
    put_segments(out, m);
    u64 image_at = round_up(out->len + 16, 4096);
    put_u64(out, m->image_len == 0 ? 0 : image_at);
    put_u64(out, m->image_len);
    while (m->image_len > 0 && out->len < image_at)
        put_u8(out, 0xee);
    buf_add(out, m->image, m->image_len);
    CHECK(buf_ok(out));
}

/* A folder of its own with files in it; guest_files_remove takes it away. */
struct guest_files {
    char folder[64], code[80], module[80];
};

static const struct digest guest_key = {{1, 2, 3}};

/* Writes bytes and their trailer. */
static inline void guest_file_write(const char *path, const void *bytes, size_t len)
{
    struct abi_trailer trailer = {.magic = ABI_TRAILER_MAGIC};
    digest_file(&guest_key, path, bytes, len, &trailer.mac);
    unlink(path); /* a code file may be mapped: never change one in place */
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && fd_write_all(fd, bytes, len) && fd_write_all(fd, &trailer, sizeof trailer));
    fd_close(&fd);
}

static inline void guest_files_init(struct guest_files *files)
{
    struct file_view view;
    snprintf(files->folder, sizeof files->folder, "/tmp/weir-test-XXXXXX");
    CHECK(mkdtemp(files->folder) != NULL);
    snprintf(files->code, sizeof files->code, "%s/code", files->folder);
    snprintf(files->module, sizeof files->module, "%s/module", files->folder);
    CHECK(file_map(GUEST_CODE_FILE, MIB, "guest", &view, NULL));
    guest_file_write(files->code, view.bytes, view.len);
    file_unmap(&view);
}

static inline void guest_module_write(const struct guest_files *files, const struct guest_module *m)
{
    struct buf bytes;
    buf_init(&bytes, GIB);
    guest_module_make(&bytes, m);
    guest_file_write(files->module, bytes.bytes, bytes.len);
    buf_fini(&bytes);
}

static inline void guest_files_remove(struct guest_files *files)
{
    unlink(files->code);
    unlink(files->module);
    rmdir(files->folder);
}
