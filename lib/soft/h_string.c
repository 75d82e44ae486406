/* SPDX-License-Identifier: MIT */
/* Handlers of one MOVS or STOS, which compilers make loops of: quick.h. */
#include "lib/soft/quick.h"
#include "lib/soft/strings.h"

/* Where an element is; or only the helper knows. */
struct place {
	uint64_t linear;
	bool good;
};

/* As vmi_str_linear(): in 64-bit mode no segment, else an open one. */
static vmi_inline struct place place(const struct vmi_cpu *c,
	const struct vmi_op *op, unsigned seg, unsigned reg)
{
	unsigned bytes = vmi_op_size(op);
	uint64_t at = c->r[reg];

	if (vmi_op_asize(op) == 8)
		return (struct place){ at, seg <= VMI_DS };
	at = (uint32_t)at;
	return (struct place){ (uint32_t)(at + c->r[VMI_R_SEG + seg]),
		vmi_op_asize(op) == 4 && seg <= VMI_DS &&
			at + bytes <= c->open[seg & 3] };
}

/* One element, upwards. */
static vmi_inline bool is_single(const struct vmi_cpu *c,
	const struct vmi_op *op)
{
	return !vmi_str_rep(op) && !(c->rflags & VMI_FLAG_DF);
}

static vmi_inline void step(struct vmi_cpu *c, const struct vmi_op *op,
	unsigned reg, unsigned bytes)
{
	uint64_t r = c->r[reg] + bytes;

	c->r[reg] = vmi_op_asize(op) == 8 ? r : (uint32_t)r;
}

#define BYTES 1
#include "lib/soft/string_shapes.h"
#define BYTES 2
#include "lib/soft/string_shapes.h"
#define BYTES 4
#include "lib/soft/string_shapes.h"
#define BYTES 8
#include "lib/soft/string_shapes.h"

#define ROW(name, b)                                                           \
	{ .run = h_##name##_##b, .exec = VMI_EXEC_##name,                      \
	  .form = VMI_QUICK_ANY, .bytes = b }
#define ALL(name) ROW(name, 1), ROW(name, 2), ROW(name, 4), ROW(name, 8)

const struct vmi_quick vmi_quick_string[] = {
	ALL(movs), ALL(stos),
	{ .run = NULL }
};
