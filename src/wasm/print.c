/*
 * wasm/print.c -- modules as text for people and golden tests. Needs a decoded module, not a valid
 * one: indices are printed, never followed unchecked. The same module gives the same text.
 */
#include "base/check.h"
#include "wasm/wasm.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

#define INDENT_MAX 40 /* levels; deeper blocks stay there, so that lines stay short */

static void print_text(struct buf *out, struct wasm_text text)
{
    buf_add_json_string(out, text.bytes, text.len);
}

static void print_name(struct buf *out, struct wasm_text name)
{
    if (name.len == 0)
        return;
    buf_add_byte(out, ' ');
    print_text(out, name);
}

/* "()", "i32", "(i32 f64)" */
static void print_type_list(struct buf *out, const u8 *types, u32 count, bool parentheses)
{
    if (parentheses)
        buf_add_byte(out, '(');
    for (u32 i = 0; i < count && buf_ok(out); i++)
        buf_add_format(out, i == 0 ? "%s" : " %s", wasm_valtype_text(types[i]));
    if (parentheses)
        buf_add_byte(out, ')');
}

static void print_func_type(const struct wasm_module *m, u32 type, struct buf *out)
{
    if (type >= m->type_count) {
        buf_add_format(out, "type[%u]?", type);
        return;
    }
    const struct wasm_func_type *t = &m->types[type];
    print_type_list(out, t->params, t->param_count, true);
    buf_add_text(out, " -> ");
    print_type_list(out, t->results, t->result_count, t->result_count != 1);
}

static void print_float(struct buf *out, double value, u64 payload, int digits)
{
    if (isnan(value))
        buf_add_format(out, "%snan:0x%" PRIx64, signbit(value) ? "-" : "", payload);
    else
        buf_add_format(out, "%.*g", digits, value);
}

/* A constant instruction of this result type: "i32.const -1". */
static void print_value(struct buf *out, u8 type, u64 bits)
{
    buf_add_format(out, "%s.const ", wasm_valtype_text(type));
    if (type == WASM_I32) {
        buf_add_format(out, "%" PRId32, (i32)(u32)bits);
    } else if (type == WASM_I64) {
        buf_add_format(out, "%" PRId64, (i64)bits);
    } else if (type == WASM_F32) {
        u32 low = (u32)bits;
        f32 value;
        memcpy(&value, &low, sizeof value);
        print_float(out, (double)value, low & 0x7fffff, 9);
    } else {
        f64 value;
        memcpy(&value, &bits, sizeof value);
        print_float(out, value, bits & 0xfffffffffffff, 17);
    }
}

static void print_const(struct buf *out, const struct wasm_const *c)
{
    switch (c->kind) {
    case WASM_CONST_VALUE: print_value(out, c->type, c->bits); break;
    case WASM_CONST_GLOBAL: buf_add_format(out, "global.get %u", c->index); break;
    case WASM_CONST_REF_FUNC: buf_add_format(out, "func[%u]", c->index); break;
    case WASM_CONST_REF_NULL: buf_add_text(out, "null"); break;
    case WASM_CONST_OP: buf_add_text(out, wasm_op_info(c->op)->text); break;
    case WASM_CONST_TERMS:
        for (u32 i = 0; i < c->index && buf_ok(out); i++) {
            if (i > 0)
                buf_add_text(out, "; ");
            print_const(out, &c->terms[i]);
        }
        break;
    }
}

static void print_limits(struct buf *out, const struct wasm_limits *limits, const char *unit)
{
    if (limits->max == WASM_NO_MAX)
        buf_add_format(out, "%" PRIu64 " or more %s", limits->min, unit);
    else
        buf_add_format(out, "%" PRIu64 " to %" PRIu64 " %s", limits->min, limits->max, unit);
}

/* The end of a line about an entity: where it comes from, if from outside. */
static void print_import_end(const struct wasm_module *m, u32 import, struct buf *out)
{
    if (import != WASM_NONE) {
        buf_add_text(out, ", import ");
        print_text(out, m->imports[import].module);
        buf_add_byte(out, ' ');
        print_text(out, m->imports[import].field);
    }
    buf_add_byte(out, '\n');
}

static void print_func_head(const struct wasm_module *m, u32 index, struct buf *out)
{
    buf_add_format(out, "func[%u]", index);
    print_name(out, m->funcs[index].name);
    buf_add_byte(out, ' ');
    print_func_type(m, m->funcs[index].type, out);
}

/* How many entries the section has; customs and the start section have none. */
static bool section_entries(const struct wasm_module *m, u8 id, u32 *count)
{
    const u32 counts[] = {
        [1] = m->type_count,
        [2] = m->import_count,
        [3] = m->func_count - m->func_import_count,
        [4] = m->table_count - m->table_import_count,
        [5] = m->memory_count - m->memory_import_count,
        [6] = m->global_count - m->global_import_count,
        [7] = m->export_count,
        [9] = m->elem_count,
        [10] = m->func_count - m->func_import_count,
        [11] = m->data_count,
    };
    bool counted = id != 0 && id < COUNT_OF(counts) && id != 8;
    *count = counted ? counts[id] : 0;
    return counted;
}

void wasm_print_sections(const struct wasm_module *m, struct buf *out)
{
    buf_add_format(out, "module %zu bytes", m->len);
    print_name(out, m->name);
    buf_add_byte(out, '\n');
    for (u32 i = 0; i < m->section_count && buf_ok(out); i++) {
        const struct wasm_section *section = &m->sections[i];
        u32 entries;
        buf_add_format(out, "0x%06" PRIx64 " %-10s %8" PRIu64 " bytes", section->offset,
                       wasm_section_text(section->id), section->len);
        if (section_entries(m, section->id, &entries))
            buf_add_format(out, ", %u %s", entries, entries == 1 ? "entry" : "entries");
        print_name(out, section->name);
        buf_add_byte(out, '\n');
    }
}

static void print_spaces(const struct wasm_module *m, struct buf *out)
{
    for (u32 i = 0; i < m->func_count && buf_ok(out); i++) {
        print_func_head(m, i, out);
        print_import_end(m, m->funcs[i].import, out);
    }
    for (u32 i = 0; i < m->table_count && buf_ok(out); i++) {
        buf_add_format(out, "table[%u] %s, ", i, wasm_valtype_text(m->tables[i].type));
        print_limits(out, &m->tables[i].limits, "elements");
        print_import_end(m, m->tables[i].import, out);
    }
    for (u32 i = 0; i < m->memory_count && buf_ok(out); i++) {
        buf_add_format(out, "memory[%u] ", i);
        print_limits(out, &m->memories[i].limits, "pages");
        print_import_end(m, m->memories[i].import, out);
    }
    for (u32 i = 0; i < m->global_count && buf_ok(out); i++) {
        const struct wasm_global *global = &m->globals[i];
        buf_add_format(out, "global[%u] %s%s", i, global->is_mutable ? "mutable " : "",
                       wasm_valtype_text(global->type));
        if (global->import == WASM_NONE) {
            buf_add_text(out, " = ");
            print_const(out, &global->init);
        }
        print_import_end(m, global->import, out);
    }
}

static void print_exports(const struct wasm_module *m, struct buf *out)
{
    for (u32 i = 0; i < m->export_count && buf_ok(out); i++) {
        const struct wasm_export *export = &m->exports[i];
        buf_add_text(out, "export ");
        print_text(out, export->name);
        buf_add_format(out, " %s[%u]\n",
                       export->kind == WASM_EXTERN_FUNC ? "func" : wasm_extern_text(export->kind),
                       export->index);
    }
    if (m->start != WASM_NONE)
        buf_add_format(out, "start func[%u]\n", m->start);
}

/* Where an active segment goes, or the mode of another one. */
static void print_place(struct buf *out, enum wasm_segment_mode mode, const char *what, u32 index,
                        const struct wasm_const *at)
{
    if (mode != WASM_SEGMENT_ACTIVE) {
        buf_add_text(out, mode == WASM_SEGMENT_PASSIVE ? "passive" : "declarative");
        return;
    }
    buf_add_format(out, "%s[%u] at ", what, index);
    print_const(out, at);
}

static void print_segments(const struct wasm_module *m, struct buf *out)
{
    for (u32 i = 0; i < m->elem_count && buf_ok(out); i++) {
        const struct wasm_elem *elem = &m->elems[i];
        buf_add_format(out, "elem[%u] ", i);
        print_place(out, elem->mode, "table", elem->table, &elem->at);
        if (elem->type != WASM_FUNCREF)
            buf_add_format(out, " %s", wasm_valtype_text(elem->type));
        buf_add_byte(out, ':');
        for (u32 k = 0; k < elem->item_count && buf_ok(out); k++) {
            buf_add_byte(out, ' ');
            print_const(out, &elem->items[k]);
        }
        buf_add_byte(out, '\n');
    }
    for (u32 i = 0; i < m->data_count && buf_ok(out); i++) {
        buf_add_format(out, "data[%u] ", i);
        print_place(out, m->data[i].mode, "memory", m->data[i].memory, &m->data[i].at);
        buf_add_format(out, ": %u bytes\n", m->data[i].len);
    }
}

void wasm_print_types(const struct wasm_module *m, struct buf *out)
{
    for (u32 i = 0; i < m->type_count && buf_ok(out); i++) {
        buf_add_format(out, "type[%u] ", i);
        print_func_type(m, i, out);
        buf_add_byte(out, '\n');
    }
    print_spaces(m, out);
    print_exports(m, out);
    print_segments(m, out);
}

static void print_block_type(struct buf *out, i64 block_type)
{
    if (block_type >= 0)
        buf_add_format(out, " type[%" PRId64 "]", block_type);
    else if (block_type != WASM_BLOCK_EMPTY)
        buf_add_format(out, " %s", wasm_valtype_text((u8)(block_type + 128)));
}

static void print_br_table(struct buf *out, const struct wasm_instr *instr)
{
    struct reader table = instr->table;
    for (u32 i = 0; i < instr->table_count && buf_ok(out); i++)
        buf_add_format(out, " %u", read_leb_u32(&table));
    buf_add_format(out, " %u", instr->index);
}

static void print_memarg(struct buf *out, const struct wasm_instr *instr)
{
    if (instr->offset_imm != 0)
        buf_add_format(out, " offset=%" PRIu64, instr->offset_imm);
    if (instr->align_log2 != wasm_op_access_log2(instr->op))
        buf_add_format(out, " align=%" PRIu64, (u64)1 << instr->align_log2);
}

static void print_indices(struct buf *out, enum wasm_imm imm, const struct wasm_instr *instr)
{
    if (imm == WASM_IMM_MEMORY_INIT)
        buf_add_format(out, " data[%u]", instr->index2);
    else if (imm == WASM_IMM_TABLE_INIT)
        buf_add_format(out, " table[%u] elem[%u]", instr->index, instr->index2);
    else if (imm == WASM_IMM_TABLE_COPY)
        buf_add_format(out, " table[%u] table[%u]", instr->index, instr->index2);
    else if (imm != WASM_IMM_MEMORY && imm != WASM_IMM_MEMORY_COPY)
        buf_add_format(out, " %u", instr->index);
}

static void print_instr(const struct wasm_module *m, const struct wasm_instr *instr,
                        struct buf *out)
{
    const struct wasm_op_info *info = wasm_op_info(instr->op);
    switch (info->imm) {
    case WASM_IMM_I32: print_value(out, WASM_I32, instr->bits); return;
    case WASM_IMM_I64: print_value(out, WASM_I64, instr->bits); return;
    case WASM_IMM_F32: print_value(out, WASM_F32, instr->bits); return;
    case WASM_IMM_F64: print_value(out, WASM_F64, instr->bits); return;
    case WASM_IMM_NONE: buf_add_text(out, info->text); return;
    case WASM_IMM_BLOCKTYPE:
    case WASM_IMM_LABEL:
    case WASM_IMM_BR_TABLE:
    case WASM_IMM_FUNC:
    case WASM_IMM_CALL_INDIRECT:
    case WASM_IMM_LOCAL:
    case WASM_IMM_GLOBAL:
    case WASM_IMM_MEMARG:
    case WASM_IMM_MEMORY:
    case WASM_IMM_MEMORY_COPY:
    case WASM_IMM_MEMORY_INIT:
    case WASM_IMM_DATA:
    case WASM_IMM_TABLE:
    case WASM_IMM_TABLE_COPY:
    case WASM_IMM_TABLE_INIT:
    case WASM_IMM_ELEM:
    case WASM_IMM_SELECT:
    case WASM_IMM_REF_TYPE: break;
    }
    buf_add_text(out, info->text);
    if (info->imm == WASM_IMM_BLOCKTYPE)
        print_block_type(out, instr->block_type);
    else if (info->imm == WASM_IMM_BR_TABLE)
        print_br_table(out, instr);
    else if (info->imm == WASM_IMM_MEMARG)
        print_memarg(out, instr);
    else if (info->imm == WASM_IMM_CALL_INDIRECT)
        buf_add_format(out, " type[%u] table[%u]", instr->index, instr->index2);
    else if (info->imm == WASM_IMM_SELECT || info->imm == WASM_IMM_REF_TYPE)
        buf_add_format(out, " %s", wasm_valtype_text(instr->select_type));
    else
        print_indices(out, info->imm, instr);
    if (info->imm == WASM_IMM_FUNC && instr->index < m->func_count)
        print_name(out, m->funcs[instr->index].name);
}

static void print_locals(struct buf *out, const struct wasm_local_run *runs, u32 run_count)
{
    for (u32 i = 0; i < run_count && buf_ok(out); i++)
        buf_add_format(out, "%s%u %s", i == 0 ? "  locals " : ", ", runs[i].count,
                       wasm_valtype_text(runs[i].type));
    if (run_count > 0)
        buf_add_byte(out, '\n');
}

static void print_body(const struct wasm_module *m, const struct wasm_func *func,
                       struct arena *arena, struct buf *out)
{
    struct wasm_local_run *runs;
    u32 run_count;
    struct reader code;
    struct err err = {0};
    struct wasm_instr instr;
    u32 depth = 1;
    if (!wasm_func_locals(m, func, arena, &runs, &run_count, &code, &err)) {
        CHECK(err.code == ERR_LIMIT); /* a decoded body is well-formed */
        return;
    }
    print_locals(out, runs, run_count);
    while (depth > 0 && buf_ok(out)) {
        bool ok = wasm_instr_read(&code, &instr);
        CHECK(ok);
        if (instr.op == WASM_OP_END)
            depth--;
        u32 level = instr.op == WASM_OP_ELSE ? depth - 1 : depth;
        buf_add_format(out, "  0x%04" PRIx64 "%*s", instr.offset,
                       (int)(2 + 2 * min_u64(level > 0 ? level - 1 : 0, INDENT_MAX)), "");
        print_instr(m, &instr, out);
        buf_add_byte(out, '\n');
        if (wasm_op_info(instr.op)->imm == WASM_IMM_BLOCKTYPE)
            depth++;
    }
}

void wasm_print_code(const struct wasm_module *m, struct buf *out)
{
    struct arena arena;
    arena_init(&arena, sizeof(struct wasm_local_run) * WASM_MAX_LOCALS + 64);
    for (u32 i = m->func_import_count; i < m->func_count && buf_ok(out); i++) {
        const struct wasm_func *func = &m->funcs[i];
        print_func_head(m, i, out);
        buf_add_format(out, ", %u bytes at 0x%" PRIx64 "\n", func->body_len, func->body_offset);
        print_body(m, func, &arena, out);
        arena_reset(&arena);
    }
    arena_fini(&arena);
}
