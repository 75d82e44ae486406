/* SPDX-License-Identifier: MIT */
/* arm64 on the recording kernel: features, SVE, exits. */
#include "tests/kvm/native.h"

#include <string.h>

static struct kvm_vcpu_init last_init;
static struct kvm_guest_debug last_debug;

static struct vmi_kvm_smccc_filter last_filter;

static int other(enum fake_class class, unsigned long request, void *arg)
{
	const struct kvm_device_attr *attr;

	if (class == FAKE_VM && request == KVM_ARM_PREFERRED_TARGET) {
		memset(arg, 0, sizeof(last_init));
		((struct kvm_vcpu_init *)arg)->target = 5;
		return 0;
	}
	if (class == FAKE_VM && request == KVM_SET_DEVICE_ATTR) {
		attr = arg;
		memcpy(&last_filter, (void *)(uintptr_t)attr->addr,
			sizeof(last_filter));
		return attr->group || attr->attr ? -ENXIO : 0;
	}
	if (class != FAKE_VCPU)
		return -ENOTTY;
	if (request == KVM_SET_GUEST_DEBUG)
		memcpy(&last_debug, arg, sizeof(last_debug));
	else if (request == KVM_ARM_VCPU_INIT)
		memcpy(&last_init, arg, sizeof(last_init));
	else if (request != KVM_ARM_VCPU_FINALIZE || *(int *)arg != 4)
		return -ENOTTY;
	return 0;
}

static const struct fake_cap caps[] = {
	{ KVM_CAP_ARM_PSCI_0_2, 1 },
	{ KVM_CAP_VCPU_EVENTS, 1 },
	{ KVM_CAP_ARM_SVE, 1 },
	{ KVM_CAP_ARM_PTRAUTH_ADDRESS, 1 },
	{ KVM_CAP_ARM_PTRAUTH_GENERIC, 1 },
	{ KVM_CAP_ARM_VM_IPA_SIZE, 44 },
	{ KVM_CAP_SET_GUEST_DEBUG, 1 },
	{ KVM_CAP_GUEST_DEBUG_HW_BPS, 6 },
	{ KVM_CAP_GUEST_DEBUG_HW_WPS, 4 },
};

static const struct fake_pair pairs[] = {
	{ KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS, 64, 0 },
	{ KVM_GET_MP_STATE, KVM_SET_MP_STATE, 4, 1 },
};

/* -- exits --------------------------------------------------------------- */

static void fill_nisv(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_ARM_NISV;
	run->arm_nisv.esr_iss = 0x1234;
	run->arm_nisv.fault_ipa = 0x9000000;
}

static bool means_nisv(const struct vmapi_exit *exit)
{
	return exit->reason == VMAPI_EXIT_NISV &&
		exit->u.nisv.syndrome == 0x1234 &&
		exit->u.nisv.gpa == 0x9000000;
}

static void fill_call(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_HYPERCALL;
	run->hypercall.nr = 0xc6000001;
}

/* Its arguments are registers, and so is its result. */
static bool means_call(const struct vmapi_exit *exit)
{
	return exit->reason == VMAPI_EXIT_HYPERCALL &&
		exit->u.hypercall.number == 0xc6000001 &&
		exit->u.hypercall.n_args == 0;
}

static void fill_debug(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_DEBUG;
	run->debug.arch.hsr = 0xf2000001;
	run->debug.arch.hsr_high = 2;
	run->debug.arch.far = 0x4000;
}

static bool means_debug(const struct vmapi_exit *exit)
{
	return exit->reason == VMAPI_EXIT_DEBUG &&
		exit->u.debug.exception == 0x2f2000001 &&
		exit->u.debug.data_address == 0x4000;
}

static const struct native_exit exits[] = {
	{ fill_nisv, means_nisv, 0, NULL },
	{ fill_call, means_call, 0, NULL },
	{ fill_debug, means_debug, 0, NULL },
};

/* -- features ------------------------------------------------------------ */

static void features(struct vmapi *ctx)
{
	struct vmapi_vcpu_config config = { .size = sizeof(config) };
	struct native_machine m;

	/* PSCI and both halves of pointer authentication. */
	native_open(&m, ctx, NULL);
	CHECK(last_init.target == 5 && last_init.features[0] == 0x64);
	native_close(&m);
	/* Others wait for CPU_ON. */
	config.id = 1;
	native_open(&m, ctx, &config);
	CHECK(last_init.features[0] == 0x65);
	native_close(&m);
	config.flags = VMAPI_VCPU_EXACT;
	config.features = VMAPI_ARM64_FEATURE_PSCI;
	native_open(&m, ctx, &config);
	CHECK(last_init.features[0] == 4);
	native_close(&m);
	/* A kernel that has no PMU refuses by name. */
	config.features = VMAPI_ARM64_FEATURE_PMU;
	OK(vmapi_vm_create(ctx, NULL, &m.vm));
	GIVES(vmapi_vcpu_create(m.vm, &config, &m.vcpu), -ENOTSUP);
	vmapi_vm_destroy(m.vm);
}

/*
 * The vector lengths go before the vcpu is finished, whatever the order of
 * the batch, and everything else after: each the other way round is EPERM.
 */
static void sve(struct vmapi *ctx)
{
	struct vmapi_vcpu_config config = { .size = sizeof(config),
		.features = VMAPI_ARM64_FEATURE_SVE };
	uint8_t z[256] = { 1 }, vls[64] = { 3 };
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_ARM64_X(0), .value = 1 },
		{ .tag = VMAPI_ARM64_Z(0), .data = z, .bytes = 256 },
		{ .tag = VMAPI_ARM64_SVE_VLS, .data = vls, .bytes = 64 },
	};
	struct native_machine m;
	size_t finalize, i;

	native_open(&m, ctx, &config);
	CHECK(last_init.features[0] == 0x74);
	fake_forget_calls();
	OK(vmapi_regs_set(m.vcpu, regs, 3, NULL, VMAPI_REGS_ALL_OR_NOTHING));
	finalize = fake_first(KVM_ARM_VCPU_FINALIZE);
	CHECK(fake_count(KVM_ARM_VCPU_FINALIZE) == 1);
	for (i = 0; i < fake.n_calls; i++)
		if (fake.calls[i].id)
			CHECK((fake.calls[i].id == VMAPI_ARM64_SVE_VLS) ==
				(i < finalize));
	OK(vmapi_vcpu_reset(m.vcpu));
	CHECK(fake_count(KVM_ARM_VCPU_FINALIZE) == 1);
	native_close(&m);
}

/* The counter, then what is compared with it, then the bit that arms it. */
static void timers(struct vmapi *ctx)
{
	static const uint64_t tags[] = { VMAPI_ARM64_CNTV_CTL,
		VMAPI_ARM64_CNTV_CVAL, VMAPI_ARM64_CNTVCT };
	struct vmapi_reg regs[3];
	struct native_machine m;
	size_t i, at = 3;

	native_open(&m, ctx, NULL);
	for (i = 0; i < 3; i++)
		regs[i] = (struct vmapi_reg){ .tag = tags[i], .value = i };
	fake_forget_calls();
	OK(vmapi_regs_set(m.vcpu, regs, 3, NULL, 0));
	for (i = 0; i < fake.n_calls; i++)
		if (fake.calls[i].request == KVM_SET_ONE_REG)
			CHECK(at > 0 && fake.calls[i].id == tags[--at]);
	CHECK(at == 0);
	native_close(&m);
}

/* -- debugging ------------------------------------------------------------ */

#define STEPPING (KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP)
#define POINTS	 (KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW)

static unsigned entries; /* with points armed, and to step */

/* Exits by exception class: ESR_EL2 bits 31:26. */
static void fill_class(struct kvm_run *run, uint32_t class)
{
	run->exit_reason = KVM_EXIT_DEBUG;
	run->debug.arch.hsr = class << 26;
	run->debug.arch.far = 0x8004;
	entries = entries << 1 | (last_debug.control == STEPPING);
}

static void fill_watch(struct kvm_run *run)
{
	fill_class(run, 0x34);
}

static void fill_step(struct kvm_run *run)
{
	fill_class(run, 0x32);
}

static void fill_break(struct kvm_run *run)
{
	fill_class(run, 0x30);
}

static void fill_access(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = 0x10000000;
	run->mmio.len = 4;
	run->mmio.is_write = 1;
	entries = entries << 1 | (last_debug.control == STEPPING);
}

static void play(void (*const fills[4])(struct kvm_run *run))
{
	entries = 0;
	fake.next = 0;
	for (fake.n_script = 0; fake.n_script < 4; fake.n_script++) {
		if (!fills[fake.n_script])
			break;
		fake.script[fake.n_script] = fills[fake.n_script];
	}
}

static struct vmapi_exit run(struct vmapi_vcpu *vcpu)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };

	OK(vmapi_vcpu_run(vcpu, &exit));
	return exit;
}

/* The registers, as the manual has them: DBGBCR, DBGWCR (Arm ARM D19.3). */
static void registers(const struct kvm_guest_debug_arch *arch)
{
	CHECK(last_debug.control == POINTS);
	CHECK(arch->dbg_bcr[0] == 0x1e7 && arch->dbg_bvr[0] == 0x1000);
	CHECK(arch->dbg_bcr[1] == 0);
	/* Four bytes from the fifth on, stores; one byte, both. */
	CHECK(arch->dbg_wcr[0] == 0x1e17 && arch->dbg_wvr[0] == 0x8000);
	CHECK(arch->dbg_wcr[1] == 0x101f && arch->dbg_wvr[1] == 0x9000);
	CHECK(arch->dbg_wcr[2] == 0);
}

/* Stops behind an access, though the processor stops before it. */
static void debugging(struct vmapi *ctx)
{
	static const struct vmapi_debug_point p[] = {
		{ .address = 0x8004, .kind = VMAPI_POINT_WRITE, .bytes = 4 },
		{ .address = 0x1000, .kind = VMAPI_POINT_EXEC },
		{ .address = 0x9007, .kind = VMAPI_POINT_ACCESS, .bytes = 1 },
	};
	struct vmapi_debug d = { .size = sizeof(d), .n_points = 3,
		.points = p };
	struct native_machine m;
	struct vmapi_exit exit;

	native_open(&m, ctx, NULL);
	OK(vmapi_vcpu_debug(m.vcpu, &d));
	registers(&last_debug.arch);
	play((void (*[4])(struct kvm_run *)){ fill_watch, fill_step });
	exit = run(m.vcpu);
	CHECK(exit.reason == VMAPI_EXIT_DEBUG);
	CHECK(exit.u.debug.why == VMAPI_STOP_POINT &&
		exit.u.debug.points == 1);
	CHECK(exit.u.debug.data_address == 0x8004 && entries == 1);
	CHECK(last_debug.control == POINTS);
	/* The access is one to a device: then the stop comes after that. */
	play((void (*[4])(struct kvm_run *)){ fill_watch, fill_access,
		fill_step });
	CHECK(run(m.vcpu).reason == VMAPI_EXIT_MMIO);
	exit = run(m.vcpu);
	CHECK(exit.u.debug.why == VMAPI_STOP_POINT && entries == 3);
	/* An execution point is met once, and passed. */
	OK(native_set(m.vcpu, VMAPI_ARM64_PC, 0x1000));
	play((void (*[4])(struct kvm_run *)){ fill_break, fill_step,
		fill_access });
	exit = run(m.vcpu);
	CHECK(exit.u.debug.points == 2 && exit.u.debug.address == 0x1000);
	CHECK(run(m.vcpu).reason == VMAPI_EXIT_MMIO && entries == 2);
	/* But not if the guest was put somewhere else meanwhile. */
	play((void (*[4])(struct kvm_run *)){ fill_break, fill_access });
	run(m.vcpu);
	OK(native_set(m.vcpu, VMAPI_ARM64_PC, 0x2000));
	CHECK(run(m.vcpu).reason == VMAPI_EXIT_MMIO && entries == 0);
	OK(vmapi_vcpu_debug(m.vcpu, NULL));
	CHECK(last_debug.control == 0);
	native_close(&m);
}

/* -- calls --------------------------------------------------------------- */

static void mode(struct vmapi_vcpu *vcpu, bool is_user)
{
	OK(native_set(vcpu, VMAPI_ARM64_PSTATE, is_user ? 0x3c0 : 0x3c5));
}

static void fill_hvc(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_HYPERCALL;
	run->hypercall.nr = 0xc6008005;
}

#define X VMAPI_ARM64_X

const struct native_call native_call = {
	.way = VMAPI_CALL_HVC,
	.number = X(0),
	.five = 0xc6008005,
	.args = { X(1), X(2), X(3), X(4), X(5), X(6), X(7), X(8), X(9) },
	.results = { X(0), X(1), X(2) },
	.mode = mode,
	.fill = fill_hvc,
};

/* The kernel was asked for the calls' numbers, and no others. */
static void filtered(void)
{
	CHECK(last_filter.base == 0xc6008000);
	CHECK(last_filter.n_functions == 0x200 && last_filter.action == 2);
}

static void more(struct vmapi *ctx)
{
	struct vmapi_cap cap = { .size = sizeof(cap) };
	struct vmapi_vm_config wide = { .size = sizeof(wide), .type = 48 };
	struct vmapi_vm *vm;

	filtered();
	features(ctx);
	sve(ctx);
	timers(ctx);
	debugging(ctx);
	OK(vmapi_cap_get(ctx, VMAPI_CAP_VM_TYPES, &cap));
	CHECK(cap.value >> 44 & 1 && !(cap.value >> 45 & 1));
	GIVES(vmapi_vm_create(ctx, &wide, &vm), -ENOTSUP);
	wide.type = 44;
	if (!OK(vmapi_vm_create(ctx, &wide, &vm)))
		return;
	OK(vmapi_vm_cap_get(vm, VMAPI_CAP_PHYS_BITS, &cap));
	CHECK(cap.value == 44);
	vmapi_vm_destroy(vm);
}

/* Bits of a guest-physical address; 0 is 40; the kernel has 44. */
static const struct native_type types[] = {
	{ 0, 0 }, { 32, 32 }, { 36, 36 }, { 40, 40 }, { 44, 44 },
	{ 1, -1 }, { 31, -1 }, { 45, -1 }, { 52, -1 }, { 0x80000000, -1 },
};

const struct native native = {
	.name = "arm64",
	.types = types, .n_types = vmi_array_len(types),
	.kernel = {
		.caps = caps, .n_caps = vmi_array_len(caps),
		.pairs = pairs, .n_pairs = vmi_array_len(pairs),
		.lists = true,
		.other = other,
	},
	.birth = { KVM_CREATE_VM, KVM_CREATE_VCPU, KVM_ARM_PREFERRED_TARGET,
		KVM_ARM_VCPU_INIT },
	.takes_all = true,
	.exits = exits, .n_exits = vmi_array_len(exits),
	.more = more,
};
