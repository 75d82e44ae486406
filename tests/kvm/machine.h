/* SPDX-License-Identifier: MIT */
/* A small machine for the KVM tests: some RAM and vcpus in real mode. */
#ifndef TESTS_KVM_MACHINE_H
#define TESTS_KVM_MACHINE_H

#include <stddef.h>

#include <errno.h>
#include <vmapi/vmapi.h>

#include "tests/kvm/check.h"

#define MACHINE_RAM 0x100000
#define CODE	    0x1000

struct machine {
	struct vmapi *ctx;
	struct vmapi_vm *vm;
	struct vmapi_as *as;
	struct vmapi_ram *ram;
	uint8_t *mem;
	struct vmapi_vcpu *vcpu;
};

/* 0, or 77 with the reason printed where KVM cannot be opened. */
int machine_open(struct machine *m, const struct vmapi_vm_config *config);
void machine_close(struct machine *m);
/* A vcpu more. */
struct vmapi_vcpu *machine_vcpu(struct machine *m, uint64_t id);
/* Put code at `at` and the vcpu there: real mode, flat segments of base 0. */
void machine_load(struct machine *m, struct vmapi_vcpu *vcpu, uint64_t at,
	const void *code, size_t bytes);
/* Map all of the RAM, or a piece of it, somewhere. */
int machine_map(struct machine *m, uint64_t gpa, uint64_t offset,
	uint64_t bytes, unsigned flags);

uint64_t reg_get(struct vmapi_vcpu *vcpu, uint64_t tag);
void reg_set(struct vmapi_vcpu *vcpu, uint64_t tag, uint64_t value);
/* Run; the exit must have this reason. */
bool run_to(struct vmapi_vcpu *vcpu, struct vmapi_exit *exit, unsigned reason);
bool settle_to(struct vmapi_vcpu *vcpu, struct vmapi_exit *exit,
	unsigned reason);

#endif
