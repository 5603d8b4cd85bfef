/* Numeric instructions where machines, C and LLVM differ from Wasm: edges, traps, NaN. */
#include "machine.h"
#include <math.h>

#define MINUS_ZERO_32 0x80000000u
#define SNAN_32       0x7fa00000u /* signalling; arithmetic on it must give a quiet one */
#define QNAN_32       0x7fe00000u /* the same payload, quiet */
#define INF_32        0x7f800000u

/* One function of two operands per instruction, exported by its text with '_' for '.'. */
static void wat_for(const char *const *instrs, const char *type_left, const char *type_right,
                    const char *result, char *out, size_t out_len)
{
    size_t at = (size_t)snprintf(out, out_len, "(module");
    for (size_t i = 0; instrs[i] != NULL; i++)
        at += (size_t)snprintf(out + at, out_len - at,
                               "(func (export \"%s\") (param %s %s) (result %s) %s%s%s)", instrs[i],
                               type_left, type_right, result, "(local.get 0)",
                               type_right[0] != 0 ? "(local.get 1)" : "", instrs[i]);
    snprintf(out + at, out_len - at, ")");
}

struct int_case {
    const char *instr;
    u64 left, right, want;
    int trap;
};

static const char *const i32_instrs[] = {"i32.div_s", "i32.div_u", "i32.rem_s", "i32.rem_u",
                                         "i32.shl",   "i32.shr_s", "i32.shr_u", "i32.rotl",
                                         "i32.rotr",  "i32.add",   NULL};
static const struct int_case i32_cases[] = {
    {"i32.div_s", 7, (u32)-2, (u32)-3, 0},
    {"i32.div_s", 1, 0, 0, ABI_TRAP_DIVIDE_BY_ZERO},
    {"i32.div_s", 0x80000000, (u32)-1, 0, ABI_TRAP_INTEGER_OVERFLOW},
    {"i32.div_s", 0x80000000, 1, 0x80000000, 0},
    {"i32.div_u", 0x80000000, (u32)-1, 0, 0},
    {"i32.div_u", 5, 0, 0, ABI_TRAP_DIVIDE_BY_ZERO},
    {"i32.rem_s", (u32)-7, 2, (u32)-1, 0},
    {"i32.rem_s", 0x80000000, (u32)-1, 0, 0},
    {"i32.rem_s", 5, 0, 0, ABI_TRAP_DIVIDE_BY_ZERO},
    {"i32.rem_u", 0x80000000, (u32)-1, 0x80000000, 0},
    {"i32.rem_u", 5, 0, 0, ABI_TRAP_DIVIDE_BY_ZERO},
    {"i32.shl", 1, 33, 2, 0},
    {"i32.shl", 1, 32, 1, 0},
    {"i32.shr_s", 0x80000000, 63, (u32)-1, 0},
    {"i32.shr_u", 0x80000000, 63, 1, 0},
    {"i32.rotl", 0x80000001, 33, 3, 0},
    {"i32.rotl", 0x12345678, 0, 0x12345678, 0},
    {"i32.rotr", 3, 1, 0x80000001, 0},
    {"i32.add", 0xffffffff, 1, 0, 0},
};
static const char *const i64_instrs[] = {"i64.div_s", "i64.div_u", "i64.rem_s", "i64.rem_u",
                                         "i64.shl",   "i64.shr_s", "i64.rotl",  NULL};
static const struct int_case i64_cases[] = {
    {"i64.div_s", 1, 0, 0, ABI_TRAP_DIVIDE_BY_ZERO},
    {"i64.div_s", (u64)INT64_MIN, UINT64_MAX, 0, ABI_TRAP_INTEGER_OVERFLOW},
    {"i64.div_u", (u64)INT64_MIN, UINT64_MAX, 0, 0},
    {"i64.rem_s", (u64)INT64_MIN, UINT64_MAX, 0, 0},
    {"i64.rem_u", 1, 0, 0, ABI_TRAP_DIVIDE_BY_ZERO},
    {"i64.shl", 1, 65, 2, 0},
    {"i64.shr_s", (u64)INT64_MIN, 127, UINT64_MAX, 0},
    {"i64.rotl", 1, 64, 1, 0},
};

static void check_ints(struct cg_options options, const char *const *instrs, const char *type,
                       const struct int_case *cases, size_t count)
{
    char wat[8192];
    struct machine m;
    wat_for(instrs, type, type, type, wat, sizeof wat);
    machine_init(&m, wat);
    machine_load(&m, options);
    for (size_t i = 0; i < count; i++) {
        union abi_value slots[] = {{.u64 = cases[i].left}, {.u64 = cases[i].right}};
        if (cases[i].trap != 0) {
            assert_int_equal(machine_trap(&m, cases[i].instr, slots), cases[i].trap);
            continue;
        }
        machine_call(&m, cases[i].instr, slots);
        u64 got = type[1] == '3' ? slots[0].u32 : slots[0].u64;
        if (got != cases[i].want)
            fail_msg("%s %llx %llx: %llx", cases[i].instr, (unsigned long long)cases[i].left,
                     (unsigned long long)cases[i].right, (unsigned long long)got);
    }
    machine_fini(&m);
}

static void integers_wrap_and_trap_at_their_edges(void **state)
{
    (void)state;
    MACHINE_MODES(options)
    {
        check_ints(options, i32_instrs, "i32", i32_cases, COUNT_OF(i32_cases));
        check_ints(options, i64_instrs, "i64", i64_cases, COUNT_OF(i64_cases));
    }
}

/* ---- truncation ---- */

struct trunc_case {
    const char *instr;
    f64 value; /* exact in the operand's type */
    u64 want;
    int trap;
};
static const struct trunc_case trunc_cases[] = {
    {"i32.trunc_f64_s", 2147483647.9, 0x7fffffff, 0},
    {"i32.trunc_f64_s", 2147483648.0, 0, ABI_TRAP_INTEGER_OVERFLOW},
    {"i32.trunc_f64_s", -2147483648.9, 0x80000000, 0},
    {"i32.trunc_f64_s", -2147483649.0, 0, ABI_TRAP_INTEGER_OVERFLOW},
    {"i32.trunc_f64_s", (f64)NAN, 0, ABI_TRAP_INVALID_CONVERSION},
    {"i32.trunc_f64_u", 4294967295.9, 0xffffffff, 0},
    {"i32.trunc_f64_u", 4294967296.0, 0, ABI_TRAP_INTEGER_OVERFLOW},
    {"i32.trunc_f64_u", -0.9, 0, 0},
    {"i32.trunc_f64_u", -1.0, 0, ABI_TRAP_INTEGER_OVERFLOW},
    {"i32.trunc_f32_s", -2147483648.0, 0x80000000, 0},
    {"i32.trunc_f32_s", -2147483904.0, 0, ABI_TRAP_INTEGER_OVERFLOW},
    {"i32.trunc_f32_s", 2147483648.0, 0, ABI_TRAP_INTEGER_OVERFLOW},
    {"i64.trunc_f64_s", -9223372036854775808.0, 0x8000000000000000, 0},
    {"i64.trunc_f64_s", 9223372036854775808.0, 0, ABI_TRAP_INTEGER_OVERFLOW},
    {"i64.trunc_f64_u", 18446744073709549568.0, 0xfffffffffffff800, 0},
    {"i64.trunc_f64_u", 18446744073709551616.0, 0, ABI_TRAP_INTEGER_OVERFLOW},
    {"i64.trunc_f64_u", (f64)INFINITY, 0, ABI_TRAP_INTEGER_OVERFLOW},
    {"i32.trunc_sat_f64_s", 1e300, 0x7fffffff, 0},
    {"i32.trunc_sat_f64_s", (f64)NAN, 0, 0},
    {"i32.trunc_sat_f64_u", -5, 0, 0},
    {"i64.trunc_sat_f64_u", 1e300, UINT64_MAX, 0},
    {"i64.trunc_sat_f32_s", -1e30f, 0x8000000000000000, 0},
};

static void check_trunc(struct cg_options options, const struct trunc_case *c)
{
    const char *instrs[] = {c->instr, NULL};
    char wat[512], result[] = "i32", operand[] = "f64";
    memcpy(result, c->instr, 3);
    memcpy(operand, strstr(c->instr, "_f") + 1, 3);
    wat_for(instrs, operand, "", result, wat, sizeof wat);
    struct machine m;
    machine_init(&m, wat);
    machine_load(&m, options);
    union abi_value slot = {.f64 = c->value};
    if (operand[1] == '3')
        slot.f32 = (f32)c->value;
    if (c->trap != 0) {
        assert_int_equal(machine_trap(&m, c->instr, &slot), c->trap);
    } else {
        machine_call(&m, c->instr, &slot);
        assert_int_equal(result[1] == '3' ? slot.u32 : slot.u64, c->want);
    }
    machine_fini(&m);
}

static void truncation_is_exact_at_its_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(trunc_cases); i++)
        check_trunc((struct cg_options){.opt = i & 1 ? CG_OPT_BEST : CG_OPT_QUICK},
                    &trunc_cases[i]);
}

/* ---- floating point: bits in, bits out ---- */

static const char float_wat[] =
    "(module"
    " (func (export \"mul1\") (param f32) (result f32) (f32.mul (local.get 0) (f32.const 1)))"
    " (func (export \"mulm1\") (param f32) (result f32) (f32.mul (local.get 0) (f32.const -1)))"
    " (func (export \"sub0\") (param f32) (result f32) (f32.sub (local.get 0) (f32.const 0)))"
    " (func (export \"addm0\") (param f32) (result f32) (f32.add (f32.const -0) (local.get 0)))"
    " (func (export \"div1\") (param f32) (result f32) (f32.div (local.get 0) (f32.const 1)))"
    " (func (export \"m0sub\") (param f32) (result f32) (f32.sub (f32.const -0) (local.get 0)))"
    " (func (export \"mininf\") (param f32) (result f32) (f32.min (local.get 0) (f32.const inf)))"
    " (func (export \"local\") (param f32) (result f32) (local f32)"
    "  (local.set 1 (f32.const 1)) (f32.mul (local.get 0) (local.get 1)))"
    " (func (export \"round\") (param f32) (result f32)"
    "  (f32.demote_f64 (f64.promote_f32 (local.get 0))))"
    " (func (export \"roundlocal\") (param f32) (result f32) (local f64)"
    "  (local.set 1 (f64.promote_f32 (local.get 0))) (f32.demote_f64 (local.get 1)))"
    " (func (export \"neg\") (param f32) (result f32) (f32.neg (local.get 0)))"
    " (func (export \"abs\") (param f32) (result f32) (f32.abs (local.get 0)))"
    " (func (export \"sign\") (param f32) (result f32) (f32.copysign (local.get 0) (f32.const -1)))"
    " (func (export \"same\") (param f32) (result f32) (local.get 0))"
    " (func (export \"nearest\") (param f32) (result f32) (f32.nearest (local.get 0)))"
    " (func (export \"ceil\") (param f32) (result f32) (f32.ceil (local.get 0)))"
    " (func (export \"sqrt\") (param f32) (result f32) (f32.sqrt (local.get 0)))"
    " (func (export \"minself\") (param f32) (result f32) (f32.min (local.get 0) (f32.const 0.5)))"
    " (func (export \"maxrev\") (param f32) (result f32) (f32.max (f32.const 0.5) (local.get 0)))"
    " (func (export \"min0\") (param f32) (result f32) (f32.min (f32.const 0) (local.get 0)))"
    " (func (export \"max0\") (param f32) (result f32) (f32.max (local.get 0) (f32.const 0))))";

static const struct {
    const char *name;
    u32 value, want;
} float_cases[] = {
    /* Arithmetic makes a NaN quiet, also where it changes nothing else. */
    {"mul1", SNAN_32, QNAN_32},
    {"mulm1", SNAN_32, QNAN_32},
    {"sub0", SNAN_32, QNAN_32},
    {"addm0", SNAN_32, QNAN_32},
    {"div1", SNAN_32, QNAN_32},
    {"m0sub", SNAN_32, QNAN_32},
    {"mininf", SNAN_32, QNAN_32},
    {"local", SNAN_32, QNAN_32},
    {"round", SNAN_32, QNAN_32},
    {"roundlocal", SNAN_32, QNAN_32},
    {"nearest", SNAN_32, QNAN_32},
    {"ceil", SNAN_32, QNAN_32},
    {"sqrt", SNAN_32, QNAN_32},
    {"minself", SNAN_32, QNAN_32},
    {"maxrev", SNAN_32, QNAN_32},
    /* Sign operations and copies touch no other bit. */
    {"neg", SNAN_32, SNAN_32 | MINUS_ZERO_32},
    {"abs", SNAN_32 | MINUS_ZERO_32, SNAN_32},
    {"sign", SNAN_32, SNAN_32 | MINUS_ZERO_32},
    {"same", SNAN_32, SNAN_32},
    /* And numbers are what they were. */
    {"mul1", 0x3fc00000, 0x3fc00000},
    {"round", MINUS_ZERO_32, MINUS_ZERO_32},
    {"round", 1, 1},
    {"sub0", MINUS_ZERO_32, MINUS_ZERO_32},
    {"mininf", INF_32, INF_32},
    {"nearest", 0x3f000000, 0},          /* 0.5 to even */
    {"nearest", 0x3fc00000, 0x40000000}, /* 1.5 to even */
    {"nearest", 0xbf000000, MINUS_ZERO_32},
    {"min0", MINUS_ZERO_32, MINUS_ZERO_32},
    {"max0", MINUS_ZERO_32, 0},
};

static void nan_and_zero_follow_the_specification(void **state)
{
    (void)state;
    for (int opt = CG_OPT_QUICK; opt <= CG_OPT_BEST; opt++) {
        struct machine m;
        machine_init(&m, float_wat);
        machine_load(&m, (struct cg_options){.opt = (enum cg_opt)opt});
        for (size_t i = 0; i < COUNT_OF(float_cases); i++) {
            union abi_value slot = {.u32 = float_cases[i].value};
            machine_call(&m, float_cases[i].name, &slot);
            u32 sign = float_cases[i].want == QNAN_32 ? MINUS_ZERO_32 : 0; /* of a NaN: any */
            if ((slot.u32 & ~sign) != float_cases[i].want)
                fail_msg("opt %d: %s(%x) = %x", opt, float_cases[i].name, float_cases[i].value,
                         slot.u32);
        }
        machine_fini(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_wrap_and_trap_at_their_edges),
        cmocka_unit_test(truncation_is_exact_at_its_bounds),
        cmocka_unit_test(nan_and_zero_follow_the_specification),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
