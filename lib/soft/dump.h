/* SPDX-License-Identifier: MIT */
/* Operations as text, and the traces made of it. */
#ifndef VMI_SOFT_DUMP_H
#define VMI_SOFT_DUMP_H

#include <stddef.h>

#include "lib/soft/block.h"

/*
 * One operation as a line, as snprintf() does: at most n bytes with the
 * final zero, and the length it would have had is returned.  For example
 *
 *	+5 add.4 rax, [rbx + rcx*4 + 0x10] live
 *	+8 jcc z +0x0 linked else +0xa
 *
 * where +5 is the instruction's place in the block and .4 the bytes of the
 * operand.  A branch is read with the links behind it.
 */
size_t vmi_op_dump(const struct vmi_op *op, char *buf, size_t n);

/* What is in the fields of an operation: op.def says. */
enum vmi_op_kind {
	VMI_KIND_UNKNOWN, /* no such code */
	VMI_KIND_HELPER,
	VMI_KIND_VALUE,
	VMI_KIND_SHIFT,
	VMI_KIND_UNARY,
	VMI_KIND_COPY,
	VMI_KIND_SWAP,
	VMI_KIND_WIDEN,
	VMI_KIND_OFFSET,
	VMI_KIND_CMOV,
	VMI_KIND_SETCC,
	VMI_KIND_PUSH,
	VMI_KIND_POP,
	VMI_KIND_JCC,
	VMI_KIND_JUMP,
	VMI_KIND_CALL,
	VMI_KIND_RET,
	VMI_KIND_NONE,
	VMI_KIND_ENTER,
	VMI_KIND_EA,
	VMI_KIND_GETHI,
	VMI_KIND_PUTHI,
	VMI_KIND_CONST,
	VMI_KIND_FAULT,
	VMI_KIND_USABLE,
	VMI_KIND_CMPJCC,
	VMI_KIND_BRIDGE,
	VMI_KIND_LINKS,
	VMI_KINDS
};

enum vmi_op_kind vmi_op_kind(const struct vmi_op *op);

/* "add", "ea", of a helper its instruction; NULL: no such code. */
const char *vmi_op_name(const struct vmi_op *op);

/* VMAPI_TRACE_BLOCK: a block that was just decoded. */
void vmi_trace_block(struct vmi_cpu *c, const struct vmi_codeblock *block);

/* VMAPI_TRACE_INSN: the instruction at c->rip, which is about to execute. */
void vmi_trace_insn(struct vmi_cpu *c, const uint8_t *bytes, size_t avail);

#endif
