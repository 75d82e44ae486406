/* SPDX-License-Identifier: MIT */
/* RDMSR, WRMSR and hypercalls, which the application may have asked to see. */
#include <errno.h>

#include "lib/soft/device.h"
#include "lib/soft/soft.h"
#include "lib/soft/system.h"
#include "lib/soft/value.h"

/* -- MSRs --------------------------------------------------------------- */

static bool is_filtered(const struct vmi_asked *asked, uint32_t index,
	uint32_t access)
{
	const struct vmapi_x86_msr_range *r = asked->ranges;
	uint32_t i;

	for (i = 0; i < asked->n_ranges; i++, r++) {
		if (index - r->first < r->count && (r->access & access))
			return true;
	}
	return false;
}

/* The application answers for an MSR, or refuses it: #GP. */
static void ask_msr(struct vmi_cpu *c, unsigned why, bool is_write,
	uint64_t *value)
{
	struct vmi_io_entry what = { .space = VMI_ASK_MSR,
		.address = (uint32_t)c->r[VMI_RCX], .value = *value,
		.is_write = is_write, .why = (uint8_t)why };

	if (!vmi_ask(c, what, value))
		vmi_raise_code(c, VMI_GP, 0);
}

/* An access that fails: #GP, unless the application wants to see it. */
static void failed(struct vmi_cpu *c, int rc, bool is_write, uint64_t *value)
{
	unsigned why = rc == -ENOENT ? VMAPI_X86_MSR_UNKNOWN :
		VMAPI_X86_MSR_INVALID;

	if (c->vm->asked.msrs & why) {
		ask_msr(c, why, is_write, value);
		return;
	}
	if (rc == -ENOENT)
		vmi_soft_log(c, "%s of unknown MSR 0x%x at rip 0x%llx",
			is_write ? "write" : "read", (unsigned)c->r[VMI_RCX],
			(unsigned long long)vmi_op_rip(c, c->op));
	vmi_raise_code(c, VMI_GP, 0);
}

void vmi_do_rdmsr(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint32_t index = (uint32_t)c->r[VMI_RCX];
	uint64_t v = 0;
	int rc;

	(void)op;
	vmi_need_cpl0(c);
	if (is_filtered(&c->vm->asked, index, VMAPI_X86_MSR_READ)) {
		ask_msr(c, VMAPI_X86_MSR_FILTER, false, &v);
	} else {
		rc = vmi_msr_read(c, index, &v, false);
		if (rc)
			failed(c, rc, false, &v);
	}
	c->r[VMI_RAX] = (uint32_t)v;
	c->r[VMI_RDX] = v >> 32;
}

void vmi_do_wrmsr(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t v = (uint32_t)c->r[VMI_RAX] | c->r[VMI_RDX] << 32;
	uint32_t index = (uint32_t)c->r[VMI_RCX];
	int rc;

	(void)op;
	vmi_need_cpl0(c);
	if (is_filtered(&c->vm->asked, index, VMAPI_X86_MSR_WRITE)) {
		ask_msr(c, VMAPI_X86_MSR_FILTER, true, &v);
		return;
	}
	rc = vmi_msr_write(c, index, v, false);
	if (rc)
		failed(c, rc, true, &v);
}

/* -- Hypercalls --------------------------------------------------------- */

/* Linux, Documentation/virt/kvm/x86/hypercalls.rst. */
#define KVM_ENOSYS 1000
#define KVM_EPERM  1

/*
 * No virtualisation in here, as CPUID says, unless somebody asked for it.
 * Calls of vmapi_hypercall_enable() are core's to judge, also by privilege.
 */
static void hypercall(struct vmi_cpu *c)
{
	uint64_t mask = c->mode == 64 ? UINT64_MAX : UINT32_MAX;
	uint64_t number = c->r[VMI_RAX] & mask, asked = c->vm->asked.hypercalls;
	struct vmi_io_entry what = { .space = VMI_ASK_CALL, .address = number };
	bool calls = c->vm->asked.calls;
	uint64_t result;

	if (!asked && !calls)
		vmi_raise(c, VMI_UD);
	if (calls && number - VMAPI_CALL_X86 < VMAPI_CALL_END)
		vmi_ask(c, what, &result);
	else if (c->cpl)
		result = (uint64_t)-KVM_EPERM;
	else if (number >= 64 || !(asked >> number & 1))
		result = (uint64_t)-KVM_ENOSYS;
	else
		vmi_ask(c, what, &result);
	c->r[VMI_RAX] = result & mask;
}

void vmi_do_vmcall(struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)op;
	hypercall(c);
}

void vmi_do_vmmcall(struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)op;
	hypercall(c);
}
