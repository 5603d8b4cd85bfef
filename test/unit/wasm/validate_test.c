#include "test/unit/wasm/make.h"

/* Every case runs in this module:
 *   type 0 () -> ()          func 0 import, type 1     table 0 of one funcref
 *   type 1 (i32) -> (i32)    func 1 the case           memory 0 of one page
 *   type 2 (i32 i64) -> (f32 f64)                      global 0 import, i32, immutable
 *   type 3 (i32 i32) -> (i32 i32)                      global 1 i64, mutable
 * The case's function has type 1 and two locals f64 behind its parameter. */
static void make_case(struct buf *module, const char *code, size_t len)
{
    struct buf body;
    make_begin(module);
    make_section(module, 1,
                 BYTES("\4\x60\0\0"
                       "\x60\1\x7f\1\x7f"
                       "\x60\2\x7f\x7e\2\x7d\x7c"
                       "\x60\2\x7f\x7f\2\x7f\x7f"));
    make_section(module, 2, BYTES("\2\1m\1f\0\1\1m\1g\3\x7f\0"));
    make_section(module, 3, BYTES("\1\1"));
    make_section(module, 4, BYTES("\1\x70\0\1"));
    make_section(module, 5, BYTES("\1\0\1"));
    make_section(module, 6, BYTES("\1\x7e\1\x42\0\x0b"));
    buf_init(&body, MIB);
    buf_add(&body, BYTES("\1\2\x7c"));
    buf_add(&body, code, len);
    buf_add_byte(&body, 0x0b);
    make_code(module, 1, body.bytes, body.len);
    buf_fini(&body);
}

struct body_case {
    const char *name, *code;
    size_t len;
    enum err_code want;
    const char *part;
};

static void judge_all(const struct body_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct buf module;
        make_case(&module, cases[i].code, cases[i].len);
        make_expect(&module, cases[i].name, cases[i].want, cases[i].part);
        buf_fini(&module);
    }
}

#define OK              ERR_NONE, ""
#define INVALID(part)   ERR_INVALID, part
#define MALFORMED(part) ERR_MALFORMED, part

static void operands(void **state)
{
    (void)state;
    static const struct body_case cases[] = {
        {"result", BYTES("\x20\0"), OK},
        {"result missing", BYTES(""), INVALID("type mismatch in end: expected i32, found nothing")},
        {"result wrong", BYTES("\x42\0"), INVALID("expected i32, found i64")},
        {"one too many", BYTES("\x20\0\x20\0"), INVALID("values left over in end")},
        {"add", BYTES("\x20\0\x20\0\x6a"), OK},
        {"add of one", BYTES("\x20\0\x6a"), INVALID("in i32.add: expected i32, found nothing")},
        {"add of i64", BYTES("\x20\0\x42\0\x6a"), INVALID("in i32.add: expected i32, found i64")},
        {"add, left wrong", BYTES("\x42\0\x20\0\x6a"), INVALID("in i32.add")},
        {"drop", BYTES("\x42\0\x1a\x20\0"), OK},
        {"drop of nothing", BYTES("\x1a\x20\0"), INVALID("nothing on the operand stack in drop")},
        {"select", BYTES("\x41\1\x41\2\x20\0\x1b"), OK},
        {"select mixed", BYTES("\x41\1\x42\2\x20\0\x1b"), INVALID("different types in select")},
        {"select by i64", BYTES("\x41\1\x41\2\x42\0\x1b"), INVALID("expected i32, found i64")},
        {"select of one", BYTES("\x41\1\x20\0\x1b"), INVALID("in select")},
        {"reach of the function", BYTES("\x20\0\x0b\x0b"), MALFORMED("after the end")},
        {"sign extension", BYTES("\x20\0\xc0"), OK},
        {"saturating", BYTES("\x43\0\0\0\0\xfc\0"), OK},
        {"saturating of f64", BYTES("\x44\0\0\0\0\0\0\0\0\xfc\0"), INVALID("i32.trunc_sat_f32_s")},
    };
    judge_all(cases, COUNT_OF(cases));
}

static void locals_and_globals(void **state)
{
    (void)state;
    static const struct body_case cases[] = {
        {"parameter", BYTES("\x20\0"), OK},
        {"first local", BYTES("\x20\1\x1a\x20\0"), OK},
        {"last local", BYTES("\x20\2\x1a\x20\0"), OK},
        {"local behind", BYTES("\x20\3\x1a\x20\0"), INVALID("unknown local 3 in local.get")},
        {"local's type", BYTES("\x20\1"), INVALID("expected i32, found f64")},
        {"set", BYTES("\x41\0\x21\0\x20\0"), OK},
        {"set wrong", BYTES("\x41\0\x21\1\x20\0"), INVALID("in local.set: expected f64")},
        {"set behind", BYTES("\x41\0\x21\3\x20\0"), INVALID("unknown local 3")},
        {"tee", BYTES("\x41\0\x22\0"), OK},
        {"tee wrong", BYTES("\x41\0\x22\2"), INVALID("in local.tee: expected f64, found i32")},
        {"global.get", BYTES("\x23\0"), OK},
        {"global.get i64", BYTES("\x23\1"), INVALID("expected i32, found i64")},
        {"global.get behind", BYTES("\x23\2"), INVALID("unknown global 2")},
        {"global.set", BYTES("\x42\0\x24\1\x20\0"), OK},
        {"global.set wrong", BYTES("\x41\0\x24\1\x20\0"), INVALID("in global.set: expected i64")},
        {"global.set const", BYTES("\x41\0\x24\0\x20\0"), INVALID("global is immutable")},
        {"global.set behind", BYTES("\x41\0\x24\2\x20\0"), INVALID("unknown global 2")},
    };
    judge_all(cases, COUNT_OF(cases));
}

static void memory(void **state)
{
    (void)state;
    static const struct body_case cases[] = {
        {"load", BYTES("\x20\0\x28\2\0"), OK},
        {"load unaligned", BYTES("\x20\0\x28\0\0"), OK},
        {"load overaligned", BYTES("\x20\0\x28\3\0"),
         INVALID("alignment must not be larger than "
                 "natural in i32.load")},
        {"load8 overaligned", BYTES("\x20\0\x2c\1\0"), INVALID("alignment")},
        {"load64", BYTES("\x20\0\x29\3\0\x1a\x20\0"), OK},
        {"load64 overaligned", BYTES("\x20\0\x29\4\0\x1a\x20\0"), INVALID("alignment")},
        {"store", BYTES("\x20\0\x20\0\x36\2\0\x20\0"), OK},
        {"store i64", BYTES("\x20\0\x42\0\x36\2\0\x20\0"), INVALID("in i32.store")},
        {"store8 overaligned", BYTES("\x20\0\x20\0\x3a\1\0\x20\0"), INVALID("alignment")},
        {"size", BYTES("\x3f\0"), OK},
        {"grow", BYTES("\x20\0\x40\0"), OK},
        {"memory 1", BYTES("\x3f\1"), INVALID("unknown memory 1")},
    };
    judge_all(cases, COUNT_OF(cases));
}

static void blocks(void **state)
{
    (void)state;
    static const struct body_case cases[] = {
        {"block", BYTES("\x02\x40\x0b\x20\0"), OK},
        {"block result", BYTES("\x02\x7f\x20\0\x0b"), OK},
        {"block result missing", BYTES("\x02\x7f\x0b"), INVALID("in end: expected i32")},
        {"block takes outer", BYTES("\x20\0\x02\x7f\x0b"), INVALID("found nothing")},
        {"block left over", BYTES("\x02\x40\x20\0\x0b\x20\0"), INVALID("left over")},
        {"block parameters", BYTES("\x20\0\x20\0\x02\3\x0b\x6a"), OK},
        {"block parameter wrong", BYTES("\x42\0\x20\0\x02\3\x0b\x6a"), INVALID("in block")},
        {"block type behind", BYTES("\x02\4\x0b\x20\0"), INVALID("unknown type 4 in block")},
        {"loop", BYTES("\x03\x40\x0b\x20\0"), OK},
        {"loop branch takes params", BYTES("\x20\0\x20\0\x03\3\x0c\0\x0b\x6a"), OK},
        {"loop branch, no results", BYTES("\x03\x7f\x0c\0\x0b"), OK},
        {"if", BYTES("\x20\0\x04\x40\x0b\x20\0"), OK},
        {"if else", BYTES("\x20\0\x04\x7f\x41\1\x05\x41\2\x0b"), OK},
        {"if result, no else", BYTES("\x20\0\x04\x7f\x41\1\x0b"), INVALID("if without else")},
        {"if params, no else", BYTES("\x20\0\x20\0\x20\0\x04\3\x0b\x6a"), OK},
        {"if wrong else", BYTES("\x20\0\x04\x7f\x41\1\x05\x42\2\x0b"), INVALID("found i64")},
        {"if condition", BYTES("\x42\0\x04\x40\x0b\x20\0"), INVALID("in if: expected i32")},
        {"else alone", BYTES("\x05\x20\0"), MALFORMED("else without if")},
        {"else in block", BYTES("\x02\x40\x05\x0b\x20\0"), MALFORMED("else without if")},
        {"two elses", BYTES("\x20\0\x04\x40\x05\x05\x0b\x20\0"), MALFORMED("else without if")},
        {"block open", BYTES("\x02\x40\x20\0"), MALFORMED("unexpected end")},
    };
    judge_all(cases, COUNT_OF(cases));
}

static void branches(void **state)
{
    (void)state;
    static const struct body_case cases[] = {
        {"br", BYTES("\x20\0\x0c\0"), OK},
        {"br without value", BYTES("\x0c\0"), INVALID("in br: expected i32, found nothing")},
        {"br behind", BYTES("\x20\0\x0c\1"), INVALID("unknown label 1 in br")},
        {"br out of block", BYTES("\x02\x40\x20\0\x0c\1\x0b\x20\0"), OK},
        {"br keeps junk below", BYTES("\x02\x7f\x42\0\x41\0\x0c\0\x0b"), OK},
        {"br_if", BYTES("\x20\0\x20\0\x0d\0"), OK},
        {"br_if without value", BYTES("\x20\0\x0d\0"), INVALID("in br_if")},
        {"br_if wrong value", BYTES("\x42\0\x20\0\x0d\0"), INVALID("found i64")},
        {"br_if keeps value", BYTES("\x20\0\x20\0\x0d\0\x1a"), INVALID("found nothing")},
        {"br_table", BYTES("\x20\0\x20\0\x0e\2\0\0\0"), OK},
        {"br_table arity", BYTES("\x02\x40\x20\0\x20\0\x0e\1\0\1\x0b\x20\0"),
         INVALID("different numbers of values in br_table")},
        {"br_table types", BYTES("\x02\x7e\x20\0\x20\0\x0e\1\0\1\x0b\x1a\x20\0"),
         INVALID("in br_table: expected i64, found i32")},
        {"br_table behind", BYTES("\x20\0\x20\0\x0e\1\1\0"), INVALID("unknown label 1")},
        {"br_table default behind", BYTES("\x20\0\x20\0\x0e\1\0\1"), INVALID("unknown label 1")},
        {"br_table, dead, mixed types", BYTES("\x02\x7e\x00\x0e\1\0\1\x0b\x1a\x20\0"), OK},
        {"return", BYTES("\x20\0\x0f"), OK},
        {"return without value", BYTES("\x0f"), INVALID("in return")},
        {"return in block", BYTES("\x02\x40\x20\0\x0f\x0b\x00"), OK},
    };
    judge_all(cases, COUNT_OF(cases));
}

static void calls(void **state)
{
    (void)state;
    static const struct body_case cases[] = {
        {"import", BYTES("\x20\0\x10\0"), OK},
        {"itself", BYTES("\x20\0\x10\1"), OK},
        {"behind", BYTES("\x20\0\x10\2"), INVALID("unknown function 2 in call")},
        {"argument missing", BYTES("\x10\0"), INVALID("in call: expected i32, found nothing")},
        {"indirect", BYTES("\x20\0\x20\0\x11\1\0"), OK},
        {"indirect, two results", BYTES("\x20\0\x42\0\x20\0\x11\2\0\x1a\x1a\x20\0"), OK},
        {"indirect, order of results", BYTES("\x20\0\x42\0\x20\0\x11\2\0\xa8\x1a\x20\0"),
         INVALID("in i32.trunc_f32_s: expected f32, found f64")},
        {"indirect, no index", BYTES("\x20\0\x11\1\0"), INVALID("in call_indirect")},
        {"indirect type", BYTES("\x20\0\x20\0\x11\4\0"), INVALID("unknown type 4")},
        {"indirect table", BYTES("\x20\0\x20\0\x11\1\1"), INVALID("unknown table 1")},
    };
    judge_all(cases, COUNT_OF(cases));
}

static void dead_code(void **state)
{
    (void)state;
    static const struct body_case cases[] = {
        {"unreachable", BYTES("\x00"), OK},
        {"anything after", BYTES("\x00\x6a\x45\x1a\x1b\x1a"), OK},
        {"typed after", BYTES("\x00\x42\0\x6a"), INVALID("expected i32, found i64")},
        {"left over", BYTES("\x00\x41\0\x41\0"), INVALID("left over")},
        {"select of unknown", BYTES("\x00\x1b\x1a\x20\0"), OK},
        {"select of one known", BYTES("\x00\x42\0\x41\0\x1b"), INVALID("found i64")},
        {"select of unknown fits", BYTES("\x00\x1b\xa7"), OK},
        {"ends with its block", BYTES("\x02\x40\x00\x0b"), INVALID("found nothing")},
        {"not in else", BYTES("\x20\0\x04\x7f\x00\x05\x0b"), INVALID("in end: expected i32")},
        {"br_if makes it known", BYTES("\x02\x7e\x00\x0d\0\x1a\x42\0\x0b\x1a\x20\0"), OK},
        {"br_if type stays", BYTES("\x02\x7e\x00\x0d\0\x45\x1a\x42\0\x0b\x1a\x20\0"),
         INVALID("in i32.eqz: expected i32, found i64")},
        {"index checked all the same", BYTES("\x00\x10\x09"), INVALID("unknown function 9")},
    };
    judge_all(cases, COUNT_OF(cases));
}

static void the_function_is_named(void **state)
{
    (void)state;
    struct buf module;
    make_case(&module, BYTES("\x42\0"));
    make_expect(&module, "index", ERR_INVALID, "function 1: type mismatch");
    make_section(&module, 0, BYTES("\4name\1\5\1\1\2ab"));
    make_expect(&module, "name", ERR_INVALID, "function 1 \"ab\": type mismatch");
    buf_fini(&module);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operands),  cmocka_unit_test(locals_and_globals),
        cmocka_unit_test(memory),    cmocka_unit_test(blocks),
        cmocka_unit_test(branches),  cmocka_unit_test(calls),
        cmocka_unit_test(dead_code), cmocka_unit_test(the_function_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
