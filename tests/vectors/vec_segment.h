/* SPDX-License-Identifier: MIT */
/* Worlds of cases and the local descriptor table of those not flat. */
#ifndef VMI_TESTS_VECTORS_VEC_SEGMENT_H
#define VMI_TESTS_VECTORS_VEC_SEGMENT_H

#include "tests/vectors/vec_values.h"

enum {
	VEC_S_NONE, VEC_S_CODE16, VEC_S_CODE16_END, VEC_S_DATA16,
	VEC_S_ENDS16, VEC_S_STACK16, VEC_S_CODE32_SHORT, VEC_S_CODE16_SHORT,
	VEC_S_CODE32_X, VEC_S_CODE16_X, VEC_S_UP, VEC_S_UP_B0,
	VEC_S_UP_PAGES, VEC_S_DOWN, VEC_S_DOWN_B0, VEC_S_DOWN_PAGES,
	VEC_S_FIXED, VEC_S_FIXED_DOWN, VEC_S_CODE_DATA, VEC_S_ABSENT,
	VEC_S_ABSENT_CODE, VEC_S_ABSENT_CONF, VEC_SEGMENTS
};

#define VEC_LDT(n) ((uint16_t)((n) << 3 | 7))

/* A descriptor of code or data; all zeros: an empty one. */
struct vec_segment {
	uint32_t base, limit; /* the limit in bytes or pages */
	uint8_t type;
	bool big, pages, present;
};

extern const struct vec_segment vec_segments[VEC_SEGMENTS];

/* Of a selector into the LDT, else NULL. */
const struct vec_segment *vec_segment(uint16_t selector);
uint32_t vec_segment_limit(const struct vec_segment *s);
uint64_t vec_descriptor(const struct vec_segment *s);

/*
 * Real and virtual-8086 mode have the pages of a case at VEC_LOW, and instead
 * of a selector the base that the segment has there.
 */
#define VEC_LOW 0x10000u
uint16_t vec_real_selector(uint16_t selector);

/* Of a case's segment register, as enum vmi_seg numbers them. */
uint16_t vec_selector_of(const struct vec_state *s, unsigned seg);
uint64_t vec_base_of(const struct vec_case *c, unsigned seg);
uint64_t vec_linear_ip(const struct vec_state *s);
/* The linear address of the top of the stack. */
uint64_t vec_stack(const struct vec_case *c);

/* Selectors of a case, whose instruction is known. */
void vec_choose_segments(struct vec_case *c, struct vec_random *r);
uint16_t vec_any_selector(struct vec_random *r);
/* A linear address near an edge of a segment, or well inside. */
uint64_t vec_near_limit(const struct vec_case *c, unsigned seg,
	struct vec_random *r);

#endif
