/* SPDX-License-Identifier: MIT */
/* arm64 on the recording kernel: features, SVE, exits. */
#include "tests/kvm/native.h"

#include <string.h>

static struct kvm_vcpu_init last_init;

static int other(enum fake_class class, unsigned long request, void *arg)
{
	if (class == FAKE_VM && request == KVM_ARM_PREFERRED_TARGET) {
		memset(arg, 0, sizeof(last_init));
		((struct kvm_vcpu_init *)arg)->target = 5;
		return 0;
	}
	if (class != FAKE_VCPU)
		return -ENOTTY;
	if (request == KVM_ARM_VCPU_INIT)
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
		exit->u.debug.address == 0x4000;
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

static void more(struct vmapi *ctx)
{
	struct vmapi_cap cap = { .size = sizeof(cap) };
	struct vmapi_vm_config wide = { .size = sizeof(wide), .type = 48 };
	struct vmapi_vm *vm;

	features(ctx);
	sve(ctx);
	timers(ctx);
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

const struct native native = {
	.name = "arm64",
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
