/* stencil.c -- heat on a plate: each cell becomes the mean of its neighbours, two grids in turn. */
#include "kernel.h"

enum { SIZE = 130 };

static float grids[2][SIZE][SIZE];

static void step(const float (*from)[SIZE], float (*to)[SIZE])
{
    for (int i = 1; i < SIZE - 1; i++) {
        for (int j = 1; j < SIZE - 1; j++)
            to[i][j] = 0.25f * (from[i - 1][j] + from[i + 1][j] + from[i][j - 1] + from[i][j + 1]);
    }
}

unsigned run(unsigned n)
{
    for (int i = 0; i < SIZE; i++) {
        for (int j = 0; j < SIZE; j++)
            grids[0][i][j] = grids[1][i][j] = (float)((i * 7 + j * 13) % 101);
    }
    for (unsigned round = 0; round < n; round++)
        step(grids[round % 2], grids[1 - round % 2]);
    unsigned sum = 1;
    for (int i = 0; i < SIZE; i++) {
        for (int j = 0; j < SIZE; j++)
            sum = mix_float(sum, grids[n % 2][i][j]);
    }
    return sum;
}
