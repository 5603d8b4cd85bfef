/* chatty.c -- a function that prints while it is called. */
#define WASI(name)   __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name)))
#define EXPORT(name) __attribute__((export_name(#name)))

struct part {
    const char *bytes;
    unsigned len;
};

WASI(fd_write)
unsigned fd_write(unsigned fd, const struct part *parts, unsigned count, unsigned *done);

static const struct part to_out[] = {{"one\ntwo\n", 8}, {"three", 5}}, to_error[] = {{"oops\n", 5}};

/* The sum of the two errors: 0. */
EXPORT(say) unsigned say(void)
{
    unsigned done;
    return fd_write(1, to_out, 2, &done) + fd_write(2, to_error, 1, &done);
}
