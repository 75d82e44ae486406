/* SPDX-License-Identifier: MIT */
/* Instructions at privilege level 0, on the software processor alone. */
#ifndef VMI_TESTS_VECTORS_VEC_SYSTEM_H
#define VMI_TESTS_VECTORS_VEC_SYSTEM_H

#include "tests/vectors/vec.h"

/* What is set before and looked at after. */
enum {
	VEC_SYS_RAX, VEC_SYS_RCX, VEC_SYS_RDX, VEC_SYS_RFLAGS, VEC_SYS_CR0,
	VEC_SYS_CR2, VEC_SYS_GDTR, VEC_SYS_IDTR, VEC_SYS_GS_BASE,
	VEC_SYS_MEMORY, VEC_SYS_ITEMS
};

struct vec_system {
	const uint8_t *bytes;
	unsigned len;
	uint64_t item[VEC_SYS_ITEMS];
	uint64_t rip; /* after */
};

/* The items as a case finds them. */
void vec_soft_system_items(uint64_t item[VEC_SYS_ITEMS]);
/* Execute at VEC_CODE; ports read as 5AH. */
void vec_soft_system(struct vec_system *s);

/* Failures, each printed; *rows is how many rows were executed. */
unsigned vec_system_check(unsigned *rows);

#endif
