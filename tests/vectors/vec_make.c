/* SPDX-License-Identifier: MIT */
/*
 * Cases: an instruction of a row, and the processor and memory it meets.
 *
 * Everything is at random with a liking for edges, and then what makes a case
 * worthless is mended: a memory operand is moved to where the case wants it
 * by changing the base register or the displacement, a branch is led into the
 * code page, a divisor does not overflow every time.
 */
#include <string.h>

#include "tests/vectors/vec_model.h"

#define FLAGS_ARITH 0x08d5u
#define FLAG_DF	    0x0400u
#define FLAG_AC	    0x40000u
#define FLAGS_ON    0x0202u /* IF and the bit that is 1 */

static bool one_in(struct vec_random *r, unsigned n)
{
	return vec_below(r, n) == 0;
}

static bool is_exec(const struct vec_case *c, const char *const *names)
{
	for (; *names; names++)
		if (!strcmp(c->row->exec, *names))
			return true;
	return false;
}

static bool has_kind(const struct vec_case *c, unsigned kind)
{
	unsigned i;

	for (i = 0; i < 3; i++)
		if (vmi_operands[c->insn.row->op[i]].kind == kind)
			return true;
	return false;
}

void vec_seed(struct vec_random *r, const struct vec_row *row, unsigned world,
	unsigned block)
{
	unsigned seed = vec_worlds[world].seed;

	r->s = ((uint64_t)vec_row_key(row) << 32 | (seed << 16 | block)) *
		UINT64_C(0x9e3779b97f4a7c15);
	r->s ^= r->s >> 29;
	r->s += !r->s;
	vec_random(r);
}

/* -- Addresses ---------------------------------------------------------- */

static uint64_t mask_of(unsigned bytes)
{
	return bytes >= 8 ? ~0ull : (1ull << (8 * bytes)) - 1;
}

static bool is_modelled(const struct vec_case *c)
{
	return vec_model_of(c->row, c->world) != NULL;
}

/*
 * Rows that are not to fault in memory: those that the model judges, UD0, of
 * which processors differ in whether they look there, and x87 ones that may
 * raise an exception of their own instead.
 */
static bool is_plain(const struct vec_case *c)
{
	return is_modelled(c) || !strcmp(c->row->exec, "ud0") ||
		!strncmp(c->row->exec, "maskmov", 7) ||
		((c->insn.row->attr & VMI_A_FPUOP) &&
		(~c->in.fx[VEC_FX_FCW] & 0x3f));
}

static bool has_limits(const struct vec_case *c)
{
	return vec_worlds[c->world].limits;
}

/* Where a memory operand is to be. */
static uint64_t pick_target(const struct vec_case *c, unsigned seg,
	struct vec_random *r)
{
	uint64_t offset = 0x200 + (vec_below(r, 0xc00) & ~15u);

	if (has_limits(c))
		return vec_near_limit(c, seg, r);
	if ((c->in.rflags & FLAG_AC) || is_plain(c))
		return VEC_DATA + offset + vec_below(r, 16);
	switch (vec_below(r, 32)) {
	case 0: return VEC_DATA - 16 + vec_below(r, 16);
	case 1:
	case 2: return VEC_DATA + VEC_PAGE - 1 - vec_below(r, 16);
	case 3: return VEC_FIXED + offset;
	case 4: return VEC_FIXED + VEC_PAGE - 1 - vec_below(r, 16);
	case 5: return VEC_DATA + VEC_PAGE + offset;
	case 6:
		if (c->insn.mode == 64 && !strncmp(c->row->op[0], "M", 2))
			return UINT64_C(0x0000800000000000);
		if (c->insn.mode == 64)
			return UINT64_C(0x0000800000000000) - 8 +
				vec_below(r, 16);
		return VEC_DATA + offset;
	case 7:
	case 8:
	case 9: return VEC_DATA + offset + vec_below(r, 16);
	default: return VEC_DATA + offset;
	}
}

/* Where the displacement is, counted from the end: immediates follow it. */
static unsigned disp_at(const struct vec_case *c, unsigned disp_bytes)
{
	unsigned n = 0, i;

	for (i = 0; i < 3; i++)
		if (c->insn.row->op[i] >= VMI_OP_FIRST_IMM &&
			vmi_operands[c->insn.row->op[i]].kind !=
				VMI_OPK_MOFFS)
			n += vmi_operand_bytes(&c->insn, i);
	return c->insn.len - n - disp_bytes;
}

static void set_disp(struct vec_case *c, uint64_t disp, unsigned bytes)
{
	unsigned at = disp_at(c, bytes), i;

	for (i = 0; i < bytes; i++)
		c->bytes[at + i] = (uint8_t)(disp >> (8 * i));
}

/* An address without registers, or with an index alone. */
static void aim_disp(struct vec_case *c, uint64_t target)
{
	unsigned bytes = c->insn.addrsize == 2 ? 2 : 4;

	if (has_kind(c, VMI_OPK_MOFFS))
		bytes = c->insn.addrsize;
	if (c->insn.rip_relative)
		target -= c->in.rip + c->insn.len;
	if (c->insn.index != VMI_NOREG) {
		c->in.r[c->insn.index] &= 0xff;
		target -= c->in.r[c->insn.index] * c->insn.scale;
	}
	set_disp(c, target, bytes);
}

static uint64_t seg_base(const struct vec_case *c)
{
	return vec_base_of(c, c->insn.seg);
}

static void aim(struct vec_case *c, uint64_t target)
{
	uint64_t mask = mask_of(c->insn.addrsize), index = 0;
	unsigned base = c->insn.base;

	target -= seg_base(c);
	if (base == VMI_NOREG) {
		aim_disp(c, target);
		return;
	}
	if (c->insn.index == base) {
		c->in.r[base] = (target - (uint64_t)c->insn.disp) /
			(c->insn.scale + 1u);
		return;
	}
	if (c->insn.index != VMI_NOREG)
		index = c->in.r[c->insn.index] * c->insn.scale;
	target -= (uint64_t)c->insn.disp + index;
	c->in.r[base] = (c->in.r[base] & ~mask) | (target & mask);
}

/* -- Where branches go -------------------------------------------------- */

/* The instruction pointer at the beginning of the code page. */
static uint64_t page_ip(const struct vec_case *c)
{
	return c->in.rip & ~UINT64_C(0xfff);
}

static uint64_t pick_branch(const struct vec_case *c, struct vec_random *r)
{
	uint64_t target = page_ip(c) + vec_below(r, VEC_PAGE);

	switch (vec_below(r, 16)) {
	case 0: return page_ip(c) + VEC_PAGE + vec_below(r, 256);
	case 1:
		return c->insn.mode == 64 ? UINT64_C(0x8000000000000000) :
			page_ip(c) - 1;
	default:
		return target - c->in.rip + 16 < 32 ? target + 32 : target;
	}
}

static void aim_branch(struct vec_case *c, struct vec_random *r)
{
	unsigned bytes = vmi_operand_bytes(&c->insn, 0);
	uint64_t to = page_ip(c) + vec_below(r, VEC_PAGE);

	if (bytes == 1)
		to = c->in.rip + c->insn.len + vec_below(r, 256) - 128;
	if (to - (c->in.rip - 16) < 32)
		to = c->in.rip + 17 + vec_below(r, 64);
	to -= c->in.rip + c->insn.len;
	for (unsigned i = 0; i < bytes; i++)
		c->bytes[c->insn.len - bytes + i] = (uint8_t)(to >> (8 * i));
}

static unsigned pick_selector(const struct vec_case *c, struct vec_random *r)
{
	static const uint16_t tables[] = { VEC_SEL_TSS, VEC_SEL_LDT,
		VEC_SEL_FREE, VEC_SEL_ABSENT, VEC_SEL_LDT, VEC_SEL_FREE };
	static const uint16_t selectors[] = { 0, 3, VEC_SS, VEC_CS32, VEC_CS64,
		0x10, 0x18, 0x08, 0x2a, 0x21, 0x33, 0x23, 0x2b, 0xfff8, 0x87 };

	if (vec_worlds[c->world].kind == VEC_SYSTEM && vec_below(r, 4))
		return tables[vec_below(r, 6)] | (vec_below(r, 4) ? 0 :
			vec_below(r, 8));
	if (vec_worlds[c->world].kind == VEC_REAL ||
		vec_worlds[c->world].kind == VEC_VM86)
		return (uint16_t)vec_random(r);
	if (vec_segment(c->in.cs) && vec_below(r, 4))
		return vec_any_selector(r);
	return selectors[vec_below(r,
		sizeof(selectors) / sizeof(selectors[0]))];
}

static void poke(struct vec_case *c, uint64_t address, uint64_t v,
	unsigned bytes)
{
	static const uint32_t pages[VEC_PAGES] = { VEC_DATA, VEC_FIXED,
		VEC_STACK };
	unsigned i, n;

	for (i = 0; i < bytes; i++, v >>= 8)
		for (n = 0; n < VEC_PAGES; n++)
			if (address + i - pages[n] < VEC_PAGE)
				c->mem[n][address + i - pages[n]] =
					(uint8_t)v;
}

static uint16_t code_selector(const struct vec_case *c)
{
	enum vec_kind kind = vec_worlds[c->world].kind;

	return kind == VEC_REAL || kind == VEC_VM86 ?
		vec_real_selector(c->in.cs) : c->in.cs;
}

/* A far pointer, or what IRET pops. */
static void poke_far(struct vec_case *c, uint64_t address,
	struct vec_random *r)
{
	unsigned step = c->insn.opsize;
	bool pops = is_exec(c, (const char *const[]){ "ret_far", "iret",
		NULL });

	uint64_t to = page_ip(c) + (c->in.rip + 32 + vec_below(r, 4000)) %
		VEC_PAGE;

	if (is_modelled(c) && one_in(r, 8))
		to += 0x10000; /* beyond the limit of real mode */
	poke(c, address, to, step);
	poke(c, address + step, vec_below(r, 3) ? code_selector(c) :
		pick_selector(c, r), pops ? step : 2);
	if (!pops)
		return;
	/* Not AC: Linux takes what it may raise for a split lock and sleeps. */
	poke(c, address + 2 * step, (vec_random(r) &
		(is_modelled(c) ? 0x203ed5 : 0x200cd5)) | 2, step);
	poke(c, address + 3 * step, VEC_STACK + 0x800 + vec_below(r, 16),
		step);
	poke(c, address + 4 * step, vec_below(r, 3) ? VEC_SS :
		pick_selector(c, r), step);
}

/* -- Operands ----------------------------------------------------------- */

static const char *const divisions[] = { "div", "idiv", NULL };
static const char *const indirect[] = { "call", "jmp", "ret", NULL };
static const char *const far[] = { "call_far", "jmp_far", "ret_far", "iret",
	NULL };
static const char *const selected[] = { "mov_sreg_r", "pop_sreg", "lar",
	"lsl", "verr", "verw", "arpl", "lds", "les", "lfs", "lgs", "lss",
	"lldt", "ltr", NULL };
static const char *const tables[] = { "lgdt", "lidt", NULL };
static const char *const stack_flags[] = { "popf", NULL };
static const char *const images[] = { "fxsave", "fxrstor", "xsave",
	"xsaveopt", "xrstor", NULL };
static const char *const areas[] = { "xsave", "xsaveopt", "xrstor", NULL };

/* Dividends whose quotient has a chance to fit. */
static void mend_division(struct vec_case *c, struct vec_random *r)
{
	bool is_signed = !strcmp(c->row->exec, "idiv");
	uint64_t mask = mask_of(c->insn.opsize);
	bool neg = c->in.r[0] >> (8 * c->insn.opsize - 1) & 1;

	if (vmi_operand_bytes(&c->insn, 0) == 1) {
		if (vec_below(r, 4))
			c->in.r[0] = (c->in.r[0] & ~0xffffull) |
				(uint16_t)(is_signed ?
				(uint64_t)(int64_t)(int8_t)c->in.r[0] :
				c->in.r[0] & 0x1ff);
		return;
	}
	if (vec_below(r, 4))
		c->in.r[2] = (c->in.r[2] & ~mask) |
			((is_signed && neg ? mask : 0) & mask);
	if (one_in(r, 4))
		c->in.r[2] ^= vec_below(r, 256);
}

static void set_operand(struct vec_case *c, uint64_t at, uint64_t v,
	unsigned bytes)
{
	unsigned n = c->insn.rm & 15;

	if (c->insn.has_modrm && c->insn.mod == 3)
		c->in.r[n] = (c->in.r[n] & ~mask_of(bytes)) |
			(v & mask_of(bytes));
	else
		poke(c, at, v, bytes);
}

/* Areas that can be loaded: a valid MXCSR and header (SDM 1 13.4.2). */
static void poke_area(struct vec_case *c, uint64_t at, struct vec_random *r)
{
	poke(c, at + VEC_FX_MXCSR, vec_random(r) & 0xffff, 4);
	if (is_exec(c, areas)) {
		poke(c, at + 512, vec_random(r) & 3, 8);
		for (unsigned i = 520; i < 576; i += 8)
			poke(c, at + i, 0, 8);
	}
}

/* What the operand at `at` (or in a register, or on the stack) shall be. */
static void mend_values(struct vec_case *c, uint64_t at,
	struct vec_random *r)
{
	uint64_t sp = vec_stack(c);

	if (is_exec(c, divisions))
		mend_division(c, r);
	if (is_exec(c, indirect)) {
		poke(c, sp, pick_branch(c, r), 8);
		if (c->insn.has_modrm)
			set_operand(c, at, pick_branch(c, r), 8);
	}
	if (is_exec(c, far))
		poke_far(c, c->insn.has_modrm ? at : sp, r);
	if (is_exec(c, selected)) {
		poke(c, sp, pick_selector(c, r), 2);
		if (c->insn.has_modrm)
			set_operand(c, at, pick_selector(c, r), 2);
		if (!strcmp(c->row->op[1], "Mp"))
			poke(c, at + c->insn.opsize, pick_selector(c, r), 2);
	}
	if (is_exec(c, tables) && is_modelled(c) && one_in(r, 2))
		poke(c, at + 2, vec_below(r, 2) ? VEC_HIGH64 + AT_GDT :
			vec_random(r) & 0x7fffffffffff, 8);
	/* Neither TF nor, which the host's kernel minds, NT. */
	if (is_exec(c, stack_flags))
		poke(c, sp, vec_random(r) & ~UINT64_C(0x4100), 8);
	if (is_exec(c, images) && vec_below(r, 8))
		poke_area(c, at, r);
}

/* The upper half of ESP is whatever it is where SP is the pointer. */
static void make_stack(struct vec_case *c, struct vec_random *r)
{
	const struct vec_segment *s = vec_segment(c->in.ss);

	if (!s)
		return;
	c->in.r[VEC_SP] -= s->base;
	if (!s->big)
		c->in.r[VEC_SP] = (c->in.r[VEC_SP] & 0xffff) |
			(vec_edge(r) & 0xffff0000);
	if (c->in.ss == VEC_LDT(VEC_S_ENDS16) && one_in(r, 4))
		c->in.r[VEC_SP] = (vec_below(r, 40) - 20u) & 0xffff;
	/* So that a fault can be delivered. */
	if (vec_worlds[c->world].kind == VEC_REAL)
		c->in.r[VEC_SP] &= ~UINT64_C(1);
}

static void make_registers(struct vec_case *c, struct vec_random *r)
{
	uint32_t limit;
	unsigned i;

	for (i = 0; i < 16; i++)
		c->in.r[i] = vec_edge(r);
	c->in.r[VEC_SP] = VEC_STACK + 0x400 + (vec_below(r, 0x800) & ~7u);
	if (has_limits(c))
		c->in.r[VEC_SP] = vec_near_limit(c, VMI_SS, r);
	else if (is_modelled(c))
		c->in.r[VEC_SP] += vec_below(r, 8);
	else if (one_in(r, 8))
		c->in.r[VEC_SP] += vec_below(r, 8);
	else if (one_in(r, 16))
		c->in.r[VEC_SP] = one_in(r, 2) ?
			VEC_STACK + vec_below(r, 12) :
			VEC_STACK + VEC_PAGE - vec_below(r, 12);
	make_stack(c, r);
	c->in.rflags = FLAGS_ON | (vec_random(r) & (FLAGS_ARITH | FLAG_DF));
	if (one_in(r, 16))
		c->in.rflags |= FLAG_AC;
	c->in.rip = VEC_CODE + 0x700 + vec_below(r, 256);
	if (one_in(r, 32) && !is_modelled(c))
		c->in.rip = VEC_CODE + VEC_PAGE - 1 - vec_below(r, 16);
	c->in.rip -= vec_base_of(c, VMI_CS);
	if (!has_limits(c))
		return;
	/* Not beyond it: the host would not get there. */
	limit = vec_segment_limit(vec_segment(c->in.cs));
	if (c->in.rip > limit || one_in(r, 8))
		c->in.rip = limit - vec_below(r, 16);
}

/*
 * Alignment is not checked, or not in one way, where there are several
 * accesses, #GP for alignment, and in 16-bit addresses, which fault.
 */
static void mend_alignment(struct vec_case *c)
{
	static const char *const never[] = { "fxsave", "fxrstor", "xsave",
		"xsaveopt", "xrstor", "pusha", "popa", "enter", "leave",
		"fnsave", "fnstenv", "frstor", "fldenv", "fld_m80",
		"fstp_m80", "fbld", "fbstp", "pop_sreg", "ret_far", "iret",
		"call_far", "jmp_far", "lds", "les", "lfs", "lgs", "lss",
		"cmpxchg16b", "lddqu", "bound", "maskmovq", "maskmovdqu",
		NULL };

	if (is_exec(c, never) || (c->insn.row->attr & (VMI_A_AL16 |
		VMI_A_STR)) || (c->insn.addrsize == 2 && c->world == VEC_W32) ||
		(c->insn.prefixes & VMI_PFX_LOCK))
		c->in.rflags &= ~(uint64_t)FLAG_AC;
}

/* No exception pending or to come, where two would compete. */
static void mend_x87(struct vec_case *c)
{
	bool null = (c->insn.mode != 64 && c->insn.seg_override) ||
		c->world > VEC_W32;

	if (!null)
		return;
	c->in.fx[VEC_FX_FCW] |= 0x3f;
	c->in.fx[VEC_FX_FSW] &= 0x7f;
	c->in.fx[VEC_FX_FSW + 1] &= 0x7f;
}

static void truncate_registers(struct vec_case *c)
{
	unsigned i;

	for (i = 0; c->insn.mode != 64 && i < 16; i++)
		c->in.r[i] = i < 8 ? (uint32_t)c->in.r[i] : 0;
}

/* Strings, XLAT, MASKMOV, LEAVE, ENTER: registers that the opcode implies. */
static void mend_implied(struct vec_case *c, struct vec_random *r)
{
	static const char *const uses_rdi[] = { "maskmovq", "maskmovdqu",
		NULL };
	static const char *const counted[] = { "loop", "loope", "loopne",
		"jcxz", NULL };
	static const char *const framed[] = { "leave", "enter", NULL };

	if (c->insn.row->attr & VMI_A_STR) {
		c->in.r[VEC_SI] = pick_target(c, c->insn.seg, r) - seg_base(c);
		c->in.r[VEC_DI] = pick_target(c, VMI_ES, r) -
			vec_base_of(c, VMI_ES);
		c->in.r[VEC_CX] = vec_below(r, 12);
		/* What is above 32-bit addresses at a count of 0 varies. */
		c->in.r[VEC_SI] &= mask_of(c->insn.addrsize > 4 ? 8 : 4);
		c->in.r[VEC_DI] &= mask_of(c->insn.addrsize > 4 ? 8 : 4);
	}
	if (is_exec(c, areas)) {
		c->in.r[0] &= 3;
		c->in.r[VEC_DX] = 0;
	}
	if (is_exec(c, uses_rdi))
		c->in.r[VEC_DI] = pick_target(c, c->insn.seg, r) - seg_base(c);
	if (!strcmp(c->row->exec, "xlat"))
		c->in.r[VEC_BX] = pick_target(c, c->insn.seg, r) - seg_base(c);
	if (is_exec(c, counted) && vec_below(r, 2))
		c->in.r[VEC_CX] = vec_below(r, 3);
	if (is_exec(c, framed) && vec_below(r, 4))
		c->in.r[VEC_BP] = VEC_STACK + 0x200 + vec_below(r, 0xc00) -
			vec_base_of(c, VMI_SS);
	if (!strcmp(c->row->exec, "enter") && vec_below(r, 8)) {
		c->bytes[c->insn.len - 2] &= 1; /* frames of 511 bytes */
		if (vec_below(r, 4))
			c->bytes[c->insn.len - 1] &= 3;
	}
	/* Vectors that the host's kernel lets nobody call. */
	if (!strcmp(c->row->exec, "int"))
		c->bytes[c->insn.len - 1] = (uint8_t)(0x90 +
			vec_below(r, 96));
}

/* LOCK where there must be none: #UD. */
static void add_lock(struct vec_case *c)
{
	if ((c->insn.row->attr & VMI_A_LOCK) && c->insn.mod != 3)
		return;
	if (c->insn.prefixes & VMI_PFX_LOCK || c->len >= VMI_INSN_MAX)
		return;
	memmove(c->bytes + 1, c->bytes, c->len);
	c->bytes[0] = 0xf0;
	c->len++;
}

/* Whether memory is looked at at all, and for what, varies. */
static bool is_vague(const struct vec_case *c)
{
	if (c->insn.seg_override && (!strcmp(c->row->exec, "ud0") ||
		!strcmp(c->row->exec, "arpl")))
		return true;
	/* The model has no page where those lead to. */
	if (is_modelled(c) && c->insn.addrsize == 2 &&
		(c->world == VEC_W32 || c->world == VEC_S32) &&
		(c->insn.has_modrm ? c->insn.mod != 3 :
			(c->insn.row->attr & VMI_A_STR) != 0))
		return true;
	if (is_modelled(c) && (c->insn.seg == VMI_CS ||
		(c->insn.seg == VMI_GS && c->insn.mode != 16)))
		return true;
	/* EDX:EAX chooses components, of which the host has more. */
	if (is_exec(c, areas))
		return (c->insn.addrsize == 2 && c->world == VEC_W32) ||
			c->insn.base == 0 ||
			c->insn.base == VEC_DX || c->insn.index == 0 ||
			c->insn.index == VEC_DX;
	return c->insn.addrsize == 2 && c->world == VEC_W32 &&
		!strncmp(c->row->exec, "maskmov", 7);
}

/* Large areas that wrap at 64 KiB, or do not: processors differ. */
static bool is_torn(const struct vec_case *c, uint64_t at)
{
	return is_exec(c, images) && c->insn.addrsize == 2 &&
		((at - seg_base(c)) & 0xffff) > 0xfc00;
}

/* Aim the memory operand, whose address may wrap. */
static uint64_t place(struct vec_case *c, uint64_t at)
{
	bool memory = (c->insn.has_modrm && c->insn.mod != 3 &&
		!(c->insn.row->attr & VMI_A_NOMOD)) ||
		has_kind(c, VMI_OPK_MOFFS);

	if (!memory)
		return at;
	aim(c, at);
	at = (at - seg_base(c)) & mask_of(c->insn.addrsize);
	return at + seg_base(c);
}

bool vec_make(struct vec_case *c, const struct vec_row *row, unsigned world,
	struct vec_random *r)
{
	uint64_t at;

	c->row = row;
	c->world = world;
	if (!vec_encode(c, r))
		return false;
	if (is_vague(c))
		return vec_make(c, row, world, r);
	vec_choose_segments(c, r);
	make_registers(c, r);
	truncate_registers(c);
	vec_values(c, r);
	mend_alignment(c);
	mend_x87(c);
	at = pick_target(c, c->insn.seg, r);
	if (is_exec(c, images) && vec_below(r, 8))
		at &= ~UINT64_C(63);
	if (is_exec(c, areas) && !has_limits(c))
		at = VEC_DATA + 0x200 + vec_below(r, 0xa0) * 16;
	mend_implied(c, r);
	at = place(c, at);
	if (is_torn(c, at))
		return vec_make(c, row, world, r);
	truncate_registers(c);
	mend_values(c, at, r);
	vec_guest_system(world, c->sys);
	if (is_modelled(c))
		vec_model_prepare(c, r);
	if (has_kind(c, VMI_OPK_REL))
		aim_branch(c, r);
	/* A fault needs a stack. */
	if (c->world == VEC_S32 &&
		c->in.r[VEC_SP] - VEC_STACK - 0x20 >= VEC_PAGE - 0x40)
		return vec_make(c, row, world, r);
	if (is_modelled(c)) /* with what was mended since */
		vmi_decode(c->bytes, c->len, c->insn.mode, &c->insn);
	if (one_in(r, 40))
		add_lock(c);
	return true;
}
