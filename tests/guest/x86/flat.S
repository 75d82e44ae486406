/* SPDX-License-Identifier: MIT */
/* A boot sector: real mode at 0x7c00, a software interrupt, then it leaves. */
	.code16
	.text
	.globl	_start
_start:
	cmpb	$0x80, %dl		/* the boot drive */
	jne	failed
	movw	%cs, %ax
	testw	%ax, %ax
	jnz	failed
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	$0x7c00, %sp
	cld
	movw	$text, %si
	call	print
	/* Interrupt 0x21 by the vector table. */
	movw	$handler, 4 * 0x21
	movw	%ax, 4 * 0x21 + 2
	int	$0x21
	cmpw	$0x1234, %bx
	jne	failed
	/* Where the BIOS data area says RAM ends. */
	cmpw	$639, 0x413
	jne	failed
	/* A string to a port. */
	movw	$done, %si
	movw	$(done_end - done), %cx
	movw	$0xe9, %dx
	rep	outsb
	xorb	%al, %al
	outb	%al, $0xf4
failed:
	movb	$1, %al
	outb	%al, $0xf4
	hlt

print:	lodsb
	testb	%al, %al
	jz	1f
	outb	%al, $0xe9
	jmp	print
1:	ret

handler:
	movw	$0x1234, %bx
	iretw

text:	.asciz	"real mode\n"
done:	.ascii	"interrupt\n"
done_end:
	.org	510
	.word	0xaa55
