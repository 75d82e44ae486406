/* SPDX-License-Identifier: MIT */
/* Whether a test is emulated itself: random cases are fewer there. */
#ifndef TESTS_EMULATED_H
#define TESTS_EMULATED_H

#include <stdbool.h>
#include <stdlib.h>

/* $EMULATOR names what runs the test, which makes it ten times as slow. */
static inline bool emulated(void)
{
	const char *emulator = getenv("EMULATOR");

	return emulator && *emulator;
}

#endif
