/*
 * codegen/internal.h -- what the files of this folder share: the compiler, one module on its way
 * through LLVM, one function being emitted.
 *
 * Order of the journey: module.c declares everything, trampoline.c emits the stubs, func.c and the
 * emit_*.c files the functions, prepare.c, optimize.c and copy.c change them, object.c makes the
 * file.
 */
#pragma once
#include "abi/artifact.h"
#include "codegen/codegen.h"
#include <llvm-c/Core.h>
#include <llvm-c/TargetMachine.h>

#define CG_ON_FUNCTION ((LLVMAttributeIndex)LLVMAttributeFunctionIndex)
#define CG_TRIPLE      "x86_64-unknown-linux-gnu"

struct cg {
    LLVMTargetRef target;
    char *cpu, *features;     /* owned; freed by LLVMDisposeMessage */
    cg_progress_fn *progress; /* or NULL */
    void *progress_arg;
};

/* Kinds of memory that never overlap; every access says which one it touches. */
enum cg_scope {
    CG_SCOPE_CONTEXT,
    CG_SCOPE_MEMORY,
    CG_SCOPE_TABLE,
    CG_SCOPE_VALUES,
    CG_SCOPE_COUNT
};

/* LLVM's view of a Wasm function type under the convention of abi/abi.h. */
struct cg_signature {
    LLVMTypeRef type;   /* of the function: context first */
    LLVMTypeRef result; /* void, one value, or a struct of two */
};

/* The runtime's part of some instructions: abi/builtin.def. */
enum cg_builtin {
#define BUILTIN(name, count, params) CG_BUILTIN_##name,
#include "abi/builtin.def"
#undef BUILTIN
    CG_BUILTIN_COUNT
};

struct cg_types {
    LLVMTypeRef none, i1, i8, i16, i32, i64, f32, f64, ptr;
};

/* Operands that LLVM would fold to "no operation", hidden from it; see prepare.c. */
#define CG_HIDDEN_COUNT 6

/* What of a function the passes pay for more than once. */
struct cg_cost {
    u32 locals; /* parameters included */
    u64 blocks;
    u64 straight;    /* the longest run of instructions in one block */
    u64 height;      /* of the operand stack at most */
    u64 loop_blocks; /* blocks, each times the loops around it: analyses keep such lists */
    u64 table_edges; /* labels of all br_tables */
    u64 carried;     /* values that branches bring to labels, and calls through the values area */
};

/* A run of defined functions, [first, end), compiled as one: large modules are compiled in parts,
 * so that memory depends on the part. The first one has the stubs and the table of all functions.
 */
struct cg_part {
    u32 first, end;
    u64 carried; /* WASM_MAX_MODULE_CARRIED: by the parts before */
};

/* One part of a module on its way through LLVM. */
struct cg_module {
    struct cg *cg;
    const struct wasm_module *wasm;
    struct cg_part part;
    struct cg_options options;
    bool strict; /* options.strict_traps, or the module imports its memory */
    struct abi_layout layout;
    struct arena arena; /* tables of this compile */

    LLVMContextRef llvm;
    LLVMModuleRef module;
    LLVMBuilderRef builder;
    LLVMTargetMachineRef machine;
    struct cg_types type;
    struct cg_signature *signatures; /* per type */
    LLVMValueRef *funcs;             /* per defined function; NULL: not named by this part yet */
    struct cg_cost *costs;           /* per defined function */
    u64 carried;                     /* of all functions */
    LLVMValueRef *entries;           /* per type; NULL: none */
    LLVMValueRef *host_calls;        /* per type; NULL: none */
    LLVMValueRef traps[ABI_TRAP_COUNT];
    LLVMValueRef trap_call_indirect, yield;
    LLVMValueRef builtins[CG_BUILTIN_COUNT];
    LLVMValueRef intrinsics[WASM_OP_COUNT]; /* declared when first used */
    LLVMValueRef hidden[2][CG_HIDDEN_COUNT];
    unsigned invariant_kind, scope_kind, noalias_kind, weights_kind; /* metadata kinds */
    LLVMValueRef likely; /* weights of a branch that is nearly always taken */
    LLVMValueRef empty_node, scope_list[CG_SCOPE_COUNT], noalias_list[CG_SCOPE_COUNT];
    LLVMAttributeRef attributes[10]; /* of every function */
    u32 attribute_count;
    LLVMAttributeRef nomerge;
};

/* ---- module.c ---- */

/* Emits the functions of a part and, with the first one, the stubs, verified.
 * returns initialised: finish with cg_module_fini, also after a failure. */
MUST_CHECK bool cg_module_emit(struct cg_module *m, struct cg *cg, const struct wasm_module *wasm,
                               struct cg_part part, struct cg_options options, bool keep_names,
                               struct err *err);
void cg_module_fini(struct cg_module *m);

static inline u32 cg_defined_count(const struct wasm_module *wasm)
{
    return wasm->func_count - wasm->func_import_count;
}

/* A defined function, of this part or another. */
LLVMValueRef cg_func_of(struct cg_module *m, u32 defined);

/* A function with the attributes that everything in an artifact has, hidden. */
LLVMValueRef cg_function_add(struct cg_module *m, const char *name, LLVMTypeRef type,
                             unsigned call_convention);
void cg_function_set_flag(struct cg_module *m, LLVMValueRef function, const char *attribute);

/* ---- type.c ---- */

#define CG_CALL_C     0u
#define CG_CALL_GUEST CG_CALL_C /* abi/abi.h */

LLVMTypeRef cg_type_of(const struct cg_module *m, u8 valtype);
bool cg_signatures_make(struct cg_module *m, struct err *err);

/* Places parameters in order: true if the next one travels in a register. */
struct cg_placer {
    u32 ints, floats;
};
bool cg_placer_next(struct cg_placer *placer, u8 valtype);
bool cg_type_has_stacked_params(const struct wasm_func_type *type);

/* Where parameter or result `index` lies in a values area. */
static inline u64 cg_value_offset(u32 index)
{
    return (u64)index * sizeof(union abi_value);
}

/* ---- access.c: loads and stores of the host's structures, at the builder's place ---- */

void cg_access_mark(struct cg_module *m, LLVMValueRef access, enum cg_scope scope);
LLVMValueRef cg_field_address(struct cg_module *m, LLVMValueRef base, u64 offset);
LLVMValueRef cg_field_load(struct cg_module *m, LLVMTypeRef type, LLVMValueRef base, u64 offset,
                           enum cg_scope scope, const char *name);
/* The same for a field that does not change while a function runs. */
LLVMValueRef cg_field_load_invariant(struct cg_module *m, LLVMTypeRef type, LLVMValueRef base,
                                     u64 offset, const char *name);
void cg_field_store(struct cg_module *m, LLVMValueRef value, LLVMValueRef base, u64 offset,
                    enum cg_scope scope);
LLVMValueRef cg_const_i32(const struct cg_module *m, u32 value);
LLVMValueRef cg_const_i64(const struct cg_module *m, u64 value);
LLVMValueRef cg_call(struct cg_module *m, LLVMTypeRef type, LLVMValueRef callee,
                     unsigned convention, LLVMValueRef *args, u32 arg_count);
/* Calls a stub that traps, never merged with another call, and ends the block. */
void cg_call_trap(struct cg_module *m, LLVMValueRef stub, LLVMValueRef *args, u32 arg_count);
/* Around calls of host code, as an i1: too little of the stack is left for it; the call's end is
 * the time to leave. */
LLVMValueRef cg_stack_is_short(struct cg_module *m, LLVMValueRef exec);
LLVMValueRef cg_is_pending(struct cg_module *m, LLVMValueRef exec);
LLVMValueRef cg_intrinsic(struct cg_module *m, const char *name, LLVMTypeRef *overloads, u32 count);

/* ---- trampoline.c ---- */

/* Emits traps, builtin calls, entries and host calls: before all guest functions, so that their
 * code lies below the first of them. Other parts than the first only declare what functions call.
 */
void cg_stubs_emit(struct cg_module *m);
void cg_stubs_trim(struct cg_module *m); /* removes those that no function came to use */

/* ---- name.c ---- */

/* Gives the functions that have a name in the module a readable symbol. */
void cg_names_add(struct cg_module *m);

/* ---- func.c: one function ---- */

/* A block, loop, if or the function body. A branch to it goes to `target` with the values of its
 * label, which are that block's phis. */
enum cg_frame_kind { CG_FRAME_FUNC, CG_FRAME_BLOCK, CG_FRAME_LOOP, CG_FRAME_IF, CG_FRAME_ELSE };
struct cg_frame {
    enum cg_frame_kind kind;
    u32 param_count, result_count;
    LLVMBasicBlockRef end;         /* what follows, with the results as phis */
    LLVMBasicBlockRef target;      /* of branches: end, or a loop's head */
    LLVMBasicBlockRef otherwise;   /* an if's else */
    u32 height;                    /* of the operand stack under the parameters; for an if, over
                                      the copy of them that is kept for else */
    u32 end_incoming;              /* edges into end */
    LLVMBasicBlockRef table_block; /* where a br_table with number table_stamp comes through */
    u32 table_stamp;
};

struct cg_func {
    struct cg_module *m;
    const struct wasm_func *wasm;
    const struct wasm_func_type *type;
    LLVMValueRef fn, ctx;
    LLVMBasicBlockRef entry, first_cold;
    LLVMValueRef *locals; /* stack slots */
    u8 *local_types;
    u32 local_count, loops_open;
    struct cg_cost cost;
    LLVMValueRef memory_base, values; /* loaded at the entry once used; NULL before */
    LLVMValueRef *stack;
    u32 height, stack_cap;
    struct cg_frame *frames;
    u32 frame_count, frame_cap;
    bool is_dead;   /* after an unconditional branch: skip to the end of the block */
    u32 dead_depth; /* blocks opened meanwhile */
    u32 table_stamp;
    struct reader code;
};

bool cg_funcs_emit(struct cg_module *m, struct err *err);

void cg_push(struct cg_func *f, LLVMValueRef value);
LLVMValueRef cg_pop(struct cg_func *f);
struct cg_frame *cg_frame_push(struct cg_func *f); /* not initialised; a view until the next */

/* A new block behind those that exist, or (cold) behind all of the function. */
LLVMBasicBlockRef cg_block_new(struct cg_func *f, const char *name);
LLVMBasicBlockRef cg_block_new_cold(struct cg_func *f, const char *name);

/* Traps if the i1 is true and goes on otherwise; or traps in any case. */
void cg_trap_if(struct cg_func *f, LLVMValueRef condition, enum abi_trap trap);
void cg_trap(struct cg_func *f, enum abi_trap trap);

/* Where the function's overflow parameters and results lie: exec->values. */
LLVMValueRef cg_func_values(struct cg_func *f);
LLVMValueRef cg_func_memory_base(struct cg_func *f, u32 memory);

/* ---- emit_*.c, call.c: one emitter per shape of instruction ---- */

/* How an opcode is emitted; the meaning of a depends on the emitter. */
struct cg_row {
    void (*emit)(struct cg_func *f, const struct wasm_instr *instr, const struct cg_row *row);
    u32 a;
    const char *intrinsic;
};
const struct cg_row *cg_row_of(enum wasm_op op);

#define EMITTER(name)                                                                              \
    void name(struct cg_func *f, const struct wasm_instr *instr, const struct cg_row *row);
#include "codegen/emitter.def"
#undef EMITTER

LLVMTypeRef cg_result_type(const struct cg_func *f, const struct wasm_instr *instr);
/* A Wasm i32 as an i1: not zero. */
LLVMValueRef cg_condition(struct cg_func *f, LLVMValueRef value);
/* Instructions after an unconditional branch: only the end of their block matters. */
void cg_emit_dead(struct cg_func *f, const struct wasm_instr *instr);
/* Opens a block whose parameters are the topmost operands. */
void cg_frame_open(struct cg_func *f, enum cg_frame_kind kind, struct wasm_func_type type);

/* ---- prepare.c, optimize.c, copy.c ---- */

/* Between promotion of locals and the optimiser: pins loads nobody uses, hides constants that
 * would make floating-point operations disappear. */
void cg_module_prepare(struct cg_module *m);
/* After the optimiser: splits copies that would wait for stores of parts of what they copy. */
void cg_module_split_copies(struct cg_module *m);
MUST_CHECK bool cg_module_optimize(struct cg_module *m, struct err *err);

/* ---- cpu.cpp ---- */

bool cg_cpu_is_known(const char *triple, const char *cpu); /* by this name, to LLVM */

/* ---- object.c, lld.cpp ---- */

#define CG_PATH_BYTES 4096
MUST_CHECK bool cg_object_write(struct cg_module *m, const char *path, struct err *err);
/* Links objects PATH.0.o, PATH.1.o, ... into the file PATH. */
MUST_CHECK bool cg_objects_link(const char *path, u32 count, struct err *err);
MUST_CHECK bool cg_object_path(const char *path, u32 number, char *out, size_t out_len,
                               struct err *err);

/* Runs lld with these arguments; true if it succeeded. Otherwise its words are in text. */
bool cg_lld_link(const char *const *args, size_t arg_count, char *text, size_t text_len);
