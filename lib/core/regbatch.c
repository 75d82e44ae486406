/* SPDX-License-Identifier: MIT */
/* A register batch, sorted by what has to be moved together. */
/*
 * Every entry is looked up once.  Those of one block, and those of one class
 * that are moved by themselves, are then a chain in the caller's order, so
 * that each step of a batch costs what it moves and not what there is.  A
 * chain is of runs, each an array of equal registers, since that is what
 * lists are: what a run is need not be asked of each of its entries.
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

/* The batch's next run, of the entry `i` so far; `rows` may be NULL. */
static struct vmi_reg_run *begin_run(
	struct vmi_reg_batch *b, size_t i, const struct vmi_reg_row *rows)
{
	struct vmi_reg_run *run = &b->runs[b->n_runs++];

	run->first = i;
	run->n = 1;
	run->rows = rows;
	run->bytes = (uint32_t)vmi_tag_bytes(b->regs[i].tag);
	run->view = VMI_VIEW_NONE;
	run->readonly = 0;
	b->regs[i].status = 0;
	if (!rows)
		return run;
	run->offset = rows->offset;
	run->bytes = rows->bytes;
	run->view = rows->view;
	run->readonly = rows->attributes & VMAPI_REG_READONLY ? 1 : -1;
	return run;
}

/* Behind what is in the chain. */
static void append(struct vmi_reg_batch *b, struct vmi_reg_chain *chain,
	const struct vmi_reg_run *run)
{
	const size_t k = (size_t)(run - b->runs);

	*(chain->n ? &b->runs[chain->last].next : &chain->first) = k;
	chain->last = k;
	chain->n += run->n;
}

/* In front of all others, behind what is there already. */
static void lead(struct vmi_reg_batch *b, struct vmi_reg_chain *chain, size_t i)
{
	const uint64_t tag = b->arch->first_one;
	struct vmi_reg_run *run = begin_run(b, i, NULL), *before = NULL;
	size_t k = chain->first, left = chain->n;

	for (; left && b->regs[b->runs[k].first].tag == tag; left--) {
		before = &b->runs[k];
		k = before->next;
	}
	if (!left) {
		append(b, chain, run);
		return;
	}
	run->next = k;
	*(before ? &before->next : &chain->first) = (size_t)(run - b->runs);
	chain->n++;
}

/* Whether a row is the next one of an array that another is in. */
static vmi_inline bool goes_on(
	const struct vmi_reg_row *row, const struct vmi_reg_row *next)
{
	return next->offset == row->offset + row->bytes &&
		next->bytes == row->bytes && next->block == row->block &&
		next->view == row->view && next->attributes == row->attributes;
}

/*
 * Lists give tags in order: so the next entries have mostly the next rows.
 * Entries from `i` on, the first of them with that row and in that chain;
 * returns the first that is not taken.
 */
static size_t take_rows(struct vmi_reg_batch *b, struct vmi_reg_chain *chain,
	size_t i, const struct vmi_reg_row **due)
{
	const struct vmi_reg_row *row = *due;
	const struct vmi_reg_row *const end = b->arch->rows + b->arch->n_rows;
	struct vmi_reg_run *run = begin_run(b, i, row - 1);

	for (i++; i < b->n && row != end && b->regs[i].tag == row->tag &&
		goes_on(row - 1, row); i++, row++) {
		b->regs[i].status = 0;
		run->n++;
	}
	append(b, chain, run);
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
	const int which = chain_of_one(arch, regs[i].tag);
	struct vmi_reg_run *run = begin_run(b, i, NULL);

	for (i++; i < b->n && regs[i].tag > regs[i - 1].tag &&
		regs[i].tag < limit && regs[i].tag != arch->first_one &&
		vmi_tag_bytes(regs[i].tag) == run->bytes &&
		chain_of_one(arch, regs[i].tag) == which; i++) {
		regs[i].status = 0;
		run->n++;
	}
	append(b, chain, run);
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
	b->n_runs = 0;
	while (i < b->n) {
		const uint64_t tag = b->regs[i].tag;
		int which;

		row = find_row(arch, tag, &due);
		which = row ? (int)row->block : chain_of_one(arch, tag);
		if (which < 0) {
			b->regs[i++].status = -ENOENT;
			good = false;
			continue;
		}
		chain = begin_chain(b, (unsigned)which);
		if (row)
			i = take_rows(b, chain, i, &due);
		else if (tag != arch->first_one)
			i = take_ones(b, chain, i, due);
		else
			lead(b, chain, i++);
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
	size_t each = sizeof(plan->runs[0]) + sizeof(plan->tags[0]);

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
	plan->tags = (uint64_t *)(plan->runs + b->n);
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
	b->runs = plan->runs;
	if (is_planned(plan, b))
		b->used = plan->used;
	else
		make_plan(plan, b);
	return move(b);
}

int vmi_batch_fail(
	const struct vmi_reg_batch *b, const struct vmi_reg_chain *chain, int err)
{
	return vmi_batch_fail_from(b, vmi_chain_begin(b, chain), err);
}

int vmi_batch_fail_from(
	const struct vmi_reg_batch *b, struct vmi_reg_at at, int err)
{
	for (; at.left; vmi_chain_next(b, &at))
		if (!vmi_reg_of(b, &at)->status)
			vmi_reg_of(b, &at)->status = err;
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
	b->runs = b->few;
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
