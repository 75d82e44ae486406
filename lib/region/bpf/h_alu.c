/* SPDX-License-Identifier: MIT */
/* Handlers of arithmetic and byte swaps. */
#include "lib/region/bpf/run.h"

#define NAME add
#include "lib/region/bpf/alu_shapes.h"
#undef NAME

#define NAME sub
#include "lib/region/bpf/alu_shapes.h"
#undef NAME

#define NAME mul
#include "lib/region/bpf/alu_shapes.h"
#undef NAME

#define NAME div
#include "lib/region/bpf/alu_shapes.h"
#undef NAME

#define NAME sdiv
#include "lib/region/bpf/alu_shapes.h"
#undef NAME

#define NAME or
#include "lib/region/bpf/alu_shapes.h"
#undef NAME

#define NAME and
#include "lib/region/bpf/alu_shapes.h"
#undef NAME

#define NAME lsh
#include "lib/region/bpf/alu_shapes.h"
#undef NAME

#define NAME rsh
#include "lib/region/bpf/alu_shapes.h"
#undef NAME

#define NAME mod
#include "lib/region/bpf/alu_shapes.h"
#undef NAME

#define NAME smod
#include "lib/region/bpf/alu_shapes.h"
#undef NAME

#define NAME xor
#include "lib/region/bpf/alu_shapes.h"
#undef NAME

#define NAME mov
#include "lib/region/bpf/alu_shapes.h"
#undef NAME

#define NAME arsh
#include "lib/region/bpf/alu_shapes.h"
#undef NAME

/* -- One operand -------------------------------------------------------- */

const struct vmi_bpf_op *vmi_h_bpf_neg32(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	run->r[op->dst] = (uint32_t)(0 - run->r[op->dst]);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_neg64(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	run->r[op->dst] = 0 - run->r[op->dst];
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_movs8_32(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	run->r[op->dst] = (uint32_t)vmi_bpf_sext(run->r[op->src], 8);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_movs16_32(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	run->r[op->dst] = (uint32_t)vmi_bpf_sext(run->r[op->src], 16);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_movs8_64(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	run->r[op->dst] = vmi_bpf_sext(run->r[op->src], 8);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_movs16_64(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	run->r[op->dst] = vmi_bpf_sext(run->r[op->src], 16);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_movs32_64(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	run->r[op->dst] = vmi_bpf_sext(run->r[op->src], 32);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_le16(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	run->r[op->dst] = (uint16_t)run->r[op->dst];
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_le32(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	run->r[op->dst] = (uint32_t)run->r[op->dst];
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_le64(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_bswap16(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	run->r[op->dst] = vmi_bpf_swap(run->r[op->dst], 16);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_bswap32(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	run->r[op->dst] = vmi_bpf_swap(run->r[op->dst], 32);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_bswap64(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	run->r[op->dst] = vmi_bpf_swap(run->r[op->dst], 64);
	return vmi_bpf_next(run, op);
}

/* -- Numbers and addresses ---------------------------------------------- */

const struct vmi_bpf_op *vmi_h_bpf_lddw(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	run->r[op->dst] = (uint64_t)op->imm;
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_window(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	run->r[op->dst] = (uint64_t)op->imm;
	return vmi_bpf_next(run, op);
}
