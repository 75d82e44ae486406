/* SPDX-License-Identifier: MIT */
/* Integer operations as pure functions of values and flags. */
#ifndef VMI_SOFT_ALU_REF_H
#define VMI_SOFT_ALU_REF_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The result of VMI_EXEC_ `exec` on operands of 1, 2, 4 or 8 bytes and the
 * six arithmetic flags (others in flags_in are ignored, in *flags_out 0):
 * add or adc sbb and sub xor cmp test inc dec neg not, rol ror rcl rcr shl
 * shr sar with the count in b, imul (truncated product), bsf bsr popcnt
 * bswap of b, bt bts btr btc with the bit number in b, cbw cwd of a.  Results
 * are zero-extended.  CMP, TEST and BT return a.  BSF and BSR of 0 return a.
 */
uint64_t vmi_alu(unsigned exec, uint64_t a, uint64_t b, unsigned bytes,
	uint64_t flags_in, uint64_t *flags_out);

/* SHLD and SHRD. */
struct vmi_double {
	uint64_t dst, src;
	unsigned count; /* as in CL */
	unsigned bytes; /* 2, 4 or 8 */
};
uint64_t vmi_alu_double(unsigned exec, const struct vmi_double *d,
	uint64_t flags_in, uint64_t *flags_out);

/* SDM 2A: MUL and IMUL of one operand; high:low of the product. */
struct vmi_product {
	uint64_t high, low;
	bool wide; /* CF and OF: the high half says something */
};
struct vmi_product vmi_mul_wide(uint64_t a, uint64_t b, unsigned bytes,
	bool is_signed);

/* high:low / divisor; `fits` false is #DE. */
struct vmi_quotient {
	uint64_t quotient, remainder;
	bool fits;
};
struct vmi_quotient vmi_div_wide(uint64_t high, uint64_t low,
	uint64_t divisor, unsigned bytes);
struct vmi_quotient vmi_idiv_wide(uint64_t high, uint64_t low,
	uint64_t divisor, unsigned bytes);

#endif
