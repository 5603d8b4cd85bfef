/* Tables, bulk memory and references of compiled modules: fresh again after anything a guest did to
 * them, done in pieces between which a guest can be taken off, nothing written before a trap. */
#include "base/file.h"
#include "proc/compile.h"
#include "runtime/internal.h"
#include "test/test.h"
#include "test/unit/runtime/wat.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE         ((u64)256 * KIB)
#define PIECE_ENTRIES (PIECE / sizeof(struct abi_entry))

/* mess: does to an instance what the bits of its parameter say. */
static const char mess_source[] =
    "(module\n"
    "  (memory (export \"memory\") 2 8)\n"
    "  (table $calls (export \"calls\") 4 100 funcref)\n"
    "  (table $hosts 3 5000 externref)\n"
    "  (table $fixed 2 2 funcref)\n"
    "  (global $host (mut externref) (ref.null extern))\n"
    "  (global $func (mut funcref) (ref.func $one))\n"
    "  (elem (table $calls) (i32.const 1) func $one $two)\n"
    "  (elem $spare func $two $one $two)\n"
    "  (data $words \"passive bytes\")\n"
    "  (data (i32.const 70000) \"active\")\n"
    "  (func $one (result i32) (i32.const 1))\n"
    "  (func $two (result i32) (i32.const 2))\n"
    "  (func $bit (param i32 i32) (result i32)\n"
    "    (i32.and (i32.shr_u (local.get 0) (local.get 1)) (i32.const 1)))\n"
    "  (func (export \"mess\") (param $how i32) (param $ref externref) (result i32)\n"
    "    (if (call $bit (local.get $how) (i32.const 0)) (then\n"
    "      (table.set $calls (i32.const 0) (ref.func $two))))\n"
    "    (if (call $bit (local.get $how) (i32.const 1)) (then\n"
    "      (drop (table.grow $calls (ref.func $one) (i32.rem_u (local.get $how)\n"
    "                                                          (i32.const 97))))))\n"
    "    (if (call $bit (local.get $how) (i32.const 2)) (then\n"
    "      (drop (table.grow $hosts (local.get $ref) (i32.const 3000)))))\n"
    "    (if (call $bit (local.get $how) (i32.const 3)) (then\n"
    "      (table.fill $hosts (i32.const 1) (local.get $ref) (i32.const 2))))\n"
    "    (if (call $bit (local.get $how) (i32.const 4)) (then\n"
    "      (table.copy $fixed $calls (i32.const 0) (i32.const 1) (i32.const 2))))\n"
    "    (if (call $bit (local.get $how) (i32.const 5)) (then\n"
    "      (table.init $calls $spare (i32.const 1) (i32.const 0) (i32.const 3))))\n"
    "    (if (call $bit (local.get $how) (i32.const 6)) (then (elem.drop $spare)))\n"
    "    (if (call $bit (local.get $how) (i32.const 7)) (then\n"
    "      (memory.init $words (i32.const 69998) (i32.const 0) (i32.const 13))))\n"
    "    (if (call $bit (local.get $how) (i32.const 8)) (then (data.drop $words)))\n"
    "    (if (call $bit (local.get $how) (i32.const 9)) (then\n"
    "      (drop (memory.grow (i32.const 2)))\n"
    "      (memory.fill (i32.const 100000) (local.get $how) (i32.const 100000))\n"
    "      (memory.copy (i32.const 50) (i32.const 69990) (i32.const 30000))))\n"
    "    (if (call $bit (local.get $how) (i32.const 10)) (then\n"
    "      (global.set $host (local.get $ref)) (global.set $func (ref.null func))))\n"
    "    (if (call $bit (local.get $how) (i32.const 11)) (then (unreachable)))\n"
    "    (call_indirect $calls (result i32) (i32.const 2))))\n";

/* work: calls the host, which has the builtins at hand. */
static const char work_source[] =
    "(module\n"
    "  (import \"env\" \"work\" (func $work (param i32) (result i32)))\n"
    "  (memory 160)\n"
    "  (table $grows 1 externref)\n"
    "  (table $other 20000 externref)\n"
    "  (func (export \"work\") (param i32) (result i32) (call $work (local.get 0)))\n"
    "  (func (export \"grow\") (param i32 externref) (result i32)\n"
    "    (table.grow $grows (local.get 1) (local.get 0)))\n"
    "  (func (export \"get\") (param i32) (result externref)\n"
    "    (table.get $grows (local.get 0))))\n";

struct fixture {
    char folder[64];
    struct proc_cache cache;
    struct proc_artifact mess, work;
    struct rt_engine *engine;
    struct rt_module *module;
};

static struct fixture fixture;

static int compile_all(void **state)
{
    struct fixture *f = *state = &fixture;
    struct err err = {0};
    snprintf(f->folder, sizeof f->folder, "/tmp/weir-test-XXXXXX");
    if (mkdtemp(f->folder) == NULL || !proc_cache_open_temporary(&f->cache, &err))
        return 1;
    compile_wat(f->folder, &f->cache, mess_source, &f->mess);
    compile_wat(f->folder, &f->cache, work_source, &f->work);
    return 0;
}

static int remove_all(void **state)
{
    (void)state;
    char command[128];
    proc_cache_close(&fixture.cache);
    snprintf(command, sizeof command, "rm -r %.63s", fixture.folder);
    return system(command);
}

static void begin(struct fixture *f, const struct proc_artifact *artifact,
                  const struct rt_host_func *host)
{
    struct err err = {0};
    if (!rt_engine_create(&f->engine, NULL, &err))
        fail_msg("%s", err.text);
    if (host != NULL)
        rt_engine_add_host(f->engine, host, 1);
    if (!rt_module_load(&f->module, f->engine, artifact->code_path, artifact->module_path,
                        &f->cache.mac_key, &err))
        fail_msg("%s", err.text);
}

static void end(struct fixture *f)
{
    rt_module_release(&f->module);
    rt_engine_destroy(&f->engine);
}

static struct rt_fiber *start(struct fixture *f, struct rt_instance *instance, const char *name,
                              u64 a, u64 b)
{
    struct rt_fiber *fiber;
    const union abi_value args[] = {{.u64 = a}, {.u64 = b}};
    const struct rt_export *export = rt_module_export_find(f->module, name, strlen(name));
    assert_non_null(export);
    assert_true(rt_fiber_take(&fiber, f->engine, NULL));
    rt_fiber_begin(fiber, instance, export->index, args, NULL);
    return fiber;
}

/* Runs to the end; a trap fails the test. */
static u64 call(struct fixture *f, struct rt_instance *instance, const char *name, u64 a, u64 b)
{
    struct rt_fiber *fiber = start(f, instance, name, a, b);
    assert_int_equal(rt_fiber_run(fiber), RT_EXIT_DONE);
    u64 result = rt_fiber_results(fiber)[0].u64;
    rt_fiber_release(&fiber);
    return result;
}

/* ---- freshness ---- */

/* A copy of all that a guest can see or reach of an instance, behind the ends of its tables too. */
static void copy_state(const struct rt_instance *instance, struct buf *out)
{
    const struct rt_module_file *file = &instance->module->file;
    buf_clear(out);
    buf_add(out, &instance->memories[0].abi.size_bytes, sizeof(u64));
    buf_add(out, instance->memories[0].abi.base, instance->memories[0].abi.size_bytes);
    buf_add(out, rt_ctx_globals(instance), file->global_count * sizeof(union abi_value));
    for (u32 i = 0; i < file->table_count; i++) {
        const struct abi_table *table = &instance->tables[i].abi;
        buf_add(out, &table->len, sizeof table->len);
        buf_add(out, table->entries, (table->max + 1) * sizeof *table->entries);
    }
    buf_add(out, instance->entries, file->entry_count * sizeof *instance->entries);
    buf_add(out, instance->data_dropped, file->data_count);
    buf_add(out, instance->elem_dropped, file->elem_count);
    assert_true(buf_ok(out));
}

/* Ten thousand requests: each way twice and more, some ending in a trap, all on one instance. */
static void an_instance_is_fresh_whatever_was_done_to_it(void **state)
{
    struct fixture *f = *state;
    struct rt_pool *pool;
    struct rt_instance *instance;
    struct buf fresh, now;
    begin(f, &f->mess, NULL);
    buf_init(&fresh, 16 * MIB);
    buf_init(&now, 16 * MIB);
    assert_true(rt_pool_create(&pool, f->module, 1, NULL));
    assert_true(rt_pool_take(pool, &instance, NULL));
    copy_state(instance, &fresh);
    u32 changed = 0;
    for (u32 how = 0; how < 10000; how++) {
        struct rt_fiber *fiber = start(f, instance, "mess", how, 0xdead0000 + how);
        enum rt_exit exit = rt_fiber_run(fiber);
        assert_int_equal(exit, how >> 11 & 1 ? RT_EXIT_TRAP : RT_EXIT_DONE);
        rt_fiber_release(&fiber);
        changed += instance->any_dropped || instance->tables[0].changed;
        rt_pool_release(pool, &instance);
        assert_true(rt_pool_take(pool, &instance, NULL));
        copy_state(instance, &now);
        assert_int_equal(now.len, fresh.len);
        if (memcmp(now.bytes, fresh.bytes, fresh.len) != 0)
            fail_msg("not fresh after %u", how);
    }
    assert_true(changed > 5000);
    assert_int_equal(call(f, instance, "mess", 0, 0), 2);
    rt_pool_release(pool, &instance);
    rt_pool_destroy(&pool);
    buf_fini(&fresh);
    buf_fini(&now);
    end(f);
}

/* ---- work in pieces ---- */

/* What the host function does for the guest, by its argument. */
struct job {
    enum { JOB_FILL, JOB_COPY, JOB_TABLE_FILL, JOB_TABLE_COPY } kind;
    u64 to, from, len;
};
static struct job jobs[16];

/* As if a tick had come just before: the builtin must leave after its first piece. */
static u32 host_work(struct rt_instance *instance, u32 index)
{
    const struct job *job = &jobs[index];
    struct abi_vmctx *ctx = instance->ctx;
    ctx->exec->pending = 1;
    switch (job->kind) {
    case JOB_FILL: rt_builtins.memory_fill(ctx, 0, job->to, 0x5a, job->len); break;
    case JOB_COPY: rt_builtins.memory_copy(ctx, 0, 0, job->to, job->from, job->len); break;
    case JOB_TABLE_FILL: rt_builtins.table_fill(ctx, 1, job->to, 7, job->len); break;
    case JOB_TABLE_COPY: rt_builtins.table_copy(ctx, 1, 1, job->to, job->from, job->len); break;
    }
    return 1;
}

static const struct rt_host_func host = {
    "env", "work", "i_i", "job", RT_HOST_MAY_SUSPEND, (rt_host_code *)host_work};

static void set_pattern(struct rt_instance *instance)
{
    struct abi_table *table = &instance->tables[1].abi;
    u8 *bytes = instance->memories[0].abi.base;
    for (u64 i = 0; i < instance->memories[0].abi.size_bytes; i++)
        bytes[i] = (u8)(i * 31 + (i >> 12));
    for (u64 i = 0; i < table->len; i++)
        table->entries[i] = (struct abi_entry){.ref = i + 1};
}

/* The same job done by the C library on a copy. */
static void expect_done(const struct rt_instance *instance, const struct job *job, u8 *bytes,
                        struct abi_entry *entries)
{
    const struct abi_entry filled = {.ref = 7};
    switch (job->kind) {
    case JOB_FILL: memset(bytes + job->to, 0x5a, job->len); break;
    case JOB_COPY: memmove(bytes + job->to, bytes + job->from, job->len); break;
    case JOB_TABLE_FILL:
        for (u64 i = 0; i < job->len; i++)
            entries[job->to + i] = filled;
        break;
    case JOB_TABLE_COPY:
        memmove(entries + job->to, entries + job->from, job->len * sizeof *entries);
        break;
    }
    const struct abi_table *table = &instance->tables[1].abi;
    assert_memory_equal(bytes, instance->memories[0].abi.base,
                        instance->memories[0].abi.size_bytes);
    assert_memory_equal(entries, table->entries, table->len * sizeof *entries);
}

static void run_job(struct fixture *f, struct rt_instance *instance, u32 index)
{
    const struct abi_table *table = &instance->tables[1].abi;
    u64 size = instance->memories[0].abi.size_bytes;
    set_pattern(instance);
    u8 *bytes = malloc(size);
    struct abi_entry *entries = calloc(table->len, sizeof *entries);
    assert_true(bytes != NULL && entries != NULL);
    memcpy(bytes, instance->memories[0].abi.base, size);
    memcpy(entries, table->entries, table->len * sizeof *entries);
    struct rt_fiber *fiber = start(f, instance, "work", index, 0);
    assert_int_equal(rt_fiber_run(fiber), RT_EXIT_PREEMPTED);
    while (rt_fiber_run(fiber) == RT_EXIT_PREEMPTED)
        continue;
    assert_int_equal(rt_fiber_results(fiber)[0].u32, 1);
    rt_fiber_release(&fiber);
    expect_done(instance, &jobs[index], bytes, entries);
    free(bytes);
    free(entries);
}

static void pieces_overlap_in_both_directions(void **state)
{
    struct fixture *f = *state;
    struct rt_instance *instance;
    static const struct job all[] = {
        {JOB_FILL, 1, 0, 3 * PIECE + 5},
        {JOB_COPY, 1000, 1001, 4 * PIECE + 5},
        {JOB_COPY, 1001, 1000, 4 * PIECE + 5},
        {JOB_COPY, 0, PIECE - 1, 5 * PIECE},
        {JOB_COPY, PIECE - 1, 0, 5 * PIECE},
        {JOB_COPY, PIECE, 0, 5 * PIECE},
        {JOB_COPY, 0, PIECE + 1, 2 * PIECE},
        {JOB_COPY, 4 * PIECE, 4 * PIECE, 2 * PIECE},
        {JOB_COPY, 9 * PIECE, 0, 160 * ABI_PAGE_BYTES - 9 * PIECE},
        {JOB_TABLE_FILL, 1, 0, 2 * PIECE_ENTRIES + 1},
        {JOB_TABLE_COPY, 0, 1, 2 * PIECE_ENTRIES + 3},
        {JOB_TABLE_COPY, 1, 0, 2 * PIECE_ENTRIES + 3},
        {JOB_TABLE_COPY, PIECE_ENTRIES - 1, 0, PIECE_ENTRIES + 100},
        {JOB_TABLE_COPY, 3, PIECE_ENTRIES + 3, PIECE_ENTRIES + 100},
    };
    memcpy(jobs, all, sizeof all);
    begin(f, &f->work, &host);
    assert_true(rt_instance_create(&instance, f->module, NULL, 0, NULL));
    for (u32 i = 0; i < COUNT_OF(all); i++)
        run_job(f, instance, i);
    rt_instance_destroy(&instance);
    end(f);
}

/* Killed between two pieces: exactly the first one is done, and the pool has a fresh instance. */
static void a_guest_is_killed_between_pieces(void **state)
{
    struct fixture *f = *state;
    struct rt_pool *pool;
    struct rt_instance *instance;
    begin(f, &f->work, &host);
    assert_true(rt_pool_create(&pool, f->module, 1, NULL));
    jobs[0] = (struct job){JOB_FILL, 0, 0, 4 * PIECE};
    jobs[1] = (struct job){JOB_TABLE_FILL, 0, 0, 2 * PIECE_ENTRIES};
    for (u32 i = 0; i < 2; i++) {
        assert_true(rt_pool_take(pool, &instance, NULL));
        const u8 *bytes = instance->memories[0].abi.base;
        const struct abi_entry *entries = instance->tables[1].abi.entries;
        struct rt_fiber *fiber = start(f, instance, "work", i, 0);
        assert_int_equal(rt_fiber_run(fiber), RT_EXIT_PREEMPTED);
        u64 done = 0;
        while (i == 0 ? bytes[done] == 0x5a : entries[done].ref == 7)
            done++;
        assert_int_equal(done, i == 0 ? PIECE : PIECE_ENTRIES);
        rt_fiber_kill(fiber, ABI_TRAP_CANCELLED);
        assert_int_equal(rt_fiber_trap(fiber)->kind, ABI_TRAP_CANCELLED);
        rt_fiber_release(&fiber);
        rt_pool_release(pool, &instance);
        assert_true(rt_pool_take(pool, &instance, NULL));
        assert_int_equal(instance->memories[0].abi.base[0], 0);
        assert_int_equal(instance->memories[0].abi.base[PIECE - 1], 0);
        assert_int_equal(instance->tables[1].abi.entries[0].ref, 0);
        assert_int_equal(instance->tables[1].abi.entries[PIECE_ENTRIES - 1].ref, 0);
        rt_pool_release(pool, &instance);
    }
    rt_pool_destroy(&pool);
    end(f);
}

/* What does not fit is not begun, however many pieces would have fitted. */
static void a_trap_comes_before_the_first_write(void **state)
{
    struct fixture *f = *state;
    struct rt_instance *instance;
    static const u64 size = 160 * ABI_PAGE_BYTES, entries = 20000;
    static const struct job all[] = {
        {JOB_FILL, 0, 0, size + 1},       {JOB_FILL, size, 0, 1},
        {JOB_FILL, PIECE, 0, UINT32_MAX}, {JOB_COPY, 1, 0, size},
        {JOB_COPY, 0, 1, size},           {JOB_COPY, 0, UINT32_MAX, UINT32_MAX},
        {JOB_TABLE_FILL, 1, 0, entries},  {JOB_TABLE_FILL, entries + 1, 0, 0},
        {JOB_TABLE_COPY, 1, 0, entries},  {JOB_TABLE_COPY, 0, UINT32_MAX, 2},
    };
    memcpy(jobs, all, sizeof all);
    begin(f, &f->work, &host);
    assert_true(rt_instance_create(&instance, f->module, NULL, 0, NULL));
    set_pattern(instance);
    u8 *before = malloc(size);
    assert_non_null(before);
    memcpy(before, instance->memories[0].abi.base, size);
    for (u32 i = 0; i < COUNT_OF(all); i++) {
        struct rt_fiber *fiber = start(f, instance, "work", i, 0);
        assert_int_equal(rt_fiber_run(fiber), RT_EXIT_TRAP);
        assert_int_equal(rt_fiber_trap(fiber)->kind, all[i].kind < JOB_TABLE_FILL
                                                         ? ABI_TRAP_MEMORY_BOUNDS
                                                         : ABI_TRAP_TABLE_BOUNDS);
        rt_fiber_release(&fiber);
        assert_memory_equal(instance->memories[0].abi.base, before, size);
        for (u64 k = 0; k < entries; k++)
            assert_int_equal(instance->tables[1].abi.entries[k].ref, k + 1);
    }
    free(before);
    rt_instance_destroy(&instance);
    end(f);
}

/* Ten million elements of all tables together, and no element more. */
static void tables_grow_to_their_limit(void **state)
{
    struct fixture *f = *state;
    struct rt_pool *pool;
    struct rt_instance *instance;
    const u32 most = (u32)RT_TABLE_LEN_MAX - 20000; /* the other table has the rest */
    begin(f, &f->work, &host);
    assert_true(rt_pool_create(&pool, f->module, 1, NULL));
    for (u32 round = 0; round < 2; round++) {
        assert_true(rt_pool_take(pool, &instance, NULL));
        assert_int_equal((u32)call(f, instance, "grow", UINT32_MAX, 5), UINT32_MAX);
        assert_int_equal((u32)call(f, instance, "grow", most, 5), UINT32_MAX);
        assert_int_equal((u32)call(f, instance, "grow", most - 2, 0), 1);
        assert_int_equal(call(f, instance, "get", most - 2, 0), 0);
        assert_int_equal((u32)call(f, instance, "grow", 1, 5), most - 1);
        assert_int_equal(call(f, instance, "get", most - 1, 0), 5);
        assert_int_equal((u32)call(f, instance, "grow", 1, 5), UINT32_MAX);
        assert_int_equal((u32)call(f, instance, "grow", 0, 5), most);
        rt_pool_release(pool, &instance);
    }
    rt_pool_destroy(&pool);
    end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_instance_is_fresh_whatever_was_done_to_it),
        cmocka_unit_test(pieces_overlap_in_both_directions),
        cmocka_unit_test(a_guest_is_killed_between_pieces),
        cmocka_unit_test(a_trap_comes_before_the_first_write),
        cmocka_unit_test(tables_grow_to_their_limit),
    };
    return cmocka_run_group_tests(tests, compile_all, remove_all);
}
