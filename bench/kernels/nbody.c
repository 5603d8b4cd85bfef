/* nbody.c -- five bodies under gravity: scalar floating point with square roots and divisions. */
#include "kernel.h"

enum { BODIES = 5 };

struct body {
    double x, y, z, vx, vy, vz, mass;
};

static struct body bodies[BODIES];

static void attract(struct body *a, struct body *b, double dt)
{
    double dx = a->x - b->x, dy = a->y - b->y, dz = a->z - b->z;
    double square = dx * dx + dy * dy + dz * dz + 0.01;
    double force = dt / (square * __builtin_sqrt(square));
    a->vx -= dx * b->mass * force;
    a->vy -= dy * b->mass * force;
    a->vz -= dz * b->mass * force;
    b->vx += dx * a->mass * force;
    b->vy += dy * a->mass * force;
    b->vz += dz * a->mass * force;
}

static void advance(double dt)
{
    for (int i = 0; i < BODIES; i++) {
        for (int j = i + 1; j < BODIES; j++)
            attract(&bodies[i], &bodies[j], dt);
    }
    for (int i = 0; i < BODIES; i++) {
        bodies[i].x += dt * bodies[i].vx;
        bodies[i].y += dt * bodies[i].vy;
        bodies[i].z += dt * bodies[i].vz;
    }
}

unsigned run(unsigned n)
{
    for (int i = 0; i < BODIES; i++) {
        bodies[i] = (struct body){
            .x = i, .y = i * 0.5, .z = i % 2, .vx = 0.1 * i, .vy = -0.1, .vz = 0, .mass = 1.0 + i};
    }
    for (unsigned round = 0; round < n; round++)
        advance(0.001);
    unsigned sum = 1;
    for (int i = 0; i < BODIES; i++)
        sum = mix_float(sum, (float)(bodies[i].x + bodies[i].y + bodies[i].z));
    return sum;
}
