/* SPDX-License-Identifier: MIT */
/*
 * From instructions to operations.
 *
 * Forwards: decode, resolve operands, emit.  An address that is not just
 * base + index * scale + disp in a flat segment gets an `ea` operation before
 * its instruction; AH to BH are copied to a temporary and back; a comparison
 * and the jump behind it become one.  Backwards: find out which flags nobody
 * looks at.  Flags count as looked at by whatever may fault, since a handler
 * of the fault sees them.
 */
#include "lib/soft/lower.h"
#include "lib/soft/pair.h"

#include <errno.h>

struct vmi_op *vmi_lower_emit(struct builder *b, unsigned code, vmi_handler *run)
{
	struct vmi_op *op = &b->block->ops[b->n_ops];

	memset(op, 0, sizeof(*op));
	b->notes[b->n_ops] = (struct note){ .a = VMI_NOREG, .b = VMI_NOREG,
		.makes = VMI_NOREG };
	b->n_ops++;
	op->run = run;
	op->code = (uint16_t)code;
	op->ip = b->ip;
	op->n = (uint8_t)b->n_insns;
	op->len = b->insn.len;
	op->base = op->index = VMI_R_ZERO;
	return op;
}

struct vmi_op *vmi_lower_emit_forms(struct builder *b, unsigned code,
	const struct vmi_forms *forms, uint8_t a)
{
	struct vmi_op *op = vmi_lower_emit(b, code, forms->any);

	vmi_lower_note(b, op)->forms = forms;
	vmi_lower_note(b, op)->a = a;
	return op;
}

/* -- Instructions ------------------------------------------------------- */

static bool is_branch(unsigned exec)
{
	return exec == VMI_EXEC_jcc || exec == VMI_EXEC_jmp ||
		exec == VMI_EXEC_call || exec == VMI_EXEC_ret;
}

static struct vmi_op *emit_fault(struct builder *b, unsigned vector)
{
	struct vmi_op *op = vmi_lower_emit(b, VMI_INNER_FAULT, vmi_h_fault);

	op->imm = vector;
	vmi_lower_note(b, op)->sees = true;
	b->ended = true;
	return op;
}

/* What the mode forbids: #UD whatever the operands are. */
static bool illegal(const struct builder *b)
{
	const struct vmi_row *row = b->insn.row;

	return (row->attr & VMI_A_PMODE) &&
		!(b->block->key & VMI_KEY_PROT) &&
		row->exec != VMI_EXEC_sysenter &&
		row->exec != VMI_EXEC_sysexit &&
		row->exec != VMI_EXEC_sysret;
}

static void emit_insn(struct builder *b)
{
	const struct vmi_row *row = b->insn.row;

	if (illegal(b)) {
		emit_fault(b, VMI_UD);
		return;
	}
	if (row->how == VMI_HOW_V && (vmi_lower_branch(b) ||
		vmi_lower_value(b)))
		return;
	vmi_lower_helper(b, row->how == VMI_HOW_B || is_branch(row->exec));
}

/* -- The backward pass -------------------------------------------------- */

/* Where nobody looks at the flags, what adds a constant is an addition. */
static void make_addition(struct vmi_op *op, struct note *note)
{
	unsigned shape = op->size >> 4;

	if (op->code == VMI_EXEC_sub && shape == VMI_RI)
		op->imm = 0 - op->imm;
	else if (op->code == VMI_EXEC_inc && shape == VMI_RR)
		op->imm = 1;
	else if (op->code == VMI_EXEC_dec && shape == VMI_RR)
		op->imm = ~0ull;
	else
		return;
	op->code = VMI_EXEC_add;
	op->index = VMI_R_ZERO;
	op->size = (uint8_t)((op->size & 15) | VMI_RI << 4);
	note->value = &vmi_value_add;
	note->a = op->base;
	note->b = VMI_NOREG;
}

static void choose(struct builder *b, struct vmi_op *op, bool live)
{
	struct note *note = vmi_lower_note(b, op);
	unsigned shape, width = op->size & 15;

	if (live)
		op->bits |= VMI_OPF_LIVE;
	else
		make_addition(op, note);
	shape = op->size >> 4;
	note->forms = &note->value->h[shape][width][live];
	if (!note->forms->any)
		note->forms = &note->value->h[shape][width][1];
	op->run = note->forms->any;
}

/*
 * What writes memory may write the code behind it, and then other code than
 * that which was decoded looks at its flags.
 */
static bool stores(const struct vmi_op *op)
{
	unsigned shape = op->size >> 4;

	return (shape == VMI_MR || shape == VMI_MI) &&
		op->code != VMI_EXEC_cmp && op->code != VMI_EXEC_test;
}

static void find_dead_flags(struct builder *b)
{
	unsigned live = VMI_F_ARITH, i = b->n_ops;
	struct vmi_op *op;
	struct note *note;

	while (i-- > 0) {
		op = &b->block->ops[i];
		note = &b->notes[i];
		if (note->value)
			choose(b, op, note->sets & (stores(op) ?
				VMI_F_ARITH : live));
		live = (live & ~note->kills) | note->reads;
		if (note->sees)
			live = VMI_F_ARITH;
	}
}

/* -- The forward pass --------------------------------------------------- */

static bool is_address(const struct vmi_op *op)
{
	return (op->bits & VMI_OPF_MEM) || op->code == VMI_EXEC_lea;
}

/* Of the handlers of an operation, when register `held` is in acc. */
static vmi_handler *best_form(const struct builder *b, const struct vmi_op *op,
	const struct note *note, uint8_t held)
{
	const struct vmi_forms *f = note->forms;
	bool plain = f->p && is_address(op) && op->index == VMI_R_ZERO &&
		(b->block->key & VMI_KEY_64);

	if (plain)
		return op->base == held ? f->pa : f->p;
	if (held == VMI_NOREG)
		return f->any;
	if (f->a && note->a == held)
		return f->a;
	return f->b && note->b == held ? f->b : f->any;
}

/* Operands that can change places do, if acc has the second one. */
static void commute(struct vmi_op *op, struct note *note, uint8_t held)
{
	uint8_t first = op->index;

	if (op->size >> 4 != VMI_RR || (op->bits & VMI_OPF_LIVE) ||
		note->a == held || note->b != held ||
		(op->code != VMI_EXEC_add && op->code != VMI_EXEC_and &&
		op->code != VMI_EXEC_or && op->code != VMI_EXEC_xor))
		return;
	op->index = op->base;
	op->base = first;
	note->a = op->index;
	note->b = op->base;
}

/* Which register acc holds, from operation to operation: see op.h. */
static void find_held(struct builder *b)
{
	uint8_t held = VMI_NOREG;
	struct vmi_op *op;
	struct note *note;
	unsigned i;

	for (i = 0; i < b->n_ops; i++) {
		op = &b->block->ops[i];
		note = &b->notes[i];
		if (note->value && held != VMI_NOREG)
			commute(op, note, held);
		if (note->forms)
			op->run = best_form(b, op, note, held);
		if (!note->passes)
			held = note->makes;
	}
}

/*
 * Where an operation and the next are a pair, the first one's handler does
 * both; the second keeps its own, for who comes to it in another way.
 */
static void find_pairs(struct builder *b)
{
	struct vmi_op *op = b->block->ops + 1, *last = op + b->n_ops - 2;
	vmi_handler *run;

	for (; op < last; op++) {
		run = vmi_pair_of(b->c->steps, op);
		if (run)
			op++->run = run;
	}
}

/* -- Blocks ------------------------------------------------------------- */

/*
 * The next instruction is the last one of the page and ends in the next: it
 * is what it was if that page is where it was and has the same bytes.
 */
static void emit_bridge(struct builder *b, const struct vmi_stream *s)
{
	struct vmi_bridge *bridge = &b->block->bridge;
	size_t beyond = b->ip + b->insn.len - s->own;
	struct vmi_op *op = vmi_lower_emit(b, VMI_INNER_BRIDGE, vmi_h_bridge);

	op->reg = (uint8_t)beyond;
	op->disp = (int32_t)s->own;
	vmi_lower_note(b, op)->sees = true;
	bridge->host = s->next;
	memcpy(bridge->bytes, s->bytes + s->own, beyond);
}

/* The instruction at b->ip, of whose bytes `avail` are there. */
static int decode_here(struct builder *b, const struct vmi_stream *s,
	size_t avail)
{
	struct vmi_code code = { s->bytes + b->ip, avail, b->c->mode,
		b->c->hidden };

	return vmi_decode_code(&code, &b->insn);
}

/* One that ends beyond the page; its faults are left to another time. */
static bool decode_beyond(struct builder *b, const struct vmi_stream *s)
{
	if (!s->next || decode_here(b, s, s->avail - b->ip))
		return false;
	emit_bridge(b, s);
	return true;
}

/* Decode one instruction; false: it does not fit or is none. */
static bool decode(struct builder *b, const struct vmi_stream *s)
{
	int r = decode_here(b, s, (s->next ? s->own : s->avail) - b->ip);
	struct vmi_op *op;

	if (r == 0)
		return true;
	if (r == -EAGAIN)
		return decode_beyond(b, s);
	b->insn = (struct vmi_insn){ .len = 1 };
	op = emit_fault(b, r == -E2BIG ? VMI_GP : VMI_UD);
	op->reg = r == -EILSEQ; /* no instruction at all: the log has it */
	return false;
}

static void emit_fallthrough(struct builder *b)
{
	struct vmi_op *op;

	b->insn.len = 0;
	op = vmi_lower_emit(b, VMI_EXEC_jmp, vmi_h_jmp);
	op->disp = b->ip;
	vmi_lower_links(b);
}

/* An execution point may be at the next instruction. */
static bool cut_before(const struct builder *b)
{
	return vmi_unlikely(b->block->key & VMI_KEY_BREAK) && b->n_insns &&
		vmi_debug_cuts(b->c, b->block->cs_base + b->c->rip + b->ip);
}

int vmi_translate(struct vmi_cpu *c, struct vmi_codeblock *block,
	const struct vmi_stream *s, unsigned limit)
{
	struct builder b = { .c = c, .block = block };
	struct vmi_op *enter = vmi_lower_emit(&b, VMI_INNER_ENTER, vmi_h_enter);

	while (!b.ended && b.n_insns < limit && b.ip < s->own &&
		b.n_ops < VMI_BLOCK_OPS - 8 && !cut_before(&b)) {
		if (!decode(&b, s))
			break;
		emit_insn(&b);
		b.ip += b.insn.len;
		b.n_insns++;
	}
	if (b.n_insns == 0 && !b.ended)
		return -EAGAIN;
	if (b.ended && b.insn.row == NULL)
		b.n_insns++, b.ip++; /* the instruction that faults */
	if (!b.ended)
		emit_fallthrough(&b);
	enter->imm = b.n_insns;
	find_dead_flags(&b);
	find_held(&b);
	if (c->steps)
		find_pairs(&b);
	block->bytes = (uint16_t)(b.ip < s->own ? b.ip : s->own);
	block->n_ops = (uint16_t)b.n_ops;
	return 0;
}
