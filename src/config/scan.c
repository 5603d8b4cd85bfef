/*
 * config/scan.c -- a look at a TOML file before its parser sees it: outside of strings and comments
 * every character is ASCII, and none anywhere is a control character but tabs and line ends. The
 * parser does not cope with all that breaks this. spec: TOML 1.0, "Comment", "Keys", "String"
 */
#include "config/internal.h"

enum state { PLAIN, COMMENT, BASIC, LITERAL, LONG_BASIC, LONG_LITERAL };

struct scan {
    const char *at, *end;
    enum state state;
};

static bool is_tripled(const struct scan *s, char quote)
{
    return s->end - s->at >= 3 && s->at[0] == quote && s->at[1] == quote && s->at[2] == quote;
}

/* Where a string begins or ends, and how many characters say so. A line's end ends what must not
 * reach over it: the parser will have something to say about that. */
static size_t step(struct scan *s)
{
    char c = *s->at;
    bool is_long = is_tripled(s, c);
    switch (s->state) {
    case PLAIN:
        if (c == '#')
            s->state = COMMENT;
        else if (c == '"')
            s->state = is_long ? LONG_BASIC : BASIC;
        else if (c == '\'')
            s->state = is_long ? LONG_LITERAL : LITERAL;
        return (c == '"' || c == '\'') && is_long ? 3 : 1;
    case COMMENT:
    case BASIC:
    case LITERAL:
        if (c == '\\' && s->state == BASIC && s->end - s->at > 1 && s->at[1] != '\n')
            return 2;
        if (c == '\n' || (c == '"' && s->state == BASIC) || (c == '\'' && s->state == LITERAL))
            s->state = PLAIN;
        return 1;
    case LONG_BASIC:
    case LONG_LITERAL: break;
    }
    if (c == '\\' && s->state == LONG_BASIC && s->end - s->at > 1 && s->at[1] != '\n')
        return 2;
    if (!is_long || c != (s->state == LONG_BASIC ? '"' : '\''))
        return 1;
    size_t quotes = 3; /* up to two of them belong to the text */
    while (quotes < 5 && s->at + quotes < s->end && s->at[quotes] == c)
        quotes++;
    s->state = PLAIN;
    return quotes;
}

static bool is_allowed(const struct scan *s)
{
    u8 c = (u8)*s->at;
    bool is_line_end = c == '\n' || (c == '\r' && s->end - s->at > 1 && s->at[1] == '\n');
    if (c < 0x20 || c == 0x7f)
        return c == '\t' || is_line_end;
    return c < 0x80 || s->state != PLAIN;
}

bool config_scan(const char *text, size_t len, u32 *line, u32 *column)
{
    struct scan s = {text, text + len, PLAIN};
    *line = *column = 1;
    while (s.at < s.end) {
        for (size_t left = step(&s); left > 0; left--, s.at++) {
            if (!is_allowed(&s))
                return false;
            bool is_end = *s.at == '\n';
            *line += is_end;
            *column = is_end ? 1 : *column + (((u8)*s.at & 0xc0) != 0x80); /* characters */
        }
    }
    return true;
}
