/* codegen/opcode.c -- the table of emitters: opcode.def. */
#include "codegen/internal.h"
#include "base/check.h"

static const struct cg_row rows[] = {
#define ROW(name, emitter, a, intrinsic)                                                           \
    [WASM_OP_##name] = {cg_emit_##emitter, (u32)(a), intrinsic},
#include "codegen/opcode.def"
#undef ROW
};

/* Counts the rows: with no designated twice, every opcode has one. */
enum {
#define ROW(name, emitter, a, intrinsic) ROW_##name,
#include "codegen/opcode.def"
#undef ROW
    ROW_COUNT
};
static_assert((int)ROW_COUNT == (int)WASM_OP_COUNT, "every opcode has one row");

const struct cg_row *cg_row_of(enum wasm_op op)
{
    CHECK(op < WASM_OP_COUNT);
    return &rows[op];
}
