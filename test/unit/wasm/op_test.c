#include "wasm/op.c"
#include "test/unit/wasm/make.h"

static struct reader reader_of(const struct buf *bytes, struct err *err)
{
    *err = (struct err){0};
    return reader_make(bytes->bytes, bytes->len, err);
}

/* The opcode, then zeros: valid immediates for every opcode but those that want a type. */
static void put_op(struct buf *out, u32 code, enum wasm_imm imm)
{
    buf_clear(out);
    if (code > 0xff)
        buf_add_byte(out, (u8)(code >> 8));
    buf_add_byte(out, (u8)code);
    if (imm == WASM_IMM_BLOCKTYPE)
        buf_add_byte(out, 0x40);
    if (imm == WASM_IMM_SELECT)
        buf_add(out, BYTES("\1\x70"));
    if (imm == WASM_IMM_REF_TYPE)
        buf_add_byte(out, 0x6f);
    buf_add(out, BYTES("\0\0\0\0\0\0\0\0\0\0\0\0"));
}

static void every_row_is_read_back(void **state)
{
    (void)state;
    struct buf bytes;
    buf_init(&bytes, 64);
    for (u32 i = 0; i < WASM_OP_COUNT; i++) {
        const struct wasm_op_info *info = wasm_op_info((enum wasm_op)i);
        struct err err;
        struct wasm_instr instr;
        put_op(&bytes, info->code, info->imm);
        struct reader r = reader_of(&bytes, &err);
        assert_true(wasm_instr_read(&r, &instr));
        assert_int_equal(instr.op, i);
        assert_int_equal(instr.offset, 0);
        for (u32 k = 0; k < i; k++) /* both kinds of select have one name */
            assert_true(i == WASM_OP_SELECT_TYPED ||
                        strcmp(wasm_op_info((enum wasm_op)k)->text, info->text) != 0);
    }
    buf_fini(&bytes);
}

enum refused_kind { OP, TYPE, FORM };
struct refused_row {
    enum refused_kind kind;
    u8 prefix;
    u32 code;
    const char *text;
    enum wasm_feature feature;
};
static const struct refused_row refused_rows[] = {
#define REFUSED(kind, prefix, code, text, feature)                                                 \
    {kind, prefix, code, text, WASM_FEATURE_##feature},
#include "wasm/refused.def"
#undef REFUSED
};

/* The row of wasm/refused.def that has this opcode, or NULL. */
static const struct refused_row *refused_row_of(u8 prefix, u32 code)
{
    const struct refused_row *found = NULL;
    for (size_t i = 0; i < COUNT_OF(refused_rows); i++)
        if (refused_rows[i].kind == OP && refused_rows[i].prefix == prefix &&
            refused_rows[i].code == code) {
            assert_null(found); /* no opcode twice */
            found = &refused_rows[i];
        }
    return found;
}

static bool runs(u8 prefix, u32 code)
{
    for (u32 i = 0; i < WASM_OP_COUNT; i++) {
        u32 have = wasm_op_info((enum wasm_op)i)->code;
        if (have == (prefix == 0 ? code : (u32)prefix << 8 | code))
            return true;
    }
    return false;
}

/* Every opcode there can be is run, refused by name, or illegal. */
static void every_other_opcode_is_refused(void **state)
{
    (void)state;
    static const u8 prefixes[] = {0, 0xfb, 0xfc, 0xfd, 0xfe};
    struct buf bytes;
    buf_init(&bytes, 64);
    for (size_t p = 0; p < COUNT_OF(prefixes); p++) {
        u32 end = prefixes[p] == 0 ? 0x100 : 0x400;
        for (u32 code = 0; code < end; code++) {
            if (prefixes[p] == 0 && code >= 0xfb && code <= 0xfe)
                continue;
            const struct refused_row *row = refused_row_of(prefixes[p], code);
            if (runs(prefixes[p], code)) {
                assert_null(row);
                continue;
            }
            struct wasm_instr instr;
            struct err err;
            buf_clear(&bytes);
            if (prefixes[p] != 0)
                buf_add_byte(&bytes, prefixes[p]);
            make_leb(&bytes, code);
            if (prefixes[p] == 0 && code >= 0x80)
                bytes.len = 1, bytes.bytes[0] = (u8)code;
            struct reader r = reader_of(&bytes, &err);
            assert_false(wasm_instr_read(&r, &instr));
            assert_int_equal(err.code, row != NULL ? ERR_UNSUPPORTED : ERR_MALFORMED);
            assert_non_null(strstr(err.text, row != NULL ? row->text : "illegal opcode"));
        }
    }
    buf_fini(&bytes);
}

/* The column `runs` of feature.def says the same as the two tables of instructions. */
static void features_run_or_are_refused(void **state)
{
    (void)state;
    static const bool feature_runs[] = {
#define FEATURE(name, text, runs) [WASM_FEATURE_##name] = (runs),
#include "wasm/feature.def"
#undef FEATURE
    };
    for (u32 i = 0; i < WASM_OP_COUNT; i++)
        assert_true(feature_runs[wasm_op_info((enum wasm_op)i)->feature]);
    for (size_t i = 0; i < COUNT_OF(refused_rows); i++)
        assert_false(feature_runs[refused_rows[i].feature]);
}

static void refusals_are_sentences(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        const char *text;
    } cases[] = {
        {BYTES("\x01\xfd\x00"), "needs SIMD (v128.load), which this version does not "
                                "run"},
        {BYTES("\x01\xfd\x85\x02"), "needs relaxed SIMD (f32x4.relaxed_madd), which "
                                    "this version does not run"},
        {BYTES("\x01\x14\x00"), "needs typed function references (call_ref), which "
                                "this version does not run"},
        {BYTES("\x01\xfe\x1e"), "needs threads (i32.atomic.rmw.add), which this "
                                "version does not run"},
        {BYTES("\x01\x12"), "needs tail calls (return_call), which this version does "
                            "not run"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {0};
        struct wasm_instr instr;
        struct reader r = reader_make(cases[i].bytes, cases[i].len, &err);
        assert_true(wasm_instr_read(&r, &instr));
        assert_false(wasm_instr_read(&r, &instr));
        assert_string_equal(err.text, cases[i].text);
        assert_int_equal(err.at, 1);
    }
}

static void immediates(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        struct wasm_instr want;
    } cases[] = {
        {BYTES("\x02\x40"), {.op = WASM_OP_BLOCK, .block_type = WASM_BLOCK_EMPTY}},
        {BYTES("\x03\x7f"), {.op = WASM_OP_LOOP, .block_type = -1}},
        {BYTES("\x04\x7c"), {.op = WASM_OP_IF, .block_type = -4}},
        {BYTES("\x02\x05"), {.op = WASM_OP_BLOCK, .block_type = 5}},
        {BYTES("\x02\xff\xff\xff\xff\x0f"), {.op = WASM_OP_BLOCK, .block_type = UINT32_MAX}},
        {BYTES("\x0c\x80\x01"), {.op = WASM_OP_BR, .index = 128}},
        {BYTES("\x11\x03\x80\x00"), {.op = WASM_OP_CALL_INDIRECT, .index = 3}},
        {BYTES("\x28\x02\xff\xff\xff\xff\x0f"),
         {.op = WASM_OP_I32_LOAD, .align_log2 = 2, .offset_imm = UINT32_MAX}},
        {BYTES("\x40\x00"), {.op = WASM_OP_MEMORY_GROW}},
        {BYTES("\x41\x7f"), {.op = WASM_OP_I32_CONST, .bits = UINT32_MAX}},
        {BYTES("\x42\x7f"), {.op = WASM_OP_I64_CONST, .bits = UINT64_MAX}},
        {BYTES("\x43\x01\x02\x03\x84"), {.op = WASM_OP_F32_CONST, .bits = 0x84030201}},
        {BYTES("\x44\x01\x02\x03\x04\x05\x06\x07\x88"),
         {.op = WASM_OP_F64_CONST, .bits = 0x8807060504030201}},
        {BYTES("\xfc\x83\x00"), {.op = WASM_OP_I32_TRUNC_SAT_F64_U}},
        {BYTES("\x02\x70"), {.op = WASM_OP_BLOCK, .block_type = -16}},
        {BYTES("\x11\x03\x02"), {.op = WASM_OP_CALL_INDIRECT, .index = 3, .index2 = 2}},
        {BYTES("\x1c\x01\x6f"), {.op = WASM_OP_SELECT_TYPED, .select_type = WASM_EXTERNREF}},
        {BYTES("\x25\x80\x01"), {.op = WASM_OP_TABLE_GET, .index = 128}},
        {BYTES("\x26\x01"), {.op = WASM_OP_TABLE_SET, .index = 1}},
        {BYTES("\xd0\x70"), {.op = WASM_OP_REF_NULL, .select_type = WASM_FUNCREF}},
        {BYTES("\xd1"), {.op = WASM_OP_REF_IS_NULL}},
        {BYTES("\xd2\x05"), {.op = WASM_OP_REF_FUNC, .index = 5}},
        {BYTES("\xfc\x08\x02\x00"), {.op = WASM_OP_MEMORY_INIT, .index2 = 2}},
        {BYTES("\xfc\x09\x02"), {.op = WASM_OP_DATA_DROP, .index = 2}},
        {BYTES("\xfc\x0a\x00\x01"), {.op = WASM_OP_MEMORY_COPY, .index2 = 1}},
        {BYTES("\xfc\x0b\x00"), {.op = WASM_OP_MEMORY_FILL}},
        {BYTES("\xfc\x0c\x02\x01"), {.op = WASM_OP_TABLE_INIT, .index = 1, .index2 = 2}},
        {BYTES("\xfc\x0d\x02"), {.op = WASM_OP_ELEM_DROP, .index = 2}},
        {BYTES("\xfc\x0e\x02\x01"), {.op = WASM_OP_TABLE_COPY, .index = 2, .index2 = 1}},
        {BYTES("\xfc\x0f\x01"), {.op = WASM_OP_TABLE_GROW, .index = 1}},
        {BYTES("\xfc\x10\x01"), {.op = WASM_OP_TABLE_SIZE, .index = 1}},
        {BYTES("\xfc\x11\x01"), {.op = WASM_OP_TABLE_FILL, .index = 1}},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {0};
        struct wasm_instr instr;
        const struct wasm_instr *want = &cases[i].want;
        struct reader r = reader_make(cases[i].bytes, cases[i].len, &err);
        assert_true(wasm_instr_read(&r, &instr));
        assert_int_equal(reader_left(&r), 0);
        assert_int_equal(instr.op, want->op);
        assert_int_equal(instr.block_type, want->block_type);
        assert_int_equal(instr.index, want->index);
        assert_int_equal(instr.index2, want->index2);
        assert_int_equal(instr.select_type, want->select_type);
        assert_int_equal(instr.align_log2, want->align_log2);
        assert_int_equal(instr.offset_imm, want->offset_imm);
        assert_int_equal(instr.bits, want->bits);
        for (size_t len = 0; len < cases[i].len; len++) { /* and cut short it is refused */
            struct reader cut = reader_make(cases[i].bytes, len, NULL);
            assert_false(wasm_instr_read(&cut, &instr));
        }
    }
}

static void malformed_immediates(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        enum err_code code;
        const char *part;
    } cases[] = {
        {BYTES("\x02\x41"), ERR_MALFORMED, "malformed block type"},
        {BYTES("\x02\xff\x7f"), ERR_MALFORMED, "malformed block type"}, /* i32 in two bytes */
        {BYTES("\x02\x7b"), ERR_UNSUPPORTED, "SIMD"},
        {BYTES("\x02\x69"), ERR_UNSUPPORTED, "exceptions"},
        {BYTES("\xd0\x7f"), ERR_MALFORMED, "malformed reference type 0x7f"},
        {BYTES("\xd0\x6e"), ERR_UNSUPPORTED, "garbage collection"},
        {BYTES("\x1c\x00"), ERR_INVALID, "invalid result arity: select of 0 types"},
        {BYTES("\x1c\x02\x7f\x7f"), ERR_INVALID, "invalid result arity: select of 2 types"},
        {BYTES("\x1c\x01\x40"), ERR_MALFORMED, "malformed value type 0x40"},
        {BYTES("\xfc\x12\x00"), ERR_MALFORMED, "illegal opcode"},
        {BYTES("\x02\x64\x70"), ERR_UNSUPPORTED, "typed function references"},
        {BYTES("\x28\x42\x00\x00"), ERR_UNSUPPORTED, "multiple memories"},
        {BYTES("\x28\x80\x01\x00"), ERR_MALFORMED, "memop flags"},
        {BYTES("\x28\x02\x80\x80\x80\x80\x10"), ERR_MALFORMED, "integer too large"},
        {BYTES("\x41\x80\x80\x80\x80\x70\x00"), ERR_MALFORMED, "integer too large"},
        {BYTES("\x0e\xff\xff\xff\xff\x0f"), ERR_LIMIT, "labels in a br_table"},
        {BYTES("\x0e\x03\x00\x00"), ERR_MALFORMED, "unexpected end"},
        {BYTES("\xfc\x80\x80\x80\x80\x10"), ERR_MALFORMED, "integer too large"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {0};
        struct wasm_instr instr;
        struct reader r = reader_make(cases[i].bytes, cases[i].len, &err);
        assert_false(wasm_instr_read(&r, &instr));
        assert_int_equal(err.code, cases[i].code);
        assert_non_null(strstr(err.text, cases[i].part));
    }
}

static void br_table_labels(void **state)
{
    (void)state;
    struct err err = {0};
    struct wasm_instr instr;
    struct reader r = reader_make(BYTES("\x0e\x03\x01\x80\x01\x00\x07\x0b"), &err);
    assert_true(wasm_instr_read(&r, &instr));
    assert_int_equal(instr.table_count, 3);
    assert_int_equal(read_leb_u32(&instr.table), 1);
    assert_int_equal(read_leb_u32(&instr.table), 128);
    assert_int_equal(read_leb_u32(&instr.table), 0);
    assert_int_equal(reader_left(&instr.table), 0);
    assert_int_equal(instr.index, 7);
    assert_int_equal(reader_left(&r), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_read_back),
        cmocka_unit_test(every_other_opcode_is_refused),
        cmocka_unit_test(features_run_or_are_refused),
        cmocka_unit_test(refusals_are_sentences),
        cmocka_unit_test(immediates),
        cmocka_unit_test(malformed_immediates),
        cmocka_unit_test(br_table_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
