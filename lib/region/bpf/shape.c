/* SPDX-License-Identifier: MIT */
/* What is wrong with a program without knowing any value. */
#include <errno.h>
#include <inttypes.h>

#include "lib/region/bpf/helper.h"
#include "lib/region/bpf/prover.h"

/* -- One instruction ---------------------------------------------------- */

static int check_row(struct vmi_bpf_prover *p, size_t i)
{
	const struct vmi_bpf_insn *insn = &p->code->insns[i];
	const struct vmi_bpf_row *row = vmi_bpf_row(insn);

	if (!row)
		return vmi_bpf_refuse(p, i, -EINVAL,
			"there is no such instruction (src %u, offset %d, "
			"immediate %" PRId32 ")", insn->src, insn->off,
			insn->imm);
	if (!row->handler)
		return vmi_bpf_refuse(p, i, -EINVAL,
			"device programs do not have this "
			"(RFC 9669, section %s)", row->section);
	return 0;
}

/* r10 is where the frame is, and no program's to change. */
static bool writes_dst(const struct vmi_bpf_insn *insn)
{
	unsigned class = VMI_BPF_CLASS(insn->opcode);

	return class == VMI_BPF_ALU || class == VMI_BPF_ALU64 ||
		class == VMI_BPF_LDX || class == VMI_BPF_LD;
}

static bool writes_src(const struct vmi_bpf_insn *insn)
{
	return VMI_BPF_CLASS(insn->opcode) == VMI_BPF_STX &&
		VMI_BPF_MODE(insn->opcode) == VMI_BPF_ATOMIC &&
		(insn->imm & VMI_BPF_FETCH) && insn->imm != VMI_BPF_CMPXCHG;
}

static int check_registers(struct vmi_bpf_prover *p, size_t i)
{
	const struct vmi_bpf_insn *insn = &p->code->insns[i];
	bool has_dst = insn->opcode != VMI_BPF_CALL_INSN &&
		insn->opcode != VMI_BPF_EXIT_INSN;

	if (insn->dst > 10 || insn->src > 10 || (!has_dst && insn->dst))
		return vmi_bpf_refuse(p, i, -EINVAL,
			"there is no such register");
	if ((writes_dst(insn) && insn->dst == 10) ||
		(writes_src(insn) && insn->src == 10))
		return vmi_bpf_refuse(p, i, -EINVAL,
			"r10 cannot be changed");
	return 0;
}

static int check_wide(struct vmi_bpf_prover *p, size_t i)
{
	const struct vmi_bpf_insn *insn = &p->code->insns[i];

	if (!vmi_bpf_is_wide(insn))
		return 0;
	if (i + 1 == p->code->n || insn[1].opcode || insn[1].dst ||
		insn[1].src || insn[1].off)
		return vmi_bpf_refuse(p, i, -EINVAL,
			"its second half is missing");
	p->marks[i + 1] |= VMI_BPF_TAIL;
	if (insn->src != VMI_BPF_WINDOW)
		return 0;
	if (insn->imm < 0 || (size_t)insn->imm >= p->code->n_windows)
		return vmi_bpf_refuse(p, i, -EINVAL,
			"there is no window %" PRId32, insn->imm);
	if ((uint32_t)insn[1].imm > p->code->windows[insn->imm].bytes)
		return vmi_bpf_refuse(p, i, -EINVAL,
			"window '%s' has %" PRIu64 " bytes",
			p->code->windows[insn->imm].name,
			p->code->windows[insn->imm].bytes);
	return 0;
}

/* -- Jumps and functions ------------------------------------------------ */

static int mark_target(struct vmi_bpf_prover *p, size_t i)
{
	const struct vmi_bpf_insn *insn = &p->code->insns[i];
	bool is_call = vmi_bpf_is_local_call(insn);
	int64_t to = (int64_t)i + 1 + vmi_bpf_distance(insn);

	if (!is_call && !vmi_bpf_is_jump(insn))
		return 0;
	if (to < 0 || to >= (int64_t)p->code->n)
		return vmi_bpf_refuse(p, i, -EINVAL,
			"it leads out of the program");
	p->marks[to] |= is_call ? VMI_BPF_START : VMI_BPF_HEAD;
	if (!is_call && to <= (int64_t)i)
		p->marks[to] |= VMI_BPF_LOOP;
	return 0;
}

static int check_helper(struct vmi_bpf_prover *p, size_t i)
{
	const struct vmi_bpf_insn *insn = &p->code->insns[i];

	if (insn->opcode != VMI_BPF_CALL_INSN || vmi_bpf_is_local_call(insn) ||
		vmi_bpf_helper((uint32_t)insn->imm))
		return 0;
	return vmi_bpf_refuse(p, i, -EINVAL, "there is no helper %" PRId32,
		insn->imm);
}

static bool ends(const struct vmi_bpf_insn *insn)
{
	return insn->opcode == VMI_BPF_EXIT_INSN ||
		insn->opcode == (VMI_BPF_JMP | VMI_BPF_JA) ||
		insn->opcode == (VMI_BPF_JMP32 | VMI_BPF_JA);
}

/* With all marks set. */
static int check_way(struct vmi_bpf_prover *p, size_t i)
{
	const struct vmi_bpf_insn *insn = &p->code->insns[i];
	size_t next = i + 1 + vmi_bpf_is_wide(insn);

	if (!ends(insn) && (next >= p->code->n ||
				   p->function[next] != p->function[i]))
		return vmi_bpf_refuse(p, i, -EINVAL,
			"the function goes on behind its end");
	if (!vmi_bpf_is_jump(insn) && !vmi_bpf_is_local_call(insn))
		return 0;
	next = vmi_bpf_target(p, i);
	if (p->marks[next] & VMI_BPF_TAIL)
		return vmi_bpf_refuse(p, i, -EINVAL,
			"it leads into the middle of an instruction");
	if (vmi_bpf_is_jump(insn) && p->function[next] != p->function[i])
		return vmi_bpf_refuse(p, i, -EINVAL,
			"it leads out of its function");
	return 0;
}

static int check_alone(struct vmi_bpf_prover *p, size_t i)
{
	int err = check_row(p, i);

	if (!err)
		err = check_registers(p, i);
	if (!err)
		err = check_wide(p, i);
	if (!err)
		err = check_helper(p, i);
	return err ? err : mark_target(p, i);
}

/* Loops that share instructions are one: from the first to the last. */
static void find_loops(struct vmi_bpf_prover *p)
{
	size_t i, begin = 0, end = 0;

	for (i = 0; i < p->code->n; i++)
		if (!(p->marks[i] & VMI_BPF_TAIL) &&
			vmi_bpf_is_jump(&p->code->insns[i]) &&
			vmi_bpf_target(p, i) <= i)
			p->loop_end[vmi_bpf_target(p, i)] = (uint32_t)i;
	for (i = 0; i < p->code->n; i++) {
		if ((p->marks[i] & VMI_BPF_LOOP) && (!end || i > end))
			begin = end = i;
		if ((p->marks[i] & VMI_BPF_LOOP) && p->loop_end[i] > end)
			end = p->loop_end[i];
		if (!(p->marks[begin] & VMI_BPF_LOOP) || i > end)
			continue;
		p->loop[i] = (uint32_t)begin + 1;
		p->loop_end[begin] = (uint32_t)end;
	}
}

int vmi_bpf_shape(struct vmi_bpf_prover *p)
{
	uint32_t function = 0;
	size_t i;
	int err = 0;

	p->marks[p->code->entry] |= VMI_BPF_START;
	for (i = 0; i < p->code->n && !err; i++)
		if (!(p->marks[i] & VMI_BPF_TAIL))
			err = check_alone(p, i);
	for (i = 0; i < p->code->n; i++) {
		if (p->marks[i] & VMI_BPF_START)
			function = (uint32_t)i;
		p->function[i] = function;
	}
	for (i = 0; i < p->code->n && !err; i++)
		if (!(p->marks[i] & VMI_BPF_TAIL))
			err = check_way(p, i);
	if (!err)
		find_loops(p);
	return err;
}
