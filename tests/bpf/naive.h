/* SPDX-License-Identifier: MIT */
/* An interpreter of device programs that checks each step. */
#ifndef TESTS_BPF_NAIVE_H
#define TESTS_BPF_NAIVE_H

#include "lib/region/bpf/bpf.h"

enum naive_end {
	NAIVE_DONE,
	NAIVE_LONG, /* more than `limit` steps */
	NAIVE_WRONG /* it did what no verified program may: `why` */
};

struct naive {
	const struct vmi_bpf_code *code;
	uint8_t *context;
	uint64_t limit;
	uint64_t result;
	const char *why;
	size_t at; /* the instruction */
};

/* Helpers: muldiv, and what `now` gives. */
#define NAIVE_NOW 0x123456789abcu

enum naive_end naive_run(struct naive *n);

#endif
