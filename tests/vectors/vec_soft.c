/* SPDX-License-Identifier: MIT */
/*
 * Cases on the software processor.
 *
 * A guest in IA-32e mode: the pages of a case at their addresses for user
 * mode, and high up, for the supervisor alone, all RAM.  Each vector's handler
 * is one HLT, so that a case ends after its instruction or, if that faults,
 * in the handler with what delivery has pushed.
 */
#include <stdio.h>
#include <string.h>

#include <vmapi/vmapi.h>

#include "lib/arch/x86_state.h"
#include "lib/soft/state.h"
#include "tests/vectors/vec_system.h"
#include "tests/vectors/vec_segment.h"

#define RAM    0x200000u
#define KERNEL UINT64_C(0xffff800000000000)

/* Guest-physical addresses. */
enum {
	AT_PML4 = 0x1000, AT_PDPT = 0x2000, AT_PD = 0x3000, AT_PT = 0x4000,
	AT_PDPT_HIGH = 0x5000, AT_PD_HIGH = 0x6000, AT_GDT = 0x7000,
	AT_IDT = 0x8000, AT_TSS = 0x9000, AT_KSTACK_END = 0xb000,
	AT_HANDLERS = 0xb000, AT_LDT = 0xc000, AT_CODE = 0x10000, AT_DATA = 0x11000
};

#define HANDLER_BYTES 16
#define HLT	      0xf4
#define CS_KERNEL     0x10u
#define XSAVE_BYTES   576

static struct {
	struct vmapi *ctx;
	struct vmapi_vm *vm;
	struct vmapi_as *as;
	struct vmapi_ram *ram;
	struct vmapi_vcpu *vcpu;
	uint8_t *mem;
	struct vmi_x86_system system; /* that all cases have */
} soft;

static void put(uint32_t at, uint64_t v, unsigned bytes)
{
	for (; bytes--; v >>= 8)
		soft.mem[at++] = (uint8_t)v;
}

static uint64_t get(uint32_t at, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | soft.mem[at + bytes];
	return v;
}

static void make_tables(void)
{
	/* Linux's: kernel code and data, user 32-bit code, data, code. */
	static const uint64_t gdt[] = { 0, UINT64_C(0x00cf9b000000ffff),
		UINT64_C(0x00af9b000000ffff), UINT64_C(0x00cf93000000ffff),
		UINT64_C(0x00cffb000000ffff), UINT64_C(0x00cff3000000ffff),
		UINT64_C(0x00affb000000ffff) };
	unsigned i;

	put(AT_PML4, AT_PDPT | 7, 8);
	put(AT_PML4 + 8 * 256, AT_PDPT_HIGH | 3, 8);
	put(AT_PDPT, AT_PD | 7, 8);
	put(AT_PD + 8 * (VEC_BASE >> 21), AT_PT | 7, 8);
	put(AT_PT + 8 * 0x00, AT_CODE | 5, 8);
	put(AT_PT + 8 * 0x10, (AT_DATA + 0 * VEC_PAGE) | 7, 8);
	put(AT_PT + 8 * 0x12, (AT_DATA + 1 * VEC_PAGE) | 5, 8);
	put(AT_PT + 8 * 0x20, (AT_DATA + 2 * VEC_PAGE) | 7, 8);
	put(AT_PDPT_HIGH, AT_PD_HIGH | 3, 8);
	put(AT_PD_HIGH, 0x83, 8);
	for (i = 0; i < sizeof(gdt) / sizeof(gdt[0]); i++)
		put(AT_GDT + 8 * i, gdt[i], 8);
	for (i = 0; i < VEC_SEGMENTS; i++)
		if (i != VEC_S_NONE)
			put(AT_LDT + 8 * i, vec_descriptor(&vec_segments[i]),
				8);
	put(AT_TSS + 4, KERNEL + AT_KSTACK_END, 8);
	put(AT_TSS + 102, 104, 2); /* no I/O permission map */
	memset(soft.mem + AT_HANDLERS, HLT, 256 * HANDLER_BYTES);
	memset(soft.mem + AT_CODE, VEC_FILLER, VEC_PAGE);
	for (i = 0; i < 256; i++) {
		uint64_t to = KERNEL + AT_HANDLERS + i * HANDLER_BYTES;
		unsigned dpl = i == 3 || i == 4 ? 0xee : 0x8e;

		put(AT_IDT + 16 * i, (to & 0xffff) | CS_KERNEL << 16 |
			(uint64_t)dpl << 40 | (to >> 16 & 0xffff) << 48, 8);
		put(AT_IDT + 16 * i + 8, to >> 32, 8);
	}
}

static int fail(const char *what)
{
	printf("%s: %s\n", what, vmapi_error_last()->message);
	return -1;
}

static void must(int err, const char *what)
{
	if (err)
		fail(what);
}

static void set_block(enum vmi_block block, const void *data, size_t bytes)
{
	must(vmi_soft_block_set(soft.vcpu, block, data, bytes),
		"setting registers");
}

static void get_block(enum vmi_block block, void *data, size_t bytes)
{
	must(vmi_soft_block_get(soft.vcpu, block, data, &bytes),
		"reading registers");
}

static struct vmapi_x86_segment segment(unsigned selector,
	unsigned attributes)
{
	return (struct vmapi_x86_segment){ .selector = (uint16_t)selector,
		.limit = UINT32_MAX, .attributes = attributes };
}

/* What a segment register holds after it was loaded. */
static struct vmapi_x86_segment loaded(unsigned selector)
{
	const struct vec_segment *s = vec_segment((uint16_t)selector);
	struct vmapi_x86_segment x;

	if (!s)
		return segment(selector, selector == VEC_CS64 ? 0xa0fb :
			selector == VEC_CS32 ? 0xc0fb : selector == VEC_SS ?
			0xc0f3 : VMAPI_X86_SEG_UNUSABLE);
	x = segment(selector, (unsigned)(vec_descriptor(s) >> 40 & 0xf0ff));
	x.base = s->base;
	x.limit = vec_segment_limit(s);
	return x;
}

static void load_segments(const struct vec_state *s)
{
	struct vmi_x86_system x = soft.system;
	unsigned i;

	for (i = VMI_ES; i <= VMI_GS; i++)
		x.segments[i] = loaded(vec_selector_of(s, i));
	if (s->gs == 0)
		x.segments[VMI_GS].base = s->gs_base;
	set_block(VMI_BLOCK_SYSTEM, &x, sizeof(x));
}

static void make_system(struct vmi_x86_system *s)
{
	s->segments[6] = segment(0x50, 0x82);
	s->segments[6].base = KERNEL + AT_LDT;
	s->segments[6].limit = 8 * VEC_SEGMENTS - 1;
	s->segments[7] = segment(0x40, 0x8b);
	s->segments[7].base = KERNEL + AT_TSS;
	s->segments[7].limit = 103;
	s->segments[8].base = KERNEL + AT_GDT;
	s->segments[8].limit = 127;
	s->segments[9].base = KERNEL + AT_IDT;
	s->segments[9].limit = 4095;
	s->cr0 = 0x80050033; /* PG AM WP NE ET MP PE */
	s->cr3 = AT_PML4;
	/* PAE OSFXSR OSXMMEXCPT UMIP FSGSBASE OSXSAVE */
	s->cr4 = 0x20 | 0x200 | 0x400 | 0x800 | 0x10000 | 0x40000;
	s->efer = 0xd01; /* NXE LMA LME SCE */
}

static int map_all(void)
{
	struct vmapi_map_entry e = { .size = sizeof(e), .bytes = RAM,
		.ram = soft.ram };
	struct vmapi_map *map;

	if (vmapi_map_begin(soft.vm, &map) || vmapi_map_add(map, soft.as, &e))
		return -1;
	return vmapi_map_commit(map);
}

int vec_soft_open(void)
{
	struct vmapi_ram_config c = { .size = sizeof(c), .bytes = RAM };
	uint64_t xcr0 = 3;
	void *p;

	if (vmapi_open("soft", 0, &soft.ctx) ||
		vmapi_vm_create(soft.ctx, NULL, &soft.vm) ||
		vmapi_vm_as(soft.vm, &soft.as) ||
		vmapi_ram_create(soft.ctx, &c, &soft.ram) ||
		vmapi_ram_pointer(soft.ram, &p) ||
		vmapi_vcpu_create(soft.vm, NULL, &soft.vcpu) || map_all())
		return fail("the software processor");
	soft.mem = p;
	make_tables();
	if (vmi_soft_block_get(soft.vcpu, VMI_BLOCK_SYSTEM,
		&soft.system, &(size_t){ sizeof(soft.system) }) ||
		vmi_soft_block_set(soft.vcpu, VMI_BLOCK_XCRS,
		&xcr0, sizeof(xcr0)))
		return fail("registers of the software processor");
	make_system(&soft.system);
	return 0;
}

void vec_soft_close(void)
{
	vmapi_vcpu_destroy(soft.vcpu);
	vmapi_ram_destroy(soft.ram);
	vmapi_as_destroy(soft.as);
	vmapi_vm_destroy(soft.vm);
	vmapi_close(soft.ctx);
}

/* -- A case ------------------------------------------------------------- */

static void write_code(uint64_t rip, const uint8_t *bytes, unsigned n)
{
	uint32_t at = (uint32_t)(rip - VEC_CODE);

	if (at + n > VEC_PAGE)
		n = VEC_PAGE - at;
	if (bytes)
		memcpy(soft.mem + AT_CODE + at, bytes, n);
	else
		memset(soft.mem + AT_CODE + at, VEC_FILLER, n);
	must(vmapi_ram_written(soft.ram, AT_CODE + at, n), "written");
}

static void load(const struct vec_case *c)
{
	struct vmapi_x86_events events = { 0 };
	struct vmi_x86_gprs g = { .rip = c->in.rip, .rflags = c->in.rflags };
	uint8_t xsave[XSAVE_BYTES] = { 0 };

	memcpy(soft.mem + AT_DATA, c->mem, sizeof(c->mem));
	write_code(vec_linear_ip(&c->in), c->bytes, c->len);
	memcpy(g.r, c->in.r, sizeof(g.r));
	set_block(VMI_BLOCK_EVENTS, &events, sizeof(events));
	set_block(VMI_BLOCK_GPRS, &g, sizeof(g));
	load_segments(&c->in);
	memcpy(xsave, c->in.fx, sizeof(c->in.fx));
	memset(xsave + 464, 0, 48);
	xsave[512] = 3;
	set_block(VMI_BLOCK_XSAVE, xsave, sizeof(xsave));
}

/* The handler's stack: SDM 3A figure 6-8. */
static void take_frame(struct vec_out *out, const struct vmi_x86_gprs *g)
{
	uint64_t handler = g->rip - (KERNEL + AT_HANDLERS);
	uint32_t sp = (uint32_t)(g->r[VEC_SP] - KERNEL);

	out->vector = (uint8_t)(handler / HANDLER_BYTES);
	if (AT_KSTACK_END - sp == 48) {
		out->code = (uint32_t)get(sp, 8);
		sp += 8;
	}
	out->state.rip = get(sp, 8);
	out->state.cs = (uint16_t)get(sp + 8, 8);
	out->state.rflags = get(sp + 16, 8);
	out->state.r[VEC_SP] = get(sp + 24, 8);
	out->state.ss = (uint16_t)get(sp + 32, 8);
}

static void store(struct vec_out *out)
{
	struct vmi_x86_gprs g;
	struct vmi_x86_system s;
	uint8_t xsave[XSAVE_BYTES];

	get_block(VMI_BLOCK_GPRS, &g, sizeof(g));
	get_block(VMI_BLOCK_SYSTEM, &s, sizeof(s));
	get_block(VMI_BLOCK_XSAVE, xsave, sizeof(xsave));
	memcpy(out->state.r, g.r, sizeof(g.r));
	out->state.rip = g.rip;
	out->state.rflags = g.rflags;
	out->state.cs = s.segments[VMI_CS].selector;
	out->state.ss = s.segments[VMI_SS].selector;
	out->state.ds = s.segments[VMI_DS].selector;
	out->state.es = s.segments[VMI_ES].selector;
	out->state.gs = s.segments[VMI_GS].selector;
	out->state.gs_base = s.segments[VMI_GS].base;
	memcpy(out->state.fx, xsave, sizeof(out->state.fx));
	out->vector = VEC_NO_FAULT;
	out->code = 0;
	out->cr2 = 0;
	memcpy(out->mem, soft.mem + AT_DATA, sizeof(out->mem));
	if (out->state.cs != CS_KERNEL)
		return;
	take_frame(out, &g);
	if (out->vector == 14)
		out->cr2 = s.cr2;
}

void vec_soft_run(const struct vec_case *c, struct vec_out *out)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };

	load(c);
	must(vmapi_vcpu_run_limit(soft.vcpu, 1, &exit), "running");
	if (exit.reason != VMAPI_EXIT_LIMIT && exit.reason != VMAPI_EXIT_HALT)
		printf("%s: exit %s\n", c->row->name,
			vmapi_exit_name(exit.reason));
	store(out);
	write_code(vec_linear_ip(&c->in), NULL, c->len);
}

/* -- Privilege level 0 -------------------------------------------------- */

void vec_soft_system_items(uint64_t item[VEC_SYS_ITEMS])
{
	memset(item, 0, VEC_SYS_ITEMS * sizeof(*item));
	item[VEC_SYS_RFLAGS] = 2;
	item[VEC_SYS_CR0] = soft.system.cr0;
	item[VEC_SYS_GDTR] = KERNEL + AT_GDT;
	item[VEC_SYS_IDTR] = KERNEL + AT_IDT;
	item[VEC_SYS_GS_BASE] = VEC_GS;
}

static void system_load(const struct vec_system *s)
{
	struct vmapi_x86_events events = { 0 };
	struct vmi_x86_gprs g = { .rip = VEC_CODE,
		.rflags = s->item[VEC_SYS_RFLAGS] };
	struct vmi_x86_system sys = soft.system;

	memset(soft.mem + AT_DATA, 0, VEC_PAGE);
	put(AT_DATA, s->item[VEC_SYS_MEMORY], 8);
	write_code(VEC_CODE, s->bytes, s->len);
	g.r[0] = s->item[VEC_SYS_RAX];
	g.r[VEC_CX] = s->item[VEC_SYS_RCX];
	g.r[VEC_DX] = s->item[VEC_SYS_RDX];
	g.r[VEC_BX] = VEC_DATA;
	g.r[VEC_SP] = KERNEL + AT_KSTACK_END - 0x100;
	sys.segments[VMI_CS] = segment(CS_KERNEL, 0xa09b);
	sys.segments[VMI_SS] = segment(0x18, 0xc093);
	sys.segments[VMI_GS] = segment(0, VMAPI_X86_SEG_UNUSABLE);
	sys.segments[VMI_GS].base = s->item[VEC_SYS_GS_BASE];
	sys.cr0 = s->item[VEC_SYS_CR0];
	sys.cr2 = s->item[VEC_SYS_CR2];
	set_block(VMI_BLOCK_EVENTS, &events, sizeof(events));
	set_block(VMI_BLOCK_GPRS, &g, sizeof(g));
	set_block(VMI_BLOCK_SYSTEM, &sys, sizeof(sys));
}

static void system_store(struct vec_system *s)
{
	struct vmi_x86_gprs g;
	struct vmi_x86_system sys;

	get_block(VMI_BLOCK_GPRS, &g, sizeof(g));
	get_block(VMI_BLOCK_SYSTEM, &sys, sizeof(sys));
	s->rip = g.rip;
	s->item[VEC_SYS_RAX] = g.r[0];
	s->item[VEC_SYS_RCX] = g.r[VEC_CX];
	s->item[VEC_SYS_RDX] = g.r[VEC_DX];
	s->item[VEC_SYS_RFLAGS] = g.rflags;
	s->item[VEC_SYS_CR0] = sys.cr0;
	s->item[VEC_SYS_CR2] = sys.cr2;
	s->item[VEC_SYS_GDTR] = sys.segments[8].base;
	s->item[VEC_SYS_IDTR] = sys.segments[9].base;
	s->item[VEC_SYS_GS_BASE] = sys.segments[VMI_GS].base;
	s->item[VEC_SYS_MEMORY] = get(AT_DATA, 8);
}

void vec_soft_system(struct vec_system *s)
{
	static const uint8_t answer[4] = { 0x5a, 0x5a, 0x5a, 0x5a };
	struct vmapi_exit exit = { .size = sizeof(exit) };

	system_load(s);
	must(vmapi_vcpu_run_limit(soft.vcpu, 1, &exit), "running");
	if (exit.reason == VMAPI_EXIT_IO) {
		if (exit.flags & VMAPI_EXIT_ANSWER)
			must(vmapi_vcpu_complete(soft.vcpu, answer,
				exit.u.io.width), "answering");
		must(vmapi_vcpu_settle(soft.vcpu, &exit), "settling");
	}
	system_store(s);
	write_code(VEC_CODE, NULL, s->len);
}
