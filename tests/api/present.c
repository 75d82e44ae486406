/* SPDX-License-Identifier: MIT */
/* The conformance suite on what this machine has. */
#include "tests/api/present.h"

bool api_present(void)
{
	return true;
}
