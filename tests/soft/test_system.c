/* SPDX-License-Identifier: MIT */
/* System instructions: segment loads, far transfers, control registers. */
#include <errno.h>

#include "tests/soft/sys_stub.h"

#define SIZE(log2) .size = (log2) | 2 << 4

/* -- Loading segment registers -------------------------------------------- */

static void seg_loads(void)
{
	static const struct {
		const char *what;
		enum stub_mode mode;
		unsigned cpl, reg, selector;
		int vector;
		uint32_t code;
	} row[] = {
		{ "ds null", PROT32, 0, VMI_DS, 3, -1, 0 },
		{ "ds data", PROT32, 3, VMI_DS, UDATA32, -1, 0 },
		{ "ds inner data", PROT32, 3, VMI_DS, DATA32, VMI_GP, DATA32 },
		{ "ds rpl", PROT32, 0, VMI_DS, DATA32 | 3, VMI_GP, DATA32 },
		{ "ds exec only", PROT32, 3, VMI_DS, XONLY | 3, VMI_GP, XONLY },
		{ "ds read only", PROT32, 3, VMI_DS, RODATA, -1, 0 },
		{ "ds conforming", PROT32, 3, VMI_DS, CONFORM | 3, -1, 0 },
		{ "ds system", PROT32, 0, VMI_DS, SEL_LDT, VMI_GP, SEL_LDT },
		{ "ds absent", PROT32, 0, VMI_DS, NPDATA, VMI_NP, NPDATA },
		{ "ds beyond", PROT32, 0, VMI_DS, 0x100, VMI_GP, 0x100 },
		{ "ds ldt beyond", PROT32, 0, VMI_DS, 0x104, VMI_GP, 0x104 },
		{ "ss null", PROT32, 0, VMI_SS, 0, VMI_GP, 0 },
		{ "ss null 64", LONG64, 0, VMI_SS, 0, -1, 0 },
		{ "ss null 64 rpl", LONG64, 0, VMI_SS, 3, VMI_GP, 0 },
		{ "ss null 64 cpl 3", LONG64, 3, VMI_SS, 3, VMI_GP, 0 },
		{ "ss null compat", LONG32, 0, VMI_SS, 0, VMI_GP, 0 },
		{ "ss", PROT32, 3, VMI_SS, UDATA32, -1, 0 },
		{ "ss rpl", PROT32, 3, VMI_SS, UDATA32 & ~3, VMI_GP, 0x20 },
		{ "ss dpl", PROT32, 0, VMI_SS, UDATA32 & ~3, VMI_GP, 0x20 },
		{ "ss read only", PROT32, 3, VMI_SS, RODATA, VMI_GP, 0x78 },
		{ "ss code", PROT32, 0, VMI_SS, CODE32, VMI_GP, CODE32 },
		{ "ss absent", PROT32, 0, VMI_SS, NPDATA, VMI_EXC_SS, NPDATA },
		{ "cs", PROT32, 0, VMI_CS, CODE32, VMI_UD, 0 },
		{ "real ds", REAL, 0, VMI_DS, 0x1234, -1, 0 },
		{ "vm86 ds", VM86, 3, VMI_DS, 0x1234, -1, 0 },
	};
	size_t i;
	int got;

	for (i = 0; i < vmi_array_len(row); i++) {
		struct vmapi_x86_segment was;

		stub_start(row[i].mode, row[i].cpl);
		was = cpu.seg[row[i].reg];
		cpu.r[VMI_RAX] = 0xabcd0000 | row[i].selector;
		got = stub_run(vmi_do_mov_sreg_r, (struct vmi_op){
			.reg = (uint8_t)row[i].reg, .base = VMI_RAX, SIZE(1) });
		expect_fault(row[i].what, got, row[i].vector, row[i].code);
		expect(row[i].what, cpu.seg[row[i].reg].selector,
			got < 0 ? row[i].selector : was.selector);
		expect("shadow", cpu.shadow, got < 0 && row[i].reg == VMI_SS);
	}
	stub_start(PROT32, 0);
	expect("not accessed", peek(GDT + 0x25, 1), 0xf2);
	cpu.r[VMI_RAX] = UDATA32;
	stub_run(vmi_do_mov_sreg_r, (struct vmi_op){ .reg = VMI_ES,
		.base = VMI_RAX });
	expect("accessed", peek(GDT + 0x25, 1), 0xf3);
	expect("es limit", cpu.seg[VMI_ES].limit, 0xffffffff);
	stub_start(REAL, 0);
	cpu.seg[VMI_DS].limit = 0xffffffff;
	cpu.r[VMI_RAX] = 0x1234;
	stub_run(vmi_do_mov_sreg_r, (struct vmi_op){ .reg = VMI_DS,
		.base = VMI_RAX });
	expect("big real limit", cpu.seg[VMI_DS].limit, 0xffffffff);
	expect("real base", cpu.r[VMI_R_SEG + VMI_DS], 0x12340);
}

/* -- Segmented addresses --------------------------------------------------- */

static uint64_t linear_result;
static unsigned linear_seg, linear_bytes, linear_access;

static void do_linear(struct vmi_cpu *c, const struct vmi_op *op)
{
	linear_result = vmi_linear(c, linear_seg, op->imm, linear_bytes,
		linear_access);
}

static int linear(unsigned seg, uint64_t offset, unsigned bytes,
	unsigned access)
{
	linear_seg = seg;
	linear_bytes = bytes;
	linear_access = access;
	return stub_run(do_linear, (struct vmi_op){ .imm = offset });
}

static void addresses(void)
{
	stub_start(PROT32, 0);
	cpu.seg[VMI_DS].limit = 0xfff;
	expect_fault("in", linear(VMI_DS, 0xffc, 4, 0), -1, 0);
	expect_fault("out", linear(VMI_DS, 0xffd, 4, 0), VMI_GP, 0);
	cpu.seg[VMI_SS].limit = 0xfff;
	expect_fault("ss out", linear(VMI_SS, 0xffd, 4, 1), VMI_EXC_SS, 0);
	expect_fault("write code", linear(VMI_CS, 0, 1, 1), VMI_GP, 0);
	expect_fault("read code", linear(VMI_CS, 0, 1, 0), -1, 0);
	vmi_seg_null(&cpu, VMI_ES, 0);
	expect_fault("null", linear(VMI_ES, 0, 1, 0), VMI_GP, 0);
	/* Expand-down: above the limit, to 4 GiB or to 64 KiB. */
	cpu.seg[VMI_DS].attributes = 0x4097;
	expect_fault("down in", linear(VMI_DS, 0x1000, 4, 1), -1, 0);
	expect_fault("down out", linear(VMI_DS, 0xfff, 1, 1), VMI_GP, 0);
	expect_fault("down top", linear(VMI_DS, 0xffffffff, 1, 1), -1, 0);
	cpu.seg[VMI_DS].attributes = 0x97;
	expect_fault("down16", linear(VMI_DS, 0xffff, 2, 1), VMI_GP, 0);
	stub_start(LONG64, 0);
	expect_fault("canonical", linear(VMI_DS, 0x7ffffffffff8, 8, 0), -1, 0);
	expect_fault("last byte", linear(VMI_DS, 0x7ffffffffff9, 8, 0),
		VMI_GP, 0);
	expect_fault("ss canonical", linear(VMI_SS, 1ull << 47, 8, 0),
		VMI_EXC_SS, 0);
	cpu.seg[VMI_DS].base = 0x5000;
	vmi_seg_set(&cpu, VMI_DS, &cpu.seg[VMI_DS]);
	linear(VMI_DS, 0x10, 1, 0);
	expect("no ds base", linear_result, 0x10);
	cpu.seg[VMI_FS].base = 0x5000;
	vmi_seg_set(&cpu, VMI_FS, &cpu.seg[VMI_FS]);
	linear(VMI_FS, 0x10, 1, 0);
	expect("fs base", linear_result, 0x5010);
}

/* -- Far CALL and JMP ----------------------------------------------------- */

static void far_targets(void)
{
	static const struct {
		const char *what;
		enum stub_mode mode;
		unsigned cpl, selector, offset;
		int vector;
		uint32_t code;
		unsigned cs; /* after */
	} row[] = {
		{ "null", PROT32, 0, 3, 0, VMI_GP, 0, 0 },
		{ "same", PROT32, 0, CODE32, 0x500, -1, 0, CODE32 },
		{ "rpl", PROT32, 0, CODE32 | 1, 0x500, VMI_GP, CODE32, 0 },
		{ "inner", PROT32, 3, CODE32, 0x500, VMI_GP, CODE32, 0 },
		{ "outer", PROT32, 0, UCODE32, 0x500, VMI_GP, 0x18, 0 },
		{ "conforming", PROT32, 3, CONFORM, 0x500, -1, 0, CONFORM | 3 },
		{ "data", PROT32, 0, DATA32, 0x500, VMI_GP, DATA32, 0 },
		{ "absent", PROT32, 0, NPCODE, 0x500, VMI_NP, NPCODE, 0 },
		{ "limit", PROT32, 0, CODE16, 0x10000, VMI_GP, 0, 0 },
		{ "beyond", PROT32, 0, 0x100, 0, VMI_GP, 0x100, 0 },
		{ "ldt", PROT32, 0, SEL_LDT, 0, VMI_GP, SEL_LDT, 0 },
		{ "busy task", PROT32, 0, SEL_TSS, 0, VMI_GP, SEL_TSS, 0 },
		{ "task dpl", PROT32, 3, SEL_TSS2, 0, VMI_GP, SEL_TSS2, 0 },
		{ "to 64", LONG32, 0, CODE64, 0x500, -1, 0, CODE64 },
		{ "to 32", LONG64, 0, CODE32, 0x500, -1, 0, CODE32 },
		{ "L and D", LONG64, 0, BADCODE64, 0, VMI_GP, BADCODE64, 0 },
		{ "task in long", LONG64, 0, SEL_TSS64, 0, VMI_GP, 0xa0, 0 },
		{ "gate16 in long", LONG64, 0, GATE16, 0, VMI_GP, GATE16, 0 },
		{ "gate top", LONG64, 0, GATEUP, 0, VMI_GP, GATEUP, 0 },
		{ "gate32 in long", LONG64, 0, GATE32, 0, VMI_GP, GATE32, 0 },
	};
	size_t i;
	int got, k;

	for (i = 0; i < vmi_array_len(row); i++) {
		for (k = 0; k < 2; k++) {
			stub_start(row[i].mode, row[i].cpl);
			/* As in its place in memory: 32-bit offset. */
			poke(0x7000, row[i].offset, 4);
			poke(0x7004, row[i].selector, 2);
			got = stub_run(k ? vmi_do_call_far : vmi_do_jmp_far,
				(struct vmi_op){ .bits = VMI_OPF_MEM,
				.base = VMI_R_ZERO, .index = VMI_R_ZERO,
				.disp = 0x7000, SIZE(2) });
			expect_fault(row[i].what, got, row[i].vector,
				row[i].code);
			if (got >= 0)
				continue;
			expect(row[i].what, cpu.seg[VMI_CS].selector,
				row[i].cs);
			expect(row[i].what, cpu.rip, row[i].offset);
			expect("pushed", cpu.r[VMI_RSP],
				(row[i].cpl == 3 ? USTACK : KSTACK) -
				(k ? 8 : 0));
		}
	}
}

static void far_gates(void)
{
	struct vmi_op op = { .imm = 0, .disp = GATE32, SIZE(2) };

	stub_start(PROT32, 3);
	poke(USTACK, 0x11111111, 4);
	poke(USTACK + 4, 0x22222222, 4);
	expect_fault("gate", stub_run(vmi_do_call_far, op), -1, 0);
	expect("gate cs", cpu.seg[VMI_CS].selector, CODE32);
	expect("gate cpl", cpu.cpl, 0);
	expect("gate rip", cpu.rip, 0x12345678);
	expect("gate ss", cpu.seg[VMI_SS].selector, DATA32);
	expect("gate esp", cpu.r[VMI_RSP], KSTACK - 24);
	expect("old ss", peek(KSTACK - 4, 4), UDATA32);
	expect("old esp", peek(KSTACK - 8, 4), USTACK);
	expect("param 2", peek(KSTACK - 12, 4), 0x22222222);
	expect("param 1", peek(KSTACK - 16, 4), 0x11111111);
	expect("old cs", peek(KSTACK - 20, 4), UCODE32);
	expect("old eip", peek(KSTACK - 24, 4), CODE + 2);
	/* And back, releasing both parameters from both stacks. */
	expect_fault("ret", stub_run(vmi_do_ret_far, (struct vmi_op){
		.imm = 8, SIZE(2) }), -1, 0);
	expect("ret cpl", cpu.cpl, 3);
	expect("ret esp", cpu.r[VMI_RSP], USTACK + 8);
	expect("ret ss", cpu.seg[VMI_SS].selector, UDATA32);
	expect("ret eip", cpu.rip, CODE + 2);

	stub_start(PROT32, 3);
	op.disp = GATE16;
	poke(USTACK, 0x3344, 2);
	expect_fault("gate16", stub_run(vmi_do_call_far, op), -1, 0);
	expect("gate16 rip", cpu.rip, 0x5678);
	expect("gate16 esp", cpu.r[VMI_RSP], KSTACK - 10);
	expect("gate16 param", peek(KSTACK - 6, 2), 0x3344);
	op.disp = GATE32;
	stub_start(PROT32, 3);
	expect_fault("jmp inner", stub_run(vmi_do_jmp_far, op), VMI_GP, CODE32);
	cpu.seg[VMI_TR].limit = 8;
	expect_fault("tss limit", stub_run(vmi_do_call_far, op), VMI_TS,
		SEL_TSS);
	stub_start(PROT32, 3);
	poke(TSS + 8, 0, 4);
	expect_fault("tss ss null", stub_run(vmi_do_call_far, op), VMI_TS, 0);
	poke(TSS + 8, UDATA32, 4);
	expect_fault("tss ss rpl", stub_run(vmi_do_call_far, op), VMI_TS, 0x20);
	poke(TSS + 8, NPDATA, 4);
	expect_fault("tss ss np", stub_run(vmi_do_call_far, op), VMI_EXC_SS,
		NPDATA);
	poke(TSS + 8, DATA16, 4);
	poke(TSS + 4, 0x12, 4);
	expect_fault("room", stub_run(vmi_do_call_far, op), VMI_EXC_SS, DATA16);
	expect("esp kept", cpu.r[VMI_RSP], USTACK);
	expect("cs kept", cpu.seg[VMI_CS].selector, UCODE32);
	poke(GDT + GATE32 + 5, 0x6c, 1);
	expect_fault("gate np", stub_run(vmi_do_call_far, op), VMI_NP, GATE32);
	poke(GDT + GATE32 + 5, 0x8c, 1);
	expect_fault("gate dpl", stub_run(vmi_do_call_far, op), VMI_GP, GATE32);

	stub_start(LONG64, 3);
	poke(0x7000, GATE64 << 16, 8);
	poke(0x7004, GATE64, 2);
	expect_fault("gate64", stub_run(vmi_do_call_far, (struct vmi_op){
		.bits = VMI_OPF_MEM, .base = VMI_R_ZERO, .index = VMI_R_ZERO,
		.disp = 0x7000, SIZE(2) }), -1, 0);
	expect("gate64 rsp", cpu.r[VMI_RSP], KSTACK - 32);
	expect("gate64 ss", cpu.seg[VMI_SS].selector, 0);
	expect("gate64 old ss", peek(KSTACK - 8, 8), UDATA32);
	expect("gate64 old cs", peek(KSTACK - 24, 8), UCODE64);
	expect("gate64 rip", cpu.rip, 0x2000);
}

static void far_returns(void)
{
	static const struct {
		const char *what;
		enum stub_mode mode;
		unsigned cpl, cs, ss;
		int vector;
		uint32_t code;
	} row[] = {
		{ "null", PROT32, 0, 0, 0, VMI_GP, 0 },
		{ "same", PROT32, 0, CODE32, 0, -1, 0 },
		{ "to inner", PROT32, 3, CODE32, 0, VMI_GP, CODE32 },
		{ "outer", PROT32, 0, UCODE32, UDATA32, -1, 0 },
		{ "outer ss null", PROT32, 0, UCODE32, 0, VMI_GP, 0 },
		{ "outer ss rpl", PROT32, 0, UCODE32, 0x20, VMI_GP, 0x20 },
		{ "outer ss dpl", PROT32, 0, UCODE32, DATA32 | 3, VMI_GP,
			DATA32 },
		{ "outer ss ro", PROT32, 0, UCODE32, RODATA, VMI_GP, 0x78 },
		{ "rpl not dpl", PROT32, 0, CODE32 | 3, 0, VMI_GP, CODE32 },
		{ "conforming", PROT32, 0, CONFORM | 3, UDATA32, -1, 0 },
		{ "data", PROT32, 0, DATA32, 0, VMI_GP, DATA32 },
		{ "absent", PROT32, 0, NPCODE, 0, VMI_NP, NPCODE },
		{ "64 outer", LONG64, 0, UCODE64, UDATA32, -1, 0 },
		{ "64 compat", LONG64, 0, UCODE32, UDATA32, -1, 0 },
		{ "64 null ss", LONG64, 0, UCODE64, 0, VMI_GP, 0 },
	};
	size_t i;
	int got;

	for (i = 0; i < vmi_array_len(row); i++) {
		unsigned size = row[i].mode == LONG64 ? 8 : 4;
		unsigned top = row[i].cpl == 3 ? USTACK : KSTACK;

		stub_start(row[i].mode, row[i].cpl);
		poke(top, 0x777, size);
		poke(top + size, row[i].cs, size);
		poke(top + 2 * size, 0x8888, size);
		poke(top + 3 * size, row[i].ss, size);
		got = stub_run(vmi_do_ret_far, (struct vmi_op){
			.size = (uint8_t)(size == 8 ? 3 : 2) });
		expect_fault(row[i].what, got, row[i].vector, row[i].code);
		if (got >= 0) {
			expect("rsp kept", cpu.r[VMI_RSP], top);
			continue;
		}
		expect(row[i].what, cpu.rip, 0x777);
		expect(row[i].what, cpu.cpl, row[i].cs & 3);
		if (row[i].cpl == (row[i].cs & 3))
			continue;
		expect("outer rsp", cpu.r[VMI_RSP], 0x8888);
		expect("ds dropped", cpu.seg[VMI_DS].selector, 0);
		expect("es dropped", cpu.seg[VMI_ES].attributes,
			VMAPI_X86_SEG_UNUSABLE);
	}
}

/* -- Descriptor instructions ----------------------------------------------- */

static void look(void)
{
	static const struct {
		unsigned selector, cpl;
		bool lar, lsl, verr, verw;
	} row[] = {
		{ 0, 0, false, false, false, false },
		{ CODE32, 0, true, true, true, false },
		{ CODE32, 3, false, false, false, false },
		{ CONFORM, 3, true, true, true, false },
		{ DATA32, 0, true, true, true, true },
		{ DATA32 | 3, 0, false, false, false, false },
		{ RODATA, 3, true, true, true, false },
		{ XONLY | 3, 3, true, true, false, false },
		{ SEL_TSS, 0, true, true, false, false },
		{ SEL_LDT, 0, true, true, false, false },
		{ GATE32, 0, true, false, false, false },
		{ GATETASK, 0, true, false, false, false },
		{ NPDATA, 0, true, true, true, true },
		{ 0x100, 0, false, false, false, false },
	};
	size_t i;

	for (i = 0; i < vmi_array_len(row); i++) {
		struct vmi_op op = { .reg = VMI_RBX, .base = VMI_RAX, SIZE(2) };
		bool ok;

		stub_start(PROT32, row[i].cpl);
		cpu.r[VMI_RAX] = row[i].selector;
		cpu.r[VMI_RBX] = 0x55aa;
		stub_run(vmi_do_lar, op);
		ok = vmi_flags(&cpu) & VMI_FLAG_ZF;
		expect("lar", ok, row[i].lar);
		expect("lar value", cpu.r[VMI_RBX], ok ? peek(GDT +
			(row[i].selector & ~7u) + 4, 4) & 0xffff00 : 0x55aa);
		stub_run(vmi_do_lsl, op);
		expect("lsl", !!(vmi_flags(&cpu) & VMI_FLAG_ZF), row[i].lsl);
		stub_run(vmi_do_verr, op);
		expect("verr", !!(vmi_flags(&cpu) & VMI_FLAG_ZF), row[i].verr);
		stub_run(vmi_do_verw, op);
		expect("verw", !!(vmi_flags(&cpu) & VMI_FLAG_ZF), row[i].verw);
	}
}

static void tables(void)
{
	struct vmi_op op = { .base = VMI_RAX, SIZE(1) };

	stub_start(PROT32, 0);
	cpu.r[VMI_RAX] = SEL_TSS;
	expect_fault("ltr busy", stub_run(vmi_do_ltr, op), VMI_GP, SEL_TSS);
	cpu.r[VMI_RAX] = SEL_TSS2;
	expect_fault("ltr", stub_run(vmi_do_ltr, op), -1, 0);
	expect("busy", peek(GDT + SEL_TSS2 + 5, 1), 0x8b);
	expect("tr busy", cpu.seg[VMI_TR].attributes, 0x8b);
	cpu.r[VMI_RAX] = 0;
	expect_fault("ltr null", stub_run(vmi_do_ltr, op), VMI_GP, 0);
	expect_fault("lldt null", stub_run(vmi_do_lldt, op), -1, 0);
	expect("ldt gone", cpu.seg[VMI_LDTR].attributes,
		VMAPI_X86_SEG_UNUSABLE);
	cpu.r[VMI_RAX] = SEL_LDT | 4;
	expect_fault("lldt ti", stub_run(vmi_do_lldt, op), VMI_GP, 0x64);
	poke(0x7000, 0x1234567890abull, 8);
	op = (struct vmi_op){ .bits = VMI_OPF_MEM, .base = VMI_R_ZERO,
		.index = VMI_R_ZERO, .disp = 0x7000, SIZE(1) };
	stub_run(vmi_do_lgdt, op);
	expect("lgdt 16", cpu.seg[VMI_GDTR].base, 0x345678);
	expect("limit", cpu.seg[VMI_GDTR].limit, 0x90ab);
	op.size = 2 | 2 << 4;
	stub_run(vmi_do_lidt, op);
	expect("lidt 32", cpu.seg[VMI_IDTR].base, 0x12345678);
	stub_start(LONG64, 0);
	poke(0x7000, 0xffff, 2);
	poke(0x7002, 0x800000000000ull, 8);
	op.size = 3 | 3 << 4;
	expect_fault("lgdt canonical", stub_run(vmi_do_lgdt, op), VMI_GP, 0);
	stub_start(VM86, 3);
	expect_fault("sldt vm86", stub_run(vmi_do_sldt, op), VMI_UD, 0);
	stub_start(PROT32, 3);
	expect_fault("lgdt user", stub_run(vmi_do_lgdt, op), VMI_GP, 0);
	cpu.cr4 = VMI_CR4_UMIP;
	expect_fault("sgdt umip", stub_run(vmi_do_sgdt, op), VMI_GP, 0);
	cpu.r[VMI_RAX] = 0xfff8;
	cpu.r[VMI_RBX] = 3;
	stub_run(vmi_do_arpl, (struct vmi_op){ .base = VMI_RAX,
		.reg = VMI_RBX });
	expect("arpl", cpu.r[VMI_RAX], 0xfffb);
	expect("arpl zf", vmi_flags(&cpu), VMI_FLAG_ZF);
}

/* -- Control registers ----------------------------------------------------- */

static void control(void)
{
	static const struct {
		const char *what;
		enum stub_mode mode;
		unsigned cpl, cr;
		uint64_t set, clear; /* to and from what it is */
		int vector;
	} row[] = {
		{ "cr0 user", PROT32, 3, 0, 0, 0, VMI_GP },
		{ "cr0 pg no pe", REAL, 0, 0, VMI_CR0_PG, 0, VMI_GP },
		{ "cr0 pg", PROT32, 0, 0, VMI_CR0_PG, 0, -1 },
		{ "cr0 nw no cd", PROT32, 0, 0, VMI_CR0_NW, VMI_CR0_CD,
			VMI_GP },
		{ "cr0 nw cd", PROT32, 0, 0, VMI_CR0_NW | VMI_CR0_CD, 0, -1 },
		{ "cr0 high", LONG64, 0, 0, 1ull << 32, 0, VMI_GP },
		{ "cr0 pg off 64", LONG64, 0, 0, 0, VMI_CR0_PG, VMI_GP },
		{ "cr0 pg off 32", LONG32, 0, 0, 0, VMI_CR0_PG, -1 },
		{ "cr3 high", LONG64, 0, 3, 1ull << 40, 0, VMI_GP },
		{ "cr3", LONG64, 0, 3, CR3A | 0xfff, 0, -1 },
		{ "cr4 reserved", PROT32, 0, 4, 1 << 12, 0, VMI_GP },
		{ "cr4 vmxe", PROT32, 0, 4, 1 << 13, 0, VMI_GP },
		{ "cr4 pcide", LONG64, 0, 4, VMI_CR4_PCIDE, 0, -1 },
		{ "cr4 pcide 32", PROT32, 0, 4, VMI_CR4_PCIDE, 0, VMI_GP },
		{ "cr4 pae off", LONG64, 0, 4, 0, VMI_CR4_PAE, VMI_GP },
		{ "cr4 all", PROT32, 0, 4, 0x350fff, 0, -1 },
		{ "cr8", LONG64, 0, 8, 15, 0, -1 },
		{ "cr8 high", LONG64, 0, 8, 16, 0, VMI_GP },
		{ "cr1", PROT32, 0, 1, 0, 0, VMI_UD },
	};
	size_t i;

	for (i = 0; i < vmi_array_len(row); i++) {
		uint64_t v = 0;

		stub_start(row[i].mode, row[i].cpl);
		cpu.cr0 &= ~(VMI_CR0_NW | VMI_CR0_CD);
		v = row[i].cr == 0 ? cpu.cr0 : row[i].cr == 4 ? cpu.cr4 : 0;
		cpu.r[VMI_RAX] = (v | row[i].set) & ~row[i].clear;
		expect_fault(row[i].what, stub_run(vmi_do_mov_cr_r,
			(struct vmi_op){ .reg = (uint8_t)row[i].cr,
			.base = VMI_RAX }), row[i].vector, 0);
	}
}

static void long_mode(void)
{
	struct vmi_op op = { .reg = 0, .base = VMI_RAX };

	stub_start(PROT32, 0);
	expect("lme", (uint64_t)vmi_msr_write(&cpu, 0xc0000080, 0x100, false),
		0);
	cpu.r[VMI_RAX] = VMI_CR0_PE | VMI_CR0_PG;
	expect_fault("no pae", stub_run(vmi_do_mov_cr_r, op), VMI_GP, 0);
	cpu.cr4 = VMI_CR4_PAE;
	cpu.seg[VMI_TR].attributes = 0x83;
	expect_fault("tss16", stub_run(vmi_do_mov_cr_r, op), VMI_GP, 0);
	cpu.seg[VMI_TR].attributes = 0x8b;
	cpu.seg[VMI_CS].attributes |= VMAPI_X86_SEG_L;
	expect_fault("cs.l", stub_run(vmi_do_mov_cr_r, op), VMI_GP, 0);
	cpu.seg[VMI_CS].attributes &= ~VMAPI_X86_SEG_L;
	expect("not yet", cpu.efer, 0x100);
	expect_fault("lma", stub_run(vmi_do_mov_cr_r, op), -1, 0);
	expect("efer", cpu.efer, 0x500);
	expect("mode", cpu.mode, 32);
	expect("lme while pg", (uint64_t)vmi_msr_write(&cpu, 0xc0000080, 0,
		false), (uint64_t)-EINVAL);
	expect("efer reserved", (uint64_t)vmi_msr_write(&cpu, 0xc0000080, 2,
		false), (uint64_t)-EINVAL);
	/* PAE: a PDPTE with a reserved bit. */
	stub_start(PROT32, 0);
	cpu.cr4 = VMI_CR4_PAE;
	cpu.cr3 = CR3A;
	poke(CR3A + 8, 0x3, 8);
	cpu.r[VMI_RAX] = VMI_CR0_PE | VMI_CR0_PG;
	expect_fault("pdpte", stub_run(vmi_do_mov_cr_r, op), VMI_GP, 0);
	expect("pg kept", cpu.cr0 & VMI_CR0_PG, 0);
	/* LMSW sets PE and never clears it. */
	stub_start(REAL, 0);
	cpu.r[VMI_RAX] = 1;
	stub_run(vmi_do_lmsw, op);
	expect("lmsw", cpu.cr0 & 0xf, 1);
	cpu.r[VMI_RAX] = 0xe;
	stub_run(vmi_do_lmsw, op);
	expect("lmsw pe", cpu.cr0 & 0xf, 0xf);
	stub_run(vmi_do_clts, op);
	expect("clts", cpu.cr0 & 0xf, 7);
}

static void debug(void)
{
	struct vmi_op op = { .reg = 7, .base = VMI_RAX };

	stub_start(LONG64, 0);
	cpu.r[VMI_RAX] = 0xffffdfff;
	expect_fault("dr7", stub_run(vmi_do_mov_dr_r, op), -1, 0);
	expect("dr7 bits", cpu.dr[7], 0xffff07ff);
	cpu.r[VMI_RAX] = 1ull << 32;
	expect_fault("dr7 high", stub_run(vmi_do_mov_dr_r, op), VMI_GP, 0);
	op.reg = 4;
	cpu.r[VMI_RAX] = 0;
	expect_fault("dr4", stub_run(vmi_do_mov_dr_r, op), -1, 0);
	expect("dr6", cpu.dr[6], 0xffff0ff0);
	cpu.cr4 |= VMI_CR4_DE;
	expect_fault("dr4 de", stub_run(vmi_do_mov_dr_r, op), VMI_UD, 0);
	op.reg = 0;
	cpu.dr[7] |= VMI_DR7_GD;
	expect_fault("gd", stub_run(vmi_do_mov_r_dr, op), VMI_DB, 0);
	expect("gd dr6", cpu.fault.dr6, VMI_DR6_BD);
}

/* -- Flags --------------------------------------------------------------- */

static void popf(void)
{
	static const struct {
		const char *what;
		enum stub_mode mode;
		unsigned cpl, iopl, size;
		uint64_t cr4, before, image;
		int vector;
		uint64_t after;
	} row[] = {
		{ "cpl 0", PROT32, 0, 0, 2, 0, 0, 0x3f7fd7, -1, 0x247fd7 },
		{ "cpl 0 word", PROT32, 0, 0, 1, 0, VMI_FLAG_AC, 0x7fd7, -1,
			0x47fd7 },
		{ "cpl 3 iopl 0", PROT32, 3, 0, 2, 0, 0x200, 0x3000, -1,
			0x202 },
		{ "cpl 3 iopl 3", PROT32, 3, 3, 2, 0, 0x3200, 0, -1, 0x3002 },
		{ "vm86 iopl 3", VM86, 3, 3, 2, 0, 0x3000, 0x200, -1,
			0x23202 },
		{ "vm86 iopl 0", VM86, 3, 0, 1, 0, 0, 0x200, VMI_GP, 0 },
		{ "vme", VM86, 3, 0, 1, VMI_CR4_VME, 0, 0x200, -1,
			0xa0002 },
		{ "vme 32", VM86, 3, 0, 2, VMI_CR4_VME, 0, 0x200, VMI_GP, 0 },
		{ "vme vip", VM86, 3, 0, 1, VMI_CR4_VME, VMI_FLAG_VIP, 0x200,
			VMI_GP, 0 },
		{ "vme tf", VM86, 3, 0, 1, VMI_CR4_VME, 0, 0x100, VMI_GP, 0 },
	};
	size_t i;
	int got;

	for (i = 0; i < vmi_array_len(row); i++) {
		stub_start(row[i].mode, row[i].cpl);
		cpu.rflags |= row[i].before | row[i].iopl << 12;
		cpu.cr4 |= row[i].cr4;
		cpu.r[VMI_RSP] = USTACK;
		poke(USTACK, row[i].image, 4);
		got = stub_run(vmi_do_popf, (struct vmi_op){
			.size = (uint8_t)row[i].size });
		expect_fault(row[i].what, got, row[i].vector, 0);
		if (got < 0)
			expect(row[i].what, vmi_rflags(&cpu), row[i].after);
		expect("popf rsp", cpu.r[VMI_RSP], got < 0 ?
			USTACK + (1u << row[i].size) : USTACK);
	}
}

static void interrupt_flag(void)
{
	struct vmi_op op = { SIZE(2) };

	stub_start(PROT32, 0);
	stub_run(vmi_do_sti, op);
	expect("sti", cpu.rflags, 0x202);
	expect("sti shadow", cpu.shadow, 2);
	cpu.shadow = 0;
	stub_run(vmi_do_sti, op);
	expect("sti again", cpu.shadow, 0);
	stub_run(vmi_do_cli, op);
	expect("cli", cpu.rflags, 2);
	stub_start(PROT32, 3);
	expect_fault("sti user", stub_run(vmi_do_sti, op), VMI_GP, 0);
	cpu.cr4 |= VMI_CR4_PVI;
	expect_fault("sti pvi", stub_run(vmi_do_sti, op), -1, 0);
	expect("vif", cpu.rflags, VMI_FLAG_VIF | 2);
	cpu.rflags |= VMI_FLAG_VIP;
	expect_fault("sti vip", stub_run(vmi_do_sti, op), VMI_GP, 0);
	stub_start(VM86, 3);
	cpu.cr4 |= VMI_CR4_VME;
	cpu.rflags |= VMI_FLAG_VIF;
	stub_run(vmi_do_pushf, (struct vmi_op){ SIZE(1) });
	expect("pushf vme", peek(cpu.r[VMI_RSP], 2), 0x3202);
	expect_fault("pushfd vme", stub_run(vmi_do_pushf, op), VMI_GP, 0);
	expect_fault("stac vm86", stub_run(vmi_do_stac, op), VMI_UD, 0);
}

/* -- System calls -------------------------------------------------------- */

static void syscalls(void)
{
	struct vmi_op op = { SIZE(3) };

	stub_start(LONG64, 3);
	expect_fault("no sce", stub_run(vmi_do_syscall, op), VMI_UD, 0);
	cpu.efer |= VMI_EFER_SCE;
	cpu.star = 0x001b000800000000ull;
	cpu.lstar = 0xffffffff80001000ull;
	cpu.sfmask = 0x47700;
	cpu.rflags = 0x202 | VMI_FLAG_RF;
	expect_fault("syscall", stub_run(vmi_do_syscall, op), -1, 0);
	expect("rcx", cpu.r[VMI_RCX], CODE + 2);
	expect("r11", cpu.r[11], 0x202 | VMI_FLAG_RF);
	expect("flags", vmi_rflags(&cpu), 2);
	expect("cs", cpu.seg[VMI_CS].selector, 8);
	expect("cs attr", cpu.seg[VMI_CS].attributes, 0xa09b);
	expect("ss", cpu.seg[VMI_SS].selector, 0x10);
	expect("rip", cpu.rip, 0xffffffff80001000ull);
	cpu.r[VMI_RCX] = 1ull << 47;
	expect_fault("sysret rip", stub_run(vmi_do_sysret, op), VMI_GP, 0);
	expect("cpl kept", cpu.cpl, 0);
	cpu.r[VMI_RCX] = 0x4000;
	cpu.r[11] = 0x10202;
	expect_fault("sysret", stub_run(vmi_do_sysret, op), -1, 0);
	expect("sysret cs", cpu.seg[VMI_CS].selector, 0x2b);
	expect("sysret ss", cpu.seg[VMI_SS].selector, 0x23);
	expect("sysret flags", vmi_rflags(&cpu), 0x202);
	expect("cpl", cpu.cpl, 3);
	expect_fault("sysret user", stub_run(vmi_do_sysret, op), VMI_GP, 0);
	cpu.kernel_gs_base = 0x1000;
	expect_fault("swapgs user", stub_run(vmi_do_swapgs, op), VMI_GP, 0);
	cpu.cpl = 0;
	cpu.seg[VMI_GS].base = 0x2000;
	stub_run(vmi_do_swapgs, op);
	expect("gs", cpu.r[VMI_R_SEG + VMI_GS], 0x1000);
	expect("kernel gs", cpu.kernel_gs_base, 0x2000);
	stub_start(PROT32, 3);
	expect_fault("sysenter 0", stub_run(vmi_do_sysenter, op), VMI_GP, 0);
	cpu.sysenter_cs = CODE32;
	cpu.sysenter_esp = KSTACK;
	cpu.sysenter_eip = 0x3000;
	expect_fault("sysenter", stub_run(vmi_do_sysenter, op), -1, 0);
	expect("sysenter eip", cpu.rip, 0x3000);
	expect("sysenter esp", cpu.r[VMI_RSP], KSTACK);
	expect("sysenter cs", cpu.seg[VMI_CS].attributes, 0xc09b);
	cpu.r[VMI_RDX] = 0x1111;
	cpu.r[VMI_RCX] = 0x2222;
	op.size = 2;
	expect_fault("sysexit", stub_run(vmi_do_sysexit, op), -1, 0);
	expect("sysexit cs", cpu.seg[VMI_CS].selector, CODE32 + 16 + 3);
	expect("sysexit ss", cpu.seg[VMI_SS].selector, CODE32 + 24 + 3);
	expect("sysexit eip", cpu.rip, 0x1111);
	expect("sysexit esp", cpu.r[VMI_RSP], 0x2222);
}

static void identity(void)
{
	uint32_t out[4], list[128];
	uint64_t v;
	size_t i, n;

	stub_start(LONG64, 0);
	vmi_cpuid(&cpu, 0, 0, out);
	expect("vendor", out[1], 0x756e6547);
	vmi_cpuid(&cpu, 1, 0, out);
	expect("no osxsave", out[2] >> 27 & 1, 0);
	expect("no hypervisor", out[2] >> 31, 0);
	cpu.cr4 |= VMI_CR4_OSXSAVE;
	vmi_cpuid(&cpu, 1, 0, out);
	expect("osxsave", out[2] >> 27 & 1, 1);
	vmi_cpuid(&cpu, 0x80000002, 0, out);
	expect("brand", out[0], 'l' | 'i' << 8 | 'b' << 16 | 'v' << 24);
	vmi_cpuid(&cpu, 2, 0, out);
	expect("caches: see leaf 4", out[0], 0xff01);
	vmi_cpuid(&cpu, 4, 2, out); /* 256 KiB: 8 ways, 512 sets of 64 */
	expect("cache", out[0], 0x143);
	expect("cache's ways and lines", out[1], 7u << 22 | 63);
	expect("cache's sets", out[2], 511);
	vmi_cpuid(&cpu, 0x1234, 0, out);
	expect("beyond", out[0], 1000);
	vmi_cpuid(&cpu, 4, 9, out);
	expect("no such cache", out[0], 0);
	n = vmi_msr_list(&cpu, list, vmi_array_len(list));
	for (i = 0; i < n; i++) {
		v = ~0ull;
		expect("msr read", (uint64_t)vmi_msr_read(&cpu, list[i], &v, true),
			0);
		expect("msr back", (uint64_t)vmi_msr_write(&cpu, list[i], v,
			true), 0);
	}
	expect("unknown", (uint64_t)vmi_msr_read(&cpu, 0x12345, &v, true),
		(uint64_t)-ENOENT);
	expect("lstar", (uint64_t)vmi_msr_write(&cpu, 0xc0000082, 1ull << 47,
		false), (uint64_t)-EINVAL);
	expect("pat", (uint64_t)vmi_msr_write(&cpu, 0x277, 2, false),
		(uint64_t)-EINVAL);
	expect("tsc", (uint64_t)vmi_msr_write(&cpu, 0x10, 5000, false), 0);
	expect("tsc now", vmi_tsc(&cpu), 5000);
	expect("adjust", (uint64_t)cpu.tsc_adjust, 4000);
	cpu.r[VMI_RCX] = 0;
	cpu.r[VMI_RDX] = 0;
	cpu.r[VMI_RAX] = 2;
	expect_fault("xcr0 x87", stub_run(vmi_do_xsetbv, (struct vmi_op){
		.len = 3 }), VMI_GP, 0);
	cpu.r[VMI_RAX] = 7;
	expect_fault("xcr0 avx", stub_run(vmi_do_xsetbv, (struct vmi_op){
		.len = 3 }), VMI_GP, 0);
	cpu.r[VMI_RAX] = 3;
	expect_fault("xcr0", stub_run(vmi_do_xsetbv, (struct vmi_op){
		.len = 3 }), -1, 0);
}

static void reset(void)
{
	unsigned i;

	stub_start(LONG64, 3);
	cpu.lstar = 0x1234;
	cpu.fpu.mxcsr = 0x1fff;
	cpu.sipi_vector = 0x9a;
	cpu.nmi_masked = true;
	cpu.cr0 = (cpu.cr0 & ~VMI_CR0_NW) | VMI_CR0_CD;
	for (i = 0; i < 16; i++)
		cpu.r[i] = ~0ull;
	vmi_cpu_reset(&cpu, true);
	expect("init cr0", cpu.cr0, VMI_CR0_CD | VMI_CR0_ET);
	expect("init lstar", cpu.lstar, 0x1234);
	expect("init mxcsr", cpu.fpu.mxcsr, 0x1fff);
	/* It may be on its way already. */
	expect("init sipi", cpu.sipi_vector, 0x9a);
	expect("init nmi", cpu.nmi_masked, 0);
	expect("init efer", cpu.efer, 0);
	expect("init mode", cpu.mode, 16);
	expect("init rax", cpu.r[VMI_RAX], 0);
	expect("init edx", cpu.r[VMI_RDX], 0x106a5);
	expect("init cs", cpu.r[VMI_R_SEG + VMI_CS], 0xffff0000);
	expect("init rip", cpu.rip, 0xfff0);
	expect("init state", cpu.mp_state, VMAPI_X86_MP_RUNNABLE);
	cpu.index = 1;
	vmi_cpu_reset(&cpu, false);
	expect("power-on state", cpu.mp_state, VMAPI_X86_MP_UNINITIALIZED);
	expect("power-on lstar", cpu.lstar, 0);
	expect("power-on mxcsr", cpu.fpu.mxcsr, 0x1f80);
	vmi_cpu_reset(&cpu, true);
	expect("init ap", cpu.mp_state, VMAPI_X86_MP_INIT_RECEIVED);
}

int main(void)
{
	seg_loads();
	addresses();
	far_targets();
	far_gates();
	far_returns();
	look();
	tables();
	control();
	long_mode();
	debug();
	popf();
	interrupt_flag();
	syscalls();
	identity();
	reset();
	return stub_done("system");
}
