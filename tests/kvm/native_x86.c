/* SPDX-License-Identifier: MIT */
/* x86 on the recording kernel: MSRs, the order of the local APIC. */
#include "tests/kvm/native.h"

#include <string.h>

#include "lib/arch/x86_state.h"
#include "tests/kvm/fake_x86.h"

static const struct fake_cap caps[] = {
	{ KVM_CAP_SET_TSS_ADDR, 1 },
	{ KVM_CAP_VCPU_EVENTS, 1 },
	{ KVM_CAP_EXT_CPUID, 1 },
	{ KVM_CAP_DEBUGREGS, 1 },
	{ KVM_CAP_XSAVE, 1 },
	{ KVM_CAP_SPLIT_IRQCHIP, 1 },
	{ KVM_CAP_XEN_HVM, KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL },
	{ KVM_CAP_SET_GUEST_DEBUG, 1 },
	{ KVM_CAP_SET_GUEST_DEBUG2, KVM_GUESTDBG_BLOCKIRQ },
	{ VMI_KVM_CAP_VM_TYPES, 0x3f },
};

static uint8_t lapic[1024];

static int move_lapic(unsigned long request, void *arg)
{
	if (request == KVM_GET_LAPIC)
		memcpy(arg, lapic, sizeof(lapic));
	else
		memcpy(lapic, arg, sizeof(lapic));
	return 0;
}

static struct kvm_guest_debug last_debug;

static int translate(struct kvm_translation *t)
{
	t->physical_address = t->linear_address;
	t->valid = 1;
	return 0;
}

static int other(enum fake_class class, unsigned long request, void *arg)
{
	(void)class;
	switch (request) {
	case KVM_GET_LAPIC:
	case KVM_SET_LAPIC: return move_lapic(request, arg);
	case KVM_SET_CPUID2:
	case KVM_SET_TSS_ADDR:
	case KVM_XEN_HVM_CONFIG:
	case KVM_SET_GSI_ROUTING: return 0;
	case KVM_SET_GUEST_DEBUG: last_debug = *(struct kvm_guest_debug *)arg;
		return 0;
	case KVM_TRANSLATE: return translate(arg);
	default: return fake_x86_other(request, arg);
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

/* -- what is read before it is set --------------------------------------- */

/* Blocks that need not be read say which of their words have names. */
static void words(void)
{
	const struct vmi_regs_arch *arch = &vmi_x86_regs_arch;
	unsigned block;
	size_t i;

	for (block = 0; block < VMI_BLOCKS; block++) {
		uint64_t named = 0;

		for (i = 0; i < arch->n_rows && arch->words[block]; i++)
			if (arch->rows[i].block == block)
				named |= ((UINT64_C(1) <<
					arch->rows[i].bytes / 8) - 1) <<
					arch->rows[i].offset / 8;
		CHECK(!arch->words[block] || arch->words[block] == named);
	}
	CHECK(arch->words[VMI_BLOCK_GPRS] && arch->words[VMI_BLOCK_SYSTEM]);
}

#define GPRS 18

/* A block of which all registers are given is not read; else it is. */
static void covered(struct vmapi_vcpu *vcpu)
{
	struct vmapi_reg regs[GPRS + 1];
	unsigned i;

	for (i = 0; i < GPRS; i++) {
		regs[i].tag = VMAPI_X86_GPR(GPRS - 1 - i);
		regs[i].value = 100 + i;
		regs[i].data = NULL;
	}
	fake_forget_calls();
	OK(vmapi_regs_set(vcpu, regs, GPRS, NULL, 0));
	CHECK(fake_count(KVM_GET_REGS) == 0 && fake_count(KVM_SET_REGS) == 1);
	for (i = 0; i < GPRS; i++)
		regs[i].value = 200 + i;
	fake_forget_calls();
	OK(vmapi_regs_set(vcpu, regs + 1, GPRS - 1, NULL, 0));
	CHECK(fake_count(KVM_GET_REGS) == 1 && fake_count(KVM_SET_REGS) == 1);
	OK(vmapi_regs_get(vcpu, regs, GPRS, NULL, 0));
	for (i = 0; i < GPRS; i++)
		CHECK(regs[i].value == (i ? 200 : 100) + i);
	/* Named twice, the later wins; all or nothing reads what it undoes. */
	regs[GPRS] = regs[0];
	regs[GPRS].value = 7;
	fake_forget_calls();
	OK(vmapi_regs_set(vcpu, regs, GPRS + 1, NULL,
		VMAPI_REGS_ALL_OR_NOTHING));
	CHECK(fake_count(KVM_GET_REGS) == 1);
	OK(vmapi_regs_get(vcpu, regs, 1, NULL, 0));
	CHECK(regs[0].value == 7);
}

/* An area and a part of it: what comes later stands. */
static void area(struct vmapi_vcpu *vcpu)
{
	static uint64_t image[4096 / 8], now[4096 / 8];
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_X86_XSAVE, .data = image, .bytes = 4096 },
		{ .tag = VMAPI_X86_MXCSR, .value = 0x1f80 },
	};
	const struct vmapi_reg other[] = { regs[1], regs[0] };
	struct vmapi_reg get = { .tag = VMAPI_X86_XSAVE, .data = now,
		.bytes = 4096 };
	unsigned turn;

	image[3] = 0x1fa0; /* MXCSR, at byte 24 */
	for (turn = 0; turn < 2; turn++) {
		fake_forget_calls();
		OK(vmapi_regs_set(vcpu, regs, 2, NULL, 0));
		CHECK(fake_count(KVM_GET_XSAVE) == 0);
		OK(vmapi_regs_get(vcpu, &get, 1, NULL, 0));
		CHECK((uint32_t)now[3] == (turn ? 0x1fa0 : 0x1f80));
		memcpy(regs, other, sizeof(regs));
	}
}

/* The TSC goes before the MSRs that count on it, in the same call. */
static void tsc_first(struct vmapi_vcpu *vcpu)
{
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_X86_MSR(0x174), .value = 1 },
		{ .tag = VMAPI_X86_MSR(0x10), .value = 2 },
		{ .tag = VMAPI_X86_MSR(0xc0000082), .value = 3 },
		{ .tag = VMAPI_X86_MSR(0x10), .value = 4 },
	};

	fake_forget_calls();
	OK(vmapi_regs_set(vcpu, regs, 4, NULL, 0));
	CHECK(fake_count(KVM_SET_MSRS) == 1 && fake_x86_first_msr == 0x10);
	OK(vmapi_regs_get(vcpu, regs, 3, NULL, 0));
	CHECK(regs[0].value == 1 && regs[1].value == 4 && regs[2].value == 3);
}

/* -- a kernel that stops at points whatever RF says ----------------------- */

#define POINT	 0x1000u
#define ON	 KVM_GUESTDBG_ENABLE
#define POINTS	 (ON | KVM_GUESTDBG_USE_HW_BP)
#define STEP	 (ON | KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_BLOCKIRQ)
#define SOFTWARE KVM_GUESTDBG_USE_SW_BP
#define B0	 0xffff0ff1u
#define B1	 0xffff0ff2u
#define BS	 0xffff4ff0u
#define RF	 0x10000u

/* An entry: what it finds, and what it ends with. */
struct entry {
	uint32_t control;
	uint32_t enabled; /* points, as in DR7 */
	uint32_t exit;
	uint32_t dr6;
	uint64_t rip;
	bool executed; /* so RF is clear */
	bool processor; /* not an interpreter: it says what DR7 is */
	bool kick;
};

static const struct entry *entries;
static struct vmapi_vcpu *debugged;

static void play(struct kvm_run *run)
{
	const struct entry *e = &entries[fake.next - 1];
	struct kvm_run found;
	struct kvm_regs regs;

	memcpy(&found.padding, fake.entry_union, sizeof(fake.entry_union));
	CHECK(last_debug.control == e->control);
	CHECK((last_debug.arch.debugreg[7] & 0xff) == e->enabled);
	run->exit_reason = e->exit;
	if (e->exit == KVM_EXIT_DEBUG) {
		CHECK(fake.entry_reason == KVM_EXIT_IO ||
			found.debug.arch.dr7 == 0);
		run->debug.arch.exception = 1;
		run->debug.arch.dr6 = e->dr6;
		run->debug.arch.dr7 = e->processor ? 0x702 : 0;
		run->debug.arch.pc = e->rip;
	} else if (e->exit == KVM_EXIT_IO) {
		run->io.direction = e->executed ? KVM_EXIT_IO_OUT
						: KVM_EXIT_IO_IN;
		run->io.size = run->io.count = 1;
		run->io.data_offset = 4096;
	}
	OK(vmi_kvm_vcpu_ioctl(vmi_kvm_vcpu_of(debugged), KVM_GET_REGS, &regs));
	regs.rip = e->rip;
	if (e->executed)
		regs.rflags &= ~(uint64_t)RF;
	OK(vmi_kvm_vcpu_ioctl(vmi_kvm_vcpu_of(debugged), KVM_SET_REGS, &regs));
	if (e->kick)
		OK(vmapi_vcpu_kick(debugged));
}

/* So many entries; the run ends for this. */
static void runs(const struct entry *list, unsigned n, unsigned reason,
	uint32_t why)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };
	unsigned i;

	entries = list;
	for (i = 0; i < n; i++)
		fake.script[i] = play;
	fake.n_script = n;
	fake.next = 0;
	OK(vmapi_vcpu_run(debugged, &exit));
	CHECK(exit.reason == reason && fake.next == n);
	CHECK(reason != VMAPI_EXIT_DEBUG || exit.u.debug.why == why);
	if (exit.flags & VMAPI_EXIT_ANSWER)
		OK(vmapi_vcpu_complete(debugged, "", 1));
}

static void wants(uint32_t flags)
{
	static const struct vmapi_debug_point p[] = {
		{ .address = POINT, .kind = VMAPI_POINT_EXEC },
		{ .address = 0x2000, .kind = VMAPI_POINT_EXEC },
	};
	struct vmapi_debug d = { .size = sizeof(d), .flags = flags,
		.points = p, .n_points = 2 };

	OK(vmapi_vcpu_debug(debugged, &d));
}

#define AT_POINT(on) { on, 0xa, KVM_EXIT_DEBUG, B0, POINT, 0, 0, 0 }
#define STEPPED(on)  { on, 0, KVM_EXIT_DEBUG, BS, POINT + 2, 1, 0, 0 }
#define HALTS(on)    { on, 0xa, KVM_EXIT_HLT, 0, POINT + 3, 1, 0, 0 }

/* It stops, and is passed. */
static void passes(void)
{
	static const struct entry first[] = { { POINTS, 0xa, KVM_EXIT_DEBUG, B0,
		POINT, true, false, false } };
	static const struct entry rest[] = { AT_POINT(POINTS), STEPPED(STEP),
		HALTS(POINTS) };
	static const struct entry stepping[] = {
		AT_POINT(POINTS | KVM_GUESTDBG_SINGLESTEP | SOFTWARE),
		STEPPED(STEP | SOFTWARE) };
	static const struct entry real[] = { { POINTS, 0xa, KVM_EXIT_DEBUG, B0,
		POINT, false, true, false } };

	wants(0);
	runs(first, 1, VMAPI_EXIT_DEBUG, VMAPI_STOP_POINT);
	CHECK(native_get(debugged, VMAPI_X86_RFLAGS) & RF);
	runs(rest, 3, VMAPI_EXIT_HALT, 0);
	runs(first, 1, VMAPI_EXIT_DEBUG, VMAPI_STOP_POINT);
	wants(VMAPI_DEBUG_STEP | VMAPI_DEBUG_SOFTWARE);
	runs(stepping, 2, VMAPI_EXIT_DEBUG, VMAPI_STOP_STEP);
	/* A processor looks at RF: it came here once more (jmp $). */
	wants(0);
	runs(first, 1, VMAPI_EXIT_DEBUG, VMAPI_STOP_POINT);
	runs(real, 1, VMAPI_EXIT_DEBUG, VMAPI_STOP_POINT);
	runs(rest, 3, VMAPI_EXIT_HALT, 0);
}

/* What comes in the middle of the step. */
static void interferes(void)
{
	static const struct entry first[] = { { POINTS, 0xa, KVM_EXIT_DEBUG, B0,
		POINT, true, false, false } };
	static const struct entry rest[] = { AT_POINT(POINTS), STEPPED(STEP),
		HALTS(POINTS) };
	static const struct entry kicked[] = { { POINTS, 0xa, KVM_EXIT_DEBUG,
		B0, POINT, false, false, true } };
	static const struct entry out[] = { AT_POINT(POINTS),
		{ STEP, 0, KVM_EXIT_IO, 0, POINT + 2, true, false, false } };
	static const struct entry in[] = { AT_POINT(POINTS),
		{ STEP, 0, KVM_EXIT_IO, 0, POINT, false, false, false } };
	static const struct entry next[] = { { POINTS, 0xa, KVM_EXIT_DEBUG, B1,
		0x2000, true, false, false } };

	wants(0);
	runs(first, 1, VMAPI_EXIT_DEBUG, VMAPI_STOP_POINT);
	runs(kicked, 1, VMAPI_EXIT_KICK, 0);
	runs(rest, 3, VMAPI_EXIT_HALT, 0);
	runs(first, 1, VMAPI_EXIT_DEBUG, VMAPI_STOP_POINT);
	runs(out, 2, VMAPI_EXIT_IO, 0);
	runs(next, 1, VMAPI_EXIT_DEBUG, VMAPI_STOP_POINT);
	runs(first, 1, VMAPI_EXIT_DEBUG, VMAPI_STOP_POINT);
	CHECK(native_get(debugged, VMAPI_X86_RFLAGS) & RF);
	runs(in, 2, VMAPI_EXIT_IO, 0);
	runs(rest + 1, 2, VMAPI_EXIT_HALT, 0);
	/* Another wish ends it. */
	runs(first, 1, VMAPI_EXIT_DEBUG, VMAPI_STOP_POINT);
	runs(kicked, 1, VMAPI_EXIT_KICK, 0);
	OK(vmapi_vcpu_debug(debugged, NULL));
	CHECK(last_debug.control == 0);
	native_set(debugged, VMAPI_X86_RFLAGS, 2);
}

/* A HLT at a point: without a step, the other point stays. */
static void halting(struct vmapi *ctx, struct vmapi_vm *vm)
{
	static const struct entry first[] = { { POINTS, 0xa, KVM_EXIT_DEBUG, B0,
		POINT, true, false, false } };
	static const struct entry rest[] = { AT_POINT(POINTS),
		{ POINTS, 0x8, KVM_EXIT_HLT, 0, POINT + 1, true, false, false } };
	static const struct entry next[] = { HALTS(POINTS) };
	struct vmapi_ram_config config = { .size = sizeof(config),
		.bytes = 0x2000 };
	struct vmapi_map_entry e = { .size = sizeof(e), .bytes = 0x2000 };
	struct vmapi_map *map;
	struct vmapi_as *as;

	OK(vmapi_ram_create(ctx, &config, &e.ram));
	OK(vmapi_vm_as(vm, &as));
	OK(vmapi_map_begin(vm, &map));
	OK(vmapi_map_add(map, as, &e));
	OK(vmapi_map_commit(map));
	OK(vmapi_as_write(as, POINT, "\xf4", 1));
	wants(0);
	runs(first, 1, VMAPI_EXIT_DEBUG, VMAPI_STOP_POINT);
	runs(rest, 2, VMAPI_EXIT_HALT, 0);
	runs(next, 1, VMAPI_EXIT_HALT, 0);
	OK(vmapi_vcpu_debug(debugged, NULL));
	vmapi_ram_destroy(e.ram);
	vmapi_as_destroy(as);
}

static void debugging(struct vmapi *ctx)
{
	struct native_machine m;

	if (!native_open(&m, ctx, NULL))
		return;
	debugged = m.vcpu;
	passes();
	interferes();
	halting(ctx, m.vm);
	native_close(&m);
}

/* -- calls, as Xen's ----------------------------------------------------- */

static void mode(struct vmapi_vcpu *vcpu, bool is_user)
{
	struct vmapi_x86_segment cs = { .attributes = 0xa09b },
		ss = { .attributes = is_user ? 0xc0f3 : 0xc093 };
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_X86_CS, .data = &cs, .bytes = sizeof(cs) },
		{ .tag = VMAPI_X86_SS, .data = &ss, .bytes = sizeof(ss) },
	};

	OK(vmapi_regs_set(vcpu, regs, 2, NULL, 0));
}

static void fill_xen(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_XEN;
	run->xen.type = KVM_EXIT_XEN_HCALL;
	run->xen.u.hcall.longmode = 1;
	run->xen.u.hcall.input = 0x564d0005;
}

static uint64_t returned(const struct kvm_run *run, unsigned n)
{
	(void)n;
	return run->xen.u.hcall.result;
}

const struct native_call native_call = {
	.way = VMAPI_CALL_VMCALL,
	.number = VMAPI_X86_RAX,
	.five = 0x564d0005,
	.args = { VMAPI_X86_RBX, VMAPI_X86_RCX, VMAPI_X86_RSI, VMAPI_X86_RDI,
		VMAPI_X86_R8, VMAPI_X86_R9, VMAPI_X86_R10, VMAPI_X86_R11,
		VMAPI_X86_R12 },
	.results = { VMAPI_X86_RAX, VMAPI_X86_RBX, VMAPI_X86_RCX },
	.n_native = 1,
	.mode = mode,
	.fill = fill_xen,
	.returned = returned,
};

static void more(struct vmapi *ctx)
{
	struct native_machine m;

	order(ctx);
	words();
	debugging(ctx);
	if (!OK(vmapi_vm_create(ctx, NULL, &m.vm)) ||
		!OK(vmapi_vcpu_create(m.vm, NULL, &m.vcpu)))
		return;
	covered(m.vcpu);
	area(m.vcpu);
	tsc_first(m.vcpu);
	native_close(&m);
}

static size_t list_bytes(unsigned long request, const void *arg, int rc)
{
	const struct kvm_msr_list *indices = arg;
	const struct kvm_cpuid2 *cpuid = arg;
	const struct kvm_msrs *values = arg;

	switch (request) {
	case KVM_GET_MSR_INDEX_LIST:
		return sizeof(*indices) + (rc < 0 ? 0 : 4 * indices->nmsrs);
	case KVM_GET_SUPPORTED_CPUID:
	case KVM_GET_CPUID2:
		return sizeof(*cpuid) + (rc < 0 ? 0 :
			cpuid->nent * sizeof(cpuid->entries[0]));
	case KVM_GET_MSRS:
		return sizeof(*values) + (rc < 0 ? 0 :
			values->nmsrs * sizeof(values->entries[0]));
	default: return 0;
	}
}

/* 0 default, 1 software-protected, 2 SEV, 3 SEV-ES, 4 SNP, 5 TDX. */
static const struct native_type types[] = {
	{ 0, 0 }, { 1, 1 }, { 2, 2 }, { 3, 3 }, { 4, 4 }, { 5, 5 },
	{ 6, -1 }, { 63, -1 }, { UINT64_MAX, -1 },
};

const struct native native = {
	.name = "x86",
	.trace = { .pc = "rip", .irqchip = VMAPI_IRQCHIP_FULL, .pin = 4,
		.tries = true, .list = list_bytes },
	.types = types, .n_types = vmi_array_len(types),
	.kernel = {
		.caps = caps, .n_caps = vmi_array_len(caps),
		.pairs = fake_x86_pairs, .n_pairs = vmi_array_len(fake_x86_pairs),
		.other = other,
	},
	.birth = { KVM_CREATE_VM, KVM_SET_TSS_ADDR, KVM_CREATE_VCPU,
		KVM_SET_CPUID2 },
	.exits = exits, .n_exits = vmi_array_len(exits),
	.more = more,
};
