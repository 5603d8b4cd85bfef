#include "base/check.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

NO_RETURN void check_failed(const char *file, int line, const char *text)
{
    fprintf(stderr, "weir: bug: %s:%d: check failed: %s\n", file, line, text);
    abort();
}

NO_RETURN void check_no_memory(void)
{
    static const char text[] = "weir: there is no memory left\n";
    ssize_t done = write(STDERR_FILENO, text, sizeof text - 1);
    (void)done;
    _exit(1);
}

void *check_alloc(size_t len)
{
    void *memory = calloc(1, len);
    CHECK_MEMORY(memory != NULL);
    return memory;
}
