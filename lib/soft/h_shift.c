/* SPDX-License-Identifier: MIT */
/* Handlers of shifts and rotates; RCL and RCR are helpers. */
#include "lib/soft/alu.h"
#include "lib/soft/value.h"

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
 * OF is defined for a count of 1 (SDM 2B).  For others processors leave what
 * a count of 1 would have given.
 */
static bool overflow(unsigned code, uint64_t a, unsigned bits)
{
	bool top = (a >> (bits - 1)) & 1, next = (a >> (bits - 2)) & 1;

	switch (code) {
	case VMI_EXEC_shr: return top;
	case VMI_EXEC_sar: return false;
	case VMI_EXEC_ror: return top != (bool)(a & 1);
	default: return top != next; /* shl, rol */
	}
}

uint64_t vmi_shift_flags(struct vmi_cpu *c, unsigned code, uint64_t a,
	unsigned n, unsigned bytes)
{
	unsigned bits = bytes * 8;
	uint64_t r, cf, keep = 0;

	switch (code) {
	case VMI_EXEC_rol:
		r = shift_rol(a, n, bytes);
		cf = r & 1;
		break;
	case VMI_EXEC_ror:
		r = shift_ror(a, n, bytes);
		cf = (r >> (bits - 1)) & 1;
		break;
	case VMI_EXEC_shl:
		r = shift_shl(a, n, bytes);
		cf = n <= bits ? (a >> (bits - n)) & 1 : 0;
		break;
	case VMI_EXEC_shr:
		r = shift_shr(a, n, bytes);
		cf = (a >> (n - 1)) & 1;
		break;
	default:
		r = shift_sar(a, n, bytes);
		cf = ((uint64_t)((int64_t)vmi_sext(a, bytes) >> (n - 1))) & 1;
		break;
	}
	/* Rotates touch CF and OF alone. */
	if (code == VMI_EXEC_rol || code == VMI_EXEC_ror)
		keep = vmi_flags(c) & ~(VMI_FLAG_CF | VMI_FLAG_OF);
	else
		keep = vmi_flags_szp(r, bytes);
	vmi_flags_set(c, keep | (cf ? VMI_FLAG_CF : 0) |
		(overflow(code, a, bits) ? VMI_FLAG_OF : 0));
	return r;
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
