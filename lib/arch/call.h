/* SPDX-License-Identifier: MIT */
/* Where each architecture has a hypercall's number, arguments and results. */
#ifndef VMI_ARCH_CALL_H
#define VMI_ARCH_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmapi/guest/calls.h>
#include <vmapi/regs.h>

/* One convention: an architecture has one for each width of its programs. */
struct vmi_call_abi {
	uint64_t number; /* the register with base + call * step */
	uint64_t base;
	uint64_t step;
	uint64_t selector; /* this register has that value; 0: there is none */
	uint64_t selected;
	uint64_t mask; /* of all registers */
	uint64_t args[VMAPI_CALL_ARGS];
	uint64_t results[VMAPI_CALL_RESULTS];
	unsigned n_args, n_results;
	/* Results that go back with a native exit, not by registers. */
	unsigned n_native;
};

struct vmi_call_arch {
	uint32_t machine; /* EM_ of struct vmi_regs_arch */
	uint32_t ways;	  /* that its guests can have, whoever runs them */
	/* Registers of which mode and privilege are read; 0: none. */
	uint64_t state[2];
	/*
	 * The convention that they tell, and the privilege: 0 is the guest's
	 * kernel.  *mode: 16, 32 or 64.
	 */
	const struct vmi_call_abi *(*look)(const struct vmapi_reg *state,
		uint32_t *privilege, uint32_t *mode);
};

/* NULL: no such machine. */
const struct vmi_call_arch *vmi_call_arch(uint32_t machine);

/* Which call it is, by the value of the number's register; false: none. */
bool vmi_call_number(
	const struct vmi_call_abi *abi, uint64_t value, uint64_t *number);

#endif
