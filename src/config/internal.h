/*
 * config/internal.h -- what the files of this folder share. No other folder includes it.
 *
 *   key.c    the rows of key.def, and the numbers by their options
 *   value.c  times and sizes as text
 *   scan.c   characters that must not stand where they do
 *   read.c   a weir.toml into a struct config
 */
#pragma once
#include "config/config.h"
#include "config/toml.h"

enum config_where { CONFIG_TOP, CONFIG_MODULE, CONFIG_ROUTE, CONFIG_LIMIT };
enum config_shape {
    CONFIG_MS, /* numbers of struct config_limits: up to COUNT */
    CONFIG_KIB,
    CONFIG_MIB,
    CONFIG_COUNT,
    CONFIG_TEXT,
    CONFIG_FILE,
    CONFIG_FILE_OR_NONE,
    CONFIG_TEXTS,
    CONFIG_DIRS,
    CONFIG_VARIABLES
};

struct config_row {
    enum config_where where;
    const char *key, *option; /* option NULL: none */
    enum config_shape shape;
    bool is_number; /* of struct config_limits */
    size_t offset;  /* in that, or the struct of `where` */
    u64 value, max; /* of a number, in units */
    const char *value_text, *text;
};
extern const struct config_row config_rows[];
extern const u32 config_row_count;

u64 config_scale(enum config_shape shape); /* of one unit of a number */

static inline u64 *config_number_at(struct config_limits *limits, const struct config_row *row)
{
    return (u64 *)(void *)((u8 *)limits + row->offset);
}

/* ---- value.c ---- */

/* "250 ms", "10 s", "5 min", "1 h" for MS; "64 KiB", "128 MiB", "2 GiB" for KIB and MIB: a whole
 * number and its unit, into units of the shape. False: it is none, or no whole number of them. */
MUST_CHECK bool config_value_read(const char *text, enum config_shape shape, u64 *out);

/* The units that values of the shape may have: "ms, s, min or h". */
void config_units_write(enum config_shape shape, char *out, size_t len);

/* The same as config_value_read the other way round, with the largest unit that is exact. */
void config_value_write(u64 value, enum config_shape shape, char *out, size_t len);

/* ---- scan.c ---- */

/* False: *line and *column, from 1, say where a character must not stand. */
MUST_CHECK bool config_scan(const char *text, size_t len, u32 *line, u32 *column);
