/* SPDX-License-Identifier: MIT */
/* What only x86 has: exits that are asked for, the time stamp counter. */
#include <errno.h>
#include <inttypes.h>

#include "lib/core/backend.h"
#include "lib/core/region.h"

#define X2APIC_FIRST 0x800u
#define X2APIC_LAST  0x8ffu

static int check_range(const struct vmapi_x86_msr_range *r)
{
	const uint32_t known = VMAPI_X86_MSR_READ | VMAPI_X86_MSR_WRITE;
	uint32_t last = r->first + (r->count - 1);

	if (!r->count || r->count > VMAPI_X86_MSR_RANGE_MAX || last < r->first)
		return vmi_fail_range(-EINVAL, r->first, r->count,
			"ranges: %" PRIu32 " MSRs from 0x%" PRIx32 " on are "
			"none, too many, or beyond the last", r->count,
			r->first);
	if (!r->access || r->access & ~known || r->reserved)
		return vmi_fail_range(-EINVAL, r->first, r->count,
			"ranges: access 0x%" PRIx32 " means nothing",
			r->access);
	if (r->first <= X2APIC_LAST && last >= X2APIC_FIRST)
		return vmi_fail_range(-EINVAL, r->first, r->count,
			"ranges: x2APIC registers cannot be given away");
	return 0;
}

static int check_exits(const struct vmapi_x86_exits *x)
{
	const uint32_t flags = VMAPI_X86_EXIT_BUS_LOCK |
		VMAPI_X86_EXIT_NOTIFY | VMAPI_X86_EXIT_TPR;
	const uint32_t msrs = VMAPI_X86_MSR_INVALID | VMAPI_X86_MSR_UNKNOWN;
	uint32_t i;
	int err = 0;

	if (x->flags & ~flags || x->msrs & ~msrs || x->reserved)
		return vmi_fail(-EINVAL, "vm",
			"unknown bits in flags 0x%" PRIx32 ", msrs 0x%" PRIx32
			" or reserved", x->flags, x->msrs);
	if (x->notify_window && !(x->flags & VMAPI_X86_EXIT_NOTIFY))
		return vmi_fail(-EINVAL, "vm",
			"notify_window without VMAPI_X86_EXIT_NOTIFY");
	if (x->n_ranges > VMAPI_X86_MSR_RANGES_MAX)
		return vmi_fail(-E2BIG, "vm", "%" PRIu32 " ranges, and %d are "
			"the most", x->n_ranges, VMAPI_X86_MSR_RANGES_MAX);
	if (x->n_ranges && !x->ranges)
		return vmi_null("ranges");
	for (i = 0; i < x->n_ranges && !err; i++)
		err = check_range(&x->ranges[i]);
	return err;
}

/* vm->lock is held, so that no vcpu comes meanwhile. */
static int change_exits(struct vmapi_vm *vm, const struct vmapi_x86_exits *x)
{
	int err = vmi_region_refuses(vm);

	if (err)
		return err;
	if (x->flags != vm->x86_exit_flags && vm->n_vcpus)
		return vmi_fail(-EBUSY, "vm", "flags: bus lock, notify and "
			"TPR exits are for VMs without a vcpu yet");
	if (x->flags & VMAPI_X86_EXIT_TPR &&
		vm->config.irqchip != VMAPI_IRQCHIP_NONE)
		return vmi_fail(-ENXIO, "vm", "flags: its local APICs have "
			"the task priority");
	vmi_gate_close(vm);
	err = vm->ctx->be->x86_exits(vm, x);
	vmi_gate_open(vm);
	if (!err)
		vm->x86_exit_flags = x->flags;
	return err;
}

int vmapi_x86_exits(struct vmapi_vm *vm, const struct vmapi_x86_exits *exits)
{
	int err = vmi_enter(vm ? vm->ctx : NULL, __func__);
	struct vmapi_x86_exits own;

	if (err)
		return err;
	if (!exits)
		return vmi_null("exits");
	err = vmi_config_copy(&own, sizeof(own), exits, sizeof(own));
	if (!err)
		err = check_exits(&own);
	if (err)
		return err;
	if (!vm->ctx->be->x86_exits)
		return vmi_unsupported(vm->ctx);
	pthread_mutex_lock(&vm->lock);
	err = change_exits(vm, &own);
	pthread_mutex_unlock(&vm->lock);
	return err;
}

/* -- The time stamp counter ---------------------------------------------- */

int vmapi_x86_tsc_hz_get(struct vmapi_vcpu *vcpu, uint64_t *hz)
{
	struct vmapi_reg reg = { .tag = VMAPI_X86_TSC_HZ };
	int err;

	vmi_enter_free(__func__);
	if (!hz)
		return vmi_null("hz");
	err = vmi_retell(vmapi_regs_get(vcpu, &reg, 1, NULL, 0), __func__);
	if (!err)
		*hz = reg.value;
	return err;
}

int vmapi_x86_tsc_hz_set(struct vmapi_vcpu *vcpu, uint64_t hz)
{
	struct vmapi_reg reg = { .tag = VMAPI_X86_TSC_HZ, .value = hz };
	int err = vmi_retell(
		vmapi_regs_set(vcpu, &reg, 1, NULL, 0), __func__);

	if (err == -ENOTSUP)
		return vmi_fail(err, vmi_vcpu_label(vcpu), "this processor "
			"cannot scale the TSC to %" PRIu64 " Hz", hz);
	return err;
}

static struct vmapi_attr offset_of(struct vmapi_vcpu *vcpu)
{
	return (struct vmapi_attr){ .size = sizeof(struct vmapi_attr),
		.vcpu = vcpu };
}

/* Attribute 0 of group 0 is the only one that a vcpu of x86 has. */
static int explain(struct vmapi_vcpu *vcpu, int err)
{
	if (err != -ENXIO && err != -ENOTSUP)
		return err;
	return vmi_fail(-ENOTSUP, vmi_vcpu_label(vcpu),
		"this kernel does not tell the offset of the TSC");
}

int vmapi_x86_tsc_offset_get(struct vmapi_vcpu *vcpu, uint64_t *offset)
{
	struct vmapi_attr attr = offset_of(vcpu);
	size_t bytes = sizeof(*offset);

	vmi_enter_free(__func__);
	if (!vcpu || !offset)
		return vmi_null(vcpu ? "offset" : "vcpu");
	return explain(vcpu, vmi_retell(
		vmapi_attr_get(&attr, offset, &bytes), __func__));
}

int vmapi_x86_tsc_offset_set(struct vmapi_vcpu *vcpu, uint64_t offset)
{
	struct vmapi_attr attr = offset_of(vcpu);

	vmi_enter_free(__func__);
	if (!vcpu)
		return vmi_null("vcpu");
	return explain(vcpu, vmi_retell(
		vmapi_attr_set(&attr, &offset, sizeof(offset)), __func__));
}
