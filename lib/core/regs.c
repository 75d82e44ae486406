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
	arch->split(tag, &info->set, &info->number);
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

/* Entries that are moved by themselves have this status meanwhile. */
#define IS_ONE 1

static int get_ones(struct vmapi_vcpu *vcpu, struct vmapi_reg *regs, size_t n,
	struct vmi_one_batch *batch)
{
	const struct vmi_backend *be = vcpu->vm->ctx->be;
	size_t i, at = 0;
	int err = -ENOENT;

	for (i = 0; i < n; i++)
		if (regs[i].status == IS_ONE)
			vmi_ones_add(batch, regs[i].tag);
	if (be->ones_get)
		err = be->ones_get(vcpu, batch->ones, batch->n);
	for (i = 0; i < n; i++) {
		const struct vmi_one *one = &batch->ones[at];

		if (regs[i].status != IS_ONE)
			continue;
		at++;
		regs[i].status = err ? err : one->status;
		if (!regs[i].status)
			regs[i].status = vmi_one_extract(one, &regs[i]);
	}
	return 0;
}

static void get_entry(
	struct vmapi_vcpu *vcpu, struct vmi_reg_block *blocks,
	const struct vmi_reg_row *row, struct vmapi_reg *reg)
{
	struct vmi_reg_block *b = &blocks[row->block];

	reg->status = vmi_block_load(vcpu, row->block, b);
	if (!reg->status)
		reg->status = vmi_reg_extract(row, b, reg);
}

/* When an entry's turn is: blocks that change others, whole ones, views. */
static unsigned pass_of(
	const struct vmi_regs_arch *arch, const struct vmi_reg_row *row)
{
	if (arch->read_first >> row->block & 1)
		return 0;
	return row->view == VMI_VIEW_NONE ? 1 : 2;
}

/*
 * A whole XSAVE area is given as the backend has it, so before any view of
 * it expands the copy: whole blocks before views.
 */
static void get_from_blocks(struct vmapi_vcpu *vcpu, struct vmapi_reg *regs,
	size_t n, struct vmi_reg_block *blocks)
{
	const struct vmi_regs_arch *arch = vmi_regs_of(vcpu);
	unsigned pass;
	size_t i;

	for (pass = 0; pass < 3; pass++)
		for (i = 0; i < n; i++) {
			const struct vmi_reg_row *row =
				vmi_reg_row(arch, regs[i].tag);

			if (row && pass_of(arch, row) == pass)
				get_entry(vcpu, blocks, row, &regs[i]);
		}
}

/* Blocks first: one of them may have to be read before all else. */
static int get_claimed(
	struct vmapi_vcpu *vcpu, struct vmapi_reg *regs, size_t n)
{
	const struct vmi_regs_arch *arch = vmi_regs_of(vcpu);
	struct vmi_reg_block blocks[VMI_BLOCKS_MAX];
	struct vmi_one_batch batch;
	size_t i, n_ones = 0, bytes = 0;
	unsigned b;
	int err;

	for (i = 0; i < n; i++) {
		regs[i].status = -ENOENT;
		if (!vmi_reg_is_one(arch, regs[i].tag))
			continue;
		regs[i].status = IS_ONE;
		n_ones++;
		bytes += vmi_one_bytes(regs[i].tag);
	}
	err = vmi_ones_room(&batch, n_ones, bytes);
	if (err)
		return err;
	for (b = 0; b < VMI_BLOCKS_MAX; b++)
		blocks[b].data = NULL;
	get_from_blocks(vcpu, regs, n, blocks);
	for (b = 0; b < VMI_BLOCKS_MAX; b++)
		vmi_block_free(&blocks[b]);
	if (n_ones)
		err = get_ones(vcpu, regs, n, &batch);
	vmi_ones_free(&batch);
	return err;
}

int vmapi_regs_get(struct vmapi_vcpu *vcpu, struct vmapi_reg *regs, size_t n,
	size_t *done, unsigned flags)
{
	int err = vmi_enter(vcpu ? vcpu->vm->ctx : NULL, __func__);
	size_t i;

	if (err)
		return err;
	if (n && !regs)
		return vmi_null("regs");
	if (flags & ~VMAPI_REGS_ALL_OR_NOTHING)
		return vmi_fail(-EINVAL, vmi_vcpu_label(vcpu),
			"unknown flags 0x%x", flags);
	err = vmi_vcpu_claim(vcpu);
	if (!err) {
		err = get_claimed(vcpu, regs, n);
		vmi_vcpu_release(vcpu);
		if (!err)
			return vmi_regs_conclude(
				vmi_regs_of(vcpu), regs, n, done);
		vmi_fail(err, vmi_vcpu_label(vcpu), "no memory");
	}
	for (i = 0; i < n; i++)
		regs[i].status = err;
	if (done)
		*done = 0;
	return err;
}
