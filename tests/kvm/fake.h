/* SPDX-License-Identifier: MIT */
/* A kernel behind lib/sys that records, and whose exits are scripted. */
/*
 * It knows a descriptor's class before it looks at a request: numbers mean
 * different things on the system's, a VM's and a vcpu's.  It keeps what is
 * set and gives it back, byte by byte, so that it shows encodings and orders,
 * not what a kernel does with them.
 */
#ifndef TESTS_KVM_FAKE_H
#define TESTS_KVM_FAKE_H

#include <stdbool.h>

#include "lib/kvm/arch.h"

enum fake_class {
	FAKE_NONE,
	FAKE_SYSTEM,
	FAKE_VM,
	FAKE_VCPU
};

/* State that a pair of ioctls moves. */
struct fake_pair {
	unsigned long get;
	unsigned long set;
	size_t bytes;
	unsigned block; /* in the architecture's tables */
};

struct fake_cap {
	unsigned number;
	int value;
};

/* One architecture's kernel. */
struct fake_kernel {
	const struct fake_cap *caps; /* beside those that all have */
	size_t n_caps;
	const struct fake_pair *pairs;
	size_t n_pairs;
	bool lists; /* KVM_GET_REG_LIST works */
	void (*born)(struct kvm_run *run); /* a vcpu; may be NULL */
	/* All other requests; -ENOTTY: none of mine.  May be NULL. */
	int (*other)(enum fake_class class, unsigned long request, void *arg);
};

struct fake_call {
	enum fake_class class;
	unsigned long request;
	uint64_t id; /* of ONE_REG */
};

#define FAKE_CALLS 8192
#define FAKE_EXITS 8
#define FAKE_PAGES 8192 /* of 4 KiB, whose attributes it knows */

struct fake {
	const struct fake_kernel *kernel;
	struct fake_call calls[FAKE_CALLS];
	size_t n_calls;
	/* Setting this register, or this request, fails. */
	uint64_t refused_id;
	unsigned long refused_request;
	int refused_error;
	bool is_strict; /* not any number is an MP state */
	/* What the next entries end with; then a shutdown. */
	void (*script[FAKE_EXITS])(struct kvm_run *run);
	size_t n_script, next;
	/* The shared area as the last entry found it. */
	uint32_t entry_reason;
	bool entry_immediate;
	struct kvm_enable_cap enabled; /* the last, of a vcpu */
	uint64_t vm_type; /* of the last VM */
	/* What addresses can be, 0: nothing; and what they are. */
	unsigned attributes;
	uint8_t attributes_of[FAKE_PAGES];
	struct vmi_kvm_memory_attributes asked; /* the last */
	/* SET_MEMORY_ATTRIBUTES number n, from 1, and later ones fail so. */
	unsigned attributes_refuse_from;
	int attributes_error;
	uint8_t entry_union[256];
};

extern struct fake fake;

/* Put it behind lib/sys, with all that it keeps forgotten. */
void fake_install(const struct fake_kernel *kernel);
void fake_forget_calls(void);
/* How often a request came; where it first came, or n_calls. */
size_t fake_count(unsigned long request);
size_t fake_first(unsigned long request);
/* A value that it keeps by an id; NULL: none. */
void *fake_register(uint64_t id);

#endif
