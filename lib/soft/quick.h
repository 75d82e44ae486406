/* SPDX-License-Identifier: MIT */
/*
 * Handlers for what helpers do, where it is simple.
 *
 * An instruction that is one call of its helper may have a handler of its own
 * for the commonest operands.  It does what it can do at once and jumps to
 * vmi_h_helper() for all else, before anything has changed; so it needs no
 * knowledge of faults, and the operation stays what it was.
 */
#ifndef VMI_SOFT_QUICK_H
#define VMI_SOFT_QUICK_H

#include "lib/soft/value.h"

#define VMI_QUICK_ANY 0xffu

struct vmi_quick {
	vmi_handler *run;
	uint16_t exec;
	uint8_t form;  /* VMI_FORM_, or VMI_QUICK_ANY */
	uint8_t bytes; /* of the operand, or VMI_QUICK_ANY */
	uint8_t bits;  /* these of VMI_OPF_MEM and VMI_OPF_LOCK, no others */
	uint32_t imm, imm_is; /* a mask of `imm`, and what it selects */
};

/* Lists that end with a row without a handler. */
extern const struct vmi_quick vmi_quick_integer[], vmi_quick_locked[],
	vmi_quick_port[], vmi_quick_simd[], vmi_quick_string[],
	vmi_quick_vector[], vmi_quick_x87[];

/* The handler of a helper's operation: its own, or vmi_h_helper. */
vmi_handler *vmi_quick_find(const struct vmi_op *op);

#endif
