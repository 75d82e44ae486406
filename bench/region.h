/* SPDX-License-Identifier: MIT */
/* A guest that makes one access again and again: for the parts of a bench. */
#ifndef BENCH_REGION_H
#define BENCH_REGION_H

#include <sys/types.h>

#include <vmapi/vmapi.h>

#define ROUNDS	 15
#define RAM	 0x10000u /* below it RAM, above it regions of 16 bytes */
#define CODE	 0x1000u
#define MOST	 10000u
#define N_OF(a) (sizeof(a) / sizeof((a)[0]))

struct machine {
	struct vmapi *ctx;
	struct vmapi_vm *vm;
	struct vmapi_as *as;
	struct vmapi_ram *ram;
	struct vmapi_vcpu *vcpu;
	struct vmapi_region *regions[MOST];
	unsigned n;
};

void must(int err);
void need(int good, const char *what);
double now(void); /* ns */
double median(double *of); /* of ROUNDS, which are sorted then */

/* `config` may be NULL.  The vcpu is made by machine_start(). */
void machine_open(struct machine *m, const char *backend,
	const struct vmapi_vm_config *config);
void machine_start(struct machine *m);
void machine_close(struct machine *m);

/* To the end at port 0x99: nanoseconds for each of so many accesses. */
double run(struct machine *m, unsigned accesses);

/* bench/region_kinds.c: who answers, on each backend. */
void kinds(const char *backend);

/* bench/region_peers.c: other processes. */
struct echo {
	int fd, processor;
	pid_t pid;
};

#define ANYWHERE (-1)

/*
 * Where the other one is pinned.  The caller is on processor 0 meanwhile, or
 * ANYWHERE, which is where it is at first.
 */
void stay(int processor);

/* Sends back what it gets. */
void echo_start(struct echo *echo, int processor);
double echo_time(struct echo *echo, unsigned times);
void echo_stop(struct echo *echo);
/* A cache line between two threads, on two processors: there and back. */
double line_time(unsigned times);
/* A device process; returns after the handshake is possible. */
pid_t device_start(
	struct vmapi_channel_config *config, int type, int processor);
/* The chips of an APIC bus. */
pid_t chips_start(int *fd);
void fleets(void);

#endif
