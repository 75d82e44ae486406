/* SPDX-License-Identifier: MIT */
/* riscv64 on the recording kernel: SBI, CSR, the order of the timer. */
#include "tests/kvm/native.h"

#include <string.h>

static const struct fake_cap caps[] = {
	{ VMI_KVM_CAP_SET_GUEST_DEBUG, 1 },
};

static const struct fake_pair pairs[] = {
	{ KVM_GET_MP_STATE, KVM_SET_MP_STATE, 4, 0 },
};

static uint32_t last_irq;
static struct kvm_guest_debug last_debug;

static int other(enum fake_class class, unsigned long request, void *arg)
{
	if (class == FAKE_VCPU && request == KVM_SET_GUEST_DEBUG) {
		memcpy(&last_debug, arg, sizeof(last_debug));
		return 0;
	}
	if (class != FAKE_VCPU || request != KVM_INTERRUPT)
		return -ENOTTY;
	memcpy(&last_irq, arg, sizeof(last_irq));
	return 0;
}

static void fill_sbi(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_RISCV_SBI;
	run->riscv_sbi.extension_id = 0x4442434e;
	run->riscv_sbi.function_id = 2;
	run->riscv_sbi.args[0] = 'x';
	run->riscv_sbi.args[5] = 9;
}

static bool means_sbi(const struct vmapi_exit *exit)
{
	const struct vmapi_exit_hypercall *call = &exit->u.hypercall;

	return exit->reason == VMAPI_EXIT_HYPERCALL &&
		call->number == 0x4442434e && call->n_args == 7 &&
		call->args[0] == 2 && call->args[1] == 'x' &&
		call->args[6] == 9;
}

static bool answered_sbi(const struct kvm_run *run)
{
	return run->exit_reason == KVM_EXIT_RISCV_SBI &&
		run->riscv_sbi.ret[0] == 0x1000 &&
		run->riscv_sbi.ret[1] == 0x1001;
}

static void fill_csr(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_RISCV_CSR;
	run->riscv_csr.csr_num = 0x15;
	run->riscv_csr.new_value = 5;
	run->riscv_csr.write_mask = 7;
}

static bool means_csr(const struct vmapi_exit *exit)
{
	return exit->reason == VMAPI_EXIT_CSR && exit->u.csr.number == 0x15 &&
		exit->u.csr.value == 5 && exit->u.csr.mask == 7;
}

static bool answered_csr(const struct kvm_run *run)
{
	return run->riscv_csr.ret_value == 0x1000;
}

static const struct native_exit exits[] = {
	{ fill_sbi, means_sbi, 16, answered_sbi },
	{ fill_csr, means_csr, 8, answered_csr },
};

/* Extensions first, for they say which registers there are; the timer's
 * start last. */
static void order(struct vmapi_vcpu *vcpu)
{
	static const uint64_t tags[] = { VMAPI_RISCV_TIMER(3),
		VMAPI_RISCV_TIMER(2), VMAPI_RISCV_TIMER(1), VMAPI_RISCV_PC,
		VMAPI_RISCV_CONFIG(2), VMAPI_RISCV_ISA(3) };
	struct vmapi_reg regs[6];
	size_t i, at = 6;

	for (i = 0; i < 6; i++)
		regs[i] = (struct vmapi_reg){ .tag = tags[i], .value = i };
	fake_forget_calls();
	OK(vmapi_regs_set(vcpu, regs, 6, NULL, 0));
	for (i = 0; i < fake.n_calls; i++)
		if (fake.calls[i].request == KVM_SET_ONE_REG)
			CHECK(at > 0 && fake.calls[i].id == tags[--at]);
	CHECK(at == 0);
}

static void fill_breakpoint(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_DEBUG;
}

static void mode(struct vmapi_vcpu *vcpu, bool is_user)
{
	OK(native_set(vcpu, VMAPI_RISCV_MODE, !is_user));
}

static void fill_ecall(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_RISCV_SBI;
	run->riscv_sbi.extension_id = VMAPI_CALL_RISCV;
	run->riscv_sbi.function_id = 5;
}

static uint64_t returned(const struct kvm_run *run, unsigned n)
{
	return run->riscv_sbi.ret[n];
}

#define A VMAPI_RISCV_A
#define T(n) VMAPI_RISCV_X(5 + (n))

const struct native_call native_call = {
	.way = VMAPI_CALL_ECALL,
	.number = A(6),
	.five = 5,
	.selector = A(7),
	.args = { A(0), A(1), A(2), A(3), A(4), A(5), T(0), T(1), T(2) },
	.results = { A(0), A(1), A(2) },
	.n_native = 2,
	.mode = mode,
	.fill = fill_ecall,
	.returned = returned,
};

static void more(struct vmapi *ctx)
{
	struct native_machine m;

	if (!native_open(&m, ctx, NULL))
		return;
	order(m.vcpu);
	/* A register that the kernel takes before the first run only is no
	 * failure where it is that already. */
	OK(native_set(m.vcpu, VMAPI_RISCV_CONFIG(2), 4));
	fake.refused_id = VMAPI_RISCV_CONFIG(2);
	fake.refused_error = -EBUSY;
	OK(native_set(m.vcpu, VMAPI_RISCV_CONFIG(2), 4));
	GIVES(native_set(m.vcpu, VMAPI_RISCV_CONFIG(2), 5), -EBUSY);
	fake.refused_id = 0;
	OK(native_set(m.vcpu, VMAPI_RISCV_A(0), 5));
	OK(vmapi_vcpu_reset(m.vcpu));
	CHECK(native_get(m.vcpu, VMAPI_RISCV_A(0)) == 0);
	CHECK(native_get(m.vcpu, VMAPI_RISCV_MODE) == 1);
	OK(vmapi_vcpu_interrupt(m.vcpu, 1));
	CHECK(last_irq == (uint32_t)-1);
	OK(vmapi_vcpu_interrupt(m.vcpu, 0));
	CHECK(last_irq == (uint32_t)-2);
	OK(native_set(m.vcpu, VMAPI_RISCV_PC, NATIVE_STOP));
	native_only_breakpoints(m.vcpu, &last_debug.control,
		KVM_GUESTDBG_ENABLE, fill_breakpoint);
	native_close(&m);
}

/* There is one. */
static const struct native_type types[] = {
	{ 0, 0 },
	{ 1, -1 }, { 2, -1 },
};

const struct native native = {
	.name = "riscv64",
	.types = types, .n_types = vmi_array_len(types),
	.kernel = {
		.caps = caps, .n_caps = vmi_array_len(caps),
		.pairs = pairs, .n_pairs = vmi_array_len(pairs),
		.lists = true,
		.other = other,
	},
	.birth = { KVM_CREATE_VM, KVM_CREATE_VCPU },
	.takes_all = true,
	.exits = exits, .n_exits = vmi_array_len(exits),
	.more = more,
};
