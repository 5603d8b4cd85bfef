#include "base/arena.h"
#include "base/check.h"
#include "base/sanitize.h"
#include <stdlib.h>
#include <string.h>

#define ALIGN       16u
#define CHUNK_BYTES (64u << 10)

struct arena_chunk {
    struct arena_chunk *older;
    size_t cap, used;
    size_t unused_pad;
    u8 bytes[];
};
static_assert(offsetof(struct arena_chunk, bytes) % ALIGN == 0, "chunk bytes are aligned");

void arena_init(struct arena *arena, size_t limit_bytes)
{
    *arena = (struct arena){.limit_bytes = limit_bytes};
}

static void free_older_than(struct arena_chunk *chunk)
{
    while (chunk != NULL) {
        struct arena_chunk *older = chunk->older;
        sanitize_unpoison(chunk->bytes, chunk->cap);
        free(chunk);
        chunk = older;
    }
}

void arena_fini(struct arena *arena)
{
    free_older_than(arena->chunk);
    arena->chunk = NULL;
    arena->used_bytes = 0;
}

void arena_reset(struct arena *arena)
{
    struct arena_chunk *chunk = arena->chunk;
    if (chunk != NULL) {
        free_older_than(chunk->older);
        chunk->older = NULL;
        chunk->used = 0;
        sanitize_poison(chunk->bytes, chunk->cap);
    }
    arena->used_bytes = 0;
}

static struct arena_chunk *chunk_add(struct arena *arena, size_t len)
{
    size_t cap = (size_t)max_u64(len, CHUNK_BYTES);
    struct arena_chunk *chunk = malloc(sizeof *chunk + cap);
    if (chunk == NULL)
        return NULL;
    *chunk = (struct arena_chunk){.older = arena->chunk, .cap = cap};
    sanitize_poison(chunk->bytes, cap);
    arena->chunk = chunk;
    return chunk;
}

void *arena_alloc_try(struct arena *arena, size_t len)
{
    if (len > arena->limit_bytes || arena->used_bytes > arena->limit_bytes - len)
        return NULL;
    len = (size_t)round_up(len, ALIGN);
    struct arena_chunk *chunk = arena->chunk;
    if (chunk == NULL || chunk->cap - chunk->used < len) {
        chunk = chunk_add(arena, len);
        if (chunk == NULL)
            return NULL;
    }
    u8 *memory = chunk->bytes + chunk->used;
    chunk->used += len;
    arena->used_bytes += len;
    sanitize_unpoison(memory, len);
    memset(memory, 0, len);
    return memory;
}

void *arena_alloc(struct arena *arena, size_t len)
{
    void *memory = arena_alloc_try(arena, len);
    CHECK_MEMORY(memory != NULL);
    return memory;
}

void *arena_array_try(struct arena *arena, size_t count, size_t size)
{
    size_t len;
    if (__builtin_mul_overflow(count, size, &len))
        return NULL;
    return arena_alloc_try(arena, len);
}

char *arena_text(struct arena *arena, const void *bytes, size_t len)
{
    char *text = arena_alloc(arena, len + 1);
    if (len > 0)
        memcpy(text, bytes, len);
    return text;
}
