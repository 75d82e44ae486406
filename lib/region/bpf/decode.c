/* SPDX-License-Identifier: MIT */
/*
 * From verified instructions to operations.
 *
 * Only what the entry reaches becomes operations, in the same order.  A jump
 * backwards goes by way of an operation of its own behind them all, which
 * charges for the way back; so forward jumps cost nothing.
 */
#include <errno.h>

#include "lib/region/bpf/run.h"
#include "lib/sys/sys.h"

struct layout {
	const struct vmi_bpf_code *code;
	uint32_t *at;	 /* of each instruction: its operation + 1; 0: none */
	uint32_t *todo;	 /* a stack of instructions to look at */
	size_t n_todo;
	uint32_t *extent; /* from here to the next function's start */
	size_t n_ops, n_back;
};

/* -- What is reached ---------------------------------------------------- */

static void reach(struct layout *l, size_t i)
{
	if (l->at[i])
		return;
	l->at[i] = 1;
	l->todo[l->n_todo++] = (uint32_t)i;
}

static size_t target(const struct layout *l, size_t i)
{
	return i + 1 + (size_t)(ptrdiff_t)vmi_bpf_distance(&l->code->insns[i]);
}

static bool is_back(const struct layout *l, size_t i)
{
	return vmi_bpf_is_jump(&l->code->insns[i]) && target(l, i) <= i;
}

static bool falls_through(const struct vmi_bpf_insn *insn)
{
	return insn->opcode != VMI_BPF_EXIT_INSN &&
		insn->opcode != (VMI_BPF_JMP | VMI_BPF_JA) &&
		insn->opcode != (VMI_BPF_JMP32 | VMI_BPF_JA);
}

/* `extent` first marks where functions start. */
static void walk(struct layout *l)
{
	const struct vmi_bpf_insn *insn;
	size_t i;

	l->extent[l->code->entry] = 1;
	reach(l, l->code->entry);
	while (l->n_todo) {
		i = l->todo[--l->n_todo];
		insn = &l->code->insns[i];
		if (vmi_bpf_is_local_call(insn))
			l->extent[target(l, i)] = 1;
		if (vmi_bpf_is_jump(insn) || vmi_bpf_is_local_call(insn))
			reach(l, target(l, i));
		if (falls_through(insn))
			reach(l, i + 1 + vmi_bpf_is_wide(insn));
	}
}

static void place(struct layout *l)
{
	uint32_t run = 0;
	size_t i;

	for (i = 0; i < l->code->n; i++) {
		if (!l->at[i])
			continue;
		l->at[i] = (uint32_t)++l->n_ops;
		l->n_back += is_back(l, i);
	}
	for (i = l->code->n; i-- > 0;) {
		bool starts = l->extent[i];

		l->extent[i] = ++run;
		if (starts)
			run = 0;
	}
}

/* -- Operations --------------------------------------------------------- */

static int64_t immediate(const struct layout *l, size_t i)
{
	const struct vmi_bpf_insn *insn = &l->code->insns[i];

	if (vmi_bpf_is_local_call(insn))
		return l->extent[target(l, i)];
	if (!vmi_bpf_is_wide(insn))
		return insn->imm;
	if (insn->src == VMI_BPF_WINDOW)
		return (int64_t)((uintptr_t)l->code->windows[insn->imm].base +
			(uint32_t)insn[1].imm);
	return (int64_t)((uint64_t)(uint32_t)insn[1].imm << 32 |
		(uint32_t)insn->imm);
}

static struct vmi_bpf_op translate(const struct layout *l, size_t i)
{
	const struct vmi_bpf_insn *insn = &l->code->insns[i];
	struct vmi_bpf_op op = {
		.run = vmi_bpf_row(insn)->handler,
		.dst = insn->dst,
		.src = insn->src,
		.off = insn->off,
		.imm = immediate(l, i),
	};

	if (vmi_bpf_is_jump(insn) || vmi_bpf_is_local_call(insn))
		op.off = (int32_t)l->at[target(l, i)] - (int32_t)l->at[i];
	return op;
}

/* Lead a jump backwards to the next charge. */
static void charge(struct vmi_bpf_op *op, struct vmi_bpf_op *stub)
{
	struct vmi_bpf_op *to = op + op->off;

	*stub = (struct vmi_bpf_op){
		.run = vmi_h_bpf_charge,
		.off = (int32_t)(to - stub),
		.imm = op - to + 1,
	};
	op->off = (int32_t)(stub - op);
}

static void emit(const struct layout *l, struct vmi_bpf_op *ops)
{
	struct vmi_bpf_op *stub = ops + l->n_ops;
	size_t i;

	for (i = 0; i < l->code->n; i++) {
		if (!l->at[i])
			continue;
		ops[l->at[i] - 1] = translate(l, i);
		if (is_back(l, i))
			charge(&ops[l->at[i] - 1], stub++);
	}
}

int vmi_bpf_decode(const struct vmi_bpf_code *code, struct vmi_bpf_ops *ops)
{
	struct layout l = { .code = code };
	int err = -ENOMEM;

	l.at = vmi_calloc(3 * code->n, sizeof(*l.at));
	if (!l.at)
		return err;
	l.todo = l.at + code->n;
	l.extent = l.todo + code->n;
	walk(&l);
	place(&l);
	ops->all = vmi_calloc(l.n_ops + l.n_back, sizeof(*ops->all));
	if (ops->all) {
		emit(&l, ops->all);
		ops->entry = ops->all + l.at[code->entry] - 1;
		err = 0;
	}
	vmi_free(l.at);
	return err;
}
