/* SPDX-License-Identifier: MIT */
/* Flags, table lookup, bounds, wide compare-and-exchange, hints. */

#include "lib/soft/block.h"
#include "lib/soft/operand.h"
#include "lib/soft/value.h"
#include "lib/soft/engine.h"
#include "lib/soft/run.h"
#include "lib/sys/sys.h"

/* -- Flags -------------------------------------------------------------- */

#define AH_FLAGS (VMI_FLAG_SF | VMI_FLAG_ZF | VMI_FLAG_AF | VMI_FLAG_PF | \
	VMI_FLAG_CF)

void vmi_do_lahf(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t f = (vmi_flags(c) & AH_FLAGS) | VMI_FLAG_ONE;

	(void)op;
	c->r[VMI_RAX] = (c->r[VMI_RAX] & ~0xff00ull) | f << 8;
}

void vmi_do_sahf(struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)op;
	vmi_flags_set(c, (vmi_flags(c) & VMI_FLAG_OF) |
		((c->r[VMI_RAX] >> 8) & AH_FLAGS));
}

void vmi_do_clc(struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)op;
	vmi_flags_set(c, vmi_flags(c) & ~VMI_FLAG_CF);
}

void vmi_do_stc(struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)op;
	vmi_flags_set(c, vmi_flags(c) | VMI_FLAG_CF);
}

void vmi_do_cmc(struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)op;
	vmi_flags_set(c, vmi_flags(c) ^ VMI_FLAG_CF);
}

void vmi_do_cld(struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)op;
	c->rflags &= ~VMI_FLAG_DF;
}

void vmi_do_std(struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)op;
	c->rflags |= VMI_FLAG_DF;
}

/* Undocumented by Intel, in every processor: AL = CF ? FFH : 0. */
void vmi_do_salc(struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)op;
	vmi_reg_set(c, VMI_RAX, vmi_flags(c) & VMI_FLAG_CF ? 0xff : 0, 1);
}

/* -- XLAT and BOUND ----------------------------------------------------- */

/* AL = [seg:rBX + AL], wrapped at the address size. */
void vmi_do_xlat(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned asize = vmi_op_asize(op), seg = vmi_op_seg(op);
	uint64_t at = c->r[VMI_RBX] + (c->r[VMI_RAX] & 0xff);

	if (asize != 8)
		at &= (1ull << (8 * asize)) - 1;
	if (c->mode != 64)
		at = vmi_linear(c, seg, at, 1, VMI_MEM_READ);
	else if (seg == VMI_FS || seg == VMI_GS)
		at += c->r[VMI_R_SEG + seg];
	vmi_reg_set(c, VMI_RAX, vmi_read(c, at, 1), 1);
}

static int64_t extended(uint64_t v, unsigned bytes)
{
	uint64_t top = 1ull << (8 * bytes - 1);

	return (int64_t)((v ^ top) - top);
}

/* The upper bound is looked at when the index is not below the lower. */
void vmi_do_bound(struct vmi_cpu *c, const struct vmi_op *op)
{
	unsigned bytes = vmi_op_size(op);
	int64_t index = extended(vmi_reg(c, op->reg, bytes), bytes);
	uint64_t at = vmi_linear_beyond(c, 0, bytes, VMI_MEM_READ);

	if (index < extended(vmi_read(c, at, bytes), bytes))
		vmi_raise(c, VMI_BR);
	at = vmi_linear_beyond(c, bytes, bytes, VMI_MEM_READ);
	if (index > extended(vmi_read(c, at, bytes), bytes))
		vmi_raise(c, VMI_BR);
}

/* -- CMPXCHG8B and CMPXCHG16B ------------------------------------------- */

static void set_zf(struct vmi_cpu *c, bool zf)
{
	vmi_flags_set(c, (vmi_flags(c) & ~VMI_FLAG_ZF) |
		(zf ? VMI_FLAG_ZF : 0));
}

static uint64_t low_halves(const struct vmi_cpu *c, unsigned high,
	unsigned low)
{
	return c->r[high] << 32 | (uint32_t)c->r[low];
}

/* Memory is written in any case; the pair only when it differs. */
void vmi_do_cmpxchg8b(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t expected = low_halves(c, VMI_RDX, VMI_RAX);
	uint64_t desired = low_halves(c, VMI_RCX, VMI_RBX);
	uint64_t at = vmi_ea(c, op), seen;

	if ((op->bits & VMI_OPF_LOCK) && vmi_lockable(c, at, 8)) {
		seen = vmi_cas(c, op, at, expected, desired, 8).value;
	} else {
		seen = vmi_read_rmw(c, at, 8);
		vmi_write(c, at, seen == expected ? desired : seen, 8);
	}
	if (seen != expected) {
		c->r[VMI_RAX] = (uint32_t)seen;
		c->r[VMI_RDX] = seen >> 32;
	}
	set_zf(c, seen == expected);
}

struct pair {
	uint64_t low, high;
};

/* The pair in RAM at `p`; what was there. */
static struct pair swap_host(struct vmi_cpu *c, uint8_t *p)
{
	struct pair seen = { vmi_host_load(p, 8), vmi_host_load(p + 8, 8) };

	if (seen.low == c->r[VMI_RAX] && seen.high == c->r[VMI_RDX]) {
		vmi_host_store(p, c->r[VMI_RBX], 8);
		vmi_host_store(p + 8, c->r[VMI_RCX], 8);
	}
	return seen;
}

/* Not in RAM that can be written freely: device, ROM, page with code. */
static struct pair swap_slow(struct vmi_cpu *c, uint64_t at)
{
	struct pair seen;
	bool same;

	vmi_check(c, at, 16, VMI_MEM_WRITE);
	seen.low = vmi_read_rmw(c, at, 8);
	seen.high = vmi_read_rmw(c, at + 8, 8);
	same = seen.low == c->r[VMI_RAX] && seen.high == c->r[VMI_RDX];
	vmi_write(c, at, same ? c->r[VMI_RBX] : seen.low, 8);
	vmi_write(c, at + 8, same ? c->r[VMI_RCX] : seen.high, 8);
	return seen;
}

static struct pair swap(struct vmi_cpu *c, uint64_t at)
{
	uint8_t *p = vmi_host(c, at, 16, VMI_MEM_WRITE);

	return p ? swap_host(c, p) : swap_slow(c, at);
}

/*
 * Locked, it is done alone: few hosts have a lock-free form of 16 bytes.  It
 * is aligned, so in one page.  Who faults in there is let out by the engine.
 */
void vmi_do_cmpxchg16b(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t at = vmi_ea(c, op);
	struct pair seen;
	bool same;

	if (at & 15)
		vmi_raise_code(c, VMI_GP, 0);
	if (op->bits & VMI_OPF_LOCK) {
		vmi_exclusive_begin(c);
		seen = swap(c, at);
		vmi_exclusive_end(c);
	} else {
		seen = swap(c, at);
	}
	same = seen.low == c->r[VMI_RAX] && seen.high == c->r[VMI_RDX];
	if (!same) {
		c->r[VMI_RAX] = seen.low;
		c->r[VMI_RDX] = seen.high;
	}
	set_zf(c, same);
}

/* -- Hints, fences, random numbers -------------------------------------- */

#define SPIN_GAP   128u /* instructions between two PAUSEs of one loop, most */
#define SPIN_FIRST 16u
#define SPIN_MOST  4096u

/*
 * A loop of PAUSEs waits for another vcpu, whose thread may be waiting for
 * this one's processor: it gets it.  Hypervisors have that of PAUSE-loop
 * exiting (SDM vol. 3C 26.1.3).  Each time takes twice as many PAUSEs, since
 * a guest may also count them to pass time, and others than this VM's threads
 * take the processor for longer than they would have taken.
 */
void vmi_do_pause(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct vmi_spin *spin = &c->spin;
	uint64_t now = vmi_retired(c);

	(void)op;
	if (now - spin->last > SPIN_GAP || !spin->wanted) {
		spin->seen = 0;
		spin->wanted = SPIN_FIRST;
	}
	spin->last = now;
	if (++spin->seen < spin->wanted)
		return;
	spin->seen = 0;
	if (spin->wanted < SPIN_MOST)
		spin->wanted *= 2;
	vmi_sys->yield();
}

void vmi_do_lfence(struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)c;
	(void)op;
	atomic_thread_fence(memory_order_acquire);
}

void vmi_do_sfence(struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)c;
	(void)op;
	atomic_thread_fence(memory_order_release);
}

void vmi_do_mfence(struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)c;
	(void)op;
	atomic_thread_fence(memory_order_seq_cst);
}

/* Faults as a load of the byte does (SDM 2A, CLFLUSH); no cache to flush. */
void vmi_do_clflush(struct vmi_cpu *c, const struct vmi_op *op)
{
	vmi_check(c, vmi_ea(c, op), 1, VMI_MEM_READ);
}

/*
 * Of the host's generator; where it gives nothing, CF = 0 says so, as a
 * processor that runs dry does (SDM 2B, RDRAND, RDSEED).
 */
static void random_number(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t v = 0;
	bool ok = vmi_random(c, &v);

	vmi_reg_set(c, op->base, ok ? v : 0, vmi_op_size(op));
	vmi_flags_set(c, ok ? VMI_FLAG_CF : 0);
}

void vmi_do_rdrand(struct vmi_cpu *c, const struct vmi_op *op)
{
	random_number(c, op);
}

void vmi_do_rdseed(struct vmi_cpu *c, const struct vmi_op *op)
{
	random_number(c, op);
}
