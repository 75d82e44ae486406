/* SPDX-License-Identifier: MIT */
/* Handlers of jumps, calls and the end. */
#include "lib/region/bpf/helper.h"
#include "lib/region/bpf/run.h"

#define EXTEND vmi_bpf_zext
#define NAME jeq
#include "lib/region/bpf/jump_shapes.h"
#undef NAME
#define NAME jne
#include "lib/region/bpf/jump_shapes.h"
#undef NAME
#define NAME jgt
#include "lib/region/bpf/jump_shapes.h"
#undef NAME
#define NAME jge
#include "lib/region/bpf/jump_shapes.h"
#undef NAME
#define NAME jlt
#include "lib/region/bpf/jump_shapes.h"
#undef NAME
#define NAME jle
#include "lib/region/bpf/jump_shapes.h"
#undef NAME
#define NAME jset
#include "lib/region/bpf/jump_shapes.h"
#undef NAME
#undef EXTEND

#define EXTEND vmi_bpf_sext
#define NAME jsgt
#include "lib/region/bpf/jump_shapes.h"
#undef NAME
#define NAME jsge
#include "lib/region/bpf/jump_shapes.h"
#undef NAME
#define NAME jslt
#include "lib/region/bpf/jump_shapes.h"
#undef NAME
#define NAME jsle
#include "lib/region/bpf/jump_shapes.h"
#undef NAME
#undef EXTEND

const struct vmi_bpf_op *vmi_h_bpf_ja(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	return vmi_bpf_go(run, op + op->off);
}

/* -- Fuel --------------------------------------------------------------- */

static const struct vmi_bpf_op starved = { .run = vmi_h_bpf_starved };

/* The target of each jump backwards: `imm` is its price. */
const struct vmi_bpf_op *vmi_h_bpf_charge(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	run->fuel -= op->imm;
	return vmi_bpf_go(run, run->fuel < 0 ? &starved : op + op->off);
}

const struct vmi_bpf_op *vmi_h_bpf_starved(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	(void)op;
	run->end = VMI_BPF_NO_FUEL;
	return NULL;
}

/* -- Calls -------------------------------------------------------------- */

const struct vmi_bpf_op *vmi_h_bpf_call(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	vmi_bpf_help(run, (uint32_t)op->imm);
	return vmi_bpf_next(run, op);
}

/* RFC 9669 4.3.2: the callee has a stack of its own, and r6 to r9 are kept. */
const struct vmi_bpf_op *vmi_h_bpf_call_local(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	struct vmi_bpf_frame *frame = &run->frames[++run->depth];
	unsigned i;

	frame->back = op + 1;
	for (i = 0; i < 4; i++)
		frame->saved[i] = run->r[6 + i];
	run->r[10] += VMI_BPF_STACK;
	run->fuel -= op->imm;
	return vmi_bpf_go(run, run->fuel < 0 ? &starved : op + op->off);
}

const struct vmi_bpf_op *vmi_h_bpf_exit(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	struct vmi_bpf_frame *frame = &run->frames[run->depth];
	unsigned i;

	(void)op;
	if (!run->depth)
		return vmi_bpf_go(run, frame->back);
	run->depth--;
	for (i = 0; i < 4; i++)
		run->r[6 + i] = frame->saved[i];
	run->r[10] -= VMI_BPF_STACK;
	return vmi_bpf_go(run, frame->back);
}

const struct vmi_bpf_op *vmi_h_bpf_done(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	(void)op;
	run->end = VMI_BPF_DONE;
	return NULL;
}

enum vmi_bpf_end vmi_bpf_execute(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *entry)
{
	static const struct vmi_bpf_op done = { .run = vmi_h_bpf_done };

	run->depth = 0;
	run->frames[0].back = &done;
	run->r[10] = (uintptr_t)run->stack + VMI_BPF_STACK;
#if VMI_CHAIN
	entry->run(run, entry);
#else
	while (entry)
		entry = entry->run(run, entry);
#endif
	return run->end;
}
