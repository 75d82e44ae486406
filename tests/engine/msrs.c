/* SPDX-License-Identifier: MIT */
/*
 * Model-specific registers as WRMSR and RDMSR reach them: reserved bits,
 * canonical addresses (SDM 4 chapter 2), the time stamp counter's; and what
 * CPUID and they say of its frequency.
 */
#include "tests/engine/engine.h"

/* wrmsr; xor eax, eax; xor edx, edx; rdmsr; hlt */
static const uint8_t access[] = { 0x0f, 0x30, 0x31, 0xc0, 0x31, 0xd2, 0x0f,
	0x32, 0xf4 };

/*
 * rdtsc; mov esi, eax; mov edi, edx; xor eax, eax; mov edx, ebx; wrmsr; rdtsc;
 * hlt
 */
static const uint8_t adjust[] = { 0x0f, 0x31, 0x89, 0xc6, 0x89, 0xd7, 0x31,
	0xc0, 0x89, 0xda, 0x0f, 0x30, 0x0f, 0x31, 0xf4 };

#define CODE(c) (c), sizeof(c)
#define GP 13

#define CANONICAL 0xffff800000000000ull
#define ODD	  0x0000800000000000ull

struct row {
	const char *name;
	uint32_t index;
	uint64_t value;
	bool refused;
};

static const struct row rows[] = {
	{ "SYSENTER_ESP", 0x175, CANONICAL, false },
	{ "SYSENTER_ESP", 0x175, ODD, true },
	{ "SYSENTER_EIP", 0x176, ODD, true },
	{ "LSTAR", 0xc0000082, CANONICAL, false },
	{ "LSTAR", 0xc0000082, ODD, true },
	{ "CSTAR", 0xc0000083, ODD, true },
	{ "SFMASK", 0xc0000084, 0xffffffff, false },
	{ "SFMASK", 0xc0000084, 1ull << 32, true },
	{ "FS_BASE", 0xc0000100, ODD, true },
	{ "GS_BASE", 0xc0000101, ODD, true },
	{ "KERNEL_GS_BASE", 0xc0000102, CANONICAL, false },
	{ "KERNEL_GS_BASE", 0xc0000102, ODD, true },
	{ "TSC_AUX", 0xc0000103, 0xffffffff, false },
	{ "TSC_AUX", 0xc0000103, 1ull << 32, true },
	{ "EFER", 0xc0000080, 0xd01, false },
	{ "EFER, LME while paging", 0xc0000080, 0xc00, true },
	{ "EFER, SVME", 0xc0000080, 0x1d00, true },
	{ "EFER, bit 1", 0xc0000080, 0xd02, true },
	{ "EFER, bit 63", 0xc0000080, 1ull << 63 | 0xd00, true },
	{ "PAT", 0x277, 0x0007040600070406, false },
	{ "PAT, type 2", 0x277, 0x0007040600070402, true },
	{ "PAT, type 8", 0x277, 0x0807040600070406, true },
	{ "MTRR_DEF_TYPE", 0x2ff, 0xc06, false },
	{ "MTRR_DEF_TYPE, type 7", 0x2ff, 0xc07, true },
	{ "MTRR_DEF_TYPE, bit 8", 0x2ff, 0xd06, true },
	{ "MTRR_PHYSBASE0, bit 40", 0x200, 1ull << 40 | 6, true },
	{ "MTRR_PHYSMASK0", 0x201, 0xff80000800, false },
	{ "MTRR_PHYSMASK0, bit 10", 0x201, 0xff80000c00, true },
	{ "MTRR_FIX64K", 0x250, 0x0606060606060606, false },
	{ "MTRR_FIX64K, type 3", 0x250, 0x0606060606060603, true },
	{ "MTRRCAP", 0xfe, 0x508, true },
	{ "PLATFORM_INFO", 0xce, 0xa00, true },
	{ "FEATURE_CONTROL, locked", 0x3a, 5, true },
	{ "MCG_STATUS", 0x17a, 4, false },
	{ "MCG_STATUS, bit 3", 0x17a, 8, true },
	{ "MISC_ENABLE", 0x1a0, 5, false },
	{ "MISC_ENABLE, bit 1", 0x1a0, 3, true },
	{ "MISC_ENABLE, no NX", 0x1a0, 1ull << 34, false },
	{ "DEBUGCTL, BTF", 0x1d9, 2, false },
	{ "DEBUGCTL, bus locks", 0x1d9, 4, true },
	{ "DEBUGCTL, bit 3", 0x1d9, 8, true },
	{ "DEBUGCTL, bit 5", 0x1d9, 0x22, true },
	{ "DEBUGCTL, BTS", 0x1d9, 0xc0, true },
	{ "DEBUGCTL, freezing counters", 0x1d9, 0x1000, true },
	{ "DEBUGCTL, RTM", 0x1d9, 0x8000, true },
	{ "DEBUGCTL, bit 32", 0x1d9, 1ull << 32 | 2, true },
	{ "APIC_BASE", 0x1b, 0xfee00900, false },
	{ "APIC_BASE, bit 9", 0x1b, 0xfee00b00, true },
	{ "APIC_BASE, x2APIC alone", 0x1b, 0xfee00500, true },
	{ "APIC_BASE, bit 40", 0x1b, 1ull << 40, true },
	{ "no such", 0x12345678, 0, true },
};

static void row(const struct row *r)
{
	struct engine e;

	engine_about(r->name);
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	engine_mode(&e, e.vcpu, 64);
	engine_load(&e, CODE(access));
	engine_set(e.vcpu, VMAPI_X86_RCX, r->index);
	engine_set(e.vcpu, VMAPI_X86_RAX, 0xdead000000000000 |
		(uint32_t)r->value); /* the upper half counts for nothing */
	engine_set(e.vcpu, VMAPI_X86_RDX, r->value >> 32);
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), r->refused ? GP : -1);
	if (!r->refused)
		EQUAL(engine_get(e.vcpu, VMAPI_X86_RDX) << 32 |
			engine_get(e.vcpu, VMAPI_X86_RAX), r->value);
	engine_close(&e);
}

/* What the guest may not write, the host may not: one register, one format. */
static void by_the_host(void)
{
	struct vmapi_reg reg = { .tag = VMAPI_X86_MSR(0x1d9), .value = 0x80 };
	struct engine e;

	engine_about("DEBUGCTL, of the host");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	EQUAL(vmapi_regs_set(e.vcpu, &reg, 1, NULL, 0), -EINVAL);
	reg.value = 3; /* LBR, as far as that goes */
	EQUAL(vmapi_regs_set(e.vcpu, &reg, 1, NULL, 0), 0);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_MSR(0x1d9)), 2);
	engine_close(&e);
}

/* IA32_TSC_ADJUST moves the counter, and follows it: SDM 3B 17.17.3. */
static void counter(uint32_t index)
{
	struct engine e;
	uint64_t was, is;

	engine_about("IA32_TSC_ADJUST");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	engine_mode(&e, e.vcpu, 64);
	engine_load(&e, CODE(adjust));
	engine_set(e.vcpu, VMAPI_X86_RCX, index);
	engine_set(e.vcpu, VMAPI_X86_RBX, 0x1000);
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), -1);
	was = engine_get(e.vcpu, VMAPI_X86_RDI) << 32 |
		engine_get(e.vcpu, VMAPI_X86_RSI);
	is = engine_get(e.vcpu, VMAPI_X86_RDX) << 32 |
		engine_get(e.vcpu, VMAPI_X86_RAX);
	CHECK(is >= 0x1000ull << 32 && was < 0x1000ull << 32);
	/* To the minute: 2^36 ns. */
	EQUAL((engine_get(e.vcpu, VMAPI_X86_MSR(0x3b)) + (1ull << 35)) >> 36,
		0x1000ull << 32 >> 36);
	engine_close(&e);
}

/* -- The local APIC's timer by the counter, SDM 3A 11.5.4.1 --------------- */

#define TSC	     0x10
#define TSC_ADJUST   0x3b
#define TSC_DEADLINE 0x6e0
#define IRR_1	     0x821 /* of vectors 32 to 63 */
#define VECTOR	     0x30

static void write_msr(struct engine *e, uint32_t index, uint64_t value)
{
	static const uint8_t wrmsr[] = { 0x0f, 0x30 };

	engine_load(e, CODE(wrmsr));
	engine_set(e->vcpu, VMAPI_X86_RIP, ENGINE_CODE);
	engine_set(e->vcpu, VMAPI_X86_RCX, index);
	engine_set(e->vcpu, VMAPI_X86_RAX, (uint32_t)value);
	engine_set(e->vcpu, VMAPI_X86_RDX, value >> 32);
	EQUAL(engine_step(e, 1), VMAPI_EXIT_LIMIT);
	EQUAL(engine_vector(e), -1);
}

static bool is_requested(struct engine *e)
{
	static const uint8_t rdmsr[] = { 0x0f, 0x32 };

	engine_load(e, CODE(rdmsr));
	engine_set(e->vcpu, VMAPI_X86_RIP, ENGINE_CODE);
	engine_set(e->vcpu, VMAPI_X86_RCX, IRR_1);
	EQUAL(engine_step(e, 1), VMAPI_EXIT_LIMIT);
	return engine_get(e->vcpu, VMAPI_X86_RAX) >> (VECTOR - 32) & 1;
}

static void open_timer(struct engine *e)
{
	engine_open(e, VMAPI_IRQCHIP_FULL);
	engine_mode(e, e->vcpu, 64);
	write_msr(e, 0x1b, 0xfee00d00);
	write_msr(e, 0x80f, 0x1ff);
	write_msr(e, 0x832, 2u << 17 | VECTOR);
}

/* Not after the one write, but after the other the interrupt is due. */
static const struct due {
	const char *name;
	uint32_t first, second; /* MSRs */
	uint64_t value[2];
} dues[] = {
	{ "a deadline that has been", TSC_ADJUST, TSC_DEADLINE,
		{ 100000000000000, 1 } },
	{ "the counter passes a deadline", TSC_DEADLINE, TSC_ADJUST,
		{ 90000000000000, 100000000000000 } },
	{ "the counter is set behind a deadline", TSC_DEADLINE, TSC,
		{ 90000000000000, 100000000000000 } },
};

static void deadline(const struct due *d)
{
	struct engine e;

	engine_about(d->name);
	open_timer(&e);
	write_msr(&e, d->first, d->value[0]);
	CHECK(!is_requested(&e));
	write_msr(&e, d->second, d->value[1]);
	CHECK(is_requested(&e));
	engine_close(&e);
}

/* Leaf 15H times the crystal, leaf 16H and PLATFORM_INFO: one frequency. */
static void frequency(uint64_t hz)
{
	struct vmapi_vm_config config = { .size = sizeof(config),
		.tsc_hz = hz };
	struct vmapi_x86_cpuid list[64];
	struct vmapi_reg reg = { .tag = VMAPI_X86_CPUID, .data = list,
		.bytes = sizeof(list) };
	struct engine e = { .ctx = NULL };
	uint64_t found = 0;
	size_t i;

	engine_about("the counter's frequency");
	engine_must(vmapi_open("soft", 0, &e.ctx));
	engine_must(vmapi_vm_create(e.ctx, &config, &e.vm));
	engine_must(vmapi_vcpu_create(e.vm, NULL, &e.vcpu));
	memset(list, 0, sizeof(list));
	engine_must(vmapi_regs_get(e.vcpu, &reg, 1, NULL, 0));
	for (i = 0; i < 64; i++) {
		if (list[i].leaf == 0x15)
			found = (uint64_t)((double)list[i].ecx * list[i].ebx /
				list[i].eax + 0.5);
		if (list[i].leaf == 0x16)
			EQUAL(list[i].eax, hz / 1000000);
	}
	EQUAL(found, hz);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_MSR(0xce)),
		(hz / 100000000 & 0xff) << 8);
	vmapi_vcpu_destroy(e.vcpu);
	vmapi_vm_destroy(e.vm);
	vmapi_close(e.ctx);
}

int main(void)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		row(&rows[i]);
	by_the_host();
	counter(0x10);
	counter(0x3b);
	for (i = 0; i < sizeof(dues) / sizeof(dues[0]); i++)
		deadline(&dues[i]);
	frequency(1000000000);
	frequency(2400000000);
	frequency(5200000000);
	return engine_result();
}
