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

enum kind { KIND_OP, KIND_TYPE, KIND_FORM };

struct refused {
    enum kind kind;
    u8 prefix;
    u32 code;
    const char *text;
    enum wasm_feature feature;
};
static const struct refused rows[] = {
#define REFUSED(kind, prefix, code, text, feature)                                                 \
    {KIND_##kind, prefix, code, text, WASM_FEATURE_##feature},
#include "wasm/refused.def"
#undef REFUSED
};

bool wasm_unsupported(struct err *err, u64 offset, enum wasm_feature feature, const char *what)
{
    return err_set(err, ERR_UNSUPPORTED, offset, "needs %s (%s), which this version does not run",
                   features[feature], what);
}

bool wasm_refuse(struct reader *r, u64 offset, enum wasm_feature feature, const char *what)
{
    if (reader_ok(r))
        wasm_unsupported(r->err, offset, feature, what);
    r->failed = true;
    return false;
}

/* Fails r by name if a row fits; false if none does. */
static bool refuse_row(struct reader *r, u64 offset, enum kind kind, u8 prefix, u32 code)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (rows[i].kind == kind && rows[i].prefix == prefix && rows[i].code == code) {
            wasm_refuse(r, offset, rows[i].feature, rows[i].text);
            return true;
        }
    return false;
}

bool wasm_refuse_op(struct reader *r, u64 offset, u8 prefix, u32 code)
{
    if (refuse_row(r, offset, KIND_OP, prefix, code))
        return false;
    if (prefix == 0)
        return reader_fail_at(r, offset, ERR_MALFORMED, "illegal opcode 0x%02x", code);
    return reader_fail_at(r, offset, ERR_MALFORMED, "illegal opcode 0x%02x 0x%02x", prefix, code);
}

bool wasm_refuse_type(struct reader *r, u64 offset, u8 byte, const char *what)
{
    if (refuse_row(r, offset, KIND_TYPE, 0, byte))
        return false;
    return reader_fail_at(r, offset, ERR_MALFORMED, "malformed %s 0x%02x", what, byte);
}

bool wasm_refuse_form(struct reader *r, u64 offset, u8 byte)
{
    if (refuse_row(r, offset, KIND_FORM, 0, byte))
        return false;
    return reader_fail_at(r, offset, ERR_MALFORMED, "malformed function type 0x%02x", byte);
}
