/* SPDX-License-Identifier: MIT */
/* What registers, memory and the floating-point state of a case hold. */
#ifndef VMI_TESTS_VECTORS_VEC_VALUES_H
#define VMI_TESTS_VECTORS_VEC_VALUES_H

#include "tests/vectors/vec.h"

enum { VEC_CX = 1, VEC_DX, VEC_BX, VEC_SP, VEC_BP, VEC_SI, VEC_DI };

/* Offsets in the image of FXSAVE64: SDM 1 table 10-2. */
enum {
	VEC_FX_FCW = 0, VEC_FX_FSW = 2, VEC_FX_FTW = 4, VEC_FX_FOP = 6,
	VEC_FX_FIP = 8, VEC_FX_FDP = 16, VEC_FX_MXCSR = 24, VEC_FX_MASK = 28,
	VEC_FX_ST = 32, VEC_FX_XMM = 160, VEC_FX_END = 416
};

/* Fill c->in.fx and c->mem; the instruction is known. */
void vec_values(struct vec_case *c, struct vec_random *r);

#endif
