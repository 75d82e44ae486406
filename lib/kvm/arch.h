/* SPDX-License-Identifier: MIT */
/* What each architecture's folder exports, under equal names. */
#ifndef VMI_KVM_ARCH_H
#define VMI_KVM_ARCH_H

#include "lib/kvm/kvm.h"

/* A capability without which the backend does not open. */
struct vmi_kvm_need {
	unsigned number;
	const char *name;
};

/* Ends with a NULL name. */
extern const struct vmi_kvm_need vmi_kvm_arch_needs[];

/* What the trial guest showed. */
enum vmi_kvm_verdict {
	VMI_KVM_UNTRIED = 0,
	VMI_KVM_SOUND = 1,
	VMI_KVM_IMPAIRED = 2
};

/*
 * Run the trial guest on a /dev/kvm; `why` gets a sentence of at most `room`
 * bytes where it is impaired.  Never longer than a second.
 */
enum vmi_kvm_verdict vmi_kvm_arch_trial(int fd, char *why, size_t room);

/* A neutral capability of this architecture.  -ENOENT: not mine. */
int vmi_kvm_arch_cap(struct vmi_kvm *kvm, struct vmi_kvm_vm *vm, unsigned id,
	struct vmapi_cap *cap);

/* After KVM_CREATE_VM; after KVM_CREATE_VCPU and the mmap. */
int vmi_kvm_arch_vm_init(struct vmi_kvm_vm *vm);
void vmi_kvm_arch_vm_fini(struct vmi_kvm_vm *vm);
int vmi_kvm_arch_vcpu_init(struct vmi_kvm_vcpu *vcpu);
void vmi_kvm_arch_vcpu_fini(struct vmi_kvm_vcpu *vcpu);

/* An exit of this architecture; false: not mine. */
bool vmi_kvm_arch_exit(struct kvm_run *run, struct vmapi_exit *exit);

/* Operations of struct vmi_backend. */
int vmi_kvm_arch_vm_reset(struct vmapi_vm *vm);
int vmi_kvm_arch_vcpu_reset(struct vmapi_vcpu *vcpu);
int vmi_kvm_arch_interrupt(struct vmapi_vcpu *vcpu, unsigned vector);
int vmi_kvm_arch_irq_window(struct vmapi_vcpu *vcpu, bool on);
int vmi_kvm_arch_translate(struct vmapi_vcpu *vcpu, uint64_t gva,
	unsigned access, struct vmapi_translation *result);
int vmi_kvm_arch_block_get(struct vmapi_vcpu *vcpu, unsigned block,
	void *data, size_t *bytes);
int vmi_kvm_arch_block_set(struct vmapi_vcpu *vcpu, unsigned block,
	const void *data, size_t bytes);
int vmi_kvm_arch_ones_get(
	struct vmapi_vcpu *vcpu, struct vmi_one *ones, size_t n);
int vmi_kvm_arch_ones_set(
	struct vmapi_vcpu *vcpu, struct vmi_one *ones, size_t n);
int vmi_kvm_arch_one_list(
	struct vmapi_vcpu *vcpu, uint64_t *tags, size_t n, size_t *count);
const struct vmi_regs_arch *vmi_kvm_arch_regs(void);
int vmi_kvm_arch_cpuid_supported(struct vmapi_vm *vm,
	struct vmapi_x86_cpuid *entries, size_t n, size_t *count);
/* enum vmi_attr_owner of the system, of a VM, of a vcpu. */
extern const unsigned vmi_kvm_arch_owners[3];

/* What this VM has no chip for: 0, -EINVAL, -ENXIO or -ENOTSUP. */
int vmi_kvm_arch_route_check(
	const struct vmapi_vm *vm, const struct vmapi_route *route);
int vmi_kvm_arch_line_count(struct vmapi_vm *vm, unsigned *n);
void vmi_kvm_arch_legacy_cut(struct vmapi_vm *vm, bool cut);

#endif
