/* interpreter.c -- a stack machine that reaches each instruction through a function pointer. */
#include "kernel.h"

struct machine {
    int sp, pc;
    int stack[32];
    unsigned counter;
};

typedef void instruction(struct machine *);

static struct machine machine;

static void push_counter(struct machine *m)
{
    m->stack[m->sp++] = (int)m->counter;
    m->pc++;
}

static void push_seven(struct machine *m)
{
    m->stack[m->sp++] = 7;
    m->pc++;
}

static void add(struct machine *m)
{
    m->sp--;
    m->stack[m->sp - 1] = (int)((unsigned)m->stack[m->sp - 1] + (unsigned)m->stack[m->sp]);
    m->pc++;
}

static void multiply(struct machine *m)
{
    m->sp--;
    m->stack[m->sp - 1] = (int)((unsigned)m->stack[m->sp - 1] * (unsigned)m->stack[m->sp]);
    m->pc++;
}

static void count_down(struct machine *m)
{
    m->counter--;
    m->pc++;
}

static void loop(struct machine *m)
{
    m->pc = m->counter == 0 ? -1 : 1;
}

static instruction *volatile program[] = {
    push_seven, push_counter, push_seven, multiply, add, push_counter, add, count_down, loop,
};

unsigned run(unsigned n)
{
    unsigned sum = 1;
    for (unsigned round = 0; round < n; round++) {
        machine.sp = machine.pc = 0;
        machine.counter = 1000 + round % 16;
        while (machine.pc >= 0)
            program[machine.pc](&machine);
        sum = mix(sum, (unsigned)machine.stack[0]);
    }
    return sum;
}
