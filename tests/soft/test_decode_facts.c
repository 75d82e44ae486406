/* SPDX-License-Identifier: MIT */
/*
 * Single facts of x86 encoding, with what the manual says of each.
 *
 * What the table test cannot know, because it reads the table: which prefix
 * wins, what REX reaches, default segments, sign extension, limits of length.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/soft/insn.h"

enum { ES = VMI_ES, CS, SS, DS, FS, GS };

struct fact {
	unsigned mode;
	const char *bytes; /* in hexadecimal */
	int err;
	const char *text; /* at address 0x1000 */
	unsigned opsize, seg;
};

static const struct fact facts[] = {
	/* SDM 2A 2.1.1: REX counts only right before the opcode. */
	{ 64, "48 89 c8", 0, "mov rax, rcx", 8, DS },
	{ 64, "48 66 89 c8", 0, "mov ax, cx", 2, DS },
	{ 64, "66 48 89 c8", 0, "mov rax, rcx", 8, DS },
	{ 64, "44 48 89 c8", 0, "mov rax, rcx", 8, DS },
	{ 64, "4d 89 c8", 0, "mov r8, r9", 8, DS },
	{ 32, "48 89 c8", 0, "dec eax", 4, DS },
	{ 16, "41", 0, "inc cx", 2, DS },
	/* 2A 2.2.1.2: any REX turns AH, CH, DH, BH into SPL, BPL, SIL, DIL. */
	{ 64, "88 e0", 0, "mov al, ah", 4, DS },
	{ 64, "40 88 e0", 0, "mov al, spl", 4, DS },
	{ 64, "b7 01", 0, "mov bh, 1", 4, DS },
	{ 64, "40 b7 01", 0, "mov dil, 1", 4, DS },
	{ 64, "41 b7 01", 0, "mov r15b, 1", 4, DS },
	{ 64, "40 66 b7 01", 0, "mov bh, 1", 2, DS },
	/* 2A 2.1.5: addresses of 16 bits; BP means SS. */
	{ 16, "8b 00", 0, "mov ax, word ptr [bx + si]", 2, DS },
	{ 16, "8b 43 fe", 0, "mov ax, word ptr [bp + di - 2]", 2, SS },
	{ 16, "8b 46 00", 0, "mov ax, word ptr [bp]", 2, SS },
	{ 16, "8b 06 34 12", 0, "mov ax, word ptr [0x1234]", 2, DS },
	{ 16, "8b 87 00 80", 0, "mov ax, word ptr [bx - 0x8000]", 2, DS },
	{ 16, "3e 8b 46 00", 0, "mov ax, word ptr ds:[bp]", 2, DS },
	{ 16, "67 8b 04 24", 0, "mov ax, word ptr [esp]", 2, SS },
	{ 16, "66 8b 05", 0, "mov eax, dword ptr [di]", 4, DS },
	{ 32, "67 8b 46 00", 0, "mov eax, dword ptr [bp]", 4, SS },
	/* and of 32 and 64 bits, with SIB. */
	{ 32, "8b 05 78 56 34 12", 0, "mov eax, dword ptr [0x12345678]", 4,
		DS },
	{ 32, "8b 04 8d 00 00 00 80", 0,
		"mov eax, dword ptr [ecx*4 - 0x80000000]", 4, DS },
	{ 32, "8b 44 25 08", 0, "mov eax, dword ptr [ebp + 8]", 4, SS },
	{ 32, "8b 04 64", 0, "mov eax, dword ptr [esp]", 4, SS },
	{ 64, "8b 05 00 01 00 00", 0, "mov eax, dword ptr [rip + 0x100]", 4,
		DS },
	{ 64, "67 8b 05 00 01 00 00", 0, "mov eax, dword ptr [eip + 0x100]", 4,
		DS },
	{ 64, "8b 04 25 00 00 00 80", 0,
		"mov eax, dword ptr [0xffffffff80000000]", 4, DS },
	{ 64, "42 8b 04 20", 0, "mov eax, dword ptr [rax + r12]", 4, DS },
	{ 64, "41 8b 04 24", 0, "mov eax, dword ptr [r12]", 4, DS },
	{ 64, "41 8b 45 00", 0, "mov eax, dword ptr [r13]", 4, DS },
	{ 64, "41 8b 05 10 00 00 00", 0, "mov eax, dword ptr [rip + 0x10]", 4,
		DS },
	{ 64, "43 8b 04 25 00 00 00 00", 0, "mov eax, dword ptr [r12]", 4, DS },
	{ 64, "8b 04 cb", 0, "mov eax, dword ptr [rbx + rcx*8]", 4, DS },
	{ 64, "8b 45 00", 0, "mov eax, dword ptr [rbp]", 4, SS },
	/* 2A 2.1.1, 1 3.7.4: segments; in 64-bit mode FS and GS alone. */
	{ 32, "2e 26 8b 00", 0, "mov eax, dword ptr es:[eax]", 4, ES },
	{ 32, "64 8b 45 00", 0, "mov eax, dword ptr fs:[ebp]", 4, FS },
	{ 64, "26 8b 00", 0, "mov eax, dword ptr [rax]", 4, DS },
	{ 64, "65 2e 8b 00", 0, "mov eax, dword ptr gs:[rax]", 4, GS },
	{ 64, "64 65 8b 00", 0, "mov eax, dword ptr gs:[rax]", 4, GS },
	{ 64, "36 8b 00", 0, "mov eax, dword ptr [rax]", 4, DS },
	{ 32, "2e a4", 0, "movsb byte ptr es:[edi], byte ptr cs:[esi]", 4, CS },
	/* Immediates: which are sign-extended and how far. */
	{ 64, "48 81 c0 00 00 00 80", 0, "add rax, -0x80000000", 8, DS },
	{ 64, "83 c0 ff", 0, "add eax, -1", 4, DS },
	{ 64, "80 c0 ff", 0, "add al, 0xff", 4, DS },
	{ 64, "66 81 c0 34 12", 0, "add ax, 0x1234", 2, DS },
	{ 64, "48 b8 01 02 03 04 05 06 07 88", 0, "mov rax, 0x8807060504030201",
		8, DS },
	{ 64, "48 c7 c0 ff ff ff ff", 0, "mov rax, -1", 8, DS },
	{ 64, "6a 80", 0, "push -0x80", 8, DS },
	{ 64, "66 68 34 12", 0, "push 0x1234", 2, DS },
	{ 64, "68 00 00 00 80", 0, "push -0x80000000", 8, DS },
	{ 32, "c8 34 12 1f", 0, "enter 0x1234, 0x1f", 4, DS },
	{ 32, "9a 78 56 34 12 cd ab", 0, "lcall 0xabcd:0x12345678", 4, DS },
	{ 16, "ea 34 12 cd ab", 0, "ljmp 0xabcd:0x1234", 2, DS },
	{ 16, "66 ea 78 56 34 12 cd ab", 0, "ljmp 0xabcd:0x12345678", 4, DS },
	{ 32, "6b c3 f0", 0, "imul eax, ebx, -0x10", 4, DS },
	/* 2B MOV: an offset is of the address size. */
	{ 64, "a1 88 77 66 55 44 33 22 11", 0,
		"mov eax, dword ptr [0x1122334455667788]", 4, DS },
	{ 64, "67 a1 88 77 66 f5", 0, "mov eax, dword ptr [0xf5667788]", 4,
		DS },
	{ 16, "a1 88 f7", 0, "mov ax, word ptr [0xf788]", 2, DS },
	{ 32, "64 a2 04 00 00 80", 0, "mov byte ptr fs:[0x80000004], al", 4,
		FS },
	/* 2A CALL, JMP, Jcc: near branches; the target is truncated. */
	{ 64, "66 e9 00 01 00 00", 0, "jmp 0x1106", 8, DS },
	{ 64, "e8 fb ef ff ff", 0, "call 0", 8, DS },
	{ 32, "66 e9 00 f0", 0, "jmp 4", 2, DS },
	{ 16, "e9 00 f0", 0, "jmp 3", 2, DS },
	{ 16, "66 e9 fb ef ff ff", 0, "jmp 1", 4, DS },
	{ 64, "66 0f 84 00 01 00 00", 0, "je 0x1107", 8, DS },
	{ 64, "ff 10", 0, "call qword ptr [rax]", 8, DS },
	{ 64, "66 ff e0", 0, "jmp rax", 8, DS },
	{ 64, "48 ff 28", 0, "ljmp tbyte ptr [rax]", 8, DS },
	{ 64, "67 e3 fe", 0, "jecxz 0x1001", 8, DS },
	/* 2D A.1 d64: 64 bits by default, 16 with 66, never 32. */
	{ 64, "50", 0, "push rax", 8, DS },
	{ 64, "66 50", 0, "push ax", 2, DS },
	{ 64, "41 58", 0, "pop r8", 8, DS },
	{ 64, "9c", 0, "pushfq", 8, DS },
	{ 64, "66 9c", 0, "pushf", 2, DS },
	{ 64, "c9", 0, "leave", 8, DS },
	{ 64, "0f a0", 0, "push fs", 8, DS },
	{ 64, "cb", 0, "retf", 4, DS },
	{ 64, "48 cf", 0, "iretq", 8, DS },
	/* 2B NOP, PAUSE, XCHG. */
	{ 64, "90", 0, "nop", 4, DS },
	{ 64, "f3 90", 0, "pause", 4, DS },
	{ 64, "41 90", 0, "xchg r8d, eax", 4, DS },
	{ 64, "f3 41 90", 0, "xchg r8d, eax", 4, DS },
	{ 64, "48 90", 0, "nop", 8, DS },
	{ 64, "f3 0f 1e fa", 0, "endbr64", 4, DS },
	{ 64, "f3 0f 1e fb", 0, "endbr32", 4, DS },
	{ 64, "0f 1e fa", 0, "nop edx", 4, DS },
	/* Mandatory prefixes: F2 and F3 before 66, the last of them. */
	{ 64, "66 0f 58 c1", 0, "addpd xmm0, xmm1", 2, DS },
	{ 64, "66 f3 0f 58 c1", 0, "addss xmm0, xmm1", 2, DS },
	{ 64, "f3 66 0f 58 c1", 0, "addss xmm0, xmm1", 2, DS },
	{ 64, "f3 f2 0f 58 c1", 0, "addsd xmm0, xmm1", 4, DS },
	{ 64, "f2 f3 0f 58 c1", 0, "addss xmm0, xmm1", 4, DS },
	{ 64, "66 f3 0f b8 c1", 0, "popcnt ax, cx", 2, DS },
	{ 64, "66 f2 0f 38 f1 c1", 0, "crc32 eax, cx", 2, DS },
	{ 64, "f2 48 0f 38 f0 c1", 0, "crc32 rax, cl", 8, DS },
	{ 64, "f3 0f 14 c1", -EILSEQ, NULL, 0, 0 },
	{ 64, "f3 0f bc c1", 0, "bsf eax, ecx", 4, DS },
	{ 64, "f3 48 0f 2a c1", 0, "cvtsi2ss xmm0, rcx", 8, DS },
	{ 64, "66 48 0f 6e c1", 0, "movq xmm0, rcx", 8, DS },
	{ 64, "66 0f 3a 16 c1 03", 0, "pextrd ecx, xmm0, 3", 2, DS },
	/* REX does not reach MMX, x87 and segment registers (2A table 2-4). */
	{ 64, "4d 0f 6f c1", 0, "movq mm0, mm1", 8, DS },
	{ 64, "41 0f 6f 01", 0, "movq mm0, qword ptr [r9]", 4, DS },
	{ 64, "41 d8 c1", 0, "fadd st(0), st(1)", 4, DS },
	{ 64, "41 d8 01", 0, "fadd dword ptr [r9]", 4, DS },
	{ 64, "44 8e d8", 0, "mov ds, ax", 4, DS },
	{ 64, "45 0f 28 c1", 0, "movaps xmm8, xmm9", 4, DS },
	/* 2B MOV to and from control and debug registers. */
	{ 32, "0f 20 00", 0, "mov eax, cr0", 4, DS },
	{ 32, "0f 22 84", 0, "mov cr0, esp", 4, DS },
	{ 16, "0f 20 c0", 0, "mov eax, cr0", 2, DS },
	{ 64, "66 0f 20 c0", 0, "mov rax, cr0", 8, DS },
	{ 64, "44 0f 20 c0", 0, "mov rax, cr8", 8, DS },
	{ 64, "41 0f 22 d8", 0, "mov cr3, r8", 8, DS },
	{ 64, "44 0f 20 d0", -EILSEQ, NULL, 0, 0 },
	{ 32, "0f 20 c8", -EILSEQ, NULL, 0, 0 },
	{ 64, "0f 21 f8", 0, "mov rax, dr7", 8, DS },
	{ 64, "44 0f 21 c0", -EILSEQ, NULL, 0, 0 },
	{ 32, "8e c8", -EILSEQ, NULL, 0, 0 },
	{ 32, "8c f0", -EILSEQ, NULL, 0, 0 },
	{ 64, "48 8c d8", 0, "mov rax, ds", 8, DS },
	{ 64, "8c 18", 0, "mov word ptr [rax], ds", 4, DS },
	/* LES, LDS, BOUND and POP against VEX, EVEX and XOP. */
	{ 32, "c4 00", 0, "les eax, fword ptr [eax]", 4, DS },
	{ 16, "c5 00", 0, "lds ax, dword ptr [bx + si]", 2, DS },
	{ 32, "62 00", 0, "bound eax, qword ptr [eax]", 4, DS },
	{ 32, "c4 e2 79 00 c0", -EILSEQ, NULL, 0, 0 },
	{ 32, "c5 f8 28 c0", -EILSEQ, NULL, 0, 0 },
	{ 32, "62 f1 7c 48 28 c0", -EILSEQ, NULL, 0, 0 },
	{ 64, "c5 f8 28 c0", -EILSEQ, NULL, 0, 0 },
	{ 64, "62 f1 7c 48 28 c0", -EILSEQ, NULL, 0, 0 },
	{ 64, "8f e8 78 00 00", -EILSEQ, NULL, 0, 0 },
	{ 64, "8f 00", 0, "pop qword ptr [rax]", 8, DS },
	/* 2A LOCK: the list, and only with memory as the destination. */
	{ 64, "f0 01 08", 0, "lock add dword ptr [rax], ecx", 4, DS },
	{ 64, "f0 03 08", -EILSEQ, NULL, 0, 0 },
	{ 64, "f0 01 c8", -EILSEQ, NULL, 0, 0 },
	{ 64, "f0 38 08", -EILSEQ, NULL, 0, 0 },
	{ 64, "f0 0f a3 08", -EILSEQ, NULL, 0, 0 },
	{ 64, "f0 0f ab 08", 0, "lock bts dword ptr [rax], ecx", 4, DS },
	{ 64, "f0 48 0f c7 08", 0, "lock cmpxchg16b xmmword ptr [rax]", 8, DS },
	{ 64, "f0 0f c7 08", 0, "lock cmpxchg8b qword ptr [rax]", 4, DS },
	{ 64, "f0 86 08", 0, "lock xchg byte ptr [rax], cl", 4, DS },
	{ 64, "f0 90", -EILSEQ, NULL, 0, 0 },
	{ 64, "f0 0f 20 c0", -EILSEQ, NULL, 0, 0 },
	{ 64, "f0 c7 00 01 00 00", -EAGAIN, NULL, 0, 0 },
	{ 64, "f0 c7 00 01 00 00 00", -EILSEQ, NULL, 0, 0 },
	/* Group digits and modes. */
	{ 64, "0f c7 f0", 0, "rdrand eax", 4, DS },
	{ 64, "0f c7 f8", 0, "rdseed eax", 4, DS },
	{ 64, "0f c7 30", -EILSEQ, NULL, 0, 0 },
	{ 64, "fe d0", -EILSEQ, NULL, 0, 0 },
	{ 64, "ff f8", -EILSEQ, NULL, 0, 0 },
	{ 64, "ff d8", -EILSEQ, NULL, 0, 0 },
	{ 64, "06", -EILSEQ, NULL, 0, 0 },
	{ 64, "d4 0a", -EILSEQ, NULL, 0, 0 },
	{ 64, "82 c0 01", -EILSEQ, NULL, 0, 0 },
	{ 32, "82 c0 01", 0, "add al, 1", 4, DS },
	{ 32, "0f 01 f8", -EILSEQ, NULL, 0, 0 },
	{ 64, "0f 01 f8", 0, "swapgs", 4, DS },
	{ 64, "0f 01 38", 0, "invlpg [rax]", 4, DS },
	{ 64, "63 c8", 0, "movsxd ecx, eax", 4, DS },
	{ 64, "48 63 c8", 0, "movsxd rcx, eax", 8, DS },
	{ 32, "63 c8", 0, "arpl ax, cx", 4, DS },
	{ 64, "0f ae f0", 0, "mfence", 4, DS },
	{ 64, "0f ae f7", 0, "mfence", 4, DS },
	{ 64, "0f ae 38", 0, "clflush byte ptr [rax]", 4, DS },
	{ 64, "f3 48 0f ae d0", 0, "wrfsbase rax", 8, DS },
	{ 32, "f3 0f ae d0", -EILSEQ, NULL, 0, 0 },
	{ 64, "48 0f ae 00", 0, "fxsave64 [rax]", 8, DS },
	{ 64, "d9 e8", 0, "fld1", 4, DS },
	{ 64, "d9 ef", -EILSEQ, NULL, 0, 0 },
	{ 64, "9b d9 38", 0, "wait", 4, DS },
	{ 64, "66 d9 38", 0, "fnstcw word ptr [rax]", 2, DS },
	{ 64, "f3 a4", 0, "rep movsb byte ptr es:[rdi], byte ptr [rsi]", 4,
		DS },
	{ 64, "f2 48 a7", 0, "repne cmpsq qword ptr [rsi], qword ptr es:[rdi]",
		8, DS },
	{ 64, "67 66 ab", 0, "stosw word ptr es:[edi], ax", 2, DS },
	{ 64, "48 6d", 0, "insd dword ptr es:[rdi], dx", 8, DS },
	{ 32, "0f 38 f0 c1", -EILSEQ, NULL, 0, 0 },
	{ 32, "66 0f 38 f0 01", 0, "movbe ax, word ptr [ecx]", 2, DS },
	{ 32, "66 0f 38 14 c1", 0, "blendvps xmm0, xmm1, xmm0", 2, DS },
	/* 2A 2.3.11: 15 bytes. */
	{ 64, "66 66 66 66 66 66 66 66 66 66 66 66 66 66 90", 0, "nop", 2, DS },
	{ 64, "66 66 66 66 66 66 66 66 66 66 66 66 66 66 66 90", -E2BIG, NULL,
		0, 0 },
	{ 64, "66 66 66 66 66 66 66 66 66 66 66 66 66 66 b0 01", -E2BIG, NULL,
		0, 0 },
	{ 64, "66 66 66 66 66 66 66 66 66 66 66 66 66 66", -EAGAIN, NULL, 0,
		0 },
	{ 64, "66 66 66 66 66 66 66 66 66 66 66 66 66 66 b0", -E2BIG, NULL, 0,
		0 },
	{ 32, "66 66 66 66 66 67 81 84 24 00 00 00 00 00 00", 0,
		"add word ptr [si + 0x24], 0", 2, DS },
	{ 32, "", -EAGAIN, NULL, 0, 0 },
	{ 32, "0f", -EAGAIN, NULL, 0, 0 },
	{ 32, "0f 38", -EAGAIN, NULL, 0, 0 },
};

static unsigned parse(const char *text, uint8_t *bytes)
{
	unsigned n = 0;

	while (*text) {
		char *end;

		bytes[n++] = (uint8_t)strtoul(text, &end, 16);
		text = end + (*end == ' ');
	}
	return n;
}

static bool check(const struct fact *f)
{
	uint8_t bytes[24];
	unsigned n = parse(f->bytes, bytes);
	struct vmi_insn insn;
	char text[96] = "";
	int err = vmi_decode(bytes, n, f->mode, &insn);

	if (!err)
		vmi_disas(&insn, 0x1000, text, sizeof(text));
	if (err == f->err && (err || (strcmp(text, f->text) == 0 &&
					     insn.opsize == f->opsize &&
					     insn.seg == f->seg)))
		return true;
	printf("%u-bit %s: %d \"%s\" opsize %u seg %u, not %d \"%s\" %u %u\n",
		f->mode, f->bytes, err, text, err ? 0 : insn.opsize,
		err ? 0 : insn.seg, f->err, f->text ? f->text : "", f->opsize,
		f->seg);
	return false;
}

int main(void)
{
	unsigned count = sizeof(facts) / sizeof(facts[0]);
	unsigned failures = 0;

	for (unsigned i = 0; i < count; i++)
		failures += !check(&facts[i]);
	printf("%u facts: %u failures\n", count, failures);
	return failures != 0;
}
