/* SPDX-License-Identifier: MIT */
/* Whether random cases are to be fewer, since each takes ten times as long. */
#ifndef TESTS_SLOW_H
#define TESTS_SLOW_H

#include <stdbool.h>
#include <stdlib.h>

/* Under the sanitizers, or where $EMULATOR names what runs the test. */
static inline bool is_slow(void)
{
#if defined(__SANITIZE_ADDRESS__)
	return true;
#else
	const char *emulator = getenv("EMULATOR");

	return emulator && *emulator;
#endif
}

#endif
