/* SPDX-License-Identifier: MIT */
/*
 * Segments, gates and far transfers at each privilege level: what succeeds,
 * and which exception with which code what does not (SDM 3A chapters 5, 6).
 */
#include "trap.h"

/* Little pieces of code; EAX is a selector, INT3 the end. */
#define CODE(name, text)                                                       \
	void name(void);                                                       \
	__asm__("	.text\n" #name ":\n" text "	int3\n")

struct far {
	u32 offset;
	u32 selector;
};
struct far pointer;
void landed(void);

CODE(load_ds, "	movl %eax, %ds\n");
CODE(load_es, "	movl %eax, %es\n");
CODE(load_fs, "	movl %eax, %fs\n");
CODE(load_ss, "	movl %eax, %ss\n	nop\n");
CODE(pop_gs, "	pushl %eax\n	popl %gs\n");
CODE(load_ldt, "	lldt %ax\n");
CODE(load_tr, "	ltr %ax\n");
/* In EAX what is found, or -1. */
/* Bits 19:16 are undefined. */
CODE(do_lar, "	larl %eax, %eax\n	jz 1f\n	orl $-1, %eax\n"
	"1:	andl $0xf0ff00, %eax\n");
CODE(do_lsl, "	lsll %eax, %eax\n	jz 1f\n	orl $-1, %eax\n1:\n");
CODE(do_verr, "	verr %ax\n	setz %al\n	movzbl %al, %eax\n");
CODE(do_verw, "	verw %ax\n	setz %al\n	movzbl %al, %eax\n");
CODE(do_arpl, "	movl $2, %ecx\n	arpl %cx, %ax\n	jz 1f\n"
	"	orl $0x80000000, %eax\n1:\n");
CODE(far_jmp, "	movl %eax, pointer + 4\n	ljmp *pointer\n");
CODE(far_call, "	pushl $0x11\n	pushl $0x22\n"
	"	movl %eax, pointer + 4\n	lcall *pointer\n");
CODE(far_ret, "	pushl %eax\n	pushl $landed\n	lret\n");
CODE(landed, "	nop\n");
/* Outwards: a stack segment in EAX, to level 3. */
CODE(ret_out, "	pushl %eax\n	pushl $stacks + 0x3f00\n	pushl $0x43\n"
	"	pushl $landed\n	lret\n");
CODE(gone, "	movl %ds, %eax\n");
CODE(ret_gone, "	pushl %eax\n	pushl $stacks + 0x3f00\n	pushl $0x43\n"
	"	pushl $gone\n	lret\n");
CODE(iret_out, "	pushl %eax\n	pushl $stacks + 0x3f00\n"
	"	pushl $0x3202\n	pushl $0x43\n	pushl $landed\n	iretl\n");
CODE(iret_same, "	pushl $2\n	pushl %eax\n	pushl $landed\n	iretl\n");
CODE(do_int, "	int $0x40\n");
CODE(do_into, "	movb $0x7f, %al\n	addb $1, %al\n	into\n");
CODE(do_ud, "	ud2\n");
CODE(do_gp, "	movl $0x200, %eax\n	movl %eax, %ds\n");
CODE(do_hlt, "	hlt\n");
CODE(do_cli, "	cli\n");
CODE(do_in, "	movl %eax, %edx\n	inb %dx, %al\n");
CODE(do_in_wide, "	movl %eax, %edx\n	inl %dx, %eax\n");
CODE(do_cr, "	movl %cr0, %eax\n");
CODE(set_cr, "	movl %eax, %cr0\n");
CODE(do_lmsw, "	lmsw %ax\n");
CODE(do_smsw, "	smsw %ax\n");
CODE(do_clts, "	clts\n");
CODE(do_dr, "	movl %dr7, %eax\n");
CODE(do_invlpg, "	invlpg (%eax)\n");
CODE(do_wbinvd, "	wbinvd\n");
CODE(do_rdmsr, "	movl $0x174, %ecx\n	rdmsr\n");
CODE(set_flags, "	pushl %eax\n	popfl\n	pushfl\n	popl %eax\n");
CODE(read_at, "	movb %ds:(%eax), %al\n");
CODE(read4_at, "	movl %ds:(%eax), %eax\n");
CODE(down_at, "	movl $0x73, %ecx\n	movl %ecx, %es\n"
	"	movl %es:(%eax), %ecx\n");
CODE(tiny_at, "	movl $0xeb, %ecx\n	movl %ecx, %es\n"
	"	movl %es:(%eax), %ecx\n");
CODE(tiny_stack, "	movl $0xeb, %ecx\n	movl %ecx, %ss\n"
	"	movl %eax, %esp\n	pushl %eax\n");
CODE(write_code, "	movl %eax, %es\n	movb %al, %es:(landed)\n");
CODE(write_cs, "	movb %al, %cs:(landed)\n");
CODE(read_exec, "	movl $pointer, %ecx\n	pushl %eax\n	pushl $1f\n"
	"	lret\n1:	movl %cs:(%ecx), %eax\n");
CODE(too_long, "	.fill 15, 1, 0x2e\n	nop\n");
CODE(locked_nop, "	.byte 0xf0\n	nop\n");
CODE(locked_reg, "	.byte 0xf0, 0x01, 0xc0\n");
CODE(locked_cmp, "	.byte 0xf0, 0x39, 0x00\n");
CODE(mov_cs, "	.byte 0x8e, 0xc8\n");
CODE(mov_seg6, "	.byte 0x8e, 0xf0\n");
CODE(lds_reg, "	.byte 0xc5, 0xc0\n");
/* BOUND EAX, limits: no name of it is one of every assembler. */
CODE(bound_in, "	.byte 0x62, 0x05\n	.long limits\n");
const u32 limits[2] = { 5, 10 };

struct row {
	const char *name;
	void (*code)(void);
	u32 level, eax, vector, error;
	u32 result; /* EAX, where the code leaves something there */
	u32 checks; /* whether it is looked at */
};

#define OK	DONE, 0, 0, 0
#define GIVES(v) DONE, 0, (v), 1
#define FAILS(vector, error) vector, error, 0, 0

static const struct row loads[] = {
	{ "null DS", load_ds, 3, 0, OK },
	{ "null ES, level 3", load_es, 3, 3, OK },
	{ "own data", load_ds, 3, DATA3 + 3, OK },
	{ "own data, RPL 0", load_fs, 3, DATA3, OK },
	{ "inner data", load_ds, 3, DATA0, FAILS(GP, DATA0) },
	{ "inner data, RPL", load_ds, 3, DATA0 + 3, FAILS(GP, DATA0) },
	{ "outer data", load_ds, 0, DATA3 + 3, OK },
	{ "RPL too high", load_ds, 0, DATA0 + 1, FAILS(GP, DATA0) },
	{ "level 1 data at 2", load_es, 2, DATA1 + 1, FAILS(GP, DATA1) },
	{ "level 2 data at 1", load_es, 1, DATA2 + 2, OK },
	{ "absent", load_ds, 3, ABSENT_DATA + 3, FAILS(NP, ABSENT_DATA) },
	{ "execute-only", load_ds, 3, EXECUTE_ONLY + 3,
		FAILS(GP, EXECUTE_ONLY) },
	{ "read-only", load_ds, 3, READ_ONLY + 3, OK },
	{ "conforming", load_ds, 3, CONFORMING + 3, OK },
	{ "code", load_es, 3, CODE3 + 3, OK },
	{ "inner code", load_es, 3, CODE0 + 3, FAILS(GP, CODE0) },
	{ "a task state", load_ds, 0, TSS, FAILS(GP, TSS) },
	{ "a gate", load_ds, 0, GATE, FAILS(GP, GATE) },
	{ "beyond the table", load_ds, 3, BEYOND + 3, FAILS(GP, BEYOND) },
	{ "local", load_ds, 3, 0x0f, OK },
	{ "local null", load_ds, 3, 0x07, FAILS(GP, 4) },
	{ "local, empty", load_ds, 3, 0x17, FAILS(GP, 0x14) },
	{ "beyond the local table", load_ds, 3, 0x27, FAILS(GP, 0x24) },
	{ "pop", pop_gs, 3, DATA0, FAILS(GP, DATA0) },
	{ "SS", load_ss, 3, DATA3 + 3, OK },
	{ "null SS", load_ss, 3, 3, FAILS(GP, 0) },
	{ "null SS, level 0", load_ss, 0, 0, FAILS(GP, 0) },
	{ "SS, RPL", load_ss, 3, DATA3, FAILS(GP, DATA3) },
	{ "SS, DPL", load_ss, 3, DATA2 + 3, FAILS(GP, DATA2) },
	{ "SS, outer", load_ss, 0, DATA3 + 3, FAILS(GP, DATA3) },
	{ "SS, read-only", load_ss, 3, READ_ONLY + 3, FAILS(GP, READ_ONLY) },
	{ "SS, code", load_ss, 3, CODE3 + 3, FAILS(GP, CODE3) },
	{ "SS, absent", load_ss, 3, ABSENT_DATA + 3, FAILS(SS, ABSENT_DATA) },
	{ "SS, beyond", load_ss, 0, BEYOND, FAILS(GP, BEYOND) },
	{ "LLDT", load_ldt, 0, LDT, OK },
	{ "LLDT, level 3", load_ldt, 3, LDT, FAILS(GP, 0) },
	{ "LLDT, data", load_ldt, 0, DATA0, FAILS(GP, DATA0) },
	{ "LLDT, local", load_ldt, 0, 0x0c, FAILS(GP, 0x0c) },
	{ "LLDT, task state", load_ldt, 0, TSS_B, FAILS(GP, TSS_B) },
	{ "LTR, busy", load_tr, 0, TSS, FAILS(GP, TSS) },
	{ "LTR, absent", load_tr, 0, TSS_ABSENT, FAILS(NP, TSS_ABSENT) },
	{ "LTR, null", load_tr, 0, 0, FAILS(GP, 0) },
	{ "LTR, local", load_tr, 0, 0x0c, FAILS(GP, 0x0c) },
	{ "LTR, data", load_tr, 0, DATA0, FAILS(GP, DATA0) },
	{ "LTR, level 1", load_tr, 1, TSS_B, FAILS(GP, 0) },
};

#define NOTHING 0xf0ff00 /* -1, masked */

static const struct row questions[] = {
	{ "LAR", do_lar, 3, DATA3 + 3, GIVES(0xc0f300) },
	{ "LAR of inner", do_lar, 3, DATA0, GIVES(NOTHING) },
	{ "LAR, RPL", do_lar, 0, DATA0 + 3, GIVES(NOTHING) },
	{ "LAR of inner conforming", do_lar, 3, CONFORMING, GIVES(0xc09f00) },
	{ "LAR of absent", do_lar, 3, ABSENT_DATA + 3, GIVES(0xc07300) },
	{ "LAR of null", do_lar, 3, 0, GIVES(NOTHING) },
	{ "LAR beyond", do_lar, 3, BEYOND, GIVES(NOTHING) },
	{ "LAR of LDT", do_lar, 0, LDT, GIVES(0x8200) },
	{ "LAR of TSS", do_lar, 0, TSS, GIVES(0x8b00) },
	{ "LAR of a call gate", do_lar, 3, GATE + 3, GIVES(0x10ec00) },
	{ "LAR of a 16-bit call gate", do_lar, 3, GATE_16 + 3,
		GIVES(0xe400) },
	{ "LAR of a task gate", do_lar, 3, TASK_GATE + 3, GIVES(0xe500) },
	{ "LSL", do_lsl, 3, DATA3 + 3, GIVES(0xffffffff) },
	{ "LSL of bytes", do_lsl, 3, TINY + 3, GIVES(15) },
	{ "LSL of TSS", do_lsl, 0, TSS_SHORT, GIVES(0x66) },
	{ "LSL of LDT", do_lsl, 0, LDT, GIVES(31) },
	{ "LSL of a gate", do_lsl, 3, GATE + 3, GIVES(-1u) },
	{ "LSL of inner", do_lsl, 3, TSS_SHORT, GIVES(-1u) },
	{ "VERR", do_verr, 3, DATA3 + 3, GIVES(1) },
	{ "VERR of inner", do_verr, 3, DATA2 + 3, GIVES(0) },
	{ "VERR, execute-only", do_verr, 3, EXECUTE_ONLY + 3, GIVES(0) },
	{ "VERR, conforming", do_verr, 3, CONFORMING, GIVES(1) },
	{ "VERR of TSS", do_verr, 0, TSS, GIVES(0) },
	{ "VERR of null", do_verr, 3, 0, GIVES(0) },
	{ "VERW", do_verw, 3, DATA3 + 3, GIVES(1) },
	{ "VERW, read-only", do_verw, 3, READ_ONLY + 3, GIVES(0) },
	{ "VERW, code", do_verw, 3, CODE3 + 3, GIVES(0) },
	{ "ARPL raises", do_arpl, 3, 0x10, GIVES(0x12) },
	{ "ARPL leaves", do_arpl, 3, 0x13, GIVES(0x80000013) },
};

static const struct row transfers[] = {
	{ "JMP", far_jmp, 3, CODE3 + 3, OK },
	{ "JMP, RPL 0", far_jmp, 3, CODE3, OK },
	{ "JMP to inner", far_jmp, 3, CODE0, FAILS(GP, CODE0) },
	{ "JMP to outer", far_jmp, 0, CODE3 + 3, FAILS(GP, CODE3) },
	{ "JMP, RPL", far_jmp, 0, CODE0 + 1, FAILS(GP, CODE0) },
	{ "JMP to conforming", far_jmp, 3, CONFORMING, OK },
	{ "JMP to outer conforming", far_jmp, 0, CONFORMING2,
		FAILS(GP, CONFORMING2) },
	{ "JMP to data", far_jmp, 3, DATA3 + 3, FAILS(GP, DATA3) },
	{ "JMP to null", far_jmp, 3, 3, FAILS(GP, 0) },
	{ "JMP beyond", far_jmp, 3, BEYOND + 3, FAILS(GP, BEYOND) },
	{ "JMP to absent", far_jmp, 0, ABSENT_CODE, FAILS(NP, ABSENT_CODE) },
	{ "JMP to LDT", far_jmp, 0, LDT, FAILS(GP, LDT) },
	{ "JMP through a gate", far_jmp, 0, GATE, OK },
	{ "JMP inwards", far_jmp, 3, GATE + 3, FAILS(GP, CODE0) },
	{ "JMP through to conforming", far_jmp, 3, GATE_TO_CONF + 3, OK },
	{ "CALL", far_call, 3, CODE3 + 3, OK },
	{ "CALL inwards", far_call, 3, GATE + 3, OK },
	{ "CALL inwards, 16 bits", far_call, 3, GATE_16 + 3, OK },
	{ "CALL, absent gate", far_call, 3, GATE_ABSENT + 3,
		FAILS(NP, GATE_ABSENT) },
	{ "CALL, inner gate", far_call, 3, GATE_0 + 3, FAILS(GP, GATE_0) },
	{ "CALL to absent", far_call, 3, GATE_TO_ABSENT + 3,
		FAILS(NP, ABSENT_CODE) },
	{ "CALL to data", far_call, 3, GATE_TO_DATA + 3, FAILS(GP, DATA0) },
	{ "CALL to null", far_call, 3, GATE_TO_NULL + 3, FAILS(GP, 0) },
	{ "RET", far_ret, 3, CODE3 + 3, OK },
	{ "RET inwards", far_ret, 3, CODE0, FAILS(GP, CODE0) },
	{ "RET to RPL 0", far_ret, 3, CODE3, FAILS(GP, CODE3) },
	{ "RET to null", far_ret, 3, 0, FAILS(GP, 0) },
	{ "RET to data", far_ret, 0, DATA0, FAILS(GP, DATA0) },
	{ "RET to absent", far_ret, 0, ABSENT_CODE, FAILS(NP, ABSENT_CODE) },
	{ "RET to conforming", far_ret, 3, CONFORMING + 3, OK },
	{ "RET outwards", ret_out, 0, DATA3 + 3, OK },
	{ "RET outwards takes DS away", ret_gone, 0, DATA3 + 3, GIVES(0) },
	{ "RET outwards, null SS", ret_out, 0, 0, FAILS(GP, 0) },
	{ "RET outwards, SS", ret_out, 1, DATA2 + 2, FAILS(GP, DATA2) },
	{ "RET outwards, absent SS", ret_out, 0, ABSENT_DATA + 3,
		FAILS(SS, ABSENT_DATA) },
	{ "IRET", iret_same, 3, CODE3 + 3, OK },
	{ "IRET inwards", iret_same, 3, CODE0, FAILS(GP, CODE0) },
	{ "IRET outwards", iret_out, 0, DATA3 + 3, OK },
	{ "IRET outwards, SS", iret_out, 2, DATA3 + 2, FAILS(GP, DATA3) },
	{ "IRET outwards, null SS", iret_out, 0, 0, FAILS(GP, 0) },
	{ "IRET outwards, absent SS", iret_out, 0, ABSENT_DATA + 3,
		FAILS(SS, ABSENT_DATA) },
};

#define IDT(vector) ((vector) * 8 + 2)

static const struct row privileges[] = {
	{ "INT of an inner gate", do_int, 3, 0, FAILS(GP, IDT(0x40)) },
	{ "INT at level 0", do_int, 0, 0, FAILS(0x40, 0) },
	{ "INTO", do_into, 3, 0, FAILS(GP, IDT(4)) },
	{ "INTO at level 0", do_into, 0, 0, FAILS(4, 0) },
	{ "UD2", do_ud, 3, 0, FAILS(UD, 0) },
	{ "HLT", do_hlt, 3, 0, FAILS(GP, 0) },
	{ "HLT at level 1", do_hlt, 1, 0, FAILS(GP, 0) },
	{ "CLI", do_cli, 3, 0, FAILS(GP, 0) },
	{ "CLI at level 0", do_cli, 0, 0, OK },
	{ "IN", do_in, 3, 0xe9, GIVES(0xe9) },
	{ "IN, not allowed", do_in, 3, 0xee, FAILS(GP, 0) },
	{ "IN, the last port not allowed", do_in_wide, 3, 0xeb, FAILS(GP, 0) },
	{ "IN beyond the map", do_in, 3, 0x200, FAILS(GP, 0) },
	{ "MOV CR", do_cr, 3, 0, FAILS(GP, 0) },
	{ "PG without PE", set_cr, 0, 0x80000010, FAILS(GP, 0) },
	{ "NW without CD", set_cr, 0, 0x20000011, FAILS(GP, 0) },
	{ "LMSW", do_lmsw, 3, 1, FAILS(GP, 0) },
	{ "LMSW keeps PE", do_lmsw, 0, 0, OK },
	{ "SMSW", do_smsw, 3, 0, OK },
	{ "CLTS", do_clts, 3, 0, FAILS(GP, 0) },
	{ "MOV DR", do_dr, 3, 0, FAILS(GP, 0) },
	{ "INVLPG", do_invlpg, 3, 0, FAILS(GP, 0) },
	{ "WBINVD", do_wbinvd, 1, 0, FAILS(GP, 0) },
	{ "RDMSR", do_rdmsr, 3, 0, FAILS(GP, 0) },
	{ "POPF leaves IF and IOPL", set_flags, 3, 0x3202 | NT,
		GIVES(0x0002 | NT) },
	{ "POPF at level 0", set_flags, 0, 0x3002, GIVES(0x3002) },
	{ "LOCK NOP", locked_nop, 3, 0, FAILS(UD, 0) },
	{ "LOCK of registers", locked_reg, 3, 0, FAILS(UD, 0) },
	{ "LOCK CMP", locked_cmp, 3, 0, FAILS(UD, 0) },
	{ "16 bytes", too_long, 3, 0, FAILS(GP, 0) },
	{ "MOV CS", mov_cs, 0, CODE0, FAILS(UD, 0) },
	{ "MOV to no segment", mov_seg6, 3, 0, FAILS(UD, 0) },
	{ "LDS of a register", lds_reg, 3, 0, FAILS(UD, 0) },
	{ "BOUND, inside", bound_in, 3, 10, OK },
	{ "BOUND, below", bound_in, 3, 4, FAILS(5, 0) },
	{ "BOUND, above", bound_in, 3, 11, FAILS(5, 0) },
};

static const struct row limits_of[] = {
	{ "the last byte", read_at, 0, 0xffffffff, OK },
	{ "expand-down, below", down_at, 3, 0xfff, FAILS(GP, 0) },
	{ "expand-down, crossing", down_at, 3, 0xffd, FAILS(GP, 0) },
	{ "expand-down, above", down_at, 3, 0x1000, OK },
	{ "expand-down, the top", down_at, 3, 0xfffffffd, FAILS(GP, 0) },
	{ "the last four", tiny_at, 3, 12, OK },
	{ "one beyond", tiny_at, 3, 13, FAILS(GP, 0) },
	{ "all beyond", tiny_at, 3, 0xfffffffc, FAILS(GP, 0) },
	{ "a stack's end", tiny_stack, 3, 16, OK },
	{ "beyond a stack", tiny_stack, 3, 17, FAILS(SS, 0) },
	{ "below a stack", tiny_stack, 3, 2, FAILS(SS, 0) },
	{ "write to read-only", write_code, 3, READ_ONLY + 3, FAILS(GP, 0) },
	{ "write to code", write_code, 3, CODE3 + 3, FAILS(GP, 0) },
	{ "write to CS", write_cs, 3, 0, FAILS(GP, 0) },
	{ "read of CS", read_exec, 3, CODE3 + 3, OK },
	{ "read of execute-only CS", read_exec, 3, EXECUTE_ONLY + 3,
		FAILS(GP, 0) },
};

static void row_failed(const struct row *r)
{
	print(r->name);
	show(": vector", trap.vector);
	show("error", trap.error);
	show("EAX", trap.eax);
}

static void group(const char *name, const struct row *rows, u32 n)
{
	int good = 1;
	u32 i;

	for (i = 0; i < n; i++) {
		const struct row *r = &rows[i];

		pointer.offset = (u32)landed;
		run_at(r->level, r->code, r->eax);
		if (trap.vector == r->vector && trap.error == r->error &&
			(!r->checks || trap.eax == r->result))
			continue;
		row_failed(r);
		good = 0;
	}
	print_hex(n, 2);
	print(" ");
	check(name, good);
}

#define GROUP(name, rows) group(name, rows, sizeof(rows) / sizeof(rows[0]))

static void set_gates(void)
{
	u32 to = (u32)landed;

	gdt[GATE / 8] = gate_to(CODE0, to, 0xec02);
	gdt[GATE_ABSENT / 8] = gate_to(CODE0, to, 0x6c00);
	gdt[GATE_0 / 8] = gate_to(CODE0, to, 0x8c00);
	gdt[GATE_16 / 8] = gate_to(CODE0, 0, 0xe401);
	gdt[GATE_TO_ABSENT / 8] = gate_to(ABSENT_CODE, to, 0xec00);
	gdt[GATE_TO_DATA / 8] = gate_to(DATA0, to, 0xec00);
	gdt[GATE_TO_NULL / 8] = gate_to(0, to, 0xec00);
	gdt[GATE_TO_CONF / 8] = gate_to(CONFORMING, to, 0xec00);
	gdt[TASK_GATE / 8] = gate_to(TSS_B, 0, 0xe500);
	/* What a 16-bit offset reaches: INT3. */
	*(volatile u8 *)0x600 = 0xcc;
	gdt[GATE_16 / 8] = gate_to(CODE0, 0x600, 0xe401);
	tss.ports[0xee >> 3] = 1 << (0xee & 7);
}

/* The frame of a call through a gate, as it lies above that of INT3. */
static void frames(void)
{
	const u32 *at;
	const u16 *at16;

	pointer.offset = (u32)landed;
	run_at(3, far_call, GATE + 3);
	at = (const u32 *)trap.at + 3;
	check("CALL: CS", (trap.cs & 0xffff) == CODE0);
	check("CALL: return", (at[1] & 0xffff) == CODE3 + 3);
	check("CALL: parameters", at[2] == 0x22 && at[3] == 0x11);
	check("CALL: outer stack", (at[5] & 0xffff) == DATA3 + 3 &&
		at[4] == (u32)stacks[3] + sizeof(stacks[3]) - 72);
	check("CALL: all on the inner stack",
		(u32)(at + 6) == tss.esp0);
	run_at(3, far_call, GATE_16 + 3);
	at16 = (const u16 *)(trap.at + 12);
	check("16 bits: return", at16[1] == CODE3 + 3);
	check("16 bits: a parameter", at16[2] == 0x22);
	check("16 bits: outer stack", at16[4] == DATA3 + 3 &&
		at16[3] == (u16)((u32)stacks[3] + sizeof(stacks[3]) - 72));
	run_at(0, ret_out, DATA3 + 3);
	check("RET: level 3", (trap.cs & 0xffff) == CODE3 + 3);
	run_at(0, iret_out, DATA3 + 3);
	check("IRET: flags", (trap.eflags & 0x3200) == 0x3200);
}

/* One gate of the table broken in a way, and the code that comes of it. */
static void broken(const char *name, u64 gate, void (*code)(void),
	u32 vector, u32 error)
{
	u64 was = traps[code == do_gp ? GP : code == do_ud ? UD : 0x40];
	u64 *at = &traps[code == do_gp ? GP : code == do_ud ? UD : 0x40];

	*at = gate;
	run_at(0, code, 0);
	*at = was;
	check(name, trap.vector == vector && trap.error == error);
}

static void gates(void)
{
	u32 to = (u32)trap_stubs[0x40];

	broken("INT, absent gate", gate_to(CODE0, to, 0x0e00), do_int, NP,
		IDT(0x40));
	broken("INT, no gate", gate_to(CODE0, to, 0x8c00), do_int, GP,
		IDT(0x40));
	broken("INT to null", gate_to(0, to, 0x8e00), do_int, GP, 0);
	broken("INT to data", gate_to(DATA0, to, 0x8e00), do_int, GP, DATA0);
	broken("INT to outer code", gate_to(CODE3, to, 0x8e00), do_int, GP,
		CODE3);
	broken("INT to absent code", gate_to(ABSENT_CODE, to, 0x8e00), do_int,
		NP, ABSENT_CODE);
	broken("INT beyond", gate_to(BEYOND, to, 0x8e00), do_int, GP, BEYOND);
	broken("UD, absent gate", gate_to(CODE0, to, 0x0e00), do_ud, NP,
		IDT(UD) + 1);
	broken("UD to data", gate_to(DATA0, to, 0x8e00), do_ud, GP, DATA0 + 1);
	broken("UD to null", gate_to(0, to, 0x8e00), do_ud, GP, 1);
	broken("GP, absent gate", gate_to(CODE0, to, 0x0e00), do_gp, DF, 0);
	broken("GP to data", gate_to(DATA0, to, 0x8e00), do_gp, DF, 0);
	set_idt(0x40 * 8 + 6);
	run_at(0, do_int, 0);
	check("INT beyond the table", trap.vector == GP &&
		trap.error == IDT(0x40));
	set_idt(sizeof(traps) - 1);
}

/* The inner stack is to blame: #TS, #SS. */
static void inner_stacks(void)
{
	static const struct {
		const char *name;
		u32 ss, vector, error;
	} stack[] = {
		{ "inner SS null", 0, TS, 0 },
		{ "inner SS, RPL", DATA1, TS, DATA1 },
		{ "inner SS, DPL", DATA3 + 1, TS, DATA3 },
		{ "inner SS, code", CODE1 + 1, TS, CODE1 },
		{ "inner SS beyond", BEYOND + 1, TS, BEYOND },
	};
	u32 i;

	gdt[GATE_0 / 8] = gate_to(CODE1, (u32)landed, 0xec00);
	for (i = 0; i < sizeof(stack) / sizeof(stack[0]); i++) {
		tss.ss1 = stack[i].ss;
		run_at(3, far_call, GATE_0 + 3);
		check(stack[i].name, trap.vector == stack[i].vector &&
			trap.error == stack[i].error);
	}
	gdt[DATA1 / 8] = segment(0, 0xfffff, 0xc033);
	tss.ss1 = DATA1 + 1;
	run_at(3, far_call, GATE_0 + 3);
	check("inner SS absent", trap.vector == SS && trap.error == DATA1);
	gdt[DATA1 / 8] = segment(0, 11, 0x40b3);
	tss.esp1 = 12;
	run_at(3, far_call, GATE_0 + 3);
	check("inner stack too small", trap.vector == SS &&
		trap.error == DATA1);
	gdt[DATA1 / 8] = segment((u32)stacks, 15, 0x40b3);
	tss.esp1 = 16;
	run_at(3, far_call, GATE_0 + 3);
	check("and just large enough", trap.vector == DONE &&
		(trap.cs & 0xffff) == CODE1 + 1);
	set_segments();
	gdt[TSS / 8] |= (u64)2 << 40;
}

int main(u32 magic, const u32 *info)
{
	(void)magic;
	(void)info;
	set_machine();
	set_gates();
	GROUP("loads of segments", loads);
	GROUP("questions about them", questions);
	GROUP("far transfers", transfers);
	GROUP("privileges", privileges);
	GROUP("limits", limits_of);
	frames();
	gates();
	inner_stacks();
	return wrong;
}
