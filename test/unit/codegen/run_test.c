/* Control, calls, memory and globals of compiled code, run in this process in every mode. */
#include "machine.h"

/* ---- calls with more than registers hold ---- */

#define WAT_BYTES 16384
#define PARAMS    40
#define RESULTS   20

/* Parameter i is of type "i32 i64 f32 f64"[i % 4]; result i is parameter 2 * i + 1, so f32 never
 * and i64, f64 in turns. */
static const char *const type_names[] = {"i32", "i64", "f32", "f64"};

static void add(char *wat, const char *format, ...) PRINTF_LIKE(2, 3);
static void add(char *wat, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t at = strlen(wat);
    vsnprintf(wat + at, WAT_BYTES - at, format, args);
    va_end(args);
}

static void add_signature(char *wat)
{
    add(wat, "(param");
    for (u32 i = 0; i < PARAMS; i++)
        add(wat, " %s", type_names[i % 4]);
    add(wat, ") (result");
    for (u32 i = 0; i < RESULTS; i++)
        add(wat, " %s", type_names[(2 * i + 1) % 4]);
    add(wat, ")");
}

static void add_gets(char *wat)
{
    for (u32 i = 0; i < PARAMS; i++)
        add(wat, "(local.get %u)", i);
}

/* $pick returns its odd parameters; $direct and $indirect hand everything on. */
static void wide_wat(char *wat)
{
    wat[0] = 0;
    add(wat, "(module (type $wide (func ");
    add_signature(wat);
    add(wat, ")) (table 2 funcref) (elem (i32.const 1) $pick) (func $pick (export \"pick\")"
             " (type $wide)");
    for (u32 i = 0; i < RESULTS; i++)
        add(wat, "(local.get %u)", 2 * i + 1);
    add(wat, ") (func (export \"direct\") (type $wide)");
    add_gets(wat);
    add(wat, "(call $pick)) (func (export \"indirect\") (type $wide)");
    add_gets(wat);
    add(wat, "(i32.const 1) (call_indirect (type $wide))))");
}

static void wide_arguments(union abi_value *slots)
{
    for (u32 i = 0; i < PARAMS; i++) {
        slots[i].u64 = 0;
        switch (i % 4) {
        case 0: slots[i].u32 = 1000 + i; break;
        case 1: slots[i].u64 = ((u64)7 << 40) + i; break;
        case 2: slots[i].f32 = (f32)i + 0.5f; break;
        default: slots[i].f64 = (f64)i + 0.25; break;
        }
    }
}

static void calls_pass_forty_parameters_and_twenty_results(void **state)
{
    (void)state;
    static const char *const names[] = {"pick", "direct", "indirect"};
    static char wat[WAT_BYTES];
    wide_wat(wat);
    MACHINE_MODES(options)
    {
        struct machine m;
        machine_init(&m, wat);
        machine_load(&m, options);
        for (size_t n = 0; n < COUNT_OF(names); n++) {
            /* The caller's slots: its own, and the values area itself. */
            union abi_value own[PARAMS], want[PARAMS], *slots = n == 1 ? m.values : own;
            wide_arguments(want);
            wide_arguments(slots);
            machine_call(&m, names[n], slots);
            for (u32 i = 0; i < RESULTS; i++)
                assert_int_equal(slots[i].u64, want[2 * i + 1].u64);
        }
        machine_fini(&m);
    }
}

/* ---- host functions ---- */

struct host_call {
    u32 calls, sum;
    f64 last;
};

static u64 host_sum(void *instance, u32 a, u64 b, f32 c, u32 d, u32 e, u32 f, u32 g, f64 h, u64 i)
{
    struct host_call *call = instance;
    call->calls++;
    call->sum = a + (u32)b + d + e + f + g + (u32)i;
    call->last = (f64)c + h;
    return (u64)call->sum << 32 | call->calls;
}

static const char host_wat[] =
    "(module (import \"env\" \"sum\" (func $sum (param i32 i64 f32 i32 i32 i32 i32 f64 i64)"
    " (result i64))) (func (export \"run\") (param i32) (result i64)"
    " (call $sum (local.get 0) (i64.const 2) (f32.const 0.5) (i32.const 3) (i32.const 4)"
    "  (i32.const 5) (i32.const 6) (f64.const 0.25) (i64.const 7))))";

static u64 host_few(void *instance, u32 a, f64 b)
{
    return host_sum(instance, a, 2, 0.5f, 3, 4, 5, 6, b, 7);
}

/* Every argument has a register: no stub is needed. */
static const char host_few_wat[] =
    "(module (import \"env\" \"few\" (func $few (param i32 f64) (result i64)))"
    " (func (export \"run\") (param i32) (result i64)"
    " (call $few (local.get 0) (f64.const 0.25))))";

static void connect_host(struct machine *m, void *fn, struct host_call *call)
{
    const i32 *host_calls = (const i32 *)(m->code + 1) + m->code->func_count + m->code->type_count;
    u32 type = m->module->funcs[0].type;
    assert_int_not_equal(host_calls[type], 0);
    struct abi_host *host = machine_host(m, 0);
    *host = (struct abi_host){.vmctx = m->ctx, .fn = fn, .instance = call};
    *machine_import(m, 0) = (struct abi_entry){
        .code = (u8 *)(uintptr_t)m->code + host_calls[type], .ctx = host, .type_id = type + 1};
}

static void call_host(const char *wat, void *fn, struct cg_options options)
{
    struct machine m;
    struct host_call call = {0};
    machine_init(&m, wat);
    machine_load(&m, options);
    connect_host(&m, fn, &call);
    union abi_value slot = {.u32 = 1};
    m.exec.pending = 1;
    machine_call(&m, "run", &slot);
    assert_int_equal(slot.u64, (u64)28 << 32 | 1);
    assert_true(call.last == 0.75);
    assert_int_equal(m.exec.pending, 0); /* yielded at the exit */
    /* Without room for host code the call traps before it is made. */
    m.exec.stack_limit = (u64)(uintptr_t)__builtin_frame_address(0) - ABI_HOST_STACK / 2;
    assert_int_equal(machine_trap(&m, "run", &slot), ABI_TRAP_STACK_EXHAUSTED);
    assert_int_equal(call.calls, 1);
    machine_fini(&m);
}

static void host_functions_get_c_arguments(void **state)
{
    (void)state;
    MACHINE_MODES(options)
    {
        call_host(host_wat, (void *)(uintptr_t)host_sum, options);
        call_host(host_few_wat, (void *)(uintptr_t)host_few, options);
    }
}

/* ---- call_indirect ---- */

static const char table_wat[] =
    "(module (type $i (func (result i32))) (type $l (func (result i64)))"
    " (table 4 funcref) (elem (i32.const 1) $one $two)"
    " (global $g (mut i32) (i32.const 5))"
    " (func $one (result i32) (global.set $g (i32.add (global.get $g) (i32.const 1)))"
    "  (i32.const 1))"
    " (func $two (result i64) (i64.const 2))"
    " (func (export \"call\") (param i32) (result i32)"
    "  (call_indirect (type $i) (local.get 0)))"
    /* The callee changes a global that the caller has read before and reads after. */
    " (func (export \"seen\") (result i32) (local i32)"
    "  (local.set 0 (global.get $g))"
    "  (drop (call_indirect (type $i) (i32.const 1)))"
    "  (i32.sub (global.get $g) (local.get 0))))";

static void indirect_calls_trap_by_kind(void **state)
{
    (void)state;
    static const struct {
        u32 index;
        int trap;
    } cases[] = {
        {0, ABI_TRAP_NULL_ELEMENT},          {2, ABI_TRAP_CALL_TYPE},
        {3, ABI_TRAP_NULL_ELEMENT},          {4, ABI_TRAP_TABLE_BOUNDS},
        {UINT32_MAX, ABI_TRAP_TABLE_BOUNDS},
    };
    MACHINE_MODES(options)
    {
        struct machine m;
        machine_init(&m, table_wat);
        machine_load(&m, options);
        union abi_value slot = {.u32 = 1};
        machine_call(&m, "call", &slot);
        assert_int_equal(slot.u32, 1);
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
            slot.u32 = cases[i].index;
            assert_int_equal(machine_trap(&m, "call", &slot), cases[i].trap);
        }
        machine_call(&m, "seen", &slot);
        assert_int_equal(slot.u32, 1);
        machine_fini(&m);
    }
}

/* An element of another instance runs in that one's context, with the same code or other code. */
static void elements_run_in_their_own_context(void **state)
{
    (void)state;
    MACHINE_MODES(options)
    {
        struct machine m, other;
        machine_init(&m, table_wat);
        machine_init(&other, table_wat);
        machine_load(&m, options);
        machine_load(&other, options);
        void *const codes[] = {m.table.entries[1].code, other.table.entries[1].code};
        for (u32 i = 0; i < COUNT_OF(codes); i++) {
            m.table.entries[1].code = codes[i];
            m.table.entries[1].ctx = other.ctx;
            union abi_value slot = {0};
            machine_call(&m, "seen", &slot);
            assert_int_equal(slot.u32, 0);
            assert_int_equal(machine_global(&m, 0)->u32, 5);
            assert_int_equal(machine_global(&other, 0)->u32, 6 + i);
        }
        machine_fini(&other);
        machine_fini(&m);
    }
}

/* ---- control ---- */

static const char control_wat[] =
    "(module"
    " (func (export \"table\") (param i32) (result i32)"
    "  (block $c (result i32) (block $b (result i32) (block $a (result i32)"
    "   (br_table $a $b $a $c (i32.const 10) (local.get 0)))"
    "   (i32.add (i32.const 1))) (i32.add (i32.const 100))))"
    " (func (export \"loop\") (param i32) (result i64) (local i32)"
    "  (i64.const 0) (loop $l (param i64) (result i64)"
    "   (i64.extend_i32_u (local.get 0)) (i64.add)"
    "   (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))"
    " (func (export \"if\") (param i32) (result i32)"
    "  (i32.const 40) (i32.const 2)"
    "  (if (param i32 i32) (result i32) (local.get 0)"
    "   (then (i32.add)) (else (i32.sub))))"
    " (func (export \"noelse\") (param i32) (result i32)"
    "  (i32.const 7) (if (param i32) (result i32) (local.get 0)"
    "   (then (i32.const 1) (i32.add))))"
    " (func (export \"dead\") (param i32) (result i32)"
    "  (block (result i32) (local.get 0) (br 0) (block (loop (br 1) (unreachable))"
    "   (if (result i32) (i32.const 1) (then (i32.const 1)) (else (i32.const 2))) drop)"
    "   (i32.const 3) (i32.add)))"
    " (func (export \"early\") (param i32) (result i32)"
    "  (if (local.get 0) (then (return (i32.const 1)))) (i32.const 2))"
    " (func (export \"swap\") (param i32) (result i32)"
    "  (local.get 0) (i32.const 1) (block (param i32 i32) (result i32 i32)) (i32.sub))"
    " (func (export \"unreachable\") (param i32) (result i32) (unreachable))"
    " (func (export \"select\") (param i32) (result i32)"
    "  (select (i32.const 3) (i32.const 4) (local.get 0)))"
    " (func (export \"fact\") (param i32) (result i32)"
    "  (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 1))"
    "   (else (i32.mul (local.get 0) (call 9 (i32.sub (local.get 0) (i32.const 1))))))))";

static void blocks_branch_with_their_values(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        u32 value;
        u64 want;
    } cases[] = {
        {"table", 0, 111},  {"table", 1, 110},     {"table", 2, 111}, {"table", 3, 10},
        {"table", ~0u, 10}, {"loop", 10, 55},      {"if", 1, 42},     {"if", 0, 38},
        {"noelse", 1, 8},   {"noelse", 0, 7},      {"dead", 9, 9},    {"early", 1, 1},
        {"early", 0, 2},    {"swap", 5, 4},        {"select", 1, 3},  {"select", 0, 4},
        {"select", 2, 3},   {"fact", 10, 3628800},
    };
    MACHINE_MODES(options)
    {
        struct machine m;
        machine_init(&m, control_wat);
        machine_load(&m, options);
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
            union abi_value slot = {.u64 = cases[i].value};
            machine_call(&m, cases[i].name, &slot);
            u64 got = strcmp(cases[i].name, "loop") == 0 ? slot.u64 : slot.u32;
            if (got != cases[i].want)
                fail_msg("%s(%u) = %llu", cases[i].name, cases[i].value, (unsigned long long)got);
        }
        union abi_value slot = {0};
        assert_int_equal(machine_trap(&m, "unreachable", &slot), ABI_TRAP_UNREACHABLE);
        machine_fini(&m);
    }
}

/* ---- memory ---- */

static const char memory_wat[] =
    "(module (memory 2) (data (i32.const 0) \"\\81\\82\\83\\84\\85\\86\\87\\88\")"
    " (func (export \"load8s\") (param i32) (result i32) (i32.load8_s (local.get 0)))"
    " (func (export \"load16u\") (param i32) (result i32) (i32.load16_u offset=1 (local.get 0)))"
    " (func (export \"load64\") (param i32) (result i64) (i64.load (local.get 0)))"
    " (func (export \"load32s\") (param i32) (result i64) (i64.load32_s (local.get 0)))"
    " (func (export \"store8\") (param i32) (result i32)"
    "  (i32.store8 (local.get 0) (i32.const 0x1ff)) (i32.load (local.get 0)))"
    " (func (export \"unused\") (param i32) (drop (i32.load (local.get 0))))"
    " (func (export \"unused8\") (param i32) (drop (i32.eqz (i32.load8_u (local.get 0)))))"
    " (func (export \"far\") (param i32) (result i32)"
    "  (i32.load offset=0xffffffff (local.get 0)))"
    " (func (export \"middle\") (param i32) (result i32)"
    "  (i32.load offset=0x2000000 (local.get 0)))"
    " (func (export \"farstore\") (param i32) (i32.store8 offset=0xfffffff0 (local.get 0)"
    "  (i32.const 1)))"
    " (func (export \"size\") (param i32) (result i32) (memory.size))"
    " (func (export \"grow\") (param i32) (result i32) (memory.grow (local.get 0))))";

static void memory_is_read_written_and_guarded(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        u32 value;
        u64 want;
        int trap;
    } cases[] = {
        {"load8s", 0, (u32)-127, 0},
        {"load16u", 0, 0x8382, 0},
        {"load64", 0, 0x8887868584838281, 0},
        {"load32s", 4, 0xffffffff88878685, 0},
        {"store8", 100, 0xff, 0},
        {"load8s", 131071, 0, 0},
        {"size", 0, 2, 0},
        {"grow", 3, 3, 0},
        {"grow", ~0u, ~0u, 0},
        {"load8s", 131072, 0, MACHINE_SIGNAL + SIGSEGV},
        {"load64", 131065, 0, MACHINE_SIGNAL + SIGSEGV},
        {"load64", ~0u, 0, MACHINE_SIGNAL + SIGSEGV},
        {"unused", 131069, 0, MACHINE_SIGNAL + SIGSEGV},
        {"unused8", 131072, 0, MACHINE_SIGNAL + SIGSEGV},
        /* Beyond the guard the code checks: never a wrapped address. */
        {"far", 0, 0, ABI_TRAP_MEMORY_BOUNDS},
        {"far", 1, 0, ABI_TRAP_MEMORY_BOUNDS},
        {"far", ~0u, 0, ABI_TRAP_MEMORY_BOUNDS},
        {"middle", ~0u, 0, ABI_TRAP_MEMORY_BOUNDS},
        {"farstore", 16, 0, ABI_TRAP_MEMORY_BOUNDS},
    };
    MACHINE_MODES(options)
    {
        struct machine m;
        machine_init(&m, memory_wat);
        machine_load(&m, options);
        memcpy(m.memory.base, m.module->data[0].bytes, m.module->data[0].len);
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
            union abi_value slot = {.u64 = cases[i].value};
            if (cases[i].trap != 0) {
                int trap = machine_trap(&m, cases[i].name, &slot);
                if (trap != cases[i].trap)
                    fail_msg("%s(%u): trap %d", cases[i].name, cases[i].value, trap);
                continue;
            }
            machine_call(&m, cases[i].name, &slot);
            bool is_64 =
                strcmp(cases[i].name, "load64") == 0 || strcmp(cases[i].name, "load32s") == 0;
            assert_int_equal(is_64 ? slot.u64 : slot.u32, cases[i].want);
        }
        machine_fini(&m);
    }
}

/* Copies out of the guest's stack, from offset 8 over their own source and past a later store: what
 * is copied is what was there when it was loaded. */
static const char copy_wat[] =
    "(module (memory 1) (global $sp (mut i32) (i32.const 64))"
    " (func (export \"run\") (param i64) (local $at i32) (local $old i64)"
    "  (local.set $at (i32.sub (global.get $sp) (i32.const 32)))"
    "  (i64.store offset=12 (local.get $at) (i64.load offset=8 (local.get $at)))"
    "  (local.set $old (i64.load offset=16 (local.get $at)))"
    "  (i64.store offset=16 (local.get $at) (local.get 0))"
    "  (i64.store offset=24 (local.get $at) (local.get $old))))";

static void copies_have_the_value_of_their_load(void **state)
{
    (void)state;
    static const u32 before[] = {0xa, 0xb, 1, 2, 3, 4, 5, 6},
                     after[] = {0xa, 0xb, 1, 1, 8, 7, 2, 4};
    MACHINE_MODES(options)
    {
        struct machine m;
        union abi_value slot = {.u64 = 0x0000000700000008};
        machine_init(&m, copy_wat);
        machine_load(&m, options);
        memcpy(m.memory.base + 32, before, sizeof before);
        machine_call(&m, "run", &slot);
        assert_memory_equal(m.memory.base + 32, after, sizeof after);
        machine_fini(&m);
    }
}

static const char global_wat[] =
    "(module (import \"a\" \"b\" (global $imported (mut i64))) (global $own (mut f64)"
    " (f64.const 1.5)) (global $fixed i32 (i32.const 9))"
    " (func (export \"run\") (param i64) (result i64 f64 i32)"
    "  (global.set $imported (i64.add (global.get $imported) (local.get 0)))"
    "  (global.set $own (f64.mul (global.get $own) (global.get $own)))"
    "  (global.get $imported) (global.get $own) (global.get $fixed)))";

static void globals_own_and_imported(void **state)
{
    (void)state;
    MACHINE_MODES(options)
    {
        struct machine m;
        union abi_value outside = {.u64 = 40}, slots[3] = {{.u64 = 2}};
        machine_init(&m, global_wat);
        machine_load(&m, options);
        memcpy(machine_global(&m, 0), &(void *){&outside}, sizeof(void *));
        machine_call(&m, "run", slots);
        assert_int_equal(outside.u64, 42);
        assert_int_equal(slots[0].u64, 42);
        assert_true(slots[1].f64 == 2.25);
        assert_int_equal(slots[2].u32, 9);
        machine_fini(&m);
    }
}

/* Bodies of more than a MiB each: every function is compiled apart from the others, and calls,
 * traps and the table reach across. */
static void large_modules_are_compiled_in_parts(void **state)
{
    (void)state;
    enum { NOPS = 1100000 };
    struct buf wat;
    buf_init(&wat, 64 * MIB);
    buf_add_text(&wat, "(module (type $t (func (param i32) (result i32))) (table 3 funcref)"
                       " (elem (i32.const 0) $a $b $c)"
                       " (memory 1)");
    static const char *const funcs[] = {
        "(func $a (export \"a\") (type $t) (i32.add (call $b (local.get 0)) (i32.const 1))",
        "(func $b (export \"b\") (type $t) (i32.add (call $c (local.get 0)) (i32.const 10))",
        "(func $c (export \"c\") (type $t) (i32.div_u (i32.const 100) (local.get 0))",
        "(func $d (export \"d\") (type $t) (call_indirect (type $t) (i32.const 64) (local.get 0))",
        "(func $e (export \"e\") (type $t) (memory.grow (local.get 0))",
    };
    for (size_t i = 0; i < COUNT_OF(funcs); i++) {
        buf_add_text(&wat, funcs[i]);
        for (u32 k = 0; k < NOPS; k++)
            buf_add_text(&wat, " nop");
        buf_add_text(&wat, ")");
    }
    buf_add_text(&wat, ")");
    buf_add_byte(&wat, 0);
    assert_true(buf_ok(&wat));
    for (u32 opt = CG_OPT_QUICK; opt <= CG_OPT_BEST; opt++) {
        struct machine m;
        union abi_value slot = {.u32 = 5};
        machine_init(&m, (const char *)wat.bytes);
        machine_load(&m, (struct cg_options){.opt = (enum cg_opt)opt});
        for (u32 i = 1; i < m.code->func_count; i++)
            assert_true(((const i32 *)(m.code + 1))[i] > ((const i32 *)(m.code + 1))[i - 1]);
        machine_call(&m, "a", &slot);
        assert_int_equal(slot.u32, 31);
        slot.u32 = 2;
        machine_call(&m, "d", &slot);
        assert_int_equal(slot.u32, 1);
        slot.u32 = 0;
        assert_int_equal(machine_trap(&m, "a", &slot), ABI_TRAP_DIVIDE_BY_ZERO);
        slot.u32 = 3;
        assert_int_equal(machine_trap(&m, "d", &slot), ABI_TRAP_TABLE_BOUNDS);
        machine_fini(&m);
    }
    buf_fini(&wat);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_pass_forty_parameters_and_twenty_results),
        cmocka_unit_test(host_functions_get_c_arguments),
        cmocka_unit_test(indirect_calls_trap_by_kind),
        cmocka_unit_test(elements_run_in_their_own_context),
        cmocka_unit_test(blocks_branch_with_their_values),
        cmocka_unit_test(memory_is_read_written_and_guarded),
        cmocka_unit_test(copies_have_the_value_of_their_load),
        cmocka_unit_test(large_modules_are_compiled_in_parts),
        cmocka_unit_test(globals_own_and_imported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
