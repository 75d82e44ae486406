/* SPDX-License-Identifier: MIT */
/* Handlers of shifts and rotates; RCL and RCR are helpers. */
#include "lib/soft/alu.h"
#include "lib/soft/value.h"

/* A shift that was made; constants but for a, n and r. */
struct shift {
	uint64_t a, r;
	unsigned n, code, bytes;
	bool constant; /* a register by an immediate */
};

static vmi_inline uint64_t shift_shl(uint64_t a, unsigned n, unsigned bytes)
{
	return vmi_trunc(a << n, bytes);
}

static vmi_inline uint64_t shift_shr(uint64_t a, unsigned n, unsigned bytes)
{
	(void)bytes;
	return a >> n;
}

static vmi_inline uint64_t shift_sar(uint64_t a, unsigned n, unsigned bytes)
{
	return vmi_trunc((uint64_t)((int64_t)vmi_sext(a, bytes) >> n), bytes);
}

static vmi_inline uint64_t shift_rol(uint64_t a, unsigned n, unsigned bytes)
{
	unsigned bits = bytes * 8;

	n &= bits - 1;
	return vmi_trunc(a << n | a >> ((bits - n) & (bits - 1)), bytes);
}

static vmi_inline uint64_t shift_ror(uint64_t a, unsigned n, unsigned bytes)
{
	return shift_rol(a, (bytes * 8 - n) & (bytes * 8 - 1), bytes);
}

/*
 * Flags, SDM 2B: the count is masked to 5 or 6 bits, and a count of 0 changes
 * nothing.  OF is defined for a count of 1; for others Intel's processors set
 * what a count of 1 would have given, but for ROL and ROR of a register by
 * an immediate, which leave it.  `a` is the operand, `r` the result of n.
 */
static vmi_inline bool overflow(unsigned code, uint64_t a, unsigned bits)
{
	bool top = (a >> (bits - 1)) & 1, next = (a >> (bits - 2)) & 1;

	switch (code) {
	case VMI_EXEC_shr: return top;
	case VMI_EXEC_sar: return false;
	case VMI_EXEC_ror: return top != (bool)(a & 1);
	default: return top != next; /* shl, rol */
	}
}

/* The last bit that was shifted out. */
static vmi_inline bool shifted_out(unsigned code, uint64_t a, unsigned n,
	unsigned bytes)
{
	unsigned bits = bytes * 8;

	switch (code) {
	case VMI_EXEC_shl:
		return n <= bits && ((a >> (bits - n)) & 1);
	case VMI_EXEC_shr:
		return (a >> (n - 1)) & 1;
	default:
		return ((int64_t)vmi_sext(a, bytes) >> (n - 1)) & 1;
	}
}

/* Rotates touch CF and OF alone: out of line, since they make the flags. */
vmi_noinline static void rotate_flags(struct vmi_cpu *c, uint64_t mask,
	uint64_t flags)
{
	vmi_flags_set(c, (vmi_flags(c) & ~mask) | (flags & mask));
}

static vmi_inline void shift_flags(struct vmi_cpu *c, struct shift s)
{
	unsigned bits = s.bytes * 8;
	bool rotates = s.code == VMI_EXEC_rol || s.code == VMI_EXEC_ror, cf;
	uint64_t flags = overflow(s.code, s.a, bits) ? VMI_FLAG_OF : 0;
	uint64_t mask = VMI_FLAG_CF;

	if (rotates)
		cf = (s.code == VMI_EXEC_rol ? s.r : s.r >> (bits - 1)) & 1;
	else
		cf = shifted_out(s.code, s.a, s.n, s.bytes);
	flags |= cf ? VMI_FLAG_CF : 0;
	if (!s.constant || s.n == 1)
		mask |= VMI_FLAG_OF;
	if (rotates)
		rotate_flags(c, mask, flags);
	else
		vmi_cc(c, VMI_CC_SHIFT, s.bytes, s.r, flags);
}

#define SHAPES "lib/soft/shift_shapes.h"
#define SHIFT

#define OP shl
#include "lib/soft/alu_widths.h"

#define OP shr
#include "lib/soft/alu_widths.h"

#define OP sar
#include "lib/soft/alu_widths.h"

#define OP rol
#include "lib/soft/alu_widths.h"

#define OP ror
#include "lib/soft/alu_widths.h"
