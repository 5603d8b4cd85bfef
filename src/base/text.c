#include "base/text.h"

void text_make_plain(void *text, size_t len)
{
    u8 *c = text;
    for (size_t i = 0; i < len; i++) {
        bool is_c1 = c[i] == 0xc2 && i + 1 < len && c[i + 1] >= 0x80 && c[i + 1] <= 0x9f;
        if (is_c1)
            c[i + 1] = '?';
        if (is_c1 || c[i] < 0x20 || c[i] == 0x7f)
            c[i] = '?';
    }
}

bool text_whole_number(const char *text, u64 max, u64 *out)
{
    u64 value = 0;
    for (const char *c = text; *c != 0; c++) {
        if (*c < '0' || *c > '9' || value > max)
            return false;
        value = value * 10 + (u64)(*c - '0');
    }
    if (value < 1 || value > max)
        return false;
    *out = value;
    return true;
}
