/* SPDX-License-Identifier: MIT */
/*
 * Worlds, and the segments of those that are not flat.
 *
 * Data and stack pages are 64 KiB apart, so that a 16-bit segment that begins
 * in the middle of the one ends in the middle of the other: what wraps at 64
 * KiB finds memory at both ends.  All is what a local descriptor table of
 * Linux may hold: accessed, and of privilege level 3.
 */
#include "tests/vectors/vec_segment.h"

const struct vec_world vec_worlds[VEC_WORLDS] = {
	[VEC_W64] = { "64-bit", 64, 32, 64, false, VEC_USER, VEC_MODE_64 },
	[VEC_W32] = { "32-bit", 32, 32, 32, false, VEC_USER, VEC_MODE_32 },
	[VEC_W16] = { "16-bit", 16, 32, 16, false, VEC_USER, VEC_MODE_16 },
	[VEC_L32] = { "32-bit with limits", 32, 8, 132, true, VEC_USER,
		VEC_MODE_32 },
	[VEC_L16] = { "16-bit with limits", 16, 8, 116, true, VEC_USER,
		VEC_MODE_16 },
	[VEC_R16] = { "real mode", 16, 25, 17, false, VEC_REAL,
		VEC_MODE_REAL },
	[VEC_V86] = { "virtual-8086", 16, 25, 18, false, VEC_VM86,
		VEC_MODE_VM86 },
	[VEC_S64] = { "64-bit supervisor", 64, 25, 65, false, VEC_SYSTEM,
		VEC_MODE_64 },
	[VEC_S32] = { "32-bit supervisor", 32, 25, 33, false, VEC_SYSTEM,
		VEC_MODE_32 },
};

/* SDM 3A table 3-1: types, with the accessed bit. */
enum { RO = 1, RW = 3, RO_DOWN = 5, RW_DOWN = 7, X = 9, XR = 11, XR_CONF = 15 };

const struct vec_segment vec_segments[VEC_SEGMENTS] = {
	[VEC_S_CODE16] = { VEC_CODE, 0xffff, XR, false, false, true },
	[VEC_S_CODE16_END] = { VEC_CODE - 0xf000, 0xffff, XR, false, false,
		true },
	[VEC_S_DATA16] = { VEC_DATA, 0xffff, RW, false, false, true },
	[VEC_S_ENDS16] = { VEC_DATA + 0x800, 0xffff, RW, false, false, true },
	[VEC_S_STACK16] = { VEC_STACK, 0xffff, RW, false, false, true },
	[VEC_S_CODE32_SHORT] = { VEC_CODE, 0xbff, XR, true, false, true },
	[VEC_S_CODE16_SHORT] = { VEC_CODE, 0xbff, XR, false, false, true },
	[VEC_S_CODE32_X] = { VEC_CODE, 0xfff, X, true, false, true },
	[VEC_S_CODE16_X] = { VEC_CODE, 0xfff, X, false, false, true },
	[VEC_S_UP] = { VEC_DATA, 0x7ff, RW, true, false, true },
	[VEC_S_UP_B0] = { VEC_DATA, 0x7ff, RW, false, false, true },
	[VEC_S_UP_PAGES] = { VEC_DATA - 0x400, 0, RW, true, true, true },
	[VEC_S_DOWN] = { VEC_DATA, 0x7ff, RW_DOWN, true, false, true },
	[VEC_S_DOWN_B0] = { VEC_DATA + 0x800, 0x1ff, RW_DOWN, false, false,
		true },
	[VEC_S_DOWN_PAGES] = { VEC_DATA - 0x800, 0, RW_DOWN, true, true,
		true },
	[VEC_S_FIXED] = { VEC_DATA, 0x7ff, RO, true, false, true },
	[VEC_S_FIXED_DOWN] = { VEC_DATA, 0x7ff, RO_DOWN, true, false, true },
	[VEC_S_CODE_DATA] = { VEC_DATA, 0x7ff, XR, true, false, true },
	[VEC_S_ABSENT] = { VEC_DATA, 0xffff, RW, true, false, false },
	[VEC_S_ABSENT_CODE] = { VEC_CODE, 0xffff, XR, false, false, false },
	[VEC_S_ABSENT_CONF] = { VEC_CODE, 0xffff, XR_CONF, false, false,
		false },
};

const struct vec_segment *vec_segment(uint16_t selector)
{
	unsigned n = selector >> 3;

	return (selector & 4) && n < VEC_SEGMENTS ? &vec_segments[n] : NULL;
}

uint32_t vec_segment_limit(const struct vec_segment *s)
{
	return s->pages ? s->limit << 12 | 0xfff : s->limit;
}

/* SDM 3A figure 3-8. */
uint64_t vec_descriptor(const struct vec_segment *s)
{
	uint64_t d = s->limit & 0xffff;

	d |= (uint64_t)(s->base & 0xffffff) << 16;
	d |= (uint64_t)(0x70u | s->type | (s->present ? 0x80u : 0)) << 40;
	d |= (uint64_t)(s->limit >> 16 & 15) << 48;
	d |= (uint64_t)((s->big ? 4u : 0) | (s->pages ? 8u : 0)) << 52;
	return d | (uint64_t)(s->base >> 24) << 56;
}

uint16_t vec_real_selector(uint16_t selector)
{
	const struct vec_segment *s = vec_segment(selector);

	return s ? (uint16_t)((s->base - VEC_BASE + VEC_LOW) >> 4) : selector;
}

uint16_t vec_selector_of(const struct vec_state *s, unsigned seg)
{
	const uint16_t selectors[] = { s->es, s->cs, s->ss, s->ds, 0, s->gs };

	return selectors[seg];
}

uint64_t vec_base_of(const struct vec_case *c, unsigned seg)
{
	const struct vec_segment *s;

	if (c->insn.mode == 64)
		return seg == VMI_GS ? VEC_GS : 0;
	s = vec_segment(vec_selector_of(&c->in, seg));
	return s ? s->base : 0;
}

uint64_t vec_linear_ip(const struct vec_state *state)
{
	const struct vec_segment *s = vec_segment(state->cs);

	return state->rip + (s ? s->base : 0);
}

/* Without the big flag, of SS, the stack pointer is SP. */
uint64_t vec_stack(const struct vec_case *c)
{
	const struct vec_segment *s = vec_segment(c->in.ss);

	if (!s)
		return c->in.r[VEC_SP];
	return s->base + (c->in.r[VEC_SP] & (s->big ? UINT32_MAX : 0xffff));
}

static uint16_t one_of(const uint8_t *numbers, unsigned n,
	struct vec_random *r)
{
	return VEC_LDT(numbers[vec_below(r, n)]);
}

static void with_limits(struct vec_state *s, unsigned bits,
	struct vec_random *r)
{
	static const uint8_t data[] = { VEC_S_UP, VEC_S_UP_PAGES, VEC_S_DOWN,
		VEC_S_DOWN_B0, VEC_S_DOWN_PAGES, VEC_S_FIXED,
		VEC_S_FIXED_DOWN, VEC_S_CODE_DATA, VEC_S_UP_B0, VEC_S_UP };
	static const uint8_t stacks[] = { VEC_S_UP, VEC_S_UP_B0,
		VEC_S_UP_PAGES, VEC_S_DOWN, VEC_S_DOWN_B0, VEC_S_DOWN_PAGES };

	if (bits == 32)
		s->cs = VEC_LDT(vec_below(r, 3) ? VEC_S_CODE32_SHORT :
			VEC_S_CODE32_X);
	else
		s->cs = VEC_LDT(vec_below(r, 3) ? VEC_S_CODE16_SHORT :
			VEC_S_CODE16_X);
	s->ss = one_of(stacks, sizeof(stacks), r);
	s->ds = one_of(data, sizeof(data), r);
	s->es = one_of(data, sizeof(data), r);
	s->gs = vec_below(r, 4) ? one_of(data, sizeof(data), r) : 0;
	if (vec_below(r, 16) == 0)
		s->ds = 0;
	if (vec_below(r, 16) == 0)
		s->es = 0;
}

void vec_choose_segments(struct vec_case *c, struct vec_random *r)
{
	struct vec_state *s = &c->in;

	s->gs_base = VEC_GS;
	if (vec_worlds[c->world].limits) {
		with_limits(s, c->insn.mode, r);
		return;
	}
	s->cs = c->insn.mode == 64 ? VEC_CS64 : VEC_CS32;
	s->ss = s->ds = s->es = VEC_SS;
	s->gs = 0;
	if (vec_worlds[c->world].kind == VEC_SYSTEM) {
		s->cs = c->insn.mode == 64 ? VEC_KERNEL_CS64 :
			VEC_KERNEL_CS32;
		s->ss = s->ds = s->es = VEC_KERNEL_SS;
	}
	if (c->insn.mode != 16)
		return;
	s->cs = VEC_LDT(vec_below(r, 4) ? VEC_S_CODE16 : VEC_S_CODE16_END);
	s->ss = VEC_LDT(vec_below(r, 4) ? VEC_S_STACK16 : VEC_S_ENDS16);
	s->ds = VEC_LDT(vec_below(r, 4) ? VEC_S_DATA16 : VEC_S_ENDS16);
	s->es = VEC_LDT(vec_below(r, 2) ? VEC_S_DATA16 : VEC_S_ENDS16);
	s->gs = VEC_LDT(VEC_S_ENDS16);
}

uint16_t vec_any_selector(struct vec_random *r)
{
	/* One more than there are, and of each privilege level. */
	return (uint16_t)(vec_below(r, VEC_SEGMENTS + 1) << 3 | 4 |
		(vec_below(r, 4) ? 3 : vec_below(r, 3)));
}

uint64_t vec_near_limit(const struct vec_case *c, unsigned seg,
	struct vec_random *r)
{
	const struct vec_segment *s =
		vec_segment(vec_selector_of(&c->in, seg));
	bool down = s && (s->type & 12) == 4;
	uint32_t limit = s ? vec_segment_limit(s) : 0x7ff, at;
	uint64_t base = s ? s->base : VEC_DATA;

	switch (vec_below(r, 8)) {
	case 0: /* either side of the limit */
	case 1:
	case 2: at = limit + 1 - 16 + vec_below(r, 20); break;
	case 3: /* the other end of the segment */
		at = (down && !s->big ? 0x10000u : 0) - 8 + vec_below(r, 16);
		break;
	default:
		at = down ? limit + 1 + vec_below(r, 0x300) :
			limit - 0x40 - vec_below(r, 0x300);
	}
	return base + at;
}
