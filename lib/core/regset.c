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
 * are tried one after the other, so that each has its own status.  For
 * all-or-nothing every block is kept as it was before its step, and put back
 * in the same order when a step fails.
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

/* The first refusal of the caller's values is explained. */
static int explain(
	struct vmi_reg_batch *b, unsigned which, const void *data, int err)
{
	if (err == -EINVAL && !b->why) {
		b->why = refusal(b, which, data);
		b->why_block = which;
	}
	return err;
}

static int try_block(struct vmi_reg_batch *b, unsigned which,
	const struct vmi_reg_block *block)
{
	return explain(b, which, block->data, write_block(b, which, block));
}

/* The words of a block of `bytes` bytes that a register is. */
static uint64_t words_of(const struct vmi_reg_row *row)
{
	const unsigned n = row->bytes / 8;

	if (row->view || row->bytes % 8 || row->offset % 8 || n > 63)
		return 0;
	return ((UINT64_C(1) << n) - 1) << row->offset / 8;
}

/* One after the other: what is refused is taken out again. */
static void set_apart(struct vmi_reg_batch *b,
	const struct vmi_reg_chain *chain, unsigned which)
{
	struct vmi_reg_block good = { .data = NULL }, trial = { .data = NULL };
	struct vmi_reg_at at = vmi_chain_begin(b, chain);
	int err = vmi_block_load(b->vcpu, which, &good);

	b->why = b->why_block == which ? NULL : b->why;
	for (; at.left; vmi_chain_next(b, &at)) {
		struct vmapi_reg *reg = vmi_reg_of(b, &at);

		if (reg->status)
			continue;
		if (!err)
			err = vmi_block_copy(&trial, &good);
		reg->status = err;
		if (err)
			continue;
		reg->status = vmi_reg_patch(vmi_row_of(&at), &trial, reg);
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
	if (!chain->from.run->bytes)
		return 0; /* it brings its own length */
	err = vmi_block_room(block, chain->bytes);
	if (!err)
		memset(block->data, 0, chain->bytes);
	return err;
}

/* With all good entries in it; to be freed if there is no error. */
static int make_block(const struct vmi_reg_batch *b, unsigned which,
	struct vmi_reg_block *block, struct vmi_reg_block *old)
{
	struct vmi_reg_at at = b->chains[which].from;
	int err;

	block->data = NULL;
	err = begin_block(b, which, block, old);
	if (err)
		return vmi_batch_fail(b, &b->chains[which], err);
	for (; at.left && !err; vmi_chain_next_run(b, &at))
		err = vmi_run_patch(at.run, at.i, block,
			&b->regs[at.run->first]);
	if (err)
		vmi_block_free(block);
	return err;
}

/* The last entry, if that is all of it: without a copy on the way. */
static const struct vmapi_reg *find_direct(
	const struct vmi_reg_batch *b, const struct vmi_reg_chain *chain)
{
	const struct vmi_reg_at *from = &chain->from;
	const struct vmapi_reg *reg = vmi_reg_of(b, from);

	if (!chain->is_covered || from->left != 1 ||
		!vmi_reg_is_direct(vmi_row_of(from), reg->bytes, reg))
		return NULL;
	return reg;
}

/*
 * Blocks of which nothing has to be read are made before the first is
 * written, since the kernel leaves cold what is done between two of its calls.
 */
struct stage {
	uint32_t ready; /* 1 << block */
	size_t n;
	struct vmi_reg_block made[6];
	struct vmi_block_io io[VMI_BLOCKS_MAX]; /* by block */
};

/* What goes wrong here does so again in its step. */
static void make_ready(const struct vmi_reg_batch *b, struct stage *stage,
	unsigned which)
{
	const struct vmi_reg_chain *chain = &b->chains[which];
	const struct vmapi_reg *reg;
	struct vmi_reg_block *block = &stage->made[stage->n];
	struct vmi_block_io *io = &stage->io[which];

	if (!chain->good || !chain->is_covered)
		return;
	reg = find_direct(b, chain);
	if (!reg && (!chain->from.run->bytes ||
		chain->bytes > VMI_SMALL_BLOCK ||
		stage->n == vmi_array_len(stage->made) ||
		make_block(b, which, block, NULL)))
		return;
	stage->n += !reg;
	io->block = which;
	io->data = reg ? reg->data : block->data;
	io->bytes = reg ? reg->bytes : block->bytes;
	stage->ready |= UINT32_C(1) << which;
}

static void make_all_ready(const struct vmi_reg_batch *b, struct stage *stage)
{
	uint32_t left = b->used & VMI_BATCH_BLOCKS;

	stage->n = 0;
	if (!(left & (left - 1)))
		return; /* nothing is between the calls of one */
	for (; left; left &= left - 1)
		make_ready(b, stage, vmi_ctz(left));
}

static int set_at_once(struct vmi_reg_batch *b, unsigned which,
	struct vmi_reg_block *old)
{
	const struct vmapi_reg *reg =
		old ? NULL : find_direct(b, &b->chains[which]);
	struct vmi_reg_block block;
	int err;

	if (reg) {
		block.data = reg->data;
		block.bytes = reg->bytes;
		return try_block(b, which, &block);
	}
	err = make_block(b, which, &block, old);
	if (err)
		return err;
	err = try_block(b, which, &block);
	vmi_block_free(&block);
	return err;
}

/* What is left of a block that was refused: the entries alone. */
static int set_refused(struct vmi_reg_batch *b, unsigned which, int err)
{
	const struct vmi_reg_chain *chain = &b->chains[which];

	if (chain->good == 1)
		return vmi_batch_fail(b, chain, err);
	set_apart(b, chain, which);
	return err;
}

static int set_block(struct vmi_reg_batch *b, unsigned which,
	struct undo *undo)
{
	struct vmi_reg_block *old = undo ? &undo->block : NULL;
	int err = set_at_once(b, which, old);

	if (!err)
		return 0;
	if (!old)
		return set_refused(b, which, err);
	vmi_block_free(old);
	return vmi_batch_fail(b, &b->chains[which], err);
}

static bool is_due(const struct vmi_reg_batch *b, unsigned which)
{
	return b->used >> which & 1 && b->chains[which].good;
}

/*
 * What is ready from a step on, up to one that is not, or is refused; returns
 * the last that was done.
 */
static size_t set_ready(
	struct vmi_reg_batch *b, const struct stage *stage, size_t i)
{
	const struct vmi_backend *be = b->vcpu->vm->ctx->be;
	struct vmi_block_io io[VMI_STEPS_MAX];
	size_t step[VMI_STEPS_MAX], n = 0, done;

	for (; i < b->arch->n_steps; i++) {
		const unsigned which = vmi_batch_which(&b->arch->steps[i]);

		if (!is_due(b, which))
			continue;
		if (which >= VMI_BLOCKS_MAX || !(stage->ready >> which & 1))
			break;
		step[n] = i;
		io[n++] = stage->io[which];
	}
	done = be->blocks_set(b->vcpu, io, n);
	if (done == n)
		return i - 1;
	explain(b, io[done].block, io[done].data, io[done].status);
	set_refused(b, io[done].block, io[done].status);
	return step[done];
}

/* -- Registers that are moved by themselves ------------------------------ */

static uint32_t only(
	const struct vmi_reg_batch *b, const struct vmi_reg_chain *chain)
{
	return UINT32_C(1) << (chain - b->chains);
}

/* The good entries of a class, from one on. */
static int gather(const struct vmi_reg_batch *b,
	const struct vmi_reg_chain *chain, struct vmi_reg_at at,
	struct vmi_one_batch *ones, enum vmi_ones_use use)
{
	int err = vmi_ones_room(b, only(b, chain), ones);

	if (!err)
		vmi_ones_add(ones, b, at, use);
	return err;
}

static int scatter_status(const struct vmi_reg_batch *b,
	struct vmi_reg_at at, const struct vmi_one_batch *ones)
{
	const struct vmi_one *one = ones->ones;
	int err = 0;

	for (; at.left; vmi_chain_next(b, &at)) {
		struct vmapi_reg *reg = vmi_reg_of(b, &at);

		if (reg->status)
			continue;
		reg->status = one++->status;
		if (!err)
			err = reg->status;
	}
	return err;
}

/* The values before; one that cannot be read makes the batch fail. */
static int save_ones(const struct vmi_reg_batch *b,
	const struct vmi_reg_chain *chain, struct vmi_one_batch *old)
{
	const struct vmi_backend *be = b->vcpu->vm->ctx->be;
	int err = gather(b, chain, vmi_chain_begin(b, chain), old,
		VMI_ONES_SAVE);
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

/* Those that `moved` is short of, or why there are none. */
static int set_rest(const struct vmi_reg_batch *b,
	const struct vmi_reg_chain *chain, int moved)
{
	const struct vmi_backend *be = b->vcpu->vm->ctx->be;
	size_t skip = moved < 0 ? 0 : (size_t)moved;
	const struct vmi_reg_at at = vmi_chain_behind(b, chain, &skip);
	struct vmi_one_batch ones = { .ones = NULL };
	int err = moved;

	if (err >= 0)
		err = gather(b, chain, at, &ones, VMI_ONES_SET);
	if (!err)
		err = be->ones_set ? be->ones_set(b->vcpu, ones.ones, ones.n)
				   : -ENOTSUP;
	if (err)
		vmi_batch_fail_from(b, at, err);
	else
		err = scatter_status(b, at, &ones);
	vmi_ones_free(&ones);
	return err;
}

static int set_ones(const struct vmi_reg_batch *b, unsigned which,
	struct undo *undo)
{
	const struct vmi_reg_chain *chain = &b->chains[which];
	int moved = undo ? save_ones(b, chain, &undo->ones) : 0;

	if (!moved)
		moved = vmi_words_move(b, only(b, chain),
			b->vcpu->vm->ctx->be->words_set);
	return moved >= 0 && (size_t)moved == chain->good ? 0 :
		set_rest(b, chain, moved);
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

/* Whether some of a run are, which is looked up once. */
static bool is_readonly(
	const struct vmi_reg_batch *b, struct vmi_reg_run *run)
{
	const struct vmi_one_row *one;
	size_t i;

	if (run->readonly)
		return run->readonly > 0;
	run->readonly = -1;
	for (i = 0; i < run->n; i++) {
		one = vmi_one_row(b->arch, b->regs[run->first + i].tag);
		if (one && one->attributes & VMAPI_REG_READONLY)
			run->readonly = 1;
	}
	return run->readonly > 0;
}

/* As long as the register is, which may be of no length of its own (0). */
static bool is_good(const struct vmapi_reg *reg, size_t bytes)
{
	return reg->data ? bytes && reg->bytes == bytes : bytes == 8;
}

/* Each entry of a run; returns how many are good. */
static size_t check_run(
	const struct vmi_reg_batch *b, struct vmi_reg_run *run, size_t bytes)
{
	const struct vmi_reg_row *const rows = run->rows;
	struct vmapi_reg *const regs = &b->regs[run->first];
	const bool readonly = is_readonly(b, run);
	const size_t n = run->n, each = run->bytes;
	size_t i, bad = 0;

	for (i = 0; i < n; i++) {
		if (vmi_likely(!readonly && is_good(&regs[i], each)))
			continue;
		regs[i].status = vmi_reg_check(
			b->arch, rows ? &rows[i] : NULL, bytes, &regs[i]);
		bad += regs[i].status != 0;
	}
	return n - bad;
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
	struct vmi_reg_at at = vmi_chain_begin(b, chain);
	uint64_t words = 0;

	chain->is_known = chain->good == chain->n;
	chain->is_covered = false;
	chain->from = at;
	for (; at.left; vmi_chain_next(b, &at)) {
		const struct vmi_reg_row *row = vmi_row_of(&at);

		if (vmi_reg_of(b, &at)->status)
			continue;
		if (vmi_reg_is_whole(row, bytes)) {
			chain->is_covered = true;
			chain->from = at;
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
	struct vmi_reg_at at = vmi_chain_begin(b, chain);
	size_t bytes = 0;

	chain->good = 0;
	if (is_block && vmi_block_size(b->vcpu, which, &bytes)) {
		vmi_batch_fail(b, chain, -ENOENT);
		return;
	}
	chain->bytes = bytes;
	for (; at.left; vmi_chain_next_run(b, &at))
		chain->good += check_run(b, at.run, bytes);
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
	uint32_t left = b->used;
	struct stage stage;
	size_t i;
	int err;

	if (!check_entries(b) && undo) {
		cancel_good(b);
		return;
	}
	stage.ready = 0;
	if (!undo && b->vcpu->vm->ctx->be->blocks_set)
		make_all_ready(b, &stage);
	/* Each chain has one step. */
	for (i = 0; left && i < b->arch->n_steps; i++) {
		const struct vmi_reg_step *step = &b->arch->steps[i];
		const unsigned which = vmi_batch_which(step);
		struct undo *u = undo ? &undo[i] : NULL;

		if (!is_due(b, which))
			continue;
		left &= ~(UINT32_C(1) << which);
		if (step->is_block && stage.ready >> which & 1) {
			i = set_ready(b, &stage, i);
			continue;
		}
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
