/* SPDX-License-Identifier: MIT */
/* Accesses to what is not RAM. */
#ifndef VMI_SOFT_DEVICE_H
#define VMI_SOFT_DEVICE_H

#include "lib/region/region.h"
#include "lib/soft/cpu.h"

/*
 * One access of 1 to 8 bytes.  What the library answers is answered here;
 * else the instruction is left (VMI_LEAVE_EXIT) and executed again when the
 * application has answered.  c->op is the instruction's.
 */
uint64_t vmi_dev_read(struct vmi_cpu *c, enum vmi_space space,
	uint64_t address, unsigned bytes);
void vmi_dev_write(struct vmi_cpu *c, enum vmi_space space, uint64_t address,
	uint64_t value, unsigned bytes);

/*
 * The application's word on something else (VMI_ASK_): `what` has all but
 * the size, which is 8.  False: it refuses.
 */
bool vmi_ask(struct vmi_cpu *c, struct vmi_io_entry what, uint64_t *answer);

/*
 * Whether the next access of the instruction, to gpa, has its answer in the
 * log: then it is that, though there may be RAM by now.
 */
static inline bool vmi_dev_is_answered(const struct vmi_cpu *c, uint64_t gpa)
{
	const struct vmi_io *io = &c->io;

	return io->cursor < io->n &&
		io->entry[io->cursor].space == VMI_SPACE_MEMORY &&
		io->entry[io->cursor].address == gpa;
}

/* The instruction (or an element of a string) is done: forget its log. */
void vmi_dev_done(struct vmi_cpu *c);

#endif
