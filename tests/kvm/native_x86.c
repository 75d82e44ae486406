/* SPDX-License-Identifier: MIT */
/* x86 on the recording kernel: MSRs, the order of the local APIC. */
#include "tests/kvm/native.h"

#include <string.h>

#include "lib/arch/x86_state.h"

static const struct fake_cap caps[] = {
	{ KVM_CAP_SET_TSS_ADDR, 1 },
	{ KVM_CAP_VCPU_EVENTS, 1 },
	{ KVM_CAP_EXT_CPUID, 1 },
	{ KVM_CAP_DEBUGREGS, 1 },
	{ KVM_CAP_XSAVE, 1 },
	{ KVM_CAP_SPLIT_IRQCHIP, 1 },
};

static const struct fake_pair pairs[] = {
	{ KVM_GET_REGS, KVM_SET_REGS, sizeof(struct kvm_regs),
		VMI_BLOCK_GPRS },
	{ KVM_GET_SREGS, KVM_SET_SREGS, sizeof(struct kvm_sregs),
		VMI_BLOCK_SYSTEM },
	{ KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS, sizeof(struct kvm_debugregs),
		VMI_BLOCK_DEBUG },
	{ KVM_GET_XSAVE, KVM_SET_XSAVE, 4096, VMI_BLOCK_XSAVE },
	{ KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS,
		sizeof(struct kvm_vcpu_events), VMI_BLOCK_EVENTS },
	{ KVM_GET_MP_STATE, KVM_SET_MP_STATE, 4, VMI_BLOCK_MP_STATE },
};

/* -- MSRs ---------------------------------------------------------------- */

static struct {
	uint32_t index;
	uint64_t value;
} msrs[] = { { 0x10, 0 }, { 0x174, 0 }, { 0x6e0, 0 }, { 0xc0000082, 0 } };

static uint64_t *msr(uint32_t index)
{
	size_t i;

	for (i = 0; i < vmi_array_len(msrs); i++)
		if (msrs[i].index == index)
			return &msrs[i].value;
	return NULL;
}

/* How many went well before the first that did not. */
static int move_msrs(unsigned long request, struct kvm_msrs *arg)
{
	uint32_t i;

	for (i = 0; i < arg->nmsrs; i++) {
		struct kvm_msr_entry *e = &arg->entries[i];
		uint64_t *kept = msr(e->index);

		if (!kept)
			break;
		if (request == KVM_GET_MSRS)
			e->data = *kept;
		else if (VMAPI_X86_MSR(e->index) == fake.refused_id)
			break;
		else
			*kept = e->data;
	}
	return (int)i;
}

static int list_msrs(struct kvm_msr_list *list)
{
	uint32_t room = list->nmsrs, i;

	list->nmsrs = vmi_array_len(msrs);
	if (room < list->nmsrs)
		return -E2BIG;
	for (i = 0; i < list->nmsrs; i++)
		list->indices[i] = msrs[i].index;
	return 0;
}

static int list_cpuid(struct kvm_cpuid2 *list)
{
	if (list->nent < 2)
		return -E2BIG;
	list->nent = 2;
	memset(list->entries, 0, 2 * sizeof(list->entries[0]));
	list->entries[1].function = 1;
	return 0;
}

static uint8_t lapic[1024];

static int move_lapic(unsigned long request, void *arg)
{
	if (request == KVM_GET_LAPIC)
		memcpy(arg, lapic, sizeof(lapic));
	else
		memcpy(lapic, arg, sizeof(lapic));
	return 0;
}

static int other(enum fake_class class, unsigned long request, void *arg)
{
	(void)class;
	switch (request) {
	case KVM_GET_MSRS:
	case KVM_SET_MSRS: return move_msrs(request, arg);
	case KVM_GET_MSR_INDEX_LIST: return list_msrs(arg);
	case KVM_GET_SUPPORTED_CPUID:
	case KVM_GET_CPUID2: return list_cpuid(arg);
	case KVM_GET_LAPIC:
	case KVM_SET_LAPIC: return move_lapic(request, arg);
	case KVM_GET_TSC_KHZ: return 1000000;
	case KVM_SET_CPUID2:
	case KVM_SET_TSS_ADDR:
	case KVM_SET_GSI_ROUTING: return 0;
	default: return -ENOTTY;
	}
}

/* -- exits --------------------------------------------------------------- */

static void fill_rdmsr(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_X86_RDMSR;
	run->msr.index = 0x174;
}

static bool means_rdmsr(const struct vmapi_exit *exit)
{
	return exit->reason == VMAPI_EXIT_MSR && exit->u.msr.index == 0x174;
}

static bool answered_rdmsr(const struct kvm_run *run)
{
	return run->msr.data == 0x1000 && !run->msr.error;
}

static const struct native_exit exits[] = {
	{ fill_rdmsr, means_rdmsr, 8, answered_rdmsr },
};

/*
 * TSC_DEADLINE is lost, and the call says success, unless the TSC and the
 * local APIC stand; and the MP state changes others when it is read.
 */
static void order(struct vmapi *ctx)
{
	struct vmapi_vm_config config = { .size = sizeof(config),
		.irqchip = VMAPI_IRQCHIP_SPLIT };
	uint8_t page[1024] = { 1 };
	struct vmapi_x86_events events;
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_X86_EVENTS, .data = &events,
			.bytes = sizeof(events) },
		{ .tag = VMAPI_X86_MP_STATE, .value = 0 },
		{ .tag = VMAPI_X86_MSR(0x6e0), .value = 5 },
		{ .tag = VMAPI_X86_LAPIC, .data = page, .bytes = 1024 },
		{ .tag = VMAPI_X86_MSR(0x10), .value = 6 },
		{ .tag = VMAPI_X86_CR4, .value = 0x20 },
	};
	static const unsigned long sets[] = { KVM_SET_SREGS, KVM_SET_MSRS,
		KVM_SET_LAPIC, KVM_SET_MSRS, KVM_SET_MP_STATE,
		KVM_SET_VCPU_EVENTS };
	struct native_machine m;
	size_t i, at = 0;

	memset(&events, 0, sizeof(events));
	if (!OK(vmapi_vm_create(ctx, &config, &m.vm)) ||
		!OK(vmapi_vcpu_create(m.vm, NULL, &m.vcpu)))
		return;
	fake_forget_calls();
	OK(vmapi_regs_set(m.vcpu, regs, 6, NULL, 0));
	for (i = 0; i < fake.n_calls && at < 6; i++)
		at += fake.calls[i].request == sets[at];
	CHECK(at == 6 && fake_count(KVM_SET_MSRS) == 2);
	fake_forget_calls();
	OK(vmapi_regs_get(m.vcpu, regs, 6, NULL, 0));
	CHECK(fake_first(KVM_GET_MP_STATE) < fake_first(KVM_GET_VCPU_EVENTS));
	CHECK(fake_first(KVM_GET_MP_STATE) < fake_first(KVM_GET_MSRS));
	native_close(&m);
}

const struct native native = {
	.name = "x86",
	.kernel = {
		.caps = caps, .n_caps = vmi_array_len(caps),
		.pairs = pairs, .n_pairs = vmi_array_len(pairs),
		.other = other,
	},
	.birth = { KVM_CREATE_VM, KVM_SET_TSS_ADDR, KVM_CREATE_VCPU,
		KVM_SET_CPUID2 },
	.exits = exits, .n_exits = vmi_array_len(exits),
	.more = order,
};
