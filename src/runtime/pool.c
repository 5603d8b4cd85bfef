/*
 * runtime/pool.c -- instances of one module that are ready to be called.
 */
#include "base/check.h"
#include "runtime/internal.h"
#include <stdlib.h>

#define USED_MAX  8u /* instances that may wait for one another to be made fresh */
#define PAST_PART 8u /* weight of the past in the mean of what calls have written, to one call */

struct rt_pool {
    struct rt_pool *next, *before; /* among the engine's */
    struct rt_module *module;      /* retained */
    struct rt_instance *ready;     /* fresh ones, the last one first: its pages are warm */
    struct rt_instance *used;      /* given back, and not yet made fresh */
    u32 max, taken, used_count;
    u64 memory_max_bytes; /* 0: the engine's limit */
    u64 call_bytes;       /* see rt_pool_call_bytes */
};

/* ---- making fresh ---- */

static void make_fresh(struct rt_pool *pool, struct rt_instance *instance)
{
    if (!rt_instance_reset(instance)) {
        rt_instance_destroy(&instance);
        return;
    }
    u64 found = 0;
    for (u32 i = 0; i < instance->module->file.memory_count; i++)
        found += instance->memories[i].written.found;
    u64 past = pool->call_bytes == 0 ? found : pool->call_bytes;
    pool->call_bytes = (past * (PAST_PART - 1) + found) / PAST_PART;
    instance->pool_next = pool->ready;
    pool->ready = instance;
}

static void make_all_fresh(struct rt_pool *pool)
{
    if (pool->used_count == 0)
        return;
    rt_faults_look(pool->module->engine);
    pool->module->engine->used_count -= pool->used_count;
    pool->used_count = 0;
    while (pool->used != NULL) {
        struct rt_instance *instance = pool->used;
        pool->used = instance->pool_next;
        make_fresh(pool, instance);
    }
}

void rt_engine_settle(struct rt_engine *engine)
{
    for (struct rt_pool *pool = engine->pools; pool != NULL && engine->used_count > 0;
         pool = pool->next)
        make_all_fresh(pool);
}

static bool may_wait(const struct rt_instance *instance)
{
    for (u32 i = 0; i < instance->module->file.memory_count; i++)
        if (!rt_memory_may_wait(&instance->memories[i]))
            return false;
    return true;
}

/* ---- pools ---- */

bool rt_pool_create(struct rt_pool **out, struct rt_module *module, u32 max, struct err *err)
{
    for (u32 kind = RT_EXTERN_TABLE; kind <= RT_EXTERN_GLOBAL; kind++)
        if (rt_import_count(module, (enum rt_extern)kind) > 0)
            return rt_module_check_imports(module, err); /* always false: says which */
    struct rt_pool *pool = check_alloc(sizeof *pool);
    pool->module = rt_module_retain(module);
    pool->next = module->engine->pools;
    if (pool->next != NULL)
        pool->next->before = pool;
    module->engine->pools = pool;
    pool->max = max == 0 ? rt_engine_instances_max(module->engine) : max;
    struct rt_instance *first;
    if (!rt_pool_take(pool, &first, err)) {
        rt_pool_destroy(&pool);
        return false;
    }
    rt_pool_release(pool, &first);
    make_all_fresh(pool);
    *out = pool;
    return true;
}

static bool limit_memories(struct rt_instance *instance, u64 max_bytes, struct err *err)
{
    for (u32 i = 0; i < instance->module->file.memory_count; i++)
        if (!rt_memory_limit(&instance->memories[i], max_bytes, err))
            return false;
    return true;
}

bool rt_pool_limit_memory(struct rt_pool *pool, u64 max_bytes, struct err *err)
{
    CHECK(pool->taken == 0);
    make_all_fresh(pool);
    for (struct rt_instance *at = pool->ready; at != NULL; at = at->pool_next)
        if (!limit_memories(at, max_bytes, err))
            return false;
    pool->memory_max_bytes = max_bytes;
    return true;
}

static void destroy_all(struct rt_instance **list)
{
    while (*list != NULL) {
        struct rt_instance *next = (*list)->pool_next;
        rt_instance_destroy(list);
        *list = next;
    }
}

void rt_pool_destroy(struct rt_pool **pool)
{
    struct rt_pool *old = *pool;
    *pool = NULL;
    if (old == NULL)
        return;
    CHECK(old->taken == 0);
    if (old->before != NULL)
        old->before->next = old->next;
    else
        old->module->engine->pools = old->next;
    if (old->next != NULL)
        old->next->before = old->before;
    old->module->engine->used_count -= old->used_count;
    destroy_all(&old->used);
    destroy_all(&old->ready);
    rt_module_release(&old->module);
    free(old);
}

/* Gives up an idle instance of any pool, but for a pool's only one: everybody can run something.
 * False: there is none. */
static bool make_room(struct rt_engine *engine)
{
    rt_engine_settle(engine);
    for (struct rt_pool *pool = engine->pools; pool != NULL; pool = pool->next) {
        struct rt_instance *idle = pool->ready;
        if (idle == NULL || (pool->taken == 0 && idle->pool_next == NULL))
            continue;
        pool->ready = idle->pool_next;
        rt_instance_destroy(&idle);
        return true;
    }
    return false;
}

bool rt_engine_trim(struct rt_engine *engine, u32 count)
{
    bool goes_on = true;
    for (u32 i = 0; goes_on && i < count; i++)
        goes_on = make_room(engine);
    return goes_on;
}

u64 rt_pool_call_bytes(const struct rt_pool *pool)
{
    return pool->call_bytes;
}

/* There can be no more instances, by the pool's limit or the engine's. */
static bool is_full(const struct rt_pool *pool)
{
    const struct rt_engine *engine = pool->module->engine;
    return pool->taken + pool->used_count >= pool->max ||
           engine->instance_count >= engine->options.instances_max;
}

static bool make_new(struct rt_pool *pool, struct rt_instance **out, struct err *err)
{
    struct rt_engine *engine = pool->module->engine;
    if (pool->taken >= pool->max)
        return err_set(err, ERR_BUSY, ERR_NO_AT, "all %u instances are in use", pool->max);
    if (engine->instance_count >= engine->options.instances_max && !make_room(engine))
        return err_set(err, ERR_BUSY, ERR_NO_AT, "all %u instances are in use",
                       engine->options.instances_max);
    if (!rt_instance_create(out, pool->module, NULL, 0, err))
        return false;
    if (pool->memory_max_bytes > 0)
        CHECK(limit_memories(*out, pool->memory_max_bytes, NULL)); /* as the first one */
    return true;
}

bool rt_pool_take(struct rt_pool *pool, struct rt_instance **out, struct err *err)
{
    struct rt_instance *instance = NULL;
    if (pool->ready == NULL && pool->used_count > 0 &&
        (is_full(pool) || !make_new(pool, &instance, NULL)))
        make_all_fresh(pool);
    if (instance == NULL && pool->ready != NULL) {
        instance = pool->ready;
        pool->ready = instance->pool_next;
    }
    if (instance == NULL && !make_new(pool, &instance, err))
        return false;
    instance->pool_next = NULL;
    pool->taken++;
    *out = instance;
    return true;
}

void rt_pool_release(struct rt_pool *pool, struct rt_instance **instance)
{
    struct rt_instance *back = *instance;
    *instance = NULL;
    CHECK(back->module == pool->module && back->fiber == NULL && pool->taken > 0);
    pool->taken--;
    if (!may_wait(back)) {
        rt_faults_look(pool->module->engine);
        make_fresh(pool, back);
        return;
    }
    back->pool_next = pool->used;
    pool->used = back;
    pool->used_count++;
    pool->module->engine->used_count++;
    if (pool->used_count == USED_MAX)
        make_all_fresh(pool);
}
