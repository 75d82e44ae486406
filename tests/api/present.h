/* SPDX-License-Identifier: MIT */
/* What the conformance suite runs on: present.c, or tests/kvm/conform.c. */
#ifndef TESTS_API_PRESENT_H
#define TESTS_API_PRESENT_H

#include <stdbool.h>

/* Put it in place, before anything else.  True: it executes guests. */
bool api_present(void);

#endif
