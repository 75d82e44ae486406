/* SPDX-License-Identifier: MIT */
/* The arm64 part of the kernel backend. */
#ifndef VMI_KVM_ARM64_ARM64_H
#define VMI_KVM_ARM64_ARM64_H

#include "lib/arch/arm64_regs.h"
#include "lib/kvm/arch.h"

struct vmi_kvm_vm_arch {
	uint64_t features; /* that a vcpu can have: VMAPI_ARM64_FEATURE_ */
	unsigned ipa_bits;
};

struct vmi_kvm_vcpu_arch {
	struct kvm_vcpu_init init; /* what a reset repeats */
	bool unfinished; /* SVE's vector lengths can still be chosen */
};

/* Features that this kernel gives its vcpus; fd: a VM's, or the system's. */
uint64_t vmi_kvm_arm64_features(int fd);
/* The features of a vcpu, of those that there are. */
uint64_t vmi_kvm_arm64_choose(const struct vmapi_vcpu *vcpu, uint64_t known);
/* Of struct vmi_kvm_other: vm.c. */
int vmi_kvm_arm64_cap(const struct vmi_kvm_asked *asked, unsigned id,
	int64_t *value);
uint64_t vmi_kvm_arm64_vm_type(int fd);
int vmi_kvm_arm64_vm_init(struct vmi_kvm_vm *vm);
int vmi_kvm_arm64_call_ask(struct vmi_kvm_vm *vm);
uint32_t vmi_kvm_arm64_line_word(unsigned gsi);
int vmi_kvm_arm64_vcpu_line(struct vmi_kvm_vcpu *vcpu, unsigned pin,
	int level);
/* As the kernel has them: bit n of word n / 32. */
void vmi_kvm_arm64_features_out(uint32_t words[7], uint64_t features);

#endif
