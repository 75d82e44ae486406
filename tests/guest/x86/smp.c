/* SPDX-License-Identifier: MIT */
/* Starts a second processor by INIT and SIPI; both count under LOCK. */
#include "guest.h"

#define TRAMPOLINE 0x8000
#define ROUNDS	   1000

volatile u32 counter;
volatile u32 arrived;

/* In real mode at 0800:0000; to flat protected mode by the GDT of start.S. */
__asm__(
	"	.text\n"
	"	.globl	trampoline, trampoline_end\n"
	"	.code16\n"
	"trampoline:\n"
	"	cli\n"
	"	lgdtl	%cs:pointer16 - trampoline\n"
	"	movl	%cr0, %eax\n"
	"	orl	$1, %eax\n"
	"	movl	%eax, %cr0\n"
	"	ljmpl	$0x08, $start32\n"
	"pointer16: .word 31\n"
	"	.long	gdt_second\n"
	"trampoline_end:\n"
	"	.code32\n"
	"start32:\n"
	"	movw	$0x10, %ax\n"
	"	movw	%ax, %ds\n"
	"	movw	%ax, %ss\n"
	"	movl	$1000, %ecx\n"
	"1:	lock incl counter\n"
	"	loop	1b\n"
	"	movl	$1, arrived\n"
	"2:	cli\n"
	"	hlt\n"
	"	jmp	2b\n"
	"	.section .rodata\n"
	"	.balign	8\n"
	"gdt_second:\n"
	"	.quad	0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0\n"
	"	.text\n");

extern const u8 trampoline[], trampoline_end[];

static void send_ipi(u32 low)
{
	mmio_write(LAPIC_ICR2, 1u << 24);
	mmio_write(LAPIC_ICR, low);
	while (mmio_read(LAPIC_ICR) & 0x1000)
		;
}

int main(u32 magic, const u32 *info)
{
	u8 *to = (u8 *)TRAMPOLINE;
	const u8 *from;
	u32 i;

	(void)magic;
	(void)info;
	for (from = trampoline; from < trampoline_end; from++)
		*to++ = *from;
	check("APIC id 0 boots", mmio_read(LAPIC_ID) == 0);
	mmio_write(LAPIC_SVR, 0x1ff);
	send_ipi(0x4500);			  /* INIT */
	send_ipi(0x4600 | TRAMPOLINE >> 12);	  /* SIPI */
	for (i = 0; i < ROUNDS; i++)
		__asm__ volatile("lock incl %0" : "+m"(counter));
	while (!arrived)
		__asm__ volatile("pause");
	show("counted", counter);
	return wrong;
}
