/*
 * test/unit/runtime/snapshot.h -- a module that is initialised, and can be made a mess of in every
 * way; its snapshots in sealed files.
 */
#pragma once
#include "base/buf.h"
#include "base/file.h"
#include "proc/compile.h"
#include "runtime/internal.h"
#include "test/test.h"
#include "test/unit/runtime/wat.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* _initialize: grows memory by 4 pages and a table by 5, writes, sets every global, drops segments,
 * and calls the host. mess: what the bits of its parameter say. */
static const char ready_source[] =
    "(module\n"
    "  (import \"env\" \"tell\" (func $tell (param i32) (result i32)))\n"
    "  (memory (export \"memory\") 2 64)\n"
    "  (table $calls (export \"calls\") 4 100 funcref)\n"
    "  (table $hosts 3 50 externref)\n"
    "  (table $fixed 2 2 funcref)\n"
    "  (global $i (mut i32) (i32.const 1))\n"
    "  (global $I (mut i64) (i64.const 2))\n"
    "  (global $f (mut f32) (f32.const 3))\n"
    "  (global $F (mut f64) (f64.const 4))\n"
    "  (global $host (mut externref) (ref.null extern))\n"
    "  (global $func (mut funcref) (ref.func $one))\n"
    "  (global $named (mut funcref) (ref.null func))\n"
    "  (elem (table $calls) (i32.const 1) func $one $two)\n"
    "  (elem $spare func $two $one $tell)\n"
    "  (elem $gone func $two)\n"
    "  (data $words \"passive bytes\")\n"
    "  (data $lost \"dropped\")\n"
    "  (data (i32.const 70000) \"active\")\n"
    "  (type $none (func (result i32)))\n"
    "  (type $with (func (param i32) (result i32)))\n"
    "  (func $one (result i32) (i32.const 1))\n"
    "  (func $two (result i32) (i32.const 2))\n"
    "  (func (export \"_initialize\")\n"
    "    (drop (memory.grow (i32.const 4)))\n"
    "    (memory.fill (i32.const 100) (i32.const 0x51) (i32.const 200))\n"
    "    (memory.fill (i32.const 200000) (i32.const 0x52) (i32.const 50000))\n"
    "    (memory.init $lost (i32.const 5000) (i32.const 0) (i32.const 7))\n"
    "    (global.set $i (i32.const -7)) (global.set $I (i64.const -8))\n"
    "    (global.set $f (f32.const 1.5)) (global.set $F (f64.const -2.5))\n"
    "    (global.set $func (ref.null func)) (global.set $named (ref.func $two))\n"
    "    (drop (table.grow $calls (ref.null func) (i32.const 5)))\n"
    "    (table.set $calls (i32.const 0) (ref.func $tell))\n"
    "    (table.set $calls (i32.const 7) (ref.func $two))\n"
    "    (table.set $fixed (i32.const 1) (ref.func $one))\n"
    "    (drop (table.grow $hosts (ref.null extern) (i32.const 2)))\n"
    "    (data.drop $lost) (elem.drop $gone)\n"
    "    (drop (call_indirect $calls (type $with) (i32.const 20) (i32.const 0))))\n"
    "  (func $touch (param $at i32) (param $step i32) (param $what i32)\n"
    "    (loop $l\n"
    "      (i32.store8 (local.get $at) (local.get $what))\n"
    "      (br_if $l (i32.lt_u\n"
    "        (local.tee $at (i32.add (local.get $at) (local.get $step)))\n"
    "        (i32.mul (memory.size) (i32.const 65536))))))\n"
    "  (func $bit (param i32 i32) (result i32)\n"
    "    (i32.and (i32.shr_u (local.get 0) (local.get 1)) (i32.const 1)))\n"
    "  (func (export \"mess\") (param $how i32) (param $ref externref) (result i32)\n"
    "    (if (call $bit (local.get $how) (i32.const 0)) (then\n"
    "      (call $touch (i32.const 0) (i32.const 4096) (local.get $how))))\n"
    "    (if (call $bit (local.get $how) (i32.const 1)) (then\n"
    "      (call $touch (i32.const 17) (i32.const 8192) (i32.const 0))))\n"
    "    (if (call $bit (local.get $how) (i32.const 2)) (then\n"
    "      (drop (memory.grow (i32.add (i32.const 1)\n"
    "                                  (call $bit (local.get $how) (i32.const 9)))))\n"
    "      (memory.fill (i32.const 390000) (local.get $how) (i32.const 66000))))\n"
    "    (if (call $bit (local.get $how) (i32.const 3)) (then\n"
    "      (memory.fill (i32.const 0) (local.get $how) (i32.const 393216))))\n"
    "    (if (call $bit (local.get $how) (i32.const 4)) (then\n"
    "      (table.set $calls (i32.const 1) (ref.null func))\n"
    "      (table.copy $fixed $calls (i32.const 0) (i32.const 2) (i32.const 2))\n"
    "      (table.init $calls $spare (i32.const 3) (i32.const 0) (i32.const 3))))\n"
    "    (if (call $bit (local.get $how) (i32.const 5)) (then\n"
    "      (drop (table.grow $calls (ref.func $one) (i32.const 60)))\n"
    "      (drop (table.grow $hosts (local.get $ref) (i32.const 40)))))\n"
    "    (if (call $bit (local.get $how) (i32.const 6)) (then\n"
    "      (global.set $i (local.get $how)) (global.set $I (i64.const 99))\n"
    "      (global.set $f (f32.const 99)) (global.set $F (f64.const 99))\n"
    "      (global.set $host (local.get $ref)) (global.set $func (ref.func $two))\n"
    "      (global.set $named (ref.null func))))\n"
    "    (if (call $bit (local.get $how) (i32.const 7)) (then\n"
    "      (memory.init $words (i32.const 69998) (i32.const 0) (i32.const 13))\n"
    "      (data.drop $words) (elem.drop $spare)))\n"
    "    (if (call $bit (local.get $how) (i32.const 8)) (then (unreachable)))\n"
    "    (call_indirect $calls (type $none) (i32.const 2))))\n";

struct fixture {
    char folder[64];
    struct proc_cache cache;
    struct proc_artifact ready, other;
    struct proc_artifact best, likely; /* ready, compiled otherwise; with other data */
    struct rt_engine *engine;
    struct rt_module *module;
};

static u32 told; /* what the host was told last */

static u32 host_tell(struct rt_instance *instance, u32 value)
{
    (void)instance;
    told = value;
    return value;
}

static const struct rt_host_func tell = {"env",   "tell",         "i_i",
                                         "value", RT_HOST_IMPURE, (rt_host_code *)host_tell};

static inline bool compile_all(struct fixture *f)
{
    struct err err = {0};
    snprintf(f->folder, sizeof f->folder, "/tmp/weir-test-XXXXXX");
    if (mkdtemp(f->folder) == NULL || !proc_cache_open_temporary(&f->cache, &err))
        return false;
    compile_wat(f->folder, &f->cache, ready_source, &f->ready);
    compile_wat(f->folder, &f->cache, "(module (memory 2) (func (export \"_initialize\")))",
                &f->other);
    compile_wat_tier(f->folder, &f->cache, ready_source, PROC_TIER_BEST, &f->best);
    char *likely = strdup(ready_source);
    assert_non_null(likely);
    memcpy(strstr(likely, "\"active\""), "\"altera\"", strlen("\"active\""));
    compile_wat(f->folder, &f->cache, likely, &f->likely);
    free(likely);
    return true;
}

static inline bool remove_all(struct fixture *f)
{
    char command[128];
    proc_cache_close(&f->cache);
    snprintf(command, sizeof command, "rm -r %.63s", f->folder);
    return system(command) == 0;
}

static inline struct rt_module *load(struct fixture *f, const struct proc_artifact *artifact)
{
    struct err err = {0};
    struct rt_module *module = NULL;
    if (!rt_module_load(&module, f->engine, artifact->code_path, artifact->module_path,
                        &f->cache.mac_key, &err))
        fail_msg("%s", err.text);
    return module;
}

static inline void begin(struct fixture *f, const struct rt_options *options)
{
    struct err err = {0};
    if (!rt_engine_create(&f->engine, options, &err))
        fail_msg("%s", err.text);
    rt_engine_add_host(f->engine, &tell, 1);
    f->module = load(f, &f->ready);
}

static inline void end(struct fixture *f)
{
    rt_module_release(&f->module);
    rt_engine_destroy(&f->engine);
}

/* name NULL: only what an instance begins with. The fiber says how it ended. */
static inline struct rt_fiber *run(struct fixture *f, struct rt_instance *instance,
                                   const char *name, u64 a, u64 b, enum rt_exit *exit)
{
    struct rt_fiber *fiber;
    const union abi_value args[] = {{.u64 = a}, {.u64 = b}};
    u32 func = RT_FUNC_NONE;
    if (name != NULL)
        func = rt_module_export_find(instance->module, name, strlen(name))->index;
    assert_true(rt_fiber_take(&fiber, f->engine, NULL));
    rt_fiber_begin(fiber, instance, func, args, NULL);
    *exit = rt_fiber_run(fiber);
    return fiber;
}

/* An instance that has run what it begins with. */
static inline struct rt_instance *start(struct fixture *f, struct rt_module *module)
{
    struct rt_instance *instance;
    enum rt_exit exit;
    assert_true(rt_instance_create(&instance, module, NULL, 0, NULL));
    struct rt_fiber *fiber = run(f, instance, NULL, 0, 0, &exit);
    assert_int_equal(exit, RT_EXIT_DONE);
    rt_fiber_release(&fiber);
    return instance;
}

/* A memory file of these bytes behind `at` others, sealed. */
static inline int seal(const u8 *bytes, u64 len, u64 at)
{
    int fd = memfd_create("snapshots", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_true(fd >= 0 && ftruncate(fd, (off_t)(at + len)) == 0);
    assert_true(pwrite(fd, bytes, len, (off_t)at) == (ssize_t)len);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW), 0);
    return fd;
}

/* Room for a snapshot; release_room. */
static inline u8 *make_room(void)
{
    void *room = mmap(NULL, RT_SNAPSHOT_MAX, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(room != MAP_FAILED);
    return room;
}

static inline void release_room(u8 *room)
{
    munmap(room, RT_SNAPSHOT_MAX);
}

/* The bytes of a snapshot of an instance; to be freed. */
static inline u8 *take(const struct rt_instance *instance, u64 *len)
{
    struct err err = {0};
    u8 *room = make_room();
    if (!rt_snapshot_take(instance, room, len, &err))
        fail_msg("%s", err.text);
    u8 *bytes = malloc(*len);
    assert_non_null(bytes);
    memcpy(bytes, room, *len);
    release_room(room);
    return bytes;
}

/* Those of an instance that has run what it begins with, and is gone. */
static inline u8 *take_first(struct fixture *f, u64 *len)
{
    struct rt_instance *instance = start(f, f->module);
    u8 *bytes = take(instance, len);
    rt_instance_destroy(&instance);
    return bytes;
}

/* Gives the fixture's module a snapshot, behind a page of another. */
static inline void give_snapshot(struct fixture *f)
{
    struct err err = {0};
    u64 len;
    struct rt_instance *instance = start(f, f->module);
    u8 *bytes = take(instance, &len);
    int fd = seal(bytes, len, RT_PAGE_BYTES);
    rt_instance_destroy(&instance);
    if (!rt_module_use_snapshot(f->module, fd, RT_PAGE_BYTES, len, &err))
        fail_msg("%s", err.text);
    close(fd);
    free(bytes);
}
