/* SPDX-License-Identifier: MIT */
/* Short uses of the public interface, each of which may fail at any point. */
#ifndef TESTS_FAULT_SCENARIO_H
#define TESTS_FAULT_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmapi/vmapi.h>

#define FAULT_RAM 0x10000u /* bytes at gpa 0 */

/* What a scenario has. */
struct world {
	const char *backend;
	const char *call; /* the text of the last one */
	struct vmapi *ctx;
	struct vmapi_vm *vm;
	struct vmapi_as *as;
	struct vmapi_ram *ram;
	struct vmapi_vcpu *vcpu;
	int32_t fds[4]; /* its own; -1: none */
	void *more; /* its own */
	int told;   /* an error that came by a callback */
	bool wrong; /* a condition did not hold */
};

/* Where it runs. */
#define ON_SOFT (1u << 0)
#define ON_KVM	(1u << 1)
#define ON_ALL	(ON_SOFT | ON_KVM)

/* What it is given. */
enum base {
	BASE_NOTHING,
	BASE_CONTEXT,
	BASE_MACHINE /* a VM with RAM at 0 and a vcpu in real mode */
};

#define NO_SHORT (1u << 0) /* its sockets move packets */
#define OWN_FDS	 (1u << 2) /* it needs descriptors of its own */
#define RACES	 (1u << 3) /* with a thread: calls come as they like */
#define NO_AGAIN (1u << 1) /* a failure leaves nothing to go on with */

/*
 * `act` is what fails: its result is that of the call that failed, or 0.  It
 * leaves things so that it can be done again.  What `prepare` made `finish`
 * takes back.
 */
struct scenario {
	const char *name;
	unsigned where;
	enum base base;
	unsigned flags;
	struct vmapi_vm_config config;
	int (*prepare)(struct world *w);
	int (*act)(struct world *w);
	void (*finish)(struct world *w);
};

/* A list that ends with a name that is NULL. */
extern const struct scenario fault_core[], fault_events[], fault_state[],
	fault_remote[], fault_loop[], fault_x86[];

/* Device programs were there to be loaded. */
extern bool fault_has_programs;

/* A call of the library, noted. */
#define TRY(w, c) ((w)->call = #c, (c))

/* A condition that has to hold, whatever failed. */
#define HOLDS(w, cond) fault_holds(w, cond, #cond, __FILE__, __LINE__)
void fault_holds(struct world *w, bool good, const char *what,
	const char *file, int line);

/* Map [gpa, gpa + bytes) to the world's RAM at offset; take it away. */
int fault_map(struct world *w, uint64_t gpa, uint64_t bytes, uint64_t offset,
	unsigned flags);
int fault_unmap(struct world *w, uint64_t gpa, uint64_t bytes);
/* Put code where the vcpu starts. */
int fault_code(struct world *w, const void *code, size_t bytes);

#endif
