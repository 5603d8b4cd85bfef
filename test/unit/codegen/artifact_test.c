/* What stands in the files: symbols, determinism, keys, the module file, vectors. */
#include "base/reader.h"
#include "machine.h"
#include <elf.h>

static const struct cg_options best = {.opt = CG_OPT_BEST};

static struct cg *cg_v3(void)
{
    return machine_cg_for("x86-64-v3"); /* the same on every machine that runs the tests */
}

static u8 *compile(struct machine *m, struct cg_options options, size_t *len)
{
    char path[128];
    machine_path(m, "m.code", path);
    if (!cg_code_write(cg_v3(), m->module, options, path, &m->err))
        fail_msg("%s", m->err.text);
    return machine_read(path, len);
}

static const Elf64_Shdr *find_section(const u8 *elf, u32 type)
{
    const Elf64_Ehdr *head = (const void *)elf;
    const Elf64_Shdr *sections = (const void *)(elf + head->e_shoff);
    for (u32 i = 0; i < head->e_shnum; i++)
        if (sections[i].sh_type == type)
            return &sections[i];
    return NULL;
}

/* One dynamic symbol, defined; no relocation, no library, no initialiser. */
static void check_elf(const u8 *elf)
{
    static const u32 forbidden[] = {SHT_REL, SHT_RELA, SHT_INIT_ARRAY, SHT_FINI_ARRAY,
                                    SHT_PREINIT_ARRAY};
    for (size_t i = 0; i < COUNT_OF(forbidden); i++)
        assert_null(find_section(elf, forbidden[i]));
    const Elf64_Shdr *dynsym = find_section(elf, SHT_DYNSYM);
    assert_non_null(dynsym);
    const Elf64_Sym *symbols = (const void *)(elf + dynsym->sh_offset);
    assert_int_equal(dynsym->sh_size / sizeof *symbols, 2);
    assert_int_not_equal(symbols[1].st_shndx, SHN_UNDEF);
    const Elf64_Shdr *dynamic = find_section(elf, SHT_DYNAMIC);
    const Elf64_Dyn *entries = (const void *)(elf + dynamic->sh_offset);
    for (; entries->d_tag != DT_NULL; entries++)
        assert_int_not_equal(entries->d_tag, DT_NEEDED);
}

/* ---- what LLVM would turn into calls of the C library ---- */

static const char loops_wat[] =
    "(module (memory 1)"
    " (func (export \"zero\") (param $p i32) (param $n i32) (loop $l"
    "  (i32.store8 (local.get $p) (i32.const 0))"
    "  (local.set $p (i32.add (local.get $p) (i32.const 1)))"
    "  (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))"
    " (func (export \"copy\") (param $p i32) (param $q i32) (param $n i32) (loop $l"
    "  (i32.store8 (local.get $p) (i32.load8_u (local.get $q)))"
    "  (local.set $p (i32.add (local.get $p) (i32.const 1)))"
    "  (local.set $q (i32.add (local.get $q) (i32.const 1)))"
    "  (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))"
    " (func (export \"clear\") (param $p i32)"
    "  (i64.store (local.get $p) (i64.const 0)) (i64.store offset=8 (local.get $p) (i64.const 0))"
    "  (i64.store offset=16 (local.get $p) (i64.const 0))"
    "  (i64.store offset=24 (local.get $p) (i64.const 0)))"
    " (func (export \"length\") (param $p i32) (result i32) (local $n i32) (loop $l"
    "  (if (i32.load8_u (i32.add (local.get $p) (local.get $n)))"
    "   (then (local.set $n (i32.add (local.get $n) (i32.const 1))) (br $l)))) (local.get $n))"
    " (func (export \"float\") (param f64) (result f64)"
    "  (f64.add (f64.floor (local.get 0)) (f64.nearest (f64.sqrt (local.get 0))))))";

static void loops_never_become_library_calls(void **state)
{
    (void)state;
    for (int opt = CG_OPT_QUICK; opt <= CG_OPT_BEST; opt++) {
        struct machine m;
        size_t len;
        machine_init(&m, loops_wat);
        u8 *elf = compile(&m, (struct cg_options){.opt = (enum cg_opt)opt}, &len);
        check_elf(elf);
        free(elf);
        machine_fini(&m);
    }
}

/* ---- names that mean something to LLVM, the linker or libc ---- */

#define LONG_NAME 65536

static void guest_names_have_no_meaning(void **state)
{
    (void)state;
    static const char *const names[] = {"free", "floor",      "llvm.trap", "llvm.memset.p0.i64",
                                        "main", "a@@b",       "_init",     "weir_code",
                                        "f1",   "a\"b\nc \\", ""};
    static const char func[] = "(func (export \"e%zu\") (param f64) (result f64) (f64.const 7))";
    static char wat[4096], long_name[LONG_NAME];
    size_t at = (size_t)snprintf(wat, sizeof wat, "(module");
    for (size_t i = 0; i <= COUNT_OF(names); i++)
        at += (size_t)snprintf(wat + at, sizeof wat - at, func, i);
    snprintf(wat + at, sizeof wat - at, ")");
    struct machine m;
    size_t len;
    machine_init(&m, wat);
    for (size_t i = 0; i < COUNT_OF(names); i++)
        m.module->funcs[i].name = (struct wasm_text){names[i], (u32)strlen(names[i])};
    memset(long_name, 'x', sizeof long_name);
    m.module->funcs[COUNT_OF(names)].name = (struct wasm_text){long_name, sizeof long_name};
    u8 *elf = compile(&m, best, &len);
    check_elf(elf);
    assert_non_null(memmem(elf, len, "\0free.f0", 9)); /* for perf and gdb, harmless */
    assert_non_null(memmem(elf, len, "\0a__b.f5", 9));
    assert_true(len < LONG_NAME); /* the long name was cut */
    free(elf);
    machine_load(&m, best);
    for (size_t i = 0; i <= COUNT_OF(names); i++) {
        char name[16];
        snprintf(name, sizeof name, "e%zu", i);
        union abi_value slot = {.f64 = 2.5};
        machine_call(&m, name, &slot);
        assert_true(slot.f64 == 7);
    }
    machine_fini(&m);
}

/* ---- keys and bytes ---- */

static void digest_of(const char *wat, struct cg_options options, struct digest *out)
{
    struct machine m;
    machine_init(&m, wat);
    cg_code_key(cg_v3(), m.module, options, out);
    machine_fini(&m);
}

static void the_key_is_what_the_code_depends_on(void **state)
{
    (void)state;
    static const char base[] = "(module (memory 1) (global (mut i32) (i32.const 1))"
                               " (data (i32.const 0) \"abc\") (func (export \"f\")))";
    static const struct {
        const char *wat;
        bool same;
    } cases[] = {
        {base, true},
        {"(module (memory 7 9) (global (mut i32) (i32.const 2)) (data (i32.const 5) \"xyz\")"
         " (func (export \"g\")))",
         true},
        {"(module (memory 1) (global i32 (i32.const 1)) (func (export \"f\")))", false},
        {"(module (memory 1) (global (mut i32) (i32.const 1)) (func (export \"f\") nop))", false},
        {"(module (memory 1) (global (mut i32) (i32.const 1)) (func (export \"f\") (param i32)))",
         false},
        {"(module (import \"a\" \"m\" (memory 1)) (global (mut i32) (i32.const 1)) (func))", false},
    };
    struct digest want, got;
    digest_of(base, best, &want);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        digest_of(cases[i].wat, best, &got);
        assert_int_equal(digest_equal(&want, &got), cases[i].same);
    }
    digest_of(base, (struct cg_options){.opt = CG_OPT_QUICK}, &got);
    assert_false(digest_equal(&want, &got));
    digest_of(base, (struct cg_options){.opt = CG_OPT_BEST, .strict_traps = true}, &got);
    assert_false(digest_equal(&want, &got));
}

static void same_input_same_bytes(void **state)
{
    (void)state;
    for (int opt = CG_OPT_QUICK; opt <= CG_OPT_BEST; opt++) {
        struct machine m;
        size_t len, other_len;
        machine_init(&m, loops_wat);
        struct cg_options options = {.opt = (enum cg_opt)opt};
        u8 *one = compile(&m, options, &len), *other = compile(&m, options, &other_len);
        assert_int_equal(len, other_len);
        assert_memory_equal(one, other, len);
        free(one);
        free(other);
        machine_fini(&m);
    }
}

/* ---- vectors ---- */

static const char saxpy_wat[] =
    "(module (memory 1)"
    " (func (export \"saxpy\") (param $x i32) (param $y i32) (param $n i32) (param $a f32)"
    "  (if (local.get $n) (then (loop $l"
    "   (f32.store offset=16 (local.get $y) (f32.add (f32.load offset=16 (local.get $y))"
    "    (f32.mul (local.get $a) (f32.load offset=16 (local.get $x)))))"
    "   (local.set $x (i32.add (local.get $x) (i32.const 4)))"
    "   (local.set $y (i32.add (local.get $y) (i32.const 4)))"
    "   (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))))";

static const char max_wat[] =
    "(module (memory 1)"
    " (func (export \"max\") (param $x i32) (param $n i32) (result f32) (local $m f32)"
    "  (loop $l (local.set $m (f32.max (local.get $m) (f32.load (local.get $x))))"
    "   (local.set $x (i32.add (local.get $x) (i32.const 4)))"
    "   (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))"
    "  (local.get $m)))";

static void array_loops_become_vectors(void **state)
{
    (void)state;
    static const struct {
        const char *wat, *want;
    } cases[] = {{saxpy_wat, "vmulps"}, {loops_wat, "vmovups"}, {max_wat, "vmaxps"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct machine m;
        struct buf text;
        buf_init(&text, GIB);
        machine_init(&m, cases[i].wat);
        assert_true(cg_dump(cg_v3(), m.module, best, CG_STAGE_ASM, &text, &m.err));
        buf_add_byte(&text, 0);
        assert_non_null(strstr((char *)text.bytes, cases[i].want));
        assert_non_null(strstr((char *)text.bytes, "%ymm"));
        buf_fini(&text);
        machine_fini(&m);
    }
}

/* ---- sizes ---- */

static void append(struct buf *out, const char *bytes, size_t len)
{
    buf_add(out, bytes, len);
}

static void append_leb(struct buf *out, u32 value)
{
    do {
        buf_add_byte(out, (u8)((value & 0x7f) | (value >= 0x80 ? 0x80 : 0)));
        value >>= 7;
    } while (value != 0);
}

/* A module with one memory and one function () -> () with this many locals and this body, which
 * comes without its end. */
static void init_body(struct machine *m, u32 local_count, const struct buf *body)
{
    struct buf bytes, code, len;
    buf_init(&bytes, GIB);
    buf_init(&len, GIB);
    buf_init(&code, GIB);
    append(&code, "\1", 1);
    append_leb(&code, local_count);
    append(&code, "\x7f", 1); /* i32 */
    append(&code, (const char *)body->bytes, body->len);
    append(&code, "\x0b", 1);
    append(&bytes, "\0asm\1\0\0\0\1\4\1\x60\0\0\3\2\1\0\5\3\1\0\1\7\5\1\1f\0\0\x0a", 31);
    append_leb(&len, (u32)code.len);
    append_leb(&bytes, (u32)(1 + len.len + code.len));
    append(&bytes, "\1", 1);
    append(&bytes, (const char *)len.bytes, len.len);
    append(&bytes, (const char *)code.bytes, code.len);
    machine_init_empty(m);
    m->wasm = bytes.bytes;
    m->wasm_len = bytes.len;
    machine_decode(m);
    buf_fini(&code);
    buf_fini(&len);
}

/* Nesting costs no stack of the compiler. */
static void deep_nesting_compiles(void **state)
{
    (void)state;
    static const char *const opens[] = {"\x02\x40", "\x03\x40"}; /* block, loop */
    for (size_t i = 0; i < COUNT_OF(opens); i++) {
        struct buf body;
        buf_init(&body, GIB);
        const u32 depth = 50000;
        for (u32 k = 0; k < depth; k++)
            append(&body, opens[i], 2);
        append(&body, "\x41\x00\x0d", 3); /* i32.const 0, br_if to the outermost */
        append_leb(&body, depth - 1 + (i == 0));
        for (u32 k = 0; k < depth; k++)
            append(&body, "\x0b", 1);
        struct machine m;
        init_body(&m, 0, &body);
        machine_load(&m, (struct cg_options){.opt = CG_OPT_QUICK});
        union abi_value slot = {0};
        machine_call(&m, "f", &slot);
        machine_fini(&m);
        buf_fini(&body);
    }
}

static void append_const(struct buf *out, u8 op, u32 value)
{
    buf_add_byte(out, op);
    append_leb(out, value);
}

/* Functions too large, or with too many locals and blocks, for whole pipelines: compiled with few
 * passes, they still compute the same. The body adds 1 to each local under an if, some times over,
 * and stores the last one at address 0. */
static void giants_compute_the_same(void **state)
{
    (void)state;
    static const struct {
        u32 local_count, rounds;
    } cases[] = {{50, 250}, {3000, 2}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf body;
        buf_init(&body, GIB);
        for (u32 k = 0; k < cases[i].rounds * cases[i].local_count; k++) {
            u32 local = k % cases[i].local_count;
            append(&body, "\x41\1\x04\x40", 4); /* i32.const 1, if */
            append_const(&body, 0x20, local);   /* local.get */
            append(&body, "\x41\1\x6a", 3);     /* i32.const 1, i32.add */
            append_const(&body, 0x21, local);   /* local.set */
            append(&body, "\x0b", 1);
        }
        append(&body, "\x41\0", 2);
        append_const(&body, 0x20, cases[i].local_count - 1);
        append(&body, "\x36\2\0", 3); /* i32.store */
        struct machine m;
        init_body(&m, cases[i].local_count, &body);
        machine_load(&m, best);
        union abi_value slot = {0};
        machine_call(&m, "f", &slot);
        assert_int_equal(m.memory.base[0] | m.memory.base[1] << 8, cases[i].rounds);
        machine_fini(&m);
        buf_fini(&body);
    }
}

/* ---- the module file ---- */

static const char file_wat[] =
    "(module (import \"env\" \"log\" (func $log (param i32)))"
    " (memory 1) (table 3 funcref) (global (mut i64) (i64.const -2))"
    " (func $sum (export \"sum\") (param $left i32) (param i32) (param $right f64) (result i32)"
    "  (local.get $left))"
    " (start $go) (func $go (call $log (i32.const 1)))"
    " (elem (i32.const 1) $sum $go)"
    " (data (i32.const 4094) \"abcd\") (data (i32.const 8) \"xy\"))";

static void skip_text(struct reader *r, const char *want)
{
    u32 len = read_u32_le(r);
    const u8 *bytes = read_bytes(r, len);
    assert_int_equal(len, strlen(want));
    assert_memory_equal(bytes, want, len);
}

static void pass(struct reader *r, size_t len)
{
    assert_non_null(read_bytes(r, len));
}

static void check_head(struct reader *r, const struct digest *key, const struct wasm_module *m)
{
    struct digest_state state;
    struct digest digest;
    digest_init(&state, NULL);
    digest_add(&state, m->bytes, m->len);
    digest_end(&state, &digest);
    assert_int_equal(read_u64_le(r), ABI_MODULE_MAGIC);
    assert_int_equal(read_u32_le(r), ABI_VERSION);
    assert_memory_equal(read_bytes(r, DIGEST_BYTES), key->bytes, DIGEST_BYTES);
    assert_memory_equal(read_bytes(r, DIGEST_BYTES), digest.bytes, DIGEST_BYTES);
    assert_int_equal(read_u32_le(r), 3); /* types */
    pass(r, 4 + 1 + 4);
    pass(r, 4 + 3 + 4 + 1);
    pass(r, 4 + 4);
    assert_int_equal(read_u32_le(r), 1); /* function imports */
    skip_text(r, "env");
    skip_text(r, "log");
    assert_int_equal(read_u32_le(r), 0);
    assert_int_equal(read_u32_le(r), 2); /* go calls it */
    for (u32 i = 0; i < 3; i++)          /* tables, memories, globals */
        assert_int_equal(read_u32_le(r), 0);
    assert_int_equal(read_u32_le(r), 2); /* functions */
    assert_int_equal(read_u32_le(r), 1);
    skip_text(r, "sum");
    assert_int_equal(read_u32_le(r), 2);
    skip_text(r, "go");
}

static void check_body(struct reader *r)
{
    assert_int_equal(read_u32_le(r), 0); /* references */
    assert_int_equal(read_u32_le(r), 1); /* tables */
    assert_int_equal(read_byte(r), WASM_FUNCREF);
    assert_int_equal(read_u64_le(r), 3);
    assert_int_equal(read_u64_le(r), UINT64_MAX);
    assert_int_equal(read_u32_le(r), 1); /* memories */
    pass(r, 8 + 8 + 4);
    assert_int_equal(read_u32_le(r), 1); /* globals */
    assert_int_equal(read_byte(r), WASM_I64);
    assert_int_equal(read_byte(r), 1);
    assert_int_equal(read_byte(r), 0);
    assert_int_equal(read_u64_le(r), (u64)-2);
    assert_int_equal(read_u64_le(r), 0);
    assert_int_equal(read_u32_le(r), 1); /* exports */
    skip_text(r, "sum");
    assert_int_equal(read_byte(r), 0);
    assert_int_equal(read_u32_le(r), 1);
    assert_int_equal(read_u32_le(r), 3);
    skip_text(r, "left");
    skip_text(r, "");
    skip_text(r, "right");
    assert_int_equal(read_u32_le(r), 2); /* start */
}

static void check_segments(struct reader *r, const u8 *bytes, size_t len)
{
    assert_int_equal(read_u32_le(r), 1); /* element segments */
    assert_int_equal(read_byte(r), 0);
    pass(r, 4 + 1 + 16);
    assert_int_equal(read_byte(r), WASM_FUNCREF);
    assert_int_equal(read_u32_le(r), 2);
    for (u32 i = 0; i < 2; i++) {
        assert_int_equal(read_byte(r), 2);
        assert_int_equal(read_u32_le(r), 1 + i);
    }
    assert_int_equal(read_u32_le(r), 2); /* data segments, both in the image */
    for (u32 i = 0; i < 2; i++) {
        assert_int_equal(read_byte(r), 2);
        pass(r, 4 + 1 + 16);
        assert_int_equal(read_u64_le(r), 0);
    }
    u64 at = read_u64_le(r);
    assert_int_equal(at % 4096, 0);
    assert_int_equal(read_u64_le(r), 8192);
    assert_int_equal(len, at + 8192);
    assert_memory_equal(bytes + at + 4094, "abcd", 5);
    assert_memory_equal(bytes + at + 8, "xy", 3);
}

static void the_module_file_is_as_its_header_says(void **state)
{
    (void)state;
    struct machine m;
    struct digest key;
    char path[128];
    size_t len;
    machine_init(&m, file_wat);
    memset(key.bytes, 0x5a, sizeof key.bytes);
    machine_path(&m, "m.module", path);
    assert_true(cg_module_write(m.module, &key, path, &m.err));
    u8 *bytes = machine_read(path, &len);
    struct reader r = reader_make(bytes, len, &m.err);
    check_head(&r, &key, m.module);
    check_body(&r);
    check_segments(&r, bytes, len);
    free(bytes);
    machine_fini(&m);
}

/* Segments that an image cannot hold stay segments. */
static void no_image_where_the_start_is_not_known(void **state)
{
    (void)state;
    static const char *const wats[] = {
        "(module (memory 1) (data (i32.const 65535) \"ab\"))",
        "(module (import \"a\" \"m\" (memory 1)) (data (i32.const 0) \"ab\"))",
        "(module (import \"a\" \"g\" (global i32)) (memory 1) (data (global.get 0) \"ab\"))",
    };
    for (size_t i = 0; i < COUNT_OF(wats); i++) {
        struct machine m;
        struct digest key = {{0}};
        char path[128];
        size_t len;
        machine_init(&m, wats[i]);
        machine_path(&m, "m.module", path);
        assert_true(cg_module_write(m.module, &key, path, &m.err));
        u8 *bytes = machine_read(path, &len);
        static const u8 no_image[16] = {0};
        assert_memory_equal(bytes + len - 16, no_image, 16);
        assert_memory_equal(bytes + len - 18, "ab", 2);
        free(bytes);
        machine_fini(&m);
    }
}

int main(void)
{
    cg_v3();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loops_never_become_library_calls),
        cmocka_unit_test(guest_names_have_no_meaning),
        cmocka_unit_test(the_key_is_what_the_code_depends_on),
        cmocka_unit_test(same_input_same_bytes),
        cmocka_unit_test(array_loops_become_vectors),
        cmocka_unit_test(deep_nesting_compiles),
        cmocka_unit_test(giants_compute_the_same),
        cmocka_unit_test(the_module_file_is_as_its_header_says),
        cmocka_unit_test(no_image_where_the_start_is_not_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
