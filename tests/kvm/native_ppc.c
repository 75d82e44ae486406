/* SPDX-License-Identifier: MIT */
/* ppc64 on the recording kernel: radix, PAPR calls, the order of the VPA. */
#include "tests/kvm/native.h"

#include <string.h>

#include "lib/arch/ppc_regs.h"

static const struct fake_cap caps[] = {
	{ KVM_CAP_PPC_PAPR, 1 },
	{ KVM_CAP_PPC_MMU_RADIX, 1 },
};

static const struct fake_pair pairs[] = {
	{ KVM_GET_REGS, KVM_SET_REGS, 392, VMI_PPC_REGS },
	{ KVM_GET_SREGS, KVM_SET_SREGS, 1232, VMI_PPC_SREGS },
	{ KVM_GET_MP_STATE, KVM_SET_MP_STATE, 4, VMI_PPC_MP_STATE },
};

static struct kvm_ppc_mmuv3_cfg last_mmu;
static uint32_t last_irq;

static int other(enum fake_class class, unsigned long request, void *arg)
{
	if (class == FAKE_VM && request == KVM_PPC_CONFIGURE_V3_MMU)
		memcpy(&last_mmu, arg, sizeof(last_mmu));
	else if (class == FAKE_VCPU && request == KVM_INTERRUPT)
		memcpy(&last_irq, arg, sizeof(last_irq));
	else
		return -ENOTTY;
	return 0;
}

static void fill_papr(struct kvm_run *run)
{
	unsigned i;

	run->exit_reason = KVM_EXIT_PAPR_HCALL;
	run->papr_hcall.nr = 0x58;
	for (i = 0; i < 9; i++)
		run->papr_hcall.args[i] = 100 + i;
}

static bool means_papr(const struct vmapi_exit *exit)
{
	const struct vmapi_exit_hypercall *call = &exit->u.hypercall;

	return exit->reason == VMAPI_EXIT_HYPERCALL && call->number == 0x58 &&
		call->n_args == 9 && call->args[0] == 100 &&
		call->args[8] == 108;
}

static bool answered_papr(const struct kvm_run *run)
{
	return run->papr_hcall.ret == 0x1000 &&
		run->papr_hcall.args[0] == 0x1001 &&
		run->papr_hcall.args[8] == 0x1009;
}

static const struct native_exit exits[] = {
	{ fill_papr, means_papr, 80, answered_papr },
};

/* The area of the processor before the parts that need it. */
static void vpa(struct vmapi_vcpu *vcpu)
{
	static const char *const names[] = { "dec_expiry", "tb_offset",
		"vpa_dtl", "vpa_addr", "dscr", "arch_compat" };
	uint8_t wide[16] = { 1 };
	struct vmapi_reg regs[6];
	size_t i, at = 6;

	memset(regs, 0, sizeof(regs));
	for (i = 0; i < 6; i++) {
		OK(vmapi_reg_tag(vcpu, names[i], &regs[i].tag));
		if (vmi_tag_bytes(regs[i].tag) == sizeof(wide)) {
			regs[i].data = wide;
			regs[i].bytes = sizeof(wide);
		}
	}
	fake_forget_calls();
	OK(vmapi_regs_set(vcpu, regs, 6, NULL, 0));
	for (i = 0; i < fake.n_calls; i++)
		if (fake.calls[i].request == KVM_SET_ONE_REG)
			CHECK(at > 0 && fake.calls[i].id == regs[--at].tag);
	CHECK(at == 0);
}

static void more(struct vmapi *ctx)
{
	struct native_machine m;

	fake_forget_calls();
	if (!native_open(&m, ctx, NULL))
		return;
	CHECK(last_mmu.flags == 3 && last_mmu.process_table >> 63 == 1);
	CHECK(fake_count(KVM_ENABLE_CAP) >= 1);
	vpa(m.vcpu);
	OK(native_set(m.vcpu, VMAPI_PPC_GPR(3), 7));
	OK(vmapi_vcpu_reset(m.vcpu));
	CHECK(native_get(m.vcpu, VMAPI_PPC_GPR(3)) == 0);
	CHECK(native_get(m.vcpu, VMAPI_PPC_PC) == 0x100);
	OK(vmapi_vcpu_interrupt(m.vcpu, 1));
	CHECK(last_irq == (uint32_t)-3);
	OK(vmapi_vcpu_interrupt(m.vcpu, 0));
	CHECK(last_irq == (uint32_t)-2);
	native_close(&m);
}

const struct native native = {
	.name = "ppc64",
	.kernel = {
		.caps = caps, .n_caps = vmi_array_len(caps),
		.pairs = pairs, .n_pairs = vmi_array_len(pairs),
		.other = other,
	},
	.birth = { KVM_CREATE_VM, KVM_PPC_CONFIGURE_V3_MMU, KVM_CREATE_VCPU },
	.takes_all = true,
	.exits = exits, .n_exits = vmi_array_len(exits),
	.more = more,
};
