/* SPDX-License-Identifier: MIT */
/* Operations as text, and the traces made of it. */
#include "lib/soft/dump.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "lib/soft/engine.h"
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

#define OP(code_of, text, kind_of)                                             \
	{ .code = code_of, .name = #text, .kind = VMI_KIND_##kind_of },
static const struct op_row {
	uint16_t code;
	uint8_t kind; /* enum vmi_op_kind */
	const char *name;
} op_rows[] = {
#include "lib/soft/op.def"
};
#undef OP

static const char *const reg_names[VMI_NREGS] = {
	"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
	"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
	"zero", "t0", "t1", "t2", "block", "es", "cs", "ss", "ds", "fs", "gs"
};

static const char *const conditions[16] = {
	"o", "no", "c", "nc", "z", "nz", "na", "a",
	"s", "ns", "p", "np", "l", "nl", "ng", "g"
};

static bool is_helper(const struct vmi_op *op)
{
	return op->code < VMI_INNER_ENTER && (op->code & VMI_CODE_HELPER);
}

static const struct op_row *row_of(const struct vmi_op *op)
{
	unsigned i;

	for (i = 0; i < vmi_array_len(op_rows); i++) {
		if (op_rows[i].code == op->code)
			return &op_rows[i];
	}
	return NULL;
}

enum vmi_op_kind vmi_op_kind(const struct vmi_op *op)
{
	const struct op_row *row;

	if (is_helper(op))
		return vmi_op_exec(op) < VMI_EXEC_COUNT ? VMI_KIND_HELPER :
			VMI_KIND_UNKNOWN;
	row = row_of(op);
	return row ? (enum vmi_op_kind)row->kind : VMI_KIND_UNKNOWN;
}

const char *vmi_op_name(const struct vmi_op *op)
{
	const struct op_row *row;

	if (is_helper(op))
		return vmi_op_exec(op) < VMI_EXEC_COUNT ?
			exec_names[vmi_op_exec(op)] : NULL;
	row = row_of(op);
	return row ? row->name : NULL;
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

static void put_reg(struct text *t, unsigned n)
{
	put(t, "%s", reg_name(n));
}

static void put_imm(struct text *t, const struct vmi_op *op)
{
	put_offset(t, (int64_t)op->imm, "", "-");
}

static void put_condition(struct text *t, uint64_t condition)
{
	put(t, " %s", conditions[condition & 15]);
}

/* reg, and the first source where it is another register. */
static void put_target(struct text *t, const struct vmi_op *op,
	unsigned source)
{
	put_reg(t, op->reg);
	if (source != op->reg)
		put(t, ", %s", reg_name(source));
}

static void put_shape(struct text *t, const struct vmi_op *op)
{
	bool by_cl = vmi_op_kind(op) == VMI_KIND_SHIFT;

	put(t, " ");
	switch (op->size >> 4) {
	case VMI_RR:
		put_target(t, op, op->index);
		put(t, ", %s", by_cl ? "cl" : reg_name(op->base));
		return;
	case VMI_RI:
		put_target(t, op, op->base);
		put(t, ", ");
		put_imm(t, op);
		return;
	case VMI_RM:
		put(t, "%s, ", reg_name(op->reg));
		put_address(t, op);
		return;
	case VMI_MR:
		put_address(t, op);
		put(t, ", %s", by_cl ? "cl" : reg_name(op->reg));
		return;
	default:
		put_address(t, op);
		put(t, ", ");
		put_imm(t, op);
	}
}

/* The first source of a copy is its second operand. */
static void put_copy(struct text *t, const struct vmi_op *op)
{
	struct vmi_op same = *op;

	if (op->size >> 4 == VMI_RR)
		same.index = op->reg;
	else if (op->size >> 4 == VMI_RI)
		same.base = op->reg;
	put_shape(t, &same);
}

static void put_unary(struct text *t, const struct vmi_op *op)
{
	put(t, " ");
	if (op->size >> 4 == VMI_MR)
		put_address(t, op);
	else
		put_target(t, op, op->base);
}

/* reg, then what is read. */
static void put_read(struct text *t, const struct vmi_op *op)
{
	put(t, " %s, ", reg_name(op->reg));
	if ((op->bits & VMI_OPF_MEM) || op->code == VMI_EXEC_lea)
		put_address(t, op);
	else
		put_reg(t, op->base);
}

static void put_widen(struct text *t, const struct vmi_op *op)
{
	put_read(t, op);
	put(t, ".%u", 1u << (op->size >> 4));
}

static void put_cmov(struct text *t, const struct vmi_op *op)
{
	put_read(t, op);
	put_condition(t, op->imm);
}

static void put_setcc(struct text *t, const struct vmi_op *op)
{
	put(t, " %s", reg_name(op->reg));
	put_condition(t, op->imm);
}

static void put_push(struct text *t, const struct vmi_op *op)
{
	put(t, " ");
	if (op->size >> 4 == VMI_RI)
		put_imm(t, op);
	else
		put_reg(t, op->reg);
}

static void put_pop(struct text *t, const struct vmi_op *op)
{
	put(t, " %s", reg_name(op->reg));
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

static void put_ways(struct text *t, const struct vmi_op *op)
{
	put_way(t, op, 0);
	put(t, " else");
	put_way(t, op, 1);
}

static void put_jcc(struct text *t, const struct vmi_op *op)
{
	put_condition(t, op->imm);
	put_ways(t, op);
}

static void put_jump(struct text *t, const struct vmi_op *op)
{
	if (vmi_op_has_links(op))
		put_way(t, op, 0);
	else
		put(t, " %s", reg_name(op->base));
}

static void put_ret(struct text *t, const struct vmi_op *op)
{
	if (op->imm)
		put(t, " 0x%" PRIx64, op->imm);
}

/* cmpjcc: index tells TEST from CMP, scale is the condition. */
static void put_cmpjcc(struct text *t, const struct vmi_op *op)
{
	put(t, " %s %s, ", op->index ? "test" : "cmp", reg_name(op->reg));
	if (op->size >> 4 == VMI_RI)
		put_imm(t, op);
	else
		put_reg(t, op->base);
	put_condition(t, op->scale);
	put_ways(t, op);
}

/* -- What is no instruction --------------------------------------------- */

static void put_bridge(struct text *t, const struct vmi_op *op)
{
	put(t, " %u bytes at %+d", op->reg, (int)op->disp);
}

static void put_enter(struct text *t, const struct vmi_op *op)
{
	put(t, ", instructions %" PRIu64, op->imm);
}

static void put_ea(struct text *t, const struct vmi_op *op)
{
	put(t, " %s, ", reg_name(op->reg));
	put_address(t, op);
	put(t, ".%u", vmi_op_asize(op));
	if (op->imm)
		put(t, " in %s, bytes %u%s", reg_name(VMI_R_SEG +
			vmi_op_seg(op)), (unsigned)op->imm & 0xffff,
			op->imm >> 16 ? ", written" : "");
}

static void put_const(struct text *t, const struct vmi_op *op)
{
	put(t, " %s, 0x%" PRIx64, reg_name(op->reg), op->imm);
}

static void put_fault(struct text *t, const struct vmi_op *op)
{
	put(t, " 0x%" PRIx64, op->imm);
}

static void put_usable(struct text *t, const struct vmi_op *op)
{
	static const char *const classes[] = {
		[VMI_USABLE_SIMD] = "simd", [VMI_USABLE_X87] = "x87",
		[VMI_USABLE_NOWAIT] = "nowait", [VMI_USABLE_CPL0] = "cpl0",
	};

	if (op->reg < vmi_array_len(classes))
		put(t, " %s", classes[op->reg]);
}

/* -- Operations --------------------------------------------------------- */

/* How the operands of each kind print; and whether their size does. */
static const struct {
	void (*put)(struct text *t, const struct vmi_op *op);
	bool sized;
} kinds[VMI_KINDS] = {
	[VMI_KIND_HELPER] = { put_helper, true },
	[VMI_KIND_VALUE] = { put_shape, true },
	[VMI_KIND_SHIFT] = { put_shape, true },
	[VMI_KIND_UNARY] = { put_unary, true },
	[VMI_KIND_COPY] = { put_copy, true },
	[VMI_KIND_SWAP] = { put_copy, true },
	[VMI_KIND_WIDEN] = { put_widen, true },
	[VMI_KIND_OFFSET] = { put_read, true },
	[VMI_KIND_CMOV] = { put_cmov, true },
	[VMI_KIND_SETCC] = { put_setcc, false },
	[VMI_KIND_PUSH] = { put_push, true },
	[VMI_KIND_POP] = { put_pop, true },
	[VMI_KIND_JCC] = { put_jcc, false },
	[VMI_KIND_JUMP] = { put_jump, false },
	[VMI_KIND_CALL] = { put_jump, true },
	[VMI_KIND_RET] = { put_ret, true },
	[VMI_KIND_ENTER] = { put_enter, false },
	[VMI_KIND_EA] = { put_ea, false },
	[VMI_KIND_GETHI] = { put_read, false },
	[VMI_KIND_PUTHI] = { put_read, false },
	[VMI_KIND_USABLE] = { put_usable, false },
	[VMI_KIND_CONST] = { put_const, false },
	[VMI_KIND_FAULT] = { put_fault, false },
	[VMI_KIND_CMPJCC] = { put_cmpjcc, true },
	[VMI_KIND_BRIDGE] = { put_bridge, false },
};

size_t vmi_op_dump(const struct vmi_op *op, char *buf, size_t n)
{
	enum vmi_op_kind kind = vmi_op_kind(op);
	struct text t = { n ? buf : NULL, n, 0 };

	put(&t, "+%u ", op->ip);
	if (kind == VMI_KIND_UNKNOWN)
		put(&t, "code 0x%x", op->code);
	else
		put(&t, "%s", vmi_op_name(op));
	if (kinds[kind].sized)
		put(&t, ".%u", vmi_op_size(op));
	if (kinds[kind].put)
		kinds[kind].put(&t, op);
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
	struct vmi_code code = { bytes, avail, c->mode, c->hidden };
	struct vmi_insn insn;
	char text[96] = "(no instruction)";

	if (vmi_decode_code(&code, &insn) == 0)
		vmi_disas(&insn, c->rip, text, sizeof(text));
	vmi_trace(c->vm->vm.ctx, VMAPI_TRACE_INSN,
		"vcpu %u: %04x:%" PRIx64 " %s", c->index,
		c->seg[VMI_CS].selector, c->rip, text);
}
