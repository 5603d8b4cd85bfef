/*
 * runtime/runtime.h -- run compiled modules: load artifacts, make and reset instances, call guest
 * functions on fibers, turn faults into traps with a backtrace.
 *
 * Spec:     core/exec/runtime (structure), core/exec/modules (instantiation).
 * Lifetime: an engine outlives its modules, a module its instances and pools, an instance the calls
 *           on it. Modules are counted; the others have one owner.
 * Threads:  one engine, one thread, one process. No locks. An instance runs on one fiber at a time.
 * Signals:  rt_engine_create installs handlers for SIGSEGV, SIGBUS and SIGURG and an alternate
 *           stack; rt_engine_destroy puts the former ones back. At most one engine at a time.
 */
#pragma once
#include "abi/abi.h"
#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"

struct rt_engine;   /* everything the process shares: type ids, code ranges, free fibers */
struct rt_module;   /* a loaded artifact */
struct rt_instance; /* memories, tables, globals of one instantiated module */
struct rt_fiber;    /* a stack, and the guest call running on it */
struct rt_pool;     /* ready instances of one module */

/* --- the engine ------------------------------------------------------------------------------ */

/* Every field: 0 asks for the default in brackets. */
struct rt_options {
    u64 stack_bytes;       /* of a fiber [1 MiB]; at least 256 KiB, rounded up to pages */
    u64 memory_max_bytes;  /* growth of one memory stops here [4 GiB] */
    u64 memory_keep_bytes; /* an idle instance keeps at most so many written bytes [4 MiB] */
    u32 instances_max;     /* at most [what vm.max_map_count and the address space allow] */
    bool scan_by_read;     /* find dirty pages by reading pagemap, even if PAGEMAP_SCAN works */
};

/* options NULL: all defaults.
 * errors: ERR_LIMIT (the process may map too little for one instance; the text says what to
 * change), ERR_SYSTEM, ERR_UNSUPPORTED (processor without xsavec, or user shadow stacks on). */
MUST_CHECK bool rt_engine_create(struct rt_engine **out, const struct rt_options *options,
                                 struct err *err);
void rt_engine_destroy(struct rt_engine **engine); /* after all its modules and fibers */

/* How many instances may exist at the same time. */
u32 rt_engine_instances_max(const struct rt_engine *engine);

/* Called inside the SIGURG handler, only while a fiber runs or not at all near one: async-signal-
 * safe code only. Returns true to take the running guest off the processor: at once in guest code,
 * at the exit of the host call otherwise. fn NULL: ticks are ignored. */
typedef bool rt_tick_fn(void *arg);
void rt_engine_on_tick(struct rt_engine *engine, rt_tick_fn *fn, void *arg);

/* --- host functions -------------------------------------------------------------------------- */

/* A host function is C code called by the C convention with the importing instance first, then the
 * Wasm arguments as u32, u64, f32, f64; it returns nothing or one such value. It runs on the
 * guest's fiber with at least ABI_HOST_STACK bytes of stack. */
typedef void rt_host_code(void);
enum rt_host_flag {
    RT_HOST_MAY_SUSPEND = 1, /* may leave the fiber and come back later */
    RT_HOST_EFFECT = 2,      /* visible outside: forbids repeating the request elsewhere */
    RT_HOST_IMPURE = 4,      /* says or does what is not the same for every request */
    RT_HOST_OF_CALL = 8,     /* for programs: says or does what belongs to their request */
};
struct rt_host_func {
    const char *module, *field;
    const char *signature; /* i I f F = i32 i64 f32 f64, parameters '_' results: "iF_i" */
    const char *params;    /* names for traces, separated by spaces */
    u32 flags;             /* enum rt_host_flag */
    rt_host_code *code;
};

/* Offers functions to all modules. borrows: the rows, for the life of the engine. A later row wins
 * over an earlier one of the same name. */
void rt_engine_add_host(struct rt_engine *engine, const struct rt_host_func *funcs, size_t count);

/* --- modules --------------------------------------------------------------------------------- */

enum rt_valtype {
    RT_I32 = 0x7f,
    RT_I64 = 0x7e,
    RT_F32 = 0x7d,
    RT_F64 = 0x7c,
    RT_FUNCREF = 0x70,
    RT_EXTERNREF = 0x6f
};
const char *rt_valtype_text(u8 type); /* "i32"; "?" for a number that is no type */

enum rt_extern { RT_EXTERN_FUNC, RT_EXTERN_TABLE, RT_EXTERN_MEMORY, RT_EXTERN_GLOBAL };

/* A text view into the module file, not zero-terminated; lives as long as the module. */
struct rt_text {
    const char *bytes;
    u32 len;
};
struct rt_func_type {
    const u8 *params, *results; /* enum rt_valtype */
    u32 param_count, result_count;
};
struct rt_export {
    struct rt_text name;
    enum rt_extern kind;
    u32 index;                         /* in the index space of its kind */
    const struct rt_func_type *type;   /* of a function, else NULL */
    const struct rt_text *param_names; /* param_name_count <= type->param_count of them */
    u32 param_name_count;
};

/* Loads the two files of an artifact (abi/artifact.h). The trailers' MACs, the ABI version and the
 * agreement of the two files are checked, and the code file is refused before it is opened for
 * execution if it could run anything at load time or needs a symbol. Paths must be absolute.
 * returns owned: one reference, for rt_module_release.
 * errors: ERR_ARTIFACT, ERR_SYSTEM, ERR_LIMIT. */
MUST_CHECK bool rt_module_load(struct rt_module **out, struct rt_engine *engine,
                               const char *code_path, const char *module_path,
                               const struct digest *mac_key, struct err *err);
struct rt_module *rt_module_retain(struct rt_module *module);
void rt_module_release(struct rt_module **module); /* the last reference unloads; NULL is allowed */

const struct rt_export *rt_module_exports(const struct rt_module *module, u32 *count);
/* The export with this name, or NULL. */
const struct rt_export *rt_module_export_find(const struct rt_module *module, const char *name,
                                              size_t name_len);

/* The exported function of this name that takes and returns nothing, or NULL: what a module is
 * started by (`_start` makes it a program, `_initialize` a reactor). */
const struct rt_export *rt_module_entry_find(const struct rt_module *module, const char *name);

/* Are all imports offered by the host functions added so far, with the right types?
 * errors: ERR_LINK, naming import, type, the function that calls it, and remedy. */
MUST_CHECK bool rt_module_check_imports(struct rt_module *module, struct err *err);

/* What a module is, for who looks at it. */
struct rt_module_info {
    struct digest code_key; /* modules with the same one share their code */
    u32 func_count;         /* defined ones; the other counts are with imported ones */
    u32 memory_count, table_count, global_count;
    u64 memory_min, memory_max; /* of memory 0, pages; max UINT64_MAX: none */
    u64 table_min, table_max;   /* of table 0, elements; likewise */
    u64 text_bytes;             /* machine code */
    u64 image_bytes;            /* of memory 0 that are not zero at first; 0: from segments */
    bool has_start;             /* a start function, not `_initialize` */
    bool has_initialize;
    bool imports_memory; /* compiled strict then */
};
void rt_module_describe(const struct rt_module *module, struct rt_module_info *out);

/* Imports of all kinds: functions, tables, memories, globals, each in the order of its space. */
#define RT_TYPE_TEXT_MAX 160
struct rt_import_info {
    enum rt_extern kind;
    struct rt_text module, field;
    char type[RT_TYPE_TEXT_MAX]; /* "(i32) -> (f64)", "memory of at least 2 pages"; may be cut */
    u32 caller;                  /* function that calls it first, or RT_FUNC_NONE: none known */
    struct rt_text caller_name;  /* may be empty */
};
u32 rt_module_import_count(const struct rt_module *module);
void rt_module_import_describe(const struct rt_module *module, u32 index,
                               struct rt_import_info *out);
/* rt_module_check_imports for one of them. */
MUST_CHECK bool rt_module_check_import(struct rt_module *module, u32 index, struct err *err);

/* --- instances ------------------------------------------------------------------------------- */

/* Where imports come from besides the host functions: exports of `instance` under the name
 * `module`. Instances linked with each other form a group: only one fiber may be in a group, a
 * provider must outlive its importers, and since tables may hold functions of any of them, none
 * may be entered any more once one has been destroyed. */
struct rt_provider {
    const char *module;
    struct rt_instance *instance;
};

/* Instantiates: imports, memories with the image, tables, globals, element and data segments; or
 * all that from the module's snapshot. The start function runs at the beginning of the first call.
 * returns owned: rt_instance_destroy.
 * errors: ERR_LINK, ERR_LIMIT (instances, memory, table), ERR_SYSTEM, ERR_TRAP (a segment out of
 * bounds; what earlier segments wrote into imported memories and tables stays). */
MUST_CHECK bool rt_instance_create(struct rt_instance **out, struct rt_module *module,
                                   const struct rt_provider *providers, size_t provider_count,
                                   struct err *err);
void rt_instance_destroy(struct rt_instance **instance); /* not while on a fiber; NULL is allowed */

/* From now on the first call of a host function with one of these flags ends the guest's call with
 * ABI_TRAP_HOST before it does anything; also after a reset, if it is of a pool. On no fiber. */
void rt_instance_watch(struct rt_instance *instance, u32 flags);
/* The watched function whose call ended one, or NULL. */
const struct rt_host_func *rt_instance_caught(const struct rt_instance *instance);

/* The only way from a guest address to host memory: bytes [addr, addr + len) of memory 0, or NULL
 * if any of them is out of bounds or there is no memory.
 * view: ends at the next suspension of the fiber, growth of the memory, or return to the guest. */
u8 *rt_memory_view(struct rt_instance *instance, u64 addr, u64 len);
u64 rt_memory_size_bytes(const struct rt_instance *instance); /* of memory 0; 0 without one */

/* What it takes: bytes of its memories that were ever written, while the others cost nothing, and
 * its tables. 0 also if it cannot be more than `least`. Takes about 1 us a MiB, or more where
 * written pages lie apart. */
u64 rt_instance_held_bytes(const struct rt_instance *instance, u64 least);

/* The value of an exported global; false if there is none of that name. */
bool rt_global_read(const struct rt_instance *instance, const char *name, union abi_value *out);

/* --- snapshots -------------------------------------------------------------------------------- */

/* Start function and `_initialize` may run once, for all instances of all processes: what they
 * leave is written into a memory file without a pointer in it, and instances begin with that.
 * Reading it trusts nothing: guest code ran in the process that wrote it. */

#define RT_SNAPSHOT_MAX GIB /* bytes of one, holes included */

/* Writes what is in an initialised instance into room, RT_SNAPSHOT_MAX zeroed bytes, of which pages
 * that remain zero are not touched. *len: what it takes, a multiple of pages.
 * errors: ERR_UNSUPPORTED (it is linked to other instances, holds a reference of the host),
 * ERR_LIMIT. */
MUST_CHECK bool rt_snapshot_take(const struct rt_instance *instance, u8 *room, u64 *len,
                                 struct err *err);

/* Instances made of this module after this begin with the snapshot that lies at bytes [at, at +
 * len) of a memory file sealed against writing and shrinking; nothing runs before their first call.
 * borrows: fd. errors: ERR_ARTIFACT (no snapshot of this module), ERR_LIMIT, ERR_SYSTEM; the module
 * must be released then. */
MUST_CHECK bool rt_module_use_snapshot(struct rt_module *module, int fd, u64 at, u64 len,
                                       struct err *err);

/* Is there anything to run in a new instance before its first call? */
bool rt_module_has_start(const struct rt_module *module);

/* --- pools ----------------------------------------------------------------------------------- */

/* For modules that import nothing but host functions. max 0: the engine's limit.
 * retains: the module. errors: ERR_LINK, ERR_UNSUPPORTED (other imports), ERR_LIMIT, ERR_SYSTEM,
 * ERR_TRAP: whatever making the first instance says; it is ready when this returns. */
MUST_CHECK bool rt_pool_create(struct rt_pool **out, struct rt_module *module, u32 max,
                               struct err *err);
/* Memories of its instances grow to at most so many bytes. While none is taken.
 * errors: ERR_LIMIT (they start with more). */
MUST_CHECK bool rt_pool_limit_memory(struct rt_pool *pool, u64 max_bytes, struct err *err);
void rt_pool_destroy(struct rt_pool **pool); /* all instances must have been given back */

/* A fresh instance: indistinguishable from a newly created one.
 * errors: ERR_BUSY (all the pool may have are taken, or all the engine may), ERR_LIMIT, ERR_SYSTEM.
 * Where the engine can have no more, an idle one of another pool makes room, if it is not that
 * pool's only one. */
MUST_CHECK bool rt_pool_take(struct rt_pool *pool, struct rt_instance **out, struct err *err);

/* Gives an instance back, whatever state the guest left it in; it is fresh again before it is taken
 * again (about 1 us at 4 written pages): call it after the response has left. Up to eight that
 * wrote little before wait for one another, so a pool makes that many before one is used again.
 * Sets *instance to NULL. */
void rt_pool_release(struct rt_pool *pool, struct rt_instance **instance);
/* Makes those fresh that wait: when there is nothing else to do. */
void rt_engine_settle(struct rt_engine *engine);
/* Gives up so many idle instances, but one of each pool: when memory is short. False: there are
 * none to give up any more. */
bool rt_engine_trim(struct rt_engine *engine, u32 count);

/* Written bytes that an instance of this pool has after a call, lately: a mean. Of those up to
 * memory_keep_bytes may be of calls before. */
u64 rt_pool_call_bytes(const struct rt_pool *pool);

/* --- traps ----------------------------------------------------------------------------------- */

#define RT_FRAMES_MAX 32

struct rt_frame {
    const struct rt_module *module;
    u32 func;            /* index in the module's function index space */
    struct rt_text name; /* len 0: the module has no name for it */
    u64 offset;          /* of the return address or the fault in the function's machine code */
};
struct rt_trap {
    enum abi_trap kind;
    const char *code;    /* stable text, "memory-out-of-bounds" */
    const char *message; /* a sentence; for ABI_TRAP_HOST the host function's */
    u64 fault_addr;      /* guest address of an access out of bounds, else UINT64_MAX */
    u32 frame_count;     /* innermost first */
    u32 frames_omitted;  /* deeper ones that did not fit */
    struct rt_frame frames[RT_FRAMES_MAX];
};

/* Lines for people: the message, then "  at NAME (func INDEX)" per frame. */
void rt_trap_print(const struct rt_trap *trap, struct buf *out);
/* A frame's function for people: its name, escaped, or "func[INDEX]". */
void rt_frame_print(const struct rt_frame *frame, struct buf *out);

/* --- fibers: used by sched, which runs them --------------------------------------------------- */

enum rt_exit {
    RT_EXIT_DONE,      /* returned: rt_fiber_results */
    RT_EXIT_TRAP,      /* will not run again: rt_fiber_trap */
    RT_EXIT_PREEMPTED, /* a tick took it off; may run on at once */
    RT_EXIT_SUSPENDED, /* a host function waits for something */
};

/* A fiber with an empty stack. errors: ERR_SYSTEM. returns owned: rt_fiber_release. */
MUST_CHECK bool rt_fiber_take(struct rt_fiber **out, struct rt_engine *engine, struct err *err);
/* In any state: what ran on it never continues. Its instance is free again. NULL is allowed. */
void rt_fiber_release(struct rt_fiber **fiber);

#define RT_FUNC_NONE UINT32_MAX

/* Prepares a call of a function of instance (which must be on no fiber). In a new instance its
 * start function and its exported `_initialize` run before it; RT_FUNC_NONE: only they. args: as
 * many as the function has parameters; they are copied. user: for rt_instance_user. Runs nothing
 * yet. */
void rt_fiber_begin(struct rt_fiber *fiber, struct rt_instance *instance, u32 func,
                    const union abi_value *args, void *user);

/* A driver: host code that runs on the fiber in the place of a guest function, and may call several
 * functions of its instance. It may be dropped at every rt_driver_call and rt_driver_poll: there,
 * what it owns must stand where whoever ends the call finds it. */
typedef void rt_driver_fn(struct rt_instance *instance, void *arg);

/* rt_fiber_begin for a driver; it has no results. */
void rt_fiber_begin_driver(struct rt_fiber *fiber, struct rt_instance *instance,
                           rt_driver_fn *driver, void *arg, void *user);

/* Runs until the call leaves the processor. Not from inside a fiber. */
enum rt_exit rt_fiber_run(struct rt_fiber *fiber);

/* After RT_EXIT_DONE. view: until the fiber is begun again or released. */
const union abi_value *rt_fiber_results(const struct rt_fiber *fiber);
/* After RT_EXIT_TRAP or rt_fiber_kill. view: until the fiber is begun again or released. */
const struct rt_trap *rt_fiber_trap(const struct rt_fiber *fiber);

/* Ends a preempted, suspended or never-run call; its trap has this kind and says where it was. */
void rt_fiber_kill(struct rt_fiber *fiber, enum abi_trap kind);

/* --- for drivers, on the fiber ---------------------------------------------------------------- */

/* Calls a function; its results take the arguments' place, so values has room for both. Does not
 * return if the guest traps. Ends all views. */
void rt_driver_call(struct rt_instance *instance, u32 func, union abi_value *values);

/* To be called at least every 64 KiB of work: lets others run if it is their turn. Ends all views.
 */
void rt_driver_poll(struct rt_instance *instance);

/* --- for host functions, on the fiber --------------------------------------------------------- */

/* The user pointer of the fiber the instance is on. */
void *rt_instance_user(const struct rt_instance *instance);

/* Leaves the fiber with RT_EXIT_SUSPENDED; returns when it is run again, or never. What the host
 * function owns at this point must stand in the task's arena or in a handle table. */
void rt_fiber_suspend(struct rt_instance *instance);

/* Traps with ABI_TRAP_HOST. message: static text. The same rule for what is owned. */
NO_RETURN void rt_host_trap(struct rt_instance *instance, const char *message);

/* Ends the guest's call with this kind: ABI_TRAP_EXIT, when a program ends itself. The same rule.
 */
NO_RETURN void rt_host_end(struct rt_instance *instance, enum abi_trap kind);
