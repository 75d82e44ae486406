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
