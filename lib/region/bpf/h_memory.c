/* SPDX-License-Identifier: MIT */
/* Handlers of loads, stores and atomic operations. */
#include "lib/hostmem.h"
#include "lib/region/bpf/run.h"

static vmi_inline uint8_t *at(uint64_t base, const struct vmi_bpf_op *op)
{
	return (uint8_t *)(uintptr_t)(base + (uint64_t)(int64_t)op->off);
}

/* -- Loads and stores --------------------------------------------------- */

const struct vmi_bpf_op *vmi_h_bpf_ldx8(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	run->r[op->dst] = vmi_host_load(at(run->r[op->src], op), 1);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_ldx16(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	run->r[op->dst] = vmi_host_load(at(run->r[op->src], op), 2);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_ldx32(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	run->r[op->dst] = vmi_host_load(at(run->r[op->src], op), 4);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_ldx64(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	run->r[op->dst] = vmi_host_load(at(run->r[op->src], op), 8);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_ldxs8(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	run->r[op->dst] = vmi_bpf_sext(
		vmi_host_load(at(run->r[op->src], op), 1), 8);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_ldxs16(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	run->r[op->dst] = vmi_bpf_sext(
		vmi_host_load(at(run->r[op->src], op), 2), 16);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_ldxs32(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	run->r[op->dst] = vmi_bpf_sext(
		vmi_host_load(at(run->r[op->src], op), 4), 32);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_st8(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	vmi_host_store(at(run->r[op->dst], op), (uint64_t)op->imm, 1);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_st16(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	vmi_host_store(at(run->r[op->dst], op), (uint64_t)op->imm, 2);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_st32(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	vmi_host_store(at(run->r[op->dst], op), (uint64_t)op->imm, 4);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_st64(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	vmi_host_store(at(run->r[op->dst], op), (uint64_t)op->imm, 8);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_stx8(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	vmi_host_store(at(run->r[op->dst], op), run->r[op->src], 1);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_stx16(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	vmi_host_store(at(run->r[op->dst], op), run->r[op->src], 2);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_stx32(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	vmi_host_store(at(run->r[op->dst], op), run->r[op->src], 4);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_stx64(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	vmi_host_store(at(run->r[op->dst], op), run->r[op->src], 8);
	return vmi_bpf_next(run, op);
}

/* -- Atomic operations -------------------------------------------------- */

/* RFC 9669 5.3: all are sequentially consistent here.  What was there. */
static vmi_inline uint64_t update(uint8_t *p, uint64_t v, unsigned bytes,
	uint64_t (*compute)(uint64_t a, uint64_t b, unsigned bits))
{
	uint64_t old = vmi_host_load(p, bytes);
	struct vmi_seen seen;

	for (;;) {
		seen = vmi_host_cas(p, old, compute(old, v, 64), bytes);
		if (seen.swapped)
			return old;
		old = seen.value;
	}
}

const struct vmi_bpf_op *vmi_h_bpf_atomic_add32(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	update(at(run->r[op->dst], op), run->r[op->src], 4,
		vmi_bpf_add);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_atomic_fetch_add32(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	run->r[op->src] = update(at(run->r[op->dst], op),
		run->r[op->src], 4, vmi_bpf_add);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_atomic_or32(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	update(at(run->r[op->dst], op), run->r[op->src], 4,
		vmi_bpf_or);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_atomic_fetch_or32(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	run->r[op->src] = update(at(run->r[op->dst], op),
		run->r[op->src], 4, vmi_bpf_or);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_atomic_and32(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	update(at(run->r[op->dst], op), run->r[op->src], 4,
		vmi_bpf_and);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_atomic_fetch_and32(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	run->r[op->src] = update(at(run->r[op->dst], op),
		run->r[op->src], 4, vmi_bpf_and);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_atomic_xor32(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	update(at(run->r[op->dst], op), run->r[op->src], 4,
		vmi_bpf_xor);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_atomic_fetch_xor32(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	run->r[op->src] = update(at(run->r[op->dst], op),
		run->r[op->src], 4, vmi_bpf_xor);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_xchg32(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	run->r[op->src] = update(at(run->r[op->dst], op),
		run->r[op->src], 4, vmi_bpf_mov);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_cmpxchg32(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	run->r[0] = vmi_host_cas(at(run->r[op->dst], op), run->r[0],
		run->r[op->src], 4).value;
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_atomic_add64(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	update(at(run->r[op->dst], op), run->r[op->src], 8,
		vmi_bpf_add);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_atomic_fetch_add64(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	run->r[op->src] = update(at(run->r[op->dst], op),
		run->r[op->src], 8, vmi_bpf_add);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_atomic_or64(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	update(at(run->r[op->dst], op), run->r[op->src], 8,
		vmi_bpf_or);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_atomic_fetch_or64(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	run->r[op->src] = update(at(run->r[op->dst], op),
		run->r[op->src], 8, vmi_bpf_or);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_atomic_and64(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	update(at(run->r[op->dst], op), run->r[op->src], 8,
		vmi_bpf_and);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_atomic_fetch_and64(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	run->r[op->src] = update(at(run->r[op->dst], op),
		run->r[op->src], 8, vmi_bpf_and);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_atomic_xor64(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	update(at(run->r[op->dst], op), run->r[op->src], 8,
		vmi_bpf_xor);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_atomic_fetch_xor64(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	run->r[op->src] = update(at(run->r[op->dst], op),
		run->r[op->src], 8, vmi_bpf_xor);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_xchg64(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	run->r[op->src] = update(at(run->r[op->dst], op),
		run->r[op->src], 8, vmi_bpf_mov);
	return vmi_bpf_next(run, op);
}

const struct vmi_bpf_op *vmi_h_bpf_cmpxchg64(
	struct vmi_bpf_run *run, const struct vmi_bpf_op *op)
{
	run->r[0] = vmi_host_cas(at(run->r[op->dst], op), run->r[0],
		run->r[op->src], 8).value;
	return vmi_bpf_next(run, op);
}
