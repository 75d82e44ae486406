/* SPDX-License-Identifier: MIT */
/*
 * When vector instructions fault, what they leave alone then, and the areas
 * that the state is saved in.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/soft/test_sse.h"

#define MAX_FORMS 2048
#define CHECK(what) check(what, #what, __LINE__)

static struct test_sse_form forms[MAX_FORMS];
static struct vmi_cpu *const cpu = &test_sse_cpu;
static unsigned checks, failures;
static const char *about = "";

static void check(bool ok, const char *what, int line)
{
	checks++;
	if (ok)
		return;
	failures++;
	if (failures < 30)
		printf("line %d: %s: %s\n", line, about, what);
}

static uint64_t get(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | p[bytes];
	return v;
}

static void put(uint8_t *p, uint64_t v, unsigned bytes)
{
	unsigned i;

	for (i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

/* -- Faults of every encoding ------------------------------------------- */

static struct vmi_op operation(const uint8_t *code, unsigned len)
{
	struct vmi_insn insn;

	if (vmi_decode(code, len, 64, &insn)) {
		printf("%s: no instruction\n", about);
		exit(1);
	}
	return test_sse_op(&insn);
}

static struct vmi_op prepare(const struct test_sse_form *f)
{
	struct test_sse_case c;

	about = f->row->mnemonic;
	test_sse_make(&c, f);
	test_sse_reset(false);
	cpu->fpu.top = 5;
	cpu->r[VMI_RSI] = cpu->r[VMI_RDI] = TEST_SSE_BASE;
	memset(test_sse_memory, 0, sizeof(test_sse_memory));
	return operation(c.code, c.len);
}

/* Raises `vector`, and of the vector state nothing moves. */
static void faults(const struct vmi_op *op, unsigned vector)
{
	struct vmi_fpu before = cpu->fpu;
	uint64_t r[VMI_NREGS];

	memcpy(r, cpu->r, sizeof(r));
	CHECK(test_sse_execute(op) == vector);
	CHECK(!memcmp(before.st, cpu->fpu.st, sizeof(before.st)));
	CHECK(!memcmp(before.xmm, cpu->fpu.xmm, sizeof(before.xmm)));
	CHECK(before.full == cpu->fpu.full && before.top == cpu->fpu.top);
	CHECK(before.mxcsr == cpu->fpu.mxcsr);
	CHECK(!memcmp(r, cpu->r, sizeof(r)));
}

static void refused(const struct test_sse_form *f)
{
	uint32_t attr = f->row->attr;
	struct vmi_op op = prepare(f);

	cpu->cr0 |= VMI_CR0_TS;
	faults(&op, VMI_NM);
	cpu->cr0 |= VMI_CR0_EM;
	faults(&op, VMI_UD);
	op = prepare(f);
	cpu->fpu.status = 0x8084; /* ZE, unmasked */
	cpu->fpu.control = 0x37b;
	if (attr & VMI_A_MMXOP)
		faults(&op, VMI_MF);
	else
		CHECK(test_sse_execute(&op) == 0);
	op = prepare(f);
	cpu->cr4 &= ~VMI_CR4_OSFXSR;
	cpu->cr0 |= VMI_CR0_TS;
	faults(&op, attr & VMI_A_SSEOP ? VMI_UD : VMI_NM);
}

static unsigned memory_bytes(const struct test_sse_form *f)
{
	struct test_sse_case c;
	struct vmi_insn insn;
	unsigned n;

	test_sse_make(&c, f);
	if (vmi_decode(c.code, c.len, 64, &insn))
		return 0;
	for (n = 0; n < 2; n++) {
		if (vmi_operands[insn.row->op[n]].kind != VMI_OPK_XMM &&
			vmi_operands[insn.row->op[n]].kind != VMI_OPK_MM &&
			vmi_operands[insn.row->op[n]].kind != VMI_OPK_REG)
			return vmi_operand_bytes(&insn, n);
	}
	return 0;
}

/* The operand ends `over` bytes in a page without rights. */
static void crosses(const struct test_sse_form *f)
{
	unsigned bytes = memory_bytes(f), over, n, got;
	struct vmi_op op;

	for (over = 1; over <= bytes; over++) {
		op = prepare(f);
		cpu->r[VMI_RSI] = TEST_SSE_BASE + 4096 - bytes + over;
		test_sse_readable[1] = test_sse_writable[1] = false;
		memset(test_sse_memory, 0x5a, sizeof(test_sse_memory));
		if ((f->row->attr & VMI_A_AL16) && over != bytes) {
			faults(&op, VMI_GP);
			continue;
		}
		faults(&op, VMI_PF);
		CHECK(test_sse_cr2 == TEST_SSE_BASE + 4096);
		for (n = got = 0; n < sizeof(test_sse_memory); n++)
			got |= test_sse_memory[n] ^ 0x5a;
		CHECK(!got);
	}
	op = prepare(f);
	cpu->r[VMI_RSI] = TEST_SSE_BASE + 8;
	got = test_sse_execute(&op);
	CHECK(got == (f->row->attr & VMI_A_AL16 ? VMI_GP : 0));
}

static void test_faults(void)
{
	size_t count = test_sse_forms(forms, MAX_FORMS), i;

	for (i = 0; i < count; i++) {
		if (forms[i].row->exec == VMI_EXEC_movnti)
			continue;
		refused(&forms[i]);
		if (forms[i].memory && forms[i].row->exec != VMI_EXEC_emms)
			crosses(&forms[i]);
	}
	CHECK(count > 1000);
}

/* -- Unmasked exceptions ------------------------------------------------ */

/* divps xmm0, xmm1, lanes from the top: 1/3, -/0, -/denormal, 1/1. */
static void test_unmasked(void)
{
	static const uint8_t divps[] = { 0x0f, 0x5e, 0xc1 };
	struct vmi_op op = operation(divps, 3);

	about = "divps";
	test_sse_reset(false);
	cpu->fpu.xmm[0] = vmi_simd_pair(0x3f8000003f800000,
		0x3f8000003f800000);
	cpu->fpu.xmm[1] = vmi_simd_pair(0x000000013f800000,
		0x4040000000000000);
	cpu->fpu.mxcsr = 0x1f80;
	CHECK(test_sse_execute(&op) == 0);
	CHECK(cpu->fpu.mxcsr == 0x1fae); /* PE OE ZE DE */
	CHECK(cpu->fpu.xmm[0].q[0] == 0x7f8000003f800000);
	CHECK(cpu->fpu.xmm[0].q[1] == 0x3eaaaaab7f800000);
	/* ZE unmasked: what comes after the computation is not reported. */
	cpu->fpu.xmm[0] = vmi_simd_pair(0x3f8000003f800000,
		0x3f8000003f800000);
	cpu->fpu.mxcsr = 0x1d80;
	CHECK(test_sse_execute(&op) == VMI_XM);
	CHECK(cpu->fpu.mxcsr == 0x1d86);
	CHECK(cpu->fpu.xmm[0].q[0] == 0x3f8000003f800000);
	cpu->cr4 &= ~VMI_CR4_OSXMMEXCPT;
	CHECK(test_sse_execute(&op) == VMI_UD);
	cpu->fpu.mxcsr = 0x0f80; /* PE unmasked: all of them */
	CHECK(test_sse_execute(&op) == VMI_UD);
	CHECK(cpu->fpu.mxcsr == 0x0fae);
	CHECK(cpu->fpu.xmm[0].q[1] == 0x3f8000003f800000);
}

/* -- Masked stores ------------------------------------------------------ */

/* maskmovdqu xmm0, xmm1, eight bytes on each side of a page's end. */
static void test_masked(void)
{
	static const uint8_t code[] = { 0x66, 0x0f, 0xf7, 0xc1 };
	struct vmi_op op = operation(code, 4);
	uint8_t *at = test_sse_memory + 4096 - 8;

	about = "maskmovdqu";
	test_sse_reset(false);
	test_sse_writable[1] = false;
	memset(test_sse_memory, 0, sizeof(test_sse_memory));
	cpu->r[VMI_RDI] = TEST_SSE_BASE + 4096 - 8;
	cpu->fpu.xmm[0] = vmi_simd_pair(0x1716151413121110,
		0x1f1e1d1c1b1a1918);
	cpu->fpu.xmm[1] = vmi_simd_pair(~0ull, 0x80ull << 56);
	faults(&op, VMI_PF);
	CHECK(test_sse_cr2 == TEST_SSE_BASE + 4096 + 7);
	CHECK(get(at, 8) == 0);
	cpu->fpu.xmm[1] = vmi_simd_pair(0x80007f00000000ff, 0x7f);
	CHECK(test_sse_execute(&op) == 0);
	CHECK(get(at, 8) == 0x1700000000000010);
	test_sse_writable[1] = true;
	cpu->fpu.xmm[1] = vmi_simd_pair(0, 0x80ull << 56);
	CHECK(test_sse_execute(&op) == 0);
	CHECK(get(at + 8, 8) == 0x1f00000000000000);
}

/* -- MMX ---------------------------------------------------------------- */

static void test_mmx(void)
{
	static const uint8_t load[] = { 0x0f, 0x6f, 0x16 };
	static const uint8_t store[] = { 0x0f, 0x7f, 0x16 };
	static const uint8_t emms[] = { 0x0f, 0x77 };
	struct vmi_op op = operation(load, 3);

	about = "mmx";
	test_sse_reset(true);
	cpu->r[VMI_RSI] = TEST_SSE_BASE;
	cpu->fpu.top = 3;
	put(test_sse_memory, 0x8877665544332211, 8);
	CHECK(test_sse_execute(&op) == 0);
	CHECK(cpu->fpu.top == 0 && cpu->fpu.full == 0xff);
	CHECK(cpu->fpu.st[2].man == 0x8877665544332211);
	CHECK(cpu->fpu.st[2].se == 0xffff && cpu->fpu.st[1].se == 0);
	op = operation(store, 3);
	cpu->fpu.top = 3;
	cpu->fpu.full = 0;
	cpu->r[VMI_RSI] += 64;
	CHECK(test_sse_execute(&op) == 0);
	CHECK(get(test_sse_memory + 64, 8) == 0x8877665544332211);
	CHECK(cpu->fpu.top == 0 && cpu->fpu.full == 0xff);
	op = operation(emms, 2);
	CHECK(test_sse_execute(&op) == 0);
	CHECK(cpu->fpu.full == 0);
}

/* -- FXSAVE ------------------------------------------------------------- */

/* 0F AE /digit [rsi], REX.W or not. */
static unsigned area_op(unsigned digit, bool wide, uint64_t at)
{
	uint8_t code[] = { 0x48, 0x0f, 0xae, (uint8_t)(digit << 3 | 6) };
	struct vmi_op op = wide ? operation(code, 4) : operation(code + 1, 3);

	cpu->r[VMI_RSI] = TEST_SSE_BASE + at;
	return test_sse_execute(&op);
}

enum { FXSAVE, FXRSTOR, LDMXCSR, STMXCSR, XSAVE, XRSTOR, XSAVEOPT };

static void random_state(void)
{
	struct vmi_fpu *f = &cpu->fpu;
	unsigned n;

	for (n = 0; n < 8; n++) {
		f->st[n].man = test_sse_random() | 1ull << 63;
		f->st[n].se = 0x4000 + (test_sse_random() & 0xff);
	}
	for (n = 0; n < 16; n++)
		f->xmm[n] = vmi_simd_pair(test_sse_random(),
			test_sse_random());
	f->top = test_sse_random() & 7;
	f->full = 0x7d;
	f->control = 0x27f;
	f->status = 0x4701;
	f->opcode = 0x123;
	f->ip = 0xffff800012345678;
	f->dp = 0x00007fff87654321;
	f->cs = 0x33;
	f->ds = 0x2b;
	f->mxcsr = 0xffbf;
}

static bool same_state(const struct vmi_fpu *x, const struct vmi_fpu *y,
	bool wide)
{
	uint64_t mask = wide ? ~0ull : 0xffffffff;
	unsigned n;

	for (n = 0; n < 8; n++) {
		if (x->st[n].man != y->st[n].man || x->st[n].se != y->st[n].se)
			return false;
	}
	return !memcmp(x->xmm, y->xmm, sizeof(x->xmm)) &&
		x->control == y->control && x->status == y->status &&
		x->full == y->full && x->top == y->top &&
		x->opcode == y->opcode && (x->ip & mask) == y->ip &&
		(x->dp & mask) == y->dp && (wide || (x->cs == y->cs &&
		x->ds == y->ds)) && x->mxcsr == y->mxcsr;
}

static void round_trip(unsigned save, unsigned restore, bool wide)
{
	struct vmi_fpu before;

	test_sse_reset(wide);
	random_state();
	before = cpu->fpu;
	cpu->r[VMI_RAX] = 3;
	memset(test_sse_memory, 0, 1024);
	CHECK(area_op(save, wide, 64) == 0);
	CHECK(get(test_sse_memory + 64 + 28, 4) == 0xffff);
	CHECK(test_sse_memory[64 + 4] == 0x7d);
	memset(&cpu->fpu, 0, sizeof(cpu->fpu));
	CHECK(area_op(restore, wide, 64) == 0);
	CHECK(same_state(&before, &cpu->fpu, wide));
}

static void test_fxsave(void)
{
	unsigned n, touched;

	about = "fxsave";
	round_trip(FXSAVE, FXRSTOR, false);
	round_trip(FXSAVE, FXRSTOR, true);
	random_state();
	CHECK(area_op(FXSAVE, false, 72) == VMI_GP);
	memset(test_sse_memory, 0x5a, 1024);
	CHECK(area_op(FXSAVE, false, 80) == 0);
	for (n = touched = 0; n < 96; n++)
		touched |= test_sse_memory[80 + 416 + n] ^ 0x5a;
	CHECK(!touched);
	put(test_sse_memory + 80 + 24, 0x11f80, 4);
	CHECK(area_op(FXRSTOR, false, 80) == VMI_GP);
	CHECK(cpu->fpu.mxcsr == 0xffbf);
	test_sse_writable[1] = false;
	CHECK(area_op(FXSAVE, false, 4096 - 256) == VMI_PF);
	CHECK(test_sse_memory[4096 - 256] == 0);
	cpu->cr0 |= VMI_CR0_TS;
	CHECK(area_op(FXSAVE, false, 80) == VMI_NM);
}

/* XMM8 to 15 are not there outside 64-bit mode. */
static void test_narrow(void)
{
	struct vmi_xmm eighth;

	about = "fxrstor in 32-bit mode";
	test_sse_reset(false);
	random_state();
	eighth = cpu->fpu.xmm[8];
	cpu->mode = 32;
	memset(test_sse_memory, 0, 1024);
	CHECK(area_op(FXSAVE, false, 0) == 0);
	CHECK(get(test_sse_memory + 160 + 112, 8) == cpu->fpu.xmm[7].q[0]);
	CHECK(get(test_sse_memory + 160 + 128, 8) == 0);
	CHECK(area_op(FXRSTOR, false, 0) == 0);
	CHECK(cpu->fpu.xmm[8].q[0] == eighth.q[0]);
}

/* -- XSAVE -------------------------------------------------------------- */

static void test_xsave_header(void)
{
	about = "xrstor";
	test_sse_reset(false);
	random_state();
	cpu->r[VMI_RAX] = ~0ull;
	memset(test_sse_memory, 0, 1024);
	put(test_sse_memory + 512, 0xf0, 8); /* kept: not requested */
	CHECK(area_op(XSAVE, true, 0) == 0);
	CHECK(get(test_sse_memory + 512, 8) == 0xf3);
	CHECK(area_op(XRSTOR, true, 0) == VMI_GP);
	put(test_sse_memory + 512, 3, 8);
	put(test_sse_memory + 520, 1ull << 63, 8);
	CHECK(area_op(XRSTOR, true, 0) == VMI_GP);
	put(test_sse_memory + 520, 0, 8);
	put(test_sse_memory + 528, 1, 8);
	CHECK(area_op(XRSTOR, true, 0) == VMI_GP);
	put(test_sse_memory + 528, 0, 8);
	put(test_sse_memory + 26, 1, 1);
	CHECK(area_op(XRSTOR, true, 0) == VMI_GP);
	cpu->r[VMI_RAX] = 1; /* MXCSR is not looked at then */
	CHECK(area_op(XRSTOR, true, 0) == 0);
	CHECK(area_op(XRSTOR, true, 16) == VMI_GP);
	cpu->cr0 |= VMI_CR0_TS;
	CHECK(area_op(XSAVEOPT, true, 0) == VMI_NM);
	cpu->cr4 &= ~VMI_CR4_OSXSAVE;
	CHECK(area_op(XSAVE, true, 0) == VMI_UD);
}

static void test_xsave_parts(void)
{
	struct vmi_fpu before;

	about = "xsave of parts";
	test_sse_reset(true);
	random_state();
	before = cpu->fpu;
	memset(test_sse_memory, 0x77, 512);
	memset(test_sse_memory + 512, 0, 64);
	cpu->r[VMI_RAX] = 2;
	CHECK(area_op(XSAVE, false, 0) == 0);
	CHECK(get(test_sse_memory, 8) == 0x7777777777777777);
	CHECK(get(test_sse_memory + 160, 8) == before.xmm[0].q[0]);
	CHECK(get(test_sse_memory + 512, 8) == 2);
	/* Absent: x87 as after FNINIT; MXCSR is loaded all the same. */
	put(test_sse_memory + 512, 0, 8);
	put(test_sse_memory + 24, 0x1fa0, 4);
	cpu->r[VMI_RAX] = 3;
	CHECK(area_op(XRSTOR, false, 0) == 0);
	CHECK(cpu->fpu.control == 0x37f && cpu->fpu.full == 0);
	CHECK(cpu->fpu.st[3].man == 0 && cpu->fpu.xmm[5].q[1] == 0);
	CHECK(cpu->fpu.mxcsr == 0x1fa0);
	cpu->xcr0 = 1;
	random_state();
	put(test_sse_memory + 512, 0, 8);
	CHECK(area_op(XRSTOR, false, 0) == 0);
	CHECK(cpu->fpu.xmm[5].q[1] != 0 && cpu->fpu.control == 0x37f);
}

static void test_host_area(void)
{
	uint8_t area[VMI_XSAVE_BYTES];
	struct vmi_fpu before;

	about = "vmi_xsave_set";
	test_sse_reset(false);
	random_state();
	before = cpu->fpu;
	vmi_xsave_get(cpu, area);
	memset(&cpu->fpu, 0, sizeof(cpu->fpu));
	CHECK(vmi_xsave_set(cpu, area, sizeof(area)) == 0);
	before.cs = before.ds = 0;
	CHECK(same_state(&before, &cpu->fpu, true));
	memset(&cpu->fpu, 0, sizeof(cpu->fpu));
	CHECK(vmi_xsave_set(cpu, area, 512) == 0);
	CHECK(same_state(&before, &cpu->fpu, true));
	CHECK(vmi_xsave_set(cpu, area, 511) == -EINVAL);
	area[512] = 7;
	CHECK(vmi_xsave_set(cpu, area, sizeof(area)) == -EINVAL);
	area[512] = 3;
	area[527] = 0x80;
	CHECK(vmi_xsave_set(cpu, area, sizeof(area)) == -EINVAL);
	area[527] = 0;
	area[26] = 1;
	CHECK(vmi_xsave_set(cpu, area, sizeof(area)) == -EINVAL);
	CHECK(same_state(&before, &cpu->fpu, true));
}

static void test_mxcsr(void)
{
	about = "ldmxcsr";
	test_sse_reset(false);
	memset(test_sse_memory, 0, 64);
	put(test_sse_memory + 5, 0x10000, 4);
	CHECK(area_op(LDMXCSR, false, 5) == VMI_GP);
	put(test_sse_memory + 5, 0xffff, 4);
	CHECK(area_op(LDMXCSR, false, 5) == 0);
	CHECK(cpu->fpu.mxcsr == 0xffff);
	CHECK(area_op(STMXCSR, false, 32) == 0);
	CHECK(get(test_sse_memory + 32, 8) == 0xffff);
}

int main(void)
{
	test_faults();
	test_unmasked();
	test_masked();
	test_mmx();
	test_fxsave();
	test_narrow();
	about = "xsave";
	round_trip(XSAVE, XRSTOR, false);
	round_trip(XSAVEOPT, XRSTOR, true);
	test_xsave_header();
	test_xsave_parts();
	test_host_area();
	test_mxcsr();
	printf("%u checks, %u failed\n", checks, failures);
	return failures ? 1 : 0;
}
