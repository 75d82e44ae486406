/* SPDX-License-Identifier: MIT */
/* The SHA extensions: SDM 1 12.14, SDM 2B, FIPS 180-4. */
#include "lib/soft/simd.h"

/* Four doublewords, [3] the topmost, as the manual numbers bits. */
struct words {
	uint32_t w[4];
};

static struct words unpack(struct vmi_xmm v)
{
	return (struct words){ { (uint32_t)v.q[0], (uint32_t)(v.q[0] >> 32),
		(uint32_t)v.q[1], (uint32_t)(v.q[1] >> 32) } };
}

static void put(struct vmi_cpu *c, const struct vmi_op *op, struct words r)
{
	vmi_simd_set(c, op, vmi_simd_pair(r.w[0] | (uint64_t)r.w[1] << 32,
		r.w[2] | (uint64_t)r.w[3] << 32));
}

static uint32_t rol(uint32_t v, unsigned n)
{
	return v << n | v >> (32 - n);
}

static uint32_t ror(uint32_t v, unsigned n)
{
	return v >> n | v << (32 - n);
}

static uint32_t choose(uint32_t x, uint32_t y, uint32_t z)
{
	return (x & y) ^ (~x & z);
}

static uint32_t majority(uint32_t x, uint32_t y, uint32_t z)
{
	return (x & y) ^ (x & z) ^ (y & z);
}

/* -- SHA-1 -------------------------------------------------------------- */

/* FIPS 180-4 4.1.1 and 4.2.1: function and constant of a group of rounds. */
static uint32_t sha1_f(unsigned group, uint32_t b, uint32_t c, uint32_t d)
{
	if (group == 0)
		return choose(b, c, d);
	return group == 2 ? majority(b, c, d) : b ^ c ^ d;
}

void vmi_do_sha1rnds4(struct vmi_cpu *c, const struct vmi_op *op)
{
	static const uint32_t constants[4] = { 0x5a827999, 0x6ed9eba1,
		0x8f1bbcdc, 0xca62c1d6 };
	struct words w = unpack(vmi_simd_src(c, op));
	struct words s = unpack(vmi_simd_dst(c, op));
	unsigned group = op->imm & 3, i;
	uint32_t e = 0, next;

	for (i = 0; i < 4; i++) {
		next = sha1_f(group, s.w[2], s.w[1], s.w[0]) +
			rol(s.w[3], 5) + w.w[3 - i] + e + constants[group];
		e = s.w[0];
		s = (struct words){ { s.w[1], rol(s.w[2], 30), s.w[3],
			next } };
	}
	put(c, op, s);
}

void vmi_do_sha1nexte(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct words r = unpack(vmi_simd_src(c, op));

	r.w[3] += rol(unpack(vmi_simd_dst(c, op)).w[3], 30);
	put(c, op, r);
}

void vmi_do_sha1msg1(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct words b = unpack(vmi_simd_src(c, op));
	struct words a = unpack(vmi_simd_dst(c, op));

	put(c, op, (struct words){ { b.w[2] ^ a.w[0], b.w[3] ^ a.w[1],
		a.w[0] ^ a.w[2], a.w[1] ^ a.w[3] } });
}

void vmi_do_sha1msg2(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct words b = unpack(vmi_simd_src(c, op));
	struct words a = unpack(vmi_simd_dst(c, op));
	uint32_t w16 = rol(a.w[3] ^ b.w[2], 1);

	put(c, op, (struct words){ { rol(a.w[0] ^ w16, 1),
		rol(a.w[1] ^ b.w[0], 1), rol(a.w[2] ^ b.w[1], 1), w16 } });
}

/* -- SHA-256: FIPS 180-4 4.1.2 ------------------------------------------ */

static uint32_t small_sigma0(uint32_t v)
{
	return ror(v, 7) ^ ror(v, 18) ^ v >> 3;
}

static uint32_t small_sigma1(uint32_t v)
{
	return ror(v, 17) ^ ror(v, 19) ^ v >> 10;
}

/* The first operand is C D G H, the second A B E F, from the top. */
void vmi_do_sha256rnds2(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct words abef = unpack(vmi_simd_src(c, op));
	struct words cdgh = unpack(vmi_simd_dst(c, op));
	struct words wk = unpack(c->fpu.xmm[0]), last;
	uint32_t a, e, t;
	unsigned i;

	for (i = 0; i < 2; i++) {
		a = abef.w[3];
		e = abef.w[1];
		t = choose(e, abef.w[0], cdgh.w[1]) + wk.w[i] + cdgh.w[0] +
			(ror(e, 6) ^ ror(e, 11) ^ ror(e, 25));
		last = abef;
		abef = (struct words){ { e, t + cdgh.w[2], a,
			t + majority(a, last.w[2], cdgh.w[3]) +
			(ror(a, 2) ^ ror(a, 13) ^ ror(a, 22)) } };
		cdgh = (struct words){ { cdgh.w[1], last.w[0], cdgh.w[3],
			last.w[2] } };
	}
	put(c, op, abef);
}

void vmi_do_sha256msg1(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct words b = unpack(vmi_simd_src(c, op));
	struct words a = unpack(vmi_simd_dst(c, op)), r = a;
	unsigned i;

	for (i = 0; i < 4; i++)
		r.w[i] += small_sigma0(i < 3 ? a.w[i + 1] : b.w[0]);
	put(c, op, r);
}

void vmi_do_sha256msg2(struct vmi_cpu *c, const struct vmi_op *op)
{
	struct words b = unpack(vmi_simd_src(c, op));
	struct words r = unpack(vmi_simd_dst(c, op));
	unsigned i;

	for (i = 0; i < 4; i++)
		r.w[i] += small_sigma1(i < 2 ? b.w[i + 2] : r.w[i - 2]);
	put(c, op, r);
}
