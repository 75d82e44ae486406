/* SPDX-License-Identifier: MIT */
/* A processor of flat memory, for tests of single helpers. */
#ifndef TESTS_SOFT_INT_STUB_H
#define TESTS_SOFT_INT_STUB_H

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "lib/soft/engine.h"

/*
 * Linear addresses are offsets into `memory`, modulo its size.  A page may
 * refuse: ABSENT faults, WATCHED has no host address (a device), CODE has
 * none for writes.
 */
#define STUB_PAGES 32u
#define STUB_BYTES (STUB_PAGES << 12)

enum stub_page { STUB_RAM, STUB_ABSENT, STUB_WATCHED, STUB_CODE };

struct stub {
	uint8_t memory[STUB_BYTES];
	enum stub_page page[STUB_PAGES];
	struct vmi_cpu cpu;
	struct vmi_op op;
	unsigned events_after; /* vmi_element_done() says so then; 0: never */
	unsigned looks;
	unsigned host_runs, accesses;
	uint64_t written; /* the address of the last vmi_write() */
	uint32_t port_log[64];
	unsigned n_ports;
	unsigned failures;
};

/* How an instruction ended. */
enum { STUB_DONE, STUB_FAULT, STUB_AGAIN };

extern struct stub stub;

/* Run a helper: STUB_. */
int stub_run(void (*helper)(struct vmi_cpu *, const struct vmi_op *));

/* A fresh processor in 64-bit mode (16 or 32: flat segments). */
void stub_reset(unsigned mode);

uint64_t stub_random(void);

void stub_fail(const char *what, uint64_t got, uint64_t want);

#endif
