/* SPDX-License-Identifier: MIT */
/* What the native tests know of the architecture that they are built for. */
#ifndef TESTS_KVM_NATIVE_H
#define TESTS_KVM_NATIVE_H

#include <vmapi/vmapi.h>

#include "tests/kvm/check.h"
#include "tests/kvm/fake.h"

/* An exit: what the kernel leaves in the shared area, and what it means. */
struct native_exit {
	void (*fill)(struct kvm_run *run);
	bool (*means)(const struct vmapi_exit *exit);
	/* of the answer; 0: none.  Its 8-byte words are 0x1000, 0x1001 ... */
	uint32_t answer;
	/* What the next entry finds in the union; may be NULL. */
	bool (*answered)(const struct kvm_run *run);
};

/* A type of VM that is asked for, and what the kernel is asked for. */
struct native_type {
	uint64_t type;
	int64_t passed; /* -1: the library refuses it itself */
};

/* What tests/kvm/trace does here. */
struct native_trace {
	const char *pc;	  /* the name of the program counter */
	uint32_t irqchip; /* of its VM */
	uint32_t pin;	  /* a line that there is, or can be */
	bool tries;	  /* a guest is run to find out whether KVM is sound */
	/* Bytes that matter of an answer with a list; 0: it has none. */
	size_t (*list)(unsigned long request, const void *arg, int rc);
};

struct native {
	const char *name;
	struct native_trace trace;
	const struct native_type *types;
	size_t n_types;
	struct fake_kernel kernel;
	/* Requests that make a VM and a vcpu, in this order. */
	unsigned long birth[8];
	/* Any bytes can be set: false where the kernel's structs convert. */
	bool takes_all;
	const struct native_exit *exits;
	size_t n_exits;
	/* Cases of its own. */
	void (*more)(struct vmapi *ctx);
};

extern const struct native native;

/* Where this architecture has a hypercall: tests/kvm/native_calls.c. */
struct native_call {
	uint32_t way;
	uint64_t number, five; /* the register, and what it has for call 5 */
	uint64_t selector;     /* riscv's a7, else 0 */
	uint64_t args[9];
	uint64_t results[3];
	unsigned n_native; /* results that the shared area takes */
	void (*mode)(struct vmapi_vcpu *vcpu, bool is_user);
	void (*fill)(struct kvm_run *run);
	uint64_t (*returned)(const struct kvm_run *run, unsigned n);
};

extern const struct native_call native_call;
void native_calls(struct vmapi *ctx);

/* Types of VM, memory attributes: tests/kvm/native_memory.c. */
void native_memory(struct vmapi *ctx);

/* A VM with one vcpu of this config; NULL is all zero. */
struct native_machine {
	struct vmapi_vm *vm;
	struct vmapi_vcpu *vcpu;
};

bool native_open(struct native_machine *m, struct vmapi *ctx,
	const struct vmapi_vcpu_config *config);
void native_close(struct native_machine *m);
/* Set a register to a number; its value. */
int native_set(struct vmapi_vcpu *vcpu, uint64_t tag, uint64_t value);
uint64_t native_get(struct vmapi_vcpu *vcpu, uint64_t tag);

#define NATIVE_STOP 0x2000 /* where a breakpoint is met */

/*
 * Debugging where the kernel has the breakpoint instruction, and nothing else.
 * What it was told last is in *told, which is `control` while that is on.
 */
void native_only_breakpoints(struct vmapi_vcpu *vcpu, const uint32_t *told,
	uint32_t control, void (*fill)(struct kvm_run *run));

#endif
