/* SPDX-License-Identifier: MIT */
/* Handlers of pushes and pops on a flat stack, at its natural width. */
#include "lib/soft/alu.h"
#include "lib/soft/value.h"

#define BYTES 4
#include "lib/soft/stack_shapes.h"
#define BYTES 8
#include "lib/soft/stack_shapes.h"

#define FORMS(what)                                                            \
	{ { .any = h_##what##_4, .a = h_##what##_a_4 },                        \
	  { .any = h_##what##_8, .a = h_##what##_a_8 } }

const struct vmi_forms vmi_f_push_r[2] = FORMS(push_r);
const struct vmi_forms vmi_f_push_i[2] = FORMS(push_i);
const struct vmi_forms vmi_f_pop[2] = FORMS(pop);
