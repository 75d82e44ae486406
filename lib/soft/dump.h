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
 *	+8 jcc.8 z +0x0 linked else +0xa
 *
 * where +5 is the instruction's place in the block and .4 the bytes of the
 * operand.  A branch is read with the links behind it.
 */
size_t vmi_op_dump(const struct vmi_op *op, char *buf, size_t n);

/* "add", "ea"; NULL: no such code. */
const char *vmi_op_name(unsigned code);

/* VMAPI_TRACE_BLOCK: a block that was just decoded. */
void vmi_trace_block(struct vmi_cpu *c, const struct vmi_codeblock *block);

/* VMAPI_TRACE_INSN: the instruction at c->rip, which is about to execute. */
void vmi_trace_insn(struct vmi_cpu *c, const uint8_t *bytes, size_t avail);

#endif
