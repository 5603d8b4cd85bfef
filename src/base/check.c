#include "base/check.h"
#include <stdio.h>
#include <stdlib.h>

NO_RETURN void check_failed(const char *file, int line, const char *text)
{
    fprintf(stderr, "weir: bug: %s:%d: check failed: %s\n", file, line, text);
    abort();
}

void *check_alloc(size_t len)
{
    void *memory = calloc(1, len);
    CHECK(memory != NULL);
    return memory;
}
