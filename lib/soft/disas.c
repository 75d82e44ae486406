/* SPDX-License-Identifier: MIT */
/* Decoded instructions as text, in Intel syntax. */
#include "insn.h"

/* Where the text goes: len counts what did not fit as well. */
struct text {
	char *buf;
	size_t size;
	size_t len;
};

static void put_char(struct text *t, char c)
{
	if (t->len + 1 < t->size)
		t->buf[t->len] = c;
	t->len++;
}

static void put(struct text *t, const char *s)
{
	while (*s)
		put_char(t, *s++);
}

/* Decimal to 9, hexadecimal above, as the usual disassemblers do. */
static void put_number(struct text *t, uint64_t value)
{
	unsigned shift = 60;

	if (value > 9)
		put(t, "0x");
	while (shift && !(value >> shift & 15))
		shift -= 4;
	for (;;) {
		put_char(t, "0123456789abcdef"[value >> shift & 15]);
		if (!shift)
			break;
		shift -= 4;
	}
}

static void put_indexed(struct text *t, const char *name, unsigned n)
{
	put(t, name);
	if (n >= 10)
		put_char(t, '1');
	put_char(t, (char)('0' + n % 10));
}

/* General register n (0-15) of 1, 2, 4 or 8 bytes. */
static void put_register(struct text *t, unsigned n, unsigned size)
{
	static const char names[8][3] = { "ax", "cx", "dx", "bx", "sp", "bp",
		"si", "di" };

	if (n >= 8) {
		put_indexed(t, "r", n);
		put(t, size == 1    ? "b"
			: size == 2 ? "w"
			: size == 4 ? "d"
				    : "");
		return;
	}
	if (size == 1 && n < 4) {
		put_char(t, names[n][0]);
		put_char(t, 'l');
		return;
	}
	if (size >= 4)
		put_char(t, size == 4 ? 'e' : 'r');
	put(t, names[n]);
	if (size == 1)
		put_char(t, 'l');
}

static void put_general(
	struct text *t, const struct vmi_insn *insn, unsigned n, unsigned size)
{
	if (size == 1 && vmi_reg8_is_high(insn, n)) {
		put_char(t, "acdb"[n - 4]);
		put_char(t, 'h');
		return;
	}
	put_register(t, n, size);
}

static void put_segment(struct text *t, unsigned seg)
{
	static const char names[8][3] = { "es", "cs", "ss", "ds", "fs", "gs",
		"?", "?" };

	put(t, names[seg & 7]);
}

static const char *pointer_name(unsigned size)
{
	switch (size) {
	case 1: return "byte ptr ";
	case 2: return "word ptr ";
	case 4: return "dword ptr ";
	case 6: return "fword ptr ";
	case 8: return "qword ptr ";
	case 10: return "tbyte ptr ";
	case 16: return "xmmword ptr ";
	default: return "";
	}
}

/* The part of an address in brackets. */
static void put_address(struct text *t, const struct vmi_insn *insn)
{
	uint64_t disp = (uint64_t)insn->disp;
	unsigned shift = 64 - 8u * insn->addrsize;
	bool any = false;

	if (insn->rip_relative) {
		put(t, insn->addrsize == 8 ? "rip" : "eip");
		any = true;
	}
	if (insn->base != VMI_NOREG) {
		put_register(t, insn->base, insn->addrsize);
		any = true;
	}
	if (insn->index != VMI_NOREG) {
		put(t, any ? " + " : "");
		put_register(t, insn->index, insn->addrsize);
		any = true;
		if (insn->scale > 1) {
			put_char(t, '*');
			put_char(t, (char)('0' + insn->scale));
		}
	}
	if (!any)
		put_number(t, disp << shift >> shift);
	else if (disp) {
		put(t, insn->disp < 0 ? " - " : " + ");
		put_number(t, insn->disp < 0 ? -disp : disp);
	}
}

static void put_memory(
	struct text *t, const struct vmi_insn *insn, unsigned size)
{
	put(t, pointer_name(size));
	if (insn->seg_override) {
		put_segment(t, insn->seg);
		put_char(t, ':');
	}
	put_char(t, '[');
	put_address(t, insn);
	put_char(t, ']');
}

/* The memory operand of a string operation: at rSI or at rDI. */
static void put_string(struct text *t, const struct vmi_insn *insn,
	unsigned reg, unsigned size)
{
	put(t, pointer_name(size));
	if (reg == 7 || insn->seg_override) {
		put_segment(t, reg == 7 ? VMI_ES : insn->seg);
		put_char(t, ':');
	}
	put_char(t, '[');
	put_register(t, reg, insn->addrsize);
	put_char(t, ']');
}

static uint64_t truncate(uint64_t value, unsigned size)
{
	unsigned shift = 64 - 8 * size;

	return value << shift >> shift;
}

static void put_immediate(struct text *t, const struct vmi_insn *insn,
	unsigned kind, uint64_t rip)
{
	switch (kind) {
	case VMI_OPK_REL:
		put_number(
			t, truncate(rip + insn->len + insn->imm, insn->opsize));
		break;
	case VMI_OPK_FAR:
		put_number(t, insn->imm2);
		put_char(t, ':');
		put_number(t, insn->imm);
		break;
	default:
		if (kind == VMI_OPK_SIMM && insn->imm >> 63) {
			put_char(t, '-');
			put_number(t, -insn->imm);
		} else {
			put_number(t, insn->imm);
		}
	}
}

/* ModRM.rm as a register of the operand's kind. */
static void put_rm(struct text *t, const struct vmi_insn *insn, unsigned kind,
	unsigned size)
{
	if (insn->mod != 3)
		put_memory(t, insn, size);
	else if (kind == VMI_OPK_RM)
		put_general(t, insn, insn->rm, size);
	else
		put_indexed(t, kind == VMI_OPK_MMRM ? "mm" : "xmm", insn->rm);
}

/* Operands that the opcode implies. */
static void put_implied(struct text *t, unsigned op,
	const struct vmi_operand *operand, unsigned size)
{
	switch (operand->kind) {
	case VMI_OPK_ACC: put_register(t, 0, size); break;
	case VMI_OPK_CREG: put_register(t, 1, size); break;
	case VMI_OPK_DREG: put_register(t, 2, size); break;
	case VMI_OPK_ONE: put_char(t, '1'); break;
	case VMI_OPK_SEG: put_segment(t, op - VMI_OP_ES); break;
	case VMI_OPK_XMM0: put(t, "xmm0"); break;
	case VMI_OPK_ST0: put(t, "st(0)"); break;
	default: break;
	}
}

static void put_operand(
	struct text *t, const struct vmi_insn *insn, unsigned i, uint64_t rip)
{
	unsigned op = insn->row->op[i];
	const struct vmi_operand *operand = &vmi_operands[op];
	unsigned size = vmi_operand_bytes(insn, i);

	switch (operand->kind) {
	case VMI_OPK_RM:
	case VMI_OPK_MMRM:
	case VMI_OPK_XMMRM: put_rm(t, insn, operand->kind, size); break;
	case VMI_OPK_REG: put_general(t, insn, insn->reg, size); break;
	case VMI_OPK_OPREG: put_general(t, insn, insn->opreg, size); break;
	case VMI_OPK_MEM:
	case VMI_OPK_MOFFS: put_memory(t, insn, size); break;
	case VMI_OPK_SRC: put_string(t, insn, 6, size); break;
	case VMI_OPK_DST: put_string(t, insn, 7, size); break;
	case VMI_OPK_SREG: put_segment(t, insn->reg); break;
	case VMI_OPK_CR: put_indexed(t, "cr", insn->reg); break;
	case VMI_OPK_DR: put_indexed(t, "dr", insn->reg); break;
	case VMI_OPK_MM: put_indexed(t, "mm", insn->reg); break;
	case VMI_OPK_XMM: put_indexed(t, "xmm", insn->reg); break;
	case VMI_OPK_STI:
		put_indexed(t, "st(", insn->rm);
		put_char(t, ')');
		break;
	case VMI_OPK_IMM:
		/* ENTER alone has two. */
		put_number(t, i && insn->row->op[0] >= VMI_OP_FIRST_IMM
				      ? insn->imm2
				      : insn->imm);
		break;
	case VMI_OPK_SIMM:
	case VMI_OPK_REL:
	case VMI_OPK_FAR: put_immediate(t, insn, operand->kind, rip); break;
	default: put_implied(t, op, operand, size);
	}
}

static void put_prefixes(struct text *t, const struct vmi_insn *insn)
{
	uint32_t attr = insn->row->attr;

	if (insn->prefixes & VMI_PFX_LOCK)
		put(t, "lock ");
	if (!(attr & (VMI_A_REP | VMI_A_REPZ)))
		return;
	if (insn->prefixes & VMI_PFX_F3)
		put(t, attr & VMI_A_REPZ ? "repe " : "rep ");
	if (insn->prefixes & VMI_PFX_F2)
		put(t, attr & VMI_A_REPZ ? "repne " : "rep ");
}

size_t vmi_disas(const struct vmi_insn *insn, uint64_t rip, char *buf, size_t n)
{
	struct text t = { .buf = buf, .size = n };

	put_prefixes(&t, insn);
	put(&t, insn->row->mnemonic);
	for (unsigned i = 0; i < 3 && insn->row->op[i] != VMI_OP__; i++) {
		put(&t, i ? ", " : " ");
		put_operand(&t, insn, i, rip);
	}
	if (n)
		buf[t.len < n ? t.len : n - 1] = '\0';
	return t.len;
}
