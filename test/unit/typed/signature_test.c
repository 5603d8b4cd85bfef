#include "test/unit/typed/fake.h"
#include "test/test.h"
#include <stdio.h>

static const u8 i32s[] = {RT_I32, RT_I32, RT_I32, RT_I32, RT_I32, RT_I32};
static const u8 f64s[] = {RT_F64, RT_F64};
static const u8 i64s[] = {RT_I64};
static const u8 references[] = {RT_FUNCREF};

#define FUNC(ps, pn, rs, rn)                                                                       \
    &(const struct rt_func_type){.params = ps, .param_count = pn, .results = rs, .result_count = rn}

/* Exports: f, whose core type each case chooses, and an allocator. */
static bool make(struct typed_module *module, const char *signature,
                 const struct rt_func_type *core, const char *allocator, struct arena *arena,
                 struct err *err)
{
    static struct rt_export exports[4];
    static struct rt_module fake = {exports, 4};
    exports[0] = (struct rt_export){.name = TEXT("memory"), .kind = RT_EXTERN_MEMORY};
    exports[1] = (struct rt_export){.name = TEXT("f_x"), .index = 7, .type = core};
    exports[2] = (struct rt_export){
        .name = {allocator, (u32)strlen(allocator)},
        .index = 9,
        .type = strcmp(allocator, "malloc") == 0 ? FUNC(i32s, 1, i32s, 1) : FUNC(i32s, 4, i32s, 1)};
    exports[3] =
        (struct rt_export){.name = TEXT("takes_ref"), .type = FUNC(references, 1, i32s, 0)};
    struct rt_text text = {signature, signature == NULL ? 0 : (u32)strlen(signature)};
    *err = (struct err){0};
    return typed_module_make(module, &fake, text, "m.sig", arena, err);
}

static void conventions_are_told_by_the_core_type(void **state)
{
    (void)state;
    static const char point[] = "record point { x: f64, y: f64 }\n";
    const struct {
        const char *line;
        const struct rt_func_type *core;
        enum typed_pass pass;
        enum typed_return returns;
        bool needs_driver;
    } cases[] = {
        {"f-x: func(a: list<f32>) -> f64;", FUNC(i32s, 2, f64s, 1), TYPED_PASS_FLAT,
         TYPED_RETURN_VALUES, true},
        {"f_x: func(a: s32, b: bool) -> u8;", FUNC(i32s, 2, i32s, 1), TYPED_PASS_FLAT,
         TYPED_RETURN_VALUES, false},
        {"f_x: func();", FUNC(i32s, 0, i32s, 0), TYPED_PASS_FLAT, TYPED_RETURN_VALUES, false},
        {"f_x: func(p: point) -> f64;", FUNC(f64s, 2, f64s, 1), TYPED_PASS_FLAT,
         TYPED_RETURN_VALUES, false},
        {"f_x: func(p: point) -> f64;", FUNC(i32s, 1, f64s, 1), TYPED_PASS_POINTER,
         TYPED_RETURN_VALUES, true},
        {"f_x: func(p: point) -> point;", FUNC(i32s, 2, i32s, 0), TYPED_PASS_POINTER,
         TYPED_RETURN_HIDDEN, true},
        {"f_x: func(p: point) -> point;", FUNC(i32s, 1, i32s, 1), TYPED_PASS_POINTER,
         TYPED_RETURN_POINTER, true},
        {"f_x: func(p: point) -> point;", FUNC(f64s, 2, f64s, 2), TYPED_PASS_FLAT,
         TYPED_RETURN_VALUES, false},
        {"f_x: func(s: string) -> string;", FUNC(i32s, 3, i32s, 0), TYPED_PASS_FLAT,
         TYPED_RETURN_HIDDEN, true},
        {"f_x: func(s: string) -> string;", FUNC(i32s, 2, i32s, 1), TYPED_PASS_FLAT,
         TYPED_RETURN_POINTER, true},
        {"f_x: func(a: tuple<u8,u8,u8,u8,u8,u8,u8,u8>, b: tuple<u8,u8,u8,u8,u8,u8,u8,u8,u8>);",
         FUNC(i32s, 1, i32s, 0), TYPED_PASS_SPILLED, TYPED_RETURN_VALUES, true},
        {"f_x: func(a: option<u32>);", FUNC(i32s, 2, i32s, 0), TYPED_PASS_FLAT, TYPED_RETURN_VALUES,
         false},
        {"record one { v: s64 } f_x: func(a: one) -> one;", FUNC(i64s, 1, i64s, 1), TYPED_PASS_FLAT,
         TYPED_RETURN_VALUES, false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct typed_module module;
        struct arena arena;
        struct err err;
        char text[400];
        arena_init(&arena, MIB);
        snprintf(text, sizeof text, "%s%s", point, cases[i].line);
        if (!make(&module, text, cases[i].core, "malloc", &arena, &err))
            fail_msg("%s", err.text);
        const struct typed_func *func = typed_func_find(&module, "f_x", 3);
        if (func->pass != cases[i].pass || func->returns != cases[i].returns)
            fail_msg("%s: %d %d", cases[i].line, func->pass, func->returns);
        assert_int_equal(func->needs_driver, cases[i].needs_driver);
        assert_int_equal(module.count, 2);
        arena_fini(&arena);
    }
}

static void layouts_are_those_of_c(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        u32 size, align, flat;
    } cases[] = {
        {"bool", 1, 1, 1},
        {"s8", 1, 1, 1},
        {"u16", 2, 2, 1},
        {"char", 4, 4, 1},
        {"u64", 8, 8, 1},
        {"string", 8, 4, 2},
        {"list<f64>", 8, 4, 2},
        {"option<u8>", 2, 1, 2},
        {"option<f64>", 16, 8, 2},
        {"option<string>", 12, 4, 3},
        {"tuple<u8, u64, u8>", 24, 8, 3},
        {"color", 1, 1, 1},
        {"mixed", 24, 8, 5},
        {"list<mixed>", 8, 4, 2},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct typed_signature signature;
        struct arena arena;
        struct err err = {0};
        char text[300];
        arena_init(&arena, MIB);
        int len = snprintf(text, sizeof text,
                           "enum color { red, green }\n"
                           "record mixed { c: color, n: u16, name: string, v: f64, }\n"
                           "f: func(a: %s);",
                           cases[i].type);
        struct rt_text view = {text, (u32)len};
        if (!typed_signature_parse(&signature, view, "m.sig", &arena, &err))
            fail_msg("%s", err.text);
        const struct typed_type *type = signature.funcs[0].params[0].type;
        if (type->size != cases[i].size || type->align != cases[i].align ||
            type->flat_count != cases[i].flat)
            fail_msg("%s: size %u, align %u, flat %u", cases[i].type, type->size, type->align,
                     type->flat_count);
        struct buf back;
        buf_init(&back, KIB);
        typed_type_write(type, &back);
        buf_add_byte(&back, 0);
        assert_string_equal((char *)back.bytes, cases[i].type);
        buf_fini(&back);
        arena_fini(&arena);
    }
}

static void what_a_signature_may_look_like(void **state)
{
    (void)state;
    static const char text[] = "// points\n"
                               "/* and\n their paths */\n"
                               "record %record { x: f64, y: f64, }\n"
                               "type path = list<%record>;type again = %record;\n"
                               "export f-x: func(p: path, %type: again,) -> u32 ; // the length\n";
    struct typed_module module;
    struct arena arena;
    struct err err;
    struct buf out;
    arena_init(&arena, MIB);
    buf_init(&out, KIB);
    static const u8 core[] = {RT_I32, RT_I32, RT_F64, RT_F64};
    if (!make(&module, text, FUNC(core, 4, i32s, 1), "malloc", &arena, &err))
        fail_msg("%s", err.text);
    typed_func_write(typed_func_find(&module, "f_x", 3), &out);
    buf_add_byte(&out, 0);
    assert_string_equal((char *)out.bytes, "f_x(p: list<record>, type: record) -> u32");
    assert_int_equal(module.type_count, 3);
    assert_null(typed_func_find(&module, "takes_ref", 9));
    buf_fini(&out);
    arena_fini(&arena);
}

static void what_is_wrong_is_said_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *signature, *text;
    } cases[] = {
        {"f_x: func(a: list<f32>)", "m.sig:1: expected \";\", the file ends"},
        {"\n\nf_x func();", "m.sig:3: expected \":\", got func"},
        {"f_x: fun();", "m.sig:1: expected \"func\", got fun"},
        {"f_x: func(a: pt);\n",
         "m.sig:1: there is no type pt (types are declared before they are used)"},
        {"f_x: func(a: result<u8>);",
         "m.sig:1: result is no type here; there are bool, s8 to s64, u8 to u64, f32, f64, char, "
         "string, list<T>, option<T>, tuple<T, ...>, record and enum"},
        {"f_x: func(a: i32);",
         "m.sig:1: i32 is no type here; there are bool, s8 to s64, u8 to u64, f32, f64, char, "
         "string, list<T>, option<T>, tuple<T, ...>, record and enum"},
        {"f_x: func(a: u8, a: u8);", "m.sig:1: a is there twice"},
        {"f_x: func(a u8);", "m.sig:1: expected \":\", got u8"},
        {"f_x: func(5: u8);", "m.sig:1: a signature has no such character: 0x35"},
        {"f_x: func(a: );", "m.sig:1: expected a type, got )"},
        {"f_x: func(a: list<u8);", "m.sig:1: expected \">\", got )"},
        {"f_x: func(a: tuple<>);", "m.sig:1: a tuple needs a type in it"},
        {"f_x: func(a: option<option<u8>>);",
         "m.sig:1: an option of an option: null would mean two things"},
        {"record r {}", "m.sig:1: record r needs a field"},
        {"enum e {}", "m.sig:1: enum e needs a case"},
        {"enum e { a, b, a }", "m.sig:1: a is there twice"},
        {"enum e { a }\nenum e { b }", "m.sig:2: e is declared twice"},
        {"type string = u8;", "m.sig:1: string is a type already"},
        {"f_x: func();\nf_x: func();", "m.sig:2: f_x is declared twice"},
        {"record u8 { a: u8 }", "m.sig:1: u8 is a type already"},
        {"f_x: func(); /* open", "m.sig:1: this comment does not end"},
        {"f_x: func(a: list<list<list<list<list<list<list<list<list<list<list<list<list<list<list<"
         "list<u8>>>>>>>>>>>>>>>>);",
         "m.sig:1: types are nested more than 16 deep"},
        {"f_x: func(a: list<list<list<list<list<list<list<list<list<list<list<list<list<list<list<"
         "list<list<list<list<list<list<list<list<list<list<list<list<list<list<list<list<list<"
         "list<list<list<u8>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>);",
         "m.sig:1: types are nested more than 16 deep"},
        {"g: func();", "m.sig:1: the module exports no function g"},
        {"memory: func();", "m.sig:1: the module exports no function memory"},
        {"\nf_x: func(a: list<u8>);",
         "m.sig:2: f_x(a: list<u8>) is compiled to (i32, i32); the module has (i64)"},
        {"record p { x: f64, y: f64 }\nf_x: func(a: p) -> p;",
         "m.sig:2: f_x(a: p) -> p is compiled to (i32, i32) or (i32) -> i32 or (i32, f64, f64) or "
         "(f64, f64) -> i32; the module has (i64)"},
        {"f_x: func() -> u64;",
         "m.sig:1: f_x() -> u64 is compiled to () -> i64; the module has (i64)"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct typed_module module;
        struct arena arena;
        struct err err;
        arena_init(&arena, MIB);
        if (make(&module, cases[i].signature, FUNC(i64s, 1, i32s, 0), "malloc", &arena, &err))
            fail_msg("%s was accepted", cases[i].signature);
        assert_int_equal(err.code, ERR_SIGNATURE);
        assert_string_equal(err.text, cases[i].text);
        arena_fini(&arena);
    }
}

/* The piece, with the number in the place of "%u". */
static void add_piece(struct buf *out, const char *piece, u32 number)
{
    const char *place = strstr(piece, "%u");
    if (place == NULL) {
        buf_add_text(out, piece);
        return;
    }
    buf_add(out, piece, (size_t)(place - piece));
    buf_add_u64(out, number);
    buf_add_text(out, place + 2);
}

/* A signature made of a beginning, a piece with a number in it so many times, and an end. */
static void sizes_are_limited(void **state)
{
    (void)state;
    static const struct {
        const char *begin, *piece, *end;
        u32 count;
        const char *text; /* of the error */
    } cases[] = {
        {"record a { ", "f%u: u64, ", "}\nrecord b { x: a, y: a }", 200,
         "m.sig:2: a type of 3200 bytes; the limit is 2048 (lists count 8)"},
        {"f_x: func(", "f%u: u64, ", ");", 257, "m.sig:1: more than 256 of them"},
        {"record p { ", "f%u: u8, ", "}", 257, "m.sig:1: more than 256 of them"},
        {"enum e { ", "c%u, ", "}", 256, "m.sig:1: more than 255 cases"},
        {"", "type t%u = u8; ", "", 257, "m.sig:1: more than 256 types"},
        {"", "f%u: func(); ", "", 1001, "m.sig:1: more than 1000 functions"},
        {"", " ", "", 65537, "m.sig:1: the file has 65537 bytes; the limit is 65536"},
        {"", "a", "", 129, "m.sig:1: a name of more than 128 bytes"},
        {"record r { a: tuple<", "u64, ", ">} f_x: func(a: r, b: r, c: r, d: r);", 255,
         "m.sig:1: the parameters have 8160 bytes; the limit is 8000"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct typed_module module;
        struct arena arena;
        struct buf text;
        struct err err;
        arena_init(&arena, MIB);
        buf_init(&text, MIB);
        buf_add_text(&text, cases[i].begin);
        for (u32 k = 0; k < cases[i].count; k++)
            add_piece(&text, cases[i].piece, k);
        buf_add_text(&text, cases[i].end);
        buf_add_byte(&text, 0);
        if (make(&module, (const char *)text.bytes, FUNC(i64s, 1, i32s, 0), "malloc", &arena, &err))
            fail_msg("%s... was accepted", cases[i].begin);
        assert_int_equal(err.code, ERR_SIGNATURE);
        assert_string_equal(err.text, cases[i].text);
        buf_fini(&text);
        arena_fini(&arena);
    }
}

static void lists_need_an_allocator(void **state)
{
    (void)state;
    struct typed_module module;
    struct arena arena;
    struct err err;
    const char line[] = "f_x: func(a: list<u8>);";
    arena_init(&arena, MIB);
    assert_false(make(&module, line, FUNC(i32s, 2, i32s, 0), "mallox", &arena, &err));
    assert_string_equal(err.text,
                        "m.sig:1: f_x needs memory in the module: export malloc (clang: "
                        "-Wl,--export=malloc, emcc: -sEXPORTED_FUNCTIONS=_malloc) or cabi_realloc");
    assert_true(make(&module, line, FUNC(i32s, 2, i32s, 0), "cabi_realloc", &arena, &err));
    const struct typed_func *func = typed_func_find(&module, "f_x", 3);
    assert_true(func->uses_realloc);
    assert_int_equal(func->allocator, 9);
    assert_true(make(&module, line, FUNC(i32s, 2, i32s, 0), "malloc", &arena, &err));
    assert_false(typed_func_find(&module, "f_x", 3)->uses_realloc);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conventions_are_told_by_the_core_type),
        cmocka_unit_test(layouts_are_those_of_c),
        cmocka_unit_test(what_a_signature_may_look_like),
        cmocka_unit_test(what_is_wrong_is_said_with_its_line),
        cmocka_unit_test(sizes_are_limited),
        cmocka_unit_test(lists_need_an_allocator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
