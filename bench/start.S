/* SPDX-License-Identifier: MIT */
/* Multiboot entry of the benchmark guest: long mode, 4 GiB in 2 MiB pages. */

#define MAGIC 0x1badb002
#define FLAGS 0x00000003

	.section .multiboot, "a"
	.balign	4
	.long	MAGIC, FLAGS, -(MAGIC + FLAGS)

	.text
	.code32
	.globl	_start
_start:
	lgdt	gdt_pointer
	movl	%ebx, %ebp		/* the multiboot information */
	/* A root with one entry, below it four, below them large pages. */
	movl	$level3 + 3, root
	movl	$level2 + 0x0003, level3
	movl	$level2 + 0x1003, level3 + 8
	movl	$level2 + 0x2003, level3 + 16
	movl	$level2 + 0x3003, level3 + 24
	movl	$level2, %edi
	movl	$0x83, %eax
	movl	$2048, %ecx
1:	movl	%eax, (%edi)
	addl	$0x200000, %eax
	addl	$8, %edi
	decl	%ecx
	jnz	1b
	movl	$root, %eax
	movl	%eax, %cr3
	movl	%cr4, %eax
	orl	$0x620, %eax		/* PAE, OSFXSR, OSXMMEXCPT */
	movl	%eax, %cr4
	movl	$0xc0000080, %ecx	/* EFER.LME */
	rdmsr
	orl	$0x100, %eax
	wrmsr
	movl	%cr0, %eax
	andl	$0x9ffffff3, %eax	/* no CD, NW, EM, TS */
	orl	$0x80000003, %eax	/* PG, MP, PE */
	movl	%eax, %cr0
	ljmp	$0x08, $2f
	.code64
2:	movw	$0x10, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movl	$stack_end, %esp
	movl	%ebp, %edi
	cld
	fninit
	call	main
	xorl	%eax, %eax
	outb	%al, $0xf4
3:	cli
	hlt
	jmp	3b

	/* What kernel `int` calls. */
	.globl	gate
gate:	incq	%rbx
	iretq

	.section .rodata
	.balign	8
gdt:	.quad	0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
	.word	. - gdt - 1
	.long	gdt

	.bss
	.balign	4096
root:	.skip	4096
level3:	.skip	4096
level2:	.skip	16384
	.skip	65536
stack_end:
	.section .note.GNU-stack, "", @progbits
