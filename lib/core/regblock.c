/* SPDX-License-Identifier: MIT */
/* Blocks of registers, and single registers in and out of them. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/arch/x86_regs.h"
#include "lib/arch/x86_state.h"
#include "lib/core/regs.h"
#include "lib/sys/sys.h"

_Static_assert(sizeof(struct vmi_x86_system) <= VMI_SMALL_BLOCK,
	"the system registers are a small block");
_Static_assert(sizeof(struct vmapi_x86_segment) == 32, "as its tag says");
_Static_assert(sizeof(struct vmapi_x86_events) == 64, "as its tag says");
_Static_assert(sizeof(struct vmapi_x86_cpuid) == 32, "without padding");

/* -- Blocks ------------------------------------------------------------- */

int vmi_block_room(struct vmi_reg_block *b, size_t bytes)
{
	vmi_block_free(b);
	if (bytes <= sizeof(b->small)) {
		b->data = (uint8_t *)b->small;
	} else {
		b->data = vmi_alloc(bytes);
		if (!b->data)
			return -ENOMEM;
	}
	b->bytes = bytes;
	return 0;
}

void vmi_block_free(struct vmi_reg_block *b)
{
	if (b->data != (uint8_t *)b->small)
		vmi_free(b->data);
	b->data = NULL;
}

int vmi_block_copy(struct vmi_reg_block *to, const struct vmi_reg_block *from)
{
	int err = vmi_block_room(to, from->bytes);

	if (!err)
		memcpy(to->data, from->data, from->bytes);
	return err;
}

void vmi_block_copy_head(struct vmi_reg_block *to, const void *from,
	size_t bytes)
{
	to->data = (uint8_t *)to->small;
	to->bytes = bytes < sizeof(to->small) ? bytes : sizeof(to->small);
	memcpy(to->data, from, to->bytes);
}

int vmi_block_size(
	struct vmapi_vcpu *vcpu, unsigned block, size_t *bytes)
{
	const struct vmi_backend *be = vcpu->vm->ctx->be;
	int err;

	*bytes = 0;
	if (!be->block_get)
		return -ENOENT;
	err = be->block_get(vcpu, block, NULL, bytes);
	return !err || err == -ENOSPC ? 0 : -ENOENT;
}

/* Blocks with words have no more than fit into 64 bits. */
bool vmi_block_is_small(const struct vmapi_vcpu *vcpu, unsigned block)
{
	const uint64_t *words = vmi_regs_of(vcpu)->words;

	return words && words[block];
}

int vmi_block_load(struct vmapi_vcpu *vcpu, unsigned block,
	struct vmi_reg_block *b)
{
	const struct vmi_backend *be = vcpu->vm->ctx->be;
	size_t bytes;
	int err;

	if (b->data)
		return 0;
	bytes = vmi_block_is_small(vcpu, block) ? sizeof(b->small) : 0;
	err = bytes ? 0 : vmi_block_size(vcpu, block, &bytes);
	if (!err)
		err = vmi_block_room(b, bytes);
	if (err)
		return err;
	err = be->block_get(vcpu, block, b->data, &bytes);
	/* What grows between two calls, pending interrupts, ends somewhere. */
	while (err == -ENOSPC && bytes > b->bytes) {
		err = vmi_block_room(b, bytes);
		if (err)
			return err;
		err = be->block_get(vcpu, block, b->data, &bytes);
	}
	if (err)
		vmi_block_free(b);
	else
		b->bytes = bytes;
	return err;
}

/* -- Entries ------------------------------------------------------------ */

/* Integers of the XSAVE area are the guest's bytes, little-endian. */
static bool is_guest_integer(const struct vmi_reg_row *row)
{
	return row->view && row->bytes <= 8;
}

static uint64_t load_little(const uint8_t *from, size_t bytes)
{
	uint64_t value = 0;

	while (bytes--)
		value = value << 8 | from[bytes];
	return value;
}

static void store_little(uint8_t *to, size_t bytes, uint64_t value)
{
	size_t i;

	for (i = 0; i < bytes; i++)
		to[i] = (uint8_t)(value >> 8 * i);
}

/* Host integers of 1, 2, 4 or 8 bytes. */
static uint64_t load_host(const uint8_t *from, size_t bytes)
{
	uint64_t wide;
	uint32_t narrow;
	uint16_t half;

	if (bytes == 1)
		return *from;
	if (bytes == sizeof(half)) {
		memcpy(&half, from, sizeof(half));
		return half;
	}
	if (bytes == sizeof(narrow)) {
		memcpy(&narrow, from, sizeof(narrow));
		return narrow;
	}
	memcpy(&wide, from, sizeof(wide));
	return wide;
}

static void store_host(uint8_t *to, size_t bytes, uint64_t value)
{
	uint32_t narrow = (uint32_t)value;
	uint16_t half = (uint16_t)value;

	if (bytes == 1)
		*to = (uint8_t)value;
	else if (bytes == sizeof(half))
		memcpy(to, &half, sizeof(half));
	else if (bytes == sizeof(narrow))
		memcpy(to, &narrow, sizeof(narrow));
	else
		memcpy(to, &value, sizeof(value));
}

static bool is_integer(size_t bytes)
{
	return bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8;
}

static int put_integer(struct vmapi_reg *reg, uint64_t value, size_t bytes)
{
	if (reg->data && reg->bytes < bytes) {
		reg->bytes = (uint32_t)bytes;
		return -ENOSPC;
	}
	if (reg->data)
		store_host(reg->data, bytes, value);
	else
		reg->value = value;
	reg->bytes = (uint32_t)bytes;
	return 0;
}

/* Most long ones have this length, for which the compiler needs no call. */
#define LANE 16

static int put_long(struct vmapi_reg *reg, const uint8_t *from, size_t bytes)
{
	bool fits = reg->data && reg->bytes >= bytes;

	reg->bytes = (uint32_t)bytes;
	if (!fits)
		return bytes ? -ENOSPC : 0;
	if (bytes == LANE)
		memcpy(reg->data, from, LANE);
	else
		memcpy(reg->data, from, bytes);
	return 0;
}

/* A host integer where it is one, bytes where it is longer. */
static int put_bytes(struct vmapi_reg *reg, const uint8_t *from, size_t bytes)
{
	if (is_integer(bytes))
		return put_integer(reg, load_host(from, bytes), bytes);
	return put_long(reg, from, bytes);
}

int vmi_reg_extract(const struct vmi_reg_row *row, struct vmi_reg_block *b,
	struct vmapi_reg *reg)
{
	size_t bytes = row->bytes ? row->bytes : b->bytes;
	const uint8_t *from = b->data + row->offset;

	if (row->offset + bytes > b->bytes)
		return -ENOENT;
	if (row->view)
		vmi_x86_xsave_expand(b->data, b->bytes, row->view);
	if (bytes > 8)
		return put_long(reg, from, bytes);
	if (is_guest_integer(row))
		return put_integer(reg, load_little(from, bytes), bytes);
	return put_bytes(reg, from, bytes);
}

/* Words of a block that goes as far. */
static void extract_words(const struct vmi_reg_run *run,
	struct vmi_reg_block *b, struct vmapi_reg *regs)
{
	const uint8_t *from = b->data + run->offset;
	struct vmapi_reg *const end = regs + run->n, *reg;

	for (reg = regs; reg != end; reg++, from += 8) {
		if (reg->data) {
			reg->status = put_integer(reg, load_host(from, 8), 8);
		} else {
			memcpy(&reg->value, from, 8);
			reg->bytes = 8;
			reg->status = 0;
		}
	}
}

/* What is longer than an integer, the same. */
static void extract_long(const struct vmi_reg_run *run,
	struct vmi_reg_block *b, struct vmapi_reg *regs)
{
	const uint8_t *from = b->data + run->offset;
	size_t i;

	if (run->view)
		vmi_x86_xsave_expand(b->data, b->bytes, run->view);
	for (i = 0; i < run->n; i++, from += run->bytes)
		regs[i].status = put_long(&regs[i], from, run->bytes);
}

void vmi_run_extract(const struct vmi_reg_run *run, struct vmi_reg_block *b,
	struct vmapi_reg *regs)
{
	const bool fits = run->offset + run->n * run->bytes <= b->bytes;
	size_t i;

	if (fits && run->bytes == 8 && !run->view)
		extract_words(run, b, regs);
	else if (fits && run->bytes > 8)
		extract_long(run, b, regs);
	else
		for (i = 0; i < run->n; i++)
			regs[i].status = vmi_reg_extract(
				&run->rows[i], b, &regs[i]);
}

/* Bytes that an FXSAVE image has: the rest is software's (table 10-2). */
#define FXSAVE_USED 416
/* MXCSR_MASK is the processor's to say. */
#define MXCSR_MASK_AT 28

static void patch_fxsave(uint8_t *area, const uint8_t *from)
{
	memcpy(area, from, MXCSR_MASK_AT);
	memcpy(area + MXCSR_MASK_AT + 4, from + MXCSR_MASK_AT + 4,
		FXSAVE_USED - MXCSR_MASK_AT - 4);
}

int vmi_reg_patch(const struct vmi_reg_row *row, struct vmi_reg_block *b,
	const struct vmapi_reg *reg)
{
	uint8_t *to;
	uint64_t value;
	int err;

	if (!row->bytes) { /* the whole block, in the caller's length */
		err = vmi_block_room(b, reg->bytes);
		if (!err && reg->bytes)
			memcpy(b->data, reg->data, reg->bytes);
		return err;
	}
	if (row->offset + row->bytes > b->bytes)
		return -ENOENT;
	to = b->data + row->offset;
	if (row->view)
		vmi_x86_xsave_expand(b->data, b->bytes, row->view);
	if (row->view == VMI_VIEW_BOTH) {
		patch_fxsave(to, reg->data);
		return 0;
	}
	if (row->bytes > 8) {
		memcpy(to, reg->data, row->bytes);
		return 0;
	}
	value = reg->data ? load_host(reg->data, row->bytes) : reg->value;
	if (is_guest_integer(row))
		store_little(to, row->bytes, value);
	else
		store_host(to, row->bytes, value);
	return 0;
}

/* Words of a block that goes as far. */
static void patch_words(const struct vmi_reg_run *run, size_t i,
	struct vmi_reg_block *b, const struct vmapi_reg *regs)
{
	uint8_t *const to = b->data + run->offset;
	const size_t n = run->n;

	for (; i < n; i++)
		if (!regs[i].status)
			memcpy(to + 8 * i, regs[i].data ? regs[i].data
							: &regs[i].value, 8);
}

int vmi_run_patch(const struct vmi_reg_run *run, size_t i,
	struct vmi_reg_block *b, const struct vmapi_reg *regs)
{
	int err = 0;

	if (run->bytes == 8 && !run->view &&
		run->offset + 8 * run->n <= b->bytes) {
		patch_words(run, i, b, regs);
		return 0;
	}
	for (; i < run->n && !err; i++)
		if (!regs[i].status)
			err = vmi_reg_patch(&run->rows[i], b, &regs[i]);
	return err;
}

static int check_varlen(const struct vmi_regs_arch *arch,
	const struct vmi_reg_row *row, size_t bytes, struct vmapi_reg *reg)
{
	if (!reg->bytes && arch->may_be_empty >> row->block & 1)
		return 0;
	if (!reg->data)
		return -EINVAL;
	if (arch->resizable >> row->block & 1)
		return reg->bytes && !(reg->bytes % arch->unit) ? 0 : -EINVAL;
	if (reg->bytes > bytes)
		return -EINVAL;
	if (reg->bytes == bytes)
		return 0;
	reg->bytes = (uint32_t)bytes;
	return -ENOSPC;
}

static bool is_readonly(const struct vmi_regs_arch *arch,
	const struct vmi_reg_row *row, uint64_t tag)
{
	const struct vmi_one_row *one = row ? NULL : vmi_one_row(arch, tag);

	return (row && row->attributes & VMAPI_REG_READONLY) ||
		(one && one->attributes & VMAPI_REG_READONLY);
}

int vmi_reg_check(const struct vmi_regs_arch *arch,
	const struct vmi_reg_row *row, size_t block_bytes,
	struct vmapi_reg *reg)
{
	uint32_t bytes = row ? row->bytes : (uint32_t)vmi_tag_bytes(reg->tag);

	if (is_readonly(arch, row, reg->tag))
		return -EPERM;
	if (!bytes)
		return check_varlen(arch, row, block_bytes, reg);
	if (!reg->data) {
		if (bytes > 8)
			return -EINVAL;
		return bytes < 8 && reg->value >> 8 * bytes ? -EINVAL : 0;
	}
	if (reg->bytes > bytes)
		return -EINVAL;
	if (reg->bytes == bytes)
		return 0;
	reg->bytes = bytes;
	return -ENOSPC;
}

/* -- Registers that are moved by themselves ------------------------------ */

bool vmi_reg_is_one(const struct vmi_regs_arch *arch, uint64_t tag)
{
	return vmi_tag_bytes(tag) && !vmi_reg_row(arch, tag) &&
	       vmi_tag_is_one(arch, tag);
}

/* Each begins where any integer may. */
static size_t one_bytes(uint64_t tag)
{
	return (vmi_tag_bytes(tag) + 15) & ~(size_t)15;
}

static size_t chain_bytes(
	const struct vmi_reg_batch *b, const struct vmi_reg_chain *chain)
{
	struct vmi_reg_at at = vmi_chain_begin(b, chain);
	size_t bytes = 0;

	for (; at.left; vmi_chain_next_run(b, &at))
		bytes += at.run->n * one_bytes(vmi_reg_of(b, &at)->tag);
	return bytes;
}

int vmi_ones_room(const struct vmi_reg_batch *b, uint32_t chains,
	struct vmi_one_batch *batch)
{
	size_t count = 0, bytes = 0, head;

	batch->n = 0;
	batch->ones = NULL;
	for (; chains; chains &= chains - 1) {
		struct vmi_reg_chain *c = &b->chains[vmi_ctz(chains)];

		if (!c->room)
			c->room = chain_bytes(b, c);
		bytes += c->room;
		count += c->n;
	}
	head = (count * sizeof(batch->ones[0]) + 15) & ~(size_t)15;
	batch->ones = vmi_alloc(head + bytes);
	if (!batch->ones)
		return -ENOMEM;
	batch->room = (uint8_t *)batch->ones + head;
	return 0;
}

static void patch_one(struct vmi_one *one, const struct vmapi_reg *reg)
{
	if (reg->data)
		memcpy(one->data, reg->data, one->bytes);
	else
		store_host(one->data, one->bytes, reg->value);
}

static void add_run(struct vmi_one_batch *batch, const struct vmi_reg_at *at,
	struct vmapi_reg *first, enum vmi_ones_use use)
{
	const struct vmi_reg_run *const run = at->run;
	const bool shared = use != VMI_ONES_SAVE && run->bytes == 8;
	const struct vmapi_reg *const end = first + (run->n - at->i);
	struct vmi_one *one = &batch->ones[batch->n];
	struct vmapi_reg *regs;

	for (regs = first; regs != end; regs++) {
		if (regs->status)
			continue;
		one->tag = regs->tag;
		one->bytes = run->bytes;
		one->status = 0;
		one->data = &regs->value;
		if (regs->data || !shared) {
			one->data = batch->room;
			batch->room += one_bytes(regs->tag);
			if (use == VMI_ONES_SET)
				patch_one(one, regs);
		}
		one++;
	}
	batch->n = (size_t)(one - batch->ones);
}

void vmi_ones_add(struct vmi_one_batch *batch, const struct vmi_reg_batch *b,
	struct vmi_reg_at at, enum vmi_ones_use use)
{
	for (; at.left; vmi_chain_next_run(b, &at))
		add_run(batch, &at, vmi_reg_of(b, &at), use);
}

void vmi_ones_free(struct vmi_one_batch *batch)
{
	vmi_free(batch->ones);
	batch->ones = NULL;
	batch->n = 0;
}

#define WORDS_MAX 8 /* runs: who sorts the tags has four on x86 */

/* The runs of chains, up to the first that is not of words. */
static size_t find_words(
	const struct vmi_reg_batch *b, uint32_t chains, struct vmi_reg_words *words)
{
	size_t n = 0;

	for (; chains; chains &= chains - 1) {
		struct vmi_reg_at at =
			vmi_chain_begin(b, &b->chains[vmi_ctz(chains)]);

		for (; at.left; vmi_chain_next_run(b, &at)) {
			if (n == WORDS_MAX || at.run->bytes != 8)
				return n;
			words[n].regs = vmi_reg_of(b, &at);
			words[n++].n = at.run->n;
		}
	}
	return n;
}

int vmi_words_move(const struct vmi_reg_batch *b, uint32_t chains,
	int (*move)(struct vmapi_vcpu *vcpu, const struct vmi_reg_words *words,
		size_t n))
{
	struct vmi_reg_words words[WORDS_MAX];

	return move ? move(b->vcpu, words, find_words(b, chains, words)) : 0;
}

int vmi_one_put(const struct vmi_one *one, struct vmapi_reg *reg)
{
	return put_bytes(reg, one->data, one->bytes);
}
