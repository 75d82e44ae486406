/* SPDX-License-Identifier: MIT */
/* Inside the interpreter: how handlers reach registers and each other. */
#ifndef VMI_REGION_BPF_RUN_H
#define VMI_REGION_BPF_RUN_H

#include "lib/region/bpf/alu.h"
#include "lib/region/bpf/bpf.h"

/*
 * Handlers are chained as those of lib/soft are (lib/soft/op.h), where the
 * compiler can do it.  Their prototypes come from the table.
 */
#define BPF(opcode, src, off, imm, handler, group, section, text)              \
	vmi_bpf_handler vmi_h_bpf_##handler;
#define BPF_NO(opcode, src, group, section, text)
#include "lib/region/bpf/insn.def"
#undef BPF
#undef BPF_NO

/* What no instruction is: a jump backwards, a number in a register. */
vmi_bpf_handler vmi_h_bpf_charge, vmi_h_bpf_done, vmi_h_bpf_starved;

static vmi_inline const struct vmi_bpf_op *vmi_bpf_go(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
#if VMI_CHAIN
	return op->run(run, op);
#else
	(void)run;
	return op;
#endif
}

static vmi_inline const struct vmi_bpf_op *vmi_bpf_next(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	return vmi_bpf_go(run, op + 1);
}

#endif
