/* SPDX-License-Identifier: MIT */
/* Decoding of every KVM exit, and answers, on shared areas made by hand. */
#include <stdalign.h>
#include <stdio.h>
#include <string.h>

#include "lib/kvm/x86/x86.h"
#include "tests/kvm/check.h"

#define AREA 8192

static alignas(4096) uint8_t area[AREA];
static struct kvm_run *run = (struct kvm_run *)area;
static struct vmapi_exit out;
static struct vmi_kvm_answer answer;

/* A fresh area of rubbish with one exit reason in it. */
static void begin(uint32_t reason)
{
	memset(area, 0xa5, sizeof(area));
	memset(run->padding, 0, sizeof(run->padding));
	run->flags = KVM_RUN_X86_SMM;
	run->exit_reason = reason;
	memset(&out, 0xee, sizeof(out));
	out.size = sizeof(out);
}

static void decode(void)
{
	answer = vmi_kvm_exit_decode(run, &out);
	CHECK(out.size == sizeof(out));
	CHECK(out.native == run->exit_reason);
	CHECK(out.retired == 0);
	CHECK(!!(out.flags & VMAPI_EXIT_ANSWER) == (answer.bytes != 0));
	CHECK((out.flags & ~VMAPI_EXIT_ANSWER) == VMAPI_EXIT_SMM);
}

static void io_in(void)
{
	uint8_t sevens[512];

	memset(sevens, 7, sizeof(sevens));
	begin(KVM_EXIT_IO);
	run->io.direction = KVM_EXIT_IO_IN;
	run->io.size = 2;
	run->io.port = 0x1f0;
	run->io.count = 256;
	run->io.data_offset = 4096;
	decode();
	CHECK(out.reason == VMAPI_EXIT_IO);
	CHECK(out.u.io.port == 0x1f0 && out.u.io.width == 2);
	CHECK(out.u.io.count == 256 && !out.u.io.is_write);
	CHECK(out.u.io.data == area + 4096);
	CHECK(answer.bytes == 512 && !answer.may_be_empty);
	CHECK(vmi_kvm_exit_answer(run, sevens, sizeof(sevens)));
	CHECK(area[4096] == 7 && area[4096 + 511] == 7);
	CHECK(area[4096 + 512] == 0xa5);
}

static void io_out(void)
{
	begin(KVM_EXIT_IO);
	run->io.direction = KVM_EXIT_IO_OUT;
	run->io.size = 1;
	run->io.port = 0xffff;
	run->io.count = 3;
	run->io.data_offset = 4096;
	memcpy(area + 4096, "abc", 3);
	decode();
	CHECK(out.u.io.is_write == 1 && out.u.io.port == 0xffff);
	CHECK(out.u.io.count == 3 && !memcmp(out.u.io.data, "abc", 3));
	CHECK(answer.bytes == 0);
	CHECK(vmi_kvm_exit_unfinished(run));
}

static void mmio(void)
{
	static const uint8_t eight[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };

	begin(KVM_EXIT_MMIO);
	run->mmio.phys_addr = 0xfee00300;
	memcpy(run->mmio.data, eight, 8);
	run->mmio.len = 4;
	run->mmio.is_write = 1;
	decode();
	CHECK(out.reason == VMAPI_EXIT_MMIO && out.u.mmio.is_write == 1);
	CHECK(out.u.mmio.gpa == 0xfee00300 && out.u.mmio.length == 4);
	CHECK(!memcmp(out.u.mmio.data, "\1\2\3\4\0\0\0\0", 8));
	CHECK(answer.bytes == 0 && vmi_kvm_exit_unfinished(run));

	begin(KVM_EXIT_MMIO);
	run->mmio.phys_addr = 0x100000000;
	run->mmio.len = 8;
	decode();
	CHECK(!out.u.mmio.is_write && answer.bytes == 8);
	CHECK(vmi_kvm_exit_answer(run, eight, 8));
	CHECK(!memcmp(run->mmio.data, eight, 8));
}

static void hypercalls(void)
{
	const uint64_t result = 0x1122334455667788;
	uint64_t many[10];
	unsigned i;

	for (i = 0; i < 10; i++)
		many[i] = 0x1000 + i;

	begin(KVM_EXIT_HYPERCALL);
	run->hypercall.nr = 12;
	for (i = 0; i < 6; i++)
		run->hypercall.args[i] = 100 + i;
	run->hypercall.longmode = 1;
	decode();
	CHECK(out.reason == VMAPI_EXIT_HYPERCALL);
	CHECK(out.u.hypercall.number == 12 && out.u.hypercall.n_args == 6);
	CHECK(out.u.hypercall.args[0] == 100);
	CHECK(out.u.hypercall.args[5] == 105);
	CHECK(out.u.hypercall.args[6] == 0 && out.u.hypercall.mode == 64);
	CHECK(answer.bytes == 8 && !answer.may_be_empty);
	CHECK(vmi_kvm_exit_answer(run, &result, 8));
	CHECK(run->hypercall.ret == result);

	begin(KVM_EXIT_PAPR_HCALL);
	run->papr_hcall.nr = 0x58;
	for (i = 0; i < 9; i++)
		run->papr_hcall.args[i] = 200 + i;
	decode();
	CHECK(out.reason == VMAPI_EXIT_HYPERCALL);
	CHECK(out.u.hypercall.number == 0x58 && out.u.hypercall.n_args == 9);
	CHECK(out.u.hypercall.args[8] == 208);
	CHECK(answer.bytes == 80);
	CHECK(vmi_kvm_exit_answer(run, many, 80));
	CHECK(run->papr_hcall.ret == 0x1000);
	CHECK(run->papr_hcall.args[0] == 0x1001);
	CHECK(run->papr_hcall.args[8] == 0x1009);

	begin(KVM_EXIT_XEN);
	run->xen.type = KVM_EXIT_XEN_HCALL;
	run->xen.u.hcall.input = 34;
	run->xen.u.hcall.cpl = 3;
	run->xen.u.hcall.params[5] = 5;
	decode();
	CHECK(out.reason == VMAPI_EXIT_HYPERCALL);
	CHECK(out.u.hypercall.number == 34 && out.u.hypercall.mode == 32);
	CHECK(out.u.hypercall.privilege == 3 && out.u.hypercall.args[5] == 5);
	CHECK(vmi_kvm_exit_answer(run, &result, 8));
	CHECK(run->xen.u.hcall.result == result);

	begin(KVM_EXIT_XEN);
	run->xen.type = 99;
	decode();
	CHECK(out.reason == VMAPI_EXIT_UNKNOWN && answer.bytes == 0);

	begin(KVM_EXIT_RISCV_SBI);
	run->riscv_sbi.extension_id = 0x53525354;
	run->riscv_sbi.function_id = 3;
	run->riscv_sbi.args[5] = 9;
	decode();
	CHECK(out.u.hypercall.number == 0x53525354);
	CHECK(out.u.hypercall.n_args == 7 && out.u.hypercall.args[0] == 3);
	CHECK(out.u.hypercall.args[6] == 9);
	CHECK(answer.bytes == 16);
	CHECK(vmi_kvm_exit_answer(run, many, 16));
	CHECK(run->riscv_sbi.ret[0] == 0x1000);
	CHECK(run->riscv_sbi.ret[1] == 0x1001);

	begin(KVM_EXIT_RISCV_CSR);
	run->riscv_csr.csr_num = 0x015;
	run->riscv_csr.new_value = 5;
	run->riscv_csr.write_mask = 7;
	decode();
	CHECK(out.reason == VMAPI_EXIT_CSR && out.u.csr.number == 0x15);
	CHECK(out.u.csr.value == 5 && out.u.csr.mask == 7);
	CHECK(answer.bytes == 8 && vmi_kvm_exit_answer(run, &result, 8));
	CHECK(run->riscv_csr.ret_value == (unsigned long)result);
}

static void msrs(void)
{
	const uint64_t value = 0xfeedfacecafebeef;

	begin(KVM_EXIT_X86_RDMSR);
	run->msr.index = 0xc0000080;
	run->msr.reason = KVM_MSR_EXIT_REASON_FILTER;
	run->msr.data = 0xdead; /* whatever was there is no value */
	decode();
	CHECK(out.reason == VMAPI_EXIT_MSR && !out.u.msr.is_write);
	CHECK(out.u.msr.index == 0xc0000080 && out.u.msr.value == 0);
	CHECK(out.u.msr.why == KVM_MSR_EXIT_REASON_FILTER);
	CHECK(answer.bytes == 8 && answer.may_be_empty);
	CHECK(vmi_kvm_exit_answer(run, &value, 8));
	CHECK(run->msr.data == value && run->msr.error == 0);
	CHECK(vmi_kvm_exit_answer(run, NULL, 0));
	CHECK(run->msr.error == 1);

	begin(KVM_EXIT_X86_WRMSR);
	run->msr.index = 0x1b;
	run->msr.data = value;
	run->msr.error = 1;
	decode();
	CHECK(out.u.msr.is_write == 1 && out.u.msr.value == value);
	CHECK(answer.bytes == 8 && answer.may_be_empty);
	CHECK(vmi_kvm_exit_answer(run, &value, 8) && run->msr.error == 0);
	CHECK(vmi_kvm_exit_unfinished(run));
}

static void debug(void)
{
	begin(KVM_EXIT_DEBUG);
	run->debug.arch.exception = 3;
	run->debug.arch.pc = 0x7c00;
	run->debug.arch.dr6 = 0xffff0ff1;
	run->debug.arch.dr7 = 0x401;
	decode();
	CHECK(out.reason == VMAPI_EXIT_DEBUG && out.u.debug.exception == 3);
	CHECK(out.u.debug.address == 0x7c00);
	CHECK(out.u.debug.dr6 == 0xffff0ff1 && out.u.debug.dr7 == 0x401);
	CHECK(out.u.debug.why == VMAPI_STOP_SOFTWARE);
	CHECK(!vmi_kvm_exit_unfinished(run));
	run->debug.arch.exception = 1;
	decode();
	CHECK(out.u.debug.why == VMAPI_STOP_POINT && out.u.debug.points == 1);
	run->debug.arch.dr6 = 0xffff4ffa;
	decode();
	CHECK(out.u.debug.why == (VMAPI_STOP_POINT | VMAPI_STOP_STEP));
	CHECK(out.u.debug.points == 10);
	run->debug.arch.dr6 = 0xffff2ff0; /* MOV DR that was not to be */
	decode();
	CHECK(out.u.debug.why == VMAPI_STOP_GUEST && !out.u.debug.points);
}

/* What KVM_SET_GUEST_DEBUG is given: api.rst 4.35, SDM 3B 17.2.4. */
static void debug_encode(void)
{
	static const struct vmapi_debug_point points[] = {
		{ 0x7c00, VMAPI_POINT_EXEC, 0 },
		{ 0x1000, VMAPI_POINT_WRITE, 2 },
		{ 0x2000, VMAPI_POINT_ACCESS, 8 },
		{ 0x3000, VMAPI_POINT_WRITE, 4 },
		{ 0x4000, VMAPI_POINT_READ, 1 },
	};
	struct vmapi_debug d = { .points = points };
	struct kvm_guest_debug out_debug;

	CHECK(vmi_kvm_x86_debug_encode(&d, 1, &out_debug) == 0);
	CHECK(out_debug.control == 0);
	d.flags = VMAPI_DEBUG_STEP;
	CHECK(vmi_kvm_x86_debug_encode(&d, 1, &out_debug) == 0);
	CHECK(out_debug.control == 3 && out_debug.arch.debugreg[7] == 0);
	d.flags = VMAPI_DEBUG_SOFTWARE | VMAPI_DEBUG_INJECT;
	CHECK(vmi_kvm_x86_debug_encode(&d, 3, &out_debug) == 0);
	CHECK(out_debug.control == 0x90001);
	CHECK(vmi_kvm_x86_debug_encode(&d, 1, &out_debug) == 0);
	CHECK(out_debug.control == 0x50001);
	d.flags = VMAPI_DEBUG_BLOCK_IRQ;
	d.n_points = 4;
	CHECK(vmi_kvm_x86_debug_encode(&d, 1, &out_debug) == 0);
	CHECK(out_debug.control == 0x120001);
	CHECK(out_debug.arch.debugreg[0] == 0x7c00);
	CHECK(out_debug.arch.debugreg[3] == 0x3000);
	CHECK(out_debug.arch.debugreg[7] == 0xdb5006aa);
	d.n_points = 5;
	CHECK(vmi_kvm_x86_debug_encode(&d, 1, &out_debug) == -ENOSPC);
	d.points += 4;
	d.n_points = 1;
	CHECK(vmi_kvm_x86_debug_encode(&d, 1, &out_debug) == -ENOTSUP);
	CHECK(vmi_kvm_x86_debug_flags(0, 0x1f0003) == 0);
	CHECK(vmi_kvm_x86_debug_flags(1, 0) == (VMAPI_DEBUG_STEP |
		VMAPI_DEBUG_SOFTWARE | VMAPI_DEBUG_INJECT));
	CHECK(vmi_kvm_x86_debug_flags(1, 0x1f0003) & VMAPI_DEBUG_BLOCK_IRQ);
}

static void system_event(void)
{
	begin(KVM_EXIT_SYSTEM_EVENT);
	run->system_event.type = KVM_SYSTEM_EVENT_CRASH;
	run->system_event.ndata = 2;
	run->system_event.data[0] = 11;
	run->system_event.data[1] = 12;
	run->system_event.data[2] = 13;
	decode();
	CHECK(out.reason == VMAPI_EXIT_SYSTEM);
	CHECK(out.u.system.type == 3 && out.u.system.n_data == 2);
	CHECK(out.u.system.data[1] == 12 && out.u.system.data[2] == 0);

	/* An old kernel: no count, but a word of flags. */
	begin(KVM_EXIT_SYSTEM_EVENT);
	run->system_event.type = KVM_SYSTEM_EVENT_RESET;
	run->system_event.flags = 5;
	decode();
	CHECK(out.u.system.n_data == 0 && out.u.system.data[0] == 5);

	/* A count beyond the array is cut. */
	begin(KVM_EXIT_SYSTEM_EVENT);
	run->system_event.ndata = 1000;
	run->system_event.data[15] = 77;
	decode();
	CHECK(out.u.system.n_data == 16 && out.u.system.data[15] == 77);
}

static void internal(void)
{
	begin(KVM_EXIT_INTERNAL_ERROR);
	run->internal.suberror = 2;
	run->internal.ndata = 3;
	run->internal.data[2] = 0x80000b0d;
	decode();
	CHECK(out.reason == VMAPI_EXIT_INTERNAL);
	CHECK(out.u.internal.suberror == 2 && out.u.internal.n_data == 3);
	CHECK(out.u.internal.data[2] == 0x80000b0d);
	CHECK(out.u.internal.n_bytes == 0);

	begin(KVM_EXIT_INTERNAL_ERROR);
	run->emulation_failure.suberror = KVM_INTERNAL_ERROR_EMULATION;
	run->emulation_failure.ndata = 3;
	run->emulation_failure.flags = 1;
	run->emulation_failure.insn_size = 5;
	memcpy(run->emulation_failure.insn_bytes, "\xf0\x48\x0f\xc7\x0f\xff",
		6);
	decode();
	CHECK(out.u.internal.suberror == 1 && out.u.internal.n_bytes == 5);
	CHECK(!memcmp(out.u.internal.bytes, "\xf0\x48\x0f\xc7\x0f\0", 6));

	/* Without the flag those bytes are no instruction. */
	run->emulation_failure.flags = 0;
	decode();
	CHECK(out.u.internal.n_bytes == 0);
	/* A size that lies is cut. */
	run->emulation_failure.flags = 1;
	run->emulation_failure.insn_size = 200;
	run->emulation_failure.ndata = 1000;
	decode();
	CHECK(out.u.internal.n_bytes == 15 && out.u.internal.n_data == 16);
	/* No data at all, as old kernels have it. */
	run->emulation_failure.ndata = 0;
	decode();
	CHECK(out.u.internal.n_bytes == 0 && out.u.internal.n_data == 0);
}

static void fault(void)
{
	struct vmi_kvm_memory_fault fault = { 8, 0x1234000, 0x1000 };

	begin(VMI_KVM_EXIT_MEMORY_FAULT);
	memcpy(run->padding, &fault, sizeof(fault));
	decode();
	CHECK(out.reason == VMAPI_EXIT_FAULT && out.u.fault.flags == 8);
	CHECK(out.u.fault.gpa == 0x1234000 && out.u.fault.bytes == 0x1000);
	CHECK(!vmi_kvm_exit_unfinished(run));
}

static void fail_entry(void)
{
	begin(KVM_EXIT_FAIL_ENTRY);
	run->fail_entry.hardware_entry_failure_reason = 0x80000021;
	run->fail_entry.cpu = 3;
	decode();
	CHECK(out.reason == VMAPI_EXIT_FAIL_ENTRY);
	CHECK(out.u.fail.why == 0x80000021 && out.u.fail.cpu == 3);
}

static void eoi(void)
{
	begin(KVM_EXIT_IOAPIC_EOI);
	run->eoi.vector = 0x31;
	decode();
	CHECK(out.reason == VMAPI_EXIT_EOI && out.u.eoi.vector == 0x31);
}

static const struct {
	uint32_t native;
	uint32_t reason;
	bool unfinished;
} plain[] = {
	{ KVM_EXIT_HLT, VMAPI_EXIT_HALT, false },
	{ KVM_EXIT_SHUTDOWN, VMAPI_EXIT_SHUTDOWN, false },
	{ KVM_EXIT_IRQ_WINDOW_OPEN, VMAPI_EXIT_IRQ_WINDOW, false },
	/* no public reason: the number and the whole union */
	{ KVM_EXIT_UNKNOWN, VMAPI_EXIT_UNKNOWN, false },
	{ KVM_EXIT_EXCEPTION, VMAPI_EXIT_UNKNOWN, false },
	{ KVM_EXIT_INTR, VMAPI_EXIT_UNKNOWN, false },
	{ KVM_EXIT_SET_TPR, VMAPI_EXIT_TPR, false },
	{ KVM_EXIT_TPR_ACCESS, VMAPI_EXIT_UNKNOWN, true },
	{ KVM_EXIT_S390_SIEIC, VMAPI_EXIT_UNKNOWN, true },
	{ KVM_EXIT_S390_RESET, VMAPI_EXIT_UNKNOWN, true },
	{ KVM_EXIT_DCR, VMAPI_EXIT_UNKNOWN, true },
	{ KVM_EXIT_NMI, VMAPI_EXIT_UNKNOWN, false },
	{ KVM_EXIT_OSI, VMAPI_EXIT_UNKNOWN, true },
	{ KVM_EXIT_S390_UCONTROL, VMAPI_EXIT_UNKNOWN, true },
	{ KVM_EXIT_WATCHDOG, VMAPI_EXIT_UNKNOWN, true },
	{ KVM_EXIT_S390_TSCH, VMAPI_EXIT_UNKNOWN, true },
	{ KVM_EXIT_EPR, VMAPI_EXIT_UNKNOWN, true },
	{ KVM_EXIT_S390_STSI, VMAPI_EXIT_UNKNOWN, true },
	{ KVM_EXIT_HYPERV, VMAPI_EXIT_UNKNOWN, true },
	{ KVM_EXIT_ARM_NISV, VMAPI_EXIT_NISV, true },
	{ KVM_EXIT_DIRTY_RING_FULL, VMAPI_EXIT_UNKNOWN, false },
	{ KVM_EXIT_AP_RESET_HOLD, VMAPI_EXIT_UNKNOWN, true },
	{ KVM_EXIT_X86_BUS_LOCK, VMAPI_EXIT_BUS_LOCK, false },
	{ KVM_EXIT_NOTIFY, VMAPI_EXIT_NOTIFY, false },
	{ VMI_KVM_EXIT_LOONGARCH_IOCSR, VMAPI_EXIT_UNKNOWN, true },
	{ VMI_KVM_EXIT_TDX, VMAPI_EXIT_UNKNOWN, true },
	{ 0x7fffffff, VMAPI_EXIT_UNKNOWN, true },
};

static void without_payload(void)
{
	size_t i;

	for (i = 0; i < vmi_array_len(plain); i++) {
		begin(plain[i].native);
		memset(run->padding, 0x5c, sizeof(run->padding));
		decode();
		CHECK(out.reason == plain[i].reason);
		CHECK(answer.bytes == 0);
		CHECK(vmi_kvm_exit_unfinished(run) == plain[i].unfinished);
		CHECK(!vmi_kvm_exit_answer(run, &i, sizeof(i)));
		if (out.reason == VMAPI_EXIT_UNKNOWN)
			CHECK(out.u.raw[0] == 0x5c && out.u.raw[255] == 0x5c);
	}
}

static void tpr(void)
{
	begin(KVM_EXIT_SET_TPR);
	run->cr8 = 5;
	decode();
	CHECK(out.reason == VMAPI_EXIT_TPR && out.u.tpr.cr8 == 5);
}

static void debug_masked(void)
{
	struct vmapi_exit_debug d = { .points = 5,
		.why = VMAPI_STOP_STEP | VMAPI_STOP_POINT };

	vmi_kvm_x86_debug_mask(&d, 3);
	CHECK(d.points == 1 && d.why == (VMAPI_STOP_STEP | VMAPI_STOP_POINT));
	vmi_kvm_x86_debug_mask(&d, 2);
	CHECK(d.points == 0 && d.why == VMAPI_STOP_STEP);
	d.points = 8;
	d.why = VMAPI_STOP_POINT;
	vmi_kvm_x86_debug_mask(&d, 7);
	CHECK(d.points == 0 && d.why == VMAPI_STOP_GUEST);
}

int main(void)
{
	tpr();
	debug_masked();
	io_in();
	io_out();
	mmio();
	hypercalls();
	msrs();
	debug();
	debug_encode();
	system_event();
	internal();
	fault();
	fail_entry();
	eoi();
	without_payload();
	return check_result("exits");
}
