/* SPDX-License-Identifier: MIT */
/*
 * MOVS, CMPS, SCAS, LODS, STOS and their repetition.
 *
 * Every element is complete before the next begins: a fault or an event
 * leaves rCX, rSI and rDI at the element that is not done, and the
 * instruction is started again there (SDM 2B, REP).  Where a run of elements
 * lies in RAM on one page at each side it is done with host pointers, at
 * most VMI_STR_CHUNK bytes before events are looked at; the first element of
 * a run has passed all checks and the rest lies in the same page and inside
 * the segment's limit.  What has no host pointer (devices, ROM, pages with
 * code) is done element by element, and so are the elements across pages.
 *
 * CMPS and SCAS commit their flags only when they stop, so that a page fault
 * finds those from before the instruction (SDM 2B, REP).
 */
#include "lib/soft/strings.h"

#include "lib/soft/alu.h"
#include "lib/soft/value.h"

/* One side of a run: the first element, and how it goes on from there. */
struct side {
	uint64_t linear;
	unsigned seg;
	unsigned reg;
};

static bool down(const struct vmi_cpu *c)
{
	return c->rflags & VMI_FLAG_DF;
}

/* Elements from the offset to where it wraps or the segment ends. */
static uint64_t room_in_segment(const struct vmi_cpu *c,
	const struct vmi_op *op, const struct side *s, unsigned bytes)
{
	unsigned asize = vmi_op_asize(op);
	uint64_t offset = vmi_reg(c, s->reg, asize), last;
	uint32_t attributes = c->seg[s->seg].attributes;

	if (down(c) && (c->mode != 64 || asize != 8))
		return offset / bytes + 1;
	last = asize == 8 ? ~0ull : (1ull << (8 * asize)) - 1;
	if (c->mode != 64) {
		if ((attributes & 0xc) == 0x4)
			return 1; /* expand-down: let each be checked */
		if (last > c->seg[s->seg].limit)
			last = c->seg[s->seg].limit;
	}
	last -= offset;
	return last / bytes + (last % bytes == bytes - 1);
}

static uint64_t room_in_page(const struct vmi_cpu *c, const struct side *s,
	unsigned bytes)
{
	unsigned at = s->linear & 0xfff;

	if (at + bytes > 0x1000)
		return 0;
	return down(c) ? at / bytes + 1 : (0x1000 - at) / bytes;
}

/* How many elements can be done at once, 1 at least. */
static unsigned run_length(const struct vmi_cpu *c, const struct vmi_op *op,
	const struct side *s, unsigned bytes)
{
	uint64_t n = room_in_page(c, s, bytes), m;

	/* Expand-down going down: the limit is below. */
	if (c->mode != 64 && (c->seg[s->seg].attributes & 0xc) == 0x4)
		return 1;
	m = room_in_segment(c, op, s, bytes);
	n = m < n ? m : n;
	return n ? (unsigned)n : 1;
}

/* The host address of the lowest byte of `n` elements, or NULL. */
static uint8_t *run_host(struct vmi_cpu *c, const struct side *s, unsigned n,
	unsigned bytes, unsigned access)
{
	uint64_t low = down(c) ? s->linear - (uint64_t)(n - 1) * bytes :
		s->linear;

	return vmi_host(c, low, n * bytes, access);
}

static struct side source(struct vmi_cpu *c, const struct vmi_op *op,
	unsigned bytes)
{
	struct side s = { .linear = vmi_str_src(c, op, bytes),
		.seg = vmi_op_seg(op), .reg = VMI_RSI };

	return s;
}

static struct side destination(struct vmi_cpu *c, const struct vmi_op *op,
	unsigned bytes, unsigned access)
{
	struct side s = { .linear = vmi_str_dst(c, op, bytes, access),
		.seg = VMI_ES, .reg = VMI_RDI };

	return s;
}

static unsigned least(uint64_t a, unsigned b)
{
	return a < b ? (unsigned)a : b;
}

/* -- MOVS --------------------------------------------------------------- */

/* Element by element in order: copies that overlap replicate. */
static void copy_overlapping(uint8_t *to, const uint8_t *from, unsigned n,
	unsigned bytes, bool backwards)
{
	uint8_t element[8];
	size_t at;
	unsigned i;

	for (i = 0; i < n; i++) {
		at = (size_t)(backwards ? n - 1 - i : i) * bytes;
		memcpy(element, from + at, bytes);
		memcpy(to + at, element, bytes);
	}
}

static void copy_run(uint8_t *to, const uint8_t *from, unsigned n,
	unsigned bytes, bool backwards)
{
	uintptr_t t = (uintptr_t)to, f = (uintptr_t)from;
	size_t len = (size_t)n * bytes;
	bool ahead = backwards ? f - t < len : t - f < len;

	atomic_thread_fence(memory_order_acq_rel);
	if (ahead && t != f)
		copy_overlapping(to, from, n, bytes, backwards);
	else
		memmove(to, from, len);
	atomic_thread_fence(memory_order_acq_rel);
}

/* Some elements; how many. */
static unsigned movs_some(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t count)
{
	unsigned bytes = vmi_op_size(op), n;
	struct side s = source(c, op, bytes);
	struct side d = destination(c, op, bytes, VMI_MEM_WRITE);
	const uint8_t *from;
	uint8_t *to;

	n = count == 1 ? 1 : least(count, run_length(c, op, &s, bytes));
	if (n > 1)
		n = least(n, run_length(c, op, &d, bytes));
	if (n > 1) {
		from = run_host(c, &s, n, bytes, VMI_MEM_READ);
		to = from ? run_host(c, &d, n, bytes, VMI_MEM_WRITE) : NULL;
		if (to) {
			copy_run(to, from, n, bytes, down(c));
			return n;
		}
	}
	vmi_write(c, d.linear, vmi_read(c, s.linear, bytes), bytes);
	return 1;
}

void vmi_do_movs(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t count = vmi_str_count(c, op), distance;
	unsigned n;

	while (count) {
		n = movs_some(c, op, count);
		distance = (uint64_t)n * vmi_op_size(op);
		vmi_str_step(c, op, VMI_RSI, distance);
		vmi_str_step(c, op, VMI_RDI, distance);
		if (!vmi_str_did(c, op, n))
			return;
		if (vmi_element_done(c))
			vmi_again(c);
		count -= n;
	}
}

/* -- STOS --------------------------------------------------------------- */

static void fill_run(uint8_t *to, uint64_t v, size_t len, unsigned bytes)
{
	uint8_t pattern[64];
	size_t i, k;

	for (i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(v >> (8 * (i % bytes)));
	atomic_thread_fence(memory_order_release);
	for (i = 0; i < len; i += k) {
		k = len - i < sizeof(pattern) ? len - i : sizeof(pattern);
		memcpy(to + i, pattern, k);
	}
	atomic_thread_fence(memory_order_release);
}

static unsigned stos_some(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t count)
{
	unsigned bytes = vmi_op_size(op), n;
	struct side d = destination(c, op, bytes, VMI_MEM_WRITE);
	uint8_t *to;

	n = count == 1 ? 1 : least(count, run_length(c, op, &d, bytes));
	to = n > 1 ? run_host(c, &d, n, bytes, VMI_MEM_WRITE) : NULL;
	if (to) {
		fill_run(to, c->r[VMI_RAX], (size_t)n * bytes, bytes);
		return n;
	}
	vmi_write(c, d.linear, vmi_reg(c, VMI_RAX, bytes), bytes);
	return 1;
}

void vmi_do_stos(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t count = vmi_str_count(c, op);
	unsigned n;

	while (count) {
		n = stos_some(c, op, count);
		vmi_str_step(c, op, VMI_RDI, (uint64_t)n * vmi_op_size(op));
		if (!vmi_str_did(c, op, n))
			return;
		if (vmi_element_done(c))
			vmi_again(c);
		count -= n;
	}
}

/* -- LODS --------------------------------------------------------------- */

void vmi_do_lods(struct vmi_cpu *c, const struct vmi_op *op)
{
	uint64_t count = vmi_str_count(c, op), v;
	unsigned bytes = vmi_op_size(op);

	while (count) {
		v = vmi_read(c, vmi_str_src(c, op, bytes), bytes);
		vmi_reg_set(c, VMI_RAX, v, bytes);
		vmi_str_step(c, op, VMI_RSI, bytes);
		if (!vmi_str_did(c, op, 1))
			return;
		if (vmi_element_done(c))
			vmi_again(c);
		count--;
	}
}

/* -- CMPS and SCAS ------------------------------------------------------ */

/* What was compared last: a - b. */
struct compared {
	uint64_t a, b;
	unsigned n;
};

/* Whether the comparison ends a repetition. */
static bool stops(const struct vmi_op *op, const struct compared *p)
{
	if (op->bits & VMI_OPF_REPNE)
		return p->a == p->b;
	return p->a != p->b;
}

static void set_flags(struct vmi_cpu *c, const struct compared *p,
	unsigned bytes)
{
	vmi_cc(c, VMI_CC_SUB, bytes, vmi_trunc(p->a - p->b, bytes), p->b);
}

/* An element of a run; `bytes` is a constant in callers. */
static vmi_inline uint64_t element(const uint8_t *p, unsigned bytes)
{
	uint16_t w;
	uint32_t d;
	uint64_t q;

	switch (bytes) {
	case 1:
		return *p;
	case 2:
		memcpy(&w, p, 2);
		return le16toh(w);
	case 4:
		memcpy(&d, p, 4);
		return le32toh(d);
	default:
		memcpy(&q, p, 8);
		return le64toh(q);
	}
}

/* A run: elements at a, or the constant p->a where a is NULL, against b. */
struct run {
	const uint8_t *a, *b;
	ptrdiff_t step;
	unsigned n;
	bool until_equal;
};

static vmi_inline void scan(const struct run *r, struct compared *p,
	unsigned bytes)
{
	const uint8_t *a = r->a, *b = r->b;
	uint64_t va = p->a, vb = 0;
	unsigned i;

	for (i = 0; i < r->n; ) {
		if (a)
			va = element(a + r->step * (ptrdiff_t)i, bytes);
		vb = element(b + r->step * (ptrdiff_t)i, bytes);
		i++;
		if ((va == vb) == r->until_equal)
			break;
	}
	p->a = va;
	p->b = vb;
	p->n = i;
}

static void scan_run(const struct run *r, struct compared *p, unsigned bytes)
{
	switch (bytes) {
	case 1:
		scan(r, p, 1);
		break;
	case 2:
		scan(r, p, 2);
		break;
	case 4:
		scan(r, p, 4);
		break;
	default:
		scan(r, p, 8);
		break;
	}
	atomic_thread_fence(memory_order_acquire);
}

/* The first element of a run is at its top when DF is set. */
static struct run run_from(const struct vmi_cpu *c, const struct vmi_op *op,
	unsigned n)
{
	unsigned bytes = vmi_op_size(op);
	struct run r = { .n = n,
		.step = down(c) ? -(ptrdiff_t)bytes : (ptrdiff_t)bytes,
		.until_equal = op->bits & VMI_OPF_REPNE };

	return r;
}

static const uint8_t *first_of(const struct vmi_cpu *c, const uint8_t *low,
	unsigned n, unsigned bytes)
{
	return low && down(c) ? low + (size_t)(n - 1) * bytes : low;
}

static void cmps_some(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t count, struct compared *p)
{
	unsigned bytes = vmi_op_size(op), n;
	struct side s = source(c, op, bytes);
	struct side d = destination(c, op, bytes, VMI_MEM_READ);
	struct run r;

	n = count == 1 ? 1 : least(count, run_length(c, op, &s, bytes));
	if (n > 1)
		n = least(n, run_length(c, op, &d, bytes));
	if (n > 1) {
		r = run_from(c, op, n);
		r.a = first_of(c, run_host(c, &s, n, bytes, VMI_MEM_READ), n,
			bytes);
		r.b = r.a ? first_of(c, run_host(c, &d, n, bytes,
			VMI_MEM_READ), n, bytes) : NULL;
		if (r.b) {
			scan_run(&r, p, bytes);
			return;
		}
	}
	p->a = vmi_read(c, s.linear, bytes);
	p->b = vmi_read(c, d.linear, bytes);
	p->n = 1;
}

static void scas_some(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t count, struct compared *p)
{
	unsigned bytes = vmi_op_size(op), n;
	struct side d = destination(c, op, bytes, VMI_MEM_READ);
	struct run r;

	p->a = vmi_reg(c, VMI_RAX, bytes);
	n = count == 1 ? 1 : least(count, run_length(c, op, &d, bytes));
	if (n > 1) {
		r = run_from(c, op, n);
		r.b = first_of(c, run_host(c, &d, n, bytes, VMI_MEM_READ), n,
			bytes);
		if (r.b) {
			scan_run(&r, p, bytes);
			return;
		}
	}
	p->b = vmi_read(c, d.linear, bytes);
	p->n = 1;
}

static void compare(struct vmi_cpu *c, const struct vmi_op *op, bool scas)
{
	uint64_t count = vmi_str_count(c, op), distance;
	unsigned bytes = vmi_op_size(op);
	struct compared p = { 0 };
	bool left, attention;

	while (count) {
		if (scas)
			scas_some(c, op, count, &p);
		else
			cmps_some(c, op, count, &p);
		distance = (uint64_t)p.n * bytes;
		if (!scas)
			vmi_str_step(c, op, VMI_RSI, distance);
		vmi_str_step(c, op, VMI_RDI, distance);
		left = vmi_str_did(c, op, p.n);
		if (!left || stops(op, &p)) {
			set_flags(c, &p, bytes);
			return;
		}
		attention = vmi_element_done(c);
		if (attention) {
			set_flags(c, &p, bytes);
			vmi_again(c);
		}
		count -= p.n;
	}
}

void vmi_do_cmps(struct vmi_cpu *c, const struct vmi_op *op)
{
	compare(c, op, false);
}

void vmi_do_scas(struct vmi_cpu *c, const struct vmi_op *op)
{
	compare(c, op, true);
}
