/*
 * test/http1/verdict.c -- one connection a line on standard input, as hexadecimal digits; one
 * verdict a line on standard output: "CODE MESSAGES complete|cut", or "SPLIT" if cutting the
 * bytes somewhere changes the outcome.
 */
#include "test/http1/drive.h"
#include "base/check.h"
#include <stdio.h>

#define INPUT_MAX 65536

static size_t read_hex(const char *line, u8 *bytes)
{
    size_t len = 0;
    unsigned value;
    while (len < INPUT_MAX && sscanf(line + 2 * len, "%2x", &value) == 1)
        bytes[len++] = (u8)value;
    return len;
}

static bool splits_agree(const u8 *bytes, size_t len, const struct drive_outcome *whole)
{
    struct drive_outcome single = drive_stream(bytes, len, (const u8[]){1}, 1);
    bool agree = drive_equal(whole, &single);
    for (size_t at = 1; at < len; at++) {
        struct drive_outcome twice = drive_stream_split(bytes, len, at);
        agree &= drive_equal(whole, &twice);
    }
    return agree;
}

int main(void)
{
    char *line = NULL;
    size_t cap = 0;
    u8 *bytes = check_alloc(INPUT_MAX);
    while (getline(&line, &cap, stdin) > 0) {
        size_t len = read_hex(line, bytes);
        struct drive_outcome whole = drive_stream(bytes, len, NULL, 0);
        if (splits_agree(bytes, len, &whole))
            printf("%s %u %s\n", err_code_text(whole.code), whole.messages,
                   whole.is_cut ? "cut" : "complete");
        else
            printf("SPLIT\n");
    }
    free(bytes);
    free(line);
    return 0;
}
