/* SPDX-License-Identifier: MIT */
/* A register batch, sorted by what has to be moved together. */
/*
 * Every entry is looked up once.  Those of one block, and those of one class
 * that are moved by themselves, are then a chain in the caller's order, so
 * that each step of a batch costs what it moves and not what there is.
 */
#include <errno.h>

#include "lib/core/regs.h"
#include "lib/sys/sys.h"

/* The row, or NULL; *due is the first row behind the tag. */
static const struct vmi_reg_row *find_row(const struct vmi_regs_arch *arch,
	uint64_t tag, const struct vmi_reg_row **due)
{
	const struct vmi_reg_row *const rows = arch->rows;
	const struct vmi_reg_row *const end = rows + arch->n_rows;
	const struct vmi_reg_row *at = *due;

	if ((at != end && at->tag < tag) || (at != rows && at[-1].tag >= tag))
		at = rows + vmi_reg_lower(arch, tag);
	if (at == end || at->tag != tag) {
		*due = at;
		return NULL;
	}
	*due = at + 1;
	return at;
}

/* The chain of an entry without a row, or -1: there is no such register. */
static vmi_inline int chain_of_one(const struct vmi_regs_arch *arch,
	uint64_t tag)
{
	if (!vmi_tag_bytes(tag) || !vmi_tag_is_one(arch, tag))
		return -1;
	return VMI_BLOCKS_MAX + (int)vmi_tag_class(arch, tag);
}

static struct vmi_reg_chain *begin_chain(
	struct vmi_reg_batch *b, unsigned which)
{
	struct vmi_reg_chain *chain = &b->chains[which];

	if (!(b->used >> which & 1)) {
		chain->n = chain->room = 0;
		chain->is_known = false;
	}
	b->used |= UINT32_C(1) << which;
	return chain;
}

/* Where the number of the entry behind a chain's last one goes. */
static size_t *end_of(const struct vmi_reg_batch *b, struct vmi_reg_chain *chain)
{
	return chain->n ? &b->places[chain->last].next : &chain->first;
}

/* In front of all others, behind what is there already. */
static void lead(struct vmi_reg_batch *b, struct vmi_reg_chain *chain, size_t i)
{
	const uint64_t tag = b->arch->first_one;
	size_t k = chain->first;

	if (!chain->n || b->regs[k].tag != tag) {
		b->places[i].next = k;
		chain->first = i;
		chain->last = chain->n++ ? chain->last : i;
		return;
	}
	while (k != chain->last && b->regs[b->places[k].next].tag == tag)
		k = b->places[k].next;
	b->places[i].next = b->places[k].next;
	b->places[k].next = i;
	chain->last = k == chain->last ? i : chain->last;
	chain->n++;
}

/*
 * Lists give tags in order: so the next entries have mostly the next rows, of
 * the same block.  Entries from `i` on, the first of them with that row and
 * in that chain; returns the first that is not taken.
 */
static size_t take_rows(struct vmi_reg_batch *b, struct vmi_reg_chain *chain,
	size_t i, const struct vmi_reg_row **due)
{
	const struct vmi_reg_row *row = *due - 1;
	const struct vmi_reg_row *const end = b->arch->rows + b->arch->n_rows;
	const unsigned block = row->block;
	struct vmapi_reg *const regs = b->regs;
	struct vmi_reg_place *const places = b->places;
	size_t *link = end_of(b, chain);
	const size_t first = i, n = b->n;

	do {
		regs[i].status = 0;
		places[i].row = row++;
		*link = i;
		link = &places[i++].next;
	} while (i < n && row != end && regs[i].tag == row->tag &&
		row->block == block);
	chain->n += i - first;
	chain->last = i - 1;
	*due = row;
	return i;
}

/* The same of those without a row, up to the one that is due. */
static size_t take_ones(struct vmi_reg_batch *b, struct vmi_reg_chain *chain,
	size_t i, const struct vmi_reg_row *due)
{
	const struct vmi_regs_arch *const arch = b->arch;
	const uint64_t limit = due == arch->rows + arch->n_rows ? UINT64_MAX
								: due->tag;
	struct vmapi_reg *const regs = b->regs;
	struct vmi_reg_place *const places = b->places;
	const int which = chain_of_one(arch, regs[i].tag);
	size_t *link = end_of(b, chain);
	const size_t first = i, n = b->n;

	do {
		regs[i].status = 0;
		places[i].row = NULL;
		places[i].readonly = 0;
		*link = i;
		link = &places[i++].next;
	} while (i < n && regs[i].tag > regs[i - 1].tag &&
		regs[i].tag < limit && regs[i].tag != arch->first_one &&
		chain_of_one(arch, regs[i].tag) == which);
	chain->n += i - first;
	chain->last = i - 1;
	return i;
}

/* Whether there are all of these. */
static bool sort(struct vmi_reg_batch *b)
{
	const struct vmi_regs_arch *arch = b->arch;
	const struct vmi_reg_row *row, *due = arch->rows;
	struct vmi_reg_chain *chain;
	bool good = true;
	size_t i = 0;

	b->used = 0;
	while (i < b->n) {
		const uint64_t tag = b->regs[i].tag;
		int which;

		row = find_row(arch, tag, &due);
		which = row ? (int)row->block : chain_of_one(arch, tag);
		b->places[i].row = row;
		b->places[i].readonly = 0;
		b->regs[i].status = which < 0 ? -ENOENT : 0;
		good &= which >= 0;
		chain = which < 0 ? NULL : begin_chain(b, (unsigned)which);
		if (chain && tag != arch->first_one)
			i = row ? take_rows(b, chain, i, &due)
				: take_ones(b, chain, i, due);
		else if (chain)
			lead(b, chain, i++);
		else
			i++;
	}
	return good;
}

/* -- Plans -------------------------------------------------------------- */

/* The tags of last time, and then no entry has a status. */
static bool is_planned(const struct vmi_reg_plan *plan,
	const struct vmi_reg_batch *b)
{
	struct vmapi_reg *const regs = b->regs;
	const uint64_t *const tags = plan->tags;
	const size_t n = b->n;
	size_t i;

	if (plan->n != n)
		return false;
	for (i = 0; i < n && regs[i].tag == tags[i]; i++)
		regs[i].status = 0;
	return i == n;
}

static void make_plan(struct vmi_reg_plan *plan, struct vmi_reg_batch *b)
{
	size_t i;

	plan->n = sort(b) ? b->n : 0;
	plan->used = b->used;
	for (i = 0; i < plan->n; i++)
		plan->tags[i] = b->regs[i].tag;
}

/* The vcpu's plan of this kind, with room for the batch; NULL: no memory. */
static struct vmi_reg_plan *find_plan(const struct vmi_reg_batch *b)
{
	struct vmi_reg_plan *plan = *b->plan;
	size_t each = sizeof(plan->places[0]) + sizeof(plan->tags[0]);

	if (plan && plan->room >= b->n)
		return plan;
	vmi_free(plan);
	*b->plan = NULL;
	if (b->n > (SIZE_MAX - sizeof(*plan)) / each)
		return NULL;
	plan = vmi_alloc(sizeof(*plan) + b->n * each);
	if (!plan)
		return NULL;
	plan->n = 0;
	plan->room = b->n;
	plan->tags = (uint64_t *)(plan->places + b->n);
	*b->plan = plan;
	return plan;
}

static int move_planned(
	struct vmi_reg_batch *b, int (*move)(struct vmi_reg_batch *b))
{
	struct vmi_reg_plan *plan = find_plan(b);

	if (!plan)
		return vmi_fail(-ENOMEM, vmi_vcpu_label(b->vcpu), "no memory");
	b->chains = plan->chains;
	b->places = plan->places;
	if (is_planned(plan, b))
		b->used = plan->used;
	else
		make_plan(plan, b);
	return move(b);
}

int vmi_batch_fail(
	const struct vmi_reg_batch *b, const struct vmi_reg_chain *chain, int err)
{
	size_t i, k = chain->first;

	for (i = 0; i < chain->n; i++, k = b->places[k].next)
		if (!b->regs[k].status)
			b->regs[k].status = err;
	return err;
}

int vmi_batch_move(
	struct vmi_reg_batch *b, int (*move)(struct vmi_reg_batch *b))
{
	b->arch = vmi_regs_of(b->vcpu);
	b->why = NULL;
	if (b->n > vmi_array_len(b->few))
		return move_planned(b, move);
	b->chains = b->own;
	b->places = b->few;
	sort(b);
	return move(b);
}

static int check(const struct vmi_reg_batch *b)
{
	if (b->n && !b->regs)
		return vmi_null("regs");
	if (b->flags & ~VMAPI_REGS_ALL_OR_NOTHING)
		return vmi_fail(-EINVAL, vmi_vcpu_label(b->vcpu),
			"unknown flags 0x%x", b->flags);
	return 0;
}

int vmi_batch_run(struct vmi_reg_batch *b, size_t *done,
	int (*move)(struct vmi_reg_batch *b))
{
	int err = check(b);
	size_t i;

	if (err)
		return err;
	err = vmi_vcpu_claim(b->vcpu);
	if (!err) {
		err = vmi_batch_move(b, move);
		vmi_vcpu_release(b->vcpu);
	}
	if (!err)
		return vmi_regs_conclude(b, done);
	for (i = 0; i < b->n; i++)
		b->regs[i].status = err;
	if (done)
		*done = 0;
	return err;
}
