/* SPDX-License-Identifier: MIT */
/* The verifier's view of one instruction. */
#include <errno.h>

#include "lib/region/bpf/helper.h"
#include "lib/region/bpf/prover.h"

int vmi_bpf_prove_read(struct vmi_bpf_prover *p,
	const struct vmi_bpf_state *state, size_t at, unsigned reg)
{
	if (state->r[reg].kind != VMI_BPF_NOTHING)
		return 0;
	return vmi_bpf_refuse(p, at, -EACCES,
		"r%u has no value here, or not on every way the same kind of",
		reg);
}

int vmi_bpf_prove_number(struct vmi_bpf_prover *p,
	const struct vmi_bpf_state *state, size_t at, unsigned reg)
{
	int err = vmi_bpf_prove_read(p, state, at, reg);

	if (!err && vmi_bpf_is_address(&state->r[reg]))
		return vmi_bpf_refuse(p, at, -EACCES,
			"r%u is an address, where a number is wanted", reg);
	return err;
}

/* -- Arithmetic --------------------------------------------------------- */

static struct vmi_bpf_operation operation_of(const struct vmi_bpf_insn *insn)
{
	return (struct vmi_bpf_operation){
		.code = VMI_BPF_CODE(insn->opcode),
		.bits = VMI_BPF_CLASS(insn->opcode) == VMI_BPF_ALU ? 32 : 64,
		.is_signed = insn->off == 1,
	};
}

/*
 * A copy is the same number, and stays so: what a comparison tells of one is
 * known of the other, also when a constant was added to it (compilers compare
 * n - 1 with 6 for 1 <= n <= 7).  The tag is the instruction, whose last copy
 * is meant.
 */
static void copy(struct vmi_bpf_state *state, size_t at, unsigned dst,
	unsigned src)
{
	if (dst == src)
		return;
	if (state->r[src].kind == VMI_BPF_NUMBER && !state->r[src].tag &&
		!vmi_bpf_num_is_const(&state->r[src].n)) {
		vmi_bpf_state_untag(state, (uint32_t)at + 1);
		state->r[src].tag = (uint32_t)at + 1;
		state->r[src].delta = 0;
	}
	state->r[dst] = state->r[src];
}

static int prove_mov(struct vmi_bpf_prover *p, struct vmi_bpf_state *state,
	size_t at)
{
	const struct vmi_bpf_insn *insn = &p->code->insns[at];
	bool is_half = VMI_BPF_CLASS(insn->opcode) == VMI_BPF_ALU;
	struct vmi_bpf_num n;
	int err;

	if (!is_half && !insn->off) {
		err = vmi_bpf_prove_read(p, state, at, insn->src);
		if (!err)
			copy(state, at, insn->dst, insn->src);
		return err;
	}
	err = vmi_bpf_prove_number(p, state, at, insn->src);
	if (err)
		return err;
	n = state->r[insn->src].n;
	if (!insn->off && n.whole.umax <= UINT32_MAX) {
		copy(state, at, insn->dst, insn->src);
		return 0;
	}
	if (insn->off)
		n = vmi_bpf_num_sext(&n, (unsigned)insn->off);
	if (is_half)
		n = vmi_bpf_num_zext(&n, 32);
	state->r[insn->dst] = vmi_bpf_value_number(n);
	return 0;
}

/* An address moves by a number; two in one object have a distance. */
static int prove_address(struct vmi_bpf_prover *p,
	struct vmi_bpf_state *state, size_t at, const struct vmi_bpf_value *b)
{
	const struct vmi_bpf_insn *insn = &p->code->insns[at];
	struct vmi_bpf_operation o = operation_of(insn);
	struct vmi_bpf_value *a = &state->r[insn->dst], to = *a;
	bool is_add = o.code == VMI_BPF_ADD, is_sub = o.code == VMI_BPF_SUB;

	to.n = vmi_bpf_num_compute(&o, &a->n, &b->n);
	if (o.bits == 64 && is_sub && b->kind == a->kind &&
		b->object == a->object) {
		*a = vmi_bpf_value_number(to.n);
		return 0;
	}
	if (o.bits == 32 || (!is_add && !is_sub) ||
		(vmi_bpf_is_address(a) && vmi_bpf_is_address(b)) ||
		(is_sub && vmi_bpf_is_address(b)))
		return vmi_bpf_refuse(p, at, -EACCES,
			"of an address a number can be added and subtracted, "
			"in 64 bits, and nothing else be made");
	if (vmi_bpf_is_address(b)) {
		to.kind = b->kind;
		to.object = b->object;
	}
	to.tag = 0;
	*a = to;
	return 0;
}

static int prove_swap(struct vmi_bpf_prover *p, struct vmi_bpf_state *state,
	size_t at)
{
	const struct vmi_bpf_insn *insn = &p->code->insns[at];
	int err = vmi_bpf_prove_number(p, state, at, insn->dst);
	struct vmi_bpf_num n = state->r[insn->dst].n;
	unsigned bits = (unsigned)insn->imm;
	bool is_le = insn->opcode == (VMI_BPF_ALU | VMI_BPF_END);

	if (err)
		return err;
	n = is_le ? vmi_bpf_num_zext(&n, bits) : vmi_bpf_num_swap(&n, bits);
	state->r[insn->dst] = vmi_bpf_value_number(n);
	return 0;
}

static int prove_neg(struct vmi_bpf_prover *p, struct vmi_bpf_state *state,
	size_t at)
{
	const struct vmi_bpf_insn *insn = &p->code->insns[at];
	const struct vmi_bpf_num zero = vmi_bpf_num_const(0);
	struct vmi_bpf_operation o = operation_of(insn);
	int err = vmi_bpf_prove_number(p, state, at, insn->dst);

	o.code = VMI_BPF_SUB;
	if (!err)
		state->r[insn->dst] = vmi_bpf_value_number(vmi_bpf_num_compute(
			&o, &zero, &state->r[insn->dst].n));
	return err;
}

static int prove_alu(struct vmi_bpf_prover *p, struct vmi_bpf_state *state,
	size_t at)
{
	const struct vmi_bpf_insn *insn = &p->code->insns[at];
	struct vmi_bpf_operation o = operation_of(insn);
	struct vmi_bpf_value b = vmi_bpf_value_number(
		vmi_bpf_num_const((uint64_t)(int64_t)insn->imm));
	struct vmi_bpf_value *a = &state->r[insn->dst];
	int err = 0;

	if (o.code == VMI_BPF_END)
		return prove_swap(p, state, at);
	if (o.code == VMI_BPF_NEG)
		return prove_neg(p, state, at);
	if (o.code == VMI_BPF_MOV && (insn->opcode & VMI_BPF_X))
		return prove_mov(p, state, at);
	if (insn->opcode & VMI_BPF_X) {
		err = vmi_bpf_prove_read(p, state, at, insn->src);
		b = state->r[insn->src];
	}
	if (!err && o.code != VMI_BPF_MOV)
		err = vmi_bpf_prove_read(p, state, at, insn->dst);
	if (err)
		return err;
	if (o.code != VMI_BPF_MOV &&
		(vmi_bpf_is_address(a) || vmi_bpf_is_address(&b)))
		return prove_address(p, state, at, &b);
	b = vmi_bpf_value_number(vmi_bpf_num_compute(&o, &a->n, &b.n));
	if (a->tag && insn->opcode == (VMI_BPF_ALU64 | VMI_BPF_ADD)) {
		b.tag = a->tag;
		b.delta = a->delta + (uint64_t)(int64_t)insn->imm;
	}
	*a = b;
	return 0;
}

/* -- Memory ------------------------------------------------------------- */

static int prove_ldx(struct vmi_bpf_prover *p, struct vmi_bpf_state *state,
	size_t at)
{
	const struct vmi_bpf_insn *insn = &p->code->insns[at];
	const struct vmi_bpf_touch touch = { at, insn->src, insn->off,
		vmi_bpf_bytes(insn) };
	struct vmi_bpf_value v;
	int err = vmi_bpf_prove_load(p, state, &touch, &v);

	if (err)
		return err;
	if (VMI_BPF_MODE(insn->opcode) == VMI_BPF_MEMSX)
		v = vmi_bpf_value_number(
			vmi_bpf_num_sext(&v.n, 8 * touch.bytes));
	state->r[insn->dst] = v;
	return 0;
}

static int prove_st(struct vmi_bpf_prover *p, struct vmi_bpf_state *state,
	size_t at)
{
	const struct vmi_bpf_insn *insn = &p->code->insns[at];
	const struct vmi_bpf_touch touch = { at, insn->dst, insn->off,
		vmi_bpf_bytes(insn) };
	struct vmi_bpf_value v = vmi_bpf_value_number(
		vmi_bpf_num_const((uint64_t)(int64_t)insn->imm));
	int err = 0;

	if (VMI_BPF_CLASS(insn->opcode) == VMI_BPF_STX) {
		err = vmi_bpf_prove_read(p, state, at, insn->src);
		v = state->r[insn->src];
	}
	return err ? err : vmi_bpf_prove_store(p, state, &touch, &v);
}

/* What was there comes to a register, and is a number. */
static int prove_atomic(struct vmi_bpf_prover *p,
	struct vmi_bpf_state *state, size_t at)
{
	const struct vmi_bpf_insn *insn = &p->code->insns[at];
	const struct vmi_bpf_touch touch = { at, insn->dst, insn->off,
		vmi_bpf_bytes(insn) };
	const struct vmi_bpf_value any =
		vmi_bpf_value_number(vmi_bpf_num_unknown());
	struct vmi_bpf_value old;
	int err = vmi_bpf_prove_number(p, state, at, insn->src);

	if (!err && insn->imm == VMI_BPF_CMPXCHG)
		err = vmi_bpf_prove_number(p, state, at, 0);
	if (!err)
		err = vmi_bpf_prove_load(p, state, &touch, &old);
	if (!err && vmi_bpf_is_address(&old))
		err = vmi_bpf_refuse(p, at, -EACCES,
			"an address is kept there, where a number is wanted");
	if (!err)
		err = vmi_bpf_prove_store(p, state, &touch, &any);
	if (err || !(insn->imm & VMI_BPF_FETCH))
		return err;
	state->r[insn->imm == VMI_BPF_CMPXCHG ? 0 : insn->src] =
		vmi_bpf_value_number(vmi_bpf_num_between(
			0, UINT64_MAX >> (64 - 8 * touch.bytes)));
	return 0;
}

static int prove_lddw(struct vmi_bpf_prover *p, struct vmi_bpf_state *state,
	size_t at)
{
	const struct vmi_bpf_insn *insn = &p->code->insns[at];
	uint64_t high = (uint32_t)insn[1].imm;
	struct vmi_bpf_value v;

	if (insn->src == VMI_BPF_WINDOW) {
		v = vmi_bpf_value_address(VMI_BPF_MEMORY,
			(unsigned)insn->imm);
		v.n = vmi_bpf_num_const(high);
	} else {
		v = vmi_bpf_value_number(vmi_bpf_num_const(
			high << 32 | (uint32_t)insn->imm));
	}
	state->r[insn->dst] = v;
	return 0;
}

/* -- Helpers ------------------------------------------------------------ */

static int prove_helper(struct vmi_bpf_prover *p,
	struct vmi_bpf_state *state, size_t at)
{
	const struct vmi_bpf_helper *helper = vmi_bpf_helper(
		(uint32_t)p->code->insns[at].imm);
	unsigned i;
	int err;

	for (i = 1; i <= helper->n_args; i++) {
		err = vmi_bpf_prove_number(p, state, at, i);
		if (err)
			return err;
	}
	state->r[0] = vmi_bpf_value_number(
		vmi_bpf_num_signed(helper->least, helper->greatest));
	for (i = 1; i <= 5; i++)
		state->r[i].kind = VMI_BPF_NOTHING;
	return 0;
}

int vmi_bpf_prove_plain(struct vmi_bpf_prover *p,
	struct vmi_bpf_state *state, size_t at)
{
	const struct vmi_bpf_insn *insn = &p->code->insns[at];

	switch (VMI_BPF_CLASS(insn->opcode)) {
	case VMI_BPF_ALU:
	case VMI_BPF_ALU64: return prove_alu(p, state, at);
	case VMI_BPF_LD: return prove_lddw(p, state, at);
	case VMI_BPF_LDX: return prove_ldx(p, state, at);
	case VMI_BPF_ST: return prove_st(p, state, at);
	case VMI_BPF_STX:
		if (VMI_BPF_MODE(insn->opcode) == VMI_BPF_ATOMIC)
			return prove_atomic(p, state, at);
		return prove_st(p, state, at);
	default: return prove_helper(p, state, at);
	}
}
