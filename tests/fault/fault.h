/* SPDX-License-Identifier: MIT */
/* A door to the host that fails when it is told to, and counts. */
#ifndef TESTS_FAULT_FAULT_H
#define TESTS_FAULT_FAULT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/sys/sys.h"

struct fault_site;

enum fault_call {
#define FAULT_CALL(name, ...) FAULT_CALL_##name,
#include "tests/fault/calls.def"
#undef FAULT_CALL
	FAULT_CALLS
};

enum fault_result {
	TOLD, /* an error is the caller's */
	DONE, /* it is done, whatever comes back */
	NEVER /* does not fail */
};

#define FAULT_ERRNOS 12

struct fault_kind {
	const char *name;
	const char *page;
	enum fault_result result;
	int errnos[FAULT_ERRNOS]; /* positive; 0 ends them */
};

extern const struct fault_kind fault_kinds[FAULT_CALLS];

enum fault_mode {
	FAULT_OFF,
	FAULT_COUNT,
	FAULT_ONE,   /* of the calls like one, number `at` fails with `code` */
	FAULT_STORM, /* what can, fails with `code` `at` times before it works */
	FAULT_DEAD,  /* from call `at` on the kernel's VMs give EIO */
	FAULT_SHORT  /* reads and writes move less than they are given */
};

/* A call as it came. */
struct fault_event {
	struct fault_site *site;
	enum fault_call call;
	unsigned long request; /* of ioctl; of others a way: FAULT_WAY_ */
};

/* Whether they are of one place and kind. */
bool fault_is_alike(const struct fault_event *a, const struct fault_event *b);

/*
 * Reads and writes of a counter (eventfd, timerfd); a poll that only looks; a
 * receive from a socket that has something.
 */
#define FAULT_WAY_COUNTER 1u
#define FAULT_WAY_LOOK	  2u
#define FAULT_WAY_READY	  3u

/* A request that only asks whether there could be such a device. */
#define FAULT_TEST_DEVICE (1ull << 32 | KVM_CREATE_DEVICE)

/* What it can fail with, ended by 0. */
const int *fault_errnos(const struct fault_event *event);
enum fault_result fault_result(const struct fault_event *event);

/* Put it before the door that is in use. */
void fault_install(void);

/*
 * From now on the calling thread's calls are counted.  fault_end() tells how
 * many there were, and how many were not as they should be.
 */
void fault_begin(enum fault_mode mode, unsigned at, int code,
	const struct fault_event *like);
unsigned fault_end(void);
unsigned fault_injected(void);
/* The n-th of them, from 1. */
const struct fault_event *fault_event(unsigned n);

/* What the process has of the library's. */
struct fault_ledger {
	long allocations;
	long mapped; /* bytes */
	long threads;
	long timers;
	long descriptors;
};

struct fault_ledger fault_ledger(void);

/* Each site, those of inline functions in headers once: NULL behind the last. */
struct fault_site *fault_sites(size_t n);

#endif
