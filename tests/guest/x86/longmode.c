/* SPDX-License-Identifier: MIT */
/* To 64-bit mode and back: arithmetic, and an exception on the way. */
#include "guest.h"

#define ALIGNED __attribute__((aligned(4096)))

static u64 pml4[512] ALIGNED;
static u64 pdpt[512] ALIGNED;
static u64 pd[512] ALIGNED;
/* The handler of #UD finds these by name. */
u64 result;
u32 faults;
u64 idt64[32][2];

/*
 * RDI gets a product that needs 64 bits; UD2 goes to the handler, which
 * steps over it.
 */
__asm__(
	"	.text\n"
	"	.globl	run64, handler64\n"
	"run64:	ljmp	$0x18, $1f\n"
	"	.code64\n"
	"1:	movabsq	$0x100000001, %rax\n"
	"	movl	$3, %ecx\n"
	"	mulq	%rcx\n"
	"	movq	%rax, %r15\n"
	"	ud2\n"
	"	addq	%r14, %r15\n"
	"	movl	$result, %edi\n"
	"	movq	%r15, (%rdi)\n"
	"	movl	$back, %edi\n"
	"	ljmp	*(%rdi)\n"
	"handler64:\n"
	"	movl	$faults, %edi\n"
	"	incl	(%rdi)\n"
	"	movl	$4, %r14d\n"
	"	addq	$2, (%rsp)\n"
	"	iretq\n"
	"	.code32\n"
	"2:	ret\n"
	"	.section .rodata\n"
	"back:	.long	2b\n"
	"	.word	0x08\n"
	"	.text\n");

void run64(void);
void handler64(void);

static void set_gate64(unsigned vector, void (*handler)(void))
{
	u32 address = (u32)handler;

	idt64[vector][0] = (address & 0xffff) | 0x18u << 16 |
		(u64)0x8e00 << 32 | (u64)(address & 0xffff0000) << 32;
	idt64[vector][1] = 0;
}

static void set_cr4(u32 value)
{
	__asm__ volatile("movl %0, %%cr4" : : "r"(value));
}

static void set_cr0(u32 set, u32 clear)
{
	u32 cr0;

	__asm__ volatile("movl %%cr0, %0" : "=r"(cr0));
	cr0 = (cr0 & ~clear) | set;
	__asm__ volatile("movl %0, %%cr0" : : "r"(cr0) : "memory");
}

static u32 efer(u32 set)
{
	u32 low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(0xc0000080));
	if (set != 0)
		__asm__ volatile("wrmsr" : :
			"a"(low | set), "d"(high), "c"(0xc0000080));
	return low;
}

int main(u32 magic, const u32 *info)
{
	struct __attribute__((packed)) {
		u16 limit;
		u32 base;
		u32 high;
	} pointer = { sizeof(idt64) - 1, (u32)idt64, 0 };
	u32 i;

	(void)magic;
	(void)info;
	for (i = 0; i < 512; i++)
		pd[i] = (u64)i << 21 | 0x83;
	pdpt[0] = (u32)pd | 3;
	pml4[0] = (u32)pdpt | 3;
	set_gate64(6, handler64);
	set_cr4(0x20);
	__asm__ volatile("movl %0, %%cr3" : : "r"(pml4) : "memory");
	efer(0x100);
	set_cr0(0x80000000u, 0);
	check("long mode is active", (efer(0) & 0x400) != 0);
	__asm__ volatile("lidt %0" : : "m"(pointer));
	/* All registers may change; EBP cannot be named. */
	__asm__ volatile("pushl %%ebp; call run64; popl %%ebp" : : :
		"eax", "ebx", "ecx", "edx", "esi", "edi", "memory");
	check("back in 32 bits", 1);
	print("result: ");
	print_hex64(result);
	print("\n");
	show("exceptions", faults);
	set_cr0(0, 0x80000000u);
	check("paging off, long mode too", (efer(0) & 0x400) == 0);
	return wrong;
}
