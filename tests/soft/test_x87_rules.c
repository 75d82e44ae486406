/* SPDX-License-Identifier: MIT */
/*
 * The x87's rules that need no host to compare with: checks before anything
 * else, faults that change nothing, pointers, the layouts of images, and the
 * responses to exceptions.
 */
#include "lib/soft/x87.h"
#include "tests/soft/x87_soft.h"

#define CPU (&stub.cpu)
#define FPU (&stub.cpu.fpu)

static unsigned checks;

static void equal(const char *what, uint64_t got, uint64_t want)
{
	checks++;
	if (got != want)
		stub_fail(what, got, want);
}

/* Run "d9 e8" or the like. */
static int run(const char *bytes, unsigned len)
{
	vmi_helper *helper = x87_prepare((const uint8_t *)bytes, len);

	if (!helper) {
		stub_fail("decode", (uint8_t)bytes[0], 0);
		return -1;
	}
	CPU->r[VMI_R_BLOCK] = 0x12340;
	stub.op.ip = 5;
	return stub_run(helper);
}

#define RUN(bytes) run(bytes, sizeof(bytes) - 1)

static void fresh(unsigned mode)
{
	stub_reset(mode);
	memset(stub.memory, 0xaa, sizeof(stub.memory));
	RUN("\xdb\xe3");
}

static void put(unsigned at, uint64_t v, unsigned bytes)
{
	unsigned i;

	for (i = 0; i < bytes; i++)
		stub.memory[X87_AT + at + i] = (uint8_t)(v >> 8 * i);
}

static uint64_t get(unsigned at, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | stub.memory[X87_AT + at + bytes];
	return v;
}

/* -- Checks before anything else ----------------------------------------- */

static void raises(const char *what, int r, unsigned vector)
{
	equal(what, (unsigned)r, STUB_FAULT);
	equal(what, CPU->fault.vector, vector);
}

static void check_available(void)
{
	static const uint64_t bits[] = { VMI_CR0_EM, VMI_CR0_TS };
	unsigned i;

	for (i = 0; i < 2; i++) {
		fresh(32);
		FPU->status = 0x8081;
		CPU->cr0 |= bits[i];
		raises("nm fld1", RUN("\xd9\xe8"), VMI_NM);
		raises("nm fninit", RUN("\xdb\xe3"), VMI_NM);
		raises("nm fnclex", RUN("\xdb\xe2"), VMI_NM);
		raises("nm fneni", RUN("\xdb\xe0"), VMI_NM);
		raises("nm fnstsw", RUN("\xdf\xe0"), VMI_NM);
		raises("nm fnstcw", RUN("\xd9\x3b"), VMI_NM);
		raises("nm fnstenv", RUN("\xd9\x33"), VMI_NM);
		raises("nm fnsave", RUN("\xdd\x33"), VMI_NM);
		raises("nm frstor", RUN("\xdd\x23"), VMI_NM);
		raises("nm fldcw", RUN("\xd9\x2b"), VMI_NM);
		equal("nothing written", get(0, 8), 0xaaaaaaaaaaaaaaaaull);
	}
}

static void check_wait(void)
{
	fresh(32);
	equal("wait", (unsigned)RUN("\x9b"), STUB_DONE);
	CPU->cr0 |= VMI_CR0_TS | VMI_CR0_EM;
	equal("wait, TS", (unsigned)RUN("\x9b"), STUB_DONE);
	CPU->cr0 |= VMI_CR0_MP;
	raises("wait, TS and MP", RUN("\x9b"), VMI_NM);
	CPU->cr0 = VMI_CR0_PE | VMI_CR0_MP;
	equal("wait, MP", (unsigned)RUN("\x9b"), STUB_DONE);
	FPU->control = 0x37e;
	FPU->status = 0x8081;
	raises("wait, pending", RUN("\x9b"), VMI_MF);
}

static void check_pending(void)
{
	fresh(32);
	CPU->cr0 |= VMI_CR0_NE;
	put(0, 0x37e, 2);
	equal("fldcw", (unsigned)RUN("\xd9\x2b"), STUB_DONE);
	equal("fxch", (unsigned)RUN("\xd9\xc9"), STUB_DONE);
	equal("underflow pends", FPU->status, 0x80c1);
	raises("mf fld1", RUN("\xd9\xe8"), VMI_MF);
	raises("mf fnop", RUN("\xd9\xd0"), VMI_MF);
	raises("mf fincstp", RUN("\xd9\xf7"), VMI_MF);
	raises("mf ffree", RUN("\xdd\xc0"), VMI_MF);
	raises("mf fldcw", RUN("\xd9\x2b"), VMI_MF);
	raises("mf fldenv", RUN("\xd9\x23"), VMI_MF);
	raises("mf frstor", RUN("\xdd\x23"), VMI_MF);
	raises("mf fstp", RUN("\xd9\x1b"), VMI_MF);
	equal("fneni", (unsigned)RUN("\xdb\xe0"), STUB_DONE);
	equal("fnstsw", (unsigned)RUN("\xdf\xe0"), STUB_DONE);
	equal("ax", CPU->r[VMI_RAX], 0x80c1);
	equal("fnstcw", (unsigned)RUN("\xd9\x3b"), STUB_DONE);
	equal("control", get(0, 2), 0x37e);
	equal("fnstenv", (unsigned)RUN("\xd9\x33"), STUB_DONE);
	equal("its status", get(4, 4), 0xffff80c1);
	equal("masked after it", FPU->control, 0x37f);
	equal("so nothing pends", FPU->status, 0x41);
	FPU->control = 0x37e;
	FPU->status = 0x80c1;
	equal("fnclex", (unsigned)RUN("\xdb\xe2"), STUB_DONE);
	equal("clear", FPU->status, 0);
}

/* Unmasking what has happened makes it pend. */
static void check_unmasking(void)
{
	fresh(32);
	RUN("\xd9\xc9");
	equal("masked", FPU->status, 0x41);
	put(0, 0xffff & ~1u, 2);
	RUN("\xd9\x2b");
	equal("reserved bits", FPU->control, 0x1f7e);
	equal("unmasked", FPU->status, 0x80c1);
}

/* -- Faults change nothing ----------------------------------------------- */

static void faults(
	const char *what, const char *bytes, unsigned len, unsigned absent)
{
	vmi_helper *helper = x87_prepare((const uint8_t *)bytes, len);
	struct vmi_fpu was = *FPU;
	unsigned at;

	stub.page[3] = STUB_ABSENT;
	stub.op.disp = (int32_t)(0x3000 - absent);
	raises(what, stub_run(helper), VMI_PF);
	equal(what, memcmp(&was, FPU, sizeof(was)) != 0, 0);
	for (at = 0x3000 - absent; at < 0x3000; at++)
		equal(what, stub.memory[at], 0xaa);
}

#define FAULTS(bytes, before) faults(#bytes, bytes, sizeof(bytes) - 1, before)

static void check_faults(void)
{
	unsigned i;

	for (i = 0; i < 2; i++) {
		fresh(32);
		RUN("\xd9\xeb");
		RUN("\xd9\xe8");
		if (!i)
			FPU->full &= (uint8_t)~(1u << FPU->top); /* underflows */
		FAULTS("\xd9\x03", 2);			 /* fld m32 */
		FAULTS("\xdb\x2b", 9);			 /* fld m80 */
		FAULTS("\xdf\x23", 9);			 /* fbld */
		FAULTS("\xd8\x03", 2);			 /* fadd m32 */
		FAULTS("\xd8\x1b", 2);			 /* fcomp m32 */
		FAULTS("\xda\x33", 2);			 /* fidiv m32 */
		FAULTS("\xd9\x1b", 2);			 /* fstp m32 */
		FAULTS("\xdd\x1b", 2);			 /* fstp m64 */
		FAULTS("\xdb\x3b", 8);			 /* fstp m80 */
		FAULTS("\xdf\x33", 9);			 /* fbstp */
		FAULTS("\xdf\x3b", 4);			 /* fistp m64 */
		FAULTS("\xdd\x0b", 4);			 /* fisttp m64 */
		FAULTS("\xd9\x33", 27);			 /* fnstenv */
		FAULTS("\xd9\x23", 27);			 /* fldenv */
		FAULTS("\xdd\x33", 107);		 /* fnsave */
		FAULTS("\xdd\x23", 107);		 /* frstor */
		FAULTS("\x66\xdd\x33", 93);
		FAULTS("\xd9\x2b", 1); /* fldcw */
	}
}

/* -- Pointers ------------------------------------------------------------ */

static void check_pointers(void)
{
	fresh(32);
	CPU->seg[VMI_CS].selector = 0x33;
	CPU->seg[VMI_DS].selector = 0x2b;
	CPU->r[VMI_R_SEG + VMI_DS] = 0x500;
	RUN("\xd9\x03");
	equal("ip", FPU->ip, 0x12345);
	equal("cs", FPU->cs, 0x33);
	equal("dp", FPU->dp, X87_AT - 0x500);
	equal("ds", FPU->ds, 0x2b);
	equal("opcode", FPU->opcode, 0);
	FPU->ip = FPU->dp = 7;
	RUN("\xd9\xe8");
	equal("ip", FPU->ip, 0x12345);
	equal("dp of a register form", FPU->dp, 7);
	CPU->misc_enable |= 4;
	RUN("\xd9\xe0");
	equal("compatible opcode", FPU->opcode, 0x1e0);
	CPU->misc_enable = 0;
	FPU->control = 0x37e;
	RUN("\xd9\xca");
	equal("opcode of an exception", FPU->opcode, 0x1ca);
	RUN("\xdb\xe2");
	RUN("\xd9\xd0");
	equal("opcode stays", FPU->opcode, 0x1ca);
}

static void check_no_pointers(void)
{
	fresh(32);
	FPU->ip = 7;
	RUN("\x9b");
	RUN("\xdb\xe0");
	RUN("\xdb\xe2");
	RUN("\xd9\x3b");
	RUN("\xd9\x2b");
	RUN("\xdd\x3b");
	RUN("\xdf\xe0");
	RUN("\xd9\x33");
	equal("ip of control instructions", FPU->ip, 7);
	RUN("\xdb\xe3");
	equal("ip after fninit", FPU->ip, 0);
}

/* -- Images -------------------------------------------------------------- */

struct layout {
	const char *name;
	unsigned mode, word;
	uint64_t cr0, rflags;
	uint32_t want[7];
};

#define PE VMI_CR0_PE
#define VM VMI_FLAG_VM

static const struct layout layouts[] = {
	{ "protected 32", 32, 4, PE, 0,
		{ 0xffff037f, 0xffff3800, 0xffffbfff, 0x00045678, 0x01e81234,
			0x000abcde, 0xffff5678 } },
	{ "protected 16", 32, 2, PE, 0,
		{ 0x037f, 0x3800, 0xbfff, 0x5678, 0x1234, 0xbcde, 0x5678 } },
	{ "real 32", 16, 4, 0, 0,
		{ 0xffff037f, 0xffff3800, 0xffffbfff, 0xffff79b8, 0x000051e8,
			0xffff245e, 0x00010000 } },
	{ "real 16", 16, 2, 0, 0,
		{ 0x037f, 0x3800, 0xbfff, 0x79b8, 0x51e8, 0x245e, 0x0000 } },
	{ "virtual 16", 16, 2, PE, VM,
		{ 0x037f, 0x3800, 0xbfff, 0x79b8, 0x51e8, 0x245e, 0x0000 } },
};

/* The operand size that the image's words have, for 66 where needed. */
static int run_sized(const struct layout *l, unsigned opcode, unsigned digit)
{
	char bytes[4] = { 0x66, (char)opcode, 0, 0 };
	unsigned skip = l->mode == 8 * l->word;

	bytes[2] = (char)(digit << 3 | (l->mode == 16 ? 7 : 3));
	return run(bytes + skip, 3 - skip);
}

static void set_pointers(void)
{
	FPU->ip = 0x45678;
	FPU->cs = 0x1234;
	FPU->dp = 0xabcde;
	FPU->ds = 0x5678;
	FPU->opcode = 0x1e8;
}

static void check_layout(const struct layout *l)
{
	uint32_t low = l->word == 2 ? 0xffff : ~0u;
	unsigned i;

	fresh(l->mode);
	CPU->cr0 = l->cr0;
	CPU->rflags = l->rflags;
	RUN("\xd9\xe8");
	FPU->st[7].man = ~0ull;
	FPU->st[7].se = 0x7fff;
	FPU->st[0].man = 0x1234;
	set_pointers();
	run_sized(l, 0xdd, 6);
	for (i = 0; i < 7; i++)
		equal(l->name, get(i * l->word, l->word), l->want[i] & low);
	equal(l->name, get(7 * l->word, 8), ~0ull);
	equal(l->name, get(7 * l->word + 8, 2), 0x7fff);
	equal(l->name, get(7 * l->word + 10, 8), 0x1234);
	equal(l->name, get(7 * l->word + 80, 1), 0xaa);
	equal("fnsave initialises", FPU->control, 0x37f);
	equal("fnsave initialises", FPU->full, 0);
	equal("fnsave initialises", FPU->top | FPU->ip | FPU->dp, 0);
	run_sized(l, 0xdd, 4);
	equal("top", FPU->top, 7);
	equal("tags", vmi_x87_tags(CPU), 0xbfff);
	equal("st", FPU->st[7].man, ~0ull);
	memset(stub.memory, 0xaa, sizeof(stub.memory));
	run_sized(l, 0xd9, 6);
	for (i = 0; i < 7; i++)
		equal(l->name, get(i * l->word, l->word), l->want[i] & low);
	equal(l->name, get(7 * l->word, 1), 0xaa);
}

/* -- Responses ----------------------------------------------------------- */

struct response {
	const char *name, *bytes;
	uint16_t control, tags, want_status, want_tags;
	uint8_t want_top;
	uint32_t want_memory;
};

/* TOP is 0; registers hold 1.0, 2.0, 3 denormals, infinity, SNaN, 0. */
static const struct response responses[] = {
	{ "fld1, full", "\xd9\xe8", 0x37f, 0, 0x0241, 0xaaa0, 7, 0x7f800001 },
	{ "fld1, full, unmasked", "\xd9\xe8", 0x37e, 0, 0x82c1, 0x6aa0, 0,
		0x7f800001 },
	{ "fchs, empty", "\xd9\xe0", 0x37f, 3, 0x41, 0x6aa2, 0, 0x7f800001 },
	{ "fchs, empty, unmasked", "\xd9\xe0", 0x37e, 3, 0x80c1, 0x6aa3, 0,
		0x7f800001 },
	{ "fstp m32, empty", "\xd9\x1b", 0x37f, 3, 0x41, 0x6aa3, 1,
		0xffc00000 },
	{ "fstp m32, empty, unmasked", "\xd9\x1b", 0x37e, 3, 0x80c1, 0x6aa3, 0,
		0x7f800001 },
	{ "fistp m32, empty", "\xdb\x1b", 0x37f, 3, 0x41, 0x6aa3, 1,
		0x80000000 },
	{ "fld m32, SNaN", "\xd9\x03", 0x37f, 0xc000, 1, 0xaaa0, 7,
		0x7f800001 },
	{ "fld m32, SNaN, unmasked", "\xd9\x03", 0x37e, 0xc000, 0x8081, 0xeaa0,
		0, 0x7f800001 },
	{ "fdiv st, st(7)", "\xd8\xf7", 0x37f, 0, 4, 0x6aa2, 0, 0x7f800001 },
	{ "the same, unmasked", "\xd8\xf7", 0x37b, 0, 0x8084, 0x6aa0, 0,
		0x7f800001 },
	{ "fdivrp st(7), st", "\xde\xf7", 0x37f, 0, 4, 0xaaa3, 1, 0x7f800001 },
	{ "fdivrp, unmasked", "\xde\xf7", 0x37b, 0, 0x8084, 0x6aa0, 0,
		0x7f800001 },
	{ "fcomp m32, SNaN", "\xd8\x1b", 0x37f, 0, 0x4501, 0x6aa3, 1,
		0x7f800001 },
	{ "fcomp m32, unmasked", "\xd8\x1b", 0x37e, 0, 0xc581, 0x6aa0, 0,
		0x7f800001 },
	{ "fxam, empty", "\xd9\xe5", 0x37f, 3, 0x4100, 0x6aa3, 0, 0x7f800001 },
};

static void check_response(const struct response *t)
{
	static const struct vmi_f80 st[8] = { { 1ull << 63, 0x3fff },
		{ 1ull << 63, 0x4000 }, { 1, 0 }, { 2, 0 }, { 3, 0 },
		{ 1ull << 63, 0x7fff }, { 0xa000000000000000ull, 0x7fff },
		{ 0, 0 } };

	fresh(32);
	memcpy(FPU->st, st, sizeof(st));
	vmi_x87_set_tags(CPU, 0x6aa0 | t->tags);
	FPU->control = t->control;
	put(0, 0x7f800001, 4);
	equal(t->name, (unsigned)run(t->bytes, 2), STUB_DONE);
	equal(t->name, FPU->status, t->want_status);
	equal(t->name, vmi_x87_tags(CPU), t->want_tags);
	equal(t->name, FPU->top, t->want_top);
	equal(t->name, get(0, 4), t->want_memory);
}

int main(void)
{
	unsigned i;

	check_available();
	check_wait();
	check_pending();
	check_unmasking();
	check_faults();
	check_pointers();
	check_no_pointers();
	for (i = 0; i < vmi_array_len(layouts); i++)
		check_layout(&layouts[i]);
	for (i = 0; i < vmi_array_len(responses); i++)
		check_response(&responses[i]);
	printf("%u checks, %u failed\n", checks, stub.failures);
	return stub.failures != 0;
}
