/* SPDX-License-Identifier: MIT */
/* What each architecture's folder exports, under equal names. */
#ifndef VMI_KVM_ARCH_H
#define VMI_KVM_ARCH_H

#include "lib/arch/debug.h"
#include "lib/kvm/kvm.h"

/* A capability without which the backend does not open. */
struct vmi_kvm_need {
	unsigned number;
	const char *name;
};

/* Ends with a NULL name. */
extern const struct vmi_kvm_need vmi_kvm_arch_needs[]; /* beside those of all */

/* An ioctl of this architecture, for traces and messages. */
struct vmi_kvm_request {
	unsigned long number;
	const char *name;
};

#define VMI_KVM_REQUEST(number) { number, #number }

/* Beside those of all; ends with a NULL name. */
extern const struct vmi_kvm_request vmi_kvm_arch_requests[];

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
/*
 * Before each run of the vcpu; vcpu->core.ran tells the first, by which all
 * has to be settled.
 */
int vmi_kvm_arch_before_run(struct vmi_kvm_vcpu *vcpu);

/* An exit that is this architecture's, or means something else here. */
bool vmi_kvm_arch_exit(struct kvm_run *run, struct vmapi_exit *exit);
/* VMAPI_EXIT_ flags of whatever exit, as the kernel's flags tell. */
uint32_t vmi_kvm_arch_exit_flags(const struct kvm_run *run);

/*
 * The debugger's points or steps stopped it, or, where vcpu->debug is, may
 * have: fill in what is not in the shared area, see to it that the next entry
 * goes past.  VMI_KVM_AGAIN: it is nobody's business, the guest goes on.
 */
#define VMI_KVM_AGAIN 1
int vmi_kvm_arch_debug_stopped(
	struct vmi_kvm_vcpu *vcpu, struct vmapi_exit *exit);
/* Where vcpu->debug is, after each exit, before anybody answers it. */
int vmi_kvm_arch_debug_left(struct vmi_kvm_vcpu *vcpu);

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
void vmi_kvm_arch_blocks_get(
	struct vmapi_vcpu *vcpu, struct vmi_block_io *io, size_t n);
size_t vmi_kvm_arch_blocks_set(
	struct vmapi_vcpu *vcpu, struct vmi_block_io *io, size_t n);
int vmi_kvm_arch_block_set(struct vmapi_vcpu *vcpu, unsigned block,
	const void *data, size_t bytes);
int vmi_kvm_arch_ones_get(
	struct vmapi_vcpu *vcpu, struct vmi_one *ones, size_t n);
int vmi_kvm_arch_ones_set(
	struct vmapi_vcpu *vcpu, struct vmi_one *ones, size_t n);
int vmi_kvm_arch_words_get(
	struct vmapi_vcpu *vcpu, const struct vmi_reg_words *words, size_t n);
int vmi_kvm_arch_words_set(
	struct vmapi_vcpu *vcpu, const struct vmi_reg_words *words, size_t n);
int vmi_kvm_arch_one_list(
	struct vmapi_vcpu *vcpu, uint64_t *tags, size_t n, size_t *count);
const struct vmi_regs_arch *vmi_kvm_arch_regs(void);
int vmi_kvm_arch_cpuid_supported(struct vmapi *ctx,
	struct vmapi_x86_cpuid *entries, size_t n, size_t *count);
int vmi_kvm_arch_x86_exits(
	struct vmapi_vm *vm, const struct vmapi_x86_exits *exits);

int vmi_kvm_arch_calls(struct vmapi_vm *vm, uint32_t wanted, uint32_t *ways);

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
/* Of architectures with chips of the VM's own: else -ENOENT. */
int vmi_kvm_arch_chip_get(
	struct vmapi_vm *vm, enum vmi_chip chip, void *state);
int vmi_kvm_arch_chip_set(
	struct vmapi_vm *vm, enum vmi_chip chip, const void *state);

/* -- other.c, block.c, onereg.c: all but x86, by tables ------------------- */

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

#define VMI_KVM_MP_STATE_BLOCK                                                 \
	{ .bytes = sizeof(struct kvm_mp_state), .get = KVM_GET_MP_STATE,       \
	  .set = KVM_SET_MP_STATE, .cap = KVM_CAP_MP_STATE }

/* -- debug.c: vmapi_vcpu_debug() of all but x86 --------------------------- */

#define VMI_KVM_POINTS	      (2 * VMI_ARM64_POINTS) /* of any architecture */
#define VMI_KVM_DEBUG_SCRATCH (4 * VMI_S390_POINTS)
#define VMI_KVM_INTERCEPTED   (1u << 31) /* no bit: see `intercepted` */

struct vmi_kvm_debugger {
	/* Bits of kvm_guest_debug.control; 0: it cannot. */
	uint32_t step, software, points;
	unsigned step_cap;  /* without which there are no steps; 0: always */
	unsigned unit;	    /* of instructions' addresses */
	uint32_t data;	    /* kinds of points beside execution: 1 << kind */
	uint32_t most;	    /* of all kinds together; 0: VMI_KVM_POINTS */
	bool stops_before;  /* points are met before, and met again */
	uint64_t pc;	    /* a register by itself; 0: the exit has it */
	/*
	 * Where the points are of which the kernel wants more than the guest's
	 * address: that is looked at before each run, since it changes.  NULL:
	 * it does not want more.
	 */
	int (*place)(struct vmi_kvm_vcpu *vcpu, const struct vmapi_debug *want,
		uint64_t *places);
	/* The rest of the struct; what it points at may lie in `scratch`. */
	void (*encode)(const struct vmapi_debug *want, const uint64_t *places,
		struct kvm_guest_debug *to, uint64_t *scratch);
	/* stop->address is set: fill in why and points. */
	void (*stopped)(const struct kvm_run *run,
		const struct vmapi_debug *want, struct vmapi_exit_debug *stop);
	/*
	 * The breakpoint instruction leaves the guest by another exit: make it
	 * VMAPI_EXIT_DEBUG, with the guest before it.  False: it is another.
	 */
	bool (*intercepted)(struct kvm_run *run, struct vmapi_exit *exit);
};

/* VMAPI_CAP_DEBUG, of the VM or the system. */
int64_t vmi_kvm_debug_flags(int fd);
int vmi_kvm_debug_resume(struct vmi_kvm_vcpu *vcpu);

/* -- other.c -------------------------------------------------------------- */

/* Of whom a capability is asked. */
struct vmi_kvm_asked {
	int fd; /* the VM's, or the system's */
	const struct vmi_kvm_vm *vm; /* NULL: the system */
};

/* What differs.  Functions may be NULL but where it says that they are not. */
struct vmi_kvm_other {
	const struct vmi_regs_arch *regs;
	const struct vmi_kvm_block *blocks; /* as numbered in lib/arch */
	/* A capability of this architecture, or -ENOENT.  Not NULL. */
	int (*cap)(const struct vmi_kvm_asked *asked, unsigned id,
		int64_t *value);
	uint64_t (*vm_type)(int fd); /* vmi_kvm_arch_vm_type() */
	/* vm->arch and vcpu->arch are freed by whoever called. */
	int (*vm_init)(struct vmi_kvm_vm *vm);
	int (*vcpu_init)(struct vmi_kvm_vcpu *vcpu);
	int (*vcpu_reset)(struct vmi_kvm_vcpu *vcpu); /* not NULL */
	int (*first_run)(struct vmi_kvm_vcpu *vcpu);
	/* Before a register is reached that is moved by itself. */
	int (*before_one)(struct vmi_kvm_vcpu *vcpu, uint64_t tag);
	uint32_t (*line_word)(unsigned gsi); /* NULL: the number itself */
	/* Of a processor with one external line: KVM_INTERRUPT's word. */
	uint32_t (*external_word)(bool level);
	/* Of others: vmi_kvm_arch_vcpu_line(); why no vector is injected. */
	int (*vcpu_line)(struct vmi_kvm_vcpu *vcpu, unsigned pin, int level);
	const char *no_interrupt;
	const struct vmi_kvm_debugger *debugger; /* not NULL */
	/* The instruction of hypercalls; what has to be asked for them. */
	uint32_t call_way;
	int (*call_ask)(struct vmi_kvm_vm *vm);
};

extern const struct vmi_kvm_other vmi_kvm_other;

#endif
