/* SPDX-License-Identifier: MIT */
/*
 * Batches that write registers.
 *
 * Whatever the caller's order, a batch is applied in the steps that the
 * architecture's table lists (lib/arch), each of which depends only on those
 * before it.
 *
 * A step reads its block, puts its entries in and writes it back.  If the
 * backend refuses the block, the entries are tried one after the other, so
 * that each has its own status.  For all-or-nothing every block is kept as
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

struct batch {
	struct vmapi_vcpu *vcpu;
	const struct vmi_regs_arch *arch;
	struct vmapi_reg *regs;
	size_t n;
	bool all_or_nothing;
	struct undo undo[VMI_STEPS_MAX];
};

/* Whether an entry that is still good belongs to a step. */
static bool is_in_step(const struct batch *b, const struct vmapi_reg *reg,
	const struct vmi_reg_step *step)
{
	const struct vmi_reg_row *row;

	if (reg->status)
		return false;
	row = vmi_reg_row(b->arch, reg->tag);
	if (row)
		return step->is_block && row->block == step->which;
	return !step->is_block && b->arch->one_class(reg->tag) == step->which;
}

static size_t count_step(const struct batch *b, const struct vmi_reg_step *step)
{
	size_t i, n = 0;

	for (i = 0; i < b->n; i++)
		n += is_in_step(b, &b->regs[i], step);
	return n;
}

static void fail_step(struct batch *b, const struct vmi_reg_step *step, int err)
{
	size_t i;

	for (i = 0; i < b->n; i++)
		if (is_in_step(b, &b->regs[i], step))
			b->regs[i].status = err;
}

/* -- Blocks ------------------------------------------------------------- */

static int write_block(struct batch *b, const struct vmi_reg_step *step,
	const struct vmi_reg_block *block)
{
	const struct vmi_backend *be = b->vcpu->vm->ctx->be;

	if (!be->block_set)
		return -ENOTSUP;
	return be->block_set(b->vcpu, step->which, block->data, block->bytes);
}

/* All entries of the step at once. */
static int set_together(struct batch *b, const struct vmi_reg_step *step,
	struct vmi_reg_block *block)
{
	size_t i;
	int err = 0;

	for (i = 0; i < b->n && !err; i++)
		if (is_in_step(b, &b->regs[i], step))
			err = vmi_reg_patch(vmi_reg_row(b->arch, b->regs[i].tag),
				block, &b->regs[i]);
	return err ? err : write_block(b, step, block);
}

/* One after the other: what is refused is taken out again. */
static void set_apart(struct batch *b, const struct vmi_reg_step *step,
	const struct vmi_reg_block *old)
{
	struct vmi_reg_block good = { .data = NULL }, trial = { .data = NULL };
	int err = vmi_block_copy(&good, old);
	size_t i;

	for (i = 0; i < b->n; i++) {
		struct vmapi_reg *reg = &b->regs[i];

		if (!is_in_step(b, reg, step))
			continue;
		if (!err)
			err = vmi_block_copy(&trial, &good);
		if (!err) {
			reg->status = vmi_reg_patch(
				vmi_reg_row(b->arch, reg->tag), &trial,
				reg);
			if (!reg->status)
				reg->status = write_block(b, step, &trial);
			if (!reg->status)
				err = vmi_block_copy(&good, &trial);
		} else {
			reg->status = err;
		}
	}
	vmi_block_free(&good);
	vmi_block_free(&trial);
}

static int set_block(struct batch *b, size_t at)
{
	const struct vmi_reg_step *step = &b->arch->steps[at];
	struct vmi_reg_block block = { .data = NULL };
	struct vmi_reg_block *old = &b->undo[at].block;
	int err = vmi_block_load(b->vcpu, step->which, old);

	if (!err)
		err = vmi_block_copy(&block, old);
	if (err) {
		vmi_block_free(old);
		fail_step(b, step, err);
		return err;
	}
	err = set_together(b, step, &block);
	vmi_block_free(&block);
	if (err && (b->all_or_nothing || count_step(b, step) == 1))
		fail_step(b, step, err);
	else if (err)
		set_apart(b, step, old);
	if (err || !b->all_or_nothing)
		vmi_block_free(old);
	return err;
}

/* -- Registers that are moved by themselves ------------------------------ */

static int gather(const struct batch *b, const struct vmi_reg_step *step,
	struct vmi_one_batch *ones)
{
	size_t i, n = 0, bytes = 0;
	int err;

	for (i = 0; i < b->n; i++)
		if (is_in_step(b, &b->regs[i], step)) {
			n++;
			bytes += vmi_one_bytes(b->regs[i].tag);
		}
	err = vmi_ones_room(ones, n, bytes);
	for (i = 0; i < b->n && !err; i++)
		if (is_in_step(b, &b->regs[i], step))
			vmi_one_patch(vmi_ones_add(ones, b->regs[i].tag),
				&b->regs[i]);
	return err;
}

static int scatter_status(struct batch *b, const struct vmi_reg_step *step,
	const struct vmi_one_batch *ones)
{
	size_t i, at = 0;
	int err = 0;

	for (i = 0; i < b->n; i++) {
		if (!is_in_step(b, &b->regs[i], step))
			continue;
		b->regs[i].status = ones->ones[at++].status;
		if (!err)
			err = b->regs[i].status;
	}
	return err;
}

/* The values before; one that cannot be read makes the batch fail. */
static int save_ones(struct batch *b, const struct vmi_reg_step *step,
	struct vmi_one_batch *old)
{
	const struct vmi_backend *be = b->vcpu->vm->ctx->be;
	int err = gather(b, step, old);
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

static int set_ones(struct batch *b, size_t at)
{
	const struct vmi_backend *be = b->vcpu->vm->ctx->be;
	const struct vmi_reg_step *step = &b->arch->steps[at];
	struct vmi_one_batch ones;
	int err = gather(b, step, &ones);

	if (!err && b->all_or_nothing)
		err = save_ones(b, step, &b->undo[at].ones);
	if (!err)
		err = be->ones_set ? be->ones_set(b->vcpu, ones.ones, ones.n)
				   : -ENOTSUP;
	if (err)
		fail_step(b, step, err);
	else
		err = scatter_status(b, step, &ones);
	vmi_ones_free(&ones);
	return err;
}

/* -- The whole ---------------------------------------------------------- */

/* Put back what the steps up to `last` replaced. */
static void take_back(struct batch *b, size_t last)
{
	const struct vmi_backend *be = b->vcpu->vm->ctx->be;
	bool lost = false;
	size_t i, k;

	for (i = 0; i <= last; i++) {
		struct undo *u = &b->undo[i];

		if (u->block.data &&
			write_block(b, &b->arch->steps[i], &u->block))
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

static void free_undo(struct batch *b)
{
	size_t i;

	for (i = 0; i < b->arch->n_steps; i++) {
		vmi_block_free(&b->undo[i].block);
		vmi_ones_free(&b->undo[i].ones);
	}
}

static void cancel_good(struct batch *b)
{
	size_t i;

	for (i = 0; i < b->n; i++)
		if (!b->regs[i].status)
			b->regs[i].status = -ECANCELED;
}

/* Each entry on its own; true: none can be refused before it is tried. */
static bool check_entries(struct batch *b)
{
	bool good = true;
	size_t i, bytes;

	for (i = 0; i < b->n; i++) {
		struct vmapi_reg *reg = &b->regs[i];
		const struct vmi_reg_row *row = vmi_reg_row(b->arch, reg->tag);

		if (!row && !vmi_reg_is_one(b->arch, reg->tag))
			reg->status = -ENOENT;
		else if (row && vmi_block_size(b->vcpu, row->block, &bytes))
			reg->status = -ENOENT;
		else
			reg->status = vmi_reg_check(b->vcpu, row, reg);
		good &= !reg->status;
	}
	return good;
}

static void set_claimed(struct batch *b)
{
	size_t i;
	int err;

	if (!check_entries(b) && b->all_or_nothing) {
		cancel_good(b);
		return;
	}
	for (i = 0; i < b->arch->n_steps; i++) {
		b->undo[i].block.data = NULL;
		b->undo[i].ones.ones = NULL;
		b->undo[i].ones.n = 0;
	}
	for (i = 0; i < b->arch->n_steps; i++) {
		if (!count_step(b, &b->arch->steps[i]))
			continue;
		err = b->arch->steps[i].is_block ? set_block(b, i)
						 : set_ones(b, i);
		if (!err || !b->all_or_nothing)
			continue;
		take_back(b, i);
		cancel_good(b);
		break;
	}
	free_undo(b);
}

int vmapi_regs_set(struct vmapi_vcpu *vcpu, struct vmapi_reg *regs, size_t n,
	size_t *done, unsigned flags)
{
	int err = vmi_enter(vcpu ? vcpu->vm->ctx : NULL, __func__);
	struct batch b;
	size_t i;

	if (err)
		return err;
	if (n && !regs)
		return vmi_null("regs");
	if (flags & ~VMAPI_REGS_ALL_OR_NOTHING)
		return vmi_fail(-EINVAL, vmi_vcpu_label(vcpu),
			"unknown flags 0x%x", flags);
	err = vmi_vcpu_claim(vcpu);
	if (err) {
		for (i = 0; i < n; i++)
			regs[i].status = err;
		if (done)
			*done = 0;
		return err;
	}
	b.vcpu = vcpu;
	b.arch = vmi_regs_of(vcpu);
	b.regs = regs;
	b.n = n;
	b.all_or_nothing = flags & VMAPI_REGS_ALL_OR_NOTHING;
	set_claimed(&b);
	vmi_vcpu_release(vcpu);
	return vmi_regs_conclude(b.arch, regs, n, done);
}
