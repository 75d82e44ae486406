/* SPDX-License-Identifier: MIT */
/* KVM's hypercalls by both instructions, in 32 and 64 bits, levels 0 and 3. */
/*
 * Numbers, registers and errors: Linux, Documentation/virt/kvm/x86/
 * hypercalls.rst.  The code of each call ends in INT3, or in what the call
 * sends to its own processor.
 */
#include "trap.h"

#define ALIGNED __attribute__((aligned(4096)))

enum { POLL = 1, PAIRING = 9, SEND_IPI = 10, YIELD = 11, UNKNOWN = 63 };

#define VECTOR	     0x50u
#define NMI	     2u
#define TO_NMI	     0x400u /* in an ICR */
#define TO_ALL	     0x80000u
#define TO_LOGICAL   0x800u
#define LAPIC_IRR(v) (LAPIC + 0x200 + ((v) / 32) * 0x10)

/* Of the call, and what it gave; the code below knows the offsets. */
struct call {
	u64 number, args[4];
	u64 result;
	u32 code, level; /* of call64() */
};

struct call request;

__asm__(
	"	.text\n"
	"	.globl	vmcall32, vmmcall32, let32\n"
	"vmcall32:\n"
	"	call	load32\n"
	"	.byte	0x0f, 0x01, 0xc1\n"
	"	int3\n"
	"vmmcall32:\n"
	"	call	load32\n"
	"	.byte	0x0f, 0x01, 0xd9\n"
	"	int3\n"
	"load32:\n"
	"	movl	request, %eax\n"
	"	movl	request + 8, %ebx\n"
	"	movl	request + 16, %ecx\n"
	"	movl	request + 24, %edx\n"
	"	movl	request + 32, %esi\n"
	"	ret\n"
	"let32:	sti\n"
	"	nop\n"
	"	nop\n"
	"	cli\n"
	"	int3\n");

void vmcall32(void);
void vmmcall32(void);
void let32(void);

/* -- 64 bits ------------------------------------------------------------ */

/* Selectors of gdt64; those of level 3 have the level added. */
enum { CODE64 = 0x18, USER_CODE64 = 0x23, USER_DATA = 0x2b, TSS64 = 0x30 };

static u64 pml4[512] ALIGNED;
static u64 pdpt[512] ALIGNED;
static u64 pd[512] ALIGNED;
static u64 pd3[512] ALIGNED; /* of the fourth GiB: the local APIC */
static u64 gdt64[8];
static u64 idt64[32][2];
static u32 tss64[26];
static u8 stack64[2][1024] __attribute__((aligned(16)));

/* For each level: CS and SS of the code, and its stack. */
u32 frames64[2][3];

/*
 * call64(): through IRETQ to the code, and back at its INT3.  The caller saves
 * registers; data segments are null after level 3 (SDM 2A, IRET).
 */
__asm__(
	"	.text\n"
	"	.globl	call64, done64, vmcall64, vmmcall64\n"
	"call64:\n"
	"	movl	%esp, resume\n"
	"	ljmp	$0x18, $1f\n"
	"	.code64\n"
	"1:	movl	$request, %edi\n"
	"	movl	52(%rdi), %eax\n"
	"	imull	$12, %eax, %eax\n"
	"	leal	frames64(%rax), %ecx\n"
	"	movl	4(%rcx), %eax\n"
	"	pushq	%rax\n"
	"	movl	8(%rcx), %eax\n"
	"	pushq	%rax\n"
	"	pushq	$2\n"
	"	movl	(%rcx), %eax\n"
	"	pushq	%rax\n"
	"	movl	48(%rdi), %eax\n"
	"	pushq	%rax\n"
	"	movq	(%rdi), %rax\n"
	"	movq	8(%rdi), %rbx\n"
	"	movq	16(%rdi), %rcx\n"
	"	movq	24(%rdi), %rdx\n"
	"	movq	32(%rdi), %rsi\n"
	"	iretq\n"
	"vmcall64:\n"
	"	.byte	0x0f, 0x01, 0xc1\n"
	"	int3\n"
	"vmmcall64:\n"
	"	.byte	0x0f, 0x01, 0xd9\n"
	"	int3\n"
	"done64:\n"
	"	movl	$request, %edi\n"
	"	movq	%rax, 40(%rdi)\n"
	"	movl	$resume, %edi\n"
	"	movl	(%rdi), %esp\n"
	"	movl	$0x10, %eax\n"
	"	movl	%eax, %ss\n"
	"	movl	%eax, %ds\n"
	"	movl	%eax, %es\n"
	"	movl	$back64, %edi\n"
	"	ljmp	*(%rdi)\n"
	"	.code32\n"
	"2:	ret\n"
	"	.section .rodata\n"
	"back64: .long	2b\n"
	"	.word	0x08\n"
	"	.text\n");

void call64(void);
void done64(void);
void vmcall64(void);
void vmmcall64(void);

static void set_cr0(u32 set, u32 clear)
{
	u32 cr0;

	__asm__ volatile("movl %%cr0, %0" : "=r"(cr0));
	cr0 = (cr0 & ~clear) | set;
	__asm__ volatile("movl %0, %%cr0" : : "r"(cr0) : "memory");
}

static void set_long_mode(int on)
{
	u32 low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(0xc0000080));
	low = on ? low | 0x100u : low & ~0x100u;
	__asm__ volatile("wrmsr" : : "a"(low), "d"(high), "c"(0xc0000080));
}

/* For user mode, too: levels are all that tells the two apart. */
static void set_tables64(void)
{
	u32 i, base = (u32)tss64;

	for (i = 0; i < 512; i++) {
		pd[i] = (u64)i << 21 | 0x87;
		pd3[i] = ((u64)3 << 30) | (u64)i << 21 | 0x97;
	}
	pdpt[0] = (u32)pd | 7;
	pdpt[3] = (u32)pd3 | 7;
	pml4[0] = (u32)pdpt | 7;
	gdt64[1] = 0x00cf9b000000ffff;
	gdt64[2] = 0x00cf93000000ffff;
	gdt64[3] = 0x00af9b000000ffff;
	gdt64[4] = 0x00affb000000ffff;
	gdt64[5] = 0x00cff3000000ffff;
	gdt64[6] = segment(base, sizeof(tss64) - 1, 0x89);
	tss64[1] = (u32)stack64[0] + sizeof(stack64[0]);
	idt64[DONE][0] = gate_to(CODE64, (u32)done64, 0xee00);
	frames64[0][0] = CODE64;
	frames64[0][1] = DATA0;
	frames64[0][2] = (u32)stack64[0] + sizeof(stack64[0]);
	frames64[1][0] = USER_CODE64;
	frames64[1][1] = USER_DATA;
	frames64[1][2] = (u32)stack64[1] + sizeof(stack64[1]);
}

static void enter_long_mode(void)
{
	struct pointer gdtr = { sizeof(gdt64) - 1, (u32)gdt64 };
	struct pointer idtr = { sizeof(idt64) - 1, (u32)idt64 };

	set_tables64();
	__asm__ volatile("movl %0, %%cr4" : : "r"(0x20));
	__asm__ volatile("movl %0, %%cr3" : : "r"(pml4) : "memory");
	set_long_mode(1);
	set_cr0(0x80000000u, 0);
	__asm__ volatile("lgdt %0" : : "m"(gdtr));
	__asm__ volatile("lidt %0" : : "m"(idtr));
	__asm__ volatile("ltr %w0" : : "r"(TSS64));
}

static void leave_long_mode(void)
{
	set_cr0(0, 0x80000000u);
	set_long_mode(0);
	set_machine();
}

/* -- Calls of either width ---------------------------------------------- */

static int is_64, is_amd;

static void make(u32 level)
{
	if (!is_64) {
		run_at(level, is_amd ? vmmcall32 : vmcall32, 0);
		request.result = trap.eax;
		return;
	}
	trap.vector = DONE;
	request.code = is_amd ? (u32)vmmcall64 : (u32)vmcall64;
	request.level = level != 0;
	__asm__ volatile("pushal; call call64; popal" : : : "memory");
}

static void report(const char *what)
{
	print(is_64 ? "64 " : "32 ");
	print(is_amd ? "vmmcall, " : "vmcall, ");
	print(what);
	print(": ");
	print_hex64(request.result);
	if (trap.vector != DONE) {
		print(", vector ");
		print_hex(trap.vector, 2);
	}
	print("\n");
}

static void call_at(u32 level, const char *what, u64 number)
{
	request.number = number;
	make(level);
	report(what);
}

/* To the processors of a bitmap whose bit 0 is `first`. */
static void send(const char *what, u64 low, u32 first, u32 icr)
{
	request.args[0] = low;
	request.args[2] = first;
	request.args[3] = icr;
	call_at(0, what, SEND_IPI);
	request.args[0] = request.args[2] = request.args[3] = 0;
}

static int is_pending(void)
{
	return mmio_read(LAPIC_IRR(VECTOR)) >> VECTOR % 32 & 1;
}

static void ipis(void)
{
	u32 all = is_64 ? 64 : 32; /* bits of a bitmap */

	send("to nobody", 0, 0, VECTOR);
	send("to no such processors", ~(u64)0, 128, VECTOR);
	send("beyond the last identifier", 0xffffffff, 0xffffffff, VECTOR);
	send("with a shorthand", 1, 0, TO_ALL | VECTOR);
	send("to a logical destination", 1, 0, TO_LOGICAL | VECTOR);
	check("nothing has come", !is_pending());
	send("to itself and one that sleeps", 3, 0, VECTOR);
	check("it has come", is_pending());
	/* Numbers wrap: the second bitmap begins at 0. */
	request.args[1] = 1;
	send("by the second bitmap", 0, 0 - all, VECTOR);
	request.args[1] = 0;
}

static void calls(void)
{
	call_at(0, "unknown", UNKNOWN);
	call_at(0, "unknown and large", 0xfffffffe);
	call_at(0, "longer than 32 bits", (u64)1 << 32 | POLL);
	call_at(0, "VAPIC_POLL_IRQ", POLL);
	request.args[1] = 1; /* no clock that there is */
	call_at(0, "CLOCK_PAIRING", PAIRING);
	request.args[1] = 0;
	call_at(0, "SCHED_YIELD", YIELD);
	call_at(3, "VAPIC_POLL_IRQ from level 3", POLL);
	call_at(3, "unknown from level 3", UNKNOWN);
	ipis();
}

/* What is pending comes to 32-bit code. */
static void take(void)
{
	run_at(0, let32, 0);
	show("vector", trap.vector);
	mmio_write(LAPIC_EOI, 0);
	check("no other one", !is_pending());
}

int main(u32 magic, const u32 *info)
{
	(void)magic;
	(void)info;
	mmio_write(LAPIC_SVR, 0x1ff);
	set_machine();
	for (is_amd = 0; is_amd < 2; is_amd++) {
		is_64 = 0;
		calls();
		take();
		send("an NMI", 1, 0, TO_NMI);
		enter_long_mode();
		is_64 = 1;
		calls();
		leave_long_mode();
		take();
	}
	return wrong;
}
