/* SPDX-License-Identifier: MIT */
/*
 * Batches that write registers.
 *
 * Whatever the caller's order, a batch is applied in steps, each of which
 * depends only on those before it: CPUID decides what the others may hold,
 * XCR0 what XSAVE may, EFER and CR4 which MSRs are legal; a TSC deadline is
 * lost unless the TSC and the local APIC's timer mode are there first; MP
 * state and events say what happens next and come last.
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

enum step_kind {
	STEP_BLOCK,
	STEP_TSC,
	STEP_MSRS, /* all but the TSC and its deadline */
	STEP_TSC_DEADLINE
};

static const struct step {
	enum step_kind kind;
	enum vmi_block block;
} steps[] = {
	{ STEP_BLOCK, VMI_BLOCK_CPUID },
	{ STEP_BLOCK, VMI_BLOCK_XCRS },
	{ STEP_BLOCK, VMI_BLOCK_SYSTEM },
	{ STEP_BLOCK, VMI_BLOCK_GPRS },
	{ STEP_BLOCK, VMI_BLOCK_XSAVE },
	{ STEP_BLOCK, VMI_BLOCK_TSC_HZ },
	{ STEP_TSC, VMI_BLOCKS },
	{ STEP_MSRS, VMI_BLOCKS },
	{ STEP_BLOCK, VMI_BLOCK_LAPIC },
	{ STEP_TSC_DEADLINE, VMI_BLOCKS },
	{ STEP_BLOCK, VMI_BLOCK_DEBUG },
	{ STEP_BLOCK, VMI_BLOCK_MP_STATE },
	{ STEP_BLOCK, VMI_BLOCK_EVENTS },
};

#define STEPS vmi_array_len(steps)

/* What a step replaced. */
struct undo {
	struct vmi_reg_block block; /* data NULL: nothing */
	struct vmi_msr *msrs;
	size_t n_msrs;
};

struct batch {
	struct vmapi_vcpu *vcpu;
	struct vmapi_reg *regs;
	size_t n;
	bool all_or_nothing;
	struct undo undo[STEPS];
};

static enum step_kind kind_of_msr(uint32_t index)
{
	if (index == VMI_MSR_TSC)
		return STEP_TSC;
	return index == VMI_MSR_TSC_DEADLINE ? STEP_TSC_DEADLINE : STEP_MSRS;
}

/* Whether an entry that is still good belongs to a step. */
static bool is_in_step(const struct vmapi_reg *reg, const struct step *step)
{
	const struct vmi_reg_row *row;
	uint32_t index;

	if (reg->status)
		return false;
	if (vmi_x86_is_msr(reg->tag, &index))
		return step->kind == kind_of_msr(index);
	row = vmi_x86_reg(reg->tag);
	return step->kind == STEP_BLOCK && row->block == step->block;
}

static size_t count_step(const struct batch *b, const struct step *step)
{
	size_t i, n = 0;

	for (i = 0; i < b->n; i++)
		n += is_in_step(&b->regs[i], step);
	return n;
}

static void fail_step(struct batch *b, const struct step *step, int err)
{
	size_t i;

	for (i = 0; i < b->n; i++)
		if (is_in_step(&b->regs[i], step))
			b->regs[i].status = err;
}

/* -- Blocks ------------------------------------------------------------- */

static int write_block(struct batch *b, const struct step *step,
	const struct vmi_reg_block *block)
{
	const struct vmi_backend *be = b->vcpu->vm->ctx->be;

	if (!be->block_set)
		return -ENOTSUP;
	return be->block_set(b->vcpu, step->block, block->data, block->bytes);
}

/* All entries of the step at once. */
static int set_together(struct batch *b, const struct step *step,
	struct vmi_reg_block *block)
{
	size_t i;
	int err = 0;

	for (i = 0; i < b->n && !err; i++)
		if (is_in_step(&b->regs[i], step))
			err = vmi_reg_patch(vmi_x86_reg(b->regs[i].tag), block,
				&b->regs[i]);
	return err ? err : write_block(b, step, block);
}

/* One after the other: what is refused is taken out again. */
static void set_apart(struct batch *b, const struct step *step,
	const struct vmi_reg_block *old)
{
	struct vmi_reg_block good = { .data = NULL }, trial = { .data = NULL };
	int err = vmi_block_copy(&good, old);
	size_t i;

	for (i = 0; i < b->n; i++) {
		struct vmapi_reg *reg = &b->regs[i];

		if (!is_in_step(reg, step))
			continue;
		if (!err)
			err = vmi_block_copy(&trial, &good);
		if (!err) {
			reg->status = vmi_reg_patch(
				vmi_x86_reg(reg->tag), &trial, reg);
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
	const struct step *step = &steps[at];
	struct vmi_reg_block block = { .data = NULL };
	struct vmi_reg_block *old = &b->undo[at].block;
	int err = vmi_block_load(b->vcpu, step->block, old);

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

/* -- MSRs --------------------------------------------------------------- */

static void gather_msrs(
	const struct batch *b, const struct step *step, struct vmi_msr *msrs)
{
	size_t i, m = 0;

	for (i = 0; i < b->n; i++) {
		if (!is_in_step(&b->regs[i], step))
			continue;
		msrs[m].index = (uint32_t)b->regs[i].tag;
		msrs[m].value = vmi_reg_u64(&b->regs[i]);
		msrs[m++].status = 0;
	}
}

static int scatter_status(
	struct batch *b, const struct step *step, const struct vmi_msr *msrs)
{
	size_t i, m = 0;
	int err = 0;

	for (i = 0; i < b->n; i++) {
		if (!is_in_step(&b->regs[i], step))
			continue;
		b->regs[i].status = msrs[m++].status;
		if (!err)
			err = b->regs[i].status;
	}
	return err;
}

/* The values before; one that cannot be read makes the batch fail. */
static int save_msrs(struct batch *b, struct undo *undo,
	const struct vmi_msr *msrs, size_t n)
{
	const struct vmi_backend *be = b->vcpu->vm->ctx->be;
	size_t i;
	int err;

	undo->msrs = vmi_calloc(n, sizeof(msrs[0]));
	if (!undo->msrs)
		return -ENOMEM;
	memcpy(undo->msrs, msrs, n * sizeof(msrs[0]));
	undo->n_msrs = n;
	err = be->msrs_get ? be->msrs_get(b->vcpu, undo->msrs, n) : -ENOTSUP;
	for (i = 0; i < n && !err; i++)
		err = undo->msrs[i].status;
	return err;
}

static int set_msrs(struct batch *b, size_t at)
{
	const struct vmi_backend *be = b->vcpu->vm->ctx->be;
	const struct step *step = &steps[at];
	size_t n = count_step(b, step);
	struct vmi_msr *msrs = vmi_calloc(n, sizeof(msrs[0]));
	int err = msrs ? 0 : -ENOMEM;

	if (!err) {
		gather_msrs(b, step, msrs);
		if (b->all_or_nothing)
			err = save_msrs(b, &b->undo[at], msrs, n);
	}
	if (err) {
		fail_step(b, step, err);
		b->undo[at].n_msrs = 0;
		vmi_free(msrs);
		return err;
	}
	err = be->msrs_set ? be->msrs_set(b->vcpu, msrs, n) : -ENOTSUP;
	if (err)
		fail_step(b, step, err);
	else
		err = scatter_status(b, step, msrs);
	vmi_free(msrs);
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

		if (u->block.data && write_block(b, &steps[i], &u->block))
			lost = true;
		if (u->n_msrs && be->msrs_set(b->vcpu, u->msrs, u->n_msrs))
			lost = true;
		for (k = 0; k < u->n_msrs; k++)
			lost |= u->msrs[k].status != 0;
	}
	if (lost)
		vmi_log(b->vcpu->vm->ctx, VMAPI_LOG_ERROR,
			"vcpu %" PRIu64 ": a failed register batch could not "
			"be taken back whole", b->vcpu->id);
}

static void free_undo(struct batch *b)
{
	size_t i;

	for (i = 0; i < STEPS; i++) {
		vmi_block_free(&b->undo[i].block);
		vmi_free(b->undo[i].msrs);
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
	uint32_t index;
	size_t i, bytes;

	for (i = 0; i < b->n; i++) {
		struct vmapi_reg *reg = &b->regs[i];
		const struct vmi_reg_row *row = vmi_x86_reg(reg->tag);

		if (!row && !vmi_x86_is_msr(reg->tag, &index))
			reg->status = -ENOENT;
		else if (row && vmi_block_size(b->vcpu,
				(enum vmi_block)row->block, &bytes))
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
	for (i = 0; i < STEPS; i++) {
		b->undo[i].block.data = NULL;
		b->undo[i].msrs = NULL;
		b->undo[i].n_msrs = 0;
	}
	for (i = 0; i < STEPS; i++) {
		if (!count_step(b, &steps[i]))
			continue;
		err = steps[i].kind == STEP_BLOCK ? set_block(b, i)
						  : set_msrs(b, i);
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
	b.regs = regs;
	b.n = n;
	b.all_or_nothing = flags & VMAPI_REGS_ALL_OR_NOTHING;
	set_claimed(&b);
	vmi_vcpu_release(vcpu);
	return vmi_regs_conclude(regs, n, done);
}
