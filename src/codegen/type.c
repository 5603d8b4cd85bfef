/* codegen/type.c -- Wasm types as LLVM types, and where parameters travel (abi/abi.h). */
#include "codegen/internal.h"
#include "base/check.h"

LLVMTypeRef cg_type_of(const struct cg_module *m, u8 valtype)
{
    switch (valtype) {
    case WASM_I32: return m->type.i32;
    case WASM_I64: return m->type.i64;
    case WASM_F32: return m->type.f32;
    case WASM_F64: return m->type.f64;
    case WASM_FUNCREF:
    case WASM_EXTERNREF: return m->type.i64;
    default: UNREACHABLE();
    }
}

bool cg_placer_next(struct cg_placer *placer, u8 valtype)
{
    bool is_float = valtype == WASM_F32 || valtype == WASM_F64;
    u32 *used = is_float ? &placer->floats : &placer->ints;
    if (*used == (is_float ? ABI_FLOAT_PARAMS : ABI_INT_PARAMS))
        return false;
    (*used)++;
    return true;
}

bool cg_type_has_stacked_params(const struct wasm_func_type *type)
{
    struct cg_placer placer = {0};
    for (u32 i = 0; i < type->param_count; i++)
        if (!cg_placer_next(&placer, type->params[i]))
            return true;
    return false;
}

static void signature_make(struct cg_module *m, const struct wasm_func_type *type,
                           struct cg_signature *out)
{
    LLVMTypeRef params[1 + ABI_INT_PARAMS + ABI_FLOAT_PARAMS] = {m->type.ptr};
    u32 count = 1;
    struct cg_placer placer = {0};
    for (u32 i = 0; i < type->param_count; i++)
        if (cg_placer_next(&placer, type->params[i]))
            params[count++] = cg_type_of(m, type->params[i]);

    LLVMTypeRef results[ABI_REG_RESULTS];
    u32 in_registers = (u32)min_u64(type->result_count, ABI_REG_RESULTS);
    for (u32 i = 0; i < in_registers; i++)
        results[i] = cg_type_of(m, type->results[i]);
    if (in_registers == 0)
        out->result = m->type.none;
    else if (in_registers == 1)
        out->result = results[0];
    else
        out->result = LLVMStructTypeInContext(m->llvm, results, in_registers, false);
    out->type = LLVMFunctionType(out->result, params, count, false);
}

bool cg_signatures_make(struct cg_module *m, struct err *err)
{
    m->signatures = arena_array(&m->arena, struct cg_signature, m->wasm->type_count);
    if (m->signatures == NULL)
        return err_set(err, ERR_LIMIT, ERR_NO_AT, "too many types for this compiler's memory");
    for (u32 i = 0; i < m->wasm->type_count; i++)
        signature_make(m, &m->wasm->types[i], &m->signatures[i]);
    return true;
}
