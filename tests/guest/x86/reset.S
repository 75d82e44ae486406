/* SPDX-License-Identifier: MIT */
/* Resets itself in each way there is; the CMOS, which lives on, counts. */
	.code16
	.text
	.globl	_start
_start:
	xorw	%ax, %ax
	movw	%ax, %ds
	movb	$0x50, %al
	outb	%al, $0x70
	inb	$0x71, %al
	movb	%al, %bl
	incb	%al
	outb	%al, $0x71
	addb	$'0', %al
	outb	%al, $0xe9
	movb	$'\n', %al
	outb	%al, $0xe9
	/* Memory is loaded again: this was cleared by the image. */
	cmpb	$0, mark
	jne	failed
	movb	$1, mark
	testb	%bl, %bl
	jz	keyboard
	cmpb	$1, %bl
	je	control
	cmpb	$2, %bl
	je	shutdown
	cmpb	$3, %bl
	je	fast
	movw	$0x604, %dx		/* S5 */
	movw	$0x2000, %ax
	outw	%ax, %dx
	jmp	failed
keyboard:
	movb	$0xfe, %al
	outb	%al, $0x64
	jmp	wait
control:
	movw	$0xcf9, %dx
	movb	$0x06, %al
	outb	%al, %dx
	jmp	wait
fast:
	movb	$1, %al
	outb	%al, $0x92
	jmp	wait
shutdown:
	lidt	none			/* so an exception is three */
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	ud2
wait:	hlt
	jmp	wait
failed:
	movb	$1, %al
	outb	%al, $0xf4
	hlt

none:	.word	0
	.long	0
mark:	.byte	0
