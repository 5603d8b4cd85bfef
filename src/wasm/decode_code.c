/*
 * wasm/decode_code.c -- function bodies: their locals, and that they are sequences of instructions
 * whose blocks close. Indices and types are left to validation.
 * spec: core/binary/modules, code section
 */
#include "base/check.h"
#include "wasm/internal.h"

/* Reads the runs of locals; runs NULL: only checks them. Empty runs are dropped, so that there are
 * never more than WASM_MAX_LOCALS. Returns how many there are. */
static u32 read_locals(struct reader *code, struct wasm_local_run *runs)
{
    u32 entry_count = read_leb_u32(code);
    u32 run_count = 0;
    u64 total = 0;
    for (u32 i = 0; i < entry_count && reader_ok(code); i++) {
        u64 offset = reader_offset(code);
        u32 count = read_leb_u32(code);
        u8 type = wasm_valtype_decode(code);
        total += count;
        if (total > UINT32_MAX)
            reader_fail_at(code, offset, ERR_MALFORMED, "too many locals");
        if (count == 0 || !reader_ok(code))
            continue;
        if (runs != NULL)
            runs[run_count] = (struct wasm_local_run){.count = count, .type = type};
        run_count++;
    }
    if (total > WASM_MAX_LOCALS)
        reader_fail(code, ERR_LIMIT, "more than %u locals of a function", WASM_MAX_LOCALS);
    return reader_ok(code) ? run_count : 0;
}

static struct reader body_reader(const struct wasm_module *m, const struct wasm_func *func,
                                 struct err *err)
{
    struct reader r = reader_make(m->bytes, m->len, err);
    r.at = (size_t)func->body_offset;
    r.end = r.at + func->body_len;
    return r;
}

bool wasm_func_locals(const struct wasm_module *m, const struct wasm_func *func,
                      struct arena *arena, struct wasm_local_run **runs, u32 *run_count,
                      struct reader *code, struct err *err)
{
    CHECK(func->body != NULL);
    struct reader counted = body_reader(m, func, err);
    u32 count = read_locals(&counted, NULL);
    struct wasm_local_run *filled = WASM_ARRAY(&counted, arena, struct wasm_local_run, count);
    if (!reader_ok(&counted))
        return false;
    struct reader r = body_reader(m, func, err);
    read_locals(&r, filled);
    *runs = filled;
    *run_count = count;
    *code = r;
    return reader_ok(&r);
}

/* What the bodies of a module use, beside what validation looks at. */
struct used {
    u8 *refs; /* by function index: 1 where ref.func names it; NULL: nowhere */
    u32 ref_count;
    u32 func; /* whose body is being walked */
};

static bool note_use(struct used *used, const struct wasm_module *m, struct reader *code,
                     struct arena *arena, const struct wasm_instr *instr)
{
    if (instr->op == WASM_OP_MEMORY_INIT || instr->op == WASM_OP_DATA_DROP) {
        if (m->declared_data_count == WASM_NONE)
            return reader_fail_at(code, instr->offset, ERR_MALFORMED,
                                  "data count section required by %s",
                                  wasm_op_info(instr->op)->text);
    } else if (instr->op == WASM_OP_CALL && instr->index < m->func_import_count) {
        if (m->funcs[instr->index].caller == 0) /* never function 0: that is imported then */
            m->funcs[instr->index].caller = used->func;
    } else if (instr->op == WASM_OP_REF_FUNC && instr->index < m->func_count) {
        if (used->refs == NULL)
            used->refs = WASM_ARRAY(code, arena, u8, m->func_count);
        if (used->refs == NULL)
            return false;
        used->ref_count += used->refs[instr->index] == 0;
        used->refs[instr->index] = 1;
    }
    return true;
}

/* Every instruction decodes, and the last one is the end that closes the function. */
static bool walk_body(struct used *used, const struct wasm_module *m, struct reader *code,
                      struct arena *arena)
{
    read_locals(code, NULL);
    u32 depth = 1;
    while (depth > 0) {
        struct wasm_instr instr;
        if (!wasm_instr_read(code, &instr) || !note_use(used, m, code, arena, &instr))
            return false;
        if (wasm_op_info(instr.op)->imm == WASM_IMM_BLOCKTYPE)
            depth++;
        else if (instr.op == WASM_OP_END)
            depth--;
        if (depth > WASM_MAX_NESTING)
            return reader_fail_at(code, instr.offset, ERR_LIMIT, "more than %u nested blocks",
                                  WASM_MAX_NESTING);
    }
    if (reader_left(code) != 0)
        return reader_fail(code, ERR_MALFORMED, "%zu bytes after the end of the function",
                           reader_left(code));
    return true;
}

static bool decode_body(struct used *used, const struct wasm_module *m, struct wasm_func *func,
                        struct reader *r, struct arena *arena)
{
    u64 offset = reader_offset(r);
    u32 len = read_leb_u32(r);
    if (len > WASM_MAX_FUNC_BYTES && len <= reader_left(r))
        return reader_fail_at(r, offset, ERR_LIMIT, "more than %u bytes in a function body",
                              WASM_MAX_FUNC_BYTES);
    struct reader code = reader_sub(r, len);
    if (!reader_ok(&code))
        return false;
    func->body = code.bytes + code.at;
    func->body_len = len;
    func->body_offset = reader_offset(&code);
    return walk_body(used, m, &code, arena);
}

static bool list_refs(struct wasm_module *m, const struct used *used, struct reader *r,
                      struct arena *arena)
{
    m->refs = WASM_ARRAY(r, arena, u32, used->ref_count);
    for (u32 i = 0; used->ref_count > 0 && reader_ok(r) && i < m->func_count; i++)
        if (used->refs[i] != 0)
            m->refs[m->ref_count++] = i;
    return reader_ok(r);
}

bool wasm_code_decode(struct wasm_module *m, struct reader *r, struct arena *arena)
{
    struct used used = {0};
    u64 offset = reader_offset(r);
    u32 count = read_count(r, WASM_MAX_FUNCS, "function bodies");
    u32 declared = m->func_count - m->func_import_count;
    if (reader_ok(r) && count != declared)
        return reader_fail_at(
            r, offset, ERR_MALFORMED,
            "function and code section have inconsistent lengths: %u functions, %u bodies",
            declared, count);
    for (u32 i = m->func_import_count; i < m->func_count && reader_ok(r); i++) {
        used.func = i;
        if (!decode_body(&used, m, &m->funcs[i], r, arena)) {
            r->failed = true; /* the body's own reader has recorded why */
            return err_context(r->err, "function %u", i);
        }
    }
    return list_refs(m, &used, r, arena);
}
