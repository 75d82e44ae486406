/* SPDX-License-Identifier: MIT */
/*
 * Handlers of instructions that are helpers otherwise, against their helpers.
 *
 * Every encoding that the decoder knows and that has such a handler (quick.h)
 * is executed by it and by its helper, from the same state: registers, flags,
 * MXCSR, memory and faults must be alike.  Most states are ones that a handler
 * takes by itself; each has to have done so.  The x87's are in test_x87_quick,
 * what locks and what leaves the processor is elsewhere.
 */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "lib/soft/lower.h"
#include "lib/soft/operand.h"
#include "lib/soft/quick.h"
#include "lib/soft/simd.h"
#include "tests/kvm/check.h"
#include "tests/fewer.h"

#define STATES 100 /* of each encoding */
#define FEW    20 /* where each is slow */
#define PAGE   0x5000u
#define AT     0x5100u
#define TOP    0x7ffffffff000ull /* the last one of its half: SDM 1 3.3.7.1 */

struct machine {
	struct vmi_cpu cpu;
	struct vmi_tlb_entry tlb[VMI_TLB_SIZE];
	uint8_t page[4096] __attribute__((aligned(4096)));
	int left; /* by a fault */
};

/* Bytes of an instruction as they are tried. */
struct code {
	uint8_t bytes[16];
	unsigned n;
	unsigned mode;
};

static struct machine start, quick, slow;
static unsigned taken, executed, encodings;

/* The handlers that were found of each instruction. */
static vmi_handler *found[VMI_EXEC_COUNT][8];
static unsigned n_found[VMI_EXEC_COUNT];

static uint64_t random_value(void)
{
	static uint64_t x = 0x123456789abcdef;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

static unsigned below(unsigned n)
{
	return (unsigned)(random_value() >> 33) % n;
}

/* -- States --------------------------------------------------------------- */

/* Few ones, many ones, small, or any. */
static uint64_t some_bits(void)
{
	uint64_t v = random_value(), few = v & random_value() & random_value();

	switch (below(6)) {
	case 0: return few;
	case 1: return ~few;
	case 2: return v & ~0ull << below(64);
	case 3: return ~0ull >> below(64);
	case 4: return v >> below(64);
	default: return v;
	}
}

/* Moderate numbers, many of whose sums and roots are exact; some that end. */
static uint64_t number64(void)
{
	uint64_t sign = (uint64_t)!below(4) << 63;
	unsigned exponent = below(20) ? 0x3ff - 70 + below(140) : below(0x800);

	if (!below(12))
		return sign;
	return sign | (uint64_t)exponent << 52 |
		(below(2) ? (uint64_t)below(256) << 44 : some_bits() >> 12);
}

static uint64_t number32(void)
{
	uint64_t sign = (uint64_t)!below(4) << 31;
	unsigned exponent = below(20) ? 0x7f - 50 + below(100) : below(0x100);

	if (!below(12))
		return sign;
	return sign | (uint64_t)exponent << 23 |
		(below(2) ? (uint64_t)below(64) << 17 : some_bits() >> 41);
}

static uint64_t lane(unsigned kind)
{
	switch (kind) {
	case 0: return some_bits();
	case 1: return number32() | number32() << 32;
	default: return number64();
	}
}

static void begin(void)
{
	struct vmi_cpu *c = &start.cpu;
	unsigned i, kind = below(3);
	uint64_t v = 0;

	for (i = 0; i < 16; i++) {
		c->r[i] = some_bits();
		c->fpu.xmm[i].q[0] = lane(kind);
		c->fpu.xmm[i].q[1] = lane(kind);
		c->fpu.st[i & 7].man = some_bits();
		c->fpu.st[i & 7].se = (uint16_t)some_bits();
	}
	/* Most dividends fit. */
	if (below(4))
		c->r[VMI_RDX] = 0 - (c->r[VMI_RAX] >> (below(2) ? 63 : 31) & 1);
	if (!below(4))
		c->r[VMI_RDX] = 0;
	c->r[VMI_RBP] = c->r[VMI_R_T0] = AT + (below(4) ? 0 : below(16));
	c->r[VMI_RSI] = AT + 16 + below(16);
	c->r[VMI_RDI] = AT + below(48);
	c->fpu.mxcsr = VMI_MXCSR_INIT | (below(3) ? VMI_MXCSR_PE : 0);
	if (!below(8))
		c->fpu.mxcsr ^= (uint32_t)(random_value() & 0x7fff);
	c->cr0 = VMI_CR0_PE | VMI_CR0_NE | (below(50) ? 0 : VMI_CR0_TS) |
		(below(50) ? 0 : VMI_CR0_EM);
	c->cr4 = VMI_CR4_OSXMMEXCPT | (below(50) ? VMI_CR4_OSFXSR : 0);
	vmi_flags_set(c, random_value());
	for (i = 0; i < 64; i++) {
		v = i % 8 ? v >> 8 : lane(kind);
		start.page[AT - PAGE + i] = (uint8_t)v;
	}
}

static void set_page(struct machine *m, uint64_t page)
{
	struct vmi_tlb_entry *e = &m->tlb[vmi_tlb_index(page)];

	e->read = e->write = page;
	e->addend = (uintptr_t)m->page - page;
}

static void reset(struct machine *m)
{
	m->cpu = start.cpu;
	memcpy(m->page + AT - PAGE - 64, start.page + AT - PAGE - 64, 192);
	m->cpu.tlb = m->tlb;
	m->cpu.tlbs = &m->tlb;
	set_page(m, PAGE);
	set_page(m, TOP);
}

/* -- Both ways ------------------------------------------------------------- */

static const struct vmi_op *stop(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t acc)
{
	(void)c;
	(void)op;
	(void)acc;
	return NULL;
}

/* The engine's loop; where handlers are chained it goes round once. */
static void go(struct vmi_cpu *c, const struct vmi_op *op)
{
	while (op)
		op = op->run(c, op, c->acc);
}

static void execute(struct machine *m, const struct vmi_op *op,
	vmi_handler *run)
{
	struct vmi_op ops[2] = { *op, { .run = stop } };

	ops[0].run = run;
	reset(m);
	m->left = setjmp(m->cpu.leave);
	if (!m->left)
		go(&m->cpu, ops);
}

static bool same_fault(void)
{
	const struct vmi_fault *a = &quick.cpu.fault, *b = &slow.cpu.fault;

	return quick.left == slow.left && a->vector == b->vector &&
		a->has_code == b->has_code && a->code == b->code;
}

static bool same_fpu(void)
{
	const struct vmi_fpu *a = &quick.cpu.fpu, *b = &slow.cpu.fpu;
	unsigned i;

	for (i = 0; i < 8; i++) {
		if (a->st[i].man != b->st[i].man || a->st[i].se != b->st[i].se)
			return false;
	}
	return a->mxcsr == b->mxcsr && a->top == b->top &&
		a->full == b->full && a->status == b->status &&
		a->control == b->control &&
		!memcmp(a->xmm, b->xmm, sizeof(b->xmm));
}

static bool alike(void)
{
	return same_fault() && same_fpu() &&
		quick.cpu.rflags == slow.cpu.rflags &&
		!memcmp(quick.cpu.r, slow.cpu.r, sizeof(slow.cpu.r)) &&
		vmi_flags(&quick.cpu) == vmi_flags(&slow.cpu) &&
		!memcmp(quick.page, slow.page, sizeof(slow.page));
}

static void tell_vector(const char *what, const struct vmi_xmm *v)
{
	printf(" %s %016llx%016llx", what, (unsigned long long)v->q[1],
		(unsigned long long)v->q[0]);
}

static void tell(const struct code *code, const struct vmi_op *op)
{
	unsigned i;

	printf("operation %u:", vmi_op_exec(op));
	for (i = 0; i < code->n; i++)
		printf(" %02x", code->bytes[i]);
	printf(": left %d and %d, flags %llx and %llx, mxcsr %x: %x and %x\n",
		quick.left, slow.left,
		(unsigned long long)vmi_flags(&quick.cpu),
		(unsigned long long)vmi_flags(&slow.cpu), start.cpu.fpu.mxcsr,
		quick.cpu.fpu.mxcsr, slow.cpu.fpu.mxcsr);
	for (i = 0; i < 16; i++) {
		if (quick.cpu.r[i] != slow.cpu.r[i])
			printf("  r%u %llx: %llx and %llx\n", i,
				(unsigned long long)start.cpu.r[i],
				(unsigned long long)quick.cpu.r[i],
				(unsigned long long)slow.cpu.r[i]);
	}
	tell_vector("  to", &start.cpu.fpu.xmm[op->reg & 15]);
	tell_vector("from", &start.cpu.fpu.xmm[op->base & 15]);
	tell_vector("quick", &quick.cpu.fpu.xmm[op->reg & 15]);
	tell_vector("slow", &slow.cpu.fpu.xmm[op->reg & 15]);
	printf("\n");
}

/* -- Encodings -------------------------------------------------------------- */

static bool is_base_kind(unsigned kind)
{
	return kind == VMI_OPK_RM || kind == VMI_OPK_MMRM ||
		kind == VMI_OPK_XMMRM || kind == VMI_OPK_STI;
}

static void set_registers(struct vmi_op *op, const struct vmi_insn *insn)
{
	unsigned n, kind;
	uint8_t r;

	for (n = 0; n < 3; n++) {
		kind = vmi_operands[insn->row->op[n]].kind;
		r = vmi_operand_number(insn, n);
		if (vmi_operand_is_memory(insn, n) || r == VMI_NOREG ||
			kind == VMI_OPK_CREG || kind == VMI_OPK_DREG)
			continue;
		if (is_base_kind(kind))
			op->base = r;
		else
			op->reg = r;
	}
}

static uint8_t bits_of(const struct vmi_insn *insn)
{
	return (uint8_t)((insn->prefixes & VMI_PFX_F3 ? VMI_OPF_REP : 0) |
		(insn->prefixes & VMI_PFX_F2 ? VMI_OPF_REPNE : 0) |
		insn->seg << 4);
}

/* As lower_helper.c makes it, with its operand's address in T0. */
static bool prepare(struct vmi_op *op, const struct code *code)
{
	struct vmi_insn insn;

	if (vmi_decode(code->bytes, sizeof(code->bytes), code->mode,
		&insn) < 0)
		return false;
	*op = (struct vmi_op){ .code = insn.row->exec, .base = VMI_R_ZERO,
		.index = VMI_R_ZERO, .len = insn.len, .ip = 0x123,
		.size = (uint8_t)(vmi_log2(vmi_operand_helper_bytes(&insn)) |
			vmi_log2(insn.addrsize) << 4),
		.scale = (uint8_t)(vmi_form_of(&insn) << 2),
		.imm = insn.row->attr & (VMI_A_MMXOP | VMI_A_SSEOP) ?
			vmi_simd_imm(&insn) : vmi_form_imm(&insn),
		.bits = bits_of(&insn) };
	set_registers(op, &insn);
	if (vmi_operand_memory(&insn) >= 0) {
		op->bits |= VMI_OPF_MEM;
		op->base = VMI_R_T0;
	}
	return vmi_quick_find(op) != vmi_h_helper;
}

static void note_found(const struct vmi_op *op)
{
	unsigned exec = vmi_op_exec(op), i;
	vmi_handler *run = vmi_quick_find(op);

	for (i = 0; i < n_found[exec]; i++) {
		if (found[exec][i] == run)
			return;
	}
	if (CHECK(i < sizeof(found[0]) / sizeof(found[0][0])))
		found[exec][n_found[exec]++] = run;
}

/* From the same state; false: not alike. */
static bool both_ways(const struct code *code, const struct vmi_op *op)
{
	execute(&quick, op, vmi_quick_find(op));
	execute(&slow, op, vmi_h_helper);
	executed++;
	taken += !quick.cpu.op;
	if (CHECK(alike()))
		return true;
	tell(code, op);
	return false;
}

static void encoding(const struct code *code)
{
	unsigned i, states = fewer_cases() ? FEW : STATES;
	struct vmi_op op;

	if (!prepare(&op, code))
		return;
	encodings++;
	note_found(&op);
	for (i = 0; i < states; i++) {
		begin();
		if (!both_ways(code, &op))
			return;
	}
}

/* Whether handlers did their part of what was executed since. */
static void check_taken(const struct code *code, unsigned did,
	unsigned of)
{
	if (!CHECK(taken - did >= (executed - of) / 50))
		printf("%02x %02x %02x %02x: handlers did %u of %u\n",
			code->bytes[0], code->bytes[1], code->bytes[2],
			code->bytes[3], taken - did, executed - of);
}

static void add(struct code *code, unsigned byte)
{
	code->bytes[code->n++] = (uint8_t)byte;
}

/* An opcode with registers 2 and 1, or memory, each /digit, some immediates. */
static void operands(struct code code)
{
	static const uint8_t immediates[] = { 1, 4, 8, 0x1b, 0x4e };
	unsigned digit, imm, did, of, n = code.n;

	for (digit = 0; digit < 8; digit++) {
		did = taken;
		of = executed;
		for (imm = 0; imm < sizeof(immediates); imm++) {
			code.bytes[n] = (uint8_t)(0xc1 | digit << 3);
			code.bytes[n + 1] = immediates[imm];
			code.n = n + 2;
			encoding(&code);
		}
		check_taken(&code, did, of);
		did = taken;
		of = executed;
		code.bytes[n] = (uint8_t)(digit << 3); /* [rax] */
		code.bytes[n + 1] = 0x1b;
		encoding(&code);
		check_taken(&code, did, of);
	}
}

/* Ports, what locks, strings, the x87; and what is a prefix. */
static bool elsewhere(unsigned map, unsigned opcode)
{
	if (map)
		return false;
	return (opcode & 0xf8) == 0xd8 || (opcode & 0xf4) == 0xe4 ||
		(opcode & 0xfc) == 0x6c || (opcode & 0xfe) == 0x86 ||
		(opcode & 0xe7) == 0x26 || (opcode & 0xf0) == 0x40 ||
		(opcode & 0xfc) == 0x64 || opcode == 0xf0 ||
		(opcode & 0xfc) == 0xa4 || (opcode & 0xfe) == 0xaa ||
		(opcode & 0xfe) == 0xf2;
}

static void opcodes(unsigned prefix, unsigned rex, unsigned map)
{
	static const uint8_t escapes[4][2] = { { 0 }, { 0x0f }, { 0x0f, 0x38 },
		{ 0x0f, 0x3a } };
	unsigned opcode;
	struct code code;

	for (opcode = 0; opcode < 256; opcode++) {
		if (elsewhere(map, opcode))
			continue;
		code = (struct code){ .mode = 64 };
		if (prefix)
			add(&code, prefix);
		if (rex)
			add(&code, rex);
		if (map)
			add(&code, escapes[map][0]);
		if (map > 1)
			add(&code, escapes[map][1]);
		add(&code, opcode);
		operands(code);
	}
}

/* -- Strings, wherever they are ------------------------------------------- */

/* Outside 64-bit mode: with a base, not always a limit or the right. */
static void set_segment(unsigned seg, uint64_t linear, unsigned reg)
{
	static const uint32_t bases[] = { 0, 24, 0xfffff000 };
	struct vmi_cpu *c = &start.cpu;
	struct vmapi_x86_segment *s = &c->seg[seg];

	s->base = bases[below(3)];
	c->r[reg] = (uint32_t)(linear - s->base);
	s->limit = below(3) ? 0xffffffff : (uint32_t)c->r[reg] + below(9);
	s->attributes = below(8) ? 0xc093 : 0xc091; /* writable, or not */
	c->r[VMI_R_SEG + seg] = s->base;
	if (seg <= VMI_DS)
		c->open[seg] = s->attributes == 0xc093 ?
			(uint64_t)s->limit + 1 : 0;
}

/* Of 64 bits some go on into what is no address, and some are none. */
static uint64_t string_place(const struct vmi_op *op)
{
	if (vmi_op_asize(op) != 8 || below(3))
		return AT + below(48);
	return below(2) ? TOP + 0xff0 + below(16) : TOP + 0x1000 + below(64);
}

static void begin_string(unsigned mode, const struct vmi_op *op)
{
	struct vmi_cpu *c = &start.cpu;
	uint64_t from = string_place(op), to = string_place(op);
	unsigned i;

	begin();
	c->mode = (uint8_t)mode;
	c->amask = mode == 64 ? ~0ull : 0xffffffff;
	c->efer = mode == 64 ? VMI_EFER_LMA : 0;
	c->rflags = VMI_FLAG_ONE | (below(4) ? 0 : VMI_FLAG_DF);
	c->r[VMI_RCX] = below(4);
	c->r[VMI_RSI] = from;
	c->r[VMI_RDI] = to;
	for (i = VMI_ES; i <= VMI_DS; i++)
		c->r[VMI_R_SEG + i] = c->open[i] = 0;
	c->r[VMI_R_SEG + VMI_FS] = 16;
	if (mode == 64)
		return;
	set_segment(VMI_DS, from, VMI_RSI);
	set_segment(vmi_op_seg(op), from, VMI_RSI);
	set_segment(VMI_ES, to, VMI_RDI);
}

/* Prefixes of a MOVS or STOS; handlers do it, or leave all to the helper. */
static void strings(unsigned mode, unsigned prefix, unsigned rex)
{
	static const uint8_t opcodes_of[] = { 0xa4, 0xa5, 0xaa, 0xab };
	unsigned i, n, did = taken;
	struct vmi_op op;

	for (i = 0; i < sizeof(opcodes_of); i++) {
		struct code code = { .mode = mode };

		if (prefix)
			add(&code, prefix);
		if (rex)
			add(&code, rex);
		add(&code, opcodes_of[i]);
		if (!CHECK(prepare(&op, &code)))
			continue;
		note_found(&op);
		for (n = 0; n < 10 * STATES; n++) {
			begin_string(mode, &op);
			if (!both_ways(&code, &op))
				return;
		}
	}
	if (!prefix || prefix == 0x66)
		CHECK(taken - did > 2 * STATES);
	if (prefix == 0xf3 || prefix == 0x67)
		CHECK(taken == did);
}

static void all_strings(void)
{
	/* REP, FS, the other address size. */
	static const uint8_t prefixes[] = { 0, 0x66, 0xf3, 0x64, 0x67 };
	unsigned i;

	for (i = 0; i < sizeof(prefixes); i++) {
		strings(64, prefixes[i], 0);
		strings(64, prefixes[i], 0x48);
		strings(32, prefixes[i], 0);
	}
}

/* -- What was there once -------------------------------------------------- */

/* How many handlers an instruction has at least: of registers, sizes, ... */
#define HAS(name, n) { #name, VMI_EXEC_##name, n }

static const struct had {
	const char *name;
	unsigned exec, n;
} had[] = {
	HAS(addpd, 2), HAS(addps, 2), HAS(addsd, 2), HAS(addss, 2),
	HAS(andnpd, 2), HAS(andnps, 2), HAS(andpd, 2), HAS(andps, 2),
	HAS(bsf, 4), HAS(bsr, 4), HAS(bswap, 2), HAS(bt, 2), HAS(btc, 2),
	HAS(btr, 2), HAS(bts, 2), HAS(cbw, 2), HAS(comisd, 2),
	HAS(comiss, 2), HAS(cvtsd2ss, 1), HAS(cvtsi2sd, 1),
	HAS(cvtsi2ss, 1), HAS(cvtss2sd, 1), HAS(cvttsd2si, 1),
	HAS(cvttss2si, 1), HAS(cwd, 2), HAS(div, 4), HAS(divpd, 2),
	HAS(divps, 2), HAS(divsd, 2), HAS(divss, 2), HAS(idiv, 4),
	HAS(imul1, 4), HAS(leave, 1), HAS(maxsd, 2), HAS(maxss, 2),
	HAS(minsd, 2), HAS(minss, 2), HAS(movapd, 3), HAS(movaps, 3),
	HAS(movd_from_xmm, 1), HAS(movd_to_xmm, 1), HAS(movdqa, 3),
	HAS(movdqu, 3), HAS(movq_xmm, 2), HAS(movs, 4), HAS(movsd, 3),
	HAS(movss, 3), HAS(movupd, 3), HAS(movups, 3), HAS(mul, 4),
	HAS(mulpd, 2), HAS(mulps, 2), HAS(mulsd, 2), HAS(mulss, 2),
	HAS(orpd, 2), HAS(orps, 2), HAS(paddb, 2), HAS(paddd, 2),
	HAS(paddq, 2), HAS(paddw, 2), HAS(pand, 2), HAS(pandn, 2),
	HAS(pavgb, 2), HAS(pcmpeqb, 2), HAS(pcmpeqd, 2), HAS(pcmpeqw, 2),
	HAS(pcmpgtb, 2), HAS(pcmpgtd, 2), HAS(pcmpgtw, 2),
	HAS(pmaddwd, 2), HAS(pmaxsd, 2), HAS(pmaxsw, 2), HAS(pmaxub, 2),
	HAS(pminsd, 2), HAS(pminsw, 2), HAS(pminub, 2), HAS(pmovmskb, 1),
	HAS(pmulld, 2), HAS(pmullw, 2), HAS(pmuludq, 2), HAS(popcnt, 4),
	HAS(por, 2), HAS(pshufd, 2), HAS(pslld, 1), HAS(psllq, 1),
	HAS(psllw, 1), HAS(psrad, 1), HAS(psraw, 1), HAS(psrld, 1),
	HAS(psrldq, 1), HAS(psrlq, 1), HAS(psrlw, 1), HAS(psubb, 2),
	HAS(psubd, 2), HAS(psubq, 2), HAS(psubw, 2), HAS(punpckhbw, 2),
	HAS(punpckhdq, 2), HAS(punpckhqdq, 2), HAS(punpckhwd, 2),
	HAS(punpcklbw, 2), HAS(punpckldq, 2), HAS(punpcklqdq, 2),
	HAS(punpcklwd, 2), HAS(pxor, 2), HAS(shld, 2), HAS(shrd, 2),
	HAS(shufps, 2), HAS(sqrtsd, 1), HAS(sqrtss, 1), HAS(stos, 4),
	HAS(subpd, 2), HAS(subps, 2), HAS(subsd, 2), HAS(subss, 2),
	HAS(ucomisd, 2), HAS(ucomiss, 2), HAS(unpckhpd, 2),
	HAS(unpckhps, 2), HAS(unpcklpd, 2), HAS(unpcklps, 2),
	HAS(xorpd, 2), HAS(xorps, 2),
};

static void check_found(void)
{
	const struct had *h;

	for (h = had; h < had + sizeof(had) / sizeof(had[0]); h++) {
		if (!CHECK(n_found[h->exec] >= h->n))
			printf("%s has %u handlers, and had %u\n", h->name,
				n_found[h->exec], h->n);
	}
}

int main(void)
{
	static const uint8_t prefixes[] = { 0, 0x66, 0xf2, 0xf3 };
	unsigned prefix, map;

	memset(quick.tlb, 0xff, sizeof(quick.tlb));
	memset(slow.tlb, 0xff, sizeof(slow.tlb));
	start.cpu.mode = 64;
	start.cpu.amask = ~0ull;
	start.cpu.fpu.control = 0x37f;
	start.cpu.r[VMI_R_BLOCK] = 0x401000;
	for (prefix = 0; prefix < sizeof(prefixes); prefix++) {
		for (map = 0; map < 4; map++) {
			opcodes(prefixes[prefix], 0, map);
			opcodes(prefixes[prefix], 0x48, map);
			opcodes(prefixes[prefix], 0x4d, map);
		}
	}
	all_strings();
	printf("%u encodings, %u executed, %u of them by their handlers\n",
		encodings, executed, taken);
	check_found();
	return check_result("soft/test_quick");
}
