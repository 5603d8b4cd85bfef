/* machine.c -- a lexer as a state machine: one switch in another, a byte at a time. */
#include "kernel.h"

enum { LEN = 8192 };
enum state { SPACE, WORD, NUMBER, FRACTION, TEXT, ESCAPE, STATES };

static unsigned char input[LEN];

static enum state start(unsigned char byte)
{
    if (byte >= '0' && byte <= '9')
        return NUMBER;
    if ((byte >= 'a' && byte <= 'z') || byte == '_')
        return WORD;
    return byte == '"' ? TEXT : SPACE;
}

static enum state next(enum state state, unsigned char byte)
{
    switch (state) {
    case WORD: return (byte >= '0' && byte <= '9') || start(byte) == WORD ? WORD : start(byte);
    case NUMBER: return byte == '.' ? FRACTION : start(byte);
    case FRACTION: return byte >= '0' && byte <= '9' ? FRACTION : start(byte);
    case TEXT: return byte == '"' ? SPACE : byte == '\\' ? ESCAPE : TEXT;
    case ESCAPE: return TEXT;
    default: return start(byte);
    }
}

unsigned run(unsigned n)
{
    static const char alphabet[] = "abcdefgh_ijk 0123456789. \"\\\n(){};= ";
    unsigned seed = 4711, sum = 1;
    for (int i = 0; i < LEN; i++)
        input[i] = (unsigned char)alphabet[random_next(&seed) % (sizeof alphabet - 1)];
    for (unsigned round = 0; round < n; round++) {
        unsigned counts[STATES] = {0};
        enum state state = SPACE;
        for (int i = 0; i < LEN; i++) {
            state = next(state, input[i]);
            counts[state]++;
        }
        for (int i = 0; i < STATES; i++)
            sum = mix(sum, counts[i]);
        input[round % LEN] ^= 1;
    }
    return sum;
}
