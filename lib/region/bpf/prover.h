/* SPDX-License-Identifier: MIT */
/* Inside the verifier: what its parts share. */
#ifndef VMI_REGION_BPF_PROVER_H
#define VMI_REGION_BPF_PROVER_H

#include "lib/region/bpf/state.h"
#include "lib/region/bpf/verify.h"

/* Of an instruction. */
#define VMI_BPF_TAIL  1u /* it is the second half of one */
#define VMI_BPF_START 2u /* a function begins */
#define VMI_BPF_HEAD  4u /* ways join: it is jumped to */
#define VMI_BPF_LOOP  8u /* one of them comes from behind */

struct vmi_bpf_prover {
	const struct vmi_bpf_code *code;
	struct vmi_bpf_proof *proof;
	uint8_t *marks;	    /* of each instruction */
	uint32_t *function; /* of each instruction: where its function begins */
	uint32_t *loop;	    /* ... where its loops begin, + 1; 0: it is in none */
	uint32_t *loop_end; /* of where loops begin: their last instruction */
	struct vmi_bpf_steps steps; /* at which the bounds of loops may stop */
	uint64_t limit;		    /* of proof->steps */
	unsigned depth;
	size_t callers[VMI_BPF_FRAMES]; /* functions that are being looked at */
};

/* Set proof->why, "insn 3 (r1 = r2): " and this; returns `err`. */
int vmi_bpf_refuse(struct vmi_bpf_prover *p, size_t at, int err,
	const char *format, ...) vmi_printf(4, 5);

/* shape.c: what can be seen without knowing a value; fills in the marks. */
int vmi_bpf_shape(struct vmi_bpf_prover *p);

static inline size_t vmi_bpf_target(
	const struct vmi_bpf_prover *p, size_t at)
{
	return at + 1 +
		(size_t)(ptrdiff_t)vmi_bpf_distance(&p->code->insns[at]);
}

/* An access of the instruction `at` to memory. */
struct vmi_bpf_touch {
	size_t at;
	unsigned reg; /* the address */
	int off;
	unsigned bytes;
};

/* memory.c: prove a load or a store, and do it to the state. */
int vmi_bpf_prove_load(struct vmi_bpf_prover *p, struct vmi_bpf_state *state,
	const struct vmi_bpf_touch *touch, struct vmi_bpf_value *value);
int vmi_bpf_prove_store(struct vmi_bpf_prover *p,
	struct vmi_bpf_state *state, const struct vmi_bpf_touch *touch,
	const struct vmi_bpf_value *value);

/* prove.c: one instruction that neither jumps nor calls nor ends. */
int vmi_bpf_prove_plain(struct vmi_bpf_prover *p,
	struct vmi_bpf_state *state, size_t at);
/* The value of a register that has one. */
int vmi_bpf_prove_read(struct vmi_bpf_prover *p,
	const struct vmi_bpf_state *state, size_t at, unsigned reg);
/* ... and is a number. */
int vmi_bpf_prove_number(struct vmi_bpf_prover *p,
	const struct vmi_bpf_state *state, size_t at, unsigned reg);

#endif
