/* gemv_i8.c -- a matrix of bytes times a vector of bytes, sums in 32 bits: a small neural layer. */
#include "kernel.h"

enum { ROWS = 64, COLUMNS = 256 };

static signed char matrix[ROWS][COLUMNS], vector[COLUMNS];

static int row_product(const signed char *row)
{
    int sum = 0;
    for (int i = 0; i < COLUMNS; i++)
        sum += row[i] * vector[i];
    return sum;
}

unsigned run(unsigned n)
{
    unsigned state = 12345;
    for (int i = 0; i < ROWS; i++) {
        for (int j = 0; j < COLUMNS; j++)
            matrix[i][j] = (signed char)random_next(&state);
    }
    for (int i = 0; i < COLUMNS; i++)
        vector[i] = (signed char)random_next(&state);
    unsigned sum = 1;
    for (unsigned round = 0; round < n; round++) {
        for (int i = 0; i < ROWS; i++)
            sum = mix(sum, (unsigned)row_product(matrix[i]));
        vector[round % COLUMNS]++;
    }
    return sum;
}
