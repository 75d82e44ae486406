/* SPDX-License-Identifier: MIT */
/* Every register of a vcpu, there and back; MSRs in great number; CPUID. */
#include "tests/kvm/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/arch/x86_state.h"
#include "lib/core/backend.h"
#include "lib/kvm/x86/x86.h"

/* -- the converters, against values made by hand ------------------------- */

/* Each byte differs, so that two members taken for each other show. */
static void pattern(void *data, size_t bytes)
{
	uint8_t *to = data;
	size_t i;

	for (i = 0; i < bytes; i++)
		to[i] = (uint8_t)(i * 37 + 11);
}

static void convert_gprs(void)
{
	struct kvm_regs kernel = {
		.rax = 1, .rbx = 4, .rcx = 2, .rdx = 3, .rsi = 7, .rdi = 8,
		.rsp = 5, .rbp = 6, .r8 = 9, .r9 = 10, .r10 = 11, .r11 = 12,
		.r12 = 13, .r13 = 14, .r14 = 15, .r15 = 16, .rip = 17,
		.rflags = 18,
	};
	struct kvm_regs back;
	struct vmi_x86_gprs ours;
	unsigned i;

	vmi_kvm_x86_gprs_in(&ours, &kernel);
	for (i = 0; i < 16; i++)
		CHECK(ours.r[i] == i + 1);
	CHECK(ours.rip == 17 && ours.rflags == 18);
	vmi_kvm_x86_gprs_out(&back, &ours);
	CHECK(!memcmp(&back, &kernel, sizeof(back)));
}

static void convert_system(void)
{
	struct kvm_segment *segments[8];
	struct kvm_sregs2 kernel, back;
	struct vmi_x86_system ours;
	unsigned i;

	memset(&kernel, 0, sizeof(kernel));
	segments[0] = &kernel.es;
	segments[1] = &kernel.cs;
	segments[2] = &kernel.ss;
	segments[3] = &kernel.ds;
	segments[4] = &kernel.fs;
	segments[5] = &kernel.gs;
	segments[6] = &kernel.ldt;
	segments[7] = &kernel.tr;
	for (i = 0; i < 8; i++) {
		segments[i]->base = 0x1000 + i;
		segments[i]->limit = 0x2000 + i;
		segments[i]->selector = (uint16_t)(0x3000 + i);
		segments[i]->type = (uint8_t)i;
		segments[i]->dpl = i & 3;
		segments[i]->present = 1;
	}
	kernel.cs.l = kernel.ss.db = kernel.ds.g = kernel.fs.avl = 1;
	kernel.gs.s = kernel.ldt.unusable = 1;
	kernel.gdt.base = 21;
	kernel.gdt.limit = 22;
	kernel.idt.base = 23;
	kernel.idt.limit = 24;
	kernel.cr0 = 25;
	kernel.cr2 = 26;
	kernel.cr3 = 27;
	kernel.cr4 = 28;
	kernel.cr8 = 29;
	kernel.efer = 30;
	kernel.apic_base = 31;
	vmi_kvm_x86_system_in(&ours, &kernel);
	for (i = 0; i < 8; i++) {
		CHECK(ours.segments[i].base == 0x1000 + i);
		CHECK(ours.segments[i].limit == 0x2000 + i);
		CHECK(ours.segments[i].selector == 0x3000 + i);
		CHECK((ours.segments[i].attributes & 0xef) ==
			(i | (i & 3) << 5 | VMAPI_X86_SEG_P));
	}
	CHECK(ours.segments[1].attributes & VMAPI_X86_SEG_L);
	CHECK(ours.segments[2].attributes & VMAPI_X86_SEG_DB);
	CHECK(ours.segments[3].attributes & VMAPI_X86_SEG_G);
	CHECK(ours.segments[4].attributes & VMAPI_X86_SEG_AVL);
	CHECK(ours.segments[5].attributes & VMAPI_X86_SEG_S);
	CHECK(ours.segments[6].attributes & VMAPI_X86_SEG_UNUSABLE);
	CHECK(ours.segments[8].base == 21 && ours.segments[8].limit == 22);
	CHECK(ours.segments[9].base == 23 && ours.segments[9].limit == 24);
	CHECK(ours.cr0 == 25 && ours.cr2 == 26 && ours.cr3 == 27);
	CHECK(ours.cr4 == 28 && ours.cr8 == 29 && ours.efer == 30);
	CHECK(ours.apic_base == 31);
	memset(&back, 0, sizeof(back));
	vmi_kvm_x86_system_out(&back, &ours);
	CHECK(!memcmp(&back, &kernel, sizeof(back)));
}

static void convert_events(void)
{
	const uint32_t all = KVM_VCPUEVENT_VALID_NMI_PENDING |
		KVM_VCPUEVENT_VALID_SIPI_VECTOR | KVM_VCPUEVENT_VALID_SHADOW |
		KVM_VCPUEVENT_VALID_PAYLOAD |
		KVM_VCPUEVENT_VALID_TRIPLE_FAULT | KVM_VCPUEVENT_VALID_SMM;
	struct vmapi_x86_events ours, back;
	struct kvm_vcpu_events kernel;

	pattern(&ours, sizeof(ours));
	memset(ours.reserved, 0, sizeof(ours.reserved));
	vmi_kvm_x86_events_out(&kernel, &ours, all);
	CHECK(kernel.flags == all);
	CHECK(kernel.exception.nr == ours.exception_vector);
	CHECK(kernel.nmi.masked == ours.nmi_masked);
	CHECK(kernel.smi.smm == ours.smm);
	CHECK(kernel.smi.pending == ours.smi_pending);
	CHECK(kernel.smi.smm_inside_nmi == ours.smm_inside_nmi);
	CHECK(kernel.smi.latched_init == ours.latched_init);
	vmi_kvm_x86_events_in(&back, &kernel);
	CHECK(!memcmp(&back, &ours, sizeof(back)));
	/* An old kernel: one kind of exception, no payload. */
	memset(&ours, 0, sizeof(ours));
	ours.exception_pending = 1;
	ours.exception_vector = 14;
	ours.exception_has_payload = 1;
	vmi_kvm_x86_events_out(&kernel, &ours, 0);
	CHECK(kernel.exception.injected == 1 && kernel.exception.pending == 0);
	CHECK(kernel.exception_has_payload == 0);
	/* One without SMM. */
	ours.smm = ours.latched_init = 1;
	vmi_kvm_x86_events_out(&kernel, &ours, 0);
	CHECK(kernel.smi.smm == 0 && kernel.smi.latched_init == 0);
}

static void convert_rest(void)
{
	struct kvm_cpuid_entry2 entry = {
		.function = 4, .index = 3,
		.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
		.eax = 1, .ebx = 2, .ecx = 3, .edx = 4,
	};
	struct kvm_cpuid_entry2 entry_back;
	struct vmapi_x86_cpuid cpuid;
	struct kvm_debugregs debug = { .db = { 1, 2, 3, 4 }, .dr6 = 6,
		.dr7 = 7 };
	struct kvm_debugregs debug_back;
	struct vmi_x86_debug ours;

	vmi_kvm_x86_cpuid_in(&cpuid, &entry);
	CHECK(cpuid.leaf == 4 && cpuid.subleaf == 3 && cpuid.has_subleaf == 1);
	CHECK(cpuid.eax == 1 && cpuid.ebx == 2);
	CHECK(cpuid.ecx == 3 && cpuid.edx == 4);
	vmi_kvm_x86_cpuid_out(&entry_back, &cpuid);
	CHECK(!memcmp(&entry, &entry_back, sizeof(entry)));
	vmi_kvm_x86_debug_in(&ours, &debug);
	CHECK(ours.dr[0] == 1 && ours.dr[3] == 4 && ours.dr[4] == 0);
	CHECK(ours.dr[6] == 6 && ours.dr[7] == 7);
	vmi_kvm_x86_debug_out(&debug_back, &ours);
	CHECK(!memcmp(&debug, &debug_back, sizeof(debug)));
}

/* -- the vcpu ------------------------------------------------------------ */

/* Clocks among the MSRs: no two looks agree. */
static bool runs(struct machine *m, struct vmapi_reg reg, const void *before)
{
	void *again = calloc(1, reg.bytes + 1u);
	bool is_same;

	reg.data = again;
	OK(vmapi_regs_get(m->vcpu, &reg, 1, NULL, 0));
	is_same = !memcmp(before, again, reg.bytes);
	free(again);
	return !is_same;
}

/* All that there is, got, set as it was, and got again. */
static void round_trip(struct machine *m)
{
	size_t n = 0, i, done;
	unsigned refused = 0;
	uint64_t *tags;

	OK(vmapi_reg_list(m->vcpu, NULL, 0, &n));
	CHECK(n > 60);
	tags = calloc(n, sizeof(*tags));
	OK(vmapi_reg_list(m->vcpu, tags, n, &n));
	for (i = 0; i < n; i++) {
		struct vmapi_reg_info info = { .size = sizeof(info) };
		uint8_t *before, *after;
		struct vmapi_reg reg = { .tag = tags[i] };
		bool is_clock;

		if (!OK(vmapi_reg_info(m->vcpu, tags[i], &info)))
			continue;
		before = calloc(1, info.bytes + 1);
		after = calloc(1, info.bytes + 1);
		reg.data = before;
		reg.bytes = (uint32_t)info.bytes;
		if (!OK(vmapi_regs_get(m->vcpu, &reg, 1, &done, 0)))
			printf("  getting %s\n", info.name);
		/* What there is of one that varies may be less than its most. */
		CHECK(reg.bytes == info.bytes ||
			(info.attributes & VMAPI_REG_VARLEN &&
				reg.bytes < info.bytes));
		is_clock = runs(m, reg, before);
		if (info.attributes & VMAPI_REG_READONLY)
			GIVES(vmapi_regs_set(m->vcpu, &reg, 1, NULL, 0),
				-EPERM);
		else if (vmapi_regs_set(m->vcpu, &reg, 1, NULL, 0))
			refused++;
		reg.data = after;
		OK(vmapi_regs_get(m->vcpu, &reg, 1, NULL, 0));
		if (!(info.attributes & VMAPI_REG_VOLATILE) && !is_clock &&
			!CHECK(!memcmp(before, after, info.bytes)))
			printf("  %s changed\n", info.name);
		free(before);
		free(after);
	}
	/*
	 * What is got can be set: whoever goes back to an earlier state sets
	 * all that there is.
	 */
	CHECK(refused == 0);
	printf("%zu registers, %u refused as they are\n", n, refused);
	free(tags);
}

static void set_and_get(struct machine *m, uint64_t tag, uint64_t value)
{
	reg_set(m->vcpu, tag, value);
	if (!CHECK(reg_get(m->vcpu, tag) == value))
		printf("  tag %llx: %llx, not %llx\n", (unsigned long long)tag,
			(unsigned long long)reg_get(m->vcpu, tag),
			(unsigned long long)value);
}

static void values(struct machine *m)
{
	unsigned i;

	for (i = 0; i < 17; i++)
		set_and_get(m, VMAPI_X86_GPR(i), 0x1234567800ull + i);
	set_and_get(m, VMAPI_X86_CR2, 0xdeadbeef000);
	set_and_get(m, VMAPI_X86_DEBUG(0), 0x1000);
	set_and_get(m, VMAPI_X86_DEBUG(3), 0x4000);
	set_and_get(m, VMAPI_X86_DEBUG(7), 0x455);
	set_and_get(m, VMAPI_X86_DEBUG(7), 0x400); /* no breakpoints */
	set_and_get(m, VMAPI_X86_MXCSR, 0x1f00);
	set_and_get(m, VMAPI_X86_FCW, 0x27f);
	set_and_get(m, VMAPI_X86_MSR(0x174), 0x10);	  /* SYSENTER_CS */
	set_and_get(m, VMAPI_X86_MSR(0xc0000082), 0x8000); /* LSTAR */
}

static void block_sizes(struct machine *m)
{
	const struct vmi_backend *be = &vmi_kvm_backend;
	struct vmapi_cap cap = { .size = sizeof(cap) };
	uint8_t small[8];
	size_t bytes = 0;

	OK(vmapi_vm_cap_get(m->vm, VMAPI_CAP_XSAVE_SIZE, &cap));
	OK(be->block_get(m->vcpu, VMI_BLOCK_XSAVE, NULL, &bytes));
	CHECK(bytes == (size_t)cap.value && bytes >= 4096);
	bytes = sizeof(small);
	CHECK(be->block_get(m->vcpu, VMI_BLOCK_GPRS, small, &bytes) ==
		-ENOSPC);
	CHECK(bytes == sizeof(struct vmi_x86_gprs));
	CHECK(be->block_set(m->vcpu, VMI_BLOCK_GPRS, small, 8) == -EINVAL);
	/* A VM without local APICs. */
	bytes = 1024;
	CHECK(be->block_get(m->vcpu, VMI_BLOCK_LAPIC, NULL, &bytes) ==
		-ENOENT);
}

/* More than 256, with holes: each entry has its own status. */
static void many_msrs(struct machine *m)
{
	static const uint32_t good[] = { 0x174, 0x175, 0x176, 0xc0000081 };
	/* 599 is a hole, so the last of its kind is 595. */
	static const uint64_t last[] = { 0x1254, 0x1255, 0x1256, 0x1253 };
	struct vmi_one msrs[600];
	uint64_t values[600];
	size_t i;

	for (i = 0; i < 600; i++) {
		values[i] = 0x1000 + i;
		msrs[i] = (struct vmi_one){
			.tag = VMAPI_X86_MSR(
				i % 50 == 49 ? 0x7ffffff0 : good[i % 4]),
			.status = 99,
			.data = &values[i],
			.bytes = 8,
		};
	}
	CHECK(vmi_kvm_backend.ones_set(m->vcpu, msrs, 600) == 0);
	for (i = 0; i < 600; i++)
		CHECK(msrs[i].status == (i % 50 == 49 ? -ENOENT : 0));
	for (i = 0; i < 600; i++)
		values[i] = (uint64_t)(msrs[i].status = 99);
	CHECK(vmi_kvm_backend.ones_get(m->vcpu, msrs, 600) == 0);
	for (i = 0; i < 600; i++) {
		if (!CHECK(msrs[i].status == (i % 50 == 49 ? -ENOENT : 0)))
			break;
		/* the last good value written to that index */
		if (i % 50 != 49)
			CHECK(values[i] == last[i % 4]);
	}
	/* A value that no processor takes: refused, and told apart. */
	msrs[0].tag = VMAPI_X86_MSR(0xc0000082);
	values[0] = 0x8000000000000000;
	CHECK(vmi_kvm_backend.ones_set(m->vcpu, msrs, 1) == 0);
	CHECK(msrs[0].status == -EINVAL);
}

/* In one call, up to the first that does not go so; the rest has its say. */
static void words(struct machine *m)
{
	const struct vmi_backend *be = &vmi_kvm_backend;
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_X86_MSR(0x174), .value = 0x11 },
		{ .tag = VMAPI_X86_MSR(0x175), .value = 0x22 },
		{ .tag = VMAPI_X86_MSR(0x7ffffff0) },
		{ .tag = VMAPI_X86_MSR(0x176), .value = 0x33 },
	};
	const struct vmi_reg_words two[] = { { regs, 1 }, { regs + 1, 3 } };
	uint64_t value = 0x44;

	CHECK(be->words_set(m->vcpu, two, 2) == 2);
	regs[0].value = regs[1].value = 0;
	CHECK(be->words_get(m->vcpu, two, 2) == 2);
	CHECK(regs[0].value == 0x11 && regs[0].bytes == 8);
	CHECK(regs[1].value == 0x22 && regs[1].bytes == 8);
	regs[1].status = -EPERM;
	CHECK(be->words_get(m->vcpu, two, 2) == 1);
	regs[1].status = 0;
	regs[1].data = &value;
	CHECK(be->words_set(m->vcpu, two, 2) == 1);
	CHECK(vmapi_regs_set(m->vcpu, regs, 4, NULL, 0) == -ENOENT);
	CHECK(!regs[0].status && !regs[1].status && !regs[3].status);
	CHECK(regs[2].status == -ENOENT);
	regs[1].data = NULL;
	regs[3].value = 0;
	CHECK(vmapi_regs_get(m->vcpu, regs, 4, NULL, 0) == -ENOENT);
	CHECK(regs[1].value == 0x44 && regs[3].value == 0x33);
	regs[0].tag = VMAPI_X86_GUEST_SSP;
	CHECK(be->words_get(m->vcpu, two, 2) == 0);
}

/* Each for itself: one that is not there does not keep others from coming. */
static void several_blocks(struct machine *m)
{
	struct vmi_x86_gprs gprs;
	uint32_t mp;
	uint8_t lapic[1024];
	struct vmi_block_io io[] = {
		{ .block = VMI_BLOCK_MP_STATE, .data = &mp, .bytes = 1 },
		{ .block = VMI_BLOCK_LAPIC, .data = lapic,
			.bytes = sizeof(lapic) },
		{ .block = VMI_BLOCK_GPRS, .data = &gprs,
			.bytes = sizeof(gprs) },
	};
	struct vmapi_reg rbx = { .tag = VMAPI_X86_RBX, .value = 0x55 };

	OK(vmapi_regs_set(m->vcpu, &rbx, 1, NULL, 0));
	vmi_kvm_backend.blocks_get(m->vcpu, io, 3);
	CHECK(io[0].status == -ENOSPC && io[0].bytes == sizeof(mp));
	CHECK(io[1].status == -ENOENT);
	CHECK(io[2].status == 0 && io[2].bytes == sizeof(gprs));
	CHECK(gprs.r[3] == 0x55);
	/* Those in front of one that is refused are set, no others. */
	gprs.r[3] = 0x66;
	io[0] = io[2];
	CHECK(vmi_kvm_backend.blocks_set(m->vcpu, io, 3) == 1);
	CHECK(io[1].status == -ENOENT);
	OK(vmapi_regs_get(m->vcpu, &rbx, 1, NULL, 0));
	CHECK(rbx.value == 0x66);
}

static bool nmi_waits(struct machine *m)
{
	return atomic_load(&vmi_kvm_vcpu_of(m->vcpu)->requests) & VMI_KVM_NMI;
}

/* The kernel is told of an NMI before it is asked what that changes. */
static void handed_over(struct machine *m)
{
	struct vmapi_reg rip = { .tag = VMAPI_X86_RIP };
	size_t bytes = 0;

	OK(vmapi_vcpu_nmi(m->vcpu));
	CHECK(nmi_waits(m));
	OK(vmi_kvm_backend.block_get(
		m->vcpu, VMI_BLOCK_CPUID, NULL, &bytes));
	CHECK(bytes && nmi_waits(m));
	OK(vmapi_regs_get(m->vcpu, &rip, 1, NULL, 0));
	CHECK(!nmi_waits(m));
}

/* Free before the first run, afterwards only what it is already. */
static void cpuid(struct machine *m)
{
	static struct vmapi_x86_cpuid list[512];
	struct vmapi_reg reg = {
		.tag = VMAPI_X86_CPUID, .data = list, .bytes = sizeof(list),
	};
	struct vmapi_exit exit;
	size_t n = 0, i;

	OK(vmapi_regs_get(m->vcpu, &reg, 1, NULL, 0));
	n = reg.bytes / sizeof(list[0]);
	CHECK(n > 5 && n < 512);
	for (i = 0; i < n; i++)
		if (list[i].leaf == 0)
			list[i].ebx = 0x41414141;
	OK(vmapi_regs_set(m->vcpu, &reg, 1, NULL, 0));
	for (i = 0; i < n; i++)
		if (list[i].leaf == 0)
			list[i].ebx = 0;
	reg.bytes = sizeof(list);
	OK(vmapi_regs_get(m->vcpu, &reg, 1, NULL, 0));
	for (i = 0; i < n; i++)
		if (list[i].leaf == 0)
			CHECK(list[i].ebx == 0x41414141);
	machine_load(m, m->vcpu, CODE, "\xf4", 1);
	run_to(m->vcpu, &exit, VMAPI_EXIT_HALT);
	OK(vmapi_regs_set(m->vcpu, &reg, 1, NULL, 0));
	list[0].ebx++;
	GIVES(vmapi_regs_set(m->vcpu, &reg, 1, NULL, 0), -EBUSY);
}

/* Its size is what it holds, not the room; a lie about it is refused. */
static void nested(struct machine *m)
{
	static uint64_t area[0x4000 / 8];
	struct vmapi_reg reg = {
		.tag = VMAPI_X86_NESTED, .data = area, .bytes = sizeof(area),
	};
	struct kvm_nested_state head;
	int rc = vmapi_regs_get(m->vcpu, &reg, 1, NULL, 0);

	if (rc == -ENOENT)
		return;
	OK(rc);
	memcpy(&head, area, sizeof(head));
	CHECK(reg.bytes == head.size && reg.bytes >= sizeof(head));
	OK(vmapi_regs_set(m->vcpu, &reg, 1, NULL, 0));
	head.size = reg.bytes + 4096;
	memcpy(area, &head, sizeof(head));
	GIVES(vmapi_regs_set(m->vcpu, &reg, 1, NULL, 0), -EINVAL);
	reg.bytes = 32;
	GIVES(vmapi_regs_set(m->vcpu, &reg, 1, NULL, 0), -EINVAL);
}

/* Before the first run, which cpuid() makes. */
static void machines(void)
{
	struct vmapi_vm_config config = {
		.size = sizeof(config), .irqchip = VMAPI_IRQCHIP_SPLIT,
	};
	struct machine m;

	if (!CHECK(machine_open(&m, &config) == 0))
		return;
	round_trip(&m); /* with a local APIC this time */
	OK(vmapi_vcpu_reset(m.vcpu));
	CHECK((reg_get(m.vcpu, VMAPI_X86_APIC_BASE) & 0xfffff900) ==
		0xfee00900);
	machine_close(&m);
}

int main(void)
{
	struct machine m;
	int rc;

	convert_gprs();
	convert_system();
	convert_events();
	convert_rest();
	rc = machine_open(&m, NULL);
	if (rc)
		return rc;
	round_trip(&m);
	values(&m);
	block_sizes(&m);
	many_msrs(&m);
	words(&m);
	several_blocks(&m);
	nested(&m);
	cpuid(&m);
	handed_over(&m);
	machine_close(&m);
	machines();
	return check_result("regs");
}
