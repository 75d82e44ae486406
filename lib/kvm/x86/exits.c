/* SPDX-License-Identifier: MIT */
/* Exits that a VM has only when asked: MSRs, hypercalls, locks, windows. */
#include "lib/core/cpuid.h"
#include "lib/kvm/x86/x86.h"

_Static_assert(VMAPI_X86_MSR_INVALID == KVM_MSR_EXIT_REASON_INVAL, "");
_Static_assert(VMAPI_X86_MSR_UNKNOWN == KVM_MSR_EXIT_REASON_UNKNOWN, "");
_Static_assert(VMAPI_X86_MSR_FILTER == KVM_MSR_EXIT_REASON_FILTER, "");
_Static_assert(VMAPI_X86_MSR_READ == KVM_MSR_FILTER_READ, "");
_Static_assert(VMAPI_X86_MSR_WRITE == KVM_MSR_FILTER_WRITE, "");
_Static_assert(VMAPI_X86_MSR_RANGES_MAX == KVM_MSR_FILTER_MAX_RANGES, "");
_Static_assert(VMAPI_X86_MSR_RANGE_MAX / 8 == KVM_MSR_FILTER_MAX_BITMAP_SIZE,
	"");

/* The kernel's bitmap has a bit for each MSR that stays its own: none. */
static uint8_t all_given[KVM_MSR_FILTER_MAX_BITMAP_SIZE];

void vmi_kvm_x86_msr_filter(struct kvm_msr_filter *filter,
	const struct vmapi_x86_msr_range *ranges, uint32_t n)
{
	uint32_t i;

	memset(filter, 0, sizeof(*filter));
	filter->flags = KVM_MSR_FILTER_DEFAULT_ALLOW;
	for (i = 0; i < n; i++) {
		filter->ranges[i].flags = ranges[i].access;
		filter->ranges[i].base = ranges[i].first;
		filter->ranges[i].nmsrs = ranges[i].count;
		filter->ranges[i].bitmap = all_given;
	}
}

static int set_filter(
	struct vmi_kvm_vm *vm, const struct vmapi_x86_msr_range *ranges, uint32_t n)
{
	struct kvm_msr_filter filter;
	int rc;

	vmi_kvm_x86_msr_filter(&filter, ranges, n);
	rc = vmi_kvm_vm_ioctl(vm, KVM_X86_SET_MSR_FILTER, &filter);
	return rc < 0 ? vmi_kvm_vm_refused(rc, KVM_X86_SET_MSR_FILTER) : 0;
}

/* What this kernel cannot do of it; 0: all can be. */
static int check(struct vmi_kvm_vm *vm, const struct vmapi_x86_exits *x)
{
	uint64_t calls = (uint64_t)vmi_kvm_vm_check(vm, KVM_CAP_EXIT_HYPERCALL);

	if (x->msrs && !vmi_kvm_vm_check(vm, KVM_CAP_X86_USER_SPACE_MSR))
		return vmi_fail(-ENOTSUP, "vm", "msrs: this kernel keeps them "
			"(KVM_CAP_X86_USER_SPACE_MSR)");
	if (x->n_ranges && !vmi_kvm_vm_check(vm, KVM_CAP_X86_MSR_FILTER))
		return vmi_fail(-ENOTSUP, "vm", "ranges: this kernel has no "
			"filter (KVM_CAP_X86_MSR_FILTER)");
	if (x->hypercalls & ~calls)
		return vmi_fail(-ENOTSUP, "vm", "hypercalls: this kernel has "
			"0x%llx (KVM_CAP_EXIT_HYPERCALL)",
			(unsigned long long)calls);
	if (x->flags & VMAPI_X86_EXIT_BUS_LOCK &&
		!(vmi_kvm_vm_check(vm, KVM_CAP_X86_BUS_LOCK_EXIT) &
			KVM_BUS_LOCK_DETECTION_EXIT))
		return vmi_fail(-ENOTSUP, "vm", "flags: this processor does "
			"not tell bus locks (KVM_CAP_X86_BUS_LOCK_EXIT)");
	if (x->flags & VMAPI_X86_EXIT_NOTIFY &&
		!vmi_kvm_vm_check(vm, KVM_CAP_X86_NOTIFY_VMEXIT))
		return vmi_fail(-ENOTSUP, "vm", "flags: this processor has no "
			"notify window (KVM_CAP_X86_NOTIFY_VMEXIT)");
	return 0;
}

/* The last value told is kept: an older kernel need not hear of it. */
static int tell(struct vmi_kvm_vm *vm, unsigned cap, uint64_t value,
	uint64_t *told)
{
	int rc;

	if (value == *told)
		return 0;
	rc = vmi_kvm_vm_enable(vm, cap, value);
	if (rc == 0)
		*told = value;
	return rc;
}

/* Once on, a notify window cannot be taken back (api.rst 7.33). */
static uint64_t notify_arg(const struct vmapi_x86_exits *x)
{
	if (!(x->flags & VMAPI_X86_EXIT_NOTIFY))
		return 0;
	return (uint64_t)x->notify_window << 32 |
	       KVM_X86_NOTIFY_VMEXIT_ENABLED | KVM_X86_NOTIFY_VMEXIT_USER;
}

static uint64_t lock_arg(const struct vmapi_x86_exits *x)
{
	return x->flags & VMAPI_X86_EXIT_BUS_LOCK
		       ? KVM_BUS_LOCK_DETECTION_EXIT
		       : KVM_BUS_LOCK_DETECTION_OFF;
}

static int apply(struct vmi_kvm_vm *vm, const struct vmapi_x86_exits *x)
{
	struct vmi_kvm_x86_told *told = &vm->arch->told;
	uint64_t msrs = x->msrs | (x->n_ranges ? VMAPI_X86_MSR_FILTER : 0);
	int rc = tell(vm, KVM_CAP_X86_USER_SPACE_MSR, msrs, &told->msrs);

	if (rc == 0)
		rc = tell(vm, KVM_CAP_EXIT_HYPERCALL, x->hypercalls,
			&told->hypercalls);
	if (rc == 0)
		rc = tell(vm, KVM_CAP_X86_BUS_LOCK_EXIT, lock_arg(x),
			&told->locks);
	if (rc == 0)
		rc = tell(vm, KVM_CAP_X86_NOTIFY_VMEXIT, notify_arg(x),
			&told->notify);
	if (rc == 0 && (x->n_ranges || told->filtered)) {
		rc = set_filter(vm, x->ranges, x->n_ranges);
		told->filtered = rc == 0 ? x->n_ranges != 0 : told->filtered;
	}
	return rc;
}

static void take_back(
	struct vmi_kvm_vm *vm, const struct vmi_kvm_x86_told *before)
{
	struct vmi_kvm_x86_told *told = &vm->arch->told;

	tell(vm, KVM_CAP_X86_USER_SPACE_MSR, before->msrs, &told->msrs);
	tell(vm, KVM_CAP_EXIT_HYPERCALL, before->hypercalls, &told->hypercalls);
	tell(vm, KVM_CAP_X86_BUS_LOCK_EXIT, before->locks, &told->locks);
}

/* The kernel's filter comes last, since the old one cannot be read back. */
int vmi_kvm_arch_x86_exits(
	struct vmapi_vm *core, const struct vmapi_x86_exits *exits)
{
	struct vmi_kvm_vm *vm = vmi_kvm_vm_of(core);
	struct vmi_kvm_x86_told before = vm->arch->told;
	int rc = check(vm, exits);

	if (rc < 0)
		return rc;
	rc = apply(vm, exits);
	if (rc < 0)
		take_back(vm, &before);
	return rc;
}

/* -- Hypercalls --------------------------------------------------------- */

/* "Auth" and "Hygo": whose processors have VMMCALL (APM 3, VMMCALL). */
static bool is_amd(const struct vmapi_cpuid *list)
{
	const struct vmapi_x86_cpuid *e = vmi_cpuid_at(list, 0, 0);

	return e && (e->ebx == 0x68747541 || e->ebx == 0x6f677948);
}

/*
 * The kernel answers what it does not know itself, and asks nobody, unless
 * it is Xen's: then it gives all away (api.rst 4.32 and KVM_EXIT_XEN).  The
 * other maker's instruction it would rewrite in the guest's memory.
 */
int vmi_kvm_arch_calls(struct vmapi_vm *core, uint32_t wanted, uint32_t *ways)
{
	struct vmi_kvm_vm *vm = vmi_kvm_vm_of(core);
	struct kvm_xen_hvm_config config = {
		.flags = KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL };
	struct vmapi_cpuid host = { 0 };
	int rc;

	if (!(vmi_kvm_vm_check(vm, KVM_CAP_XEN_HVM) &
		KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL))
		return 0;
	rc = vmi_cpuid_ask(core->ctx, &host);
	if (!rc) {
		wanted &= is_amd(&host) ? VMAPI_CALL_VMMCALL
					: VMAPI_CALL_VMCALL;
		vmi_cpuid_free(&host);
	}
	if (rc || !wanted)
		return rc;
	rc = vmi_kvm_vm_ioctl(vm, KVM_XEN_HVM_CONFIG, &config);
	if (rc < 0)
		return vmi_kvm_vm_refused(rc, KVM_XEN_HVM_CONFIG);
	*ways |= wanted;
	return 0;
}
