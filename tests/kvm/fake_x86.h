/* SPDX-License-Identifier: MIT */
/* What each kernel of x86 has that a test plays: registers, MSRs, CPUID. */
#ifndef TESTS_KVM_FAKE_X86_H
#define TESTS_KVM_FAKE_X86_H

#include "tests/kvm/fake.h"

#define FAKE_X86_PAIRS 6

extern const struct fake_pair fake_x86_pairs[FAKE_X86_PAIRS];

/* The first MSR of the last call. */
extern uint32_t fake_x86_first_msr;

/* Requests for MSRs and CPUID, and the TSC's rate; -ENOTTY: another. */
int fake_x86_other(unsigned long request, void *arg);

#endif
