/* SPDX-License-Identifier: MIT */
/* Whether random cases are to be fewer. */
#ifndef TESTS_FEWER_H
#define TESTS_FEWER_H

#include <stdbool.h>
#include <stdlib.h>

static inline bool is_there(const char *name)
{
	const char *value = getenv(name);

	return value && *value;
}

/*
 * Since each takes ten times as long: under the sanitizers, or where $EMULATOR
 * names what runs the test. Or since all of them ran before, on another build
 * of the same: where $VMI_FEWER_CASES says so.
 */
static inline bool fewer_cases(void)
{
#if defined(__SANITIZE_ADDRESS__)
	return true;
#else
	return is_there("EMULATOR") || is_there("VMI_FEWER_CASES");
#endif
}

#endif
