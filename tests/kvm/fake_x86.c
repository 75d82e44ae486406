/* SPDX-License-Identifier: MIT */
/* What each kernel of x86 has that a test plays: registers, MSRs, CPUID. */
#include "tests/kvm/fake_x86.h"

#include <string.h>

#include "lib/arch/x86_state.h"

const struct fake_pair fake_x86_pairs[FAKE_X86_PAIRS] = {
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

static struct {
	uint32_t index;
	uint64_t value;
} msrs[] = { { 0x10, 0 }, { 0x174, 0 }, { 0x6e0, 0 }, { 0xc0000082, 0 } };

uint32_t fake_x86_first_msr;

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

	fake_x86_first_msr = arg->nmsrs ? arg->entries[0].index : 0;
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
	list->entries[0].eax = 1;
	list->entries[1].function = 1;
	return 0;
}

int fake_x86_other(unsigned long request, void *arg)
{
	switch (request) {
	case KVM_GET_MSRS:
	case KVM_SET_MSRS: return move_msrs(request, arg);
	case KVM_GET_MSR_INDEX_LIST: return list_msrs(arg);
	case KVM_GET_SUPPORTED_CPUID:
	case KVM_GET_CPUID2: return list_cpuid(arg);
	case KVM_GET_TSC_KHZ: return 1000000;
	default: return -ENOTTY;
	}
}
