/* SPDX-License-Identifier: MIT */
/* Interrupts and exceptions: delivery, IRET, double faults, task switches. */
#include "tests/soft/sys_stub.h"

#define SIZE(log2) .size = (log2) | 2 << 4

static void idt(unsigned vector, unsigned selector, uint64_t offset,
	unsigned access)
{
	gate(IDT + 8 * vector, selector, offset, access);
}

static void idt64(unsigned vector, unsigned selector, uint64_t offset,
	unsigned access, unsigned ist)
{
	gate(IDT + 16 * vector, selector, offset, access);
	poke(IDT + 16 * vector + 4, ist, 1);
	poke(IDT + 16 * vector + 8, offset >> 32, 8);
}

static struct vmi_event event(enum vmi_event_kind kind, unsigned vector)
{
	return (struct vmi_event){ .kind = kind, .vector = (uint8_t)vector,
		.return_rip = 0x10002 };
}

static struct vmi_event with_code(unsigned vector, uint32_t code)
{
	struct vmi_event e = event(VMI_EV_EXCEPTION, vector);

	e.has_code = true;
	e.code = code;
	return e;
}

/* The frame from the top of a stack down, words of `bytes`. */
static void frame(const char *what, unsigned top, unsigned bytes,
	const uint64_t *want, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++)
		expect(what, peek(top - (i + 1) * bytes, bytes), want[i]);
	expect(what, cpu.r[VMI_RSP], top - n * bytes);
}

static void real_mode(void)
{
	const uint64_t want[] = { 0x202 | VMI_FLAG_CF, 0x1000, 2 };

	stub_start(REAL, 0);
	cpu.seg[VMI_IDTR].base = 0;
	cpu.seg[VMI_IDTR].limit = 0x3ff;
	poke(4 * 0x21, 0x12345678, 4);
	cpu.rflags |= VMI_FLAG_IF | VMI_FLAG_TF * 0;
	vmi_flags_set(&cpu, VMI_FLAG_CF);
	expect_fault("real", stub_deliver(event(VMI_EV_INT, 0x21)), -1, 0);
	frame("real frame", KSTACK, 2, want, 3);
	expect("real cs", cpu.seg[VMI_CS].selector, 0x1234);
	expect("real base", cpu.r[VMI_R_SEG + VMI_CS], 0x12340);
	expect("real ip", cpu.rip, 0x5678);
	expect("real flags", vmi_rflags(&cpu), 2 | VMI_FLAG_CF);
	stub_run(vmi_do_iret, (struct vmi_op){ SIZE(1) });
	expect("iret ip", cpu.rip, 2);
	expect("iret sp", cpu.r[VMI_RSP], KSTACK);
	expect("iret flags", vmi_rflags(&cpu), 0x202 | VMI_FLAG_CF);
	cpu.seg[VMI_IDTR].limit = 0x86;
	expect_fault("real limit", stub_deliver(event(VMI_EV_INT, 0x21)),
		VMI_GP, 0x21 * 8 + 2);
	/* 16-bit stack pointer: the upper half of ESP stays. */
	stub_start(REAL, 0);
	cpu.seg[VMI_IDTR].base = 0;
	cpu.r[VMI_RSP] = 0xabcd0002;
	expect_fault("sp 2", stub_deliver(event(VMI_EV_INT, 0x21)), -1, 0);
	expect("sp wraps", cpu.r[VMI_RSP], 0xabcdfffc);
	cpu.r[VMI_RSP] = 0xabcd0001;
	expect_fault("sp 1", stub_deliver(event(VMI_EV_EXTERNAL, 0x21)),
		VMI_EXC_SS, 1);
}

static void gates(void)
{
	static const struct {
		const char *what;
		unsigned selector, access;
		enum vmi_event_kind kind;
		int vector;
		uint32_t code;
	} row[] = {
		{ "ok", CODE32, 0xee, VMI_EV_INT, -1, 0 },
		{ "dpl", CODE32, 0x8e, VMI_EV_INT, VMI_GP, 0x30 * 8 + 2 },
		{ "dpl int3", CODE32, 0x8e, VMI_EV_INT3, VMI_GP, 0x182 },
		{ "dpl external", CODE32, 0x8e, VMI_EV_EXTERNAL, -1, 0 },
		{ "dpl exception", CODE32, 0x8e, VMI_EV_EXCEPTION, -1, 0 },
		{ "type", CODE32, 0x8c, VMI_EV_EXTERNAL, VMI_GP, 0x183 },
		{ "s bit", CODE32, 0x9e, VMI_EV_EXTERNAL, VMI_GP, 0x183 },
		{ "absent", CODE32, 0x6e, VMI_EV_INT, VMI_NP, 0x182 },
		{ "absent ext", CODE32, 0xe, VMI_EV_NMI, VMI_NP, 0x183 },
		{ "null", 0, 0x8e, VMI_EV_EXCEPTION, VMI_GP, 1 },
		{ "null int", 0, 0xee, VMI_EV_INT, VMI_GP, 0 },
		{ "beyond", 0x100, 0x8e, VMI_EV_EXTERNAL, VMI_GP, 0x101 },
		{ "data", DATA32, 0x8e, VMI_EV_EXTERNAL, VMI_GP, DATA32 | 1 },
		{ "cs absent", NPCODE, 0x8e, VMI_EV_EXTERNAL, VMI_NP,
			NPCODE | 1 },
		{ "task ldt", SEL_LDT, 0x85, VMI_EV_EXTERNAL, VMI_GP,
			SEL_LDT | 1 },
		{ "task ti", SEL_TSS2 | 4, 0x85, VMI_EV_EXTERNAL, VMI_GP,
			SEL_TSS2 | 5 },
		{ "task busy", SEL_TSS, 0x85, VMI_EV_EXTERNAL, VMI_GP,
			SEL_TSS | 1 },
	};
	size_t i;
	int got;

	for (i = 0; i < vmi_array_len(row); i++) {
		stub_start(PROT32, 3);
		idt(0x30, row[i].selector, 0x4000, row[i].access);
		got = stub_deliver(event(row[i].kind, 0x30));
		expect_fault(row[i].what, got, row[i].vector, row[i].code);
		expect(row[i].what, cpu.cpl, got < 0 ? 0 : 3);
		expect(row[i].what, cpu.r[VMI_RSP], got < 0 ? KSTACK - 20 :
			USTACK);
		expect("delivering", cpu.delivering, got >= 0);
	}
	stub_start(PROT32, 0);
	idt(0x30, UCODE32, 0x4000, 0x8e);
	expect_fault("outward", stub_deliver(event(VMI_EV_EXTERNAL, 0x30)),
		VMI_GP, 0x19);
	cpu.seg[VMI_IDTR].limit = 0x186;
	expect_fault("idt limit", stub_deliver(event(VMI_EV_EXTERNAL, 0x30)),
		VMI_GP, 0x183);
}

static void protected_frames(void)
{
	const uint64_t inner[] = { UDATA32, USTACK, 0x3202, UCODE32, 0x10002,
		0xbeef };
	const uint64_t same[] = { 0x3202, CODE32, 0x10002 };

	stub_start(PROT32, 3);
	cpu.rflags |= 0x3200;
	idt(13, CODE32, 0x4000, 0x8e);
	expect_fault("inner", stub_deliver(with_code(13, 0xbeef)), -1, 0);
	frame("inner frame", KSTACK, 4, inner, 6);
	expect("inner ss", cpu.seg[VMI_SS].selector, DATA32);
	expect("inner cs", cpu.seg[VMI_CS].selector, CODE32);
	expect("inner rip", cpu.rip, 0x4000);
	expect("inner flags", cpu.rflags, 0x3002);
	expect("ds stays", cpu.seg[VMI_DS].selector, UDATA32);
	cpu.r[VMI_RSP] += 4;
	expect_fault("iret", stub_run(vmi_do_iret, (struct vmi_op){ SIZE(2) }),
		-1, 0);
	expect("back cpl", cpu.cpl, 3);
	expect("back rsp", cpu.r[VMI_RSP], USTACK);
	expect("back flags", cpu.rflags, 0x3202);
	expect("ds kept", cpu.seg[VMI_DS].selector, UDATA32);

	stub_start(PROT32, 0);
	cpu.rflags |= 0x3200;
	idt(32, CODE32, 0x4000, 0x8f);
	expect_fault("trap", stub_deliver(event(VMI_EV_EXTERNAL, 32)), -1, 0);
	frame("trap frame", KSTACK, 4, same, 3);
	expect("trap keeps IF", cpu.rflags, 0x3202);
	stub_start(PROT32, 0);
	cpu.rflags |= 0x3200;
	idt(32, CODE32, 0xabcd4000, 0x86);
	expect_fault("16", stub_deliver(event(VMI_EV_EXTERNAL, 32)), -1, 0);
	expect("16 rsp", cpu.r[VMI_RSP], KSTACK - 6);
	expect("16 rip", cpu.rip, 0x4000);
	expect("16 ip", peek(KSTACK - 6, 2), 2);
	/* A frame that does not fit changes nothing. */
	stub_start(PROT32, 3);
	idt(32, CODE32, 0x4000, 0x8e);
	stub_fault_page = KSTACK - 0x1000;
	expect_fault("stack page", stub_deliver(event(VMI_EV_EXTERNAL, 32)),
		VMI_PF, 0);
	expect("rsp kept", cpu.r[VMI_RSP], USTACK);
	expect("cs kept", cpu.seg[VMI_CS].selector, UCODE32);
	expect("ss kept", cpu.seg[VMI_SS].selector, UDATA32);
	stub_start(PROT32, 0);
	idt(2, CODE32, 0x4000, 0x8e);
	expect_fault("nmi", stub_deliver(event(VMI_EV_NMI, 2)), -1, 0);
	expect("nmi masked", cpu.nmi_masked, 1);
	poke(cpu.r[VMI_RSP] + 4, 0, 4);
	expect_fault("bad iret", stub_run(vmi_do_iret, (struct vmi_op){
		SIZE(2) }), VMI_GP, 0);
	expect("nmi unmasked", cpu.nmi_masked, 0);
}

static void long_frames(void)
{
	const uint64_t inner[] = { UDATA32, USTACK + 5, 0x202, UCODE64,
		0x10002 };
	const uint64_t code[] = { DATA32, KSTACK - 8, 2, CODE64, 0x10002, 77 };

	stub_start(LONG64, 3);
	cpu.rflags |= 0x200;
	cpu.r[VMI_RSP] = USTACK + 5;
	idt64(32, CODE64, 0xffff800000004000ull, 0x8e, 0);
	expect_fault("64", stub_deliver(event(VMI_EV_EXTERNAL, 32)), -1, 0);
	frame("64 frame", KSTACK, 8, inner, 5);
	expect("64 ss", cpu.seg[VMI_SS].selector, 0);
	expect("64 rip", cpu.rip, 0xffff800000004000ull);
	vmi_seg_null(&cpu, VMI_FS, 3);
	cpu.seg[VMI_FS].base = 0x12345678;
	cpu.seg[VMI_GS].base = 0x87654321;
	cpu.seg[VMI_GS].attributes &= ~0x60u; /* DPL 0 */
	expect_fault("iretq", stub_run(vmi_do_iret, (struct vmi_op){
		SIZE(3) }), -1, 0);
	expect("iretq null fs", cpu.seg[VMI_FS].selector, 0);
	expect("iretq null fs base", cpu.seg[VMI_FS].base, 0x12345678);
	expect("iretq gs", cpu.seg[VMI_GS].selector, 0);
	expect("iretq gs base", cpu.seg[VMI_GS].base, 0x87654321);
	expect("iretq gs gone", !!(cpu.seg[VMI_GS].attributes &
		VMAPI_X86_SEG_UNUSABLE), 1);
	expect("iretq rsp", cpu.r[VMI_RSP], USTACK + 5);
	expect("iretq cpl", cpu.cpl, 3);
	/* Same level: aligned, SS:RSP pushed all the same. */
	stub_start(LONG64, 0);
	cpu.r[VMI_RSP] = KSTACK - 8;
	idt64(14, CODE64, 0x4000, 0x8e, 0);
	expect_fault("64 code", stub_deliver(with_code(14, 77)), -1, 0);
	frame("64 aligned", KSTACK - 16, 8, code, 6);
	expect("64 ss kept", cpu.seg[VMI_SS].selector, DATA32);
	cpu.r[VMI_RSP] += 8;
	expect_fault("iretq same", stub_run(vmi_do_iret, (struct vmi_op){
		SIZE(3) }), -1, 0);
	expect("iretq same rsp", cpu.r[VMI_RSP], KSTACK - 8);
	idt64(14, CODE64, 0x4000, 0x8e, 1);
	expect_fault("ist", stub_deliver(with_code(14, 77)), -1, 0);
	frame("ist frame", ISTACK, 8, code, 6);
	stub_start(LONG64, 0);
	idt64(14, CODE64, 0x4000, 0x8e, 2);
	expect_fault("ist canonical", stub_deliver(with_code(14, 77)),
		VMI_EXC_SS, 1);
	idt64(14, CODE64, 0x4000, 0x8e, 7);
	cpu.seg[VMI_TR].limit = 28 + 8 * 7 + 6;
	expect_fault("ist limit", stub_deliver(with_code(14, 77)), VMI_TS,
		SEL_TSS64 | 1);
	idt64(14, CODE32, 0x4000, 0x8e, 0);
	expect_fault("to compat", stub_deliver(with_code(14, 77)), VMI_GP,
		CODE32 | 1);
	idt64(14, CODE64, 1ull << 47, 0x8e, 0);
	expect_fault("handler", stub_deliver(with_code(14, 77)), VMI_GP, 1);
	idt64(14, CODE64, 0, 0x86, 0);
	expect_fault("16-bit gate", stub_deliver(with_code(14, 77)), VMI_GP,
		14 * 8 + 3);
	cpu.rflags |= VMI_FLAG_NT;
	expect_fault("nt", stub_run(vmi_do_iret, (struct vmi_op){ SIZE(3) }),
		VMI_GP, 0);
	/* From compatibility mode too. */
	stub_start(LONG32, 3);
	idt64(32, CODE64, 0x4000, 0x8e, 0);
	expect_fault("compat", stub_deliver(event(VMI_EV_EXTERNAL, 32)), -1, 0);
	expect("compat mode", cpu.mode, 64);
	expect_fault("to compat", stub_run(vmi_do_iret, (struct vmi_op){
		SIZE(3) }), -1, 0);
	expect("compat again", cpu.mode, 32);
}

static void iret_stack(unsigned top, unsigned size, const uint64_t *word,
	unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++)
		poke(top + i * size, word[i], size);
	cpu.r[VMI_RSP] = top;
}

static void iret_forms(void)
{
	const uint64_t v86[] = { 0x5678, 0x1234, 0x23202, 0x4321, 0x8765,
		0x10, 0x20, 0x30, 0x40 };
	const uint64_t espfix[] = { 0x100, UCODE32, 0x202, 0x5555, UDATA16 };
	const uint64_t nullss[] = { 0x100, CODE64, 2, 0x5550, 0 };
	const uint64_t nullss3[] = { 0x100, UCODE64, 2, 0x5550, 3 };
	const uint64_t user[] = { 0x100, UCODE32, 0x37fd7 };
	struct vmi_op op = { SIZE(2) };

	stub_start(PROT32, 0);
	iret_stack(KSTACK, 4, v86, 9);
	expect_fault("to v86", stub_run(vmi_do_iret, op), -1, 0);
	expect("v86 cpl", cpu.cpl, 3);
	expect("v86 mode", cpu.mode, 16);
	expect("v86 flags", cpu.rflags, 0x23202);
	expect("v86 cs", cpu.r[VMI_R_SEG + VMI_CS], 0x12340);
	expect("v86 ss", cpu.r[VMI_R_SEG + VMI_SS], 0x87650);
	expect("v86 es", cpu.seg[VMI_ES].selector, 0x10);
	expect("v86 ds", cpu.seg[VMI_DS].selector, 0x20);
	expect("v86 fs", cpu.seg[VMI_FS].selector, 0x30);
	expect("v86 gs", cpu.seg[VMI_GS].selector, 0x40);
	expect("v86 sp", cpu.r[VMI_RSP], 0x4321);
	/* And out of it: the same nine words. */
	idt(13, CODE32, 0x4000, 0x8e);
	expect_fault("from v86", stub_deliver(with_code(13, 1)), -1, 0);
	expect("v86 esp0", cpu.r[VMI_RSP], KSTACK - 40);
	expect("gs image", peek(KSTACK - 4, 4), 0x40);
	expect("es image", peek(KSTACK - 16, 4), 0x10);
	expect("ss image", peek(KSTACK - 20, 4), 0x8765);
	expect("flags image", peek(KSTACK - 28, 4), 0x23202);
	expect("ds null", cpu.seg[VMI_DS].attributes, VMAPI_X86_SEG_UNUSABLE);
	expect("vm off", cpu.rflags, 0x3002);
	/* To a 16-bit stack: only SP is loaded. */
	stub_start(PROT32, 0);
	cpu.r[VMI_RSP] = KSTACK;
	iret_stack(KSTACK, 4, espfix, 5);
	cpu.r[VMI_RSP] |= 0;
	expect_fault("to sp16", stub_run(vmi_do_iret, op), -1, 0);
	expect("sp16", cpu.r[VMI_RSP], 0x5555);
	/* And of the kernel's stack pointer no more than the middle is left. */
	stub_start(LONG64, 0);
	iret_stack(KSTACK, 8, espfix, 5);
	cpu.r[VMI_RSP] |= 0xffffff0000000000;
	op.size = 3;
	expect_fault("from 64 bits to sp16", stub_run(vmi_do_iret, op), -1, 0);
	expect("no kernel address", cpu.r[VMI_RSP], 0x5555);
	stub_start(LONG64, 0);
	iret_stack(KSTACK, 8, nullss, 5);
	expect_fault("null ss", stub_run(vmi_do_iret, op), -1, 0);
	expect("null ss rsp", cpu.r[VMI_RSP], 0x5550);
	stub_start(LONG64, 0);
	iret_stack(KSTACK, 8, nullss3, 5);
	expect_fault("null ss 3", stub_run(vmi_do_iret, op), VMI_GP, 0);
	/* A user cannot raise IOPL, nor set IF or VM. */
	stub_start(PROT32, 3);
	op.size = 2;
	iret_stack(USTACK, 4, user, 3);
	expect_fault("user", stub_run(vmi_do_iret, op), -1, 0);
	expect("user flags", vmi_rflags(&cpu), 0x14dd7);
}

static void vm86_int(void)
{
	struct vmi_event ev = event(VMI_EV_INT, 0x21);

	stub_start(VM86, 3);
	idt(0x21, CODE32, 0x4000, 0xee);
	expect_fault("iopl 0", stub_deliver(ev), VMI_GP, 0);
	cpu.rflags |= VMI_FLAG_IOPL;
	expect_fault("iopl 3", stub_deliver(ev), -1, 0);
	expect("iopl 3 cpl", cpu.cpl, 0);
	/* VME: bit clear in the map, the program's own handler. */
	stub_start(VM86, 3);
	cpu.cr4 |= VMI_CR4_VME;
	cpu.rflags |= VMI_FLAG_VIF;
	cpu.r[VMI_RSP] = USTACK;
	poke(0x84, 0x20003000, 4);
	expect_fault("vme", stub_deliver(ev), -1, 0);
	expect("vme cs", cpu.seg[VMI_CS].selector, 0x2000);
	expect("vme ip", cpu.rip, 0x3000);
	expect("vme flags", peek(USTACK - 2, 2), 0x3202);
	expect("vif", cpu.rflags & VMI_FLAG_VIF, 0);
	expect("vm stays", cpu.rflags & VMI_FLAG_VM, VMI_FLAG_VM);
	expect_fault("vme iret", stub_run(vmi_do_iret, (struct vmi_op){
		SIZE(1) }), -1, 0);
	expect("vif back", cpu.rflags & VMI_FLAG_VIF, VMI_FLAG_VIF);
	expect("iopl stays", cpu.rflags & VMI_FLAG_IOPL, 0);
	poke(TSS + 0x68 + 0x21 / 8, 1 << (0x21 & 7), 1);
	expect_fault("vme bit", stub_deliver(ev), VMI_GP, 0);
	/* INT3 does not look at IOPL. */
	idt(3, CODE32, 0x4000, 0xee);
	expect_fault("int3", stub_deliver(event(VMI_EV_INT3, 3)), -1, 0);
	stub_start(VM86, 3);
	idt(3, CONFORM, 0x4000, 0xee);
	expect_fault("conforming", stub_deliver(event(VMI_EV_INT3, 3)),
		VMI_GP, CONFORM);
	idt(3, CODE1, 0x4000, 0xee);
	expect_fault("dpl 1", stub_deliver(event(VMI_EV_INT3, 3)), VMI_GP,
		CODE1);
}

/* SDM 3A table 6-5, by delivering `second` while `first` was. */
static void double_faults(void)
{
	static const uint8_t vectors[] = { VMI_DB, VMI_UD, VMI_DE, VMI_TS,
		VMI_NP, VMI_EXC_SS, VMI_GP, VMI_PF, VMI_DF };
	static const char want[vmi_array_len(vectors)][10] = {
		/* first: DB UD benign, DE TS NP SS GP contributory */
		"sssssssss", "sssssssss", "ssdddddss", "ssdddddss",
		"ssdddddss", "ssdddddss", "ssdddddss", "ssdddddds",
		"sstttttt",
	};
	size_t i, k;

	for (i = 0; i < vmi_array_len(vectors); i++) {
		for (k = 0; k < 8; k++) {
			unsigned v;

			stub_start(PROT32, 0);
			for (v = 0; v < 20; v++)
				idt(v, CODE32, 0x4000 + v, 0x8e);
			cpu.delivering = true;
			cpu.previous = vectors[i];
			expect_fault("df", stub_fault(vectors[k], 5), -1, 0);
			expect("shutdown", cpu.shutdown, want[i][k] == 't');
			if (want[i][k] == 't')
				continue;
			expect("double fault", cpu.rip, 0x4000u +
				(want[i][k] == 'd' ? VMI_DF : vectors[k]));
			expect("df code", peek(cpu.r[VMI_RSP], 4),
				want[i][k] == 'd' ? 0 : 5);
			expect("done", cpu.delivering, 0);
		}
	}
	/* A fault while INT 14 is delivered is no double fault. */
	stub_start(PROT32, 3);
	idt(14, NPCODE, 0x4000, 0xee);
	idt(11, CODE32, 0x5000, 0x8e);
	expect_fault("int 14", stub_deliver(event(VMI_EV_INT, 14)), VMI_NP,
		NPCODE);
	expect_fault("serial", stub_fault(VMI_NP, NPCODE), -1, 0);
	expect("serial rip", cpu.rip, 0x5000);
	/* Down the whole ladder. */
	stub_start(PROT32, 3);
	cpu.seg[VMI_IDTR].limit = 0;
	expect_fault("first", stub_fault(VMI_GP, 0), VMI_GP, 13 * 8 + 3);
	expect_fault("second", stub_fault(VMI_GP, 0), VMI_GP, 8 * 8 + 3);
	expect_fault("third", stub_fault(VMI_GP, 0), -1, 0);
	expect("triple", cpu.shutdown, 1);
}

static void fault_images(void)
{
	stub_start(PROT32, 0);
	idt(13, CODE32, 0x4000, 0x8e);
	idt(1, CODE32, 0x4000, 0x8e);
	cpu.rip = 0x777;
	stub_fault(VMI_GP, 0);
	expect("rf", peek(KSTACK - 4, 4), 0x10002);
	expect("fault rip", peek(KSTACK - 12, 4), 0x777);
	stub_start(PROT32, 0);
	idt(1, CODE32, 0x4000, 0x8e);
	cpu.dr[7] |= VMI_DR7_GD;
	stub_fault(VMI_DB, -1);
	expect("db rf", peek(KSTACK - 4, 4), 2);
	expect("gd off", cpu.dr[7], 0x400);
	stub_start(REAL, 0);
	cpu.seg[VMI_IDTR].base = 0;
	stub_fault(VMI_GP, 0);
	expect("real has no code", cpu.r[VMI_RSP], KSTACK - 6);
}

/* -- Task switches ------------------------------------------------------- */

static void new_task(void)
{
	unsigned i;

	poke(TSS2 + 28, CR3A, 4);
	poke(TSS2 + 32, 0x2222, 4);
	poke(TSS2 + 36, 0x202, 4);
	for (i = 0; i < 8; i++)
		poke(TSS2 + 40 + 4 * i, 0x1000 * (i + 1), 4);
	poke(TSS2 + 72, UDATA32, 2);
	poke(TSS2 + 76, UCODE32, 2);
	poke(TSS2 + 80, UDATA32, 2);
	poke(TSS2 + 84, UDATA32, 2);
	poke(TSS2 + 96, SEL_LDT, 2);
}

static void task_call(void)
{
	stub_start(PROT32, 0);
	new_task();
	cpu.rflags |= 0x200;
	cpu.r[VMI_RBX] = 0x5a5a5a5a;
	expect_fault("call", stub_run(vmi_do_call_far, (struct vmi_op){
		.disp = SEL_TSS2, SIZE(2) }), -1, 0);
	expect("rip", cpu.rip, 0x2222);
	expect("cpl", cpu.cpl, 3);
	expect("eax", cpu.r[VMI_RAX], 0x1000);
	expect("edi", cpu.r[VMI_RDI], 0x8000);
	expect("flags", cpu.rflags, 0x4202);
	expect("ts", cpu.cr0 & VMI_CR0_TS, VMI_CR0_TS);
	expect("tr", cpu.seg[VMI_TR].selector, SEL_TSS2);
	expect("link", peek(TSS2, 2), SEL_TSS);
	expect("both busy", peek(GDT + SEL_TSS + 5, 1), 0x8b);
	expect("both busy", peek(GDT + SEL_TSS2 + 5, 1), 0x8b);
	expect("saved eip", peek(TSS + 32, 4), CODE + 2);
	expect("saved flags", peek(TSS + 36, 4), 0x202);
	expect("saved ebx", peek(TSS + 52, 4), 0x5a5a5a5a);
	expect("saved ss", peek(TSS + 80, 2), DATA32);
	/* The old image has what the new task would need to come back. */
	poke(TSS + 72, DATA32, 2);
	poke(TSS + 96, 0, 2);
	expect_fault("iret", stub_run(vmi_do_iret, (struct vmi_op){
		SIZE(2) }), -1, 0);
	expect("back", cpu.rip, CODE + 2);
	expect("back cpl", cpu.cpl, 0);
	expect("back ebx", cpu.r[VMI_RBX], 0x5a5a5a5a);
	expect("free", peek(GDT + SEL_TSS2 + 5, 1), 0x89);
	expect("nt saved clear", peek(TSS2 + 36, 4), 0x202);
	expect("nt clear", cpu.rflags, 0x202);
}

static void task_faults(void)
{
	static const struct {
		const char *what;
		unsigned at, value;
		int vector;
		uint32_t code;
	} row[] = {
		{ "ldt", 96, CODE32, VMI_TS, CODE32 },
		{ "cs null", 76, 0, VMI_TS, 0 },
		{ "cs data", 76, UDATA32, VMI_TS, 0x20 },
		{ "cs rpl", 76, 0x18, VMI_TS, 0x18 },
		{ "ldt data", 96, DATA32, VMI_TS, DATA32 },
		{ "ldt ti", 96, SEL_LDT | 4, VMI_TS, SEL_LDT | 4 },
		{ "ds system", 84, SEL_LDT, VMI_TS, SEL_LDT },
		{ "cs absent", 76, NPCODE, VMI_NP, NPCODE },
		{ "ss null", 80, 0, VMI_TS, 0 },
		{ "ss rpl", 80, DATA32, VMI_TS, DATA32 },
		{ "ss read only", 80, RODATA, VMI_TS, 0x78 },
		{ "ds", 84, DATA32, VMI_TS, DATA32 },
		{ "gs beyond", 92, 0x100, VMI_TS, 0x100 },
		{ "eip", 0, 0, -1, 0 },
	};
	size_t i;
	int got;

	for (i = 0; i < vmi_array_len(row); i++) {
		stub_start(PROT32, 0);
		new_task();
		if (row[i].at)
			poke(TSS2 + row[i].at, row[i].value, 2);
		got = stub_run(vmi_do_jmp_far, (struct vmi_op){
			.disp = SEL_TSS2, SIZE(2) });
		expect_fault(row[i].what, got, row[i].vector, row[i].code);
		/* The fault is the new task's. */
		expect("new tr", cpu.seg[VMI_TR].selector, SEL_TSS2);
		expect("new rip", cpu.rip, 0x2222);
		expect("no op", cpu.op == NULL, 1);
		expect("old free", peek(GDT + SEL_TSS + 5, 1), 0x89);
		expect("not nested", cpu.rflags & VMI_FLAG_NT, 0);
	}
	stub_start(PROT32, 0);
	new_task();
	segment(SEL_TSS2, TSS2, 0x66, 0x89);
	expect_fault("small", stub_run(vmi_do_jmp_far, (struct vmi_op){
		.disp = SEL_TSS2, SIZE(2) }), VMI_TS, SEL_TSS2);
	expect("old tr", cpu.seg[VMI_TR].selector, SEL_TSS);
	segment(SEL_TSS2, TSS2, 0x67, 0x09);
	expect_fault("absent", stub_run(vmi_do_jmp_far, (struct vmi_op){
		.disp = SEL_TSS2, SIZE(2) }), VMI_NP, SEL_TSS2);
	/* Back to a task that is not busy. */
	cpu.rflags |= VMI_FLAG_NT;
	poke(TSS, SEL_TSS16, 2);
	expect_fault("link", stub_run(vmi_do_iret, (struct vmi_op){
		SIZE(2) }), VMI_TS, SEL_TSS16);
}

static void task_gate(void)
{
	stub_start(PROT32, 3);
	new_task();
	poke(TSS2 + 100, 1, 2);
	idt(13, SEL_TSS2, 0, 0x85);
	expect_fault("task gate", stub_deliver(with_code(13, 0x99)), -1, 0);
	expect("code pushed", peek(cpu.r[VMI_RSP], 4), 0x99);
	expect("esp", cpu.r[VMI_RSP], 0x5000 - 4);
	expect("saved", peek(TSS + 32, 4), 0x10002);
	expect("trap", cpu.trap_pending, 1);
	expect("bt", cpu.dr6_pending, VMI_DR6_BT);
	/* A 16-bit task has four segment registers and no CR3. */
	stub_start(PROT32, 0);
	poke(TSS2 + 14, 0x3333, 2);
	poke(TSS2 + 16, 2, 2);
	poke(TSS2 + 26, 0x7777, 2);
	poke(TSS2 + 34, DATA32, 2);
	poke(TSS2 + 36, CODE16, 2);
	poke(TSS2 + 38, DATA16, 2);
	poke(TSS2 + 40, DATA32, 2);
	expect_fault("task 16", stub_run(vmi_do_jmp_far, (struct vmi_op){
		.disp = SEL_TSS16, SIZE(2) }), -1, 0);
	expect("16 ip", cpu.rip, 0x3333);
	expect("16 mode", cpu.mode, 16);
	expect("16 ss", cpu.seg[VMI_SS].selector, DATA16);
	expect("16 fs", cpu.seg[VMI_FS].attributes, VMAPI_X86_SEG_UNUSABLE);
	expect("16 bp", cpu.r[VMI_RSP + 1] & 0xffff, 0);
}

/* -- What the tables above do not reach ---------------------------------- */

static void more_returns(void)
{
	const uint64_t high[] = { 0x10000, 0x1234, 0x23202, 0, 0, 0, 0, 0, 0 };
	const uint64_t same[] = { 0x500, CODE32, 2 };
	const uint64_t vip[] = { 0x100, 0x1000, 0x200 };

	stub_start(PROT32, 0);
	iret_stack(KSTACK, 4, high, 9);
	expect_fault("v86 eip", stub_run(vmi_do_iret, (struct vmi_op){
		SIZE(2) }), VMI_GP, 0);
	iret_stack(KSTACK, 4, same, 3);
	expect_fault("same", stub_run(vmi_do_iret, (struct vmi_op){
		SIZE(2) }), -1, 0);
	expect("same rsp", cpu.r[VMI_RSP], KSTACK + 12);
	stub_start(REAL, 0);
	iret_stack(KSTACK, 4, high, 3);
	expect_fault("real eip", stub_run(vmi_do_iret, (struct vmi_op){
		SIZE(2) }), VMI_GP, 0);
	stub_start(VM86, 3);
	iret_stack(KSTACK, 2, vip, 3);
	expect_fault("v86 iopl", stub_run(vmi_do_iret, (struct vmi_op){
		SIZE(1) }), VMI_GP, 0);
	cpu.cr4 |= VMI_CR4_VME;
	cpu.rflags |= VMI_FLAG_VIP;
	expect_fault("v86 vip", stub_run(vmi_do_iret, (struct vmi_op){
		SIZE(1) }), VMI_GP, 0);
	stub_start(REAL, 0);
	expect_fault("real call", stub_run(vmi_do_call_far, (struct vmi_op){
		.imm = 0x300, .disp = 0x2000, SIZE(1) }), -1, 0);
	expect("real call sp", cpu.r[VMI_RSP], KSTACK - 4);
	expect("real call cs", peek(KSTACK - 2, 2), 0x1000);
	expect("real call base", cpu.r[VMI_R_SEG + VMI_CS], 0x20000);
	expect_fault("real ret", stub_run(vmi_do_ret_far, (struct vmi_op){
		.imm = 6, SIZE(1) }), -1, 0);
	expect("real ret sp", cpu.r[VMI_RSP], KSTACK + 6);
	expect("real ret ip", cpu.rip, 0x102);
}

static void more_refusals(void)
{
	struct vmi_op op = { .base = VMI_RAX, SIZE(2) };

	stub_start(PROT32, 0);
	cpu.r[VMI_RAX] = CODE32;
	expect_fault("ltr code", stub_run(vmi_do_ltr, op), VMI_GP, CODE32);
	segment(SEL_LDT, LDT, 0xff, 0x02);
	cpu.r[VMI_RAX] = SEL_LDT;
	expect_fault("lldt np", stub_run(vmi_do_lldt, op), VMI_NP, SEL_LDT);
	stub_start(LONG64, 0);
	segment(SEL_TSS64, TSS, 0x67, 0x89);
	poke(GDT + SEL_TSS64 + 12, 0x100, 4);
	cpu.r[VMI_RAX] = SEL_TSS64;
	expect_fault("ltr top", stub_run(vmi_do_ltr, op), VMI_GP, SEL_TSS64);
	poke(GDT + SEL_TSS64 + 8, 0x8000, 8);
	expect_fault("ltr base", stub_run(vmi_do_ltr, op), VMI_GP, SEL_TSS64);
	poke(GDT + SEL_TSS64 + 8, 0xffff8000, 8);
	expect_fault("ltr 64", stub_run(vmi_do_ltr, op), -1, 0);
	expect("ltr 64 base", cpu.seg[VMI_TR].base, 0xffff800000003000ull);
	cpu.cr4 |= VMI_CR4_FSGSBASE;
	cpu.r[VMI_RAX] = 1ull << 47;
	op.size = 3;
	expect_fault("wrfsbase", stub_run(vmi_do_wrfsbase, op), VMI_GP, 0);
	stub_start(PROT32, 3);
	expect_fault("cli", stub_run(vmi_do_cli, op), VMI_GP, 0);
	cpu.sysenter_cs = CODE32;
	expect_fault("sysexit user", stub_run(vmi_do_sysexit, op), VMI_GP, 0);
	cpu.cpl = 0;
	cpu.sysenter_cs = 0;
	expect_fault("sysexit cs", stub_run(vmi_do_sysexit, op), VMI_GP, 0);
}

int main(void)
{
	real_mode();
	gates();
	protected_frames();
	long_frames();
	iret_forms();
	vm86_int();
	double_faults();
	fault_images();
	task_call();
	task_faults();
	task_gate();
	more_returns();
	more_refusals();
	return stub_done("event");
}
