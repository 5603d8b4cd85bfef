/* chatty.c -- a function that prints while it is called. */
#include "wasi.h"

static const struct part to_out[] = {{"one\ntwo\n", 8}, {"three", 5}}, to_error[] = {{"oops\n", 5}};

/* The sum of the two errors: 0. */
EXPORT(say) unsigned say(void)
{
    unsigned done;
    return fd_write(1, to_out, 2, &done) + fd_write(2, to_error, 1, &done);
}
