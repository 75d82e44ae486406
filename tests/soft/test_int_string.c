/* SPDX-License-Identifier: MIT */
/*
 * String instructions and ports: against a model that does one element after
 * the other, over pages that fault, are devices or hold code, with events
 * and 16, 32 and 64-bit addresses, both directions and overlaps.
 */
#include "lib/soft/value.h"
#include "tests/soft/int_stub.h"

struct model {
	uint8_t memory[STUB_BYTES];
	uint64_t r[16];
	bool zf, cf, compared;
	int end;
};

static struct model model;
static unsigned long cases, fast, faults, agains;

static uint64_t masked(uint64_t v, unsigned bytes)
{
	return bytes == 8 ? v : v & ((1ull << (8 * bytes)) - 1);
}

static void put(unsigned reg, uint64_t v, unsigned bytes)
{
	uint64_t old = model.r[reg];

	model.r[reg] = bytes == 8 ? v : bytes == 4 ? (uint32_t)v :
		bytes == 2 ? (old & ~0xffffull) | (v & 0xffff) :
		(old & ~0xffull) | (v & 0xff);
}

/* Whether all bytes are there and, outside 64-bit mode, in the limit. */
static bool there(uint64_t at, unsigned bytes, unsigned seg)
{
	unsigned i;

	if (stub.cpu.mode != 64 && at + bytes - 1 > stub.cpu.seg[seg].limit)
		return false;
	at += stub.cpu.r[VMI_R_SEG + seg];
	for (i = 0; i < bytes; i++) {
		if (stub.page[((at + i) & (STUB_BYTES - 1)) >> 12] ==
			STUB_ABSENT)
			return false;
	}
	return true;
}

static uint64_t get_memory(uint64_t at, unsigned bytes, unsigned seg)
{
	uint64_t v = 0;
	unsigned i;

	at += stub.cpu.r[VMI_R_SEG + seg];
	for (i = 0; i < bytes; i++)
		v |= (uint64_t)model.memory[(at + i) & (STUB_BYTES - 1)] <<
			(8 * i);
	return v;
}

static void put_memory(uint64_t at, uint64_t v, unsigned bytes)
{
	unsigned i;

	at += stub.cpu.r[VMI_R_SEG + VMI_ES];
	for (i = 0; i < bytes; i++)
		model.memory[(at + i) & (STUB_BYTES - 1)] =
			(uint8_t)(v >> (8 * i));
}

/* One element of the model; false: it faults. */
static bool element(unsigned exec, const struct vmi_op *op)
{
	unsigned bytes = vmi_op_size(op), asize = vmi_op_asize(op);
	bool loads = exec == VMI_EXEC_movs || exec == VMI_EXEC_cmps ||
		exec == VMI_EXEC_lods, stores = exec != VMI_EXEC_lods;
	uint64_t s = masked(model.r[VMI_RSI], asize), a = 0, b;
	uint64_t d = masked(model.r[VMI_RDI], asize);
	uint64_t step = stub.cpu.rflags & VMI_FLAG_DF ?
		0 - (uint64_t)bytes : bytes;

	if ((loads && !there(s, bytes, vmi_op_seg(op))) ||
		(stores && !there(d, bytes, VMI_ES)))
		return false;
	a = loads ? get_memory(s, bytes, vmi_op_seg(op)) :
		masked(model.r[VMI_RAX], bytes);
	if (exec == VMI_EXEC_movs || exec == VMI_EXEC_stos) {
		put_memory(d, a, bytes);
	} else if (exec == VMI_EXEC_lods) {
		put(VMI_RAX, a, bytes);
	} else {
		b = get_memory(d, bytes, VMI_ES);
		model.zf = a == b;
		model.cf = a < b;
		model.compared = true;
	}
	if (loads)
		put(VMI_RSI, model.r[VMI_RSI] + step, asize);
	if (stores)
		put(VMI_RDI, model.r[VMI_RDI] + step, asize);
	return true;
}

/* Up to `most` elements: what the helper must have done. */
static void model_run(unsigned exec, const struct vmi_op *op, uint64_t most)
{
	unsigned asize = vmi_op_asize(op);
	bool rep = op->bits & (VMI_OPF_REP | VMI_OPF_REPNE);
	bool compares = exec == VMI_EXEC_cmps || exec == VMI_EXEC_scas;
	uint64_t n = rep ? masked(model.r[VMI_RCX], asize) : 1, done = 0;

	model.end = STUB_DONE;
	model.compared = false;
	while (n && done < most) {
		if (!element(exec, op)) {
			model.end = STUB_FAULT;
			model.compared = false;
			return;
		}
		n--;
		done++;
		if (!rep)
			return;
		put(VMI_RCX, model.r[VMI_RCX] - 1, asize);
		if (compares && model.zf ==
			!!(op->bits & VMI_OPF_REPNE))
			return;
	}
	if (n)
		model.end = STUB_AGAIN;
}

static uint64_t random_place(unsigned mode, unsigned asize)
{
	uint64_t at = stub_random() % STUB_BYTES;

	if (stub_random() % 4 == 0)
		at = (at & ~0xfffull) - stub_random() % 16;
	if (asize == 2)
		at &= 0xffff;
	return mode == 64 && asize == 4 ? at | 0xabcd000000000000ull : at;
}

static void random_state(unsigned exec)
{
	static const unsigned modes[3] = { 16, 32, 64 };
	unsigned mode = modes[stub_random() % 3], log2, asize, i;

	stub_reset(mode);
	log2 = (unsigned)(stub_random() % (mode == 64 ? 4 : 3));
	asize = mode == 64 ? (stub_random() & 1 ? 8 : 4) :
		stub_random() & 1 ? 2 : 4;
	stub.op.size = (uint8_t)(log2 | (asize == 8 ? 3 : asize / 2) << 4);
	stub.op.code = (uint16_t)exec;
	stub.op.bits = (uint8_t)((stub_random() & 1 ? VMI_FS : VMI_DS) << 4);
	if (stub_random() % 8)
		stub.op.bits |= exec == VMI_EXEC_cmps ||
			exec == VMI_EXEC_scas ? (stub_random() & 1 ?
			VMI_OPF_REP : VMI_OPF_REPNE) : VMI_OPF_REP;
	stub.cpu.r[VMI_R_SEG + VMI_FS] = stub_random() % 0x3000;
	if (mode != 64) {
		stub.cpu.seg[VMI_ES].limit = asize == 2 ? 0xffff :
			0xffff + (uint32_t)(stub_random() % 0xffff);
		stub.cpu.r[VMI_R_SEG + VMI_ES] = stub_random() % 0x3000;
	}
	if (stub_random() & 1)
		stub.cpu.rflags |= VMI_FLAG_DF;
	for (i = 0; i < 16; i++)
		stub.cpu.r[i] = stub_random();
	stub.cpu.r[VMI_RSI] = random_place(mode, asize);
	stub.cpu.r[VMI_RDI] = stub_random() & 1 ? random_place(mode, asize) :
		masked(stub.cpu.r[VMI_RSI] + stub_random() % 40 - 20, asize);
	stub.cpu.r[VMI_RCX] = stub_random() % 3 ? stub_random() % 60 :
		stub_random() % 9000;
	if (asize < 8)
		stub.cpu.r[VMI_RCX] |= stub_random() << (8 * asize);
	for (i = 0; i < STUB_PAGES; i++) {
		if (stub_random() % 6 == 0)
			stub.page[i] = (enum stub_page)(stub_random() % 4);
	}
	stub.events_after = stub_random() % 3 ? 0 :
		1 + (unsigned)(stub_random() % 5);
}

static void fill_memory(void)
{
	unsigned i;
	uint8_t v = 0;

	for (i = 0; i < STUB_BYTES; i++) {
		if (stub_random() % 64 == 0)
			v = (uint8_t)stub_random();
		stub.memory[i] = v;
	}
}

static uint64_t taken(uint64_t before, uint64_t after, unsigned asize)
{
	return masked(before - after, asize);
}

static void one_case(unsigned exec)
{
	unsigned asize, i;
	uint64_t most = ~0ull, flags;
	int end;

	random_state(exec);
	asize = vmi_op_asize(&stub.op);
	memcpy(model.r, stub.cpu.r, sizeof(model.r));
	memcpy(model.memory, stub.memory, STUB_BYTES);
	vmi_flags_set(&stub.cpu, VMI_FLAG_AF);
	end = stub_run(exec == VMI_EXEC_movs ? vmi_do_movs :
		exec == VMI_EXEC_stos ? vmi_do_stos :
		exec == VMI_EXEC_lods ? vmi_do_lods :
		exec == VMI_EXEC_cmps ? vmi_do_cmps : vmi_do_scas);
	/* Where an event stopped it, so it must have at an element. */
	if (end == STUB_AGAIN)
		most = taken(model.r[VMI_RCX], stub.cpu.r[VMI_RCX], asize);
	model_run(exec, &stub.op, most);
	if (end != model.end)
		stub_fail("end", (uint64_t)end, (uint64_t)model.end);
	for (i = 0; i < 16; i++) {
		if (stub.cpu.r[i] != model.r[i])
			stub_fail("register", stub.cpu.r[i], model.r[i]);
	}
	if (memcmp(stub.memory, model.memory, STUB_BYTES))
		stub_fail("memory", exec, 0);
	flags = vmi_flags(&stub.cpu);
	if (!model.compared) {
		if (flags != VMI_FLAG_AF)
			stub_fail("flags", flags, VMI_FLAG_AF);
	} else if (!!(flags & VMI_FLAG_ZF) != model.zf ||
		!!(flags & VMI_FLAG_CF) != model.cf) {
		stub_fail("flags of a comparison", flags, model.zf);
	}
	cases++;
	fast += stub.host_runs != 0;
	faults += end == STUB_FAULT;
	agains += end == STUB_AGAIN;
}

/* -- Ports -------------------------------------------------------------- */

/* CPL 3, IOPL 0: the bit map decides, and its end refuses. */
static void permission(void)
{
	stub_reset(32);
	stub.cpu.cpl = 3;
	stub.cpu.seg[VMI_TR].attributes = 11;
	stub.cpu.seg[VMI_TR].base = 0x1000;
	stub.cpu.seg[VMI_TR].limit = 0x68 + 0x10;
	memset(&stub.memory[0x1000], 0, 0x1000);
	stub.memory[0x1066] = 0x68;
	stub.memory[0x1068 + 2] = 0x81; /* ports 16 and 23 */
	if (vmi_io_permitted(&stub.cpu, 16, 1) ||
		!vmi_io_permitted(&stub.cpu, 17, 4) ||
		vmi_io_permitted(&stub.cpu, 20, 4) ||
		vmi_io_permitted(&stub.cpu, 22, 2) ||
		!vmi_io_permitted(&stub.cpu, 22, 1))
		stub_fail("bit map", 1, 0);
	if (!vmi_io_permitted(&stub.cpu, 127, 1) ||
		vmi_io_permitted(&stub.cpu, 128, 1))
		stub_fail("end of the bit map", 1, 0);
	stub.cpu.rflags = VMI_FLAG_IOPL;
	if (!vmi_io_permitted(&stub.cpu, 16, 1))
		stub_fail("IOPL 3", 1, 0);
	stub.cpu.rflags |= VMI_FLAG_VM;
	if (vmi_io_permitted(&stub.cpu, 16, 1))
		stub_fail("IOPL 3 in virtual-8086 mode", 1, 0);
	stub.cpu.seg[VMI_TR].attributes = 3;
	if (vmi_io_permitted(&stub.cpu, 17, 1))
		stub_fail("16-bit task", 1, 0);
	stub.cpu.cr0 = 0;
	if (!vmi_io_permitted(&stub.cpu, 16, 1))
		stub_fail("real mode", 1, 0);
}

/* INS: a destination that faults must not have read the port. */
static void ins_faults(void)
{
	stub_reset(64);
	stub.op.size = 2 | 3 << 4;
	stub.op.bits |= VMI_OPF_REP;
	stub.cpu.r[VMI_RCX] = 4;
	stub.cpu.r[VMI_RDX] = 0x1f0;
	stub.cpu.r[VMI_RDI] = 0x1ff8;
	stub.page[2] = STUB_ABSENT;
	if (stub_run(vmi_do_ins) != STUB_FAULT || stub.n_ports != 2 ||
		stub.cpu.r[VMI_RCX] != 2 || stub.cpu.r[VMI_RDI] != 0x2000)
		stub_fail("ins into an absent page", stub.n_ports, 2);
	stub.page[2] = STUB_RAM;
	if (stub_run(vmi_do_ins) != STUB_DONE || stub.n_ports != 4 ||
		vmi_read(&stub.cpu, 0x2004, 4) != 0x55667788)
		stub_fail("ins", stub.n_ports, 4);
}

static void in_and_out(void)
{
	stub_reset(64);
	stub.op.size = 1 | 3 << 4;
	stub.op.scale = VMI_FORM_ZD << 2;
	stub.cpu.r[VMI_RDX] = 0x12345;
	stub.cpu.r[VMI_RAX] = 0xaaaaaaaaaaaaaaaaull;
	stub_run(vmi_do_in);
	if (stub.cpu.r[VMI_RAX] != 0xaaaaaaaaaaaa7788ull ||
		stub.port_log[0] != 0x2345)
		stub_fail("in ax, dx", stub.cpu.r[VMI_RAX], 0);
	stub.op.scale = VMI_FORM_ZI << 2;
	stub.op.imm = 0x70;
	stub_run(vmi_do_out);
	if (stub.port_log[1] != (0x70 | 0x7788u << 16))
		stub_fail("out 70h, ax", stub.port_log[1], 0);
}

int main(void)
{
	static const unsigned execs[] = { VMI_EXEC_movs, VMI_EXEC_stos,
		VMI_EXEC_lods, VMI_EXEC_cmps, VMI_EXEC_scas };
	unsigned i;

	for (i = 0; i < 20000; i++) {
		if (i % 50 == 0)
			fill_memory();
		one_case(execs[i % 5]);
	}
	permission();
	ins_faults();
	in_and_out();
	printf("%lu cases, %lu with host runs, %lu faults, %lu events, "
		"%u failures\n", cases, fast, faults, agains, stub.failures);
	return stub.failures ? 1 : 0;
}
