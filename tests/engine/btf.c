/* SPDX-License-Identifier: MIT */
/* IA32_DEBUGCTL.BTF: single steps from branch to branch, SDM 3B 17.4.3. */
#include "tests/engine/engine.h"

#define DB	 1
#define TF	 0x100u
#define DEBUGCTL VMAPI_X86_MSR(0x1d9)
#define BTF	 2
#define DR6_BS	 0xffff4ff0u

#define BYTES(...)                                                             \
	(const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){            \
						  __VA_ARGS__ })

struct row {
	const char *name;
	const uint8_t *code;
	size_t bytes;
	unsigned mode;
	int vector;   /* -1: the code's own HLT ends it */
	uint64_t rip; /* where the trap is, from the code's start on */
};

static const struct row rows[] = {
	{ "no branch", BYTES(0x90, 0x90, 0xf4), 64, -1, 0 },
	{ "jmp", BYTES(0x90, 0xeb, 1, 0x90, 0x90, 0xf4), 64, DB, 4 },
	{ "jmp, 32-bit", BYTES(0x90, 0xeb, 1, 0x90, 0x90, 0xf4), 32, DB, 4 },
	/* cmp eax, eax; je */
	{ "jcc, taken", BYTES(0x39, 0xc0, 0x74, 1, 0x90, 0x90, 0xf4), 64, DB,
		5 },
	{ "jcc, not taken", BYTES(0x39, 0xc0, 0x75, 1, 0x90, 0x90, 0xf4), 64,
		-1, 0 },
	{ "call", BYTES(0xe8, 2, 0, 0, 0, 0x90, 0xf4, 0x90, 0xf4), 64, DB, 7 },
	/* push ENGINE_CODE + 8; ret */
	{ "ret", BYTES(0x68, 8, 0, 1, 0, 0xc3, 0x90, 0xf4, 0x90, 0xf4), 64, DB,
		8 },
	/* mov ecx, 2; loop to itself: taken once */
	{ "loop", BYTES(0xb9, 2, 0, 0, 0, 0xe2, 0xfe, 0xf4), 64, DB, 5 },
	/* mov ecx, 3; rep stosb */
	{ "rep", BYTES(0xb9, 3, 0, 0, 0, 0xf3, 0xaa, 0xf4), 64, -1, 0 },
	/* jmp rax */
	{ "indirect", BYTES(0xff, 0xe0, 0x90, 0x90, 0xf4), 64, DB, 3 },
};

static void begin(struct engine *e, const struct row *r)
{
	engine_about(r->name);
	engine_open(e, VMAPI_IRQCHIP_NONE);
	engine_mode(e, e->vcpu, r->mode);
	engine_load(e, r->code, r->bytes);
	engine_set(e->vcpu, DEBUGCTL, BTF);
	engine_set(e->vcpu, VMAPI_X86_RDI, ENGINE_DATA);
	engine_set(e->vcpu, VMAPI_X86_RAX, ENGINE_CODE + 3);
	engine_set(e->vcpu, VMAPI_X86_RFLAGS, TF | 2);
}

static void row(const struct row *r)
{
	unsigned word = r->mode == 64 ? 8 : 4;
	struct engine e;

	begin(&e, r);
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), r->vector);
	if (r->vector == DB) {
		EQUAL(engine_peek(&e, engine_get(e.vcpu, VMAPI_X86_RSP), word),
			ENGINE_CODE + r->rip);
		EQUAL(engine_get(e.vcpu, VMAPI_X86_DEBUG(6)), DR6_BS);
	}
	/* A #DB ends it; what was not one leaves it. */
	EQUAL(engine_get(e.vcpu, DEBUGCTL), r->vector == DB ? 0 : BTF);
	engine_close(&e);
}

/* Without TF it does nothing; without it TF stops everywhere. */
static void each_alone(void)
{
	struct engine e;

	begin(&e, &rows[1]);
	engine_about("without TF");
	engine_set(e.vcpu, VMAPI_X86_RFLAGS, 2);
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), -1);
	EQUAL(engine_get(e.vcpu, DEBUGCTL), BTF);
	engine_close(&e);
	begin(&e, &rows[0]);
	engine_about("without BTF");
	engine_set(e.vcpu, DEBUGCTL, 0);
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), DB);
	engine_close(&e);
	begin(&e, &rows[0]);
	engine_about("reset");
	engine_must(vmapi_vcpu_reset(e.vcpu));
	EQUAL(engine_get(e.vcpu, DEBUGCTL), 0);
	engine_close(&e);
}

/* mov ecx, 0x1d9; mov eax, 3; xor edx, edx; wrmsr; xor eax, eax; rdmsr; hlt */
static const uint8_t writes[] = { 0xb9, 0xd9, 1, 0, 0, 0xb8, 3, 0, 0, 0, 0x31,
	0xd2, 0x0f, 0x30, 0x31, 0xc0, 0x0f, 0x32, 0xf4 };

static void by_the_guest(void)
{
	struct engine e;

	engine_about("WRMSR");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	engine_load(&e, writes, sizeof(writes));
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_get(e.vcpu, VMAPI_X86_RAX), BTF);
	engine_close(&e);
}

int main(void)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		row(&rows[i]);
	each_alone();
	by_the_guest();
	return engine_result();
}
