/* SPDX-License-Identifier: MIT */
/* String instructions: addresses, counts and steps of an element. */
#ifndef VMI_SOFT_STRINGS_H
#define VMI_SOFT_STRINGS_H

#include "lib/soft/operand.h"

/* At most this is done between two looks at events. */
#define VMI_STR_CHUNK 4096u

static inline bool vmi_str_rep(const struct vmi_op *op)
{
	return op->bits & (VMI_OPF_REP | VMI_OPF_REPNE);
}

/* Elements to do at once: single steps are of one (SDM 3B 17.3.1.4). */
static inline uint64_t vmi_str_count(const struct vmi_cpu *c,
	const struct vmi_op *op)
{
	uint64_t n;

	if (!vmi_str_rep(op))
		return 1;
	n = vmi_reg(c, VMI_RCX, vmi_op_asize(op));
	return n && c->debug.one_element ? 1 : n;
}

/*
 * The linear address of an element of `bytes` at seg:reg.  Outside 64-bit
 * mode the segment is checked; there the access itself checks.
 */
static inline uint64_t vmi_str_linear(struct vmi_cpu *c, unsigned seg,
	uint64_t offset, unsigned bytes, unsigned access)
{
	if (c->mode != 64)
		return vmi_linear(c, seg, offset, bytes, access);
	if (seg == VMI_FS || seg == VMI_GS)
		offset += c->r[VMI_R_SEG + seg];
	return offset;
}

static inline uint64_t vmi_str_src(struct vmi_cpu *c, const struct vmi_op *op,
	unsigned bytes)
{
	return vmi_str_linear(c, vmi_op_seg(op), vmi_reg(c, VMI_RSI,
		vmi_op_asize(op)), bytes, VMI_MEM_READ);
}

/* The destination is ES's whatever the prefix (SDM 2A, MOVS). */
static inline uint64_t vmi_str_dst(struct vmi_cpu *c, const struct vmi_op *op,
	unsigned bytes, unsigned access)
{
	return vmi_str_linear(c, VMI_ES, vmi_reg(c, VMI_RDI,
		vmi_op_asize(op)), bytes, access);
}

/* rSI or rDI past `n` elements, in the direction of DF. */
static inline void vmi_str_step(struct vmi_cpu *c, const struct vmi_op *op,
	unsigned reg, uint64_t distance)
{
	if (c->rflags & VMI_FLAG_DF)
		distance = 0 - distance;
	vmi_reg_set(c, reg, c->r[reg] + distance, vmi_op_asize(op));
}

/* Take `n` from rCX; whether elements are left. */
static inline bool vmi_str_did(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t n)
{
	if (!vmi_str_rep(op))
		return false;
	vmi_reg_set(c, VMI_RCX, c->r[VMI_RCX] - n, vmi_op_asize(op));
	return vmi_reg(c, VMI_RCX, vmi_op_asize(op)) != 0;
}

#endif
