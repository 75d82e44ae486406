/* SPDX-License-Identifier: MIT */
/* Where multiboot and PVH loaders enter a guest; main() gets EAX and EBX. */

#define MAGIC 0x1badb002
#define FLAGS 0x00000003

	.section .multiboot, "a"
	.balign 4
	.long	MAGIC, FLAGS, -(MAGIC + FLAGS)

	.section .note.pvh, "a", @note
	.balign 4
	.long	4, 4, 18
	.asciz	"Xen"
	.long	start_pvh

	.text
	.globl	_start
start_pvh:
	xorl	%eax, %eax
_start:
	movl	$stack_end, %esp
	lgdt	gdt_pointer
	ljmp	$0x08, $1f
1:	movw	$0x10, %cx
	movw	%cx, %ds
	movw	%cx, %es
	movw	%cx, %ss
	xorl	%ebp, %ebp
	cld
	pushl	%ebx
	pushl	%eax
	call	main
	pushl	%eax
	call	leave
2:	hlt
	jmp	2b

/*
 * One stub for each vector, 16 bytes apart: to handlers[vector](error). Only
 * vector 14 is taken to bring an error code: a BIOS's PIC has 8 to 15.
 *
 * The way back is IRET from a page fault and, for the sake of KVMs that run
 * kernels by an interpreter without IRET, a far return from the others.
 */
	.balign	16
	.globl	stubs
stubs:
	.set	vector, 0
	.rept	256
	.balign	16
	.if	vector != 14
	pushl	$0
	.endif
	pushl	$vector
	jmp	common
	.set	vector, vector + 1
	.endr
common:	pushal
	movl	32(%esp), %eax
	pushl	36(%esp)
	call	*handlers(, %eax, 4)
	popl	%eax
	cmpl	$14, 32(%esp)
	popal
	leal	8(%esp), %esp
	je	3f
	pushl	8(%esp)
	popfl
	lret	$4
3:	iretl

	.section .rodata
	.balign 8
	/* 0x08 code, 0x10 data, 0x18 64-bit code */
gdt:	.quad	0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00af9b000000ffff
gdt_pointer:
	.word	. - gdt - 1
	.long	gdt

	.bss
	.balign 16
	.skip	16384
stack_end:
	.section .note.GNU-stack, "", @progbits
