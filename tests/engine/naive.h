/* SPDX-License-Identifier: MIT */
/* A second consumer of operations, which knows no handler. */
#ifndef TESTS_ENGINE_NAIVE_H
#define TESTS_ENGINE_NAIVE_H

#include "lib/soft/block.h"

/* What a block came to. */
struct naive {
	unsigned done; /* instructions that completed */
	int fault;     /* the vector that the next one raises, or -1 */
	bool exit;     /* the next one asks a device */
	bool strange;  /* an operation that nobody knows, or no code */
};

/* Execute the block at c->rip. */
struct naive naive_block(struct vmi_cpu *c);

#endif
