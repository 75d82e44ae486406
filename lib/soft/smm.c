/* SPDX-License-Identifier: MIT */
/*
 * System management mode: SDM 3C chapter 31, AMD APM 2 chapter 10.
 *
 * An SMI between two instructions writes the processor's state to the last
 * 512 bytes of the 64 KiB at SMBASE, and starts at SMBASE + 8000H in a real
 * mode whose segments are 4 GiB long.  RSM, which is #UD anywhere else, reads
 * the state back, with whatever the handler has changed there; what makes no
 * sense shuts the processor down.  Meanwhile SMIs, INITs and NMIs wait, and
 * the processor sees the VM's second address space, where SMRAM is.
 *
 * The manuals leave the map open: Intel's leaves out where the hidden parts
 * of segments are, and AMD's has all of it.  As KVM does, and as firmware
 * therefore expects, a processor with long mode has AMD's map (revision
 * 20064H, which SeaBIOS and OVMF look for), another the one of the P6
 * (20000H), with segments in its reserved part.  Both identifiers say that
 * SMBASE can be moved; the restart of port instructions works without being
 * announced, as SeaBIOS knows no identifier but these two.
 *
 * Three fields are in reserved places: the interrupt shadow, where KVM has it;
 * traps that were about to be delivered, as bits of DR6; and, in the short
 * map, which port instruction was interrupted.
 */
#include "lib/soft/smm.h"

#include "lib/soft/paging.h"
#include "lib/soft/soft.h"
#include "lib/soft/system.h"

#define AREA	   0xfe00u /* from SMBASE */
#define AREA_BYTES 0x200u
#define ENTRY	   0x8000u

#define REVISION_64 0x20064u
#define REVISION_32 0x20000u

#define DR7_RESET 0x400ull
#define RESTART	  0xffu
#define FLAT	  (VMAPI_X86_SEG_G | 0x93u)

/* Beside the general registers, which have their own numbers. */
enum {
	RIP = 16, RFLAGS, CR0, CR3, CR4, EFER, DR6, DR7, SMBASE, REVISION,
	HALT, PORT_RESTART, PORT_TRAP, PORT_RIP, PORT_RCX, PORT_RSI, PORT_RDI,
	SHADOW, TRAPS, VALUES
};

struct image {
	uint64_t v[VALUES];
	struct vmapi_x86_segment seg[VMI_NSREGS];
};

struct field {
	uint8_t value;
	uint8_t bytes;
	uint16_t at;
};

/* Where a segment register has its parts; 0: not there. */
struct parts {
	uint16_t selector, flags, limit, base;
};

struct layout {
	const struct field *fields;
	size_t n;
	struct parts seg[VMI_NSREGS];
	uint8_t base_bytes;
	uint8_t flags_bytes; /* 2: attributes; 4: a descriptor's second half */
	uint32_t revision;
};

/* APM 2 table 10-1. */
static const struct field fields_64[] = {
	{ VMI_RAX, 8, 0x1f8 }, { VMI_RCX, 8, 0x1f0 }, { VMI_RDX, 8, 0x1e8 },
	{ VMI_RBX, 8, 0x1e0 }, { VMI_RSP, 8, 0x1d8 }, { VMI_RBP, 8, 0x1d0 },
	{ VMI_RSI, 8, 0x1c8 }, { VMI_RDI, 8, 0x1c0 }, { 8, 8, 0x1b8 },
	{ 9, 8, 0x1b0 }, { 10, 8, 0x1a8 }, { 11, 8, 0x1a0 },
	{ 12, 8, 0x198 }, { 13, 8, 0x190 }, { 14, 8, 0x188 },
	{ 15, 8, 0x180 }, { RIP, 8, 0x178 }, { RFLAGS, 8, 0x170 },
	{ DR6, 8, 0x168 }, { DR7, 8, 0x160 }, { CR0, 8, 0x158 },
	{ CR3, 8, 0x150 }, { CR4, 8, 0x148 }, { SMBASE, 4, 0x100 },
	{ REVISION, 4, 0x0fc }, { EFER, 8, 0x0d0 }, { TRAPS, 4, 0x0cc },
	{ SHADOW, 1, 0x0cb }, { HALT, 1, 0x0c9 }, { PORT_RESTART, 1, 0x0c8 },
	{ PORT_TRAP, 4, 0x0c0 }, { PORT_RDI, 8, 0x0b8 }, { PORT_RSI, 8, 0x0b0 },
	{ PORT_RCX, 8, 0x0a8 }, { PORT_RIP, 8, 0x0a0 },
};

/* SDM 3C table 31-1, and the reserved part. */
static const struct field fields_32[] = {
	{ CR0, 4, 0x1fc }, { CR3, 4, 0x1f8 }, { RFLAGS, 4, 0x1f4 },
	{ RIP, 4, 0x1f0 }, { VMI_RDI, 4, 0x1ec }, { VMI_RSI, 4, 0x1e8 },
	{ VMI_RBP, 4, 0x1e4 }, { VMI_RSP, 4, 0x1e0 }, { VMI_RBX, 4, 0x1dc },
	{ VMI_RDX, 4, 0x1d8 }, { VMI_RCX, 4, 0x1d4 }, { VMI_RAX, 4, 0x1d0 },
	{ DR6, 4, 0x1cc }, { DR7, 4, 0x1c8 }, { PORT_TRAP, 4, 0x120 },
	{ TRAPS, 4, 0x11c }, { SHADOW, 1, 0x11a }, { CR4, 4, 0x114 },
	{ PORT_RIP, 4, 0x110 }, { PORT_RSI, 4, 0x10c }, { PORT_RCX, 4, 0x108 },
	{ PORT_RDI, 4, 0x104 }, { HALT, 2, 0x102 }, { PORT_RESTART, 2, 0x100 },
	{ REVISION, 4, 0x0fc }, { SMBASE, 4, 0x0f8 },
};

static const struct layout layout_64 = {
	.fields = fields_64, .n = vmi_array_len(fields_64),
	.seg = {
		[VMI_ES] = { 0x00, 0x02, 0x04, 0x08 },
		[VMI_CS] = { 0x10, 0x12, 0x14, 0x18 },
		[VMI_SS] = { 0x20, 0x22, 0x24, 0x28 },
		[VMI_DS] = { 0x30, 0x32, 0x34, 0x38 },
		[VMI_FS] = { 0x40, 0x42, 0x44, 0x48 },
		[VMI_GS] = { 0x50, 0x52, 0x54, 0x58 },
		[VMI_GDTR] = { 0x60, 0x62, 0x64, 0x68 },
		[VMI_LDTR] = { 0x70, 0x72, 0x74, 0x78 },
		[VMI_IDTR] = { 0x80, 0x82, 0x84, 0x88 },
		[VMI_TR] = { 0x90, 0x92, 0x94, 0x98 },
	},
	.base_bytes = 8, .flags_bytes = 2, .revision = REVISION_64,
};

static const struct layout layout_32 = {
	.fields = fields_32, .n = vmi_array_len(fields_32),
	.seg = {
		[VMI_ES] = { 0x1a8, 0x184, 0x188, 0x18c },
		[VMI_CS] = { 0x1ac, 0x190, 0x194, 0x198 },
		[VMI_SS] = { 0x1b0, 0x19c, 0x1a0, 0x1a4 },
		[VMI_DS] = { 0x1b4, 0x12c, 0x130, 0x134 },
		[VMI_FS] = { 0x1b8, 0x138, 0x13c, 0x140 },
		[VMI_GS] = { 0x1bc, 0x144, 0x148, 0x14c },
		[VMI_IDTR] = { 0, 0, 0x154, 0x158 },
		[VMI_TR] = { 0x1c4, 0x15c, 0x160, 0x164 },
		[VMI_GDTR] = { 0, 0, 0x170, 0x174 },
		[VMI_LDTR] = { 0x1c0, 0x178, 0x17c, 0x180 },
	},
	.base_bytes = 4, .flags_bytes = 4, .revision = REVISION_32,
};

static const struct layout *layout_of(struct vmi_cpu *c)
{
	uint32_t out[4];

	vmi_cpuid(c, 0x80000001, 0, out);
	return out[3] >> 29 & 1 ? &layout_64 : &layout_32;
}

/* -- The map ------------------------------------------------------------ */

static void put(uint8_t *area, unsigned at, uint64_t v, unsigned bytes)
{
	unsigned i;

	for (i = 0; i < bytes; i++)
		area[at + i] = (uint8_t)(v >> (8 * i));
}

static uint64_t get(const uint8_t *area, unsigned at, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | area[at + bytes];
	return v;
}

/* What cannot be used is not present: there is no other bit for it. */
static uint32_t flags_out(const struct vmapi_x86_segment *s)
{
	uint32_t a = s->attributes & 0xf0ffu;

	return s->attributes & VMAPI_X86_SEG_UNUSABLE ?
		a & ~VMAPI_X86_SEG_P : a;
}

static void seg_put(uint8_t *area, const struct layout *l, unsigned n,
	const struct vmapi_x86_segment *s)
{
	const struct parts *at = &l->seg[n];
	unsigned shift = l->flags_bytes == 4 ? 8 : 0;

	if (n < VMI_GDTR) {
		put(area, at->selector, s->selector, 2);
		put(area, at->flags, (uint64_t)flags_out(s) << shift,
			l->flags_bytes);
	}
	put(area, at->limit, s->limit, 4);
	put(area, at->base, s->base, l->base_bytes);
}

static void seg_get(const uint8_t *area, const struct layout *l, unsigned n,
	struct vmapi_x86_segment *s)
{
	const struct parts *at = &l->seg[n];
	unsigned shift = l->flags_bytes == 4 ? 8 : 0;

	*s = (struct vmapi_x86_segment){
		.limit = (uint32_t)get(area, at->limit, 4),
		.base = get(area, at->base, l->base_bytes),
	};
	if (n >= VMI_GDTR)
		return;
	s->selector = (uint16_t)get(area, at->selector, 2);
	s->attributes = (uint32_t)(get(area, at->flags, l->flags_bytes) >>
		shift) & 0xf0ffu;
	if (!(s->attributes & VMAPI_X86_SEG_P))
		s->attributes |= VMAPI_X86_SEG_UNUSABLE;
}

static void image_put(uint8_t *area, const struct layout *l,
	const struct image *im)
{
	size_t i;

	memset(area, 0, AREA_BYTES);
	for (i = 0; i < l->n; i++)
		put(area, l->fields[i].at, im->v[l->fields[i].value],
			l->fields[i].bytes);
	for (i = 0; i < VMI_NSREGS; i++)
		seg_put(area, l, (unsigned)i, &im->seg[i]);
}

static void image_get(const uint8_t *area, const struct layout *l,
	struct image *im)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		im->v[l->fields[i].value] = get(area, l->fields[i].at,
			l->fields[i].bytes);
	for (i = 0; i < VMI_NSREGS; i++)
		seg_get(area, l, (unsigned)i, &im->seg[i]);
}

/* -- Port instructions -------------------------------------------------- */

/* Whether the SMI comes directly behind it, or between its elements. */
static bool is_behind_port(const struct vmi_cpu *c)
{
	uint64_t now = c->icount + (uint64_t)(c->slice - c->budget);

	if (!(c->port.what & VMI_PORT_VALID))
		return false;
	return now == c->port.before + 1 ||
		(now == c->port.before && c->rip == c->port.rip);
}

static void port_put(const struct vmi_cpu *c, struct image *im)
{
	if (!is_behind_port(c))
		return;
	im->v[PORT_TRAP] = c->port.what;
	im->v[PORT_RIP] = c->port.rip;
	im->v[PORT_RCX] = c->r[VMI_RCX];
	im->v[PORT_RSI] = c->r[VMI_RSI];
	im->v[PORT_RDI] = c->r[VMI_RDI];
	if (!(c->port.what & VMI_PORT_STRING))
		return;
	im->v[PORT_RCX] = c->port.rcx;
	im->v[PORT_RSI] = c->port.rsi;
	im->v[PORT_RDI] = c->port.rdi;
}

/* SDM 3C 31.12: the instruction is executed again. */
static void port_restart(struct vmi_cpu *c, const struct image *im)
{
	if (im->v[PORT_RESTART] != RESTART ||
		!(im->v[PORT_TRAP] & VMI_PORT_VALID))
		return;
	c->rip = im->v[PORT_RIP];
	if (im->v[PORT_TRAP] & VMI_PORT_REP)
		c->r[VMI_RCX] = im->v[PORT_RCX];
	if (!(im->v[PORT_TRAP] & VMI_PORT_STRING))
		return;
	c->r[VMI_RSI] = im->v[PORT_RSI];
	c->r[VMI_RDI] = im->v[PORT_RDI];
}

/* -- In ----------------------------------------------------------------- */

static void capture(struct vmi_cpu *c, const struct layout *l,
	struct image *im)
{
	memset(im, 0, sizeof(*im));
	memcpy(im->v, c->r, 16 * sizeof(im->v[0]));
	memcpy(im->seg, c->seg, sizeof(im->seg));
	im->v[RIP] = c->rip;
	im->v[RFLAGS] = vmi_rflags(c);
	im->v[CR0] = c->cr0;
	im->v[CR3] = c->cr3;
	im->v[CR4] = c->cr4;
	im->v[EFER] = c->efer;
	im->v[DR6] = c->dr[6];
	im->v[DR7] = c->dr[7];
	im->v[SMBASE] = c->smbase;
	im->v[REVISION] = l->revision;
	im->v[HALT] = c->halted && !c->ferr; /* FERR# is no HLT */
	im->v[SHADOW] = c->shadow;
	im->v[TRAPS] = c->trap_pending ? c->dr6_pending : 0;
	port_put(c, im);
}

/* SDM 3C table 31-3; KVM makes the interrupt table empty too. */
static void start_handler(struct vmi_cpu *c, const struct layout *l)
{
	struct vmapi_x86_segment s = { .limit = UINT32_MAX,
		.attributes = FLAT };
	unsigned n;

	vmi_rflags_set(c, VMI_FLAG_ONE, ~0ull);
	c->rip = ENTRY;
	c->cr0 &= ~(VMI_CR0_PE | VMI_CR0_EM | VMI_CR0_TS | VMI_CR0_PG);
	c->cr4 = 0;
	if (l == &layout_64)
		c->efer = 0;
	c->dr[7] = DR7_RESET;
	c->cpl = 0;
	for (n = VMI_ES; n <= VMI_GS; n++)
		vmi_seg_set(c, n, &s);
	s.selector = (uint16_t)(c->smbase >> 4);
	s.base = c->smbase;
	vmi_seg_set(c, VMI_CS, &s);
	c->seg[VMI_IDTR] = (struct vmapi_x86_segment){ .base = 0 };
	vmi_debug_changed(c);
	vmi_tlb_flush(c);
}

void vmi_smm_enter(struct vmi_cpu *c)
{
	const struct layout *l = layout_of(c);
	uint8_t area[AREA_BYTES];
	struct image im;

	vmi_soft_trace_smm(c, "SMI");
	capture(c, l, &im);
	image_put(area, l, &im);
	c->smm = true;
	c->smi_pending = false;
	c->smi_count++;
	vmi_phys_write(c, (uint64_t)c->smbase + AREA, area, AREA_BYTES);
	c->smm_inside_nmi = c->nmi_masked;
	c->nmi_masked = true;
	c->halted = false;
	c->shadow = 0;
	c->trap_pending = false;
	c->dr6_pending = 0;
	start_handler(c, l);
}

/* -- Out ---------------------------------------------------------------- */

/* SDM 3C 31.5; APM 2 10.4: what no processor can be in. */
static bool is_sane(struct vmi_cpu *c, const struct image *im)
{
	uint64_t cr0 = im->v[CR0], cr4 = im->v[CR4], efer = im->v[EFER];
	bool pg = cr0 & VMI_CR0_PG, lma = pg && (efer & VMI_EFER_LME);

	if (cr0 >> 32 || (pg && !(cr0 & VMI_CR0_PE)) ||
		((cr0 & VMI_CR0_NW) && !(cr0 & VMI_CR0_CD)))
		return false;
	if (cr4 & ~vmi_cr4_known(c) || efer & ~vmi_efer_known(c))
		return false;
	if (lma && (!(cr4 & VMI_CR4_PAE) || im->v[CR3] >> VMI_PHYS_BITS))
		return false;
	if (!lma && (cr4 & VMI_CR4_PCIDE))
		return false;
	return !(im->v[DR6] >> 32) && !(im->v[DR7] >> 32);
}

static void control_set(struct vmi_cpu *c, const struct image *im)
{
	c->cr0 = im->v[CR0] | VMI_CR0_ET;
	c->cr3 = im->v[CR3];
	c->cr4 = im->v[CR4];
	c->efer = im->v[EFER] & ~VMI_EFER_LMA;
	if ((c->cr0 & VMI_CR0_PG) && (c->efer & VMI_EFER_LME))
		c->efer |= VMI_EFER_LMA;
	c->dr[6] = (im->v[DR6] & 0xe00f) | VMI_DR6_ONES;
	c->dr[7] = (im->v[DR7] & 0xffff23ff) | DR7_RESET;
	vmi_tlb_flush(c);
}

static unsigned cpl_of(const struct vmi_cpu *c)
{
	if (!(c->cr0 & VMI_CR0_PE))
		return 0;
	return c->rflags & VMI_FLAG_VM ? 3 :
		VMI_SEG_DPL(c->seg[VMI_SS].attributes);
}

static void resume(struct vmi_cpu *c, const struct image *im)
{
	uint64_t flags = im->v[RFLAGS];
	unsigned n;

	memcpy(c->r, im->v, 16 * sizeof(im->v[0]));
	c->rip = im->v[RIP];
	if (vmi_long_mode(c) || !(c->cr0 & VMI_CR0_PE))
		flags &= ~VMI_FLAG_VM;
	vmi_rflags_set(c, flags | VMI_FLAG_ONE, ~0ull);
	for (n = 0; n < VMI_NSREGS; n++)
		vmi_seg_set(c, n, &im->seg[n]);
	c->cpl = (uint8_t)cpl_of(c);
	c->smbase = (uint32_t)im->v[SMBASE];
	c->halted = im->v[HALT] & 1;
	c->shadow = im->v[SHADOW] & 3;
	c->dr6_pending = im->v[TRAPS] & 0xe00f;
	c->trap_pending = c->dr6_pending != 0;
	port_restart(c, im);
	vmi_debug_changed(c);
	vmi_mode_refresh(c);
}

/* What waited: INIT comes before anything else does. */
static void unblock(struct vmi_cpu *c)
{
	vmi_smm_set(c, false);
	if (!c->smm_inside_nmi)
		c->nmi_masked = false;
	c->smm_inside_nmi = false;
	if (!c->latched_init)
		return;
	c->latched_init = false;
	vmi_event_raise(vmi_cpu_vcpu(c), VMI_EVENT_INIT);
}

void vmi_do_rsm(struct vmi_cpu *c, const struct vmi_op *op)
{
	const struct layout *l = layout_of(c);
	uint8_t area[AREA_BYTES];
	struct image im = { .v[EFER] = c->efer };

	(void)op;
	if (!c->smm)
		vmi_raise(c, VMI_UD);
	vmi_phys_read(c, (uint64_t)c->smbase + AREA, area, AREA_BYTES);
	image_get(area, l, &im);
	if (!is_sane(c, &im)) {
		c->shutdown = true;
		return;
	}
	unblock(c);
	control_set(c, &im);
	resume(c, &im);
	if ((c->cr0 & VMI_CR0_PG) && (c->cr4 & VMI_CR4_PAE) &&
		!vmi_long_mode(c) && !vmi_pdptes_load(c, c->cr3))
		c->shutdown = true;
	vmi_soft_trace_smm(c, "RSM");
}

/* -- The host ----------------------------------------------------------- */

/* Blocks are known by the memory that they lie in, so they stay. */
void vmi_smm_set(struct vmi_cpu *c, bool on)
{
	if (c->smm == on)
		return;
	c->smm = on;
	vmi_tlb_flush(c);
}
