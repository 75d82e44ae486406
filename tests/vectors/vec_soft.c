/* SPDX-License-Identifier: MIT */
/*
 * Cases on the software processor.
 *
 * A case ends after its instruction or, if that faults, in the handler of the
 * vector, which is one HLT, with what delivery has pushed: on a stack of its
 * own where the processor changes stacks, and otherwise below the case's,
 * from where it is taken away again.
 */
#include <string.h>

#include <vmapi/vmapi.h>

#include "lib/arch/x86_state.h"
#include "lib/soft/state.h"
#include "tests/soft/machine.h"
#include "tests/vectors/vec_guest.h"
#include "tests/vectors/vec_model.h"

#define XSAVE_BYTES 576
#define FLAG_RF	    0x10000u
#define FLAG_VM	    0x20000u
#define FLAG_IOPL   0x3000u

static struct {
	struct soft_machine m;
	struct vmi_x86_system system; /* as it was found */
	uint64_t defaults[VEC_WORLDS][VEC_SYS_ITEMS];
	uint64_t sys[VEC_SYS_ITEMS]; /* what is loaded */
} soft;

static const uint32_t page_at[VEC_PAGES] = { AT_DATA, AT_FIXED, AT_STACK };

static uint64_t get(uint32_t at, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | soft.m.mem[at + bytes];
	return v;
}

static void must(int err, const char *what)
{
	soft_machine_must(&soft.m, err, what);
}

/* -- Opening ------------------------------------------------------------ */

int vec_soft_open(void)
{
	uint64_t tsc = UINT64_C(0x123456789abcdef);
	unsigned w;

	if (soft_machine_open(&soft.m, VEC_RAM))
		return -1;
	vec_guest_tables(soft.m.mem);
	/* A time of more than 32 bits. */
	must(vmi_soft_ones_set(soft.m.vcpu, &(struct vmi_one){
		.tag = VMAPI_X86_MSR(0x10), .data = &tsc,
		.bytes = sizeof(tsc) }, 1), "setting the time");
	soft_machine_get(&soft.m, VMI_BLOCK_SYSTEM, &soft.system,
		sizeof(soft.system));
	for (w = 0; w < VEC_WORLDS; w++)
		vec_guest_system(w, soft.defaults[w]);
	return 0;
}

void vec_soft_close(void)
{
	soft_machine_close(&soft.m);
}

/* -- Registers beside those of all cases --------------------------------- */

static const uint32_t msrs[] = { 0x174, 0x175, 0x176, 0x277, 0xc0000081,
	0xc0000082, 0xc0000083, 0xc0000084, 0xc0000102, 0xc0000103 };
#define MSRS (sizeof(msrs) / sizeof(msrs[0]))

static void set_msrs(const uint64_t *sys)
{
	struct vmi_one m[MSRS];
	uint64_t v[MSRS];
	unsigned i;

	for (i = 0; i < MSRS; i++) {
		v[i] = sys[VEC_SYS_MSR_FIRST + i];
		m[i] = (struct vmi_one){ .tag = VMAPI_X86_MSR(msrs[i]),
			.data = &v[i], .bytes = sizeof(v[i]) };
	}
	must(vmi_soft_ones_set(soft.m.vcpu, m, MSRS), "setting MSRs");
}

static void get_msrs(uint64_t *sys)
{
	struct vmi_one m[MSRS];
	unsigned i;

	for (i = 0; i < MSRS; i++)
		m[i] = (struct vmi_one){ .tag = VMAPI_X86_MSR(msrs[i]),
			.data = &sys[VEC_SYS_MSR_FIRST + i],
			.bytes = sizeof(*sys) };
	must(vmi_soft_ones_get(soft.m.vcpu, m, MSRS), "reading MSRs");
}

/* MSRs, debug registers and XCR0 are rarely other than in the last case. */
static void set_rare(const uint64_t *sys)
{
	struct vmi_x86_debug d = { .dr = { sys[VEC_SYS_DR0], sys[VEC_SYS_DR1],
		sys[VEC_SYS_DR2], sys[VEC_SYS_DR3], 0, 0, sys[VEC_SYS_DR6],
		sys[VEC_SYS_DR7] } };

	if (!memcmp(sys, soft.sys, sizeof(soft.sys)))
		return;
	memcpy(soft.sys, sys, sizeof(soft.sys));
	set_msrs(sys);
	soft_machine_set(&soft.m, VMI_BLOCK_DEBUG, &d, sizeof(d));
	soft_machine_set(&soft.m, VMI_BLOCK_XCRS, &sys[VEC_SYS_XCR0],
		sizeof(uint64_t));
	vec_guest_free_task(soft.m.mem);
}

static void get_rare(uint64_t *sys)
{
	struct vmi_x86_debug d;

	get_msrs(sys);
	soft_machine_get(&soft.m, VMI_BLOCK_DEBUG, &d, sizeof(d));
	sys[VEC_SYS_DR0] = d.dr[0];
	sys[VEC_SYS_DR1] = d.dr[1];
	sys[VEC_SYS_DR2] = d.dr[2];
	sys[VEC_SYS_DR3] = d.dr[3];
	sys[VEC_SYS_DR6] = d.dr[6];
	sys[VEC_SYS_DR7] = d.dr[7];
	soft_machine_get(&soft.m, VMI_BLOCK_XCRS, &sys[VEC_SYS_XCR0],
		sizeof(uint64_t));
	sys[VEC_SYS_BUSY] = soft.m.mem[AT_GDT + VEC_SEL_FREE + 5] & 0x1f;
	memset(soft.sys, 0, sizeof(soft.sys)); /* not known any more */
}

static void get_system(uint64_t *sys, const struct vmi_x86_system *x)
{
	const struct vmapi_x86_segment *s = x->segments;

	sys[VEC_SYS_CR0] = x->cr0;
	sys[VEC_SYS_CR2] = x->cr2;
	sys[VEC_SYS_CR3] = x->cr3;
	sys[VEC_SYS_CR4] = x->cr4;
	sys[VEC_SYS_CR8] = x->cr8;
	sys[VEC_SYS_EFER] = x->efer;
	sys[VEC_SYS_LDT] = s[6].selector;
	sys[VEC_SYS_LDT_BASE] = s[6].base;
	sys[VEC_SYS_LDT_LIMIT] = s[6].limit;
	sys[VEC_SYS_TR] = s[7].selector;
	sys[VEC_SYS_TR_BASE] = s[7].base;
	sys[VEC_SYS_TR_LIMIT] = s[7].limit;
	sys[VEC_SYS_GDT_BASE] = s[8].base;
	sys[VEC_SYS_GDT_LIMIT] = s[8].limit;
	sys[VEC_SYS_IDT_BASE] = s[9].base;
	sys[VEC_SYS_IDT_LIMIT] = s[9].limit;
	sys[VEC_SYS_FS] = s[VMI_FS].selector;
	sys[VEC_SYS_FS_BASE] = s[VMI_FS].base;
	sys[VEC_SYS_CS_ATTRIBUTES] = s[VMI_CS].attributes;
	sys[VEC_SYS_SS_ATTRIBUTES] = s[VMI_SS].attributes;
	sys[VEC_SYS_CS_BASE] = s[VMI_CS].base;
	sys[VEC_SYS_SS_BASE] = s[VMI_SS].base;
}

/* -- Segments ----------------------------------------------------------- */

static struct vmapi_x86_segment segment(unsigned selector,
	unsigned attributes)
{
	return (struct vmapi_x86_segment){ .selector = (uint16_t)selector,
		.limit = UINT32_MAX, .attributes = attributes };
}

/* What a segment register holds after it was loaded. */
static struct vmapi_x86_segment loaded(unsigned selector)
{
	static const struct {
		uint16_t selector, attributes;
	} flat[] = { { VEC_CS64, 0xa0fb }, { VEC_CS32, 0xc0fb },
		{ VEC_SS, 0xc0f3 }, { VEC_KERNEL_CS32, 0xc09b },
		{ VEC_KERNEL_CS64, 0xa09b }, { VEC_KERNEL_SS, 0xc093 } };
	const struct vec_segment *s = vec_segment((uint16_t)selector);
	struct vmapi_x86_segment x;
	size_t i;

	for (i = 0; i < sizeof(flat) / sizeof(flat[0]); i++)
		if (flat[i].selector == selector)
			return segment(selector, flat[i].attributes);
	if (!s)
		return segment(selector, VMAPI_X86_SEG_UNUSABLE);
	x = segment(selector, (unsigned)(vec_descriptor(s) >> 40 & 0xf0ff));
	x.base = s->base;
	x.limit = vec_segment_limit(s);
	return x;
}

/* SDM 3A 20.1.1 and 20.2.1. */
static struct vmapi_x86_segment real(unsigned selector, unsigned attributes)
{
	struct vmapi_x86_segment x = segment(selector, attributes);

	x.base = (uint64_t)x.selector << 4;
	x.limit = 0xffff;
	return x;
}

static struct vmapi_x86_segment table(const uint64_t *sys, unsigned item)
{
	struct vmapi_x86_segment x = segment((unsigned)sys[item], 0);

	x.base = sys[item + 1];
	x.limit = (uint32_t)sys[item + 2];
	return x;
}

static void load_segments(const struct vec_state *s, unsigned world,
	struct vmi_x86_system *x, const uint64_t *sys)
{
	enum vec_kind kind = vec_worlds[world].kind;
	unsigned i;

	for (i = VMI_ES; i <= VMI_GS; i++) {
		unsigned selector = vec_selector_of(s, i);

		x->segments[i] = kind == VEC_REAL || kind == VEC_VM86 ?
			real(vec_real_selector((uint16_t)selector),
				kind == VEC_REAL ? 0x93 : 0xf3) :
			loaded(selector);
	}
	if (s->gs == 0 && kind != VEC_REAL && kind != VEC_VM86)
		x->segments[VMI_GS].base = s->gs_base;
	if (sys[VEC_SYS_FS_BASE])
		x->segments[VMI_FS].base = sys[VEC_SYS_FS_BASE];
}

static void load_system(const struct vec_state *s, unsigned world,
	const uint64_t *sys)
{
	struct vmi_x86_system x = soft.system;

	load_segments(s, world, &x, sys);
	x.segments[6] = table(sys, VEC_SYS_LDT);
	x.segments[6].attributes = 0x82;
	x.segments[7] = table(sys, VEC_SYS_TR);
	x.segments[7].attributes = 0x8b;
	x.segments[8].base = sys[VEC_SYS_GDT_BASE];
	x.segments[8].limit = (uint32_t)sys[VEC_SYS_GDT_LIMIT];
	x.segments[9].base = sys[VEC_SYS_IDT_BASE];
	x.segments[9].limit = (uint32_t)sys[VEC_SYS_IDT_LIMIT];
	x.cr0 = sys[VEC_SYS_CR0];
	x.cr2 = sys[VEC_SYS_CR2];
	x.cr3 = sys[VEC_SYS_CR3];
	x.cr4 = sys[VEC_SYS_CR4];
	x.cr8 = sys[VEC_SYS_CR8];
	x.efer = sys[VEC_SYS_EFER];
	soft_machine_set(&soft.m, VMI_BLOCK_SYSTEM, &x, sizeof(x));
}

/* -- A case ------------------------------------------------------------- */

static void write_code(uint64_t ip, const uint8_t *bytes, unsigned n)
{
	uint32_t at = (uint32_t)(ip - VEC_CODE);

	if (at + n > VEC_PAGE)
		n = VEC_PAGE - at;
	if (bytes)
		memcpy(soft.m.mem + AT_CODE + at, bytes, n);
	else
		memset(soft.m.mem + AT_CODE + at, VEC_FILLER, n);
	must(vmapi_ram_written(soft.m.ram, AT_CODE + at, n), "written");
}

static void load(const struct vec_case *c, unsigned world)
{
	const uint64_t *sys = world == c->world ? c->sys :
		soft.defaults[world];
	struct vmapi_x86_events events = { 0 };
	struct vmi_x86_gprs g = { .rip = c->in.rip, .rflags = c->in.rflags };
	uint8_t xsave[XSAVE_BYTES] = { 0 };
	unsigned i;

	for (i = 0; i < VEC_PAGES; i++)
		memcpy(soft.m.mem + page_at[i], c->mem[i], VEC_PAGE);
	write_code(vec_linear_ip(&c->in), c->bytes, c->len);
	memcpy(g.r, c->in.r, sizeof(g.r));
	if (vec_worlds[world].kind == VEC_VM86)
		g.rflags |= FLAG_VM | (world == c->world ? 0 : FLAG_IOPL);
	soft_machine_set(&soft.m, VMI_BLOCK_EVENTS, &events, sizeof(events));
	set_rare(sys);
	soft_machine_set(&soft.m, VMI_BLOCK_GPRS, &g, sizeof(g));
	load_system(&c->in, world, sys);
	memcpy(xsave, c->in.fx, sizeof(c->in.fx));
	memset(xsave + 464, 0, 48);
	xsave[512] = 3;
	soft_machine_set(&soft.m, VMI_BLOCK_XSAVE, xsave, sizeof(xsave));
}

/* -- What delivery pushed ------------------------------------------------ */

/* The handler's stack in IA-32e mode: SDM 3A figure 6-8. */
static void take_frame_64(struct vec_out *out)
{
	uint32_t sp = (uint32_t)(out->state.r[VEC_SP] - VEC_HIGH64);

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

/* Out of virtual-8086 mode: SDM 3A figure 20-5. */
static void take_frame_86(struct vec_out *out)
{
	uint32_t sp = (uint32_t)(out->state.r[VEC_SP] - VEC_HIGH32);

	if (AT_KSTACK_END - sp == 40) {
		out->code = (uint32_t)get(sp, 4);
		sp += 4;
	}
	out->state.rip = get(sp, 4);
	out->state.cs = (uint16_t)get(sp + 4, 4);
	out->state.rflags = get(sp + 8, 4);
	out->state.r[VEC_SP] = get(sp + 12, 4);
	out->state.ss = (uint16_t)get(sp + 16, 4);
	out->state.es = (uint16_t)get(sp + 20, 4);
	out->state.ds = (uint16_t)get(sp + 24, 4);
	out->state.gs = (uint16_t)get(sp + 32, 4);
}

/* A value pushed on the case's own stack, which is as it was before. */
static uint64_t take(const struct vec_case *c, struct vec_out *out,
	uint64_t base, unsigned bytes)
{
	uint64_t mask = bytes == 2 ? 0xffff : UINT32_MAX, v = 0, sp, at;
	unsigned i, n;

	sp = out->state.r[VEC_SP];
	for (i = 0; i < bytes; i++) {
		at = base + ((sp + i) & mask);
		v |= get((uint32_t)at, 1) << (8 * i);
		for (n = 0; n < VEC_PAGES; n++)
			if (at - page_at[n] < VEC_PAGE)
				out->mem[n][at - page_at[n]] =
					c->mem[n][at - page_at[n]];
	}
	out->state.r[VEC_SP] = (sp & ~mask) | ((sp + bytes) & mask);
	return v;
}

/* Without a change of stacks: SDM 3A figure 6-4, 20.1.4. */
static void take_frame_here(const struct vec_case *c, struct vec_out *out,
	const struct vmi_x86_system *s)
{
	bool is_real = vec_worlds[c->world].bits == 16;
	unsigned bytes = is_real ? 2 : 4;
	uint64_t base = s->segments[VMI_SS].base, high = out->state.rflags;

	if (!is_real)
		base -= VEC_BASE - VEC_LOW;
	if (!is_real && strcmp(c->row->exec, "int") &&
		(0x27d00u >> out->vector & 1))
		out->code = (uint32_t)take(c, out, base, bytes);
	out->state.rip = take(c, out, base, bytes);
	out->state.cs = (uint16_t)take(c, out, base, bytes);
	out->state.rflags = take(c, out, base, bytes);
	if (is_real)
		out->state.rflags |= high & ~UINT64_C(0xffff);
}

static bool in_handler(const struct vec_state *s, unsigned world,
	const struct vmi_x86_system *x, uint8_t *vector)
{
	uint64_t at = x->segments[VMI_CS].base + s->rip - AT_HANDLERS;

	if (vec_worlds[world].kind == VEC_USER || world == VEC_S64)
		at -= VEC_HIGH64;
	else if (vec_worlds[world].kind != VEC_REAL)
		at -= VEC_HIGH32;
	/* Before its HLT or behind it. */
	if (at >= 256 * VEC_HANDLER_BYTES || at % VEC_HANDLER_BYTES > 1)
		return false;
	*vector = (uint8_t)(at / VEC_HANDLER_BYTES);
	return vec_worlds[world].kind != VEC_REAL || s->rip <= 1;
}

/* What a base stands for in this case. */
static uint16_t symbolic(const struct vec_case *c, uint16_t selector)
{
	unsigned i;

	for (i = VMI_ES; i <= VMI_GS; i++)
		if (i != VMI_FS && vec_real_selector(vec_selector_of(&c->in,
			i)) == selector)
			return vec_selector_of(&c->in, i);
	return selector;
}

static void name_segments(const struct vec_case *c, struct vec_state *s)
{
	s->cs = symbolic(c, s->cs);
	s->ss = symbolic(c, s->ss);
	s->ds = symbolic(c, s->ds);
	s->es = symbolic(c, s->es);
	s->gs = symbolic(c, s->gs);
}

static void store_state(struct vec_out *out, const struct vmi_x86_system *s)
{
	struct vmi_x86_gprs g;
	uint8_t xsave[XSAVE_BYTES];
	unsigned i;

	soft_machine_get(&soft.m, VMI_BLOCK_GPRS, &g, sizeof(g));
	soft_machine_get(&soft.m, VMI_BLOCK_XSAVE, xsave, sizeof(xsave));
	memcpy(out->state.r, g.r, sizeof(g.r));
	out->state.rip = g.rip;
	out->state.rflags = g.rflags;
	out->state.cs = s->segments[VMI_CS].selector;
	out->state.ss = s->segments[VMI_SS].selector;
	out->state.ds = s->segments[VMI_DS].selector;
	out->state.es = s->segments[VMI_ES].selector;
	out->state.gs = s->segments[VMI_GS].selector;
	out->state.gs_base = s->segments[VMI_GS].base;
	memcpy(out->state.fx, xsave, sizeof(out->state.fx));
	out->vector = VEC_NO_FAULT;
	out->code = 0;
	out->cr2 = 0;
	for (i = 0; i < VEC_PAGES; i++)
		memcpy(out->mem[i], soft.m.mem + page_at[i], VEC_PAGE);
}

static void store(const struct vec_case *c, unsigned world,
	struct vec_out *out)
{
	enum vec_kind kind = vec_worlds[world].kind;
	struct vmi_x86_system s;
	uint8_t vector;

	soft_machine_get(&soft.m, VMI_BLOCK_SYSTEM, &s, sizeof(s));
	store_state(out, &s);
	get_system(out->sys, &s);
	if (in_handler(&out->state, world, &s, &vector)) {
		out->vector = vector;
		if (kind == VEC_USER || world == VEC_S64)
			take_frame_64(out);
		else if (kind == VEC_VM86)
			take_frame_86(out);
		else
			take_frame_here(c, out, &s);
		out->cr2 = out->vector == 14 ? s.cr2 : 0;
	}
	if (kind == VEC_REAL || kind == VEC_VM86) {
		name_segments(c, &out->state);
		out->state.gs_base = c->in.gs_base;
		if (out->vector == 14)
			out->cr2 = (uint32_t)(out->cr2 + VEC_BASE - VEC_LOW);
	}
}

/* Ports answer with their number; what they are asked is noted. */
static void answer(struct vmapi_exit *exit, uint64_t *noted)
{
	const struct vmapi_exit_io *io = &exit->u.io;
	uint8_t *p = io->data, data[64];
	unsigned n, bytes = io->width * io->count;

	for (n = 0; n < io->count; n++)
		vec_port(noted, &(struct vec_port){ (uint16_t)io->port,
			io->width, io->is_write, p + n * io->width });
	for (n = 0; n < bytes && n < sizeof(data); n++)
		data[n] = vec_port_byte((uint16_t)io->port, n % io->width);
	if (exit->flags & VMAPI_EXIT_ANSWER)
		must(vmapi_vcpu_complete(soft.m.vcpu, data, bytes),
			"answering");
	must(vmapi_vcpu_settle(soft.m.vcpu, exit), "settling");
}

void vec_soft_run(const struct vec_case *c, unsigned world,
	struct vec_out *out)
{
	struct vmapi_exit exit = { .size = sizeof(exit) };
	bool modelled = vec_model_of(c->row, world) != NULL;
	uint64_t noted = 0;

	load(c, world);
	must(vmapi_vcpu_run_limit(soft.m.vcpu, 1, &exit), "running");
	while (exit.reason == VMAPI_EXIT_IO)
		answer(&exit, &noted);
	store(c, world, out);
	if (modelled)
		get_rare(out->sys);
	out->sys[VEC_SYS_IO] = noted;
	out->sys[VEC_SYS_HALTED] = exit.reason == VMAPI_EXIT_HALT &&
		out->vector == VEC_NO_FAULT;
	write_code(vec_linear_ip(&c->in), NULL, c->len);
}
