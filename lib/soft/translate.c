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
#include "lib/soft/translate.h"

#include <errno.h>

#include "lib/soft/engine.h"
#include "lib/soft/simd.h"

/* What decoding knows of an operation and the backward pass needs. */
struct note {
	const struct vmi_value *value; /* handlers to choose from, or NULL */
	uint16_t reads, sets, kills; /* VMI_F_ */
	bool sees; /* may fault or exit: all flags are seen */
};

struct builder {
	struct vmi_cpu *c;
	struct vmi_codeblock *block;
	struct vmi_insn insn;
	unsigned n_ops, n_insns;
	uint16_t ip;
	bool ended;
	struct note notes[VMI_BLOCK_OPS];
};

static uint8_t log2_of(unsigned bytes)
{
	return (uint8_t)__builtin_ctz(bytes ? bytes : 1);
}

static struct vmi_op *emit(struct builder *b, unsigned code, vmi_handler *run)
{
	struct vmi_op *op = &b->block->ops[b->n_ops];

	memset(op, 0, sizeof(*op));
	memset(&b->notes[b->n_ops], 0, sizeof(struct note));
	b->n_ops++;
	op->run = run;
	op->code = (uint16_t)code;
	op->ip = b->ip;
	op->n = (uint8_t)b->n_insns;
	op->len = b->insn.len;
	op->base = op->index = VMI_R_ZERO;
	return op;
}

static struct note *note_of(struct builder *b, const struct vmi_op *op)
{
	return &b->notes[op - b->block->ops];
}

/* -- Addresses ---------------------------------------------------------- */

/* The fields of an address, before they are put into an operation. */
struct address {
	uint8_t base, index, scale;
	int32_t disp;
};

static uint8_t reg_or_zero(uint8_t reg)
{
	return reg == VMI_NOREG ? VMI_R_ZERO : reg;
}

static void address_set(struct vmi_op *op, const struct address *a)
{
	op->base = a->base;
	op->index = a->index;
	op->scale = a->scale;
	op->disp = a->disp;
}

static struct address raw_address(const struct builder *b)
{
	const struct vmi_insn *i = &b->insn;
	struct address a = { .base = reg_or_zero(i->base),
		.index = reg_or_zero(i->index), .scale = log2_of(i->scale),
		.disp = (int32_t)i->disp };

	return a;
}

/* T0 = the operand's offset or address; what is left is added to it. */
static struct vmi_op *emit_ea(struct builder *b, const struct address *a,
	vmi_handler *run)
{
	struct vmi_op *op = emit(b, VMI_INNER_EA, run);

	address_set(op, a);
	op->reg = VMI_R_T0;
	op->size = (uint8_t)(log2_of(b->insn.addrsize) << 4);
	op->bits = (uint8_t)(b->insn.seg << 4);
	return op;
}

static struct address after_ea(uint8_t index)
{
	struct address a = { .base = VMI_R_T0, .index = index };

	return a;
}

/* In 64-bit mode only FS and GS have a base, and nothing has a limit. */
static struct address address_64(struct builder *b)
{
	const struct vmi_insn *i = &b->insn;
	bool based = i->seg == VMI_FS || i->seg == VMI_GS;
	uint8_t seg = (uint8_t)(based ? VMI_R_SEG + i->seg : VMI_R_ZERO);
	struct address a = raw_address(b), rest;
	bool narrow = i->addrsize != 8;

	if (i->rip_relative) {
		a.base = VMI_R_BLOCK;
		if (narrow || based || i->disp > INT32_MAX - 4096) {
			emit_ea(b, &a, vmi_h_ea)->size = 3 << 4;
			rest = after_ea(seg);
			rest.disp = b->ip + i->len;
			if (!narrow)
				return rest;
			emit_ea(b, &rest, vmi_h_ea);
			return after_ea(VMI_R_ZERO);
		}
		a.disp += b->ip + i->len;
		return a;
	}
	if (!narrow && !based)
		return a;
	if (!narrow && a.index == VMI_R_ZERO) {
		a.index = a.base;
		a.base = seg;
		a.scale = 0;
		return a;
	}
	emit_ea(b, &a, vmi_h_ea);
	return after_ea(seg);
}

static bool flat(const struct builder *b)
{
	unsigned seg = b->insn.seg;

	return (b->block->key & VMI_KEY_FLAT) && b->insn.addrsize == 4 &&
		(seg == VMI_DS || seg == VMI_SS || seg == VMI_ES);
}

/* MOFFS: an address of up to 64 bits, all displacement. */
static struct address address_moffs(struct builder *b)
{
	struct vmi_op *op;

	op = emit(b, VMI_INNER_CONST, vmi_h_const);
	op->reg = VMI_R_T1;
	op->imm = (uint64_t)b->insn.disp;
	b->insn.base = VMI_R_T1;
	b->insn.index = VMI_NOREG;
	b->insn.disp = 0;
	return raw_address(b);
}

/* The memory operand, `bytes` long, as base + index << scale + disp. */
static struct address resolve(struct builder *b, unsigned bytes,
	unsigned access)
{
	struct address a;
	struct vmi_op *op;

	if (b->insn.disp != (int32_t)b->insn.disp)
		a = address_moffs(b);
	if (b->block->key & VMI_KEY_64)
		return address_64(b);
	a = raw_address(b);
	if (flat(b))
		return a;
	op = emit_ea(b, &a, vmi_h_ea_check);
	op->imm = bytes | (uint64_t)access << 16;
	note_of(b, op)->sees = true;
	return after_ea(VMI_R_ZERO);
}

/* -- Operands ----------------------------------------------------------- */

static bool is_memory(const struct vmi_insn *i, unsigned n)
{
	switch (vmi_operands[i->row->op[n]].kind) {
	case VMI_OPK_MEM:
	case VMI_OPK_MOFFS:
		return true;
	case VMI_OPK_RM:
	case VMI_OPK_MMRM:
	case VMI_OPK_XMMRM:
		return i->mod != 3;
	default:
		return false;
	}
}

static int memory_operand(const struct vmi_insn *i)
{
	unsigned n;

	for (n = 0; n < 3; n++) {
		if (is_memory(i, n))
			return (int)n;
	}
	return -1;
}

static bool is_imm(const struct vmi_insn *i, unsigned n)
{
	unsigned kind = vmi_operands[i->row->op[n]].kind;

	return kind == VMI_OPK_IMM || kind == VMI_OPK_SIMM ||
		kind == VMI_OPK_ONE;
}

/* The register number of operand n, or VMI_NOREG. */
static uint8_t register_of(const struct vmi_insn *i, unsigned n)
{
	switch (vmi_operands[i->row->op[n]].kind) {
	case VMI_OPK_RM:
	case VMI_OPK_MMRM:
	case VMI_OPK_XMMRM:
		return i->rm;
	case VMI_OPK_REG:
	case VMI_OPK_SREG:
	case VMI_OPK_CR:
	case VMI_OPK_DR:
	case VMI_OPK_MM:
	case VMI_OPK_XMM:
		return i->reg;
	case VMI_OPK_OPREG:
		return i->opreg;
	case VMI_OPK_ACC:
		return VMI_RAX;
	case VMI_OPK_CREG:
		return VMI_RCX;
	case VMI_OPK_DREG:
		return VMI_RDX;
	case VMI_OPK_SEG:
		return (uint8_t)(i->row->op[n] - VMI_OP_ES);
	case VMI_OPK_STI:
		return i->rm;
	default:
		return VMI_NOREG;
	}
}

static bool is_high(const struct vmi_insn *i, unsigned n)
{
	unsigned kind = vmi_operands[i->row->op[n]].kind;

	if (kind != VMI_OPK_RM && kind != VMI_OPK_REG && kind != VMI_OPK_OPREG)
		return false;
	return vmi_operand_bytes(i, n) == 1 && !is_memory(i, n) &&
		vmi_reg8_is_high(i, register_of(i, n));
}

/* AH-BH of operand n: copied to T1 or T2, whose number is returned. */
static uint8_t operand_register(struct builder *b, unsigned n)
{
	uint8_t reg = register_of(&b->insn, n);
	struct vmi_op *op;

	if (reg == VMI_NOREG || !is_high(&b->insn, n))
		return reg;
	op = emit(b, VMI_INNER_GETHI, vmi_h_gethi);
	op->reg = (uint8_t)(n ? VMI_R_T2 : VMI_R_T1);
	op->base = (uint8_t)(reg - 4);
	return op->reg;
}

static void put_back(struct builder *b, unsigned n)
{
	struct vmi_op *op;

	if (!is_high(&b->insn, n))
		return;
	op = emit(b, VMI_INNER_PUTHI, vmi_h_puthi);
	op->base = (uint8_t)(n ? VMI_R_T2 : VMI_R_T1);
	op->reg = (uint8_t)(register_of(&b->insn, n) - 4);
}

static void put_back_written(struct builder *b)
{
	uint32_t attr = b->insn.row->attr;

	if (attr & VMI_A_W2)
		put_back(b, 1);
	if (attr & (VMI_A_WO | VMI_A_RW))
		put_back(b, 0);
}

static uint64_t immediate(const struct vmi_insn *i, unsigned n)
{
	return vmi_operands[i->row->op[n]].kind == VMI_OPK_ONE ? 1 : i->imm;
}

/* Operand 1 is no register or memory of the operand size. */
static bool sized_by_prefix(const struct vmi_insn *i)
{
	switch (i->row->exec) {
	case VMI_EXEC_call_far:
	case VMI_EXEC_jmp_far:
	case VMI_EXEC_ret_far:
	case VMI_EXEC_push_sreg:
	case VMI_EXEC_pop_sreg:
	case VMI_EXEC_enter:
		return true;
	default:
		return false;
	}
}

static uint8_t size_of(const struct vmi_insn *i)
{
	unsigned bytes = vmi_operand_bytes(i, 0);

	if (sized_by_prefix(i))
		return log2_of(i->opsize);
	if (bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8 &&
		bytes != 16)
		bytes = i->opsize;
	return log2_of(bytes);
}

/* The size a helper is told. */
static unsigned helper_bytes(const struct vmi_insn *i)
{
	return sized_by_prefix(i) ? i->opsize : vmi_form_bytes(i);
}

static uint8_t prefix_bits(const struct vmi_insn *i)
{
	return (uint8_t)((i->prefixes & VMI_PFX_LOCK ? VMI_OPF_LOCK : 0) |
		(i->prefixes & VMI_PFX_F3 ? VMI_OPF_REP : 0) |
		(i->prefixes & VMI_PFX_F2 ? VMI_OPF_REPNE : 0) | (i->seg << 4));
}

static unsigned memory_access(const struct vmi_insn *i, int n)
{
	uint32_t written = n == 0 ? VMI_A_WO | VMI_A_RW : n == 1 ? VMI_A_W2 : 0;

	return i->row->attr & written ? VMI_MEM_WRITE : VMI_MEM_READ;
}

/* Areas whose size is no operand letter. */
static unsigned area_bytes(const struct vmi_insn *i)
{
	switch (i->row->exec) {
	case VMI_EXEC_fxsave:
	case VMI_EXEC_fxrstor:
		return 512;
	case VMI_EXEC_xsave:
	case VMI_EXEC_xsaveopt:
	case VMI_EXEC_xrstor:
		return VMI_XSAVE_BYTES;
	case VMI_EXEC_fldenv:
	case VMI_EXEC_fnstenv:
		return i->opsize == 2 ? 14 : 28;
	case VMI_EXEC_fnsave:
	case VMI_EXEC_frstor:
		return i->opsize == 2 ? 94 : 108;
	default:
		return 1;
	}
}

/* Bytes of the memory operand, for its limit check. */
static unsigned memory_bytes(const struct vmi_insn *i, unsigned n)
{
	unsigned bytes = vmi_operand_bytes(i, n);

	return bytes ? bytes : area_bytes(i);
}

/* -- Helpers ------------------------------------------------------------ */

/* Which register operand goes into `reg`, and which into `base`. */
static bool is_base_kind(unsigned kind)
{
	return kind == VMI_OPK_RM || kind == VMI_OPK_MMRM ||
		kind == VMI_OPK_XMMRM || kind == VMI_OPK_STI;
}

static void helper_registers(struct builder *b, uint8_t *reg, uint8_t *base)
{
	const struct vmi_insn *i = &b->insn;
	unsigned n, kind;
	uint8_t r;

	for (n = 0; n < 3; n++) {
		if (is_memory(i, n))
			continue;
		r = operand_register(b, n);
		kind = vmi_operands[i->row->op[n]].kind;
		if (r == VMI_NOREG || kind == VMI_OPK_CREG ||
			kind == VMI_OPK_DREG)
			continue;
		if (is_base_kind(kind))
			*base = r;
		else if (kind != VMI_OPK_ACC || *reg == VMI_NOREG)
			*reg = r;
	}
}

/* Helpers that are told their operands' form want the address in T0 alone. */
static struct address in_t0_alone(struct builder *b, struct address a)
{
	struct vmi_op *op;

	if (a.base == VMI_R_T0 && a.index == VMI_R_ZERO && !a.disp)
		return a;
	op = emit_ea(b, &a, vmi_h_ea);
	if (b->block->key & VMI_KEY_64)
		op->size = 3 << 4;
	return after_ea(VMI_R_ZERO);
}

static struct address helper_address(struct builder *b, int mem,
	unsigned form)
{
	struct vmi_insn *i = &b->insn;
	struct address a;

	/* SDM 2B POP: the address is computed with RSP as it is afterwards. */
	if (i->row->exec == VMI_EXEC_pop && i->base == VMI_RSP)
		i->disp += i->opsize;
	a = resolve(b, memory_bytes(i, (unsigned)mem), memory_access(i, mem));
	return form ? in_t0_alone(b, a) : a;
}

static void emit_helper(struct builder *b, bool ends)
{
	const struct vmi_insn *i = &b->insn;
	unsigned form = vmi_form_of(i);
	uint8_t reg = VMI_NOREG, base = VMI_R_ZERO;
	int mem = memory_operand(i);
	struct address a = { 0 };
	struct vmi_op *op;

	if (mem >= 0)
		a = helper_address(b, mem, form);
	helper_registers(b, &reg, &base);
	op = emit(b, i->row->exec, ends ? vmi_h_helper_end : vmi_h_helper);
	op->imm = i->row->attr & (VMI_A_MMXOP | VMI_A_SSEOP) ?
		vmi_simd_imm(i) : vmi_form_imm(i);
	if (i->row->op[0] == VMI_OP_Ap)
		op->disp = (int32_t)i->imm2;
	op->reg = reg == VMI_NOREG ? 0 : reg;
	op->size = (uint8_t)(log2_of(helper_bytes(i)) |
		log2_of(i->addrsize) << 4);
	op->bits = prefix_bits(i);
	if (mem >= 0) {
		address_set(op, &a);
		op->bits |= VMI_OPF_MEM;
	} else {
		op->base = base;
	}
	op->scale |= (uint8_t)(form << 2);
	note_of(b, op)->sees = true;
	if (ends)
		b->ended = true;
	else
		put_back_written(b);
}

/* -- Value operations --------------------------------------------------- */

static void note_flags(struct builder *b, const struct vmi_op *op)
{
	const struct vmi_row *row = b->insn.row;
	struct note *note = note_of(b, op);

	note->reads = row->tested & VMI_F_ARITH;
	note->sets = (row->written | row->undefined) & VMI_F_ARITH;
	note->kills = note->sets;
	/* A count of 0 leaves the flags, and one in CL may be 0. */
	if ((row->attr & VMI_A_FKEEP) && !(is_imm(&b->insn, 1) &&
		(op->imm & ((op->size & 15) == 3 ? 63 : 31)))) {
		note->reads = VMI_F_ARITH;
		note->kills = 0;
	}
	if (op->bits & VMI_OPF_MEM)
		note->sees = true;
}

static enum vmi_shape shape_of(const struct vmi_insn *i, int mem)
{
	if (mem == 0)
		return is_imm(i, 1) ? VMI_MI : VMI_MR;
	if (mem == 1)
		return VMI_RM;
	return is_imm(i, 1) ? VMI_RI : VMI_RR;
}

/* Operand 1 op= operand 2, or operand 1 alone: false if no handler fits. */
static bool emit_value(struct builder *b, const struct vmi_value *value)
{
	const struct vmi_insn *i = &b->insn;
	int mem = memory_operand(i);
	enum vmi_shape shape = shape_of(i, mem);
	unsigned width = size_of(i);
	struct address a = { 0 };
	uint8_t regs[2];
	struct vmi_op *op;

	if (!value || width > 3 || !value->h[shape][width][1] ||
		(i->prefixes & VMI_PFX_LOCK))
		return false;
	if (mem >= 0)
		a = resolve(b, 1u << width, memory_access(i, mem));
	regs[0] = mem == 0 ? VMI_NOREG : operand_register(b, 0);
	regs[1] = mem == 1 ? VMI_NOREG : operand_register(b, 1);
	op = emit(b, i->row->exec, NULL);
	op->size = (uint8_t)(width | shape << 4);
	op->bits = (uint8_t)(i->seg << 4);
	op->imm = is_imm(i, 1) ? immediate(i, 1) : 0;
	op->reg = reg_or_zero(mem == 0 ? regs[1] : regs[0]);
	op->base = reg_or_zero(regs[1]);
	if (mem >= 0) {
		address_set(op, &a);
		op->bits |= VMI_OPF_MEM;
	}
	note_of(b, op)->value = value;
	note_flags(b, op);
	put_back_written(b);
	return true;
}

static bool emit_extend(struct builder *b,
	vmi_handler *const table[2][3][4])
{
	const struct vmi_insn *i = &b->insn;
	unsigned to = log2_of(vmi_operand_bytes(i, 0));
	unsigned from = log2_of(vmi_operand_bytes(i, 1));
	bool mem = is_memory(i, 1);
	struct address a = { 0 };
	struct vmi_op *op;
	uint8_t src = VMI_R_ZERO;

	if (!table[mem][from][to])
		return false;
	if (mem)
		a = resolve(b, 1u << from, VMI_MEM_READ);
	else
		src = operand_register(b, 1);
	op = emit(b, i->row->exec, table[mem][from][to]);
	op->reg = register_of(i, 0);
	op->size = (uint8_t)(to | from << 4);
	op->bits = (uint8_t)(i->seg << 4);
	op->base = src;
	if (mem) {
		address_set(op, &a);
		op->bits |= VMI_OPF_MEM;
		note_of(b, op)->sees = true;
	}
	return true;
}

static bool emit_lea(struct builder *b)
{
	static vmi_handler *const by_size[4] = { NULL, vmi_h_lea16,
		vmi_h_lea32, vmi_h_lea64 };
	const struct vmi_insn *i = &b->insn;
	struct address a;
	struct vmi_op *op;

	if (i->addrsize < i->opsize) {
		a = raw_address(b);
		if (i->rip_relative)
			return false;
		emit_ea(b, &a, vmi_h_ea);
		a = after_ea(VMI_R_ZERO);
	} else if (i->rip_relative) {
		a = raw_address(b);
		if (i->disp > INT32_MAX - 4096)
			return false;
		a.base = VMI_R_BLOCK;
		a.disp += b->ip + i->len;
	} else {
		a = raw_address(b);
	}
	op = emit(b, VMI_EXEC_lea, by_size[log2_of(i->opsize)]);
	address_set(op, &a);
	op->reg = i->reg;
	op->size = log2_of(i->opsize);
	return true;
}

static bool emit_cmov(struct builder *b)
{
	const struct vmi_insn *i = &b->insn;
	bool mem = is_memory(i, 1);
	struct address a = { 0 };
	struct vmi_op *op;

	if (mem)
		a = resolve(b, i->opsize, VMI_MEM_READ);
	op = emit(b, VMI_EXEC_cmovcc, vmi_h_cmov[mem][log2_of(i->opsize)]);
	op->reg = i->reg;
	op->base = i->rm;
	op->size = log2_of(i->opsize);
	op->bits = (uint8_t)(i->seg << 4);
	if (mem) {
		address_set(op, &a);
		op->bits |= VMI_OPF_MEM;
	}
	op->imm = i->opcode & 15;
	note_of(b, op)->reads = VMI_F_ARITH;
	note_of(b, op)->sees = mem;
	return true;
}

static bool emit_setcc(struct builder *b)
{
	const struct vmi_insn *i = &b->insn;
	struct vmi_op *op;
	uint8_t reg;

	if (is_memory(i, 0))
		return false;
	reg = operand_register(b, 0);
	op = emit(b, VMI_EXEC_setcc, vmi_h_setcc);
	op->reg = op->base = reg;
	op->imm = i->opcode & 15;
	note_of(b, op)->reads = VMI_F_ARITH;
	put_back(b, 0);
	return true;
}

/* -- Stack and branches ------------------------------------------------- */

/* Whether the stack is flat and the operand as wide as its pointer. */
static bool plain_stack(const struct builder *b)
{
	if (b->block->key & VMI_KEY_64)
		return b->insn.opsize == 8;
	return (b->block->key & VMI_KEY_FLAT) &&
		(b->block->key & VMI_KEY_SS32) && b->insn.opsize == 4;
}

static void stack_op(struct builder *b, unsigned code, vmi_handler *run,
	uint8_t reg)
{
	struct vmi_op *op = emit(b, code, run);

	op->reg = reg;
	op->imm = b->insn.imm;
	op->size = log2_of(b->insn.opsize);
	op->bits = VMI_SS << 4;
	note_of(b, op)->sees = true;
}

static bool emit_push(struct builder *b)
{
	const struct vmi_insn *i = &b->insn;
	bool wide = i->opsize == 8;

	if (!plain_stack(b) || is_memory(i, 0))
		return false;
	if (is_imm(i, 0))
		stack_op(b, VMI_EXEC_push, wide ? vmi_h_push_i8 :
			vmi_h_push_i4, 0);
	else
		stack_op(b, VMI_EXEC_push, wide ? vmi_h_push_r8 :
			vmi_h_push_r4, register_of(i, 0));
	return true;
}

static bool emit_pop(struct builder *b)
{
	const struct vmi_insn *i = &b->insn;

	if (!plain_stack(b) || is_memory(i, 0))
		return false;
	stack_op(b, VMI_EXEC_pop, i->opsize == 8 ? vmi_h_pop_r8 :
		vmi_h_pop_r4, register_of(i, 0));
	return true;
}

static void emit_links(struct builder *b)
{
	struct vmi_op *op = emit(b, VMI_INNER_LINKS, vmi_h_end);

	memset(op, 0, sizeof(*op));
	b->ended = true;
}

/* The distance of a direct branch from the block's start, if it fits. */
static bool branch_distance(const struct builder *b, int32_t *distance)
{
	int64_t d = (int64_t)b->insn.imm + b->ip + b->insn.len;

	*distance = (int32_t)d;
	/* A 16-bit operand size truncates the target: not here. */
	return d == (int32_t)d && (b->insn.opsize != 2 ||
		(b->block->key & VMI_KEY_MODE) == VMI_KEY_64);
}

static bool can_fuse(struct builder *b, struct vmi_op *prev)
{
	unsigned shape = prev->size >> 4;

	if (prev->n + 1u != b->n_insns || (prev->code != VMI_EXEC_cmp &&
		prev->code != VMI_EXEC_test) || !note_of(b, prev)->value)
		return false;
	return (prev->size & 15) <= 3 && shape < VMI_SHAPES;
}

/* cmp or test with a memory operand: load it first, compare registers. */
static struct vmi_op *unfold_memory(struct builder *b, struct vmi_op *prev)
{
	unsigned shape = prev->size >> 4, width = prev->size & 15;
	struct vmi_op was = *prev, *op;
	struct note note = *note_of(b, prev);

	if (shape == VMI_RR || shape == VMI_RI)
		return prev;
	prev->code = VMI_EXEC_mov;
	prev->reg = VMI_R_T1;
	prev->size = (uint8_t)(width | VMI_RM << 4);
	prev->run = vmi_value_mov.h[VMI_RM][width][0];
	*note_of(b, prev) = (struct note){ .sees = true };
	op = emit(b, was.code, NULL);
	op->ip = was.ip;
	op->n = was.n;
	op->len = was.len;
	op->imm = was.imm;
	op->reg = shape == VMI_RM ? was.reg : VMI_R_T1;
	op->base = shape == VMI_RM ? VMI_R_T1 : was.reg;
	op->size = (uint8_t)(width | (shape == VMI_MI ? VMI_RI : VMI_RR) << 4);
	note.sees = false;
	*note_of(b, op) = note;
	return op;
}

static bool fuse(struct builder *b, int32_t distance)
{
	struct vmi_op *prev = &b->block->ops[b->n_ops - 1];
	unsigned shape;

	if (!can_fuse(b, prev))
		return false;
	prev = unfold_memory(b, prev);
	shape = prev->size >> 4;
	prev->run = vmi_h_cmpjcc[prev->code == VMI_EXEC_test]
		[shape == VMI_RI][prev->size & 15][b->insn.opcode & 15];
	prev->scale = b->insn.opcode & 15;
	prev->index = (uint8_t)(prev->code == VMI_EXEC_test);
	prev->code = VMI_INNER_CMPJCC;
	prev->disp = distance;
	prev->len = (uint8_t)(b->ip - prev->ip + b->insn.len);
	*note_of(b, prev) = (struct note){ .kills = VMI_F_ARITH };
	emit_links(b);
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
	op = emit(b, VMI_EXEC_jcc, cc == 4 ? vmi_h_jz : cc == 5 ? vmi_h_jnz :
		vmi_h_jcc);
	op->imm = cc;
	op->disp = distance;
	note_of(b, op)->reads = VMI_F_ARITH;
	emit_links(b);
	return true;
}

static bool emit_jmp(struct builder *b)
{
	const struct vmi_insn *i = &b->insn;
	int32_t distance;
	struct vmi_op *op;

	if (vmi_operands[i->row->op[0]].kind != VMI_OPK_REL) {
		if (is_memory(i, 0) || i->opsize == 2)
			return false;
		op = emit(b, VMI_EXEC_jmp, vmi_h_jmp_r);
		op->base = i->rm;
		op->size = log2_of(i->opsize);
		b->ended = true;
		return true;
	}
	if (!branch_distance(b, &distance))
		return false;
	op = emit(b, VMI_EXEC_jmp, vmi_h_jmp);
	op->disp = distance;
	emit_links(b);
	return true;
}

static bool emit_call(struct builder *b)
{
	const struct vmi_insn *i = &b->insn;
	bool wide = i->opsize == 8;
	int32_t distance = 0;
	struct vmi_op *op;

	if (!plain_stack(b) || is_memory(i, 0))
		return false;
	if (vmi_operands[i->row->op[0]].kind != VMI_OPK_REL) {
		op = emit(b, VMI_EXEC_call, wide ? vmi_h_call_r8 :
			vmi_h_call_r4);
		op->base = i->rm;
		b->ended = true;
	} else {
		if (!branch_distance(b, &distance))
			return false;
		op = emit(b, VMI_EXEC_call, wide ? vmi_h_call8 : vmi_h_call4);
		op->disp = distance;
	}
	op->size = log2_of(i->opsize);
	op->bits = VMI_SS << 4;
	note_of(b, op)->sees = true;
	if (!b->ended)
		emit_links(b);
	return true;
}

static bool emit_ret(struct builder *b)
{
	const struct vmi_insn *i = &b->insn;
	struct vmi_op *op;

	if (!plain_stack(b))
		return false;
	op = emit(b, VMI_EXEC_ret, i->opsize == 8 ? vmi_h_ret8 : vmi_h_ret4);
	op->imm = i->row->op[0] == VMI_OP_Iw ? i->imm : 0;
	op->size = log2_of(i->opsize);
	op->bits = VMI_SS << 4;
	note_of(b, op)->sees = true;
	b->ended = true;
	return true;
}

static bool emit_nop(struct builder *b)
{
	emit(b, VMI_EXEC_nop, vmi_h_nop);
	return true;
}

/* r = r/m * imm; the two-operand form is an ordinary one. */
static bool emit_imul(struct builder *b)
{
	const struct vmi_insn *i = &b->insn;
	struct vmi_op *op;

	if (i->row->op[2] == VMI_OP__)
		return emit_value(b, &vmi_value_imul);
	if (is_memory(i, 1))
		return false;
	op = emit(b, VMI_EXEC_imul, NULL);
	op->reg = i->reg;
	op->base = i->rm;
	op->imm = i->imm;
	op->size = (uint8_t)(log2_of(i->opsize) | VMI_RI << 4);
	note_of(b, op)->value = &vmi_value_imul;
	note_flags(b, op);
	return true;
}

/* -- Instructions ------------------------------------------------------- */

static bool emit_specialised(struct builder *b)
{
	switch (b->insn.row->exec) {
	case VMI_EXEC_movzx: return emit_extend(b, vmi_h_movzx);
	case VMI_EXEC_movsx:
	case VMI_EXEC_movsxd: return emit_extend(b, vmi_h_movsx);
	case VMI_EXEC_lea: return emit_lea(b);
	case VMI_EXEC_cmovcc: return emit_cmov(b);
	case VMI_EXEC_setcc: return emit_setcc(b);
	case VMI_EXEC_push: return emit_push(b);
	case VMI_EXEC_pop: return emit_pop(b);
	case VMI_EXEC_jcc: return emit_jcc(b);
	case VMI_EXEC_jmp: return emit_jmp(b);
	case VMI_EXEC_call: return emit_call(b);
	case VMI_EXEC_ret: return emit_ret(b);
	case VMI_EXEC_nop: return emit_nop(b);
	case VMI_EXEC_imul: return emit_imul(b);
	default:
		return emit_value(b, vmi_values[b->insn.row->exec]);
	}
}

static bool branches(unsigned exec)
{
	return exec == VMI_EXEC_jcc || exec == VMI_EXEC_jmp ||
		exec == VMI_EXEC_call || exec == VMI_EXEC_ret;
}

static void emit_fault(struct builder *b, unsigned vector)
{
	struct vmi_op *op = emit(b, VMI_INNER_FAULT, vmi_h_fault);

	op->imm = vector;
	note_of(b, op)->sees = true;
	b->ended = true;
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
	if (row->how == VMI_HOW_V && emit_specialised(b))
		return;
	emit_helper(b, row->how == VMI_HOW_B || branches(row->exec));
}

/* -- The backward pass -------------------------------------------------- */

static void choose(struct builder *b, struct vmi_op *op, bool live)
{
	const struct vmi_value *value = note_of(b, op)->value;
	unsigned shape = op->size >> 4, width = op->size & 15;

	if (live)
		op->bits |= VMI_OPF_LIVE;
	op->run = value->h[shape][width][live];
	if (!op->run)
		op->run = value->h[shape][width][1];
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
			choose(b, op, note->sets & live);
		live = (live & ~note->kills) | note->reads;
		if (note->sees)
			live = VMI_F_ARITH;
	}
}

/* -- Blocks ------------------------------------------------------------- */

/* Decode one instruction; false: it does not fit or is none. */
static bool decode(struct builder *b, const uint8_t *bytes, size_t avail)
{
	int r = vmi_decode(bytes, avail, b->c->mode, &b->insn);

	if (r == 0)
		return true;
	if (r == -EAGAIN)
		return false;
	b->insn = (struct vmi_insn){ .len = 1 };
	emit_fault(b, r == -E2BIG ? VMI_GP : VMI_UD);
	return false;
}

static void emit_fallthrough(struct builder *b)
{
	struct vmi_op *op;

	b->insn.len = 0;
	op = emit(b, VMI_EXEC_jmp, vmi_h_jmp);
	op->disp = b->ip;
	emit_links(b);
}

int vmi_translate(struct vmi_cpu *c, struct vmi_codeblock *block,
	const uint8_t *bytes, size_t avail, unsigned limit)
{
	struct builder b = { .c = c, .block = block };
	struct vmi_op *enter = emit(&b, VMI_INNER_ENTER, vmi_h_enter);

	while (!b.ended && b.n_insns < limit &&
		b.n_ops < VMI_BLOCK_OPS - 8) {
		if (!decode(&b, bytes + b.ip, avail - b.ip))
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
	block->bytes = b.ip;
	block->n_ops = (uint16_t)b.n_ops;
	return 0;
}
