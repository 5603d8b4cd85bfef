/* sort.c -- quicksort with an explicit stack, small ranges by insertion. */
#include "kernel.h"

enum { LEN = 4096, SMALL = 12, STACK = 64 };

static int values[LEN];

static void insertion_sort(int from, int to)
{
    for (int i = from + 1; i <= to; i++) {
        int value = values[i], j = i;
        for (; j > from && values[j - 1] > value; j--)
            values[j] = values[j - 1];
        values[j] = value;
    }
}

/* Splits [from, to] around its middle element; returns the last index of the left part. */
static int split(int from, int to)
{
    int pivot = values[from + (to - from) / 2], i = from - 1, j = to + 1;
    for (;;) {
        do
            i++;
        while (values[i] < pivot);
        do
            j--;
        while (values[j] > pivot);
        if (i >= j)
            return j;
        int swapped = values[i];
        values[i] = values[j];
        values[j] = swapped;
    }
}

static void sort(void)
{
    int from[STACK], to[STACK], depth = 0;
    from[0] = 0;
    to[0] = LEN - 1;
    while (depth >= 0) {
        int low = from[depth], high = to[depth];
        if (high - low < SMALL) {
            insertion_sort(low, high);
            depth--;
            continue;
        }
        int middle = split(low, high);
        int left_is_long = middle - low > high - middle - 1;
        from[depth] = left_is_long ? low : middle + 1;
        to[depth] = left_is_long ? middle : high;
        depth++;
        from[depth] = left_is_long ? middle + 1 : low;
        to[depth] = left_is_long ? high : middle;
    }
}

unsigned run(unsigned n)
{
    unsigned state = 99991, sum = 1;
    for (unsigned round = 0; round < n; round++) {
        for (int i = 0; i < LEN; i++)
            values[i] = (int)random_next(&state);
        sort();
        sum = mix(sum, (unsigned)values[round % LEN]);
    }
    return sum;
}
