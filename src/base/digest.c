#include "base/digest.h"
#include "base/check.h"
#include <sodium/crypto_generichash.h>
#include <sodium/utils.h>
#include <string.h>
#include <sys/random.h>

static_assert(sizeof(crypto_generichash_state) <= sizeof(struct digest_state), "state fits");

static crypto_generichash_state *state_of(struct digest_state *state)
{
    return (crypto_generichash_state *)(void *)state->opaque;
}

void digest_init(struct digest_state *state, const struct digest *key)
{
    crypto_generichash_init(state_of(state), key == NULL ? NULL : key->bytes,
                            key == NULL ? 0 : DIGEST_BYTES, DIGEST_BYTES);
}

void digest_add(struct digest_state *state, const void *bytes, size_t len)
{
    crypto_generichash_update(state_of(state), bytes, len);
}

void digest_add_piece(struct digest_state *state, const void *bytes, size_t len)
{
    u64 frame = len;
    digest_add(state, &frame, sizeof frame);
    digest_add(state, bytes, len);
}

void digest_end(struct digest_state *state, struct digest *out)
{
    crypto_generichash_final(state_of(state), out->bytes, DIGEST_BYTES);
}

void digest_file(const struct digest *key, const char *path, const void *bytes, size_t len,
                 struct digest *out)
{
    struct digest_state state;
    const char *slash = strrchr(path, '/'), *name = slash == NULL ? path : slash + 1;
    digest_init(&state, key);
    digest_add_piece(&state, name, strlen(name));
    digest_add(&state, bytes, len);
    digest_end(&state, out);
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
    return sodium_memcmp(a->bytes, b->bytes, DIGEST_BYTES) == 0;
}

void digest_hex(const struct digest *digest, char out[DIGEST_HEX])
{
    sodium_bin2hex(out, DIGEST_HEX, digest->bytes, DIGEST_BYTES);
}

void random_bytes(void *bytes, size_t len)
{
    CHECK(len <= 256 && getrandom(bytes, len, 0) == (ssize_t)len);
}
