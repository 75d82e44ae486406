/* SPDX-License-Identifier: MIT */
/* Blocks of decoded code: the cache, its index, its invalidation. */
#ifndef VMI_SOFT_BLOCK_H
#define VMI_SOFT_BLOCK_H

#include <stddef.h>

#include "lib/core/core.h"
#include "lib/soft/op.h"

/*
 * What a block depends on beside its bytes: c->key.  Code of another mode,
 * or decoded for other segments, is another block.
 */
#define VMI_KEY_16    0x00u
#define VMI_KEY_32    0x01u
#define VMI_KEY_64    0x02u
#define VMI_KEY_MODE  0x03u
#define VMI_KEY_SS32  0x04u /* 32-bit stack */
#define VMI_KEY_FLAT  0x08u /* ES, SS, DS: base 0, 4 GiB, writable */
#define VMI_KEY_PROT  0x10u /* protected mode, not virtual 8086 */
#define VMI_KEY_V86   0x20u
#define VMI_KEY_BREAK 0x40u /* execution points are armed: debug.c */

/* Bits of a RAM object's page flags. */
#define VMI_PAGE_CODE 0x01u /* some vcpu has blocks of it */

#define VMI_BLOCK_INSNS 48 /* at most in a block */
#define VMI_BLOCK_OPS	224 /* room that 48 instructions can need at most */

struct code_page;

/*
 * The last instruction of a block may go on in the next page: bridge.c.  Its
 * bytes there, zeroes after them, and the host's page that they are in.
 */
struct vmi_bridge {
	const uint8_t *host;
	uint8_t bytes[16];
};

struct vmi_codeblock {
	struct vmi_codeblock *hash_next;
	struct vmi_codeblock *page_next;
	uintptr_t incoming; /* links to it: tagged, see block.c */
	const uint8_t *host; /* its first byte */
	const uint8_t *copy; /* of its bytes, while it is provisional */
	uint64_t cs_base;
	uint32_t cs_limit;
	uint32_t key;
	uint16_t bytes; /* of it in its page */
	uint16_t n_ops;
	bool dead;
	struct vmi_bridge bridge;
	struct vmi_op ops[];
};

static inline struct vmi_codeblock *vmi_block_of(const struct vmi_op *enter)
{
	return (struct vmi_codeblock *)((uintptr_t)enter -
		offsetof(struct vmi_codeblock, ops));
}

/* The block at c->rip, decoded if need be; never NULL.  May raise. */
const struct vmi_op *vmi_block_at(struct vmi_cpu *c);
/* The same of at most `limit` instructions, in a scratch buffer. */
const struct vmi_op *vmi_block_step(struct vmi_cpu *c, unsigned limit);
/* Where branch `op` leads on way `k`: c->r[VMI_R_BLOCK] is the target. */
vmi_noinline const struct vmi_op *vmi_block_link(struct vmi_cpu *c,
	const struct vmi_op *op, unsigned k);
/* Where an indirect branch leads: c->r[VMI_R_BLOCK] is the target. */
vmi_noinline const struct vmi_op *vmi_block_jump(struct vmi_cpu *c);

/* This vcpu wrote to a page of code, in one piece, `host` in `ram`. */
void vmi_code_written(struct vmi_cpu *c, struct vmapi_ram *ram,
	const uint8_t *host, uint64_t bytes);

/* All blocks of the host page are void, whoever wrote to it. */
void vmi_code_forget(struct vmi_cpu *c, const uint8_t *page);

struct vmi_cache *vmi_cache_create(void);
void vmi_cache_destroy(struct vmi_cache *cache);

struct vmi_jump *vmi_cache_jumps(struct vmi_cache *cache);
const struct vmi_steps *vmi_cache_steps(const struct vmi_cache *cache);

/* Forget where indirect branches led; and: the mode they belong to changed. */
void vmi_jumps_flush(struct vmi_cpu *c);
void vmi_jumps_retag(struct vmi_cpu *c);
void vmi_tlb_drop_writes(struct vmi_cpu *c, const uint8_t *host_page);

/*
 * The host address of the byte at `linear` for a fetch, with where it is in
 * which RAM object; NULL: not RAM.  Raises what a fetch raises.
 */
const uint8_t *vmi_fetch_page(struct vmi_cpu *c, uint64_t linear,
	struct vmapi_ram **ram, uint64_t *page);

/*
 * Instructions as the processor fetches them at c->rip.  The first `own`
 * bytes are in the page where it begins, the others in that at `next`; if
 * that is NULL, it does not matter where they are.
 */
struct vmi_stream {
	const uint8_t *bytes;
	size_t avail, own;
	const uint8_t *next;
};

/*
 * Decode at most `limit` instructions into block->ops.  0; -EAGAIN when not
 * even the first fits into the bytes.
 */
int vmi_translate(struct vmi_cpu *c, struct vmi_codeblock *block,
	const struct vmi_stream *s, unsigned limit);

/* What is executed where nothing can be: back to the run loop. */
extern const struct vmi_op vmi_block_none;

/*
 * Whether the running block may go on at `op`, a bridge; else it ends before
 * the instruction.  May raise.
 */
bool vmi_bridge_cross(struct vmi_cpu *c, const struct vmi_op *op);

/* The block is none any more, whatever its bytes are. */
void vmi_block_drop(struct vmi_cpu *c, struct vmi_codeblock *b);

/* Handlers that the cache itself puts into blocks: h_inner.c, bridge.c. */
vmi_handler vmi_h_enter, vmi_h_dead, vmi_h_end, vmi_h_killed, vmi_h_bridge;

/* Alone among the vcpus: mem.c, for locks that no host atomic can do. */
void vmi_exclusive_begin(struct vmi_cpu *c);
void vmi_exclusive_end(struct vmi_cpu *c);

#endif
