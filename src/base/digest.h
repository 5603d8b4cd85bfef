/*
 * base/digest.h -- content digests and keyed message authentication codes, both BLAKE2b-256.
 */
#pragma once
#include "base/types.h"

#define DIGEST_BYTES 32
#define DIGEST_HEX   (2 * DIGEST_BYTES + 1) /* lower-case hexadecimal and a final zero */

struct digest {
    u8 bytes[DIGEST_BYTES];
};

/* Incremental digest: init, any number of adds, end. key NULL: plain digest; else DIGEST_BYTES of
 * secret key make it a MAC. */
struct digest_state {
    _Alignas(64) u8 opaque[384];
};
void digest_init(struct digest_state *state, const struct digest *key);
void digest_add(struct digest_state *state, const void *bytes, size_t len);
/* Adds a length-framed piece: two different lists of pieces never give the same stream. */
void digest_add_piece(struct digest_state *state, const void *bytes, size_t len);
void digest_end(struct digest_state *state, struct digest *out);

/* The MAC of a file: of its bytes and of the last part of its path, so that a file which is moved
 * to another name is not what it says it is. */
void digest_file(const struct digest *key, const char *path, const void *bytes, size_t len,
                 struct digest *out);
bool digest_equal(const struct digest *a, const struct digest *b); /* in constant time */
void digest_hex(const struct digest *digest, char out[DIGEST_HEX]);

/* Fills up to 256 bytes from the system's random source; aborts if there is none. */
void random_bytes(void *bytes, size_t len);
