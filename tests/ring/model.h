/* SPDX-License-Identifier: MIT */
/* One side of a ring changes something, the other goes to sleep. */
#ifndef TESTS_RING_MODEL_H
#define TESTS_RING_MODEL_H

#include <vmapi/guest/ring.h>

struct meeting {
	/* The first returns whether it signals, the second whether it sleeps. */
	int (*does[2])(struct vmapi_ring_end *end);
	struct vmapi_ring_end end[2];
	unsigned head, tail;
};

struct outcome {
	unsigned long ways;  /* in which they met */
	unsigned long slept;
	unsigned long lost;  /* it slept, and nobody signalled */
	unsigned long stuck; /* of the model: never */
};

/* Every way there is. */
void meet_in_model(const struct meeting *meeting, struct outcome *outcome);

#endif
