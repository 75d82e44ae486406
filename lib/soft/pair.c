/* SPDX-License-Identifier: MIT */
/* Handlers of two operations, one behind the other. */
/*
 * They are chosen when a block is complete, and nothing is told of them: the
 * second operation stays where it is, with its own handler.  So whoever reads
 * operations sees no pairs, and where the first of two does not do the common
 * thing (memory that the TLB does not have), its own handler does all of it
 * and goes on to the second one's.
 *
 * A step is what an operation does without going on to the next (step.h);
 * step.def lists them.  Including templates makes the handlers of all pairs:
 * pair_steps.h includes pair_seconds.h for each first step, that includes
 * pair_shapes.h for each second one; and once more for the table of them all.
 */
#include "lib/soft/pair.h"

#include "lib/soft/step.h"

enum {
#define STEP(name, place) N_##name,
#include "lib/soft/step.def"
#undef STEP
	STEPS
};

/* Whose handler does as much as a step, and all that it does not. */
static vmi_handler *const *const step_at[STEPS] = {
#define STEP(name, place) &place,
#include "lib/soft/step.def"
#undef STEP
};

static vmi_inline const struct vmi_op *whole(struct vmi_cpu *c,
	const struct vmi_op *op, uint64_t acc, unsigned step)
{
	return (*step_at[step])(c, op, acc);
}

#include "lib/soft/pair_steps.h"

#define PAIR_ROWS
static vmi_handler *const pairs[STEPS][STEPS] = {
#include "lib/soft/pair_steps.h"
};

/* -- Choosing ----------------------------------------------------------- */

static unsigned slot_of(vmi_handler *run)
{
	return (unsigned)((uint64_t)(uintptr_t)run * 0x9e3779b97f4a7c15ull >>
		(64 - VMI_STEP_BITS));
}

/* Where two have the same slot, the later goes to the next free one. */
void vmi_steps_init(struct vmi_steps *all)
{
	unsigned i, slot;

	for (i = 0; i < STEPS; i++) {
		slot = slot_of(*step_at[i]);
		while (all->id[slot])
			slot = (slot + 1) % vmi_array_len(all->id);
		all->id[slot] = (uint8_t)(i + 1);
	}
}

/* The step that the handler does, or STEPS. */
static unsigned step_of(const struct vmi_steps *all, vmi_handler *run)
{
	unsigned slot = slot_of(run);

	while (all->id[slot] && *step_at[all->id[slot] - 1] != run)
		slot = (slot + 1) % vmi_array_len(all->id);
	return all->id[slot] ? all->id[slot] - 1u : STEPS;
}

vmi_handler *vmi_pair_of(const struct vmi_steps *all, const struct vmi_op *op)
{
	unsigned first = step_of(all, op[0].run);
	unsigned second = step_of(all, op[1].run);

	return first < STEPS && second < STEPS ? pairs[first][second] : NULL;
}
