/* Instances and snapshots when memory or address space runs out, at each step: what was begun is
 * taken back, the error says so, and the next attempt is as good as the first. The linker puts the
 * functions below in the place of the C library's. */
#include "test/unit/runtime/snapshot.h"
#include <errno.h>

void *__real_calloc(size_t count, size_t size);
void *__real_aligned_alloc(size_t align, size_t size);
void __real_free(void *memory);
void *__real_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset);
int __real_munmap(void *at, size_t len);
int __real_mprotect(void *at, size_t len, int prot);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);
void __wrap_free(void *memory);
void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset);
int __wrap_munmap(void *at, size_t len);
int __wrap_mprotect(void *at, size_t len, int prot);

static struct fixture fixture;
static u32 steps;                /* since they were counted from 0 */
static u32 fail_at = UINT32_MAX; /* the step that fails; UINT32_MAX: none */
static i64 held;                 /* pieces of memory, and fixed-size mappings */
static u64 mapped_bytes;

static bool fails(void)
{
    return steps++ == fail_at;
}

void *__wrap_calloc(size_t count, size_t size)
{
    if (fails())
        return NULL;
    held++;
    return __real_calloc(count, size);
}

void *__wrap_aligned_alloc(size_t align, size_t size)
{
    if (fails())
        return NULL;
    held++;
    return __real_aligned_alloc(align, size);
}

void __wrap_free(void *memory)
{
    held -= memory != NULL;
    __real_free(memory);
}

void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset)
{
    if (fails()) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    void *mapping = __real_mmap(at, len, prot, flags, fd, offset);
    if (mapping != MAP_FAILED && (flags & MAP_FIXED) == 0)
        mapped_bytes += len;
    return mapping;
}

int __wrap_munmap(void *at, size_t len)
{
    mapped_bytes -= len;
    return __real_munmap(at, len);
}

int __wrap_mprotect(void *at, size_t len, int prot)
{
    if (fails()) {
        errno = ENOMEM;
        return -1;
    }
    return __real_mprotect(at, len, prot);
}

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

/* Without a failure: an instance is made, runs, and goes. */
static void check_another(struct fixture *f)
{
    enum rt_exit exit;
    struct rt_instance *instance;
    assert_true(rt_instance_create(&instance, f->module, NULL, 0, NULL));
    struct rt_fiber *fiber = run(f, instance, "mess", 0, 0, &exit);
    assert_int_equal(exit, RT_EXIT_DONE);
    assert_int_equal(rt_fiber_results(fiber)[0].u32, 2);
    rt_fiber_release(&fiber);
    rt_instance_destroy(&instance);
}

static void instances_that_fail_leave_nothing(void **state)
{
    struct fixture *f = *state;
    for (u32 with_snapshot = 0; with_snapshot < 2; with_snapshot++) {
        begin(f, NULL);
        if (with_snapshot)
            give_snapshot(f);
        check_another(f);
        i64 held_before = held;
        u64 mapped_before = mapped_bytes;
        u32 step = 0;
        for (bool ok = false; !ok; step++) {
            struct rt_instance *instance = NULL;
            struct err err = {0};
            steps = 0;
            fail_at = step;
            ok = rt_instance_create(&instance, f->module, NULL, 0, &err);
            fail_at = UINT32_MAX;
            assert_true(ok || err.code == ERR_LIMIT || err.code == ERR_SYSTEM);
            assert_true(ok == (err.code == ERR_NONE));
            rt_instance_destroy(&instance);
            assert_int_equal(f->engine->instance_count, 0);
            assert_int_equal(held, held_before);
            assert_int_equal(mapped_bytes, mapped_before);
            check_another(f);
        }
        assert_true(step > 8);
        end(f);
    }
}

/* The memory of a used instance cannot be taken back: it goes, and another takes its place. */
static void a_reset_that_fails_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    struct rt_pool *pool;
    struct rt_instance *instance;
    enum rt_exit exit;
    begin(f, NULL);
    give_snapshot(f);
    assert_true(rt_pool_create(&pool, f->module, 1, NULL));
    assert_true(rt_pool_take(pool, &instance, NULL));
    struct rt_fiber *fiber = run(f, instance, "mess", 0xff, 3, &exit);
    assert_int_equal(exit, RT_EXIT_DONE);
    rt_fiber_release(&fiber);
    steps = fail_at = 0;
    rt_pool_release(pool, &instance);
    assert_int_equal(steps, 1);
    fail_at = UINT32_MAX;
    assert_int_equal(f->engine->instance_count, 0);
    assert_true(rt_pool_take(pool, &instance, NULL));
    assert_int_equal(rt_memory_size_bytes(instance), 6 * ABI_PAGE_BYTES);
    rt_pool_release(pool, &instance);
    rt_pool_destroy(&pool);
    end(f);
}

static void snapshots_that_fail_leave_nothing(void **state)
{
    struct fixture *f = *state;
    u64 len;
    begin(f, NULL);
    u8 *bytes = take_first(f, &len);
    int fd = seal(bytes, len, 0);
    u64 mapped_before = mapped_bytes;
    i64 held_before = held;
    struct rt_module *other = load(f, &f->ready);
    rt_module_release(&other);
    i64 change = held - held_before; /* of loading: not all it frees was given by these functions */
    u32 step = 0;
    for (bool ok = false; !ok; step++) {
        struct err err = {0};
        held_before = held;
        struct rt_module *module = load(f, &f->ready);
        steps = 0;
        fail_at = step;
        ok = rt_module_use_snapshot(module, fd, 0, len, &err);
        fail_at = UINT32_MAX;
        assert_true(ok == (err.code == ERR_NONE));
        rt_module_release(&module);
        assert_int_equal(held, held_before + change);
        assert_int_equal(mapped_bytes, mapped_before);
    }
    assert_true(step > 1);
    struct err err = {0};
    u8 *room = make_room();
    struct rt_instance *instance = start(f, f->module);
    steps = fail_at = 0;
    assert_false(rt_snapshot_take(instance, room, &len, &err));
    fail_at = UINT32_MAX;
    assert_int_equal(err.code, ERR_LIMIT);
    rt_instance_destroy(&instance);
    release_room(room);
    close(fd);
    free(bytes);
    end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instances_that_fail_leave_nothing),
        cmocka_unit_test(a_reset_that_fails_leaves_nothing),
        cmocka_unit_test(snapshots_that_fail_leave_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
