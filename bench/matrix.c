/* SPDX-License-Identifier: MIT */
/* The one kernel of floating point: a matrix product in SSE2 doubles. */
#include "kernel.h"

#define SIDE 96

u64 bench_matrix(void)
{
	static double a[SIDE][SIDE], b[SIDE][SIDE], p[SIDE][SIDE];
	double sum = 0;
	int round, i, j, k;

	for (i = 0; i < SIDE; i++) {
		for (j = 0; j < SIDE; j++) {
			a[i][j] = 1.0 / (i + j + 1);
			b[i][j] = (double)(i - j) / 7;
		}
	}
	for (round = 0; round < 4; round++) {
		for (i = 0; i < SIDE; i++) {
			for (j = 0; j < SIDE; j++) {
				for (sum = 0, k = 0; k < SIDE; k++)
					sum += a[i][k] * b[k][j];
				p[i][j] = sum;
			}
		}
		a[0][0] = p[SIDE - 1][0] / SIDE;
	}
	for (sum = 0, i = 0; i < SIDE; i++)
		sum += p[i][(i * 7) % SIDE];
	return (u64)(long)(sum * 1e6);
}
