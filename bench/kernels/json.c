/* json.c -- a scanner for JSON text: recursion over nested lists, numbers and strings. */
#include "kernel.h"

enum { LEN = 16384 };

static char text[LEN + 64];
static int text_len;

struct scanner {
    int at;
    unsigned sum;
};

static void put(const char *part)
{
    while (*part != 0)
        text[text_len++] = *part++;
}

static void put_number(unsigned value)
{
    char digits[12];
    int count = 0;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    while (count > 0)
        text[text_len++] = digits[--count];
}

static void make_text(void)
{
    unsigned state = 77;
    text_len = 0;
    put("[");
    while (text_len < LEN - 64) {
        put("{\"id\": ");
        put_number(random_next(&state) % 100000);
        put(", \"list\": [1, [2], \"a\\\"b\"]}, ");
    }
    put("0]");
}

static void scan_space(struct scanner *s)
{
    while (text[s->at] == ' ' || text[s->at] == '\n')
        s->at++;
}

static void scan_string(struct scanner *s)
{
    for (s->at++; text[s->at] != '"'; s->at++) {
        if (text[s->at] == '\\')
            s->at++;
        s->sum = mix(s->sum, (unsigned)text[s->at]);
    }
    s->at++;
}

static void scan_number(struct scanner *s)
{
    unsigned value = 0;
    for (; text[s->at] >= '0' && text[s->at] <= '9'; s->at++)
        value = value * 10 + (unsigned)(text[s->at] - '0');
    s->sum = mix(s->sum, value);
}

static void scan_value(struct scanner *s)
{
    scan_space(s);
    char open = text[s->at];
    if (open == '"') {
        scan_string(s);
        return;
    }
    if (open != '[' && open != '{') {
        scan_number(s);
        return;
    }
    char close = open == '[' ? ']' : '}';
    do {
        s->at++;
        scan_value(s);
        scan_space(s);
    } while (text[s->at] == ',' || text[s->at] == ':');
    s->sum = mix(s->sum, text[s->at] == close);
    s->at++;
}

unsigned run(unsigned n)
{
    make_text();
    struct scanner s = {.sum = 1};
    for (unsigned round = 0; round < n; round++) {
        s.at = 0;
        scan_value(&s);
    }
    return mix(s.sum, (unsigned)s.at);
}
