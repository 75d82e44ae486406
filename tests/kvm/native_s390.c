/* SPDX-License-Identifier: MIT */
/* s390x on the recording kernel: SIE exits, the shared area, interrupts. */
#include "tests/kvm/native.h"

#include <string.h>

#include "lib/arch/s390_regs.h"

#define IRQ_BYTES 72

static const struct fake_cap caps[] = {
	{ KVM_CAP_SYNC_REGS, 1 },
	{ KVM_CAP_S390_IRQ_STATE, 1 },
	{ KVM_CAP_S390_VECTOR_REGISTERS, 1 },
};

static const struct fake_pair pairs[] = {
	{ KVM_GET_REGS, KVM_SET_REGS, 128, VMI_S390_REGS },
	{ KVM_GET_SREGS, KVM_SET_SREGS, 192, VMI_S390_SREGS },
	{ KVM_GET_FPU, KVM_SET_FPU, 136, VMI_S390_FPU },
	{ KVM_GET_MP_STATE, KVM_SET_MP_STATE, 4, VMI_S390_MP_STATE },
};

static struct kvm_run *area;

/* All that a kernel of today moves through the shared area. */
static void born(struct kvm_run *run)
{
	area = run;
	run->kvm_valid_regs = KVM_SYNC_S390_VALID_FIELDS;
}

static uint8_t irqs[4 * IRQ_BYTES];
static uint32_t irq_bytes;
static unsigned resets;

static int irq_state(unsigned long request, struct kvm_s390_irq_state *state)
{
	void *theirs = (void *)(uintptr_t)state->buf;

	if (request == KVM_S390_SET_IRQ_STATE) {
		if (state->len == 0 || state->len > sizeof(irqs))
			return -EINVAL;
		irq_bytes = state->len;
		memcpy(irqs, theirs, irq_bytes);
		return 0;
	}
	if (state->len < irq_bytes)
		return -ENOBUFS;
	memcpy(theirs, irqs, irq_bytes);
	return (int)irq_bytes;
}

static int other(enum fake_class class, unsigned long request, void *arg)
{
	if (class != FAKE_VCPU)
		return -ENOTTY;
	if (request == KVM_S390_GET_IRQ_STATE ||
		request == KVM_S390_SET_IRQ_STATE)
		return irq_state(request, arg);
	if (request != KVM_S390_INITIAL_RESET)
		return -ENOTTY;
	resets++;
	return 0;
}

/* -- exits --------------------------------------------------------------- */

static void fill_sie(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_S390_SIEIC;
	run->s390_sieic.icptcode = 4;
	run->s390_sieic.ipa = 0xb220;
	run->s390_sieic.ipb = 0x120000;
	run->psw_mask = 0x180000000;
	run->psw_addr = 0x1004;
}

static bool means_sie(const struct vmapi_exit *exit)
{
	const struct vmapi_exit_s390_sie *sie = &exit->u.s390_sie;

	return exit->reason == VMAPI_EXIT_S390_SIE && sie->code == 4 &&
		sie->ipa == 0xb220 && sie->ipb == 0x120000 &&
		sie->psw_mask == 0x180000000 && sie->psw_address == 0x1004;
}

static void fill_tsch(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_S390_TSCH;
	run->s390_tsch.subchannel_id = 1;
	run->s390_tsch.subchannel_nr = 2;
	run->s390_tsch.io_int_parm = 3;
	run->s390_tsch.io_int_word = 4;
	run->s390_tsch.ipb = 5;
	run->s390_tsch.dequeued = 1;
}

static bool means_tsch(const struct vmapi_exit *exit)
{
	const struct vmapi_exit_s390_tsch *tsch = &exit->u.s390_tsch;

	return exit->reason == VMAPI_EXIT_S390_TSCH &&
		tsch->subchannel_id == 1 && tsch->subchannel_number == 2 &&
		tsch->parameter == 3 && tsch->word == 4 && tsch->ipb == 5 &&
		tsch->dequeued == 1;
}

static void fill_stsi(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_S390_STSI;
	run->s390_stsi.addr = 0x12345678;
	run->s390_stsi.ar = 1;
	run->s390_stsi.fc = 3;
	run->s390_stsi.sel1 = 2;
	run->s390_stsi.sel2 = 0x1234;
}

static bool means_stsi(const struct vmapi_exit *exit)
{
	const struct vmapi_exit_s390_stsi *stsi = &exit->u.s390_stsi;

	return exit->reason == VMAPI_EXIT_S390_STSI &&
		stsi->address == 0x12345678 && stsi->access_register == 1 &&
		stsi->function == 3 && stsi->selector1 == 2 &&
		stsi->selector2 == 0x1234;
}

static void fill_reset(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_S390_RESET;
	run->s390_reset_flags = 6;
}

static bool means_reset(const struct vmapi_exit *exit)
{
	return exit->reason == VMAPI_EXIT_S390_RESET &&
		exit->u.s390_reset.flags == 6;
}

static const struct native_exit exits[] = {
	{ fill_sie, means_sie, 0, NULL },
	{ fill_tsch, means_tsch, 0, NULL },
	{ fill_stsi, means_stsi, 0, NULL },
	{ fill_reset, means_reset, 0, NULL },
};

/* -- the shared area ----------------------------------------------------- */

/* What is put there is marked, or the kernel would not look at it. */
static void shared(struct vmapi_vcpu *vcpu)
{
	uint8_t v[16] = { 1, 2, 3 };
	struct vmapi_reg v3 = { .tag = VMAPI_S390_V(3), .data = v,
		.bytes = sizeof(v) };

	area->kvm_dirty_regs = 0;
	OK(native_set(vcpu, VMAPI_S390_PREFIX, 0x4000));
	CHECK(area->kvm_dirty_regs == KVM_SYNC_PREFIX);
	CHECK(area->s.regs.prefix == 0x4000);
	OK(vmapi_regs_set(vcpu, &v3, 1, NULL, 0));
	CHECK(area->kvm_dirty_regs == (KVM_SYNC_PREFIX | KVM_SYNC_VRS));
	CHECK(!memcmp(area->s.regs.vrs[3], v, sizeof(v)));
	/* The PSW is always looked at. */
	OK(native_set(vcpu, VMAPI_S390_PSW_ADDRESS, 0x2000));
	CHECK(area->psw_addr == 0x2000);
	/* A field that the kernel does not move is no register. */
	area->kvm_valid_regs &= ~(uint64_t)KVM_SYNC_GSCB;
	GIVES(native_set(vcpu, VMAPI_S390_GSCB, 0), -ENOENT);
}

static void interrupts(struct vmapi_vcpu *vcpu)
{
	uint8_t bytes[3 * IRQ_BYTES] = { 7 };
	struct vmapi_reg reg = { .tag = VMAPI_S390_IRQ_STATE, .data = bytes,
		.bytes = sizeof(bytes) };

	irq_bytes = 0;
	OK(vmapi_regs_get(vcpu, &reg, 1, NULL, 0));
	CHECK(reg.bytes == 0);
	OK(vmapi_regs_set(vcpu, &reg, 1, NULL, 0)); /* none into none */
	reg.bytes = 2 * IRQ_BYTES;
	OK(vmapi_regs_set(vcpu, &reg, 1, NULL, 0));
	CHECK(irq_bytes == 2 * IRQ_BYTES && irqs[0] == 7);
	reg.bytes = IRQ_BYTES;
	GIVES(vmapi_regs_get(vcpu, &reg, 1, NULL, 0), -ENOSPC);
	CHECK(reg.bytes == 2 * IRQ_BYTES);
	reg.bytes = IRQ_BYTES + 1;
	GIVES(vmapi_regs_set(vcpu, &reg, 1, NULL, 0), -EINVAL);
}

static void more(struct vmapi *ctx)
{
	struct vmapi_vm_config ucontrol = { .size = sizeof(ucontrol),
		.type = 1 };
	struct native_machine m;
	unsigned before;

	if (!native_open(&m, ctx, NULL))
		return;
	shared(m.vcpu);
	interrupts(m.vcpu);
	before = resets;
	OK(vmapi_vcpu_reset(m.vcpu));
	CHECK(resets == before + 1 && area->kvm_dirty_regs == 0);
	native_close(&m);
	GIVES(vmapi_vm_create(ctx, &ucontrol, &m.vm), -ENOTSUP);
	CHECK(strstr(vmapi_error_last()->message, "type") != NULL);
}

const struct native native = {
	.name = "s390x",
	.kernel = {
		.caps = caps, .n_caps = vmi_array_len(caps),
		.pairs = pairs, .n_pairs = vmi_array_len(pairs),
		.born = born,
		.other = other,
	},
	.birth = { KVM_CREATE_VM, KVM_CREATE_VCPU, KVM_S390_INITIAL_RESET },
	.takes_all = true,
	.exits = exits, .n_exits = vmi_array_len(exits),
	.more = more,
};
