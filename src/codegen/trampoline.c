/*
 * codegen/trampoline.c -- the stubs of an artifact: where guest code and host meet.
 *
 *   trap_<kind>          cold and never returning: hands the trap to the runtime
 *   trap_call_indirect   finds out which of the three traps of call_indirect it is
 *   yield                leaves the processor, behind a call of host code
 *   memory_grow, ...     call the runtime's part of an instruction: abi/builtin.def
 *   entry_<type>         from C into a guest function of this type (abi_entry_fn)
 *   host_<type>          from guest code to a host function of this type, unless the call itself
 *                        does what is to be done (call.c)
 *
 * Host code never meets a guest stack's end: whatever calls it, except the trap builtin, checks
 * ABI_HOST_STACK first.
 */
#include "codegen/internal.h"
#include "base/check.h"
#include <stdio.h>
#include <string.h>

static const char *const trap_codes[ABI_TRAP_COUNT] = {
#define TRAP(name, code, text) code,
#include "abi/trap.def"
#undef TRAP
};

/* A stub being written; the builder is at its end. */
struct stub {
    struct cg_module *m;
    LLVMValueRef fn, ctx, exec; /* ctx: the struct abi_vmctx */
};

/* The first part of a module has the stubs, the others name them. */
static bool is_elsewhere(const struct cg_module *m)
{
    return m->part.first > 0;
}

static struct stub stub_begin(struct cg_module *m, const char *name, LLVMTypeRef type,
                              unsigned convention)
{
    struct stub stub = {.m = m, .fn = cg_function_add(m, name, type, convention)};
    if (!is_elsewhere(m))
        LLVMPositionBuilderAtEnd(m->builder,
                                 LLVMAppendBasicBlockInContext(m->llvm, stub.fn, "entry"));
    return stub;
}

static void stub_find_exec(struct stub *stub, LLVMValueRef ctx)
{
    stub->ctx = ctx;
    stub->exec = cg_field_load_invariant(stub->m, stub->m->type.ptr, ctx,
                                         offsetof(struct abi_vmctx, exec), "exec");
}

static LLVMValueRef load_builtin(struct stub *stub, u64 offset)
{
    struct cg_module *m = stub->m;
    LLVMValueRef builtins = cg_field_load_invariant(
        m, m->type.ptr, stub->ctx, offsetof(struct abi_vmctx, builtins), "builtins");
    return cg_field_load_invariant(m, m->type.ptr, builtins, offset, "builtin");
}

/* ---- traps ---- */

static LLVMValueRef emit_trap(struct cg_module *m, enum abi_trap trap)
{
    char name[64];
    snprintf(name, sizeof name, "trap_%s", trap_codes[trap]);
    for (char *c = name; *c != 0; c++)
        if (*c == '-')
            *c = '_';
    LLVMTypeRef type = LLVMFunctionType(m->type.none, &m->type.ptr, 1, false);
    struct stub stub = stub_begin(m, name, type, CG_CALL_C);
    cg_function_set_flag(m, stub.fn, "cold");
    cg_function_set_flag(m, stub.fn, "noreturn");
    if (is_elsewhere(m))
        return stub.fn;
    stub_find_exec(&stub, LLVMGetParam(stub.fn, 0));
    LLVMValueRef builtin = load_builtin(&stub, offsetof(struct abi_builtins, trap));
    LLVMTypeRef params[] = {m->type.ptr, m->type.i64};
    LLVMValueRef args[] = {stub.exec, cg_const_i64(m, trap)};
    cg_call(m, LLVMFunctionType(m->type.none, params, 2, false), builtin, CG_CALL_C, args, 2);
    LLVMBuildUnreachable(m->builder);
    return stub.fn;
}

/* Starts a block that traps when the condition holds; goes on in a new one. */
static void stub_trap_if(struct stub *stub, LLVMValueRef condition, enum abi_trap trap)
{
    struct cg_module *m = stub->m;
    LLVMBasicBlockRef bad = LLVMAppendBasicBlockInContext(m->llvm, stub->fn, "bad");
    LLVMBasicBlockRef good = LLVMAppendBasicBlockInContext(m->llvm, stub->fn, "good");
    LLVMBuildCondBr(m->builder, condition, bad, good);
    LLVMPositionBuilderAtEnd(m->builder, bad);
    cg_call_trap(m, m->traps[trap], &stub->ctx, 1);
    LLVMPositionBuilderAtEnd(m->builder, good);
}

/* (ctx, index, table length, type id of the entry): bounds, else null, else another type. */
static void emit_trap_call_indirect(struct cg_module *m)
{
    LLVMTypeRef params[] = {m->type.ptr, m->type.i64, m->type.i64, m->type.i64};
    LLVMTypeRef type = LLVMFunctionType(m->type.none, params, 4, false);
    struct stub stub = stub_begin(m, "trap_call_indirect", type, CG_CALL_C);
    cg_function_set_flag(m, stub.fn, "cold");
    cg_function_set_flag(m, stub.fn, "noreturn");
    m->trap_call_indirect = stub.fn;
    if (is_elsewhere(m))
        return;
    stub.ctx = LLVMGetParam(stub.fn, 0);
    LLVMValueRef outside = LLVMBuildICmp(m->builder, LLVMIntUGE, LLVMGetParam(stub.fn, 1),
                                         LLVMGetParam(stub.fn, 2), "outside");
    stub_trap_if(&stub, outside, ABI_TRAP_TABLE_BOUNDS);
    LLVMValueRef null =
        LLVMBuildICmp(m->builder, LLVMIntEQ, LLVMGetParam(stub.fn, 3), cg_const_i64(m, 0), "null");
    stub_trap_if(&stub, null, ABI_TRAP_NULL_ELEMENT);
    cg_call_trap(m, m->traps[ABI_TRAP_CALL_TYPE], &stub.ctx, 1);
}

/* ---- calls of host code ---- */

static void check_headroom(struct stub *stub)
{
    stub_trap_if(stub, cg_stack_is_short(stub->m, stub->exec), ABI_TRAP_STACK_EXHAUSTED);
}

static void emit_yield(struct cg_module *m)
{
    LLVMTypeRef type = LLVMFunctionType(m->type.none, &m->type.ptr, 1, false);
    struct stub stub = stub_begin(m, "yield", type, CG_CALL_C);
    cg_function_set_flag(m, stub.fn, "cold");
    m->yield = stub.fn;
    if (is_elsewhere(m))
        return;
    stub_find_exec(&stub, LLVMGetParam(stub.fn, 0));
    LLVMValueRef builtin = load_builtin(&stub, offsetof(struct abi_builtins, yield));
    cg_call(m, type, builtin, CG_CALL_C, &stub.exec, 1);
    LLVMBuildRetVoid(m->builder);
}

static void yield_if_pending(struct stub *stub)
{
    struct cg_module *m = stub->m;
    LLVMBasicBlockRef leave = LLVMAppendBasicBlockInContext(m->llvm, stub->fn, "leave");
    LLVMBasicBlockRef stay = LLVMAppendBasicBlockInContext(m->llvm, stub->fn, "stay");
    LLVMBuildCondBr(m->builder, cg_is_pending(m, stub->exec), leave, stay);
    LLVMPositionBuilderAtEnd(m->builder, leave);
    cg_call(m, LLVMGlobalGetValueType(m->yield), m->yield, CG_CALL_C, &stub->ctx, 1);
    LLVMBuildBr(m->builder, stay);
    LLVMPositionBuilderAtEnd(m->builder, stay);
}

static const struct {
    const char *name;
    u64 offset; /* in struct abi_builtins */
    u32 count;  /* parameters behind the context */
} builtins[CG_BUILTIN_COUNT] = {
#define BUILTIN(name, count, params) {#name, offsetof(struct abi_builtins, name), count},
#include "abi/builtin.def"
#undef BUILTIN
};

static void emit_builtin(struct cg_module *m, enum cg_builtin which)
{
    LLVMTypeRef params[1 + ABI_BUILTIN_PARAMS] = {m->type.ptr};
    LLVMValueRef args[1 + ABI_BUILTIN_PARAMS];
    u32 count = 1 + builtins[which].count;
    for (u32 i = 1; i < count; i++)
        params[i] = m->type.i64;
    LLVMTypeRef type = LLVMFunctionType(m->type.i64, params, count, false);
    struct stub stub = stub_begin(m, builtins[which].name, type, CG_CALL_C);
    m->builtins[which] = stub.fn;
    if (is_elsewhere(m))
        return;
    LLVMGetParams(stub.fn, args);
    stub_find_exec(&stub, args[0]);
    check_headroom(&stub);
    LLVMValueRef builtin = load_builtin(&stub, builtins[which].offset);
    LLVMValueRef result = cg_call(m, type, builtin, CG_CALL_C, args, count);
    yield_if_pending(&stub);
    LLVMBuildRet(m->builder, result);
}

/* The Wasm arguments of a guest-convention function in order: its parameters, or slots of values.
 */
static void gather_args(struct stub *stub, const struct wasm_func_type *type, LLVMValueRef values,
                        LLVMValueRef *args)
{
    struct cg_module *m = stub->m;
    struct cg_placer placer = {0};
    u32 param = 1;
    for (u32 i = 0; i < type->param_count; i++)
        args[i] = cg_placer_next(&placer, type->params[i])
                      ? LLVMGetParam(stub->fn, param++)
                      : cg_field_load(m, cg_type_of(m, type->params[i]), values, cg_value_offset(i),
                                      CG_SCOPE_VALUES, "");
}

static LLVMValueRef load_values(struct stub *stub)
{
    return cg_field_load_invariant(stub->m, stub->m->type.ptr, stub->exec,
                                   offsetof(struct abi_exec, values), "values");
}

static void emit_host_call(struct cg_module *m, u32 index)
{
    const struct wasm_func_type *type = &m->wasm->types[index];
    char name[32];
    snprintf(name, sizeof name, "host_%u", index);
    struct stub stub = stub_begin(m, name, m->signatures[index].type, CG_CALL_GUEST);
    LLVMValueRef host = LLVMGetParam(stub.fn, 0);
    stub_find_exec(&stub, cg_field_load_invariant(m, m->type.ptr, host,
                                                  offsetof(struct abi_host, vmctx), "ctx"));
    check_headroom(&stub);

    LLVMValueRef args[1 + ABI_VALUES_MAX];
    LLVMTypeRef params[1 + ABI_VALUES_MAX];
    CHECK(type->param_count <= ABI_VALUES_MAX);
    bool is_stacked = cg_type_has_stacked_params(type);
    gather_args(&stub, type, is_stacked ? load_values(&stub) : NULL, args + 1);
    for (u32 i = 0; i < type->param_count; i++)
        params[1 + i] = cg_type_of(m, type->params[i]);
    params[0] = m->type.ptr;
    args[0] = cg_field_load_invariant(m, m->type.ptr, host, offsetof(struct abi_host, instance),
                                      "instance");
    LLVMValueRef fn =
        cg_field_load_invariant(m, m->type.ptr, host, offsetof(struct abi_host, fn), "fn");
    LLVMTypeRef c_type =
        LLVMFunctionType(m->signatures[index].result, params, type->param_count + 1, false);
    LLVMValueRef result = cg_call(m, c_type, fn, CG_CALL_C, args, type->param_count + 1);
    yield_if_pending(&stub);
    if (type->result_count == 0)
        LLVMBuildRetVoid(m->builder);
    else
        LLVMBuildRet(m->builder, result);
    m->host_calls[index] = stub.fn;
}

/* ---- entries: abi_entry_fn ---- */

/* Arguments from the caller's slots into registers and the values area. Returns their number. */
static u32 spread_args(struct stub *stub, const struct wasm_func_type *type, LLVMValueRef slots,
                       LLVMValueRef values, LLVMValueRef *args)
{
    struct cg_module *m = stub->m;
    struct cg_placer placer = {0};
    u32 count = 0;
    for (u32 i = 0; i < type->param_count; i++) {
        LLVMValueRef arg = cg_field_load(m, cg_type_of(m, type->params[i]), slots,
                                         cg_value_offset(i), CG_SCOPE_VALUES, "");
        if (cg_placer_next(&placer, type->params[i]))
            args[count++] = arg;
        else
            cg_field_store(m, arg, values, cg_value_offset(i), CG_SCOPE_VALUES);
    }
    return count;
}

static void collect_results(struct stub *stub, const struct wasm_func_type *type,
                            LLVMValueRef result, LLVMValueRef values, LLVMValueRef slots)
{
    struct cg_module *m = stub->m;
    for (u32 i = 0; i < type->result_count; i++) {
        LLVMValueRef value = result;
        if (i >= ABI_REG_RESULTS)
            value = cg_field_load(m, cg_type_of(m, type->results[i]), values, cg_value_offset(i),
                                  CG_SCOPE_VALUES, "");
        else if (type->result_count > 1)
            value = LLVMBuildExtractValue(m->builder, result, i, "");
        cg_field_store(m, value, slots, cg_value_offset(i), CG_SCOPE_VALUES);
    }
}

static void emit_entry(struct cg_module *m, u32 index)
{
    const struct wasm_func_type *type = &m->wasm->types[index];
    char name[32];
    snprintf(name, sizeof name, "entry_%u", index);
    LLVMTypeRef params[] = {m->type.ptr, m->type.ptr, m->type.ptr};
    struct stub stub =
        stub_begin(m, name, LLVMFunctionType(m->type.none, params, 3, false), CG_CALL_C);
    LLVMValueRef code = LLVMGetParam(stub.fn, 0), slots = LLVMGetParam(stub.fn, 2), values = NULL;
    if (cg_type_has_stacked_params(type) || type->result_count > ABI_REG_RESULTS) {
        stub_find_exec(&stub, LLVMGetParam(stub.fn, 1));
        values = load_values(&stub);
    }
    LLVMValueRef args[1 + ABI_INT_PARAMS + ABI_FLOAT_PARAMS] = {LLVMGetParam(stub.fn, 1)};
    u32 count = 1 + spread_args(&stub, type, slots, values, args + 1);
    LLVMValueRef result = cg_call(m, m->signatures[index].type, code, CG_CALL_GUEST, args, count);
    collect_results(&stub, type, result, values, slots);
    LLVMBuildRetVoid(m->builder);
    m->entries[index] = stub.fn;
}

static void remove_if_unused(LLVMValueRef *stub)
{
    if (LLVMGetFirstUse(*stub) == NULL) {
        LLVMDeleteFunction(*stub);
        *stub = NULL;
    }
}

void cg_stubs_trim(struct cg_module *m)
{
    for (u32 i = 0; i < CG_BUILTIN_COUNT; i++) /* users of others before those */
        remove_if_unused(&m->builtins[i]);
    remove_if_unused(&m->yield);
    remove_if_unused(&m->trap_call_indirect);
    for (u32 i = 1; i < ABI_TRAP_COUNT; i++)
        remove_if_unused(&m->traps[i]);
}

void cg_stubs_emit(struct cg_module *m)
{
    const struct wasm_module *w = m->wasm;
    for (u32 i = 1; i < ABI_TRAP_COUNT; i++)
        m->traps[i] = emit_trap(m, (enum abi_trap)i);
    emit_trap_call_indirect(m);
    emit_yield(m);
    for (u32 i = 0; i < CG_BUILTIN_COUNT; i++)
        emit_builtin(m, (enum cg_builtin)i);
    for (u32 i = 0; i < w->func_count && !is_elsewhere(m); i++) {
        u32 type = w->funcs[i].type;
        if (m->entries[type] == NULL)
            emit_entry(m, type);
        bool is_host = i < w->func_import_count && w->types[type].result_count <= 1;
        if (is_host && m->host_calls[type] == NULL)
            emit_host_call(m, type);
    }
}
