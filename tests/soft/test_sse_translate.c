/* SPDX-License-Identifier: MIT */
/*
 * What the translator tells the vector helpers is what their other tests tell
 * them: register numbers, sizes, direction and kind of the operands.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/soft/block.h"
#include "tests/soft/test_sse.h"

#define CASES	  20
#define MAX_FORMS 2048

static struct test_sse_form forms[MAX_FORMS];
static struct vmi_cpu cpu;

static bool same(const struct vmi_op *x, const struct vmi_op *y)
{
	return vmi_op_exec(x) == y->code && x->imm == y->imm && x->reg == y->reg &&
		x->base == y->base && x->index == y->index &&
		x->disp == y->disp && x->scale == y->scale &&
		x->size == y->size && !((x->bits ^ y->bits) &
			(VMI_OPF_MEM | VMI_OPF_SEG));
}

static bool agrees(struct vmi_codeblock *block, const struct test_sse_case *c)
{
	struct vmi_stream s = { .bytes = c->code, .avail = c->len,
		.own = c->len };
	struct vmi_insn insn;
	struct vmi_op op;

	if (vmi_decode(c->code, c->len, 64, &insn) ||
		vmi_translate(&cpu, block, &s, 1))
		return false;
	op = test_sse_op(&insn);
	return same(&block->ops[1], &op);
}

int main(void)
{
	struct vmi_codeblock *block = calloc(1, sizeof(*block) +
		VMI_BLOCK_OPS * sizeof(block->ops[0]));
	size_t count = test_sse_forms(forms, MAX_FORMS), i;
	struct test_sse_case c;
	unsigned bad = 0, n;

	if (!block)
		return 1;
	cpu.mode = 64;
	block->key = VMI_KEY_64 | VMI_KEY_PROT;
	for (i = 0; i < count * CASES; i++) {
		test_sse_make(&c, &forms[i / CASES]);
		if (agrees(block, &c))
			continue;
		bad++;
		printf("%s:", forms[i / CASES].row->mnemonic);
		for (n = 0; n < c.len; n++)
			printf(" %02x", c.code[n]);
		printf(": another operation\n");
	}
	printf("%zu encodings, %u operations differ\n", count, bad);
	free(block);
	return bad || count < 1000 ? 1 : 0;
}
