#include "test/unit/wasm/make.h"
#include <stdio.h>

/* Large modules of every kind. What is not nearly linear does not end within the test's timeout;
 * each case also stands at a limit and one beyond it where there is one. */

static void put_repeated(struct buf *out, u32 count, const char *bytes, size_t len)
{
    for (u32 i = 0; i < count; i++)
        buf_add(out, bytes, len);
}

/* Type 0 () -> (), one function of it, with this body. */
static void make_body(struct buf *module, struct buf *body)
{
    make_begin(module);
    make_section(module, 1, BYTES("\1\x60\0\0"));
    make_section(module, 3, BYTES("\1\0"));
    make_section(module, 4, BYTES("\1\x70\0\1"));
    make_code(module, 1, body->bytes, body->len);
    buf_fini(body);
}

static void nested_blocks(void **state)
{
    (void)state;
    static const struct {
        u32 depth;
        enum err_code want;
    } cases[] = {{WASM_MAX_NESTING - 1, ERR_NONE}, {WASM_MAX_NESTING, ERR_LIMIT}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf module, body;
        buf_init(&body, 16 * MIB);
        buf_add_byte(&body, 0);
        put_repeated(&body, cases[i].depth, BYTES("\x02\x40"));
        put_repeated(&body, cases[i].depth + 1, BYTES("\x0b"));
        make_body(&module, &body);
        make_expect(&module, "nested blocks", cases[i].want, "");
        buf_fini(&module);
    }
}

static void printing_nested_blocks(void **state)
{
    (void)state;
    struct buf module, body, out;
    struct arena arena;
    struct wasm_module *m;
    struct err err = {0};
    buf_init(&body, 16 * MIB);
    buf_add_byte(&body, 0);
    put_repeated(&body, 90000, BYTES("\x02\x40"));
    put_repeated(&body, 90001, BYTES("\x0b"));
    make_body(&module, &body);
    arena_init(&arena, MAKE_ARENA_MAX);
    assert_true(wasm_module_decode(module.bytes, module.len, &arena, &m, &err));
    buf_init(&out, 64 * MIB);
    wasm_print_code(m, &out);
    assert_true(buf_ok(&out)); /* lines stay short at any depth */
    buf_fini(&out);
    arena_fini(&arena);
    buf_fini(&module);
}

static void operands(void **state)
{
    (void)state;
    static const struct {
        u32 count;
        enum err_code want;
    } cases[] = {{WASM_MAX_STACK, ERR_NONE}, {WASM_MAX_STACK + 1, ERR_LIMIT}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf module, body;
        buf_init(&body, 16 * MIB);
        buf_add_byte(&body, 0);
        put_repeated(&body, cases[i].count, BYTES("\x41\0"));
        put_repeated(&body, cases[i].count, BYTES("\x1a"));
        buf_add_byte(&body, 0x0b);
        make_body(&module, &body);
        make_expect(&module, "operands", cases[i].want, "");
        buf_fini(&module);
    }
}

/* Calls of a function of a thousand parameters and results, back to back: two bytes each. */
static void wide_calls(void **state)
{
    (void)state;
    struct buf module, body, types;
    make_begin(&module);
    buf_init(&types, 16 * KIB);
    buf_add(&types, BYTES("\2\x60\0\0\x60"));
    for (int list = 0; list < 2; list++) {
        make_leb(&types, WASM_MAX_PARAMS);
        put_repeated(&types, WASM_MAX_PARAMS, BYTES("\x7e"));
    }
    make_section_of(&module, 1, &types);
    make_section(&module, 2, BYTES("\1\1m\1f\0\1"));
    make_section(&module, 3, BYTES("\1\0"));
    buf_init(&body, 16 * MIB);
    buf_add_byte(&body, 0);
    put_repeated(&body, WASM_MAX_PARAMS, BYTES("\x42\0"));
    put_repeated(&body, 1000000, BYTES("\x10\0"));
    put_repeated(&body, WASM_MAX_PARAMS, BYTES("\x1a"));
    buf_add_byte(&body, 0x0b);
    make_code(&module, 1, body.bytes, body.len);
    buf_fini(&body);
    make_expect(&module, "wide calls", ERR_NONE, "");
    buf_fini(&module);
}

/* Many tables of many labels; all but the first stand in dead code. */
static void branch_tables(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        u32 labels, tables;
        enum err_code want;
    } cases[] = {
        {"full tables", WASM_MAX_BR_TABLE, 100, ERR_NONE},
        {"one label too many", WASM_MAX_BR_TABLE + 1, 1, ERR_LIMIT},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf module, body;
        buf_init(&body, 16 * MIB);
        buf_add(&body, BYTES("\0\x02\x40\x02\x40"));
        for (u32 k = 0; k < cases[i].tables; k++) {
            buf_add(&body, BYTES("\x41\0\x0e"));
            make_leb(&body, cases[i].labels);
            for (u32 label = 0; label < cases[i].labels; label++)
                buf_add_byte(&body, (u8)(label % 3));
            buf_add_byte(&body, 0);
        }
        buf_add(&body, BYTES("\x0b\x0b\x0b"));
        make_body(&module, &body);
        make_expect(&module, cases[i].name, cases[i].want, "");
        buf_fini(&module);
    }
}

/* A hundred thousand functions of fifty thousand locals: eleven bytes each. */
static void many_locals(void **state)
{
    (void)state;
    struct buf module, funcs;
    const u32 count = 100000;
    make_begin(&module);
    make_section(&module, 1, BYTES("\1\x60\0\0"));
    buf_init(&funcs, MIB);
    make_leb(&funcs, count);
    put_repeated(&funcs, count, BYTES("\0"));
    make_section_of(&module, 3, &funcs);
    make_code(&module, count, BYTES("\1\xd0\x86\3\x7f\x20\xcf\x86\3\x1a\x0b"));
    make_expect(&module, "many locals", ERR_NONE, "");
    buf_fini(&module);
}

/* Function count and function names, to the limit. */
static void many_functions(void **state)
{
    (void)state;
    static const struct {
        u32 count;
        enum err_code want;
    } cases[] = {{WASM_MAX_FUNCS, ERR_NONE}, {WASM_MAX_FUNCS + 1, ERR_LIMIT}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf module, funcs;
        make_begin(&module);
        make_section(&module, 1, BYTES("\1\x60\0\0"));
        buf_init(&funcs, 16 * MIB);
        make_leb(&funcs, cases[i].count);
        put_repeated(&funcs, cases[i].count, BYTES("\0"));
        make_section_of(&module, 3, &funcs);
        make_code(&module, cases[i].count, BYTES("\0\x0b"));
        make_expect(&module, "many functions", cases[i].want, "");
        buf_fini(&module);
    }
}

/* Export names that begin with the same two hundred bytes; the last one comes twice or not. */
static void many_exports(void **state)
{
    (void)state;
    static const struct {
        const char *last;
        enum err_code want;
        const char *part;
    } cases[] = {{"other", ERR_NONE, ""}, {"00000001", ERR_INVALID, "duplicate export name"}};
    const u32 count = 100000;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf module, exports;
        char name[256];
        make_begin(&module);
        make_section(&module, 5, BYTES("\1\0\1"));
        buf_init(&exports, 64 * MIB);
        make_leb(&exports, count);
        for (u32 k = 0; k < count; k++) {
            char digits[16];
            snprintf(digits, sizeof digits, "%08u", (unsigned)k);
            int len =
                snprintf(name, sizeof name, "%0200d%s", 0, k == count - 1 ? cases[i].last : digits);
            make_leb(&exports, (u64)len);
            buf_add(&exports, name, (size_t)len);
            buf_add(&exports, BYTES("\2\0"));
        }
        make_section_of(&module, 7, &exports);
        make_expect(&module, cases[i].last, cases[i].want, cases[i].part);
        buf_fini(&module);
    }
}

static void many_sections(void **state)
{
    (void)state;
    static const struct {
        u32 count;
        enum err_code want;
    } cases[] = {{WASM_MAX_SECTIONS, ERR_NONE}, {WASM_MAX_SECTIONS + 1, ERR_LIMIT}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf module;
        make_begin(&module);
        put_repeated(&module, cases[i].count, BYTES("\0\1\0"));
        make_expect(&module, "many sections", cases[i].want, "");
        buf_fini(&module);
    }
}

/* The longest body, of nops, and one that is a byte longer. */
static void long_bodies(void **state)
{
    (void)state;
    static const struct {
        u32 len;
        enum err_code want;
    } cases[] = {{WASM_MAX_FUNC_BYTES, ERR_NONE}, {WASM_MAX_FUNC_BYTES + 1, ERR_LIMIT}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf module, body;
        buf_init(&body, 16 * MIB);
        buf_add_byte(&body, 0);
        put_repeated(&body, cases[i].len - 2, BYTES("\x01"));
        buf_add_byte(&body, 0x0b);
        make_body(&module, &body);
        make_expect(&module, "long body", cases[i].want, "");
        buf_fini(&module);
    }
}

static void put_u32(struct buf *out, u64 value)
{
    for (int i = 0; i < 4; i++)
        buf_add_byte(out, (u8)(value >> 8 * i));
}

/* A hundred functions of a thousand parameters, whose names all come from one entry of debug
 * information behind forty million other bytes. */
static void long_debug_names(void **state)
{
    (void)state;
    enum { FUNCS = 100, UNIT_HEADER = 11, TEXT_LEN = 40000000 };
    struct buf module, part;
    make_begin(&module);
    buf_init(&part, 64 * MIB);
    buf_add(&part, BYTES("\1\x60"));
    make_leb(&part, WASM_MAX_PARAMS);
    put_repeated(&part, WASM_MAX_PARAMS, BYTES("\x7f"));
    buf_add_byte(&part, 0);
    make_section_of(&module, 1, &part);
    buf_add_byte(&part, FUNCS);
    put_repeated(&part, FUNCS, BYTES("\0"));
    make_section_of(&module, 3, &part);
    buf_add_byte(&part, FUNCS);
    for (u8 i = 0; i < FUNCS; i++)
        buf_add(&part, (u8[]){1, (u8)(i + 1), 0, i}, 4);
    make_section_of(&module, 7, &part);
    make_code(&module, FUNCS, BYTES("\0\x0b"));
    buf_add(&part, BYTES("\x0d.debug_abbrev\1\x11\1\0\0" /* a unit */
                         "\2\x2e\1\x11\1\0\0"            /* a function at an address */
                         "\3\5\0\x31\x13\0\0"            /* a parameter made from ... */
                         "\4\5\0\2\x08\3\x08\0\0\0"));   /* ... this one: two texts */
    make_section_of(&module, 0, &part);
    buf_add(&part, BYTES("\x0b.debug_info"));
    put_u32(&part, UNIT_HEADER - 4 + 1 + 1 + TEXT_LEN + 1 + 2 +
                       FUNCS * (6 + 5 * (u64)WASM_MAX_PARAMS) + 1);
    buf_add(&part, BYTES("\4\0\0\0\0\0\4\1\4"));
    put_repeated(&part, TEXT_LEN / 4, BYTES("text"));
    buf_add(&part, BYTES("\0n\0"));
    for (u32 i = 0; i < FUNCS; i++) {
        buf_add_byte(&part, 2);
        put_u32(&part, 2 + 3 * (u64)i); /* where the body begins */
        for (u32 k = 0; k < WASM_MAX_PARAMS; k++) {
            buf_add_byte(&part, 3);
            put_u32(&part, UNIT_HEADER + 1);
        }
        buf_add_byte(&part, 0);
    }
    buf_add_byte(&part, 0);
    make_section_of(&module, 0, &part);
    make_expect(&module, "long debug names", ERR_NONE, "");
    buf_fini(&module);
}

/* A small arena is a limit like any other: an error, never an abort. */
static void memory_runs_out(void **state)
{
    (void)state;
    struct buf module, types;
    make_begin(&module);
    buf_init(&types, 16 * MIB);
    make_leb(&types, 200000);
    put_repeated(&types, 200000, BYTES("\x60\0\0"));
    make_section_of(&module, 1, &types);
    u32 refused = 0, accepted = 0;
    for (size_t limit = KIB; limit <= 64 * MIB; limit *= 4) {
        struct arena arena;
        struct wasm_module *m;
        struct err err = {0};
        arena_init(&arena, limit);
        if (wasm_module_decode(module.bytes, module.len, &arena, &m, &err)) {
            accepted++;
        } else {
            assert_int_equal(err.code, ERR_LIMIT);
            refused++;
        }
        arena_fini(&arena);
    }
    assert_true(refused > 0 && accepted > 0);
    buf_fini(&module);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nested_blocks),    cmocka_unit_test(printing_nested_blocks),
        cmocka_unit_test(operands),         cmocka_unit_test(wide_calls),
        cmocka_unit_test(branch_tables),    cmocka_unit_test(many_locals),
        cmocka_unit_test(many_functions),   cmocka_unit_test(many_exports),
        cmocka_unit_test(many_sections),    cmocka_unit_test(long_bodies),
        cmocka_unit_test(long_debug_names), cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
