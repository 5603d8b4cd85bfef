/*
 * abi/abi.h -- what compiled code, compiler and runtime agree on: structures reached from guest
 * code, calling convention, traps. Any change here bumps ABI_VERSION; artifacts of another
 * version are refused.
 *
 * Calling convention of every guest function, in every artifact and tier:
 *   - The C convention of the System V ABI, in registers only: nothing is ever passed on the stack.
 *     The first parameter is the callee's context (struct abi_vmctx *, or for a host function its
 *     struct abi_host *).
 *   - The first ABI_INT_PARAMS integer and ABI_FLOAT_PARAMS floating parameters travel in
 *     registers, in order; every other parameter i is stored by the caller in
 *     exec->values[i] (i counts all Wasm parameters from 0) and loaded by the callee's prologue
 *     before it does anything else.
 *   - Up to ABI_REG_RESULTS results are returned as one value or a struct of two; of a longer list
 *     the first ABI_REG_RESULTS so, and result i >= ABI_REG_RESULTS in exec->values[i], stored last
 *     before the return and loaded first after it.
 * A value slot has 16 bytes (v128 fits); smaller values use its low bytes, little-endian.
 * References are integers of 64 bits: 0 is null; a funcref is the address of the function's
 * canonical struct abi_entry; an externref is whatever the host made it.
 */
#pragma once
#include "base/types.h"

#define ABI_VERSION      6
#define ABI_INT_PARAMS   5
#define ABI_FLOAT_PARAMS 8
#define ABI_REG_RESULTS  2
#define ABI_VALUES_MAX   1000 /* parameters or results of one function */

#define ABI_PAGE_BYTES   (64u * 1024)    /* a Wasm page */
#define ABI_GUARD_BEFORE ((u64)2 << 30)  /* inaccessible bytes below a memory */
#define ABI_GUARD_AFTER  ((u64)32 << 20) /* inaccessible bytes above its 4 GiB */
#define ABI_HOST_STACK   ((u64)64 << 10) /* headroom a host call needs, else it traps */

enum abi_trap {
#define TRAP(name, code, text) ABI_TRAP_##name,
#include "abi/trap.def"
#undef TRAP
    ABI_TRAP_COUNT
};

/* A Wasm value in a slot, a global, the values area. */
union abi_value {
    i32 i32;
    u32 u32;
    i64 i64;
    u64 u64;
    f32 f32;
    f64 f64;
    u64 ref;
    u8 v128[16];
};

/* A callable: table element, imported function, target of a funcref. All zero: null. An element of
 * a table of externref has nothing but its ref. */
#define ABI_ENTRY_FIELDS(F)                                                                        \
    F(struct abi_entry, void *, code, 0)  /* guest convention */                                   \
    F(struct abi_entry, void *, ctx, 8)   /* its first argument */                                 \
    F(struct abi_entry, u64, type_id, 16) /* process-wide canonical, never 0 */                    \
    F(struct abi_entry, u64, ref, 24)     /* as a value: see above */
struct abi_entry {
#define F(owner, type, name, offset) type name;
    ABI_ENTRY_FIELDS(F)
#undef F
};

/* A linear memory. base never moves during the life of the memory. */
#define ABI_MEMORY_FIELDS(F)                                                                       \
    F(struct abi_memory, u8 *, base, 0)                                                            \
    F(struct abi_memory, u64, size_bytes, 8) /* accessible now */                                  \
    F(struct abi_memory, u64, max_pages, 16) /* growth stops here */                               \
    F(struct abi_memory, u32, page_log2, 24)                                                       \
    F(struct abi_memory, u32, kind, 28) /* bit 0: 64-bit, bit 1: shared */
struct abi_memory {
#define F(owner, type, name, offset) type name;
    ABI_MEMORY_FIELDS(F)
#undef F
};

/* A context's view of a memory, its own or an imported one. base is invariant. */
struct abi_memory_ref {
    u8 *base;
    struct abi_memory *memory;
};

/* A table. entries never moves, and entries[len] exists and is null: an index is clamped to len
 * (unsigned minimum) and one comparison of type_id then refuses bounds, null and wrong type. */
#define ABI_TABLE_FIELDS(F)                                                                        \
    F(struct abi_table, struct abi_entry *, entries, 0)                                            \
    F(struct abi_table, u64, len, 8)                                                               \
    F(struct abi_table, u64, max, 16)                                                              \
    F(struct abi_table, u64, spare, 24)
struct abi_table {
#define F(owner, type, name, offset) type name;
    ABI_TABLE_FIELDS(F)
#undef F
};

/* What runs guest code: one per fiber, shared by every instance the fiber is in. The runtime keeps
 * its own state around it. */
#define ABI_EXEC_FIELDS(F)                                                                         \
    F(struct abi_exec, u64, stack_limit, 0) /* lowest stack address guest code may use */          \
    F(struct abi_exec, u64, pending, 8)     /* not 0: leave at the next host-call exit */          \
    F(struct abi_exec, u64, guest_sp, 16)   /* stack and frame pointer where guest code */         \
    F(struct abi_exec, u64, guest_fp, 24)   /*   was left for good (set by builtin trap) */        \
    F(struct abi_exec, union abi_value *, values, 32) /* ABI_VALUES_MAX slots; never NULL */
struct abi_exec {
#define F(owner, type, name, offset) type name;
    ABI_EXEC_FIELDS(F)
#undef F
};

/* Runtime functions that compiled code calls, C convention, in a constant table. trap may be
 * called with no stack left at all; the others only after the ABI_HOST_STACK check. Those of
 * builtin.def may take long: they leave the processor themselves when pending is set. */
struct abi_vmctx;
#define ABI_BUILTIN_PARAMS 5 /* of one of builtin.def, at most */
struct abi_builtins {
    void (*trap)(struct abi_exec *exec, u64 trap); /* does not return */
    void (*yield)(struct abi_exec *exec);          /* called when exec->pending is not 0 */
#define ABI_U64_1                    u64
#define ABI_U64_2                    ABI_U64_1, u64
#define ABI_U64_3                    ABI_U64_2, u64
#define ABI_U64_4                    ABI_U64_3, u64
#define ABI_U64_5                    ABI_U64_4, u64
#define BUILTIN(name, count, params) u64 (*name)(struct abi_vmctx * ctx, ABI_U64_##count);
#include "abi/builtin.def"
#undef BUILTIN
};

/* The context of an instance: this header, then arrays laid out by abi_layout_make. */
#define ABI_VMCTX_FIELDS(F)                                                                        \
    F(struct abi_vmctx, struct abi_exec *, exec, 0) /* set while on a fiber */                     \
    F(struct abi_vmctx, const struct abi_builtins *, builtins, 8)                                  \
    F(struct abi_vmctx, void *, instance, 16) /* the runtime's */
struct abi_vmctx {
#define F(owner, type, name, offset) type name;
    ABI_VMCTX_FIELDS(F)
#undef F
};

/* An imported function as its importer calls it: fn(instance, arguments...) by the C convention,
 * with the Wasm values as u32, u64, f32, f64 and the result likewise (at most one). ABI_HOST_STACK
 * is checked before, exec->pending looked at after. Calls by number do all that themselves if every
 * argument has a register; the guest convention is the same there, so fn may be another instance's
 * function, and instance its context. For other calls it is the context of a compiled stub. */
#define ABI_HOST_FIELDS(F)                                                                         \
    F(struct abi_host, struct abi_vmctx *, vmctx, 0) /* of the importing instance */               \
    F(struct abi_host, void *, fn, 8)                                                              \
    F(struct abi_host, void *, instance, 16) /* fn's first argument */                             \
    F(struct abi_host, u64, index, 24)       /* row, for traces */
struct abi_host {
#define F(owner, type, name, offset) type name;
    ABI_HOST_FIELDS(F)
#undef F
};

#define F(owner, type, name, offset)                                                               \
    static_assert(offsetof(owner, name) == (offset), "abi: " #name " moved");
ABI_ENTRY_FIELDS(F)
ABI_MEMORY_FIELDS(F)
ABI_TABLE_FIELDS(F)
ABI_EXEC_FIELDS(F)
ABI_VMCTX_FIELDS(F)
ABI_HOST_FIELDS(F)
#undef F
static_assert(offsetof(struct abi_builtins, yield) == 8, "abi: builtins moved");
static_assert(sizeof(struct abi_entry) == 32 && sizeof(union abi_value) == 16, "abi: sizes");
static_assert(sizeof(struct abi_memory) == 32 && sizeof(struct abi_table) == 32, "abi: sizes");

/* Byte offsets of the arrays behind the context header, and the whole size. */
struct abi_counts {
    u32 memories, tables, globals, func_imports, types; /* imported ones included */
    u32 refs;                                           /* functions that code refers to */
};
struct abi_layout {
    u64 memories;     /* struct abi_memory_ref[], memory 0 first */
    u64 tables;       /* struct abi_table *[]: own and imported alike */
    u64 globals;      /* union abi_value[]: an own global's value; an imported one's slot holds a
                         pointer to the exporter's union abi_value */
    u64 func_imports; /* struct abi_entry[] */
    u64 hosts;        /* struct abi_host[], one per function import */
    u64 type_ids;     /* u64[]: canonical id of each type of the module */
    u64 refs;         /* u64[]: the funcref of every function that ref.func names in code, in the
                         order of the module file's list of them */
    u64 size_bytes;
};

static inline struct abi_layout abi_layout_make(struct abi_counts counts)
{
    struct abi_layout at;
    at.memories = round_up(sizeof(struct abi_vmctx), 16);
    at.tables = at.memories + (u64)counts.memories * sizeof(struct abi_memory_ref);
    at.globals = round_up(at.tables + (u64)counts.tables * sizeof(struct abi_table *), 16);
    at.func_imports = round_up(at.globals + (u64)counts.globals * sizeof(union abi_value), 32);
    at.hosts = at.func_imports + (u64)counts.func_imports * sizeof(struct abi_entry);
    at.type_ids = at.hosts + (u64)counts.func_imports * sizeof(struct abi_host);
    at.refs = at.type_ids + (u64)counts.types * sizeof(u64);
    at.size_bytes = round_up(at.refs + (u64)counts.refs * sizeof(u64), 64);
    return at;
}
