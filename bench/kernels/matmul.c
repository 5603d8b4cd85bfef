/* matmul.c -- product of 64 x 64 matrices, rows times rows added up. */
#include "kernel.h"

enum { SIZE = 64 };

static float a[SIZE][SIZE], b[SIZE][SIZE], c[SIZE][SIZE];

static void multiply(void)
{
    for (int i = 0; i < SIZE; i++) {
        for (int k = 0; k < SIZE; k++) {
            float factor = a[i][k];
            for (int j = 0; j < SIZE; j++)
                c[i][j] += factor * b[k][j];
        }
    }
}

unsigned run(unsigned n)
{
    for (int i = 0; i < SIZE; i++) {
        for (int j = 0; j < SIZE; j++) {
            a[i][j] = (float)(i - j) / (float)SIZE;
            b[i][j] = (float)(i + j) / (float)SIZE;
        }
    }
    for (unsigned round = 0; round < n; round++) {
        a[round % SIZE][0] = -a[round % SIZE][0];
        multiply();
    }
    unsigned sum = 1;
    for (int i = 0; i < SIZE; i++) {
        for (int j = 0; j < SIZE; j++)
            sum = mix_float(sum, c[i][j]);
    }
    return sum;
}
