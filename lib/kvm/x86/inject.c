/* SPDX-License-Identifier: MIT */
/* Interrupts that the application injects, and the window for them. */
#include "lib/kvm/x86/x86.h"

#define RFLAGS_IF (1u << 9)

static int no_controller(struct vmi_kvm_vcpu *vcpu)
{
	if (vcpu->core.vm->config.irqchip != VMAPI_IRQCHIP_FULL)
		return 0;
	return vmi_kvm_vcpu_fail(vcpu, -ENXIO,
		"the VM has interrupt controllers: use a line or a message");
}

/* The long way: 0, -EEXIST or -EAGAIN. */
static int ask_ready(struct vmi_kvm_vcpu *vcpu)
{
	struct vmapi_x86_events events;
	struct vmi_x86_gprs gprs;
	size_t bytes = sizeof(events);
	int rc;

	rc = vmi_kvm_arch_block_get(
		&vcpu->core, VMI_BLOCK_EVENTS, &events, &bytes);
	if (rc < 0)
		return rc;
	if (events.interrupt_injected)
		return vmi_kvm_vcpu_fail(
			vcpu, -EEXIST, "an interrupt is queued already");
	bytes = sizeof(gprs);
	rc = vmi_kvm_arch_block_get(&vcpu->core, VMI_BLOCK_GPRS, &gprs, &bytes);
	if (rc < 0)
		return rc;
	if (!(gprs.rflags & RFLAGS_IF) || events.shadow ||
		events.exception_injected || events.exception_pending ||
		events.nmi_injected)
		return vmi_kvm_vcpu_fail(vcpu, -EAGAIN,
			"the guest cannot take an interrupt now");
	return 0;
}

static int queue(struct vmi_kvm_vcpu *vcpu, unsigned vector)
{
	struct kvm_interrupt arg = { .irq = vector };
	int rc = vmi_kvm_vcpu_ioctl(vcpu, KVM_INTERRUPT, &arg);

	if (rc < 0)
		return vmi_kvm_vcpu_refused(vcpu, rc, KVM_INTERRUPT);
	vcpu->run_valid = false;
	return 0;
}

/*
 * With local APICs in the kernel it keeps the vector until they let it in
 * (EEXIST: it has one).  A PIC that is still asking is to be asked again.
 */
static int queue_split(struct vmi_kvm_vcpu *vcpu, unsigned vector)
{
	int rc = queue(vcpu, vector);

	if (rc == 0 && atomic_load(&vcpu->core.extint))
		atomic_fetch_or(&vcpu->requests, VMI_KVM_EXTINT);
	return rc;
}

/*
 * The kernel does not check: KVM_INTERRUPT puts the vector where one may
 * wait already, and a guest with IF clear would take it.  The shared area
 * says whether it can be taken, as of the last exit; if something was set
 * since then, or it says no, the registers tell, and why.
 */
int vmi_kvm_arch_interrupt(struct vmapi_vcpu *core, unsigned vector)
{
	struct vmi_kvm_vcpu *vcpu = vmi_kvm_vcpu_of(core);
	int rc;

	rc = no_controller(vcpu);
	if (rc < 0)
		return rc;
	if (core->vm->config.irqchip == VMAPI_IRQCHIP_SPLIT)
		return queue_split(vcpu, vector);
	if (vector > 255)
		return vmi_kvm_vcpu_fail(
			vcpu, -ERANGE, "an interrupt vector is at most 255");
	if (!vcpu->run_valid || !vcpu->run->ready_for_interrupt_injection) {
		rc = ask_ready(vcpu);
		if (rc < 0)
			return rc;
	}
	return queue(vcpu, vector);
}

int vmi_kvm_arch_irq_window(struct vmapi_vcpu *core, bool on)
{
	struct vmi_kvm_vcpu *vcpu = vmi_kvm_vcpu_of(core);
	int rc = no_controller(vcpu);

	if (rc == 0)
		vcpu->run->request_interrupt_window = on;
	return rc;
}
