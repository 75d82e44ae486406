/* SPDX-License-Identifier: MIT */
/*
 * Virtual-8086 mode: what is sensitive to IOPL, limits, where interrupts go,
 * and the extensions of CR4.VME (SDM 3A chapter 20).
 */
#include "trap.h"

/* 16-bit code, copied to PLACE; INT3 is the end. */
#define PLACE 0x8000u
#define CODE(name, text)                                                       \
	extern const u8 name[];                                                \
	__asm__("	.section .rodata\n#" #name "\n	.code16\n" #name ":\n" \
		text "	int3\n	.code32\n	.text\n")

CODE(do_nop, "	nop\n");
CODE(do_cli, "	cli\n");
CODE(do_sti, "	sti\n	nop\n");
CODE(do_pushf, "	pushfw\n	popw %ax\n");
CODE(do_pushfd, "	pushfl\n	popl %eax\n");
CODE(do_popf, "	pushw %ax\n	popfw\n");
CODE(do_popfd, "	pushl %eax\n	popfl\n	pushfl\n	popl %eax\n");
CODE(do_iret, "	pushw %ax\n	pushw %cs\n	pushw $0x10\n	iretw\n"
	"	.fill 16, 1, 0x90\n");
CODE(do_int, "	int $0x21\n");
CODE(do_int4, "	movb $0x7f, %al\n	addb $1, %al\n	into\n");
CODE(do_int1, "	.byte 0xf1\n");
CODE(do_in, "	movw $0xe9, %dx\n	inb %dx, %al\n");
CODE(do_in_no, "	movw $0xee, %dx\n	inb %dx, %al\n");
CODE(do_hlt, "	hlt\n");
CODE(do_cr, "	movl %cr0, %eax\n");
CODE(do_smsw, "	smsw %ax\n");
CODE(do_lmsw, "	lmsw %ax\n");
CODE(do_clts, "	clts\n");
CODE(do_sldt, "	sldt %ax\n");
CODE(do_str, "	str %ax\n");
CODE(do_lar, "	lar %ax, %ax\n");
CODE(do_verr, "	verr %ax\n");
CODE(do_arpl, "	arpl %ax, %ax\n");
CODE(do_lldt, "	lldt %ax\n");
CODE(do_sgdt, "	sgdt 0x500\n");
CODE(do_lgdt, "	lgdt 0x500\n");
CODE(load_ds, "	movw %ax, %ds\n	movw (2), %ax\n");
CODE(word_end, "	movw $0xffff, %bx\n	movw (%bx), %ax\n");
CODE(byte_end, "	movw $0xffff, %bx\n	movb (%bx), %al\n");
CODE(wide_offset, "	movl $0x10000, %ebx\n	movb (%ebx), %al\n");
CODE(odd_push, "	movw $1, %sp\n	pushw %ax\n");
CODE(zero_push, "	movw $0, %sp\n	pushw %ax\n	movw %sp, %ax\n");
CODE(odd_pusha, "	movw $7, %sp\n	pushaw\n");
CODE(one_pusha, "	movw $1, %sp\n	pushaw\n");
CODE(even_pusha, "	movw $6, %sp\n	pushaw\n	movw %sp, %ax\n");
CODE(odd_pop, "	movw $0xffff, %sp\n	popw %ax\n");
CODE(far_jmp, "	ljmp $0x7ff, $0x8012 - 0x7ff0\n	.fill 16, 1, 0x90\n");
CODE(far_call, "	lcall $0x800, $0x20\n	.fill 28, 1, 0x90\n"
	"	popw %bx\n	popw %ax\n");

struct row {
	const char *name;
	const u8 *code;
	u32 flags, eax, vector, error;
	u32 result, checks; /* of AX */
};

#define OK	DONE, 0, 0, 0
#define GIVES(v) DONE, 0, (v), 1
#define FAILS(vector, error) vector, error, 0, 0
#define IDT(vector) ((vector) * 8 + 2)
#define I3 IOPL(3)

static const struct row plain[] = {
	{ "NOP", do_nop, 0, 0, OK },
	{ "CLI", do_cli, 0, 0, FAILS(GP, 0) },
	{ "CLI, IOPL 3", do_cli, I3, 0, OK },
	{ "STI", do_sti, 0, 0, FAILS(GP, 0) },
	{ "PUSHF", do_pushf, 0, 0, FAILS(GP, 0) },
	{ "PUSHF, IOPL 3", do_pushf, I3, 0, GIVES(0x3002) },
	{ "PUSHFD, IOPL 3", do_pushfd, I3, 0, GIVES(0x3002) },
	{ "POPF", do_popf, 0, 2, FAILS(GP, 0) },
	{ "POPF, IOPL 3", do_popf, I3, 2, OK },
	{ "POPFD leaves VM and IOPL", do_popfd, I3, 0x40006, GIVES(0x43006) },
	{ "IRET", do_iret, 0, 2, FAILS(GP, 0) },
	{ "IRET, IOPL 3", do_iret, I3, 2, OK },
	{ "INT", do_int, 0, 0, FAILS(GP, 0) },
	{ "INT, IOPL 3", do_int, I3, 0, FAILS(0x21, 0) },
	{ "INTO", do_int4, 0, 0, FAILS(GP, IDT(4)) },
	{ "INT1", do_int1, 0, 0, FAILS(DB, 0) },
	{ "IN, allowed", do_in, 0, 0, GIVES(0xe9) },
	{ "IN, not allowed", do_in_no, 0, 0, FAILS(GP, 0) },
	{ "IN, not allowed, IOPL 3", do_in_no, I3, 0, FAILS(GP, 0) },
	{ "HLT", do_hlt, I3, 0, FAILS(GP, 0) },
	{ "MOV CR", do_cr, I3, 0, FAILS(GP, 0) },
	{ "SMSW", do_smsw, 0, 0, OK },
	{ "LMSW", do_lmsw, I3, 0, FAILS(GP, 0) },
	{ "CLTS", do_clts, I3, 0, FAILS(GP, 0) },
	{ "SLDT", do_sldt, I3, 0, FAILS(UD, 0) },
	{ "STR", do_str, I3, 0, FAILS(UD, 0) },
	{ "LAR", do_lar, I3, 0, FAILS(UD, 0) },
	{ "VERR", do_verr, I3, 0, FAILS(UD, 0) },
	{ "ARPL", do_arpl, I3, 0, FAILS(UD, 0) },
	{ "LLDT", do_lldt, I3, 0, FAILS(UD, 0) },
	{ "SGDT", do_sgdt, 0, 0, OK },
	{ "LGDT", do_lgdt, I3, 0, FAILS(GP, 0) },
	{ "a segment is a number", load_ds, 0, 0x90, GIVES(0x5678) },
	{ "a word at the end", word_end, 0, 0, FAILS(GP, 0) },
	{ "a byte at the end", byte_end, 0, 0, OK },
	{ "beyond 64 KiB", wide_offset, 0, 0, FAILS(GP, 0) },
	{ "PUSH, SP 1", odd_push, 0, 0, FAILS(SS, 0) },
	{ "PUSH, SP 0", zero_push, 0, 0, GIVES(0xfffe) },
	{ "PUSHA, SP 7", odd_pusha, 0, 0, FAILS(GP, 0) },
	{ "PUSHA, SP 1", one_pusha, 0, 0, FAILS(SS, 0) },
	{ "PUSHA, SP 6", even_pusha, 0, 0, GIVES(0xfff6) },
	{ "POP, SP FFFF", odd_pop, 0, 0, FAILS(SS, 0) },
	{ "far JMP", far_jmp, 0, 0, OK },
	{ "far CALL", far_call, 0, 0, GIVES(0x800) },
};

/* With CR4.VME, and vector 0x21 the program's own. */
static const struct row extended[] = {
	{ "CLI", do_cli, VIF, 0, OK },
	{ "STI", do_sti, 0, 0, OK },
	{ "STI, VIP", do_sti, VIP, 0, FAILS(GP, 0) },
	{ "PUSHF", do_pushf, 0, 0, GIVES(0x3002) },
	{ "PUSHF, VIF", do_pushf, VIF, 0, GIVES(0x3202) },
	{ "PUSHFD", do_pushfd, 0, 0, FAILS(GP, 0) },
	{ "POPF", do_popf, 0, 0x202, OK },
	{ "POPF, VIP", do_popf, VIP, 0x202, FAILS(GP, 0) },
	{ "POPF, VIP, IF clear", do_popf, VIP, 2, OK },
	{ "POPF of TF", do_popf, 0, 0x102, FAILS(GP, 0) },
	{ "POPFD", do_popfd, 0, 2, FAILS(GP, 0) },
	{ "IRET", do_iret, 0, 0x202, OK },
	{ "IRET, VIP", do_iret, VIP, 0x202, FAILS(GP, 0) },
	{ "IRET of TF", do_iret, 0, 0x102, FAILS(GP, 0) },
	{ "POPF, IOPL 3", do_popf, I3, 0x202, OK },
	{ "INT to its own", do_int, VIF, 0, GIVES(0x3202) },
	{ "INT to its own, VIF clear", do_int, 0, 0, GIVES(0x3002) },
	{ "INT to its own, IOPL 3", do_int, I3, 0, GIVES(0x3002) },
};

static void copy(u32 to, const u8 *from, u32 n)
{
	while (n--)
		*(volatile u8 *)to++ = *from++;
}

/* At 0800:0000, with a stack at 0700:0ff0 and the interrupt flag. */
static void run_v86(const u8 *code, u32 flags, u32 eax)
{
	struct entry e = {
		.eip = 0, .cs = PLACE >> 4, .eflags = VM | flags | 2,
		.esp = 0xff0, .ss = 0x700, .ds = 0, .es = 0, .eax = eax,
	};

	copy(PLACE, code, 64);
	trap.vector = 0xff;
	enter_code(&e);
}

static void group(const char *name, const struct row *rows, u32 n)
{
	int good = 1;
	u32 i;

	for (i = 0; i < n; i++) {
		const struct row *r = &rows[i];

		run_v86(r->code, r->flags, r->eax);
		if (trap.vector == r->vector && trap.error == r->error &&
			(!r->checks || ((trap.eax ^ r->result) & 0xffff) == 0))
			continue;
		print(r->name);
		show(": vector", trap.vector);
		show("error", trap.error);
		show("EAX", trap.eax);
		good = 0;
	}
	print_hex(n, 2);
	print(" ");
	check(name, good);
}

#define GROUP(name, rows) group(name, rows, sizeof(rows) / sizeof(rows[0]))

/* What the frame of an exception of virtual-8086 mode holds. */
static void frame(void)
{
	run_v86(do_int, I3, 0);
	check("EIP, CS, VM", trap.eip == 2 && (trap.cs & 0xffff) == 0x800 &&
		(trap.eflags & (VM | IOPL(3))) == (VM | IOPL(3)));
	check("SS, ESP", (trap.ss & 0xffff) == 0x700 && trap.esp == 0xff0);
	run_v86(load_ds, 0, 0x90);
	check("ES, DS", (trap.es & 0xffff) == 0 &&
		(trap.ds & 0xffff) == 0x90);
	check("on the stack of level 0", trap.at + 9 * 4 == tss.esp0);
}

static void gates(void)
{
	set_trap(0x21, CODE0, INT_GATE(0));
	run_v86(do_int, I3, 0);
	check("gate of level 0", trap.vector == GP &&
		trap.error == IDT(0x21));
	set_trap(0x21, CODE1, INT_GATE(3));
	run_v86(do_int, I3, 0);
	check("gate to level 1", trap.vector == GP && trap.error == CODE1);
	set_trap(0x21, CONFORMING, INT_GATE(3));
	run_v86(do_int, I3, 0);
	check("gate to conforming code", trap.vector == GP &&
		trap.error == CONFORMING);
	set_trap(0x21, CODE0, INT_GATE(3));
}

static int has_vme(void)
{
	u32 a = 1, b, c, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
	return d & 2;
}

static void set_cr4(u32 v)
{
	__asm__ volatile("movl %0, %%cr4" : : "r"(v));
}

/* Its handler at 0880:0000: POP CX, DX and AX, which are the frame; INT3. */
static void own_handler(void)
{
	static const u8 code[] = { 0x59, 0x5a, 0x58, 0xcc };

	copy(0x8800, code, sizeof(code));
	*(volatile u16 *)(0x21 * 4) = 0;
	*(volatile u16 *)(0x21 * 4 + 2) = 0x880;
	/* All vectors are the monitor's, but this one. */
	copy((u32)tss.redirect, (const u8[32]){ 0xff, 0xff, 0xff, 0xff, 0xfd,
		0xff }, 6);
}

static void extensions(void)
{
	set_cr4(1);
	own_handler();
	GROUP("extensions", extended);
	run_v86(do_int, VIF, 0);
	check("VIF is clear in the handler", !(trap.eflags & VIF) &&
		(trap.cs & 0xffff) == 0x880);
	check("where it returns to", (trap.edx & 0xffff) == 0x800 &&
		(trap.ecx & 0xffff) == 2);
	run_v86(do_sti, 0, 0);
	check("STI sets VIF", trap.eflags & VIF);
	run_v86(do_cli, VIF, 0);
	check("CLI clears VIF", !(trap.eflags & VIF));
	run_v86(do_popf, 0, 0x202);
	check("POPF sets VIF, not IF",
		(trap.eflags & (VIF | 0x200)) == VIF);
	run_v86(do_iret, 0, 0x202);
	check("IRET sets VIF, not IF",
		(trap.eflags & (VIF | 0x200)) == VIF);
	tss.redirect[4] = 0xff;
	run_v86(do_int, 0, 0);
	check("the monitor's", trap.vector == GP && trap.error == 0);
	run_v86(do_int, I3, 0);
	check("the monitor's, IOPL 3", trap.vector == 0x21);
	set_cr4(0);
}

int main(u32 magic, const u32 *info)
{
	(void)magic;
	(void)info;
	set_machine();
	tss.ports[0xee >> 3] = 1 << (0xee & 7);
	set_trap(0x21, CODE0, INT_GATE(3));
	set_trap(DB, CODE0, INT_GATE(0));
	*(volatile u16 *)0x902 = 0x5678;
	GROUP("virtual-8086 mode", plain);
	frame();
	gates();
	if (has_vme())
		extensions();
	return wrong;
}
