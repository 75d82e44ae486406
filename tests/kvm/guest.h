/* SPDX-License-Identifier: MIT */
/* What tests with small guests need everywhere: RAM, code, patience. */
#ifndef TESTS_KVM_GUEST_H
#define TESTS_KVM_GUEST_H

#include <stdbool.h>

#include <vmapi/vmapi.h>

#define GUEST_RAM_BYTES 0x100000u

/* RAM at gpa, and the address space that it is in. */
bool guest_ram(struct vmapi *ctx, struct vmapi_vm *vm, uint64_t gpa,
	struct vmapi_as **as);
/* Instructions, at most 16, whose bytes are in this order. */
void guest_code(
	struct vmapi_as *as, uint64_t gpa, const uint32_t *words, size_t n);
void guest_code_big(
	struct vmapi_as *as, uint64_t gpa, const uint32_t *words, size_t n);
/* A guest that waits in vain, or runs for ever, is kicked. */
void guest_run(struct vmapi_vcpu *vcpu, struct vmapi_exit *exit,
	unsigned seconds);

#endif
