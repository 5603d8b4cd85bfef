/*
 * wasm/type_stack.h -- the operand types that validation knows at an instruction.
 *
 * Everything works on runs of types, so that a call of a thousand parameters costs one comparison
 * and not a thousand steps. WASM_UNKNOWN stands for an operand of unreachable code: it matches
 * every type. spec: core/appendix/algorithm
 */
#pragma once
#include "base/types.h"

#define WASM_UNKNOWN 0

struct type_stack {
    u8 *types; /* owned */
    u32 count, cap;
};

void type_stack_fini(struct type_stack *stack);

/* False: the stack would pass WASM_MAX_STACK. */
MUST_CHECK bool type_stack_push(struct type_stack *stack, const u8 *types, u32 count);

/* Whether the top matches types, the last of them on top. Only operands above floor count; with
 * bottomless, any number of unknown ones lies under them. On a mismatch *bad is the index in types
 * of the topmost one that does not fit. Nothing is removed. */
MUST_CHECK bool type_stack_matches(const struct type_stack *stack, u32 floor, bool bottomless,
                                   const u8 *types, u32 count, u32 *bad);

/* Removes up to count operands, but none below floor. */
void type_stack_drop(struct type_stack *stack, u32 floor, u32 count);
