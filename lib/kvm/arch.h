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

/* An ioctl of this architecture, for traces and messages. */
struct vmi_kvm_request {
	unsigned long number;
	const char *name;
};

extern const struct vmi_kvm_request vmi_kvm_arch_requests[];
extern const size_t vmi_kvm_arch_n_requests;

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
/* KVM_CREATE_VM's argument where the application says 0, "the usual". */
uint64_t vmi_kvm_arch_vm_type(int fd);
/* Before the vcpu's first run: what has to be settled by then. */
int vmi_kvm_arch_first_run(struct vmi_kvm_vcpu *vcpu);

/* An exit that is this architecture's, or means something else here. */
bool vmi_kvm_arch_exit(struct kvm_run *run, struct vmapi_exit *exit);

/*
 * The exit says that the debugger's points stopped it: see to it that the
 * next entry goes past.
 */
int vmi_kvm_arch_debug_stopped(
	struct vmi_kvm_vcpu *vcpu, const struct vmapi_exit *exit);

/* Operations of struct vmi_backend. */
int vmi_kvm_arch_debug(
	struct vmapi_vcpu *vcpu, const struct vmapi_debug *debug);
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
int vmi_kvm_arch_x86_exits(
	struct vmapi_vm *vm, const struct vmapi_x86_exits *exits);

/* enum vmi_attr_owner of the system, of a VM, of a vcpu. */
extern const unsigned vmi_kvm_arch_owners[3];

/* What this VM has no chip for: 0, -EINVAL, -ENXIO or -ENOTSUP. */
int vmi_kvm_arch_route_check(
	const struct vmapi_vm *vm, const struct vmapi_route *route);
/* A GSI as KVM_IRQ_LINE numbers it. */
uint32_t vmi_kvm_arch_line_word(unsigned gsi);
/* Set a line of one vcpu; level -1: say whether it has it. */
int vmi_kvm_arch_vcpu_line(struct vmi_kvm_vcpu *vcpu, unsigned pin, int level);
void vmi_kvm_arch_legacy_cut(struct vmapi_vm *vm, bool cut);

/* -- block.c, onereg.c: those that move state by tables and ONE_REG ------- */

/*
 * A block of register state: a pair of ioctls, or a place in the shared area
 * that the kernel fills at each exit and reads at the next entry.
 */
struct vmi_kvm_block {
	size_t bytes;
	unsigned long get; /* 0: in the shared area */
	unsigned long set;
	unsigned cap;	   /* without which there is none; 0: always */
	unsigned offset;   /* in the shared area */
	uint64_t valid;	   /* in kvm_valid_regs and kvm_dirty_regs; 0: none */
	/* Of those whose size changes, in place of all that; see block_get. */
	int (*read)(struct vmi_kvm_vcpu *vcpu, void *data, size_t *bytes);
	int (*write)(struct vmi_kvm_vcpu *vcpu, const void *data, size_t bytes);
};

/* Numbered as in the architecture's lib/arch tables. */
extern const struct vmi_kvm_block vmi_kvm_arch_blocks[];
extern const unsigned vmi_kvm_arch_n_blocks;

/* Before a register is reached that is moved by itself; 0 or -errno. */
int vmi_kvm_arch_before_one(struct vmi_kvm_vcpu *vcpu, uint64_t tag);

#endif
