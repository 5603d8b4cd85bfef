/*
 * base/err.h -- the one error idiom.
 *
 * A function that can fail for a reason outside our code returns bool and takes a struct err *:
 *     return err_set(err, ERR_LIMIT, offset, "more than %u types", WASM_TYPES_MAX);
 * err_set returns false, so where an error starts and the return are one line. Outputs are
 * written only on success. The first error wins; callers may add context in front of its text,
 * never replace it. Our own bugs are CHECKs, not errors.
 */
#pragma once
#include "base/types.h"

enum err_code {
#define ERR(name, code, http, exit, meaning) ERR_##name,
#include "base/err.def"
#undef ERR
    ERR_COUNT
};

#define ERR_TEXT_MAX 512
#define ERR_NO_AT    UINT64_MAX

struct err {
    enum err_code code; /* ERR_NONE: nothing failed yet */
    u64 at;             /* byte offset in the input, or ERR_NO_AT */
    char text[ERR_TEXT_MAX];
};

/* As = {0}, but nothing else is written: its text has half a kilobyte, and every request has some.
 */
static inline void err_begin(struct err *err)
{
    err->code = ERR_NONE;
}

/* Records the first failure: code, offset (ERR_NO_AT where there is none) and a sentence without
 * a final stop. Control characters in the text are replaced, so that it stays one line.
 * Always returns false. err may be NULL: then nothing is recorded. */
bool err_set(struct err *err, enum err_code code, u64 at, const char *format, ...)
    PRINTF_LIKE(4, 5);

/* err_set with ERR_SYSTEM and ": " + the text of the current errno behind the message. */
bool err_sys(struct err *err, const char *format, ...) PRINTF_LIKE(2, 3);

/* Puts "CONTEXT: " in front of the recorded text. Always returns false. */
bool err_context(struct err *err, const char *format, ...) PRINTF_LIKE(2, 3);

/* Facts of err.def. */
const char *err_code_text(enum err_code code);
int err_code_http(enum err_code code);
int err_code_exit(enum err_code code);
/* The code with this stable text, or ERR_INTERNAL. */
enum err_code err_code_from_text(const char *text);
