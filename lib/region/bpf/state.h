/* SPDX-License-Identifier: MIT */
/* What the verifier knows of registers and stacks at one place. */
#ifndef VMI_REGION_BPF_STATE_H
#define VMI_REGION_BPF_STATE_H

#include "lib/region/bpf/bpf.h"
#include "lib/region/bpf/num.h"

enum vmi_bpf_kind {
	VMI_BPF_NOTHING, /* no value, or one that may be of two kinds */
	VMI_BPF_NUMBER,
	VMI_BPF_CONTEXT, /* addresses: what follows is `n` bytes from them */
	VMI_BPF_FRAME,	 /* the end of a frame */
	VMI_BPF_MEMORY	 /* the begin of a window */
};

struct vmi_bpf_value {
	uint8_t kind;
	uint8_t object; /* number of the frame or window */
	/* Numbers with one tag are the same, but for `delta`; 0: none. */
	uint32_t tag;
	uint64_t delta;
	struct vmi_bpf_num n;
};

/* Eight bytes of a stack. */
struct vmi_bpf_slot {
	bool is_whole; /* all of it is `v`; else bytes of numbers */
	uint8_t set;   /* bit n: byte n can be read; of an address none */
	struct vmi_bpf_value v;
};

/* Slot 0 is the frame's last; there are only those that were written to. */
struct vmi_bpf_stack {
	unsigned n, room;
	struct vmi_bpf_slot *slots;
};

struct vmi_bpf_state {
	unsigned depth; /* the frame in use */
	unsigned round; /* of the loop that it is in: verify.c */
	struct vmi_bpf_value r[VMI_BPF_REGS];
	struct vmi_bpf_stack stacks[VMI_BPF_FRAMES];
};

struct vmi_bpf_value vmi_bpf_value_number(struct vmi_bpf_num n);
struct vmi_bpf_value vmi_bpf_value_address(unsigned kind, unsigned object);
static inline bool vmi_bpf_is_address(const struct vmi_bpf_value *v)
{
	return v->kind > VMI_BPF_NUMBER;
}

/* Zeros are the empty state.  -ENOMEM leaves one that can be freed. */
int vmi_bpf_state_copy(struct vmi_bpf_state *to,
	const struct vmi_bpf_state *from);
void vmi_bpf_state_free(struct vmi_bpf_state *state);

/* How new knowledge is put to old. */
enum vmi_bpf_haste {
	VMI_BPF_EXACT,	 /* what is true of both */
	VMI_BPF_STEPS,	 /* what moved goes on to the next step */
	VMI_BPF_FORGET	 /* what moved is unknown */
};

/* Whether `to` has changed. */
bool vmi_bpf_state_join(struct vmi_bpf_state *to,
	const struct vmi_bpf_state *from, enum vmi_bpf_haste haste,
	const struct vmi_bpf_steps *steps);

/* The slot, made if it was not there; NULL: no memory. */
struct vmi_bpf_slot *vmi_bpf_slot(struct vmi_bpf_stack *stack, unsigned n);

/* Something is known of a number: and so of all with its tag. */
void vmi_bpf_state_learn(struct vmi_bpf_state *state,
	const struct vmi_bpf_value *v);
/* No number has this tag any more. */
void vmi_bpf_state_untag(struct vmi_bpf_state *state, uint32_t tag);
/* Leave the last frame: nothing knows its addresses any more. */
void vmi_bpf_state_return(struct vmi_bpf_state *state);

#endif
