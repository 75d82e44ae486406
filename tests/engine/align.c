/* SPDX-License-Identifier: MIT */
/*
 * Alignment checks: CR0.AM, EFLAGS.AC, CPL 3.  SDM 3A 6.15, "Interrupt 17",
 * table 6-7; where that leaves something open the rows are what an Intel
 * processor did when it was asked.
 */
#include "tests/engine/engine.h"

#define DATA   ENGINE_DATA
#define ABSENT (ENGINE_DATA + 0x1000) /* a page that is not present */
#define AC     0x40000u
#define AM     0x40000u
#define GP     13
#define PF     14
#define ALIGN  17
#define NONE   (-1) /* no fault but HLT's, which CPL 3 may not */

#define BYTES(...)                                                             \
	(const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){            \
						  __VA_ARGS__ })

/* Code at CPL 3 with RDI at `at`, RSP there too; RCX is 4, RSI is DATA. */
struct row {
	const char *name;
	const uint8_t *code;
	size_t bytes;
	unsigned mode;
	uint64_t at;
	int vector;
};

static const struct row rows[] = {
	{ "load of 1", BYTES(0x8a, 0x07, 0xf4), 64, DATA + 1, NONE },
	{ "load of 2, by 2", BYTES(0x66, 0x8b, 0x07, 0xf4), 64, DATA + 2,
		NONE },
	{ "load of 2, by 1", BYTES(0x66, 0x8b, 0x07, 0xf4), 64, DATA + 1,
		ALIGN },
	{ "load of 4, by 4", BYTES(0x8b, 0x07, 0xf4), 64, DATA + 4, NONE },
	{ "load of 4, by 2", BYTES(0x8b, 0x07, 0xf4), 64, DATA + 2, ALIGN },
	{ "load of 8, by 4", BYTES(0x48, 0x8b, 0x07, 0xf4), 64, DATA + 4,
		ALIGN },
	{ "store of 4", BYTES(0x89, 0x07, 0xf4), 64, DATA + 2, ALIGN },
	{ "store of 4, absent", BYTES(0x89, 0x07, 0xf4), 64, ABSENT + 2,
		ALIGN },
	{ "store of 4, absent, aligned", BYTES(0x89, 0x07, 0xf4), 64, ABSENT,
		PF },
	{ "load of 4, into the absent", BYTES(0x8b, 0x07, 0xf4), 64,
		ABSENT - 1, ALIGN },
	{ "not canonical", BYTES(0x8b, 0x07, 0xf4), 64, (1ull << 47) + 1, GP },
	{ "and, read, modify, write", BYTES(0x21, 0x07, 0xf4), 64, DATA + 1,
		ALIGN },
	{ "lock add", BYTES(0xf0, 0x01, 0x07, 0xf4), 64, DATA + 1, ALIGN },
	{ "lock add, absent", BYTES(0xf0, 0x01, 0x07, 0xf4), 64, ABSENT + 1,
		ALIGN },
	{ "lock add, into the absent", BYTES(0xf0, 0x01, 0x07, 0xf4), 64,
		ABSENT - 1, ALIGN },
	{ "lock add, absent, aligned", BYTES(0xf0, 0x01, 0x07, 0xf4), 64,
		ABSENT, PF },
	{ "xchg, absent", BYTES(0x87, 0x07, 0xf4), 64, ABSENT + 1, ALIGN },
	{ "lock bts, absent", BYTES(0xf0, 0x0f, 0xba, 0x2f, 0x01, 0xf4), 64,
		ABSENT + 2, ALIGN },
	{ "bts", BYTES(0x0f, 0xab, 0x07, 0xf4), 64, DATA + 2, ALIGN },
	{ "lock cmpxchg8b, absent, by 4", BYTES(0xf0, 0x0f, 0xc7, 0x0f, 0xf4),
		64, ABSENT + 4, ALIGN },
	{ "cmpxchg8b, by 4", BYTES(0x0f, 0xc7, 0x0f, 0xf4), 64, DATA + 4,
		ALIGN },
	{ "push", BYTES(0x50, 0xf4), 64, DATA + 4, ALIGN },
	{ "push, into the absent", BYTES(0x50, 0xf4), 64, ABSENT + 0x1004,
		ALIGN },
	{ "pop", BYTES(0x58, 0xf4), 64, DATA + 4, ALIGN },
	{ "call", BYTES(0xe8, 0, 0, 0, 0, 0xf4), 64, DATA + 4, ALIGN },
	{ "ret", BYTES(0xc3), 64, DATA + 4, ALIGN },
	{ "enter", BYTES(0xc8, 0, 0, 1, 0xf4), 64, DATA + 0x104, ALIGN },
	{ "enter, into the absent", BYTES(0xc8, 0, 0, 1, 0xf4), 64,
		ABSENT + 0x1004, ALIGN },
	{ "leave", BYTES(0x48, 0x89, 0xfd, 0xc9, 0xf4), 64, DATA + 4, ALIGN },
	{ "pusha", BYTES(0x60, 0xf4), 32, DATA + 0x102, ALIGN },
	{ "pusha, into the absent", BYTES(0x60, 0xf4), 32, ABSENT + 0x1002,
		ALIGN },
	{ "pusha, aligned, into the absent", BYTES(0x60, 0xf4), 32,
		ABSENT + 0x1010, PF },
	{ "pushaw, by 2", BYTES(0x66, 0x60, 0xf4), 32, DATA + 0x102, NONE },
	{ "popa", BYTES(0x61, 0xf4), 32, DATA + 0x102, ALIGN },
	{ "bound, by 2", BYTES(0x62, 0x07, 0xf4), 32, DATA + 2, ALIGN },
	{ "les, by 2", BYTES(0xc4, 0x07, 0xf4), 32, DATA + 2, ALIGN },
	{ "lesw, by 2", BYTES(0x66, 0xc4, 0x07, 0xf4), 32, DATA + 0x102,
		NONE },
	{ "sgdt, by 4", BYTES(0x0f, 0x01, 0x07, 0xf4), 64, DATA + 4, NONE },
	{ "sgdt, by 2", BYTES(0x0f, 0x01, 0x07, 0xf4), 64, DATA + 2, ALIGN },
	{ "rep stosd", BYTES(0xf3, 0xab, 0xf4), 64, DATA + 2, ALIGN },
	{ "rep stosd, aligned", BYTES(0xf3, 0xab, 0xf4), 64, DATA + 4, NONE },
	{ "stosd, absent", BYTES(0xab, 0xf4), 64, ABSENT + 2, ALIGN },
	{ "rep movsb", BYTES(0xf3, 0xa4, 0xf4), 64, DATA + 0x101, NONE },
	{ "rep movsd", BYTES(0xf3, 0xa5, 0xf4), 64, DATA + 0x102, ALIGN },
	{ "repe cmpsw", BYTES(0x66, 0xf3, 0xa7, 0xf4), 64, DATA + 0x101,
		ALIGN },
	{ "scasq", BYTES(0x48, 0xaf, 0xf4), 64, DATA + 4, ALIGN },
	{ "fld m32, by 2", BYTES(0xd9, 0x07, 0xf4), 64, DATA + 2, ALIGN },
	{ "fld m64, by 4", BYTES(0xdd, 0x07, 0xf4), 64, DATA + 4, ALIGN },
	{ "fld m80, by 8", BYTES(0xdb, 0x2f, 0xf4), 64, DATA + 8, NONE },
	{ "fld m80, by 4", BYTES(0xdb, 0x2f, 0xf4), 64, DATA + 4, ALIGN },
	{ "fstp m80, by 8", BYTES(0xdb, 0xe3, 0xd9, 0xee, 0xdb, 0x3f, 0xf4), 64, DATA + 8,
		NONE },
	{ "fstp m80, by 4", BYTES(0xdb, 0xe3, 0xd9, 0xee, 0xdb, 0x3f, 0xf4), 64, DATA + 4,
		ALIGN },
	{ "fstp m80, absent", BYTES(0xdb, 0xe3, 0xd9, 0xee, 0xdb, 0x3f, 0xf4), 64,
		ABSENT + 4, ALIGN },
	{ "fbld, by 8", BYTES(0xdf, 0x27, 0xf4), 64, DATA + 8, NONE },
	{ "fbld, by 4", BYTES(0xdf, 0x27, 0xf4), 64, DATA + 4, ALIGN },
	{ "fbstp, by 4", BYTES(0xdb, 0xe3, 0xd9, 0xee, 0xdf, 0x37, 0xf4), 64, DATA + 4,
		ALIGN },
	{ "fnstcw, by 1", BYTES(0xd9, 0x3f, 0xf4), 64, DATA + 1, ALIGN },
	{ "fnstenv, by 4", BYTES(0xd9, 0x37, 0xf4), 64, DATA + 4, NONE },
	{ "fnstenv, by 2", BYTES(0xd9, 0x37, 0xf4), 64, DATA + 2, ALIGN },
	{ "fnstenv, absent", BYTES(0xd9, 0x37, 0xf4), 64, ABSENT + 2, ALIGN },
	{ "fnstenv, into the absent", BYTES(0xd9, 0x37, 0xf4), 64, ABSENT - 6,
		ALIGN },
	{ "fnstenvw, by 2", BYTES(0x66, 0xd9, 0x37, 0xf4), 64, DATA + 2,
		NONE },
	{ "fnstenvw, by 1", BYTES(0x66, 0xd9, 0x37, 0xf4), 64, DATA + 1,
		ALIGN },
	{ "fldenv, by 2", BYTES(0xd9, 0x27, 0xf4), 64, DATA + 2, ALIGN },
	{ "fnsave, by 4", BYTES(0xdd, 0x37, 0xf4), 64, DATA + 4, NONE },
	{ "fnsave, by 2", BYTES(0xdd, 0x37, 0xf4), 64, DATA + 2, ALIGN },
	{ "fnsavew, by 2", BYTES(0x66, 0xdd, 0x37, 0xf4), 64, DATA + 2, NONE },
	{ "fnsavew, by 1", BYTES(0x66, 0xdd, 0x37, 0xf4), 64, DATA + 1,
		ALIGN },
	{ "frstor, by 4", BYTES(0xdd, 0x27, 0xf4), 64, DATA + 4, NONE },
	{ "frstor, by 2", BYTES(0xdd, 0x27, 0xf4), 64, DATA + 2, ALIGN },
	{ "stmxcsr, by 2", BYTES(0x0f, 0xae, 0x1f, 0xf4), 64, DATA + 2,
		ALIGN },
	{ "movups, by 1", BYTES(0x0f, 0x10, 0x07, 0xf4), 64, DATA + 1, NONE },
	{ "movups to memory, by 4", BYTES(0x0f, 0x11, 0x07, 0xf4), 64,
		DATA + 4, NONE },
	{ "lddqu, by 4", BYTES(0xf2, 0x0f, 0xf0, 0x07, 0xf4), 64, DATA + 4,
		NONE },
	{ "movaps, by 8", BYTES(0x0f, 0x28, 0x07, 0xf4), 64, DATA + 8, GP },
	{ "movaps", BYTES(0x0f, 0x28, 0x07, 0xf4), 64, DATA + 16, NONE },
	{ "movq, by 4", BYTES(0xf3, 0x0f, 0x7e, 0x07, 0xf4), 64, DATA + 4,
		ALIGN },
	{ "movhps, by 4", BYTES(0x0f, 0x16, 0x07, 0xf4), 64, DATA + 4, ALIGN },
	{ "cvtdq2pd, by 4", BYTES(0xf3, 0x0f, 0xe6, 0x07, 0xf4), 64, DATA + 4,
		ALIGN },
	{ "pinsrw, by 1", BYTES(0x66, 0x0f, 0xc4, 0x07, 0, 0xf4), 64,
		DATA + 1, ALIGN },
	{ "fxsave, by 8", BYTES(0x0f, 0xae, 0x07, 0xf4), 64, DATA + 8, GP },
	{ "fxsave", BYTES(0x0f, 0xae, 0x07, 0xf4), 64, DATA + 16, NONE },
};

struct frame {
	uint64_t code, rip, rsp, vector;
};

static struct frame frame_of(struct engine *e, unsigned mode)
{
	uint64_t at = engine_get(e->vcpu, VMAPI_X86_RSP);
	unsigned n = mode == 64 ? 8 : 4;
	struct frame f = { engine_peek(e, at, n), engine_peek(e, at + n, n),
		engine_peek(e, at + 4 * n, n), (unsigned)engine_vector(e) };

	return f;
}

static void paging32(struct engine *e)
{
	uint64_t cr0 = engine_get(e->vcpu, VMAPI_X86_CR0);
	unsigned i;

	/* PAE: the four entries of 64-bit mode's first directory pointers. */
	if (cr0 & 0x80000000u)
		return;
	for (i = 0; i < 4; i++)
		engine_poke(e, ENGINE_PML4 + 0x8000 + 8 * i,
			(ENGINE_PML4 + 0x2000 + 0x1000 * i) | 1, 8);
	engine_set(e->vcpu, VMAPI_X86_CR3, ENGINE_PML4 + 0x8000);
	engine_set(e->vcpu, VMAPI_X86_CR4, 0x620);
	engine_set(e->vcpu, VMAPI_X86_CR0, cr0 | 0x80000000u);
}

static void start(struct engine *e, const struct row *r, uint64_t flags)
{
	uint64_t cr0;

	engine_user(e, e->vcpu, r->mode);
	paging32(e);
	engine_load(e, r->code, r->bytes);
	engine_poke(e, ENGINE_PT + 8 * (ABSENT >> 12), ABSENT | 6, 8);
	memset(e->mem + DATA, 0, 0x1000);
	engine_poke(e, DATA + 0x1c, 0x1f80, 4); /* no MXCSR is refused */
	cr0 = engine_get(e->vcpu, VMAPI_X86_CR0);
	engine_set(e->vcpu, VMAPI_X86_CR0, cr0 | AM);
	engine_set(e->vcpu, VMAPI_X86_RDI, r->at);
	engine_set(e->vcpu, VMAPI_X86_RSP, r->at);
	engine_set(e->vcpu, VMAPI_X86_RSI, DATA);
	engine_set(e->vcpu, VMAPI_X86_RCX, 4);
	engine_set(e->vcpu, VMAPI_X86_RFLAGS, 2 | flags);
}

static void check_row(struct engine *e, const struct row *r)
{
	uint64_t end = ENGINE_CODE + r->bytes - 1;
	struct frame f;

	start(e, r, AC);
	EQUAL(engine_run(e), VMAPI_EXIT_HALT);
	f = frame_of(e, r->mode);
	EQUAL(f.vector, r->vector == NONE ? GP : (uint64_t)r->vector);
	if (r->vector == NONE)
		EQUAL(f.rip, end);
	else
		CHECK(f.rip < end || r->bytes == 1);
	if (r->vector == ALIGN) {
		EQUAL(f.code, 0);
		EQUAL(f.rsp, r->at);
		EQUAL(engine_get(e->vcpu, VMAPI_X86_RDI), r->at);
	}
}

static void all_rows(void)
{
	struct engine e;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		engine_about(rows[i].name);
		engine_open(&e, VMAPI_IRQCHIP_NONE);
		check_row(&e, &rows[i]);
		engine_close(&e);
	}
}

/*
 * The first access fills the TLB while AC is clear; popf sets it, and the
 * second faults.  Without CR0.AM, or at CPL 0, it does not.
 */
static void popf_turns_it_on(bool am, bool user)
{
	/* mov eax, [rdi]; push imm32; popf; mov eax, [rdi]; hlt */
	static const uint8_t code[] = { 0x8b, 0x07, 0x68, 0x02, 0x00, 0x04,
		0x00, 0x9d, 0x8b, 0x07, 0xf4 };
	uint64_t cr0;
	struct engine e;

	engine_about(am && user ? "popf sets AC" : "AC without the rest");
	engine_open(&e, VMAPI_IRQCHIP_NONE);
	if (user)
		engine_user(&e, e.vcpu, 64);
	else
		engine_mode(&e, e.vcpu, 64);
	engine_load(&e, code, sizeof(code));
	cr0 = engine_get(e.vcpu, VMAPI_X86_CR0);
	engine_set(e.vcpu, VMAPI_X86_CR0, am ? cr0 | AM : cr0);
	engine_set(e.vcpu, VMAPI_X86_RDI, DATA + 1);
	engine_set(e.vcpu, VMAPI_X86_RSP, DATA + 0x800);
	EQUAL(engine_run(&e), VMAPI_EXIT_HALT);
	EQUAL(engine_vector(&e), am && user ? ALIGN : user ? GP : NONE);
	engine_close(&e);
}

int main(void)
{
	all_rows();
	popf_turns_it_on(true, true);
	popf_turns_it_on(false, true);
	popf_turns_it_on(true, false);
	return engine_result();
}
