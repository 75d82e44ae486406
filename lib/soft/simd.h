/* SPDX-License-Identifier: MIT */
/* MMX and SSE: operands, checks and lanes, and the XSAVE area. */
#ifndef VMI_SOFT_SIMD_H
#define VMI_SOFT_SIMD_H

#include <stddef.h>

#include "lib/soft/engine.h"
#include "lib/soft/value.h"

/*
 * An instruction on vectors has an r/m operand (registers `base`, or memory)
 * and mostly a register operand (`reg`), each of them general, MMX or XMM;
 * and either may be the destination.  vmi_simd_imm() packs what the row says
 * of that into `imm`, above the immediate byte, so that one helper serves
 * all rows of an operation: the MMX and the SSE2 form of PADDB are the same
 * function over vectors of which MMX uses the low half.
 *
 * A helper begins with vmi_simd_src(), vmi_simd_begin() or a store: these
 * check whether the instruction is there and its turn (SDM 2A 2.4: #UD, #NM,
 * #MF), then alignment, then access memory.  It ends with vmi_simd_set() or
 * a store, and before those nothing of the guest has changed.
 */
#define VMI_SIMD_BYTES(imm) ((unsigned)((imm) >> 8) & 0xff) /* of r/m */
#define VMI_SIMD_STORE	0x010000ull /* operand 1 is the r/m operand */
#define VMI_SIMD_RM_MM	0x020000ull
#define VMI_SIMD_REG_MM 0x040000ull
#define VMI_SIMD_AL16	0x080000ull
#define VMI_SIMD_W	0x100000ull /* REX.W */
/* Bits that make the instruction fault: of CR4 inverted, of pending x87. */
#define VMI_SIMD_SSE	(VMI_CR4_OSFXSR << 32)
#define VMI_SIMD_X87	(0x3full << 32)

uint64_t vmi_simd_imm(const struct vmi_insn *insn);

/* -- Checks ------------------------------------------------------------- */

/* Raises, unless it is an x87 exception that IGNNE# hides. */
vmi_noinline void vmi_simd_refuse(struct vmi_cpu *c,
	const struct vmi_op *op);

/* SDM 3A 13.1, 12.1: whether the operating system lets this execute. */
static vmi_inline bool vmi_simd_refused(const struct vmi_cpu *c,
	const struct vmi_op *op)
{
	uint64_t why = (~c->cr4 & VMI_CR4_OSFXSR) |
		(c->fpu.status & ~c->fpu.control & 0x3fu);

	return (why & (op->imm >> 32)) |
		(c->cr0 & (VMI_CR0_EM | VMI_CR0_TS));
}

static vmi_inline void vmi_simd_begin(struct vmi_cpu *c,
	const struct vmi_op *op)
{
	if (vmi_unlikely(vmi_simd_refused(c, op)))
		vmi_simd_refuse(c, op);
}

static vmi_inline bool vmi_simd_misaligned(const struct vmi_op *op,
	uint64_t at)
{
	return (op->imm & VMI_SIMD_AL16) && (at & 15);
}

/* -- Memory ------------------------------------------------------------- */

/* 16 bytes that are not in one page of RAM, or not 16 bytes: sse_operand.c. */
vmi_noinline struct vmi_xmm vmi_simd_load_slow(struct vmi_cpu *c,
	uint64_t linear);
vmi_noinline void vmi_simd_store_slow(struct vmi_cpu *c, uint64_t linear,
	struct vmi_xmm v);
vmi_noinline struct vmi_xmm vmi_simd_load_part(struct vmi_cpu *c,
	const struct vmi_op *op);

static vmi_inline struct vmi_xmm vmi_simd_load(struct vmi_cpu *c,
	uint64_t linear)
{
	const struct vmi_tlb_entry *e = vmi_tlb(c, linear);
	struct vmi_xmm v;
	const uint8_t *p;

	if (vmi_unlikely(e->read != ((linear + 15) & VMI_PAGE_MASK)))
		return vmi_simd_load_slow(c, linear);
	p = (const uint8_t *)(uintptr_t)(linear + e->addend);
	v.q[0] = vmi_host_load(p, 8);
	v.q[1] = vmi_host_load(p + 8, 8);
	return v;
}

static vmi_inline void vmi_simd_store(struct vmi_cpu *c, uint64_t linear,
	struct vmi_xmm v)
{
	const struct vmi_tlb_entry *e = vmi_tlb(c, linear);
	uint8_t *p;

	if (vmi_unlikely(e->write != ((linear + 15) & VMI_PAGE_MASK))) {
		vmi_simd_store_slow(c, linear, v);
		return;
	}
	p = (uint8_t *)(uintptr_t)(linear + e->addend);
	vmi_host_store(p, v.q[0], 8);
	vmi_host_store(p + 8, v.q[1], 8);
}

/* The address of a memory operand; SDM 2A 2.4.1: aligned or #GP. */
static vmi_inline uint64_t vmi_simd_ea(struct vmi_cpu *c,
	const struct vmi_op *op)
{
	uint64_t linear = vmi_ea(c, op);

	if (vmi_unlikely(vmi_simd_misaligned(op, linear)))
		vmi_raise_code(c, VMI_GP, 0);
	return linear;
}

/* -- Registers ---------------------------------------------------------- */

/* SDM 1 9.5.1: an MMX instruction makes all tags valid and TOP 0. */
static vmi_inline void vmi_mmx_enter(struct vmi_cpu *c)
{
	c->fpu.top = 0;
	c->fpu.full = 0xff;
}

static vmi_inline void vmi_mm_set(struct vmi_cpu *c, unsigned n, uint64_t v)
{
	vmi_mmx_enter(c);
	c->fpu.st[n & 7].man = v;
	c->fpu.st[n & 7].se = 0xffff;
}

static vmi_inline struct vmi_xmm vmi_simd_pair(uint64_t low, uint64_t high)
{
	struct vmi_xmm v = { { low, high } };

	return v;
}

static vmi_inline struct vmi_xmm vmi_simd_reg(const struct vmi_cpu *c,
	unsigned n, bool mm)
{
	return mm ? vmi_simd_pair(c->fpu.st[n & 7].man, 0) :
		c->fpu.xmm[n & 15];
}

/* Whether the vectors worked on are MMX registers. */
static vmi_inline bool vmi_simd_mm(const struct vmi_op *op)
{
	return op->imm & (VMI_SIMD_REG_MM | VMI_SIMD_RM_MM);
}

/* The r/m operand as a source: a whole register, or memory and zeros. */
static vmi_inline struct vmi_xmm vmi_simd_src(struct vmi_cpu *c,
	const struct vmi_op *op)
{
	vmi_simd_begin(c, op);
	if (!(op->bits & VMI_OPF_MEM))
		return vmi_simd_reg(c, op->base, op->imm & VMI_SIMD_RM_MM);
	if (VMI_SIMD_BYTES(op->imm) == 16)
		return vmi_simd_load(c, vmi_simd_ea(c, op));
	return vmi_simd_load_part(c, op);
}

/* The register operand, as it is and as the destination. */
static vmi_inline struct vmi_xmm vmi_simd_dst(const struct vmi_cpu *c,
	const struct vmi_op *op)
{
	return vmi_simd_reg(c, op->reg, op->imm & VMI_SIMD_REG_MM);
}

static vmi_inline void vmi_simd_put(struct vmi_cpu *c, unsigned n, bool mm,
	struct vmi_xmm v)
{
	if (mm)
		vmi_mm_set(c, n, v.q[0]);
	else
		c->fpu.xmm[n & 15] = v;
}

static vmi_inline void vmi_simd_set(struct vmi_cpu *c,
	const struct vmi_op *op, struct vmi_xmm v)
{
	vmi_simd_put(c, op->reg, op->imm & VMI_SIMD_REG_MM, v);
}

/* -- Lanes -------------------------------------------------------------- */

static vmi_inline uint64_t vmi_lane_mask(unsigned bits)
{
	return bits >= 64 ? ~0ull : (1ull << bits) - 1;
}

static vmi_inline int64_t vmi_lane_signed(uint64_t v, unsigned bits)
{
	uint64_t sign = 1ull << (bits - 1);

	return (int64_t)(((v & vmi_lane_mask(bits)) ^ sign) - sign);
}

/* Lane n of a vector, and the vector with that lane replaced. */
static vmi_inline uint64_t vmi_lane(struct vmi_xmm v, unsigned n,
	unsigned bits)
{
	unsigned at = n * bits;

	return v.q[at >> 6 & 1] >> (at & 63) & vmi_lane_mask(bits);
}

static vmi_inline struct vmi_xmm vmi_lane_set(struct vmi_xmm v, unsigned n,
	unsigned bits, uint64_t value)
{
	unsigned at = n * bits, half = at >> 6 & 1;
	uint64_t mask = vmi_lane_mask(bits) << (at & 63);

	v.q[half] = (v.q[half] & ~mask) | (value << (at & 63) & mask);
	return v;
}

/* -- Floating point: sse_fp.h builds on it ------------------------------ */

/* Bits of MXCSR: SDM 1 10.2.3. */
#define VMI_MXCSR_FLAGS 0x003fu
#define VMI_MXCSR_PE	0x0020u
#define VMI_MXCSR_DAZ	0x0040u
#define VMI_MXCSR_PM	0x1000u
#define VMI_MXCSR_RC	0x6000u
#define VMI_MXCSR_FTZ	0x8000u
#define VMI_MXCSR_VALID 0xffffu
#define VMI_MXCSR_INIT	0x1f80u
/*
 * None of the guest's, but kept beside them in `fpu.mxcsr`, where handlers
 * look at the rounding: in this run the host does not round to nearest.
 */
#define VMI_MXCSR_HOST	0x10000u

static vmi_inline uint32_t vmi_mxcsr(const struct vmi_fpu *f)
{
	return f->mxcsr & VMI_MXCSR_VALID;
}

static vmi_inline void vmi_mxcsr_set(struct vmi_fpu *f, uint32_t v)
{
	f->mxcsr = (f->mxcsr & VMI_MXCSR_HOST) | v;
}

/* As a run begins: the application may have changed the host's rounding. */
void vmi_simd_look_at_host(struct vmi_cpu *c);

vmi_noinline void vmi_simd_flags_slow(struct vmi_cpu *c,
	struct vmi_fpenv *env);

static vmi_inline struct vmi_fpenv vmi_simd_env(const struct vmi_cpu *c)
{
	uint32_t mxcsr = c->fpu.mxcsr;
	struct vmi_fpenv env = {
		.rounding = (uint8_t)(mxcsr >> 13 & 3),
		.daz = mxcsr & VMI_MXCSR_DAZ,
		.ftz = mxcsr & VMI_MXCSR_FTZ,
		.unmasked = (uint16_t)(~mxcsr >> 7 & 0x3f),
	};

	return env;
}

/* The flags of all lanes, before anything is written: it may raise. */
static vmi_inline void vmi_simd_flags(struct vmi_cpu *c,
	struct vmi_fpenv *env)
{
	if (vmi_unlikely(env->flags & (~c->fpu.mxcsr | env->unmasked)))
		vmi_simd_flags_slow(c, env);
}

/* -- The XSAVE area: fxsave.c ------------------------------------------- */

#define VMI_XSAVE_BYTES 576

/* The x87 and SSE state in the standard format, laid out as by XSAVE64. */
void vmi_xsave_get(const struct vmi_cpu *c, uint8_t area[VMI_XSAVE_BYTES]);

/*
 * Set both from an area of `bytes`, at least 512; without a header both are
 * in it, with one a component whose XSTATE_BV bit is clear is initialised.
 * 0, or -EINVAL and nothing set: too short, a reserved bit of MXCSR, a
 * component that is not there, the compacted format.
 */
int vmi_xsave_set(struct vmi_cpu *c, const uint8_t *area, size_t bytes);

#endif
