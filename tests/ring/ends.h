/* SPDX-License-Identifier: MIT */
/* The ring's functions, built with one kind of fence or another. */
#ifndef TESTS_RING_ENDS_H
#define TESTS_RING_ENDS_H

struct vmapi_ring_end;

struct ends {
	const char *name;
	/* Put one message in or take it out; whether to signal. */
	int (*put)(struct vmapi_ring_end *end);
	int (*take)(struct vmapi_ring_end *end);
	/* Whether to sleep. */
	int (*want_data)(struct vmapi_ring_end *end);
	int (*want_room)(struct vmapi_ring_end *end);
};

/* On this machine; and in the model of one, tests/ring/model.c. */
extern const struct ends real_fenced, real_classic;
extern const struct ends model_fenced, model_classic;

/* The model's, in place of the compiler's. */
unsigned model_load(unsigned *from);
void model_store(unsigned *to, unsigned value);
unsigned model_swap(unsigned *with, unsigned value);
void model_fence(void);

#endif
