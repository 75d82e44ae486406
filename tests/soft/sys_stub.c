/* SPDX-License-Identifier: MIT */
/* The engine's side of lib/soft/engine.h over an array. */
#include "tests/soft/sys_stub.h"

#include <stdarg.h>
#include <string.h>

#include "lib/soft/device.h"
#include "lib/soft/paging.h"

struct vmi_cpu cpu;
uint64_t stub_fault_page = 1;
unsigned stub_failures, stub_checks;
static uint8_t memory[1 << 20];

uint64_t peek(uint64_t at, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | memory[(at + bytes) & 0xfffff];
	return v;
}

void poke(uint64_t at, uint64_t v, unsigned bytes)
{
	for (; bytes--; v >>= 8)
		memory[at++ & 0xfffff] = (uint8_t)v;
}

/* -- What the engine gives --------------------------------------------- */

void vmi_leave(struct vmi_cpu *c, enum vmi_leave why)
{
	longjmp(c->leave, (int)why);
}

void vmi_raise(struct vmi_cpu *c, unsigned vector)
{
	c->fault = (struct vmi_fault){ .vector = (uint8_t)vector };
	vmi_leave(c, VMI_LEAVE_FAULT);
}

void vmi_raise_code(struct vmi_cpu *c, unsigned vector, uint32_t code)
{
	c->fault = (struct vmi_fault){ .vector = (uint8_t)vector,
		.has_code = true, .code = code };
	vmi_leave(c, VMI_LEAVE_FAULT);
}

static void touch(struct vmi_cpu *c, uint64_t linear, unsigned bytes)
{
	if (((linear + bytes - 1) & VMI_PAGE_MASK) != stub_fault_page &&
		(linear & VMI_PAGE_MASK) != stub_fault_page)
		return;
	c->fault = (struct vmi_fault){ .vector = VMI_PF, .has_code = true,
		.cr2 = linear };
	vmi_leave(c, VMI_LEAVE_FAULT);
}

uint64_t vmi_sys_read(struct vmi_cpu *c, uint64_t linear, unsigned bytes)
{
	touch(c, linear, bytes);
	return peek(linear, bytes);
}

void vmi_sys_write(struct vmi_cpu *c, uint64_t linear, uint64_t value,
	unsigned bytes)
{
	touch(c, linear, bytes);
	poke(linear, value, bytes);
}

uint64_t vmi_read(struct vmi_cpu *c, uint64_t linear, unsigned bytes)
{
	return vmi_sys_read(c, linear, bytes);
}

uint64_t vmi_read_rmw(struct vmi_cpu *c, uint64_t linear, unsigned bytes)
{
	return vmi_sys_read(c, linear, bytes);
}

void vmi_write(struct vmi_cpu *c, uint64_t linear, uint64_t value,
	unsigned bytes)
{
	vmi_sys_write(c, linear, value, bytes);
}

void vmi_check(struct vmi_cpu *c, uint64_t linear, unsigned bytes,
	unsigned access)
{
	(void)access;
	touch(c, linear, bytes);
}

void vmi_sys_check(struct vmi_cpu *c, uint64_t linear, unsigned bytes,
	unsigned access)
{
	(void)access;
	touch(c, linear, bytes);
}

void vmi_need_aligned(struct vmi_cpu *c, uint64_t linear, unsigned bytes)
{
	(void)c;
	(void)linear;
	(void)bytes;
}

void vmi_write_unaligned(struct vmi_cpu *c, uint64_t linear, uint64_t value,
	unsigned bytes)
{
	vmi_write(c, linear, value, bytes);
}

void vmi_debug_changed(struct vmi_cpu *c)
{
	(void)c;
}

void vmi_debug_single_step(struct vmi_cpu *c)
{
	c->trap_pending = true;
}

bool vmi_debug_takes_int3(struct vmi_cpu *c)
{
	(void)c;
	return false;
}

struct vmi_seen vmi_sys_cas(struct vmi_cpu *c, uint64_t linear,
	uint64_t expected, uint64_t desired, unsigned bytes)
{
	struct vmi_seen s = { .value = vmi_sys_read(c, linear, bytes) };

	s.swapped = s.value == expected;
	if (s.swapped)
		poke(linear, desired, bytes);
	return s;
}

void vmi_dev_done(struct vmi_cpu *c)
{
	(void)c;
}

bool vmi_ask(struct vmi_cpu *c, struct vmi_io_entry what, uint64_t *answer)
{
	(void)c;
	*answer = what.value;
	return true;
}

bool vmi_pdptes_load(struct vmi_cpu *c, uint64_t cr3)
{
	unsigned i;

	for (i = 0; i < 4; i++) {
		if ((peek(cr3 + 8 * i, 8) & 0x1e7) > 1 &&
			(peek(cr3 + 8 * i, 1) & 1))
			return false;
	}
	for (i = 0; i < 4; i++)
		c->pdpte[i] = peek(cr3 + 8 * i, 8);
	return true;
}

uint64_t vmi_rflags(struct vmi_cpu *c)
{
	return c->rflags | vmi_flags(c) | VMI_FLAG_ONE;
}

void vmi_rflags_set(struct vmi_cpu *c, uint64_t value, uint64_t mask)
{
	uint64_t v = (vmi_rflags(c) & ~mask) | (value & mask);

	vmi_flags_set(c, v);
	c->rflags = (v & ~VMI_FLAGS_ARITH) | VMI_FLAG_ONE;
}

uint64_t vmi_flags_compute(uint32_t kind, uint64_t res, uint64_t src)
{
	(void)kind;
	(void)src;
	return res;
}

uint64_t vmi_after(const struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t v = vmi_op_next_rip(c, op);

	return c->mode == 64 ? v : c->mode == 32 ? (uint32_t)v : v & 0xffff;
}

void vmi_mode_changed(struct vmi_cpu *c)
{
	(void)c;
}

void vmi_tlb_flush(struct vmi_cpu *c)
{
	(void)c;
}

void vmi_tlb_flush_local(struct vmi_cpu *c)
{
	(void)c;
}

void vmi_tlb_flush_page(struct vmi_cpu *c, uint64_t linear)
{
	(void)c;
	(void)linear;
}

uint64_t vmi_tsc_hz(const struct vmi_cpu *c)
{
	(void)c;
	return 1000000000;
}

uint64_t vmi_tsc(struct vmi_cpu *c)
{
	return 1000 + (uint64_t)c->tsc_offset;
}

void vmi_tsc_moved(struct vmi_cpu *c)
{
	(void)c;
}

int vmi_apic_msr_read(struct vmi_cpu *c, uint32_t index, uint64_t *value)
{
	(void)index;
	*value = c->apic_base;
	return 0;
}

int vmi_apic_msr_write(struct vmi_cpu *c, uint32_t index, uint64_t value)
{
	(void)index;
	c->apic_base = value;
	return 0;
}

uint64_t vmi_cr8_read(struct vmi_cpu *c)
{
	return c->cr8;
}

void vmi_cr8_lowers(struct vmi_cpu *c)
{
	(void)c;
}

void vmi_cr8_write(struct vmi_cpu *c, uint64_t v)
{
	c->cr8 = v;
}

void vmi_soft_trace_event(struct vmi_cpu *c, const struct vmi_event *event)
{
	(void)c;
	(void)event;
}

void vmi_soft_log(struct vmi_cpu *c, const char *format, ...)
{
	(void)c;
	(void)format;
}

/* -- Tables -------------------------------------------------------------- */

void segment(unsigned selector, uint32_t base, uint32_t limit,
	uint32_t attributes)
{
	uint64_t at = GDT + (selector & ~7u);

	if (attributes & VMAPI_X86_SEG_G)
		limit >>= 12;
	poke(at, (limit & 0xffff) | base << 16, 4);
	poke(at + 4, (base >> 16 & 0xff) | attributes << 8 |
		(limit & 0xf0000) | (base & 0xff000000u), 4);
}

void gate(uint64_t at, unsigned selector, uint64_t offset, unsigned access)
{
	poke(at, (offset & 0xffff) | selector << 16, 4);
	poke(at + 4, (offset & 0xffff0000u) | access << 8, 4);
}

static void make_gdt(void)
{
	static const struct {
		unsigned selector;
		uint32_t base, limit, attributes;
	} row[] = {
		{ CODE32, 0, 0xffffffff, 0xc09a },
		{ DATA32, 0, 0xffffffff, 0xc092 },
		{ UCODE32, 0, 0xffffffff, 0xc0fa },
		{ UDATA32, 0, 0xffffffff, 0xc0f2 },
		{ CODE16, 0, 0xffff, 0x009a },
		{ DATA16, 0, 0xffff, 0x0092 },
		{ CONFORM, 0, 0xffffffff, 0xc09e },
		{ CODE64, 0, 0xffffffff, 0xa09a },
		{ UCODE64, 0, 0xffffffff, 0xa0fa },
		{ SEL_TSS, TSS, 0x2067, 0x8b },
		{ SEL_TSS2, TSS2, 0x67, 0x89 },
		{ SEL_LDT, LDT, 0xff, 0x82 },
		{ NPCODE, 0, 0xffffffff, 0xc01a },
		{ RODATA, 0, 0xffffffff, 0xc0f0 },
		{ XONLY, 0, 0xffffffff, 0xc0f8 },
		{ SEL_TSS64, TSS, 0x67, 0x8b },
		{ SEL_TSS16, TSS2, 0x2b, 0x81 },
		{ DOWN32, 0, 0xfff, 0x4096 },
		{ NPDATA, 0, 0xffffffff, 0xc012 },
		{ CODE1, 0, 0xffffffff, 0xc0ba },
		{ DATA1, 0, 0xffffffff, 0xc0b2 },
		{ BADCODE64, 0, 0xffffffff, 0xe09a },
		{ UDATA16, 0, 0xffff, 0x00f2 },
	};
	size_t i;

	for (i = 0; i < vmi_array_len(row); i++)
		segment(row[i].selector, row[i].base, row[i].limit,
			row[i].attributes);
	gate(GDT + GATE32, CODE32, 0x12345678, 0xec);
	poke(GDT + GATE32 + 4, 2, 1);
	gate(GDT + GATE16, CODE32, 0x5678, 0xe4);
	poke(GDT + GATE16 + 4, 1, 1);
	gate(GDT + GATETASK, SEL_TSS2, 0, 0xe5);
	gate(GDT + GATE64, CODE64, 0x2000, 0xec);
	poke(GDT + GATE64 + 8, 0, 8);
	/* GATEUP and what follows it are one 16-byte gate: its top is bad. */
	gate(GDT + GATEUP, CODE64, 0x2000, 0xec);
	poke(GDT + SEL_TSS64 + 8, 0, 8);
}

static void load(unsigned n, unsigned selector)
{
	struct vmi_desc d;
	struct vmapi_x86_segment s;

	if (!vmi_desc_find(&cpu, (uint16_t)selector, &d))
		return;
	s = vmi_desc_segment(&d, (uint16_t)selector);
	if (n < 6)
		s.attributes |= 1;
	vmi_seg_set(&cpu, n, &s);
}

static void load_all(enum stub_mode mode, unsigned cpl)
{
	static const unsigned code[6] = { 0, 0, CODE16, CODE32, CODE32,
		CODE64 };
	static const unsigned ucode[6] = { 0, 0, UCODE32, UCODE32, UCODE32,
		UCODE64 };
	unsigned data = cpl == 3 ? UDATA32 : cpl ? DATA1 | 1 :
		mode == PROT16 ? DATA16 : DATA32;
	unsigned n;

	for (n = VMI_ES; n <= VMI_GS; n++)
		load(n, n != VMI_CS ? data : cpl == 3 ? ucode[mode] :
			cpl ? CODE1 | 1 : code[mode]);
}

static void make_tss(bool wide)
{
	if (wide) {
		poke(TSS + 4, KSTACK, 8);
		poke(TSS + 36, ISTACK, 8);
		poke(TSS + 44, 0x8000000000000000ull, 8);
		return;
	}
	poke(TSS + 4, KSTACK, 4);
	poke(TSS + 8, DATA32, 4);
	poke(TSS + 12, KSTACK, 4);
	poke(TSS + 16, DATA1 | 1, 4);
	poke(TSS + 102, 0x88, 2);
}

static void enter_real(enum stub_mode mode)
{
	unsigned n;

	if (mode == VM86) {
		cpu.cr0 |= VMI_CR0_PE;
		cpu.rflags |= VMI_FLAG_VM;
		cpu.cpl = 3;
		load(VMI_TR, SEL_TSS);
	}
	for (n = VMI_ES; n <= VMI_GS; n++)
		vmi_seg_real(&cpu, n, n == VMI_CS ? 0x1000 : 0);
}

void stub_start(enum stub_mode mode, unsigned cpl)
{
	memset(&cpu, 0, sizeof(cpu));
	memset(memory, 0, sizeof(memory));
	stub_fault_page = 1;
	vmi_cpu_reset(&cpu, false);
	make_gdt();
	cpu.seg[VMI_GDTR].base = GDT;
	cpu.seg[VMI_GDTR].limit = GDT_LIMIT;
	cpu.seg[VMI_IDTR].base = IDT;
	cpu.seg[VMI_IDTR].limit = 0xfff;
	make_tss(mode >= LONG32);
	if (mode <= VM86) {
		enter_real(mode);
	} else {
		cpu.cr0 |= VMI_CR0_PE;
		if (mode >= LONG32) {
			cpu.cr0 |= VMI_CR0_PG;
			cpu.cr4 |= VMI_CR4_PAE;
			cpu.efer = VMI_EFER_LME | VMI_EFER_LMA;
		}
		load(VMI_TR, mode >= LONG32 ? SEL_TSS64 : SEL_TSS);
		load(VMI_LDTR, SEL_LDT);
		cpu.cpl = (uint8_t)cpl;
		load_all(mode, cpl);
	}
	cpu.r[VMI_RSP] = cpl == 3 ? USTACK : KSTACK;
	cpu.r[VMI_R_BLOCK] = mode == VM86 || mode == REAL ? 0x100 : CODE;
	cpu.rip = cpu.r[VMI_R_BLOCK];
}

/* -- Running --------------------------------------------------------------- */

int stub_run(void (*helper)(struct vmi_cpu *, const struct vmi_op *),
	struct vmi_op op)
{
	static struct vmi_op kept;

	kept = op;
	if (!kept.len)
		kept.len = 2;
	cpu.op = &kept;
	if (setjmp(cpu.leave))
		return cpu.fault.vector;
	cpu.rip = vmi_after(&cpu, &kept);
	helper(&cpu, &kept);
	return -1;
}

int stub_deliver(struct vmi_event ev)
{
	static struct vmi_event kept;

	kept = ev;
	cpu.op = NULL;
	if (setjmp(cpu.leave))
		return cpu.fault.vector;
	vmi_deliver(&cpu, &kept);
	return -1;
}

int stub_fault(unsigned vector, int code)
{
	cpu.op = NULL;
	cpu.fault = (struct vmi_fault){ .vector = (uint8_t)vector,
		.has_code = code >= 0, .code = code < 0 ? 0 : (uint32_t)code };
	if (setjmp(cpu.leave))
		return cpu.fault.vector;
	vmi_deliver_fault(&cpu);
	return -1;
}

void expect(const char *what, uint64_t got, uint64_t want)
{
	stub_checks++;
	if (got == want)
		return;
	stub_failures++;
	printf("%s: got 0x%llx, want 0x%llx\n", what, (unsigned long long)got,
		(unsigned long long)want);
}

void expect_fault(const char *what, int got, int vector, uint32_t code)
{
	stub_checks++;
	if (got == vector && (vector < 0 || vector == VMI_UD ||
			vector == VMI_DB || cpu.fault.code == code))
		return;
	stub_failures++;
	printf("%s: got #%d(0x%x), want #%d(0x%x)\n", what, got,
		got < 0 ? 0 : cpu.fault.code, vector, code);
}

int stub_done(const char *name)
{
	printf("%s: %u checks, %u failed\n", name, stub_checks, stub_failures);
	return stub_failures ? 1 : 0;
}
