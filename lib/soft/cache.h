/* SPDX-License-Identifier: MIT */
/* Inside the cache of blocks: between the files that keep it. */
#ifndef VMI_SOFT_CACHE_H
#define VMI_SOFT_CACHE_H

#include "lib/soft/branch.h"
#include "lib/soft/pair.h"

#define ARENA_BYTES  (48u << 20)
#define SNAPSHOT_BYTES (VMI_BLOCK_INSNS * VMI_INSN_MAX)
#define HASH_BITS    15
#define PAGE_BITS    12
#define PATCH_LIMIT  64
#define PATCH_WINDOW 1000000

struct code_page {
	struct code_page *hash_next;
	const uint8_t *host; /* page aligned */
	_Atomic(uint8_t) *flag;
	struct vmi_codeblock *blocks;
	uint64_t lines; /* one bit per 64 bytes that some block covers */
	unsigned patches;
	uint64_t window; /* that they were counted in */
	uint64_t ticket; /* the others were asked not to write unseen */
	bool asked;
	bool settled; /* ... and all have obeyed: coherence.c */
};

struct vmi_cache {
	struct vmi_codeblock *hash[1u << HASH_BITS];
	struct code_page *pages[1u << PAGE_BITS];
	uint8_t *arena;
	size_t used;
	uint64_t jump_generation;
	uint64_t flushes;
	uint64_t jump_base; /* of the code segment that the jumps are in */
	uint32_t jump_limit;
	struct vmi_jump jumps[VMI_JUMPS];
	struct vmi_steps steps;
	vmi_cacheline uint8_t scratch[sizeof(struct vmi_codeblock) +
		VMI_BLOCK_OPS * sizeof(struct vmi_op)];
};

static inline uint64_t vmi_code_base(const struct vmi_cpu *c)
{
	return c->mode == 64 ? 0 : c->seg[VMI_CS].base;
}

#endif
