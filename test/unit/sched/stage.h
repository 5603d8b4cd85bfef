/*
 * test/unit/sched/stage.h -- what tasks of one module need to run: engine, loop, scheduler, pool.
 */
#pragma once
#include "base/digest.h"
#include "sched/sched.h"
#include "test/test.h"

struct stage {
    struct rt_engine *engine;
    struct rt_module *module;
    struct rt_pool *pool;
    struct loop *loop;
    struct sched *sched;
};

/* The files of the module, the key of their MACs, and the functions that it is offered. */
struct stage_module {
    const char *code, *module;
    const struct digest *mac_key;
    const struct rt_host_func *hosts;
    size_t host_count;
};

static inline void stage_begin(struct stage *s, const struct stage_module *m,
                               const struct sched_options *options)
{
    struct err err = {0};
    if (!rt_engine_create(&s->engine, NULL, &err) || !loop_create(&s->loop, &err) ||
        !sched_create(&s->sched, s->engine, s->loop, options, &err))
        fail_msg("%s", err.text);
    rt_engine_add_host(s->engine, m->hosts, m->host_count);
    if (!rt_module_load(&s->module, s->engine, m->code, m->module, m->mac_key, &err) ||
        !rt_pool_create(&s->pool, s->module, 0, &err))
        fail_msg("%s", err.text);
}

static inline void stage_end(struct stage *s)
{
    sched_destroy(&s->sched);
    rt_pool_destroy(&s->pool);
    rt_module_release(&s->module);
    loop_destroy(&s->loop);
    rt_engine_destroy(&s->engine);
}
