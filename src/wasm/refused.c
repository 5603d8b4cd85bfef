/*
 * wasm/refused.c -- names for what is refused: people must read which proposal a module needs,
 * not "illegal opcode".
 */
#include "wasm/internal.h"

static const char *const features[] = {
#define FEATURE(name, text, runs) [WASM_FEATURE_##name] = (text),
#include "wasm/feature.def"
#undef FEATURE
};

struct refused {
    u8 prefix;
    u32 code;
    const char *text;
    enum wasm_feature feature;
};

#define REFUSED_TYPE(byte, text, feature)
#define REFUSED_FORM(byte, text, feature)
#define REFUSED_OP(prefix, code, text, feature) {prefix, code, text, WASM_FEATURE_##feature},
static const struct refused ops[] = {
#include "wasm/refused.def"
};
#undef REFUSED_OP
#undef REFUSED_TYPE
#define REFUSED_OP(prefix, code, text, feature)
#define REFUSED_TYPE(byte, text, feature) {0, byte, text, WASM_FEATURE_##feature},
static const struct refused types[] = {
#include "wasm/refused.def"
};
#undef REFUSED_TYPE
#undef REFUSED_FORM
#define REFUSED_TYPE(byte, text, feature)
#define REFUSED_FORM(byte, text, feature) {0, byte, text, WASM_FEATURE_##feature},
static const struct refused forms[] = {
#include "wasm/refused.def"
};
#undef REFUSED_OP
#undef REFUSED_TYPE
#undef REFUSED_FORM

/* Fails r by name if a row fits; false if none does. */
static bool refuse_row(struct reader *r, u64 offset, const struct refused *rows, size_t count,
                       u8 prefix, u32 code)
{
    for (size_t i = 0; i < count; i++)
        if (rows[i].prefix == prefix && rows[i].code == code) {
            wasm_refuse(r, offset, rows[i].feature, rows[i].text);
            return true;
        }
    return false;
}

bool wasm_refuse(struct reader *r, u64 offset, enum wasm_feature feature, const char *what)
{
    return reader_fail_at(r, offset, ERR_UNSUPPORTED,
                          "needs %s (%s at offset 0x%llx), which this version does not run",
                          features[feature], what, (unsigned long long)offset);
}

bool wasm_refuse_op(struct reader *r, u64 offset, u8 prefix, u32 code)
{
    if (refuse_row(r, offset, ops, COUNT_OF(ops), prefix, code))
        return false;
    if (prefix == 0)
        return reader_fail_at(r, offset, ERR_MALFORMED, "illegal opcode 0x%02x", code);
    return reader_fail_at(r, offset, ERR_MALFORMED, "illegal opcode 0x%02x 0x%02x", prefix, code);
}

bool wasm_refuse_type(struct reader *r, u64 offset, u8 byte, const char *what)
{
    if (refuse_row(r, offset, types, COUNT_OF(types), 0, byte))
        return false;
    return reader_fail_at(r, offset, ERR_MALFORMED, "malformed %s 0x%02x", what, byte);
}

bool wasm_refuse_form(struct reader *r, u64 offset, u8 byte)
{
    if (refuse_row(r, offset, forms, COUNT_OF(forms), 0, byte))
        return false;
    return reader_fail_at(r, offset, ERR_MALFORMED, "malformed function type 0x%02x", byte);
}
