/* SPDX-License-Identifier: MIT */
/* An x86 VM: what has to be made before the first vcpu, and its order. */
#include "lib/arch/attr.h"
#include "lib/arch/x86_routes.h"
#include "lib/core/routes.h"
#include "lib/kvm/x86/x86.h"

/*
 * Pages that Intel processors without unrestricted guest need for real mode:
 * a TSS of three pages and, below it, an identity page table.  They lie under
 * the 16 MB that firmware may want below 4 GiB, above the local APICs.
 */
#define IDENTITY_MAP 0xfeffc000ull
#define TSS	     0xfeffd000ul

const struct vmi_kvm_need vmi_kvm_arch_needs[] = {
	{ KVM_CAP_SET_TSS_ADDR, "KVM_CAP_SET_TSS_ADDR" },
	{ KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID" },
	{ KVM_CAP_MP_STATE, "KVM_CAP_MP_STATE" },
	{ KVM_CAP_VCPU_EVENTS, "KVM_CAP_VCPU_EVENTS" },
	{ KVM_CAP_DEBUGREGS, "KVM_CAP_DEBUGREGS" },
	{ KVM_CAP_XSAVE, "KVM_CAP_XSAVE" },
	{ 0, NULL },
};

/* KVM_ENABLE_CAP on the VM where the kernel has it; false: it is off. */
static bool enable(struct vmi_kvm_vm *vm, unsigned cap)
{
	return vmi_kvm_vm_check(vm, cap) && !vmi_kvm_vm_enable(vm, cap, 1);
}

static int set_pages(struct vmi_kvm_vm *vm)
{
	uint64_t identity = IDENTITY_MAP;
	int rc;

	if (vmi_kvm_vm_check(vm, KVM_CAP_SET_IDENTITY_MAP_ADDR)) {
		rc = vmi_kvm_vm_ioctl(vm, KVM_SET_IDENTITY_MAP_ADDR, &identity);
		if (rc < 0)
			return vmi_kvm_vm_refused(
				rc, KVM_SET_IDENTITY_MAP_ADDR);
	}
	rc = vmi_kvm_vm_ioctl(vm, KVM_SET_TSS_ADDR, (void *)(uintptr_t)TSS);
	if (rc < 0)
		return vmi_kvm_vm_refused(rc, KVM_SET_TSS_ADDR);
	if (!vmi_kvm_vm_check(vm, KVM_CAP_SET_BOOT_CPU_ID))
		return 0;
	rc = vmi_kvm_vm_ioctl(vm, KVM_SET_BOOT_CPU_ID, NULL);
	return rc < 0 ? vmi_kvm_vm_refused(rc, KVM_SET_BOOT_CPU_ID) : 0;
}

const unsigned vmi_kvm_arch_owners[3] = {
	VMI_OWNER_X86_SYSTEM,
	VMI_OWNER_NONE,
	VMI_OWNER_X86_VCPU,
};

int vmi_kvm_arch_route_check(
	const struct vmapi_vm *vm, const struct vmapi_route *route)
{
	if (route->type == VMAPI_ROUTE_ADAPTER)
		return -ENOTSUP;
	if (route->type != VMAPI_ROUTE_PIN)
		return 0;
	if (vm->config.irqchip != VMAPI_IRQCHIP_FULL)
		return -ENXIO;
	return route->u.pin.pin < vmi_x86_chip_pins(route->u.pin.chip)
		       ? 0
		       : -EINVAL;
}

static int set_routes(struct vmi_kvm_vm *vm)
{
	struct vmapi_route routes[VMI_X86_PC_ROUTES];

	vmi_x86_pc_routes(routes);
	return vmi_routes_commit(&vm->core, routes, VMI_X86_PC_ROUTES);
}

/* Speaker dummy: the kernel answers port 0x61 too. */
static int make_pit(struct vmi_kvm_vm *vm)
{
	struct kvm_pit_config config = { .flags = KVM_PIT_SPEAKER_DUMMY };
	int rc;

	if (!vmi_kvm_vm_check(vm, KVM_CAP_PIT2) ||
		!vmi_kvm_vm_check(vm, KVM_CAP_PIT_STATE2))
		return vmi_fail(-ENOTSUP, "vm",
			"flags: this kernel has no PIT (KVM_CAP_PIT2)");
	rc = vmi_kvm_vm_ioctl(vm, KVM_CREATE_PIT2, &config);
	if (rc < 0)
		return vmi_kvm_vm_refused(rc, KVM_CREATE_PIT2);
	rc = vmi_kvm_vm_ioctl(vm, KVM_GET_PIT2, &vm->arch->pit);
	return rc < 0 ? vmi_kvm_vm_refused(rc, KVM_GET_PIT2) : 0;
}

static int make_full(struct vmi_kvm_vm *vm)
{
	unsigned i;
	int rc;

	if (!vmi_kvm_vm_check(vm, KVM_CAP_IRQCHIP))
		return vmi_fail(-ENOTSUP, "vm",
			"irqchip: this kernel has none (KVM_CAP_IRQCHIP)");
	rc = vmi_kvm_vm_ioctl(vm, KVM_CREATE_IRQCHIP, NULL);
	if (rc < 0)
		return vmi_kvm_vm_refused(rc, KVM_CREATE_IRQCHIP);
	rc = set_routes(vm);
	for (i = 0; rc == 0 && i < VMI_KVM_X86_CHIPS; i++) {
		vm->arch->chips[i].chip_id = i;
		rc = vmi_kvm_vm_ioctl(vm, KVM_GET_IRQCHIP, &vm->arch->chips[i]);
		if (rc < 0)
			rc = vmi_kvm_vm_refused(rc, KVM_GET_IRQCHIP);
	}
	if (rc == 0 && vm->core.config.flags & VMAPI_VM_PIT)
		rc = make_pit(vm);
	return rc;
}

static int make_split(struct vmi_kvm_vm *vm)
{
	if (!vmi_kvm_vm_check(vm, KVM_CAP_SPLIT_IRQCHIP))
		return vmi_fail(-ENOTSUP, "vm",
			"irqchip: this kernel cannot "
			"split it (KVM_CAP_SPLIT_IRQCHIP)");
	return vmi_kvm_vm_enable(vm, KVM_CAP_SPLIT_IRQCHIP, VMI_X86_PINS);
}

static int make_irqchip(struct vmi_kvm_vm *vm)
{
	vm->has_controller = vm->core.config.irqchip != VMAPI_IRQCHIP_NONE;
	switch (vm->core.config.irqchip) {
	case VMAPI_IRQCHIP_FULL: return make_full(vm);
	case VMAPI_IRQCHIP_SPLIT: return make_split(vm);
	default: return 0;
	}
}

/* What the kernel can do for this VM's vcpus, asked once. */
static void learn(struct vmi_kvm_vm *vm)
{
	struct vmi_kvm_vm_arch *arch = vm->arch;
	int xsave = vmi_kvm_vm_check(vm, KVM_CAP_XSAVE2);

	arch->one_reg = vmi_kvm_vm_check(vm, VMI_KVM_CAP_ONE_REG) > 0;
	arch->nested_bytes =
		(size_t)vmi_kvm_vm_check(vm, KVM_CAP_NESTED_STATE);
	arch->sregs2 = vmi_kvm_vm_check(vm, KVM_CAP_SREGS2) > 0;
	arch->xcrs = vmi_kvm_vm_check(vm, KVM_CAP_XCRS) > 0;
	arch->xsave2 = xsave >= (int)sizeof(struct kvm_xsave);
	arch->xsave_bytes =
		arch->xsave2 ? (size_t)xsave : sizeof(struct kvm_xsave);
	arch->payload = enable(vm, KVM_CAP_EXCEPTION_PAYLOAD);
	arch->triple_fault = enable(vm, KVM_CAP_X86_TRIPLE_FAULT_EVENT);
	arch->smm = vmi_kvm_vm_check(vm, KVM_CAP_X86_SMM) > 0;
}

/*
 * The order matters: the identity map before any vcpu, the TSS before the
 * first run, the boot processor and the irqchip before any vcpu, the PIT
 * after the irqchip (api.rst 4.24, 4.36, 4.42, 4.41).
 */
int vmi_kvm_arch_vm_init(struct vmi_kvm_vm *vm)
{
	int rc;

	vm->arch = vmi_zalloc(sizeof(*vm->arch));
	if (!vm->arch)
		return vmi_fail(-ENOMEM, "vm", "no memory for the VM");
	vm->arch->told.locks = KVM_BUS_LOCK_DETECTION_OFF;
	learn(vm);
	rc = set_pages(vm);
	if (rc == 0)
		rc = make_irqchip(vm);
	if (rc < 0)
		vmi_kvm_arch_vm_fini(vm);
	return rc;
}

uint64_t vmi_kvm_arch_vm_type(int fd)
{
	(void)fd;
	return 0;
}

void vmi_kvm_arch_vm_fini(struct vmi_kvm_vm *vm)
{
	vmi_free(vm->arch);
	vm->arch = NULL;
}

/* The kernel has no reset: its chips get the state that they were made with. */
int vmi_kvm_arch_vm_reset(struct vmapi_vm *core)
{
	struct vmi_kvm_vm *vm = vmi_kvm_vm_of(core);
	unsigned i;
	int rc;

	if (core->config.irqchip != VMAPI_IRQCHIP_FULL)
		return 0;
	for (i = 0; i < VMI_KVM_X86_CHIPS; i++) {
		rc = vmi_kvm_vm_ioctl(vm, KVM_SET_IRQCHIP, &vm->arch->chips[i]);
		if (rc < 0)
			return vmi_kvm_vm_refused(rc, KVM_SET_IRQCHIP);
	}
	if (!(core->config.flags & VMAPI_VM_PIT))
		return 0;
	rc = vmi_kvm_vm_ioctl(vm, KVM_SET_PIT2, &vm->arch->pit);
	return rc < 0 ? vmi_kvm_vm_refused(rc, KVM_SET_PIT2) : 0;
}

uint32_t vmi_kvm_arch_line_word(unsigned gsi)
{
	return gsi;
}

int vmi_kvm_arch_vcpu_line(struct vmi_kvm_vcpu *vcpu, unsigned pin, int level)
{
	(void)pin;
	(void)level;
	return vmi_kvm_vcpu_fail(vcpu, -ENXIO, "it has no lines of its own");
}

void vmi_kvm_arch_legacy_cut(struct vmapi_vm *core, bool cut)
{
	struct vmi_kvm_vm *vm = vmi_kvm_vm_of(core);
	struct kvm_pit_state2 pit;

	if (!(core->config.flags & VMAPI_VM_PIT) ||
		vmi_kvm_vm_ioctl(vm, KVM_GET_PIT2, &pit) < 0)
		return;
	pit.flags &= ~(uint32_t)KVM_PIT_FLAGS_HPET_LEGACY;
	if (cut)
		pit.flags |= KVM_PIT_FLAGS_HPET_LEGACY;
	vmi_kvm_vm_ioctl(vm, KVM_SET_PIT2, &pit);
}

/* -- capabilities -------------------------------------------------------- */

static unsigned irqchips(int fd)
{
	unsigned mask = 1u << VMAPI_IRQCHIP_NONE;

	if (vmi_kvm_check(fd, KVM_CAP_SPLIT_IRQCHIP))
		mask |= 1u << VMAPI_IRQCHIP_SPLIT;
	if (vmi_kvm_check(fd, KVM_CAP_IRQCHIP))
		mask |= 1u << VMAPI_IRQCHIP_FULL;
	return mask;
}

/* CPUID 0x80000008 EAX 7:0 (SDM 2A); 36 where the leaf is not there. */
static int ask_phys_bits(const struct vmi_kvm *kvm, int64_t *bits)
{
	struct kvm_cpuid2 *list;
	uint32_t i;
	int rc = vmi_kvm_x86_cpuid_fetch(
		&kvm->core, kvm->fd, KVM_GET_SUPPORTED_CPUID, &list);

	if (rc < 0)
		return vmi_kvm_vm_refused(rc, KVM_GET_SUPPORTED_CPUID);
	*bits = 36;
	for (i = 0; i < list->nent; i++)
		if (list->entries[i].function == 0x80000008)
			*bits = list->entries[i].eax & 0xff;
	vmi_free(list);
	return 0;
}

/* The VM's answer, or the system's where there is none yet. */
static int check(struct vmi_kvm *kvm, struct vmi_kvm_vm *vm, unsigned number)
{
	return vm ? vmi_kvm_vm_check(vm, number)
		  : vmi_kvm_check(kvm->fd, number);
}

static int64_t debug_flags(struct vmi_kvm *kvm, struct vmi_kvm_vm *vm)
{
	int more = check(kvm, vm, KVM_CAP_SET_GUEST_DEBUG2);

	return vmi_kvm_x86_debug_flags(
		check(kvm, vm, KVM_CAP_SET_GUEST_DEBUG), more);
}

int vmi_kvm_arch_cap(struct vmi_kvm *kvm, struct vmi_kvm_vm *vm, unsigned id,
	struct vmapi_cap *cap)
{
	int xsave, rc;

	switch (id) {
	case VMAPI_CAP_IRQCHIPS: cap->value = irqchips(kvm->fd); break;
	case VMAPI_CAP_PHYS_BITS:
		rc = ask_phys_bits(kvm, &cap->value);
		if (rc)
			return rc;
		break;
	case VMAPI_CAP_XSAVE_SIZE:
		xsave = check(kvm, vm, KVM_CAP_XSAVE2);
		cap->value = xsave ? xsave : (int)sizeof(struct kvm_xsave);
		break;
	case VMAPI_CAP_PIT:
		cap->value = vmi_kvm_check(kvm->fd, KVM_CAP_PIT2);
		break;
	case VMAPI_CAP_SMM:
		cap->value = vmi_kvm_check(kvm->fd, KVM_CAP_X86_SMM);
		break;
	case VMAPI_CAP_NMI:
		cap->value = vmi_kvm_check(kvm->fd, KVM_CAP_USER_NMI);
		break;
	case VMAPI_CAP_TRANSLATE: cap->value = 1; break;
	case VMAPI_CAP_TSC_HZ:
		cap->value = vm ? 1000ll * vmi_sys->ioctl(vm->fd,
						   KVM_GET_TSC_KHZ, NULL)
				: 0;
		if (cap->value < 0)
			cap->value = 0;
		break;
	case VMAPI_CAP_TSC_CONTROL:
		cap->value = vmi_kvm_check(kvm->fd, KVM_CAP_TSC_CONTROL) > 0;
		break;
	case VMAPI_CAP_DEBUG: cap->value = debug_flags(kvm, vm); break;
	case VMAPI_CAP_BREAKPOINTS:
	case VMAPI_CAP_WATCHPOINTS: /* the same four registers */
		cap->value = check(kvm, vm, KVM_CAP_SET_GUEST_DEBUG)
			? VMI_KVM_X86_POINTS : 0;
		break;
	default: return -ENOENT;
	}
	cap->origin = vm ? VMAPI_ORIGIN_VM : VMAPI_ORIGIN_KERNEL;
	if (cap->value == 0)
		cap->origin = VMAPI_ORIGIN_NONE;
	return 0;
}
