/* fib.c -- nothing but calls: n times the 20th Fibonacci number by its definition. */
#include "kernel.h"

__attribute__((noinline)) static unsigned fib(unsigned index)
{
    return index < 2 ? index : fib(index - 1) + fib(index - 2);
}

unsigned run(unsigned n)
{
    unsigned sum = 1;
    for (unsigned round = 0; round < n; round++)
        sum = mix(sum, fib(20 + round % 2));
    return sum;
}
