/* SPDX-License-Identifier: MIT */
/*
 * Task switches by JMP, CALL, IRET and interrupts, what they leave in task
 * states and descriptors, and whose exceptions their failures are (SDM 3A
 * chapter 7).
 */
#include "trap.h"

/* In the second task, by level 0 code. */
#define CODE(name, text)                                                       \
	void name(void);                                                       \
	__asm__("	.text\n" #name ":\n" text)

struct far {
	u32 offset;
	u32 selector;
};
struct far pointer;
u32 seen[8];

/* What the task finds: EFLAGS, CR0, TR, LDTR, DS, its link. */
CODE(look, "look_here:\n"
	"	pushfl\n	popl seen\n"
	"	movl %cr0, %eax\n	movl %eax, seen + 4\n"
	"	str %eax\n	movl %eax, seen + 8\n"
	"	sldt %eax\n	movl %eax, seen + 12\n"
	"	movl %ds, %eax\n	movl %eax, seen + 16\n"
	"	movl %ecx, seen + 20\n"
	"	movl %esp, seen + 24\n"
	"	iretl\n"
	"	jmp look_here\n");
/* And one that jumps back. */
CODE(jump_back, "	movl $0x80, pointer + 4\n	ljmp *pointer\n"
	"	jmp jump_back\n");
/* A third task: where exceptions go whose task has no stack. */
CODE(third, "	popl seen\n	int3\n");
CODE(just_nop, "	nop\n	int3\n");
CODE(just_iret, "	iretl\n	jmp just_iret\n");
/* What an exception with an error code leaves on the stack. */
CODE(take_code, "	popl seen\n	movl %esp, seen + 4\n	addl $2, tss + 32\n"
	"	iretl\n	jmp take_code\n");
CODE(far_jmp, "	movl %eax, pointer + 4\n	ljmp *pointer\n	int3\n");
CODE(far_call, "	movl %eax, pointer + 4\n	lcall *pointer\n	int3\n");
CODE(do_int, "	int $0x40\n	int3\n");
CODE(nested_iret, "	pushfl\n	orl $0x4000, (%esp)\n	popfl\n	iretl\n"
	"	int3\n");
CODE(load_absent, "	movl $0x60, %eax\n	movl %eax, %ds\n	int3\n");
CODE(load_2, "	movl %eax, %ds\n	int3\n");

static u8 task_stack[1024] __attribute__((aligned(16)));

struct tss16 {
	u16 link, sp0, ss0, sp1, ss1, sp2, ss2, ip, flags;
	u16 ax, cx, dx, bx, sp, bp, si, di, es, cs, ss, ds, ldt;
};
static struct tss16 tss_16;
static struct tss tss_c;

static u32 type_of(u32 selector)
{
	return (u32)(gdt[selector / 8] >> 40) & 0x9f;
}

static void fresh(void (*code)(void))
{
	u32 i;

	set_segments();
	gdt[TSS / 8] |= (u64)2 << 40;
	gdt[TSS_16 / 8] = segment((u32)&tss_16, sizeof(tss_16) - 1, 0x81);
	gdt[TASK_GATE / 8] = gate_to(TSS_B, 0, 0xe500);
	for (i = 0; i < 8; i++)
		seen[i] = 0;
	tss_b = (struct tss){
		.eip = (u32)code, .eflags = 2, .cs = CODE0, .ss = DATA0,
		.ds = DATA0, .es = DATA0, .ldt = LDT, .ecx = 0x12345678,
		.esp = (u32)task_stack + sizeof(task_stack),
		.link = 0xffff, .map = sizeof(tss_b),
	};
	tss.eip = tss.eflags = tss.ecx = 0;
	tss_16 = (struct tss16){ .link = 0xffff };
	__asm__ volatile("clts");
}

static int ends(u32 vector, u32 error)
{
	if (trap.vector == vector && trap.error == error)
		return 1;
	show("vector", trap.vector);
	show("error", trap.error);
	return 0;
}

static u32 task_register(void)
{
	u32 tr;

	__asm__ volatile("str %0" : "=r"(tr));
	return tr;
}

/* After a failure in the second task: back to the first. */
static void return_to_first(void)
{
	gdt[TSS / 8] &= ~((u64)2 << 40);
	__asm__ volatile("ltr %w0\n\tlldt %w1" : : "r"(TSS), "r"(LDT));
}

static void calls(void)
{
	fresh(look);
	run_at(0, far_call, TSS_B);
	check("CALL of a task, and IRET", ends(DONE, 0));
	check("NT is set in it", seen[0] == (NT | 2));
	check("TS is set", seen[1] & 8);
	check("TR and LDTR", (seen[2] & 0xffff) == TSS_B &&
		(seen[3] & 0xffff) == LDT);
	check("registers", (seen[4] & 0xffff) == DATA0 &&
		seen[5] == 0x12345678 &&
		seen[6] == (u32)task_stack + sizeof(task_stack));
	check("the link", (tss_b.link & 0xffff) == TSS);
	check("free again, and the first busy", type_of(TSS_B) == 0x89 &&
		type_of(TSS) == 0x8b);
	check("its EFLAGS without NT", tss_b.eflags == 2);
	check("where it would go on", tss_b.eip > (u32)look);
	check("the first one's state was saved",
		tss.eip > (u32)far_call && tss.eip < (u32)far_call + 32);
	check("TR again", (task_register() & 0xffff) == TSS);
	fresh(look);
	run_at(0, far_call, TASK_GATE);
	check("CALL through a task gate", ends(DONE, 0));
	fresh(look);
	run_at(3, far_call, TASK_GATE + 3);
	check("from level 3", ends(DONE, 0) &&
		(trap.cs & 0xffff) == CODE3 + 3);
	fresh(jump_back);
	run_at(0, far_jmp, TSS_B);
	check("JMP to a task and back", ends(DONE, 0));
	check("no link", (tss_b.link & 0xffff) == 0xffff);
	check("both descriptors", type_of(TSS_B) == 0x89 &&
		type_of(TSS) == 0x8b);
	fresh(look);
	traps[0x40] = gate_to(TSS_B, 0, 0x8500);
	run_at(0, do_int, 0);
	check("INT through a task gate", ends(DONE, 0) &&
		seen[0] == (NT | 2));
	set_trap(0x40, CODE0, INT_GATE(0));
	fresh(take_code);
	traps[NP] = gate_to(TSS_B, 0, 0x8500);
	run_at(0, load_absent, 0);
	check("an exception through a task gate", ends(DONE, 0));
	check("its error code", seen[0] == ABSENT_DATA &&
		seen[1] == (u32)task_stack + sizeof(task_stack));
	set_trap(NP, CODE0, INT_GATE(0));
}

static void narrow(void)
{
	fresh(look);
	tss_16.ip = 0x700;
	tss_16.flags = 2;
	tss_16.cs = CODE0;
	tss_16.ss = tss_16.ds = tss_16.es = DATA0;
	tss_16.cx = 0x1234;
	tss_16.sp = 0x7f0;
	tss_16.ldt = 0;
	/* MOV seen, ECX; IRET. */
	*(volatile u16 *)0x700 = 0x0d89;
	*(volatile u32 *)0x702 = (u32)seen;
	*(volatile u8 *)0x706 = 0xcf;
	run_at(0, far_call, TSS_16);
	check("a 16-bit task", ends(DONE, 0));
	check("the lower half of a register",
		(seen[0] & 0xffff) == 0x1234);
	check("its link", tss_16.link == TSS);
	check("its state", tss_16.ip == 0x707 && tss_16.cx == 0x1234);
}

static void refused(void)
{
	fresh(look);
	run_at(0, far_call, TSS);
	check("busy", ends(GP, TSS));
	run_at(0, far_call, TSS_SHORT);
	check("too short", ends(TS, TSS_SHORT));
	run_at(0, far_call, TSS_ABSENT);
	check("absent", ends(NP, TSS_ABSENT));
	run_at(3, far_call, TSS_B + 3);
	check("DPL", ends(GP, TSS_B));
	run_at(0, far_jmp, TSS_B + 1);
	check("RPL", ends(GP, TSS_B));
	gdt[TASK_GATE / 8] = gate_to(TSS, 0, 0xe500);
	run_at(3, far_call, TASK_GATE + 3);
	check("gate to a busy one", ends(GP, TSS));
	gdt[TASK_GATE / 8] = gate_to(DATA0, 0, 0xe500);
	run_at(3, far_call, TASK_GATE + 3);
	check("gate to data", ends(GP, DATA0));
	gdt[TASK_GATE / 8] = gate_to(TSS_B, 0, 0x6500);
	run_at(3, far_call, TASK_GATE + 3);
	check("absent gate", ends(NP, TASK_GATE));
	gdt[TASK_GATE / 8] = gate_to(TSS_B, 0, 0x8500);
	run_at(3, far_call, TASK_GATE + 3);
	check("inner gate", ends(GP, TASK_GATE));
	gdt[TASK_GATE / 8] = gate_to(TSS_B + 4, 0, 0xe500);
	run_at(3, far_call, TASK_GATE + 3);
	check("gate to a local one", ends(GP, TSS_B + 4));
	tss.link = TSS_B;
	run_at(0, nested_iret, 0);
	check("IRET to a free one", ends(TS, TSS_B));
	tss.link = DATA0;
	run_at(0, nested_iret, 0);
	check("IRET to data", ends(TS, DATA0));
	tss.link = BEYOND;
	run_at(0, nested_iret, 0);
	check("IRET beyond the table", ends(TS, BEYOND));
	traps[0x40] = gate_to(TSS_SHORT, 0, 0x8500);
	run_at(0, do_int, 0);
	check("INT to a short one", ends(TS, TSS_SHORT));
	traps[GP] = gate_to(TSS_SHORT, 0, 0x8500);
	run_at(0, load_2, BEYOND);
	check("a double fault", ends(DF, 0));
	set_trap(GP, CODE0, INT_GATE(0));
	set_trap(0x40, CODE0, INT_GATE(0));
}

/*
 * Failures after the switch: exceptions of the new task.  Its stack may not
 * be there yet, so that their handler is a task.
 */
static void inside(const char *name, u32 *field, u32 value, u32 vector)
{
	fresh(just_nop);
	*field = value;
	tss_c = (struct tss){
		.eip = (u32)third, .eflags = 2, .cs = CODE0, .ss = DATA0,
		.ds = DATA0, .es = DATA0, .link = 0xffff,
		.esp = (u32)task_stack + sizeof(task_stack),
		.map = sizeof(tss_c),
	};
	gdt[TSS_16 / 8] = segment((u32)&tss_c, sizeof(tss_c) - 1, 0x89);
	traps[vector] = gate_to(TSS_16, 0, 0x8500);
	run_at(0, far_call, TSS_B);
	set_trap(vector, CODE0, INT_GATE(0));
	check(name, ends(DONE, 0) && seen[0] == (value & 0xfffc) &&
		(task_register() & 0xffff) == TSS_16 &&
		(tss_c.link & 0xffff) == TSS_B &&
		tss_b.eip == (u32)just_nop && (tss_b.eflags & NT) &&
		(tss_b.cs & 0xffff) == (field == &tss_b.cs ? value : CODE0));
	return_to_first();
}

static void failures(void)
{
	inside("LDT is data", &tss_b.ldt, DATA0, TS);
	inside("LDT is local", &tss_b.ldt, LDT + 4, TS);
	inside("LDT beyond", &tss_b.ldt, BEYOND, TS);
	inside("CS null", &tss_b.cs, 0, TS);
	inside("CS is data", &tss_b.cs, DATA0, TS);
	inside("CS, RPL", &tss_b.cs, CODE0 + 1, TS);
	inside("CS, DPL", &tss_b.cs, CODE3, TS);
	inside("CS absent", &tss_b.cs, ABSENT_CODE, NP);
	inside("SS null", &tss_b.ss, 0, TS);
	inside("SS, RPL", &tss_b.ss, DATA0 + 3, TS);
	inside("SS, DPL", &tss_b.ss, DATA3, TS);
	inside("SS read-only", &tss_b.ss, READ_ONLY, TS);
	inside("DS, DPL", &tss_b.ds, DATA0 + 1, TS);
	inside("DS, execute-only", &tss_b.ds, EXECUTE_ONLY, TS);
	inside("ES absent", &tss_b.es, ABSENT_DATA, NP);
	inside("FS beyond", &tss_b.fs, BEYOND, TS);
	inside("GS is a gate", &tss_b.gs, TASK_GATE, TS);
}

static void trap_bit(void)
{
	u32 dr6;

	fresh(just_nop);
	tss_b.trap = 1;
	__asm__ volatile("movl %0, %%dr6" : : "r"(0));
	run_at(0, far_call, TSS_B);
	__asm__ volatile("movl %%dr6, %0" : "=r"(dr6));
	check("the T bit", ends(DB, 0) && trap.eip == (u32)just_nop);
	check("DR6.BT", (dr6 & 0xe00f) == 0x8000);
	return_to_first();
}

int main(u32 magic, const u32 *info)
{
	(void)magic;
	(void)info;
	set_machine();
	calls();
	narrow();
	refused();
	failures();
	trap_bit();
	return wrong;
}
