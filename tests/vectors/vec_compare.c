/* SPDX-License-Identifier: MIT */
/* What of an outcome is compared, its digest, and two of them side by side. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/vectors/vec_model.h"

#define FLAGS_COMPARED UINT64_C(0x254dd5) /* arithmetic, DF, NT, RF, AC, ID */

#define SS		       12
#define GP		       13
#define PF		       14
#define RF		       0x10000u

static const uint32_t page_at[VEC_PAGES] = { VEC_DATA, VEC_FIXED, VEC_STACK };

static uint64_t get(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | p[bytes];
	return v;
}

static bool is_exec(const struct vec_case *c, const char *const *names)
{
	for (; *names; names++)
		if (!strcmp(c->row->exec, *names))
			return true;
	return false;
}

/*
 * FOP, FIP and FDP are what the last x87 instruction left, which processors
 * keep in different ways; the selectors are gone (SDM 1 8.1.8).  Functions
 * without a closed form are within an error that the manual allows (SDM 1
 * 8.3.10, SDM 2B "RCPPS"), and so is C1, which tells where they were rounded.
 */
static void canonical_fx(const struct vec_case *c, uint8_t *fx)
{
	static const char *const approximate[] = { "rcpps", "rcpss",
		"rsqrtps", "rsqrtss", "fsin", "fcos", "fsincos", "fptan",
		"fpatan", "f2xm1", "fyl2x", "fyl2xp1", NULL };
	unsigned i;

	memset(fx + VEC_FX_FOP, 0, VEC_FX_MXCSR - VEC_FX_FOP);
	memset(fx + VEC_FX_MASK, 0, 4);
	fx[VEC_FX_FTW + 1] = 0;
	for (i = 0; i < 8; i++)
		memset(fx + VEC_FX_ST + 16 * i + 10, 0, 6);
	memset(fx + VEC_FX_END, 0, 512 - VEC_FX_END);
	if (c->insn.mode != 64)
		memset(fx + VEC_FX_XMM + 128, 0, 128);
	if (!is_exec(c, approximate))
		return;
	fx[VEC_FX_FSW + 1] &= (uint8_t)~0x02u;
	memset(fx + VEC_FX_ST, 0, VEC_FX_END - VEC_FX_ST);
}

/* A count of a shift, masked as the processor does: SDM 2B "SAL". */
static unsigned shift_count(const struct vec_case *c)
{
	unsigned mask = vmi_operand_bytes(&c->insn, 0) == 8 ? 63 : 31, i;
	const char *const *op = c->row->op;

	for (i = 1; i < 3; i++) {
		if (!strcmp(op[i], "CL"))
			return c->in.r[VEC_CX] & mask;
		if (!strcmp(op[i], "Ib"))
			return c->bytes[c->len - 1] & mask;
	}
	return 1;
}

/* Undefined for some counts only: the shift and rotate pages of SDM 2B. */
static uint32_t undefined_by_count(const struct vec_case *c)
{
	static const char *const names[] = { "rol", "ror", "rcl", "rcr",
		"shl", "shr", "sar", "shld", "shrd" };
	unsigned bits = 8 * vmi_operand_bytes(&c->insn, 0), i, count;
	uint32_t undefined = 0;

	for (i = 0; i < 9 && strcmp(c->row->exec, names[i]); i++)
		;
	if (i == 9)
		return 0;
	count = shift_count(c);
	if (count == 0)
		return VMI_F_ARITH; /* none: kept */
	if (count > 1)
		undefined |= VMI_F_O;
	if (i >= 4)
		undefined |= VMI_F_A;
	if ((i == 4 || i == 5) && count >= bits)
		undefined |= VMI_F_C;
	if (i >= 7 && count > bits)
		undefined |= VMI_F_ARITH;
	return undefined;
}

/* Arithmetic flags that the manual leaves undefined in this case. */
static uint32_t undefined(const struct vec_case *c)
{
	uint32_t by_count = undefined_by_count(c);

	if (by_count == VMI_F_ARITH && shift_count(c) == 0)
		return 0;
	return c->insn.row->undefined | by_count;
}

/* A fault of an address: #SS(0), #GP(0), #PF. */
static void any_address(struct vec_out *out)
{
	if ((out->vector == SS || out->vector == GP) && out->code == 0)
		out->vector = PF;
	if (out->vector == PF)
		out->code = 0;
	out->cr2 = 0;
}

/*
 * A fetch that fails where the instruction led to is the next one's.  Which
 * of several accesses is tried first is the processor's affair, so that one
 * may be beyond a limit and another in no page, and so is what of a frame was
 * written when the rest faulted.  Linux does not tell
 * whether the top page of user space is there.
 */
static void canonical_fault(const struct vec_case *c, struct vec_out *out)
{
	static const char *const several[] = { "movs", "stos", "cmps", "scas",
		"lods", "iret", "ret_far", "popa", "call", "call_far", "frstor",
		"fld_m80", "fstp_m80", "fbstp", "lds", "les", "lfs", "lgs",
		"lss", "jmp_far", "push", "pop",
		"fnsave", "fldenv", "fnstenv", "fxsave", "fxrstor", "xsave",
		"xrstor", "xsaveopt", "enter", "pusha", NULL };
	static const char *const frames[] = { "pusha", "enter", "fnsave",
		"fnstenv", "fxsave", "xsave", "xsaveopt", "call_far", "call",
		"fstp_m80", "fbstp", NULL };
	static const char *const any[] = { "cmps", "maskmovq", "maskmovdqu",
		"fbld", "fxsave", "fxrstor", "xsave", "xsaveopt", "xrstor",
		NULL };
	static const char *const partial[] = { "popa", NULL };

	if (out->vector == VEC_NO_FAULT)
		return;
	if (out->state.rip != c->in.rip && (out->vector == GP ||
		(out->vector == PF &&
		out->cr2 == vec_linear_ip(&out->state)))) {
		out->vector = VEC_NO_FAULT;
		out->code = 0;
		out->cr2 = 0;
		out->state.rflags &= ~(uint64_t)RF;
		return;
	}
	if (out->vector == PF && out->cr2 >= UINT64_C(0x7ffffffff000))
		out->code &= ~1u;
	if (is_exec(c, several))
		out->cr2 &= ~UINT64_C(0xfff);
	if (is_exec(c, any) || (c->world > VEC_W32 && is_exec(c, several)))
		any_address(out);
	if (c->insn.row->attr & VMI_A_MMXOP) {
		memset(out->state.fx, 0, VEC_FX_MXCSR);
		memset(out->state.fx + VEC_FX_ST, 0, 128);
	}
	if (is_exec(c, partial))
		memset(out->state.r, 0, sizeof(out->state.r));
	if (is_exec(c, frames))
		memcpy(out->mem, c->mem, sizeof(out->mem));
}

/*
 * SDM 3A 6.5: a fault leaves the registers as they were before the
 * instruction.  Of memory nothing is promised, but what is written by several
 * accesses is checked before the first of them here.  Strings go element by
 * element.
 */
bool vec_undone(const struct vec_case *c, const struct vec_out *out)
{
	static const char *const strings[] = { "movs", "stos", "cmps", "scas",
		"lods", "ins", "outs", NULL };

	if (out->vector == VEC_NO_FAULT || out->state.rip != c->in.rip ||
		is_exec(c, strings))
		return true;
	return !memcmp(out->state.r, c->in.r, sizeof(out->state.r)) &&
		!memcmp(out->mem, c->mem, sizeof(out->mem));
}

/* Linux's return from a handler empties data segments that are null. */
static uint16_t canonical_null(uint16_t selector)
{
	return selector > 3 ? selector : 0;
}

/* What is another value each time: that it was written is compared. */
static void canonical_time(const struct vec_case *c, struct vec_state *s)
{
	if (!strncmp(c->row->exec, "rdtsc", 5))
		s->r[0] = s->r[VEC_DX] = 0;
	if (!strcmp(c->row->exec, "rdrand") ||
		!strcmp(c->row->exec, "rdseed") ||
		!strcmp(c->row->exec, "rdpid"))
		s->r[c->insn.rm & 15] = 0;
}

void vec_canonical(const struct vec_case *c, struct vec_out *out)
{
	uint64_t flags = FLAGS_COMPARED;
	unsigned i;

	canonical_fault(c, out);
	canonical_time(c, &out->state);
	out->state.ds = canonical_null(out->state.ds);
	out->state.es = canonical_null(out->state.es);
	out->state.gs = canonical_null(out->state.gs);
	if (vec_model_of(c->row, c->world))
		flags |= M_IF | M_IOPL;
	/* A frame of real mode has 16 bits of them. */
	if (vec_worlds[c->world].kind == VEC_REAL &&
		out->vector != VEC_NO_FAULT)
		flags &= 0xffff;
	out->state.rflags &= flags;
	canonical_fx(c, out->state.fx);
	if (c->insn.mode != 64) {
		for (i = 0; i < 16; i++)
			out->state.r[i] = i < 8 ? (uint32_t)out->state.r[i] :
				0;
		out->state.gs_base = 0;
	}
}

/* -- Digest ------------------------------------------------------------- */

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * UINT64_C(0x9fb21c651e98df25);
	return h ^ h >> 32;
}

uint64_t vec_digest(const struct vec_case *c, const struct vec_out *out,
	uint64_t h)
{
	const struct vec_state *s = &out->state;
	unsigned i, n;

	for (i = 0; i < 16; i++)
		h = mix(h, s->r[i]);
	h = mix(mix(h, s->rip), s->rflags);
	h = mix(h, s->cs | (uint64_t)s->ss << 16 | (uint64_t)s->ds << 32 |
		(uint64_t)s->es << 48);
	h = mix(mix(h, s->gs), s->gs_base);
	for (i = 0; i < VEC_FX_END; i += 8)
		h = mix(h, get(s->fx + i, 8));
	h = mix(h, out->vector | (uint64_t)out->code << 32);
	h = mix(h, out->cr2);
	for (n = 0; n < VEC_PAGES; n++) {
		if (!memcmp(out->mem[n], c->mem[n], VEC_PAGE))
			continue;
		for (i = 0; i < VEC_PAGE; i++)
			if (out->mem[n][i] != c->mem[n][i])
				h = mix(h, n << 24 | i << 8 | out->mem[n][i]);
	}
	return h;
}

bool vec_equal(const struct vec_case *c, const struct vec_out *a,
	const struct vec_out *b)
{
	return vec_digest(c, a, 0) == vec_digest(c, b, 0);
}

/*
 * Flags that the manual leaves undefined are recorded, and the software
 * processor has them so; another host need not.
 */
void vec_defined(const struct vec_case *c, struct vec_out *out)
{
	if (out->vector == VEC_NO_FAULT)
		out->state.rflags &= ~(uint64_t)undefined(c);
}

/* -- Printing ----------------------------------------------------------- */

static void line(const char *name, uint64_t in, uint64_t a, uint64_t b)
{
	if (a != b)
		printf("  * %-8s %016" PRIx64 "  %016" PRIx64 "  %016" PRIx64
			"\n", name, in, a, b);
	else if (a != in)
		printf("    %-8s %016" PRIx64 "  %016" PRIx64 "\n", name, in,
			a);
	else
		printf("    %-8s %016" PRIx64 "\n", name, in);
}

static void print_registers(const struct vec_case *c,
	const struct vec_out *a, const struct vec_out *b)
{
	static const char *const names[] = { "rax", "rcx", "rdx", "rbx",
		"rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
		"r13", "r14", "r15" };
	const struct vec_state *i = &c->in, *x = &a->state, *y = &b->state;
	unsigned n;

	for (n = 0; n < (c->insn.mode == 64 ? 16 : 8); n++)
		line(names[n], i->r[n], x->r[n], y->r[n]);
	line("rip", i->rip, x->rip, y->rip);
	line("rflags", i->rflags & FLAGS_COMPARED, x->rflags, y->rflags);
	line("cs", i->cs, x->cs, y->cs);
	line("ss", i->ss, x->ss, y->ss);
	line("ds", i->ds, x->ds, y->ds);
	line("es", i->es, x->es, y->es);
	line("gs", i->gs, x->gs, y->gs);
	line("gs base", i->gs_base, x->gs_base, y->gs_base);
	line("vector", VEC_NO_FAULT, a->vector, b->vector);
	line("code", 0, a->code, b->code);
	line("cr2", 0, a->cr2, b->cr2);
}

static void print_fx(const struct vec_case *c, const struct vec_out *a,
	const struct vec_out *b)
{
	uint32_t attr = c->insn.row->attr;
	char name[16];
	unsigned at;

	if (!memcmp(a->state.fx, b->state.fx, VEC_FX_END) &&
		!(attr & (VMI_A_FPUOP | VMI_A_MMXOP | VMI_A_SSEOP)))
		return;
	for (at = 0; at < VEC_FX_END; at += 8) {
		bool st = at >= VEC_FX_ST && at < VEC_FX_XMM;
		uint64_t in = get(c->in.fx + at, 8);
		uint64_t x = get(a->state.fx + at, 8);
		uint64_t y = get(b->state.fx + at, 8);

		snprintf(name, sizeof(name), "%s%u.%u", st ? "st" :
			at < VEC_FX_ST ? "fx" : "xmm", (at - (st ? VEC_FX_ST :
			at < VEC_FX_ST ? 0 : VEC_FX_XMM)) / 16, at / 8 & 1);
		if (in != x || x != y || at == 0 || at == VEC_FX_MXCSR)
			line(name, in, x, y);
	}
}

static void print_memory(const struct vec_case *c, const struct vec_out *a,
	const struct vec_out *b)
{
	unsigned n, i;
	char name[16];

	for (n = 0; n < VEC_PAGES; n++) {
		for (i = 0; i < VEC_PAGE; i += 8) {
			uint64_t in = get(c->mem[n] + i, 8);
			uint64_t x = get(a->mem[n] + i, 8);
			uint64_t y = get(b->mem[n] + i, 8);

			snprintf(name, sizeof(name), "%x", page_at[n] + i);
			if (in != x || x != y)
				line(name, in, x, y);
		}
	}
}

void vec_print(const struct vec_case *c, const struct vec_out *a,
	const struct vec_out *b)
{
	char text[96];
	unsigned i;

	vmi_disas(&c->insn, c->in.rip, text, sizeof(text));
	printf("%s (%s)%s:", text, vec_worlds[c->world].name,
		c->len > c->insn.len ? " with an illegal LOCK" : "");
	for (i = 0; i < c->len; i++)
		printf(" %02x", c->bytes[i]);
	printf("\n    %-8s %-16s  %-16s  %s\n", "", "before", "host", "soft");
	print_registers(c, a, b);
	print_fx(c, a, b);
	print_memory(c, a, b);
}
