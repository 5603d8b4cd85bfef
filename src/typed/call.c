/*
 * typed/call.c -- the order of things in one call: read, allocate, pass, call, write.
 */
#include "base/check.h"
#include "typed/internal.h"
#include <string.h>

/* Field by field: of the path only what is in use is ever written. */
static void reader_init(struct typed_reader *r, const struct typed_func *func,
                        struct rt_instance *instance, const void *body, size_t len, struct err *err)
{
    r->json = (struct typed_json){.bytes = body, .len = len, .err = err};
    r->instance = instance;
    r->func = func;
    r->path.depth = 0;
}

static void writer_init(struct typed_writer *w, struct rt_instance *instance, struct buf *out,
                        struct err *err)
{
    w->instance = instance;
    w->out = out;
    w->err = err;
    w->path.depth = 0;
}

/* ---- numbers only ---- */

bool typed_values_read(const struct typed_func *func, const void *json, size_t len,
                       union abi_value *out, struct err *err)
{
    u8 cell[TYPED_PARAMS_MAX];
    struct typed_reader r;
    CHECK(!func->needs_driver && func->params.size <= sizeof cell);
    reader_init(&r, func, NULL, json, len, err);
    memset(cell, 0, func->params.size);
    if (!typed_read_arguments(&r, cell))
        return false;
    typed_flatten(&func->params, cell, out);
    return true;
}

static bool write_result(struct typed_writer *w, const struct typed_func *func, const u8 *cell)
{
    typed_path_push(&w->path, (struct rt_text){"result", 6}, 0);
    if (func->result != NULL)
        return typed_write_value(w, func->result, cell);
    buf_add_text(w->out, "null");
    return true;
}

bool typed_values_write(const struct typed_func *func, const union abi_value *results,
                        struct buf *out, struct err *err)
{
    u8 cell[TYPED_PARAMS_MAX];
    struct typed_writer w;
    CHECK(!func->needs_driver);
    writer_init(&w, NULL, out, err);
    if (func->result != NULL) {
        CHECK(func->result->size <= sizeof cell);
        memset(cell, 0, func->result->size);
        typed_unflatten(func->result, results, cell);
    }
    return write_result(&w, func, cell);
}

/* ---- with guest memory ---- */

static bool is_list_of_numbers(const struct typed_type *type)
{
    return type != NULL && type->kind == TYPED_LIST && typed_is_number(type->element);
}

bool typed_takes_raw(const struct typed_func *func)
{
    return func->params.field_count == 1 && is_list_of_numbers(func->params.fields[0].type);
}

bool typed_returns_raw(const struct typed_func *func)
{
    return is_list_of_numbers(func->result);
}

/* Copies a cell to memory of the guest's and passes its address. */
static bool pass_pointer(struct typed_reader *r, const struct typed_type *type, const u8 *cell,
                         union abi_value *out)
{
    u32 addr;
    if (!typed_guest_alloc(r, type->size, type->align, &addr))
        return false;
    u8 *view = rt_memory_view(r->instance, addr, type->size);
    CHECK(view != NULL);
    memcpy(view, cell, type->size);
    out->u64 = addr;
    return true;
}

static bool pass_params(struct typed_reader *r, const u8 *cell, union abi_value *out)
{
    const struct typed_type *params = &r->func->params;
    if (r->func->pass == TYPED_PASS_SPILLED)
        return pass_pointer(r, params, cell, out);
    for (u32 i = 0; i < params->field_count; i++) {
        const struct typed_field *param = &params->fields[i];
        bool is_pointer = r->func->pass == TYPED_PASS_POINTER && typed_is_by_pointer(param->type);
        if (is_pointer) {
            typed_path_push(&r->path, param->name, 0);
            if (!pass_pointer(r, param->type, cell + param->at, out++))
                return false;
            r->path.depth--;
        } else {
            out += typed_flatten(param->type, cell + param->at, out);
        }
    }
    return true;
}

/* Room for a result that the guest writes through a hidden parameter. */
static bool pass_hidden(struct typed_reader *r, union abi_value *out)
{
    const struct typed_type *result = r->func->result;
    u32 addr;
    r->path.depth = 0;
    typed_path_push(&r->path, (struct rt_text){"result", 6}, 0);
    if (!typed_guest_alloc(r, result->size, result->align, &addr))
        return false;
    out->u64 = addr;
    r->path.depth = 0;
    return true;
}

/* The result's cell: from core values, or from where the guest has put it. */
static bool take_result(struct rt_instance *instance, const struct typed_func *func,
                        const union abi_value *values, u32 hidden_addr, u8 *cell, struct err *err)
{
    const struct typed_type *result = func->result;
    if (result == NULL)
        return true;
    CHECK(result->size <= TYPED_PARAMS_MAX);
    if (func->returns == TYPED_RETURN_VALUES) {
        memset(cell, 0, result->size);
        typed_unflatten(result, values, cell);
        return true;
    }
    u32 addr = func->returns == TYPED_RETURN_HIDDEN ? hidden_addr : values[0].u32;
    const u8 *view = rt_memory_view(instance, addr, result->size);
    if (view == NULL || addr % result->align != 0)
        return err_set(err, ERR_RESULT, ERR_NO_AT,
                       "result: the function returned the address 0x%x, which is %s", addr,
                       view == NULL ? "beyond its memory" : "misaligned");
    memcpy(cell, view, result->size);
    return true;
}

static bool run(struct rt_instance *instance, struct typed_call *call, u8 *cell,
                union abi_value *values)
{
    const struct typed_func *func = call->func;
    struct typed_reader r;
    struct typed_writer w;
    bool is_hidden = func->returns == TYPED_RETURN_HIDDEN;
    reader_init(&r, func, instance, call->body, call->body_len, &call->err);
    writer_init(&w, instance, call->out, &call->err);
    memset(cell, 0, func->params.size);
    if (!(call->is_raw ? typed_read_raw(&r, cell) : typed_read_arguments(&r, cell)))
        return false;
    r.path.depth = 0;
    if ((is_hidden && !pass_hidden(&r, values)) || !pass_params(&r, cell, values + is_hidden))
        return false;
    u32 hidden_addr = values[0].u32;
    rt_driver_call(instance, func->exported->index, values);
    if (!take_result(instance, func, values, hidden_addr, cell, &call->err))
        return false;
    return call->wants_raw ? typed_write_raw(&w, func->result, cell) : write_result(&w, func, cell);
}

void typed_call_run(struct rt_instance *instance, void *arg)
{
    struct typed_call *call = arg;
    u8 cell[TYPED_PARAMS_MAX];
    union abi_value values[ABI_VALUES_MAX];
    CHECK(!call->is_raw || typed_takes_raw(call->func));
    CHECK(!call->wants_raw || typed_returns_raw(call->func));
    CHECK(run(instance, call, cell, values) || call->err.code != ERR_NONE);
}
