/* SPDX-License-Identifier: MIT */
/* The kernel backend's own structs and the calls between its files. */
#ifndef VMI_KVM_KVM_H
#define VMI_KVM_KVM_H

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "lib/core/backend.h"
#include "lib/core/core.h"
#include "lib/kvm/uapi.h"
#include "lib/sys/sys.h"

struct vmi_kvm_vm_arch;
struct vmi_kvm_vcpu_arch;

struct vmi_kvm {
	struct vmapi core;
	int fd;		  /* /dev/kvm */
	size_t run_bytes; /* of a vcpu's shared area */
	atomic_int trial; /* enum vmi_kvm_verdict: run once, when asked */
};

/* Where the pages of a slot are in their RAM object. */
struct vmi_kvm_place {
	struct vmapi_ram *ram; /* NULL: the slot is free */
	uint64_t offset;
	uint64_t bytes;
};

/* Slot ids of one address space: 1 means taken. */
struct vmi_kvm_slots {
	uint64_t *taken;
	size_t hint; /* the word where the last one was found */
	struct vmi_kvm_place *places; /* by id; with rings only, else NULL */
};

/* How this VM's kernel keeps dirty logs: log.c */
struct vmi_kvm_log {
	enum vmapi_dirty_kind kind;
	bool bitmap_too;     /* beside rings, for writes of no vcpu */
	bool overrun;	     /* the kernel went round a ring */
	uint32_t ring_bytes; /* 0: no rings */
	uint8_t *scratch;    /* a slot's bitmap, under ctx->log_lock */
	uint64_t scratch_bytes;
};

struct vmi_kvm_ring {
	struct kvm_dirty_gfn *entries; /* NULL: none */
	uint32_t next; /* to be harvested, under ctx->log_lock */
};

#define VMI_KVM_SPACES 2 /* x86: outside and inside SMM */

struct vmi_kvm_vm {
	struct vmapi_vm core;
	int fd;
	int kick_signal;
	sigset_t kick_set; /* that signal alone */
	uint64_t kick_bit; /* the same, as the kernel has it */
	unsigned n_slots;  /* of one address space */
	unsigned n_spaces;
	struct vmi_kvm_slots slots[VMI_KVM_SPACES];
	struct vmi_kvm_log log;
	bool has_controller; /* in the kernel: lines, messages, routes */
	unsigned inputs;     /* its numbers, where the kernel has no routes */
	bool tells_delivery; /* KVM_CAP_IRQ_INJECT_STATUS */
	/* the ring of posted writes, of the first vcpu's area: event.c */
	struct kvm_coalesced_mmio_ring *_Atomic ring;
	struct vmi_kvm_vm_arch *arch;
};

/* Bits of vmi_kvm_vcpu.requests: see kick.c. */
#define VMI_KVM_KICK (1u << 0) /* the current or next run shall end */
#define VMI_KVM_SENT (1u << 1) /* and the signal is on its way */
#define VMI_KVM_NMI  (1u << 2) /* inject before the next entry */
#define VMI_KVM_SMI  (1u << 3) /* likewise */
#define VMI_KVM_STOP (1u << 4) /* as KICK, for core */
#define VMI_KVM_EXTINT (1u << 5) /* a PIC elsewhere has a vector */
#define VMI_KVM_ASKED                                                          \
	(VMI_KVM_KICK | VMI_KVM_NMI | VMI_KVM_SMI | VMI_KVM_STOP |             \
		VMI_KVM_EXTINT)

/*
 * vmi_kvm_vcpu.signals: in the low half who is between reading `tid` and
 * having signalled, in the high half how many signals were sent, ever.
 */
#define VMI_KVM_SENDER UINT64_C(1)
#define VMI_KVM_SIGNAL (UINT64_C(1) << 32)

struct vmi_kvm_vcpu {
	struct vmapi_vcpu core;
	int fd;
	struct kvm_run *run;
	/* run->immediate_exit, which other threads set */
	volatile _Atomic(uint8_t) *immediate;

	/* the kick: kick.c */
	atomic_uint requests;
	atomic_int tid;	     /* the thread inside run, 0: none */
	_Atomic(uint64_t) signals; /* VMI_KVM_SENDER and so on */
	uint64_t taken;	     /* `signals` when last taken from the queue */
	uint64_t mask; /* what KVM_SET_SIGNAL_MASK was told; ~0: nothing */

	/* the run loop: run.c */
	bool pending;	/* the kernel waits to finish an instruction */
	bool run_valid; /* run->ready_for_interrupt_injection is true now */
	struct vmi_kvm_ring ring;
	struct vmi_kvm_debug *debug; /* debug.c; NULL: not debugged */
	struct vmi_kvm_vcpu_arch *arch;
};

static inline struct vmi_kvm *vmi_kvm_of(struct vmapi *ctx)
{
	return vmi_container_of(ctx, struct vmi_kvm, core);
}

static inline struct vmi_kvm_vm *vmi_kvm_vm_of(struct vmapi_vm *vm)
{
	return vmi_container_of(vm, struct vmi_kvm_vm, core);
}

static inline struct vmi_kvm_vcpu *vmi_kvm_vcpu_of(struct vmapi_vcpu *vcpu)
{
	return vmi_container_of(vcpu, struct vmi_kvm_vcpu, core);
}

/* The data of an access are in the guest's order, the low byte first. */
static inline uint64_t vmi_kvm_load_le(const uint8_t *bytes, unsigned n)
{
	uint64_t value = 0;
	unsigned i;

	for (i = 0; i < n; i++)
		value |= (uint64_t)bytes[i] << (8 * i);
	return value;
}

/* -- call.c: ioctls, traced and with names ------------------------------- */

void vmi_kvm_trace(
	const struct vmapi *ctx, int fd, unsigned long request, int rc);

/* A number goes as (void *)(uintptr_t)number; ctx NULL: not traced. */
static inline int vmi_kvm_ioctl(
	const struct vmapi *ctx, int fd, unsigned long request, void *arg)
{
	int rc = vmi_sys->ioctl(fd, request, arg);

	if (ctx && vmi_is_traced(ctx, VMAPI_TRACE_CALL))
		vmi_kvm_trace(ctx, fd, request, rc);
	return rc;
}

/* The same on a VM and on a vcpu. */
static inline int vmi_kvm_vm_ioctl(
	struct vmi_kvm_vm *vm, unsigned long request, void *arg)
{
	return vmi_kvm_ioctl(vm->core.ctx, vm->fd, request, arg);
}

static inline int vmi_kvm_vcpu_ioctl(
	struct vmi_kvm_vcpu *vcpu, unsigned long request, void *arg)
{
	int rc = vmi_sys->ioctl(vcpu->fd, request, arg);

	if (vmi_is_traced(vcpu->core.vm->ctx, VMAPI_TRACE_CALL))
		vmi_kvm_trace(vcpu->core.vm->ctx, vcpu->fd, request, rc);
	return rc;
}

/* "KVM_SET_REGS"; "an ioctl" where it is none of ours. */
const char *vmi_kvm_request_name(unsigned long request);
/* Record that the kernel refused; the code is returned. */
int vmi_kvm_vm_refused(int code, unsigned long request);
int vmi_kvm_vcpu_refused(
	struct vmi_kvm_vcpu *vcpu, int code, unsigned long request);
/* Record a sentence about a vcpu. */
int vmi_kvm_vcpu_fail(
	struct vmi_kvm_vcpu *vcpu, int code, const char *sentence);
/* KVM_ENABLE_CAP on the VM with its first argument: 0 or -errno. */
int vmi_kvm_vm_enable(struct vmi_kvm_vm *vm, unsigned cap, uint64_t arg);
/* KVM_CHECK_EXTENSION: the value, 0 for an absent capability. */
int vmi_kvm_check(int fd, unsigned long number);
/* The VM's own answer; of the system where the kernel has no other. */
int vmi_kvm_vm_check(struct vmi_kvm_vm *vm, unsigned long number);

/* -- open.c -------------------------------------------------------------- */

int vmi_kvm_open(struct vmapi *ctx);
void vmi_kvm_close(struct vmapi *ctx);
void vmi_kvm_probe(unsigned flags, struct vmapi_backend_info *info);
/* KVM_CREATE_VM, EINTR retried: a descriptor or -errno. */
int vmi_kvm_create_vm(int fd, uint64_t type);

/* -- cap.c --------------------------------------------------------------- */

int vmi_kvm_cap(struct vmapi *ctx, struct vmapi_vm *vm, unsigned id,
	struct vmapi_cap *cap);
int vmi_kvm_cap_raw(
	struct vmapi *ctx, struct vmapi_vm *vm, unsigned number, int *value);

/* -- vm.c, vcpu.c -------------------------------------------------------- */

int vmi_kvm_vm_init(struct vmapi_vm *vm);
void vmi_kvm_vm_fini(struct vmapi_vm *vm);
int vmi_kvm_vcpu_init(struct vmapi_vcpu *vcpu);
void vmi_kvm_vcpu_fini(struct vmapi_vcpu *vcpu);

/* -- run.c --------------------------------------------------------------- */

int vmi_kvm_vcpu_run(
	struct vmapi_vcpu *vcpu, uint64_t limit, struct vmapi_exit *exit);
int vmi_kvm_vcpu_complete(
	struct vmapi_vcpu *vcpu, const void *data, size_t bytes);
int vmi_kvm_vcpu_settle(struct vmapi_vcpu *vcpu, struct vmapi_exit *exit);
/* An NMI or SMI that was asked for and not yet given to the kernel. */
int vmi_kvm_hand_over(struct vmi_kvm_vcpu *vcpu);
/* Before a reset: what the kernel holds of an instruction is thrown away. */
void vmi_kvm_abandon(struct vmi_kvm_vcpu *vcpu);
int vmi_kvm_vcpu_nmi(struct vmapi_vcpu *vcpu);
int vmi_kvm_vcpu_smi(struct vmapi_vcpu *vcpu);

/* -- kick.c -------------------------------------------------------------- */

/* What is known of a thread; its id never changes, so it is asked for once. */
struct vmi_kvm_thread {
	uint64_t blocked; /* kick signals that stay so: see kick.c */
	uint64_t mask;	  /* as it was before the first of them */
	pid_t tid;
};

extern vmi_tls struct vmi_kvm_thread vmi_kvm_thread;

/* A thread's stay inside run. */
struct vmi_kvm_stay {
	pid_t tid;
	bool unblock; /* the signal was not blocked before */
};

int vmi_kvm_stay_begin(struct vmi_kvm_vcpu *vcpu, struct vmi_kvm_stay *stay);
void vmi_kvm_stay_end_slowly(
	struct vmi_kvm_vcpu *vcpu, const struct vmi_kvm_stay *stay);

/*
 * The same, where the thread keeps its mask and the kernel knows it: which it
 * does since an earlier stay.
 */
static inline bool vmi_kvm_stay_again(
	struct vmi_kvm_vcpu *vcpu, struct vmi_kvm_stay *stay)
{
	const struct vmi_kvm_thread *here = &vmi_kvm_thread;
	const uint64_t bit = vmi_kvm_vm_of(vcpu->core.vm)->kick_bit;

	if (!(vcpu->core.flags & VMAPI_VCPU_STEADY_MASK) ||
		!(here->blocked & bit) || vcpu->mask != (here->mask & ~bit))
		return false;
	stay->tid = here->tid;
	stay->unblock = false;
	return true;
}

/*
 * From here on the thread is signalled; no more.  The run gate that follows
 * is the barrier of both.
 */
static inline void vmi_kvm_reachable(
	struct vmi_kvm_vcpu *vcpu, const struct vmi_kvm_stay *stay)
{
	atomic_store_explicit(&vcpu->tid, stay->tid, memory_order_relaxed);
	atomic_store_explicit(vcpu->immediate, 0, memory_order_relaxed);
}

static inline void vmi_kvm_unreachable(struct vmi_kvm_vcpu *vcpu)
{
	atomic_store_explicit(&vcpu->tid, 0, memory_order_relaxed);
}

static inline void vmi_kvm_stay_end(
	struct vmi_kvm_vcpu *vcpu, const struct vmi_kvm_stay *stay)
{
	if (vmi_unlikely(stay->unblock ||
			atomic_load_explicit(&vcpu->signals,
				memory_order_acquire) != vcpu->taken))
		vmi_kvm_stay_end_slowly(vcpu, stay);
}

/* Empty the thread's queue of the signal: after each EINTR. */
void vmi_kvm_take_signals(struct vmi_kvm_vcpu *vcpu);
/* Ask for something before or instead of the next entry.  Any thread. */
void vmi_kvm_request(struct vmi_kvm_vcpu *vcpu, unsigned what);
void vmi_kvm_vcpu_kick(struct vmapi_vcpu *vcpu);
void vmi_kvm_vcpu_stop(struct vmapi_vcpu *vcpu);
bool vmi_kvm_vcpu_take_kick(struct vmapi_vcpu *vcpu);
void vmi_kvm_vcpu_prod(struct vmapi_vcpu *vcpu);

/* -- exit.c -------------------------------------------------------------- */

/* What an exit wants to hear, and whether the kernel goes on with it. */
struct vmi_kvm_answer {
	uint32_t bytes;	   /* 0: nothing */
	bool may_be_empty; /* 0 bytes are an answer as well */
};

static inline uint8_t *vmi_kvm_io_data(struct kvm_run *run)
{
	return (uint8_t *)run + run->io.data_offset;
}

/*
 * Accesses are most of what a guest exits for: they fill their own part of
 * the union and leave the rest as it was.  Returns how many bytes they want.
 */
static inline bool vmi_kvm_is_access(const struct kvm_run *run)
{
	return run->exit_reason == KVM_EXIT_IO ||
		run->exit_reason == KVM_EXIT_MMIO;
}

static inline uint32_t vmi_kvm_io_decode(
	struct kvm_run *run, struct vmapi_exit *exit)
{
	struct vmapi_exit_io *io = &exit->u.io;

	exit->reason = VMAPI_EXIT_IO;
	io->port = run->io.port;
	io->width = run->io.size;
	io->count = run->io.count;
	io->is_write = run->io.direction == KVM_EXIT_IO_OUT;
	io->reserved = 0;
	io->data = vmi_kvm_io_data(run);
	return io->is_write ? 0 : io->width * io->count;
}

static inline uint32_t vmi_kvm_mmio_decode(
	const struct kvm_run *run, struct vmapi_exit *exit)
{
	struct vmapi_exit_mmio *mmio = &exit->u.mmio;

	exit->reason = VMAPI_EXIT_MMIO;
	mmio->gpa = run->mmio.phys_addr;
	mmio->length = run->mmio.len;
	mmio->is_write = run->mmio.is_write != 0;
	memset(mmio->data, 0, sizeof(mmio->data));
	if (mmio->length > sizeof(mmio->data))
		mmio->length = sizeof(mmio->data);
	if (mmio->is_write)
		memcpy(mmio->data, run->mmio.data, mmio->length);
	return mmio->is_write ? 0 : mmio->length;
}

static inline uint32_t vmi_kvm_access_decode(
	struct kvm_run *run, struct vmapi_exit *exit)
{
	return run->exit_reason == KVM_EXIT_IO ?
		vmi_kvm_io_decode(run, exit) : vmi_kvm_mmio_decode(run, exit);
}

/* Decode what is in `run`; exit->size is left alone. */
struct vmi_kvm_answer vmi_kvm_exit_decode(
	struct kvm_run *run, struct vmapi_exit *exit);
/* Put an answer where the kernel looks for it; false: it wants none. */
bool vmi_kvm_exit_answer(struct kvm_run *run, const void *data, size_t bytes);
/* Does the kernel finish something at the next KVM_RUN after this exit? */
bool vmi_kvm_exit_unfinished(const struct kvm_run *run);

/* -- slots.c ------------------------------------------------------------- */

int vmi_kvm_slots_init(struct vmi_kvm_vm *vm);
void vmi_kvm_slots_fini(struct vmi_kvm_vm *vm);
int vmi_kvm_page_show(
	struct vmapi_vm *core, uint64_t gpa, void *page, uint32_t *slot);
void vmi_kvm_page_hide(struct vmapi_vm *core, uint32_t slot);
int vmi_kvm_map_apply(
	struct vmapi_vm *vm, struct vmi_map_change *changes, size_t n);
int vmi_kvm_guest_memfd(struct vmapi_vm *vm, uint64_t bytes);
int vmi_kvm_attributes_set(struct vmapi_vm *vm, uint64_t gpa, uint64_t bytes,
	uint32_t attributes);

/* -- log.c --------------------------------------------------------------- */

#define VMI_KVM_SPACE_SHIFT 16 /* slot numbers: address space in bits 31:16 */

/* Which kinds there are: mask of 1 << VMAPI_DIRTY_. */
unsigned vmi_kvm_dirty_kinds(int fd);
/* Before the first vcpu; after it. */
int vmi_kvm_log_init(struct vmi_kvm_vm *vm);
void vmi_kvm_log_fini(struct vmi_kvm_vm *vm);
int vmi_kvm_ring_init(struct vmi_kvm_vcpu *vcpu);
void vmi_kvm_ring_fini(struct vmi_kvm_vcpu *vcpu);
/* A ring is full: outside of the guest, on the vcpu's thread. */
int vmi_kvm_rings_empty(struct vmi_kvm_vcpu *vcpu);
int vmi_kvm_dirty_begin(struct vmapi_vm *vm, bool exact);
int vmi_kvm_dirty_fetch(struct vmi_logged *logged,
	const struct vmi_dirty_want *want);

/* -- irq.c --------------------------------------------------------------- */

/* -- attr.c -------------------------------------------------------------- */

int vmi_kvm_device_probe(struct vmapi_vm *vm, unsigned type);
int vmi_kvm_device_open(struct vmapi_vm *vm, unsigned type, int *fd);
int vmi_kvm_device_connect(struct vmapi_vcpu *vcpu, unsigned type, int fd,
	uint32_t server);
int vmi_kvm_attr(const struct vmi_attr_call *call);
/* A mask of 1 << enum vmapi_device_type. */
uint64_t vmi_kvm_devices(struct vmi_kvm_vm *vm);

/* -- route.c ------------------------------------------------------------- */

/* Pure: one route in the kernel's layout; -ENOTSUP: it has none. */
int vmi_kvm_route_encode(
	struct kvm_irq_routing_entry *to, const struct vmapi_route *from);
int vmi_kvm_routes_set(
	struct vmapi_vm *vm, const struct vmapi_route *routes, size_t n);

/* -- s390irq.c ----------------------------------------------------------- */

/* Pure: -EINVAL where there is no such interrupt, local or floating. */
int vmi_kvm_s390_encode(
	struct kvm_s390_irq *to, const struct vmapi_s390_irq *from);
int vmi_kvm_s390_encode_floating(
	struct kvm_s390_interrupt *to, const struct vmapi_s390_irq *from);
bool vmi_kvm_s390_is_io(uint32_t type);
int vmi_kvm_s390_inject(struct vmapi_vm *vm, struct vmapi_vcpu *vcpu,
	const struct vmapi_s390_irq *irq);

/* -- s390mem.c ----------------------------------------------------------- */

/* Pure: of a logical access, or an absolute one. */
void vmi_kvm_s390_encode_mem(struct kvm_s390_mem_op *to,
	const struct vmapi_s390_mem *from, bool absolute);
int vmi_kvm_s390_keys(struct vmapi_vm *vm, struct vmi_s390_keys *keys);
int vmi_kvm_s390_mem(struct vmapi_vm *vm, struct vmapi_vcpu *vcpu,
	const struct vmapi_s390_mem *mem, uint32_t *result);

/* -- event.c ------------------------------------------------------------- */

int vmi_kvm_irqfd(
	struct vmapi_vm *vm, const struct vmapi_irqfd *irqfd, bool on);
int vmi_kvm_ioeventfd(struct vmapi_vm *vm, const struct vmi_doorbell *bell,
	int fd, bool on);
int vmi_kvm_posted_zone(
	struct vmapi_vm *vm, const struct vmi_region *region, bool on);
bool vmi_kvm_posted_next(
	struct vmapi_vm *vm, struct vmi_posted_write *write);
/* With the first vcpu; nothing where the kernel has no ring. */
int vmi_kvm_ring_map(struct vmi_kvm_vm *vm, int vcpu_fd);
void vmi_kvm_ring_unmap(struct vmi_kvm_vm *vm);

int vmi_kvm_line_set(
	struct vmapi_vm *vm, unsigned gsi, bool level, int *delivery);
int vmi_kvm_line_count(struct vmapi_vm *vm, unsigned *n);
int vmi_kvm_vcpu_line_check(struct vmapi_vcpu *vcpu, unsigned pin);
int vmi_kvm_vcpu_line(struct vmapi_vcpu *vcpu, unsigned pin, bool level);
int vmi_kvm_vcpu_lint(struct vmapi_vcpu *vcpu, enum vmi_lint input, bool high,
	int *delivery);
int vmi_kvm_msi_send(
	struct vmapi_vm *vm, const struct vmapi_msi *msi, int *delivery);

#endif
