/* SPDX-License-Identifier: MIT */
/* Operations as text, and the traces made of it. */
#include "lib/soft/dump.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "lib/soft/soft.h"
#include "lib/soft/value.h"

/* -- Text of a bounded size --------------------------------------------- */

struct text {
	char *buf;
	size_t room, length;
};

static void put(struct text *t, const char *format, ...) vmi_printf(2, 3);

static void put(struct text *t, const char *format, ...)
{
	size_t at = t->length < t->room ? t->length : t->room;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(t->buf ? t->buf + at : NULL, t->room - at, format, args);
	va_end(args);
	if (n > 0)
		t->length += (size_t)n;
}

/* -- Names -------------------------------------------------------------- */

#define EXEC(how, token) [VMI_EXEC_##token] = #token,
static const char *const exec_names[VMI_EXEC_COUNT] = {
#include "lib/soft/exec.def"
};
#undef EXEC

static const char *const inner_names[] = {
	[VMI_INNER_ENTER - VMI_INNER_ENTER] = "enter",
	[VMI_INNER_EA - VMI_INNER_ENTER] = "ea",
	[VMI_INNER_GETHI - VMI_INNER_ENTER] = "gethi",
	[VMI_INNER_PUTHI - VMI_INNER_ENTER] = "puthi",
	[VMI_INNER_CONST - VMI_INNER_ENTER] = "const",
	[VMI_INNER_END - VMI_INNER_ENTER] = "end",
	[VMI_INNER_FAULT - VMI_INNER_ENTER] = "fault",
	[VMI_INNER_CMPJCC - VMI_INNER_ENTER] = "cmpjcc",
	[VMI_INNER_LINKS - VMI_INNER_ENTER] = "links",
};

static const char *const reg_names[VMI_NREGS] = {
	"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
	"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
	"zero", "t0", "t1", "t2", "block", "es", "cs", "ss", "ds", "fs", "gs"
};

static const char *const conditions[16] = {
	"o", "no", "c", "nc", "z", "nz", "na", "a",
	"s", "ns", "p", "np", "l", "nl", "ng", "g"
};

const char *vmi_op_name(unsigned code)
{
	if (code < VMI_INNER_ENTER) {
		code &= VMI_CODE_EXEC;
		return code < VMI_EXEC_COUNT ? exec_names[code] : NULL;
	}
	code -= VMI_INNER_ENTER;
	return code < vmi_array_len(inner_names) ? inner_names[code] : NULL;
}

static const char *reg_name(unsigned n)
{
	return n < VMI_NREGS ? reg_names[n] : "?";
}

/* -- Operands ----------------------------------------------------------- */

static void put_offset(struct text *t, int64_t v, const char *plus,
	const char *minus)
{
	if (v < 0)
		put(t, "%s0x%" PRIx64, minus, 0 - (uint64_t)v);
	else
		put(t, "%s0x%" PRIx64, plus, (uint64_t)v);
}

/* base + index << scale + disp, without what is zero. */
static void put_address(struct text *t, const struct vmi_op *op)
{
	const char *plus = "";

	put(t, "[");
	if (op->base != VMI_R_ZERO) {
		put(t, "%s", reg_name(op->base));
		plus = " + ";
	}
	if (op->index != VMI_R_ZERO) {
		put(t, "%s%s*%u", plus, reg_name(op->index),
			1u << (op->scale & 3));
		plus = " + ";
	}
	if (op->disp || !*plus)
		put_offset(t, op->disp, plus, *plus ? " - " : "-");
	put(t, "]");
}

static void put_shape(struct text *t, const struct vmi_op *op)
{
	bool mem = op->bits & VMI_OPF_MEM;

	switch (op->size >> 4) {
	case VMI_RI:
		put(t, " %s, ", reg_name(op->reg));
		if (op->code == VMI_EXEC_imul)
			put(t, "%s, ", reg_name(op->base));
		put_offset(t, (int64_t)op->imm, "", "-");
		return;
	case VMI_RM:
		put(t, " %s, ", reg_name(op->reg));
		put_address(t, op);
		return;
	case VMI_MR:
		put(t, " ");
		put_address(t, op);
		put(t, ", %s", reg_name(op->reg));
		return;
	case VMI_MI:
		put(t, " ");
		put_address(t, op);
		put(t, ", ");
		put_offset(t, (int64_t)op->imm, "", "-");
		return;
	default:
		put(t, " %s, ", reg_name(op->reg));
		if (mem)
			put_address(t, op);
		else
			put(t, "%s", reg_name(op->base));
	}
}

/* What a helper is told: everything. */
static void put_helper(struct text *t, const struct vmi_op *op)
{
	put(t, " reg %s, ", reg_name(op->reg));
	if (op->bits & VMI_OPF_MEM)
		put_address(t, op);
	else
		put(t, "base %s", reg_name(op->base));
	put(t, ", imm 0x%" PRIx64 ", form %u, asize %u, seg %s", op->imm,
		op->scale >> 2, vmi_op_asize(op),
		reg_name(VMI_R_SEG + vmi_op_seg(op)));
	if (op->bits & VMI_OPF_LOCK)
		put(t, ", lock");
	if (op->bits & VMI_OPF_REP)
		put(t, ", rep");
	if (op->bits & VMI_OPF_REPNE)
		put(t, ", repne");
}

/* -- Branches ----------------------------------------------------------- */

static void put_way(struct text *t, const struct vmi_op *op, unsigned k)
{
	const struct vmi_links *links = (const void *)(op + 1);

	put_offset(t, k ? op->ip + op->len : op->disp, " +", " -");
	if (links->to[k])
		put(t, " linked");
}

static void put_branch(struct text *t, const struct vmi_op *op)
{
	bool both = op->code == VMI_EXEC_jcc || op->code == VMI_INNER_CMPJCC;

	if (op->code == VMI_EXEC_jcc)
		put(t, " %s", conditions[op->imm & 15]);
	put_way(t, op, 0);
	if (!both)
		return;
	put(t, " else");
	put_way(t, op, 1);
}

/* cmpjcc: index tells TEST from CMP, scale is the condition. */
static void put_cmpjcc(struct text *t, const struct vmi_op *op)
{
	put(t, "%s.%u %s, ", op->index ? "test" : "cmp", vmi_op_size(op),
		reg_name(op->reg));
	if (op->size >> 4 == VMI_RI)
		put_offset(t, (int64_t)op->imm, "", "-");
	else
		put(t, "%s", reg_name(op->base));
	put(t, " %s", conditions[op->scale & 15]);
	put_branch(t, op);
}

/* -- Operations --------------------------------------------------------- */

static bool is_helper(const struct vmi_op *op)
{
	return op->code < VMI_INNER_ENTER && (op->code & VMI_CODE_HELPER);
}

static void put_inner(struct text *t, const struct vmi_op *op)
{
	switch (op->code) {
	case VMI_INNER_ENTER:
		put(t, "enter, instructions %" PRIu64, op->imm);
		return;
	case VMI_INNER_EA:
		put(t, "ea.%u %s, ", vmi_op_asize(op), reg_name(op->reg));
		put_address(t, op);
		if (op->imm)
			put(t, " in %s, bytes %u%s", reg_name(VMI_R_SEG +
				vmi_op_seg(op)), (unsigned)op->imm & 0xffff,
				op->imm >> 16 ? ", written" : "");
		return;
	case VMI_INNER_GETHI:
	case VMI_INNER_PUTHI:
		put(t, "%s %s, %s", vmi_op_name(op->code), reg_name(op->reg),
			reg_name(op->base));
		return;
	case VMI_INNER_CONST:
		put(t, "const %s, 0x%" PRIx64, reg_name(op->reg), op->imm);
		return;
	case VMI_INNER_CMPJCC:
		put_cmpjcc(t, op);
		return;
	default:
		put(t, "%s 0x%" PRIx64, vmi_op_name(op->code), op->imm);
	}
}

static void put_instruction(struct text *t, const struct vmi_op *op)
{
	put(t, "%s.%u", vmi_op_name(op->code), vmi_op_size(op));
	if (is_helper(op))
		put_helper(t, op);
	else if (vmi_op_has_links(op))
		put_branch(t, op);
	else
		put_shape(t, op);
	if (op->code == VMI_EXEC_setcc || op->code == VMI_EXEC_cmovcc)
		put(t, " %s", conditions[op->imm & 15]);
}

size_t vmi_op_dump(const struct vmi_op *op, char *buf, size_t n)
{
	struct text t = { n ? buf : NULL, n, 0 };

	put(&t, "+%u ", op->ip);
	if (!vmi_op_name(op->code))
		put(&t, "code 0x%x", op->code);
	else if (op->code >= VMI_INNER_ENTER)
		put_inner(&t, op);
	else
		put_instruction(&t, op);
	if (op->bits & VMI_OPF_LIVE)
		put(&t, " live");
	return t.length;
}

/* -- Traces ------------------------------------------------------------- */

void vmi_trace_block(struct vmi_cpu *c, const struct vmi_codeblock *block)
{
	const struct vmapi *ctx = c->vm->vm.ctx;
	unsigned i, n = block->n_ops;
	char line[200];

	vmi_trace(ctx, VMAPI_TRACE_BLOCK,
		"vcpu %u: block at %#" PRIx64 ", %u-bit, bytes %u", c->index,
		c->r[VMI_R_BLOCK], c->mode, block->bytes);
	if (vmi_op_has_links(&block->ops[n - 2]))
		n--;
	for (i = 0; i < n; i++) {
		vmi_op_dump(&block->ops[i], line, sizeof(line));
		vmi_trace(ctx, VMAPI_TRACE_BLOCK, "\t%s", line);
	}
}

void vmi_trace_insn(struct vmi_cpu *c, const uint8_t *bytes, size_t avail)
{
	struct vmi_insn insn;
	char text[96] = "(no instruction)";

	if (vmi_decode(bytes, avail, c->mode, &insn) == 0)
		vmi_disas(&insn, c->rip, text, sizeof(text));
	vmi_trace(c->vm->vm.ctx, VMAPI_TRACE_INSN,
		"vcpu %u: %04x:%" PRIx64 " %s", c->index,
		c->seg[VMI_CS].selector, c->rip, text);
}
