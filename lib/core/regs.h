/* SPDX-License-Identifier: MIT */
/* Register batches: blocks on their way between a backend and a caller. */
#ifndef VMI_CORE_REGS_H
#define VMI_CORE_REGS_H

#include "lib/arch/regs.h"
#include "lib/core/backend.h"

/*
 * Bytes: all but XSAVE, LAPIC and CPUID, and of XSAVE what has views: its
 * legacy region and its header (SDM 1 13.4).
 */
#define VMI_SMALL_BLOCK 576

/* A block in our memory: in `small` where it fits, so that the usual batch
 * allocates nothing. */
struct vmi_reg_block {
	uint8_t *data; /* NULL: not loaded */
	size_t bytes;
	uint64_t small[VMI_SMALL_BLOCK / 8];
};

/*
 * Read a block.  -ENOENT: this vcpu has no such block; else as the backend
 * says.  Loaded blocks are to be freed.
 */
int vmi_block_load(struct vmapi_vcpu *vcpu, unsigned block,
	struct vmi_reg_block *b);
/* Make `b` hold `bytes` bytes, contents undefined. */
int vmi_block_room(struct vmi_reg_block *b, size_t bytes);
int vmi_block_copy(struct vmi_reg_block *to, const struct vmi_reg_block *from);
/* What views see, which a small block holds. */
void vmi_block_copy_head(struct vmi_reg_block *to, const void *from,
	size_t bytes);
void vmi_block_free(struct vmi_reg_block *b);
/* Whether blocks of this kind are small, without asking the backend. */
bool vmi_block_is_small(const struct vmapi_vcpu *vcpu, unsigned block);

/* -- A batch, sorted: regbatch.c ---------------------------------------- */

#define VMI_BATCH_FEW 32 /* entries of a batch that is sorted each time */

/*
 * Entries one behind the other that are alike, of registers one behind the
 * other: of a list of all registers there are few.
 */
struct vmi_reg_run {
	size_t first, n; /* entries */
	size_t next;	 /* run of the same chain */
	const struct vmi_reg_row *rows; /* NULL: they are moved by themselves */
	uint32_t bytes; /* of each; 0: a whole block */
	/* What rows have in common, and where in the block the first is. */
	uint32_t offset;
	enum vmi_xsave_view view;
	int readonly; /* some are; -1: none, 0: to be looked up */
};

/* An entry of a chain: the one with number `i` of a run. */
struct vmi_reg_at {
	struct vmi_reg_run *run;
	size_t i;
	size_t left; /* entries of the chain from here on; 0: none */
};

/* Entries that go together, in the caller's order. */
struct vmi_reg_chain {
	size_t first, last; /* runs */
	size_t n; /* entries */
	/* In a set, once they are checked: how many are good, */
	size_t good;
	size_t bytes; /* of the block; */
	/* whether they are all that the block holds, and from which on. */
	bool is_covered;
	struct vmi_reg_at from;
	bool is_known; /* those two, while all entries are good */
	size_t room;   /* bytes of those moved by themselves; 0: to be counted */
};

/* By block, and behind them by class of those moved by themselves. */
#define VMI_BATCH_CHAINS (VMI_BLOCKS_MAX + VMI_CLASSES_MAX)

/*
 * What a long batch was sorted into, by its tags alone: whoever moves all
 * registers does so again.  One to get and one to set for each vcpu, who
 * frees them.
 */
struct vmi_reg_plan {
	size_t n; /* 0: the tags were no good */
	size_t room;
	uint32_t used;
	struct vmi_reg_chain chains[VMI_BATCH_CHAINS];
	uint64_t *tags; /* behind the runs */
	struct vmi_reg_run runs[];
};

struct vmi_reg_batch {
	struct vmapi_vcpu *vcpu;
	const struct vmi_regs_arch *arch;
	struct vmapi_reg *regs;
	size_t n;
	unsigned flags; /* VMAPI_REGS_ */
	struct vmi_reg_plan **plan; /* of the vcpu, for this kind of batch */
	/* A plan's, or our own. */
	struct vmi_reg_chain *chains;
	struct vmi_reg_run *runs;
	size_t n_runs;
	uint32_t used; /* 1 << chain: there is such an entry */
	struct vmi_reg_chain own[VMI_BATCH_CHAINS];
	struct vmi_reg_run few[VMI_BATCH_FEW];
	/* Why a block of values was refused, where that is known; else NULL. */
	const char *why;
	unsigned why_block;
};

/*
 * What getting and setting have in common, behind vmi_enter(): check, claim
 * the vcpu, look every entry up (each then has status 0 and is in a chain, or
 * -ENOENT), call `move`, and say what came of it.  An error of `move` is that
 * of every entry.  vcpu, regs, n, flags and plan are filled in.
 */
int vmi_batch_run(struct vmi_reg_batch *b, size_t *done,
	int (*move)(struct vmi_reg_batch *b));
/* The lookup and the call alone, of a vcpu that is claimed. */
int vmi_batch_move(
	struct vmi_reg_batch *b, int (*move)(struct vmi_reg_batch *b));
/* The good entries of a chain are no more; returns `err`. */
/* The good entries from one on fail, or all of a chain; returns err. */
int vmi_batch_fail_from(
	const struct vmi_reg_batch *b, struct vmi_reg_at at, int err);
int vmi_batch_fail(const struct vmi_reg_batch *b,
	const struct vmi_reg_chain *chain, int err);

/* The entries of a chain, one after the other; and run by run. */
static inline struct vmi_reg_at vmi_chain_begin(
	const struct vmi_reg_batch *b, const struct vmi_reg_chain *chain)
{
	return (struct vmi_reg_at){ &b->runs[chain->first], 0, chain->n };
}

static inline void vmi_chain_next(
	const struct vmi_reg_batch *b, struct vmi_reg_at *at)
{
	at->left--;
	if (++at->i < at->run->n)
		return;
	at->run = at->left ? &b->runs[at->run->next] : NULL;
	at->i = 0;
}

static inline void vmi_chain_next_run(
	const struct vmi_reg_batch *b, struct vmi_reg_at *at)
{
	at->left -= at->run->n - at->i;
	at->run = at->left ? &b->runs[at->run->next] : NULL;
	at->i = 0;
}

/* Behind the first *skip entries, of which so many are taken. */
static inline struct vmi_reg_at vmi_chain_behind(const struct vmi_reg_batch *b,
	const struct vmi_reg_chain *chain, size_t *skip)
{
	struct vmi_reg_at at = vmi_chain_begin(b, chain);

	for (; at.left && *skip >= at.run->n; vmi_chain_next_run(b, &at))
		*skip -= at.run->n;
	if (at.left) {
		at.i = *skip;
		at.left -= *skip;
		*skip = 0;
	}
	return at;
}

static inline struct vmapi_reg *vmi_reg_of(
	const struct vmi_reg_batch *b, const struct vmi_reg_at *at)
{
	return &b->regs[at->run->first + at->i];
}

static inline const struct vmi_reg_row *vmi_row_of(const struct vmi_reg_at *at)
{
	return at->run->rows ? at->run->rows + at->i : NULL;
}

#define VMI_BATCH_BLOCKS ((UINT32_C(1) << VMI_BLOCKS_MAX) - 1)

/*
 * Whether an entry is a whole block of `bytes` bytes, in memory that can be
 * given to a backend in place of a copy.
 */
static inline bool vmi_reg_is_whole(const struct vmi_reg_row *row, size_t bytes)
{
	return !row->bytes || (row->bytes == bytes && !row->view);
}

static inline bool vmi_reg_is_direct(const struct vmi_reg_row *row,
	size_t bytes, const struct vmapi_reg *reg)
{
	return vmi_reg_is_whole(row, bytes) && reg->data &&
		reg->bytes >= bytes &&
		!((uintptr_t)reg->data % sizeof(uint64_t));
}

static inline unsigned vmi_batch_which(const struct vmi_reg_step *step)
{
	return step->which + (step->is_block ? 0 : VMI_BLOCKS_MAX);
}

/* Size of a block on this vcpu; -ENOENT. */
int vmi_block_size(struct vmapi_vcpu *vcpu, unsigned block,
	size_t *bytes);

/* Between an entry and a loaded block; both return the entry's status. */
int vmi_reg_extract(const struct vmi_reg_row *row, struct vmi_reg_block *b,
	struct vmapi_reg *reg);
int vmi_reg_patch(const struct vmi_reg_row *row, struct vmi_reg_block *b,
	const struct vmapi_reg *reg);
/*
 * The same of all entries of a run, and of those from `i` on that are good;
 * the second returns the first error.
 */
void vmi_run_extract(const struct vmi_reg_run *run, struct vmi_reg_block *b,
	struct vmapi_reg *regs);
int vmi_run_patch(const struct vmi_reg_run *run, size_t i,
	struct vmi_reg_block *b, const struct vmapi_reg *regs);
/*
 * Whether the entry's data or value can be what the row says, or the tag
 * where it has none; `bytes` is the size of the row's block.
 */
int vmi_reg_check(const struct vmi_regs_arch *arch,
	const struct vmi_reg_row *row, size_t bytes, struct vmapi_reg *reg);

/* Registers that are moved by themselves, with room for their bytes. */
struct vmi_one_batch {
	struct vmi_one *ones; /* NULL: none */
	size_t n;
	uint8_t *room; /* that is left */
};

/* The register of `arch`, moved by itself, that an entry is about? */
bool vmi_reg_is_one(const struct vmi_regs_arch *arch, uint64_t tag);
/* Room for the entries of chains, all of them used; free. */
int vmi_ones_room(const struct vmi_reg_batch *b, uint32_t chains,
	struct vmi_one_batch *batch);

enum vmi_ones_use {
	VMI_ONES_GET,
	VMI_ONES_SET, /* with the entries' values */
	VMI_ONES_SAVE /* what was there, which stays apart from the entries */
};

/*
 * Add the good entries of a chain from one on.  What is not to be saved is in
 * the entries' values where it can be.
 */
void vmi_ones_add(struct vmi_one_batch *batch, const struct vmi_reg_batch *b,
	struct vmi_reg_at at, enum vmi_ones_use use);
void vmi_ones_free(struct vmi_one_batch *batch);
/*
 * What goes without all that, of chains: how many entries, in the chains'
 * order, or -errno.  `move` is the backend's words_get or words_set.
 */
int vmi_words_move(const struct vmi_reg_batch *b, uint32_t chains,
	int (*move)(struct vmapi_vcpu *vcpu, const struct vmi_reg_words *words,
		size_t n));
/* From a register to its entry, whose status is returned. */
int vmi_one_put(const struct vmi_one *one, struct vmapi_reg *reg);
static inline int vmi_one_extract(
	const struct vmi_one *one, struct vmapi_reg *reg)
{
	if (one->data != &reg->value)
		return vmi_one_put(one, reg);
	reg->bytes = sizeof(reg->value);
	return 0;
}

static inline const struct vmi_regs_arch *vmi_regs_of(
	const struct vmapi_vcpu *vcpu)
{
	return vcpu->vm->ctx->be->regs_arch();
}

/*
 * What the public functions do, for a vcpu that is claimed: all tags, in
 * ascending order, to be freed; every entry gets a status.
 */
int vmi_reg_list(struct vmapi_vcpu *vcpu, uint64_t **tags, size_t *n);
int vmi_regs_get(struct vmapi_vcpu *vcpu, struct vmapi_reg *regs, size_t n);
void vmi_regs_set(struct vmapi_vcpu *vcpu, struct vmapi_reg *regs, size_t n,
	bool all_or_nothing);

/* What any batch must be, before the vcpu is claimed. */
int vmi_regs_check(struct vmapi_vcpu *vcpu, const struct vmapi_reg *regs,
	size_t n, unsigned flags);
/* Count what succeeded; record and return the first failure: regwhy.c. */
int vmi_regs_conclude(const struct vmi_reg_batch *b, size_t *done);

#endif
