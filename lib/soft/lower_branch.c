/* SPDX-License-Identifier: MIT */
/* Near branches and the stack, where it is flat; fused comparisons. */
#include "lib/soft/lower.h"

/* Whether the stack is flat and the operand as wide as its pointer. */
static bool plain_stack(const struct builder *b)
{
	if (b->block->key & VMI_KEY_64)
		return b->insn.opsize == 8;
	return (b->block->key & VMI_KEY_FLAT) &&
		(b->block->key & VMI_KEY_SS32) && b->insn.opsize == 4;
}

/* A branch beyond the code segment's end faults itself: left to helpers. */
static bool plain_code(const struct builder *b)
{
	return b->block->cs_limit == UINT32_MAX;
}

static struct vmi_op *stack_op(struct builder *b, unsigned code,
	const struct vmi_forms *forms, uint8_t reg)
{
	struct vmi_op *op = vmi_lower_emit_forms(b, code, forms, VMI_RSP);

	op->reg = reg;
	/* POP RSP leaves what was popped there. */
	if (code == VMI_EXEC_push || reg != VMI_RSP)
		vmi_lower_note(b, op)->makes = VMI_RSP;
	op->imm = b->insn.imm;
	op->size = vmi_log2(b->insn.opsize);
	op->bits = VMI_SS << 4;
	vmi_lower_note(b, op)->sees = true;
	return op;
}

static bool emit_push(struct builder *b)
{
	const struct vmi_insn *i = &b->insn;
	bool wide = i->opsize == 8;

	if (!plain_stack(b) || vmi_operand_is_memory(i, 0))
		return false;
	if (vmi_operand_is_imm(i, 0))
		stack_op(b, VMI_EXEC_push, &vmi_f_push_i[wide], VMI_R_ZERO)
			->size |= VMI_RI << 4;
	else
		stack_op(b, VMI_EXEC_push, &vmi_f_push_r[wide],
			vmi_operand_number(i, 0));
	return true;
}

static bool emit_pop(struct builder *b)
{
	const struct vmi_insn *i = &b->insn;

	if (!plain_stack(b) || vmi_operand_is_memory(i, 0))
		return false;
	stack_op(b, VMI_EXEC_pop, &vmi_f_pop[i->opsize == 8],
		vmi_operand_number(i, 0));
	return true;
}

void vmi_lower_links(struct builder *b)
{
	struct vmi_op *op = vmi_lower_emit(b, VMI_INNER_LINKS, vmi_h_end);

	memset(op, 0, sizeof(*op));
	b->ended = true;
}

/* A 16-bit operand size cuts the target, which is in most segments then. */
static bool is_narrow(const struct builder *b)
{
	return b->insn.opsize == 2 &&
		(b->block->key & VMI_KEY_MODE) != VMI_KEY_64;
}

/* The distance of a direct branch from the block's start, if it fits. */
static bool branch_distance(const struct builder *b, int32_t *distance)
{
	int64_t d = (int64_t)b->insn.imm + b->ip + b->insn.len;

	*distance = (int32_t)d;
	return d == (int32_t)d && (is_narrow(b) ?
		b->block->cs_limit >= 0xffff : plain_code(b));
}

static void set_distance(const struct builder *b, struct vmi_op *op,
	int32_t distance)
{
	op->disp = distance;
	op->bits &= (uint8_t)~VMI_OPF_IP16;
	if (is_narrow(b))
		op->bits |= VMI_OPF_IP16;
}

static bool can_fuse(struct builder *b, struct vmi_op *prev)
{
	unsigned shape = prev->size >> 4;

	if (prev->n + 1u != b->n_insns || (prev->code != VMI_EXEC_cmp &&
		prev->code != VMI_EXEC_test) || !vmi_lower_note(b, prev)->value)
		return false;
	return (prev->size & 15) <= 3 && shape < VMI_SHAPES;
}

/* cmp or test with a memory operand: load it first, compare registers. */
static struct vmi_op *unfold_memory(struct builder *b, struct vmi_op *prev)
{
	unsigned shape = prev->size >> 4, width = prev->size & 15;
	/* Operand 1 may be in T1 already: AH to BH. */
	uint8_t loaded = shape == VMI_RM ? VMI_R_T2 : VMI_R_T1;
	struct vmi_op was = *prev, *op;
	struct note note = *vmi_lower_note(b, prev);

	if (shape == VMI_RR || shape == VMI_RI)
		return prev;
	prev->code = VMI_EXEC_mov;
	prev->reg = loaded;
	prev->size = (uint8_t)(width | VMI_RM << 4);
	*vmi_lower_note(b, prev) = (struct note){ .sees = true,
		.value = &vmi_value_mov, .a = VMI_NOREG, .b = VMI_NOREG,
		.makes = loaded };
	op = vmi_lower_emit(b, was.code, NULL);
	op->ip = was.ip;
	op->n = was.n;
	op->len = was.len;
	op->imm = was.imm;
	op->reg = shape == VMI_RM ? was.reg : loaded;
	op->base = shape == VMI_RM ? loaded : was.reg;
	op->size = (uint8_t)(width | (shape == VMI_MI ? VMI_RI : VMI_RR) << 4);
	note.a = op->reg;
	note.b = op->base;
	note.sees = false;
	*vmi_lower_note(b, op) = note;
	return op;
}

static bool fuse(struct builder *b, int32_t distance)
{
	struct vmi_op *prev = &b->block->ops[b->n_ops - 1];
	const struct vmi_forms *forms;
	unsigned shape;

	if (!can_fuse(b, prev))
		return false;
	prev = unfold_memory(b, prev);
	shape = prev->size >> 4;
	forms = &vmi_f_cmpjcc[prev->code == VMI_EXEC_test]
		[shape == VMI_RI][prev->size & 15][b->insn.opcode & 15];
	prev->run = forms->any;
	prev->scale = b->insn.opcode & 15;
	prev->index = (uint8_t)(prev->code == VMI_EXEC_test);
	prev->code = VMI_INNER_CMPJCC;
	set_distance(b, prev, distance);
	prev->len = (uint8_t)(b->ip - prev->ip + b->insn.len);
	*vmi_lower_note(b, prev) = (struct note){ .kills = VMI_F_ARITH,
		.forms = forms, .a = prev->reg,
		.b = shape == VMI_RI ? VMI_NOREG : prev->base,
		.makes = VMI_NOREG };
	vmi_lower_links(b);
	return true;
}

static bool emit_jcc(struct builder *b)
{
	unsigned cc = b->insn.opcode & 15;
	int32_t distance;
	struct vmi_op *op;

	if (!branch_distance(b, &distance))
		return false;
	if (b->n_ops > 1 && fuse(b, distance))
		return true;
	op = vmi_lower_emit(b, VMI_EXEC_jcc, vmi_h_jcc[cc]);
	op->imm = cc;
	set_distance(b, op, distance);
	vmi_lower_note(b, op)->reads = VMI_F_ARITH;
	vmi_lower_links(b);
	return true;
}

/* The register that holds where an indirect branch leads: T1 if loaded. */
static uint8_t branch_target(struct builder *b)
{
	const struct vmi_insn *i = &b->insn;
	unsigned width = vmi_log2(i->opsize);
	struct address a;
	struct vmi_op *op;

	if (!vmi_operand_is_memory(i, 0))
		return i->rm;
	a = vmi_address_resolve(b, i->opsize, VMI_MEM_READ);
	op = vmi_lower_emit_forms(b, VMI_EXEC_mov,
		&vmi_value_mov.h[VMI_RM][width][0], VMI_NOREG);
	vmi_address_set(op, &a);
	op->reg = VMI_R_T1;
	vmi_lower_note(b, op)->makes = VMI_R_T1;
	op->size = (uint8_t)(width | VMI_RM << 4);
	op->bits = (uint8_t)(VMI_OPF_MEM | i->seg << 4);
	vmi_lower_note(b, op)->sees = true;
	return VMI_R_T1;
}

static bool emit_jmp(struct builder *b)
{
	const struct vmi_insn *i = &b->insn;
	int32_t distance;
	struct vmi_op *op;
	uint8_t target;

	if (vmi_operands[i->row->op[0]].kind != VMI_OPK_REL) {
		if (i->opsize == 2 || !plain_code(b))
			return false;
		target = branch_target(b);
		op = vmi_lower_emit_forms(b, VMI_EXEC_jmp, &vmi_f_jmp_r,
			target);
		op->base = target;
		op->size = vmi_log2(i->opsize);
		b->ended = true;
		return true;
	}
	if (!branch_distance(b, &distance))
		return false;
	op = vmi_lower_emit(b, VMI_EXEC_jmp, vmi_h_jmp);
	set_distance(b, op, distance);
	vmi_lower_links(b);
	return true;
}

static bool emit_call(struct builder *b)
{
	const struct vmi_insn *i = &b->insn;
	bool wide = i->opsize == 8;
	int32_t distance = 0;
	struct vmi_op *op;
	uint8_t target;

	if (!plain_stack(b) || !plain_code(b))
		return false;
	if (vmi_operands[i->row->op[0]].kind != VMI_OPK_REL) {
		target = branch_target(b);
		op = vmi_lower_emit_forms(b, VMI_EXEC_call,
			&vmi_f_call_r[wide], target);
		op->base = target;
		b->ended = true;
	} else {
		if (!branch_distance(b, &distance))
			return false;
		op = vmi_lower_emit_forms(b, VMI_EXEC_call, &vmi_f_call[wide],
			VMI_RSP);
		op->disp = distance;
	}
	op->size = vmi_log2(i->opsize);
	op->bits = VMI_SS << 4;
	vmi_lower_note(b, op)->sees = true;
	if (!b->ended)
		vmi_lower_links(b);
	return true;
}

static bool emit_ret(struct builder *b)
{
	const struct vmi_insn *i = &b->insn;
	struct vmi_op *op;

	if (!plain_stack(b) || !plain_code(b))
		return false;
	op = vmi_lower_emit_forms(b, VMI_EXEC_ret,
		&vmi_f_ret[i->opsize == 8], VMI_RSP);
	op->imm = i->row->op[0] == VMI_OP_Iw ? i->imm : 0;
	op->size = vmi_log2(i->opsize);
	op->bits = VMI_SS << 4;
	vmi_lower_note(b, op)->sees = true;
	b->ended = true;
	return true;
}

bool vmi_lower_branch(struct builder *b)
{
	switch (b->insn.row->exec) {
	case VMI_EXEC_push: return emit_push(b);
	case VMI_EXEC_pop: return emit_pop(b);
	case VMI_EXEC_jcc: return emit_jcc(b);
	case VMI_EXEC_jmp: return emit_jmp(b);
	case VMI_EXEC_call: return emit_call(b);
	case VMI_EXEC_ret: return emit_ret(b);
	default: return false;
	}
}
