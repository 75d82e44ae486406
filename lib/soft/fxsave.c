/* SPDX-License-Identifier: MIT */
/*
 * x87 and SSE state to and from memory: FXSAVE, XSAVE, MXCSR.
 *
 * The areas are SDM 1 tables 10-2 (FXSAVE without REX.W: 32-bit pointers and
 * selectors; with it: 64-bit pointers) and 13.4 (XSAVE: that, then a header).
 * Everything goes through an image on our side: a restore reads all of the
 * area and checks it before any register changes, a save checks all of it
 * for writing and then writes what the instruction writes, which is not the
 * reserved bytes.  No component is ever said to be in its initial state when
 * saved: a processor need not track that (SDM 1 13.6).
 */
#include "lib/soft/simd.h"

#include <errno.h>

/* Offsets of the area. */
enum {
	AREA_FCW = 0,
	AREA_FSW = 2,
	AREA_FTW = 4,
	AREA_FOP = 6,
	AREA_FIP = 8,
	AREA_FCS = 12,
	AREA_FDP = 16,
	AREA_FDS = 20,
	AREA_MXCSR = 24,
	AREA_MXCSR_MASK = 28,
	AREA_ST = 32,
	AREA_XMM = 160,
	AREA_LEGACY = 512,
	AREA_XSTATE_BV = 512,
	AREA_XCOMP_BV = 520,
	AREA_RESERVED = 528
};

/* Bits of XCR0 and XSTATE_BV. */
#define X87 1u
#define SSE 2u

#define FSW_TOP	 0x3800u
#define FSW_ES_B 0x8080u
#define FCW_BITS 0x1f3fu /* those that are not fixed; bit 6 is 1 */
#define FCW_ONE	 0x0040u
#define FCW_INIT 0x037fu
#define FOP_BITS 0x07ffu

struct image {
	uint8_t bytes[VMI_XSAVE_BYTES];
	bool wide; /* 64-bit pointers */
};

/* -- Little-endian fields ----------------------------------------------- */

static uint64_t get(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | p[bytes];
	return v;
}

static void put(uint8_t *p, uint64_t v, unsigned bytes)
{
	unsigned i;

	for (i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> (8 * i & 63));
}

/* -- x87 ---------------------------------------------------------------- */

static void save_pointers(const struct vmi_fpu *f, struct image *m)
{
	if (m->wide) {
		put(m->bytes + AREA_FIP, f->ip, 8);
		put(m->bytes + AREA_FDP, f->dp, 8);
		return;
	}
	put(m->bytes + AREA_FIP, f->ip, 4);
	put(m->bytes + AREA_FCS, f->cs, 4);
	put(m->bytes + AREA_FDP, f->dp, 4);
	put(m->bytes + AREA_FDS, f->ds, 4);
}

static void save_x87(const struct vmi_fpu *f, struct image *m)
{
	const struct vmi_f80 *st;
	unsigned n;
	uint8_t *p;

	put(m->bytes + AREA_FCW, f->control, 2);
	put(m->bytes + AREA_FSW, (f->status & ~FSW_TOP) |
		(unsigned)(f->top & 7) << 11, 2);
	put(m->bytes + AREA_FTW, f->full, 2);
	put(m->bytes + AREA_FOP, f->opcode, 2);
	save_pointers(f, m);
	for (n = 0; n < 8; n++) {
		st = &f->st[(f->top + n) & 7];
		p = m->bytes + AREA_ST + 16 * n;
		put(p, st->man, 8);
		put(p + 8, st->se, 8);
	}
}

static void load_pointers(struct vmi_fpu *f, const struct image *m)
{
	f->opcode = get(m->bytes + AREA_FOP, 2) & FOP_BITS;
	f->cs = f->ds = 0;
	if (m->wide) {
		f->ip = get(m->bytes + AREA_FIP, 8);
		f->dp = get(m->bytes + AREA_FDP, 8);
		return;
	}
	f->ip = get(m->bytes + AREA_FIP, 4);
	f->dp = get(m->bytes + AREA_FDP, 4);
	f->cs = (uint16_t)get(m->bytes + AREA_FCS, 2);
	f->ds = (uint16_t)get(m->bytes + AREA_FDS, 2);
}

/* ES and B follow from the flags and their masks (SDM 1 8.1.3.3). */
static uint16_t status_of(uint16_t status, uint16_t control)
{
	unsigned v = status & ~(FSW_TOP | FSW_ES_B);

	return (uint16_t)(status & ~control & 0x3f ? v | FSW_ES_B : v);
}

static void load_x87(struct vmi_fpu *f, const struct image *m)
{
	uint16_t status = (uint16_t)get(m->bytes + AREA_FSW, 2);
	const uint8_t *p;
	struct vmi_f80 *st;
	unsigned n;

	f->control = (get(m->bytes + AREA_FCW, 2) & FCW_BITS) | FCW_ONE;
	f->status = status_of(status, f->control);
	f->top = status >> 11 & 7;
	load_pointers(f, m);
	for (n = 0; n < 8; n++) {
		st = &f->st[(f->top + n) & 7];
		p = m->bytes + AREA_ST + 16 * n;
		st->man = get(p, 8);
		st->se = (uint16_t)get(p + 8, 2);
	}
	f->full = m->bytes[AREA_FTW];
}

/* SDM 1 13.6: as after FNINIT, and the registers zero. */
static void init_x87(struct vmi_fpu *f)
{
	unsigned n;

	f->control = FCW_INIT;
	f->status = 0;
	f->top = 0;
	f->full = 0;
	f->opcode = 0;
	f->ip = f->dp = 0;
	f->cs = f->ds = 0;
	for (n = 0; n < 8; n++)
		f->st[n] = (struct vmi_f80){ 0 };
}

/* -- SSE ---------------------------------------------------------------- */

static void save_mxcsr(const struct vmi_fpu *f, struct image *m)
{
	put(m->bytes + AREA_MXCSR, vmi_mxcsr(f), 4);
	put(m->bytes + AREA_MXCSR_MASK, VMI_MXCSR_VALID, 4);
}

static void save_xmm(const struct vmi_fpu *f, struct image *m, unsigned n)
{
	while (n--) {
		put(m->bytes + AREA_XMM + 16 * n, f->xmm[n].q[0], 8);
		put(m->bytes + AREA_XMM + 16 * n + 8, f->xmm[n].q[1], 8);
	}
}

static void load_xmm(struct vmi_fpu *f, const struct image *m, unsigned n)
{
	while (n--) {
		f->xmm[n].q[0] = get(m->bytes + AREA_XMM + 16 * n, 8);
		f->xmm[n].q[1] = get(m->bytes + AREA_XMM + 16 * n + 8, 8);
	}
}

static uint32_t image_mxcsr(const struct image *m)
{
	return (uint32_t)get(m->bytes + AREA_MXCSR, 4);
}

/* XMM8 to 15 are there in 64-bit mode alone, and stay elsewhere. */
static unsigned xmm_count(const struct vmi_cpu *c)
{
	return c->mode == 64 ? 16 : 8;
}

/* -- Guest memory ------------------------------------------------------- */

static void fetch(struct vmi_cpu *c, uint64_t at, struct image *m,
	unsigned bytes)
{
	unsigned n;

	vmi_check(c, at, bytes, VMI_MEM_READ);
	for (n = 0; n < bytes; n += 8)
		put(m->bytes + n, vmi_read(c, (at + n) & c->amask, 8), 8);
}

static void store(struct vmi_cpu *c, uint64_t at, const struct image *m,
	unsigned from, unsigned to)
{
	for (; from < to; from += 8)
		vmi_write(c, (at + from) & c->amask, get(m->bytes + from, 8),
			8);
}

static void store_x87(struct vmi_cpu *c, uint64_t at, const struct image *m)
{
	store(c, at, m, AREA_FCW, AREA_MXCSR);
	store(c, at, m, AREA_ST, AREA_XMM);
}

static void store_xmm(struct vmi_cpu *c, uint64_t at, const struct image *m)
{
	store(c, at, m, AREA_XMM, AREA_XMM + 16 * xmm_count(c));
}

/* -- FXSAVE and FXRSTOR ------------------------------------------------- */

static uint64_t begin_fx(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t at = vmi_ea(c, op);

	if (c->cr0 & (VMI_CR0_EM | VMI_CR0_TS))
		vmi_raise(c, VMI_NM);
	if (at & 15)
		vmi_raise_code(c, VMI_GP, 0);
	return at;
}

/* Without CR4.OSFXSR processors leave the XMM registers out, not MXCSR. */
void vmi_do_fxsave(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t at = begin_fx(c, op);
	struct image m = { .wide = vmi_op_size(op) == 8 };

	save_x87(&c->fpu, &m);
	save_mxcsr(&c->fpu, &m);
	save_xmm(&c->fpu, &m, 16);
	vmi_check(c, at, AREA_LEGACY, VMI_MEM_WRITE);
	store_x87(c, at, &m);
	store(c, at, &m, AREA_MXCSR, AREA_ST);
	if (c->cr4 & VMI_CR4_OSFXSR)
		store_xmm(c, at, &m);
}

void vmi_do_fxrstor(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t at = begin_fx(c, op);
	struct image m = { .wide = vmi_op_size(op) == 8 };

	fetch(c, at, &m, AREA_LEGACY);
	if (image_mxcsr(&m) & ~VMI_MXCSR_VALID)
		vmi_raise_code(c, VMI_GP, 0);
	load_x87(&c->fpu, &m);
	vmi_mxcsr_set(&c->fpu, image_mxcsr(&m));
	if (c->cr4 & VMI_CR4_OSFXSR)
		load_xmm(&c->fpu, &m, xmm_count(c));
}

/* -- XSAVE and XRSTOR --------------------------------------------------- */

static uint64_t begin_x(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t at = vmi_ea(c, op);

	if (!(c->cr4 & VMI_CR4_OSXSAVE))
		vmi_raise(c, VMI_UD);
	if (c->cr0 & VMI_CR0_TS)
		vmi_raise(c, VMI_NM);
	if (at & 63)
		vmi_raise_code(c, VMI_GP, 0);
	return at;
}

/* The requested components: RFBM of SDM 1 13.7. */
static unsigned requested(const struct vmi_cpu *c)
{
	return (unsigned)(c->r[VMI_RAX] & c->xcr0 & (X87 | SSE));
}

void vmi_do_xsave(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t at = begin_x(c, op), bv;
	struct image m = { .wide = vmi_op_size(op) == 8 };
	unsigned want = requested(c);

	save_x87(&c->fpu, &m);
	save_mxcsr(&c->fpu, &m);
	save_xmm(&c->fpu, &m, 16);
	vmi_check(c, at, VMI_XSAVE_BYTES, VMI_MEM_WRITE);
	bv = vmi_read_rmw(c, (at + AREA_XSTATE_BV) & c->amask, 8);
	if (want & X87)
		store_x87(c, at, &m);
	if (want & SSE) {
		store(c, at, &m, AREA_MXCSR, AREA_ST);
		store_xmm(c, at, &m);
	}
	vmi_write(c, (at + AREA_XSTATE_BV) & c->amask, bv | want, 8);
}

void vmi_do_xsaveopt(struct vmi_cpu *c, const struct vmi_op *op)
{
	vmi_do_xsave(c, op);
}

/* SDM 1 13.8: what the header may say of an area in the standard format. */
static bool header_valid(const struct image *m, uint64_t components)
{
	return !(get(m->bytes + AREA_XSTATE_BV, 8) & ~components) &&
		!get(m->bytes + AREA_XCOMP_BV, 8) &&
		!get(m->bytes + AREA_RESERVED, 8);
}

static void load_components(struct vmi_fpu *f, const struct image *m,
	unsigned want, unsigned n_xmm)
{
	uint64_t bv = get(m->bytes + AREA_XSTATE_BV, 8);

	if ((want & X87) && (bv & X87))
		load_x87(f, m);
	else if (want & X87)
		init_x87(f);
	if (!(want & SSE))
		return;
	/* MXCSR comes from memory whatever XSTATE_BV says (SDM 1 13.8.1). */
	vmi_mxcsr_set(f, image_mxcsr(m));
	if (bv & SSE)
		load_xmm(f, m, n_xmm);
	else
		memset(f->xmm, 0, n_xmm * sizeof(f->xmm[0]));
}

void vmi_do_xrstor(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t at = begin_x(c, op);
	struct image m = { .wide = vmi_op_size(op) == 8 };
	unsigned want = requested(c);

	fetch(c, at, &m, VMI_XSAVE_BYTES);
	if (!header_valid(&m, c->xcr0) || ((want & SSE) &&
		(image_mxcsr(&m) & ~VMI_MXCSR_VALID)))
		vmi_raise_code(c, VMI_GP, 0);
	load_components(&c->fpu, &m, want, xmm_count(c));
}

/* -- MXCSR -------------------------------------------------------------- */

void vmi_do_ldmxcsr(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint32_t v;

	vmi_simd_begin(c, op);
	v = (uint32_t)vmi_read(c, vmi_ea(c, op), 4);
	if (v & ~VMI_MXCSR_VALID)
		vmi_raise_code(c, VMI_GP, 0);
	vmi_mxcsr_set(&c->fpu, v);
}

void vmi_do_stmxcsr(struct vmi_cpu *c, const struct vmi_op *op)
{
	vmi_simd_begin(c, op);
	vmi_write(c, vmi_ea(c, op), vmi_mxcsr(&c->fpu), 4);
}

/* -- For the backend ---------------------------------------------------- */

void vmi_xsave_get(const struct vmi_cpu *c, uint8_t area[VMI_XSAVE_BYTES])
{
	struct image m = { .wide = true };

	save_x87(&c->fpu, &m);
	save_mxcsr(&c->fpu, &m);
	save_xmm(&c->fpu, &m, 16);
	put(m.bytes + AREA_XSTATE_BV, X87 | SSE, 8);
	memcpy(area, m.bytes, sizeof(m.bytes));
}

int vmi_xsave_set(struct vmi_cpu *c, const uint8_t *area, size_t bytes)
{
	struct image m = { .wide = true };

	if (bytes < AREA_LEGACY)
		return -EINVAL;
	if (bytes < VMI_XSAVE_BYTES)
		put(m.bytes + AREA_XSTATE_BV, X87 | SSE, 8);
	memcpy(m.bytes, area, bytes < VMI_XSAVE_BYTES ? AREA_LEGACY :
		VMI_XSAVE_BYTES);
	if (!header_valid(&m, X87 | SSE) ||
		(image_mxcsr(&m) & ~VMI_MXCSR_VALID))
		return -EINVAL;
	load_components(&c->fpu, &m, X87 | SSE, 16);
	return 0;
}
