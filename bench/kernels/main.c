/* main.c -- runs a kernel natively: prints run(argv[1]). */
#include <stdio.h>
#include <stdlib.h>

#include "kernel.h"

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    printf("%u\n", run((unsigned)strtoul(argv[1], NULL, 10)));
    return 0;
}
