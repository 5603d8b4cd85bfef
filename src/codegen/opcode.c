/* codegen/opcode.c -- the table of emitters: opcode.def. */
#include "codegen/internal.h"
#include "base/check.h"

static const struct cg_row rows[] = {
#define ROW(emitter, op, a, intrinsic) [op] = {cg_emit_##emitter, (u32)(a), intrinsic},
#include "codegen/opcode.def"
#undef ROW
};

/* Counts the rows: with no designated twice, every opcode has one. */
enum {
#define ROW(emitter, op, a, intrinsic) ROW_##op,
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
