/*
 * codegen/module.c -- one Wasm module as one LLVM module.
 *
 * Names are f<index> and those of stubs: a guest's names never reach LLVM, which gives some of them
 * a meaning. Everything is hidden except ABI_CODE_SYMBOL.
 */
#include "codegen/internal.h"
#include "base/check.h"
#include <llvm-c/Analysis.h>
#include <stdio.h>
#include <string.h>

#define ARENA_MAX_BYTES (GIB)
#define LOOP_BLOCKS_MAX 4000000u
#define BEST_FUNCS_MAX  20000u /* of a part: they have fewer than 53 bytes on average */
#define BEST_BLOCKS_MAX 40000u
#define BEST_HEIGHT_MAX 100000u /* of the operand stack */
#define UWTABLE_ASYNC   2       /* llvm::UWTableKind: exact at every instruction */

static const char *const scope_names[CG_SCOPE_COUNT] = {
    [CG_SCOPE_CONTEXT] = "context",
    [CG_SCOPE_MEMORY] = "memory",
    [CG_SCOPE_TABLE] = "table",
    [CG_SCOPE_VALUES] = "values",
};

/* ---- attributes: what holds for all code of an artifact ---- */

struct string_attribute {
    const char *name, *value;
};
static const struct string_attribute string_attributes[] = {
    {"no-builtins", ""},            /* a guest's loop never becomes a call of memset */
    {"frame-pointer", "all"},       /* backtraces follow them, from any faulting instruction */
    {"disable-tail-calls", "true"}, /* a call in tail position uses up stack like any other */
    {"probe-stack", "inline-asm"},  /* a large frame meets the guard page */
};

static LLVMAttributeRef enum_attribute(struct cg_module *m, const char *name, u64 value)
{
    unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
    CHECK(kind != 0);
    return LLVMCreateEnumAttribute(m->llvm, kind, value);
}

static void attribute_add(struct cg_module *m, LLVMAttributeRef attribute)
{
    CHECK(m->attribute_count < COUNT_OF(m->attributes));
    m->attributes[m->attribute_count++] = attribute;
}

static void attribute_add_string(struct cg_module *m, const char *name, const char *value)
{
    attribute_add(m, LLVMCreateStringAttribute(m->llvm, name, (unsigned)strlen(name), value,
                                               (unsigned)strlen(value)));
}

static void attributes_init(struct cg_module *m)
{
    for (size_t i = 0; i < COUNT_OF(string_attributes); i++)
        attribute_add_string(m, string_attributes[i].name, string_attributes[i].value);
    attribute_add_string(m, "target-cpu", m->cg->cpu);
    if (m->cg->features[0] != 0)
        attribute_add_string(m, "target-features", m->cg->features);
    attribute_add(m, enum_attribute(m, "nounwind", 0));
    attribute_add(m, enum_attribute(m, "uwtable", UWTABLE_ASYNC));
    m->nomerge = enum_attribute(m, "nomerge", 0);
}

void cg_function_set_flag(struct cg_module *m, LLVMValueRef function, const char *attribute)
{
    LLVMAddAttributeAtIndex(function, CG_ON_FUNCTION, enum_attribute(m, attribute, 0));
}

LLVMValueRef cg_function_add(struct cg_module *m, const char *name, LLVMTypeRef type,
                             unsigned call_convention)
{
    LLVMValueRef function = LLVMAddFunction(m->module, name, type);
    LLVMSetFunctionCallConv(function, call_convention);
    LLVMSetVisibility(function, LLVMHiddenVisibility);
    LLVMSetSection(function, ".text"); /* in this order, whatever LLVM thinks of their heat */
    for (u32 i = 0; i < m->attribute_count; i++)
        LLVMAddAttributeAtIndex(function, CG_ON_FUNCTION, m->attributes[i]);
    return function;
}

/* The context: never null, and as large as the layout says. It is not `noalias`: another instance,
 * or this one entered again through a table, reaches the same globals on its own way. */
static void mark_context_param(struct cg_module *m, LLVMValueRef function)
{
    LLVMAddAttributeAtIndex(function, 1, enum_attribute(m, "nonnull", 0));
    LLVMAddAttributeAtIndex(function, 1, enum_attribute(m, "noundef", 0));
    LLVMAddAttributeAtIndex(function, 1,
                            enum_attribute(m, "dereferenceable", m->layout.size_bytes));
    LLVMSetValueName2(LLVMGetParam(function, 0), "ctx", 3);
}

/* ---- set-up ---- */

static void types_init(struct cg_module *m)
{
    LLVMContextRef c = m->llvm;
    m->type = (struct cg_types){
        .none = LLVMVoidTypeInContext(c),
        .i1 = LLVMInt1TypeInContext(c),
        .i8 = LLVMInt8TypeInContext(c),
        .i16 = LLVMInt16TypeInContext(c),
        .i32 = LLVMInt32TypeInContext(c),
        .i64 = LLVMInt64TypeInContext(c),
        .f32 = LLVMFloatTypeInContext(c),
        .f64 = LLVMDoubleTypeInContext(c),
        .ptr = LLVMPointerTypeInContext(c, 0),
    };
}

static unsigned metadata_kind(struct cg_module *m, const char *name)
{
    return LLVMGetMDKindIDInContext(m->llvm, name, (unsigned)strlen(name));
}

static void weights_init(struct cg_module *m)
{
    static const char name[] = "branch_weights";
    LLVMMetadataRef parts[] = {LLVMMDStringInContext2(m->llvm, name, sizeof name - 1),
                               LLVMValueAsMetadata(cg_const_i32(m, 1u << 20)),
                               LLVMValueAsMetadata(cg_const_i32(m, 1))};
    m->weights_kind = metadata_kind(m, "prof");
    m->likely = LLVMMetadataAsValue(m->llvm, LLVMMDNodeInContext2(m->llvm, parts, COUNT_OF(parts)));
}

/* One scope per kind of memory in one domain; an access in one scope is in none of the others. */
static void scopes_init(struct cg_module *m)
{
    m->invariant_kind = metadata_kind(m, "invariant.load");
    m->scope_kind = metadata_kind(m, "alias.scope");
    m->noalias_kind = metadata_kind(m, "noalias");
    m->empty_node = LLVMMetadataAsValue(m->llvm, LLVMMDNodeInContext2(m->llvm, NULL, 0));
    LLVMMetadataRef domain = LLVMMDStringInContext2(m->llvm, "weir", 4);
    domain = LLVMMDNodeInContext2(m->llvm, &domain, 1);
    LLVMMetadataRef scopes[CG_SCOPE_COUNT];
    for (u32 i = 0; i < CG_SCOPE_COUNT; i++) {
        LLVMMetadataRef parts[] = {
            LLVMMDStringInContext2(m->llvm, scope_names[i], strlen(scope_names[i])), domain};
        scopes[i] = LLVMMDNodeInContext2(m->llvm, parts, 2);
    }
    for (u32 i = 0; i < CG_SCOPE_COUNT; i++) {
        LLVMMetadataRef others[CG_SCOPE_COUNT];
        u32 count = 0;
        for (u32 k = 0; k < CG_SCOPE_COUNT; k++)
            if (k != i)
                others[count++] = scopes[k];
        m->scope_list[i] =
            LLVMMetadataAsValue(m->llvm, LLVMMDNodeInContext2(m->llvm, &scopes[i], 1));
        m->noalias_list[i] =
            LLVMMetadataAsValue(m->llvm, LLVMMDNodeInContext2(m->llvm, others, count));
    }
}

static bool machine_init(struct cg_module *m, struct err *err)
{
    LLVMTargetMachineOptionsRef options = LLVMCreateTargetMachineOptions();
    LLVMTargetMachineOptionsSetCPU(options, m->cg->cpu);
    LLVMTargetMachineOptionsSetFeatures(options, m->cg->features);
    LLVMTargetMachineOptionsSetCodeGenOptLevel(
        options, m->options.opt == CG_OPT_QUICK ? LLVMCodeGenLevelNone : LLVMCodeGenLevelDefault);
    LLVMTargetMachineOptionsSetRelocMode(options, LLVMRelocPIC);
    LLVMTargetMachineOptionsSetCodeModel(options, LLVMCodeModelSmall);
    m->machine = LLVMCreateTargetMachineWithOptions(m->cg->target, CG_TRIPLE, options);
    LLVMDisposeTargetMachineOptions(options);
    if (m->machine == NULL)
        return err_set(err, ERR_COMPILE, ERR_NO_AT, "LLVM makes no code for %s", m->cg->cpu);
    LLVMSetTarget(m->module, CG_TRIPLE);
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(m->machine);
    LLVMSetModuleDataLayout(m->module, layout);
    LLVMDisposeTargetData(layout);
    return true;
}

/* LLVM reports what it cannot compile here; the first error is the job's. */
static void take_diagnostic(LLVMDiagnosticInfoRef info, void *user)
{
    if (LLVMGetDiagInfoSeverity(info) != LLVMDSError)
        return;
    char *text = LLVMGetDiagInfoDescription(info);
    err_set(user, ERR_COMPILE, ERR_NO_AT, "LLVM: %s", text);
    LLVMDisposeMessage(text);
}

static bool module_init(struct cg_module *m, struct cg *cg, const struct wasm_module *wasm,
                        struct cg_part part, struct cg_options options, bool keep_names,
                        struct err *err)
{
    *m = (struct cg_module){
        .cg = cg, .wasm = wasm, .part = part, .options = options, .carried = part.carried};
    m->strict = options.strict_traps || wasm->memory_import_count > 0;
    m->layout = abi_layout_make((struct abi_counts){.memories = wasm->memory_count,
                                                    .tables = wasm->table_count,
                                                    .globals = wasm->global_count,
                                                    .func_imports = wasm->func_import_count,
                                                    .types = wasm->type_count,
                                                    .refs = wasm->ref_count});
    arena_init(&m->arena, ARENA_MAX_BYTES);
    m->llvm = LLVMContextCreate();
    LLVMContextSetDiscardValueNames(m->llvm, !keep_names);
    LLVMContextSetDiagnosticHandler(m->llvm, take_diagnostic, err);
    m->module = LLVMModuleCreateWithNameInContext("wasm", m->llvm);
    m->builder = LLVMCreateBuilderInContext(m->llvm);
    types_init(m);
    scopes_init(m);
    weights_init(m);
    attributes_init(m);
    return machine_init(m, err);
}

/* Deep loops, very many blocks or values at once are too much for the code generator, whatever
 * attributes their function has; so are very many functions, each of which costs every pass its
 * start. Then all of the part is compiled the quick way. */
static bool choose_again(struct cg_module *m, struct err *err)
{
    bool is_too_much = m->part.end - m->part.first > BEST_FUNCS_MAX;
    for (u32 i = m->part.first; i < m->part.end; i++)
        is_too_much |= m->costs[i].loop_blocks > LOOP_BLOCKS_MAX ||
                       m->costs[i].blocks > BEST_BLOCKS_MAX || m->costs[i].height > BEST_HEIGHT_MAX;
    if (m->options.opt == CG_OPT_QUICK || !is_too_much)
        return true;
    m->options.opt = CG_OPT_QUICK;
    LLVMDisposeTargetMachine(m->machine);
    return machine_init(m, err);
}

void cg_module_fini(struct cg_module *m)
{
    if (m->builder != NULL)
        LLVMDisposeBuilder(m->builder);
    if (m->module != NULL)
        LLVMDisposeModule(m->module);
    if (m->machine != NULL)
        LLVMDisposeTargetMachine(m->machine);
    if (m->llvm != NULL)
        LLVMContextDispose(m->llvm);
    arena_fini(&m->arena);
    *m = (struct cg_module){0};
}

/* ---- contents ---- */

LLVMValueRef cg_func_of(struct cg_module *m, u32 defined)
{
    u32 index = m->wasm->func_import_count + defined;
    char name[16];
    if (m->funcs[defined] != NULL)
        return m->funcs[defined];
    snprintf(name, sizeof name, "f%u", index);
    LLVMTypeRef type = m->signatures[m->wasm->funcs[index].type].type;
    m->funcs[defined] = cg_function_add(m, name, type, CG_CALL_GUEST);
    mark_context_param(m, m->funcs[defined]);
    return m->funcs[defined];
}

/* The part's own functions come first: code has the order of declaration. */
static bool declare_funcs(struct cg_module *m, struct err *err)
{
    u32 count = cg_defined_count(m->wasm);
    m->funcs = arena_array(&m->arena, LLVMValueRef, count);
    m->costs = arena_array(&m->arena, struct cg_cost, count);
    if (m->funcs == NULL || m->costs == NULL)
        return err_set(err, ERR_LIMIT, ERR_NO_AT, "too many functions for this compiler's memory");
    for (u32 i = m->part.first; i < m->part.end; i++)
        cg_func_of(m, i);
    return true;
}

/* target - table as an i32; 0 for no target. The linker resolves it: nothing is left to load time.
 */
static LLVMValueRef code_offset(struct cg_module *m, LLVMValueRef target, LLVMValueRef table)
{
    if (target == NULL)
        return cg_const_i32(m, 0);
    LLVMValueRef difference =
        LLVMConstSub(LLVMConstPtrToInt(target, m->type.i64), LLVMConstPtrToInt(table, m->type.i64));
    return LLVMConstTrunc(difference, m->type.i32);
}

/* The struct abi_code and its arrays, ABI_CODE_SYMBOL. */
static bool emit_code_table(struct cg_module *m, struct err *err)
{
    const struct wasm_module *w = m->wasm;
    u32 func_count = cg_defined_count(w);
    u64 offset_count = (u64)func_count + 2 * (u64)w->type_count;
    LLVMValueRef *offsets = arena_array(&m->arena, LLVMValueRef, offset_count + 1);
    if (offsets == NULL)
        return err_set(err, ERR_LIMIT, ERR_NO_AT, "too many functions for this compiler's memory");

    LLVMTypeRef fields[] = {m->type.i64, m->type.i32, m->type.i32,
                            m->type.i32, m->type.i32, LLVMArrayType2(m->type.i32, offset_count)};
    LLVMTypeRef type = LLVMStructTypeInContext(m->llvm, fields, COUNT_OF(fields), false);
    LLVMValueRef table = LLVMAddGlobal(m->module, type, ABI_CODE_SYMBOL);
    LLVMSetVisibility(table, LLVMProtectedVisibility);
    LLVMSetGlobalConstant(table, true);
    LLVMSetAlignment(table, 8);

    u64 at = 0;
    for (u32 i = 0; i < func_count; i++)
        offsets[at++] = code_offset(m, cg_func_of(m, i), table);
    for (u32 i = 0; i < w->type_count; i++)
        offsets[at++] = code_offset(m, m->entries[i], table);
    for (u32 i = 0; i < w->type_count; i++)
        offsets[at++] = code_offset(m, m->host_calls[i], table);
    LLVMValueRef values[] = {cg_const_i64(m, ABI_CODE_MAGIC),
                             cg_const_i32(m, ABI_VERSION),
                             cg_const_i32(m, func_count),
                             cg_const_i32(m, w->type_count),
                             cg_const_i32(m, 0),
                             LLVMConstArray2(m->type.i32, offsets, offset_count)};
    LLVMSetInitializer(table, LLVMConstStructInContext(m->llvm, values, COUNT_OF(values), false));
    return true;
}

static bool verify(struct cg_module *m, struct err *err)
{
    char *text = NULL;
    bool broken = LLVMVerifyModule(m->module, LLVMReturnStatusAction, &text);
    if (broken)
        err_set(err, ERR_COMPILE, ERR_NO_AT, "generated code is invalid: %s", text);
    LLVMDisposeMessage(text);
    return !broken;
}

bool cg_module_emit(struct cg_module *m, struct cg *cg, const struct wasm_module *wasm,
                    struct cg_part part, struct cg_options options, bool keep_names,
                    struct err *err)
{
    if (!module_init(m, cg, wasm, part, options, keep_names, err) || !cg_signatures_make(m, err))
        return false;
    m->entries = arena_array(&m->arena, LLVMValueRef, wasm->type_count);
    m->host_calls = arena_array(&m->arena, LLVMValueRef, wasm->type_count);
    if (m->entries == NULL || m->host_calls == NULL)
        return err_set(err, ERR_LIMIT, ERR_NO_AT, "too many types for this compiler's memory");
    cg_stubs_emit(m);
    if (!declare_funcs(m, err) || !cg_funcs_emit(m, err) || !choose_again(m, err))
        return false;
    if (part.end - part.first == cg_defined_count(wasm))
        cg_stubs_trim(m);
    cg_names_add(m);
    return (part.first > 0 || emit_code_table(m, err)) && verify(m, err);
}
