/*
 * base/arena.h -- memory by lifetime: allocate piece by piece, free everything at once.
 *
 * Lifetime: what an arena hands out lives until arena_reset or arena_fini. Memory is zeroed.
 *           After a reset it is poisoned under AddressSanitizer.
 * Limits:   an arena has a byte limit; passing it fails the _try calls and aborts the others.
 */
#pragma once
#include "base/types.h"

struct arena_chunk;

struct arena {
    struct arena_chunk *chunk; /* newest first */
    size_t used_bytes;         /* handed out since the last reset */
    size_t limit_bytes;
};

void arena_init(struct arena *arena, size_t limit_bytes);
void arena_fini(struct arena *arena); /* frees everything; the arena may be initialised again */

/* Ends the life of everything allocated; keeps the first chunk for reuse. */
void arena_reset(struct arena *arena);

/* len zeroed bytes, aligned to 16. NULL if the limit would be passed or memory is short. */
void *arena_alloc_try(struct arena *arena, size_t len);

/* As above, but the process ends instead (CHECK_MEMORY): for sizes that a check has bounded. */
void *arena_alloc(struct arena *arena, size_t len);

/* count zeroed objects of size bytes each, NULL on overflow, limit or shortage. */
void *arena_array_try(struct arena *arena, size_t count, size_t size);

/* A zero-terminated copy of len bytes. Ends the process like arena_alloc. */
char *arena_text(struct arena *arena, const void *bytes, size_t len);

#define arena_array(arena, type, count_try)                                                        \
    ((type *)arena_array_try((arena), (count_try), sizeof(type)))
