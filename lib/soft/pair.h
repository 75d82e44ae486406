/* SPDX-License-Identifier: MIT */
/* Handlers of two operations: which there are. */
#ifndef VMI_SOFT_PAIR_H
#define VMI_SOFT_PAIR_H

#include "lib/soft/op.h"

#define VMI_STEP_BITS 8

/* Steps by their handlers; hashed, 0: none. */
struct vmi_steps {
	uint8_t id[1u << VMI_STEP_BITS];
};

void vmi_steps_init(struct vmi_steps *all);

/* The handler of the operation and the one behind it, or NULL. */
vmi_handler *vmi_pair_of(const struct vmi_steps *all, const struct vmi_op *op);

#endif
