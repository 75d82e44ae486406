/* SPDX-License-Identifier: MIT */
/* What the verifier knows at one place: copied, joined, corrected. */
#include <errno.h>
#include <string.h>

#include "lib/region/bpf/state.h"
#include "lib/sys/sys.h"

struct vmi_bpf_value vmi_bpf_value_number(struct vmi_bpf_num n)
{
	return (struct vmi_bpf_value){ .kind = VMI_BPF_NUMBER, .n = n };
}

struct vmi_bpf_value vmi_bpf_value_address(unsigned kind, unsigned object)
{
	return (struct vmi_bpf_value){ .kind = (uint8_t)kind,
		.object = (uint8_t)object, .n = vmi_bpf_num_const(0) };
}

/* -- Stacks ------------------------------------------------------------- */

static bool reserve(struct vmi_bpf_stack *stack, unsigned n)
{
	struct vmi_bpf_slot *more;
	unsigned room = stack->room ? stack->room : 4;

	if (n <= stack->room)
		return true;
	while (room < n)
		room *= 2;
	more = vmi_calloc(room, sizeof(*more));
	if (!more)
		return false;
	if (stack->n)
		memcpy(more, stack->slots, stack->n * sizeof(*more));
	vmi_free(stack->slots);
	stack->slots = more;
	stack->room = room;
	return true;
}

struct vmi_bpf_slot *vmi_bpf_slot(struct vmi_bpf_stack *stack, unsigned n)
{
	if (!reserve(stack, n + 1))
		return NULL;
	if (n >= stack->n) {
		memset(stack->slots + stack->n, 0,
			(n + 1 - stack->n) * sizeof(*stack->slots));
		stack->n = n + 1;
	}
	return &stack->slots[n];
}

int vmi_bpf_state_copy(
	struct vmi_bpf_state *to, const struct vmi_bpf_state *from)
{
	unsigned i;

	to->depth = from->depth;
	to->round = from->round;
	memcpy(to->r, from->r, sizeof(to->r));
	for (i = 0; i <= from->depth; i++) {
		const struct vmi_bpf_stack *s = &from->stacks[i];

		if (!reserve(&to->stacks[i], s->n))
			return -ENOMEM;
		to->stacks[i].n = s->n;
		if (s->n)
			memcpy(to->stacks[i].slots, s->slots,
				s->n * sizeof(*s->slots));
	}
	for (; i < VMI_BPF_FRAMES; i++)
		to->stacks[i].n = 0;
	return 0;
}

void vmi_bpf_state_free(struct vmi_bpf_state *state)
{
	unsigned i;

	for (i = 0; i < VMI_BPF_FRAMES; i++)
		vmi_free(state->stacks[i].slots);
}

/* -- Joining ------------------------------------------------------------ */

struct join {
	enum vmi_bpf_haste haste;
	const struct vmi_bpf_steps *steps;
};

/* Whether `to` changed. */
static bool join_num(const struct join *j, struct vmi_bpf_num *to,
	const struct vmi_bpf_num *from)
{
	struct vmi_bpf_num n = vmi_bpf_num_join(to, from);

	if (vmi_bpf_num_equal(&n, to))
		return false;
	if (j->haste == VMI_BPF_STEPS)
		*to = vmi_bpf_num_widen(to, from, j->steps);
	else
		*to = j->haste == VMI_BPF_EXACT ? n : vmi_bpf_num_unknown();
	return true;
}

static bool are_alike(
	const struct vmi_bpf_value *a, const struct vmi_bpf_value *b)
{
	return a->kind == b->kind && a->object == b->object;
}

static bool join_value(const struct join *j, struct vmi_bpf_value *to,
	const struct vmi_bpf_value *from)
{
	bool changed;

	if (to->kind == VMI_BPF_NOTHING)
		return false;
	if (!are_alike(to, from)) {
		*to = (struct vmi_bpf_value){ .kind = VMI_BPF_NOTHING };
		return true;
	}
	changed = join_num(j, &to->n, &from->n);
	if (to->tag && (to->tag != from->tag || to->delta != from->delta)) {
		to->tag = 0;
		changed = true;
	}
	return changed;
}

static bool join_slot(const struct join *j, struct vmi_bpf_slot *to,
	const struct vmi_bpf_slot *from)
{
	uint8_t set = to->set & from->set;
	bool changed;

	if (to->is_whole && from->is_whole && are_alike(&to->v, &from->v))
		return join_value(j, &to->v, &from->v);
	changed = to->is_whole || set != to->set;
	to->is_whole = false;
	to->set = set;
	return changed;
}

static bool join_stack(const struct join *j, struct vmi_bpf_stack *to,
	const struct vmi_bpf_stack *from)
{
	bool changed = to->n > from->n;
	unsigned i;

	if (changed)
		to->n = from->n;
	for (i = 0; i < to->n; i++)
		changed |= join_slot(j, &to->slots[i], &from->slots[i]);
	return changed;
}

bool vmi_bpf_state_join(struct vmi_bpf_state *to,
	const struct vmi_bpf_state *from, enum vmi_bpf_haste haste,
	const struct vmi_bpf_steps *steps)
{
	const struct join j = { haste, steps };
	bool changed = false;
	unsigned i;

	for (i = 0; i < VMI_BPF_REGS; i++)
		changed |= join_value(&j, &to->r[i], &from->r[i]);
	for (i = 0; i <= to->depth; i++)
		changed |= join_stack(&j, &to->stacks[i], &from->stacks[i]);
	return changed;
}

/* -- Correcting --------------------------------------------------------- */

/* Do something with each number that has a tag. */
static void for_tagged(struct vmi_bpf_state *state, uint32_t tag,
	void (*fn)(struct vmi_bpf_value *v, const struct vmi_bpf_value *of),
	const struct vmi_bpf_value *of)
{
	unsigned i, k;

	for (i = 0; i < VMI_BPF_REGS; i++)
		if (state->r[i].tag == tag)
			fn(&state->r[i], of);
	for (i = 0; i <= state->depth; i++)
		for (k = 0; k < state->stacks[i].n; k++)
			if (state->stacks[i].slots[k].v.tag == tag)
				fn(&state->stacks[i].slots[k].v, of);
}

static void learn(struct vmi_bpf_value *v, const struct vmi_bpf_value *of)
{
	const struct vmi_bpf_operation add = { VMI_BPF_ADD, 64, false };
	struct vmi_bpf_num by = vmi_bpf_num_const(v->delta - of->delta);

	v->n = v->delta == of->delta ? of->n :
		vmi_bpf_num_compute(&add, &of->n, &by);
}

void vmi_bpf_state_learn(
	struct vmi_bpf_state *state, const struct vmi_bpf_value *v)
{
	if (v->tag)
		for_tagged(state, v->tag, learn, v);
}

static void untag(struct vmi_bpf_value *v, const struct vmi_bpf_value *of)
{
	(void)of;
	v->tag = 0;
}

void vmi_bpf_state_untag(struct vmi_bpf_state *state, uint32_t tag)
{
	for_tagged(state, tag, untag, NULL);
}

void vmi_bpf_state_return(struct vmi_bpf_state *state)
{
	unsigned frame = state->depth--, i, k;

	if (state->r[0].kind == VMI_BPF_FRAME && state->r[0].object == frame)
		state->r[0].kind = VMI_BPF_NOTHING;
	state->stacks[frame].n = 0;
	for (i = 0; i < frame; i++)
		for (k = 0; k < state->stacks[i].n; k++) {
			struct vmi_bpf_slot *slot = &state->stacks[i].slots[k];

			if (slot->is_whole && slot->v.kind == VMI_BPF_FRAME &&
				slot->v.object == frame)
				slot->is_whole = false;
		}
}
