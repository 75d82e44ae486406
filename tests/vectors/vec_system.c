/* SPDX-License-Identifier: MIT */
/*
 * What is for privilege level 0, from the manual's words: each instruction
 * in 64-bit supervisor mode, with what it finds and one thing that it leaves.
 * That nothing but RIP changes beside it is checked too.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/vectors/vec_values.h"
#include "tests/vectors/vec_system.h"

#define FLAG_IF 0x200u
#define FLAG_AC 0x40000u
#define NOTHING VEC_SYS_ITEMS

/*
 * Bytes, RAX, RCX and RDX before, the item that is looked at, its value after.
 * Memory operands are [RBX], where the word `memory` lies.
 */
static const struct {
	const char *bytes;
	unsigned len;
	uint64_t rax, rcx, rdx, memory;
	unsigned item;
	uint64_t after;
} table[] = {
	/* in al, 0x42; in eax, dx; out 0x42, al; out dx, ax */
	{ "\xe4\x42", 2, 0x1122, 0, 0, 0, VEC_SYS_RAX, 0x115a },
	{ "\xe5\x42", 2, ~0ull, 0, 0, 0, VEC_SYS_RAX, 0x5a5a5a5a },
	{ "\xec", 1, 0x1122, 0, 0x43, 0, VEC_SYS_RAX, 0x115a },
	{ "\xed", 1, ~0ull, 0, 0x43, 0, VEC_SYS_RAX, 0x5a5a5a5a },
	{ "\xe6\x42", 2, 0, 0, 0, 0, NOTHING, 0 },
	{ "\xe7\x42", 2, 0, 0, 0, 0, NOTHING, 0 },
	{ "\xee", 1, 0, 0, 0x43, 0, NOTHING, 0 },
	{ "\xef", 1, 0, 0, 0x43, 0, NOTHING, 0 },
	/* hlt; cli; sti; lmsw ax: PE stays; clts */
	{ "\xf4", 1, 0, 0, 0, 0, NOTHING, 0 },
	{ "\xfa", 1, 0, 0, 0, 0, VEC_SYS_RFLAGS, 2 },
	{ "\xfb", 1, 0, 0, 0, 0, VEC_SYS_RFLAGS, 2 | FLAG_IF },
	{ "\x0f\x01\xf0", 3, 0x0008, 0, 0, 0, VEC_SYS_CR0, 0x80050039 },
	{ "\x0f\x06", 2, 0, 0, 0, 0, VEC_SYS_CR0, 0x80050033 },
	/* sldt eax; sldt [rbx]; str eax; str [rbx]; lldt ax: null */
	{ "\x0f\x00\xc0", 3, ~0ull, 0, 0, 0, VEC_SYS_RAX, 0x50 },
	{ "\x0f\x00\x03", 3, 0, 0, 0, 0xffffffff, VEC_SYS_MEMORY, 0xffff0050 },
	{ "\x0f\x00\xc8", 3, ~0ull, 0, 0, 0, VEC_SYS_RAX, 0x40 },
	{ "\x0f\x00\x0b", 3, 0, 0, 0, 0xffffffff, VEC_SYS_MEMORY, 0xffff0040 },
	{ "\x0f\x00\xd0", 3, 3, 0, 0, 0, NOTHING, 0 },
	/* sgdt, sidt: the limit and the base; smsw */
	{ "\x0f\x01\x03", 3, 0, 0, 0, 0, VEC_SYS_MEMORY, 0x800000007000007f },
	{ "\x0f\x01\x0b", 3, 0, 0, 0, 0, VEC_SYS_MEMORY, 0x8000000080000fff },
	{ "\x0f\x01\xe0", 3, ~0ull, 0, 0, 0, VEC_SYS_RAX, 0x80050033 },
	{ "\x0f\x01\x23", 3, 0, 0, 0, 0xffffffff, VEC_SYS_MEMORY, 0xffff0033 },
	/* lgdt, lidt: a base of 10000H, a limit of 77H */
	{ "\x0f\x01\x13", 3, 0, 0, 0, 0x100000077, VEC_SYS_GDTR, 0x10000 },
	{ "\x0f\x01\x1b", 3, 0, 0, 0, 0x100000077, VEC_SYS_IDTR, 0x10000 },
	/* invlpg [rbx]; invd; wbinvd; clac; stac; swapgs */
	{ "\x0f\x01\x3b", 3, 0, 0, 0, 0, NOTHING, 0 },
	{ "\x0f\x08", 2, 0, 0, 0, 0, NOTHING, 0 },
	{ "\x0f\x09", 2, 0, 0, 0, 0, NOTHING, 0 },
	{ "\x0f\x01\xca", 3, 0, 0, 0, 0, VEC_SYS_RFLAGS, 2 },
	{ "\x0f\x01\xcb", 3, 0, 0, 0, 0, VEC_SYS_RFLAGS, 2 | FLAG_AC },
	{ "\x0f\x01\xf8", 3, 0, 0, 0, 0, VEC_SYS_GS_BASE, 0 },
	/* mov rax, cr0, cr2, cr3; mov cr0, cr2, rax; mov rax, dr6; dr0, rax */
	{ "\x0f\x20\xc0", 3, 0, 0, 0, 0, VEC_SYS_RAX, 0x80050033 },
	{ "\x0f\x20\xd8", 3, 0, 0, 0, 0, VEC_SYS_RAX, 0x1000 },
	{ "\x0f\x22\xc0", 3, 0x80050037, 0, 0, 0, VEC_SYS_CR0, 0x80050037 },
	{ "\x0f\x22\xd0", 3, 0x123456789, 0, 0, 0, VEC_SYS_CR2, 0x123456789 },
	{ "\x0f\x21\xf0", 3, 0, 0, 0, 0, VEC_SYS_RAX, 0xffff0ff0 },
	{ "\x0f\x23\xc0", 3, 0x1234, 0, 0, 0, NOTHING, 0 },
	/* xsetbv: x87 alone; rdmsr, wrmsr: IA32_PAT, IA32_LSTAR */
	{ "\x0f\x01\xd1", 3, 3, 0, 0, 0, NOTHING, 0 },
	{ "\x0f\x32", 2, ~0ull, 0x277, ~0ull, 0, VEC_SYS_RAX, 0x00070406 },
	{ "\x0f\x32", 2, ~0ull, 0x277, ~0ull, 0, VEC_SYS_RDX, 0x00070406 },
	{ "\x0f\x30", 2, 0x1000, 0xc0000082, 0, 0, NOTHING, 0 },
};

#define NTABLE (sizeof(table) / sizeof(table[0]))

static unsigned failed(size_t n, const char *what, uint64_t is, uint64_t shall)
{
	struct vmi_insn insn;
	char text[96] = "";

	if (!vmi_decode((const uint8_t *)table[n].bytes, table[n].len, 64,
		&insn))
		vmi_disas(&insn, 0, text, sizeof(text));
	printf("privileged: %s: %s %#" PRIx64 " instead of %#" PRIx64 "\n",
		text, what, is, shall);
	return 1;
}

/* The items that the instruction may change beside `item`. */
static bool may_change(size_t n, unsigned item)
{
	if (item == table[n].item)
		return true;
	/* RDMSR writes two. */
	return !strncmp(table[n].bytes, "\x0f\x32", 2) &&
		(item == VEC_SYS_RAX || item == VEC_SYS_RDX);
}

static unsigned check(size_t n)
{
	static const char *const names[] = { "rax", "rcx", "rdx", "rflags",
		"cr0", "cr2", "gdtr", "idtr", "gs base", "memory" };
	struct vec_system s = { .bytes = (const uint8_t *)table[n].bytes,
		.len = table[n].len };
	uint64_t before[VEC_SYS_ITEMS];
	unsigned i, bad = 0;

	vec_soft_system_items(s.item);
	s.item[VEC_SYS_RAX] = table[n].rax;
	s.item[VEC_SYS_RCX] = table[n].rcx;
	s.item[VEC_SYS_RDX] = table[n].rdx;
	s.item[VEC_SYS_MEMORY] = table[n].memory;
	memcpy(before, s.item, sizeof(before));
	vec_soft_system(&s);
	if (s.rip != VEC_CODE + table[n].len)
		bad += failed(n, "rip", s.rip, VEC_CODE + table[n].len);
	for (i = 0; i < VEC_SYS_ITEMS; i++) {
		if (i == table[n].item && s.item[i] != table[n].after)
			bad += failed(n, names[i], s.item[i], table[n].after);
		if (!may_change(n, i) && s.item[i] != before[i])
			bad += failed(n, names[i], s.item[i], before[i]);
	}
	return bad;
}

unsigned vec_system_check(unsigned *rows)
{
	const struct vmi_row *seen[NTABLE] = { NULL };
	struct vmi_insn insn;
	unsigned bad = 0;
	size_t n, k;

	*rows = 0;
	for (n = 0; n < NTABLE; n++) {
		bad += check(n);
		if (vmi_decode((const uint8_t *)table[n].bytes, table[n].len,
			64, &insn))
			continue;
		seen[n] = insn.row;
		for (k = 0; k < n && seen[k] != insn.row; k++)
			;
		*rows += k == n;
	}
	return bad;
}
