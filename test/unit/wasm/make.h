/*
 * test/unit/wasm/make.h -- modules made byte by byte, and the verdict on them.
 */
#pragma once
#include "test/test.h"
#include "base/check.h"
#include "wasm/wasm.h"
#include <string.h>

/* A string literal with zeros inside, as pointer and length. */
#define BYTES(literal) (literal), sizeof(literal) - 1

#define MAKE_MODULE_MAX ((size_t)256 << 20)
#define MAKE_ARENA_MAX  ((size_t)1 << 30)

static inline void make_leb(struct buf *out, u64 value)
{
    for (; value >= 0x80; value >>= 7)
        buf_add_byte(out, (u8)(value | 0x80));
    buf_add_byte(out, (u8)value);
}

/* An empty module; release with buf_fini. */
static inline void make_begin(struct buf *out)
{
    buf_init(out, MAKE_MODULE_MAX);
    buf_add(out, BYTES("\0asm\1\0\0\0"));
}

static inline void make_section(struct buf *out, u8 id, const void *payload, size_t len)
{
    buf_add_byte(out, id);
    make_leb(out, len);
    buf_add(out, payload, len);
}

static inline void make_section_of(struct buf *out, u8 id, struct buf *payload)
{
    assert_true(buf_ok(payload));
    make_section(out, id, payload->bytes, payload->len);
    buf_fini(payload);
}

/* Code section with count times the same body: locals and instructions with the final end. */
static inline void make_code(struct buf *out, u32 count, const void *body, size_t len)
{
    struct buf code;
    buf_init(&code, MAKE_MODULE_MAX);
    make_leb(&code, count);
    for (u32 i = 0; i < count; i++) {
        make_leb(&code, len);
        buf_add(&code, body, len);
    }
    make_section_of(out, 10, &code);
}

/* Decodes and validates; returns the code, the rest in *err. */
static inline enum err_code make_judge(const struct buf *module, struct err *err)
{
    struct arena arena;
    struct wasm_module *m = NULL;
    *err = (struct err){0};
    assert_true(buf_ok(module));
    arena_init(&arena, MAKE_ARENA_MAX);
    bool ok = wasm_module_decode(module->bytes, module->len, &arena, &m, err) &&
              wasm_module_validate(m, &arena, err);
    assert_int_equal(ok, err->code == ERR_NONE);
    arena_fini(&arena);
    return err->code;
}

/* Fails the test, naming it, unless the verdict has this code and its text holds this part. */
static inline void make_expect(const struct buf *module, const char *name, enum err_code code,
                               const char *part)
{
    struct err err;
    if (make_judge(module, &err) != code || strstr(err.text, part) == NULL)
        fail_msg("%s: wanted %s with \"%s\", got %s: \"%s\"", name, err_code_text(code), part,
                 err_code_text(err.code), err.text);
}
