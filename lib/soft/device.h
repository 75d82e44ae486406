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
 * The same of IN and OUT, whose one access it is: nothing of it has to be
 * remembered.  What has come about meanwhile (c->event) is the caller's to see
 * to, behind the instruction.
 */
uint64_t vmi_dev_in(struct vmi_cpu *c, uint16_t port, unsigned bytes);
void vmi_dev_out(struct vmi_cpu *c, uint16_t port, uint64_t value,
	unsigned bytes);

/*
 * The application's word on something else (VMI_ASK_): `what` has all but
 * the size, which is 8.  False: it refuses.
 */
bool vmi_ask(struct vmi_cpu *c, struct vmi_io_entry what, uint64_t *answer);

/*
 * Whether the next access of the instruction, to gpa, has its answer in the
 * log: then it is that, though there may be RAM by now.  A write there says
 * nothing of the read before it: that of a ROM is no device's.
 */
static inline bool vmi_dev_is_answered(const struct vmi_cpu *c, uint64_t gpa,
	bool is_write)
{
	const struct vmi_io *io = &c->io;
	const struct vmi_io_entry *e = &io->entry[io->cursor];

	return io->cursor < io->n && e->space == VMI_SPACE_MEMORY &&
		e->address == gpa && e->is_write == is_write;
}

static inline bool vmi_dev_is_logged(const struct vmi_cpu *c, uint64_t gpa)
{
	return vmi_dev_is_answered(c, gpa, false) ||
		vmi_dev_is_answered(c, gpa, true);
}

/* The instruction (or an element of a string) is done: forget its log. */
void vmi_dev_done(struct vmi_cpu *c);

#endif
