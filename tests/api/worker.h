/* SPDX-License-Identifier: MIT */
/* A guest that computes a checksum, to be moved about. */
#ifndef TESTS_API_WORKER_H
#define TESTS_API_WORKER_H

#include "tests/api/api.h"

#define WORKER_ROUNDS 40u
#define WORKER_PAGE   0x2000u /* what it works on */

/* Fill in m, of another backend, like api_machine(). */
void twin(struct machine *m, const char *backend,
	const struct vmapi_vm_config *config);

/* Put the guest into a machine. */
void worker_load(struct machine *m);
/*
 * Run to the next exit.  A read of its device is answered, not yet taken;
 * *reads counts them.
 */
unsigned worker_go_on(struct machine *m, struct vmapi_exit *exit,
	unsigned *reads);
/* What it gives to port 0x11 in the end. */
uint32_t worker_expected(void);

#endif
