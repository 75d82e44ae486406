/* SPDX-License-Identifier: MIT */
/*
 * Batches that write registers.
 *
 * Whatever the caller's order, a batch is applied in the steps that the
 * architecture's table lists (lib/arch), each of which depends only on those
 * before it.
 *
 * A step reads its block, unless the entries are all that it holds, puts
 * them in and writes it back.  If the backend refuses the block, the entries
 * are tried one after the other, so that each has its own status.  For all-or-nothing every block is kept as
 * it was before its step, and put back in the same order when a step fails.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/core/regs.h"
#include "lib/sys/sys.h"

/* What a step replaced. */
struct undo {
	struct vmi_reg_block block; /* data NULL: nothing */
	struct vmi_one_batch ones;
};

/* -- Blocks ------------------------------------------------------------- */

static int write_block(const struct vmi_reg_batch *b, unsigned which,
	const struct vmi_reg_block *block)
{
	const struct vmi_backend *be = b->vcpu->vm->ctx->be;

	if (!be->block_set)
		return -ENOTSUP;
	return be->block_set(b->vcpu, which, block->data, block->bytes);
}

static const char *refusal(const struct vmi_reg_batch *b, unsigned which,
	const void *data)
{
	const struct vmi_backend *be = b->vcpu->vm->ctx->be;

	if (be->block_refusal)
		return be->block_refusal(b->vcpu, which, data);
	return b->arch->refusal ? b->arch->refusal(which, data) : NULL;
}

/* The same of values of the caller's: the first refusal is explained. */
static int try_block(struct vmi_reg_batch *b, unsigned which,
	const struct vmi_reg_block *block)
{
	int err = write_block(b, which, block);

	if (err == -EINVAL && !b->why) {
		b->why = refusal(b, which, block->data);
		b->why_block = which;
	}
	return err;
}

/* The words of a block of `bytes` bytes that a register is. */
static uint64_t words_of(const struct vmi_reg_row *row)
{
	const unsigned n = row->bytes / 8;

	if (row->view || row->bytes % 8 || row->offset % 8 || n > 63)
		return 0;
	return ((UINT64_C(1) << n) - 1) << row->offset / 8;
}

static int patch_one(const struct vmi_reg_row *row,
	struct vmi_reg_block *block, const struct vmapi_reg *reg)
{
	if (!vmi_reg_is_plain(row, reg) || row->offset + 8 > block->bytes)
		return vmi_reg_patch(row, block, reg);
	memcpy(block->data + row->offset, &reg->value, 8);
	return 0;
}

/* All good entries of the chain at once. */
static int set_together(struct vmi_reg_batch *b,
	const struct vmi_reg_chain *chain, unsigned which,
	struct vmi_reg_block *block)
{
	size_t k = chain->from;
	int err = 0;

	for (;; k = b->places[k].next) {
		if (!b->regs[k].status)
			err = patch_one(b->places[k].row, block, &b->regs[k]);
		if (err || k == chain->last)
			break;
	}
	return err ? err : try_block(b, which, block);
}

/* One after the other: what is refused is taken out again. */
static void set_apart(struct vmi_reg_batch *b,
	const struct vmi_reg_chain *chain, unsigned which)
{
	struct vmi_reg_block good = { .data = NULL }, trial = { .data = NULL };
	int err = vmi_block_load(b->vcpu, which, &good);
	size_t i, k = chain->first;

	b->why = b->why_block == which ? NULL : b->why;
	for (i = 0; i < chain->n; i++, k = b->places[k].next) {
		struct vmapi_reg *reg = &b->regs[k];

		if (reg->status)
			continue;
		if (!err)
			err = vmi_block_copy(&trial, &good);
		reg->status = err;
		if (err)
			continue;
		reg->status = vmi_reg_patch(b->places[k].row, &trial, reg);
		if (!reg->status)
			reg->status = try_block(b, which, &trial);
		if (!reg->status)
			err = vmi_block_copy(&good, &trial);
	}
	vmi_block_free(&good);
	vmi_block_free(&trial);
}

/* What the entries are put into, and for all-or-nothing what was there. */
static int begin_block(const struct vmi_reg_batch *b, unsigned which,
	struct vmi_reg_block *block, struct vmi_reg_block *old)
{
	const struct vmi_reg_chain *chain = &b->chains[which];
	size_t bytes;
	int err;

	if (old) {
		err = vmi_block_load(b->vcpu, which, old);
		if (!err)
			err = vmi_block_copy(block, old);
		if (err)
			vmi_block_free(old);
		return err;
	}
	if (!chain->is_covered)
		return vmi_block_load(b->vcpu, which, block);
	if (!b->places[chain->from].row->bytes)
		return 0; /* it brings its own length */
	err = vmi_block_size(b->vcpu, which, &bytes);
	if (!err)
		err = vmi_block_room(block, bytes);
	if (!err)
		memset(block->data, 0, bytes);
	return err;
}

/* The last entry is all of it: without a copy on the way. */
static bool is_direct(
	const struct vmi_reg_batch *b, const struct vmi_reg_chain *chain)
{
	const struct vmapi_reg *reg = &b->regs[chain->last];

	return chain->is_covered && chain->from == chain->last &&
		vmi_reg_is_direct(
			b->places[chain->last].row, reg->bytes, reg);
}

static int set_at_once(struct vmi_reg_batch *b, unsigned which,
	struct vmi_reg_block *old)
{
	const struct vmi_reg_chain *chain = &b->chains[which];
	struct vmi_reg_block block;
	int err;

	if (!old && is_direct(b, chain)) {
		block.data = b->regs[chain->last].data;
		block.bytes = b->regs[chain->last].bytes;
		return try_block(b, which, &block);
	}
	block.data = NULL;
	err = begin_block(b, which, &block, old);
	if (err)
		return vmi_batch_fail(b, chain, err);
	err = set_together(b, chain, which, &block);
	vmi_block_free(&block);
	return err;
}

static int set_block(struct vmi_reg_batch *b, unsigned which,
	struct undo *undo)
{
	const struct vmi_reg_chain *chain = &b->chains[which];
	struct vmi_reg_block *old = undo ? &undo->block : NULL;
	int err = set_at_once(b, which, old);

	if (!err)
		return 0;
	if (old)
		vmi_block_free(old);
	if (old || chain->good == 1)
		return vmi_batch_fail(b, chain, err);
	set_apart(b, chain, which);
	return err;
}

/* -- Registers that are moved by themselves ------------------------------ */

/* The good entries of a class; `ones` has bytes of its own only if so asked. */
static int gather(const struct vmi_reg_batch *b,
	const struct vmi_reg_chain *chain, struct vmi_one_batch *ones, bool own)
{
	size_t i, k = chain->first;
	int err = vmi_ones_room(b,
		UINT32_C(1) << (chain - b->chains), ones);

	for (i = 0; i < chain->n && !err; i++, k = b->places[k].next)
		if (!b->regs[k].status)
			vmi_one_patch(own ?
				vmi_ones_add(ones, b->regs[k].tag) :
				vmi_ones_share(ones, &b->regs[k]),
				&b->regs[k]);
	return err;
}

static int scatter_status(const struct vmi_reg_batch *b,
	const struct vmi_reg_chain *chain, const struct vmi_one_batch *ones)
{
	size_t i, k = chain->first, at = 0;
	int err = 0;

	for (i = 0; i < chain->n; i++, k = b->places[k].next) {
		if (b->regs[k].status)
			continue;
		b->regs[k].status = ones->ones[at++].status;
		if (!err)
			err = b->regs[k].status;
	}
	return err;
}

/* The values before; one that cannot be read makes the batch fail. */
static int save_ones(const struct vmi_reg_batch *b,
	const struct vmi_reg_chain *chain, struct vmi_one_batch *old)
{
	const struct vmi_backend *be = b->vcpu->vm->ctx->be;
	int err = gather(b, chain, old, true);
	size_t i;

	if (err)
		return err;
	err = be->ones_get ? be->ones_get(b->vcpu, old->ones, old->n)
			   : -ENOTSUP;
	for (i = 0; i < old->n && !err; i++)
		err = old->ones[i].status;
	if (err)
		vmi_ones_free(old);
	return err;
}

static int set_ones(const struct vmi_reg_batch *b, unsigned which,
	struct undo *undo)
{
	const struct vmi_backend *be = b->vcpu->vm->ctx->be;
	const struct vmi_reg_chain *chain = &b->chains[which];
	struct vmi_one_batch ones;
	int err;

	err = gather(b, chain, &ones, false);
	if (!err && undo)
		err = save_ones(b, chain, &undo->ones);
	if (!err)
		err = be->ones_set ? be->ones_set(b->vcpu, ones.ones, ones.n)
				   : -ENOTSUP;
	if (err)
		vmi_batch_fail(b, chain, err);
	else
		err = scatter_status(b, chain, &ones);
	vmi_ones_free(&ones);
	return err;
}

/* -- The whole ---------------------------------------------------------- */

/* Put back what the steps up to `last` replaced. */
static void take_back(
	const struct vmi_reg_batch *b, struct undo *undo, size_t last)
{
	const struct vmi_backend *be = b->vcpu->vm->ctx->be;
	bool lost = false;
	size_t i, k;

	for (i = 0; i <= last; i++) {
		struct undo *u = &undo[i];

		if (u->block.data && write_block(b, b->arch->steps[i].which,
				&u->block))
			lost = true;
		if (u->ones.n &&
			be->ones_set(b->vcpu, u->ones.ones, u->ones.n))
			lost = true;
		for (k = 0; k < u->ones.n; k++)
			lost |= u->ones.ones[k].status != 0;
	}
	if (lost)
		vmi_log(b->vcpu->vm->ctx, VMAPI_LOG_ERROR,
			"vcpu %" PRIu64 ": a failed register batch could not "
			"be taken back whole", b->vcpu->id);
}

static void free_undo(const struct vmi_reg_batch *b, struct undo *undo)
{
	size_t i;

	for (i = 0; undo && i < b->arch->n_steps; i++) {
		vmi_block_free(&undo[i].block);
		vmi_ones_free(&undo[i].ones);
	}
	vmi_free(undo);
}

static void cancel_good(const struct vmi_reg_batch *b)
{
	size_t i;

	for (i = 0; i < b->n; i++)
		if (!b->regs[i].status)
			b->regs[i].status = -ECANCELED;
}

/* A number of 8 bytes that is moved by itself. */
static int check_number(const struct vmi_reg_batch *b,
	struct vmi_reg_place *place, uint64_t tag)
{
	const struct vmi_one_row *one;

	if (!place->readonly) {
		one = vmi_one_row(b->arch, tag);
		place->readonly = one && one->attributes & VMAPI_REG_READONLY
			? 1 : -1;
	}
	return place->readonly > 0 ? -EPERM : 0;
}

static int check_one(const struct vmi_reg_batch *b,
	struct vmi_reg_place *place, size_t bytes, struct vmapi_reg *reg)
{
	const struct vmi_reg_row *row = place->row;

	if (row && vmi_reg_is_plain(row, reg))
		return row->attributes & VMAPI_REG_READONLY ? -EPERM : 0;
	if (!row && !reg->data && vmi_tag_bytes(reg->tag) == 8)
		return check_number(b, place, reg->tag);
	return vmi_reg_check(b->arch, row, bytes, reg);
}

/*
 * Whether nothing is left of what the block held before: an entry that is all
 * of it makes those before of no account; and all words that have names may
 * be there.
 */
static void cover(const struct vmi_reg_batch *b, struct vmi_reg_chain *chain,
	unsigned which, size_t bytes)
{
	const uint64_t all = b->arch->words ? b->arch->words[which] : 0;
	size_t i, k = chain->first;
	uint64_t words = 0;

	chain->is_known = chain->good == chain->n;
	chain->is_covered = false;
	chain->from = k;
	for (i = 0; i < chain->n; i++, k = b->places[k].next) {
		const struct vmi_reg_row *row = b->places[k].row;

		if (b->regs[k].status)
			continue;
		if (vmi_reg_is_whole(row, bytes)) {
			chain->is_covered = true;
			chain->from = k;
		} else {
			words |= words_of(row);
		}
	}
	chain->is_covered |= all && words == all;
}

static void check_chain(struct vmi_reg_batch *b, unsigned which)
{
	const bool is_block = which < VMI_BLOCKS_MAX;
	struct vmi_reg_chain *chain = &b->chains[which];
	size_t left, k = chain->first, bytes = 0;

	chain->good = 0;
	if (is_block && vmi_block_size(b->vcpu, which, &bytes)) {
		vmi_batch_fail(b, chain, -ENOENT);
		return;
	}
	for (left = chain->n; left; left--, k = b->places[k].next) {
		struct vmapi_reg *reg = &b->regs[k];

		reg->status = check_one(b, &b->places[k], bytes, reg);
		chain->good += !reg->status;
	}
	if (is_block && !(chain->is_known && chain->good == chain->n))
		cover(b, chain, which, bytes);
}

/* Each entry on its own; true: none can be refused before it is tried. */
static bool check_entries(struct vmi_reg_batch *b)
{
	size_t good = 0;
	uint32_t left;

	for (left = b->used; left; left &= left - 1) {
		check_chain(b, vmi_ctz(left));
		good += b->chains[vmi_ctz(left)].good;
	}
	return good == b->n;
}

/* `undo` has a place for each step, or is NULL: not all or nothing. */
static void set_steps(struct vmi_reg_batch *b, struct undo *undo)
{
	size_t i;
	int err;

	if (!check_entries(b) && undo) {
		cancel_good(b);
		return;
	}
	for (i = 0; i < b->arch->n_steps; i++) {
		const struct vmi_reg_step *step = &b->arch->steps[i];
		const unsigned which = vmi_batch_which(step);
		struct undo *u = undo ? &undo[i] : NULL;

		if (!(b->used >> which & 1) || !b->chains[which].good)
			continue;
		err = step->is_block ? set_block(b, which, u)
				     : set_ones(b, which, u);
		if (!err || !undo)
			continue;
		take_back(b, undo, i);
		cancel_good(b);
		break;
	}
}

static int set(struct vmi_reg_batch *b)
{
	struct undo *undo = NULL;

	if (b->flags & VMAPI_REGS_ALL_OR_NOTHING) {
		undo = vmi_calloc(b->arch->n_steps, sizeof(*undo));
		if (!undo)
			return vmi_fail(-ENOMEM, vmi_vcpu_label(b->vcpu),
				"no memory");
	}
	set_steps(b, undo);
	free_undo(b, undo);
	return 0;
}

void vmi_regs_set(struct vmapi_vcpu *vcpu, struct vmapi_reg *regs, size_t n,
	bool all_or_nothing)
{
	struct vmi_reg_batch b;
	size_t i;
	int err;

	b.vcpu = vcpu;
	b.plan = &vcpu->set_plan;
	b.regs = regs;
	b.n = n;
	b.flags = all_or_nothing ? VMAPI_REGS_ALL_OR_NOTHING : 0;
	err = vmi_batch_move(&b, set);
	for (i = 0; i < n && err; i++)
		regs[i].status = err;
}

int vmapi_regs_set(struct vmapi_vcpu *vcpu, struct vmapi_reg *regs, size_t n,
	size_t *done, unsigned flags)
{
	int err = vmi_enter(vcpu ? vcpu->vm->ctx : NULL, __func__);
	struct vmi_reg_batch b;

	if (err)
		return err;
	b.vcpu = vcpu;
	b.plan = &vcpu->set_plan;
	b.regs = regs;
	b.n = n;
	b.flags = flags;
	return vmi_batch_run(&b, done, set);
}
