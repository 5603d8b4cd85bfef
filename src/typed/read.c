/*
 * typed/read.c -- JSON or raw bytes into cells and guest memory, one pass, no tree.
 *
 * A list's length is known before its elements are read (its commas are counted), so that its
 * memory can be asked for. Elements without lists in them are read straight into guest memory; for
 * the others the guest's allocator runs in between, so they are read into a cell of our own first.
 * Any call of the guest and any poll ends views: they are taken anew behind it.
 */
#include "base/check.h"
#include "typed/internal.h"
#include <string.h>

#define EXACT_INTEGER ((u64)1 << 53)
#define SHORT_DIGITS  18
#define SHOWN_BYTES   40   /* of an offending value, in messages */
#define CHUNK_COUNT   1024 /* elements read between two polls */
#define CHUNK_BYTES   ((u64)64 * KIB)

static bool read_value(struct typed_reader *r, const struct typed_type *type, u8 *cell);

/* ---- messages ---- */

/* The path, and behind it what is wrong there. */
static bool fail_at_path(struct typed_reader *r, enum err_code code, const char *format, ...)
    PRINTF_LIKE(3, 4);

static bool fail_at_path(struct typed_reader *r, enum err_code code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    typed_path_fail(&r->path, r->json.err, code, r->json.at, format, args);
    va_end(args);
    return false;
}

static void write_expected(const struct typed_type *type, struct buf *out)
{
    typed_type_write(type, out);
    for (u32 i = 0; type->kind == TYPED_ENUM && i < type->case_count; i++)
        buf_add_format(out, "%s%.*s", i == 0 ? " (" : ", ", (int)type->cases[i].len,
                       type->cases[i].bytes);
    if (type->kind == TYPED_ENUM)
        buf_add_byte(out, ')');
}

/* Past the value at the cursor, as far as a message shows it. False: it is no JSON. */
static bool skip_shown(struct typed_json *json)
{
    struct typed_text number;
    size_t ignored;
    char first = typed_json_peek(json);
    if (json->at == json->len)
        return typed_json_fail(json, "a value");
    if (first == '"')
        return typed_json_take_short(json, NULL, 0, &ignored);
    if (first == '-' || (first >= '0' && first <= '9'))
        return typed_json_take_number(json, &number);
    json->at++;
    while (json->at < json->len && memchr(",]} \t\r\n", json->bytes[json->at], 7) == NULL)
        json->at++;
    return true;
}

/* "a[3]: expected f32, got "abc"": the value at `at` is none of the type. */
static bool fail_value(struct typed_reader *r, const struct typed_type *type, size_t at,
                       const char *hint)
{
    struct typed_json json = r->json;
    struct buf expected;
    json.at = at;
    if (!skip_shown(&json))
        return false;
    size_t shown = (size_t)min_u64(json.at - at, SHOWN_BYTES);
    buf_init(&expected, ERR_TEXT_MAX);
    buf_add_text(&expected, ": expected ");
    write_expected(type, &expected);
    buf_add_format(&expected, ", got %.*s%s%s", (int)shown, r->json.bytes + at,
                   shown < json.at - at ? "..." : "", hint);
    fail_at_path(r, ERR_ARGUMENT, "%.*s", (int)expected.len, expected.bytes);
    buf_fini(&expected);
    return false;
}

/* ---- guest memory ---- */

bool typed_guest_alloc(struct typed_reader *r, u64 len, u32 align, u32 *addr)
{
    union abi_value values[4] = {{0}};
    const char *name = r->func->uses_realloc ? "cabi_realloc" : "malloc";
    unsigned long long shown = len;
    CHECK(r->instance != NULL);
    if (len > UINT32_MAX)
        return fail_at_path(r, ERR_LIMIT, ": %llu bytes are more than a memory holds", shown);
    if (r->func->uses_realloc) {
        values[2].u32 = align;
        values[3].u32 = (u32)len;
    } else {
        values[0].u32 = (u32)max_u64(len, 1); /* so that NULL always means no memory */
    }
    rt_driver_call(r->instance, r->func->allocator, values);
    *addr = values[0].u32;
    if (*addr == 0 && (len > 0 || !r->func->uses_realloc))
        return fail_at_path(r, ERR_LIMIT, ": the module's %s has no memory for %llu bytes", name,
                            shown);
    if (*addr % align != 0)
        return fail_at_path(r, ERR_RESULT, ": the module's %s gave 0x%x, not aligned to %u", name,
                            *addr, align);
    if (rt_memory_view(r->instance, *addr, len) == NULL)
        return fail_at_path(r, ERR_RESULT,
                            ": the module's %s gave %llu bytes at 0x%x, beyond its memory", name,
                            shown, *addr);
    return true;
}

static void put_span(u8 *cell, u32 addr, u32 count)
{
    memcpy(cell, &addr, sizeof addr);
    memcpy(cell + sizeof addr, &count, sizeof count);
}

/* ---- numbers ---- */

struct range {
    u64 min_magnitude, max;
};

static const struct range ranges[TYPED_KIND_COUNT] = {
    [TYPED_S8] = {0x80, 0x7f},
    [TYPED_U8] = {0, 0xff},
    [TYPED_S16] = {0x8000, 0x7fff},
    [TYPED_U16] = {0, 0xffff},
    [TYPED_S32] = {0x80000000, 0x7fffffff},
    [TYPED_U32] = {0, UINT32_MAX},
    [TYPED_I32] = {0x80000000, UINT32_MAX},
    [TYPED_S64] = {(u64)1 << 63, INT64_MAX},
    [TYPED_U64] = {0, UINT64_MAX},
    [TYPED_I64] = {(u64)1 << 63, UINT64_MAX},
};

static bool store_float(const struct typed_type *type, f64 value, u8 *cell)
{
    f32 single = (f32)value;
    if (type->kind == TYPED_F32)
        memcpy(cell, &single, sizeof single);
    else
        memcpy(cell, &value, sizeof value);
    return true;
}

/* "NaN", or a large integer. */
static bool read_quoted_number(struct typed_reader *r, const struct typed_type *type, u8 *cell)
{
    char store[TYPED_NUMBER_MAX];
    struct typed_text text = {store, 0};
    const struct range *range = &ranges[type->kind];
    size_t at = r->json.at;
    f64 special;
    u64 whole;
    if (!typed_json_take_short(&r->json, store, sizeof store, &text.len))
        return false;
    if (text.len > sizeof store)
        return fail_value(r, type, at, "");
    if (type->kind == TYPED_F32 || type->kind == TYPED_F64)
        return typed_special_f64(text, &special) ? store_float(type, special, cell)
                                                 : fail_value(r, type, at, "");
    if (type->size < sizeof whole ||
        !typed_whole_parse(text, range->min_magnitude, range->max, &whole))
        return fail_value(r, type, at, "");
    memcpy(cell, &whole, sizeof whole);
    return true;
}

static bool store_whole(struct typed_reader *r, const struct typed_type *type,
                        const struct typed_decimal *decimal, size_t at, u8 *cell)
{
    const struct range *range = &ranges[type->kind];
    u64 limit = decimal->is_negative ? range->min_magnitude : range->max;
    bool is_whole = decimal->is_integer && decimal->is_exact && decimal->exponent == 0;
    if (decimal->is_integer && type->size == 8 && (!is_whole || decimal->digits > EXACT_INTEGER))
        return fail_value(r, type, at, "; integers beyond 2^53 are written as strings");
    if (!is_whole || decimal->digits > limit)
        return fail_value(r, type, at, "");
    u64 value = decimal->is_negative ? 0 - decimal->digits : decimal->digits;
    typed_cell_store(cell, value, type->size);
    return true;
}

/* Nearly all integers: at most 18 digits, no point, no exponent, in range. False: nothing was read,
 * whatever it is. */
static inline bool read_short_whole(struct typed_json *json, const struct typed_type *type,
                                    u8 *cell)
{
    const struct range *range = &ranges[type->kind];
    const char *at = json->bytes + json->at, *end = json->bytes + json->len;
    bool is_negative = at < end && *at == '-';
    u64 value = 0, limit = is_negative ? range->min_magnitude : range->max;
    const char *from = at += is_negative;
    for (; at < end && at - from < SHORT_DIGITS && *at >= '0' && *at <= '9'; at++)
        value = value * 10 + (u64)(*at - '0');
    bool is_all = at < end && (*at == ',' || *at == ']');
    if (!is_all || at == from || (*from == '0' && at - from > 1) ||
        value > min_u64(limit, EXACT_INTEGER))
        return false;
    typed_cell_store(cell, is_negative ? 0 - value : value, type->size);
    json->at = (size_t)(at - json->bytes);
    return true;
}

static bool read_number(struct typed_reader *r, const struct typed_type *type, u8 *cell)
{
    struct typed_json *json = &r->json;
    struct typed_decimal decimal;
    char first = typed_json_peek(json);
    size_t at = json->at;
    if (ranges[type->kind].max != 0 && read_short_whole(json, type, cell))
        return true;
    if (first == '"')
        return read_quoted_number(r, type, cell);
    if (first != '-' && (first < '0' || first > '9'))
        return fail_value(r, type, at, "");
    const char *text = json->bytes + at;
    if (typed_decimal_scan(text, json->bytes + json->len, &decimal) == 0)
        return typed_json_fail(json, "a number");
    json->at += decimal.len;
    if (type->kind == TYPED_F64) {
        f64 value;
        if (!typed_decimal_f64(&decimal, text, &value))
            return fail_value(r, type, at, "");
        memcpy(cell, &value, sizeof value);
        return true;
    }
    if (type->kind == TYPED_F32) {
        f32 value;
        if (!typed_decimal_f32(&decimal, text, &value))
            return fail_value(r, type, at, "");
        memcpy(cell, &value, sizeof value);
        return true;
    }
    return store_whole(r, type, &decimal, at, cell);
}

/* ---- text ---- */

static bool read_string(struct typed_reader *r, const struct typed_type *type, u8 *cell)
{
    size_t len;
    u32 addr;
    if (typed_json_peek(&r->json) != '"')
        return fail_value(r, type, r->json.at, "");
    if (!typed_json_measure_string(&r->json, &len) || !typed_guest_alloc(r, len, 1, &addr))
        return false;
    u8 *view = rt_memory_view(r->instance, addr, len);
    CHECK(view != NULL);
    typed_json_decode_string(&r->json, (char *)view);
    put_span(cell, addr, (u32)len);
    rt_driver_poll(r->instance);
    return true;
}

/* The one character of text, which is valid UTF-8; false: there are none or several. */
static bool decode_char(const char *text, size_t len, u32 *out)
{
    u8 lead = len == 0 ? 0 : (u8)text[0];
    size_t need = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (len != need)
        return false;
    *out = need == 1 ? lead : lead & (0x7fu >> need);
    for (size_t i = 1; i < len; i++)
        *out = *out << 6 | ((u8)text[i] & 0x3f);
    return true;
}

static bool read_char(struct typed_reader *r, const struct typed_type *type, u8 *cell)
{
    char text[4];
    size_t len, at;
    u32 point;
    char first = typed_json_peek(&r->json);
    at = r->json.at;
    if (first == '"') {
        if (!typed_json_take_short(&r->json, text, sizeof text, &len))
            return false;
        if (len <= sizeof text && decode_char(text, len, &point)) {
            memcpy(cell, &point, sizeof point);
            return true;
        }
    }
    return fail_value(r, type, at, "");
}

static bool read_enum(struct typed_reader *r, const struct typed_type *type, u8 *cell)
{
    char text[TYPED_NAME_MAX];
    size_t len;
    char first = typed_json_peek(&r->json);
    size_t at = r->json.at;
    if (first == '"') {
        if (!typed_json_take_short(&r->json, text, sizeof text, &len))
            return false;
        for (u32 i = 0; len <= sizeof text && i < type->case_count; i++) {
            if (typed_texts_equal(type->cases[i], (struct rt_text){text, (u32)len})) {
                memcpy(cell, &i, type->size);
                return true;
            }
        }
    }
    return fail_value(r, type, at, "");
}

static bool read_bool(struct typed_reader *r, const struct typed_type *type, u8 *cell)
{
    cell[0] = typed_json_take_word(&r->json, "true");
    if (cell[0] != 0 || typed_json_take_word(&r->json, "false"))
        return true;
    return fail_value(r, type, r->json.at, "");
}

/* ---- lists ---- */

/* Behind element i of count: a comma, or the end. */
static bool take_separator(struct typed_reader *r, u64 i, u64 count)
{
    bool is_last = i + 1 == count;
    if (typed_json_take(&r->json, is_last ? ']' : ','))
        return true;
    return typed_json_fail(&r->json, "\",\" or \"]\"");
}

/* Elements [i, end) straight into guest memory. */
static bool read_plain_chunk(struct typed_reader *r, const struct typed_type *element, u32 addr,
                             u64 i, u64 end, u64 count)
{
    u64 size = element->size;
    u8 *view = rt_memory_view(r->instance, addr + i * size, (end - i) * size);
    CHECK(view != NULL);
    bool is_number = typed_is_number(element);
    for (; i < end; i++, view += size) {
        r->path.steps[r->path.depth - 1].index = i;
        if (!(is_number ? read_number(r, element, view) : read_value(r, element, view)) ||
            !take_separator(r, i, count))
            return false;
    }
    return true;
}

static bool read_nested_element(struct typed_reader *r, const struct typed_type *element, u32 addr,
                                u64 i, u64 count)
{
    u8 cell[TYPED_CELL_MAX];
    memset(cell, 0, element->size);
    r->path.steps[r->path.depth - 1].index = i;
    if (!read_value(r, element, cell) || !take_separator(r, i, count))
        return false;
    u8 *view = rt_memory_view(r->instance, addr + i * element->size, element->size);
    CHECK(view != NULL);
    memcpy(view, cell, element->size);
    return true;
}

static bool read_elements(struct typed_reader *r, const struct typed_type *element, u32 addr,
                          u64 count)
{
    u64 step = element->has_pointers ? 1 : CHUNK_COUNT;
    typed_path_push(&r->path, (struct rt_text){"", 0}, 0);
    for (u64 i = 0; i < count; i += step) {
        bool ok = element->has_pointers
                      ? read_nested_element(r, element, addr, i, count)
                      : read_plain_chunk(r, element, addr, i, min_u64(i + step, count), count);
        if (!ok)
            return false;
        rt_driver_poll(r->instance);
    }
    r->path.depth--;
    return true;
}

static bool read_list(struct typed_reader *r, const struct typed_type *type, u8 *cell)
{
    const struct typed_type *element = type->element;
    u32 addr;
    if (typed_json_peek(&r->json) != '[')
        return fail_value(r, type, r->json.at, "");
    r->json.at++;
    bool are_plain = typed_is_number(element) || element->kind == TYPED_BOOL;
    u64 count = typed_json_count_elements(&r->json, are_plain);
    if (!typed_guest_alloc(r, count * element->size, element->align, &addr))
        return false;
    put_span(cell, addr, (u32)count);
    if (count == 0)
        return typed_json_take(&r->json, ']') || typed_json_fail(&r->json, "\"]\"");
    return read_elements(r, element, addr, count);
}

/* ---- records, tuples, options ---- */

static bool read_tuple(struct typed_reader *r, const struct typed_type *type, u8 *cell)
{
    size_t at = (typed_json_peek(&r->json), r->json.at);
    if (!typed_json_take(&r->json, '['))
        return fail_value(r, type, at, "");
    for (u32 i = 0; i < type->field_count; i++) {
        const struct typed_field *field = &type->fields[i];
        typed_path_push(&r->path, (struct rt_text){"", 0}, i);
        if (i > 0 && typed_json_peek(&r->json) == ']')
            return fail_at_path(r, ERR_ARGUMENT, " is missing");
        if ((i > 0 && !typed_json_take(&r->json, ',')))
            return typed_json_fail(&r->json, "\",\" or \"]\"");
        if (!read_value(r, field->type, cell + field->at))
            return false;
        r->path.depth--;
    }
    if (typed_json_take(&r->json, ']'))
        return true;
    if (typed_json_peek(&r->json) == ',')
        return fail_at_path(r, ERR_ARGUMENT, ": there are more elements than the tuple has");
    return typed_json_fail(&r->json, "\",\" or \"]\"");
}

static const struct typed_field *find_field(const struct typed_type *type, struct rt_text name)
{
    for (u32 i = 0; i < type->field_count; i++)
        if (typed_texts_equal(type->fields[i].name, name))
            return &type->fields[i];
    return NULL;
}

static bool fail_name(struct typed_reader *r, struct rt_text name)
{
    bool is_param = r->path.depth == 0;
    return fail_at_path(r, ERR_ARGUMENT, "%sthere is no %s \"%.*s\"", is_param ? "" : ": ",
                        is_param ? "parameter" : "field", (int)min_u64(name.len, SHOWN_BYTES),
                        name.bytes);
}

static bool read_member(struct typed_reader *r, const struct typed_type *type, u8 *cell, bool *seen)
{
    char store[2 * TYPED_NAME_MAX];
    size_t len;
    if (typed_json_peek(&r->json) != '"')
        return typed_json_fail(&r->json, r->path.depth == 0 ? "a parameter name in quotes"
                                                            : "a field name in quotes");
    if (!typed_json_take_short(&r->json, store, sizeof store, &len))
        return false;
    struct rt_text name = {store, (u32)min_u64(len, sizeof store)};
    const struct typed_field *field = len > sizeof store ? NULL : find_field(type, name);
    if (field == NULL)
        return fail_name(r, name);
    typed_path_push(&r->path, field->name, 0);
    if (seen[field - type->fields])
        return fail_at_path(r, ERR_ARGUMENT, " is given twice");
    seen[field - type->fields] = true;
    if (!typed_json_take(&r->json, ':'))
        return typed_json_fail(&r->json, "\":\"");
    if (!read_value(r, field->type, cell + field->at))
        return false;
    r->path.depth--;
    return true;
}

/* The members of an object whose "{" was just taken. *missing: the first field that is not there,
 * may not be left out, and has no value; or NULL. */
static bool read_members(struct typed_reader *r, const struct typed_type *type, u8 *cell,
                         const struct typed_field **missing)
{
    bool seen[ABI_VALUES_MAX] = {false};
    *missing = NULL;
    if (!typed_json_take(&r->json, '}')) {
        do
            if (!read_member(r, type, cell, seen))
                return false;
        while (typed_json_take(&r->json, ','));
        if (!typed_json_take(&r->json, '}'))
            return typed_json_fail(&r->json, "\",\" or \"}\"");
    }
    for (u32 i = 0; i < type->field_count; i++) {
        const struct typed_field *field = &type->fields[i];
        if (!seen[i] && field->type->kind == TYPED_OPTION)
            memset(cell + field->at, 0, field->type->size);
        else if (!seen[i] && *missing == NULL)
            *missing = field;
    }
    return true;
}

static bool read_record(struct typed_reader *r, const struct typed_type *type, u8 *cell)
{
    const struct typed_field *missing;
    if (typed_json_peek(&r->json) != '{')
        return fail_value(r, type, r->json.at, "");
    r->json.at++;
    if (!read_members(r, type, cell, &missing))
        return false;
    if (missing == NULL)
        return true;
    typed_path_push(&r->path, missing->name, 0);
    return fail_at_path(r, ERR_ARGUMENT, " is missing");
}

static bool read_option(struct typed_reader *r, const struct typed_type *type, u8 *cell)
{
    if (typed_json_take_word(&r->json, "null")) {
        memset(cell, 0, type->size);
        return true;
    }
    cell[0] = 1;
    return read_value(r, type->element, cell + type->fields[1].at);
}

static bool read_value(struct typed_reader *r, const struct typed_type *type, u8 *cell)
{
    switch (type->kind) {
    case TYPED_BOOL: return read_bool(r, type, cell);
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
    case TYPED_F64: return read_number(r, type, cell);
    case TYPED_CHAR: return read_char(r, type, cell);
    case TYPED_STRING: return read_string(r, type, cell);
    case TYPED_LIST: return read_list(r, type, cell);
    case TYPED_RECORD: return read_record(r, type, cell);
    case TYPED_TUPLE: return read_tuple(r, type, cell);
    case TYPED_OPTION: return read_option(r, type, cell);
    case TYPED_ENUM: return read_enum(r, type, cell);
    case TYPED_KIND_COUNT: break;
    }
    UNREACHABLE();
}

/* ---- arguments ---- */

static bool fail_count(struct typed_reader *r)
{
    struct buf signature;
    u32 count = r->func->params.field_count;
    buf_init(&signature, ERR_TEXT_MAX);
    typed_func_write(r->func, &signature);
    err_set(r->json.err, ERR_ARGUMENT, ERR_NO_AT, "expected %u argument%s: %.*s", count,
            count == 1 ? "" : "s", (int)signature.len, signature.bytes);
    buf_fini(&signature);
    return false;
}

static bool read_array(struct typed_reader *r, u8 *cell)
{
    const struct typed_type *params = &r->func->params;
    u32 count = 0;
    if (!typed_json_take(&r->json, ']')) {
        do {
            char first = typed_json_peek(&r->json);
            if (first == 0 || first == ']')
                return typed_json_fail(&r->json, count == 0 ? "a value or \"]\"" : "a value");
            if (count == params->field_count)
                return fail_count(r);
            const struct typed_field *param = &params->fields[count++];
            typed_path_push(&r->path, param->name, 0);
            if (!read_value(r, param->type, cell + param->at))
                return false;
            r->path.depth--;
        } while (typed_json_take(&r->json, ','));
        if (!typed_json_take(&r->json, ']'))
            return typed_json_fail(&r->json, "\",\" or \"]\"");
    }
    return count == params->field_count || fail_count(r);
}

bool typed_read_arguments(struct typed_reader *r, u8 *cell)
{
    const struct typed_field *missing;
    if (typed_json_take(&r->json, '[')) {
        if (!read_array(r, cell))
            return false;
    } else if (typed_json_take(&r->json, '{')) {
        if (!read_members(r, &r->func->params, cell, &missing))
            return false;
        if (missing != NULL)
            return fail_count(r);
    } else if (r->json.at == r->json.len) {
        if (r->func->params.field_count > 0)
            return fail_count(r);
    } else {
        return typed_json_fail(&r->json, "an array or an object of arguments");
    }
    typed_json_peek(&r->json);
    return r->json.at == r->json.len || typed_json_fail(&r->json, "nothing after the arguments");
}

bool typed_read_raw(struct typed_reader *r, u8 *cell)
{
    const struct typed_field *param = &r->func->params.fields[0];
    const struct typed_type *element = param->type->element;
    u64 len = r->json.len;
    u32 addr;
    typed_path_push(&r->path, param->name, 0);
    if (len % element->size != 0)
        return err_set(r->json.err, ERR_ARGUMENT, ERR_NO_AT,
                       "%.*s: the body has %llu bytes, no whole number of %s (%u bytes each)",
                       (int)param->name.len, param->name.bytes, (unsigned long long)len,
                       typed_kind_text(element), element->size);
    if (!typed_guest_alloc(r, len, element->align, &addr))
        return false;
    for (u64 at = 0; at < len; at += CHUNK_BYTES) {
        u64 piece = min_u64(len - at, CHUNK_BYTES);
        u8 *view = rt_memory_view(r->instance, addr + at, piece);
        CHECK(view != NULL);
        memcpy(view, r->json.bytes + at, piece);
        rt_driver_poll(r->instance);
    }
    put_span(cell, addr, (u32)(len / element->size));
    return true;
}
