/* What 2.0 added to modules: references, tables, bulk memory, arithmetic in constants. Every form,
 * and every way it can be wrong, with the whole message. */
#include "test/unit/wasm/make.h"

struct module_case {
    const char *name, *sections;
    size_t len;
    enum err_code want;
    const char *text;
};
#define OK              ERR_NONE, ""
#define MALFORMED(text) ERR_MALFORMED, text
#define INVALID(text)   ERR_INVALID, text

static void expect_all(const struct module_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct buf module;
        struct err err;
        make_begin(&module);
        buf_add(&module, cases[i].sections, cases[i].len);
        enum err_code code = make_judge(&module, &err);
        if (code != cases[i].want || strcmp(err.text, cases[i].text) != 0)
            fail_msg("%s: wanted %s \"%s\", got %s \"%s\"", cases[i].name,
                     err_code_text(cases[i].want), cases[i].text, err_code_text(code), err.text);
        buf_fini(&module);
    }
}

/* Type 0 () -> (), function 0 of it, tables 0 funcref and 1 externref, memory 0. */
#define FUNC  "\1\4\1\x60\0\0\3\2\1\0"
#define SPACE "\4\7\2\x70\0\4\x6f\0\4\5\3\1\0\1"
#define CODE  "\x0a\4\1\2\0\x0b"

/* The eight encodings: the three low bits of the first number. */
static void element_segments(void **state)
{
    (void)state;
    static const struct module_case cases[] = {
        {"0", BYTES(FUNC SPACE "\x09\7\1\0\x41\0\x0b\1\0" CODE), OK},
        {"1", BYTES(FUNC SPACE "\x09\5\1\1\0\1\0" CODE), OK},
        {"2", BYTES(FUNC SPACE "\x09\x09\1\2\0\x41\0\x0b\0\1\0" CODE), OK},
        {"3", BYTES(FUNC SPACE "\x09\5\1\3\0\1\0" CODE), OK},
        {"4", BYTES(FUNC SPACE "\x09\x09\1\4\x41\0\x0b\1\xd2\0\x0b" CODE), OK},
        {"5", BYTES(FUNC SPACE "\x09\7\1\5\x70\1\xd2\0\x0b" CODE), OK},
        {"5, of externref", BYTES(FUNC SPACE "\x09\7\1\5\x6f\1\xd0\x6f\x0b" CODE), OK},
        {"6", BYTES(FUNC SPACE "\x09\x0b\1\6\1\x41\0\x0b\x6f\1\xd0\x6f\x0b" CODE), OK},
        {"7", BYTES(FUNC SPACE "\x09\7\1\7\x70\1\xd2\0\x0b" CODE), OK},
        {"8", BYTES(FUNC SPACE "\x09\7\1\x08\x41\0\x0b\1\0" CODE),
         MALFORMED("malformed element segment kind 8")},
        {"1 of kind 1", BYTES(FUNC SPACE "\x09\5\1\1\1\1\0" CODE),
         MALFORMED("malformed element kind")},
        {"3 of kind 0x70", BYTES(FUNC SPACE "\x09\5\1\3\x70\1\0" CODE),
         MALFORMED("malformed element kind")},
        {"5 of i32", BYTES(FUNC SPACE "\x09\4\1\5\x7f\0" CODE),
         MALFORMED("malformed reference type 0x7f")},
        {"1, function behind", BYTES(FUNC SPACE "\x09\5\1\1\0\1\1" CODE),
         INVALID("element segment 0: unknown function 1")},
        {"2, table behind", BYTES(FUNC SPACE "\x09\x09\1\2\2\x41\0\x0b\0\1\0" CODE),
         INVALID("element segment 0: unknown table 2")},
        {"2, functions for externref", BYTES(FUNC SPACE "\x09\x09\1\2\1\x41\0\x0b\0\1\0" CODE),
         INVALID("element segment 0: type mismatch: elements are funcref, those of table 1 "
                 "externref")},
        {"5, a function as externref", BYTES(FUNC SPACE "\x09\7\1\5\x6f\1\xd2\0\x0b" CODE),
         INVALID("element segment 0: type mismatch in a constant: expected externref, found "
                 "funcref")},
        {"5, null of the other type", BYTES(FUNC SPACE "\x09\7\1\5\x70\1\xd0\x6f\x0b" CODE),
         INVALID("element segment 0: type mismatch in a constant: expected funcref, found "
                 "externref")},
        {"6, offset i64", BYTES(FUNC SPACE "\x09\x0b\1\6\0\x42\0\x0b\x70\1\xd0\x70\x0b" CODE),
         INVALID("element segment 0: type mismatch in a constant: expected i32, found i64")},
        {"more items than bytes", BYTES(FUNC SPACE "\x09\5\1\1\0\x7f\0" CODE),
         MALFORMED("unexpected end: 127 items in an element segment in 1 bytes")},
    };
    expect_all(cases, COUNT_OF(cases));
}

static void tables_and_references(void **state)
{
    (void)state;
    static const struct module_case cases[] = {
        {"global of null", BYTES("\6\6\1\x6f\1\xd0\x6f\x0b"), OK},
        {"global of a function", BYTES(FUNC "\6\6\1\x70\0\xd2\0\x0b" CODE), OK},
        {"global of no function", BYTES("\6\6\1\x70\0\xd2\0\x0b"),
         INVALID("global 0: unknown function 0")},
        {"global of another null", BYTES("\6\6\1\x6f\0\xd0\x70\x0b"),
         INVALID("global 0: type mismatch in a constant: expected externref, found funcref")},
        {"imported global of externref", BYTES("\2\x08\1\1m\1x\3\x6f\0\6\6\1\x6f\0\x23\0\x0b"), OK},
        {"references everywhere in a type", BYTES("\1\x08\1\x60\2\x70\x6f\2\x6f\x70"), OK},
        {"second table too small", BYTES("\4\x08\2\x70\0\0\x6f\1\2\1"),
         INVALID("table: size minimum 2 must not be greater than maximum 1")},
        {"second table of i64", BYTES("\4\7\2\x70\0\0\x7e\0\0"),
         MALFORMED("malformed reference type 0x7e")},
        {"second table exported", BYTES(SPACE "\7\5\1\1t\1\1"), OK},
        {"third table exported", BYTES(SPACE "\7\5\1\1t\1\2"),
         INVALID("unknown table 2 in an export")},
    };
    expect_all(cases, COUNT_OF(cases));
}

static void data_segments(void **state)
{
    (void)state;
    static const struct module_case cases[] = {
        {"passive", BYTES(FUNC SPACE CODE "\x0b\4\1\1\1x"), OK},
        {"passive without a memory", BYTES("\x0b\4\1\1\1x"), OK},
        {"counted", BYTES(FUNC SPACE "\x0c\1\1" CODE "\x0b\4\1\1\1x"), OK},
        {"counted wrong", BYTES(FUNC SPACE "\x0c\1\2" CODE "\x0b\4\1\1\1x"),
         MALFORMED("data count and data section have inconsistent lengths: 2 and 1")},
        {"kind 3", BYTES("\x0b\4\1\3\1x"), MALFORMED("malformed data segment kind 3")},
        {"dropped", BYTES(FUNC "\x0c\1\1\x0a\7\1\5\0\xfc\x09\0\x0b\x0b\4\1\1\1x"), OK},
        {"dropped without a count", BYTES(FUNC "\x0a\7\1\5\0\xfc\x09\0\x0b\x0b\4\1\1\1x"),
         MALFORMED("function 0: data count section required by data.drop")},
        {"dropped behind", BYTES(FUNC "\x0c\1\1\x0a\7\1\5\0\xfc\x09\1\x0b\x0b\4\1\1\1x"),
         INVALID("function 0: unknown data segment 1 in data.drop")},
    };
    expect_all(cases, COUNT_OF(cases));
}

static void arithmetic_in_constants(void **state)
{
    (void)state;
    static const struct module_case cases[] = {
        {"sum of a sum", BYTES("\6\x0c\1\x7f\0\x41\1\x41\2\x41\3\x6a\x6a\x0b"), OK},
        {"an imported global counts",
         BYTES("\2\x08\1\1m\1x\3\x7e\0\6\x09\1\x7e\0\x23\0\x42\1\x7d\x0b"), OK},
        {"an offset", BYTES(SPACE "\x0b\x09\1\0\x41\1\x41\2\x6c\x0b\0"), OK},
        {"nothing to add", BYTES("\6\5\1\x7f\0\x6a\x0b"),
         INVALID("type mismatch in a constant expression: i32.add needs two i32")},
        {"one to add", BYTES("\6\7\1\x7f\0\x41\0\x6a\x0b"),
         INVALID("type mismatch in a constant expression: i32.add needs two i32")},
        {"one of another type", BYTES("\6\x09\1\x7f\0\x41\0\x42\0\x6b\x0b"),
         INVALID("type mismatch in a constant expression: i32.sub needs two i32")},
        {"two of another type", BYTES("\6\x09\1\x7e\0\x41\0\x41\0\x7e\x0b"),
         INVALID("type mismatch in a constant expression: i64.mul needs two i64")},
        {"the whole of another type", BYTES("\6\x09\1\x7e\0\x41\0\x41\0\x6a\x0b"),
         INVALID("global 0: type mismatch in a constant: expected i64, found i32")},
        {"one left", BYTES("\6\x0b\1\x7f\0\x41\0\x41\0\x41\0\x6a\x0b"),
         INVALID("type mismatch: a constant expression of 2 values")},
        {"a global behind", BYTES("\6\x09\1\x7f\0\x41\0\x23\0\x6a\x0b"),
         INVALID("type mismatch in a constant expression: i32.add needs two i32")},
        {"a mutable global", BYTES("\2\x08\1\1m\1x\3\x7f\1\6\x09\1\x7f\0\x41\0\x23\0\x6a\x0b"),
         INVALID("global 1: constant expression required, but global 0 is mutable")},
        {"another instruction", BYTES("\6\x09\1\x7f\0\x41\0\x41\0\x6d\x0b"),
         INVALID("constant expression required, found i32.div_s")},
    };
    expect_all(cases, COUNT_OF(cases));
}

/* Bodies of a function () -> () in a module with all that can be named: a funcref table, an
 * externref table, an element segment of each type, a data segment. Function 0 is declared, 1 is
 * not. */
static const struct module_case instruction_cases[] = {
    {"ref.is_null", BYTES("\xd0\x6f\xd1\x1a"), OK},
    {"ref.is_null of i32", BYTES("\x41\0\xd1\x1a"),
     INVALID("function 1: type mismatch: the operand is no reference in ref.is_null")},
    {"ref.func", BYTES("\xd2\0\x1a"), OK},
    {"ref.func undeclared", BYTES("\xd2\1\x1a"),
     INVALID("function 1: undeclared function reference 1 in ref.func")},
    {"ref.func behind", BYTES("\xd2\2\x1a"), INVALID("function 1: unknown function 2 in ref.func")},
    {"select t", BYTES("\xd0\x70\xd2\0\x41\0\x1c\1\x70\x1a"), OK},
    {"select t, mixed", BYTES("\xd0\x70\xd0\x6f\x41\0\x1c\1\x70\x1a"),
     INVALID("function 1: type mismatch in select: expected funcref, found externref")},
    {"select of references", BYTES("\xd0\x70\xd0\x70\x41\0\x1b\x1a"),
     INVALID("function 1: type mismatch: references need a select with a type in select")},
    {"table.get", BYTES("\x41\0\x25\1\xd1\x1a"), OK},
    {"table.get behind", BYTES("\x41\0\x25\2\x1a"),
     INVALID("function 1: unknown table 2 in table.get")},
    {"table.get by i64", BYTES("\x42\0\x25\0\x1a"),
     INVALID("function 1: type mismatch in table.get: expected i32, found i64")},
    {"table.set", BYTES("\x41\0\xd0\x6f\x26\1"), OK},
    {"table.set of the other type", BYTES("\x41\0\xd0\x6f\x26\0"),
     INVALID("function 1: type mismatch in table.set: expected funcref, found externref")},
    {"table.size", BYTES("\xfc\x10\1\x1a"), OK},
    {"table.grow", BYTES("\xd0\x70\x41\1\xfc\x0f\0\x1a"), OK},
    {"table.grow behind", BYTES("\xd0\x70\x41\1\xfc\x0f\2\x1a"),
     INVALID("function 1: unknown table 2 in table.grow")},
    {"table.fill", BYTES("\x41\0\xd0\x6f\x41\1\xfc\x11\1"), OK},
    {"table.fill of the other type", BYTES("\x41\0\xd0\x70\x41\1\xfc\x11\1"),
     INVALID("function 1: type mismatch in table.fill: expected externref, found funcref")},
    {"table.copy", BYTES("\x41\0\x41\0\x41\0\xfc\x0e\0\0"), OK},
    {"table.copy of the other type", BYTES("\x41\0\x41\0\x41\0\xfc\x0e\0\1"),
     INVALID("function 1: type mismatch: elements of another type than the table's in "
             "table.copy")},
    {"table.copy behind", BYTES("\x41\0\x41\0\x41\0\xfc\x0e\0\2"),
     INVALID("function 1: unknown table 2 in table.copy")},
    {"table.init", BYTES("\x41\0\x41\0\x41\0\xfc\x0c\0\0"), OK},
    {"table.init of the other type", BYTES("\x41\0\x41\0\x41\0\xfc\x0c\1\0"),
     INVALID("function 1: type mismatch: elements of another type than the table's in "
             "table.init")},
    {"table.init behind", BYTES("\x41\0\x41\0\x41\0\xfc\x0c\2\0"),
     INVALID("function 1: unknown element segment 2 in table.init")},
    {"elem.drop", BYTES("\xfc\x0d\1"), OK},
    {"elem.drop behind", BYTES("\xfc\x0d\2"),
     INVALID("function 1: unknown element segment 2 in elem.drop")},
    {"memory.init", BYTES("\x41\0\x41\0\x41\0\xfc\x08\0\0"), OK},
    {"memory.init in memory 1", BYTES("\x41\0\x41\0\x41\0\xfc\x08\0\1"),
     INVALID("function 1: unknown memory 1 in memory.init")},
    {"memory.init behind", BYTES("\x41\0\x41\0\x41\0\xfc\x08\1\0"),
     INVALID("function 1: unknown data segment 1 in memory.init")},
    {"memory.copy", BYTES("\x41\0\x41\0\x41\0\xfc\x0a\0\0"), OK},
    {"memory.copy from memory 1", BYTES("\x41\0\x41\0\x41\0\xfc\x0a\0\1"),
     INVALID("function 1: unknown memory 1 in memory.copy")},
    {"memory.fill", BYTES("\x41\0\x41\0\x41\0\xfc\x0b\0"), OK},
    {"memory.fill of two", BYTES("\x41\0\x41\0\xfc\x0b\0"),
     INVALID("function 1: type mismatch in memory.fill: expected i32, found nothing")},
    {"call_indirect", BYTES("\x41\0\x11\0\0"), OK},
    {"call_indirect of externref", BYTES("\x41\0\x11\0\1"),
     INVALID("function 1: type mismatch: the table holds no functions in call_indirect")},
    {"call_indirect behind", BYTES("\x41\0\x11\0\2"),
     INVALID("function 1: unknown table 2 in call_indirect")},
    {"block of a reference", BYTES("\x02\x6f\xd0\x6f\x0b\x1a"), OK},
    {"block of another reference", BYTES("\x02\x70\xd0\x6f\x0b\x1a"),
     INVALID("function 1: type mismatch in end: expected funcref, found externref")},
    {"branch with a reference", BYTES("\x02\x6f\xd0\x6f\x41\0\x0d\0\x0b\x1a"), OK},
};

static void instructions(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(instruction_cases); i++) {
        struct buf module, code;
        make_begin(&module);
        make_section(&module, 1, BYTES("\1\x60\0\0"));
        make_section(&module, 3, BYTES("\2\0\0"));
        make_section(&module, 4, BYTES("\2\x70\0\1\x6f\0\1"));
        make_section(&module, 5, BYTES("\1\0\1"));
        make_section(&module, 9, BYTES("\2\1\0\1\0\5\x6f\0"));
        make_section(&module, 12, BYTES("\1"));
        buf_init(&code, KIB);
        buf_add(&code, BYTES("\2\2\0\x0b"));
        make_leb(&code, instruction_cases[i].len + 4);
        buf_add(&code, BYTES("\1\1\x6f")); /* and a local that is a reference */
        buf_add(&code, instruction_cases[i].sections, instruction_cases[i].len);
        buf_add_byte(&code, 0x0b);
        make_section_of(&module, 10, &code);
        make_section(&module, 11, BYTES("\1\1\1x"));
        const struct module_case whole = {instruction_cases[i].name, (const char *)module.bytes + 8,
                                          module.len - 8, instruction_cases[i].want,
                                          instruction_cases[i].text};
        expect_all(&whole, 1);
        buf_fini(&module);
    }
}

static void tables_have_a_limit(void **state)
{
    (void)state;
    static const struct {
        u32 imported, own;
        enum err_code want;
        const char *text;
    } cases[] = {
        {0, WASM_MAX_TABLES, OK},
        {WASM_MAX_TABLES, 0, OK},
        {40, WASM_MAX_TABLES - 40, OK},
        {0, WASM_MAX_TABLES + 1, ERR_LIMIT, "more than 100 tables"},
        {WASM_MAX_TABLES + 1, 0, ERR_LIMIT, "more than 100 tables"},
        {40, WASM_MAX_TABLES - 39, ERR_LIMIT, "more than 100 tables"},
        {1, UINT32_MAX, ERR_LIMIT, "more than 100 tables"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf module, section;
        make_begin(&module);
        buf_init(&section, MIB);
        make_leb(&section, cases[i].imported);
        for (u32 k = 0; k < cases[i].imported; k++)
            buf_add(&section, BYTES("\1m\1t\1\x70\0\0"));
        make_section_of(&module, 2, &section);
        buf_init(&section, MIB);
        make_leb(&section, cases[i].own);
        for (u32 k = 0; k < cases[i].own && k < 1000; k++)
            buf_add(&section, BYTES("\x6f\0\0"));
        make_section_of(&module, 4, &section);
        struct module_case whole = {"tables", (const char *)module.bytes + 8, module.len - 8,
                                    cases[i].want, cases[i].text};
        expect_all(&whole, 1);
        buf_fini(&module);
    }
}

static void constants_have_a_limit(void **state)
{
    (void)state;
    for (u32 terms = WASM_MAX_CONST_TERMS - 1; terms <= WASM_MAX_CONST_TERMS + 1; terms += 2) {
        struct buf module, section;
        make_begin(&module);
        buf_init(&section, MIB);
        buf_add(&section, BYTES("\1\x7f\0\x41\0"));
        for (u32 k = 1; k < terms; k += 2)
            buf_add(&section, BYTES("\x41\1\x6a"));
        buf_add_byte(&section, 0x0b);
        make_section_of(&module, 6, &section);
        bool fits = terms <= WASM_MAX_CONST_TERMS;
        struct module_case whole = {"terms", (const char *)module.bytes + 8, module.len - 8,
                                    fits ? ERR_NONE : ERR_LIMIT,
                                    fits ? "" : "more than 1000 terms of a constant expression"};
        expect_all(&whole, 1);
        buf_fini(&module);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(element_segments),       cmocka_unit_test(tables_and_references),
        cmocka_unit_test(data_segments),          cmocka_unit_test(arithmetic_in_constants),
        cmocka_unit_test(instructions),           cmocka_unit_test(tables_have_a_limit),
        cmocka_unit_test(constants_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
