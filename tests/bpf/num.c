/* SPDX-License-Identifier: MIT */
/* What the verifier knows of numbers, against numbers. */
#include <inttypes.h>
#include <stdio.h>

#include "lib/region/bpf/alu.h"
#include "lib/region/bpf/bpf.h"
#include "lib/region/bpf/num.h"

#define ROUNDS 400000

static unsigned failures;
static uint64_t seed = 88172645463325252u;

/* Marsaglia's xorshift. */
static uint64_t random64(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Numbers near which things go wrong, more often than others. */
static uint64_t interesting(void)
{
	static const uint64_t near[] = { 0, 0, 0, 8, 64, 512, 0x7fffffff,
		0x80000000, 0xffffffff, 0x100000000, 0x7fffffffffffffff,
		0x8000000000000000, 0xffffffff80000000 };
	uint64_t r = random64();

	switch (r >> 60) {
	case 0: return random64();
	case 1: return (uint32_t)random64();
	case 2: return 1ull << (random64() & 63);
	default:
		return near[(r >> 8) % vmi_array_len(near)] + (r & 15) - 7;
	}
}

/* Something known of all of `some`. */
static struct vmi_bpf_num known_of(const uint64_t some[3])
{
	static const uint64_t u[] = { 7, 8, 100, 1ull << 40 };
	static const uint64_t s[] = { (uint64_t)-100, 7, 8, 1ull << 40 };
	const struct vmi_bpf_steps steps = { u, s, 4 };
	struct vmi_bpf_num n = vmi_bpf_num_const(some[0]), more;
	unsigned i;

	for (i = 1; i < 3; i++) {
		more = vmi_bpf_num_const(some[i]);
		n = random64() & 1 ? vmi_bpf_num_join(&n, &more) :
			vmi_bpf_num_widen(&n, &more, &steps);
		if (random64() & 1)
			vmi_bpf_num_sync(&n);
	}
	return n;
}

static void expect(bool good, const char *what, unsigned code, unsigned bits,
	uint64_t a, uint64_t b)
{
	if (good)
		return;
	if (failures++ < 20)
		printf("%s 0x%02x of %u bits: 0x%" PRIx64 ", 0x%" PRIx64 "\n",
			what, code, bits, a, b);
}

/* -- Operations --------------------------------------------------------- */

static uint64_t value(const struct vmi_bpf_operation *o, uint64_t a,
	uint64_t b)
{
	unsigned bits = o->bits;
	uint64_t v;

	a = vmi_bpf_zext(a, bits);
	b = vmi_bpf_zext(b, bits);
	switch (o->code) {
	case VMI_BPF_ADD: v = a + b; break;
	case VMI_BPF_SUB: v = a - b; break;
	case VMI_BPF_MUL: v = a * b; break;
	case VMI_BPF_DIV:
		v = o->is_signed ? vmi_bpf_sdiv(a, b, bits) :
			vmi_bpf_div(a, b, bits);
		break;
	case VMI_BPF_MOD:
		v = o->is_signed ? vmi_bpf_smod(a, b, bits) :
			vmi_bpf_mod(a, b, bits);
		break;
	case VMI_BPF_OR: v = a | b; break;
	case VMI_BPF_AND: v = a & b; break;
	case VMI_BPF_XOR: v = a ^ b; break;
	case VMI_BPF_LSH: v = vmi_bpf_lsh(a, b, bits); break;
	case VMI_BPF_RSH: v = vmi_bpf_rsh(a, b, bits); break;
	case VMI_BPF_ARSH: v = vmi_bpf_arsh(a, b, bits); break;
	default: v = b; break;
	}
	return vmi_bpf_zext(v, bits);
}

static const struct vmi_bpf_operation operations[] = {
	{ VMI_BPF_ADD, 64, false }, { VMI_BPF_SUB, 64, false },
	{ VMI_BPF_MUL, 64, false }, { VMI_BPF_DIV, 64, false },
	{ VMI_BPF_DIV, 64, true }, { VMI_BPF_MOD, 64, false },
	{ VMI_BPF_MOD, 64, true }, { VMI_BPF_OR, 64, false },
	{ VMI_BPF_AND, 64, false }, { VMI_BPF_XOR, 64, false },
	{ VMI_BPF_LSH, 64, false }, { VMI_BPF_RSH, 64, false },
	{ VMI_BPF_ARSH, 64, false }, { VMI_BPF_MOV, 64, false },
};

static void compute(const uint64_t a[3], const uint64_t b[3])
{
	struct vmi_bpf_operation o =
		operations[random64() % vmi_array_len(operations)];
	struct vmi_bpf_num of_a = known_of(a), of_b = known_of(b), n;
	unsigned i;

	if (random64() & 1)
		o.bits = 32;
	n = vmi_bpf_num_compute(&o, &of_a, &of_b);
	for (i = 0; i < 9; i++) {
		uint64_t x = a[i / 3], y = b[i % 3];

		expect(vmi_bpf_num_holds(&n, value(&o, x, y)), "operation",
			o.code, o.bits, x, y);
	}
	of_a = vmi_bpf_num_const(a[0]);
	of_b = vmi_bpf_num_const(b[0]);
	n = vmi_bpf_num_compute(&o, &of_a, &of_b);
	expect(vmi_bpf_num_is_const(&n), "constant", o.code, o.bits, a[0],
		b[0]);
}

static void extend(const uint64_t a[3])
{
	static const unsigned widths[] = { 8, 16, 32, 64 };
	unsigned bits = widths[random64() & 3], i;
	struct vmi_bpf_num n = known_of(a);
	struct vmi_bpf_num z = vmi_bpf_num_zext(&n, bits);
	struct vmi_bpf_num s = vmi_bpf_num_sext(&n, bits);
	struct vmi_bpf_num w = vmi_bpf_num_swap(&n, bits);

	for (i = 0; i < 3; i++) {
		expect(vmi_bpf_num_holds(&z, vmi_bpf_zext(a[i], bits)),
			"zero extension", 0, bits, a[i], 0);
		expect(vmi_bpf_num_holds(&s, vmi_bpf_sext(a[i], bits)),
			"sign extension", 0, bits, a[i], 0);
		expect(bits == 8 || vmi_bpf_num_holds(&w,
			vmi_bpf_swap(a[i], bits)), "swap", 0, bits, a[i], 0);
	}
}

/* -- Conditions --------------------------------------------------------- */

static bool holds(const struct vmi_bpf_condition *c, uint64_t a, uint64_t b)
{
	uint64_t ua = vmi_bpf_zext(a, c->bits), ub = vmi_bpf_zext(b, c->bits);
	uint64_t sa = vmi_bpf_sext(a, c->bits), sb = vmi_bpf_sext(b, c->bits);

	switch (c->code) {
	case VMI_BPF_JEQ: return ua == ub;
	case VMI_BPF_JNE: return ua != ub;
	case VMI_BPF_JSET: return ua & ub;
	case VMI_BPF_JGT: return ua > ub;
	case VMI_BPF_JGE: return ua >= ub;
	case VMI_BPF_JLT: return ua < ub;
	case VMI_BPF_JLE: return ua <= ub;
	case VMI_BPF_JSGT: return vmi_bpf_jsgt(sa, sb);
	case VMI_BPF_JSGE: return vmi_bpf_jsge(sa, sb);
	case VMI_BPF_JSLT: return vmi_bpf_jslt(sa, sb);
	default: return vmi_bpf_jsle(sa, sb);
	}
}

static void assume(const uint64_t a[3], const uint64_t b[3])
{
	static const uint8_t codes[] = { VMI_BPF_JEQ, VMI_BPF_JNE,
		VMI_BPF_JSET, VMI_BPF_JGT, VMI_BPF_JGE, VMI_BPF_JLT,
		VMI_BPF_JLE, VMI_BPF_JSGT, VMI_BPF_JSGE, VMI_BPF_JSLT,
		VMI_BPF_JSLE };
	struct vmi_bpf_condition c = {
		.code = codes[random64() % sizeof(codes)],
		.bits = random64() & 1 ? 64 : 32 };
	struct vmi_bpf_num of_a = known_of(a), of_b = known_of(b);
	unsigned i, k;

	if (random64() & 1)
		of_b = vmi_bpf_num_const(b[0]);
	for (k = 0; k < 2; k++) {
		struct vmi_bpf_num x = of_a, y = of_b;
		bool can;

		c.holds = k;
		can = vmi_bpf_num_assume(&c, &x, &y);
		for (i = 0; i < 9; i++) {
			if (!vmi_bpf_num_holds(&of_b, b[i % 3]) ||
				holds(&c, a[i / 3], b[i % 3]) != c.holds)
				continue;
			expect(can && vmi_bpf_num_holds(&x, a[i / 3]) &&
				vmi_bpf_num_holds(&y, b[i % 3]), "condition",
				c.code, c.bits, a[i / 3], b[i % 3]);
		}
	}
}

/* -- What has to be known, not only true -------------------------------- */

static void sharpness(void)
{
	struct vmi_bpf_num a = vmi_bpf_num_unknown();
	struct vmi_bpf_num b = vmi_bpf_num_const(8);
	struct vmi_bpf_condition c = { VMI_BPF_JLT, 32, true };
	const struct vmi_bpf_operation shift = { VMI_BPF_LSH, 64, false };
	const uint64_t step = 7;
	const struct vmi_bpf_steps steps = { &step, &step, 1 };

	/* An index: if (w < 8), r = w, r <<= 2. */
	expect(vmi_bpf_num_assume(&c, &a, &b), "sharpness", 1, 32, 0, 0);
	a = vmi_bpf_num_zext(&a, 32);
	expect(a.whole.umax == 7, "sharpness", 2, 32, a.whole.umax, 7);
	b = vmi_bpf_num_const(2);
	a = vmi_bpf_num_compute(&shift, &a, &b);
	expect(a.whole.umax == 28 && a.bits.mask == 0x1c, "sharpness", 3, 64,
		a.whole.umax, a.bits.mask);
	/* A loop's counter goes on to the step, and no further. */
	a = vmi_bpf_num_const(0);
	b = vmi_bpf_num_const(1);
	a = vmi_bpf_num_widen(&a, &b, &steps);
	expect(a.whole.umin == 0 && a.whole.umax == 7 && a.whole.smax == 7,
		"sharpness", 4, 64, a.whole.umax, 7);
	/* What cannot be is known to be so. */
	b = vmi_bpf_num_const(9);
	c = (struct vmi_bpf_condition){ VMI_BPF_JEQ, 64, true };
	expect(!vmi_bpf_num_assume(&c, &a, &b), "sharpness", 5, 64, 0, 0);
}

int main(void)
{
	uint64_t a[3], b[3];
	unsigned i, k;

	for (i = 0; i < ROUNDS; i++) {
		for (k = 0; k < 3; k++) {
			a[k] = interesting();
			b[k] = interesting();
		}
		if (i & 1)
			b[1] = b[2] = b[0];
		compute(a, b);
		assume(a, b);
		extend(a);
	}
	sharpness();
	printf("%d rounds, %u failures\n", ROUNDS, failures);
	return failures != 0;
}
