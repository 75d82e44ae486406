/* SPDX-License-Identifier: MIT */
/*
 * What CPUID does not report is no instruction: each row below runs on a
 * processor that has its bit, and on one that differs in that bit alone,
 * where it is #UD (SDM 2, "CPUID feature flag" of each) or, LZCNT, another.
 * And MSRs of such a feature are not there: #GP (SDM 4 table 2-2).
 */
#include "tests/engine/engine.h"

#define UD 6
#define GP 13

/* Where the feature is, the instruction ends at the HLT behind it. */
struct row {
	const char *field; /* of CPUID */
	const char *name;
	unsigned mode;
	unsigned bytes;
	uint8_t code[10];
};

static const struct row rows[] = {
	{ "fpu", "fninit", 64, 2, { 0xdb, 0xe3 } },
	{ "tsc", "rdtsc", 64, 2, { 0x0f, 0x31 } },
	{ "msr", "mov ecx, 10h; rdmsr", 64, 7,
		{ 0xb9, 0x10, 0, 0, 0, 0x0f, 0x32 } },
	{ "cx8", "cmpxchg8b", 64, 3, { 0x0f, 0xc7, 0x0e } },
	{ "cmov", "cmovz", 64, 3, { 0x0f, 0x44, 0xc1 } },
	{ "cmov", "fcomi", 64, 2, { 0xdb, 0xf0 } },
	{ "clfsh", "clflush", 64, 3, { 0x0f, 0xae, 0x3e } },
	{ "mmx", "pxor mm", 64, 3, { 0x0f, 0xef, 0xc0 } },
	{ "fxsr", "fxsave", 64, 3, { 0x0f, 0xae, 0x06 } },
	{ "sse", "xorps", 64, 3, { 0x0f, 0x57, 0xc0 } },
	{ "sse", "sfence", 64, 3, { 0x0f, 0xae, 0xf8 } },
	{ "sse2", "xorpd", 64, 4, { 0x66, 0x0f, 0x57, 0xc0 } },
	{ "sse2", "lfence", 64, 3, { 0x0f, 0xae, 0xe8 } },
	{ "sse3", "haddps", 64, 4, { 0xf2, 0x0f, 0x7c, 0xc0 } },
	{ "sse3", "fisttp", 64, 2, { 0xdb, 0x0e } },
	{ "pclmulqdq", "pclmulqdq", 64, 6,
		{ 0x66, 0x0f, 0x3a, 0x44, 0xc0, 0x00 } },
	{ "ssse3", "pshufb", 64, 5, { 0x66, 0x0f, 0x38, 0x00, 0xc0 } },
	{ "cx16", "cmpxchg16b", 64, 4, { 0x48, 0x0f, 0xc7, 0x0e } },
	{ "sse4.1", "ptest", 64, 5, { 0x66, 0x0f, 0x38, 0x17, 0xc0 } },
	{ "sse4.2", "crc32", 64, 5, { 0xf2, 0x0f, 0x38, 0xf1, 0xc0 } },
	{ "sse4.2", "pcmpgtq", 64, 5, { 0x66, 0x0f, 0x38, 0x37, 0xc0 } },
	{ "movbe", "movbe", 64, 4, { 0x0f, 0x38, 0xf0, 0x06 } },
	{ "popcnt", "popcnt", 64, 4, { 0xf3, 0x0f, 0xb8, 0xc1 } },
	{ "aesni", "aesenc", 64, 5, { 0x66, 0x0f, 0x38, 0xdc, 0xc0 } },
	{ "xsave", "xgetbv", 64, 3, { 0x0f, 0x01, 0xd0 } },
	{ "xsave", "xsave", 64, 3, { 0x0f, 0xae, 0x26 } },
	{ "xsaveopt", "xsaveopt", 64, 3, { 0x0f, 0xae, 0x36 } },
	{ "rdrand", "rdrand", 64, 3, { 0x0f, 0xc7, 0xf0 } },
	{ "fsgsbase", "rdfsbase", 64, 4, { 0xf3, 0x0f, 0xae, 0xc0 } },
	{ "invpcid", "invpcid", 64, 5, { 0x66, 0x0f, 0x38, 0x82, 0x06 } },
	{ "rdseed", "rdseed", 64, 3, { 0x0f, 0xc7, 0xf8 } },
	{ "adx", "adcx", 64, 5, { 0x66, 0x0f, 0x38, 0xf6, 0xc1 } },
	{ "adx", "adox", 64, 5, { 0xf3, 0x0f, 0x38, 0xf6, 0xc1 } },
	{ "smap", "clac", 64, 3, { 0x0f, 0x01, 0xca } },
	{ "clflushopt", "clflushopt", 64, 4, { 0x66, 0x0f, 0xae, 0x3e } },
	{ "clwb", "clwb", 64, 4, { 0x66, 0x0f, 0xae, 0x36 } },
	{ "sha", "sha1nexte", 64, 4, { 0x0f, 0x38, 0xc8, 0xc0 } },
	{ "rdpid", "rdpid", 64, 4, { 0xf3, 0x0f, 0xc7, 0xf8 } },
	{ "lahf64", "lahf", 64, 1, { 0x9f } },
	{ "syscall", "syscall", 64, 2, { 0x0f, 0x05 } },
	{ "rdtscp", "rdtscp", 64, 3, { 0x0f, 0x01, 0xf9 } },
	{ "sep", "sysenter", 32, 2, { 0x0f, 0x34 } },
};

static struct vmapi_cpuid *list_of(struct engine *e)
{
	struct vmapi_cpuid *list;

	engine_must(vmapi_cpuid_create(&list));
	engine_must(vmapi_cpuid_read(e->vcpu, list));
	return list;
}

static void set(struct engine *e, const char *field, uint32_t value)
{
	struct vmapi_cpuid *list = list_of(e);

	engine_must(vmapi_cpuid_set(list, field, value));
	engine_must(vmapi_cpuid_write(e->vcpu, list));
	vmapi_cpuid_destroy(list);
}

static uint32_t ask(struct engine *e, const char *field)
{
	struct vmapi_cpuid *list = list_of(e);
	uint32_t value;

	engine_must(vmapi_cpuid_get(list, field, &value));
	vmapi_cpuid_destroy(list);
	return value;
}

/*
 * What a kernel turns on, of CR4 that which is there, and where SYSCALL and
 * SYSENTER lead.
 */
static void prepare(struct engine *e, unsigned mode)
{
	uint64_t cr4 = engine_get(e->vcpu, VMAPI_X86_CR4) | 0x600;
	uint32_t xsave = ask(e, "xsave"), base = ask(e, "fsgsbase");

	engine_mode(e, e->vcpu, mode);
	engine_set(e->vcpu, VMAPI_X86_CR4, cr4 | (xsave ? 1u << 18 : 0) |
		(base ? 1u << 16 : 0) | (mode == 64 ? 0x20 : 0));
	engine_set(e->vcpu, VMAPI_X86_RSI, ENGINE_DATA);
	engine_set(e->vcpu, VMAPI_X86_RCX, 0);
	engine_set(e->vcpu, VMAPI_X86_RAX, 0);
	if (mode == 64) {
		engine_set(e->vcpu, VMAPI_X86_EFER, 0xd01);
		engine_set(e->vcpu, VMAPI_X86_MSR(0xc0000081),
			(uint64_t)ENGINE_CODE64 << 32);
		engine_set(e->vcpu, VMAPI_X86_MSR(0xc0000082),
			ENGINE_CODE + 0x100);
	} else {
		engine_set(e->vcpu, VMAPI_X86_MSR(0x174), ENGINE_CODE32);
		engine_set(e->vcpu, VMAPI_X86_MSR(0x175), ENGINE_STACK);
		engine_set(e->vcpu, VMAPI_X86_MSR(0x176),
			ENGINE_CODE + 0x100);
	}
	e->mem[ENGINE_CODE + 0x100] = 0xf4;
}

static void row(const struct row *r, bool hidden)
{
	uint8_t code[16];
	struct engine e;
	char what[64];

	snprintf(what, sizeof(what), "%s, %s %s", r->name, r->field,
		hidden ? "hidden" : "there");
	engine_about(what);
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	EQUAL(ask(&e, r->field), 1);
	memcpy(code, r->code, r->bytes);
	code[r->bytes] = 0xf4;
	prepare(&e, r->mode);
	if (hidden) /* whatever is turned on */
		set(&e, r->field, 0);
	engine_load(&e, code, r->bytes + 1);
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), hidden ? UD : -1);
	engine_close(&e);
}

/* -- MSRs ---------------------------------------------------------------- */

static const struct msr {
	const char *field;
	uint32_t index;
} msrs[] = {
	{ "tsc-adjust", 0x3b }, { "mtrr", 0xfe },
	{ "arch-capabilities", 0x10a },
	{ "sep", 0x174 }, { "sep", 0x176 }, { "mtrr", 0x200 },
	{ "mtrr", 0x26f }, { "pat", 0x277 }, { "mtrr", 0x2ff },
	{ "tsc-deadline", 0x6e0 }, { "lm", 0xc0000082 }, { "lm", 0xc0000084 },
	{ "lm", 0xc0000100 }, { "lm", 0xc0000102 }, { "rdtscp", 0xc0000103 },
};

/* One instruction with these registers; whether it came to #GP. */
static bool is_refused(struct engine *e, const void *code, uint32_t index,
	uint32_t eax)
{
	uint64_t rip;

	engine_mode(e, e->vcpu, 32);
	engine_poke(e, ENGINE_HANDLERS + 16 * GP, 0x9090, 2); /* no HLT */
	engine_load(e, code, 2);
	engine_set(e->vcpu, VMAPI_X86_RCX, index);
	engine_set(e->vcpu, VMAPI_X86_RAX, eax);
	engine_set(e->vcpu, VMAPI_X86_RDX, 0);
	EQUAL(engine_step(e, 1), VMAPI_EXIT_LIMIT);
	rip = engine_get(e->vcpu, VMAPI_X86_RIP);
	CHECK(rip == ENGINE_CODE + 2 || rip / 16 == ENGINE_HANDLERS / 16 + GP);
	return rip != ENGINE_CODE + 2;
}

static const uint8_t rdmsr[] = { 0x0f, 0x32 }, wrmsr[] = { 0x0f, 0x30 };

/* MTRRCAP and ARCH_CAPABILITIES cannot be written in any case. */
static void msr(const struct msr *m, bool hidden)
{
	bool constant = m->index == 0xfe || m->index == 0x10a;
	struct engine e;
	char what[64];

	snprintf(what, sizeof(what), "MSR 0x%x, %s %s", m->index, m->field,
		hidden ? "hidden" : "there");
	engine_about(what);
	engine_open(&e, VMAPI_IRQCHIP_FULL);
	EQUAL(ask(&e, m->field), 1);
	if (hidden)
		set(&e, m->field, 0);
	EQUAL(is_refused(&e, rdmsr, m->index, 0), hidden);
	EQUAL(is_refused(&e, wrmsr, m->index, 0), hidden || constant);
	/* To the host it is there all the same. */
	(void)engine_get(e.vcpu, VMAPI_X86_MSR(m->index));
	engine_close(&e);
}

/* The mode of it cannot be entered either: SDM 3A 11.12.1. */
static void x2apic(bool hidden)
{
	struct engine e;

	engine_about(hidden ? "x2APIC, hidden" : "x2APIC");
	engine_open(&e, VMAPI_IRQCHIP_FULL);
	if (hidden)
		set(&e, "x2apic", 0);
	EQUAL(is_refused(&e, wrmsr, 0x1b, 0xfee00d00), hidden);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_MSR(0x1b)),
		hidden ? 0xfee00900 : 0xfee00d00);
	engine_close(&e);
}

/*
 * Neither can the timer's mode by the counter, from nowhere: SDM 3A 11.5.4.1.
 * A mode that was there when CPUID changed is left for one shot.
 */
static void tsc_mode(bool hidden)
{
	/* wrmsr; mov ecx, 0x832; mov eax, ebx; wrmsr; mov eax, esi; wrmsr */
	static const uint8_t code[] = { 0x0f, 0x30, 0xb9, 0x32, 8, 0, 0, 0x89,
		0xd8, 0x0f, 0x30, 0x89, 0xf0, 0x0f, 0x30 };
	uint8_t page[1024];
	struct vmapi_reg reg = { .tag = VMAPI_X86_LAPIC, .data = page,
		.bytes = sizeof(page) };
	struct engine e;

	engine_about(hidden ? "TSC-deadline mode, hidden" :
		"TSC-deadline mode");
	engine_open(&e, VMAPI_IRQCHIP_FULL);
	engine_must(vmapi_regs_get(e.vcpu, &reg, 1, NULL, 0));
	page[0x322] |= 4;
	EQUAL(vmapi_regs_set(e.vcpu, &reg, 1, NULL, 0), 0);
	if (hidden)
		set(&e, "tsc-deadline", 0);
	engine_must(vmapi_regs_get(e.vcpu, &reg, 1, NULL, 0));
	EQUAL(page[0x322], hidden ? 1 : 5);
	page[0x322] |= 4;
	EQUAL(vmapi_regs_set(e.vcpu, &reg, 1, NULL, 0), hidden ? -EINVAL : 0);
	engine_mode(&e, e.vcpu, 32);
	engine_load(&e, code, sizeof(code));
	engine_set(e.vcpu, VMAPI_X86_RCX, 0x1b);
	engine_set(e.vcpu, VMAPI_X86_RAX, 0xfee00d00);
	engine_set(e.vcpu, VMAPI_X86_RBX, 0x30030);
	engine_set(e.vcpu, VMAPI_X86_RSI, 0x50030);
	engine_poke(&e, ENGINE_HANDLERS + 16 * GP, 0x90, 1); /* no HLT */
	EQUAL(engine_step(&e, 6), VMAPI_EXIT_LIMIT);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RIP), hidden ?
		ENGINE_HANDLERS + 16 * GP + 1 : ENGINE_CODE + sizeof(code));
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RAX), 0x50030);
	engine_close(&e);
}

/* -- Pages -------------------------------------------------------------- */

/* Without pages of 1 GiB their bit is reserved: SDM 3A tables 4-15, 4-16. */
static void page_1g(bool hidden)
{
	static const uint8_t code[] = { 0x8b, 0x07, 0xf4 }; /* mov eax, [rdi] */
	struct engine e;
	uint64_t pdpt;

	engine_about(hidden ? "pages of 1 GiB, hidden" : "pages of 1 GiB");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	if (hidden)
		set(&e, "pages-1g", 0);
	engine_mode(&e, e.vcpu, 64);
	pdpt = engine_peek(&e, ENGINE_PML4, 8) & ~0xfffull;
	engine_poke(&e, pdpt + 8, 0x87, 8); /* 1 GiB is 0 */
	engine_poke(&e, ENGINE_DATA, 0x12345678, 4);
	engine_load(&e, code, sizeof(code));
	engine_set(e.vcpu, VMAPI_X86_RDI, 0x40000000 + ENGINE_DATA);
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), hidden ? 14 : -1);
	if (hidden) /* the error code: P, RSVD */
		EQUAL(engine_peek(&e, engine_get(e.vcpu, VMAPI_X86_RSP), 8),
			9);
	else
		EQUAL(engine_get(e.vcpu, VMAPI_X86_RAX), 0x12345678);
	engine_close(&e);
}

/* F3 0F BD is LZCNT, or BSR of a processor that ignores the F3. */
static void lzcnt(bool hidden)
{
	static const uint8_t code[] = { 0xf3, 0x0f, 0xbd, 0xc1, 0xf4 };
	struct engine e;

	engine_about(hidden ? "lzcnt, hidden" : "lzcnt");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	if (hidden)
		set(&e, "lzcnt", 0);
	engine_mode(&e, e.vcpu, 32);
	engine_load(&e, code, sizeof(code));
	engine_set(e.vcpu, VMAPI_X86_RCX, 0x1000);
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), -1);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RAX), hidden ? 12 : 31 - 12);
	engine_close(&e);
}

/* The other way round: what the default does not have comes with its bit. */
static void monitor(bool shown)
{
	static const uint8_t code[] = { 0x0f, 0x01, 0xc8, 0xf4 };
	struct engine e;

	engine_about(shown ? "monitor, shown" : "monitor");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	if (shown)
		set(&e, "monitor", 1);
	engine_mode(&e, e.vcpu, 32);
	engine_load(&e, code, sizeof(code));
	engine_set(e.vcpu, VMAPI_X86_RAX, ENGINE_DATA);
	engine_set(e.vcpu, VMAPI_X86_RCX, 0);
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), shown ? -1 : UD);
	engine_close(&e);
}

/* An instruction that a CPU model has not. */
static void model(const char *name, bool there)
{
	static const uint8_t code[] = { 0x66, 0x0f, 0x38, 0xdc, 0xc0, 0xf4 };
	struct vmapi_vm_config config = { .size = sizeof(config),
		.cpu_model = name };
	struct engine e, made = { .ctx = NULL };
	struct vmapi_cpuid *list;

	engine_about(name);
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	engine_must(vmapi_open("soft", 0, &made.ctx));
	engine_must(vmapi_vm_create(made.ctx, &config, &made.vm));
	engine_must(vmapi_vcpu_create(made.vm, NULL, &made.vcpu));
	list = list_of(&made);
	engine_must(vmapi_cpuid_write(e.vcpu, list));
	vmapi_cpuid_destroy(list);
	vmapi_vcpu_destroy(made.vcpu);
	vmapi_vm_destroy(made.vm);
	vmapi_close(made.ctx);
	prepare(&e, 64);
	engine_load(&e, code, sizeof(code));
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), there ? -1 : UD);
	engine_close(&e);
}

int main(void)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		row(&rows[i], false);
		row(&rows[i], true);
	}
	for (i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++) {
		msr(&msrs[i], false);
		msr(&msrs[i], true);
	}
	x2apic(false);
	x2apic(true);
	tsc_mode(false);
	tsc_mode(true);
	page_1g(false);
	page_1g(true);
	lzcnt(false);
	lzcnt(true);
	monitor(false);
	monitor(true);
	model("nehalem", false);
	model("westmere", true);
	return engine_result();
}
