/* SPDX-License-Identifier: MIT */
/*
 * The state of a guest that is a hypervisor: its own guest is entered by VMRUN
 * (AMD APM 2 chapter 15), and in the middle of that the whole is carried to a
 * fresh VM, where both go on.
 */
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>

#include "tests/kvm/machine.h"

#define PML4	0x2000u
#define PDPT	0x3000u
#define PD	0x4000u
#define INNER	0x5000u
#define VMCB	0x8000u
#define SAVE	(VMCB + 0x400) /* APM 2 appendix B, table B-2 */
#define HOST	0x9000u
#define SVME	0x1000u
#define HSAVE	VMAPI_X86_MSR(0xc0010117)
#define VMMCALL 0x81u /* as an exit code */

#define ROOM 0x4000

/* mov eax, VMCB; vmrun; out 0x82, al; hlt: 64-bit */
static const uint8_t outer[] = { 0xb8, 0x00, 0x80, 0x00, 0x00, 0x0f, 0x01,
	0xd8, 0xe6, 0x82, 0xf4 };
/* out 0x80, al; mov al, 0x77; out 0x81, al; vmmcall: 16-bit */
static const uint8_t inner[] = { 0xe6, 0x80, 0xb0, 0x77, 0xe6, 0x81, 0x0f,
	0x01, 0xd9 };

static void poke(struct machine *m, uint64_t at, uint64_t v, unsigned bytes)
{
	unsigned i;

	for (i = 0; i < bytes; i++)
		m->mem[at + i] = (uint8_t)(v >> (8 * i));
}

static uint64_t peek(const struct machine *m, uint64_t at, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | m->mem[at + bytes];
	return v;
}

/* A guest in real mode, flat, from INNER on. */
static void fill_vmcb(struct machine *m)
{
	static const uint16_t attributes[] = { 0x93, 0x9b, 0x93, 0x93, 0x93,
		0x93, 0, 0x82, 0, 0x8b };
	unsigned i;

	memset(m->mem + VMCB, 0, 0x1000);
	poke(m, VMCB + 0x010, 3, 4); /* VMRUN, as it must be; VMMCALL */
	poke(m, VMCB + 0x058, 1, 4); /* ASID */
	for (i = 0; i < 10; i++) {
		poke(m, SAVE + 16 * i + 2, attributes[i], 2);
		poke(m, SAVE + 16 * i + 4, 0xffff, 4);
	}
	poke(m, SAVE + 0x0d0, SVME, 8);
	poke(m, SAVE + 0x158, 0x10, 8);
	poke(m, SAVE + 0x160, 0x400, 8);
	poke(m, SAVE + 0x168, 0xffff0ff0, 8);
	poke(m, SAVE + 0x170, 2, 8);
	poke(m, SAVE + 0x178, INNER, 8);
	poke(m, SAVE + 0x268, 0x0007040600070406, 8);
}

/* Long mode, SVM enabled, the host save area in its place. */
static void prepare(struct machine *m)
{
	struct vmapi_x86_segment cs = { .limit = UINT32_MAX,
		.attributes = 0xa09b, .selector = 8 };
	struct vmapi_reg regs[] = {
		{ .tag = VMAPI_X86_CS, .data = &cs, .bytes = sizeof(cs) },
		{ .tag = VMAPI_X86_CR3, .value = PML4 },
		{ .tag = VMAPI_X86_CR4, .value = 0x20 },
		{ .tag = VMAPI_X86_CR0, .value = 0x80000011 },
		{ .tag = VMAPI_X86_EFER, .value = 0x500 | SVME },
		{ .tag = HSAVE, .value = HOST },
	};

	machine_load(m, m->vcpu, CODE, outer, sizeof(outer));
	memcpy(m->mem + INNER, inner, sizeof(inner));
	poke(m, PML4, PDPT | 3, 8);
	poke(m, PDPT, PD | 3, 8);
	poke(m, PD, 0x83, 8);
	fill_vmcb(m);
	OK(vmapi_regs_set(m->vcpu, regs, sizeof(regs) / sizeof(regs[0]), NULL,
		0));
}

/* What moves; the library knows in which order it has to be set. */
struct state {
	struct vmapi_x86_segment seg[10];
	struct vmapi_x86_events events;
	uint64_t nested[ROOM / 8];
	struct vmapi_reg regs[48];
	size_t n;
};

static struct vmapi_reg *add(struct state *s, uint64_t tag)
{
	s->regs[s->n] = (struct vmapi_reg){ .tag = tag };
	return &s->regs[s->n++];
}

static void list(struct state *s)
{
	static const uint64_t tags[] = { VMAPI_X86_RIP, VMAPI_X86_RFLAGS,
		VMAPI_X86_CR0, VMAPI_X86_CR2, VMAPI_X86_CR3, VMAPI_X86_CR4,
		VMAPI_X86_EFER, VMAPI_X86_APIC_BASE, HSAVE };
	struct vmapi_reg *reg;
	unsigned i;

	memset(s, 0, sizeof(*s));
	reg = add(s, VMAPI_X86_NESTED);
	reg->data = s->nested;
	reg->bytes = sizeof(s->nested);
	reg = add(s, VMAPI_X86_EVENTS);
	reg->data = &s->events;
	reg->bytes = sizeof(s->events);
	for (i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
		add(s, tags[i]);
	for (i = 0; i < 16; i++)
		add(s, VMAPI_X86_GPR(i));
	for (i = 0; i < 10; i++) {
		reg = add(s, VMAPI_X86_SEGMENT(i));
		reg->data = &s->seg[i];
		reg->bytes = sizeof(s->seg[i]);
	}
}

static void out_at(struct vmapi_vcpu *vcpu, unsigned port)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };

	if (run_to(vcpu, &exit, VMAPI_EXIT_IO))
		CHECK(exit.u.io.port == port);
	CHECK(settle_to(vcpu, &exit, VMAPI_EXIT_SETTLED));
}

/* Both from where they are: the inner one first. */
static void go_on(struct machine *m)
{
	out_at(m->vcpu, 0x81);
	CHECK((reg_get(m->vcpu, VMAPI_X86_RAX) & 0xff) == 0x77);
	out_at(m->vcpu, 0x82);
	CHECK(reg_get(m->vcpu, VMAPI_X86_RIP) == CODE + 10);
	CHECK(reg_get(m->vcpu, VMAPI_X86_CR3) == PML4);
	CHECK(peek(m, VMCB + 0x70, 8) == VMMCALL);
	CHECK(peek(m, SAVE + 0x178, 8) == INNER + 6);
}

static void moved(struct machine *m)
{
	static struct state s;
	struct kvm_nested_state head;
	struct machine to;

	prepare(m);
	out_at(m->vcpu, 0x80);
	CHECK(reg_get(m->vcpu, VMAPI_X86_RIP) == INNER + 2);
	list(&s);
	OK(vmapi_regs_get(m->vcpu, s.regs, s.n, NULL, 0));
	memcpy(&head, s.nested, sizeof(head));
	CHECK(head.flags & KVM_STATE_NESTED_GUEST_MODE);
	CHECK(head.format == KVM_STATE_NESTED_FORMAT_SVM);
	CHECK(s.regs[0].bytes == head.size);
	CHECK(head.size == sizeof(head) + KVM_STATE_NESTED_SVM_VMCB_SIZE);
	CHECK(head.hdr.svm.vmcb_pa == VMCB);
	if (!CHECK(machine_open(&to, NULL) == 0))
		return;
	memcpy(to.mem, m->mem, MACHINE_RAM);
	OK(vmapi_ram_written(to.ram, 0, MACHINE_RAM));
	OK(vmapi_regs_set(to.vcpu, s.regs, s.n, NULL, 0));
	go_on(&to);
	machine_close(&to);
	CHECK(peek(m, VMCB + 0x70, 8) != VMMCALL);
	go_on(m); /* where it came from it goes on as well */
}

static bool nests(struct machine *m)
{
	static uint64_t area[ROOM / 8];
	struct vmapi_reg reg = { .tag = VMAPI_X86_NESTED, .data = area,
		.bytes = sizeof(area) };
	struct kvm_nested_state head;

	if (vmapi_regs_get(m->vcpu, &reg, 1, NULL, 0))
		return false;
	memcpy(&head, area, sizeof(head));
	return head.format == KVM_STATE_NESTED_FORMAT_SVM;
}

int main(void)
{
	struct machine m;
	int rc = machine_open(&m, NULL);

	if (rc)
		return rc;
	if (!nests(&m)) {
		machine_close(&m);
		printf("this kernel nests no SVM\n");
		return 77;
	}
	moved(&m);
	machine_close(&m);
	return check_result("nested");
}
