/* Instances, pools, linking, freshness: with the module of guest.h. */
#include "runtime/internal.h"
#include "test/test.h"
#include "test/unit/runtime/guest.h"
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

struct fixture {
    struct guest_files files;
    struct rt_engine *engine;
    struct rt_module *module;
};

static u32 host_double(struct rt_instance *instance, u32 a, u32 b)
{
    (void)instance;
    return 2 * a + b;
}

static const struct rt_host_func hosts[] = {
    {"env", "host", "ii_i", "a b", 0, (rt_host_code *)host_double},
};

static struct rt_module *load(struct fixture *f, const struct guest_module *m)
{
    struct err err = {0};
    struct rt_module *module = NULL;
    guest_module_write(&f->files, m);
    if (!rt_module_load(&module, f->engine, f->files.code, f->files.module, &guest_key, &err))
        fail_msg("%s", err.text);
    return module;
}

static void begin(struct fixture *f, const struct rt_options *options, const struct guest_module *m)
{
    struct err err = {0};
    guest_files_init(&f->files);
    if (!rt_engine_create(&f->engine, options, &err))
        fail_msg("%s", err.text);
    rt_engine_add_host(f->engine, hosts, COUNT_OF(hosts));
    f->module = load(f, m);
}

static void end(struct fixture *f)
{
    rt_module_release(&f->module);
    rt_engine_destroy(&f->engine);
    guest_files_remove(&f->files);
}

/* Calls func(a, b); a trap fails the test. */
static u32 call(struct fixture *f, struct rt_instance *instance, u32 func, u32 a, u32 b)
{
    struct rt_fiber *fiber;
    union abi_value args[2] = {{.u32 = a}, {.u32 = b}};
    assert_true(rt_fiber_take(&fiber, f->engine, NULL));
    rt_fiber_begin(fiber, instance, func, args, NULL);
    assert_int_equal(rt_fiber_run(fiber), RT_EXIT_DONE);
    u32 result = rt_fiber_results(fiber)[0].u32;
    rt_fiber_release(&fiber);
    return result;
}

/* Calls func(a, b), which must trap; the fiber still tells how. */
static struct rt_fiber *call_trapping(struct fixture *f, struct rt_instance *instance, u32 func,
                                      u32 a, u32 b, enum abi_trap kind)
{
    struct rt_fiber *fiber;
    union abi_value args[2] = {{.u32 = a}, {.u32 = b}};
    assert_true(rt_fiber_take(&fiber, f->engine, NULL));
    rt_fiber_begin(fiber, instance, func, args, NULL);
    assert_int_equal(rt_fiber_run(fiber), RT_EXIT_TRAP);
    assert_int_equal(rt_fiber_trap(fiber)->kind, kind);
    return fiber;
}

static const struct guest_module plain = {.memory_pages = 1, .memory_max = 4};

static void calls_and_host_calls(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, NULL, &plain);
    struct rt_instance *instance;
    assert_true(rt_instance_create(&instance, f.module, NULL, 0, NULL));
    assert_int_equal(call(&f, instance, GUEST_ADD, 40, 2), 42);
    assert_int_equal(call(&f, instance, GUEST_CALL_HOST, 5, 3), 1013);
    assert_int_equal(call(&f, instance, GUEST_IMPORT, 5, 3), 13);
    assert_int_equal(call(&f, instance, GUEST_CALL_TABLE, 0, 21), 42);
    assert_int_equal(call(&f, instance, GUEST_LOAD, 0, 1), 'b');
    assert_int_equal(call(&f, instance, GUEST_SPIN, 1000, 7), 1);
    rt_instance_destroy(&instance);
    end(&f);
}

static void growth_stops_at_the_maximum(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &(struct rt_options){.memory_max_bytes = 3 * ABI_PAGE_BYTES}, &plain);
    struct rt_instance *instance;
    assert_true(rt_instance_create(&instance, f.module, NULL, 0, NULL));
    static const struct {
        u32 delta, want;
    } cases[] = {{0, 1}, {3, UINT32_MAX},         {1, 1}, {1, 2}, {1, UINT32_MAX},
                 {0, 3}, {UINT32_MAX, UINT32_MAX}};
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(call(&f, instance, GUEST_GROW, cases[i].delta, 0), cases[i].want);
    assert_int_equal(rt_memory_size_bytes(instance), 3 * ABI_PAGE_BYTES);
    rt_instance_destroy(&instance);
    end(&f);
}

static void views_are_checked(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, NULL, &plain);
    struct rt_instance *instance;
    assert_true(rt_instance_create(&instance, f.module, NULL, 0, NULL));
    static const struct {
        u64 addr, len;
        bool inside;
    } cases[] = {
        {0, 0, true},      {0, 65536, true},       {65535, 1, true},
        {65536, 0, true},  {65536, 1, false},      {0, 65537, false},
        {65537, 0, false}, {1, UINT64_MAX, false}, {UINT64_MAX, 1, false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(rt_memory_view(instance, cases[i].addr, cases[i].len) != NULL,
                         cases[i].inside);
    assert_memory_equal(rt_memory_view(instance, 0, 3), "abc", 3);
    rt_instance_destroy(&instance);
    end(&f);
}

static void start_runs_once_before_the_first_call(void **state)
{
    (void)state;
    struct fixture f;
    struct guest_module m = plain;
    m.start = true;
    begin(&f, NULL, &m);
    struct rt_instance *instance;
    union abi_value value;
    assert_true(rt_instance_create(&instance, f.module, NULL, 0, NULL));
    assert_true(rt_global_read(instance, "second", &value) && value.u32 == 8);
    call(&f, instance, GUEST_ADD, 1, 1);
    call(&f, instance, GUEST_ADD, 1, 1);
    assert_true(rt_global_read(instance, "second", &value) && value.u32 == 9);
    assert_false(rt_global_read(instance, "third", &value));
    rt_instance_destroy(&instance);
    end(&f);
}

static void segments_out_of_bounds(void **state)
{
    (void)state;
    struct fixture f;
    struct guest_module m = plain;
    begin(&f, NULL, &m);
    static const struct {
        u64 at;
        bool ok;
    } cases[] = {{65533, true}, {65534, false}, {0xffffffff, false}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {0};
        struct rt_instance *instance = NULL;
        m.data_at = cases[i].at;
        struct rt_module *module = load(&f, &m);
        assert_int_equal(rt_instance_create(&instance, module, NULL, 0, &err), cases[i].ok);
        assert_int_equal(err.code, cases[i].ok ? ERR_NONE : ERR_TRAP);
        rt_instance_destroy(&instance);
        rt_module_release(&module);
    }
    end(&f);
}

static void missing_imports_say_what_to_do(void **state)
{
    (void)state;
    struct fixture f;
    struct guest_module m = plain;
    begin(&f, NULL, &m);
    static const struct {
        const char *module, *field;
        bool memory;
        const char *says;
    } cases[] = {
        {"env", "other", false,
         "import env.other (i32, i32) -> (i32): nothing offers it, and call_host (func 7) calls "
         "it; rebuild with -sSTANDALONE_WASM"},
        {"env", "emscripten_asm_const_int", false, "EM_ASM is JavaScript"},
        {"wasi_snapshot_preview1", "fd_wr", false, "it is no function of WASI preview 1"},
        {"wasi_unstable", "fd_seek", false, "it is no function of WASI preview 1"},
        {"foo", "bar", false,
         "import foo.bar (i32, i32) -> (i32): nothing offers it, and call_host (func 7) calls it; "
         "no other module is linked"},
        {"env", "host", true, "import other.memory memory of at least 1 pages"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {0}, pool_err = {0};
        struct rt_pool *pool = NULL;
        m.import_module = cases[i].module;
        m.import_field = cases[i].field;
        m.imports_memory = cases[i].memory;
        struct rt_module *module = load(&f, &m);
        assert_false(rt_module_check_imports(module, &err));
        assert_int_equal(err.code, ERR_LINK);
        if (strstr(err.text, cases[i].says) == NULL)
            fail_msg("%s", err.text);
        assert_false(rt_pool_create(&pool, module, 1, &pool_err));
        assert_int_equal(pool_err.code, ERR_LINK);
        rt_module_release(&module);
    }
    static const struct rt_host_func wrong[] = {
        {"env", "host", "iI_i", "a b", 0, (rt_host_code *)host_double}};
    rt_engine_add_host(f.engine, wrong, 1);
    struct err err = {0};
    assert_false(rt_module_check_imports(f.module, &err));
    assert_non_null(strstr(err.text, "the host's has the signature iI_i"));
    end(&f);
}

static void a_table_shared_by_two_instances(void **state)
{
    (void)state;
    struct fixture f;
    struct guest_module m = plain;
    begin(&f, NULL, &m);
    struct rt_instance *first, *second;
    struct err err = {0};
    assert_true(rt_instance_create(&first, f.module, NULL, 0, NULL));
    m.imports_table = true;
    m.data_at = 10;
    struct rt_module *other = load(&f, &m);
    struct rt_provider providers[] = {{"other", first}};
    assert_false(rt_instance_create(&second, other, NULL, 0, &err));
    assert_int_equal(err.code, ERR_LINK);
    assert_true(rt_instance_create(&second, other, providers, 1, NULL));
    /* The second put its `load` at 1: called through the first, it reads the second's memory. */
    *rt_memory_view(second, 40, 1) = 99;
    *rt_memory_view(first, 40, 1) = 11;
    assert_int_equal(call(&f, first, GUEST_CALL_TABLE, 1, 20), 99);
    assert_int_equal(call(&f, second, GUEST_CALL_TABLE, 1, 20), 99);
    assert_int_equal(call(&f, second, GUEST_CALL_TABLE, 0, 20), 40);
    /* A fault in the second, entered through the first, is that of a guest, with both frames. */
    struct rt_fiber *fiber =
        call_trapping(&f, first, GUEST_CALL_TABLE, 1, 40000, ABI_TRAP_MEMORY_BOUNDS);
    const struct rt_trap *trap = rt_fiber_trap(fiber);
    assert_int_equal(trap->fault_addr, 80000);
    assert_int_equal(trap->frame_count, 2);
    assert_int_equal(trap->frames[0].func, GUEST_LOAD);
    assert_int_equal(trap->frames[1].func, GUEST_CALL_TABLE);
    rt_fiber_release(&fiber);
    rt_instance_destroy(&second);
    rt_instance_destroy(&first);
    rt_module_release(&other);
    end(&f);
}

static void a_memory_shared_by_two_instances(void **state)
{
    (void)state;
    struct fixture f;
    struct guest_module m = plain;
    begin(&f, NULL, &m);
    struct rt_instance *first, *second;
    assert_true(rt_instance_create(&first, f.module, NULL, 0, NULL));
    m.imports_memory = true;
    m.data_at = 100;
    struct rt_module *other = load(&f, &m);
    struct rt_provider providers[] = {{"other", first}};
    assert_true(rt_instance_create(&second, other, providers, 1, NULL));
    assert_int_equal(call(&f, first, GUEST_LOAD, 100, 2), 'c');
    assert_int_equal(call(&f, second, GUEST_GROW, 2, 0), 1);
    assert_int_equal(rt_memory_size_bytes(first), 3 * ABI_PAGE_BYTES);
    assert_int_equal(call(&f, first, GUEST_STORE, 2 * ABI_PAGE_BYTES, 5), 0);
    assert_int_equal(call(&f, second, GUEST_LOAD, 2 * ABI_PAGE_BYTES, 0), 5);
    rt_instance_destroy(&second);
    rt_instance_destroy(&first);
    rt_module_release(&other);
    end(&f);
}

static void instances_are_capped(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &(struct rt_options){.instances_max = 2}, &plain);
    struct rt_pool *pool;
    struct rt_instance *a, *b, *c;
    struct err err = {0};
    assert_int_equal(rt_engine_instances_max(f.engine), 2);
    assert_true(rt_pool_create(&pool, f.module, 0, NULL));
    assert_true(rt_pool_take(pool, &a, NULL) && rt_pool_take(pool, &b, NULL));
    assert_false(rt_pool_take(pool, &c, &err));
    assert_int_equal(err.code, ERR_BUSY);
    err = (struct err){0};
    assert_false(rt_instance_create(&c, f.module, NULL, 0, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    rt_pool_release(pool, &a);
    assert_true(rt_pool_take(pool, &c, NULL));
    rt_pool_release(pool, &b);
    rt_pool_release(pool, &c);
    rt_pool_destroy(&pool);
    end(&f);
}

/* The process's mappings. */
static u32 count_mappings(void)
{
    u32 count = 0;
    FILE *maps = fopen("/proc/self/maps", "re");
    assert_non_null(maps);
    for (int c = fgetc(maps); c != EOF; c = fgetc(maps))
        count += c == '\n';
    fclose(maps);
    return count;
}

static void a_slot_takes_few_mappings(void **state)
{
    (void)state;
    enum { SLOTS = 100 };
    static u8 image[200000];
    struct fixture f;
    struct rt_instance *instances[SLOTS];
    struct rt_fiber *fibers[SLOTS];
    struct guest_module m = {
        .memory_pages = 8, .memory_max = 64, .image = image, .image_len = sizeof image};
    begin(&f, NULL, &m);
    u32 before = count_mappings();
    for (u32 i = 0; i < SLOTS; i++) {
        union abi_value args[2] = {{.u32 = 4096}, {.u32 = 1}};
        assert_true(rt_instance_create(&instances[i], f.module, NULL, 0, NULL));
        assert_true(rt_fiber_take(&fibers[i], f.engine, NULL));
        call(&f, instances[i], GUEST_GROW, 5, 0);
        rt_fiber_begin(fibers[i], instances[i], GUEST_DIRTY, args, NULL);
        rt_fiber_run(fibers[i]);
    }
    u32 used = count_mappings() - before;
    assert_true(used > 3 * SLOTS && used <= RT_SLOT_MAPPINGS * SLOTS + 8);
    for (u32 i = 0; i < SLOTS; i++) {
        rt_fiber_release(&fibers[i]);
        rt_instance_destroy(&instances[i]);
    }
    end(&f);
}

static void too_little_address_space_is_said(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit limit = {.rlim_cur = 4 * GIB, .rlim_max = 4 * GIB};
        struct rt_engine *engine;
        struct err err = {0};
        bool said = setrlimit(RLIMIT_AS, &limit) == 0 && !rt_engine_create(&engine, NULL, &err) &&
                    err.code == ERR_LIMIT && strstr(err.text, "ulimit -v") != NULL;
        _exit(said ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* ---- freshness ---- */

/* Everything a guest can see of an instance, compared with one never used. */
static void assert_fresh(const struct rt_instance *used, const struct rt_instance *fresh)
{
    const struct rt_module_file *file = &used->module->file;
    const struct rt_memory *memory = &used->memories[0], *want = &fresh->memories[0];
    assert_int_equal(memory->abi.size_bytes, want->abi.size_bytes);
    assert_memory_equal(memory->abi.base, want->abi.base, want->abi.size_bytes);
    assert_memory_equal(rt_ctx_globals(used), rt_ctx_globals(fresh),
                        file->global_count * sizeof(union abi_value));
    for (u32 i = 0; i <= GUEST_TABLE; i++) {
        assert_int_equal(used->tables[0].abi.entries[i].type_id,
                         fresh->tables[0].abi.entries[i].type_id);
        assert_ptr_equal(used->tables[0].abi.entries[i].code, fresh->tables[0].abi.entries[i].code);
    }
    assert_int_equal(used->started, fresh->started);
}

enum scan { SCAN_FAST, SCAN_BY_READ, SCAN_NONE };

/* Dirties in every way, gives back, takes again, compares; then grows into the pages that stay and
 * finds zeroes. */
static void check_freshness(const struct guest_module *m, enum scan scan, u32 stride, u32 grow)
{
    struct fixture f;
    begin(&f,
          &(struct rt_options){.scan_by_read = scan != SCAN_FAST, .memory_keep_bytes = 64 * KIB},
          m);
    struct rt_instance *fresh, *used;
    struct rt_pool *pool;
    if (scan == SCAN_NONE)
        fd_close(&f.engine->pagemap_fd);
    assert_true(rt_pool_create(&pool, f.module, 3, NULL));
    assert_true(rt_pool_take(pool, &used, NULL) && rt_pool_take(pool, &fresh, NULL));
    for (u32 round = 0; round < 3; round++) {
        u64 initial = rt_memory_size_bytes(used);
        if (grow > 0)
            assert_int_not_equal(call(&f, used, GUEST_GROW, grow, 0), UINT32_MAX);
        call(&f, used, GUEST_DIRTY, stride, 0xa5 + round);
        used->tables[0].abi.entries[2].type_id = 77;
        used->tables[0].changed = true;
        struct rt_instance *before = used;
        rt_pool_release(pool, &used);
        rt_engine_settle(f.engine);
        assert_true(rt_pool_take(pool, &used, NULL));
        assert_ptr_equal(used, before);
        assert_fresh(used, fresh);
        if (grow == 0)
            continue;
        struct rt_fiber *fiber =
            call_trapping(&f, used, GUEST_LOAD, (u32)initial, 0, ABI_TRAP_MEMORY_BOUNDS);
        rt_fiber_release(&fiber);
        call(&f, used, GUEST_GROW, grow, 0);
        for (u64 at = initial; at < rt_memory_size_bytes(used); at++)
            assert_int_equal(*rt_memory_view(used, at, 1), 0);
    }
    rt_pool_release(pool, &used);
    rt_pool_release(pool, &fresh);
    rt_pool_destroy(&pool);
    end(&f);
}

/* Those that wrote little are made fresh together: also if one of them wrote where it never had. */
static void instances_that_wait_for_one_another_are_fresh(void **state)
{
    (void)state;
    static const u32 strides[] = {65536, 65536, 16384, 65536, 4096, 32768};
    struct fixture f;
    struct rt_pool *pool;
    struct rt_instance *fresh, *used[10]; /* more than wait for one another */
    begin(&f, NULL, &(struct guest_module){.memory_pages = 16, .memory_max = 16});
    assert_true(rt_pool_create(&pool, f.module, 16, NULL));
    assert_true(rt_pool_take(pool, &fresh, NULL));
    for (u32 round = 0; round < 30; round++) {
        if (round % 5 == 4)
            rt_engine_settle(f.engine);
        for (u32 i = 0; i < COUNT_OF(used); i++) {
            assert_true(rt_pool_take(pool, &used[i], NULL));
            assert_fresh(used[i], fresh);
        }
        for (u32 i = 0; i < COUNT_OF(used); i++) {
            if ((round + i) % 4 > 0)
                call(&f, used[i], GUEST_DIRTY, strides[(round + i) % COUNT_OF(strides)], round + 1);
            rt_pool_release(pool, &used[i]);
        }
    }
    rt_pool_release(pool, &fresh);
    rt_pool_destroy(&pool);
    end(&f);
}

static void idle_instances_make_room_for_other_pools(void **state)
{
    (void)state;
    struct fixture f;
    struct rt_pool *pools[2];
    struct rt_instance *taken[3] = {NULL};
    struct err err = {0};
    begin(&f, &(struct rt_options){.instances_max = 3}, &plain);
    assert_true(rt_pool_create(&pools[0], f.module, 0, NULL));
    assert_true(rt_pool_create(&pools[1], f.module, 0, NULL));
    for (u32 round = 0; round < 6; round++) {
        struct rt_pool *pool = pools[round % 2];
        assert_true(rt_pool_take(pool, &taken[0], NULL) && rt_pool_take(pool, &taken[1], NULL));
        assert_false(rt_pool_take(pool, &taken[2], &err));
        assert_int_equal(err.code, ERR_BUSY);
        assert_true(rt_pool_take(pools[1 - round % 2], &taken[2], NULL)); /* its own, always */
        rt_pool_release(pools[1 - round % 2], &taken[2]);
        rt_pool_release(pool, &taken[0]);
        rt_pool_release(pool, &taken[1]);
    }
    rt_pool_destroy(&pools[0]);
    rt_pool_destroy(&pools[1]);
    end(&f);
}

/* A page map of the test's own: what the kernel says of a page it has written to swap, or of one
 * that nobody wrote, without the swap that a test cannot count on. */
static void swapped_pages_are_made_fresh(void **state)
{
    (void)state;
    static const u64 swapped = (u64)1 << 62, file_page = (u64)5 << 61;
    static u8 image[16 * ABI_PAGE_BYTES];
    const struct guest_module m = {
        .memory_pages = 16, .memory_max = 16, .image = image, .image_len = sizeof image};
    struct fixture f;
    struct rt_pool *pool;
    struct rt_instance *instance;
    begin(&f, &(struct rt_options){.scan_by_read = true, .memory_keep_bytes = 64 * KIB}, &m);
    assert_true(rt_pool_create(&pool, f.module, 1, NULL));
    assert_true(rt_pool_take(pool, &instance, NULL));
    u8 *base = instance->memories[0].abi.base;
    int map = memfd_create("pagemap", MFD_CLOEXEC);
    off_t at = (off_t)((uintptr_t)base / RT_PAGE_BYTES * sizeof(u64));
    for (u32 page = 0; page < sizeof image / RT_PAGE_BYTES; page++) {
        u64 entry = page == 7 ? swapped : page == 9 ? file_page : 0;
        assert_int_equal(pwrite(map, &entry, sizeof entry, at + (off_t)(page * sizeof entry)),
                         sizeof entry);
    }
    int own = f.engine->pagemap_fd;
    f.engine->pagemap_fd = map;
    base[7 * RT_PAGE_BYTES] = base[8 * RT_PAGE_BYTES] = base[9 * RT_PAGE_BYTES] = 1;
    rt_pool_release(pool, &instance);
    rt_engine_settle(f.engine);
    assert_true(rt_pool_take(pool, &instance, NULL));
    f.engine->pagemap_fd = own;
    fd_close(&map);
    assert_int_equal(base[7 * RT_PAGE_BYTES], 0);
    assert_int_equal(base[8 * RT_PAGE_BYTES], 1); /* the map was asked, and believed */
    assert_int_equal(base[9 * RT_PAGE_BYTES], 1);
    rt_pool_release(pool, &instance);
    rt_pool_destroy(&pool);
    end(&f);
}

static void a_reused_instance_is_fresh(void **state)
{
    (void)state;
    static u8 image[300000];
    for (size_t i = 0; i < sizeof image; i++)
        image[i] = (u8)(i * 7 + 1);
    static const struct {
        u64 pages, image_len;
        u32 stride, grow;
    } cases[] = {
        {1, 0, 1, 0},                /* small: copied as a whole */
        {2, 5000, 4096, 0},          /* the image ends within a page */
        {2, 5000, 4096, 3},          /* small, but grown beyond what is copied as a whole */
        {16, 300000, 1, 0},          /* every byte */
        {16, 300000, 4096, 0},       /* every page, one byte */
        {16, 300000, 3 * 4096, 0},   /* more runs than one scan returns */
        {16, 299999, 2 * 4096, 5},   /* and grown */
        {16, 8192, 5 * 4096 + 3, 1}, /* zeroed pages between */
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct guest_module m = {.memory_pages = cases[i].pages,
                                 .memory_max = 64,
                                 .image = image,
                                 .image_len = cases[i].image_len,
                                 .start = true};
        m.data_at = 1000;
        for (u32 scan = SCAN_FAST; scan <= SCAN_NONE; scan++)
            check_freshness(&m, (enum scan)scan, cases[i].stride, cases[i].grow);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_and_host_calls),
        cmocka_unit_test(growth_stops_at_the_maximum),
        cmocka_unit_test(views_are_checked),
        cmocka_unit_test(start_runs_once_before_the_first_call),
        cmocka_unit_test(segments_out_of_bounds),
        cmocka_unit_test(missing_imports_say_what_to_do),
        cmocka_unit_test(a_table_shared_by_two_instances),
        cmocka_unit_test(a_memory_shared_by_two_instances),
        cmocka_unit_test(instances_are_capped),
        cmocka_unit_test(a_slot_takes_few_mappings),
        cmocka_unit_test(too_little_address_space_is_said),
        cmocka_unit_test(instances_that_wait_for_one_another_are_fresh),
        cmocka_unit_test(idle_instances_make_room_for_other_pools),
        cmocka_unit_test(a_reused_instance_is_fresh),
        cmocka_unit_test(swapped_pages_are_made_fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
