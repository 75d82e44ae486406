/* SPDX-License-Identifier: MIT */
/*
 * Operand forms of decoded instructions, and helpers whose order of checks
 * and writes matters: locks, stacks, near branches, far bits, exchanges.
 */
#include "lib/soft/value.h"
#include "tests/soft/int_stub.h"

#define CPU (&stub.cpu)

static unsigned checks;

static void equal(const char *what, uint64_t got, uint64_t want)
{
	checks++;
	if (got != want)
		stub_fail(what, got, want);
}

/* -- Forms -------------------------------------------------------------- */

struct form_case {
	const char *bytes;
	unsigned n, mode, form, size;
	uint64_t imm;
};

static const struct form_case forms[] = {
	{ "\x00\x08", 2, 32, VMI_FORM_EG, 1, 0 },
	{ "\x03\x08", 2, 32, VMI_FORM_GE, 4, 0 },
	{ "\x04\x7f", 2, 32, VMI_FORM_ZI, 1, 0x7f },
	{ "\x83\x00\xff", 3, 64, VMI_FORM_EI, 4, ~0ull },
	{ "\xff\x00", 2, 16, VMI_FORM_E, 2, 0 },
	{ "\x40", 1, 32, VMI_FORM_Z, 4, 0 },
	{ "\xd1\x20", 2, 32, VMI_FORM_E1, 4, 1 },
	{ "\xd2\x20", 2, 32, VMI_FORM_ECL, 1, 0 },
	{ "\x6b\xc1\x05", 3, 32, VMI_FORM_GEI, 4, 5 },
	{ "\x0f\xa4\xc1\x05", 4, 32, VMI_FORM_EGI, 4, 5 },
	{ "\x0f\xa5\xc1", 3, 32, VMI_FORM_EGCL, 4, 0 },
	{ "\x91", 1, 32, VMI_FORM_ZA, 4, 0 },
	{ "\x6a\x05", 2, 64, VMI_FORM_I, 8, 5 },
	{ "\x6a\x05", 2, 16, VMI_FORM_I, 2, 5 },
	{ "\xc2\x08\x00", 3, 32, VMI_FORM_I, 4, 8 },
	{ "\xc3", 1, 64, VMI_FORM_NONE, 8, 0 },
	{ "\x75\xfe", 2, 32, VMI_FORM_I, 4, 0xffffffffffffffe5ull },
	{ "\x0f\x94\xc0", 3, 32, VMI_FORM_E, 1, 4 },
	{ "\x0f\x4c\xc0", 3, 32, VMI_FORM_GE, 4, 12 },
	{ "\x0f\xb6\xc0", 3, 32, VMI_FORM_GE, 4, 1 },
	{ "\x0f\xbf\xc0", 3, 32, VMI_FORM_GE, 4, 2 },
	{ "\xf2\x0f\x38\xf1\xc1", 5, 32, 0, 4, 4 },
	{ "\x66\x0f\x38\xf1\x01", 5, 32, VMI_FORM_EG, 2, 0 },
	{ "\x0f\x38\xf0\x01", 4, 32, VMI_FORM_GE, 4, 0 },
	{ "\xe4\x60", 2, 32, VMI_FORM_ZI, 1, 0x60 },
	{ "\xe7\x60", 2, 32, VMI_FORM_ZI, 4, 0x60 },
	{ "\xed", 1, 32, VMI_FORM_ZD, 4, 0 },
	{ "\xee", 1, 32, VMI_FORM_ZD, 1, 0 },
	{ "\x6e", 1, 32, 0, 1, 0 },
	{ "\xc8\x10\x00\x03", 4, 32, 0, 4, 3 << 16 | 0x10 },
	{ "\xe2\xfe", 2, 32, 0, 4, ~1ull },
	{ "\xa1\x00\x10\x00\x00", 5, 32, VMI_FORM_GE, 4, 0 },
	{ "\xa2\x00\x10\x00\x00", 5, 32, VMI_FORM_EG, 1, 0 },
	{ "\x98", 1, 32, VMI_FORM_NONE, 4, 0 },
	{ "\x06", 1, 32, 0, 4, 0 },
	{ "\x0f\xa1", 2, 64, 0, 8, 0 },
	{ "\x9a\x00\x10\x08\x00", 5, 16, 0, 2, 0x1000 },
	{ "\xff\x18", 2, 16, 0, 2, 0 },
	{ "\xff\x28", 2, 32, 0, 4, 0 },
	{ "\xca\x08\x00", 3, 32, 0, 4, 8 },
	{ "\x8f\x00", 2, 64, VMI_FORM_E, 8, 0 },
};

static void check_forms(void)
{
	const struct form_case *f;
	struct vmi_insn insn;
	unsigned i;

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		f = &forms[i];
		if (vmi_decode((const uint8_t *)f->bytes, f->n, f->mode,
			&insn)) {
			stub_fail("does not decode", i, 0);
			continue;
		}
		equal("form", vmi_form_of(&insn) | i << 8, f->form | i << 8);
		equal("size", vmi_form_bytes(&insn) | i << 8,
			f->size | i << 8);
		equal("immediate", vmi_form_imm(&insn), f->imm);
	}
}

/* -- Operands ----------------------------------------------------------- */

/* A helper with an operand in memory at `at`. */
static int run_memory(vmi_helper *helper, uint64_t at, unsigned log2,
	unsigned form)
{
	stub.op.bits |= VMI_OPF_MEM;
	stub.op.base = VMI_R_T0;
	stub.op.index = VMI_R_ZERO;
	stub.op.scale = (uint8_t)(form << 2);
	stub.op.size = (uint8_t)(log2 | (stub.cpu.mode == 64 ? 3 : 2) << 4);
	stub.cpu.r[VMI_R_T0] = at;
	return stub_run(helper);
}

static int run_plain(vmi_helper *helper, unsigned log2, unsigned form)
{
	stub.op.scale = (uint8_t)(form << 2);
	stub.op.size = (uint8_t)(log2 | (stub.cpu.mode == 64 ? 3 :
		stub.cpu.mode == 32 ? 2 : 1) << 4);
	return stub_run(helper);
}

static uint64_t peek(uint64_t at, unsigned bytes)
{
	return vmi_read(CPU, at, bytes);
}

/* Another processor flips bit 0 between the read and the swap. */
static void contended(uint64_t value)
{
	stub_reset(64);
	stub.op.bits |= VMI_OPF_LOCK;
	stub.events_after = ~0u;
	vmi_write(CPU, 0x3000, value, 8);
}

static void locks(void)
{
	contended(10);
	stub.op.imm = 5;
	run_memory(vmi_do_add, 0x3000, 2, VMI_FORM_EI);
	equal("lock add", peek(0x3000, 8), 16);
	contended(0xff);
	run_memory(vmi_do_inc, 0x3000, 0, VMI_FORM_E);
	equal("lock inc", peek(0x3000, 8), 0xff);
	equal("its ZF", vmi_flags(CPU) & VMI_FLAG_ZF, 0);
	contended(7);
	stub.op.reg = VMI_RCX;
	stub.cpu.r[VMI_RCX] = 3;
	run_memory(vmi_do_xadd, 0x3000, 3, VMI_FORM_EG);
	equal("lock xadd", peek(0x3000, 8), 9);
	equal("its register", stub.cpu.r[VMI_RCX], 6);
	contended(0x55);
	stub.op.bits &= (uint8_t)~VMI_OPF_LOCK;
	stub.op.reg = VMI_RCX;
	stub.cpu.r[VMI_RCX] = 0xffffffff00000001ull;
	run_memory(vmi_do_xchg, 0x3000, 2, VMI_FORM_EG);
	equal("xchg locks by itself", stub.cpu.r[VMI_RCX], 0x54);
	contended(0);
	stub.op.imm = 0;
	run_memory(vmi_do_bts, 0x3000, 2, VMI_FORM_EI);
	equal("lock bts", peek(0x3000, 4), 1);
	equal("its CF", vmi_flags(CPU) & VMI_FLAG_CF, VMI_FLAG_CF);
	contended(0x100000002ull);
	stub.cpu.r[VMI_RDX] = 1;
	stub.cpu.r[VMI_RAX] = 2;
	run_memory(vmi_do_cmpxchg8b, 0x3000, 3, 0);
	equal("lock cmpxchg8b that lost", stub.cpu.r[VMI_RAX], 3);
	equal("its ZF", vmi_flags(CPU) & VMI_FLAG_ZF, 0);
	contended(1);
	stub.page[3] = STUB_WATCHED;
	stub.accesses = 0;
	stub.op.imm = 1;
	run_memory(vmi_do_or, 0x3000, 2, VMI_FORM_EI);
	equal("a device is read and written once", stub.accesses, 2);
}

static void exchanges(void)
{
	stub_reset(64);
	stub.op.reg = stub.op.base = VMI_RCX;
	stub.cpu.r[VMI_RCX] = 0x81;
	run_plain(vmi_do_xadd, 0, VMI_FORM_EG);
	equal("xadd cl, cl", stub.cpu.r[VMI_RCX], 2);
	stub_reset(64);
	stub.op.reg = VMI_RBX;
	stub.cpu.r[VMI_RAX] = 0xffffffff00000001ull;
	vmi_write(CPU, 0x3000, 2, 4);
	stub.accesses = 0;
	run_memory(vmi_do_cmpxchg, 0x3000, 2, VMI_FORM_EG);
	equal("cmpxchg that differs", stub.cpu.r[VMI_RAX], 2);
	equal("it writes all the same", stub.accesses, 2);
	equal("its flags", vmi_flags(CPU), VMI_FLAG_CF | VMI_FLAG_AF |
		VMI_FLAG_SF | VMI_FLAG_PF);
	stub.cpu.r[VMI_RAX] = 0xffffffff00000002ull;
	stub.cpu.r[VMI_RBX] = 9;
	run_memory(vmi_do_cmpxchg, 0x3000, 2, VMI_FORM_EG);
	equal("cmpxchg that is equal leaves rax", stub.cpu.r[VMI_RAX],
		0xffffffff00000002ull);
	equal("and stores", peek(0x3000, 4), 9);
	stub_reset(64);
	equal("cmpxchg16b unaligned", (uint64_t)run_memory(
		vmi_do_cmpxchg16b, 0x3008, 4, 0), STUB_FAULT);
	stub.cpu.r[VMI_RBX] = 0x11;
	stub.cpu.r[VMI_RCX] = 0x22;
	vmi_write(CPU, 0x3010, 0, 8);
	vmi_write(CPU, 0x3018, 0, 8);
	run_memory(vmi_do_cmpxchg16b, 0x3010, 4, 0);
	equal("cmpxchg16b low", peek(0x3010, 8), 0x11);
	equal("cmpxchg16b high", peek(0x3018, 8), 0x22);
	stub.page[3] = STUB_CODE;
	run_memory(vmi_do_cmpxchg16b, 0x3010, 4, 0);
	equal("cmpxchg16b that differs", stub.cpu.r[VMI_RDX], 0x22);
}

/* -- Bits far away ------------------------------------------------------ */

static void far_bits(void)
{
	stub_reset(64);
	stub.op.reg = VMI_RCX;
	vmi_write(CPU, 0x2ffc, 0, 4);
	stub.cpu.r[VMI_RCX] = 0xffffffffull; /* -1 */
	run_memory(vmi_do_bts, 0x3000, 2, VMI_FORM_EG);
	equal("bts at -1", peek(0x2ffc, 4), 0x80000000);
	equal("and at no other address", stub.written, 0x2ffc);
	vmi_write(CPU, 0x5000, 0, 8);
	stub.cpu.r[VMI_RCX] = 0x2000 * 8 + 13;
	run_memory(vmi_do_btc, 0x3000, 3, VMI_FORM_EG);
	equal("btc far up", peek(0x5000, 8), 0x2000);
	vmi_write(CPU, 0x2000, 0xff, 2);
	stub.cpu.r[VMI_RCX] = (0 - 0x1000ull) * 8 + 3;
	run_memory(vmi_do_btr, 0x3000, 1, VMI_FORM_EG);
	equal("btr far down", peek(0x2000, 2), 0xf7);
	equal("its CF", vmi_flags(CPU) & VMI_FLAG_CF, VMI_FLAG_CF);
	stub_reset(16);
	stub.op.reg = VMI_RCX;
	stub.cpu.seg[VMI_DS].limit = 0xffff;
	stub.cpu.r[VMI_R_SEG + VMI_DS] = 0x1000;
	stub.op.bits |= VMI_OPF_MEM;
	stub.op.base = VMI_R_T0;
	stub.op.size = 1 | 1 << 4;
	stub.cpu.r[VMI_R_T0] = 0x1000;
	stub.cpu.r[VMI_RCX] = 0xffff;
	vmi_write(CPU, 0x10ffe, 0, 2);
	stub_run(vmi_do_bts);
	equal("bts wraps in 16 bits", peek(0x10ffe, 2), 0x8000);
}

/* -- Stacks ------------------------------------------------------------- */

static void stacks(void)
{
	unsigned i;

	stub_reset(32);
	stub.cpu.r[VMI_RSP] = 0x4000;
	stub.op.reg = VMI_RSP;
	run_plain(vmi_do_push, 2, VMI_FORM_Z);
	equal("push esp", peek(0x3ffc, 4), 0x4000);
	run_plain(vmi_do_pop, 2, VMI_FORM_Z);
	equal("pop esp", stub.cpu.r[VMI_RSP], 0x4000);
	stub.page[8] = STUB_ABSENT;
	equal("pop into an absent page", (uint64_t)run_memory(vmi_do_pop,
		0x8000, 2, VMI_FORM_E), STUB_FAULT);
	equal("leaves esp", stub.cpu.r[VMI_RSP], 0x4000);
	stub_reset(16);
	stub.cpu.seg[VMI_SS].limit = 0xffff;
	stub.cpu.r[VMI_RSP] = 0xabcd0006;
	for (i = 0; i < 8; i++) {
		if (i != VMI_RSP)
			stub.cpu.r[i] = 0x1110 + i;
	}
	run_plain(vmi_do_pusha, 1, 0);
	equal("pusha wraps", stub.cpu.r[VMI_RSP], 0xabcdfff6);
	equal("pusha's sp", peek(0xfffc, 2), 0x0006);
	equal("pusha's di", peek(0xfff6, 2), 0x1117);
	for (i = 0; i < 8; i++) {
		if (i != VMI_RSP)
			stub.cpu.r[i] = 0;
	}
	run_plain(vmi_do_popa, 1, 0);
	equal("popa's ax", stub.cpu.r[VMI_RAX], 0x1110);
	equal("popa's sp", stub.cpu.r[VMI_RSP], 0xabcd0006);
	stub_reset(32);
	stub.page[3] = STUB_ABSENT;
	stub.cpu.r[VMI_RSP] = 0x4008;
	vmi_write(CPU, 0x4000, 0x55, 4);
	equal("pusha into an absent page", (uint64_t)run_plain(vmi_do_pusha,
		2, 0), STUB_FAULT);
	equal("writes nothing", peek(0x4000, 4), 0x55);
	equal("leaves esp", stub.cpu.r[VMI_RSP], 0x4008);
}

static void frames(void)
{
	stub_reset(64);
	stub.cpu.r[VMI_RSP] = 0x6000;
	stub.cpu.r[VMI_RBP] = 0x7000;
	vmi_write(CPU, 0x6ff8, 0xaaa, 8);
	vmi_write(CPU, 0x6ff0, 0xbbb, 8);
	stub.op.imm = 3 << 16 | 0x20;
	run_plain(vmi_do_enter, 3, 0);
	equal("enter's rbp", stub.cpu.r[VMI_RBP], 0x5ff8);
	equal("enter's rsp", stub.cpu.r[VMI_RSP], 0x6000 - 4 * 8 - 0x20);
	equal("old rbp", peek(0x5ff8, 8), 0x7000);
	equal("first copy", peek(0x5ff0, 8), 0xaaa);
	equal("second copy", peek(0x5fe8, 8), 0xbbb);
	equal("own frame", peek(0x5fe0, 8), 0x5ff8);
	run_plain(vmi_do_leave, 3, 0);
	equal("leave's rsp", stub.cpu.r[VMI_RSP], 0x6000);
	equal("leave's rbp", stub.cpu.r[VMI_RBP], 0x7000);
	stub.page[4] = STUB_ABSENT;
	stub.op.imm = 0x1000;
	vmi_write(CPU, 0x5ff8, 1, 8);
	equal("enter that reaches too far", (uint64_t)run_plain(
		vmi_do_enter, 3, 0), STUB_FAULT);
	equal("pushes nothing", peek(0x5ff8, 8), 1);
	equal("leaves rsp", stub.cpu.r[VMI_RSP], 0x6000);
}

/* -- Branches ----------------------------------------------------------- */

static void branches(void)
{
	stub_reset(16);
	stub.cpu.seg[VMI_CS].limit = 0xfff0;
	stub.cpu.seg[VMI_SS].limit = 0xffff;
	stub.cpu.r[VMI_RSP] = 0x4000;
	stub.cpu.rip = 0x10;
	stub.op.imm = 0 - 0x18ull;
	equal("call past the limit", (uint64_t)run_plain(vmi_do_call, 1,
		VMI_FORM_I), STUB_FAULT);
	equal("pushes nothing", stub.cpu.r[VMI_RSP], 0x4000);
	stub.op.imm = 0 - 0x20ull;
	run_plain(vmi_do_call, 1, VMI_FORM_I);
	equal("call wraps", stub.cpu.rip, 0xfff0);
	stub.op.imm = 4;
	run_plain(vmi_do_ret, 1, VMI_FORM_I);
	equal("ret", stub.cpu.rip, 0x10);
	equal("ret 4", stub.cpu.r[VMI_RSP], 0x4004);
	stub_reset(64);
	stub.op.base = VMI_RBX;
	stub.cpu.r[VMI_RBX] = 1ull << 47;
	equal("jmp to no address", (uint64_t)run_plain(vmi_do_jmp, 3,
		VMI_FORM_E), STUB_FAULT);
	equal("is #GP", stub.cpu.fault.vector, VMI_GP);
	stub.cpu.rip = 0x1000;
	stub.op.imm = (0 - 5ull) << 4 | 4;
	vmi_flags_set(CPU, VMI_FLAG_ZF);
	run_plain(vmi_do_jcc, 3, VMI_FORM_I);
	equal("jz back", stub.cpu.rip, 0xffb);
	stub_reset(32);
	stub.cpu.r[VMI_RCX] = 1;
	stub.op.imm = 0x10;
	run_plain(vmi_do_loop, 2, 0);
	equal("loop falls through", stub.cpu.rip, 0);
	run_plain(vmi_do_jcxz, 2, 0);
	equal("jecxz", stub.cpu.rip, 0x10);
	run_plain(vmi_do_loopne, 2, 0);
	equal("loopne counts through 0", stub.cpu.r[VMI_RCX], 0xffffffff);
	equal("and jumps", stub.cpu.rip, 0x20);
	stub.cpu.seg[VMI_CS].limit = 0x20;
	equal("loop past the limit", (uint64_t)run_plain(vmi_do_loop, 2, 0),
		STUB_FAULT);
	equal("leaves ecx", stub.cpu.r[VMI_RCX], 0xffffffff);
}

/* -- The rest ----------------------------------------------------------- */

static void others(void)
{
	static const char digits[] = "123456789";
	unsigned i;

	stub_reset(64);
	stub.op.imm = 1;
	stub.op.base = VMI_RCX;
	stub.cpu.r[VMI_RAX] = 0xffffffffull;
	for (i = 0; i < 9; i++) {
		stub.cpu.r[VMI_RCX] = (uint8_t)digits[i];
		run_plain(vmi_do_crc32, 2, 0);
	}
	equal("crc32 of 123456789", stub.cpu.r[VMI_RAX] ^ 0xffffffff,
		0xe3069283);
	stub.op.reg = VMI_RAX;
	stub.cpu.r[VMI_RAX] = 0x1122334455667788ull;
	run_memory(vmi_do_movbe, 0x3000, 1, VMI_FORM_EG);
	equal("movbe", peek(0x3000, 2), 0x8877);
	stub_reset(32);
	stub.op.reg = VMI_RCX;
	vmi_write(CPU, 0x3000, 0xfffffffe, 4);
	vmi_write(CPU, 0x3004, 5, 4);
	stub.cpu.r[VMI_RCX] = 5;
	equal("bound", (uint64_t)run_memory(vmi_do_bound, 0x3000, 2, 0),
		STUB_DONE);
	stub.cpu.r[VMI_RCX] = 0xfffffffd;
	equal("below the bound", (uint64_t)run_memory(vmi_do_bound, 0x3000,
		2, 0), STUB_FAULT);
	equal("is #BR", stub.cpu.fault.vector, VMI_BR);
	stub_reset(16);
	vmi_write(CPU, 3, 0x77, 1);
	stub.cpu.r[VMI_RBX] = 0xfffe;
	stub.cpu.r[VMI_RAX] = 0x1205;
	run_plain(vmi_do_xlat, 1, 0);
	equal("xlat wraps", stub.cpu.r[VMI_RAX], 0x1277);
	stub.cpu.r[VMI_RAX] = 0xff00;
	vmi_flags_set(CPU, VMI_FLAG_OF);
	run_plain(vmi_do_sahf, 0, 0);
	equal("sahf", vmi_flags(CPU), VMI_FLAGS_ARITH);
	run_plain(vmi_do_lahf, 0, 0);
	equal("lahf", stub.cpu.r[VMI_RAX], 0xd700);
	stub_reset(64);
	stub.op.imm = 1;
	stub.op.base = VMI_RCX;
	stub.cpu.r[VMI_RCX] = 0x80;
	run_plain(vmi_do_movsx, 2, VMI_FORM_GE);
	equal("movsx eax, cl", stub.cpu.r[VMI_RAX], 0xffffff80);
	stub.cpu.r[VMI_RAX] = ~0ull;
	stub.op.imm = 4;
	run_plain(vmi_do_cmovcc, 2, VMI_FORM_GE);
	equal("cmov not taken", stub.cpu.r[VMI_RAX], 0xffffffff);
	stub.cpu.r[VMI_RAX] = 10;
	stub.cpu.r[VMI_RDX] = 10;
	equal("div that fits", (uint64_t)run_plain(vmi_do_div, 3, 0),
		STUB_DONE);
	stub.cpu.r[VMI_RDX] = 0x80;
	equal("div that overflows", (uint64_t)run_plain(vmi_do_div, 3, 0),
		STUB_FAULT);
	equal("leaves rdx", stub.cpu.r[VMI_RDX], 0x80);
}

int main(void)
{
	check_forms();
	locks();
	exchanges();
	far_bits();
	stacks();
	frames();
	branches();
	others();
	printf("%u checks, %u failures\n", checks, stub.failures);
	return stub.failures ? 1 : 0;
}
