/* SPDX-License-Identifier: MIT */
/* ppc64 on the recording kernel: radix, PAPR calls, the order of the VPA. */
#include "tests/kvm/native.h"

#include <fcntl.h>
#include <string.h>

#include "lib/arch/ppc_regs.h"

static const struct fake_cap caps[] = {
	{ KVM_CAP_PPC_PAPR, 1 },
	{ KVM_CAP_PPC_MMU_RADIX, 1 },
	{ KVM_CAP_DEVICE_CTRL, 1 },
	{ KVM_CAP_SET_GUEST_DEBUG, 1 },
};

static const struct fake_pair pairs[] = {
	{ KVM_GET_REGS, KVM_SET_REGS, 392, VMI_PPC_REGS },
	{ KVM_GET_SREGS, KVM_SET_SREGS, 1232, VMI_PPC_SREGS },
	{ KVM_GET_MP_STATE, KVM_SET_MP_STATE, 4, VMI_PPC_MP_STATE },
};

static struct kvm_ppc_mmuv3_cfg last_mmu;
static uint32_t last_irq;
static struct kvm_guest_debug last_debug;

/* Every device that it is asked for, on a descriptor that is none of its. */
static int create_device(struct kvm_create_device *arg)
{
	int fd = 0;

	if (!(arg->flags & KVM_CREATE_DEVICE_TEST))
		fd = vmi_sys_host.open("/dev/null", O_RDWR | O_CLOEXEC);
	arg->fd = (uint32_t)fd;
	return fd < 0 ? fd : 0;
}

static int other(enum fake_class class, unsigned long request, void *arg)
{
	if (class == FAKE_VM && request == KVM_CREATE_DEVICE)
		return create_device(arg);
	if (class == FAKE_VM && request == KVM_PPC_CONFIGURE_V3_MMU)
		memcpy(&last_mmu, arg, sizeof(last_mmu));
	else if (class == FAKE_VCPU && request == KVM_SET_GUEST_DEBUG)
		memcpy(&last_debug, arg, sizeof(last_debug));
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

static void fill_breakpoint(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_DEBUG;
	run->debug.arch.address = NATIVE_STOP;
}

/* One of each kind, and what the kernel is told of it. */
static void connect(struct native_machine *m, unsigned type, uint32_t cap)
{
	struct vmapi_device_config config = { .size = sizeof(config),
		.type = type };
	struct vmapi_device *device;

	if (!OK(vmapi_device_create(m->vm, &config, &device)))
		return;
	fake.refused_request = KVM_ENABLE_CAP;
	fake.refused_error = -EPERM;
	GIVES(vmapi_device_connect(device, m->vcpu, 5), -EPERM);
	fake.refused_error = -EBUSY;
	GIVES(vmapi_device_connect(device, m->vcpu, 5), -EEXIST);
	fake.refused_request = 0;
	memset(&fake.enabled, 0, sizeof(fake.enabled));
	OK(vmapi_device_connect(device, m->vcpu, 5));
	CHECK(fake.enabled.cap == cap && fake.enabled.args[0] > 2);
	CHECK(fake.enabled.args[1] == 5 && !fake.enabled.flags);
	fake_forget_calls();
	GIVES(vmapi_device_connect(device, m->vcpu, 6), -EEXIST);
	CHECK(fake_count(KVM_ENABLE_CAP) == 0);
	vmapi_device_destroy(device);
}

static void connecting(struct vmapi *ctx)
{
	struct vmapi_device_config config = { .size = sizeof(config),
		.type = VMAPI_DEVICE_VFIO };
	struct native_machine m, other_m;
	struct vmapi_device *device;

	if (!native_open(&m, ctx, NULL) || !native_open(&other_m, ctx, NULL))
		return;
	connect(&m, VMAPI_DEVICE_XICS, 92);
	connect(&m, VMAPI_DEVICE_XIVE, 169);
	connect(&m, VMAPI_DEVICE_MPIC_20, 90);
	connect(&m, VMAPI_DEVICE_MPIC_42, 90);
	OK(vmapi_device_create(m.vm, &config, &device));
	GIVES(vmapi_device_connect(device, m.vcpu, 0), -ENOTSUP);
	GIVES(vmapi_device_connect(device, other_m.vcpu, 0), -EINVAL);
	vmapi_device_destroy(device);
	native_close(&other_m);
	native_close(&m);
}

/* PR in MSR says that a program runs. */
static void mode(struct vmapi_vcpu *vcpu, bool is_user)
{
	OK(native_set(vcpu, VMAPI_PPC_MSR,
		0x8000000000001000 | (is_user ? 0x4000 : 0)));
}

static void fill_call(struct kvm_run *run)
{
	fill_papr(run);
	run->papr_hcall.nr = 0xf814;
}

static uint64_t returned(const struct kvm_run *run, unsigned n)
{
	return n ? run->papr_hcall.args[n - 1] : run->papr_hcall.ret;
}

#define R VMAPI_PPC_GPR

const struct native_call native_call = {
	.way = VMAPI_CALL_SC,
	.number = R(3),
	.five = 0xf814,
	.args = { R(4), R(5), R(6), R(7), R(8), R(9), R(10), R(11), R(12) },
	.results = { R(3), R(4), R(5) },
	.n_native = 10,
	.mode = mode,
	.fill = fill_call,
	.returned = returned,
};

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
	native_only_breakpoints(m.vcpu, &last_debug.control,
		KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP, fill_breakpoint);
	native_close(&m);
	connecting(ctx);
}

/* 0 what there is, 1 HV, 2 PR. */
static const struct native_type types[] = {
	{ 0, 0 }, { 1, 1 }, { 2, 2 },
	{ 3, -1 }, { 64, -1 },
};

const struct native native = {
	.name = "ppc64",
	.types = types, .n_types = vmi_array_len(types),
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
