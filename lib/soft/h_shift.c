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

static uint64_t rotate_flags(const struct vmi_cpu *c, unsigned code,
	uint64_t r, unsigned bits)
{
	uint64_t top = (r >> (bits - 1)) & 1, cf, of;

	if (code == VMI_EXEC_rol) {
		cf = r & 1;
		of = top ^ cf;
	} else {
		cf = top;
		of = top ^ ((r >> (bits - 2)) & 1);
	}
	return (vmi_flags(c) & ~(VMI_FLAG_CF | VMI_FLAG_OF)) |
		(cf ? VMI_FLAG_CF : 0) | (of ? VMI_FLAG_OF : 0);
}

uint64_t vmi_shift_flags(struct vmi_cpu *c, unsigned code, uint64_t a,
	unsigned n, unsigned bytes)
{
	unsigned bits = bytes * 8;
	uint64_t r, cf, of, sign = (a >> (bits - 1)) & 1;

	switch (code) {
	case VMI_EXEC_rol:
	case VMI_EXEC_ror:
		r = code == VMI_EXEC_rol ? shift_rol(a, n, bytes) :
			shift_ror(a, n, bytes);
		vmi_flags_set(c, rotate_flags(c, code, r, bits));
		return r;
	case VMI_EXEC_shl:
		r = shift_shl(a, n, bytes);
		cf = n <= bits ? (a >> (bits - n)) & 1 : 0;
		of = ((r >> (bits - 1)) & 1) ^ cf;
		break;
	case VMI_EXEC_shr:
		r = shift_shr(a, n, bytes);
		cf = (a >> (n - 1)) & 1;
		of = n == 1 ? sign : 0;
		break;
	default:
		r = shift_sar(a, n, bytes);
		cf = ((uint64_t)((int64_t)vmi_sext(a, bytes) >> (n - 1))) & 1;
		of = 0;
		break;
	}
	vmi_flags_set(c, vmi_flags_szp(r, bytes) | (cf ? VMI_FLAG_CF : 0) |
		(of ? VMI_FLAG_OF : 0));
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
