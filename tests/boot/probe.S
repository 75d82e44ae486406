/* SPDX-License-Identifier: MIT */
/* The beginning of probe.c: multiboot, and what C has no words for. */

	.text
	.align	4
	.long	0x1badb002, 0, -0x1badb002

	.globl	_start
_start:
	mov	$top, %esp
	call	guest
	mov	$0xf4, %edx
	out	%al, %dx
1:	hlt
	jmp	1b

	.globl	out8
out8:
	mov	4(%esp), %edx
	mov	8(%esp), %eax
	out	%al, %dx
	ret

	.globl	in8
in8:
	mov	4(%esp), %edx
	xor	%eax, %eax
	in	%dx, %al
	ret

	.bss
	.space	4096
top:

	.section .note.GNU-stack, "", @progbits
