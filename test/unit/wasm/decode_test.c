#include "test/unit/wasm/make.h"
#include <stdlib.h>

#define OK                ERR_NONE, ""
#define MALFORMED(part)   ERR_MALFORMED, part
#define INVALID(part)     ERR_INVALID, part
#define UNSUPPORTED(part) ERR_UNSUPPORTED, part
#define LIMITED(part)     ERR_LIMIT, part

/* A file that stands in a table: what follows the preamble, section by section. */
struct file_case {
    const char *name, *sections;
    size_t len;
    enum err_code want;
    const char *part;
};

static void judge_all(const struct file_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct buf module;
        make_begin(&module);
        buf_add(&module, cases[i].sections, cases[i].len);
        make_expect(&module, cases[i].name, cases[i].want, cases[i].part);
        buf_fini(&module);
    }
}

static void preamble(void **state)
{
    (void)state;
    static const struct file_case cases[] = {
        {"empty", BYTES(""), MALFORMED("it is empty")},
        {"half a magic", BYTES("\0as"), MALFORMED("unexpected end")},
        {"no version", BYTES("\0asm"), MALFORMED("unexpected end")},
        {"text", BYTES("(module)"), MALFORMED("magic header not found")},
        {"gzip", BYTES("\x1f\x8b\x08\0\0\0\0\0"), MALFORMED("magic header not found")},
        {"version 2", BYTES("\0asm\2\0\0\0"), MALFORMED("unknown binary version 0x2")},
        {"component", BYTES("\0asm\x0d\0\1\0"), UNSUPPORTED("the component model")},
        {"smallest", BYTES("\0asm\1\0\0\0"), OK},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf module;
        buf_init(&module, KIB);
        buf_add(&module, cases[i].sections, cases[i].len);
        make_expect(&module, cases[i].name, cases[i].want, cases[i].part);
        buf_fini(&module);
    }
}

static void section_frames(void **state)
{
    (void)state;
    static const struct file_case cases[] = {
        {"custom", BYTES("\0\2\1x"), OK},
        {"custom, no name", BYTES("\0\1\0"), OK},
        {"custom, cut name", BYTES("\0\2\2x"), MALFORMED("unexpected end")},
        {"custom, bad name", BYTES("\0\2\1\xff"), MALFORMED("malformed UTF-8")},
        {"customs anywhere", BYTES("\0\1\0\1\1\0\0\1\0\3\1\0\0\1\0"), OK},
        {"id alone", BYTES("\1"), MALFORMED("unexpected end")},
        {"longer than the file", BYTES("\1\2\0"), MALFORMED("unexpected end")},
        {"longer than its content", BYTES("\1\2\0\0"), MALFORMED("section size mismatch")},
        {"shorter than its content", BYTES("\1\1\1\x60\0\0"), MALFORMED("unexpected end")},
        {"unknown id", BYTES("\x0e\0"), MALFORMED("malformed section id 14")},
        {"twice", BYTES("\1\1\0\1\1\0"), MALFORMED("unexpected type section")},
        {"out of order", BYTES("\3\1\0\1\1\0"), MALFORMED("unexpected type section")},
        {"data before code", BYTES("\x0b\1\0\x0a\1\0"), MALFORMED("unexpected code section")},
        {"data count in place", BYTES("\x0c\1\0\x0a\1\0\x0b\1\0"), OK},
        {"data count after code", BYTES("\x0a\1\0\x0c\1\0"), MALFORMED("data count")},
        {"data count wrong", BYTES("\x0c\1\1\x0b\1\0"), MALFORMED("inconsistent lengths: 1 and 0")},
        {"data count, no data", BYTES("\x0c\1\1"), MALFORMED("inconsistent lengths")},
        {"tags", BYTES("\x0d\3\1\0\0"), UNSUPPORTED("exceptions (tag section")},
        {"code missing", BYTES("\1\4\1\x60\0\0\3\2\1\0"), MALFORMED("without a code section")},
        {"code surplus", BYTES("\x0a\4\1\2\0\x0b"), MALFORMED("0 functions, 1 bodies")},
        {"count over file", BYTES("\1\6\xff\xff\x0f\x60\0\0"), MALFORMED("unexpected end")},
        {"count over limit", BYTES("\1\5\xff\xff\xff\xff\x0f"), LIMITED("more than 1000000 types")},
    };
    judge_all(cases, COUNT_OF(cases));
}

static void types_and_imports(void **state)
{
    (void)state;
    static const struct file_case cases[] = {
        {"function type", BYTES("\1\6\1\x60\1\x7f\1\x7c"), OK},
        {"v128", BYTES("\1\5\1\x60\1\x7b\0"), UNSUPPORTED("SIMD (v128")},
        {"externref", BYTES("\1\5\1\x60\0\1\x6f"), OK},
        {"funcref", BYTES("\1\5\1\x60\1\x70\0"), OK},
        {"exnref", BYTES("\1\5\1\x60\0\1\x69"), UNSUPPORTED("exceptions")},
        {"no type", BYTES("\1\5\1\x60\0\1\x40"), MALFORMED("malformed value type 0x40")},
        {"struct", BYTES("\1\3\1\x5f\0"), UNSUPPORTED("garbage collection (struct type")},
        {"rec", BYTES("\1\2\1\x4e"), UNSUPPORTED("garbage collection (recursive")},
        {"cont", BYTES("\1\3\1\x5d\0"), UNSUPPORTED("stack switching")},
        {"no form", BYTES("\1\4\1\x40\0\0"), MALFORMED("malformed function type 0x40")},
        {"import table", BYTES("\2\x09\1\1m\1x\1\x70\0\0"), OK},
        {"import memory", BYTES("\2\x08\1\1m\1x\2\0\0"), OK},
        {"import mutable global", BYTES("\2\x08\1\1m\1x\3\x7f\1"), OK},
        {"import tag", BYTES("\2\x08\1\1m\1x\4\0\0"), UNSUPPORTED("exceptions (tag")},
        {"import kind 5", BYTES("\2\x07\1\1m\1x\5\0"),
         MALFORMED("malformed import or export kind")},
        {"import type behind", BYTES("\2\x07\1\1m\1x\0\0"),
         INVALID("unknown type 0 of function 0")},
        {"two memories", BYTES("\2\x08\1\1m\1x\2\0\0\5\3\1\0\0"), UNSUPPORTED("multiple memories")},
        {"two memories imported", BYTES("\2\x0f\2\1m\1x\2\0\0\1m\1y\2\0\0"),
         UNSUPPORTED("multiple memories")},
        {"two tables imported", BYTES("\2\x11\2\1m\1x\1\x70\0\0\1m\1y\1\x6f\0\0"), OK},
        {"imported and own table", BYTES("\2\x09\1\1m\1x\1\x70\0\0\4\4\1\x70\0\0"), OK},
        {"two tables", BYTES("\4\7\2\x70\0\0\x6f\0\0"), OK},
        {"bad module name", BYTES("\2\x08\1\1\x80\1x\2\0\0"), MALFORMED("UTF-8")},
    };
    judge_all(cases, COUNT_OF(cases));
}

static void limits_and_globals(void **state)
{
    (void)state;
    static const struct file_case cases[] = {
        {"memory", BYTES("\5\4\1\1\1\2"), OK},
        {"memory of one size", BYTES("\5\4\1\1\2\2"), OK},
        {"memory 4 GiB", BYTES("\5\5\1\0\x80\x80\4"), OK},
        {"memory of 4 GiB at most", BYTES("\5\6\1\1\0\x80\x80\4"), OK},
        {"memory beyond", BYTES("\5\5\1\0\x81\x80\4"), INVALID("at most 65536 pages")},
        {"memory max beyond", BYTES("\5\6\1\1\0\x81\x80\4"), INVALID("at most 65536 pages")},
        {"memory min over max", BYTES("\5\4\1\1\2\1"), INVALID("minimum 2 must not be greater")},
        {"memory shared", BYTES("\5\4\1\3\1\1"), UNSUPPORTED("threads (shared memory")},
        {"memory 64", BYTES("\5\3\1\4\1"), UNSUPPORTED("64-bit memory")},
        {"memory pages", BYTES("\5\4\1\x08\1\0"), UNSUPPORTED("custom page sizes")},
        {"memory flags", BYTES("\5\3\1\x10\1"), MALFORMED("limits flags 0x10")},
        {"table", BYTES("\4\5\1\x70\1\0\1"), OK},
        {"table, greatest max", BYTES("\4\x09\1\x70\1\0\xff\xff\xff\xff\x0f"), OK},
        {"table, longest", BYTES("\4\7\1\x70\0\x80\xad\xe2\4"), OK},
        {"table longer than any instance's", BYTES("\4\x08\1\x70\0\xff\xff\xff\xff\x0f"), OK},
        {"table min over max", BYTES("\4\5\1\x70\1\2\1"), INVALID("table: size minimum 2")},
        {"table shared", BYTES("\4\5\1\x70\3\0\1"), UNSUPPORTED("threads (shared table")},
        {"table 64", BYTES("\4\4\1\x70\4\0"), UNSUPPORTED("64-bit memory (table")},
        {"table of externref", BYTES("\4\4\1\x6f\0\0"), OK},
        {"table of i32", BYTES("\4\4\1\x7f\0\0"), MALFORMED("malformed reference type 0x7f")},
        {"table of v128", BYTES("\4\4\1\x7b\0\0"), MALFORMED("malformed reference type 0x7b")},
        {"table with init", BYTES("\4\x09\1\x40\0\x70\0\0\xd0\x70\x0b"),
         UNSUPPORTED("typed function references")},
        {"global", BYTES("\6\6\1\x7f\1\x41\0\x0b"), OK},
        {"global of wrong type", BYTES("\6\6\1\x7f\0\x42\0\x0b"), INVALID("global 0: type mism")},
        {"mutability", BYTES("\6\6\1\x7f\4\x41\0\x0b"), MALFORMED("malformed mutability 0x04")},
        {"shared global", BYTES("\6\6\1\x7f\2\x41\0\x0b"), UNSUPPORTED("threads (shared global")},
        {"nothing", BYTES("\6\4\1\x7f\0\x0b"), INVALID("of 0 values")},
        {"two values", BYTES("\6\x08\1\x7f\0\x41\0\x41\0\x0b"), INVALID("of 2 values")},
        {"sum", BYTES("\6\x09\1\x7f\0\x41\0\x41\0\x6a\x0b"), OK},
        {"i32.sub", BYTES("\6\x09\1\x7f\0\x41\0\x41\0\x6b\x0b"), OK},
        {"i32.mul", BYTES("\6\x09\1\x7f\0\x41\0\x41\0\x6c\x0b"), OK},
        {"i32.and", BYTES("\6\x09\1\x7f\0\x41\0\x41\0\x71\x0b"), INVALID("found i32.and")},
        {"i64.add", BYTES("\6\x09\1\x7e\0\x42\0\x42\0\x7c\x0b"), OK},
        {"i64.sub", BYTES("\6\x09\1\x7e\0\x42\0\x42\0\x7d\x0b"), OK},
        {"i64.mul", BYTES("\6\x09\1\x7e\0\x42\0\x42\0\x7e\x0b"), OK},
        {"nop", BYTES("\6\7\1\x7f\0\x41\0\1\x0b"), INVALID("required, found nop")},
        {"open", BYTES("\6\5\1\x7f\0\x41\0"), MALFORMED("unexpected end")},
        {"itself", BYTES("\6\6\1\x7f\0\x23\0\x0b"), INVALID("unknown global 0")},
        {"imported", BYTES("\2\x08\1\1m\1x\3\x7f\0\6\6\1\x7f\0\x23\0\x0b"), OK},
        {"imported mutable", BYTES("\2\x08\1\1m\1x\3\x7f\1\6\6\1\x7f\0\x23\0\x0b"),
         INVALID("global 0 is mutable")},
        {"imported of another type", BYTES("\2\x08\1\1m\1x\3\x7e\0\6\6\1\x7f\0\x23\0\x0b"),
         INVALID("expected i32, found i64")},
        {"defined before", BYTES("\6\x0b\2\x7f\0\x41\0\x0b\x7f\0\x23\0\x0b"),
         UNSUPPORTED("garbage collection")},
        {"ref.null", BYTES("\6\6\1\x7f\0\xd0\x70\x0b"), INVALID("expected i32, found funcref")},
    };
    judge_all(cases, COUNT_OF(cases));
}

/* One type, one function, one table, one memory. */
#define FUNC  "\1\4\1\x60\0\0\3\2\1\0"
#define SPACE "\4\4\1\x70\0\1\5\3\1\0\1"
#define CODE  "\x0a\4\1\2\0\x0b"

static void segments(void **state)
{
    (void)state;
    static const struct file_case cases[] = {
        {"elem", BYTES(FUNC SPACE "\x09\7\1\0\x41\0\x0b\1\0" CODE), OK},
        {"elem of another function", BYTES(FUNC SPACE "\x09\7\1\0\x41\0\x0b\1\1" CODE),
         INVALID("element segment 0: unknown function 1")},
        {"elem offset i64", BYTES(FUNC SPACE "\x09\7\1\0\x42\0\x0b\1\0" CODE),
         INVALID("element segment 0: type mismatch")},
        {"elem, no table", BYTES(FUNC "\x09\7\1\0\x41\0\x0b\1\0" CODE), INVALID("unknown table 0")},
        {"elem with table", BYTES(FUNC SPACE "\x09\x09\1\2\0\x41\0\x0b\0\1\0" CODE), OK},
        {"elem with kind 1", BYTES(FUNC SPACE "\x09\x09\1\2\0\x41\0\x0b\1\1\0" CODE),
         MALFORMED("malformed element kind")},
        {"elem expressions",
         BYTES(FUNC SPACE "\x09\x0c\1\4\x41\0\x0b\2\xd2\0\x0b\xd0\x70\x0b" CODE), OK},
        {"elem expression unknown", BYTES(FUNC SPACE "\x09\x09\1\4\x41\0\x0b\1\xd2\1\x0b" CODE),
         INVALID("unknown function 1")},
        {"elem expression i32", BYTES(FUNC SPACE "\x09\x09\1\4\x41\0\x0b\1\x41\1\x0b" CODE),
         INVALID("expected funcref, found i32")},
        {"elem table and expressions",
         BYTES(FUNC SPACE "\x09\x0b\1\6\0\x41\0\x0b\x70\1\xd2\0\x0b" CODE), OK},
        {"elem of externref", BYTES(FUNC SPACE "\x09\x0b\1\6\0\x41\0\x0b\x6f\1\xd0\x6f\x0b" CODE),
         INVALID("element segment 0: type mismatch")},
        {"elem passive", BYTES(FUNC SPACE "\x09\5\1\1\0\1\0" CODE), OK},
        {"elem declarative", BYTES(FUNC SPACE "\x09\5\1\3\0\1\0" CODE), OK},
        {"elem kind 8", BYTES(FUNC SPACE "\x09\7\1\x08\x41\0\x0b\1\0" CODE),
         MALFORMED("element segment kind 8")},
        {"data", BYTES(FUNC SPACE CODE "\x0b\7\1\0\x41\0\x0b\1x"), OK},
        {"data with memory", BYTES(FUNC SPACE CODE "\x0b\x08\1\2\0\x41\0\x0b\1x"), OK},
        {"data in memory 1", BYTES(FUNC SPACE CODE "\x0b\x08\1\2\1\x41\0\x0b\1x"),
         INVALID("data segment 0: unknown memory 1")},
        {"data passive", BYTES(FUNC SPACE CODE "\x0b\4\1\1\1x"), OK},
        {"data kind 3", BYTES(FUNC SPACE CODE "\x0b\4\1\3\1x"), MALFORMED("data segment kind 3")},
        {"data cut", BYTES(FUNC SPACE CODE "\x0b\7\1\0\x41\0\x0b\2x"), MALFORMED("unexpected end")},
    };
    judge_all(cases, COUNT_OF(cases));
}

static void exports_start_code(void **state)
{
    (void)state;
    static const struct file_case cases[] = {
        {"export", BYTES(FUNC "\7\5\1\1f\0\0" CODE), OK},
        {"export behind", BYTES(FUNC "\7\5\1\1f\0\1" CODE), INVALID("unknown function 1")},
        {"export memory behind", BYTES(FUNC "\7\5\1\1f\2\0" CODE), INVALID("unknown memory 0")},
        {"export twice", BYTES(FUNC "\7\x09\2\1f\0\0\1f\0\0" CODE),
         INVALID("duplicate export name "
                 "\"f\"")},
        {"export names that begin alike", BYTES(FUNC "\7\x0d\3\1f\0\0\2fg\0\0\0\0\0" CODE), OK},
        {"two empty names", BYTES(FUNC "\7\7\2\0\0\0\0\0\0" CODE), INVALID("duplicate")},
        {"start", BYTES(FUNC "\x08\1\0" CODE), OK},
        {"start behind", BYTES(FUNC "\x08\1\1" CODE), INVALID("unknown function 1 as start")},
        {"start with result", BYTES("\1\5\1\x60\0\1\x7f\3\2\1\0\x08\1\0\x0a\5\1\3\0\0\x0b"),
         INVALID("start function 0 must have no parameters")},
        {"function type behind", BYTES("\3\2\1\0" CODE), INVALID("unknown type 0 of function 0")},
        {"body short", BYTES(FUNC "\x0a\4\1\1\0\x0b"), MALFORMED("function 0: unexpected end")},
        {"body long", BYTES(FUNC "\x0a\5\1\3\0\x0b\1"), MALFORMED("1 bytes after the end")},
        {"body without end", BYTES(FUNC "\x0a\4\1\2\0\1"), MALFORMED("function 0: unexpected end")},
        {"locals", BYTES(FUNC "\x0a\x0a\1\x08\3\1\x7f\0\x7e\2\x7c\x0b"), OK},
        {"local of no type", BYTES(FUNC "\x0a\6\1\4\1\1\x40\x0b"), MALFORMED("value type 0x40")},
        {"locals over limit", BYTES(FUNC "\x0a\x08\1\6\1\xd1\x86\3\x7f\x0b"),
         LIMITED("more than 50000 locals")},
        {"locals over 2^32",
         BYTES(FUNC "\x0a\x10\1\x0e\2\xff\xff\xff\xff\x0f\x7f\1\x7e\x0b\0\0\0\0"),
         MALFORMED("too many locals")},
        {"SIMD in code", BYTES(FUNC "\x0a\7\1\5\0\xfd\x62\x1a\x0b"),
         UNSUPPORTED("function 0: needs SIMD (i8x16.popcnt), which")},
    };
    judge_all(cases, COUNT_OF(cases));
}

/* What a name section says counts only if all of it is well-formed; the module counts always. */
static void name_section(void **state)
{
    (void)state;
    static const struct {
        const char *name, *subsections;
        size_t len;
        const char *module, *func;
        u32 locals;
    } cases[] = {
        {"all", BYTES("\0\2\1m\1\4\1\0\1f\2\6\1\0\1\0\1x"), "m", "f", 1},
        {"none", BYTES(""), "", "", 0},
        {"unknown subsection", BYTES("\1\4\1\0\1f\x0b\1\0"), "", "f", 0},
        {"function behind", BYTES("\1\4\1\1\1f"), "", "", 0},
        {"function far behind", BYTES("\1\4\1\7\1f"), "", "", 0},
        {"out of order", BYTES("\1\4\1\0\1f\0\2\1m"), "", "", 0},
        {"function twice", BYTES("\1\7\2\0\1f\0\1g"), "", "", 0},
        {"bad UTF-8", BYTES("\0\2\1m\1\4\1\0\1\xff"), "", "", 0},
        {"cut", BYTES("\0\2\1m\1\4\2\0\1f"), "", "", 0},
        {"left over", BYTES("\0\3\1mm"), "", "", 0},
        {"function's locals twice", BYTES("\2\x0b\2\0\1\0\1x\0\1\1\1y"), "", "", 0},
        {"locals twice", BYTES("\1\4\1\0\1f\2\x09\1\0\2\0\1x\0\1y"), "", "", 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf module, payload;
        struct arena arena;
        struct wasm_module *m;
        struct err err = {0};
        make_begin(&module);
        buf_add(&module, BYTES(FUNC CODE));
        buf_init(&payload, KIB);
        buf_add(&payload, BYTES("\4name"));
        buf_add(&payload, cases[i].subsections, cases[i].len);
        make_section_of(&module, 0, &payload);
        arena_init(&arena, MIB);
        assert_true(wasm_module_decode(module.bytes, module.len, &arena, &m, &err));
        assert_int_equal(m->name.len, strlen(cases[i].module));
        assert_memory_equal(m->name.bytes == NULL ? "" : m->name.bytes, cases[i].module,
                            m->name.len);
        assert_int_equal(m->funcs[0].name.len, strlen(cases[i].func));
        assert_int_equal(m->local_name_count, cases[i].locals);
        arena_fini(&arena);
        buf_fini(&module);
    }
}

/* Name and content of a custom section; the content would name the module if it were a name's. */
static void only_the_first_name_section_counts(void **state)
{
    (void)state;
    static const struct {
        const char *sections;
        size_t len;
        const char *name;
    } cases[] = {
        {BYTES("\0\x09\4name\0\2\1a"), "a"},
        {BYTES("\0\x09\4nama\0\2\1a"), ""},
        {BYTES("\0\x0a\5names\0\2\1a"), ""},
        {BYTES("\0\x09\4name\0\2\1a\0\x09\4name\0\2\1b"), "a"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf module;
        struct arena arena;
        struct wasm_module *m;
        struct err err = {0};
        make_begin(&module);
        buf_add(&module, cases[i].sections, cases[i].len);
        arena_init(&arena, MIB);
        assert_true(wasm_module_decode(module.bytes, module.len, &arena, &m, &err));
        assert_int_equal(m->name.len, strlen(cases[i].name));
        assert_memory_equal(cases[i].name, m->name.len == 0 ? "" : m->name.bytes, m->name.len);
        arena_fini(&arena);
        buf_fini(&module);
    }
}

static void names_have_a_limit(void **state)
{
    (void)state;
    static const struct {
        u32 len;
        enum err_code want;
    } cases[] = {{WASM_MAX_NAME_BYTES, ERR_NONE}, {WASM_MAX_NAME_BYTES + 1, ERR_LIMIT}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf module, payload;
        make_begin(&module);
        buf_init(&payload, MIB);
        make_leb(&payload, cases[i].len);
        for (u32 k = 0; k < cases[i].len; k++)
            buf_add_byte(&payload, 'x');
        make_section_of(&module, 0, &payload);
        make_expect(&module, "long name", cases[i].want, "");
        buf_fini(&module);
    }
}

/* A module with something in every section. */
static void make_full(struct buf *module)
{
    make_begin(module);
    make_section(module, 1, BYTES("\3\x60\0\0\x60\1\x7f\1\x7f\x60\2\x7f\x7e\2\x7d\x7c"));
    make_section(module, 2, BYTES("\2\3env\1f\0\1\3env\1g\3\x7f\0"));
    make_section(module, 3, BYTES("\2\1\0"));
    make_section(module, 4, BYTES("\1\x70\1\2\x10"));
    make_section(module, 5, BYTES("\1\1\1\2"));
    make_section(module, 6, BYTES("\2\x7e\1\x42\x7f\x0b\x7d\0\x43\0\0\xc0\x7f\x0b"));
    make_section(module, 7, BYTES("\2\3run\0\1\6memory\2\0"));
    make_section(module, 8, BYTES("\2"));
    make_section(module, 9, BYTES("\1\0\x41\0\x0b\2\0\1"));
    make_section(module, 12, BYTES("\1"));
    make_section(module, 10,
                 BYTES("\2\x28\2\1\x7e\2\x7c"               /* locals */
                       "\x02\x7f\x20\0\x20\0\x0e\1\0\0\x0b" /* block, br_table */
                       "\x04\x7f\x20\0\x28\2\4"             /* if, i32.load */
                       "\x05\x20\0\x41\x7f\x6a\x0b"         /* else, i32.add */
                       "\x20\0\x11\1\0\x10\0\xc0\x0f\x0b"   /* calls, return */
                       "\x04\0\x01\x01\x0b"));
    make_section(module, 11, BYTES("\1\0\x41\x08\x0b\5hello"));
    make_section(module, 0, BYTES("\4name\0\2\1m\1\7\2\1\1a\2\1b\2\6\1\1\1\0\1x"));
}

static void whole_module_is_valid(void **state)
{
    (void)state;
    struct buf module;
    make_full(&module);
    make_expect(&module, "full module", OK);
    buf_fini(&module);
}

/* Prints what decodes, so that the printers too meet whatever the decoder lets pass. */
static enum err_code judge_and_print(const u8 *bytes, size_t len)
{
    struct arena arena;
    struct buf out;
    struct wasm_module *m;
    struct err err = {0};
    arena_init(&arena, 16 * MIB);
    buf_init(&out, MIB);
    if (wasm_module_decode(bytes, len, &arena, &m, &err)) {
        wasm_print_sections(m, &out);
        wasm_print_types(m, &out);
        wasm_print_code(m, &out);
        (void)!wasm_module_validate(m, &arena, &err);
    }
    buf_fini(&out);
    arena_fini(&arena);
    assert_true(err.code == ERR_NONE || err.text[0] != 0);
    return err.code;
}

/* Cut anywhere but between sections it is malformed, and nothing is read behind the cut. */
static void every_truncation_is_refused(void **state)
{
    (void)state;
    struct buf module;
    make_full(&module);
    u32 accepted = 0;
    for (size_t len = 0; len < module.len; len++) {
        u8 *exact = malloc(len + 1); /* an own block: reads past it show under ASan */
        assert_non_null(exact);
        memcpy(exact + 1, module.bytes, len);
        enum err_code code = judge_and_print(exact + 1, len);
        free(exact);
        assert_true(code == ERR_NONE || code == ERR_MALFORMED);
        accepted += code == ERR_NONE;
    }
    assert_int_equal(accepted, 4); /* after the preamble, types, imports; before the names */
    buf_fini(&module);
}

static void every_corruption_gets_a_verdict(void **state)
{
    (void)state;
    struct buf module;
    make_full(&module);
    u32 refused = 0;
    for (size_t at = 0; at < module.len; at++) {
        u8 right = module.bytes[at];
        for (u32 wrong = 0; wrong < 256; wrong++) {
            module.bytes[at] = (u8)wrong;
            refused += judge_and_print(module.bytes, module.len) != ERR_NONE;
        }
        module.bytes[at] = right;
    }
    assert_true(refused > module.len * 128); /* most bytes matter */
    buf_fini(&module);
}

static void locals_are_runs(void **state)
{
    (void)state;
    struct buf module;
    struct arena arena;
    struct wasm_module *m;
    struct wasm_local_run *runs;
    struct reader code;
    u32 count;
    struct err err = {0};
    make_begin(&module);
    buf_add(&module, BYTES(FUNC "\x0a\x0b\1\x09\3\1\x7f\0\x7e\2\x7c\1\x0b"));
    arena_init(&arena, MIB);
    assert_true(wasm_module_decode(module.bytes, module.len, &arena, &m, &err));
    assert_true(wasm_func_locals(m, &m->funcs[0], &arena, &runs, &count, &code, &err));
    assert_int_equal(count, 2);
    assert_int_equal(runs[0].count, 1);
    assert_int_equal(runs[0].type, WASM_I32);
    assert_int_equal(runs[1].count, 2);
    assert_int_equal(runs[1].type, WASM_F64);
    assert_int_equal(reader_left(&code), 2);
    assert_int_equal(reader_offset(&code), module.len - 2);
    assert_int_equal(read_peek(&code), 0x01);
    arena_fini(&arena);
    buf_fini(&module);
}

static void block_types(void **state)
{
    (void)state;
    static const u8 i32_list[] = {WASM_I32};
    struct wasm_func_type types[] = {{i32_list, NULL, 1, 0}, {NULL, i32_list, 0, 1}};
    const struct wasm_module m = {.types = types, .type_count = COUNT_OF(types)};
    static const struct {
        i64 block_type;
        u32 params, results;
        u8 result;
    } cases[] = {
        {WASM_BLOCK_EMPTY, 0, 0, 0}, {-1, 0, 1, WASM_I32}, {-4, 0, 1, WASM_F64}, {0, 1, 0, 0},
        {1, 0, 1, WASM_I32},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        u8 one_result = 0;
        struct wasm_func_type type = wasm_block_type(&m, cases[i].block_type, &one_result);
        assert_int_equal(type.param_count, cases[i].params);
        assert_int_equal(type.result_count, cases[i].results);
        if (cases[i].results > 0)
            assert_int_equal(type.results[0], cases[i].result);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(preamble),
        cmocka_unit_test(section_frames),
        cmocka_unit_test(types_and_imports),
        cmocka_unit_test(limits_and_globals),
        cmocka_unit_test(segments),
        cmocka_unit_test(exports_start_code),
        cmocka_unit_test(name_section),
        cmocka_unit_test(only_the_first_name_section_counts),
        cmocka_unit_test(names_have_a_limit),
        cmocka_unit_test(whole_module_is_valid),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(every_corruption_gets_a_verdict),
        cmocka_unit_test(locals_are_runs),
        cmocka_unit_test(block_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
