/* SPDX-License-Identifier: MIT */
/*
 * Decimal adjustments: the examples of the manual, then every AL with every
 * AF and CF against the processor that runs the test, where it is an x86-64
 * that lets a process run 32-bit code (these are no 64-bit instructions).
 */
#include "lib/soft/value.h"
#include "tests/soft/int_stub.h"

struct adjust {
	const char *name;
	vmi_helper *run;
	uint8_t code[2];
	unsigned bytes;
	uint64_t defined;
};

#define ACSZP (VMI_FLAG_AF | VMI_FLAG_CF | VMI_FLAG_SF | VMI_FLAG_ZF | \
	VMI_FLAG_PF)

static const struct adjust adjusts[] = {
	{ "aaa", vmi_do_aaa, { 0x37 }, 1, VMI_FLAG_AF | VMI_FLAG_CF },
	{ "aas", vmi_do_aas, { 0x3f }, 1, VMI_FLAG_AF | VMI_FLAG_CF },
	{ "daa", vmi_do_daa, { 0x27 }, 1, ACSZP },
	{ "das", vmi_do_das, { 0x2f }, 1, ACSZP },
	{ "aam", vmi_do_aam, { 0xd4, 10 }, 2,
		VMI_FLAG_SF | VMI_FLAG_ZF | VMI_FLAG_PF },
	{ "aad", vmi_do_aad, { 0xd5, 10 }, 2,
		VMI_FLAG_SF | VMI_FLAG_ZF | VMI_FLAG_PF },
	{ "aam 7", vmi_do_aam, { 0xd4, 7 }, 2,
		VMI_FLAG_SF | VMI_FLAG_ZF | VMI_FLAG_PF },
	{ "aad 255", vmi_do_aad, { 0xd5, 255 }, 2,
		VMI_FLAG_SF | VMI_FLAG_ZF | VMI_FLAG_PF },
};

/* AX and flags through a helper. */
static uint64_t adjust(const struct adjust *a, uint64_t ax, uint64_t *flags)
{
	stub_reset(32);
	stub.op.imm = a->code[1];
	stub.cpu.r[VMI_RAX] = ax;
	vmi_flags_set(&stub.cpu, *flags);
	stub_run(a->run);
	*flags = vmi_flags(&stub.cpu);
	return stub.cpu.r[VMI_RAX];
}

/* SDM 2A, DAA and DAS, examples; #DE of AAM 0. */
static void examples(void)
{
	uint64_t f = VMI_FLAG_OF | VMI_FLAG_SF;

	if (adjust(&adjusts[2], 0xae, &f) != 0x14 ||
		(f & ACSZP) != (VMI_FLAG_AF | VMI_FLAG_CF | VMI_FLAG_PF))
		stub_fail("79 + 35", f, 0x14);
	f = VMI_FLAG_SF | VMI_FLAG_CF | VMI_FLAG_AF;
	if (adjust(&adjusts[3], 0xee, &f) != 0x88 ||
		(f & ACSZP) != (VMI_FLAG_AF | VMI_FLAG_CF | VMI_FLAG_SF |
		VMI_FLAG_PF))
		stub_fail("35 - 47", f, 0x88);
	stub_reset(32);
	stub.cpu.r[VMI_RAX] = 0x1234;
	if (stub_run(vmi_do_aam) != STUB_FAULT ||
		stub.cpu.fault.vector != VMI_DE ||
		stub.cpu.r[VMI_RAX] != 0x1234)
		stub_fail("aam 0", stub.cpu.fault.vector, VMI_DE);
}

#if defined(__x86_64__) && defined(__linux__)

#include <signal.h>
#include <sys/mman.h>

static sigjmp_buf refused;

static void on_signal(int number)
{
	siglongjmp(refused, number);
}

/*
 * A page below 4 GiB: code at 0, a far pointer at 0x800, the stack at 0xf00.
 * Selectors 23H and 33H are Linux's 32-bit and 64-bit user code segments.
 */
static uint8_t *page;

static void put32(unsigned at, uint32_t v)
{
	memcpy(page + at, &v, 4);
}

static bool make_page(void)
{
	static const uint8_t enter[] = { 0x53, 0x55, 0x41, 0x54, 0x41, 0x55,
		0x41, 0x56, 0x41, 0x57, /* push rbx rbp r12-r15 */
		0x48, 0x89, 0x26, /* mov [rsi], rsp */
		0x48, 0x89, 0xf4, /* mov rsp, rsi */
		0x48, 0x83, 0xec, 0x08, /* sub rsp, 8 */
		0xff, 0x2f /* jmp far [rdi] */ };
	static const uint8_t leave[] = { 0x48, 0x83, 0xc4, 0x08,
		0x48, 0x8b, 0x24, 0x24, /* mov rsp, [rsp] */
		0x41, 0x5f, 0x41, 0x5e, 0x41, 0x5d, 0x41, 0x5c, 0x5d, 0x5b,
		0xc3 };
	uint32_t base;

	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	if (page == MAP_FAILED)
		return false;
	base = (uint32_t)(uintptr_t)page;
	memcpy(page, enter, sizeof(enter));
	memcpy(page + 0x200, leave, sizeof(leave));
	put32(0x800, base + 0x100);
	put32(0x804, 0x23);
	return true;
}

/* pop eax; popfd; the instruction; pushfd; push eax; jmp far 33H:leave */
static void make_code(const struct adjust *a)
{
	unsigned n = 0x100, i;

	page[n++] = 0x58;
	page[n++] = 0x9d;
	for (i = 0; i < a->bytes; i++)
		page[n++] = a->code[i];
	page[n++] = 0x9c;
	page[n++] = 0x50;
	page[n++] = 0xea;
	put32(n, (uint32_t)(uintptr_t)page + 0x200);
	page[n + 4] = 0x33;
	page[n + 5] = 0;
}

static uint64_t native(uint64_t ax, uint64_t *flags)
{
	void (*call)(void *, void *);
	uint32_t v;

	memcpy(&call, &page, sizeof(call));
	put32(0xef8, (uint32_t)ax);
	put32(0xefc, (uint32_t)*flags | 0x202);
	call(page + 0x800, page + 0xf00);
	memcpy(&v, page + 0xefc, 4);
	*flags = v & VMI_FLAGS_ARITH;
	memcpy(&v, page + 0xef8, 4);
	return v;
}

/* Every AL and the flags read, AH from a few. */
static unsigned long compare(const struct adjust *a)
{
	static const uint8_t highs[4] = { 0, 1, 0x7f, 0xff };
	unsigned long n = 0;
	unsigned i, al;
	uint64_t f, g, got, want;

	make_code(a);
	for (i = 0; i < 16; i++) {
		for (al = 0; al < 256; al++, n++) {
			f = g = (i & 1 ? VMI_FLAG_AF : 0) |
				(i & 2 ? VMI_FLAG_CF : 0);
			got = adjust(a, highs[i >> 2] << 8 | al, &f);
			want = native(highs[i >> 2] << 8 | al, &g);
			if (got != want)
				stub_fail(a->name, got, want);
			if ((f ^ g) & a->defined)
				stub_fail(a->name, f, g);
		}
	}
	return n;
}

/* 0; or 77 where 32-bit code cannot be run. */
static int against_host(void)
{
	static unsigned long n;
	static unsigned i;
	int number;

	if (!make_page()) {
		printf("no executable memory below 4 GiB\n");
		return 77;
	}
	signal(SIGSEGV, on_signal);
	signal(SIGILL, on_signal);
	signal(SIGBUS, on_signal);
	number = sigsetjmp(refused, 1);
	if (number) {
		printf("32-bit code ended in signal %d\n", number);
		return 77;
	}
	for (i = 0; i < sizeof(adjusts) / sizeof(adjusts[0]); i++)
		n += compare(&adjusts[i]);
	printf("%lu cases on the host, %u failures\n", n, stub.failures);
	return 0;
}

#else

static int against_host(void)
{
	printf("the host runs no 32-bit x86 code\n");
	return 77;
}

#endif

int main(void)
{
	int r;

	examples();
	r = against_host();
	return stub.failures ? 1 : r;
}
