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

static int compare_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* The vcpu's MSR indices in ascending order; to be freed. */
static int list_msrs(struct vmapi_vcpu *vcpu, uint32_t **out, size_t *count)
{
	const struct vmi_backend *be = vcpu->vm->ctx->be;
	size_t n = 0, again = 0;
	uint32_t *msrs;
	int err;

	*out = NULL;
	*count = 0;
	if (!be->msr_list)
		return 0;
	err = be->msr_list(vcpu, NULL, 0, &n);
	if (err || !n)
		return err;
	msrs = vmi_calloc(n, sizeof(msrs[0]));
	if (!msrs)
		return vmi_fail(-ENOMEM, vmi_vcpu_label(vcpu), "no memory");
	err = be->msr_list(vcpu, msrs, n, &again);
	if (err) {
		vmi_free(msrs);
		return err;
	}
	*count = again < n ? again : n;
	qsort(msrs, *count, sizeof(msrs[0]), compare_u32);
	*out = msrs;
	return 0;
}

/* The caller's array, and how many would be in it. */
struct tag_list {
	uint64_t *tags;
	size_t room;
	size_t n;
};

static void list_tag(struct tag_list *list, uint64_t tag)
{
	if (list->n < list->room)
		list->tags[list->n] = tag;
	list->n++;
}

/* MSR tags lie between two rows of the table: a merge. */
static void list_all(
	struct vmapi_vcpu *vcpu, struct tag_list *list, const uint32_t *msrs,
	size_t n_msrs)
{
	bool has[VMI_BLOCKS];
	size_t i, m = 0, bytes;
	unsigned b;

	for (b = 0; b < VMI_BLOCKS; b++)
		has[b] = !vmi_block_size(vcpu, (enum vmi_block)b, &bytes);
	for (i = 0; i < vmi_x86_n_regs; i++) {
		const struct vmi_reg_row *row = &vmi_x86_regs[i];

		while (m < n_msrs && VMAPI_X86_MSR(msrs[m]) < row->tag)
			list_tag(list, VMAPI_X86_MSR(msrs[m++]));
		if (has[row->block])
			list_tag(list, row->tag);
	}
}

int vmapi_reg_list(
	struct vmapi_vcpu *vcpu, uint64_t *tags, size_t n, size_t *count)
{
	struct tag_list list = { .tags = tags, .room = n };
	int err = vmi_enter(vcpu ? vcpu->vm->ctx : NULL, __func__);
	uint32_t *msrs;
	size_t n_msrs;

	if (err)
		return err;
	if (!count || (n && !tags))
		return vmi_null(count ? "tags" : "count");
	err = vmi_vcpu_claim(vcpu);
	if (err)
		return err;
	err = list_msrs(vcpu, &msrs, &n_msrs);
	if (!err) {
		list_all(vcpu, &list, msrs, n_msrs);
		vmi_free(msrs);
		*count = list.n;
	}
	vmi_vcpu_release(vcpu);
	return err;
}

static int no_register(uint64_t tag)
{
	return vmi_fail_range(-ENOENT, tag, 0,
		"no register with tag 0x%016" PRIx64, tag);
}

static int has_msr(struct vmapi_vcpu *vcpu, uint32_t index)
{
	uint32_t *msrs;
	size_t n;
	int err = list_msrs(vcpu, &msrs, &n);
	bool found;

	if (err)
		return err;
	found = n && bsearch(&index, msrs, n, sizeof(msrs[0]), compare_u32);
	vmi_free(msrs);
	return found ? 0 : no_register(VMAPI_X86_MSR(index));
}

static int describe_row(struct vmapi_vcpu *vcpu, const struct vmi_reg_row *row,
	struct vmapi_reg_info *info)
{
	size_t bytes;
	int err = vmi_block_size(vcpu, (enum vmi_block)row->block, &bytes);

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
	const struct vmi_reg_row *row = vmi_x86_reg(tag);
	uint32_t index;
	int err;

	info->tag = tag;
	info->set = (uint32_t)(tag >> 32) & 0xff;
	info->number = (uint32_t)tag;
	if (row)
		return describe_row(vcpu, row, info);
	if (!vmi_x86_is_msr(tag, &index))
		return no_register(tag);
	err = has_msr(vcpu, index);
	if (err)
		return err;
	info->bytes = 8;
	if (index == VMI_MSR_TSC)
		info->attributes = VMAPI_REG_VOLATILE;
	snprintf(info->name, sizeof(info->name), "msr_%08" PRIx32, index);
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

/* "msr_" and eight hexadecimal digits, as vmapi_reg_info() names them. */
static bool is_msr_name(const char *name, uint32_t *index)
{
	char again[16], *end;

	if (strncmp(name, "msr_", 4) || strlen(name) != 12)
		return false;
	*index = (uint32_t)strtoul(name + 4, &end, 16);
	snprintf(again, sizeof(again), "msr_%08" PRIx32, *index);
	return !*end && !strcmp(again, name);
}

static int find_name(struct vmapi_vcpu *vcpu, const char *name, uint64_t *tag)
{
	const struct vmi_reg_row *row = vmi_x86_reg_named(name);
	uint32_t index;
	size_t bytes;
	int err = -ENOENT;

	if (row && !vmi_block_size(vcpu, (enum vmi_block)row->block, &bytes)) {
		*tag = row->tag;
		return 0;
	}
	if (is_msr_name(name, &index)) {
		err = has_msr(vcpu, index);
		if (!err)
			*tag = VMAPI_X86_MSR(index);
		if (err != -ENOENT)
			return err;
	}
	return err ? vmi_fail(-ENOENT, vmi_vcpu_label(vcpu),
			     "no register '%s'", name)
		   : 0;
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

/* Entries of MSRs, in one call; `regs` say which by status 1. */
#define IS_MSR 1

static int get_msrs(struct vmapi_vcpu *vcpu, struct vmapi_reg *regs, size_t n,
	size_t n_msrs)
{
	const struct vmi_backend *be = vcpu->vm->ctx->be;
	struct vmi_msr *msrs = vmi_calloc(n_msrs, sizeof(msrs[0]));
	size_t i, m = 0;
	int err = -ENOENT;

	if (!msrs)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		if (regs[i].status == IS_MSR)
			msrs[m++].index = (uint32_t)regs[i].tag;
	if (be->msrs_get)
		err = be->msrs_get(vcpu, msrs, m);
	for (i = 0, m = 0; i < n; i++) {
		if (regs[i].status != IS_MSR)
			continue;
		regs[i].status = err ? err : msrs[m].status;
		if (!regs[i].status)
			regs[i].status =
				vmi_reg_extract_u64(&regs[i], msrs[m].value);
		m++;
	}
	vmi_free(msrs);
	return 0;
}

/*
 * A whole XSAVE area is given as the backend has it, so before any view of
 * it expands the copy: whole blocks first.
 */
static void get_from_blocks(struct vmapi_vcpu *vcpu, struct vmapi_reg *regs,
	size_t n, struct vmi_reg_block *blocks)
{
	unsigned pass;
	size_t i;

	for (pass = 0; pass < 2; pass++)
		for (i = 0; i < n; i++) {
			const struct vmi_reg_row *row =
				vmi_x86_reg(regs[i].tag);
			struct vmi_reg_block *b;

			if (!row || (row->view != VMI_VIEW_NONE) != pass)
				continue;
			b = &blocks[row->block];
			regs[i].status = vmi_block_load(
				vcpu, (enum vmi_block)row->block, b);
			if (!regs[i].status)
				regs[i].status =
					vmi_reg_extract(row, b, &regs[i]);
		}
}

static int get_claimed(
	struct vmapi_vcpu *vcpu, struct vmapi_reg *regs, size_t n)
{
	struct vmi_reg_block blocks[VMI_BLOCKS];
	size_t i, n_msrs = 0;
	uint32_t index;
	unsigned b;
	int err = 0;

	for (b = 0; b < VMI_BLOCKS; b++)
		blocks[b].data = NULL;
	for (i = 0; i < n; i++) {
		regs[i].status = -ENOENT;
		if (vmi_x86_is_msr(regs[i].tag, &index)) {
			regs[i].status = IS_MSR;
			n_msrs++;
		}
	}
	if (n_msrs)
		err = get_msrs(vcpu, regs, n, n_msrs);
	if (!err)
		get_from_blocks(vcpu, regs, n, blocks);
	for (b = 0; b < VMI_BLOCKS; b++)
		vmi_block_free(&blocks[b]);
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
			return vmi_regs_conclude(regs, n, done);
		vmi_fail(err, vmi_vcpu_label(vcpu), "no memory");
	}
	for (i = 0; i < n; i++)
		regs[i].status = err;
	if (done)
		*done = 0;
	return err;
}
