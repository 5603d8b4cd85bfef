/*
 * upper.c -- a program: upper-cases its input. Run it (`weir run upper.wasm`) or serve it: the body
 * of a request is its input, what it writes the response.
 */
#include <ctype.h>
#include <stdio.h>

int main(void)
{
    static char text[16384];
    size_t len;
    while ((len = fread(text, 1, sizeof text, stdin)) > 0) {
        for (size_t i = 0; i < len; i++)
            text[i] = (char)toupper((unsigned char)text[i]);
        fwrite(text, 1, len, stdout);
    }
    return 0;
}
