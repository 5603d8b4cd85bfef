/*
 * config/toml.h -- TOML 1.0 as a tree of plain structures. The C++ of the parser ends here.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"

enum toml_kind {
    TOML_TABLE,
    TOML_ARRAY,
    TOML_TEXT,
    TOML_INTEGER,
    TOML_FLOAT,
    TOML_BOOLEAN,
    TOML_TIME /* any date or time */
};

struct toml_value {
    enum toml_kind kind;
    u32 line, column;           /* where it begins, from 1 */
    const char *text;           /* TEXT: zero-terminated, without zeros in it */
    i64 integer;                /* INTEGER, BOOLEAN */
    struct toml_entry *entries; /* TABLE: in the order of the file */
    struct toml_value *items;   /* ARRAY */
    u32 count;                  /* of either */
};

struct toml_entry {
    const char *key;
    u32 line, column; /* of the key */
    struct toml_value value;
};

/* Parses the text of a file into the table it is. Memory: arena.
 * errors: ERR_USAGE, "FILE:LINE:COLUMN: ..."; ERR_LIMIT (arena). */
MUST_CHECK bool toml_parse(const char *text, size_t len, const char *file, struct arena *arena,
                           struct toml_value *out, struct err *err);
