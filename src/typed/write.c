/*
 * typed/write.c -- cells and guest memory into JSON or raw bytes.
 *
 * Everything here was written by the guest and may be anything: addresses, lengths, cases and
 * characters are checked. Polls end views: they are taken anew behind them.
 */
#include "base/check.h"
#include "base/reader.h"
#include "typed/internal.h"
#include <string.h>

#define EXACT_INTEGER ((i64)1 << 53)
#define CHUNK_COUNT   128 /* numbers written between two polls */
#define CHUNK_BYTES   ((u32)64 * 1024)

/* ---- messages ---- */

/* "result.x[3]", and right behind it what is wrong there. */
static bool fail_result(struct typed_writer *w, const char *format, ...) PRINTF_LIKE(2, 3);

static bool fail_result(struct typed_writer *w, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    typed_path_fail(&w->path, w->err, ERR_RESULT, ERR_NO_AT, format, args);
    va_end(args);
    return false;
}

static bool check_room(struct typed_writer *w)
{
    if (buf_ok(w->out))
        return true;
    return err_set(w->err, ERR_LIMIT, ERR_NO_AT, "the result does not fit into %llu bytes",
                   (unsigned long long)w->out->limit_bytes);
}

/* ---- numbers ---- */

static size_t put_integer(u64 value, bool is_negative, char *out)
{
    out[0] = '-';
    return is_negative + typed_digits_put(value, out + is_negative);
}

/* 64-bit integers beyond 2^53 are strings. */
static size_t put_whole(u64 value, bool is_signed, char *out)
{
    bool is_negative = is_signed && (i64)value < 0;
    u64 magnitude = is_negative ? 0 - value : value;
    if (magnitude <= (u64)EXACT_INTEGER)
        return put_integer(magnitude, is_negative, out);
    out[0] = '"';
    size_t len = 1 + put_integer(magnitude, is_negative, out + 1);
    out[len] = '"';
    return len + 1;
}

static i64 load_signed(const struct typed_type *type, const u8 *cell)
{
    u32 unused = 64 - 8 * type->size;
    return (i64)(typed_cell_load(cell, type->size) << unused) >> unused;
}

/* At most TYPED_NUMBER_MAX bytes; returns how many. */
static size_t put_number(const struct typed_type *type, const u8 *cell, char *out)
{
    f32 single;
    f64 real;
    bool is_unsigned = type->kind == TYPED_U8 || type->kind == TYPED_U16 ||
                       type->kind == TYPED_U32 || type->kind == TYPED_U64;
    if (type->kind == TYPED_F32) {
        memcpy(&single, cell, sizeof single);
        return typed_f32_put(single, out);
    }
    if (type->kind == TYPED_F64) {
        memcpy(&real, cell, sizeof real);
        return typed_f64_put(real, out);
    }
    return is_unsigned ? put_whole(typed_cell_load(cell, type->size), false, out)
                       : put_whole((u64)load_signed(type, cell), true, out);
}

static bool write_number(struct typed_writer *w, const struct typed_type *type, const u8 *cell)
{
    char text[TYPED_NUMBER_MAX];
    buf_add(w->out, text, put_number(type, cell, text));
    return check_room(w);
}

/* ---- text ---- */

static void add_escaped(struct buf *out, u8 c)
{
    static const char named[] = "\b\f\n\r\t", letters[] = "bfnrt";
    const char *found = c == 0 ? NULL : strchr(named, c);
    if (found != NULL)
        buf_add_format(out, "\\%c", letters[found - named]);
    else if (c == '"' || c == '\\')
        buf_add_format(out, "\\%c", c);
    else
        buf_add_format(out, "\\u%04x", c);
}

static void add_text(struct buf *out, const u8 *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t from = i;
        while (i < len && text[i] >= 0x20 && text[i] != '"' && text[i] != '\\' && text[i] != 0x7f)
            i++;
        buf_add(out, text + from, i - from);
        if (i < len)
            add_escaped(out, text[i++]);
    }
}

/* Bytes of the next piece of text: all of it, or up to a character's start. */
static size_t piece_len(const u8 *text, size_t left)
{
    size_t len = (size_t)min_u64(left, CHUNK_BYTES);
    for (u32 back = 0; len < left && back < 3 && (text[len] & 0xc0) == 0x80; back++)
        len--;
    return len;
}

static bool write_string(struct typed_writer *w, const u8 *cell)
{
    u32 addr, len;
    memcpy(&addr, cell, sizeof addr);
    memcpy(&len, cell + sizeof addr, sizeof len);
    if (len > 0 && rt_memory_view(w->instance, addr, len) == NULL)
        return fail_result(w, ": a string of %u bytes at 0x%x is beyond the memory", len, addr);
    buf_add_byte(w->out, '"');
    for (u32 at = 0; at < len;) {
        const u8 *text = rt_memory_view(w->instance, addr + at, len - at);
        CHECK(text != NULL);
        size_t piece = piece_len(text, len - at);
        if (!utf8_valid(text, piece))
            return fail_result(w, ": a string of %u bytes at 0x%x is not UTF-8", len, addr);
        add_text(w->out, text, piece);
        at += (u32)piece;
        if (!check_room(w))
            return false;
        rt_driver_poll(w->instance);
    }
    buf_add_byte(w->out, '"');
    return check_room(w);
}

static bool write_char(struct typed_writer *w, const u8 *cell)
{
    u8 text[4];
    u32 point;
    memcpy(&point, cell, sizeof point);
    if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
        return fail_result(w, ": 0x%x is no character", point);
    size_t len = typed_utf8_encode(point, (char *)text);
    buf_add_byte(w->out, '"');
    add_text(w->out, text, len);
    buf_add_byte(w->out, '"');
    return check_room(w);
}

static bool write_enum(struct typed_writer *w, const struct typed_type *type, const u8 *cell)
{
    u64 index = typed_cell_load(cell, type->size);
    if (index >= type->case_count)
        return fail_result(w, ": %llu is no case; there are %u", (unsigned long long)index,
                           type->case_count);
    buf_add_json_string(w->out, type->cases[index].bytes, type->cases[index].len);
    return check_room(w);
}

/* ---- lists ---- */

/* The elements of a list lie in memory, aligned. */
static bool take_list(struct typed_writer *w, const struct typed_type *type, const u8 *cell,
                      u32 *addr, u32 *count)
{
    memcpy(addr, cell, sizeof *addr);
    memcpy(count, cell + sizeof *addr, sizeof *count);
    if (*count == 0)
        return true;
    if (*addr % type->element->align != 0)
        return fail_result(w, ": a list of %u elements has the misaligned address 0x%x", *count,
                           *addr);
    if (rt_memory_view(w->instance, *addr, (u64)*count * type->element->size) == NULL)
        return fail_result(w, ": a list of %u elements at 0x%x is beyond the memory", *count,
                           *addr);
    return true;
}

static bool write_numbers(struct typed_writer *w, const struct typed_type *element, u32 addr,
                          u32 count)
{
    char text[CHUNK_COUNT * (TYPED_NUMBER_MAX + 1)];
    u64 size = element->size;
    for (u64 i = 0; i < count;) {
        u64 end = min_u64(i + CHUNK_COUNT, count);
        const u8 *view = rt_memory_view(w->instance, addr + i * size, (end - i) * size);
        CHECK(view != NULL);
        char *at = text;
        for (; i < end; i++, view += size) {
            *at = ',';
            at += i > 0;
            at += put_number(element, view, at);
        }
        buf_add(w->out, text, (size_t)(at - text));
        if (!check_room(w))
            return false;
        rt_driver_poll(w->instance);
    }
    return true;
}

static bool write_elements(struct typed_writer *w, const struct typed_type *element, u32 addr,
                           u32 count)
{
    u8 cell[TYPED_CELL_MAX];
    typed_path_push(&w->path, (struct rt_text){"", 0}, 0);
    for (u64 i = 0; i < count; i++) {
        const u8 *view = rt_memory_view(w->instance, addr + i * element->size, element->size);
        CHECK(view != NULL);
        memcpy(cell, view, element->size);
        w->path.steps[w->path.depth - 1].index = i;
        if (i > 0)
            buf_add_byte(w->out, ',');
        if (!typed_write_value(w, element, cell))
            return false;
        rt_driver_poll(w->instance);
    }
    w->path.depth--;
    return true;
}

static bool write_list(struct typed_writer *w, const struct typed_type *type, const u8 *cell)
{
    u32 addr, count;
    if (!take_list(w, type, cell, &addr, &count))
        return false;
    buf_add_byte(w->out, '[');
    bool ok = typed_is_number(type->element) ? write_numbers(w, type->element, addr, count)
                                             : write_elements(w, type->element, addr, count);
    buf_add_byte(w->out, ']');
    return ok && check_room(w);
}

bool typed_write_raw(struct typed_writer *w, const struct typed_type *type, const u8 *cell)
{
    u32 addr, count;
    typed_path_push(&w->path, (struct rt_text){"result", 6}, 0);
    if (!take_list(w, type, cell, &addr, &count))
        return false;
    u64 len = (u64)count * type->element->size;
    for (u64 at = 0; at < len; at += CHUNK_BYTES) {
        u64 piece = min_u64(len - at, CHUNK_BYTES);
        const u8 *view = rt_memory_view(w->instance, addr + at, piece);
        CHECK(view != NULL);
        buf_add(w->out, view, piece);
        if (!check_room(w))
            return false;
        rt_driver_poll(w->instance);
    }
    return true;
}

/* ---- records, tuples, options ---- */

static bool write_fields(struct typed_writer *w, const struct typed_type *type, const u8 *cell)
{
    bool is_record = type->kind == TYPED_RECORD;
    buf_add_byte(w->out, is_record ? '{' : '[');
    for (u32 i = 0; i < type->field_count; i++) {
        const struct typed_field *field = &type->fields[i];
        if (i > 0)
            buf_add_byte(w->out, ',');
        if (is_record) {
            buf_add_json_string(w->out, field->name.bytes, field->name.len);
            buf_add_byte(w->out, ':');
        }
        typed_path_push(&w->path, field->name, i);
        if (!typed_write_value(w, field->type, cell + field->at))
            return false;
        w->path.depth--;
    }
    buf_add_byte(w->out, is_record ? '}' : ']');
    return check_room(w);
}

static bool write_option(struct typed_writer *w, const struct typed_type *type, const u8 *cell)
{
    if (cell[0] > 1)
        return fail_result(w, ": an option says %u, neither none (0) nor some (1)", cell[0]);
    if (cell[0] == 1)
        return typed_write_value(w, type->element, cell + type->fields[1].at);
    buf_add_text(w->out, "null");
    return check_room(w);
}

bool typed_write_value(struct typed_writer *w, const struct typed_type *type, const u8 *cell)
{
    switch (type->kind) {
    case TYPED_BOOL: buf_add_text(w->out, cell[0] != 0 ? "true" : "false"); return check_room(w);
    case TYPED_S8:
    case TYPED_U8:
    case TYPED_S16:
    case TYPED_U16:
    case TYPED_S32:
    case TYPED_U32:
    case TYPED_S64:
    case TYPED_U64:
    case TYPED_I32:
    case TYPED_I64:
    case TYPED_F32:
    case TYPED_F64: return write_number(w, type, cell);
    case TYPED_CHAR: return write_char(w, cell);
    case TYPED_STRING: return write_string(w, cell);
    case TYPED_LIST: return write_list(w, type, cell);
    case TYPED_RECORD:
    case TYPED_TUPLE: return write_fields(w, type, cell);
    case TYPED_OPTION: return write_option(w, type, cell);
    case TYPED_ENUM: return write_enum(w, type, cell);
    case TYPED_KIND_COUNT: break;
    }
    UNREACHABLE();
}
