/* SPDX-License-Identifier: MIT */
/*
 * Kernels of floating point: a Mandelbrot set in SSE2 doubles and, compiled
 * a second time, in the x87's; and bodies that attract each other.
 */
#include "kernel.h"

#ifdef BENCH_X87
typedef long double real;
#define NAME bench_mandel_x87
#define SIZE 48
#else
typedef double real;
#define NAME bench_mandel
#define SIZE 160
#endif

static u32 escape(real x, real y)
{
	real a = 0, b = 0, aa = 0, bb = 0;
	u32 n;

	for (n = 0; n < 200 && aa + bb <= 4; n++) {
		b = 2 * a * b + y;
		a = aa - bb + x;
		aa = a * a;
		bb = b * b;
	}
	return n;
}

u64 NAME(void)
{
	u64 sum = 0;
	int i, j;

	for (i = 0; i < SIZE; i++) {
		for (j = 0; j < SIZE; j++)
			sum = sum * 3 + escape((real)j * 3 / SIZE - 2,
				(real)i * 2 / SIZE - 1);
	}
	return sum;
}

#ifndef BENCH_X87
#define BODIES 5

struct body {
	double at[3], speed[3], mass;
};

static double root(double v)
{
	__asm__("sqrtsd %1, %0" : "=x"(v) : "x"(v));
	return v;
}

static void attract(struct body *a, struct body *b)
{
	double d[3], square = 0, pull;
	int k;

	for (k = 0; k < 3; k++) {
		d[k] = a->at[k] - b->at[k];
		square += d[k] * d[k];
	}
	pull = 0.001 / (square * root(square));
	for (k = 0; k < 3; k++) {
		a->speed[k] -= d[k] * b->mass * pull;
		b->speed[k] += d[k] * a->mass * pull;
	}
}

u64 bench_bodies(void)
{
	static struct body all[BODIES];
	double sum = 0;
	int round, i, j, k;

	for (i = 0; i < BODIES; i++) {
		for (k = 0; k < 3; k++)
			all[i].at[k] = (i + 1) * (k + 2) * 0.37 - k * i;
		all[i].mass = 0.01 * (i + 1);
	}
	for (round = 0; round < 20000; round++) {
		for (i = 0; i < BODIES; i++) {
			for (j = i + 1; j < BODIES; j++)
				attract(&all[i], &all[j]);
		}
		for (i = 0; i < BODIES; i++) {
			for (k = 0; k < 3; k++)
				all[i].at[k] += 0.001 * all[i].speed[k];
		}
	}
	for (i = 0; i < BODIES; i++)
		sum += all[i].at[i % 3];
	return (u64)(long)(sum * 1e9);
}
#endif
