#include "wasm/type_stack.h"
#include "base/check.h"
#include "wasm/wasm.h"
#include <stdlib.h>
#include <string.h>

void type_stack_fini(struct type_stack *stack)
{
    free(stack->types);
    *stack = (struct type_stack){0};
}

bool type_stack_push(struct type_stack *stack, const u8 *types, u32 count)
{
    if (count > WASM_MAX_STACK - stack->count)
        return false;
    if (stack->cap - stack->count < count) {
        u32 cap = (u32)max_u64(max_u64(256, (u64)stack->cap * 2), (u64)stack->count + count);
        u8 *larger = realloc(stack->types, cap);
        CHECK(larger != NULL); /* at most 2 * WASM_MAX_STACK bytes */
        stack->types = larger;
        stack->cap = cap;
    }
    if (count > 0)
        memcpy(stack->types + stack->count, types, count);
    stack->count += count;
    return true;
}

bool type_stack_matches(const struct type_stack *stack, u32 floor, bool bottomless, const u8 *types,
                        u32 count, u32 *bad)
{
    CHECK(stack->count >= floor);
    u32 known = (u32)min_u64(stack->count - floor, count);
    u32 skipped = count - known; /* these would come from below the floor */
    const u8 *have = known > 0 ? stack->types + stack->count - known : NULL;
    bool equal = known == 0 || memcmp(have, types + skipped, known) == 0;
    for (u32 i = known; !equal && i-- > 0;) {
        if (have[i] != types[skipped + i] && have[i] != WASM_UNKNOWN) {
            *bad = skipped + i;
            return false;
        }
    }
    if (skipped > 0 && !bottomless) {
        *bad = skipped - 1;
        return false;
    }
    return true;
}

void type_stack_drop(struct type_stack *stack, u32 floor, u32 count)
{
    CHECK(stack->count >= floor);
    stack->count -= (u32)min_u64(stack->count - floor, count);
}
