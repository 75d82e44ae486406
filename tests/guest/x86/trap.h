/* SPDX-License-Identifier: MIT */
/* Code at any privilege level, and the exception or INT3 by which it ends. */
#ifndef TRAP_H
#define TRAP_H

#include "guest.h"

/* Selectors; those of levels 1 to 3 want the level added. */
enum {
	CODE0 = 0x08, DATA0 = 0x10, CODE1 = 0x20, DATA1 = 0x28, CODE2 = 0x30,
	DATA2 = 0x38, CODE3 = 0x40, DATA3 = 0x48, CONFORMING = 0x50,
	EXECUTE_ONLY = 0x58, ABSENT_DATA = 0x60, READ_ONLY = 0x68,
	DOWN = 0x70, LDT = 0x78, TSS = 0x80, TSS_B = 0x88, TSS_16 = 0x90,
	GATE = 0x98, GATE_ABSENT = 0xa0, GATE_0 = 0xa8, GATE_16 = 0xb0,
	GATE_TO_ABSENT = 0xb8, ABSENT_CODE = 0xc0, TASK_GATE = 0xc8,
	GATE_TO_DATA = 0xd0, GATE_TO_NULL = 0xd8, GATE_TO_CONF = 0xe0,
	TINY = 0xe8, TSS_SHORT = 0xf0, TSS_ABSENT = 0xf8, CONFORMING2 = 0x100,
	GDT_END = 0x108, BEYOND = 0x200
};

#define VM  0x20000u
#define VIF 0x80000u
#define VIP 0x100000u
#define NT  0x4000u
#define TF  0x100u
#define IOPL(n) ((u32)(n) << 12)

enum { DB = 1, DONE = 3, UD = 6, DF = 8, TS = 10, NP = 11, SS = 12, GP = 13 };

/* Registers as PUSHAL leaves them, and what the processor pushed. */
struct trap {
	u32 edi, esi, ebp, unused, ebx, edx, ecx, eax;
	u32 vector, error, eip, cs, eflags;
	u32 esp, ss, es, ds, fs, gs; /* of outer levels, the last four of V86 */
	u32 at; /* the stack that it was pushed to, above the error code */
};

/* How code is entered. */
struct entry {
	u32 eip, cs, eflags, esp, ss, es, ds, fs, gs;
	u32 eax, ebx, ecx;
};

struct tss {
	u32 link, esp0, ss0, esp1, ss1, esp2, ss2, cr3, eip, eflags;
	u32 eax, ecx, edx, ebx, esp, ebp, esi, edi;
	u32 es, cs, ss, ds, fs, gs, ldt;
	u16 trap, map;
	u8 redirect[32];
	u8 ports[33];
};

struct trap trap;
u32 resume;
void enter_code(const struct entry *e);
extern const u8 trap_stubs[256][16];

/*
 * enter_code() returns when an exception ends the code; the stubs bring
 * whatever frame there is to `trap`.  Vectors with an error code: SDM 3A
 * table 6-1.
 */
__asm__(
	"	.text\n"
	"	.balign 16\n"
	"trap_stubs:\n"
	"	.set	vector, 0\n"
	"	.rept	256\n"
	"	.balign	16\n"
	"	.if	vector != 8 && (vector < 10 || vector > 14) && "
	"vector != 17\n"
	"	pushl	$0\n"
	"	.endif\n"
	"	pushl	$vector\n"
	"	jmp	trap_common\n"
	"	.set	vector, vector + 1\n"
	"	.endr\n"
	"trap_common:\n"
	"	pushal\n"
	"	movl	$0x10, %eax\n"
	"	movl	%eax, %ds\n"
	"	movl	%eax, %es\n"
	"	leal	40(%esp), %eax\n"
	"	movl	%eax, trap + 76\n"
	"	cld\n"
	"	movl	%esp, %esi\n"
	"	movl	$trap, %edi\n"
	"	movl	$19, %ecx\n"
	"	rep movsl\n"
	"	movl	resume, %esp\n"
	"	movl	%esp, %eax\n"
	"	popal\n"
	"	ret\n"
	"	.globl	enter_code\n"
	"enter_code:\n"
	"	movl	4(%esp), %edx\n"
	"	pushal\n"
	"	movl	%esp, resume\n"
	"	testl	$0x20000, 8(%edx)\n"
	"	jnz	vm\n"
	"	testl	$3, 4(%edx)\n"
	"	jnz	outer\n"
	"	movl	12(%edx), %esp\n"
	"	jmp	same\n"
	"vm:	pushl	32(%edx)\n"
	"	pushl	28(%edx)\n"
	"	pushl	24(%edx)\n"
	"	pushl	20(%edx)\n"
	"outer:	pushl	16(%edx)\n"
	"	pushl	12(%edx)\n"
	"same:	pushl	8(%edx)\n"
	"	pushl	4(%edx)\n"
	"	pushl	(%edx)\n"
	"	movl	36(%edx), %eax\n"
	"	movl	40(%edx), %ebx\n"
	"	movl	44(%edx), %ecx\n"
	"	movw	28(%edx), %fs\n"
	"	movw	32(%edx), %gs\n"
	"	movw	20(%edx), %es\n"
	"	movw	24(%edx), %ds\n"
	"	iretl\n");

static u64 gdt[GDT_END / 8] __attribute__((aligned(8)));
static u64 ldt[4] __attribute__((aligned(8)));
static u64 traps[256] __attribute__((aligned(8)));
static struct tss tss, tss_b;
static u8 trap_stack[4096] __attribute__((aligned(16)));
static u8 stacks[4][4096] __attribute__((aligned(16)));

struct __attribute__((packed)) pointer {
	u16 limit;
	u32 base;
};

static inline u64 segment(u32 base, u32 limit, u32 attributes)
{
	return (limit & 0xffff) | (u64)(base & 0xffffff) << 16 |
		(u64)attributes << 40 | (u64)(limit >> 16 & 15) << 48 |
		(u64)(base >> 24) << 56;
}

static inline u64 gate_to(u32 selector, u32 offset, u32 attributes)
{
	return (offset & 0xffff) | (u64)selector << 16 |
		(u64)attributes << 32 | (u64)(offset >> 16) << 48;
}

/* Attributes of an interrupt gate of a level. */
#define INT_GATE(dpl) (0x8e00u | (u32)(dpl) << 13)

static inline void set_trap(unsigned vector, u32 selector, u32 attributes)
{
	traps[vector] = gate_to(selector, (u32)trap_stubs[vector], attributes);
}

static inline void set_idt(u32 limit)
{
	struct pointer p = { (u16)limit, (u32)traps };

	__asm__ volatile("lidt %0" : : "m"(p));
}

static inline void set_segments(void)
{
	u32 level;

	for (level = 0; level < 4; level++) {
		u32 dpl = level << 5, at = level ? CODE1 + 16 * (level - 1) :
			CODE0;

		gdt[at / 8] = segment(0, 0xfffff, 0xc09b | dpl);
		gdt[at / 8 + 1] = segment(0, 0xfffff, 0xc093 | dpl);
	}
	gdt[CONFORMING / 8] = segment(0, 0xfffff, 0xc09f);
	gdt[CONFORMING2 / 8] = segment(0, 0xfffff, 0xc0df);
	gdt[EXECUTE_ONLY / 8] = segment(0, 0xfffff, 0xc0f9);
	gdt[ABSENT_DATA / 8] = segment(0, 0xfffff, 0xc073);
	gdt[ABSENT_CODE / 8] = segment(0, 0xfffff, 0xc01b);
	gdt[READ_ONLY / 8] = segment(0, 0xfffff, 0xc0f1);
	gdt[DOWN / 8] = segment(0, 0xfff, 0x40f7);
	gdt[TINY / 8] = segment((u32)stacks, 15, 0x40f3);
	gdt[LDT / 8] = segment((u32)ldt, sizeof(ldt) - 1, 0x82);
	gdt[TSS / 8] = segment((u32)&tss, sizeof(tss) - 1, 0x89);
	gdt[TSS_B / 8] = segment((u32)&tss_b, sizeof(tss_b) - 1, 0x89);
	gdt[TSS_SHORT / 8] = segment((u32)&tss_b, 0x66, 0x89);
	gdt[TSS_ABSENT / 8] = segment((u32)&tss_b, sizeof(tss_b) - 1, 0x09);
	ldt[1] = segment(0, 0xfffff, 0xc0f3);
}

static inline void set_machine(void)
{
	struct pointer p = { sizeof(gdt) - 1, (u32)gdt };
	u32 i;

	set_segments();
	__asm__ volatile("lgdt %0" : : "m"(p));
	for (i = 0; i < 256; i++)
		set_trap(i, CODE0, INT_GATE(i == DONE ? 3 : 0));
	set_idt(sizeof(traps) - 1);
	tss.ss0 = DATA0;
	tss.esp0 = (u32)trap_stack + sizeof(trap_stack);
	tss.ss1 = DATA1 + 1;
	tss.esp1 = (u32)stacks[1] + sizeof(stacks[1]);
	tss.ss2 = DATA2 + 2;
	tss.esp2 = (u32)stacks[2] + sizeof(stacks[2]);
	tss.map = (u16)((u32)tss.ports - (u32)&tss);
	tss.ports[32] = 0xff;
	__asm__ volatile("ltr %w0" : : "r"(TSS));
	__asm__ volatile("lldt %w0" : : "r"(LDT));
}

static inline u32 code_of(u32 level)
{
	return level ? (CODE1 + 16 * (level - 1)) | level : CODE0;
}

static inline u32 data_of(u32 level)
{
	return level ? (DATA1 + 16 * (level - 1)) | level : DATA0;
}

/* Run code at a level, with a value in EAX, until it ends: see `trap`. */
static inline void run_at(u32 level, void (*code)(void), u32 eax)
{
	struct entry e = {
		.eip = (u32)code, .cs = code_of(level), .eflags = 2,
		.esp = (u32)stacks[level] + sizeof(stacks[level]) - 64,
		.ss = data_of(level), .ds = data_of(level),
		.es = data_of(level), .eax = eax,
	};

	trap.vector = 0xff;
	enter_code(&e);
}

#endif
