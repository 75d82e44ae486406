/* SPDX-License-Identifier: MIT */
/* What the architectures other than x86 have in common. */
/*
 * Each of them is a const table, vmi_kvm_other in its folder, of what differs:
 * an entry that is NULL has nothing to do.  The functions here are those that
 * lib/kvm calls of any architecture, by that table.  What only x86 has is
 * refused, with a sentence.
 */
#include "lib/kvm/arch.h"

/* -- VMs ----------------------------------------------------------------- */

uint64_t vmi_kvm_arch_vm_type(int fd)
{
	return vmi_kvm_other.vm_type ? vmi_kvm_other.vm_type(fd) : 0;
}

int vmi_kvm_arch_vm_init(struct vmi_kvm_vm *vm)
{
	return vmi_kvm_other.vm_init ? vmi_kvm_other.vm_init(vm) : 0;
}

void vmi_kvm_arch_vm_fini(struct vmi_kvm_vm *vm)
{
	vmi_free(vm->arch);
	vm->arch = NULL;
}

int vmi_kvm_arch_vm_reset(struct vmapi_vm *vm)
{
	(void)vm;
	return 0;
}

int vmi_kvm_arch_cap(struct vmi_kvm *kvm, struct vmi_kvm_vm *vm, unsigned id,
	struct vmapi_cap *cap)
{
	const struct vmi_kvm_asked asked = {
		.fd = vm ? vm->fd : kvm->fd, .vm = vm };
	int rc;

	switch (id) {
	case VMAPI_CAP_IRQCHIPS:
		cap->value = 1 << VMAPI_IRQCHIP_NONE;
		rc = 0;
		break;
	case VMAPI_CAP_DEBUG:
		cap->value = vmi_kvm_debug_flags(asked.fd);
		rc = 0;
		break;
	default: rc = vmi_kvm_other.cap(&asked, id, &cap->value);
	}
	if (rc < 0)
		return rc;
	cap->origin = vm ? VMAPI_ORIGIN_VM : VMAPI_ORIGIN_KERNEL;
	return 0;
}

/* -- vcpus --------------------------------------------------------------- */

int vmi_kvm_arch_vcpu_init(struct vmi_kvm_vcpu *vcpu)
{
	int rc = vmi_kvm_other.vcpu_init ? vmi_kvm_other.vcpu_init(vcpu) : 0;

	if (rc < 0)
		vmi_kvm_arch_vcpu_fini(vcpu);
	return rc;
}

void vmi_kvm_arch_vcpu_fini(struct vmi_kvm_vcpu *vcpu)
{
	vmi_free(vcpu->arch);
	vmi_free(vcpu->debug);
	vcpu->arch = NULL;
	vcpu->debug = NULL;
}

int vmi_kvm_arch_vcpu_reset(struct vmapi_vcpu *core)
{
	struct vmi_kvm_vcpu *vcpu = vmi_kvm_vcpu_of(core);

	vmi_kvm_abandon(vcpu);
	return vmi_kvm_other.vcpu_reset(vcpu);
}

int vmi_kvm_arch_before_run(struct vmi_kvm_vcpu *vcpu)
{
	int rc = 0;

	if (!vcpu->core.ran && vmi_kvm_other.first_run)
		rc = vmi_kvm_other.first_run(vcpu);
	return rc < 0 ? rc : vmi_kvm_debug_resume(vcpu);
}

/* x86 alone has modes of which the kernel tells with each exit. */
uint32_t vmi_kvm_arch_exit_flags(const struct kvm_run *run)
{
	(void)run;
	return 0;
}

/* -- lines --------------------------------------------------------------- */

uint32_t vmi_kvm_arch_line_word(unsigned gsi)
{
	return vmi_kvm_other.line_word ? vmi_kvm_other.line_word(gsi) : gsi;
}

/* The one external line of processors that have no more. */
static int external_line(struct vmi_kvm_vcpu *vcpu, unsigned pin, int level)
{
	struct kvm_interrupt arg = {
		.irq = vmi_kvm_other.external_word(level > 0) };
	int rc;

	if (pin)
		return vmi_kvm_vcpu_fail(
			vcpu, -ERANGE, "its only line is 0, the external one");
	if (level < 0)
		return 0;
	rc = vmi_kvm_vcpu_ioctl(vcpu, KVM_INTERRUPT, &arg);
	return rc < 0 ? vmi_kvm_vcpu_refused(vcpu, rc, KVM_INTERRUPT) : 0;
}

int vmi_kvm_arch_vcpu_line(struct vmi_kvm_vcpu *vcpu, unsigned pin, int level)
{
	if (vmi_kvm_other.external_word)
		return external_line(vcpu, pin, level);
	if (vmi_kvm_other.vcpu_line)
		return vmi_kvm_other.vcpu_line(vcpu, pin, level);
	return vmi_kvm_vcpu_fail(vcpu, -ENXIO, "it has no lines");
}

/* The external line: 0 lowers it, any other number raises it. */
int vmi_kvm_arch_interrupt(struct vmapi_vcpu *core, unsigned vector)
{
	struct vmi_kvm_vcpu *vcpu = vmi_kvm_vcpu_of(core);

	if (!vmi_kvm_other.external_word)
		return vmi_kvm_vcpu_fail(
			vcpu, -ENOTSUP, vmi_kvm_other.no_interrupt);
	return external_line(vcpu, 0, vector != 0);
}

int vmi_kvm_arch_route_check(
	const struct vmapi_vm *vm, const struct vmapi_route *route)
{
	(void)vm; /* the kernel knows its chips */
	return route->type <= VMAPI_ROUTE_ADAPTER ? 0 : -ENOTSUP;
}

/* -- registers ----------------------------------------------------------- */

const struct vmi_regs_arch *vmi_kvm_arch_regs(void)
{
	return vmi_kvm_other.regs;
}

/* -- what only x86 has --------------------------------------------------- */

static int not_x86(struct vmi_kvm_vcpu *vcpu)
{
	return vmi_kvm_vcpu_fail(
		vcpu, -ENOTSUP, "only a processor of x86 has this");
}

static int vm_not_x86(void)
{
	return vmi_fail(-ENOTSUP, "vm", "this is not a VM of x86");
}

enum vmi_kvm_verdict vmi_kvm_arch_trial(int fd, char *why, size_t room)
{
	(void)fd;
	(void)why;
	(void)room;
	return VMI_KVM_UNTRIED;
}

int vmi_kvm_arch_irq_window(struct vmapi_vcpu *vcpu, bool on)
{
	(void)on;
	return not_x86(vmi_kvm_vcpu_of(vcpu));
}

int vmi_kvm_arch_translate(struct vmapi_vcpu *vcpu, uint64_t gva,
	unsigned access, struct vmapi_translation *result)
{
	(void)gva;
	(void)access;
	(void)result;
	return not_x86(vmi_kvm_vcpu_of(vcpu));
}

int vmi_kvm_arch_cpuid_supported(struct vmapi *ctx,
	struct vmapi_x86_cpuid *entries, size_t n, size_t *count)
{
	(void)ctx;
	(void)entries;
	(void)n;
	(void)count;
	return vmi_fail(-ENOTSUP, "context", "its processors are not x86");
}

int vmi_kvm_arch_x86_exits(
	struct vmapi_vm *vm, const struct vmapi_x86_exits *exits)
{
	(void)vm;
	(void)exits;
	return vm_not_x86();
}

/* A kernel that refuses has no such exits. */
int vmi_kvm_arch_calls(struct vmapi_vm *vm, uint32_t wanted, uint32_t *ways)
{
	const struct vmi_kvm_other *other = &vmi_kvm_other;

	if (wanted & other->call_way &&
		(!other->call_ask || !other->call_ask(vmi_kvm_vm_of(vm))))
		*ways |= other->call_way;
	return 0;
}

void vmi_kvm_arch_legacy_cut(struct vmapi_vm *vm, bool cut)
{
	(void)vm;
	(void)cut;
}

int vmi_kvm_arch_chip_get(
	struct vmapi_vm *vm, enum vmi_chip chip, void *state)
{
	(void)vm;
	(void)chip;
	(void)state;
	return -ENOENT;
}

int vmi_kvm_arch_chip_set(
	struct vmapi_vm *vm, enum vmi_chip chip, const void *state)
{
	(void)vm;
	(void)chip;
	(void)state;
	return -ENOENT;
}
