/* SPDX-License-Identifier: MIT */
/* The verifier's view of loads and stores. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "lib/region/bpf/prover.h"

#define CONTEXT_LENGTH 16 /* where the context says how many bytes */

/* What an address may be, with the instruction's own offset. */
struct place {
	const struct vmi_bpf_value *base;
	int64_t low, high; /* first byte, at least and at most */
};

/* -- Bounds ------------------------------------------------------------- */

static const char *name_of(const struct vmi_bpf_prover *p,
	const struct vmi_bpf_value *v, char text[48])
{
	if (v->kind == VMI_BPF_CONTEXT)
		return "the context";
	if (v->kind == VMI_BPF_FRAME)
		return "the stack";
	snprintf(text, 48, "window '%.32s'",
		p->code->windows[v->object].name);
	return text;
}

/* Where the object begins and ends, seen from its address. */
static void extent(const struct vmi_bpf_prover *p,
	const struct vmi_bpf_value *v, int64_t *first, int64_t *end)
{
	*first = 0;
	*end = 0;
	if (v->kind == VMI_BPF_FRAME)
		*first = -VMI_BPF_STACK;
	if (v->kind == VMI_BPF_CONTEXT)
		*end = p->code->context_bytes;
	if (v->kind == VMI_BPF_MEMORY)
		*end = (int64_t)p->code->windows[v->object].bytes;
}

static int outside(struct vmi_bpf_prover *p,
	const struct vmi_bpf_touch *touch, const struct place *place)
{
	const struct vmi_bpf_num *n = &place->base->n;
	int64_t first, end;
	char text[48];

	extent(p, place->base, &first, &end);
	if (n->whole.smin < INT32_MIN || n->whole.smax > INT32_MAX)
		return vmi_bpf_refuse(p, touch->at, -EACCES,
			"r%u is an address in %s, moved by a number without "
			"bounds", touch->reg, name_of(p, place->base, text));
	return vmi_bpf_refuse(p, touch->at, -EACCES,
		"r%u leads to bytes %" PRId64 " to %" PRId64
		" of %s, which are %" PRId64 " to %" PRId64, touch->reg,
		place->low, place->high + touch->bytes - 1,
		name_of(p, place->base, text), first, end - 1);
}

static bool is_aligned(
	const struct place *place, const struct vmi_bpf_touch *touch)
{
	const struct vmi_bpf_bits *b = &place->base->n.bits;
	uint64_t low = touch->bytes - 1;

	return !(b->mask & low) &&
		!((b->value + (uint64_t)(int64_t)touch->off) & low);
}

static int find(struct vmi_bpf_prover *p, const struct vmi_bpf_state *state,
	const struct vmi_bpf_touch *touch, struct place *place)
{
	const struct vmi_bpf_value *v = &state->r[touch->reg];
	int err = vmi_bpf_prove_read(p, state, touch->at, touch->reg);
	int64_t first, end;
	char text[48];

	if (err)
		return err;
	if (v->kind == VMI_BPF_NUMBER)
		return vmi_bpf_refuse(p, touch->at, -EACCES,
			"r%u is a number, not an address", touch->reg);
	place->base = v;
	if (v->n.whole.smin < INT32_MIN || v->n.whole.smax > INT32_MAX)
		return outside(p, touch, place);
	place->low = v->n.whole.smin + touch->off;
	place->high = v->n.whole.smax + touch->off;
	extent(p, v, &first, &end);
	if (place->low < first || place->high > end - (int64_t)touch->bytes)
		return outside(p, touch, place);
	if (!is_aligned(place, touch))
		return vmi_bpf_refuse(p, touch->at, -EACCES,
			"r%u %+d is not always a multiple of %u bytes in %s",
			touch->reg, touch->off, touch->bytes,
			name_of(p, v, text));
	return 0;
}

/* -- The stack ---------------------------------------------------------- */

/* Addresses are negative, and the first slot is the highest. */
static unsigned slot_of(int64_t at)
{
	return (unsigned)((-at - 1) / 8);
}

static unsigned byte_of(int64_t at)
{
	return (unsigned)(at & 7);
}

static struct vmi_bpf_value number_of(unsigned bytes)
{
	return vmi_bpf_value_number(
		vmi_bpf_num_between(0, UINT64_MAX >> (64 - 8 * bytes)));
}

static bool is_readable(const struct vmi_bpf_stack *stack, int64_t at)
{
	unsigned n = slot_of(at);

	return n < stack->n && (stack->slots[n].set >> byte_of(at) & 1);
}

static int no_value(struct vmi_bpf_prover *p,
	const struct vmi_bpf_touch *touch, int64_t at)
{
	return vmi_bpf_refuse(p, touch->at, -EACCES,
		"byte %" PRId64 " of the stack has no value, or is part of an "
		"address", at);
}

/* A whole slot, or a part of one whose number is known. */
static bool load_slot(const struct vmi_bpf_stack *stack, int64_t at,
	unsigned bytes, struct vmi_bpf_value *value)
{
	const struct vmi_bpf_slot *slot;

	if (slot_of(at) >= stack->n || byte_of(at))
		return false;
	slot = &stack->slots[slot_of(at)];
	if (!slot->is_whole)
		return false;
	if (bytes == 8)
		*value = slot->v;
	else if (slot->v.kind == VMI_BPF_NUMBER)
		*value = vmi_bpf_value_number(
			vmi_bpf_num_zext(&slot->v.n, 8 * bytes));
	else
		return false;
	return true;
}

static int load_stack(struct vmi_bpf_prover *p,
	const struct vmi_bpf_stack *stack, const struct vmi_bpf_touch *touch,
	const struct place *place, struct vmi_bpf_value *value)
{
	int64_t at;

	if (place->low == place->high &&
		load_slot(stack, place->low, touch->bytes, value))
		return 0;
	for (at = place->low; at < place->high + (int64_t)touch->bytes; at++)
		if (!is_readable(stack, at))
			return no_value(p, touch, at);
	*value = number_of(touch->bytes);
	return 0;
}

/* Something is written to a place that is known: bytes of a number. */
static void set_bytes(struct vmi_bpf_slot *slot, int64_t at, unsigned bytes)
{
	slot->is_whole = false;
	slot->set |= (uint8_t)(((1u << bytes) - 1) << byte_of(at));
}

/* ... or maybe to this slot: what could be read still can. */
static void may_change(struct vmi_bpf_stack *stack, unsigned n)
{
	if (n < stack->n)
		stack->slots[n].is_whole = false;
}

static int store_stack(struct vmi_bpf_stack *stack,
	const struct vmi_bpf_touch *touch, const struct place *place,
	const struct vmi_bpf_value *value)
{
	struct vmi_bpf_slot *slot;
	unsigned n;

	if (place->low != place->high) {
		n = slot_of(place->high + (int64_t)touch->bytes - 1);
		for (; n <= slot_of(place->low); n++)
			may_change(stack, n);
		return 0;
	}
	slot = vmi_bpf_slot(stack, slot_of(place->low));
	if (!slot)
		return -ENOMEM;
	if (touch->bytes < 8) {
		set_bytes(slot, place->low, touch->bytes);
		return 0;
	}
	slot->is_whole = true;
	slot->set = vmi_bpf_is_address(value) ? 0 : 0xff;
	slot->v = *value;
	return 0;
}

/* -- All ---------------------------------------------------------------- */

/* What the context's fields can be.  Behind the length are zeros, 4 in all. */
static struct vmi_bpf_value context_value(
	const struct place *place, unsigned bytes)
{
	if (place->low == CONTEXT_LENGTH && place->high == CONTEXT_LENGTH &&
		bytes <= 4)
		return vmi_bpf_value_number(vmi_bpf_num_between(0, 8));
	return number_of(bytes);
}

int vmi_bpf_prove_load(struct vmi_bpf_prover *p, struct vmi_bpf_state *state,
	const struct vmi_bpf_touch *touch, struct vmi_bpf_value *value)
{
	struct place place;
	int err = find(p, state, touch, &place);

	if (err)
		return err;
	if (place.base->kind == VMI_BPF_FRAME)
		return load_stack(p, &state->stacks[place.base->object], touch,
			&place, value);
	*value = place.base->kind == VMI_BPF_CONTEXT ?
		context_value(&place, touch->bytes) :
		number_of(touch->bytes);
	return 0;
}

static int check_window(struct vmi_bpf_prover *p,
	const struct vmi_bpf_touch *touch, const struct place *place)
{
	unsigned n = place->base->object;
	uint64_t end = (uint64_t)place->high + touch->bytes;

	if (!p->code->windows[n].is_writable)
		return vmi_bpf_refuse(p, touch->at, -EACCES,
			"window '%s' is read-only", p->code->windows[n].name);
	if ((uint64_t)place->low < p->proof->low[n])
		p->proof->low[n] = (uint64_t)place->low;
	if (end > p->proof->high[n])
		p->proof->high[n] = end;
	return 0;
}

int vmi_bpf_prove_store(struct vmi_bpf_prover *p,
	struct vmi_bpf_state *state, const struct vmi_bpf_touch *touch,
	const struct vmi_bpf_value *value)
{
	struct place place;
	int err = find(p, state, touch, &place);
	char text[48];

	if (err)
		return err;
	if (vmi_bpf_is_address(value) &&
		(place.base->kind != VMI_BPF_FRAME || touch->bytes < 8 ||
			place.low != place.high))
		return vmi_bpf_refuse(p, touch->at, -EACCES,
			"an address can be kept only in 8 bytes of the stack, "
			"at a place that is known");
	if (place.base->kind == VMI_BPF_FRAME)
		return store_stack(&state->stacks[place.base->object], touch,
			&place, value);
	if (place.base->kind == VMI_BPF_MEMORY)
		return check_window(p, touch, &place);
	if (place.high + touch->bytes > p->code->context_writable)
		return vmi_bpf_refuse(p, touch->at, -EACCES,
			p->code->context_writable ?
				"of %s only the bytes that are read can be "
				"changed" :
				"%s cannot be changed by such a program",
			name_of(p, place.base, text));
	return 0;
}
