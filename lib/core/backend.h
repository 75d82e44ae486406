/* SPDX-License-Identifier: MIT */
/*
 * The contract between core and a backend: one const table.
 *
 * Core has checked, before it calls: handles and pointers are not NULL, the
 * process is the right one, configs are of this build's size with known
 * flags, the vcpu is not running where that is required (core holds
 * vcpu->running meanwhile) and has no unanswered exit.  A NULL operation is
 * -ENOTSUP, said by core.  A backend returns 0 or -errno and has recorded
 * the sentence with vmi_fail(); it leaves nothing half-made on failure.
 */
#ifndef VMI_CORE_BACKEND_H
#define VMI_CORE_BACKEND_H

#include "lib/arch/regs.h"
#include <vmapi/debug.h>

#include "lib/core/core.h"
#include "lib/core/irq.h"
#include "lib/region/region.h"

struct vmi_posted_write;
struct vmi_dirty_want;

/*
 * A change of one address space: what goes, then what comes, and entries
 * that stay whose log is switched: `flags` is the new value.  All ascend.
 */
struct vmi_map_change {
	struct vmapi_as *as;
	struct vmi_map_entry *removed; /* with slots */
	size_t n_removed;
	struct vmi_map_entry *added; /* the backend fills in `slot` */
	size_t n_added;
	struct vmi_map_entry *relogged; /* with slots */
	size_t n_relogged;
};

/* A register that is moved by itself: lib/arch/regs.h. */
struct vmi_one {
	uint64_t tag;
	void *data;	/* its bytes, in host order */
	uint32_t bytes; /* as many as the tag says */
	int32_t status; /* out: 0 or -errno */
};

/* A block on its way from a backend, or to it. */
struct vmi_block_io {
	unsigned block;
	int status;
	void *data;
	size_t bytes; /* get: the room, then the size */
};

/* Entries one behind the other, of registers of 8 bytes. */
struct vmi_reg_words {
	struct vmapi_reg *regs;
	size_t n;
};

/* Chips of a VM that have a state of their own; numbers of the format. */
enum vmi_chip {
	VMI_CHIP_PIC = 1,    /* struct vmi_pic_state */
	VMI_CHIP_IOAPIC = 2, /* struct vmi_ioapic_state */
	VMI_CHIP_PIT = 3,    /* struct vmi_pit_state */
	VMI_CHIP_IGNNE = 4,  /* uint64_t: bit 0 IGNNE#, n + 1 vcpu n's FERR# */
	VMI_CHIP_KVMCLOCK = 5 /* uint64_t: nanoseconds of KVM's own clock */
};

/* Inputs of a local APIC: its pins, and an ExtINT message. */
enum vmi_lint { VMI_LINT0, VMI_LINT1, VMI_LINT_EXTINT };

/* One use of an attribute: of the device `fd`, else vcpu, vm or ctx. */
enum vmi_attr_verb { VMI_ATTR_GET, VMI_ATTR_SET, VMI_ATTR_HAS };

struct vmi_attr_call {
	enum vmi_attr_verb verb;
	int fd; /* -1: none */
	struct vmapi_vcpu *vcpu;
	struct vmapi_vm *vm;
	struct vmapi *ctx;
	uint32_t group;
	uint64_t number;
	void *data;
};

/* Storage keys of n pages from gpa on: one of the two is not NULL. */
struct vmi_s390_keys {
	uint64_t gpa;
	size_t n;
	uint8_t *get;
	const uint8_t *set;
	bool in_use; /* out, of get */
};

struct vmi_backend {
	const char *name;
	size_t ctx_size, vm_size, vcpu_size;

	/*
	 * Fill info->status, ->flags and ->reason.  With VMAPI_PROBE_TRIAL run
	 * the trial guest.  Called without a context; nothing stays open.
	 */
	void (*probe)(unsigned flags, struct vmapi_backend_info *info);

	int (*open)(struct vmapi *ctx);
	void (*close)(struct vmapi *ctx);

	/* vm NULL: of the backend.  -ENOENT for an unknown id. */
	int (*cap)(struct vmapi *ctx, struct vmapi_vm *vm, unsigned id,
		struct vmapi_cap *cap);
	int (*cap_raw)(struct vmapi *ctx, struct vmapi_vm *vm, unsigned number,
		int *value);

	int (*vm_init)(struct vmapi_vm *vm);
	void (*vm_fini)(struct vmapi_vm *vm);
	int (*vm_reset)(struct vmapi_vm *vm); /* all but vcpus and chipset */

	/* vm->lock is held around these two. */
	int (*vcpu_init)(struct vmapi_vcpu *vcpu);
	void (*vcpu_fini)(struct vmapi_vcpu *vcpu);
	int (*vcpu_reset)(struct vmapi_vcpu *vcpu);

	/*
	 * Run until an exit for the application; limit 0: no limit.  Accesses
	 * that vmi_regions_find() knows are answered inside.  Brackets each
	 * stay in the guest with vmi_gate_enter/leave.  Sets
	 * vcpu->unanswered and ->answer_bytes for exits with
	 * VMAPI_EXIT_ANSWER.
	 */
	int (*vcpu_run)(struct vmapi_vcpu *vcpu, uint64_t limit,
		struct vmapi_exit *exit);
	/* The bytes are checked; core clears vcpu->unanswered afterwards. */
	int (*vcpu_complete)(struct vmapi_vcpu *vcpu, const void *data,
		size_t bytes);
	/* As vcpu_run, but VMAPI_EXIT_SETTLED instead of another instruction. */
	int (*vcpu_settle)(struct vmapi_vcpu *vcpu, struct vmapi_exit *exit);
	/* Sticky.  Async-signal-safe, any thread. */
	void (*vcpu_kick)(struct vmapi_vcpu *vcpu);
	/*
	 * As a kick, but the current or next run ends with
	 * VMAPI_EXIT_SETTLED and vcpu->has_news, for core.  Any thread.
	 */
	void (*vcpu_stop)(struct vmapi_vcpu *vcpu);
	/* Take a kick that has not ended a run, on the vcpu's thread. */
	bool (*vcpu_take_kick)(struct vmapi_vcpu *vcpu);
	/* Make it leave the guest soon, for the gate; no exit.  Any thread. */
	void (*vcpu_prod)(struct vmapi_vcpu *vcpu);
	int (*vcpu_icount)(struct vmapi_vcpu *vcpu, uint64_t *retired);

	int (*vcpu_interrupt)(struct vmapi_vcpu *vcpu, unsigned vector);
	int (*vcpu_irq_window)(struct vmapi_vcpu *vcpu, bool on);
	int (*vcpu_nmi)(struct vmapi_vcpu *vcpu);
	/* The capability SMM has been asked for.  Any thread. */
	int (*vcpu_smi)(struct vmapi_vcpu *vcpu);
	int (*vcpu_translate)(struct vmapi_vcpu *vcpu, uint64_t gva,
		unsigned access, struct vmapi_translation *result);

	/* Which registers there are. */
	const struct vmi_regs_arch *(*regs_arch)(void);

	/* Flags, kinds, sizes and each kind's number are checked. */
	int (*vcpu_debug)(struct vmapi_vcpu *vcpu,
		const struct vmapi_debug *debug);

	/*
	 * Blocks, as regs_arch numbers them.  get: *bytes is the room, then
	 * the size (-ENOSPC sets it too).  set: the whole block.  NULL data
	 * with *bytes 0 asks the size.  A block that this vcpu has not (LAPIC
	 * where the VM has none) is -ENOENT, when the size is asked too.
	 */
	int (*block_get)(struct vmapi_vcpu *vcpu, unsigned block,
		void *data, size_t *bytes);
	int (*block_set)(struct vmapi_vcpu *vcpu, unsigned block,
		const void *data, size_t bytes);
	/*
	 * block_get of several, in this order, each with a status of its own.
	 * What a kernel leaves cold between two of its calls is the less, the
	 * less there is between them.  Optional.
	 */
	void (*blocks_get)(struct vmapi_vcpu *vcpu, struct vmi_block_io *io,
		size_t n);
	/*
	 * block_set of several, in this order, up to the first that is
	 * refused: how many were set.  The status of the next says why.
	 */
	size_t (*blocks_set)(struct vmapi_vcpu *vcpu, struct vmi_block_io *io,
		size_t n);
	/* Why it was -EINVAL, or NULL.  Optional: then the architecture's. */
	const char *(*block_refusal)(struct vmapi_vcpu *vcpu, unsigned block,
		const void *data);
	/* Every entry gets a status; 0 whatever they are. */
	int (*ones_get)(struct vmapi_vcpu *vcpu, struct vmi_one *ones,
		size_t n);
	int (*ones_set)(struct vmapi_vcpu *vcpu, struct vmi_one *ones,
		size_t n);
	/*
	 * As many at the front as go in one call, between the kernel and the
	 * entries: those whose status is 0, with the value in the entry.  How
	 * many were moved, or -errno.  The others, the first of which may have
	 * been refused, are for the two above.  Optional.
	 */
	int (*words_get)(struct vmapi_vcpu *vcpu, const struct vmi_reg_words *words,
		size_t n);
	int (*words_set)(struct vmapi_vcpu *vcpu, const struct vmi_reg_words *words,
		size_t n);
	/* At most n are written, *count is how many there are. */
	int (*one_list)(struct vmapi_vcpu *vcpu, uint64_t *tags, size_t n,
		size_t *count);
	/*
	 * What its processors can have.  -ENOTSUP, and NULL: they are not
	 * x86.  vcpu_init asks vmi_vcpu_cpuid() for what one begins with.
	 */
	int (*cpuid_supported)(struct vmapi *ctx,
		struct vmapi_x86_cpuid *entries, size_t n, size_t *count);

	/*
	 * Fill in infos, n, n_values of one of a VM or (stats->vcpu) of a vcpu;
	 * the values, any time while that is there; close, maybe twice.
	 */
	int (*stats_open)(struct vmapi_stats *stats);
	int (*stats_read)(struct vmapi_stats *stats, uint64_t *values);
	void (*stats_close)(struct vmapi_stats *stats);

	/* Checked; the gate is closed.  All or nothing. */
	int (*x86_exits)(struct vmapi_vm *vm,
		const struct vmapi_x86_exits *exits);

	/*
	 * Let calls by these instructions (VMAPI_CALL_ bits) be exits, and add
	 * those that can be to *ways.  The VM has no vcpu.  NULL: none.
	 */
	int (*calls)(struct vmapi_vm *vm, uint32_t wanted, uint32_t *ways);

	/*
	 * Apply the changes: all or none.  Core holds vm->map_lock; the gate is
	 * closed unless there are only additions, and the logs of what goes
	 * have been fetched.  as->view is still the old one.
	 * -EIO: taking back failed too; core marks the map broken.
	 */
	int (*map_apply)(struct vmapi_vm *vm, struct vmi_map_change *changes,
		size_t n);
	/*
	 * Give addresses of the VM these attributes, which its capability
	 * has, and no others: all or none.  Under map_lock; vcpus may run.
	 */
	int (*attributes_set)(struct vmapi_vm *vm, uint64_t gpa,
		uint64_t bytes, uint32_t attributes);
	/*
	 * The new views are published; the gate is still closed if it was for
	 * ->map_apply.  Optional.
	 */
	void (*map_changed)(struct vmapi_vm *vm);

	/*
	 * A page of 4 KiB that guests may read at gpa, beside all maps: writes
	 * there, and reads while it is hidden, are regions'.  Nothing is mapped
	 * there.  Under map_lock, with the gate open.  NULL: guests read
	 * regions without leaving.
	 */
	int (*page_show)(struct vmapi_vm *vm, uint64_t gpa, void *page,
		uint32_t *slot);
	void (*page_hide)(struct vmapi_vm *vm, uint32_t slot);

	/*
	 * Memory of `bytes` that only this VM reaches: a descriptor, or
	 * -errno.  The RAM object closes it.
	 */
	int (*guest_memfd)(struct vmapi_vm *vm, uint64_t bytes);
	/* vcpu->as has changed; the vcpu is idle. */
	void (*vcpu_as)(struct vmapi_vcpu *vcpu);

	/*
	 * The dirty log (lib/core/dirty.c), under ctx->log_lock; all optional.
	 * begin: once for each VM and read, before its entries are fetched;
	 * exact: what processors hold back is to be in the log too.
	 * fetch: of an entry with VMAPI_MAP_LOG, mark at least want->max_pages
	 * dirty pages of that range, or all, in the object's log, so that
	 * the next write to each is noticed again.  The gate may be closed.
	 * rearm: pages of the VM were taken out of the object's log; on return
	 * every write to any of them that is not visible yet marks it again.
	 */
	int (*dirty_begin)(struct vmapi_vm *vm, bool exact);
	int (*dirty_fetch)(struct vmi_logged *logged,
		const struct vmi_dirty_want *want);
	void (*dirty_rearm)(struct vmapi_vm *vm);

	/*
	 * Lines of the VM's own controllers.  *delivery: see vmapi/irq.h.
	 * line_set and legacy_cut are called with the chipset locked
	 * (lib/core/chipset.h); msi_send with and without.
	 */
	int (*line_count)(struct vmapi_vm *vm, unsigned *n); /* GSIs */
	int (*line_set)(struct vmapi_vm *vm, unsigned gsi, bool level,
		int *delivery);
	/* A line of one vcpu: is there such a pin (-ENXIO, -ERANGE); set it. */
	int (*vcpu_line_check)(struct vmapi_vcpu *vcpu, unsigned pin);
	int (*vcpu_line)(struct vmapi_vcpu *vcpu, unsigned pin, bool level);
	/*
	 * Of a VM with VMAPI_IRQCHIP_SPLIT on a bus (lib/core/bus.h): an input
	 * of a local APIC, any thread, under vm->lock.  Where that asks for a
	 * vector of the PIC, the run ends with VMAPI_EXIT_IRQ_WINDOW as soon
	 * as the processor can take one, which core then brings by
	 * ->vcpu_interrupt; vcpu->extint says why, and is core's.
	 */
	int (*vcpu_lint)(struct vmapi_vcpu *vcpu, enum vmi_lint input,
		bool high, int *delivery);
	/* A register of its page, offset / 16, whoever runs it.  Optional. */
	int (*vcpu_remote_read)(struct vmapi_vcpu *vcpu, unsigned reg,
		uint32_t *value);
	/* vcpu NULL: a floating one. */
	int (*s390_inject)(struct vmapi_vm *vm, struct vmapi_vcpu *vcpu,
		const struct vmapi_s390_irq *irq);
	int (*s390_keys)(struct vmapi_vm *vm, struct vmi_s390_keys *keys);
	/* Checked.  vcpu NULL: absolute; else it is claimed. */
	int (*s390_mem)(struct vmapi_vm *vm, struct vmapi_vcpu *vcpu,
		const struct vmapi_s390_mem *mem, uint32_t *result);
	int (*msi_send)(struct vmapi_vm *vm, const struct vmapi_msi *msi,
		int *delivery);
	/*
	 * Devices of the kernel: enum vmapi_device_type.  -ENODEV: it has no
	 * such type.  A descriptor is core's to close.  NULL: it has none.
	 */
	int (*device_probe)(struct vmapi_vm *vm, unsigned type);
	int (*device_open)(struct vmapi_vm *vm, unsigned type, int *fd);
	/* The vcpu is claimed, and neither it nor the number is taken. */
	int (*device_connect)(struct vmapi_vcpu *vcpu, unsigned type, int fd,
		uint32_t server);
	/*
	 * The table (enum vmi_attr_owner) of the system, of a VM and of a vcpu,
	 * and a use of an attribute, checked by it.  A get may return a count.
	 * -ENXIO: the kernel has it not; -EPERM: not now.  NULL: none.
	 */
	const unsigned *attr_owners;
	int (*attr)(const struct vmi_attr_call *call);
	/*
	 * The whole table, in order of GSI, or nothing: says what it has not.
	 * Core has checked what is true everywhere.  Chipset locked.  NULL:
	 * the VM has no routes.
	 */
	int (*routes_set)(struct vmapi_vm *vm, const struct vmapi_route *routes,
		size_t n);
	/*
	 * Let the kernel do these, or no more.  NULL: core and the backend's
	 * run loop do (vmi_irqfds_service, vmi_doorbell_find, vmi_posted_).
	 * Undoing repeats what was done and cannot fail.
	 */
	int (*irqfd)(struct vmapi_vm *vm, const struct vmapi_irqfd *irqfd,
		bool on);
	int (*ioeventfd)(struct vmapi_vm *vm, const struct vmi_doorbell *bell,
		int fd, bool on);
	int (*posted_zone)(struct vmapi_vm *vm,
		const struct vmi_region *region, bool on);
	/* The oldest write that the kernel holds, if any.  One at a time. */
	bool (*posted_next)(struct vmapi_vm *vm,
		struct vmi_posted_write *write);
	/*
	 * State of the VM's own chips, as the structs of lib/chip whoever
	 * implements them: enum vmi_chip.  Chipset locked; a set is checked,
	 * and comes after the vcpus have theirs.  -ENOENT: there is no such
	 * chip.  Optional.
	 */
	int (*chip_get)(struct vmapi_vm *vm, enum vmi_chip chip, void *state);
	int (*chip_set)(struct vmapi_vm *vm, enum vmi_chip chip,
		const void *state);
	/* An HPET takes over IRQ 0 and 8: silence the VM's PIT.  Optional. */
	void (*legacy_cut)(struct vmapi_vm *vm, bool cut);
	/*
	 * The earliest deadline of the chipset moved forward: whoever waits
	 * with a halted vcpu shall look again.  Chipset locked.  Optional.
	 */
	void (*service_wanted)(struct vmapi_vm *vm);
};

/* The backends of this build, best first, NULL at the end. */
extern const struct vmi_backend *const vmi_backends[];

extern const struct vmi_backend vmi_kvm_backend;
extern const struct vmi_backend vmi_soft_backend;

#endif
