/* SPDX-License-Identifier: MIT */
/* Random programs of integer instructions. */
#ifndef TESTS_ENGINE_PROGRAM_H
#define TESTS_ENGINE_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#define PROGRAM_BYTES 4096

struct program {
	uint8_t bytes[PROGRAM_BYTES];
	size_t length;
	unsigned mode; /* 16, 32, 64 */
};

/* Data that a program works on: in 16-bit mode its offset in a segment. */
#define PROGRAM_DATA 0x40000u
#define PROGRAM_DATA_BYTES 0x10000u

/* The program number `seed` of a mode, which ends with UD2. */
void program_make(struct program *p, unsigned mode, uint64_t seed);

/* A generator that is the same everywhere. */
uint64_t program_random(uint64_t *state);

#endif
