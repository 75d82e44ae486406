/* SPDX-License-Identifier: MIT */
/* The system calls alone, on the descriptors of the library's own machine. */
/*
 * For each operation the least that a program must ask the kernel without
 * the library, written as such a program would: the buffers are there, sizes
 * are known, nothing is looked up, traced or checked but the result.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "bench/overhead.h"
#include "lib/arch/x86_regs.h"
#include "lib/kvm/x86/x86.h"

#define SLOT 400 /* the library counts from 0 */

struct overhead_raw {
	int vm, vcpu, steady; /* `steady` is the vcpu with the promise */
	struct kvm_run *run, *steady_run;
	bool sregs2, xcrs, tsc_hz, nested;
	uint32_t nested_bytes, xsave_bytes;
	unsigned long get_xsave, line;
	unsigned dirty_slot;
	void *spare;
	struct kvm_regs regs;
	struct kvm_sregs2 sregs;
	struct kvm_debugregs debug;
	struct kvm_xcrs xcr;
	struct kvm_lapic_state lapic;
	struct kvm_vcpu_events events;
	struct kvm_mp_state mp;
	void *xsave, *nested_state;
	/* What the two batches name; of the second, what comes last. */
	struct kvm_msrs *got, *put, *deadline;
};

/* -- Which of them ------------------------------------------------------- */

/* The deadline of the TSC, or all other MSRs. */
static struct kvm_msrs *msrs_of(const struct overhead_regs *from, bool deadline)
{
	struct kvm_msrs *list = calloc(1,
		sizeof(*list) + from->n * sizeof(list->entries[0]));
	size_t i;

	for (i = 0; list && i < from->n; i++) {
		const uint32_t index = (uint32_t)from->regs[i].tag;

		if (from->regs[i].tag == VMAPI_X86_MSR(index) &&
			(index == VMI_MSR_TSC_DEADLINE) == deadline)
			list->entries[list->nmsrs++].index = index;
	}
	return list;
}

static bool has(const struct overhead_regs *from, uint64_t tag)
{
	size_t i;

	for (i = 0; i < from->n; i++)
		if (from->regs[i].tag == tag)
			return true;
	return false;
}

static bool allocate(struct overhead_machine *m)
{
	struct overhead_raw *raw = m->raw;

	raw->xsave = calloc(1, raw->xsave_bytes);
	raw->nested_state = calloc(1, raw->nested_bytes);
	raw->got = msrs_of(&m->get, false);
	raw->put = msrs_of(&m->set, false);
	raw->deadline = msrs_of(&m->set, true);
	if (!raw->xsave || !raw->got || !raw->put ||
		!raw->deadline)
		return false;
	/* Got in one call with the others. */
	if (raw->deadline->nmsrs)
		raw->got->entries[raw->got->nmsrs++] =
			raw->deadline->entries[0];
	return true;
}

bool overhead_raw_open(struct overhead_machine *m)
{
	struct vmi_kvm_vm *vm = vmi_kvm_vm_of(m->vm);
	struct vmi_kvm_vcpu *vcpu = vmi_kvm_vcpu_of(m->vcpu);
	struct vmi_kvm_vcpu *steady = vmi_kvm_vcpu_of(m->steady);
	struct overhead_raw *raw = m->raw = calloc(1, sizeof(*raw));
	void *spare;

	if (!raw)
		return false;
	raw->vm = vm->fd;
	raw->vcpu = vcpu->fd;
	raw->run = vcpu->run;
	raw->steady = steady->fd;
	raw->steady_run = steady->run;
	raw->sregs2 = vm->arch->sregs2;
	raw->xcrs = vm->arch->xcrs;
	raw->tsc_hz = has(&m->get, VMAPI_X86_TSC_HZ);
	raw->nested = has(&m->get, VMAPI_X86_NESTED);
	raw->nested_bytes = raw->nested ?
		(uint32_t)vm->arch->nested_bytes : 1;
	raw->xsave_bytes = (uint32_t)vm->arch->xsave_bytes;
	raw->get_xsave = vm->arch->xsave2 ? KVM_GET_XSAVE2 : KVM_GET_XSAVE;
	raw->line = vm->tells_delivery ? KVM_IRQ_LINE_STATUS : KVM_IRQ_LINE;
	raw->dirty_slot = vmi_view_find(m->as->view, 0)->slot;
	if (vmapi_ram_pointer(m->spare, &spare) || !allocate(m))
		return false;
	raw->spare = spare;
	/* So that what is set is what was there. */
	return overhead_raw_get_all(m) == 0 &&
		ioctl(raw->vcpu, KVM_GET_MSRS, raw->put) >= 0 &&
		ioctl(raw->vcpu, KVM_GET_MSRS, raw->deadline) >= 0;
}

void overhead_raw_close(struct overhead_machine *m)
{
	struct overhead_raw *raw = m->raw;

	if (!raw)
		return;
	free(raw->xsave);
	free(raw->nested_state);
	free(raw->got);
	free(raw->put);
	free(raw->deadline);
	free(raw);
}

/* -- The operations ------------------------------------------------------ */

/* Whoever kicks clears the byte before each run. */
int overhead_raw_run(struct overhead_machine *m)
{
	int rc;

	m->raw->run->immediate_exit = 0;
	rc = ioctl(m->raw->vcpu, KVM_RUN, NULL);

	return rc < 0 ? rc : m->raw->run->exit_reason != KVM_EXIT_IO;
}

int overhead_raw_run_steady(struct overhead_machine *m)
{
	int rc;

	m->raw->steady_run->immediate_exit = 0;
	rc = ioctl(m->raw->steady, KVM_RUN, NULL);

	return rc < 0 ? rc : m->raw->steady_run->exit_reason != KVM_EXIT_IO;
}

int overhead_raw_get_one(struct overhead_machine *m)
{
	return ioctl(m->raw->vcpu, KVM_GET_REGS, &m->raw->regs);
}

int overhead_raw_set_one(struct overhead_machine *m)
{
	struct overhead_raw *raw = m->raw;
	int rc = ioctl(raw->vcpu, KVM_GET_REGS, &raw->regs);

	raw->regs.rbx = 0;
	return rc | ioctl(raw->vcpu, KVM_SET_REGS, &raw->regs);
}

static int get_lists(struct overhead_raw *raw)
{
	int rc = 0;

	if (raw->nested) {
		memcpy((uint8_t *)raw->nested_state +
				offsetof(struct kvm_nested_state, size),
			&raw->nested_bytes, sizeof(raw->nested_bytes));
		rc |= ioctl(raw->vcpu, KVM_GET_NESTED_STATE,
			raw->nested_state);
	}
	rc |= ioctl(raw->vcpu, KVM_GET_MSRS, raw->got) < 0;
	return rc;
}

/* CPUID is left out: it is as it was set. */
int overhead_raw_get_all(struct overhead_machine *m)
{
	struct overhead_raw *raw = m->raw;
	int rc = 0;

	rc |= ioctl(raw->vcpu, KVM_GET_MP_STATE, &raw->mp);
	rc |= ioctl(raw->vcpu, KVM_GET_REGS, &raw->regs);
	rc |= ioctl(raw->vcpu, raw->sregs2 ? KVM_GET_SREGS2 : KVM_GET_SREGS,
		&raw->sregs);
	rc |= ioctl(raw->vcpu, KVM_GET_DEBUGREGS, &raw->debug);
	if (raw->xcrs)
		rc |= ioctl(raw->vcpu, KVM_GET_XCRS, &raw->xcr);
	rc |= ioctl(raw->vcpu, raw->get_xsave, raw->xsave);
	rc |= ioctl(raw->vcpu, KVM_GET_LAPIC, &raw->lapic);
	rc |= ioctl(raw->vcpu, KVM_GET_VCPU_EVENTS, &raw->events);
	if (raw->tsc_hz)
		rc |= ioctl(raw->vcpu, KVM_GET_TSC_KHZ, NULL) < 0;
	return rc | get_lists(raw);
}

/*
 * In the order that loses nothing.  CPUID is left out: it cannot change once
 * the guest has run, which the library knows without asking.
 */
int overhead_raw_set_all(struct overhead_machine *m)
{
	struct overhead_raw *raw = m->raw;
	int rc = 0;

	if (raw->xcrs)
		rc |= ioctl(raw->vcpu, KVM_SET_XCRS, &raw->xcr);
	rc |= ioctl(raw->vcpu, raw->sregs2 ? KVM_SET_SREGS2 : KVM_SET_SREGS,
		&raw->sregs);
	rc |= ioctl(raw->vcpu, KVM_SET_REGS, &raw->regs);
	rc |= ioctl(raw->vcpu, KVM_SET_XSAVE, raw->xsave);
	if (raw->tsc_hz)
		rc |= ioctl(raw->vcpu, KVM_GET_TSC_KHZ, NULL) < 0;
	rc |= ioctl(raw->vcpu, KVM_SET_MSRS, raw->put) < 0;
	rc |= ioctl(raw->vcpu, KVM_SET_LAPIC, &raw->lapic);
	if (raw->deadline->nmsrs)
		rc |= ioctl(raw->vcpu, KVM_SET_MSRS, raw->deadline) < 0;
	if (raw->nested)
		rc |= ioctl(raw->vcpu, KVM_SET_NESTED_STATE,
			raw->nested_state);
	rc |= ioctl(raw->vcpu, KVM_SET_DEBUGREGS, &raw->debug);
	rc |= ioctl(raw->vcpu, KVM_SET_MP_STATE, &raw->mp);
	return rc | ioctl(raw->vcpu, KVM_SET_VCPU_EVENTS, &raw->events);
}

int overhead_raw_line(struct overhead_machine *m)
{
	struct kvm_irq_level up = { .irq = 10, .level = 1 };
	struct kvm_irq_level down = { .irq = 10 };
	int rc = ioctl(m->raw->vm, m->raw->line, &up);

	return rc | ioctl(m->raw->vm, m->raw->line, &down);
}

int overhead_raw_ioeventfd(struct overhead_machine *m)
{
	struct kvm_ioeventfd arg = {
		.addr = 0x510, .len = 2, .fd = m->eventfd,
		.flags = KVM_IOEVENTFD_FLAG_PIO,
	};
	int rc = ioctl(m->raw->vm, KVM_IOEVENTFD, &arg);

	arg.flags |= KVM_IOEVENTFD_FLAG_DEASSIGN;
	return rc | ioctl(m->raw->vm, KVM_IOEVENTFD, &arg);
}

int overhead_raw_commit(struct overhead_machine *m)
{
	struct kvm_userspace_memory_region slot = {
		.slot = SLOT,
		.guest_phys_addr = 0x20000000,
		.memory_size = OVERHEAD_SPARE,
		.userspace_addr = (uintptr_t)m->raw->spare,
	};
	int rc = ioctl(m->raw->vm, KVM_SET_USER_MEMORY_REGION, &slot);

	slot.memory_size = 0;
	return rc | ioctl(m->raw->vm, KVM_SET_USER_MEMORY_REGION, &slot);
}

int overhead_raw_dirty(struct overhead_machine *m)
{
	struct kvm_dirty_log log = {
		.slot = m->raw->dirty_slot,
		.dirty_bitmap = m->bitmap,
	};

	return ioctl(m->raw->vm, KVM_GET_DIRTY_LOG, &log);
}
