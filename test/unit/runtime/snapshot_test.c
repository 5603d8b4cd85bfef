/* Snapshots: what goes in comes out; nothing hostile gets in; instances that begin with one are
 * fresh after whatever was done to them. */
#include "base/sanitize.h"
#include "test/unit/runtime/snapshot.h"

static struct fixture fixture;

static int set_up(void **state)
{
    *state = &fixture;
    return compile_all(&fixture) ? 0 : 1;
}

static int tear_down(void **state)
{
    (void)state;
    return remove_all(&fixture) ? 0 : 1;
}

/* ---- what goes in comes out ---- */

/* An entry without the addresses of its instance. */
static void assert_same_entry(const struct rt_instance *a, struct abi_entry at_a,
                              const struct rt_instance *b, struct abi_entry at_b)
{
    u64 import_a = (u64)(uintptr_t)rt_ctx_func_imports(a);
    u64 import_b = (u64)(uintptr_t)rt_ctx_func_imports(b);
    assert_ptr_equal(at_a.code, at_b.code);
    assert_int_equal(at_a.type_id, at_b.type_id);
    if (at_a.ref == import_a || at_a.ref == 0)
        assert_int_equal(at_b.ref, at_a.ref == 0 ? 0 : import_b);
    else
        assert_int_equal(at_a.ref - (u64)(uintptr_t)a->entries,
                         at_b.ref - (u64)(uintptr_t)b->entries);
}

static void assert_same(const struct rt_instance *a, const struct rt_instance *b)
{
    const struct rt_module_file *file = &a->module->file;
    const struct rt_memory *memory_a = &a->memories[0], *memory_b = &b->memories[0];
    assert_int_equal(memory_a->abi.size_bytes, memory_b->abi.size_bytes);
    assert_memory_equal(memory_a->abi.base, memory_b->abi.base, memory_a->abi.size_bytes);
    for (u32 i = 0; i < file->global_count; i++) {
        union abi_value at_a = rt_ctx_globals(a)[i], at_b = rt_ctx_globals(b)[i];
        if (file->globals[i].type.valtype == RT_FUNCREF)
            assert_same_entry(a, rt_ref_entry(RT_FUNCREF, at_a.ref), b,
                              rt_ref_entry(RT_FUNCREF, at_b.ref));
        else
            assert_memory_equal(at_a.v128, at_b.v128, 8);
    }
    for (u32 i = 0; i < file->table_count; i++) {
        assert_int_equal(a->tables[i].abi.len, b->tables[i].abi.len);
        assert_int_equal(a->tables[i].abi.max, b->tables[i].abi.max);
        for (u64 k = 0; k <= a->tables[i].abi.len; k++)
            assert_same_entry(a, a->tables[i].abi.entries[k], b, b->tables[i].abi.entries[k]);
    }
    assert_memory_equal(a->data_dropped, b->data_dropped, file->data_count);
    assert_memory_equal(a->elem_dropped, b->elem_dropped, file->elem_count);
}

static void an_instance_begins_where_another_was(void **state)
{
    struct fixture *f = *state;
    enum rt_exit exit;
    begin(f, NULL);
    told = 0;
    struct rt_instance *first = start(f, f->module), *second;
    assert_int_equal(told, 20);
    assert_true(rt_module_has_start(f->module));
    struct rt_module *module = f->module;
    f->module = load(f, &f->ready);
    give_snapshot(f);
    assert_false(rt_module_has_start(f->module));
    told = 0;
    assert_true(rt_instance_create(&second, f->module, NULL, 0, NULL));
    assert_true(second->started);
    assert_same(first, second);
    assert_int_equal(second->memories[0].abi.size_bytes, 6 * ABI_PAGE_BYTES);
    assert_true(second->data_dropped[1] && !second->data_dropped[0]);
    struct rt_fiber *fiber = run(f, second, "mess", 0, 0, &exit);
    assert_int_equal(exit, RT_EXIT_DONE);
    assert_int_equal(rt_fiber_results(fiber)[0].u32, 2);
    assert_int_equal(told, 0); /* nothing ran before it */
    rt_fiber_release(&fiber);
    /* A snapshot of a snapshot is the same. */
    u64 len, again_len;
    u8 *bytes = take(first, &len), *again = take(second, &again_len);
    assert_int_equal(len, again_len);
    assert_memory_equal(bytes, again, len);
    free(bytes);
    free(again);
    rt_instance_destroy(&second);
    rt_instance_destroy(&first);
    rt_module_release(&module);
    end(f);
}

static void however_it_was_compiled(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    struct rt_instance *first, *instance;
    enum rt_exit exit;
    u64 len;
    begin(f, NULL);
    first = start(f, f->module);
    u8 *bytes = take(first, &len);
    int fd = seal(bytes, len, 0);
    struct rt_module *best = load(f, &f->best);
    assert_string_not_equal(f->best.code_path, f->ready.code_path);
    if (!rt_module_use_snapshot(best, fd, 0, len, &err))
        fail_msg("%s", err.text);
    assert_true(rt_instance_create(&instance, best, NULL, 0, NULL));
    assert_memory_equal(instance->memories[0].abi.base, first->memories[0].abi.base,
                        first->memories[0].abi.size_bytes);
    struct rt_fiber *fiber = run(f, instance, "mess", 1 << 4, 0, &exit); /* calls what it copied */
    assert_int_equal(exit, RT_EXIT_DONE);
    assert_int_equal(rt_fiber_results(fiber)[0].u32, 2);
    rt_fiber_release(&fiber);
    rt_instance_destroy(&instance);
    rt_module_release(&best);
    /* The same code with other data is another module. */
    struct rt_module *likely = load(f, &f->likely);
    assert_string_equal(f->likely.code_path, f->ready.code_path);
    assert_false(rt_module_use_snapshot(likely, fd, 0, len, &err));
    assert_string_equal(err.text, "snapshot: it is of another module");
    rt_module_release(&likely);
    rt_instance_destroy(&first);
    close(fd);
    free(bytes);
    end(f);
}

static void zeroes_take_no_room(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    u64 len = 0;
    begin(f, NULL);
    struct rt_instance *instance = start(f, f->module);
    int fd = memfd_create("snapshot", MFD_CLOEXEC);
    assert_int_equal(ftruncate(fd, (off_t)RT_SNAPSHOT_MAX), 0);
    u8 *room = mmap(NULL, RT_SNAPSHOT_MAX, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(room != MAP_FAILED && rt_snapshot_take(instance, room, &len, NULL));
    assert_int_equal(fstat(fd, &st), 0);
    release_room(room);
    assert_true(len > 200000 && (u64)st.st_blocks * 512 < 100000);
    close(fd);
    rt_instance_destroy(&instance);
    end(f);
}

static void what_cannot_be_said_is_refused(void **state)
{
    struct fixture *f = *state;
    static const struct {
        u32 how;
        const char *why;
    } cases[] = {{1 << 5, "a reference of the host"}, {1 << 6, "a reference of the host"}};
    begin(f, NULL);
    for (u32 i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {0};
        enum rt_exit exit;
        u64 len;
        u8 *room = make_room();
        struct rt_instance *instance = start(f, f->module);
        struct rt_fiber *fiber = run(f, instance, "mess", cases[i].how, 0xdead, &exit);
        rt_fiber_release(&fiber);
        assert_false(rt_snapshot_take(instance, room, &len, &err));
        assert_int_equal(err.code, ERR_UNSUPPORTED);
        assert_non_null(strstr(err.text, cases[i].why));
        rt_instance_destroy(&instance);
        release_room(room);
    }
    end(f);
}

static void a_watched_call_ends_before_it_does_anything(void **state)
{
    struct fixture *f = *state;
    struct rt_instance *instance;
    enum rt_exit exit;
    begin(f, NULL);
    static const u32 flags[] = {RT_HOST_EFFECT | RT_HOST_OF_CALL, RT_HOST_IMPURE};
    for (u32 i = 0; i < COUNT_OF(flags); i++) {
        told = 0;
        assert_true(rt_instance_create(&instance, f->module, NULL, 0, NULL));
        rt_instance_watch(instance, flags[i]);
        struct rt_fiber *fiber = run(f, instance, NULL, 0, 0, &exit);
        assert_int_equal(exit, i == 0 ? RT_EXIT_DONE : RT_EXIT_TRAP);
        assert_int_equal(told, i == 0 ? 20 : 0);
        assert_ptr_equal(rt_instance_caught(instance), i == 0 ? NULL : &tell);
        rt_fiber_release(&fiber);
        rt_instance_destroy(&instance);
    }
    end(f);
}

/* ---- what calls take ---- */

static void call_mess(struct fixture *f, struct rt_pool *pool, u32 how)
{
    struct rt_instance *instance;
    enum rt_exit exit;
    assert_true(rt_pool_take(pool, &instance, NULL));
    struct rt_fiber *fiber = run(f, instance, "mess", how, 0, &exit);
    assert_int_equal(exit, RT_EXIT_DONE);
    rt_fiber_release(&fiber);
    u64 held = rt_instance_held_bytes(instance, 0);
    assert_true(held >= (how == 0 ? 0 : 6 * ABI_PAGE_BYTES) && held < 8 * ABI_PAGE_BYTES);
    assert_int_equal(rt_instance_held_bytes(instance, GIB), 0); /* it cannot be so much */
    rt_pool_release(pool, &instance);
    rt_engine_settle(f->engine);
}

static void what_calls_take_is_known(void **state)
{
    struct fixture *f = *state;
    const struct rt_options options = {.memory_keep_bytes = ABI_PAGE_BYTES};
    struct rt_pool *pool, *other;
    struct rt_instance *both[2];
    begin(f, &options);
    give_snapshot(f);
    assert_true(rt_pool_create(&pool, f->module, 0, NULL));
    assert_true(rt_pool_create(&other, f->module, 0, NULL));
    for (u32 i = 0; i < 20; i++)
        call_mess(f, pool, 1 << 3); /* writes all six pages */
    assert_in_range(rt_pool_call_bytes(pool), 5 * ABI_PAGE_BYTES, 6 * ABI_PAGE_BYTES);
    for (u32 i = 0; i < 100; i++)
        call_mess(f, pool, 0);
    assert_in_range(rt_pool_call_bytes(pool), 0, 2 * ABI_PAGE_BYTES); /* it is not forever large */
    /* Two idle instances, of which one may go. */
    assert_true(rt_pool_take(pool, &both[0], NULL) && rt_pool_take(pool, &both[1], NULL));
    rt_pool_release(pool, &both[0]);
    rt_pool_release(pool, &both[1]);
    assert_true(rt_engine_trim(f->engine, 1));
    assert_false(rt_engine_trim(f->engine, 1));
    rt_pool_destroy(&other);
    rt_pool_destroy(&pool);
    end(f);
}

/* ---- nothing hostile gets in ---- */

/* Uses the bytes; if they are taken, what comes of it can be run and given back. */
static bool try(struct fixture *f, const u8 *bytes, u64 len)
{
    struct err err = {0};
    struct rt_module *module = load(f, &f->ready);
    int fd = seal(bytes, len, 0);
    bool is_taken = rt_module_use_snapshot(module, fd, 0, len, &err);
    struct rt_pool *pool;
    if (is_taken != (err.code == ERR_NONE))
        fail_msg("taken: %d, but: %s", is_taken, err.text);
    if (!is_taken && err.code != ERR_ARTIFACT && err.code != ERR_LIMIT)
        fail_msg("%s", err.text);
    if (is_taken && rt_pool_create(&pool, module, 1, &err)) {
        for (u32 how = 0; how < 512; how += 73) {
            struct rt_instance *instance;
            enum rt_exit exit;
            assert_true(rt_pool_take(pool, &instance, NULL));
            struct rt_fiber *fiber = run(f, instance, "mess", how, 5, &exit);
            rt_fiber_release(&fiber);
            rt_pool_release(pool, &instance);
        }
        rt_pool_destroy(&pool);
    }
    close(fd);
    rt_module_release(&module);
    return is_taken;
}

/* The length of the head: the first bytes that are no content of memory. */
static u64 head_len(const struct fixture *f)
{
    const struct rt_module_file *file = &f->module->file;
    u64 funcs = 8 + 0 + 2; /* in tables, at their last element that is not null */
    return 8 + 4 + DIGEST_BYTES + 8 + 4 + 24 * file->memory_count + 4 + 12 * file->table_count +
           4 * funcs + 4 + 16 * file->global_count + 4 + file->data_count + 4 + file->elem_count;
}

static void hostile_bytes_are_refused_or_harmless(void **state)
{
    struct fixture *f = *state;
    u64 len;
    u32 taken = 0, refused = 0;
    static const u8 masks[] = {0x01, 0x80, 0xff};
    static const u64 wides[] = {UINT64_MAX, (u64)1 << 63, (u64)1 << 32, 4096, 0};
    begin(f, NULL);
    struct rt_instance *instance = start(f, f->module);
    u8 *bytes = take(instance, &len);
    u64 head = head_len(f);
    assert_true(head < RT_PAGE_BYTES && bytes[head - 1] <= 1 && bytes[head] == 0);
    rt_instance_destroy(&instance);
    assert_true(try(f, bytes, len));
    for (u64 at = 0; at < head; at++) {
        u8 old = bytes[at];
        for (u32 i = 0; i < COUNT_OF(masks); i++) {
            bytes[at] = old ^ masks[i];
            if (try(f, bytes, len))
                taken++;
            else
                refused++;
        }
        bytes[at] = old;
    }
    for (u64 at = 0; at + 8 <= head; at += 4) {
        u64 old;
        memcpy(&old, bytes + at, sizeof old);
        for (u32 i = 0; i < COUNT_OF(wides); i++) {
            memcpy(bytes + at, &wides[i], sizeof old);
            if (try(f, bytes, len))
                taken++;
            else
                refused++;
        }
        memcpy(bytes + at, &old, sizeof old);
    }
    assert_true(taken > 100 && refused > 100);
    free(bytes);
    end(f);
}

/* Where fields of the head lie. */
enum {
    AT_KEY = 12,
    AT_MEMORIES = 52,
    AT_SIZE = 56,
    AT_PLACE = 64,
    AT_LEN = 72,
    AT_TABLES = 80,
    AT_CALLS_LEN = 84,
    AT_CALLS_COUNT = 92,
    AT_CALLS = 96,
    AT_HOSTS_LEN = 128,
    AT_HOSTS_COUNT = 136,
    AT_FIXED_LEN = 140,
    AT_FIXED = 152,
    AT_GLOBALS = 160,
    AT_HOST = 164 + 4 * 16,
    AT_FUNC = 164 + 5 * 16,
    AT_DATA = 164 + 7 * 16,
};

static void each_field_has_its_limits(void **state)
{
    struct fixture *f = *state;
    static const struct {
        u64 at, value;
        u32 len;
        const char *says;
    } cases[] = {
        {0, 1, 8, "snapshot: it is none of this version"},
        {8, ABI_VERSION + 1, 4, "snapshot: it is none of this version"},
        {AT_KEY, 1, 1, "snapshot: it is of another module"},
        {AT_MEMORIES, 2, 4, "snapshot: other memories"},
        {AT_SIZE, ABI_PAGE_BYTES, 8, "snapshot: a memory of the wrong size"},
        {AT_SIZE, 65 * ABI_PAGE_BYTES, 8, "snapshot: a memory of the wrong size"},
        {AT_SIZE, 6 * ABI_PAGE_BYTES + 4096, 8, "snapshot: a memory of the wrong size"},
        {AT_PLACE, 8, 8, "snapshot: a memory's bytes are out of bounds"},
        {AT_PLACE, RT_PAGE_BYTES, 8, "snapshot: a memory's bytes are out of bounds"},
        {AT_LEN, 8, 8, "snapshot: a memory's bytes are out of bounds"},
        {AT_LEN, 6 * ABI_PAGE_BYTES + 4096, 8, "snapshot: a memory's bytes are out of bounds"},
        {AT_TABLES, 2, 4, "snapshot: other tables"},
        {AT_CALLS_LEN, 3, 8, "snapshot: a table of the wrong length"},
        {AT_CALLS_LEN, 101, 8, "snapshot: a table of the wrong length"},
        {AT_CALLS_COUNT, 10, 4, "snapshot: a table of the wrong length"},
        {AT_CALLS, 4, 4, "snapshot: a reference to no function"}, /* nothing refers to it */
        {AT_CALLS, 1000, 4, "snapshot: a reference to no function"},
        {AT_HOSTS_LEN, 51, 8, "snapshot: a table of the wrong length"},
        {AT_HOSTS_COUNT, 1, 4, "snapshot: a table with references of the host"},
        {AT_FIXED_LEN, 3, 8, "snapshot: a table of the wrong length"},
        {AT_FIXED, 7, 4, "snapshot: a reference to no function"},
        {AT_GLOBALS, 6, 4, "snapshot: other globals"},
        {AT_HOST, 0, 4, "snapshot: a global with a reference of the host"},
        {AT_FUNC, 4, 4, "snapshot: a reference to no function"},
        {AT_DATA, 2, 4, "snapshot: other segments"},
    };
    u64 len;
    begin(f, NULL);
    u8 *bytes = take_first(f, &len);
    for (u32 i = 0; i < COUNT_OF(cases); i++) {
        u8 old[8];
        struct err err = {0};
        struct rt_module *module = load(f, &f->ready);
        memcpy(old, bytes + cases[i].at, sizeof old);
        memcpy(bytes + cases[i].at, &cases[i].value, cases[i].len);
        int fd = seal(bytes, len, 0);
        memcpy(bytes + cases[i].at, old, sizeof old);
        assert_false(rt_module_use_snapshot(module, fd, 0, len, &err));
        assert_string_equal(err.text, cases[i].says);
        close(fd);
        rt_module_release(&module);
    }
    free(bytes);
    end(f);
}

static void cut_off_ones_are_refused(void **state)
{
    struct fixture *f = *state;
    u64 len;
    begin(f, NULL);
    u8 *bytes = take_first(f, &len);
    for (u64 cut = 1; cut < len; cut += cut < 2 * RT_PAGE_BYTES ? 41 : RT_PAGE_BYTES - 1)
        assert_false(try(f, bytes, cut));
    /* It says how long it is: that is made to fit, so that only what is missing tells. */
    for (u64 cut = 60; cut < len; cut += cut < 2 * RT_PAGE_BYTES ? 41 : RT_PAGE_BYTES - 1) {
        memcpy(bytes + 8 + 4 + DIGEST_BYTES, &cut, sizeof cut);
        assert_false(try(f, bytes, cut));
    }
    free(bytes);
    end(f);
}

static void only_a_sealed_file_of_this_module_is_used(void **state)
{
    struct fixture *f = *state;
    u64 len;
    begin(f, NULL);
    u8 *bytes = take_first(f, &len);
    int sealed = seal(bytes, len, 0), open = memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_true(pwrite(open, bytes, len, 0) == (ssize_t)len);
    const struct {
        const struct proc_artifact *artifact;
        int fd;
        u64 at, len;
        const char *says;
    } cases[] = {
        {&f->ready, open, 0, len, "snapshot: its file is not sealed"},
        {&f->ready, sealed, 0, len + 1, "snapshot: it is not in its file"},
        {&f->ready, sealed, 0, 0, "snapshot: it is not in its file"},
        {&f->ready, sealed, 0, UINT64_MAX, "snapshot: it is not in its file"},
        {&f->ready, sealed, RT_PAGE_BYTES, len, "snapshot: it is not in its file"},
        {&f->ready, sealed, UINT64_MAX - 4095, RT_PAGE_BYTES, "snapshot: it is not in its file"},
        {&f->ready, sealed, 8, len - 8, "snapshot: it is not in its file"},
        {&f->other, sealed, 0, len, "snapshot: it is of another module"},
    };
    for (u32 i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {0};
        struct rt_module *module = load(f, cases[i].artifact);
        assert_false(rt_module_use_snapshot(module, cases[i].fd, cases[i].at, cases[i].len, &err));
        assert_int_equal(err.code, ERR_ARTIFACT);
        assert_string_equal(err.text, cases[i].says);
        rt_module_release(&module);
    }
    close(sealed);
    close(open);
    free(bytes);
    end(f);
}

/* ---- freshness ---- */

/* All that a guest can see or reach of an instance, but its memory; behind the ends of its tables
 * too. */
static void copy_state(const struct rt_instance *instance, struct buf *out)
{
    const struct rt_module_file *file = &instance->module->file;
    buf_clear(out);
    buf_add(out, &instance->memories[0].abi.size_bytes, sizeof(u64));
    buf_add(out, rt_ctx_globals(instance), file->global_count * sizeof(union abi_value));
    for (u32 i = 0; i < file->table_count; i++) {
        const struct abi_table *table = &instance->tables[i].abi;
        buf_add(out, &table->len, sizeof table->len);
        buf_add(out, table->entries, (table->max + 1) * sizeof *table->entries);
    }
    buf_add(out, instance->entries, file->entry_count * sizeof *instance->entries);
    buf_add(out, instance->data_dropped, file->data_count);
    buf_add(out, instance->elem_dropped, file->elem_count);
    buf_add(out, &instance->started, sizeof instance->started);
    assert_true(buf_ok(out));
}

/* One request: does what `how` says, and the kernel may take pages; gives back and takes. */
static void use(struct fixture *f, struct rt_pool *pool, struct rt_instance **instance, u32 how)
{
    enum rt_exit exit;
    struct rt_fiber *fiber = run(f, *instance, "mess", how, 0xdead0000 + how, &exit);
    assert_int_equal(exit, how >> 8 & 1 ? RT_EXIT_TRAP : RT_EXIT_DONE);
    rt_fiber_release(&fiber);
    if (how % 64 == 63) /* where there is swap, written pages leave memory */
        madvise((*instance)->memories[0].abi.base, (*instance)->memories[0].abi.size_bytes,
                MADV_PAGEOUT);
    struct rt_instance *before = *instance;
    rt_pool_release(pool, instance);
    assert_true(rt_pool_take(pool, instance, NULL));
    assert_ptr_equal(*instance, before);
}

/* 10^5 requests in all, each compared with the first state byte for byte. */
static void an_instance_is_fresh_after_each_of_many(void **state)
{
    struct fixture *f = *state;
    const u32 count = SANITIZED ? 2500 : 25000;
    for (u32 kind = 0; kind < 4; kind++) {
        struct rt_pool *pool;
        struct rt_instance *instance;
        struct buf fresh, now;
        begin(f, &(struct rt_options){.scan_by_read = (kind & 1) != 0,
                                      .memory_keep_bytes = kind < 2 ? 0 : 64 * KIB});
        give_snapshot(f);
        buf_init(&fresh, MIB);
        buf_init(&now, MIB);
        assert_true(rt_pool_create(&pool, f->module, 1, NULL));
        assert_true(rt_pool_take(pool, &instance, NULL));
        copy_state(instance, &fresh);
        u64 len = instance->memories[0].abi.size_bytes;
        u8 *memory = malloc(len);
        assert_non_null(memory);
        memcpy(memory, instance->memories[0].abi.base, len);
        for (u32 i = 0; i < count; i++) {
            use(f, pool, &instance, i * 2654435761u >> 22 ^ (i & 1023));
            copy_state(instance, &now);
            if (now.len != fresh.len || memcmp(now.bytes, fresh.bytes, fresh.len) != 0 ||
                memcmp(instance->memories[0].abi.base, memory, len) != 0)
                fail_msg("not fresh after %u", i);
        }
        free(memory);
        buf_fini(&fresh);
        buf_fini(&now);
        rt_pool_release(pool, &instance);
        rt_pool_destroy(&pool);
        end(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_instance_begins_where_another_was),
        cmocka_unit_test(however_it_was_compiled),
        cmocka_unit_test(what_calls_take_is_known),
        cmocka_unit_test(zeroes_take_no_room),
        cmocka_unit_test(what_cannot_be_said_is_refused),
        cmocka_unit_test(a_watched_call_ends_before_it_does_anything),
        cmocka_unit_test(hostile_bytes_are_refused_or_harmless),
        cmocka_unit_test(each_field_has_its_limits),
        cmocka_unit_test(cut_off_ones_are_refused),
        cmocka_unit_test(only_a_sealed_file_of_this_module_is_used),
        cmocka_unit_test(an_instance_is_fresh_after_each_of_many),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
