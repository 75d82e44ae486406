/* SPDX-License-Identifier: MIT */
/* The flags that a result has: SDM 1 3.4.3.1, SDM 1 appendix A. */
#include "lib/soft/alu.h"

static uint64_t sign_bit(unsigned log2)
{
	return 1ull << ((8u << log2) - 1);
}

static uint64_t parity(uint64_t res)
{
	/* 0x9669: bit i is 1 where the nibble i has an even number of ones. */
	unsigned nibble = (unsigned)((res ^ (res >> 4)) & 15);

	return (0x9669u >> nibble) & 1 ? VMI_FLAG_PF : 0;
}

static uint64_t szp(uint64_t res, unsigned log2)
{
	return (res == 0 ? VMI_FLAG_ZF : 0) | parity(res) |
		(res & sign_bit(log2) ? VMI_FLAG_SF : 0);
}

uint64_t vmi_flags_szp(uint64_t res, unsigned bytes)
{
	return szp(res, vmi_ctz(bytes));
}

/* CF and AF from the carries out of each bit, OF from the two topmost. */
static uint64_t from_carries(uint64_t carries, unsigned log2)
{
	unsigned top = (8u << log2) - 1;
	uint64_t f = 0;

	if ((carries >> top) & 1)
		f |= VMI_FLAG_CF;
	if (((carries >> top) ^ (carries >> (top - 1))) & 1)
		f |= VMI_FLAG_OF;
	if (carries & 8)
		f |= VMI_FLAG_AF;
	return f;
}

uint64_t vmi_flags_compute(uint32_t kind, uint64_t res, uint64_t src)
{
	unsigned log2 = kind & 3;
	uint64_t a, f = szp(res, log2);

	switch (kind & ~3u) {
	case VMI_CC_ADD:
	case VMI_CC_ADC:
		a = res - src - ((kind & ~3u) == VMI_CC_ADC);
		return f | from_carries((a & src) | ((a | src) & ~res), log2);
	case VMI_CC_SUB:
	case VMI_CC_SBB:
		a = res + src + ((kind & ~3u) == VMI_CC_SBB);
		return f | from_carries((~a & src) | ((~a | src) & res), log2);
	case VMI_CC_INC:
		return f | src | (res == sign_bit(log2) ? VMI_FLAG_OF : 0) |
			((res & 15) == 0 ? VMI_FLAG_AF : 0);
	case VMI_CC_DEC:
		return f | src |
			(res == sign_bit(log2) - 1 ? VMI_FLAG_OF : 0) |
			((res & 15) == 15 ? VMI_FLAG_AF : 0);
	case VMI_CC_LOGIC:
		return f;
	case VMI_CC_SHIFT:
		return f | src;
	case VMI_CC_MUL:
		return (f & ~VMI_FLAG_ZF) | src;
	default:
		return res;
	}
}

static bool cond_of_flags(uint64_t f, unsigned cc)
{
	bool cf = f & VMI_FLAG_CF, zf = f & VMI_FLAG_ZF;
	bool less = !(f & VMI_FLAG_SF) != !(f & VMI_FLAG_OF);

	switch (cc >> 1) {
	case 0: return f & VMI_FLAG_OF;
	case 1: return cf;
	case 2: return zf;
	case 3: return cf || zf;
	case 4: return f & VMI_FLAG_SF;
	case 5: return f & VMI_FLAG_PF;
	case 6: return less;
	default: return less || zf;
	}
}

/* What most conditions ask: of a comparison, without making the flags. */
static bool cond_of_sub(const struct vmi_cpu *c, unsigned cc)
{
	unsigned shift = 64 - (8u << (c->cc_kind & 3));
	uint64_t a = (c->cc_res + c->cc_src) << shift;
	uint64_t b = c->cc_src << shift;

	switch (cc >> 1) {
	case 1: return a < b;
	case 2: return a == b;
	case 3: return a <= b;
	case 6: return (int64_t)a < (int64_t)b;
	case 7: return (int64_t)a <= (int64_t)b;
	default: return cond_of_flags(vmi_flags(c), cc);
	}
}

/* And after a result that left CF and OF clear. */
static bool cond_of_logic(const struct vmi_cpu *c, unsigned cc)
{
	uint64_t r = c->cc_res << (64 - (8u << (c->cc_kind & 3)));

	switch (cc >> 1) {
	case 2:
	case 3: return r == 0;
	case 4:
	case 6: return (int64_t)r < 0;
	case 7: return (int64_t)r <= 0;
	default: return cond_of_flags(vmi_flags(c), cc);
	}
}

bool vmi_cond(const struct vmi_cpu *c, unsigned cc)
{
	bool holds;

	switch (c->cc_kind & ~3u) {
	case VMI_CC_SUB:
		holds = cond_of_sub(c, cc);
		break;
	case VMI_CC_LOGIC:
		holds = cond_of_logic(c, cc);
		break;
	default:
		holds = cond_of_flags(vmi_flags(c), cc);
		break;
	}
	return holds != (bool)(cc & 1);
}
