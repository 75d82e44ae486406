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

struct native {
	const char *name;
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

#endif
