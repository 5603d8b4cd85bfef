/*
 * runtime/internal.h -- what the files of this folder share. No other folder includes it.
 */
#pragma once
#include "abi/artifact.h"
#include "base/arena.h"
#include "base/file.h"
#include "runtime/runtime.h"

#define RT_PAGE_BYTES     ((u64)4096)
#define RT_STACK_GUARD    MIB
#define RT_RESERVED_BYTES (ABI_GUARD_BEFORE + 4 * GIB + ABI_GUARD_AFTER) /* of one memory */
#define RT_SLOT_MAPPINGS  6 /* guard, image, zeroed rest, stack, stack guard, tables that grow */
#define RT_MODULE_BYTES   (512 * MIB)
#define RT_CODE_BYTES     (2 * GIB)
#define RT_TABLE_LEN_MAX  ((u64)10000000) /* elements of all tables of an instance */

/* --- elf.c ----------------------------------------------------------------------------------- */

#define RT_SEGMENTS_MAX 4u

/* Pages of a code file that are mapped: readable, and executable or not; never writable. */
struct rt_segment {
    u64 addr, end; /* relative to the load address; end is where its bytes end */
    u64 offset;    /* of addr in the file */
    bool is_text;
};
struct rt_elf {
    struct rt_segment segments[RT_SEGMENTS_MAX]; /* ascending, no page in two of them */
    u32 segment_count;
    u64 span;                /* whole pages from the load address to the last one's end */
    u64 text_addr, text_len; /* of the executable segment, if there is one */
    u64 header_addr;         /* struct abi_code, within a segment: the file's entry */
};
/* Judges an ELF file before it is mapped. errors: ERR_ARTIFACT with the offset. */
MUST_CHECK bool rt_elf_check(const u8 *bytes, size_t len, struct rt_elf *out, struct err *err);
/* Are the len bytes at addr within one segment? */
bool rt_elf_holds(const struct rt_elf *elf, u64 addr, u64 len);

/* --- code.c ---------------------------------------------------------------------------------- */

/* A loaded code file; modules that differ only in data share it. */
struct rt_code {
    struct rt_code *next; /* of the engine, in any order */
    u32 refs;
    char *path;
    u8 *base; /* the load address; span bytes are reserved from there */
    u64 span;
    const struct abi_code *header;
    const i32 *funcs, *entries, *host_calls; /* as in struct abi_code */
    u64 text_start, text_end;                /* absolute */
};
MUST_CHECK bool rt_code_load(struct rt_code **out, struct rt_engine *engine, const char *path,
                             const struct digest *mac_key, struct err *err);
void rt_code_release(struct rt_engine *engine, struct rt_code **code);
/* The code around pc, or NULL. Async-signal-safe. */
const struct rt_code *rt_code_find(const struct rt_engine *engine, u64 pc);
/* The defined function around pc and pc's offset in it; false for stubs. */
bool rt_code_func_at(const struct rt_code *code, u64 pc, u32 *defined, u64 *offset);

static inline void *rt_code_at(const struct rt_code *code, i32 offset)
{
    return offset == 0 ? NULL : (void *)((uintptr_t)code->header + (uintptr_t)(i64)offset);
}

/* Checks that the file of this path ends in a trailer whose MAC is right. *body_len: the bytes
 * before it. */
MUST_CHECK bool rt_trailer_check(const struct file_view *file, const char *path,
                                 const struct digest *mac_key, const char *what, size_t *body_len,
                                 struct err *err);

/* --- module_file.c --------------------------------------------------------------------------- */

/* The kinds of abi/artifact.h, in its order. */
enum rt_expr_kind {
    RT_EXPR_VALUE,
    RT_EXPR_GLOBAL,
    RT_EXPR_FUNC,
    RT_EXPR_NULL,
    RT_EXPR_TERMS,
    RT_EXPR_I32_ADD, /* this and the following only as terms */
    RT_EXPR_I32_SUB,
    RT_EXPR_I32_MUL,
    RT_EXPR_I64_ADD,
    RT_EXPR_I64_SUB,
    RT_EXPR_I64_MUL,
};
struct rt_expr {
    enum rt_expr_kind kind;
    u32 index; /* GLOBAL, FUNC; TERMS: how many */
    union abi_value value;
    const struct rt_expr *terms;
};
struct rt_limits {
    u64 min, max; /* max UINT64_MAX: none */
};
struct rt_table_type {
    u8 reftype;
    struct rt_limits limits;
};
struct rt_memory_type {
    struct rt_limits limits; /* pages */
    u32 kind;
};
struct rt_global_type {
    u8 valtype;
    bool is_mutable;
};
struct rt_import {
    struct rt_text module, field;
    u32 type;   /* of a function */
    u32 caller; /* of a function: the first that calls it by its index, 0: none known */
    struct rt_table_type table;
    struct rt_memory_type memory;
    struct rt_global_type global;
};
struct rt_imports {
    struct rt_import *items;
    u32 count;
};
struct rt_func {
    u32 type;
    struct rt_text name;
};
struct rt_global {
    struct rt_global_type type;
    struct rt_expr init;
};
enum rt_segment_mode { RT_SEGMENT_ACTIVE, RT_SEGMENT_PASSIVE, RT_SEGMENT_OTHER };
struct rt_elem {
    enum rt_segment_mode mode;
    u32 table;
    u8 reftype;
    struct rt_expr at;
    struct rt_expr *items;
    u32 item_count;
};
struct rt_data {
    enum rt_segment_mode mode;
    u32 memory;
    struct rt_expr at;
    const u8 *bytes;
    u64 len;
};

/* What the module file says. Lists live in the arena, texts and bytes are views into the file. */
struct rt_module_file {
    struct digest code_key;
    struct digest digest; /* of the module's bytes */
    struct rt_func_type *types;
    u64 *type_ids;                /* canonical, one a type; filled by rt_module_load */
    struct rt_imports imports[4]; /* by enum rt_extern */
    struct rt_func *funcs;
    u32 *refs;   /* functions that code refers to, ascending */
    u32 *places; /* by defined function: which of an instance's entries is its, or UINT32_MAX */
    struct rt_table_type *tables;
    struct rt_memory_type *memories;
    struct rt_global *globals;
    struct rt_export *exports;
    struct rt_elem *elems;
    struct rt_data *data;
    u32 type_count, func_count, table_count, memory_count, global_count; /* defined ones */
    u32 export_count, elem_count, data_count, ref_count;
    u32 entry_count; /* functions that need a canonical entry: those of refs, segments, globals */
    u32 start;       /* UINT32_MAX: none */
    u32 initialize;  /* the exported function `_initialize` of a reactor, or UINT32_MAX */
    u64 image_at, image_len;
};
/* Decodes the body of a module file and checks every index in it. errors: ERR_ARTIFACT, with
 * the offset; ERR_LIMIT. */
MUST_CHECK bool rt_module_file_decode(struct rt_module_file *out, struct arena *arena,
                                      const u8 *bytes, size_t len, struct err *err);

/* --- artifact.c ------------------------------------------------------------------------------ */

struct rt_module {
    struct rt_engine *engine;
    u32 refs;
    int fd; /* of the module file: images are mapped from it */
    struct file_view view;
    struct arena arena;
    struct rt_code *code;
    struct rt_module_file file;
    struct rt_snapshot *snapshot; /* instances begin with it; NULL: there is none */
    struct rt_host_func const *
        *hosts; /* one per function import, set when linked; NULL: not offered */
    struct abi_layout layout;
};

static inline u32 rt_import_count(const struct rt_module *module, enum rt_extern kind)
{
    return module->file.imports[kind].count;
}
/* Type index of a function of the index space. */
u32 rt_module_func_type(const struct rt_module *module, u32 func);
struct rt_global_type rt_module_global_type(const struct rt_module *module, u32 global);

/* --- types.c --------------------------------------------------------------------------------- */

/* Canonical ids of function types: equal types, in whatever module, have the same id. */
struct rt_types {
    struct rt_type_row *rows; /* by id - 1 */
    u32 count, cap;
    u32 *buckets; /* ids, 0: empty; a power of two of them, at most half full */
    u32 bucket_count;
};
/* errors: ERR_LIMIT. */
MUST_CHECK bool rt_type_id(struct rt_types *types, const struct rt_func_type *type, u64 *id,
                           struct err *err);
void rt_types_fini(struct rt_types *types);

/* --- memory.c, reset.c ----------------------------------------------------------------------- */

/* A run of pages that may differ from a fresh memory. */
struct rt_run {
    u64 start, end;
};
#define RT_RUNS_MAX 32u

/* The pages of a memory that were ever written and stay resident: as long as the process has no
 * page fault, there are no others. */
struct rt_written {
    struct rt_run runs[RT_RUNS_MAX]; /* offsets */
    u32 run_count;
    u64 bytes;     /* of all runs */
    u64 found;     /* the same before the last reset: it may have given some back */
    bool is_known; /* runs are all of them, */
    u64 faults;    /* when the thread had had so many faults */
};

/* The content of a memory that has not been used: zero behind the first len bytes. */
struct rt_image {
    u64 size_bytes; /* of the memory */
    const u8 *bytes;
    u64 len;
    int fd; /* whole pages of it may be mapped from here */
    u64 at;
};
struct rt_memory {
    struct abi_memory abi; /* first: what compiled code sees */
    u8 *reservation;       /* NULL: not created */
    u64 initial_bytes;
    u64 declared_max; /* pages, UINT64_MAX: none */
    const u8 *image;  /* the first image_len bytes of a fresh memory */
    u64 image_len;
    u64 mapped_len;    /* so many of them are mapped from their file */
    u64 largest_bytes; /* it ever had */
    struct rt_written written;
};
MUST_CHECK bool rt_memory_create(struct rt_memory *memory, const struct rt_module *module,
                                 u32 defined, struct err *err);
/* It grows to at most so many bytes. errors: ERR_LIMIT (it starts with more). */
MUST_CHECK bool rt_memory_limit(struct rt_memory *memory, u64 max_bytes, struct err *err);
void rt_memory_destroy(struct rt_memory *memory);
/* Old size in pages, or UINT64_MAX. spec: core/exec, memory.grow */
u64 rt_memory_grow(struct rt_memory *memory, u64 delta_pages);
/* Makes content and size those of a fresh memory, for which rt_faults_look has been called since a
 * guest had it. False: the kernel refused; destroy it. */
MUST_CHECK bool rt_memory_reset(struct rt_engine *engine, struct rt_memory *memory);
/* It held so little at its last reset that this one need not be at once. */
bool rt_memory_may_wait(const struct rt_memory *memory);
void rt_faults_look(struct rt_engine *engine);

/* Finds runs of written pages in [*at, end), at most max, and moves *at behind what was looked at.
 * Returns their number; *at == end: that was all. */
u32 rt_dirty_scan(const struct rt_engine *engine, u64 *at, u64 end, struct rt_run *runs, u32 max);
u64 rt_memory_held_bytes(const struct rt_engine *engine, const struct rt_memory *memory);
/* True if the kernel has PAGEMAP_SCAN. */
bool rt_dirty_scan_works(int pagemap_fd);
/* True if the kernel counts the faults of a thread page by page. */
bool rt_faults_are_counted(void);

/* --- table.c --------------------------------------------------------------------------------- */

struct rt_table {
    struct abi_table abi; /* first */
    const struct rt_table_type *type;
    u64 mapped_bytes; /* of entries, where they are mapped: the table can grow; else 0 */
    bool changed;     /* since the instance's segments were put into it */
};
/* Null elements, all tables of an instance; those that can grow share one mapping.
 * errors: ERR_LIMIT. */
MUST_CHECK bool rt_tables_create(struct rt_table *tables, const struct rt_table_type *types,
                                 u32 count, struct err *err);
void rt_tables_destroy(struct rt_table *tables, u32 count);
/* The greatest length of a table of this type. */
u64 rt_table_len_max(const struct rt_table_type *type);
/* By null elements. Old length, or UINT64_MAX. spec: core/exec, table.grow */
u64 rt_table_grow(struct rt_table *table, u64 delta);
void rt_table_reset(struct rt_table *table); /* null elements, the least length */

/* What lies in a table of this type for a reference. */
struct abi_entry rt_ref_entry(u8 reftype, u64 ref);

/* --- builtin.c ------------------------------------------------------------------------------- */

extern const struct abi_builtins rt_builtins;
void rt_builtin_yield(struct abi_exec *exec); /* fiber.c */

/* --- instance.c ------------------------------------------------------------------------------ */

struct rt_instance {
    struct rt_module *module; /* retained */
    struct abi_vmctx *ctx;
    struct rt_memory *memories; /* defined ones */
    struct rt_table *tables;
    struct abi_entry *entries;         /* canonical ones, file.entry_count of them */
    bool *data_dropped, *elem_dropped; /* by segment */
    bool any_dropped;                  /* since it was fresh */
    struct rt_instance *kept; /* instances that failed after they had filled a table of ours */
    struct rt_instance *kept_next;
    struct rt_instance *group_next, *group_before; /* ring of linked instances */
    struct rt_fiber *fiber;                        /* the one it is on, or NULL */
    bool started; /* start function and `_initialize` have run, or there are none */
    const struct rt_host_func *caught; /* of rt_instance_watch */
    struct rt_instance *pool_next;
};
/* Puts an instance of a pool back into the state rt_instance_create left it in; rt_faults_look has
 * been called since a guest had it. False: the system refused; destroy it. */
MUST_CHECK bool rt_instance_reset(struct rt_instance *instance);
struct abi_entry *rt_ctx_func_imports(const struct rt_instance *instance);
struct abi_host *rt_ctx_hosts(const struct rt_instance *instance);
struct abi_memory_ref *rt_ctx_memories(const struct rt_instance *instance);
struct abi_table **rt_ctx_tables(const struct rt_instance *instance);
union abi_value *rt_ctx_globals(const struct rt_instance *instance);
/* The callable for a function of the instance's index space; without ref if no funcref to it can
 * exist. */
struct abi_entry rt_instance_entry(const struct rt_instance *instance, u32 func);
/* The value of a constant expression. */
union abi_value rt_instance_evaluate(const struct rt_instance *instance,
                                     const struct rt_expr *expr);
/* Copies items [from, from + count) of an element segment into a table from `to` on. Bounds are the
 * caller's affair. */
void rt_instance_copy_elems(const struct rt_instance *instance, struct rt_table *table, u64 to,
                            const struct rt_elem *elem, u64 from, u64 count);
/* Where the value of a global of the index space lies. */
union abi_value *rt_instance_global(const struct rt_instance *instance, u32 index);
/* link.c: sets the imports. errors: ERR_LINK. */
MUST_CHECK bool rt_instance_link(struct rt_instance *instance, const struct rt_provider *providers,
                                 size_t provider_count, struct err *err);

/* --- snapshot.c, snapshot_take.c -------------------------------------------------------------- */

/*
 * A snapshot, little-endian; `list` is u32 count + items:
 *   u64 RT_SNAPSHOT_MAGIC, u32 ABI_VERSION, digest of the module's bytes (DIGEST_BYTES): code
 *   compiled from them in any way can begin with it
 *   u64 length of all of it
 *   memories   list of {u64 size in bytes, u64 at, u64 length}   the first bytes, at page `at` from
 *              the first page behind this head; zero behind them. Multiples of pages.
 *   tables     list of {u64 length, list of u32 function index or RT_FUNC_NONE}   null behind them
 *   globals    list of 16 bytes, a union abi_value; of a reference a function index or RT_FUNC_NONE
 *   data       list of u8, 1: dropped
 *   elems      list of u8, 1: dropped
 * Lists have as many items as the module defines.
 */
#define RT_SNAPSHOT_MAGIC 0x31504e5352494557ull /* "WEIRSNP1" */

struct rt_snapshot_table {
    u64 len;
    u32 *funcs; /* the first count elements, RT_FUNC_NONE: null */
    u32 count;
};
struct rt_snapshot {
    int fd;                /* owned */
    struct file_view view; /* of the snapshot in it */
    struct rt_image *memories;
    struct rt_snapshot_table *tables;
    union abi_value *globals; /* of a reference u32: a function or RT_FUNC_NONE */
    bool *data_dropped, *elem_dropped;
};
void rt_snapshot_fini(struct rt_snapshot *snapshot);

/* --- fiber.c, signal.c, trap.c ---------------------------------------------------------------- */

/* General registers of a redirected fiber, in the order fiber_x86_64.S loads them. */
enum rt_reg {
    RT_REG_RAX,
    RT_REG_RBX,
    RT_REG_RCX,
    RT_REG_RDX,
    RT_REG_RSI,
    RT_REG_RDI,
    RT_REG_RBP,
    RT_REG_R8,
    RT_REG_R9,
    RT_REG_R10,
    RT_REG_R11,
    RT_REG_R12,
    RT_REG_R13,
    RT_REG_R14,
    RT_REG_R15,
    RT_REG_RSP,
    RT_REG_RIP,
    RT_REG_RFLAGS,
    RT_REG_COUNT
};

enum rt_fiber_state {
    RT_FIBER_IDLE,  /* nothing on it */
    RT_FIBER_READY, /* begun, never run */
    RT_FIBER_RUNNING,
    RT_FIBER_SUSPENDED,  /* left by a call from host code: sp */
    RT_FIBER_REDIRECTED, /* left by the tick handler: regs and save */
    RT_FIBER_ENDED,      /* returned or trapped */
};

#define RT_FIBER_FIELDS(F)                                                                         \
    F(struct abi_exec, exec, 0) /* what guest code sees of it */                                   \
    F(u64, host_sp, 40)         /* of the host code that runs this fiber */                        \
    F(u64, sp, 48)              /* of the fiber, while it is not running */                        \
    F(u64, trap_kind, 56)       /* enum abi_trap, not 0: leave for good */                         \
    F(void *, save, 64)         /* xsave area */                                                   \
    F(u64, save_mask, 72)                                                                          \
    F(u64, redirected, 80) /* 1: left by the tick handler */
struct rt_fiber {
#define F(type, name, offset) type name;
    RT_FIBER_FIELDS(F)
#undef F
    u64 regs[RT_REG_COUNT]; /* where a handler took it off */
    struct rt_engine *engine;
    enum rt_fiber_state state;
    enum rt_exit exit; /* how it left by rt_switch_out */
    bool deep;         /* much of the stack may have been touched */
    bool faulted;      /* regs tell where, and fault_addr what was touched */
    u64 fault_addr;    /* absolute */
    const char *host_message;
    u8 *mapping; /* guard, stack, values and arguments */
    u64 stack_low, stack_top;
    union abi_value *args; /* of the call, later its results */
    struct rt_instance *instance;
    u32 func;
    rt_driver_fn *driver; /* runs instead of func, or NULL */
    void *driver_arg;
    void *user;
    void *asan_fake;
    struct rt_trap trap;
    struct rt_fiber *next_free;
};
#define F(type, name, offset)                                                                      \
    static_assert(offsetof(struct rt_fiber, name) == (offset), "fiber_x86_64.S: " #name " moved");
RT_FIBER_FIELDS(F)
#undef F
static_assert(offsetof(struct rt_fiber, regs) == 88, "fiber_x86_64.S: regs moved");

/* fiber_x86_64.S */
void rt_switch_in(struct rt_fiber *fiber);     /* from host to fiber */
void rt_switch_out(struct rt_fiber *fiber);    /* from fiber to host */
void rt_switch_resume(struct rt_fiber *fiber); /* from host to a redirected fiber */
void rt_builtin_trap(struct abi_exec *exec, u64 trap);
extern const char rt_fiber_start[], rt_redirect_save[], rt_redirect_drop[]; /* addresses only */
NO_RETURN void rt_fiber_main(struct rt_fiber *fiber); /* called by rt_fiber_start */

/* Handlers and alternate stack of the process; engine's fiber is the one looked at. */
MUST_CHECK bool rt_signals_install(struct rt_engine *engine, struct err *err);
void rt_signals_remove(struct rt_engine *engine);

/* Frees the fibers kept for reuse. */
void rt_fibers_free(struct rt_engine *engine);
/* Fills fiber->trap from where the fiber stands. */
void rt_trap_record(struct rt_fiber *fiber, enum abi_trap kind);

/* --- engine.c -------------------------------------------------------------------------------- */

struct rt_engine {
    struct rt_options options; /* defaults filled in */
    struct rt_fiber *running;  /* set around every switch: the handlers look here */
    rt_tick_fn *tick;
    void *tick_arg;
    struct rt_code *codes;
    struct rt_types types;
    u64 reserve_below; /* where the next memory had best be, or 0 */
    u64 code_below;    /* where the next code file had best end */
    const struct rt_host_func **hosts;
    u32 host_count, host_cap;
    u32 instance_count, fiber_count, module_count;
    struct rt_fiber *free_fibers;
    u32 free_fiber_count;
    const void *host_stack; /* for AddressSanitizer */
    size_t host_stack_bytes;
    u64 save_bytes, save_mask;
    int pagemap_fd;
    bool scan_works, faults_work;
    u64 faults; /* of the thread, when rt_faults_look looked */
    struct rt_pool *pools;
    u32 used_count; /* instances that wait in them to be made fresh */
    void *signal_stack;
    u64 signal_stack_bytes;
};
