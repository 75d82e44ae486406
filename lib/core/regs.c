/* SPDX-License-Identifier: MIT */
/* Registers: what there is, and batches that read. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/regs.h"
#include "lib/sys/sys.h"

/* -- What there is ------------------------------------------------------ */

static int compare_tags(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Tags of a vcpu, in ascending order; `tags` is to be freed. */
struct tag_list {
	uint64_t *tags;
	size_t n;
};

/* The registers that are moved by themselves; room for `extra` more. */
static int list_ones(
	struct vmapi_vcpu *vcpu, struct tag_list *list, size_t extra)
{
	const struct vmi_backend *be = vcpu->vm->ctx->be;
	size_t n = 0, again = 0;
	int err;

	list->n = 0;
	list->tags = NULL;
	err = be->one_list ? be->one_list(vcpu, NULL, 0, &n) : 0;
	if (err)
		return err;
	list->tags = vmi_calloc(n + extra, sizeof(list->tags[0]));
	if (!list->tags)
		return vmi_fail(-ENOMEM, vmi_vcpu_label(vcpu), "no memory");
	if (n)
		err = be->one_list(vcpu, list->tags, n, &again);
	if (err) {
		vmi_free(list->tags);
		return err;
	}
	list->n = again < n ? again : n;
	return 0;
}

static void list_rows(struct vmapi_vcpu *vcpu, struct tag_list *list)
{
	const struct vmi_regs_arch *arch = vmi_regs_of(vcpu);
	bool has[VMI_BLOCKS_MAX];
	size_t i, bytes;
	unsigned b;

	for (b = 0; b < VMI_BLOCKS_MAX; b++)
		has[b] = false;
	for (i = 0; i < arch->n_steps; i++)
		if (arch->steps[i].is_block)
			has[arch->steps[i].which] = !vmi_block_size(
				vcpu, arch->steps[i].which, &bytes);
	for (i = 0; i < arch->n_rows; i++)
		if (has[arch->rows[i].block])
			list->tags[list->n++] = arch->rows[i].tag;
}

static int list_all(struct vmapi_vcpu *vcpu, struct tag_list *list)
{
	int err = list_ones(vcpu, list, vmi_regs_of(vcpu)->n_rows);

	if (err)
		return err;
	list_rows(vcpu, list);
	qsort(list->tags, list->n, sizeof(list->tags[0]), compare_tags);
	return 0;
}

int vmi_reg_list(struct vmapi_vcpu *vcpu, uint64_t **tags, size_t *n)
{
	struct tag_list list;
	int err = list_all(vcpu, &list);

	if (err)
		return err;
	*tags = list.tags;
	*n = list.n;
	return 0;
}

int vmapi_reg_list(
	struct vmapi_vcpu *vcpu, uint64_t *tags, size_t n, size_t *count)
{
	int err = vmi_enter(vcpu ? vcpu->vm->ctx : NULL, __func__);
	struct tag_list list;
	size_t i;

	if (err)
		return err;
	if (!count || (n && !tags))
		return vmi_null(count ? "tags" : "count");
	err = vmi_vcpu_claim(vcpu);
	if (err)
		return err;
	err = list_all(vcpu, &list);
	if (!err) {
		for (i = 0; i < n && i < list.n; i++)
			tags[i] = list.tags[i];
		*count = list.n;
		vmi_free(list.tags);
	}
	vmi_vcpu_release(vcpu);
	return err;
}

static int no_register(uint64_t tag)
{
	return vmi_fail_range(-ENOENT, tag, 0,
		"no register with tag 0x%016" PRIx64, tag);
}

static int has_one(struct vmapi_vcpu *vcpu, uint64_t tag)
{
	struct tag_list list;
	int err = list_ones(vcpu, &list, 1);
	bool found = false;
	size_t i;

	if (err)
		return err;
	for (i = 0; i < list.n && !found; i++)
		found = list.tags[i] == tag;
	vmi_free(list.tags);
	return found ? 0 : no_register(tag);
}

static int describe_row(struct vmapi_vcpu *vcpu, const struct vmi_reg_row *row,
	struct vmapi_reg_info *info)
{
	size_t bytes;
	int err = vmi_block_size(vcpu, row->block, &bytes);

	if (err)
		return no_register(row->tag);
	info->attributes = row->attributes;
	info->bytes = row->bytes ? row->bytes : bytes;
	snprintf(info->name, sizeof(info->name), "%s", row->name);
	return 0;
}

static int describe_tag(
	struct vmapi_vcpu *vcpu, uint64_t tag, struct vmapi_reg_info *info)
{
	const struct vmi_regs_arch *arch = vmi_regs_of(vcpu);
	const struct vmi_reg_row *row = vmi_reg_row(arch, tag);
	const struct vmi_one_row *one;
	int err;

	info->tag = tag;
	info->set = vmi_tag_type(tag);
	info->number = (uint32_t)tag;
	if (row)
		return describe_row(vcpu, row, info);
	if (!vmi_reg_is_one(arch, tag))
		return no_register(tag);
	err = has_one(vcpu, tag);
	if (err)
		return err;
	info->set = (uint32_t)(tag >> arch->set_shift) & arch->set_mask;
	info->number = (uint32_t)tag & arch->number_mask;
	one = vmi_one_row(arch, tag);
	info->attributes = one ? one->attributes : 0;
	info->bytes = vmi_tag_bytes(tag);
	vmi_one_name(arch, tag, info->name, sizeof(info->name));
	return 0;
}

int vmapi_reg_info(
	struct vmapi_vcpu *vcpu, uint64_t tag, struct vmapi_reg_info *info)
{
	struct vmapi_reg_info own = { .size = sizeof(own) };
	int err = vmi_enter(vcpu ? vcpu->vm->ctx : NULL, __func__);

	if (err)
		return err;
	if (!info)
		return vmi_null("info");
	err = vmi_out_check(info, sizeof(own));
	if (!err)
		err = vmi_vcpu_claim(vcpu);
	if (err)
		return err;
	err = describe_tag(vcpu, tag, &own);
	vmi_vcpu_release(vcpu);
	if (!err)
		vmi_out_copy(info, &own, sizeof(own));
	return err;
}

static int find_name(struct vmapi_vcpu *vcpu, const char *name, uint64_t *tag)
{
	const struct vmi_regs_arch *arch = vmi_regs_of(vcpu);
	const struct vmi_reg_row *row = vmi_reg_row_named(arch, name);
	uint64_t found;
	size_t bytes;
	int err = -ENOENT;

	if (row && !vmi_block_size(vcpu, row->block, &bytes)) {
		*tag = row->tag;
		return 0;
	}
	if (vmi_one_tag(arch, name, &found)) {
		err = has_one(vcpu, found);
		if (!err)
			*tag = found;
		if (err != -ENOENT)
			return err;
	}
	return vmi_fail(-ENOENT, vmi_vcpu_label(vcpu), "no register '%s'",
		name);
}

int vmapi_reg_tag(struct vmapi_vcpu *vcpu, const char *name, uint64_t *tag)
{
	int err = vmi_enter(vcpu ? vcpu->vm->ctx : NULL, __func__);

	if (err)
		return err;
	if (!name || !tag)
		return vmi_null(name ? "tag" : "name");
	err = vmi_vcpu_claim(vcpu);
	if (err)
		return err;
	err = find_name(vcpu, name, tag);
	vmi_vcpu_release(vcpu);
	return err;
}

/* -- Reading ------------------------------------------------------------ */

/* A block that was read, and the entry that it was read to, or NULL. */
struct got {
	struct vmapi_reg *whole;
	struct vmi_reg_block block;
};

/* The first entry that the backend can write a block of `bytes` bytes to. */
static struct vmapi_reg *find_whole(const struct vmi_reg_batch *b,
	const struct vmi_reg_chain *chain, size_t bytes)
{
	struct vmi_reg_at at = vmi_chain_begin(b, chain);

	for (; at.left; vmi_chain_next_run(b, &at))
		if (vmi_reg_is_direct(at.run->rows, bytes, vmi_reg_of(b, &at)))
			return vmi_reg_of(b, &at);
	return NULL;
}

/* Without a copy on the way, if an entry is all of it. */
static int make_room(
	const struct vmi_reg_batch *b, unsigned which, struct got *got)
{
	struct vmi_reg_block *block = &got->block;
	int err;

	got->whole = NULL;
	block->data = NULL;
	if (vmi_block_is_small(b->vcpu, which))
		return vmi_block_room(block, sizeof(block->small));
	err = vmi_block_size(b->vcpu, which, &block->bytes);
	if (err)
		return err;
	got->whole = find_whole(b, &b->chains[which], block->bytes);
	if (!got->whole)
		return vmi_block_room(block, block->bytes);
	block->data = got->whole->data;
	return 0;
}

/*
 * The entries that are views, or those that are not, but for `whole`; returns
 * whether there are others.
 */
static bool extract(const struct vmi_reg_batch *b,
	const struct vmi_reg_chain *chain, struct got *got, bool views)
{
	struct vmi_reg_at at = vmi_chain_begin(b, chain);
	bool others = false;

	for (; at.left; vmi_chain_next_run(b, &at)) {
		struct vmapi_reg *regs = vmi_reg_of(b, &at);

		if ((at.run->view != VMI_VIEW_NONE) != views)
			others = true;
		else if (regs != got->whole)
			vmi_run_extract(at.run, &got->block, regs);
	}
	return others;
}

/*
 * A whole XSAVE area is given as the backend has it: whole blocks before
 * views, which expand a copy.
 */
static void give_block(const struct vmi_reg_batch *b,
	const struct vmi_reg_chain *chain, struct got *got)
{
	struct vmi_reg_block *block = &got->block;
	struct vmapi_reg *whole = got->whole;

	if (whole)
		whole->bytes = (uint32_t)block->bytes;
	if (!block->data || !extract(b, chain, got, false))
		return;
	if (whole)
		vmi_block_copy_head(block, whole->data, block->bytes);
	extract(b, chain, got, true);
}

/* Blocks of the backend's, all at once where it can. */
static void load(const struct vmi_reg_batch *b, struct vmi_block_io *io,
	size_t n)
{
	const struct vmi_backend *be = b->vcpu->vm->ctx->be;

	if (be->blocks_get) {
		be->blocks_get(b->vcpu, io, n);
		return;
	}
	for (; n; n--, io++)
		io->status = be->block_get(
			b->vcpu, io->block, io->data, &io->bytes);
}

/* A block that has grown since its size was asked for. */
static int load_anew(
	const struct vmi_reg_batch *b, unsigned which, struct got *got)
{
	if (!got->whole)
		vmi_block_free(&got->block);
	got->whole = NULL;
	got->block.data = NULL;
	return vmi_block_load(b->vcpu, which, &got->block);
}

/* What was read goes to the entries. */
static void give(const struct vmi_reg_batch *b, const struct vmi_block_io *io,
	struct got *got)
{
	const struct vmi_reg_chain *chain = &b->chains[io->block];
	int err = io->status;

	got->block.bytes = io->bytes;
	if (err == -ENOSPC)
		err = load_anew(b, io->block, got);
	if (err)
		vmi_batch_fail(b, chain, err);
	else
		give_block(b, chain, got);
	if (!got->whole)
		vmi_block_free(&got->block);
}

#define AT_ONCE 12 /* blocks: all that an x86 has */

/*
 * Some of the blocks, those first whose reading changes others; returns what
 * is left.
 */
static uint32_t get_some(const struct vmi_reg_batch *b, uint32_t left)
{
	struct vmi_block_io io[AT_ONCE];
	struct got got[AT_ONCE];
	size_t n = 0, i;

	while (left && n < AT_ONCE) {
		const uint32_t first = left & b->arch->read_first;
		const unsigned which = vmi_ctz(first ? first : left);
		int err = make_room(b, which, &got[n]);

		left &= ~(UINT32_C(1) << which);
		if (err) {
			vmi_batch_fail(b, &b->chains[which], err);
			continue;
		}
		io[n].block = which;
		io[n].data = got[n].block.data;
		io[n].bytes = got[n].block.bytes;
		n++;
	}
	load(b, io, n);
	for (i = 0; i < n; i++)
		give(b, &io[i], &got[i]);
	return left;
}

static struct vmi_one *extract_ones(const struct vmi_reg_batch *b,
	struct vmi_reg_at at, struct vmi_one *ones, int err)
{
	for (; at.left; vmi_chain_next(b, &at), ones++) {
		struct vmapi_reg *reg = vmi_reg_of(b, &at);

		reg->status = err ? err : ones->status;
		if (!reg->status)
			reg->status = vmi_one_extract(ones, reg);
	}
	return ones;
}

/* Those behind the first `got`, which is how many there are, or an error. */
static int get_rest(const struct vmi_reg_batch *b, uint32_t chains, int got)
{
	const struct vmi_backend *be = b->vcpu->vm->ctx->be;
	struct vmi_one_batch batch;
	struct vmi_one *one;
	size_t skip = got < 0 ? 0 : (size_t)got, again = skip;
	uint32_t left;
	int err = vmi_ones_room(b, chains, &batch);

	if (err)
		return vmi_fail(err, vmi_vcpu_label(b->vcpu), "no memory");
	for (left = chains; left; left &= left - 1)
		vmi_ones_add(&batch, b, vmi_chain_behind(b,
			&b->chains[vmi_ctz(left)], &skip), VMI_ONES_GET);
	err = got < 0 ? got : be->ones_get ?
		be->ones_get(b->vcpu, batch.ones, batch.n) : -ENOENT;
	one = batch.ones;
	for (left = chains; left; left &= left - 1)
		one = extract_ones(b, vmi_chain_behind(b,
			&b->chains[vmi_ctz(left)], &again), one, err);
	vmi_ones_free(&batch);
	return 0;
}

/* In one call, whatever their classes. */
static int get_ones(const struct vmi_reg_batch *b)
{
	const uint32_t chains = b->used & ~VMI_BATCH_BLOCKS;
	size_t n = 0;
	uint32_t left;
	int got;

	if (!chains)
		return 0;
	for (left = chains; left; left &= left - 1)
		n += b->chains[vmi_ctz(left)].n;
	got = vmi_words_move(b, chains, b->vcpu->vm->ctx->be->words_get);
	return got >= 0 && (size_t)got == n ? 0 : get_rest(b, chains, got);
}

static int get(struct vmi_reg_batch *b)
{
	uint32_t left = b->used & VMI_BATCH_BLOCKS;

	while (left)
		left = get_some(b, left);
	return get_ones(b);
}

int vmi_regs_get(struct vmapi_vcpu *vcpu, struct vmapi_reg *regs, size_t n)
{
	struct vmi_reg_batch b;

	b.vcpu = vcpu;
	b.plan = &vcpu->get_plan;
	b.regs = regs;
	b.n = n;
	b.flags = 0;
	return vmi_batch_move(&b, get);
}

int vmapi_regs_get(struct vmapi_vcpu *vcpu, struct vmapi_reg *regs, size_t n,
	size_t *done, unsigned flags)
{
	int err = vmi_enter(vcpu ? vcpu->vm->ctx : NULL, __func__);
	struct vmi_reg_batch b;

	if (err)
		return err;
	b.vcpu = vcpu;
	b.plan = &vcpu->get_plan;
	b.regs = regs;
	b.n = n;
	b.flags = flags;
	return vmi_batch_run(&b, done, get);
}
